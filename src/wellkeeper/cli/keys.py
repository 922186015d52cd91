"""`wellkeeper keys`: make keys, look at them, and sign a folder for tools that know nothing of wellkeeper."""

import sys
from pathlib import Path
from typing import Any

import click

from wellkeeper.cli.support import CLEAN, json_option, plain_errors, print_json


@click.group()
def keys() -> None:
    """Make the keys that curated sets and labels are signed with."""


@keys.command()
@click.argument("name")
@click.option(
    "--out",
    type=click.Path(file_okay=False, path_type=Path),
    default=Path(),
    help="Folder to write to, made if it is not there.  [default: the current one]",
)
@click.option(
    "--kind",
    type=click.Choice(["ed25519", "p256"]),
    default="ed25519",
    show_default=True,
    help="p256 is for OpenSSF Model Signing, which reads no Ed25519.",
)
@json_option
def new(name: str, *, out: Path, kind: Any, as_json: bool) -> None:
    """Make a pair of keys: NAME.key signs and stays secret, NAME.pub verifies and is given away.

    Files that are there already are never overwritten. If WELLKEEPER_KEY_PASSPHRASE is set, NAME.key is encrypted
    with it.
    """
    with plain_errors():
        from wellkeeper.ledger.signature import new_key_files

        made = new_key_files(out / name, kind=kind)
        if as_json:
            print_json({"schema": "wellkeeper.keys/1", **made.to_json()})
        else:
            click.echo("\n".join(made.lines()))
    sys.exit(CLEAN)


@keys.command()
@click.argument("file", type=click.Path())
@json_option
def show(file: str, *, as_json: bool) -> None:
    """Tell kind and key id of a key, public or private.

    FILE is a .pub or .key file; the key id is that of the pair, and stands in what was signed with it.
    """
    with plain_errors():
        from wellkeeper.ledger.signature import VerifyKey

        key = VerifyKey.load(file)
        facts = {"schema": "wellkeeper.keys/1", "file": file, "kind": key.kind, "keyid": key.keyid}
        if as_json:
            print_json(facts)
        else:
            click.echo(f"kind:  {key.kind}\nkeyid: {key.keyid}")
    sys.exit(CLEAN)


@keys.command("sign-folder")
@click.argument("folder", type=click.Path(path_type=Path))
@click.option(
    "--key", required=True, metavar="KEY", help="P-256 key: path of a PEM file, or env:NAME of a variable."
)
@click.option(
    "--to",
    type=click.Path(dir_okay=False, path_type=Path),
    default=None,
    help="File to write the signature to, outside of the folder.  [default: FOLDER.sig]",
)
@json_option
def sign_folder(folder: Path, *, key: str, to: Path | None, as_json: bool) -> None:
    """Sign a folder for OpenSSF Model Signing, whose own tool then verifies it.

    Every file of FOLDER is signed but its work folder. What `curate` itself signs is checked by `wellkeeper verify`;
    this is for people who have `model_signing` and not wellkeeper.
    """
    with plain_errors():
        from wellkeeper.ledger.model_signing import sign_folder as sign
        from wellkeeper.ledger.signature import SigningKey

        warn_of_exposed(key)
        signing = SigningKey.load(key)
        written = sign(folder, signing, to=to)
        if as_json:
            facts = {"signature": str(written), "keyid": signing.keyid}
            print_json({"schema": "wellkeeper.keys/1", **facts})
        else:
            click.echo(f"signature: {written}")
            click.echo(
                f"verify: model_signing verify key {folder} --signature {written} --public_key NAME.pub"
            )
    sys.exit(CLEAN)


def warn_of_exposed(reference: str) -> None:
    """Say on stderr if a private key lies where others can read it; it is used all the same."""
    from wellkeeper.ledger.signature import exposed

    warning = exposed(reference)
    if warning is not None:
        click.echo(f"wellkeeper: {warning}", err=True)
