"""A verb of the command line as a process of its own, which signals, streams and kills can be tried on."""

import os
import sqlite3
import subprocess
import sys
from contextlib import closing

SECRET = "gsk_a1B2c3D4e5"
"""What the variable MODEL_KEY holds for every verb that is run."""


class VerbProcess:
    """`wellkeeper VERB` in a folder."""

    def __init__(self, verb):
        self.verb = verb

    def command(self, *arguments):
        return [sys.executable, "-m", "wellkeeper", self.verb, *map(str, arguments)]

    def run(self, folder, *arguments, seconds=180, **environment):
        return subprocess.run(
            self.command(*arguments),
            capture_output=True,
            check=False,
            timeout=seconds,
            **settings(folder, **environment),
        )


def settings(folder, **environment):
    """What `subprocess` is told of a verb in a folder."""
    always = {"COLUMNS": "110", "MODEL_KEY": SECRET, "OPENBLAS_NUM_THREADS": "1"}
    return {"cwd": folder, "env": {**os.environ, **always, **environment}, "text": True}


def kept_in(cache):
    """Answers on disk, seen without a part in it: a `Store` would lay the file out, or keep a writer waiting."""
    try:
        with closing(sqlite3.connect(f"{cache.as_uri()}?mode=ro", uri=True)) as db:
            return db.execute("SELECT count(*) FROM answers").fetchone()[0]
    except sqlite3.OperationalError:  # it is not there yet, or not laid out
        return 0
