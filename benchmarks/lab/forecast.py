"""How far off forecasts are, on corpora that they were not made for: two generations measured, the tenth scored.

    python benchmarks/lab/forecast.py FILE... [--by COLUMN] [--where COLUMN=VALUE] [--policy P]... [--runs 12]
    python benchmarks/lab/forecast.py FILE... --proxy transformer --policy replace --scored 4 --calibrated-on 2 --runs 2

Each file holds JSON lines with a text, plain or .zst. With --by, documents of each value of the column (up to a colon)
are a corpus of their own. The proxy is a 3-gram Kneser-Ney model, or another experiment of the lab on text; a small
transformer takes a minute of a processor core for each generation. For each corpus and policy it prints the forecast's
relative error against the mean of further runs with other seeds, and how many of these lie within its 90 % bands.
"""

import argparse
import hashlib
import io
import json
from collections import defaultdict
from pathlib import Path

import numpy as np
import zstandard

from wellkeeper.lab.forecast import forecast_of, is_iterable, largest_size
from wellkeeper.lab.human import human_text
from wellkeeper.lab.policy import Policy
from wellkeeper.lab.recursion import generations
from wellkeeper.lab.registry import experiment
from wellkeeper.lab.running import settings_of

POLICIES = ("replace", "fixed=0.1", "fresh=0.1", "subsample")
MOST_WORDS = 200_000


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("files", nargs="+", type=Path)
    parser.add_argument("--by")
    parser.add_argument("--where", action="append", default=[])
    parser.add_argument("--policy", action="append")
    parser.add_argument("--runs", type=int, default=12, help="scored runs of each corpus and policy")
    parser.add_argument("--least", type=int, default=100, help="documents of a corpus")
    parser.add_argument("--only", nargs="*", help="corpora, of all")
    parser.add_argument("--words", type=int, default=MOST_WORDS)
    parser.add_argument("--proxy", default="ngram")
    parser.add_argument("--scored", type=int, nargs="+", default=[2, 5, 10], help="generations")
    parser.add_argument("--calibrated-on", type=int, help="runs of two generations")
    arguments = parser.parse_args()
    corpora = read(arguments)
    policies = [Policy.parse(text) for text in arguments.policy or POLICIES]
    inside: dict[str, list[np.ndarray]] = defaultdict(list)
    errors: dict[str, list[np.ndarray]] = defaultdict(list)
    head = "  ".join(f"gen {generation}: types  lost" for generation in arguments.scored)
    print(f"{'corpus':28} {'policy':12} {'words':>7}  {head}")
    for name, documents in corpora.items():
        human = human_text(documents)
        for policy in policies:
            if is_iterable(policy):
                size, error, covered = score(human, policy, arguments)
                errors[str(policy)].append(error)
                inside[str(policy)].append(covered)
                said = "  ".join(f"{a:+13.1%} {b:+6.1%}" for a, b in error)
                print(f"{name[:28]:28} {policy!s:12} {size:7}  {said}", flush=True)
    for policy, found in errors.items():
        worst, mean = np.abs(found).max(axis=0), np.abs(found).mean(axis=0)
        cover = np.mean(inside[policy], axis=(0, 1))
        for row, label in ((mean, "mean |error|"), (worst, "largest"), (cover, "within bands")):
            said = "  ".join(f"{a:13.1%} {b:6.1%}" for a, b in row)
            print(f"{label:28} {policy:12} {'':7}  {said}")


def score(human, policy: Policy, arguments):
    """Relative errors, shape (scored generations, 2), and which runs are within bands, (runs, scored, 2)."""
    scored, last = arguments.scored, max(arguments.scored)
    size = largest_size(human.text.words.size, [policy], last, most=arguments.words)
    proxy = experiment(arguments.proxy)
    world = proxy.world(1, human, 0, **settings_of(proxy, {}))
    replicates = arguments.calibrated_on
    found = forecast_of(world, human, policy, size=size, count=last, seed=1, replicates=replicates)
    truth = []
    for run in range(arguments.runs):
        told = [
            (generation.figures["kept_types"][0], generation.figures["lost_mass"][0])
            for generation in generations(world, policy, size=size, count=last, seed=2, replicate=run)
        ]
        truth.append([told[number] for number in scored])
    truth = np.array(truth)
    both = (found.types, found.lost_mass)
    estimate, low, high = (
        np.stack([getattr(banded, part)[scored] for banded in both], axis=1)
        for part in ("estimate", "low", "high")
    )
    return size, estimate / truth.mean(axis=0) - 1, (low <= truth) & (truth <= high)


def read(arguments) -> dict[str, list[str]]:
    wanted = dict(condition.split("=", 1) for condition in arguments.where)
    corpora: dict[str, dict[str, None]] = defaultdict(dict)
    for path in arguments.files:
        for line in lines(path):
            row = json.loads(line)
            if all(str(row.get(column)) == value for column, value in wanted.items()):
                by = str(row.get(arguments.by)).split(":")[0] if arguments.by else path.name.split(".")[0]
                corpora[by][row["text"]] = None
    found = {}
    for name, texts in sorted(corpora.items()):
        ordered = sorted(texts, key=lambda text: hashlib.sha256(text.encode()).digest())
        words = np.cumsum([len(text.split()) for text in ordered])
        if len(ordered) >= arguments.least and (not arguments.only or name in arguments.only):
            found[name] = ordered[: int(np.searchsorted(words, 2.5 * arguments.words)) + 1]
    return found


def lines(path: Path):
    with path.open("rb") as file:
        stream = zstandard.ZstdDecompressor().stream_reader(file) if path.suffix == ".zst" else file
        yield from io.TextIOWrapper(stream, encoding="utf-8")


if __name__ == "__main__":
    main()
