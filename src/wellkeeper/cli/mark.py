"""`wellkeeper mark`: label what a model made, when it is made."""

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from wellkeeper.cli.keys import warn_of_exposed
from wellkeeper.cli.support import CLEAN, fail, json_option, plain_errors, print_json

if TYPE_CHECKING:
    from wellkeeper.recipe.marking import Marked


@click.command()
@click.argument("path", type=click.Path(path_type=Path))
@click.option(
    "--generator", required=True, metavar="NAME[@REVISION]", help="The model or program that made it."
)
@click.option(
    "--kind",
    type=click.Choice(["ai-generated", "ai-assisted", "machine-translated", "programmatic"]),
    default="ai-generated",
    show_default=True,
    help="What kind of making it was.",
)
@click.option(
    "--prompt-template",
    type=click.Path(dir_okay=False, path_type=Path),
    help="File with the prompt template; only its SHA-256 is kept.",
)
@click.option("--temperature", type=float, help="Temperature of sampling.")
@click.option("--seed", type=int, help="Seed of sampling.")
@click.option(
    "--parents",
    multiple=True,
    metavar="FILE|ID",
    help="What the texts were made from: a labelled set, an output folder of curate, 'human', a file with an id a "
    "line, or an id; repeatable.",
)
@click.option(
    "--key", metavar="KEY", help="Sign the label: path of a PEM file, or env:NAME.  [default: not signed]"
)
@click.option(
    "--html",
    "page",
    type=click.Path(dir_okay=False, path_type=Path),
    help="File to write markup to, for the head of a page that shows the set.",
)
@click.option(
    "--certificate",
    type=click.Path(dir_okay=False, path_type=Path),
    help="Put C2PA credentials into media files, too: PEM chain, the signer's own certificate first.",
)
@click.option(
    "--private-key", metavar="KEY", help="Key of that certificate, P-256 or Ed25519, given like --key."
)
@click.option(
    "--in-place",
    is_flag=True,
    help="With --certificate: replace the files.  [default: a copy, NAME-labelled]",
)
@json_option
@click.option("-q", "--quiet", is_flag=True, help="No summary; errors only.")
def mark(
    path: Path,
    *,
    key: str | None,
    page: Path | None,
    certificate: Path | None,
    private_key: str | None,
    in_place: bool,
    as_json: bool,
    quiet: bool,
    **said: Any,
) -> None:
    """Label a generated set, so that it never comes back as human.

    PATH is a file or a folder; it is not changed. The label lies beside it, as PATH.wellkeeper-label.json, with the
    SHA-256 of every file. `audit`, `curate` and the other verbs find it there: the documents count as declared, with
    their generator. If a file changed since, they refuse it.
    """
    if (certificate is None) != (private_key is None):
        fail("--certificate and --private-key go together. Give both, or neither.")
    if in_place and certificate is None:
        fail("--in-place replaces files by ones with credentials. Give --certificate and --private-key, too.")
    if page is not None and not page.absolute().parent.is_dir():
        fail(f"{page.parent} is no folder. Give another file with --html.")
    with plain_errors():
        from wellkeeper.ledger.signature import SigningKey
        from wellkeeper.recipe.marking import disclosure, put_credentials
        from wellkeeper.recipe.marking import mark as label

        for reference in filter(None, (key, private_key)):
            warn_of_exposed(reference)
        signing = None if key is None else SigningKey.load(key)
        place = path
        if certificate is not None and private_key is not None:
            place = put_credentials(
                path,
                generator=said["generator"],
                kind=said["kind"],
                certificates=certificate,
                key=SigningKey.load(private_key),
                in_place=in_place,
            )
        marked = label(place, key=signing, **said)
        if page is not None:
            page.write_text(disclosure(marked.label), encoding="utf-8")
        if as_json:
            print_json({"schema": "wellkeeper.mark/1", **marked.to_json(), "html": page and str(page)})
        elif not quiet:
            click.echo("\n".join(_lines(marked, page)))
    sys.exit(CLEAN)


def _lines(marked: "Marked", page: Path | None) -> list[str]:
    from wellkeeper.core.lineage import UNKNOWN_DEPTH

    label = marked.label
    depth = (
        "unknown: say what it was made from with --parents" if label.depth == UNKNOWN_DEPTH else label.depth
    )
    signed = (
        f"by the key {label.signed_by[0][:16]}" if label.signed_by else "no: --key KEY shows who labelled"
    )
    return [
        f"label:  {marked.file}",
        f"says:   {label.origin.label}, by {label.made_by}",
        f"files:  {len(label.files):,}",
        f"depth:  {depth}",
        f"signed: {signed}",
        *([f"html:   {page}"] if page is not None else []),
        "Keep the label beside the set, and pass both on together.",
    ]
