"""What a corpus of a thousand million documents takes, from what is measured on a corpus at hand.

    python benchmarks/cost_model.py CORPUS [--bytes 2500] [--join 1000000] [--markdown]

Measured on CORPUS, in one process with one worker, in CPU-seconds (user + system): the text pass as near-duplicates
need it and as an audit does, the comparison of candidates, and the writing of the set; and the bytes of the
sidecars, by kind. The join of the bands is measured on its own, on as many made-up documents as `--join` says, of
which some share keys in each band: a small corpus would show what starting takes.

The second table is an EXTRAPOLATION to documents of `--bytes` bytes, by proportion: the text pass, the comparison
and the writing go with the bytes, the join and the sidecars with the documents. Nothing of that size was run. The
share of duplicates is that of CORPUS.
"""

import argparse
import json
import shutil
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass, fields
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from measuring import machine

from wellkeeper.core.signals import band_name
from wellkeeper.engine.readers.base import BLOCK_BYTES
from wellkeeper.engine.sidecar import write_block
from wellkeeper.filter.duplicates import NEAR_DUPLICATES, banding_for, near_candidates
from wellkeeper.recipe.corpus import LoadedCorpus
from wellkeeper.recipe.curate import curate
from wellkeeper.recipe.decide import undecided
from wellkeeper.recipe.inputs import groups_of
from wellkeeper.recipe.running import Running, read_corpus

SIMILARITY = 0.8
SIZES = (10**9, 10**10)
COLUMNS = {
    "text": None,
    "id": None,
    "source": None,
    "date": None,
    "licence": None,
    "origin": None,
    "generator": None,
}
JOIN_FILES = 8
EDGE_BYTES = 16
"""A linked document in the forest: itself and its root, 8 bytes each."""
RECIPE = "wellkeeper: 1\nsources: {{corpus: {{path: {path}, text: {text}}}}}\nsteps: [artefacts.v1: {{}}]\n"


@dataclass(frozen=True, slots=True, kw_only=True)
class Measured:
    """CPU-seconds and bytes of one corpus."""

    documents: int
    text_bytes: int
    linked: int  # documents that share a band with another
    lean_cpu_s: float  # text pass, as near-duplicates need it
    full_cpu_s: float  # text pass with quality and repetition figures and word hashes, as an audit needs it
    compare_cpu_s: float  # candidates read again and compared
    write_cpu_s: float  # everything after the decisions: documents, ledger, report
    join_rows: int  # keys that were joined
    join_cpu_s: float
    decision_bytes: int  # of the arrays that say what happens to each document
    sidecar_bytes: dict[str, int]  # of the audit's sidecars, by kind


def loaded(corpus: str, work: Path, *, full: bool) -> LoadedCorpus:
    groups, _ = groups_of([corpus], COLUMNS, work)
    run = Running(work=work, workers=1)
    return read_corpus(groups, run, similarity=SIMILARITY, seed=0, statistics=full, words=full)


def measure(corpus: str, join_documents: int, folder: Path) -> Measured:
    loaded(corpus, folder / "warm", full=True)  # compiled loops and the page cache
    begun = time.process_time()
    lean = loaded(corpus, folder / "lean", full=False)
    read = time.process_time()
    full = loaded(corpus, folder / "full", full=True)
    audited = time.process_time()
    everything = np.ones(len(lean), np.bool_)
    linked, _ = near_candidates(lean, everything, banding_for(SIMILARITY))
    joined = time.process_time()
    NEAR_DUPLICATES.rule(lean, everything, NEAR_DUPLICATES.check({"similarity": SIMILARITY}))
    ruled = time.process_time()
    join_rows, join_cpu_s = joining(join_documents, folder / "join")
    return Measured(
        documents=len(lean),
        text_bytes=int(lean.column("bytes").sum()),
        linked=len(linked),
        lean_cpu_s=read - begun,
        full_cpu_s=audited - read,
        compare_cpu_s=max(0.0, (ruled - joined) - (joined - audited)),
        write_cpu_s=writing(corpus, lean.files[0][0].columns.text, folder / "set"),
        join_rows=join_rows,
        join_cpu_s=join_cpu_s,
        decision_bytes=decision_bytes(len(lean)),
        sidecar_bytes=sidecar_bytes(full),
    )


def writing(corpus: str, text: str, folder: Path) -> float:
    """CPU-seconds of `curate` from the moment it decides, with a recipe that decides little and keeps nearly all."""
    folder.mkdir()
    recipe = folder / "recipe.yaml"
    recipe.write_text(RECIPE.format(path=json.dumps(str(Path(corpus).resolve())), text=json.dumps(text)))
    at: dict[str, float] = {}
    curate(
        recipe,
        out=folder / "out",
        workers=1,
        listener=lambda event: at.setdefault(event.stage, time.process_time()) and None,
    )
    return time.process_time() - at["deciding"]


def joining(documents: int, folder: Path) -> tuple[int, float]:
    """Keys and CPU-seconds of the join of all bands of some made-up documents, sidecars' reading included."""
    rng = np.random.default_rng(0)
    bands = banding_for(SIMILARITY).bands
    folder.mkdir()
    for number in range(JOIN_FILES):
        rows = documents // JOIN_FILES
        keys = {
            band_name(band): rng.integers(0, 10 * documents, rows).astype(np.uint64)
            * np.uint64(0x9E3779B97F4A7C15)
            for band in range(bands)
        }
        table = pa.table({"shingles": np.full(rows, 300, np.int64), **keys})
        write_block(folder, number, table, {"quarantined": 0}, {})
    corpus = LoadedCorpus((), [folder], scratch=folder.parent)
    begun = time.process_time()
    near_candidates(corpus, np.ones(len(corpus), np.bool_), banding_for(SIMILARITY))
    return len(corpus) * bands, time.process_time() - begun


def decision_bytes(documents: int) -> int:
    """Bytes of the arrays that the driver holds from the first step to the last."""
    decisions = undecided(documents)
    arrays = [getattr(decisions, field.name) for field in fields(decisions)]
    return sum(array.nbytes for array in arrays if isinstance(array, np.ndarray))


def sidecar_bytes(corpus: LoadedCorpus) -> dict[str, int]:
    """Bytes on disk: band keys, other numbers, strings, the files' own frames, and each kind of companion."""
    sizes = {"band keys": 0, "other numbers": 0, "ids, excerpts and other strings": 0, "file frames": 0}
    for block in corpus.sidecars.blocks:
        metadata = pq.read_metadata(block.path)
        inside = 0
        for group in range(metadata.num_row_groups):
            for number in range(metadata.num_columns):
                column = metadata.row_group(group).column(number)
                name = column.path_in_schema
                kind = (
                    "band keys"
                    if name.startswith("band_")
                    else "ids, excerpts and other strings"
                    if column.physical_type == "BYTE_ARRAY"
                    else "other numbers"
                )
                sizes[kind] += column.total_compressed_size
                inside += column.total_compressed_size
        sizes["file frames"] += block.path.stat().st_size - inside
        for companion in block.path.parent.glob(f"{block.path.stem}.*.parquet"):
            kind = f"companion: {companion.name.split('.')[1]}"
            sizes[kind] = sizes.get(kind, 0) + companion.stat().st_size
    return sizes


SAMPLED = "companion: words"
"""Word hashes of a sample, which has the same size for a corpus of any size: not extrapolated."""


def measured_rows(found: Measured) -> list[tuple[str, str]]:
    megabytes = found.text_bytes / 1e6
    rows = [
        ("documents", f"{found.documents:,}"),
        ("text", f"{megabytes:,.1f} MB, {found.text_bytes / found.documents:,.0f} bytes a document"),
        ("documents that share a band with another", f"{found.linked / found.documents:.1%}"),
        ("text pass for near-duplicates", f"{megabytes / found.lean_cpu_s:,.0f} MB per CPU-second"),
        ("text pass for an audit", f"{megabytes / found.full_cpu_s:,.0f} MB per CPU-second"),
        ("join of the bands", f"{found.join_rows / found.join_cpu_s / 1e6:,.1f} million keys per CPU-second"),
        (
            "candidates read again and compared",
            f"{megabytes / max(found.compare_cpu_s, 1e-9):,.0f} MB of corpus per CPU-second",
        ),
        ("set, ledger and report written", f"{megabytes / found.write_cpu_s:,.0f} MB per CPU-second"),
    ]
    rows += [
        (f"sidecars: {kind}", f"{size / found.documents:,.1f} bytes a document")
        for kind, size in found.sidecar_bytes.items()
    ]
    return rows


def extrapolated_rows(found: Measured, document_bytes: int) -> list[tuple[str, ...]]:
    """By proportion; hours are of one core."""
    a_byte = {
        "text pass for near-duplicates": found.lean_cpu_s,
        "text pass for an audit": found.full_cpu_s,
        "candidates read again and compared": found.compare_cpu_s,
        "set, ledger and report written": found.write_cpu_s,
    }
    a_key = found.join_cpu_s / found.join_rows
    bands = banding_for(SIMILARITY).bands
    numbers = sum(size for kind, size in found.sidecar_bytes.items() if kind != SAMPLED) / found.documents
    rows: list[tuple[str, ...]] = [
        ("text", *(f"{n * document_bytes / 1e12:,.1f} TB" for n in SIZES)),
        (
            f"blocks of {BLOCK_BYTES >> 20} MiB, a sidecar each",
            *(f"{n * document_bytes / BLOCK_BYTES:,.0f}" for n in SIZES),
        ),
        ("sidecars", *(f"{n * numbers / 1e12:,.2f} TB" for n in SIZES)),
    ]
    rows += [
        (name, *(f"{n * document_bytes * seconds / found.text_bytes / 3600:,.0f} core-hours" for n in SIZES))
        for name, seconds in a_byte.items()
    ]
    rows += [
        ("join of the bands", *(f"{n * bands * a_key / 3600:,.1f} core-hours" for n in SIZES)),
        (
            "driver's memory: forest of linked documents",
            *(f"{n * found.linked / found.documents * EDGE_BYTES / 1e9:,.0f} GB" for n in SIZES),
        ),
        (
            "driver's memory: decisions",
            *(f"{n * found.decision_bytes / found.documents / 1e9:,.0f} GB" for n in SIZES),
        ),
    ]
    return rows


def printed(head: Sequence[str], rows: Sequence[Sequence[str]], *, markdown: bool) -> None:
    if markdown:
        for row in (head, ["---", *["--:"] * (len(head) - 1)], *rows):
            print("| " + " | ".join(row) + " |")
        return
    widths = [max(len(row[k]) for row in (head, *rows)) for k in range(len(head))]
    for row in (head, *rows):
        print("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip())


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("corpus")
    parser.add_argument("--bytes", type=int, default=2500, help="Bytes of a document of the large corpus.")
    parser.add_argument(
        "--join", type=int, default=1_000_000, help="Made-up documents whose bands are joined."
    )
    parser.add_argument("--markdown", action="store_true", help="Print tables for a page.")
    arguments = parser.parse_args()
    folder = Path(tempfile.mkdtemp())
    try:
        found = measure(arguments.corpus, arguments.join, folder)
    finally:
        shutil.rmtree(folder)
    print(json.dumps({"corpus": Path(arguments.corpus).name, "machine": machine()}))
    print("\nMeasured, one core\n")
    printed(("what", "figure"), measured_rows(found), markdown=arguments.markdown)
    print(f"\nEXTRAPOLATED by proportion, {arguments.bytes:,} bytes a document; not run\n")
    head = ("what", *(f"{size:.0e} documents".replace("e+", "e") for size in SIZES))
    printed(head, extrapolated_rows(found, arguments.bytes), markdown=arguments.markdown)


if __name__ == "__main__":
    main()
