"""`wellkeeper vet`: may a synthetic set be mixed into human text?"""

import sys
from typing import Any

import click

from wellkeeper.cli.keys import warn_of_exposed
from wellkeeper.cli.support import (
    CLEAN,
    FINDINGS,
    console,
    id_option,
    judge_options,
    keep_memory,
    plain_errors,
    print_json,
    progress,
    running_options,
    text_option,
)

_COLUMNS = ("text", "id", "generator", "prompt", "references")


@click.command()
@click.argument("synthetic", nargs=-1, required=True, metavar="SYNTH...")
@click.option("--reference", required=True, metavar="PATH", help="Human text of the same kind: the core.")
@click.option(
    "--verifiers", required=True, type=click.Path(exists=True, dir_okay=False), help="YAML file of verifiers."
)
@click.option(
    "--card",
    type=click.Path(exists=True, dir_okay=False),
    help="How right they are: see `wellkeeper verifier`.",
)
@click.option(
    "--anchors",
    type=click.Path(exists=True, dir_okay=False),
    help="Labelled texts that show whether judges are still those of the card.",
)
@click.option(
    "--audited", type=click.Path(exists=True, dir_okay=False), help="Labels of a random part of SYNTH, by id."
)
@click.option(
    "--register", type=click.Path(dir_okay=False), help="File of all vettings of this line of models."
)
@click.option(
    "--evaluation", multiple=True, metavar="PATH", help="Tests that no text may hold; again for more."
)
@click.option("--no-evaluation", is_flag=True, help="There is no test to keep clear of.")
@click.option(
    "--share",
    type=click.FloatRange(0, 1, min_open=True, max_open=True),
    default=0.1,
    show_default=True,
    help="Share of the mix, of its documents, that is asked for.",
)
@click.option(
    "--most-share",
    type=click.FloatRange(0, 1, min_open=True, max_open=True),
    default=0.1,
    show_default=True,
    help="Share that is allowed.",
)
@click.option(
    "--margin",
    type=click.FloatRange(0, 1, min_open=True, max_open=True),
    default=0.05,
    show_default=True,
    help="Change of diversity that does not matter.",
)
@click.option(
    "--similarity",
    type=click.FloatRange(0.3, 1.0),
    default=0.8,
    show_default=True,
    help="From which on texts are near duplicates.",
)
@text_option
@id_option
@click.option("--generator", metavar="COL", help="Column that names the model of each text.")
@click.option("--prompt", metavar="COL", help="Column of what a text answers.  [default: prompt]")
@click.option("--references", metavar="COL", help="Column of right answers.  [default: references]")
@click.option("--written-by", metavar="NAME", help="The model that wrote SYNTH, where it does not say.")
@judge_options
@click.option(
    "--judge-most-tokens", type=click.IntRange(1), help="Most tokens of the judge, over all runs with --work."
)
@click.option(
    "--key",
    metavar="FILE|env:NAME",
    help="Private key that signs the output: see `wellkeeper keys`.",
)
@click.option(
    "--out",
    type=click.Path(file_okay=False),
    default="wellkeeper-vet",
    show_default=True,
    help="Folder of the set, new or of the same vetting.",
)
@click.option("--dry-run", is_flag=True, help="Judge, and write no set.")
@click.option("--exit-zero", is_flag=True, help="Exit with 0 even if the set is not admitted.")
@running_options
def vet(
    synthetic: tuple[str, ...],
    *,
    judge_most_tokens: int | None,
    as_json: bool,
    quiet: bool,
    exit_zero: bool,
    **options: Any,
) -> None:
    """Tell whether the texts of SYNTH may be mixed into human text, and write those that verifiers accept.

    SYNTH are files of generated texts, as `audit` reads them. The gate: what is accepted is right often enough, by
    verifiers that were measured; verification did not eat the tail; a mix of the share asked for is no poorer than
    the human text alone; no text is a copy or holds a test; the share is under the cap; and no verifier decides alone
    for long. The set is written in any case, with a row of the ledger for every text, and bears its verdict. Exits
    with 0 if it is admitted, else with 1. The same command resumes a run that was stopped.
    """
    keep_memory()
    with plain_errors(resume=""):
        from wellkeeper.infer.cost import Budget
        from wellkeeper.recipe.samplers import ModelPlace
        from wellkeeper.recipe.vetting import Columns
        from wellkeeper.recipe.vetting import vet as run

        judge = ModelPlace.of_judge(options)
        columns = Columns(
            **{name: options.pop("id_" if name == "id" else name) for name in _COLUMNS},
        )
        given = {name: value for name, value in options.items() if not name.startswith("judge_")}
        if given["key"] is not None:
            warn_of_exposed(str(given["key"]))
        with progress(quiet=quiet or as_json) as listener:
            vetted = run(
                synthetic,
                columns=columns,
                judge=judge,
                judge_budget=Budget(tokens=judge_most_tokens),
                listener=listener,
                **given,
            )
        if as_json:
            print_json(vetted.to_json())
        elif not quiet:
            from wellkeeper.report.vet import print_vetting

            print_vetting(
                vetted.to_json(), console(), {name: str(path) for name, path in vetted.paths.items()}
            )
    sys.exit(CLEAN if vetted.verdict == "admitted" or exit_zero else FINDINGS)
