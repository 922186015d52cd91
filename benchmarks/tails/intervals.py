"""How often the 95 % intervals of tail and diversity figures are right, on simulated sources whose truth is known.

    python benchmarks/tails/intervals.py [--worlds 500] [--seed 0] [--only hill,zipf]

Each world is a fresh corpus of one source: Zipf's law, topics, bursts, documents of unequal length, stock phrases. The
truth is the mean of a figure over all worlds of a design, which is what the interval is for. A cell holds the share of
worlds whose interval covers it, and in brackets the mean width of intervals over the ideal width, 2 * 1.96 standard
deviations over worlds. With 500 worlds a true .95 is measured as .95 +- .019, with 1,000 as .95 +- .014.

Figures of the groups hill, coverage and reference are for a number of documents; those of zipf, ngrams and compression
are for a number of words or bytes, so their worlds are cut to one.
"""

import argparse
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "tests" / "measure"))
from text_sources import Source

from wellkeeper.errors import DataError
from wellkeeper.measure.incidence import incidence_of, ngrams, take_words
from wellkeeper.measure.jackknife import FEWEST_DOCUMENTS, Interval
from wellkeeper.measure.redundancy import compression_ratio, distinct, self_repetition
from wellkeeper.measure.reference import reference_tails_or_none
from wellkeeper.measure.sample_coverage import coverage_profile
from wellkeeper.measure.tails import Hill, tail_profile
from wellkeeper.measure.zipf import word_laws

Tokens = tuple[NDArray[np.int64], NDArray[np.uint64]]  # offsets of documents, hashes of words
Figures = dict[str, Interval]
World = Callable[[np.random.Generator], Figures]


@dataclass(frozen=True, slots=True, kw_only=True)
class Design:
    """A source and how much is drawn of it."""

    name: str
    source: Source
    documents: int


DESIGNS = (
    Design(name="20 documents", source=Source(stock=0.3), documents=20),
    Design(name="100 documents", source=Source(stock=0.3), documents=100),
    Design(name="400 short documents", source=Source(words=60, stock=0.3), documents=400),
    Design(name="100, temperature .8", source=Source(temperature=0.8, stock=0.6), documents=100),
)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--worlds", type=int, default=500)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--only", default=",".join(GROUPS), help="groups, between commas")
    arguments = parser.parse_args()
    print(f"{arguments.worlds} worlds a cell, seed {arguments.seed}")
    print("| figure |", " | ".join(design.name for design in DESIGNS), "|")
    print("| --- |", " | ".join("---" for _ in DESIGNS), "|")
    begun = time.process_time()
    for name in arguments.only.split(","):
        columns = []
        for design in DESIGNS:
            rng = np.random.default_rng(arguments.seed)
            world = GROUPS[name](design)
            columns.append(judged([world(rng) for _ in range(arguments.worlds)]))
        for figure in dict.fromkeys(figure for column in columns for figure in column):
            print(f"| {figure} |", " | ".join(column.get(figure, "") for column in columns), "|", flush=True)
    print(f"{time.process_time() - begun:.0f} CPU-s")


def judged(worlds: list[Figures]) -> dict[str, str]:
    """For each figure how often it was covered, and how wide its intervals were."""
    cells = {}
    for figure in dict.fromkeys(figure for world in worlds for figure in world):
        found = [world[figure] for world in worlds if figure in world]
        estimates = np.array([interval.estimate for interval in found])
        lows, highs = (np.array([getattr(interval, end) for interval in found]) for end in ("low", "high"))
        truth = estimates.mean()
        covered = float(((lows <= truth) & (truth <= highs)).mean())
        width = float((highs - lows).mean() / (2 * 1.96 * estimates.std()))
        cells[figure] = f"{covered:.3f} ({width:.2f})"
    return cells


def hill(design: Design) -> World:
    sample = design.source.sampler()

    def world(rng: np.random.Generator) -> Figures:
        profile = tail_profile(incidence_of(*sample(design.documents, rng)))
        return {**orders("rarefied", profile.hill), "missing mass": profile.missing_mass}

    return world


def coverage(design: Design) -> World:
    sample = design.source.sampler()
    # The level is part of the design: what half of the documents cover in a corpus that is not counted.
    level = coverage_profile(incidence_of(*sample(design.documents, np.random.default_rng(99)))).level

    def world(rng: np.random.Generator) -> Figures:
        profile = coverage_profile(incidence_of(*sample(design.documents, rng)), level=round(level, 2))
        return {
            "sample coverage": profile.coverage,
            **orders("at equal coverage", profile.hill),
            "Chao-Shen entropy": profile.entropy,
        }

    return world


def reference(design: Design) -> World:
    sample, human = design.source.sampler(), Source(words=design.source.words, stock=0.3).sampler()

    def world(rng: np.random.Generator) -> Figures:
        tails = reference_tails_or_none(
            incidence_of(*human(4 * design.documents, rng)), incidence_of(*sample(design.documents, rng))
        )
        if tails is None or tails.rare is None:  # few long documents filled one side
            return {}
        return {
            "coverage of rare types": tails.rare.coverage,
            "its ceiling": tails.rare.ceiling,
            "its gap": tails.rare.gap,
            "lost mass, excess": tails.lost_mass_excess,
            "invented mass, excess": tails.invented_mass_excess,
        }

    return world


def zipf(design: Design) -> World:
    draw = cut_to_words(design)

    def world(rng: np.random.Generator) -> Figures:
        laws = word_laws(incidence_of(*draw(rng)))
        return {"Zipf exponent": laws.zipf, "Heaps exponent": laws.heaps}

    return world


def in_ngrams(design: Design) -> World:
    draw = cut_to_words(design)

    def world(rng: np.random.Generator) -> Figures:
        tokens = draw(rng)
        pairs, threes, fours = (incidence_of(*ngrams(*tokens, n)) for n in (2, 3, 4))
        return {
            "distinct-2": distinct(pairs),
            "distinct-3": distinct(threes),
            "distinct-2 of half": distinct(pairs, units=pairs.documents // 2),
            "self-repetition, n = 2": self_repetition(pairs),
            "self-repetition, n = 4": self_repetition(fours),
            "self-repetition, n = 4, of half": self_repetition(fours, units=fours.documents // 2),
        }

    return world


def compression(design: Design) -> World:
    draw = cut_to_words(design)
    letters = np.random.default_rng(1).integers(97, 123, (design.source.types, 6), dtype=np.uint8)
    names = [bytes(row[: 2 + rank % 5]).decode() for rank, row in enumerate(letters)]
    size = int(3.5 * design.documents * design.source.words)  # bytes, some fewer than the words have

    def world(rng: np.random.Generator) -> Figures:
        offsets, words = draw(rng)
        texts = (
            " ".join(names[word] for word in words[first:end].tolist()) for first, end in pairwise(offsets)
        )
        try:
            return {"compression ratio": compression_ratio(texts, size=size)}
        except DataError:  # few long documents filled the size
            return {}

    return world


def cut_to_words(design: Design) -> Callable[[np.random.Generator], Tokens]:
    """Documents up to the number of words that so many have on average, or to 10 documents if that is more."""
    sample, budget = design.source.sampler(), round(design.documents * design.source.words)

    def draw(rng: np.random.Generator) -> Tokens:
        offsets, words = sample(design.documents, rng)
        while offsets[-1] < 1.2 * budget:
            more, further = sample(design.documents // 2, rng)
            offsets = np.concatenate((offsets, offsets[-1] + more[1:]))
            words = np.concatenate((words, further))
        kept = max(take_words(incidence_of(offsets, words), budget).documents, FEWEST_DOCUMENTS)
        return offsets[: kept + 1], words[: offsets[kept]]

    return draw


def orders(of: str, found: Hill) -> Figures:
    return {f"Hill q{order}, {of}": getattr(found, f"q{order}") for order in range(3)}


GROUPS = {
    "hill": hill,
    "coverage": coverage,
    "reference": reference,
    "zipf": zipf,
    "ngrams": in_ngrams,
    "compression": compression,
}

if __name__ == "__main__":
    main()
