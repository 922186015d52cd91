"""What verbs share: common options, errors as one message and exit code 2, progress for a person."""

import json
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Any, TypeVar

import click

from wellkeeper.errors import WellkeeperError

if TYPE_CHECKING:
    from rich.console import Console

    from wellkeeper.engine.progress import Listener, Progress

CLEAN, FINDINGS, COULD_NOT_RUN, INTERRUPTED = 0, 1, 2, 130

Verb = TypeVar("Verb", bound=Callable[..., Any])

text_option = click.option("--text", metavar="COL", help="Text column.  [default: guessed and said]")
id_option = click.option("--id", "id_", metavar="COL", help="Column with the documents' ids.")
source_option = click.option("--source", metavar="COL", help="Column that names each document's source.")
origin_option = click.option(
    "--origin", metavar="COL", help="Column that declares who or what wrote each document."
)
workers_option = click.option(
    "--workers", type=click.IntRange(1), default=None, help="Workers.  [default: the cores there are]"
)
limit_option = click.option(
    "--limit", type=click.IntRange(1), metavar="N", help="Ask N items, chosen by a hash of their names."
)
temperature_option = click.option(
    "--temperature", type=click.FloatRange(0), help="Of all draws.  [default: as the suite says]"
)
json_option = click.option("--json", "as_json", is_flag=True, help="Print one JSON object and nothing else.")
quiet_option = click.option("-q", "--quiet", is_flag=True, help="No progress and no summary; errors only.")


def running_options(verb: Verb) -> Verb:
    """Options of every verb that reads a corpus."""
    options = (
        click.option("--seed", type=int, default=None, help="Seed of every draw.  [default: 0]"),
        workers_option,
        click.option(
            "--executor",
            type=click.Choice(["threads", "processes", "ray"]),
            default="threads",
            show_default=True,
            help="What the workers are.",
        ),
        click.option(
            "--address",
            metavar="HOST:PORT",
            default=None,
            help="Ray cluster, with --executor ray.  [default: RAY_ADDRESS, else Ray on this machine alone]",
        ),
        click.option("--work", type=click.Path(file_okay=False), default=None, help="Folder for sidecars."),
        click.option("--fresh", is_flag=True, help="Start anew instead of resuming."),
        click.option(
            "--strict", is_flag=True, help="Stop at the first bad record instead of quarantining it."
        ),
        json_option,
        quiet_option,
    )
    return _with(verb, options)


def reading_options(verb: Verb) -> Verb:
    """Options of every verb that audits: which column is what, and when documents are near duplicates."""
    options = (
        text_option,
        id_option,
        source_option,
        click.option("--date", metavar="COL", help="Column with each document's date."),
        click.option("--licence", metavar="COL", help="Column with each document's licence."),
        origin_option,
        click.option(
            "--generator", metavar="COL", help="Column that names the model that wrote each document."
        ),
        click.option(
            "--similarity",
            type=click.FloatRange(0.3, 1.0),
            default=0.8,
            show_default=True,
            help="Jaccard similarity of word 5-grams from which two documents are near duplicates.",
        ),
    )
    return _with(verb, options)


def sampler_options(verb: Verb) -> Verb:
    """Options of every verb that asks a model: where it is, how fast it may be asked, and what it may cost."""
    return _with(budget_options(verb), _model_options())


def budget_options(verb: Verb) -> Verb:
    """Options of every verb that pays for answers."""
    options = (
        click.option(
            "--most-tokens",
            type=click.IntRange(1),
            help="Most tokens of prompts and answers, over all runs with this cache.",
        ),
        click.option(
            "--most-money",
            type=click.FloatRange(0, min_open=True),
            help="Most money, likewise; wants both prices.",
        ),
        click.option(
            "--price-prompt", type=click.FloatRange(0), help="Money for a million tokens of prompts."
        ),
        click.option(
            "--price-answer", type=click.FloatRange(0), help="Money for a million tokens of answers."
        ),
    )
    return _with(verb, options)


def judge_options(verb: Verb) -> Verb:
    """Options of every verb that has answers judged by a model: where the judge is."""
    return _with(verb, _model_options("judge-", "the judge"))


def reference_options(verb: Verb) -> Verb:
    """Options of every verb that asks a second model beside the first: where that is."""
    return _with(verb, _model_options("reference-", "the reference"))


def _model_options(prefix: str = "", whose: str = "the model") -> tuple[Callable[[Verb], Verb], ...]:
    """Options that name a model; `wellkeeper.recipe.samplers.ModelPlace` reads them."""
    return (
        click.option(
            f"--{prefix}endpoint", metavar="URL", help=f"OpenAI-compatible server that has {whose}."
        ),
        click.option(f"--{prefix}model", metavar="NAME", help=f"What the endpoint calls {whose}."),
        click.option(
            f"--{prefix}key-env", metavar="VAR", help="Environment variable that holds the endpoint's key."
        ),
        click.option(
            f"--{prefix}at-once", type=click.IntRange(1, 256), help="Requests at the same time.  [default: 4]"
        ),
        click.option(
            f"--{prefix}requests-a-minute",
            type=click.FloatRange(0, min_open=True),
            help="Most requests a minute, spread evenly.",
        ),
        click.option(
            f"--{prefix}tokens-a-minute",
            type=click.FloatRange(0, min_open=True),
            help="Most tokens a minute, spread evenly.",
        ),
        click.option(f"--{prefix}gguf", metavar="FILE", help=f"GGUF file of {whose}, run in this process."),
        click.option(
            f"--{prefix}folder",
            metavar="DIR",
            help=f"Folder of transformers with {whose}, run in this process.",
        ),
    )


def _with(verb: Verb, options: Sequence[Callable[[Verb], Verb]]) -> Verb:
    for option in reversed(options):
        verb = option(verb)
    return verb


def keep_memory() -> None:
    """Have the allocator keep what is freed: block after block asks for the same few megabytes.

    Given back to the system each time, they are mapped and cleared each time: a tenth of a run. With the C library of
    GNU; others are left alone. Only for a process that is ours, hence not done by the Python API.
    """
    import ctypes

    with suppress(OSError, AttributeError):
        set_option = ctypes.CDLL(None).mallopt
        for option, size in (
            (-3, 128 << 20),
            (-1, 256 << 20),
        ):  # M_MMAP_THRESHOLD, M_TRIM_THRESHOLD of malloc.h
            set_option(option, size)


def fail(message: str) -> None:
    """Print a message for a person on stderr and leave with exit code 2."""
    click.echo(f"wellkeeper: {message}", err=True)
    sys.exit(COULD_NOT_RUN)


@contextmanager
def plain_errors(*, resume: str | None = None) -> Iterator[None]:
    """Turn the errors we know into their message, and Ctrl-C into a word on how to go on."""
    try:
        yield
    except WellkeeperError as error:
        fail(str(error))
    except KeyboardInterrupt:
        hint = (
            f" What is done is kept: run the same command again to go on{resume}."
            if resume is not None
            else ""
        )
        click.echo(f"\nwellkeeper: stopped.{hint}", err=True)
        sys.exit(INTERRUPTED)
    except BrokenPipeError:
        sys.stderr.close()
        sys.exit(COULD_NOT_RUN)
    except OSError as error:
        where = f"{error.filename}: " if error.filename else ""
        fail(f"{where}{error.strerror or error}. Free space or fix access, then run the same command again.")


def print_json(document: Any) -> None:
    """One JSON object on stdout."""
    click.echo(json.dumps(document, ensure_ascii=False, indent=2, sort_keys=False))


def console(*, stderr: bool = False) -> "Console":
    """A rich console; it drops colours by itself off a terminal and where NO_COLOR is set."""
    from rich.console import Console

    return Console(stderr=stderr, highlight=False, soft_wrap=not sys.stdout.isatty())


@contextmanager
def progress(*, quiet: bool) -> Iterator["Listener"]:
    """A listener that draws a bar on stderr where that is a terminal, and says nothing elsewhere."""
    from wellkeeper.engine.progress import Progress as Event
    from wellkeeper.engine.progress import nobody

    if quiet or not sys.stderr.isatty():
        yield nobody
        return
    from rich.progress import (
        BarColumn,
        Progress,
        SpinnerColumn,
        TextColumn,
        TimeElapsedColumn,
        TimeRemainingColumn,
    )

    bar = Progress(
        SpinnerColumn(),
        TextColumn("{task.description}"),
        BarColumn(),
        TextColumn("{task.fields[told]}"),
        TimeElapsedColumn(),
        TimeRemainingColumn(),
        console=console(stderr=True),
        transient=True,
    )
    with bar:
        task = bar.add_task("starting", total=None, told="")

        def listen(event: Event) -> None:
            bar.update(
                task,
                description=event.stage,
                total=event.total or None,
                completed=event.done,
                told=f"{event.documents:,} documents" if event.documents else _told(event),
            )

        with _told_of_compiling(bar.console.print):
            yield listen


def _told(event: "Progress") -> str:
    return f"{event.done:,} of {event.total:,} {event.unit}" if event.total else ""


@contextmanager
def _told_of_compiling(say: Callable[[str], None]) -> Iterator[None]:
    """Say once, while it lasts, why nothing moves if loops must be compiled first."""
    from wellkeeper.native import before_compiling

    said = False

    def tell(_loop: str) -> None:
        nonlocal said
        if not said:
            said = True
            say("Compiling loops for this processor, once (about ten seconds)...")

    before_compiling.append(tell)
    try:
        yield
    finally:
        before_compiling.remove(tell)
