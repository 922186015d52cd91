"""`wellkeeper ask`: a model answers a suite, and the answers are kept as a run."""

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from wellkeeper.cli.support import (
    CLEAN,
    FINDINGS,
    console,
    json_option,
    judge_options,
    limit_option,
    plain_errors,
    print_json,
    progress,
    quiet_option,
    sampler_options,
    temperature_option,
)

if TYPE_CHECKING:
    from wellkeeper.recipe.voted import Voting


@click.command()
@click.argument("suite")
@click.option(
    "--out",
    required=True,
    type=click.Path(file_okay=False, path_type=Path),
    help="Folder of the run; the same command goes on where it stopped.",
)
@sampler_options
@click.option("--run-name", metavar="NAME", help="What the run is called.  [default: the name of --out]")
@click.option(
    "--seed", type=int, help="Of every draw; runs of one seed share them.  [default: hangs on the run's name]"
)
@click.option("--samples", type=click.IntRange(1), help="Answers an item.  [default: as the suite says]")
@temperature_option
@click.option(
    "--vote",
    type=click.Choice(["beta", "certificate", "fixed"]),
    help="Draw samples of each item until this rule is sure of the answer that most of them give, and keep that one.",
)
@click.option("--most", type=click.IntRange(1), help="Most samples of a vote.  [default: 40]")
@click.option(
    "--level",
    type=click.FloatRange(0.5, 1, min_open=True, max_open=True),
    help="How sure the rule of a vote must be.  [default: 0.95]",
)
@click.option("--cut-votes", is_flag=True, help="Let answers vote that were cut at the limit of tokens.")
@click.option(
    "--beside-greedy/--no-beside-greedy",
    default=None,
    help="Beside a vote, ask each item that a rule scores once at temperature 0, and tell which is better.  [default: "
    "do]",
)
@click.option(
    "--system", metavar="TEXT|@FILE", help="Message of the system, in the place of the suite's own."
)
@limit_option
@click.option(
    "--slice", "slices", multiple=True, metavar="KEY=VALUE", help="Ask the items of this slice; repeatable."
)
@click.option(
    "--cache",
    type=click.Path(dir_okay=False, path_type=Path),
    help="File of answers, shared by several runs.  [default: answers.sqlite in --out]",
)
@judge_options
@click.option(
    "--judge-most-tokens",
    type=click.IntRange(1),
    help="Most tokens of the judge, over all runs with this cache.",
)
@click.option("--fresh", is_flag=True, help="Forget the run in --out, its answers and what they cost.")
@click.option(
    "--exit-zero", is_flag=True, help="Exit with 0 even if answers did not come or votes do not help."
)
@json_option
@quiet_option
def ask(
    suite: str,
    *,
    out: Path,
    run_name: str | None,
    seed: int | None,
    samples: int | None,
    temperature: float | None,
    vote: str | None,
    most: int | None,
    level: float | None,
    cut_votes: bool,
    beside_greedy: bool | None,
    system: str | None,
    limit: int | None,
    slices: tuple[str, ...],
    cache: Path | None,
    judge_most_tokens: int | None,
    fresh: bool,
    exit_zero: bool,
    as_json: bool,
    quiet: bool,
    **options: Any,
) -> None:
    """Ask a model every item of SUITE and keep the answers as a run, to be compared with another run.

    Name the model by --endpoint URL --model NAME, by --gguf FILE or by --folder DIR. No answer is paid for twice: a
    command that was stopped or killed goes on. Exits with 1 where answers did not come, or where votes do not help.
    """
    with plain_errors(resume=""):
        from datetime import UTC, datetime

        from wellkeeper.infer.cost import Budget
        from wellkeeper.recipe.asking import ask_suite, chosen
        from wellkeeper.recipe.samplers import ModelPlace, budget_of
        from wellkeeper.suites.reading import read_suite

        voting = _voting(
            vote, most=most, level=level, cut_votes=cut_votes or None, beside_greedy=beside_greedy
        )
        place, judge = ModelPlace.of(options), ModelPlace.of_judge(options)
        asked_of = chosen(
            read_suite(suite), slices=[_pair(given) for given in slices], limit=limit, system=_text(system)
        )
        with progress(quiet=quiet or as_json) as listener:
            asked = ask_suite(
                asked_of,
                place,
                out=out,
                now=datetime.now(UTC),
                name=run_name,
                seed=seed,
                cache=cache,
                judge=judge,
                budget=budget_of(options),
                judge_budget=Budget(tokens=judge_most_tokens),
                fresh=fresh,
                samples=samples,
                temperature=temperature,
                voting=voting,
                listener=listener,
            )
        if as_json:
            print_json(asked.to_json())
        elif not quiet:
            from wellkeeper.report.ask import print_asked

            print_asked(asked.to_json(), console(), {name: str(path) for name, path in asked.paths.items()})
    sys.exit(FINDINGS if asked.verdict == "findings" and not exit_zero else CLEAN)


def _voting(rule: str | None, **settings: Any) -> "Voting | None":
    """How samples are voted on; None where they are not."""
    from wellkeeper.errors import InputError
    from wellkeeper.measure.votes import Stopping
    from wellkeeper.recipe.voted import Voting

    given = {name: value for name, value in settings.items() if value is not None}
    if rule is None:
        if given:
            name, value = next(iter(given.items()))
            option = ("no-" if value is False else "") + name.replace("_", "-")
            raise InputError(
                f"--{option} is about votes, and none is asked for. Give --vote beta, or leave it out."
            )
        return None
    stopping = {name: given.pop(name) for name in ("most", "level") if name in given}
    return Voting(stopping=Stopping(rule=rule, **stopping), **given)  # type: ignore[arg-type]


def _pair(given: str) -> tuple[str, str]:
    key, equals, value = given.partition("=")
    if not equals:
        from wellkeeper.errors import InputError

        raise InputError(f"--slice {given} is no slice. Give a key and a value, such as language=de.")
    return key, value


def _text(given: str | None) -> str | None:
    """A text as it is given, or the content of the file that is named after an @."""
    if given is None or not given.startswith("@"):
        return given
    from wellkeeper.errors import InputError

    try:
        return Path(given[1:]).read_text(encoding="utf-8").rstrip("\n")
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(
            f"The system's message cannot be read from {given[1:]} ({getattr(error, 'strerror', None) or error}). Give "
            "the path of a text file in UTF-8 after the @, or the text itself."
        ) from error
