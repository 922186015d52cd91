"""How figures are written: counts, shares, intervals, sizes, times. One place, so that all of them agree."""

from dataclasses import dataclass

from wellkeeper.report.reading import Interval

_MINUTE, _HOUR = 60, 3600
_SIZES = ((10**12, "TB"), (10**9, "GB"), (10**6, "MB"), (10**3, "kB"))
_LARGE = ((10**12, "trillion"), (10**9, "billion"), (10**6, "million"))
_SHORT = ((10**9, "G"), (10**6, "M"), (10**3, "k"))


@dataclass(frozen=True, slots=True)
class Numbers:
    """Writes figures; `separator` stands between thousands."""

    separator: str

    def count(self, value: float) -> str:
        """A count, all digits.

        >>> Numbers(",").count(48210)
        '48,210'
        """
        return f"{round(value):,}".replace(",", self.separator)

    def large(self, value: float) -> str:
        """A count whose first digits are enough: `12.3 million`; below a million all digits."""
        for size, name in _LARGE:
            if value >= size:
                return f"{value / size:.1f} {name}"
        return self.count(value)

    def percent(self, share: float) -> str:
        """A share as percent, with as many digits as it has something to say.

        >>> [Numbers(",").percent(share) for share in (0.1234, 0.0042, 0.000001, 0, 1, 0.99999)]
        ['12.3%', '0.42%', '<0.01%', '0%', '100%', '>99.9%']
        """
        size = abs(share) * 100
        if size in {0, 100}:
            return f"{share * 100:.0f}%"
        if size < 0.01:
            return "<0.01%" if share > 0 else "-<0.01%"
        if 99.95 <= size < 100 and share > 0:
            return ">99.9%"
        return f"{share * 100:.{1 if size >= 1 else 2}f}%"

    def share_of(self, part: float, whole: float) -> str:
        return self.percent(part / whole) if whole else "none"

    def with_share(self, part: float, whole: float) -> str:
        """A count and what share of a whole it is.

        >>> Numbers(",").with_share(1204, 9800)
        '1,204 (12.3%)'
        """
        return f"{self.count(part)} ({self.share_of(part, whole)})"

    def interval(self, value: Interval) -> str:
        """A share with its interval; without an estimate, the words `not identified` and the bounds.

        >>> Numbers(",").interval(Interval(0.123, 0.101, 0.14))
        '12.3% (10.1-14.0%)'
        >>> Numbers(",").interval(Interval(None, 0.0, 1.0))
        'not identified (0-100%)'
        """
        if value.estimate is None:
            return f"not identified ({self.bounds(value)})"
        if value.low is None or value.high is None:
            return f"{self.percent(value.estimate)} (no interval)"
        return f"{_fixed(value.estimate, _digits(value))}% ({self.bounds(value)})"

    def bounds(self, value: Interval) -> str:
        """Low and high alone: `10.1-14.0%`."""
        if value.low is None or value.high is None:
            return "no interval"
        digits = _digits(value)
        between = " to " if value.low < 0 else "-"
        return f"{_fixed(value.low, digits)}{between}{_fixed(value.high, digits)}%"

    def points(self, value: Interval) -> str:
        """A difference of two shares, in percentage points.

        >>> Numbers(",").points(Interval(0.211, 0.18, 0.24))
        '21.1 points (18.0-24.0)'
        """
        if value.estimate is None:
            return "not identified"
        digits = _digits(value)
        bounds = f" ({self.bounds(value).rstrip('%')})" if value.low is not None else ""
        return f"{value.estimate * 100:.{digits}f} points{bounds}"

    def quantity(self, value: Interval) -> str:
        """A number of types, or another quantity that is no share: `12,345 (12,001-12,689)`."""
        if value.estimate is None:
            return "not identified"
        if value.low is None or value.high is None:
            return f"{self._amount(value.estimate)} (no interval)"
        bounds = f"{self._amount(value.low)}-{self._amount(value.high)}"
        return f"{self._amount(value.estimate)} ({bounds})"

    def exponent(self, value: Interval) -> str:
        """A number near 1 that is no share.

        >>> Numbers(",").exponent(Interval(0.9032, 0.8993, 0.9071))
        '0.903 (0.899-0.907)'
        """
        if value.estimate is None:
            return "not identified"
        bounds = (
            "no interval" if value.low is None or value.high is None else f"{value.low:.3f}-{value.high:.3f}"
        )
        return f"{value.estimate:.3f} ({bounds})"

    def nats(self, value: Interval) -> str:
        """A log-likelihood, or a difference of two.

        >>> Numbers(",").nats(Interval(0.393, -0.02, 0.622))
        '0.39 (-0.02 to 0.62)'
        """
        if value.estimate is None:
            return "not identified"
        if value.low is None or value.high is None:
            return f"{value.estimate:.2f} (no interval)"
        return f"{value.estimate:.2f} ({value.low:.2f} to {value.high:.2f})"

    def size(self, value: float) -> str:
        """Bytes, decimal units.

        >>> Numbers(",").size(80_123_456)
        '80.1 MB'
        """
        for size, unit in _SIZES:
            if value >= size:
                return f"{value / size:.1f} {unit}"
        return f"{self.count(value)} B"

    def figure(self, value: float | None, digits: int = 4) -> str:
        """A measured number of any size, with so many significant digits.

        >>> [Numbers(",").figure(value) for value in (0.132612, 5671.4, 18215.0, 1.5e-7, None)]
        ['0.1326', '5,671', '18,215', '1.5e-07', 'none']
        """
        if value is None:
            return "none"
        return self.count(value) if abs(value) >= 10 ** (digits - 1) else f"{value:.{digits}g}"

    def seconds(self, value: float) -> str:
        """A time, in units that a person thinks in.

        >>> [Numbers(",").seconds(value) for value in (2.34, 74, 4000)]
        ['2.3 s', '1 min 14 s', '1 h 6 min']
        """
        if value < _MINUTE:
            return f"{value:.1f} s"
        if value < _HOUR:
            return f"{int(value) // _MINUTE} min {int(value) % _MINUTE} s"
        return f"{self.count(int(value) // _HOUR)} h {int(value) % _HOUR // _MINUTE} min"

    def of(self, value: int, noun: str, nouns: str | None = None) -> str:
        """A count and its noun: `1 document`, `2 documents`."""
        return f"{self.count(value)} {noun if value == 1 else nouns or noun + 's'}"

    def _amount(self, value: float) -> str:
        return self.count(value) if abs(value) >= 100 else f"{value:.1f}"


THIN = Numbers("\u202f")
"""For the page: a narrow no-break space, the separator of ISO 80000-1."""

COMMA = Numbers(",")
"""For a terminal: survives copying into a shell or a sheet."""


def short(value: float) -> str:
    """A count on an axis: `0`, `200`, `20k`, `1.5M`."""
    for size, unit in _SHORT:
        if value >= size:
            return f"{value / size:.3g}{unit}"
    return f"{value:.3g}"


def signed_short(value: float) -> str:
    """A number of any size and sign on an axis: `-0.05`, `1e-06`, `20k`."""
    return f"\u2212{short(-value)}" if value < 0 else short(value)


def _digits(value: Interval) -> int:
    """Decimals of a percentage so that the interval's width shows: 1 to 3."""
    low, high = value.low, value.high
    if low is None or high is None:
        return 1
    width, top = abs(high - low) * 100, max(abs(low), abs(high)) * 100
    if width == 0:
        return 1 if top >= 1 else 2
    for digits, narrow in ((1, 0.2), (2, 0.02)):
        if width >= narrow and (top >= 1 or digits > 1):
            return digits
    return 3


def _fixed(share: float, digits: int) -> str:
    # a bound that is exactly 0 or 1 is no rounded figure
    return f"{share * 100:.0f}" if share in {0.0, 1.0} else f"{share * 100:.{digits}f}"
