"""`wellkeeper anchors`: references of known origin, for shares and flags that hold for the user's own text."""

import shlex
import sys
from typing import TYPE_CHECKING, Any

import click

from wellkeeper.cli.support import (
    CLEAN,
    console,
    keep_memory,
    plain_errors,
    print_json,
    progress,
    quiet_option,
    text_option,
)

if TYPE_CHECKING:
    from wellkeeper.recipe.anchors import Built


@click.group()
def anchors() -> None:
    """Make the pack of references by which the share of AI text is measured."""


@anchors.command()
@click.option(
    "--human", multiple=True, required=True, metavar="PATH", help="Texts that people wrote; repeatable."
)
@click.option("--ai", multiple=True, metavar="PATH", help="Texts of the same kinds by models; repeatable.")
@click.option(
    "--generate-with",
    metavar="ENDPOINT",
    help="Make AI references from the human ones: address of an OpenAI-compatible server, or a GGUF file.",
)
@click.option("--model", metavar="NAME", help="The server's model.")
@click.option(
    "--prompts",
    type=click.Path(dir_okay=False),
    help="Prompts of your own.  [default: built in, see the docs]",
)
@click.option(
    "--key-env", metavar="VARIABLE", help="Variable that holds the server's key; it is never stored."
)
@click.option(
    "--per-slice", type=int, default=100, show_default=True, help="AI references to make for each slice."
)
@click.option("--slice", metavar="COL", help="Column whose values name the slices.  [default: one slice]")
@text_option
@click.option("--date", metavar="COL", help="Column with each document's date.  [default: guessed and said]")
@click.option(
    "--origin",
    metavar="COL",
    help="Column with labels such as human and ai; the wrong side is left out.  [default: guessed and said]",
)
@click.option("--trust-human", is_flag=True, help="Accept human texts that are dated 2022-11-30 or later.")
@click.option(
    "--out",
    type=click.Path(dir_okay=False),
    default="anchors.json",
    show_default=True,
    help="File to write the pack to.",
)
@click.option("--seed", type=int, default=0, show_default=True, help="Seed of every draw, and of the model.")
@click.option("--json", "as_json", is_flag=True, help="Print the pack and nothing else.")
@quiet_option
def build(*, as_json: bool, quiet: bool, human: tuple[str, ...], ai: tuple[str, ...], **options: Any) -> None:
    """Build an anchor pack from texts whose origin you know.

    At least 25 human texts a slice, better 50 or more, of 50 words or more each: an archive from before 2022-11-30,
    or authors you know. With as many AI texts of the same kinds, given or made, intervals of shares become much
    narrower. The pack holds scores and digests and no text. The same command resumes a run that was stopped while
    texts were made.
    """
    keep_memory()
    with plain_errors(resume="" if options["generate_with"] else None):
        from wellkeeper.recipe.anchors import build_anchors

        with progress(quiet=quiet or as_json) as listener:
            built = build_anchors(list(human), ai=list(ai), listener=listener, **options)
        if as_json:
            print_json(built.pack.to_json())
        elif not quiet:
            _print(built)
    sys.exit(CLEAN)


def _print(built: "Built") -> None:
    from wellkeeper.report.anchors import print_anchors
    from wellkeeper.report.visible import visible

    screen = console()
    print_anchors(built.pack.to_json(), screen, said=built.said, suspects=built.suspects)
    path = visible(str(built.path))
    if screen.is_terminal:
        click.echo()
    click.echo(f"anchors: {path}")
    if built.pack.made is None:
        click.echo(
            "next: intervals get much narrower with AI references: --ai PATH or --generate-with ENDPOINT"
        )
    click.echo(f"next: wellkeeper audit CORPUS --anchors {shlex.quote(path)}")
