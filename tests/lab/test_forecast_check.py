"""Check 11 at a small size: it holds, and it does not where the forecast forgets that words come back, or the drift."""

from pathlib import Path

import pytest

from wellkeeper.errors import InputError
from wellkeeper.lab import chain
from wellkeeper.lab import forecast as forecasting
from wellkeeper.lab.checking import Materials
from wellkeeper.lab.checks.forecast import CHECKS, forecast_rows
from wellkeeper.lab.wikitext import wikitext

TEXT = Path(__file__).parents[2] / "examples/wikitext-2"


def rows():
    return forecast_rows(wikitext(TEXT).human(), size=30_000, calibrated_on=8, scored_on=5, published=False)


def test_two_generations_of_an_n_gram_model_foretell_the_tenth() -> None:
    assert [row.holds for row in rows()] == [True, True]


def test_a_kernel_that_forgets_that_words_come_back_fails(monkeypatch) -> None:
    measure = forecasting.kernel

    def forgetful(before, after):
        found = measure(before, after)
        found.means[0] = 0.0
        return found

    monkeypatch.setattr(forecasting, "kernel", forgetful)
    found = rows()
    assert [row.holds for row in found] == [False, False]
    assert found[0].measured < 0.8 * found[0].target


def test_a_kernel_that_does_not_drift_fails(monkeypatch) -> None:
    monkeypatch.setattr(chain, "drifted", lambda first, second, place: second if place else first)
    assert not all(row.holds for row in rows())


def test_without_its_text_the_check_says_what_to_give() -> None:
    with pytest.raises(InputError, match=r"reads WikiText-2\. Give .*--text"):
        CHECKS[0].run(Materials())
