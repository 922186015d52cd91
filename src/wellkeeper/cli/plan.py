"""`wellkeeper plan`: how many items and answers find a drop, and what they cost."""

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
@click.option(
    "--drop",
    type=click.FloatRange(0, 100, min_open=True, max_open=True),
    default=5.0,
    show_default=True,
    help="Points to be found, of 100.",
)
@click.option(
    "--metric",
    type=click.Choice(["accuracy", "diversity", "tail", "all"]),
    default="all",
    show_default=True,
    help="What is compared.",
)
@click.option(
    "--samples",
    metavar="N,N,...",
    default="1,4,8",
    show_default=True,
    help="Answers of each version to each item, to choose from.",
)
@click.option(
    "--power",
    type=click.FloatRange(0, 1, min_open=True, max_open=True),
    default=0.8,
    show_default=True,
    help="Chance to find the drop.",
)
@click.option(
    "--level",
    type=click.FloatRange(0, 1, min_open=True, max_open=True),
    default=0.05,
    show_default=True,
    help="Chance of a false alarm.",
)
@click.option("--pilot", metavar="RUN", help="Run whose noise and lengths are taken.")
@click.option("--reference", multiple=True, metavar="PATH", help="Human text, for the tail; repeatable.")
@text_option
@click.option(
    "--mean",
    type=click.FloatRange(0, 1, min_open=True, max_open=True),
    help="Mean score, where noise is assumed.  [default: the pilot's, or 0.7]",
)
@click.option("--items", type=click.IntRange(20), help="Items that there are: tell what they find.")
@click.option(
    "--stored",
    type=click.IntRange(1),
    metavar="K",
    help="Answers of the reference to each item that are there already.",
)
@click.option(
    "--prompt-tokens", type=click.FloatRange(0), help="Of one prompt, the mean.  [default: the pilot's]"
)
@click.option("--answer-tokens", type=click.FloatRange(0), help="Of one answer, likewise.")
@click.option("--price-prompt", type=click.FloatRange(0), help="Money for a million tokens of prompts.")
@click.option("--price-answer", type=click.FloatRange(0), help="Money for a million tokens of answers.")
@click.option("--seed", type=int, default=0, show_default=True, help="Seed of simulations.")
@click.option("--out", type=click.Path(file_okay=False), help="Folder for report.html and report.json.")
@click.option("--exit-zero", is_flag=True, help="Exit with 0 even if --items are too few.")
@json_option
@quiet_option
def plan(*, drop: float, samples: str, as_json: bool, quiet: bool, exit_zero: bool, **options: Any) -> None:
    """Tell how many items, and how many answers to each, find a drop between two versions of a model.

    With tokens and prices it tells what that costs, and which plan is cheapest. --items turns the question round:
    what a suite of so many items finds; the exit code is 1 if that is less than was asked for. Nothing is asked of
    a model.
    """
    with plain_errors(resume=""):
        from wellkeeper.recipe.plan import plan as run

        with progress(quiet=quiet or as_json) as listener:
            result = run(drop=drop / 100, samples=_numbers(samples), listener=listener, **options)
        if as_json:
            print_json(result.to_json())
        elif not quiet:
            from wellkeeper.report.plan import print_plan

            paths = {name: str(path) for name, path in result.paths.items()}
            print_plan(result.to_json(), console(), paths)
    sys.exit(FINDINGS if result.verdict == "too few" and not exit_zero else CLEAN)


def _numbers(given: str) -> tuple[int, ...]:
    from wellkeeper.errors import InputError

    try:
        return tuple(int(part) for part in given.split(","))
    except ValueError as error:
        raise InputError(
            f"--samples is {given!r}. Give whole numbers with commas between them, such as 1,4,8."
        ) from error
