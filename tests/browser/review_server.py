"""The server of a review for tests in a browser: in a thread of the test, or as the command, which can be killed."""

import json
import os
import re
import signal
import subprocess
import sys

from thread_server import ThreadServer

from wellkeeper.recipe.reviewing import served_pages
from wellkeeper.review.item import Hidden, Item, Mark, Place, Placed, Settings, pool_of
from wellkeeper.review.question import QUESTIONS
from wellkeeper.review.queue import ReviewQueue
from wellkeeper.review.web import reviewing

ALICE, BOB, CAROL = "the-token-of-alice", "the-token-of-bob", "the-token-of-carol"
NAMES = {ALICE: "alice", BOB: "bob", CAROL: "carol"}
SECRETS = ("id", "source", "decision", "mark", "fact", "place", "gold")
"""What each item hides; `secret` names it."""


def secret(kind, number):
    return f"secret{kind}{number:02d}x"


def number_of(item):
    """The number of an item by its id."""
    return int(item.removeprefix("secretid").removesuffix("x"))


def texts(number):
    words = " ".join(f"word{number}{letter}" for letter in "abcdefghijklmnopqrstuvwxyz")
    return f"Text number {number} begins here. {words}"


def placed(number, *, text=None, other=None, readers=1, kind="origin"):
    """An item with something to hide in every field."""
    shown = (texts(number) if text is None else text, *(() if other is None else (other,)))
    item = Item(
        id=secret("id", number),
        texts=shown,
        places=tuple(
            Place(row=7_000_000 + number, id=secret("place", number), content_hash=f"{number:064x}")
            for _ in shown
        ),
        hidden=Hidden(
            facts={"source": secret("source", number), "decision": secret("decision", number)},
            marks=(Mark(text=0, start=0, end=4, says=secret("mark", number)),),
        ),
        facts={"note": secret("fact", number)},
        score=0.123456789 + number * 1e-6,
        value=9.87654321 + number * 1e-6,
    )
    return Placed(item=item, readers=readers, rank=number if number % 3 == 0 else None)


def queue_of(path, items, *, kind="origin", **settings):
    """A queue of these items."""
    ReviewQueue.create(
        path,
        question=QUESTIONS[kind],
        placed=items,
        pool=pool_of([one.item.score for one in items]),
        settings=Settings(**settings),
        about={
            "from": kind,
            "folder": "set",
            "seal": "",
            "made_at": "2026-11-22T00:00:00Z",
            "version": "0.1.0",
        },
    )
    return path


class Threaded(ThreadServer):
    """A review served by a thread; `answers` holds all that it sent, and who had answered what by then."""

    def __init__(self, uvicorn, path, names=NAMES):
        self.queue = ReviewQueue(path)
        self.sent, self.statuses = [], []
        super().__init__(uvicorn, self.recording(reviewing(self.queue, served_pages(), names)))
        self.base = self.address(ALICE).partition("?")[0]

    def recording(self, application):
        async def recorded(scope, receive, send):
            parts = []

            async def sending(message):
                if "status" in message:
                    self.statuses.append((scope["path"], message["status"]))
                parts.append(repr(message.get("headers", "")).encode() + message.get("body", b""))
                await send(message)

            await application(scope, receive, sending)
            if scope["type"] == "http":
                reader = scope.get("reader", "")
                known = {
                    entry.told["item"]
                    for entry in self.queue.log()
                    if entry.act == "answer" and entry.reviewer == reader
                }
                self.sent.append((scope["path"], known, b"".join(parts).decode("utf-8", "replace")))

        return recorded

    def close(self):
        super().close()
        self.queue.__exit__(None, None, None)


class Command:
    """`wellkeeper review serve FILE`, which can be killed and started again."""

    def __init__(self, path, *, reviewers=("alice",), port=0):
        self.path, self.reviewers, self.port = path, reviewers, port
        self.start()

    def start(self):
        names = [word for name in self.reviewers for word in ("--reviewer", name)]
        self.process = subprocess.Popen(
            [
                sys.executable,
                "-m",
                "wellkeeper",
                "review",
                "serve",
                str(self.path),
                "--port",
                str(self.port),
                *names,
                "--json",
            ],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env={**os.environ, "OPENBLAS_NUM_THREADS": "1"},
        )
        lines = []
        for line in self.process.stdout:
            lines.append(line)
            if line.rstrip() == "}":
                break
        told = json.loads("".join(lines) or self.process.stderr.read())
        self.addresses = [one["address"] for one in told["reviewers"]]
        self.port = int(re.search(r":(\d+)/", self.addresses[0])[1])

    def kill(self):
        self.process.send_signal(signal.SIGKILL)
        self.end()

    def close(self):
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGINT)
        self.end()

    def end(self):
        self.process.wait(30)
        self.process.stdout.close()
        self.process.stderr.close()
