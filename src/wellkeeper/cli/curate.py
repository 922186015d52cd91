"""`wellkeeper curate`: make a training set, with a reason for every document."""

import sys
from typing import Any

import click

from wellkeeper.cli.keys import warn_of_exposed
from wellkeeper.cli.support import (
    CLEAN,
    console,
    keep_memory,
    plain_errors,
    print_json,
    progress,
    running_options,
)


@click.command()
@click.argument("recipe", type=click.Path())
@click.option(
    "--out", type=click.Path(file_okay=False), default=None, help="Output folder, new or of the same recipe."
)
@click.option(
    "--set", "overrides", multiple=True, metavar="KEY=VALUE", help="Override a key: --set mix.human_floor=0.3"
)
@click.option(
    "--against",
    multiple=True,
    type=click.Path(exists=True, file_okay=False),
    help="Leave out what an earlier curated set or work folder has; again for another.",
)
@click.option(
    "--guard",
    metavar="tail=R[:relax]",
    default=None,
    help="Refuse a step that keeps less than R of the reference's tail, or have it put documents back: tail=0.95.",
)
@click.option(
    "--review",
    multiple=True,
    type=click.Path(exists=True, dir_okay=False),
    help="Apply what people said: a queue of `wellkeeper review`, or its exported log; again for another.",
)
@click.option(
    "--key",
    metavar="FILE|env:NAME",
    default=None,
    help="Private key that signs the output: see `wellkeeper keys`.",
)
@click.option("--public-proofs", is_flag=True, help="Let a proof of one document show nothing of others.")
@click.option("--dry-run", is_flag=True, help="Tell what would be kept and dropped; write no training set.")
@click.option(
    "--keep-rejected/--no-keep-rejected", default=True, help="Write the dropped documents' text too."
)
@running_options
def curate(recipe: str, *, overrides: tuple[str, ...], as_json: bool, quiet: bool, **options: Any) -> None:
    """Make a training set from a recipe.

    RECIPE is a YAML file (its keys: `wellkeeper schema`). The output folder holds the set as Parquet, a ledger
    with a row for every input document, a manifest, Croissant metadata, a dataset card, a report and a seal over
    all of it (`wellkeeper verify`). Inputs are never changed. The same command resumes a run that was stopped.
    """
    keep_memory()
    with plain_errors(resume=""):
        from wellkeeper.recipe.curate import curate as run
        from wellkeeper.recipe.curate import signing_key_of
        from wellkeeper.recipe.schema import load_recipe

        key = signing_key_of(load_recipe(recipe, overrides), options["key"])
        if key is not None:
            warn_of_exposed(str(key))
        with progress(quiet=quiet or as_json) as listener:
            result = run(recipe, overrides=overrides, listener=listener, **options)
        if as_json:
            print_json(result.to_json())
        elif not quiet:
            from wellkeeper.report.terminal import print_curation

            print_curation(
                result.to_json(), console(), {name: str(path) for name, path in result.paths.items()}
            )
    sys.exit(CLEAN)
