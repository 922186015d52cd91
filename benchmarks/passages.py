"""Passages copied into other documents: how many planted ones are found, whether any span is false, and the cost.

    python benchmarks/passages.py DATA [--words 50] [--check 200] [--runs 3] [--python EXECUTABLE]

DATA holds corpus.jsonl or corpus.jsonl.zst (id, text) and truth.jsonl (one planted copy a line: orig, copy, kind;
kind `splice` marks documents of which about a third was copied from another). A splice counts as found if a reported
span of one of its two documents stands, word for word, in the other. Some splices share no run of `words` words with
their source: how many do is told by a search that shares no code with the package.

Reported spans are drawn at random and checked against the texts by the plain Python definition of words that the tests
use: the words of the span's bytes must be the words of the holder's bytes, and as many as the ledger says.
"""

import argparse
import io
import json
import random
import sys
import tempfile
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import zstandard
from measuring import machine, measured

sys.path.insert(0, str(Path(__file__).parents[1] / "tests" / "kernels"))
from naive import words_of

RECIPE = """
wellkeeper: 1
sources:
  corpus: {{path: {path}, text: text, id: id}}
steps: {steps}
"""


def texts_of(data: Path) -> dict[str, str]:
    path = next(path for path in (data / "corpus.jsonl", data / "corpus.jsonl.zst") if path.exists())
    with path.open("rb") as file:
        stream = zstandard.ZstdDecompressor().stream_reader(file) if path.suffix == ".zst" else file
        rows = map(json.loads, io.TextIOWrapper(stream, encoding="utf-8"))
        return {row["id"]: row["text"] for row in rows}


def curated(data: Path, steps: str, folder: Path, python: str) -> float:
    """CPU seconds of a whole command, one worker, nothing to resume from."""
    path = next(path for path in (data / "corpus.jsonl", data / "corpus.jsonl.zst") if path.exists())
    recipe = folder.with_suffix(".yaml")
    recipe.write_text(RECIPE.format(path=path.resolve(), steps=steps))
    command = [
        python,
        "-m",
        "wellkeeper",
        "curate",
        str(recipe),
        "--out",
        str(folder),
        "--fresh",
        "-q",
    ]
    return measured([*command, "--workers", "1"], cores=1).cpu_s


def stands_in(words: list[str], other: list[str]) -> bool:
    size = len(words)
    return any(
        other[at] == words[0] and other[at : at + size] == words for at in range(len(other) - size + 1)
    )


def shared_run(one: list[str], other: list[str], least: int) -> bool:
    """Whether two texts share a run of `least` words."""
    runs = {tuple(one[at : at + least]) for at in range(len(one) - least + 1)}
    return any(tuple(other[at : at + least]) in runs for at in range(len(other) - least + 1))


def words_in(text: str, start: int, end: int) -> list[str]:
    return words_of(text.encode()[start:end].decode())


def splices(data: Path, texts: dict[str, str], spans: list[dict[str, Any]], least: int) -> dict[str, int]:
    by_id: dict[str, list[dict[str, Any]]] = {}
    for span in spans:
        by_id.setdefault(span["id"], []).append(span)
    planted = [json.loads(line) for line in (data / "truth.jsonl").read_text().splitlines()]
    pairs = [(row["copy"], row["orig"]) for row in planted if row["kind"] == "splice"]
    found = long = missed = 0
    for pair in pairs:
        words = {name: words_of(texts[name]) for name in pair}
        shares = shared_run(words[pair[0]], words[pair[1]], least)
        hit = any(
            stands_in(words_in(texts[mine], span["start"], span["end"]), words[theirs])
            for mine, theirs in (pair, pair[::-1])
            for span in by_id.get(mine, ())
        )
        found += hit
        long += shares
        missed += shares and not hit
    return {"planted": len(pairs), "found": found, "with_a_run": long, "missed": missed}


def false_spans(texts: dict[str, str], spans: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [
        span
        for span in spans
        if (words := words_in(texts[span["id"]], span["start"], span["end"]))
        != words_in(texts[span["holder_id"]], span["holder_start"], span["holder_end"])
        or len(words) != span["words"]
    ]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("data", type=Path)
    parser.add_argument("--words", type=int, default=50)
    parser.add_argument("--check", type=int, default=200, help="spans to check against the texts")
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--python", default=sys.executable, help="of the environment that is measured")
    given = parser.parse_args()
    step = f"[{{repeated-passages.v1: {{words: {given.words}}}}}]"
    texts = texts_of(given.data)
    size = sum(len(text.encode()) for text in texts.values()) / 1e6
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        curated(given.data, step, folder / "with", given.python)  # compiles and fills caches
        costs = [
            (
                curated(given.data, "[]", folder / "without", given.python),
                curated(given.data, step, folder / "with", given.python),
            )
            for _ in range(given.runs)
        ]
        spans = pq.read_table(folder / "with" / "ledger" / "spans").to_pylist()
    figures = splices(given.data, texts, spans, given.words)
    drawn = random.Random(0).sample(spans, min(given.check, len(spans)))
    wrong = false_spans(texts, drawn)
    without, with_step = (min(run[k] for run in costs) for k in range(2))
    print(f"{machine()}")
    print(f"{given.data}: {len(texts):,} documents, {size:.1f} MB; spans of {given.words} words or more")
    print(
        f"splices found     {figures['found']} of {figures['planted']} planted "
        f"({figures['found'] / figures['planted']:.1%}); {figures['with_a_run']} share a run of "
        f"{given.words} words with their source, and {figures['missed']} of these were missed"
    )
    print(f"false spans       {len(wrong)} of {len(drawn)} drawn from {len(spans):,}")
    print(
        f"CPU seconds       {with_step:.2f} with the step, {without:.2f} without; the step takes "
        f"{with_step - without:.2f}, {size / (with_step - without):.0f} MB a CPU-second (best of {given.runs})"
    )
    for span in wrong[:5]:
        print(json.dumps(span))
    sys.exit(1 if wrong or figures["missed"] else 0)


if __name__ == "__main__":
    main()
