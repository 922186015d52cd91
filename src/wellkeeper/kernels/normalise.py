"""Characters as words compare them: folded case, one form of letters that have several, marks in one order.

A text reaches a corpus in many spellings of the same letters: upper case, full width, ligatures, accents apart from
their letters. Words are compared in the Unicode form NFKC_Casefold [1], decomposed: "Straße" is "STRASSE", the
ligature U+FB01 is "fi", and "é" is "e" with an accent however it was written. A character's form does not depend on
its neighbours, but for the order of several marks on one letter.

Three things are left as they are: the signs (TM) and (SM), which hang on a word and are no part of it; what would give
more words than it has bytes, such as U+FDFA, a sentence; and the Greek iota below, which stays a mark.

[1] The Unicode Standard, section 3.13, Default Case Algorithms.
[2] The same, section 3.12, Conjoining Jamo Behavior.
"""

from importlib.resources import files
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from wellkeeper.native import part

# Classes of characters. Words start with those from LETTER to SEVERAL, of which those up to HANGUL are a character of a
# word and nothing else, once folded: COMPOSED to a letter and its marks, HANGUL to the letters of a syllable. Each
# UNSPACED character starts a word, SEVERAL stands for any row of all these, and a MARK belongs to what stands before
# it, be that a word or not.
SEPARATOR, LETTER, OTHER_WORD, COMPOSED, HANGUL, UNSPACED, SEVERAL, MARK, INVISIBLE, TRANSPARENT, SPACE = (
    range(11)
)
NOT_ASCII = 255

# Folds: below EXPANDED the distance to the folded code point, from it on a place in `expansions`.
EXPANDED = 1 << 24
JAMO = 1 << 25  # and this for a Hangul syllable


class CharacterTables(NamedTuple):
    """Lookup tables by code point, in pages of 256 of which equal ones are stored once; see `page_of`."""

    ascii_class: NDArray[np.uint8]  # (256,): class of a byte, NOT_ASCII from 128 on
    page_of: NDArray[np.uint16]  # (4352,): page of a code point without its last 8 bits
    entries: NDArray[np.int32]  # (pages, 256): 16 times the fold, plus the class
    ranks: NDArray[np.uint8]  # (pages, 256): canonical combining class, 0 for all but some marks
    # of each fold that is more than one code point: their number, plus the number of their bytes in UTF-8 times 256,
    # plus the rank of the last one times 65536; the first eight of these bytes; then the code points
    expansions: NDArray[np.int64]


def character_tables() -> CharacterTables:
    """The tables, read from the package."""
    with (files("wellkeeper.kernels") / "unicode.npz").open("rb") as stream, np.load(stream) as stored:
        names = [name for name in CharacterTables._fields if name != "ascii_class"]
        tables = {name: stored[name] for name in names}
    ascii_class = np.full(256, NOT_ASCII, np.uint8)
    ascii_class[:128] = tables["entries"][tables["page_of"][0]][:128] & 15
    return CharacterTables(ascii_class, **tables)


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
def character(data: Any, i: Any) -> Any:
    """The code point that starts at byte i of valid UTF-8, and its bytes."""
    if data[i] < 0x80:
        return np.int64(data[i]), 1
    return decode(data, i)


@part
def entry_of(point: Any, tables: Any) -> Any:
    """What the tables say of a code point; see `class_of` and `fold_of`."""
    return np.int64(tables.entries[tables.page_of[point >> 8], point & 255])


@part
def class_of(entry: Any) -> Any:
    return entry & 15


@part
def fold_of(entry: Any) -> Any:
    return entry >> 4


@part
def rank_of(point: Any, tables: Any) -> Any:
    return np.int64(tables.ranks[tables.page_of[point >> 8], point & 255])


@part
def utf8_of(point: Any) -> Any:
    """A code point as one little-endian number of 1 to 4 bytes, and how many."""
    if point < 0x80:
        return np.uint64(point), np.int64(1)
    tail = 0x80 | (point & 0x3F)
    if point < 0x800:
        return np.uint64(0xC0 | (point >> 6) | tail << 8), np.int64(2)
    tail = 0x80 | (point >> 6 & 0x3F) | tail << 8
    if point < 0x10000:
        return np.uint64(0xE0 | (point >> 12) | tail << 8), np.int64(3)
    tail = 0x80 | (point >> 12 & 0x3F) | tail << 8
    return np.uint64(0xF0 | (point >> 18) | tail << 8), np.int64(4)


@part
def spelled(point: Any, entry: Any, expansions: Any) -> Any:
    """What a character of a class from LETTER to HANGUL folds to, in UTF-8 as one little-endian number.

    And the number of its bytes, plus 256 times the rank of its last code point. Of a Hangul syllable these are the
    first two letters: with a third it has nine bytes.
    """
    kind, fold = class_of(entry), fold_of(entry)
    if kind == COMPOSED:
        return np.uint64(expansions[fold - EXPANDED + 1]), expansions[fold - EXPANDED] >> 8
    if kind == HANGUL:
        lead, vowel = (point - 0xAC00) // 588, (point - 0xAC00) % 588 // 28
        return np.uint64(_FIRST_SYLLABLE + (lead << 16) + (vowel << 40)), np.int64(6)
    return utf8_of(point + fold)


_FIRST_SYLLABLE = int.from_bytes(
    "\u1100\u1161".encode(), "little"
)  # both letters count on in their third byte


@part
def third_letter(point: Any) -> Any:
    """The last letter of a Hangul syllable; 0 if it has but two."""
    tail = (point - 0xAC00) % 28
    return 0x11A7 + tail if tail else 0


@part
def parts_of(point: Any, fold: Any, expansions: Any) -> Any:
    """How many code points a character folds to."""
    if fold < EXPANDED:
        return np.int64(1)
    if fold < JAMO:
        return expansions[fold - EXPANDED] & 255
    return np.int64(2 if (point - 0xAC00) % 28 == 0 else 3)


@part
def folded(point: Any, fold: Any, k: Any, expansions: Any) -> Any:
    """The k-th code point, from 0, of those that a character folds to."""
    if fold < EXPANDED:
        return point + fold
    if fold < JAMO:
        return expansions[fold - EXPANDED + 2 + k]
    syllable = point - 0xAC00  # arithmetic of [2]
    if k == 0:
        return 0x1100 + syllable // 588
    if k == 1:
        return 0x1161 + syllable % 588 // 28
    return 0x11A7 + syllable % 28
