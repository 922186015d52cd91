"""Texts of a corpus in an order of draws that hangs on the texts alone: as many as a proxy model needs.

The sampling priority of a document tells its copies apart by file and line, which is all that an audit needs. A model
that is fitted to a draw shall be the same however the files are called and their lines are ordered, and two corpora
that share documents shall draw the same ones of them: here copies of a text are told apart by how many there are.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from wellkeeper.lab.training import copies_before
from wellkeeper.mix.sampling import priority
from wellkeeper.recipe.corpus import LoadedCorpus
from wellkeeper.recipe.tails import word_sample


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class DrawnTexts:
    """Distinct documents in the order of draws."""

    documents: NDArray[np.int64]  # shape (drawn,): their numbers in the corpus
    texts: list[str]
    is_all: bool  # whether these are all documents that have words, copies apart


def drawn_texts(corpus: LoadedCorpus, *, words: int | None = None, seed: int = 0) -> DrawnTexts:
    """The texts of documents in order, up to about `words` words, and as many as the text pass drew at most.

    Of documents with the same text one is taken.
    """
    documents, copies = in_order(corpus, word_sample(corpus).documents, seed)
    documents = documents[copies == 0]
    whole = len(documents)
    if words is not None:
        documents = up_to(corpus, documents, words)
    ascending = np.sort(documents)
    found = dict(zip(ascending.tolist(), corpus.texts(ascending), strict=True))
    return DrawnTexts(
        documents=documents,
        texts=[found[document] for document in documents.tolist()],
        is_all=len(documents) == whole and corpus.sample_shift == 0,
    )


def in_order(
    corpus: LoadedCorpus, documents: NDArray[np.int64], seed: int
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Documents in an order that says nothing, another one for each seed; and how many copies of each come before it.

    Copies are numbered by their source's name and their origin, so that nothing hangs on where they stand.
    """
    digests = np.ascontiguousarray(corpus.column("sha256")[documents]).view(np.uint8).reshape(-1, 32)
    heads = np.ascontiguousarray(digests[:, :8]).view("<u8").reshape(-1).astype(np.uint64)
    codes, names = corpus.codes("source")
    rank = np.append(np.argsort(np.argsort(np.array(names, str))), -1)  # the last one is that of no source
    alike = np.lexsort((corpus.column("origin_resolved")[documents], rank[codes[documents]], heads))
    copies = np.empty(len(documents), np.int64)
    copies[alike] = copies_before(heads[alike])
    order = np.argsort(priority(seed, digests, copies), kind="stable")
    return documents[order], copies[order]


def up_to(corpus: LoadedCorpus, documents: NDArray[np.int64], words: int) -> NDArray[np.int64]:
    """The first documents that have so many words together, or all."""
    reached = np.cumsum(corpus.column("words")[documents])
    return documents[: 1 + int(np.searchsorted(reached, words))]
