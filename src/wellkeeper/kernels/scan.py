"""Which documents may contain one of many fixed strings, at memory speed: the first sieve of a pattern scan.

A regular expression engine looks at every byte several times. Here a window of four bytes is looked up in a
bit set every `stride` bytes. Every anchor is at least `stride + 3` bytes long, so wherever it lies in the
text, one whole window falls inside it; all windows that could be that one are in the set (the block idea of
Wu and Manber, A fast algorithm for multi-pattern searching, TR 94-17, University of Arizona, 1994). A window
found in the set is then compared byte by byte, so a reported pair is a true occurrence, never a collision.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numba as nb
import numpy as np
from numpy.typing import NDArray

from wellkeeper.errors import DataError

WINDOW = 4  # bytes hashed together
MAX_STRIDE = 4  # longer strides gain little: the loop is then bound by the rate at which text arrives
_HASH_BITS = 16  # 65,536 bits = 8 KiB: stays in the first-level cache beside the text

# English letters from most to least frequent, space first; everything else is rarer still. Only the choice
# of windows, hence speed, depends on this order, never what is found.
_COMMON = b" etaoinshrdlcumwfgypbvk"


@dataclass(frozen=True, slots=True, kw_only=True)
class AnchorTable:
    """Anchors, prepared for `candidates`. Build it with `anchor_table`."""

    anchors: tuple[bytes, ...]
    stride: int
    bits: NDArray[np.uint8]  # shape (8192,): which window hashes occur
    first: NDArray[np.int32]  # shape (65536,): first entry of a hash, -1: none
    following: NDArray[np.int32]  # shape (entries,): next entry of the same hash, -1: none
    anchor: NDArray[np.int32]  # shape (entries,): which anchor the window belongs to
    inside: NDArray[np.int32]  # shape (entries,): where in it the window starts
    text: NDArray[np.uint8]  # the anchors, one after another
    starts: NDArray[np.int64]  # shape (anchors + 1,)


def anchor_table(anchors: Sequence[bytes]) -> AnchorTable:
    """Prepare anchors, each of at least 4 bytes and without capital ASCII letters.

    The shortest anchor sets the stride, hence the speed: 4 bytes scan every position, 7 bytes every fourth.

    Raises:
        DataError: no anchor, or one that is too short or holds a capital.
    """
    if not anchors:
        raise DataError("no anchor to scan for. Give at least one string of 4 bytes.")
    for anchor in anchors:
        if len(anchor) < WINDOW or anchor != anchor.lower():
            raise DataError(
                f"anchor {anchor!r} cannot be scanned for. "
                f"Give at least {WINDOW} bytes, in lower case: the text is folded before it is compared."
            )
    stride = min(min(map(len, anchors)) - WINDOW + 1, MAX_STRIDE)
    bits = np.zeros(1 << (_HASH_BITS - 3), np.uint8)
    first = np.full(1 << _HASH_BITS, -1, np.int32)
    following: list[int] = []
    entries: list[tuple[int, int]] = []
    for number, anchor in enumerate(anchors):
        start = _rarest_start(anchor, stride)
        for inside in range(start, start + stride):
            hashed = _hash(anchor[inside : inside + WINDOW])
            bits[hashed >> 3] |= 1 << (hashed & 7)
            following.append(int(first[hashed]))
            first[hashed] = len(entries)
            entries.append((number, inside))
    return AnchorTable(
        anchors=tuple(anchors),
        stride=stride,
        bits=bits,
        first=first,
        following=np.array(following, np.int32),
        anchor=np.array([number for number, _ in entries], np.int32),
        inside=np.array([inside for _, inside in entries], np.int32),
        text=np.frombuffer(b"".join(anchors), np.uint8),
        starts=np.concatenate([[0], np.cumsum([len(anchor) for anchor in anchors])]).astype(np.int64),
    )


def candidates(
    data: NDArray[np.uint8], offsets: NDArray[np.int64], table: AnchorTable
) -> tuple[NDArray[np.int64], NDArray[np.int32]]:
    """Which document holds which anchor, ASCII letters folded to lower case.

    Args:
        data: UTF-8 bytes of all documents, shape (bytes,); read-only buffers of Arrow are fine.
        offsets: shape (documents + 1,); document k is `data[offsets[k]:offsets[k + 1]]`.
        table: what to look for.

    Returns:
        Documents and anchor numbers, shape (pairs,) each; every pair once, documents ascending.
    """
    capacity = 1024
    while True:
        documents, anchors = np.empty(capacity, np.int64), np.empty(capacity, np.int32)
        found = int(
            _scan(
                data,
                offsets,
                table.stride,
                table.bits,
                table.first,
                table.following,
                table.anchor,
                table.inside,
                table.text,
                table.starts,
                documents,
                anchors,
            )
        )
        if found <= capacity:
            return documents[:found].copy(), anchors[:found].copy()
        capacity = found


def _rarest_start(anchor: bytes, stride: int) -> int:
    """Where to take the `stride` windows from, so that they occur least often in ordinary text."""
    rank = {letter: len(_COMMON) - place for place, letter in enumerate(_COMMON)}
    cost = [3.0 ** sum(rank.get(byte, 0) for byte in anchor[at : at + WINDOW]) for at in range(len(anchor) - 3)]
    totals = [sum(cost[start : start + stride]) for start in range(len(cost) - stride + 1)]
    return totals.index(min(totals))


_MULTIPLIER = 2654435761  # 2**32 / golden ratio: Knuth, The Art of Computer Programming 3, section 6.4


def _hash(window: bytes) -> int:
    """The hash of `_scan`. Bit 5 set folds capitals; it also merges a few signs, which costs only speed."""
    word = int.from_bytes(window, "little") | 0x20202020
    return (word * _MULTIPLIER & 0xFFFFFFFF) >> (32 - _HASH_BITS)


_bytes = nb.types.Array(nb.uint8, 1, "C", readonly=True)
_offsets = nb.types.Array(nb.int64, 1, "C", readonly=True)
_numbers = nb.types.Array(nb.int32, 1, "C", readonly=True)


@nb.njit(
    nb.int64(
        _bytes,
        _offsets,
        nb.int64,
        _bytes,
        _numbers,
        _numbers,
        _numbers,
        _numbers,
        _bytes,
        _offsets,
        nb.int64[::1],
        nb.int32[::1],
    ),
    nogil=True,
    cache=True,
)
def _scan(
    data,
    offsets,
    stride,
    bits,
    first,
    following,
    entry_anchor,
    entry_inside,
    text,
    starts,
    out_documents,
    out_anchors,
):  # type: ignore[no-untyped-def]
    """Write pairs while they fit; return how many there are."""
    capacity = out_documents.size
    seen = np.full(starts.size - 1, -1, np.int64)  # the last document in which an anchor was reported
    found = 0
    document = 0
    last = offsets[-1] - 4
    position = offsets[0]
    while position <= last:
        word = (
            np.uint32(data[np.uint64(position)])
            | np.uint32(data[np.uint64(position + 1)]) << np.uint32(8)
            | np.uint32(data[np.uint64(position + 2)]) << np.uint32(16)
            | np.uint32(data[np.uint64(position + 3)]) << np.uint32(24)
        ) | np.uint32(0x20202020)
        hashed = np.uint32(np.uint32(word) * np.uint32(2654435761)) >> np.uint32(16)
        if (bits[hashed >> np.uint32(3)] >> np.uint8(hashed & np.uint32(7))) & np.uint8(1):
            while offsets[document + 1] <= position:
                document += 1
            low, high = offsets[document], offsets[document + 1]
            entry = first[hashed]
            while entry >= 0:
                anchor = entry_anchor[entry]
                begin = position - entry_inside[entry]
                size = starts[anchor + 1] - starts[anchor]
                if seen[anchor] != document and begin >= low and begin + size <= high:
                    same = 0
                    while same < size:
                        byte = data[begin + same]
                        if 65 <= byte <= 90:
                            byte += np.uint8(32)
                        if byte != text[starts[anchor] + same]:
                            break
                        same += 1
                    if same == size:
                        seen[anchor] = document
                        if found < capacity:
                            out_documents[found] = document
                            out_anchors[found] = anchor
                        found += 1
                entry = following[entry]
        position += stride
    return found
