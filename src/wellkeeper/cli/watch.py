"""`wellkeeper watch`: a model week by week, with alarms that stay true for a year."""

import sys
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

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
    reference_options,
    sampler_options,
    temperature_option,
)

if TYPE_CHECKING:
    from datetime import datetime

    from wellkeeper.recipe.watching import WatchRun

Verb = TypeVar("Verb", bound=Callable[..., Any])

_folder = click.argument("folder", metavar="DIR", type=click.Path(file_okay=False, path_type=Path))
_exit_zero = click.option("--exit-zero", is_flag=True, help="Exit with 0 even on an alarm.")
_now = click.option(
    "--now",
    type=click.DateTime(["%Y-%m-%d"]),
    help="Date of this run, for weeks that are past.  [default: today, UTC]",
)
_version = click.option("--version", metavar="NAME", help="What this week calls the model.")


def _output(verb: Verb) -> Verb:
    return json_option(quiet_option(verb))


@click.group()
def watch() -> None:
    """Watch a model week by week: worse, blander, or failing more often than it was?

    One command, run every day, looks at log-probabilities and asks the suite when they changed or a week is over. Of
    years without a change, at most one of twenty raises an alarm.
    """


@watch.command()
@click.argument("directory", metavar="DIR", type=click.Path(file_okay=False, path_type=Path))
@click.argument("suite", required=False)
@click.option(
    "--corpus",
    metavar="PATH",
    help="Watch a corpus in place of a model: its first snapshot, which has to stay.",
)
@click.option("--reference", metavar="PATH", help="Human text beside it, of a corpus.")
@click.option("--text", metavar="COL", help="Text column, of a corpus.  [default: guessed and said]")
@click.option("--source", metavar="COL", help="Column that names each document's source, of a corpus.")
@click.option("--name", help="What the watch is called.  [default: the name of DIR]")
@click.option(
    "--design",
    type=click.Choice(["stored", "paired", "fresh"]),
    default="stored",
    show_default=True,
    help="Against what a week is held: stored answers of the reference; the reference asked again; or the reference "
    "asked again, with items that are asked in one week only.",
)
@click.option(
    "--samples", type=click.IntRange(1), default=1, show_default=True, help="Answers an item a week."
)
@click.option(
    "--stored", type=click.IntRange(1), default=4, show_default=True, help="Stored answers, of that design."
)
@click.option("--items-a-week", type=click.IntRange(1), metavar="N", help="Items a week.  [default: all]")
@temperature_option
@click.option(
    "--margin",
    type=click.FloatRange(0, 1, max_open=True),
    default=0.02,
    show_default=True,
    help="Loss that does not matter, of the design stored.",
)
@click.option(
    "--level",
    type=click.FloatRange(0, 1, min_open=True, max_open=True),
    default=0.05,
    show_default=True,
    help="Share of years without a change that raise an alarm, at most.",
)
@click.option(
    "--horizon", type=click.IntRange(1), default=52, show_default=True, help="Weeks of such a year."
)
@click.option(
    "--every", type=click.IntRange(1, 366), default=7, show_default=True, help="Days between suites."
)
@click.option(
    "--slices", multiple=True, metavar="NAME", help="Slices that are shown; repeatable.  [default: all]"
)
@click.option("--no-fingerprint", is_flag=True, help="Go by the schedule alone.")
@click.option("--webhook-env", metavar="VAR", help="Variable with the address that alarms are posted to.")
@click.option(
    "--anchors",
    type=click.Path(dir_okay=False, path_type=Path),
    help="Answers that people have labelled, JSON lines; they tell a judge that changed from a system that did.",
)
@click.option("--reference-name", metavar="NAME", help="What the reference is called.")
@click.option(
    "--reference-run",
    "reference_runs",
    multiple=True,
    metavar="RUN",
    help="Answers of the reference that are there already, of the design stored; repeatable.",
)
@sampler_options
@reference_options
@judge_options
@_now
@_output
def init(
    directory: Path,
    suite: str | None,
    *,
    corpus: str | None,
    as_json: bool,
    quiet: bool,
    now: "datetime | None",
    **options: Any,
) -> None:
    """Begin a watch in DIR: record what weeks are held against.

    SUITE is a file as for `wellkeeper ask`; with --corpus there is none. The same command goes on where it was stopped.
    """
    with plain_errors(resume=""):
        from wellkeeper.errors import InputError

        if (suite is None) == (corpus is None):
            raise InputError("A watch is of a model or of a corpus. Give either SUITE or --corpus PATH.")
        with progress(quiet=quiet or as_json) as listener:
            if corpus is not None:
                from wellkeeper.recipe.corpus_watching import begin_corpus_watch, corpus_config_of

                config = corpus_config_of(directory, corpus, options)
                timeline = begin_corpus_watch(directory, config, now=_today(now), listener=listener)
            else:
                from wellkeeper.recipe.samplers import budget_of
                from wellkeeper.recipe.watching import begin_watch, config_of
                from wellkeeper.suites.run_files import read_run

                timeline = begin_watch(
                    directory,
                    config_of(directory, str(suite), options),
                    now=_today(now),
                    reference_runs=[read_run(path) for path in options["reference_runs"]],
                    budget=budget_of(options),
                    listener=listener,
                )
        _show(timeline.to_json(), as_json=as_json, quiet=quiet)


@watch.command()
@_folder
@click.option("--force", is_flag=True, help="Ask the suite, whether or not it is due.")
@click.option("--corpus", metavar="PATH", help="The next snapshot, of a watch of a corpus.")
@_version
@budget_options
@_now
@_exit_zero
@_output
def run(
    folder: Path,
    *,
    corpus: str | None,
    force: bool,
    version: str | None,
    now: "datetime | None",
    exit_zero: bool,
    as_json: bool,
    quiet: bool,
    **options: Any,
) -> None:
    """Look whether the model changed, and ask the suite if it did or a week is over: run it every day.

    A run that was stopped or killed goes on, and pays for no answer twice. Exits with 1 on an alarm. A watch of a
    corpus takes its next snapshot by --corpus.
    """
    with plain_errors(resume=""):
        with progress(quiet=quiet or as_json) as listener:
            if corpus is not None:
                from wellkeeper.recipe.corpus_watching import run_corpus_watch

                done = run_corpus_watch(folder, corpus, now=_today(now), version=version, listener=listener)
            else:
                from wellkeeper.recipe.samplers import budget_of
                from wellkeeper.recipe.watching import run_watch

                done = run_watch(
                    folder,
                    now=_today(now),
                    force=force,
                    version=version,
                    budget=budget_of(options),
                    listener=listener,
                )
        _show(done.to_json(), as_json=as_json, quiet=quiet)
    _leave(done, exit_zero=exit_zero)


@watch.command("import")
@_folder
@click.argument("run_path", metavar="RUN")
@click.option("--reference-run", metavar="RUN", help="The reference's run, of the designs paired and fresh.")
@_version
@_now
@_exit_zero
@_output
def import_(
    folder: Path,
    run_path: str,
    *,
    reference_run: str | None,
    version: str | None,
    now: "datetime | None",
    exit_zero: bool,
    as_json: bool,
    quiet: bool,
) -> None:
    """Add RUN, made by `wellkeeper ask` or another tool, as a week. Exits with 1 on an alarm."""
    with plain_errors():
        from wellkeeper.recipe.watching import import_week
        from wellkeeper.suites.run_files import read_run

        done = import_week(
            folder,
            read_run(run_path),
            now=_today(now),
            reference=None if reference_run is None else read_run(reference_run),
            version=version,
        )
        _show(done.to_json(), as_json=as_json, quiet=quiet)
    _leave(done, exit_zero=exit_zero)


@watch.command()
@_folder
@click.option("--week", type=click.IntRange(1), metavar="N", help="Show the answers of a week, losses first.")
@click.option("--most", type=click.IntRange(1), default=10, show_default=True, help="Items of --week.")
@click.option(
    "--out",
    type=click.Path(file_okay=False, path_type=Path),
    help="Folder for report.html and report.json.  [default: none is written]",
)
@_exit_zero
@_output
def report(
    folder: Path,
    *,
    week: int | None,
    most: int,
    out: Path | None,
    exit_zero: bool,
    as_json: bool,
    quiet: bool,
) -> None:
    """Show where the watch stands; asks nothing. Exits with 1 on an alarm."""
    with plain_errors():
        from wellkeeper.recipe.watching import report_watch, week_answers

        done = report_watch(folder)
        if out is not None:
            from wellkeeper.recipe.watch_pages import write_watch_pages

            written = write_watch_pages(folder, out)
            if not quiet:
                for name, path in written.items():
                    click.echo(f"{name}: {path}", err=True)
        if week is None:
            _show(done.to_json(), as_json=as_json, quiet=quiet)
        else:
            pairs = week_answers(folder, week)
            if as_json:
                print_json({**done.to_json(), "answers": pairs[:most]})
            elif not quiet:
                from wellkeeper.report.watch_lines import answer_lines

                click.echo("\n".join(answer_lines(pairs, week, most)))
    _leave(done, exit_zero=exit_zero)


@watch.command()
@_folder
@_now
@_exit_zero
@_output
def fingerprint(folder: Path, *, now: "datetime | None", exit_zero: bool, as_json: bool, quiet: bool) -> None:
    """Look at the fingerprint alone. Exits with 1 if the model changed; `watch run` then asks the suite."""
    with plain_errors():
        from dataclasses import asdict

        from wellkeeper.recipe.watching import look_at

        look, _ = look_at(folder, now=_today(now))
        if as_json:
            print_json({"schema": "wellkeeper.watch-fingerprint/1", **asdict(look)})
        elif not quiet:
            state = "changed" if look.changed else "unchanged"
            click.echo(
                f"Fingerprint {state} on {look.date}: {look.distance:.3g}, limit {look.limit:.3g}; "
                f"{look.tokens} tokens"
            )
    sys.exit(FINDINGS if look.changed and not exit_zero else CLEAN)


@watch.command()
@_folder
@click.option(
    "--port",
    type=click.IntRange(0, 65535),
    default=0,
    show_default=True,
    help="Port on this computer; 0 takes any that is free.",
)
@_output
def serve(folder: Path, *, port: int, as_json: bool, quiet: bool) -> None:
    """Show the watch in a browser, on this computer alone, until Ctrl-C.

    Open the address that is printed: it holds a token, without which nothing is shown.
    """
    with plain_errors():
        from wellkeeper.recipe.watch_pages import watch_dashboard
        from wellkeeper.watch import web

        token = web.new_token()
        application = watch_dashboard(folder, token=token)
        with web.listen(port) as listening:
            address = web.address_of(listening, token)
            if as_json:
                print_json({"schema": "wellkeeper.watch-serve/1", "address": address})
            else:
                click.echo(address)
            if not (as_json or quiet):
                click.echo("Open this address in a browser on this computer. Ctrl-C ends.", err=True)
            sys.stdout.flush()
            with suppress(KeyboardInterrupt):
                web.serve(application, listening)
    sys.exit(CLEAN)


@watch.command()
@_folder
@click.option("--reason", required=True, metavar="TEXT", help="What was done about the alarm; it is kept.")
@_now
@_output
def renew(folder: Path, *, reason: str, now: "datetime | None", as_json: bool, quiet: bool) -> None:
    """Have evidence begin anew with the next week, after an alarm was dealt with."""
    with plain_errors():
        from wellkeeper.recipe.watching import renew_watch

        _show(renew_watch(folder, now=_today(now), reason=reason).to_json(), as_json=as_json, quiet=quiet)


def _today(now: "datetime | None") -> "datetime":
    from datetime import UTC, datetime

    return datetime.now(UTC) if now is None else now.replace(tzinfo=UTC)


def _show(document: dict[str, Any], *, as_json: bool, quiet: bool) -> None:
    if as_json:
        print_json(document)
    elif not quiet:
        from wellkeeper.report.watch_lines import print_watch

        print_watch(document, console())


def _leave(done: "WatchRun", *, exit_zero: bool) -> None:
    sys.exit(FINDINGS if done.is_alarm and not exit_zero else CLEAN)
