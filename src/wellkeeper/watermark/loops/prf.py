"""Loops that draw a number for each n-gram that counts, and one that counts distinct tokens.

Where n-grams count, they do so once in a document. The table that finds repeats has a power of two of slots, at least
eight times as many as the longest document has tokens; places start at -1. A slot is free for a document if its place
is before the document, so that nothing needs clearing between documents.
"""

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from wellkeeper.native import inlined, loop

_U = np.uint64
_ONE = _U(1)
_G = _U(0x9E3779B97F4A7C15)
_HALF_UNIT = 2.0**-53

_PRIMES = (
    10000019, 10000247, 10000439, 10000643, 10000747, 10000867, 10000993, 10001213, 10001357, 10001501,
)  # fmt: skip
_PRIME_OF_TOKEN = 100000007
_PRIME_OF_KEY = 500001713
_PRIME_OF_SUM = 15485863
_MIXING_PRIME = 40499
_MIXING_SHIFT = 13
MODULUS = 2**13 - 1
"""Numbers that TextSeal's function can give: 0 to 8,190."""
LONGEST_WINDOW = len(_PRIMES)
_ROOM = 8  # slots for each token: with 2, collisions cost half of the time


def places_for(offsets: NDArray[np.int64]) -> NDArray[np.int64]:
    """The table that finds repeats in documents of these lengths."""
    longest = int(np.diff(offsets).max(initial=1))
    return np.full(1 << (_ROOM * longest - 1).bit_length(), -1, np.int64)


@loop("const i32[:], const i64[:], i64, u64, i64[:], u64[:], i64[:], f64[:]")
def draw_gumbel(
    tokens: Any, offsets: Any, context: Any, key: Any, places: Any, drawn: Any, scored: Any, statistic: Any
) -> Any:
    """Add up -ln(1 - r) over the distinct n-grams of each document, r as `watermark.prf` defines it.

    Args:
        tokens: ids, from 0.
        offsets: where documents start and end.
        context: tokens before one that a draw hangs on, 1 or more.
        key: as `prf.keyed` gives it.
        places: the table above.
        drawn: zeros; gets 2 m + 1 of each token that counts.
        scored: gets the number of distinct n-grams, shape (documents,).
        statistic: gets the sum, in the order of the text, shape (documents,).
    """
    for document in range(offsets.size - 1):
        start, end = offsets[document], offsets[document + 1]
        slots, shift = _table(end - start)
        count = 0
        total = 0.0
        for i in range(start + context, end):
            word = _U(0)
            for j in range(i - context, i):
                word = (word + _U(tokens[j]) + _ONE) * _G
            word = _mixed(_mixed(word ^ key) + (_U(tokens[i]) + _ONE) * _G)
            if _is_new(tokens, i, context, start, np.int64((word * _G) >> shift), slots, places):
                odd = (word >> _U(12)) * _U(2) + _ONE
                drawn[i] = odd
                count += 1
                total -= math.log(1 - np.float64(odd) * _HALF_UNIT)
        scored[document] = count
        statistic[document] = total


@loop("const i32[:], const i64[:], i64, i64, const f64[:], i64[:], i32[:], i64[:], f64[:]")
def draw_textseal(
    tokens: Any,
    offsets: Any,
    window: Any,
    key: Any,
    score_of: Any,
    places: Any,
    drawn: Any,
    scored: Any,
    statistic: Any,
) -> Any:
    """Add up the scores of TextSeal's draws over the distinct n-grams of each document.

    Args:
        tokens: ids, from 0.
        offsets: where documents start and end.
        window: tokens before one that a draw hangs on, 1 to `LONGEST_WINDOW`.
        key: the secret key.
        score_of: what a draw adds, shape (MODULUS,).
        places: the table above.
        drawn: -1 throughout; gets the draw, 0 to 8,190, of each token that counts.
        scored: gets the number of distinct n-grams, shape (documents,).
        statistic: gets the sum, in the order of the text, shape (documents,).
    """
    for document in range(offsets.size - 1):
        start, end = offsets[document], offsets[document + 1]
        slots, shift = _table(end - start)
        count = 0
        total = 0.0
        for i in range(start + window + 1, end):  # the reference leaves out the first whole window
            word = _PRIME_OF_TOKEN * np.int64(tokens[i]) + _PRIME_OF_KEY * key
            for j in range(window):
                word += _PRIMES[j] * np.int64(tokens[i - window + j])
            word = word * _PRIME_OF_SUM * _MIXING_PRIME
            if _is_new(tokens, i, window, start, np.int64((_U(word) * _G) >> shift), slots, places):
                draw = (word ^ (word >> _MIXING_SHIFT)) % MODULUS
                drawn[i] = draw
                count += 1
                total += score_of[draw]
        scored[document] = count
        statistic[document] = total


@loop("const i32[:], const i64[:], const u8[:], i64[:], i64[:], i64[:]")
def count_green(tokens: Any, offsets: Any, green: Any, seen: Any, distinct: Any, hits: Any) -> Any:
    """Count the distinct tokens of each document and those of them that are green.

    `seen`, shape (vocabulary,), starts at -1: the last document that had each token.
    """
    for document in range(offsets.size - 1):
        count, among = 0, 0
        for i in range(offsets[document], offsets[document + 1]):
            token = tokens[i]
            if seen[token] != document:
                seen[token] = document
                count += 1
                among += green[token]
        distinct[document] = count
        hits[document] = among


@inlined
def _table(tokens: Any) -> Any:
    """Slots for a document of so many tokens, a power of two, and how far a hash is shifted to be one of them."""
    slots = 2
    shift = _U(63)
    while slots < _ROOM * tokens:
        slots *= 2
        shift -= _ONE
    return slots, shift


@inlined
def _is_new(tokens: Any, i: Any, context: Any, start: Any, slot: Any, slots: Any, places: Any) -> Any:
    """Whether no n-gram of the document before has the tokens of the one that ends at i; notes where it stands."""
    while places[slot] >= start:
        other = places[slot]
        back = 0
        while back <= context and tokens[i - back] == tokens[other - back]:
            back += 1
        if back > context:
            return False
        slot = (slot + 1) & (slots - 1)
    places[slot] = i
    return True


@inlined
def _mixed(word: Any) -> Any:
    word = (word ^ (word >> _U(30))) * _U(0xBF58476D1CE4E5B9)
    word = (word ^ (word >> _U(27))) * _U(0x94D049BB133111EB)
    return word ^ (word >> _U(31))
