"""One pass over a document's bytes: words, lines, sketch, quality and repetition statistics.

The pass reads every byte once (`_tokenise`) and leaves one hash a word and a few numbers a line in scratch
arrays; all else works on those. A word's hash covers its lower-cased code points, so that nothing depends on
encoding details; in scripts without spaces each character is a word (see `wellkeeper.core.signals`).

Sketch: FastSimilaritySketch [1] of the set of word 5-grams, 128 slots: like one-permutation hashing it hashes
a shingle once or twice instead of 128 times, and unlike it leaves no slot empty in short documents, so the
estimate is unbiased there too. Slots are grouped into bands; documents that agree on a band are candidates.

[1] Dahlgaard, Knudsen, Thorup, Fast similarity sketching, FOCS 2017 (arXiv:1704.04370).
[2] Rae et al., Scaling language models: Gopher, arXiv:2112.11446, appendix A.1.1 and table A1.
[3] Raffel et al., Exploring the limits of transfer learning (C4), JMLR 21(140), 2020, section 2.2.
"""

from importlib.resources import files
from itertools import pairwise
from typing import Any, NamedTuple

import numpy as np
from numba import njit, types
from numpy.typing import NDArray

VERSION = "text-pass.1"
"""Changes whenever any number that the pass makes can change: old sidecars are then made anew."""

SLOTS = 128
SHINGLE_WORDS = 5

INTEGERS = (
    "chars words lines paragraphs shingles invisible invisible_run stop_words stop_words_distinct "
    "c4_sentences curly_brackets lorem_ipsum"
).split()
SHARES = (
    "mean_word_length hash_ratio ellipsis_ratio bullet_line_share ellipsis_line_share alpha_word_share "
    "duplicate_line_share duplicate_line_char_share duplicate_paragraph_share duplicate_paragraph_char_share "
    "top_2gram_char_share top_3gram_char_share top_4gram_char_share duplicate_5gram_char_share "
    "duplicate_6gram_char_share duplicate_7gram_char_share duplicate_8gram_char_share "
    "duplicate_9gram_char_share duplicate_10gram_char_share terminal_line_share short_line_share newline_ratio"
).split()

ALWAYS = frozenset("chars words lines shingles invisible invisible_run".split())
"""Integer columns that are made even without statistics."""

# Parts of a kernel have no signature of their own: they are compiled with, and loaded from the cache as, the
# kernel that calls them, which keeps start-up short.
_part = njit(nogil=True, boundscheck=False)

_U = np.uint64
_SEED = _U(0xCBF29CE484222325)
_PRIME = _U(0x100000001B3)
_K = _U(0x9E3779B97F4A7C15)
_M = _U(0xD6E8FEB86659FD93)
_EMPTY = np.uint32(0xFFFFFFFF)

# classes of unicode.npz, see tools/make_unicode_tables.py
_SEPARATOR, _LETTER, _OTHER_WORD, _UNSPACED, _INVISIBLE, _TRANSPARENT, _SPACE = range(7)
_NOT_ASCII = 255

# what a line's flags say
_BULLET, _ELLIPSIS_END, _TERMINAL, _SHORT, _OPENS_PARAGRAPH = 1, 2, 4, 8, 16

# columns of the per-document scratch row that `_tokenise` fills
_CHARS, _WORD_CHARS, _ALPHA_WORDS, _HASHES, _ELLIPSES, _CURLY, _NEWLINES = 0, 1, 2, 3, 4, 5, 6
_INVISIBLES, _INVISIBLE_RUN, _LOREM, _STOPS, _STOP_MASK, _SENTENCES, _LINES = 7, 8, 9, 10, 11, 12, 13
_SCRATCH = 14

# Words the pass has to recognise. 1..8 are Gopher's stop words [2]; the others serve C4's line rules [3].
_STOP_WORDS = ("the", "be", "to", "of", "and", "that", "have", "with")
_LOREM_WORD, _IPSUM_WORD, _JAVASCRIPT = 9, 10, 11
_TERMS, _USE, _PRIVACY, _COOKIE, _POLICY, _USES, _COOKIES = 12, 13, 14, 15, 16, 17, 18
_OF = _STOP_WORDS.index("of") + 1
_NAMED_WORDS = (
    *_STOP_WORDS, "lorem", "ipsum", "javascript", "terms", "use", "privacy", "cookie", "policy", "uses", "cookies"
)  # fmt: skip


@_part
def _mix(h: Any) -> Any:
    h ^= h >> _U(32)
    h *= _M
    h ^= h >> _U(32)
    h *= _M
    h ^= h >> _U(32)
    return h


def hash_word(word: str) -> int:
    """The hash of one word, as the pass makes it; the word must be lower case.

    >>> hash_word("the") == hash_word("of")
    False
    """
    value = int(_SEED)
    for letter in word:
        value = ((value ^ ord(letter)) * int(_PRIME)) % 2**64
    return _mixed(value)


def _mixed(value: int) -> int:
    for _ in range(2):
        value ^= value >> 32
        value = value * int(_M) % 2**64
    return value ^ (value >> 32)


class Tables(NamedTuple):
    """Lookup tables of the pass; arrays only, so that every kernel can take them as one argument."""

    ascii_class: NDArray[np.uint8]  # (256,), _NOT_ASCII from 128 on
    ascii_lower: NDArray[np.uint8]  # (256,)
    class_index: NDArray[np.uint16]  # (4352,)
    class_pages: NDArray[np.uint8]  # (pages, 256)
    shift_index: NDArray[np.uint16]  # (4352,)
    shift_pages: NDArray[np.int32]  # (pages, 256): lower case minus upper case
    named_slot: NDArray[
        np.uint8
    ]  # (1024,): low ten bits of a word's hash -> number of a named word, 0 if none
    named_hash: NDArray[np.uint64]  # (19,): its full hash


def load_tables() -> Tables:
    """Tables for `text_pass`, read from the package."""
    with (files("wellkeeper.kernels") / "unicode.npz").open("rb") as stream, np.load(stream) as stored:
        class_index, class_pages = stored["class_index"], stored["class_pages"]
        shift_index, shift_pages = stored["shift_index"], stored["shift_pages"].astype(np.int32)
    ascii_class = np.full(256, _NOT_ASCII, np.uint8)
    ascii_class[:128] = class_pages[class_index[0]][:128]
    ascii_lower = np.arange(256, dtype=np.uint8)
    ascii_lower[:128] = (np.arange(128) + shift_pages[shift_index[0]][:128]).astype(np.uint8)
    named_slot = np.zeros(1024, np.uint8)
    named_hash = np.zeros(len(_NAMED_WORDS) + 1, np.uint64)
    for number, word in enumerate(_NAMED_WORDS, 1):
        named_hash[number] = hash_word(word)
        slot = int(named_hash[number]) & 1023
        if named_slot[slot]:
            raise AssertionError(f"named words share slot {slot}: widen the table")
        named_slot[slot] = number
    return Tables(
        ascii_class, ascii_lower, class_index, class_pages, shift_index, shift_pages, named_slot, named_hash
    )


_u8, _u16, _u32, _u64, _i32, _i64, _f32 = (
    types.uint8, types.uint16, types.uint32, types.uint64, types.int32, types.int64, types.float32
)  # fmt: skip


def _vector(item: Any, *, readonly: bool = False) -> Any:
    return types.Array(item, 1, "C", readonly=readonly)


def _matrix(item: Any) -> Any:
    return types.Array(item, 2, "C")


_TABLES = types.NamedTuple(
    (
        _vector(_u8), _vector(_u8), _vector(_u16), _matrix(_u8),
        _vector(_u16), _matrix(_i32), _vector(_u8), _vector(_u64),
    ),
    Tables,
)  # fmt: skip
_BYTES = _vector(_u8, readonly=True)
_OFFSETS = _vector(_i64, readonly=True)


@_part
def _decode(data: Any, i: Any) -> Any:
    """The code point that starts at byte i of valid UTF-8, above ASCII, and its bytes."""
    byte = np.int64(data[i])
    if byte < 0xE0:
        return ((byte & 0x1F) << 6) | np.int64(data[i + 1] & 0x3F), 2
    if byte < 0xF0:
        return ((byte & 0x0F) << 12) | (np.int64(data[i + 1] & 0x3F) << 6) | np.int64(data[i + 2] & 0x3F), 3
    return (
        ((byte & 0x07) << 18)
        | (np.int64(data[i + 1] & 0x3F) << 12)
        | (np.int64(data[i + 2] & 0x3F) << 6)
        | np.int64(data[i + 3] & 0x3F)
    ), 4


class _Scratch(NamedTuple):
    """What the pass over the bytes of one document leaves behind; reused from document to document."""

    words: Any  # hash of each word
    lengths: Any  # its characters
    line_hash: Any  # one entry a non-empty line
    line_chars: Any
    line_flags: Any
    figures: Any  # the document's counts, at the indices above


@_part
def _scratch_for(longest: Any) -> Any:
    """Scratch arrays for documents of up to `longest` bytes."""
    return _Scratch(
        np.empty(longest + 1, np.uint64),
        np.empty(longest + 1, np.int32),
        np.empty(longest + 1, np.uint64),
        np.empty(longest + 1, np.int32),
        np.empty(longest + 1, np.uint8),
        np.zeros(_SCRATCH, np.int64),
    )


def _tokeniser(*, statistics: bool) -> Any:
    """The pass over a document's bytes; without `statistics` it finds words and counts characters only.

    `statistics` is a constant of the compiled function, so that what it guards costs nothing where it is off.
    """

    @_part
    def tokenise(data: Any, start: Any, end: Any, tables: Any, scratch: Any) -> Any:
        """Fill the scratch arrays from bytes [start, end) and return the word count."""
        words, lengths, out = scratch.words, scratch.lengths, scratch.figures
        line_hash, line_chars, line_flags = scratch.line_hash, scratch.line_chars, scratch.line_flags
        ascii_class, ascii_lower = tables.ascii_class, tables.ascii_lower
        class_index, class_pages = tables.class_index, tables.class_pages
        shift_index, shift_pages = tables.shift_index, tables.shift_pages
        named_slot, named_hash = tables.named_slot, tables.named_hash
        count = 0
        chars = 0
        word_chars = 0
        alpha_words = 0
        hashes = 0
        ellipses = 0
        curly = 0
        newlines = 0
        invisibles = 0
        invisible_run = 0
        run = 0
        lorem = 0
        stops = 0
        stop_mask = 0
        sentences = 0
        lines = 0
        blank_before = True
        named1 = 0  # the named word just read, and the one before
        named2 = 0
        # the line being read
        first_at = -1  # characters before its first and after its last visible one
        last_at = 0
        first_char = 0
        last_char = 0
        bullet = False
        dots = 0  # full stops at the end so far
        ender = False  # the last visible character ends a sentence, quotes and brackets aside
        line_sentences = 0
        tokens = 0
        in_token = False
        token_at = 0
        bad_line = False  # a C4 line rule drops it
        h_line = _U(0)
        i = start
        while i <= end:
            point = 10
            kind = _SPACE
            size = 1
            if i < end:
                byte = data[i]
                kind = ascii_class[byte]
                point = np.int64(byte)
                if kind == _NOT_ASCII:
                    point, size = _decode(data, i)
                    kind = class_pages[class_index[point >> 8], point & 255]
            if kind == _LETTER or kind == _OTHER_WORD or kind == _UNSPACED:
                if kind == _UNSPACED:
                    run = 0
                if statistics:
                    if not in_token:
                        in_token = True
                        tokens += 1
                        token_at = chars
                    if first_at < 0:
                        first_at = chars
                        first_char = point
                h = _SEED
                word_at = chars
                seen = 0  # classes of its characters, or-ed: _LETTER is 1, _OTHER_WORD 2
                hidden = 0
                if kind == _UNSPACED:
                    h = (h ^ _U(point + shift_pages[shift_index[point >> 8], point & 255])) * _PRIME
                    seen = _LETTER
                    chars += 1
                    i += size
                else:
                    while True:
                        stretch = i
                        while i < end:
                            byte = data[i]
                            kind = ascii_class[byte]
                            if kind != _LETTER and kind != _OTHER_WORD:
                                break
                            h = (h ^ _U(ascii_lower[byte])) * _PRIME
                            seen |= kind
                            i += 1
                        if i > stretch:
                            chars += i - stretch
                            run = 0
                        if i >= end or kind != _NOT_ASCII:
                            break
                        point, size = _decode(data, i)
                        kind = class_pages[class_index[point >> 8], point & 255]
                        if kind == _LETTER or kind == _OTHER_WORD:
                            h = (h ^ _U(point + shift_pages[shift_index[point >> 8], point & 255])) * _PRIME
                            seen |= kind
                            run = 0
                        elif kind == _INVISIBLE or kind == _TRANSPARENT:
                            # what cannot be seen inside a word does not split it
                            hidden += 1
                            if kind == _INVISIBLE:
                                invisibles += 1
                                run += 1
                                invisible_run = max(invisible_run, run)
                        else:
                            break
                        i += size
                        chars += 1
                h = _mix(h)
                length = chars - word_at - hidden
                words[count] = h
                lengths[count] = length
                count += 1
                if statistics:
                    word_chars += length
                    alpha_words += seen & 1
                    h_line = (h_line + h) * _K
                    last_at = chars
                    last_char = 97
                    dots = 0
                    ender = False
                    named2 = named1
                    named1 = np.int64(named_slot[h & _U(1023)])
                    if named1 and named_hash[named1] == h:
                        if named1 <= 8:
                            stops += 1
                            stop_mask |= 1 << named1
                            if named1 == _OF and (named2 == _TERMS or named2 == _USE):
                                named1 = named2 + 100  # "terms of", "use of"
                        elif named1 == _JAVASCRIPT:
                            bad_line = True
                        elif named1 == _IPSUM_WORD:
                            lorem |= named2 == _LOREM_WORD
                        elif named1 == _POLICY:
                            bad_line |= named2 == _PRIVACY or named2 == _COOKIE
                        elif named1 == _COOKIES:
                            bad_line |= named2 == _USES or named2 == _USE or named2 == _USE + 100
                        elif named1 == _USE:
                            bad_line |= named2 == _TERMS + 100
                    else:
                        named1 = 0
                if i < end and data[i] == 32:  # as most words end: what the branch for white space would do
                    if statistics:
                        bad_line |= chars - token_at > 1000
                        in_token = False
                    run = 0
                    chars += 1
                    i += 1
                continue
            i += size
            if kind == _SPACE:
                if i <= end:
                    chars += 1
                run = 0
                if not statistics:
                    continue
                if in_token:
                    in_token = False
                    bad_line |= chars - 1 - token_at > 1000
                    if ender:
                        line_sentences += 1
                        ender = False
                if point == 10:
                    newlines += i <= end
                    if first_at >= 0:
                        length = last_at - first_at
                        ends_ellipsis = dots >= 3 or last_char == 0x2026
                        terminal = (
                            last_char == 46 or last_char == 33 or last_char == 63 or last_char == 34 or last_char == 39
                            or last_char == 0x201D or last_char == 0x2019 or last_char == 0xBB
                            or last_char == 0x3002 or last_char == 0xFF01 or last_char == 0xFF1F
                        )  # fmt: skip
                        flags = 0
                        if bullet:
                            flags |= _BULLET
                        if ends_ellipsis:
                            flags |= _ELLIPSIS_END
                        if terminal:
                            flags |= _TERMINAL
                        if length <= 30:
                            flags |= _SHORT
                        if blank_before:
                            flags |= _OPENS_PARAGRAPH
                        line_hash[lines] = _mix(
                            h_line + _U(length) * _M + (_U(first_char) << _U(32)) + _U(last_char)
                        )
                        line_chars[lines] = length
                        line_flags[lines] = flags
                        lines += 1
                        if terminal and not ends_ellipsis and tokens >= 5 and not bad_line:
                            sentences += max(1, line_sentences)
                        blank_before = False
                    else:
                        blank_before = True
                    first_at = -1
                    bullet = False
                    dots = 0
                    line_sentences = 0
                    tokens = 0
                    bad_line = False
                    named1 = 0
                    h_line = _U(0)
                continue
            chars += 1
            if kind == _INVISIBLE:
                invisibles += 1
                run += 1
                invisible_run = max(invisible_run, run)
                continue
            if kind == _TRANSPARENT:
                continue
            run = 0
            if not statistics:
                continue
            if not in_token:
                in_token = True
                tokens += 1
                token_at = chars - 1
            if first_at < 0:
                first_at = chars - 1
                first_char = point
                bullet = point == 0x2022 or ((point == 45 or point == 42) and i < end and data[i] == 32)
            last_at = chars
            last_char = point
            if point == 46:
                dots += 1
                if dots == 3:
                    ellipses += 1
                    dots = 3
                ender = True
            else:
                dots = 0
                if point == 33 or point == 63 or point == 0x2026:
                    ender = True
                    ellipses += point == 0x2026
                elif point == 35:
                    hashes += 1
                    ender = False
                elif point == 123:
                    curly += 1
                    ender = False
                elif not (
                    point == 34
                    or point == 39
                    or point == 41
                    or point == 93
                    or point == 0x201D
                    or point == 0x2019
                ):
                    ender = False
                if point == 0x3002 or point == 0xFF01 or point == 0xFF1F:
                    line_sentences += 1
            named1 = 0
        out[_CHARS] = chars
        out[_WORD_CHARS] = word_chars
        out[_ALPHA_WORDS] = alpha_words
        out[_HASHES] = hashes
        out[_ELLIPSES] = ellipses
        out[_CURLY] = curly
        out[_NEWLINES] = newlines
        out[_INVISIBLES] = invisibles
        out[_INVISIBLE_RUN] = invisible_run
        out[_LOREM] = lorem
        out[_STOPS] = stops
        out[_STOP_MASK] = stop_mask
        out[_SENTENCES] = sentences
        out[_LINES] = lines
        return count

    return tokenise


_tokenise = _tokeniser(statistics=True)
_tokenise_words = _tokeniser(statistics=False)


@_part
def _shingle(words: Any, count: Any, out: Any) -> Any:
    """Hashes of all word 5-grams; a text of 1 to 4 words has one shingle, all of it."""
    if count == 0:
        return 0
    k5 = _K * _K * _K * _K * _K
    h = _U(0)
    if count < SHINGLE_WORDS:
        for j in range(count):
            h = h * _K + words[j]
        out[0] = _mix(h)
        return 1
    for j in range(SHINGLE_WORDS):
        h = h * _K + words[j]
    out[0] = _mix(h)
    for j in range(SHINGLE_WORDS, count):
        h = h * _K + words[j] - words[j - SHINGLE_WORDS] * k5
        out[j - SHINGLE_WORDS + 1] = _mix(h)
    return count - SHINGLE_WORDS + 1


@_part
def _sketch(shingles: Any, count: Any, slots: Any) -> Any:
    """FastSimilaritySketch [1] of the shingles.

    Round r < 128 throws every shingle at one slot with a value above all earlier rounds', until no slot is
    empty; from round 128 on, round r fills slot r - 128.
    """
    slots[:] = _EMPTY
    left = SLOTS
    for r in range(2 * SLOTS):
        high = np.uint32(r) << np.uint32(24)
        salt = _U(r) * _K
        for j in range(count):
            z = shingles[j]
            if r > 0:
                z = _mix(z + salt)
            slot = z >> _U(57)
            if r >= SLOTS:
                slot = _U(r - SLOTS)
            value = high | np.uint32(z & _U(0xFFFFFF))
            if slots[slot] == _EMPTY:
                left -= 1
            if value < slots[slot]:
                slots[slot] = value
        if left == 0:
            break


@_part
def _table_bits(items: Any) -> Any:
    bits = 4
    while (1 << bits) < 2 * items:
        bits += 1
    return bits


@_part
def _repetition(
    words: Any, lengths: Any, count: Any, chars: Any, at: Any, hashes: Any, slots: Any, table: Any, out: Any
) -> Any:
    """Gopher's top n-grams (2 to 4) and duplicate n-grams (5 to 10) as shares of characters [2].

    An n-gram's characters include the single spaces between its words. Only where an (n-1)-gram occurs
    twice can an n-gram do so: each length looks at the positions `at` that the one before left over, which
    in prose are a quarter, then a tenth, then next to none. `at`, `hashes`, `slots` and `table` are scratch.
    A table entry holds a 32-bit fingerprint, a mark and a count, so that two n-grams of one document pass
    for equal with probability below 2^-40.
    """
    out[:] = 0.0
    counts = _U(0x7FFFFFFF)
    mark = _U(0x80000000)
    left = count - 1
    for j in range(left):
        at[j] = j
        hashes[j] = words[j]
    for n in range(2, 11):
        if count < n:
            break
        bits = _table_bits(left)
        shift = _U(64 - bits)
        mask = (1 << bits) - 1
        table[: mask + 1] = _U(0)
        best = _U(1)
        best_at = 0
        for k in range(left):
            j = at[k]
            h = hashes[k] * _K + words[j + n - 1]
            hashes[k] = h
            h *= _M
            finger = (h << _U(32)) | _U(1)
            slot = np.int64((h ^ (h << _U(23))) >> shift)
            while True:
                entry = table[slot]
                if entry == _U(0):
                    table[slot] = finger
                    break
                if (entry ^ finger) >> _U(32) == _U(0):
                    table[slot] = entry + _U(1)
                    break
                slot = (slot + 1) & mask
            slots[k] = slot
        repeated = 0
        free = 0  # first position behind the duplicate counted last
        further = 0
        for k in range(left):
            slot = slots[k]
            entry = table[slot]
            times = entry & counts
            if times < _U(2):
                continue
            j = at[k]
            if times > best:
                best = times
                best_at = j
            if n >= 5 and j >= free:
                if entry & mark:
                    repeated += n - 1
                    for m in range(n):
                        repeated += lengths[j + m]
                    free = j + n
                else:
                    table[slot] = entry | mark
            if j + n < count:
                at[further] = j
                hashes[further] = hashes[k]
                further += 1
        left = further
        if n < 5:
            length = n - 1
            for m in range(n):
                length += lengths[best_at + m]
            repeated = np.int64(best) * length
        out[n - 2] = min(np.float32(1.0), np.float32(repeated) / chars)
        if left == 0 and n >= 4:
            break


@_part
def _seen(value: Any, table: Any, mask: Any, shift: Any) -> Any:
    """1 if the table holds the value already, else put it in and return 0."""
    value |= _U(1)
    slot = np.int64((value * _M) >> shift)
    while True:
        entry = table[slot]
        if entry == _U(0):
            table[slot] = value
            return 0
        if entry == value:
            return 1
        slot = (slot + 1) & mask


@_part
def _line_statistics(scratch: Any, lines: Any, chars: Any, table: Any, out: Any, integers: Any) -> Any:
    """Shares of lines and paragraphs, and `integers[0]`, the number of paragraphs.

    `out` holds duplicate lines, their characters, duplicate paragraphs, their characters, then lines with a
    bullet, an ellipsis, a terminal mark, and short ones.
    """
    line_hash, line_chars, line_flags = scratch.line_hash, scratch.line_chars, scratch.line_flags
    out[:] = 0.0
    integers[0] = 0
    if lines == 0:
        return
    bits = _table_bits(lines)
    shift = _U(64 - bits)
    mask = (1 << bits) - 1
    for counted in range(2):  # lines, then paragraphs
        table[: mask + 1] = _U(0)
        repeated = 0
        repeated_chars = 0
        paragraphs = 0
        j = 0
        while j < lines:
            h = line_hash[j]
            length = np.int64(line_chars[j])
            j += 1
            if counted:
                paragraphs += 1
                while j < lines and not line_flags[j] & _OPENS_PARAGRAPH:
                    h = _mix(h * _K + line_hash[j])
                    length += 1 + line_chars[j]
                    j += 1
            if _seen(h, table, mask, shift):
                repeated += 1
                repeated_chars += length
        of = paragraphs if counted else lines
        out[2 * counted] = np.float32(repeated) / np.float32(of)
        out[2 * counted + 1] = min(np.float32(1.0), np.float32(repeated_chars) / chars)
        integers[0] = paragraphs
    for j in range(lines):
        flags = line_flags[j]
        for k in range(4):
            out[4 + k] += np.float32((flags >> k) & 1)
    for k in range(4):
        out[4 + k] /= np.float32(lines)


@njit(
    types.void(_BYTES, _OFFSETS, _TABLES, _i64, _i64, types.boolean, _matrix(_u64), _matrix(_i64), _matrix(_f32)),
    nogil=True, cache=True, boundscheck=False,
)  # fmt: skip
def _text_pass(
    data: Any, offsets: Any, tables: Any, bands: Any, rows: Any, statistics: Any,
    band_keys: Any, integers: Any, shares: Any,
) -> Any:  # fmt: skip
    longest = np.int64(0)
    for d in range(offsets.size - 1):
        longest = max(longest, offsets[d + 1] - offsets[d])
    scratch = _scratch_for(longest)
    words, lengths, figures = scratch.words, scratch.lengths, scratch.figures
    shingles = np.empty(longest + 1, np.uint64)
    table = np.empty(1 << (_table_bits(longest + 1)), np.uint64)
    at = np.empty(longest + 1, np.int64)
    places = np.empty(longest + 1, np.int64)
    slots = np.empty(SLOTS, np.uint32)
    repetition = np.empty(9, np.float32)
    line_out = np.empty(8, np.float32)
    paragraphs = np.zeros(1, np.int64)
    for d in range(offsets.size - 1):
        if statistics:
            count = _tokenise(data, offsets[d], offsets[d + 1], tables, scratch)
        else:
            count = _tokenise_words(data, offsets[d], offsets[d + 1], tables, scratch)
        chars = np.float32(max(1, figures[_CHARS]))
        size = _shingle(words, count, shingles)
        _sketch(shingles, size, slots)
        for b in range(bands):
            h = _U(b + 1) * _K
            for r in range(rows):
                h = _mix(h + _U(slots[b * rows + r]))
            band_keys[b, d] = h
        lines = figures[_LINES]
        integers[0, d] = figures[_CHARS]
        integers[1, d] = count
        integers[2, d] = lines
        integers[4, d] = size
        integers[5, d] = figures[_INVISIBLES]
        integers[6, d] = figures[_INVISIBLE_RUN]
        if not statistics:
            continue
        _repetition(words, lengths, count, chars, at, shingles, places, table, repetition)
        _line_statistics(scratch, lines, chars, table, line_out, paragraphs)
        distinct = 0
        for k in range(1, 9):
            distinct += (figures[_STOP_MASK] >> k) & 1
        integers[3, d] = paragraphs[0]
        integers[7, d] = figures[_STOPS]
        integers[8, d] = distinct
        integers[9, d] = figures[_SENTENCES]
        integers[10, d] = figures[_CURLY]
        integers[11, d] = figures[_LOREM]
        per_word = np.float32(max(1, count))
        shares[0, d] = np.float32(figures[_WORD_CHARS]) / per_word
        shares[1, d] = np.float32(figures[_HASHES]) / per_word
        shares[2, d] = np.float32(figures[_ELLIPSES]) / per_word
        shares[3, d] = line_out[4]
        shares[4, d] = line_out[5]
        shares[5, d] = np.float32(figures[_ALPHA_WORDS]) / per_word
        for k in range(4):
            shares[6 + k, d] = line_out[k]
        for k in range(9):
            shares[10 + k, d] = repetition[k]
        shares[19, d] = line_out[6]
        shares[20, d] = line_out[7]
        shares[21, d] = np.float32(figures[_NEWLINES]) / per_word


@njit(
    _i64(_BYTES, _OFFSETS, _TABLES, _OFFSETS, types.boolean, _vector(_i64), _vector(_u64)),
    nogil=True, cache=True, boundscheck=False,
)  # fmt: skip
def _hashes_of(
    data: Any, offsets: Any, tables: Any, documents: Any, as_shingles: Any, out_offsets: Any, out: Any
) -> Any:
    """Word hashes, or word 5-gram hashes, in text order, of the chosen documents; returns how many."""
    longest = np.int64(0)
    for d in documents:
        longest = max(longest, offsets[d + 1] - offsets[d])
    scratch = _scratch_for(longest)
    words = scratch.words
    at = 0
    for k in range(documents.size):
        d = documents[k]
        count = _tokenise_words(data, offsets[d], offsets[d + 1], tables, scratch)
        if as_shingles:
            at += _shingle(words, count, out[at:])
        else:
            for j in range(count):
                out[at] = words[j]
                at += 1
        out_offsets[k + 1] = at
    return at


class TextColumns(NamedTuple):
    """What one pass makes; arrays share the last axis, documents."""

    bands: NDArray[np.uint64]  # (bands, documents)
    integers: NDArray[np.int64]  # (len(INTEGERS), documents)
    shares: NDArray[np.float32]  # (len(SHARES), documents)


def text_pass(
    data: NDArray[np.uint8],
    offsets: NDArray[np.int64],
    tables: Tables,
    *,
    bands: int,
    rows: int,
    statistics: bool = True,
) -> TextColumns:
    """Every numeric column of the documents `data[offsets[d]:offsets[d + 1]]`, which must be valid UTF-8.

    `bands` x `rows` slots of the sketch, at most 128, are hashed into one key a band. Without `statistics` the
    quality and repetition figures stay unmade: their rows hold nothing of meaning.
    """
    if not 1 <= bands * rows <= SLOTS:
        raise ValueError(f"{bands} bands of {rows} rows need {bands * rows} slots of {SLOTS}")
    documents = offsets.size - 1
    out = TextColumns(
        np.empty((bands, documents), np.uint64),
        np.empty((len(INTEGERS), documents), np.int64),
        np.empty((len(SHARES), documents), np.float32),
    )
    _text_pass(
        _frozen(data), _frozen(offsets), tables, bands, rows, statistics, out.bands, out.integers, out.shares
    )
    return out


def word_hashes(
    data: NDArray[np.uint8], offsets: NDArray[np.int64], tables: Tables, documents: NDArray[np.int64]
) -> tuple[NDArray[np.int64], NDArray[np.uint64]]:
    """Offsets, shape (len(documents) + 1,), and the word hashes, in text order, that they delimit."""
    return _collect(data, offsets, tables, documents, as_shingles=False)


def shingle_sets(
    data: NDArray[np.uint8], offsets: NDArray[np.int64], tables: Tables, documents: NDArray[np.int64]
) -> tuple[NDArray[np.int64], NDArray[np.uint64]]:
    """Offsets and the sorted distinct word 5-gram hashes of each chosen document."""
    bounds, hashes = _collect(data, offsets, tables, documents, as_shingles=True)
    edges = bounds.tolist()
    for start, end in pairwise(edges):
        hashes[start:end].sort()  # numpy's vectorised sort, several times faster than one compiled here
    return bounds, hashes[: _distinct(bounds, hashes)]


@njit(_i64(_vector(_i64), _vector(_u64)), nogil=True, cache=True, boundscheck=False)
def _distinct(bounds: Any, hashes: Any) -> Any:
    """Keep one of equal neighbours in each run, in place; moves `bounds` along and returns the new length."""
    at = 0
    start = bounds[0]
    for k in range(bounds.size - 1):
        end = bounds[k + 1]
        for j in range(start, end):
            if j == start or hashes[j] != hashes[j - 1]:
                hashes[at] = hashes[j]
                at += 1
        start = end
        bounds[k + 1] = at
    return at


@njit(
    _i64(_OFFSETS, _vector(_u64, readonly=True), _i64, _vector(_i64), _vector(_u32), _vector(_u32)),
    nogil=True, cache=True, boundscheck=False,
)  # fmt: skip
def _count_ngrams(bounds: Any, words: Any, bits: Any, out_bounds: Any, buckets: Any, counts: Any) -> Any:
    table = np.zeros(1 << bits, np.int64)  # where in the output a bucket of this document stands, plus one
    shift = _U(64 - bits)
    at = 0
    for d in range(bounds.size - 1):
        first = at
        previous = _U(0)
        for j in range(bounds[d], bounds[d + 1]):
            word = words[j]
            for n in range(2):
                if n == 0:
                    h = _mix(word)
                elif j > bounds[d]:
                    h = _mix(previous * _K + word)
                else:
                    continue
                bucket = h >> shift
                place = table[bucket]
                if place == 0:
                    buckets[at] = np.uint32(bucket)
                    counts[at] = 1
                    at += 1
                    table[bucket] = at
                else:
                    counts[place - 1] += np.uint32(1)
            previous = word
        for k in range(first, at):
            table[buckets[k]] = 0
        out_bounds[d + 1] = at
    return at


def ngram_counts(
    bounds: NDArray[np.int64], words: NDArray[np.uint64], *, bits: int
) -> tuple[NDArray[np.int64], NDArray[np.uint32], NDArray[np.uint32]]:
    """Hashed counts of word 1-grams and 2-grams of each document, the input of linear detectors.

    `bounds` and `words` are what `word_hashes` gives; `bits`, 1 to 24, sets 2 ** bits buckets. Returns offsets,
    shape (documents + 1,), and the buckets and counts that they delimit, in order of first appearance.
    """
    if not 1 <= bits <= 24:
        raise ValueError(f"bits is {bits}: hash to 2 ** 1 up to 2 ** 24 buckets")
    room = max(1, 2 * words.size)
    out_bounds = np.zeros(bounds.size, np.int64)
    buckets, counts = np.empty(room, np.uint32), np.empty(room, np.uint32)
    used = _count_ngrams(_frozen(bounds), _frozen(words), bits, out_bounds, buckets, counts)
    return out_bounds, buckets[:used].copy(), counts[:used].copy()


def _collect(
    data: NDArray[np.uint8],
    offsets: NDArray[np.int64],
    tables: Tables,
    documents: NDArray[np.int64],
    *,
    as_shingles: bool,
) -> tuple[NDArray[np.int64], NDArray[np.uint64]]:
    # a word takes at least one byte and, unless its script is unspaced, a separator; unspaced ones take three
    room = int(np.sum(offsets[documents + 1] - offsets[documents])) + len(documents)
    out_offsets = np.zeros(len(documents) + 1, np.int64)
    out = np.empty(room, np.uint64)
    used = _hashes_of(
        _frozen(data), _frozen(offsets), tables, _frozen(documents), as_shingles, out_offsets, out
    )
    return out_offsets, out[:used].copy()


def _frozen(array: NDArray[Any]) -> NDArray[Any]:
    """A read-only view: Arrow's buffers are read-only, and kernels have one signature for both kinds."""
    view = np.ascontiguousarray(array).view()
    view.flags.writeable = False
    return view
