"""What a generated set is to be: how many texts, for which topics, from which templates, and what prompts show."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from wellkeeper.engine.completions import Endpoint
from wellkeeper.engine.gguf import read_causal
from wellkeeper.engine.yaml_document import read_document
from wellkeeper.errors import InputError, did_you_mean
from wellkeeper.infer.seeding import TAIL_SHARE, Cell, quotas
from wellkeeper.infer.templates import CHAT_TEMPLATES, PLAIN_TEMPLATES, Template, digest_of, templates_of
from wellkeeper.recipe.samplers import ModelPlace
from wellkeeper.recipe.seed_cells import HOLD_OUT

SEED_WORDS, WORDS, TRIES = 60, 3, 3
"""Words of each human document that a prompt shows; rare words that it asks for; and times that a text is asked for,
in all, where an answer is empty, refused or one that the set has."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """What a set is to be, and what its prompts show."""

    documents: int
    tail_share: float = TAIL_SHARE  # of the texts that no quota is for: for rare topics
    quotas: Mapping[str, int] = field(default_factory=dict)  # by topic, in place of what the shares give it
    templates: tuple[Template, ...] = CHAT_TEMPLATES
    temperature: float = 1.0
    seeds: int = 1  # human documents that a prompt shows
    seed_words: int = SEED_WORDS
    words: int = WORDS
    hold_out: float = HOLD_OUT
    topics: int | None = None  # to find; None: one for 25 documents
    tries: int = TRIES
    seed: int = 0

    def __post_init__(self) -> None:
        if min(self.documents, self.seeds, self.seed_words, self.tries) < 1 or self.words < 0:
            raise InputError(
                f"{self.documents} texts from {self.seeds} documents of {self.seed_words} words each, {self.tries} "
                "times at most, cannot be asked for. Give numbers from 1."
            )
        if not self.templates:
            raise InputError(
                "There is no template to ask with. Give one, or leave templates out for those built in."
            )
        if not 0 <= self.temperature < float("inf"):
            raise InputError(f"The temperature is {self.temperature}. Give a number from 0 up, such as 1.")
        if not 0 <= self.hold_out < 1:
            raise InputError(
                f"{self.hold_out:g} of the human documents cannot be held out. Give a share from 0 to below 1."
            )

    def to_json(self) -> dict[str, Any]:
        """All of it, templates by their names and their digest."""
        return {
            "documents": self.documents,
            "tail_share": self.tail_share,
            "quotas": dict(self.quotas),
            "templates": {"names": [one.name for one in self.templates], "sha256": digest_of(self.templates)},
            "temperature": float(self.temperature),
            "seeds": self.seeds,
            "seed_words": self.seed_words,
            "words": self.words,
            "hold_out": self.hold_out,
            "topics": self.topics,
            "tries": self.tries,
            "seed": self.seed,
        }


def templates_from(file: str | Path | None, *, is_chat: bool) -> tuple[Template, ...]:
    """The templates of a YAML or JSON file, or those built in.

    Raises:
        InputError: the file cannot be read, or holds no templates.
        RecipeError: it is no YAML.
    """
    if file is None:
        return CHAT_TEMPLATES if is_chat else PLAIN_TEMPLATES
    try:
        content = Path(file).read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(
            f"{file} cannot be read ({getattr(error, 'strerror', None) or error}). Give a YAML or JSON file in UTF-8 "
            "with --template."
        ) from error
    wanted = "Templates are a mapping; begin with `templates:`."
    return templates_of(read_document(content, str(file), wanted=wanted).values, str(file))


def follows_instructions(place: ModelPlace) -> bool:
    """Whether a model is one that chats; else it only continues text.

    Raises:
        InputError: the address is none, or the path holds no model that can be read.
    """
    if place.gguf is not None:
        return "tokenizer.chat_template" in read_causal(Path(place.gguf)).metadata
    if place.folder is not None:
        folder = Path(place.folder)
        return (folder / "chat_template.jinja").is_file() or _has_template(folder / "tokenizer_config.json")
    return Endpoint.at(place.endpoint or "", place.model or "").is_chat


def _has_template(settings: Path) -> bool:
    if not settings.is_file():
        return False
    try:
        told = json.loads(settings.read_bytes())
    except ValueError as error:
        raise InputError(
            f"{settings} is no JSON ({error}). Give a folder that save_pretrained wrote."
        ) from error
    return isinstance(told, dict) and bool(told.get("chat_template"))


def quotas_of(cells: Sequence[Cell], wanted: Wanted) -> NDArray[np.int64]:
    """How many texts each cell is asked for, shape (cells,).

    Raises:
        InputError: a quota is of no topic of the reference.
        DataError: the quotas do not fit together.
    """
    names = [cell.name for cell in cells]
    for name in wanted.quotas:
        if name not in names:
            raise InputError(
                f"The reference has no topic {name!r}.{did_you_mean(name, names)} See its topics with --dry-run, and "
                "give the name as it is written there."
            )
    by_number = {names.index(name): many for name, many in wanted.quotas.items()}
    return quotas(cells, wanted.documents, tail_share=wanted.tail_share, asked=by_number)
