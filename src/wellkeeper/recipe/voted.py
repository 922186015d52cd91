"""A suite whose items are voted on: the answer of each vote, its score, and whether voting helps at all.

Whether it helps is told where right answers are known. Errors that samples share are measured on the first samples of
each item, as many as every vote draws before it may stop: those after them were drawn because the first disagreed.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from wellkeeper.core.answers import Output
from wellkeeper.engine.progress import Listener, nobody
from wellkeeper.infer.equivalence import equivalence_of
from wellkeeper.infer.sampling import Item, Sampler
from wellkeeper.infer.voting import UNREAD, Vote, vote_on_each
from wellkeeper.measure.shared_errors import SharedErrors, shared_errors
from wellkeeper.measure.votes import Stopping
from wellkeeper.recipe.scoring import SuiteScorers
from wellkeeper.suites.scorers.judge import Judge
from wellkeeper.suites.scoring import Score


@dataclass(frozen=True, slots=True, kw_only=True)
class Voting:
    """How samples of an item are voted on."""

    stopping: Stopping = field(default_factory=Stopping)
    cut_votes: bool = False  # whether answers that were cut at the limit of tokens vote


@dataclass(frozen=True, slots=True, kw_only=True)
class Voted:
    """The votes on a suite's items, in its order."""

    voting: Voting
    votes: tuple[Vote, ...]
    scores: list[tuple[Score, ...]]  # of each vote's answer, one or none
    gate: SharedErrors | None  # None: no right answers are known, or a vote has one sample

    @property
    def outputs(self) -> list[list[Output]]:
        """The answer of each vote, with its outcome as a note."""
        return [
            [vote.output if vote.output.finish == "error" else replace(vote.output, note=vote.note)]
            for vote in self.votes
        ]

    @property
    def warnings(self) -> tuple[str, ...]:
        """What the gate has to say."""
        warning = None if self.gate is None else self.gate.warning
        return () if warning is None else (warning,)

    def to_json(self) -> dict[str, Any]:
        stopping, many = self.voting.stopping, len(self.votes)
        samples = sum(vote.samples for vote in self.votes)
        return {
            "rule": stopping.rule,
            "most": stopping.most,
            "level": stopping.level,
            "cut_votes": self.voting.cut_votes,
            "samples": samples,
            "mean_samples": samples / many,
            "saved": 1 - samples / (many * stopping.most),
            "certified": sum(vote.certified for vote in self.votes) / many,
            "stopped": dict(Counter(vote.stopped for vote in self.votes)),
            "unread": {why: sum(vote.unread[why] for vote in self.votes) for why in UNREAD},
            "without_answer": sum(vote.answer is None for vote in self.votes),
            "unknown_pairs": sum(vote.unknown for vote in self.votes),
            "shared_errors": None if self.gate is None else self.gate.to_json(),
        }


def voted_on(
    sampler: Sampler,
    items: Sequence[Item],
    scorers: SuiteScorers,
    voting: Voting,
    *,
    drawing: Mapping[str, Any],
    listener: Listener = nobody,
) -> Voted:
    """Votes on the items of a suite, by what their scorers read out of answers.

    Args:
        sampler: the model.
        items: those of the suite, in its order.
        scorers: of the suite.
        voting: the rule.
        drawing: as `vote_on_each` takes it: `run`, `temperature`, `logprobs`, `listener`.
        listener: is told of scores.

    Raises:
        InputError, WorkError: as `vote_on_each`.
    """
    votes = vote_on_each(
        sampler,
        items,
        stopping=voting.stopping,
        equivalence=[equivalence_of(scorers.of_items.get(item.name), item) for item in scorers.suite.items],
        cut_votes=voting.cut_votes,
        **drawing,
    )
    first = voting.stopping.needed(0, 0, left=voting.stopping.most)
    # a judge is asked for the vote's answer alone: what others say of its rivals is not worth their price
    told = [not isinstance(scorers.of_items.get(item.name), Judge) for item in scorers.suite.items]
    looked_at = [_looked_at(vote, first if rules else 0) for vote, rules in zip(votes, told, strict=True)]
    scores = scorers.scores(
        [[vote.output, *own.values()] for vote, own in zip(votes, looked_at, strict=True)], listener=listener
    )
    return Voted(
        voting=voting,
        votes=tuple(votes),
        scores=[found[:1] for found in scores],
        gate=_gate(votes, looked_at, scores, scorers, first),
    )


def _looked_at(vote: Vote, first: int) -> dict[int, Output]:
    """By its number, each of the first samples that says something new, and those that do not vote."""
    found: dict[int, Output] = {}
    seen = set()
    for sample, place in enumerate(vote.classes[:first]):
        if place is None or place not in seen:
            found[sample] = vote.outputs[sample]
            seen.add(place)
    return found


def _gate(
    votes: Sequence[Vote],
    looked_at: Sequence[Mapping[int, Output]],
    scores: Sequence[Sequence[Score]],
    scorers: SuiteScorers,
    first: int,
) -> SharedErrors | None:
    """Shared errors of the items whose first samples and vote all have a score."""
    rows, right, won, choices = [], [], [], set()
    for item, vote, own, found in zip(scorers.suite.items, votes, looked_at, scores, strict=True):
        values = [score.value for score in found]
        if not own or not values or None in values:
            continue
        worth = dict(zip(own, values[1:], strict=True))
        row, place = _labels(vote, worth, first)
        rows.append(row)
        right.append(place)
        won.append(values[0] == 1)
        choices.add(len(item.choices))
    if first < 2 or not rows:
        return None
    many = choices.pop() if len(choices) == 1 else 0
    return shared_errors(
        np.array(rows),
        np.array(right),
        answers=many if many >= 3 else None,  # of two answers all errors are the same one
        vote=np.array(won),
    )


def _labels(vote: Vote, worth: Mapping[int, float | None], first: int) -> tuple[list[int], int]:
    """Which answer each of the first samples gives, and the right one; -1 for none.

    Answers that are right are one answer, however they are written. A sample that does not vote may be right, as one
    that was cut after its answer: one answer that is asked for would count it.
    """
    classes = vote.classes[:first]
    good = {classes[sample] for sample, value in worth.items() if value == 1}
    place = min(
        (one for one in good if one is not None),
        default=max((one for one in classes if one is not None), default=-1) + 1,
    )
    row = [
        place if (one in good if one is not None else worth[sample] == 1) else -1 if one is None else one
        for sample, one in enumerate(classes)
    ]
    return row, place if place in row else -1
