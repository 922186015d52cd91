"""What rounds of self-training are to do: the plan, as people write it.

    wellkeeper: 1
    student: {kind: transformer}     # or {kind: transformers, model: PATH}, {kind: own, module: FILE.py}
    human: human.jsonl               # prompts with answers of people: the first model learns them
    prompts: problems.jsonl          # what models are asked in rounds
    held_out: held-out.jsonl         # what they are measured on
    verifiers: verifiers.yaml        # what lets answers in; left out: all answers go in
    card: card.json                  # what is known of these verifiers

Paths are relative to the plan's file.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, Self, TypeAlias

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from wellkeeper.engine.yaml_document import dotted_name, read_document
from wellkeeper.errors import DataError, InputError, RecipeError, did_you_mean
from wellkeeper.measure.selection import Rule, Selection

LEVEL = 0.05
"""Of runs in which no round is worse on the held-out items than the best model before it, the share that is stopped for
harm, at most."""
FRESH_ITEMS = 8
"""Rounds from which on one set of held-out items stops too many lines: of 200 lines of models that are equally good
and sure of different items, .005 in 4 rounds, .070 in 8, .155 in 16 (benchmarks/feedback/same_items.py)."""
TAIL_KEPT = 0.5
"""What the share of rare prompts in a training set must be at least, over their share among the prompts asked."""

Keep: TypeAlias = Literal["accumulate", "replace"]
Then: TypeAlias = Literal["stop", "go on"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """Rounds of self-training."""

    name: str
    student: Mapping[str, Any]  # `kind` and its settings
    human: str  # paths, as the file has them
    prompts: str
    held_out: str
    verifiers: str | None = None  # None: unverified, all answers are trained on
    card: str | None = None
    rounds: int = 4
    prompts_a_round: int = 1000
    samples: int = 2  # answers to each prompt of a round, and most of them that are trained on
    rare_samples: int | None = None  # answers to each rare prompt, where more are drawn; None: as many
    temperature: float = 1.0  # of answers that are trained on
    human_core: int | None = None  # human examples in every training set; None: all
    synthetic_share: float = 0.75  # most of a training set
    keep: Keep = "replace"  # whether a round trains on what it accepted alone, or on earlier rounds' too
    selection: Selection | None = None  # which of these texts are trained on; None: all
    detector: str | None = None  # path of the code that tells p(AI), for a selection by detector
    evaluation_samples: int = 2  # answers to each held-out item
    evaluation_temperature: float = 1.0
    rare: str = (
        "rare"  # slice of prompts and held-out items that says whether they are of the tail: true or false
    )
    tail_kept: float = TAIL_KEPT
    rotate_after: int = 2  # rounds that one family of verifiers alone may decide
    on_harm: Then = "stop"
    on_refusal: Then = "stop"
    level: float = LEVEL
    seeds: tuple[int, ...] = (0,)
    folder: Path = field(default_factory=Path)  # that paths are relative to

    def path(self, said: str) -> Path:
        """A path of the plan, from where we are."""
        return self.folder / said


def read_plan(path: Path) -> Plan:
    """The plan in a file.

    Raises:
        InputError: it cannot be read.
        RecipeError: it says something that cannot be done, with the line where it stands.
    """
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"{path} cannot be read ({error}). Give the path of a plan in YAML.") from error
    document = read_document(text, str(path), wanted="A plan is a mapping; begin with `wellkeeper: 1`.")
    problems = [(where, said) for where, said in document.problems]
    if not problems:
        try:
            return _Plan.model_validate(document.values).plain(path)
        except ValidationError as error:
            problems = [
                (tuple(detail["loc"]), _said(tuple(detail["loc"]), detail))
                for detail in error.errors(include_url=False)
            ]
    told = [f"{document.place(where)}: {said}".removeprefix(": ") for where, said in problems]
    raise RecipeError(f"{path}: " + " ".join(told))


class _Selection(BaseModel):
    """Which accepted texts are trained on."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)

    by: Rule = Field(
        description="random: the control; detector: what looks written by people; surprise: what the model that "
        "wrote it finds unlikely."
    )
    power: float | None = Field(
        default=None,
        description="Of the weights. Default: 10 of a detector, endless of surprise.",
        strict=False,
    )
    share: float = Field(default=0.5, gt=0, description="Texts drawn over texts there are.", strict=False)
    repeats: int = Field(default=1, ge=1, description="Times that one text is drawn at most.")
    detector: str | None = Field(
        default=None,
        description="FILE.py or FILE.py:object whose p_ai(texts) gives a probability for each text.",
    )

    @model_validator(mode="after")
    def _fits(self) -> Self:
        if (self.by == "detector") != (self.detector is not None):
            raise ValueError("by: detector and detector: FILE.py belong together; give both, or none")
        try:
            self.plain()
        except DataError as error:
            raise ValueError(str(error)) from error
        return self

    def plain(self) -> Selection:
        return Selection(by=self.by, power=self.power, share=self.share, repeats=self.repeats)


class _Plan(BaseModel):
    """Rounds of self-training."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)

    wellkeeper: Literal[1]
    name: str = Field(default="", max_length=200)
    student: dict[str, Any]
    human: str = Field(min_length=1)
    prompts: str = Field(min_length=1)
    held_out: str = Field(min_length=1)
    verifiers: str | None = None
    card: str | None = None
    rounds: int = Field(default=4, ge=1, le=250)
    prompts_a_round: int = Field(default=1000, ge=1)
    samples: int = Field(default=2, ge=1, le=1000)
    rare_samples: int | None = Field(default=None, ge=1, le=1000)
    temperature: float = Field(default=1.0, gt=0, le=10, allow_inf_nan=False, strict=False)
    human_core: int | None = Field(default=None, ge=0)
    synthetic_share: float = Field(default=0.75, gt=0, le=1, strict=False)
    keep: Keep = "replace"
    selection: _Selection | None = None
    evaluation_samples: int = Field(default=2, ge=1, le=1000)
    evaluation_temperature: float = Field(default=1.0, ge=0, le=10, allow_inf_nan=False, strict=False)
    rare: str = Field(default="rare", min_length=1)
    tail_kept: float = Field(default=TAIL_KEPT, gt=0, le=1, strict=False)
    rotate_after: int = Field(default=2, ge=1)
    on_harm: Then = "stop"
    on_refusal: Then = "stop"
    level: float = Field(default=LEVEL, gt=0, lt=1)
    seeds: list[int] = Field(default=[0], min_length=1)

    def plain(self, path: Path) -> Plan:
        values = self.model_dump(exclude={"wellkeeper", "seeds", "selection"})
        values["name"] = self.name or path.stem
        if self.selection is not None:
            values |= {"selection": self.selection.plain(), "detector": self.selection.detector}
        return Plan(**values, seeds=tuple(dict.fromkeys(self.seeds)), folder=path.parent)


def json_schema() -> dict[str, Any]:
    """JSON schema (draft 2020-12) of a plan, the same that the package carries as feedback-plan.schema.json."""
    schema = _Plan.model_json_schema()
    schema["title"] = "wellkeeper plan of feedback"
    for definition in schema["$defs"].values():
        definition.pop("title", None)
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **schema}


def _said(path: tuple[str | int, ...], detail: Mapping[str, Any]) -> str:
    name, kind = dotted_name(path), detail["type"]
    if kind == "extra_forbidden":
        fields = _Selection.model_fields if len(path) > 1 else _Plan.model_fields
        known = did_you_mean(str(path[-1]), fields)
        return f"{name} is no setting of a plan.{known} Remove it, or correct its name."
    if kind == "missing":
        return f"{name} is missing. Add it."
    said = str(detail["msg"]).removeprefix("Value error, ").rstrip(".")
    if kind == "value_error":
        return f"{name}: {said}."
    return f"{name} is {detail['input']!r}: {said.lower()}. Correct it."
