"""Held-out likelihood: is the interval of the excess right, what does it find, and does the model say what others say?

    python benchmarks/tails/likelihood.py [--worlds 500] [--seed 0]        # simulated sources, some CPU-minutes
    python benchmarks/tails/likelihood.py --wikitext FOLDER                # test.txt and valid.txt of WikiText-2
    python benchmarks/tails/likelihood.py --rewrites TEXTS.jsonl[.zst]     # human texts and AI versions of them

Each world draws three texts of one source: a corpus and two halves of a reference. Columns: worlds whose 95 % interval
of the excess covers 0, which is the truth; worlds whose interval lies above 0 (.025 at most, for a true level); mean
width of the intervals over the ideal width, 2 * 1.96 standard deviations of the excess over worlds; worlds whose
interval of the plain figure, under the model of the corpus, covers its mean over all worlds. Then the share of worlds
in which the excess is found, its interval above 0, where the corpus was drawn at a temperature below 1.

With --wikitext: perplexity of a model of the first 200,000 tokens of the test part, on the tokens of the validation
part from 150,000 on, over the 18,215 words of all but the 10,000 tokens before these, and the time that fitting takes.
Tokens are words between blanks and the ends of lines that are not blank.

With --rewrites (fields text, label "human" or "ai", pair): subjects are dealt into three parts. Human texts of two are
the halves of the reference; the corpus is the human texts of the third part, their AI versions, or the AI versions of
the held-out texts themselves, which pass on the rare words that are to be predicted.
"""

import argparse
import io
import json
import os
import re
import sys
import time
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "tests" / "measure"))

import numpy as np
import zstandard
from numpy.typing import NDArray
from text_sources import Source

from wellkeeper.measure.held_out import Taught, held_out_likelihood
from wellkeeper.measure.incidence import Documents
from wellkeeper.measure.kneser_ney import fit

DESIGNS = {
    "60 documents": (Source(), 60),
    "100 documents": (Source(), 100),
    "100, no topics, no bursts": (Source(contrast=0.0, burst=0.0), 100),
    "400 short documents": (Source(words=60), 400),
}
TEMPERATURES = (0.98, 0.95, 0.9)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--worlds", type=int, default=500)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--wikitext", type=Path)
    parser.add_argument("--rewrites", type=Path)
    arguments = parser.parse_args()
    if arguments.wikitext:
        wikitext(arguments.wikitext)
        return
    if arguments.rewrites:
        rewrites(arguments.rewrites, arguments.seed)
        return
    print("| design | words in documents | covers 0 | above 0 | width | plain figure covered |")
    print("| --- | --- | --: | --: | --: | --: |")
    for name, (source, documents) in DESIGNS.items():
        for figure, found in drawn(source, source, documents, arguments.worlds, arguments.seed).items():
            excess, plain = (
                np.array([[i.estimate, i.low, i.high] for i in part])
                for part in zip(*((one.excess, one.corpus) for one in found), strict=True)
            )
            width = np.mean(excess[:, 2] - excess[:, 1]) / (2 * 1.96 * excess[:, 0].std())
            cells = (
                f"{covered(excess, 0.0):.3f}",
                f"{np.mean(excess[:, 1] > 0):.3f}",
                f"{width:.2f}",
                f"{covered(plain, plain[:, 0].mean()):.3f}",
            )
            print(f"| {name} | {figure} | {' | '.join(cells)} |", flush=True)
    print()
    print(f"| found in worlds of 100 documents | {' | '.join(f'T = {t}' for t in TEMPERATURES)} |")
    print(f"| --- |{' --: |' * len(TEMPERATURES)}")
    power = [
        drawn(Source(temperature=t), Source(), 100, arguments.worlds // 5, arguments.seed)
        for t in TEMPERATURES
    ]
    for figure in power[0]:
        shares = (np.mean([one.excess.low > 0 for one in found[figure]]) for found in power)
        print(f"| {figure} | {' | '.join(f'{share:.2f}' for share in shares)} |", flush=True)


def covered(intervals: NDArray[np.float64], truth: float) -> float:
    return float(np.mean((intervals[:, 1] <= truth) & (truth <= intervals[:, 2])))


def drawn(
    corpus: Source, reference: Source, documents: int, worlds: int, seed: int
) -> dict[str, list[Taught]]:
    """The figures of all worlds, by name."""
    random = np.random.default_rng(seed)
    ours, theirs = corpus.sampler(), reference.sampler()
    found = defaultdict(list)
    for _ in range(worlds):
        texts = [
            Documents(offsets=offsets, hashes=hashes)
            for offsets, hashes in (sample(documents, random) for sample in (ours, theirs, theirs))
        ]
        likelihood = held_out_likelihood(*texts)
        for name, taught in (*likelihood.bands, ("mean", likelihood.mean), ("worst", likelihood.worst)):
            found[name].append(taught)
    return found


def wikitext(folder: Path) -> None:
    test, valid = (list(tokens(folder / name)) for name in ("test.txt", "valid.txt"))
    held_out_text = valid[150_000:]
    known_words = dict.fromkeys((*test, *valid[:140_000], *held_out_text))
    numbers = {word: number for number, word in enumerate(known_words)}
    read, held_out = (
        np.array([numbers[word] for word in words], np.int32) for words in (test[:200_000], held_out_text)
    )
    whole = np.array([0, read.size])
    fit(whole, read, vocabulary=len(numbers))  # loads the loops
    begun = time.process_time()
    model = fit(whole, read, vocabulary=len(numbers))
    seconds = time.process_time() - begun
    logs = model.log_probabilities(np.array([0, held_out.size]), held_out)
    known = set(zip(read[:-1].tolist(), read[1:].tolist(), strict=True))
    pairs = set(zip(held_out[:-1].tolist(), held_out[1:].tolist(), strict=True))
    print(
        f"vocabulary {len(numbers):,}, perplexity {np.exp(-logs.mean()):.1f}, fitted in {seconds:.3f} CPU-s,"
    )
    print(f"distinct 2-grams held out that the text has: {len(pairs & known) / len(pairs):.3f}")


def rewrites(path: Path, seed: int) -> None:
    with path.open("rb") as raw:
        stream = zstandard.ZstdDecompressor().stream_reader(raw) if path.suffix == ".zst" else raw
        rows = [json.loads(line) for line in io.TextIOWrapper(stream, encoding="utf-8")]
    subjects = sorted({str(row["pair"]) for row in rows})
    part_of = dict(
        zip(subjects, np.random.default_rng(seed).integers(3, size=len(subjects)).tolist(), strict=True)
    )
    numbers: dict[str, int] = {}

    def part(number: int, label: str) -> Documents:
        chosen = [
            re.findall(r"\w+", row["text"].lower())
            for row in rows
            if row["label"] == label and part_of[str(row["pair"])] == number
        ]
        hashes = [numbers.setdefault(word, len(numbers)) for words in chosen for word in words]
        ends = np.cumsum([0, *map(len, chosen)])
        return Documents(offsets=ends.astype(np.int64), hashes=np.array(hashes, np.uint64))

    first, second = part(0, "human"), part(1, "human")
    corpora = {
        "human": part(2, "human"),
        "AI, other subjects": part(2, "ai"),
        "AI, of the held-out texts": part(1, "ai"),
    }
    print("| corpus | words in documents | excess, nats a word |")
    print("| --- | --- | --: |")
    for name, corpus in corpora.items():
        found = held_out_likelihood(corpus, first, second)
        for band, taught in (*found.bands, ("mean", found.mean), ("worst", found.worst)):
            excess = taught.excess
            print(f"| {name} | {band} | {excess.estimate:.2f} ({excess.low:.2f} to {excess.high:.2f}) |")


def tokens(path: Path) -> Iterator[str]:
    for line in path.read_text(encoding="utf-8").splitlines():
        if line.strip():
            yield from line.split()
            yield "\n"


if __name__ == "__main__":
    main()
