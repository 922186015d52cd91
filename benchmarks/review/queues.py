"""What it takes to make a queue: time, memory and disk, of all documents of a large set and of a few of them.

    python benchmarks/review/queues.py [--documents 100000] [--sizes 500 100000] [--json]

A corpus of that many documents is made of the example texts (`benchmarks/make_corpus.py`, seed 0), a fifth of it
labelled as made by a model, and curated with near-duplicates.v1 and origin.v1; making and curating are not timed. Then
`wellkeeper review init` runs as a process of its own, once for each kind and size; CPU time and the largest resident
memory are those of its whole process tree.
"""

import argparse
import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
import make_corpus
from measuring import load, machine, measured

RECIPE = """\
wellkeeper: 1
sources:
  web: {path: corpus/web-*.jsonl, text: text, source: source}
  made: {path: corpus/made-*.jsonl, text: text, source: source, origin: ai-generated, generator: someone}
steps:
  - near-duplicates.v1: {similarity: 0.8}
  - origin.v1: {drop_above: 0.99, review_between: [0.8, 0.99]}
mix: {size: all}
"""
KINDS = ("origin", "duplicates")
FILES = 10  # of the corpus


def made_set(folder: Path, documents: int) -> Path:
    """A curated set of that many documents."""
    parts, make = folder / "parts", [sys.executable, make_corpus.__file__, str(make_corpus.EXAMPLES)]
    megabytes, texts = 1 + documents // 1000, []
    while len(texts) < documents:
        subprocess.run([*make, str(parts), "--megabytes", str(megabytes)], check=True, capture_output=True)
        texts = [text for path in sorted(parts.glob("*.zst")) for text in make_corpus.texts_of(path)]
        megabytes *= 2
    (folder / "corpus").mkdir()
    step = max(1, documents // FILES)
    for number, first in enumerate(range(0, documents, step)):
        name = "made" if number % 5 == 4 else "web"
        with (folder / "corpus" / f"{name}-{number}.jsonl").open("w", encoding="utf-8") as file:
            for at in range(first, min(first + step, documents)):
                entry = {"id": f"d{at:07d}", "text": texts[at], "source": f"site {at % 20}"}
                file.write(json.dumps(entry, ensure_ascii=False) + "\n")
    recipe = folder / "recipe.yaml"
    recipe.write_text(RECIPE)
    out = folder / "out"
    command = [sys.executable, "-m", "wellkeeper", "curate", str(recipe), "--out", str(out), "--quiet"]
    subprocess.run(command, check=True, capture_output=True)
    return out


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--documents", type=int, default=100_000)
    parser.add_argument("--sizes", type=int, nargs="+", default=[500, 100_000])
    parser.add_argument("--json", action="store_true", help="Print one JSON object.")
    arguments = parser.parse_args()
    begun, rows = time.perf_counter(), []
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        out = made_set(folder, arguments.documents)
        texts = sum(path.stat().st_size for path in (folder / "corpus").iterdir())
        for kind in KINDS:
            for size in arguments.sizes:
                queue = folder / f"{kind}-{size}.sqlite"
                command = [sys.executable, "-m", "wellkeeper", "review", "init", str(out), "--from", kind]
                usage = measured([*command, "--size", str(size), "--queue", str(queue), "--json"])
                rows.append(
                    {
                        "kind": kind,
                        "size": size,
                        "items": items_in(queue),
                        "wall_s": round(usage.wall_s, 2),
                        "cpu_s": round(usage.cpu_s, 2),
                        "peak_mb": round(usage.peak_mb),
                        "queue_mb": round(queue.stat().st_size / 1e6, 1),
                    }
                )
    told = {
        "machine": machine(),
        "load": load(),
        "documents": arguments.documents,
        "corpus_mb": round(texts / 1e6, 1),
        "queues": rows,
        "seconds": round(time.perf_counter() - begun, 1),
    }
    if arguments.json:
        print(json.dumps(told))
        return
    print(f"{told['documents']:,} documents, {told['corpus_mb']} MB; {told['machine']}, load {told['load']}")
    for row in rows:
        print(
            f"{row['kind']:<11} {row['items']:>8,} items  {row['wall_s']:>6} s  {row['cpu_s']:>6} s CPU  "
            f"{row['peak_mb']:>5} MB at most  {row['queue_mb']:>6} MB file"
        )
    print(f"{told['seconds']} s in all")


def items_in(queue: Path) -> int:
    from wellkeeper.review.queue import ReviewQueue

    with ReviewQueue(queue) as opened:
        return opened.standing().items


if __name__ == "__main__":
    main()
