"""`plan`: how many items, and how many answers to each, find a drop, before a token is spent; and what that costs.

What chance does to an answer is measured on a pilot run, or assumed and said. The statistics are those of
`wellkeeper.measure.sample_size` and `wellkeeper.measure.watch_size`.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Literal, Protocol, TypeAlias

import numpy as np

from wellkeeper import __version__
from wellkeeper.engine.progress import Listener, Progress, nobody
from wellkeeper.errors import DataError, InputError
from wellkeeper.measure.cells import Counts
from wellkeeper.measure.incidence import dense
from wellkeeper.measure.sample_size import (
    LEVEL,
    MOST_ITEMS,
    POWER,
    AnswerNoise,
    PairNoise,
    Plan,
    Price,
    answer_noise,
    diversity_variance,
    least_drop,
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
from wellkeeper.measure.watch_size import WatchPower, items_a_week, watch_power
from wellkeeper.recipe.audit import write_reports
from wellkeeper.recipe.compare_runs import human_words, words_of_answers
from wellkeeper.recipe.results import RunPlan
from wellkeeper.recipe.running import Running, prepare_work, size_of_blocks
from wellkeeper.suites.run import Answered, Run
from wellkeeper.suites.run_files import read_run
from wellkeeper.watch.answer_texts import distances_of

SCHEMA = "wellkeeper.plan/1"

Metric: TypeAlias = Literal["accuracy", "diversity", "tail", "all"]

DROP = 0.05
SAMPLES = (1, 4, 8)
MEAN = 0.7
"""Mean score of the versions, where nobody measured it."""
WITHIN = (2, 4, 8, 16)
"""Weeks within which a watch is to find the drop."""
WORLDS = {"greedy-like": 1 / 3, "sampled": 2 / 3}
"""How unsure a version is of its answers, as a share of the most that its mean score allows: 14 and 28 % of items are
answered right by one and wrong by the other of two like versions, at a mean of 0.7. Items' chances are then Beta
distributed with parameters that sum up to 0.5 and 2 (benchmarks/watch/needs.py)."""
ZIPF = PairNoise(mean=0.8098, pair=0.1318, answer=0.0301)
"""Noise of 200 answers to a prompt, Zipf distributed with an exponent uniform from 0.6 to 2.2, the mean over prompts:
the world of benchmarks/watch/needs.py."""
TAIL_WORLDS = 100
"""Simulated for each number of prompts: the power is known to .04."""
FEWEST_ITEMS = 20
"""No plan has fewer: from so many on every test holds its level."""
PILOT_ITEMS = 20
"""A pilot of fewer items says little of the noise."""

_CURVE = 24  # points of a curve of power


def plan(
    *,
    drop: float = DROP,
    metric: Metric = "all",
    samples: Sequence[int] = SAMPLES,
    power: float = POWER,
    level: float = LEVEL,
    pilot: str | Path | Run | None = None,
    reference: Sequence[str] = (),
    text: str | None = None,
    mean: float | None = None,
    prompt_tokens: float | None = None,
    answer_tokens: float | None = None,
    price_prompt: float | None = None,
    price_answer: float | None = None,
    stored: int | None = None,
    items: int | None = None,
    seed: int = 0,
    out: str | Path | None = None,
    listener: Listener = nobody,
) -> RunPlan:
    """Plan a comparison of two versions, and a watch, or tell what a suite of so many items finds.

    Args:
        drop: that is to be found, in (0, 1): 0.05 is five points of the mean score, of the mean distance of two
            answers, or of what people's rarest cells make up.
        metric: what is compared; `all` is accuracy and diversity, and the tail with a reference.
        samples: answers of each version to each item, several to choose from.
        power: chance of finding the drop.
        level: chance of a false alarm, of each metric alone.
        pilot: run whose noise and lengths are taken, of 20 items or more with 4 answers or more each.
        reference: paths of human text, for the tail.
        text: column with the reference's text; guessed where it is not given.
        mean: score of the reference version, in (0, 1), where noise is assumed; the pilot's by default, or 0.7.
        prompt_tokens: of one prompt, the mean; from the pilot where it is not given.
        answer_tokens: of one answer, likewise.
        price_prompt: money for a million tokens of prompts.
        price_answer: money for a million tokens of answers.
        stored: answers of the reference version to each item that are there already and cost nothing.
        items: of the suite there is; None: as many as the drop needs.
        seed: of simulations.
        out: folder for report.html and report.json; None: none is written.
        listener: is told of progress.

    Raises:
        InputError: the pilot or the reference cannot be read, or options do not go together.
        DataError: a number is out of its range.
    """
    asked = _Asked(
        drop=drop,
        power=power,
        level=level,
        samples=_samples(samples, stored),
        stored=stored is not None,
        items=items,
        seed=seed,
    )
    asked.check()
    run = pilot if isinstance(pilot, Run) or pilot is None else read_run(pilot)
    price = _price(run, prompt_tokens, answer_tokens, price_prompt, price_answer)
    document: dict[str, Any] = {
        "schema": SCHEMA,
        "version": __version__,
        "drop": drop,
        "power": power,
        "level": level,
        "seed": seed,
        "items": items,
        "stored": stored,
        "price": None if price is None else asdict(price),
        "priced": price_prompt is not None or price_answer is not None,
        "pilot": None if run is None else _pilot(run),
        "tests": [],
        "watch": [],
        "not_planned": {},
        "notes": _notes(run),
    }
    listener(Progress(stage="planning", done=0, total=0, unit="tests"))
    for name, tests in (
        ("accuracy", partial(_accuracies, run, mean)),
        ("diversity", partial(_diversities, run)),
        ("tail", partial(_tails, run, reference, text, seed, listener, is_asked_for=metric == "tail")),
    ):
        if metric in {name, "all"}:
            try:
                found: Sequence[_Test] = tests()
                document["tests"] += [_told(test, asked, price) for test in found]
            except _NoPlanError as why:
                document["not_planned"][name] = str(why)
    if metric in {"accuracy", "all"}:
        document["watch"] = _watch(run, mean, asked, price)
    if not document["tests"]:
        raise InputError(" ".join(document["not_planned"].values()))
    document["verdict"] = _verdict(document)
    paths: Mapping[str, Path] = {}
    if out is not None:
        from wellkeeper.report.plan import render_plan

        folder = Path(out)
        folder.mkdir(parents=True, exist_ok=True)
        paths = write_reports(folder, document, render_plan(document))
    return RunPlan(document=document, paths=paths)


class _NoPlanError(Exception):
    """Why there is no plan of a metric."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Asked:
    drop: float
    power: float
    level: float
    samples: tuple[int, ...]
    stored: bool
    items: int | None
    seed: int

    def check(self) -> None:
        if not 0 < self.drop < 1:
            raise DataError(
                f"The drop is {100 * self.drop:g} points. Give one between 0 and 100, such as 5 (--drop 5)."
            )
        if not 0 < self.level < self.power < 1:
            raise DataError(
                f"level is {self.level:g} and power {self.power:g}. Give chances between 0 and 1, the power the higher "
                "one, such as 0.05 and 0.8."
            )
        if self.items is not None and self.items < FEWEST_ITEMS:
            raise DataError(
                f"A suite of {self.items} items is too small for the tests. Give {FEWEST_ITEMS} or more."
            )
        if self.items is not None and self.items > MOST_ITEMS:
            raise DataError(
                f"A suite of {self.items:,} items is more than is planned for. Give {MOST_ITEMS:,} or fewer."
            )


class _Test(Protocol):
    """One metric in one world."""

    @property
    def metric(self) -> str: ...
    @property
    def world(self) -> str: ...
    @property
    def fewest_answers(self) -> int:
        """To an item."""

    @property
    def most_drop(self) -> float | None:
        """That there can be; None: power takes seconds to simulate, so that neither curve nor least drop is told."""

    def told(self) -> dict[str, Any]:
        """What is known or assumed of chance."""

    def plan(self, asked: _Asked, samples: int) -> Plan:
        """Raises DataError where there is none."""

    def power(self, asked: _Asked, samples: int, items: int, drop: float) -> float:
        """Raises DataError where so much cannot be lost."""


# --- options ---------------------------------------------------------------------------------------------------------


def _samples(samples: Sequence[int], stored: int | None) -> tuple[int, ...]:
    found = tuple(sorted(set(samples)))
    if not found or found[0] < 1:
        raise DataError(f"samples is {list(samples)}. Give numbers of answers from 1, such as 1,4,8.")
    if stored is None:
        return found
    if stored < 1:
        raise DataError(f"stored is {stored}. Give how many answers to each item there are, or leave it out.")
    held = tuple(count for count in found if count <= stored)
    if not held:
        raise DataError(
            f"{stored} answers to each item are stored, and plans were asked for {', '.join(map(str, found))}. "
            f"Ask for one of up to {stored}: --samples {stored}."
        )
    return held


def _price(
    run: Run | None,
    prompt_tokens: float | None,
    answer_tokens: float | None,
    price_prompt: float | None,
    price_answer: float | None,
) -> Price | None:
    prompts = prompt_tokens if prompt_tokens is not None else _mean_tokens(run, "prompt_tokens")
    answers = answer_tokens if answer_tokens is not None else _mean_tokens(run, "tokens")
    if prompts is None or answers is None:
        if price_prompt is not None or price_answer is not None:
            raise InputError(
                "A price was given, and nobody knows how long prompts and answers are. Give --prompt-tokens and "
                "--answer-tokens, or a pilot run that has them."
            )
        return None
    return Price(
        prompt_tokens=prompts,
        answer_tokens=answers,
        per_million_prompt=price_prompt or 0.0,
        per_million_answer=price_answer or 0.0,
    )


def _mean_tokens(run: Run | None, name: str) -> float | None:
    if run is None:
        return None
    said = [getattr(output, name) for item in run.items for output in item.outputs]
    known = [tokens for tokens in said if tokens is not None]
    return sum(known) / len(known) if known else None


def _pilot(run: Run) -> dict[str, Any]:
    answers = [len(item.outputs) for item in run.items]
    return {
        "name": run.name,
        "model": run.model,
        "suite": run.suite,
        "metric": run.metric,
        "items": len(run.items),
        "answers": sum(answers),
        "prompt_tokens": _mean_tokens(run, "prompt_tokens"),
        "answer_tokens": _mean_tokens(run, "tokens"),
    }


def _notes(run: Run | None) -> list[str]:
    if run is None:
        return [
            (
                "No pilot was given: what chance does to an answer is assumed, and may be twice or half as large. A "
                "pilot of 50 items with 4 answers each measures it."
            )
        ]
    telling = [
        len(run.items),
        sum(len(_known(item)) > 1 for item in run.items),
        sum(len(item.outputs) > 3 for item in run.items),
    ]
    least = min(many for many in telling if many)
    if least < PILOT_ITEMS:
        return [
            (
                f"The pilot has {least} items that tell of noise, too few to measure it well: give {PILOT_ITEMS}, "
                "better 100."
            )
        ]
    return []


# --- tests -----------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class _Accuracy:
    world: str
    noise: AnswerNoise
    is_binary: bool  # right or wrong, nothing in between
    metric: str = "accuracy"
    fewest_answers: int = 1

    @property
    def most_drop(self) -> float:
        return 0.99 * self.noise.mean

    def told(self) -> dict[str, Any]:
        return asdict(self.noise)

    def plan(self, asked: _Asked, samples: int) -> Plan:
        _check_loss(asked.drop, self.noise.mean, "mean score")
        discordance = self.noise.after(asked.drop)
        if samples == 1 and self.is_binary:
            return plan_mcnemar(
                drop=asked.drop, discordance=discordance, level=asked.level, power=asked.power
            )
        return plan_paired_t(
            drop=asked.drop,
            discordance=discordance,
            samples=samples,
            spread=self.noise.spread(asked.drop),
            level=asked.level,
            power=asked.power,
        )

    def power(self, asked: _Asked, samples: int, items: int, drop: float) -> float:
        _check_loss(drop, self.noise.mean, "mean score")
        discordance = self.noise.after(drop)
        if samples == 1 and self.is_binary:
            return mcnemar_power(items, drop=drop, discordance=discordance, level=asked.level)
        variance = paired_t_variance(
            drop=drop, discordance=discordance, samples=samples, spread=self.noise.spread(drop)
        )
        return t_power(items, drop=drop, variance=variance, level=asked.level)


def _accuracies(run: Run | None, mean: float | None) -> list[_Accuracy]:
    """By the pilot's noise; without one, or with one answer to an item, by that of both assumed worlds."""
    scores = [] if run is None else [_known(item) for item in run.items]
    if run is not None and not any(scores):
        raise _NoPlanError("The pilot is not scored. Score it, or plan diversity alone: --metric diversity.")
    is_binary = all(score in {0.0, 1.0} for item in scores for score in item)
    repeated = [item for item in scores if len(item) > 1]
    if run is not None and repeated and _is_sampled(run):
        if mean is not None:
            raise InputError(
                "The pilot measures the mean score, and --mean gives another. Leave one of them out."
            )
        try:
            noise = answer_noise(repeated)
        except DataError as error:
            raise _NoPlanError(str(error)) from error
        return [_Accuracy(world="pilot", noise=noise, is_binary=is_binary)]
    known = [sum(item) / len(item) for item in scores if item]
    assumed = mean if mean is not None else sum(known) / len(known) if known else MEAN
    if not 0 < assumed < 1:
        raise _NoPlanError(
            f"The mean score is {assumed:g}, so that items cannot tell versions apart. Give harder or easier items, or "
            "--mean."
        )
    most = 2 * assumed * (1 - assumed)
    return [
        _Accuracy(world=world, noise=AnswerNoise(mean=assumed, discordance=share * most), is_binary=is_binary)
        for world, share in WORLDS.items()
    ]


def _is_sampled(run: Run) -> bool:
    """Whether some item got two different answers: greedy ones show no noise, and have none of the next version's."""
    return run.temperature != 0 and any(
        len({output.text for output in item.outputs}) > 1 for item in run.items
    )


def _known(item: Answered) -> list[float]:
    return [score for score in item.scores if score is not None]


def _check_loss(drop: float, mean: float, what: str) -> None:
    if drop >= mean:
        raise DataError(
            f"A drop of {100 * drop:g} points cannot be lost from a {what} of {mean:.3g}. Look for a smaller one."
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class _Diversity:
    world: str
    noise: PairNoise
    metric: str = "diversity"
    fewest_answers: int = 2

    @property
    def most_drop(self) -> float:
        return 0.99 * self.noise.mean

    def told(self) -> dict[str, Any]:
        return asdict(self.noise)

    def plan(self, asked: _Asked, samples: int) -> Plan:
        _check_loss(asked.drop, self.noise.mean, "mean distance")
        return plan_diversity(
            drop=asked.drop, noise=self.noise, samples=samples, level=asked.level, power=asked.power
        )

    def power(self, asked: _Asked, samples: int, items: int, drop: float) -> float:
        _check_loss(drop, self.noise.mean, "mean distance")
        variance = diversity_variance(drop=drop, noise=self.noise, samples=samples)
        return t_power(items, drop=drop, variance=variance, level=asked.level)


def _diversities(run: Run | None) -> list[_Diversity]:
    if run is None:
        return [_Diversity(world="Zipf", noise=ZIPF)]
    texts = [[output.text for output in item.outputs] for item in run.items if len(item.outputs) > 3]
    if len(texts) < 2 or run.temperature == 0:
        raise _NoPlanError(
            "The noise of diversity takes 4 answers to an item at the temperature that you use: ask for a pilot of 50 "
            "items with `wellkeeper ask --samples 4`."
        )
    many = min(map(len, texts))
    noise = pair_noise(np.stack([distances_of(item[:many]) for item in texts]))
    if noise.mean <= 0:
        raise _NoPlanError("All answers of the pilot to an item are alike: there is no diversity to lose.")
    # estimates without bias may fall below 0, where what they estimate cannot
    sound = replace(noise, pair=max(0.0, noise.pair), answer=max(0.0, noise.answer))
    return [_Diversity(world="pilot", noise=sound)]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Tail:
    world: str
    counts: Counts  # human items of each cell
    cells: int  # of an answer
    listener: Listener
    metric: str = "tail"
    fewest_answers: int = 1
    most_drop: None = None

    def told(self) -> dict[str, Any]:
        return {
            "human_cells": int(self.counts.sum()),
            "different_cells": int(np.count_nonzero(self.counts)),
            "cells_of_an_answer": self.cells,
        }

    def plan(self, asked: _Asked, samples: int) -> Plan:
        self._say(samples)
        found = plan_tail(
            self.counts,
            drop=asked.drop,
            samples=samples * self.cells,
            level=asked.level,
            power=asked.power,
            worlds=TAIL_WORLDS,
            seed=asked.seed,
        )
        return replace(found, samples=samples)

    def power(self, asked: _Asked, samples: int, items: int, drop: float) -> float:
        self._say(samples)
        return tail_power(
            self.counts,
            items,
            drop=drop,
            samples=samples * self.cells,
            level=asked.level,
            worlds=TAIL_WORLDS,
            seed=asked.seed,
        )

    def _say(self, samples: int) -> None:
        self.listener(
            Progress(stage=f"simulating tails of {samples} answers", done=0, total=0, unit="worlds")
        )


def _tails(
    run: Run | None,
    reference: Sequence[str],
    text: str | None,
    seed: int,
    listener: Listener,
    *,
    is_asked_for: bool,
) -> list[_Tail]:
    if reference:
        counts, cells = _words(run, reference, text, seed)
        return [_Tail(world="reference", counts=counts, cells=cells, listener=listener)]
    if not is_asked_for:
        raise _NoPlanError("The tail needs a yardstick: give human text of the same kind with --reference.")
    masses = np.arange(1, 1_501) ** -1.05
    counts = np.random.default_rng(0).multinomial(6_000, masses / masses.sum())
    return [_Tail(world="1,500 cells", counts=counts, cells=1, listener=listener)]


def _words(run: Run | None, reference: Sequence[str], text: str | None, seed: int) -> tuple[Counts, int]:
    """Human documents with each word, and how many different words an answer of the pilot has."""
    if run is None:
        raise _NoPlanError(
            "How many words an answer has decides on the tail: give a run of a few items with --pilot, as you would "
            "ask them."
        )
    with TemporaryDirectory(prefix="wellkeeper-plan-") as folder:
        running = Running(
            work=prepare_work(Path(folder), None, fresh=False),
            kind="threads",
            workers=None,
            address=None,
            strict=False,
            block_bytes=size_of_blocks(None),
            listener=nobody,
        )
        human, _ = human_words(reference, text, running, seed)
    if human is None:
        raise _NoPlanError("The reference holds no words. Give human text with --reference.")
    ids, many = dense(human.types)
    answers = words_of_answers([output.text for item in run.items for output in item.outputs])
    cells = round(answers.types.size / answers.documents)
    if not cells:
        raise _NoPlanError("The pilot's answers hold no words. Give a run with answers.")
    return np.bincount(ids, minlength=many), cells


# --- what is told ----------------------------------------------------------------------------------------------------


def _told(test: _Test, asked: _Asked, price: Price | None) -> dict[str, Any]:
    possible = [count for count in asked.samples if count >= test.fewest_answers]
    if not possible:
        raise _NoPlanError(
            f"{test.metric.capitalize()} takes {test.fewest_answers} answers to an item: ask for such a plan, "
            "--samples 4."
        )
    rows = [_row(test, asked, price, count) for count in possible]
    known = [row for row in rows if row["items"] is not None]
    cheapest = min(known, key=_cost, default=None)
    for row in rows:
        row["is_cheapest"] = row is cheapest and asked.items is None and len(known) > 1
    return {
        "metric": test.metric,
        "world": test.world,
        "noise": test.told(),
        "plans": rows,
        "curves": [] if test.most_drop is None else _curves(test, asked, known),
    }


def _row(test: _Test, asked: _Asked, price: Price | None, samples: int) -> dict[str, Any]:
    row: dict[str, Any] = {"samples": samples, "test": "", "items": None, "why": ""}
    try:
        found = test.plan(asked, samples) if asked.items is None else _at(test, asked, samples, asked.items)
    except DataError as error:
        return {**row, **_no_cost(), "why": str(error)}
    if found.items < FEWEST_ITEMS:
        power = test.power(asked, samples, FEWEST_ITEMS, asked.drop)
        found = replace(found, items=FEWEST_ITEMS, power=power)
    least = None
    if asked.items is not None and test.most_drop is not None:
        least = least_drop(
            lambda drop: test.power(asked, samples, found.items, drop), asked.power, most=test.most_drop
        )
    return {
        **row,
        "test": found.test,
        "items": found.items,
        "answers": found.answers // 2 if asked.stored else found.answers,
        "power": found.power,
        "power_error": found.power_error,
        "least_drop": least,
        **_money(found, price, stored=asked.stored),
    }


def _at(test: _Test, asked: _Asked, samples: int, items: int) -> Plan:
    """What so many items find."""
    chance = test.power(asked, samples, items, asked.drop)
    error = (
        (max(chance * (1 - chance), 1 / TAIL_WORLDS) / TAIL_WORLDS) ** 0.5 if test.most_drop is None else 0.0
    )
    return Plan(
        test="",
        drop=asked.drop,
        level=asked.level,
        power=chance,
        power_error=error,
        items=items,
        samples=samples,
    )


def _no_cost() -> dict[str, Any]:
    return dict.fromkeys(
        ("answers", "power", "power_error", "least_drop", "prompt_tokens", "answer_tokens", "money")
    )


def _money(found: Plan, price: Price | None, *, stored: bool) -> dict[str, Any]:
    if price is None:
        return {"prompt_tokens": None, "answer_tokens": None, "money": None}
    return asdict(found.cost(price, stored=stored))


def _cost(row: Mapping[str, Any]) -> tuple[float, int]:
    """Money; without a price tokens; without lengths answers. Then items, which somebody has to write."""
    if row["money"]:
        return row["money"], row["items"]
    if row["answer_tokens"] is not None:
        return row["prompt_tokens"] + row["answer_tokens"], row["items"]
    return row["answers"], row["items"]


def _curves(test: _Test, asked: _Asked, known: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Power by items, from few to twice as many as the largest plan has."""
    if not known:
        return []
    sizes = [row["items"] for row in known]
    least, most = max(FEWEST_ITEMS / 2, min(sizes) / 4), 2 * max(sizes)
    items = np.unique(np.geomspace(least, most, _CURVE).round().astype(int)).tolist()
    return [
        {
            "samples": row["samples"],
            "items": items,
            "power": [test.power(asked, row["samples"], count, asked.drop) for count in items],
        }
        for row in known
    ]


# --- a watch ---------------------------------------------------------------------------------------------------------


def _watch(run: Run | None, mean: float | None, asked: _Asked, price: Price | None) -> list[dict[str, Any]]:
    """Items a week of a watch whose items are new every week, or asked of both versions again."""
    try:
        found = _accuracies(run, mean)
    except _NoPlanError:
        return []
    return [row for test in found for row in _weeks(test.world, test.noise, asked, price)]


def _weeks(world: str, noise: AnswerNoise, asked: _Asked, price: Price | None) -> Iterator[dict[str, Any]]:
    if asked.drop >= noise.mean:
        return
    if asked.items is not None:
        found = watch_power(asked.items, drop=asked.drop, noise=noise, level=asked.level, seed=asked.seed)
        yield _week(world, None, found, asked, price)
        return
    for weeks in WITHIN:
        try:
            found = items_a_week(weeks, drop=asked.drop, noise=noise, level=asked.level, seed=asked.seed)
        except DataError:  # too many items: allow more weeks
            continue
        yield _week(world, weeks, found, asked, price)


def _week(
    world: str, within: int | None, found: WatchPower, asked: _Asked, price: Price | None
) -> dict[str, Any]:
    one = Plan(
        test="watch", drop=asked.drop, level=asked.level, power=found.found, items=found.items, samples=1
    )
    return {
        "world": world,
        "within": within,
        **asdict(found),
        "answers": one.answers,
        **_money(one, price, stored=False),
    }


def _verdict(document: Mapping[str, Any]) -> str:
    """`planned`; of a suite that is there: `enough` if some number of answers finds each drop, else `too few`."""
    if document["items"] is None:
        return "planned"
    found = [
        max((row["power"] for row in test["plans"] if row["power"] is not None), default=0.0)
        for test in document["tests"]
    ]
    return "enough" if min(found) >= document["power"] else "too few"
