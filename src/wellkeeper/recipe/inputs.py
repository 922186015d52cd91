"""From what the user gives (paths, tables, recipe sources) to groups of files with a column map."""

import glob
import hashlib
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from wellkeeper.core.origin import Origin, declared_origin
from wellkeeper.engine.files import LABEL_SUFFIX, is_url, labels_over
from wellkeeper.engine.readers import parse_block, reader_for
from wellkeeper.engine.readers.base import ColumnMap, InputFile
from wellkeeper.engine.sources import check_columns, find_files, guess_columns, option_of
from wellkeeper.engine.store import write_atomic
from wellkeeper.errors import InputError
from wellkeeper.recipe.textpass import Group


def groups_of(
    inputs: Iterable[Any],
    columns: Mapping[str, str | None],
    work: Path,
    *,
    reference: bool = False,
    optional: Collection[str] = (),
    named_by: Callable[[str], str] = option_of,
) -> tuple[tuple[Group, ...], tuple[str, ...]]:
    """One group for each input, and what to say aloud about the columns that were guessed.

    An input is a path, glob or URL, an output folder of `curate`, of which the set is read and not what it rejected,
    an Arrow table, or anything with the Arrow C stream interface; tables are laid down in the work folder first, where
    every worker can read them. A column of a role in `optional` need not be there. `named_by` tells, for messages, what
    the user names the column of a role with.

    Raises:
        InputError: an input does not exist, is empty, has no text column, or changed since it was labelled.
    """
    groups: list[Group] = []
    said: list[str] = []
    refused: list[InputError] = []
    for number, given in enumerate(inputs):
        if _is_path(given):
            path, name = str(documents_in(given)), _short(str(given))
        else:
            path, name = _laid_down(given, work, number)
        for folder, files in _by_folder(_without_reports(find_files([path], group=name))).items():
            unique = folder or name
            while any(group.name == unique for group in groups):
                unique = f"{name}/{unique}"
            try:
                found, sentences = columns_for(files, columns, optional=optional, named_by=named_by)
            except InputError as error:  # a folder of metadata among folders of text
                refused.append(error)
                said.append(f"{unique}: LEFT OUT, {len(files):,} files. {error}")
                continue
            made, labels = with_labels(files)
            groups.append(Group(name=unique, files=made, columns=found, reference=reference))
            said += [f"{unique}: {sentence}" for sentence in (*sentences, *labels)]
    if refused and not groups:
        raise refused[0]
    return with_distinct_names(groups), tuple(said)


def with_labels(files: Sequence[InputFile]) -> tuple[tuple[InputFile, ...], tuple[str, ...]]:
    """The files with what labels beside them say of what made them, and what to say aloud of that.

    Raises:
        InputError: a file changed since it was labelled, or its label cannot be read.
    """
    if not any(_may_be_labelled(file) for file in files):
        return tuple(files), ()
    from wellkeeper.recipe.marking import labelled  # cryptography, which few runs need

    return labelled(files)


def _may_be_labelled(file: InputFile) -> bool:
    if is_url(file.url):
        return False
    if any(labels_over(Path(file.url))):
        return True
    # Texts of one folder or glob are one entry, and each may have a label.
    inside = f"{file.url}/**/*" if Path(file.url).is_dir() else file.url
    return file.format == "text" and any(glob.iglob(f"{inside}{LABEL_SUFFIX}", recursive=True))  # noqa: PTH207


def documents_in(given: Any) -> Any:
    """Of an output folder of `curate` its documents, which lie beside what it rejected; anything else as it is."""
    if not _is_path(given) or not str(given) or "://" in str(given):
        return given
    folder = Path(given)
    is_curation = (folder / "manifest.json").is_file() and (folder / "data").is_dir()
    return str(folder / "data") if is_curation else given


_FIXED = frozenset({"text", "warc"})
"""Formats that have the same fields in every file."""


def with_slices(groups: Sequence[Group], column: str | None) -> tuple[Group, ...]:
    """The groups that may have the anchors' slice column know of it: any file may, of formats without fixed fields."""
    if column is None:
        return tuple(groups)
    return tuple(
        replace(group, columns=replace(group.columns, slice=column))
        if column in _first_readable(group.files)[1] or {file.format for file in group.files} - _FIXED
        else group
        for group in groups
    )


def not_below(files: Sequence[InputFile], out: Path) -> tuple[InputFile, ...]:
    """The files that do not lie in the output folder: what a run writes is not what it reads.

    Raises:
        InputError: none is left.
    """
    place = out.resolve()
    left = tuple(f for f in files if "://" in f.url or not Path(f.url).resolve().is_relative_to(place))
    if files and not left:
        raise InputError(
            f"All of {files[0].group} lies in the output folder {out}. Choose another with --out."
        )
    return left


def _without_reports(files: Sequence[InputFile]) -> tuple[InputFile, ...]:
    """The files but for reports and anchor packs of ours, which may have been left beside the data."""
    return tuple(file for file in files if not _is_report(file)) or tuple(files)


def _is_report(file: InputFile) -> bool:
    if not file.name.endswith(".json") or "://" in file.url:
        return False
    with Path(file.url).open("rb") as stream:
        return b'"schema": "wellkeeper.' in stream.read(200)


def _by_folder(files: Sequence[InputFile]) -> dict[str, tuple[InputFile, ...]]:
    """Files by the folder they lie in below the input; each folder has columns of its own, and is a source.

    A single folder gets no name: there the input's name says more.
    """
    folders: dict[str, list[InputFile]] = {}
    for file in files:
        folders.setdefault(file.name.rpartition("/")[0], []).append(file)
    return {folder if len(folders) > 1 else "": tuple(members) for folder, members in folders.items()}


def with_distinct_names(groups: Sequence[Group]) -> tuple[Group, ...]:
    """The groups with file names that are unique in the run: where two groups share one, all bear their group's."""
    names = Counter(file.name for group in groups for file in group.files)
    if not names or max(names.values()) == 1:
        return tuple(groups)
    return tuple(
        replace(
            group,
            files=tuple(
                replace(file, name=_below(group.name, file.name), group=group.name) for file in group.files
            ),
        )
        for group in groups
    )


def _below(group: str, name: str) -> str:
    """The file's name with its group's in front, unless it stands there already."""
    return name if name.startswith(f"{group}/") else f"{group}/{name}"


def columns_for(
    files: Sequence[InputFile],
    given: Mapping[str, str | None],
    *,
    optional: Collection[str] = (),
    named_by: Callable[[str], str] = option_of,
) -> tuple[ColumnMap, tuple[str, ...]]:
    """The column map of some files: what was given, completed by guesses over the first readable file's fields.

    What was given for a role in `optional` counts where there is such a field. `named_by` tells, for messages, what the
    user names the column of a role with.

    Raises:
        InputError: no file can be read, or it is not clear which field is the text, or a named one is not there.
    """
    sample, fields = _first_readable(files)
    named = {
        role: column
        for role, column in given.items()
        if column is not None and (column in fields or role not in optional)
    }
    if "text" in named:
        rest = {name: kind for name, kind in fields.items() if name != named["text"]}
        guessed, sentences = guess_columns({"text": "string", **rest}, named_by=named_by)
    else:
        guessed, sentences = guess_columns(fields, named_by=named_by)
    sentences = tuple(
        s for s in sentences if s.partition(" column: ")[0] not in named
    )  # given, hence no guess
    found = ColumnMap(**{**guessed.named(), **named})
    check_columns(found, fields, named_by=named_by)
    if found.origin is None and (label := _origin_label(sample, found, fields)):
        found = replace(found, origin=label)
        how = f"its values are origins; {named_by('origin')} overrides"
        sentences = (*sentences, f"origin column: '{label}' ({how})")
    return found, sentences


def recipe_key(source: str) -> Callable[[str], str]:
    """What a recipe names the columns of one of its sources with, role by role.

    >>> recipe_key("forum")("text"), recipe_key("forum")("licence")
    ("`text: COL` in the recipe's source forum", "`licence: {column: COL}` in the recipe's source forum")
    """

    def key(role: str) -> str:
        column = "{column: COL}" if role in _CONSTANT_ROLES else "COL"
        return f"`{role}: {column}` in the recipe's source {source}"

    return key


_CONSTANT_ROLES = (
    "licence",
    "origin",
    "generator",
    "language",
)  # of which a recipe takes a plain word for a value


def _first_readable(files: Sequence[InputFile]) -> tuple[InputFile, Mapping[str, str]]:
    """A file whose fields can be read, and the fields; a broken file among good ones is quarantined later."""
    refused: InputError | None = None
    for file in files:
        try:
            return file, reader_for(file).schema(file)
        except InputError as error:
            refused = refused or error
    raise refused or InputError("There is no file to read. Check the paths.")


_LABELS = ("label", "labels", "class", "author_type", "written_by")


def _origin_label(file: InputFile, columns: ColumnMap, fields: Mapping[str, str]) -> str | None:
    """A column called something like `label` whose first values all name an origin: human, ai, ...

    By its name alone such a column could be anything, so its values decide.
    """
    for name in _LABELS:
        if name not in fields:
            continue
        trial = replace(columns, origin=name)
        first = next(
            iter(reader_for(file).blocks(file, block_bytes=_PEEK_BYTES, fields=trial.named().values())), None
        )
        if first is None:
            return None
        values = set(parse_block(first, trial).table.column("origin").drop_null().to_pylist())
        if values and all(declared_origin(value) is not Origin.UNKNOWN for value in values):
            return name
    return None


_PEEK_BYTES = 1 << 16


def _is_path(given: Any) -> bool:
    return isinstance(given, str | Path)


def _short(path: str) -> str:
    """`corpus` for `data/corpus/`, `forum` for `data/forum/*.jsonl`, `part` for `part.jsonl.zst`."""
    parts = [part for part in path.rstrip("/").split("/") if part and "*" not in part]
    return (parts[-1].split(".")[0] or parts[-1]) if parts else path


def _laid_down(given: Any, work: Path, number: int) -> tuple[str, str]:
    inner = getattr(getattr(given, "data", None), "table", None)  # a Hugging Face Dataset
    streams = next((x for x in (inner, given) if hasattr(x, "__arrow_c_stream__")), None)
    if streams is None:
        raise InputError(
            f"Input {number + 1} is a {type(given).__name__}, which is neither a path nor an Arrow table. Pass a "
            "path, a pyarrow.Table, or a data frame that offers the Arrow C stream (pandas, polars)."
        )
    table = streams if isinstance(streams, pa.Table) else pa.table(streams)
    sink = pa.BufferOutputStream()
    pq.write_table(table, sink, compression="zstd")
    content = sink.getvalue().to_pybytes()
    name = f"table-{hashlib.sha256(content).hexdigest()[:12]}"
    folder = work / "tables" / name
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / "table.parquet"
    if not path.exists():
        write_atomic(path, content)
    return str(path), name
