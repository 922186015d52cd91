"""Watermark keys in a run over text: each document's p-value in the text pass, and which are evidence."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import NamedTuple, Self

import numpy as np
from numpy.typing import NDArray

from wellkeeper.watermark.detection import Detector
from wellkeeper.watermark.evalues import log10_evidence
from wellkeeper.watermark.keys import cautions_of, check_tokenizer, detector_of, load_key
from wellkeeper.watermark.many import by_p_values
from wellkeeper.watermark.scan import least_p_values, read_tokens
from wellkeeper.watermark.tokens import Tokenizer, open_tokenizer

FALSE_DISCOVERIES = 0.01
"""Expected share of unmarked documents among those whose mark counts as evidence, at most."""
CONTROL = "benjamini-yekutieli"
"""How it is held: whatever the documents share, since a corpus repeats itself and what is evidence may drop a document.
It asks for p-values that are smaller by ln n, which a text of some length with a mark has many times over."""


class KeyedReadings(NamedTuple):
    """What keys say of documents; arrays have the shape (documents,)."""

    p_values: NDArray[np.float64]  # all keys together, in (0, 1]
    keys: NDArray[np.int16]  # the one whose own p-value is the least, by its number


@dataclass(frozen=True, slots=True, kw_only=True)
class KeyedMarks:
    """Keys to look for, named so that every worker can load them."""

    keys: tuple[str, ...]  # absolute paths
    ids: tuple[str, ...]  # of the keys, in their order
    schemes: tuple[str, ...]
    tokenizer: str  # absolute path
    fingerprint: str  # of the tokeniser
    digest: str  # of the keys' ids and the tokeniser: of what decides p-values

    @classmethod
    def of(cls, keys: Sequence[str | Path], tokenizer: str | Path) -> Self:
        """Load keys and tokeniser once, before any text is read.

        Raises:
            InputError: one cannot be read, or the tokeniser is not the keys'.
            MissingExtraError: the extra `tokens` is not installed.
        """
        loaded = [load_key(Path(key)) for key in keys]
        coder = open_tokenizer(Path(tokenizer))
        for key in loaded:
            check_tokenizer(key, coder.fingerprint)
        told = "\0".join([coder.fingerprint, *(key.id for key in loaded)])
        return cls(
            keys=tuple(str(Path(key).absolute()) for key in keys),
            ids=tuple(key.id for key in loaded),
            schemes=tuple(key.scheme for key in loaded),
            tokenizer=str(Path(tokenizer).absolute()),
            fingerprint=coder.fingerprint,
            digest=hashlib.sha256(told.encode()).hexdigest(),
        )

    @property
    def cautions(self) -> tuple[str, ...]:
        """What whoever reads of these marks must know of their schemes."""
        return cautions_of(self.schemes)

    def read(self, texts: Sequence[str]) -> KeyedReadings:
        """Look for the marks of all keys in texts."""
        coder, detectors, vocabulary = _loaded(self)
        readings = read_tokens(coder.encode(texts), detectors, vocabulary=vocabulary)
        return KeyedReadings(least_p_values(readings), readings.p_values.argmin(axis=0).astype(np.int16))


@lru_cache(maxsize=2)
def _loaded(marks: KeyedMarks) -> tuple[Tokenizer, tuple[Detector, ...], int]:
    keys = [load_key(Path(key)) for key in marks.keys]
    detectors = tuple(detector_of(key) for key in keys)
    return open_tokenizer(Path(marks.tokenizer)), detectors, min(key.vocabulary for key in keys)


def keyed_log10(p_values: NDArray[np.float64]) -> NDArray[np.float64]:
    """log10 likelihood ratio that each document's mark is worth as evidence, shape (documents,), from 0 to 6.

    0 for documents that are not called marked with the false discovery rate held over all of them: what one document
    in a hundred shows by chance is no evidence of anything.
    """
    if not p_values.size:
        return np.zeros(0)
    marked = by_p_values(p_values, level=FALSE_DISCOVERIES, any_dependence=True).marked
    return np.where(marked, log10_evidence(p_values), 0.0)
