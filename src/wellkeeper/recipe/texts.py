"""Texts of a corpus in sampling order: a uniform sample of its documents, as large as a proxy model needs."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from wellkeeper.recipe.corpus import LoadedCorpus
from wellkeeper.recipe.tails import WordSample, without_repeats, word_sample


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class DrawnTexts:
    """Distinct documents in sampling order."""

    documents: NDArray[np.int64]  # shape (drawn,): their numbers in the corpus
    texts: list[str]
    is_all: bool  # whether these are all documents that have words, copies apart


def drawn_texts(corpus: LoadedCorpus, *, words: int | None = None) -> DrawnTexts:
    """The texts of documents in sampling order, up to about `words` words, and as many as the text pass drew at most.

    Of documents with the same text the first is taken.
    """
    sample = without_repeats(word_sample(corpus), corpus)
    whole = len(sample.documents)
    return texts_of(sample if words is None else sample.cut(words), corpus, whole=whole)


def texts_of(sample: WordSample, corpus: LoadedCorpus, *, whole: int) -> DrawnTexts:
    """The texts of a sample of `whole` documents or fewer."""
    ascending = np.sort(sample.documents)
    found = dict(zip(ascending.tolist(), corpus.texts(ascending), strict=True))
    return DrawnTexts(
        documents=sample.documents,
        texts=[found[document] for document in sample.documents.tolist()],
        is_all=len(sample.documents) == whole and corpus.sample_shift == 0,
    )
