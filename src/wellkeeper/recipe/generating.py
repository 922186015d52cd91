"""`generate`: texts that a model writes where human text is thin, and all that is known of how each came to be.

Human documents are read by topics. Each text that is wanted has a topic before it is asked for, most of them rare ones
(`wellkeeper.infer.seeding`); the prompt shows the beginning of documents of that topic, and rare words of theirs that
the set does not have yet. What comes is written once, with a label that says that a model wrote it.

    OUT/generated.jsonl                          one text a line (`wellkeeper.core.generated`)
    OUT/generated.jsonl.wellkeeper-label.json    what made it; written after it
    OUT/plan.json                                what each topic was to get, and got
    OUT/report.json                              the document of schema `wellkeeper.generate/1`; written last
    OUT/answers.sqlite                           every answer, so that none is paid for twice

The same reference, model, settings and seed give the same bytes, however many requests are under way at once.
"""

import json
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from hashlib import sha256
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from wellkeeper import __version__
from wellkeeper.core.generated import Generated
from wellkeeper.core.origin import Origin
from wellkeeper.engine.files import LABEL_SUFFIX
from wellkeeper.engine.progress import Listener, nobody
from wellkeeper.engine.store import open_atomic, write_atomic
from wellkeeper.errors import InputError
from wellkeeper.infer.cache import Cached, Store
from wellkeeper.infer.cost import Budget
from wellkeeper.infer.sampling import TOKENS, Sampler, finishes
from wellkeeper.ledger.signature import SigningKey
from wellkeeper.measure.incidence import ngrams
from wellkeeper.recipe.asking import CACHE, CACHE_FILES, spent_json, with_cost
from wellkeeper.recipe.generating_course import Asked, Asking
from wellkeeper.recipe.generating_plan import DATA, PLAN, Plan, document_bytes, plan_in
from wellkeeper.recipe.generating_wanted import Wanted, quotas_of
from wellkeeper.recipe.marking import HUMAN_PARENT, Marked, mark
from wellkeeper.recipe.running import Running, prepare_work, size_of_blocks
from wellkeeper.recipe.samplers import ModelPlace
from wellkeeper.recipe.seed_cells import SeedCells, read_seed_cells, words_of
from wellkeeper.watermark.keys import WatermarkKey

SCHEMA = "wellkeeper.generate/1"
REPORT = "report.json"
COPIED = 8
"""Words in a row that count as copied where they stand in the prompt: fewer are often a name or a set phrase."""
_REASONS = 3  # of answers that did not come, that are told

Hashes: TypeAlias = NDArray[np.uint64]  # of the words of one text, in its order


@dataclass(frozen=True, slots=True, kw_only=True)
class GeneratedSet:
    """A set that was just written."""

    document: dict[str, Any]  # schema `wellkeeper.generate/1`
    records: tuple[Generated, ...]
    paths: Mapping[str, Path]

    @property
    def verdict(self) -> str:
        """`clean`, or `findings` where fewer texts came than were wanted."""
        return str(self.document["verdict"])


def generate(
    human: Any,
    sampler: Sampler,
    wanted: Wanted,
    *,
    out: str | Path,
    generator: str,
    text: str | None = None,
    template_file: str | Path | None = None,
    watermark: str | None = None,
    key: SigningKey | None = None,
    budget: Budget | None = None,
    now: datetime | None = None,
    work: str | Path | None = None,
    workers: int | None = None,
    strict: bool = False,
    fresh: bool = False,
    listener: Listener = nobody,
) -> GeneratedSet:
    """Have a model write texts for the topics of human text, most for those that are rare in it.

    The same call goes on where it was stopped, and pays for no answer twice.

    Args:
        human: human text: a path, glob or URL, an Arrow table, or a list of these.
        sampler: the model.
        wanted: how many texts, for which topics, from which prompts.
        out: folder that the set is written to.
        generator: what the model is called; the label adds the beginning of its fingerprint.
        text: column with the human text; guessed where it is not given.
        template_file: that the templates were read from; its SHA-256 goes into the label.
        watermark: id of the key by which the sampler marks what it writes; it goes into the label and the records.
        key: signs the label.
        budget: most that the model's answers in `out` may cost, over all runs.
        now: when the set is made, with a time zone; None: now.
        work: folder for what is kept of the reference, `out`/.work by default.
        workers: how many blocks of the reference are read at once; None: as many as there are cores.
        strict: stop at the first record of the reference that cannot be read.
        fresh: forget the set in `out`, its answers and what they cost.
        listener: is told of progress.

    Raises:
        InputError: there is nothing to read, a quota names no topic, `out` lies in a folder of human text, or it holds
            another set or a plan of something else.
        DataError: the quotas do not fit together, or no document may be shown.
        WorkError: the model cannot be asked, rejects all, or the budget ends.
    """
    folder = Path(out)
    plan_in(folder)  # something else is told before anything is read, paid or forgotten
    running = _running(human, folder, work, workers, listener, strict=strict, fresh=fresh)
    source, said = read_seed_cells(
        human, running, text=text, seed=wanted.seed, hold_out=wanted.hold_out, topics=wanted.topics
    )
    wishes = quotas_of(source.cells, wanted)
    if fresh:
        _forget(folder)
    folder.mkdir(parents=True, exist_ok=True)  # sidecars may lie elsewhere
    plan = Plan(source, wanted, wishes, _identity(source, wanted, sampler, watermark))
    created = plan.begin(folder, now or datetime.now(UTC))
    course = Asking(source, wanted, wishes, f"{generator}@{sampler.fingerprint[:16]}")
    with Store(folder / CACHE) as store:
        before = store.spending(sampler.fingerprint).calls
        cached = Cached(sampler, store, budget=budget)
        course.run(cached, with_cost(listener, store, sampler.fingerprint, budget))
        spending = store.spending(sampler.fingerprint)
    if not course.made:
        raise InputError(
            f"None of {sum(course.finishes.values()):,} answers could be a text: {_counted(course.left_out)}. Look at "
            "the answers in a small run of `wellkeeper ask`, and change the templates or the model."
        )
    made = course.in_order
    texts = words_of([record.text for record, _ in made])
    prompts = words_of([asked.prompt_text for _, asked in made])
    sequences = _sequences(texts, prompts)
    records = _with_facts(made, sequences, watermark)
    plan.end(folder, created, records)
    _write(folder / DATA, records)
    marked = mark(
        folder / DATA,
        generator=records[0].generator,
        prompt_template=template_file,
        temperature=float(wanted.temperature),
        seed=wanted.seed,
        watermark=watermark,
        parents=HUMAN_PARENT if all(record.depth == 1 for record in records) else (),
        key=key,
        created=datetime.fromisoformat(created),
    )
    document = {
        "schema": SCHEMA,
        "version": __version__,
        "created": created,
        "generator": records[0].generator,
        "reference": {**source.facts, "columns": list(said)},
        "wanted": wanted.to_json(),
        "documents": len(records),
        "cells": plan.cells(records),
        "answers": dict(finishes(())) | dict(course.finishes),
        "left_out": dict(sorted(course.left_out.items())),
        "templates": dict(sorted(Counter(record.template for record in records).items())),
        "words": _words(course),
        "copied": _copying(sequences),
        "held_out": _held_out(source, texts, prompts),
        "label": _label(marked),
        "spent": {
            "calls_now": spending.calls - before,
            **spent_json(spending),
            "money": None if budget is None or budget.price is None else budget.price.of(spending.usage),
        },
        "notes": _notes(course, wanted, records),
        "verdict": "clean" if len(records) == wanted.documents else "findings",
    }
    write_atomic(folder / REPORT, document_bytes(document))
    paths = {"data": DATA, "label": marked.file.name, "plan": PLAN, "report": REPORT, "cache": CACHE}
    return GeneratedSet(
        document=document, records=records, paths={name: folder / file for name, file in paths.items()}
    )


def plan_of(
    human: Any,
    wanted: Wanted,
    *,
    out: str | Path,
    text: str | None = None,
    work: str | Path | None = None,
    workers: int | None = None,
    strict: bool = False,
    listener: Listener = nobody,
) -> dict[str, Any]:
    """What `generate` would ask for, without a model: the document of schema `wellkeeper.generate-plan/1`.

    Args:
        human: as in `generate`.
        wanted: as in `generate`.
        out: folder of the set; only what is kept of the reference is written there.
        text: as in `generate`.
        work: as in `generate`.
        workers: as in `generate`.
        strict: as in `generate`.
        listener: is told of progress.

    Raises:
        InputError, DataError: as `generate`.
    """
    running = _running(human, Path(out), work, workers, listener, strict=strict, fresh=False)
    source, said = read_seed_cells(
        human, running, text=text, seed=wanted.seed, hold_out=wanted.hold_out, topics=wanted.topics
    )
    plan = Plan(source, wanted, quotas_of(source.cells, wanted), "")
    return plan.to_json("", ()) | {"reference": {**source.facts, "columns": list(said)}}


def _running(
    human: Any,
    out: Path,
    work: str | Path | None,
    workers: int | None,
    listener: Listener,
    *,
    strict: bool,
    fresh: bool,
) -> Running:
    for given in human if isinstance(human, list | tuple) else [human]:
        if isinstance(given, str | Path) and out.resolve().is_relative_to(Path(given).resolve()):
            raise InputError(
                f"{out} lies in {given}, and the set would be read with the human text the next time. Choose another "
                "folder with --out."
            )
    return Running(
        work=prepare_work(out, work, fresh=fresh),
        workers=workers,
        strict=strict,
        block_bytes=size_of_blocks(None),
        listener=listener,
    )


@contextmanager
def writer_at(
    place: ModelPlace, *, tokens: int = TOKENS, watermark: WatermarkKey | None = None
) -> Iterator[Sampler]:
    """A sampler of a model that is named by its place; with a key its answers bear a watermark.

    Raises:
        InputError: there is no model, or one that cannot be given a watermark.
        MissingExtraError: what runs the model is not installed.
    """
    if watermark is None:
        with place.sampler(tokens=tokens) as sampler:
            yield sampler
        return
    if place.folder is None:
        raise InputError(
            "A watermark is placed while tokens are drawn, and an endpoint or a GGUF file draws its own. Give the "
            "model with --folder DIR, or leave --watermark out."
        )
    from wellkeeper.infer.marked_folder import MarkedFolderSampler

    if not Path(place.folder).exists():
        raise InputError(f"{place.folder} does not exist. Give a folder that save_pretrained wrote.")
    marked = MarkedFolderSampler(Path(place.folder), watermark, tokens=tokens)
    try:
        yield marked
    finally:
        marked.close()


# --- the plan ----------------------------------------------------------------------------------------------------


def _identity(source: SeedCells, wanted: Wanted, sampler: Sampler, watermark: str | None) -> str:
    """SHA-256 of all that decides a set."""
    told = [source.digest, wanted.to_json(), sampler.fingerprint, sampler.tokens, watermark]
    return sha256(json.dumps(told, sort_keys=True).encode()).hexdigest()


def _forget(folder: Path) -> None:
    for name in (DATA, f"{DATA}{LABEL_SUFFIX}", PLAN, REPORT, *CACHE_FILES):
        (folder / name).unlink(missing_ok=True)


# --- what is written ---------------------------------------------------------------------------------------------


def _write(path: Path, records: Sequence[Generated]) -> None:
    with open_atomic(path) as file:
        for record in records:  # the origin stands in each line, too: a label can be lost
            line = {"origin": Origin.AI_GENERATED.label, **record.to_json()}
            file.write(json.dumps(line, ensure_ascii=False).encode("utf-8", "replace") + b"\n")


def _label(marked: Marked) -> dict[str, Any]:
    said = marked.to_json()
    return {name: said[name] for name in ("origin", "depth", "parents", "signed_by")}


def _with_facts(
    made: Sequence[tuple[Generated, Asked]], sequences: Sequence[tuple[int, int]], watermark: str | None
) -> tuple[Generated, ...]:
    """The records with the share of each that stands in its prompt, and the key that marked it."""
    mark_ = {} if watermark is None else {"watermark": watermark}
    return tuple(
        replace(record, facts={"copied": f"{copied / max(1, all_):.3f}", **mark_})
        for (record, _), (copied, all_) in zip(made, sequences, strict=True)
    )


def _sequences(texts: Sequence[Hashes], prompts: Sequence[Hashes]) -> list[tuple[int, int]]:
    """Of each text the sequences of eight words that stand in its prompt, and all; a shorter text has none."""
    found = []
    for pair in zip(texts, prompts, strict=True):
        mine, shown = (ngrams(np.array([0, some.size]), some, COPIED)[1] for some in pair)
        found.append((int(np.isin(mine, shown).sum()), int(mine.size)))
    return found


# --- what is told of it ------------------------------------------------------------------------------------------


def _copying(sequences: Sequence[tuple[int, int]]) -> dict[str, Any]:
    copied, all_ = np.array(sequences).T
    return {
        "words": COPIED,
        "share": round(float(copied.sum() / max(1, all_.sum())), 4),  # of the sequences of all texts
        "documents": int(np.count_nonzero(copied)),
        "mostly": int(np.count_nonzero(2 * copied > all_)),
    }


def _words(course: Asking) -> dict[str, int]:
    asked = course.dealt_words
    return {"asked": len(asked), "written": len(asked & course.written_words)}


def _held_out(source: SeedCells, texts: Sequence[Hashes], prompts: Sequence[Hashes]) -> dict[str, Any]:
    """Rare words of the documents that no prompt showed, and how many the set has; less its prompts' words, too."""
    rare = source.rare_held_out()
    unprompted = [np.setdiff1d(text, prompt) for text, prompt in zip(texts, prompts, strict=True)]
    return {
        "documents": source.facts["held_out"],
        "rare_words": int(rare.size),
        "found": int(np.isin(rare, np.concatenate(texts)).sum()),
        "found_unprompted": int(np.isin(rare, np.concatenate(unprompted)).sum()),
    }


def _counted(reasons: Mapping[str, int]) -> str:
    return ", ".join(f"{many:,} {reason}" for reason, many in sorted(reasons.items()))


def _notes(course: Asking, wanted: Wanted, records: Sequence[Generated]) -> list[str]:
    missing = wanted.documents - len(records)
    if not missing:
        return []
    why = f" ({'; '.join(course.errors[:_REASONS])})" if course.errors else ""
    again = "The same command asks again for what did not come. " if course.left_out["error"] else ""
    said = (
        f"{missing:,} of {wanted.documents:,} texts are missing (tries of each: {wanted.tries}): "
        f"{_counted(course.left_out)}{why}. {again}Give more --tries into another folder, or other templates."
    )
    return [said]
