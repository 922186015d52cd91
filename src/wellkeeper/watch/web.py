"""A watch in a browser: the timeline, the answers of each week, and the figures as JSON.

The server is for one person on one computer. It listens on the loopback alone, and every answer, whatever its address,
wants the token that was made at its start: from the address that was printed, from then on from a cookie, or from a
program as `Authorization: Bearer`. The name in `Host` must be the loopback's, or a page elsewhere that points its own
name here could read along. Pages are drawn by functions that are handed in; none of them runs what a model wrote.
"""

import hashlib
import json
import os
import secrets
import socket
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any, TypeAlias
from urllib.parse import quote, urlencode

from wellkeeper.errors import InputError, MissingExtraError, WellkeeperError
from wellkeeper.watch.timeline import PairedOutput

if TYPE_CHECKING:
    from starlette.requests import Request
    from starlette.responses import Response
    from starlette.types import ASGIApp, Message, Receive, Scope, Send

LOOPBACK = "127.0.0.1"
"""Where the server listens."""

Document: TypeAlias = Mapping[str, Any]

_NAMES = frozenset({"127.0.0.1", "localhost", "[::1]"})  # of the loopback, in `Host`
_TOKEN_BYTES = 32
_POLICY = (
    "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self'; connect-src 'self'; base-uri 'none'; "
    "form-action 'none'; frame-ancestors 'none'"
)
# of pages that are read without a token, hence without our sheet: theirs stands inside
_NOTICE_POLICY = (
    "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'; "
    "frame-ancestors 'none'"
)
_HEADERS = {
    "x-content-type-options": "nosniff",
    "referrer-policy": "no-referrer",
    "x-frame-options": "DENY",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "cache-control": "no-store",
    "content-security-policy": _POLICY,
}


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
    try:
        from starlette.applications import Starlette
        from starlette.routing import Route
    except ImportError as error:
        raise MissingExtraError("The dashboard", extra="web") from error
    shown = _Shown(timeline=timeline, pairs=pairs, pages=pages)
    routes = [
        Route("/", shown.home),
        Route("/timeline.json", shown.document),
        Route("/weeks/{week:int}", shown.week),
        *(Route(address, shown.asset) for address in pages.assets),
    ]
    handlers = {404: shown.nowhere, 405: shown.nowhere, WellkeeperError: shown.broken, OSError: shown.broken}
    return _Gate(Starlette(routes=routes, exception_handlers=handlers), token=token, notice=pages.notice)


def new_token() -> str:
    """A token that nobody guesses."""
    return secrets.token_urlsafe(_TOKEN_BYTES)


def listen(port: int) -> socket.socket:
    """A socket on the loopback; port 0 takes any that is free.

    Raises:
        InputError: the port is taken, or not ours to take.
    """
    try:
        return socket.create_server((LOOPBACK, port))
    except OSError as error:
        why = os.strerror(error.errno) if error.errno else str(error)
        raise InputError(
            f"Port {port} cannot be used ({why}). Give another, or 0 for any that is free: --port 0"
        ) from error


def address_of(listening: socket.socket, token: str) -> str:
    """What to open in a browser."""
    return f"http://{LOOPBACK}:{listening.getsockname()[1]}/?{urlencode({'token': token})}"


def serve(application: "ASGIApp", listening: socket.socket) -> None:
    """Show it until Ctrl-C.

    Raises:
        KeyboardInterrupt: that was pressed; all requests are answered.
        MissingExtraError: uvicorn is not installed.
    """
    try:
        import uvicorn
    except ImportError as error:
        raise MissingExtraError("The dashboard", extra="web") from error
    settings = uvicorn.Config(
        application,
        log_level="warning",
        access_log=False,  # addresses hold the token once
        lifespan="off",
        server_header=False,
        timeout_graceful_shutdown=2,
    )
    uvicorn.Server(settings).run(sockets=[listening])


@dataclass(frozen=True, slots=True, kw_only=True)
class _Shown:
    """The answers to requests that passed the gate. They read files, hence run in threads."""

    timeline: Callable[[], Document]
    pairs: Callable[[int], Sequence[PairedOutput]]
    pages: Pages

    def home(self, _request: "Request") -> "Response":
        document, _, mark = self._now()
        return _html(self.pages.timeline(document, mark))

    def document(self, request: "Request") -> "Response":
        from starlette.responses import Response

        _, written, mark = self._now()
        headers = {"etag": mark, "cache-control": "no-cache, private"}
        if mark in {given.strip() for given in request.headers.get("if-none-match", "").split(",")}:
            return Response(status_code=304, headers=headers)
        return Response(written, media_type="application/json", headers=headers)

    def week(self, request: "Request") -> "Response":
        document, _, mark = self._now()
        week = int(request.path_params["week"])
        known = [row.get("number") for row in document.get("weeks", [])]
        if week not in known:
            return self._notice(404, f"There is no week {week}", _back(known))
        asked = WeekAsked(
            week=week,
            part=request.query_params.get("slice", ""),
            show=request.query_params.get("show", "all"),
            page=_whole(request.query_params.get("page", "")),
        )
        found = [plain(pair) for pair in self.pairs(week)]
        return _html(self.pages.week(document, mark, found, asked))

    def asset(self, request: "Request") -> "Response":
        from starlette.responses import Response

        media_type, content = self.pages.assets[request.url.path]
        return Response(content, media_type=media_type)

    def nowhere(self, _request: "Request", error: Exception) -> "Response":
        status = getattr(error, "status_code", 404)
        if status == 405:
            return self._notice(
                405, "Nothing can be changed here", "Open a page by its link: this server only shows."
            )
        return self._notice(
            404, "There is no such page", "Go to the first page, the address up to its first slash."
        )

    def broken(self, _request: "Request", error: Exception) -> "Response":
        said = str(error)
        if isinstance(error, OSError):
            said = f"{error.filename}: {error.strerror}. Restore the folder or its rights, then open this page again."
        return self._notice(500, "The watch cannot be read", said)

    def _now(self) -> tuple[Document, bytes, str]:
        """The document, its bytes as JSON, and their mark."""
        document = self.timeline()
        written = json.dumps(document, ensure_ascii=False, sort_keys=False).encode("utf-8", "surrogatepass")
        return json.loads(written), written, f'"{hashlib.sha256(written).hexdigest()[:32]}"'

    def _notice(self, status: int, title: str, said: str) -> "Response":
        return _html(self.pages.notice(title, said), status=status, policy=_NOTICE_POLICY)


class _Gate:
    """Lets nothing through that does not come from this computer and does not know the token."""

    def __init__(self, app: "ASGIApp", *, token: str, notice: Callable[[str, str], str]) -> None:
        self._app = app
        self._token = token.encode()
        self._notice = notice
        # cookies do not tell ports apart: two dashboards must not take each other's
        self._cookie = f"wellkeeper-{hashlib.sha256(self._token).hexdigest()[:12]}"

    async def __call__(self, scope: "Scope", receive: "Receive", send: "Send") -> None:
        if scope["type"] != "http":  # no web sockets here
            return
        from starlette.requests import Request

        request = Request(scope)
        refused = self._refused(request)
        answer: ASGIApp = self._app if refused is None else refused
        await answer(scope, receive, _guarded(send))

    def _refused(self, request: "Request") -> "Response | None":
        """The answer to who may not pass, or to who just showed the token; None: go on."""
        if _host_name(request.headers.getlist("host")) not in _NAMES:
            said = "Open the address that was printed at the start; names other than that of the loopback are refused."
            return self._page(400, "This is not the address of the watch", said)
        given = request.query_params.get("token")
        if given is not None and self._is_known(given):
            return self._welcome(request)
        scheme, _, bearer = request.headers.get("authorization", "").partition(" ")
        if scheme.lower() == "bearer" and self._is_known(bearer.strip()):
            return None
        if self._is_known(request.cookies.get(self._cookie, "")):
            return None
        said = "Open the address with the token that was printed when the server started. It changes with every start."
        return self._page(401, "This watch is not open to you", said)

    def _is_known(self, given: str) -> bool:
        return secrets.compare_digest(given.encode("utf-8", "surrogatepass"), self._token)

    def _welcome(self, request: "Request") -> "Response":
        """A page that hands out the cookie and goes on to where it was asked for, without the token in the address.

        It is no redirect: a browser that followed a link from elsewhere would not send a strict cookie along with one.
        """
        rest = urlencode(
            [(name, value) for name, value in request.query_params.multi_items() if name != "token"]
        )
        path = "/" + quote(request.scope["path"].lstrip("/"))
        response = self._page(
            200, "The watch opens", "If it does not: open this address again without its last part."
        )
        response.headers["refresh"] = f"0; url={path}{'?' + rest if rest else ''}"
        response.set_cookie(self._cookie, self._token.decode(), httponly=True, samesite="strict", path="/")
        return response

    def _page(self, status: int, title: str, said: str) -> "Response":
        return _html(self._notice(title, said), status=status, policy=_NOTICE_POLICY)


def _guarded(send: "Send") -> "Send":
    """Adds to every answer the headers that it does not have."""

    async def sending(message: "Message") -> None:
        if message["type"] == "http.response.start":
            given = {name.lower() for name, _ in message.get("headers", ())}
            missing = [
                (name.encode(), value.encode())
                for name, value in _HEADERS.items()
                if name.encode() not in given
            ]
            message = {**message, "headers": [*message.get("headers", ()), *missing]}
        await send(message)

    return sending


def _html(written: str, *, status: int = 200, policy: str = _POLICY) -> "Response":
    from starlette.responses import HTMLResponse

    # a document may hold half of a surrogate pair, which has no bytes
    content = written.encode("utf-8", "replace")
    return HTMLResponse(content, status_code=status, headers={"content-security-policy": policy})


def _host_name(given: Sequence[str]) -> str:
    """The name in `Host`, without its port; nothing where there is none or more than one."""
    if len(given) != 1:
        return ""
    name, _, port = given[0].strip().lower().rpartition(":")
    return name if name and port.isdigit() else given[0].strip().lower()


def _whole(given: str) -> int:
    """A page's number as it was asked for; 1 where that is none."""
    return int(given) if given.isascii() and given.isdigit() and len(given) < 7 else 1


def _back(known: Iterable[Any]) -> str:
    numbers = [number for number in known if isinstance(number, int)]
    if not numbers:
        return "No week has run yet. Run the first one: wellkeeper watch run DIR"
    return f"There are weeks {min(numbers)} to {max(numbers)}. Choose one on the first page."


def plain(pair: PairedOutput) -> Document:
    """A pair as JSON has it: lists, no tuples."""
    return {name: list(value) if isinstance(value, tuple) else value for name, value in asdict(pair).items()}
