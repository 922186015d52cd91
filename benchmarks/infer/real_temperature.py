"""A temperature fitted to a real model: SmolLM2-135M-Instruct in 4 bits, on the shipped suites of sums and facts.

    python benchmarks/infer/real_temperature.py WORK                     # 160 items, 13 answers each: half an hour
    python benchmarks/infer/real_temperature.py WORK --limit 60 --json   # the same, smaller
    python benchmarks/infer/real_temperature.py WORK --suites facts --grid 0,0.2,0.4,0.6,0.8,1 --samples 8

WORK keeps a folder a suite with all answers and the report; what was asked is not asked again. Of each suite the
command prints what `wellkeeper calibrate` prints, as it is. Nothing is chosen after the fact: grid, samples and seed
are those of the command line.
"""

import argparse
import json
import os
import time
from datetime import UTC, datetime
from pathlib import Path

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

from real_votes import smollm2

from wellkeeper.recipe.asking import chosen
from wellkeeper.recipe.calibrating import calibrate_suite, grid_of
from wellkeeper.recipe.samplers import ModelPlace
from wellkeeper.report.calibrate import calibration_lines
from wellkeeper.suites.reading import read_suite

SUITES = Path(__file__).resolve().parents[2] / "examples" / "suites"


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("work", type=Path)
    parser.add_argument("--model", type=Path)
    parser.add_argument("--suites", default="sums,facts")
    parser.add_argument("--grid", default="0,0.5,1")
    parser.add_argument("--samples", type=int, default=4)
    parser.add_argument("--limit", type=int)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--json", action="store_true")
    given = parser.parse_args()
    place = ModelPlace(gguf=str(given.model or smollm2()))
    for name in given.suites.split(","):
        begun = time.perf_counter()
        found = calibrate_suite(
            chosen(read_suite(str(SUITES / f"{name}.yaml")), limit=given.limit),
            place,
            out=given.work / name,
            now=datetime.now(UTC),
            grid=grid_of(given.grid),
            samples=given.samples,
            seed=given.seed,
        )
        seconds = time.perf_counter() - begun
        if given.json:
            print(json.dumps({"suite": name, "seconds": round(seconds, 1), **found.to_json()}))
            continue
        print(f"{name}, grid {given.grid}, {given.samples} answers, seed {given.seed}: {seconds:.0f} s")
        print("\n".join(f"  {line}" for line in calibration_lines(found.to_json())), end="\n\n")


if __name__ == "__main__":
    main()
