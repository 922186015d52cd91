"""Loops that lay the values of one column into packed rows, and that mark keys in a filter.

While a row is laid out it has `LANES` bytes of room behind it, so that values are copied many bytes at a time, beyond
their end: what is too much is written over by the next column. `ends`, shape (rows,), says where each row ends so far;
a loop writes behind it and moves it on. Arrays of values are readable for `LANES` bytes behind the last one.
"""

from typing import Any

import numpy as np

from wellkeeper.kernels.sketch import mix
from wellkeeper.lanes import LANES, copy_lanes
from wellkeeper.native import loop

LONG = 255
"""What stands for the length of a string of so many bytes or more, which follows in four bytes."""

PROBES = 7
"""Bits of a filter that one key sets: the best number for ten bits a key, 10 ln 2."""

# Fowler, Noll, Vo; RFC 9923, section 5
_FNV_BASIS = np.uint64(0xCBF29CE484222325)
_FNV_PRIME = np.uint64(0x100000001B3)
_LOW = np.uint64(0xFFFFFFFF)


@loop("const u8[:], i64, i64, const i64[:], u8[:]")
def put_fixed(values: Any, width: Any, place: Any, starts: Any, out: Any) -> Any:
    """`width` bytes a value, `place` bytes behind where each row starts; `values`: shape (rows * width,) and more."""
    for row in range(starts.size - 1):
        at = starts[row] + place
        for k in range(0, width, LANES):
            copy_lanes(values, row * width + k, out, at + k)


@loop("const u8[:], const u8[:], i64, i64, i64, const i64[:], u8[:]")
def put_nullable(valid: Any, values: Any, width: Any, column: Any, place: Any, starts: Any, out: Any) -> Any:
    """`put_fixed`, zeros where not `valid`, shape (rows,); where it is, bit `column` of the row's beginning is set."""
    for row in range(valid.size):
        at = starts[row] + place
        if valid[row] != 0:
            for k in range(0, width, LANES):
                copy_lanes(values, row * width + k, out, at + k)
            out[starts[row] + (column >> 3)] |= 1 << (column & 7)
        else:
            for k in range(width):
                out[at + k] = 0


@loop("const u8[:], i64, const i64[:], u8[:]")
def put_presence(valid: Any, column: Any, starts: Any, out: Any) -> Any:
    """Bit `column` of what each row starts with, where `valid`, shape (rows,), is 1 and not 0."""
    for row in range(valid.size):
        out[starts[row] + (column >> 3)] |= valid[row] << (column & 7)


@loop("const u8[:], const u8[:], const i64[:], i64[:], u8[:]")
def put_variable(valid: Any, data: Any, offsets: Any, ends: Any, out: Any) -> Any:
    """The length, then value k: `data[offsets[k]:offsets[k + 1]]`; nothing where not `valid`."""
    for row in range(valid.size):
        if valid[row] != 0:
            at = ends[row]
            first = offsets[row]
            size = offsets[row + 1] - first
            out[at] = min(size, LONG)
            at += 1
            if size >= LONG:
                for k in range(4):
                    out[at + k] = (size >> (8 * k)) & 255
                at += 4
            for k in range(0, size, LANES):
                copy_lanes(data, first + k, out, at + k)
            ends[row] = at + size


@loop("const i32[:], const i64[:], const u8[:], const i64[:], const i64[:], i64[:], u8[:]")
def put_entries(codes: Any, before: Any, data: Any, firsts: Any, sizes: Any, ends: Any, out: Any) -> Any:
    """One entry of each of several dictionaries: entry k of all is packed, as `sizes[k]` bytes from `firsts[k]` on.

    `codes` has the shape (dictionaries * rows,), and `before` says how many entries those before each have.
    """
    for row in range(ends.size):
        at = ends[row]
        for dictionary in range(before.size - 1):
            entry = before[dictionary] + codes[dictionary * ends.size + row]
            first = firsts[entry]
            size = sizes[entry]
            copy_lanes(
                data, first, out, at
            )  # of most entries it is all: a loop would be guessed wrong at nulls
            for k in range(LANES, size, LANES):
                copy_lanes(data, first + k, out, at + k)
            at += size
        ends[row] = at


@loop("const i64[:], const i64[:], u8[:]")
def close_up(starts: Any, offsets: Any, data: Any) -> Any:
    """Move row k from `starts[k]`, where it was laid out, to `offsets[k]`."""
    for row in range(offsets.size - 1):
        first = offsets[row]
        for k in range(0, offsets[row + 1] - first, LANES):
            # the next row starts at least LANES bytes behind where this one ends now
            copy_lanes(data, starts[row] + k, data, first + k)


@loop("const u8[:], const i64[:], u64[:]")
def hash_strings(data: Any, offsets: Any, hashes: Any) -> Any:
    """FNV-1a of each string, stirred so that every bit of the hash depends on every byte."""
    for k in range(hashes.size):
        h = _FNV_BASIS
        for at in range(offsets[k], offsets[k + 1]):
            h = (h ^ np.uint64(data[at])) * _FNV_PRIME
        hashes[k] = mix(h)


@loop("const u64[:], i64, u8[:]")
def mark(hashes: Any, bits: Any, out: Any) -> Any:
    """Set the bits of each hash in a filter of `bits` bits, at most 2^31.

    Probe p falls on the bit that is so far into the filter as low + p (high | 1) mod 2^32 is into 2^32.
    """
    for k in range(hashes.size):
        place = np.int64(hashes[k] & _LOW)
        step = np.int64(hashes[k] >> np.uint64(32)) | 1
        for probe in range(PROBES):
            bit = (((place + probe * step) & 0xFFFFFFFF) * bits) >> 32
            out[bit >> 3] |= 1 << (bit & 7)
