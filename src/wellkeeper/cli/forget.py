"""`wellkeeper forget`: remove a document, and keep the proof of all others."""

import click

from wellkeeper.cli.keys import warn_of_exposed
from wellkeeper.cli.support import json_option, plain_errors, print_json


@click.command()
@click.argument("folder", type=click.Path())
@click.argument("query", metavar="ID")
@click.option(
    "--reason",
    default="asked for",
    show_default=True,
    metavar="TEXT",
    help="Why; it is kept, so name nobody.",
)
@click.option("--key", metavar="KEY", help="Private key that signs the new seal: a PEM file, or env:NAME.")
@click.option("--yes", is_flag=True, help="Do not ask first.")
@json_option
def forget(folder: str, query: str, *, reason: str, key: str | None, yes: bool, as_json: bool) -> None:
    """Remove a document from a curated set, with all that points to it.

    FOLDER is what `wellkeeper curate` wrote, ID what `wellkeeper why` takes: an id, the beginning of a text's
    SHA-256, or file:line. The text, the id and the hash go from data, ledger and reports; a tombstone stays, and
    whoever knows the old root can see that nothing else was changed. It cannot be undone. The sources that the
    document came from are not touched: remove it there, too.
    """
    with plain_errors():
        from wellkeeper.ledger.forget import forget as remove
        from wellkeeper.ledger.signature import SigningKey

        if key is not None:
            warn_of_exposed(key)
        signer = None if key is None else SigningKey.load(key)
        if not yes:
            click.confirm(f"Remove {query} from {folder} for good?", abort=True, err=True)
        done = remove(folder, query, reason=reason, key=signer)
        if as_json:
            print_json(done.to_json())
            return
        rows = ", ".join(f"{row:,}" for row in done.rows)
        click.echo(
            f"Forgotten: ledger row {rows}; {done.texts:,} texts and {done.replaced:,} places in reports."
        )
        click.echo(f"root: {done.seal.root}")
        if done.similar:
            click.echo(
                f"Near duplicates stay: {', '.join(done.similar[:20])}. Forget them, too, if they are meant."
            )
        if done.hidden:
            click.echo(
                f"{', '.join(done.hidden)} is no part of the set and stays: look whether it holds the text."
            )
        click.echo("Remove it from the sources, too: the next run of the recipe would bring it back.")
