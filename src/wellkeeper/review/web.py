"""A queue in a browser: one item a page, answered by a key, without a word of what would sway the reader.

Each reader has a token of their own, so that the log tells who answered. An item that waits for an answer is sent as an
`Assignment`, which has nothing to hide; what a machine and other readers say of it is read from the queue only once it
is answered. Every form works without the page's script; with it, the same addresses are asked for JSON, and the next
item is there before it is wanted. Pages are drawn by functions that are handed in.
"""

import math
import time
from collections import OrderedDict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from threading import Lock
from typing import TYPE_CHECKING, Any

from wellkeeper.engine import loopback
from wellkeeper.engine.loopback import NOWHERE, Gate, Said, gate_words, html, notice_page, whole
from wellkeeper.errors import InputError
from wellkeeper.review.item import Assignment, Revealed, Standing
from wellkeeper.review.question import Question
from wellkeeper.review.queue import LONGEST_NOTE, ReviewQueue

if TYPE_CHECKING:
    from starlette.requests import Request
    from starlette.responses import Response
    from starlette.types import ASGIApp


WHAT = "The review page"
"""What this is, to begin a message with."""

# bytes of a form: a note of 10,000 characters of 4 bytes, each byte written as %F0, and a little more
_LARGEST = 128 * 1024
_WAITING = 10_000  # showings whose beginning is remembered
_LONGEST_TEXT = 10**12  # characters
_WORDS = gate_words(
    "review",
    closed="Open your own address, which was printed when the server started: wellkeeper review serve OUT",
    elsewhere=Said(
        title="This came from another page",
        said="Answers are taken from pages of this review alone. Open your own address and answer there.",
    ),
    too_large=Said(
        title="This is too much to send",
        said=f"A note has at most {LONGEST_NOTE:,} characters. Go back, shorten the note, and answer again.",
    ),
    no_form=Said(
        title="This is no form of ours",
        said="Send the fields as application/x-www-form-urlencoded, as the page's own form does.",
    ),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class View:
    """What stands around whatever is shown."""

    reader: str
    question: Question
    standing: Standing
    last: Revealed | None  # the reader's last answer, on pages that tell of it


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """A stretch of a long text that is asked for."""

    texts: Sequence[str]
    side: int  # of the text among them, from 0
    start: int  # character
    address: str  # of this text, without where it begins
    back: str  # address of the item


@dataclass(frozen=True, slots=True, kw_only=True)
class Pages:
    """What draws the pages; each gives HTML."""

    item: Callable[[View, Assignment], str]
    alone: Callable[[Question, Assignment], str]  # the item without the page around it
    strip: Callable[[Question, Revealed | None], str]  # the last answer, above the item
    standing: Callable[[Standing], str]  # how far the reader is, in the head of a page
    done: Callable[[View], str]
    answered: Callable[[View, Revealed], str]
    part: Callable[[View, Part], str]
    guidelines: Callable[[View], str]
    help: Callable[[View], str]
    notice: Callable[[str, str], str]  # title and what is said
    assets: Mapping[str, tuple[str, bytes]]  # address -> media type and content


def reviewing(
    queue: ReviewQueue, pages: Pages, reviewers: Mapping[str, str], *, realm: str = ""
) -> "ASGIApp":
    """The application that shows a queue.

    Args:
        queue: what is asked; several threads use it at once.
        pages: what draws.
        reviewers: token -> name of the reader it was made for.
        realm: tells this queue from others that are served on this computer; empty: its tokens do.

    Raises:
        MissingExtraError: starlette is not installed.
    """
    shown = _Shown(queue=queue, pages=pages)
    application = loopback.application(
        {
            "/": shown.home,
            "/next.json": shown.ahead,
            "/standing.json": shown.standing,
            "/answered/{ticket}": shown.answered,
            "/text/{ticket}/{side}": shown.text,
            "/guidelines": shown.guidelines,
            "/help": shown.help,
        },
        forms={"/answer": shown.answer, "/skip": shown.skip, "/undo": shown.undo},
        assets=pages.assets,
        nowhere=shown.nowhere,
        broken=shown.broken,
        what=WHAT,
    )
    return Gate(
        application,
        names=reviewers,
        notice=pages.notice,
        words=_WORDS,
        realm=realm or " ".join(sorted(reviewers)),
        largest=_LARGEST,
    )


def standing_json(standing: Standing) -> dict[str, Any]:
    """A standing as a reader may see it before an answer.

    How many items wait for a third reader is not told: who is shown one next would know what it is. Nor is how many are
    settled: what does not rise after an answer was gold, a repeat, or is shown to somebody else.
    """
    return {
        "schema": "wellkeeper.review-standing/1",
        "items": standing.items,
        "answers": standing.answers,
        "mine": standing.mine,
        "left": standing.left,
        "agreement": standing.agreement,
        "seconds": standing.seconds,
    }


class _Clock:
    """When items were first shown: what counts where the page's script does not."""

    def __init__(self) -> None:
        self._since: OrderedDict[str, float] = OrderedDict()
        self._lock = Lock()

    def begin(self, ticket: str) -> None:
        with self._lock:
            self._since.setdefault(ticket, time.monotonic())
            while len(self._since) > _WAITING:
                self._since.popitem(last=False)

    def seconds(self, ticket: str, measured: str) -> float:
        """What the page measured; else the time since the item was first shown, or 0 where nobody knows."""
        try:
            found = float(measured)
        except ValueError:
            found = math.nan
        with self._lock:
            since = self._since.get(ticket)
        if math.isfinite(found) and found >= 0:
            return found
        return 0.0 if since is None else time.monotonic() - since


@dataclass(frozen=True, slots=True, kw_only=True)
class _Shown:
    """The answers to requests that passed the gate. They use the queue's file, hence run in threads."""

    queue: ReviewQueue
    pages: Pages
    clock: _Clock = field(default_factory=_Clock)

    def home(self, request: "Request") -> "Response":
        reader = _reader(request)
        found = self.queue.assign(reader)
        view = self._view(reader, last=self._last(reader, found))
        if found is None:
            return html(self.pages.done(view))
        self.clock.begin(found.ticket)
        return html(self.pages.item(view, found))

    def ahead(self, request: "Request") -> "Response":
        """The item after one, drawn, before it is wanted; nothing where there is none."""
        try:
            found = self.queue.ahead(_reader(request), request.query_params.get("ticket", ""))
        except InputError as error:
            return self._unknown(request, str(error))
        return _json(
            {
                "schema": "wellkeeper.review-next/1",
                "ticket": found.ticket if found else "",
                "html": self.pages.alone(self.queue.question, found) if found else "",
            }
        )

    def standing(self, request: "Request") -> "Response":
        return _json(self._standing(_reader(request)))

    def answer(self, request: "Request") -> "Response":
        reader, form = _reader(request), _form(request)
        ticket, label = form.get("ticket", ""), form.get("label", "")
        note = form.get("note", "").replace("\r\n", "\n").strip()
        try:
            self.queue.question.label(label)
        except InputError as error:
            return self._refused(request, 400, "This is no answer", str(error))
        if len(note) > LONGEST_NOTE:
            said = f"The note has {len(note):,} characters. Go back, shorten it to {LONGEST_NOTE:,} and answer again."
            return self._refused(request, 400, "This note is too long", said)
        seconds = self.clock.seconds(ticket, form.get("seconds", ""))
        try:
            entry = self.queue.answer(reader, ticket, label, note=note, seconds=seconds)
        except InputError as error:
            return self._unknown(request, str(error))
        if entry.told["label"] != label:
            return self._before(request, self.queue.revealed(reader, ticket))
        return self._goes_on(request, reader)

    def skip(self, request: "Request") -> "Response":
        reader = _reader(request)
        try:
            self.queue.skip(reader, _form(request).get("ticket", ""))
        except InputError as error:
            return self._unknown(request, str(error))
        return self._goes_on(request, reader)

    def undo(self, request: "Request") -> "Response":
        """Take back the last answer, if it is still the one that the page meant: a second click takes back no more."""
        reader = _reader(request)
        self.queue.undo(reader, ticket=_form(request).get("ticket", ""))
        return self._goes_on(request, reader)

    def answered(self, request: "Request") -> "Response":
        reader = _reader(request)
        found = self.queue.revealed(reader, request.path_params["ticket"])
        return (
            self._unknown(request) if found is None else html(self.pages.answered(self._view(reader), found))
        )

    def text(self, request: "Request") -> "Response":
        reader, ticket = _reader(request), request.path_params["ticket"]
        texts, back = self._texts(reader, ticket)
        side = whole(request.path_params["side"])
        if side is None or side >= len(texts):
            return self._unknown(request)
        part = Part(
            texts=texts,
            side=side,
            start=whole(request.query_params.get("from", ""), most=_LONGEST_TEXT) or 0,
            address=f"/text/{ticket}/{side}",
            back=back,
        )
        return html(self.pages.part(self._view(reader), part))

    def guidelines(self, request: "Request") -> "Response":
        return html(self.pages.guidelines(self._view(_reader(request))))

    def help(self, request: "Request") -> "Response":
        return html(self.pages.help(self._view(_reader(request))))

    def nowhere(self, request: "Request", error: Exception) -> "Response":
        status = getattr(error, "status_code", 404)
        if status == 405:
            return self._refused(
                request, 405, "This cannot be done here", "Go to the first page and use its buttons."
            )
        return self._refused(request, 404, NOWHERE.title, NOWHERE.said)

    def broken(self, request: "Request", error: Exception) -> "Response":
        return self._refused(request, 500, "The queue cannot be used", loopback.told_of(error, "file"))

    def _view(self, reader: str, *, last: Revealed | None = None) -> View:
        queue = self.queue
        return View(reader=reader, question=queue.question, standing=queue.standing(reader), last=last)

    def _last(self, reader: str, found: Assignment | None) -> Revealed | None:
        """The reader's last answer; nothing while the same is asked once more, as at the end of a short queue."""
        last = self.queue.last(reader)
        is_again = last is not None and found is not None and last.mine.shown == found.shown
        return None if is_again else last

    def _standing(self, reader: str) -> dict[str, Any]:
        found = self.queue.standing(reader)
        return standing_json(found) | {"html": self.pages.standing(found)}

    def _texts(self, reader: str, ticket: str) -> tuple[Sequence[str], str]:
        """The texts of what is in front of a reader or answered by them, and its address; no texts: neither is."""
        found = self.queue.assign(reader)
        if found is not None and found.ticket == ticket:
            return found.texts, "/"
        answered = self.queue.revealed(reader, ticket)
        if answered is not None:
            return answered.texts, f"/answered/{ticket}"
        after = self.queue.ahead(reader, found.ticket) if found is not None else None
        return (after.texts, "/") if after is not None and after.ticket == ticket else ((), "")

    def _goes_on(self, request: "Request", reader: str) -> "Response":
        """To the next item: a page that sent a form is led there, a script is told what changed."""
        if not _wants_json(request):
            from starlette.responses import RedirectResponse

            return RedirectResponse("/", status_code=303)
        found = self.queue.assign(reader)
        if found is not None:
            self.clock.begin(found.ticket)
        last = self._last(reader, found)
        return _json(
            {
                "schema": "wellkeeper.review-answer/1",
                "next": found.ticket if found else "",
                "revealed": None if last is None else _revealed_json(last),
                "strip": self.pages.strip(self.queue.question, last),
                "standing": self._standing(reader),
            }
        )

    def _before(self, request: "Request", found: Revealed | None) -> "Response":
        """To who answers an item anew on a page that was left open: the log holds their first answer."""
        said = "You took back what you had said of it. Answer it on the first page, where it is shown again."
        if found is not None:
            says = self.queue.question.label(found.mine.label).says
            following = "Undo it to give another." if found.can_undo else "Go on with what is shown next."
            said = f"You had answered it already: {says}. That answer stands. {following}"
        return self._refused(request, 409, "This was answered before", said)

    def _unknown(self, request: "Request", said: str = "") -> "Response":
        said = said or "It was shown to another reader, or not yet to you. Go back to the first page."
        return self._refused(request, 404, "There is no such item for you", said)

    def _refused(self, request: "Request", status: int, title: str, said: str) -> "Response":
        if _wants_json(request):
            return _json(
                {"schema": "wellkeeper.review-refused/1", "title": title, "said": said}, status=status
            )
        return notice_page(self.pages.notice(title, said), status=status)


def _reader(request: "Request") -> str:
    return str(request.scope["reader"])


def _form(request: "Request") -> Mapping[str, str]:
    found: Mapping[str, str] = request.scope.get("form", {})
    return found


def _wants_json(request: "Request") -> bool:
    return "application/json" in request.headers.get("accept", "")


def _revealed_json(revealed: Revealed) -> dict[str, Any]:
    """What a reader may know of what they answered, for a program."""
    return {
        "ticket": revealed.ticket,
        "label": revealed.mine.label,
        "others": [{"reader": other.reviewer, "label": other.label} for other in revealed.others],
        "facts": dict(revealed.hidden.facts),
        "marks": [
            {"text": mark.text, "start": mark.start, "end": mark.end, "says": mark.says}
            for mark in revealed.hidden.marks
        ],
    }


def _json(document: Mapping[str, Any], *, status: int = 200) -> "Response":
    import json

    from starlette.responses import Response

    # escapes alone: a text may hold half of a surrogate pair, which has no bytes
    return Response(
        json.dumps(document, ensure_ascii=True), status_code=status, media_type="application/json"
    )
