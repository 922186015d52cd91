"""What models would keep of a corpus that were trained on more of its kind: the law alone, for an audit."""

from collections.abc import Mapping
from typing import Any

from wellkeeper.lab import n_eff
from wellkeeper.lab.forecast import law_of
from wellkeeper.lab.policy import Policy
from wellkeeper.lab.profile import Profile, profile_of
from wellkeeper.lab.text import Text
from wellkeeper.measure.incidence import dense
from wellkeeper.recipe.tails import WordSample

TOLD = (1, 2, 5, 10)
"""Generations that an audit tells."""
KEEP = 0.5
"""Part of the effective sample size for which the least share of fresh human text is told."""


def profile_of_sample(sample: WordSample) -> Profile | None:
    """The words of a sample of documents; None where it has none."""
    documents = sample.texts()
    if not documents.words:
        return None
    words, vocabulary = dense(documents.hashes)
    return profile_of(Text(offsets=documents.offsets, words=words), vocabulary)


def describe_outlook(sample: WordSample, share: Mapping[str, Any]) -> dict[str, Any] | None:
    """The `outlook` section of an audit; None where the share of AI text is not known, or there is no word.

    Args:
        sample: of the corpus' documents.
        share: of the documents that are AI-made: `estimate`, `low`, `high`, as the audit tells it.
    """
    profile = None if share["estimate"] is None else profile_of_sample(sample)
    if profile is None:
        return None
    human = {
        key: 1 - share[other] for key, other in (("estimate", "estimate"), ("low", "high"), ("high", "low"))
    }
    told = {"replace": Policy(), "like_this": Policy(fresh=human["estimate"])}
    return {
        "human": human,
        "sample": {"documents": profile.documents, "words": profile.words, "types": profile.types},
        "policies": [
            {
                "policy": name,
                "generations": [law.row(number) for number in TOLD],
            }
            for name, law in (
                (name, law_of(profile, policy, TOLD[-1], human=human["estimate"]))
                for name, policy in told.items()
            )
        ],
        "limit": {key: n_eff.limit(value, fresh=True) for key, value in human.items()},
        "fresh_share": {"keep": KEEP, "share": n_eff.fresh_share_for(KEEP)},
    }
