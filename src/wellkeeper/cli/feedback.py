"""`wellkeeper feedback`: rounds of self-training that stop when they start to hurt."""

import sys

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


@click.command()
@click.argument("plan", metavar="PLAN")
@click.option(
    "--out",
    type=click.Path(file_okay=False),
    default="wellkeeper-feedback",
    show_default=True,
    help="Folder for rounds and reports.",
)
@click.option("--fresh", is_flag=True, help="Start anew instead of resuming.")
@click.option("--exit-zero", is_flag=True, help="Exit with 0 even if rounds were stopped.")
@json_option
@quiet_option
def feedback(plan: str, *, out: str, fresh: bool, exit_zero: bool, as_json: bool, quiet: bool) -> None:
    """Train a model on its own answers, round by round: those that verifiers accept, beside human examples.

    PLAN is a YAML file: the student, human examples, prompts, held-out items, verifiers. Each round is verified, gated,
    measured against the best model so far, and kept with all that went in. Exit code 1: a gate refused, or evidence
    that holds over all rounds says that they do harm. The same command goes on where it was stopped.
    """
    keep_memory()
    with plain_errors(resume=""):
        from wellkeeper.recipe.feeding import feed_back

        with progress(quiet=quiet or as_json) as listener:
            result = feed_back(plan, out=out, fresh=fresh, listener=listener)
        if as_json:
            print_json(result.to_json())
        elif not quiet:
            from wellkeeper.report.feedback import print_feedback

            print_feedback(
                result.to_json(), console(), {name: str(path) for name, path in result.paths.items()}
            )
    sys.exit(FINDINGS if result.verdict == "findings" and not exit_zero else CLEAN)
