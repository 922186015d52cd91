"""Pictures wherever they lie: in folders, in columns of Parquet files, in WebDataset tars.

Listing is cheap and in one order: by the name of the file, then by row or place in it. It gives small tasks, which any
number of threads may read. What was listed is either a picture or in quarantine; what is no picture (notes, tables of
labels) is counted by its suffix and passed over.

Beside a picture its own fields may lie: `NAME.json` (an object) and `NAME.txt` (a caption) in folders and tars, the
other columns in Parquet, and rows of `metadata.csv` or `metadata.jsonl` with a `file_name`, as Hugging Face's image
folders have them.
"""

import csv
import io
import json
import tarfile
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path, PurePosixPath
from typing import Any, TypeAlias

import pyarrow as pa
import pyarrow.parquet as pq

from wellkeeper.engine.files import Found, expand, is_url, kind_of, open_binary
from wellkeeper.engine.readers.base import Quarantined
from wellkeeper.engine.sources import ROLE_NAMES, fingerprint_of
from wellkeeper.errors import InputError

SUFFIXES = frozenset(
    {".png", ".jpg", ".jpeg", ".jpe", ".jfif", ".webp", ".gif", ".tif", ".tiff", ".bmp", ".avif"}
)
UNREAD_SUFFIXES = frozenset(
    {".heic", ".heif", ".jxl", ".jp2", ".psd", ".svg", ".dng", ".cr2", ".nef", ".arw", ".raf"}
)
"""Pictures in formats that are not read: they are quarantined, not passed over."""

UNREADABLE = "file-unreadable"
"""Code of quarantine for a file that is there and could not be opened or read."""

MOST_BYTES = 1 << 28
"""Largest file that is taken into memory."""

_PLAIN_SUFFIXES = SUFFIXES | {".tar"}
_TASK_FILES = 64
_TABLE_BATCH = 32  # rows of a table that are in memory together
_COLUMNS = ("image", "img", "picture", "photo", "jpg", "jpeg", "png", "webp", "image_bytes", "bytes")
_ROLES = {
    role: ROLE_NAMES[role] for role in ("id", "source", "date", "licence", "origin", "generator", "consent")
}
_METADATA = ("metadata.jsonl", "metadata.csv")

Fields: TypeAlias = Mapping[str, str]  # role -> value as written


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """Where a picture lies."""

    group: str  # the PATH that it belongs to
    file: str  # name of the file that was listed, relative to the PATH
    url: str  # that file, as it can be opened
    name: str  # of the picture: the file's, or in a tar `TAR/MEMBER`, in a table `FILE:ROW`
    line: int  # 1-based row or member; 1 for a file of its own
    offset: int  # byte of a tar at which it starts; -1 for rows of a table, else 0
    size: int = -1  # bytes; -1 where the file system does not say
    fingerprint: str = ""  # changes when the file does, or what lies beside it

    @property
    def in_quarantine(self) -> dict[str, Any]:
        """`file`, `line` and `offset` of `Quarantined`: a row of a table by its number, a file as a whole."""
        if self.offset < 0:
            return {"file": self.file, "line": self.line, "offset": -1}
        return {"file": self.name, "line": 0, "offset": self.offset or -1}


@dataclass(frozen=True, slots=True, kw_only=True)
class Given:
    """A picture as it was given: its bytes and the fields beside it."""

    place: Place
    data: bytes
    fields: Fields


@dataclass(frozen=True, slots=True)
class Files:
    """Files of their own, each with the file of its fields, if it has one, and the fields of a table beside it."""

    places: tuple[tuple[Place, str | None, Fields], ...]


@dataclass(frozen=True, slots=True)
class Members:
    """Members of one tar, each with the place (offset, bytes) of its JSON."""

    places: tuple[tuple[Place, tuple[int, int] | None], ...]


@dataclass(frozen=True, slots=True)
class Rows:
    """One row group of a Parquet file."""

    place: Place  # of its first row
    number: int
    column: str
    rows: int


Task: TypeAlias = Files | Members | Rows


@dataclass(frozen=True, slots=True, kw_only=True)
class Listing:
    """What a run will read."""

    tasks: tuple[Task, ...]
    quarantined: tuple[Quarantined, ...]
    files: int  # files with pictures in them
    passed_over: Mapping[str, int] = field(default_factory=dict)  # suffix -> files that are no pictures
    said: tuple[str, ...] = ()  # what was guessed, to be said aloud


def holds_images(path: str) -> bool:
    """Whether a path is meant as pictures and not as text: more of its files are pictures than text or tables.

    Fields beside a picture do not count. Of tables the first one's schema tells, of a tar its name.
    """
    try:
        found = expand(path)
    except (ImportError, ValueError, OSError):
        return False
    beside = {_stem(file.name) for file in found if _is_picture(file.name)}
    tables = [file.url for file in found if _suffix(file.name) == ".parquet"]
    of_pictures = _PLAIN_SUFFIXES | ({".parquet"} if tables and _image_column(tables[0])[0] else set())
    pictures = [file for file in found if _suffix(file.name) in of_pictures]
    others = [
        file
        for file in found
        if _suffix(file.name) not in of_pictures
        and kind_of(file.name)[0]
        and PurePosixPath(file.name).name not in _METADATA
        and _stem(file.name) not in beside
    ]
    return len(pictures) > len(others)


def list_images(paths: Sequence[str], *, out: Path | None = None) -> Listing:
    """Everything in the paths that may be a picture, in the order in which it will be numbered.

    A path is a file, a folder, a glob or an fsspec URL. What lies in `out` is left out: it was written by an earlier
    run.

    Raises:
        InputError: a path does not exist, or there is no picture in any of them.
    """
    listings = [_listing(path, out, prefixed=len(paths) > 1) for path in paths]
    passed = Counter[str]()
    for one in listings:
        passed.update(one.passed_over)
    whole = Listing(
        tasks=tuple(task for one in listings for task in one.tasks),
        quarantined=tuple(record for one in listings for record in one.quarantined),
        files=sum(one.files for one in listings),
        passed_over=dict(sorted(passed.items())),
        said=tuple(sentence for one in listings for sentence in one.said),
    )
    if not whole.tasks and not whole.quarantined:
        raise InputError(
            f"There is no picture in {', '.join(paths)}. Name a folder of {', '.join(sorted(SUFFIXES))} files, Parquet "
            "files with an image column, or WebDataset tars."
        )
    return whole


def read(task: Task) -> Iterator[Given | Quarantined]:
    """The pictures of a task, one at a time."""
    if isinstance(task, Files):
        yield from _read_files(task)
    elif isinstance(task, Members):
        yield from _read_members(task)
    else:
        yield from _read_rows(task)


def pictures_in(task: Task) -> int:
    """Pictures that a task was listed with, whether they can be read or not."""
    return task.rows if isinstance(task, Rows) else len(task.places)


def place_at(task: Task, number: int) -> Place:
    """Where the picture lies that `read` gives as this one of a task, from 0 on."""
    if isinstance(task, Rows):
        return _row(task.place, task.place.line + number)
    return task.places[number][0]


def read_again(place: Place) -> bytes | None:
    """The bytes of one picture that a run has read before; None if they cannot be had any more."""
    try:
        if place.offset >= 0:
            with open_binary(place.url) as file:
                file.seek(place.offset)
                return file.read(place.size if place.size >= 0 else -1)
        with open_binary(place.url) as source:
            table = pq.ParquetFile(source)
            column, row = _column_of_pictures(table.schema_arrow), place.line - 1
            if column is None:
                return None
            for number in range(table.num_row_groups):
                rows = table.metadata.row_group(number).num_rows
                if row < rows:
                    return _bytes_of(_nth(table, number, row, column))
                row -= rows
    except (InputError, OSError, pa.ArrowException):
        pass
    return None


def _nth(table: pq.ParquetFile, group: int, row: int, column: str) -> Any:
    for batch in table.iter_batches(_TABLE_BATCH, row_groups=[group], columns=[column], use_threads=False):
        if row < len(batch):
            return batch.column(0)[row].as_py()
        row -= len(batch)
    return None


def _listing(path: str, out: Path | None, *, prefixed: bool) -> Listing:
    try:
        found = [file for file in expand(path) if not _lies_in(file.url, out)]
    except (ImportError, ValueError) as error:
        raise InputError(
            f"{path} cannot be opened: {error}. Install what that file system needs, or copy the files."
        ) from error
    if not found:
        raise InputError(f"{path} does not exist or holds no file. Check the path.")
    sorter = _Sorter(found, group=PurePosixPath(path.rstrip("/")).name or path, prefixed=prefixed)
    for file in found:
        sorter.take(file)
    return sorter.listing()


class _Sorter:
    """Puts the files of one path where they belong: among the pictures, the tars, the tables, or none of these."""

    def __init__(self, found: Sequence[Found], *, group: str, prefixed: bool) -> None:
        self._group, self._prefix = group, f"{group}/" if prefixed else ""
        self._by_name = {file.name: file for file in found}
        self._rows, said = _tables_beside(found)
        self._beside = {_stem(file.name) for file in found if _is_picture(file.name)}
        self._own: list[tuple[Place, str | None, Fields]] = []
        self._tasks: list[Task] = []
        self._records: list[Quarantined] = []
        self._passed = Counter[str]()
        self._said: list[str] = said
        self._files = 0

    def take(self, file: Found) -> None:
        suffix, name = _suffix(file.name), f"{self._prefix}{file.name}"
        beside = self._sidecar_of(file.name) if suffix in SUFFIXES else None
        place = Place(
            group=self._group,
            file=name,
            url=file.url,
            name=name,
            line=1,
            offset=0,
            size=file.size,
            fingerprint=fingerprint_of([file] if beside is None else [file, beside]),
        )
        column, damage = _image_column(file.url) if suffix == ".parquet" else (None, None)
        if suffix in SUFFIXES:
            sidecar = None if beside is None else beside.url
            self._own.append((place, sidecar, self._rows.get(file.name, {})))
        elif suffix == ".tar":
            tasks, records = _tar_tasks(place)
            self._tasks += tasks
            self._records += records
        elif column is not None:
            self._tasks += _table_tasks(place, column)
            self._said.append(f"{name}: image column '{column}' (guessed)")
        elif damage is not None:
            self._records.append(_bad(place, "corrupt-file", f"the table cannot be read: {damage}"))
        elif suffix in UNREAD_SUFFIXES:
            told = f"{suffix[1:].upper()} is not read: write it as PNG, JPEG, WebP, TIFF or AVIF"
            self._records.append(_bad(place, "image-format", told))
        else:
            self._passed[suffix or "(no suffix)"] += not self._is_beside(file.name)
            return
        self._files += 1

    def _sidecar_of(self, name: str) -> Found | None:
        return self._by_name.get(f"{_stem(name)}.json") or self._by_name.get(f"{name}.json")

    def _is_beside(self, name: str) -> bool:
        if PurePosixPath(name).name in _METADATA:
            return True
        of_one = _stem(name) in self._beside or (name.endswith(".json") and _is_picture(_stem(name)))
        return of_one and kind_of(name)[0] is not None

    def listing(self) -> Listing:
        own: list[Task] = [
            Files(tuple(self._own[at : at + _TASK_FILES])) for at in range(0, len(self._own), _TASK_FILES)
        ]
        return Listing(
            tasks=tuple(sorted([*own, *self._tasks], key=_order)),
            quarantined=tuple(self._records),
            files=self._files,
            passed_over={suffix: files for suffix, files in self._passed.items() if files},
            said=tuple(self._said),
        )


def _order(task: Task) -> tuple[str, int]:
    place = task.place if isinstance(task, Rows) else task.places[0][0]
    return place.file, place.line


def _bad(place: Place, code: str, reason: str) -> Quarantined:
    return Quarantined(**place.in_quarantine, code=code, reason=reason)


def _lies_in(url: str, out: Path | None) -> bool:
    return out is not None and not is_url(url) and Path(url).resolve().is_relative_to(out.resolve())


def _suffix(name: str) -> str:
    return PurePosixPath(name.lower()).suffix


def _is_picture(name: str) -> bool:
    return _suffix(name) in SUFFIXES


def _stem(name: str) -> str:
    return name[: len(name) - len(_suffix(name))]


def _fields_of(written: Mapping[str, Any]) -> Fields:
    """The roles that the fields play, by the names that fields of public sets bear; values as they are written."""
    lower = {str(name).lower(): value for name, value in written.items()}
    found = {}
    for role, names in _ROLES.items():
        name = next((name for name in names if lower.get(name) not in (None, "")), None)
        value = None if name is None else lower[name]
        if isinstance(value, date):
            value = value.isoformat()
        if isinstance(value, str | int | float):
            found[role] = str(value)
    return found


def _object_fields(data: bytes) -> Fields:
    """Fields of a JSON object; a file that is none says nothing."""
    try:
        written = json.loads(data)
    except (ValueError, RecursionError):
        return {}
    return _fields_of(written) if isinstance(written, Mapping) else {}


def _tables_beside(found: Iterable[Found]) -> tuple[dict[str, Fields], list[str]]:
    """Picture's name -> fields, from the tables of labels that lie in its folder; and of which a part is not read."""
    fields: dict[str, Fields] = {}
    said: list[str] = []
    for file in found:
        path = PurePosixPath(file.name)
        if path.name not in _METADATA:
            continue
        try:
            with open_binary(file.url) as source:
                text = source.read().decode("utf-8-sig", "replace")
            for row in _label_rows(text, is_csv=path.suffix == ".csv"):
                name = row.get("file_name")
                if isinstance(name, str):
                    fields[(path.parent / name).as_posix()] = _fields_of(row)
        except (InputError, OSError, csv.Error) as error:
            said.append(f"{file.name}: labels from row {len(fields) + 1:,} on cannot be read: {error}")
    return fields, said


def _label_rows(text: str, *, is_csv: bool) -> Iterator[Mapping[str, Any]]:
    if is_csv:
        yield from csv.DictReader(io.StringIO(text, newline=""))
        return
    for line in text.split("\n"):
        try:
            row = json.loads(line)
        except (ValueError, RecursionError):
            continue
        if isinstance(row, Mapping):
            yield row


def _read_files(task: Files) -> Iterator[Given | Quarantined]:
    for place, sidecar, fields in task.places:
        if place.size > MOST_BYTES:
            yield _too_large(place, place.size)
            continue
        try:
            with open_binary(place.url) as file:
                data = file.read()
        except (InputError, OSError) as error:
            yield _bad(place, UNREADABLE, str(error))
            continue
        yield Given(place=place, data=data, fields={**fields, **_sidecar(sidecar)})


def _too_large(place: Place, size: int) -> Quarantined:
    return _bad(
        place, "image-too-large", f"it has {size:,} bytes, and {MOST_BYTES:,} are the most that are read"
    )


def _sidecar(url: str | None) -> Fields:
    if url is None:
        return {}
    try:
        with open_binary(url) as file:
            return _object_fields(file.read())
    except (InputError, OSError):
        return {}


def _tar_tasks(place: Place) -> tuple[list[Task], list[Quarantined]]:
    """Members of a tar in their order; a tar that breaks off gives what stands before the break."""
    pictures: list[tuple[Place, str]] = []
    fields: dict[str, tuple[int, int]] = {}
    records: list[Quarantined] = []
    with open_binary(place.url) as file:
        try:
            with tarfile.open(fileobj=file, mode="r:") as tar:
                for number, member in enumerate(_forward(tar), 1):
                    key, suffix = _sample(member.name)
                    at = (member.offset_data, member.size)
                    if member.isfile() and suffix == "json":
                        fields[key] = at
                    elif member.isfile() and f".{suffix.rpartition('.')[2]}" in SUFFIXES:
                        pictures.append((_in_tar(place, member, number), key))
        except (tarfile.TarError, EOFError, OSError) as error:
            read = f" after {len(pictures):,} pictures" if pictures else ""
            records.append(_bad(place, "corrupt-file", f"the tar cannot be read{read}: {error}"))
    whole = [(where, fields.get(key)) for where, key in pictures]
    cuts = range(0, len(whole), _TASK_FILES)
    return [Members(tuple(whole[at : at + _TASK_FILES])) for at in cuts], records


def _forward(tar: tarfile.TarFile) -> Iterator[tarfile.TarInfo]:
    """Members in their order, and an end where a negative size would lead back (CVE-2025-8194)."""
    last = -1
    for member in tar:
        if member.offset <= last or member.size < 0:
            raise tarfile.ReadError(f"the size of {member.name!r} is {member.size:,}")
        last = member.offset
        yield member


def _sample(name: str) -> tuple[str, str]:
    """Key and suffix of a member, cut at the first dot of its last part, as WebDataset cuts them.

    >>> _sample("a.b/000017.seg.png")
    ('a.b/000017', 'seg.png')
    """
    folder, slash, last = name.rpartition("/")
    key, _, suffix = last.partition(".")
    return f"{folder}{slash}{key}", suffix.lower()


def _in_tar(tar: Place, member: tarfile.TarInfo, number: int) -> Place:
    return Place(
        group=tar.group,
        file=tar.file,
        url=tar.url,
        name=f"{tar.name}/{member.name}",
        line=number,
        offset=member.offset_data,
        size=member.size,
        fingerprint=tar.fingerprint,
    )


def _read_members(task: Members) -> Iterator[Given | Quarantined]:
    with open_binary(task.places[0][0].url) as file:
        for place, sidecar in task.places:
            if place.size > MOST_BYTES:
                yield _too_large(place, place.size)
                continue
            file.seek(place.offset)
            data = file.read(place.size)
            fields: Fields = {}
            if sidecar is not None:
                file.seek(sidecar[0])
                fields = _object_fields(file.read(sidecar[1]))
            yield Given(place=place, data=data, fields=fields)


def _image_column(url: str) -> tuple[str | None, str | None]:
    """The column of a Parquet file that holds pictures, or what is wrong with the file; neither: it is no such table.

    A column of pictures is Hugging Face's {bytes, path}, or bytes of a telling name.
    """
    try:
        with open_binary(url) as source:
            return _column_of_pictures(pq.ParquetFile(source).schema_arrow), None
    except (InputError, OSError, pa.ArrowException) as error:
        return None, str(error)


def _column_of_pictures(schema: pa.Schema) -> str | None:
    plain = []
    for column in schema:
        kind = column.type
        if pa.types.is_struct(kind) and any(
            inner.name == "bytes" and _is_bytes(inner.type) for inner in kind
        ):
            return str(column.name)
        if _is_bytes(kind) and column.name.lower() in _COLUMNS:
            plain.append(str(column.name))
    return min(plain, key=lambda name: _COLUMNS.index(name.lower())) if plain else None


def _is_bytes(kind: pa.DataType) -> bool:
    return bool(pa.types.is_binary(kind) or pa.types.is_large_binary(kind) or pa.types.is_binary_view(kind))


def _table_tasks(place: Place, column: str) -> list[Task]:
    with open_binary(place.url) as source:
        metadata = pq.ParquetFile(source).metadata
    tasks: list[Task] = []
    first = 1
    for number in range(metadata.num_row_groups):
        rows = metadata.row_group(number).num_rows
        tasks.append(Rows(_row(place, first), number, column, rows))
        first += rows
    return tasks


def _row(table: Place, row: int) -> Place:
    return Place(
        group=table.group,
        file=table.file,
        url=table.url,
        name=f"{table.file}:{row}",
        line=row,
        offset=-1,
        fingerprint=table.fingerprint,
    )


def _read_rows(task: Rows) -> Iterator[Given | Quarantined]:
    first = task.place
    done = 0
    try:
        with open_binary(first.url) as source:
            table = pq.ParquetFile(source)
            wanted = [task.column, *_role_columns(table.schema_arrow)]
            for batch in table.iter_batches(
                _TABLE_BATCH, row_groups=[task.number], columns=wanted, use_threads=False
            ):
                for row in batch.to_pylist():
                    place = _row(first, first.line + done)
                    done += 1
                    yield _of_row(place, row, task.column)
    except (pa.ArrowException, OSError) as error:
        rest = f"rows {first.line + done:,} to {first.line + task.rows - 1:,} cannot be read: {error}"
        yield _bad(_row(first, first.line + done), "corrupt-rows", rest)


def _role_columns(schema: pa.Schema) -> list[str]:
    known = {name for names in _ROLES.values() for name in names}
    kinds = ("string", "large_string", "integer", "floating", "timestamp", "date")
    return [
        column.name
        for column in schema
        if column.name.lower() in known
        and any(getattr(pa.types, f"is_{kind}")(column.type) for kind in kinds)
    ]


def _of_row(place: Place, row: Mapping[str, Any], column: str) -> Given | Quarantined:
    data = _bytes_of(row[column])
    if data is None:
        path = row[column].get("path") if isinstance(row[column], Mapping) else None
        where = f": only a path, {path}" if path else ""
        return _bad(place, "image-missing", f"column '{column}' has no bytes{where}")
    if len(data) > MOST_BYTES:
        return _too_large(place, len(data))
    return Given(place=place, data=data, fields=_fields_of(row))


def _bytes_of(cell: Any) -> bytes | None:
    data = cell.get("bytes") if isinstance(cell, Mapping) else cell
    return data if isinstance(data, bytes) else None
