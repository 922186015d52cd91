"""What each part of the text pass costs on one core, beside the limit: reading the same bytes once.

    python benchmarks/kernels.py [CORPUS.jsonl[.zst]] [--rounds 5] [--megabytes 20]

Blocks are what a run gets from the reader, so caches are as warm or cold as there. MB are 10**6 bytes of document
text; time is this thread's CPU time, the best of the rounds, in which the parts take turns. Without CORPUS the
example texts are read over and over. The figures are printed as Markdown and appended to benchmarks/results/ with
date and machine.
"""

import argparse
import io
import json
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import orjson
import zstandard
from make_corpus import EXAMPLES
from measuring import load, machine
from numpy.typing import NDArray

from wellkeeper.engine.readers import parse_block, reader_for
from wellkeeper.engine.readers.base import ColumnMap, InputFile, RawBlock
from wellkeeper.engine.readers.columns import text_buffers
from wellkeeper.filter.duplicates import DEFAULT_SIMILARITY, banding_for
from wellkeeper.kernels.text import Tables, load_tables, shingle_sets, text_pass, word_hashes
from wellkeeper.ledger.digest import sha256_of_texts
from wellkeeper.origin.artefacts import scan

RESULTS = Path(__file__).parent / "results"
COLUMNS = ColumnMap(text="text")


@dataclass(frozen=True, slots=True)
class Texts:
    """The documents of one block, as kernels take them."""

    data: NDArray[np.uint8]
    offsets: NDArray[np.int64]  # shape (documents + 1,)


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """One thing to time."""

    name: str
    run: Callable[[], Any]


def parts(file: InputFile, blocks: list[RawBlock], texts: list[Texts]) -> list[Part]:
    """What is timed, each over the whole corpus."""
    tables = load_tables()
    banding = banding_for(DEFAULT_SIMILARITY)

    def whole_pass(*, statistics: bool) -> None:
        for text in texts:
            text_pass(
                text.data, text.offsets, tables, bands=banding.bands, rows=banding.rows, statistics=statistics
            )

    return [
        Part(name="every byte read once: the limit", run=lambda: [_sum(text) for text in texts]),
        Part(name="sha256 of each document", run=lambda: [sha256_of_texts(t.data, t.offsets) for t in texts]),
        Part(name="words and their hashes", run=partial(_collect, word_hashes, texts, tables)),
        Part(name="sorted sets of word 5-grams", run=partial(_collect, shingle_sets, texts, tables)),
        Part(name="words, 5-grams, sketch, bands", run=partial(whole_pass, statistics=False)),
        Part(name="the same and all statistics", run=partial(whole_pass, statistics=True)),
        Part(name="artefact scan", run=lambda: [scan(text.data, text.offsets) for text in texts]),
        Part(
            name="JSON lines: cut into blocks", run=lambda: sum(len(block.payload) for block in _blocks(file))
        ),
        Part(name="JSON lines: parse blocks", run=lambda: [parse_block(block, COLUMNS) for block in blocks]),
        Part(name="JSON lines: orjson alone", run=lambda: [_orjson(block) for block in blocks]),
    ]


def best_of(timed: list[Part], rounds: int) -> dict[str, float]:
    """Least CPU seconds of each part; one uncounted round first compiles what is not compiled yet."""
    best: dict[str, float] = {}
    for turn in range(rounds + 1):
        for part in timed:
            begun = time.thread_time()
            part.run()
            took = time.thread_time() - begun
            if turn:
                best[part.name] = min(took, best.get(part.name, took))
    return best


def table(row: dict[str, Any]) -> str:
    """One measurement as Markdown."""
    limit = next(iter(row["mb_per_s"].values()))
    lines = [
        f"| {name} | {rate:,.0f} | {1000 / rate:.2f} | {limit / rate:,.1f} |"
        for name, rate in row["mb_per_s"].items()
    ]
    head = (
        f"{row['text_mb']:.1f} MB, {row['documents']:,} documents, best of {row['rounds']}; {row['date'][:10]}, "
        f"{row['machine']['processor']}, Python {row['machine']['python']}"
    )
    return "\n".join(
        [
            head,
            "",
            "| part | MB/s | ns a byte | times as long as reading |",
            "| --- | --: | --: | --: |",
            *lines,
        ]
    )


def _sum(texts: Texts) -> int:
    words = texts.data[: len(texts.data) // 8 * 8].view(np.uint64)
    return int(np.bitwise_xor.reduce(words))


def _collect(
    kernel: Callable[[NDArray[np.uint8], NDArray[np.int64], Tables, NDArray[np.int64]], Any],
    texts: list[Texts],
    tables: Tables,
) -> None:
    for text in texts:
        kernel(text.data, text.offsets, tables, np.arange(len(text.offsets) - 1))


def _orjson(block: RawBlock) -> int:
    return sum(len(orjson.loads(line)) for line in bytes(block.payload).split(b"\n") if line)


def _blocks(file: InputFile) -> Iterator[RawBlock]:
    return reader_for(file).blocks(file)


@contextmanager
def _corpus(source: Path, megabytes: float) -> Iterator[InputFile]:
    """A plain JSON lines file of about that size, from the lines of another, repeated if it is too short."""
    data = source.read_bytes()
    if source.suffix == ".zst":
        data = zstandard.ZstdDecompressor().stream_reader(io.BytesIO(data)).read()
    wanted = int(megabytes * 1e6)
    data *= -(-wanted // len(data))
    data = data[: data.rindex(b"\n", 0, wanted) + 1]
    with tempfile.TemporaryDirectory() as place:
        path = Path(place) / "corpus.jsonl"
        path.write_bytes(data)
        yield InputFile(
            url=str(path),
            name=path.name,
            group="corpus",
            format="jsonl",
            compression=None,
            size=len(data),
            fingerprint="",
        )


def measure(source: Path, megabytes: float, rounds: int) -> dict[str, Any]:
    """Time every part on a corpus."""
    with _corpus(source, megabytes) as file:
        blocks = list(_blocks(file))
        texts = [Texts(*text_buffers(parse_block(block, COLUMNS).table.column("text"))) for block in blocks]
        size = sum(int(text.offsets[-1] - text.offsets[0]) for text in texts)
        before = load()
        seconds = best_of(parts(file, blocks, texts), rounds)
    return {
        "kind": "kernels",
        "date": datetime.now(UTC).isoformat(timespec="seconds"),
        "machine": machine(),
        "load": before,
        "corpus": source.name,
        "documents": sum(len(text.offsets) - 1 for text in texts),
        "text_mb": size / 1e6,
        "rounds": rounds,
        "mb_per_s": {name: round(size / 1e6 / took, 1) for name, took in seconds.items()},
    }


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("corpus", type=Path, nargs="?", default=EXAMPLES)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--megabytes", type=float, default=20)
    default = RESULTS / f"{datetime.now(UTC):%Y-%m-%d}-kernels.jsonl"
    parser.add_argument("--out", type=Path, default=default)
    parser.add_argument(
        "--table", type=Path, metavar="FILE", help="print the last figures of a file and stop"
    )
    arguments = parser.parse_args()
    if arguments.table:
        print(table(json.loads(arguments.table.read_text().splitlines()[-1])))
        return
    row = measure(arguments.corpus, arguments.megabytes, arguments.rounds)
    arguments.out.parent.mkdir(parents=True, exist_ok=True)
    with arguments.out.open("a", encoding="utf-8") as stream:
        stream.write(json.dumps(row) + "\n")
    print(table(row))


if __name__ == "__main__":
    main()
