"""Every guarantee of a mix, on whole documents and in exact arithmetic; then its size beside the best possible."""

import itertools
from collections.abc import Iterator
from dataclasses import replace
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st
from scipy.optimize import Bounds, LinearConstraint, linprog, milp

from wellkeeper.core.origin import SYNTHETIC, Origin
from wellkeeper.errors import DataError, RecipeError
from wellkeeper.measure.cells import tail_cells
from wellkeeper.mix.allocate import allocate
from wellkeeper.mix.cells import cells_of as cells_of_columns
from wellkeeper.mix.choose import _CLASS, choose
from wellkeeper.mix.families import families
from wellkeeper.mix.plan import (
    CAPPED,
    CAPS,
    HUMAN_FLOOR,
    KEEP_TAIL,
    REASONS,
    SIZE,
    SYNTHETIC_SHARE,
    WEIGHT,
    Cap,
    Diversity,
    Epochs,
    Mix,
    MixPlan,
    Size,
)
from wellkeeper.mix.sampling import copies_of, priority

Columns = dict[str, np.ndarray]
_LIMITS = ("cap_source", "cap_month", "synthetic_share_max", "human_floor")


def corpus_of(rng: np.random.Generator, documents: int, *, sources: int = 4, months: int = 5) -> Columns:
    """Documents whose sources, months and origins are as uneven as in life."""
    return {
        "source": rng.zipf(1.6, documents).clip(1, sources) - 1,
        "month": rng.integers(-1, months, documents),
        "origin": rng.choice(len(Origin), documents, p=[0.2, 0.4, 0.1, 0.2, 0.05, 0.05]),
        "priority": rng.permutation(documents).astype(np.uint64),
        "size": rng.integers(1, 50, documents),
    }


def ones(columns: Columns) -> Columns:
    return columns | {"size": np.ones(len(columns["source"]), np.int64)}


def plain_columns(*, source: np.ndarray, origin: np.ndarray) -> Columns:
    """Undated documents of size 1, in their own order."""
    many = len(source)
    return {"source": source, "month": np.full(many, -1), "origin": origin,
            "priority": np.arange(many, dtype=np.uint64), "size": np.ones(many, np.int64)}  # fmt: skip


KINDS = ("source", "month", "domain", "licence")


@st.composite
def corpora(draw: st.DrawFn) -> Columns:
    """Few documents with a few values in each column, evenly or mostly the same; from a seed, which is quickly drawn."""
    documents, rng = draw(st.integers(1, 60)), np.random.default_rng(draw(st.integers(0, 2**32)))
    ends = {
        "source": (0, 4),
        "month": (-1, 4),
        "origin": (0, 6),
        "domain": (-1, 5),
        "licence": (-1, 2),
        "size": (0, 10),
        "topic": (-1, 6),
    }
    columns = {}
    for name, (low, high) in ends.items():
        weights = rng.dirichlet(np.full(high - low, draw(st.sampled_from([0.3, 1.0, 20.0]))))
        columns[name] = rng.choice(np.arange(low, high), documents, p=weights)
    return columns | {"priority": rng.permutation(documents).astype(np.uint64)}


REFERENCE_TOPICS = np.array([60, 20, 8, 5, 3, 1])
"""Documents of the reference by topic: 2 to 5 are the tail, for the first two hold 80 / 97 of it."""
TAIL = (2, 3, 4, 5)


def choice(plan: MixPlan, columns: Columns, **more) -> Mix:
    """The mix of columns that may hold more than the plan needs."""
    named = {name: columns[name] for name in ("source", "month", "origin", "priority", "size")}
    labels = {kind: columns[kind] for kind in CAPPED[2:] if kind in columns}
    topics = {"topic": columns["topic"], "reference_topics": REFERENCE_TOPICS} if "topic" in columns else {}
    return choose(plan, **named, labels=labels, **topics, **more)


_shares = st.none() | st.integers(0, 20).map(lambda twentieths: twentieths / 20)


EVERYTHING = Size()


def plan_of(
    *,
    size: Size = EVERYTHING,
    synthetic_share_max=None,
    human_floor=None,
    keep_tail=None,
    **caps: float | None,
) -> MixPlan:
    """A plan by its limits; caps as cap_source=0.4."""
    return MixPlan(
        size=size,
        synthetic_share_max=synthetic_share_max,
        human_floor=human_floor,
        caps={
            kind.removeprefix("cap_"): Cap(share=share) for kind, share in caps.items() if share is not None
        },
        diversity=None if keep_tail is None else Diversity(keep_tail=keep_tail),
    )


_CAPS = tuple(f"cap_{kind}" for kind in KINDS)
_LIMITS = (*_CAPS, "synthetic_share_max", "human_floor")
_sizes = st.builds(Size, unit=st.just("words"), amount=st.none() | st.integers(1, 300))
limits = st.fixed_dictionaries({}, optional=dict.fromkeys((*_LIMITS, "keep_tail"), _shares))
plans = st.builds(lambda size, given: plan_of(size=size, **given), _sizes, limits)


def chosen(plan: MixPlan, columns: Columns, **more) -> Mix:
    """The mix, or nothing to test where the constraints allow none."""
    try:
        return choice(plan, columns, **more)
    except RecipeError:
        assume(False)
        raise


def broken(
    plan: MixPlan, columns: Columns, times: np.ndarray, *, once: np.ndarray | None = None
) -> list[str]:
    """Constraints that the documents, taken so often, break, computed anew and in fractions.

    `once`: the size of what the data hold, where documents are drawn by weight.
    """
    size = columns["size"] * times
    total = Fraction(int(size.sum()))
    origin, synthetic = columns["origin"], np.isin(columns["origin"], SYNTHETIC)

    def within(group: np.ndarray, share: float | None) -> bool:
        return share is None or int(size[group].sum()) <= Fraction(str(share)) * total

    floor, amount = plan.human_floor, plan.size.amount
    holds = {
        CAPS[kind]: all(within(columns[kind] == label, cap.share) for label in np.unique(columns[kind]) if label >= 0)
        for kind, cap in plan.caps.items()
    } | {
        SYNTHETIC_SHARE: within(synthetic, plan.synthetic_share_max),
        HUMAN_FLOOR: floor is None or int(size[origin == Origin.HUMAN].sum()) >= Fraction(str(floor)) * total,
        SIZE: amount is None or total <= amount,
    }  # fmt: skip
    if plan.keep_tail is not None:
        held = columns["size"] if once is None else once
        holds[KEEP_TAIL] = all(
            quota_kept(plan.keep_tail, columns["topic"] == topic, topic, size, held) for topic in TAIL
        )
    return [name for name, held_up in holds.items() if not held_up]


def quota_kept(keep: float, member: np.ndarray, topic: int, size: np.ndarray, held: np.ndarray) -> bool:
    """A rare topic has its quota, or all there is; a mix with no room for all quotas may round them down."""
    has = int(size[member].sum())
    total = int(size.sum())
    quota = Fraction(str(keep)) * int(REFERENCE_TOPICS[topic]) / int(REFERENCE_TOPICS.sum()) * total
    return has >= quota or has >= int(held[member].sum()) or (total < 40 and has >= int(quota))


def cells_of(plan: MixPlan, columns: Columns) -> list[np.ndarray]:
    """Positions of the documents of each cell, in priority order."""
    synthetic, human = np.isin(columns["origin"], SYNTHETIC), columns["origin"] == Origin.HUMAN
    classes = np.where(human, 0, np.where(synthetic, 1, 2))
    rare = np.where(np.isin(columns["topic"], TAIL), columns["topic"], -1)
    needed = [classes, columns["source"], *(columns[kind] for kind in plan.caps)]
    keys = np.stack([*needed, *([rare] if plan.keep_tail is not None else [])], axis=1)
    order = np.argsort(columns["priority"])
    return [order[(keys[order] == key).all(axis=1)] for key in np.unique(keys, axis=0)]


def rows_of(plan: MixPlan, columns: Columns) -> list[np.ndarray]:
    """Coefficients of every share limit on masses of documents: their sum is to be 0 at most."""
    rows = [
        (columns[kind] == label) - cap.share
        for kind, cap in plan.caps.items()
        for label in np.unique(columns[kind][columns[kind] >= 0])
    ]
    if plan.synthetic_share_max is not None:
        rows.append(np.isin(columns["origin"], SYNTHETIC) - plan.synthetic_share_max)
    if plan.human_floor is not None:
        rows.append((columns["origin"] != Origin.HUMAN) - (1 - plan.human_floor))
    return rows


def largest_possible(plan: MixPlan, columns: Columns) -> float:
    """Upper bound on the size of any mix: the linear programme over documents that may be cut, by scipy.

    A tail quota, which is not linear, is replaced by its chord up to the size found, until that stays.
    """
    size = columns["size"].astype(np.float64)
    bound = float(size.sum())
    while bound > 1e-9:
        rows = rows_of(plan, columns)
        if plan.keep_tail is not None:
            for topic in TAIL:
                member = columns["topic"] == topic
                share = plan.keep_tail * REFERENCE_TOPICS[topic] / REFERENCE_TOPICS.sum()
                rows.append(min(share, size[member].sum() / bound) - member)
        most = None if plan.size.amount is None else plan.size.amount
        rows_, limits_ = [row * size for row in rows], [0.0] * len(rows)
        if most is not None:
            rows_, limits_ = [*rows_, size], [*limits_, float(most)]
        found = linprog(-size, A_ub=np.array(rows_) if rows_ else None, b_ub=limits_ or None, bounds=(0, 1))
        assert found.success
        if -found.fun >= bound - 1e-7:
            return float(bound)
        bound = float(-found.fun)
    return 0.0


@given(plans, corpora())
@settings(max_examples=120)
def test_every_constraint_holds_exactly_on_the_result(plan: MixPlan, columns: Columns) -> None:
    mix = chosen(plan, columns)
    assert broken(plan, columns, mix.kept) == []
    quotas_hold = not mix.facts.get("tail", {"rounded_down": False})["rounded_down"]
    assert all(one.holds for one in mix.constraints if one.name != KEEP_TAIL or quotas_hold)


@given(plans, corpora())
@settings(max_examples=30)
def test_each_cell_keeps_its_first_documents_by_priority(plan: MixPlan, columns: Columns) -> None:
    kept = chosen(plan, columns).kept
    for cell in cells_of(plan, columns):
        assert (np.diff(kept[cell].astype(int)) <= 0).all()


@given(plans, corpora())
@settings(max_examples=30)
def test_no_single_next_document_could_be_added(plan: MixPlan, columns: Columns) -> None:
    kept = chosen(plan, columns).kept
    for cell in cells_of(plan, columns):
        if not kept[cell].all():
            more = kept.copy()
            more[cell[int(kept[cell].sum())]] = True
            # a quota that was rounded down for want of room is not this test's to know
            assert broken(plan, columns, more) or (
                plan.keep_tail is not None and columns["size"][more].sum() >= 40
            )


@given(plans, corpora(), st.randoms(use_true_random=False))
@settings(max_examples=30)
def test_the_order_of_the_arrays_does_not_matter(plan: MixPlan, columns: Columns, random) -> None:
    order = np.array(random.sample(range(len(columns["source"])), len(columns["source"])))
    mix = chosen(plan, columns)
    shuffled = choice(plan, {name: column[order] for name, column in columns.items()})
    assert np.array_equal(shuffled.kept, mix.kept[order])
    assert np.array_equal(shuffled.reason, mix.reason[order])
    assert shuffled.facts == mix.facts


@given(plans, corpora(), st.permutations(range(4)), st.permutations(range(5)))
@settings(max_examples=30)
def test_how_sources_and_domains_are_numbered_does_not_matter(
    plan, columns: Columns, sources, domains
) -> None:
    mix = chosen(plan, columns)
    numbered = {
        "source": np.array(sources)[columns["source"]],
        "domain": np.append(domains, -1)[columns["domain"]],
    }
    again = choice(plan, columns | numbered)
    assert np.array_equal(again.kept, mix.kept)
    assert again.facts == mix.facts


@given(plans, corpora())
@settings(max_examples=30)
def test_each_dropped_document_has_a_reason_that_the_plan_contains(plan: MixPlan, columns: Columns) -> None:
    mix = chosen(plan, columns)
    assert np.array_equal(mix.reason < 0, mix.kept)
    possible = {CAPS[kind] for kind in plan.caps} | {
        name for name, limit in ((SYNTHETIC_SHARE, plan.synthetic_share_max), (HUMAN_FLOOR, plan.human_floor),
                                 (KEEP_TAIL, plan.keep_tail), (SIZE, plan.size.amount)) if limit is not None
    }  # fmt: skip
    assert {REASONS[code] for code in mix.reason[~mix.kept]} <= possible
    assert possible == {constraint.name for constraint in mix.constraints}


@given(plans, corpora())
@settings(max_examples=120)
def test_the_size_of_the_allocation_is_the_linear_programmes(plan: MixPlan, columns: Columns) -> None:
    mix, best = chosen(plan, columns), largest_possible(plan, columns)
    assert mix.facts["allocated"] == pytest.approx(best, rel=1e-6, abs=1e-6)
    assert mix.facts["got"] <= best + 1e-6


@given(plans, corpora())
@settings(max_examples=150)
def test_what_is_refused_has_no_solution_that_cuts_documents_or_the_message_says_so(
    plan, columns: Columns
) -> None:
    try:
        choice(plan, columns)
    except RecipeError as error:
        best = largest_possible(plan, columns)
        if "whole documents" in str(error):
            assert best > 1e-9
        else:
            assert best < 1e-6


def whole_mixes(columns: Columns) -> Iterator[np.ndarray]:
    for chosen_ in itertools.product((False, True), repeat=len(columns["source"])):
        yield np.array(chosen_)


@given(plans, corpora())
@settings(max_examples=60)
def test_what_only_parts_of_documents_would_satisfy_no_whole_documents_do(plan, columns: Columns) -> None:
    """All mixes of whole documents, looked at one by one."""
    few = {name: column[:9] for name, column in columns.items()}
    few["priority"] = np.argsort(np.argsort(few["priority"])).astype(np.uint64)
    try:
        choice(plan, few)
    except RecipeError as error:
        assume("whole documents" in str(error))
        cells = cells_of(plan, few)
        for kept in whole_mixes(few):
            prefixes = all((np.diff(kept[cell].astype(int)) <= 0).all() for cell in cells)
            if prefixes and few["size"][kept].sum():
                assert broken(plan, few, kept)


@given(corpora(), st.sampled_from(_LIMITS), st.integers(0, 20), st.integers(0, 20))
@settings(max_examples=30)
def test_loosening_the_only_limit_never_allows_less(columns: Columns, name: str, one: int, two: int) -> None:
    tight, loose = sorted((one / 20, two / 20), reverse=name == "human_floor")
    before = chosen(plan_of(**{name: tight}), ones(columns)).facts["allocated"]
    after = chosen(plan_of(**{name: loose}), ones(columns)).facts["allocated"]
    assert after >= before - 1e-6 * len(columns["source"])


@given(plans, corpora(), st.data())
@settings(max_examples=30)
def test_of_documents_drawn_by_weight_every_constraint_holds_on_the_copies(
    plan, columns: Columns, data
) -> None:
    many = len(columns["source"])
    copies = np.array(data.draw(st.lists(st.integers(0, 3), min_size=many, max_size=many)))
    mix = chosen(plan, columns, copies=copies)
    assert (mix.copies <= copies).all()
    assert np.array_equal(mix.kept, mix.copies > 0)
    assert broken(plan, columns, mix.copies, once=columns["size"] * copies) == []
    assert np.array_equal(mix.reason == REASONS.index(WEIGHT), copies == 0)
    assert np.array_equal(mix.reason == -1, mix.kept)
    assert mix.facts["copies"] == {"drawn": copies.sum(), "kept": mix.copies.sum()}
    assert mix.facts["got"] == (columns["size"] * mix.copies).sum()
    assert mix.facts["documents"] == mix.kept.sum()


@given(plans, corpora())
@settings(max_examples=30)
def test_one_copy_of_each_is_the_mix_without_copies(plan: MixPlan, columns: Columns) -> None:
    plain = chosen(plan, columns)
    drawn = choice(plan, columns, copies=np.ones(len(columns["source"]), np.int64))
    assert np.array_equal(plain.kept, drawn.kept)
    assert np.array_equal(plain.reason, drawn.reason)
    assert np.array_equal(drawn.copies, plain.kept)
    assert plain.constraints == drawn.constraints
    assert {**plain.facts, "copies": drawn.facts["copies"]} == drawn.facts


# --- repeats ---


@given(plans, corpora(), st.integers(1, 300), st.lists(st.integers(1, 4), min_size=4, max_size=4))
@settings(max_examples=30)
def test_with_repeats_every_constraint_holds_and_no_document_is_taken_too_often(
    plan, columns: Columns, amount: int, by_source
) -> None:
    plan = replace(plan, size=Size(unit="words", amount=amount))
    epochs = np.array(by_source)[columns["source"]]
    mix = chosen(plan, columns, epochs=epochs)
    times = mix.kept.astype(int) if mix.copies is None else mix.copies
    assert broken(plan, columns, times) == []
    assert (times <= epochs).all()
    if mix.copies is None:
        assert "copies" not in mix.facts
    else:
        assert times.max() <= np.ceil(mix.facts["copies"]["level"])
    for cell in cells_of(plan, columns):  # each once before any is taken twice
        assert (np.diff(times[cell]) <= 0).all()
        assert times[cell].max() - times[cell].min() <= 1


@given(plans, corpora(), st.integers(1, 200))
@settings(max_examples=30)
def test_what_can_be_had_without_repeats_is_the_mix_without_them(plan, columns: Columns, amount: int) -> None:
    plan = replace(plan, size=Size(unit="words", amount=amount))
    assume(largest_possible(plan, columns) > amount - 1e-9)
    plain = chosen(plan, columns)
    repeated = chosen(plan, columns, epochs=np.full(len(columns["source"]), 3))
    assert np.array_equal(plain.kept, repeated.kept)
    assert repeated.copies is None


def test_documents_are_repeated_only_where_the_size_cannot_be_had_without() -> None:
    """100 human documents must come to 60 % of 400: 2.4 times each; of 300 others 160 are enough."""
    columns = plain_columns(
        source=np.repeat([0, 1], [100, 300]), origin=np.repeat([Origin.HUMAN, 3], [100, 300])
    )
    mix = choose(MixPlan(size=Size(amount=400), human_floor=0.6), **columns, epochs=np.full(400, 4))
    assert mix.copies[:100].sum() == 240
    assert set(mix.copies[:100].tolist()) == {2, 3}
    assert mix.copies[100:].max() == 1
    assert mix.facts["copies"] == {"drawn": 400, "kept": 400, "level": 2.4}


def test_epochs_are_of_the_documents_own_source() -> None:
    columns = plain_columns(source=np.repeat([0, 1], 10), origin=np.full(20, Origin.HUMAN))
    mix = choose(MixPlan(size=Size(amount=40)), **columns, epochs=np.repeat([4, 1], 10))
    assert mix.copies.tolist() == [3] * 10 + [1] * 10
    short = choose(MixPlan(size=Size(amount=90)), **columns, epochs=np.repeat([4, 1], 10))
    assert (short.facts["got"], short.facts["asked"]) == (50, 90)


# --- temperature ---


@pytest.mark.parametrize("temperature", [1.0, 0.7, 0.3])
def test_shares_of_sources_are_the_corpus_shares_to_the_power_of_the_temperature(temperature: float) -> None:
    source = np.repeat(range(4), [10_000, 5_000, 2_000, 1_000])
    columns = plain_columns(source=source, origin=np.ones(18_000, int))
    mix = choose(MixPlan(size=Size(amount=2_000), temperature=temperature), **columns)
    shares = np.array([10, 5, 2, 1]) / 18
    aims = shares**temperature / (shares**temperature).sum()
    assert np.abs(np.bincount(source, mix.kept) - 2_000 * aims).max() <= 1


def test_a_source_too_small_for_its_aim_is_taken_whole_or_repeated_up_to_it() -> None:
    source = np.repeat([0, 1], [9_900, 100])
    columns = plain_columns(source=source, origin=np.ones(10_000, int))
    plan = MixPlan(size=Size(amount=4_000), temperature=0.5)
    aim = 4_000 * 0.1 / (0.99**0.5 + 0.1)
    once = choose(plan, **columns)
    assert (np.bincount(source, once.kept)[1], once.kept.sum()) == (100, 4_000)
    thrice = choose(plan, **columns, epochs=np.full(10_000, 3))
    assert np.bincount(source, thrice.copies)[1] == 300
    often = choose(plan, **columns, epochs=np.full(10_000, 9))
    assert abs(np.bincount(source, often.copies)[1] - aim) <= 1
    assert often.copies[source == 0].max() == 1


def test_constraints_hold_against_a_temperature() -> None:
    source = np.repeat(range(3), [8_000, 1_500, 500])
    columns = plain_columns(source=source, origin=np.ones(10_000, int))
    plan = MixPlan(size=Size(amount=1_000), temperature=0.2, caps={"source": Cap(share=0.36)})
    mix = choose(plan, **columns)
    held = np.bincount(source, mix.kept)
    assert held.sum() == 1_000
    assert held.max() <= 360
    rest = np.array([0.15, 0.05]) ** 0.2
    assert held[0] == 360
    assert np.abs(held[1:] - 640 * rest / rest.sum()).max() <= 1


# --- tail quotas ---


@given(corpora(), st.sampled_from([0.5, 0.95, 1.0]), st.integers(1, 60))
@settings(max_examples=30)
def test_every_rare_topic_has_its_quota_or_all_that_the_data_hold(
    columns: Columns, keep: float, amount: int
) -> None:
    columns = ones(columns)
    mix = choice(plan_of(size=Size(amount=amount), keep_tail=keep), columns)
    total = int(mix.kept.sum())
    assert total == min(amount, len(columns["source"]))
    quotas = {topic: Fraction(str(keep)) * int(REFERENCE_TOPICS[topic]) * total / 97 for topic in TAIL}
    held = {topic: int((columns["topic"] == topic).sum()) for topic in TAIL}
    wanted = {topic: min(-(-quotas[topic] // 1), held[topic]) for topic in TAIL}
    if sum(wanted.values()) > total:  # no room for one document of each: quotas are rounded down
        wanted = {topic: min(quotas[topic] // 1, held[topic]) for topic in TAIL}
    for topic in TAIL:
        assert (mix.kept & (columns["topic"] == topic)).sum() >= wanted[topic]


def test_a_corpus_that_lacks_the_tail_gives_all_of_it_and_random_sampling_does_not() -> None:
    rng = np.random.default_rng(21)
    reference = np.sort(rng.zipf(1.4, 200).clip(1, 5_000))[::-1]
    tail = tail_cells(reference)
    weights = np.where(tail, 0.2, 1.0) * reference
    topic = rng.choice(200, 20_000, p=weights / weights.sum())
    columns = plain_columns(source=rng.integers(0, 5, 20_000), origin=np.ones(20_000, int))
    columns["priority"] = rng.permutation(20_000).astype(np.uint64)
    more = {"topic": topic, "reference_topics": reference}
    plan = MixPlan(size=Size(amount=2_000), diversity=Diversity(keep_tail=0.95))
    mix, plain = (choose(one, **columns, **more) for one in (plan, MixPlan(size=Size(amount=2_000))))
    quota = np.ceil(0.95 * reference / reference.sum() * 2_000)
    held = np.bincount(topic, minlength=200)
    kept, random = (np.bincount(topic, one.kept, minlength=200) for one in (mix, plain))
    assert (kept[tail] >= np.minimum(quota, held)[tail]).all()
    assert mix.kept.sum() == 2_000
    assert mix.constraints[0].after >= 0.95
    assert random[tail].sum() < 0.5 * kept[tail].sum()
    facts = mix.facts["tail"]
    assert facts["topics"] == tail.sum()
    assert facts["held"] == facts["kept"] == (held[tail] > 0).sum()


def test_a_quota_that_other_limits_stand_against_is_named_with_them() -> None:
    """The rare topic, a fifth of the reference, is all synthetic, of which there may be a tenth."""
    columns = plain_columns(source=np.zeros(100, int), origin=np.repeat([Origin.HUMAN, 3], [60, 40]))
    topic = np.repeat([0, 1], [60, 40])
    plan = MixPlan(synthetic_share_max=0.1, size=Size(amount=50), diversity=Diversity(keep_tail=0.95))
    says = (
        r"No mix of these documents satisfies all of mix\.synthetic_share\.max 0\.1, mix\.diversity\.keep_tail 0\.95\. "
        r"Any one of these would do: raise mix\.synthetic_share\.max to 0\.19; lower mix\.diversity\.keep_tail to 0\.5\."
    )
    with pytest.raises(RecipeError, match=f"^{says}$"):
        choose(plan, **columns, topic=topic, reference_topics=np.array([80, 20]))


# --- caps by name, and of every kind ---


def test_a_name_may_have_a_cap_of_its_own() -> None:
    source = np.repeat([0, 1, 2], [600, 300, 300])
    columns = plain_columns(source=source, origin=np.ones(1_200, int))
    names = {"source": ("forum", "books", "news")}
    plan = MixPlan(size=Size(amount=500), caps={"source": Cap(share=0.5, named={"forum": 0.1})})
    mix = choose(plan, **columns, names=names)
    assert np.bincount(source, mix.kept).tolist() == [50, 225, 225]
    assert [(one.name, one.group, one.limit) for one in mix.constraints] == [
        ("cap-source", "books", 0.5), ("cap-source", "forum", 0.1), ("size", None, 500)
    ]  # fmt: skip
    alone = choose(MixPlan(caps={"source": Cap(named={"forum": 0.1})}), **columns, names=names)
    assert np.bincount(source, alone.kept).tolist() == [66, 300, 300]
    assert {REASONS[code] for code in alone.reason[~alone.kept]} == {"cap-source"}


def test_a_cap_on_a_name_that_no_document_has_is_refused() -> None:
    columns = plain_columns(source=np.array([0, 1]), origin=np.ones(2, int))
    plan = MixPlan(caps={"source": Cap(named={"forun": 0.1})})
    says = (
        r"mix\.caps\.source\.forun: no document has the source 'forun'\. Did you mean forum\? "
        r"Remove the cap, or give one of: books, forum\."
    )
    with pytest.raises(RecipeError, match=f"^{says}$"):
        choose(plan, **columns, names={"source": ("forum", "books")})


@pytest.mark.parametrize("kind", CAPPED[2:])
def test_documents_of_which_nothing_is_known_are_exempt_from_a_cap(kind: str) -> None:
    columns = plain_columns(source=np.zeros(100, int), origin=np.ones(100, int))
    mix = choose(
        MixPlan(caps={kind: Cap(share=0.05)}), **columns, labels={kind: np.repeat([-1, 2], [90, 10])}
    )  # fmt: skip
    assert mix.kept[:90].all()
    assert mix.kept[90:].sum() == 4
    assert {REASONS[code] for code in mix.reason[90:][~mix.kept[90:]]} == {CAPS[kind]}


# --- what collides ---


_tight = {
    name: st.integers(0, 10).map(lambda twentieths: twentieths / 20)
    for name in (*_CAPS, "synthetic_share_max")
}
_tight |= {
    name: st.integers(12, 20).map(lambda twentieths: twentieths / 20) for name in ("human_floor", "keep_tail")
}
tight_plans = st.builds(lambda given: plan_of(**given), st.fixed_dictionaries({}, optional=_tight))
_MOST_PASS = [HealthCheck.filter_too_much, HealthCheck.too_slow]


def refusal(plan: MixPlan, columns: Columns) -> str:
    """What is said of limits that collide; nothing to test where none do."""
    try:
        choice(plan, columns)
    except RecipeError as error:
        assume(str(error).startswith("No mix"))
        return str(error)
    assume(False)
    raise AssertionError


@given(tight_plans, corpora())
@settings(max_examples=10, suppress_health_check=_MOST_PASS)
def test_limits_named_as_colliding_do_and_any_all_but_one_of_them_do_not(plan, columns: Columns) -> None:
    said = (
        refusal(plan, columns).removeprefix("No mix of these documents satisfies all of ").partition(". ")[0]
    )
    keys = [part.rpartition(" ")[0] for part in said.split(", ")]
    only = {name: limit for name, limit in limits_of(plan).items() if key_of(name) in keys}
    assert len(only) == len(keys) > 1
    assert largest_possible(plan_of(**only), columns) < 1e-6
    for name in only:
        rest = {other: limit for other, limit in only.items() if other != name}
        assert largest_possible(plan_of(**rest), columns) > 1e-6


@given(tight_plans, corpora())
@settings(max_examples=10, suppress_health_check=_MOST_PASS)
def test_each_value_that_a_refusal_names_would_do(plan, columns: Columns) -> None:
    message = refusal(plan, columns)
    ways = message.partition("would do: ")[2].removesuffix(".").split("; ")
    values = {way.split()[1]: float(way.split()[3]) for way in ways}
    changed = [{key: value} for key, value in values.items()] if "Any one" in message else [values]
    for change in changed:
        loosened = {name: change.get(key_of(name), limit) for name, limit in limits_of(plan).items()}
        assert largest_possible(plan_of(**loosened), columns) > 1e-6


@pytest.mark.slow
def test_constraints_hold_and_sizes_are_met_on_corpora_of_thousands_under_many_limits() -> None:
    """Beyond what a search of all whole documents could settle: repair must find them."""
    for seed in range(120):
        rng = np.random.default_rng(seed)
        many, unit = int(rng.integers(200, 3_000)), ("words", "documents")[seed % 2]
        columns = corpus_of(rng, many, sources=8, months=12) | {
            "domain": rng.integers(-1, 15, many), "licence": rng.integers(0, 4, many),
            "topic": rng.zipf(1.5, many).clip(1, 6) - 1,
            "size": np.ones(many, int) if unit == "documents" else rng.integers(1, 200, many),
        }  # fmt: skip
        between = {"cap_source": (0.15, 0.5), "cap_month": (0.09, 0.2), "cap_domain": (0.07, 0.2), "cap_licence": (0.26, 0.5),
                   "synthetic_share_max": (0.02, 0.3), "human_floor": (0.3, 0.7), "keep_tail": (0.5, 1)}  # fmt: skip
        some = {
            name: round(float(rng.uniform(*ends)), 2) for name, ends in between.items() if rng.random() < 0.7
        }
        size = Size(unit=unit, amount=int(columns["size"].sum() * rng.uniform(0.05, 0.6)))
        plan = plan_of(size=size, **some)
        mix = choice(plan, columns)
        assert broken(plan, columns, mix.kept) == []
        assert mix.facts["allocated"] - mix.facts["got"] <= (3 if unit == "documents" else 400)


def limits_of(plan: MixPlan) -> dict[str, float]:
    found = {f"cap_{kind}": cap.share for kind, cap in plan.caps.items()}
    found |= {
        "synthetic_share_max": plan.synthetic_share_max,
        "human_floor": plan.human_floor,
        "keep_tail": plan.keep_tail,
    }
    return {name: limit for name, limit in found.items() if limit is not None}


def key_of(name: str) -> str:
    keys = {"synthetic_share_max": "synthetic_share.max", "keep_tail": "diversity.keep_tail"}
    return f"mix.{keys.get(name, name.replace('cap_', 'caps.'))}"


@pytest.mark.parametrize("amount", [None, 150])
def test_over_seeds_a_document_goes_in_as_often_as_its_weight_says(amount: int | None) -> None:
    """Also where the size cuts the mix down, to a quarter of all copies: then all go in a quarter as often."""
    documents, seeds = 400, 400
    weights = np.resize([0.0, 0.25, 0.9, 1.0, 1.5, 2.75, 4.1], documents)
    rng = np.random.default_rng(12)
    digests = rng.integers(0, 256, (documents, 32), np.uint8)
    columns = corpus_of(rng, documents)
    gone_in = np.zeros(documents)
    for seed in range(seeds):
        order = priority(seed, digests, np.zeros(documents, np.int64))
        copies = copies_of(weights, order)
        drawn = ones(columns) | {"priority": order, "copies": copies}
        mix = choose(MixPlan(size=Size(amount=amount)), **drawn)
        gone_in += mix.copies
    share = 1.0 if amount is None else amount / weights.sum()
    for weight in np.unique(weights):
        mine = gone_in[weights == weight] / seeds
        noise = np.sqrt(share * weight * (weight + 1) / seeds / mine.size)
        assert mine.mean() == pytest.approx(share * weight, abs=5 * noise + 1e-12)


def test_a_plan_without_constraints_keeps_everything() -> None:
    columns = corpus_of(np.random.default_rng(1), 200)
    mix = choose(MixPlan(), **columns)
    assert mix.kept.all()
    assert mix.constraints == ()
    assert mix.facts["binds"] == []


def test_no_documents_make_an_empty_mix() -> None:
    columns = {name: column[:0] for name, column in corpus_of(np.random.default_rng(1), 5).items()}
    mix = choose(plan_of(human_floor=0.6, cap_source=0.4, size=Size(amount=10)), **columns)
    assert len(mix.kept) == 0
    assert all(constraint.holds for constraint in mix.constraints)


def test_one_source_is_cut_down_to_its_cap_in_closed_form() -> None:
    source = np.repeat([0, 1, 2], [600, 100, 100])
    columns = ones({"source": source, "month": np.full(800, -1), "origin": np.ones(800, int),
                    "priority": np.arange(800, dtype=np.uint64), "size": source})  # fmt: skip
    mix = choose(plan_of(cap_source=0.4), **columns)
    assert [int(mix.kept[source == k].sum()) for k in range(3)] == [133, 100, 100]  # 0.4 / 0.6 * 200 = 133.3
    assert {mix.reasons[code] for code in mix.reason[~mix.kept]} == {"cap-source"}
    (constraint,) = mix.constraints
    assert (constraint.before, constraint.after) == (0.75, 133 / 333)


def test_human_text_returns_when_another_constraint_takes_over_its_source() -> None:
    """Source 0 breaks its cap only by its synthetic part; once that is cut, its human part must all stay."""
    source = np.repeat([0, 0, 1, 2], [100, 300, 100, 100])
    origin = np.repeat([Origin.HUMAN, Origin.AI_GENERATED, Origin.HUMAN, Origin.HUMAN], [100, 300, 100, 100])
    columns = {"source": source, "month": np.full(600, -1), "origin": origin,
               "priority": np.arange(600, dtype=np.uint64), "size": np.ones(600, int)}  # fmt: skip
    mix = choose(plan_of(cap_source=0.5, synthetic_share_max=0.1), **columns)
    assert mix.kept[origin == Origin.HUMAN].all()
    assert mix.kept.sum() == 333
    assert mix.facts["binds"] == ["synthetic-share"]


def test_undated_documents_are_exempt_from_the_month_cap() -> None:
    month = np.repeat([-1, 7], [90, 10])
    columns = {"source": np.zeros(100, int), "month": month, "origin": np.ones(100, int),
               "priority": np.arange(100, dtype=np.uint64), "size": np.ones(100, int)}  # fmt: skip
    mix = choose(plan_of(cap_month=0.05), **columns)
    assert mix.kept[month < 0].all()
    assert mix.kept[month == 7].sum() == 4  # 4 / 94 holds, 5 / 95 does not


def test_unknown_and_assisted_documents_are_neither_human_nor_synthetic() -> None:
    origin = np.repeat([Origin.UNKNOWN, Origin.AI_ASSISTED, Origin.HUMAN], 100)
    columns = {"source": np.zeros(300, int), "month": np.full(300, -1), "origin": origin,
               "priority": np.arange(300, dtype=np.uint64), "size": np.ones(300, int)}  # fmt: skip
    assert choose(MixPlan(synthetic_share_max=0.0), **columns).kept.all()
    floored = choose(MixPlan(human_floor=0.5), **columns)
    assert floored.kept.sum() == 200
    assert floored.kept[origin == Origin.HUMAN].all()


@pytest.mark.parametrize("amount", [2, 17, 250, 999])
def test_a_size_in_documents_that_can_be_had_is_met_exactly(amount: int) -> None:
    columns = ones(corpus_of(np.random.default_rng(3), 5_000))
    plan = plan_of(size=Size(amount=amount), human_floor=0.5, synthetic_share_max=0.3, cap_source=0.6)
    mix = choose(plan, **columns)
    assert mix.kept.sum() == amount
    assert mix.facts["binds"][-1] == "size"


def test_a_size_in_words_is_met_to_within_a_document() -> None:
    columns = corpus_of(np.random.default_rng(4), 5_000)
    mix = choose(plan_of(size=Size(unit="words", amount=20_000), cap_month=0.25, human_floor=0.5), **columns)
    assert 20_000 - 50 < mix.facts["got"] <= 20_000


def test_a_size_out_of_reach_is_recorded_with_what_binds() -> None:
    columns = ones(corpus_of(np.random.default_rng(5), 1_000))
    mix = choose(MixPlan(size=Size(amount=5_000), human_floor=0.6), **columns)
    humans = int((columns["origin"] == Origin.HUMAN).sum())
    assert mix.facts["asked"] == 5_000
    assert mix.facts["got"] == mix.kept.sum() == int(humans / 0.6)
    assert mix.facts["binds"] == ["human-floor"]


def test_many_cells_of_one_document_still_give_their_share() -> None:
    """5,000 sources with a document each: no cell alone would ever reach a whole document of its share."""
    rng = np.random.default_rng(6)
    columns = {"source": np.arange(5_000), "month": rng.integers(0, 12, 5_000), "origin": np.repeat([1, 3], 2_500),
               "priority": rng.permutation(5_000).astype(np.uint64), "size": np.ones(5_000, int)}  # fmt: skip
    mix = choose(MixPlan(synthetic_share_max=0.1, size=Size(amount=1_000)), **columns)
    assert mix.kept.sum() == 1_000
    assert mix.kept[columns["origin"] == 3].sum() == 100


def test_documents_without_a_word_cost_nothing_when_words_are_counted() -> None:
    columns = ones(corpus_of(np.random.default_rng(7), 30))
    columns["size"] = np.zeros(30, np.int64)
    assert choose(MixPlan(size=Size(unit="words", amount=5), human_floor=0.9), **columns).kept.all()


@pytest.mark.parametrize(
    ("plan", "sources", "origins", "says"),
    [
        (
            plan_of(cap_source=0.4), [0, 1], [1, 1],
            (r"mix\.caps\.source is 0\.4, and there are only 2 sources to fill the mix: at most 0\.8 of it\. "
            r"Raise the cap to at least 0\.5, or add sources\."),
        ),
        (
            plan_of(cap_month=0.9), [0, 1], [1, 1],
            (r"mix\.caps\.month is 0\.9, and there is only 1 month to fill the mix: at most 0\.9 of it\. "
            r"Raise the cap to at least 1, or add months\."),
        ),
        (
            MixPlan(human_floor=0.6), [0, 1], [0, 3],
            (r"mix\.human_floor is 0\.6, and none of the 2 documents is known to be human\. "
            r"Declare human sources in the recipe \(origin: human\), or remove the floor\."),
        ),
        (
            MixPlan(synthetic_share_max=0.1), [0, 1], [3, 4],
            (r"mix\.synthetic_share\.max is 0\.1, and all of the 2 documents are synthetic\. "
            r"Add sources that are not, or raise it to 1\."),
        ),
        (
            plan_of(cap_source=0.5, human_floor=0.8), [0, 1], [1, 3],
            (r"No mix of these documents satisfies all of mix\.caps\.source 0\.5, mix\.human_floor 0\.8\. "
            r"Any one of these would do: raise mix\.caps\.source to 0\.8; lower mix\.human_floor to 0\.5\."),
        ),
    ],
)  # fmt: skip
def test_what_cannot_be_is_refused_by_name_and_number(
    plan: MixPlan, sources: list[int], origins: list[int], says: str
) -> None:
    with pytest.raises(RecipeError, match=f"^{says}$"):
        choose(
            plan, source=np.array(sources), month=np.zeros(2, int), origin=np.array(origins),
            priority=np.arange(2, dtype=np.uint64), size=np.ones(2, int),
        )  # fmt: skip


def test_the_value_that_a_refusal_names_works() -> None:
    columns = ones(corpus_of(np.random.default_rng(11), 300, sources=3))
    with pytest.raises(RecipeError, match=r"Raise the cap to at least 0\.34"):
        choose(plan_of(cap_source=0.3), **columns)
    assert choose(plan_of(cap_source=0.34), **columns).kept.any()


def test_constraints_that_only_parts_of_documents_satisfy_are_refused() -> None:
    with pytest.raises(
        RecipeError, match=r"No set of whole documents among these 13 words .* Loosen a limit"
    ):
        choose(
            plan_of(cap_source=0.5, size=Size(unit="words")), source=np.array([0, 1]), month=np.zeros(2, int),
            origin=np.ones(2, int), priority=np.arange(2, dtype=np.uint64), size=np.array([3, 10]),
        )  # fmt: skip


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        ({"caps": {"source": Cap(share=1.4)}}, r"mix\.caps\.source is 1\.4\. Give a share of the mix, from 0 to 1\."),
        ({"human_floor": -0.1}, r"mix\.human_floor is -0\.1\. Give a share"),
        ({"caps": {"month": Cap(named={"x": float("nan")})}}, r"mix\.caps\.month\.x is nan\. Give a share"),
        ({"size": Size(amount=0)}, r"mix\.size is 0 documents\. Give at least 1, or all\."),
        ({"weights": "draw"}, r"mix\.weights is 'draw'\. Give None, to draw by them, or 'keep'\."),
        ({"size": Size(unit="lines")}, r"mix\.size has the unit 'lines'\. Units: documents, words, bytes\."),
    ],
)  # fmt: skip
def test_a_plan_refuses_what_it_cannot_mean(arguments: dict, says: str) -> None:
    with pytest.raises(RecipeError, match=says):
        MixPlan(**arguments)


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (
            {"size": np.ones(2, int)},
            r"The arrays differ in shape: .*size \(2,\)\. Pass one value per document",
        ),
        ({"copies": np.array([1, 0, -1])}, r"copies\[2\] is -1\. Values start at 0\."),
        ({"copies": np.ones(2, int)}, r"The arrays differ in shape: .*copies \(2,\)\. Pass one"),
        ({"size": np.array([1, -4, 1])}, r"size\[1\] is -4\. Values start at 0\."),
        ({"month": np.array([0, 0, -2])}, r"month\[2\] is -2\. Values start at -1\."),
        ({"origin": np.array([0, 9, 1])}, r"origin\[1\] is 9\. Origins end at 5\."),
    ],
)
def test_arrays_that_do_not_fit_are_refused(change: Columns, says: str) -> None:
    columns = {name: column[:3] for name, column in corpus_of(np.random.default_rng(0), 3).items()}
    with pytest.raises(DataError, match=says):
        choose(MixPlan(), **(columns | change))


def tails_columns(documents: int) -> Columns:
    columns = ones(corpus_of(np.random.default_rng(8), documents))
    return columns | {"topic": np.arange(documents) % len(REFERENCE_TOPICS)}


def test_quotas_that_there_is_no_room_for_are_said_not_to_hold() -> None:
    columns = tails_columns(400)
    small, large = (choice(plan_of(size=Size(amount=amount), keep_tail=1.0), columns) for amount in (2, 200))
    assert [mix.facts["tail"]["rounded_down"] for mix in (small, large)] == [True, False]
    assert [one.holds for one in small.constraints] == [False, True]
    assert [one.holds for one in large.constraints] == [True, True]


def test_a_reference_without_topics_cannot_ask_for_a_tail() -> None:
    columns = tails_columns(40)
    named = {name: columns[name] for name in ("source", "month", "origin", "priority", "size", "topic")}
    with pytest.raises(
        RecipeError, match=r"keep_tail is 0\.9, and no document of the reference has a topic.* keep_tail\.$"
    ):
        choose(plan_of(keep_tail=0.9), **named, reference_topics=np.zeros(len(REFERENCE_TOPICS), np.int64))


def test_a_cap_by_name_where_no_document_has_any_says_so() -> None:
    columns = ones(corpus_of(np.random.default_rng(8), 40)) | {"domain": np.full(40, -1)}
    plan = MixPlan(caps={"domain": Cap(named={"law": 0.2})})
    with pytest.raises(
        RecipeError,
        match=r"no document has the domain 'law'\. Remove the cap: no document has a known domain\.$",
    ):
        choice(plan, columns, names={"domain": ()})


def test_a_size_below_every_document_is_told_to_be_raised() -> None:
    columns = corpus_of(np.random.default_rng(8), 40) | {"size": np.full(40, 30)}
    with pytest.raises(RecipeError, match=r"mix\.size 20 words.*\. Raise mix\.size, or add documents\.$"):
        choice(plan_of(size=Size(unit="words", amount=20)), columns)
    with pytest.raises(RecipeError, match=r"\. Raise mix\.size, loosen a limit, or add documents\.$"):
        choice(plan_of(size=Size(unit="words", amount=20), cap_source=1.0), columns)


@pytest.mark.parametrize("seed", range(12))
def test_with_just_as_many_repeats_as_the_size_needs_the_composition_keeps_the_limits_too(seed: int) -> None:
    """There the limits and the level of repeats meet in a point, and nothing but rounding is left to choose."""
    rng = np.random.default_rng(seed)
    columns = ones(corpus_of(rng, 113))
    plan = replace(
        plan_of(size=Size(amount=int(rng.integers(20, 200))), cap_month=0.15 + 0.05 * (seed % 4), human_floor=0.6,
                synthetic_share_max=0.05), epochs=Epochs(most=3),
    )  # fmt: skip
    cells = cells_of_columns(
        {"class": _CLASS[columns["origin"]], "source": columns["source"], "month": columns["month"]},
        priority=columns["priority"], size=columns["size"], epochs=np.full(113, 3),
    )  # fmt: skip
    constraints = families(plan, cells, names={})
    found = allocate(plan, cells, constraints)
    total = float(found.mass.sum())
    for one in constraints:
        assert one.sums(found.mass).max() <= float(one.limit) * total * (1 + 1e-4)
    mix = choice(plan, columns, epochs=np.full(113, 3))
    assert mix.facts["got"] >= 0.9 * int(total)


def most_whole(plan: MixPlan, columns: Columns) -> int:
    """The largest number of whole documents that satisfies the plan, by another solver."""
    many = len(columns["source"])
    rows = [row * 100 for row in rows_of(plan, columns)]
    if plan.size.amount is not None:
        rows.append(np.ones(many))
    upper = [0.0] * (len(rows) - (plan.size.amount is not None)) + [plan.size.amount] * (
        plan.size.amount is not None
    )
    found = milp(-np.ones(many), constraints=LinearConstraint(np.array(rows), ub=np.array(upper) + 1e-7),
                 bounds=Bounds(0, 1), integrality=np.ones(many))  # fmt: skip
    return round(-found.fun)


@pytest.mark.parametrize("seed", [*range(12), 336, 383, 423, 475, 597, 614, 743, 855])
def test_limits_of_a_few_documents_each_do_not_make_the_mix_collapse(seed: int) -> None:
    """Repair alone may leave half: each document that goes lowers all limits, so that others have to go."""
    rng = np.random.default_rng(seed)
    many = int(rng.integers(10, 60))
    codes = {kind: rng.integers(0, 7, many) for kind in ("source", "month", "domain", "licence")}
    columns = {**codes, "origin": rng.integers(0, 6, many), "priority": np.arange(many, dtype=np.uint64),
               "size": np.ones(many, int)}  # fmt: skip
    share = lambda: int(rng.integers(15, 40)) / 100  # noqa: E731
    plan = plan_of(size=Size(amount=int(rng.integers(5, many))), cap_source=share(), cap_month=share(),
                   cap_licence=share(), synthetic_share_max=share())  # fmt: skip
    try:
        got = choice(plan, columns).facts["got"]
    except RecipeError:
        got = 0
    best = most_whole(plan, columns)
    assert best - 1 <= got <= best
    assert got > 0 or best == 0


def test_weights_that_draw_beyond_all_use_are_refused_before_memory_is() -> None:
    columns = ones(corpus_of(np.random.default_rng(8), 40))
    with pytest.raises(
        RecipeError, match=r"draw 40,000,000,000 copies of 40 documents.* mix\.weights: keep\.$"
    ):
        choice(MixPlan(), columns, copies=np.full(40, 10**9))
