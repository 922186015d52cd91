"""`wellkeeper prove`: does the curated set make a better model than the raw one?"""

import sys
from typing import Any

import click

from wellkeeper.cli.support import (
    CLEAN,
    FINDINGS,
    console,
    keep_memory,
    origin_option,
    plain_errors,
    print_json,
    progress,
    running_options,
    source_option,
    text_option,
)


@click.command()
@click.argument("raw")
@click.argument("curated", nargs=-1, required=True)
@click.option(
    "--held-out",
    multiple=True,
    required=True,
    metavar="HUMAN",
    help="Human text that no set was meant to hold; repeatable.",
)
@click.option(
    "--words",
    type=click.IntRange(1),
    metavar="N",
    help="Words each model reads at most.  [default: by proxy, 20,000 to a million]",
)
@click.option(
    "--seeds",
    "draws",
    type=click.IntRange(2),
    default=5,
    show_default=True,
    help="Models of each set, each of another draw.",
)
@click.option(
    "--proxy",
    type=click.Choice(["ngram", "transformer", "smollm2"]),
    default="ngram",
    show_default=True,
    help="What is fitted: seconds, minutes, or a fine-tune of --model.",
)
@click.option(
    "--model", type=click.Path(), metavar="PATH", help="What smollm2 begins with: GGUF or a folder."
)
@click.option(
    "--dose",
    multiple=True,
    metavar="SYNTH",
    help="AI-generated text for the dose-response curve; repeatable.  [default: what the sets have]",
)
@click.option("--worth", is_flag=True, help="Tell what each source of RAW is worth.")
@click.option(
    "--margin",
    type=click.FloatRange(0, min_open=True),
    default=0.05,
    show_default=True,
    help="Gain that does not matter, in nats a word.",
)
@text_option
@source_option
@origin_option
@click.option(
    "--out",
    type=click.Path(file_okay=False),
    default="wellkeeper-prove",
    show_default=True,
    help="Folder for report.html and report.json.",
)
@click.option("--exit-zero", is_flag=True, help="Exit with 0 even if a curated set is worse.")
@running_options
def prove(
    raw: str, curated: tuple[str, ...], *, as_json: bool, quiet: bool, exit_zero: bool, **options: Any
) -> None:
    """Prove whether CURATED sets make a better model than RAW does, on held-out human text.

    Models of one kind read equally many words of each set and are shown the same held-out documents. The verdict on a
    set is `better`, `worse` (exit code 1), `no difference found`, or `not enough data`. What the sets share with the
    held-out text is left out of them and counted. Of an output folder of `curate` its documents are read.
    """
    keep_memory()
    with plain_errors(resume=""):
        from wellkeeper.recipe.prove import prove as run

        with progress(quiet=quiet or as_json) as listener:
            result = run(raw, *curated, listener=listener, **options)
        if as_json:
            print_json(result.to_json())
        elif not quiet:
            from wellkeeper.report.prove import print_proof

            print_proof(result.to_json(), console(), {name: str(path) for name, path in result.paths.items()})
    is_worse = any(found["verdict"] == "worse" for found in result.document["sets"])
    sys.exit(FINDINGS if is_worse and not exit_zero else CLEAN)
