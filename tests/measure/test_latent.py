"""Latent semantic analysis against a singular value decomposition, and what its vectors keep."""

import subprocess
import sys

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from wellkeeper.core.decision import VECTOR_UNIT
from wellkeeper.errors import DataError
from wellkeeper.measure.latent import LatentSpace, fitted_space, units_of

BUCKETS = 500


def themed(rng, documents, *, themes=5, size=20):
    """Bags of words, three quarters of which come from the document's theme, a tenth of all words."""
    theme = rng.integers(0, themes, documents)
    pieces = []
    for one in theme.tolist():
        own = rng.integers(0, 50, 3 * size // 4) + 50 * one
        pieces.append(np.unique(np.concatenate((own, rng.integers(0, BUCKETS, size - size // 4 * 3)))))
    bounds = np.concatenate(([0], np.cumsum([len(piece) for piece in pieces])))
    return theme, bounds, np.concatenate(pieces).astype(np.uint16)


def dense_weights(bounds, bags):
    """TF-IDF as scikit-learn makes it from presence alone: smoothed, rows of length one, words of two documents."""
    has = np.zeros((len(bounds) - 1, BUCKETS))
    has[np.repeat(np.arange(len(bounds) - 1), np.diff(bounds)), bags] = 1
    having = has.sum(axis=0)
    has[:, having < 2] = 0
    weighted = has * (np.log((1 + len(has)) / (1 + having)) + 1)
    return weighted / np.maximum(np.linalg.norm(weighted, axis=1, keepdims=True), 1e-12)


def test_the_space_holds_nearly_all_that_singular_vectors_hold():
    _, bounds, bags = themed(np.random.default_rng(1), 800)
    weights = dense_weights(bounds, bags)
    space = fitted_space(bounds, bags, buckets=BUCKETS, dimensions=16)
    having = np.bincount(bags, minlength=BUCKETS)
    rarity = np.log((1 + 800) / (1 + having)) + 1
    basis, _ = np.linalg.qr(space.words / rarity[:, None])
    singular = np.linalg.svd(weights, compute_uv=False)
    held = np.linalg.norm(weights @ basis) ** 2
    assert held <= (singular[:16] ** 2).sum() * (1 + 1e-6)
    assert held >= 0.97 * (singular[:16] ** 2).sum()


def test_the_directions_are_orthonormal():
    _, bounds, bags = themed(np.random.default_rng(2), 300)
    space = fitted_space(bounds, bags, buckets=BUCKETS, dimensions=24)
    having = np.bincount(bags, minlength=BUCKETS)
    basis = space.words.astype(np.float64) / (np.log(301 / (1 + having)) + 1)[:, None]
    assert np.abs(basis.T @ basis - np.eye(24)).max() < 1e-5


def test_documents_of_one_theme_lie_together():
    theme, bounds, bags = themed(np.random.default_rng(3), 1000)
    space = fitted_space(bounds, bags, buckets=BUCKETS, dimensions=8)
    units = units_of(space, bounds, bags).astype(np.float64) / VECTOR_UNIT
    cosine = units @ units.T
    same = theme[:, None] == theme[None, :]
    assert cosine[same].mean() > 0.6
    assert cosine[~same].mean() < 0


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 2**32), st.integers(1, 60), st.integers(1, 12))
def test_vectors_have_length_one_or_none(seed, documents, dimensions):
    rng = np.random.default_rng(seed)
    _, bounds, bags = themed(rng, documents)
    space = fitted_space(bounds, bags, buckets=BUCKETS, dimensions=dimensions, seed=seed)
    units = units_of(space, bounds, bags).astype(np.int64)
    lengths = np.sqrt((units**2).sum(axis=1)) / VECTOR_UNIT
    assert units.shape == (documents, dimensions)
    assert np.all((np.abs(lengths - 1) < 0.002 * np.sqrt(dimensions)) | (lengths == 0))


def test_a_document_of_unknown_words_has_no_vector():
    bounds, bags = np.array([0, 2, 4, 6, 7]), np.array([1, 2, 1, 3, 2, 3, 9], np.uint16)
    space = fitted_space(bounds, bags, buckets=BUCKETS, dimensions=2)
    units = units_of(space, np.array([0, 1, 1, 3]), np.array([9, 1, 2], np.uint16))
    assert not units[:2].any()
    assert units[2].any()


def test_a_vector_depends_on_its_own_document_alone():
    _, bounds, bags = themed(np.random.default_rng(4), 200)
    space = fitted_space(bounds, bags, buckets=BUCKETS, dimensions=8)
    together = units_of(space, bounds, bags)
    for d in (0, 17, 199):
        low, high = bounds[d : d + 2]
        assert np.array_equal(units_of(space, np.array([0, high - low]), bags[low:high])[0], together[d])


def test_no_documents_span_a_space_without_words():
    space = fitted_space(np.zeros(1, np.int64), np.zeros(0, np.uint16), buckets=BUCKETS)
    assert not space.words.any()
    assert isinstance(space, LatentSpace)
    assert not units_of(space, np.array([0, 1]), np.array([3], np.uint16)).any()


def test_documents_that_share_no_word_span_nothing():
    space = fitted_space(np.array([0, 2, 4]), np.array([1, 2, 3, 4], np.uint16), buckets=BUCKETS)
    assert not space.words.any()
    assert not space.mean.any()


def test_words_that_always_stand_together_are_one_direction():
    pairs = [[0, 1], [2, 3], [0, 1, 2, 3]] * 5
    bounds = np.concatenate(([0], np.cumsum([len(bag) for bag in pairs])))
    space = fitted_space(bounds, np.concatenate(pairs).astype(np.uint16), buckets=BUCKETS, dimensions=4)
    assert np.count_nonzero(space.words.any(axis=0)) == 2
    assert np.allclose(space.words[[0, 2]], space.words[[1, 3]], atol=1e-5)
    assert not np.allclose(space.words[0], space.words[2], atol=0.1)


def test_more_dimensions_than_documents_leave_noughts():
    bounds, bags = np.array([0, 3, 6]), np.array([1, 2, 3, 1, 2, 4], np.uint16)
    space = fitted_space(bounds, bags, buckets=BUCKETS, dimensions=8)
    assert np.linalg.matrix_rank(space.words) == 1
    assert np.count_nonzero(space.words.any(axis=0)) == 1


def test_bounds_that_do_not_delimit_the_bags_are_refused():
    with pytest.raises(DataError, match=r"bounds go from 0 to 3, and there are 2 words\. Pass one offset"):
        fitted_space(np.array([0, 3]), np.zeros(2, np.uint16), buckets=BUCKETS)


_PRINT_DIGEST = """
import hashlib, sys
sys.path.insert(0, {folder!r})
import numpy as np
from test_latent import BUCKETS, themed
from wellkeeper.measure.latent import fitted_space
_, bounds, bags = themed(np.random.default_rng(5), 400)
print(hashlib.sha256(fitted_space(bounds, bags, buckets=BUCKETS).words.tobytes()).hexdigest())
"""


def test_the_space_is_the_same_for_any_number_of_threads(request):
    code = _PRINT_DIGEST.format(folder=str(request.path.parent))
    found = {
        subprocess.run(
            [sys.executable, "-c", code],
            env={"OPENBLAS_NUM_THREADS": threads, "PATH": ""},
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        for threads in ("1", "2")
    }
    assert len(found) == 1
