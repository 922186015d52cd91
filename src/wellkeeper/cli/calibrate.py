"""`wellkeeper calibrate`: which temperature answers a suite best, by difficulty, and what diversity it costs."""

import sys
from pathlib import Path
from typing import Any

import click

from wellkeeper.cli.support import (
    CLEAN,
    FINDINGS,
    console,
    json_option,
    judge_options,
    limit_option,
    plain_errors,
    print_json,
    progress,
    quiet_option,
    sampler_options,
)


@click.command()
@click.argument("suite")
@click.option(
    "--out",
    required=True,
    type=click.Path(file_okay=False, path_type=Path),
    help="Folder of the calibration; the same command goes on where it stopped.",
)
@sampler_options
@click.option(
    "--grid",
    metavar="T,T,...",
    default="0,0.2,0.4,0.6,0.8,1",
    show_default=True,
    help="Temperatures to try; 1 is always among them.",
)
@click.option(
    "--samples",
    type=click.IntRange(2),
    default=8,
    show_default=True,
    help="Answers an item at each temperature, and as many more that tell its difficulty.",
)
@click.option(
    "--purpose",
    type=click.Choice(["serve", "train"]),
    default="serve",
    show_default=True,
    help="What answers are for; for training none below 1 is recommended.",
)
@click.option(
    "--margin",
    type=click.FloatRange(0, 1, min_open=True, max_open=True),
    default=0.05,
    show_default=True,
    help="Gain in accuracy that matters, in points as a share.",
)
@click.option("--seed", type=int, default=0, show_default=True, help="Of every draw.")
@limit_option
@judge_options
@click.option(
    "--judge-most-tokens",
    type=click.IntRange(1),
    help="Most tokens of the judge, over all runs with this folder.",
)
@click.option("--fresh", is_flag=True, help="Forget the answers in --out and what they cost.")
@click.option("--exit-zero", is_flag=True, help="Exit with 0 even if nothing can be told.")
@json_option
@quiet_option
def calibrate(
    suite: str,
    *,
    out: Path,
    grid: str,
    samples: int,
    purpose: str,
    margin: float,
    seed: int,
    limit: int | None,
    judge_most_tokens: int | None,
    fresh: bool,
    exit_zero: bool,
    as_json: bool,
    quiet: bool,
    **options: Any,
) -> None:
    """Fit the temperature of a model to SUITE on one half of its items, and tell of the other half.

    Temperatures below 1 are for answers that are served, not for data to be trained on: the report says what diversity
    they cost. Exits with 1 where answers did not come, or where there are too few items to tell.
    """
    with plain_errors(resume=""):
        from datetime import UTC, datetime

        from wellkeeper.infer.cost import Budget
        from wellkeeper.recipe.asking import chosen
        from wellkeeper.recipe.calibrating import calibrate_suite, grid_of
        from wellkeeper.recipe.samplers import ModelPlace, budget_of
        from wellkeeper.suites.reading import read_suite

        place, judge = ModelPlace.of(options), ModelPlace.of_judge(options)
        temperatures = grid_of(grid)
        with progress(quiet=quiet or as_json) as listener:
            found = calibrate_suite(
                chosen(read_suite(suite), limit=limit),
                place,
                out=out,
                now=datetime.now(UTC),
                grid=temperatures,
                samples=samples,
                purpose=purpose,
                margin=margin,
                seed=seed,
                judge=judge,
                budget=budget_of(options),
                judge_budget=Budget(tokens=judge_most_tokens),
                fresh=fresh,
                listener=listener,
            )
        if as_json:
            print_json(found.to_json())
        elif not quiet:
            from wellkeeper.report.calibrate import print_calibration

            paths = {name: str(path) for name, path in found.paths.items()}
            print_calibration(found.to_json(), console(), paths)
    sys.exit(FINDINGS if found.verdict == "findings" and not exit_zero else CLEAN)
