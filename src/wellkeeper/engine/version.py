"""Which code is running: one digest over all of it."""

import hashlib
from functools import cache
from importlib.resources import files
from pathlib import Path


@cache
def code_digest() -> str:
    """SHA-256 over the package's own source, 64 hexadecimal digits, so that a manifest says exactly which code ran.

    As the files are when it is first asked for.
    """
    root = Path(str(files("wellkeeper")))
    state = hashlib.sha256()
    for path in sorted(root.rglob("*.py")):
        state.update(path.relative_to(root).as_posix().encode() + b"\0" + path.read_bytes())
    return state.hexdigest()
