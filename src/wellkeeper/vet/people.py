"""People as verifiers: items wait in a queue file, and verdicts are read from a file of labels.

Both are JSON lines. The queue has an item a line with the SHA-256 of what is to be judged. A line of the labels has the
item's `id`, `label` (right or wrong) and, to be safe, that `sha256`: a label of another text under the same id is none.
Nobody has looked: unknown.
"""

import hashlib
import json
import os
import threading
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from wellkeeper.core.answers import plain_prompt
from wellkeeper.core.generated import Generated
from wellkeeper.errors import InputError, WorkError
from wellkeeper.vet.labels import read_label_lines
from wellkeeper.vet.verdicts import Verdict

WAITING = "waits for a person"


class Queue:
    """A file of items that wait for people, each once, however many threads and runs put it there."""

    def __init__(self, path: Path, **blank: None) -> None:
        """`blank`: fields that people are to fill in.

        Raises:
            InputError: the file is there, and cannot be read or is no queue.
        """
        self._path = path
        self._blank = blank
        self._waiting = _waiting(path)
        self._lock = threading.Lock()

    def put(self, item: Generated) -> bool:
        """Add an item; False where it waits already.

        Raises:
            WorkError: the file cannot be written.
        """
        digest = judged(item)
        with self._lock:
            if (item.id, digest) in self._waiting:
                return False
            self._append({**item.to_json(), "sha256": digest, **self._blank})
            self._waiting.add((item.id, digest))
        return True

    def _append(self, entry: Mapping[str, Any]) -> None:
        try:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            with self._path.open("a+b") as file:
                file.seek(0, os.SEEK_END)
                if file.tell():
                    file.seek(-1, os.SEEK_END)
                    torn = file.read(1) != b"\n"  # the writer before us was killed within a line
                    file.write(b"\n" * torn)
                file.write(json.dumps(entry, ensure_ascii=False).encode() + b"\n")
        except OSError as error:
            raise WorkError(
                f"{self._path} cannot be written ({error.strerror or error}). Free space or fix access, "
                "then run the same command again."
            ) from error


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
        self._labels: dict[str, dict[str, bool]] = {}
        for line in read_label_lines(labels) if labels.exists() else ():
            self._labels.setdefault(line.id, {})[line.digest] = line.right
        self._queue = Queue(queue)

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
        known = self._labels.get(item.id, {})
        right = known.get(judged(item), known.get(""))
        if right is not None:
            return Verdict(
                said="accepted" if right else "rejected", value=float(right), note="a person said so"
            )
        self._queue.put(item)
        return Verdict(said="unknown", note=WAITING)


def judged(item: Generated) -> str:
    """SHA-256, in hexadecimal digits, of what a person looks at: the text and its prompt."""
    prompt = None if item.prompt is None else plain_prompt(item.prompt)
    return hashlib.sha256(json.dumps([item.text, prompt], sort_keys=True).encode()).hexdigest()


def draw(items: Sequence[Generated], many: int, path: Path) -> int:
    """Write a random part of a set for people to label, and say how many texts are new in the file.

    The order is that of hashes of ids: a larger part holds a smaller one, so that more can be drawn when some are
    labelled already, and what stands in the file stays as it is.

    Args:
        items: the set.
        many: texts to draw; all, where the set has fewer.
        path: file of JSON lines; each has a `label` that is null until a person has filled it in.

    Raises:
        InputError: the file is there, and cannot be read or holds something else.
        WorkError: it cannot be written.
    """
    order = sorted(items, key=lambda item: hashlib.sha256(f"audit {item.id}".encode()).digest())
    queue = Queue(path, label=None)
    return sum(queue.put(item) for item in order[:many])


def _waiting(queue: Path) -> set[tuple[str, str]]:
    """Ids and digests of the items in the queue; a line that was cut off is none."""
    try:
        lines = queue.read_bytes().split(b"\n") if queue.exists() else []
    except OSError as error:
        raise InputError(
            f"{queue} cannot be read ({error.strerror or error}). Fix access, or name another file."
        ) from error
    found = set()
    for number, line in enumerate(lines, 1):
        try:
            entry = json.loads(line)
            found.add((str(entry["id"]), str(entry["sha256"])))
        except (ValueError, KeyError, TypeError) as error:
            is_torn = isinstance(error, ValueError) and line.startswith(b"{")
            if line.strip() and not is_torn:
                raise InputError(
                    f"{queue}, line {number}, is no text that waits for a person: the file is of something else. Name "
                    "another file, or one that is not there yet."
                ) from None
    return found
