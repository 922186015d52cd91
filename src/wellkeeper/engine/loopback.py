"""A small web server for people at one computer: who may see it, who may send to it, and what every answer carries.

It listens on the loopback alone, and every answer, whatever its address, wants a token that was made for a person: from
the address that was printed, from then on from a cookie, or from a program as `Authorization: Bearer`. The name in
`Host` must be the loopback's, or a page elsewhere that points its own name here could read along. Where forms may be
sent, a page elsewhere cannot send one: a browser says where a request comes from, in `Origin` and `Sec-Fetch-Site` [1],
and a page cannot change what it says.

[1] W3C, Fetch Metadata Request Headers: https://www.w3.org/TR/fetch-metadata/
"""

import hashlib
import os
import secrets
import socket
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeAlias
from urllib.parse import parse_qsl, quote, urlencode

from wellkeeper.errors import InputError, MissingExtraError, WellkeeperError

if TYPE_CHECKING:
    from starlette.requests import Request
    from starlette.responses import Response
    from starlette.types import ASGIApp, Message, Receive, Scope, Send

LOOPBACK = "127.0.0.1"
"""Where a server listens."""

Notice: TypeAlias = Callable[[str, str], str]
"""Draws a page that is read without a token, with its sheet inside: title and what is said -> HTML."""

_NAMES = frozenset({"127.0.0.1", "localhost", "[::1]"})  # of the loopback, in `Host`
_TOKEN_BYTES = 32
_FIELDS = 50  # of a form
_READING = frozenset({"GET", "HEAD"})
_FORM = "application/x-www-form-urlencoded"
_POLICY = (
    "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self'; connect-src 'self'; base-uri 'none'; "
    "form-action {forms}; frame-ancestors 'none'"
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
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Said:
    """A title and what is said beneath it."""

    title: str
    said: str


@dataclass(frozen=True, slots=True, kw_only=True)
class GateWords:
    """What is said at the gate; each ends with what to do next."""

    misnamed: Said  # 400: another name than the loopback's
    closed: Said  # 401: no token
    opens: Said  # 200: the token was right, and the page goes on
    elsewhere: Said = Said(title="", said="")  # 403: a page elsewhere sent this
    too_large: Said = Said(title="", said="")  # 413
    no_form: Said = Said(title="", said="")  # 415


NOWHERE = Said(title="There is no such page", said="Go to the first page, the address up to its first slash.")
"""What is said where nothing is, behind the gate."""


def gate_words(shown: str, *, closed: str, **forms: Said) -> GateWords:
    """What is said at the gate of a server that shows one thing.

    Args:
        shown: that thing, in a word.
        closed: where the address with a token is found.
        forms: what else is said where forms may be sent: fields of `GateWords`.
    """
    return GateWords(
        misnamed=Said(
            title=f"This is not the address of the {shown}",
            said="Open the address that was printed at the start; names other than that of the loopback are refused.",
        ),
        closed=Said(title=f"This {shown} is not open to you", said=closed),
        opens=Said(
            title=f"The {shown} opens",
            said="If it does not: open this address again without its last part.",
        ),
        **forms,
    )


class Gate:
    """Lets nothing through that does not come from this computer and does not know a token.

    Who it is stands in the scope as `reader`. Where forms may be sent, their fields stand there as `form`, the last of
    one name; the application behind need not read the body.
    """

    def __init__(
        self,
        app: "ASGIApp",
        *,
        names: Mapping[str, str],
        notice: Notice,
        words: GateWords,
        realm: str,
        largest: int = 0,
    ) -> None:
        """Stand before an application.

        Args:
            app: what is behind.
            names: token -> name of the person it was made for.
            notice: draws what is said here.
            words: what is said.
            realm: what tells this server from others of this computer, whose cookies must not be mixed up: cookies do
                not tell ports apart. A browser is one person at a time in a realm, whoever opened it last.
            largest: bytes that a form may have; 0: the application takes none, and answers such requests itself.
        """
        self._app = app
        self._names = {token.encode(): name for token, name in names.items()}
        self._notice = notice
        self._words = words
        self._cookie = f"wellkeeper-{hashlib.sha256(realm.encode()).hexdigest()[:12]}"
        self._largest = largest
        # where nothing is sent, no request needs to say whence; with no-referrer, a form would say `Origin: null` [1]
        self._headers = {
            **_HEADERS,
            "content-security-policy": _POLICY.format(forms="'self'" if largest else "'none'"),
            **({"referrer-policy": "same-origin"} if largest else {}),
        }

    async def __call__(self, scope: "Scope", receive: "Receive", send: "Send") -> None:
        if scope["type"] != "http":  # no web sockets here
            return
        from starlette.requests import Request

        request = Request(scope, receive)
        answer, reader = self._passes(request)
        if answer is None and self._largest and request.method not in _READING:
            form = await self._form(request)
            if isinstance(form, Mapping):
                scope["form"] = form
            else:
                answer = form
        scope["reader"] = reader
        await (self._app if answer is None else answer)(scope, receive, self._guarded(send))

    def _passes(self, request: "Request") -> "tuple[Response | None, str]":
        """The answer to who may not pass, or to who just showed a token, and who it is; no answer: go on."""
        if _host_name(request.headers.getlist("host")) not in _NAMES:
            return self._page(400, self._words.misnamed), ""
        # what is sent is never answered by this page: whoever sent it would take it for done
        given = request.query_params.get("token") if request.method in _READING else None
        if given is not None and (name := self._name_of(given)) is not None:
            return self._welcome(request, given), name
        scheme, _, bearer = request.headers.get("authorization", "").partition(" ")
        if scheme.lower() == "bearer" and (name := self._name_of(bearer.strip())) is not None:
            return None, name
        name = self._name_of(request.cookies.get(self._cookie, ""))
        if name is None:
            return self._page(401, self._words.closed), ""
        if self._largest and request.method not in _READING and not _is_own(request):
            return self._page(403, self._words.elsewhere), name
        return None, name

    def _name_of(self, given: str) -> str | None:
        """Whose token it is. All are compared, so that the time it takes tells nothing."""
        written = given.encode("utf-8", "surrogatepass")
        found = [name for token, name in self._names.items() if secrets.compare_digest(written, token)]
        return found[0] if found else None

    def _welcome(self, request: "Request", token: str) -> "Response":
        """A page that hands out the cookie and goes on to where it was asked for, without the token in the address.

        It is no redirect: a browser that followed a link from elsewhere would not send a strict cookie along with one.
        """
        rest = urlencode(
            [(name, value) for name, value in request.query_params.multi_items() if name != "token"]
        )
        path = "/" + quote(request.scope["path"].lstrip("/"))
        response = self._page(200, self._words.opens)
        response.headers["refresh"] = f"0; url={path}{'?' + rest if rest else ''}"
        response.set_cookie(self._cookie, token, httponly=True, samesite="strict", path="/")
        return response

    async def _form(self, request: "Request") -> "Mapping[str, str] | Response":
        """The fields that were sent, or the answer to what is no form or too large."""
        if request.headers.get("content-type", _FORM).partition(";")[0].strip().lower() != _FORM:
            return self._page(415, self._words.no_form)
        length = request.headers.get("content-length", "0")
        if length.isascii() and length.isdigit() and int(length) > self._largest:
            return self._page(413, self._words.too_large)
        body = bytearray()
        async for part in request.stream():
            body += part
            if len(body) > self._largest:
                return self._page(413, self._words.too_large)
        try:
            return dict(parse_qsl(body.decode("ascii"), keep_blank_values=True, max_num_fields=_FIELDS))
        except ValueError:  # not ASCII, or too many fields
            return self._page(415, self._words.no_form)

    def _page(self, status: int, words: Said) -> "Response":
        return notice_page(self._notice(words.title, words.said), status=status)

    def _guarded(self, send: "Send") -> "Send":
        """Adds to every answer the headers that it does not have."""

        async def sending(message: "Message") -> None:
            if message["type"] == "http.response.start":
                given = {name.lower() for name, _ in message.get("headers", ())}
                missing = [
                    (name.encode(), value.encode())
                    for name, value in self._headers.items()
                    if name.encode() not in given
                ]
                message = {**message, "headers": [*message.get("headers", ()), *missing]}
            await send(message)

        return sending


def application(
    pages: "Mapping[str, Callable[[Request], Response]]",
    *,
    forms: "Mapping[str, Callable[[Request], Response]] | None" = None,
    assets: Mapping[str, tuple[str, bytes]],
    nowhere: "Callable[[Request, Exception], Response]",
    broken: "Callable[[Request, Exception], Response]",
    what: str,
) -> "ASGIApp":
    """What answers behind a gate. The answers may read files: each is made in a thread.

    Args:
        pages: address -> what answers who reads it.
        forms: likewise, to who sends a form there.
        assets: address -> media type and content of what pages load.
        nowhere: answers where there is no page (404), or one that is not asked for in this way (405).
        broken: answers where a file cannot be used.
        what: what this is, to begin a message with.

    Raises:
        MissingExtraError: starlette is not installed.
    """
    try:
        from starlette.applications import Starlette
        from starlette.responses import Response
        from starlette.routing import Route
    except ImportError as error:
        raise MissingExtraError(what, extra="web") from error

    def asset(request: "Request") -> Response:
        media_type, content = assets[request.url.path]
        return Response(content, media_type=media_type)

    routes = [
        *(Route(address, answer) for address, answer in pages.items()),
        *(Route(address, answer, methods=["POST"]) for address, answer in (forms or {}).items()),
        *(Route(address, asset) for address in assets),
    ]
    handlers = {404: nowhere, 405: nowhere, WellkeeperError: broken, OSError: broken}
    return Starlette(routes=routes, exception_handlers=handlers)


def told_of(error: Exception, where: str) -> str:
    """What a page says of a file that cannot be used; `where` it lies: the file itself, or its folder."""
    if isinstance(error, OSError):
        return f"{error.filename}: {error.strerror}. Restore the {where} or its rights, then open this page again."
    return str(error)


def html(written: str, *, status: int = 200) -> "Response":
    """A page as an answer. Half of a surrogate pair, which has no bytes, becomes a question mark."""
    from starlette.responses import HTMLResponse

    return HTMLResponse(written.encode("utf-8", "replace"), status_code=status)


def notice_page(written: str, *, status: int) -> "Response":
    """A page as an answer that has its sheet inside, and may be read without a token."""
    response = html(written, status=status)
    response.headers["content-security-policy"] = _NOTICE_POLICY
    response.headers["referrer-policy"] = "no-referrer"  # its address may hold a token
    return response


def whole(given: str, *, most: int = 999_999) -> int | None:
    """A whole number as an address has it; None where it is none, or larger than makes sense."""
    # by its length first: Python reads no number of thousands of digits
    found = int(given) if given.isascii() and given.isdigit() and len(given) <= len(str(most)) else most + 1
    return found if found <= most else None


def new_token() -> str:
    """A token that nobody guesses."""
    return secrets.token_urlsafe(_TOKEN_BYTES)


def listen(port: int) -> socket.socket:
    """A socket on the loopback; port 0 takes any that is free.

    Raises:
        InputError: the port is taken, or not ours to take.
    """
    try:
        listening = socket.create_server((LOOPBACK, port))
    except OSError as error:
        why = os.strerror(error.errno) if error.errno else str(error)
        raise InputError(
            f"Port {port} cannot be used ({why}). Give another, or 0 for any that is free: --port 0"
        ) from error
    # What it accepts inherits this; asyncio sets it only where a socket names its protocol, and without it each reply
    # would wait some 40 ms for an acknowledgement of its head.
    listening.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return listening


def listen_again(ports: Iterable[int]) -> socket.socket:
    """A socket on the first of some ports that is free, or on any.

    Raises:
        InputError: no port is free at all.
    """
    for port in ports:
        try:
            return listen(port)
        except InputError:
            continue
    return listen(0)


def address_of(listening: socket.socket, token: str) -> str:
    """What to open in a browser."""
    return f"http://{LOOPBACK}:{listening.getsockname()[1]}/?{urlencode({'token': token})}"


def require(what: str) -> None:
    """Check that what serves is installed, before an address is told.

    Raises:
        MissingExtraError: it is not.
    """
    try:
        import uvicorn  # noqa: F401
    except ImportError as error:
        raise MissingExtraError(what, extra="web") from error


def serve(application: "ASGIApp", listening: socket.socket, *, what: str) -> None:
    """Show it until Ctrl-C, or until it is told to end.

    Args:
        application: what answers.
        listening: where.
        what: what this is, to begin a message with.

    Raises:
        KeyboardInterrupt: that was pressed; all requests are answered.
        MissingExtraError: uvicorn is not installed.
    """
    require(what)
    import uvicorn

    settings = uvicorn.Config(
        application,
        log_level="warning",
        access_log=False,  # addresses hold the token once
        lifespan="off",
        server_header=False,
        timeout_graceful_shutdown=2,
    )
    server = uvicorn.Server(settings)
    # The server takes Ctrl-C before it begins: while asyncio sets up, that would leave tasks that it complains of.
    with server.capture_signals():
        server.run(sockets=[listening])


def _is_own(request: "Request") -> bool:
    """Whether one of our own pages sent this, by what the browser says of it."""
    sites, origins = (request.headers.getlist(name) for name in ("sec-fetch-site", "origin"))
    if any(site != "same-origin" for site in sites):
        return False
    own = f"http://{request.headers['host'].strip()}".lower()
    # a page that may not be named sends "null": then the browser's word that it is ours is needed
    return all(origin.lower() == own or (origin == "null" and sites) for origin in origins) and bool(
        sites or origins
    )


def _host_name(given: Sequence[str]) -> str:
    """The name in `Host`, without its port; nothing where there is none or more than one."""
    if len(given) != 1:
        return ""
    name, _, port = given[0].strip().lower().rpartition(":")
    return name if name and port.isdigit() else given[0].strip().lower()
