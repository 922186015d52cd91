"""People as verifiers: items wait in a queue file, and verdicts are read from a file of labels.

Both are JSON lines. The queue has an item a line with the SHA-256 of what is to be judged. A line of the labels has the
item's `id`, `label` (right or wrong) and, to be safe, that `sha256`: a label of another text under the same id is none.
Nobody has looked: unknown.
"""

import hashlib
import json
import os
import threading
from pathlib import Path

from wellkeeper.core.answers import plain_prompt
from wellkeeper.core.generated import Generated
from wellkeeper.errors import InputError, WorkError
from wellkeeper.vet.labels import read_label_lines
from wellkeeper.vet.verdicts import Verdict

WAITING = "waits for a person"


class HumanVerifier:
    """What people said of a text, as far as they have."""

    family = "human"

    def __init__(self, *, name: str, queue: Path, labels: Path) -> None:
        """Read what is known so far.

        Args:
            name: what the user calls it.
            queue: file that gets the items which wait.
            labels: file with verdicts, which need not exist yet.

        Raises:
            InputError: a line of the labels is no label, or one of the files cannot be read.
        """
        self.name = name
        self._queue = queue
        self._labels: dict[str, dict[str, bool]] = {}
        for line in read_label_lines(labels) if labels.exists() else ():
            self._labels.setdefault(line.id, {})[line.digest] = line.right
        self._waiting = _waiting(queue)
        self._lock = threading.Lock()

    @property
    def digest(self) -> str:
        """Of people there is none but their name for themselves: their labels are the measure of the others."""
        return hashlib.sha256(json.dumps({"kind": "human", "name": self.name}).encode()).hexdigest()

    def check(self, item: Generated) -> None:
        """People can look at anything."""

    def verdict(self, item: Generated) -> Verdict:
        """The label of a text; where there is none yet it is put in the queue.

        Raises:
            WorkError: the queue cannot be written.
        """
        digest = judged(item)
        known = self._labels.get(item.id, {})
        right = known.get(digest, known.get(""))
        if right is not None:
            return Verdict(
                said="accepted" if right else "rejected", value=float(right), note="a person said so"
            )
        with self._lock:
            if digest not in self._waiting:
                self._append(item, digest)
                self._waiting.add(digest)
        return Verdict(said="unknown", note=WAITING)

    def _append(self, item: Generated, digest: str) -> None:
        line = json.dumps({**item.to_json(), "sha256": digest}, ensure_ascii=False)
        try:
            self._queue.parent.mkdir(parents=True, exist_ok=True)
            with self._queue.open("a+b") as file:
                file.seek(0, os.SEEK_END)
                if file.tell():
                    file.seek(-1, os.SEEK_END)
                    torn = file.read(1) != b"\n"  # the writer before us was killed within a line
                    file.write(b"\n" * torn)
                file.write(line.encode() + b"\n")
        except OSError as error:
            raise WorkError(
                f"The queue {self._queue} cannot be written ({error.strerror or error}). Free space or fix access, "
                "then run the same command again."
            ) from error


def judged(item: Generated) -> str:
    """SHA-256, in hexadecimal digits, of what a person looks at: the text and its prompt."""
    prompt = None if item.prompt is None else plain_prompt(item.prompt)
    return hashlib.sha256(json.dumps([item.text, prompt], sort_keys=True).encode()).hexdigest()


def _waiting(queue: Path) -> set[str]:
    """Digests of the items in the queue; a line that was cut off is none."""
    try:
        lines = queue.read_bytes().split(b"\n") if queue.exists() else []
    except OSError as error:
        raise InputError(
            f"The queue {queue} cannot be read ({error.strerror or error}). Fix access, or name another file."
        ) from error
    found = set()
    for line in lines:
        try:
            found.add(str(json.loads(line)["sha256"]))
        except (ValueError, KeyError, TypeError):
            continue
    return found
