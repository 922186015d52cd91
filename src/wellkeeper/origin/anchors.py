"""The anchor pack: scores of texts whose origin the user knows, slice by slice, in one file that anyone can read.

A score says little by itself: how much of a slice is AI-made is read off the scores of known human, and if possible
known AI, texts of the same slice. The pack holds those scores, how the texts came by, and the SHA-256 of each, so that
an audited corpus which holds them too leaves them out: they would count twice. It holds no text.

Scores of two versions of the style model do not compare. A pack of another version is refused.
"""

import re
import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Annotated, Any, ClassVar, Literal, TypeAlias

import numpy as np
import orjson
from numpy.typing import NDArray
from pydantic import ConfigDict, Field, TypeAdapter, ValidationError

from wellkeeper.core.decision import ONE_SLICE
from wellkeeper.errors import InputError, did_you_mean
from wellkeeper.measure.auroc import Area, area_under_roc
from wellkeeper.origin.shortcuts import Shortcut

SCHEMA: Literal["wellkeeper.anchors/1"] = "wellkeeper.anchors/1"
FEWEST = 25
"""References of one slice and side below which nothing is estimated from them. Mean absolute error of a share with 10,
25, 50 and 100 human references: .093, .086, .079, .074 (our measurement, 12 domains)."""
ENOUGH = 50
"""References of one slice and side below which a warning is due."""
WHOLE = ONE_SLICE
"""Name of the one slice of a pack that was built without a slice column."""
INDISTINCT = 0.7
"""Area under the ROC curve of the score itself below which human and AI references hardly differ in it."""

Count: TypeAlias = Annotated[int, Field(ge=0)]
Score: TypeAlias = Annotated[float, Field(allow_inf_nan=False)]
Digest: TypeAlias = Annotated[str, Field(pattern="^[0-9a-f]{64}$")]
Day: TypeAlias = Annotated[str, Field(pattern=r"^\d{4}-\d{2}-\d{2}$")]

_STRICT = ConfigDict(extra="forbid", strict=True)
_BUILD = "Build it again: wellkeeper anchors build --human PATH."


@dataclass(frozen=True, slots=True, kw_only=True)
class Caution:
    """Something about the references that a reader of figures made with them should know."""

    __pydantic_config__: ClassVar[ConfigDict] = _STRICT

    code: str
    message: str  # what was found; ends with what to do


@dataclass(frozen=True, slots=True, kw_only=True)
class Sample:
    """The references of one side, human or AI, of one slice."""

    __pydantic_config__: ClassVar[ConfigDict] = _STRICT

    documents: Count
    scores: tuple[Score, ...]  # one a document, in the order of `sha256`
    sha256: tuple[Digest, ...]  # of each text's UTF-8 bytes, ascending
    copies: tuple[Digest, ...]  # of the texts that repeat one of these; they count once
    left_out: Mapping[str, Count]  # reason -> documents
    by_date: Count = 0  # captured before 2022-11-30 by their dates
    by_claim: Count = 0  # undated, or dated later and trusted: the user says what wrote them
    first: Day | None = None  # earliest and latest date of those that have one, UTC
    last: Day | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Making:
    """How the AI references were made."""

    __pydantic_config__: ClassVar[ConfigDict] = _STRICT

    how: Literal["files", "generated"]
    endpoint: str | None = None  # without credentials and query
    model: str | None = None
    prompts: Digest | None = None  # SHA-256 of the prompts
    asked: Count = 0  # human references that the model was asked about
    refused: Count = 0  # answers that decline; these and the next two are left out
    empty: Count = 0
    failed: Count = 0  # requests that the server rejected


@dataclass(frozen=True, slots=True, kw_only=True)
class Slice:
    """Everything known of one slice."""

    __pydantic_config__: ClassVar[ConfigDict] = _STRICT

    human: Sample
    ai: Sample | None
    shortcuts: tuple[Shortcut, ...]  # strongest first; empty without AI references
    separation: Area | None  # of the score itself, human from AI references; its interval at 95%
    warnings: tuple[Caution, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class References:
    """Scores of one slice's references, ascending; higher is more AI-like."""

    human: NDArray[np.float32]  # shape (human references,)
    ai: NDArray[np.float32] | None  # shape (AI references,)


@dataclass(frozen=True, slots=True, kw_only=True)
class AnchorPack:
    """References for the user's own slices: the file that `wellkeeper anchors build` writes."""

    __pydantic_config__: ClassVar[ConfigDict] = _STRICT

    style_model: str  # version whose scores these are
    seed: int
    slice_column: str | None  # column whose values name the slices; None: one slice, `all`
    made: Making | None  # how the AI references were made; None: there are none
    slices: Mapping[str, Slice]
    short: Mapping[str, Count]  # slices that were refused, and how many human references each lacks
    warnings: tuple[Caution, ...]  # of the pack as a whole
    schema: Literal["wellkeeper.anchors/1"] = SCHEMA

    @classmethod
    def load(cls, path: str | Path, *, style_model: str | None = None) -> "AnchorPack":
        """Read a pack and check it against the style model of that version, by default the one shipped here.

        Raises:
            InputError: there is no such file, it is no whole anchor pack, or its scores are of another style model.
        """
        pack = _parsed(Path(path))
        if style_model is None:
            from wellkeeper.origin.style import load_model  # its weights are read only where they are needed

            style_model = load_model().version
        if pack.style_model != style_model:
            raise InputError(
                f"{path} holds scores of style model {pack.style_model}, and this version of wellkeeper scores with "
                f"{style_model}: they do not compare. {_BUILD}"
            )
        return pack

    def references(self, name: str) -> References:
        """Scores of the references of a slice.

        Raises:
            InputError: the pack has no such slice.
        """
        if name not in self.slices:
            short = self.short.get(name)
            why = (
                f" It had too few human references: {short} more are needed."
                if short
                else did_you_mean(name, self.slices) or f" It has {_listing(list(self.slices))}."
            )
            raise InputError(
                f"The anchor pack has no slice {name!r}.{why} Add references of it and build the pack again."
            )
        found = self.slices[name]
        return References(
            human=np.sort(np.array(found.human.scores, np.float32)),
            ai=None if found.ai is None else np.sort(np.array(found.ai.scores, np.float32)),
        )

    @property
    def digests(self) -> frozenset[bytes]:
        """SHA-256, 32 bytes each, of every reference text and of its copies, human and AI."""
        return frozenset(
            bytes.fromhex(digest)
            for one in self.slices.values()
            for sample in (one.human, one.ai)
            if sample is not None
            for digest in (*sample.sha256, *sample.copies)
        )

    def to_json(self) -> dict[str, Any]:
        """The document that the file holds: the schema first."""
        plain: dict[str, Any] = _adapter().dump_python(self, mode="json")
        return {"schema": plain.pop("schema"), **plain}

    def to_bytes(self) -> bytes:
        """The file: the same bytes for the same pack."""
        return orjson.dumps(self.to_json(), option=orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE)


@cache
def _adapter() -> TypeAdapter[AnchorPack]:
    return TypeAdapter(AnchorPack)


def json_schema() -> dict[str, Any]:
    """JSON schema (draft 2020-12) of a pack, the same that the package carries as anchors.schema.json."""
    schema = _adapter().json_schema()
    schema["title"] = "wellkeeper anchor pack"
    schema["required"] = ["schema", *schema["required"]]
    for definition in schema["$defs"].values():
        definition.pop("title", None)
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **schema}


def _parsed(path: Path) -> AnchorPack:
    try:
        content = path.read_bytes()
    except FileNotFoundError as error:
        raise InputError(
            f"{path} does not exist. Check the path, or build it: wellkeeper anchors build."
        ) from error
    except IsADirectoryError as error:
        raise InputError(
            f"{path} is a folder. Name the pack in it, such as {path / 'anchors.json'}."
        ) from error
    except OSError as error:
        raise InputError(
            f"{path} cannot be read: {error.strerror}. Give this user read access to it."
        ) from error
    try:
        document = orjson.loads(content)
    except orjson.JSONDecodeError as error:
        raise InputError(f"{path} is no whole JSON file: {error}. It may be torn. {_BUILD}") from error
    found = document.get("schema") if isinstance(document, dict) else None
    if found != SCHEMA:
        raise InputError(f"{path} has schema {found!r} and not {SCHEMA!r}, so it is no anchor pack. {_BUILD}")
    try:
        pack = _adapter().validate_json(content)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        place = ".".join(map(str, first["loc"]))
        others = f", and {error.error_count() - 1} more problems" if error.error_count() > 1 else ""
        raise InputError(
            f"{path} is no whole anchor pack: {place}: {first['msg']}{others}. {_BUILD}"
        ) from error
    for name, one in pack.slices.items():
        for sample in (one.human, one.ai):
            if sample is not None and not sample.documents == len(sample.scores) == len(sample.sha256):
                raise InputError(
                    f"{path}: slice {name!r} tells of {sample.documents} documents and has {len(sample.scores)} "
                    f"scores and {len(sample.sha256)} digests. {_BUILD}"
                )
    return pack


# --- what a pack is made of --------------------------------------------------------------------------------------


_KEY_CHARS = 120
_NO_WORD = re.compile(r"\W+")


def copy_key(text: str) -> str:
    r"""The key by which near copies of a text are found: canonical, lower case, no `\W`, first 120 characters.

    Of what canonical text changes, quotes, dashes, marks and spaces go with `\W` anyway.

    >>> copy_key("**The** “well”  was\n- deep .") == copy_key('The "well" was deep.')
    True
    """
    for part in (text[: 8 * _KEY_CHARS], text):  # the beginning suffices for all but odd texts
        plain = unicodedata.normalize("NFKC", part).replace("__", "").lower()
        key = _NO_WORD.sub("", plain)[:_KEY_CHARS]
        if len(key) == _KEY_CHARS:
            break
    return key


def exact(score: np.float32 | float) -> float:
    """The shortest decimal that is this float32 again when it is read as one.

    >>> exact(np.float32(0.1))
    0.1
    """
    return float(str(np.float32(score)))


def separation_of(human: Sequence[float], ai: Sequence[float]) -> Area:
    """How well the score itself tells the references apart; its interval at 95%."""
    return area_under_roc(np.array(human), np.array(ai))


def cautions_of(
    human: Sample, ai: Sample | None, found: Sequence[Shortcut], separation: Area | None
) -> tuple[Caution, ...]:
    """What there is to say of one slice's references."""
    cautions = [*_few(human, "human"), *(_few(ai, "AI") if ai is not None else ())]
    cautions += [Caution(code="shortcut", message=one.message()) for one in found if one.is_large]
    if separation is not None and separation.estimate < INDISTINCT:
        cautions.append(_indistinct(separation))
    return tuple(cautions)


def _indistinct(separation: Area) -> Caution:
    found = f"{separation.estimate:.2f} ({separation.low:.2f} to {separation.high:.2f})"
    if separation.high < 0.5:
        return Caution(
            code="reversed",
            message=(
                f"The human references read more like AI than the AI references do: area under the ROC curve {found}. "
                "Check that the two were not given the wrong way round, and where the human ones come from."
            ),
        )
    return Caution(
        code="indistinct",
        message=(
            f"The score hardly tells these AI references from the human ones: area under the ROC curve {found}. "
            "Intervals will be wide. Text of base models and light edits reads like this: check what the AI references "
            "are."
        ),
    )


def _few(sample: Sample, side: str) -> list[Caution]:
    if sample.documents >= ENOUGH:
        return []
    message = (
        f"{sample.documents} {side} references: intervals will be wide. Add {ENOUGH - sample.documents} or more, "
        f"so that there are at least {ENOUGH}."
    )
    return [Caution(code=f"few-{side.lower()}-references", message=message)]


def _listing(names: Sequence[str]) -> str:
    shown = ", ".join(map(repr, names[:12]))
    return shown + (f" and {len(names) - 12} more" if len(names) > 12 else "")
