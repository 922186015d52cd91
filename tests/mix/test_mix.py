"""Every guarantee of a mix, on whole documents and in exact arithmetic; then its size beside the best possible."""

from dataclasses import replace
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from scipy.optimize import linprog, minimize

from wellkeeper.core.origin import SYNTHETIC, Origin
from wellkeeper.errors import DataError, RecipeError
from wellkeeper.mix.allocate import allocate, excess, families, held
from wellkeeper.mix.choose import choose
from wellkeeper.mix.plan import REASONS, WEIGHT, Mix, MixPlan, Size
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


@st.composite
def corpora(draw: st.DrawFn) -> Columns:
    documents = draw(st.integers(1, 60))
    column = {name: st.lists(values, min_size=documents, max_size=documents) for name, values in {
        "source": st.integers(0, 3), "month": st.integers(-1, 3), "origin": st.integers(0, 5),
        "size": st.integers(0, 9),
    }.items()}  # fmt: skip
    columns = {name: np.array(draw(values)) for name, values in column.items()}
    priority = draw(st.permutations(range(documents)))
    return columns | {"priority": np.array(priority, np.uint64)}


_shares = st.none() | st.integers(0, 20).map(lambda twentieths: twentieths / 20)
plans = st.builds(
    MixPlan,
    size=st.builds(Size, unit=st.just("words"), amount=st.none() | st.integers(1, 300)),
    **dict.fromkeys(_LIMITS, _shares),
)


def chosen(plan: MixPlan, columns: Columns) -> Mix:
    """The mix, or nothing to test where the constraints allow none."""
    try:
        return choose(plan, **columns)
    except RecipeError:
        assume(False)
        raise


def broken(plan: MixPlan, columns: Columns, kept: np.ndarray) -> list[str]:
    """Constraints that the kept documents break, computed anew and in fractions."""
    size = columns["size"][kept]
    total = Fraction(int(size.sum()))
    source, month, origin = (columns[name][kept] for name in ("source", "month", "origin"))
    synthetic, human = np.isin(origin, SYNTHETIC), origin == Origin.HUMAN

    def within(group: np.ndarray, share: float | None) -> bool:
        return share is None or int(size[group].sum()) <= Fraction(str(share)) * total

    floor, amount = plan.human_floor, plan.size.amount
    holds = {
        "cap_source": all(within(source == label, plan.cap_source) for label in np.unique(source)),
        "cap_month": all(within(month == label, plan.cap_month) for label in np.unique(month[month >= 0])),
        "synthetic_share_max": within(synthetic, plan.synthetic_share_max),
        "human_floor": floor is None or int(size[human].sum()) >= Fraction(str(floor)) * total,
        "size": amount is None or total <= amount,
    }
    return [name for name, held_up in holds.items() if not held_up]


def cells_of(columns: Columns) -> list[np.ndarray]:
    """Positions of the documents of each cell, in priority order."""
    synthetic, human = np.isin(columns["origin"], SYNTHETIC), columns["origin"] == Origin.HUMAN
    classes = np.where(human, 0, np.where(synthetic, 1, 2))
    keys = np.stack([columns["source"], columns["month"], classes], axis=1)
    order = np.argsort(columns["priority"])
    return [order[(keys[order] == key).all(axis=1)] for key in np.unique(keys, axis=0)]


def largest_possible(plan: MixPlan, columns: Columns) -> float:
    """Upper bound on the size of any mix: the linear programme over documents that may be cut."""
    size = columns["size"].astype(np.float64)
    rows = [
        (columns[name] == label) - cap
        for name, cap in (("source", plan.cap_source), ("month", plan.cap_month))
        for label in np.unique(columns[name][columns[name] >= 0])
        if cap is not None
    ]
    if plan.synthetic_share_max is not None:
        rows.append(np.isin(columns["origin"], SYNTHETIC) - plan.synthetic_share_max)
    if plan.human_floor is not None:
        rows.append((columns["origin"] != Origin.HUMAN) - (1 - plan.human_floor))
    found = linprog(
        -size,
        A_ub=np.array(rows) * size if rows else None,
        b_ub=np.zeros(len(rows)) if rows else None,
        bounds=(0, 1),
    )
    assert found.success
    return float(-found.fun)


@given(plans, corpora())
def test_every_constraint_holds_exactly_on_the_result(plan: MixPlan, columns: Columns) -> None:
    mix = chosen(plan, columns)
    assert broken(plan, columns, mix.kept) == []
    assert all(constraint.holds for constraint in mix.constraints)


@given(plans, corpora())
def test_each_cell_keeps_its_first_documents_by_priority(plan: MixPlan, columns: Columns) -> None:
    kept = chosen(plan, columns).kept
    for cell in cells_of(columns):
        assert (np.diff(kept[cell].astype(int)) <= 0).all()


@given(plans, corpora())
def test_no_single_next_document_could_be_added(plan: MixPlan, columns: Columns) -> None:
    kept = chosen(plan, columns).kept
    for cell in cells_of(columns):
        if not kept[cell].all():
            more = kept.copy()
            more[cell[int(kept[cell].sum())]] = True
            assert broken(plan, columns, more)


@given(plans, corpora(), st.randoms(use_true_random=False))
def test_the_order_of_the_arrays_does_not_matter(plan: MixPlan, columns: Columns, random) -> None:
    order = np.array(random.sample(range(len(columns["source"])), len(columns["source"])))
    mix = chosen(plan, columns)
    shuffled = choose(plan, **{name: column[order] for name, column in columns.items()})
    assert np.array_equal(shuffled.kept, mix.kept[order])
    assert np.array_equal(shuffled.reason, mix.reason[order])
    assert shuffled.facts == mix.facts


@given(plans, corpora())
def test_each_dropped_document_has_a_reason_that_the_plan_contains(plan: MixPlan, columns: Columns) -> None:
    mix = chosen(plan, columns)
    assert np.array_equal(mix.reason < 0, mix.kept)
    possible = set(plan.limits()) | ({"size"} if plan.size.amount is not None else set())
    assert {REASONS[code] for code in mix.reason[~mix.kept]} <= possible
    assert possible == {constraint.name for constraint in mix.constraints}


def tightened(plan: MixPlan) -> MixPlan:
    limits = {name: getattr(plan, name) for name in _LIMITS if getattr(plan, name) is not None}
    step = {name: 0.01 if name == "human_floor" else -0.01 for name in limits}
    return replace(plan, **{name: min(1.0, max(0.0, limit + step[name])) for name, limit in limits.items()})


@given(plans, corpora())
def test_a_mix_is_no_larger_than_the_linear_programme_allows(plan: MixPlan, columns: Columns) -> None:
    plan, columns = replace(plan, size=Size()), ones(columns)
    mix, best = chosen(plan, columns), largest_possible(plan, columns)
    assert mix.kept.sum() <= best + 1e-6
    assert mix.facts["allocated"] <= best * (1 + 1e-6) + 1e-2


@given(plans, corpora())
def test_a_plan_with_room_for_any_mix_is_never_called_infeasible(plan: MixPlan, columns: Columns) -> None:
    plan, columns = replace(plan, size=Size()), ones(columns)
    try:
        choose(plan, **columns)
        refused = False
    except RecipeError as error:
        refused = "whole documents" not in str(error)
    if refused:
        assert largest_possible(tightened(plan), columns) < 1e-6


@given(corpora(), st.sampled_from(_LIMITS), st.integers(0, 20), st.integers(0, 20))
def test_loosening_the_only_limit_never_allows_less(columns: Columns, name: str, one: int, two: int) -> None:
    tight, loose = sorted((one / 20, two / 20), reverse=name == "human_floor")
    before = chosen(MixPlan(**{name: tight}), ones(columns)).facts["allocated"]
    after = chosen(MixPlan(**{name: loose}), ones(columns)).facts["allocated"]
    assert after >= before - 1e-6


@given(plans, corpora(), st.data())
def test_of_documents_drawn_by_weight_every_constraint_holds_on_the_copies(
    plan, columns: Columns, data
) -> None:
    many = len(columns["source"])
    copies = np.array(data.draw(st.lists(st.integers(0, 3), min_size=many, max_size=many)))
    mix = chosen(plan, columns | {"copies": copies})
    assert (mix.copies <= copies).all()
    assert np.array_equal(mix.kept, mix.copies > 0)
    whole = columns | {"size": columns["size"] * mix.copies}
    assert broken(plan, whole, mix.kept) == []
    assert np.array_equal(mix.reason == REASONS.index(WEIGHT), copies == 0)
    assert np.array_equal(mix.reason == -1, mix.kept)
    assert mix.facts["copies"] == {"drawn": copies.sum(), "kept": mix.copies.sum()}
    assert mix.facts["got"] == whole["size"].sum()
    assert mix.facts["documents"] == mix.kept.sum()


@given(plans, corpora())
def test_one_copy_of_each_is_the_mix_without_copies(plan: MixPlan, columns: Columns) -> None:
    plain = chosen(plan, columns)
    drawn = choose(plan, **columns, copies=np.ones(len(columns["source"]), np.int64))
    assert np.array_equal(plain.kept, drawn.kept)
    assert np.array_equal(plain.reason, drawn.reason)
    assert np.array_equal(drawn.copies, plain.kept)
    assert plain.constraints == drawn.constraints
    assert {**plain.facts, "copies": drawn.facts["copies"]} == drawn.facts


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
    mix = choose(MixPlan(human_floor=0.6, cap_source=0.4, size=Size(amount=10)), **columns)
    assert len(mix.kept) == 0
    assert all(constraint.holds for constraint in mix.constraints)


def test_one_source_is_cut_down_to_its_cap_in_closed_form() -> None:
    source = np.repeat([0, 1, 2], [600, 100, 100])
    columns = ones({"source": source, "month": np.full(800, -1), "origin": np.ones(800, int),
                    "priority": np.arange(800, dtype=np.uint64), "size": source})  # fmt: skip
    mix = choose(MixPlan(cap_source=0.4), **columns)
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
    mix = choose(MixPlan(cap_source=0.5, synthetic_share_max=0.1), **columns)
    assert mix.kept[origin == Origin.HUMAN].all()
    assert mix.kept.sum() == 333
    assert mix.facts["binds"] == ["synthetic-share"]


def test_undated_documents_are_exempt_from_the_month_cap() -> None:
    month = np.repeat([-1, 7], [90, 10])
    columns = {"source": np.zeros(100, int), "month": month, "origin": np.ones(100, int),
               "priority": np.arange(100, dtype=np.uint64), "size": np.ones(100, int)}  # fmt: skip
    mix = choose(MixPlan(cap_month=0.05), **columns)
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
    plan = MixPlan(size=Size(amount=amount), human_floor=0.5, synthetic_share_max=0.3, cap_source=0.6)
    mix = choose(plan, **columns)
    assert mix.kept.sum() == amount
    assert mix.facts["binds"][-1] == "size"


def test_a_size_in_words_is_met_to_within_a_document() -> None:
    columns = corpus_of(np.random.default_rng(4), 5_000)
    mix = choose(MixPlan(size=Size(unit="words", amount=20_000), cap_month=0.25, human_floor=0.5), **columns)
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


def test_the_allocation_is_the_information_projection() -> None:
    """Against a general solver: no mix that satisfies the constraints is closer to the corpus."""
    rng = np.random.default_rng(8)
    source, month, synthetic = (
        grid.ravel() for grid in np.meshgrid(range(3), range(3), range(2), indexing="ij")
    )
    available = rng.integers(1, 100, 18).astype(float)
    available[source == 0] *= 8
    constraints = families(
        {"cap-source": 0.45, "cap-month": 0.4, "synthetic-share": 0.2},
        source=source, month=month, synthetic=synthetic == 1, human=synthetic == 0,
    )  # fmt: skip
    found = allocate(available, constraints).mass
    found /= found.sum()
    corpus = available / available.sum()
    rows = [np.where(f.group == g, 1.0, 0.0) for f in constraints for g in range(f.groups)]
    limits = [f.limit for f in constraints for _ in range(f.groups)]
    solved = minimize(
        lambda p: float(np.sum(p * np.log(np.maximum(p, 1e-12) / corpus))), corpus, method="SLSQP", tol=1e-12,
        jac=lambda p: np.log(np.maximum(p, 1e-12) / corpus) + 1, bounds=[(1e-9, 1)] * 18,
        constraints=[{"type": "ineq", "fun": lambda p: np.array(limits) - np.array(rows) @ p},
                     {"type": "eq", "fun": lambda p: p.sum() - 1}],
    )  # fmt: skip
    assert solved.success
    divergence = float(np.sum(found * np.log(found / corpus)))
    assert excess(found, constraints) < 1e-9
    assert divergence <= solved.fun + 1e-6
    assert np.allclose(found, solved.x, atol=1e-4)


def test_a_group_whose_factor_is_below_one_is_at_its_limit() -> None:
    columns = corpus_of(np.random.default_rng(9), 400, sources=6)
    available = np.bincount(columns["source"], minlength=6).astype(float)
    (family,) = families(
        {"cap-source": 0.25}, source=np.arange(6), month=np.full(6, -1),
        synthetic=np.zeros(6, bool), human=np.ones(6, bool),
    )  # fmt: skip
    allocation = allocate(available, (family,))
    shares = held(family, allocation.mass) / allocation.mass.sum()
    assert allocation.feasible
    cut = allocation.factors["cap-source"] < 1
    assert np.allclose(shares[cut], 0.25)
    assert (shares[~cut] <= 0.25 + 1e-12).all()


def test_the_size_beside_the_linear_programmes_bound() -> None:
    """What closeness to the corpus costs in size. Measured over 40 uneven corpora: median and worst."""
    ratios = []
    for seed in range(40):
        rng = np.random.default_rng(seed)
        columns = ones(corpus_of(rng, 400))
        caps = rng.uniform([0.35, 0.25, 0.05, 0.3], [0.6, 0.4, 0.3, 0.7]).round(2)
        plan = MixPlan(
            cap_source=caps[0], cap_month=caps[1], synthetic_share_max=caps[2], human_floor=caps[3]
        )
        mix = choose(plan, **columns)
        ratios.append(mix.kept.sum() / largest_possible(plan, columns))
    assert np.max(ratios) <= 1 + 1e-9
    assert np.median(ratios) > 0.95
    assert np.min(ratios) > 0.8


@pytest.mark.parametrize(
    ("plan", "sources", "origins", "says"),
    [
        (
            MixPlan(cap_source=0.4), [0, 1], [1, 1],
            (r"mix\.caps\.source is 0\.4, and there are only 2 sources to fill the mix: at most 0\.8 of it\. "
            r"Raise the cap to at least 0\.5, or add sources\."),
        ),
        (
            MixPlan(cap_month=0.9), [0, 1], [1, 1],
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
            MixPlan(cap_source=0.5, human_floor=0.8), [0, 1], [1, 3],
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
        choose(MixPlan(cap_source=0.3), **columns)
    assert choose(MixPlan(cap_source=0.34), **columns).kept.any()


def test_constraints_that_only_parts_of_documents_satisfy_are_refused() -> None:
    with pytest.raises(
        RecipeError, match=r"No set of whole documents among these 13 words .* Loosen a limit"
    ):
        choose(
            MixPlan(cap_source=0.5, size=Size(unit="words")), source=np.array([0, 1]), month=np.zeros(2, int),
            origin=np.ones(2, int), priority=np.arange(2, dtype=np.uint64), size=np.array([3, 10]),
        )  # fmt: skip


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        ({"cap_source": 1.4}, r"mix\.caps\.source is 1\.4\. Give a share of the mix, from 0 to 1\."),
        ({"human_floor": -0.1}, r"mix\.human_floor is -0\.1\. Give a share"),
        ({"cap_month": float("nan")}, r"mix\.caps\.month is nan\. Give a share"),
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
