"""Semantic near-duplicates: paraphrases found, other documents removed, and the tail, against one fixed cosine.

    python benchmarks/semantic.py --pairs REWRITES.jsonl[.zst]     # real rewrites: fields text, label, pair
    python benchmarks/semantic.py TEXTS.jsonl[.zst] [--words 150]  # planted ones, made of its own texts

With `--pairs`, human texts are the corpus, and the AI rewrites of some of them are planted. Else documents are cut to
`--words` words, and of some of them a second version is planted, half of each kind: *shuffled* has the same words in
another order, *substituted* has half of its words replaced, each by its nearest neighbour in the vectors of words (of
the same corpus), in another order of sentences.

Two kinds of vectors are made from the corpus alone, without any model: `lsa`, latent semantic analysis (tf-idf, 128
dimensions); and `mean`, the mean of the vectors of words, as static models make them, where all documents are close.

Columns: documents removed; paraphrases found, as a share of those planted (one goes in favour of the other); of these
the share with word 5-gram similarity below 0.05, which near-duplicates.v1 cannot find; removals in favour of a document
that is no version of the same, and how many of these pairs share no more than 0.05 of their 5-grams; rare words lost,
and what as many documents drawn at random would lose. The line `none planted` has the same texts without paraphrases.
"""

import argparse
import io
import json
import re
import tempfile
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import zstandard
from numpy.typing import NDArray

import wellkeeper
from wellkeeper.measure.chance import lost_at_random

FIXED = 0.9
DIMENSIONS = 128
VOCABULARY = 20_000
RARE = 3
RECIPE = """
wellkeeper: 1
sources:
  corpus: {path: corpus.parquet, text: text, id: id, embedding: vector}
steps:
  - semantic-duplicates.v1: {action: drop, tail_cost: %s, keep: []}
"""

Texts = list[str]
Family = NDArray[np.int64]  # of each text, the number of the original that it is a version of


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("texts", nargs="?", type=Path)
    parser.add_argument("--pairs", type=Path)
    parser.add_argument("--words", type=int, default=150)
    parser.add_argument("--documents", type=int, default=2_000)
    parser.add_argument("--planted", type=int, default=300)
    parser.add_argument("--seed", type=int, default=0)
    arguments = parser.parse_args()
    rng = np.random.default_rng(arguments.seed)
    if arguments.pairs is not None:
        texts, family = rewrites(arguments.pairs, arguments.documents, arguments.planted, rng)
    else:
        given = arguments.texts or Path("examples/reference/part-0.jsonl.zst")
        texts, family = planted(given, arguments.documents, arguments.planted, arguments.words, rng)
    print(
        f"{len(np.unique(family)):,} documents, {len(texts) - len(np.unique(family)):,} paraphrases planted"
    )
    print(
        f"{'vectors':<8} {'rule':<24} {'removed':>7}  {'found':>5}  {'found below .05':>15}  {'others':>6}  "
        f"{'of these below .05':>18}  {'tail':>6} {'at random':>9}"
    )
    for kind, vectors in (("lsa", lsa), ("mean", mean_of_words)):
        whole = vectors(texts, rng)
        show(kind, f"fixed cosine {FIXED}", texts, family, fixed(whole, FIXED))
        show(kind, "calibrated", texts, family, calibrated(texts, whole, 1))
        show(kind, "calibrated, guard 1%", texts, family, calibrated(texts, whole, 0.01))
        alone = np.arange(len(np.unique(family)))
        some = [texts[k] for k in alone]
        unplanted = vectors(some, rng)
        show(kind, f"none planted, fixed {FIXED}", some, alone, fixed(unplanted, FIXED))
        show(kind, "none planted, calibrated", some, alone, calibrated(some, unplanted, 1))


# --- texts ------------------------------------------------------------------------------------------


def rows_of(path: Path) -> Iterator[dict[str, Any]]:
    with path.open("rb") as stream:
        packed = path.suffix == ".zst"
        lines: Any = zstandard.ZstdDecompressor().stream_reader(stream) if packed else stream
        yield from map(json.loads, io.TextIOWrapper(lines, encoding="utf-8"))


def rewrites(path: Path, documents: int, many: int, rng: np.random.Generator) -> tuple[Texts, Family]:
    """Human texts, and rewrites by models of some of them."""
    pairs: dict[Any, dict[str, Texts]] = defaultdict(lambda: {"human": [], "ai": []})
    for row in rows_of(path):
        if row.get("pair") is not None and row["label"] in ("human", "ai"):
            pairs[row["pair"]][row["label"]].append(row["text"])
    whole = [pair for pair in pairs.values() if pair["human"] and pair["ai"]][:documents]
    chosen = rng.choice(len(whole), min(many, len(whole)), replace=False)
    texts = [pair["human"][0] for pair in whole]
    texts += [whole[k]["ai"][int(rng.integers(len(whole[k]["ai"])))] for k in chosen]
    return texts, np.concatenate((np.arange(len(whole)), chosen))


def planted(
    path: Path, documents: int, many: int, words: int, rng: np.random.Generator
) -> tuple[Texts, Family]:
    """Texts cut to a length, and versions in other words or another order of some of them."""
    texts: Texts = []
    for row in rows_of(path):
        cut = " ".join(row["text"].split()[:words])
        if len(cut.split()) >= words // 2:
            texts.append(cut)
        if len(texts) == documents:
            break
    chosen = rng.choice(len(texts), min(many, len(texts)), replace=False)
    neighbour = neighbours(texts, rng)
    versions = []
    for k, original in enumerate(chosen.tolist()):
        if k % 2:
            letters = texts[original].split()
            rng.shuffle(letters)
            versions.append(" ".join(letters))
        else:
            versions.append(substituted(texts[original], neighbour, rng))
    return [*texts, *versions], np.concatenate((np.arange(len(texts)), chosen))


def substituted(text: str, neighbour: dict[str, str], rng: np.random.Generator) -> str:
    sentences = re.split(r"(?<=[.!?])\s+", text)
    rng.shuffle(sentences)
    return " ".join(
        neighbour.get(word, word) if rng.random() < 0.5 else word
        for sentence in sentences
        for word in words_in(sentence)
    )


# --- vectors ----------------------------------------------------------------------------------------


def words_in(text: str) -> Texts:
    return re.findall(r"\w+", text.lower())


def counts(texts: Texts) -> tuple[NDArray[np.float32], Texts]:
    """How often each of the most frequent words stands in each text."""
    frequency: dict[str, int] = defaultdict(int)
    split = [words_in(text) for text in texts]
    for words in split:
        for word in set(words):
            frequency[word] += 1
    vocabulary = sorted((w for w, n in frequency.items() if n > 1), key=lambda w: (-frequency[w], w))[
        :VOCABULARY
    ]
    place = {word: k for k, word in enumerate(vocabulary)}
    table = np.zeros((len(texts), len(vocabulary)), np.float32)
    for row, words in enumerate(split):
        for word in words:
            if word in place:
                table[row, place[word]] += 1
    return table, vocabulary


def weighted(table: NDArray[np.float32]) -> NDArray[np.float32]:
    """tf-idf with rows of length 1."""
    found = np.log1p(table) * np.log(len(table) / np.count_nonzero(table, axis=0)).astype(np.float32)
    return found / np.maximum(np.linalg.norm(found, axis=1, keepdims=True), 1e-9)


def factors(
    table: NDArray[np.float32], rng: np.random.Generator
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """The largest singular directions, by subspace iteration: of documents and of words, scaled."""
    basis = table @ rng.standard_normal((table.shape[1], DIMENSIONS + 16), dtype=np.float32)
    for _ in range(3):
        basis = table @ (table.T @ np.linalg.qr(basis)[0])
    q = np.linalg.qr(basis)[0]
    left, values, right = np.linalg.svd(q.T @ table, full_matrices=False)
    scale = values[:DIMENSIONS]
    return (q @ left)[:, :DIMENSIONS] * scale, right[:DIMENSIONS].T * scale


def lsa(texts: Texts, rng: np.random.Generator) -> NDArray[np.float32]:
    return unit(factors(weighted(counts(texts)[0]), rng)[0])


def mean_of_words(texts: Texts, rng: np.random.Generator) -> NDArray[np.float32]:
    table, _ = counts(texts)
    words = unit(factors(weighted(table), rng)[1])
    return unit(table @ words)


def neighbours(texts: Texts, rng: np.random.Generator) -> dict[str, str]:
    """Of each word of the vocabulary, the one whose vector is closest."""
    table, vocabulary = counts(texts)
    words = unit(factors(weighted(table), rng)[1])
    near = words @ words.T
    np.fill_diagonal(near, -1)
    return {word: vocabulary[k] for word, k in zip(vocabulary, near.argmax(axis=1).tolist(), strict=True)}


def unit(vectors: NDArray[np.float32]) -> NDArray[np.float32]:
    return vectors / np.maximum(np.linalg.norm(vectors, axis=1, keepdims=True), 1e-9)


# --- rules ------------------------------------------------------------------------------------------


def fixed(vectors: NDArray[np.float32], cosine: float) -> dict[int, int]:
    """Document -> survivor: each goes if one before it that stays is closer than the cosine."""
    near = vectors @ vectors.T
    stays: list[int] = []
    gone: dict[int, int] = {}
    for document in range(len(vectors)):
        found = near[document, stays]
        if len(found) and found.max() > cosine:
            gone[document] = stays[int(found.argmax())]
        else:
            stays.append(document)
    return gone


def calibrated(texts: Texts, vectors: NDArray[np.float32], tail_cost: float) -> dict[int, int]:
    """Document -> survivor, by the step."""
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        rows = {"id": [str(k) for k in range(len(texts))], "text": texts, "vector": list(vectors)}
        pq.write_table(pa.table(rows), folder / "corpus.parquet")
        (folder / "recipe.yaml").write_text(RECIPE % tail_cost)
        wellkeeper.curate(folder / "recipe.yaml", out=folder / "out")
        ledger = pq.read_table(folder / "out" / "ledger" / "documents").to_pylist()
        return {k: int(row["survivor"]) for k, row in enumerate(ledger) if row["decision"] == "drop"}


# --- figures ----------------------------------------------------------------------------------------


def shingles(text: str) -> set[tuple[str, ...]]:
    words = words_in(text)
    return set(zip(*(words[k:] for k in range(5)), strict=False))


def alike(a: str, b: str) -> float:
    one, other = shingles(a), shingles(b)
    return len(one & other) / max(1, len(one | other))


def show(kind: str, rule: str, texts: Texts, family: Family, gone: dict[int, int]) -> None:
    originals = len(np.unique(family))
    versions = range(originals, len(texts))
    found = {k for k in versions if gone.get(k) == family[k] or gone.get(int(family[k])) == k}
    hidden = {k for k in versions if alike(texts[k], texts[int(family[k])]) < 0.05}
    others = [(a, b) for a, b in gone.items() if family[a] != family[b]]
    apart = sum(alike(texts[a], texts[b]) <= 0.05 for a, b in others)
    lost, at_random = tail(texts, gone)
    shares = (
        [f"{len(found) / len(versions):.3f}", f"{len(found & hidden) / max(1, len(hidden)):.3f}"]
        if versions
        else ["", ""]
    )
    print(
        f"{kind:<8} {rule:<24} {len(gone):>7}  {shares[0]:>5}  {shares[1]:>15}  {len(others):>6}  {apart:>18}  "
        f"{lost:>6.2%} {at_random:>9.2%}",
        flush=True,
    )


def tail(texts: Texts, gone: dict[int, int]) -> tuple[float, float]:
    """Share of the rare words that no document has any more, and of those that as many at random would take."""
    holders: dict[str, list[int]] = defaultdict(list)
    for document, text in enumerate(texts):
        for word in set(words_in(text)):
            holders[word].append(document)
    rare = [who for who in holders.values() if len(who) <= RARE]
    lost = sum(all(document in gone for document in who) for who in rare)
    frequency = np.array([len(who) for who in rare])
    return lost / len(rare), lost_at_random(frequency, documents=len(texts), removed=len(gone))


if __name__ == "__main__":
    main()
