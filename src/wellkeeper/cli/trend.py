"""`wellkeeper trend`: do scores, diversity or the tail fall along an ordered family of models?"""

import sys
from typing import Any

import click

from wellkeeper.cli.support import (
    CLEAN,
    FINDINGS,
    console,
    json_option,
    plain_errors,
    print_json,
    progress,
    quiet_option,
    text_option,
)


@click.command()
@click.argument("runs", nargs=-1, required=True, metavar="RUN...")
@click.option(
    "--positions",
    metavar="N,N,...",
    help="Where each run stands, such as 135M,360M,1.7B.  [default: 0,1,2,...]",
)
@click.option("--log", is_flag=True, help="Go by the logarithms of positions.")
@click.option(
    "--metric",
    "metrics",
    multiple=True,
    type=click.Choice(["score", "diversity", "degenerate", "tail"]),
    help="Repeatable.  [default: all that the runs allow]",
)
@click.option("--reference", multiple=True, metavar="PATH", help="Human text, for the tail; repeatable.")
@text_option
@click.option(
    "--level",
    type=click.FloatRange(0, 1, min_open=True, max_open=True),
    default=0.05,
    show_default=True,
    help="Chance of any finding where all runs are alike.",
)
@click.option("--seed", type=int, default=0, show_default=True, help="Seed of every draw.")
@click.option(
    "--out",
    type=click.Path(file_okay=False),
    default="wellkeeper-trend",
    show_default=True,
    help="Folder for report.html and report.json.",
)
@click.option("--exit-zero", is_flag=True, help="Exit with 0 even if there is harm.")
@json_option
@quiet_option
def trend(
    runs: tuple[str, ...],
    *,
    positions: str | None,
    as_json: bool,
    quiet: bool,
    exit_zero: bool,
    **options: Any,
) -> None:
    """Tell whether three or more runs of one suite get worse in the order given: by size, version or generation.

    RUN is a folder of `wellkeeper ask`, or a log of lm-eval, inspect or promptfoo. Each metric rises, falls, turns
    (U, inverted U) or shows no trend. The exit code is 1 if it falls, falls after a peak, or falls and does not come
    back to where it began.
    """
    with plain_errors(resume=""):
        from wellkeeper.recipe.trend import positions_of
        from wellkeeper.recipe.trend import trend as run

        places = None if positions is None else positions_of(positions)
        with progress(quiet=quiet or as_json) as listener:
            result = run(runs, positions=places, listener=listener, **options)
        if as_json:
            print_json(result.to_json())
        elif not quiet:
            from wellkeeper.report.trend import print_trend

            paths = {name: str(path) for name, path in result.paths.items()}
            print_trend(result.to_json(), console(), paths)
    sys.exit(FINDINGS if result.verdict == "worse" and not exit_zero else CLEAN)
