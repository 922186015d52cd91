"""Answers to a suite and their scores: each item by its own scorer, judges asked as any other model is."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from wellkeeper.core.answers import Output, Prompt
from wellkeeper.engine.completions import AT_ONCE, at_once
from wellkeeper.engine.progress import Listener, Progress, nobody
from wellkeeper.infer.sampling import Sampler
from wellkeeper.suites.scorers import scorer_of
from wellkeeper.suites.scoring import Ask, Score, Scorer
from wellkeeper.suites.suite import Suite

JUDGE_TOKENS = 512
"""Most tokens of a judge's answer: a verdict with its reasons."""


def ask_of(judge: Sampler) -> Ask:
    """How scorers ask a judge: one answer at a temperature of 0. Give a cached sampler, and none is paid for twice."""

    def asked(prompt: Prompt, seed: int) -> Output:
        (output,) = judge.sample(prompt, 1, 0.0, seed)
        return output

    return asked


@dataclass(frozen=True, slots=True, kw_only=True)
class SuiteScorers:
    """The scorers of a suite, made before anything is asked: a mistake in the suite costs no answer."""

    suite: Suite
    of_items: Mapping[str, Scorer]  # by the item's name; items without a scorer are not in it
    judge: Sampler | None

    @classmethod
    def of(cls, suite: Suite, *, judge: Sampler | None = None) -> "SuiteScorers":
        """The scorers that a suite and its items name.

        Raises:
            InputError: a scorer is unknown, its options make no sense, it wants a judge and there is none, or an item
                lacks what its scorer needs.
            MissingExtraError: what a scorer needs is not installed.
        """
        ask = None if judge is None else ask_of(judge)
        made: dict[str, Scorer | None] = {}
        found: dict[str, Scorer] = {}
        for item in suite.items:
            spec = suite.scorer if item.scorer is None else item.scorer
            key = json.dumps(spec, sort_keys=True, default=str)
            if key not in made:
                made[key] = scorer_of(spec, ask=ask)
            if (scorer := made[key]) is not None:
                scorer.check(item)
                found[item.name] = scorer
        return cls(suite=suite, of_items=found, judge=judge)

    @property
    def metric(self) -> str:
        """What the scores are, such as "exact"; "": there are none."""
        return ", ".join(sorted({scorer.kind for scorer in self.of_items.values()}))

    @property
    def need_logprobs(self) -> bool:
        return any(scorer.needs_logprobs for scorer in self.of_items.values())

    def scores(
        self, outputs: Sequence[Sequence[Output]], *, listener: Listener = nobody
    ) -> list[tuple[Score, ...]]:
        """Scores of the answers to each item, in the suite's order; empty for an item without a scorer.

        Raises:
            WorkError: a judge cannot be asked.
        """
        items = self.suite.items
        tasks = [
            (place, sample)
            for place, item in enumerate(items)
            if item.name in self.of_items
            for sample in range(len(outputs[place]))
        ]

        def work(task: tuple[int, int]) -> Score:
            place, sample = task
            return self.of_items[items[place].name].score(items[place], outputs[place][sample])

        found: dict[tuple[int, int], Score] = {}
        most = AT_ONCE if self.judge is None else self.judge.at_once
        for task, score in at_once(work, tasks, most=most, stop=self._stop):
            found[task] = score
            listener(Progress(stage="scoring", done=len(found), total=len(tasks), unit="answers"))
        return [
            tuple(found[place, sample] for sample in range(len(own)) if (place, sample) in found)
            for place, own in enumerate(outputs)
        ]

    def _stop(self) -> None:
        if self.judge is not None:
            self.judge.stop()
