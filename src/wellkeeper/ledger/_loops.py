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

PROBES = 7
"""Bits of a filter that one key sets: the best number for ten bits a key, 10 ln 2."""

# Fowler, Noll, Vo; RFC 9923, section 5
_FNV_BASIS = np.uint64(0xCBF29CE484222325)
_FNV_PRIME = np.uint64(0x100000001B3)
_LOW = np.uint64(0xFFFFFFFF)


@loop("const u8[:], const u8[:], i64, i64[:], u8[:]")
def put_fixed(valid: Any, values: Any, width: Any, ends: Any, out: Any) -> Any:
    """Presence, then `width` bytes a value; `values` has the shape (rows * width,) and more."""
    for row in range(valid.size):
        at = ends[row]
        present = valid[row]
        out[at] = present
        size = width * present
        for k in range(0, size, LANES):
            copy_lanes(values, row * width + k, out, at + 1 + k)
        ends[row] = at + 1 + size


@loop("const u8[:], const u8[:], const i64[:], i64[:], u8[:]")
def put_variable(valid: Any, data: Any, offsets: Any, ends: Any, out: Any) -> Any:
    """Presence, the length in four bytes, then value k: `data[offsets[k]:offsets[k + 1]]`."""
    for row in range(valid.size):
        at = ends[row]
        out[at] = valid[row]
        at += 1
        if valid[row] != 0:
            first = offsets[row]
            size = offsets[row + 1] - first
            for k in range(4):
                out[at + k] = (size >> (8 * k)) & 255
            at += 4
            for k in range(0, size, LANES):
                copy_lanes(data, first + k, out, at + k)
            at += size
        ends[row] = at


@loop("const i32[:], const u8[:], const i64[:], i64[:], u8[:]")
def put_entries(codes: Any, data: Any, offsets: Any, ends: Any, out: Any) -> Any:
    """Entry `codes[row]` of a dictionary whose entries are packed already."""
    for row in range(codes.size):
        first = offsets[codes[row]]
        size = offsets[codes[row] + 1] - first
        at = ends[row]
        for k in range(0, size, LANES):
            copy_lanes(data, first + k, out, at + k)
        ends[row] = at + size


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
    """Set the bits of each hash in a filter of `bits` bits, at most 2^31."""
    for k in range(hashes.size):
        place = np.int64(hashes[k] & _LOW)
        step = np.int64(hashes[k] >> np.uint64(32)) | 1
        for probe in range(PROBES):
            bit = (place + probe * step) % bits
            out[bit >> 3] |= 1 << (bit & 7)
