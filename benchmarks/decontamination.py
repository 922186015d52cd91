"""Decontamination: what is found of planted evaluation items, what of clean ones, and what the search costs.

    python benchmarks/decontamination.py CORPUS --held-out FILE ... [--items 300] [--seed 0] [--keep DIR]

CORPUS and FILEs are JSON lines with a `text`, plain or in zstd, or plain text with an item a paragraph. Passages of 8
to 150 words are cut out of held-out texts that CORPUS does not have. Half of them, `--items` of each FILE's share,
are planted at random places of random documents: as they are, with other case and punctuation, or with one word in
fifteen replaced, left out or added besides. The others are left out of the corpus and are in the evaluation set all
the same: what is found of them is a false alarm, or stands in the corpus after all; the program says which, by looking
for the longest run of words in common. Two published rules look for the same items.
"""

import argparse
import io
import json
import random
import re
import statistics
import sys
import tempfile
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import zstandard
from measuring import machine, measured

EDITS = ("verbatim", "case and punctuation", "one word in fifteen")
LENGTHS = (8, 150)


def texts_of(path: Path) -> Iterator[dict[str, str]]:
    if ".jsonl" not in path.name:
        for number, part in enumerate(path.read_text(encoding="utf-8").split("\n")):
            yield {"id": str(number), "text": part}
        return
    with path.open("rb") as raw:
        stream = zstandard.ZstdDecompressor().stream_reader(raw) if path.suffix == ".zst" else raw
        for number, line in enumerate(io.TextIOWrapper(stream, encoding="utf-8")):
            record = json.loads(line)
            if record.get("lang", "en") == "en":
                yield {"id": str(record.get("id", number)), "text": record["text"]}


def normal(text: str) -> str:
    return " ".join(re.findall(r"\w+", text.lower()))


def eights_of(piece: str) -> set[tuple[str, ...]]:
    words = normal(piece).split()
    return {tuple(words[at : at + 8]) for at in range(len(words) - 7)}


def passages(
    path: Path, haystack: str, many: int, used: set[tuple[str, ...]], rng: random.Random
) -> list[str]:
    """Passages of held-out texts, none of which stands in the corpus; lengths are even on a logarithmic scale.

    No two share eight words in a row: what is planted of one is not there of another.
    """
    pool = [found["text"] for found in texts_of(path)]
    rng.shuffle(pool)
    made: list[str] = []
    passed_over = 0
    for text in pool:
        words = text.split()
        size = round(LENGTHS[0] * (LENGTHS[1] / LENGTHS[0]) ** rng.random())
        if len(re.findall(r"\w+", text)) < size + 20:
            continue
        start = rng.randrange(len(words))
        piece = " ".join(words[start : start + size])
        if len(re.findall(r"\w+", piece)) < LENGTHS[0]:
            continue
        if normal(piece) in haystack:
            passed_over += 1
            continue
        eights = eights_of(piece)
        if eights & used:
            continue
        used |= eights
        made.append(piece)
        if len(made) == many:
            print(
                f"{path.name}: {passed_over} passages stand in the corpus word for word and are passed over"
            )
            return made
    sys.exit(
        f"{path} has only {len(made)} texts for {many} passages. Give more held-out texts, or fewer --items."
    )


def edited(piece: str, edit: str, words: list[str], rng: random.Random) -> str:
    if edit == "verbatim":
        return piece
    parts = piece.split()
    if edit == EDITS[2]:
        places = [at for at, part in enumerate(parts) if re.search(r"\w", part)]
        for at in sorted(rng.sample(places, len(places) // 15), reverse=True):
            match rng.randrange(3):
                case 0:
                    parts[at] = rng.choice(words)
                case 1:
                    parts.insert(at, rng.choice(words))
                case _:
                    del parts[at]
    mangled = [re.sub(r"(?<=\w)[.,;:!?]+$", "", part) for part in parts]
    return " ".join(part.upper() if rng.random() < 0.3 else part.capitalize() for part in mangled)


def planted(text: str, piece: str, rng: random.Random) -> str:
    words = text.split(" ")
    at = rng.randrange(len(words) + 1)
    return " ".join([*words[:at], piece, *words[at:]])


def published(documents: list[str], items: list[str]) -> dict[str, tuple[set[int], int]]:
    """Items that two published rules find, and documents with such an n-gram: one (GPT-3), 70 % of 8-grams (PaLM).

    GPT-3's n is the 5th percentile of the items' lengths, from 8 to 13, and n-grams of more than 10 documents do not
    count (arXiv:2005.14165, appendix C); PaLM's rule is as in arXiv:2204.02311, section 8.
    """
    from wellkeeper.kernels import text
    from wellkeeper.kernels.overlap import find, keys_of, pattern_of, probe_of

    tables = text.load_tables()

    def hashed(texts: list[str]) -> tuple[np.ndarray, np.ndarray]:
        encoded = [found.encode() for found in texts]
        offsets = np.cumsum([0, *map(len, encoded)]).astype(np.int64)
        data = np.frombuffer(b"".join(encoded), np.uint8)
        return text.word_hashes(data, offsets, tables, np.arange(len(texts)))

    item_bounds, item_words = hashed(items)
    n = min(max(round(np.percentile(np.diff(item_bounds), 5)), 8), 13)
    found: dict[str, tuple[set[int], int]] = {}
    bounds, words = hashed(documents)
    for name, size in ((f"one {n}-gram (GPT-3)", n), ("70 % of 8-grams (PaLM)", 8)):
        pattern = pattern_of(size, gap=0)
        item, _, _, keys = keys_of(item_bounds, item_words, pattern)
        distinct, number = np.unique(keys, return_inverse=True)
        document, gram, _ = find(bounds, words, probe_of(distinct, [pattern]))
        pairs = np.unique(np.stack([document, gram]), axis=1)
        frequency = np.bincount(pairs[1], minlength=len(distinct))
        if "GPT" in name:
            counts = (frequency > 0) & (frequency <= 10)
            documents_hit = len(np.unique(pairs[0][counts[pairs[1]]]))
            found[name] = set(item[counts[number]].tolist()), documents_hit
        else:
            there = np.bincount(item, frequency[number] > 0, len(items))
            share = there / np.maximum(1, np.bincount(item, None, len(items)))
            whole = np.flatnonzero(share >= 0.7)
            of_whole = np.unique(number[np.isin(item, whole)])
            found[name] = set(whole.tolist()), len(np.unique(pairs[0][np.isin(pairs[1], of_whole)]))
    return found


def main() -> None:
    options = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    options.add_argument("corpus", type=Path)
    options.add_argument("--held-out", type=Path, nargs="+", required=True)
    options.add_argument("--items", type=int, default=300, help="planted items, and as many clean ones")
    options.add_argument("--seed", type=int, default=0)
    options.add_argument("--runs", type=int, default=3, help="timed runs of each command")
    options.add_argument("--keep", type=Path, help="folder to work in, kept")
    given = options.parse_args()
    with tempfile.TemporaryDirectory() as place:
        folder = given.keep or Path(place)
        folder.mkdir(parents=True, exist_ok=True)
        run(given, folder)


def run(given: argparse.Namespace, folder: Path) -> None:
    rng = random.Random(given.seed)
    corpus = list(texts_of(given.corpus))
    used: set[tuple[str, ...]] = set()
    haystack = "\n".join(normal(found["text"]) for found in corpus)
    share = -(-given.items // len(given.held_out))
    items: list[dict[str, str]] = []
    for path in given.held_out:
        for k, piece in enumerate(passages(path, haystack, 2 * share, used, rng)):
            state = EDITS[k // 2 % 3] if k % 2 == 0 else "clean"
            items.append({"id": f"{path.name.split('.')[0]}-{k}", "question": piece, "state": state})
    words = re.findall(r"[a-z]+", " ".join(item["question"] for item in items).lower())
    places = rng.sample(range(len(corpus)), len(items))
    where = {}
    for item, place in zip(items, places, strict=True):
        if item["state"] != "clean":
            copy = edited(item["question"], item["state"], words, rng)
            corpus[place]["text"] = planted(corpus[place]["text"], copy, rng)
            where[corpus[place]["id"]] = item["id"]
    lines = [json.dumps(document, ensure_ascii=False) + "\n" for document in corpus]
    (folder / "corpus.jsonl").write_text("".join(lines), encoding="utf-8")
    fields = ("id", "question")
    (folder / "items.jsonl").write_text(
        "".join(json.dumps({key: item[key] for key in fields}) + "\n" for item in items), encoding="utf-8"
    )
    recipe = "wellkeeper: 1\nsources: {corpus: {path: corpus.jsonl}}\nsteps:\n  - exact-duplicates.v1\n"
    (folder / "without.yaml").write_text(recipe)
    (folder / "with.yaml").write_text(f"{recipe}  - decontaminate.v1: {{sets: [items.jsonl]}}\n")
    report(folder, items, where, corpus, runs=given.runs)


def report(
    folder: Path,
    items: list[dict[str, str]],
    where: dict[str, str],
    corpus: list[dict[str, str]],
    *,
    runs: int,
) -> None:
    command = [sys.executable, "-m", "wellkeeper", "curate", "-q"]
    measured([*command, str(folder / "with.yaml"), "--out", str(folder / "out"), "--fresh"])
    rows = pq.read_table(folder / "out/ledger/overlaps").to_pylist()
    hits = {(row["id"], row["item"]) for row in rows}
    found = {item for _, item in hits}
    right = set(where.items())
    state = {item["id"]: item["state"] for item in items}
    texts = [document["text"] for document in corpus]
    others = published(texts, [item["question"] for item in items])
    rules = {"decontaminate.v1": found} | {
        name: {items[k]["id"] for k in numbers} for name, (numbers, _) in others.items()
    }
    gone = [len({document for document, _ in hits}), *(many for _, many in others.values())]
    counts = Counter(state.values())
    print(
        f"{len(corpus):,} documents, {sum(map(len, texts)) / 1e6:.0f} million characters; {len(items)} items\n"
    )
    print(f"| items | {' | '.join(rules)} |\n| --- | {' | '.join('--:' for _ in rules)} |")
    for name in (*EDITS, "clean"):
        of_state = {item for item, is_ in state.items() if is_ == name}
        told = " | ".join(f"{len(of_state & hit)} of {counts[name]}" for hit in rules.values())
        print(f"| {name} | {told} |")
    print(f"| documents that go, of {len(where)} planted | {' | '.join(map(str, gone))} |")
    shares = [row["share"] for row in rows if (row["id"], row["item"]) in right]
    print(f"\nplanted items found in their own document: {len(hits & right)} of {len(right)}; ", end="")
    print(f"smallest share {min(shares):.2f}" if shares else "")
    missed = [item for item in items if item["state"] != "clean" and item["id"] not in found]
    for item in missed:
        print(f"  missed ({item['state']}): {item['question']!r}")
    by_id = {document["id"]: document["text"] for document in corpus}
    questions = {item["id"]: item["question"] for item in items}
    for document, item in sorted(hits - right):
        run_ = longest_run(normal(questions[item]).split(), normal(by_id[document]).split())
        print(
            f"  also in {document}: {item}, {run_} words in a row of {len(normal(questions[item]).split())}"
        )
    timed(folder, command, runs)


def longest_run(a: list[str], b: list[str]) -> int:
    """Words of the longest run in common, in plain Python."""
    best, before = 0, [0] * (len(b) + 1)
    for word in a:
        now = [0] * (len(b) + 1)
        for j, other in enumerate(b):
            if word == other:
                now[j + 1] = before[j] + 1
                best = max(best, now[j + 1])
        before = now
    return best


def timed(folder: Path, command: list[str], runs: int) -> None:
    taken: dict[str, list[float]] = {"without": [], "with": []}
    for _ in range(runs):
        for name, times in taken.items():
            whole = [*command, "--dry-run", "--workers", "1", str(folder / f"{name}.yaml")]
            times.append(measured(whole, cores=1).cpu_s)
    size = (folder / "corpus.jsonl").stat().st_size / 1e6
    without, with_ = (statistics.median(times) for times in taken.values())
    print(
        f"\nCPU-s of `curate --dry-run`: {without:.2f} with exact-duplicates.v1, {with_:.2f} with the search too,"
    )
    print(f"which takes {with_ - without:.2f} for {size:.0f} MB. {machine()}")


if __name__ == "__main__":
    main()
