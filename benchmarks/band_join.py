"""The band join out of core: time, peak memory and the right answer, on made sidecars of any number of documents.

    python benchmarks/band_join.py --documents 20_000_000 [--folder DIR] [--keep]

Makes real sidecar files with the columns that the join reads (`shingles` and the bands of similarity 0.8), then
joins them in a fresh process. Keys are random. One document in ten is planted in a group of 2 to 6: in half of the
groups everyone shares a band with the first, in the others each shares one band with the one before it, so that
the group comes together only over several bands. One group has 100,000 documents. The components found must be
exactly those planted.
"""

import argparse
import json
import resource
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

SIMILARITY = 0.8
LARGEST = 100_000
FILES_A_FOLDER = 125


def planted(documents: int) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Members, the document each takes a key from, in which band, and the smallest document of its group."""
    from wellkeeper.filter.duplicates import banding_for

    bands = banding_for(SIMILARITY).bands
    rng = np.random.default_rng(0)
    largest = min(LARGEST, documents // 20)
    chosen = rng.permutation(documents)[: documents // 10 + largest]
    sizes = np.append(largest, rng.integers(2, 7, len(chosen) // 2))
    ends = np.cumsum(sizes)
    sizes = sizes[ends <= len(chosen)]
    ends = ends[: len(sizes)]
    group = np.repeat(np.arange(len(sizes)), sizes)
    chosen = chosen[: len(group)]
    order = np.lexsort((chosen, group))
    chosen = chosen[order]
    first = chosen[(ends - sizes)[group]]
    place = np.arange(len(group)) - (ends - sizes)[group]
    chain = (group % 2 == 1)[:]
    of = np.where(chain, np.roll(chosen, 1), first)
    band = np.where(chain, place % bands, rng.integers(0, bands, len(group)))
    member = place > 0
    return chosen[member], of[member], band[member], first[member]


def hashed(documents: np.ndarray, band: np.ndarray | int) -> np.ndarray:
    """SplitMix64 (Steele, Lea and Flood, OOPSLA 2014) of document and band."""
    z = (documents.astype(np.uint64) * np.uint64(64) + np.asarray(band, np.uint64)) * np.uint64(
        0x9E3779B97F4A7C15
    )
    z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return z ^ (z >> np.uint64(31))


def make(folder: Path, documents: int, rows: int) -> None:
    import pyarrow as pa

    from wellkeeper.core.signals import band_name
    from wellkeeper.engine.sidecar import write_block
    from wellkeeper.filter.duplicates import banding_for

    member, of, band, _ = planted(documents)
    order = np.argsort(member)
    member, of, band = member[order], of[order], band[order]
    for number, start in enumerate(range(0, documents, rows)):
        some = np.arange(start, min(documents, start + rows))
        low, high = np.searchsorted(member, (start, start + rows))
        columns = {"shingles": np.full(len(some), 300, np.int64)}
        for b in range(banding_for(SIMILARITY).bands):
            keys = hashed(some, b)
            mine = low + np.flatnonzero(band[low:high] == b)
            keys[member[mine] - start] = hashed(of[mine], b)
            columns[band_name(b)] = keys
        place = folder / f"{number // FILES_A_FOLDER:05d}"
        place.mkdir(exist_ok=True)
        write_block(place, number % FILES_A_FOLDER, pa.table(columns), {"quarantined": 0}, {})


def join(folder: Path, documents: int) -> None:
    from wellkeeper.filter.duplicates import banding_for, near_candidates
    from wellkeeper.recipe.corpus import LoadedCorpus

    begun = time.perf_counter(), time.process_time()
    corpus = LoadedCorpus((), sorted(folder.iterdir()), scratch=folder.parent)
    opened = time.perf_counter(), time.process_time()
    found, root = near_candidates(corpus, np.ones(len(corpus), np.bool_), banding_for(SIMILARITY))
    ended = time.perf_counter(), time.process_time()
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    member, _, _, first = planted(documents)
    truth = np.arange(documents)
    truth[member] = first
    expected = np.union1d(member, first)
    right = np.array_equal(found, expected) and np.array_equal(root, truth[expected])
    sizes = np.unique(root, return_counts=True)[1]
    print(
        json.dumps(
            {
                "documents": len(corpus),
                "files": len(corpus.sidecars.blocks),
                "candidates": len(found),
                "components": len(sizes),
                "largest": int(sizes.max()),
                "as_planted": bool(right),
                "open_wall_s": round(opened[0] - begun[0], 2),
                "open_cpu_s": round(opened[1] - begun[1], 2),
                "join_wall_s": round(ended[0] - opened[0], 2),
                "join_cpu_s": round(ended[1] - opened[1], 2),
                "peak_rss_mb": round(peak / 1024, 1),
            },
            indent=2,
        )
    )
    sys.exit(0 if right else 1)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--documents", type=int, default=2_000_000)
    parser.add_argument(
        "--rows", type=int, default=1_600, help="Documents a file: a block of text has about so many."
    )
    parser.add_argument("--folder", type=Path, default=None, help="Where the sidecars lie, or shall lie.")
    parser.add_argument("--keep", action="store_true", help="Leave the sidecars for the next run.")
    parser.add_argument("--stage", choices=["make", "join"], default=None, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    folder = arguments.folder or Path(tempfile.mkdtemp(prefix="band-join-"))
    sidecars = folder / f"sidecars-{arguments.documents}-{arguments.rows}"
    if arguments.stage == "make":
        sidecars.mkdir(parents=True)
        make(sidecars, arguments.documents, arguments.rows)
        return
    if arguments.stage == "join":
        join(sidecars, arguments.documents)
    # Each stage has a process of its own, so that the peak is the join's alone.
    stages = ["join"] if sidecars.exists() else ["make", "join"]
    try:
        for stage in stages:
            command = [sys.executable, __file__, "--documents", str(arguments.documents)]
            command += ["--rows", str(arguments.rows), "--folder", str(folder), "--stage", stage]
            subprocess.run(command, check=True)
    finally:
        if not arguments.keep:
            shutil.rmtree(folder if arguments.folder is None else sidecars)


if __name__ == "__main__":
    main()
