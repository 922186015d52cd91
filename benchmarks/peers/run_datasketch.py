"""datasketch as its documentation shows it: `MinHash.update_batch`, then `MinHashLSH` query before insert.

    python -m peers.run_datasketch CORPUS OUT CORES

A document stays unless one that stays and came before it shares a band. Shingles are made in Python: the library
takes tokens as bytes.
"""

import sys
from pathlib import Path

from datasketch import MinHash, MinHashLSH  # type: ignore[import-not-found]

from peers.settings import BANDS, HASHES, ROWS, documents, shingles, write_kept


def main() -> None:
    corpus, out = map(Path, sys.argv[1:3])
    index = MinHashLSH(num_perm=HASHES, params=(BANDS, ROWS))
    empty = MinHash(num_perm=HASHES, seed=1)  # copied, so that its permutations are drawn once
    kept: list[str] = []
    for id_, text in documents(corpus):
        sketch = empty.copy()
        sketch.update_batch([shingle.encode() for shingle in shingles(text)])
        if not index.query(sketch):
            index.insert(id_, sketch)
            kept.append(id_)
    write_kept(out, kept)


if __name__ == "__main__":
    main()
