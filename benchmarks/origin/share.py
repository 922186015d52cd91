"""How far measured shares are off and how often their intervals hold, on slices whose true share is known.

    python benchmarks/origin/share.py --data FOLDER [--cache DIR] [--only NAME...] [--repetitions N] [--json]
        [--docs PAGE...]

A slice is one domain of a labelled set: documents by people and by one generator, mixed at a share between 0 and 1.
References are other documents of that domain; AI references are of another generator than the slice's. No document is
drawn twice for one slice and its references, unless a row says so.

`halves` and what follows judge five domains of l2r_a by a model of the other five and of zippy, then the other way
round. What was chosen (`choices`) was chosen out of fold on training domains, but for two constants of which one of
the values that these allow was taken with the other half in view (docs/LOG.md). `others` are sets that the shipped
weights never saw. `--cache` keeps scores of models that take time to train.

Needs the extra `train`; `estimators` also needs quapy, which is no part of it.
"""

import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from itertools import permutations
from typing import Any, TypeAlias
from unittest.mock import patch

import numpy as np
from judging import Bench, Mask, Scores
from sets import AI, HUMAN, Texts
from tables import Cell, Table, options, tell
from train import out_of_fold

from wellkeeper.measure import quantify
from wellkeeper.measure.auroc import area_under_roc
from wellkeeper.measure.quantify import Interval
from wellkeeper.origin.style import SPREAD, Component, load_model

SHARES = (0.0, 0.025, 0.05, 0.1, 0.25, 0.5, 0.75, 1.0)
DOCUMENTS = 300  # of a slice, where there are as many
REFERENCES = 80
LEAST_LEFT = 60  # human documents that references must leave
TOLERANCE = 0.001  # by which a share may lie outside of an interval that is said to cover it
_SEED = 0

HALVES = "Domains of l2r_a, by a model of the other five and of zippy."
FIGURES = ("runs", "mean error", "95 % below", "bias", "covered", "width", "lowest coverage at a share")


@dataclass(frozen=True, slots=True, kw_only=True)
class Pool:
    """Scored documents of one domain, and the training domains that its model knows of."""

    name: str
    human: Scores
    ai: Mapping[str, Scores]  # by generator
    components: Sequence[Component]


@dataclass(frozen=True, slots=True, kw_only=True)
class Slice:
    share: float  # true share of AI documents
    scores: Scores
    human: Scores  # references
    ai: Scores
    components: Sequence[Component]


Method: TypeAlias = Callable[[Slice], Interval]


# --- pools and slices --------------------------------------------------------------------------------------------


def by_domain(texts: Texts, score: Scores, components: Callable[[str], Sequence[Component]]) -> list[Pool]:
    """One pool a domain, by name."""
    found = []
    for name in sorted(set(texts.domain)):
        here = texts.domain == name
        machines = here & (texts.label == AI)
        found.append(
            Pool(
                name=str(name),
                human=score[here & (texts.label == HUMAN)],
                ai={
                    str(one): score[machines & (texts.generator == one)]
                    for one in sorted(set(texts.generator[machines]))
                },
                components=components(str(name)),
            )
        )
    return found


def halves(bench: Bench) -> tuple[list[Pool], list[Pool], list[Pool], list[Pool]]:
    """Pools of both tested halves, then of both training halves, each domain out of fold among these."""
    tested, trained = [], []
    for number, half in enumerate(bench.halves):
        inside = ~np.isin(bench.fold, list(set(half.texts.domain)))
        texts, fold = bench.training.chosen(inside), bench.fold[inside]
        own = bench.kept(f"inside-{number}", lambda texts=texts, fold=fold: out_of_fold(texts, fold))  # type: ignore[misc]
        scale = SPREAD / float(own.std())
        known = components_of(texts, fold, own * scale)
        tested.append(by_domain(half.texts, half.score * scale, lambda _, known=known: known))  # type: ignore[misc]
        domains = fold != "zippy"
        trained.append(
            by_domain(
                texts.chosen(domains),
                own[domains] * scale,
                lambda name, known=known: [one for one in known if one.name != name],  # type: ignore[misc]
            )
        )
    return tested[0], tested[1], trained[0], trained[1]


def components_of(texts: Texts, fold: Any, score: Scores) -> list[Component]:
    def sorted_of(which: Mask) -> Any:
        return np.sort(score[which]).astype(np.float32)

    return [
        Component(
            name=str(name),
            human=sorted_of((fold == name) & (texts.label == HUMAN)),
            ai=sorted_of((fold == name) & (texts.label == AI)),
        )
        for name in sorted(set(fold))
    ]


def other_sets(bench: Bench) -> list[Pool]:
    """Domains of sets that the shipped weights never saw; generators count as one where fewer than two wrote enough."""
    components = load_model().components

    def pool(name: str, chosen: Callable[[Texts], Mask], people: Callable[[Texts], Mask]) -> Pool:
        found = bench.unseen(name.split(maxsplit=1)[0])
        machines = (found.texts.label == AI) & chosen(found.texts)
        kinds = {str(one): found.score[machines & (found.texts.generator == one)]
                 for one in sorted(set(found.texts.generator[machines]))}  # fmt: skip
        enough = {one: score for one, score in kinds.items() if len(score) >= REFERENCES}
        return Pool(
            name=name,
            human=found.score[(found.texts.label == HUMAN) & people(found.texts)],
            ai=enough if len(enough) > 1 else {"all": found.score[machines]},
            components=components,
        )

    def everyone(texts: Texts) -> Mask:
        return np.ones(len(texts), np.bool_)

    def direct(texts: Texts) -> Mask:
        return np.asarray(texts.domain == "direct_prompt")

    pools = [
        pool("detectrl", direct, everyone),
        pool("outfox", lambda texts: np.asarray(texts.generator != "flan_t5_xxl"), everyone),
    ]
    for domain in ("yelp", "creative-passage", "news-passage"):
        here = lambda texts, domain=domain: np.asarray(texts.domain == domain)  # noqa: E731
        pools.append(pool(f"raidar {domain}", here, here))
    return pools


def slices(
    pools: Sequence[Pool],
    repetitions: int,
    *,
    references: int = REFERENCES,
    same: bool = False,
    again: bool = False,
    shares: Sequence[float] = SHARES,
) -> Iterator[Slice]:
    """Slices at every share, of each pool that is large enough and each pair of its generators.

    Args:
        pools: of documents.
        repetitions: slices of one pool, pair and share.
        references: of each kind.
        same: AI references are of the slice's own generator.
        again: draw 300 documents with replacement from what the references leave.
        shares: of AI documents, about.
    """
    for place, pool in enumerate(pools):
        if len(pool.human) < references + LEAST_LEFT:
            continue
        pairs = [(one, one) for one in pool.ai] if same else list(permutations(pool.ai, 2))
        for number, (known, there) in enumerate(pairs):
            if len(pool.ai[known]) < references + same * LEAST_LEFT:
                continue
            for repetition in range(repetitions):
                for share in shares:
                    rng = np.random.default_rng([_SEED, place, number, repetition, round(share * 1000)])
                    yield _slice(pool, known, there, share, references, rng, again=again)


def _slice(
    pool: Pool,
    known: str,
    there: str,
    share: float,
    references: int,
    rng: np.random.Generator,
    *,
    again: bool,
) -> Slice:
    people, machines = rng.permutation(pool.human), rng.permutation(pool.ai[known])
    human, ai = people[:references], machines[:references]
    people = people[references:]
    machines = machines[references:] if known == there else rng.permutation(pool.ai[there])
    documents = DOCUMENTS
    if not again:
        documents = int(min(DOCUMENTS, len(people) / (1 - share) if share < 1 else DOCUMENTS,
                            len(machines) / share if share else DOCUMENTS))  # fmt: skip
    number = round(documents * share)
    if again:
        chosen = rng.choice(machines, number), rng.choice(people, documents - number)
    else:
        chosen = machines[:number], people[: documents - number]
    return Slice(
        share=number / documents,
        scores=np.concatenate(chosen),
        human=human,
        ai=ai,
        components=pool.components,
    )


# --- methods -----------------------------------------------------------------------------------------------------


def with_references(one: Slice) -> Interval:
    return quantify.share_with_references(one.scores, one.human, one.ai, components=one.components)


def with_human_references(one: Slice) -> Interval:
    return quantify.share_with_human_references(one.scores, one.human, one.components)


def plain_bootstrap(one: Slice) -> Interval:
    """KDEy on samples drawn with replacement from slice and references, without any widening."""
    rng = np.random.default_rng(_SEED)
    drawn = [
        quantify.kdey(*(rng.choice(side, side.size) for side in (one.scores, one.human, one.ai)))
        for _ in range(60)
    ]
    low, high = np.quantile(drawn, (0.025, 0.975)).tolist()
    estimate = quantify.kdey(one.scores, one.human, one.ai)
    return Interval(estimate=estimate, low=low, high=high, level=0.95, method="bootstrap")


def figures(found: Sequence[tuple[Slice, Interval]]) -> list[Cell]:
    """What `FIGURES` names."""
    error = np.array([interval.estimate - one.share for one, interval in found])
    covered = np.array([_covers(one, interval) for one, interval in found])
    at = np.array([_nearest(one.share) for one, _ in found])
    return [
        len(found),
        float(np.abs(error).mean()),
        float(np.quantile(np.abs(error), 0.95)),
        f"{error.mean():+.3f}",
        float(covered.mean()),
        float(np.mean([interval.high - interval.low for _, interval in found])),
        float(min(covered[at == share].mean() for share in np.unique(at))),
    ]


def _covers(one: Slice, interval: Interval) -> bool:
    return interval.low - TOLERANCE <= one.share <= interval.high + TOLERANCE


def _nearest(share: float) -> float:
    return min(SHARES, key=lambda other: abs(other - share))


def measured(method: Method, cut: Iterator[Slice]) -> list[tuple[Slice, Interval]]:
    return [(one, method(one)) for one in cut]


# --- tables ------------------------------------------------------------------------------------------------------


def by_half(bench: Bench, repetitions: int) -> Table:
    """Both kinds of interval, and the plain bootstrap, on both halves."""
    rows: list[list[Cell]] = []
    for number, pools in enumerate(halves(bench)[:2]):
        for name, method, how in (
            ("80 + 80", with_references, {}),
            ("80 + 80, same generator", with_references, {"same": True}),
            ("80 + 80, drawn again", with_references, {"again": True}),
            ("40 + 40", with_references, {"references": 40}),
            ("80 + 80, plain bootstrap", plain_bootstrap, {}),
            ("80 human", with_human_references, {}),
            ("80 human, drawn again", with_human_references, {"again": True}),
            ("40 human", with_human_references, {"references": 40}),
        ):  # type: str, Method, dict[str, Any]
            found = measured(method, slices(pools, repetitions, **how))
            rows.append([f"half {number + 1}", name, *figures(found)])
    judged = (
        f"{HALVES} Slices of up to {DOCUMENTS} documents at shares of 0 to 1; intervals at 95 %. *drawn again*: "
        f"{DOCUMENTS} documents with replacement from those the references leave."
    )
    return Table(
        name="halves",
        title="Shares of slices",
        judged=judged,
        columns=("half", "references", *FIGURES),
        rows=rows,
    )


def by_share(bench: Bench, repetitions: int) -> Table:
    rows: list[list[Cell]] = []
    for name, method in (("80 + 80", with_references), ("80 human", with_human_references)):  # type: str, Method
        found = [pair for pools in halves(bench)[:2] for pair in measured(method, slices(pools, repetitions))]
        rows += [[name, f"{share:g}", *figures([pair for pair in found if _nearest(pair[0].share) == share])[:-1]]
                 for share in SHARES]  # fmt: skip
    return Table(
        name="by-share", title="The same by true share", judged=f"{HALVES} Both halves together.",
        columns=("references", "share", *FIGURES[:-1]), rows=rows,
    )  # fmt: skip


def by_domain_table(bench: Bench, repetitions: int) -> Table:
    rows: list[list[Cell]] = []
    for pools in halves(bench)[:2]:
        for pool in pools:
            for name, method in (("80 + 80", with_references), ("80 human", with_human_references)):  # type: str, Method
                found = measured(method, slices([pool], repetitions))
                if found:
                    rows.append([pool.name, name, *figures(found)[:-1]])
    return Table(
        name="by-domain", title="The same by domain", judged=f"{HALVES} Those with 140 human documents or more.",
        columns=("domain", "references", *FIGURES[:-1]), rows=rows,
    )  # fmt: skip


def others(bench: Bench, repetitions: int) -> Table:
    rows: list[list[Cell]] = []
    for pool in other_sets(bench):
        machines = np.concatenate(list(pool.ai.values()))
        area = area_under_roc(pool.human, machines).estimate
        for name, method in (("80 + 80", with_references), ("80 human", with_human_references)):  # type: str, Method
            same = len(pool.ai) == 1
            found = measured(method, slices([pool], max(1, repetitions // 2), same=same))
            told = f"{name}, same generators" if same else name
            rows.append([pool.name, f"{area:.2f}", told, *figures(found)[:-1]])
    judged = (
        "Shipped weights on sets that they never saw. Where the area under the ROC curve is small, the score cannot "
        "tell this AI text, and intervals from human references alone do not hold."
    )
    return Table(name="others", title="Shares of slices of other sets", judged=judged,
                 columns=("set", "area", "references", *FIGURES[:-1]), rows=rows)  # fmt: skip


def certified(bench: Bench, repetitions: int) -> Table:
    rows: list[list[Cell]] = []
    for number, pools in enumerate(halves(bench)[:2]):
        for share in SHARES:
            many = repetitions * (10 if share == 0 else 2)
            found = [
                (one.share, quantify.certified_lower_bound(one.scores, one.human))
                for one in slices(pools, many, shares=(share,))
            ]
            true, bound = np.array(found).T
            rows.append(
                [
                    f"half {number + 1}",
                    f"{share:g}",
                    len(found),
                    float(np.mean(bound > true)),
                    float(bound.mean()),
                ]
            )
    return Table(
        name="certified", title="The certified lower bound", judged=f"{HALVES} At 97.5 %, 80 human references.",
        columns=("half", "share", "runs", "above the share", "mean"), rows=rows,
    )  # fmt: skip


def contamination(bench: Bench, repetitions: int) -> Table:
    """How often pure references, and references of which a tenth is AI text, are warned of."""
    rows: list[list[Cell]] = []
    tested = [
        ("half 1", halves(bench)[0]), ("half 2", halves(bench)[1]), ("out of fold", _shipped(bench)), *(
            (pool.name, [pool]) for pool in other_sets(bench)
        ),
    ]  # fmt: skip
    for name, pools in tested:
        for size in (80, 120):
            for known in (False, True):
                hits: dict[float, list[bool]] = {0.0: [], 0.1: []}
                for place, pool in enumerate(pools):
                    machines = np.concatenate(list(pool.ai.values()))
                    if len(pool.human) < size:
                        continue
                    for draw in range(repetitions * 10):
                        rng = np.random.default_rng([_SEED, place, draw])
                        people, ai = rng.permutation(pool.human), rng.permutation(machines)
                        for share, warned in hits.items():
                            number = round(size * share)
                            sample = np.concatenate((people[: size - number], ai[:number]))
                            others_ = ai[number : number + 80] if known else None
                            found = quantify.contaminated(sample, pool.components, others_)
                            warned.append(found is not None)
                if hits[0.0]:
                    rows.append([name, size, "yes" if known else "no", len(hits[0.0]),
                                 *(float(np.mean(one)) for one in hits.values())])  # fmt: skip
    judged = (
        "At 5 %. Halves: as above. Out of fold: each training domain by a model of the others, judged by the "
        "other domains. Other sets: by the shipped weights."
    )
    return Table(name="contamination", title="AI text among human references", judged=judged,
                 columns=("texts", "references", "AI references", "runs", "pure, warned of", "10 % AI, warned of"),
                 rows=rows)  # fmt: skip


def _shipped(bench: Bench) -> list[Pool]:
    """The training domains by models of the others, on the shipped scale."""
    components = load_model().components
    found, known = bench.out_of_fold, bench.fold != "zippy"
    return by_domain(
        found.texts.chosen(known),
        found.score[known],
        lambda name: [one for one in components if one.name != name],
    )


def estimators(bench: Bench, repetitions: int) -> Table:
    """Point estimates, ours and QuaPy's, on the same slices."""
    methods: dict[str, Callable[[Slice], float]] = {
        "KDEy with moves and components": lambda one: with_references(one).estimate,
        "KDEy": lambda one: quantify.kdey(one.scores, one.human, one.ai),
        "PACC": lambda one: quantify.pacc(one.scores, one.human, one.ai),
        "ACC": lambda one: quantify.acc(one.scores, one.human, one.ai),
        "EMQ": lambda one: quantify.emq(one.scores),
        "classify and count": lambda one: quantify.classify_and_count(one.scores),
        **_quapy(),
    }
    rows: list[list[Cell]] = []
    made: dict[str, list[float]] = {name: [] for name in methods}
    cut = [one for pools in halves(bench)[:2] for one in slices(pools, max(1, repetitions // 2))]
    true = np.array([one.share for one in cut])
    for name, method in methods.items():
        made[name] = [method(one) for one in cut]
        error = np.abs(np.array(made[name]) - true)
        ours = name.removeprefix("QuaPy ")
        apart = (
            float(np.abs(np.array(made[name]) - np.array(made[ours])).max())
            if ours != name and ours in made
            else None
        )
        rows.append([name, len(cut), float(error.mean()), float(np.quantile(error, 0.95)), apart])
    return Table(
        name="estimators", title="Estimators", judged=f"{HALVES} Both halves, 80 + 80 references.",
        columns=("estimator", "runs", "mean error", "95 % below", "farthest from ours"), rows=rows,
    )  # fmt: skip


def _quapy() -> dict[str, Callable[[Slice], float]]:
    """QuaPy's estimators on the same probabilities; none where it is not installed."""
    from sklearn.linear_model import LogisticRegression

    try:
        from quapy.method.aggregative import EMQ, PACC, KDEyML
    except ImportError:
        print("quapy is not installed: its rows are left out", file=sys.stderr)
        return {}

    def both(scores: Scores) -> Any:
        likely = 0.5 * (1 + np.tanh(scores / 2))
        return np.column_stack((1 - likely, likely))

    logistic = LogisticRegression()
    logistic.classes_, logistic.coef_, logistic.intercept_ = np.array((0, 1)), np.ones((1, 1)), np.zeros(1)

    def fitted(kind: Any, one: Slice) -> float:
        known = kind(classifier=logistic, fit_classifier=False, val_split=None)
        labels = np.repeat((0, 1), (one.human.size, one.ai.size))
        known.aggregation_fit(both(np.concatenate((one.human, one.ai))), labels)
        return float(known.aggregate(both(one.scores))[1])

    return {
        "QuaPy KDEy": lambda one: fitted(KDEyML, one),
        "QuaPy PACC": lambda one: fitted(PACC, one),
        "QuaPy EMQ": lambda one: float(EMQ.EM(np.array((0.5, 0.5)), both(one.scores), epsilon=1e-9)[0][1]),
    }


_WITHOUT_EFFECT = {
    ("GENERATOR_SPREAD", "80 human"),
    ("DOMAIN_SPREAD", "80 + 80"),
    ("FAR", "80 human"),
    ("STAND_IN", "80 human"),
    ("COMPONENTS_WORTH", "80 human"),
}


def choices(bench: Bench, repetitions: int) -> Table:
    """What the constants of `wellkeeper.measure.quantify` were chosen by: slices of the training halves."""
    few = max(1, repetitions // 2)
    cut = [one for pools in halves(bench)[2:] for one in slices(pools, few)]
    rows: list[list[Cell]] = []
    tried: list[tuple[str, Sequence[float]]] = [
        ("GENERATOR_SPREAD", (0.0, 0.1, 0.15, 0.2, 0.25, 0.35)), ("DOMAIN_SPREAD", (0.0, 0.25, 0.3, 0.35)),
        ("FOLLOWED", (0.0, 0.15, 0.3)), ("STAND_IN", (5.0, 10.0)),
        ("TOWARDS_HUMAN", (0.0, 0.5, 0.75, 1.0)),
        ("LIKELIHOOD_KEPT", (3.0, 5.0, 1e9)), ("FAR", (1e-6, 0.05)), ("COMPONENTS_WORTH", (1e-9, 20, 40, 80, 160)),
    ]  # fmt: skip
    for constant, values in tried:
        for value in values:
            for name, method in (("80 + 80", with_references), ("80 human", with_human_references)):  # type: str, Method
                if (constant, name) in _WITHOUT_EFFECT:
                    continue
                with ExitStack() as stack:
                    stack.enter_context(patch.object(quantify, constant, value))
                    found = measured(method, iter(cut))
                shipped = " *" if value == getattr(quantify, constant) else ""
                rows.append([f"{constant} {value:g}{shipped}", name, *figures(found)])
    judged = "Domains of l2r_a, each by a model of the other four of its half and of zippy. With a star: as shipped."
    return Table(name="choices", title="What was chosen, on training domains", judged=judged,
                 columns=("constant", "references", *FIGURES), rows=rows)  # fmt: skip


def generators(bench: Bench, _: int) -> Table:
    """How far the mean scores of two generators that rewrote the same texts lie apart, in standard deviations."""
    rows: list[list[Cell]] = []
    apart = []
    for pool in _shipped(bench):
        first, second = (pool.ai[name] for name in sorted(pool.ai))
        gap = float((second.mean() - first.mean()) / np.concatenate((first, second)).std())
        apart.append(gap)
        rows.append([pool.name, f"{gap:+.2f}"])
    rows.append(["root mean square", f"{float(np.sqrt(np.mean(np.square(apart)))):.2f}"])
    return Table(name="generators", title="Llama-3-70B above GPT-3.5", judged="Training domains, out of fold.",
                 columns=("domain", "standard deviations"), rows=rows)  # fmt: skip


def widths(_bench: Bench, repetitions: int) -> Table:
    """Mean widths by number of references, and the constants of `references_needed` that they give."""
    components = [
        one
        for one in load_model().components
        if area_under_roc(one.human, one.ai).estimate >= quantify.LEAST_AREA
    ]
    rows: list[list[Cell]] = []
    rng = np.random.default_rng(_SEED)
    sizes = [
        (25, 25),
        (50, 50),
        (100, 100),
        (200, 200),
        (400, 400),
        (800, 800),
        (50, 200),
        (200, 50),
        (800, 50),
        (50, 800),
    ]
    for people, machines in sizes:
        found = []
        for one in components:
            others_ = [other for other in components if other is not one]
            for share in SHARES * max(1, repetitions // 4):
                number = round(DOCUMENTS * share)
                scores = np.concatenate(
                    (rng.choice(one.ai, number), rng.choice(one.human, DOCUMENTS - number))
                )
                interval = quantify.share_with_references(
                    scores,
                    rng.choice(one.human, people),
                    rng.choice(one.ai, machines),
                    components=others_,
                    draws=100,
                )
                found.append(interval.high - interval.low)
        rows.append([people, machines, float(np.mean(found))])
    known = np.array(rows, np.float64)
    terms = np.column_stack((np.ones(len(known)), 1 / known[:, 0], 1 / known[:, 1]))
    squared = known[:, 2] ** 2
    constants = np.linalg.lstsq(terms / squared[:, None], np.ones(len(known)), rcond=None)[0]
    for row, fitted in zip(rows, np.sqrt(terms @ constants).tolist(), strict=True):
        row.append(fitted)
    told = ", ".join(f"{constant:.4f}" for constant in constants)
    judged = f"Slices of {DOCUMENTS} documents of training domains, out of fold, with replacement. Constants: {told}"
    return Table(name="widths", title="Width by number of references", judged=judged,
                 columns=("human", "AI", "mean width", "by the formula"), rows=rows)  # fmt: skip


TABLES: Mapping[str, Callable[[Bench, int], Table]] = {
    "halves": by_half,
    "by-share": by_share,
    "by-domain": by_domain_table,
    "others": others,
    "certified": certified,
    "contamination": contamination,
    "estimators": estimators,
    "generators": generators,
    "choices": choices,
    "widths": widths,
}


def main(arguments: Sequence[str] | None = None) -> None:
    parser = options(__doc__, TABLES)
    parser.add_argument(
        "--repetitions", type=int, default=4, help="slices of one domain, pair of generators and share"
    )
    given = parser.parse_args(arguments)
    bench = Bench(given.data, given.cache)
    made = (TABLES[name](bench, given.repetitions) for name in given.only)
    tell(made, schema="wellkeeper.benchmark.origin-share/1", as_json=given.json, pages=given.docs)


if __name__ == "__main__":
    main()
