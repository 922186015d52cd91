"""Runs made by hand, for tests of comparisons."""

from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np

from wellkeeper.core.answers import Finish, Output
from wellkeeper.suites.run import Answered, Run

WORDS = np.array(
    [a + b for a in ("ba", "de", "ki", "lo", "mu", "na", "pe", "ri") for b in ("bam", "kir", "lon", "sut")]
)

MANY_WORDS = np.array([first + second for first in WORDS for second in WORDS])


def answered(
    name: str,
    texts: Sequence[str],
    scores: Sequence[float | None] = (),
    *,
    finishes: Sequence[Finish] = (),
    slices: Mapping[str, str] | None = None,
) -> Answered:
    ends = finishes or ["stop"] * len(texts)
    return Answered(
        name=name,
        prompt=f"Say {name}.",
        outputs=tuple(Output(text=text, finish=end) for text, end in zip(texts, ends, strict=True)),
        scores=tuple(scores),
        references=("yes",),
        slices=slices or {},
    )


def run(name: str, items: Sequence[Answered], **more: object) -> Run:
    return replace(Run(name=name, model="m", suite="s", items=tuple(items), metric="exact"), **more)


def random_run(
    name: str,
    seed: int,
    *,
    items: int = 60,
    answers: int = 4,
    kinds: int = 30,
    solved: float = 0.7,
    degenerate: float = 0.05,
    words: int = 12,
    **more: object,
) -> Run:
    """A run whose items have `kinds` possible answers each, alike in all runs; scores are drawn anew."""
    rng = np.random.default_rng([7, seed])
    found = []
    for item in range(items):
        texts = np.random.default_rng([9, item]).choice(MANY_WORDS, (200, 40))
        drawn = rng.integers(0, kinds, answers)
        broken = rng.random(answers) < degenerate
        found.append(
            answered(
                f"item {item:03}",
                [
                    "" if empty else " ".join(texts[one, :words])
                    for one, empty in zip(drawn, broken, strict=True)
                ],
                (rng.random(answers) < solved).astype(float).tolist(),
                finishes=["empty" if empty else "stop" for empty in broken],
                slices={"language": "de" if item % 3 else "en", "topic": f"t{item % 20}"},
            )
        )
    return run(name, found, **more)
