"""What becomes of rates that are read off items which were chosen for being doubtful?

    python benchmarks/review/chosen_labels.py            # about two minutes
    python benchmarks/review/chosen_labels.py --json

*cards*    A verifier keeps a text if its score, with noise, is above a half; the text is right with a chance that is
           the score. phi, what it keeps of right texts, and psi, of wrong ones, are measured on 200 of 10,000 texts:
           drawn by lot, or those with the most doubtful scores. The truth is that of all 10,000.
*anchors*  The example corpus, whose documents' origin is known, is curated by `recipes/finetune.yaml`. A queue of 400
           is answered by the truth, and an anchor pack made of what is settled: of items drawn by lot, of those that
           their value put in, and of all of a queue of the usual mix. The share of AI-made documents that `audit` then
           finds is held against the true one.

Answers are the truth: what is measured is the choice of items, and nobody's mistakes.
"""

import argparse
import json
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq

import wellkeeper
from wellkeeper.errors import InputError
from wellkeeper.recipe.queueing import make_queue
from wellkeeper.recipe.review_exchange import export_answers
from wellkeeper.review.queue import ReviewQueue

ROOT = Path(__file__).parents[2]
TEXTS, LABELS, SIZE = 10_000, 200, 400
NOISE = 0.15
"""Standard deviation of what a verifier adds to the score."""
ANSWERS = {"human": "human", "ai-generated": "ai", "ai-assisted": "mixed"}

Row = dict[str, Any]


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--runs", type=int, default=500, help="simulated sets of the cards")
    parser.add_argument("--queues", type=int, default=8, help="queues of each kind of the anchors")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--json", action="store_true", dest="as_json")
    given = parser.parse_args()
    began = time.perf_counter()
    rows = {
        "cards": cards(given.runs, given.seed),
        "anchors": anchors(given.queues, given.seed),
    }
    rows_and_time = {**rows, "seconds": round(time.perf_counter() - began, 1)}
    if given.as_json:
        print(json.dumps(rows_and_time, indent=2))
        return
    for row in rows["cards"]:
        print(
            f"card, {row['items']}: phi {row['phi']:.3f} (truth {row['true_phi']:.3f}), "
            f"psi {row['psi']:.3f} (truth {row['true_psi']:.3f})"
        )
    for row in rows["anchors"]:
        print(
            f"anchors, {row['items']}: {row['human']:.0f} by people, {row['ai']:.0f} by models; share "
            f"{row['share']:.3f}, from {row['lowest']:.3f} to {row['highest']:.3f} (truth {row['truth']:.3f}); "
            f"covered in {row['covered']} of {row['queues']}"
        )
    print(f"{rows_and_time['seconds']} s")


# --- cards --------------------------------------------------------------------------------------------------------


def cards(runs: int, seed: int) -> list[Row]:
    stream = np.random.default_rng(seed)
    found: dict[str, list[tuple[float, float]]] = {"truth": [], "drawn by lot": [], "the most doubtful": []}
    for _ in range(runs):
        scores = stream.beta(1.2, 0.8, TEXTS)
        right = stream.random(TEXTS) < scores
        kept = scores + stream.normal(0, NOISE, TEXTS) > 0.5
        parts = {
            "truth": np.arange(TEXTS),
            "drawn by lot": stream.choice(TEXTS, LABELS, replace=False),
            "the most doubtful": np.argsort(np.abs(scores - 0.5))[:LABELS],
        }
        for name, part in parts.items():
            found[name].append(
                (float(kept[part][right[part]].mean()), float(kept[part][~right[part]].mean()))
            )
    means = {name: np.mean(rates, axis=0) for name, rates in found.items()}
    phi, psi = means["truth"]
    return [
        {"items": name, "phi": float(means[name][0]), "psi": float(means[name][1]), "true_phi": float(phi),
         "true_psi": float(psi)}
        for name in ("drawn by lot", "the most doubtful")
    ]  # fmt: skip


# --- anchors ------------------------------------------------------------------------------------------------------


def anchors(queues: int, seed: int) -> list[Row]:
    origins = json.loads((ROOT / "examples" / "truth.json").read_text())["origin"]
    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder)
        wellkeeper.curate(ROOT / "recipes" / "finetune.yaml", out=place / "set", seed=seed)
        ids = pq.read_table(place / "set" / "ledger" / "documents", columns=["id"]).column("id").to_pylist()
        truth = sum(origins.get(name) in {"ai-generated", "ai-assisted"} for name in ids) / len(ids)
        return [
            _row(name, share, place, origins, truth, range(seed, seed + queues))
            for name, share in (
                ("drawn by lot", 1.0),
                ("by their value", 0.0),
                ("the usual mix, all of it", 0.2),
            )
        ]


def _row(
    name: str, random_share: float, place: Path, origins: dict[str, str], truth: float, seeds: range
) -> Row:
    found = []
    for seed in seeds:
        path = place / f"{random_share}-{seed}.sqlite"
        make_queue(
            place / "set", kind="origin", size=SIZE, random_share=random_share, overlap=0, repeats=0, queue=path,
            seed=seed,
        )  # fmt: skip
        with ReviewQueue(path) as queue:
            said = [
                (one.item.id, ANSWERS.get(origins.get(one.item.places[0].id, ""), "unsure"), "", 0.0)
                for _, one in queue.items()
            ]
            queue.take_in("truth", said, source="examples/truth.json")
        try:
            pack = export_answers(
                path, format="anchors", all_items=random_share < 1, out=path.with_suffix(".json")
            )
        except InputError as error:
            print(f"{name}: {error}")
            continue
        audit = wellkeeper.audit(
            str(ROOT / "examples" / "corpus"), anchors=pack.paths["anchors"], out=place / "audit"
        ).document
        share = audit["origin"]["share"]
        found.append((pack.document, share))
    shares = [share["estimate"] for _, share in found]
    return {
        "items": name,
        "queues": len(found),
        "human": float(np.mean([one["human"] for one, _ in found])),
        "ai": float(np.mean([one["ai"] for one, _ in found])),
        "share": float(np.mean(shares)),
        "lowest": min(shares),
        "highest": max(shares),
        "covered": sum(share["low"] <= truth <= share["high"] for _, share in found),
        "truth": truth,
    }


if __name__ == "__main__":
    main()
