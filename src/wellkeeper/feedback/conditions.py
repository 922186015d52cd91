"""The gate of a round: conditions on what was accepted, before anything is trained on it."""

from collections.abc import Sequence
from dataclasses import dataclass

from wellkeeper.feedback.mixing import Mix
from wellkeeper.measure.jackknife import FEWEST_DOCUMENTS
from wellkeeper.vet.gate import Condition


@dataclass(frozen=True, slots=True, kw_only=True)
class Covered:
    """Prompts of one kind: how many were asked, and how many of them have an accepted answer."""

    asked: int
    covered: int

    @property
    def share(self) -> float:
        return self.covered / self.asked if self.asked else 0.0


def tail_condition(rare: Covered, common: Covered, mix: Mix, *, kept: float) -> Condition | None:
    """Whether the training set has about as many rare prompts as are asked; None: none of those asked is marked rare.

    A weak model has fewer right answers where prompts are rare, so that verification leaves more of them out, and the
    next model is weaker there still. The human core makes up for it, or more samples do.

    Args:
        rare: prompts of the tail that were asked.
        common: all others.
        mix: the training set.
        kept: the least share of the rare ones' share that passes, in (0, 1].
    """
    if not rare.asked:
        return None
    known = [example.rare for example in mix.examples if example.rare is not None]
    asked = rare.asked / (rare.asked + common.asked)
    share = sum(known) / len(known) if known else 0.0
    figures = {
        "asked": asked,
        "trained_on": share,
        "ratio": share / asked,
        "least": kept,
        "rare_covered": rare.share,
        "common_covered": common.share,
    }
    if len(known) < len(mix.examples):
        return Condition(
            name="tail",
            passed="not enough data",
            said=f"{len(mix.examples) - len(known):,} of {len(mix.examples):,} examples do not say if they are rare.",
            next="Mark the human examples, too.",
            figures=figures,
        )
    if rare.asked < FEWEST_DOCUMENTS:
        return Condition(
            name="tail",
            passed="not enough data",
            said=f"{rare.asked} rare prompts were asked: too few to tell whether the tail is kept.",
            next=f"Ask {FEWEST_DOCUMENTS} of them a round at least.",
            figures=figures,
        )
    said = (
        f"{share:.1%} of the training set is of rare prompts, {asked:.1%} of those asked: {share / asked:.2f} times. "
        f"{rare.share:.0%} of rare prompts have an accepted answer, {common.share:.0%} of common ones."
    )
    if share / asked < kept:
        return Condition(
            name="tail",
            passed="fail",
            said=said,
            next="Draw more samples for rare prompts (rare_samples), or keep more human examples of them.",
            figures=figures,
        )
    return Condition(name="tail", passed="pass", said=said, figures=figures)


def unverified_condition() -> Condition:
    """What stands in the verifiers' place where there are none."""
    return Condition(
        name="verifier",
        passed="fail",
        said="Nothing verifies the answers: right and wrong ones are trained on alike.",
        next="Name verifiers in the plan.",
    )


def share_condition(mix: Mix, *, cap: float) -> Condition:
    """Whether there is something to train on, and the synthetic share holds; the mix was made so that it does."""
    figures = mix.to_json()
    if not mix.synthetic:
        return Condition(
            name="share",
            passed="fail",
            said="No accepted answer is in the training set.",
            next="Ask more prompts, draw more samples, or keep a human core.",
            figures=figures,
        )
    core = f"{mix.human:,} human examples" + (f", each {mix.repeats} times" if mix.repeats > 1 else "")
    said = f"{mix.synthetic:,} accepted answers beside {core}: {mix.share:.0%} synthetic, at most {cap:.0%}"
    said += f"; {mix.left_out:,} accepted answers had no room." if mix.left_out else "."
    return Condition(name="share", passed="pass", said=said, figures=figures)


def covered(asked: Sequence[str], having: set[str]) -> Covered:
    """How many of the asked prompts, by name, have an accepted answer."""
    return Covered(asked=len(asked), covered=sum(name in having for name in asked))
