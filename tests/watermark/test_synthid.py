"""SynthID: the reference's integers, and a null distribution that is the table's own."""

import json
from itertools import product
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray
from oracles import ZERO_CONTEXT, synthid_detector

from wellkeeper.errors import DataError
from wellkeeper.watermark.detection import Detector, Scores
from wellkeeper.watermark.synthid import SynthID, table_of
from wellkeeper.watermark.tokens import tokens_of
from wellkeeper.watermark.whole_sums import WholeSum

GOLDEN = np.load(Path(__file__).parent / "golden" / "synthid.npz")
MULTIPLIER = 6364136223846793005

documents = st.lists(st.lists(st.integers(0, 6), max_size=60), min_size=1, max_size=5)


def detector(**settings) -> SynthID:
    return SynthID(**{"keys": (11, 222, 3333), "ngram_length": 3, "table": table_of(0)} | settings)


def scores(one: SynthID, rows: list[list[int]]) -> Scores:
    found = tokens_of(rows)
    return one.scores(found.ids, found.offsets)


def as_written(one: SynthID, row: list[int]) -> tuple[int, list[int]]:
    """The scheme as the reference describes it, one step at a time, with Python's own integers."""

    def hashed(value: int, token: int) -> int:
        return ((value + token) * MULTIPLIER + 1) % 2**64

    if one.eos in row:
        row = row[: row.index(one.eos)]
    history, scored, layers = [0] * (one.context_history_size or 10**4), 0, [0] * one.depth
    for i in range(len(row) - one.ngram_length + 1):
        context = 1
        for token in row[i : i + one.ngram_length - 1]:
            context = hashed(context, token)
        if context not in history:
            scored += 1
            value = hashed(context, row[i + one.ngram_length - 1])
            for layer, key in enumerate(one.keys):
                layers[layer] += int(one.table[hashed(value, key) % one.table.size])
        history = [context, *history[:-1]]
    return scored, layers


def test_it_is_a_detector() -> None:
    assert isinstance(detector(), Detector)
    assert (detector().name, detector(weighted=True).name) == ("synthid", "synthid-weighted")


@pytest.mark.parametrize("number", range(len(json.loads(str(GOLDEN["about"]))["settings"])))
def test_sums_are_those_of_the_reference(number: int) -> None:
    settings = json.loads(str(GOLDEN["about"]))["settings"][number]
    found = synthid_detector(settings).scores(GOLDEN[f"tokens_{number}"], GOLDEN[f"offsets_{number}"])
    np.testing.assert_array_equal(found.scored, GOLDEN[f"scored_{number}"])
    np.testing.assert_array_equal(found.layers, GOLDEN[f"sums_{number}"])
    np.testing.assert_array_equal(found.statistic, GOLDEN[f"sums_{number}"].sum(1))


@pytest.mark.parametrize("seed", [1, 2])
def test_a_table_is_the_one_that_torch_draws(seed: int) -> None:
    np.testing.assert_array_equal(np.packbits(table_of(seed)), GOLDEN[f"table_{seed}"])


@given(documents, st.sampled_from([1, 2, 7, 1024, None]), st.sampled_from([None, 0, 5]), st.integers(2, 4))
def test_sums_are_those_of_the_scheme_as_written(rows, history, eos, length) -> None:
    one = detector(context_history_size=history, eos=eos, ngram_length=length)
    found = scores(one, rows)
    assert [(int(n), row.tolist()) for n, row in zip(found.scored, found.layers, strict=True)] == [
        as_written(one, row) for row in rows
    ]


@given(documents, st.randoms())
def test_a_document_scores_alike_in_any_company(rows: list[list[int]], random) -> None:
    together = scores(detector(), rows)
    order = list(range(len(rows)))
    random.shuffle(order)
    apart = scores(detector(), [rows[k] for k in order])
    np.testing.assert_array_equal(together.layers[order], apart.layers)
    np.testing.assert_array_equal(together.scored[order], apart.scored)


def test_without_a_history_size_a_context_counts_once_in_the_whole_document() -> None:
    row = [*range(2000), *range(2000)]
    assert scores(detector(), [row]).scored.tolist() == [2000]  # one context spans both halves
    assert scores(detector(context_history_size=1024), [row]).scored.tolist() == [3998]


def test_a_context_whose_hash_is_zero_counts_as_seen_while_the_history_has_zeros() -> None:
    row = [*ZERO_CONTEXT, 5, 6]
    one = detector(ngram_length=4)
    assert scores(one, [row]).scored.tolist() == [1]
    assert as_written(one, row)[0] == 1


def test_a_mean_weighs_layers_from_10_to_1() -> None:
    rng = np.random.default_rng(0)
    one = detector(keys=tuple(range(30)), weighted=True)
    found = scores(one, rng.integers(0, 50, (4, 80)).tolist())
    weights = np.linspace(10, 1, 30)
    weights *= 30 / weights.sum()
    by_layer = found.layers / found.scored[:, np.newaxis]
    np.testing.assert_allclose(one.means(found), (by_layer * weights).mean(1), rtol=1e-14)


def test_text_made_by_the_key_is_found_and_other_text_is_not() -> None:
    """The largest of eight tokens by the sum of its g-values: a tournament in one go."""
    one = detector(keys=tuple(range(1, 31)), ngram_length=5, weighted=True)
    rng = np.random.default_rng(3)
    row = rng.integers(0, 1000, 4).tolist()
    while len(row) < 60:
        choices = rng.integers(0, 1000, 8).tolist()
        sums = scores(one, [[*row[-4:], token] for token in choices]).statistic
        row.append(choices[int(sums.argmax())])
    marked, plain = one.p_values(scores(one, [row, rng.integers(0, 1000, 60).tolist()]))
    assert marked < 1e-12
    assert plain > 0.01


# --- the null distribution -------------------------------------------------------------------------------------------


def values_of(one: SynthID) -> NDArray[np.int64]:
    """What each hash adds to the statistic, by the definition."""
    low = one.table.size - 1
    hashes = np.arange(one.table.size, dtype=object)
    total = np.zeros(one.table.size, np.int64)
    for key, weight in zip(one.keys, one.layer_weights.tolist(), strict=True):
        entries = (((hashes + key) * MULTIPLIER + 1) & low).astype(np.int64)
        total += weight * one.table[entries].astype(np.int64)
    return total


@pytest.mark.parametrize("weighted", [False, True])
def test_p_values_of_few_ngrams_are_those_of_all_their_rows(weighted: bool) -> None:
    """A table of 16 bits has 16 rows, and 3 n-grams 4,096 cases: all are tried."""
    one = detector(table=table_of(5, 16), keys=(1, 2, 3, 7), weighted=weighted)
    values = values_of(one)
    for count in (1, 2, 3):
        sums = np.array([sum(case) for case in product(values.tolist(), repeat=count)])
        statistics = np.arange(count * int(one.layer_weights.sum()) + 1)
        found = one.p_values(Scores(scored=np.full(statistics.size, count), statistic=statistics))
        exact = (sums[:, np.newaxis] >= statistics).mean(0)
        np.testing.assert_allclose(found[exact > 0], exact[exact > 0], rtol=1e-12)
        assert (found[exact == 0] < 1e-300).all()


def exact_tail(chances: list[int], count: int) -> list[float]:
    """By polynomials with integer coefficients: nothing is rounded before the end."""
    width = 80  # bits of a coefficient: count * 16 and some
    one = sum(chance << (width * value) for value, chance in enumerate(chances))
    power, mask = one**count, (1 << width) - 1
    pmf = [(power >> (width * value)) & mask for value in range(count * (len(chances) - 1) + 1)]
    total, tail = 0, []
    for part in reversed(pmf):
        total += part
        tail.append(total / 2 ** (16 * count))
    return tail[::-1]


def test_p_values_of_a_short_text_are_exact_down_to_the_smallest() -> None:
    one = detector(keys=tuple(range(100, 130)), ngram_length=5)
    count = 4
    chances = np.bincount(values_of(one)).tolist()
    exact = np.array(exact_tail(chances, count))
    found = one.p_values(Scores(scored=np.full(exact.size, count), statistic=np.arange(exact.size)))
    np.testing.assert_allclose(found, exact, rtol=1e-7)
    assert exact[-1] < 1e-13


@pytest.mark.parametrize(
    ("weighted", "depth", "count"), [(False, 30, 25), (True, 30, 25), (False, 64, 25), (True, 9, 60)]
)
def test_p_values_of_longer_texts_are_off_by_less_than_1_in_1000(
    weighted: bool, depth: int, count: int
) -> None:
    """The saddlepoint against the convolution that short texts are given."""
    one = detector(keys=tuple(range(depth)), weighted=weighted)
    values = values_of(one)
    near, exact = (WholeSum(values=values, bits=bits) for bits in (depth, 0))
    mean, deviation = count * values.mean(), np.sqrt(count * values.var())
    statistic = np.rint(mean + deviation * np.array([-2, -0.5, 0, 0.5, 1, 2.3, 3.1, 4.8, 7])).astype(np.int64)
    many = np.full(statistic.size, count)
    np.testing.assert_allclose(near.tail(statistic, many), exact.tail(statistic, many), rtol=1e-3)


@pytest.mark.parametrize("weighted", [False, True])
def test_plain_text_is_called_marked_as_often_as_it_may_be(weighted: bool) -> None:
    """3,000 random texts of 200 tokens, 30 keys. An error of the mean of 0.0005, as many tables have, would show."""
    rng = np.random.default_rng(11)
    p = []
    for seed in range(30):
        one = detector(
            keys=tuple(rng.integers(0, 1 << 48, 30).tolist()),
            ngram_length=5,
            table=table_of(seed),
            weighted=weighted,
        )
        p.append(one.p_values(scores(one, rng.integers(0, 49_152, (100, 204)).tolist())))
    alarms = int((np.concatenate(p) <= 0.01).sum())
    assert 12 <= alarms <= 49  # binomial(3000, 0.01): outside of it once in 10,000 runs


def test_layers_whose_keys_agree_in_their_low_bits_are_one_layer() -> None:
    """Such a key counts each g-value thirty times; a binomial would call one text in four marked at 1 %."""
    rng = np.random.default_rng(4)
    one = detector(keys=tuple((k << 16) + 5 for k in range(30)), ngram_length=5)
    p = one.p_values(scores(one, rng.integers(0, 49_152, (1000, 104)).tolist()))
    assert (p <= 0.01).sum() <= 25
    assert set(scores(one, [[1, 2, 3, 4, 5]]).statistic.tolist()) <= {0, 30}


def test_a_text_without_an_ngram_that_counts_has_p_value_1() -> None:
    one = detector(eos=9)
    found = scores(one, [[], [1, 2], [9, 1, 2, 3]])
    assert found.scored.tolist() == [0, 0, 0]
    assert one.p_values(found).tolist() == [1.0, 1.0, 1.0]


@given(st.integers(1, 64), st.booleans(), st.integers(0, 300))
def test_p_values_are_chances_that_fall_as_the_statistic_rises(depth, weighted, count) -> None:
    one = detector(keys=tuple(range(depth)), weighted=weighted)
    most = count * int(one.layer_weights.sum())
    statistic = np.unique(np.linspace(0, most, 40).astype(np.int64))
    p = one.p_values(Scores(scored=np.full(statistic.size, count), statistic=statistic))
    assert ((p > 0) & (p <= 1)).all()
    assert (np.diff(p) <= 1e-3 * p[:-1]).all()
    assert p[0] == 1


@pytest.mark.parametrize(
    ("settings", "says"),
    [
        ({"keys": ()}, r"keys has 0 keys\. Give one a layer, 1 to 64"),
        ({"keys": (1 << 63,)}, r"keys holds 9223372036854775808\. Give integers of 64 bits"),
        ({"ngram_length": 1}, r"ngram_length is 1\. Give 2 or more"),
        ({"context_history_size": 0}, r"context_history_size is 0\. Give 1 or more, or None"),
        ({"eos": -1}, r"eos is -1\. Give the id of a token"),
        ({"table": np.zeros(3, np.uint8)}, r"table has shape \(3,\) and type uint8\. Give a power of two"),
        ({"table": np.array([0, 2], np.uint8)}, r"table holds 2\. Unpack its bits first"),
        ({"table": np.zeros(8, np.uint8)}, r"table holds only 0, which marks nothing\. Take the table of"),
    ],
)
def test_settings_out_of_range_say_what_to_give(settings, says: str) -> None:
    with pytest.raises(DataError, match=says):
        detector(**settings)


@pytest.mark.parametrize(
    ("tokens", "offsets", "says"),
    [
        (
            np.array([1, -1], np.int32),
            np.array([0, 2]),
            r"tokens\[1\] is -1, and ids start at 0\. Use the tokeniser",
        ),
        (np.array([1, 1]), np.array([0, 2]), r"tokens has shape \(2,\) and type int64\. Pass token ids"),
        (
            np.array([1, 1], np.int32),
            np.array([0, 3]),
            r"offsets do not delimit documents in 2 tokens\. Pass shape",
        ),
        (np.array([1, 1], np.int32), np.array([2, 0]), r"offsets do not delimit documents in 2 tokens"),
    ],
)
def test_what_cannot_be_scored_says_why(tokens, offsets, says: str) -> None:
    with pytest.raises(DataError, match=says):
        detector().scores(tokens, offsets)
