"""Dates as people write them, read as seconds since 1970 in UTC, or honestly not understood.

A date without a zone is read as UTC. A date without a day (`2021`, `2021-03`) is read as the *last* second
of its year or month: whoever concludes "captured before November 2022" from it is then right for certain.
Day-first and month-first numbers (`03/04/2021`) cannot be told apart and are not understood.
"""

import re
from calendar import monthrange
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from wellkeeper.core.signals import NO_DATE

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_FIRST = int((datetime(1, 1, 1, tzinfo=UTC) - _EPOCH).total_seconds())
_LAST = int((datetime(9999, 12, 31, 23, 59, 59, tzinfo=UTC) - _EPOCH).total_seconds())

_ABSENT = frozenset({"", "null", "none", "nan", "nat", "n/a", "na", "unknown"})
_MONTHS = (
    *("january", "february", "march", "april", "may", "june"),
    *("july", "august", "september", "october", "november", "december"),
)

_NUMBER = re.compile(r"[+-]?\d+(\.\d*)?([eE][+-]?\d+)?")
_MONTH_ONLY = re.compile(r"(\d{4})[-/.](\d{1,2})")
_CALENDAR = re.compile(r"(\d{4})([-/.])(\d{1,2})\2(\d{1,2})(?:[T ]\s*(\S.*))?")
_CLOCK = re.compile(
    r"(\d{2}(?::?\d{2}){0,2}(?:[.,]\d+)?)\s*(Z|UTC|GMT|[+-]\d{2}(?::?\d{2})?)?", re.IGNORECASE
)
_MONTH_FIRST = re.compile(r"([A-Za-z]{3,9})\.? (\d{1,2}),? (\d{4})")
_DAY_FIRST = re.compile(r"(\d{1,2})\.? ([A-Za-z]{3,9})\.?,? (\d{4})")
_MAIL = re.compile(
    r"(?:(?:mon|tue|wed|thu|fri|sat|sun)[a-z]*,?\s+)?(?:\d{1,2}[ -][a-z]{3}|[a-z]{3}\s+\d).*\d:\d\d.*",
    re.IGNORECASE,
)


def parse_dates(column: Any) -> tuple[NDArray[np.int64], int]:
    """Seconds since 1970-01-01 UTC of each string of an Arrow array, and how many were not understood.

    Understood are ISO 8601, `YYYY`, `YYYY-MM`, `YYYY/MM/DD`, `YYYYMMDD`, `YYYYMMDDhhmmss`, RFC 2822, English
    month names, and numbers: seconds since 1970, or milli-, micro- or nanoseconds where seconds would lie
    thousands of years ahead. Shape (len(column),); `NO_DATE` where the date is missing or not understood.

    >>> seconds, odd = parse_dates(pa.array(["1970-01-02", None, "Thu, 01 Jan 1970 00:00:09 GMT", "soon"]))
    >>> (seconds == NO_DATE).tolist(), seconds[[0, 2]].tolist(), odd
    ([False, True, False, True], [86400, 9], 1)
    """
    strings = column.combine_chunks() if isinstance(column, pa.ChunkedArray) else column
    if pa.types.is_null(strings.type):
        return np.full(len(strings), NO_DATE, dtype=np.int64), 0
    at_once = _iso_at_once(strings)
    if at_once is not None:
        return at_once, 0
    distinct: Any = strings.dictionary_encode()
    values = [_seconds(value) for value in distinct.dictionary.to_pylist()]
    known = np.array([NO_DATE if value is None else value for value in values] + [NO_DATE], dtype=np.int64)
    odd = np.array([value is None for value in values] + [False])
    codes = distinct.indices.fill_null(len(values)).to_numpy(zero_copy_only=False)
    return known[codes], int(odd[codes].sum())


# Year 1000 to 2100. What lies outside stands for "no date" in somebody's system, as do 0 and -1 seconds.
_PLAUSIBLE = (-30_610_224_000, 4_102_444_800)


def plausible(seconds: NDArray[np.int64]) -> tuple[NDArray[np.int64], int]:
    """The dates, `NO_DATE` for those that only stand for a missing one, and how many those are.

    Such a date is no evidence of anything, least of all of age.

    >>> plausible(np.array([0, 1609459200, 4102444800]))
    (array([-9223372036854775808,           1609459200, -9223372036854775808]), 2)
    """
    stands_in = (seconds < _PLAUSIBLE[0]) | (seconds >= _PLAUSIBLE[1]) | (seconds == 0) | (seconds == -1)
    stands_in &= seconds != NO_DATE
    return np.where(stands_in, NO_DATE, seconds), int(stands_in.sum())


def iso_date(number: float) -> str:
    """A date given as a number, as ISO 8601 in UTC; as written if no calendar knows it.

    >>> iso_date(1609459200), iso_date(1609459200000), iso_date(2021), iso_date(20210309)
    ('2021-01-01T00:00:00Z', '2021-01-01T00:00:00Z', '2021', '20210309')
    """
    written = str(int(number)) if float(number).is_integer() else repr(number)
    if _compact(written) is not None:
        return written
    seconds = _since_epoch(number)
    return written if seconds is None else iso_seconds(seconds)


def iso_seconds(seconds: int) -> str:
    """Seconds since 1970-01-01 UTC as ISO 8601.

    >>> iso_seconds(-1)
    '1969-12-31T23:59:59Z'
    """
    return (_EPOCH + timedelta(seconds=seconds)).isoformat().replace("+00:00", "Z")


def _iso_at_once(strings: Any) -> NDArray[np.int64] | None:
    """All of a column in ISO 8601 with one zone habit, parsed by Arrow; None if one value does not fit."""
    for zone in (None, "UTC"):
        try:
            micros = pc.cast(strings, pa.timestamp("us", zone)).cast(pa.int64())
        except pa.ArrowInvalid:
            continue
        seconds: NDArray[np.int64] = micros.fill_null(0).to_numpy() // 1_000_000
        if seconds.size and (seconds.min() < _FIRST or seconds.max() > _LAST):
            return None
        seconds[micros.is_null().to_numpy(zero_copy_only=False)] = NO_DATE
        return seconds
    return None


def _seconds(value: str) -> int | None:
    """One date, `NO_DATE` if the value says that there is none, None if it is not understood."""
    value = value.strip()
    if value.lower() in _ABSENT:
        return NO_DATE
    if _NUMBER.fullmatch(value):
        compact = _compact(value)
        return _since_epoch(float(value)) if compact is None else compact
    try:
        seconds = _calendar(value) if value[:4].isdecimal() else _in_words(value)
    except (ValueError, OverflowError, TypeError):
        return None
    return seconds if seconds is not None and _FIRST <= seconds <= _LAST else None


def _compact(digits: str) -> int | None:
    """`YYYY`, `YYYYMM`, `YYYYMMDD`, `YYYYMMDDhhmmss`; None if it is no date of the years 1000 to 2999."""
    if len(digits) not in {4, 6, 8, 14} or not digits.isdecimal() or digits[0] not in "12":
        return None
    year, month = int(digits[:4]), int(digits[4:6] or 12)
    try:
        if len(digits) <= 6:
            return _end_of_month(year, month)
        hour, minute, second = (int(digits[at : at + 2] or 0) for at in (8, 10, 12))
        return _to_seconds(datetime(year, month, int(digits[6:8]), hour, minute, second, tzinfo=UTC))
    except ValueError:
        return None


def _since_epoch(number: float) -> int | None:
    """Unix time in the unit that its size betrays: 1e11 seconds are the year 5138."""
    if not np.isfinite(number):
        return None
    size = abs(number)
    unit = 1 if size <= 1e11 else 1e3 if size <= 1e14 else 1e6 if size <= 1e17 else 1e9
    seconds = int(number // unit)
    return seconds if _FIRST <= seconds <= _LAST else None


def _calendar(value: str) -> int | None:
    """Dates that start with the year."""
    if match := _MONTH_ONLY.fullmatch(value):
        return _end_of_month(int(match[1]), int(match[2]))
    match = _CALENDAR.fullmatch(value)
    if match is None:
        return _to_seconds(datetime.fromisoformat(value))
    day = f"{match[1]}-{int(match[3]):02}-{int(match[4]):02}"
    if match[5] is None:
        return _to_seconds(datetime.fromisoformat(day))
    clock = _CLOCK.fullmatch(match[5].strip())
    if clock is None:
        return None
    zone = clock[2] or ""
    return _to_seconds(datetime.fromisoformat(f"{day}T{clock[1]}{'Z' if zone.isalpha() else zone}"))


def _in_words(value: str) -> int | None:
    """RFC 2822 and its elder forms, and a day with an English month name."""
    if _MAIL.fullmatch(value):
        return _to_seconds(parsedate_to_datetime(value))
    if match := _MONTH_FIRST.fullmatch(value):
        month, day, year = match.groups()
    elif match := _DAY_FIRST.fullmatch(value):
        day, month, year = match.groups()
    else:
        return None
    named = [number for number, name in enumerate(_MONTHS, 1) if month.lower() in {name, name[:3]}]
    return _to_seconds(datetime(int(year), named[0], int(day), tzinfo=UTC)) if named else None


def _end_of_month(year: int, month: int) -> int:
    if not 1 <= month <= 12:
        raise ValueError(month)
    return _to_seconds(datetime(year, month, monthrange(year, month)[1], 23, 59, 59, tzinfo=UTC))


def _to_seconds(moment: datetime) -> int:
    aware = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
    return (aware - _EPOCH) // timedelta(seconds=1)
