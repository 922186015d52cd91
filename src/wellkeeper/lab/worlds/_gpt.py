"""A small decoder-only transformer, in torch. Imported by `transformer` when a model is needed, and not before.

Blocks with layer norms before attention and before the network of four times the width, learnt positions, and an
output tied to the embeddings: Radford et al., Language models are unsupervised multitask learners (2019), section 2.3.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import torch
from numpy.typing import NDArray
from torch.nn import functional

from wellkeeper.errors import DataError
from wellkeeper.lab.policy import Decoding
from wellkeeper.lab.text import Text
from wellkeeper.lab.worlds._pieces import windows_of
from wellkeeper.lab.worlds._torch import Reader, Tensor, Weights, device, generator, one_thread, rows_written

if TYPE_CHECKING:
    from wellkeeper.lab.worlds.transformer import Size

_DEVIATION = 0.02  # of first weights: Radford et al. 2018, section 4.1
# Chosen by trial: 300 steps on 350,000 characters of WikiText-2 leave 4.8 nats a piece of held-out text.
_RATE, _DECAY, _BETAS = 3e-3, 0.05, (0.9, 0.98)
_WARM_UP, _LAST = 30, 0.1  # steps until the full rate; share of it at the end
_LONGEST_GRADIENT = 1.0
_PASSES = 12
"""Times that a text is read at most. Of 10,000 tokens of WikiText-2, 300 steps (61 passes) leave 7.3 nats a piece of
held-out text, 100 steps 5.7; of 30,000, 200 steps (14 passes) leave 5.1, and more or fewer steps more."""
_READ_AT_ONCE, _WRITTEN_AT_ONCE = 256, 512  # windows


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Transformer:
    """A fitted transformer."""

    size: "Size"
    weights: Weights

    @property
    def parameters(self) -> int:
        return sum(int(weight.numel()) for weight in self.weights.values())

    def nats(self, text: Text, opening: int) -> NDArray[np.float64]:
        """Negative log-likelihood of each token, shape (tokens,), in nats.

        They are read as `windows_of` says.
        """
        inputs, targets, places = windows_of(text, opening, self.size.context)
        found = np.zeros(text.words.size)
        with one_thread(), torch.inference_mode():
            for first in range(0, len(inputs), _READ_AT_ONCE):
                part = slice(first, first + _READ_AT_ONCE)
                given, wanted = (self._tensor(rows[part]) for rows in (inputs, targets))
                lost = functional.cross_entropy(
                    _logits(self.weights, self.size, given).flatten(0, 1), wanted.flatten(), reduction="none"
                )
                there = places[part].ravel()
                found[there[there >= 0]] = lost.double().cpu().numpy()[there >= 0]
        return found

    def reader(self) -> Reader:
        """Reads rows token by token, `context` tokens at most."""
        return _Memory(self)

    def _tensor(self, rows: NDArray[np.integer]) -> Tensor:
        return torch.from_numpy(rows.astype(np.int64)).to(self.weights["tokens"].device)


def fitted(
    tokens: NDArray[np.integer], size: "Size", vocabulary: int, random: np.random.Generator
) -> Transformer:
    """Train a transformer from scratch on one row of tokens.

    Adam with decoupled weight decay, the rate rising over 30 steps and falling linearly to a tenth, gradients cut to
    length 1. Of a short text there are fewer steps, so that it is not learnt by heart.

    Raises:
        DataError: there are too few tokens for one window.
    """
    if tokens.size <= size.context:
        raise DataError(
            f"There are {tokens.size:,} tokens, too few for one window of {size.context}. Give more text."
        )
    steps = min(size.steps, math.ceil(_PASSES * tokens.size / (size.batch * size.context)))
    where = device()
    row = torch.from_numpy(tokens.astype(np.int64)).to(where)
    reach = torch.arange(size.context + 1, device=where)

    def windows() -> tuple[Tensor, Tensor]:
        starts = random.integers(tokens.size - size.context, size=(size.batch, 1))
        found = row[torch.from_numpy(starts).to(where) + reach]
        return found[:, :-1], found[:, 1:]

    return taught(windows, steps, size, vocabulary, random)


def taught(
    batch: Callable[[], tuple[Tensor, ...]],
    steps: int,
    size: "Size",
    vocabulary: int,
    random: np.random.Generator,
    *,
    weights: Weights | None = None,
    rate: float = _RATE,
    share: Callable[[int, int], float] | None = None,
) -> Transformer:
    """Train a transformer on batches, as `fitted` says: from scratch, or from the weights of another, left as they are.

    A batch is inputs and targets, each of shape (rows, tokens) and on `device()`; targets of -100 count for nothing. A
    third part, of shape (rows, tokens, vocabulary), says which targets can come, and only these have a chance; at least
    one everywhere. `share` tells the share of the full rate at a step of so many.
    """
    where = device()
    with one_thread():
        begun = _initial(size, vocabulary, generator(random)) if weights is None else weights
        weights = {name: weight.detach().clone().to(where).requires_grad_() for name, weight in begun.items()}
        optimiser = torch.optim.AdamW(
            list(weights.values()), lr=rate, betas=_BETAS, weight_decay=_DECAY, fused=True
        )
        schedule = torch.optim.lr_scheduler.LambdaLR(optimiser, lambda step: (share or _share)(step, steps))
        for _ in range(steps):
            inputs, targets, *possible = batch()
            optimiser.zero_grad()
            logits = _logits(weights, size, inputs)
            for allowed in possible:
                logits = logits.masked_fill(~allowed, -torch.inf)
            functional.cross_entropy(logits.flatten(0, 1), targets.flatten()).backward()
            torch.nn.utils.clip_grad_norm_(list(weights.values()), _LONGEST_GRADIENT)
            optimiser.step()
            schedule.step()
    return Transformer(size=size, weights={name: weight.detach() for name, weight in weights.items()})


def written(
    model: Transformer,
    openings: NDArray[np.integer],
    decoding: Decoding,
    random: np.random.Generator,
) -> NDArray[np.int32]:
    """A window for each token that opens one, shape (openings, context)."""
    parts = []
    where = model.weights["tokens"].device
    draws = generator(random, where.type)
    with one_thread():
        for first in range(0, openings.size, _WRITTEN_AT_ONCE):
            some = openings[first : first + _WRITTEN_AT_ONCE, None].astype(np.int64)
            opened = torch.from_numpy(some).to(where)
            rows = rows_written(model.reader(), opened, model.size.context, decoding, draws)
            parts.append(rows.cpu().numpy().astype(np.int32))
    return np.concatenate(parts)


def _share(step: int, steps: int) -> float:
    """Share of the full rate at a step, from 0."""
    left = (steps - step) / max(steps - _WARM_UP, 1)
    return min((step + 1) / _WARM_UP, _LAST + (1 - _LAST) * min(max(left, 0.0), 1.0))


def _initial(size: "Size", vocabulary: int, draws: Tensor) -> Weights:
    width = size.width
    forms = {"tokens": (vocabulary, width), "positions": (size.context, width)}
    for layer in range(size.layers):
        forms |= {
            f"{layer}.attention": (3 * width, width),
            f"{layer}.attended": (width, width),
            f"{layer}.network": (4 * width, width),
            f"{layer}.back": (width, 4 * width),
        }
    weights = {}
    for name, form in forms.items():
        into_stream = name.endswith((".attended", ".back"))
        deviation = _DEVIATION / (2 * size.layers) ** 0.5 if into_stream else _DEVIATION
        weights[name] = torch.empty(form).normal_(0, deviation, generator=draws)
        if "." in name:
            weights[f"{name}.bias"] = torch.zeros(form[0])
    for name in (
        "last",
        *(f"{layer}.{norm}" for layer in range(size.layers) for norm in ("first", "second")),
    ):
        weights[f"{name}.gain"], weights[f"{name}.shift"] = torch.ones(width), torch.zeros(width)
    return weights


def _logits(weights: Weights, size: "Size", tokens: Tensor) -> Tensor:
    """After each token, shape (rows, tokens, vocabulary)."""
    return functional.linear(_states(weights, size, tokens, None, 0), weights["tokens"])


def _states(weights: Weights, size: "Size", tokens: Tensor, memory: Tensor | None, start: int) -> Tensor:
    """Before the last matrix, shape (rows, tokens, width); keys and values go into memory, if there is one.

    Tokens stand at `start` and after it; with a start above 0 there is one of each row, and memory has those before.
    """
    new = tokens.shape[1]
    states = functional.embedding(tokens, weights["tokens"]) + weights["positions"][start : start + new]
    for layer in range(size.layers):
        normed = _normed(weights, f"{layer}.first", states)
        query, key, value = (
            part.unflatten(2, (size.heads, -1)).transpose(1, 2)
            for part in _layer(weights, f"{layer}.attention", normed).chunk(3, dim=2)
        )
        if memory is not None:
            memory[layer, 0, :, :, start : start + new] = key
            memory[layer, 1, :, :, start : start + new] = value
            key, value = memory[layer, :, :, :, : start + new]
        seen = functional.scaled_dot_product_attention(query, key, value, is_causal=start == 0)
        states = states + _layer(weights, f"{layer}.attended", seen.transpose(1, 2).flatten(2))
        inner = functional.gelu(
            _layer(weights, f"{layer}.network", _normed(weights, f"{layer}.second", states))
        )
        states = states + _layer(weights, f"{layer}.back", inner)
    return _normed(weights, "last", states)


def _layer(weights: Weights, name: str, inputs: Tensor) -> Tensor:
    return functional.linear(inputs, weights[name], weights[f"{name}.bias"])


def _normed(weights: Weights, name: str, states: Tensor) -> Tensor:
    return functional.layer_norm(states, states.shape[-1:], weights[f"{name}.gain"], weights[f"{name}.shift"])


class _Memory:
    """A transformer that reads rows token by token and remembers keys and values."""

    def __init__(self, model: Transformer) -> None:
        self._model = model
        self._memory: Tensor | None = None
        self._read = 0

    def read(self, tokens: Tensor) -> Tensor:
        size, weights = self._model.size, self._model.weights
        if self._memory is None:
            form = (size.layers, 2, len(tokens), size.heads, size.context, size.width // size.heads)
            self._memory = torch.zeros(form, device=tokens.device)
        states = _states(weights, size, tokens, self._memory, self._read)
        self._read += tokens.shape[1]
        return functional.linear(states[:, -1], weights["tokens"])

    def keep(self, rows: Tensor) -> None:
        assert self._memory is not None
        self._memory = self._memory[:, :, rows]
