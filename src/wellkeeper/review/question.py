"""What people are asked about an item, what they may answer, and what an answer does to the documents.

There are six questions, one a kind of queue; the last is a steward's, who decides about documents by id. A reader
answers with a key; `accept` and `reject` name the labels that Enter and X stand for. Whether an answer keeps or drops a
document is said here, in one place, and stored with a queue, so that later versions apply old answers as they were
meant.
"""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from typing import Any, Literal, Self, TypeAlias, get_args

from wellkeeper.core.origin import LABELS
from wellkeeper.errors import InputError, did_you_mean

Asked: TypeAlias = Literal["origin", "conflicts", "duplicates", "vet", "compare"]
Kind: TypeAlias = Literal[Asked, "documents"]
KINDS: tuple[Asked, ...] = get_args(Asked)
"""What readers are asked about a result. `documents` is what a steward decides of one by its id, unasked."""
DESPITE_RIGHTS = "keep-despite-rights"
"""Label by which a steward keeps what may not be used by the recipe's word on rights."""

Keep: TypeAlias = Literal["", "keep", "drop", "first", "second", "both"]
"""Of one document: keep or drop it. Of two: keep the first shown, the second shown, or both. Empty: as it stands."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Label:
    """One answer. Its key is its place, from 1."""

    name: str  # in files: lower case, no spaces
    says: str  # on the page
    keep: Keep = ""
    origin: str = ""  # of the document from then on, one of `core.origin.LABELS`; empty: as it stands
    value: float | None = None  # of a share that is estimated: 1 counts, 0 does not; None: it tells nothing

    def __post_init__(self) -> None:
        if self.origin and self.origin not in LABELS:
            raise InputError(
                f"{self.origin} is no origin.{did_you_mean(self.origin, LABELS)} Write one of {', '.join(LABELS)}."
            )


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """What is asked of every item of a queue."""

    kind: Kind
    asks: str
    share: str  # what the share is of that `Label.value` counts, such as "AI-made documents"
    labels: tuple[Label, ...]  # 2 to 9
    accept: str = ""  # label of the key Enter; empty: Enter stands for nothing
    reject: str = ""  # of the key X
    guidelines: str = ""  # plain text, paragraphs apart by an empty line

    def label(self, name: str) -> Label:
        """The label of a name.

        Raises:
            InputError: there is none.
        """
        names = [label.name for label in self.labels]
        if name not in names:
            raise InputError(
                f"{name} is no answer to this question.{did_you_mean(name, names)} Answer {', '.join(names)}."
            )
        return self.labels[names.index(name)]

    def with_effects(self, effects: Mapping[str, str]) -> Self:
        """The question with what labels do changed: label -> keep, drop, or nothing.

        Raises:
            InputError: there is no such label, or no such effect on what is asked about.
        """
        allowed: tuple[str, ...] = (
            ("first", "second", "both", "nothing")
            if self.kind == "duplicates"
            else ("keep", "drop", "nothing")
        )
        for name, effect in effects.items():
            self.label(name)
            if effect not in allowed:
                raise InputError(
                    f"{name}={effect}: there is no such effect. Write {name}= and one of {', '.join(allowed)}."
                )
        changed: dict[str, Any] = {
            name: "" if effect == "nothing" else effect for name, effect in effects.items()
        }
        return replace(
            self,
            labels=tuple(replace(one, keep=changed.get(one.name, one.keep)) for one in self.labels),
        )

    @property
    def digest(self) -> str:
        """SHA-256, in hexadecimal digits, of all that a reader is told and an answer does."""
        return hashlib.sha256(
            json.dumps(self.to_json(), sort_keys=True, ensure_ascii=False).encode()
        ).hexdigest()

    def to_json(self) -> dict[str, Any]:
        """As a queue stores it."""
        return asdict(self) | {"labels": [asdict(label) for label in self.labels]}

    @classmethod
    def from_json(cls, stored: Mapping[str, Any]) -> Self:
        """What `to_json` made this of.

        Raises:
            KeyError, TypeError: it is no question.
        """
        return cls(**{**stored, "labels": tuple(Label(**label) for label in stored["labels"])})


_UNSURE = Label(name="unsure", says="Cannot tell")
_ORIGIN = Question(
    kind="origin",
    asks="Who wrote this?",
    share="documents that a model wrote, alone or with a person",
    labels=(
        Label(name="human", says="A person", keep="keep", origin="human", value=0.0),
        Label(name="ai", says="A model", keep="drop", origin="ai-generated", value=1.0),
        Label(name="mixed", says="A person with a model", keep="keep", origin="ai-assisted", value=1.0),
        _UNSURE,
    ),
    accept="human",
    reject="ai",
    guidelines="""\
Read as much as it takes, then say who wrote the text, not whether it is good.

A person: opinions with a stake in them, particulars that can be checked, mistakes that a hurried person makes.

A model: answers nobody asked for, lists of evenly weighted points, a summary of what was just said, no particulars.

A person with a model: both, in different places; or a person's matter in a model's sentences.

Fluent English is no sign of a model, and clumsy English none of a person: people who write in a second language are \
taken for models more often than others. If you cannot tell, say so: a guess does more harm than a gap.""",
)

QUESTIONS: Mapping[Kind, Question] = {
    "origin": _ORIGIN,
    "conflicts": replace(_ORIGIN, kind="conflicts", asks="Evidence disagrees about this text. Who wrote it?"),
    "duplicates": Question(
        kind="duplicates",
        asks="Are these two the same text?",
        share="pairs that are the same text",
        labels=(
            Label(name="same", says="The same", value=1.0),
            Label(name="same-first", says="The same; keep the first", keep="first", value=1.0),
            Label(name="same-second", says="The same; keep the second", keep="second", value=1.0),
            Label(name="different", says="Different; keep both", keep="both", value=0.0),
            _UNSURE,
        ),
        accept="same",
        reject="different",
        guidelines="""\
The same: a reader who knows one learns nothing from the other. Another headline, a date, a by-line, a changed name \
of a file or a fixed typing mistake make no difference.

Different: a fact, a number, a step or an argument stands in one and not in the other, so that a model loses something \
if one of them goes.

If they are the same and one is plainly better, such as whole where the other is cut off, say which to keep.""",
    ),
    "vet": Question(
        kind="vet",
        asks="Is this right?",
        share="texts that are right",
        labels=(
            Label(name="right", says="Right", keep="keep", value=1.0),
            Label(name="wrong", says="Wrong", keep="drop", value=0.0),
            _UNSURE,
        ),
        accept="right",
        reject="wrong",
        guidelines="""\
Right: what the task asks for, and true, as far as a careful person can check. Style does not count.

Wrong: one error that a reader would be misled by is enough; so is an answer to another question.

If it takes knowledge that you do not have, say that you cannot tell.""",
    ),
    "compare": Question(
        kind="compare",
        asks="Which answer is better?",
        share="pairs in which the second run is better, a tie counting half",
        labels=(
            Label(name="first", says="The first"),
            Label(name="second", says="The second"),
            Label(name="equal", says="Equally good"),
            Label(name="both-bad", says="Both are bad"),
            _UNSURE,
        ),
        guidelines="""\
Better: the answer you would rather have been given. Right comes before complete, complete before short.

The order in which two answers are shown is drawn by lot, so that their place tells nothing.""",
    ),
    "documents": Question(
        kind="documents",
        asks="Should this document be in the set?",
        share="documents that a steward keeps",
        labels=(
            Label(name="keep", says="Keep it", keep="keep"),
            Label(name="drop", says="Drop it", keep="drop"),
            Label(name=DESPITE_RIGHTS, says="Keep it, in spite of its rights", keep="keep"),
        ),
    ),
}
"""What each kind of queue asks, unless its maker changed it."""
