"""Small queues of texts that read like real ones, and the addresses that they are served at."""

import hashlib
import urllib.parse
from dataclasses import replace

from wellkeeper.review.item import Hidden, Item, Mark, Place, Placed, Settings, pool_of
from wellkeeper.review.question import QUESTIONS
from wellkeeper.review.queue import ReviewQueue

NOW = 1_795_000_000.0
"""Seconds since 1970: a day in November 2026."""

TEXTS = (
    "The boiler man came at eight, said the valve was from 1974, and left with my good screwdriver.",
    "In today's fast-paced world, choosing the right boiler is more important than ever. Let us explore why.",
    "Third day of rain. The cellar pump trips the breaker if the kettle is on, so we drink cold coffee.",
    "There are several factors to consider: budget, space, and personal preference. Each has its own benefits.",
    "Übrigens: der Bäcker in der Löwengasse schließt zum 1. März. Schade um die Mohnschnecken.",
    "As an AI language model, I do not have personal experiences, but many people enjoy walking by the sea.",
    "Nan's recipe says 'a hot oven' and nothing else. I took 210 and the bottoms burned. 190 next time.",
    "In conclusion, gardening offers a rewarding way to connect with nature, reduce stress, and stay active.",
)
PROMPTS = ("How do I bleed a radiator?", "What is 17 times 23?", "Name the capital of Australia.")


def items(kind="origin", size=12, *, gold=0):
    """Items of one kind; the last `gold` of them have a known label."""
    labels = [label.name for label in QUESTIONS[kind].labels]
    found = []
    for at in range(size):
        first = f"{TEXTS[at % len(TEXTS)]} (No. {at})"
        pair = kind in {"duplicates", "compare"}
        texts = (first, first.replace("No.", "Nr.") if kind == "duplicates" else TEXTS[(at + 3) % len(TEXTS)])
        texts = texts if pair else texts[:1]
        places = tuple(
            Place(
                row=2 * at + side,
                id=f"doc-{2 * at + side}",
                content_hash=hashlib.sha256(text.encode()).hexdigest(),
            )
            for side, text in enumerate(texts)
        )
        found.append(
            Item(
                id=f"item-{at}",
                texts=texts,
                prompt=PROMPTS[at % len(PROMPTS)] if kind in {"vet", "compare"} else "",
                places=() if kind in {"vet", "compare"} else places,
                hidden=Hidden(
                    facts={"source": f"forum-{at % 3}", "decision": "keep" if at % 2 else "review"},
                    marks=(Mark(text=0, start=0, end=12, says="a phrase that models like"),),
                ),
                facts={"first": "AB"[at % 2]} if kind == "compare" else {"row": str(at)},
                score=(at * 37 % 100) / 100,
                value=float(size - at),
                gold=labels[at % 2] if at >= size - gold else "",
            )
        )
    return found


def make_queue(
    tmp_path,
    kind="origin",
    size=12,
    *,
    overlap=0,
    repeated=0,
    gold=0,
    random=4,
    name="review.sqlite",
    about=None,
    **settings,
):
    """A queue of `size` items, gold among them at its end; the path of its file.

    `overlap`: how many of the first items two people look at. `repeated`: how many of the first are shown twice.
    `random`: every so-manieth item was put in by chance. Other names are those of `Settings`.
    """
    found = items(kind, size, gold=gold)
    placed = [
        Placed(
            item=item,
            rank=at // random if random and not at % random and not item.gold else None,
            readers=2 if at < overlap else 1,
            repeated=at < repeated,
        )
        for at, item in enumerate(found)
    ]
    path = tmp_path / name
    ReviewQueue.create(
        path,
        question=QUESTIONS[kind],
        placed=placed,
        pool=pool_of(
            [item.score for item in found if not item.gold], note="All documents that were made up for this."
        ),
        settings=replace(Settings(), **settings),
        about={"from": kind, "folder": "out", "seal": "", "made_at": "2026-11-22T10:00:00+00:00"}
        | (about or {}),
        now=NOW,
    )
    return path


def but_for_the_port(addresses):
    """Who has which address, without its port: another program may have taken that in the meantime."""
    parts = {name: urllib.parse.urlsplit(address) for name, address in addresses.items()}
    return {name: found._replace(netloc=found.hostname) for name, found in parts.items()}
