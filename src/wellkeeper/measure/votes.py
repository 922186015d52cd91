"""When a vote among samples may stop, from counts alone.

Samples are drawn one after the other. Each votes for what it answers; the answer of the vote is the one with the most
votes, of several the one that was seen first. With a votes for it and b for the runner-up, 0 if there is none:

    fixed         all samples are drawn
    beta          stop when I_1/2(b + 1, a + 1) >= level, the posterior chance, from a uniform prior, that the leader is
                  likelier than the runner-up [1]
    certificate   stop when E(a, b) > 2 / (1 - level), the evidence of `wellkeeper.measure.sequential`, whose mean is
                  at most 1 at all times as long as the leader is no likelier than the runner-up

`beta` saves most and promises nothing: it looks after every sample at a chance that holds for one look. `certificate`
says that the leader is the model's likeliest answer. Of m answers it is wrong in at most 1 - level of all votes,
whenever it stops, at the threshold (m - 1) / (1 - level): each of the m - 1 others, one against one, ever leads the
likeliest by so much with a chance of at most (1 - level) / (m - 1) [2]. That is taken where m is known. The 2 of all
other votes is proved for three answers and fewer, and checked by simulation for more (benchmarks/infer/votes.py).

A certified answer is what the model says most often. That is the right answer only if the model is right most often.

[1] Aggarwal, Madaan, Yang and Mausam, Let's sample step by step: adaptive-consistency for efficient reasoning and
    coding with LLMs, EMNLP 2023, arXiv 2305.11860.
[2] Jain et al., PAC mode estimation using PPR martingale confidence sequences, AISTATS 2022, arXiv 2109.05047: one
    against one, with a union over the others.
"""

import math
from dataclasses import dataclass
from functools import lru_cache
from typing import Literal, TypeAlias, get_args

import numpy as np
from numpy.typing import ArrayLike, NDArray

from wellkeeper.errors import DataError
from wellkeeper.measure.sequential import log_evidence

Rule: TypeAlias = Literal["fixed", "beta", "certificate"]
RULES: tuple[Rule, ...] = get_args(Rule)
MOST = 40
"""Most samples of a vote: as many as the literature of self-consistency draws of each question [1]."""
LEVEL = 0.95

Counts: TypeAlias = NDArray[np.int64]


def chance_to_lead(top: ArrayLike, runner_up: ArrayLike) -> NDArray[np.float64]:
    """I_1/2(b + 1, a + 1) of a votes for the leader and b for the runner-up; arguments are broadcast.

    That is the chance of more than b heads among a + b + 1 tosses of a coin: a sum of binomial coefficients.

    >>> chance_to_lead([4, 6, 3], [0, 1, 3]).round(3).tolist()
    [0.969, 0.965, 0.5]

    Raises:
        DataError: a number is negative or not whole.
    """
    a, b = np.broadcast_arrays(np.asarray(top, np.float64), np.asarray(runner_up, np.float64))
    for values, name in ((a, "top"), (b, "runner_up")):
        wrong = ~((values >= 0) & (values == np.floor(values)) & np.isfinite(values))
        if wrong.any():
            raise DataError(f"{name} holds {values[wrong].flat[0]:g}. Count votes: whole numbers from 0.")
    return np.asarray(_each_chance(a.astype(np.int64), b.astype(np.int64)), np.float64)


@lru_cache(1 << 16)
def _chance(top: int, runner_up: int) -> float:
    tosses = top + runner_up + 1
    return sum(math.comb(tosses, heads) for heads in range(runner_up + 1, tosses + 1)) / (1 << tosses)


_each_chance = np.frompyfunc(_chance, 2, 1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Stopping:
    """When a vote stops.

    Raises:
        DataError: there is no such rule, or a number makes no sense.
    """

    rule: Rule = "beta"
    most: int = MOST  # samples
    level: float = LEVEL  # in (0.5, 1): how sure `beta` and a certificate are
    answers: int | None = (
        None  # how many there can be, 2 or more, such as the choices of an item; None: not known
    )

    def __post_init__(self) -> None:
        if self.rule not in RULES:
            raise DataError(f"There is no rule {self.rule!r}. Give one of {', '.join(RULES)}.")
        if self.most < 1:
            raise DataError(f"most is {self.most}. Give a vote at least one sample, such as {MOST}.")
        if not 0.5 < self.level < 1:  # at 1/2 a vote would stop before the first answer
            raise DataError(f"level is {self.level}. Give a chance above 0.5 and below 1, such as {LEVEL}.")
        if self.answers is not None and self.answers < 2:
            raise DataError(f"answers is {self.answers}. Give how many there can be, 2 or more, or None.")

    def certified(self, top: ArrayLike, runner_up: ArrayLike) -> NDArray[np.bool_]:
        """Whether the leader has a certificate, by whichever rule the vote stops; arguments are broadcast.

        >>> Stopping().certified([7, 8, 8], [0, 0, 1]).tolist()
        [False, True, False]
        """
        rivals = 2 if self.answers is None else self.answers - 1
        return np.asarray(log_evidence(top, runner_up) > math.log(rivals / (1 - self.level)), np.bool_)

    def ends(self, top: ArrayLike, runner_up: ArrayLike) -> NDArray[np.bool_]:
        """Whether the rule stops at these votes, before `most` samples are drawn; arguments are broadcast."""
        if self.rule == "beta":
            return np.asarray(chance_to_lead(top, runner_up) >= self.level, np.bool_)
        if self.rule == "certificate":
            return self.certified(top, runner_up)
        return np.zeros(np.broadcast(top, runner_up).shape, np.bool_)

    def needed(self, top: int, runner_up: int, *, left: int) -> int:
        """Fewest further samples after which the vote may stop, of those that are left, 1 or more.

        That is how many can be asked for at once and none of them in vain.

        >>> Stopping().needed(0, 0, left=40), Stopping().needed(3, 1, left=36), Stopping().needed(3, 3, left=2)
        (4, 3, 2)
        """
        ends = self.ends(top + np.arange(1, left + 1), runner_up)
        return int(ends.argmax()) + 1 if ends.any() else left


def leader(counts: list[int]) -> tuple[int, int]:
    """Place of the answer with the most votes and the votes of its runner-up, of answers in the order first seen.

    >>> leader([2, 3, 3]), leader([4])
    ((1, 3), (0, 0))

    Raises:
        DataError: there is no answer.
    """
    if not counts:
        raise DataError("There is no answer to vote for. Count at least one.")
    place = counts.index(max(counts))
    return place, max((*counts[:place], *counts[place + 1 :]), default=0)


@dataclass(frozen=True, slots=True, kw_only=True)
class Voted:
    """Many votes, arrays of shape (votes,)."""

    answers: Counts  # place of the answer; -1: no sample could be read
    samples: Counts  # drawn
    certified: NDArray[np.bool_]


def voted(labels: NDArray[np.integer], stopping: Stopping) -> Voted:
    """The votes of many questions from all samples that could be drawn.

    >>> found = voted(np.array([[0, 0, 0, 0, 1], [0, 1, 1, -1, 0]]), Stopping(most=5))
    >>> found.answers.tolist(), found.samples.tolist()
    ([0, 0], [4, 5])

    Args:
        labels: places of answers, from 0, in the order drawn, shape (votes, most); -1 for a sample without one.
        stopping: the rule; it draws no more than there are.

    Raises:
        DataError: there are fewer samples than the rule may draw.
    """
    if labels.ndim != 2 or labels.shape[1] < stopping.most:
        raise DataError(
            f"labels has shape {labels.shape} and a vote may draw {stopping.most} samples. Pass shape (votes, "
            "samples), with as many samples as that."
        )
    votes, places = len(labels), int(labels.max(initial=0)) + 1
    counts = np.zeros((votes, max(2, places)), np.int64)
    first = np.full_like(counts, stopping.most)
    samples = np.full(votes, stopping.most)
    going = np.arange(votes)
    for sample in range(stopping.most):
        drawn = labels[going, sample]
        rows, seen = going[drawn >= 0], drawn[drawn >= 0]
        first[rows, seen] = np.minimum(first[rows, seen], sample)
        counts[rows, seen] += 1
        runner_up, top = np.partition(counts[going], -2, axis=1)[:, -2:].T
        ends = stopping.ends(top, runner_up)
        samples[going[ends]] = sample + 1
        going = going[~ends]
    runner_up, top = np.partition(counts, -2, axis=1)[:, -2:].T
    order = counts * (stopping.most + 1) - first  # of equal counts the one that was seen first is the largest
    return Voted(
        answers=np.where(top > 0, order.argmax(axis=1), -1),
        samples=samples,
        certified=stopping.certified(top, runner_up),
    )
