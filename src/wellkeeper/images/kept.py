"""What was seen of pictures, kept on disk, so that a run that was stopped does not look at them again.

One Parquet file a task, written whole or not at all; its name is a digest of everything that its content depends on:
the files and what lies beside them, as the file system tells when they change, the certificates that are trusted, and
the versions of what reads. Where the file exists and can be read, the task is done. That is all there is to resuming.
"""

import hashlib
import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any, TypeAlias

import pyarrow as pa
import pyarrow.parquet as pq

from wellkeeper import __version__
from wellkeeper.core.marks import Credential, Trust, Validity, signals_json, signals_of
from wellkeeper.engine.readers.base import Quarantined
from wellkeeper.engine.store import write_atomic
from wellkeeper.images.examine import Seen
from wellkeeper.images.marks import marks_of
from wellkeeper.images.pictures import Fingerprints
from wellkeeper.images.readers import UNREADABLE, Place, Task, place_at

Result: TypeAlias = Seen | Quarantined

FORMAT = "images.1"
"""Changes with what is kept and how pictures are judged: what another one wrote is not read."""

_LIBRARIES = ("pillow", "ImageHash", "c2pa-python")  # of which another version may see something else
_PRINTS = tuple(Fingerprints.__dataclass_fields__)
_OWN = ("size", "sha256", "media_type", "width", "height", "frames", "unread_credential")
_SCHEMA = pa.schema(
    [
        *(
            (name, pa.string()) for name in ("code", "reason")
        ),  # of quarantine; null where the picture was read
        *((name, pa.int64()) for name in ("size", "width", "height", "frames")),
        *((name, pa.binary()) for name in ("sha256", "pixels", "miniature")),
        *((name, pa.uint64()) for name in ("perceptual", "difference")),
        *((name, pa.float64()) for name in ("contrast", "detail")),
        *((name, pa.string()) for name in ("media_type", "fields", "signals", "credential")),
        ("unread_credential", pa.bool_()),
    ]
)


class Kept:
    """The results of tasks in one folder."""

    def __init__(self, folder: Path, *, anchors: bytes | None) -> None:
        """Use a folder, which is made.

        Args:
            folder: of this and nothing else.
            anchors: certificates that the run trusts, on which what is seen of a credential depends.

        Raises:
            OSError: the folder cannot be made.
        """
        folder.mkdir(parents=True, exist_ok=True)
        self._folder = folder
        self._conditions = repr([FORMAT, __version__, [_version_of(name) for name in _LIBRARIES], anchors])

    def results(self, task: Task, look: Callable[[Task], Sequence[Result]]) -> Sequence[Result]:
        """The results of a task, from disk where they are there, else as `look` gives them; then they are kept."""
        path = self._path(task)
        with suppress(
            OSError, pa.ArrowException, ValueError, TypeError, KeyError
        ):  # absent, or no longer whole
            rows = pq.read_table(path, use_threads=False).to_pylist()
            return [_result(row, place_at(task, number)) for number, row in enumerate(rows)]
        found = look(task)
        if any(
            isinstance(one, Quarantined) and one.code == UNREADABLE for one in found
        ):  # perhaps not next time
            return found
        sink = pa.BufferOutputStream()
        table = pa.Table.from_pylist([_row(one) for one in found], schema=_SCHEMA)
        pq.write_table(table, sink, compression="zstd", write_statistics=False)
        write_atomic(path, sink.getvalue().to_pybytes(), lasting=False)
        return found

    def forget_others(self, tasks: Iterable[Task]) -> None:
        """Remove the results of all but these tasks: of files that have changed or are gone."""
        wanted = {self._path(task).name for task in tasks}
        for path in self._folder.glob("*.parquet"):
            if path.name not in wanted:
                path.unlink(missing_ok=True)

    def _path(self, task: Task) -> Path:
        digest = hashlib.sha256(f"{self._conditions}{task!r}".encode("utf-8", "surrogateescape")).hexdigest()
        return self._folder / f"{digest[:40]}.parquet"


def _version_of(library: str) -> str | None:
    try:
        return version(library)
    except PackageNotFoundError:
        return None


def _row(result: Result) -> Mapping[str, Any]:
    if isinstance(result, Quarantined):
        return {"code": result.code, "reason": result.reason}
    return {
        **{name: getattr(result, name) for name in _OWN},
        **{name: getattr(result.fingerprints, name) for name in _PRINTS},
        "fields": json.dumps(result.fields),
        "signals": signals_json(result.signals),
        "credential": json.dumps(_said_by(result.credential)),
    }


def _said_by(credential: Credential) -> Mapping[str, Any]:
    """All but the raw store, which the file itself still has."""
    return {name: value for name, value in asdict(credential).items() if name != "store"}


def _result(row: Mapping[str, Any], place: Place) -> Result:
    if row["code"] is not None:
        return Quarantined(**place.in_quarantine, code=row["code"], reason=row["reason"])
    signals = signals_of(row["signals"])
    credential = _credential(json.loads(row["credential"]))
    return Seen(
        place=place,
        fields=json.loads(row["fields"]),
        fingerprints=Fingerprints(**{name: row[name] for name in _PRINTS}),
        signals=signals,
        credential=credential,
        marks=marks_of(signals, credential),
        **{name: row[name] for name in _OWN},
    )


def _credential(written: Mapping[str, Any]) -> Credential:
    values: dict[str, Any] = {
        name: tuple(value) if isinstance(value, list) else value for name, value in written.items()
    }
    values["validity"], values["trust"] = Validity(written["validity"]), Trust(written["trust"])
    return Credential(**values)
