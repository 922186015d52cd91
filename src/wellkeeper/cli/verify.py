"""`wellkeeper verify`: whether a folder, or a proof taken from it, is what was sealed."""

import sys
from pathlib import Path

import click

from wellkeeper.cli.support import CLEAN, FINDINGS, json_option, plain_errors, print_json
from wellkeeper.errors import InputError


@click.command()
@click.argument("folder", type=click.Path(), required=False)
@click.option(
    "--key", type=click.Path(), default=None, metavar="PUB", help="Public key of who should have signed it."
)
@click.option("--quick", is_flag=True, help="Compare files with the seal, and open no table.")
@click.option(
    "--id", "document", metavar="ID", default=None, help="Check what is said of one document alone."
)
@click.option(
    "--proof", type=click.Path(), default=None, metavar="FILE", help="Check a proof; no folder is needed."
)
@json_option
def verify(
    folder: str | None,
    *,
    key: str | None,
    quick: bool,
    document: str | None,
    proof: str | None,
    as_json: bool,
) -> None:
    """Check that nothing in a folder was changed since it was made.

    FOLDER is what `wellkeeper curate` wrote. Every file, every row of the ledger and every text is compared with
    the seal, manifest.dsse.json; with --key, also who signed that. The file of a review's queue is checked by itself:
    its log, and that its tables say what the log says. Exit code 0: all is as sealed; 1: something is
    not; 2: it could not be checked.
    """
    with plain_errors():
        if (folder is None) == (proof is None):
            raise InputError(
                "Name one thing to check: wellkeeper verify FOLDER, or wellkeeper verify --proof FILE."
            )
        is_queue = folder is not None and Path(folder).is_file()
        if (document is not None and (proof is not None or quick or is_queue)) or (is_queue and quick):
            raise InputError("--id goes with a folder and without --quick. Leave one of them out.")
        if proof is not None:
            from wellkeeper.ledger.verify_rows import verify_proof

            result = verify_proof(proof, key=key)
        elif is_queue:
            from wellkeeper.recipe.reviews import verify_queue

            result = verify_queue(str(folder), key=key)
        elif document is not None:
            from wellkeeper.ledger.verify_rows import verify_document

            result = verify_document(str(folder), document, key=key)
        else:
            from wellkeeper.ledger.verify import verify as check

            result = check(str(folder), key=key, quick=quick)
        if as_json:
            print_json(result.to_json())
        else:
            click.echo("\n".join(result.lines()))
    sys.exit(CLEAN if result.ok else FINDINGS)
