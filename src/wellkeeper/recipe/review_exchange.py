"""`review export` and `review import`: items and answers of a queue, out into files and in from other tools."""

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from wellkeeper.engine.progress import Listener, nobody
from wellkeeper.engine.store import open_atomic, write_atomic
from wellkeeper.errors import InputError, RecipeError, WorkError, did_you_mean
from wellkeeper.recipe.findings import counted
from wellkeeper.recipe.review_made import MADE, RATED, Wanted, Written, written_lines
from wellkeeper.recipe.reviewing import open_queue
from wellkeeper.review import argilla, label_studio
from wellkeeper.review.exchange import (
    MOST_TOLD,
    Checked,
    Read,
    Reviewed,
    checked,
    json_line,
    line_of,
    read_lines,
    reviewed,
)
from wellkeeper.review.queue import ReviewQueue

if TYPE_CHECKING:
    from wellkeeper.infer.cost import Budget
    from wellkeeper.recipe.samplers import ModelPlace

FORMATS_IN = ("jsonl", "label-studio", "argilla")
FORMATS_OUT: tuple[str, ...] = (*FORMATS_IN, *MADE)
_ENDINGS: Mapping[str, str] = {
    "jsonl": ".jsonl",
    "label-studio": "-label-studio.json",
    "argilla": "-argilla",
    "anchors": "-anchors.json",
    "card": "-card.json",
}
"""Of the file beside the queue that each is written to; of another, `OUT-review-labels.jsonl`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Exported:
    """What was written, and what to say of it."""

    document: Mapping[str, Any]  # schema `wellkeeper.review-export/1`
    paths: Mapping[str, Path]
    said: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Imported:
    """What was taken in, and what to say of it."""

    document: Mapping[str, Any]  # schema `wellkeeper.review-import/1`
    said: tuple[str, ...]


# --- out ----------------------------------------------------------------------------------------------------------


def export_answers(
    queue: str | Path,
    *,
    format: str = "jsonl",  # noqa: A002  the option's name
    out: str | Path | None = None,
    with_hidden: bool = False,
    all_items: bool = False,
    verifiers: str | Path | None = None,
    judge: "ModelPlace | None" = None,
    budget: "Budget | None" = None,
    listener: Listener = nobody,
) -> Exported:
    """Write items for another tool, or what is made of settled answers.

    Args:
        queue: a result with a queue beside it, or the file of the queue.
        format: `jsonl`, `label-studio` and `argilla` for people; of settled answers (`review_made`) `anchors` where
            origins were asked for, `labels`, `audited`, `judge-anchors` and `card` where texts were vetted, and
            `preferences` where two runs were compared.
        out: file to write, of Argilla a folder; None: beside the queue.
        with_hidden: for people: also scores, sources and, in other tools, the answers that there are.
        all_items: of anchors, audits and cards: also items that were chosen for being doubtful.
        verifiers: YAML file of the verifiers whose card is measured.
        judge: the model that judges among them ask.
        budget: what its answers may cost.
        listener: is told of progress.

    Raises:
        InputError: there is no queue, it is of another kind, or what is wanted takes more answers.
        RecipeError: there is no such format, or an option does not go with it.
        WorkError: the file cannot be written, or the judge not be asked.
    """
    _check(format, with_hidden=with_hidden, all_items=all_items, verifiers=verifiers, judge=judge)
    with open_queue(queue) as opened:
        ending = _ENDINGS.get(format, f"-{format}.jsonl")
        place = opened.path.with_name(opened.path.stem + ending) if out is None else Path(out)
        if place.resolve() == opened.path.resolve():
            raise RecipeError(f"{place} is the queue itself. Name another file with --out.")
        try:
            place.parent.mkdir(parents=True, exist_ok=True)
            if format in MADE:
                wanted = Wanted(
                    all_items=all_items,
                    verifiers=verifiers or "",
                    judge=judge,
                    budget=budget,
                    listener=listener,
                )
                written = MADE[format](opened, place, wanted)
            else:
                written = _for_people(opened, format, place, with_hidden=with_hidden)
        except OSError as error:
            raise WorkError(
                f"{place} cannot be written ({error.strerror or error}). Name another place with --out."
            ) from error
        document = {
            "schema": "wellkeeper.review-export/1",
            "queue": str(opened.path),
            "format": format,
            "items": written.items,
            "left_out": {why: count for why, count in written.left_out.items() if count},
            "paths": {name: str(path) for name, path in written.paths.items()},
            **written.more,
        }
    return Exported(document=document, paths=written.paths, said=written.said)


def _check(
    form: str,
    *,
    with_hidden: bool,
    all_items: bool,
    verifiers: str | Path | None,
    judge: "ModelPlace | None",
) -> None:
    """Raises RecipeError: there is no such format, or an option does not go with it."""
    if form not in FORMATS_OUT:
        raise RecipeError(
            f"{form} is no format.{did_you_mean(form, FORMATS_OUT)} Give one of {', '.join(FORMATS_OUT)}."
        )
    if with_hidden and form in MADE:
        raise RecipeError(
            f"--with-hidden goes with {', '.join(FORMATS_IN)}, and not with {form}. Leave it out."
        )
    if all_items and form not in RATED:
        raise RecipeError(f"--all-items goes with {', '.join(RATED)}, and not with {form}. Leave it out.")
    if form == "card" and verifiers is None:
        raise RecipeError("A card is of verifiers. Name them: --verifiers FILE.")
    if form != "card" and (verifiers is not None or judge is not None):
        raise RecipeError(
            f"Verifiers and their judge go with --format card, and not with {form}. Leave them out."
        )


# --- for people ---------------------------------------------------------------------------------------------------


def _for_people(queue: ReviewQueue, form: str, place: Path, *, with_hidden: bool) -> Written:
    if form == "jsonl":
        many = written_lines(place, (line_of(one, with_hidden=with_hidden) for one in reviewed(queue)))
        told = f"{place} has {counted(many, 'item')} and their answers."
        return Written(paths={"lines": place}, items=many, said=(told,))
    asked = _Asked(queue, all_items=with_hidden)
    if form == "label-studio":
        paths, following = _label_studio(queue, asked, place, with_hidden=with_hidden)
    else:
        paths, following = _argilla(queue, asked, place, with_hidden=with_hidden)
    said = [f"{place} has {counted(asked.items, 'item')}."]
    if asked.settled:
        said.append(
            f"Left out: {counted(asked.settled, 'item')} that {'is' if asked.settled == 1 else 'are'} settled."
        )
    said.append(
        "Scores, sources and answers are in it: whoever sees them is not blind any more."
        if with_hidden
        else "It is blind: no score, no source, nobody's answer."
    )
    return Written(
        paths=paths, items=asked.items, said=(*said, following), left_out={"settled": asked.settled}
    )


class _Asked:
    """Items that another tool is to show, and what was seen while they went by."""

    def __init__(self, queue: ReviewQueue, *, all_items: bool) -> None:
        """`all_items`: settled ones too."""
        self._queue = queue
        self._all = all_items
        self.items = self.settled = 0
        self.pairs = self.prompted = False

    def __iter__(self) -> Iterator[Reviewed]:
        for one in reviewed(self._queue):
            if one.label and not self._all:
                self.settled += 1
                continue
            self.items += 1
            self.pairs |= len(one.item.texts) == 2
            self.prompted |= bool(one.item.prompt)
            yield one


def _label_studio(
    queue: ReviewQueue, asked: _Asked, place: Path, *, with_hidden: bool
) -> tuple[dict[str, Path], str]:
    question = queue.question
    page = place.parent / f"{place.stem}.xml"
    if page == place:
        raise RecipeError(
            f"{place} is to hold the labelling interface. Name the tasks otherwise: {place.stem}.json."
        )
    _written_array(place, (label_studio.task_of(one, question, with_hidden=with_hidden) for one in asked))
    config = label_studio.config_of(question, pairs=asked.pairs, prompted=asked.prompted)
    write_atomic(page, config.encode())
    return {"tasks": place, "page": page}, (
        f"Next: in Label Studio take {page} as the labelling interface and import {place}; export JSON, then: "
        f"wellkeeper review import {queue.path} EXPORT.json"
    )


def _argilla(
    queue: ReviewQueue, asked: _Asked, place: Path, *, with_hidden: bool
) -> tuple[dict[str, Path], str]:
    question = queue.question
    (place / argilla.SETTINGS).parent.mkdir(parents=True, exist_ok=True)
    records = place / argilla.RECORDS
    _written_array(records, (argilla.record_of(one, question, with_hidden=with_hidden) for one in asked))
    settings = argilla.settings_of(
        question, pairs=asked.pairs, prompted=asked.prompted, with_hidden=with_hidden
    )
    write_atomic(place / argilla.SETTINGS, argilla.dump(settings))
    write_atomic(place / argilla.DATASET, argilla.dump(argilla.dataset_of(queue.path.stem, settings)))
    return {"dataset": place, "records": records}, (
        f"Next: in Python rg.Dataset.from_disk({str(place)!r}, workspace=...); export "
        f"dataset.records.to_list(flatten=True) as JSON, then: wellkeeper review import {queue.path} EXPORT.json"
    )


def _written_array(place: Path, entries: Iterable[Mapping[str, Any]]) -> None:
    """A JSON array, an entry a line."""
    with open_atomic(place) as file:
        file.write(b"[")
        for number, entry in enumerate(entries):
            file.write(b",\n" if number else b"\n")
            file.write(json_line(entry).rstrip(b"\n"))
        file.write(b"\n]\n")


# --- in -----------------------------------------------------------------------------------------------------------


def import_answers(
    queue: str | Path,
    file: str | Path,
    *,
    format: str | None = None,  # noqa: A002  the option's name
    reviewers: Sequence[str] = (),
    skip_unknown: bool = False,
) -> Imported:
    """Take answers from a file into a queue; the log says where they came from. The same file again adds nothing.

    Args:
        queue: a result with a queue beside it, or the file of the queue.
        file: JSON lines of ours, what Label Studio exports as JSON or JSON-MIN, or records of Argilla; of Argilla the
            folder will do.
        format: which of them; None: seen from the file.
        reviewers: NAME of who answered where the file does not say; 5=NAME where it calls them 5.
        skip_unknown: leave out what cannot be taken in; else nothing is taken in where there is such an answer.

    Raises:
        InputError: there is no queue, the file cannot be read, or an answer cannot be taken in; each is told by its
            place in the file.
        RecipeError: there is no such format.
        WorkError: the queue cannot be used.
    """
    given = Path(file)
    path = given / argilla.RECORDS if given.is_dir() else given
    name, names = _named(reviewers)
    with open_queue(queue) as opened:
        form, read = _read(path, format)
        found = checked(opened, read.answers, reviewer=name, names=names)
        if found.problems and not skip_unknown:
            raise InputError(_refusal(path, read, found))
        taken = {
            who: opened.take_in(who, entries, source=f"{form}: {path.name}")
            for who, entries in found.entries.items()
        }
        where = str(opened.path)
    new = sum(taken.values())
    known = found.known + sum(map(len, found.entries.values())) - new  # another import may have been faster
    passed_over = {why: count for why, count in sorted(read.passed_over.items()) if count}
    document = {
        "schema": "wellkeeper.review-import/1",
        "queue": where,
        "file": str(path),
        "format": form,
        "answers": new,
        "known": known,
        "reviewers": {who: count for who, count in sorted(taken.items()) if count},
        "passed_over": passed_over,
        "left_out": list(found.problems),
    }
    return Imported(document=document, said=tuple(_said_of(document, read.doubts)))


def _named(reviewers: Sequence[str]) -> tuple[str, dict[str, str]]:
    """Who answered where nothing is said, and the names of those whom the file calls otherwise."""
    names: dict[str, str] = {}
    plain: list[str] = []
    for one in reviewers:
        called, equals, name = (part.strip() for part in one.partition("="))
        if equals and not (called and name):
            raise InputError(
                f"{one} names nobody. Write what the file calls them and the name: --reviewer 5=NAME."
            )
        if equals:
            names[called] = name
        else:
            plain.append(called)
    if len(plain) > 1:
        raise InputError(
            f"Of {' and '.join(plain)} one alone can be who answered where the file does not say. Give the others with "
            "what the file calls them: --reviewer 5=NAME."
        )
    return (plain[0] if plain else ""), names


def _read(path: Path, wanted: str | None) -> tuple[str, Read]:
    try:
        data = path.read_bytes().removeprefix(b"\xef\xbb\xbf")
    except OSError as error:
        raise InputError(f"{path} cannot be read ({error.strerror or error}). Check the path.") from error
    whole = _whole(data)
    form = _seen(whole) if wanted is None else wanted
    if form == "jsonl":
        return "jsonl", read_lines(data, path)
    if form not in FORMATS_IN:
        raise RecipeError(
            f"{form} is no format.{did_you_mean(form, FORMATS_IN)} Give one of {', '.join(FORMATS_IN)}."
        )
    if whole is None:
        raise InputError(f"{path} is no whole JSON file: it may be torn. Export it from {form} again.")
    if form == "argilla":
        return "argilla", argilla.read_records(whole, path)
    return "label-studio", label_studio.read_tasks(whole, path)


def _whole(data: bytes) -> Any:
    """The one value that a file holds; None: it holds something else, such as lines, or nothing."""
    try:
        return json.loads(data)
    except (ValueError, RecursionError):
        return None


def _seen(whole: Any) -> str:
    if whole == []:
        return "label-studio"  # or any other: nobody has answered anything
    first = whole[0] if isinstance(whole, list) else whole
    if not isinstance(whole, list) or not isinstance(first, dict):
        return "jsonl"
    if "fields" in first or any(name.endswith(".responses") for name in first):
        return "argilla"
    return "label-studio" if {"data", "annotation_id", "annotator"} & first.keys() else "argilla"


def _refusal(path: Path, read: Read, found: Checked) -> str:
    shown = [f"- {problem}" for problem in found.problems[:MOST_TOLD]]
    if len(found.problems) > MOST_TOLD:
        shown.append(f"- and {len(found.problems) - MOST_TOLD:,} more")
    lines = "\n".join(shown)
    return (
        f"{path} has {counted(len(read.answers), 'answer')}, of which {len(found.problems):,} cannot be taken in, and "
        f"nothing was:\n{lines}\nMend them, or take in the others: --skip-unknown."
    )


def _said_of(document: Mapping[str, Any], doubts: Sequence[str]) -> Iterator[str]:
    by = ", ".join(f"{who} {count:,}" for who, count in document["reviewers"].items())
    yield f"{counted(document['answers'], 'answer')} taken in" + (f": {by}." if by else ".")
    if document["known"]:
        yield f"{counted(document['known'], 'answer')} the queue had already."
    if document["passed_over"]:
        yield (
            "Passed over: "
            + ", ".join(f"{count:,} {why}" for why, count in document["passed_over"].items())
            + "."
        )
    left_out = document["left_out"]
    if left_out:
        yield f"Left out: {counted(len(left_out), 'answer')}."
        yield from left_out[:MOST_TOLD]
    yield from doubts
    yield f"Next: wellkeeper review status {document['queue']}"
