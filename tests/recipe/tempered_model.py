"""A made-up model whose answers follow p^(1/T) / Z, and a suite for it; tests of calibration ask it."""

import hashlib

import numpy as np

from wellkeeper.core.answers import Output
from wellkeeper.infer.sampling import sample_seed
from wellkeeper.suites.suite import Suite, SuiteItem

KINDS = {
    "easy": {"right": 0.9, "wrong": 0.1},
    "medium": {"right": 0.5, "wrong": 0.25, "other": 0.25},
    "hard": {"right": 0.15, "wrong": 0.7, "other": 0.15},
}
"""Chances of each answer at a temperature of 1: 0 is best for the first two, 1 for the last."""


def suite_of(each=20, **changed):
    items = tuple(
        SuiteItem(name=f"{kind} {number}", prompt=f"{kind} {number}?", references=("right",))
        for kind in KINDS
        for number in range(each)
    )
    return Suite(**{"name": "made", "items": items, "scorer": {"kind": "exact"}, **changed})


class Tempered:
    """It counts what it is asked, and can break or reject from some call on."""

    fingerprint, tokens, at_once = "tempered", 256, 2

    def __init__(self, *, breaks_after=None, rejects=(), **changed):
        self.asked = []
        self._breaks_after, self._rejects = breaks_after, rejects
        for name, value in changed.items():
            setattr(self, name, value)

    def sample(self, prompt, n=1, temperature=1.0, seed=0, logprobs=False, *, first=0):
        return [
            self.answer(prompt, temperature, sample_seed(seed, sample)) for sample in range(first, first + n)
        ]

    def answer(self, prompt, temperature, seed):
        self.asked.append((prompt, temperature, seed))
        if self._breaks_after is not None and len(self.asked) > self._breaks_after:
            raise KeyboardInterrupt
        if prompt in self._rejects:
            return Output(text="", finish="error", tokens=0, prompt_tokens=0, note="too long")
        said = KINDS[prompt.split()[0]]
        chances = np.array(list(said.values()))
        powered = chances == chances.max() if temperature == 0 else chances ** (1 / temperature)
        drawn = int.from_bytes(hashlib.sha256(f"{prompt} {seed}".encode()).digest()[:8], "big") / 2**64
        place = int(np.searchsorted(np.cumsum(powered / powered.sum()), drawn, side="right"))
        text = list(said)[min(place, len(said) - 1)]
        return Output(text=text, finish="stop", tokens=2, prompt_tokens=5, seed=seed, milliseconds=1.0)

    def stop(self):
        pass
