"""The cells of a human reference that texts are generated for.

A cell is a topic, with the documents that prompts may show of it and the rare words of these.

A share of the documents is held out, by a hash of their texts: no prompt shows them, and no word is called rare for
their sake. So they can tell what a generated set covers that its prompts did not. Documents that are said to be by a
model are left out of everything, and of equal texts one is shown.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from hashlib import sha256
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from wellkeeper.core.decision import Indices
from wellkeeper.core.lineage import DEEPEST, UNKNOWN_DEPTH
from wellkeeper.core.origin import SYNTHETIC, Origin
from wellkeeper.errors import DataError
from wellkeeper.filter.duplicates import DEFAULT_SIMILARITY
from wellkeeper.infer.seeding import Cell
from wellkeeper.kernels import text as text_kernel
from wellkeeper.kernels.documents import in_bytes, tables
from wellkeeper.measure.cells import tail_cells
from wellkeeper.mix.sampling import priority
from wellkeeper.recipe.corpus import LoadedCorpus
from wellkeeper.recipe.inputs import groups_of
from wellkeeper.recipe.running import Running, read_corpus
from wellkeeper.recipe.tails import WordSample, without_repeats, word_sample
from wellkeeper.recipe.topic_names import tells
from wellkeeper.recipe.topics import topics_of

HOLD_OUT = 0.2
"""Share of the human documents that no prompt shows, where nothing else is said."""
RARE_DOCUMENTS = (2, 5)
"""Documents that have a rare word, at least and at most. A word of a single document is often a slip, or tells on
whom the document is about; 5 is the end of the third band of `wellkeeper.measure.reference`."""
HELD_OUT_RARE = 2
"""Documents, at most, that have a word that counts as rare in the documents held out: the first two bands there."""
_HELD_OUT = 0x68656C64  # "held": sets the draw of who is held out apart from the order of seeds


@dataclass(frozen=True, slots=True, kw_only=True)
class Shown:
    """A human document as a prompt may show it."""

    name: str  # its id, or its SHA-256
    text: str
    depth: int  # generations of models behind it


class SeedCells:
    """A human reference by cells. Documents are known by their numbers in the corpus."""

    def __init__(self, corpus: LoadedCorpus, *, seed: int, hold_out: float, topics: int | None) -> None:
        """Find the cells.

        Raises:
            DataError: no document may be shown.
        """
        self.corpus = corpus
        found, _ = topics_of(corpus, seed=seed, count=topics)
        human = ~np.isin(corpus.column("origin_resolved"), [*SYNTHETIC, Origin.AI_ASSISTED])
        digests = np.ascontiguousarray(corpus.column("sha256")).view(np.uint8).reshape(-1, 32)
        none = np.zeros(len(corpus), np.int64)
        drawn = priority(seed ^ _HELD_OUT, digests, none).astype(np.float64) / 2.0**64
        self.held_out: NDArray[np.bool_] = human & (drawn < hold_out)
        order = np.argsort(priority(seed, digests, none), kind="stable")
        _, first = np.unique(corpus.column("sha256")[order], return_index=True)
        order = order[np.sort(first)]
        of = np.where(human, found.of, -1)
        self.cell_of: NDArray[np.int32] = of  # of each document, -1 for none
        may = order[(of[order] >= 0) & ~self.held_out[order]]
        if not may.size:
            raise DataError(
                f"None of the {len(corpus):,} human documents may be shown in a prompt: they are too short to have a "
                "topic, held out, or labelled as made by a model. Give more human text, or a lower --hold-out."
            )
        counts = np.bincount(of[of >= 0], minlength=len(found.names))
        self.seeds: tuple[Indices, ...] = tuple(may[of[may] == topic] for topic in range(len(found.names)))
        self.cells = tuple(
            Cell(name=name, documents=int(documents), rare=bool(rare), seeds=len(seeds))
            for name, documents, rare, seeds in zip(
                found.names, counts, tail_cells(counts), self.seeds, strict=True
            )
        )
        self._sample = without_repeats(word_sample(corpus), corpus)
        self._shown = ~self.held_out & human
        self.facts = {
            "documents": len(corpus),
            "quarantined": corpus.quarantined,
            "not_human": int(np.count_nonzero(~human)),
            "without_topic": int(np.count_nonzero(human & (found.of < 0))),
            "held_out": int(np.count_nonzero(self.held_out)),
            "may_be_shown": len(may),
        }

    @property
    def digest(self) -> str:
        """SHA-256 of all texts, in whatever order they came."""
        return sha256(np.sort(self.corpus.column("sha256")).tobytes()).hexdigest()

    def shown(self, documents: Indices) -> dict[int, Shown]:
        """Documents as prompts may show them."""
        some = np.unique(documents)
        depths = self.corpus.column("depth")[some]
        names = self.corpus.strings("id", some.tolist())
        digests = self.corpus.column("sha256")[some].tolist()
        return {
            document: Shown(
                name=name or f"sha256:{digest.hex()}",
                text=text,
                depth=0 if depth == UNKNOWN_DEPTH else min(int(depth), DEEPEST),
            )
            for document, name, digest, depth, text in zip(
                some.tolist(), names, digests, depths.tolist(), self.corpus.texts(some), strict=True
            )
        }

    def rare_words(self, texts: Sequence[str]) -> list[str]:
        """Words of some documents that few of the documents that may be shown have, in the order of the texts."""
        rare = self._rare
        found: dict[str, None] = {}
        for word, place in _spelled(texts):
            at = int(np.searchsorted(rare, place))
            if at < rare.size and rare[at] == place and word.isalpha() and tells(word):
                found.setdefault(word.lower())
        return list(found)

    @cached_property
    def _rare(self) -> NDArray[np.uint64]:
        return self._held_by(self._shown, *RARE_DOCUMENTS)

    def rare_held_out(self) -> NDArray[np.uint64]:
        """Hashes, ascending, of the words that one or two of the documents held out have."""
        return self._held_by(self.held_out, 1, HELD_OUT_RARE)

    def _held_by(self, chosen: NDArray[np.bool_], low: int, high: int) -> NDArray[np.uint64]:
        sample: WordSample = self._sample.restricted(chosen[self._sample.documents])
        words, documents = np.unique(sample.words().types, return_counts=True)
        return words[(documents >= low) & (documents <= high)]


def read_seed_cells(
    human: Any,
    running: Running,
    *,
    text: str | None,
    seed: int,
    hold_out: float,
    topics: int | None,
) -> tuple[SeedCells, tuple[str, ...]]:
    """The cells of human text, and what was guessed when it was read.

    Raises:
        InputError: there is nothing to read.
        DataError: no document may be shown.
    """
    given = list(human) if isinstance(human, list | tuple) else [human]
    with running.ready():
        groups, said = groups_of(given, {"text": text}, running.work, reference=True)
        corpus = read_corpus(
            groups, running, similarity=DEFAULT_SIMILARITY, seed=seed, statistics=False, topics=True
        )
        return SeedCells(corpus, seed=seed, hold_out=hold_out, topics=topics), said


def words_of(texts: Sequence[str]) -> list[NDArray[np.uint64]]:
    """Hashes of the words of each text, in its order, as those of a corpus are made."""
    data, bounds = in_bytes(texts)
    offsets, hashes = text_kernel.word_hashes(data, bounds, tables(), np.arange(len(texts)))
    return [hashes[low:high] for low, high in pairwise(offsets.tolist())]


def spelled_words(texts: Sequence[str]) -> set[str]:
    """The words of some texts, in lower case."""
    return {word.lower() for word, _ in _spelled(texts)}


def _spelled(texts: Sequence[str]) -> Iterator[tuple[str, np.uint64]]:
    """Every word of the texts, as it is written, and its hash."""
    data, bounds = in_bytes(texts)
    offsets, hashes, firsts, lasts = text_kernel.word_places(data, bounds, tables(), np.arange(len(texts)))
    starts = np.repeat(bounds[:-1], np.diff(offsets))
    for place, low, high in zip(hashes, (starts + firsts).tolist(), (starts + lasts).tolist(), strict=True):
        yield data[low:high].tobytes().decode(errors="replace"), place
