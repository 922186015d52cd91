"""What it costs to look for marks in text that has none, and to read those that are there.

    python benchmarks/marks.py [--documents 3000] [--bytes 3300] [--rounds 7]

Documents are paragraphs of the example texts, put together to the size asked for. Times are this thread's CPU time a
document, the best of the rounds. With the package `hyperscan`, its own scan for the same anchors stands beside ours,
for comparison: wellkeeper does not use it. Reading a credential needs the extra `c2pa`, making one c2patxt.
"""

import argparse
import sys
import time
from collections.abc import Callable
from itertools import cycle
from pathlib import Path
from typing import Any

import numpy as np
from make_corpus import EXAMPLES, texts_of
from measuring import machine
from numpy.typing import NDArray

from wellkeeper.engine.credentials import read_text, text_has_credential
from wellkeeper.kernels.text import load_tables, text_pass
from wellkeeper.lanes import padded
from wellkeeper.origin.artefacts import scan
from wellkeeper.origin.catalogue import PATTERNS

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "tests"))


def texts(documents: int, size: int) -> list[bytes]:
    """So many texts of about that many bytes, from the examples' lines, over and over."""
    lines = cycle([line.encode() for text in texts_of(EXAMPLES) for line in text.splitlines() if line])
    made = []
    for _ in range(documents):
        text = b""
        while len(text) < size:
            text += next(lines) + b"\n\n"
        made.append(text[:size].decode(errors="ignore").encode())
    return made


def arrays(documents: list[bytes]) -> tuple[NDArray[np.uint8], NDArray[np.int64]]:
    offsets = np.cumsum([0, *map(len, documents)])
    return padded(np.frombuffer(b"".join(documents), np.uint8), offsets)


def best(run: Callable[[], Any], rounds: int) -> float:
    """Seconds of this thread, the best of the rounds; one before them to warm caches."""
    run()
    found = []
    for _ in range(rounds):
        started = time.thread_time()
        run()
        found.append(time.thread_time() - started)
    return min(found)


def hyperscan_of(documents: list[bytes]) -> Callable[[], Any] | None:
    """A scan of each document for the anchors of all patterns and the credential's magic."""
    try:
        import hyperscan
    except ImportError:
        return None
    anchors = sorted({anchor for pattern in PATTERNS for anchor in pattern.anchors})
    expressions = [b"".join(b"\\x%02x" % byte for byte in anchor) for anchor in anchors]
    database = hyperscan.Database()
    database.compile(
        expressions=expressions,
        ids=list(range(len(expressions))),
        flags=[hyperscan.HS_FLAG_CASELESS | hyperscan.HS_FLAG_SINGLEMATCH] * len(expressions),
    )

    def seen(*_: Any) -> None:
        return None

    return lambda: [database.scan(text, match_event_handler=seen) for text in documents]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--documents", type=int, default=3_000)
    parser.add_argument("--bytes", type=int, default=3_300)
    parser.add_argument("--rounds", type=int, default=7)
    options = parser.parse_args()
    documents = texts(options.documents, options.bytes)
    data, offsets = arrays(documents)
    tables = load_tables()
    rows: list[tuple[str, float]] = []

    def timed(name: str, run: Callable[[], Any]) -> None:
        rows.append((name, best(run, options.rounds) / len(documents)))

    timed("credentials: the sieve", lambda: text_has_credential(data, offsets))
    timed(f"artefacts: {len(PATTERNS)} patterns", lambda: scan(data, offsets))
    timed(
        "Unicode: all counts of the text pass, invisible runs among them",
        lambda: text_pass(data, offsets, tables, bands=9, rows=13, statistics=True),
    )
    scanned = hyperscan_of(documents)
    if scanned is not None:
        timed("hyperscan: the same anchors alone", scanned)
    print(f"{machine()}\n\n{len(documents):,} documents of {options.bytes:,} bytes, without marks\n")
    print("| | us a document |\n| --- | --: |")
    for name, seconds in rows:
        print(f"| {name} | {1e6 * seconds:.2f} |")
    print_reading(options.rounds)


def print_reading(rounds: int) -> None:
    """What a document costs that has a credential."""
    try:
        from credential_files import chain, signed_text
    except ImportError:
        return
    text = signed_text("The tide keeps no diary. " * 130, chain("Writer", edwards=True))
    print(
        f"| reading a credential of a text of {len(text):,} bytes | {1e6 * best(lambda: read_text(text), rounds):.0f} |"
    )


if __name__ == "__main__":
    main()
