"""Small corpora in every format, made from a seed."""

import gzip
import json
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import zstandard

WORDS = [
    f"{a}{b}" for a in "ba be bi bo bu da de di do du ka ke ki ko ku".split() for b in "r n l s t m".split()
]


def sentence(rng, words=WORDS):
    weights = 1 / np.arange(1, len(words) + 1)
    chosen = rng.choice(words, size=int(rng.integers(6, 18)), p=weights / weights.sum())
    return " ".join(chosen).capitalize() + "."


def document(rng, sentences=None):
    return " ".join(sentence(rng) for _ in range(sentences or int(rng.integers(8, 40))))


def rows(documents, seed=0, *, copies=0.1):
    """Rows with ids, dates, labels; a tenth are exact or edited copies of earlier ones."""
    rng = np.random.default_rng(seed)
    made = []
    for k in range(documents):
        if made and rng.random() < copies:
            text = made[int(rng.integers(len(made)))]["text"]
            if rng.random() < 0.5:
                text += " " + sentence(rng)
        else:
            text = document(rng)
        made.append(
            {
                "id": f"s{seed}-{k:05d}",
                "text": text,
                "board": f"board {k % 5}",
                "created_at": f"20{18 + k % 7}-{1 + k % 12:02d}-03",
                "origin": ["human", "ai", None][k % 3],
                "license": ["CC BY 4.0", "MIT", None][k % 3],
                "votes": k,
            }
        )
    return made


def lines(made):
    return "".join(json.dumps(row) + "\n" for row in made).encode()


def write(folder: Path, made):
    """The rows, a fifth each as plain, gzip and zstd JSON lines, Parquet, and Parquet of several row groups."""
    folder.mkdir(parents=True, exist_ok=True)
    parts = [made[k::5] for k in range(5)]
    (folder / "a.jsonl").write_bytes(lines(parts[0]))
    (folder / "b.jsonl.gz").write_bytes(gzip.compress(lines(parts[1]), mtime=0))
    (folder / "c.jsonl.zst").write_bytes(zstandard.compress(lines(parts[2])))
    pq.write_table(pa.Table.from_pylist(parts[3]), folder / "d.parquet")
    pq.write_table(pa.Table.from_pylist(parts[4]), folder / "e.parquet", row_group_size=50)
    return folder
