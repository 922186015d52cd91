"""From what a user names to a manifest of files, and from the fields of a file to the roles they play."""

import difflib
import hashlib
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import PurePosixPath
from typing import Any

from wellkeeper.engine.files import (
    COMPRESSIONS,
    FORMATS,
    Found,
    absolute,
    expand,
    file_system,
    has_magic,
    kind_of,
)
from wellkeeper.engine.readers.base import ColumnMap, InputFile
from wellkeeper.engine.readers.text import members
from wellkeeper.errors import InputError

TEXT_NAMES = (
    *("text", "content", "body", "document", "article", "raw_content", "page_content"),
    *("output", "completion", "response", "answer"),
    *("story", "review", "passage", "abstract", "message", "comment", "post", "description"),
)
ROLE_NAMES: Mapping[str, tuple[str, ...]] = {
    "id": ("id", "doc_id", "document_id", "uuid", "guid", "_id", "record_id", "url"),
    "date": (
        *("date", "created_at", "published", "published_at", "publish_date", "publication_date", "timestamp"),
        *("crawl_date", "captured_at", "created", "created_utc", "datetime", "time"),
    ),
    "source": ("source", "domain", "site", "subset", "board", "dataset"),
    "licence": ("licence", "license"),
    "origin": ("origin",),
    "generator": ("generator", "model"),
    "language": ("language", "lang"),
    "domain": ("domain", "hostname"),
    "signals": ("signals",),
    "consent": ("consent",),
}
"""Names that fields of public corpora bear, most certain first; compared without case."""

_TEXT_TYPES = (
    "string",
    "large_string",
    "string_view",
    "dictionary<values=string",
    "dictionary<values=large_string",
)
_BYTES_TYPES = ("binary", "large_binary", "binary_view")
_NO_LABEL = ("list", "large_list", "struct", "map", "json", "bool", "null")
_SAID = ("text", "source", "date")  # roles of which a guess is said with how to overrule it
_CHANGING = (
    "ETag",
    "etag",
    "checksum",
    "md5",
    "md5Hash",
    "contentHash",
    "mtime",
    "LastModified",
    "last_modified",
    "created",
)


def find_files(paths: Sequence[str], *, group: str) -> tuple[InputFile, ...]:
    """Every readable file that the paths stand for, once, sorted by name.

    A path is a file, a folder, a glob or an fsspec URL of one of them. Text files of one folder or glob
    become one entry (`readers.text`). Empty files are left out.

    Raises:
        InputError: a path is empty, does not exist, holds no file of a known format, or holds nothing at all.
    """
    entries: dict[str, InputFile] = {}
    for path in paths:
        if not path:  # as of a variable of the shell that was never set; it is no name of this folder
            raise InputError("A path is empty. Name a file or a folder, or write . for this one.")
        for entry in _entries(path, group):
            entries.setdefault(entry.url, entry)
    times = Counter(entry.name for entry in entries.values())
    named = [_renamed(entry) if times[entry.name] > 1 else entry for entry in entries.values()]
    return tuple(sorted(named, key=lambda entry: entry.name))


def _renamed(entry: InputFile) -> InputFile:
    """The whole address in place of a short name that two files share."""
    return InputFile(**{**{name: getattr(entry, name) for name in InputFile.__slots__}, "name": entry.url})


def _entries(path: str, group: str) -> list[InputFile]:
    found = _listed(path)
    texts = members(found)
    known = [file for file in found if kind_of(file.name)[0] not in {None, "text"}]
    if not known and not texts:
        raise InputError(_nothing_readable(path, found))
    filled = [file for file in known if file.size != 0]
    entries = [_entry(file, group) for file in filled]
    if any(file.size != 0 for file in texts):
        entries.append(_folder_entry(path, texts, group))
    if not entries:
        what = "is empty" if len(found) == 1 else f"holds {len(known) + len(texts)} files and all are empty"
        raise InputError(f"{path} {what}. Check that the step that writes it has run to its end.")
    return entries


def _listed(path: str) -> list[Found]:
    if "::" in path:
        raise InputError(
            f"{path} is a chained URL, which cannot be listed. Unpack it first, or give its inner URL."
        )
    try:
        found = expand(path)
    except (ImportError, ValueError) as error:
        raise InputError(
            f"{path} cannot be opened: {error}. Install what that file system needs, or copy the files."
        ) from error
    if not found and not _is_folder(path):
        raise InputError(_missing(path))
    return found


def _is_folder(path: str) -> bool:
    system, root = file_system(path)
    return bool(system.isdir(root))


def _missing(path: str) -> str:
    if has_magic(path):
        return (
            f"No file matches {path}. Check the pattern: * stands for a name, ** for folders of any "
            "depth; in a shell, put it in quotes."
        )
    return f"{path} does not exist. {_did_you_mean(PurePosixPath(path).name, _siblings(path))}Check the path."


def _siblings(path: str) -> list[str]:
    system, root = file_system(path)
    try:
        return [
            PurePosixPath(name).name
            for name in system.ls(root.rstrip("/").rpartition("/")[0] or "/", detail=False)
        ]
    except (OSError, ValueError):
        return []


def _did_you_mean(name: str, others: Iterable[str]) -> str:
    """A sentence with the names that look like this one, or nothing."""
    folded = {other.lower(): other for other in others}
    close = difflib.get_close_matches(name.lower(), folded, n=3, cutoff=0.6)
    return f"Did you mean {' or '.join(repr(folded[match]) for match in close)}? " if close else ""


def _nothing_readable(path: str, found: Sequence[Found]) -> str:
    readable = f"Readable are {', '.join(FORMATS)}, the text formats also with {' or '.join(COMPRESSIONS)}"
    if not found:
        return f"{path} is a folder without files. {readable}; point to a folder that holds some."
    kinds = Counter("".join(PurePosixPath(file.name).suffixes[-2:]) or "no extension" for file in found)
    seen = ", ".join(f"{kind} ({count})" for kind, count in kinds.most_common(5))
    if len(found) == 1:
        kind = next(iter(kinds))
        return f"{path}: a file with {kind} cannot be read. {readable}; convert it to one of them."
    return (
        f"{path} holds no file that can be read, only {seen}. {readable}; convert the files to one of them."
    )


def _entry(file: Found, group: str) -> InputFile:
    format_, compression = kind_of(file.name)
    assert format_ is not None
    return InputFile(
        url=file.url,
        name=file.name,
        group=group,
        format=format_,
        compression=compression,
        size=file.size,
        fingerprint=fingerprint_of([file]),
    )


def _folder_entry(path: str, texts: Sequence[Found], group: str) -> InputFile:
    sizes = [file.size for file in texts]
    return InputFile(
        url=absolute(path),
        name=PurePosixPath(path.rstrip("/")).name or path,
        group=group,
        format="text",
        compression=None,
        size=-1 if -1 in sizes else sum(sizes),
        fingerprint=fingerprint_of(texts),
    )


def fingerprint_of(files: Sequence[Found]) -> str:
    """A digest of names, sizes and whatever the file system tells that changes with the content."""
    digest = hashlib.sha256()
    for file in files:
        told: list[Any] = [
            file.name,
            file.size,
            *((key, str(file.info[key])) for key in _CHANGING if key in file.info),
        ]
        digest.update(repr(told).encode())
    return digest.hexdigest()[:32]


def option_of(role: str) -> str:
    """The option with which the column of a role is named on a command line."""
    return f"--{role} COL"


def guess_columns(
    fields: Mapping[str, str], *, named_by: Callable[[str], str] = option_of
) -> tuple[ColumnMap, tuple[str, ...]]:
    """Roles of fields (name -> type, as `Reader.schema` tells), and what to say aloud about each guess.

    `named_by` tells what the user names the column of a role with.

    Raises:
        InputError: it is not clear which field holds the text.
    """
    roles = {
        role: name for role, names in ROLE_NAMES.items() if (name := _first(names, fields, role)) is not None
    }
    text = _guess_text(fields, set(roles.values()), named_by("text"))
    roles = {role: name for role, name in roles.items() if name != text}
    top = [name for name in fields if name.rpartition(".")[0] not in fields]
    how = "the only column" if len(top) == 1 else f"guessed from {len(top)} columns"
    sentences = [f"text column: '{text}' ({how}; {named_by('text')} overrides)"]
    for role, name in roles.items():
        overrides = f"; {named_by(role)} overrides" if role in _SAID else ""
        sentences.append(f"{role} column: '{name}' (guessed{overrides})")
    return ColumnMap(text=text, **roles), tuple(sentences)


def _first(names: Sequence[str], fields: Mapping[str, str], role: str) -> str | None:
    folded = {name.lower(): name for name in reversed(list(fields))}
    usable = (folded[name] for name in names if name in folded)
    return next((name for name in usable if _can_be(role, fields[name])), None)


def _can_be(role: str, type_: str) -> bool:
    """Numbers can be ids and dates; the other roles are words."""
    if role in {"id", "date"}:
        return not type_.startswith(_NO_LABEL)
    return type_.startswith(_TEXT_TYPES)


def _guess_text(fields: Mapping[str, str], taken: set[str], named: str) -> str:
    usual = _first(TEXT_NAMES, fields, "text")
    if usual is not None:
        return usual
    top = {name: type_ for name, type_ in fields.items() if name.rpartition(".")[0] not in fields}
    strings = [name for name, type_ in top.items() if type_.startswith(_TEXT_TYPES)]
    free = [name for name in strings if name not in taken]
    candidates = free if len(free) == 1 else strings
    if len(candidates) == 1:
        return candidates[0]
    if not strings:
        raise InputError(
            f"No column holds text; there are {_listing(top)}. "
            "Point to data with a text column, or convert one."
        )
    raise InputError(
        f"It is not clear which column holds the text: {', '.join(map(repr, strings))} are strings. "
        f"Name it with {named}."
    )


def check_columns(
    columns: ColumnMap, fields: Mapping[str, str], *, named_by: Callable[[str], str] = option_of
) -> None:
    """Check a column map against the fields of a file (name -> type, as `Reader.schema` tells).

    `named_by` tells what the user names the column of a role with.

    Raises:
        InputError: a mapped field does not exist, or the text field is no text.
    """
    for role, name in columns.all_named().items():
        if name not in fields:
            hint = _did_you_mean(name, fields)
            raise InputError(
                f"There is no column '{name}' for the {role}; there are {_listing(fields)}. {hint}"
                f"Name an existing one with {named_by(role)}."
            )
    type_ = fields[columns.text]
    if not type_.startswith((*_TEXT_TYPES, *_BYTES_TYPES)):
        strings = [name for name, kind in fields.items() if kind.startswith(_TEXT_TYPES)]
        found = f"text is in {_listing(strings)}" if strings else "no column holds text"
        raise InputError(
            f"Column '{columns.text}' is {type_}, not text; {found}. Name a text column with {named_by('text')}."
        )


def _listing(names: Iterable[str]) -> str:
    quoted = [repr(name) for name in names]
    return ", ".join(quoted[:12]) + (f" and {len(quoted) - 12} more" if len(quoted) > 12 else "")
