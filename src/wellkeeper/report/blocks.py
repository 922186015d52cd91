"""What a page is made of: a few plain blocks, each drawn by the macro of its name in `blocks.html.j2`.

Strings in blocks are plain text with hidden characters already written out; the templates escape them.
Shares are in [0, 1].
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import ClassVar, TypeAlias, TypeVar

from markupsafe import Markup

from wellkeeper.report.numbers import THIN

Row = TypeVar("Row")


@dataclass(frozen=True, slots=True)
class Prose:
    """A paragraph. `tone`: body, note (small), or empty (a section that has no data)."""

    kind: ClassVar[str] = "prose"
    text: str
    tone: str = "body"


@dataclass(frozen=True, slots=True)
class Heading:
    """A heading inside a section."""

    kind: ClassVar[str] = "heading"
    text: str


@dataclass(frozen=True, slots=True)
class Part:
    label: str
    share: float
    text: str
    colour: str  # a class of style.css


@dataclass(frozen=True, slots=True)
class Stack:
    """One bar divided into parts, with its legend."""

    kind: ClassVar[str] = "stack"
    label: str
    parts: Sequence[Part]


@dataclass(frozen=True, slots=True)
class Bar:
    label: str
    share: float  # length of the bar
    text: str
    note: str = ""


@dataclass(frozen=True, slots=True)
class Bars:
    """Horizontal bars with their figures written out."""

    kind: ClassVar[str] = "bars"
    label: str
    rows: Sequence[Bar]


@dataclass(frozen=True, slots=True)
class Range:
    """An interval on a track from 0 to 1; no estimate draws the bounds alone."""

    label: str
    low: float
    high: float
    estimate: float | None
    text: str
    note: str = ""


@dataclass(frozen=True, slots=True)
class Ranges:
    """Intervals: one wide (`large`), or many as small multiples."""

    kind: ClassVar[str] = "ranges"
    label: str
    rows: Sequence[Range]
    large: bool = False


@dataclass(frozen=True, slots=True)
class Link:
    """Words that lead somewhere; an `address` is made by us, never by a document."""

    text: str
    address: str
    is_current: bool = False


@dataclass(frozen=True, slots=True)
class Table:
    """`numeric`: indices of columns set right. `summary`: folded under these words."""

    kind: ClassVar[str] = "table"
    caption: str
    head: Sequence[str]
    rows: Sequence[Sequence[str | Link]]
    numeric: frozenset[int] = frozenset()
    summary: str = ""


@dataclass(frozen=True, slots=True)
class Key:
    """A legend entry of a figure: a swatch class of style.css and its words."""

    swatch: str
    label: str


@dataclass(frozen=True, slots=True)
class Picture:
    """An SVG in a wide and a compact layout (one is shown), with its data table folded beneath."""

    kind: ClassVar[str] = "picture"
    caption: str
    wide: Markup
    compact: Markup
    data: Table
    keys: Sequence[Key] = ()


@dataclass(frozen=True, slots=True)
class Card:
    """A finding."""

    code: str
    severity: str
    title: str
    detail: str
    next: str


@dataclass(frozen=True, slots=True)
class Cards:
    kind: ClassVar[str] = "cards"
    rows: Sequence[Card]


@dataclass(frozen=True, slots=True)
class Quote:
    """A trace in its context."""

    title: str
    strength: str
    where: str
    before: str
    match: str
    after: str


@dataclass(frozen=True, slots=True)
class Quotes:
    kind: ClassVar[str] = "quotes"
    rows: Sequence[Quote]


@dataclass(frozen=True, slots=True)
class Copy:
    """A removed document; `text` is marked up against its survivor, or a sentence if it is the same."""

    where: str
    note: str
    text: Markup


@dataclass(frozen=True, slots=True)
class Cluster:
    title: str
    survivor: str
    excerpt: str
    copies: Sequence[Copy]
    more: str = ""


@dataclass(frozen=True, slots=True)
class Clusters:
    kind: ClassVar[str] = "clusters"
    rows: Sequence[Cluster]


@dataclass(frozen=True, slots=True)
class Strip:
    """Texts side by side, each under its title; `is_drawing`: pictures made of letters."""

    kind: ClassVar[str] = "strip"
    label: str
    rows: Sequence[tuple[str, str]]
    is_drawing: bool = False


@dataclass(frozen=True, slots=True)
class Thumb:
    """A small picture and what is said of it; `source` is a data address, empty where there is no picture."""

    source: str
    title: str
    lines: Sequence[str]


@dataclass(frozen=True, slots=True)
class Gallery:
    """Small pictures side by side; `title` stands above them."""

    kind: ClassVar[str] = "gallery"
    label: str
    rows: Sequence[Thumb]
    title: str = ""


@dataclass(frozen=True, slots=True)
class Panel:
    """A small picture under its name; `text` is what it shows, in words."""

    title: str
    picture: Markup
    text: str
    is_bad: bool = False


@dataclass(frozen=True, slots=True)
class Panels:
    """Small multiples."""

    kind: ClassVar[str] = "panels"
    label: str
    rows: Sequence[Panel]


@dataclass(frozen=True, slots=True)
class Step:
    """One place of a trail: its number, where it leads, what is there; `tone` is a class of style.css."""

    number: int
    address: str
    words: str
    tone: str = ""


@dataclass(frozen=True, slots=True)
class Trail:
    """Numbered places to walk along, by links or by arrow keys."""

    kind: ClassVar[str] = "trail"
    label: str
    rows: Sequence[Step]


@dataclass(frozen=True, slots=True)
class Choices:
    """Links of which one holds, as filters and pages are."""

    kind: ClassVar[str] = "choices"
    label: str
    rows: Sequence[Link]


@dataclass(frozen=True, slots=True)
class Answer:
    """One answer of a model; `whole` where `text` is an excerpt of it."""

    text: str
    note: str
    whole: str = ""


@dataclass(frozen=True, slots=True)
class Pair:
    """What two versions answered to one item; `tone` is a class of style.css."""

    title: str
    note: str
    tone: str
    change: str
    prompt: Answer
    wanted: str
    before: Sequence[Answer]
    after: Sequence[Answer]


@dataclass(frozen=True, slots=True)
class Pairs:
    """Paired answers, under the names of the two versions."""

    kind: ClassVar[str] = "pairs"
    before: str
    after: str
    rows: Sequence[Pair]


@dataclass(frozen=True, slots=True)
class Code:
    kind: ClassVar[str] = "code"
    label: str
    text: str


@dataclass(frozen=True, slots=True)
class Facts:
    """Names and values, such as versions."""

    kind: ClassVar[str] = "facts"
    rows: Sequence[tuple[str, str]]


Block: TypeAlias = (
    Prose
    | Heading
    | Stack
    | Bars
    | Ranges
    | Table
    | Picture
    | Cards
    | Quotes
    | Clusters
    | Strip
    | Gallery
    | Panels
    | Trail
    | Choices
    | Pairs
    | Code
    | Facts
)


@dataclass(frozen=True, slots=True)
class Section:
    """A part of the page under one second-level heading; `identity` is its anchor."""

    identity: str
    title: str
    blocks: Sequence[Block] = field(default_factory=tuple)


def none(text: str) -> Prose:
    """The sentence of a section that has no data."""
    return Prose(text, "empty")


def first(rows: Sequence[Row], limit: int, noun: str) -> tuple[Sequence[Row], list[Prose]]:
    """The first `limit` rows, and a sentence that says how many were left off, if any were."""
    left = len(rows) - limit
    if left <= 0:
        return rows, []
    said = f"{THIN.of(left, 'more ' + noun)} left off here; the JSON document beside this page has all."
    return rows[:limit], [Prose(said, "note")]
