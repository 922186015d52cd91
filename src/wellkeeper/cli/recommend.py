"""`wellkeeper recommend`: a recipe for this corpus, with the reason of every line."""

import shlex
import sys
from typing import Any

import click

from wellkeeper.cli.support import (
    CLEAN,
    console,
    keep_memory,
    plain_errors,
    print_json,
    progress,
    reading_options,
    running_options,
)


@click.command()
@click.argument("paths", nargs=-1, required=True, metavar="PATH...")
@click.option("--reference", metavar="PATH", help="Human text whose tail the recipe is to keep.")
@click.option(
    "--anchors",
    type=click.Path(dir_okay=False),
    metavar="FILE",
    help="References of known origin, to measure the share of AI text with; see `wellkeeper anchors build`.",
)
@reading_options
@click.option(
    "--out",
    type=click.Path(dir_okay=False),
    default=None,
    help="New file for the recipe, whose paths are relative to it.  [default: stdout, absolute paths]",
)
@running_options
def recommend(
    paths: tuple[str, ...], *, as_json: bool, quiet: bool, id_: str | None, out: str | None, **options: Any
) -> None:
    """Write a recipe for a corpus, each line with its reason, and tell what it would keep.

    PATH is a file, a folder, a glob or a URL, as for `audit`. The corpus is audited, steps and limits are derived
    from the figures and tried out; no training set is written. Without --out the recipe goes to stdout and the
    rest to stderr. The same command resumes a run that was stopped.
    """
    keep_memory()
    with plain_errors(resume=""):
        from wellkeeper.recipe.recommend import recommend as run

        with progress(quiet=quiet or as_json) as listener:
            result = run(list(paths), id=id_, out=out, listener=listener, **options)
        if as_json:
            print_json(result.to_json())
            sys.exit(CLEAN)
        if out is None:
            click.echo(result.recipe, nl=False)
        if not quiet:
            from wellkeeper.report.recommend import print_recommendation

            shown = {name: str(path) for name, path in result.paths.items()}
            if out is not None:
                shown["next"] = f"wellkeeper curate {shlex.quote(out)}"
            print_recommendation(result.to_json(), console(stderr=out is None), shown)
    sys.exit(CLEAN)
