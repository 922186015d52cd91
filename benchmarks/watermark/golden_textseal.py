"""Golden arrays of TextSeal: what the package's own code gives for made documents, kept for tests without torch.

    python benchmarks/watermark/golden_textseal.py [tests/watermark/golden/textseal.npz]
    python benchmarks/watermark/golden_textseal.py --compare 100000

The first writes the arrays. The second scores so many random documents with both and counts those that differ.
"""

import argparse
import warnings
from pathlib import Path

import numpy as np
from textseal_reference import Reference

from wellkeeper.watermark.textseal import TextSeal

VOCABULARY = 128_256
CASES = [(42, 4), (0, 1), (2**55 + 12345, 2), (1_234_567_891, 10)]  # (key, window)


def documents() -> list[np.ndarray]:
    """Empty, shorter than a window, of one token, of a few, with repeats, with the first and last ids; random ones."""
    rng = np.random.default_rng(20261122)
    edges = [
        np.zeros(0),
        np.arange(3),
        np.arange(5),
        np.arange(6),
        np.zeros(60),
        np.full(60, VOCABULARY - 1),
        np.tile(rng.integers(0, VOCABULARY, 20), 6),
        rng.integers(0, 3, 200),
        np.array([0, VOCABULARY - 1] * 40),
    ]
    drawn = [rng.integers(0, VOCABULARY, int(n)) for n in rng.integers(1, 120, 40)]
    return [document.astype(np.int32) for document in (*edges, *drawn)]


def golden() -> dict[str, np.ndarray]:
    given = documents()
    arrays = {
        "tokens": np.concatenate(given),
        "offsets": np.cumsum([0, *map(len, given)], dtype=np.int64),
        "cases": np.array(CASES, np.int64),
    }
    for number, (key, window) in enumerate(CASES):
        reference = Reference(key=key, window=window)
        draws, statistics = [], []
        for document in given:
            integers = np.full(document.size, -1, np.int16)
            scores, mask = reference.scored(document)
            counts = np.flatnonzero(mask) + window + 1
            if counts.size:
                integers[counts] = reference.integers(document)[counts - window]
            draws.append(integers)
            statistics.append(float(np.sum(scores)))
        arrays[f"draws_{number}"] = np.concatenate(draws)
        arrays[f"statistics_{number}"] = np.array(statistics)
    return arrays


def compare(count: int) -> None:
    """Score random documents of few token ids, so that n-grams repeat, and of many."""
    rng = np.random.default_rng(7)
    differing = 0
    for number in range(count):
        key, window = CASES[number % len(CASES)]
        high = (4, 50, VOCABULARY)[number % 3]
        tokens = rng.integers(0, high, int(rng.integers(0, 60))).astype(np.int32)
        ours = TextSeal(key=key, window=window, vocabulary=VOCABULARY)
        drawn = ours.draws(tokens, np.array([0, tokens.size]))
        drawn = drawn[drawn >= 0]
        if tokens.size <= window + 1:
            differing += bool(drawn.size)
            continue
        reference = Reference(key=key, window=window)
        theirs = np.rint(np.array(reference.batch(tokens)[0]) * 8191).astype(np.int64)
        differing += not np.array_equal(theirs, drawn)
    print(f"{count:,} documents, {differing} differ")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("path", nargs="?", type=Path, default=Path("tests/watermark/golden/textseal.npz"))
    parser.add_argument("--compare", type=int, metavar="DOCUMENTS")
    given = parser.parse_args()
    warnings.simplefilter("ignore")
    if given.compare:
        compare(given.compare)
        return
    given.path.parent.mkdir(parents=True, exist_ok=True)
    np.savez_compressed(given.path, **golden())
    print(f"{given.path}: {given.path.stat().st_size:,} bytes")


if __name__ == "__main__":
    main()
