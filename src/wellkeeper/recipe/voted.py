"""A suite whose items are voted on: the answer of each vote, its score, and whether voting helps at all.

Whether it helps is told where right answers are known, and by two comparisons. With one sample at the vote's own
temperature: errors that samples share are measured on the first samples of each item, as many as every vote draws
before it may stop, since those after them were drawn because the first disagreed. And with one answer at a temperature
of 0, which costs one request an item more and is what a vote must beat to be worth its price.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from wellkeeper.core.answers import Output
from wellkeeper.engine.progress import Listener, nobody
from wellkeeper.infer.equivalence import Equivalence, equivalence_of
from wellkeeper.infer.sampling import Item, Sampler, collect
from wellkeeper.infer.voting import UNREAD, Vote, vote_on_each
from wellkeeper.measure.paired_answers import accuracy_change
from wellkeeper.measure.shared_errors import LEAST_GAIN, SharedErrors, Verdict, shared_errors
from wellkeeper.measure.verdicts import PairedChange
from wellkeeper.measure.votes import Stopping
from wellkeeper.recipe.scoring import SuiteScorers
from wellkeeper.suites.scorers.judge import Judge
from wellkeeper.suites.scoring import Score

_TRIED = 4
"""Answers at a temperature of 0 that are asked for before the others: one less than rejections that end a run."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Voting:
    """How samples of an item are voted on."""

    stopping: Stopping = field(default_factory=Stopping)
    cut_votes: bool = False  # whether answers that were cut at the limit of tokens vote
    beside_greedy: bool = True  # whether items that a rule scores are answered at a temperature of 0, too


@dataclass(frozen=True, slots=True, kw_only=True)
class Greedy:
    """One answer to each item that a rule scores, at a temperature of 0, and what the vote gains over it."""

    outputs: list[list[Output]]  # of each item, one or none
    change: PairedChange | None  # of the score, from this answer to the vote's; None: no item has both
    refused: str = ""  # why the model gives no answers at this temperature; "": it does

    @property
    def verdict(self) -> Verdict:
        """As of `SharedErrors`: by where the whole interval of the gain lies."""
        if self.change is None:
            return "not enough data"
        if self.change.change.low > 0:
            return "votes help"
        return "votes do not help" if self.change.change.high < LEAST_GAIN else "not enough data"

    @property
    def warning(self) -> str | None:
        """What to say to somebody who votes; None: nothing."""
        if self.verdict != "votes do not help":
            return None
        assert self.change is not None
        low, high = self.change.change.low, self.change.change.high
        return (
            f"One answer at a temperature of 0 is worth {100 * self.change.before:.1f} points, and the vote "
            f"{100 * self.change.after:.1f}: {100 * self.change.change.estimate:+.1f} ({100 * low:+.1f} to "
            f"{100 * high:+.1f}). Ask once, at a temperature of 0."
        )

    def to_json(self) -> dict[str, Any]:
        change = self.change
        return {
            "items": 0 if change is None else change.units,
            "greedy": None if change is None else change.before,
            "vote": None if change is None else change.after,
            "gain": None if change is None else change.change.to_json(),
            "test": None if change is None else change.test,
            "refused": self.refused,
            "verdict": self.verdict,
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class Voted:
    """The votes on a suite's items, in its order."""

    voting: Voting
    votes: tuple[Vote, ...]
    scores: list[tuple[Score, ...]]  # of each vote's answer, one or none
    gate: SharedErrors | None  # None: no right answers are known, or a vote has one sample
    greedy: Greedy | None  # None: it was not asked for, or no right answers are known

    @property
    def drawn(self) -> list[list[Output]]:
        """All that the model gave to each item."""
        greedy = [[] for _ in self.votes] if self.greedy is None else self.greedy.outputs
        return [[*vote.outputs, *own] for vote, own in zip(self.votes, greedy, strict=True)]

    @property
    def outputs(self) -> list[list[Output]]:
        """The answer of each vote, with its outcome as a note."""
        return [
            [vote.output if vote.output.finish == "error" else replace(vote.output, note=vote.note)]
            for vote in self.votes
        ]

    @property
    def _told(self) -> list[SharedErrors | Greedy]:
        return [one for one in (self.gate, self.greedy) if one is not None]

    @property
    def warnings(self) -> tuple[str, ...]:
        """What is to be said to somebody who votes."""
        return tuple(one.warning for one in self._told if one.warning is not None)

    @property
    def verdict(self) -> Verdict | None:
        """Votes help where they beat all that they are set beside, and do not where one of these is as good.

        None: there is nothing to set them beside.
        """
        found = {one.verdict for one in self._told}
        if "votes do not help" in found:
            return "votes do not help"
        return ("votes help" if found == {"votes help"} else "not enough data") if found else None

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
            "beside_greedy": None if self.greedy is None else self.greedy.to_json(),
            "verdict": self.verdict,
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
    equivalences = [equivalence_of(scorers.of_items.get(item.name), item) for item in scorers.suite.items]
    votes = vote_on_each(
        sampler,
        items,
        stopping=voting.stopping,
        equivalence=equivalences,
        cut_votes=voting.cut_votes,
        **drawing,
    )
    first = voting.stopping.needed(0, 0, left=voting.stopping.most)
    # a judge is asked for the vote's answer alone: what others say of its rivals is not worth their price
    ruled = [
        item.name in scorers.of_items and not isinstance(scorers.of_items[item.name], Judge)
        for item in scorers.suite.items
    ]
    looked_at = [_looked_at(vote, first if rules else 0) for vote, rules in zip(votes, ruled, strict=True)]
    once = _once(sampler, items, ruled, drawing) if voting.beside_greedy and any(ruled) else None
    scores = scorers.scores(
        [[vote.output, *own.values()] for vote, own in zip(votes, looked_at, strict=True)], listener=listener
    )
    return Voted(
        voting=voting,
        votes=tuple(votes),
        scores=[found[:1] for found in scores],
        gate=_gate(votes, looked_at, scores, equivalences, first),
        greedy=None if once is None else _greedy(once, [found[:1] for found in scores], scorers),
    )


def _once(
    sampler: Sampler, items: Sequence[Item], asked: Sequence[bool], drawing: Mapping[str, Any]
) -> list[list[Output]]:
    """One answer at a temperature of 0 to each item that is asked; only to a few where the model rejects all of those.

    Some models are served at one temperature alone, and their votes are not to be lost for that.
    """
    chosen = [item for item, is_asked in zip(items, asked, strict=True) if is_asked]
    drawing = {**drawing, "temperature": 0.0}
    found = collect(sampler, chosen[:_TRIED], **drawing)
    if any(output.finish != "error" for (output,) in found):
        found = collect(sampler, chosen, **drawing)
    by_name = {item.name: outputs for item, outputs in zip(chosen, found, strict=False)}
    return [by_name.get(item.name, []) for item in items]


def _greedy(outputs: list[list[Output]], votes: Sequence[Sequence[Score]], scorers: SuiteScorers) -> Greedy:
    """What votes gain over these answers, on the items where both have a score."""
    came = [output for own in outputs for output in own]
    if all(output.finish == "error" for output in came):
        return Greedy(outputs=[[] for _ in outputs], change=None, refused=came[0].note or "no reason given")
    pairs = [
        (own[0].value, vote[0].value)
        for own, vote in zip(scorers.scores(outputs), votes, strict=True)
        if own and vote and own[0].value is not None and vote[0].value is not None
    ]
    change = accuracy_change(*np.array(pairs, np.float64).T, margin=LEAST_GAIN) if pairs else None
    return Greedy(outputs=outputs, change=change)


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
    equivalences: Sequence[Equivalence],
    first: int,
) -> SharedErrors | None:
    """Shared errors of the items whose first samples and vote all have a score."""
    rows, right, won, possible = [], [], [], set()
    for equivalence, vote, own, found in zip(equivalences, votes, looked_at, scores, strict=True):
        values = [score.value for score in found]
        if not own or not values or None in values:
            continue
        worth = dict(zip(own, values[1:], strict=True))
        row, place = _labels(vote, worth, first)
        rows.append(row)
        right.append(place)
        won.append(values[0] == 1)
        possible.add(equivalence.answers)
    if first < 2 or not rows:
        return None
    many = possible.pop() if len(possible) == 1 else None
    return shared_errors(
        np.array(rows),
        np.array(right),
        answers=many if many is None or many >= 3 else None,  # of two answers all errors are the same one
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
