"""The picture of the README: what five generations of copying do to the rare words of a source.

    python docs/make_picture.py              # the SVG, on stdout
    python docs/make_picture.py --figures    # the figures it is drawn from

The source has 20,000 types with Zipf's frequencies, p proportional to 1 / rank. A generation is 50,000
tokens. Generation 1 is a sample of the source, human text. In the row `copies of copies` every later
generation is drawn from the frequencies of the one before, as an ideal model that adds nothing of its own
would write it. In the row `a fifth is human` 10,000 of the 50,000 tokens are drawn anew from the source.
Tail: types of rank 2,001 and beyond, whose share of the source is 22 %. What is shown is the share of that
mass whose types a generation still has, mean of 20 runs. Random numbers are those of numpy's frozen
RandomState, so the picture is the same everywhere.
"""

import sys
from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

TYPES, TOKENS, GENERATIONS, RUNS = 20_000, 50_000, 5, 20
FRESH = 0.2
TAIL_FROM = 2_000  # ranks beyond this one are the tail
BANDS = ((0, 200), (200, 2_000), (2_000, 5_000), (5_000, 10_000), (10_000, 20_000))  # ranks [from, to)

SOURCE = 1 / np.arange(1, TYPES + 1)
SOURCE /= SOURCE.sum()

# Middle tones, with a contrast of 3 to 1 or more on white and on black: one file for light and dark pages.
INK, LINE, LOST, KEPT = "#6e7781", "#8b949e66", "#c2641a", "#2f7fc1"


def generations(fresh: float, run: int) -> Iterator[NDArray[np.int64]]:
    """Counts of each type, shape (types,), generation by generation."""
    random = np.random.RandomState(run)  # its stream is frozen
    counts = random.multinomial(TOKENS, SOURCE)
    yield counts
    human = round(fresh * TOKENS)
    for _ in range(GENERATIONS - 1):
        copied = random.multinomial(TOKENS - human, counts / TOKENS)
        counts = copied + random.multinomial(human, SOURCE)
        yield counts


def kept(fresh: float) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Types kept in each band, shape (generations, bands), and tail mass, shape (generations,), as shares."""
    bands = np.zeros((GENERATIONS, len(BANDS)))
    tail = np.zeros(GENERATIONS)
    for run in range(RUNS):
        for number, counts in enumerate(generations(fresh, run)):
            alive = counts > 0
            bands[number] += [alive[low:high].mean() for low, high in BANDS]
            tail[number] += SOURCE[TAIL_FROM:][alive[TAIL_FROM:]].sum() / SOURCE[TAIL_FROM:].sum()
    return bands / RUNS, tail / RUNS


# --- drawing -----------------------------------------------------------------------------------------------

WIDTH, HEIGHT = 840, 372
LEFT, PANEL, GAP = 12, 88, 10
ROWS = ((66, "copies of copies", LOST), (206, "a fifth is human", KEPT))
BAR_HEIGHT = 84
HIGHEST = 0.6  # share at the top of the curves' axis


def text(
    x: float,
    y: float,
    words: str,
    *,
    anchor: str = "start",
    colour: str = INK,
    size: int = 12,
    bold: bool = False,
) -> str:
    weight = ' font-weight="600"' if bold else ""
    style = f'text-anchor="{anchor}" fill="{colour}" font-size="{size}"{weight}'
    return f'<text x="{x:g}" y="{y:g}" {style}>{words}</text>'


def line(x1: float, y1: float, x2: float, y2: float, colour: str = LINE) -> str:
    return f'<line x1="{x1:g}" y1="{y1:g}" x2="{x2:g}" y2="{y2:g}" stroke="{colour}"/>'


def histograms(top: int, title: str, colour: str, bands: NDArray[np.float64]) -> Iterator[str]:
    """One panel a generation: bars from common types, left, to rare ones, right."""
    yield text(LEFT, top - 14, title, colour=colour, size=14, bold=True)
    step = (PANEL - 8) / len(BANDS)
    for generation, shares in enumerate(bands):
        left = LEFT + generation * (PANEL + GAP)
        base = top + BAR_HEIGHT
        yield line(left, base + 0.5, left + PANEL, base + 0.5)
        for number, share in enumerate(shares):
            x, height = left + 4 + number * step, BAR_HEIGHT * share
            place = f'<rect x="{x:.1f}" width="{step - 3:.1f}"'
            yield f'{place} y="{top}" height="{BAR_HEIGHT}" fill="{LINE}" opacity="0.35"/>'
            yield f'{place} y="{base - height:.1f}" height="{height:.1f}" fill="{colour}"/>'


def curves(tails: dict[str, tuple[str, NDArray[np.float64]]]) -> Iterator[str]:
    """The tail's mass that is kept, by generation."""
    left, right, top, base = 552, 800, 66, 290
    yield text(left - 24, 52, "tail mass still there", size=14, bold=True)
    for share in (0, 0.2, 0.4, 0.6):
        y = base - (base - top) * share / HIGHEST
        yield line(left, y, right, y)
        yield text(left - 6, y + 4, f"{share:.0%}", anchor="end", size=11)
    for name, (colour, values) in tails.items():
        points = [
            (left + (right - left) * k / (GENERATIONS - 1), base - (base - top) * value / HIGHEST)
            for k, value in enumerate(values)
        ]
        path = " ".join(f"{x:.1f},{y:.1f}" for x, y in points)
        yield f'<polyline points="{path}" fill="none" stroke="{colour}" stroke-width="2.5"/>'
        yield "".join(f'<circle cx="{x:.1f}" cy="{y:.1f}" r="3.5" fill="{colour}"/>' for x, y in points)
        x, y = points[-1]
        below = name.startswith("copies")
        yield text(
            x + 4,
            y + (22 if below else -18),
            f"{name}: {values[-1]:.0%}",
            anchor="end",
            colour=colour,
            size=13,
            bold=True,
        )
    for generation in range(GENERATIONS):
        x = left + (right - left) * generation / (GENERATIONS - 1)
        yield text(x, base + 20, str(generation + 1), anchor="middle", size=11)
    yield text((left + right) / 2, base + 38, "generation", anchor="middle", size=11)


def svg(
    lost: tuple[NDArray[np.float64], NDArray[np.float64]],
    held: tuple[NDArray[np.float64], NDArray[np.float64]],
) -> str:
    title = "Rare words over five generations"
    told = (
        f"A Zipf source copied five times. When every generation learns from the one before, {lost[1][-1]:.0%} "
        f"of the tail's mass is left; when a fifth of each generation is fresh human text, {held[1][-1]:.0%} is."
    )
    parts = [
        (
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" role="img" '
            'aria-labelledby="t d" font-family="system-ui, sans-serif">'
        ),
        f'<title id="t">{title}</title><desc id="d">{told}</desc>',
        text(LEFT, 24, "share of word types still there, from common (left) to rare (right)", size=12),
    ]
    for (top, name, colour), (bands, _) in zip(ROWS, (lost, held), strict=True):
        parts += histograms(top, name, colour, bands)
    for generation in range(GENERATIONS):
        x = LEFT + generation * (PANEL + GAP) + PANEL / 2
        parts.append(text(x, 310, f"generation {generation + 1}", anchor="middle", size=11))
    parts += curves(
        {name: (colour, tail) for (_, name, colour), (_, tail) in zip(ROWS, (lost, held), strict=True)}
    )
    note = (
        f"{TYPES:,} types, {TOKENS:,} tokens a generation, tail: types beyond rank {TAIL_FROM:,}; "
        f"mean of {RUNS} runs, computed by docs/make_picture.py"
    )
    parts.append(text(LEFT, 352, note, size=11))
    return "\n".join([*parts, "</svg>"]) + "\n"


def main() -> None:
    lost, held = kept(0.0), kept(FRESH)
    if "--figures" in sys.argv:
        for (_, name, _), (_, tail) in zip(ROWS, (lost, held), strict=True):
            print(f"{name:18}", *(f"{share:6.1%}" for share in tail))
    else:
        sys.stdout.write(svg(lost, held))


if __name__ == "__main__":
    main()
