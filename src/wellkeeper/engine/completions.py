"""A language model behind an OpenAI-compatible endpoint: few requests at once, tried again, and never asked twice.

Every answer is appended to a journal as soon as it is there, under a digest of all that was asked. A run that stopped
goes on where it was; a run with another model, prompt or text asks anew. The key comes from an environment variable, is
sent to the endpoint's own host alone, and is written nowhere: redirects are not followed, and a server that repeats the
key in an error is not quoted with it.

Whatever else writes texts, such as a model in this process, is asked through the same journal if it is a `Writer`.
"""

import hashlib
import ipaddress
import json
import math
import os
import re
import threading
import urllib.error
import urllib.request
from collections.abc import Callable, Generator, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from contextlib import suppress
from dataclasses import dataclass, field
from http.client import HTTPException
from pathlib import Path
from typing import Any, Protocol, TypeVar
from urllib.parse import SplitResult, urlsplit, urlunsplit

from wellkeeper.core.answers import Prompt
from wellkeeper.errors import InputError, WorkError

AT_ONCE = 4
"""Requests under way at the same time: enough to keep a server's batch busy, few enough for a laptop's."""
TRIES = 6
FIRST_TRIES = 3
"""Tries while the server has never answered: then it is rather the address that is wrong than the server busy."""
TIMEOUT_SECONDS = 180.0
_LONGEST_WAIT = 60.0  # seconds, whatever the server asks for
_FIRST_WAIT = 1.0
_AGAIN = frozenset({408, 409, 425, 429, 500, 502, 503, 504, 529})  # codes that may pass
_NO_KEY = frozenset({401, 403})
_VARIABLE = re.compile(r"[A-Z_][A-Z0-9_]*")
_THIS_REQUEST = frozenset({400, 413, 422})  # refused for what was asked; another text may be accepted
_MOST_BYTES = 16 << 20  # of one answer
_LIKELIEST = (20, 5, 1, 0)
"""How many of the likeliest tokens are asked for with each one written: the most that OpenAI's chats give, then fewer
for a server that refuses so many, then none."""
_LIKELIEST_OF_TEXT = (1, 5)
"""Least and most where plain text is continued: there the number is the switch, too."""

Task = TypeVar("Task")
Result = TypeVar("Result")


class RejectedError(Exception):
    """The server rejects this one request: too long for the model, or filtered."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What the model wrote. `finish` is the server's word for why it stopped: stop, length, content_filter, ..."""

    text: str
    finish: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """One request for one answer."""

    prompt: Prompt  # a text is one message of the user where the model chats, else what it continues
    tokens: int  # most to write
    seed: int | None = None
    temperature: float | None = None  # None: whatever the server does by itself
    logprobs: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Reply:
    """An answer, with all that came with it."""

    answer: Answer
    prompt_tokens: int | None = None  # as the server counts and bills them; None: it does not say
    tokens: int | None = None  # written, with those that are not shown
    logprobs: tuple[float, ...] | None = None  # natural logarithms, of each token of the text
    first_tokens: Mapping[str, float] | None = None  # likewise, of the likeliest tokens in the first place
    seeded: bool = False  # whether the seed was accepted


class Writer(Protocol):
    """What writes a text for a prompt. `ask` may be called by `at_once` threads at the same time."""

    @property
    def identity(self) -> Sequence[str | int]:
        """All besides prompt and tokens that decides an answer, without secrets."""

    @property
    def record(self) -> Mapping[str, str]:
        """What is recorded of it: `endpoint` and `model`, without secrets."""

    @property
    def is_chat(self) -> bool:
        """Whether it follows instructions; else it only continues text."""

    @property
    def at_once(self) -> int:
        """Requests that it works on at the same time."""

    def ask(self, prompt: str, *, tokens: int) -> Answer:
        """What it writes, with at most so many tokens.

        Raises:
            RejectedError: it rejects this request, and may accept another.
            WorkError: it cannot be asked.
        """

    def stop(self) -> None:
        """End all waiting, so that threads come back soon."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Endpoint:
    """Where a model is asked, and how.

    `url` may be the server, its `/v1`, or the whole address; one that ends with `/completions` but not with
    `/chat/completions` is asked to continue plain text, all others are asked by a chat message.
    """

    url: str
    model: str
    seed: int = 0
    key: str | None = field(default=None, repr=False)
    timeout: float = TIMEOUT_SECONDS
    first_wait: float = _FIRST_WAIT  # seconds before the second try; doubled for each further one

    @classmethod
    def at(cls, url: str, model: str, *, key_env: str | None = None, seed: int = 0) -> "Endpoint":
        """An endpoint as a user names it.

        Raises:
            InputError: the URL is none of http or https or holds credentials, or the variable with the key is not set.
        """
        try:
            parts = urlsplit(url)
            _ = parts.port  # is read here, since it is refused only where it is read
        except ValueError as error:
            raise InputError(
                f"The endpoint is no address: {error}. Give one like http://localhost:8000/v1."
            ) from error
        if parts.scheme not in {"http", "https"} or not parts.hostname:
            raise InputError(
                f"{_bare(parts) or 'The endpoint'} is no http or https address. Give one like http://localhost:8000/v1."
            )
        if parts.username is not None or parts.password is not None or parts.query:
            raise InputError(
                f"The endpoint {_bare(parts)} was given with credentials or a query. Leave them out, and name the "
                "environment variable that holds the key with --key-env."
            )
        return cls(url=_whole(parts), model=model, seed=seed, key=None if key_env is None else _key(key_env))

    @property
    def is_chat(self) -> bool:
        return self.url.endswith("/chat/completions")


def _key(variable: str) -> str:
    key = os.environ.get(variable, "").strip()
    if key and not re.fullmatch(r"[!-~]+", key):  # else the refusal would come from below, with the key in it
        raise InputError(
            "The key in the variable that --key-env names holds a space, a line feed or a letter that is not ASCII. "
            "Put the key alone into it."
        )
    if key:
        return key
    if not _VARIABLE.fullmatch(variable):  # it may be the key itself, which is not to be repeated
        raise InputError(
            "--key-env was given something that is no variable that is set, and it is not shown here in case it is "
            "the key itself. Put the key into a variable and give the variable's name."
        )
    raise InputError(f"The variable {variable} is not set. Put the key into it, or leave out --key-env.")


def _bare(parts: SplitResult) -> str:
    """The address without credentials, query and fragment: fit to be shown and recorded."""
    host = parts.netloc.rpartition("@")[2]
    return urlunsplit((parts.scheme, host, parts.path, "", ""))


def _whole(parts: SplitResult) -> str:
    path = parts.path.rstrip("/")
    if not path.endswith("/completions"):
        path = f"{path or '/v1'}/chat/completions"
    return urlunsplit((parts.scheme, parts.netloc, path, "", ""))


# --- one request -------------------------------------------------------------------------------------------------


def parameters_of(question: Question, *, is_chat: bool, likeliest: int = _LIKELIEST[0]) -> dict[str, Any]:
    """A question as the two interfaces have it, besides its seed and the number of its tokens.

    `likeliest` is how many of the likeliest tokens come with the log-probability of each one written, at most.
    """
    asked: dict[str, Any] = {}
    if question.temperature is not None:
        asked["temperature"] = question.temperature
    if question.logprobs:
        least, most = _LIKELIEST_OF_TEXT
        asked["logprobs"] = True if is_chat else max(least, min(most, likeliest))
        if is_chat and likeliest:
            asked["top_logprobs"] = likeliest
    if isinstance(question.prompt, str):
        what = (
            {"messages": [{"role": "user", "content": question.prompt}]}
            if is_chat
            else {"prompt": question.prompt}
        )
        return asked | what
    return asked | {"messages": [dict(message) for message in question.prompt]}


class _NoRedirect(urllib.request.HTTPRedirectHandler):
    """A redirect would carry the key to another host, and turn the request into one without a body."""

    def redirect_request(self, *_: Any, **__: Any) -> None:
        return None


def _is_here(host: str | None) -> bool:
    with suppress(ValueError):
        return ipaddress.ip_address(host or "").is_loopback
    return host == "localhost"


class Client:
    """Asks one endpoint: a `Writer`."""

    at_once = AT_ONCE

    def __init__(self, endpoint: Endpoint) -> None:
        self._endpoint = endpoint
        here = _is_here(urlsplit(endpoint.url).hostname)
        proxies = (urllib.request.ProxyHandler({}),) if here else ()  # no proxy leads back to this machine
        self._opener = urllib.request.build_opener(_NoRedirect, *proxies)
        self._limit = "max_tokens"
        self._seeded = True
        self._likeliest = _LIKELIEST[0]
        self._reached = False
        self._stopped = threading.Event()

    @property
    def identity(self) -> Sequence[str | int]:
        return (self._endpoint.url, self._endpoint.model, self._endpoint.seed)

    @property
    def record(self) -> Mapping[str, str]:
        return {"endpoint": _bare(urlsplit(self._endpoint.url)), "model": self._endpoint.model}

    @property
    def is_chat(self) -> bool:
        return self._endpoint.is_chat

    def stop(self) -> None:
        """End all waiting between tries."""
        self._stopped.set()

    def ask(self, prompt: str, *, tokens: int) -> Answer:
        """What the model answers, with at most so many tokens.

        Raises:
            RejectedError: the server rejects this request, and may accept another.
            WorkError: it cannot be reached, keeps failing, or refuses the key or the model.
        """
        return self.reply(Question(prompt=prompt, tokens=tokens, seed=self._endpoint.seed)).answer

    def reply(self, question: Question) -> Reply:
        """What the model answers, with tokens and log-probabilities. A temperature that it refuses is not left out.

        Raises:
            RejectedError, WorkError: as `ask`.
            InputError: messages were given for an address that continues plain text.
        """
        attempt = 0
        while True:
            asked = self._request(question)
            try:
                reply = self._once(asked)
            except urllib.error.HTTPError as error:
                with error:  # it holds the connection
                    said = self._said(error)
                if error.code in _THIS_REQUEST and self._adapted(asked, said):
                    continue
                if error.code not in _AGAIN:
                    self._give_up(error.code, said)
                trouble, wait_for = f"HTTP {error.code}: {said}", error.headers.get("Retry-After")
                self._reached = True
            except (OSError, HTTPException, ValueError, RecursionError) as error:
                trouble, wait_for = _told(error), None
            else:
                self._reached = True
                return reply
            attempt += 1
            tries = TRIES if self._reached else FIRST_TRIES
            if attempt >= tries or self._stopped.wait(
                _pause(attempt - 1, wait_for, self._endpoint.first_wait)
            ):
                raise self._silent(attempt, trouble)

    def _silent(self, attempts: int, trouble: str) -> WorkError:
        tries = "1 try" if attempts == 1 else f"{attempts} tries"
        return WorkError(
            f"{self._endpoint.url} gave no answer in {tries} ({trouble}). Answers that came before are kept: check the "
            "address and the server, then run the same command again to go on."
        )

    def _request(self, question: Question) -> dict[str, Any]:
        asked: dict[str, Any] = {"model": self._endpoint.model, self._limit: question.tokens}
        if self._seeded and question.seed is not None:
            asked["seed"] = question.seed
        if not self.is_chat and not isinstance(question.prompt, str):
            raise InputError(
                f"{self._endpoint.url} continues plain text and was given messages. Give the address of "
                "/chat/completions, or the prompt as one text."
            )
        return asked | parameters_of(question, is_chat=self.is_chat, likeliest=self._likeliest)

    def _adapted(self, asked: Mapping[str, Any], said: str) -> bool:
        """Whether the server complains of a parameter that it wants called otherwise, or not at all: ask again."""
        if "max_tokens" in asked and "max_completion_tokens" in said:
            self._limit = "max_completion_tokens"  # what newer models of OpenAI want it called
        elif "seed" in asked and re.search(r"\bseed\b", said):
            self._seeded = False
        elif "logprobs" in said and (fewer := _fewer(asked)) is not None:
            self._likeliest = min(self._likeliest, fewer)
        else:
            return False
        return True

    def _once(self, asked: Mapping[str, Any]) -> Reply:
        headers = {"Content-Type": "application/json", "Accept": "application/json"}
        if self._endpoint.key is not None:
            headers["Authorization"] = f"Bearer {self._endpoint.key}"
        request = urllib.request.Request(  # noqa: S310  the scheme was checked
            self._endpoint.url, json.dumps(asked).encode(), headers, method="POST"
        )
        with self._opener.open(request, timeout=self._endpoint.timeout) as response:
            document = json.loads(response.read(_MOST_BYTES))
        return reply_in(document, seeded="seed" in asked)

    def _said(self, error: urllib.error.HTTPError) -> str:
        """The server's own words without the key, for a message."""
        said = _words_of(error)
        return said if self._endpoint.key is None else said.replace(self._endpoint.key, "[the key]")

    def _give_up(self, code: int, said: str) -> None:
        url = self._endpoint.url
        if code in _THIS_REQUEST:
            raise RejectedError(f"HTTP {code}: {said}")
        if code in _NO_KEY:
            raise WorkError(
                f"{url} refuses access (HTTP {code}: {said}). Name the variable that holds a valid key with --key-env."
            )
        if 300 <= code < 400:
            raise WorkError(
                f"{url} redirects (HTTP {code}), which could hand on the key. Give the final address."
            )
        raise WorkError(f"{url} answers HTTP {code}: {said}. Check the address and --model.")


def _fewer(asked: Mapping[str, Any]) -> int | None:
    """How many likeliest tokens to ask for where so many were refused; None: log-probabilities are refused as such."""
    is_chat = asked.get("logprobs") is True
    refused = asked.get("top_logprobs" if is_chat else "logprobs", 0)
    least = 0 if is_chat else _LIKELIEST_OF_TEXT[0]
    return next((many for many in _LIKELIEST if least <= many < refused), None)


def _told(error: Exception) -> str:
    """What went wrong where there is no status: no connection, a cut one, or an answer that is not understood."""
    if isinstance(error, json.JSONDecodeError | UnicodeDecodeError | RecursionError):
        return "its answer is no JSON"
    return str(getattr(error, "reason", error)) or type(error).__name__


def _words_of(error: urllib.error.HTTPError) -> str:
    """The server's own words, one line."""
    try:
        body = error.read(4096).decode(errors="replace")
    except (OSError, HTTPException):
        body = ""
    with suppress(ValueError, KeyError, TypeError):
        told = json.loads(body)["error"]
        body = str(told["message"] if isinstance(told, dict) else told)
    plain = "".join(letter if letter.isprintable() else " " for letter in body)  # it may end on a terminal
    return re.sub(" +", " ", plain).strip()[:200] or error.reason or "no reason given"


def _pause(attempt: int, asked: str | None, first: float) -> float:
    """Seconds to wait: what the server asks for in Retry-After, else twice as long each time."""
    wanted = first * 2.0**attempt
    if asked is not None:
        with suppress(ValueError):  # it may also be a date
            wanted = float(asked)
    return min(_LONGEST_WAIT, max(0.0, wanted))


def reply_in(document: Any, *, seeded: bool) -> Reply:
    """The first choice of a server's answer; a `ValueError` if there is none, as for any that is not understood."""
    try:
        choice = document["choices"][0]
        usage = document.get("usage") or {}
        return Reply(
            answer=_answer(choice),
            prompt_tokens=_count(usage.get("prompt_tokens")),
            tokens=_count(usage.get("completion_tokens")),
            logprobs=_logprobs(choice.get("logprobs")),
            first_tokens=_first_tokens(choice.get("logprobs")),
            seeded=seeded,
        )
    except (KeyError, IndexError, TypeError, AttributeError, OverflowError) as error:
        raise ValueError("its answer has no choices with a text") from error


def _answer(choice: Mapping[str, Any]) -> Answer:
    finish = whole_letters(choice.get("finish_reason") or "stop")
    if "message" not in choice:
        return Answer(whole_letters(choice["text"]), finish)
    message = choice["message"]
    return Answer(whole_letters(message.get("content")), "refusal" if message.get("refusal") else finish)


def _count(value: Any) -> int | None:
    return value if isinstance(value, int) and value >= 0 else None


def _logprobs(told: Any) -> tuple[float, ...] | None:
    """Of each token written: from `content`, as chats have it, or `token_logprobs`, as OpenAI's plain texts did."""
    if not told:
        return None
    numbers = (
        [one["logprob"] for one in told["content"]] if told.get("content") else told.get("token_logprobs")
    )
    return None if numbers is None else tuple(float(number) for number in numbers)


def _first_tokens(told: Any) -> dict[str, float] | None:
    """The likeliest tokens in the first place: a list of objects in chats, an object by token in plain texts."""
    if not told:
        return None
    places = [one.get("top_logprobs") for one in told.get("content") or ()] or told.get("top_logprobs")
    if not places or not places[0]:
        return None
    first = places[0]
    pairs = first.items() if isinstance(first, Mapping) else ((one["token"], one["logprob"]) for one in first)
    likeliest: dict[str, float] = {}
    for token, logprob in pairs:  # two pieces of letters can look the same: the likelier one stands for both
        text = whole_letters(token)
        if logprob is not None:
            likeliest[text] = max(float(logprob), likeliest.get(text, -math.inf))
    return likeliest


def whole_letters(value: Any) -> str:
    r"""A text, or none, without halves of letters, which JSON can hold and UTF-8 cannot.

    >>> whole_letters("a\ud83d"), whole_letters(None)
    ('a?', '')
    """
    if not isinstance(value, str | None):
        raise TypeError(f"{type(value).__name__} is no text")
    return (value or "").encode(errors="replace").decode()


# --- many requests, once each ------------------------------------------------------------------------------------


class Journal:
    """Answers on disk, one JSON object a line, by the digest of what was asked. Safe for several threads."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._lock = threading.Lock()
        self._answers = dict(_entries(path))

    def __len__(self) -> int:
        return len(self._answers)

    def get(self, key: str) -> Answer | None:
        return self._answers.get(key)

    def put(self, key: str, answer: Answer) -> None:
        """Keep an answer; it is on its way to the disk when this returns."""
        line = (
            json.dumps({"key": key, "text": answer.text, "finish": answer.finish}, ensure_ascii=True) + "\n"
        )
        with self._lock:
            self._answers[key] = answer
            with self._path.open("ab+") as file:
                if file.tell() and not _ends_a_line(file):
                    file.write(b"\n")  # a run was killed inside its last line
                file.write(line.encode())


def _ends_a_line(file: Any) -> bool:
    file.seek(-1, os.SEEK_END)
    return bool(file.read(1) == b"\n")


def _entries(path: Path) -> Iterator[tuple[str, Answer]]:
    if not path.exists():
        return
    for line in path.read_bytes().splitlines():
        with suppress(ValueError, KeyError, TypeError):  # a torn line: it is asked for again
            entry = json.loads(line)
            yield str(entry["key"]), Answer(str(entry["text"]), str(entry["finish"]))


def key_of(identity: Sequence[str | int], prompt: str, tokens: int) -> str:
    """SHA-256, in hexadecimal digits, of all that decides an answer."""
    return hashlib.sha256(json.dumps([*identity, tokens, prompt]).encode()).hexdigest()


class Asker:
    """Asks a writer through a journal."""

    def __init__(self, writer: Writer, journal: Journal) -> None:
        self._writer, self._journal = writer, journal

    def __call__(self, prompt: str, *, tokens: int) -> Answer:
        """As `Writer.ask`; the writer is not asked what the journal has the answer to."""
        key = key_of(self._writer.identity, prompt, tokens)
        answer = self._journal.get(key)
        if answer is None:
            answer = self._writer.ask(prompt, tokens=tokens)
            self._journal.put(key, answer)
        return answer


def at_once(
    work: Callable[[Task], Result], tasks: Iterable[Task], *, most: int, stop: Callable[[], None]
) -> Generator[tuple[Task, Result]]:
    """Results of work that waits for a server, as they come; at most `most` tasks at a time.

    Where it ends early, by an error or by Ctrl-C, `stop` ends the waits between tries and no further task starts.
    Requests that are under way are not waited for: one may take minutes.
    """
    waiting = iter(tasks)
    running: dict[Future[Result], Task] = {}
    pool = ThreadPoolExecutor(most)
    try:
        while True:
            while len(running) < most and (task := next(waiting, None)) is not None:
                running[pool.submit(work, task)] = task
            if not running:
                return
            for future in wait(running, return_when=FIRST_COMPLETED).done:
                yield running.pop(future), future.result()
    except BaseException:
        stop()
        raise
    finally:
        pool.shutdown(wait=False, cancel_futures=True)
