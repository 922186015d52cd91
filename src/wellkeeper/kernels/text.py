"""One pass over a document's bytes: words, lines, sketch, quality and repetition statistics.

The pass finds the words (`wellkeeper.kernels.words`, or `lines` where statistics are wanted too), cuts them into
shingles and sketches these; all loops work on the hashes of words from then on.
"""

from itertools import pairwise
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from wellkeeper.kernels import lines, words
from wellkeeper.kernels.lines import SCRATCH, line_statistics, scratch_for, tokenise
from wellkeeper.kernels.repetition import repetition, table_bits
from wellkeeper.kernels.sketch import SHINGLE_WORDS, SLOTS, mix, shingle, sketch
from wellkeeper.kernels.words import TABLES, Tables, find_word_places, find_words, hash_word, load_tables
from wellkeeper.lanes import padded
from wellkeeper.native import loop, part

__all__ = [
    "ALWAYS", "INTEGERS", "SHARES", "SHINGLE_WORDS", "SLOTS", "VERSION", "Tables", "TextColumns", "hash_word",
    "load_tables", "shingle_sets", "text_pass", "word_hashes", "word_places",
]  # fmt: skip

VERSION = "text-pass.2"
"""Changes whenever any number that the pass makes can change: old sidecars are then made anew."""

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

ALWAYS = frozenset("chars words shingles invisible invisible_run".split())
"""Integer columns that are made even without statistics."""

_U = np.uint64
_K = _U(0x9E3779B97F4A7C15)


@loop(
    "const u8[:], const i64[:]", TABLES, "const i64[:,:], u64[:], u64[:], u32[:], i64[:], u64[:,:], i64[:,:]"
)
def _word_columns(
    data: Any, offsets: Any, tables: Any, bandings: Any, found: Any, shingles: Any, slots: Any,
    figures: Any, band_keys: Any, integers: Any,
) -> Any:  # fmt: skip
    """Band keys and the columns of `ALWAYS`."""
    for d in range(offsets.size - 1):
        count = find_words(data, offsets[d], offsets[d + 1], tables, found, figures, figures, figures)
        size = shingle(found, count, shingles)
        sketch(shingles, size, slots)
        _fill_bands(slots, bandings, band_keys, d)
        integers[0, d] = figures[words.CHARS]
        integers[1, d] = count
        integers[4, d] = size
        integers[5, d] = figures[words.INVISIBLES]
        integers[6, d] = figures[words.INVISIBLE_RUN]


@part
def _fill_bands(slots: Any, bandings: Any, band_keys: Any, d: Any) -> Any:
    at = 0
    for k in range(bandings.shape[0]):
        rows = bandings[k, 1]
        for b in range(bandings[k, 0]):
            h = _U(b + 1) * _K
            for r in range(rows):
                h = mix(h + _U(slots[b * rows + r]))
            band_keys[at, d] = h
            at += 1


@loop(
    "const u8[:], const i64[:]", TABLES, SCRATCH,
    "const i64[:,:], u64[:], u64[:], i64[:], i64[:], u32[:], f32[:], f32[:], i64[:], u64[:,:], i64[:,:], f32[:,:]",
)  # fmt: skip
def _all_columns(
    data: Any, offsets: Any, tables: Any, scratch: Any, bandings: Any,
    shingles: Any, table: Any, at: Any, places: Any, slots: Any, repeated: Any, line_out: Any, paragraphs: Any,
    band_keys: Any, integers: Any, shares: Any,
) -> Any:  # fmt: skip
    """Band keys, counts and shares."""
    figures = scratch.figures
    for d in range(offsets.size - 1):
        count = tokenise(data, offsets[d], offsets[d + 1], tables, scratch)
        chars = np.float32(max(1, figures[words.CHARS]))
        size = shingle(scratch.words, count, shingles)
        sketch(shingles, size, slots)
        _fill_bands(slots, bandings, band_keys, d)
        repetition(scratch.words, scratch.lengths, count, chars, at, shingles, places, table, repeated)
        line_statistics(scratch, figures[lines.LINES], chars, table, line_out, paragraphs)
        distinct = 0
        for k in range(1, 9):
            distinct += (figures[lines.STOP_MASK] >> k) & 1
        integers[0, d] = figures[words.CHARS]
        integers[1, d] = count
        integers[2, d] = figures[lines.LINES]
        integers[3, d] = paragraphs[0]
        integers[4, d] = size
        integers[5, d] = figures[words.INVISIBLES]
        integers[6, d] = figures[words.INVISIBLE_RUN]
        integers[7, d] = figures[lines.STOPS]
        integers[8, d] = distinct
        integers[9, d] = figures[lines.SENTENCES]
        integers[10, d] = figures[lines.CURLY]
        integers[11, d] = figures[lines.LOREM]
        per_word = np.float32(max(1, count))
        shares[0, d] = np.float32(figures[lines.WORD_CHARS]) / per_word
        shares[1, d] = np.float32(figures[lines.HASHES]) / per_word
        shares[2, d] = np.float32(figures[lines.ELLIPSES]) / per_word
        shares[3, d] = line_out[4]
        shares[4, d] = line_out[5]
        shares[5, d] = np.float32(figures[words.ALPHA_WORDS]) / per_word
        for k in range(4):
            shares[6 + k, d] = line_out[k]
        for k in range(9):
            shares[10 + k, d] = repeated[k]
        shares[19, d] = line_out[6]
        shares[20, d] = line_out[7]
        shares[21, d] = np.float32(figures[lines.NEWLINES]) / per_word


@loop("const u8[:], const i64[:]", TABLES, "const i64[:], u8, u64[:], i64[:], i64[:], u64[:]", returns="i64")
def _hashes_of(
    data: Any, offsets: Any, tables: Any, documents: Any, as_shingles: Any, found: Any, figures: Any,
    out_offsets: Any, out: Any,
) -> Any:  # fmt: skip
    """Word hashes, or word 5-gram hashes, in text order, of the chosen documents; returns how many."""
    at = 0
    for k in range(documents.size):
        d = documents[k]
        count = find_words(data, offsets[d], offsets[d + 1], tables, found, figures, figures, figures)
        if as_shingles:
            at += shingle(found, count, out[at:])
        else:
            for j in range(count):
                out[at] = found[j]
                at += 1
        out_offsets[k + 1] = at
    return at


@loop(
    "const u8[:], const i64[:]", TABLES, "const i64[:], i64[:], i64[:], u64[:], i64[:], i64[:]", returns="i64"
)
def _places_of(
    data: Any, offsets: Any, tables: Any, documents: Any, figures: Any, out_offsets: Any, out: Any,
    firsts: Any, lasts: Any,
) -> Any:  # fmt: skip
    at = 0
    for k in range(documents.size):
        d = documents[k]
        at += find_word_places(
            data, offsets[d], offsets[d + 1], tables, out[at:], firsts[at:], lasts[at:], figures
        )
        out_offsets[k + 1] = at
    return at


class TextColumns(NamedTuple):
    """What one pass makes; arrays share the last axis, documents."""

    bands: NDArray[np.uint64]  # (bands, documents); those of a second banding after those of the first
    integers: NDArray[np.int64]  # (len(INTEGERS), documents)
    shares: NDArray[np.float32]  # (len(SHARES), documents)


def text_pass(
    data: NDArray[np.uint8],
    offsets: NDArray[np.int64],
    tables: Tables,
    *,
    bands: int,
    rows: int,
    second: tuple[int, int] = (0, 0),
    statistics: bool = True,
) -> TextColumns:
    """Every numeric column of the documents `data[offsets[d]:offsets[d + 1]]`, which must be valid UTF-8.

    `bands` x `rows` slots of the sketch, at most 128, are hashed into one key a band, and once more for a `second`
    banding if there is one. Without `statistics` the quality and repetition figures stay unmade: their rows hold
    nothing of meaning.
    """
    bandings = np.array([(bands, rows), second], np.int64)
    slots_cut = bandings.prod(axis=1)
    if not (1 <= slots_cut[0] <= SLOTS and 0 <= slots_cut[1] <= SLOTS):
        raise ValueError(
            f"{bands} bands of {rows} rows and {second[0]} of {second[1]} need {slots_cut.tolist()} slots of {SLOTS}"
        )
    data, offsets = padded(data, offsets)
    documents = offsets.size - 1
    out = TextColumns(
        np.empty((bands + second[0], documents), np.uint64),
        np.empty((len(INTEGERS), documents), np.int64),
        np.empty((len(SHARES), documents), np.float32),
    )
    longest = int(np.diff(offsets).max(initial=0))
    shingles, slots = np.empty(longest + 1, np.uint64), np.empty(SLOTS, np.uint32)
    if not statistics:
        found, figures = np.empty(longest + 1, np.uint64), np.empty(words.FIGURES, np.int64)
        _word_columns(
            data, offsets, tables, bandings, found, shingles, slots, figures, out.bands, out.integers
        )
        return out
    table = np.empty(1 << table_bits(longest + 1), np.uint64)
    at, places = np.empty(longest + 1, np.int64), np.empty(longest + 1, np.int64)
    repeated, line_out, paragraphs = np.empty(9, np.float32), np.empty(8, np.float32), np.zeros(1, np.int64)
    _all_columns(
        data, offsets, tables, scratch_for(longest), bandings, shingles, table, at, places, slots, repeated,
        line_out, paragraphs, out.bands, out.integers, out.shares,
    )  # fmt: skip
    return out


def word_hashes(
    data: NDArray[np.uint8], offsets: NDArray[np.int64], tables: Tables, documents: NDArray[np.int64]
) -> tuple[NDArray[np.int64], NDArray[np.uint64]]:
    """Offsets, shape (len(documents) + 1,), and the word hashes, in text order, that they delimit."""
    return _collect(data, offsets, tables, documents, as_shingles=False)


def word_places(
    data: NDArray[np.uint8], offsets: NDArray[np.int64], tables: Tables, documents: NDArray[np.int64]
) -> tuple[NDArray[np.int64], NDArray[np.uint64], NDArray[np.int64], NDArray[np.int64]]:
    """As `word_hashes`, and where each word starts and ends: bytes from the start of its document."""
    data, offsets = padded(data, offsets)
    room = _room(offsets, documents)
    bounds, figures = np.zeros(len(documents) + 1, np.int64), np.empty(words.FIGURES, np.int64)
    hashes, firsts, lasts = np.empty(room, np.uint64), np.empty(room, np.int64), np.empty(room, np.int64)
    used = _places_of(
        data, offsets, tables, np.ascontiguousarray(documents), figures, bounds, hashes, firsts, lasts
    )
    return bounds, hashes[:used].copy(), firsts[:used].copy(), lasts[:used].copy()


def shingle_sets(
    data: NDArray[np.uint8], offsets: NDArray[np.int64], tables: Tables, documents: NDArray[np.int64]
) -> tuple[NDArray[np.int64], NDArray[np.uint64]]:
    """Offsets and the sorted distinct word 5-gram hashes of each chosen document."""
    bounds, hashes = _collect(data, offsets, tables, documents, as_shingles=True)
    edges = bounds.tolist()
    for start, end in pairwise(edges):
        hashes[start:end].sort()  # numpy's vectorised sort, several times faster than one compiled here
    return bounds, hashes[: _distinct(bounds, hashes)]


@loop("i64[:], u64[:]", returns="i64")
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


def _collect(
    data: NDArray[np.uint8],
    offsets: NDArray[np.int64],
    tables: Tables,
    documents: NDArray[np.int64],
    *,
    as_shingles: bool,
) -> tuple[NDArray[np.int64], NDArray[np.uint64]]:
    data, offsets = padded(data, offsets)
    out_offsets, figures = np.zeros(len(documents) + 1, np.int64), np.empty(words.FIGURES, np.int64)
    out = np.empty(_room(offsets, documents), np.uint64)
    longest = int(np.diff(offsets).max(initial=0))
    used = _hashes_of(
        data, offsets, tables, np.ascontiguousarray(documents), as_shingles,
        np.empty(longest + 1, np.uint64), figures, out_offsets, out,
    )  # fmt: skip
    return out_offsets, out[:used].copy()


def _room(offsets: NDArray[np.int64], documents: NDArray[np.int64]) -> int:
    """At least as many as the documents have words: each takes a byte and, in most scripts, a separator."""
    return int(np.sum(offsets[documents + 1] - offsets[documents])) + len(documents)
