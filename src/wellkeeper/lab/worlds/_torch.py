"""torch as worlds use it: one thread, random numbers of a world's stream, and every way to decode.

Sums over several threads are made in an order that changes from run to run; on one thread the same seed gives the same
weights and the same text, on the same machine with the same torch.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any, Protocol, TypeAlias

import numpy as np
import torch

from wellkeeper.lab.policy import Decoding

Tensor: TypeAlias = Any  # torch is an extra, whose types are not always there
Weights: TypeAlias = dict[str, Tensor]


@contextmanager
def one_thread() -> Iterator[None]:
    """Compute on one thread for a while."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)


def device() -> str:
    """Where models live: on the graphics card if there is one."""
    return "cuda" if torch.cuda.is_available() else "cpu"


def generator(random: np.random.Generator, where: str = "cpu") -> Tensor:
    """A generator of torch that hangs on a stream of ours."""
    return torch.Generator(where).manual_seed(int(random.integers(1 << 62)))


class Reader(Protocol):
    """A language model that reads rows of tokens, all of them equally far."""

    def read(self, tokens: Tensor) -> Tensor:
        """Read on, tokens of shape (rows, new), and give the logits after them, (rows, vocabulary)."""

    def keep(self, rows: Tensor) -> None:
        """Go on with these rows, with repeats."""


def rows_written(
    reader: Reader,
    opened: Tensor,
    length: int,
    decoding: Decoding,
    draws: Tensor,
    *,
    forbidden: Sequence[int] = (),
) -> Tensor:
    """Rows of `length` tokens that begin with those of `opened`, shape (rows, length).

    With beams, each row is the likeliest that beam search finds, and nothing is drawn.

    Args:
        reader: a model that has read nothing yet.
        opened: at least one token a row, shape (rows, given).
        length: of each row, what was given included.
        decoding: how to choose.
        draws: a generator of torch, on the reader's device.
        forbidden: tokens that are never written.
    """
    with torch.inference_mode():
        if decoding.beams > 1:
            return _searched(reader, opened, length, decoding, forbidden)
        tokens = opened
        while tokens.shape[1] < length:
            logits = _allowed(reader.read(tokens if tokens is opened else tokens[:, -1:]), forbidden)
            chances = torch.softmax(bent(logits, decoding, tokens), -1)
            chosen = torch.multinomial(chances, 1, generator=draws)
            tokens = torch.cat((tokens, chosen), 1)
        return tokens


def _searched(
    reader: Reader, opened: Tensor, length: int, decoding: Decoding, forbidden: Sequence[int]
) -> Tensor:
    """Beam search. All rows are of one length, so that no share of it has to be weighed against likelihood."""
    rows, beams = opened.shape[0], decoding.beams
    tokens, new = opened, opened
    scores = torch.zeros((rows, 1), device=opened.device)
    first = torch.arange(rows, device=opened.device)[:, None]
    while tokens.shape[1] < length:
        steps = bent(_allowed(torch.log_softmax(reader.read(new), -1), forbidden), decoding, tokens)
        vocabulary, held = steps.shape[1], scores.shape[1]
        every = (scores[:, :, None] + steps.view(rows, held, vocabulary)).flatten(1)
        scores, best = every.topk(min(beams, every.shape[1]), dim=1)
        kept = (first * held + best // vocabulary).flatten()
        new = (best % vocabulary).flatten()[:, None]
        tokens = torch.cat((tokens[kept], new), 1)
        reader.keep(kept)
    return tokens.view(rows, -1, tokens.shape[1])[:, 0]  # topk gives the best first


def _allowed(scores: Tensor, forbidden: Sequence[int]) -> Tensor:
    if not forbidden:
        return scores
    allowed = scores.clone()
    allowed[:, list(forbidden)] = -torch.inf
    return allowed


def bent(scores: Tensor, decoding: Decoding, seen: Tensor) -> Tensor:
    """Scores as decoding bends them, shape (rows, vocabulary): what cannot come has minus infinity.

    The order is the usual one: the penalty for tokens that a row has already (divided if positive, multiplied if
    negative: Keskar et al., CTRL, arXiv 1909.05858, section 4.1), then temperature, top-k, top-p.

    Args:
        scores: logits or log-probabilities, shape (rows, vocabulary).
        decoding: how to choose.
        seen: tokens of each row so far, shape (rows, tokens).
    """
    if decoding.repetition_penalty != 1:
        had = scores.gather(1, seen)
        penalty = decoding.repetition_penalty
        scores = scores.scatter(1, seen, torch.where(had < 0, had * penalty, had / penalty))
    if decoding.temperature == 0:
        return _only(scores, scores.argmax(-1, keepdim=True))
    if decoding.temperature != 1:
        scores = scores / decoding.temperature
    if decoding.top_k is not None and decoding.top_k < scores.shape[1]:
        scores = _only(scores, scores.topk(decoding.top_k, dim=-1).indices)
    if decoding.top_p is not None and decoding.top_p < 1:
        ordered, places = scores.sort(dim=-1, descending=True, stable=True)
        chances = torch.softmax(ordered, -1)
        before = chances.cumsum(-1) - chances  # of all that are likelier; 0 for the likeliest, which stays
        scores = scores.scatter(1, places, ordered.masked_fill(before >= decoding.top_p, -torch.inf))
    return scores


def _only(scores: Tensor, places: Tensor) -> Tensor:
    return torch.full_like(scores, -torch.inf).scatter(1, places, scores.gather(1, places))
