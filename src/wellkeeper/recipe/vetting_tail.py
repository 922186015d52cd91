"""Did verification let go of texts on rare topics? Topics are rare by their words, not by their size.

Topics that are found afterwards are cut finer than people would: one common topic may fall into two or three of the
size of a rare one. So how many documents a topic has says little about how rare it is: where rare topics were kept at
.4 of the rate of common ones, the test by size saw it in 1 of 4 sets of 500 texts. Here the tail is the topics whose
texts use the words that the fewest human documents have (`wellkeeper.measure.rarity`), up to a fifth of the texts. The
test is the one of every curation (`wellkeeper.measure.tail_cost.topic_cost`): each topic has one vote, so that a
verifier that is strict about some topics, rare or common, is no eater of the tail.
"""

from typing import TYPE_CHECKING

import numpy as np

from wellkeeper.measure.rarity import rarest_groups, rarity_of
from wellkeeper.measure.tail_cost import TopicCost, topic_cost
from wellkeeper.recipe.tail_cost import Removal, removals

if TYPE_CHECKING:
    from wellkeeper.recipe.curate import Human
    from wellkeeper.recipe.decide import Decisions


def removal_by(step: str, decisions: "Decisions", documents: int) -> Removal | None:
    """What one step took out of so many documents; None: nothing, or there is no such step."""
    return next((removal for removal in removals(decisions, documents) if removal.step == step), None)


def rare_topics_cost(human: "Human", removal: Removal, *, seed: int) -> TopicCost | None:
    """What a removal cost the topics of rare words, beside the others.

    None where nothing was removed, or fewer than five topics of either kind have a judged text with words.
    """
    sample, of = human.mine, human.topics[0].of
    topic = of[sample.documents]
    rarity = rarity_of(sample.texts(), human.theirs.words())
    votes = removal.judged[sample.documents] & (topic >= 0) & ~np.isnan(rarity)
    if not votes.any():
        return None
    count = len(human.topics[0].names)
    tail = rarest_groups(topic[votes], rarity[votes], count)
    gone = removal.lost[sample.documents] & votes
    judged, lost = (np.bincount(topic[chosen], minlength=count) for chosen in (votes, gone))
    return topic_cost(judged, lost, tail, ~tail, seed=seed)
