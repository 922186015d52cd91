"""Two logs of lm-eval through lm-eval's own comparison and through ours: how often each cries wolf, and what it finds.

    python benchmarks/watch/peers.py                                     # some two CPU-minutes
    python benchmarks/watch/peers.py --worlds 50                         # the same, small
    python benchmarks/watch/peers.py BEFORE AFTER                        # two results folders of yours as well
    python benchmarks/watch/peers.py --script model_comparator.py        # with the function of lm-eval's own script

lm-eval compares two models by `scripts/model_comparator.py` of its repository (neither the wheel nor the source archive
of 0.4.13 has it): z = (acc1 - acc2) / sqrt(stderr1^2 + stderr2^2), two-sided, as if the two had answered other items.
`--script` takes that file and runs its `calculate_z_value`, unchanged; without it the same formula is computed here.

Worlds are written to disk as lm-eval 0.4.13 writes them, and both sides read the files: the script's formula the
accuracy and its standard error in results_*.json, ours the samples. An item is solved with a chance from
Beta(.7 c, .3 c), c = .5 "greedy" or 2 "sampled", so that 70 % are; version B's chance is lower by a factor, as in
`paired.py`.

Columns: the share of worlds in which B is called worse at .05. `as shipped`, the script's two-sided test with B below
A; `one-sided`, the same z against a loss alone, which is what ours tests; `wellkeeper`, McNemar's mid-p.
"""

import argparse
import ast
import json
import math
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from statistics import NormalDist
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from wellkeeper.measure.paired_answers import accuracy_change
from wellkeeper.suites.run import Run
from wellkeeper.suites.run_files import read_run

LEVEL = 0.05
ACCURACY = 0.7
DATE = "2026-11-22T03-00-00.000000"
WORLDS = [(500, c, drop) for drop in (0.0, 0.05) for c in (0.5, 2.0)]  # items, c, share lost

Result: TypeAlias = dict[str, float]
ZValue: TypeAlias = Callable[[Result, Result], tuple[float, float]]
Answers: TypeAlias = NDArray[np.bool_]  # shape (items,)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("logs", nargs="*", metavar="FOLDER", help="results of version A and of version B")
    parser.add_argument("--script", type=Path, help="lm-eval's scripts/model_comparator.py")
    parser.add_argument("--worlds", type=int, default=1_000, help="pairs of logs, of each design")
    parser.add_argument("--seed", type=int, default=0)
    arguments = parser.parse_args()
    if len(arguments.logs) not in {0, 2}:
        parser.error("give two results folders, of version A and of version B, or none")
    z_value = unpaired_z if arguments.script is None else function_of(arguments.script)
    if arguments.logs:
        print_logs(*arguments.logs, z_value)
    begun = time.process_time()
    print(
        "| B lost | items | answers | as shipped | one-sided | wellkeeper |\n| --: | --: | --- | --: | --: | --: |"
    )
    for items, concentration, drop in WORLDS:
        rates = shares_called_worse(items, concentration, drop, arguments.worlds, arguments.seed, z_value)
        kind = "greedy" if concentration < 1 else "sampled"
        print(f"| {100 * drop:.0f} | {items} | {kind} |", " | ".join(f"{rate:.3f}" for rate in rates), "|")
    print(f"{time.process_time() - begun:.0f} CPU-s")


# --- lm-eval's comparison ----------------------------------------------------------------------------------------


def unpaired_z(first: Result, second: Result) -> tuple[float, float]:
    """z and its two-sided p-value, as lm-eval's script computes them."""
    error = math.hypot(first["acc_stderr,none"], second["acc_stderr,none"])
    z = (first["acc,none"] - second["acc,none"]) / (
        error or math.nan
    )  # where both solve all items, NaN as there
    return z, 2 * NormalDist().cdf(-abs(z))


def function_of(script: Path) -> ZValue:
    """`calculate_z_value` of the script, without the rest of it, which loads vLLM."""
    tree = ast.parse(script.read_text())
    wanted = [
        node for node in tree.body if isinstance(node, ast.FunctionDef) and node.name == "calculate_z_value"
    ]
    import scipy.stats

    room: dict[str, object] = {"np": np, "scipy": scipy, "Dict": dict, "Tuple": tuple}
    exec(compile(ast.Module(body=wanted, type_ignores=[]), str(script), "exec"), room)
    return room["calculate_z_value"]  # type: ignore[return-value]


def result_in(folder: str | Path, task: str, metric: str) -> Result:
    """Accuracy and its standard error as results_*.json has them, under the only names that the script knows."""
    (path,) = Path(folder).rglob("results_*.json")
    told = json.loads(path.read_text())["results"].get(task)
    if told is None:
        raise SystemExit(f"{folder} holds several tasks: {task}. Choose one: '{folder}#TASK'.")
    name, _, by = metric.partition(",")
    return {
        "acc,none": told[f"{name},{by or 'none'}"],
        "acc_stderr,none": told[f"{name}_stderr,{by or 'none'}"],
    }


# --- two logs ----------------------------------------------------------------------------------------------------


def both(before: str | Path, after: str | Path, z_value: ZValue) -> tuple[float, float, float, Run, Run]:
    """z and p of the script, and our p of no loss; of the task that both runs have."""
    first, second = read_run(before), read_run(after)
    scores = {item.name: item.score for item in second.items}
    pairs = [(item.score, scores[item.name]) for item in first.items if item.name in scores]
    old, new = np.array([pair for pair in pairs if None not in pair], np.float64).T
    z, p = z_value(
        *(
            result_in(str(path).partition("#")[0], run.suite, run.metric)
            for path, run in ((before, first), (after, second))
        )
    )
    return z, p, accuracy_change(old, new).p, first, second


def print_logs(before: str, after: str, z_value: ZValue) -> None:
    z, p, ours, first, second = both(before, after, z_value)
    means = [np.mean([item.score for item in run.items]) for run in (first, second)]
    print(
        f"{first.name} {means[0]:.3f}, {second.name} {means[1]:.3f}: {len(first.items)} items of {first.suite}"
    )
    print(
        f"  script: z {z:.2f}, two-sided p {p:.3f}, one-sided {one_sided(z):.3f}; wellkeeper: p {ours:.3f}\n"
    )


def one_sided(z: float) -> float:
    """The chance of such a z or a larger one, without a loss."""
    return NormalDist().cdf(-z)


# --- worlds ------------------------------------------------------------------------------------------------------


def shares_called_worse(
    items: int, concentration: float, drop: float, worlds: int, seed: int, z_value: ZValue
) -> tuple[float, float, float]:
    rng = np.random.default_rng([seed, items, round(100 * concentration), round(1000 * drop)])
    called = np.zeros(3)
    with tempfile.TemporaryDirectory() as place:
        folders = Path(place, "before"), Path(place, "after")
        for _ in range(worlds):
            chance = rng.beta(ACCURACY * concentration, (1 - ACCURACY) * concentration, items)
            for folder, factor in zip(folders, (1, 1 - drop / ACCURACY), strict=True):
                write_log(folder, rng.random(items) < chance * factor)
            z, p, ours, *_ = both(*folders, z_value)
            called += p <= LEVEL and z > 0, one_sided(z) <= LEVEL, ours <= LEVEL
    as_shipped, one, paired = called / worlds
    return as_shipped, one, paired


def write_log(folder: Path, right: Answers) -> None:
    """A results folder as `lm_eval --log_samples --output_path` leaves it."""
    inside = folder / "model"
    inside.mkdir(parents=True, exist_ok=True)
    result = {
        "alias": "simulated",
        "sample_len": right.size,
        "acc,none": float(right.mean()),
        "acc_stderr,none": float(right.std(ddof=1)) / math.sqrt(right.size),  # lm-eval's mean_stderr
    }
    header = {
        "results": {"simulated": result},
        "higher_is_better": {"simulated": {"acc": True}},
        "n-samples": {"simulated": {"original": right.size, "effective": right.size}},
        "config": {"limit": None},
        "lm_eval_version": "0.4.13",
        "model_name": "model",
    }
    (inside / f"results_{DATE}.json").write_text(json.dumps(header))
    rows = (
        {
            "doc_id": number,
            "doc": {"question": f"Question {number}"},
            "target": "yes",
            "arguments": {"gen_args_0": {"arg_0": f"Question {number}", "arg_1": {"until": ["\n"]}}},
            "resps": [["yes" if is_right else "no"]],
            "filtered_resps": ["yes" if is_right else "no"],
            "filter": "none",
            "metrics": ["acc"],
            "acc": float(is_right),
        }
        for number, is_right in enumerate(right)
    )
    (inside / f"samples_simulated_{DATE}.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))


if __name__ == "__main__":
    main()
