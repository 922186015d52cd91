"""What a model is worth on held-out items: its answers as a run, and the figures of a round.

accuracy    mean score over items
rare        the same of the items of the tail, where the suite marks them
unlike      share of pairs of answers to one item that are not the same text: where one answer alone is right, it
            falls as models get better, so it is read beside accuracy and never alone
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from wellkeeper.core.answers import Output
from wellkeeper.errors import InputError
from wellkeeper.measure.jackknife import FEWEST_DOCUMENTS, mean_interval, share_interval
from wellkeeper.suites.run import Answered, Run
from wellkeeper.suites.scorers import scorer_of
from wellkeeper.suites.scoring import Scorer
from wellkeeper.suites.suite import Suite, SuiteItem
from wellkeeper.watch.answer_texts import unlike_share_of

_RARE = "true"


@dataclass(frozen=True, slots=True, kw_only=True)
class HeldOut:
    """Held-out items and what scores them."""

    suite: Suite
    scorers: tuple[Scorer, ...]  # of each item
    rare: str  # name of the slice that marks the tail

    @classmethod
    def of(cls, suite: Suite, *, rare: str) -> "HeldOut":
        """A suite with its scorers.

        Raises:
            InputError: an item has no scorer, or lacks what its scorer needs.
            MissingExtraError: a scorer needs a package that is not installed.
        """
        scorers = []
        for item in suite.items:
            scorer = scorer_of(suite.scorer if item.scorer is None else item.scorer)
            if scorer is None:
                raise InputError(
                    f"The held-out item {item.name} of {suite.name} has no scorer: whether a round does harm cannot be "
                    "told. Name one in the suite, such as scorer: numeric."
                )
            scorer.check(item)
            scorers.append(scorer)
        return cls(suite=suite, scorers=tuple(scorers), rare=rare)

    def run(
        self,
        answers: Sequence[Sequence[Output]],
        *,
        name: str,
        model: str,
        fingerprint: str,
        temperature: float,
    ) -> Run:
        """Scored answers to all items."""
        items = tuple(map(_answered, self.suite.items, answers, self.scorers))
        kinds = dict.fromkeys(scorer.kind for scorer in self.scorers)
        return Run(
            name=name,
            model=model,
            suite=self.suite.name,
            items=items,
            metric=",".join(kinds),
            fingerprint=fingerprint,
            suite_digest=self.suite.digest,
            temperature=temperature,
            seed_name=name,
        )

    def is_rare(self, item: Answered) -> bool:
        return bool(is_rare(item.slices.get(self.rare)))


def is_rare(said: str | None) -> bool | None:
    """Whether an item is of the tail, by what its slice says; None: it says nothing."""
    return None if said is None else said.lower() == _RARE


def _answered(item: SuiteItem, outputs: Sequence[Output], scorer: Scorer) -> Answered:
    scores = [scorer.score(item, output) for output in outputs]
    return Answered(
        name=item.name,
        prompt=item.prompt,
        outputs=tuple(outputs),
        scores=tuple(score.value for score in scores),
        notes=tuple(score.note for score in scores),
        references=item.references,
        slices=item.slices,
    )


def figures_of(run: Run, held_out: HeldOut) -> dict[str, Any]:
    """Accuracy, that of rare items, and unlike answers; each with its 95 % interval over items, or None."""
    rare = [item for item in run.items if held_out.is_rare(item)]
    several = [item for item in run.items if len(item.outputs) > 1]
    unlike = [unlike_share_of([output.text for output in item.outputs]) for item in several]
    return {
        "accuracy": mean([item.score for item in run.items if item.score is not None]),
        "rare": mean([item.score for item in rare if item.score is not None]),
        "unlike": mean(unlike),
        "items": len(run.items),
        "rare_items": len(rare),
    }


def mean(values: Sequence[float]) -> dict[str, float] | None:
    """The mean of values in [0, 1] over items, with its 95 % interval; None of fewer than 10."""
    if len(values) < FEWEST_DOCUMENTS:
        return None
    return mean_interval(np.array(values, np.float64)).to_json()


def share_over(parts: Sequence[int], wholes: Sequence[int]) -> dict[str, float] | None:
    """Sum of parts over sum of wholes, in [0, 1], with its 95 % interval over the pairs; None of fewer than 10.

    Answers to one prompt are alike, so that prompts are what is counted, and not answers.
    """
    if len(wholes) < FEWEST_DOCUMENTS:
        return None
    part, whole = np.array(parts, np.float64), np.array(wholes, np.float64)
    estimate = float(part.sum() / whole.sum())
    each = (part - estimate * whole) / whole.sum()
    return share_interval(estimate, [each], trials=len(wholes)).to_json()


def paired_scores(before: Run, after: Run, names: Sequence[str] | None = None) -> list[tuple[float, float]]:
    """Scores of the items that have one in both runs, in the second one's order; of these names, or all."""
    wanted = None if names is None else set(names)
    known = {item.name: item.score for item in before.items}
    both = [
        (known.get(item.name), item.score) for item in after.items if wanted is None or item.name in wanted
    ]
    return [(old, new) for old, new in both if old is not None and new is not None]


def lost_and_gained(before: Run, after: Run, names: Sequence[str] | None = None) -> tuple[int, int]:
    """Items that are worth less in the second run, and those that are worth more; of these names, or all."""
    pairs = paired_scores(before, after, names)
    return sum(new < old for old, new in pairs), sum(new > old for old, new in pairs)
