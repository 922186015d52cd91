"""Unlike documents first: the order is that of naive greedy choice, covers what theory says, and costs what it should."""

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from wellkeeper.core.decision import VECTOR_UNIT
from wellkeeper.core.origin import Origin
from wellkeeper.errors import DataError
from wellkeeper.mix.choose import choose
from wellkeeper.mix.plan import Cap, Diversity, MixPlan, Size
from wellkeeper.mix.spread import BLOCK, coverage, greedy_order, similarities


def units_of(vectors: np.ndarray) -> np.ndarray:
    lengths = np.linalg.norm(vectors, axis=1, keepdims=True)
    return np.round(vectors / np.maximum(lengths, 1e-12) * VECTOR_UNIT).astype(np.int16)


@st.composite
def clouds(draw: st.DrawFn) -> np.ndarray:
    documents, dimensions = draw(st.integers(1, 40)), draw(st.integers(1, 6))
    rng = np.random.default_rng(draw(st.integers(0, 2**32)))
    centres = rng.normal(size=(draw(st.integers(1, 5)), dimensions))
    spread = draw(st.sampled_from([0.0, 0.1, 1.0]))
    return units_of(
        centres[rng.integers(0, len(centres), documents)] + rng.normal(0, spread, (documents, dimensions))
    )


def naive_order(similar: np.ndarray, worth: np.ndarray) -> list[int]:
    """Greedy choice with every gain computed anew in every step."""
    order, covered = [], np.zeros(len(similar))
    while len(order) < len(similar):
        gains = np.maximum(similar - covered, 0).sum(axis=1) + worth
        gains[order] = -1
        order.append(int(gains.argmax()))
        covered = np.maximum(covered, similar[order[-1]])
    return order


@given(clouds(), st.none() | st.integers(0, 100))
def test_the_lazy_order_is_that_of_naive_greedy_choice(units: np.ndarray, seed: int | None) -> None:
    similar = similarities(units)
    quality = None if seed is None else np.random.default_rng(seed).random(len(units))
    worth = np.zeros(len(units)) if quality is None else np.round(quality * VECTOR_UNIT**2)
    assert greedy_order(similar, quality=quality).tolist() == naive_order(similar, worth)


@given(clouds(), st.integers(0, 50))
def test_a_count_leaves_the_others_in_their_order(units: np.ndarray, count: int) -> None:
    similar = similarities(units)
    order = greedy_order(similar, count=count)
    assert order[:count].tolist() == greedy_order(similar)[:count].tolist()
    assert sorted(order.tolist()) == list(range(len(units)))
    assert (np.diff(order[count:]) > 0).all()


@given(clouds(), st.integers(1, 4))
@settings(max_examples=40)
def test_a_prefix_covers_at_least_what_theory_says_of_the_best_set_of_its_size(
    units: np.ndarray, size: int
) -> None:
    similar = similarities(units[:9])
    size = min(size, len(similar))
    best = max(
        coverage(similar, np.array(some)) for some in itertools.combinations(range(len(similar)), size)
    )
    assert coverage(similar, greedy_order(similar)[:size]) >= (1 - 1 / np.e) * best - 1e-12


@given(clouds())
def test_coverage_grows_with_every_document_and_ever_more_slowly(units: np.ndarray) -> None:
    similar = similarities(units)
    order = greedy_order(similar)
    covered = np.array([coverage(similar, order[:size]) for size in range(len(order) + 1)])
    gains = np.diff(covered)
    assert covered[-1] == pytest.approx(1, abs=0.01 * VECTOR_UNIT / 2048)
    assert (gains >= 0).all()
    assert (np.diff(gains) <= 1e-12).all()


def test_equal_documents_come_last_and_of_equal_ones_the_first_comes_first() -> None:
    units = units_of(np.array([[1.0, 0], [1, 0], [0, 1], [1, 0]]))
    assert greedy_order(similarities(units)).tolist() == [0, 2, 1, 3]


def test_documents_without_a_vector_are_like_themselves_alone() -> None:
    similar = similarities(np.zeros((3, 4), np.int16))
    assert coverage(similar, np.array([1])) == pytest.approx(1 / 3)
    assert coverage(similar, np.zeros(0, np.int64)) == 0


def test_quality_decides_between_documents_that_cover_alike() -> None:
    units = units_of(np.eye(3))
    assert greedy_order(similarities(units), quality=np.array([0.1, 0.9, 0.5])).tolist() == [1, 2, 0]


def corpus(rng: np.random.Generator, documents: int) -> tuple[dict[str, np.ndarray], np.ndarray, np.ndarray]:
    """Documents of which nine in ten are of one kind, and the rest of thirty."""
    kind = np.where(rng.random(documents) < 0.9, 0, rng.integers(1, 31, documents))
    vectors = rng.normal(size=(31, 64))[kind] + rng.normal(0, 0.1, (documents, 64))
    columns = {
        "source": np.zeros(documents, int), "month": np.full(documents, -1), "origin": np.full(documents, Origin.HUMAN),
        "priority": rng.permutation(documents).astype(np.uint64), "size": np.ones(documents, int),
    }  # fmt: skip
    return columns, units_of(vectors), kind


SPREAD = Diversity(choose="spread")


def test_a_spread_mix_has_kinds_that_a_random_one_lacks() -> None:
    columns, vectors, kind = corpus(np.random.default_rng(4), 1_500)
    size = Size(amount=60)
    spread_out = choose(MixPlan(size=size, diversity=SPREAD), **columns, vectors=vectors)
    random = choose(MixPlan(size=size), **columns)
    assert spread_out.kept.sum() == random.kept.sum() == 60
    assert len(np.unique(kind[spread_out.kept])) >= 28
    assert len(np.unique(kind[random.kept])) < 10


def test_a_spread_mix_keeps_its_constraints_and_does_not_depend_on_the_order_of_the_arrays() -> None:
    rng = np.random.default_rng(5)
    columns, vectors, _ = corpus(rng, 900)
    columns["source"] = rng.integers(0, 4, 900)
    columns["size"] = rng.integers(1, 20, 900)
    plan = MixPlan(size=Size(unit="words", amount=1_000), caps={"source": Cap(share=0.3)}, diversity=SPREAD)
    mix = choose(plan, **columns, vectors=vectors)
    held = np.bincount(columns["source"], columns["size"] * mix.kept)
    assert (held * 10 <= 3 * held.sum()).all()
    order = rng.permutation(900)
    again = choose(plan, **{name: column[order] for name, column in columns.items()}, vectors=vectors[order])
    assert np.array_equal(again.kept, mix.kept[order])


def test_every_block_of_a_large_cell_gives_its_share() -> None:
    columns, vectors, kind = corpus(np.random.default_rng(6), 3 * BLOCK)
    mix = choose(MixPlan(size=Size(amount=120), diversity=SPREAD), **columns, vectors=vectors)
    block = np.argsort(np.argsort(columns["priority"])) // BLOCK
    assert np.bincount(block[mix.kept]).tolist() == [40, 40, 40]
    assert len(np.unique(kind[mix.kept])) == 31


def test_vectors_that_are_missing_or_too_few_are_named() -> None:
    columns, vectors, _ = corpus(np.random.default_rng(7), 30)
    with pytest.raises(DataError, match=r"told by vectors, and there are none\. Pass one for each of the 30"):
        choose(MixPlan(size=Size(amount=3), diversity=SPREAD), **columns)
    with pytest.raises(DataError, match=r"vectors has shape \(29, 64\)\. Pass one for each of the 30"):
        choose(MixPlan(size=Size(amount=3), diversity=SPREAD), **columns, vectors=vectors[1:])
