"""`wellkeeper lab`: recursive training in the small, where theory says what must come out."""

import sys
from typing import Any

import click

from wellkeeper.cli.support import (
    CLEAN,
    FINDINGS,
    console,
    json_option,
    keep_memory,
    plain_errors,
    print_json,
    progress,
    quiet_option,
)


@click.group()
def lab() -> None:
    """Watch models collapse that learn from their own output, and what holds them."""


@lab.command("list")
@json_option
def list_(*, as_json: bool) -> None:
    """List the experiments: what each shows, whose it is, and what it needs."""
    with plain_errors():
        from wellkeeper.recipe.lab import list_experiments

        document = list_experiments()
        if as_json:
            print_json(document)
            return
        from wellkeeper.report.lab import print_list

        print_list(document, console())


@lab.command()
@click.argument("name")
@click.option(
    "--corpus",
    multiple=True,
    metavar="PATH",
    help="Text of people, for experiments that learn from it; repeatable.",
)
@click.option("--text", metavar="COL", help="Text column of the corpus.  [default: guessed and said]")
@click.option(
    "--policy",
    "policies",
    multiple=True,
    metavar="P",
    help="What each generation is trained on, such as fresh=0.1,temperature=0.8; repeatable.  "
    "[default: the experiment's]",
)
@click.option(
    "--size", type=click.IntRange(1), help="Of the first training set.  [default: the experiment's]"
)
@click.option("--generations", type=click.IntRange(0), help="After the first.  [default: the experiment's]")
@click.option(
    "--replicates",
    type=click.IntRange(1),
    help="Independent runs of each policy.  [default: the experiment's]",
)
@click.option(
    "--set", "settings", multiple=True, metavar="NAME=VALUE", help="A setting of the experiment; repeatable."
)
@click.option("--seed", type=int, default=None, help="Seed of every draw.  [default: 0]")
@click.option(
    "--out",
    type=click.Path(file_okay=False),
    default=None,
    help="Folder for the results.  [default: wellkeeper-lab/NAME]",
)
@click.option("--fresh", is_flag=True, help="Start anew instead of resuming.")
@json_option
@quiet_option
def run(name: str, *, settings: tuple[str, ...], as_json: bool, quiet: bool, **options: Any) -> None:
    """Run an experiment: curves by policy, samples by generation, and what they say.

    A policy is said in words joined by commas: replace, accumulate, subsample, fixed=A, fresh=A, augment=L,
    schedule=S:S:..., growth=G, verify=PHI/PSI, detect=AUROC, surprise=POWER, and how models are sampled: temperature=T,
    top-k=K, top-p=P, beams=B, repetition-penalty=R. The same command goes on where a run was stopped, and one that asks
    for more generations where it ended.
    """
    keep_memory()
    with plain_errors(resume=""):
        from wellkeeper.recipe.lab import run_experiment, settings_given

        with progress(quiet=quiet or as_json) as listener:
            result = run_experiment(name, settings=settings_given(settings), listener=listener, **options)
        _show(result, as_json=as_json, quiet=quiet)
    sys.exit(CLEAN)


@lab.command()
@click.argument("runs", nargs=-1, required=True, metavar="RUN_A RUN_B...")
@click.option(
    "--out",
    type=click.Path(file_okay=False),
    default="wellkeeper-lab/comparison",
    show_default=True,
    help="Folder for report.html and report.json.",
)
@json_option
@quiet_option
def compare(runs: tuple[str, ...], *, out: str, as_json: bool, quiet: bool) -> None:
    """Join the result folders of runs of one experiment, and tell which policy ends best by each figure."""
    with plain_errors(resume=""):
        from wellkeeper.recipe.lab import compare_runs

        _show(compare_runs(list(runs), out=out), as_json=as_json, quiet=quiet)
    sys.exit(CLEAN)


@lab.command()
@click.argument("numbers", nargs=-1, type=int, metavar="[NUMBER]...")
@click.option(
    "--text",
    type=click.Path(exists=True, file_okay=False),
    help="Folder with test.txt and valid.txt of WikiText-2, plain or .zst.  "
    "[default: examples/wikitext-2, where there is one]",
)
@click.option("--slow", is_flag=True, help="Run those that take minutes, too.")
@json_option
@quiet_option
def check(numbers: tuple[int, ...], *, text: str | None, slow: bool, as_json: bool, quiet: bool) -> None:
    """Reproduce results of the literature, each beside its target and tolerance; exit 1 if one does not hold."""
    keep_memory()
    with plain_errors():
        from wellkeeper.recipe.lab import check_lab

        with progress(quiet=quiet or as_json) as listener:
            document = check_lab(numbers, text=text, slow=slow, listener=listener)
        if as_json:
            print_json(document)
        elif not quiet:
            from wellkeeper.report.lab_checks import print_checks

            print_checks(document, console())
    sys.exit(FINDINGS if document["fail"] else CLEAN)


def _show(result: Any, *, as_json: bool, quiet: bool) -> None:
    if as_json:
        print_json(result.to_json())
    elif not quiet:
        from wellkeeper.report.lab import print_run

        print_run(result.to_json(), console(), {name: str(path) for name, path in result.paths.items()})
