"""WikiText-2 as it lies in the examples: what is read, how it is divided, and what is refused."""

from pathlib import Path

import numpy as np
import pytest

from wellkeeper.errors import InputError
from wellkeeper.lab.text import LINE
from wellkeeper.lab.wikitext import HELD_OUT_FROM, TRAINED_ON, WikiText, wikitext

FOLDER = Path(__file__).parents[2] / "examples" / "wikitext-2"


@pytest.fixture(scope="module")
def read() -> WikiText:
    return wikitext(FOLDER)


def test_both_texts_are_divided_into_a_stream_and_what_is_held_out(read: WikiText) -> None:
    human = read.human()
    every = [
        words
        for text in (read.test, read.valid)
        for line in text.splitlines()
        if (words := [*line.split(), LINE])[1:]
    ]
    words = [word for line in every for word in line]
    test = sum(len(line.split()) + 1 for line in read.test.splitlines() if line.strip())
    cut = test + HELD_OUT_FROM
    spelled = np.array(human.vocabulary.words)
    assert len(human.text) == len(human.held_out) == 1
    assert spelled[human.text.words].tolist() == [*words[:cut], LINE]  # a cut line ends where it is cut
    assert spelled[human.held_out.words].tolist() == words[cut:]


def test_the_first_words_have_the_published_types(read: WikiText) -> None:
    counts = np.bincount(read.human().text.words[:TRAINED_ON])
    assert np.count_nonzero(counts) == 12_815
    assert np.count_nonzero((counts >= 1) & (counts <= 3)) == 7_777


def test_strings_hold_the_same_words(read: WikiText) -> None:
    human = read.human()
    assert human.documents[0].split() == [
        word for word in np.array(human.vocabulary.words)[human.text.words].tolist() if word != LINE
    ]
    assert (human.documents[0] + human.held_out_documents[0]) == read.test + read.valid


def test_plain_files_are_read_as_packed_ones(read: WikiText, tmp_path: Path) -> None:
    (tmp_path / "test.txt").write_text(read.test, encoding="utf-8", newline="")
    (tmp_path / "valid.txt").write_text(read.valid, encoding="utf-8", newline="")
    assert wikitext(tmp_path) == read


def test_a_folder_without_the_text_is_refused(tmp_path: Path) -> None:
    with pytest.raises(
        InputError, match=r"has no test\.txt and no test\.txt\.zst that can be read\. Give a folder with"
    ):
        wikitext(tmp_path)


def test_another_text_is_refused(tmp_path: Path) -> None:
    (tmp_path / "test.txt").write_text("= A title =\n")
    with pytest.raises(
        InputError, match=r"is not WikiText-2 as the checks know it: its SHA-256 is [0-9a-f]{64}\. Give"
    ):
        wikitext(tmp_path)


def test_a_damaged_archive_is_refused(tmp_path: Path) -> None:
    (tmp_path / "test.txt.zst").write_bytes(b"not zstd")
    with pytest.raises(InputError, match=r"Give a folder with WikiText-2's"):
        wikitext(tmp_path)
