"""A watch in a browser: the timeline, the answers of each week, and the figures as JSON.

The server is for one person on one computer, behind the gate of `engine.loopback`: nothing is shown without the token
that was made at its start, and nothing can be sent. Pages are drawn by functions that are handed in; none of them runs
what a model wrote.
"""

import hashlib
import json
import socket
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any, TypeAlias

from wellkeeper.engine import loopback
from wellkeeper.engine.loopback import (
    NOWHERE,
    Gate,
    address_of,
    gate_words,
    html,
    listen,
    new_token,
    notice_page,
)
from wellkeeper.watch.timeline import PairedOutput

if TYPE_CHECKING:
    from starlette.requests import Request
    from starlette.responses import Response
    from starlette.types import ASGIApp

__all__ = [
    "Pages",
    "WeekAsked",
    "address_of",
    "dashboard",
    "listen",
    "new_token",
    "plain",
    "serve",
]

_WHAT = "The dashboard"
_NAMED = 20  # characters of what was asked for, in a message
_WORDS = gate_words(
    "watch",
    closed="Open the address with the token that was printed when the server started. It changes with every start.",
)

Document: TypeAlias = Mapping[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class WeekAsked:
    """What of a week is asked for."""

    week: int
    part: str = ""  # name of a slice; "": all items
    show: str = "all"  # or lost, or gained
    page: int = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Pages:
    """What draws the pages. The mark is that of the document; a page looks by it whether the watch has grown."""

    timeline: Callable[[Document, str], str]  # document and mark -> HTML
    week: Callable[[Document, str, Sequence[Document], WeekAsked], str]
    notice: Callable[[str, str], str]  # title and what is said -> HTML
    assets: Mapping[str, tuple[str, bytes]]  # address -> media type and content


def dashboard(
    timeline: Callable[[], Document],
    pairs: Callable[[int], Sequence[PairedOutput]],
    *,
    pages: Pages,
    token: str,
) -> "ASGIApp":
    """The application that shows a watch.

    Args:
        timeline: gives the document of schema `wellkeeper.watch/1` as it is now; called anew for every page.
        pairs: gives what was answered in one week.
        pages: what draws.
        token: without it nothing is shown.

    Raises:
        MissingExtraError: starlette is not installed.
    """
    shown = _Shown(timeline=timeline, pairs=pairs, pages=pages)
    application = loopback.application(
        {"/": shown.home, "/timeline.json": shown.document, "/weeks/{week}": shown.week},
        assets=pages.assets,
        nowhere=shown.nowhere,
        broken=shown.broken,
        what=_WHAT,
    )
    return Gate(application, names={token: ""}, notice=pages.notice, words=_WORDS, realm=token)


def serve(application: "ASGIApp", listening: socket.socket) -> None:
    """Show it until Ctrl-C.

    Raises:
        KeyboardInterrupt: that was pressed; all requests are answered.
        MissingExtraError: uvicorn is not installed.
    """
    loopback.serve(application, listening, what=_WHAT)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Shown:
    """The answers to requests that passed the gate. They read files, hence run in threads."""

    timeline: Callable[[], Document]
    pairs: Callable[[int], Sequence[PairedOutput]]
    pages: Pages

    def home(self, _request: "Request") -> "Response":
        document, _, mark = self._now()
        return html(self.pages.timeline(document, mark))

    def document(self, request: "Request") -> "Response":
        from starlette.responses import Response

        _, written, mark = self._now()
        headers = {"etag": mark, "cache-control": "no-cache, private"}
        if mark in {given.strip() for given in request.headers.get("if-none-match", "").split(",")}:
            return Response(status_code=304, headers=headers)
        return Response(written, media_type="application/json", headers=headers)

    def week(self, request: "Request") -> "Response":
        document, _, mark = self._now()
        given = request.path_params["week"]
        week = loopback.whole(given)
        known = [row.get("number") for row in document.get("weeks", [])]
        if week is None or week not in known:
            return self._notice(404, f"There is no week {given[:_NAMED]}", _back(known))
        asked = WeekAsked(
            week=week,
            part=request.query_params.get("slice", ""),
            show=request.query_params.get("show", "all"),
            page=loopback.whole(request.query_params.get("page", "")) or 1,
        )
        found = [plain(pair) for pair in self.pairs(week)]
        return html(self.pages.week(document, mark, found, asked))

    def nowhere(self, _request: "Request", error: Exception) -> "Response":
        status = getattr(error, "status_code", 404)
        if status == 405:
            return self._notice(
                405, "Nothing can be changed here", "Open a page by its link: this server only shows."
            )
        return self._notice(404, NOWHERE.title, NOWHERE.said)

    def broken(self, _request: "Request", error: Exception) -> "Response":
        return self._notice(500, "The watch cannot be read", loopback.told_of(error, "folder"))

    def _now(self) -> tuple[Document, bytes, str]:
        """The document, its bytes as JSON, and their mark."""
        document = self.timeline()
        written = json.dumps(document, ensure_ascii=False, sort_keys=False).encode("utf-8", "surrogatepass")
        return json.loads(written), written, f'"{hashlib.sha256(written).hexdigest()[:32]}"'

    def _notice(self, status: int, title: str, said: str) -> "Response":
        return notice_page(self.pages.notice(title, said), status=status)


def _back(known: Iterable[Any]) -> str:
    numbers = [number for number in known if isinstance(number, int)]
    if not numbers:
        return "No week has run yet. Run the first one: wellkeeper watch run DIR"
    return f"There are weeks {min(numbers)} to {max(numbers)}. Choose one on the first page."


def plain(pair: PairedOutput) -> Document:
    """A pair as JSON has it: lists, no tuples."""
    return {name: list(value) if isinstance(value, tuple) else value for name, value in asdict(pair).items()}
