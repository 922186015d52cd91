"""`review status`: how far a queue is, how well its readers agree, and what share their answers make."""

from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np

from wellkeeper import __version__
from wellkeeper.errors import InputError
from wellkeeper.measure.agreement import Ratings, alpha, pairs
from wellkeeper.measure.gold_drift import Drift, drift
from wellkeeper.measure.prediction_powered import labels_between, labels_for
from wellkeeper.measure.threshold_watch import settled
from wellkeeper.measure.verifier import Kept
from wellkeeper.recipe.reviewing import open_queue
from wellkeeper.recipe.review_share import Looked, ShareFound, in_order, looked_of, share_found, value_of
from wellkeeper.review.item import Answer, Outcome, Placed
from wellkeeper.review.queue import ReviewQueue
from wellkeeper.review.question import Question

SCHEMA = "wellkeeper.review-status/1"

WIDTH = 0.05
"""Half the width of an interval, as a share, that most decisions can be made with; `review status --width`."""
LEAST_ALPHA = 0.667
"""Alpha below which labels do not bear conclusions; Krippendorff, Content Analysis, 2nd ed. (2004), chapter 11."""
LEAST_WITH_ONESELF = 0.8
"""Share of repeats answered as before, below which a reader is told so. Ours: one in five is the others' noise too."""


def standing_of(
    place: str | Path, *, width: float | None = None, threshold: float | None = None
) -> dict[str, Any]:
    """The standing of a queue: schema `wellkeeper.review-status/1`.

    Args:
        place: a queue's file, or the result that it was made from.
        width: half-width, in (0, 1), that the interval of the share is to have; None: .05.
        threshold: share in (0, 1) that matters: tells on which side of it the share is.

    Raises:
        InputError: there is no queue, or the width is none.
    """
    if width is not None and not 0 < width < 1:
        raise InputError(f"The width is {width}. Give a share between 0 and 1, such as 0.05.")
    with open_queue(place) as queue:
        return _standing(queue, WIDTH if width is None else width, threshold)


def _standing(queue: ReviewQueue, width: float, threshold: float | None) -> dict[str, Any]:
    outcomes = {one.number: one for one in queue.outcomes()}
    looked_items: list[tuple[Placed, Outcome]] = []
    gold: dict[int, str] = {}
    readers_of: dict[int, int] = {}

    def each() -> Any:
        for number, placed in queue.items():
            if placed.item.gold:
                gold[number] = placed.item.gold
            readers_of[number] = placed.readers
            yield placed, outcomes[number]

    looked = looked_of(each(), queue.question, queue.pool)
    del looked_items
    return {}
