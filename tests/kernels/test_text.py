"""The text pass against its plain twin, and the sketch against exact similarity."""

import naive
import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from wellkeeper.kernels import text

TABLES = text.load_tables()

alphabet = st.sampled_from(
    list("aAbBcz019_ .,!?#{}\"'-*\n\n")
    + list("äÖßñéΩжЖŐ")
    + list("日本語のกขค")
    + list("\u200b\u200d\u00ad\ufeff\u00a0…•”’。")
)
texts = st.text(alphabet, max_size=120)
wordy = st.lists(st.sampled_from("the of and cat dog ran to be with that have".split()), max_size=80).map(
    " ".join
)
anything = st.text(st.characters(exclude_categories=["Cs"]), max_size=60)


def run(documents, bands=21, rows=6):
    encoded = [document.encode() for document in documents]
    offsets = np.cumsum([0, *map(len, encoded)]).astype(np.int64)
    data = np.frombuffer(b"".join(encoded), np.uint8)
    return text.text_pass(data, offsets, TABLES, bands=bands, rows=rows), data, offsets


def columns(document):
    out, _, _ = run([document])
    return {
        **{name: int(out.integers[k, 0]) for k, name in enumerate(text.INTEGERS)},
        **{name: float(out.shares[k, 0]) for k, name in enumerate(text.SHARES)},
    }


def word_hashes(document):
    _, data, offsets = run([document])
    return text.word_hashes(data, offsets, TABLES, np.zeros(1, np.int64))[1].tolist()


@given(st.lists(texts | wordy, max_size=5), st.booleans())
def test_a_second_banding_makes_the_keys_that_it_makes_alone(documents, statistics):
    _, data, offsets = run(documents)
    both = text.text_pass(data, offsets, TABLES, bands=21, rows=6, second=(42, 3), statistics=statistics)
    assert np.array_equal(both.bands[:21], run(documents)[0].bands)
    assert np.array_equal(both.bands[21:], run(documents, 42, 3)[0].bands)


@pytest.mark.parametrize(("bands", "second"), [(0, (0, 0)), (129, (0, 0)), (21, (129, 1))])
def test_bandings_that_no_sketch_has_are_refused(bands, second):
    with pytest.raises(ValueError, match="slots of 128"):
        text.text_pass(
            np.zeros(0, np.uint8), np.zeros(1, np.int64), TABLES, bands=bands, rows=1, second=second
        )


@given(texts | wordy | anything)
@example("İstanbul ǅ ﬁ")
@example("a\u200bb \ufeffc d\u00ade 日本 x日y")
@example("e\u0301clair")
def test_words_are_those_of_the_plain_definition(document):
    assert word_hashes(document) == [text.hash_word(word) for word in naive.words_of(document)]


@given(texts | wordy | anything)
def test_counts_are_those_of_the_plain_definition(document):
    found = columns(document)
    words = naive.words_of(document)
    assert found["chars"] == len(document)
    assert found["words"] == len(words)
    assert found["invisible"] == len(naive.INVISIBLE.findall(document))
    assert found["curly_brackets"] == document.count("{")
    assert found["stop_words"] == sum(word in text.words.STOP_WORDS for word in words)
    assert found["stop_words_distinct"] == len(set(words) & set(text.words.STOP_WORDS))
    assert found["hash_ratio"] == pytest.approx(document.count("#") / max(1, len(words)))
    assert found["newline_ratio"] == pytest.approx(document.count("\n") / max(1, len(words)))
    lengths = [len(places) for _, places in naive.found_in(document)]
    assert found["mean_word_length"] == pytest.approx(sum(lengths) / max(1, len(words)), rel=1e-5)
    assert found["alpha_word_share"] == pytest.approx(
        sum(any(letter.isalpha() or naive.UNSPACED.match(letter) for letter in word) for word in words)
        / max(1, len(words)),
        rel=1e-5,
    )


@given(st.lists(wordy, max_size=6).map("\n".join))
def test_repetition_is_that_of_the_plain_definition(document):
    found = columns(document)
    for n in (2, 3, 4):
        assert any(
            found[f"top_{n}gram_char_share"] == pytest.approx(s, rel=1e-5)
            for s in naive.top_gram_share(document, n)
        )
    for n in range(5, 11):
        assert found[f"duplicate_{n}gram_char_share"] == pytest.approx(
            naive.duplicate_gram_share(document, n), rel=1e-5
        )


@given(
    st.lists(
        st.sampled_from(
            [
                "one",
                "two words",
                "",
                "  two words ",
                "• item",
                "- item",
                "end...",
                "end…",
                "Full stop.",
                "x" * 31,
            ]
        ),
        max_size=12,
    )
)
def test_line_figures_are_those_of_the_plain_definition(lines):
    document = "\n".join(lines)
    found = columns(document)
    visible = [line.strip() for line in lines if line.strip()]
    many = max(1, len(visible))
    assert found["lines"] == len(visible)
    repeats = [line for k, line in enumerate(visible) if line in visible[:k]]
    assert found["duplicate_line_share"] == pytest.approx(len(repeats) / many)
    assert found["duplicate_line_char_share"] == pytest.approx(
        sum(map(len, repeats)) / max(1, len(document)), rel=1e-5
    )
    assert found["bullet_line_share"] == pytest.approx(
        sum(line.startswith(("•", "- ")) for line in visible) / many
    )
    assert found["ellipsis_line_share"] == pytest.approx(
        sum(line.endswith(("...", "…")) for line in visible) / many
    )
    assert found["terminal_line_share"] == pytest.approx(sum(line.endswith(".") for line in visible) / many)
    assert found["short_line_share"] == pytest.approx(sum(len(line) <= 30 for line in visible) / many)


def test_paragraphs_are_separated_by_empty_lines():
    found = columns("a b\nc\n\na b\nc\n \n\nother\n")
    assert (found["paragraphs"], found["lines"]) == (3, 5)
    assert found["duplicate_paragraph_share"] == pytest.approx(1 / 3)
    assert found["duplicate_paragraph_char_share"] == pytest.approx(5 / 22)


@pytest.mark.parametrize(
    ("document", "sentences"),
    [
        ("One two three. Four five six!\n", 2),
        ("Only four words here.\n", 0),
        ("Five words are here now.\n", 1),
        ("No end mark here\n", 0),
        ("Trailing off here...\n", 0),
        ("Too short.\n", 0),
        ("Please enable JavaScript to go on. Thanks a lot.\n", 0),
        ("Read our privacy policy for more about this.\n", 0),
        ("By the terms of use you agree to it.\n", 0),
        ("This site uses cookies to work well.\n", 0),
        ('He said "stop." And they did "stop."\n', 2),
        ("Is it so? Yes it is (really). Then we go.", 3),
    ],
)
def test_c4_counts_the_sentences_of_the_lines_it_keeps(document, sentences):
    assert columns(document)["c4_sentences"] == sentences


def test_lorem_ipsum_is_found_in_any_case_and_only_as_a_phrase():
    assert columns("so LOREM  Ipsum dolor")["lorem_ipsum"] == 1
    assert columns("ipsum lorem, then ipsum")["lorem_ipsum"] == 0


def test_hidden_characters_do_not_split_words_and_their_runs_are_measured():
    found = columns("wa\u200b\u200b\u200bter and \ufeff\ufeffwine")
    assert (found["words"], found["invisible"], found["invisible_run"]) == (3, 5, 3)
    assert word_hashes("wa\u200bter") == word_hashes("water")


@given(texts | wordy)
def test_shingle_sets_are_those_of_the_plain_definition(document):
    _, data, offsets = run([document])
    _, hashes = text.shingle_sets(data, offsets, TABLES, np.zeros(1, np.int64))
    assert len(hashes) == len(naive.shingles_of(document))
    assert np.all(hashes[1:] > hashes[:-1])


@given(st.lists(texts | wordy, min_size=1, max_size=5))
def test_a_document_has_the_same_columns_whatever_stands_beside_it(documents):
    together, _, _ = run(documents)
    for k, document in enumerate(documents):
        alone, _, _ = run([document])
        assert np.array_equal(together.bands[:, k], alone.bands[:, 0])
        assert np.array_equal(together.integers[:, k], alone.integers[:, 0])
        assert np.array_equal(together.shares[:, k], alone.shares[:, 0])


def test_the_sketch_estimates_jaccard_similarity_without_bias():
    """Share of equal slots against exact similarity; 128 slots allow a standard error of sqrt(J (1 - J) / 128)."""
    rng = np.random.default_rng(11)
    for words in (30, 60, 300):
        errors = []
        for _ in range(300):
            shared, own = rng.integers(0, 10**6, words), rng.integers(0, 10**6, (2, words // 4))
            pair = [" ".join(f"w{w}" for w in np.concatenate([shared, own[k]])) for k in (0, 1)]
            out, _, _ = run(pair, bands=128, rows=1)
            a, b = map(naive.shingles_of, pair)
            errors.append(np.mean(out.bands[:, 0] == out.bands[:, 1]) - len(a & b) / len(a | b))
        assert (
            abs(np.mean(errors)) < 0.012
        )  # three standard errors of the mean, 0.035 / sqrt(300) each, and a little
        assert np.sqrt(np.mean(np.square(errors))) < 0.055


def test_short_documents_fill_every_slot():
    out, _, _ = run(["one two", "one two", "two one"], bands=128, rows=1)
    assert np.array_equal(out.bands[:, 0], out.bands[:, 1])
    assert not np.any(out.bands[:, 0] == out.bands[:, 2])
