"""The pooled test: each n-gram once, wherever it stands, and exact."""

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from marked_tokens import VOCABULARY, marked, marked_rows, plain, plain_rows
from wellkeeper.errors import DataError
from wellkeeper.measure.kneser_ney import fit
from wellkeeper.watermark.keys import SCHEMES, detector_of, new_key, ngrams_of
from wellkeeper.watermark.radioactivity import PooledTest, _Seen, radioactivity
from wellkeeper.watermark.tokens import Tokens, tokens_of


def key_of(scheme, seed=1):
    return new_key(scheme, vocabulary=VOCABULARY, seed=seed)


def student(rows, *, documents=60, length=200, seed=0):
    """What a model of trigrams writes that was fitted to the rows."""
    read = tokens_of(rows)
    model = fit(read.offsets, read.ids, vocabulary=VOCABULARY)
    offsets = np.arange(documents + 1, dtype=np.int64) * length
    return Tokens(ids=model.sample(offsets, np.random.default_rng(seed)).astype(np.int32), offsets=offsets)


@pytest.mark.parametrize("scheme", SCHEMES)
def test_distinct_ngrams_are_counted_once_over_all_documents(scheme):
    key, rows = key_of(scheme), plain_rows(documents=4, length=30)
    once = radioactivity(key, [tokens_of(rows)])
    again = radioactivity(key, [tokens_of(rows * 3), tokens_of(rows)])
    assert (again.ngrams, again.p_value) == (once.ngrams, pytest.approx(once.p_value))
    assert again.statistic == pytest.approx(once.statistic)
    assert (again.documents, again.tokens) == (16, 4 * once.tokens)
    width, _ = ngrams_of(key)
    seen = {tuple(row[k : k + width]) for row in rows for k in range(len(row) - width + 1)}
    assert once.ngrams == len(seen) or (scheme == "kgw-selfhash" and once.ngrams <= len(seen))


@pytest.mark.parametrize("scheme", SCHEMES)
def test_one_document_without_repeats_has_the_p_value_of_its_detector(scheme):
    key = key_of(scheme)
    row = np.random.default_rng(4).permutation(VOCABULARY)[:120].astype(np.int32)
    detector, tokens = detector_of(key), tokens_of([row])
    scores = detector.scores(tokens.ids, tokens.offsets)
    found = radioactivity(key, [tokens])
    if scheme == "textseal":  # whose detector passes over the first n-gram of a document
        assert found.ngrams == int(scores.scored[0]) + 1
        return
    assert found.ngrams == int(scores.scored[0])
    assert found.statistic == pytest.approx(float(scores.statistic[0]))
    assert found.p_value == pytest.approx(float(detector.p_values(scores)[0]))


@settings(max_examples=25)
@given(st.integers(0, 10_000), st.integers(1, 29))
def test_pieces_and_their_order_change_nothing(seed, cut):
    rows = [row[: 3 + k] for k, row in enumerate(plain_rows(documents=30, length=30, seed=seed))]
    key = key_of("kgw-lefthash")
    whole = radioactivity(key, [tokens_of(rows)])
    assert radioactivity(key, [tokens_of(rows[cut:]), tokens_of(rows[:cut])]) == whole


def test_ngrams_do_not_reach_over_the_ends_of_documents():
    key = key_of("kgw-lefthash")
    assert radioactivity(key, [tokens_of([[1], [2], [3, 4]])]).ngrams == 1
    assert radioactivity(key, [tokens_of([[], [5]])]).p_value == 1.0
    assert radioactivity(key, []).p_value == 1.0


@pytest.mark.parametrize("scheme", SCHEMES)
def test_text_that_knows_nothing_of_the_key_is_called_as_often_as_the_level_says(scheme):
    tokens = tokens_of([row * 2 for row in plain_rows(documents=20, length=60, seed=8)])
    seeds = {"kgw-selfhash": 40, "synthid": 100}.get(scheme, 200)
    p_values = np.array([radioactivity(key_of(scheme, seed), [tokens]).p_value for seed in range(seeds)])
    for level in (0.05, 0.2):
        bound = seeds * level + 4 * (seeds * level * (1 - level)) ** 0.5
        assert (p_values <= level).sum() <= bound
    assert (p_values <= 0.5).sum() >= 0.3 * seeds  # and the test is not idle


def test_a_mark_too_thin_for_any_document_shows_in_all_together():
    key = key_of("gumbel")
    thin, rest = marked_rows(key, documents=60, length=20), plain_rows(documents=60, length=200)
    tokens, detector = tokens_of([a + b for a, b in zip(thin, rest, strict=True)]), detector_of(key)
    alone = detector.p_values(detector.scores(tokens.ids, tokens.offsets))
    assert np.median(alone) > 0.01
    assert radioactivity(key, [tokens]).p_value < 1e-4


def test_a_student_of_marked_text_is_radioactive_and_a_student_of_plain_text_is_not():
    key = key_of("unigram")
    rows = marked_rows(key, documents=40, length=40)
    # half of the vocabulary is green: marked text has more of it, and so has what is learned from it
    assert radioactivity(key, [student(rows, documents=4, length=50)]).p_value < 1e-6
    clean = [
        radioactivity(
            key_of("unigram", seed), [student(plain_rows(documents=40, length=40), documents=4, length=50)]
        )
        for seed in range(40)
    ]
    assert sum(one.p_value <= 0.05 for one in clean) <= 8


@pytest.mark.parametrize("scheme", ["kgw-lefthash", "gumbel"])
def test_a_student_of_plain_text_shows_nothing_of_keys_by_context(scheme):
    written = student(plain_rows(documents=60, length=60), documents=20, length=60)
    p_values = [radioactivity(key_of(scheme, seed), [written]).p_value for seed in range(60)]
    assert sum(p <= 0.1 for p in p_values) <= 14  # 6 in expectation, 2.3 standard deviation


def test_a_student_of_text_marked_by_context_is_radioactive():
    key = key_of("gumbel")
    teacher = marked(key, documents=150, length=60)
    model = fit(teacher.offsets, teacher.ids, vocabulary=VOCABULARY, order=5)
    offsets = np.arange(201, dtype=np.int64) * 60
    written = model.sample(offsets, np.random.default_rng(1)).astype(np.int32)
    assert radioactivity(key, [Tokens(ids=written, offsets=offsets)]).p_value < 1e-6


def test_ngrams_of_other_text_are_left_out_and_told():
    rows = plain_rows(documents=6, length=40)
    for scheme in SCHEMES:
        key = key_of(scheme)
        rest = radioactivity(key, [tokens_of(rows[4:])])
        found = radioactivity(key, [tokens_of(rows)], without=[tokens_of(rows[:2]), tokens_of(rows[2:4])])
        both = radioactivity(key, [tokens_of(rows)])
        assert (found.documents, found.tokens) == (both.documents, both.tokens)
        assert found.ngrams + found.left_out == both.ngrams
        assert found.left_out == radioactivity(key, [tokens_of(rows[:4])]).ngrams
        if scheme != "unigram":  # whose tokens come again in other rows
            assert found.ngrams == rest.ngrams
            assert found.p_value == pytest.approx(rest.p_value)


def test_quotes_of_marked_text_are_no_sign_of_learning_once_they_are_left_out():
    key = key_of("gumbel")
    made = marked_rows(key, documents=40, length=40)
    quoting = [plain + quote for plain, quote in zip(plain_rows(documents=40, length=60), made, strict=True)]
    assert radioactivity(key, [tokens_of(quoting)]).p_value < 1e-9
    alone = radioactivity(key, [tokens_of(quoting)], without=[tokens_of(made)])
    assert alone.p_value > 1e-3
    assert alone.left_out == radioactivity(key, [tokens_of(made)]).ngrams


def test_leaving_marked_text_out_makes_false_alarms_no_likelier():
    """Human text of a small vocabulary shares n-grams with marked text by chance: those that the key likes go."""
    random = np.random.default_rng(5)
    p_values = []
    for seed in range(60):
        key = key_of("kgw-lefthash", seed)
        detector = detector_of(key)
        pairs = random.integers(0, 60, (4000, 2)).astype(np.int32)
        green = np.array([detector.count_green(detector.draws_of(pair[None])) for pair in pairs[:400]])
        marked_pairs = pairs[:400][(green == 1) | (random.random(400) < 0.3)]
        human = tokens_of(random.integers(0, 60, (20, 60)).tolist())
        p_values.append(radioactivity(key, [human], without=[tokens_of(marked_pairs.tolist())]).p_value)
    assert sum(p <= 0.1 for p in p_values) <= 13  # 6 in expectation at most, 3 standard deviations


def test_what_is_left_out_is_named_first():
    test = PooledTest(key_of("gumbel"))
    test.add(tokens_of([[1, 2, 3, 4, 5, 6]]))
    with pytest.raises(DataError, match=r"Name what is left out before the first document\.$"):
        test.leave_out(tokens_of([[1, 2, 3]]))


@given(st.lists(st.lists(st.integers(0, 40), max_size=30), max_size=20))
def test_a_set_of_numbers_tells_what_is_new_however_it_grows(parts):
    numbers, known = _Seen(), set()
    for part in parts:
        values = np.unique(np.array(part, np.uint64))
        assert numbers.take(values).tolist() == [int(value) not in known for value in values]
        known |= set(part)
        assert numbers.has(values).all()
    assert sum(map(len, numbers._runs)) == len(known)
    sizes = [len(run) for run in numbers._runs]
    assert all(one >= 2 * following for one, following in pairwise(sizes))


def test_a_token_beyond_the_vocabulary_is_told():
    for scheme in SCHEMES:
        if scheme == "synthid":  # which hashes any id
            continue
        with pytest.raises(
            DataError, match=r"the key's vocabulary has 400 tokens. Use the tokeniser that the key"
        ):
            PooledTest(key_of(scheme)).add(tokens_of([[1, 2, 3, 4, 5, 6, 7, 400]]))


def test_plain_helpers_agree():
    assert plain(documents=2, length=3).ids.tolist() == [
        one for row in plain_rows(documents=2, length=3) for one in row
    ]
