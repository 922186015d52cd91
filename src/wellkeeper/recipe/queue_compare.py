"""Queues about two versions of a model: their answers to the same prompt, side by side.

Of each item of the suite that both runs answered one answer of each is drawn by lot, and by lot which is shown first.
Two answers that are the same text are a tie that nobody needs to look at: they are counted, and not asked about.

What a label is worth: whole where a score is missing; half where both are the same, since then only a person can tell
the answers apart; and in between by how much they differ, where a person checks the scorer. Times how unlike the
answers are.
"""

from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np

from wellkeeper.core.answers import FAILED
from wellkeeper.errors import InputError
from wellkeeper.recipe.findings import counted
from wellkeeper.recipe.queue_pool import UNKNOWN, Pooled
from wellkeeper.review.item import Hidden, Item
from wellkeeper.review.order import draws
from wellkeeper.suites.run import Answered, Run
from wellkeeper.suites.run_files import read_run
from wellkeeper.suites.scorers.judge import as_text
from wellkeeper.watch.answer_texts import distances_of, normalised

SWAY = 0.4
"""How far scores that differ by 1 move the chance that an answer is better from a half: they are right in nine cases of
ten. A guess, which estimates make up for, not a measurement."""
TIED = 0.5
"""What a label is worth where both answers have the same score."""


def compare_pool(first: str | Path, second: str | Path, *, seed: int) -> Pooled:
    """Pairs of answers to the same prompt that are not the same text.

    The score is the chance that the second run's answer is better, by the runs' own scores; a half where one is
    missing.

    Args:
        first: the known version: a run of `wellkeeper ask`, or a log of lm-eval, inspect or promptfoo.
        second: the new version, which answered the same items.
        seed: of what is drawn.

    Raises:
        InputError: a path is no run, or there is no pair to ask about.
    """
    runs = read_run(first), read_run(second)
    pairs, same, failed = _pairs(*runs, seed)
    if not pairs:
        raise InputError(
            f"{runs[0].name} and {runs[1].name} have no pair of different answers to the same item: {same:,} are the "
            f"same and {failed:,} failed. Give two runs of one suite by different versions."
        )
    ids = [pair.name for pair in pairs]
    is_swapped = draws(seed, "which answer is first", ids) % 2 == 1
    scores = np.array([pair.chance for pair in pairs])

    def items(chosen: Sequence[int]) -> Iterator[Item]:
        for place in chosen:
            yield pairs[place].item(is_swapped=bool(is_swapped[place]), names=(runs[0].name, runs[1].name))

    note = (
        f"{counted(len(pairs), 'pair')} of different answers to the same prompt. Ties that nobody is asked about, "
        f"since both answers are the same text: {same:,}."
    )
    one_alone = len(runs[0].items) + len(runs[1].items) - 2 * (len(pairs) + same + failed)
    said = (
        f"Left out, since an answer did not come: {failed:,}." if failed else "",
        f"Left out, since one run alone has them: {one_alone:,}." if one_alone else "",
    )
    return Pooled(
        ids=ids,
        values=np.array([pair.value for pair in pairs]),
        scores=scores,
        items=items,
        note=note,
        said=tuple(one for one in said if one),
        about={"first": runs[0].name, "second": runs[1].name, "ties": str(same), "other": str(second)},
    )


class _Pair:
    """One answer of each run to an item; `drawn`: which of its answers."""

    def __init__(self, before: Answered, after: Answered, drawn: tuple[int, int]) -> None:
        both = tuple(zip((before, after), drawn, strict=True))
        self.name = before.name
        self._item, self._drawn = before, drawn
        self._outputs = tuple(one.outputs[at] for one, at in both)
        self._scores = tuple(one.scores[at] if one.scores else None for one, at in both)

    @property
    def texts(self) -> tuple[str, ...]:
        return tuple(output.text for output in self._outputs)

    @property
    def is_failed(self) -> bool:
        """Whether an answer did not come."""
        return any(output.finish == FAILED for output in self._outputs)

    @property
    def is_tie(self) -> bool:
        """Whether the answers are the same text, but for case and white space."""
        return len(set(map(normalised, self.texts))) == 1

    @property
    def chance(self) -> float:
        """That the second run's answer is better."""
        before, after = self._scores
        return UNKNOWN if before is None or after is None else UNKNOWN + SWAY * (after - before)

    @property
    def value(self) -> float:
        before, after = self._scores
        worth = 1.0 if before is None or after is None else TIED + (1 - TIED) * abs(after - before)
        return worth * float(distances_of(self.texts)[0, 1])

    def item(self, *, is_swapped: bool, names: tuple[str, str]) -> Item:
        order = (1, 0) if is_swapped else (0, 1)
        sides = tuple(zip(("first", "second"), order, strict=True))
        told = {"right answers": "; ".join(self._item.references)} | {side: names[at] for side, at in sides}
        for side, at in sides:
            score = self._scores[at]
            told[f"{side}: score"] = "" if score is None else f"{score:g}"
            told[f"{side}: ended"] = self._outputs[at].finish
        told["item"] = self.name
        prompt = self._item.prompt
        return Item(
            id=self.name,
            texts=tuple(self.texts[at] for at in order),
            prompt="" if prompt is None else as_text(prompt),
            hidden=Hidden(facts={name: value for name, value in told.items() if value}),
            facts={
                "first": "B" if is_swapped else "A",
                "item": self.name,
                "run_a": names[0],
                "run_b": names[1],
                "answer of A": str(self._drawn[0]),
                "answer of B": str(self._drawn[1]),
            },
            score=self.chance,
            value=self.value,
        )


def _pairs(first: Run, second: Run, seed: int) -> tuple[list[_Pair], int, int]:
    """Pairs to ask about, in the first run's order; how many are the same text, and how many failed."""
    others = {item.name: item for item in second.items}
    both = [(item, others[item.name]) for item in first.items if item.name in others]
    names = [item.name for item, _ in both]
    drawn = zip(draws(seed, "answer of A", names), draws(seed, "answer of B", names), strict=True)
    pairs, same, failed = [], 0, 0
    for (before, after), (a, b) in zip(both, drawn, strict=True):
        pair = _Pair(before, after, (int(a) % len(before.outputs), int(b) % len(after.outputs)))
        if pair.is_failed:
            failed += 1
        elif pair.is_tie:
            same += 1
        else:
            pairs.append(pair)
    return pairs, same, failed
