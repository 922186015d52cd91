"""Made references: English enough to be scored, and a scorer that reads off them who is said to have written them."""

import hashlib
import json
import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path

import numpy as np

WORDS = (
    "the of a and in to it was is for that with on as by at from he she they we you this had not but are or which "
    "lake tower road engine garden letter winter market harbour student river paper morning village teacher song"
).split()


def prose(seed: object, words: int = 90) -> str:
    """Sentences of 15 words, mostly function words, as English is; always the same for a seed."""
    rng = np.random.default_rng(int.from_bytes(hashlib.sha256(str(seed).encode()).digest()[:8], "big"))
    chosen = rng.choice(WORDS, words).tolist()
    return " ".join(" ".join(chosen[at : at + 15]).capitalize() + "." for at in range(0, words, 15))


def archive(name: str, documents: int, **columns: object) -> list[dict]:
    """Rows with texts of their own; a callable column is called with the row's number."""
    return [
        {
            "text": prose(f"{name} {row}"),
            **{key: made(row) if callable(made) else made for key, made in columns.items()},
        }
        for row in range(documents)
    ]


def write(path: Path, rows: Iterable[dict]) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return path


@dataclass(frozen=True)
class Component:
    """A training domain on which the score works well."""

    name: str = "made"
    human: np.ndarray = field(
        default_factory=lambda: np.sort(np.random.default_rng(1).normal(-3, 1, 200)).astype("f4")
    )
    ai: np.ndarray = field(
        default_factory=lambda: np.sort(np.random.default_rng(2).normal(3, 1, 200)).astype("f4")
    )


@dataclass
class Style:
    """Scores of mean 3 for texts with the word `delve`, of mean -3 for others; NaN under 50 words.

    `read` gathers how many bytes were scored.
    """

    version: str = "made"
    components: tuple = (Component(), Component(name="other"))
    read: list[int] = field(default_factory=list)

    def score(self, data, offsets):
        self.read.append(int(offsets[-1]))
        texts = [bytes(data[start:end]).decode(errors="replace") for start, end in pairwise(offsets.tolist())]
        return np.array([self._one(text) for text in texts], np.float32)

    @staticmethod
    def _one(text: str) -> float:
        if len(text.split()) < 50:
            return np.nan
        seed = int.from_bytes(hashlib.sha256(text.encode()).digest()[:8], "big")
        return np.random.default_rng(seed).normal(3 if "delve" in text else -3)


def by_model(rows: Iterable[dict]) -> list[dict]:
    """The rows as a model would have written them, for `Style`: as long, with one word of its own."""
    return [
        {**row, "text": re.sub(r" (?:which|tower|river|paper)\b", " delve", row["text"], count=1)}
        for row in rows
    ]
