"""`wellkeeper marks`: which marks of origin and rights does this carry?"""

import sys

import click

from wellkeeper.cli.support import (
    CLEAN,
    json_option,
    keep_memory,
    plain_errors,
    print_json,
    progress,
    text_option,
    workers_option,
)


@click.command()
@click.argument("paths", nargs=-1, required=True, metavar="PATH...")
@click.option(
    "--trust",
    type=click.Path(dir_okay=False),
    metavar="PEM",
    help="Certificates whose holders' credentials are trusted.",
)
@text_option
@workers_option
@json_option
@click.option("-q", "--quiet", is_flag=True, help="No progress; errors and the marks only.")
def marks(
    paths: tuple[str, ...],
    *,
    trust: str | None,
    text: str | None,
    workers: int | None,
    as_json: bool,
    quiet: bool,
) -> None:
    """Tell which marks a corpus and its media carry: credentials, disclosures, statements of rights.

    PATH is a corpus as for `wellkeeper audit`, a media file, or a folder of either: images, sound, film, PDF and
    office documents. Whether a credential is valid and whether its signer is trusted are told apart. Nothing is
    changed, and no network is asked. A document without a mark says nothing of who made it.
    """
    keep_memory()
    with plain_errors():
        from wellkeeper.recipe.marks import marks as read

        with progress(quiet=quiet or as_json) as listener:
            document = read(list(paths), trust=trust, text=text, workers=workers, listener=listener)
        if as_json:
            print_json(document)
        else:
            from wellkeeper.report.marks import lines_of

            click.echo("\n".join(lines_of(document)))
    sys.exit(CLEAN)
