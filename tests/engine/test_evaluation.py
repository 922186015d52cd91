"""Evaluation sets are read whatever they come in, and what was guessed or lost is said aloud."""

import gzip
import json

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from wellkeeper.engine.readers.evaluation import read_item_set, set_name
from wellkeeper.errors import InputError

GSM = [
    {"question": "How many clips did Natalia sell?", "answer": "72 clips", "split": "x"},
    {"question": "How much did Weng earn?", "answer": "10 dollars", "split": "x"},
]


def lines(path, records):
    path.write_text("".join(json.dumps(record) + "\n" for record in records), encoding="utf-8")
    return str(path)


def texts(found):
    return [dict(item.texts) for item in found.items]


def test_known_fields_are_taken_and_said_aloud(tmp_path):
    found = read_item_set(lines(tmp_path / "gsm8k.jsonl", GSM))
    assert found.name == "gsm8k"
    assert found.fields == ("question", "answer")
    assert texts(found) == [{key: record[key] for key in ("question", "answer")} for record in GSM]
    assert found.said == ("gsm8k: 2 items; searched for: question, answer (guessed; `fields:` overrides)",)


def test_items_are_named_by_their_own_id_or_else_by_their_place(tmp_path):
    named = [{"task_id": f"HumanEval/{k}", "prompt": "def f(): ..."} for k in range(2)]
    assert [item.name for item in read_item_set(lines(tmp_path / "a.jsonl", named)).items] == [
        "HumanEval/0",
        "HumanEval/1",
    ]
    numbered = [{"idx": k, "ctx_a": "A man walks."} for k in range(2)]
    assert [item.name for item in read_item_set(lines(tmp_path / "b.jsonl", numbered)).items] == [
        "idx 0",
        "idx 1",
    ]
    same = [{"id": "x", "text": "one"}, {"id": "x", "text": "two"}]
    assert [item.name for item in read_item_set(lines(tmp_path / "c.jsonl", same)).items] == [
        "c.jsonl:1",
        "c.jsonl:2",
    ]


def test_choices_in_lists_and_objects_make_one_text_without_their_labels(tmp_path):
    records = [
        {"question": "Which?", "choices": {"text": ["a cat", "a dog"], "label": ["A", "B"]}},
        {"question": "What?", "choices": ["one", "two"], "answers": {"answer_start": [3], "text": ["two"]}},
    ]
    found = read_item_set(lines(tmp_path / "arc.jsonl", records))
    assert texts(found) == [
        {"question": "Which?", "choices": "a cat\na dog"},
        {"question": "What?", "choices": "one\ntwo", "answers": "two"},
    ]


def test_numbered_fields_are_known_by_their_stem(tmp_path):
    records = [{"sentence1": "It rains.", "sentence2": "It is wet.", "gold": "yes", "option_a": "left"}]
    assert read_item_set(lines(tmp_path / "rte.jsonl", records)).fields == (
        "sentence1",
        "sentence2",
        "option_a",
    )


def test_where_no_name_is_known_every_field_with_text_is_taken(tmp_path):
    records = [{"id": "7", "stimulus": "The bird.", "score": 3}]
    assert read_item_set(lines(tmp_path / "own.jsonl", records)).fields == ("stimulus",)


def test_of_a_logged_sample_the_asked_document_is_taken(tmp_path):
    samples = [
        {
            "doc_id": 4,
            "doc": {"question": "Who?", "answer": "He", "id": "q4"},
            "target": "He",
            "arguments": [["Q: Who?\nA:", " He"]],
            "resps": [["She"]],
        },
        {"doc_id": 5, "doc": {"label": 1}, "arguments": {"gen_args_0": {"arg_0": "Say it."}}, "resps": []},
    ]
    found = read_item_set(lines(tmp_path / "samples_x.jsonl", samples))
    assert texts(found) == [{"question": "Who?", "answer": "He"}, {"prompt": "Say it."}]
    assert [item.name for item in found.items] == ["doc_id 4", "doc_id 5"]


def test_parquet_arrow_csv_and_compressed_lines_say_the_same(tmp_path):
    table = pa.Table.from_pylist(GSM)
    pq.write_table(table, tmp_path / "a.parquet")
    with pa.OSFile(str(tmp_path / "b.arrow"), "wb") as sink, pa.ipc.new_stream(sink, table.schema) as writer:
        writer.write_table(table)
    with pa.OSFile(str(tmp_path / "c.arrow"), "wb") as sink, pa.ipc.new_file(sink, table.schema) as writer:
        writer.write_table(table)
    (tmp_path / "d.csv").write_text(
        "question,answer,split\n" + "".join(f'"{r["question"]}",{r["answer"]},x\n' for r in GSM)
    )
    (tmp_path / "e.tsv").write_text(
        "question\tanswer\n" + "".join(f"{r['question']}\t{r['answer']}\n" for r in GSM)
    )
    (tmp_path / "f.jsonl.gz").write_bytes(
        gzip.compress("".join(json.dumps(record) + "\n" for record in GSM).encode())
    )
    (tmp_path / "g.json").write_text(json.dumps(GSM))
    (tmp_path / "h.json").write_text(json.dumps({"name": "gsm", "examples": GSM}, indent=1))
    expected = [{key: record[key] for key in ("question", "answer")} for record in GSM]
    for file in sorted(tmp_path.iterdir()):
        assert texts(read_item_set(str(file))) == expected, file.name


def test_a_folder_that_datasets_saved_is_read_without_its_training_split(tmp_path):
    for split, records in (("train", GSM), ("test", GSM[:1])):
        (tmp_path / "gsm" / split).mkdir(parents=True)
        pq.write_table(pa.Table.from_pylist(records), tmp_path / "gsm" / split / "0.parquet")
    found = read_item_set(str(tmp_path / "gsm"))
    assert len(found.items) == 1
    assert found.said[0] == "gsm: training splits are left out: 0.parquet"


def test_one_text_file_has_an_item_a_line_and_a_folder_has_an_item_a_file(tmp_path):
    (tmp_path / "trivia.txt").write_text("Who was first?\n\nWho was last?\n")
    found = read_item_set(str(tmp_path / "trivia.txt"))
    assert texts(found) == [{"text": "Who was first?"}, {"text": "Who was last?"}]
    (tmp_path / "essays").mkdir()
    for name in "ab":
        (tmp_path / "essays" / f"{name}.txt").write_text(f"Essay {name},\nin two lines.")
    found = read_item_set(str(tmp_path / "essays"))
    assert [(item.name, dict(item.texts)) for item in found.items] == [
        ("a.txt", {"text": "Essay a,\nin two lines."}),
        ("b.txt", {"text": "Essay b,\nin two lines."}),
    ]


def test_given_fields_are_taken_and_no_others_nested_ones_by_dotted_names(tmp_path):
    records = [{"meta": {"stem": "Why?"}, "question": "no"}]
    found = read_item_set(lines(tmp_path / "x.jsonl", records), fields=["meta.stem"], name="mine")
    assert (found.name, texts(found)) == ("mine", [{"meta.stem": "Why?"}])
    assert found.said == ("mine: 1 items; searched for: meta.stem (as given)",)


def test_records_that_cannot_be_read_or_hold_no_text_are_counted_aloud(tmp_path):
    path = tmp_path / "x.jsonl"
    path.write_text('{"question": "Why?"}\n{"question": \n[1]\n{"question": " "}\n')
    said = read_item_set(str(path)).said
    assert said[1] == "x: 1 records without text in these fields are left out"
    assert said[2].startswith("x: 2 records could not be read and are left out (x.jsonl, line 2: not JSON: ")


@pytest.mark.parametrize(
    ("path", "name"),
    [
        ("gsm8k.jsonl", "gsm8k"),
        ("evals/mmlu/test.jsonl", "mmlu/test"),
        ("evals/mmlu/test-00000-of-00001.parquet", "mmlu/test-00000-of-00001"),
        ("evals/arc/*.parquet", "arc"),
        ("testing_ground.csv", "testing_ground"),
        ("*.jsonl", "*.jsonl"),
    ],
)
def test_a_set_is_called_as_its_file_or_folder(path, name):
    assert set_name(path) == name


def test_errors_say_what_was_found_and_what_to_do(tmp_path):
    path = lines(tmp_path / "gsm8k.jsonl", GSM)
    with pytest.raises(InputError, match=r"gsm8k\.json does not exist\. Did you mean 'gsm8k\.jsonl'\? Check"):
        read_item_set(path[:-1])
    with pytest.raises(
        InputError,
        match=r"has no field 'qestion'\. Did you mean question\? Fields: question, answer, split\.",
    ):
        read_item_set(path, fields=["qestion"])
    (tmp_path / "bad.jsonl").write_text("no json\n")
    with pytest.raises(
        InputError, match=r"has no item that can be read: 1 record, the first bad one bad\.jsonl, line 1"
    ):
        read_item_set(str(tmp_path / "bad.jsonl"))
    (tmp_path / "blank.jsonl").write_text("\n\n")
    with pytest.raises(InputError, match=r"has no item\. Check that the step that writes it"):
        read_item_set(str(tmp_path / "blank.jsonl"))
    lines(tmp_path / "numbers.jsonl", [{"a": 1}])
    with pytest.raises(InputError, match=r"no field of its 1 records holds text\. Fields: a\. Give a file"):
        read_item_set(str(tmp_path / "numbers.jsonl"))
    lines(tmp_path / "empty.jsonl", [{"a": "", "b": "x"}])
    with pytest.raises(
        InputError, match=r"none of 1 records has text in a\. Name the fields that do with fields: \[a, b\]\."
    ):
        read_item_set(str(tmp_path / "empty.jsonl"), fields=["a"])
    (tmp_path / "torn.parquet").write_bytes(b"PAR1 torn")
    with pytest.raises(InputError, match=r"torn\.parquet, line 1: cannot be read as parquet"):
        read_item_set(str(tmp_path / "torn.parquet"))
