r"""Multiple choice: the letter that an answer names, or the one that the model held likeliest.

A letter is read in this order, and the first way that finds one decides:

1. the last statement of an answer, such as "the answer is (B)", "Answer: B", `\boxed{B}` or `#### B`;
2. a letter that a line begins with, such as "B", "B. cod" or "(B)";
3. the text of one choice;
4. a letter in brackets or in bold;
5. a capital letter that stands alone; of A and I, which are words, only at the end.

Letters that are denied ("not A") are none. Two letters found the same way, as in "A or B", are no answer: it is wrong,
and the note says why.
"""

import math
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import ClassVar

from wellkeeper.core.answers import Output
from wellkeeper.errors import InputError
from wellkeeper.suites.scorers.rule import Options, Rule, references_of, right_or_wrong
from wellkeeper.suites.scorers.texts import DIFFERENCES, Ignored, as_words, normalised
from wellkeeper.suites.scoring import Score
from wellkeeper.suites.suite import LETTERS, SuiteItem

_LONGEST = 50_000  # letters of an answer that are read, from its end
_TYPED = str.maketrans("\u2018\u2019\u201c\u201d\u2013\u2014", "''\"\"--")
_DRESS = r"[\s*_`\"'$(\[{]*"  # what may stand before a letter: bold, quotes, brackets
_IN_A_WORD = r"[A-Za-z0-9\u00c0-\u024f']"  # Latin: Chinese runs on without a space
_LETTER = rf"(?P<letter>[A-Za-z])(?!{_IN_A_WORD})"
_NOUN = r"(?:answer|choice|option|solution)"
_STATED = re.compile(
    r"(?:\#{4}|<answer>|\\boxed\s*\{(?:\\text\s*\{)?"
    rf"|\b{_NOUN}\b[^.\n]{{0,40}}?(?:\bis\b|\bbe\b|:|=)"
    rf"|\b{_NOUN}\b|\bI(?:[']d| would)? (?:choose|pick|select|go with|say)\b)"
    rf"{_DRESS}(?:{_NOUN}\b{_DRESS}|letter\b{_DRESS})?{_LETTER}",
    re.IGNORECASE,
)
_CALLED_RIGHT = re.compile(
    rf"(?P<letter>[A-Z])(?<!{_IN_A_WORD}.)(?<!if .)(?<!whether .)[)\].*_\"']* (?:is|must be|would be|seems) (?:the )?"
    rf"(?:(?:correct|right)(?= (?:answer|option|choice|one|because|since|as)\b|[*_]*(?:[.,;:!]|\s*$))|answer\b)",
    re.MULTILINE,
)
_DENIED = re.compile(
    r"(?:\b(?i:not|nor|neither|never)|n't)[ \t]+(?:be[ \t]+)?"
    rf"(?:{_NOUN}[ \t]+)?[(\[*_\"']*[A-Z](?!{_IN_A_WORD})"
)
_OPENING = re.compile(
    r"^[ \t>*_`\"'(\[\-]*(?P<letter>[A-Za-z])(?:[ \t*_`\"']*$|[*_`\"']*[)\].:,;\-]|[*_`]+\s)",
    re.MULTILINE,
)
_NO_NOUNS = r"(?:or|and|is|was|are|as|because|since|for|due|but|not|which|that|with|in|so|if|from|while|by|rather|over)"
_A_WORD = re.compile(rf"[ \t]+(?!{_NO_NOUNS}\b)[a-z]")  # goes on after the article A, or after I
_DRESSED = re.compile(r"\(([A-Za-z])\)|\[([A-Z])\]|\*\*\(?([A-Za-z])[).]?\*\*")
_ALONE = re.compile(
    rf"([B-HJ-Z])(?<!{_IN_A_WORD}.)(?!{_IN_A_WORD})"
    rf"|([AI])(?<!{_IN_A_WORD}.)(?=\W*\Z|\s*(?:/|,|or\b|and\b)\s*\(?[B-HJ-Z]\b)"
)
_MORE = re.compile(
    r"[)\]*_.\"']*\s*(?:/|,|\bor\b|\band\b|&)\s*(?:or\b|and\b)?[\s(\[*_\"']*([A-Z])"
    rf"(?!{_IN_A_WORD})(?![)\]*_\"']*\s+(?:is|was)\b)"  # "B, and A is wrong" begins anew
)


@dataclass(frozen=True, kw_only=True)
class Choice(Rule):
    """1 where the answer names the right choice, else 0."""

    kind: ClassVar[str] = "choice"
    by_logprob: bool

    @classmethod
    def of(cls, options: Options) -> "Choice":
        return cls(by_logprob=options.one_of("by", ("text", "logprob"), default="text") == "logprob")

    @property
    def needs_logprobs(self) -> bool:
        return self.by_logprob

    def worth(self, item: SuiteItem, output: Output) -> Score:
        right = self._right(item)
        if self.by_logprob:
            return _by_chance(right, item, output)
        found = chosen(output.text, item.choices)
        if not found:
            return Score(value=0.0, note="no choice in the answer")
        if len(found) > 1:
            return Score(value=0.0, note=f"ambiguous: {' and '.join(found)}")
        return right_or_wrong(right=found[0] in right, note=f"read {found[0]}")

    def _right(self, item: SuiteItem) -> frozenset[str]:
        if not 2 <= len(item.choices) <= len(LETTERS):
            raise InputError(
                f"The item {item.name} has {len(item.choices)} choices. Give it from 2 to {len(LETTERS)}, or another "
                "scorer."
            )
        letters = LETTERS[: len(item.choices)]
        right = {
            letter
            for reference in references_of(item, self.kind)
            for letter, choice in zip(letters, item.choices, strict=True)
            if reference == choice or (reference == letter and reference not in item.choices)
        }
        if not right:
            raise InputError(
                f"No reference of the item {item.name} is one of its choices. Give a choice or its letter."
            )
        return frozenset(right)


def chosen(text: str, choices: Sequence[str]) -> tuple[str, ...]:
    """The letters that an answer names: one, none, or several where it is ambiguous.

    >>> chosen("The answer is (b).", ["cod", "cow"]), chosen("A cow!", ["cod", "cow"]), chosen("A or B", ["x", "y"])
    (('B',), ('B',), ('A', 'B'))
    """
    text = text[-_LONGEST:].translate(_TYPED).strip()
    letters = LETTERS[: len(choices)]
    left = _DENIED.sub(lambda denied: "\0" * len(denied[0]), text)
    for way in (_stated, _opening, _dressed, _alone):
        if way is _dressed and (by_text := _by_text(text, choices)):
            return by_text
        found = tuple(sorted(set(way(left, letters))))
        if found:
            return found
    return ()


def _stated(text: str, letters: str) -> Iterator[str]:
    """Of the last statement only: models correct themselves."""
    stated = [match for match in _STATED.finditer(text) if _names(text, match, letters)]
    stated += [match for match in _CALLED_RIGHT.finditer(text) if match["letter"] in letters]
    if stated:
        last = max(stated, key=lambda match: match.start("letter"))
        yield last["letter"].upper()
        yield from _others(text, last.end("letter"), letters)


def _names(text: str, match: re.Match[str], letters: str) -> bool:
    """Whether the letter is one, and not a word: "the answer is a fish" names none."""
    letter = match["letter"]
    if letter.upper() not in letters:
        return False
    if _A_WORD.match(text, match.end()) is None:
        return True
    return letter.isupper() and letter not in "AI"


def _opening(text: str, letters: str) -> Iterator[str]:
    for match in _OPENING.finditer(text):
        if match["letter"].upper() in letters:
            yield match["letter"].upper()
            yield from _others(text, match.end("letter"), letters)
    if text[:1] in letters:
        others = list(_others(text, 1, letters))
        yield from (text[0], *others) if others else ()


def _others(text: str, place: int, letters: str) -> Iterator[str]:
    """Letters that go on from one as a list does: "or B", "/ B"."""
    while (match := _MORE.match(text, place)) is not None:
        if match[1] in letters and not (match[1] in "AI" and _A_WORD.match(text, match.end())):
            yield match[1]
        place = match.end()


def _dressed(text: str, letters: str) -> Iterator[str]:
    for match in _DRESSED.finditer(text):
        letter = next(group for group in match.groups() if group).upper()
        if letter in letters:
            yield letter


def _alone(text: str, letters: str) -> Iterator[str]:
    for match in _ALONE.finditer(text):
        letter = match[1] or match[2]
        if letter in letters:
            yield letter


def _by_text(text: str, choices: Sequence[str]) -> tuple[str, ...]:
    """The choices whose texts the answer holds, less those that are part of a longer one that it holds."""
    ignored = _ignored_between(choices)
    answer = normalised(text, ignored)
    plain = [normalised(choice, ignored) for choice in choices]
    if answer and answer in plain:
        return (LETTERS[plain.index(answer)],)
    left = answer
    held = []
    for place in sorted(range(len(plain)), key=lambda place: -len(plain[place])):
        found = as_words(plain[place])
        if plain[place] and found.search(left):
            held.append(place)
            left = found.sub("\0", left)
    return tuple(LETTERS[place] for place in sorted(held))


def _ignored_between(choices: Sequence[str]) -> Ignored:
    """The usual differences, less punctuation where it tells choices apart, as in 5 and -5."""
    told_apart = len({normalised(choice) for choice in choices}) == len(set(choices))
    return frozenset(DIFFERENCES) if told_apart else frozenset({"case", "whitespace"})


# --- by log-probability ------------------------------------------------------------------------------------------


def _by_chance(right: frozenset[str], item: SuiteItem, output: Output) -> Score:
    if output.first_tokens is None:
        return Score(value=None, note="the model gives no chances of first tokens")
    chances = letter_chances(output.first_tokens, LETTERS[: len(item.choices)])
    best = max(chances.values(), default=0.0)
    if best == 0:
        return Score(value=None, note="no letter is among the likeliest first tokens")
    likeliest = [letter for letter, chance in chances.items() if chance == best]
    if len(likeliest) > 1:
        return Score(value=None, note=f"equally likely: {' and '.join(likeliest)}")
    note = f"{likeliest[0]} has a chance of {best:.2g}"
    return right_or_wrong(right=likeliest[0] in right, note=note)


def letter_chances(first_tokens: Mapping[str, float], letters: str) -> dict[str, float]:
    """The chance, in [0, 1], that the answer begins with each letter, with or without a space before it.

    >>> letter_chances({"A": math.log(0.5), " B": math.log(0.25), "B": math.log(0.125), "The": -3.0}, "AB")
    {'A': 0.5, 'B': 0.375}
    """
    return {
        letter: math.fsum(
            math.exp(chance) for token, chance in first_tokens.items() if _bare(token) == letter
        )
        for letter in letters
    }


def _bare(token: str) -> str:
    """A token without the space before it, in the three ways that vocabularies write one."""
    return token[1:] if token[:1] in {" ", "\u0120", "\u2581"} else token
