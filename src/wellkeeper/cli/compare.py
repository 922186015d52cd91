"""`wellkeeper compare`: is the later corpus, or the new version of a model, worse than the earlier one?"""

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
from click.core import ParameterSource

from wellkeeper.cli.support import (
    CLEAN,
    FINDINGS,
    console,
    keep_memory,
    plain_errors,
    print_json,
    progress,
    running_options,
)

if TYPE_CHECKING:
    from wellkeeper.engine.progress import Listener
    from wellkeeper.recipe.results import Comparison, RunsCompared

_OF_CORPORA = {"pairs": "--pairs", "source": "--source"}
"""Options that runs do not have: their items are paired by name, and they have no sources."""
_OF_RUNS = {"diversity_margin": "--diversity-margin"}
"""Options that corpora do not have: nobody answered one item of theirs several times."""


@click.command()
@click.argument("first", metavar="A")
@click.argument("second", metavar="B")
@click.option(
    "--as",
    "kind",
    type=click.Choice(["runs", "corpora"]),
    default=None,
    help="What A and B are.  [default: runs if both are runs of a suite]",
)
@click.option(
    "--reference", multiple=True, metavar="PATH", help="Human text that neither A nor B holds; repeatable."
)
@click.option(
    "--pairs",
    metavar="COL",
    help="Of corpora: column that names what a document answers, such as its prompt.",
)
@click.option(
    "--text", metavar="COL", help="Text column; of runs, the reference's.  [default: guessed and said]"
)
@click.option("--source", metavar="COL", help="Of corpora: column that names each document's source.")
@click.option(
    "--margin",
    type=click.FloatRange(0, 1, min_open=True, max_open=True),
    default=0.05,
    show_default=True,
    help="Change that does not matter: points as a share; of corpora and tails, a share of each figure.",
)
@click.option(
    "--diversity-margin",
    type=click.FloatRange(0, 1, min_open=True, max_open=True),
    default=0.01,
    show_default=True,
    help="Of runs: loss of diversity that does not matter. Distances lie near 1: from .96 to .94, answers as good as "
    "25 unlike ones become 17.",
)
@click.option(
    "--permutations",
    type=click.IntRange(19),
    default=None,
    help="Relabellings; the least p-value is 1 in one more.  [default: 999 of corpora, 199 of runs]",
)
@click.option(
    "--out",
    type=click.Path(file_okay=False),
    default="wellkeeper-compare",
    show_default=True,
    help="Folder for report.html and report.json.",
)
@click.option("--exit-zero", is_flag=True, help="Exit with 0 even if B is worse.")
@running_options
def compare(
    first: str,
    second: str,
    *,
    kind: str | None,
    as_json: bool,
    quiet: bool,
    exit_zero: bool,
    **options: Any,
) -> None:
    """Tell whether B is worse than A: the answers of two versions of a model, or two corpora.

    Runs, by `wellkeeper ask` or from logs of lm-eval, inspect or promptfoo, are compared item by item: accuracy,
    diversity, degenerate answers and, with --reference, rare human words. Corpora are files, folders, globs or
    URLs, as for `audit`: are rare words and topics lost, is B blander or noisier? The verdict is `worse` (exit
    code 1), `not worse` by more than the margin, or `not enough data`, with how many would decide.
    """
    keep_memory()
    with plain_errors(resume=""):
        are_runs = _are_runs(first, second, kind)
        _refuse_options_of_the_other(click.get_current_context(), are_runs=are_runs)
        if options["permutations"] is None:
            del options["permutations"]
        with progress(quiet=quiet or as_json) as listener:
            result = (_runs if are_runs else _corpora)(first, second, listener, options)
        if as_json:
            print_json(result.to_json())
        elif not quiet:
            _print(
                result.to_json(), {name: str(path) for name, path in result.paths.items()}, are_runs=are_runs
            )
    sys.exit(FINDINGS if result.verdict == "worse" and not exit_zero else CLEAN)


def _are_runs(first: str, second: str, kind: str | None) -> bool:
    """As the user says, else by what lies there.

    Raises:
        InputError: one is a run and the other is not.
    """
    from wellkeeper.errors import InputError
    from wellkeeper.suites.run_files import is_run

    if kind is not None:
        return kind == "runs"
    found = [is_run(first), is_run(second)]
    run, other = (first, second) if found[0] else (second, first)
    if found[0] != found[1] and Path(other).exists():  # of one that is not there, reading it says so
        raise InputError(
            f"{run} is a run, the answers of a model to a suite, and {other} is not. Give two runs, or two corpora; if "
            "both hold texts to be compared as a whole, say --as corpora."
        )
    return any(found)


def _refuse_options_of_the_other(context: click.Context, *, are_runs: bool) -> None:
    """Raises InputError: an option was given that runs, or corpora, do not have."""
    from wellkeeper.errors import InputError

    for name, option in (_OF_CORPORA if are_runs else _OF_RUNS).items():
        if context.get_parameter_source(name) not in {ParameterSource.DEFAULT, None}:
            raise InputError(
                f"{option} is for corpora, and A and B are runs, whose items are paired by name. Leave it out, or say "
                "--as corpora."
                if are_runs
                else f"{option} is for runs, several answers to each item of a suite, and A and B are corpora. Leave "
                "it out."
            )


def _runs(first: str, second: str, listener: "Listener", options: dict[str, Any]) -> "RunsCompared":
    from wellkeeper.recipe.compare_runs import compare_runs

    known = {name: value for name, value in options.items() if name not in _OF_CORPORA}
    return compare_runs(first, second, listener=listener, **known)


def _corpora(first: str, second: str, listener: "Listener", options: dict[str, Any]) -> "Comparison":
    from wellkeeper.recipe.compare import compare as compare_corpora

    known = {name: value for name, value in options.items() if name not in _OF_RUNS}
    return compare_corpora(first, second, listener=listener, **known)


def _print(document: dict[str, Any], paths: dict[str, str], *, are_runs: bool) -> None:
    if are_runs:
        from wellkeeper.report.compare_runs import print_run_comparison as show
    else:
        from wellkeeper.report.compare import print_comparison as show

    show(document, console(), paths)
