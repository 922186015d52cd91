"""A corpus of people as experiments use it: what models learn from, fresh text for later, and text held out."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from wellkeeper.errors import DataError
from wellkeeper.lab.text import Text, Vocabulary, numbered

HELD_OUT = 0.2
"""Share of the documents that no model is trained on."""
_FEWEST_DOCUMENTS = 20


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class HumanText:
    """Text of people, in an order that says nothing: documents to train on, and others held out."""

    text: Text  # the first words train the first model; fresh text follows them
    held_out: Text
    vocabulary: Vocabulary  # of both: worlds of text are closed
    documents: Sequence[str]  # the strings of `text`, for models with tokens of their own
    held_out_documents: Sequence[str]
    marks_apart: bool = True  # whether marks of punctuation are words of their own, see `text.numbered`


def human_text(documents: Sequence[str], *, held_out: float = HELD_OUT) -> HumanText:
    """Documents in sampling order, every so many of them held out.

    Raises:
        DataError: there are fewer than 20 documents.
    """
    if len(documents) < _FEWEST_DOCUMENTS:
        said = "is 1 document" if len(documents) == 1 else f"are {len(documents)} documents"
        raise DataError(
            f"There {said} with words, too few to train on some and hold others out. "
            f"Give at least {_FEWEST_DOCUMENTS}."
        )
    places = np.arange(len(documents))
    out = np.floor((places + 1) * held_out) > np.floor(places * held_out)
    parts = [[documents[place] for place in np.flatnonzero(chosen).tolist()] for chosen in (~out, out)]
    (text, kept), vocabulary = numbered(parts)
    return HumanText(
        text=text, held_out=kept, vocabulary=vocabulary, documents=parts[0], held_out_documents=parts[1]
    )
