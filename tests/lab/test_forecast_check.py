"""Check 11 at a small size: it holds, and it does not where the forecast forgets that words come back, or the drift."""

import json
from pathlib import Path

import pytest
import zstandard

from wellkeeper.errors import InputError
from wellkeeper.lab import chain
from wellkeeper.lab import forecast as forecasting
from wellkeeper.lab.checking import Materials
from wellkeeper.lab.checks.forecast import CHECKS, forecast_rows
from wellkeeper.lab.human import human_text
from wellkeeper.lab.wikitext import wikitext

TEXT = Path(__file__).parents[2] / "examples/wikitext-2"


def rows():
    return forecast_rows(wikitext(TEXT).human(), size=60_000, calibrated_on=6, scored_on=3, published=False)


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


@pytest.mark.slow
def test_a_kernel_that_does_not_drift_is_farther_off(monkeypatch) -> None:
    packed = (Path(__file__).parents[2] / "examples/reference/part-0.jsonl.zst").read_bytes()
    lines = zstandard.ZstdDecompressor().decompressobj().decompress(packed).decode().splitlines()
    human = human_text([json.loads(line)["text"] for line in lines])

    def errors() -> list[float]:
        found = forecast_rows(human, size=40_000, calibrated_on=8, scored_on=4, published=False)
        return [abs(row.measured / row.target - 1) for row in found]

    drifting = errors()
    monkeypatch.setattr(chain, "drifted", lambda first, second, place: second if place else first)
    assert all(still > 1.5 * moving for still, moving in zip(errors(), drifting, strict=True))


def test_without_its_text_the_check_says_what_to_give() -> None:
    with pytest.raises(InputError, match=r"reads WikiText-2\. Give .*--text"):
        CHECKS[0].run(Materials())
