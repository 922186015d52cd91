"""Made-up text for proofs: documents of Zipf's law in several dialects, which hold the same words in other shares."""

from collections.abc import Sequence

import numpy as np

SYLLABLES = [a + b for a in "bdfgklmnprstvz" for b in "aeiou"]
WORDS = [first + second for first in SYLLABLES for second in SYLLABLES][:3000]


def texts(
    documents: int, seed: int, *, dialect: int = 0, words: int = 60, common: int = len(WORDS)
) -> list[str]:
    """Documents of about `words` words; each dialect has its own order of the vocabulary, cut to the most common."""
    rng = np.random.default_rng([seed, dialect])
    order = np.random.default_rng(dialect).permutation(len(WORDS))[:common]
    masses = 1 / np.arange(2, common + 2)
    masses /= masses.sum()
    found = []
    for _ in range(documents):
        size = max(5, round(words * rng.gamma(4, 0.25)))
        burst = rng.choice(order, 6, p=masses)  # words that a document repeats
        drawn = np.where(rng.random(size) < 0.25, rng.choice(burst, size), rng.choice(order, size, p=masses))
        found.append(" ".join(WORDS[word] for word in drawn.tolist()))
    return found


def edited(text: str, rng: np.random.Generator, *, every: int) -> str:
    """The text with one word in `every` replaced."""
    words = text.split()
    for place in range(every // 2, len(words), every):
        words[place] = WORDS[int(rng.integers(len(WORDS)))]
    return " ".join(words)


def rejoined(parts: Sequence[Sequence[str]]) -> list[str]:
    return [text for part in parts for text in part]
