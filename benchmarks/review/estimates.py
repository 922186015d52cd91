"""Do the figures of `wellkeeper review status` hold? Simulated pools and readers of known truth.

    python benchmarks/review/estimates.py                    # 2,000 runs of each design; some ten CPU-minutes
    python benchmarks/review/estimates.py --runs 100 --json  # the same, coarse, as JSON
    python benchmarks/review/estimates.py --only share       # one table

*share*      A pool of 3,000 documents of which a share is AI-made; n of them, drawn by lot, are labelled. How often the
             nominal 95 % interval holds the pool's share, and its mean width over that of the labels alone. Scores:
             `good` are the chances that the labels were drawn by, `medium` go with them loosely, `useless` are drawn
             for themselves, `constant` are all alike, `high` are the good ones' fifth roots, `sharp` their odds to the
             fourth power, off by a shift, `inverse` one less the good ones. A design that is covered in less than 93 %
             is drawn ten times as often once more, to tell a fault from the least of 140.
*known*      A queue of 500 out of a larger pool, a fifth by lot, the rest by the doubt of the score, read half or to
             its end; a quarter as many runs. Bias and coverage of the share, and its width over that of the items drawn
             by lot alone.
*alpha*      Two readers, or four of whom two in five labels are missing. Each sees the truth with a chance, and guesses
             otherwise. Coverage of the interval, beside that of 200 resamples of the items (percentiles).
*settled*    Labels of a pool of 1,000, looked at after each of 500. How often the share is called above or below a
             threshold that it equals (false stops), and labels until it is called where it does not.
*drift*      Readers and 60 items of gold, looked at after each: how often one is called back.
"""

import argparse
import json
import time
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from wellkeeper.measure.agreement import alpha
from wellkeeper.measure.gold_drift import drift
from wellkeeper.measure.prediction_powered import Sample, share_of
from wellkeeper.measure.threshold_watch import settled
from wellkeeper.recipe.queue_pool import entropy
from wellkeeper.recipe.review_share import Looked, share_found
from wellkeeper.review.item import pool_of
from wellkeeper.review.order import Shares, draws, ordered

DOCUMENTS = 3_000
SHARES, LABELS = (0.02, 0.05, 0.1, 0.2, 0.5), (50, 100, 200, 500)
SCORES = ("good", "medium", "useless", "constant", "high", "sharp", "inverse")
QUEUE = 500

Row = dict[str, Any]
Numbers = np.ndarray


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--runs", type=int, default=2_000, help="of each design")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--only", choices=list(TABLES), help="one table")
    parser.add_argument("--json", action="store_true", dest="as_json")
    arguments = parser.parse_args()
    begun = time.process_time()
    rows = []
    for name, make in TABLES.items():
        if arguments.only in {None, name}:
            for row in make(arguments.runs, arguments.seed):
                rows.append({"table": name, **row})
                if not arguments.as_json:
                    print(_line(rows[-1]), flush=True)
    spent = time.process_time() - begun
    if arguments.as_json:
        print(json.dumps({"runs": arguments.runs, "seed": arguments.seed, "rows": rows}, indent=1))
        return
    for row in _outside(rows):
        print(_line(row))
    print(f"{arguments.runs} runs a design, seed {arguments.seed}, {spent:.0f} CPU-s")


def _line(row: Row) -> str:
    return "  ".join(
        f"{name} {value:.4f}" if isinstance(value, float) else f"{name} {value}"
        for name, value in row.items()
    )


def _outside(rows: list[Row]) -> Iterator[Row]:
    """Of the shares: how many designs are covered less, and more, than a 95 % interval should."""
    covered = [row["covered"] for row in rows if row["table"] == "share" and "covered" in row]
    if covered:
        yield {
            "share": "all",
            "designs": len(covered),
            "below .93": sum(one < 0.93 for one in covered),
            "above .97": sum(one > 0.97 for one in covered),
            "least": min(covered),
            "most": max(covered),
        }


# --- pools -------------------------------------------------------------------------------------------------------


def made(share: float, kind: str, documents: int, seed: int) -> tuple[Numbers, Numbers]:
    """Labels of a pool whose share is exactly so, and scores."""
    random = np.random.default_rng(seed)
    chances = random.beta(share / 2, (1 - share) / 2, documents)
    labels = (random.random(documents) < chances).astype(float)
    beyond = int(labels.sum()) - round(share * documents)
    wrong = random.choice(np.flatnonzero(labels == (beyond > 0)), abs(beyond), replace=False)
    labels[wrong] = 1 - labels[wrong]
    likely = np.clip(chances, 1e-6, 1 - 1e-6)
    loosely = labels * 1.5 + random.normal(size=documents)
    scores = {
        "good": chances,
        "medium": 1 / (1 + np.exp(-(1.5 * loosely - 1.1 + np.log(share / (1 - share))))),
        "useless": random.random(documents),
        "constant": np.full(documents, 0.5),
        "high": chances**0.2,
        "sharp": 1 / (1 + np.exp(-4 * (np.log(likely / (1 - likely)) + 2))),
        "inverse": 1 - chances,
    }
    return labels, scores[kind]


def by_lot(labels: Numbers, scores: Numbers, size: int, random: np.random.Generator) -> Sample:
    chosen = random.permutation(labels.size)[:size]
    return Sample(labels=labels[chosen], scores=scores[chosen], of=labels.size, score_sum=float(scores.sum()))


# --- tables ------------------------------------------------------------------------------------------------------


def shares(runs: int, seed: int) -> Iterator[Row]:
    for share in SHARES:
        for kind in SCORES:
            labels, scores = made(share, kind, DOCUMENTS, seed)
            for size in LABELS:
                random = np.random.default_rng([seed, size, round(1_000 * share), SCORES.index(kind)])
                found = [share_of(by_lot(labels, scores, size, random)) for _ in range(runs)]
                covered = _covered([(one.share.low, one.share.high) for one in found], labels.mean())
                yield {
                    "share": share,
                    "scores": kind,
                    "labels": size,
                    "covered": covered,
                    "width": float(np.mean([2 * one.half_width for one in found])),
                    "over_labels_alone": float(
                        np.sum([one.half_width for one in found])
                        / np.sum([(one.alone.high - one.alone.low) / 2 for one in found])
                    ),
                    "bias": float(np.mean([one.share.estimate for one in found]) - labels.mean()),
                }
                if covered < 0.93:
                    again = (share_of(by_lot(labels, scores, size, random)).share for _ in range(10 * runs))
                    yield {
                        "share": share,
                        "scores": kind,
                        "labels": size,
                        "covered_once_more": _covered([(one.low, one.high) for one in again], labels.mean()),
                    }


def known(runs: int, seed: int) -> Iterator[Row]:
    runs = max(20, runs // 4)  # a queue takes longer than a sample
    first = seed  # of the queues' seeds: no two designs share a queue
    for documents in (1_000, 5_000):
        for share in (0.1, 0.3):
            for kind in ("good", "medium", "useless"):
                labels, scores = made(share, kind, documents, seed)
                worth = entropy(scores)
                pool = pool_of(scores.tolist())
                for done in (0.5, 1.0):
                    queues = (_read(labels, scores, worth, done, first + run) for run in range(runs))
                    found = [
                        (
                            share_found(queue, pool),
                            share_found([one for one in queue if one.rank is not None], pool),
                        )
                        for queue in queues
                    ]
                    told = [one.estimate for one, _ in found if one.estimate is not None]
                    plain = [one.estimate for _, one in found if one.estimate is not None]
                    errors = np.array([one.share.estimate for one in told]) - labels.mean()
                    yield {
                        "documents": documents,
                        "share": share,
                        "scores": kind,
                        "read": done,
                        "known": float(np.mean([one.known for one, _ in found])),
                        "covered": _covered([(one.share.low, one.share.high) for one in told], labels.mean()),
                        "width": float(np.mean([2 * one.half_width for one in told])),
                        "over_lot_alone": float(
                            np.sum([one.half_width for one in told])
                            / np.sum([one.half_width for one in plain])
                        ),
                        "bias": float(errors.mean()),
                        "bias_error": float(errors.std() / np.sqrt(runs)),
                    }
                first += runs


def _read(labels: Numbers, scores: Numbers, worth: Numbers, done: float, seed: int) -> list[Looked]:
    """A queue that was read so far, in its order."""
    seats = ordered(draws(seed, "pool", range(labels.size)), worth, size=QUEUE, shares=Shares(), seed=seed)
    return [
        Looked(
            score=float(scores[seat.at]),
            worth=float(worth[seat.at]),
            rank=seat.rank,
            value=float(labels[seat.at]) if place < done * QUEUE else None,
            is_answered=place < done * QUEUE,
            is_beyond_telling=False,
            entry=place,
        )
        for place, seat in enumerate(seats)
    ]


def alphas(runs: int, seed: int) -> Iterator[Row]:
    runs = max(20, runs // 4)
    for mix in ((0.5, 0.5), (0.9, 0.1), (0.4, 0.3, 0.2, 0.1)):
        for sees in (0.99, 0.95, 0.8, 0.4):
            for readers, gaps in ((2, 0.0), (4, 0.4)):
                true = _true_alpha(mix, sees, readers, gaps, seed)
                for items in (20, 50, 200):
                    random = np.random.default_rng([seed, items, readers, round(100 * sees), len(mix)])
                    ours, resampled, undefined = [], [], 0
                    for _ in range(runs):
                        ratings = _ratings(mix, sees, items, readers, gaps, random)
                        found = alpha(ratings)
                        if found.low is None or found.high is None:
                            undefined += 1
                            continue
                        ours.append((found.low, found.high))
                        if len(resampled) < runs // 5:
                            resampled.append(_resampled(ratings, random))
                    yield {
                        "labels": len(mix),
                        "commonest": max(mix),
                        "readers": readers,
                        "items": items,
                        "alpha": true,
                        "covered": _covered(ours, true),
                        "covered_by_bootstrap": _covered(resampled, true),
                        "width": float(np.mean([high - low for low, high in ours])),
                        "undefined": undefined / runs,
                    }


def _ratings(
    mix: tuple[float, ...], sees: float, items: int, readers: int, gaps: float, random: np.random.Generator
) -> Numbers:
    truth = random.choice(len(mix), size=(items, 1), p=mix)
    guess = random.choice(len(mix), size=(items, readers), p=mix)
    said = np.where(random.random((items, readers)) < sees, truth, guess)
    return np.where(random.random((items, readers)) < gaps, -1, said)


def _true_alpha(mix: tuple[float, ...], sees: float, readers: int, gaps: float, seed: int) -> float:
    """Of very many items."""
    found = alpha(_ratings(mix, sees, 100_000, readers, gaps, np.random.default_rng(seed))).estimate
    assert found is not None
    return found


def _resampled(ratings: Numbers, random: np.random.Generator) -> tuple[float, float]:
    """Percentiles of alpha over resamples of the items."""
    values = [alpha(ratings[random.integers(0, len(ratings), len(ratings))]).estimate for _ in range(200)]
    low, high = np.quantile([1.0 if value is None else value for value in values], (0.025, 0.975))
    return float(low), float(high)


def stops(runs: int, seed: int) -> Iterator[Row]:
    runs = max(20, runs // 4)
    for share in (0.05, 0.1, 0.3):
        for kind in ("good", "useless", "sharp"):
            labels, scores = made(share, kind, 1_000, seed)
            for factor in (1.0, 1.5, 1 / 1.5):
                random = np.random.default_rng([seed, round(1_000 * share), round(100 * factor)])
                found = [settled(by_lot(labels, scores, 500, random), share * factor) for _ in range(runs)]
                yield {
                    "share": share,
                    "scores": kind,
                    "threshold": round(share * factor, 4),
                    "above": float(np.mean([one.verdict == "above" for one in found])),
                    "below": float(np.mean([one.verdict == "below" for one in found])),
                    "median_labels": float(np.median([one.at or 501 for one in found])),
                }


def drifts(runs: int, seed: int) -> Iterator[Row]:
    runs = max(20, runs // 4)
    random = np.random.default_rng(seed)
    for before, after in (
        (0.8, 0.8),
        (0.9, 0.9),
        (0.97, 0.97),
        (0.95, 0.6),
        (0.95, 0.4),
        (0.6, 0.6),
        (0.5, 0.5),
    ):
        chances = np.where(np.arange(60) < 20, before, after)
        found = [drift((random.random(60) < chances).tolist()) for _ in range(runs)]
        yield {
            "right_first_20": before,
            "right_then": after,
            "called_back": float(np.mean([one.at is not None for one in found])),
            "median_answers": float(np.median([one.at or 61 for one in found])),
        }


def _covered(intervals: list[tuple[float, float]], truth: float) -> float:
    return float(np.mean([low - 1e-12 <= truth <= high + 1e-12 for low, high in intervals]))


TABLES: dict[str, Callable[[int, int], Iterator[Row]]] = {
    "share": shares,
    "known": known,
    "alpha": alphas,
    "settled": stops,
    "drift": drifts,
}

if __name__ == "__main__":
    main()
