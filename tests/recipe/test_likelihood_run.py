"""Held-out likelihood in an audit: what is compared, what is left out, and when there is none."""

import json
from pathlib import Path

import numpy as np
import pytest

import wellkeeper

WORDS = [f"word{k}" for k in range(4000)]


def texts(count: int, seed: int, temperature: float = 1.0) -> list[str]:
    """Documents of about 100 words, by Zipf's law."""
    chances = (1 / np.arange(1, len(WORDS) + 1)) ** (1 / temperature)
    random = np.random.default_rng(seed)
    return [
        " ".join(random.choice(WORDS, size=random.integers(60, 140), p=chances / chances.sum()))
        for _ in range(count)
    ]


def written(path: Path, documents: list[str]) -> Path:
    path.write_text("".join(json.dumps({"text": text}) + "\n" for text in documents))
    return path


@pytest.fixture
def likelihood(tmp_path: Path):
    def audited(corpus: list[str], reference: list[str]):
        found = wellkeeper.audit(
            written(tmp_path / "corpus.jsonl", corpus),
            reference=written(tmp_path / "reference.jsonl", reference),
            out=tmp_path / "out",
        )
        return found.document["tails"]["reference"]["likelihood"]

    return audited


def test_a_sharpened_corpus_teaches_rare_words_worse(likelihood) -> None:
    found = likelihood(texts(120, 1, temperature=0.7), texts(240, 2))
    assert [band["band"] for band in found["bands"]] == ["1", "2", "3-5", "6-20", ">20"]
    assert found["bands"][2]["excess"]["low"] > 0
    assert found["bands"][4]["excess"]["high"] < 0
    assert found["reference_documents"] + found["held_out_documents"] <= 240
    assert found["held_out_words"] == sum(band["words"] for band in found["bands"])


def test_what_stands_in_the_reference_is_not_learnt_from(likelihood) -> None:
    """A corpus that holds its reference would otherwise know the held-out half by heart."""
    reference, own = texts(120, 2), texts(120, 1)
    assert likelihood([*own, *reference], reference) == likelihood(own, reference)


def test_a_text_that_stands_twice_in_the_reference_counts_once(likelihood) -> None:
    reference = texts(120, 2)
    found = likelihood(texts(120, 1), [*reference, *reference[:60]])
    assert found["reference_documents"] + found["held_out_documents"] == 120


def test_copies_of_a_few_texts_are_too_small_a_reference(likelihood) -> None:
    assert likelihood(texts(60, 1), 5 * texts(18, 2)) is None
