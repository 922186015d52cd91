"""A document's characters, words and lines, and what Gopher's and C4's rules ask about lines and paragraphs.

The pass reads every byte once (`tokenise`) and leaves one hash a word and a few numbers a line in scratch arrays; all
else works on those.

[1] Rae et al., Scaling language models: Gopher, arXiv:2112.11446, appendix A.1.1 and table A1.
[2] Raffel et al., Exploring the limits of transfer learning (C4), JMLR 21(140), 2020, section 2.2.
"""

from typing import Any, NamedTuple

import numpy as np

from wellkeeper.kernels.normalise import (
    INVISIBLE,
    LETTER,
    NOT_ASCII,
    SEVERAL,
    SPACE,
    TRANSPARENT,
    class_of,
    decode,
    entry_of,
)  # fmt: skip
from wellkeeper.kernels.repetition import table_bits
from wellkeeper.kernels.sketch import mix
from wellkeeper.kernels.words import (
    ALPHA_WORDS,
    CHARS,
    INVISIBLE_RUN,
    INVISIBLES,
    NAMED_WORDS,
    RUN,
    SEEN,
    STOP_WORDS,
    WORDS,
    ascii_word,
    named_word,
    read_words,
)  # fmt: skip
from wellkeeper.kernels.words import FIGURES as WORD_FIGURES
from wellkeeper.lanes import ALL_BITS, first_bit, letter_bytes, word_bytes
from wellkeeper.native import part, structure

_U = np.uint64
_K = _U(0x9E3779B97F4A7C15)
_M = _U(0xD6E8FEB86659FD93)

# what a line's flags say
_BULLET, _ELLIPSIS_END, _TERMINAL, _SHORT, _OPENS_PARAGRAPH = 1, 2, 4, 8, 16

# the document's counts, by place in `Scratch.figures`, behind those of `words`
WORD_CHARS, HASHES, ELLIPSES, CURLY, NEWLINES, LOREM, STOPS, STOP_MASK, SENTENCES, LINES = range(
    WORD_FIGURES, WORD_FIGURES + 10
)
FIGURES = WORD_FIGURES + 10

_LOREM_WORD, _IPSUM_WORD, _JAVASCRIPT, _TERMS, _USE, _PRIVACY, _COOKIE, _POLICY, _USES, _COOKIES = (
    NAMED_WORDS.index(word) + 1
    for word in "lorem ipsum javascript terms use privacy cookie policy uses cookies".split()
)
_OF = NAMED_WORDS.index("of") + 1
_STOPS = len(STOP_WORDS)


class Scratch(NamedTuple):
    """What the pass over the bytes of one document leaves behind; reused from document to document."""

    words: Any  # hash of each word
    lengths: Any  # its characters
    line_hash: Any  # one entry a non-empty line
    line_chars: Any
    line_flags: Any
    figures: Any  # the document's counts, at the places above


SCRATCH = structure(Scratch, "u64[:], i32[:], u64[:], i32[:], u8[:], i64[:]")
"""`Scratch` as an argument of a loop."""


def scratch_for(longest: int) -> Scratch:
    """Scratch arrays for documents of up to `longest` bytes."""
    room = longest + 1
    return Scratch(
        np.empty(room, np.uint64), np.empty(room, np.int32), np.empty(room, np.uint64),
        np.empty(room, np.int32), np.empty(room, np.uint8), np.zeros(FIGURES, np.int64),
    )  # fmt: skip


@part
def tokenise(data: Any, start: Any, end: Any, tables: Any, scratch: Any) -> Any:
    """Fill the scratch arrays from bytes [start, end) and return the word count."""
    words, lengths, out = scratch.words, scratch.lengths, scratch.figures
    line_hash, line_chars, line_flags = scratch.line_hash, scratch.line_chars, scratch.line_flags
    ascii_class = tables.ascii_class
    for k in range(FIGURES):
        out[k] = 0
    count = 0
    chars = 0
    word_chars = 0
    hashes = 0
    ellipses = 0
    curly = 0
    newlines = 0
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
        kind = SPACE
        size = 1
        if i < end:
            byte = data[i]
            kind = ascii_class[byte]
            point = np.int64(byte)
            if kind == NOT_ASCII:
                point, size = decode(data, i)
                kind = class_of(entry_of(point, tables))
        if LETTER <= kind <= SEVERAL:
            if not in_token:
                in_token = True
                tokens += 1
                token_at = chars
            if first_at < 0:
                first_at = chars
                first_char = point
            first = i
            fresh = count
            alpha = 0
            if size == 1:
                kind = SPACE
                while i < end:
                    others = ~word_bytes(data, i)
                    step = min(first_bit(others) if others else np.int64(64), end - i)
                    if step > 0 and letter_bytes(data, i) & (ALL_BITS >> _U(64 - step)):
                        alpha = 1
                    i += step
                    if step < 64:
                        break
                if i < end and data[i] >= 0x80:
                    point, size = decode(data, i)
                    kind = class_of(entry_of(point, tables))
            if i < end and LETTER <= kind <= TRANSPARENT:  # it goes on, in letters or unseen
                out[WORDS], out[CHARS], out[RUN], out[SEEN] = count, chars, run, last_at
                i = read_words(data, first, start, end, tables, words, words, words, lengths, out)
                count, chars, run, last_at = out[WORDS], out[CHARS], out[RUN], out[SEEN]
            else:
                words[count] = ascii_word(data, first, i - first)
                lengths[count] = i - first
                count += 1
                out[ALPHA_WORDS] += alpha
                chars += i - first
                last_at = chars
                run = 0
            last_char = 97
            dots = 0
            ender = False
            for w in range(fresh, count):
                h = words[w]
                word_chars += lengths[w]
                h_line = (h_line + h) * _K
                named2 = named1
                named1 = named_word(h, tables)
                if named1:
                    if named1 <= _STOPS:
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
            if i < end and data[i] == 32:  # as most words end: what the branch for white space would do
                bad_line |= chars - token_at > 1000
                in_token = False
                run = 0
                chars += 1
                i += 1
            continue
        i += size
        if kind == SPACE:
            if i <= end:
                chars += 1
            run = 0
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
                    line_hash[lines] = mix(
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
        if kind == INVISIBLE:
            out[INVISIBLES] += 1
            run += 1
            out[INVISIBLE_RUN] = max(out[INVISIBLE_RUN], run)
            continue
        if kind == TRANSPARENT:
            continue
        run = 0
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
                point == 34 or point == 39 or point == 41 or point == 93 or point == 0x201D or point == 0x2019
            ):
                ender = False
            if point == 0x3002 or point == 0xFF01 or point == 0xFF1F:
                line_sentences += 1
        named1 = 0
    out[CHARS] = chars
    out[WORD_CHARS] = word_chars
    out[HASHES] = hashes
    out[ELLIPSES] = ellipses
    out[CURLY] = curly
    out[NEWLINES] = newlines
    out[LOREM] = lorem
    out[STOPS] = stops
    out[STOP_MASK] = stop_mask
    out[SENTENCES] = sentences
    out[LINES] = lines
    return count


@part
def seen_before(value: Any, table: Any, mask: Any, shift: Any) -> Any:
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


@part
def line_statistics(scratch: Any, lines: Any, chars: Any, table: Any, out: Any, integers: Any) -> Any:
    """Shares of lines and paragraphs, and `integers[0]`, the number of paragraphs.

    `out` holds duplicate lines, their characters, duplicate paragraphs, their characters, then lines with a
    bullet, an ellipsis, a terminal mark, and short ones.
    """
    line_hash, line_chars, line_flags = scratch.line_hash, scratch.line_chars, scratch.line_flags
    out[:] = 0.0
    integers[0] = 0
    if lines == 0:
        return
    bits = table_bits(lines)
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
                    h = mix(h * _K + line_hash[j])
                    length += 1 + line_chars[j]
                    j += 1
            if seen_before(h, table, mask, shift):
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
