"""Words of a text and a hash of each: what every other figure of the text pass is made from.

A word's hash covers the UTF-8 of its lower-cased letters, eight bytes at a time, and nothing else: not its
place, its document or how wide the processor's registers are. In scripts without spaces each character is a word
(see `wellkeeper.core.signals`).

`find_words` looks at 64 bytes at once while they are ASCII, and goes on letter by letter where they are not.
"""

from importlib.resources import files
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from wellkeeper.kernels.vector import first_bit, high_bytes, load64, word_bytes
from wellkeeper.native import part

_U = np.uint64
SEED = _U(0xCBF29CE484222325)
_ONE = _U(0x9E3779B97F4A7C15)  # odd numbers with about as many ones as noughts
_TWO = _U(0xD6E8FEB86659FD93)
_SHIFT = _U(32)
_BIT_6 = _U(0x4040404040404040)
_BIT_7 = _U(0x8080808080808080)
_WORD64 = _U(0xFFFFFFFFFFFFFFFF)

# classes of unicode.npz, see tools/make_unicode_tables.py
SEPARATOR, LETTER, OTHER_WORD, UNSPACED, INVISIBLE, TRANSPARENT, SPACE = range(7)
NOT_ASCII = 255

# Words the pass has to recognise. 1..8 are Gopher's stop words [1]; the others serve C4's line rules [2].
# [1] Rae et al., Scaling language models: Gopher, arXiv:2112.11446, appendix A.1.1.
# [2] Raffel et al., Exploring the limits of transfer learning (C4), JMLR 21(140), 2020, section 2.2.
STOP_WORDS = ("the", "be", "to", "of", "and", "that", "have", "with")
NAMED_WORDS = (
    *STOP_WORDS, "lorem", "ipsum", "javascript", "terms", "use", "privacy", "cookie", "policy", "uses", "cookies"
)  # fmt: skip
_NAMED_BITS = 12


def hash_word(word: str) -> int:
    """The hash of one word, as the pass makes it; the word must be lower case.

    >>> hash_word("the") == hash_word("of")
    False
    """
    data = bytes(byte | 0x20 if 0x40 <= byte < 0x80 else byte for byte in word.encode())
    value, last = int(SEED), max(0, (len(data) - 1) // 8 * 8)
    for at in range(0, last, 8):
        value = _absorbed(value, int.from_bytes(data[at : at + 8], "little"))
    value = _absorbed(value ^ len(data) * int(_ONE) % 2**64, int.from_bytes(data[last:], "little"))
    value = value * int(_ONE) % 2**64
    return value ^ value >> 32


def _absorbed(value: int, eight: int) -> int:
    value = (value ^ eight) * int(_TWO) % 2**64
    return value ^ value >> 32


class Tables(NamedTuple):
    """Lookup tables of the pass, each an array."""

    ascii_class: NDArray[np.uint8]  # (256,), NOT_ASCII from 128 on
    class_index: NDArray[np.uint16]  # (4352,)
    class_pages: NDArray[np.uint8]  # (pages, 256)
    shift_index: NDArray[np.uint16]  # (4352,)
    shift_pages: NDArray[np.int32]  # (pages, 256): lower case minus upper case
    named_slot: NDArray[np.uint8]  # (4096,): top bits of a word's hash -> number of a named word, 0 if none
    named_hash: NDArray[np.uint64]  # (19,): its full hash


TABLES = "const u8[:], const u16[:], const u8[:,:], const u16[:], const i32[:,:], const u8[:], const u64[:]"
"""The signature of `Tables` as arguments of a loop."""


def load_tables() -> Tables:
    """Tables for `wellkeeper.kernels.text`, read from the package."""
    with (files("wellkeeper.kernels") / "unicode.npz").open("rb") as stream, np.load(stream) as stored:
        class_index, class_pages = stored["class_index"], stored["class_pages"]
        shift_index, shift_pages = stored["shift_index"], stored["shift_pages"].astype(np.int32)
    ascii_class = np.full(256, NOT_ASCII, np.uint8)
    ascii_class[:128] = class_pages[class_index[0]][:128]
    named_slot = np.zeros(1 << _NAMED_BITS, np.uint8)
    named_hash = np.zeros(len(NAMED_WORDS) + 1, np.uint64)
    for number, word in enumerate(NAMED_WORDS, 1):
        named_hash[number] = hash_word(word)
        slot = hash_word(word) >> 64 - _NAMED_BITS
        if named_slot[slot]:
            raise AssertionError(f"named words share slot {slot}: widen the table")
        named_slot[slot] = number
    return Tables(ascii_class, class_index, class_pages, shift_index, shift_pages, named_slot, named_hash)


@part
def named_word(h: Any, tables: Any) -> Any:
    """The number of a named word, from 1; 0 for any other."""
    number = np.int64(tables.named_slot[h >> _U(64 - _NAMED_BITS)])
    if number and tables.named_hash[number] == h:
        return number
    return 0


@part
def decode(data: Any, i: Any) -> Any:
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


@part
def class_of(point: Any, tables: Any) -> Any:
    return tables.class_pages[tables.class_index[point >> 8], point & 255]


@part
def lowered(point: Any, tables: Any) -> Any:
    return point + np.int64(tables.shift_pages[tables.shift_index[point >> 8], point & 255])


@part
def _absorb(h: Any, eight: Any) -> Any:
    h = (h ^ eight) * _TWO
    return h ^ (h >> _SHIFT)


@part
def _finish(h: Any, last: Any, size: Any) -> Any:
    h = _absorb(h ^ _U(size) * _ONE, last) * _ONE
    return h ^ (h >> _SHIFT)


@part
def ascii_word(data: Any, start: Any, size: Any) -> Any:
    """Hash of the ASCII word data[start:start + size], size at least 1; reads up to 8 bytes beyond it."""
    h = SEED
    left = size
    while left > 8:
        eight = load64(data, start)
        h = _absorb(h, eight | ((eight & _BIT_6) >> _U(1)))
        start += 8
        left -= 8
    last = load64(data, start) & (_WORD64 >> _U(64 - 8 * left))
    return _finish(h, last | ((last & _BIT_6) >> _U(1)), size)


@part
def word_of_points(h: Any, pending: Any, size: Any) -> Any:
    """Hash of a word whose letters went through `push_point`, at least one of them."""
    return _finish(h, pending, size)


@part
def push_point(point: Any, h: Any, pending: Any, size: Any) -> Any:
    """Add the UTF-8 of a lower-cased letter to a word's hash; `pending` are its last 1 to 8 bytes so far."""
    if point < 0x80:
        if point >= 0x40:
            point |= 0x20
        return _push(point, h, pending, size)
    if point < 0x800:
        h, pending, size = _push(0xC0 | (point >> 6), h, pending, size)
    else:
        if point < 0x10000:
            h, pending, size = _push(0xE0 | (point >> 12), h, pending, size)
        else:
            h, pending, size = _push(0xF0 | (point >> 18), h, pending, size)
            h, pending, size = _push(0x80 | ((point >> 12) & 0x3F), h, pending, size)
        h, pending, size = _push(0x80 | ((point >> 6) & 0x3F), h, pending, size)
    return _push(0x80 | (point & 0x3F), h, pending, size)


@part
def _push(byte: Any, h: Any, pending: Any, size: Any) -> Any:
    place = size & 7
    if place == 0 and size > 0:
        h = _absorb(h, pending)
        pending = _U(0)
    return h, pending | (_U(byte) << _U(8 * place)), size + 1


WORDS, CHARS, INVISIBLES, INVISIBLE_RUN, RUN = range(5)
"""What `find_words` counts, by place in `figures`."""


def _finder(*, places: bool) -> Any:
    """`find_words`, which also writes where each word starts and ends if `places`, a constant when compiled."""

    @part
    def letter_by_letter(
        data: Any,
        i: Any,
        start: Any,
        end: Any,
        tables: Any,
        words: Any,
        firsts: Any,
        lasts: Any,
        figures: Any,
    ) -> Any:
        """Go on from byte i, where a word or a character beyond ASCII starts, to plain ASCII outside words."""
        count, chars = figures[WORDS], figures[CHARS]
        invisibles, invisible_run, run = figures[INVISIBLES], figures[INVISIBLE_RUN], figures[RUN]
        h, pending, size = SEED, _U(0), 0
        first = i
        last = i
        while i < end:
            point = np.int64(data[i])
            kind = tables.ascii_class[point]
            width = 1
            if kind == NOT_ASCII:
                point, width = decode(data, i)
                kind = class_of(point, tables)
            if (
                kind == INVISIBLE or kind == TRANSPARENT
            ):  # what cannot be seen inside a word does not split it
                if kind == INVISIBLE:
                    invisibles += 1
                    run += 1
                    invisible_run = max(invisible_run, run)
            else:
                run = 0
                if size > 0 and kind != LETTER and kind != OTHER_WORD:
                    words[count] = word_of_points(h, pending, size)
                    if places:
                        firsts[count], lasts[count] = first - start, last - start
                    count += 1
                    h, pending, size = SEED, _U(0), 0
                if kind == LETTER or kind == OTHER_WORD or kind == UNSPACED:
                    if size == 0:
                        first = i
                    last = i + width
                    h, pending, size = push_point(lowered(point, tables), h, pending, size)
                    if kind == UNSPACED:
                        words[count] = word_of_points(h, pending, size)
                        if places:
                            firsts[count], lasts[count] = first - start, last - start
                        count += 1
                        h, pending, size = SEED, _U(0), 0
            chars += 1
            i += width
            if width == 1 and size == 0 and not load64(data, i) & _BIT_7:
                break
        if size > 0:
            words[count] = word_of_points(h, pending, size)
            if places:
                firsts[count], lasts[count] = first - start, last - start
            count += 1
        figures[WORDS], figures[CHARS] = count, chars
        figures[INVISIBLES], figures[INVISIBLE_RUN], figures[RUN] = invisibles, invisible_run, run
        return i

    @part
    def find_words(
        data: Any, start: Any, end: Any, tables: Any, words: Any, firsts: Any, lasts: Any, figures: Any
    ) -> Any:
        """Write the hash of each word of data[start:end] to `words` and the counts above to `figures`.

        The bytes must be valid UTF-8 and followed by `PADDING` more. Returns the number of words.
        """
        figures[:5] = 0
        count = 0
        chars = 0
        i = start
        while i < end:
            mask = word_bytes(data, i)
            high = high_bytes(data, i)
            limit = min(np.int64(64), end - i)
            if limit < 64:
                high &= (_U(1) << _U(limit)) - _U(1)
            if high:
                limit = first_bit(high)
            if limit < 64:
                mask &= (_U(1) << _U(limit)) - _U(1)
            edges = mask ^ (mask << _U(1))
            reached = limit  # bytes that are dealt with after this step
            while edges:
                first = first_bit(edges)
                edges &= edges - _U(1)
                if not edges:  # the word goes on behind these 64 bytes
                    reached = first
                    break
                last = first_bit(edges)
                edges &= edges - _U(1)
                if high and last == limit:  # it may go on with a letter beyond ASCII
                    reached = first
                    break
                words[count] = ascii_word(data, i + first, last - first)
                if places:
                    firsts[count], lasts[count] = i + first - start, i + last - start
                count += 1
            if reached > 0:
                figures[RUN] = 0
                chars += reached
                i += reached
            if high or reached == 0:
                figures[WORDS] = count
                i = letter_by_letter(data, i, start, end, tables, words, firsts, lasts, figures)
                count = figures[WORDS]
        figures[WORDS] = count
        figures[CHARS] += chars
        return count

    return find_words


find_words = _finder(places=False)
find_word_places = _finder(places=True)
