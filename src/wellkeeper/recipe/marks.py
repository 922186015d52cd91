"""`marks`: which marks of origin and rights a corpus and its media carry, by kind, validity, trust and month.

A corpus is read as everywhere else; images, sound, film and documents are read one by one, whole. Nothing is judged
here: what marks are as evidence is `wellkeeper.origin.marks`, and a document without any is a document about which
nothing is known.
"""

import json
import mimetypes
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np

from wellkeeper import __version__
from wellkeeper.core.marks import Credential, RawSignal, Validity, signals_of
from wellkeeper.core.origin import Origin
from wellkeeper.engine.credentials import load_anchors, read_media
from wellkeeper.engine.progress import Listener, Progress, nobody
from wellkeeper.engine.sources import find_files
from wellkeeper.errors import InputError, MissingExtraError
from wellkeeper.filter.duplicates import DEFAULT_SIMILARITY
from wellkeeper.origin.marks import stated_origin
from wellkeeper.recipe.corpus import LoadedCorpus, month_label
from wellkeeper.recipe.inputs import groups_of
from wellkeeper.recipe.marked import credential_told
from wellkeeper.recipe.running import Clock, Running, read_corpus, size_of_blocks

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
_MEDIA = ("image/", "audio/", "video/", "application/pdf", "application/vnd.", "application/epub+zip")
_TABLES = (".csv", ".tsv")  # which some systems call application/vnd.ms-excel


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
    media = [file for files in found.values() for file in files]
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
    if _is_media(Path(path)):
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
    credentials: list[Mapping[str, Any]] = []
    of_class: dict[str, list[int]] = {name: [] for name in CLASSES}
    examples: list[_Row] = []
    documents = 0
    for row in _rows(corpus):
        documents += 1
        kinds.update({(signal.kind, signal.where) for signal in row.signals})
        if row.credential is not None:
            credentials.append(row.credential)
        for name in row.classes():
            if len(of_class[name]) < EXAMPLES // len(CLASSES):
                examples.append(row)
            of_class[name].append(row.document)
    if not documents:
        return None
    return {
        "documents": documents,
        "unread_credentials": unread,
        "credentials": told_credentials(credentials),
        "signals": [
            {"kind": kind, "where": where, "documents": count}
            for (kind, where), count in sorted(kinds.items(), key=lambda item: (-item[1], item[0]))
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


def told_credentials(credentials: Iterable[Mapping[str, Any]]) -> dict[str, Any]:
    """Credentials counted by verdict, source type, generator and signer; counts fall, equal ones by name."""
    found = list(credentials)
    verdicts = Counter((one["validity"], one["trust"], one["origin"]) for one in found)
    return {
        "documents": len(found),
        "by_verdict": [
            {"validity": validity, "trust": trust, "origin": origin, "documents": count}
            for (validity, trust, origin), count in sorted(
                verdicts.items(), key=lambda item: (-item[1], item[0])
            )
        ],
        "by_source_type": _counted(
            "source_type", (term for one in found for term in set(one["source_types"]))
        ),
        "by_generator": _counted("generator", (one["generator"] for one in found if one["generator"])),
        "by_signer": _counted("signer", (one["signer"] for one in found if one["signer"])),
        "by_problem": _counted("problem", (code for one in found for code in one["problems"])),
    }


def _counted(label: str, values: Iterable[str]) -> list[dict[str, Any]]:
    counts = Counter(values)
    return [
        {label: value, "documents": count}
        for value, count in sorted(counts.items(), key=lambda item: (-item[1], item[0]))
    ]


# --- media -------------------------------------------------------------------------------------------------


def media_files(path: str) -> list[Path]:
    """The media at a local path, sorted: the file itself, or all below a folder; none at a URL or glob."""
    place = Path(path)
    if place.is_dir():
        return sorted(file for file in place.rglob("*") if _is_media(file) and file.is_file())
    return [place] if _is_media(place) and place.is_file() else []


def _is_media(path: Path) -> bool:
    return path.suffix.lower() not in _TABLES and media_type(path).startswith(_MEDIA)


def media_type(path: Path) -> str:
    """By its name; a guess, which reading corrects."""
    return mimetypes.guess_type(path.name, strict=False)[0] or "application/octet-stream"


def describe_media(files: Sequence[Path], anchors: bytes | None, listener: Listener) -> dict[str, Any]:
    """Credentials of media files, all of them told one by one that have any."""
    found: list[dict[str, Any]] = []
    unread = 0
    for number, path in enumerate(files):
        try:
            credential = read_media(path.read_bytes(), media_type(path), anchors=anchors)
        except MissingExtraError:
            unread += 1
            continue
        except OSError as error:
            credential = Credential(validity=Validity.UNREADABLE, problems=(str(error.strerror),))
        if credential.validity is not Validity.NONE:
            found.append({"file": str(path), **credential_told(credential)})
        listener(
            Progress(stage="reading media", done=number + 1, total=len(files), unit="files", documents=0)
        )
    return {
        "files": len(files),
        "unread_credentials": unread,
        "credentials": told_credentials(found),
        "found": found,
    }
