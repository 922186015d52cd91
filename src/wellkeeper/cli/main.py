"""The command `wellkeeper`: one verb a task. Nothing heavy is imported before a verb runs."""

import gc
import os
import sys
from contextlib import suppress

import click

from wellkeeper import __version__
from wellkeeper.cli.anchors import anchors
from wellkeeper.cli.ask import ask
from wellkeeper.cli.audit import audit
from wellkeeper.cli.calibrate import calibrate
from wellkeeper.cli.compare import compare
from wellkeeper.cli.completion import completion
from wellkeeper.cli.curate import curate
from wellkeeper.cli.feedback import feedback
from wellkeeper.cli.forecast import forecast
from wellkeeper.cli.forget import forget
from wellkeeper.cli.generate import generate
from wellkeeper.cli.keys import keys
from wellkeeper.cli.lab import lab
from wellkeeper.cli.mark import mark
from wellkeeper.cli.marks import marks
from wellkeeper.cli.plan import plan
from wellkeeper.cli.plugins import schema, steps
from wellkeeper.cli.prove import prove
from wellkeeper.cli.recommend import recommend
from wellkeeper.cli.review import review
from wellkeeper.cli.trend import trend
from wellkeeper.cli.verifier import verifier
from wellkeeper.cli.verify import verify
from wellkeeper.cli.vet import vet
from wellkeeper.cli.watch import watch
from wellkeeper.cli.watermark import watermark
from wellkeeper.cli.why import why

_EPILOG = """\b
Exit codes: 0 clean, 1 findings, 2 could not run.
Every option can be set by a variable: WELLKEEPER_AUDIT_WORKERS=2, WELLKEEPER_CURATE_OUT=set/
"""


@click.group(
    context_settings={
        "help_option_names": ["-h", "--help"],
        "auto_envvar_prefix": "WELLKEEPER",
        "max_content_width": 100,
    },
    epilog=_EPILOG,
)
@click.version_option(__version__, prog_name="wellkeeper")
def cli() -> None:
    """Keep the well clean: audit a corpus, curate a training set, keep the tails.

    wellkeeper tells what in a corpus is human, AI-made or unknown, what repeats, what its rare words are
    worth, and builds a training set in which every document is kept or dropped for a stated reason.
    """


for command in (
    audit,
    anchors,
    ask,
    calibrate,
    compare,
    plan,
    trend,
    recommend,
    curate,
    feedback,
    forecast,
    forget,
    generate,
    prove,
    vet,
    review,
    lab,
    watch,
    watermark,
    why,
    verifier,
    verify,
    keys,
    mark,
    marks,
    steps,
    schema,
    completion,
):
    cli.add_command(command)


def main() -> None:
    """Run the command line and leave with its exit code."""
    # Loading modules and parsing records makes many objects and no cycles: at Python's usual threshold the
    # collector takes a tenth of a short run to find nothing.
    gc.set_threshold(100_000, 50, 50)
    # Nothing here multiplies large matrices; starting threads for it would take a twentieth of a CPU-second.
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    # Arrays are filled once, front to back: huge pages gain them nothing, and a kernel that has few of them clean
    # takes up to 3 ms to clear each megabyte.
    os.environ.setdefault("NUMPY_MADVISE_HUGEPAGE", "0")
    code: int | str | None = 0
    try:
        cli(prog_name="wellkeeper")
    except SystemExit as stop:
        code = stop.code
    # What was written is synced and what was opened is closed: taking the interpreter apart, with the compiler in
    # it, would only cost time.
    with suppress(BrokenPipeError):
        sys.stdout.flush()
        sys.stderr.flush()
    os._exit(code if isinstance(code, int) else int(code is not None))
