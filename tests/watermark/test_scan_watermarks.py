"""Many documents against keys: what is called marked, and at what rate wrongly."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from marked_tokens import VOCABULARY, marked_rows, plain, plain_rows
from wellkeeper.errors import DataError
from wellkeeper.watermark.keys import detector_of, new_key
from wellkeeper.watermark.scan import Readings, judged, read_tokens, share_of
from wellkeeper.watermark.tokens import tokens_of


def key_of(scheme="gumbel", seed=1):
    return new_key(scheme, vocabulary=VOCABULARY, seed=seed)


def read(tokens, *keys):
    return read_tokens(tokens, [detector_of(key) for key in keys], vocabulary=VOCABULARY)


def readings(p_values):
    p_values = np.atleast_2d(p_values)
    count = p_values.shape[1]
    return Readings(
        tokens=np.full(count, 9),
        scored=np.full(p_values.shape, 5),
        statistic=np.zeros(p_values.shape),
        p_values=p_values,
    )


@pytest.mark.parametrize("scheme", ["gumbel", "unigram"])
def test_marked_documents_are_found_among_plain_ones(scheme):
    key = key_of(scheme)
    rows = marked_rows(key, documents=10, length=60) + plain_rows(documents=90, length=60)
    found = judged(read(tokens_of(rows), key), level=0.01)
    assert found.marked[:10].all()
    assert found.marked[10:].sum() <= 1
    assert found.share.low < 0.1 < found.share.estimate + 0.15
    assert (found.log10_e[:10] > 2).all()


def test_each_document_is_ascribed_to_its_key():
    first, second = key_of(seed=1), key_of(seed=2)
    rows = marked_rows(first, documents=5, length=60) + marked_rows(second, documents=5, length=60)
    found = judged(read(tokens_of(rows), first, second), level=0.01)
    assert found.marked.all()
    assert found.best.tolist() == [0] * 5 + [1] * 5


def test_parts_read_apart_are_the_whole():
    key, tokens = key_of(), plain(documents=20, length=40)
    whole = read(tokens, key)
    halves = [
        tokens_of([tokens.ids[tokens.offsets[k] : tokens.offsets[k + 1]] for k in part])
        for part in (range(7), range(7, 20))
    ]
    joined = Readings.joined([read(half, key) for half in halves])
    for name in ("tokens", "scored", "statistic", "p_values"):
        assert np.array_equal(getattr(joined, name), getattr(whole, name))


def test_a_document_too_short_to_score_is_neither_called_nor_counted():
    key = key_of()
    rows = [*marked_rows(key, documents=3, length=60), [1], []]
    found = judged(read(tokens_of(rows), key), level=0.05)
    assert found.marked.tolist() == [True, True, True, False, False]
    assert found.share.documents == 3
    assert found.p_values[3:].tolist() == [1.0, 1.0]


@pytest.mark.parametrize("control", ["bh", "by", "e-bh"])
def test_the_false_discovery_rate_is_held(control):
    random = np.random.default_rng(0)
    shares = []
    for _ in range(400):
        p_values = np.concatenate((random.random(90), random.random(10) * 1e-7))
        marked = judged(readings(p_values), level=0.1, control=control).marked
        assert marked[90:].all()
        shares.append(marked[:90].sum() / max(1, marked.sum()))
    assert np.mean(shares) < 0.1 + 3 * np.std(shares) / 20
    if control == "bh":
        assert np.mean(shares) > 0.07  # .09 in expectation: the bound is used, not thrown away


@given(st.lists(st.floats(1e-12, 1), min_size=1, max_size=30), st.floats(0.001, 0.5))
def test_what_holds_under_any_dependence_calls_no_more(p_values, level):
    values = readings(np.array(p_values))
    plain_bh = judged(values, level=level).marked
    assert not (judged(values, level=level, control="by").marked & ~plain_bh).any()
    assert not (judged(values, level=level, control="e-bh").marked & ~plain_bh).any()


def test_more_keys_make_a_document_no_more_surprising():
    one = judged(readings(np.array([0.004, 0.7])), level=0.01)
    two = judged(readings(np.array([[0.004, 0.7], [0.5, 0.6]])), level=0.01)
    assert two.p_values.tolist() == [0.008, 1.0]
    assert (two.log10_e <= np.maximum(one.log10_e, judged(readings([0.5, 0.6]), level=0.01).log10_e)).all()


def test_a_share_is_no_more_than_there_is():
    random = np.random.default_rng(3)
    for share in (0.0, 0.2, 0.8):
        low = []
        for _ in range(200):
            p_values = np.where(random.random(500) < share, 1e-9, random.random(500))
            low.append(share_of(p_values).low)
        # 95 % of 200, less three standard deviations
        assert np.mean(np.array(low) <= share + 1e-9) >= 0.95 - 3 * (0.95 * 0.05 / len(low)) ** 0.5
        assert share - 0.12 < np.mean(low) <= share + 0.005
    assert share_of(np.empty(0)) == (0.0, 0.0, 0)


def test_what_cannot_be_judged_is_told():
    with pytest.raises(DataError, match=r"There is no detector. Give one for each key.$"):
        read_tokens(plain(documents=1, length=9), [], vocabulary=VOCABULARY)
    with pytest.raises(
        DataError, match=r"A token has the id 400, and the key's vocabulary ends at 400. Give the tok"
    ):
        read(tokens_of([[1, 400]]), key_of())
    with pytest.raises(DataError, match=r"control is 'x'. Choose one of bh, by, e-bh.$"):
        judged(readings([0.5]), level=0.1, control="x")
