"""Virtual environments of the peers: made once by pip's ordinary client, then reused.

An environment is ready when its `ready.json` is there: it is written last and says which requirements were
installed and which packages came of them. Other requirements, or another Python, make the environment anew.
"""

import json
import platform
import shutil
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from peers.tools import Environment


class InstallError(Exception):
    """pip could not make an environment; the message is the end of what it said."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Installed:
    """An environment that can be used."""

    python: Path
    packages: Mapping[str, str]  # name in pip's normal form -> version
    megabytes: float  # of files on disk


def ensure(environment: Environment, folder: Path) -> Installed:
    """The environment below `folder`, made if it is not there.

    Raises:
        InstallError: pip failed.
    """
    place = folder / environment.name
    python = place / "bin" / "python"
    marker = place / "ready.json"
    wanted = {"python": platform.python_version(), "requirements": list(environment.requirements)}
    stored = json.loads(marker.read_text()) if marker.exists() else {}
    if {key: stored.get(key) for key in wanted} != wanted:
        if place.exists():
            shutil.rmtree(place)
        _run([sys.executable, "-m", "venv", str(place)])
        _run([str(python), "-m", "pip", "install", "--quiet", "--upgrade", "pip"])
        _run([str(python), "-m", "pip", "install", "--quiet", *environment.requirements])
        listed = json.loads(_run([str(python), "-m", "pip", "list", "--format", "json"]))
        packages = {entry["name"].lower().replace("_", "-"): entry["version"] for entry in listed}
        size = sum(path.lstat().st_size for path in place.rglob("*") if path.is_file())
        stored = {**wanted, "packages": packages, "megabytes": round(size / 1e6, 1)}
        marker.write_text(json.dumps(stored, indent=1) + "\n")
    return Installed(python=python, packages=stored["packages"], megabytes=stored["megabytes"])


def _run(command: list[str]) -> str:
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise InstallError((done.stderr or done.stdout).strip()[-2000:])
    return done.stdout
