"""The loop that counts SynthID-Text's g-values."""

from typing import Any

import numpy as np

from wellkeeper.native import inlined, loop, part

MULTIPLIER = 6364136223846793005
"""Of the linear congruential generator that hashes n-grams: newlib's and musl's, as in the reference."""

_U = np.uint64
_MULTIPLIER = _U(MULTIPLIER)
_ONE = _U(1)


@loop(
    "const i32[:], const i64[:], i64, i64, i64, const u64[:], u64[:], u64[:], i64[:], u64[:], i64[:], i64[:,:]"
)
def count_g_values(
    tokens: Any,
    offsets: Any,
    length: Any,
    history: Any,
    eos: Any,
    bits_of: Any,
    hashes: Any,
    contexts: Any,
    places: Any,
    planes: Any,
    scored: Any,
    layers: Any,
) -> Any:
    """Count the n-grams of each document whose context is new, and by layer their g-values.

    A context is the `length - 1` tokens before one; it is new if it is none of the `history` before it. The table that
    finds contexts, `contexts` and `places`, has a power of two of slots, at least 2 and twice as many as the longest
    document has tokens; places start at -1. A slot is free for a document if its place is before the document, so
    that nothing needs clearing between documents.

    Args:
        tokens: ids, from 0.
        offsets: where documents start and end.
        length: of an n-gram, 2 or more.
        history: contexts to look back.
        eos: the n-grams of a document end before the first token of this id; -1: none.
        bits_of: the g-values of all layers, a bit each, for the low bits of an n-gram's hash; a power of two of them.
        hashes: room, of as many as the longest document has tokens.
        contexts: room for hashes, in the table.
        places: room for where a context stood last.
        planes: room, shape (64,).
        scored: gets the number of n-grams, shape (documents,).
        layers: gets the number of g-values that are 1, shape (documents, depth).
    """
    low = _U(bits_of.size - 1)
    for document in range(offsets.size - 1):
        start = offsets[document]
        end = _end_of_text(tokens, start, offsets[document + 1], eos)
        slots, shift = _slots(end - start)
        for plane in range(planes.size):
            planes[plane] = 0
        ngrams = max(0, end - start - length + 1)
        _hash_contexts(tokens, start, ngrams, length - 1, hashes)
        count = 0
        for k in range(ngrams):
            i = start + k
            context = hashes[k]
            slot = np.int64(context >> shift)
            while places[slot] >= start and contexts[slot] != context:
                slot = (slot + 1) & (slots - 1)
            before = i - history - 1
            if places[slot] >= start:
                before = places[slot]
            elif context == 0:
                before = start - 1  # the reference's history begins as zeros
            contexts[slot] = context
            places[slot] = i
            if i - before > history:
                count += 1
                _tally(planes, bits_of[_hashed(context, tokens[i + length - 1]) & low])
        scored[document] = count
        for layer in range(layers.shape[1]):
            layers[document, layer] = _total(planes, layer)


@part
def _end_of_text(tokens: Any, start: Any, end: Any, eos: Any) -> Any:
    for i in range(start, end):
        if tokens[i] == eos:
            return i
    return end


@part
def _hash_contexts(tokens: Any, start: Any, count: Any, length: Any, hashes: Any) -> Any:
    """Hash the `length` tokens from each place on; several places at once, which needs indices without a sign."""
    for k in range(_U(count)):
        hashes[k] = _ONE
    for j in range(length):
        first = _U(start + j)
        for k in range(_U(count)):
            hashes[k] = _hashed(hashes[k], tokens[first + k])


@part
def _slots(size: Any) -> Any:
    """Slots for so many contexts, and what is left of a hash's 64 bits beside the slot's number."""
    slots, shift = 2, _U(63)
    while slots < 2 * size:
        slots *= 2
        shift -= _ONE
    return slots, shift


@inlined
def _hashed(value: Any, token: Any) -> Any:
    return (value + _U(token)) * _MULTIPLIER + _ONE


@inlined
def _tally(planes: Any, bits: Any) -> Any:
    """Add a word to 64 counters at once, one a bit; plane k holds the bits of weight 2^k of all of them.

    Carries rarely pass eight planes; to stop earlier where none is left would be guessed wrong every other time.
    """
    for plane in range(8):
        carry = planes[plane] & bits
        planes[plane] ^= bits
        bits = carry
    plane = 8
    while bits != 0:
        carry = planes[plane] & bits
        planes[plane] ^= bits
        bits = carry
        plane += 1


@part
def _total(planes: Any, counter: Any) -> Any:
    total = _U(0)
    for plane in range(planes.size):
        total += ((planes[plane] >> _U(counter)) & _ONE) << _U(plane)
    return np.int64(total)
