"""Words of a text and a hash of each: what every other figure of the text pass is made from.

A word is a run of letters, marks, digits and underscores as `wellkeeper.kernels.normalise` folds them; in scripts
written without spaces, of one character with its marks. Its hash covers the UTF-8 of these folded characters, eight
bytes at a time, and nothing else: not its place, its document or how wide the processor's registers are. Marks are
hashed in their canonical order [3].

`find_words` looks at 64 bytes at once while they are ASCII, and goes on letter by letter where they are not.

[3] The Unicode Standard, section 3.11, Normalization Forms.
"""

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from wellkeeper.kernels.normalise import (
    HANGUL,
    INVISIBLE,
    LETTER,
    MARK,
    OTHER_WORD,
    SEPARATOR,
    SEVERAL,
    SPACE,
    TRANSPARENT,
    UNSPACED,
    character,
    character_tables,
    class_of,
    entry_of,
    fold_of,
    folded,
    parts_of,
    rank_of,
    spelled,
    third_letter,
    utf8_of,
)  # fmt: skip
from wellkeeper.lanes import first_bit, high_bytes, load64, word_bytes
from wellkeeper.native import inlined, part, structure

_U = np.uint64
SEED = _U(0xCBF29CE484222325)
_ONE = _U(0x9E3779B97F4A7C15)  # odd numbers with about as many ones as noughts
_TWO = _U(0xD6E8FEB86659FD93)
_SHIFT = _U(32)
_BIT_6 = _U(0x4040404040404040)
_BIT_7 = _U(0x8080808080808080)
_WORD64 = _U(0xFFFFFFFFFFFFFFFF)

# Words the pass has to recognise. 1..8 are Gopher's stop words [1]; the others serve C4's line rules [2].
# [1] Rae et al., Scaling language models: Gopher, arXiv:2112.11446, appendix A.1.1.
# [2] Raffel et al., Exploring the limits of transfer learning (C4), JMLR 21(140), 2020, section 2.2.
STOP_WORDS = ("the", "be", "to", "of", "and", "that", "have", "with")
NAMED_WORDS = (
    *STOP_WORDS, "lorem", "ipsum", "javascript", "terms", "use", "privacy", "cookie", "policy", "uses", "cookies"
)  # fmt: skip
_NAMED_BITS = 12


def hash_word(word: str) -> int:
    """The hash of one word, as the pass makes it; the word must be folded.

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
    """Lookup tables of the pass, each an array: those of `CharacterTables`, and the named words."""

    ascii_class: NDArray[np.uint8]
    page_of: NDArray[np.uint16]
    entries: NDArray[np.int32]
    ranks: NDArray[np.uint8]
    expansions: NDArray[np.int64]
    named_slot: NDArray[np.uint8]  # (4096,): top bits of a word's hash -> number of a named word, 0 if none
    named_hash: NDArray[np.uint64]  # (19,): its full hash


TABLES = structure(
    Tables,
    "const u8[:], const u16[:], const i32[:,:], const u8[:,:], const i64[:], const u8[:], const u64[:]",
)
"""`Tables` as an argument of a loop."""


def load_tables() -> Tables:
    """Tables for `wellkeeper.kernels.text`, read from the package."""
    named_slot = np.zeros(1 << _NAMED_BITS, np.uint8)
    named_hash = np.zeros(len(NAMED_WORDS) + 1, np.uint64)
    for number, word in enumerate(NAMED_WORDS, 1):
        named_hash[number] = hash_word(word)
        slot = hash_word(word) >> 64 - _NAMED_BITS
        if named_slot[slot]:
            raise AssertionError(f"named words share slot {slot}: widen the table")
        named_slot[slot] = number
    return Tables(*character_tables(), named_slot, named_hash)


@part
def named_word(h: Any, tables: Any) -> Any:
    """The number of a named word, from 1; 0 for any other."""
    number = np.int64(tables.named_slot[h >> _U(64 - _NAMED_BITS)])
    if number and tables.named_hash[number] == h:
        return number
    return 0


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
def _push(code: Any, width: Any, h: Any, pending: Any, size: Any) -> Any:
    """Add 1 to 8 bytes of UTF-8 to a word's hash; `pending` are its last 1 to 8 bytes so far."""
    place = size & 7
    if place == 0 and size > 0:
        h = _absorb(h, pending)
        pending = _U(0)
    pending |= code << _U(8 * place)
    if place + width > 8:
        h = _absorb(h, pending)
        pending = code >> _U(8 * (8 - place))
    return h, pending, size + width


@part
def _push_point(point: Any, h: Any, pending: Any, size: Any) -> Any:
    """Add a folded character."""
    code, width = utf8_of(point)
    if width == 1:
        code |= (code & _BIT_6) >> _U(1)
    return _push(code, width, h, pending, size)


@part
def _push_in_order(
    data: Any, i: Any, k: Any, behind: Any, end: Any, tables: Any, h: Any, pending: Any, size: Any
) -> Any:
    """Add characters and all marks behind them, these by their ranks (canonical ordering, [3] D108 and D109).

    The characters are the k-th of those that the one at byte i folds to, or those from byte i to `behind`, if that is
    further. Returns the hash so far and the byte behind the marks. Each pass adds the marks of one rank, of which
    there are few, whatever the number of marks.
    """
    point, width = character(data, i)
    while i + width < behind:
        fold = fold_of(entry_of(point, tables))
        for each in range(parts_of(point, fold, tables.expansions)):
            h, pending, size = _push_point(folded(point, fold, each, tables.expansions), h, pending, size)
        i += width
        point, width = character(data, i)
    entry = entry_of(point, tables)
    if class_of(entry) == HANGUL:  # marks stand on the last letter of the syllable
        fold = fold_of(entry)
        k = parts_of(point, fold, tables.expansions) - 1
        for each in range(k):
            h, pending, size = _push_point(folded(point, fold, each, tables.expansions), h, pending, size)
    rank = np.int64(0)
    while rank < 255:
        further = np.int64(255)
        at = i
        each = k
        first = True
        more = True
        while more and at < end:
            point, width = character(data, at)
            entry = entry_of(point, tables)
            kind = class_of(entry)
            if kind != INVISIBLE and kind != TRANSPARENT:
                if kind == SEPARATOR or kind == SPACE:
                    break
                fold = fold_of(entry)
                parts = parts_of(point, fold, tables.expansions)
                while each < parts:
                    letter = folded(point, fold, each, tables.expansions)
                    found = rank_of(letter, tables)
                    if found == 0 and not first:
                        more = False
                        break
                    if found == rank:
                        h, pending, size = _push_point(letter, h, pending, size)
                    elif found > rank:
                        further = min(further, found)
                    first = False
                    each += 1
            each = 0
            if more:
                at += width
        rank = further
    return h, pending, size, at


WORDS, CHARS, INVISIBLES, INVISIBLE_RUN, RUN, ALPHA_WORDS, SEEN = range(7)
"""What the loops below count, by place in `figures`; SEEN is CHARS as it was behind the last word."""
FIGURES = 7


def _reader(*, places: bool, lengths: bool, through: bool) -> Any:
    """`read_words`, which also writes where words start and end or how many characters they have, as asked.

    With `through` it goes on behind words, to the next plain ASCII. All three are constants when compiled.
    """

    @part
    def write(found: Any, count: Any, h: Any, first: Any, last: Any, letters: Any) -> Any:
        words, firsts, lasts, sizes = found
        words[count] = h
        if places:
            firsts[count], lasts[count] = first, last
        if lengths:
            sizes[count] = letters

    @inlined
    def read_words(
        data: Any, i: Any, start: Any, end: Any, tables: Any,
        words: Any, firsts: Any, lasts: Any, sizes: Any, figures: Any,
    ) -> Any:  # fmt: skip
        """The words from byte i to the first character that stands in no word; returns where that is."""
        found = (words, firsts, lasts, sizes)
        count, chars, seen = figures[WORDS], figures[CHARS], figures[SEEN]
        invisibles, invisible_run, run = figures[INVISIBLES], figures[INVISIBLE_RUN], figures[RUN]
        alpha_words = figures[ALPHA_WORDS]
        # the word being read
        h, pending, size = SEED, _U(0), np.int64(0)
        first = i
        last = i
        letters = 0
        alpha = 0
        alone = False  # it is of an unspaced script: nothing but marks can follow
        rank = np.int64(0)  # of what came last
        # where its last characters that are no marks start and end, as `_push_in_order` wants it, and the hash before
        base, base_part, behind = i, np.int64(0), i
        base_h, base_pending, base_size = h, pending, size
        ordered = i  # marks before this byte are in the hash already
        while i < end:
            point, width = character(data, i)
            entry = entry_of(point, tables)
            kind = class_of(entry)
            if kind == SEPARATOR or kind == SPACE:
                if not through:
                    break
                if size > 0:
                    write(found, count, _finish(h, pending, size), first - start, last - start, letters)
                    count += 1
                    h, pending, size = SEED, _U(0), np.int64(0)
                    alone = False
                run = 0
                chars += 1
                i += width
                if not load64(data, i) & _BIT_7:
                    break
                continue
            if kind == INVISIBLE or kind == TRANSPARENT:
                # what cannot be seen inside a word does not split it
                if kind == INVISIBLE:
                    invisibles += 1
                    run += 1
                    invisible_run = max(invisible_run, run)
                chars += 1
                i += width
                continue
            run = 0
            if kind <= HANGUL:
                if alone:
                    write(found, count, _finish(h, pending, size), first - start, last - start, letters)
                    count += 1
                    alpha_words += alpha
                    h, pending, size = SEED, _U(0), np.int64(0)
                    alone = False
                if size == 0:
                    first = i
                    letters = 0
                    alpha = 0
                base, base_part = i, np.int64(0)
                base_h, base_pending, base_size = h, pending, size
                many = 0
                about = np.int64(0)
                while kind <= HANGUL and kind != SEPARATOR:
                    code, about = spelled(point, entry, tables.expansions)
                    if about == 1:
                        code |= (code & _BIT_6) >> _U(1)
                    h, pending, size = _push(code, about & 255, h, pending, size)
                    if kind == HANGUL and third_letter(point) > 0:
                        h, pending, size = _push_point(third_letter(point), h, pending, size)
                    alpha |= np.int64(kind != OTHER_WORD)
                    many += 1
                    i += width
                    if i >= end:
                        break
                    point, width = character(data, i)
                    entry = entry_of(point, tables)
                    kind = class_of(entry)
                rank = about >> 8
                last = i
                behind = i
                letters += many
                chars += many
                seen = chars
                continue
            if kind == UNSPACED:
                if size > 0:
                    write(found, count, _finish(h, pending, size), first - start, last - start, letters)
                    count += 1
                    alpha_words += alpha
                pending, size = utf8_of(point + fold_of(entry))
                h = SEED
                alone = True
                rank = np.int64(0)
                base, base_part, behind = i, np.int64(0), i
                base_h, base_pending, base_size = h, _U(0), np.int64(0)
                first = i
                letters = 1
                alpha = 1
                chars += 1
                seen = chars
                i += width
                last = i
                continue
            fold = fold_of(entry)
            counted = False
            for k in range(parts_of(point, fold, tables.expansions)):
                letter = folded(point, fold, k, tables.expansions)
                unit = class_of(entry_of(letter, tables)) if kind == SEVERAL else kind
                if size > 0 and (
                    unit == UNSPACED or unit == SEPARATOR or unit == SPACE or (alone and unit != MARK)
                ):
                    write(found, count, _finish(h, pending, size), first - start, last - start, letters)
                    count += 1
                    alpha_words += alpha
                    h, pending, size = SEED, _U(0), np.int64(0)
                    alone = False
                if unit == SEPARATOR or unit == SPACE or (size == 0 and unit == MARK):
                    continue
                if size == 0:
                    first = i
                    letters = 0
                    alpha = 0
                    alone = unit == UNSPACED
                    counted = False
                letters += not counted
                counted = True
                alpha |= np.int64(unit == LETTER or unit == UNSPACED)
                last = i + width
                its_rank = rank_of(letter, tables) if unit == MARK else np.int64(0)
                if its_rank == 0:
                    base, base_part, behind = i, np.int64(k), i
                    base_h, base_pending, base_size = h, pending, size
                elif i < ordered:
                    continue
                elif its_rank < rank:
                    h, pending, size, ordered = _push_in_order(
                        data, base, base_part, behind, end, tables, base_h, base_pending, base_size
                    )
                    continue
                rank = its_rank
                h, pending, size = _push_point(letter, h, pending, size)
            chars += 1
            seen = chars
            i += width
        if size > 0:
            write(found, count, _finish(h, pending, size), first - start, last - start, letters)
            count += 1
            alpha_words += alpha
        figures[WORDS], figures[CHARS], figures[SEEN] = count, chars, seen
        figures[INVISIBLES], figures[INVISIBLE_RUN], figures[RUN] = invisibles, invisible_run, run
        figures[ALPHA_WORDS] = alpha_words
        return i

    return read_words


read_words = _reader(places=False, lengths=True, through=False)


def _finder(*, places: bool) -> Any:
    """`find_words`, which also writes where each word starts and ends if `places`, a constant when compiled."""
    letter_by_letter = _reader(places=places, lengths=False, through=True)

    @part
    def find_words(
        data: Any, start: Any, end: Any, tables: Any, words: Any, firsts: Any, lasts: Any, figures: Any
    ) -> Any:
        """Write the hash of each word of data[start:end] to `words` and the counts above to `figures`.

        The bytes must be valid UTF-8 and followed by `PADDING` more. Returns the number of words.
        """
        figures[:FIGURES] = 0
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
                i = letter_by_letter(data, i, start, end, tables, words, firsts, lasts, words, figures)
                count = figures[WORDS]
        figures[WORDS] = count
        figures[CHARS] += chars
        return count

    return find_words


find_words = _finder(places=False)
find_word_places = _finder(places=True)
