"""`ask`: a model answers the items of a suite, and the answers are scored and kept as a run.

Each answer is on disk before it counts (`wellkeeper.infer.cache`), so that the same command goes on after a stop or a
kill and pays for nothing twice. The run is written at the end, when all answers are there. Where samples are voted on
(`wellkeeper.recipe.voted`), the run holds the answer of each vote, and the cache all samples.
"""

from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from hashlib import sha256
from pathlib import Path
from typing import Any

import numpy as np

from wellkeeper import __version__
from wellkeeper.core.answers import Output
from wellkeeper.engine.progress import Listener, Progress, nobody
from wellkeeper.errors import InputError
from wellkeeper.infer.cache import Cached, Spending, Store
from wellkeeper.infer.cost import Budget, Price
from wellkeeper.infer.sampling import Item, Sampler, collect, finishes
from wellkeeper.infer.voting import check_temperature
from wellkeeper.measure.jackknife import FEWEST_DOCUMENTS, mean_interval
from wellkeeper.recipe.samplers import ModelPlace
from wellkeeper.recipe.scoring import JUDGE_TOKENS, SuiteScorers
from wellkeeper.recipe.voted import Voted, Voting, voted_on
from wellkeeper.suites.run import Answered, Run
from wellkeeper.suites.run_files import is_run, read_run, write_run
from wellkeeper.suites.suite import Suite

SCHEMA = "wellkeeper.ask/1"
CACHE = "answers.sqlite"
"""The cache's name in the folder of a run."""
CACHE_FILES = tuple(CACHE + ending for ending in ("", "-wal", "-shm"))
"""The cache with what SQLite keeps beside it."""
_REASONS = 3  # of answers that did not come, that are told


# --- a run ----------------------------------------------------------------------------------------


def ask(
    suite: Suite,
    sampler: Sampler,
    *,
    name: str,
    now: datetime,
    seed: int | None = None,
    model: str = "",
    out: Path | None = None,
    cache: Path | None = None,
    samples: int | None = None,
    temperature: float | None = None,
    voting: Voting | None = None,
    budget: Budget | None = None,
    judge: Sampler | None = None,
    judge_budget: Budget | None = None,
    fresh: bool = False,
    listener: Listener = nobody,
) -> Run:
    """What a model answers to a suite, scored.

    The same call goes on where it was stopped, and gives the same run. Answers that the model rejected are asked for
    again.

    Args:
        suite: the items; `sampler` gives answers of at most `suite.tokens`.
        sampler: the model.
        name: of the run. Random numbers hang on it where there is no seed, so that runs of two names are independent.
        now: when the run is made, with a time zone.
        seed: what random numbers hang on in place of the name: runs of one seed share them, item by item.
        model: what the run calls the model.
        out: folder that the run is written to; None: it is not written.
        cache: file of answers; None: `answers.sqlite` in `out`.
        samples: answers an item; None: as the suite says.
        temperature: of all draws; None: as the suite says, and 1 for votes on a suite that says 0.
        voting: how samples of each item are voted on, in place of `samples`; None: they are not. Items that a rule
            scores are answered once at a temperature of 0, too, unless it says otherwise.
        budget: most that the model's answers in the cache may cost.
        judge: the model that scorers ask, if they do.
        judge_budget: most that its answers in the cache may cost.
        fresh: forget the run in `out`, its answers and what they cost.
        listener: is told of progress.

    Raises:
        InputError: neither folder nor cache is given, the folder holds another run, several draws are asked for at a
            temperature of 0, or both samples and votes; `fresh` with a cache of one's own; or what suite, sampler or
            scorers say.
        MissingExtraError: what a scorer needs is not installed.
        WorkError: the model cannot be asked, rejects all, or the budget ends.
    """
    run, _ = _ask(
        suite,
        sampler,
        name=name,
        now=now,
        seed=seed,
        model=model,
        out=out,
        cache=cache,
        samples=samples,
        temperature=temperature,
        voting=voting,
        budget=budget,
        judge=judge,
        judge_budget=judge_budget,
        fresh=fresh,
        listener=listener,
    )
    return run


def _ask(
    suite: Suite,
    sampler: Sampler,
    *,
    name: str,
    now: datetime,
    seed: int | None,
    model: str,
    out: Path | None,
    cache: Path | None,
    samples: int | None,
    temperature: float | None,
    voting: Voting | None,
    budget: Budget | None,
    judge: Sampler | None,
    judge_budget: Budget | None,
    fresh: bool,
    listener: Listener,
) -> tuple[Run, Voted | None]:
    """As `ask`, with the votes."""
    temperature = _temperature(suite, temperature, voting)
    _check(suite, sampler, samples, temperature, voting)
    SuiteScorers.of(suite, judge=judge)  # a mistake in the suite is told before anything is forgotten or paid
    file = _cache(out, cache)
    if fresh:
        forget_answers(out, cache)
    same: dict[str, Any] = {
        "seed_name": name if seed is None else f"seed {seed}",
        "fingerprint": sampler.fingerprint,
        "temperature": float(temperature),
    }
    created = None if out is None else _begun(out, same, suite.digest)
    if out is not None:
        out.mkdir(parents=True, exist_ok=True)
    with Store(file) as store:
        kept = None if judge is None else Cached(judge, store, budget=judge_budget)
        scorers = SuiteScorers.of(suite, judge=kept)
        cached = Cached(sampler, store, budget=budget)
        items = [Item(name=item.name, prompt=suite.asked(item)) for item in suite.items]
        drawing: dict[str, Any] = {
            "run": same["seed_name"],
            "temperature": temperature,
            "logprobs": scorers.need_logprobs,
            "listener": with_cost(listener, store, sampler.fingerprint, budget),
        }
        voted: Voted | None = None
        if voting is None:
            drawn = collect(cached, items, n=suite.samples if samples is None else samples, **drawing)
            outputs, scores = drawn, scorers.scores(drawn, listener=listener)
        else:
            voted = voted_on(cached, items, scorers, voting, drawing=drawing, listener=listener)
            drawn, outputs, scores = voted.drawn, voted.outputs, voted.scores
    answered = Run(
        name=name,
        model=model,
        suite=suite.name,
        items=tuple(
            Answered(
                name=item.name,
                prompt=suite.asked(item),
                outputs=tuple(own),
                scores=tuple(score.value for score in found),
                notes=tuple(score.note for score in found),
                references=item.references,
                slices=dict(item.slices),
            )
            for item, own, found in zip(suite.items, outputs, scores, strict=True)
        ),
        metric=scorers.metric,
        suite_digest=suite.digest,
        **same,
        created=created or now.astimezone(UTC).isoformat(timespec="seconds"),
        tool=f"wellkeeper {__version__}",
        notes=(*_notes(drawn), *(() if voted is None else voted.warnings)),
    )
    if out is not None:
        write_run(answered, out)
    return answered, voted


def _temperature(suite: Suite, given: float | None, voting: Voting | None) -> float:
    if given is not None:
        return given
    return suite.temperature if voting is None else suite.temperature or 1.0


def _check(
    suite: Suite, sampler: Sampler, samples: int | None, temperature: float, voting: Voting | None
) -> None:
    if sampler.tokens != suite.tokens:
        raise InputError(
            f"The suite {suite.name} is asked with at most {suite.tokens} tokens an answer, and the sampler gives "
            f"{sampler.tokens}. Make the sampler with tokens={suite.tokens}."
        )
    if voting is not None:
        if samples is not None:
            raise InputError(
                f"{samples} answers an item and a vote were asked for, and a vote keeps one. Say how many samples it "
                "may draw at most, or ask without a vote."
            )
        check_temperature(temperature)
        return
    samples = suite.samples if samples is None else samples
    if samples > 1 and temperature == 0:
        raise InputError(
            f"At a temperature of 0 all {samples} answers to an item are the same one. Give a temperature above 0, "
            "such as 1, or ask for one answer."
        )


def _cache(out: Path | None, cache: Path | None) -> Path:
    if cache is not None:
        return cache
    if out is None:
        raise InputError(
            "There is no place for the answers. Give a folder for the run, or a file for the cache."
        )
    return out / CACHE


def _begun(out: Path, expected: Mapping[str, Any], digest: str) -> str | None:
    """When the run in a folder was made, if it is the one that is expected; None: there is none.

    A run of another suite is made anew, from the answers that are there: its items or scorers were changed. So is one
    that a kill has torn.

    Raises:
        InputError: the folder has another run.
    """
    if not is_run(out):
        return None
    try:
        earlier = read_run(out)
    except InputError:
        return None
    for field, value in expected.items():
        if getattr(earlier, field) != value:
            raise InputError(
                f"{out} holds the run {earlier.name} with another {_NAMED[field]}. Give another folder with --out, or "
                "forget that run and its answers with --fresh."
            )
    return earlier.created if earlier.suite_digest == digest else None


_NAMED = {"seed_name": "name or seed", "fingerprint": "model", "temperature": "temperature"}


def _notes(outputs: Sequence[Sequence[Output]]) -> tuple[str, ...]:
    errors = [output for own in outputs for output in own if output.finish == "error"]
    if not errors:
        return ()
    reasons = list(dict.fromkeys(output.note for output in errors if output.note))[:_REASONS]
    said = f" ({'; '.join(reasons)})" if reasons else ""
    many = "1 answer" if len(errors) == 1 else f"{len(errors)} answers"
    return (f"{many} did not come{said}: run the same command again to ask for them again.",)


def with_cost(listener: Listener, store: Store, model: str, budget: Budget | None) -> Listener:
    """A listener that also says what the model has cost so far."""
    price = None if budget is None else budget.price

    def told(event: Progress) -> None:
        usage = store.spending(model).usage
        money = f", {price.of(usage):.4f} spent" if price else ""
        listener(replace(event, stage=f"{event.stage}: {usage.total:,} tokens{money}"))

    return nobody if listener is nobody else told


# --- the command ----------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """A run that was just made, and what it cost."""

    run: Run
    voted: Voted | None  # None: nothing was voted on
    reading: tuple[str, ...]  # what was guessed or left out when the suite was read
    spending: Spending  # of the model in its cache, over all runs
    judged: Spending | None  # likewise of the judge
    calls: int  # made now; the other answers were there
    price: Price | None
    paths: Mapping[str, Path]

    @property
    def verdict(self) -> str:
        """`clean`, or `findings` where answers did not come or votes do not help."""
        return "findings" if self.run.notes else "clean"

    def to_json(self) -> dict[str, Any]:
        """Schema `wellkeeper.ask/1`."""
        run = self.run
        return {
            "schema": SCHEMA,
            "version": __version__,
            "run": {
                field: getattr(run, field)
                for field in (
                    "name",
                    "model",
                    "suite",
                    "suite_digest",
                    "fingerprint",
                    "temperature",
                    "created",
                )
            },
            **_counted(run.items),
            "metric": run.metric,
            "slices": [{"slice": name, **_counted(items)} for name, items in _by_slice(run.items).items()],
            "vote": None if self.voted is None else self.voted.to_json(),
            "spent": {
                "calls_now": self.calls,
                **spent_json(self.spending),
                "money": None if self.price is None else self.price.of(self.spending.usage),
                "judge": None if self.judged is None else spent_json(self.judged),
            },
            "notes": [*self.reading, *run.notes],
            "verdict": self.verdict,
        }


def spent_json(spending: Spending) -> dict[str, int]:
    """What a model has cost, as documents have it."""
    usage = spending.usage
    return {
        "calls": spending.calls,
        "prompt_tokens": usage.prompt_tokens,
        "tokens": usage.tokens,
        "not_settled": spending.open.total,
    }


def _by_slice(items: Sequence[Answered]) -> dict[str, list[Answered]]:
    found: dict[str, list[Answered]] = {}
    for item in items:
        for key, value in item.slices.items():
            found.setdefault(f"{key}={value}", []).append(item)
    return dict(sorted(found.items()))


def _counted(items: Sequence[Answered]) -> dict[str, Any]:
    """Counts and the mean score of some items, with its interval over fresh items of the same kind."""
    outputs = [output for item in items for output in item.outputs]
    scores = [item.score for item in items if item.score is not None]
    return {
        "items": len(items),
        "answers": len(outputs),
        "finishes": finishes(outputs),
        "score": _mean(scores),
        "scored_items": len(scores),
        "unknown_scores": sum(score is None for item in items for score in item.scores),
    }


def _mean(scores: Sequence[float]) -> dict[str, float | None] | None:
    """The mean with its 95 % interval; None without scores. Of shares of answers no interval under ten items."""
    if not scores:
        return None
    if len(scores) < FEWEST_DOCUMENTS and not set(scores) <= {0.0, 1.0}:
        return {"estimate": float(np.mean(scores)), "low": None, "high": None}
    return dict(mean_interval(np.array(scores)).to_json())


def ask_suite(
    suite: Suite,
    place: ModelPlace,
    *,
    out: Path,
    now: datetime,
    name: str | None = None,
    seed: int | None = None,
    cache: Path | None = None,
    judge: ModelPlace | None = None,
    budget: Budget | None = None,
    judge_budget: Budget | None = None,
    fresh: bool = False,
    samples: int | None = None,
    temperature: float | None = None,
    voting: Voting | None = None,
    listener: Listener = nobody,
) -> Asked:
    """As `ask`, for a model that is named by its place; gives the run with its cost.

    Args:
        suite: the items, as `read_suite` and `chosen` give them.
        place: of the model.
        out: folder that the run is written to.
        now: when the run is made, with a time zone.
        name: of the run; None: the folder's.
        seed: as in `ask`.
        cache: as in `ask`.
        judge: place of the judge, if there is one.
        budget: as in `ask`.
        judge_budget: as in `ask`.
        fresh: as in `ask`.
        samples: as in `ask`.
        temperature: as in `ask`.
        voting: as in `ask`.
        listener: is told of progress.

    Raises:
        InputError, MissingExtraError, WorkError: as `ask`.
    """
    with ExitStack() as opened:
        sampler = opened.enter_context(place.sampler(tokens=suite.tokens))
        judging = None if judge is None else opened.enter_context(judge.sampler(tokens=JUDGE_TOKENS))
        file = _cache(out, cache)
        before = 0 if fresh or not file.exists() else _spending(file, sampler.fingerprint).calls
        run, voted = _ask(
            suite,
            sampler,
            name=name or out.resolve().name,
            now=now,
            seed=seed,
            model=place.name,
            out=out,
            cache=cache,
            samples=samples,
            temperature=temperature,
            voting=voting,
            budget=budget,
            judge=judging,
            judge_budget=judge_budget,
            fresh=fresh,
            listener=listener,
        )
        after = _spending(file, sampler.fingerprint)
        judged = None if judging is None else _spending(file, judging.fingerprint)
    return Asked(
        run=run,
        voted=voted,
        reading=suite.notes,
        spending=after,
        judged=judged,
        calls=after.calls - before,
        price=None if budget is None else budget.price,
        paths={"run": out, "cache": file},
    )


def _spending(cache: Path, model: str) -> Spending:
    with Store(cache) as store:
        return store.spending(model)


def forget_answers(out: Path | None, cache: Path | None) -> None:
    """Delete the run in a folder, its answers and what they cost.

    Raises:
        InputError: the cache is one of its own, or there is no folder.
    """
    if out is None or cache is not None:
        raise InputError(
            "--fresh was given with --cache, which may hold the answers of other runs. Give another --run-name for "
            "other draws, or delete the cache."
        )
    for name in ("run.json", "answers.jsonl", *CACHE_FILES):
        (out / name).unlink(missing_ok=True)


def chosen(
    suite: Suite,
    *,
    slices: Sequence[tuple[str, str]] = (),
    limit: int | None = None,
    system: str | None = None,
) -> Suite:
    """Some items of a suite, with another message of the system.

    Args:
        suite: the whole one.
        slices: key and value: items that have one of the values of each key.
        limit: most items, chosen by a hash of their names: the same ones wherever they stand in the file.
        system: in the place of the suite's own; items with a message of their own keep it.

    Raises:
        InputError: no item is in these slices.
    """
    wanted: dict[str, set[str]] = {}
    for key, value in slices:
        wanted.setdefault(key, set()).add(value)
    items = [
        item for item in suite.items if all(item.slices.get(key) in values for key, values in wanted.items())
    ]
    if not items:
        there = sorted({f"{key}={value}" for item in suite.items for key, value in item.slices.items()})
        said = ", ".join(f"{key}={value}" for key, value in slices)
        raise InputError(
            f"The suite {suite.name} has no item in {said}. Give one of its slices: "
            f"{', '.join(there[:10]) or 'it has none, so leave --slice out'}."
        )
    if limit is not None:
        first = {
            item.name
            for item in sorted(items, key=lambda item: sha256(item.name.encode(errors="replace")).digest())[
                :limit
            ]
        }
        items = [item for item in items if item.name in first]
    return replace(suite, items=tuple(items), system=suite.system if system is None else system)
