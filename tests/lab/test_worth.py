"""Shapley values against every permutation, their axioms, and sources that help and hurt."""

from itertools import permutations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from proof_texts import texts

from wellkeeper.errors import DataError
from wellkeeper.lab.paired import panel_of
from wellkeeper.lab.training import PARTS, pool_of
from wellkeeper.lab.worth import Coalition, Value, exact_shapley, nobody_of, sampled_shapley, worth

BLOCKS = 4


class Table:
    """A game by a table: any value for any coalition."""

    def __init__(self, seed: int) -> None:
        self.seed = seed

    def __call__(self, some: Coalition) -> Value:
        rng = np.random.default_rng([self.seed, *sorted(some)])
        return Value(rng.normal(size=2), rng.normal(size=(BLOCKS, 2)), rng.normal(size=(PARTS, 2)))


def by_every_order(n: int, game: Table) -> np.ndarray:
    total = np.zeros((n, 2))
    for order in permutations(range(n)):
        before = nobody_of(n, game).worth
        for place in range(n):
            after = game(frozenset(order[: place + 1])).worth
            total[order[place]] += after - before
            before = after
    return total / len(list(permutations(range(n))))


@settings(max_examples=20)
@given(st.integers(0, 999), st.integers(2, 5))
def test_exact_values_are_means_over_every_order(seed: int, n: int) -> None:
    game = Table(seed)
    found = np.array([value.worth for value in exact_shapley(n, game)])
    assert found == pytest.approx(by_every_order(n, game))


@settings(max_examples=20)
@given(st.integers(0, 999), st.integers(2, 6), st.booleans())
def test_values_sum_to_what_all_are_worth_beyond_an_average_source(seed: int, n: int, exact: bool) -> None:
    game = Table(seed)
    found = exact_shapley(n, game) if exact else sampled_shapley(n, game, np.random.default_rng(seed), 6)[0]
    whole = game(frozenset(range(n))) - nobody_of(n, game)
    for name in ("worth", "held_out", "read"):
        assert sum(getattr(value, name) for value in found) == pytest.approx(getattr(whole, name))


def test_sampled_values_come_to_the_exact_ones_and_their_spread_says_how_near() -> None:
    game = Table(3)
    exact = np.array([value.worth for value in exact_shapley(5, game)])
    misses = []
    for seed in range(60):
        values, spread = sampled_shapley(5, game, np.random.default_rng(seed), 40)
        count = spread.shape[1]
        error = np.sqrt(np.square(spread).sum(axis=1) * count / (count - 1))
        misses.append((np.array([value.worth for value in values]) - exact) / error)
    assert np.abs(np.mean(misses, axis=0)).max() < 0.6
    assert 0.7 < np.std(misses) < 1.4


def test_sources_that_are_worth_the_same_in_every_company_have_equal_values() -> None:
    def by_size(some: Coalition) -> Value:
        return Value(np.full(2, float(len(some) ** 0.5)), np.zeros((BLOCKS, 2)), np.zeros((PARTS, 2)))

    found = np.array([value.worth for value in exact_shapley(5, by_size)])
    assert found == pytest.approx(np.full((5, 2), (5**0.5 - 1) / 5))


PANEL = panel_of([*texts(50, 1), *texts(50, 2, dialect=1)])
SOURCES = [
    pool_of("first half", texts(60, 3)),
    pool_of("other dialect", texts(60, 4, dialect=1)),
    pool_of("noise", texts(60, 5, dialect=7)),
    pool_of("poor", texts(60, 6, common=40)),
]


@pytest.fixture(scope="module")
def found():
    return {source.name: source for source in worth(SOURCES, PANEL).sources}


def test_sources_that_the_held_out_text_is_like_help(found) -> None:
    helping = [found[name].surprise for name in ("first half", "other dialect")]
    assert [one.verdict for one in helping] == ["helps", "helps"]
    assert all(one.left_out.low > 0 for one in helping)
    assert max(found[name].surprise.shapley.estimate for name in ("noise", "poor")) < 0


def test_a_source_that_teaches_nothing_of_use_hurts() -> None:
    sources = [
        *(pool_of(f"people {k}", texts(60, k)) for k in (3, 4, 5)),
        pool_of("noise", texts(60, 5, dialect=7)),
    ]
    *people, noise = worth(sources, panel_of(texts(80, 1))).sources
    assert noise.surprise.verdict == "hurts"
    assert noise.surprise.shapley.high < 0
    assert noise.surprise.left_out.estimate < 0
    assert all(source.surprise.shapley.low > noise.surprise.shapley.high for source in people)


def test_a_source_of_few_common_words_brings_no_tail(found) -> None:
    assert found["poor"].tail.verdict == "hurts"
    assert found["poor"].tail.shapley.estimate == min(one.tail.shapley.estimate for one in found.values())


def test_values_of_real_models_sum_to_the_mixtures_gain_and_each_model_is_fitted_once() -> None:
    told: list[str] = []
    whole = worth(SOURCES, PANEL, words=1500, told=told.append)
    assert (whole.models, whole.permutations, len(told), len(set(told))) == (15, 0, 15, 15)
    assert whole.words == 1500
    sums = [
        sum(getattr(one, name).shapley.estimate for one in whole.sources) for name in ("surprise", "tail")
    ]
    assert sums == pytest.approx(whole.mixture)
    sampled = worth(SOURCES, PANEL, words=1500, permutations=8)
    assert sampled.mixture == pytest.approx(whole.mixture)
    for one, other in zip(whole.sources, sampled.sources, strict=True):
        assert one.surprise.left_out == other.surprise.left_out


def test_no_source_hangs_on_the_order_of_sources_or_documents(found) -> None:
    turned = [pool_of(pool.name, pool.documents[::-1]) for pool in SOURCES[::-1]]
    for source in worth(turned, PANEL).sources:
        ours = found[source.name].surprise.shapley
        assert [source.surprise.shapley.low, source.surprise.shapley.high] == pytest.approx(
            [ours.low, ours.high]
        )


def test_twins_are_worth_the_same_within_their_intervals() -> None:
    twins = [pool_of("a", texts(60, 8)), pool_of("b", texts(60, 9)), pool_of("c", texts(60, 10))]
    values = worth(twins, PANEL).sources
    assert all(source.surprise.verdict == "not told apart" for source in values)


@pytest.mark.parametrize(
    ("run", "says"),
    [
        (lambda: worth(SOURCES[:1], PANEL), r"There are 1 sources to weigh\. Give at least two"),
        (
            lambda: worth([SOURCES[0], pool_of("tiny", texts(9, 1))], PANEL),
            r"tiny has 9 documents, too few for an interval\. Join it to another source",
        ),
        (
            lambda: worth(SOURCES, PANEL, permutations=3),
            r"3 permutations cannot.*Ask for an even number from 4",
        ),
    ],
)
def test_what_cannot_be_weighed_says_why(run, says: str) -> None:
    with pytest.raises(DataError, match=says):
        run()
