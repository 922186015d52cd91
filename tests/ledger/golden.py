"""Texts that people read, kept as files. WELLKEEPER_UPDATE_GOLDEN=1 writes them anew: read the diff."""

import os
from pathlib import Path

FOLDER = Path(__file__).parent.parent / "golden" / "ledger"


def same_as_golden(name: str, text: str) -> None:
    path = FOLDER / name
    if os.environ.get("WELLKEEPER_UPDATE_GOLDEN") == "1":
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    assert text == path.read_text(encoding="utf-8"), f"{path} differs; WELLKEEPER_UPDATE_GOLDEN=1 writes it anew"
