"""Loops that draw what torch draws on a processor: words of MT19937, and permutations of them.

`torch.randperm(n)` swaps, for i = 0, 1, ..., entry i with entry i + w_i mod (n - i), where w_i are the generator's words
(ATen, randperm_cpu, for n below 2^32 / 20). Entry i is final after step i. So whether one token is among the first
entries needs no permutation: follow where the token is. It is where it began, until the step that reaches its place
sends it on, or a step draws its place and makes it final.
"""

from typing import Any

import numpy as np

from wellkeeper.native import inlined, loop, part

WORDS = 624
"""Words of the state of MT19937 (Matsumoto and Nishimura, ACM TOMACS 8 (1998) 3-30), and drawn at once."""
FOLLOWED = 12
"""Tokens of one seed that are followed one by one; for more of them the permutation is made. Either gives the same."""

_SHIFT = 397
_LAST = WORDS - 1
_UPPER, _LOWER, _A = np.uint32(0x80000000), np.uint32(0x7FFFFFFF), np.uint32(0x9908B0DF)
_ROUND = 6755399441055744.0
"""1.5 * 2^52: a float below 2^51 that it is added to and taken from is rounded to a whole number."""


@loop("u32, u32[:], u32[:]")
def fill_words(seed: Any, state: Any, out: Any) -> Any:
    """The first words of the generator of a seed; `state` is room, shape (624,)."""
    _seed(seed, state)
    done = 0
    while done < out.size:
        _advance(state)
        count = min(WORDS, out.size - done)
        for j in range(count):
            out[done + j] = _tempered(state[j])
        done += count


@loop("u32, u32[:], i32[:]")
def fill_permutation(seed: Any, state: Any, out: Any) -> Any:
    """`torch.randperm(out.size)` of a processor's generator of this seed; `state` is room, shape (624,)."""
    _permute(seed, state, out, out.size - 1)


@loop("const u32[:], const i32[:], i64, f64[:], u32[:], f64[:], i32[:], i64[:], u8[:]")
def find_green(
    seeds: Any,
    tokens: Any,
    green: Any,
    inverses: Any,
    state: Any,
    words: Any,
    permutation: Any,
    places: Any,
    found: Any,
) -> Any:
    """Say for each (seed, token) whether the token is among the first `green` of the permutation of the seed.

    Args:
        seeds: equal ones side by side.
        tokens: below the size of `permutation`, distinct for one seed.
        green: below the size of `permutation`.
        inverses: 1 / (size - i) for i < green.
        state: room, shape (624,).
        words: room, shape (624,).
        permutation: room, of the size of the vocabulary.
        places: room, shape (FOLLOWED,).
        found: gets 0 or 1.
    """
    first = 0
    while first < seeds.size:
        last = first + 1
        while last < seeds.size and seeds[last] == seeds[first]:
            last += 1
        if last - first > FOLLOWED:
            _permute(seeds[first], state, permutation, green)
            for k in range(first, last):
                found[k] = 0
            # turned around, in the part that is not green: where each green token stands does not matter
            _mark_green(permutation, green, tokens, first, last, found)
        else:
            _follow(seeds[first], tokens, first, last, green, inverses, state, words, permutation.size, places, found)
        first = last
