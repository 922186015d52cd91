"""Does the gate of `wellkeeper vet` catch bad verifiers and let good ones pass? Simulated sets of known truth.

    python benchmarks/vet/gate.py                     # 200 sets a row, about two CPU-minutes
    python benchmarks/vet/gate.py --runs 40 --json    # the same, small, as JSON

A verifier keeps a right text with chance phi and a wrong one with chance psi. Its card is measured on labelled texts,
half of them right; it then looks at a set of 1,000 texts of which a share p is right. The gate knows no more.

*bad*       phi = psi. Caught: the verifier's condition does not pass.
*good*      phi .9, psi .1 or .2, and it keeps rare cells as often as common ones. Passed: both conditions pass.
*tail*      2,000 texts, 800 of them in 100 rare cells, 1,200 in 20 common ones; chances of being kept differ from cell
            to cell (standard deviation .4 of the log odds). Eating: rare cells are kept at half the rate. Caught: the
            tail's condition fails. Neutral: it passes.
*time-outs* 30 % of texts have no verdict, at random, or of the right ones only, in card and set alike. A right text
            without a verdict is one that a stricter reading would call wrong. Passed as above; `bias` is the mean of
            the estimate of the share right among the texts kept, less the truth.
*bounds*    share of sets in which the one-sided 95 % lower bound of the share right among the texts kept is no more
            than the truth, and the bound's mean: posterior draws, as shipped, and a box of the Wilson bounds of phi,
            psi and the share kept.
*audit*     the same of bounds by labels of a random part of the set.
"""

import argparse
import json
import time
from collections.abc import Callable, Mapping
from statistics import NormalDist
from typing import Any

import numpy as np

from wellkeeper.measure.jackknife import wilson
from wellkeeper.measure.tail_cost import topic_cost
from wellkeeper.measure.verifier import Audited, Kept, audited_right, kept_right
from wellkeeper.vet.cards import Card, Labelled
from wellkeeper.vet.gate import Condition, tail_condition, verifier_condition

TEXTS = 1_000
RARE, COMMON, RARE_TEXTS, COMMON_TEXTS, SPREAD = 100, 20, 800, 1_200, 0.4
DESIGNS = [
    (phi, psi, p, right, wrong, texts)
    for phi, psi, p in [
        (0.9, 0.1, 0.5), (0.9, 0.1, 0.7), (0.9, 0.1, 0.9), (0.9, 0.1, 0.98), (0.9, 0.2, 0.5), (0.9, 0.2, 0.9),
        (0.9, 0.3, 0.4), (0.6, 0.3, 0.34), (0.99, 0.01, 0.6), (0.99, 0.01, 0.95), (0.9, 0.1, 0.1), (0.7, 0.5, 0.42),
        (0.9, 0.9, 0.5), (0.5, 0.5, 0.5), (0.9, 0.9, 0.8),
    ]
    for right, wrong, texts in [(100, 100, 1_000), (30, 30, 1_000), (20, 180, 500), (500, 500, 300)]
]  # fmt: skip
_Z = NormalDist().inv_cdf(0.95)

Row = dict[str, Any]


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--runs", type=int, default=200, help="sets of each row")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--json", action="store_true", dest="as_json")
    arguments = parser.parse_args()
    begun = time.process_time()
    rows = measured(arguments.runs, arguments.seed)
    spent = time.process_time() - begun
    if arguments.as_json:
        print(json.dumps({"runs": arguments.runs, "seed": arguments.seed, "rows": rows}, indent=1))
        return
    for row in rows:
        print(
            "  ".join(
                f"{name} {value:.3f}" if isinstance(value, float) else f"{value}"
                for name, value in row.items()
            )
        )
    print(f"{arguments.runs} sets a row, seed {arguments.seed}, {spent:.0f} CPU-s")


def measured(runs: int, seed: int) -> list[Row]:
    """All rows of the table."""
    rows = [bad(rate, p, runs, seed) for rate in (0.5, 0.9) for p in (0.5, 0.9)]
    rows += [good(psi, p, runs, seed) for psi in (0.1, 0.2) for p in (0.5, 0.7, 0.9)]
    rows += [tail(at, runs, seed) for at in (0.5, 0.7, 1.0)]
    rows += [time_outs(which, runs, seed) for which in ("none", "at random", "right ones")]
    rows += bounds(runs, seed)
    rows.append(audits(runs, seed))
    return rows


# --- worlds ------------------------------------------------------------------------------------------------------


def verdicts(random: np.random.Generator, texts: int, keeps: float, unknown: float = 0.0) -> Labelled:
    """Of so many texts, each kept with chance `keeps` where it has a verdict."""
    lost = int(random.binomial(texts, unknown))
    kept = int(random.binomial(texts - lost, keeps))
    return Labelled(accepted=kept, rejected=texts - lost - kept, unknown=lost)


def card_of(
    random: np.random.Generator, phi: float, psi: float, labels: tuple[int, int], **unknown: float
) -> Card:
    return Card(
        name="verifier",
        digest="",
        right=verdicts(random, labels[0], phi, unknown.get("right", 0.0)),
        wrong=verdicts(random, labels[1], psi, unknown.get("wrong", 0.0)),
        labels="",
        created="",
    )


def set_of(
    random: np.random.Generator, phi: float, psi: float, p: float, texts: int = TEXTS, **unknown: float
) -> tuple[Labelled, float]:
    """Verdicts on a set, and the share right among the texts kept."""
    right = int(random.binomial(texts, p))
    sides = (
        verdicts(random, right, phi, unknown.get("right", 0.0)),
        verdicts(random, texts - right, psi, unknown.get("wrong", 0.0)),
    )
    found = Labelled(
        accepted=sides[0].accepted + sides[1].accepted,
        rejected=sides[0].rejected + sides[1].rejected,
        unknown=sides[0].unknown + sides[1].unknown,
    )
    return found, sides[0].accepted / max(1, found.accepted)


def tail_found(random: np.random.Generator, at: float) -> Condition:
    """The tail's condition of a filter that keeps rare cells at a share of the rate of common ones."""
    sizes = np.concatenate(
        [1 + random.multinomial(texts - cells, np.full(cells, 1 / cells)) for cells, texts in
         ((RARE, RARE_TEXTS), (COMMON, COMMON_TEXTS))]
    )  # fmt: skip
    rare = np.arange(RARE + COMMON) < RARE
    odds = np.log(0.8 / 0.2) + SPREAD * random.standard_normal(sizes.size)
    keeps = np.where(rare, at, 1.0) / (1 + np.exp(-odds))
    removed = sizes - random.binomial(sizes, keeps)
    cost = topic_cost(sizes, removed, rare, ~rare, seed=int(random.integers(2**31)))
    return tail_condition({} if cost is None else {"topics": cost.kept}, rejected=int(removed.sum()))


# --- rows --------------------------------------------------------------------------------------------------------


def share(runs: int, seed: tuple[int, ...], event: Callable[[np.random.Generator], bool]) -> float:
    return sum(event(np.random.default_rng([*seed, run])) for run in range(runs)) / runs


def bad(rate: float, p: float, runs: int, seed: int) -> Row:
    def caught(random: np.random.Generator) -> bool:
        card = card_of(random, rate, rate, (100, 100))
        return verifier_condition(set_of(random, rate, rate, p)[0], card=card).passed != "pass"

    found = share(runs, (seed, 1, round(100 * rate), round(100 * p)), caught)
    return {"row": f"bad, phi = psi = {rate}, p = {p}:", "caught": found}


def good(psi: float, p: float, runs: int, seed: int) -> Row:
    def passed(random: np.random.Generator) -> bool:
        card = card_of(random, 0.9, psi, (100, 100))
        found = verifier_condition(set_of(random, 0.9, psi, p)[0], card=card)
        return found.passed == "pass" and tail_found(random, 1.0).passed == "pass"

    found = share(runs, (seed, 2, round(100 * psi), round(100 * p)), passed)
    return {"row": f"good, phi = 0.9, psi = {psi}, p = {p}:", "passed": found}


def tail(at: float, runs: int, seed: int) -> Row:
    wanted = "pass" if at == 1 else "fail"
    found = share(runs, (seed, 3, round(100 * at)), lambda random: tail_found(random, at).passed == wanted)
    return {"row": f"tail, rare cells kept at {at} of the rate:", "passed" if at == 1 else "caught": found}


def time_outs(which: str, runs: int, seed: int) -> Row:
    unknown: Mapping[str, float] = {
        "none": {},
        "at random": {"right": 0.3, "wrong": 0.3},
        "right ones": {"right": 0.3},
    }[which]
    differences: list[float] = []

    def passed(random: np.random.Generator) -> bool:
        card = card_of(random, 0.9, 0.1, (100, 100), **unknown)
        found, truth = set_of(random, 0.9, 0.1, 0.6, **unknown)
        condition = verifier_condition(found, card=card)
        differences.append(condition.figures["right_after"]["estimate"] - truth)
        return condition.passed == "pass"

    found = share(runs, (seed, 4, len(which)), passed)
    return {"row": f"time-outs, {which}:", "passed": found, "bias": float(np.mean(differences))}


def bounds(runs: int, seed: int) -> list[Row]:
    """Coverage in all designs: the mean and the worst of each way to make the bound."""
    held: dict[str, list[float]] = {"posterior": [], "box": []}
    found_bounds: dict[str, list[float]] = {way: [] for way in held}
    for place, (phi, psi, p, right, wrong, texts) in enumerate(DESIGNS):
        counts = dict.fromkeys(held, 0)
        for run in range(runs):
            random = np.random.default_rng([seed, 5, place, run])
            card = card_of(random, phi, psi, (right, wrong))
            found, truth = set_of(random, phi, psi, p, texts)
            if not found.accepted:
                counts = {way: many + 1 for way, many in counts.items()}
                continue
            sides = (card.right.kept, card.wrong.kept, found.kept)
            for way, least in (("posterior", kept_right(*sides).least), ("box", box(*sides))):
                counts[way] += least <= truth + 1e-9
                found_bounds[way].append(least)
        for way, many in counts.items():
            held[way].append(many / runs)
    return [
        {
            "row": f"bounds, {way}, {len(DESIGNS)} designs:",
            "held": float(np.mean(shares)),
            "at worst": min(shares),
            "mean bound": float(np.mean(found_bounds[way])),
        }
        for way, shares in held.items()
    ]


def box(right: Kept, wrong: Kept, found: Kept) -> float:
    """The share right among the texts kept, with phi and psi at their upper bounds and the share kept at its lower."""
    phi, psi = (wilson(one.kept / one.of, one.of, z=_Z)[1] for one in (right, wrong))
    kept = wilson(found.kept / found.of, found.of, z=_Z)[0]
    if phi <= psi or kept <= psi:
        return 0.0
    return min(1.0, phi * (kept - psi) / (kept * (phi - psi)))


def audits(runs: int, seed: int) -> Row:
    """Coverage of the lower bound by labels of 60 accepted texts, of sets that differ in size and in what is right."""
    held = 0
    for run in range(runs):
        random = np.random.default_rng([seed, 6, run])
        kept = int(random.integers(60, 2_000))
        right = int(random.binomial(kept, random.uniform(0.3, 1.0)))
        seen = int(random.hypergeometric(right, kept - right, 60))
        nothing = Kept(kept=0, of=0)
        audited = Audited(accepted=Kept(kept=seen, of=60), rejected=nothing, unknown=nothing)
        held += audited_right(audited, kept=kept).least <= right / kept + 1e-9
    return {"row": "audit, 60 labels:", "held": held / runs}


if __name__ == "__main__":
    main()
