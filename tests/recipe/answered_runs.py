"""Runs made here for tests of plans and trends: answers of few words, right with a chance of each item's own."""

import numpy as np

from wellkeeper.core.answers import Output
from wellkeeper.suites.run import Answered, Run

WORDS = [
    f"{a}{b}" for a in ("ba", "de", "ki", "lo", "mu", "na", "pe", "ri") for b in ("bam", "den", "kir", "lon")
]


def made_run(
    name: str,
    *,
    right: float = 0.7,
    items: int = 60,
    samples: int = 4,
    words: int = len(WORDS),
    seed: int = 0,
    scored: bool = True,
    temperature: float | None = 1.0,
) -> Run:
    """Items that differ in difficulty; the first `words` of WORDS are written, each answer has eight."""
    generator = np.random.default_rng(seed)
    chances = np.random.default_rng(99).beta(2 * right, 2 * (1 - right), items)
    made = []
    for at, chance in enumerate(chances):
        texts = [" ".join(generator.choice(WORDS[:words], 8)) for _ in range(samples)]
        scores = (generator.random(samples) < chance).astype(float).tolist()
        made.append(
            Answered(
                name=f"item-{at:03}",
                prompt=f"Question {at}",
                outputs=tuple(
                    Output(text=text, finish="stop", tokens=12, prompt_tokens=40) for text in texts
                ),
                scores=tuple(scores) if scored else (),
                slices={"language": "de" if at % 2 else "en"},
            )
        )
    return Run(
        name=name,
        model="made",
        suite="made",
        items=tuple(made),
        metric="exact" if scored else "",
        temperature=temperature,
        created="2026-11-22T00:00:00+00:00",
    )
