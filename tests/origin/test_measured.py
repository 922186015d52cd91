"""Shares of cells: each against its own slice's references, and totals that are their sums."""

import numpy as np
import pytest

from wellkeeper.measure.quantify import certified_lower_bound, share_with_references
from wellkeeper.origin.measured import FEWEST_SCORES, Cell, measure
from wellkeeper.origin.share import CERTIFIED
from wellkeeper.origin.style import Component

NONE = np.zeros(0, np.float32)


def normal(seed, mean, many):
    number = seed if isinstance(seed, int) else int.from_bytes(seed.encode(), "big")
    return np.random.default_rng(number).normal(mean, 1.5, many).astype(np.float32)


COMPONENTS = tuple(
    Component(name=str(k), human=np.sort(normal(k, -3, 150)), ai=np.sort(normal(k + 50, 2 + k / 4, 150)))
    for k in range(4)
)


def cell(key, share, *, documents=3000, drawn=300, shift=0.0, ai=80, abstains=0):
    """Scores of a slice whose texts all score `shift` higher than another's, human or AI."""
    many = round(drawn * share)
    scores = np.concatenate(
        [normal(key + "ai", 2 + shift, many), normal(key + "h", -3 + shift, drawn - many)]
    )
    scores[:abstains] = np.nan
    return Cell(
        key=key,
        documents=documents,
        scores=scores,
        human=normal(key + "rh", -3 + shift, 80),
        ai=normal(key + "ra", 2 + shift, ai),
    )


def test_one_cell_is_measured_against_its_own_references() -> None:
    one = cell("a", 0.3)
    found = measure([one], COMPONENTS, documents=3000)
    assert found is not None
    assert found.low <= 0.3 <= found.high
    assert found.estimate == pytest.approx(0.3, abs=0.05)
    again = share_with_references(one.scores, one.human, one.ai, components=COMPONENTS)
    assert found.estimate == pytest.approx(
        again.estimate, abs=1e-9
    )  # seeds move the interval and not the estimate
    assert found.certified == certified_lower_bound(one.scores, one.human, confidence=CERTIFIED)
    assert (found.method, found.documents, found.judged, found.scored) == ("references", 3000, 3000, 300)


def test_a_total_is_the_sum_of_its_slices_and_not_an_estimate_of_the_pool() -> None:
    # Human text of the second slice scores like AI text of the first: a pool could not be told apart.
    first, second = cell("a", 0.0, documents=3000), cell("b", 0.5, documents=1000, shift=5.0)
    found = measure([first, second], COMPONENTS, documents=4000)
    parts = [measure([one], COMPONENTS, documents=one.documents) for one in (first, second)]
    assert found is not None
    assert all(parts)
    for name in ("estimate", "low", "high"):
        assert getattr(found, name) == pytest.approx(
            np.average([getattr(part, name) for part in parts], weights=[3000, 1000])
        )
    assert found.estimate == pytest.approx(0.125, abs=0.03)


def test_what_abstains_is_not_judged_and_the_rest_of_its_cell_is_scaled_down() -> None:
    found = measure([cell("a", 0.4, abstains=60)], COMPONENTS, documents=5000)
    assert found is not None
    assert (found.judged, found.scored, found.documents) == (2400, 240, 5000)


def test_too_few_scores_are_not_measured_and_count_as_documents_alone() -> None:
    few = cell("few", 0.5, drawn=FEWEST_SCORES - 1, documents=900)
    assert measure([few], COMPONENTS, documents=900) is None
    assert measure([], COMPONENTS, documents=10) is None
    found = measure([cell("a", 0.1, documents=100), few], COMPONENTS, documents=1000)
    assert found is not None
    assert (found.judged, found.documents) == (100, 1000)


def test_human_references_alone_give_a_wider_interval_and_say_so() -> None:
    both = measure([cell("a", 0.3)], COMPONENTS, documents=3000)
    human = measure([cell("a", 0.3, ai=0)], COMPONENTS, documents=3000)
    mixed = measure([cell("a", 0.3), cell("b", 0.3, ai=0)], COMPONENTS, documents=6000)
    assert both
    assert human
    assert mixed
    assert (human.method, mixed.method) == ("human-references", "both")
    assert human.high - human.low > both.high - both.low
    assert human.low <= 0.3 <= human.high


def test_a_cell_is_measured_the_same_whatever_is_measured_beside_it() -> None:
    a, b = cell("a", 0.2, documents=500), cell("b", 0.7, documents=500)
    one, other = (measure(cells, COMPONENTS, documents=1000) for cells in ([a, b], [b, a]))
    assert one
    assert other
    assert (one.estimate, one.low, one.high) == pytest.approx((other.estimate, other.low, other.high))
    assert measure([a], COMPONENTS, documents=500) == measure([a], COMPONENTS, documents=500)
    assert measure([a], COMPONENTS, documents=500, seed=1) != measure([a], COMPONENTS, documents=500)


def test_bounds_of_several_cells_hold_together() -> None:
    cells = [cell(name, 0.6) for name in "abc"]
    alone = [certified_lower_bound(one.scores, one.human, confidence=CERTIFIED) for one in cells]
    found = measure(cells, COMPONENTS, documents=9000)
    assert found is not None
    assert 0 < found.certified < np.mean(alone)


@pytest.mark.parametrize("ai", [80, 0])
def test_no_interval_is_a_point_however_human_the_documents_read(ai) -> None:
    one = cell("a", 0.0, ai=ai)
    far = Cell(key="far", documents=3000, scores=one.scores - 4, human=one.human, ai=one.ai)
    found = measure([far], COMPONENTS, documents=3000)
    assert found is not None
    assert (found.estimate, found.low) == (pytest.approx(0, abs=1e-3), 0)
    # of 300 documents none of which is AI-made, up to 1.2 % of such a slice may be with probability 2.5 %
    assert found.high >= 1 - 0.025 ** (1 / 300)


def test_an_interval_holds_what_a_count_of_known_documents_would_leave_open() -> None:
    for share in (0.02, 0.5, 1.0):
        found = measure([cell("a", share, drawn=60)], COMPONENTS, documents=3000)
        assert found is not None
        spread = 1.9 * (found.estimate * (1 - found.estimate) / 60) ** 0.5
        assert found.low <= max(0, found.estimate - 0.9 * spread)
        assert found.high >= min(1, found.estimate + 0.9 * spread)
        assert found.high - found.low > 0.03
