"""KGW: the reference's integers without its permutations, and counts whose distribution is known."""

import json
import math
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray
from oracles import kgw_detector

from wellkeeper.errors import DataError
from wellkeeper.watermark.detection import Detector, Scores
from wellkeeper.watermark.kgw import FIXED_TABLE_SIZE, KGW, lefthash_seeds, permutation
from wellkeeper.watermark.loops.kgw import FOLLOWED
from wellkeeper.watermark.tokens import tokens_of

GOLDEN = np.load(Path(__file__).parent / "golden" / "kgw.npz")

documents = st.lists(st.lists(st.integers(0, 11), max_size=30), min_size=1, max_size=5)
seeds = st.integers(0, (1 << 32) - 1)


def detector(**settings) -> KGW:
    return KGW(**{"vocabulary": 12, "key": 15_485_863} | settings)


def scores(one: KGW, rows: list[list[int]]) -> Scores:
    found = tokens_of(rows)
    return one.scores(found.ids, found.offsets)


def words(seed: int, count: int) -> NDArray[np.uint64]:
    """numpy's own MT19937, seeded as torch seeds its own."""
    generator = np.random.MT19937()
    generator._legacy_seeding(seed)
    return generator.random_raw(count)


def shuffled(size: int, seed: int) -> list[int]:
    """ATen's randperm_cpu as it is written."""
    drawn, out = words(seed, size), list(range(size))
    for i in range(size - 1):
        other = i + int(drawn[i]) % (size - i)
        out[i], out[other] = out[other], out[i]
    return out


_TABLE: list[int] = []


def seed_of(one: KGW, ngram: list[int]) -> int:
    """The seed as the reference describes it, with Python's own integers; the n-gram ends in the token."""
    if one.scheme == "lefthash":
        return (one.key * ngram[-2]) % (2**64 - 1) & 0xFFFFFFFF
    if not _TABLE:
        _TABLE.extend(permutation(FIXED_TABLE_SIZE, one.key).tolist())

    def signed(value: int) -> int:
        return (value + 2**63) % 2**64 - 2**63

    hashed = [_TABLE[token % FIXED_TABLE_SIZE] + 1 for token in ngram]
    return min(signed(one.key * a * hashed[-1]) for a in hashed) % (2**64 - 1) & 0xFFFFFFFF


def as_written(one: KGW, row: list[int]) -> tuple[int, int]:
    length = one.context + (one.scheme == "lefthash")
    if row[:1] == [one.bos]:
        row = row[1:]
    if len(row) <= one.context:
        return 0, 0
    ngrams = [row[i : i + length] for i in range(len(row) - length + 1)]
    counted = {
        {"draws": (seed_of(one, ngram), ngram[-1]), "ngrams": tuple(ngram), "all": number}[
            one.counting
        ]: ngram
        for number, ngram in enumerate(ngrams)
    }.values()
    green = [
        ngram[-1] in shuffled(one.vocabulary, seed_of(one, ngram))[: one.green_tokens] for ngram in counted
    ]
    return len(green), sum(green)


def test_it_is_a_detector() -> None:
    assert isinstance(detector(), Detector)
    assert [detector(scheme=scheme).name for scheme in ("lefthash", "selfhash")] == [
        "kgw-lefthash",
        "kgw-selfhash",
    ]


@pytest.mark.parametrize("number", range(len(json.loads(str(GOLDEN["about"]))["settings"])))
def test_counts_are_those_of_the_reference(number: int) -> None:
    settings = json.loads(str(GOLDEN["about"]))["settings"][number]
    found = kgw_detector(settings).scores(GOLDEN[f"tokens_{number}"], GOLDEN[f"offsets_{number}"])
    np.testing.assert_array_equal(found.scored, GOLDEN[f"scored_{number}"])
    np.testing.assert_array_equal(found.statistic, GOLDEN[f"sums_{number}"])


@given(
    documents,
    st.sampled_from(["lefthash", "selfhash"]),
    st.sampled_from(["draws", "ngrams", "all"]),
    st.integers(1, 4),
    st.sampled_from([None, 0, 3]),
    st.floats(0.1, 0.9),
)
def test_counts_are_those_of_the_scheme_as_written(rows, scheme, counting, context, bos, green) -> None:
    one = detector(scheme=scheme, counting=counting, context=context, bos=bos, green=green)
    found = scores(one, rows)
    pairs = list(zip(found.scored.tolist(), found.statistic.tolist(), strict=True))
    assert pairs == [as_written(one, row) for row in rows]


@given(seeds, st.integers(2, 2000))
def test_a_permutation_is_the_one_of_torch(seed: int, size: int) -> None:
    assert permutation(size, seed).tolist() == shuffled(size, seed)


@given(st.integers(1, (1 << 63) - 1), st.lists(st.integers(0, (1 << 31) - 1), min_size=1))
def test_lefthash_seeds_are_products_modulo_a_mersenne_like_number(key: int, row: list[int]) -> None:
    expected = [key * token % (2**64 - 1) & 0xFFFFFFFF for token in row]
    assert lefthash_seeds(key, np.array(row, np.int32)).tolist() == expected


def test_a_product_that_is_the_modulus_leaves_nothing() -> None:
    factor = 641  # times the other factor of 2^64 - 1
    assert lefthash_seeds((2**64 - 1) // factor, np.array([factor], np.int32)).tolist() == [0]


@given(seeds, st.integers(3, 400), st.floats(0.05, 0.95), st.randoms())
def test_following_a_token_and_making_the_permutation_give_one_answer(seed, size, green, random) -> None:
    """The whole vocabulary at once is looked up, a few tokens at a time are followed."""
    one = detector(vocabulary=size, green=max(green, 1.01 / size))
    draws = (np.uint64(seed) << np.uint64(32)) | np.arange(size, dtype=np.uint64)
    expected = np.isin(np.arange(size), shuffled(size, seed)[: one.green_tokens])
    np.testing.assert_array_equal(one._is_green(draws), expected)
    few = np.array(sorted(random.sample(range(size), min(size, FOLLOWED))))
    np.testing.assert_array_equal(one._is_green(draws[few]), expected[few])


def test_a_large_vocabulary_needs_several_fillings_of_the_generator() -> None:
    size = 50_257
    one = detector(vocabulary=size)
    order = shuffled(size, 99)
    asked = np.array([0, 1, 623, 624, 12_000, size - 1, *order[:3], *order[12_560:12_570]], np.uint64)
    found = np.array(
        [one._is_green(np.array([(np.uint64(99) << np.uint64(32)) | token]))[0] for token in asked]
    )
    np.testing.assert_array_equal(found, np.isin(asked, order[: one.green_tokens]))


@given(documents, st.randoms(), st.sampled_from(["lefthash", "selfhash"]))
def test_a_document_counts_alike_in_any_company(rows: list[list[int]], random, scheme) -> None:
    one = detector(scheme=scheme, context=2)
    order = list(range(len(rows)))
    random.shuffle(order)
    together, apart = scores(one, rows), scores(one, [rows[k] for k in order])
    np.testing.assert_array_equal(together.scored[order], apart.scored)
    np.testing.assert_array_equal(together.statistic[order], apart.statistic)


@given(st.lists(st.integers(0, 11), min_size=3, max_size=20), st.sampled_from(["lefthash", "selfhash"]))
def test_a_repeated_text_is_one_draw_more_for_where_it_is_joined(row: list[int], scheme: str) -> None:
    one = detector(scheme=scheme)
    once, twice, thrice = scores(one, [row, row * 2, row * 3]).scored.tolist()
    assert once <= twice <= once + 1
    assert twice == thrice


def test_text_of_green_tokens_is_found_and_other_text_is_not() -> None:
    rng = np.random.default_rng(3)
    one = detector(vocabulary=500)
    row = [1]
    while len(row) < 100:
        row.append(
            int(
                rng.choice(
                    permutation(500, int(lefthash_seeds(one.key, np.array(row[-1:], np.int32))[0]))[:125]
                )
            )
        )
    marked, plain = one.p_values(scores(one, [row, rng.integers(0, 500, 100).tolist()]))
    assert marked < 1e-40
    assert plain > 0.01


def test_p_values_are_binomial_tails() -> None:
    one = detector(vocabulary=10, green=0.25)  # two of ten
    found = one.p_values(Scores(scored=np.array([3, 3, 3, 0]), statistic=np.array([0, 1, 3, 0])))
    np.testing.assert_allclose(found, [1.0, 1 - 0.8**3, 0.2**3, 1.0], rtol=1e-12)


@pytest.mark.parametrize(("scheme", "context"), [("lefthash", 1), ("lefthash", 3), ("selfhash", 3)])
def test_plain_text_that_repeats_is_called_marked_no_more_often_than_it_may_be(scheme, context) -> None:
    """Many keys on one text of few words. Counted as the reference does by default, one key in five would be hit."""
    rng = np.random.default_rng(2)
    row = (rng.zipf(1.3, 300) % 100).tolist()
    p = np.concatenate(
        [
            one.p_values(scores(one, [row]))
            for one in (
                detector(vocabulary=100, key=int(key), scheme=scheme, context=context)
                for key in rng.integers(1, 1 << 32, 150 if scheme == "selfhash" else 1000)
            )
        ]
    )
    allowed = 0.05 * p.size
    assert (p <= 0.05).sum() <= allowed + 4 * math.sqrt(allowed)


def test_counts_of_repeats_have_no_p_value() -> None:
    one = detector(counting="ngrams")
    with pytest.raises(
        DataError, match=r"counting is 'ngrams': repeats are counted.*Score with counting=\"draws\"\."
    ):
        one.p_values(scores(one, [[1, 2, 3]]))


@pytest.mark.parametrize(
    ("settings", "says"),
    [
        ({"device": "cuda"}, r"device is 'cuda': a graphics card draws other green lists.*give \"cpu\"\."),
        ({"vocabulary": 1}, r"vocabulary is 1\. Give 2 to 214,748,363 tokens\."),
        ({"vocabulary": 1 << 30}, r"vocabulary is 1073741824\. Give 2 to"),
        ({"key": 0}, r"key is 0\. Give a whole number from 1, below 2\^63\."),
        ({"green": 1.0}, r"green is 1, which makes 12 of 12 tokens green\. Give a share above 0 and below 1"),
        ({"green": 0.01}, r"green is 0\.01, which makes 0 of 12 tokens green\. Give a share"),
        ({"context": 0}, r"context is 0\. Give 1 or more\."),
        (
            {"scheme": "lefthsh"},
            r"scheme is 'lefthsh'\. Did you mean lefthash\? Choose one of lefthash, selfhash\.",
        ),
        ({"counting": "some"}, r"counting is 'some'\..*Choose one of draws, ngrams, all\."),
    ],
)
def test_settings_out_of_range_say_what_to_give(settings, says: str) -> None:
    with pytest.raises(DataError, match=says):
        detector(**settings)


def test_a_token_outside_of_the_vocabulary_is_refused() -> None:
    with pytest.raises(
        DataError, match=r"tokens\[2\] is 12, and the key's vocabulary has 12 tokens\. Use the tokeniser"
    ):
        scores(detector(), [[1, 2, 12]])


def test_no_documents_and_empty_ones_have_no_counts() -> None:
    assert len(scores(detector(), [])) == 0
    found = scores(detector(bos=3), [[], [3], [3, 4], [5]])
    assert found.scored.tolist() == [0, 0, 0, 0]
    assert detector().p_values(found).tolist() == [1.0] * 4
