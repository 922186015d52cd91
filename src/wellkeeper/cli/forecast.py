"""`wellkeeper forecast`: what would generations of training on its own output do to this corpus?"""

from typing import Any

import click

from wellkeeper.cli.support import (
    console,
    keep_memory,
    origin_option,
    plain_errors,
    print_json,
    progress,
    running_options,
    text_option,
)


def _human_share(_context: click.Context, _option: click.Parameter, value: str) -> str | float:
    try:
        return value if value == "auto" else float(value)
    except ValueError:
        raise click.BadParameter(
            f"{value!r} is neither `auto` nor a number. Give a share, such as 0.8."
        ) from None


@click.command()
@click.argument("corpus", nargs=-1, required=True, metavar="CORPUS...")
@click.option(
    "--policy",
    "policies",
    multiple=True,
    default=("replace", "accumulate", "subsample", "fixed=0.1", "fresh=0.1"),
    show_default=True,
    metavar="P",
    help="What each generation is trained on; repeatable.",
)
@click.option(
    "--generations",
    type=click.IntRange(1),
    default=10,
    show_default=True,
    help="Generations after the corpus.",
)
@click.option(
    "--tier",
    type=click.IntRange(0, 2),
    default=1,
    show_default=True,
    help="0: closed form, at once; 1: n-gram models, seconds; 2: larger models, minutes to hours.",
)
@click.option(
    "--human-share",
    callback=_human_share,
    default="auto",
    show_default=True,
    metavar="auto|SHARE",
    help="Share of the corpus that people wrote; auto: what is labelled as made by models is left out.",
)
@click.option(
    "--keep",
    type=click.FloatRange(0, 1),
    default=0.5,
    show_default=True,
    help="Part of the effective sample size to keep: tells the fresh human share it takes.",
)
@click.option(
    "--model",
    metavar="MODEL",
    help="What tier 2 trains: a GGUF file, a folder, or module:object.  [default: a small transformer]",
)
@click.option(
    "--words",
    type=click.IntRange(1),
    metavar="N",
    help="Words of the first training set at most.  [default: 100,000; tier 2: 50,000]",
)
@text_option
@origin_option
@click.option(
    "--out",
    type=click.Path(file_okay=False),
    default="wellkeeper-forecast",
    show_default=True,
    help="Folder for report.html and report.json.",
)
@running_options
def forecast(corpus: tuple[str, ...], *, as_json: bool, quiet: bool, **options: Any) -> None:
    """Forecast what generations of models trained on model output keep of CORPUS.

    Each policy says what a generation is trained on: `replace` (the last model's output alone), `accumulate` (added to
    all before), `subsample` (as much as at first, drawn from all before), `fixed=A` or `fresh=A` (a share A of people's
    text, the same or new each time), and how models are sampled (`temperature=0.8`, `top-p=0.9`). See docs/forecast.md.
    """
    keep_memory()
    with plain_errors(resume=""):
        from wellkeeper.recipe.forecast import forecast as run

        with progress(quiet=quiet or as_json) as listener:
            result = run(list(corpus), listener=listener, **options)
        if as_json:
            print_json(result.to_json())
        elif not quiet:
            from wellkeeper.report.forecast import print_forecast

            print_forecast(
                result.to_json(), console(), {name: str(path) for name, path in result.paths.items()}
            )
