"""Repeats of earlier sets: what goes is like an earlier document, what is not stays, and nothing earlier is judged."""

import naive
import numpy as np
import pytest
from fakes import MemoryCorpus
from hypothesis import given
from hypothesis import strategies as st

from wellkeeper.filter import candidates
from wellkeeper.filter.duplicates import banding_for
from wellkeeper.filter.earlier import like_earlier, same_as_earlier

words = st.lists(st.sampled_from([f"w{k}" for k in range(60)]), min_size=5, max_size=30)


@st.composite
def corpora(draw):
    """New documents, then earlier ones, with edited copies on both sides."""
    documents = [draw(words) for _ in range(draw(st.integers(2, 5)))]
    for _ in range(draw(st.integers(0, 8))):
        copy = list(documents[draw(st.integers(0, len(documents) - 1))])
        for _ in range(draw(st.integers(0, 2))):
            copy[draw(st.integers(0, len(copy) - 1))] = draw(st.sampled_from(["x", "y"]))
        documents.append(copy)
    documents = draw(st.permutations([" ".join(document) for document in documents]))
    return documents, draw(st.integers(0, len(documents)))


def similarity(a, b):
    a, b = naive.shingles_of(a), naive.shingles_of(b)
    return len(a & b) / len(a | b)


def shares_a_band(corpus, a, b, threshold):
    return any(
        corpus.column(f"band_{k:02d}")[a] == corpus.column(f"band_{k:02d}")[b]
        for k in range(banding_for(threshold).bands)
    )


@given(corpora(), st.sampled_from([0.5, 0.8]), st.sampled_from([1, 1 << 22]))
def test_a_new_document_goes_exactly_if_an_earlier_candidate_is_like_it(given_corpus, threshold, memory):
    documents, new = given_corpus
    corpus = MemoryCorpus(documents, similarity=threshold)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(candidates, "MEMORY_ROWS", memory)
        found = like_earlier(
            corpus,
            new,
            len(documents),
            np.ones(new, np.bool_),
            similarity=threshold,
            banding=banding_for(threshold),
        )
    named = dict(zip(found.documents.tolist(), found.earlier.tolist(), strict=True))
    for document, (earlier, score) in zip(named, zip(named.values(), found.score, strict=True), strict=True):
        assert document < new <= earlier
        assert score == pytest.approx(similarity(documents[document], documents[earlier]), abs=1e-6)
        assert score >= threshold - 1e-6
    for document in set(range(new)) - set(named):
        assert not any(
            shares_a_band(corpus, document, earlier, threshold)
            and similarity(documents[document], documents[earlier]) >= threshold
            for earlier in range(new, len(documents))
        )


@given(st.lists(st.sampled_from(["a", "b", "c", "a b", "a  b"]), max_size=12), st.integers(0, 12))
def test_the_same_text_is_found_and_the_first_earlier_document_named(documents, new):
    new = min(new, len(documents))
    if not documents:
        return
    found = same_as_earlier(MemoryCorpus(documents), new, len(documents))
    earlier = documents[new:]
    assert dict(zip(found.documents.tolist(), found.earlier.tolist(), strict=True)) == {
        k: new + earlier.index(text) for k, text in enumerate(documents[:new]) if text in earlier
    }


def test_earlier_documents_that_no_new_one_meets_are_not_read():
    """Copies among themselves are the earlier set's own affair: only those that share a band are candidates."""
    base = " ".join(f"w{k}" for k in range(60))
    other = " ".join(f"v{k}" for k in range(60))
    corpus = MemoryCorpus([base + " more", other + " 1", other + " 2", base, other])
    asked = []
    read = corpus.shingles
    corpus.shingles = lambda documents, order: asked.extend(documents.tolist()) or read(documents, order)
    found = like_earlier(corpus, 1, 5, np.ones(1, np.bool_), similarity=0.8, banding=banding_for(0.8))
    assert found.earlier.tolist() == [3]
    assert asked == [0, 3]
    assert found.facts["comparisons"] == 1


def test_documents_that_are_out_already_are_not_compared():
    corpus = MemoryCorpus(["a b c d e f", "a b c d e f"])
    found = like_earlier(corpus, 1, 2, np.zeros(1, np.bool_), similarity=0.8, banding=banding_for(0.8))
    assert len(found.documents) == found.facts["candidates"] == 0
