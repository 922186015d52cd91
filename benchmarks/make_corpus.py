"""A corpus of any size from a small one: sentences of the small one, recombined, with planted copies.

    python benchmarks/make_corpus.py SOURCE.jsonl[.zst] OUT --megabytes 1200

Writes OUT/part-0000.jsonl.zst, ... of about 40 MB of text each. Documents are made of runs of sentences of one
source document, a tenth of them with some words replaced; 5 % are exact copies of earlier documents of the
same part and 10 % copies with edits. Seeded: the same arguments give the same bytes.
"""

import argparse
import io
import json
from pathlib import Path

import numpy as np
import zstandard

PART_BYTES = 40_000_000


def read(path: Path) -> list[str]:
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


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("source", type=Path)
    parser.add_argument("out", type=Path)
    parser.add_argument("--megabytes", type=int, default=300)
    parser.add_argument("--seed", type=int, default=0)
    arguments = parser.parse_args()
    texts = read(arguments.source)
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
