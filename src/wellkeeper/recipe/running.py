"""How a run runs, and the first thing every run does: bring the sidecars of its inputs up to date."""

import os
import shutil
import time
from collections.abc import Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from wellkeeper import __version__
from wellkeeper.core.evaluation import Evaluation
from wellkeeper.engine.executor import KINDS, Kind, ready, worker_count
from wellkeeper.engine.progress import Listener, nobody
from wellkeeper.engine.readers.base import BLOCK_BYTES
from wellkeeper.engine.scratch import give_back
from wellkeeper.engine.store import sweep
from wellkeeper.errors import InputError, WorkError, did_you_mean
from wellkeeper.filter.duplicates import banding_for
from wellkeeper.recipe.corpus import LoadedCorpus
from wellkeeper.recipe.textpass import Group, PassOptions, run_text_pass, sample_shift, seal

if TYPE_CHECKING:
    from wellkeeper.origin.anchors import AnchorPack
    from wellkeeper.recipe.keyed import KeyedMarks


@dataclass(frozen=True, slots=True, kw_only=True)
class Running:
    """How a run runs: none of this changes a result."""

    work: Path
    kind: Kind = "threads"
    workers: int | None = None
    address: str | None = None  # of the cluster, with kind "ray"
    strict: bool = False
    block_bytes: int = BLOCK_BYTES
    listener: Listener = nobody

    def __post_init__(self) -> None:
        if self.kind not in KINDS:
            raise WorkError(
                f"There is no executor {self.kind!r}.{did_you_mean(str(self.kind), KINDS)} "
                f"Choose one of {', '.join(KINDS)}."
            )
        if self.workers is not None and self.workers < 1:
            raise WorkError(
                f"workers is {self.workers}. Give at least 1, or leave it out for one for each core."
            )

    def ready(self) -> AbstractContextManager[None]:
        """Holds what the workers need from the first task to the last."""
        return ready(self.kind, workers=self.workers, address=self.address)


class Clock:
    """Runs from when it is made, and tells how a run ran: `run` of every document."""

    def __init__(self) -> None:
        self._started = time.time()
        self._wall, self._processor = time.perf_counter(), time.process_time()

    def told(self, run: Running, *, seed: int) -> dict[str, Any]:
        return {
            "version": __version__,
            "seed": seed,
            "workers": worker_count(run.kind, run.workers),
            "started": datetime.fromtimestamp(self._started, UTC).isoformat(timespec="seconds"),
            "seconds": round(time.perf_counter() - self._wall, 2),
            "cpu_seconds": round(time.process_time() - self._processor, 2),
        }


def size_of_blocks(given: int | None) -> int:
    """Bytes of text a block aims at: as given, else by WELLKEEPER_BLOCK_BYTES, else our default.

    Raises:
        WorkError: the variable is not a number of bytes.
    """
    written = os.environ.get("WELLKEEPER_BLOCK_BYTES", str(BLOCK_BYTES))
    if given is None and not (written.isdecimal() and int(written) > 0):
        raise WorkError(
            f"WELLKEEPER_BLOCK_BYTES is {written!r}. Give a number of bytes, for example {BLOCK_BYTES}, or unset it."
        )
    return given or int(written)


def prepare_work(out: Path, work: str | Path | None, *, fresh: bool) -> Path:
    """The work folder, empty if `fresh`, without what killed runs left half-written.

    Raises:
        WorkError: the folder cannot be made.
    """
    # Absolute, since workers elsewhere stand in other folders.
    folder = (Path(work) if work is not None else out / ".work").absolute()
    try:
        if fresh:
            for name in ("sidecars", "images"):
                shutil.rmtree(folder / name, ignore_errors=True)
        folder.mkdir(parents=True, exist_ok=True)
        sweep(out)
        sweep(folder, deep=True)
    except OSError as error:
        raise WorkError(
            f"The folder {folder} cannot be made: {error.strerror}. Choose another with --out or --work."
        ) from error
    return folder


def trusted_at(path: str | Path | None) -> str | None:
    """The certificates at a path, PEM. To be asked for before a folder is made, like the anchors."""
    if path is None:
        return None
    from wellkeeper.engine.credentials import load_anchors  # what few runs need

    return load_anchors(Path(path)).decode()


def keyed_marks(keys: Sequence[str | Path], tokenizer: str | Path | None) -> "KeyedMarks | None":
    """The watermark keys to look for, with the tokeniser they need; None without keys.

    Raises:
        InputError: a key or the tokeniser cannot be read, or there is one without the other.
    """
    if not keys and tokenizer is None:
        return None
    if not keys or tokenizer is None:
        raise InputError(
            "A watermark is looked for with a key and a tokeniser, and only one of them is given. Give both: "
            "--watermark-key KEY.json --tokenizer PATH."
        )
    from wellkeeper.recipe.keyed import KeyedMarks  # what few runs need

    return KeyedMarks.of(keys, tokenizer)


def read_corpus(
    groups: Sequence[Group],
    run: Running,
    *,
    similarity: float,
    template_similarity: float | None = None,
    seed: int,
    statistics: bool = True,
    words: bool = True,
    extras: bool = False,
    fingerprint_words: int = 0,
    vectors: bool = False,
    evaluation: Evaluation | None = None,
    style: bool = False,
    topics: bool = False,
    anchors: "AnchorPack | None" = None,
    trust: str | None = None,
    watermarks: "KeyedMarks | None" = None,
) -> LoadedCorpus:
    """Bring the sidecars of the groups up to date and load them.

    Bands of the sketch are cut for near duplicates from `similarity` on, and once more for templates from
    `template_similarity` on, if given. With `style`, every document gets its style score in the pass; without it,
    `anchors` still name the slices. `trust` is PEM of the certificates whose holders' credentials are trusted.
    Marks of the keys in `watermarks` are looked for in every document.

    Raises:
        InputError: there is no document in them.
    """
    banding = banding_for(similarity)
    files = [file for group in groups for file in group.files]
    types = 0
    if vectors:
        from wellkeeper.recipe.semantic import type_shift  # what few runs need

        types = type_shift(files)
    options = PassOptions(
        banding=banding,
        template_banding=None if template_similarity is None else banding_for(template_similarity),
        seed=seed,
        sample_shift=sample_shift(files),
        block_bytes=run.block_bytes,
        statistics=statistics,
        words=words,
        extras=extras,
        fingerprint_words=fingerprint_words,
        vectors=vectors,
        type_shift=types,
        evaluation=evaluation.digest if evaluation is not None else "",
        style=style,
        topics=topics,
        trust=trust,
        watermarks=watermarks,
    )
    folders = run_text_pass(
        groups,
        run.work,
        options,
        kind=run.kind,
        workers=run.workers,
        strict=run.strict,
        listener=run.listener,
    )
    seal(folders)
    give_back()
    corpus = LoadedCorpus(
        groups,
        folders,
        kind=run.kind,
        workers=run.workers,
        scratch=run.work,
        block_bytes=run.block_bytes,
        evaluation=evaluation,
        sample_shift=options.sample_shift,
        anchors=anchors,
        trust=trust,
        styled=style,
        watermarks=watermarks,
    )
    if not len(corpus):
        quarantined = sum(block.facts["quarantined"] for block in corpus.sidecars.blocks)
        raise InputError(
            f"No document could be read from {', '.join(group.name for group in groups)}: {len(files):,} files, "
            f"{quarantined:,} bad records. Check the paths and the text column (--text COL, or `text: COL` in a "
            "recipe)."
        )
    corpus.preload(banding.bands, statistics=statistics)
    give_back()
    return corpus
