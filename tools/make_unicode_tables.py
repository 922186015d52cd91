"""Write src/wellkeeper/kernels/unicode.npz: what `wellkeeper.kernels.normalise` knows of every code point.

Shipped as a file so that a text gives the same words under every Python version: `unicodedata` follows the
interpreter. Run again only with a new number of `kernels.text.VERSION`, since every hash depends on it.

    python tools/make_unicode_tables.py

[1] The Unicode Standard, section 3.13, Default Case Algorithms: NFKC_Casefold.
[2] Unicode Standard Annex 15, Unicode Normalization Forms.
"""

import sys
import unicodedata
from pathlib import Path

import numpy as np

from wellkeeper.kernels.normalise import (
    COMPOSED,
    EXPANDED,
    HANGUL,
    INVISIBLE,
    JAMO,
    LETTER,
    MARK,
    OTHER_WORD,
    SEPARATOR,
    SEVERAL,
    SPACE,
    TRANSPARENT,
    UNSPACED,
)  # fmt: skip

# Scripts written without spaces between words (Unicode blocks): each letter is a word of its own.
UNSPACED_RANGES = (
    (0x0E00, 0x0EFF),  # Thai, Lao
    (0x1000, 0x109F),  # Myanmar
    (0x1780, 0x17FF),  # Khmer
    (0x2E80, 0x2FDF),  # CJK radicals
    (0x3005, 0x3007),
    (0x3021, 0x3029),
    (0x3040, 0x30FF),  # Hiragana, Katakana
    (0x3100, 0x312F),  # Bopomofo
    (0x31A0, 0x31BF),
    (0x31F0, 0x31FF),
    (0x3400, 0x4DBF),  # CJK extension A
    (0x4E00, 0x9FFF),  # CJK
    (0xF900, 0xFAFF),
    (0xFF66, 0xFF9F),  # half-width Katakana
    (0x20000, 0x3FFFF),  # CJK extensions B and beyond
)
# Characters that render as nothing: zero-width, bidirectional controls, tags, variation selectors.
INVISIBLE_RANGES = (
    (0x061C, 0x061C),
    (0x180E, 0x180E),
    (0x200B, 0x200F),
    (0x202A, 0x202E),
    (0x2060, 0x206F),
    (0xFE00, 0xFE0D),
    (0xFEFF, 0xFEFF),
    (0xE0000, 0xE01EF),
)
# Skipped, and nothing to count: soft hyphen, the selectors that only choose between text and emoji, what holds marks
# apart, fillers, vowels that are never shown, Mongolian variants, and the Arabic tatweel, which only widens a word.
TRANSPARENT_POINTS = frozenset(
    (0x00AD, 0xFE0E, 0xFE0F, 0x034F, 0x115F, 0x1160, 0x3164, 0xFFA0, 0x17B4, 0x17B5, 0x180B, 0x180C, 0x180D, 0x180F,
     0x0640)
)  # fmt: skip
# Signs that hang on a word and are no part of it, though they stand for letters: (TM), (SM).
SIGNS = frozenset((0x2120, 0x2122))
# Folded to a letter, it would lose its place in the order of marks.
IOTA_BELOW = "\u0345"


def hidden(point: int) -> bool:
    return point in TRANSPARENT_POINTS or any(low <= point <= high for low, high in INVISIBLE_RANGES)


def in_word(letter: str) -> bool:
    category = unicodedata.category(letter)
    return (category[0] in "LMN" or category == "Pc") and not letter.isspace()


def unspaced(letter: str) -> bool:
    return any(low <= ord(letter) <= high for low, high in UNSPACED_RANGES)


def folded(point: int) -> str:
    """What a character is compared as: its NFKC_Casefold [1], decomposed [2]."""
    letter = chr(point)
    if point in SIGNS:
        return letter
    form = unicodedata.normalize("NFD", letter)
    for _ in range(2):
        form = unicodedata.normalize(
            "NFKD", "".join(part if part == IOTA_BELOW else part.casefold() for part in form)
        )
    form = "".join(part for part in form if not hidden(ord(part)))
    if not any(map(in_word, form)) or words_in(form) > len(letter.encode()):
        return letter
    return form if in_word(form[0]) or any(starts_word(part) for part in form) else letter


def starts_word(letter: str) -> bool:
    return in_word(letter) and unicodedata.category(letter)[0] != "M"


def words_in(text: str) -> int:
    """At most how many words a text adds to what stands around it."""
    return sum(
        starts_word(b) and (unspaced(b) or not in_word(a)) for a, b in zip(" " + text, text, strict=False)
    )


def class_of(point: int, fold: str) -> int:
    if point in TRANSPARENT_POINTS:
        return TRANSPARENT
    if hidden(point):
        return INVISIBLE
    if chr(point).isspace():
        return SPACE
    if 0xAC00 <= point <= 0xD7A3:
        return HANGUL
    if len(fold) == 1:
        return class_of_folded(fold)
    one = class_of_folded(fold[0]) == LETTER and all(map(unicodedata.combining, fold[1:]))
    return COMPOSED if one and len(fold.encode()) <= 8 else SEVERAL


def class_of_folded(letter: str) -> int:
    if not in_word(letter):
        return SEPARATOR
    if unicodedata.category(letter)[0] == "M":
        return MARK
    if unspaced(letter):
        return UNSPACED
    return LETTER if unicodedata.category(letter)[0] == "L" else OTHER_WORD


def tables() -> dict[str, np.ndarray]:
    size = sys.maxunicode + 1
    classes, folds = np.zeros(size, np.uint8), np.zeros(size, np.int32)
    ranks = np.zeros(size, np.uint8)  # canonical combining classes [2]
    expansions: list[int] = []
    places: dict[str, int] = {}
    for point in range(size):
        if 0xD800 <= point < 0xE000:
            continue  # surrogates are no characters: SEPARATOR
        fold = folded(point)
        classes[point] = class_of(point, fold)
        ranks[point] = unicodedata.combining(chr(point))
        if 0xAC00 <= point <= 0xD7A3:
            folds[point] = JAMO
        elif len(fold) == 1:
            folds[point] = ord(fold) - point
        else:
            order = [unicodedata.combining(letter) for letter in fold]
            assert order[0] == 0 or 0 not in order, "a run of marks would end inside a character"
            if fold not in places:
                places[fold] = len(expansions)
                data = fold.encode()
                expansions.append(len(fold) | len(data) << 8 | order[-1] << 16)
                expansions += [
                    int.from_bytes(data[:8].ljust(8, b"\0"), "little", signed=True),
                    *map(ord, fold),
                ]
            folds[point] = EXPANDED + places[fold]
    entries = 16 * folds + classes
    rows = np.concatenate([part.astype(np.int32).reshape(-1, 256) for part in (entries, ranks)], axis=1)
    pages, index = np.unique(rows, axis=0, return_inverse=True)
    return {
        "page_of": index.astype(np.uint16).ravel(),
        "entries": pages[:, :256].copy(),
        "ranks": pages[:, 256:].astype(np.uint8),
        "expansions": np.array(expansions, np.int64),
    }


def main() -> None:
    target = Path(__file__).parents[1] / "src" / "wellkeeper" / "kernels" / "unicode.npz"
    np.savez_compressed(target, unicode=np.array(unicodedata.unidata_version), **tables())
    print(f"{target.name}: Unicode {unicodedata.unidata_version}, {target.stat().st_size:,} bytes")


if __name__ == "__main__":
    main()
