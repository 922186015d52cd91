"""Recursion of n-gram models on WikiText-2: nine policies, the law of effective sample size, and what it costs.

    python benchmarks/lab/ngram.py examples/wikitext-2 [--replicates 3] [--only policies law time]

Prints three tables. Policies: figures of generations 0 and 10, mean and standard deviation over runs. The law: types
left and mass lost under `replace`, beside what it says. Time: CPU-seconds of one generation, and of each decoding.
"""

import argparse
import time
from pathlib import Path

import numpy as np

from wellkeeper.lab.checks.ngram import law_rows, traced
from wellkeeper.lab.human import HumanText
from wellkeeper.lab.policy import Decoding, Policy
from wellkeeper.lab.wikitext import TRAINED_ON, wikitext
from wellkeeper.lab.worlds.ngram import NgramWorld

RUNS = (
    ("maximum-likelihood", 2, "replace"),
    ("maximum-likelihood", 3, "replace"),
    ("maximum-likelihood", 3, "fixed=0.1"),
    ("maximum-likelihood", 3, "fresh=0.1"),
    ("kneser-ney", 3, "replace"),
    ("kneser-ney", 3, "fixed=0.1"),
    ("kneser-ney", 3, "fresh=0.1"),
    ("kneser-ney", 3, "accumulate"),
    ("kneser-ney", 3, "subsample"),
)
COLUMNS = (
    ("nll", "perplexity", ".0f"),
    ("coverage_rare", "words seen 1-3 times left", ".3f"),
    ("lost_mass", "mass lost", ".4f"),
    ("types", "types", ",.0f"),
    ("entropy", "entropy", ".2f"),
    ("distinct_2", "distinct-2", ".3f"),
    ("known_bigrams", "bigrams known", ".3f"),
    ("noise", "noise", ".2f"),
)
DECODINGS = (
    "temperature=1",
    "temperature=0.8",
    "top-k=50",
    "top-p=0.95",
    "top-k=50,top-p=0.95",
    "temperature=0",
)
GENERATIONS = 10


def policies(human: HumanText, replicates: int) -> None:
    print("| model | policy | generation |", " | ".join(title for _, title, _ in COLUMNS), "|")
    print("| --- | --- | --: |", "--: | " * len(COLUMNS))
    for estimator, order, policy in RUNS:
        found = traced(
            human,
            policy,
            order=order,
            estimator=estimator,
            size=TRAINED_ON,
            count=GENERATIONS,
            replicates=replicates,
        )
        for number in (0, GENERATIONS) if policy == "replace" else (GENERATIONS,):
            cells = []
            for name, _, form in COLUMNS:
                values = np.exp(found[name][:, number]) if name == "nll" else found[name][:, number]
                spread = f" ± {values.std(ddof=1):{form}}" if replicates > 1 and number else ""
                cells.append(f"{values.mean():{form}}{spread}")
            print(f"| {estimator}, order {order} | {policy} | {number} |", " | ".join(cells), "|", flush=True)


def law(human: HumanText) -> None:
    print("\n| figure | law | measured | difference | holds |\n| --- | --: | --: | --: | --- |")
    for row in law_rows(human, size=TRAINED_ON):
        target = float(row.target)
        cells = [f"{target:.5g}", f"{row.measured:.5g}", f"{row.measured / target - 1:+.2%}", str(row.holds)]
        print(f"| {row.name} |", " | ".join(cells), "|")


def times(human: HumanText) -> None:
    world = NgramWorld(human).beside(TRAINED_ON)
    random = np.random.default_rng(0)
    data = world.human(0, TRAINED_ON, random)
    model = world.fit(data, random)
    world.figures(data, model)  # loops are compiled, and the judge is fitted
    print("\n| what, of 200,000 words | CPU-seconds |\n| --- | --: |")
    print(f"| fit | {seconds(lambda: world.fit(data, random)):.2f} |")
    print(f"| figures | {seconds(lambda: world.figures(data, model)):.2f} |")
    for words in DECODINGS:
        decoding: Decoding = Policy.parse(words).decoding
        world.sample(model, 10, decoding, random)
        took = seconds(lambda: world.sample(model, TRAINED_ON, decoding, random))  # noqa: B023
        print(f"| sample, {words} | {took:.2f} |", flush=True)


def seconds(work) -> float:
    began = time.process_time()
    work()
    return time.process_time() - began


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("text", type=Path, help="folder with WikiText-2's test.txt and valid.txt")
    parser.add_argument("--replicates", type=int, default=3)
    parser.add_argument(
        "--only", nargs="+", choices=("policies", "law", "time"), default=("policies", "law", "time")
    )
    given = parser.parse_args()
    human = wikitext(given.text).human()
    if "policies" in given.only:
        policies(human, given.replicates)
    if "law" in given.only:
        law(human)
    if "time" in given.only:
        times(human)


if __name__ == "__main__":
    main()
