"""How often does the mix of `wellkeeper vet` pass where it should, and fail where it should?

    python benchmarks/vet/seasoning.py [--runs 100] [--share 0.1] [--json]

Human text is passages of 90 words of the example's reference. In each run its documents are shuffled and divided: one
part is the human reference, the other makes the set. Three sets: *alike*, the passages as they are; *common*, every
word outside the 300 most common ones replaced by a draw of those; *repeated*, a tenth of the passages, ten times each.
The verdict is that of the command: by words, one permutation test, intervals over documents. Seeded.
"""

import argparse
import io
import json
import time
from collections import Counter
from pathlib import Path

import numpy as np
import verdict_counts
import zstandard

from wellkeeper.recipe.tails import WordSample
from wellkeeper.recipe.vetting_diversity import Seasoning

REFERENCE = Path(__file__).parents[2] / "examples" / "reference" / "part-0.jsonl.zst"
PASSAGE = 90
COMMON = 300


def passages() -> list[np.ndarray]:
    """Passages of each document as numbers of words, most common first; shape (passages, 90)."""
    with REFERENCE.open("rb") as packed, zstandard.ZstdDecompressor().stream_reader(packed) as stream:
        texts = [json.loads(line)["text"].lower().split() for line in io.TextIOWrapper(stream, "utf-8")]
    ranks = {
        word: rank
        for rank, (word, _) in enumerate(Counter(word for text in texts for word in text).most_common())
    }
    coded = [np.array([ranks[word] for word in text]) for text in texts]
    return [text[: len(text) // PASSAGE * PASSAGE].reshape(-1, PASSAGE) for text in coded]


def sample(rows: np.ndarray) -> WordSample:
    offsets = np.arange(len(rows) + 1) * PASSAGE
    return WordSample(np.arange(len(rows)), offsets, rows.reshape(-1).astype(np.uint64))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=100)
    parser.add_argument("--share", type=float, default=0.1)
    parser.add_argument("--human", type=int, default=1000)
    parser.add_argument("--made", type=int, default=200)
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    started = time.process_time()
    documents = passages()
    found: dict[str, Counter[str]] = {"alike": Counter(), "common": Counter(), "repeated": Counter()}
    for run in range(options.runs):
        rng = np.random.default_rng([9, run])
        order = rng.permutation(len(documents))
        edge = int(0.75 * len(order))
        human = np.concatenate([documents[k] for k in order[:edge]])
        made = np.concatenate([documents[k] for k in order[edge:]])
        human = human[rng.permutation(len(human))[: options.human]]
        made = made[rng.permutation(len(made))[: options.made]]
        common = np.where(made < COMMON, made, rng.integers(0, COMMON, made.shape))
        repeated = np.repeat(made[: max(1, len(made) // 10)], 10, axis=0)
        for name, rows in (("alike", made), ("common", common), ("repeated", repeated)):
            mixed = Seasoning(sample(human), sample(rows), permutations=199, seed=run).at(options.share)
            found[name]["too few" if mixed is None else mixed.judgement.verdict] += 1
    told = verdict_counts.told(found, vars(options), ("runs", "share", "human", "made"), begun=started)
    if options.json:
        print(json.dumps(told, indent=2))
        return
    print(
        f"{options.runs} runs, share {options.share:g}, {options.human} human and {options.made} made passages"
    )
    for name, counts in found.items():
        print(
            f"{name:9}", ", ".join(f"{verdict} {n / options.runs:.2f}" for verdict, n in counts.most_common())
        )
    print(f"{told['cpu_seconds']} CPU-seconds")


if __name__ == "__main__":
    main()
