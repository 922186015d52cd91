"""Recall and precision of near-duplicate removal against planted copies and exact all-pairs similarity.

    python benchmarks/near_duplicates.py DATA [--similarity 0.8]

DATA holds corpus.jsonl or corpus.jsonl.zst (id, text), truth.jsonl (one planted copy a line: orig, copy, j5 =
exact Jaccard similarity of the sets of word 5-grams) and allpairs.tsv (id, id, similarity of every pair at 0.3
or more). A planted pair is found if not both of its documents are kept. Originals with one planted copy count.

Every removal is also checked by the plain Python definition of words and 5-grams that the tests use, which shares
no code with the package. The list in allpairs.tsv was made with simpler words (each byte above ASCII is a letter),
so its figures differ from both where a text is not plain ASCII.
"""

import argparse
import io
import json
import sys
import tempfile
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import zstandard

import wellkeeper

sys.path.insert(0, str(Path(__file__).parents[1] / "tests" / "kernels"))
from naive import shingles_of

RECIPE = """
wellkeeper: 1
sources:
  corpus: {{path: {path}, text: text, id: id}}
steps:
  - exact-duplicates.v1: {{}}
  - near-duplicates.v1: {{similarity: {similarity}}}
"""


def _plain_similarities(corpus: Path, removed: list[dict[str, Any]]) -> Iterator[tuple[float, float]]:
    """Similarity of each removed document with its survivor, made anew, beside the ledger's."""
    data = corpus.read_bytes()
    if corpus.suffix == ".zst":
        data = zstandard.ZstdDecompressor().stream_reader(io.BytesIO(data)).read()
    wanted = {id_ for row in removed for id_ in (row["id"], row["survivor_id"])}
    sets = {}
    for line in data.splitlines():
        row = json.loads(line)
        if row["id"] in wanted:
            sets[row["id"]] = shingles_of(row["text"])
    for row in removed:
        a, b = sets[row["id"]], sets[row["survivor_id"]]
        yield len(a & b) / len(a | b), row["score"]


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("data", type=Path)
    parser.add_argument("--similarity", type=float, default=0.8)
    arguments = parser.parse_args()
    corpus = next(path for path in sorted(arguments.data.glob("corpus.jsonl*")))
    with tempfile.TemporaryDirectory() as place:
        recipe = Path(place) / "near.yaml"
        recipe.write_text(
            RECIPE.format(path=json.dumps(str(corpus.resolve())), similarity=arguments.similarity)
        )
        set_ = wellkeeper.curate(recipe, out=Path(place) / "set", keep_rejected=False)
        rows = pq.read_table(set_.paths["ledger"] / "documents").to_pylist()
    kept = {row["id"] for row in rows if row["decision"] == "keep"}
    removed = [row for row in rows if row["decision"] == "drop"]
    truth = [json.loads(line) for line in (arguments.data / "truth.jsonl").read_text().splitlines()]
    copies = Counter(pair["orig"] for pair in truth)
    planted = [p for p in truth if p["j5"] >= arguments.similarity and copies[p["orig"]] == 1]
    found = sum(not (p["orig"] in kept and p["copy"] in kept) for p in planted)
    exact = {}
    for line in (arguments.data / "allpairs.tsv").read_text().splitlines():
        a, b, value = line.split("\t")
        exact[frozenset((a, b))] = float(value)
    pairs = [(row, exact.get(frozenset((row["id"], row["survivor_id"])), 0.0)) for row in removed]
    named = [value for row, value in pairs if row["step"] == "near-duplicates.v1"]
    plain = list(_plain_similarities(corpus, [row for row in removed if row["step"] == "near-duplicates.v1"]))
    print(
        json.dumps(
            {
                "documents": len(rows),
                "similarity": arguments.similarity,
                "removed": len(removed),
                "planted_pairs": len(planted),
                "recall": round(found / len(planted), 4),
                "least_similarity_in_ledger": round(min(row["score"] for row in removed), 4),
                "least_similarity_by_plain_python": round(min(value for value, _ in plain), 4),
                "largest_difference_from_ledger": round(max(abs(value - score) for value, score in plain), 7),
                "removals_below_similarity_in_all_pairs_list": sum(
                    value < arguments.similarity for value in named
                ),
                "survivors_that_were_removed": sum(row["survivor_id"] not in kept for row in removed),
            }
        )
    )


if __name__ == "__main__":
    main()
