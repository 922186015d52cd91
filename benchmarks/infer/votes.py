"""Simulated votes: what each rule answers and how many samples it takes, if certificates hold, and when votes help.

    python benchmarks/infer/votes.py [--questions 3000] [--runs 1] [--seed 0] [--json]

A question has a chance to be answered right, Beta distributed, and 30 wrong answers that share the rest by
Dirichlet(.25): one or two of them are much likelier than the others, as the errors of a model are. Easy questions have
Beta(4, .8), medium ones Beta(1.5, 1), hard ones Beta(1.2, 2.2). A vote draws at most 40 samples. With --runs R the
questions are drawn anew R times and the table is of all of them; `lost` is then told to a tenth of a point.

*Rules*: share right; mean samples; share certified; share of votes that stopped before 40 for an answer that is not
the model's likeliest. `T=.3` answers once by p^(1/.3); that sharpens whole answers, which the temperature of tokens
does not. `window of 5` stops at 5 equal answers in a row's block, and is not shipped.

*Certificates*: of questions whose answers are all nearly alike (none more than 2 % likelier than another), of two to
31 answers, how many votes certify one that is not likeliest; at the threshold 2 / (1 - level), and at the strict one.

*Shared errors*: worlds of 25 experts, 10 moves, skill .35, by the share of errors that are shared: the estimate, how
often its interval holds it, the vote's gain over the best expert, and what the gate says.
"""

import argparse
import json
import os
import time
from collections.abc import Iterator
from typing import Any

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

import numpy as np
from numpy.typing import NDArray

from wellkeeper.lab.seeds import stream
from wellkeeper.lab.worlds.transcendence import chances, played, plurality
from wellkeeper.measure.shared_errors import shared_errors
from wellkeeper.measure.votes import MOST, RULES, Stopping, voted

TASKS = {"easy": (4.0, 0.8), "medium": (1.5, 1.0), "hard": (1.2, 2.2)}
WRONG, SPREAD = 30, 0.25
WINDOW = 5
NEARLY = 0.02
EXPERTS, MOVES, SKILL, SUITE = 25, 10, 0.35, 200
SHARED = (0.0, 0.15, 0.3, 0.45, 0.6, 0.75)

Chances = NDArray[np.float64]  # shape (questions, answers): of each answer, the right one first
Labels = NDArray[np.int64]  # shape (questions, samples)


def questions(many: int, right: tuple[float, float], random: np.random.Generator) -> Chances:
    good = random.beta(*right, many)[:, None]
    return np.concatenate([good, (1 - good) * random.dirichlet(np.full(WRONG, SPREAD), many)], axis=1)


def drawn(chance: Chances, samples: int, random: np.random.Generator) -> Labels:
    """Samples of each question; sample k is the same one by whichever rule a vote stops."""
    edges = np.cumsum(chance, axis=1)
    edges[:, -1] = np.inf
    return np.stack([(random.random((len(chance), 1)) >= edges).sum(axis=1) for _ in range(samples)], axis=1)


def rules(many: int, runs: int, seed: int) -> dict[str, dict[str, dict[str, float]]]:
    found: dict[str, dict[str, dict[str, float]]] = {}
    for task, right in TASKS.items():
        rows: dict[str, list[tuple[float, ...]]] = {}
        for run in range(runs):
            random = stream(seed, "votes", task, run)
            chance = questions(many, right, random)
            labels, likeliest = drawn(chance, MOST, random), chance.argmax(axis=1)
            sharp = (chance / chance.max(axis=1, keepdims=True)) ** (1 / 0.3)
            cool = (sharp[:, 0] / sharp.sum(axis=1)).mean()
            rows.setdefault("one sample, T=1", []).append((float((labels[:, 0] == 0).mean()), 1.0, 0.0, 0.0))
            rows.setdefault("one sample, T=.3", []).append((float(cool), 1.0, 0.0, 0.0))
            for rule in RULES:
                vote = voted(labels, Stopping(rule=rule))
                wrong = (vote.samples < MOST) & (vote.answers != likeliest)
                rows.setdefault(f"vote, {rule}", []).append(
                    (
                        float((vote.answers == 0).mean()),
                        float(vote.samples.mean()),
                        float(vote.certified.mean()),
                        float(wrong.mean()),
                    )
                )
            rows.setdefault(f"vote, window of {WINDOW}", []).append(window(labels, likeliest))
        names = ("right", "samples", "certified", "stopped wrong")
        found[task] = {
            rule: dict(zip(names, np.mean(values, axis=0).tolist(), strict=True))
            for rule, values in rows.items()
        }
    return found


def window(labels: Labels, likeliest: NDArray[np.int64]) -> tuple[float, ...]:
    """Stop at a block of five equal answers, as early-stopping self-consistency does; else the plurality of all."""
    blocks = labels.reshape(len(labels), -1, WINDOW)
    equal = (blocks == blocks[:, :, :1]).all(axis=2)
    stops = np.where(equal.any(axis=1), equal.argmax(axis=1) + 1, blocks.shape[1])
    answers = np.array(
        [
            voted(row[None, : WINDOW * stop], Stopping(rule="fixed", most=WINDOW * stop)).answers[0]
            for row, stop in zip(labels, stops, strict=True)
        ]
    )
    wrong = equal.any(axis=1) & (answers != likeliest)
    return float((answers == 0).mean()), float(WINDOW * stops.mean()), 0.0, float(wrong.mean())


def certificates(many: int, seed: int) -> Iterator[dict[str, float]]:
    """Of nearly uniform answers, with one that is likeliest by a hair."""
    for answers in (2, 3, 5, 10, 31):
        random = stream(seed, "certificates", answers)
        chance = np.full((many, answers), 1 / answers) * (1 - NEARLY * random.random((many, answers)))
        chance /= chance.sum(axis=1, keepdims=True)
        likeliest = chance.argmax(axis=1)
        labels = drawn(chance, 10 * MOST, random)
        row: dict[str, float] = {"answers": answers}
        for name, known in (("2 / alpha", None), ("strict", answers)):
            vote = voted(labels, Stopping(rule="certificate", most=10 * MOST, answers=known))
            row[f"certified, {name}"] = float(vote.certified.mean())
            row[f"wrong, {name}"] = float((vote.certified & (vote.answers != likeliest)).mean())
        yield row


def gate(worlds: int, seed: int) -> Iterator[dict[str, Any]]:
    for shared in SHARED:
        random = stream(seed, "shared errors", shared)
        play = played(
            (worlds, SUITE), experts=EXPERTS, moves=MOVES, skill=SKILL, shared=shared, random=random
        )
        right = np.zeros(SUITE, np.int64)
        found = [shared_errors(one, right, answers=MOVES, named=True) for one in play]
        intervals = [one.shared for one in found if one.shared is not None]
        yield {
            "shared": shared,
            "estimate": float(np.mean([one.estimate for one in intervals])),
            "covered": float(np.mean([one.low <= shared <= one.high for one in intervals])),
            "vote": float(np.mean([one.vote for one in found])),
            "closed form": plurality(EXPERTS, chances(MOVES, SKILL, shared)),
            "best expert": float((play == 0).mean(axis=1).max(axis=1).mean()),
            "warned": float(np.mean([one.warning is not None for one in found])),
            "help": float(np.mean([one.verdict == "votes help" for one in found])),
        }


def table(rows: list[dict[str, Any]]) -> str:
    def said(value: Any) -> str:
        return f"{value:.4f}".rstrip("0").rstrip(".") if isinstance(value, float) else str(value)

    lines = ["| " + " | ".join(rows[0]) + " |", "|" + " --- |" * len(rows[0])]
    return "\n".join([*lines, *("| " + " | ".join(map(said, row.values())) + " |" for row in rows)])


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--questions", type=int, default=3000)
    parser.add_argument("--runs", type=int, default=1)
    parser.add_argument("--worlds", type=int, default=200)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--json", action="store_true")
    given = parser.parse_args()
    begun = time.perf_counter()
    found = {
        "rules": rules(given.questions, given.runs, given.seed),
        "certificates": list(certificates(given.questions, given.seed)),
        "shared errors": list(gate(given.worlds, given.seed)),
    }
    seconds = round(time.perf_counter() - begun, 1)
    if given.json:
        print(json.dumps({**found, "seconds": seconds}, indent=2))
        return
    print(f"{given.questions} questions a task, {given.runs} times, at most {MOST} samples; {seconds} s\n")
    for task, rows in found["rules"].items():
        print(table([{task: rule, **row} for rule, row in rows.items()]), end="\n\n")
    print(table(found["certificates"]), end="\n\n")
    print(table(found["shared errors"]))


if __name__ == "__main__":
    main()
