"""Do trivial features tell the human references from the AI references? Then so may the score, for the wrong reason.

Published sets of human and AI text can often be told apart without reading them: by the number of line feeds
alone with an area under the ROC curve of .92 in SeqXGPT's and .02 in ZipPy's (our measurement, docs/anchors.md).
Such shortcuts [1] come from the routes by which the two samples were collected. References with a shortcut measure the
route, and a share that is estimated with them is of the route too.

Each feature is of the part of a text that a score reads. One of them alone may seem to tell small samples apart by
chance: a feature is reported only if its area lies beyond .7 or .3 *and* its interval, at a level that holds for all
features of the pack together (Bonferroni), excludes .5.

[1] Geirhos et al., Shortcut learning in deep neural networks, Nature Machine Intelligence 2 (2020) 665-673.
"""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from wellkeeper.kernels.style import CHARS
from wellkeeper.measure.auroc import area_under_roc

LARGE = 0.7
"""Area from which, or 1 - this to which, a single trivial feature is worth a warning."""
ERROR_RATE = 0.05
"""Probability that references without any shortcut are warned of, in all features together, at most."""

_WORD = re.compile(r"\w+")
_CURLY = re.compile("[\u2018\u2019\u201c\u201d\u201e\u00ab\u00bb]")
_MARKDOWN = re.compile(r"^[ \t]*(?:#{1,6} |[-*+\u2022>] |\d+\. |```)|\*\*|__", re.MULTILINE)
_FINAL = frozenset(".!?\u2026\"'\u201d\u2019)]\u3002\uff01\uff1f")


def _rate(count: int, text: str) -> float:
    return 1000 * count / max(1, len(text))


def _capital_share(text: str) -> float:
    return sum(map(str.isupper, text)) / max(1, sum(map(str.isalpha, text)))


def _longest(text: str) -> int:
    return max((match.end() - match.start() for match in _WORD.finditer(text)), default=0)


@dataclass(frozen=True, slots=True)
class Feature:
    """A trivial feature: what it is called, what it is of a text, and what to do if it tells the samples apart."""

    name: str
    value: Callable[[str], float]
    unit: str
    remedy: str


_ROUTE = "Bring both samples by one route (same export, same cleaning), or make the AI references from the human ones"
_LENGTH = "Cut both samples alike, or ask the model for texts as long as the human ones"
_FORMAT = "Bring both into one form (plain text, one style of quotes and line breaks, no Markdown) or export them alike"
_CUT = "Cut both samples at the same kind of place: the end of a sentence, or after the same number of words"
_IN_1000 = "in 1,000 characters"
_A_TEXT = "a text"

FEATURES: tuple[Feature, ...] = (
    Feature("line feeds", lambda text: text.count("\n"), _A_TEXT, _FORMAT),
    Feature("characters", len, _A_TEXT, _LENGTH),
    Feature("words", lambda text: sum(1 for _ in _WORD.finditer(text)), _A_TEXT, _LENGTH),
    Feature("straight quotes", lambda t: _rate(t.count('"') + t.count("'"), t), _IN_1000, _FORMAT),
    Feature("curly quotes", lambda t: _rate(len(_CURLY.findall(t)), t), _IN_1000, _FORMAT),
    Feature(
        "final punctuation",
        lambda t: float(t.rstrip()[-1:] in _FINAL),
        "of texts end in it",
        _CUT,
    ),
    Feature("digits", lambda t: _rate(sum(map(str.isdigit, t)), t), _IN_1000, _ROUTE),
    Feature("capitals", _capital_share, "of letters", _ROUTE),
    Feature("longest word", _longest, "letters", _ROUTE),
    Feature("outer white space", lambda t: float(t != t.strip()), "of texts have it", _FORMAT),
    Feature("Markdown marks", lambda t: _rate(len(_MARKDOWN.findall(t)), t), _IN_1000, _FORMAT),
)
"""What needs no reading. Newlines and lengths told apart published sets; the others follow from how text is copied."""

_BY_NAME: Mapping[str, Feature] = {feature.name: feature for feature in FEATURES}


@dataclass(frozen=True, slots=True, kw_only=True)
class Shortcut:
    """How well one trivial feature tells AI from human references."""

    feature: str
    area: (
        float  # probability, in [0, 1], that an AI reference has more of it than a human one, ties as halves
    )
    low: float  # interval at 1 - ERROR_RATE for all features of the pack together
    high: float
    human: float  # mean over the human references
    ai: float

    @property
    def is_large(self) -> bool:
        """Beyond `LARGE`, and not by chance."""
        beyond = self.area > LARGE or self.area < 1 - LARGE
        return beyond and not self.low <= 0.5 <= self.high

    def message(self) -> str:
        """What was found and what to do."""
        known = _BY_NAME[self.feature]
        return (
            f"{known.name[0].upper()}{known.name[1:]} alone tell{'' if known.name.endswith('s') else 's'} the AI "
            f"references from the human ones: area under the ROC curve {self.area:.2f} ({self.low:.2f} to "
            f"{self.high:.2f}); on average {_figure(self.human)} (human) and {_figure(self.ai)} (AI) {known.unit}. "
            "If that comes from how the texts were collected, shares measured with them tell of the collection. "
            f"{known.remedy}; then build again."
        )


def _figure(value: float) -> str:
    """Three digits that say something.

    >>> _figure(2148.3), _figure(0.99342), _figure(0.0)
    ('2,148', '0.993', '0')
    """
    return f"{value:,.0f}" if abs(value) >= 100 else f"{value:.3g}"


def features_of(texts: Sequence[str]) -> NDArray[np.float64]:
    """Values of `FEATURES`, shape (texts, features), of the part of each text that a score reads."""
    read = [text[:CHARS] for text in texts]
    return np.array([[feature.value(text) for feature in FEATURES] for text in read], np.float64).reshape(
        len(read), len(FEATURES)
    )


def shortcuts(
    human: NDArray[np.float64], ai: NDArray[np.float64], *, comparisons: int = 1
) -> tuple[Shortcut, ...]:
    """How well each trivial feature tells the samples apart, strongest first.

    Args:
        human: as of `features_of`, shape (human references, features).
        ai: the same of the AI references.
        comparisons: pairs of samples in the pack, one a slice; the intervals hold for all of them together.

    Raises:
        DataError: a sample is empty.
    """
    level = 1 - ERROR_RATE / (len(FEATURES) * comparisons)
    found = []
    for number, feature in enumerate(FEATURES):
        first, second = human[:, number], ai[:, number]
        area = area_under_roc(first, second, level=level)
        found.append(
            Shortcut(
                feature=feature.name,
                area=area.estimate,
                low=area.low,
                high=area.high,
                human=float(first.mean()),
                ai=float(second.mean()),
            )
        )
    return tuple(sorted(found, key=lambda shortcut: -abs(shortcut.area - 0.5)))
