"""Traces of the route by which texts came are found, and chance is not taken for one."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from wellkeeper.errors import DataError
from wellkeeper.kernels.style import CHARS
from wellkeeper.origin.shortcuts import ERROR_RATE, FEATURES, features_of, shortcuts

WORDS = "the of a lake tower and road to engine in garden it letter was winter for market with river".split()


def prose(rng: np.random.Generator, words: int = 120) -> str:
    chosen = rng.choice(WORDS, words).tolist()
    return " ".join(" ".join(chosen[at : at + 12]).capitalize() + "." for at in range(0, words, 12))


def sample(seed: int, texts: int) -> list[str]:
    rng = np.random.default_rng(seed)
    return [prose(rng, int(rng.integers(60, 180))) for _ in range(texts)]


def large(human: list[str], ai: list[str], comparisons: int = 1) -> set[str]:
    found = shortcuts(features_of(human), features_of(ai), comparisons=comparisons)
    return {one.feature for one in found if one.is_large}


@pytest.mark.parametrize(
    ("feature", "plant"),
    [
        ("line feeds", lambda text: text.replace(". ", ".\n")),
        ("straight quotes", lambda text: '"' + text.replace(". ", '." "') + '"'),
        ("curly quotes", lambda text: "\u201c" + text.replace(". ", ".\u201d \u201c") + "\u201d"),
        ("final punctuation", lambda text: text[:-4]),
        ("digits", lambda text: text + " 1984 2001 13"),
        ("capitals", str.upper),
        ("longest word", lambda text: text.replace("lake t", "laket") + " hadronswasobserved"),
        ("outer white space", lambda text: text + "\n"),
        ("Markdown marks", lambda text: "# The lake\n\n**Winter.** " + text),
        ("words", lambda text: text[: len(text) // 4]),
        ("characters", lambda text: text[: len(text) // 4]),
    ],
)
def test_a_planted_trace_is_found_whichever_side_has_it(feature: str, plant) -> None:
    human, other = sample(1, 60), sample(2, 60)
    planted = [plant(text) for text in other]
    assert feature in large(human, planted)
    assert feature in large(planted, human)


def test_the_artefact_audit_catches_a_planted_newline_artefact() -> None:
    human, ai = sample(1, 40), [text.replace(". ", ".\n") for text in sample(2, 40)]
    strongest = shortcuts(features_of(human), features_of(ai))[0]
    assert strongest.feature == "line feeds"
    assert strongest.area == 1.0
    assert strongest.is_large
    message = strongest.message()
    assert message.startswith(
        "Line feeds alone tell the AI references from the human ones: area under the ROC curve 1.00 ("
    )
    assert "; on average 0 (human) and " in message
    assert message.endswith("no Markdown) or export them alike; then build again.")


def test_every_feature_has_a_message_that_ends_with_what_to_do() -> None:
    for one in shortcuts(features_of(sample(1, 30)), features_of(sample(2, 30))):
        assert one.feature.lower() in one.message().lower()
        assert one.message().endswith("; then build again.")


def test_samples_of_one_source_are_warned_of_no_more_often_than_promised() -> None:
    """300 pairs of samples: at most 5 % may be warned of; 8 % is three standard errors above."""
    texts = features_of(sample(3, 4000))
    rng = np.random.default_rng(4)
    pairs = [rng.permutation(4000)[:60] for _ in range(300)]
    warned = [any(one.is_large for one in shortcuts(texts[pair[:30]], texts[pair[30:]])) for pair in pairs]
    assert np.mean(warned) <= ERROR_RATE + 3 * np.sqrt(ERROR_RATE * (1 - ERROR_RATE) / 300)


def test_a_small_difference_between_large_samples_is_not_worth_a_warning() -> None:
    human = np.zeros((2000, len(FEATURES)))
    ai = human.copy()
    ai[:600, 0] = 1  # area .65
    (strongest, *_) = shortcuts(human, ai)
    assert strongest.area == pytest.approx(0.65)
    assert strongest.low > 0.5
    assert not strongest.is_large


def test_more_slices_make_each_interval_wider() -> None:
    human, ai = features_of(sample(1, 30)), features_of(sample(2, 30))
    one, many = shortcuts(human, ai), shortcuts(human, ai, comparisons=50)
    for first, second in zip(one, many, strict=True):
        assert second.low <= first.low
        assert second.high >= first.high


@given(st.lists(st.text(max_size=80), max_size=5))
def test_any_text_has_finite_features(texts: list[str]) -> None:
    found = features_of(texts)
    assert found.shape == (len(texts), len(FEATURES))
    assert np.isfinite(found).all()


def test_only_the_part_that_a_score_reads_counts() -> None:
    text = "a" * CHARS
    assert (features_of([text]) == features_of([text + '\n\n"1" # B'])).all()


def test_an_empty_sample_is_refused() -> None:
    with pytest.raises(DataError, match="Pass at least one number in each"):
        shortcuts(features_of([]), features_of(["a"]))
