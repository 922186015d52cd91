"""A corpus of any size from a small one: sentences of the small one, recombined, with planted copies.

    python benchmarks/make_corpus.py SOURCE.jsonl[.zst] OUT --megabytes 1200
    python benchmarks/make_corpus.py SOURCE.jsonl[.zst] OUT --planted 2000

The first writes OUT/part-0000.jsonl.zst, ... of about 40 MB of text each. Documents are made of runs of sentences
of one source document, a tenth of them with some words replaced; 5 % are exact copies of earlier documents of the
same part and 10 % copies with edits. Seeded: the same arguments give the same bytes.

The second writes a corpus whose near-duplicates are all known, for `benchmarks/duplicates.py`: corpus.jsonl (id,
text), truth.jsonl (orig, copy, kind, j5 = exact Jaccard similarity of the sets of word 5-grams) and allpairs.tsv
(id, id, similarity of every pair at 0.3 or more).
"""

import argparse
import io
import json
from collections import Counter
from collections.abc import Iterator
from itertools import combinations
from pathlib import Path

import numpy as np
import zstandard
from peers.settings import shingles

PART_BYTES = 40_000_000
EXAMPLES = Path(__file__).parents[1] / "examples" / "reference" / "part-0.jsonl.zst"


def texts_of(path: Path) -> list[str]:
    """The texts of a file of JSON lines."""
    data = path.read_bytes()
    if path.suffix == ".zst":
        data = zstandard.ZstdDecompressor().stream_reader(io.BytesIO(data)).read()
    return [json.loads(line)["text"] for line in data.splitlines() if line]


def edited(words: list[str], rng: np.random.Generator, share: float, vocabulary: list[str]) -> list[str]:
    hit = np.flatnonzero(rng.random(len(words)) < share)
    changed = list(words)
    for k, w in zip(hit.tolist(), rng.integers(0, len(vocabulary), len(hit)).tolist(), strict=True):
        changed[k] = vocabulary[w]
    return changed


def _copy_of(words: list[str], rng: np.random.Generator, vocabulary: list[str]) -> tuple[str, str]:
    """A kind of copy drawn for a document, and the copy's text."""
    kind = ("exact", "upper", "truncated", "words 1 %", "words 2 %", "words 5 %")[int(rng.integers(6))]
    if kind == "exact":
        copied = words
    elif kind == "upper":
        copied = [word.upper() for word in words]
    elif kind == "truncated":
        copied = words[: round(len(words) * float(rng.uniform(0.65, 0.95)))]
    else:
        copied = edited(words, rng, int(kind.split()[1]) / 100, vocabulary)
    return kind, " ".join(copied)


def similarities(texts: dict[str, str], least: float = 0.3) -> Iterator[tuple[str, str, float]]:
    """Every pair of documents whose sets of word 5-grams have a Jaccard similarity of `least`, exactly."""
    holders: dict[str, list[int]] = {}
    names, sizes = list(texts), []
    for number, text in enumerate(texts.values()):
        grams = set(shingles(text))
        sizes.append(len(grams))
        for gram in grams:
            holders.setdefault(gram, []).append(number)
    shared = Counter(pair for numbers in holders.values() for pair in combinations(numbers, 2))
    for (a, b), common in sorted(shared.items()):
        similarity = common / (sizes[a] + sizes[b] - common)
        if similarity >= least:
            yield names[a], names[b], similarity


def write_planted(texts: list[str], out: Path, *, documents: int, seed: int) -> None:
    """Write a corpus of base documents and a planted copy of one in six, shuffled, with what is true of them.

    A base document is one text with a quarter of its words replaced, so that two of the same text share few
    5-grams.
    """
    rng = np.random.default_rng(seed)
    split = [text.split() for text in texts if len(text) >= 1000]
    vocabulary = sorted({word for words in split for word in words if word.isalpha()})
    made: dict[str, str] = {}
    planted: list[tuple[str, str, str]] = []
    for number in range(documents):
        words = edited(split[int(rng.integers(len(split)))], rng, 0.25, vocabulary)
        made[f"b{number:06d}"] = " ".join(words)
        if rng.random() < 1 / 6:
            kind, made[f"p{number:06d}"] = _copy_of(words, rng, vocabulary)
            planted.append((f"b{number:06d}", f"p{number:06d}", kind))
    order = rng.permutation(len(made)).tolist()
    names = list(made)
    shuffled = {names[at]: made[names[at]] for at in order}
    pairs = list(similarities(shuffled))
    exact = {frozenset((a, b)): similarity for a, b, similarity in pairs}
    out.mkdir(parents=True, exist_ok=True)
    (out / "corpus.jsonl").write_text(
        "".join(
            json.dumps({"id": id_, "text": text}, ensure_ascii=False) + "\n" for id_, text in shuffled.items()
        ),
        encoding="utf-8",
    )
    (out / "allpairs.tsv").write_text("".join(f"{a}\t{b}\t{similarity:.4f}\n" for a, b, similarity in pairs))
    rows = [
        {"orig": a, "copy": b, "kind": kind, "j5": round(exact.get(frozenset((a, b)), 0.0), 4)}
        for a, b, kind in planted
    ]
    (out / "truth.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("source", type=Path)
    parser.add_argument("out", type=Path)
    parser.add_argument("--megabytes", type=int, default=300)
    parser.add_argument("--planted", type=int, metavar="DOCUMENTS", default=None)
    parser.add_argument("--seed", type=int, default=0)
    arguments = parser.parse_args()
    texts = texts_of(arguments.source)
    if arguments.planted:
        write_planted(texts, arguments.out, documents=arguments.planted, seed=arguments.seed)
        return
    split = [text.split(" ") for text in texts]
    vocabulary = sorted({word for words in split[:500] for word in words if word.isalpha()})
    arguments.out.mkdir(parents=True, exist_ok=True)
    written = part = 0
    while written < arguments.megabytes * 1_000_000:
        rng = np.random.default_rng([arguments.seed, part])
        lines: list[bytes] = []
        made: list[list[str]] = []
        size = 0
        while size < PART_BYTES:
            draw = rng.random()
            if made and draw < 0.05:
                words = made[int(rng.integers(len(made)))]
            elif made and draw < 0.15:
                words = edited(made[int(rng.integers(len(made)))], rng, 0.02, vocabulary)
            else:
                # every document is edited a little, so that repeating the source plants no exact copies by itself
                source = split[int(rng.integers(len(split)))]
                words = edited(source, rng, 0.25, vocabulary)
            made.append(words)
            if len(made) > 2000:
                made.pop(0)
            text = " ".join(words)
            record = {"id": f"{part}-{len(lines)}", "text": text, "source": f"source {len(lines) % 20}"}
            lines.append(json.dumps(record, ensure_ascii=False).encode())
            size += len(text.encode())
        target = arguments.out / f"part-{part:04d}.jsonl.zst"
        target.write_bytes(zstandard.ZstdCompressor(level=3).compress(b"\n".join(lines) + b"\n"))
        written += size
        part += 1
    print(f"{part} parts, {written / 1e6:.0f} MB of text")


if __name__ == "__main__":
    main()
