"""`wellkeeper why`: the whole story of one document."""

import sys

import click

from wellkeeper.cli.support import CLEAN, plain_errors, print_json


@click.command()
@click.argument("folder", type=click.Path())
@click.argument("document")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object and nothing else.")
def why(folder: str, document: str, *, as_json: bool) -> None:
    """Tell why a document was kept or dropped.

    FOLDER is what `wellkeeper curate` wrote. DOCUMENT is an id, the first eight or more digits of a text's
    SHA-256, or the place it was read from, as FILE:LINE.
    """
    with plain_errors():
        from wellkeeper.ledger.why import why as ask

        story = ask(folder, document)
        if as_json:
            print_json(story.to_json())
        else:
            click.echo("\n".join(story.lines()))
    sys.exit(CLEAN)
