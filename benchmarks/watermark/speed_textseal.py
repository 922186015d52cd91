"""TextSeal's detector against the package's own: CPU time, one thread each, in turns in one process.

    python benchmarks/watermark/speed_textseal.py [--turns 5]

Documents of 1,000 random token ids, window 4. Ways to the same number, the sum of -ln(1 - r) over the distinct n-grams
of each document:

- detector: the package's `GumbelmaxDetector.get_scores_by_t`, a call for each token;
- batch: its `score_batch`, which finds repeats in a loop of Python and scores a document at once;
- function alone: its `prf_uniform` over all windows at once, which finds no repeats and adds nothing up;
- ours: `TextSeal.scores`, all of it, checks included.
"""

import argparse
import statistics
import time
import warnings
from collections.abc import Callable

import numpy as np
from textseal_reference import Reference

from wellkeeper.watermark.textseal import TextSeal

VOCABULARY = 256_000
KEY, WINDOW, LENGTH = 42, 4, 1000


def nanoseconds(call: Callable[[], object], tokens: int) -> float:
    start = time.process_time()
    call()
    return (time.process_time() - start) / tokens * 1e9


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--turns", type=int, default=5)
    turns = parser.parse_args().turns
    warnings.simplefilter("ignore")
    import torch

    torch.set_num_threads(1)
    tokens = np.random.default_rng(1).integers(0, VOCABULARY, 2_000 * LENGTH).astype(np.int32)
    offsets = np.arange(0, tokens.size + 1, LENGTH)
    reference, ours = (
        Reference(key=KEY, window=WINDOW),
        TextSeal(key=KEY, window=WINDOW, vocabulary=VOCABULARY),
    )
    documents = np.split(tokens[: 64 * LENGTH], offsets[1:64])
    ways = {
        "detector": (lambda: [reference.scored(one) for one in documents[:8]], 8 * LENGTH),
        "batch": (lambda: [reference.batch(one) for one in documents], 64 * LENGTH),
        "function alone": (lambda: reference.uniforms(tokens[: 64 * LENGTH]), 64 * LENGTH),
        "ours": (lambda: ours.scores(tokens, offsets), tokens.size),
    }
    for call, _ in ways.values():
        call()
    found: dict[str, list[float]] = {name: [] for name in ways}
    for _ in range(turns):
        for name, (call, size) in ways.items():
            found[name].append(nanoseconds(call, size))
    own = statistics.median(found["ours"])
    print("| way | ns a token, median (range) | tokens/s | ours is faster by |\n| --- | --: | --: | --: |")
    for name, values in found.items():
        middle = statistics.median(values)
        span = f"{middle:,.1f} ({min(values):,.1f}-{max(values):,.1f})"
        print(f"| {name} | {span} | {1e9 / middle:.2g} | {middle / own:,.1f} |")


if __name__ == "__main__":
    main()
