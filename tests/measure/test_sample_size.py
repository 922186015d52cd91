"""Plans have the power they state: exactly, by the noncentral t, or in simulated worlds."""

import math
from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from wellkeeper.errors import DataError
from wellkeeper.measure.sample_size import (
    AnswerNoise,
    Cost,
    PairNoise,
    Plan,
    Price,
    answer_noise,
    least_drop,
    likely_masses,
    mcnemar_power,
    pair_noise,
    paired_t_variance,
    plan_diversity,
    plan_mcnemar,
    plan_paired_t,
    plan_tail,
    t_power,
    tail_power,
)

REFERENCE = np.round(2_000 / np.arange(1, 301) ** 1.05).astype(np.int64)


# --- McNemar -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("exact", [True, False])
@pytest.mark.parametrize(("drop", "discordance"), [(0.05, 0.14), (0.2, 0.3), (0.1, 0.1), (0.3, 1.0)])
def test_power_of_mcnemar_is_the_sum_over_all_outcomes(drop: float, discordance: float, exact: bool) -> None:
    items = 80
    power = 0.0
    for changed in range(items + 1):
        lost = np.arange(changed + 1)
        p = stats.binom.sf(lost - 1, changed, 0.5) - (0 if exact else stats.binom.pmf(lost, changed, 0.5) / 2)
        share = (discordance + drop) / (2 * discordance)
        rejects = stats.binom.pmf(lost, changed, share)[p <= 0.05].sum()
        power += stats.binom.pmf(changed, items, discordance) * rejects
    assert mcnemar_power(items, drop=drop, discordance=discordance, exact=exact) == pytest.approx(
        power, abs=1e-10
    )


@pytest.mark.parametrize(("drop", "discordance"), [(0.005, 0.3), (0.002, 0.14)])
def test_power_of_mcnemar_with_many_changes_is_that_of_counted_ones(
    drop: float, discordance: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    items = round(6_000 / discordance)
    by_mean = mcnemar_power(items, drop=drop, discordance=discordance)
    monkeypatch.setattr("wellkeeper.measure.sample_size._MOST_CHANGED", 10_000)
    counted = mcnemar_power(items, drop=drop, discordance=discordance)
    assert 0.1 < counted < 0.9
    assert by_mean == pytest.approx(counted, abs=0.001)


def test_five_points_of_greedy_answers_are_found_with_five_hundred_items() -> None:
    """Items whose chance is Beta(0.35, 0.15), of which a version loses a fourteenth, differ on 18 % of the items."""
    square = 0.49 + 0.21 / 1.5
    factor = 1 - 0.05 / 0.7
    discordance = 0.7 * (1 + factor) - 2 * factor * square
    assert discordance == pytest.approx(0.18)
    assert mcnemar_power(500, drop=0.05, discordance=discordance) > 0.8
    assert plan_mcnemar(drop=0.05, discordance=discordance).items < 500


@given(st.floats(0.02, 0.3), st.floats(1.0, 3.0), st.booleans())
def test_a_mcnemar_plan_has_its_power_and_fewer_items_have_less(
    drop: float, more: float, exact: bool
) -> None:
    discordance = min(1.0, drop * more)
    plan = plan_mcnemar(drop=drop, discordance=discordance, exact=exact)
    assert plan.power >= 0.8
    assert mcnemar_power(math.floor(0.85 * plan.items), drop=drop, discordance=discordance, exact=exact) < 0.8
    assert plan.samples == 1


# --- means over items ----------------------------------------------------------------------------------------------


@given(st.integers(8, 3_000), st.floats(0.5, 4.5))
def test_power_of_the_t_test_is_the_noncentral_t(items: int, shift: float) -> None:
    drop = shift / math.sqrt(items)
    exact = stats.nct.sf(stats.t.isf(0.05, items - 1), items - 1, shift)
    assert t_power(items, drop=min(drop, 0.9), variance=(min(drop, 0.9) / drop) ** 2) == pytest.approx(
        exact, abs=0.01
    )


def test_a_plan_for_several_answers_has_its_power_in_simulated_worlds() -> None:
    generator = np.random.default_rng(1)
    square = 0.49 + 0.21 / 2  # mean square of Beta(0.7, 0.3)
    factor = 1 - 0.05 / 0.7
    discordance = 0.7 * (1 + factor) - 2 * factor * square
    plan = plan_paired_t(drop=0.05, discordance=discordance, samples=4)
    right = generator.beta(0.7, 0.3, (1_000, plan.items))
    before, after = generator.binomial(4, right), generator.binomial(4, right * factor)
    p = stats.ttest_rel(after, before, axis=1, alternative="less").pvalue
    found = stats.binomtest(int((p <= 0.05).sum()), 1_000)
    assert found.proportion_ci(0.999).low < 0.8 < found.proportion_ci(0.999).high


def test_more_answers_to_an_item_save_items_until_items_themselves_differ() -> None:
    items = [plan_paired_t(drop=0.05, discordance=0.28, samples=samples).items for samples in (1, 4, 16, 256)]
    assert items == sorted(items, reverse=True)
    assert plan_paired_t(drop=0.05, discordance=0.28, samples=10_000, spread=0.3).items > 200
    assert plan_paired_t(drop=0.05, discordance=0.28, samples=1).items == pytest.approx(
        plan_mcnemar(drop=0.05, discordance=0.28).items, rel=0.03
    )


def _answers(generator: np.random.Generator, prompts: int, samples: int, temperature: float) -> np.ndarray:
    """Answers of prompts whose 50 answers are Zipf distributed, exponents uniform from 0.6 to 2.2."""
    exponents = generator.uniform(0.6, 2.2, prompts)
    mass = np.arange(1, 51) ** (-exponents[:, None] / temperature)
    reached = np.cumsum(mass, axis=1) / mass.sum(axis=1, keepdims=True)
    return (generator.random((prompts, samples, 1)) > reached[:, None]).sum(axis=2)


def test_the_noise_of_a_pilot_is_that_of_the_mean_over_pairs() -> None:
    generator = np.random.default_rng(2)
    answers = _answers(generator, 400, 8, 1.0)
    noise = pair_noise(answers[:, :, None] != answers[:, None])
    chances = np.arange(1, 51) ** -np.linspace(0.6, 2.2, 161)[:, None]
    chances /= chances.sum(axis=1, keepdims=True)
    like, thrice = (chances**2).sum(axis=1), (chances**3).sum(axis=1)
    assert noise.pair == pytest.approx(np.mean(like * (1 - like)), abs=0.01)
    assert noise.answer == pytest.approx(np.mean(thrice - like**2), abs=0.005)
    assert PairNoise(mean=0.8, pair=0.2, answer=0.0).of_mean(2) == pytest.approx(0.2)


def test_the_noise_of_a_prompt_is_counted_over_all_its_pairs() -> None:
    """Plain sums over pairs, over pairs that share an answer, and over pairs that do not."""
    generator = np.random.default_rng(3)
    table = generator.random((5, 5))
    table = (table + table.T) / 2
    pairs = [(i, j) for i in range(5) for j in range(5) if i != j]
    apart = [table[a] * table[b] for a in pairs for b in pairs if not set(a) & set(b)]
    sharing = [table[a] * table[b] for a in pairs for b in pairs if len(set(a) & set(b)) == 1]
    found = pair_noise(table[None])
    assert found.pair == pytest.approx(np.mean([table[a] ** 2 for a in pairs]) - np.mean(apart))
    assert found.answer == pytest.approx(np.mean(sharing) - np.mean(apart))


def test_a_plan_for_diversity_has_its_power_in_simulated_worlds() -> None:
    generator = np.random.default_rng(4)

    def diversity(answers: np.ndarray) -> np.ndarray:
        k = answers.shape[1]
        return (answers[:, :, None] != answers[:, None]).sum(axis=(1, 2)) / (k * (k - 1))

    pilot = _answers(generator, 300, 6, 1.0)
    changes = []
    for seed in range(20):
        one, other = (_answers(np.random.default_rng(seed), 300, 6, heat) for heat in (1.0, 0.75))
        changes.append(diversity(other).mean() - diversity(one).mean())
    drop = -float(np.mean(changes))
    plan = plan_diversity(drop=drop, noise=pair_noise(pilot[:, :, None] != pilot[:, None]), samples=6)
    found = 0
    for seed in range(400):
        one = _answers(np.random.default_rng([seed, 0]), plan.items, 6, 1.0)
        again = np.random.default_rng([seed, 0])
        exponents = again.uniform(0.6, 2.2, plan.items)
        mass = np.arange(1, 51) ** (-exponents[:, None] / 0.75)
        reached = np.cumsum(mass, axis=1) / mass.sum(axis=1, keepdims=True)
        other = (generator.random((plan.items, 6, 1)) > reached[:, None]).sum(axis=2)
        found += stats.ttest_rel(diversity(other), diversity(one), alternative="less").pvalue <= 0.05
    assert 0.7 < found / 400 < 0.9


# --- the tail ------------------------------------------------------------------------------------------------------


@pytest.mark.slow
def test_a_plan_for_the_tail_states_a_power_it_has_again_with_other_seeds() -> None:
    plan = plan_tail(REFERENCE, drop=0.1, samples=4, worlds=40, permutations=99)
    again = plan_tail(REFERENCE, drop=0.1, samples=4, worlds=40, permutations=99, seed=1)
    assert plan.power == pytest.approx(0.8, abs=4 * plan.power_error)
    assert plan.items == pytest.approx(again.items, rel=0.5)
    assert 0 < plan.power_error < 0.1


def test_likely_masses_are_nearer_to_the_true_ones_than_the_counts() -> None:
    generator = np.random.default_rng(5)
    true = np.arange(1, 1_501) ** -1.05
    true /= true.sum()
    counts = generator.multinomial(6_000, true)
    masses = likely_masses(counts)
    assert masses.sum() == pytest.approx(1.0)
    assert masses.size == pytest.approx(1_500, rel=0.1)
    seen_once = masses[: np.count_nonzero(counts)].min()
    assert seen_once < 1 / 6_000
    assert likely_masses(np.array([4, 0, 4])).tolist() == [0.5, 0.5]


def test_a_plan_for_the_tail_is_the_same_for_the_same_seed() -> None:
    settings = {"drop": 0.25, "samples": 4, "worlds": 20, "permutations": 39}
    plan = plan_tail(REFERENCE, **settings)
    assert plan == plan_tail(REFERENCE, **settings)
    assert plan.items >= 20
    assert plan.power_error > 0


# --- costs and messages --------------------------------------------------------------------------------------------


def test_a_plan_costs_the_answers_of_both_versions_or_of_one() -> None:
    plan = Plan(test="any", drop=0.1, level=0.05, power=0.8, items=50, samples=4)
    price = Price(prompt_tokens=100, answer_tokens=24.5, per_million_prompt=1.0, per_million_answer=10.0)
    assert plan.answers == 400
    assert plan.cost(price) == Cost(prompt_tokens=40_000, answer_tokens=9_800, money=pytest.approx(0.138))
    assert plan.cost(price, stored=True) == Cost(
        prompt_tokens=20_000, answer_tokens=4_900, money=pytest.approx(0.069)
    )


@pytest.mark.parametrize(
    ("wrong", "says"),
    [
        (lambda: plan_mcnemar(drop=0.0, discordance=0.2), r"drop is 0\.0\. Give the loss to be found"),
        (
            lambda: plan_mcnemar(drop=0.3, discordance=0.2),
            r"discordance is 0\.2, and a drop of 0\.3 .*such as 0\.2",
        ),
        (
            lambda: plan_mcnemar(drop=0.1, discordance=0.2, power=0.01),
            r"level is 0\.05 and power 0\.01\. Give chances",
        ),
        (
            lambda: plan_paired_t(drop=1e-4, discordance=0.9, samples=1),
            r"More than 1,000,000 items .* larger drop",
        ),
        (lambda: plan_paired_t(drop=0.1, discordance=0.2, samples=0), r"samples is 0\. Give 1 or more"),
        (
            lambda: plan_paired_t(drop=0.1, discordance=0.2, samples=4, spread=0.9),
            r"spread is 0\.9, .* varies by 0\.436 in all\. Give a smaller",
        ),
        (lambda: mcnemar_power(0, drop=0.1, discordance=0.2), r"items is 0\. Give 1 or more"),
        (
            lambda: plan_diversity(drop=0.1, noise=PairNoise(mean=0.8, pair=0.2, answer=0.0), samples=1),
            r"samples is 1, and one answer has no distance\. Give 2 or more",
        ),
        (lambda: pair_noise(np.zeros((4, 3, 3))), r"The pilot has 3 answers to a prompt\. Draw 4 or more"),
        (lambda: pair_noise(np.zeros((4, 4))), r"distances has shape \(4, 4\)\. Pass one square table"),
        (lambda: pair_noise(np.full((2, 4, 4), 2.0)), r"outside \[0, 1\]\. Pass 1 for unlike"),
        (lambda: plan_tail(np.zeros(3, np.int64), drop=0.1, samples=4), r"holds no item\. Count cells"),
        (
            lambda: plan_tail(np.array([5, 5]), drop=0.1, samples=4),
            r"mass of up to 0\.1\. Give .*count more items",
        ),
        (
            lambda: plan_tail(REFERENCE, drop=0.1, samples=0),
            r"samples is 0, worlds 200 .* Give 1, 20 or more",
        ),
        (
            lambda: Price(prompt_tokens=-1, answer_tokens=3),
            r"prompt_tokens is -1\. Give a finite number from 0",
        ),
    ],
)
def test_messages_of_plans_say_what_was_found_and_what_to_do(wrong, says: str) -> None:
    with pytest.raises(DataError, match=says):
        wrong()


# --- what a pilot knows --------------------------------------------------------------------------------------------


def test_the_noise_of_answers_is_that_of_the_world_they_are_drawn_from() -> None:
    generator = np.random.default_rng(3)
    right = generator.beta(0.7 * 2, 0.3 * 2, 4_000)
    noise = answer_noise((generator.random((4_000, 4)) < right[:, None]).astype(float).tolist())
    assert noise.mean == pytest.approx(0.7, abs=0.02)
    assert noise.discordance == pytest.approx(0.28, abs=0.015)
    other = generator.random(4_000) < right * (1 - 0.05 / 0.7)
    differ = np.mean((generator.random(4_000) < right) != other)
    assert noise.after(0.05) == pytest.approx(differ, abs=0.03)
    assert noise.spread(0.05) == pytest.approx(0.05 / 0.7 * right.std(), abs=0.003)


@given(st.lists(st.lists(st.sampled_from([0.0, 0.5, 1.0]), min_size=2, max_size=5), min_size=1, max_size=8))
def test_answer_noise_is_always_one_that_can_be_planned_with(scores: list[list[float]]) -> None:
    if not any(map(any, scores)):
        with pytest.raises(DataError, match=r"nothing can be lost\. Give easier items"):
            answer_noise(scores)
        return
    noise = answer_noise(scores)
    drop = noise.mean / 3
    assert drop <= noise.after(drop) <= 1
    assert (
        paired_t_variance(drop=drop, discordance=noise.after(drop), samples=4, spread=noise.spread(drop)) >= 0
    )


def test_the_least_drop_is_the_one_that_so_many_items_are_planned_for() -> None:
    noise = AnswerNoise(mean=0.7, discordance=0.28)

    def found(drop: float) -> float:
        variance = paired_t_variance(
            drop=drop, discordance=noise.after(drop), samples=4, spread=noise.spread(drop)
        )
        return t_power(193, drop=drop, variance=variance)

    least = least_drop(found, 0.8, most=0.6)
    assert least == pytest.approx(0.05, abs=0.001)
    assert least_drop(lambda _: 0.1, 0.8, most=0.6) is None


@pytest.mark.parametrize(
    ("call", "says"),
    [
        (lambda: answer_noise([[1.0]]), r"fewer than 2 scored answers\. Draw 2 or more"),
        (lambda: answer_noise([[1.0, 2.0]]), r"score outside \[0, 1\]\. Pass 1 for right"),
        (lambda: AnswerNoise(mean=0.7, discordance=0.9), r"discordance 0\.9\. Give a mean in \(0, 1\]"),
        (lambda: tail_power(REFERENCE, 5, drop=0.1, samples=4), r"items is 5, .* Give 10 or more"),
    ],
)
def test_errors_of_pilots_say_what_was_found_and_what_to_do(call: Callable[[], object], says: str) -> None:
    with pytest.raises(DataError, match=says):
        call()


def test_the_worlds_of_a_tail_are_the_same_kind_however_many_prompts_are_mixed_at_once(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    whole = tail_power(REFERENCE, 40, drop=0.2, samples=4, worlds=40, permutations=99)
    monkeypatch.setattr("wellkeeper.measure.sample_size._MIXED_AT_ONCE", 3_000)
    parts = tail_power(REFERENCE, 40, drop=0.2, samples=4, worlds=40, permutations=99)
    assert parts == pytest.approx(whole, abs=0.35)


def test_more_prompts_find_a_lost_tail_more_often() -> None:
    few, many = (
        tail_power(REFERENCE, items, drop=0.2, samples=4, worlds=30, permutations=99) for items in (12, 60)
    )
    assert few < many


def test_likely_masses_of_seldom_seen_cells_sum_to_what_is_unseen() -> None:
    """Of 1,500 cells of mass rank^-1.05 the rarest ones make up about as much as in truth."""
    base = np.arange(1, 1_501) ** -1.05
    base /= base.sum()
    lost = [
        (np.cumsum(np.sort(masses)) <= 0.1).sum()
        for masses in (base, likely_masses(np.random.default_rng(4).multinomial(6_000, base)))
    ]
    assert lost[1] == pytest.approx(lost[0], rel=0.15)
