"""The benchmark of making queues runs and tells of every queue that it made."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

SCRIPT = Path(__file__).parents[2] / "benchmarks" / "review" / "queues.py"


@pytest.mark.slow
def test_every_kind_and_size_is_told_with_what_it_took():
    done = subprocess.run(
        [sys.executable, SCRIPT, "--documents", "400", "--sizes", "5", "400", "--json"],
        capture_output=True,
        text=True,
        check=True,
    )
    told = json.loads(done.stdout)
    assert told["documents"] == 400
    assert [(row["kind"], row["size"]) for row in told["queues"]] == [
        ("origin", 5),
        ("origin", 400),
        ("duplicates", 5),
        ("duplicates", 400),
    ]
    assert [row["items"] for row in told["queues"][:3]] == [5, 400, 5]
    assert all(row["cpu_s"] > 0 and row["peak_mb"] > 0 for row in told["queues"])
