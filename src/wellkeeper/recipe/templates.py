"""Templates in a curation: what the text pass needs for them, and the figures about them."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from wellkeeper.core.decision import Indices
from wellkeeper.errors import RecipeError
from wellkeeper.filter.templates import WEIGHT_BY_TEMPLATE

if TYPE_CHECKING:
    from wellkeeper.recipe.corpus import LoadedCorpus
    from wellkeeper.recipe.decide import Decisions
    from wellkeeper.recipe.model import Recipe

SOURCES = 20  # of a template, those with most of its documents


def similarity_of(recipe: "Recipe") -> float:
    """The similarity from which on the recipe looks for templates; it has the step.

    Raises:
        RecipeError: the step stands there twice, or an option is wrong.
    """
    name = WEIGHT_BY_TEMPLATE.name
    asked = [WEIGHT_BY_TEMPLATE.check(step.options) for step in recipe.steps if step.name == name]
    if len(asked) > 1:
        raise RecipeError(f"{name} stands in the recipe {len(asked)} times. Leave one of them.")
    return float(asked[0]["similarity"])


def describe_templates(corpus: "LoadedCorpus", decisions: "Decisions") -> dict[str, Any]:
    """The `templates` section of a curation, once all steps and the mix have decided."""
    ruling = decisions.rulings[WEIGHT_BY_TEMPLATE.name]
    assert ruling.weights is not None, "the step makes some, of no document if need be"
    largest = ruling.facts["largest_templates"]
    firsts = [one["first"] for one in largest]
    found = zip(largest, corpus.strings("id", firsts), corpus.strings("excerpt", firsts), strict=True)
    return {
        **ruling.facts,
        "kept": int(np.count_nonzero(decisions.kept[ruling.weights.documents])),
        "largest_templates": [
            {
                "documents": len(one["members"]),
                "kept": int(np.count_nonzero(decisions.kept[one["members"]])),
                "weight": one["factor"],
                "first": name,
                "excerpt": excerpt,
                "sources": _sources(corpus, one["members"]),
            }
            for one, name, excerpt in found
        ],
    }


def _sources(corpus: "LoadedCorpus", documents: Indices) -> list[Mapping[str, Any]]:
    """How many of the documents each source has, most first."""
    codes, names = corpus.codes("source")
    held, many = np.unique(codes[documents], return_counts=True)
    counted = sorted(zip(many.tolist(), held.tolist(), strict=True), key=lambda one: (-one[0], names[one[1]]))
    return [{"source": names[code], "documents": count} for count, code in counted[:SOURCES]]
