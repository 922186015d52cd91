"""Transformers over letters, in torch. Imported by `transformer` when one is trained, and not before."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import torch
from numpy.typing import NDArray

from wellkeeper.core.answers import Output, finish_of
from wellkeeper.feedback._nats import NOTHING, nats_a_piece
from wellkeeper.feedback._weights import load_weights, save_weights
from wellkeeper.lab.policy import Decoding
from wellkeeper.lab.seeds import stream
from wellkeeper.lab.worlds._gpt import Transformer as Letters
from wellkeeper.lab.worlds._gpt import _logits, taught
from wellkeeper.lab.worlds._torch import Tensor, device, generator, one_thread, rows_written

if TYPE_CHECKING:
    from wellkeeper.feedback.transformer import Transformer

__all__ = ["Letters", "answers", "load", "save", "surprise", "taught_letters"]

_AT_ONCE = 4096  # rows that are written at once


def taught_letters(
    student: "Transformer", parent: Letters | None, pairs: Sequence[tuple[str, str]], seed: int
) -> Letters:
    """A model that has read prompts and learnt their answers; batches are drawn with replacement."""
    inputs, targets = _rows(student, pairs)
    random = stream(seed, "letters")

    def batch() -> tuple[Tensor, Tensor]:
        some = torch.from_numpy(random.integers(len(pairs), size=student.batch)).to(inputs.device)
        return inputs[some], targets[some]

    if parent is None:
        size = student.size(student.start_steps)
        return taught(batch, size.steps, size, len(student.letters) + 1, random)
    size = student.size(student.steps)
    return taught(
        batch, size.steps, size, len(student.letters) + 1, random, weights=parent.weights, rate=student.rate
    )


def answers(
    student: "Transformer", model: Letters, prompts: Sequence[str], n: int, temperature: float, seed: int
) -> list[list[Output]]:
    """Answers to prompts; those of one length are written together, in the prompts' order."""
    found: list[list[Output]] = [[] for _ in prompts]
    lengths = sorted({len(prompt) for prompt in prompts})
    for length in lengths:
        places = [at for at, prompt in enumerate(prompts) if len(prompt) == length for _ in range(n)]
        rows = np.array([_numbers(student, prompts[at]) for at in places], np.int64).reshape(-1, length)
        draws = generator(stream(seed, "answers", length), device())
        written = _written(student, model, rows, Decoding(temperature=temperature), draws)
        for at, row in zip(places, written[:, length:].tolist(), strict=True):
            found[at].append(_output(student, row))
    return found


def _written(
    student: "Transformer", model: Letters, rows: NDArray[np.int64], decoding: Decoding, draws: Tensor
) -> NDArray[np.int64]:
    parts = []
    with one_thread():
        for first in range(0, len(rows), _AT_ONCE):
            opened = torch.from_numpy(rows[first : first + _AT_ONCE]).to(device())
            parts.append(rows_written(model.reader(), opened, student.context, decoding, draws).cpu().numpy())
    return np.concatenate(parts)


def _output(student: "Transformer", row: Sequence[int]) -> Output:
    end = len(student.letters)
    is_whole = end in row
    written = row[: row.index(end)] if is_whole else row
    text = "".join(student.letters[number] for number in written)
    return Output(
        text=text, finish=finish_of(text, "stop" if is_whole else "length"), tokens=len(written) + is_whole
    )


def surprise(student: "Transformer", model: Letters, pairs: Sequence[tuple[str, str]]) -> NDArray[np.float64]:
    """Nats a letter of each answer; of one that fills the context, of the letters that fit."""
    inputs, targets = _rows(student, pairs)
    found = []
    with one_thread(), torch.inference_mode():
        for first in range(0, len(pairs), _AT_ONCE):
            given, wanted = inputs[first : first + _AT_ONCE], targets[first : first + _AT_ONCE]
            logits = _logits(model.weights, model.size, given)
            found.append(nats_a_piece(logits, wanted))
    return np.concatenate(found)


def save(model: Letters, folder: Path) -> None:
    save_weights(model.weights, folder)


def load(student: "Transformer", folder: Path) -> Letters:
    return Letters(size=student.size(student.steps), weights=load_weights(folder))


def _numbers(student: "Transformer", text: str) -> list[int]:
    return [student.letters.index(letter) for letter in text]


def _rows(student: "Transformer", pairs: Sequence[tuple[str, str]]) -> tuple[Tensor, Tensor]:
    """Inputs and targets, shape (examples, context - 1): of targets only the answer's letters and its end count."""
    end = len(student.letters)
    rows = np.full((len(pairs), student.context), end)
    counts = np.zeros(rows.shape, np.bool_)
    for at, (prompt, answer) in enumerate(pairs):
        numbers = [*_numbers(student, prompt + answer), end][: student.context]
        rows[at, : len(numbers)] = numbers
        counts[at, len(prompt) : len(numbers)] = True
    targets = np.where(counts, rows, NOTHING)[:, 1:]
    return torch.from_numpy(rows[:, :-1].copy()).to(device()), torch.from_numpy(targets.copy()).to(device())
