"""Both curves: rounds of self-training that are verified, and rounds that are not, three seeds each.

    python examples/feedback/demo.py [--out demo-output/feedback] [--rounds 4] [--seeds 1 2 3] [--policies NAME ...]

All policies begin with the same models: one for each seed, trained on 400 sums of people. Without --policies the first
two run.

    verified               what the verifier accepts, beside the human examples; more samples for rare sums
    unverified             all answers and nothing else
    verified-alike         the first with as many samples for rare sums as for others: the gate says what is lost
    imperfect              the first with a verifier that keeps 9 of 10 right answers and 3 of 10 wrong ones
    unverified-with-core   all answers, beside the human examples: the same policy minus verification
    surprising             the first, trained on the half of what is accepted that the last model finds least likely
    random-half            the same with a half at random, its control

Given again, it goes on where it was stopped. The intervals over seeds are Student's: of three seeds they are wide, and
rest on changes that are about normal from seed to seed.
"""

import argparse
import hashlib
import json
import os
import time
from collections.abc import Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from wellkeeper.core.generated import Generated
from wellkeeper.feedback.materials import Materials
from wellkeeper.feedback.plan import Plan, read_plan
from wellkeeper.feedback.rounds import run_line
from wellkeeper.measure.selection import Rule, Selection
from wellkeeper.recipe.feeding import feed_back, materials_of, over_lines
from wellkeeper.report import svg
from wellkeeper.report.sections.common import drawn
from wellkeeper.vet.verdicts import Verdict, Verifier
from wellkeeper.vet.verifiers import VerifierSet

HERE = Path(__file__).parent
POLICIES = (
    "verified", "unverified", "verified-alike", "imperfect", "unverified-with-core", "surprising", "random-half"
)  # fmt: skip
CLAIMED = POLICIES[:2]
PHI, PSI = 0.9, 0.3


@dataclass(frozen=True, slots=True, kw_only=True)
class Imperfect:
    """A verifier that errs: it keeps a share PHI of what the other accepts, and PSI of what that rejects."""

    verifier: Verifier
    name: str = "imperfect"
    family: str = "imperfect"

    @property
    def digest(self) -> str:
        return hashlib.sha256(f"{self.verifier.digest} {PHI} {PSI}".encode()).hexdigest()

    def check(self, item: Generated) -> None:
        self.verifier.check(item)

    def verdict(self, item: Generated) -> Verdict:
        chance = int.from_bytes(hashlib.sha256(item.id.encode()).digest()[:8], "big") / 2**64
        right = self.verifier.verdict(item).said == "accepted"
        return Verdict(said="accepted" if chance < (PHI if right else PSI) else "rejected", note="drawn")


def prepared(policy: str, rounds: int, seeds: Sequence[int]) -> tuple[Plan, Materials]:
    """A policy's plan, and what its paths hold."""
    file = policy if (HERE / f"{policy}.yaml").exists() else "verified"
    plan = replace(read_plan(HERE / f"{file}.yaml"), rounds=rounds, seeds=tuple(seeds))
    if policy in {"surprising", "random-half"}:
        by: Rule = "surprise" if policy == "surprising" else "random"
        plan = replace(plan, name=policy, selection=Selection(by=by, share=0.5))
    if policy == "verified-alike":
        plan = replace(plan, name=policy, rare_samples=None)
    materials = materials_of(plan)
    if policy == "imperfect" and materials.verifiers is not None:
        noisy = VerifierSet(verifiers=(Imperfect(verifier=materials.verifiers),))
        plan, materials = (
            replace(plan, name=policy, card=None),
            replace(materials, verifiers=noisy, card=None),
        )
    return plan, materials


def line(policy: str, out: Path, rounds: int, seed: int) -> None:
    """The rounds of one policy and seed, kept on disk."""
    plan, materials = prepared(policy, rounds, [seed])
    run_line(plan, materials, seed, out / policy / f"seed-{seed}")


def accuracies(document: Mapping[str, Any]) -> list[list[float]]:
    """Of each line, the accuracy of each round."""
    return [
        [row["figures"]["accuracy"]["estimate"] for row in line["rounds"] if row["figures"]]
        for line in document["lines"]
    ]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--out", type=Path, default=Path("demo-output/feedback"))
    parser.add_argument("--rounds", type=int, default=4)
    parser.add_argument("--seeds", type=int, nargs="+", default=[1, 2, 3])
    parser.add_argument("--policies", nargs="+", choices=POLICIES, default=CLAIMED)
    parser.add_argument("--workers", type=int, default=min(2, os.cpu_count() or 1))
    given = parser.parse_args()
    begun, worked = time.perf_counter(), processor_seconds()
    given.out.mkdir(parents=True, exist_ok=True)
    with ProcessPoolExecutor(given.workers) as pool:
        jobs = [
            pool.submit(line, policy, given.out, given.rounds, seed)
            for policy in given.policies
            for seed in given.seeds
        ]
        for job in jobs:
            job.result()
    documents = {}
    for policy in given.policies:
        plan, materials = prepared(policy, given.rounds, given.seeds)
        documents[policy] = feed_back(plan, out=given.out / policy, materials=materials).to_json()
    rows = {policy: tell(policy, document) for policy, document in documents.items()}
    (given.out / "curves.json").write_text(json.dumps(rows, indent=2) + "\n")
    (given.out / "curves.svg").write_text(picture(documents, rows))
    for sentence in shown(rows, given.rounds):
        print(sentence)
    print(
        f"{time.perf_counter() - begun:.0f} s, {processor_seconds() - worked:.0f} s of processors; "
        f"{given.out}/curves.svg, and a report.html in each folder"
    )


def processor_seconds() -> float:
    """Of this process and of those that it started and that are done."""
    spent = os.times()
    return spent.user + spent.system + spent.children_user + spent.children_system


def shown(rows: Mapping[str, Mapping[str, Any]], rounds: int) -> list[str]:
    """What the two curves show, or that they do not."""
    if not set(CLAIMED) <= set(rows):
        return []
    verified, unverified = (rows[policy]["change"] for policy in CLAIMED)
    found = []
    if verified and verified["low"] is not None:
        holds = "is not below" if verified["low"] >= 0 else "is not shown to be at or above"
        found.append(f"Verified, round {rounds} {holds} the start: {told(verified)}.")
    if unverified and unverified["high"] is not None:
        holds = "is below" if unverified["high"] < 0 else "is not shown to be below"
        found.append(f"Unverified, round {rounds} {holds} the start: {told(unverified)}.")
    return found


def tell(policy: str, document: Mapping[str, Any]) -> dict[str, Any]:
    """Print a policy's curve, and give its figures."""
    lines = accuracies(document)
    curve = [row["accuracy"]["estimate"] for row in document["curve"] if row["accuracy"]]
    change = over_lines([line[-1] - line[0] for line in lines])
    print(f"{policy:22}", " ".join(f"{value:.3f}" for value in curve), f"  last less first: {told(change)}")
    for line in document["lines"]:
        print(f"  seed {line['seed']}: {of_seed(line)}")
    return {"accuracy": lines, "change": change, "curve": document["curve"]}


def of_seed(line: Mapping[str, Any]) -> str:
    """The last model of a seed beside its first one on the same items, and what guardrails said."""
    trained = [row for row in line["rounds"] if row.get("compared")]
    metrics = trained[-1]["compared"]["start"]["metrics"] if trained else []
    said = [
        "{estimate:+.3f} ({low:+.3f} to {high:+.3f}, 95 % over sums)".format(**metric["change"])
        for metric in metrics
        if metric["name"] == "accuracy" and metric["change"]
    ]
    if line["refused_in"] is not None:
        said.append(f"the gate refuses round {line['refused_in']}")
    if line["harm_in"] is not None:
        said.append(f"harm is told in round {line['harm_in']}")
    return "; ".join([*said, "stopped" if line["stopped"] else "not stopped"])


def told(change: Mapping[str, float | None] | None) -> str:
    if change is None:
        return "not known"
    estimate, low, high = (change[name] for name in ("estimate", "low", "high"))
    if low is None or high is None:
        return f"{estimate:+.3f}"
    return f"{estimate:+.3f} ({low:+.3f} to {high:+.3f}, 95 % over seeds, Student's)"


def picture(documents: Mapping[str, Mapping[str, Any]], rows: Mapping[str, Mapping[str, Any]]) -> str:
    """All curves in one picture, with what they show."""
    lines = [
        svg.Trend(
            f"line-{at + 1}",
            policy,
            [(row["round"], row["accuracy"]["estimate"]) for row in document["curve"] if row["accuracy"]],
            [
                (row["round"], max(0.0, row["accuracy"]["low"]), min(1.0, row["accuracy"]["high"]))
                for row in document["curve"]
                if row["accuracy"] and row["accuracy"]["low"] is not None
            ],
        )
        for at, (policy, document) in enumerate(documents.items())
    ]
    wide, _ = drawn(
        "curves",
        "Accuracy by round",
        "Accuracy on held-out sums by round and policy: means over seeds with Student's 95 % intervals.",
        lambda frame: svg.trends(
            frame, lines, across=svg.Axis("round", is_whole=True), upward=svg.Axis("accuracy")
        ),
    )
    changes = {
        policy: told(row["change"]).replace(", 95 % over seeds, Student's", "")
        for policy, row in rows.items()
    }
    seeds = max(len(document["lines"]) for document in documents.values())
    return svg.standalone(
        wide,
        "Last round less start: " + ", ".join(f"{policy} {change}" for policy, change in changes.items()),
        note=f"Accuracy on held-out sums, mean of {seeds} seeds; bands and brackets are Student's 95 % over seeds.",
    )


if __name__ == "__main__":
    main()
