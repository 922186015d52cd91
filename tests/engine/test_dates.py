"""Dates in the wild, against the calendar of the standard library."""

from datetime import UTC, datetime, timedelta, timezone
from email.utils import format_datetime

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from wellkeeper.core.dates import CHATGPT_RELEASE
from wellkeeper.core.signals import NO_DATE
from wellkeeper.engine.dates import _seconds, iso_date, iso_seconds, parse_dates, plausible

moments = st.datetimes(datetime(1, 1, 2), datetime(9999, 12, 30))  # noqa: DTZ001  zones are drawn apart
zones = st.integers(-14 * 60, 14 * 60).map(lambda minutes: timezone(timedelta(minutes=minutes)))


def parse(*values: str | None) -> tuple[list[int], int]:
    seconds, odd = parse_dates(pa.array(values, pa.string()))
    assert seconds.dtype == np.int64
    return seconds.tolist(), odd


def at(*when: int) -> int:
    return int(datetime(*when, tzinfo=UTC).timestamp())


@pytest.mark.parametrize(
    ("written", "seconds"),
    [
        ("2021-03-04", at(2021, 3, 4)),
        ("2021-03-04T05:06", at(2021, 3, 4, 5, 6)),
        ("2021-03-04T05:06:07Z", at(2021, 3, 4, 5, 6, 7)),
        ("2021-03-04 05:06:07.987654321Z", at(2021, 3, 4, 5, 6, 7)),
        ("2021-03-04T05:06:07,5+02:00", at(2021, 3, 4, 3, 6, 7)),
        ("2021-03-04T05:06:07-0330", at(2021, 3, 4, 8, 36, 7)),
        ("2021-03-04 05:06:07 UTC", at(2021, 3, 4, 5, 6, 7)),
        ("2021-03-04 05:06:07 +0100", at(2021, 3, 4, 4, 6, 7)),
        ("20210304T050607Z", at(2021, 3, 4, 5, 6, 7)),
        ("20210304", at(2021, 3, 4)),
        ("20210304050607", at(2021, 3, 4, 5, 6, 7)),
        ("2021/3/4", at(2021, 3, 4)),
        ("2021/03/04 05:06", at(2021, 3, 4, 5, 6)),
        ("2021.03.04", at(2021, 3, 4)),
        ("  2021-03-04 ", at(2021, 3, 4)),
        ("2021", at(2021, 12, 31, 23, 59, 59)),
        ("2020-02", at(2020, 2, 29, 23, 59, 59)),
        ("202102", at(2021, 2, 28, 23, 59, 59)),
        ("2021/11", at(2021, 11, 30, 23, 59, 59)),
        ("1609459200", at(2021, 1, 1)),
        ("1609459200.75", at(2021, 1, 1)),
        ("1.6094592e+09", at(2021, 1, 1)),
        ("1609459200123", at(2021, 1, 1)),
        ("1609459200123456", at(2021, 1, 1)),
        ("1609459200123456789", at(2021, 1, 1)),
        ("-1", -1),
        ("Wed, 10 Oct 2018 20:19:24 GMT", at(2018, 10, 10, 20, 19, 24)),
        ("10 Oct 2018 20:19:24 EST", at(2018, 10, 11, 1, 19, 24)),
        ("Sunday, 06-Nov-94 08:49:37 GMT", at(1994, 11, 6, 8, 49, 37)),
        ("Sun Nov  6 08:49:37 1994", at(1994, 11, 6, 8, 49, 37)),
        ("Wed Oct 10 20:19:24 +0000 2018", at(2018, 10, 10, 20, 19, 24)),
        ("March 5, 2019", at(2019, 3, 5)),
        ("5 Mar 2019", at(2019, 3, 5)),
    ],
)
def test_a_date_is_read_alone_as_among_others(written: str, seconds: int) -> None:
    assert parse(written) == ([seconds], 0)
    assert parse("1999-01-01T00:00:00Z", written, None, "soon") == (
        [at(1999, 1, 1), seconds, NO_DATE, NO_DATE],
        1,
    )


@pytest.mark.parametrize(
    "written",
    ["soon", "03/04/2021", "2021-02-30", "0000-00-00", "2021-13", "2021-03-04 at noon", "1e99", "Marchy 5, 2019",
     "99999999999999999999999", "2021-03-04T25:00", "0001-01-01T00:00:00+14:00", "31 Feb 2019", "in 2021"],
)  # fmt: skip
def test_what_is_no_date_is_counted_and_not_guessed(written: str) -> None:
    assert parse(written) == ([NO_DATE], 1)
    assert parse(written, "2021-01-01", written) == ([NO_DATE, at(2021, 1, 1), NO_DATE], 2)


def test_words_for_no_date_are_not_counted_as_misunderstood() -> None:
    assert parse(None, "", " ", "null", "NaT", "nan", "None") == ([NO_DATE] * 7, 0)
    assert parse_dates(pa.nulls(3))[0].tolist() == [NO_DATE] * 3
    assert parse() == ([], 0)


def test_a_date_without_its_month_or_day_never_claims_to_be_early() -> None:
    release = int(CHATGPT_RELEASE.timestamp())
    (year, month, day, before), _ = parse("2022", "2022-11", "2022-11-30", "2022-10")
    assert min(year, month, day) >= release
    assert before < release


@given(
    st.lists(st.one_of(st.none(), moments)), st.sampled_from(["T", " "]), st.sampled_from(["", "Z", "+02:00"])
)
def test_arrow_and_the_slow_path_read_iso_8601_alike(
    when: list[datetime | None], sep: str, zone: str
) -> None:
    written = [None if moment is None else moment.isoformat(sep) + zone for moment in when]
    slow = [NO_DATE if value is None else _seconds(value) for value in written]
    assert parse(*written) == (slow, 0)


@given(moments, zones)
def test_rfc_2822_and_iso_8601_name_the_same_second(moment: datetime, zone: timezone) -> None:
    aware = moment.replace(tzinfo=zone, microsecond=0, year=min(max(moment.year, 1900), 9998))
    expected = (aware - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(seconds=1)
    assert parse(aware.isoformat(), format_datetime(aware)) == ([expected, expected], 0)


@given(st.text(max_size=30))
def test_no_string_raises(value: str) -> None:
    seconds, odd = parse(value, "2021-01-01")
    assert seconds[1] == at(2021, 1, 1)
    assert odd in {0, 1}


@given(moments.map(lambda moment: int(moment.replace(tzinfo=UTC).timestamp())))
def test_seconds_come_back_from_their_iso_form(seconds: int) -> None:
    assert parse(iso_seconds(seconds)) == ([seconds], 0)


@pytest.mark.parametrize(
    ("number", "written"),
    [(1609459200, "2021-01-01T00:00:00Z"), (1609459200.5, "2021-01-01T00:00:00Z"), (2021, "2021"), (2021.0, "2021"),
     (20210304, "20210304"), (0, "1970-01-01T00:00:00Z"), (1e300, str(int(1e300))), (float("nan"), "nan")],
)  # fmt: skip
def test_numbers_are_dates_in_the_unit_their_size_betrays(number: float, written: str) -> None:
    assert iso_date(number) == written


def test_dates_that_stand_for_none_are_no_dates() -> None:
    real = [at(1500, 1, 1), 1, -2, at(2099, 12, 31)]
    seconds, odd = plausible(np.array([*real, 0, -1, at(1, 1, 2), at(2199, 1, 1), NO_DATE], np.int64))
    assert (seconds.tolist(), odd) == ([*real, *[NO_DATE] * 5], 4)
