"""The table of docs/transcendence.md, from the folder of a run of `wellkeeper lab run game`.

    wellkeeper lab run game --out lab/game
    python benchmarks/transcendence/table.py lab/game [--temperatures 0 0.3 1 1.5]

Each value is the mean over replicates, of which each has its own experts, games and student; intervals are Student's at
95 % over replicates, one value at a time.
"""

import argparse
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq

from wellkeeper.measure.student import reach

FLAT = ("best expert", "perfect play")  # no temperature changes them


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("run", type=Path)
    parser.add_argument("--temperatures", type=float, nargs="+", default=[0, 0.1, 0.3, 0.5, 0.7, 1, 1.5])
    options = parser.parse_args()
    rows = pq.read_table(options.run / "curves.parquet").to_pylist()
    values = {(row["policy"], row["point"], row["figure"], row["replicate"]): row["value"] for row in rows}
    replicates = sorted({row["replicate"] for row in rows})
    policies = dict.fromkeys(row["policy"] for row in rows)
    print(
        "| player | temperature | Elo above the best expert | score against it | value lost a move | best moves |"
    )
    print("| --- | --: | --: | --: | --: | --: |")
    for policy in policies:
        flat = policy.startswith(FLAT)
        for heat in options.temperatures[:1] if flat else options.temperatures:
            of = {
                name: np.array([values[policy, heat, name, one] for one in replicates])
                for name in ("elo", "score", "loss", "right")
            }
            cells = (
                "any" if flat else f"{heat:g}",
                "0" if policy.startswith("best expert") else " ".join(_said(of["elo"], "+z.0f")),
                "50.0%" if policy.startswith("best expert") else " ".join(_said(of["score"], ".1%")),
                f"{of['loss'].mean():.3f}",
                f"{of['right'].mean():.1%}",
            )
            print("|", " | ".join((policy, *cells)), "|")
    unseen = np.mean([value for (_, _, name, _), value in values.items() if name == "unseen"])
    print(f"\nJudged positions that no game of the training set had: {unseen:.1%}.")


def _said(found: np.ndarray, form: str) -> Iterator[str]:
    yield f"{found.mean():{form}}"
    if found.size > 1:
        error = reach(found.size - 1) * found.std(ddof=1) / np.sqrt(found.size)
        yield f"({found.mean() - error:{form}} to {found.mean() + error:{form}})"


if __name__ == "__main__":
    main()
