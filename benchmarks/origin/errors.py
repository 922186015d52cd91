"""How often the style tier errs: by domain, length, language and generator, on texts that no model had seen.

    python benchmarks/origin/errors.py --data FOLDER [--cache DIR] [--only NAME...] [--json] [--docs PAGE...]

FOLDER holds the labelled sets (`sets.py`). Each table says which model judged which texts: none is judged by a model
that was trained on it. `--cache` keeps scores of models that take minutes to train. `--docs` writes the tables into
Markdown pages, each between `<!-- measured: NAME -->` and `<!-- measured end -->`. Texts go nowhere, figures only.

Needs the extra `train`.
"""

import statistics
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np
from judging import (
    UNSEEN,
    Bench,
    Half,
    Mask,
    Scores,
    area,
    percent,
    rate,
    spread_of,
    with_references,
)
from numpy.typing import NDArray
from scipy.stats import betabinom, binom
from sets import AI, HUMAN, MIXED, Texts, buffers, judged
from tables import Cell, Table, options, tell

from wellkeeper.measure.auroc import area_under_roc
from wellkeeper.measure.conformal import p_values
from wellkeeper.origin.style import StyleModel, load_model

REFERENCES = 50
DRAWS = 20
LEVELS = (0.01, 0.05, 0.10)
LENGTHS = ((50, 80), (80, 150), (150, 300), (300, 10_000))
_SEED = 0

SHIPPED = "Shipped weights on sets that they never saw; l2r_a and zippy out of fold, by models of the other domains."
FIXED = (
    "*fixed*: one threshold for all, above which 5 % of the training sets' human texts score (out of fold). *own*: the "
    "5 % conformal threshold of up to 100 human references of the slice, at most half of it; mean of 50 draws, tested "
    "on the rest. In brackets 95 % intervals."
)
HALVES = (
    "Five domains of l2r_a are judged by a model of the other five and of zippy, by the shipped recipe; then the other "
    "five."
)


# --- one document, one source --------------------------------------------------------------------


def training(bench: Bench) -> Table:
    """What the shipped weights were trained on."""
    rows: list[list[Cell]] = []
    texts, fold = bench.out_of_fold.texts, bench.fold
    for name in sorted(set(fold)):
        inside = fold == name
        human, ai = (inside & (texts.label == label) for label in (HUMAN, AI))
        rows.append(
            [
                "zippy" if name == "zippy" else "l2r_a", texts.domain[inside][0], int(human.sum()), int(ai.sum()),
                int(np.median(texts.words[inside])), area(bench.out_of_fold.score[human], bench.out_of_fold.score[ai]),
            ]
        )  # fmt: skip
    people, models = texts.label == HUMAN, texts.label == AI
    rows.append(["all", "", int(people.sum()), int(models.sum()), int(np.median(texts.words)), None])
    return Table(
        name="training",
        title="Training texts",
        judged="Without copies and without texts on which the tier abstains; words are those of the first 2,500 "
        "characters. AUROC of each domain by a model of all others (95 % interval).",
        columns=("set", "domain", "human", "AI", "words, median", "AUROC out of fold"),
        rows=rows,
    )


def documents(bench: Bench) -> Table:
    """How well one document is told, with and without references of its own domain."""
    rows: list[list[Cell]] = []
    for number, half in enumerate(bench.halves):
        human = half.texts.label == HUMAN
        centred = [_areas(*_centred(half, draw)) for draw in range(DRAWS)]
        large = [_areas(*_centred(half, draw, least=2 * REFERENCES)) for draw in range(DRAWS)]
        rows.append(
            [
                number + 1, half.trained_on, int(human.sum()), int((~human).sum()),
                area(half.score[human], half.score[~human]),
                spread_of([found for found, _ in centred]), spread_of([found for found, _ in large]),
                spread_of([found for _, found in large]),
                _hardest(half),
            ]
        )  # fmt: skip
    return Table(
        name="documents",
        title="One document",
        judged=f"{HALVES} AUROC over all domains together: as the scores are (95 % interval), and centred and scaled "
        f"by {REFERENCES} human references of each domain, which are not tested (mean and 90 % range of {DRAWS} "
        "draws), over all domains and over those with 100 human texts; for the latter also the share of AI texts above "
        "the 99th percentile of the centred human ones.",
        columns=(
            "half", "trained on", "human", "AI", "AUROC", "AUROC centred", "of large domains", "TPR at 1 % FPR",
            "hardest domain",
        ),
        rows=rows,
    )  # fmt: skip


def sources(bench: Bench) -> Table:
    """How well a source of several documents is told, with references of its own domain."""
    rows: list[list[Cell]] = []
    for number, half in enumerate(bench.halves):
        for size in (1, 5, 10):
            found = [_areas(*_sources(half, size, draw)) for draw in range(DRAWS)]
            rows.append([number + 1, size, *(spread_of(list(values)) for values in zip(*found, strict=True))])
    return Table(
        name="sources",
        title="A source of several documents",
        judged=f"{HALVES} A source is purely human or purely AI, of one domain, and scored by the mean of its "
        f"documents, centred on {REFERENCES} human references of the domain; no document of a human source is a "
        "reference. Domains with at least 100 human texts, 60 sources of each kind in each; mean and 90 % range of "
        f"{DRAWS} draws.",
        columns=("half", "documents", "AUROC", "TPR at 1 % FPR"),
        rows=rows,
    )


def _domains(half: Half) -> Iterator[tuple[Scores, Scores]]:
    """Scores of the human and AI texts of each domain."""
    for domain in sorted(set(half.texts.domain)):
        inside = half.texts.domain == domain
        yield half.score[inside & (half.texts.label == HUMAN)], half.score[inside & (half.texts.label == AI)]


def _centred(half: Half, draw: int, least: int = 0) -> tuple[Scores, Scores]:
    rng = np.random.default_rng([_SEED, draw])
    human: list[Scores] = []
    ai: list[Scores] = []
    for people, models in _domains(half):
        if len(people) < least:
            continue
        mixed = rng.permutation(people)
        own = mixed[:REFERENCES]
        human.append((mixed[REFERENCES:] - own.mean()) / own.std())
        ai.append((models - own.mean()) / own.std())
    return np.concatenate(human), np.concatenate(ai)


def _sources(half: Half, size: int, draw: int) -> tuple[Scores, Scores]:
    rng = np.random.default_rng([_SEED, draw, size])
    human: list[Scores] = []
    ai: list[Scores] = []
    for people, models in _domains(half):
        if len(people) < 2 * REFERENCES:
            continue
        mixed = rng.permutation(people)
        own, rest = mixed[:REFERENCES], mixed[REFERENCES:]
        for scores, found in ((rest, human), (models, ai)):
            means = [rng.choice(scores, size, replace=False).mean() for _ in range(60)]
            found.append((np.array(means) - own.mean()) / own.std())
    return np.concatenate(human), np.concatenate(ai)


def _areas(human: Scores, ai: Scores) -> tuple[float, float]:
    """Area under the ROC curve, and the share of AI above the 99th percentile of human ones."""
    return area_under_roc(human, ai).estimate, float(np.mean(ai > np.quantile(human, 0.99)))


def _hardest(half: Half) -> str:
    areas = [area_under_roc(human, ai).estimate for human, ai in _domains(half)]
    worst = int(np.argmin(areas))
    return f"{sorted(set(half.texts.domain))[worst]} {areas[worst]:.3f}".replace(" 0.", " .")


def training_sets(bench: Bench) -> Table:
    """What each set that could be trained on adds."""
    rows: list[list[Cell]] = []
    for number in (0, 1):
        for added in (None, "zippy", "outfox", "seqxgpt", "thunlp_finance"):
            own, others = bench.trial(number, added)
            texts = bench.halves[number].texts
            cells: list[Cell] = [area(own[texts.label == HUMAN], own[texts.label == AI])]
            for name, scores in others.items():
                label = _judged_labels(bench, name)
                cells.append(area(scores[label == HUMAN], scores[label == AI]))
            rows.append([number + 1, f"l2r_a + {added}" if added else "l2r_a alone", *cells])
    return Table(
        name="training-sets",
        title="What each training set adds",
        judged="Trained on half of the domains of l2r_a and one more set, judged on the other half and on two sets "
        "that none was trained on. AUROC, uncentred (95 % interval).",
        columns=("half", "trained on", "other half of l2r_a", "raidar", "detectrl"),
        rows=rows,
    )


def _judged_labels(bench: Bench, name: str) -> NDArray[np.int8]:
    return judged(bench.raw(name)).label


# --- false alarms --------------------------------------------------------------------------------


def _human_slices(bench: Bench) -> Iterator[tuple[str, str, Scores]]:
    """Set, domain and scores of each kind of human text; domains of l2r_a by the model of the other half."""
    for half in bench.halves:
        for domain, (people, _) in zip(sorted(set(half.texts.domain)), _domains(half), strict=True):
            yield "l2r_a", domain, people
    for name in UNSEEN:
        found = bench.scored[name]
        for domain in sorted(set(found.texts.domain[found.of(HUMAN)])):
            yield name, domain, found.score[found.of(HUMAN) & (found.texts.domain == domain)]


def false_alarms(bench: Bench) -> Table:
    """Conformal false alarms on each kind of human text, at each level that its references can certify."""
    rows: list[list[Cell]] = []
    for name, domain, scores in _human_slices(bench):
        if len(scores) < 2 * 19:
            continue
        references = max(99, len(scores) // 2) if len(scores) >= 99 + 50 else len(scores) // 2
        cells: list[Cell] = []
        for level in LEVELS:
            cells += _alarms(scores, references, level)
        rows.append([name, domain, references, len(scores) - references, *cells])
    return Table(
        name="false-alarms",
        title="Conformal false alarms on human text",
        judged="Human texts alone: l2r_a by the model of the other five domains, other sets by the shipped weights. "
        "References and tested texts are disjoint halves of one domain. Under each level: the share flagged in one "
        "random split, the 95 % band it must lie in (beta-binomial: the references are as random as the tested "
        "texts), the mean share over 200 splits; `!` marks what lies outside its band: of so many figures about 5 % "
        "should. A level that needs more references than there are is refused.",
        columns=(
            "set", "domain", "references", "tested",
            *(f"{100 * level:.0f} %{what}" for level in LEVELS for what in (": flagged", ": band", ": mean")),
        ),
        rows=rows,
    )  # fmt: skip


def _alarms(scores: Scores, references: int, level: float) -> list[Cell]:
    allowed = int(level * (references + 1) + 1e-9)
    if not allowed:
        return ["refused", "-", "-"]
    tested = len(scores) - references
    rng = np.random.default_rng(_SEED)
    counts = []
    for _ in range(200):
        mixed = rng.permutation(scores)
        counts.append(int((p_values(mixed[references:], mixed[:references]) <= level + 1e-12).sum()))
    band = betabinom(tested, allowed, references + 1 - allowed)
    low, high = band.ppf(0.025), band.ppf(0.975)
    outside = "" if low <= counts[0] <= high else "!"
    low_mean, high_mean = binom(tested, level).ppf((0.025, 0.975))
    mean = float(np.mean(counts))
    return [
        f"{percent(counts[0] / tested)}{outside}",
        f"{percent(low / tested)}-{percent(high / tested)}",
        f"{percent(mean / tested)}{'' if low_mean <= mean <= high_mean else '!'}",
    ]


# --- by kind of text -----------------------------------------------------------------------------


def _fixed(bench: Bench, level: float = 0.05) -> float:
    return float(np.quantile(bench.out_of_fold.human, 1 - level))


def _errors(human: Scores, ai: Scores, limit: float) -> list[Cell]:
    """Area, false alarms and detection at the fixed threshold, both at the threshold of own references."""
    own = with_references(human, ai)
    alarms, found = own or (np.nan, np.nan)
    return [
        area(human, ai),
        rate(human > limit),
        rate(ai > limit),
        f"{percent(alarms)} %" if own else None,
        f"{percent(found)} %" if own and len(ai) else None,
    ]


_ERRORS = ("AUROC", "false alarms, fixed", "found, fixed", "false alarms, own", "found, own")


def domains(bench: Bench) -> Table:
    """By set and domain, for domains that hold texts of both kinds, or of people alone."""
    limit = _fixed(bench)
    rows: list[list[Cell]] = []
    for name, found in bench.scored.items():
        texts = found.texts
        for domain in sorted(set(texts.domain[found.of(HUMAN)])):
            inside = texts.domain == domain
            human, ai = (found.score[inside & found.of(label)] for label in (HUMAN, AI))
            if len(human) >= 20:
                rows.append([name, domain, len(human), len(ai), *_errors(human, ai, limit)])
    return Table(
        name="domains",
        title="By domain",
        judged=f"{SHIPPED} {FIXED} Domains with at least 20 human texts; detectrl names domains for human texts only.",
        columns=("set", "domain", "human", "AI", *_ERRORS),
        rows=rows,
    )


def lengths(bench: Bench) -> Table:
    """By length, for sets with both kinds of text."""
    limit = _fixed(bench)
    rows: list[list[Cell]] = []
    for name, found in bench.scored.items():
        for low, high in LENGTHS:
            inside = (found.texts.words >= low) & (found.texts.words < high)
            human, ai = (found.score[inside & found.of(label)] for label in (HUMAN, AI))
            if min(len(human), len(ai)) >= 40:
                words = f"{low}-{high - 1}" if high < 10_000 else f"{low} and more"
                rows.append([name, words, len(human), len(ai), *_errors(human, ai, limit)])
    return Table(
        name="lengths",
        title="By length",
        judged=f"{SHIPPED} {FIXED} Words of the 2,500 characters that are read; 40 texts of each kind at least.",
        columns=("set", "words", "human", "AI", *_ERRORS),
        rows=rows,
    )


def generators(bench: Bench) -> Table:
    """By the model that wrote a text, against the human texts of its set."""
    return _by(
        bench,
        name="generators",
        title="By generator",
        how=f"{SHIPPED} {FIXED} A slice is a set; sets without human texts have the fixed threshold alone. Texts "
        "that were attacked or edited afterwards are in the next table.",
        column="generator",
        groups=lambda texts: texts.generator,
        chosen=lambda texts: (texts.label == AI) & np.isin(texts.kind, ("direct", "rewrite", "continuation")),
    )


def edited(bench: Bench) -> Table:
    """Texts that were rewritten, attacked or mixed, against the human texts of their set."""
    return _by(
        bench,
        name="edited",
        title="Rewritten, attacked and mixed text, beside direct output",
        how=f"{SHIPPED} {FIXED} A slice is a set. *mixed*, as the sets have it: of several authors, people or models.",
        column="kind",
        groups=lambda texts: np.array(
            [
                f"{kind}, mixed" if label == MIXED else kind
                for kind, label in zip(texts.kind, texts.label, strict=True)
            ],
            object,
        ),
        chosen=lambda texts: texts.label != HUMAN,
    )


def _by(
    bench: Bench,
    *,
    name: str,
    title: str,
    how: str,
    column: str,
    groups: Callable[[Texts], NDArray[Any]],
    chosen: Callable[[Texts], Mask],
) -> Table:
    limit = _fixed(bench)
    rows: list[list[Cell]] = []
    for set_name, found in bench.scored.items():
        if set_name == "zippy":  # names files, not generators
            continue
        of, which = groups(found.texts), chosen(found.texts)
        for group in sorted(set(of[which])):
            ai = found.score[which & (of == group)]
            if len(ai) >= 20:
                auc, _, hits, _, own = _errors(found.human, ai, limit)
                rows.append([set_name, group, len(ai), auc, hits, own])
    return Table(
        name=name,
        title=title,
        judged=how,
        columns=("set", column, "texts", "AUROC", "found, fixed", "found, own"),
        rows=rows,
    )


def abstentions(bench: Bench) -> Table:
    """Where no score is given: other languages and programs nearly always, English prose nearly never."""
    rows: list[list[Cell]] = []
    for name in ("glimpse_langs", "hc3plus_zh", "whodunit_code"):
        texts = bench.raw(name)
        score = load_model().score(*buffers(texts.texts))
        kinds = texts.language if name != "whodunit_code" else texts.domain
        rows += [
            [name, kind, int((kinds == kind).sum()), rate(np.isnan(score[kinds == kind]))]
            for kind in sorted(set(kinds))
        ]
    for name in UNSEEN:
        texts, found = bench.raw(name), bench.scored[name]
        rows.append([name, "English, all", len(texts), rate(np.arange(len(texts)) >= len(found.score))])
        rows.append(
            [
                name,
                "English, 50 words and more",
                found.asked,
                rate(np.arange(found.asked) >= len(found.score)),
            ]
        )
    return Table(
        name="abstentions",
        title="Where no score is given",
        judged="The shipped weights on sets they were not trained on, texts of people and models together.",
        columns=("set", "text", "texts", "without a score"),
        rows=rows,
    )


# --- speed ---------------------------------------------------------------------------------------


def speed(bench: Bench) -> Table:
    """The tier alone, on one core: canonical text, features, grams, both heads."""
    model = load_model()
    rows: list[list[Cell]] = []
    for name in ("l2r_a", "detectrl", "raidar", "outfox"):
        texts = bench.scored[name].texts.texts
        data, offsets = buffers(texts)
        runs = [_seconds(model, data, offsets) for _ in range(8)][1:]
        read = np.minimum(np.diff(offsets), 2_500).sum()
        fastest, middle = min(runs), statistics.median(runs)
        rows.append(
            [
                name, len(texts), f"{len(data) / 1e6:.1f}", f"{read / len(data):.0%}".replace("%", " %"),
                f"{len(data) / 1e6 / middle:.1f}", f"{len(data) / 1e6 / fastest:.1f}", f"{read / 1e6 / middle:.1f}",
            ]
        )  # fmt: skip
    return Table(
        name="speed",
        title="Speed",
        judged="CPU time of scoring texts in memory, one thread, median and fastest of 7 runs; MB are 10^6 bytes. Of "
        "long texts the first 2,500 characters are read.",
        columns=("set", "texts", "MB", "read", "MB per CPU-s", "fastest", "MB read per CPU-s"),
        rows=rows,
    )


def _seconds(model: StyleModel, data: NDArray[np.uint8], offsets: NDArray[np.int64]) -> float:
    begun = time.process_time()
    model.score(data, offsets)
    return time.process_time() - begun


TABLES: Mapping[str, Callable[[Bench], Table]] = {
    "training": training,
    "documents": documents,
    "sources": sources,
    "false-alarms": false_alarms,
    "domains": domains,
    "lengths": lengths,
    "generators": generators,
    "edited": edited,
    "abstentions": abstentions,
    "training-sets": training_sets,
    "speed": speed,
}


def main(arguments: Sequence[str] | None = None) -> None:
    given = options(__doc__, TABLES).parse_args(arguments)
    bench = Bench(given.data, given.cache)
    made = (TABLES[name](bench) for name in given.only)
    tell(made, schema="wellkeeper.benchmark.origin-errors/1", as_json=given.json, pages=given.docs)


if __name__ == "__main__":
    main()
