"""`curate`: a recipe applied. Inputs to sidecars, steps and mix to decisions, decisions to a folder with its ledger."""

import hashlib
import json
import os
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from importlib.resources import files as package_files
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from wellkeeper import __version__
from wellkeeper.core.decision import Decision, Ruling
from wellkeeper.core.evidence import KINDS
from wellkeeper.core.origin import LABELS
from wellkeeper.engine.executor import Kind, default_workers
from wellkeeper.engine.progress import Listener, Progress, nobody
from wellkeeper.engine.readers.base import BLOCK_BYTES, ColumnMap, Quarantined
from wellkeeper.engine.sources import find_files
from wellkeeper.engine.store import sweep, write_atomic
from wellkeeper.errors import RecipeError, WorkError
from wellkeeper.filter.duplicates import DEFAULT_SIMILARITY, NEAR_DUPLICATES
from wellkeeper.ledger.card import ConstraintFigure, card
from wellkeeper.ledger.counts import Counts, counts_of, reconcile
from wellkeeper.ledger.croissant import croissant, write_croissant
from wellkeeper.ledger.folder import open_part_tables, write_part, write_quarantine
from wellkeeper.ledger.manifest import ManifestInput, file_digests, write_manifest
from wellkeeper.ledger.rows import (
    DOCUMENTS,
    EVIDENCE,
    ContentDigest,
    content_digest,
    depth_of,
    pre_ai_of,
    quarantine_of,
    table_of,
)
from wellkeeper.recipe.audit import Running, prepare_work, read_corpus
from wellkeeper.recipe.corpus import LoadedCorpus, facts_by_file, quarantine_table
from wellkeeper.recipe.decide import Decisions, apply_mix, apply_steps
from wellkeeper.recipe.describe import (
    describe_duplicates,
    describe_inputs,
    describe_origin,
    describe_rights,
    months_of,
)
from wellkeeper.recipe.findings import findings_of, verdict_of
from wellkeeper.recipe.inputs import columns_for, groups_of, with_distinct_names
from wellkeeper.recipe.model import Recipe
from wellkeeper.recipe.results import Curation
from wellkeeper.recipe.schema import load_recipe
from wellkeeper.recipe.steps import step_named
from wellkeeper.recipe.textpass import Group
from wellkeeper.recipe.writepass import write_documents

if TYPE_CHECKING:
    from wellkeeper.recipe.tails import WordSample

SCHEMA = "wellkeeper.curate/1"
LEDGER_ROWS = 1 << 18  # documents in one part of the ledger


def curate(
    recipe: str | Path | Recipe,
    *,
    overrides: Sequence[str] = (),
    name: str | None = None,
    out: str | Path | None = None,
    work: str | Path | None = None,
    seed: int | None = None,
    workers: int | None = None,
    executor: Kind = "threads",
    strict: bool = False,
    fresh: bool = False,
    dry_run: bool = False,
    keep_rejected: bool = True,
    block_bytes: int | None = None,
    listener: Listener = nobody,
) -> Curation:
    """Make a training set from a recipe; its inputs are never changed.

    Args:
        recipe: a YAML file, or a `Recipe`.
        name: what the set is called; None: as the recipe's file.
        overrides: `key=value` changes of a recipe file, as in `--set mix.human_floor=0.3`.
        out: output folder, new or of the same recipe; None: the recipe's `out`, else `NAME-curated` beside
            the current folder.
        work: folder for sidecars, `out`/.work by default.
        seed: wins over the recipe's.
        workers: how many blocks are worked on at once; None: as many as there are cores.
        executor: `threads` or `processes`.
        strict: stop at the first record that cannot be read.
        fresh: forget what an earlier run left in the work folder.
        dry_run: decide, and write nothing but sidecars.
        keep_rejected: write the dropped documents' texts to `rejected/`.
        block_bytes: bytes of text a worker takes at once.
        listener: is told of progress.

    Raises:
        RecipeError: the recipe says something that cannot be done.
        InputError: a source does not exist, holds nothing to read, or has no text column.
        WorkError: the output folder belongs to something else, or counts do not reconcile.
    """
    started = time.time()
    begun = time.perf_counter(), time.process_time()
    plan = recipe if isinstance(recipe, Recipe) else load_recipe(recipe, overrides)
    name = name or ("recipe" if isinstance(recipe, Recipe) else Path(recipe).stem)
    if plan.sign is not None:
        raise RecipeError(
            "sign: this version writes digests but no signatures yet. Remove sign from the recipe."
        )
    seed = plan.seed if seed is None else seed
    steps = [(step.name, step.options) for step in plan.steps]
    for step, options in steps:
        step_named(step).check(options)
    folder = Path(out or (plan.locate(plan.out) if plan.out else f"{name}-curated"))
    if dry_run and out is None and work is None:
        # nothing to go on from later, so nothing to leave behind
        with tempfile.TemporaryDirectory(prefix="wellkeeper-") as place:
            return curate(
                plan, name=name, out=place, seed=seed, workers=workers, executor=executor, strict=strict,
                dry_run=True, block_bytes=block_bytes, listener=listener,
            )  # fmt: skip
    claim(folder, plan)
    run = Running(
        work=prepare_work(folder, work, fresh=fresh),
        kind=executor,
        workers=workers,
        strict=strict,
        block_bytes=block_bytes or int(os.environ.get("WELLKEEPER_BLOCK_BYTES", BLOCK_BYTES)),
        listener=listener,
    )
    groups, said = groups_of_recipe(plan)
    statistics = any(step not in _LEAN for step, _ in steps)
    corpus = read_corpus(
        groups,
        run,
        similarity=_similarity(plan),
        seed=seed,
        statistics=statistics,
        words=not dry_run,
        extras=not dry_run,
    )
    listener(Progress(stage="deciding", done=0, total=0, unit="documents", documents=len(corpus)))
    decisions = apply_steps(corpus, steps)
    apply_mix(corpus, decisions, plan.mix)
    theirs = None if dry_run else _reference_words(plan, corpus, run, seed)
    document = curation_document(name, plan, corpus, decisions, theirs, seed=seed, tails=not dry_run)
    document["dry_run"] = dry_run
    paths = {}
    if not dry_run:
        paths = _write(folder, plan, corpus, decisions, document, said, run, keep_rejected=keep_rejected)
    document["paths"] = {name: str(path) for name, path in paths.items()}
    document["run"] = {
        "version": __version__,
        "seed": seed,
        "workers": workers or default_workers(),
        "started": datetime.fromtimestamp(started, UTC).isoformat(timespec="seconds"),
        "seconds": round(time.perf_counter() - begun[0], 2),
        "cpu_seconds": round(time.process_time() - begun[1], 2),
    }
    if not dry_run:
        _write_report(folder, document, corpus, decisions, said)
    return Curation(document=document, paths=paths)


def claim(folder: Path, recipe: Recipe) -> None:
    """Refuse to write over what another recipe, or somebody else, left in the folder.

    Raises:
        WorkError: the folder holds something that is not this recipe's.
    """
    manifest = folder / "manifest.json"
    if manifest.exists():
        try:
            theirs = json.loads(manifest.read_bytes()).get("recipe_digest")
        except ValueError:
            theirs = None
        if theirs != recipe.digest:
            raise WorkError(
                f"{folder} holds the output of another recipe, or of this one before it was changed. Choose another "
                "folder with --out, or remove that one."
            )
    elif folder.exists() and any(path.name not in _OURS for path in folder.iterdir()):
        raise WorkError(
            f"{folder} is not empty and was not made by wellkeeper. Choose a new folder with --out."
        )


_LEAN = frozenset({"exact-duplicates.v1", "near-duplicates.v1", "artefacts.v1", "origin.v1"})
"""Steps that need no quality and repetition figures; a recipe of these alone reads its texts faster."""

_OURS = frozenset(
    {
        ".work",
        "data",
        "ledger",
        "rejected",
        "README.md",
        "croissant.json",
        "manifest.json",
        "report.html",
        "report.json",
    }
)


def groups_of_recipe(recipe: Recipe) -> tuple[tuple[Group, ...], tuple[str, ...]]:
    """The recipe's sources as groups of files, and what to say aloud about guessed columns."""
    groups: list[Group] = []
    said: list[str] = []
    for source in recipe.sources:
        files = find_files([recipe.locate(path) for path in source.paths], group=source.name)
        if source.format is not None:
            files = tuple(replace(file, format=source.format) for file in files)
        columns, sentences = columns_for(files, source.columns())
        constant = source.constants()
        # What the recipe says of a whole source wins over a column that was merely guessed.
        kept_roles = {role: column for role, column in columns.named().items() if role not in constant}
        columns = ColumnMap(**kept_roles)
        groups.append(
            Group(
                name=source.name,
                files=files,
                columns=columns,
                licence=constant.get("licence"),
                origin=constant.get("origin"),
                generator=constant.get("generator"),
                date=constant.get("date"),
                date_basis=source.date_basis,
                reference=recipe.reference is not None and recipe.reference.source == source.name,
            )
        )
        said += [f"{source.name}: {sentence}" for sentence in sentences]
    return with_distinct_names(groups), tuple(said)


def recipe_json(recipe: Recipe) -> dict[str, Any]:
    """The recipe as people write it: a step is a mapping of its name to its options."""
    written = recipe.to_json()
    return {**written, "steps": [{step.name: dict(step.options)} for step in recipe.steps]}


def _similarity(recipe: Recipe) -> float:
    for step in recipe.steps:
        if step.name == NEAR_DUPLICATES.name:
            return float(NEAR_DUPLICATES.check(step.options)["similarity"])
    return DEFAULT_SIMILARITY


def curation_document(
    name: str,
    recipe: Recipe,
    corpus: LoadedCorpus,
    decisions: Decisions,
    theirs: "WordSample | None",
    *,
    seed: int,
    tails: bool,
) -> dict[str, Any]:
    """What the recipe did, in figures: schema `wellkeeper.curate/1`.

    Raises:
        WorkError: read records are not kept + dropped + for review + quarantined.
    """
    kept = decisions.kept
    counts = np.bincount(decisions.decision, minlength=len(Decision))
    quarantined = sum(int(block.facts["quarantined"]) for block in corpus.sidecars.blocks)
    origin = corpus.column("origin_resolved")
    sources, names = corpus.codes("source")
    document: dict[str, Any] = {
        "schema": SCHEMA,
        "version": __version__,
        "recipe": name,
        "recipe_digest": recipe.digest,
        "seed": seed,
        "read": len(corpus) + quarantined,
        "documents": len(corpus),
        "kept": int(counts[Decision.KEEP]),
        "dropped": int(counts[Decision.DROP]),
        "review": int(counts[Decision.REVIEW]),
        "quarantined": quarantined,
        "kept_words": int(corpus.column("words")[kept].sum()),
        "kept_bytes": int(corpus.column("bytes")[kept].sum()),
        "steps": [
            {
                "step": tally.step,
                "title": tally.step,
                "before": tally.before,
                "dropped": tally.dropped,
                "review": tally.review,
                "reasons": [{"reason": reason, "documents": n} for reason, n in tally.reasons],
            }
            for tally in decisions.tallies
        ],
        "mix": _mix(decisions),
        "origin": {
            when: {
                label: int(n)
                for label, n in zip(LABELS, np.bincount(chosen, minlength=len(LABELS)), strict=True)
            }
            for when, chosen in (("before", origin), ("after", origin[kept]))
        },
        "sources": [
            {
                "source": names[code],
                "before": int((sources == code).sum()),
                "after": int((sources[kept] == code).sum()),
            }
            for code in range(len(names))
        ],
        "months": months_of(corpus, kept),
        "tails": _tails(recipe, corpus, kept, theirs) if tails else None,
    }
    if document["read"] != sum(document[key] for key in ("kept", "dropped", "review", "quarantined")):
        raise WorkError(
            f"The counts do not reconcile: {document['read']:,} records read. Do not use this output: run again with "
            "--fresh, and report it if it happens again."
        )
    return document


def _mix(decisions: Decisions) -> dict[str, Any] | None:
    mix = decisions.mix
    if mix is None:
        return None
    tally = decisions.tallies[-1]
    return {
        "before": tally.before,
        "after": tally.before - tally.dropped,
        "constraints": [constraint.to_json() for constraint in mix.constraints],
        "facts": dict(mix.facts),
    }


def _reference_words(recipe: Recipe, corpus: LoadedCorpus, run: Running, seed: int) -> "WordSample | None":
    """Words of the recipe's reference: of one of its sources, or of a path beside them."""
    from wellkeeper.recipe.tails import word_sample

    if recipe.reference is None:
        return None
    if recipe.reference.path is not None:
        groups, _ = groups_of(
            [recipe.locate(recipe.reference.path)], {"text": None}, run.work, reference=True
        )
        return word_sample(read_corpus(groups, run, similarity=_similarity(recipe), seed=seed))
    sample = word_sample(corpus)
    return sample.restricted(corpus.column("reference").astype(np.bool_)[sample.documents])


def _tails(
    recipe: Recipe, corpus: LoadedCorpus, kept: NDArray[np.bool_], theirs: "WordSample | None"
) -> dict[str, Any] | None:
    """Tails of the input and of the kept set, against the recipe's reference where it has one.

    The reference's own documents are set aside: a set that holds them would keep their tail by copying.
    """
    from wellkeeper.recipe.tails import describe_tails, word_sample  # measures, which a dry run does not take

    sample = word_sample(corpus)
    if not len(sample.documents):
        return None
    if recipe.reference is not None and recipe.reference.source is not None:
        sample = sample.restricted(~corpus.column("reference").astype(np.bool_)[sample.documents])
    return {
        "before": describe_tails(sample, theirs),
        "after": describe_tails(_only(sample, kept), theirs),
    }


def _only(sample: "WordSample", kept: NDArray[np.bool_]) -> "WordSample":
    return sample.restricted(kept[sample.documents])


def _write(
    folder: Path,
    recipe: Recipe,
    corpus: LoadedCorpus,
    decisions: Decisions,
    document: Mapping[str, Any],
    said: Sequence[str],
    run: Running,
    *,
    keep_rejected: bool,
) -> dict[str, Path]:
    """All files of the output folder but the report; the manifest last, so that a folder with one is whole."""
    (folder / "manifest.json").unlink(missing_ok=True)
    sweep(folder)
    common: dict[str, Any] = {"kind": run.kind, "workers": run.workers, "listener": run.listener}
    tables = {
        "data": write_documents(corpus, decisions, decisions.kept, folder / "data", rejected=False, **common)
    }
    if keep_rejected:
        tables["rejected"] = write_documents(
            corpus, decisions, ~decisions.kept, folder / "rejected", rejected=True, **common
        )
    tables |= _write_ledger(folder, corpus, decisions)
    read = int(document["read"])
    ledger = open_part_tables(folder, "documents")
    counts = counts_of(ledger.to_batches(), read=read, quarantined=int(document["quarantined"]))
    reconcile(counts)
    _write_metadata(folder, recipe, counts, document)
    by_file = facts_by_file(corpus)
    write_manifest(
        folder,
        recipe=recipe_json(recipe),
        recipe_digest=recipe.digest,
        version=__version__,
        code_digest=code_digest(),
        seed=int(document["seed"]),
        inputs=[
            ManifestInput(
                name=file.name,
                url=file.url,
                size=file.size,
                fingerprint=file.fingerprint,
                documents=by_file[file.name]["documents"],
                quarantined=by_file[file.name]["quarantined"],
            )
            for _, file in corpus.files
        ],
        counts=counts,
        tables=tables,
        run={"workers": run.workers or default_workers(), "executor": run.kind, "columns": list(said)},
    )
    names = {
        "data": "data",
        "ledger": "ledger",
        "manifest": "manifest.json",
        "card": "README.md",
        "report": "report.html",
    }
    return {"folder": folder, **{name: folder / place for name, place in names.items()}}


def code_digest() -> str:
    """SHA-256 over the package's own source, so that a manifest says exactly which code ran."""
    root = Path(str(package_files("wellkeeper")))
    state = hashlib.sha256()
    for path in sorted(root.rglob("*.py")):
        state.update(path.relative_to(root).as_posix().encode() + b"\0" + path.read_bytes())
    return state.hexdigest()


def _write_ledger(folder: Path, corpus: LoadedCorpus, decisions: Decisions) -> dict[str, str]:
    """Documents, evidence and quarantine; returns their content digests."""
    documents, evidence = ContentDigest(), ContentDigest()
    documents.update(DOCUMENTS.empty_table())
    evidence.update(EVIDENCE.empty_table())
    for path in (*folder.glob("ledger/documents/*"), *folder.glob("ledger/evidence/*")):
        path.unlink()
    for number, (rows, table, spans) in enumerate(_ledger_parts(corpus, decisions)):
        write_part(folder, "documents", number, table)
        write_part(folder, "evidence", number, spans)
        documents.update(table)
        evidence.update(spans)
        del rows
    records = [Quarantined(**row) for row in quarantine_table(corpus).to_pylist()]
    write_quarantine(folder, records)
    return {
        "ledger/documents": documents.hexdigest(),
        "ledger/evidence": evidence.hexdigest(),
        "ledger/quarantine": content_digest([quarantine_of(records)]),
    }


def _ledger_parts(
    corpus: LoadedCorpus, decisions: Decisions
) -> Iterator[tuple[NDArray[np.int64], pa.Table, pa.Table]]:
    """Ledger rows and evidence of consecutive blocks, about `LEDGER_ROWS` documents at a time."""
    sources, source_names = corpus.codes("source")
    licences, licence_names = corpus.codes("licence")
    generators, generator_names = corpus.codes("generator")
    groups, files = corpus.group_of(), corpus.file_of()
    labels = {
        "group": list(dict.fromkeys(group.name for group, _ in corpus.files)),
        "source": source_names,
        "file": [file.name for _, file in corpus.files],
        "licence": licence_names,
        "generator": generator_names,
        "step": decisions.steps,
        "reason": decisions.reasons,
    }
    survivors = np.unique(decisions.survivor[decisions.survivor >= 0])
    survivor_ids = dict(zip(survivors.tolist(), corpus.strings("id", survivors.tolist()), strict=True))
    for low, high in _ledger_ranges(corpus):
        rows = np.arange(low, high)
        ids = corpus.strings("id", rows.tolist())
        captured = corpus.column("captured_at")[low:high]
        origin = corpus.column("origin_resolved")[low:high]
        kept = decisions.kept[low:high]
        columns = {
            "row": rows.astype(np.uint64),
            "id": ids,
            "content_hash": corpus.column("sha256")[low:high],
            "group": groups[low:high],
            "source": sources[low:high],
            "file": files[low:high],
            "line": corpus.column("line")[low:high],
            "offset": corpus.column("offset")[low:high],
            "captured_at": captured,
            "captured_basis": corpus.column("captured_basis")[low:high],
            "pre_ai": pre_ai_of(captured),
            "origin": origin,
            "origin_declared": corpus.column("origin")[low:high],
            "origin_log_odds": corpus.column("ai_log_odds")[low:high],
            "evidence_mask": corpus.column("evidence_mask")[low:high],
            "strength": corpus.column("strength")[low:high],
            "licence": licences[low:high],
            "generator": generators[low:high],
            "depth": depth_of(origin),
            "decision": decisions.decision[low:high],
            "step": decisions.step[low:high],
            "reason": decisions.reason[low:high],
            "score": decisions.score[low:high],
            "survivor": decisions.survivor[low:high],
            "survivor_id": [survivor_ids.get(s) for s in decisions.survivor[low:high].tolist()],
            "cluster": decisions.cluster[low:high],
            "weight": np.where(kept, np.float32(1), np.float32(np.nan)).astype(np.float32),
            "words": corpus.column("words")[low:high].astype(np.int32),
            "bytes": corpus.column("bytes")[low:high],
        }
        yield rows, table_of(columns, labels=labels), _evidence_rows(corpus, low, high, ids)


def _ledger_ranges(corpus: LoadedCorpus) -> Iterator[tuple[int, int]]:
    low = 0
    for block in corpus.sidecars.blocks:
        high = block.first + block.documents
        if high - low >= LEDGER_ROWS:
            yield low, high
            low = high
    if low < len(corpus) or not len(corpus):
        yield low, len(corpus)


def _evidence_rows(corpus: LoadedCorpus, low: int, high: int, ids: Sequence[str]) -> pa.Table:
    """Spans where evidence was seen in the text, and one row for each kind that holds for a document as a whole."""
    mask = corpus.column("evidence_mask")[low:high]
    rows: list[tuple[int, int, int, int, str | None]] = []
    seen = np.zeros(high - low, np.uint64)
    for block, table in corpus.sidecars.companions("spans"):
        if not low <= block.first < high:
            continue
        for span in table.to_pylist():
            at = block.first + span["document"] - low
            rows.append((at, span["bit"], span["start"], span["end"], span["matched"]))
            seen[at] |= np.uint64(1) << np.uint64(span["bit"])
    for kind in KINDS:
        bit = np.uint64(1) << np.uint64(kind.bit)
        whole = np.flatnonzero((mask & bit).astype(np.bool_) & ~(seen & bit).astype(np.bool_))
        rows += [(at, kind.bit, -1, -1, None) for at in whole.tolist()]
    rows.sort(key=lambda row: (row[0], row[2], row[1]))
    kinds = {kind.bit: kind for kind in KINDS}
    at = np.array([row[0] for row in rows], np.int64)
    return table_of(
        {
            "row": (at + low).astype(np.uint64),
            "id": [ids[k] for k in at.tolist()],
            "kind": [kinds[row[1]].name for row in rows],
            "strength": [kinds[row[1]].strength.label for row in rows],
            "weight": np.array([kinds[row[1]].weight for row in rows], np.float32),
            "start": np.array([row[2] for row in rows], np.int64),
            "end": np.array([row[3] for row in rows], np.int64),
            "matched": [row[4] for row in rows],
            "tool": [f"wellkeeper {__version__}"] * len(rows),
        },
        schema=EVIDENCE,
    )


def _write_metadata(folder: Path, recipe: Recipe, counts: Counts, document: Mapping[str, Any]) -> None:
    mix = document["mix"]
    figures = [
        ConstraintFigure(name=row["name"], asked=_figure(row, "limit"), reached=_figure(row, "after"))
        for row in (mix["constraints"] if mix else ())
    ]
    text = card(
        str(document["recipe"]),
        counts=counts,
        recipe=recipe_json(recipe),
        recipe_digest=recipe.digest,
        version=__version__,
        seed=int(document["seed"]),
        constraints=figures,
    )
    write_atomic(folder / "README.md", text.encode())
    parts = sorted((folder / "data").glob("part-*.parquet"))
    content = croissant(
        str(document["recipe"]),
        description="A training set that wellkeeper curated from "
        f"{', '.join(source.name for source in recipe.sources)}.",
        data=pq.read_schema(parts[0]),
        files={
            name: facts for name, facts in file_digests(folder).items() if not name.startswith("rejected/")
        },
        licences=[row.licence for row in counts.by_licence],
        sources=[source.name for source in recipe.sources],
        steps=[
            f"{row['step']} dropped {row['dropped']:,} of {row['before']:,} documents and held {row['review']:,} "
            "for review."
            for row in document["steps"]
        ],
        collection=f"{counts.read:,} records were read from {len(recipe.sources)} sources; {counts.quarantined:,} "
        "could not be read.",
        limitations=[
            "Origins are as declared by the sources or shown by evidence; where neither exists they are unknown."
        ],
        wellkeeper_version=__version__,
        published=datetime.now(UTC).date(),
    )
    write_croissant(folder, content)


def _figure(row: Mapping[str, Any], key: str) -> str:
    value = row[key]
    return f"{value:,.0f}" if row["name"] == "size" else f"{value:.1%}"


def _write_report(
    folder: Path, document: Mapping[str, Any], corpus: LoadedCorpus, decisions: Decisions, said: Sequence[str]
) -> None:
    """report.json holds the curation; the page shows it above an audit of what was read."""
    exact = decisions.rulings.get("exact-duplicates.v1", _nothing("exact-duplicates.v1", groups=0))
    near = decisions.rulings.get(
        "near-duplicates.v1",
        _nothing(
            "near-duplicates.v1",
            similarity=None,
            clusters=0,
            largest=0,
            candidates=0,
            comparisons=0,
            sizes=[],
        ),
    )
    audit: dict[str, Any] = {
        "schema": "wellkeeper.audit/1",
        "version": __version__,
        "inputs": describe_inputs(corpus, said),
        "origin": describe_origin(corpus),
        "duplicates": describe_duplicates(corpus, exact, near),
        "tails": document["tails"]["before"] if document["tails"] else None,
        "tails_note": "The corpus is too small for tail figures.",
        "quality": [],
        "quality_any": 0,
        "rights": describe_rights(corpus),
        "run": document["run"],
    }
    findings = findings_of(audit)
    audit |= {"findings": [finding.to_json() for finding in findings], "verdict": verdict_of(findings)}
    write_atomic(folder / "report.json", (json.dumps(document, ensure_ascii=False, indent=2) + "\n").encode())
    from wellkeeper.report import render_html

    page = render_html(audit, curation=document, title=str(document["recipe"]))
    write_atomic(folder / "report.html", page.encode())


def _nothing(step: str, **facts: Any) -> Ruling:
    empty = np.zeros(0, np.int64)
    return Ruling(
        step=step,
        documents=empty,
        decision=empty.astype(np.uint8),
        reason=empty.astype(np.int32),
        score=empty.astype(np.float32),
        survivor=empty,
        cluster=empty,
        reasons=(),
        facts=facts,
    )
