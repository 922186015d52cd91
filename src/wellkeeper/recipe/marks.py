"""`marks`: which marks of origin and rights a corpus and its media carry, by kind, validity, trust and month.

A corpus is read as everywhere else; images, sound, film and documents are read one by one, whole. Nothing is judged
here: what marks are as evidence is `wellkeeper.origin.marks`, and a document without any is a document about which
nothing is known.
"""

import json
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, TypeVar

import numpy as np

from wellkeeper import __version__
from wellkeeper.core.marks import RawSignal, Validity, signals_of
from wellkeeper.core.origin import Origin
from wellkeeper.engine.credentials import load_anchors, media_type_of, read_media_file
from wellkeeper.engine.progress import Listener, Progress, nobody
from wellkeeper.engine.sources import find_files
from wellkeeper.errors import InputError, MissingExtraError
from wellkeeper.filter.duplicates import DEFAULT_SIMILARITY
from wellkeeper.origin.marks import stated_origin
from wellkeeper.recipe.corpus import LoadedCorpus, month_label
from wellkeeper.recipe.inputs import groups_of
from wellkeeper.recipe.marked import credential_told
from wellkeeper.recipe.running import Clock, Running, read_corpus, size_of_blocks

_Named = TypeVar("_Named", str, tuple[str, str], tuple[str, str, str])

SCHEMA = "wellkeeper.marks/1"
EXAMPLES = 12
RIGHTS = frozenset(
    {
        "robots",
        "robots-meta",
        "tdmrep",
        "content-usage",
        "content-signal",
        "rsl",
        "ai-txt",
        "licence",
        "c2pa-mining",
    }
)
"""Kinds of signals that say who may use a document."""
CLASSES = ("credential", "disclosure", "rights")
"""What prevalence is told of: a signed credential, a statement of AI in the making, a statement of rights."""


def marks(
    inputs: Sequence[str],
    *,
    trust: str | Path | None = None,
    text: str | None = None,
    workers: int | None = None,
    listener: Listener = nobody,
) -> dict[str, Any]:
    """Tell which marks a corpus and the media beside it carry: schema `wellkeeper.marks/1`.

    Args:
        inputs: files, folders, globs or URLs of text; local media files or folders of them.
        trust: PEM file of certificates whose holders' credentials are trusted; None: trust is unknown.
        text: column with the text; guessed and said aloud where it is not given.
        workers: how many blocks are worked on at once; None: as many as there are cores.
        listener: is told of progress.

    Raises:
        InputError: an input does not exist or holds nothing to read, or the certificates cannot be read.
    """
    clock = Clock()
    anchors = None if trust is None else load_anchors(Path(trust))
    found = {path: media_files(path) for path in inputs}
    media = list(dict.fromkeys(file for files in found.values() for file in files))
    texts = [path for path, files in found.items() if _holds_text(path, media=bool(files))]
    with TemporaryDirectory(prefix="wellkeeper-marks-") as work:
        run = Running(work=Path(work), workers=workers, block_bytes=size_of_blocks(None), listener=listener)
        groups, said = groups_of(texts, {"text": text}, run.work) if texts else ((), ())
        of_texts = None
        if groups:
            with run.ready():
                corpus = read_corpus(
                    groups,
                    run,
                    similarity=DEFAULT_SIMILARITY,
                    seed=0,
                    statistics=False,
                    words=False,
                    trust=None if anchors is None else anchors.decode(),
                )
            of_texts = {"documents": len(corpus), "marks": describe_marks(corpus)}
        return {
            "schema": SCHEMA,
            "version": __version__,
            "trust": None if trust is None else str(trust),
            "said": list(said),
            "texts": of_texts,
            "media": describe_media(media, anchors, listener) if media else None,
            "run": clock.told(run, seed=0),
        }


def _holds_text(path: str, *, media: bool) -> bool:
    """Whether a corpus is to be read there. A place without media is: what is wrong with it is then said."""
    if media_type_of(path) is not None and Path(path).is_file():
        return False
    try:
        return not media or bool(find_files([path], group=path))
    except InputError:
        return False


# --- texts -------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class _Row:
    """Marks of one document."""

    document: int
    credential: Mapping[str, Any] | None
    signals: tuple[RawSignal, ...]

    def classes(self) -> Iterator[str]:
        """Which of `CLASSES` its marks are."""
        if self.credential is not None:
            yield "credential"
        if any(stated_origin(signal) is not Origin.UNKNOWN for signal in self.signals):
            yield "disclosure"
        if any(signal.kind in RIGHTS for signal in self.signals):
            yield "rights"


def describe_marks(corpus: LoadedCorpus) -> dict[str, Any] | None:
    """Marks of a corpus: how many documents carry which, by month and with examples; None where none carries any."""
    unread = sum(int(block.facts["unread_credentials"]) for block in corpus.sidecars.blocks)
    kinds: Counter[tuple[str, str]] = Counter()
    credentials = _Credentials()
    of_class: dict[str, list[int]] = {name: [] for name in CLASSES}
    examples: list[_Row] = []
    documents = 0
    for row in _rows(corpus):
        documents += 1
        kinds.update({(signal.kind, signal.where) for signal in row.signals})
        if row.credential is not None:
            credentials.add(row.credential)
        for name in row.classes():
            if len(of_class[name]) < EXAMPLES // len(CLASSES):
                examples.append(row)
            of_class[name].append(row.document)
    if not documents:
        return None
    return {
        "documents": documents,
        "unread_credentials": unread,
        "credentials": credentials.told(),
        "signals": [
            {"kind": kind, "where": where, "documents": count} for (kind, where), count in _most_first(kinds)
        ],
        "by_month": _by_month(corpus, of_class),
        "examples": _examples(corpus, {row.document: row for row in examples}),
    }


def _rows(corpus: LoadedCorpus) -> Iterator[_Row]:
    for block, table in corpus.sidecars.companions("marks"):
        for row in table.to_pylist():
            yield _Row(
                document=block.first + row["document"],
                credential=json.loads(row["credential"]) if row["credential"] else None,
                signals=signals_of(row["signals"]),
            )


def _by_month(corpus: LoadedCorpus, of_class: Mapping[str, Sequence[int]]) -> list[dict[str, Any]]:
    """Documents of each month, and how many of them carry a mark of each class."""
    months, codes = np.unique(corpus.column("month"), return_inverse=True)
    counts = {
        name: np.bincount(codes[np.array(some, np.int64)], minlength=len(months))
        for name, some in of_class.items()
    }
    total = np.bincount(codes, minlength=len(months))
    return [
        {
            "month": month_label(month),
            "documents": int(total[place]),
            **{name: int(count[place]) for name, count in counts.items()},
        }
        for place, month in enumerate(months.tolist())
    ]


def _examples(corpus: LoadedCorpus, chosen: Mapping[int, _Row]) -> list[dict[str, Any]]:
    documents = sorted(chosen)
    sources, names = corpus.codes("source")
    return [
        {
            "id": id_,
            "source": names[sources[document]],
            "credential": chosen[document].credential,
            "signals": [signal._asdict() for signal in chosen[document].signals],
        }
        for document, id_ in zip(documents, corpus.strings("id", documents), strict=True)
    ]


@dataclass(slots=True)
class _Credentials:
    """Credentials counted by verdict, source type, generator and signer, none of them kept."""

    documents: int = 0
    verdicts: Counter[tuple[str, str, str]] = field(default_factory=Counter)
    by: Mapping[str, Counter[str]] = field(
        default_factory=lambda: {
            name: Counter() for name in ("source_type", "generator", "signer", "problem")
        }
    )

    def add(self, one: Mapping[str, Any]) -> None:
        """Count a credential as `credential_told` tells it."""
        self.documents += 1
        self.verdicts[one["validity"], one["trust"], one["origin"]] += 1
        self.by["source_type"].update({*one["source_types"], *one["inherited"]})
        self.by["problem"].update(one["problems"])
        for name in ("generator", "signer"):
            if one[name]:
                self.by[name][one[name]] += 1

    def told(self) -> dict[str, Any]:
        return {
            "documents": self.documents,
            "by_verdict": [
                {"validity": validity, "trust": trust, "origin": origin, "documents": count}
                for (validity, trust, origin), count in _most_first(self.verdicts)
            ],
            **{
                f"by_{name}": [{name: value, "documents": count} for value, count in _most_first(counts)]
                for name, counts in self.by.items()
            },
        }


def _most_first(counts: Counter[_Named]) -> list[tuple[_Named, int]]:
    """Names with their counts, which fall; equal ones go by name."""
    return sorted(counts.items(), key=lambda item: (-item[1], item[0]))


# --- media -------------------------------------------------------------------------------------------------


def media_files(path: str) -> list[Path]:
    """The media at a local path, sorted: the file itself, or all below a folder; none at a URL or glob."""
    place = Path(path)
    if place.is_dir():
        return sorted(file for file in place.rglob("*") if media_type_of(file.name) and file.is_file())
    return [place] if media_type_of(place.name) and place.is_file() else []


def describe_media(files: Sequence[Path], anchors: bytes | None, listener: Listener) -> dict[str, Any]:
    """Credentials of media files, all of them told one by one that have any.

    A file that cannot be read is one of which nothing is known, and not one with a broken credential.
    """
    credentials, found = _Credentials(), list[dict[str, Any]]()
    unread, unreadable = 0, list[dict[str, str]]()
    for number, path in enumerate(files):
        try:
            credential = read_media_file(path, media_type_of(path.name) or "", anchors=anchors)
        except MissingExtraError:
            unread += 1
        except OSError as error:
            unreadable.append({"file": str(path), "reason": error.strerror or str(error)})
        else:
            if credential.validity is not Validity.NONE:
                told = credential_told(credential)
                credentials.add(told)
                found.append({"file": str(path), **told})
        listener(
            Progress(stage="reading media", done=number + 1, total=len(files), unit="files", documents=0)
        )
    return {
        "files": len(files),
        "unread_credentials": unread,
        "unreadable": unreadable,
        "credentials": credentials.told(),
        "found": found,
    }
