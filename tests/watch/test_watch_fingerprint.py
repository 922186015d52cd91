"""The distance of first tokens, and the limit that a server's own noise sets."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from wellkeeper.errors import DataError
from wellkeeper.watch.fingerprint import (
    LOOKS,
    PROMPTS,
    RESOLUTION,
    distance,
    distance_to,
    limit_of,
    mean_distance,
)


def logs(chances):
    return {token: math.log(chance) for token, chance in chances.items() if chance > 0}


@st.composite
def firsts(draw):
    weights = draw(st.lists(st.floats(0.01, 1), min_size=2, max_size=8))
    told = draw(st.integers(1, len(weights)))
    chances = sorted((weight / sum(weights) for weight in weights), reverse=True)[:told]
    names = draw(st.permutations("abcdefgh"))
    return logs(dict(zip(names, chances, strict=False)))


@given(firsts(), firsts())
def test_the_distance_is_symmetric_in_0_to_1_and_0_of_the_same(first, second):
    assert 0 <= distance(first, second) <= 1
    assert distance(first, second) == pytest.approx(distance(second, first))
    assert distance(first, first) == 0


@given(
    st.lists(st.floats(0.01, 1), min_size=4, max_size=4), st.lists(st.floats(0.01, 1), min_size=4, max_size=4)
)
def test_what_is_not_told_never_makes_the_distance_larger(first, second):
    p, q = (np.array(side) / sum(side) for side in (first, second))
    truth = np.abs(p - q).sum() / 2
    told = [dict(zip("abcd", side.tolist(), strict=True)) for side in (p, q)]
    assert distance(logs(told[0]), logs(told[1])) == pytest.approx(truth)
    cut = [dict(sorted(side.items(), key=lambda one: -one[1])[:2]) for side in told]
    assert distance(logs(cut[0]), logs(cut[1])) <= truth + 1e-9


def looks(generator, noise, many, shift=0.0):
    found = []
    for _ in range(many):
        own = []
        for prompt in range(len(PROMPTS)):
            base = np.random.default_rng(prompt).normal(size=10) * 2
            base[0] += shift
            values = base + noise * generator.normal(size=10)
            own.append(dict(zip("abcdefghij", (values - np.logaddexp.reduce(values)).tolist(), strict=True)))
        found.append(own)
    return found


def test_a_server_that_repeats_itself_has_the_limit_of_rounding():
    first = looks(np.random.default_rng(0), 0.0, LOOKS)
    assert limit_of(first) == RESOLUTION
    assert distance_to(first, first[0]) == 0


@pytest.mark.parametrize("noise", [0.01, 0.1])
def test_the_limit_is_above_the_noise_and_below_a_change(noise):
    generator = np.random.default_rng(1)
    passed, seen = 0, 0
    for _ in range(20):
        first = looks(generator, noise, LOOKS)
        limit = limit_of(first)
        passed += sum(distance_to(first, look) > limit for look in looks(generator, noise, 5))
        seen += sum(distance_to(first, look) > limit for look in looks(generator, noise, 1, shift=10 * noise))
    assert passed <= 2  # of 100, at a chance of one in a thousand each
    assert seen == 20


def test_unchanged_looks_tighten_the_limit():
    generator = np.random.default_rng(2)
    first = looks(generator, 0.1, LOOKS)
    unchanged = [distance_to(first, look) for look in looks(generator, 0.1, 30)]
    assert max(unchanged) <= limit_of(first, unchanged) < limit_of(first)


def test_a_daily_look_takes_far_less_than_300_tokens():
    assert 20 <= len(PROMPTS) == len(set(PROMPTS)) <= 30
    assert len(PROMPTS) * LOOKS <= 300


def test_looks_that_do_not_fit_are_refused():
    first = looks(np.random.default_rng(0), 0.0, 2)
    with pytest.raises(
        DataError, match=r"One look has 24 prompts and the other 23\. Begin the fingerprint anew"
    ):
        mean_distance(first[0], first[1][:-1])
    with pytest.raises(
        DataError, match=r"1 looks at the reference tell nothing of the server's noise. Take 5"
    ):
        limit_of(first[:1])
