"""Steps that want more of the text pass than numbers, or a say after all decisions; loaded where a recipe has them.

Most recipes have none of them, and every run would pay for loading them.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from wellkeeper.core.evaluation import Evaluation
from wellkeeper.errors import RecipeError

if TYPE_CHECKING:
    from wellkeeper.kernels.overlap import Table
    from wellkeeper.recipe.corpus import LoadedCorpus
    from wellkeeper.recipe.decide import Decisions
    from wellkeeper.recipe.model import Recipe

PASSAGES, DECONTAMINATE, SEMANTIC = "repeated-passages.v1", "decontaminate.v1", "semantic-duplicates.v1"
TEMPLATES = "weight-by-template.v1"


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """What the steps of a recipe want the text pass to keep, and what is to be said aloud about it."""

    fingerprint_words: int = 0
    template_similarity: float | None = None  # from which on templates are looked for; None: they are not
    vectors: bool = False
    evaluation: Evaluation | None = None
    table: "Table | None" = None  # of the evaluation sets, until it is laid down where workers find it
    said: tuple[str, ...] = ()

    def laid_down(self, work: Path) -> "Wanted":
        """The same, with the table of the evaluation sets in the work folder and no longer here."""
        if self.table is None or self.evaluation is None:
            return self
        from wellkeeper.recipe.decontamination import lay_down

        lay_down(self.table, work, self.evaluation.digest)
        return replace(self, table=None)


def embedding_of(recipe: "Recipe") -> str | None:
    """The column of vectors that the mix goes by; None where it goes by words.

    Raises:
        RecipeError: it goes by vectors, and the sources name no column, or several.
    """
    if not recipe.mix.by_embedding:
        return None
    columns = sorted({source.embedding for source in recipe.sources if source.embedding is not None})
    if len(columns) == 1:
        return columns[0]
    found = f"the columns {' and '.join(columns)}" if columns else "no column of vectors"
    raise RecipeError(
        f"mix.diversity goes by embedding, and the sources name {found}. Make the vectors with one model, and name "
        "their column alike: embedding: COLUMN in each source."
    )


def wanted_by(recipe: "Recipe") -> Wanted:
    """What the recipe's steps want; writes nothing.

    Raises:
        RecipeError: a step's options do not fit the recipe.
        InputError: an evaluation set cannot be read.
    """
    embedding_of(recipe)
    names = {step.name for step in recipe.steps}
    wanted: dict[str, Any] = {}
    if PASSAGES in names:
        from wellkeeper.recipe.passages import fingerprint_words

        wanted["fingerprint_words"] = fingerprint_words([(step.name, step.options) for step in recipe.steps])
    if TEMPLATES in names:
        from wellkeeper.recipe.templates import similarity_of

        wanted["template_similarity"] = similarity_of(recipe)
    if SEMANTIC in names:
        from wellkeeper.recipe.semantic import wants_vectors

        wanted["vectors"] = wants_vectors(recipe)
    if DECONTAMINATE in names:
        from wellkeeper.recipe.decontamination import search_of

        search = search_of(recipe)
        if search is not None:
            wanted |= {"evaluation": search.evaluation, "table": search.table, "said": search.said}
    return Wanted(**wanted)


def settle(corpus: "LoadedCorpus", decisions: "Decisions") -> None:
    """Enter what becomes of repeated passages, once it is known which documents stay."""
    if decisions.spans:
        from wellkeeper.recipe import passages

        passages.settle(corpus, decisions)


def describe_optional(corpus: "LoadedCorpus", decisions: "Decisions") -> Mapping[str, Any]:
    """The sections of a curation about these steps; None for each that did not run."""
    sections: dict[str, Any] = dict.fromkeys(("passages", "templates", "semantic", "evaluation"))
    if PASSAGES in decisions.rulings:
        from wellkeeper.recipe.passages import describe_passages

        sections["passages"] = describe_passages(corpus, decisions)
    if TEMPLATES in decisions.rulings:
        from wellkeeper.recipe.templates import describe_templates

        sections["templates"] = describe_templates(corpus, decisions)
    if SEMANTIC in decisions.rulings:
        from wellkeeper.recipe.semantic import describe_semantic

        sections["semantic"] = describe_semantic(corpus, decisions)
    if DECONTAMINATE in decisions.rulings:
        from wellkeeper.recipe.decontamination import describe_decontamination

        sections["evaluation"] = describe_decontamination(corpus, decisions)
    return sections
