"""A model of your own in the lab: characters, each by the two before it.

    wellkeeper lab run own --corpus examples/reference --set model=examples/own_model.py --size 20000 --generations 3

The lab asks for two functions, `fit` and `sample`; the third, `nll`, adds the model's own likelihood of held-out text.
This one counts, in numpy, how often each character follows each pair. It is far too small to be good, and so shows the
tail going at once.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from wellkeeper.lab.policy import Decoding

CHARACTERS = "\n !\"'(),-.0123456789:;?ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
OTHER = len(CHARACTERS)  # any other character; it is written as a blank
LENGTH = 1500  # characters of a document
LETTERS_A_WORD = 5
SMOOTHING = 0.01  # of a count, for what was never seen
_NUMBERS = {character: number for number, character in enumerate(CHARACTERS)}


@dataclass
class Model:
    chances: np.ndarray  # shape (characters, characters, characters): of the third after the first two


def fit(documents: Sequence[str], seed: int) -> Model:
    del seed  # nothing is drawn
    counts = np.full((OTHER + 1,) * 3, SMOOTHING)
    for document in documents:
        text = read(document)
        np.add.at(counts, (text[:-2], text[1:-1], text[2:]), 1)
    return Model(chances=counts / counts.sum(axis=2, keepdims=True))


def sample(model: Model, words: int, decoding: Decoding, seed: int) -> list[str]:
    if decoding != Decoding(temperature=decoding.temperature) or decoding.temperature == 0:
        raise ValueError(f"This model cannot be sampled with {decoding}. Give temperature above 0 alone.")
    random = np.random.default_rng(seed)
    chances = model.chances ** (1 / decoding.temperature)
    ends = np.cumsum(chances / chances.sum(axis=2, keepdims=True), axis=2)
    count = 1 + words * LETTERS_A_WORD // LENGTH
    rows = np.zeros(
        (count, LENGTH + 2), np.int64
    )  # all documents at once; they begin after two ends of a line
    for place in range(2, LENGTH + 2):
        drawn = random.random((count, 1))
        after = ends[rows[:, place - 2], rows[:, place - 1]]
        rows[:, place] = np.minimum((after < drawn).sum(axis=1), OTHER)
    letters = np.array([*CHARACTERS, " "])
    return ["".join(letters[row[2:]]) for row in rows]


def nll(model: Model, documents: Sequence[str]) -> list[float]:
    found = []
    for document in documents:
        text = read(document)
        found.append(-float(np.log(model.chances[text[:-2], text[1:-1], text[2:]]).sum()))
    return found


def read(document: str) -> np.ndarray:
    """Numbers of characters, after two ends of a line."""
    return np.array([0, 0, *(_NUMBERS.get(character, OTHER) for character in document)])
