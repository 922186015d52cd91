"""The corpora: JSON lines with planted near-duplicates, and the exact similarity of every pair."""

import hashlib
import json
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import zstandard
from make_corpus import EXAMPLES, texts_of, write_planted

OWN = "own"
_OWN_DOCUMENTS = 2000


class MissingCorpusError(Exception):
    """A corpus was asked for that is not there."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Planted:
    """One planted copy."""

    original: str
    copy: str
    kind: str  # what was done to it
    similarity: float  # exact Jaccard of the sets of word 5-grams


@dataclass(frozen=True, slots=True, kw_only=True)
class Corpus:
    """A corpus whose near-duplicates are known."""

    name: str
    path: Path  # JSON lines, not compressed: id, text
    sha256: str  # of that file
    ids: tuple[str, ...]
    text_mb: float  # UTF-8 bytes of the texts / 10**6
    planted: tuple[Planted, ...]
    pairs: Mapping[str, Mapping[str, float]]  # id -> id -> exact similarity, both ways, from 0.3 up


def corpus_named(name: str, data: Path | None, work: Path) -> Corpus:
    """A corpus of the folder `data`, DATA/NAME/, or the one that is made here from the example corpus, `own`.

    Raises:
        MissingCorpusError: it is not there.
    """
    if name == OWN:
        return _read(OWN, _own(work), work)
    folder = data / name if data else None
    if folder is None or not (folder / "truth.jsonl").exists():
        where = f"{data} has no {name}/truth.jsonl" if data else f"no folder holds the corpus {name}"
        raise MissingCorpusError(
            f"{where}. Give the folder that has {name}/ with corpus.jsonl or corpus.jsonl.zst (id, text), "
            "truth.jsonl (orig, copy, kind, j5) and allpairs.tsv (id, id, similarity) as --data or in "
            f"WELLKEEPER_BENCH_DATA, or use --corpora {OWN}, which is made here."
        )
    return _read(name, folder, work)


def _own(work: Path) -> Path:
    place = work / OWN
    if not (place / "truth.jsonl").exists():
        write_planted(texts_of(EXAMPLES), place, documents=_OWN_DOCUMENTS, seed=0)
    return place


def _read(name: str, folder: Path, work: Path) -> Corpus:
    path = _unpacked(folder, work / name)
    digest = hashlib.sha256()
    ids: list[str] = []
    text_bytes = 0
    with path.open("rb") as stream:
        for line in stream:
            digest.update(line)
            row = json.loads(line)
            ids.append(row["id"])
            text_bytes += len(row["text"].encode())
    truth = [json.loads(line) for line in (folder / "truth.jsonl").read_text().splitlines()]
    pairs: dict[str, dict[str, float]] = {}
    for listed in (folder / "allpairs.tsv").read_text().splitlines():
        a, b, similarity = listed.split("\t")
        pairs.setdefault(a, {})[b] = pairs.setdefault(b, {})[a] = float(similarity)
    return Corpus(
        name=name,
        path=path,
        sha256=digest.hexdigest(),
        ids=tuple(ids),
        text_mb=text_bytes / 1e6,
        planted=tuple(
            Planted(original=row["orig"], copy=row["copy"], kind=row["kind"], similarity=row["j5"])
            for row in truth
        ),
        pairs=pairs,
    )


def _unpacked(folder: Path, place: Path) -> Path:
    """corpus.jsonl in a folder of its own, since some tools read whole folders and some write beside it."""
    target = place / "corpus.jsonl"
    place.mkdir(parents=True, exist_ok=True)
    packed = folder / "corpus.jsonl.zst"
    if packed.exists():
        with packed.open("rb") as source, target.open("wb") as sink:
            zstandard.ZstdDecompressor().copy_stream(source, sink)
    elif folder != place:
        shutil.copyfile(folder / "corpus.jsonl", target)
    return target
