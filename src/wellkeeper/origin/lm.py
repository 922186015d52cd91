"""The LM tier: what a local language model makes of texts, for a sample of a corpus.

Any causal language model on this machine serves (`load_lm`). It reads the first tokens of each text in canonical form
(`wellkeeper.kernels.style`: line breaks and list marks tell data sets apart, and not their authors), and five published
statistics are taken of its surprise (`wellkeeper.measure.likelihood`). They are kept apart: which of them tells model
text from human text, and whether any does, depends on the model and on who wrote. docs/lm.md has measured figures.

A model costs thousands of times the style tier, so runs are made to be stopped: every text's statistics go into a
journal at once, under a digest of model, settings and text, and a run with the same journal asks for no text twice.
"""

import hashlib
import json
import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import astuple, dataclass, fields
from itertools import accumulate
from math import nan
from pathlib import Path
from types import MappingProxyType
from typing import Any

import numpy as np
import orjson
from numpy.typing import NDArray

from wellkeeper.engine.language_models import CONTEXT, LanguageModel, open_model
from wellkeeper.engine.progress import Listener, Progress, nobody
from wellkeeper.errors import DataError, WorkError
from wellkeeper.kernels import style
from wellkeeper.measure.likelihood import TextStatistics, text_statistics, token_statistics

TOKENS = 160
"""Tokens of a text that are read: beyond them the statistics gain little for their price (docs/lm.md)."""
FEWEST = 32
"""Texts with fewer scored tokens get no score: over 32, chance alone moves the mean log-likelihood by some .4 nats,
more than text of people and of a foreign model differ by (docs/lm.md)."""

DIRECTION: Mapping[str, int] = MappingProxyType(
    {"log_likelihood": 1, "log_rank": -1, "lrr": 1, "top1_rate": 1, "fast_detect_gpt": 1}
)
"""Statistic -> 1 if higher values are those of text like the model's own, -1 if lower ones are."""

_VERSION = "lm.1"  # changes whenever any statistic of any text can change
_AT_ONCE = 256  # texts brought into canonical form at a time


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class LmScores:
    """Statistics of texts, arrays of shape (texts,); NaN for a text with too few tokens or that was not reached."""

    log_likelihood: NDArray[np.float32]  # nats a token, at most 0
    log_rank: NDArray[np.float32]  # at least 0
    lrr: NDArray[np.float32]  # at least 0
    top1_rate: NDArray[np.float32]  # in [0, 1]
    fast_detect_gpt: NDArray[np.float32]  # standard deviations
    tokens: NDArray[np.int32]  # scored tokens of each text; 0 where it was not reached
    reached: NDArray[np.bool_]  # false: the token budget ended before it
    spent: int  # tokens that the model read in this run
    reused: int  # texts whose statistics the journal had
    fingerprint: str  # of the model

    @property
    def left(self) -> int:
        """How many texts were not reached."""
        return int(np.count_nonzero(~self.reached))

    def column(self, name: str) -> NDArray[np.float32]:
        """A statistic of `DIRECTION`, turned so that higher is more like the model's own text.

        Raises:
            DataError: there is no such statistic.
        """
        if name not in DIRECTION:
            raise DataError(f"There is no statistic {name!r}. Choose one of {', '.join(DIRECTION)}.")
        values: NDArray[np.float32] = getattr(self, name)
        return values * np.float32(DIRECTION[name])


def load_lm(path: str | Path, *, context: int = CONTEXT, threads: int | None = None) -> LanguageModel:
    """A language model on this machine: a GGUF file (extra `lm`), or a folder of transformers (extra `lm-torch`).

    Args:
        path: file or folder; nothing is downloaded.
        context: most tokens of one text that it can be asked for.
        threads: of the processor; None: as many as the engine chooses.

    Raises:
        InputError: there is no such path, or it holds no causal language model that can be read.
        MissingExtraError: the extra is not installed.
    """
    return open_model(Path(path).expanduser(), context=context, threads=threads)


def lm_scores(
    texts: Sequence[str],
    model: LanguageModel,
    *,
    tokens: int = TOKENS,
    token_budget: int | None = None,
    journal: Path | None = None,
    listener: Listener = nobody,
) -> LmScores:
    """Statistics of the first tokens of each text.

    A text's statistics do not depend on the texts beside it, but for rounding in a model that reads several at once.

    Args:
        texts: at most their first 2,500 letters in canonical form are read. Copies are read once.
        model: what reads them.
        tokens: most tokens of a text, the first of which has nothing before it and is not scored.
        token_budget: most tokens that the model may read in this run; it stops at the first text that would exceed
            them. None: as many as there are.
        journal: file that keeps the statistics, and has those of earlier runs; created with its folder.
        listener: is told of progress.

    Raises:
        DataError: `tokens` is more than the model reads or too few for any score, or the budget is negative.
        WorkError: the journal cannot be read or written, or the model's engine fails.
    """
    _check(model, tokens, token_budget)
    kept = _Journal(journal)
    keys = [_key(model, tokens, text) for text in texts]
    before = set(keys) & set(kept.found)
    wanted = {key: text for key, text in zip(keys, texts, strict=True) if key not in before}
    reader = _Reader(model, tokens, token_budget)
    for done, (key, found) in enumerate(reader.read(list(wanted.items())), 1):
        kept.put(key, found)
        listener(Progress(stage="language model", done=done, total=len(wanted), unit="texts", documents=done))
    return _scores(keys, kept.found | reader.short, reader.spent, sum(key in before for key in keys), model)


def _check(model: LanguageModel, tokens: int, token_budget: int | None) -> None:
    if tokens > model.context:
        raise DataError(
            f"tokens is {tokens} and the model reads {model.context} of a text. Pass tokens={model.context} or fewer, "
            "or load the model with a larger context, if it was trained on one."
        )
    if tokens <= FEWEST:
        raise DataError(
            f"tokens is {tokens}, and no text with fewer than {FEWEST} scored tokens gets a score. Pass "
            f"tokens={FEWEST + 1} or more."
        )
    if token_budget is not None and token_budget < 0:
        raise DataError(f"token_budget is {token_budget}. Pass a number of tokens, or None for no limit.")


def _key(model: LanguageModel, tokens: int, text: str) -> str:
    digest = hashlib.sha256(text.encode(errors="surrogatepass")).hexdigest()
    settings = [_VERSION, style.VERSION, model.fingerprint, model.engine, tokens, digest]
    return hashlib.sha256(json.dumps(settings).encode()).hexdigest()


class _Reader:
    """Has a model read texts until the budget ends."""

    def __init__(self, model: LanguageModel, tokens: int, budget: int | None) -> None:
        self._model, self._tokens, self._budget = model, tokens, budget
        self.spent = 0
        self.short: dict[str, TextStatistics] = {}  # texts with too few tokens

    def read(self, texts: Sequence[tuple[str, str]]) -> Iterator[tuple[str, TextStatistics]]:
        """Keys and statistics of texts with their keys, as soon as there are any."""
        waiting: list[tuple[str, list[int]]] = []
        for one in self._encoded(texts):
            waiting.append(one)
            if len(waiting) == self._model.batch:
                yield from self._statistics(waiting)
                waiting = []
        if waiting:
            yield from self._statistics(waiting)

    def _statistics(self, batch: Sequence[tuple[str, list[int]]]) -> Iterator[tuple[str, TextStatistics]]:
        logits = self._model.logits([tokens for _, tokens in batch])
        for (key, tokens), rows in zip(batch, logits, strict=True):
            yield key, text_statistics(token_statistics(rows, np.array(tokens[1:])))

    def _encoded(self, texts: Sequence[tuple[str, str]]) -> Iterator[tuple[str, list[int]]]:
        """Keys and tokens of the texts that the model is to read; it ends with the budget."""
        for start in range(0, len(texts), _AT_ONCE):
            part = texts[start : start + _AT_ONCE]
            for (key, _), text in zip(part, canonical([text for _, text in part]), strict=True):
                tokens = self._model.encode(text, self._tokens) if text else []
                if len(tokens) - 1 < FEWEST:
                    self.short[key] = _too_short(len(tokens) - 1)
                    continue
                if self._budget is not None and self.spent + len(tokens) > self._budget:
                    return
                self.spent += len(tokens)
                yield key, tokens


def _too_short(tokens: int) -> TextStatistics:
    return TextStatistics(
        log_likelihood=nan, log_rank=nan, lrr=nan, top1_rate=nan, fast_detect_gpt=nan, tokens=max(0, tokens)
    )


def canonical(texts: Sequence[str]) -> list[str]:
    """The texts as the model gets them: in canonical form, at most their first 2,500 letters."""
    encoded = [text.encode(errors="replace") for text in texts]
    offsets = np.array([0, *accumulate(map(len, encoded))], np.int64)
    return style.canonical_texts(np.frombuffer(b"".join(encoded), np.uint8), offsets)


def _scores(
    keys: Sequence[str], found: Mapping[str, TextStatistics], spent: int, reused: int, model: LanguageModel
) -> LmScores:
    unreached = _too_short(0)
    rows = [found.get(key, unreached) for key in keys]
    columns: dict[str, NDArray[np.float32]] = {
        name: np.array([getattr(row, name) for row in rows], np.float32) for name in DIRECTION
    }
    return LmScores(
        **columns,
        tokens=np.array([row.tokens for row in rows], np.int32),
        reached=np.array([key in found for key in keys], np.bool_),
        spent=spent,
        reused=reused,
        fingerprint=model.fingerprint,
    )


# --- the journal -------------------------------------------------------------------------------------------------

_FLOATS = tuple(one.name for one in fields(TextStatistics) if one.name != "tokens")


class _Journal:
    """Statistics on disk, one JSON array a line: key, then the fields of `TextStatistics`.

    A line is written whole as soon as there is one, so that a killed run loses no text but those under way. A torn line
    is passed over: its text is read again.
    """

    def __init__(self, path: Path | None) -> None:
        self._path = path
        self.found: dict[str, TextStatistics] = {}
        if path is None:
            return
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            with path.open("ab+") as file:
                file.seek(0)
                self.found.update(_entries(file))
        except OSError as error:
            raise self._unusable(error) from None

    def put(self, key: str, found: TextStatistics) -> None:
        self.found[key] = found
        if self._path is None:
            return
        line = orjson.dumps([key, *astuple(found)]) + b"\n"
        try:
            with self._path.open("ab+") as file:
                file.write(b"\n" + line if _is_torn(file) else line)
        except OSError as error:
            raise self._unusable(error) from None

    def _unusable(self, error: OSError) -> WorkError:
        return WorkError(
            f"The journal {self._path} cannot be used ({error.strerror}). Choose another file, or make room for it."
        )


def _is_torn(file: Any) -> bool:
    if not file.seek(0, os.SEEK_END):
        return False
    file.seek(-1, os.SEEK_END)
    return bool(file.read(1) != b"\n")


def _entries(lines: Iterable[bytes]) -> Iterator[tuple[str, TextStatistics]]:
    for line in lines:
        with suppress(ValueError, TypeError):
            key, *values, tokens = orjson.loads(line)
            floats = [nan if value is None else float(value) for value in values]
            yield str(key), TextStatistics(**dict(zip(_FLOATS, floats, strict=True)), tokens=int(tokens))
