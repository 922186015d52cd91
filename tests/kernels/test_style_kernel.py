"""The style tier's reading: one canonical text for all copies, and features and grams as their plain definition has them."""

import re

import naive_style
import numpy as np
import pytest
from hypothesis import assume, example, given, settings
from hypothesis import strategies as st

from wellkeeper.kernels import style
from wellkeeper.kernels.style import CHARS, FEATURES, ROOM

NAMES = style.load_names()
BITS = 18

LISTED = [*style.FUNCTION_WORDS, *style.MODEL_WORDS, *style.STARTS]
ENDED = [stem + suffix for stem in ("nat", "Wonder", "ex") for suffix in style.SUFFIXES]
PLAIN = [
    "x",
    "Tree",
    "TREE",
    "river",
    "B2",
    "42",
    "7",
    "naïve",
    "日本",
    "Übung",
    "snake_case",
    "photographically",
]
MARKS = [
    *", . ; : ! ? % ( ) [ ] - / = # * > _ ** __ '' ' \" \u201c \u201d \u2018 \u2019 ` \u00b4".split(),
    *"— – ‐ ― … • 's 't 're n't N'T 'LL 'd".split(),
]
SPACES = [
    " ",
    "  ",
    "\n",
    "\n\n",
    "\t",
    "\r\n",
    "\u00a0",
    "\u2009",
    "\u3000",
    "\u2028",
    "\u200b",
    "\ufeff",
    "\u00ad",
    "",
]

pieces = st.sampled_from(LISTED) | st.sampled_from(ENDED + PLAIN) | st.sampled_from(MARKS)
composed = st.lists(st.tuples(pieces, st.sampled_from(SPACES)), max_size=60).map(
    lambda parts: "".join(piece + space for piece, space in parts)
)
any_text = st.text(st.characters(exclude_categories=["Cs"]), max_size=120)
texts = composed | any_text
sentences = st.lists(st.sampled_from(LISTED + ENDED + PLAIN), min_size=1, max_size=30).map(" ".join)
prose = st.lists(
    st.tuples(sentences, st.sampled_from([". ", ", ", "? ", '!" "', ".\n", "; "])), max_size=12
).map(lambda parts: "".join(sentence + mark for sentence, mark in parts))


def buffers(documents):
    encoded = [text if isinstance(text, bytes) else text.encode() for text in documents]
    offsets = np.cumsum([0, *map(len, encoded)]).astype(np.int64)
    return np.frombuffer(b"".join(encoded), np.uint8), offsets


def canonical(text):
    return style.canonical_texts(*buffers([text]))[0]


def features(*documents):
    return style.style_features(*buffers(documents), NAMES)


def grams(text, bits=BITS, of="words"):
    _, buckets, counts = style.style_grams(*buffers([text]), of=of, bits=bits)
    return sorted(zip(buckets.tolist(), counts.tolist(), strict=True))


# --- canonical text ------------------------------------------------------------------------------


@given(texts)
@settings(max_examples=300)
@example("a '**s b and 'S** 'd''t n''t n't")
@example("__ # a\n> - * b **\n\n__c__ ( d ) [ e ] ''s ''")
@example("\u2014 a\u2014\n\u2014b\u2026 \u2022 c\u2022d\u00a0\u00ad!")
@example("\x85a\x85 ſ 'ſ 's\u0101 \u205f")
def test_canonical_text_is_that_of_the_plain_definition(text):
    assert canonical(text) == naive_style.canonical(text)


@pytest.mark.parametrize(
    ("text", "becomes"),
    [
        ("\u201cIt\u2019s late,\u201d she said.", '"It\'s late," she said.'),
        ("``Quoted'' as TeX has it", '"Quoted" as TeX has it'),
        ("one\u2014two \u2014 three\u2013four", "one - two - three-four"),
        ("# Title\n\n* **bold** and __more__\n> quoted\n- item", "Title bold and more quoted item"),
        ("spaces , before ; marks ! and ( inside ) brackets", "spaces, before; marks! and (inside) brackets"),
        ("do n't we 're I 'll he 'd it 's", "don't we're I'll he'd it's"),
        ("a hard\nwrapped\r\n  line", "a hard wrapped line"),
        ("wait\u2026 what\u200b\ufeff?", "wait... what?"),
        ("  ", ""),
        ("", ""),
    ],
)
def test_traces_of_where_a_text_was_copied_from_are_gone(text, becomes):
    assert canonical(text) == becomes


@given(texts)
def test_canonical_text_is_its_own_canonical_text(text):
    """Less bold marks and quotes that come together: they may be a mark once what kept them apart is gone."""
    once = canonical(re.sub(r"[*_]", "", text))
    assume("''" not in once)
    assert canonical(once) == once


@given(texts)
def test_going_on_only_takes_away(text):
    once = canonical(text)
    assert len(canonical(once)) <= len(once)


GAPS = [" ", "  ", "\n", "\n\n", "\t", "\u00a0", "\n- ", "\n* ", "\n> ", "\n## ", " \u200b", " ** "]
GLUED = {
    "'": ["'", "\u2019", "\u2018", "`", "\u00b4", "\u2032"],
    '"': ['"', "\u201c", "\u201d", "\u201e", "''"],
    "-": ["-", "\u2013", "\u2010", "\u2011"],
    " - ": [" - ", "\u2014", " \u2014 ", "\u2014\u00a0", " \u2015 ", "  -  "],
    "(": ["(", "( "],
}
SPACED = {
    "": [""],
    ",": [",", " ,", "\n,", "\u00a0,"],
    ".": [".", " .", "\u00ad."],
    "...": ["...", "\u2026"],
    "n't": ["n't", " n't", " n\u2019t"],
    "'s": ["'s", " 's", "\u2019s"],
    ")": [")", " )", "\n)"],
}
parts = st.lists(
    st.tuples(st.sampled_from(["ab", "Tree", "é"]), st.sampled_from([*GLUED, *SPACED])), max_size=12
)


@given(parts, st.data())
@settings(max_examples=200)
def test_copies_have_one_canonical_text_and_one_row(parts, data):
    """One text in two renderings: as different tools, tokenisers and pages give it."""

    def rendering():
        for word, mark in [*parts, ("end", "")]:
            yield data.draw(st.sampled_from([word, f"**{word}**", f"__{word}__", f"\ufeff{word}"]))
            yield data.draw(st.sampled_from(GLUED[mark] if mark in GLUED else SPACED[mark]))
            yield data.draw(st.sampled_from(GAPS)) if mark in SPACED else ""

    first, second = "".join(rendering()), "".join(rendering())
    assert canonical(first) == canonical(second)
    assert np.array_equal(*features(first, second)[0])


@given(st.binary(max_size=200), st.binary(max_size=8), st.binary(max_size=8))
@example(b"a\xe2\x80", b"", b"\x9dx")
@example(b"\xe2", b"\x80", b"\x80\x94")
@example(b"word n", b"", b"'t")
def test_any_bytes_are_read_and_never_those_beside_them(document, before, after):
    alone, words = features(document)
    beside, _ = features(before, document, after)
    assert np.isfinite(alone).all()
    assert np.array_equal(alone[0], beside[1])
    assert 0 <= words[0] <= len(document)
    if before + after:
        assert grams(document) == _grams_of_second(before, document, after)


def _grams_of_second(*documents):
    bounds, buckets, counts = style.style_grams(*buffers(documents), of="words", bits=BITS)
    own = slice(bounds[1], bounds[2])
    return sorted(zip(buckets[own].tolist(), counts[own].tolist(), strict=True))


FILLERS = [
    b"x",
    b".",
    b"x.",
    b" ",
    b"\x80",
    b"\x80,",
    b"\xe2\x80\x94",
    b"\xe2\x80\xa6",
    b"\xe2\x80\xa2",
    "日".encode(),
    b"\xff",
    b"''",
    b"a ",
]


@pytest.mark.parametrize("filler", FILLERS)
def test_nothing_is_written_beside_the_scratch_however_long_and_odd_a_text(filler):
    document = (filler * 30_000)[:30_000]
    rooms = {
        name: np.full(array.size + 128, 7, array.dtype) for name, array in style.scratch()._asdict().items()
    }
    inner = {name: array[64:-64] for name, array in rooms.items()}
    for name in ("table", "counts", "seen", "figures"):
        inner[name][:] = 0
    rows, words = np.zeros((1, len(FEATURES)), np.float32), np.zeros(1, np.int64)
    style._rows_of(*buffers([document]), np.zeros(1, np.int64), style.Scratch(**inner), NAMES, rows, words)
    assert np.isfinite(rows).all()
    for name, array in rooms.items():
        assert (array[[*range(64), *range(-64, 0)]] == 7).all(), name


@given(st.integers(0, 40), st.text(st.sampled_from("ab \n,é日"), max_size=30))
def test_only_the_first_characters_are_read(short_of, tail):
    head = ("word " * CHARS)[: CHARS - short_of].strip()
    text = head + "y" * (CHARS - len(head)) + "z" * 20
    assert canonical(text) == text[:CHARS]
    assert features(text)[0].tolist() == features(text + tail * 1000)[0].tolist()


@pytest.mark.parametrize("letter", ["x", "é", "日", "\U0001f600"])
def test_characters_and_not_bytes_are_counted(letter):
    assert canonical(letter * 5000) == letter * (CHARS if len(letter.encode()) == 1 else CHARS - 1)


def test_room_holds_the_longest_canonical_text():
    assert len(canonical("\U0001f600" * 5000).encode()) <= ROOM


# --- features and grams --------------------------------------------------------------------------


@given(prose | texts)
@settings(max_examples=250)
@example('Hello there. "What?!" he asked... No 42 ways, 7, or so. THE END')
@example("a, b. , c, d! , e")
@example("one two three " * 100)
@example("Don't. Isn't it? I'm; he's \"so\" (very) [big]. 'Tis - 5% = $3 & #1 + *2/3: done")
def test_features_are_those_of_the_plain_definition(text):
    plain = canonical(text)
    row, words = features(text)
    found = [
        token
        for token in naive_style.tokens(plain.encode().decode("latin-1"))
        if not naive_style.is_sign(token)
    ]
    assert words[0] == len(found)
    assume(found)
    expected = naive_style.features(plain)
    assert sorted(expected) == sorted(FEATURES)
    for name, value in zip(FEATURES, row[0].tolist(), strict=True):
        assert value == pytest.approx(expected[name], rel=2e-6, abs=1e-6), name


@pytest.mark.parametrize(
    ("text", "name", "value"),
    [
        ("One two three. Four five? Six!", "sentence_mean", 2),
        ("One two three. Four five? Six!", "question_sentences", 1 / 3),
        ("One two three. Four five? Six!", "sentence_step", 1 / 2),
        ("The cat, the dog and the bird saw it.", "word the", 100 * 3 / 9),
        ("It is vital to delve into it", "model word delve", 100 / 7),
        ("slowly and nicely", "ends in ly", 100 * 2 / 3),
        ("a one of the best", "phrase one of the", 20),
        ("He ran. He fell. She rose.", "starts he", 2 / 3),
        ("to be or not to be to be", "repetition_rate", (3 * 2 + 3 * 2) / 64),
        ("NATO met on 4 May", "all_capital_words", 1 / 5),
        ("NATO met on 4 May", "numbers", 1 / 5),
        ("aé", "not_ascii", 2 / 3),
        ("so (we) said", "sign (", 100 / 3),
        ("abcabcabc", "distinct_4_bytes", 3 / 6),
    ],
)
def test_a_feature_is_what_its_name_says(text, name, value):
    assert features(text)[0][0, FEATURES.index(name)] == pytest.approx(value, rel=1e-6)


@given(st.integers(1, 30).map(lambda n: [f"w{k}" for k in range(n * 20)]))
def test_a_text_of_new_words_only_has_a_full_vocabulary_at_any_length(words):
    """A hundred words of it are a hundred types; what is shorter is scaled by Heaps' law, so below it grows."""
    row = features(" ".join(words))[0][0]
    types, hapaxes = row[FEATURES.index("types_in_100")], row[FEATURES.index("hapaxes_in_100")]
    assert types == hapaxes
    assert types == pytest.approx(100 if len(words) >= 100 else 100 * (len(words) / 100) ** 0.25, rel=1e-6)


def test_every_name_is_one_feature_and_no_two_share_a_hash():
    assert len(set(FEATURES)) == len(FEATURES)
    listed = len(style.FUNCTION_WORDS) + len(style.MODEL_WORDS) + len(style.PHRASES) + len(style.STARTS)
    assert len(style._named()) == listed
    assert not set(style.FUNCTION_WORDS) & set(style.MODEL_WORDS)


@pytest.mark.parametrize("of", ["words", "bytes"])
@given(texts, st.sampled_from([4, 10, 18, 24]))
@settings(max_examples=150)
def test_grams_are_those_of_a_plain_counter(of, text, bits):
    assert grams(text, bits, of) == naive_style.grams(canonical(text), bits, of)


def test_grams_of_case_and_quotes_are_the_same():
    assert grams("The \u201cWell\u201d is Deep") == grams('the "well" is deep')


@pytest.mark.parametrize("bits", [0, 25])
def test_more_buckets_than_a_word_can_name_are_refused(bits):
    with pytest.raises(ValueError, match=f"bits is {bits}: hash to 2 \\*\\* 1 up to"):
        style.style_grams(*buffers(["x"]), of="words", bits=bits)


@given(st.lists(prose | texts, min_size=1, max_size=6), st.data())
def test_chosen_documents_have_the_rows_and_grams_they_have_among_all(documents, data):
    chosen = np.array(data.draw(st.lists(st.integers(0, len(documents) - 1), max_size=8)), np.int64)
    rows, words = features(*documents)
    some, some_words = style.style_features(*buffers(documents), NAMES, chosen)
    assert np.array_equal(some, rows[chosen])
    assert np.array_equal(some_words, words[chosen])
    bounds, buckets, counts = style.style_grams(*buffers(documents), chosen, of="words", bits=BITS)
    assert len(bounds) == len(chosen) + 1
    for k, document in enumerate(chosen.tolist()):
        own = slice(bounds[k], bounds[k + 1])
        assert sorted(zip(buckets[own].tolist(), counts[own].tolist(), strict=True)) == grams(
            documents[document]
        )
    assert style.canonical_texts(*buffers(documents), chosen) == [
        canonical(documents[d]) for d in chosen.tolist()
    ]


def test_no_document_and_empty_documents_are_fine():
    rows, words = features()
    assert rows.shape == (0, len(FEATURES))
    assert words.shape == (0,)
    rows, words = features("", " \n ", "\u200b")
    assert not rows.any()
    assert words.tolist() == [0, 0, 0]
    assert grams("") == []
