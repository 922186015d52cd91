"""Which documents may contain one of many fixed strings, at memory speed: the first sieve of a pattern scan.

A regular expression engine looks at every byte several times. Here every fourth position of the text is looked
at, sixteen of them at once: is the hash of the four bytes there in a bit set? Every anchor is at least seven bytes
long, so wherever it lies in the text, one such window falls inside it; all windows that could be that one are in
the set (the block idea of Wu and Manber, A fast algorithm for multi-pattern searching, TR 94-17, University of
Arizona, 1994). What is found in the set is then compared byte by byte, so a reported pair is a true occurrence,
never a collision.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from wellkeeper.errors import DataError
from wellkeeper.lanes import LANES, first_bit, load64, padded, windows_in
from wellkeeper.native import loop, part

WINDOW = 4  # bytes hashed together, and from one window to the next
SHORTEST = 2 * WINDOW - 1
"""Bytes that an anchor has at least: so many always hold a whole window."""

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


_RATES = np.array([_PERCENT.get(byte, 0.2) for byte in range(256)])


@dataclass(frozen=True, slots=True, kw_only=True)
class AnchorTable:
    """Anchors, prepared for `candidates`. Build it with `anchor_table`.

    An entry is an anchor and one of its windows; entries of the same window hash stand together.
    """

    anchors: tuple[bytes, ...]
    bits: NDArray[np.uint32]  # shape (4096,): which window hashes occur
    first: NDArray[np.int32]  # shape (131073,): entries of hash h are first[h] to first[h + 1]
    anchor: NDArray[np.int32]  # shape (entries,): which anchor the window belongs to
    inside: NDArray[np.int32]  # shape (entries,): where in it the window starts
    ahead: NDArray[np.uint32]  # shape (2048,): hashes of windows and the two bytes behind them
    behind: NDArray[np.uint32]  # shape (2048,): hashes of windows and the two bytes before them
    text: NDArray[np.uint8]  # the anchors, one after another
    starts: NDArray[np.int64]  # shape (anchors + 1,)


def anchor_table(anchors: Sequence[bytes]) -> AnchorTable:
    """Prepare anchors, each of at least `SHORTEST` bytes and without capital ASCII letters.

    Raises:
        DataError: no anchor, or one that is too short or holds a capital.
    """
    if not anchors:
        raise DataError(f"no anchor to scan for. Give at least one string of {SHORTEST} bytes.")
    for anchor in anchors:
        if len(anchor) < SHORTEST or anchor != anchor.lower():
            raise DataError(
                f"anchor {anchor!r} cannot be scanned for. "
                f"Give at least {SHORTEST} bytes, in lower case: the text is folded before it is compared."
            )
    text = np.frombuffer(b"".join(anchors), np.uint8)
    starts = np.concatenate([[0], np.cumsum([len(anchor) for anchor in anchors])]).astype(np.int64)
    places = (_rarest_starts(text, starts)[:, None] + np.arange(WINDOW)).ravel()
    hashes = _hashes(text, places)
    places, hashes = places[order := np.argsort(hashes, kind="stable")], hashes[order]
    number = np.searchsorted(starts, places, side="right") - 1
    ahead, behind = _wider(text, places, starts[number], starts[number + 1])
    return AnchorTable(
        anchors=tuple(anchors),
        bits=_bit_set(hashes, _HASH_BITS),
        first=np.cumsum(np.bincount(hashes + 1, minlength=(1 << _HASH_BITS) + 1)).astype(np.int32),
        anchor=number.astype(np.int32),
        inside=(places - starts[number]).astype(np.int32),
        ahead=_bit_set(ahead, _WIDE_BITS),
        behind=_bit_set(behind, _WIDE_BITS),
        text=text,
        starts=starts,
    )


def _rarest_starts(text: NDArray[np.uint8], starts: NDArray[np.int64]) -> NDArray[np.int64]:
    """Where in each anchor to take windows from, at four places in a row, so that they occur least often."""
    rates = _RATES[text]
    cost = rates[:-3] * rates[1:-2] * rates[2:-1] * rates[3:]
    common = np.frombuffer(_COMMON, np.uint8)
    cost[np.isin(_numbers(text, np.arange(cost.size)), _numbers(common, np.arange(common.size - 3)))] *= 100
    four = np.convolve(cost, np.ones(WINDOW), "valid").tolist()
    chosen = []
    for start, end in pairwise(starts.tolist()):
        some = four[start : end - SHORTEST + 1]
        chosen.append(start + some.index(min(some)))
    return np.array(chosen)


def _wider(
    text: NDArray[np.uint8], places: NDArray[np.int64], starts: NDArray[np.int64], ends: NDArray[np.int64]
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Hashes of windows with the two bytes of their anchor behind them, and with the two before, of the others.

    An anchor has `SHORTEST` bytes or more, so there are two on one side at least; the rarer ones are taken.
    """
    spaced = np.concatenate([np.zeros(2, np.uint8), text, np.zeros(2, np.uint8)])  # `text` from 2 on
    rates = _RATES[spaced]
    before = np.where(places - 2 >= starts, rates[places] * rates[places + 1], np.inf)
    behind = np.where(places + WINDOW + 2 <= ends, rates[places + 6] * rates[places + 7], np.inf)
    ahead = behind <= before
    return _wide_hashes(spaced, places[ahead] + 2), _wide_hashes(spaced, places[~ahead])


def _bit_set(hashes: NDArray[np.int64], bits: int) -> NDArray[np.uint32]:
    made = np.zeros(1 << (bits - 5), np.uint32)
    np.bitwise_or.at(made, hashes >> 5, np.uint32(1) << (hashes & 31).astype(np.uint32))
    return made


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
    data, offsets = padded(data, offsets)
    capacity = 1024
    while True:
        seen = np.full(len(table.anchors), -1, np.int64)
        documents, anchors = np.empty(capacity, np.int64), np.empty(capacity, np.int32)
        found = _scan(
            data,
            offsets,
            table.bits,
            table.first,
            table.anchor,
            table.inside,
            table.ahead,
            table.behind,
            table.text,
            table.starts,
            seen,
            documents,
            anchors,
        )
        if found <= capacity:
            return documents[:found].copy(), anchors[:found].copy()
        capacity = found


_MULTIPLIER = 2654435761  # 2**32 / golden ratio: Knuth, The Art of Computer Programming 3, section 6.4
_FOLD = 0x20202020
_WIDE_MULTIPLIER = 0x9E3779B97F4A7C15  # the same of 2**64
_WIDE_FOLD = 0x202020202020
_WIDE_BITS = 16


def _numbers(text: NDArray[np.uint8], places: NDArray[np.int64], size: int = WINDOW) -> NDArray[np.uint64]:
    """The bytes from each place on as a little-endian number."""
    return sum(text[places + k].astype(np.uint64) << np.uint64(8 * k) for k in range(size))  # type: ignore[return-value]


def _hashes(text: NDArray[np.uint8], places: NDArray[np.int64]) -> NDArray[np.int64]:
    """The hashes of `_windows_found`. Bit 5 set folds capitals; it also merges a few signs, which costs only speed."""
    words = (_numbers(text, places) | np.uint64(_FOLD)).astype(np.uint32)
    return ((words * np.uint32(_MULTIPLIER)) >> np.uint32(_SHIFT)).astype(np.int64)


def _wide_hashes(text: NDArray[np.uint8], places: NDArray[np.int64]) -> NDArray[np.int64]:
    """As `_wide`, of the six bytes from each place on."""
    words = (_numbers(text, places, 6) | np.uint64(_WIDE_FOLD)) << np.uint64(16)
    return ((words * np.uint64(_WIDE_MULTIPLIER)) >> np.uint64(64 - _WIDE_BITS)).astype(np.int64)


@part
def _wide(six: Any) -> Any:
    """The hash of the six bytes that stand highest in a number."""
    folded = (six & np.uint64(0xFFFFFFFFFFFF0000)) | np.uint64(_WIDE_FOLD << 16)
    return (folded * np.uint64(_WIDE_MULTIPLIER)) >> np.uint64(64 - _WIDE_BITS)


@part
def _holds(bits: Any, hashed: Any) -> Any:
    return (bits[hashed >> np.uint64(5)] >> np.uint32(hashed & np.uint64(31))) & np.uint32(1)


_windows_found = windows_in(multiplier=_MULTIPLIER, shift=_SHIFT, fold=_FOLD)


@loop(
    "const u8[:], const i64[:], const u32[:], const i32[:], const i32[:], const i32[:], const u32[:], const u32[:], "
    "const u8[:], const i64[:], i64[:], i64[:], i32[:]",
    returns="i64",
)
def _scan(
    data: Any, offsets: Any, bits: Any, first: Any, entry_anchor: Any, entry_inside: Any, ahead: Any, behind: Any,
    text: Any, starts: Any, seen: Any, out_documents: Any, out_anchors: Any,
) -> Any:  # fmt: skip
    """Write pairs while they fit; return how many there are.

    `seen`, shape (anchors,), holds -1: the last document in which each anchor was reported.
    """
    capacity = out_documents.size
    found = 0
    document = 0
    last = offsets[-1] - WINDOW
    block = offsets[0]
    while block <= last:
        mask = _windows_found(data, block, bits)
        while mask:
            position = block + WINDOW * first_bit(mask)
            mask &= mask - np.uint64(1)
            if position > last:
                break
            six = load64(data, position)
            # before the first text lies nothing: an anchor that would begin there is turned away below
            before = load64(data, position - 4) if position >= 4 else six << np.uint64(32)
            if not (_holds(ahead, _wide(six << np.uint64(16))) | _holds(behind, _wide(before))):
                continue
            word = np.uint32(six) | np.uint32(_FOLD)
            hashed = np.uint32(word * np.uint32(_MULTIPLIER)) >> np.uint32(_SHIFT)
            for entry in range(first[hashed], first[hashed + np.uint32(1)]):
                while offsets[document + 1] <= position:
                    document += 1
                anchor = entry_anchor[entry]
                begin = position - entry_inside[entry]
                size = starts[anchor + 1] - starts[anchor]
                if (
                    seen[anchor] == document
                    or begin < offsets[document]
                    or begin + size > offsets[document + 1]
                ):
                    continue
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
        block += LANES
    return found
