"""What a round trains on: the human core, always, and what was accepted, up to its share."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from wellkeeper.core.generated import Generated
from wellkeeper.feedback.student import Example
from wellkeeper.lab.seeds import stream

MOST_REPEATS = 16
"""Times that a human example may stand in a training set: of text seen more often next to nothing is learnt
(Muennighoff et al., Scaling data-constrained language models, NeurIPS 2023, section 5)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Mix:
    """A training set."""

    examples: tuple[Example, ...]
    human: int  # human examples, each counted once
    repeats: int  # times that each stands in the set
    synthetic: int
    left_out: int  # accepted texts that the cap had no room for

    @property
    def share(self) -> float:
        """Synthetic share of the set, in [0, 1]."""
        return self.synthetic / max(1, len(self.examples))

    def to_json(self) -> dict[str, Any]:
        return {
            "examples": len(self.examples),
            "human": self.human,
            "repeats": self.repeats,
            "synthetic": self.synthetic,
            "left_out": self.left_out,
            "share": self.share,
        }


def learnt_from(text: Generated) -> Example:
    """The example that a generated text is."""
    return Example(prompt=text.prompt or "", answer=text.text, rare=text.rare)


def mixed(human: Sequence[Example], accepted: Sequence[Generated], *, share: float, seed: int) -> Mix:
    """All human examples, and as many accepted texts as `share` allows, drawn at random where they are too many.

    Human examples are repeated, whole times and `MOST_REPEATS` at most, before an accepted text is left out.

    Args:
        human: the core that is kept.
        accepted: texts with prompts.
        share: most synthetic share of the set, in (0, 1].
        seed: of the draw.
    """
    wanted = len(accepted)
    repeats = 1
    if human and share < 1:
        needed = wanted * (1 - share) / (share * len(human))  # copies of the core beside all accepted texts
        repeats = min(MOST_REPEATS, max(1, int(np.ceil(needed - 1e-9))))
        wanted = min(wanted, int(share * repeats * len(human) / (1 - share) + 1e-9))
    elif share < 1:
        wanted = 0  # without a human core no share below 1 can hold
    chosen = np.sort(stream(seed, "mix").permutation(len(accepted))[:wanted]).tolist()
    own = [learnt_from(accepted[at]) for at in chosen]
    return Mix(
        examples=(*(tuple(human) * repeats), *own),
        human=len(human),
        repeats=repeats if human else 0,
        synthetic=wanted,
        left_out=len(accepted) - wanted,
    )
