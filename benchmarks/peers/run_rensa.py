"""rensa as its README shows it: `RMinHashDeduplicator` with LSH, which checks candidates by their sketches.

    python -m peers.run_rensa CORPUS OUT CORES

A document stays unless one that stays and came before it is alike. Shingles are made in Python: the library takes
tokens.
"""

import sys
from pathlib import Path

from rensa import RMinHashDeduplicator  # type: ignore[import-not-found]

from peers.settings import BANDS, HASHES, SIMILARITY, documents, shingles, write_kept

_BATCH = 256


def main() -> None:
    corpus, out = map(Path, sys.argv[1:3])
    deduplicator = RMinHashDeduplicator(
        threshold=SIMILARITY, num_perm=HASHES, use_lsh=True, num_bands=BANDS, seed=42
    )
    kept: list[str] = []
    batch: list[tuple[str, list[str]]] = []

    def add() -> None:
        added = deduplicator.add_pairs(batch)
        kept.extend(id_ for (id_, _), stays in zip(batch, added, strict=True) if stays)
        batch.clear()

    for id_, text in documents(corpus):
        batch.append((id_, shingles(text)))
        if len(batch) == _BATCH:
            add()
    add()
    write_kept(out, kept)


if __name__ == "__main__":
    main()
