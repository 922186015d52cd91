"""How a text is written: canonical text, 500 features of style and hashed grams of words and bytes, in one pass.

Only the first `CHARS` characters are read. They are first brought to one canonical form, in which copies of a text
that differ by where they were copied from (curly quotes, line breaks, Markdown, spaces before commas) are the same: a
detector that sees such traces learns the route of its training sets and not who wrote them. What is not ASCII keeps its
bytes, except for quotes, dashes, spaces and marks that NFKC or typography would change in English text.

Words are runs of letters, digits, '_' and bytes that are no ASCII, with A to Z in lower case; every other sign is a
token of its own.
"""

from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import Any, Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

from wellkeeper.kernels.sketch import mix
from wellkeeper.native import loop, part, structure

VERSION = "style.2"
"""Changes whenever any feature of any text can change: weights belong to one version."""

CHARS = 2_500
"""Characters of the canonical text that are read: about 400 words of English. More added little in our measurements."""

BYTES = 5
"""Bytes of a gram of bytes: stems, endings and what stands between words, with their capitals."""

ROOM = 4 * CHARS + 64  # bytes of the canonical text at most
_READ = 4 * CHARS  # bytes of the document that are looked at

_U = np.uint64
_K = _U(0x9E3779B97F4A7C15)
_FNV = _U(0x100000001B3)  # Fowler, Noll and Vo, FNV-1a, 64 bits
_SEED = _U(0xCBF29CE484222325)

# kinds of tokens
_WORD, _NUMBER, _SIGN = 1, 2, 3

# --- what is counted ---------------------------------------------------------------------------------------------

FUNCTION_WORDS = tuple(
    """a about above after again against all almost along already also although always am among an and another any
    anyone anything are around as at away back be because been before behind being below between both but by can could
    did do does doing done down during each either else enough even ever every few first for from get give go had has
    have having he her here hers him himself his how i if in into is it its itself just last least less like made make
    many may me might more most much must my myself neither never no nor not now of off often on once one only onto or
    other our out over own perhaps quite rather really same second seem shall she should since so some something still
    such than that the their them then there these they thing this those though through thus to too toward two under
    until up upon us use very was way we well were what when where whether which while who whom whose why will with
    within without would yet you your""".split()
)
"""English words whose rates tell authors apart (Mosteller and Wallace 1964; Burrows 2002), one feature each."""

MODEL_WORDS = tuple(
    """delve delves intricate intricacies underscore underscores underscoring pivotal showcase showcases showcasing
    realm tapestry testament vibrant crucial comprehensive notably additionally moreover furthermore overall
    consequently ultimately significant significantly enhance enhances enhancing essential ensure ensures ensuring
    valuable insights insight foster fosters fostering navigate navigating landscape leverage leveraging robust
    seamless seamlessly multifaceted nuanced meticulous meticulously commendable innovative invaluable noteworthy
    versatile potential potentially various numerous highlight highlights highlighting emphasize emphasizing
    emphasizes align aligns unique diverse profound captivating embark unwavering remarkable journey vital key
    effectively despite impact positive role offers provides contribute contributes contributing individuals
    approach aspects address challenges demonstrates demonstrate reflects indicate complex dynamic sense""".split()
)
"""Words that models to 2024 use more than people (Kobak et al., arXiv:2406.07016; Liang et al., arXiv:2403.07183, with
neighbours of theirs), one feature each."""

PHRASES = tuple(
    tuple(phrase.split())
    for phrase in (
        ", and|, but|, which|, who|, while|, with|, including|, making|, leading|, such as|, as well|, however ,|"
        "not only|not just|but also|as well as|such as|due to|in order to|in addition|in conclusion|in this|it is|"
        "it ' s|there is|there are|one of the|a lot|kind of|sort of|of the|in the|to the|and the|can be|is a|"
        "this is|it was|i think|i ' m|don ' t|' s|' t|you can|we can|they are|has been|have been|would be|a sense|"
        "the same|the first|for example|for instance|on the other|at the same|as a result|by the|with the|that the|"
        "is not|was a|- based|the importance|important to|allows for|provide a|play a|plays a|serves as|aims to|"
        ', the|. the|. this|. it|. however|. additionally|. i|. he|. she|. they|. but|. and|. so|. in|) .|. "|" .'
    ).split("|")
)
"""Runs of two and three tokens, one feature each."""

STARTS = tuple(
    """the this these that it he she i we they you but and so however additionally moreover furthermore overall in
    while by as if when with for one there to at on after although despite since because our his her my its their
    what how why no not a an some many most all each""".split()
)
"""Words at the beginning of a sentence: the share of sentences that begin with each."""

SUFFIXES = ("ing", "ly", "ed", "tion", "sion", "ment", "ness", "ity", "ive", "ous", "able", "al", "er", "est", "ize",
            "ise", "ful", "less", "ence", "ance", "ist", "ism")  # fmt: skip
_SIGNS = ",.;:!?\"'()-/%&$[]*#+="

FIGURES = (
    "sentence_mean sentence_sd sentence_variation sentence_max sentence_min sentence_step word_mean word_sd "
    "word_over_6 word_under_4 word_over_9 types_in_100 hapaxes_in_100 types_in_200 repetition_rate repeated_bigrams "
    "repeated_trigrams distinct_4_bytes distinct_8_bytes commas_sd sentences_with_comma sentences_with_two_commas "
    "capitals capital_words all_capital_words numbers not_ascii distinct_starts short_sentences long_sentences "
    "question_sentences sign_runs quoted_sentences function_share model_share"
).split()

FEATURES: tuple[str, ...] = (
    *FIGURES,
    *(f"sign {sign}" for sign in _SIGNS),
    *(f"ends in {suffix}" for suffix in SUFFIXES),
    *(f"starts {word}" for word in STARTS),
    *(f"word {word}" for word in FUNCTION_WORDS),
    *(f"model word {word}" for word in MODEL_WORDS),
    *(f"phrase {' '.join(phrase)}" for phrase in PHRASES),
)
"""Names of the features, in the order of the columns."""

_FIRST_SIGN = len(FIGURES)
_FIRST_SUFFIX = _FIRST_SIGN + len(_SIGNS)
_FIRST_START = _FIRST_SUFFIX + len(SUFFIXES)
_FIRST_WORD = _FIRST_START + len(STARTS)
_FIRST_MODEL = _FIRST_WORD + len(FUNCTION_WORDS)
_FIRST_PHRASE = _FIRST_MODEL + len(MODEL_WORDS)


class Names(NamedTuple):
    """What tokens and runs of tokens count for, by their hash."""

    keys: NDArray[np.uint64]  # shape (8192,): hashes of words, phrases and starts, 0: free
    column: NDArray[np.int64]  # shape (8192,): the feature
    sign: NDArray[np.int64]  # shape (256,): the feature of a sign, -1: none
    suffix: NDArray[np.uint64]  # shape (suffixes,): the letters, the last in the lowest byte
    suffix_bits: NDArray[np.uint64]  # shape (suffixes,): mask of as many bytes


NAMES = structure(Names, "const u64[:], const i64[:], const i64[:], const u64[:], const u64[:]")

_START_SALT = 0x5157A87


def token_hash(token: str) -> int:
    """The hash of a token, as the loops make it."""
    value = int(_SEED)
    for byte in token.lower().encode():
        value = ((value ^ byte) * int(_FNV)) & 0xFFFFFFFFFFFFFFFF
    return value


def run_hash(hashes: Sequence[int]) -> int:
    """The hash of a run of two or three tokens, as the loops make it."""
    value = hashes[0]
    for following in hashes[1:]:
        value = (value * int(_K) + following) & 0xFFFFFFFFFFFFFFFF
    return value


def _named() -> Mapping[int, int]:
    words = {word: _FIRST_WORD + k for k, word in enumerate(FUNCTION_WORDS)}
    words |= {word: _FIRST_MODEL + k for k, word in enumerate(MODEL_WORDS)}
    named = {token_hash(word): column for word, column in words.items()}
    for k, phrase in enumerate(PHRASES):
        named[run_hash([token_hash(token) for token in phrase])] = _FIRST_PHRASE + k
    for k, word in enumerate(STARTS):
        named[token_hash(word) ^ _START_SALT] = _FIRST_START + k
    return named


_SLOTS = 1 << 13


def load_names() -> Names:
    """The tables of what is counted."""
    keys, columns = np.zeros(_SLOTS, np.uint64), np.full(_SLOTS, -1, np.int64)
    for key, column in _named().items():
        at = (key >> 20) % _SLOTS
        while keys[at]:
            at = (at + 1) % _SLOTS
        keys[at], columns[at] = key, column
    signs = np.full(256, -1, np.int64)
    for k, sign in enumerate(_SIGNS):
        signs[ord(sign)] = _FIRST_SIGN + k
    suffixes = [int.from_bytes(suffix.encode()[::-1], "little") for suffix in SUFFIXES]
    return Names(
        keys, columns, signs,
        np.array(suffixes, np.uint64),
        np.array([(1 << (8 * len(suffix))) - 1 for suffix in SUFFIXES], np.uint64),
    )  # fmt: skip


# --- canonical text ----------------------------------------------------------------------------------------------


@part
def _plain(data: Any, start: Any, end: Any, out: Any) -> Any:
    """Typographic signs in ASCII; every white space but the line feed a space; invisible marks left out."""
    n = 0
    i = start
    while i < end and n + 8 < out.size:
        b = np.int64(data[i])
        if b < 0x80:
            if b < 0x20 and b != 0x0A:
                b = 0x20
            elif b == 0x60:
                b = 0x27
            out[n] = b
            n += 1
            i += 1
            continue
        second = np.int64(data[i + 1]) if i + 1 < end else 0
        third = np.int64(data[i + 2]) if i + 2 < end else 0
        if b == 0xC2 and second == 0xA0:  # no-break space
            out[n] = 0x20
            n += 1
            i += 2
        elif b == 0xC2 and second == 0xAD:  # soft hyphen
            i += 2
        elif b == 0xC2 and second == 0xB4:  # acute accent alone
            out[n] = 0x27
            n += 1
            i += 2
        elif b == 0xE2 and second == 0x80:
            if third <= 0x8A or third == 0xAF:  # spaces
                out[n] = 0x20
                n += 1
            elif third <= 0x8F or 0xAA <= third <= 0xAE:  # zero width, marks of direction
                pass
            elif third == 0x93 or third == 0x90 or third == 0x91:
                out[n] = 0x2D
                n += 1
            elif third == 0x94 or third == 0x95:
                out[n] = 0x20
                out[n + 1] = 0x2D
                out[n + 2] = 0x20
                n += 3
            elif 0x98 <= third <= 0x9B or third == 0xB2:
                out[n] = 0x27
                n += 1
            elif 0x9C <= third <= 0x9F or third == 0xB3:
                out[n] = 0x22
                n += 1
            elif third == 0xA2:  # bullet
                out[n] = 0x2A
                n += 1
            elif third == 0xA6:
                out[n] = 0x2E
                out[n + 1] = 0x2E
                out[n + 2] = 0x2E
                n += 3
            elif third == 0xA8 or third == 0xA9:
                out[n] = 0x0A
                n += 1
            else:
                out[n] = b
                out[n + 1] = second
                out[n + 2] = third
                n += 3
            i += 3
        elif b == 0xEF and ((second == 0xBB and third == 0xBF) or (second == 0xB8 and third <= 0x8F)):
            i += 3  # byte order mark, variation selectors
        elif b == 0xE3 and second == 0x80 and third == 0x80:
            out[n] = 0x20
            n += 1
            i += 3
        else:
            out[n] = b
            n += 1
            i += 1
    return n


@part
def _letter(b: Any) -> Any:
    return (97 <= (b | 0x20) <= 122) or b >= 0x80


@part
def _clings(text: Any, i: Any, n: Any) -> Any:
    """Whether what stands at i is the second half of a contraction that a tokeniser has cut off: 's, 're, n't."""
    if i + 1 >= n:
        return False
    b, c = text[i] | 0x20, text[i + 1] | 0x20
    if text[i] == 0x27:
        after = text[i + 2] if i + 2 < n else 0x20
        if (c == 115 or c == 109 or c == 100 or c == 116) and not _letter(after):
            return True
        if i + 2 < n:
            d = text[i + 2] | 0x20
            last = text[i + 3] if i + 3 < n else 0x20
            pair = (c == 114 and d == 101) or (c == 118 and d == 101) or (c == 108 and d == 108)
            return pair and not _letter(last)
        return False
    if b == 110 and text[i + 1] == 0x27 and i + 2 < n and (text[i + 2] | 0x20) == 116:
        return i + 3 >= n or not _letter(text[i + 3])
    return False


@part
def _canonical(text: Any, size: Any, out: Any) -> Any:
    """The canonical form of plain text: one space between words, none before a comma, no Markdown."""
    n = 0
    chars = 0
    space = False
    opens = True  # at the start of a line
    i = 0
    while i < size and chars < CHARS:
        b = text[i]
        if b == 0x0A:
            space = True
            opens = True
            i += 1
            continue
        if b == 0x20:
            space = True
            i += 1
            continue
        if opens and (b == 0x23 or b == 0x2A or b == 0x3E or b == 0x2D):
            i += 1
            continue
        opens = False
        if (b == 0x2A or b == 0x5F) and i + 1 < size and text[i + 1] == b:  # ** and __
            i += 2
            continue
        if b == 0x27 and i + 1 < size and text[i + 1] == 0x27:
            b = np.uint8(0x22)
            i += 1
        if space and n > 0:
            closing = (
                b == 0x2C or b == 0x2E or b == 0x3B or b == 0x3A or b == 0x21 or b == 0x3F or b == 0x25
                or b == 0x29 or b == 0x5D
            )  # fmt: skip
            opening = out[n - 1] == 0x28 or out[n - 1] == 0x5B
            if not closing and not opening and not _clings(text, i, size):
                out[n] = 0x20
                n += 1
                chars += 1
        space = False
        out[n] = b
        n += 1
        chars += (b & 0xC0) != 0x80
        i += 1
    return n


# --- tokens ------------------------------------------------------------------------------------------------------


class Scratch(NamedTuple):
    """Room for one document."""

    plain: NDArray[np.uint8]  # shape (ROOM,)
    text: NDArray[np.uint8]  # shape (ROOM,): canonical
    hashes: NDArray[np.uint64]  # shape (ROOM,): of tokens
    first: NDArray[np.int64]  # shape (ROOM,): where they start in the canonical text
    last: NDArray[np.int64]  # shape (ROOM,): behind their end
    kind: NDArray[np.uint8]  # shape (ROOM,)
    table: NDArray[np.uint64]  # shape (2 ** 14,): a set of hashes
    counts: NDArray[np.int64]  # shape (2 ** 14,)
    seen: NDArray[np.int64]  # shape (2 ** 14,): which document a slot of the table is of
    used: NDArray[np.int64]  # shape (2 ** 14,): the slots of the grams, in the order of their first places
    figures: NDArray[
        np.int64
    ]  # shape (8,): the number of the set in use, and the logarithm to base 2 of its slots
    logarithms: NDArray[np.float64]  # shape (64,): of 1 + count


SCRATCH = structure(
    Scratch, "u8[:], u8[:], u64[:], i64[:], i64[:], u8[:], u64[:], i64[:], i64[:], i64[:], i64[:], f64[:]"
)
_TABLE = 1 << 14


def scratch() -> Scratch:
    """Room for one document at a time."""
    return Scratch(
        plain=np.empty(ROOM, np.uint8),
        text=np.empty(ROOM, np.uint8),
        hashes=np.empty(ROOM, np.uint64),
        first=np.empty(ROOM, np.int64),
        last=np.empty(ROOM, np.int64),
        kind=np.empty(ROOM, np.uint8),
        table=np.zeros(_TABLE, np.uint64),
        counts=np.zeros(_TABLE, np.int64),
        seen=np.zeros(_TABLE, np.int64),
        used=np.empty(_TABLE, np.int64),
        figures=np.zeros(8, np.int64),
        logarithms=np.log1p(np.arange(64.0)),
    )


@part
def _tokenise(text: Any, size: Any, room: Any) -> Any:
    count = 0
    i = 0
    while i < size:
        b = text[i]
        if b == 0x20:
            i += 1
            continue
        start = i
        if _letter(b) or 48 <= b <= 57 or b == 0x5F:
            h = _SEED
            digits = True
            while i < size:
                b = text[i]
                is_digit = 48 <= b <= 57
                if not (_letter(b) or is_digit or b == 0x5F):
                    break
                if 65 <= b <= 90:
                    b |= np.uint8(0x20)
                digits = digits and is_digit
                h = (h ^ _U(b)) * _FNV
                i += 1
            room.kind[count] = _NUMBER if digits else _WORD
        else:
            h = (_SEED ^ _U(b)) * _FNV
            i += 1
            room.kind[count] = _SIGN
        room.hashes[count] = h
        room.first[count] = start
        room.last[count] = i
        count += 1
    return count


@part
def _column_of(names: Any, key: Any) -> Any:
    at = (key >> _U(20)) & _U(_SLOTS - 1)
    while names.keys[at] != _U(0):
        if names.keys[at] == key:
            return names.column[at]
        at = (at + _U(1)) & _U(_SLOTS - 1)
    return np.int64(-1)


@part
def _fresh(room: Any, most: Any) -> Any:
    """Empty the set and give it slots for `most` keys: the fewer, the nearer they lie to each other in memory."""
    bits = 6
    while 1 << bits < 2 * most and bits < 14:
        bits += 1
    room.figures[0] += 1
    room.figures[1] = bits


@part
def _slot(room: Any, key: Any) -> Any:
    """The slot of a key in the set, taken if it is new: its count is then 0."""
    bits = _U(room.figures[1])
    at = mix(key) >> (_U(64) - bits)
    while room.seen[at] == room.figures[0]:
        if room.table[at] == key:
            return at
        at = (at + _U(1)) & ((_U(1) << bits) - _U(1))
    room.seen[at] = room.figures[0]
    room.table[at] = key
    room.counts[at] = 0
    return at


@part
def _read(data: Any, start: Any, end: Any, room: Any) -> Any:
    """Canonical text and tokens of one document; returns bytes and tokens packed into one number."""
    size = _plain(data, start, min(end, start + _READ), room.plain)
    size = _canonical(room.plain, size, room.text)
    return size * 65536 + _tokenise(room.text, size, room)


# --- features ----------------------------------------------------------------------------------------------------


@part
def _root(x: Any) -> Any:
    return np.sqrt(max(x, 0.0))


@part
def _lexicon(room: Any, tokens: Any, names: Any, row: Any) -> Any:
    """Counts of signs, named words, phrases and endings; returns how many words and numbers there are."""
    words = 0
    two = _U(0)
    one = _U(0)
    for k in range(tokens):
        h = room.hashes[k]
        column = _column_of(names, h)
        if column >= 0:
            row[column] += np.float32(1)
        if k >= 1:
            column = _column_of(names, one * _K + h)
            if column >= 0:
                row[column] += np.float32(1)
        if k >= 2:
            column = _column_of(names, (two * _K + one) * _K + h)
            if column >= 0:
                row[column] += np.float32(1)
        two, one = one, h
        if room.kind[k] == _SIGN:
            column = names.sign[room.text[room.first[k]]]
            if column >= 0:
                row[column] += np.float32(1)
            continue
        words += 1
        length = room.last[k] - room.first[k]
        if room.kind[k] == _WORD and length >= 5:
            ending = _U(0)
            for j in range(4):
                ending |= _U(room.text[room.last[k] - 1 - j] | np.uint8(0x20)) << _U(8 * j)
            for s in range(names.suffix.size):
                if (ending & names.suffix_bits[s]) == names.suffix[s]:
                    row[_FIRST_SUFFIX + s] += np.float32(1)
    return words


@part
def _sentences(room: Any, tokens: Any, names: Any, row: Any) -> Any:
    """Lengths of sentences in words, their commas and first words; returns how many sentences there are."""
    sentences = 0
    total = squares = steps = 0.0
    comma_total = comma_squares = 0.0
    longest, shortest, before = 0, 1 << 30, -1
    words = commas = with_comma = with_two = short = long = asks = quoted = distinct = 0
    first = _U(0)
    _fresh(room, tokens)
    for k in range(tokens + 1):
        ends = k == tokens
        mark = np.uint8(0x20)
        if not ends:
            if room.kind[k] == _SIGN:
                mark = room.text[room.first[k]]
                commas += mark == 0x2C
                if mark == 0x2E or mark == 0x21 or mark == 0x3F:
                    after = room.text[room.last[k]] if k + 1 < tokens else np.uint8(0x20)
                    ends = after == 0x20 or after == 0x22 or after == 0x27 or after == 0x29
            else:
                if words == 0:
                    first = room.hashes[k]
                words += 1
        if not ends or words == 0:
            continue
        sentences += 1
        total += words
        squares += words * words
        longest, shortest = max(longest, words), min(shortest, words)
        if before >= 0:
            steps += abs(words - before)
        before = words
        comma_total += commas
        comma_squares += commas * commas
        with_comma += commas > 0
        with_two += commas > 1
        short += words < 8
        long += words > 25
        asks += mark == 0x3F
        if k + 1 < tokens and room.kind[k + 1] == _SIGN and room.text[room.first[k + 1]] == 0x22:
            quoted += 1
        column = _column_of(names, first ^ _U(_START_SALT))
        if column >= 0:
            row[column] += np.float32(1)
        slot = _slot(room, first)
        distinct += room.counts[slot] == 0
        room.counts[slot] += 1
        words = commas = 0
    if sentences == 0:
        return 0
    mean = total / sentences
    spread = _root(squares / sentences - mean * mean)
    row[0] = mean
    row[1] = spread
    row[2] = spread / mean
    row[3] = longest
    row[4] = shortest
    row[5] = steps / max(1, sentences - 1) / mean
    comma_mean = comma_total / sentences
    row[19] = _root(comma_squares / sentences - comma_mean * comma_mean)
    row[20] = with_comma / sentences
    row[21] = with_two / sentences
    row[27] = distinct / sentences
    row[28] = short / sentences
    row[29] = long / sentences
    row[30] = asks / sentences
    row[32] = quoted / sentences
    for column in range(_FIRST_START, _FIRST_WORD):
        row[column] /= np.float32(sentences)
    return sentences


@part
def _vocabulary(room: Any, tokens: Any, words: Any, row: Any) -> Any:
    """Lengths of words, and how often words and runs of them come again."""
    total = squares = 0.0
    over6 = under4 = over9 = capital = shouted = numbers = 0
    seen = distinct = hapaxes = again = 0
    _fresh(room, tokens)
    for k in range(tokens):
        if room.kind[k] == _SIGN:
            continue
        length = room.last[k] - room.first[k]
        total += length
        squares += length * length
        over6 += length > 6
        under4 += length < 4
        over9 += length > 9
        numbers += room.kind[k] == _NUMBER
        a = room.text[room.first[k]]
        if 65 <= a <= 90:
            b = room.text[room.last[k] - 1]
            capital += 1
            shouted += length > 1 and 65 <= b <= 90
        if seen == 100:
            row[11], row[12] = distinct, hapaxes
        if seen == 200:
            row[13] = distinct
        slot = _slot(room, room.hashes[k])
        again += 2 * room.counts[slot]  # c (c - 1) grows by 2 c when c becomes c + 1
        room.counts[slot] += 1
        distinct += room.counts[slot] == 1
        hapaxes += (room.counts[slot] == 1) - (room.counts[slot] == 2)
        seen += 1
    if seen <= 100:  # what a hundred words of the same richness would have, by Heaps' law with exponent 0.75
        scale = (100.0 / max(1, seen)) ** 0.75
        row[11], row[12] = distinct * scale, hapaxes * scale
    if seen <= 200:
        row[13] = distinct * (200.0 / max(1, seen)) ** 0.75
    mean = total / words
    row[6] = mean
    row[7] = _root(squares / words - mean * mean)
    row[8] = over6 / words
    row[9] = under4 / words
    row[10] = over9 / words
    row[23] = capital / words
    row[24] = shouted / words
    row[25] = numbers / words
    row[14] = again / (words * words)


@part
def _runs(room: Any, tokens: Any, row: Any) -> Any:
    """Shares of word pairs and triples that stood before in the text."""
    for size in range(2, 4):
        _fresh(room, tokens)
        again = runs = 0
        one = two = _U(0)
        have = 0
        for k in range(tokens):
            if room.kind[k] == _SIGN:
                continue
            h = room.hashes[k]
            have += 1
            if have >= size:
                key = one * _K + h if size == 2 else (two * _K + one) * _K + h
                slot = _slot(room, key)
                again += room.counts[slot] > 0
                room.counts[slot] += 1
                runs += 1
            two, one = one, h
        row[13 + size] = again / max(1, runs)


@part
def _letters(room: Any, size: Any, row: Any) -> Any:
    """Shares of capitals and of bytes beyond ASCII, and how many runs of 4 and 8 bytes are distinct."""
    letters = capitals = beyond = signs = 0
    before = False
    for i in range(size):
        b = room.text[i]
        is_letter = _letter(b)
        letters += is_letter
        capitals += 65 <= b <= 90
        beyond += b >= 0x80
        is_sign = not is_letter and b != 0x20 and not 48 <= b <= 57
        signs += is_sign and before
        before = is_sign
    row[22] = capitals / max(1, letters)
    row[26] = beyond / max(1, size)
    row[31] = signs / max(1, size)
    for wide in range(2):
        step = 4 * (wide + 1)
        _fresh(room, min(size, 1_500))
        distinct = runs = 0
        h = _U(0)
        for i in range(min(size, 1_500)):
            h = h << _U(8) | _U(room.text[i])
            if i + 1 >= step:
                key = h & _U(0xFFFFFFFF) if wide == 0 else h
                slot = _slot(room, key)
                distinct += room.counts[slot] == 0
                room.counts[slot] += 1
                runs += 1
        row[17 + wide] = distinct / max(1, runs)


@part
def _features(room: Any, size: Any, tokens: Any, names: Any, row: Any) -> Any:
    """Fill one row; returns how many words and numbers the text has."""
    for column in range(row.size):
        row[column] = np.float32(0)
    words = _lexicon(room, tokens, names, row)
    if words == 0:
        return 0
    functions = models = 0.0
    for column in range(_FIRST_WORD, _FIRST_MODEL):
        functions += row[column]
    for column in range(_FIRST_MODEL, _FIRST_PHRASE):
        models += row[column]
    for column in range(_FIRST_SIGN, _FIRST_START):
        row[column] *= np.float32(100 / words)
    for column in range(_FIRST_WORD, row.size):
        row[column] *= np.float32(100 / words)
    _sentences(room, tokens, names, row)
    _vocabulary(room, tokens, words, row)
    _runs(room, tokens, row)
    _letters(room, size, row)
    row[33] = functions / words
    row[34] = models / words
    return words


@loop("const u8[:], const i64[:], const i64[:]", SCRATCH, NAMES, "f32[:,:], i64[:]")
def _rows_of(data: Any, offsets: Any, documents: Any, room: Any, names: Any, out: Any, words: Any) -> Any:
    for k in range(documents.size):
        d = documents[k]
        packed = _read(data, offsets[d], offsets[d + 1], room)
        words[k] = _features(room, packed // 65536, packed % 65536, names, out[k])


@part
def _count_words(room: Any, tokens: Any) -> Any:
    """Fill the set with the hashes of all single tokens and pairs, and their counts; returns how many there are."""
    _fresh(room, 2 * tokens)
    before = _U(0)
    grams = 0
    for k in range(tokens):
        h = room.hashes[k]
        for size in range(1 + (k > 0)):
            slot = _slot(room, mix(before * _K + h) if size else mix(h))
            if room.counts[slot] == 0:
                room.used[grams] = slot
                grams += 1
            room.counts[slot] += 1
        before = h
    return grams


@part
def _count_bytes(room: Any, size: Any) -> Any:
    """The same for all runs of `BYTES` bytes of the canonical text."""
    _fresh(room, size)
    h = _U(0)
    grams = 0
    for i in range(size):
        h = (h << _U(8) | _U(room.text[i])) & _U((1 << (8 * BYTES)) - 1)
        if i + 1 >= BYTES:
            slot = _slot(room, mix(h))
            if room.counts[slot] == 0:
                room.used[grams] = slot
                grams += 1
            room.counts[slot] += 1
    return grams


@loop("const u8[:], const i64[:], const i64[:]", SCRATCH, "i64, i64, i64[:], u32[:], u32[:]", returns="i64")
def _grams_of(
    data: Any, offsets: Any, documents: Any, room: Any, words: Any, bits: Any,
    bounds: Any, buckets: Any, counts: Any,
) -> Any:  # fmt: skip
    """Buckets, of 2 ** bits, and counts of each document's grams, in the order of their first places."""
    at = 0
    for k in range(documents.size):
        d = documents[k]
        packed = _read(data, offsets[d], offsets[d + 1], room)
        grams = _count_words(room, packed % 65536) if words else _count_bytes(room, packed // 65536)
        for gram in range(grams):
            slot = room.used[gram]
            buckets[at] = np.uint32(room.table[slot] >> _U(64 - bits))
            counts[at] = np.uint32(room.counts[slot])
            at += 1
        bounds[k + 1] = at
    return at


@loop("const u8[:], const i64[:], const i64[:]", SCRATCH, "u8[:], i64[:]", returns="i64")
def _texts_of(data: Any, offsets: Any, documents: Any, room: Any, out: Any, bounds: Any) -> Any:
    at = 0
    for k in range(documents.size):
        d = documents[k]
        size = _read(data, offsets[d], offsets[d + 1], room) // 65536
        for i in range(size):
            out[at + i] = room.text[i]
        at += size
        bounds[k + 1] = at
    return at


def _chosen(offsets: NDArray[np.int64], documents: NDArray[np.int64] | None) -> NDArray[np.int64]:
    return np.arange(len(offsets) - 1) if documents is None else np.ascontiguousarray(documents, np.int64)


def style_features(
    data: NDArray[np.uint8],
    offsets: NDArray[np.int64],
    names: Names,
    documents: NDArray[np.int64] | None = None,
) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
    """Features, shape (documents, len(FEATURES)), and words of the documents `data[offsets[d]:offsets[d + 1]]`."""
    chosen = _chosen(offsets, documents)
    rows, words = np.zeros((len(chosen), len(FEATURES)), np.float32), np.zeros(len(chosen), np.int64)
    _rows_of(data, offsets, chosen, scratch(), names, rows, words)
    return rows, words


def style_grams(
    data: NDArray[np.uint8],
    offsets: NDArray[np.int64],
    documents: NDArray[np.int64] | None = None,
    *,
    of: Literal["words", "bytes"],
    bits: int,
) -> tuple[NDArray[np.int64], NDArray[np.uint32], NDArray[np.uint32]]:
    """Offsets, shape (documents + 1,), and the buckets and counts of the grams that they delimit.

    Grams of words are single ones and pairs; grams of bytes are runs of `BYTES` bytes. A bucket may come twice in a
    document: its counts are those of different grams.
    """
    if not 1 <= bits <= 24:
        raise ValueError(f"bits is {bits}: hash to 2 ** 1 up to 2 ** 24 buckets")
    chosen = _chosen(offsets, documents)
    sizes = np.minimum(offsets[chosen + 1] - offsets[chosen], _READ)
    room = int(2 * sizes.sum()) + 2 * len(chosen)
    bounds = np.zeros(len(chosen) + 1, np.int64)
    buckets, counts = np.empty(room, np.uint32), np.empty(room, np.uint32)
    used = _grams_of(data, offsets, chosen, scratch(), int(of == "words"), bits, bounds, buckets, counts)
    return bounds, buckets[:used].copy(), counts[:used].copy()


def canonical_texts(
    data: NDArray[np.uint8], offsets: NDArray[np.int64], documents: NDArray[np.int64] | None = None
) -> list[str]:
    """The first `CHARS` characters of each document in canonical form: what the detectors see."""
    chosen = _chosen(offsets, documents)
    out, bounds = np.empty(len(chosen) * ROOM, np.uint8), np.zeros(len(chosen) + 1, np.int64)
    _texts_of(data, offsets, chosen, scratch(), out, bounds)
    return [out[a:b].tobytes().decode(errors="ignore") for a, b in pairwise(bounds.tolist())]


# --- scores ------------------------------------------------------------------------------------------------------


class Heads(NamedTuple):
    """Linear models of hashed grams of words and of bytes, and regression trees over the features.

    A node's branches and leaves stand in one numbering over all trees: child c >= 0 is node c, c < 0 leaf -c - 1.
    """

    words: NDArray[
        np.float32
    ]  # shape (2 ** bits, 2): of a bucket, its weight and the factor of a logarithmic count
    bytes: NDArray[np.float32]  # the same for grams of bytes
    feature: NDArray[np.int32]  # shape (nodes,)
    threshold: NDArray[np.float32]  # shape (nodes,): at most this goes left
    left: NDArray[np.int32]  # shape (nodes,)
    right: NDArray[np.int32]  # shape (nodes,)
    leaf: NDArray[np.float32]  # shape (leaves,)
    root: NDArray[np.int32]  # shape (trees,): the node a tree begins at


HEADS = structure(
    Heads,
    "const f32[:,:], const f32[:,:], "
    "const i32[:], const f32[:], const i32[:], const i32[:], const f32[:], const i32[:]",
)


@part
def _linear(room: Any, grams: Any, buckets: Any, bits: Any) -> Any:
    dot = norm = 0.0
    for k in range(grams):
        slot = room.used[k]
        bucket = room.table[slot] >> _U(64 - bits)
        count = room.counts[slot]
        value = (room.logarithms[count] if count < 64 else np.log1p(np.float64(count))) * buckets[bucket, 1]
        dot += value * buckets[bucket, 0]
        norm += value * value
    return dot / np.sqrt(max(norm, 1e-12))


@part
def _trees(row: Any, heads: Any) -> Any:
    total = 0.0
    for t in range(heads.root.size):
        node = heads.root[t]
        while node >= 0:
            low = row[heads.feature[node]] <= heads.threshold[node]
            node = heads.left[node] if low else heads.right[node]
        total += heads.leaf[-node - 1]
    return total


@loop("const u8[:], const i64[:], const i64[:]", SCRATCH, NAMES, HEADS, "i64, f32[:], f32[:,:], i64[:]")
def _scores_of(
    data: Any, offsets: Any, documents: Any, room: Any, names: Any, heads: Any, bits: Any,
    row: Any, out: Any, words: Any,
) -> Any:  # fmt: skip
    """Scores of words, bytes and trees, function-word share and brackets of each document."""
    for k in range(documents.size):
        d = documents[k]
        packed = _read(data, offsets[d], offsets[d + 1], room)
        size, tokens = packed // 65536, packed % 65536
        words[k] = _features(room, size, tokens, names, row)
        out[k, 3] = row[33]
        out[k, 4] = (
            row[names.sign[40]] + row[names.sign[41]] + row[names.sign[61]]
            + row[names.sign[91]] + row[names.sign[93]]
        )  # fmt: skip
        if words[k] > 0:
            grams = _count_words(room, tokens)
            out[k, 0] = _linear(room, grams, heads.words, bits)
            grams = _count_bytes(room, size)
            out[k, 1] = _linear(room, grams, heads.bytes, bits)
            out[k, 2] = _trees(row, heads)


class Scored(NamedTuple):
    """What one pass over the documents makes; shapes are (documents,) unless they are said."""

    heads: NDArray[np.float32]  # shape (3, documents): of words, bytes and trees
    function_share: NDArray[np.float32]  # of the words, in [0, 1]
    brackets: NDArray[np.float32]  # ( ) [ ] and = in 100 words
    words: NDArray[np.int64]  # of the first `CHARS` characters


def style_scores(
    data: NDArray[np.uint8],
    offsets: NDArray[np.int64],
    names: Names,
    heads: Heads,
    documents: NDArray[np.int64] | None = None,
) -> Scored:
    """Scores of the documents `data[offsets[d]:offsets[d + 1]]` under each head, unweighted."""
    chosen = _chosen(offsets, documents)
    out, words = np.zeros((len(chosen), 5), np.float32), np.zeros(len(chosen), np.int64)
    row = np.zeros(len(FEATURES), np.float32)
    bits = len(heads.words).bit_length() - 1
    _scores_of(data, offsets, chosen, scratch(), names, heads, bits, row, out, words)
    columns = np.ascontiguousarray(out.T)
    return Scored(heads=columns[:3], function_share=columns[3], brackets=columns[4], words=words)
