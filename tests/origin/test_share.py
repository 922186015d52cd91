"""Bounds that hold whatever the unknown documents are, overall and by slice."""

from datetime import UTC, datetime

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from wellkeeper.core.origin import Origin
from wellkeeper.core.signals import NO_DATE
from wellkeeper.errors import DataError
from wellkeeper.origin.share import by_month, by_source, share

AI = (Origin.AI_GENERATED, Origin.AI_ASSISTED)
documents = st.lists(st.tuples(st.sampled_from(Origin), st.booleans()), min_size=1, max_size=40)


def columns(documents) -> tuple[np.ndarray, np.ndarray]:
    origin, conflict = zip(*documents, strict=True)
    return np.array(origin, np.uint8), np.array(conflict, bool)


@given(documents, st.randoms())
def test_the_bounds_hold_the_truth_under_any_origin_of_the_unknown(documents, random) -> None:
    origin, conflict = columns(documents)
    truth = origin.copy()
    for number in np.flatnonzero((origin == Origin.UNKNOWN) | conflict):
        truth[number] = random.choice([kind for kind in Origin if kind is not Origin.UNKNOWN])
    found = share(origin, conflict)
    assert found.low <= np.isin(truth, AI).mean() <= found.high


@given(documents)
def test_both_bounds_are_reached_so_no_narrower_interval_is_honest(documents) -> None:
    origin, conflict = columns(documents)
    open_ = (origin == Origin.UNKNOWN) | conflict
    found = share(origin, conflict)
    assert found.low == np.isin(np.where(open_, Origin.HUMAN, origin), AI).mean()
    assert found.high == pytest.approx(np.isin(np.where(open_, Origin.AI_GENERATED, origin), AI).mean())


@given(documents)
def test_there_is_an_estimate_only_where_nothing_is_unknown(documents) -> None:
    origin, conflict = columns(documents)
    found = share(origin, conflict)
    assert (found.estimate is None) == bool(((origin == Origin.UNKNOWN) | conflict).any())
    if found.estimate is not None:
        assert found.low == found.estimate == found.high


def test_a_corpus_with_unknown_documents_is_said_to_be_not_identified() -> None:
    origin = np.array([Origin.HUMAN, Origin.AI_ASSISTED, Origin.UNKNOWN, Origin.PROGRAMMATIC], np.uint8)
    assert share(origin).to_json() == {
        "estimate": None,
        "low": 0.25,
        "high": 0.5,
        "level": 0.95,
        "method": "bounds",
        "anchored": False,
        "note": (
            "Not identified: 1 of 4 documents carry no evidence that settles their origin, so the share lies "
            "anywhere from 25.0% (none of them is AI) to 50.0% (all are). About 80 documents of known origin "
            "per kind of text (anchors) would settle it."
        ),
    }


def test_a_fully_labelled_corpus_has_a_declared_share_that_says_it_is_not_tested() -> None:
    found = share(np.array([Origin.HUMAN, Origin.AI_GENERATED], np.uint8))
    assert (found.estimate, found.low, found.high, found.method) == (0.5, 0.5, 0.5, "declared")
    assert found.note.startswith(
        "Declared, not tested: all 2 documents have an origin by label, date or trace"
    )


def test_a_document_in_conflict_counts_as_unknown_even_if_labelled() -> None:
    origin = np.array([Origin.HUMAN, Origin.HUMAN], np.uint8)
    assert share(origin, np.array([True, False])).high == 0.5


@given(documents, st.data())
def test_slices_partition_the_documents_and_each_has_its_own_bounds(documents, data) -> None:
    origin, conflict = columns(documents)
    source = np.array(
        data.draw(st.lists(st.integers(0, 3), min_size=len(origin), max_size=len(origin))), np.int32
    )
    slices = by_source(origin, source, ["a", "b", "c", "d"], conflict)
    assert sum(part.documents for part in slices) == len(origin)
    for part in slices:
        inside = source == "abcd".index(part.name)
        assert part.share == share(origin[inside], conflict[inside])


def test_months_are_utc_and_ascending_and_the_undated_come_last() -> None:
    dates = [
        datetime(2025, 1, 31, 23, 59, 59, tzinfo=UTC),
        datetime(2025, 2, 1, tzinfo=UTC),
        datetime(1969, 12, 31, tzinfo=UTC),
        datetime(2025, 1, 1, tzinfo=UTC),
    ]
    captured_at = np.array([*(int(date.timestamp()) for date in dates), NO_DATE], np.int64)
    origin = np.array(
        [Origin.AI_GENERATED, Origin.HUMAN, Origin.HUMAN, Origin.UNKNOWN, Origin.UNKNOWN], np.uint8
    )
    rows = [
        (part.name, part.documents, part.share.low, part.share.high) for part in by_month(origin, captured_at)
    ]
    assert rows == [
        ("1969-12", 1, 0.0, 0.0),
        ("2025-01", 2, 0.5, 1.0),
        ("2025-02", 1, 0.0, 0.0),
        ("undated", 1, 0.0, 1.0),
    ]


def test_sources_without_documents_have_no_row() -> None:
    slices = by_source(np.array([1], np.uint8), np.array([1]), ["empty", "full"])
    assert [part.name for part in slices] == ["full"]


def test_errors_say_what_was_found_and_what_to_do() -> None:
    one, two = np.ones(1, np.uint8), np.ones(2, np.uint8)
    with pytest.raises(
        DataError, match=r"share of no documents is not defined\. Check that the inputs hold doc"
    ):
        share(np.zeros(0, np.uint8))
    with pytest.raises(
        DataError, match=r"origin has shape \(2,\) and conflict has \(1,\)\. Pass one value of each"
    ):
        share(two, np.zeros(1, bool))
    with pytest.raises(DataError, match=r"source indexes 0 to 2 and there are 1 names\. Pass the names that"):
        by_source(two, np.array([0, 2]), ["a"])
    with pytest.raises(
        DataError, match=r"origin has shape \(1,\) and the slicing column has \(2,\)\. Pass one"
    ):
        by_month(one, np.zeros(2, np.int64))
