"""Templates: documents that say nearly the same, made rarer together in place of being dropped.

A thousand pages that one form letter was filled into say little more than one of them, and each still holds a name, a
town or a figure that no other has. `weight-by-template.v1` drops none. Documents of a cluster of n get the weight
1 / n^beta each: together they count as n^(1 - beta) documents, n with beta 0 and one with beta 1. A power of the
frequency between the two is how rare words are kept in sight of common ones [1, 2].

Clusters are those of near duplicates (`wellkeeper.filter.duplicates`) from a lower similarity on: candidates share a
band of the sketch, cut for that similarity, and each is compared exactly with the document that its cluster forms
around. That one is drawn first, by sampling priority: clusters do not depend on the order of files.

[1] Mikolov, Sutskever, Chen, Corrado and Dean, Distributed representations of words and phrases and their
    compositionality, NIPS 2013, section 2.3: words are kept with a probability of frequency to the power -1/2.
[2] Conneau and Lample, Cross-lingual language model pretraining, NeurIPS 2019, section 3.1: languages are drawn by
    frequency to the power 0.5.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from wellkeeper.core.decision import Corpus, Indices, Ruling, Weights
from wellkeeper.core.signals import template_band_name
from wellkeeper.engine.scratch import give_back
from wellkeeper.errors import RecipeError
from wellkeeper.filter.duplicates import (
    banding_for,
    check_similarity,
    group_sizes,
    near_candidates,
    verified,
    with_defaults,
)

DEFAULT_SIMILARITY = 0.5
DEFAULT_BETA = 0.5
DEFAULT_LEAST = 0.01
WEIGHED = "weighed-by-template"
LARGEST = 20
"""Largest templates that the ruling's facts tell of."""


@dataclass(frozen=True, slots=True)
class WeightByTemplate:
    """Weigh documents that fill one template by 1 / size^beta; none is dropped.

    Options:
        similarity: least Jaccard similarity of word 5-grams with the document that a template's others are like, from
            0.3 to 1. Default 0.5.
        beta: exponent, from 0 (all count in full) to 1 (a template counts as one document). Default 0.5.
        least: least weight, above 0 and at most 1. Default 0.01.

    The score is the size: how many documents fill the template, this one among them.
    """

    name: str = "weight-by-template.v1"

    def check(self, options: Mapping[str, Any]) -> Mapping[str, Any]:
        defaults = {"similarity": DEFAULT_SIMILARITY, "beta": DEFAULT_BETA, "least": DEFAULT_LEAST}
        checked = with_defaults(self.name, options, defaults)
        check_similarity(self.name, checked["similarity"], DEFAULT_SIMILARITY)
        if not _between(checked["beta"], 0, 1):
            raise RecipeError(
                f"{self.name}: beta is {checked['beta']!r}. Give an exponent from 0, at which all documents count in "
                f"full, to 1, at which a template counts as one, for example {DEFAULT_BETA}."
            )
        if not _between(checked["least"], 0, 1) or checked["least"] == 0:
            raise RecipeError(
                f"{self.name}: least is {checked['least']!r}. Give the least weight of a document, above 0 and at "
                f"most 1, for example {DEFAULT_LEAST}."
            )
        return {option: float(value) for option, value in checked.items()}

    def rule(self, corpus: Corpus, active: NDArray[np.bool_], options: Mapping[str, Any]) -> Ruling:
        documents, around, comparisons = _clustered(corpus, active, options["similarity"])
        head, cluster, sizes = np.unique(around, return_inverse=True, return_counts=True)
        factor = np.maximum(options["least"], sizes ** -options["beta"])
        return Ruling.on_none(
            self.name,
            {
                **options,
                "documents": int(np.count_nonzero(active)),
                "comparisons": comparisons,
                "templates": len(head),
                "in_templates": len(documents),
                "weight": float((sizes * factor).sum()),
                "at_least": int(sizes[factor == options["least"]].sum()),
                **group_sizes(sizes),
                "largest_templates": _largest(corpus, documents, head, cluster, factor),
            },
            weights=Weights(
                documents=documents,
                factor=factor[cluster].astype(np.float32),
                score=sizes[cluster].astype(np.float32),
                reason=WEIGHED,
            ),
        )


def _between(value: Any, low: float, high: float) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and low <= value <= high


def _clustered(corpus: Corpus, active: NDArray[np.bool_], similarity: float) -> tuple[Indices, Indices, int]:
    """Documents in clusters of two or more, ascending, the document each one's forms around, and pairs compared."""
    banding = banding_for(similarity)
    documents, component = near_candidates(corpus, active, banding, named=template_band_name)
    order = np.lexsort((documents, corpus.column("priority")[documents], component))
    survivor, _, comparisons = verified(
        corpus, documents, component, order, similarity, banding, named=template_band_name
    )
    give_back()
    around = np.where(survivor >= 0, survivor, np.arange(len(documents)))
    alike = np.bincount(around, minlength=len(documents))[around] > 1
    return documents[alike], documents[around[alike]], comparisons


def _largest(
    corpus: Corpus,
    documents: Indices,
    head: Indices,
    cluster: NDArray[np.int64],
    factor: NDArray[np.float64],
) -> list[dict[str, Any]]:
    """The templates that most documents fill: the document drawn first, all of them, ascending, and their weight.

    Of equally many, the one whose first document is drawn first.
    """
    sizes = np.bincount(cluster, minlength=len(head))
    best = np.lexsort((corpus.column("priority")[head], -sizes))[:LARGEST]
    return [
        {"first": int(head[k]), "members": documents[cluster == k], "factor": float(factor[k])}
        for k in best.tolist()
    ]


WEIGHT_BY_TEMPLATE = WeightByTemplate()
