"""The loop that tells green tokens of KGW.

Whether one token is among the first entries of a permutation needs no permutation: follow where the token is. It is
where it began, until the step that reaches its place sends it on, or a step draws its place and makes it final there.
"""

from typing import Any

import numpy as np

from wellkeeper.native import inlined, loop, part
from wellkeeper.watermark.loops.mersenne import WORDS, advance, permute, seed_state, tempered

FOLLOWED = 24
"""Tokens of one seed that are followed one by one; for more of them the permutation is made. Either gives the same."""

_U = np.uint64
_ROUND = 6755399441055744.0
"""1.5 * 2^52: a float below 2^51 that it is added to and taken from is rounded to a whole number."""


@loop("const u32[:], const i32[:], const f64[:], u32[:], u32[:], i64[:], i32[:], u8[:], u8[:]")
def find_green(
    seeds: Any,
    tokens: Any,
    inverses: Any,
    state: Any,
    words: Any,
    places: Any,
    permutation: Any,
    greens: Any,
    found: Any,
) -> Any:
    """Say for each (seed, token) whether the token is among the first entries of the permutation of the seed.

    Args:
        seeds: equal ones side by side.
        tokens: below the vocabulary's size, distinct for one seed.
        inverses: 1 / (size - i) for each green entry i; fewer than the vocabulary's size.
        state: room, shape (624,).
        words: room, shape (624,).
        places: room, shape (FOLLOWED,).
        permutation: room, shape (vocabulary,).
        greens: room, shape (vocabulary,).
        found: gets 0 or 1, of the shape of tokens.
    """
    first = 0
    while first < seeds.size:
        last = first + 1
        while last < seeds.size and seeds[last] == seeds[first]:
            last += 1
        seed_state(seeds[first], state)
        if last - first > FOLLOWED:
            _look_up(tokens, first, last, inverses.size, state, permutation, greens, found)
        else:
            _follow(tokens, first, last, greens.size, inverses, state, words, places, found)
        first = last


@part
def _look_up(
    tokens: Any, first: Any, last: Any, green: Any, state: Any, permutation: Any, greens: Any, found: Any
) -> Any:
    permute(state, permutation, green)
    for token in range(greens.size):
        greens[token] = 0
    for i in range(green):
        greens[permutation[i]] = 1
    for k in range(first, last):
        found[k] = greens[tokens[k]]


@part
def _follow(
    tokens: Any,
    first: Any,
    last: Any,
    size: Any,
    inverses: Any,
    state: Any,
    words: Any,
    places: Any,
    found: Any,
) -> Any:
    for k in range(first, last):
        found[k] = 0
        places[k - first] = tokens[k]
    left = last - first
    begin = 0
    while begin < inverses.size and left > 0:
        advance(state)
        for j in range(WORDS):
            words[j] = tempered(state[j])
        end = min(begin + WORDS, inverses.size)
        for k in range(first, last):
            if found[k] == 0:
                found[k] = _followed(k - first, begin, end, size, inverses, words, places)
                left -= found[k]
        begin = end


@part
def _followed(place: Any, begin: Any, end: Any, size: Any, inverses: Any, words: Any, places: Any) -> Any:
    """Whether steps [begin, end), whose `words` these are, make a token final; else they move `places[place]`."""
    at = places[place]
    step = begin
    while step < end:
        stop = min(end, at + 1)
        if _drawn(at, step, stop, begin, size, inverses, words) > 0:
            return 1
        if stop == at + 1:
            at += np.int64(words[at - begin]) % (size - at)
        step = stop
    places[place] = at
    return 0


@inlined
def _drawn(at: Any, step: Any, stop: Any, begin: Any, size: Any, inverses: Any, words: Any) -> Any:
    """Whether one of the steps [step, stop) draws the place `at`.

    Step i does if its word leaves the remainder at - i when divided by size - i, that is, if size - i divides the word
    plus size - at. Whole numbers below 2^53 are exact as floats, so the nearest multiple is off by nothing or by
    something: no division is needed, and the processor takes several steps at once, if no index can be negative.
    """
    hit = _U(0)
    behind = np.float64(size - at)
    for i in range(_U(step), _U(stop)):
        total = np.float64(words[i - _U(begin)]) + behind
        quotient = (total * inverses[i] + _ROUND) - _ROUND
        hit |= _U(quotient * np.float64(size - np.int64(i)) == total)
    return hit
