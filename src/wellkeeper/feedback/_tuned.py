"""Fine-tuning on prompts and answers, in torch. Imported by `tuned` when a model is needed, and not before."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from numpy.typing import NDArray

from wellkeeper.core.answers import Output, Prompt, finish_of, plain_prompt
from wellkeeper.errors import InputError
from wellkeeper.feedback._nats import NOTHING, nats_a_piece
from wellkeeper.feedback._weights import load_weights, save_weights
from wellkeeper.feedback.student import Example
from wellkeeper.infer.sampling import item_seed, sample_seed
from wellkeeper.lab.policy import Decoding
from wellkeeper.lab.seeds import stream
from wellkeeper.lab.worlds._torch import Tensor, bent, device, one_thread
from wellkeeper.lab.worlds._tuned import Tuned, _Cached, _read, taught
from wellkeeper.lab.worlds.smollm2 import opened

if TYPE_CHECKING:
    from wellkeeper.feedback.tuned import TunedStudent

__all__ = ["answers", "load", "opened", "save", "surprise", "trained"]


def trained(student: "TunedStudent", parent: Tuned | None, examples: Sequence[Example], seed: int) -> Tuned:
    """The parent, or the pre-trained model, tuned on examples in an order that is drawn anew each time."""
    base = opened(student.model)
    if parent is None:
        weights = base.weights(student.layers)
    else:
        weights = {name: weight.detach().clone() for name, weight in parent.weights.items()}
    model = Tuned(base=base, weights=weights)
    pairs = [_pair(student, model, example) for example in examples]
    return taught(
        model,
        len(pairs),
        lambda chosen: _batch([pairs[at] for at in chosen]),
        rate=student.rate,
        epochs=student.epochs,
        at_once=student.batch,
        random=stream(seed, "tuned"),
    )


def _pair(student: "TunedStudent", model: Tuned, example: Example) -> tuple[list[int], list[int]]:
    asked = _asked(model, example.prompt)
    answer = model.base.pieces.encoded([example.answer]).words.tolist()
    # what a model wrote may be cut off: it is learnt as far as it goes, and not that an answer ends there
    return asked, answer[: student.tokens] if len(answer) >= student.tokens else [*answer, _end(model)]


def _batch(pairs: Sequence[tuple[list[int], list[int]]]) -> tuple[Tensor, Tensor]:
    """Tokens and targets, shape (pairs, longest): what stands after an answer is read by nobody before it."""
    longest = max(len(asked) + len(answer) for asked, answer in pairs)
    rows = np.zeros((len(pairs), longest), np.int64)
    targets = np.full(rows.shape, NOTHING)
    for at, (asked, answer) in enumerate(pairs):
        end = len(asked) + len(answer)
        rows[at, :end] = asked + answer
        targets[at, len(asked) : end] = answer
    return torch.from_numpy(rows).to(device()), torch.from_numpy(targets).to(device())


def surprise(student: "TunedStudent", model: Tuned, examples: Sequence[Example]) -> NDArray[np.float64]:
    """Nats a token of each answer."""
    pairs = [_pair(student, model, example) for example in examples]
    found = []
    with one_thread(), torch.inference_mode():
        for first in range(0, len(pairs), student.batch):
            rows, targets = _batch(pairs[first : first + student.batch])
            logits = _read(model, {"input_ids": rows, "use_cache": False}).logits
            found.append(nats_a_piece(logits[:, :-1], targets[:, 1:]))
    return np.concatenate(found)


def answers(
    student: "TunedStudent", model: Tuned, prompts: Sequence[Prompt], n: int, temperature: float, seed: int
) -> list[list[Output]]:
    """Answers prompt by prompt; each has a seed of its own, so that an answer hangs on no other prompt."""
    with one_thread(), torch.inference_mode():
        return [
            [
                _output(model, row)
                for row in _written(student, model, _asked(model, prompt), n, temperature, own)
            ]
            for number, prompt in enumerate(prompts)
            for own in [item_seed(str(seed), str(number))]
        ]


def _written(
    student: "TunedStudent", model: Tuned, asked: list[int], n: int, temperature: float, seed: int
) -> Iterator[list[int]]:
    reader, decoding = _Cached(model), Decoding(temperature=temperature)
    draws = torch.Generator(device()).manual_seed(sample_seed(seed, 0))
    rows = torch.tensor([asked] * n, device=device())
    new = rows
    for _ in range(student.tokens):
        logits = reader.read(new)
        new = torch.multinomial(torch.softmax(bent(logits, decoding, rows), -1), 1, generator=draws)
        rows = torch.cat((rows, new), 1)
        if bool((rows[:, len(asked) :] == _end(model)).any(1).all()):
            break
    yield from rows[:, len(asked) :].tolist()


def _output(model: Tuned, row: list[int]) -> Output:
    end = _end(model)
    is_whole = end in row
    tokens = row[: row.index(end)] if is_whole else row
    text = model.base.pieces.written(np.array([tokens], np.int32)) if tokens else ""
    return Output(
        text=text, finish=finish_of(text, "stop" if is_whole else "length"), tokens=len(tokens) + is_whole
    )


def _asked(model: Tuned, prompt: Prompt) -> list[int]:
    if not isinstance(prompt, str):
        raise InputError(
            f"This student continues text, and a prompt is a conversation ({plain_prompt(prompt)!r:.80}). Give it as "
            "one text."
        )
    return [model.base.pieces.opening, *model.base.pieces.encoded([prompt]).words.tolist()]


def _end(model: Tuned) -> int:
    end: Any = model.base.module.config.eos_token_id
    return int(end[0] if isinstance(end, list) else end if end is not None else model.base.pieces.opening)


def save(model: Tuned, folder: Path) -> None:
    save_weights(model.weights, folder)


def load(student: "TunedStudent", folder: Path) -> Tuned:
    return Tuned(base=opened(student.model), weights=load_weights(folder))
