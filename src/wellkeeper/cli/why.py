"""`wellkeeper why`: the whole story of one document, and its proof."""

import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from wellkeeper.cli.support import CLEAN, json_option, plain_errors, print_json
from wellkeeper.errors import InputError

if TYPE_CHECKING:
    from wellkeeper.ledger.why import Story


@click.command()
@click.argument("folder", type=click.Path())
@click.argument("document")
@click.option(
    "--proof",
    type=click.Path(dir_okay=False),
    default=None,
    metavar="FILE",
    help="Write a proof of it, which `wellkeeper verify --proof` checks without the folder.",
)
@json_option
def why(folder: str, document: str, *, proof: str | None, as_json: bool) -> None:
    """Tell why a document was kept or dropped.

    FOLDER is what `wellkeeper curate` wrote. DOCUMENT is an id, the first eight or more digits of a text's
    SHA-256, or the place it was read from, as FILE:LINE.
    """
    with plain_errors():
        from wellkeeper.ledger.why import why as ask

        story = ask(folder, document)
        if proof is not None:
            _write_proof(Path(folder), story, Path(proof))
        if as_json:
            print_json(story.to_json())
        else:
            click.echo("\n".join(story.lines()))
    sys.exit(CLEAN)


def _write_proof(folder: Path, story: "Story", path: Path) -> None:
    from wellkeeper.ledger.proof import proof_of

    rows = [told.record["row"] for told in story.documents]
    if len(rows) != 1:
        raise InputError(
            f"{story.query!r} names {len(rows):,} documents, and a proof is of one. Give its file:line, or more of its "
            "hash."
        )
    proof = proof_of(folder, rows[0])
    proof.write(path)
    others = "no other row" if proof.salt else "the other rows of its tile, too"
    click.echo(f"wellkeeper: wrote {path}: it shows this row of the ledger, and {others}.", err=True)
