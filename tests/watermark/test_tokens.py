"""Text to token ids: batches, fingerprints, and what is refused."""

import json
import sys

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from marked_tokens import as_text, plain_rows, words_tokenizer
from wellkeeper.errors import InputError, MissingExtraError
from wellkeeper.watermark import tokens as module
from wellkeeper.watermark.tokens import fingerprint_of, open_tokenizer, tokens_of

pytest.importorskip("tokenizers")


@pytest.fixture
def path(tmp_path):
    (tmp_path / "tokenizer.json").write_text(json.dumps(words_tokenizer()))
    return tmp_path / "tokenizer.json"


def test_ids_come_out_document_by_document(path):
    found = open_tokenizer(path).encode(["w1 w2 w3", "", "w9"])
    assert found.ids.tolist() == [1, 2, 3, 9]
    assert found.offsets.tolist() == [0, 3, 3, 4]
    assert found.counts().tolist() == [3, 0, 1]
    assert found.ids.dtype == np.int32
    assert len(found) == 3


def test_batches_change_nothing(path, monkeypatch):
    texts = [as_text(row) for row in plain_rows(documents=9, length=20)]
    whole = open_tokenizer(path).encode(texts)
    for size in (1, 30, 200, 10_000):
        monkeypatch.setattr(module, "_BATCH", size)
        found = open_tokenizer(path).encode(texts)
        assert np.array_equal(found.ids, whole.ids)
        assert np.array_equal(found.offsets, whole.offsets)


def test_no_text_has_no_ids(path):
    found = open_tokenizer(path).encode([])
    assert (len(found), found.ids.size) == (0, 0)


def test_half_a_character_is_read_as_a_question_mark(path):
    assert open_tokenizer(path).encode(["w1 \ud800 w2"]).ids.tolist() == [1, 0, 2]


@given(st.lists(st.lists(st.integers(0, 9), max_size=5), max_size=6))
def test_rows_come_back_from_one_array(rows):
    found = tokens_of(rows)
    assert [found.ids[found.offsets[k] : found.offsets[k + 1]].tolist() for k in range(len(found))] == rows


def test_a_folder_with_a_tokeniser_will_do(path):
    assert open_tokenizer(path.parent).fingerprint == open_tokenizer(path).fingerprint


def test_a_fingerprint_is_of_what_decides_ids():
    plain = words_tokenizer()
    same = fingerprint_of(plain)
    assert fingerprint_of(dict(reversed(plain.items()))) == same
    assert (
        fingerprint_of({**plain, "truncation": {"max_length": 3}, "padding": {"x": 1}, "decoder": {}}) == same
    )
    for part in ("model", "pre_tokenizer", "normalizer", "added_tokens"):
        assert fingerprint_of({**plain, part: {"type": "other"}}) != same


def test_merges_written_in_either_way_are_the_same():
    old = {"model": {"type": "BPE", "merges": ["a b", "ab c"]}}
    new = {"model": {"type": "BPE", "merges": [["a", "b"], ["ab", "c"]]}}
    assert fingerprint_of(old) == fingerprint_of(new)


def test_truncation_and_control_tokens_of_the_file_are_not_applied(tmp_path):
    written = words_tokenizer() | {
        "truncation": {"direction": "Right", "max_length": 2, "strategy": "LongestFirst", "stride": 0},
        "added_tokens": [
            {
                "id": 400, "content": "<end>", "single_word": False, "lstrip": False, "rstrip": False,
                "normalized": False, "special": True,
            }
        ],
    }  # fmt: skip
    (tmp_path / "tokenizer.json").write_text(json.dumps(written))
    tokenizer = open_tokenizer(tmp_path)
    assert tokenizer.encode(["w1 w2 w3"]).ids.tolist() == [1, 2, 3]
    assert 400 not in tokenizer.encode(["w1 <end> w2"]).ids.tolist()
    assert tokenizer.size == 401


def test_what_is_no_tokeniser_is_told(tmp_path):
    with pytest.raises(
        InputError, match=r"does not exist. Give a tokenizer.json, its folder, or a GGUF file.$"
    ):
        open_tokenizer(tmp_path / "none.json")
    with pytest.raises(
        InputError, match=r"holds no tokenizer.json. Save the tokeniser with `save_pretrained`"
    ):
        open_tokenizer(tmp_path)
    (tmp_path / "tokenizer.json").write_text("{}")
    with pytest.raises(InputError, match=r"is no tokeniser of the library .*was saved with the model.$"):
        open_tokenizer(tmp_path)


def test_without_the_library_its_extra_is_named(path, monkeypatch):
    monkeypatch.setitem(sys.modules, "tokenizers", None)
    with pytest.raises(MissingExtraError, match=r"pip install 'wellkeeper\[tokens\]'$"):
        open_tokenizer(path)
