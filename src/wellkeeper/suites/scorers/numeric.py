r"""Answers that are numbers: read out of the text as people write them, and compared without rounding.

Which number of an answer is meant: the one that `####`, `\boxed{`, "answer is" or "answer:" announces, at the end of
its sum if it is one ("the answer is 2 + 3 = 5"); otherwise the last, or the first where the suite says so.
"""

import re
import unicodedata
from dataclasses import dataclass
from fractions import Fraction
from itertools import pairwise
from typing import ClassVar, Literal, TypeAlias, cast

from wellkeeper.core.answers import Output
from wellkeeper.errors import InputError
from wellkeeper.suites.scorers.rule import Options, Rule, references_of, right_or_wrong
from wellkeeper.suites.scorers.texts import shown
from wellkeeper.suites.scoring import Score
from wellkeeper.suites.suite import SuiteItem

Separators: TypeAlias = Literal["english", "continental"]
"""What 1,234 and 1.234 are, where nothing else in the number decides it."""

_MOST_DIGITS = 400  # of a number, and of its exponent's power: more is no answer, and slow to compute with
_LONGEST = 50_000  # letters of an answer that are read, from its end
_MINUS = "-\u2212\u2010\u2011"
_SPACES = "\u00a0\u2009\u202f"  # that stand within numbers; a plain space stands between numbers
_SUPERSCRIPTS = str.maketrans("⁰¹²³⁴⁵⁶⁷⁸⁹⁻⁺", "0123456789-+")
_VULGAR = "¼½¾⅐⅑⅒⅓⅔⅕⅖⅗⅘⅙⅚⅛⅜⅝⅞"

_NUMBER = re.compile(
    rf"""
    (?<![A-Za-z_0-9])(?<![0-9][.,])(?<!\^)(?<!\^\{{)(?<!\^[{_MINUS}])(?<!\^\{{[{_MINUS}])
    (?:(?<![\w)\]}}])(?P<sign>[{_MINUS}+]))?
    (?:\\?[$€£¥]\s?)?
    (?:(?<=[$€£¥])(?P<late>[{_MINUS}]))?
    (?:
        (?:(?P<units>\d++)\s?)?\\[dt]?frac\{{(?P<upper>[{_MINUS}]?\d++)\}}\{{(?P<lower>\d++)\}}
      | (?:(?P<whole>\d++)\s?)?(?P<vulgar>[{_VULGAR}])
      | (?<!/)(?:(?P<mixed>\d++)\ )?(?P<top>\d++)\s?[/\u2044]\s?(?P<bottom>\d++)(?![/.,]?\d)
      | (?P<plain>\d++(?:[.,'\u2019{_SPACES}]\d++)*+|\.\d++)
        (?:[eE](?P<exponent>[{_MINUS}+]?\d++)
          |\ ?(?:[x\u00d7*\u00b7]|\\times|\\cdot)\ ?10
            (?:(?:\^|\*\*)\{{?(?P<power>[{_MINUS}+]?\d++)\}}?|(?P<raised>[⁻⁺]?[⁰¹²³⁴-⁹]++))
          |\^\{{?(?P<times>[{_MINUS}+]?\d++)\}}?|(?P<small>[⁻⁺]?[⁰¹²³⁴-⁹]++))?
    )
    (?:[\s{_SPACES}]?\\?(?P<percent>%|[Pp]er\s?cent\b))?
    """,
    re.VERBOSE | re.ASCII,
)
ANNOUNCED = re.compile(
    r"\#{4}|\\boxed\s*\{|<answer>|\banswers?\b[^.\n\d]{0,60}?(?:\bis\b|:|=)",
    re.IGNORECASE,
)
"""What models write before their answer."""
_LINK = re.compile(
    r"(?P<unit>(?!x\b)[A-Za-z]+(?: [A-Za-z]+)?)?[ )!]*(?P<sign>[-+*/\u00d7\u00b7\u00f7=x]|\\times|\\cdot|\\div)?[ (]*"
)
_LONGEST_LINK = 40  # letters between two numbers of a sum
_GROUPS_OF_THREE = re.compile(r"\d{1,3}(?:\D\d{3})+")
_INDIAN_GROUPS = re.compile(r"\d{1,2}(?:,\d{2})*,\d{3}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Number:
    """A number as it stands in a text."""

    value: Fraction  # 50 for 50%
    written: str
    percent: bool = False
    begins: int = 0  # place in the text
    ends: int = 0
    signed: bool = False  # whether it has a sign

    def meanings(self) -> tuple[Fraction, ...]:
        """What it may stand for: a percentage is as it is written, or hundredths."""
        return (self.value, self.value / 100) if self.percent else (self.value,)


def numbers(text: str, separators: Separators = "english") -> list[Number]:
    """All numbers of a text, in its order.

    Digits within a word, such as the 2 of H2O, are none.

    >>> [str(number.value) for number in numbers("From $1,234.50 to 1.234,5 is ½ of 3/4, or -2e3.")]
    ['2469/2', '2469/2', '1/2', '3/4', '-2000']
    """
    found = []
    for match in _NUMBER.finditer(text):
        found.extend(_numbers_of(match, separators))
    return found


def _numbers_of(match: re.Match[str], separators: Separators) -> list[Number]:
    """One number, or the several of a list without spaces such as 1,2,3."""
    if max(map(len, re.findall(r"\d+", match[0])), default=0) > _MOST_DIGITS:
        return []
    negative = (match["sign"] or match["late"] or "+") in _MINUS
    values = _magnitudes(match, separators)
    if negative and values:
        values[0] = -values[0]
    written = match[0].strip()
    return [
        Number(
            value=value,
            written=written,
            percent=match["percent"] is not None and place == len(values) - 1,
            begins=match.start(),
            ends=match.end(),
            signed=match["sign"] is not None and place == 0,
        )
        for place, value in enumerate(values)
    ]


def _magnitudes(match: re.Match[str], separators: Separators) -> list[Fraction]:
    if match["vulgar"]:
        part = Fraction(unicodedata.numeric(match["vulgar"])).limit_denominator(10)
        return [int(match["whole"] or 0) + part]
    if match["lower"] or match["bottom"]:
        top, bottom = (match["upper"], match["lower"]) if match["lower"] else (match["top"], match["bottom"])
        if int(bottom) == 0:
            return []
        return [int(match["mixed"] or match["units"] or 0) + Fraction(int(_ascii(top)), int(bottom))]
    values = _plain(match["plain"], separators)
    raised = match["exponent"] or match["power"] or (match["raised"] or "").translate(_SUPERSCRIPTS)
    if raised:
        power = int(_ascii(raised))
        if abs(power) > _MOST_DIGITS:
            return []
        values[-1] *= Fraction(10) ** power
    times = match["times"] or (match["small"] or "").translate(_SUPERSCRIPTS)
    if times:
        power = int(_ascii(times))
        if abs(power) * len(match["plain"]) > _MOST_DIGITS or (power < 0 and values[-1] == 0):
            return []
        values[-1] **= power
    return values


def _plain(written: str, separators: Separators) -> list[Fraction]:
    """Digits with separators: those of thousands, at most one of decimals, or those of a list.

    >>> [_plain(text, "english") for text in ("1,234", "12,5", "1.234")]
    [[Fraction(1234, 1)], [Fraction(25, 2)], [Fraction(617, 500)]]
    >>> [_plain(text, "continental") for text in ("1,234", "1.234", "1,2,3")]
    [[Fraction(617, 500)], [Fraction(1234, 1)], [Fraction(1, 1), Fraction(2, 1), Fraction(3, 1)]]
    """
    used = [letter for letter in written if not letter.isdigit()]
    if not used:
        return [Fraction(written)]
    decimal = _decimal_separator(written, used, separators)
    whole, _, part = written.rpartition(decimal) if decimal else (written, "", "")
    if not (whole.isdigit() or not whole or _in_groups(whole)):
        return [Fraction(digits) for digits in re.findall(r"\d+", written)]
    digits = re.sub(r"\D", "", whole) or "0"
    return [Fraction(f"{digits}.{part}" if part else digits)]


def _decimal_separator(written: str, used: list[str], separators: Separators) -> str:
    """The letter before the decimals, or nothing where there are none."""
    last = used[-1]
    if last not in ".," or used.count(last) > 1:
        return ""
    if len(used) > 1 or not _in_groups(written) or written.startswith("0"):
        return last
    thousands = "," if separators == "english" else "."
    return "" if last == thousands else last


def _in_groups(written: str) -> bool:
    """Whether all separators are one, and stand where those of thousands do."""
    if len({letter for letter in written if not letter.isdigit()}) != 1:
        return False
    return bool(_GROUPS_OF_THREE.fullmatch(written) or _INDIAN_GROUPS.fullmatch(written))


def _ascii(signed: str) -> str:
    return re.sub(f"[{_MINUS}]", "-", signed)


def number_meant(
    text: str, *, which: str = "last", after: str | None = None, separators: Separators = "english"
) -> Number | None:
    """The number that an answer gives; None if it has none.

    >>> [str(number_meant(text).value) for text in ("I add 2 and 3 and get 5", "The answer is 2 + 3 = 5, by 1 step")]
    ['5', '5']

    Args:
        text: of the answer.
        which: "last" or "first", of an answer that does not announce its number.
        after: words that announce it, in place of the usual ones.
        separators: of a number that reads both ways.
    """
    text = _plain_latex(text[-_LONGEST:])
    found = numbers(text, separators)
    if not found:
        return None
    announced = re.compile(re.escape(after), re.IGNORECASE) if after else ANNOUNCED
    places = [match.end() for match in announced.finditer(text) if match.end() <= found[-1].begins]
    if places:
        return _end_of_sum(text, [number for number in found if number.begins >= places[-1]])
    return found[0] if which == "first" else found[-1]


def _plain_latex(text: str) -> str:
    r"""Groups of three and short fractions of LaTeX as other numbers are written.

    >>> _plain_latex(r"1{,}000, 1,\!000, 1\,000 and \frac12")
    '1,000, 1,000, 1\u202f000 and \\frac{1}{2}'
    """
    text = text.replace("{,}", ",").replace(r",\!", ",")
    text = re.sub(r"(?<=\d)\\,(?=\d{3})", "\u202f", text)
    return re.sub(r"(\\[dt]?frac) ?(\d)(\d)", r"\1{\2}{\3}", text)


def _end_of_sum(text: str, found: list[Number]) -> Number:
    """The first number, or what the sum that it begins comes to; "5 km = 3 miles" is no sum."""
    result, summed = found[0], False
    for before, after in pairwise(found):
        between = text[before.ends : after.begins]
        if len(between) > _LONGEST_LINK:
            break
        told = " ".join(re.sub(r"\*\*|[_$]", " ", between).split())
        link = _LINK.fullmatch(told)
        if link is None or not (link["sign"] or (not link["unit"] and (after.signed or between == "("))):
            break
        if link["sign"] != "=":
            summed = True
        elif summed or not link["unit"]:
            result = after
        else:
            break
    return result


@dataclass(frozen=True, kw_only=True)
class Numeric(Rule):
    """1 where the answer's number is that of a reference, or as near as the suite allows; else 0."""

    kind: ClassVar[str] = "numeric"
    tolerance: Fraction  # largest difference
    relative: Fraction  # largest difference, as a share of the reference
    which: str  # "last" or "first"
    after: str | None
    separators: Separators

    @classmethod
    def of(cls, options: Options) -> "Numeric":
        return cls(
            tolerance=Fraction(str(options.number("tolerance", default=0))),
            relative=Fraction(str(options.number("relative", default=0))),
            which=options.one_of("which", ("last", "first"), default="last"),
            after=options.text("after"),
            separators=cast(
                "Separators", options.one_of("separators", ("english", "continental"), default="english")
            ),
        )

    def worth(self, item: SuiteItem, output: Output) -> Score:
        wanted = [self._reference(item, reference) for reference in references_of(item, self.kind)]
        given = self.read(output.text)
        if given is None:
            return Score(value=0.0, note="no number in the answer")
        right = any(self.near(given, one) for one in wanted)
        return right_or_wrong(right=right, note=f"read {shown(given.written)}")

    def read(self, text: str) -> Number | None:
        """The number that an answer gives; None if it has none."""
        return number_meant(text, which=self.which, after=self.after, separators=self.separators)

    def near(self, given: Number, wanted: Number) -> bool:
        """Whether a number is another, as near as the suite allows."""
        if given.percent == wanted.percent:
            return self._within(given.value, wanted.value)
        return any(self._within(one, other) for one in given.meanings() for other in wanted.meanings())

    def _reference(self, item: SuiteItem, reference: str) -> Number:
        number = number_meant(reference, separators=self.separators)
        if number is None:
            raise InputError(
                f"The reference of the item {item.name} has no number: {shown(reference)!r}. Give one in digits, or "
                "another scorer."
            )
        return number

    def _within(self, given: Fraction, wanted: Fraction) -> bool:
        return abs(given - wanted) <= max(self.tolerance, self.relative * abs(wanted))
