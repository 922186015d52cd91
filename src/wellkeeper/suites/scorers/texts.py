"""Answers that are compared as texts: equal, held by the answer, or sharing words with it.

Before two texts are compared, differences that do not matter are taken out of both, as the official script of SQuAD
does it [1]: lower case, no punctuation, no English articles, single spaces. Beyond the script, the punctuation of all
scripts counts as such, and a text of which nothing would be left ("The The" is a band, "A" an answer) keeps its words.

[1] Rajpurkar et al., SQuAD: 100,000+ questions for machine comprehension of text, EMNLP 2016; evaluate-v1.1.py,
    `normalize_answer` and `f1_score`.
"""

import re
import string
import unicodedata
from collections import Counter
from dataclasses import dataclass
from typing import ClassVar, TypeAlias

from wellkeeper.core.answers import Output
from wellkeeper.errors import InputError
from wellkeeper.suites.scorers.rule import Options, Rule, references_of, right_or_wrong
from wellkeeper.suites.scoring import Score
from wellkeeper.suites.suite import SuiteItem

Ignored: TypeAlias = frozenset[str]
"""Which of `DIFFERENCES` do not matter."""

DIFFERENCES = ("case", "punctuation", "articles", "whitespace")

_ARTICLES = re.compile(r"\b(?:a|an|the)\b", re.IGNORECASE)
_SHOWN = 60  # letters of an answer in a note


def normalised(text: str, ignored: Ignored = frozenset(DIFFERENCES)) -> str:
    """A text less the differences that do not matter.

    >>> normalised(" The Eiffel  Tower! "), normalised("The The"), normalised("The end", frozenset({"case"}))
    ('eiffel tower', 'the the', 'the end')
    """
    plain = unicodedata.normalize("NFC", text)
    if "case" in ignored:
        plain = unicodedata.normalize("NFC", plain.casefold())
    less = plain
    if "punctuation" in ignored:
        less = unicodedata.normalize("NFC", "".join(letter for letter in less if not _is_punctuation(letter)))
    if "articles" in ignored:
        less = _ARTICLES.sub(" ", less)
    kept = less if less.strip() else plain
    return " ".join(kept.split()) if "whitespace" in ignored else kept


def _is_punctuation(letter: str) -> bool:
    return letter in string.punctuation or unicodedata.category(letter).startswith("P")


def ignored_of(options: Options) -> Ignored:
    """The option that all scorers of texts have."""
    return options.some_of("ignore", DIFFERENCES, default=DIFFERENCES)


def shown(text: str) -> str:
    r"""The beginning of an answer on one line, for a note.

    >>> shown("It\n is " + 80 * "x")
    'It is xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx…'
    """
    line = " ".join(text[: 4 * _SHOWN].split())
    return line if len(line) <= _SHOWN else f"{line[: _SHOWN - 1]}…"


@dataclass(frozen=True, kw_only=True)
class Exact(Rule):
    """1 where the answer is one of the references, else 0."""

    kind: ClassVar[str] = "exact"
    ignored: Ignored

    @classmethod
    def of(cls, options: Options) -> "Exact":
        return cls(ignored=ignored_of(options))

    def worth(self, item: SuiteItem, output: Output) -> Score:
        answer = normalised(output.text, self.ignored)
        right = any(
            answer == normalised(reference, self.ignored) for reference in references_of(item, self.kind)
        )
        return right_or_wrong(right=right, note=shown(answer))


@dataclass(frozen=True, kw_only=True)
class Contains(Rule):
    """1 where the answer holds one of the references, else 0."""

    kind: ClassVar[str] = "contains"
    ignored: Ignored
    whole_words: bool

    @classmethod
    def of(cls, options: Options) -> "Contains":
        return cls(ignored=ignored_of(options), whole_words=options.flag("whole-words", default=True))

    def worth(self, item: SuiteItem, output: Output) -> Score:
        answer = normalised(output.text, self.ignored)
        wanted = [normalised(reference, self.ignored).strip() for reference in references_of(item, self.kind)]
        if not all(wanted):
            raise InputError(
                f"A reference of the item {item.name} is blank, and every answer holds it. Leave it out, or write it."
            )
        found = next((one for one in wanted if self._held(one, answer)), None)
        note = "holds no reference" if found is None else f"holds {shown(found)}"
        return right_or_wrong(right=found is not None, note=note)

    def _held(self, wanted: str, answer: str) -> bool:
        if not self.whole_words:
            return wanted in answer
        return as_words(wanted).search(answer) is not None


def as_words(wanted: str) -> re.Pattern[str]:
    """A pattern that finds a text where no word runs on at its ends."""
    return re.compile(rf"(?<!\w){re.escape(wanted)}(?!\w)")


@dataclass(frozen=True, kw_only=True)
class SharedWords(Rule):
    """F1 of the words that answer and reference share, of the reference that shares most; in [0, 1]."""

    kind: ClassVar[str] = "f1"
    ignored: Ignored

    @classmethod
    def of(cls, options: Options) -> "SharedWords":
        return cls(ignored=ignored_of(options))

    def worth(self, item: SuiteItem, output: Output) -> Score:
        answer = normalised(output.text, self.ignored).split()
        best = max(
            word_f1(answer, normalised(reference, self.ignored).split())
            for reference in references_of(item, self.kind)
        )
        return Score(value=best, note=shown(" ".join(answer)))


def word_f1(answer: list[str], reference: list[str]) -> float:
    """Harmonic mean of precision and recall of words, counted as often as they come; two empty lists are equal.

    >>> word_f1("in the north sea".split(), "north sea".split())
    0.6666666666666666
    """
    if not answer or not reference:
        return float(answer == reference)
    shared = sum((Counter(answer) & Counter(reference)).values())
    return 2 * shared / (len(answer) + len(reference))
