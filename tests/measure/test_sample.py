"""Spectra of counts, whole and with each block emptied, against counting again."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from text_sources import incidence

from wellkeeper.measure.incidence import dense, select
from wellkeeper.measure.jackknife import FEW, blocks
from wellkeeper.measure.sample import document_spectrum, own_variance, sample_of, token_spectrum

corpora = st.lists(st.lists(st.integers(0, 12), max_size=9), min_size=10, max_size=120)


def without(found, block: int):
    """The incidence with one block of documents left out."""
    bounds = blocks(found.documents)
    chosen = np.ones(found.documents, bool)
    chosen[bounds[block] : bounds[block + 1]] = False
    return select(found, chosen)


def by_type(found) -> dict[int, tuple[int, int]]:
    """Documents and tokens of each type."""
    return {
        int(kind): (int((found.types == kind).sum()), int(found.tokens[found.types == kind].sum()))
        for kind in np.unique(found.types)
    }


@given(corpora)
def test_a_spectrum_counts_types_by_documents_and_by_tokens_with_and_without_each_block(documents) -> None:
    found = incidence(documents)
    sample = sample_of(found, *dense(found.types))
    for which, spectrum in enumerate((document_spectrum(sample), token_spectrum(sample))):
        parts = [found, *(without(found, block) for block in range(sample.documents.size))]
        assert spectrum.types.shape == (len(parts), spectrum.counts.size)
        for row, part in zip(spectrum.types, parts, strict=True):
            counts = [pair[which] for pair in by_type(part).values()]
            expected = [counts.count(count) for count in spectrum.counts.tolist()]
            assert row.tolist() == expected
            assert sum(expected) == len(counts)
        np.testing.assert_array_equal(
            spectrum.sums(np.stack((spectrum.counts, spectrum.counts**2)).astype(float)),
            [
                [sum(pair[which] ** power for pair in by_type(part).values()) for part in parts]
                for power in (1, 2)
            ],
        )


@given(corpora)
def test_a_corpus_of_shared_numbers_counts_only_the_types_it_has(documents) -> None:
    found = incidence(documents)
    ids, types = dense(found.types)
    alone = document_spectrum(sample_of(found, ids, types))
    shared = document_spectrum(sample_of(found, ids + np.int32(5), types + 9))
    np.testing.assert_array_equal(alone.counts, shared.counts)
    np.testing.assert_array_equal(alone.types, shared.types)


@given(corpora, st.lists(st.floats(-2, 2), min_size=FEW, max_size=FEW))
def test_the_own_variance_is_a_sum_over_types_of_few_documents_and_their_blocks(documents, values) -> None:
    found = incidence(documents)
    contributions = np.array([0.0, *values])
    sample = sample_of(found, *dense(found.types))
    own = own_variance(sample, contributions)
    whole = by_type(found)
    few = {kind: pair[0] for kind, pair in whole.items() if pair[0] <= FEW}
    changes = 0.0
    for block in range(sample.documents.size):
        left = by_type(without(found, block))
        changes += sum(
            (contributions[y] - contributions[left.get(kind, (0, 0))[0]]) ** 2 for kind, y in few.items()
        )
    np.testing.assert_allclose(own.proper, sum(contributions[y] ** 2 for y in few.values()), atol=1e-9)
    np.testing.assert_allclose(own.jackknife, changes, atol=1e-9)
