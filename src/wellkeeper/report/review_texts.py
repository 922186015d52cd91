"""Texts that are reviewed: cut where they are long, marked where evidence was seen, compared where there are two.

Offsets are characters of the text as it is; what hides in a text is written out only when a stretch is drawn, and of no
more than is shown. Two texts are compared by words. Stretches of three words that stand once in each text are found
first and kept in order, then single words between them, so that the time grows with the length [1]; what is left
between is compared word by word up to a number of differences [2].

[1] Patience diff, B. Cohen: longest increasing sequence of what is unique on both sides.
[2] Myers, An O(ND) difference algorithm and its variations, Algorithmica 1 (1986) 251-266.
"""

import itertools
import re
from bisect import bisect_left
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache

from markupsafe import Markup

from wellkeeper.report.html import mark_escapes
from wellkeeper.report.visible import visible

SHOWN = 20_000
"""Characters of a text that are shown at once."""

_COMPARED = 200_000  # characters of each text, the most that are compared
_STEPS = 400_000  # of comparing; more are not taken
_DIFFERENCES = 200  # words between two stretches that both have; beyond, none is looked for there
_RUN = 3  # words: a shorter stretch between two longer differences is chance
_HALF = 0.5
# Words; letters of scripts that write none apart; marks. Hiragana to Katakana, Han, its compatibility letters.
_WORD = re.compile(
    r"[\u3040-\u30ff\u3400-\u9fff\uf900-\ufaff]|[^\W\u3040-\u30ff\u3400-\u9fff\uf900-\ufaff]+|[^\w\s]+"
)


@dataclass(frozen=True, slots=True)
class Span:
    """A stretch of a text that is set apart."""

    start: int  # character
    end: int  # one past the last
    style: str  # class of the element
    number: int = 0  # written behind it; 0: none


@dataclass(frozen=True, slots=True, kw_only=True)
class Compared:
    """What two texts share: for each of them the stretches to mark, and what the marks mean."""

    first: tuple[Span, ...]
    second: tuple[Span, ...]
    says: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Stretch:
    """A part of a text, drawn."""

    drawn: Markup
    start: int
    end: int
    whole: int  # characters of the text


def stretch(text: str, spans: Sequence[Span] = (), *, start: int = 0) -> Stretch:
    """At most `SHOWN` characters of a text from `start` on, to the end of a line or a word where one is near."""
    start = min(max(0, start), len(text))
    end = _end_of(text, start)
    return Stretch(drawn=_drawn(text, spans, start, end), start=start, end=end, whole=len(text))


def _end_of(text: str, start: int) -> int:
    end = start + SHOWN
    if end >= len(text):
        return len(text)
    for sign in ("\n", " "):
        found = text.rfind(sign, end - SHOWN // 10, end)
        if found >= 0:
            return found + 1
    return end


def _drawn(text: str, spans: Sequence[Span], start: int, end: int) -> Markup:
    """A stretch as HTML: escaped, hidden characters written out, spans as `<mark>`, which may overlap."""
    seen = [
        Span(max(span.start, start), min(span.end, end), span.style, span.number if span.end <= end else 0)
        for span in spans
        if span.start < end and span.end > start and span.start < span.end
    ]
    opening, closing = sorted(seen, key=lambda span: span.start), sorted(seen, key=lambda span: span.end)
    cuts = sorted({start, end, *(span.start for span in seen), *(span.end for span in seen)})
    out: list[str] = []
    styles: Counter[str] = Counter()
    opened = closed = 0
    for a, b in itertools.pairwise(cuts):
        while closed < len(closing) and closing[closed].end <= a:
            styles[closing[closed].style] -= 1
            closed += 1
        while opened < len(opening) and opening[opened].start <= a:
            styles[opening[opened].style] += 1
            opened += 1
        piece = mark_escapes(visible(_whole_breaks(text[a:b])))
        active = " ".join(sorted(style for style, times in styles.items() if times > 0))
        out.append(f'<mark class="{active}">{piece}</mark>' if active else piece)
        ends = closed
        while ends < len(closing) and closing[ends].end <= b:
            if closing[ends].number:
                out.append(f"<sup>{closing[ends].number}</sup>")
            ends += 1
    return Markup("".join(out))  # noqa: S704 - every piece was escaped


def _whole_breaks(piece: str) -> str:
    r"""Without half of a `\r\n` that a span cut in two."""
    return piece if piece.endswith("\r\r") else piece.removesuffix("\r")


def compared(first: str, second: str) -> Compared:
    """Compare two texts by their words; white space makes no difference.

    What is rarer is marked: what stands in one text alone, or, where the texts share less than half, what both have.
    """
    if first == second:
        return _nothing("The two texts are the same, letter for letter.")
    if max(len(first), len(second)) > _COMPARED:
        return _nothing("The texts are too long to be compared here: nothing is marked.")
    return _compared(first, second)


@lru_cache(maxsize=16)
def _compared(first: str, second: str) -> Compared:
    ours, theirs = _words(first), _words(second)
    shared = _shared([first[a:b] for a, b in ours], [second[a:b] for a, b in theirs])
    if shared is None:
        return _nothing("The texts differ in too many places to be compared here: nothing is marked.")
    same = sum(length for _, _, length in shared)
    if same == len(ours) == len(theirs):
        return _nothing("The two texts have the same words; white space alone differs.")
    if not same:
        return _nothing("No stretch of words was found in both texts.")
    runs = [[(i, i + n) for i, _, n in shared], [(j, j + n) for _, j, n in shared]]
    if 2 * same / (len(ours) + len(theirs)) < _HALF:
        style, says = "shared", "Marked: what both texts have."
    else:
        style, says = "differs", "Marked: what stands in one text alone."
        runs = [_between(runs[0], len(ours)), _between(runs[1], len(theirs))]
    marks = [
        tuple(Span(words[a][0], words[b - 1][1], style) for a, b in found)
        for words, found in zip((ours, theirs), runs, strict=True)
    ]
    return Compared(first=marks[0], second=marks[1], says=says)


def _nothing(says: str) -> Compared:
    return Compared(first=(), second=(), says=says)


def _words(text: str) -> list[tuple[int, int]]:
    return [found.span() for found in _WORD.finditer(text)]


def _between(runs: Iterable[tuple[int, int]], length: int) -> list[tuple[int, int]]:
    """The stretches that runs leave out."""
    at, found = 0, []
    for start, end in [*runs, (length, length)]:
        if start > at:
            found.append((at, start))
        at = end
    return found


Run = tuple[int, int, int]  # where it begins in the first, in the second, and how many words it has


def _shared(ours: Sequence[str], theirs: Sequence[str]) -> list[Run] | None:
    """Runs of equal words in the order of both; None: it would take too long."""
    steps = _STEPS
    found: list[Run] = []
    waiting = [(0, len(ours), 0, len(theirs))]
    while waiting:
        a, b, c, d = waiting.pop()
        begin = a
        while a < b and c < d and ours[a] == theirs[c]:
            a, c = a + 1, c + 1
        found.append((begin, c - (a - begin), a - begin))
        end = b
        while b > a and d > c and ours[b - 1] == theirs[d - 1]:
            b, d = b - 1, d - 1
        found.append((b, d, end - b))
        if a == b or c == d:
            continue
        steps -= b - a + d - c
        anchors = _anchors(ours, theirs, (a, b, c, d))
        if not anchors:
            runs, taken = _fewest(ours[a:b], theirs[c:d])
            steps -= taken
            found += [(a + i, c + j, n) for i, j, n in runs]
        else:
            edges = [(a, c), *anchors, (b, d)]
            # a gap begins at its anchor, which is its common beginning
            waiting += [(i, k, j, m) for (i, j), (k, m) in itertools.pairwise(edges)]
        if steps < 0:
            return None
    return _cleaned(_joined(sorted(run for run in found if run[2])), len(ours), len(theirs))


def _anchors(
    ours: Sequence[str], theirs: Sequence[str], within: tuple[int, int, int, int]
) -> list[tuple[int, int]]:
    """Places of stretches that stand once on each side, as many as are in one order: of three words, or else of one."""
    a, b, c, d = within
    for size in (_RUN, 1):
        left, right = _once(ours, a, b, size), _once(theirs, c, d, size)
        pairs = [(i, right[key]) for key, i in left.items() if key in right]
        if pairs:
            return _rising(pairs)
    return []


def _once(words: Sequence[str], start: int, end: int, size: int) -> dict[tuple[str, ...], int]:
    """Stretches of `size` words that stand once -> where, in order."""
    keys = [tuple(words[at : at + size]) for at in range(start, end - size + 1)]
    times = Counter(keys)
    return {key: start + at for at, key in enumerate(keys) if times[key] == 1}


def _rising(pairs: Sequence[tuple[int, int]]) -> list[tuple[int, int]]:
    """The longest subsequence of pairs, sorted by the first number, in which the second one rises too."""
    tails: list[int] = []
    places: list[int] = []
    before: list[int] = []
    for place, (_, value) in enumerate(pairs):
        at = bisect_left(tails, value)
        before.append(places[at - 1] if at else -1)
        tails[at : at + 1] = [value]
        places[at : at + 1] = [place]
    found, place = [], places[-1] if places else -1
    while place >= 0:
        found.append(pairs[place])
        place = before[place]
    return found[::-1]


def _fewest(ours: Sequence[str], theirs: Sequence[str]) -> tuple[list[Run], int]:
    """Runs that leave the fewest words over, and the steps taken; none where more than `_DIFFERENCES` are left."""
    n, m = len(ours), len(theirs)
    reach, history, steps = {1: 0}, [], 0
    for differences in range(min(n + m, _DIFFERENCES) + 1):
        history.append(dict(reach))
        for k in range(-differences, differences + 1, 2):
            down = k == -differences or (k != differences and reach[k - 1] < reach[k + 1])
            x = reach[k + 1] if down else reach[k - 1] + 1
            while x < n and 0 <= x - k < m and ours[x] == theirs[x - k]:
                x += 1
                steps += 1
            reach[k] = x
            steps += 1
            if x >= n and x - k >= m:
                return _walked(history, n, m), steps
    return [], steps


def _walked(history: Sequence[dict[int, int]], n: int, m: int) -> list[Run]:
    """The runs on the way back from the end of both."""
    found, x, y = [], n, m
    for differences in range(len(history) - 1, -1, -1):
        reach, k = history[differences], x - y
        down = k == -differences or (k != differences and reach[k - 1] < reach[k + 1])
        before = k + 1 if down else k - 1
        start = reach[before] if differences else 0
        from_x = start if down or not differences else start + 1
        if x > from_x:
            found.append((from_x, from_x - k, x - from_x))
        x, y = start, start - before
    return found[::-1]


def _joined(runs: Iterable[Run]) -> list[Run]:
    out: list[Run] = []
    for i, j, n in runs:
        if out and out[-1][0] + out[-1][2] == i and out[-1][1] + out[-1][2] == j:
            i, j, n = out[-1][0], out[-1][1], out[-1][2] + n  # noqa: PLW2901
            out.pop()
        out.append((i, j, n))
    return out


def _cleaned(runs: Sequence[Run], n: int, m: int) -> list[Run]:
    """Without short runs between longer differences: words such as "the" that two different sentences both have."""

    def kept() -> Iterator[Run]:
        at = (0, 0)
        for place, (i, j, length) in enumerate(runs):
            after = runs[place + 1] if place + 1 < len(runs) else (n, m, 0)
            left = max(i - at[0], j - at[1])
            right = max(after[0] - i - length, after[1] - j - length)
            if length >= _RUN or not left or not right or length >= min(left, right):
                yield i, j, length
                at = (i + length, j + length)

    return list(kept())
