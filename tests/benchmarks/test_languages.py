"""The benchmark of languages, on made-up texts in the letters of each: copies found, removals verified."""

import languages
import naive
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

SCRIPTS = {
    "Chinese": (range(0x4E00, 0x5200), ""),
    "Japanese": ([*range(0x3041, 0x3094), *range(0x30A1, 0x30F5), *range(0x4E00, 0x4E80)], ""),
    "Thai": ([*range(0x0E01, 0x0E2F), *range(0x0E30, 0x0E3A), *range(0x0E40, 0x0E4D)], ""),
    "Korean": (range(0xAC00, 0xB400), " "),
    "Russian": ([*range(0x0410, 0x0450), 0x0451], " "),
    "Vietnamese": ([*range(0x61, 0x7B), *range(0x1EA1, 0x1EF9)], " "),
    "Arabic": ([*range(0x0621, 0x063B), *range(0x0641, 0x0653)], " "),
    "Hindi": ([*range(0x0905, 0x093A), *range(0x093E, 0x094E)], " "),
}


def made(alphabet, between, *, documents, words=120):
    """Texts of words drawn as often as words of a language are, in sentences."""
    rng = np.random.default_rng(5)
    letters = [chr(point) for point in alphabet]
    vocabulary = ["".join(rng.choice(letters, size=rng.integers(1, 6))) for _ in range(1500)]
    weights = 1 / np.arange(3, len(vocabulary) + 3)
    texts = []
    for _ in range(documents):
        drawn = rng.choice(vocabulary, size=words, p=weights / weights.sum())
        texts.append(between.join(word + "." * (rng.random() < 0.1) for word in drawn))
    return texts


@pytest.mark.parametrize("language", sorted(SCRIPTS))
def test_copies_in_every_script_are_found_and_strangers_are_left_alone(language):
    texts = made(*SCRIPTS[language], documents=54)
    figures = languages.figures_of(language, texts, similarity=0.8, seed=3)
    assert figures.documents == 81
    assert figures.pairs >= 12
    assert figures.found == figures.pairs
    assert figures.removed >= figures.found
    assert (figures.unverified, figures.natural) == (0, 0)
    assert figures.largest_error < 1e-6
    assert figures.largest_unrelated < 0.3


@given(st.text(max_size=60), st.integers(0, 9))
def test_pieces_are_the_whole_text(text, seed):
    assert "".join(languages.pieces(text, np.random.default_rng(seed))) == text
    assert "".join(languages.sentences(text)) == text


@pytest.mark.parametrize("language", sorted(SCRIPTS))
def test_another_spelling_is_the_same_set_of_shingles(language):
    text = made(*SCRIPTS[language], documents=1)[0]
    spelled = languages.edited(text, "spelling", ["word"], np.random.default_rng(0))
    assert spelled != text
    assert naive.shingles_of(spelled) == naive.shingles_of(text)
