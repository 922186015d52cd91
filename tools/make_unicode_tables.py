"""Write src/wellkeeper/kernels/unicode.npz: classes and lower case of every code point, as two-stage tables.

Shipped as a file so that a text gives the same words under every Python version: `unicodedata` follows the
interpreter. Run again only with a new number of `kernels.text.VERSION`, since every hash depends on it.

    python tools/make_unicode_tables.py
"""

import sys
import unicodedata
from pathlib import Path

import numpy as np

SEPARATOR, LETTER, OTHER_WORD, UNSPACED, INVISIBLE, TRANSPARENT, SPACE = range(7)

# Scripts written without spaces between words (Unicode blocks): each character is a word of its own.
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
    (0x180E, 0x180E),
    (0x200B, 0x200F),
    (0x202A, 0x202E),
    (0x2060, 0x206F),
    (0xFE00, 0xFE0D),
    (0xFEFF, 0xFEFF),
    (0xE0000, 0xE01EF),
)
# Soft hyphen, and the selectors that only choose between text and emoji: skipped, and nothing to count.
TRANSPARENT_POINTS = (0x00AD, 0xFE0E, 0xFE0F)


def class_of(point: int) -> int:
    if point in TRANSPARENT_POINTS:
        return TRANSPARENT
    if any(low <= point <= high for low, high in INVISIBLE_RANGES):
        return INVISIBLE
    letter = chr(point)
    category = unicodedata.category(letter)
    if letter.isspace():
        return SPACE
    if category[0] not in "LMN" and category != "Pc":
        return SEPARATOR
    if any(low <= point <= high for low, high in UNSPACED_RANGES):
        return UNSPACED
    return LETTER if category[0] == "L" else OTHER_WORD


def lower_of(point: int) -> int:
    lowered = chr(point).lower()
    return ord(lowered) if len(lowered) == 1 else point


def two_stage(values: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    pages, index = np.unique(values.reshape(-1, 256), axis=0, return_inverse=True)
    return index.astype(np.uint16).ravel(), pages


def main() -> None:
    points = range(sys.maxunicode + 1)
    surrogate = range(0xD800, 0xE000)
    classes = np.array([SEPARATOR if p in surrogate else class_of(p) for p in points], np.uint8)
    lower = np.array([p if p in surrogate else lower_of(p) for p in points], np.int32)
    class_index, class_pages = two_stage(classes)
    shift_index, shift_pages = two_stage(lower - np.arange(len(lower), dtype=np.int32))
    target = Path(__file__).parents[1] / "src" / "wellkeeper" / "kernels" / "unicode.npz"
    np.savez_compressed(
        target,
        class_index=class_index,
        class_pages=class_pages,
        shift_index=shift_index,
        shift_pages=shift_pages,
        unicode=np.array(unicodedata.unidata_version),
    )
    print(f"{target.name}: Unicode {unicodedata.unidata_version}, {target.stat().st_size:,} bytes")


if __name__ == "__main__":
    main()
