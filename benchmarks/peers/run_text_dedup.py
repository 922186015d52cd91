"""text-dedup's own command `python -m text_dedup.minhash`.

python -m peers.run_text_dedup CORPUS OUT CORES
"""

import subprocess
import sys
from pathlib import Path

from peers.settings import BANDS, HASHES, ROWS, SHINGLE_WORDS, write_kept


def main() -> None:
    corpus, out = map(Path, sys.argv[1:3])
    options = {
        "path": "json",
        "data_files": corpus,
        "split": "train",
        "cache_dir": out / "cache",
        "output": out / "set",
        "column": "text",
        "ngram": SHINGLE_WORDS,
        "num_perm": HASHES,
        "b": BANDS,
        "r": ROWS,
        "num_proc": sys.argv[3],
        "batch_size": 10_000,
    }
    flags = [word for name, value in options.items() for word in (f"--{name}", str(value))]
    subprocess.run([sys.executable, "-m", "text_dedup.minhash", *flags], check=True)
    from datasets import load_from_disk  # type: ignore[import-untyped]

    write_kept(out, load_from_disk(str(out / "set"))["id"])


if __name__ == "__main__":
    main()
