"""What a step decides about each document, and the contract every step keeps."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from enum import IntEnum
from pathlib import Path
from typing import Any, NamedTuple, Protocol, TypeAlias, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from wellkeeper.core.evaluation import Evaluation

Indices: TypeAlias = NDArray[np.int64]  # positions of documents in the corpus, 0-based


class Decision(IntEnum):
    KEEP = 0
    DROP = 1
    REVIEW = 2  # kept out until a person has looked

    @property
    def label(self) -> str:
        return self.name.lower()


class Stretches(NamedTuple):
    """Words [first, last) of documents; arrays share one shape. Word 0 is a document's first."""

    document: Indices
    first: NDArray[np.int64]
    last: NDArray[np.int64]


@dataclass(frozen=True, slots=True, kw_only=True)
class RepeatedSpans:
    """Spans of documents that stand, word for word, in another document; arrays share the shape of `span.document`.

    Spans are ordered by document and first word. Where several holders each have a part, spans of one document
    overlap.
    """

    step: str
    span: Stretches
    holder: Indices  # the document that has it before the others do
    holder_first: NDArray[np.int64]  # the word of the holder at which it starts there
    frequency: NDArray[np.int64]  # documents that have its rarest run of the step's `words` words
    action: NDArray[np.uint8]  # what the step asks for, a `SpanAction`


class SpanAction(IntEnum):
    """What is done about a repeated span. `DROPPED`: its document goes, in favour of others that hold its text."""

    REPORTED = 0
    CUT = 1
    WEIGHED = 2
    DROPPED = 3

    @property
    def label(self) -> str:
        return self.name.lower()


@dataclass(frozen=True, slots=True, kw_only=True)
class Overlaps:
    """Texts of evaluation items that documents hold; arrays share the shape of `span.document`.

    By ascending document, and text of it.
    """

    step: str
    evaluation: Evaluation
    span: Stretches  # the longest stretch that text and document have in common
    text: NDArray[np.int64]  # of the evaluation
    share: NDArray[np.float32]  # of the text's own words that the document has, in (0, 1]
    words: NDArray[np.int64]  # how many these are


@dataclass(frozen=True, slots=True, kw_only=True)
class Weights:
    """Factors on the sampling weights of documents that a step keeps; arrays share the shape of `documents`.

    A sampling weight says how often a document is to be seen where a plain one is seen once. Factors of several
    steps multiply.
    """

    documents: Indices  # ascending and without repeats, none of which the same ruling drops or holds back
    factor: NDArray[np.float32]  # at least 0
    score: NDArray[np.float32]  # what the factor was made from; its meaning is the reason's
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Ruling:
    """One step's rulings on the documents it does not simply keep; arrays share one length.

    `documents` is ascending and without repeats. `reason` indexes `reasons`. `score` is the value
    that crossed a threshold (its meaning is the reason's), NaN where there is none. `survivor` is
    the document kept in this one's place, -1 where there is none; `cluster` the smallest document
    of its duplicate group, -1 where there is none.
    """

    step: str
    documents: Indices
    decision: NDArray[np.uint8]
    reason: NDArray[np.int32]
    score: NDArray[np.float32]
    survivor: Indices
    cluster: Indices
    reasons: tuple[str, ...]
    facts: Mapping[str, Any] = field(default_factory=dict)  # what the step tells the report
    spans: RepeatedSpans | None = None  # cut or weighed once it is known which of their holders stay
    overlaps: Overlaps | None = None  # items of evaluation sets that documents hold
    weights: Weights | None = None  # of documents that it keeps

    @staticmethod
    def on_none(step: str, facts: Mapping[str, Any], *, weights: Weights | None = None) -> "Ruling":
        """Of a step that drops no document and holds none back."""
        nothing = np.zeros(0, np.int64)
        return Ruling(
            step=step,
            documents=nothing,
            decision=nothing.astype(np.uint8),
            reason=nothing.astype(np.int32),
            score=nothing.astype(np.float32),
            survivor=nothing,
            cluster=nothing,
            reasons=(),
            facts=facts,
            weights=weights,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class FingerprintRows:
    """Fingerprints of all documents, made for shared runs of `words` words from n-grams of `gram` words."""

    words: int
    gram: int
    rows: int
    batches: Iterable[tuple[Indices, NDArray[np.int64], NDArray[np.uint64]]]
    """Document, word at which the n-gram starts, and hash; by ascending document and word, each batch once."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ShingleSets:
    """The set of word 5-gram hashes of some documents: set k is `hashes[starts[k]:starts[k] + sizes[k]]`.

    Each set is ascending and without repeats. `hashes` may lie in a file that is mapped into memory; `done`
    tells that a stretch of it will not be read again.
    """

    starts: Indices
    sizes: Indices
    hashes: NDArray[np.uint64]
    done: Callable[[int, int], None] = lambda _start, _end: None


VECTOR_UNIT = 1 << 11
"""Components of unit vectors are whole multiples of 1 / VECTOR_UNIT. So sums of products of two vectors are whole
multiples of its square and no larger than 2^23, which 32-bit floats hold exactly, in whatever order they are added:
cosines are the same on every machine and for any number of threads. Rounding moves a cosine by some 0.0002."""


@dataclass(frozen=True, slots=True, kw_only=True)
class VectorRows:
    """Unit vectors of the documents that have one, in units of 1 / `VECTOR_UNIT`."""

    dimensions: int  # 0: no document has one
    rows: int
    refused: Mapping[str, int]  # why documents have none -> how many
    batches: Iterable[tuple[Indices, NDArray[np.int16]]]
    """Documents, ascending, and vectors, shape (documents, dimensions)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TypeRows:
    """Distinct words and word 3-grams of all documents, of those types whose hash begins with `shift` zero bits.

    So each type is either counted in all documents or in none, and shares of types are those of a random sample.
    """

    shift: int
    batches: Iterable[tuple[Indices, NDArray[np.uint8], NDArray[np.uint64]]]
    """Document, words in the type (1 or 3) and its hash; by ascending document, each combination once."""


class Spread(Protocol):
    """Other machines that see a corpus as this one does."""

    def cores(self) -> int:
        """How many tasks they run at once."""
        ...

    def reduce(
        self,
        function: Callable[[Any, Any], Any],
        shared: Any,
        tasks: Sequence[Any],
        merge: Callable[[Sequence[Any]], Any],
    ) -> Any:
        """`merge` of `function(shared, task)` over all tasks, in any order and a few at a time."""
        ...


@runtime_checkable
class Spreads(Protocol):
    """A corpus that may have other machines to work on it."""

    @property
    def spread(self) -> Spread | None:
        """The machines; None: this one alone."""
        ...


@runtime_checkable
class Keyed(Protocol):
    """A corpus in whose documents watermarks may have been looked for."""

    def watermark_log10(self) -> NDArray[np.float64] | None:
        """log10 likelihood ratio of every document's watermark, shape (documents,), 0 where none is found.

        None: no key was looked for.
        """
        ...


@runtime_checkable
class Referenced(Protocol):
    """A corpus that may come with style scores of texts known to be human or AI-made (anchors), slice by slice."""

    def references(self, name: str) -> tuple[NDArray[np.float32], NDArray[np.float32]] | None:
        """Scores of human and of AI reference texts of the slice, by the model of `style_scores`.

        Either may be empty. None: nothing is known of this slice.
        """
        ...

    def slices(self) -> tuple[NDArray[np.integer], Sequence[str]]:
        """Slice of each document, and the names that these index; of a corpus not sliced, `ONE_SLICE` alone."""
        ...

    def style_scores(self, documents: Indices) -> NDArray[np.float32]:
        """Style scores of some documents (ascending); NaN where the model abstains. It may read their texts again."""
        ...


ONE_SLICE = "all"
"""Name of the slice of a corpus that is not sliced."""


class Streams(Protocol):
    """Columns and shingles of more documents than memory holds."""

    def stream(
        self, names: Sequence[str], documents: Indices | None = None
    ) -> Iterator[tuple[Indices, list[NDArray[Any]]]]:
        """Columns of the text pass a stretch at a time, for what must not hold all of them in memory.

        Yields documents, ascending, and the values of each column for them; together all documents, or those
        given (ascending).
        """
        ...

    @property
    def scratch(self) -> Path | None:
        """Folder for unnamed files larger than memory; None: where temporary files go."""
        ...

    def shingles(self, documents: Indices, order: Indices) -> "ShingleSets":
        """Distinct word 5-grams of the given documents (ascending), read from their text again.

        `order` is a permutation of positions in `documents`: the sets lie in this order, so that whoever goes
        through them so reads from one end to the other.
        """
        ...


class Corpus(Streams, Protocol):
    """What a step may see: numeric columns of all documents, and nothing of their text.

    Column names and units are listed in `wellkeeper.core.signals`.
    """

    def __len__(self) -> int: ...

    def column(self, name: str) -> NDArray[Any]:
        """The column of all documents, in document order, shape (documents,)."""
        ...

    def source_names(self) -> Sequence[str]:
        """Names that the column `source` indexes."""
        ...

    def group_names(self) -> Sequence[str]:
        """Names that the column `group` indexes: the sources of a recipe, as it names them."""
        ...

    def codes(self, name: str) -> tuple[NDArray[np.int32], tuple[str, ...]]:
        """A column of names, such as licences, as codes into them, shape (documents,), and the names; -1: none."""
        ...

    def fingerprints(self) -> FingerprintRows:
        """Winnowed fingerprints of all documents, as the text pass left them.

        Raises:
            WorkError: the text pass was not asked for any.
        """
        ...

    @property
    def evaluation(self) -> Evaluation | None:
        """The evaluation sets that the corpus was searched for; None: the recipe names none."""
        ...

    def overlaps(self) -> Iterator[tuple[Indices, NDArray[np.int64], NDArray[np.int64]]]:
        """Where n-grams of the evaluation sets stand, as the text pass found them.

        Yields document, number of the n-gram and the word at which it starts, by ascending document; all rows of a
        document come together.
        """
        ...

    def vectors(self) -> VectorRows:
        """The vectors that the sources name with `embedding`, as the text pass left them.

        Raises:
            WorkError: the text pass was not asked for any.
        """
        ...

    def types(self) -> TypeRows:
        """Which words and 3-grams stand in which documents, as the text pass left it.

        Raises:
            WorkError: the text pass was not asked for them.
        """
        ...

    def words_of(self, stretches: Stretches) -> tuple[NDArray[np.int64], NDArray[np.uint64]]:
        """Word hashes of stretches (by ascending document), read from the text again.

        Returns bounds, shape (stretches + 1,), and the hashes that they delimit, which may lie in a file that is
        mapped into memory.
        """
        ...


class Step(Protocol):
    """A named, versioned, pure function from columns to a ruling.

    Registered under the entry point group `wellkeeper.steps` by its name, `near-duplicates.v1`. A
    released version never changes its meaning: better rules get a new number.
    """

    @property
    def name(self) -> str: ...

    def check(self, options: Mapping[str, Any]) -> Mapping[str, Any]:
        """Options of the recipe with defaults filled in.

        Raises:
            RecipeError: an option is unknown or out of range.
        """
        ...

    def rule(self, corpus: Corpus, active: NDArray[np.bool_], options: Mapping[str, Any]) -> Ruling:
        """Rule on the documents where `active`, shape (documents,), is true."""
        ...


@runtime_checkable
class Relaxable(Protocol):
    """A step that says whether a guard of the tail may put back what it drops.

    It may if documents are dropped for the way they read, which a rare word can outweigh; never if they are copies,
    hold evaluation items, lack rights, or if a model wrote them. A step that does not say so is left alone.
    """

    @property
    def relaxable(self) -> bool: ...
