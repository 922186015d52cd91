"""What made a text: six origins, and the words that sources use for them."""

from collections.abc import Mapping
from enum import IntEnum


class Origin(IntEnum):
    """Who or what wrote a document. `UNKNOWN` is an honest answer, and the default."""

    UNKNOWN = 0
    HUMAN = 1
    AI_ASSISTED = 2
    AI_GENERATED = 3
    MACHINE_TRANSLATED = 4
    PROGRAMMATIC = 5

    @property
    def label(self) -> str:
        """The name in reports, recipes and files: `ai-generated`, not `AI_GENERATED`."""
        return self.name.lower().replace("_", "-")


SYNTHETIC = (Origin.AI_GENERATED, Origin.MACHINE_TRANSLATED, Origin.PROGRAMMATIC)
"""Origins that count towards a recipe's `synthetic_share`."""

AI_MADE = (Origin.AI_GENERATED, Origin.AI_ASSISTED)
"""Origins in which a model wrote, alone or with a person; translation and templates are neither."""

LABELS: tuple[str, ...] = tuple(origin.label for origin in Origin)

# IPTC digital source types (cv.iptc.org/newscodes/digitalsourcetype) and words seen in public
# corpora, folded by `_fold`. A label that is not here is UNKNOWN and is counted as such.
_ALIASES: Mapping[str, Origin] = {
    **{label: Origin(number) for number, label in enumerate(LABELS)},
    "humanwritten": Origin.HUMAN,
    "person": Origin.HUMAN,
    "organic": Origin.HUMAN,
    "real": Origin.HUMAN,
    "natural": Origin.HUMAN,
    "digitalcreation": Origin.HUMAN,
    "humanedits": Origin.HUMAN,
    "digitalcapture": Origin.HUMAN,
    "computationalcapture": Origin.HUMAN,
    "negativefilm": Origin.HUMAN,
    "positivefilm": Origin.HUMAN,
    "mixed": Origin.AI_ASSISTED,
    "hybrid": Origin.AI_ASSISTED,
    "aiedited": Origin.AI_ASSISTED,
    "aiassisted": Origin.AI_ASSISTED,
    "compositewithtrainedalgorithmicmedia": Origin.AI_ASSISTED,
    "compositesynthetic": Origin.AI_ASSISTED,
    "ai": Origin.AI_GENERATED,
    "aigenerated": Origin.AI_GENERATED,
    "aiwritten": Origin.AI_GENERATED,
    "machine": Origin.AI_GENERATED,
    "machinegenerated": Origin.AI_GENERATED,
    "llm": Origin.AI_GENERATED,
    "model": Origin.AI_GENERATED,
    "generated": Origin.AI_GENERATED,
    "synthetic": Origin.AI_GENERATED,
    "fake": Origin.AI_GENERATED,
    "trainedalgorithmicmedia": Origin.AI_GENERATED,
    "trainedalgorithmicdata": Origin.AI_GENERATED,
    "mt": Origin.MACHINE_TRANSLATED,
    "translated": Origin.MACHINE_TRANSLATED,
    "machinetranslated": Origin.MACHINE_TRANSLATED,
    "machinetranslation": Origin.MACHINE_TRANSLATED,
    "template": Origin.PROGRAMMATIC,
    "templated": Origin.PROGRAMMATIC,
    "bot": Origin.PROGRAMMATIC,
    "algorithmicmedia": Origin.PROGRAMMATIC,
    "datadrivenmedia": Origin.PROGRAMMATIC,
}


def _fold(label: str) -> str:
    tail = label.strip().rsplit("/", 1)[-1]  # IPTC terms come as URIs
    return "".join(letter for letter in tail.lower() if letter.isalnum())


_FOLDED: Mapping[str, Origin] = {_fold(alias): origin for alias, origin in _ALIASES.items()}


def declared_origin(label: str | None) -> Origin:
    """The origin that a source's own label declares.

    >>> declared_origin("AI-generated"), declared_origin("http://cv.iptc.org/x/humanEdits")
    (<Origin.AI_GENERATED: 3>, <Origin.HUMAN: 1>)
    >>> declared_origin("label 7")
    <Origin.UNKNOWN: 0>
    """
    return Origin.UNKNOWN if label is None else _FOLDED.get(_fold(label), Origin.UNKNOWN)
