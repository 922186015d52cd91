"""Whether a corpus lies where human text lies: its vectors beside the reference's, each figure beside its baseline.

Vectors are those of the topics: words weighted by rarity, in the space that corpus and reference span together. They
tell of subjects and vocabulary, and nothing of what a text means.
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from wellkeeper.core.decision import Indices
from wellkeeper.measure.embeddings import kernel_test, vendi
from wellkeeper.measure.jackknife import FEWEST_DOCUMENTS
from wellkeeper.measure.neighbours import neighbourhoods
from wellkeeper.recipe.topics import Topics

COMPARED = 1000
"""Documents of the corpus and of each half of the reference, at most: the time goes with their square."""


def describe_neighbourhood(
    mine: Topics, theirs: Topics, documents: Indices, of_reference: Indices, *, seed: int
) -> dict[str, Any] | None:
    """Diversity, neighbourhoods and the kernel test, of documents in sampling order; None where there are too few.

    The reference's documents 0, 2, 4, ... are compared with the corpus, and 1, 3, 5, ... are the human text beside it.
    """
    if mine.vectors is None or theirs.vectors is None:
        return None
    ours = _known(mine.vectors(documents[: 2 * COMPARED]))[:COMPARED]
    human = _known(theirs.vectors(of_reference[: 3 * COMPARED]))[: 2 * COMPARED]
    count = min(len(ours), len(human) // 2)
    if count < FEWEST_DOCUMENTS:
        return None
    first, second = human[::2][:count], human[1::2][:count]
    found = neighbourhoods(ours, human, seed=seed, most=count).to_json()
    return {
        **found,
        "diversity": {"corpus": vendi(ours[:count]).q1.to_json(), "human": vendi(second).q1.to_json()},
        "kernel_test": {
            "corpus": kernel_test(ours[:count], first, seed=seed).to_json(),
            "human": kernel_test(second, first, seed=seed).to_json(),
        },
    }


def _known(units: NDArray[np.int16]) -> NDArray[np.int16]:
    """The vectors that are not all noughts."""
    return units[units.any(axis=1)]
