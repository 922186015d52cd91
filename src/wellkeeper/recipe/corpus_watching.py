"""`watch` of a corpus: snapshots, each audited and compared with the first."""

import math
from collections.abc import Mapping
from contextlib import ExitStack
from dataclasses import asdict
from datetime import datetime
from pathlib import Path
from typing import Any

from wellkeeper.engine.progress import Listener, nobody
from wellkeeper.errors import InputError
from wellkeeper.recipe.audit import audit
from wellkeeper.recipe.compare import compare
from wellkeeper.recipe.results import Audit, Comparison
from wellkeeper.recipe.watching import WatchRun, concluded, open_alone
from wellkeeper.watch.config import WatchConfig, read_config, write_config
from wellkeeper.watch.monitor import seen_in, settings_of, timeline_of
from wellkeeper.watch.snapshots import HUMAN_WORDS, WORDS, Figure
from wellkeeper.watch.store import WatchStore, alone, refuse_second
from wellkeeper.watch.timeline import Timeline, Week

FAMILIES = 3
"""Tables that a comparison tests: words, 3-grams and topics."""

_SNAPSHOTS = "snapshots"


def begin_corpus_watch(
    folder: Path,
    config: WatchConfig,
    *,
    now: datetime,
    workers: int | None = None,
    listener: Listener = nobody,
) -> Timeline:
    """Begin a watch of a corpus: audit the first snapshot, which has to stay where it is.

    Args:
        folder: is made; the same call goes on where it was stopped.
        config: of the design `corpus`: `config.corpus` has `path`, and if wanted `reference`, `text` and `source`.
        now: when it begins.
        workers: how many blocks are worked on at once.
        listener: is told of progress.

    Raises:
        InputError: there is a watch already, or the corpus cannot be read.
    """
    given = _given(config)
    folder.mkdir(parents=True, exist_ok=True)
    with ExitStack() as opened:
        opened.enter_context(alone(folder))
        refuse_second(folder)
        found = _audited(folder, 0, given["path"], given, workers, listener)
        write_config(config, folder)
        store = opened.enter_context(WatchStore(folder, begin=True))
        none = Figure(value=0.0, low=0.0, high=0.0, units=found.documents)
        first = {_tested(config): asdict(none), **_figures(found)}
        store.keep_snapshot(None, {"figures": first})
        store.set_facts(
            {
                "created": now.strftime("%Y-%m-%d"),
                "suite": str(given["path"]),
                "items": found.documents,
                "metrics": [_tested(config)],
                "settings": settings_of(config),
                "size": _size(found),
            }
        )
        return timeline_of(seen_in(store, config))


def run_corpus_watch(
    folder: Path,
    corpus: str,
    *,
    now: datetime,
    version: str | None = None,
    workers: int | None = None,
    listener: Listener = nobody,
) -> WatchRun:
    """Add a snapshot: audit it, and compare it with the first one.

    Args:
        folder: of the watch.
        corpus: path of the snapshot.
        now: its date.
        version: what it is called; None: its path.
        workers: how many blocks are worked on at once.
        listener: is told of progress.

    Raises:
        InputError: there is no watch of a corpus, the snapshot cannot be read, or the first one was changed.
        DataError: a snapshot has fewer than 10 documents with words.
    """
    config = read_config(folder)
    given = _given(config)
    with open_alone(folder, config, now) as store:
        _check_first(store, _audited(folder, 0, given["path"], given, workers, listener))
        number = len(store.weeks()) + 1
        found = _audited(folder, number, corpus, given, workers, listener)
        place = folder / _SNAPSHOTS / str(number) / "against-first"
        place.mkdir(parents=True, exist_ok=True)
        against = compare(
            given["path"],
            corpus,
            reference=given.get("reference") or (),
            text=given.get("text"),
            source=given.get("source"),
            permutations=math.ceil(FAMILIES * config.horizon / config.level),
            out=place,
            work=folder / _SNAPSHOTS / ".compare",
            workers=workers,
            listener=listener,
        )
        week = Week(
            number=number,
            date=now.strftime("%Y-%m-%d"),
            version=version or corpus,
            reason="manual",
            items=found.documents,
            answers=0,
            tokens=0,
            is_complete=True,
        )
        store.keep_snapshot(week, _snapshot(found, against, _tested(config)))
        return concluded(store, config, now, week, ())


def corpus_config_of(folder: Path, corpus: str, options: Mapping[str, Any]) -> WatchConfig:
    """The settings that options of `wellkeeper watch init --corpus` name."""
    given = {"path": corpus, **{name: options.get(name) for name in ("reference", "text", "source")}}
    return WatchConfig(
        name=options.get("name") or folder.resolve().name,
        design="corpus",
        reference_name="the first snapshot",
        level=options["level"],
        horizon=options["horizon"],
        webhook=options.get("webhook_env"),
        fingerprint=False,
        corpus={
            name: str(Path(value).resolve())
            if name in {"path", "reference"} and "://" not in value
            else value
            for name, value in given.items()
            if value is not None
        },
    )


def _given(config: WatchConfig) -> Mapping[str, Any]:
    if config.design != "corpus" or not config.corpus or "path" not in config.corpus:
        raise InputError(
            f"{config.name} watches a model, not a corpus. Leave --corpus out, or begin a watch with: wellkeeper watch "
            "init DIR --corpus PATH"
        )
    return config.corpus


def _audited(
    folder: Path,
    number: int,
    path: str,
    given: Mapping[str, Any],
    workers: int | None,
    listener: Listener,
) -> Audit:
    return audit(
        path,
        reference=given.get("reference") or (),
        text=given.get("text"),
        source=given.get("source"),
        out=folder / _SNAPSHOTS / str(number),
        work=folder / _SNAPSHOTS / str(number) / ".work",
        workers=workers,
        listener=listener,
    )


def _size(found: Audit) -> list[float]:
    """What a corpus is known by: documents, bytes, and the effective number of its words, where that is measured."""
    inputs, tails = found.document["inputs"], found.document["tails"]
    effective = tails["hill"]["q1"]["estimate"] if tails else 0.0
    return [inputs["documents"], inputs["bytes"], round(effective, 6)]


def _check_first(store: WatchStore, found: Audit) -> None:
    before, now = store.facts()["size"], _size(found)
    if before != now:
        raise InputError(
            f"The first snapshot had {before[0]:,} documents of {before[1]:,} bytes with {before[2]:,.0f} effective "
            f"words, and has {now[0]:,}, {now[1]:,} and {now[2]:,.0f} now. Restore it: all others are held against it."
        )


def _figures(found: Audit) -> dict[str, Any]:
    """What is shown of a snapshot, from its audit."""
    document, documents = found.document, found.documents
    declared = document["origin"]["declared"]
    largest = max((source["documents"] for source in document["inputs"]["sources"]), default=0)
    figures = {
        "ai": Figure.of_documents(declared["ai-generated"] + declared["ai-assisted"], documents),
        "near_duplicates": Figure.of_documents(document["duplicates"]["near"]["redundant"], documents),
        "largest_source": Figure.of_documents(largest, documents),
    }
    return {name: asdict(figure) for name, figure in figures.items()}


def _tested(config: WatchConfig) -> str:
    return HUMAN_WORDS if _given(config).get("reference") else WORDS


def _snapshot(found: Audit, against: Comparison, tested: str) -> dict[str, Any]:
    """Figures of a snapshot, and the p-value that it is no poorer than the first one.

    Of the figures that are called worse the least p-value, adjusted within its table by maxT, times the tables.
    """
    families = against.document["families"]
    lost = next(one for one in families[0]["changes"] if one["figure"] == "lost_mass")
    worse = [one["p"] for family in families for one in family["changes"] if one["verdict"] == "worse"]
    share = Figure(
        value=lost["second"]["estimate"],
        low=lost["second"]["low"],
        high=lost["second"]["high"],
        units=found.documents,
    )
    return {
        "figures": {tested: asdict(share), **_figures(found)},
        "baselines": {tested: lost["first"]["estimate"]},
        "p": min(1.0, len(families) * min(worse, default=1.0)),
    }
