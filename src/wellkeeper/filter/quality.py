"""Quality rules of the literature, as data: a column of the text pass, a comparison, a threshold, its source.

`quality.v1` drops a document at the first rule it fails, in the order of the sets and of the rules in them,
and records the measured value. The rules look at a document's shape, never at what it says or who wrote it.
Measured values follow the definitions in `wellkeeper.core.signals`, which stand close to the papers' and are
not theirs to the letter: words here are Unicode runs and not NLTK tokens, for example.

The rules were made for English web pages. `gopher-stop-words` drops nearly every document in another
language, and word counts and lengths mean little in scripts written without spaces. No language is identified
here: curate such text by a recipe of its own, with `skip: [gopher-stop-words]`.

[1] Rae et al., Scaling language models: methods, analysis & insights from training Gopher,
    arXiv:2112.11446.
[2] Raffel et al., Exploring the limits of transfer learning with a unified text-to-text transformer,
    JMLR 21(140), 2020; arXiv:1910.10683.
[3] Penedo et al., The FineWeb datasets: decanting the web for the finest text data at scale,
    arXiv:2406.17557.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from math import isfinite
from typing import Any, Literal, TypeAlias

import numpy as np
from numpy.typing import NDArray

from wellkeeper.core.decision import Corpus, Decision, Indices, Ruling
from wellkeeper.errors import RecipeError, did_you_mean

Comparison: TypeAlias = Literal["<", "<=", ">", ">="]

_COMPARE = {"<": np.less, "<=": np.less_equal, ">": np.greater, ">=": np.greater_equal}


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """A document fails if `column comparison threshold` holds."""

    name: str
    column: str  # in wellkeeper.core.signals, COUNTS or QUALITY
    comparison: Comparison
    threshold: float  # in the column's unit
    source: str  # paper, and section or table
    wording: str  # the title, with a place for the threshold

    @property
    def title(self) -> str:
        """What is wrong with a document that fails, for reports.

        >>> RULES["gopher-short"].title, RULES["gopher-bullet-lines"].title
        ('fewer than 50 words', 'more than 90% of lines start with a bullet')
        """
        return self.wording.format(self.threshold)

    def fails(self, values: NDArray[Any]) -> NDArray[np.bool_]:
        """Whether each measured value fails, same shape. A value that is not a number never does."""
        # A float32 0.1 is not the float64 0.1: the threshold is put into the column's own type, so that a
        # value equal to the threshold on paper is equal here.
        single = values.dtype == np.float32
        threshold = np.float32(self.threshold) if single else np.float64(self.threshold)
        failed: NDArray[np.bool_] = _COMPARE[self.comparison](values, threshold)
        return failed


_GOPHER = "Rae et al. 2021, arXiv:2112.11446, section A.1.1, quality filtering"
_REPETITION = "Rae et al. 2021, arXiv:2112.11446, table A1"
_C4 = "Raffel et al. 2020, JMLR 21(140), section 2.2"
_FINEWEB = "Penedo et al. 2024, arXiv:2406.17557, section 3.6"


# name without the set's prefix, column, comparison, threshold, wording
_Row: TypeAlias = tuple[str, str, Comparison, float, str]


def _gopher() -> tuple[Rule, ...]:
    rows: tuple[_Row, ...] = (
        ("short", "words", "<", 50, "fewer than {:,g} words"),
        ("long", "words", ">", 100_000, "more than {:,g} words"),
        ("short-words", "mean_word_length", "<", 3, "words shorter than {:g} characters on average"),
        ("long-words", "mean_word_length", ">", 10, "words longer than {:g} characters on average"),
        ("hashes", "hash_ratio", ">", 0.1, "more than {:g} '#' a word"),
        ("ellipses", "ellipsis_ratio", ">", 0.1, "more than {:g} ellipses a word"),
        ("bullet-lines", "bullet_line_share", ">", 0.9, "more than {:.0%} of lines start with a bullet"),
        ("ellipsis-lines", "ellipsis_line_share", ">", 0.3, "more than {:.0%} of lines end with an ellipsis"),
        ("letters", "alpha_word_share", "<", 0.8, "fewer than {:.0%} of words have a letter"),
        ("stop-words", "stop_words_distinct", "<", 2, "fewer than {:g} of the 8 English stop words"),
    )
    return _rules("gopher", _GOPHER, rows)


def _gopher_repetition() -> tuple[Rule, ...]:
    rows: list[_Row] = [
        ("lines", "duplicate_line_share", ">", 0.30, "more than {:.0%} of lines repeat"),
        ("paragraphs", "duplicate_paragraph_share", ">", 0.30, "more than {:.0%} of paragraphs repeat"),
        (
            "line-chars",
            "duplicate_line_char_share",
            ">",
            0.20,
            "more than {:.0%} of the text in repeated lines",
        ),
        (
            "paragraph-chars",
            "duplicate_paragraph_char_share",
            ">",
            0.20,
            "more than {:.0%} of the text in repeated paragraphs",
        ),
    ]
    for n, share in ((2, 0.20), (3, 0.18), (4, 0.16)):
        wording = f"more than {{:.0%}} of the text is one word {n}-gram"
        rows.append((f"top-{n}gram", f"top_{n}gram_char_share", ">", share, wording))
    for n, share in ((5, 0.15), (6, 0.14), (7, 0.13), (8, 0.12), (9, 0.11), (10, 0.10)):
        wording = f"more than {{:.0%}} of the text in repeated word {n}-grams"
        rows.append((f"{n}grams", f"duplicate_{n}gram_char_share", ">", share, wording))
    return _rules("gopher-repetition", _REPETITION, rows)


def _c4() -> tuple[Rule, ...]:
    rows: tuple[_Row, ...] = (
        # belongs to the line rule with which `c4_sentences` is counted: lines of at least 5 words
        ("sentences", "c4_sentences", "<", 3, "fewer than {:g} sentences in lines of prose"),
        ("lorem-ipsum", "lorem_ipsum", ">", 0, "contains 'lorem ipsum'"),
        ("curly-brackets", "curly_brackets", ">", 0, "contains a curly bracket"),
    )
    return _rules("c4", _C4, rows)


def _fineweb() -> tuple[Rule, ...]:
    # FineWeb's code differs from its paper: 0.01 for duplicated lines, and 30 characters still make a line
    # short, which is also how `short_line_share` counts.
    rows: tuple[_Row, ...] = (
        ("line-ends", "terminal_line_share", "<=", 0.12, "at most {:.0%} of lines end with punctuation"),
        (
            "line-chars",
            "duplicate_line_char_share",
            ">=",
            0.1,
            "{:.0%} or more of the text in repeated lines",
        ),
        ("short-lines", "short_line_share", ">=", 0.67, "{:.0%} or more of lines are short"),
    )
    return _rules("fineweb", _FINEWEB, rows)


def _rules(prefix: str, source: str, rows: Iterable[_Row]) -> tuple[Rule, ...]:
    return tuple(
        Rule(
            name=f"{prefix}-{name}",
            column=column,
            comparison=comparison,
            threshold=threshold,
            source=source,
            wording=wording,
        )
        for name, column, comparison, threshold, wording in rows
    )


SETS: Mapping[str, tuple[Rule, ...]] = {
    "gopher": _gopher(),
    "gopher-repetition": _gopher_repetition(),
    "c4": _c4(),
    "fineweb": _fineweb(),
}
"""Rule sets by the name that a recipe gives them. `gopher` alone is the quality rules without repetition."""

RULES: Mapping[str, Rule] = {rule.name: rule for rules in SETS.values() for rule in rules}

DEFAULT_SETS = ("gopher", "gopher-repetition")


def active_rules(options: Mapping[str, Any]) -> tuple[Rule, ...]:
    """The rules that checked options ask for, in order, with their thresholds."""
    thresholds, skip = options["thresholds"], options["skip"]
    return tuple(
        replace(rule, threshold=float(thresholds.get(rule.name, rule.threshold)))
        for name in options["rules"]
        for rule in SETS[name]
        if rule.name not in skip
    )


def failing(corpus: Corpus, active: NDArray[np.bool_], options: Mapping[str, Any]) -> dict[str, int]:
    """How many of the active documents fail each rule, all rules counted, not the first alone.

    `active` has shape (documents,); `options` are checked ones. Rules that nothing fails are there, with 0.
    """
    return {
        rule.name: int(np.count_nonzero(rule.fails(corpus.column(rule.column)) & active))
        for rule in active_rules(options)
    }


def first_examples(
    corpus: Corpus, active: NDArray[np.bool_], options: Mapping[str, Any], *, each: int = 3
) -> dict[str, Indices]:
    """The first documents, at most `each`, that fail each rule; rules that nothing fails are left out."""
    found = {
        rule.name: np.flatnonzero(rule.fails(corpus.column(rule.column)) & active)[:each]
        for rule in active_rules(options)
    }
    return {name: documents for name, documents in found.items() if len(documents)}


@dataclass(frozen=True, slots=True)
class Quality:
    """Documents that fail a rule. The score is the measured value, in the unit of the rule's column."""

    name: str = "quality.v1"
    relaxable: bool = True

    def check(self, options: Mapping[str, Any]) -> Mapping[str, Any]:
        """Options with defaults: `rules`, of `SETS`; `thresholds`, rule -> value; `skip`, rules to leave out.

        Raises:
            RecipeError: an option, set or rule is unknown, a threshold is no number, or no rule is left.
        """
        known = {"rules": list(DEFAULT_SETS), "thresholds": {}, "skip": []}
        for name in options:
            if name not in known:
                meant = did_you_mean(str(name), known)
                raise RecipeError(f"{self.name} has no option {name!r}.{meant} Options: {', '.join(known)}.")
        checked = {**known, **options}
        checked["rules"] = list(dict.fromkeys(self._names(checked["rules"], "rules", SETS, "rule set")))
        checked["skip"] = list(dict.fromkeys(self._names(checked["skip"], "skip", RULES, "rule")))
        checked["thresholds"] = self._thresholds(checked["thresholds"])
        self._refuse_without_effect(checked)
        return checked

    def rule(self, corpus: Corpus, active: NDArray[np.bool_], options: Mapping[str, Any]) -> Ruling:
        """Drop each active document that fails a rule, for the first that it fails."""
        rules = active_rules(options)
        reason = np.full(len(corpus), -1, np.int32)
        score = np.full(len(corpus), np.nan, np.float32)
        counts = {}
        for number, rule in enumerate(rules):
            values = corpus.column(rule.column)
            failed = rule.fails(values) & active
            counts[rule.name] = int(np.count_nonzero(failed))
            first = failed & (reason < 0)
            reason[first] = number
            score[first] = values[first]
        documents = np.flatnonzero(reason >= 0)
        return Ruling(
            step=self.name,
            documents=documents,
            decision=np.full(len(documents), Decision.DROP, np.uint8),
            reason=reason[documents],
            score=score[documents],
            survivor=np.full(len(documents), -1, np.int64),
            cluster=np.full(len(documents), -1, np.int64),
            reasons=tuple(rule.name for rule in rules),
            facts={"failing": counts, "thresholds": {rule.name: rule.threshold for rule in rules}},
        )

    def _names(self, given: Any, option: str, known: Mapping[str, Any], what: str) -> Sequence[str]:
        if not isinstance(given, list | tuple) or not all(isinstance(name, str) for name in given):
            raise RecipeError(
                f"{self.name}: {option} is {given!r}. Give a list, such as [{next(iter(known))}]."
            )
        for name in given:
            if name not in known:
                raise RecipeError(self._unknown(name, option, known, what))
        return given

    def _thresholds(self, given: Any) -> dict[str, float]:
        if not isinstance(given, Mapping):
            raise RecipeError(
                f"{self.name}: thresholds is {given!r}. Give a mapping, for example {{gopher-short: 20}}."
            )
        for name, value in given.items():
            if name not in RULES:
                raise RecipeError(self._unknown(name, "thresholds", RULES, "rule"))
            if isinstance(value, bool) or not isinstance(value, int | float) or not isfinite(value):
                raise RecipeError(
                    f"{self.name}: the threshold of {name} is {value!r}. Give a number; the published one is "
                    f"{RULES[name].threshold:g}."
                )
        return {name: float(value) for name, value in given.items()}

    def _unknown(self, name: Any, option: str, known: Mapping[str, Any], what: str) -> str:
        meant = did_you_mean(str(name), known)
        return (
            f"{self.name}: {option} has no {what} {name!r}.{meant} {what.capitalize()}s: {', '.join(known)}."
        )

    def _refuse_without_effect(self, options: Mapping[str, Any]) -> None:
        asked = {rule.name for name in options["rules"] for rule in SETS[name]}
        for name in (*options["thresholds"], *options["skip"]):
            if name not in asked:
                owner = next(key for key, rules in SETS.items() if RULES[name] in rules)
                sets = ", ".join(options["rules"]) or "no set"
                raise RecipeError(
                    f"{self.name}: {name} is not among the rules of {sets}. "
                    f"Add {owner} to rules, or remove {name}."
                )
        if not active_rules(options):
            raise RecipeError(f"{self.name} has no rule left. Name a set in rules, or remove the step.")


QUALITY = Quality()
