"""`wellkeeper review`: what a person should look at, in an order that pays, and what they said, applied."""

import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, TypeVar

import click

from wellkeeper.cli.keys import warn_of_exposed
from wellkeeper.cli.support import (
    CLEAN,
    budget_options,
    console,
    json_option,
    judge_options,
    keep_memory,
    plain_errors,
    print_json,
    progress,
    quiet_option,
    workers_option,
)
from wellkeeper.errors import InputError

Verb = TypeVar("Verb", bound=Callable[..., Any])

_KINDS = ("origin", "conflicts", "duplicates", "vet", "compare")
_FORMATS_IN = ("jsonl", "label-studio", "argilla")
_FORMATS_OUT = (*_FORMATS_IN, "anchors", "labels", "audited", "judge-anchors", "card", "preferences")

_result = click.argument("result", metavar="OUT")
_queue = click.option("--queue", metavar="FILE", help="The queue, where it is not beside OUT.")


def _output(verb: Verb) -> Verb:
    return json_option(quiet_option(verb))


@click.group()
def review() -> None:
    """Have people look at what machines cannot tell, blind and fast, and apply what they say.

    OUT is the folder of a result, or the file of its queue: OUT-review.sqlite, beside the folder.
    """


@review.command()
@_result
@click.option(
    "--from",
    "kind",
    type=click.Choice(_KINDS),
    help="What to ask about: who wrote a text; texts whose evidence disagrees; near duplicates; vetted texts; "
    "answers of two runs.  [default: vet for a vetted set, compare with --against, else origin]",
)
@click.option("--against", "other", metavar="RUN", help="The second run, of compare; OUT is the first.")
@click.option(
    "--size", type=click.IntRange(1), default=500, show_default=True, help="Items, at most, without gold."
)
@click.option(
    "--random",
    "random_share",
    type=click.FloatRange(0, 1),
    default=0.2,
    show_default=True,
    help="Share of them that is drawn by lot, from all there is: shares are estimated from it.",
)
@click.option(
    "--overlap",
    type=click.FloatRange(0, 1),
    default=0.1,
    show_default=True,
    help="Share that two people look at.",
)
@click.option(
    "--repeats",
    type=click.FloatRange(0, 0.2),
    default=0.07,
    show_default=True,
    help="Share that each person sees twice, untold.",
)
@click.option(
    "--gold",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="JSON lines of texts with known labels, mixed in untold.",
)
@click.option(
    "--gold-share",
    type=click.FloatRange(0, 0.5),
    default=0.05,
    show_default=True,
    help="Items of gold for each other one.",
)
@click.option(
    "--on",
    "effects",
    multiple=True,
    metavar="LABEL=EFFECT",
    help="What a label does when applied: keep, drop or nothing; of duplicates first, second, both or nothing. "
    "Repeatable.",
)
@click.option(
    "--guidelines",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="Plain text that readers can look up.  [default: ours]",
)
@click.option(
    "--queue",
    type=click.Path(dir_okay=False, path_type=Path),
    metavar="FILE",
    help="File to write.  [default: OUT-review.sqlite, beside OUT]",
)
@click.option("--prompt", metavar="COL", help="Column of what a text answers, shown above it.")
@click.option(
    "--lease",
    "lease_minutes",
    type=click.FloatRange(0, min_open=True),
    default=10,
    show_default=True,
    help="Minutes for which nobody else is shown an item that somebody has before them.",
)
@click.option(
    "--repeat-after",
    type=click.IntRange(1),
    default=20,
    show_default=True,
    help="Answers of a person before an item is shown to them again.",
)
@click.option("--no-third-reader", is_flag=True, help="Where two differ, ask nobody else.")
@click.option("--seed", type=int, default=0, show_default=True, help="Seed of every draw.")
@_output
def init(
    result: str,
    *,
    effects: tuple[str, ...],
    lease_minutes: float,
    no_third_reader: bool,
    as_json: bool,
    quiet: bool,
    **options: Any,
) -> None:
    """Make a queue of what is most worth a look in OUT: one file, with the texts.

    OUT is a curated or a vetted set, a file of generated texts, or a run. Items stand in the order of what a label for
    them is worth, with those that are drawn by lot mixed in. A file that is there is never replaced.
    """
    keep_memory()
    with plain_errors():
        from wellkeeper.recipe.queueing import make_queue

        with progress(quiet=quiet or as_json) as listener:
            made = make_queue(
                result,
                effects=_effects(effects),
                lease_seconds=60 * lease_minutes,
                third_reader=not no_third_reader,
                listener=listener,
                **options,
            )
        _tell(made, as_json=as_json, quiet=quiet)
    sys.exit(CLEAN)


@review.command()
@_result
@_queue
@click.option(
    "--reviewer",
    "reviewers",
    multiple=True,
    metavar="NAME",
    help="Who reads; an address for each. Repeatable.  [default: those of the last time, else you]",
)
@click.option(
    "--port",
    type=click.IntRange(0, 65535),
    default=0,
    show_default=True,
    help="Port on this computer; 0 takes that of the last time, or any that is free.",
)
@_output
def serve(
    result: str,
    *,
    queue: str | None,
    reviewers: tuple[str, ...],
    port: int,
    as_json: bool,
    quiet: bool,
) -> None:
    """Show the queue in a browser, on this computer alone, until Ctrl-C.

    Every reviewer has an address of their own, with a token in it: who opens it answers in that name. Every answer is
    on disk before the page says so.
    """
    with plain_errors():
        from wellkeeper.recipe.reviewing import serve_queue

        def tell(addresses: Sequence[tuple[str, str]]) -> None:
            if not (as_json or quiet):
                click.echo(
                    "Open your address in a browser on this computer. Ctrl-C ends; answers are kept.",
                    err=True,
                )
            if as_json:
                told = [{"reviewer": name, "address": address} for name, address in addresses]
                print_json({"schema": "wellkeeper.review-serve/1", "reviewers": told})
            else:
                for name, address in addresses:
                    click.echo(address if len(addresses) == 1 else f"{name}: {address}")
            sys.stdout.flush()

        serve_queue(queue or result, reviewers=reviewers, port=port, told=tell)
    sys.exit(CLEAN)


@review.command()
@_result
@_queue
@click.option(
    "--width",
    type=click.FloatRange(0, 0.5, min_open=True, max_open=True),
    metavar="W",
    help="Wanted half-width of the share's interval: tells how many more labels it takes.",
)
@click.option(
    "--threshold",
    type=click.FloatRange(0, 1, min_open=True, max_open=True),
    metavar="T",
    help="Share that matters: tells whether it is settled on which side of it the share lies.",
)
@_output
def status(result: str, *, queue: str | None, as_json: bool, quiet: bool, **wanted: float | None) -> None:
    """Show how far the queue is, how well readers agree, and what share it makes.

    The share is of all that could be asked, estimated from items drawn by lot and the scores of the rest, with 95 %.
    """
    with plain_errors():
        from wellkeeper.recipe.review_standing import standing_of

        document = standing_of(queue or result, **wanted)
        if as_json:
            print_json(document)
        elif not quiet:
            from wellkeeper.report.review_status import print_status

            print_status(document, console())
    sys.exit(CLEAN)


@review.command()
@_result
@click.argument("document", metavar="ID")
@click.argument("decision", type=click.Choice(("keep", "drop")))
@click.option(
    "--because", default="", metavar="TEXT", help="Why. It stands in the log, and so in the ledger."
)
@click.option("--reviewer", metavar="NAME", help="Who decides.  [default: you]")
@click.option(
    "--despite-rights", is_flag=True, help="Keep it though the recipe says that it may not be used."
)
@_output
def decide(result: str, document: str, decision: str, *, as_json: bool, quiet: bool, **options: Any) -> None:
    """Keep or drop one document yourself, whatever a step or a reader said of it.

    ID is an id, the first eight or more digits of a text's SHA-256, or the place it was read from, as FILE:LINE.
    `apply` does it in OUT. Until then nothing changes there: decisions wait in OUT-decided.sqlite, beside it, each with
    its line in a log. Another decision about the same document takes the last one back.
    """
    with plain_errors():
        from wellkeeper.recipe.deciding import decide as decide_one

        done = decide_one(result, document, decision, **options)
        _tell(done, as_json=as_json, quiet=quiet)
    sys.exit(CLEAN)


@review.command()
@_result
@_queue
@click.option(
    "--recipe",
    metavar="FILE",
    help="The recipe that OUT was made by.  [default: where it was then]",
)
@click.option(
    "--key", metavar="FILE|env:NAME", help="Private key that signs the output: see `wellkeeper keys`."
)
@click.option("--dry-run", is_flag=True, help="Tell what would change, and change nothing.")
@workers_option
@_output
def apply(result: str, *, key: str | None, as_json: bool, quiet: bool, **options: Any) -> None:
    """Do in OUT what people said, and mix anew.

    Documents are kept, dropped, restored, and get the origin or the survivor that people gave them. Settled answers
    alone are applied, and to the very texts that were read; so is what you decided yourself (`review decide`). The log
    goes into the ledger, and the new seal follows the old one. A later `curate` does the same if the recipe says
    `review: FILE`.
    """
    keep_memory()
    with plain_errors(resume=""):
        from wellkeeper.recipe.reviewed import apply_reviews

        if key is not None:
            warn_of_exposed(key)
        with progress(quiet=quiet or as_json) as listener:
            applied = apply_reviews(result, key=key, listener=listener, **options)
        _tell(applied, as_json=as_json, quiet=quiet)
    sys.exit(CLEAN)


@review.command()
@_result
@_queue
@click.option(
    "--format",
    "form",
    type=click.Choice(_FORMATS_OUT),
    default="jsonl",
    show_default=True,
    help="For people and other tools, the first three; for wellkeeper, of what is settled, the others.",
)
@click.option(
    "--out", type=click.Path(path_type=Path), help="File to write.  [default: beside the queue, and said]"
)
@click.option("--with-hidden", is_flag=True, help="With scores, sources, and what was answered already.")
@click.option("--all-items", is_flag=True, help="Not only items drawn by lot: for anchors, audited and card.")
@click.option(
    "--verifiers",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="YAML file of verifiers, for the card.",
)
@judge_options
@budget_options
@_output
def export(
    result: str,
    *,
    queue: str | None,
    form: str,
    out: Path | None,
    with_hidden: bool,
    all_items: bool,
    verifiers: Path | None,
    as_json: bool,
    quiet: bool,
    **options: Any,
) -> None:
    """Write items for another tool, or what wellkeeper makes of the answers.

    The judge is asked for a card alone, and only where the verifiers have one.
    """
    with plain_errors(resume=""):
        from wellkeeper.recipe.review_exchange import export_answers
        from wellkeeper.recipe.samplers import ModelPlace, budget_of

        with progress(quiet=quiet or as_json) as listener:
            done = export_answers(
                queue or result,
                format=form,
                out=out,
                with_hidden=with_hidden,
                all_items=all_items,
                verifiers=verifiers,
                judge=ModelPlace.of_judge(options),
                budget=budget_of(options),
                listener=listener,
            )
        _tell(done, as_json=as_json, quiet=quiet)
    sys.exit(CLEAN)


@review.command("import")
@_result
@click.argument("file", type=click.Path(exists=True, path_type=Path))
@_queue
@click.option(
    "--format", "form", type=click.Choice(_FORMATS_IN), help="What wrote FILE.  [default: seen from it]"
)
@click.option(
    "--reviewer",
    "reviewers",
    multiple=True,
    metavar="NAME",
    help="Who answered, where FILE does not say; or 5=alice: the tool's user 5 is alice. Repeatable.",
)
@click.option("--skip-unknown", is_flag=True, help="Leave out items, labels and texts of other queues.")
@_output
def import_(
    result: str,
    *,
    file: Path,
    queue: str | None,
    form: str | None,
    reviewers: tuple[str, ...],
    skip_unknown: bool,
    as_json: bool,
    quiet: bool,
) -> None:
    """Take answers from another tool into the queue; its log says that they came from there.

    The same file twice adds nothing.
    """
    with plain_errors():
        from wellkeeper.recipe.review_exchange import import_answers

        done = import_answers(
            queue or result, file, format=form, reviewers=reviewers, skip_unknown=skip_unknown
        )
        _tell(done, as_json=as_json, quiet=quiet)
    sys.exit(CLEAN)


def _tell(done: Any, *, as_json: bool, quiet: bool) -> None:
    if as_json:
        print_json(done.document)
    elif not quiet:
        click.echo("\n".join(done.said))


def _effects(given: Sequence[str]) -> dict[str, str]:
    """Of each `--on LABEL=EFFECT`.

    Raises:
        InputError: one has no `=`, or names a label again.
    """
    effects: dict[str, str] = {}
    for one in given:
        label, equals, effect = one.partition("=")
        if not (label and equals and effect):
            raise InputError(f"--on {one} says no effect. Write a label, = and an effect: --on mixed=drop.")
        if label in effects:
            raise InputError(f"--on names {label} twice. Leave one of them out.")
        effects[label] = effect
    return effects
