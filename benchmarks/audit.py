"""Speed and memory of whole commands, as a user runs them.

    python benchmarks/audit.py CORPUS... [--runs 3] [--workers 1]

For every corpus, in turns: `wellkeeper audit CORPUS`, and near-duplicates alone (`wellkeeper curate RECIPE
--dry-run` with that one step). Figures are of the whole process and its children: MB of text per CPU-second,
imports and reading included, and the largest resident set that the operating system saw. Each command runs
once before it is counted, so that compiled kernels and the page cache are warm; work folders are new each time.
"""

import argparse
import json
import shutil
import statistics
import sys
import tempfile
from pathlib import Path

from measuring import CommandError, Usage, measured

NEAR = """
wellkeeper: 1
sources:
  corpus: {{path: {path}, text: text}}
steps:
  - near-duplicates.v1: {{similarity: 0.8}}
"""


def text_megabytes(report: Path) -> float:
    return float(json.loads(report.read_text())["inputs"]["bytes"]) / 1e6


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("corpus", nargs="*", default=["examples/reference"])
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--workers", type=int, default=1)
    parser.add_argument("--only", choices=["audit", "near"], default=None)
    arguments = parser.parse_args()
    wellkeeper = [sys.executable, "-m", "wellkeeper"]
    for corpus in arguments.corpus:
        rows: dict[str, list[Usage]] = {"audit": [], "near": []}
        megabytes = 0.0
        for run in range(arguments.runs + 1):
            for name, counted in rows.items():
                if arguments.only not in (None, name) and not (name == "audit" and run == 0):
                    continue
                folder = Path(tempfile.mkdtemp())
                try:
                    recipe = folder / "near.yaml"
                    recipe.write_text(NEAR.format(path=json.dumps(str(Path(corpus).resolve()))))
                    out = folder / "out"
                    verb = {
                        "audit": ["audit", corpus],
                        "near": ["curate", str(recipe), "--dry-run"],
                    }[name]
                    row = measured(
                        [*wellkeeper, *verb, "--out", str(out), "--workers", str(arguments.workers), "-q"],
                        good=(0, 1),
                    )
                    if name == "audit":
                        megabytes = text_megabytes(out / "report.json")
                    if run:  # the first one warms caches
                        counted.append(row)
                except CommandError as error:
                    sys.exit(str(error))
                finally:
                    shutil.rmtree(folder)
        for name, measurements in rows.items():
            if measurements:
                cpu = statistics.median(row.cpu_s for row in measurements)
                print(
                    json.dumps(
                        {
                            "corpus": Path(corpus).name,
                            "command": name,
                            "workers": arguments.workers,
                            "runs": len(measurements),
                            "text_mb": round(megabytes, 1),
                            "cpu_s": round(cpu, 2),
                            "cpu_s_range": [round(f(r.cpu_s for r in measurements), 2) for f in (min, max)],
                            "mb_per_cpu_s": round(megabytes / cpu, 1),
                            "wall_s": round(statistics.median(r.wall_s for r in measurements), 2),
                            "peak_mb": round(max(r.peak_mb for r in measurements)),
                        }
                    )
                )


if __name__ == "__main__":
    main()
