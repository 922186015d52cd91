"""Spherical k-means: what the centres are, and that nothing but the vectors decides."""

from itertools import pairwise

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from wellkeeper.core.decision import VECTOR_UNIT
from wellkeeper.measure.clusters import directions, fitted_centres, nearest_centre, plane_of, spread_centres


def units(vectors):
    vectors = np.asarray(vectors, np.float64)
    return np.rint(vectors / np.linalg.norm(vectors, axis=1, keepdims=True) * VECTOR_UNIT).astype(np.int16)


def groups(rng, many, number, dimensions=12, spread=0.2):
    group = rng.integers(0, number, many)
    return group, units(np.eye(dimensions)[group] + spread * rng.normal(size=(many, dimensions)))


def objective(vectors, centres, labels):
    return float((vectors.astype(np.float64) * centres[labels]).sum())


def test_groups_far_apart_are_found():
    rng = np.random.default_rng(0)
    group, vectors = groups(rng, 500, 4)
    starts = [int(np.flatnonzero(group == one)[0]) for one in range(4)]
    drawn = np.array(starts + [row for row in range(500) if row not in starts])
    centres = fitted_centres(vectors, drawn, 4)
    assert np.array_equal(nearest_centre(vectors, np.arange(500), centres), group)
    means = np.array([vectors[group == one].mean(axis=0, dtype=np.float64) for one in range(4)])
    expected = means / np.linalg.norm(means, axis=1, keepdims=True) * VECTOR_UNIT
    assert np.abs(centres - expected).max() <= 0.51


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 2**32), st.integers(2, 200), st.integers(1, 6))
def test_more_rounds_never_fit_worse(seed, many, count):
    rng = np.random.default_rng(seed)
    _, vectors = groups(rng, many, 3, spread=1.0)
    drawn = rng.permutation(many)
    fits = []
    for rounds in (0, 1, 2, 8):
        centres = fitted_centres(vectors, drawn, min(count, many), rounds=rounds)
        fits.append(objective(vectors, centres, nearest_centre(vectors, np.arange(many), centres)))
    slack = 2.0 * many * VECTOR_UNIT  # centres are rounded to the grid of the vectors
    assert all(later >= earlier - slack for earlier, later in pairwise(fits))


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 2**32), st.integers(1, 2000))
def test_the_nearest_centre_has_the_largest_product(seed, many):
    rng = np.random.default_rng(seed)
    _, vectors = groups(rng, many, 5, spread=1.0)
    centres = units(rng.normal(size=(7, 12))).astype(np.float32)
    centres[5] = centres[2]
    rows = rng.permutation(many)
    expected = (vectors[rows].astype(np.int64) @ centres.T.astype(np.int64)).argmax(axis=1)
    assert np.array_equal(nearest_centre(vectors, rows, centres), expected)


def test_spread_centres_keep_a_small_group_apart_more_often_than_random_starts():
    """As of texts: four groups of unequal size, and as much noise in a vector as there is of its group."""
    group = np.repeat(np.arange(4), (90, 60, 40, 10))

    def apart(centres):
        labels = nearest_centre(vectors, np.arange(200), centres)
        return not set(labels[group == 3]) & set(labels[group != 3])

    found = []
    for seed in range(60):
        rng = np.random.default_rng(seed)
        vectors = units(np.eye(64)[group] + 0.16 * rng.normal(size=(200, 64)))
        drawn = rng.permutation(200)
        found.append([apart(fit(vectors, drawn, 8)) for fit in (fitted_centres, spread_centres)])
    random_starts, spread = np.mean(found, axis=0)
    assert spread >= 0.95
    assert random_starts <= 0.9


def test_spread_centres_leave_no_cluster_to_a_vector_that_is_like_no_other():
    rng = np.random.default_rng(1)
    group, vectors = groups(rng, 300, 4, dimensions=40, spread=0.08)
    vectors[::30] = units(np.eye(40)[10:20])
    labels = nearest_centre(vectors, np.arange(300), spread_centres(vectors, rng.permutation(300), 4))
    assert np.bincount(labels, minlength=4).min() >= 40
    kept = np.arange(300) % 30 > 0
    assert len(set(zip(group[kept].tolist(), labels[kept].tolist(), strict=True))) == 4


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 2**32), st.integers(1, 60), st.integers(1, 40))
def test_spread_centres_are_as_many_as_asked_for(seed, many, count):
    rng = np.random.default_rng(seed)
    _, vectors = groups(rng, many, 3, spread=1.0)
    drawn = rng.permutation(many)
    centres = spread_centres(vectors, drawn, min(count, many))
    assert centres.shape == (min(count, many), 12)
    assert np.array_equal(centres, spread_centres(np.asfortranarray(vectors), drawn, min(count, many)))


def test_a_centre_that_loses_all_its_vectors_stays():
    vectors = units([[1, 0], [1, 0], [1, 0.01]])
    centres = fitted_centres(vectors, np.arange(3), 2)
    assert np.array_equal(centres[1], vectors[1])


def test_noughts_have_no_direction():
    assert directions(np.zeros((1, 3), np.int64)).tolist() == [[0, 0, 0]]


@given(st.lists(st.integers(-(2**40), 2**40), min_size=1, max_size=20).filter(any))
def test_a_direction_has_length_one(total):
    found = directions(np.array([total], np.int64))[0].astype(np.float64)
    assert abs(np.linalg.norm(found) / VECTOR_UNIT - 1) < 0.002 * np.sqrt(len(total))


def test_the_map_shows_principal_components():
    rng = np.random.default_rng(1)
    centres = units(rng.normal(size=(40, 10)) * np.array([5, 3] + [0.3] * 8)).astype(np.float32)
    places = plane_of(centres)
    rows = centres.astype(np.float64) / VECTOR_UNIT
    rows -= rows.mean(axis=0)
    _, sizes, axes = np.linalg.svd(rows, full_matrices=False)
    assert np.abs(np.abs(places) - np.abs(rows @ axes[:2].T)).max() < 1e-4
    assert np.allclose((places**2).sum(axis=0), sizes[:2] ** 2, rtol=1e-4)


def test_a_map_of_one_centre_or_of_equal_ones_is_a_point():
    assert plane_of(np.full((1, 3), 5, np.float32)).tolist() == [[0, 0]]
    assert not plane_of(np.full((4, 3), 5, np.float32)).any()
    assert plane_of(np.zeros((0, 3), np.float32)).shape == (0, 2)


def test_a_map_of_centres_on_a_line_has_one_axis():
    places = plane_of(np.array([[1, 0], [2, 0], [4, 0]], np.float32))
    assert np.all(places[:, 1] == 0)
    assert (
        places[0, 0] < places[1, 0] < places[2, 0]
    )  # the axis points to where its largest component is positive
