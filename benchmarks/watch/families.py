"""How often `trend` calls a family worse that is alike, and one that is not: whole runs of known truth.

    python benchmarks/watch/families.py [--worlds 300]         # about two CPU-minutes

Four runs of 40 items x 2 answers. An item is right with a chance of its own, Beta(1.4, 0.6) for a mean of .7; an answer
has eight words of 300, Zipf distributed, each item with its own mix. All four metrics are tested, and tails compared,
beside 300 human texts of 40 words. Damage grows from run to run: scores fall by 5 points each, words are drawn at a
lower temperature, or scores rise and fall again.
"""

import argparse
import json
import os
import tempfile
import time
from pathlib import Path

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

import numpy as np

from wellkeeper.core.answers import Output
from wellkeeper.recipe.trend import trend
from wellkeeper.suites.run import Answered, Run

ITEMS, SAMPLES, LENGTH, MEMBERS = 40, 2, 8, 4
WORDS = np.array([f"w{first}{second}" for first in "abcdefghijklmnopqrst" for second in range(10, 25)])
BASE = 1 / np.arange(1, WORDS.size + 1)
BASE /= BASE.sum()

# of each run: factor of the chance to be right, temperature of the words
FAMILIES = {
    "alike": [(1.0, 1.0)] * MEMBERS,
    "scores fall by 5 points a run": [(1 - 0.05 * at / 0.7, 1.0) for at in range(MEMBERS)],
    "scores rise by 10 points, then fall by 20": [(0.86, 1.0), (1.0, 1.0), (1.0, 1.0), (0.71, 1.0)],
    "words at T = 1, .9, .8, .7": [(1.0, 1 - 0.1 * at) for at in range(MEMBERS)],
}


def run_of(
    name: str, chances: np.ndarray, mixes: np.ndarray, factor: float, heat: float, seed: list[int]
) -> Run:
    generator = np.random.default_rng(seed)
    items = []
    for at, (chance, mix) in enumerate(zip(chances, mixes, strict=True)):
        sharp = mix ** (1 / heat)
        texts = [" ".join(generator.choice(WORDS, LENGTH, p=sharp / sharp.sum())) for _ in range(SAMPLES)]
        scores = (generator.random(SAMPLES) < chance * factor).astype(float)
        items.append(
            Answered(
                name=f"{at:03}",
                prompt=None,
                outputs=tuple(Output(text=text, finish="stop") for text in texts),
                scores=tuple(scores.tolist()),
            )
        )
    return Run(name=name, model="made", suite="made", items=tuple(items), metric="exact")


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--worlds", type=int, default=300)
    given = parser.parse_args()
    started = time.process_time()
    print(
        "| family | worlds | called worse | by scores | by diversity | by degenerate | by rare words | by tails |"
    )
    print("| --- | --: | --: | --: | --: | --: | --: | --: |", flush=True)
    with tempfile.TemporaryDirectory() as folder:
        human = Path(folder) / "human.jsonl"
        drawn = np.random.default_rng(7).choice(WORDS, (300, 40), p=BASE)
        human.write_text("".join(json.dumps({"text": " ".join(row)}) + "\n" for row in drawn))
        for family, members in FAMILIES.items():
            worlds = given.worlds if family == "alike" else given.worlds // 5
            found = []
            for world in range(worlds):
                generator = np.random.default_rng([world, 1])
                chances = generator.beta(1.4, 0.6, ITEMS)
                mixes = generator.gamma(60 * BASE, size=(ITEMS, WORDS.size)) + 1e-9
                runs = [
                    run_of(f"r{at}", chances, mixes, *member, [world, 2 + at])
                    for at, member in enumerate(members)
                ]
                done = trend(
                    runs, reference=[str(human)], seed=world, out=Path(folder) / "out", permutations=499
                ).document
                tails = any(row["is_harm"] for row in done["tails"]["comparisons"])
                found.append(
                    [done["verdict"] == "worse", *(row["is_harm"] for row in done["metrics"]), tails]
                )
            shares = np.mean(found, axis=0)
            error = np.sqrt(shares[0] * (1 - shares[0]) / worlds)
            told = " | ".join(f"{share:.2f}" for share in shares[1:])
            print(f"| {family} | {worlds} | {shares[0]:.3f} ± {error:.3f} | {told} |", flush=True)
    print(f"{time.process_time() - started:.0f} CPU-seconds")


if __name__ == "__main__":
    main()
