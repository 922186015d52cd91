"""Answers on disk, so that none is paid for twice, and a budget that holds over stops and kills.

One SQLite file holds the answers of any number of models and runs. A call goes in three steps: the most that it can
cost is written down and compared with the budget; the model is asked; the answer and what it cost replace the first
entry in one transaction. An answer counts only after that. A run that is killed loses the calls under way and nothing
else, and those stay counted at their most, since they may have been billed.

The key is (fingerprint of the model, SHA-256 of the prompt, parameters, number of the sample). Prompts and API keys are
not stored; answers are, as plain text. The file wants a local disk (`wellkeeper.engine.database`).
"""

import json
import sqlite3
import threading
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

from wellkeeper.core.answers import Output, Prompt, prompt_digest
from wellkeeper.engine.database import Database, Layout
from wellkeeper.errors import WellkeeperError
from wellkeeper.infer.cost import Budget, Usage, most_of
from wellkeeper.infer.sampling import Sampler

_LAYOUT = Layout(
    application=0x776B6361,  # "wkca"
    version=2,  # 1 kept no likeliest first tokens
    name="cache",
    otherwise="Give another path.",
    older="Its answers lack what is kept now: give another path.",
    newer="Upgrade wellkeeper, or give another path.",
    broken="is no cache of answers. Give another path.",
    schema="""
CREATE TABLE answers (
    model TEXT NOT NULL, prompt TEXT NOT NULL, parameters TEXT NOT NULL, sample INTEGER NOT NULL,
    text TEXT NOT NULL, finish TEXT NOT NULL, note TEXT NOT NULL, prompt_tokens INTEGER, tokens INTEGER,
    logprobs TEXT, first_tokens TEXT, seed INTEGER, milliseconds REAL NOT NULL,
    PRIMARY KEY (model, prompt, parameters, sample)
) WITHOUT ROWID;
CREATE TABLE calls (
    id INTEGER PRIMARY KEY, model TEXT NOT NULL, prompt_tokens INTEGER NOT NULL, tokens INTEGER NOT NULL
);
CREATE TABLE spent (
    model TEXT PRIMARY KEY, calls INTEGER NOT NULL, prompt_tokens INTEGER NOT NULL, tokens INTEGER NOT NULL
);
""",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Key:
    """What decides the samples of one item."""

    model: str
    prompt: str  # SHA-256
    parameters: str  # JSON

    @classmethod
    def of(cls, sampler: Sampler, prompt: Prompt, *, temperature: float, seed: int, logprobs: bool) -> "Key":
        parameters = {
            "temperature": float(temperature),
            "seed": seed,
            "logprobs": logprobs,
            "tokens": sampler.tokens,
        }
        return cls(
            model=sampler.fingerprint,
            prompt=prompt_digest(prompt),
            parameters=json.dumps(parameters, sort_keys=True),
        )

    @property
    def values(self) -> tuple[str, str, str]:
        return self.model, self.prompt, self.parameters


@dataclass(frozen=True, slots=True, kw_only=True)
class Spending:
    """What a model's answers have cost so far."""

    calls: int  # answered
    settled: Usage  # of those
    open: Usage  # the most of calls under way, or cut off by a kill

    @property
    def usage(self) -> Usage:
        return self.settled + self.open


class Store:
    """The file. Safe for several threads and processes."""

    def __init__(self, path: Path) -> None:
        """Open or begin a file.

        Raises:
            InputError: there is a file that is no cache, or one of another version.
            WorkError: it cannot be opened.
        """
        self.path = path
        self._calls = 0  # of this process, under way
        self._calls_ended = threading.Condition()
        self._database = Database(path, _LAYOUT)

    def get(self, key: Key, samples: Iterable[int]) -> dict[int, Output]:
        """The answers that are there, by the number of the sample."""
        found = {}
        with self._database.told() as db:
            for sample in samples:
                if (output := _read(db, key, sample)) is not None:
                    found[sample] = output
        return found

    def reserve(self, key: Key, most: Usage, budget: Budget) -> int:
        """Write down a call before it is made; gives its number.

        Raises:
            WorkError: it may pass the budget.
        """
        with self._database.transaction() as db:
            told = db.execute(
                "SELECT max(prompt_tokens) FROM answers WHERE model = ? AND prompt = ?", key.values[:2]
            ).fetchone()[0]
            bound = most if told is None else Usage(prompt_tokens=told, tokens=most.tokens)
            budget.check(_spending(db, key.model).usage, bound)
            cursor = db.execute(
                "INSERT INTO calls (model, prompt_tokens, tokens) VALUES (?, ?, ?)",
                (key.model, bound.prompt_tokens, bound.tokens),
            )
            assert cursor.lastrowid is not None
            return cursor.lastrowid

    def settle(self, call: int, key: Key, sample: int, output: Output) -> Output:
        """Count what an answer used, and keep it unless it says that there is none.

        Gives the answer that is kept: the first one, if two processes asked.
        """
        with self._database.transaction() as db:
            used = Usage.of(output, _bound(db, call))
            db.execute("DELETE FROM calls WHERE id = ?", (call,))
            db.execute("INSERT OR IGNORE INTO spent VALUES (?, 0, 0, 0)", (key.model,))
            db.execute(
                "UPDATE spent SET calls = calls + 1, prompt_tokens = prompt_tokens + ?, tokens = tokens + ? "
                "WHERE model = ?",
                (used.prompt_tokens, used.tokens, key.model),
            )
            if output.finish == "error":
                return output
            db.execute(
                f"INSERT OR IGNORE INTO answers VALUES ({','.join('?' * 13)})",  # noqa: S608  only question marks
                (*key.values, sample, *_written(output)),
            )
            return _read(db, key, sample) or output

    def release(self, call: int) -> None:
        """A call that was not answered costs nothing."""
        with self._database.transaction() as db:
            db.execute("DELETE FROM calls WHERE id = ?", (call,))

    def spending(self, model: str) -> Spending:
        """What a model, by its fingerprint, has cost."""
        with self._database.told() as db:
            return _spending(db, model)

    def __len__(self) -> int:
        return self._database.number("SELECT count(*) FROM answers")

    @contextmanager
    def call(self) -> Iterator[None]:
        """While a call is under way, from before `reserve` to after `settle`: `close` waits for it."""
        with self._calls_ended:
            self._calls += 1
        try:
            yield
        finally:
            with self._calls_ended:
                self._calls -= 1
                self._calls_ended.notify_all()

    def close(self, *, at_once: bool = False) -> None:
        """Close the file, after the answers to calls under way are in it: they are paid for. `at_once` loses them."""
        with self._calls_ended:
            self._calls_ended.wait_for(lambda: at_once or self._calls == 0)
        self._database.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        self.close(at_once=kind is KeyboardInterrupt)


def _bound(db: sqlite3.Connection, call: int) -> Usage:
    row = db.execute("SELECT prompt_tokens, tokens FROM calls WHERE id = ?", (call,)).fetchone()
    return Usage(prompt_tokens=row[0], tokens=row[1])


def _spending(db: sqlite3.Connection, model: str) -> Spending:
    settled = db.execute(
        "SELECT calls, prompt_tokens, tokens FROM spent WHERE model = ?", (model,)
    ).fetchone()
    calls, prompts, tokens = settled or (0, 0, 0)
    under_way = db.execute(
        "SELECT coalesce(sum(prompt_tokens), 0), coalesce(sum(tokens), 0) FROM calls WHERE model = ?",
        (model,),
    ).fetchone()
    return Spending(
        calls=calls,
        settled=Usage(prompt_tokens=prompts, tokens=tokens),
        open=Usage(prompt_tokens=under_way[0], tokens=under_way[1]),
    )


def _written(output: Output) -> tuple[Any, ...]:
    return (
        output.text,
        output.finish,
        output.note,
        output.prompt_tokens,
        output.tokens,
        None if output.logprobs is None else json.dumps(output.logprobs),
        None if output.first_tokens is None else json.dumps(dict(output.first_tokens)),
        output.seed,
        output.milliseconds,
    )


def _read(db: sqlite3.Connection, key: Key, sample: int) -> Output | None:
    row = db.execute(
        "SELECT text, finish, note, prompt_tokens, tokens, logprobs, first_tokens, seed, milliseconds "
        "FROM answers WHERE model = ? AND prompt = ? AND parameters = ? AND sample = ?",
        (*key.values, sample),
    ).fetchone()
    if row is None:
        return None
    text, finish, note, prompt_tokens, tokens, logprobs, first_tokens, seed, milliseconds = row
    return Output(
        text=text,
        finish=finish,
        note=note,
        prompt_tokens=prompt_tokens,
        tokens=tokens,
        logprobs=None if logprobs is None else tuple(json.loads(logprobs)),
        first_tokens=None if first_tokens is None else json.loads(first_tokens),
        seed=seed,
        milliseconds=milliseconds,
    )


class Cached:
    """A sampler in front of which a store stands, with a budget: a `Sampler`.

    Answers come from the store where it has them. What the model rejects is not kept, and asked for again next time.
    """

    def __init__(self, sampler: Sampler, store: Store, *, budget: Budget | None = None) -> None:
        self._sampler, self._store, self._budget = sampler, store, budget or Budget()

    @property
    def fingerprint(self) -> str:
        return self._sampler.fingerprint

    @property
    def tokens(self) -> int:
        return self._sampler.tokens

    @property
    def at_once(self) -> int:
        return self._sampler.at_once

    def stop(self) -> None:
        """As the sampler's."""
        self._sampler.stop()

    def sample(
        self,
        prompt: Prompt,
        n: int = 1,
        temperature: float = 1.0,
        seed: int = 0,
        logprobs: bool = False,  # noqa: FBT001, FBT002
        *,
        first: int = 0,
    ) -> list[Output]:
        """See `Sampler.sample`.

        Raises:
            WorkError: also where the next call may pass the budget; it is not made.
        """
        key = Key.of(self._sampler, prompt, temperature=temperature, seed=seed, logprobs=logprobs)
        samples = range(first, first + n)
        kept = self._store.get(key, samples)

        def paid(sample: int) -> Output:
            with self._store.call():
                call = self._store.reserve(key, most_of(prompt, self.tokens), self._budget)
                try:
                    (output,) = self._sampler.sample(prompt, 1, temperature, seed, logprobs, first=sample)
                # any other end may have come after the answer: the call stays counted
                except WellkeeperError:
                    self._store.release(call)
                    raise
                return self._store.settle(call, key, sample, output)

        return [kept[sample] if sample in kept else paid(sample) for sample in samples]
