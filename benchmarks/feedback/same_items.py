"""How often rounds of equally good models are stopped for harm, where all are judged on the same held-out items.

    python benchmarks/feedback/same_items.py [--lines 200] [--items 500] [--json]

Each model has a chance of its own to get each item right, drawn anew from one Beta distribution of mean .5: "sure"
models get an item right always or never (Beta of concentration .05), "unsure" ones sometimes (2). So all are worth the
same on items at large. Each round has two answers to each item by the new model and by the best one so far; the new one
becomes the best if the paired test says that it is better (`feedback.rounds`). Level .05.
"""

import argparse
import json
import time

import numpy as np

from wellkeeper.feedback.plan import LEVEL
from wellkeeper.measure.paired_answers import accuracy_change
from wellkeeper.measure.sequential import PairWatch
from wellkeeper.measure.verdicts import LEVEL as BETTER

SAMPLES = 2
MODELS = {"sure": 0.05, "unsure": 2.0}


def is_stopped(random: np.random.Generator, rounds: int, items: int, concentration: float) -> bool:
    """Whether a line of models that are all worth the same is stopped for harm."""
    watch = PairWatch(level=LEVEL, horizon=rounds)
    best = random.beta(concentration / 2, concentration / 2, items)
    for _ in range(rounds):
        new = random.beta(concentration / 2, concentration / 2, items)
        old_scores, new_scores = (random.binomial(SAMPLES, chances) / SAMPLES for chances in (best, new))
        watch = watch.after(
            lost=int((new_scores < old_scores).sum()), gained=int((new_scores > old_scores).sum())
        )
        if watch.alarm_week is not None:
            return True
        if accuracy_change(new_scores, old_scores).p < BETTER:
            best = new
    return False


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--lines", type=int, default=200)
    parser.add_argument("--items", type=int, default=500)
    parser.add_argument("--rounds", type=int, nargs="+", default=[4, 8, 16])
    parser.add_argument("--json", action="store_true")
    given = parser.parse_args()
    begun = time.process_time()
    random = np.random.default_rng(22)
    found = {
        name: {
            rounds: float(
                np.mean([is_stopped(random, rounds, given.items, value) for _ in range(given.lines)])
            )
            for rounds in given.rounds
        }
        for name, value in MODELS.items()
    }
    if given.json:
        print(json.dumps({"lines": given.lines, "items": given.items, "stopped": found}))
        return
    print(f"Share of {given.lines} lines that are stopped, {given.items} held-out items, level {LEVEL}:")
    for name, row in found.items():
        print(f"{name:7}", "  ".join(f"{rounds} rounds {share:.3f}" for rounds, share in row.items()))
    print(f"{time.process_time() - begun:.0f} s of one core")


if __name__ == "__main__":
    main()
