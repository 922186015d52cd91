"""The queue of a result: where it lies, how it is opened, and its page in a browser.

A queue lies beside the result that it asks about, since a file inside would break the result's seal. Beside the queue
lie the links of its readers, which its owner alone may read: with them a server that is started again answers at the
same addresses, and a page that was left open goes on.
"""

import getpass
import json
import os
import signal
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any
from uuid import uuid4

from wellkeeper.engine import loopback
from wellkeeper.errors import InputError, WorkError
from wellkeeper.report import review_page
from wellkeeper.review.item import Assignment, Revealed
from wellkeeper.review.queue import ReviewQueue
from wellkeeper.review.web import WHAT, Pages, Part, View, reviewing, standing_json

if TYPE_CHECKING:
    import socket
    from types import FrameType

SUFFIX = "-review.sqlite"
"""Ends the name of a queue; before it stands that of the result's folder."""
DECIDED = "-decided.sqlite"
"""Likewise of the file with what a steward decided of single documents (`wellkeeper.recipe.deciding`)."""

_LINKS = ".links.json"
_SCHEMA = "wellkeeper.review-links/1"
_READER = "reader"  # where the system knows no name


def queue_path(result: str | Path) -> Path:
    """Where the queue of a result lies; a queue's own file is itself."""
    path = Path(result)
    if path.is_file() or path.suffix == Path(SUFFIX).suffix:
        return path
    return _beside(path, SUFFIX)


def decided_path(folder: str | Path) -> Path:
    """Where lies what a steward decided of documents of a set."""
    return _beside(Path(folder), DECIDED)


def _beside(path: Path, suffix: str) -> Path:
    path = path if path.name else path.resolve()
    return path.with_name(path.name + suffix)


def open_queue(result: str | Path) -> ReviewQueue:
    """The queue of a result's folder, or of its own file.

    Raises:
        InputError: neither is there, the result has no queue yet, or the file is no queue of this version.
        WorkError: it cannot be opened.
    """
    path = queue_path(result)
    if not path.exists():
        if Path(result).is_dir():
            raise InputError(
                f"{result} has no review queue: {path} is not there. Make one: wellkeeper review init {result}"
            )
        raise InputError(
            f"There is neither a result nor a review queue at {result}. Check the path; a queue is made from a result: "
            "wellkeeper review init RESULT"
        )
    queue = ReviewQueue(path)
    if queue.question.kind == "documents":
        queue.close()
        raise InputError(
            f"{path} holds what a steward decided of single documents, and asks nothing. Give the queue beside it, or "
            "apply it: wellkeeper review apply OUT"
        )
    return queue


def serve_queue(
    result: str | Path,
    *,
    reviewers: Sequence[str] = (),
    port: int = 0,
    told: Callable[[Sequence[tuple[str, str]]], None],
) -> None:
    """Show a queue in browsers of this computer, each reader at an address of their own, until Ctrl-C or SIGTERM.

    Args:
        result: folder of a result, or the file of a queue.
        reviewers: names of the readers; none: those of the last time, or else who is logged in.
        port: on this computer; 0: that of the last time if it is free, or else any.
        told: is given the name and the address of each reader once the server listens.

    Raises:
        InputError: there is no queue, a name is none, or the port is taken.
        MissingExtraError: starlette or uvicorn is not installed.
        WorkError: the links cannot be kept.
    """
    with open_queue(result) as queue:
        links = queue.path.with_name(queue.path.name + _LINKS)
        last_port, known = _read_links(links)
        names = tuple(dict.fromkeys(queue.meet(name) for name in reviewers or known or (login_name(),)))
        loopback.require(WHAT)
        tokens = {name: known.get(name) or loopback.new_token() for name in names}
        application = reviewing(
            queue,
            served_pages(),
            {token: name for name, token in tokens.items()},
            realm=str(queue.path.resolve()),
        )
        with _listening(port, last_port) as listening:
            _write_links(links, listening.getsockname()[1], {**known, **tokens})
            with _ended_by_sigterm(), suppress(KeyboardInterrupt):
                told([(name, loopback.address_of(listening, token)) for name, token in tokens.items()])
                loopback.serve(application, listening, what=WHAT)


def served_pages() -> Pages:
    """What draws the pages of a review."""
    return Pages(
        item=lambda view, shown: review_page.render_item(_view(view), _shown(shown)),
        alone=lambda question, shown: review_page.render_alone(question.to_json(), _shown(shown)),
        strip=lambda question, last: review_page.render_strip(question.to_json(), _revealed(last)),
        standing=lambda standing: review_page.render_standing(standing_json(standing)),
        done=lambda view: review_page.render_done(_view(view, settled=view.standing.settled)),
        answered=lambda view, found: review_page.render_answered(_view(view), _revealed(found) or {}),
        part=lambda view, part: review_page.render_part(_view(view), _part(part)),
        guidelines=lambda view: review_page.render_guidelines(_view(view)),
        help=lambda view: review_page.render_help(_view(view)),
        notice=review_page.render_notice,
        assets=review_page.assets(),
    )


def _listening(port: int, last: int) -> "socket.socket":
    return loopback.listen(port) if port else loopback.listen_again([last] if last else [])


def login_name() -> str:
    """Who is logged in, as a name for the log."""
    try:
        return getpass.getuser()
    except (OSError, KeyError, ImportError):  # a user without a name, such as in a container
        return _READER


def _read_links(path: Path) -> tuple[int, Mapping[str, str]]:
    """Port of the last time and token of each reader; nothing where the file is not ours, and then they are new."""
    try:
        stored = json.loads(path.read_bytes())
    except (OSError, ValueError):
        return 0, {}
    if not isinstance(stored, dict) or stored.get("schema") != _SCHEMA:
        return 0, {}
    port, readers = stored.get("port"), stored.get("readers")
    known = readers if isinstance(readers, dict) else {}
    return (
        port if type(port) is int and 0 < port < 65536 else 0,
        {name: token for name, token in known.items() if isinstance(token, str) and len(token) >= 32},
    )


def _write_links(path: Path, port: int, tokens: Mapping[str, str]) -> None:
    """Keep the links for the next time, readable by their owner alone from the first byte on.

    Raises:
        WorkError: they cannot be written.
    """
    stored = json.dumps({"schema": _SCHEMA, "port": port, "readers": dict(tokens)}, indent=1).encode()
    temporary = path.with_name(f".{path.name}.{uuid4().hex}.tmp")
    try:
        with os.fdopen(os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
            file.write(stored)
        temporary.replace(path)
    except OSError as error:
        with suppress(OSError):
            temporary.unlink()
        raise WorkError(
            f"{path} cannot be written ({error.strerror}). Check the rights of the folder and the space on the disk, "
            "then run the same command again."
        ) from error


@contextmanager
def _ended_by_sigterm() -> Iterator[None]:
    """Inside, SIGTERM ends as Ctrl-C does. Threads other than the first leave signals alone."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return

    def end(_signal: int, _frame: "FrameType | None") -> None:
        raise KeyboardInterrupt

    before = signal.signal(signal.SIGTERM, end)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


def _view(view: View, **more: int) -> dict[str, Any]:
    return {
        "reader": view.reader,
        "question": view.question.to_json(),
        "standing": standing_json(view.standing) | more,
        "last": _revealed(view.last),
    }


def _shown(shown: Assignment) -> dict[str, Any]:
    return {"ticket": shown.ticket, "texts": list(shown.texts), "prompt": shown.prompt}


def _revealed(revealed: Revealed | None) -> dict[str, Any] | None:
    if revealed is None:
        return None
    told = asdict(revealed)
    told["hidden"]["marks"] = list(told["hidden"]["marks"])
    return told | {"texts": list(revealed.texts), "others": list(told["others"])}


def _part(part: Part) -> dict[str, Any]:
    return {
        "texts": list(part.texts),
        "side": part.side,
        "start": part.start,
        "address": part.address,
        "back": part.back,
    }
