"""Which documents may contain one of many fixed strings, at memory speed: the first sieve of a pattern scan.

A regular expression engine looks at every byte several times. Here a window of four bytes is looked up in a
bit set every `stride` bytes. Every anchor is at least `stride + 3` bytes long, so wherever it lies in the
text, one whole window falls inside it; all windows that could be that one are in the set (the block idea of
Wu and Manber, A fast algorithm for multi-pattern searching, TR 94-17, University of Arizona, 1994). A window
found in the set is then compared byte by byte, so a reported pair is a true occurrence, never a collision.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from math import prod
from typing import Any

import numpy as np
from numpy.typing import NDArray

from wellkeeper.errors import DataError
from wellkeeper.native import loop

WINDOW = 4  # bytes hashed together
MAX_STRIDE = 3  # on the artefact catalogue 4 was slower: more windows, so common ones among them
_HASH_BITS = 17  # 131,072 bits = 16 KiB: stays in the first-level cache beside the text
_SHIFT = 32 - _HASH_BITS

# Letters of English by frequency in percent (Norvig, English letter frequency counts, 2012), the space set to
# a sixth of a text, and words and endings that fill most of it. Only the choice of windows, hence speed,
# depends on them, never what is found.
_PERCENT = dict(
    zip(
        b" etaoinsrhldcumfpgwybvk",
        (
            17,
            12.5,
            9.3,
            8,
            7.6,
            7.6,
            7.2,
            6.5,
            6.3,
            5,
            4,
            3.8,
            3.3,
            2.7,
            2.5,
            2.4,
            2.1,
            1.9,
            1.7,
            1.7,
            1.5,
            1,
            0.5,
        ),
        strict=True,
    )
)
_COMMON = (
    b" the of and to in a is was that for it with as his he by on be at from an this which or are not "
    b"have had but you your her all one were their been they would so what when if more will there "
    b"out who them some could than then no my up said do into about time only any like its our us "
    b"over two did man first such may these after made before make ing ting ning ring sing ling ding "
    b"tion ation tions ment ments ive tive ative ness able ably ally fully ated ted ned red ded sed "
    b"led ess ence ance ent ant ary ory ous ity ical per pers personal form comp turn type expe supp "
    b"fore think live of a of an of m as a as an of in my en a ly a ly an an a y an is a s an d with "
    b"d was ed w t was and a ed by is a "
)


_RATES = [_PERCENT.get(byte, 0.2) for byte in range(256)]
_WINDOWS = frozenset(_COMMON[at : at + WINDOW] for at in range(len(_COMMON) - WINDOW + 1))


@dataclass(frozen=True, slots=True, kw_only=True)
class AnchorTable:
    """Anchors, prepared for `candidates`. Build it with `anchor_table`."""

    anchors: tuple[bytes, ...]
    stride: int
    bits: NDArray[np.uint8]  # shape (16384,): which window hashes occur
    first: NDArray[np.int32]  # shape (131072,): first entry of a hash, -1: none
    following: NDArray[np.int32]  # shape (entries,): next entry of the same hash, -1: none
    anchor: NDArray[np.int32]  # shape (entries,): which anchor the window belongs to
    inside: NDArray[np.int32]  # shape (entries,): where in it the window starts
    text: NDArray[np.uint8]  # the anchors, one after another
    starts: NDArray[np.int64]  # shape (anchors + 1,)


def anchor_table(anchors: Sequence[bytes]) -> AnchorTable:
    """Prepare anchors, each of at least 4 bytes and without capital ASCII letters.

    The shortest anchor sets the stride, hence the speed: 4 bytes scan every position, 6 bytes every third.

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
        seen = np.full(len(table.anchors), -1, np.int64)
        documents, anchors = np.empty(capacity, np.int64), np.empty(capacity, np.int32)
        found = _scan(
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
            seen,
            documents,
            anchors,
        )
        if found <= capacity:
            return documents[:found].copy(), anchors[:found].copy()
        capacity = found


def _rarest_start(anchor: bytes, stride: int) -> int:
    """Where to take the `stride` windows from, so that they occur least often in ordinary text."""
    rates = [_RATES[byte] for byte in anchor]
    cost = [
        prod(rates[at : at + WINDOW]) * (100 if anchor[at : at + WINDOW] in _WINDOWS else 1)
        for at in range(len(anchor) - WINDOW + 1)
    ]
    totals = [sum(cost[start : start + stride]) for start in range(len(cost) - stride + 1)]
    return totals.index(min(totals))


_MULTIPLIER = 2654435761  # 2**32 / golden ratio: Knuth, The Art of Computer Programming 3, section 6.4


def _hash(window: bytes) -> int:
    """The hash of `_scan`. Bit 5 set folds capitals; it also merges a few signs, which costs only speed."""
    word = int.from_bytes(window, "little") | 0x20202020
    return (word * _MULTIPLIER & 0xFFFFFFFF) >> _SHIFT


@loop(
    "const u8[:], const i64[:], i64, const u8[:], const i32[:], const i32[:], const i32[:], const i32[:], "
    "const u8[:], const i64[:], i64[:], i64[:], i32[:]",
    returns="i64",
)
def _scan(
    data: Any,
    offsets: Any,
    stride: Any,
    bits: Any,
    first: Any,
    following: Any,
    entry_anchor: Any,
    entry_inside: Any,
    text: Any,
    starts: Any,
    seen: Any,
    out_documents: Any,
    out_anchors: Any,
) -> Any:
    """Write pairs while they fit; return how many there are.

    `seen`, shape (anchors,), holds -1: the last document in which each anchor was reported.
    """
    capacity = out_documents.size
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
        hashed = np.uint32(np.uint32(word) * np.uint32(2654435761)) >> np.uint32(_SHIFT)
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
