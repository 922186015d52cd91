"""What a watch is to do: `watch.yaml`, which people write and read.

No secret is in it: keys and the webhook's address are named by the environment variables that hold them.
"""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Literal, get_args

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from wellkeeper.engine.store import write_atomic
from wellkeeper.engine.yaml_document import dotted_name, read_document
from wellkeeper.errors import InputError, RecipeError, did_you_mean
from wellkeeper.measure.sequential import LEAST_STORED, WEEKS
from wellkeeper.watch.timeline import Design

FILE = "watch.yaml"
VERSION = 1
LEVEL = 0.05
MARGIN = 0.02
EVERY = 7
"""Days between two full suites, unless the fingerprint changes."""

ModelDesign = Literal["stored", "paired", "fresh"]
Options = Mapping[str, Any]
"""How a model is reached, as the samplers of `wellkeeper.recipe.samplers` take it; no secret is among them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class JudgeConfig:
    """A judge, and the answers that people have labelled."""

    model: Options
    anchors: str  # path of JSON lines, relative to the watch's folder


@dataclass(frozen=True, slots=True, kw_only=True)
class WatchConfig:
    """All settings of a watch."""

    name: str
    design: Design
    suite: str = ""  # path, relative to the watch's folder; "": a corpus is watched
    model: Options = field(default_factory=dict)  # the watched version
    reference: Options | None = None  # the version that weeks are held against; None: recorded from `model`
    reference_name: str = "reference"
    samples: int = 1  # answers to each item a week
    stored: int = LEAST_STORED  # times that the reference answered each item so, of the design `stored`
    items_a_week: int | None = None  # None: all; of the design `fresh` it is given
    temperature: float | None = None  # None: the suite's
    margin: float = MARGIN  # loss that does not matter, of the design `stored`; in [0, 1)
    level: float = LEVEL  # share of drift-free years that raise an alarm, at most
    horizon: int = WEEKS  # weeks for which that is stated
    every: int = EVERY  # days between two full suites
    slices: tuple[str, ...] | None = None  # names of slices that are shown; None: all of the suite's
    fingerprint: bool = True  # whether first tokens are looked at between suites
    judge: JudgeConfig | None = None
    webhook: str | None = None  # environment variable with the address that alarms are posted to
    corpus: Options | None = None  # paths and columns of a corpus that is watched

    def __post_init__(self) -> None:
        if self.design == "stored" and self.stored < LEAST_STORED:
            held = "1 stored answer" if self.stored == 1 else f"{self.stored} stored answers"
            raise RecipeError(
                f"{held} of the reference to each item cannot be watched against: the luck of so few is taken for "
                "the reference's quality every week, and raises an alarm in up to one year of three without a "
                f"change. Store {LEAST_STORED} or more (--stored {LEAST_STORED}), ask the reference again every week "
                "(--design paired), or ask new items every week (--design fresh)."
            )
        if self.design in {"paired", "fresh"} and self.reference is None:
            raise RecipeError(
                f"The design {self.design} asks a reference beside the watched version every week, and none is "
                "given. Give it by --reference-endpoint and --reference-model, or the like."
            )
        if self.design == "fresh" and self.items_a_week is None:
            raise RecipeError(
                "The design fresh uses each item in one week only. Say how many a week takes: --items-a-week 100."
            )


def read_config(folder: Path) -> WatchConfig:
    """The settings of the watch in a folder.

    Raises:
        InputError: there is no watch.
        RecipeError: `watch.yaml` says something that cannot be done, with the line where it stands.
    """
    path = folder / FILE
    try:
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError as error:
        raise InputError(
            f"{folder} holds no {FILE}. Begin a watch there: wellkeeper watch init {folder} SUITE ..."
        ) from error
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"{path} cannot be read ({error}). Give the folder of a watch.") from error
    document = read_document(text, str(path), wanted="A watch is a mapping; begin with `wellkeeper: 1`.")
    problems = [f"{document.place(where)}: {said}" for where, said in document.problems]
    if not problems:
        try:
            return _Config.model_validate(document.values).plain()
        except ValidationError as error:
            problems = [
                f"{document.place(tuple(detail['loc']))}: {_said(tuple(detail['loc']), detail)}"
                for detail in error.errors(include_url=False)
            ]
    raise RecipeError(f"{path}: " + " ".join(problem.removeprefix(": ") for problem in problems))


def write_config(config: WatchConfig, folder: Path) -> None:
    """Write `watch.yaml`; what is as by default is left out."""
    told: dict[str, Any] = {"wellkeeper": VERSION, "name": config.name, "design": config.design}
    usual = asdict(WatchConfig(name=config.name, design="stored"))
    for name, value in asdict(config).items():
        if name not in told and value != usual[name]:
            told[name] = list(value) if isinstance(value, tuple) else value
    write_atomic(folder / FILE, _yaml(told).encode())


def _yaml(told: Mapping[str, Any]) -> str:
    """Mappings in YAML's block form; all else as JSON, which YAML is a superset of."""
    lines = []
    for name, value in told.items():
        if isinstance(value, Mapping) and value:
            lines.append(f"{name}:")
            lines += [f"  {line}" for line in _yaml(value).splitlines()]
        else:
            lines.append(f"{name}: {json.dumps(value, ensure_ascii=False)}")
    return "\n".join(lines) + "\n"


# --- the file's schema ---------------------------------------------------------------------------------------------


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)


class _Judge(_Part):
    model: dict[str, Any]
    anchors: str = Field(min_length=1)


class _Config(_Part):
    wellkeeper: Literal[1]
    name: str = Field(min_length=1, max_length=200)
    design: Design
    suite: str = ""
    model: dict[str, Any] = Field(default_factory=dict)
    reference: dict[str, Any] | None = None
    reference_name: str = "reference"
    samples: int = Field(default=1, ge=1, le=1000)
    stored: int = Field(default=LEAST_STORED, ge=1, le=1000)
    items_a_week: int | None = Field(default=None, ge=1)
    temperature: float | None = Field(default=None, ge=0, le=10, allow_inf_nan=False, strict=False)
    margin: float = Field(default=MARGIN, ge=0, lt=1)
    level: float = Field(default=LEVEL, gt=0, lt=1)
    horizon: int = Field(default=WEEKS, ge=1, le=1000)
    every: int = Field(default=EVERY, ge=1, le=366)
    slices: list[str] | None = None
    fingerprint: bool = True
    judge: _Judge | None = None
    webhook: str | None = Field(default=None, pattern=r"^[A-Za-z_][A-Za-z0-9_]*$")
    corpus: dict[str, Any] | None = None

    def plain(self) -> WatchConfig:
        values = self.model_dump(exclude={"wellkeeper", "judge", "slices"})
        judge = self.judge
        return WatchConfig(
            **values,
            slices=None if self.slices is None else tuple(self.slices),
            judge=None if judge is None else JudgeConfig(model=judge.model, anchors=judge.anchors),
        )


def _said(path: tuple[str | int, ...], detail: Mapping[str, Any]) -> str:
    name, kind = dotted_name(path), detail["type"]
    if kind == "extra_forbidden":
        known = [*_Config.model_fields, *(f"judge.{field}" for field in _Judge.model_fields)]
        return f"{name} is no setting of a watch.{did_you_mean(name, known)} Remove it, or correct its name."
    if kind == "missing":
        return f"{name} is missing. Add it."
    if path == ("webhook",):
        return (
            "webhook is no name of an environment variable. Put the address into one and give its name here."
        )
    if path == ("design",):
        return f"design is {detail['input']!r}. Give one of: {', '.join(get_args(Design))}."
    return f"{name} is {detail['input']!r}: {str(detail['msg']).lower()}. Correct it."
