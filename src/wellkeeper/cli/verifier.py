"""`wellkeeper verifier`: how often do verifiers keep what is right, and what is wrong?"""

import sys
from typing import Any

import click

from wellkeeper.cli.support import (
    CLEAN,
    FINDINGS,
    budget_options,
    console,
    json_option,
    judge_options,
    plain_errors,
    print_json,
    progress,
    quiet_option,
)


@click.command()
@click.argument("labelled", type=click.Path(exists=True, dir_okay=False))
@click.option(
    "--verifiers",
    type=click.Path(exists=True, dir_okay=False),
    help="YAML file of verifiers, as `vet` takes it.",
)
@click.option(
    "--draw",
    type=click.IntRange(1),
    metavar="N",
    help="Measure nothing: write N random texts of LABELLED, which is a set without labels, for people to label.",
)
@click.option(
    "--out",
    type=click.Path(dir_okay=False),
    help="File to write.  [default: card.json; with --draw audit.jsonl]",
)
@click.option("--label", metavar="COL", help="Field with the label.  [default: label or right]")
@judge_options
@budget_options
@json_option
@quiet_option
def verifier(
    *,
    labelled: str,
    verifiers: str | None,
    draw: int | None,
    out: str | None,
    label: str | None,
    as_json: bool,
    quiet: bool,
    **options: Any,
) -> None:
    """Measure verifiers on texts that people labelled, and write their card.

    LABELLED is JSON lines with id, text, what the verifiers need (prompt, references), and label: right or wrong.
    Exit code 1: together they are no better than chance.

    With --draw it is a set that nobody has labelled; what is drawn has a label to fill in, and is what `vet` takes as
    --audited. A larger N adds to the file.
    """
    with plain_errors(resume=""):
        from wellkeeper.recipe.verifying import OUT, PART, draw_part, measure_verifiers

        if draw is not None:
            drawn = draw_part(labelled, draw, out=out or PART)
            if as_json:
                print_json(drawn.document)
            elif not quiet:
                click.echo(drawn.said)
            return
        if verifiers is None:
            raise click.UsageError("Name the verifiers: --verifiers FILE, or draw texts to label: --draw N.")

        from wellkeeper.recipe.samplers import ModelPlace, budget_of

        with progress(quiet=quiet or as_json) as listener:
            found = measure_verifiers(
                labelled,
                verifiers=verifiers,
                label=label,
                out=out or OUT,
                judge=ModelPlace.of_judge(options),
                budget=budget_of(options),
                listener=listener,
            )
        if as_json:
            print_json(found.document)
        elif not quiet:
            from wellkeeper.report.verifier import print_card

            print_card(found.document, console(), {"card": found.path})
    sys.exit(CLEAN if found.is_better_than_chance else FINDINGS)
