"""`review apply`: the set made again with what people said, and how it differs from what it was.

The recipe is run again from the sidecars that the last run left, so no text is read but those that are written. The set
as it was is remembered in the work folder first: the same command ends a run that was killed, and still tells what
changed. The new seal follows the old one in the folder's history.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from wellkeeper.engine.executor import Kind
from wellkeeper.engine.progress import Listener, nobody
from wellkeeper.engine.store import sha256_of_file, write_atomic
from wellkeeper.engine.version import code_digest
from wellkeeper.errors import InputError, RecipeError
from wellkeeper.ledger.folder import open_part_tables
from wellkeeper.ledger.manifest import ENVELOPE, MANIFEST, read_manifest
from wellkeeper.ledger.review_log import items_path
from wellkeeper.ledger.seal import history_of, read_seal
from wellkeeper.recipe.curate import curate, signing_key_of, with_arguments
from wellkeeper.recipe.earlier import SET
from wellkeeper.recipe.model import Recipe, path_from
from wellkeeper.recipe.results import Documented
from wellkeeper.recipe.review_changes import COLUMNS, Changes
from wellkeeper.recipe.review_overlay import CHANGED, GONE
from wellkeeper.recipe.reviewing import decided_path, queue_path
from wellkeeper.recipe.schema import load_recipe
from wellkeeper.recipe.vetted import GATE
from wellkeeper.report.review_apply import apply_lines

SCHEMA = "wellkeeper.review-apply/1"

_STATE, _BEFORE = "review-apply.json", "review-before.parquet"
"""In the work folder, from before anything is changed until all is done."""


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class ReviewsApplied(Documented):
    """What people said, done. `document` follows the schema `wellkeeper.review-apply/1`; `paths` has the files."""

    @property
    def said(self) -> tuple[str, ...]:
        """The same in lines, for a terminal."""
        return tuple(apply_lines(self.document))

    def __repr__(self) -> str:
        changed = self.document["changed"]
        told = ", ".join(f"{count:,} {what}" for what, count in changed.items() if count)
        return f"ReviewsApplied({told or 'nothing changed'})"


def apply_reviews(
    out: str | Path,
    *,
    queue: str | Path | None = None,
    recipe: str | Path | None = None,
    key: str | Path | None = None,
    dry_run: bool = False,
    workers: int | None = None,
    executor: Kind = "threads",
    listener: Listener = nobody,
) -> ReviewsApplied:
    """Do in a curated set what the readers of its queue decided; the same again changes nothing.

    Args:
        out: folder of the set.
        queue: the queue's file, or a log that was exported; None: the one beside the folder. What a steward decided
            of single documents is applied, too, if its file lies beside the folder.
        recipe: that the set was made by; None: where it lay then.
        key: who signs the new seal, as of `wellkeeper.recipe.curate.curate`.
        dry_run: tell what would change, and change nothing.
        workers: how many blocks are worked on at once; None: as many as there are cores.
        executor: `threads`, `processes` or `ray`.
        listener: is told of progress.

    Raises:
        InputError: this is no curated set, there is no queue, or it was tampered with.
        RecipeError: the recipe is not the one that the set was made by, or what people said cannot be reconciled with
            its mix or its guard.
        WorkError: the folder belongs to something else.
    """
    folder = Path(out)
    given = _queues_of(folder, queue)
    resumed = _resumed(folder)
    state = resumed or _begun(folder, recipe)
    made_by = Path(recipe) if recipe is not None else _recipe_of(folder, state)
    call = state["call"]
    plan = _checked(made_by, call, folder, state["recipe_digest"])
    if resumed is None and not dry_run:
        _remember(folder, state)
    earlier = _earlier_reviews(folder, call, plan, given, dry_run=dry_run)
    is_told_by_ledger = resumed is None and dry_run  # nothing was remembered
    watch = Changes(_ledger_of(folder) if is_told_by_ledger else pq.read_table(folder / ".work" / _BEFORE))
    result = curate(
        made_by,
        overrides=call.get("overrides", ()),
        against=_whole(folder, call.get("against", ())),
        guard=call.get("guard"),
        review=[*earlier, *given],
        key=key,
        public_proofs=state["public_proofs"],
        name=call.get("name") or made_by.stem,
        out=folder,
        work=next(iter(_whole(folder, [call["work"]])), None) if "work" in call else None,
        seed=state["seed"],
        workers=workers,
        executor=executor,
        dry_run=dry_run,
        keep_rejected=state["keep_rejected"],
        block_bytes=state["block_bytes"],
        listener=listener,
        decided=watch,
    )
    reviewed = result.document["reviewed"]
    warnings = _warnings(
        folder,
        state,
        given,
        is_signed=signing_key_of(plan, key) is not None,
        missed=any(row["reason"] in (CHANGED, GONE) for row in reviewed["not_applied"]),
    )
    document = {
        "schema": SCHEMA,
        "version": result.document["version"],
        "out": str(folder),
        "dry_run": dry_run,
        **{name: reviewed[name] for name in ("reviews", "documents", "already", "not_applied")},
        **watch.told(),
        "said": [*warnings, *(_to_keep(made_by, plan, given) if reviewed["documents"] else _to_answer(out))],
        "seal": None if dry_run else sha256_of_file(folder / ENVELOPE),
        "paths": {name: str(path) for name, path in result.paths.items()},
    }
    if not dry_run:
        for name in (_STATE, _BEFORE):
            (folder / ".work" / name).unlink(missing_ok=True)
    return ReviewsApplied(document=document, paths=result.paths)


# --- what the set was made by -----------------------------------------------------------------------------------------


def _queues_of(folder: Path, queue: str | Path | None) -> list[Path]:
    """The files whose answers are applied: what readers said, and what a steward decided."""
    if not folder.is_dir():
        raise InputError(f"{folder} is no folder. Give the folder of a curated set.")
    path = queue_path(folder) if queue is None else Path(queue)
    found = [one for one in dict.fromkeys((path, decided_path(folder))) if one.is_file()]
    if queue is not None and not path.is_file():
        raise InputError(
            f"{path} is not there. Give the queue's file, or a log that was exported, with --queue."
        )
    if not found:
        raise InputError(
            f"{folder} has no review queue: {path} is not there. Make one: wellkeeper review init {folder}"
        )
    return found


def _resumed(folder: Path) -> dict[str, Any] | None:
    """What a run that was killed before its seal remembered; None: there was none."""
    place = folder / ".work" / _STATE
    if not place.is_file() or not (folder / ".work" / _BEFORE).is_file() or (folder / ENVELOPE).is_file():
        return None  # it ended, or something else has since
    try:
        stored = json.loads(place.read_bytes())
    except ValueError:
        stored = None
    return stored if isinstance(stored, dict) and stored.get("schema") == SCHEMA else None


def _begun(folder: Path, recipe: str | Path | None) -> dict[str, Any]:
    """What must be known of a set to make it again, from the set itself.

    Raises:
        InputError: it is no finished curated set, or does not say what it was made by.
    """
    manifest = manifest_of_curated(folder)
    run = manifest["run"]
    seal = read_seal(folder)
    call = dict(run.get("call", {}))
    if recipe is None and "recipe" not in call:
        raise InputError(f"{folder} does not say which recipe it was made by. Give it with --recipe.")
    block = folder / ".work" / SET
    return {
        "schema": SCHEMA,
        "call": call,
        "recipe_digest": manifest["recipe_digest"],
        "code_digest": manifest["code_digest"],
        "seed": manifest["seed"],
        "public_proofs": (seal.tree or {}).get("leaf") == "row",
        "keep_rejected": (folder / "rejected").is_dir(),
        "signed_by": [one.keyid for one in seal.envelope.signatures],
        "block_bytes": json.loads(block.read_bytes())["block_bytes"] if block.is_file() else None,
    }


def manifest_of_curated(folder: Path) -> dict[str, Any]:
    """The manifest of a set that people's answers can change.

    Raises:
        InputError: it is no finished curated set.
    """
    if (folder / GATE).is_file():
        raise InputError(
            f"{folder} is a vetted set, whose gate judges all of it together. Export what people said and vet again: "
            f"wellkeeper review export {folder} --format labels; see `wellkeeper vet`."
        )
    manifest = read_manifest(folder)
    if manifest["run"]["verb"] != "curate":
        raise InputError(
            f"{folder} was made by `{manifest['run']['verb']}`, and people's answers change what `curate` made. Give "
            "its folder."
        )
    return manifest


def _recipe_of(folder: Path, state: Mapping[str, Any]) -> Path:
    path = Path(_whole(folder, [state["call"]["recipe"]])[0])
    if not path.is_file():
        raise InputError(
            f"{folder} was made by {path}, which is not there any more. Give the recipe with --recipe."
        )
    return path


def _checked(given: Path, call: Mapping[str, Any], folder: Path, digest: str) -> Recipe:
    """The recipe as it was run; another one would change more than people said.

    Raises:
        RecipeError: it is another one.
    """
    plan = load_recipe(given, call.get("overrides", ()))
    plan = with_arguments(plan, _whole(folder, call.get("against", ())), call.get("guard"), ())
    if plan.digest != digest:
        raise RecipeError(
            f"{given} is not the recipe that {folder} was made by, or was changed since. Give that one with --recipe, "
            f"or make the set anew by this one: wellkeeper curate {given} --out {folder} --fresh --review QUEUE"
        )
    return plan


def _whole(folder: Path, paths: Sequence[str]) -> list[str]:
    """Paths that lead from the folder, as they can be opened."""
    return [str((folder.resolve() / path).resolve()) for path in paths]


def _earlier_reviews(
    folder: Path, call: Mapping[str, Any], plan: Recipe, given: Sequence[Path], *, dry_run: bool
) -> list[str]:
    """Reviews that were applied before and are not in the recipe: without them their answers would be undone.

    One whose queue has gone is taken from the ledger, which has its log, under its name in the manifest.
    """
    wanted = {path.resolve() for path in given} | _named_in(plan)
    logs = _logs_by_name(folder)
    found: list[str] = []
    for path in map(Path, _whole(folder, call.get("review", ()))):
        if path not in wanted:
            log = logs[path.name].pop(0) if logs.get(path.name) else None
            aside = folder / ".work" / f"applied-{sha256(bytes(path)).hexdigest()[:8]}-{path.stem}.jsonl"
            if log is not None and not path.is_file() and not aside.is_file():
                aside = _set_aside(log, aside, dry_run=dry_run)
            found.append(str(path if path.is_file() or not aside.is_file() else aside.resolve()))
    return found


def _logs_by_name(folder: Path) -> dict[str, list[Path]]:
    """The logs in the ledger of a folder, by the name of the file that they were read from."""
    found: dict[str, list[Path]] = {}
    if (folder / MANIFEST).is_file():
        for row in read_manifest(folder).get("review", ()):
            found.setdefault(row["name"], []).append(folder / row["file"])
    return found


def _named_in(plan: Recipe) -> set[Path]:
    """The reviews that a recipe names."""
    return {Path(plan.locate(path)).resolve() for path in plan.review or ()}


def _set_aside(log: Path, copy: Path, *, dry_run: bool) -> Path:
    """A copy of a log where no run removes it; a dry run removes nothing."""
    if dry_run:
        return log
    for source, target in ((items_path(log), items_path(copy)), (log, copy)):
        write_atomic(target, source.read_bytes())
    return copy


# --- what changed -----------------------------------------------------------------------------------------------------


def _remember(folder: Path, state: Mapping[str, Any]) -> None:
    """Keep what the set was until all is done."""
    place = folder / ".work"
    place.mkdir(exist_ok=True)
    sink = pa.BufferOutputStream()
    pq.write_table(_ledger_of(folder), sink)
    write_atomic(place / _BEFORE, sink.getvalue())
    write_atomic(place / _STATE, json.dumps(state).encode())


def _ledger_of(folder: Path) -> pa.Table:
    return open_part_tables(folder, "documents").to_table(columns=[*COLUMNS])


# --- what to say besides ----------------------------------------------------------------------------------------------


def _warnings(
    folder: Path, state: Mapping[str, Any], given: Sequence[Path], *, is_signed: bool, missed: bool
) -> list[str]:
    """What is to be known of the new set; `missed`: some documents that were read are not there as they were."""
    said: list[str] = []
    if state["signed_by"] and not is_signed:
        said.append(
            f"The set was signed by {', '.join(state['signed_by'])}, and is not any more. Sign it: run this again with "
            "--key."
        )
    if state["code_digest"] != code_digest():
        said.append(
            "The set was made by another version of wellkeeper, so some of its other decisions may differ, too. They "
            "are listed as decided by nobody."
        )
    known = {sha256_of_file(path) for path in (folder / ENVELOPE, *history_of(folder)) if path.is_file()}
    if missed and not known.issuperset(map(_seal_asked_of, given)):
        said.append(
            "The set was made again since the queue was, or the queue is of another one: answers are applied to the "
            "documents whose text is still the same."
        )
    return said


def _seal_asked_of(review: Path) -> str:
    """SHA-256 of the seal of the result that a queue was made from; empty: it is not known."""
    if review.suffix == ".jsonl":
        return ""
    from wellkeeper.review.queue import ReviewQueue

    with ReviewQueue(review) as queue:
        return queue.about.get("seal", "")


def _to_keep(made_by: Path, plan: Recipe, given: Sequence[Path]) -> list[str]:
    """How later runs of the recipe keep what people said; nothing if the recipe names the reviews."""
    known = _named_in(plan)
    new = [path for path in given if path.resolve() not in known]
    if not new:
        return []
    listed = [*(plan.review or ()), *(path_from(plan.folder, path.resolve()) for path in new)]
    line = f"review: {listed[0]}" if len(listed) == 1 else f"review: [{', '.join(listed)}]"
    return [f"A later `wellkeeper curate {made_by.name}` would undo this. Add to the recipe: {line}"]


def _to_answer(out: str | Path) -> list[str]:
    return [
        f"No decision is settled yet, so nothing was decided. Answer first: wellkeeper review serve {out}"
    ]
