"""Golden files: what was looked at once and must not change unseen."""

import os
from pathlib import Path

FOLDER = Path(__file__).parent.parent / "golden" / "report"
UPDATE = "WELLKEEPER_UPDATE_GOLDEN"


def assert_golden(name: str, found: str) -> None:
    """Compare with tests/golden/report/NAME; with WELLKEEPER_UPDATE_GOLDEN=1, write it instead."""
    path = FOLDER / name
    if os.environ.get(UPDATE) == "1":
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(found, encoding="utf-8")
    wanted = path.read_text(encoding="utf-8")
    assert found == wanted, f"{name} changed. Look at it, then run with {UPDATE}=1 to accept it."
