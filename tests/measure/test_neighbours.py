"""Precision, recall, density and coverage against prdc, a plain definition and the closed form of chance."""

import contextlib
import io
import math
import tracemalloc

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from prdc import compute_prdc

from wellkeeper.errors import DataError
from wellkeeper.measure._balls import relabelled_balls
from wellkeeper.measure.embeddings import permuted_labels, unit_vectors
from wellkeeper.measure.neighbours import (
    FIGURES,
    _lists_of,
    _shares,
    neighbourhoods,
    precision_recall_density_coverage,
)


@st.composite
def corpora(draw) -> tuple[np.ndarray, np.ndarray, int]:
    """Two corpora with ties and copies, and a number of neighbours."""
    sizes = draw(st.integers(10, 40)), draw(st.integers(10, 40))
    values = st.integers(-3, 3)
    one, other = (draw(arrays(np.int64, (size, 3), elements=values)) for size in sizes)
    for found in (one, other):
        found[~found.any(axis=1), 0] = 1
    return unit_vectors(one.astype(float)), unit_vectors(other.astype(float)), draw(st.integers(1, 6))


def normal(documents: int, dimensions: int, seed: int, scale: float = 1.0) -> np.ndarray:
    values = np.random.default_rng(seed).normal(0, 1, (documents, dimensions))
    values[:, 1:] *= scale
    return unit_vectors(values)


def peer(corpus: np.ndarray, reference: np.ndarray, nearest: int) -> list[float]:
    with contextlib.redirect_stdout(io.StringIO()):
        found = compute_prdc(reference.astype(float), corpus.astype(float), nearest)
    return [found[name] for name in FIGURES]


@settings(max_examples=40)
@given(corpora())
def test_figures_are_those_of_prdc(case) -> None:
    corpus, reference, nearest = case
    found = precision_recall_density_coverage(corpus, reference, nearest=nearest)
    assert found == pytest.approx(peer(corpus, reference, nearest))


@pytest.mark.parametrize(("documents", "dimensions"), [(300, 8), (300, 200)])
def test_figures_of_many_documents_are_those_of_prdc(documents: int, dimensions: int) -> None:
    corpus, reference = normal(documents, dimensions, 1, 0.7), normal(documents + 100, dimensions, 2)
    found = precision_recall_density_coverage(corpus, reference)
    assert found == pytest.approx(peer(corpus, reference, 5))


@settings(max_examples=30)
@given(corpora(), st.integers(0, 100))
def test_every_labelling_is_scored_as_if_it_were_given(case, seed: int) -> None:
    corpus, reference, nearest = case
    size = min(len(corpus), len(reference))
    nearest = min(nearest, size - 1)
    both = np.concatenate((corpus[:size], reference[:size]))
    lists = _lists_of(both, 2 * size - 1)
    labels = permuted_labels(size, 3, seed)
    found = _shares(relabelled_balls(lists, labels, nearest), size, nearest)
    for mine, figures in zip(labels, found, strict=True):
        expected = precision_recall_density_coverage(both[mine], both[~mine], nearest=nearest)
        assert figures == pytest.approx(expected)


def test_short_lists_of_neighbours_say_the_same_as_whole_ones() -> None:
    one, other = normal(150, 6, 1), normal(150, 6, 2)
    labels = permuted_labels(150, 50, seed=3)
    short, whole = (
        relabelled_balls(_lists_of(np.concatenate((one, other)), listed), labels, 5).tolist()
        for listed in (64, 299)
    )
    assert short == whole


@pytest.mark.parametrize("nearest", [1, 3, 5])
def test_chance_covers_what_combinatorics_says(nearest: int) -> None:
    """A ball is empty of the other corpus if its first k neighbours are all of its own: about 2^-k of the time."""
    size = 200
    found = neighbourhoods(
        normal(size, 4, 1), normal(2 * size, 4, 2), seed=0, nearest=nearest, permutations=300
    )
    empty = math.prod((size - 1 - i) / (2 * size - 1 - i) for i in range(nearest))
    assert empty == pytest.approx(2.0**-nearest, abs=0.02)
    width = found.coverage.null.high - found.coverage.null.low
    assert found.coverage.null.estimate == pytest.approx(1 - empty, abs=4 * width / 4 / math.sqrt(300))
    assert found.density.null.estimate == pytest.approx(1.0, abs=0.05)


def test_one_source_is_like_chance_and_like_its_ceiling() -> None:
    found = neighbourhoods(normal(200, 8, 1), normal(400, 8, 2), seed=0)
    for name in FIGURES:
        figure = getattr(found, name)
        assert figure.p > 0.01
        assert figure.null.low <= figure.null.estimate <= figure.null.high
        assert figure.estimate == pytest.approx(figure.ceiling, abs=0.15)


def test_a_narrowed_corpus_is_precise_and_covers_little() -> None:
    found = neighbourhoods(normal(300, 8, 1, scale=0.3), normal(600, 8, 2), seed=0)
    assert found.coverage.estimate < found.coverage.null.low
    assert found.precision.estimate >= found.precision.ceiling
    assert found.coverage.p == 1 / 200
    assert found.coverage.estimate < found.coverage.ceiling
    assert list(found.to_json()["coverage"]) == ["estimate", "ceiling", "null", "p"]


def test_a_corpus_that_is_its_reference_covers_all_of_it() -> None:
    reference = normal(50, 5, 1)
    precision, recall, density, coverage = precision_recall_density_coverage(reference, reference)
    assert precision == recall == coverage == 1
    assert density == pytest.approx(1.0)


def test_p_values_of_one_source_are_small_no_more_often_than_they_may() -> None:
    worlds, low = 100, dict.fromkeys(FIGURES, 0)
    for seed in range(worlds):
        found = neighbourhoods(
            normal(40, 3, 2 * seed), normal(80, 3, 2 * seed + 1), seed=seed, permutations=39
        )
        for name in FIGURES:
            low[name] += getattr(found, name).p <= 0.05
    assert max(low.values()) <= 14  # .999 quantile of a binomial of 100 at .05 is 13


def test_the_matrix_of_all_distances_is_never_there_at_once() -> None:
    corpus, reference = normal(3000, 8, 1), normal(3000, 8, 2)
    tracemalloc.start()
    precision_recall_density_coverage(corpus, reference)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 6000 * 6000 * 4 / 4


def test_corpora_are_cut_to_equal_size() -> None:
    found = neighbourhoods(normal(500, 3, 1), normal(90, 3, 2), seed=0, permutations=19)
    assert found.documents == 45
    assert (
        neighbourhoods(normal(500, 3, 1), normal(90, 3, 2), seed=0, permutations=19, most=30).documents == 30
    )


@pytest.mark.parametrize(
    ("sizes", "nearest", "says"),
    [
        ((30, 18), 5, r"the corpora have 30 and 18 documents with a vector, too few to compare"),
        (
            (30, 30),
            15,
            r"nearest is 15, of 15 documents\. Ask for at least 1 neighbour, and fewer than there are",
        ),
        ((30, 30), 0, r"nearest is 0, of 15 documents"),
    ],
)
def test_corpora_that_cannot_be_compared_are_refused(sizes, nearest: int, says: str) -> None:
    with pytest.raises(DataError, match=says):
        neighbourhoods(normal(sizes[0], 3, 1), normal(sizes[1], 3, 2), seed=0, nearest=nearest)
