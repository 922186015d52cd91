"""The labelled texts, read once: without copies, with their features and grams.

Sets are files SET.jsonl.zst of objects with text, label (human, ai, mixed) and, where known, kind, generator, domain
and lang.
"""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import orjson
import zstandard
from numpy.typing import NDArray

from wellkeeper.kernels.style import FEATURES, canonical_texts, load_names, style_features, style_grams
from wellkeeper.origin.style import MAX_BRACKETS, MIN_FUNCTION_SHARE, MIN_WORDS

BITS = 18
"""Grams are hashed to 2 ** BITS buckets."""

HUMAN, AI, MIXED = 0, 1, 2
LABELS = {"human": HUMAN, "ai": AI, "mixed": MIXED}

_COLUMNS = ("label", "domain", "generator", "kind", "language", "pair", "words", "features")


@dataclass(frozen=True, slots=True)
class Grams:
    """Grams of texts, hashed to buckets; those of text k are [bounds[k], bounds[k + 1])."""

    bounds: NDArray[np.int64]  # shape (texts + 1,)
    buckets: NDArray[np.uint32]
    counts: NDArray[np.uint32]

    def chosen(self, index: NDArray[np.int64]) -> "Grams":
        sizes = np.diff(self.bounds)[index]
        bounds = np.concatenate([[0], np.cumsum(sizes)]).astype(np.int64)
        places = np.arange(bounds[-1]) + np.repeat(self.bounds[:-1][index] - bounds[:-1], sizes)
        return Grams(bounds, self.buckets[places], self.counts[places])

    @staticmethod
    def joined(parts: list["Grams"]) -> "Grams":
        shifts = np.cumsum([0, *(len(part.buckets) for part in parts)])
        moved = [part.bounds[1:] + shift for part, shift in zip(parts, shifts.tolist(), strict=False)]
        return Grams(
            np.concatenate([np.zeros(1, np.int64), *moved]),
            np.concatenate([part.buckets for part in parts]),
            np.concatenate([part.counts for part in parts]),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Texts:
    """Texts of people and of models, with what the detectors read of them; all columns share one length."""

    name: str
    label: NDArray[np.int8]  # HUMAN, AI or MIXED
    domain: NDArray[Any]
    generator: NDArray[Any]
    kind: NDArray[Any]
    language: NDArray[Any]
    pair: NDArray[Any]  # texts of one pair are a person's and models' versions of it; "" where there is none
    words: NDArray[np.int64]
    features: NDArray[np.float32]
    word_grams: Grams
    byte_grams: Grams
    texts: list[str]

    def __len__(self) -> int:
        return len(self.label)

    def chosen(self, which: NDArray[Any]) -> "Texts":
        """Some of the texts, by a mask or by their numbers."""
        index = np.flatnonzero(which) if which.dtype == bool else which
        return Texts(
            name=self.name,
            **{name: getattr(self, name)[index] for name in _COLUMNS},
            word_grams=self.word_grams.chosen(index),
            byte_grams=self.byte_grams.chosen(index),
            texts=[self.texts[k] for k in index.tolist()],
        )


def joined(name: str, parts: Iterable[Texts]) -> Texts:
    """Several sets as one."""
    sets = list(parts)
    return Texts(
        name=name,
        **{column: np.concatenate([getattr(part, column) for part in sets]) for column in _COLUMNS},
        word_grams=Grams.joined([part.word_grams for part in sets]),
        byte_grams=Grams.joined([part.byte_grams for part in sets]),
        texts=[text for part in sets for text in part.texts],
    )


def buffers(texts: list[str]) -> tuple[NDArray[np.uint8], NDArray[np.int64]]:
    """Texts as bytes and offsets, shape (texts + 1,)."""
    encoded = [text.encode(errors="replace") for text in texts]
    offsets = np.cumsum([0, *map(len, encoded)]).astype(np.int64)
    return np.frombuffer(b"".join(encoded), np.uint8), offsets


def rows(path: Path) -> Iterator[dict[str, Any]]:
    """The objects of a file of compressed JSON lines."""
    with path.open("rb") as raw, zstandard.ZstdDecompressor().stream_reader(raw) as stream:
        yield from (orjson.loads(line) for line in stream.read().splitlines())


def key_of(text: str) -> str:
    """Texts with the same key are copies: letters and digits of the first 120 characters, in lower case."""
    return re.sub(r"\W", "", text.lower())[:120]


def load(
    folder: Path, name: str, *, seen: set[str] | None = None, labels: tuple[str, ...] = ("human", "ai")
) -> Texts:
    """A set without copies inside it and without texts whose key is in `seen`; keys are added to `seen`."""
    found = [row for row in rows(folder / f"{name}.jsonl.zst") if row["label"] in labels]
    data, offsets = buffers([row["text"] for row in found])
    known = set() if seen is None else seen
    keep = _first_of_each(canonical_texts(data, offsets), known)
    index = np.array(keep, np.int64)
    features, words = style_features(data, offsets, load_names(), index)

    def column(field: str) -> NDArray[Any]:
        return np.array([str(found[k].get(field) or "") for k in keep], object)

    return Texts(
        name=name,
        label=np.array([LABELS[found[k]["label"]] for k in keep], np.int8),
        domain=column("domain"),
        generator=column("generator"),
        kind=column("kind"),
        language=column("lang"),
        pair=column("pair"),
        words=words,
        features=features,
        word_grams=Grams(*style_grams(data, offsets, index, of="words", bits=BITS)),
        byte_grams=Grams(*style_grams(data, offsets, index, of="bytes", bits=BITS)),
        texts=[found[k]["text"] for k in keep],
    )


def _first_of_each(texts: list[str], known: set[str]) -> list[int]:
    """Numbers of the texts that have a key, the first of each that is not known; their keys become known."""
    keep = []
    for number, text in enumerate(texts):
        key = key_of(text)
        if key and key not in known:
            keep.append(number)
            known.add(key)
    return keep


def judged(texts: Texts) -> Texts:
    """The texts that the shipped tier would not abstain on."""
    brackets = texts.features[:, [FEATURES.index(f"sign {sign}") for sign in "()=[]"]].sum(1)
    share = texts.features[:, FEATURES.index("function_share")]
    return texts.chosen(
        (texts.words >= MIN_WORDS) & (share >= MIN_FUNCTION_SHARE) & (brackets <= MAX_BRACKETS)
    )
