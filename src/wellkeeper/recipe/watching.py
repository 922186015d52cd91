"""`watch`: a model's weeks, asked and kept, and what they come to.

A run may be killed at any time. Its answers are in the cache beside the watch, under a name that hangs on the number of
the week and the day when it was begun, so that the same command asks only for what is missing; the week is kept whole
at the end.
"""

import hashlib
import json
import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import asdict, dataclass, replace
from datetime import date, datetime
from pathlib import Path
from typing import Any

from wellkeeper.core.answers import Output, prompt_digest
from wellkeeper.engine.progress import Listener, nobody
from wellkeeper.errors import InputError, RecipeError, WellkeeperError, WorkError
from wellkeeper.infer.cache import Cached, Store
from wellkeeper.infer.cost import Budget
from wellkeeper.infer.sampling import Item, Sampler, collect, item_seed
from wellkeeper.measure.sequential import LEAST_STORED
from wellkeeper.recipe.asking import CACHE, ask
from wellkeeper.recipe.samplers import ModelPlace
from wellkeeper.recipe.scoring import JUDGE_TOKENS, SuiteScorers
from wellkeeper.suites.reading import read_suite
from wellkeeper.suites.run import Answered, Run
from wellkeeper.suites.suite import Suite, SuiteItem
from wellkeeper.watch import fingerprint
from wellkeeper.watch.config import JudgeConfig, WatchConfig, read_config, write_config
from wellkeeper.watch.judging import METRIC as JUDGE
from wellkeeper.watch.judging import Anchor, read_anchors
from wellkeeper.watch.monitor import (
    alarms,
    check_settings,
    margin_reach,
    measured,
    metrics_of,
    paired_outputs,
    seen_in,
    settings_of,
    stored_error,
    timeline_of,
)
from wellkeeper.watch.notify import address_in, message_of, post
from wellkeeper.watch.points import upwards
from wellkeeper.watch.store import (
    REFERENCE_WEEK,
    AnsweredBatch,
    Judgement,
    Look,
    Side,
    WatchStore,
    alone,
    refuse_second,
)
from wellkeeper.watch.timeline import Fingerprint, Reason, Timeline, Week

_PROBE_TOKENS = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Models:
    """The models that a watch asks."""

    watched: Sampler  # of answers of at most the suite's tokens
    reference: Sampler | None = (
        None  # of the designs `paired` and `fresh`; of `stored` where another model is it
    )
    judge: Sampler | None = None
    probe: Sampler | None = None  # the watched model, for answers of one token
    version: str = ""  # what the weeks call the watched model


@dataclass(frozen=True, slots=True, kw_only=True)
class WatchRun:
    """What one call of the watch did, and where the watch stands."""

    timeline: Timeline
    week: Week | None  # the one that was run or imported; None: none was due
    said: tuple[str, ...]  # what a person should know besides

    @property
    def is_alarm(self) -> bool:
        return bool(alarms(self.timeline))

    def to_json(self) -> dict[str, Any]:
        """Schema `wellkeeper.watch/1`, with what was done now."""
        week = None if self.week is None else asdict(self.week)
        return {**self.timeline.to_json(), "run": {"week": week, "said": list(self.said)}}


def config_of(folder: Path, suite: str, options: Mapping[str, Any]) -> WatchConfig:
    """The settings that options of `wellkeeper watch init` name; paths become relative to the watch's folder.

    Raises:
        InputError: they name no model, or a judge without anchors.
        RecipeError: the settings cannot be had together.
    """
    judge, anchors = ModelPlace.of_judge(options), options.get("anchors")
    if (judge is None) != (anchors is None):
        raise InputError(
            "A judge was given without --anchors. Give answers that people have labelled: nothing else tells a judge "
            "that changed from a system that did."
            if anchors is None
            else "--anchors was given without a judge. Name it by --judge-endpoint and --judge-model, or the like."
        )
    place = ModelPlace.of(options)
    reference = ModelPlace.of_other(options, "reference_")
    name = options.get("reference_name") or (place if reference is None else reference).name
    return WatchConfig(
        name=options.get("name") or folder.resolve().name,
        design=options["design"],
        suite=_relative(suite, folder),
        model=_settled(place),
        reference=None if reference is None else _settled(reference),
        reference_name=name,
        slices=tuple(options["slices"]) or None,
        fingerprint=not options.get("no_fingerprint"),
        judge=None
        if judge is None
        else JudgeConfig(model=_settled(judge), anchors=_relative(str(anchors), folder)),
        webhook=options.get("webhook_env"),
        **{
            field: options[field]
            for field in (
                *("samples", "stored", "items_a_week", "temperature", "margin", "level", "horizon", "every"),
            )
        },
    )


def _relative(path: str, folder: Path) -> str:
    return os.path.relpath(path, folder)


def _settled(place: ModelPlace) -> dict[str, Any]:
    """A model's place as it is found from anywhere."""
    told = place.to_json()
    return {
        name: str(Path(value).resolve()) if name in {"gguf", "folder"} else value
        for name, value in told.items()
    }


# --- begin -----------------------------------------------------------------------------------------


def begin_watch(
    folder: Path,
    config: WatchConfig,
    *,
    now: datetime,
    suite: Suite | None = None,
    models: Models | None = None,
    reference_runs: Sequence[Run] = (),
    budget: Budget | None = None,
    listener: Listener = nobody,
) -> Timeline:
    """Begin a watch in a folder: record the reference's answers, the judge's and the fingerprint.

    Args:
        folder: is made; the same call goes on where it was stopped.
        config: all settings; its paths are relative to `folder`.
        now: when it begins.
        suite: what is asked; None: read from `config.suite`.
        models: samplers; None: opened from `config`.
        reference_runs: answers of the reference that are there already, of the design `stored`; the reference is then
            not asked.
        budget: the most that each model's answers may cost.
        listener: is told of progress.

    Raises:
        InputError: there is a watch already, the suite cannot be read, or the stored answers' luck is larger than the
            margin.
        RecipeError: the settings cannot be had together.
        WorkError: a model cannot be asked, or the budget ends.
    """
    folder.mkdir(parents=True, exist_ok=True)
    with ExitStack() as opened:
        opened.enter_context(alone(folder))
        refuse_second(folder)
        asked_of = _suite_of(folder, config) if suite is None else suite
        anchors = _anchors_of(folder, config, asked_of)
        models = opened.enter_context(_models(config, asked_of)) if models is None else models
        week = _Asking(folder, config, asked_of, models, now, budget, listener)
        scored = bool(SuiteScorers.of(asked_of, judge=models.judge).of_items)
        metrics = metrics_of(scored=scored, samples=config.samples)
        batches: list[AnsweredBatch] = []
        notes: list[str] = []
        if config.design == "stored":
            batches = _batches_of(reference_runs, asked_of, config) if reference_runs else week.stored()
            _check_margin(metrics, batches, config, judged=bool(anchors))
        judgements = [
            one
            for batch in range(LEAST_STORED)
            for one in week.judged(anchors, f"anchors {REFERENCE_WEEK}.{batch}", batch)
        ]
        looks = _first_looks(config, models, 0, now, notes)
        write_config(config, folder)
        with WatchStore(folder, begin=True) as store:
            store.keep_looks(looks)
            store.keep_reference(
                batches,
                judgements,
                {
                    "created": _date(now),
                    "suite": asked_of.name,
                    "suite_digest": asked_of.digest,
                    "settings": settings_of(config),
                    "temperature": asking_temperature(config, asked_of),
                    "items": len(asked_of.items),
                    "metrics": [*metrics, *([JUDGE] if anchors else [])],
                    "anchors": {anchor.name: anchor.label for anchor in anchors},
                    "anchors_digest": _anchors_digest(anchors),
                    "fingerprint": bool(looks),
                    "notes": notes,
                },
            )
            return timeline_of(seen_in(store, config))


def _suite_of(folder: Path, config: WatchConfig) -> Suite:
    if config.design == "corpus":
        raise InputError(
            f"The watch in {folder} is of a corpus, and asks no model. Give its next snapshot: wellkeeper watch run "
            f"{folder} --corpus PATH"
        )
    if not config.suite:
        raise RecipeError("The watch names no suite. Add `suite: PATH` to watch.yaml.")
    return read_suite(Path(os.path.normpath(folder / config.suite)))


def _anchors_of(folder: Path, config: WatchConfig, suite: Suite) -> tuple[Anchor, ...]:
    if config.judge is None:
        return ()
    if suite.scorer is None:
        raise InputError(
            f"The suite {suite.name} has no scorer, and anchors are judged by it. Give it a judge as its scorer, or "
            "leave --anchors out."
        )
    return read_anchors(Path(os.path.normpath(folder / config.judge.anchors)))


@contextmanager
def _models(config: WatchConfig, suite: Suite) -> Iterator[Models]:
    """The samplers that a watch's settings name, open."""
    place = ModelPlace(**config.model)
    with ExitStack() as opened:
        reference = None if config.reference is None else ModelPlace(**config.reference)
        judge = None if config.judge is None else ModelPlace(**config.judge.model)
        yield Models(
            watched=opened.enter_context(place.sampler(tokens=suite.tokens)),
            reference=None
            if reference is None
            else opened.enter_context(reference.sampler(tokens=suite.tokens)),
            judge=None if judge is None else opened.enter_context(judge.sampler(tokens=JUDGE_TOKENS)),
            probe=opened.enter_context(place.sampler(tokens=_PROBE_TOKENS)) if config.fingerprint else None,
            version=place.name,
        )


def asking_temperature(config: WatchConfig, suite: Suite) -> float:
    """Of all draws."""
    return suite.temperature if config.temperature is None else config.temperature


def _anchors_digest(anchors: Sequence[Anchor]) -> str:
    told = json.dumps([asdict(anchor) for anchor in anchors], sort_keys=True, default=dict)
    return hashlib.sha256(told.encode()).hexdigest()


def _check_margin(
    metrics: Sequence[str], batches: Sequence[AnsweredBatch], config: WatchConfig, *, judged: bool
) -> None:
    sides: dict[tuple[Side, int], dict[str, Any]] = {}
    for one in batches:
        sides.setdefault((one.side, one.batch), {})[one.answered.name] = one.measured
    reach = margin_reach(config, len(metrics) + judged)
    for metric in metrics:
        error = stored_error(metric, sides)
        least = reach * error
        if config.margin < least:
            times = "" if reach == 1 else f", of which this level and horizon take {reach:.2g}"
            raise InputError(
                f"The margin is {config.margin:g}, and the stored answers' mean {metric} has a standard error of "
                f"{error:.2g}{times}: its luck alone looks like such a drop. Store more answers (--stored), give more "
                f"items, or set --margin to {upwards(least):.3f}. The answers so far are kept."
            )


def _batches_of(runs: Sequence[Run], suite: Suite, config: WatchConfig) -> list[AnsweredBatch]:
    """Answers of the reference from runs, as so many batches as each item has."""
    pooled: dict[str, list[Answered]] = {}
    names = {item.name for item in suite.items}
    for run in runs:
        for item in _only(run, names).items:
            pooled.setdefault(item.name, []).append(item)
    fewest = min(sum(len(one.outputs) for one in held) for held in pooled.values())
    replace(config, stored=fewest // config.samples)  # a baseline of too few is refused
    return [
        batch
        for held in pooled.values()
        for batch in _split(held, config.samples, most=fewest // config.samples)
    ]


def _split(held: Sequence[Answered], samples: int, *, most: int) -> list[AnsweredBatch]:
    outputs = [output for one in held for output in one.outputs]
    scores = [score for one in held for score in one.scores]
    parts = []
    for batch in range(most):
        part = slice(batch * samples, (batch + 1) * samples)
        own = tuple(scores[part]) if len(scores) == len(outputs) else ()
        parts.append(
            _batch(replace(held[0], outputs=tuple(outputs[part]), scores=own, notes=()), "reference", batch)
        )
    return parts


def _batch(answered: Answered, side: Side, batch: int) -> AnsweredBatch:
    return AnsweredBatch(side=side, batch=batch, answered=answered, measured=measured(answered))


# --- asking ----------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Asking:
    """Asks models for a watch, each answer through the cache in its folder."""

    folder: Path
    config: WatchConfig
    suite: Suite
    models: Models
    now: datetime
    budget: Budget | None
    listener: Listener

    def run(self, name: str, sampler: Sampler, items: Sequence[SuiteItem]) -> Run:
        """Answers to some items under a name, which seeds hang on."""
        whole = f"{self.config.name}: {name}"
        judge = None if self.models.judge is None else Salted(self.models.judge, whole)
        return ask(
            replace(self.suite, items=tuple(items)),
            sampler,
            name=whole,
            now=self.now,
            cache=self.folder / CACHE,
            samples=self.config.samples,
            temperature=self.config.temperature,
            budget=self.budget,
            judge=judge,
            listener=self.listener,
        )

    def stored(self) -> list[AnsweredBatch]:
        """The reference's answers, as often as the settings say, each time as a week asks."""
        sampler = self.models.reference or self.models.watched
        return [
            _batch(answered, "reference", batch)
            for batch in range(self.config.stored)
            for answered in self.run(f"reference {batch + 1}", sampler, self.suite.items).items
        ]

    def judged(self, anchors: Sequence[Anchor], name: str, batch: int = 0) -> list[Judgement]:
        """What the judge makes of the anchors now, asked anew under each name."""
        if not anchors or self.models.judge is None:
            return []
        suite = Suite(
            name=self.suite.name,
            items=tuple(
                SuiteItem(name=one.name, prompt=one.prompt, references=one.references) for one in anchors
            ),
            scorer=self.suite.scorer,
        )
        with Store(self.folder / CACHE) as store:
            judge = Salted(self.models.judge, f"{self.config.name}: {name}")
            scorers = SuiteScorers.of(suite, judge=Cached(judge, store, budget=self.budget))
            answers = [[Output(text=one.answer, finish="stop")] for one in anchors]
            scores = scorers.scores(answers, listener=self.listener)
        return [
            Judgement(anchor=one.name, batch=batch, score=found[0].value)
            for one, found in zip(anchors, scores, strict=True)
        ]


class Salted:
    """A judge in one week: a `Sampler` whose answers are not those that the cache has of another week.

    Without it an answer that was judged before would not be judged again, and a judge that changed would not show.
    """

    def __init__(self, sampler: Sampler, salt: str) -> None:
        self._sampler, self._salt = sampler, salt
        self.tokens, self.at_once = sampler.tokens, sampler.at_once
        self.fingerprint = hashlib.sha256(f"{sampler.fingerprint} {salt}".encode()).hexdigest()

    def sample(
        self,
        prompt: Any,
        n: int = 1,
        temperature: float = 1.0,
        seed: int = 0,
        logprobs: bool = False,  # noqa: FBT001, FBT002
        *,
        first: int = 0,
    ) -> list[Output]:
        """See `Sampler.sample`."""
        return self._sampler.sample(
            prompt, n, temperature, item_seed(self._salt, str(seed)), logprobs, first=first
        )

    def stop(self) -> None:
        """As the sampler's."""
        self._sampler.stop()


# --- a week ----------------------------------------------------------------------------------------


def run_watch(
    folder: Path,
    *,
    now: datetime,
    force: bool = False,
    version: str | None = None,
    suite: Suite | None = None,
    models: Models | None = None,
    budget: Budget | None = None,
    listener: Listener = nobody,
) -> WatchRun:
    """Look at the fingerprint; ask the suite if it changed, if a week is over, or if a run was cut off.

    Args:
        folder: of the watch.
        now: today; a week is due `config.every` days after the last one.
        force: ask the suite in any case.
        version: what this week calls the watched model; None: its name.
        suite: as in `begin_watch`.
        models: as in `begin_watch`.
        budget: as in `begin_watch`.
        listener: is told of progress.

    Raises:
        InputError: there is no watch, its suite, anchors or settings were changed, too few new items are left, or the
            last week is of a later day.
        WorkError: a model cannot be asked, the budget ends, or another run is under way; what was answered is kept.
    """
    config = read_config(folder)
    with ExitStack() as opened:
        store = opened.enter_context(open_alone(folder, config, now))
        asked_of = _suite_of(folder, config) if suite is None else suite
        _check_suite(asked_of, store, config)
        _check_anchors(folder, config, asked_of, store)
        models = opened.enter_context(_models(config, asked_of)) if models is None else models
        said: list[str] = []
        week = _due(store, config, models, now, version or models.version, said, force=force)
        if week is not None:
            asking = _Asking(folder, config, asked_of, models, now, budget, listener)
            week = _run_week(store, asking, week)
        return concluded(store, config, now, week, said)


@contextmanager
def open_alone(folder: Path, config: WatchConfig, now: datetime) -> Iterator[WatchStore]:
    """A watch, to add to: nobody else does meanwhile, and its settings are those of its begin.

    Raises:
        InputError: there is no watch, its settings were changed, or its last week is of a later day than `now`.
        WorkError: another run is under way.
    """
    with ExitStack() as opened:
        store = opened.enter_context(WatchStore(folder))
        opened.enter_context(alone(folder))
        check_settings(store, config)
        weeks = store.weeks()
        if weeks and _days(weeks[-1].date, now) < 0:
            raise InputError(
                f"The day is {_date(now)}, and week {weeks[-1].number} was on {weeks[-1].date}: weeks go forward. Give "
                f"--now {weeks[-1].date} or a later day, or set the clock."
            )
        yield store


def _check_anchors(folder: Path, config: WatchConfig, suite: Suite, store: WatchStore) -> None:
    digest = store.facts().get("anchors_digest")
    if digest is not None and digest != _anchors_digest(_anchors_of(folder, config, suite)):
        raise InputError(
            "The anchors are not those that this watch was begun with: what the judge says of them cannot be held "
            "against its first judgements. Restore their file, or begin a new watch in another folder."
        )


def _check_suite(suite: Suite, store: WatchStore, config: WatchConfig) -> None:
    temperature, begun = asking_temperature(config, suite), store.facts().get("temperature")
    if config.design != "fresh" and begun is not None and temperature != begun:
        raise InputError(
            f"The suite {suite.name} is asked at a temperature of {temperature:g}, and this watch was begun with "
            f"{begun:g}. Restore it, or begin a new watch in another folder."
        )
    if config.design != "fresh" and suite.digest != store.facts()["suite_digest"]:
        raise InputError(
            f"The suite {suite.name} is not the one that this watch was begun with: its items, its scorer or its "
            "limit of tokens were changed, and old weeks cannot be held against new ones. Restore it, or begin a new "
            "watch in another folder."
        )


def _due(
    store: WatchStore,
    config: WatchConfig,
    models: Models,
    now: datetime,
    version: str,
    said: list[str],
    *,
    force: bool,
) -> Week | None:
    """The week that is to be run now, noted as begun; None: none is."""
    weeks = store.weeks()
    if weeks and not weeks[-1].is_complete:
        if weeks[-1].date != _date(now):
            said.append(
                f"Week {weeks[-1].number} was begun on {weeks[-1].date} and cut off; it is ended now."
            )
        return weeks[-1]
    coming = _coming(weeks, now, version, "manual" if force else "schedule")
    is_due = force or not weeks or _days(weeks[-1].date, now) >= config.every
    look = _look(store, models, now, said)
    if look is not None and look.fingerprint is not None and look.fingerprint.changed:
        said.append(
            f"The fingerprint changed: {look.fingerprint.distance:.3g}, above {look.fingerprint.limit:.3g}."
        )
        begun = store.begin_week(coming if is_due else replace(coming, reason="fingerprint"))
        # only now: if this is cut off before, the change is seen again
        store.keep_looks([look, *_new_era(models, look, now, said)])
        return begun
    if look is not None:
        store.keep_looks([look])
    if is_due:
        return store.begin_week(coming)
    said.append(
        f"No week is due: the last one was on {weeks[-1].date}, and one is due every {config.every} days."
    )
    return None


def _coming(weeks: Sequence[Week], now: datetime, version: str, reason: Reason) -> Week:
    """The week after these, of which nothing was asked yet."""
    return Week(
        number=len(weeks) + 1,
        date=_date(now),
        version=version,
        reason=reason,
        items=0,
        answers=0,
        tokens=0,
        is_complete=False,
    )


def _run_week(store: WatchStore, asking: _Asking, week: Week) -> Week:
    items = _items_of(asking.suite, store, asking.config, week.number)
    name = f"week {week.number} of {week.date}"
    watched = asking.run(name, asking.models.watched, items)
    runs: list[tuple[Side, Run]] = [("watched", watched)]
    if asking.config.design != "stored":
        if asking.models.reference is None:
            raise InputError("The reference is asked every week, and there is none. Give models.reference.")
        runs.append(("reference", asking.run(f"{name}, reference", asking.models.reference, items)))
    anchors = _anchors_of(asking.folder, asking.config, asking.suite) if store.facts()["anchors"] else ()
    judgements = asking.judged(anchors, f"anchors of week {week.number} of {week.date}")
    return _complete(store, week, runs, judgements)


def _complete(
    store: WatchStore,
    week: Week,
    runs: Sequence[tuple[Side, Run]],
    judgements: Sequence[Judgement] = (),
    *,
    facts: Mapping[str, Any] | None = None,
) -> Week:
    """Keep a week with all that was answered in it."""
    outputs = [output for _, run in runs for item in run.items for output in item.outputs]
    done = replace(
        week,
        items=len(runs[0][1].items),
        answers=len(outputs),
        tokens=sum(output.tokens or 0 for output in outputs),
        is_complete=True,
    )
    store.complete_week(
        done,
        [_batch(item, side, 0) for side, run in runs for item in run.items],
        judgements,
        notes=[note for _, run in runs for note in run.notes],
        facts=facts,
    )
    return done


def _items_of(suite: Suite, store: WatchStore, config: WatchConfig, week: int) -> list[SuiteItem]:
    """The items of a week, by a hash of their names: the same ones after a kill, wherever they stand in the file."""
    wanted = config.items_a_week or len(suite.items)
    if config.design == "fresh":
        asked = store.asked()
        left = [item for item in suite.items if prompt_digest(suite.asked(item)) not in asked]
        if len(left) < wanted:
            raise InputError(
                f"{len(left)} items of the suite {suite.name} were never asked, and a week takes {wanted} new ones. "
                f"Add {wanted - len(left)} or more to its file, then run the same command again."
            )
        return sorted(left, key=lambda item: _hash(config.name, item.name))[:wanted]
    if wanted >= len(suite.items):
        return list(suite.items)
    return sorted(suite.items, key=lambda item: _hash(config.name, str(week), item.name))[:wanted]


def _hash(*names: str) -> bytes:
    return hashlib.sha256("\n".join(names).encode(errors="replace")).digest()


def _date(now: datetime | date) -> str:
    return now.strftime("%Y-%m-%d")


def _days(earlier: str, now: datetime) -> int:
    return (date.fromisoformat(_date(now)) - date.fromisoformat(earlier)).days


# --- imported weeks --------------------------------------------------------------------------------


def import_week(
    folder: Path,
    run: Run,
    *,
    now: datetime,
    reference: Run | None = None,
    version: str | None = None,
) -> WatchRun:
    """Add a run that was made elsewhere as a week.

    Args:
        folder: of the watch.
        run: of the watched version: items of the watch's suite, as many answers to each as a week has.
        now: the date of the week.
        reference: the reference's answers to the same items, of the designs `paired` and `fresh`.
        version: what the week calls the watched model; None: as the run does.

    Raises:
        InputError: the run does not fit the watch, was imported before, or its items were asked in another week where
            each is to be asked once.
        WorkError: another run is under way.
    """
    config = read_config(folder)
    with open_alone(folder, config, now) as store:
        runs = _fitting(store, config, run, reference)
        weeks = store.weeks()
        if weeks and not weeks[-1].is_complete:
            raise InputError(
                f"Week {weeks[-1].number} was begun and cut off. End it first: wellkeeper watch run {folder}"
            )
        if store.facts()["anchors"]:
            raise InputError(
                "This watch judges anchors beside every week, and an imported run has none. Begin a watch without "
                "--anchors for imported runs."
            )
        week = _coming(weeks, now, version or run.model or run.name, "import")
        facts = {_imported(one): week.number for one in (run, reference) if one is not None}
        week = _complete(store, week, runs, facts=facts)
        return concluded(store, config, now, week, [])


def _fitting(
    store: WatchStore, config: WatchConfig, run: Run, reference: Run | None
) -> list[tuple[Side, Run]]:
    """Both sides of an imported week, on the items that they share."""
    facts = store.facts()
    if (number := facts.get(_imported(run))) is not None:
        raise InputError(f"The run {run.name} is week {number} of this watch already. Give another run.")
    if reference is not None and (number := facts.get(_imported(reference))) is not None:
        raise InputError(
            f"The run {reference.name} is in week {number} of this watch already: held against it again, its luck "
            "would count again. Ask the reference again, or begin a watch with --design stored."
        )
    if (reference is None) != (config.design == "stored"):
        raise InputError(
            f"The design {config.design} holds each week against answers of the reference in the same week. Give its "
            "run too, with --reference-run."
            if reference is None
            else "The design stored has its reference already. Leave --reference-run out."
        )
    _check_samples(run, config)
    if reference is not None:
        _check_samples(reference, config)
        names = {item.name for item in run.items} & {item.name for item in reference.items}
        reference = _only(reference, names)
    else:
        known = store.measured().get(REFERENCE_WEEK, {})
        stored = {name for batch in known.values() for name in batch}
        names = {item.name for item in run.items} & stored
        if names and len(names) < min(len(stored), config.items_a_week or len(stored)):
            raise InputError(
                f"The run {run.name} has {len(names)} of the {len(stored)} items that the reference answered, and the "
                "margin covers the luck of all of them together. Give a run of the whole suite."
            )
    run = _only(run, names)
    if config.design == "fresh":
        _refuse_repeats(run, store)
    sides: list[tuple[Side, Run]] = [("watched", run)]
    return sides if reference is None else [*sides, ("reference", reference)]


def _check_samples(run: Run, config: WatchConfig) -> None:
    for item in run.items:
        if len(item.outputs) != config.samples:
            raise InputError(
                f"{item.name} of the run {run.name} has {len(item.outputs)} answers, and a week of this watch has "
                f"{config.samples} to each item. Ask as often as the watch does, or begin a watch with "
                f"--samples {len(item.outputs)}."
            )


def _only(run: Run, names: set[str]) -> Run:
    kept = tuple(item for item in run.items if item.name in names)
    if not kept:
        raise InputError(
            f"The run {run.name} has no item of this watch: its first one is named {run.items[0].name}. Give a run of "
            "the same suite."
        )
    left = len(run.items) - len(kept)
    notes = (*run.notes, f"{left} items are not of this watch and were left out.") if left else run.notes
    return replace(run, items=kept, notes=notes)


def _refuse_repeats(run: Run, store: WatchStore) -> None:
    asked = store.asked()
    for item in run.items:
        week = asked.get(prompt_digest(item.name if item.prompt is None else item.prompt))
        if week is not None:
            raise InputError(
                f"{item.name} was asked in week {week}, and each item is asked in one week only: its luck would count "
                "again. Leave it out, or begin a watch with --design paired."
            )


def _imported(run: Run) -> str:
    """The fact that tells of which week a run is."""
    told = [run.name, run.created, *(output.text for item in run.items for output in item.outputs)]
    return f"imported {hashlib.sha256(chr(0).join(told).encode(errors='replace')).hexdigest()}"


# --- fingerprints ----------------------------------------------------------------------------------


def look_at(
    folder: Path, *, now: datetime, suite: Suite | None = None, models: Models | None = None
) -> tuple[Fingerprint, tuple[str, ...]]:
    """Look at the fingerprint alone, and keep what was seen; if it changed, the next `run_watch` asks the suite.

    Raises:
        InputError: there is no watch, or its model gives no log-probabilities.
    """
    config = read_config(folder)
    said: list[str] = []
    with ExitStack() as opened:
        store = opened.enter_context(open_alone(folder, config, now))
        asked_of = _suite_of(folder, config) if suite is None else suite
        models = opened.enter_context(_models(config, asked_of)) if models is None else models
        look = _look(store, models, now, said)
        if look is None or look.fingerprint is None:
            why = said[0] if said else "None was recorded when the watch was begun."
            raise InputError(
                f"There is no fingerprint to look at. {why} Full suites go on: wellkeeper watch run {folder}"
            )
        store.keep_looks([look])
        return look.fingerprint, tuple(said)


def _first_looks(
    config: WatchConfig, models: Models, era: int, now: datetime, notes: list[str]
) -> list[Look]:
    """The looks that an era begins with; none where the model gives no log-probabilities, which is said."""
    if not config.fingerprint or models.probe is None:
        return []
    looks = []
    for number in range(fingerprint.LOOKS):
        try:
            looks.append(_looked(models.probe, era, number, now))
        except (InputError, WorkError) as error:
            notes.append(f"No fingerprint: {error} Full suites run by the schedule alone.")
            return []
    return looks


def _looked(probe: Sampler, era: int, number: int, now: datetime) -> Look:
    """First tokens of all prompts, never from a cache.

    Raises:
        InputError: the model gives no log-probabilities.
        WorkError: it cannot be asked.
    """
    items = [Item(name=f"{at}", prompt=prompt) for at, prompt in enumerate(fingerprint.PROMPTS)]
    answers = collect(probe, items, run=f"look {era}.{number} {_date(now)}", temperature=1.0, logprobs=True)
    outputs = [output for (output,) in answers]
    seen = [output.first_tokens for output in outputs if output.first_tokens]
    if len(seen) < len(outputs):
        raise InputError(
            f"the model gave no log-probabilities of first tokens to {len(outputs) - len(seen)} of {len(outputs)} "
            "prompts."
        )
    return Look(
        era=era,
        is_reference=True,
        fingerprint=None,
        tokens=sum(output.tokens or _PROBE_TOKENS for output in outputs),
        date=_date(now),
        seen=tuple(seen),
    )


def _look(store: WatchStore, models: Models, now: datetime, said: list[str]) -> Look | None:
    """A look at the fingerprint, held against the current era's; None where there is none, which is said."""
    if not store.facts().get("fingerprint") or models.probe is None:
        return None
    looks = store.looks()
    era = max(look.era for look in looks)
    first = [look.seen for look in looks if look.era == era and look.is_reference]
    unchanged = [
        look.fingerprint.distance
        for look in looks
        if look.era == era and look.fingerprint is not None and not look.fingerprint.changed
    ]
    try:
        look = _looked(models.probe, era, len(looks), now)
    except (InputError, WorkError) as error:
        said.append(f"No look at the fingerprint: {error}")
        return None
    distance, limit = fingerprint.distance_to(first, look.seen), fingerprint.limit_of(first, unchanged)
    told = Fingerprint(
        date=look.date, distance=distance, limit=limit, changed=distance > limit, tokens=look.tokens
    )
    return replace(look, is_reference=False, fingerprint=told)


def _new_era(models: Models, look: Look, now: datetime, said: list[str]) -> list[Look]:
    """What later looks are held against after a change: the model as it is now."""
    assert models.probe is not None
    era = look.era + 1
    looks = [replace(look, era=era, is_reference=True, fingerprint=None, tokens=0)]
    try:
        looks += [_looked(models.probe, era, number, now) for number in range(1, fingerprint.LOOKS)]
    except (InputError, WorkError) as error:
        said.append(f"The changed fingerprint was not recorded: {error}")
        return []
    return looks


# --- what comes of it ------------------------------------------------------------------------------


def report_watch(folder: Path) -> WatchRun:
    """Where a watch stands; asks nothing and writes nothing.

    Raises:
        InputError: there is no watch.
    """
    config = read_config(folder)
    with WatchStore(folder) as store:
        return WatchRun(timeline=timeline_of(seen_in(store, config)), week=None, said=())


def week_answers(folder: Path, week: int) -> list[dict[str, Any]]:
    """What both sides answered in a week, largest losses first.

    Raises:
        InputError: there is no watch, or no such week.
    """
    with WatchStore(folder) as store:
        pairs = paired_outputs(store, week)
        if not pairs:
            weeks = [one.number for one in store.weeks() if one.is_complete]
            there = f"weeks 1 to {weeks[-1]}" if weeks else "no week yet"
            raise InputError(
                f"The watch in {folder} has no answers of week {week}: it has {there}. Name one of them."
            )
        return [asdict(pair) for pair in pairs]


def renew_watch(folder: Path, *, now: datetime, reason: str) -> WatchRun:
    """Have evidence begin anew with the next week: after an alarm was dealt with.

    The share of false alarms is stated for each such span.

    Raises:
        InputError: there is no watch, or it has seen nothing since it was begun.
        WorkError: a run is under way.
    """
    config = read_config(folder)
    with open_alone(folder, config, now) as store:
        weeks = [week for week in store.weeks() if week.is_complete]
        if not weeks:
            raise InputError(f"The watch in {folder} has no week yet: there is nothing to begin anew.")
        store.renew(weeks[-1].number + 1, date=_date(now), reason=reason)
        return WatchRun(timeline=timeline_of(seen_in(store, config)), week=None, said=())


def concluded(
    store: WatchStore, config: WatchConfig, now: datetime, week: Week | None, said: Sequence[str]
) -> WatchRun:
    """The timeline, after whoever is to be told of a new alarm was told."""
    seen = seen_in(store, config)
    timeline = timeline_of(seen)
    told = store.notified()
    fresh = tuple(one for one in alarms(timeline) if (one.metric, seen.periods[-1]) not in told)
    sentences = list(said)
    if fresh and config.webhook is not None:
        try:
            post(address_in(config.webhook), message_of(timeline, fresh))
        except WellkeeperError as error:
            sentences.append(f"Nobody was told of the alarm: {error}")
        else:
            store.set_notified([(one.metric, seen.periods[-1]) for one in fresh], date=_date(now))
            sentences.append("The webhook was told of the alarm.")
    return WatchRun(timeline=timeline, week=week, said=tuple(sentences))
