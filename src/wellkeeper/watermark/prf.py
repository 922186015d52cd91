"""The pseudorandom function of our Gumbel marks: a key, the tokens before and a token give a number in (0, 1).

Version 1, in words of 64 bits that wrap around, with >> filling up with zeros:

    G      = 0x9E3779B97F4A7C15
    mix(x) = SplitMix64's finaliser: x ^= x >> 30; x *= 0xBF58476D1CE4E5B9; x ^= x >> 27; x *= 0x94D049BB133111EB;
             x ^= x >> 31
    c      = G (t1 + 1 + G (t2 + 1 + ... G (tk + 1)))          of the k tokens before, the nearest first
    s      = mix(c ^ mix(key + G))
    m      = mix(s + (token + 1) G) >> 12                       52 bits
    r      = (2 m + 1) 2^-53

For a fixed state s the words are SplitMix64's stream from s (Steele, Lea and Flood, Fast splittable pseudorandom number
generators, OOPSLA 2014). r and 1 - r are exact floats and neither is ever 0 or 1.

It is no cryptographic function. Whoever sees enough marked text beside the model's own probabilities can learn to tell
marked text, and perhaps the key; whoever does not, cannot place the mark by chance.

The functions take numpy's int64 arrays or torch's tensors and give the same bits; the compiled loop of the detector
(`watermark.loops.prf`) does too, and a test says so.
"""

from typing import Any

import numpy as np

_G = 0x9E3779B97F4A7C15
_MULTIPLIERS = 0xBF58476D1CE4E5B9, 0x94D049BB133111EB
_SHIFTS = 30, 27, 31


def states(key: int, context: Any) -> Any:
    """The state of each context: shape (..., k) of token ids, oldest first, gives shape (...), all int64.

    Args:
        key: from 0 to 2^64 - 1.
        context: a numpy array or a torch tensor of int64.
    """
    with np.errstate(over="ignore"):  # of numpy's scalars; arrays and tensors wrap without a word
        word = context[..., 0] * 0
        for at in range(context.shape[-1]):
            word = (word + context[..., at] + 1) * _signed(_G)
        return _mixed(word ^ _signed(keyed(key)))


def uniforms(state: Any, tokens: Any) -> Any:
    """The numbers in (0, 1) of tokens in contexts, float64; `state` and `tokens` are broadcast.

    A writer asks for all tokens of a few contexts, `uniforms(states(key, context)[:, None], arange(vocabulary))`, a
    detector for one token of each.
    """
    with np.errstate(over="ignore"):
        drawn = _shifted(_mixed(state + (tokens + 1) * _signed(_G)), 12) * 2 + 1
    return (
        drawn.astype(np.float64) if isinstance(drawn, np.ndarray | np.generic) else drawn.double()
    ) * 2.0**-53


def keyed(key: int) -> int:
    """The key as it goes into states: mix(key + G), from 0 to 2^64 - 1."""
    word = (key + _G) % 2**64
    for shift, multiplier in zip(_SHIFTS, (*_MULTIPLIERS, 1), strict=True):
        word = (word ^ word >> shift) * multiplier % 2**64
    return word


def _mixed(word: Any) -> Any:
    for shift, multiplier in zip(_SHIFTS, _MULTIPLIERS, strict=False):
        word = (word ^ _shifted(word, shift)) * _signed(multiplier)
    return word ^ _shifted(word, _SHIFTS[-1])


def _shifted(word: Any, bits: int) -> Any:
    """To the right, filled up with zeros: signed words would be filled up with their sign."""
    return (word >> bits) & (1 << 64 - bits) - 1


def _signed(word: int) -> int:
    return word - 2**64 if word >> 63 else word
