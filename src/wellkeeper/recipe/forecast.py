"""`forecast`: what generations of training on its own output would do to a corpus, and how much fresh text holds it.

The corpus is read once, as an audit reads it. The law of effective sample size is read on the words of its sample
(tier 0); a proxy then learns from its texts under each policy, n-gram models to the last generation (tier 1), larger
ones for two generations (tier 2), and kernels of two generations are iterated to the last.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from pathlib import Path
from typing import Any, Literal, TypeAlias

import numpy as np
from numpy.typing import NDArray

from wellkeeper import __version__
from wellkeeper.core.origin import SYNTHETIC, Origin
from wellkeeper.engine.executor import Kind
from wellkeeper.engine.progress import Listener, Progress, nobody
from wellkeeper.errors import DataError, InputError, RecipeError
from wellkeeper.filter.duplicates import DEFAULT_SIMILARITY
from wellkeeper.lab import bands, n_eff
from wellkeeper.lab.chain import is_iterable, never_loses
from wellkeeper.lab.forecast import (
    CALIBRATED,
    LEVEL,
    Banded,
    Observed,
    Outlook,
    Watch,
    core_counts,
    first_words,
    iterated,
    largest_size,
    law_of,
    replicates_for,
)
from wellkeeper.lab.human import HumanText, human_text
from wellkeeper.lab.policy import Policy
from wellkeeper.lab.profile import Profile, profile_of
from wellkeeper.lab.recursion import check, generations
from wellkeeper.lab.registry import experiment
from wellkeeper.lab.running import settings_of
from wellkeeper.lab.world import World
from wellkeeper.recipe.audit import write_reports
from wellkeeper.recipe.corpus import LoadedCorpus
from wellkeeper.recipe.inputs import groups_of
from wellkeeper.recipe.outlook import KEEP, profile_of_sample
from wellkeeper.recipe.results import Forecast
from wellkeeper.recipe.running import Clock, Running, prepare_work, read_corpus, size_of_blocks
from wellkeeper.recipe.tails import WordSample, without_repeats, word_sample
from wellkeeper.recipe.texts import drawn_texts

SCHEMA = "wellkeeper.forecast/1"
POLICIES = ("replace", "accumulate", "subsample", "fixed=0.1", "fresh=0.1")
GENERATIONS = 10
RUNS = 3
"""Runs of n-gram models to the last generation; they differ between seeds by a hundredth of what policies do."""
WORDS: Mapping[int, int] = {1: 100_000, 2: 50_000}
"""Words of a first training set at most, by tier: seconds, and minutes a policy."""
LARGE_RUNS = 2
"""Runs of two generations of larger models: the fewest that give a band."""
_FIGURES = {"types": "kept_types", "lost_mass": "lost_mass", "nll": "nll"}  # ours, and the world's

Tier: TypeAlias = Literal[0, 1, 2]
Floats: TypeAlias = NDArray[np.float64]


def forecast(
    inputs: Any,
    *,
    policies: Sequence[str] = POLICIES,
    generations: int = GENERATIONS,
    tier: Tier = 1,
    human_share: float | Literal["auto"] = "auto",
    keep: float = KEEP,
    model: str | None = None,
    words: int | None = None,
    text: str | None = None,
    origin: str | None = None,
    out: str | Path | None = None,
    work: str | Path | None = None,
    seed: int | None = None,
    workers: int | None = None,
    executor: Kind = "threads",
    address: str | None = None,
    strict: bool = False,
    fresh: bool = False,
    block_bytes: int | None = None,
    listener: Listener = nobody,
) -> Forecast:
    """Tell what generations of models, each trained on what a policy makes of the last one's output, keep of a corpus.

    Args:
        inputs: a path, glob or URL, an Arrow table, anything with the Arrow C stream, or a list of these. Of an output
            folder of `curate`, its documents are read.
        policies: what each generation is trained on, in the words of `wellkeeper.lab.policy`.
        generations: how many come after the corpus.
        tier: 0: the law alone, in closed form. 1: n-gram models too, in seconds. 2: larger models instead, in minutes.
        human_share: share of the corpus that people wrote, in [0, 1]; `auto`: documents that are known to be made by
            models or programs are left out, and all others count as human.
        keep: part of the effective sample size, in [0, 1], for which the least share of fresh text is told.
        model: what tier 2 trains: a GGUF file or a folder of a model to tune, or `module:object` of your own; None: a
            small transformer from scratch.
        words: of the first training set at most; None: 100,000 in tier 1, 50,000 in tier 2.
        text: column with the text; guessed and said aloud where it is not given.
        origin: column that declares who or what wrote each document.
        out: folder for report.html and report.json; None: `wellkeeper-forecast` in the current folder.
        work: folder for sidecars, `out`/.work by default; keep it and the next forecast reads no text again.
        seed: of every draw; the same inputs and seed give the same figures on any number of workers.
        workers: how many blocks are read at once; None: as many as there are cores.
        executor: `threads`, `processes` or `ray`.
        address: of a Ray cluster, `HOST:PORT`; None: RAY_ADDRESS, else Ray on this machine alone.
        strict: stop at the first record that cannot be read.
        fresh: forget what an earlier run left in the work folder.
        block_bytes: bytes of text a worker takes at once.
        listener: is told of progress.

    Raises:
        InputError: an input does not exist, holds nothing to read, has no text column, or too little human text.
        DataError: a number makes no sense, or there are too few documents.
        RecipeError: a policy is not one, or the model cannot follow it.
        MissingExtraError: the model needs an optional part that is not installed.
        WorkError: the work folder cannot be used, or the cluster cannot.
    """
    clock = Clock()
    asked = _Asked(
        policies=tuple(dict.fromkeys(Policy.parse(policy) for policy in policies)),
        generations=generations,
        tier=tier,
        human_share=human_share,
        keep=keep,
        model=model,
        words=WORDS.get(tier) if words is None else words,
        seed=seed or 0,
    )
    folder = Path(out if out is not None else "wellkeeper-forecast")
    run = Running(
        work=prepare_work(folder, work, fresh=fresh),
        kind=executor,
        workers=workers,
        address=address,
        strict=strict,
        block_bytes=size_of_blocks(block_bytes),
        listener=listener,
    )
    with run.ready():
        many = list(inputs) if isinstance(inputs, list | tuple) else [inputs]
        groups, said = groups_of(many, {"text": text, "origin": origin}, run.work)
        corpus = read_corpus(groups, run, similarity=DEFAULT_SIMILARITY, seed=asked.seed, statistics=False)
        document = forecast_document(corpus, asked, said=said, listener=listener)
        document["run"] = clock.told(run, seed=asked.seed)
    from wellkeeper.report.forecast import render_forecast

    return Forecast(document=document, paths=write_reports(folder, document, render_forecast(document)))


@dataclass(frozen=True, slots=True, kw_only=True)
class _Asked:
    policies: tuple[Policy, ...]
    generations: int
    tier: Tier
    human_share: float | Literal["auto"]
    keep: float
    model: str | None
    words: int | None
    seed: int

    def __post_init__(self) -> None:
        if not self.policies:
            raise RecipeError("There is no policy to forecast. Give one, such as `replace`.")
        if self.generations < 1:
            raise DataError(f"generations is {self.generations}. Give at least 1.")
        if self.tier not in {0, 1, 2}:
            raise DataError(f"There is no tier {self.tier}. Choose 0, 1 or 2.")
        if self.human_share != "auto" and not 0 < self.human_share <= 1:
            raise DataError(
                f"the human share is {self.human_share:g}. Give a number above 0, up to 1, or `auto`."
            )
        if not 0 <= self.keep <= 1:
            raise DataError(f"the part to keep is {self.keep:g}. Give a number from 0 to 1.")
        if self.model is not None and self.tier != 2:
            raise RecipeError(
                f"Tier {self.tier} trains no model of yours. Add --tier 2, or leave --model out."
            )
        if self.words is not None and self.words < 1:
            raise DataError(f"words is {self.words}. Give at least 1.")


def forecast_document(
    corpus: LoadedCorpus, asked: _Asked, *, said: Sequence[str], listener: Listener = nobody
) -> dict[str, Any]:
    """All figures of a forecast: schema `wellkeeper.forecast/1`."""
    people = _People.of(corpus, asked.human_share)
    sample = without_repeats(word_sample(corpus), corpus)
    sample = sample.restricted(people.chosen[sample.documents])
    laws = _laws(_profile(sample, corpus), asked, people)
    proxy = _Proxy.of(corpus, people, asked) if asked.tier else None
    measured = [] if proxy is None else list(proxy.forecasts(asked, listener))
    told = [
        {
            "policy": str(policy),
            "law": laws[str(policy)],
            "limit": _limit(policy, people),
            **(measured[place] if measured else {"bound": None, "kernel": None, "run": None}),
        }
        for place, policy in enumerate(asked.policies)
    ]
    return {
        "schema": SCHEMA,
        "version": __version__,
        "inputs": {
            "names": list(corpus.group_names()),
            "documents": len(corpus),
            "words": int(corpus.column("words").sum()),
            "quarantined": corpus.quarantined,
            "columns": list(said),
        },
        "human": people.to_json(),
        "tier": asked.tier,
        "generations": asked.generations,
        "level": LEVEL,
        "fresh_share": {"keep": asked.keep, "share": n_eff.fresh_share_for(asked.keep)},
        "proxy": None if proxy is None else proxy.to_json(),
        "policies": told,
        "ranking": [_ranking(figure, told, proxy) for figure in _ranked(asked.tier)],
    }


# --- what people wrote -------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _People:
    """The documents that count as human, and how that is known."""

    chosen: NDArray[np.bool_]  # shape (documents,)
    documents: int
    words: int
    share: float  # of their words that people wrote
    how: str  # "labels", "given" or "assumed"
    left_out: int  # documents known to be made by models or programs
    unknown: int  # documents of which nothing says who wrote them, among those that count

    @classmethod
    def of(cls, corpus: LoadedCorpus, share: float | Literal["auto"]) -> "_People":
        origin = corpus.column("origin_resolved")
        made = np.isin(origin, SYNTHETIC)
        chosen = ~made if share == "auto" else np.ones(len(corpus), np.bool_)
        if not chosen.any():
            raise InputError(
                f"All {len(corpus):,} documents are known to be made by models or programs, and a forecast is of what "
                "people wrote. Give human text, or say with --human-share what part of this is."
            )
        unknown = int(np.count_nonzero(chosen & (origin == Origin.UNKNOWN)))
        how = "given" if share != "auto" else "labels" if unknown < np.count_nonzero(chosen) else "assumed"
        return cls(
            chosen=chosen,
            documents=int(np.count_nonzero(chosen)),
            words=int(corpus.column("words")[chosen].sum()),
            share=1.0 if share == "auto" else share,
            how=how,
            left_out=int(np.count_nonzero(~chosen)),
            unknown=unknown,
        )

    def to_json(self) -> dict[str, Any]:
        return {
            "documents": self.documents,
            "words": self.words,
            "share": self.share,
            "how": self.how,
            "left_out": self.left_out,
            "unknown": self.unknown,
        }


# --- tier 0 ------------------------------------------------------------------------------------------


def _profile(sample: WordSample, corpus: LoadedCorpus) -> Profile:
    profile = profile_of_sample(sample)
    if profile is None:
        raise InputError(
            f"The human documents of {', '.join(corpus.group_names())} have no word. Check the text column (--text)."
        )
    return profile


def _laws(profile: Profile, asked: _Asked, people: _People) -> dict[str, dict[str, Any] | None]:
    """By policy; None where there is no closed form."""
    found: dict[str, dict[str, Any] | None] = {}
    for policy in asked.policies:
        try:
            law = law_of(profile, policy, asked.generations, human=people.share)
        except RecipeError:
            found[str(policy)] = None
            continue
        found[str(policy)] = {
            "sample": {"documents": profile.documents, "words": profile.words, "types": profile.types},
            "generations": [
                {"n_eff": people.words * float(share), **row}
                for share, row in zip(law.share, law.rows(), strict=True)
            ],
        }
    return found


def _limit(policy: Policy, people: _People) -> float | None:
    """Effective sample size over the words of the corpus after ever so many generations, where it is known."""
    plain = policy.decoding.is_plain and policy.verifier is None and not policy.weighs
    mixed = policy.fixed > 0 and policy.fresh > 0
    if not plain or policy.keep != "last" or policy.growth != 1 or mixed or len(policy.schedule) > 1:
        return None
    if policy.augment:
        return None
    if policy.fixed:
        return people.share * n_eff.limit(policy.fixed, fresh=False)
    return n_eff.limit(policy.parts(1).fresh, fresh=True)


# --- tiers 1 and 2 -----------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Proxy:
    """What learns from the corpus, and how much of it."""

    name: str
    regime: str
    world: World[Any, Any]
    human: HumanText
    size: int  # words of the first training set
    is_all: bool  # whether it has read all human documents
    to_end: bool  # whether it is trained to the last generation
    calibrated_on: int  # runs of two generations
    profile: Profile

    @classmethod
    def of(cls, corpus: LoadedCorpus, people: _People, asked: _Asked) -> "_Proxy":
        drawn = drawn_texts(corpus, seed=asked.seed)
        texts = [
            text
            for document, text in zip(drawn.documents, drawn.texts, strict=True)
            if people.chosen[document]
        ]
        human = human_text(texts)
        name = proxy_name(asked.tier, asked.model)
        found = experiment(name)
        settings = settings_of(found, {} if asked.model is None else {"model": asked.model})
        assert found.world is not None  # experiments on text have one
        assert asked.words is not None  # but for tier 0
        to_end = asked.tier == 1
        size = largest_size(
            human.text.words.size,
            asked.policies,
            max(asked.generations, CALIBRATED) if to_end else CALIBRATED,
            most=asked.words,
        )
        world = found.world(1, human, asked.seed, **settings)
        for policy in asked.policies:
            check(world, policy)
        return cls(
            name=name,
            regime=found.regime,
            world=world,
            human=human,
            size=size,
            is_all=drawn.is_all,
            to_end=to_end,
            calibrated_on=replicates_for(size) if to_end else LARGE_RUNS,
            profile=profile_of(first_words(world, size), len(human.vocabulary)),
        )

    def to_json(self) -> dict[str, Any]:
        return {
            "name": self.name,
            "regime": self.regime,
            "words": self.profile.words,
            "types": self.profile.types,
            "documents": self.profile.documents,
            "held_out_documents": len(self.human.held_out),
            "held_out_words": int(self.human.held_out.words.size),
            "is_all": self.is_all and self.size == self.human.text.words.size,
            "calibrated_on": self.calibrated_on,
            "runs": RUNS if self.to_end else 0,
        }

    def forecasts(self, asked: _Asked, listener: Listener) -> Iterator[dict[str, Any]]:
        """`bound`, `kernel` and `run` of each policy."""
        runs = [self._runs(policy) for policy in asked.policies]
        for place, policy in enumerate(asked.policies):

            def tell(run: int, done: int = sum(runs[:place]), policy: Policy = policy) -> None:
                listener(Progress(stage=f"training, {policy}", done=done + run, total=sum(runs), unit="runs"))

            observed, told = self._trained(policy, asked, tell)
            yield {
                "bound": self._bound(policy, asked.generations),
                "kernel": self._kernel(policy, observed, asked.generations),
                "run": None if told is None else {name: _run_rows(values) for name, values in told.items()},
            }

    def _calibrating(self, policy: Policy) -> int:
        return self.calibrated_on if is_iterable(policy) and not never_loses(policy) else 0

    def _runs(self, policy: Policy) -> int:
        return max(self._calibrating(policy), RUNS if self.to_end else 0)

    def _trained(
        self, policy: Policy, asked: _Asked, tell: Callable[[int], None]
    ) -> tuple[list[Observed], dict[str, Floats] | None]:
        """Two generations of each run to calibrate on; and what was told of runs, (runs, generations + 1) a figure.

        Runs to the last generation where the proxy goes there, else those of two generations.
        """
        calibrated_on, going_on = self._calibrating(policy), RUNS if self.to_end else 0
        observed: list[Observed] = []
        told: list[list[Mapping[str, Floats]]] = []
        for run in range(self._runs(policy)):
            tell(run)
            last = asked.generations if run < going_on else CALIBRATED
            watch = Watch(self.world, policy, len(self.human.vocabulary))
            figures = []
            for generation in generations(
                self.world,
                policy,
                size=self.size,
                count=max(last, CALIBRATED),
                seed=asked.seed,
                replicate=run,
            ):
                watch.see(generation.state)
                figures.append(generation.figures)
            if run < calibrated_on:
                observed.append(watch.observed())
            if run < going_on or not self.to_end:
                told.append(figures[: last + 1])
        return observed, _by_figure(told) if told else None

    def _bound(self, policy: Policy, count: int) -> list[dict[str, float | int]] | None:
        """What an ideal model would keep of the same words."""
        try:
            return law_of(self.profile, policy, count).rows()
        except RecipeError:
            return None

    def _kernel(self, policy: Policy, observed: Sequence[Observed], count: int) -> dict[str, Any] | None:
        if not is_iterable(policy):
            return None
        core = core_counts(self.world, policy, size=self.size, vocabulary=len(self.human.vocabulary))
        found = iterated(self.profile, observed, policy, count, core=core)
        return {
            "types": _banded_rows(found.types),
            "lost_mass": _banded_rows(found.lost_mass),
            "reproduction": _reproduction(found),
        }


def proxy_name(tier: Tier, model: str | None) -> str:
    """The lab's experiment whose world a tier trains."""
    if tier == 1:
        return "ngram"
    if model is None:
        return "transformer"
    return "own" if ":" in model or model.endswith(".py") else "smollm2"


def _by_figure(told: Sequence[Sequence[Mapping[str, Floats]]]) -> dict[str, Floats]:
    return {
        ours: np.array([[float(figures[theirs][0]) for figures in run] for run in told])
        for ours, theirs in _FIGURES.items()
    }


def _run_rows(values: Floats) -> list[dict[str, Any]]:
    """Mean and range of the runs, and each of them, by generation."""
    found = bands.band(values)
    return [
        {
            "generation": number,
            "estimate": _known(found.mean[number]),
            "low": _known(values[:, number].min()),
            "high": _known(values[:, number].max()),
            "values": [_known(value) for value in values[:, number]],
        }
        for number in range(values.shape[1])
    ]


def _banded_rows(found: Banded) -> list[dict[str, float | int]]:
    return [
        {"generation": number, "estimate": float(estimate), "low": float(low), "high": float(high)}
        for number, (estimate, low, high) in enumerate(
            zip(found.estimate, found.low, found.high, strict=True)
        )
    ]


_REPRODUCED = (0, 1, 2, 3, 5, 10, 50)


def _reproduction(found: Outlook) -> list[dict[str, Any]]:
    """The r of both kernels at a few counts."""
    if found.kernels is None:
        return []
    first, second = (kernel.reproduction for kernel in (found.kernels.first, found.kernels.second))
    return [
        {"count": count, "first": _known(first[count]), "second": _known(second[count])}
        for count in _REPRODUCED
    ]


def _known(value: float) -> float | None:
    return None if np.isnan(value) else float(value)


# --- which policy keeps most -------------------------------------------------------------------------


def _ranked(tier: Tier) -> tuple[str, ...]:
    return ("lost_mass", "nll") if tier == 1 else ("lost_mass",)


def _ranking(figure: str, policies: Sequence[Mapping[str, Any]], proxy: _Proxy | None) -> dict[str, Any]:
    """Policies from best to worst at the last generation, and which of them cannot be told apart.

    As it was measured where the proxy was trained to the end; else by the kernel, else by the law.
    """
    how = "law" if proxy is None else "run" if proxy.to_end else "kernel"
    told = {row["policy"]: _last(row, how, figure) for row in policies}
    last = {policy: found for policy, found in told.items() if found is not None}
    known = sorted(last, key=lambda policy: last[policy]["estimate"])
    same = {
        frozenset((one, other))
        for one, other in combinations(known, 2)
        if not _differ(last[one], last[other], how, len(known))
    }
    return {
        "figure": figure,
        "by": how,
        "policies": [
            {
                "policy": policy,
                **{key: last[policy].get(key) for key in ("estimate", "low", "high")},
                "not_told_from": [other for other in known if frozenset((policy, other)) in same],
            }
            for policy in known
        ],
        "not_ranked": [policy for policy in told if policy not in last],
    }


def _last(row: Mapping[str, Any], how: str, figure: str) -> dict[str, Any] | None:
    found = row[how]
    if found is None:
        return None
    if how == "law":
        value = found["generations"][-1][figure]
        return {"estimate": value}
    last: dict[str, Any] = found[figure][-1]
    return last


def _differ(first: Mapping[str, Any], second: Mapping[str, Any], how: str, policies: int) -> bool:
    if how == "law":
        return bool(first["estimate"] != second["estimate"])
    if how == "kernel":
        return bool(first["high"] < second["low"] or second["high"] < first["low"])
    pairs = policies * (policies - 1) // 2
    values = (np.array(side["values"]) for side in (first, second))
    change = bands.change(*values, tests=pairs)
    return change is not None and change.direction != ""
