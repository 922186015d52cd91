"""How often `wellkeeper compare` cries wolf, what it finds, and how often its intervals cover: worlds of known truth.

    python benchmarks/tails/compare.py                                  # simulated worlds, a few CPU-minutes
    python benchmarks/tails/compare.py --worlds 200 --damaged 50        # the same, small
    python benchmarks/tails/compare.py --data TEXTS.jsonl[.zst]         # real texts: fields text, label (human, ai)

Simulated worlds. `cells`: 1,500 cells of mass proportional to rank^-1.05; each of 200 prompts has a mix of its own,
Gamma(600 x mass); 4 answers a prompt are one document; 6,000 answers, one a prompt, are the human reference. *Paired*
corpora answer the same prompts, *unpaired* ones others. `text`: 60 documents of 20 topics, words of Zipf's law in
bursts, lengths of coefficient of variation 1. Damages: the rarest cells with 5 or 10 % of the mass cut away, all masses
to the power of 1 / temperature.

Columns, as shares of worlds: `any p`: some adjusted p-value is at most .05; `worse`: so says the verdict; `not worse`;
then the smallest margin of error of a share, and for each figure the share of worlds whose p-value, adjusted for all
figures, is at most .05. The second table has how often the 95 % interval of the change covers the truth, which is 0
without damage and else the mean over worlds, of ratios on the logarithmic scale. Last, how often a change as large as
the margin is taken for less.

Real texts. Human texts are split at random: a quarter is the reference, a quarter each corpus, `--splits` times; then a
corpus of AI texts is put in the second one's place. Words and 3-grams, without topics.
"""

import argparse
import io
import json
import math
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import zstandard
from numpy.typing import NDArray

from wellkeeper.kernels import text
from wellkeeper.measure.incidence import Incidence, incidence_of, ngrams
from wellkeeper.measure.relabel import HILL
from wellkeeper.measure.two_corpora import Change, Compared, Judgement, compare, judge

CELLS, EXPONENT, CONCENTRATION = 1_500, 1.05, 600
PROMPTS, ANSWERS, REFERENCE = 200, 4, 6_000
LEVEL = 0.05
MARGIN = 0.05

Shares = NDArray[np.float64]
World = tuple[Incidence, Incidence, Incidence | None]


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--worlds", type=int, default=2_000, help="worlds without damage, of each design")
    parser.add_argument("--damaged", type=int, default=200, help="worlds with each damage")
    parser.add_argument("--permutations", type=int, default=199)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--data", type=Path, help="JSON lines with `text` and `label`, human or ai")
    parser.add_argument("--splits", type=int, default=200)
    arguments = parser.parse_args()
    if arguments.data is not None:
        real_text(arguments.data, arguments.splits, arguments.permutations, arguments.seed)
        return
    for design in designs():
        for damage in design.damages:
            many = arguments.worlds if damage == "none" else arguments.damaged
            if many:
                begun = time.process_time()
                found = compared(design, damage, many, arguments.permutations, arguments.seed)
                spent = time.process_time() - begun
                print(f"\n{design.name}; damage: {damage}; {many:,} worlds, {spent:.0f} CPU-s")
                _print_rates(found)
                _print_coverage([comparison for comparison, _ in found], null=damage == "none")
    for figure in HILL if arguments.damaged else ():
        change, cleared = cleared_at_the_margin(figure, arguments.damaged, arguments.seed)
        print(f"\n{figure} changed by {change:+.1%}, margin {MARGIN:.0%}: taken for less in {cleared:.3f}")


@dataclass(frozen=True, slots=True)
class Design:
    name: str
    paired: bool
    damages: dict[str, Callable[[np.random.Generator], World]]


def designs() -> Iterator[Design]:
    base = 1 / np.arange(1, CELLS + 1) ** EXPONENT
    base /= base.sum()
    damages = {
        "none": base,
        "tail cut, 5 %": _cut(base, 0.05),
        "tail cut, 10 %": _cut(base, 0.10),
        "temperature .95": _sharpened(base, 0.95),
        "temperature .9": _sharpened(base, 0.9),
    }
    for paired in (True, False):
        name = f"cells, {'paired' if paired else 'unpaired'}"
        yield Design(
            name,
            paired,
            {damage: _cells(base, after, paired=paired, reference=True) for damage, after in damages.items()},
        )
    few = {damage: damages[damage] for damage in ("none", "tail cut, 10 %")}
    yield Design(
        "cells, unpaired, no reference",
        paired=False,
        damages={damage: _cells(base, after, paired=False, reference=False) for damage, after in few.items()},
    )
    yield Design("text", paired=False, damages={"none": _texts(60, 60)})
    yield Design("text, B thrice as large", paired=False, damages={"none": _texts(40, 120)})


def cleared_at_the_margin(figure: str, worlds: int, seed: int) -> tuple[float, float]:
    """The true change, which is about as large as the margin, and in what share of worlds it is taken for less.

    300 documents of 20 draws from 1,500 cells, the second corpus at the temperature that makes the change.
    """
    base = 1 / np.arange(1, CELLS + 1) ** EXPONENT
    base /= base.sum()
    rng = np.random.default_rng([seed, HILL.index(figure)])

    def corpus(masses: Shares) -> Incidence:
        cells = np.searchsorted(np.cumsum(masses), rng.random(300 * 20) * masses.sum())
        return incidence_of(np.arange(301, dtype=np.int64) * 20, cells.astype(np.uint64))

    def changes(temperature: float, many: int) -> list[Change]:
        after = _sharpened(base, temperature)
        return [
            compare(corpus(base), corpus(after), permutations=19, margin=MARGIN).changes[HILL.index(figure)]
            for _ in range(many)
        ]

    low, high = 0.8, 1.0
    for _ in range(9):
        middle = (low + high) / 2
        mean = np.mean([change.change.estimate for change in changes(middle, 30)])
        low, high = (middle, high) if mean < -MARGIN else (low, middle)
    found = changes((low + high) / 2, worlds)
    cleared = float(np.mean([change.at_least > -MARGIN for change in found]))
    return float(np.mean([change.change.estimate for change in found])), cleared


def _cut(base: Shares, mass: float) -> Shares:
    left: Shares = np.where(np.cumsum(base) > 1 - mass, 0.0, base)
    left /= left.sum()
    return left


def _sharpened(base: Shares, temperature: float) -> Shares:
    sharp: Shares = base ** (1 / temperature)
    sharp /= sharp.sum()
    return sharp


def _cells(
    base: Shares, after: Shares, *, paired: bool, reference: bool
) -> Callable[[np.random.Generator], World]:
    ratio = after / base

    def mixes(prompts: int, rng: np.random.Generator) -> Shares:
        return rng.standard_gamma(CONCENTRATION * base, (prompts, CELLS))

    def answers(masses: Shares, many: int, rng: np.random.Generator) -> Incidence:
        ends = np.cumsum(masses, axis=1)
        ends /= ends[:, -1:]
        rows = np.arange(len(masses))[:, None]
        found = np.searchsorted((ends + rows).ravel(), (rng.random((len(masses), many)) + rows).ravel())
        cells = found - np.repeat(rows.ravel() * CELLS, many)
        offsets = np.arange(len(masses) + 1, dtype=np.int64) * many
        return incidence_of(offsets, cells.astype(np.uint64))

    def people(rng: np.random.Generator) -> Incidence:
        # one answer of a fresh prompt each: the mean of its mix
        cells = np.searchsorted(np.cumsum(base), rng.random(REFERENCE) * base.sum())
        return incidence_of(np.arange(REFERENCE + 1, dtype=np.int64), cells.astype(np.uint64))

    def world(rng: np.random.Generator) -> World:
        before = mixes(PROMPTS, rng)
        others = before if paired else mixes(PROMPTS, rng)
        return (
            answers(before, ANSWERS, rng),
            answers(others * ratio, ANSWERS, rng),
            people(rng) if reference else None,
        )

    return world


def _texts(first: int, second: int) -> Callable[[np.random.Generator], World]:
    types, topics, burst, mean = 5_000, 20, 0.3, 100.0
    zipf = 1 / (np.arange(1, types + 1) + 2.7)
    weights = zipf * np.random.default_rng(0).gamma(0.5, 2.0, (topics, types))
    ends = np.cumsum(weights, axis=1)
    ends /= ends[:, -1:]

    def corpus(documents: int, rng: np.random.Generator) -> Incidence:
        scale = math.sqrt(math.log(2))
        lengths = np.maximum(
            1, (mean * np.exp(rng.normal(-(scale**2) / 2, scale, documents))).astype(np.int64)
        )
        offsets = np.concatenate(([0], np.cumsum(lengths)))
        topic = np.repeat(rng.integers(topics, size=documents), lengths)
        words = np.searchsorted((ends + np.arange(topics)[:, None]).ravel(), rng.random(topic.size) + topic)
        words -= topic * types
        starts = np.repeat(offsets[:-1], lengths)
        earlier = starts + (rng.random(words.size) * (np.arange(words.size) - starts)).astype(np.int64)
        again = rng.random(words.size) < burst
        words[again] = words[earlier[again]]
        return incidence_of(offsets, words.astype(np.uint64))

    def world(rng: np.random.Generator) -> World:
        return corpus(first, rng), corpus(second, rng), corpus(4 * first, rng)

    return world


def compared(
    design: Design, damage: str, worlds: int, permutations: int, seed: int
) -> list[tuple[Compared, Judgement]]:
    """Comparison and verdict in each world of a design."""
    found = []
    for number in range(worlds):
        first, second, reference = design.damages[damage](np.random.default_rng([seed, number]))
        comparison = compare(
            first,
            second,
            reference=reference,
            paired=design.paired,
            seed=number,
            permutations=permutations,
            margin=MARGIN,
        )
        found.append((comparison, judge({"cells": comparison}, level=LEVEL)))
    return found


def _print_rates(found: Sequence[tuple[Compared, Judgement]]) -> None:
    worlds = len(found)
    any_p = np.mean([min(change.p for change in comparison.changes) <= LEVEL for comparison, _ in found])
    verdicts = Counter(judgement.verdict for _, judgement in found)
    print(
        f"  any p {any_p:.3f}  worse {verdicts['worse'] / worlds:.3f}  not worse {verdicts['not worse'] / worlds:.3f}"
        f"  (+- {1.96 * math.sqrt(0.05 * 0.95 / worlds):.3f} at .05)"
    )
    figures = [change.figure for change in found[0][0].changes]
    shares = [
        np.mean([comparison.changes[at].p <= LEVEL for comparison, _ in found]) for at in range(len(figures))
    ]
    print(
        "  found by  " + "  ".join(f"{name} {share:.2f}" for name, share in zip(figures, shares, strict=True))
    )


def _print_coverage(found: Sequence[Compared], *, null: bool) -> None:
    said = []
    for at, change in enumerate(found[0].changes):
        changes = [comparison.changes[at].change for comparison in found]
        is_ratio = "mass" not in change.figure or change.figure == "tail_mass"
        estimates = np.array([one.estimate for one in changes])
        truth = 0.0 if null else float(estimates.mean())
        if is_ratio and not null:
            truth = math.expm1(float(np.log1p(np.maximum(estimates, -0.999)).mean()))
        covered = np.mean([one.low <= truth <= one.high for one in changes])
        said.append(f"{change.figure} {covered:.3f}")
    print("  coverage  " + "  ".join(said))


def real_text(path: Path, splits: int, permutations: int, seed: int) -> None:
    words = {label: _hashes(path, label) for label in ("human", "ai")}
    documents = {label: found[0].size - 1 for label, found in words.items()}
    size = documents["human"] // 4
    print(f"{path.name}: {documents['human']:,} human and {documents['ai']:,} AI texts, {size} a corpus")
    for second, with_reference in (("human", True), ("human", False), ("ai", True), ("ai", False)):
        begun = time.process_time()
        verdicts: Counter[str] = Counter()
        figures: Counter[str] = Counter()
        many = splits if second == "human" else max(1, splits // 10)
        for number in range(many):
            rng = np.random.default_rng([seed, number])
            order = rng.permutation(documents["human"])
            other = (
                order[2 * size : 3 * size] if second == "human" else rng.permutation(documents["ai"])[:size]
            )
            before = _families(*words["human"], order[:size])
            human = _families(*words["human"], order[size : 2 * size])
            after = _families(*words[second], other)
            judgement = judge(
                {
                    family: compare(
                        before[family],
                        after[family],
                        reference=human[family] if with_reference else None,
                        seed=number,
                        permutations=permutations,
                    )
                    for family in before
                }
            )
            verdicts[judgement.verdict] += 1
            figures.update(f"{family} {change.figure}" for family, change in judgement.worse)
        spent = time.process_time() - begun
        beside = "with a reference" if with_reference else "without a reference"
        print(
            f"human against {second}, {beside}: {dict(verdicts)} of {many}, {spent:.0f} CPU-s; {dict(figures)}"
        )


def _hashes(path: Path, label: str) -> tuple[NDArray[np.int64], NDArray[np.uint64]]:
    with path.open("rb") as opened:
        stream = zstandard.ZstdDecompressor().stream_reader(opened) if path.suffix == ".zst" else opened
        with io.TextIOWrapper(stream, "utf-8") as lines:
            rows = [json.loads(line) for line in lines]
    texts = [row["text"].encode() for row in rows if row["label"] == label]
    offsets = np.concatenate(([0], np.cumsum([len(one) for one in texts], dtype=np.int64)))
    data = np.frombuffer(b"".join(texts), np.uint8)
    return text.word_hashes(data, offsets, text.load_tables(), np.arange(len(texts)))


def _families(
    offsets: NDArray[np.int64], hashes: NDArray[np.uint64], chosen: NDArray[np.int64]
) -> dict[str, Incidence]:
    bounds = np.concatenate(([0], np.cumsum(np.diff(offsets)[chosen])))
    words = np.concatenate([hashes[offsets[d] : offsets[d + 1]] for d in chosen.tolist()])
    return {"words": incidence_of(bounds, words), "3-grams": incidence_of(*ngrams(bounds, words, 3))}


if __name__ == "__main__":
    main()
