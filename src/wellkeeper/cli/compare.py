"""`wellkeeper compare`: is the later corpus worse than the earlier one?"""

import sys
from typing import Any

import click

from wellkeeper.cli.support import (
    CLEAN,
    FINDINGS,
    console,
    keep_memory,
    plain_errors,
    print_json,
    progress,
    running_options,
)


@click.command()
@click.argument("first", metavar="A")
@click.argument("second", metavar="B")
@click.option(
    "--reference", multiple=True, metavar="PATH", help="Human text that neither corpus holds; repeatable."
)
@click.option("--pairs", metavar="COL", help="Column that names what a document answers, such as its prompt.")
@click.option("--text", metavar="COL", help="Text column.  [default: guessed and said]")
@click.option("--source", metavar="COL", help="Column that names each document's source.")
@click.option(
    "--margin",
    type=click.FloatRange(0, 1, min_open=True, max_open=True),
    default=0.05,
    show_default=True,
    help="Change that does not matter: a share of each figure, or of the tail.",
)
@click.option(
    "--permutations",
    type=click.IntRange(19),
    default=999,
    show_default=True,
    help="Relabellings of documents; the least p-value is 1 in one more.",
)
@click.option(
    "--out",
    type=click.Path(file_okay=False),
    default="wellkeeper-compare",
    show_default=True,
    help="Folder for report.html and report.json.",
)
@click.option("--exit-zero", is_flag=True, help="Exit with 0 even if B is worse.")
@running_options
def compare(first: str, second: str, *, as_json: bool, quiet: bool, exit_zero: bool, **options: Any) -> None:
    """Tell whether corpus B is worse than corpus A: blander, noisier, or without its tail.

    A and B are files, folders, globs or URLs, as for `audit`. The verdict is `worse` (exit code 1), `not worse`
    by more than the margin, or `not enough data`, with how many documents would decide. With a human reference
    it is about rare words and topics that people use; without one, A is the yardstick.
    """
    keep_memory()
    with plain_errors(resume=""):
        from wellkeeper.recipe.compare import compare as run

        with progress(quiet=quiet or as_json) as listener:
            result = run(first, second, listener=listener, **options)
        if as_json:
            print_json(result.to_json())
        elif not quiet:
            from wellkeeper.report.compare import print_comparison

            print_comparison(
                result.to_json(), console(), {name: str(path) for name, path in result.paths.items()}
            )
    sys.exit(FINDINGS if result.verdict == "worse" and not exit_zero else CLEAN)
