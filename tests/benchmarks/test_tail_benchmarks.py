"""The simulations behind the tables of the docs, small: every figure has intervals, and they cover about as often as stated."""

import importlib.util
import sys
from pathlib import Path

import numpy as np
import pytest
from scipy.stats import binom

TAILS = Path(__file__).parents[2] / "benchmarks" / "tails"


def script(name: str):
    """A benchmark as a module under a name of its own: others are called the same as modules of ours."""
    known = f"tail_benchmark_{name}"
    if known not in sys.modules:
        described = importlib.util.spec_from_file_location(known, TAILS / f"{name}.py")
        sys.modules[known] = importlib.util.module_from_spec(described)
        described.loader.exec_module(sys.modules[known])
    return sys.modules[known]


WORLDS = 60
LEAST = 0.92  # what the docs state for figures of 100 documents, all but compression, is more


@pytest.mark.parametrize("group", ["hill", "coverage", "reference", "zipf", "ngrams"])
def test_intervals_cover_the_mean_over_worlds_about_as_often_as_stated(group: str) -> None:
    """A binomial bound: less is seen with a chance below 1 in 10,000 if the intervals cover 92 %."""
    intervals = script("intervals")
    world, rng = intervals.GROUPS[group](intervals.DESIGNS[1]), np.random.default_rng(12)
    worlds = [world(rng) for _ in range(WORLDS)]
    fewest = binom.ppf(1e-4, WORLDS, LEAST)
    for figure in worlds[0]:
        found = [one[figure] for one in worlds]
        truth = np.mean([interval.estimate for interval in found])
        covered = sum(interval.low <= truth <= interval.high for interval in found)
        assert covered >= fewest, (figure, covered)


def test_a_cell_tells_how_often_the_mean_was_covered_and_how_wide_intervals_were() -> None:
    intervals = script("intervals")
    rng = np.random.default_rng(3)
    worlds = []
    for _ in range(4000):
        x = rng.normal(5, 1)
        worlds.append({"x": intervals.Interval(estimate=x, low=x - 1.96 * 1.5, high=x + 1.96 * 1.5)})
    covered, width = intervals.judged(worlds)["x"].split()
    assert float(covered) == pytest.approx(0.997, abs=0.003)
    assert float(width.strip("()")) == pytest.approx(1.5, abs=0.05)


def test_worlds_of_few_texts_that_fill_a_size_are_left_out_of_compression() -> None:
    intervals = script("intervals")
    world, rng = intervals.GROUPS["compression"](intervals.DESIGNS[0]), np.random.default_rng(1)
    found = [world(rng) for _ in range(12)]
    assert all(set(one) <= {"compression ratio"} for one in found)
    assert any(found)


def test_self_repetition_is_what_nltk_calls_precision_where_no_document_repeats_an_n_gram() -> None:
    from nltk.translate.bleu_score import modified_precision

    speed = script("speed")
    texts = speed.documents(60)
    once = [text for text in texts if len({tuple(text[k : k + 4]) for k in range(57)}) == 57]
    assert len(once) > 40
    theirs = np.mean(
        [float(modified_precision([*once[:k], *once[k + 1 :]], text, 4)) for k, text in enumerate(once)]
    )
    ours = speed.self_repetition(speed.incidence_of(*speed.ngrams(*speed.hashed(once), 4))).estimate
    assert ours == pytest.approx(theirs)
    assert ours > 0
