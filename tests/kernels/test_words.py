"""Words: found, placed and hashed as their plain definition has it, in texts long enough for every step of the search."""

import unicodedata

import naive
import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from wellkeeper.kernels import text

TABLES = text.load_tables()
STEP = 64  # bytes that the search looks at together

ACCENTS = "\u0301\u0302\u0308\u0323\u0327\u0345\u05b0\u05bc\u064b\u0651\u093c\u0e38\u0e48\u3099"
HIDDEN = "\u200b\u200c\u200d\u00ad\ufeff\u061c\u034f\ufe0f\u0640"
FOLDED = "ßẞſﬁﬀǅİıΣςΩÅŉé\u1ec7йўが가각ﾊﾞＷ１＿ⅷ㎏№½⑴ﷺ㍿™´¨≯ำຳ"
LETTERS = "aZ_9éÄßжЩωקשعपखไขคမယខ日本語のカナ한국"
SEPARATORS = " \n.,!?'\u2019\u201c\u201d\u2014\u2026\u00a0\u3000。、#"

letters = st.sampled_from(list(LETTERS + FOLDED + ACCENTS))
words = st.one_of(
    st.text(st.sampled_from(list("abcXYZ019_")), min_size=1, max_size=12),
    st.text(st.sampled_from(list("abcXYZ019_")), min_size=60, max_size=200),
    st.text(letters, min_size=1, max_size=12),
    st.text(st.sampled_from(list("ab" + HIDDEN + ACCENTS)), min_size=1, max_size=12),
)
separators = st.text(st.sampled_from(list(SEPARATORS + HIDDEN)), min_size=1, max_size=3)
long_texts = st.lists(st.tuples(words, separators), max_size=30).map(lambda parts: "".join(sum(parts, ())))
texts = long_texts | st.text(st.characters(exclude_categories=["Cs"]), max_size=80)


def buffers(documents):
    encoded = [document.encode() for document in documents]
    offsets = np.cumsum([0, *map(len, encoded)]).astype(np.int64)
    return np.frombuffer(b"".join(encoded), np.uint8), offsets


def hashes(document):
    return text.word_hashes(*buffers([document]), TABLES, np.zeros(1, np.int64))[1].tolist()


def same(*documents):
    return all(hashes(document) == hashes(documents[0]) != [] for document in documents)


@given(texts)
@settings(max_examples=300)
@example("x" * 63 + "é" + "x" * 63 + "\u0301" + "x" * 130)
@example("a\u0301\u0323 b\u0301\u200d\u0323\u0345\u0327c")
@example("\u0301alone \u0323\u0301and \u3099か\u3099")
@example("가각\u0301\u0323 é\u0301\u0323 ㎏\u0301\u0323 ﬁ\u0301\u0323 日\u0301\u0323")
def test_words_are_those_of_the_plain_definition(document):
    assert hashes(document) == [text.hash_word(word) for word in naive.words_of(document)]


@given(texts)
@settings(max_examples=200)
def test_words_stand_where_the_plain_definition_has_them(document):
    before = np.cumsum([0, *(len(letter.encode()) for letter in document)])
    _, found, firsts, lasts = text.word_places(*buffers([document]), TABLES, np.zeros(1, np.int64))
    plain = naive.found_in(document)
    assert found.tolist() == [text.hash_word(word) for word, _ in plain]
    assert firsts.tolist() == [before[places[0]] for _, places in plain]
    assert lasts.tolist() == [before[places[-1] + 1] for _, places in plain]


@given(long_texts)
def test_the_text_at_a_words_place_is_that_word(document):
    data = document.encode()
    _, found, firsts, lasts = text.word_places(*buffers([document]), TABLES, np.zeros(1, np.int64))
    for h, first, last in zip(found.tolist(), firsts.tolist(), lasts.tolist(), strict=True):
        assert h in hashes(data[first:last].decode())


@given(st.lists(texts, min_size=1, max_size=4))
def test_the_pass_finds_the_same_words_with_and_without_statistics(documents):
    data, offsets = buffers(documents)
    lean = text.text_pass(data, offsets, TABLES, bands=128, rows=1, statistics=False)
    full = text.text_pass(data, offsets, TABLES, bands=128, rows=1)
    assert np.array_equal(lean.bands, full.bands)
    for name in text.ALWAYS:
        row = text.INTEGERS.index(name)
        assert np.array_equal(lean.integers[row], full.integers[row]), name
    assert lean.integers[text.INTEGERS.index("words")].tolist() == [
        len(naive.words_of(document)) for document in documents
    ]


@given(words)
def test_the_hash_of_a_word_is_that_of_a_document_of_it_alone(word):
    plain = naive.words_of(word)
    if len(plain) != 1:
        return
    assert hashes(word) == [text.hash_word(plain[0])]
    assert same(word, plain[0])


@pytest.mark.parametrize("letter", ["é", "\u2019", "日", "e\u0301", "\u200b", "\U0001f600", "가", "ẞ", "ไ"])
def test_no_step_of_the_search_tears_or_joins_words(letter):
    for at in range(STEP + 8):
        for document in (
            "a" * at + letter + "b" * 70,
            "a " * (at // 2) + letter + " tail" * 20,
            ("a" * at + " " + letter + " ") * 3,
        ):
            assert hashes(document) == [text.hash_word(word) for word in naive.words_of(document)]


@given(texts)
@settings(max_examples=300)
def test_canonically_equivalent_texts_have_the_same_words(document):
    """Unicode Standard Annex 15: NFC and NFD differ in spelling and in nothing else."""
    expected = hashes(document)
    assert hashes(unicodedata.normalize("NFC", document)) == expected
    assert hashes(unicodedata.normalize("NFD", document)) == expected


@given(texts)
@settings(max_examples=200)
def test_case_and_compatible_forms_have_the_same_words(document):
    kept = "".join(
        letter
        for letter in document
        if letter not in naive.SIGNS + "\u0345" and naive.folded(letter) != letter
    )
    for form in (kept.casefold(), unicodedata.normalize("NFKC", kept)):
        assert hashes(form) == hashes(kept)


@pytest.mark.parametrize(
    "spellings",
    [
        ("Straße", "STRASSE", "straſſe"),
        ("ΟΔΟΣ", "οδος", "οδοσ"),
        ("café", "cafe\u0301", "CAFÉ"),
        ("office", "oﬃce", "ｏｆｆｉｃｅ"),
        ("ガス", "カ\u3099ス", "ｶﾞｽ"),
        ("한국", unicodedata.normalize("NFD", "한국")),
        ("của", unicodedata.normalize("NFD", "CỦA")),
        ("5kg", "５㎏"),
        ("كتاب", "كـــتاب", "ﻛﺘﺎﺏ"),
        ("می‌خواهم", "میخواهم"),
        ("नहीं", "नहीं\u200d"),
        ("น้ำ", "น\u0e49\u0e4d\u0e32"),
        ("brand", "Brand™"),
        ("a\u0323\u0301", "a\u0301\u0323", "ạ\u0301", "á\u0323"),
    ],
)
def test_spellings_of_one_word_are_one_word(spellings):
    assert same(*spellings)


@pytest.mark.parametrize(
    ("one", "other"),
    [("résumé", "resume"), ("كَتَبَ", "كتب"), ("שָׁלוֹם", "שלום"), ("i", "ı"), ("が", "か"), ("ae", "æ")],
)
def test_letters_that_differ_in_more_than_spelling_are_different_words(one, other):
    assert hashes(one) != hashes(other)


@pytest.mark.parametrize(
    ("sentence", "expected"),
    [
        ("今天天气很好，去公园。", "今 天 天 气 很 好 去 公 园"),
        ("東京タワーへ行く。ガラス", "東 京 タ ワ ー へ 行 く ガ ラ ス"),
        ("ฉันดื่มน้ำทุกวัน", "ฉั น ดื่ ม น้\u0e4d า ทุ ก วั น"),  # Thai SARA AM is a mark and a letter
        ("ຂ້ອຍກິນເຂົ້າ", "ຂ້ ອ ຍ ກິ ນ ເ ຂົ້ າ"),  # Lao
        ("ភាសាខ្មែរ", "ភា សា ខ្ មែ រ"),  # Khmer
        ("ထမင်းစားတယ်", "ထ မ င်း စား တ ယ်"),  # Burmese
        ("나는 오늘 학교에 갔습니다.", "나는 오늘 학교에 갔습니다"),
        ("Hôm nay trời đẹp quá, ta đi chơi.", "hôm nay trời đẹp quá ta đi chơi"),
        ("ذهبتُ إلى الســوق، ثم عدتُ.", "ذهبتُ إلى السوق ثم عدتُ"),
        ("میں نے کہا، ’’ٹھیک ہے۔‘‘", "میں نے کہا ٹھیک ہے"),
        ("הלכתי לשוק, וחזרתי הביתה.", "הלכתי לשוק וחזרתי הביתה"),
        ("मैं आज स्कूल जा रहा हूँ।", "मैं आज स्कूल जा रहा हूँ"),
        ("நான் பள்ளிக்குச் செல்கிறேன்.", "நான் பள்ளிக்குச் செல்கிறேன்"),
        ("ዛሬ ወደ ትምህርት፡ቤት ሄድኩ።", "ዛሬ ወደ ትምህርት ቤት ሄድኩ"),
        ("Ο άνθρωπος πήγε στην ΑΓΟΡΑ.", "ο άνθρωπος πήγε στην αγορα"),
    ],
)
def test_languages_are_cut_into_words_or_into_letters_with_their_marks(sentence, expected):
    assert hashes(sentence) == [hashes(word)[0] for word in expected.split(" ")]
    assert hashes(sentence) == [text.hash_word(word) for word in naive.words_of(sentence)]


def test_marks_without_end_take_time_in_proportion():
    document = "a" + "\u0301\u0323" * 200_000
    assert hashes(document) == [text.hash_word("a" + "\u0323" * 200_000 + "\u0301" * 200_000)]
