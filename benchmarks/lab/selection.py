"""Which data to train on: a detector's weights and a model's own surprise, each beside a random draw of the same size.

    python benchmarks/lab/selection.py examples/wikitext-2 [--words 100000] [--replicates 5] [--generations 10]
        [--only POLICY...] [--json FILE]

Kneser-Ney models of order 3 of WikiText-2, cut into documents of 128 words, the size of the published experiments in
tokens. Prints how much model 0 is surprised by what it read, by what it wrote and by people whom it never read; then
figures of each policy at the last generation, mean and 95 % interval over replicates; then the difference of each
selection from its control, the random draw of as many from the same pool, replicate by replicate. Replicates draw other
output of models from the same text of people: intervals are of that chance alone.
"""

import argparse
import json
import time
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import numpy as np

from wellkeeper.lab.bands import change
from wellkeeper.lab.experiment import Curve
from wellkeeper.lab.human import HumanText
from wellkeeper.lab.policy import Decoding, Policy
from wellkeeper.lab.reading import read
from wellkeeper.lab.recursion import generations
from wellkeeper.lab.seeds import stream
from wellkeeper.lab.text import Text
from wellkeeper.lab.text_figures import FIGURES, in_blocks
from wellkeeper.lab.wikitext import wikitext
from wellkeeper.lab.worlds.ngram import NgramWorld

LENGTH = 128  # words of a document
POLICIES = {  # and the control of each
    "replace": None,
    "accumulate": None,
    "fixed=0.1": None,
    "subsample": None,
    "subsample,surprise=inf": "subsample",
    "subsample,surprise=10": "subsample",
    "subsample,surprise=-inf": "subsample",
    "subsample,fresh=0.1": None,
    "subsample,fresh=0.1,surprise=inf": "subsample,fresh=0.1",
    "subsample,temperature=0.9": None,
    "subsample,surprise=inf,temperature=0.9": "subsample,temperature=0.9",
    "subsample,temperature=0.8": None,
    "subsample,surprise=inf,temperature=0.8": "subsample,temperature=0.8",
    "subsample,surprise=-inf,temperature=0.8": "subsample,temperature=0.8",
    "replace,surprise=0/0.5,temperature=0.8": None,
    "replace,surprise=inf/0.5,temperature=0.8": "replace,surprise=0/0.5,temperature=0.8",
    "replace,surprise=0/0.5": None,
    "replace,surprise=inf/0.5": "replace,surprise=0/0.5",
    "fixed=0.1,surprise=0/0.5": None,
    "fixed=0.1,surprise=inf/0.5": "fixed=0.1,surprise=0/0.5",
    "fixed=0.1,detect=0.9/10/0.5/1": "fixed=0.1,surprise=0/0.5",
    "accumulate,surprise=0/0.5": None,
    "accumulate,surprise=inf/0.5": "accumulate,surprise=0/0.5",
    "accumulate,detect=0.9/10/0.5/1": "accumulate,surprise=0/0.5",
    "accumulate,detect=0.9": "accumulate",
}
COLUMNS = {
    "people": "people's documents",
    "nll": "held-out nats a word",
    "nll_1": "of words of 1 document",
    "nll_over_20": "of words of >20 documents",
    "coverage_rare": "rare words left",
    "noise": "noise, nats a word",
    "entropy": "entropy, bits",
    "distinct_2": "distinct-2",
}


def cut(human: HumanText) -> HumanText:
    """The same text in short documents."""
    return replace(
        human,
        text=in_blocks(human.text, LENGTH),
        held_out=in_blocks(human.held_out, LENGTH),
        documents=(),
        held_out_documents=(),
    )


def surprises(world: NgramWorld, words: int) -> dict[str, float]:
    """Of model 0, nats a word, mean over documents."""
    random = stream(0, "benchmark")
    read_by_it = world.human(0, words, random)
    model = world.fit(read_by_it, random)
    texts = {
        "people, read": read_by_it,
        "its own": world.sample(model, words, Decoding(), random),
        "its own at temperature 0.8": world.sample(model, words, Decoding(temperature=0.8), random),
        "people, not read": world.human(words, words, random),
    }
    return {name: float(world.surprise(model, text).mean()) for name, text in texts.items()}


def by_people(world: NgramWorld, data: Text) -> float:
    """Share of the documents of a training set that people wrote, in [0, 1]."""
    people = set(each(world.text.text))
    return float(np.mean([document in people for document in each(data)]))


def each(text: Text) -> list[bytes]:
    bounds = text.offsets.tolist()
    return [text.words[first:end].tobytes() for first, end in pairwise(bounds)]


def curve(world: NgramWorld, policy: str, given) -> Curve:
    runs = [
        [
            {**generation.figures, "people": [by_people(world, generation.data)]}
            for generation in generations(
                world,
                Policy.parse(policy),
                size=given.words,
                count=given.generations,
                seed=given.seed,
                replicate=replicate,
            )
        ]
        for replicate in range(given.replicates)
    ]
    figures = {
        name: np.array([[float(figures[name][0]) for figures in run] for run in runs]) for name in runs[0][0]
    }
    return Curve(label=policy, axis="generation", points=np.arange(given.generations + 1.0), figures=figures)


def ends(found: Curve, name: str):
    return found.figures[name][:, -1]


def told(found: Curve) -> list[str]:
    verdict = read([found], FIGURES).told[0].verdict
    cells = []
    for name in COLUMNS:
        between = change(np.zeros_like(ends(found, name)), ends(found, name))
        if between is None or between.low is None:
            cells.append("" if between is None else f"{between.change:.3f}")
        else:
            cells.append(f"{between.change:.3f} ± {between.high - between.change:.3f}")
    return [*cells, verdict]


def difference(control: Curve, found: Curve, name: str) -> str:
    between = change(ends(control, name), ends(found, name))
    if between is None or between.low is None:
        return "" if between is None else f"{between.change:+.3f}"
    return f"{between.change:+.3f} ({between.low:+.3f} to {between.high:+.3f})"


def row(*cells: str) -> None:
    print("|", " | ".join(cells), "|", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("text", type=Path, help="folder with WikiText-2's test.txt and valid.txt")
    parser.add_argument("--words", type=int, default=100_000, help="of the first training set")
    parser.add_argument("--generations", type=int, default=10)
    parser.add_argument("--replicates", type=int, default=5)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--only", nargs="+", default=list(POLICIES), help="policies")
    parser.add_argument("--json", type=Path, help="file for all figures")
    given = parser.parse_args()
    began = time.process_time()
    world = NgramWorld(cut(wikitext(given.text).human()))
    known = surprises(world, given.words)
    print(
        "surprise of model 0, nats a word:", ", ".join(f"{name} {value:.2f}" for name, value in known.items())
    )
    row("policy", *COLUMNS.values(), "disease")
    row("---", *("--:" for _ in COLUMNS), "---")
    curves = {}
    for policy in given.only:
        curves[policy] = found = curve(world, policy, given)
        if len(curves) == 1:
            row("generation 0", *(f"{found.figures[name][0, 0]:.3f}" for name in COLUMNS), "")
        row(policy, *told(found))
    print()
    row("selection minus its control", *COLUMNS.values())
    row("---", *("--:" for _ in COLUMNS))
    for policy, control in POLICIES.items():
        if control in curves and policy in curves:
            row(policy, *(difference(curves[control], curves[policy], name) for name in COLUMNS))
    print(f"\n{time.process_time() - began:.0f} CPU-seconds")
    if given.json:
        figures = {
            policy: {name: values.tolist() for name, values in found.figures.items()}
            for policy, found in curves.items()
        }
        given.json.write_text(json.dumps({"surprise": known, "curves": figures}))


if __name__ == "__main__":
    main()
