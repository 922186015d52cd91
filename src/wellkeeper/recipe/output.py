"""The output folder of a recipe: data, ledger, card, Croissant, manifest and report, in this order."""

import hashlib
import json
import re
import shutil
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import UTC, date, datetime
from functools import partial
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from wellkeeper import __version__
from wellkeeper.core.decision import Indices, Ruling
from wellkeeper.core.evidence import KINDS, REVIEWED, EvidenceKind
from wellkeeper.core.signals import NO_DATE
from wellkeeper.engine.executor import worker_count
from wellkeeper.engine.readers.base import Quarantined
from wellkeeper.engine.store import sha256_of_file, sweep, write_atomic
from wellkeeper.engine.version import code_digest
from wellkeeper.ledger.card import (
    QUALITY_BIAS,
    ConstraintFigure,
    MeasuredShare,
    card,
    quality_rules_used,
    synthetic_share,
)
from wellkeeper.ledger.counts import COUNTED, Counts, counts_of, reconcile
from wellkeeper.ledger.croissant import Collection, croissant, write_croissant
from wellkeeper.ledger.folder import (
    Kind,
    open_part_tables,
    remove_parts,
    sources_path,
    write_part,
    write_quarantine,
    write_sources,
)
from wellkeeper.ledger.leaves import LedgerIndex
from wellkeeper.ledger.manifest import (
    ManifestAnchors,
    ManifestEarlier,
    ManifestInput,
    ManifestReview,
    ManifestWatermarks,
    file_digests,
    read_manifest,
    sealed_facts,
    without_password,
    write_manifest,
)
from wellkeeper.ledger.openlineage import run_event, write_openlineage
from wellkeeper.ledger.review_log import log_name, remove_logs, table_name
from wellkeeper.ledger.rows import (
    EVIDENCE,
    SOURCES,
    ContentDigest,
    content_digest,
    pre_ai_of,
    quarantine_of,
    table_of,
)
from wellkeeper.ledger.seal import Seal, seal, unseal
from wellkeeper.ledger.signature import SigningKey
from wellkeeper.origin.anchors import AnchorPack
from wellkeeper.recipe.corpus import LoadedCorpus, facts_by_file, quarantine_table
from wellkeeper.recipe.decide import Cuts, Decisions
from wellkeeper.recipe.decontamination import overlap_table, overlaps_of
from wellkeeper.recipe.describe import (
    describe_duplicates,
    describe_inputs,
    describe_origin,
    describe_quality,
)
from wellkeeper.recipe.findings import findings_of, verdict_of
from wellkeeper.recipe.lineage import parent_table
from wellkeeper.recipe.marked import matched_by
from wellkeeper.recipe.model import Recipe, path_from
from wellkeeper.recipe.passages import span_rows
from wellkeeper.recipe.rights import describe_rights, has_signals, signal_table
from wellkeeper.recipe.running import Running
from wellkeeper.recipe.tails import TOO_SMALL
from wellkeeper.recipe.vetted import GATE, gate_json, told_in_card, vetting_document
from wellkeeper.recipe.writepass import write_documents
from wellkeeper.report.story import constraint_names

if TYPE_CHECKING:
    from wellkeeper.recipe.keyed import KeyedMarks

LEDGER_ROWS = 1 << 18  # documents in one part of the ledger


def write_output(
    folder: Path,
    recipe: Recipe,
    corpus: LoadedCorpus,
    decisions: Decisions,
    document: Mapping[str, Any],
    said: Sequence[str],
    run: Running,
    *,
    keep_rejected: bool,
    call: Mapping[str, Any] = MappingProxyType({}),
) -> dict[str, Path]:
    """All files of the output folder but the report and, last of all, the seal: a folder without one is not whole.

    `call` is how the set was asked for, with whole paths; the manifest has them relative to the folder.
    """
    unseal(folder)
    for name in ("manifest.json", "croissant.json", GATE):  # of an earlier run; the new ones list no old ones
        (folder / name).unlink(missing_ok=True)
    sweep(folder)
    for place in ("data", "rejected", "ledger"):
        sweep(folder / place, deep=True)
    common: dict[str, Any] = {
        "recipe_digest": recipe.digest,
        "kind": run.kind,
        "workers": run.workers,
        "listener": run.listener,
    }
    tables = {
        "data": write_documents(corpus, decisions, decisions.kept, folder / "data", rejected=False, **common)
    }
    if keep_rejected:
        tables["rejected"] = write_documents(
            corpus, decisions, ~decisions.kept, folder / "rejected", rejected=True, **common
        )
    else:
        shutil.rmtree(folder / "rejected", ignore_errors=True)  # of an earlier run that kept them
    tables |= _write_ledger(folder, corpus, decisions)
    read = int(document["read"])
    ledger = open_part_tables(folder, "documents")
    counts = counts_of(
        ledger.to_batches(columns=[*COUNTED]), read=read, quarantined=int(document["quarantined"])
    )
    reconcile(counts)
    known = _write_metadata(folder, recipe, counts, document)
    by_file = facts_by_file(corpus)
    earlier = document["against"]["sets"] if document["against"] else []
    manifest = write_manifest(
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
        anchors=None if corpus.anchors is None else _of_anchors(corpus.anchors),
        trust=None if corpus.trust is None else hashlib.sha256(corpus.trust.encode()).hexdigest(),
        watermarks=None if corpus.watermarks is None else _of_keys(corpus.watermarks),
        reviews=_of_reviews(folder, corpus),
        earlier=[
            ManifestEarlier(name=row["set"], digest=row["digest"], documents=row["documents"])
            for row in earlier
        ],
        known=known,
        run={
            "verb": "curate",
            "workers": worker_count(run.kind, run.workers),
            "executor": run.kind,
            "columns": list(said),
            **({"call": _relative_to(folder, call)} if call else {}),
            **({"against": {row["set"]: row["path"] for row in earlier}} if earlier else {}),
        },
    )
    schema = pq.read_schema(_first_part(folder))
    write_openlineage(folder, run_event(manifest, name=str(document["recipe"]), folder=folder, data=schema))
    names = {
        "data": "data",
        "ledger": "ledger",
        "manifest": "manifest.json",
        "card": "README.md",
        "report": "report.html",
    }
    return {"folder": folder, **{name: folder / place for name, place in names.items()}}


def seal_output(folder: Path, *, key: SigningKey | None, public_proofs: bool) -> Seal:
    """Seal a folder whose files are all there."""
    manifest = read_manifest(folder)
    known = {**manifest["files"], **manifest["run"]["files"]}
    return seal(folder, facts=sealed_facts(manifest), key=key, public_proofs=public_proofs, known=known)


def _of_anchors(pack: AnchorPack) -> ManifestAnchors:
    return ManifestAnchors(
        sha256=hashlib.sha256(pack.to_bytes()).hexdigest(),
        style_model=pack.style_model,
        human=sum(one.human.documents for one in pack.slices.values()),
        ai=sum(one.ai.documents for one in pack.slices.values() if one.ai is not None),
    )


def _of_reviews(folder: Path, corpus: LoadedCorpus) -> list[ManifestReview]:
    """The reviews whose answers were applied, by what their logs hold; the logs lie in the ledger already."""
    reviewed = corpus.reviewed
    if reviewed is None:
        return []
    return [
        ManifestReview(
            name=review.name,
            kind=review.verdicts.kind,
            file=log_name(number),
            sha256=sha256_of_file(folder / log_name(number)),
            entries=len(review.entries),
            head=review.head,
            applied=applied,
        )
        for number, (review, applied) in enumerate(zip(reviewed.reviews, reviewed.applied, strict=True), 1)
    ]


_PATHS = ("recipe", "against", "review", "work")


def _relative_to(folder: Path, call: Mapping[str, Any]) -> dict[str, Any]:
    """The call with its paths as they lead from the folder, so that both can be moved together."""
    moved = partial(path_from, folder.resolve())
    return {
        key: value
        if key not in _PATHS
        else moved(value)
        if isinstance(value, str)
        else [moved(path) for path in value]
        for key, value in call.items()
    }


def _of_keys(marks: "KeyedMarks") -> ManifestWatermarks:
    from wellkeeper.recipe.keyed import CONTROL, FALSE_DISCOVERIES  # what few recipes need

    return ManifestWatermarks(
        keys=tuple(
            {"id": id_, "scheme": scheme} for id_, scheme in zip(marks.ids, marks.schemes, strict=True)
        ),
        tokenizer=marks.fingerprint,
        false_discovery_rate=FALSE_DISCOVERIES,
        control=CONTROL,
    )


def recipe_json(recipe: Recipe) -> dict[str, Any]:
    """The recipe as people write it: a step is a mapping of its name to its options."""
    written = recipe.to_json()
    return {**written, "steps": [{step.name: dict(step.options)} for step in recipe.steps]}


def _write_ledger(folder: Path, corpus: LoadedCorpus, decisions: Decisions) -> dict[str, str]:
    """All tables of the ledger; returns their digests."""
    remove_parts(folder)
    index = LedgerIndex()
    side = _side_tables(corpus, decisions)
    digests: dict[Kind, ContentDigest] = {kind: ContentDigest() for kind in ("evidence", *side)}
    digests["evidence"].update(EVIDENCE.empty_table())
    for number, (low, high, table, evidence) in enumerate(_ledger_parts(corpus, decisions)):
        index.update(table)
        write_part(folder, "documents", number, table)
        parts: dict[Kind, pa.Table] = {"evidence": evidence}
        for kind, part in (parts | {kind: made(low, high) for kind, made in side.items()}).items():
            write_part(folder, kind, number, part)
            digests[kind].update(part)
    rows = index.write(folder)
    records = [Quarantined(**row) for row in quarantine_table(corpus).to_pylist()]
    write_quarantine(folder, records)
    sources = source_rows(corpus)
    write_sources(folder, sources)
    return {
        **_write_reviews(folder, corpus),
        "ledger/documents": rows,
        **{f"ledger/{kind}": digest.hexdigest() for kind, digest in digests.items()},
        "ledger/quarantine": content_digest([quarantine_of(records)]),
        "ledger/sources": content_digest([sources]),
    }


def _write_reviews(folder: Path, corpus: LoadedCorpus) -> dict[str, str]:
    """The logs of reviews; what a manifest has in place of their digests is the hash of the last line of each."""
    remove_logs(folder)
    if corpus.reviewed is None:
        return {}
    from wellkeeper.recipe.reviews import write_logs  # what few recipes need

    write_logs(folder, corpus.reviewed.reviews)
    return {table_name(number): review.head for number, review in enumerate(corpus.reviewed.reviews, 1)}


def _side_tables(corpus: LoadedCorpus, decisions: Decisions) -> dict[Kind, Callable[[int, int], pa.Table]]:
    """Kinds of parts that not every ledger has, and what makes the rows of documents [low, high)."""
    side: dict[Kind, Callable[[int, int], pa.Table]] = {}
    if decisions.spans:
        side["spans"] = partial(span_rows, corpus, decisions)
    if (overlaps := overlaps_of(decisions)) is not None:
        side["overlaps"] = partial(overlap_table, corpus, overlaps)
    if len(corpus.lineage.child):
        side["parents"] = partial(parent_table, corpus, corpus.lineage)
    if has_signals(corpus):
        side["signals"] = partial(signal_table, corpus)
    return side


def source_rows(corpus: LoadedCorpus) -> pa.Table:
    """The files that were read, as `ledger/sources.parquet` has them."""
    counts = facts_by_file(corpus)
    of_file = corpus.file_of()
    licences, names = corpus.codes("licence")
    captured = corpus.column("captured_at")
    rows = []
    for number, (group, file) in enumerate(corpus.files):
        first, last = np.searchsorted(of_file, [number, number + 1]).tolist()
        known = captured[first:last][captured[first:last] != NO_DATE]
        held = np.unique(licences[first:last])
        rows.append(
            {
                "name": file.name,
                "group": group.name,
                "url": without_password(file.url),
                "format": file.format,
                "size": file.size if file.size >= 0 else None,
                "fingerprint": file.fingerprint,
                "licence": names[held[0]] if len(held) == 1 and held[0] >= 0 else None,
                "first_captured": int(known.min()) if len(known) else None,
                "last_captured": int(known.max()) if len(known) else None,
                **counts[file.name],
            }
        )
    return pa.Table.from_pylist(rows, schema=SOURCES)


def _ledger_parts(
    corpus: LoadedCorpus, decisions: Decisions
) -> Iterator[tuple[int, int, pa.Table, pa.Table]]:
    """Rows of documents [low, high) and their evidence: blocks that follow each other, some `LEDGER_ROWS` documents."""
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
            "consent": corpus.column("consent")[low:high],
            "rights_signals": corpus.column("rights_signals")[low:high],
            "depth": corpus.column("depth")[low:high],
            "decision": decisions.decision[low:high],
            "step": decisions.step[low:high].astype(np.int32),
            "reason": decisions.reason[low:high].astype(np.int32),
            "score": decisions.score[low:high],
            "survivor": decisions.survivor[low:high].astype(np.int64),
            "survivor_id": [
                survivor_ids.get(s) or decisions.against.get(row, (None, None))[1]
                for row, s in enumerate(decisions.survivor[low:high].tolist(), low)
            ],
            "against": [decisions.against.get(row, (None, None))[0] for row in range(low, high)],
            "cluster": decisions.cluster[low:high].astype(np.int64),
            "weight": np.where(kept, decisions.weight[low:high], np.float32(np.nan)).astype(np.float32),
            "words": corpus.column("words")[low:high].astype(np.int32),
            "bytes": corpus.column("bytes")[low:high],
            **_cut_columns(decisions.cuts, low, high),
        }
        yield low, high, table_of(columns, labels=labels), _evidence_rows(corpus, low, high, ids)


def _cut_columns(cuts: Cuts, low: int, high: int) -> dict[str, NDArray[np.int64]]:
    columns = {name: np.full(high - low, -1, np.int64) for name in ("cut_words", "cut_bytes")}
    some = slice(*np.searchsorted(cuts.documents, (low, high)).tolist())
    columns["cut_words"][cuts.documents[some] - low] = cuts.words[some]
    columns["cut_bytes"][cuts.documents[some] - low] = cuts.bytes[some]
    return columns


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
    for block, table in corpus.sidecars.companions("spans", low, high):
        for span in table.to_pylist():
            at = block.first + span["document"] - low
            rows.append((at, span["bit"], span["start"], span["end"], span["matched"]))
            seen[at] |= np.uint64(1) << np.uint64(span["bit"])
    read = {
        block.first + mark["document"] - low: matched_by(mark["credential"], mark["signals"])
        for block, table in corpus.sidecars.companions("marks", low, high)
        for mark in table.to_pylist()
    }
    for kind in KINDS:
        bit = np.uint64(1) << np.uint64(kind.bit)
        whole = np.flatnonzero((mask & bit).astype(np.bool_) & ~(seen & bit).astype(np.bool_))
        rows += [(at, kind.bit, -1, -1, read.get(at, {}).get(kind.name)) for at in whole.tolist()]
    rows.sort(key=lambda row: (row[0], row[2], row[1]))
    kinds = {kind.bit: kind for kind in KINDS}
    named = [kinds[row[1]] for row in rows]
    at = np.array([row[0] for row in rows], np.int64)
    return table_of(
        {
            "row": (at + low).astype(np.uint64),
            "id": [ids[k] for k in at.tolist()],
            "kind": [kind.name for kind in named],
            "strength": [kind.strength.label for kind in named],
            "weight": _weights(corpus, at + low, named),
            "start": np.array([row[2] for row in rows], np.int64),
            "end": np.array([row[3] for row in rows], np.int64),
            "matched": [row[4] for row in rows],
            "tool": _tools(corpus, at + low, named),
        },
        schema=EVIDENCE,
    )


def _weights(corpus: LoadedCorpus, documents: Indices, kinds: Sequence[EvidenceKind]) -> NDArray[np.float32]:
    """log10 likelihood ratio of each piece of evidence: the kind's, and of style and watermarks the document's own."""
    weights = np.array([kind.weight for kind in kinds], np.float32)
    for name, values in (("style", corpus.style_log10()), ("watermark", corpus.watermark_log10())):
        if values is not None:
            own = np.array([kind.name == name for kind in kinds], np.bool_)
            weights[own] = values[documents[own]]
    return weights


def _tools(corpus: LoadedCorpus, documents: Indices, kinds: Sequence[EvidenceKind]) -> list[str]:
    """What saw each piece of evidence, with its version; of a watermark also the id of the key that found it.

    Of what people said, who they are and where it stands in the log.
    """
    tools = [f"wellkeeper {__version__}"] * len(kinds)
    if corpus.watermarks is not None:
        found_by = corpus.column("watermark_key")
        for at, kind in enumerate(kinds):
            if kind.name == "watermark":
                tools[at] += f", watermark key {corpus.watermarks.ids[found_by[documents[at]]]}"
    if corpus.reviewed is not None:
        for at, kind in enumerate(kinds):
            if kind.name in REVIEWED.values():
                tools[at] = corpus.reviewed.tools[int(documents[at])]
    return tools


def _cut(document: Mapping[str, Any]) -> tuple[int, int]:
    """Kept documents that lost passages, and words they lost."""
    cut = ((document.get("passages") or {}).get("actions") or {}).get("cut") or {}
    return int(cut.get("documents", 0)), int(cut.get("words", 0))


def _write_metadata(
    folder: Path, recipe: Recipe, counts: Counts, document: Mapping[str, Any]
) -> dict[str, dict[str, Any]]:
    """Card and Croissant; returns the digests of the files that were there, which nobody writes again."""
    mix = document["mix"]
    constraints = mix["constraints"] if mix else ()
    figures = [
        ConstraintFigure(name=name, asked=_figure(row, "limit"), reached=_figure(row, "after"))
        for row, name in zip(constraints, constraint_names(constraints), strict=True)
    ]
    measured, written = _measured(document), recipe_json(recipe)
    vetting = document.get("vetting")
    if vetting is not None:
        write_atomic(folder / GATE, gate_json(vetting))
    text = card(
        str(document["recipe"]),
        counts=counts,
        recipe=written,
        recipe_digest=recipe.digest,
        version=__version__,
        seed=int(document["seed"]),
        constraints=figures,
        cut=_cut(document),
        source_datasets=_hub_sources(recipe),
        description="" if vetting is None else told_in_card(vetting),
        measured=measured,
    )
    write_atomic(folder / "README.md", text.encode())
    files = file_digests(folder)
    content = croissant(
        str(document["recipe"]),
        description="A training set that wellkeeper curated from "
        f"{', '.join(source.name for source in recipe.sources)}.",
        data=pq.read_schema(_first_part(folder)),
        files={name: facts for name, facts in files.items() if not name.startswith("rejected/")},
        licences=[row.licence for row in counts.by_licence],
        steps=[
            f"{row['step']} dropped {row['dropped']:,} of {row['before']:,} documents and held {row['review']:,} "
            "for review."
            for row in document["steps"]
        ],
        collection=Collection(
            read=counts.read,
            quarantined=counts.quarantined,
            kept=counts.kept,
            sources=[source.name for source in recipe.sources],
            captured=_captured(folder),
        ),
        biases=[
            synthetic_share(counts),
            *(share.told() for share in measured),
            *([QUALITY_BIAS] if quality_rules_used(written) else []),
        ],
        limitations=[
            "Origins are as declared by the sources or shown by evidence; where neither exists they are unknown.",
            "A missing mark or label is no evidence of a human author.",
        ],
        wellkeeper_version=__version__,
        published=datetime.now(UTC).date(),
    )
    write_croissant(folder, content)
    return files


_HUB = re.compile(r"hf://datasets/([^/@]+/[^/@]+)")


def _hub_sources(recipe: Recipe) -> list[str]:
    """Data sets of the hub that the recipe reads, in its order."""
    found = (_HUB.match(path) for source in recipe.sources for path in source.paths)
    return list(dict.fromkeys(match[1] for match in found if match))


def _measured(document: Mapping[str, Any]) -> list[MeasuredShare]:
    """Shares that the recipe's anchors measured, before and after; none without anchors."""
    shares = document["origin"]["share"] or {}
    told = {"before": "the documents that were read", "after": "the kept documents"}
    return [
        MeasuredShare(
            of=of,
            estimate=share["total"]["estimate"],
            low=share["total"]["low"],
            high=share["total"]["high"],
            level=share["level"],
        )
        for when, of in told.items()
        if (share := shares.get(when)) and share["total"]
    ]


def _captured(folder: Path) -> tuple[date, date] | None:
    """First and last day on which documents were captured, as far as the files' documents say."""
    sources = pq.read_table(sources_path(folder), columns=["first_captured", "last_captured"])
    first, last = (column.drop_null().to_pylist() for column in sources.columns)
    return (min(first).date(), max(last).date()) if first and last else None


def _first_part(folder: Path) -> Path:
    """The first file of the data, which has the columns of all."""
    return min((folder / "data").glob("part-*.parquet"))


def _figure(row: Mapping[str, Any], key: str) -> str:
    value = row[key]
    return f"{value:,.0f}" if row["name"] == "size" else f"{value:.1%}"


def write_report(
    folder: Path,
    document: Mapping[str, Any],
    corpus: LoadedCorpus,
    decisions: Decisions,
    said: Sequence[str],
    *,
    statistics: bool,
) -> None:
    """report.json holds the curation, or the vetting; the page shows it, a curation above an audit of what was read."""
    if document.get("vetting") is not None:
        from wellkeeper.recipe.audit import write_reports
        from wellkeeper.report.vet import render_vetting  # what few runs need

        vetting = vetting_document(document)
        write_reports(folder, vetting, render_vetting(vetting))
        return
    exact = decisions.rulings.get("exact-duplicates.v1", Ruling.on_none("exact-duplicates.v1", {"groups": 0}))
    near = decisions.rulings.get(
        "near-duplicates.v1",
        Ruling.on_none(
            "near-duplicates.v1",
            {
                "similarity": None,
                "clusters": 0,
                "largest": 0,
                "candidates": 0,
                "comparisons": 0,
                "sizes": [],
            },
        ),
    )
    rules, failing = describe_quality(corpus) if statistics else ([], 0)
    audit: dict[str, Any] = {
        "schema": "wellkeeper.audit/1",
        "version": __version__,
        "inputs": describe_inputs(corpus, said),
        "origin": describe_origin(corpus, (document["origin"]["share"] or {}).get("before")),
        "duplicates": describe_duplicates(corpus, exact, near),
        "semantic": document["semantic"],
        "tails": document["tails"]["before"] if document["tails"] else None,
        "tails_note": None if document["tails"] else TOO_SMALL,
        "quality": rules,
        "quality_any": failing,
        "rights": describe_rights(corpus),
        "run": document["run"],
    }
    findings = findings_of(audit)
    audit |= {"findings": [finding.to_json() for finding in findings], "verdict": verdict_of(findings)}
    write_atomic(folder / "report.json", (json.dumps(document, ensure_ascii=False, indent=2) + "\n").encode())
    from wellkeeper.report import render_html

    places = {name: Path(path).name for name, path in document["paths"].items() if name != "folder"}
    page = render_html(audit, curation={**document, "paths": places}, title=str(document["recipe"]))
    write_atomic(folder / "report.html", page.encode())
