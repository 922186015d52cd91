"""The server of `completion_server.py` as a test sees it."""

import json
import subprocess
import sys
from pathlib import Path


def requests_in(folder: Path) -> list[dict]:
    """What a server that writes to this folder was asked so far."""
    file = folder / "requests.jsonl"
    text = file.read_text() if file.exists() else ""
    whole, _, _ = text.rpartition("\n")  # the server may be writing the last line
    return [json.loads(line) for line in whole.splitlines()]


class Served:
    """The server, and what it saw."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        script = Path(__file__).with_name("completion_server.py")
        self._process = subprocess.Popen(
            [sys.executable, str(script), str(folder)], stdout=subprocess.PIPE, text=True
        )
        self.port = int(self._process.stdout.readline())
        self.url = f"http://127.0.0.1:{self.port}/v1"

    def plan(self, *entries: dict) -> None:
        """Answer as planned, and then as a model does."""
        self.exactly(*entries, {})

    def always(self, **entry: object) -> None:
        self.exactly(entry)

    def exactly(self, *entries: dict) -> None:
        """Answer as planned, and then as the last entry says for ever."""
        (self.folder / "requests.jsonl").unlink(missing_ok=True)
        written = self.folder / "plan.json.new"  # or the server may read half of it
        written.write_text(json.dumps(entries))
        written.replace(self.folder / "plan.json")

    def requests(self) -> list[dict]:
        return requests_in(self.folder)

    def close(self) -> None:
        self._process.kill()
        self._process.wait()
        self._process.stdout.close()
