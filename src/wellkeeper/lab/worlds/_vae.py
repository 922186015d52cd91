"""A variational autoencoder of small pictures, in torch. Imported by `digits` when a model is needed, and not before.

Kingma and Welling, Auto-encoding variational Bayes, ICLR 2014: a normal code of few numbers, and chances of each pixel
given the code, both by networks with one hidden layer.
"""

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch.nn import functional

from wellkeeper.lab.worlds._torch import Tensor, Weights, generator, one_thread

Pictures = NDArray[np.float64]  # shape (pictures, pixels), in [0, 1]

HIDDEN, CODE = 128, 8
# Of 1,200 digits, 40 epochs bring the negative bound on held-out ones to 24.9 nats, and 160 to 24.2.
_RATE, _EPOCHS, _BATCH = 2e-3, 40, 128


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Vae:
    """A fitted autoencoder."""

    weights: Weights

    def decoded(self, count: int, random: np.random.Generator) -> Pictures:
        """Chances of the pixels of pictures whose codes are drawn from the prior, shape (count, pixels)."""
        codes = torch.from_numpy(random.standard_normal((count, CODE)).astype(np.float32))
        with one_thread(), torch.inference_mode():
            chances: Pictures = torch.sigmoid(_logits(self.weights, codes)).double().numpy()
        return chances

    def bound(self, pictures: Pictures, random: np.random.Generator) -> float:
        """Mean negative evidence lower bound of pictures, one code drawn for each, in nats a picture.

        The reconstruction's part is the cross-entropy of the pixels as shares, not the likelihood of binary pixels.
        """
        with one_thread(), torch.inference_mode():
            given = torch.from_numpy(pictures.astype(np.float32))
            return float(_loss(self.weights, given, generator(random)))


def fitted(pictures: Pictures, random: np.random.Generator) -> Vae:
    """Fit an autoencoder from scratch by Adam."""
    draws = generator(random)
    with one_thread():
        given = torch.from_numpy(pictures.astype(np.float32))
        weights = _initial(pictures.shape[1], draws)
        optimiser = torch.optim.Adam(list(weights.values()), lr=_RATE)
        for _ in range(_EPOCHS):
            order = torch.randperm(len(given), generator=draws)
            for chosen in order.split(_BATCH):
                optimiser.zero_grad()
                _loss(weights, given[chosen], draws).backward()
                optimiser.step()
    return Vae(weights={name: weight.detach() for name, weight in weights.items()})


def _initial(pixels: int, draws: Tensor) -> Weights:
    layers = {
        "encoder": (pixels, HIDDEN),
        "code": (HIDDEN, 2 * CODE),
        "decoder": (CODE, HIDDEN),
        "pixels": (HIDDEN, pixels),
    }
    weights: Weights = {}
    for name, (inputs, outputs) in layers.items():
        reach = inputs**-0.5  # uniform, as torch's linear layers begin
        weights[f"{name}.weight"] = torch.empty((outputs, inputs)).uniform_(-reach, reach, generator=draws)
        weights[f"{name}.bias"] = torch.empty(outputs).uniform_(-reach, reach, generator=draws)
    return {name: weight.requires_grad_() for name, weight in weights.items()}


def _layer(weights: Weights, name: str, inputs: Tensor) -> Tensor:
    return functional.linear(inputs, weights[f"{name}.weight"], weights[f"{name}.bias"])


def _logits(weights: Weights, codes: Tensor) -> Tensor:
    return _layer(weights, "pixels", functional.relu(_layer(weights, "decoder", codes)))


def _loss(weights: Weights, pictures: Tensor, draws: Tensor) -> Tensor:
    hidden = functional.relu(_layer(weights, "encoder", pictures))
    mean, log_variance = _layer(weights, "code", hidden).chunk(2, dim=1)
    noise = torch.empty_like(mean).normal_(generator=draws)
    logits = _logits(weights, mean + noise * torch.exp(log_variance / 2))
    wrong = functional.binary_cross_entropy_with_logits(logits, pictures, reduction="sum")
    apart = 0.5 * (mean.square() + log_variance.exp() - 1 - log_variance).sum()
    return (wrong + apart) / len(pictures)
