"""The strokes of pictures: SVG elements as text, every word of a stranger escaped.

Lengths are CSS pixels at the width of the frame; `style` names classes of style.css.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from markupsafe import Markup, escape

WIDE, COMPACT = 820, 340
"""Widths of the two layouts, in CSS pixels."""

LETTER = 0.64  # width of a letter in a wide bold sans-serif face, in font sizes


@dataclass(frozen=True, slots=True)
class Frame:
    """What every picture needs: a unique id, its words, its width."""

    identity: str
    title: str
    description: str
    width: int

    @property
    def is_compact(self) -> bool:
        return self.width <= COMPACT


def picture(frame: Frame, height: int, body: Sequence[str]) -> Markup:
    """The whole `<svg>`: its title, its description, and the elements of `body`."""
    name = frame.identity
    size = "compact" if frame.is_compact else "wide"
    opening = (
        f'<svg class="chart {size}" viewBox="0 0 {frame.width} {height}" role="img" '
        f'aria-labelledby="{name}-title {name}-desc">'
    )
    told = (
        f'<title id="{name}-title">{escape(frame.title)}</title>'
        f'<desc id="{name}-desc">{escape(frame.description)}</desc>'
    )
    return Markup(opening + told + "".join(body) + "</svg>")  # noqa: S704 - every text went through escape


def text(x: float, y: float, words: str, style: str, anchor: str = "") -> str:
    where = f' text-anchor="{anchor}"' if anchor else ""
    return f'<text class="{style}" x="{rounded(x)}" y="{rounded(y)}"{where}>{escape(words)}</text>'


def path(style: str, pieces: Sequence[str]) -> str:
    """Many equal shapes as one element: a tenth of the bytes."""
    return f'<path class="{style}" d="{"".join(pieces)}"/>' if pieces else ""


def line(x1: float, y1: float, x2: float, y2: float, style: str) -> str:
    ends = f'x1="{rounded(x1)}" y1="{rounded(y1)}" x2="{rounded(x2)}" y2="{rounded(y2)}"'
    return f'<line class="{style}" {ends}/>'


def box(x: float, y: float, width: float, height: float, style: str) -> str:
    if width <= 0 or height <= 0:
        return ""
    size = f'width="{rounded(width)}" height="{rounded(height)}"'
    return f'<rect class="{style}" x="{rounded(x)}" y="{rounded(y)}" {size}/>'


def mark(x: float, y: float, style: str) -> str:
    """A filled dot where `style` is `own`, else an open diamond."""
    if style == "own":
        return f'<circle class="own" cx="{rounded(x)}" cy="{rounded(y)}" r="5.5"/>'
    points = " ".join(f"{rounded(x + dx)},{rounded(y + dy)}" for dx, dy in ((0, -6), (6, 0), (0, 6), (-6, 0)))
    return f'<polygon class="base" points="{points}"/>'


def dots(style: str, places: Sequence[tuple[float, float]], size: float) -> str:
    """Many filled circles of one radius as one element: strokes of no length whose ends are round."""
    if not places:
        return ""
    strokes = "".join(f"M{rounded(x)} {rounded(y)}h0" for x, y in places)
    return f'<path class="dots {style}" stroke-width="{rounded(2 * size)}" d="{strokes}"/>'


def disc(x: float, y: float, size: float) -> str:
    """A circle as a piece of a path."""
    arc = f"a{rounded(size)} {rounded(size)} 0 1 0"
    return f"M{rounded(x - size)} {rounded(y)}{arc} {rounded(2 * size)} 0{arc} {rounded(-2 * size)} 0z"


def rounded(value: float) -> str:
    return f"{value:.1f}".removesuffix(".0")


def unit(share: float) -> float:
    return min(1.0, max(0.0, share))


def cut(words: str, letters: int) -> str:
    """At most so many letters; an ellipsis says that there were more."""
    return words if len(words) <= letters else words[: max(1, letters - 1)].rstrip() + "\u2026"


def wrap(words: str, letters: int, lines: int) -> list[str]:
    """At most `lines` lines of at most `letters` letters, broken at spaces."""
    found = [""]
    for word in words.split():
        if found[-1] and len(found[-1]) + 1 + len(word) > letters and len(found) < lines:
            found.append(word)
        else:
            found[-1] = f"{found[-1]} {word}".strip()
    return [cut(line, letters) for line in found]
