"""Vendi scores and the kernel test against vendi-score, their definitions, closed forms and chance."""

import json
import math
import os
import subprocess
import sys

import numpy as np
import pytest
import vendi_score.vendi as peer
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy.stats import binom

from wellkeeper.core.decision import VECTOR_UNIT
from wellkeeper.errors import DataError
from wellkeeper.measure.embeddings import (
    _discrepancies,
    _grams,
    _kernel,
    kernel_test,
    permuted_labels,
    unit_vectors,
    vendi,
    vendi_scores,
)

components = st.floats(-100, 100, width=32).filter(lambda x: x == 0 or abs(x) > 1e-3)


@st.composite
def vectors(draw, least: int = 1, most: int = 30, dimensions: int | None = None) -> np.ndarray:
    shape = (draw(st.integers(least, most)), dimensions or draw(st.integers(1, 12)))
    found = draw(arrays(np.float64, shape, elements=components, fill=st.nothing()))
    found[~found.any(axis=1), 0] = 1.0
    return unit_vectors(found)


def normal(documents: int, dimensions: int, seed: int, shift: float = 0.0) -> np.ndarray:
    return unit_vectors(np.random.default_rng(seed).normal(shift, 1, (documents, dimensions)))


def cosines(units: np.ndarray) -> np.ndarray:
    rows = units / np.linalg.norm(units.astype(float), axis=1)[:, None]
    return rows @ rows.T


# --- vectors ---------------------------------------------------------------------------------------


@given(vectors(), st.floats(1e-150, 1e150))
def test_vectors_have_length_one_whatever_their_length_was(units: np.ndarray, scale: float) -> None:
    lengths = np.linalg.norm(units / VECTOR_UNIT, axis=1)
    assert np.abs(lengths - 1).max() < 0.5 * math.sqrt(units.shape[1]) / VECTOR_UNIT + 1e-9
    again = unit_vectors(units * scale)
    assert np.abs(again.astype(int) - units).max() <= 2


@pytest.mark.parametrize(
    ("found", "says"),
    [
        (np.zeros(3), r"vectors have shape \(3,\)\. Pass a row for each document, of at least 1 dimension\."),
        (np.array([[1.0], [0.0]]), r"vectors\[1\] is all noughts\. Leave documents out"),
        (np.array([[np.nan]]), r"vectors\[0\] is not finite\. Leave documents out"),
        (np.array([[1.0, -np.inf]]), r"vectors\[0\] is not finite"),
    ],
)
def test_what_is_no_vector_is_refused(found: np.ndarray, says: str) -> None:
    with pytest.raises(DataError, match=says):
        unit_vectors(found)


# --- Vendi scores ----------------------------------------------------------------------------------


@given(vectors(most=40))
def test_scores_are_those_of_vendi_score(units: np.ndarray) -> None:
    found = vendi_scores(units)
    # equal length is what both suppose; rounding to the grid leaves lengths that differ a little
    weights = np.square(units.astype(float)).sum(axis=1)
    kernel = cosines(units)
    eigenvalues = np.linalg.eigvalsh(kernel * np.sqrt(np.outer(weights, weights)) / weights.sum())
    for score, order in zip(found, (1, 2, "inf"), strict=True):
        positive = eigenvalues[eigenvalues > 1e-14]
        assert score == pytest.approx(math.exp(peer.entropy_q(positive, q=order)), rel=1e-6)
        assert score == pytest.approx(peer.score_dual(units.astype(float), q=order), rel=0.01)


@given(vectors(most=40))
def test_scores_fall_with_the_order_and_lie_between_one_and_what_there_is(units: np.ndarray) -> None:
    q1, q2, infinity = vendi_scores(units)
    most = min(units.shape)
    assert 1 - 1e-8 <= infinity <= q2 + 1e-8 <= q1 + 2e-8 <= most + 1e-7


@given(st.integers(1, 30))
def test_orthogonal_documents_are_as_diverse_as_they_are_many_and_copies_as_one(count: int) -> None:
    assert vendi_scores(unit_vectors(np.eye(count))) == pytest.approx([count] * 3)
    assert vendi_scores(unit_vectors(np.ones((count, 3)))) == pytest.approx([1] * 3)


@given(vectors(), st.integers(2, 4))
def test_copying_every_document_changes_nothing(units: np.ndarray, times: int) -> None:
    assert vendi_scores(np.repeat(units, times, axis=0)) == pytest.approx(vendi_scores(units))


@given(vectors(), st.randoms())
def test_the_order_of_documents_does_not_matter(units: np.ndarray, random) -> None:
    order = random.sample(range(len(units)), len(units))
    assert vendi_scores(units[order]) == pytest.approx(vendi_scores(units))


@pytest.mark.parametrize("shape", [(40, 6), (12, 30)])
def test_scores_without_a_block_are_those_of_the_other_documents(shape: tuple[int, int]) -> None:
    units, bounds = normal(*shape, seed=1), np.array([0, 3, 7, shape[0]])
    for which, gram in enumerate(_grams(units, bounds)):
        rest = np.delete(units, slice(*bounds[which - 1 : which + 1]), axis=0) if which else units
        direct = rest.astype(float).T @ rest.astype(float)
        found, expected = np.linalg.eigvalsh(gram), np.linalg.eigvalsh(direct)
        common = min(found.size, expected.size)
        assert found[-common:] == pytest.approx(expected[-common:], abs=1e-4)


def test_a_corpus_with_fewer_subjects_is_less_diverse_and_intervals_tell() -> None:
    rng = np.random.default_rng(3)
    subjects = rng.normal(0, 2, (50, 32))
    rich, poor = (
        vendi(unit_vectors(subjects[rng.integers(many, size=300)] + rng.normal(0, 1, (300, 32))))
        for many in (50, 10)
    )
    assert poor.q1.high < rich.q1.low
    assert poor.q2.high < rich.q2.low
    for found in (rich.q1, rich.q2, rich.infinity):
        assert found.low < found.estimate < found.high


def test_scores_at_a_fixed_size_are_of_the_first_documents() -> None:
    units = normal(60, 8, seed=5)
    found = vendi(units, documents=25)
    assert found.documents == 25
    assert (found.q1.estimate, found.q2.estimate, found.infinity.estimate) == vendi_scores(units[:25])
    with pytest.raises(DataError, match=r"there are 60 documents, not 61\. Ask for no more than there are\."):
        vendi(units, documents=61)


def test_the_interval_covers_the_mean_of_fresh_samples() -> None:
    worlds, subjects = 150, np.random.default_rng(0).normal(0, 2, (20, 8))
    found = []
    for seed in range(worlds):
        rng = np.random.default_rng([7, seed])
        found.append(vendi(unit_vectors(subjects[rng.integers(20, size=60)] + rng.normal(0, 1, (60, 8)))).q1)
    truth = np.mean([one.estimate for one in found])
    missed = sum(not one.low <= truth <= one.high for one in found)
    assert missed <= binom.ppf(0.999, worlds, 0.06)


# --- kernel test -----------------------------------------------------------------------------------


def discrepancy(one: np.ndarray, other: np.ndarray) -> float:
    """Unbiased squared MMD by its definition, in sums over pairs."""
    both = np.concatenate((one, other)) / VECTOR_UNIT
    pairs = [np.sum((a - b) ** 2) for k, a in enumerate(both) for b in both[:k]]
    bandwidth = np.median(pairs) or min(filter(None, pairs), default=1.0)

    def mean(rows, columns, *, same: bool) -> float:
        return np.mean(
            [
                math.exp(-np.sum((a - b) ** 2) / (2 * bandwidth))
                for i, a in enumerate(rows)
                for j, b in enumerate(columns)
                if not (same and i == j)
            ]
        )

    x, y = both[: len(one)], both[len(one) :]
    return mean(x, x, same=True) + mean(y, y, same=True) - 2 * mean(x, y, same=False)


@settings(max_examples=20)
@given(st.data())
def test_the_discrepancy_is_that_of_the_definition(data) -> None:
    one, other = (data.draw(vectors(least=10, most=14, dimensions=3)) for _ in range(2))
    size = min(len(one), len(other))
    found = kernel_test(one, other, seed=0, permutations=9)
    assert found.documents == size
    assert found.discrepancy == pytest.approx(discrepancy(one[:size], other[:size]), abs=1e-5)


def test_every_labelling_is_scored_as_if_it_were_given() -> None:
    units = normal(24, 4, seed=2)
    kernel, _ = _kernel(units)
    labels = permuted_labels(12, 20, seed=1)
    found = _discrepancies(kernel, labels)
    for mine, value in zip(labels, found, strict=True):
        assert value == pytest.approx(discrepancy(units[mine], units[~mine]), abs=1e-5)


def test_one_source_is_told_apart_no_more_often_than_it_may() -> None:
    worlds = 200
    ps = [
        kernel_test(normal(15, 3, seed=k), normal(15, 3, seed=10**6 + k), seed=k, permutations=39).p
        for k in range(worlds)
    ]
    assert sum(p <= 0.05 for p in ps) <= binom.ppf(0.999, worlds, 0.05)
    assert min(ps) >= 1 / 40


def test_another_source_is_told_apart() -> None:
    found = kernel_test(normal(100, 16, seed=1), normal(100, 16, seed=2, shift=0.5), seed=0)
    assert found.p == 1 / 200
    assert found.discrepancy > found.null.high > 0 > found.null.low
    assert list(found.to_json()) == ["documents", "bandwidth", "discrepancy", "null", "p"]


def test_copies_of_one_document_are_compared_too() -> None:
    same = unit_vectors(np.ones((20, 3)))
    assert kernel_test(same, same, seed=0).discrepancy == 0
    assert kernel_test(same, same, seed=0).p == 1
    mixed = same.copy()
    mixed[:4] *= -1
    assert kernel_test(same, mixed, seed=0).discrepancy > 0


@pytest.mark.parametrize(
    ("one", "other", "says"),
    [
        (
            normal(9, 3, 0),
            normal(20, 3, 0),
            r"the corpora have 9 and 20 documents with a vector, too few to com",
        ),
        (
            normal(20, 3, 0),
            normal(20, 4, 0),
            r"vectors have 3 dimensions in one corpus and 4 in the other\. Make",
        ),
        (normal(20, 3, 0), np.zeros((20, 3), np.int16), r"vectors\[0\] is all noughts\. Leave documents out"),
    ],
)
def test_corpora_that_cannot_be_compared_are_refused(one, other, says: str) -> None:
    with pytest.raises(DataError, match=says):
        kernel_test(one, other, seed=0)


FIGURES = """
import json
import numpy as np
from wellkeeper.measure.embeddings import kernel_test, unit_vectors, vendi
from wellkeeper.measure.neighbours import neighbourhoods
one, other = (unit_vectors(np.random.default_rng(k).normal(size=(600, 96))) for k in (1, 2))
found = vendi(one), kernel_test(one, other, seed=0), neighbourhoods(one, other, seed=0)
print(json.dumps([figures.to_json() for figures in found]))
"""


def test_figures_do_not_depend_on_the_number_of_threads() -> None:
    found = [
        subprocess.run(
            [sys.executable, "-c", FIGURES],
            env=os.environ | {"OPENBLAS_NUM_THREADS": threads},
            check=True,
            capture_output=True,
            text=True,
        ).stdout
        for threads in ("1", "3")
    ]
    assert json.loads(found[0]) == json.loads(found[1])
