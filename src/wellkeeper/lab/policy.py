"""Policies of recursive training: what each generation's model is trained on, and how the one before it was sampled.

A policy is a plain value, and a line of text says it:

>>> Policy.parse("fresh=0.1,temperature=0.8")
Policy(keep='last', fixed=0.0, fresh=0.1, augment=0.0, growth=1.0, schedule=(), verifier=None, detector=None, \
surprising=None, decoding=Decoding(temperature=0.8, top_k=None, top_p=None, beams=1, repetition_penalty=1.0))

The words of that language, joined by commas:

    replace                  each training set is the last model's output            [1]; the default
    accumulate               outputs are added to all that came before               [2]
    subsample                as much as the first set, drawn from all that came before, the first set too [3]
    fixed=A                  a share A of each training set is the same human core   [1]
    fresh=A                  a share A of each training set is human text that no earlier one had [4]
    augment=L                all of the first set, and L times as much of the last model's output  [4]
    schedule=S:S:...         synthetic share of training sets 1, 2, ..., the last one for ever; the rest is fresh
    growth=G                 each training set is G times as large as the one before
    verify=PHI/PSI           output is kept with probability PHI if right, PSI if wrong [5]
    detect=AUROC[/POWER[/UPSAMPLE[/REPEATS]]]   data are redrawn by weight (1 - p(AI))**POWER [6]
    surprise=POWER[/SHARE]   a SHARE of the data is drawn by weight perplexity**POWER, that of the last model at each
                             unit; inf: the most surprising, 0: at random [7]
    temperature=T top-k=K top-p=P beams=B repetition-penalty=R   how models are sampled

[1] Shumailov et al., AI models collapse when trained on recursively generated data, Nature 631 (2024) 755.
[2] Gerstgrasser et al., Is model collapse inevitable?, arXiv 2404.01413.
[3] Kazdan et al., Collapse or thrive?, arXiv 2410.16713.
[4] Alemohammad et al., Self-consuming generative models go MAD, ICLR 2024: fresh data loop, synthetic augmentation.
[5] Feng et al., Beyond model collapse: scaling up with synthesized data requires verification, ICLR 2025.
[6] Drayson et al., Machine-generated text detection prevents language model collapse, EMNLP 2025.
[7] Gambetta et al., Learning by surprise, arXiv 2410.12341: `subsample,surprise=inf`; see `measure.selection`.
"""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, fields, replace
from typing import Any, Literal, TypeAlias

from wellkeeper.errors import RecipeError, did_you_mean
from wellkeeper.lab.ranges import check_range

Keep: TypeAlias = Literal["last", "all", "sample"]

_MOST_GROWN = 1e9
"""Size of a training set in those of the first: more than any run holds, and well within what numbers count."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Decoding:
    """How a model is sampled. Always stated: it moves results more than most policies do."""

    temperature: float = 1.0  # 0: always the likeliest
    top_k: int | None = None  # only the k likeliest
    top_p: float | None = None  # only the likeliest that together have this probability
    beams: int = 1  # 1: no beam search
    repetition_penalty: float = 1.0  # 1: none

    def __post_init__(self) -> None:
        check_range("temperature", self.temperature, 0, 100)
        if self.top_k is not None and self.top_k < 1:
            raise RecipeError(f"top-k is {self.top_k}. Give at least 1.")
        if self.top_p is not None:
            check_range("top-p", self.top_p, 0, 1, above=True)
        if self.beams < 1:
            raise RecipeError(f"beams is {self.beams}. Give at least 1.")
        check_range("repetition-penalty", self.repetition_penalty, 1, 100)

    @property
    def is_plain(self) -> bool:
        """Whether samples follow the model's own distribution."""
        return self == Decoding()

    def __str__(self) -> str:
        return ",".join(_changed(self, Decoding())) or "temperature=1"


@dataclass(frozen=True, slots=True, kw_only=True)
class Verifier:
    """Who looks at outputs before they are trained on."""

    right: float  # phi: probability that a right output is kept
    wrong: float  # psi: probability that a wrong one is

    def __post_init__(self) -> None:
        check_range("verify", self.right, 0, 1)
        check_range("verify", self.wrong, 0, 1)
        if self.right == self.wrong == 0:
            raise RecipeError(
                "A verifier of verify=0/0 keeps nothing. Give it a chance above 0 to keep an output."
            )

    def __str__(self) -> str:
        return "/".join(map(_short, (self.right, self.wrong)))


@dataclass(frozen=True, slots=True, kw_only=True)
class Detector:
    """Who guesses which of the data a model wrote; the defaults are those of Drayson et al."""

    auroc: float  # of telling synthetic data from human
    power: float = 10.0
    upsample: float = 1.5  # data redrawn, in sizes of what they are drawn from
    repeats: int = 3  # times that one item is drawn at most

    def __post_init__(self) -> None:
        check_range("detect", self.auroc, 0.5, 1)
        check_range("the power of detect", self.power, 0, 1000)
        check_range("the upsampling of detect", self.upsample, 0, 10, above=True)
        if self.repeats < self.upsample:
            raise RecipeError(
                f"detect draws {self.upsample:g} times its data, and each item at most {self.repeats} times. "
                "Allow more repeats, or upsample less."
            )

    def __str__(self) -> str:
        return "/".join(map(_short, (self.auroc, self.power, self.upsample, self.repeats)))


@dataclass(frozen=True, slots=True, kw_only=True)
class Surprising:
    """Data are drawn by how much they surprise the last model: below 0 those that surprise it least come first."""

    power: float
    share: float | None = None  # that is drawn, no unit twice; None: half, or what subsample says

    def __post_init__(self) -> None:
        check_range("surprise", self.power, -math.inf, math.inf)
        if self.share is not None:
            check_range("the share of surprise", self.share, 0, 1, above=True)

    def __str__(self) -> str:
        return "/".join(_short(value) for value in (self.power, self.share) if value is not None)


@dataclass(frozen=True, slots=True, kw_only=True)
class Parts:
    """What a training set is made of, in sizes of the first one."""

    core: float  # human, the same in each set
    fresh: float  # human, in no set before
    made: float  # output of the last model

    def items(self, size: int) -> tuple[int, int, int]:
        """Whole items of core, fresh and made, where the first set has `size`; none of what has no share."""
        core, human, whole = (
            round(share * size)
            for share in (self.core, self.core + self.fresh, self.core + self.fresh + self.made)
        )
        return core, human - core, whole - human


@dataclass(frozen=True, slots=True, kw_only=True)
class Policy:
    """What each generation after the first is trained on. Shares are of its training set, in [0, 1]."""

    keep: Keep = "last"
    fixed: float = 0.0
    fresh: float = 0.0
    augment: float = 0.0
    growth: float = 1.0
    schedule: tuple[float, ...] = ()
    verifier: Verifier | None = None
    detector: Detector | None = None
    surprising: Surprising | None = None
    decoding: Decoding = field(default_factory=Decoding)

    def __post_init__(self) -> None:
        check_range("fixed", self.fixed, 0, 1)
        check_range("fresh", self.fresh, 0, 1)
        check_range("augment", self.augment, 0, 1000)
        check_range("growth", self.growth, 0, 100, above=True)
        for share in self.schedule:
            check_range("schedule", share, 0, 1)
        if self.fixed + self.fresh > 1:
            raise RecipeError(
                f"fixed={self.fixed:g} and fresh={self.fresh:g} are more than the whole. Lower one of them."
            )
        human = [name for name in ("fixed", "fresh", "augment", "schedule") if getattr(self, name)]
        if self.keep != "last" and {"fixed", "augment"} & set(human):
            raise RecipeError(
                f"A policy that keeps all earlier data has the first set already, and so no {human[0]}. "
                "Leave one of the two out."
            )
        if self.keep == "sample" and self.detector is not None:
            raise RecipeError("subsample and detect both redraw the data. Leave one of them out.")
        if self.detector is not None and self.surprising is not None:
            raise RecipeError("detect and surprise both redraw the data. Leave one of them out.")
        if self.keep == "sample" and self.surprising is not None and self.surprising.share is not None:
            raise RecipeError(
                f"subsample says how much is drawn, and so does surprise={self.surprising}. Leave the share out."
            )
        if len(human) > 1 and human != ["fixed", "fresh"]:
            raise RecipeError(f"{human[0]} and {human[1]} contradict each other. Leave one of them out.")

    @property
    def weighs(self) -> bool:
        """Whether data are drawn by what a detector or a model thinks of them: no law is known of that."""
        return self.detector is not None or self.surprising is not None

    @classmethod
    def parse(cls, text: str) -> "Policy":
        """The policy that a line says.

        Raises:
            RecipeError: a word is not one of the language's, a value makes no sense, or words contradict each other.
        """
        found: dict[str, Any] = {}
        decoding: dict[str, Any] = {}
        said: dict[str, str] = {}
        for item in filter(None, (part.strip() for part in text.split(","))):
            word, _, value = item.partition("=")
            before = said.setdefault("replace" if word in _KEEPS else word, item)
            if before != item:
                raise RecipeError(
                    f"A policy has {before} and {item}, and can have one. Leave one of them out."
                )
            if word in _KEEPS and not value:
                found["keep"] = _KEEPS[word]
            elif word in _VALUES and value:
                found[_VALUES[word][0]] = _read(item, value, _VALUES[word][1])
            elif word in _DECODING and value:
                decoding[_DECODING[word][0]] = _read(item, value, _DECODING[word][1])
            else:
                words = [*_KEEPS, *(f"{known}=..." for known in (*_VALUES, *_DECODING))]
                raise RecipeError(
                    f"A policy has no {item!r}.{did_you_mean(word, [*_KEEPS, *_VALUES, *_DECODING])} "
                    f"Its words are {', '.join(words)}."
                )
        return cls(**found, decoding=Decoding(**decoding))

    def parts(self, number: int) -> Parts:
        """What training set `number` = 1, 2, ... is made of; beside all data before it, where the policy keeps those.

        The core stays as large as it was, so that its share changes where sets grow or shrink.

        Raises:
            RecipeError: the set has grown beyond a billion times the first one.
        """
        size = self._grown(number)
        core = 1.0 if self.augment else self.fixed
        share = 1 - self.schedule[min(number, len(self.schedule)) - 1] if self.schedule else self.fresh
        fresh = share * size
        made = self.augment * size if self.augment else max(size - core - fresh, 0.0)
        return Parts(core=core, fresh=fresh, made=made)

    def _grown(self, number: int) -> float:
        try:
            size = self.growth**number
        except OverflowError:
            size = math.inf
        if size > _MOST_GROWN:
            raise RecipeError(
                f"With growth={self.growth:g} training set {number} is more than a billion times the first one. "
                "Choose a growth nearer to 1, or fewer generations."
            )
        return size

    def __str__(self) -> str:
        plain = replace(self, keep="last", decoding=Decoding())
        words = [{kept: word for word, kept in _KEEPS.items()}[self.keep]] if self.keep != "last" else []
        words += _changed(plain, Policy())
        words += _changed(self.decoding, Decoding())
        human = self.fixed or self.fresh or self.augment or self.schedule
        return ",".join(words if human or self.keep != "last" else ["replace", *words])


def _read(item: str, value: str, reader: Callable[[str], Any]) -> Any:
    try:
        return reader(value)
    except ValueError as error:
        raise RecipeError(
            f"{item!r} has a value that cannot be read. Give numbers, such as {_EXAMPLE}."
        ) from error


def _schedule(value: str) -> tuple[float, ...]:
    return tuple(float(share) for share in value.split(":"))


def _verifier(value: str) -> Verifier:
    right, wrong = value.split("/")
    return Verifier(right=float(right), wrong=float(wrong))


def _detector(value: str) -> Detector:
    auroc, *rest = value.split("/")
    readers = (("power", float), ("upsample", float), ("repeats", int))
    if len(rest) > len(readers):
        raise ValueError(value)
    return Detector(
        auroc=float(auroc),
        **{name: reader(part) for (name, reader), part in zip(readers, rest, strict=False)},
    )


def _surprising(value: str) -> Surprising:
    power, *share = map(float, value.split("/"))
    if len(share) > 1:
        raise ValueError(value)
    return Surprising(power=power, share=share[0] if share else None)


_EXAMPLE = "fresh=0.1, schedule=0.1:0.3, verify=0.9/0.2, detect=0.9 or surprise=inf"
_KEEPS: Mapping[str, Keep] = {"replace": "last", "accumulate": "all", "subsample": "sample"}
_VALUES: Mapping[str, tuple[str, Callable[[str], Any]]] = {
    "fixed": ("fixed", float),
    "fresh": ("fresh", float),
    "augment": ("augment", float),
    "growth": ("growth", float),
    "schedule": ("schedule", _schedule),
    "verify": ("verifier", _verifier),
    "detect": ("detector", _detector),
    "surprise": ("surprising", _surprising),
}
_DECODING: Mapping[str, tuple[str, Callable[[str], Any]]] = {
    "temperature": ("temperature", float),
    "top-k": ("top_k", int),
    "top-p": ("top_p", float),
    "beams": ("beams", int),
    "repetition-penalty": ("repetition_penalty", float),
}


def _changed(value: Any, default: Any) -> list[str]:
    """The words for what differs from the default, in the order of the fields."""
    words = {name: word for table in (_VALUES, _DECODING) for word, (name, _) in table.items()}
    return [
        f"{words[entry.name]}={_said(getattr(value, entry.name))}"
        for entry in fields(value)
        if entry.name in words and getattr(value, entry.name) != getattr(default, entry.name)
    ]


def _said(value: Any) -> str:
    return ":".join(map(_short, value)) if isinstance(value, tuple) else _short(value)


def _short(value: Any) -> str:
    """A value as one would write it, and a number so that it is read as itself."""
    if not isinstance(value, float):
        return str(value)
    short = f"{value:g}"
    return short if float(short) == value else repr(value)
