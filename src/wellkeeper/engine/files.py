"""Files wherever they lie: listing and opening plain paths, globs, folders and fsspec URLs alike.

Readers and the manifest share this module, so that a folder of text files is listed by one rule only.
"""

import glob
import json
import os
import stat
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path, PurePath, PurePosixPath
from typing import IO, Any, cast

from wellkeeper.errors import InputError

FORMATS: Mapping[str, str] = {
    ".jsonl": "jsonl",
    ".ndjson": "jsonl",
    ".jsonlines": "jsonl",
    ".json": "jsonl",
    ".parquet": "parquet",
    ".arrow": "arrow",
    ".feather": "arrow",
    ".ipc": "arrow",
    ".csv": "csv",
    ".tsv": "tsv",
    ".txt": "text",
    ".md": "text",
    ".markdown": "text",
    ".warc": "warc",
    ".wet": "warc",  # Common Crawl's extracted text, in WARC records
}
COMPRESSIONS: Mapping[str, str] = {".gz": "gzip", ".zst": "zstd", ".zstd": "zstd"}

LABEL_SUFFIX = ".wellkeeper-label.json"
"""Ending of the file that says of the file or folder beside it, which bears the rest of its name, what made it."""

# Written beside the shards by Hugging Face `datasets`; they describe data and hold none.
_HF_METADATA = frozenset({"dataset_dict.json", "dataset_info.json", "dataset_infos.json", "state.json"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """One file that a listing met."""

    url: str  # as it can be opened
    name: str  # its path below the folder or glob that found it
    info: Mapping[str, Any]  # the file system's description, in fsspec's words

    @property
    def size(self) -> int:
        """Bytes on disk, -1 where the file system does not say."""
        size = self.info.get("size")
        return -1 if size is None else int(size)


def kind_of(name: str) -> tuple[str | None, str | None]:
    """Format and compression that a file name promises; the format is None if no reader knows the name.

    >>> kind_of("part-0001.jsonl.zst"), kind_of("a.csv"), kind_of("photo.png")
    (('jsonl', 'zstd'), ('csv', None), (None, None))
    """
    path = PurePosixPath(name.lower())
    compression = COMPRESSIONS.get(path.suffix)
    format_ = FORMATS.get(PurePosixPath(path.stem).suffix if compression else path.suffix)
    if compression and format_ in {
        "parquet",
        "arrow",
    }:  # compressed inside; a compressed whole cannot be sought
        return None, compression
    return format_, compression


def is_url(path: str) -> bool:
    return "://" in path


def has_magic(path: str) -> bool:
    return any(letter in path for letter in "*?[")


def absolute(path: str) -> str:
    """The path as a worker elsewhere can open it: URLs as given, plain paths made absolute."""
    if is_url(path):
        return path
    return str(Path(path).expanduser().absolute())


def open_binary(url: str) -> IO[bytes]:
    """Open a file for reading bytes.

    Raises:
        InputError: the file is gone or may not be read.
    """
    try:
        if is_url(url):
            import fsspec

            return cast("IO[bytes]", fsspec.open(url, "rb").open())
        return Path(url).open("rb")
    except FileNotFoundError as error:
        raise InputError(
            f"{url} was listed but is gone. Run again, so that the files are listed anew."
        ) from error
    except PermissionError as error:
        raise InputError(f"{url} may not be read. Give this user read access to it.") from error


class _Disk:
    """Plain paths, seen as fsspec's local file system sees them; loading fsspec takes longer than most listings.

    Links count as what they point to, but a walk does not follow those to folders.
    """

    protocol = "file"

    def isfile(self, path: str) -> bool:
        return Path(path).is_file()

    def isdir(self, path: str) -> bool:
        return Path(path).is_dir()

    def info(self, path: str) -> Mapping[str, Any]:
        try:
            told = os.stat(path)  # noqa: PTH116  entries of a walk are strings
        except OSError:  # a link to nowhere
            return {"name": path, "size": 0, "type": "other"}
        return {
            "name": path,
            "size": told.st_size,
            "type": "directory" if stat.S_ISDIR(told.st_mode) else "file",
            "created": getattr(told, "st_birthtime", told.st_ctime),
            "mtime": told.st_mtime,
        }

    def ls(self, path: str, *, detail: bool) -> list[str]:
        assert not detail
        return [entry.path for entry in os.scandir(path)]

    def walk(
        self, folder: str, *, detail: bool
    ) -> Iterator[tuple[str, list[str], dict[str, Mapping[str, Any]]]]:
        assert detail
        for where, folders, names in os.walk(folder):
            inside = PurePath(where).as_posix()
            yield inside, folders, {name: self.info(f"{inside}/{name}") for name in names}

    def glob(self, pattern: str, *, detail: bool) -> dict[str, Mapping[str, Any]]:
        assert detail
        matches = [PurePath(path).as_posix() for path in glob.glob(pattern)]  # noqa: PTH207  an absolute pattern
        return {path: self.info(path) for path in matches}

    def cat_file(self, path: str) -> bytes:
        return Path(path).read_bytes()


def label_path(path: Path) -> Path:
    """Where the label of a local file or folder lies: beside it, with its name and `LABEL_SUFFIX`."""
    whole = Path(os.path.abspath(path))  # noqa: PTH100  a link is labelled, not what it points to
    return whole.with_name(whole.name + LABEL_SUFFIX)


def labels_over(path: Path) -> Iterator[tuple[Path, Path]]:
    """What is labelled, the path itself and folders above it, each with its label; the nearest first.

    Of a link, that is its own path first, then the path of what it points to.
    """
    wholes = dict.fromkeys((os.path.abspath(path), os.path.realpath(path)))  # noqa: PTH100  as above
    for whole in map(Path, wholes):
        for place in (whole, *whole.parents[:-1]):
            if (label := label_path(place)).is_file():
                yield place, label


def file_system(path: str) -> tuple[Any, str]:
    """The file system of a path, glob or URL, by fsspec's interface, and the path in it.

    Raises:
        ImportError, ValueError: fsspec cannot reach such a URL.
    """
    if is_url(path) or any(sign in path for sign in ("**", "[")):  # patterns as fsspec understands them
        from fsspec.core import url_to_fs

        system, root = url_to_fs(absolute(path))
        return system, str(root)
    return _Disk(), PurePath(absolute(path)).as_posix()


def expand(path: str) -> list[Found]:
    """Files that a path, glob, folder or URL stands for, by name; empty if there is none.

    Folders are walked to the bottom without names that start with `.` or `_`, and without labels; where Hugging Face
    `datasets` saved a data set, only the shards that its state names count, not the caches beside them.
    """
    system, root = file_system(path)
    if system.isfile(root):
        url = absolute(path)
        return [Found(url=url, name=PurePosixPath(root).name, info=system.info(root))]
    if system.isdir(root):
        return sorted(_walk(system, root, root), key=_by_name)
    if has_magic(root):
        return sorted(_glob(system, root), key=_by_name)
    return []


def _by_name(found: Found) -> str:
    return found.name


def _glob(system: Any, pattern: str) -> Iterator[Found]:
    root = _plain_parent(pattern)
    matches = system.glob(pattern, detail=True)
    files = [info for info in matches.values() if info["type"] == "file"]
    if not files:
        for folder in matches:
            yield from _walk(system, folder, root)
    for info in files:
        name = _below(info["name"], root)
        if not _hidden(name) and not name.endswith(LABEL_SUFFIX):
            yield _found(system, info, name)


def _plain_parent(pattern: str) -> str:
    """The deepest folder of a glob above its first wildcard."""
    parts = pattern.split("/")
    first = next(index for index, part in enumerate(parts) if has_magic(part))
    return "/".join(parts[:first])


def _walk(system: Any, folder: str, root: str) -> Iterator[Found]:
    for where, _, entries in system.walk(folder, detail=True):
        inside = _below(where, root)
        if inside and _hidden(inside):
            continue
        shards = _saved_shards(system, where, entries)
        for name, info in entries.items():
            if _hidden(name) or _about_data(name) or (shards is not None and name not in shards):
                continue
            yield _found(system, info, f"{inside}/{name}" if inside else name)


def _hidden(name: str) -> bool:
    return any(part.startswith((".", "_")) for part in name.split("/"))


def _about_data(name: str) -> bool:
    return name in _HF_METADATA or name.endswith(LABEL_SUFFIX)


def _below(name: str, root: str) -> str:
    return name.removeprefix(root.rstrip("/")).strip("/")


def _found(system: Any, info: Mapping[str, Any], name: str) -> Found:
    local = "file" in system.protocol if isinstance(system.protocol, tuple) else system.protocol == "file"
    return Found(url=info["name"] if local else system.unstrip_protocol(info["name"]), name=name, info=info)


def _saved_shards(system: Any, folder: str, entries: Mapping[str, Any]) -> set[str] | None:
    """Names of the Arrow shards of a folder made by `Dataset.save_to_disk`, None for other folders."""
    if "state.json" not in entries or not any(name.endswith(".arrow") for name in entries):
        return None
    try:
        state = json.loads(system.cat_file(f"{folder}/state.json"))
        return {shard["filename"] for shard in state["_data_files"]}
    except (ValueError, KeyError, TypeError):
        return None
