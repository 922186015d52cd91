"""What the ledger costs, and how long a question to it takes.

    python benchmarks/ledger.py [--rows 1000000] [--questions 20] [--keep FOLDER]

Rows are drawn as a web crawl would have them: 20,000 documents a file, ids `file:line`, sizes log-normal with a mean of
3.3 kB, days of capture over ten years, a third dropped, a tenth duplicates that name their survivor, evidence for half
of them. Each stage is timed on all rows, in CPU time of this process; making the rows is not part of it.

The yardstick is bare Parquet: text of the example corpus, cut to documents of 3.3 kB on average, written with zstd and
read back, once for each part of the ledger and between its stages, so that both are timed under the same load; the
median counts.

Questions are whole processes, `wellkeeper why` and `wellkeeper verify --id`, wall time, about documents drawn at
random; the data that they compare texts with are in files of 20,000 documents, as `curate` cuts them.
"""

import argparse
import json
import random
import statistics
import subprocess
import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import Callable, Iterator
from hashlib import sha256
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from make_corpus import EXAMPLES, texts_of
from measuring import load, machine

from wellkeeper.cli.support import keep_memory
from wellkeeper.core.evidence import BY_NAME
from wellkeeper.ledger import tree
from wellkeeper.ledger.digest import ContentDigest
from wellkeeper.ledger.folder import TILES, write_part, write_quarantine
from wellkeeper.ledger.leaves import PACKED_ROWS, LedgerIndex, TileHasher
from wellkeeper.ledger.lookup import LookupWriter
from wellkeeper.ledger.packing import RowPacker
from wellkeeper.ledger.rows import EVIDENCE, table_of
from wellkeeper.ledger.seal import seal

PART_ROWS = 1 << 17
FILE_ROWS = 20_000
TEXT_BYTES = 3_300
KINDS = ("declared-human", "declared-ai", "captured-before-2022-11-30")
LABELS = {
    "group": ["web"],
    "source": [f"site-{number}.example" for number in range(50)],
    "licence": ["CC-BY-4.0", "CC-BY-SA-4.0"],
    "generator": ["smollm2-135m-instruct"],
    "step": ["quality.v1", "near-duplicates.v1", "mix"],
    "reason": ["gopher-short", "gopher-symbols", "near-duplicate", "c4-brackets", "cap-source"],
}


def text_of(row: int) -> str:
    return f"the text of row {row}"


def id_of(row: int) -> str:
    return f"crawl-{row // FILE_ROWS:05d}.jsonl.gz:{row % FILE_ROWS + 1}"


def documents(first: int, last: int) -> pa.Table:
    """Rows [first, last) of the ledger."""
    rng, size = np.random.default_rng(first), last - first
    rows = np.arange(first, last)
    bytes_ = np.maximum(60, rng.lognormal(7.7, 0.9, size)).astype(np.int64)
    dropped = rng.random(size) < 1 / 3
    duplicate = dropped & (rng.random(size) < 0.3)
    survivor = np.where(duplicate, rows - rng.integers(1, 200_000, size), -1)
    human = rng.random(size) < 0.25
    captured = 1_420_070_400 + rng.integers(0, 3650, size) * 86_400
    whole = {
        "row": rows.astype(np.uint64),
        "id": [id_of(row) for row in rows.tolist()],
        "content_hash": np.frombuffer(
            b"".join(sha256(text_of(row).encode()).digest() for row in rows.tolist()), "V32"
        ),
        "group": np.zeros(size, np.int32),
        "source": (rows % 50).astype(np.int32),
        "file": (rows // FILE_ROWS - first // FILE_ROWS).astype(np.int32),
        "line": rows % FILE_ROWS + 1,
        "offset": np.cumsum(bytes_ + 150),
        "captured_at": captured,
        "captured_basis": np.full(size, 4, np.uint8),
        "pre_ai": np.where(captured < 1_546_300_800, 1, np.where(captured < 1_669_766_400, 2, 3)).astype(
            np.uint8
        ),
        "origin": human.astype(np.uint8),
        "origin_declared": human.astype(np.uint8),
        "origin_log_odds": np.where(human, -5.5, rng.choice([-3.0, 0.0, 0.4], size)).astype(np.float32),
        "evidence_mask": np.where(human, 5, rng.choice([0, 4], size)).astype(np.uint64),
        "strength": np.where(human, 4, 1).astype(np.uint8),
        "licence": rng.choice([-1, 0, 1], size).astype(np.int32),
        "generator": np.full(size, -1, np.int32),
        "depth": np.where(human, 0, 255).astype(np.uint8),
        "decision": dropped.astype(np.uint8),
        "step": np.where(duplicate, 1, np.where(dropped, 0, -1)).astype(np.int32),
        "reason": np.where(duplicate, 2, np.where(dropped, rng.integers(0, 2, size), -1)).astype(np.int32),
        "score": np.where(dropped, rng.random(size), np.nan).astype(np.float32),
        "survivor": survivor,
        "survivor_id": [id_of(row) if row >= 0 else None for row in survivor.tolist()],
        "cluster": survivor,
        "weight": np.where(dropped, np.nan, 1).astype(np.float32),
        "words": (bytes_ // 6).astype(np.int32),
        "bytes": bytes_,
    }
    files = [
        f"crawl-{number:05d}.jsonl.gz" for number in range(first // FILE_ROWS, (last - 1) // FILE_ROWS + 1)
    ]
    return table_of(whole, labels=LABELS | {"file": files})


def evidence(table: pa.Table) -> pa.Table:
    """A piece of evidence for half of the documents."""
    rows = table.column("row").to_numpy()[::2]
    kinds = [BY_NAME[KINDS[row % 3]] for row in rows.tolist()]
    return table_of(
        {
            "row": rows,
            "id": [id_of(row) for row in rows.tolist()],
            "kind": [kind.name for kind in kinds],
            "strength": [kind.strength.label for kind in kinds],
            "weight": np.array([kind.weight for kind in kinds], np.float32),
            "tool": ["wellkeeper"] * len(rows),
        },
        schema=EVIDENCE,
    )


def texts() -> pa.Table:
    """Documents of `TEXT_BYTES` on average, of the example corpus."""
    whole, rng, at, cut = "\n".join(texts_of(EXAMPLES)), np.random.default_rng(0), 0, []
    while at < len(whole):
        size = int(max(60, rng.lognormal(7.7, 0.9)))
        cut.append(whole[at : at + size])
        at += size
    return pa.table({"id": [id_of(number) for number in range(len(cut))], "text": cut})


class Stages:
    """CPU seconds by stage."""

    def __init__(self) -> None:
        self.seconds: dict[str, float] = defaultdict(float)

    def time(self, name: str, run: Callable[..., Any], *arguments: Any) -> None:
        begun = time.process_time()
        run(*arguments)
        self.seconds[name] += time.process_time() - begun


def bare(table: pa.Table, path: Path) -> float:
    """CPU seconds a document of writing and reading text."""
    begun = time.process_time()
    pq.write_table(table, path, compression="zstd", row_group_size=1 << 14)
    pq.read_table(path, use_threads=False)
    return (time.process_time() - begun) / table.num_rows


def packed(table: pa.Table) -> None:
    for batch in table.to_batches():
        packer = RowPacker(batch)
        for first in range(0, batch.num_rows, PACKED_ROWS):
            packer.rows(first, min(first + PACKED_ROWS, batch.num_rows))


def part_ranges(rows: int) -> Iterator[tuple[int, int, int]]:
    for number, first in enumerate(range(0, rows, PART_ROWS)):
        yield number, first, min(rows, first + PART_ROWS)


def made(folder: Path, rows: int, stages: Stages) -> list[float]:
    """Write the ledger; returns CPU seconds a document of the yardstick, once a part."""
    yardstick, text, index, digest = [], texts(), LedgerIndex(), ContentDigest()
    hasher, lookup = TileHasher(), LookupWriter()
    place = folder / "bare.parquet"
    bare(text, place)
    for number, first, last in part_ranges(rows):
        table = documents(first, last)
        pieces = evidence(table)
        stages.time("Parquet, documents", write_part, folder, "documents", number, table)
        stages.time("Parquet, evidence", write_part, folder, "evidence", number, pieces)
        yardstick.append(bare(text, place))
        stages.time("(pack alone)", packed, table)
        stages.time("pack and hash tiles", hasher.update, table)
        stages.time("filters", lookup.update, table)
        stages.time("digest of evidence", digest.update, pieces)
        index.update(table)
    place.unlink()
    index.write(folder)
    stages.time("tree", tree.root, (folder / TILES).read_bytes())
    return yardstick


def write_data(folder: Path, rows: int) -> None:
    """The kept documents, a short text each."""
    (folder / "data").mkdir()
    held: list[int] = []
    number = 0
    for path in sorted((folder / "ledger" / "documents").iterdir()):
        table = pq.read_table(path, columns=["row", "decision"])
        kept = np.asarray(table.column("decision").cast(pa.string())) == "keep"
        held += table.column("row").to_numpy()[kept].tolist()
        while len(held) >= FILE_ROWS or (held and table.column("row")[-1].as_py() == rows - 1):
            some, held = held[:FILE_ROWS], held[FILE_ROWS:]
            columns = {"id": [id_of(row) for row in some], "text": [text_of(row) for row in some]}
            pq.write_table(pa.table(columns), folder / "data" / f"part-{number:05d}.parquet")
            number += 1


def asked(folder: Path, rows: int, questions: int) -> dict[str, list[float]]:
    """Wall seconds of each question, by its kind."""
    draw = random.Random(0)
    seconds: dict[str, list[float]] = defaultdict(list)
    for _ in range(questions):
        row = draw.randrange(rows)
        by_hash = sha256(text_of(row).encode()).hexdigest()[:16]
        for name, command in (
            ("why ID", ["why", str(folder), id_of(row)]),
            ("why HASH", ["why", str(folder), by_hash]),
            ("verify --id", ["verify", str(folder), "--id", id_of(row)]),
        ):
            begun = time.perf_counter()
            done = subprocess.run(
                [sys.executable, "-m", "wellkeeper", *command, "--json"], check=False, capture_output=True
            )
            seconds[name].append(time.perf_counter() - begun)
            assert done.returncode == 0, done.stderr.decode() + done.stdout.decode()
            told = json.loads(done.stdout)
            assert (told.get("documents") or told.get("records"))[0]["row"] == row
    return seconds


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--questions", type=int, default=20)
    parser.add_argument("--keep", type=Path, default=None, help="folder to write to, and to leave there")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as place:
        folder = options.keep or Path(place)
        keep_memory()  # as `wellkeeper curate` does
        print(f"{machine()}, load {load()}")
        stages = Stages()
        yardstick = made(folder, options.rows, stages)
        _print_costs(stages, yardstick, folder, options.rows)
        if options.questions:
            write_data(folder, options.rows)
            write_quarantine(folder, [])
            tables = {"ledger/documents": "", "ledger/evidence": "", "data": ""}
            seal(folder, facts={"verb": "benchmark", "version": "0", "tables": tables})
            for name, seconds in asked(folder, options.rows, options.questions).items():
                print(f"{name:<24} median {statistics.median(seconds):.2f} s, worst {max(seconds):.2f} s")


def _print_costs(stages: Stages, yardstick: list[float], folder: Path, rows: int) -> None:
    text = statistics.median(yardstick) * 1e6
    print(f"{'stage':<24}{'us a row':>10}{'of bare text':>14}")
    for name, seconds in stages.seconds.items():
        print(f"{name:<24}{seconds / rows * 1e6:>10.3f}{seconds / rows * 1e6 / text:>14.1%}")
    total = sum(seconds for name, seconds in stages.seconds.items() if not name.startswith("("))
    print(f"{'total':<24}{total / rows * 1e6:>10.3f}{total / rows * 1e6 / text:>14.1%}")
    low, high = min(yardstick) * 1e6, max(yardstick) * 1e6
    print(f"{'bare text':<24}{text:>10.1f}   ({low:.1f} to {high:.1f}), {len(yardstick)} times")
    for name in ("documents", "evidence", ""):
        size = sum(path.stat().st_size for path in (folder / "ledger" / name).rglob("*") if path.is_file())
        print(f"{f'ledger/{name}':<24}{size / rows:>10.1f} bytes a document")


if __name__ == "__main__":
    main()
