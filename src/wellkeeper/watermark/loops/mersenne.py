"""MT19937 as torch seeds and reads it on a processor, and the permutations that torch makes of it.

`torch.randperm(n)` swaps, for i = 0, 1, ..., entry i with entry i + w_i mod (n - i), where w_i are the generator's
words (ATen, randperm_cpu, for n below 2^32 / 20). Entry i is final after step i.

Matsumoto and Nishimura, Mersenne twister, ACM Transactions on Modeling and Computer Simulation 8 (1998) 3-30.
"""

from typing import Any

import numpy as np

from wellkeeper.native import inlined, loop, part

WORDS = 624
"""Words of the state, and drawn at once."""

_SHIFT = 397
_LAST = WORDS - 1
_UPPER, _LOWER, _A = np.uint32(0x80000000), np.uint32(0x7FFFFFFF), np.uint32(0x9908B0DF)


@loop("u32, u32[:], u32[:]")
def fill_words(seed: Any, state: Any, out: Any) -> Any:
    """The first words of the generator of a seed; `state` is room, shape (624,)."""
    seed_state(seed, state)
    done = 0
    while done < out.size:
        advance(state)
        count = min(WORDS, out.size - done)
        for j in range(count):
            out[done + j] = tempered(state[j])
        done += count


@loop("u32, u32[:], i32[:]")
def fill_permutation(seed: Any, state: Any, out: Any) -> Any:
    """`torch.randperm(out.size)` of a processor's generator of this seed; `state` is room, shape (624,)."""
    seed_state(seed, state)
    permute(state, out, out.size - 1)


@part
def permute(state: Any, permutation: Any, steps: Any) -> Any:
    """The first `steps` entries of the permutation, from the first words of a seeded generator."""
    size = permutation.size
    for i in range(size):
        permutation[i] = i
    for i in range(steps):
        if i % WORDS == 0:
            advance(state)
        other = i + np.int64(tempered(state[i % WORDS])) % (size - i)
        kept = permutation[i]
        permutation[i] = permutation[other]
        permutation[other] = kept


@part
def seed_state(seed: Any, state: Any) -> Any:
    word = np.uint32(seed)
    state[0] = word
    for j in range(1, WORDS):
        word = np.uint32(np.uint32(1812433253) * (word ^ (word >> np.uint32(30))) + np.uint32(j))
        state[j] = word


@part
def advance(state: Any) -> Any:
    for j in range(WORDS - _SHIFT):
        state[j] = state[j + _SHIFT] ^ _twisted(state[j], state[j + 1])
    for j in range(WORDS - _SHIFT, _LAST):
        state[j] = state[j + _SHIFT - WORDS] ^ _twisted(state[j], state[j + 1])
    state[_LAST] = state[_SHIFT - 1] ^ _twisted(state[_LAST], state[0])


@inlined
def _twisted(one: Any, following: Any) -> Any:
    mixed = (one & _UPPER) | (following & _LOWER)
    return np.uint32((mixed >> np.uint32(1)) ^ (_A * (following & np.uint32(1))))


@inlined
def tempered(word: Any) -> Any:
    word = np.uint32(word ^ (word >> np.uint32(11)))
    word = np.uint32(word ^ ((word << np.uint32(7)) & np.uint32(0x9D2C5680)))
    word = np.uint32(word ^ ((word << np.uint32(15)) & np.uint32(0xEFC60000)))
    return np.uint32(word ^ (word >> np.uint32(18)))
