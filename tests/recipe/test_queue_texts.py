"""Texts of ledger rows: all of them, the right one for each row, marks at characters, and what is missing is counted."""

import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest
from curated_sets import GERMAN, RECIPE, VOICE, curated, texts
from hypothesis import given
from hypothesis import strategies as st

from wellkeeper.errors import InputError
from wellkeeper.ledger.forget import forget
from wellkeeper.recipe.queue_texts import Aside, LedgerTexts, marks_of, step_options
from wellkeeper.review.item import Mark


@pytest.fixture
def out(curated_set):
    return curated_set


@pytest.fixture
def copy(out, tmp_path):
    return Path(shutil.copytree(out, tmp_path / "out"))


# --- rows and texts -----------------------------------------------------------------------------------------------


def test_every_row_has_its_own_text_kept_or_not_in_any_order(out):
    ledger, known = LedgerTexts(out), texts()
    assert ledger.lost == 0
    rows = np.random.default_rng(0).permutation(ledger.at_hand).tolist()
    assert len(rows) == 64
    found = [document for (document,) in ledger.read([(row,) for row in rows])]
    assert [document.place.row for document in found] == rows
    for document in found:
        if document.place.id != "twice":
            assert document.text == known[document.place.id]


def test_two_documents_with_one_id_keep_their_own_texts(out):
    ledger = LedgerTexts(out)
    rows = [row for row in ledger.at_hand.tolist() if ledger.ids(np.array([row])) == ["twice"]]
    found = [document.text for (document,) in ledger.read([(row,) for row in rows])]
    assert len(set(found)) == 2


def test_a_document_may_be_read_with_several_others(out):
    ledger = LedgerTexts(out)
    read = list(ledger.read([(0, 1), (0, 2), (2, 0)]))
    assert [[one.place.row for one in both] for both in read] == [[0, 1], [0, 2], [2, 0]]
    assert read[0][0].text == read[1][0].text == read[2][1].text


def test_columns_of_the_user_come_along_where_a_file_has_them(out):
    ((document,),) = LedgerTexts(out).read([(3,)], ["grade", "no such column"])
    assert document.extras == {"grade": 3}


def test_texts_that_were_not_kept_are_counted_and_no_document_of_the_pool(out, copy):
    shutil.rmtree(copy / "rejected")
    ledger = LedgerTexts(copy)
    assert ledger.lost == 13
    assert ledger.at_hand.size == LedgerTexts(out).at_hand.size - 13
    assert set(ledger.decision[ledger.at_hand]) == {"keep"}


def test_a_forgotten_document_is_of_no_queue_and_the_others_keep_their_texts(copy):
    forget(copy, "plain-5")
    ledger, known = LedgerTexts(copy), texts()
    found = [document for (document,) in ledger.read([(row,) for row in ledger.at_hand.tolist()])]
    assert len(found) == 63
    assert ledger.lost == 0
    assert all(one.text == known[one.place.id] for one in found if one.place.id != "twice")


def test_a_text_taken_out_of_the_data_is_told_before_any_queue_is_made(copy):
    path = copy / "data" / "part-00000.parquet"
    pq.write_table(pq.read_table(path).slice(1), path)
    with pytest.raises(InputError, match=r"has 50 texts, and the ledger tells of 51.*wellkeeper verify"):
        LedgerTexts(copy)


def test_a_text_that_stands_in_another_s_place_is_told(copy):
    path = copy / "data" / "part-00000.parquet"
    table = pq.read_table(path)
    pq.write_table(table.take([1, 0, *range(2, table.num_rows)]), path)
    with pytest.raises(InputError, match="has plain-1 where the ledger has plain-0"):
        list(LedgerTexts(copy).texts([0]))


@pytest.mark.parametrize("name", ["data/part-00000.parquet", "ledger/documents/part-00000.parquet"])
def test_a_torn_file_is_told_with_what_to_do(copy, name):
    (copy / name).write_bytes((copy / name).read_bytes()[:-200])
    with pytest.raises(InputError, match="Restore its files, or run the recipe again"):
        LedgerTexts(copy)


def test_a_folder_without_a_ledger_is_refused(tmp_path):
    with pytest.raises(InputError, match="holds no ledger"):
        LedgerTexts(tmp_path)


def test_options_of_a_step_are_those_of_the_recipe(out, tmp_path):
    assert step_options(out, "near-duplicates.v1") == {"similarity": 0.6}
    assert step_options(out, "lm.v1") is None
    assert step_options(tmp_path, "near-duplicates.v1") is None


# --- marks --------------------------------------------------------------------------------------------------------


def test_evidence_behind_letters_of_several_bytes_is_marked_at_its_characters(out):
    ledger = LedgerTexts(out)
    for name in ("voice", "torn"):
        row = next(row for row in ledger.at_hand.tolist() if ledger.ids(np.array([row])) == [name])
        ((document,),) = ledger.read([(row,)])
        assert document.text.startswith(GERMAN)
        (mark,) = document.marks()
        seen = document.text[mark.start : mark.end]
        assert seen in VOICE or VOICE in seen
        assert seen.startswith("As an AI")
        assert mark.says == "an assistant speaking of itself, unquoted"
        assert document.facts["evidence"].endswith(mark.says)


@given(st.text(max_size=40), st.text(min_size=1, max_size=20), st.text(max_size=40))
def test_a_mark_is_on_the_characters_whose_bytes_were_seen(before, seen, behind):
    text = before + seen + behind
    start = len(before.encode())
    piece = {"kind": "disclosure", "start": start, "end": start + len(seen.encode()), "matched": seen}
    assert marks_of(text, [piece], number=1) == (
        Mark(text=1, start=len(before), end=len(before + seen), says="discloses AI use in the text"),
    )


def piece(start, end, matched, kind="disclosure"):
    return {"kind": kind, "start": start, "end": end, "matched": matched}


def test_evidence_in_a_text_that_was_cut_since_is_marked_where_it_still_reads_so():
    (mark,) = marks_of("Schöne Grüße von ChatGPT.", [piece(100, 107, "ChatGPT")])
    assert (mark.start, mark.end) == (17, 24)


@pytest.mark.parametrize(
    "seen",
    [
        piece(0, 7, "ChatGPT"),  # it is not in the text
        piece(100, 103, "von"),  # it is there twice, and neither is the place
        piece(None, None, None),  # the whole document
        piece(5, 5, None),
        piece(20, 900, None),
    ],
)
def test_evidence_that_stands_nowhere_in_the_text_is_no_mark(seen):
    assert marks_of("Ein Gruß von mir und von dir.", [seen]) == ()


def test_marks_come_in_the_order_of_the_text():
    found = marks_of("abcdef", [piece(3, 5, "de"), piece(0, 2, "ab", kind="style")])
    assert [(mark.start, mark.says[:5]) for mark in found] == [(0, "style"), (3, "discl")]


# --- facts --------------------------------------------------------------------------------------------------------


def test_what_is_told_afterwards_is_what_the_ledger_has(out):
    ledger = LedgerTexts(out)
    row = next(row for row in ledger.at_hand.tolist() if ledger.ids(np.array([row])) == ["torn"])
    ((document,),) = ledger.read([(row,)])
    assert list(document.facts.items()) == [  # what teaches a reader most first
        ("chance of a model", "8% by the evidence"),
        ("decision", "review"),
        ("reason", "conflicting-evidence"),
        ("evidence", "declared human by its source; an assistant speaking of itself, unquoted"),
        ("origin by evidence", "human"),
        ("declared origin", "human"),
        ("log10 odds of a model", "-1.0"),
        ("step", "artefacts.v1"),
        ("id", "torn"),
        ("source", "board 2"),
        ("date", "2024-08-01 (page-claimed)"),
    ]


@pytest.mark.parametrize(
    ("chance", "told"),
    [
        (0.0, "under 1%"),
        (0.0099, "under 1%"),
        (0.01, "1%"),
        (0.7726, "77%"),
        (0.99, "99%"),
        (0.9951, "over 99%"),
    ],
)
def test_a_chance_is_told_in_whole_percent_and_never_as_certain(out, chance, told):
    ((document,),) = LedgerTexts(out).read([(0,)])
    document = replace(document, record={**document.record, "chance": chance})
    assert document.facts["chance of a model"] == f"{told} by the evidence"


# --- texts laid aside ---------------------------------------------------------------------------------------------


@given(st.dictionaries(st.integers(), st.text(st.characters()), max_size=20), st.randoms())
def test_texts_come_back_as_they_were_laid_aside_in_any_order(given_texts, random):
    with Aside() as aside:
        for name, text in given_texts.items():
            aside.put(name, text)
        names = [*given_texts, *given_texts]
        random.shuffle(names)
        assert [aside.take(name) for name in names] == [given_texts[name] for name in names]


def test_many_texts_lie_in_a_file_without_a_name(tmp_path):
    text = "x" * (1 << 20)
    with Aside(tmp_path) as aside:
        for number in range(40):
            aside.put(number, f"{number}{text}")
        assert list(tmp_path.iterdir()) == []
        assert aside.take(39).startswith("39x")
        assert aside.take(0) == f"0{text}"


def test_a_recipe_without_copies_kept_says_so_in_its_pool(tmp_path):
    done = curated(tmp_path, recipe=RECIPE, keep_rejected=False)
    assert LedgerTexts(Path(done.paths["folder"])).lost == 13
