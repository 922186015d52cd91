"""Does the order pay? Answers of a reader who knows, on the example: how many change the set, by value and by lot.

    python benchmarks/review/order_pays.py [--items 100] [--json]

`recipes/finetune.yaml` is run, and its documents are put in the order of `review init --from origin`. Answers are what
is true of the example (`examples/truth.json`). One changes the set if it is a model for a document that was kept, or a
person for one that was dropped or held back for its origin. Doubt alone puts first whose chance is nearest to a half;
by lot is what drawing without repeats has on average. Nothing is drawn, so that the figures are always the same.
"""

import argparse
import json
import tempfile
import time
from pathlib import Path

import numpy as np

import wellkeeper
from wellkeeper.recipe.queue_origin import origin_pool
from wellkeeper.recipe.queue_texts import LedgerTexts

REPOSITORY = Path(__file__).resolve().parents[2]
FOR_ORIGIN = ("origin.v1", "artefacts.v1")


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--items", type=int, default=100)
    parser.add_argument("--json", action="store_true", help="Print one JSON object.")
    arguments = parser.parse_args()
    begun = time.perf_counter()
    with tempfile.TemporaryDirectory() as name:
        out = Path(name) / "out"
        wellkeeper.curate(REPOSITORY / "recipes" / "finetune.yaml", out=out)
        told = told_of(out, arguments.items)
    told["seconds"] = round(time.perf_counter() - begun, 1)
    if arguments.json:
        print(json.dumps(told))
        return
    print(
        f"{told['documents']:,} documents, of which {told['would_change']:,} have a true answer that changes the set"
    )
    for way in ("by_value", "by_doubt_alone", "by_lot"):
        found = told[way]
        print(
            f"{way:<15} {found['changes']:>6.1f} of {told['items']} change it, by {found['words']:>8,.0f} words"
        )
    print(f"{told['seconds']} s")


def told_of(out: Path, items: int) -> dict[str, object]:
    """Answers that change the set among the first items of the pool, in three orders."""
    truth = json.loads((REPOSITORY / "examples" / "truth.json").read_bytes())["origin"]
    ledger, pooled = LedgerTexts(out), origin_pool(out)
    rows = ledger.at_hand
    words = ledger.numbers("words")[rows].astype(float)
    is_made = np.array([truth[name] == "ai-generated" for name in pooled.ids])
    is_ours = np.array([truth[name] == "human" for name in pooled.ids])
    kept = ledger.decision[rows] == "keep"
    changes = (is_made & kept) | (is_ours & ~kept & np.isin(ledger.step[rows], FOR_ORIGIN))

    def first(order: np.ndarray) -> dict[str, float]:
        chosen = order[:items]
        return {"changes": float(changes[chosen].sum()), "words": float((words * changes)[chosen].sum())}

    share = min(1.0, items / rows.size)
    return {
        "documents": int(rows.size),
        "would_change": int(changes.sum()),
        "items": items,
        "by_value": first(np.argsort(-pooled.values, kind="stable")),
        "by_doubt_alone": first(np.argsort(np.abs(pooled.scores - 0.5), kind="stable")),
        "by_lot": {"changes": float(changes.sum() * share), "words": float((words * changes).sum() * share)},
    }


if __name__ == "__main__":
    main()
