"""`review decide`: a steward decides about one document by its id, whether anybody was asked about it or not.

So a document comes back that a step dropped, whatever step it was, and one goes that no step saw. What was decided lies
beside the set, in a file like a queue's with a log like a queue's, and is applied with it. There every decision stays:
another one takes back the one before, and the last counts.
"""

import secrets
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from wellkeeper import __version__
from wellkeeper.core.decision import Decision
from wellkeeper.errors import InputError
from wellkeeper.filter.rights import Rights
from wellkeeper.ledger.find import nothing_fits, rows_with
from wellkeeper.ledger.folder import open_part_tables
from wellkeeper.ledger.why import FORGOTTEN
from wellkeeper.recipe.decide import MIX
from wellkeeper.recipe.queue_pool import made_from
from wellkeeper.recipe.results import Documented
from wellkeeper.recipe.reviewed import manifest_of_curated
from wellkeeper.recipe.reviewing import decided_path, login_name
from wellkeeper.report.review_apply import FATES
from wellkeeper.report.visible import one_line
from wellkeeper.review.item import Item, Place, Placed, Settings, pool_of
from wellkeeper.review.question import DESPITE_RIGHTS, QUESTIONS
from wellkeeper.review.queue import ReviewQueue

SCHEMA = "wellkeeper.review-decide/1"

_COLUMNS = ("row", "id", "content_hash", "decision", "step", "reason")


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class DecidedOne(Documented):
    """What a steward decided. `document` follows the schema `wellkeeper.review-decide/1`."""

    said: tuple[str, ...]  # the same in sentences, and what to do next

    def __repr__(self) -> str:
        return f"DecidedOne({self.document['id']}: {self.document['label']})"


def decide(
    out: str | Path,
    document: str,
    decision: str,
    *,
    because: str = "",
    reviewer: str | None = None,
    despite_rights: bool = False,
) -> DecidedOne:
    """Decide about one document of a curated set; `wellkeeper.recipe.reviewed.apply_reviews` does it in the set.

    The same decision again writes nothing, unless the reason is another.

    Args:
        out: folder of the set.
        document: its id, the beginning of its text's SHA-256, or `file:line`, as `wellkeeper why` takes it.
        decision: `keep` or `drop`.
        because: why, at most 10,000 characters; stands in the log, and so in the ledger.
        reviewer: who decides; None: who is logged in.
        despite_rights: keep it though the recipe's step `rights` says that it may not be used.

    Raises:
        InputError: this is no curated set, it has no such document, the document may not be used or was removed on
            request, or the file beside the set holds something else.
        WorkError: the file cannot be written.
    """
    label = _label(decision, despite_rights=despite_rights)
    folder = Path(out)
    if not folder.is_dir():
        raise InputError(f"{folder} is no folder. Give the folder of a curated set.")
    manifest_of_curated(folder)
    record = _record(folder, document)
    _check_may(record, label)
    path = decided_path(folder)
    place = Place(row=record["row"], id=record["id"], content_hash=record["content_hash"].hex())
    # its name says nothing of the document, since it stands in the log for good; nor are texts kept here
    item = Placed(item=Item(id=f"document-{secrets.token_hex(8)}", texts=(place.id,), places=(place,)))
    with _opened(path, folder, item) as queue:
        _check_kind(queue)
        number = queue.add(item)
        lines = queue.decide(reviewer or login_name(), number, label, note=because)
        [stands] = [one for one in queue.outcomes() if one.number == number]
        [answer] = stands.answers
    told = {
        "schema": SCHEMA,
        "version": __version__,
        "out": str(folder),
        "queue": str(path),
        "row": record["row"],
        "id": record["id"],
        "content_hash": record["content_hash"].hex(),
        "label": label,
        "because": answer.note,
        "reviewer": answer.reviewer,
        "at": answer.at,
        "entry": answer.entry,
        "new": bool(lines),
        "taken_back": [line.told["entry"] for line in lines[:-1]],
        "now": {name: record[name] for name in ("decision", "step", "reason")},
    }
    return DecidedOne(document=told, paths={"queue": path}, said=tuple(_said(told)))


def _label(decision: str, *, despite_rights: bool) -> str:
    if decision not in {"keep", "drop"}:
        raise InputError(f"{decision} is no decision about a document. Write keep or drop.")
    if despite_rights and decision != "keep":
        raise InputError(
            "A document that is dropped needs no rights. Leave --despite-rights out, or write keep."
        )
    return DESPITE_RIGHTS if despite_rights else decision


def _record(folder: Path, document: str) -> Mapping[str, Any]:
    """What the ledger has of the document.

    Raises:
        InputError: there is none that fits, or there are several.
    """
    table = open_part_tables(folder, "documents")
    rows = rows_with(folder, table, document)
    if not rows:
        raise nothing_fits(folder, table, document)
    if len(rows) > 1:
        raise InputError(
            f"{document!r} names {len(rows):,} documents, and a decision is about one. Give its file:line, or more of "
            "its hash."
        )
    [record] = table.take(rows, columns=list(_COLUMNS)).to_pylist()
    return dict(record)


def _check_may(record: Mapping[str, Any], label: str) -> None:
    """Refuse to bring back what must not come back.

    Raises:
        InputError: it was removed on request, or a step on rights took it out and nothing is said of that.
    """
    if record["step"] == FORGOTTEN:
        raise InputError(
            f"{record['id']} was removed on request, and nothing is left of it to decide about. Leave it so."
        )
    if label == "keep" and record["step"] == Rights.name and record["decision"] != Decision.KEEP.label:
        raise InputError(
            f"{record['id']} was taken out by {record['step']} ({record['reason']}), and a good text is no more "
            "yours to use than a bad one. If you may use it, correct its source, or decide with --despite-rights."
        )


def _opened(path: Path, folder: Path, first: Placed) -> ReviewQueue:
    """The file of decisions, made with a first item if there is none.

    Raises:
        InputError: it is no such file, or of another version.
        WorkError: it cannot be written.
    """
    if not path.exists():
        with suppress(InputError):  # somebody else made it meanwhile
            ReviewQueue.create(
                path,
                question=QUESTIONS["documents"],
                placed=[first],
                pool=pool_of([], note="Documents that a steward chose."),
                settings=Settings(),
                about=made_from("documents", folder),
            )
    return ReviewQueue(path)


def _check_kind(queue: ReviewQueue) -> None:
    if queue.question.kind != "documents":
        raise InputError(
            f"{queue.path} holds answers about {queue.question.kind}, and no steward's decisions. Move it away, and "
            "decide again."
        )


def _said(told: Mapping[str, Any]) -> list[str]:
    now = told["now"]
    name, where = one_line(told["id"], 60), f"line {told['entry']:,} of {told['queue']}"
    fate = f"It is {FATES[now['decision']]} now" + (
        f", by {now['step']} ({now['reason']})" if now["step"] else ""
    )
    lines = [
        f"{name}: {told['label']}, says {told['reviewer']} ({where}). {fate}."
        if told["new"]
        else f"{name}: {told['label']}, said {told['reviewer']} already ({where}). Nothing was written."
    ]
    if told["taken_back"]:
        lines.append(f"Taken back: what was decided before (line {told['taken_back'][-1]:,}).")
    if now["step"] == MIX and told["label"] != "drop":
        lines.append(
            "The mix left it out for want of room, and may do so again: see the limits of the recipe."
        )
    return [*lines, f"Next: wellkeeper review apply {told['out']}"]
