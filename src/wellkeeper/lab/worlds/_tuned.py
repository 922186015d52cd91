"""A pre-trained causal model, fine-tuned in torch. Imported by `smollm2` when a model is needed, and not before."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
import transformers
from numpy.typing import NDArray
from torch.func import functional_call
from torch.nn import functional

from wellkeeper.engine.torch_models import load_causal
from wellkeeper.errors import DataError, InputError
from wellkeeper.lab.policy import Decoding
from wellkeeper.lab.text import Text
from wellkeeper.lab.worlds._pieces import Pieces, pieces_of, windows_of
from wellkeeper.lab.worlds._torch import Tensor, Weights, device, generator, one_thread, rows_written

if TYPE_CHECKING:
    from wellkeeper.lab.worlds.smollm2 import Tuning

BLOCK = 64
"""Tokens of what is trained on at once, and of a prompt and of what is written after it: Shumailov et al. 2024."""
_CONTEXT = 2 * BLOCK  # that held-out text is read in
_DECAY = 0.01  # of AdamW: torch's own, which the authors left as it was
_READ_AT_ONCE, _WRITTEN_AT_ONCE = 8, 32  # windows
_PROBE = "na\u00efve caf\u00e9 \u2014 3.14\n\tThe end."


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Base:
    """A pre-trained model. Its own weights are never changed."""

    module: Any
    pieces: Pieces
    control: tuple[int, ...]  # tokens that are never written

    def weights(self, layers: int) -> Weights:
        """Copies of the weights of the last layers, by name.

        Raises:
            InputError: the model does not name its layers as it should.
        """
        count = self.module.config.num_hidden_layers
        chosen = {f"{count - 1 - back}" for back in range(count if layers == 0 else layers)}
        found = {
            name: weight.detach().clone()
            for name, weight in self.module.named_parameters()
            if layers == 0 or chosen.intersection(name.split("."))
        }
        if not found:
            raise InputError(
                "No layer of the model was found by its number. Fine-tune all weights: layers=0."
            )
        return found


def load(path: Path) -> Base:
    """A model from a GGUF file or a folder.

    Raises:
        InputError: there is none, or its tokeniser reads something else than bytes.
        MissingExtraError: what reads it is not installed.
    """
    module, tokeniser = load_causal(path, dtype="float32")
    module = module.requires_grad_(requires_grad=False).eval().to(device())
    control = tuple(sorted(tokeniser.all_special_ids))
    opening = tokeniser.bos_token_id if tokeniser.bos_token_id is not None else tokeniser.eos_token_id
    coder = getattr(tokeniser, "backend_tokenizer", None)
    if coder is not None and opening is not None:
        pieces = pieces_of(coder, opening, module.config.vocab_size)
        tokens = pieces.encoded([_PROBE])
        whole = int(pieces.ends(tokens.words)[-1]) == len(_PROBE.encode())
        if whole and pieces.written(tokens.words[None]) == _PROBE:
            return Base(module=module, pieces=pieces, control=control)
    raise InputError(
        f"The tokeniser of {path} is not byte-level, so that its pieces cannot be told by word. Give a model with "
        "byte-level pieces, such as SmolLM2, GPT-2 or Llama 3."
    )


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Tuned:
    """A fine-tuned model: the base, and the weights that are others."""

    base: Base
    weights: Weights

    def nats(self, text: Text) -> NDArray[np.float64]:
        """Negative log-likelihood of each token, shape (tokens,), in nats; see `windows_of`."""
        inputs, targets, places = windows_of(text, self.base.pieces.opening, _CONTEXT)
        found = np.zeros(text.words.size)
        with one_thread(), torch.inference_mode():
            for first in range(0, len(inputs), _READ_AT_ONCE):
                part = slice(first, first + _READ_AT_ONCE)
                logits = _read(self, {"input_ids": _tensor(inputs[part]), "use_cache": False}).logits
                lost = functional.cross_entropy(
                    logits.flatten(0, 1), _tensor(targets[part]).flatten(), reduction="none"
                )
                there = places[part].ravel()
                found[there[there >= 0]] = lost.double().cpu().numpy()[there >= 0]
        return found


def _tensor(rows: NDArray[np.integer]) -> Tensor:
    return torch.from_numpy(rows.astype(np.int64)).to(device())


def _read(model: Tuned, given: dict[str, Any]) -> Any:
    return functional_call(model.base.module, model.weights, (), given)


def tuned(base: Base, tokens: NDArray[np.integer], tuning: "Tuning", random: np.random.Generator) -> Tuned:
    """Fine-tune a model on one row of tokens, in blocks of 64 that are shuffled for each epoch.

    Raises:
        DataError: there are too few tokens for one block.
        InputError: the layers to tune are not found.
    """
    blocks = tokens[: tokens.size // BLOCK * BLOCK].reshape(-1, BLOCK)
    if not len(blocks):
        raise DataError(f"There are {tokens.size:,} tokens, too few for a block of {BLOCK}. Give more text.")

    def batch(chosen: NDArray[np.integer]) -> tuple[Tensor, Tensor]:
        rows = _tensor(blocks[chosen])
        return rows, rows

    model = Tuned(base=base, weights=base.weights(tuning.layers))
    return taught(
        model, len(blocks), batch, rate=tuning.rate, epochs=tuning.epochs, at_once=tuning.batch, random=random
    )


def taught(
    model: Tuned,
    examples: int,
    batch: Callable[[NDArray[np.integer]], tuple[Tensor, Tensor]],
    *,
    rate: float,
    epochs: int,
    at_once: int,
    random: np.random.Generator,
) -> Tuned:
    """Fine-tune a model, whose own weights are changed, on examples that are shuffled for each epoch.

    Args:
        model: what to begin with.
        examples: how many there are.
        batch: tokens and targets of the examples with these numbers, each of shape (examples, tokens) and on
            `device()`; targets of -100 count for nothing.
        rate: of AdamW.
        epochs: times that all examples are read.
        at_once: examples of a step.
        random: tells their order.
    """
    learnt = [weight.requires_grad_() for weight in model.weights.values()]
    with one_thread():
        optimiser = torch.optim.AdamW(learnt, lr=rate, weight_decay=_DECAY)
        for _ in range(epochs):
            order = random.permutation(examples)
            for first in range(0, examples, at_once):
                rows, targets = batch(order[first : first + at_once])
                logits = _read(model, {"input_ids": rows, "use_cache": False}).logits
                optimiser.zero_grad()
                functional.cross_entropy(logits[:, :-1].flatten(0, 1), targets[:, 1:].flatten()).backward()
                optimiser.step()
    return Tuned(base=model.base, weights={name: weight.detach() for name, weight in model.weights.items()})


def written(
    model: Tuned, prompts: NDArray[np.integer], decoding: Decoding, random: np.random.Generator
) -> NDArray[np.int32]:
    """64 tokens after each prompt, shape (prompts, 64)."""
    parts = []
    draws = generator(random, device())
    at_once = max(1, _WRITTEN_AT_ONCE // decoding.beams)
    length = prompts.shape[1] + BLOCK
    with one_thread():
        for first in range(0, len(prompts), at_once):
            opened = _tensor(prompts[first : first + at_once])
            rows = rows_written(_Cached(model), opened, length, decoding, draws, forbidden=model.base.control)
            parts.append(rows[:, -BLOCK:].cpu().numpy().astype(np.int32))
    return np.concatenate(parts)


class _Cached:
    """A model that reads rows of tokens and remembers keys and values."""

    def __init__(self, model: Tuned) -> None:
        self._model = model
        self._cache = transformers.DynamicCache(config=model.base.module.config)

    def read(self, tokens: Tensor) -> Tensor:
        given = {"input_ids": tokens, "past_key_values": self._cache, "use_cache": True, "logits_to_keep": 1}
        return _read(self._model, given).logits[:, -1]

    def keep(self, rows: Tensor) -> None:
        self._cache.reorder_cache(rows)
