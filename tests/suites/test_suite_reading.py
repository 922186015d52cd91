"""Suites from YAML that people write, and from the records of published sets."""

import json
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from wellkeeper.errors import InputError
from wellkeeper.suites.reading import lettered, read_suite

EXAMPLES = Path(__file__).parents[2] / "examples" / "suites"


def written(folder, text, name="suite.yaml"):
    path = folder / name
    path.write_text(text)
    return path


def records(folder, rows, name="items.jsonl"):
    return written(folder, "".join(json.dumps(row) + "\n" for row in rows), name)


# --- YAML --------------------------------------------------------------------------------------------------------


def test_a_suite_of_listed_items_has_all_that_it_says(tmp_path):
    suite = read_suite(
        written(
            tmp_path,
            "name: mine\nlicence: CC0-1.0\nscorer: {kind: numeric, tolerance: 0.1}\nsystem: Be brief.\nsamples: 4\n"
            "temperature: 0.7\ntokens: 9\nitems:\n  - {name: a, prompt: 1+1, reference: '2', slices: {kind: sum}}\n"
            "  - name: b\n    prompt: [{role: user, content: Hello}]\n    references: [Hi, Hello]\n    scorer: exact\n",
        )
    )
    assert (suite.name, suite.licence, suite.system) == ("mine", "CC0-1.0", "Be brief.")
    assert (suite.samples, suite.temperature, suite.tokens) == (4, 0.7, 9)
    assert suite.scorer == {"kind": "numeric", "tolerance": 0.1}
    first, second = suite.items
    assert (first.name, first.references, first.slices) == ("a", ("2",), {"kind": "sum"})
    assert second.references == ("Hi", "Hello")
    assert second.scorer == {"kind": "exact"}
    assert suite.asked(first)[0] == {"role": "system", "content": "Be brief."}


def test_an_item_without_a_name_is_named_after_what_it_asks_and_not_after_its_place(tmp_path):
    one = read_suite(written(tmp_path, "items: [Tell me of bees., Tell me of ants.]"))
    other = read_suite(written(tmp_path, "items: [Tell me of ants., Tell me of bees.]"))
    assert [item.name for item in one.items] == [item.name for item in reversed(other.items)]


def test_a_suite_is_named_as_its_file_where_it_says_nothing(tmp_path):
    assert read_suite(written(tmp_path, "items: [Hello]", "greetings.yml")).name == "greetings"


def test_the_digest_tells_prompts_and_scores_apart_and_nothing_else(tmp_path):
    plain = read_suite(written(tmp_path, "items: [a]"))
    assert plain.digest == read_suite(written(tmp_path, "name: x\nsamples: 9\nitems: [a]")).digest
    others = ("items: [b]", "system: s\nitems: [a]", "tokens: 3\nitems: [a]", "scorer: exact\nitems: [a]")
    digests = {read_suite(written(tmp_path, text)).digest for text in others}
    assert len(digests | {plain.digest}) == 5


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("items: [a]\nscorr: exact", r"suite\.yaml, line 2: scorr: No such key\. Did you mean scorer\?"),
        ("items: []", r"items: There are no items\. List them, or name a file of records with path\."),
        ("name: x", r"items: There are no items"),
        ("items:\n  - {prompt: ' '}", r"line 2: items\.0\.prompt: Give a text, or a list of messages"),
        ("items:\n  - {prompt: a, promt: b}", r"items\.0\.promt: No such key\. Did you mean prompt\?"),
        ("items: [a]\nsamples: 0", r"line 2: samples: 0 does not do\. Give a whole number of at least 1\."),
        ("items: [a]\ntemperature: hot", r"temperature: 'hot' does not do\. Give a number of at least 0\."),
        ("items: [a]\nscorer: {knd: x}", r"scorer: Give a kind and its options"),
        ("items:\n  - {prompt: a, choices: [x, y], reference: z}", r"'z' is none of the choices"),
        ("items: {path: gone.jsonl}", r"gone\.jsonl does not exist"),
        ("items: {pth: x}", r"items\.pth: No such key\. Did you mean path\?"),
        ("items: {path: x, prompt: [a]}", r"items\.prompt: Name a field, or write a template"),
        ("wellkeeper: 2\nitems: [a]", r"This version reads format 1"),
        ("- a\n- b", r"is a list\. A suite is a mapping; begin with"),
        ("items: [a\n", r"this is not YAML"),
        ("items: [a]\nname: x\nname: y", r"line 3: name: name is there twice, on lines 2 and 3\. Remove one"),
        (
            "items:\n  - {prompt: a, name: null}",
            r"items\.0\.name: None is no name\. Put it in quotes, or leave it out",
        ),
        ("items:\n  - {prompt: a, name: 1.10}", r"items\.0\.name: 1\.1 is no name"),
        (
            "items:\n  - {prompt: a, references: {x: 1}}",
            r"items\.0\.references: A reference is a text or a number",
        ),
        ("items:\n  - {prompt: a, references: [b, null]}", r"items\.0\.references: A reference is a text"),
        ("items:\n  - {prompt: a, reference: b, references: [c]}", r"There is a reference, too\. Leave one"),
        ("items:\n  - {prompt: a, choices: b}", r"items\.0\.choices: List from 2 to 26 of them"),
        ("items:\n  - {prompt: a, choices: [b, null]}", r"items\.0\.choices: List from 2 to 26 of them"),
        (
            "items:\n  - {prompt: a, choices: ['1', '2', '3'], reference: 2}",
            r"items\.0\.reference: 2 is a choice, and the number of another one\. Give the choice in quotes",
        ),
        ("items: {path: x, limit: true}", r"items\.limit: Give a whole number of items"),
        ("items: {path: ''}", r"items\.path: Name the file"),
        ("items: {path: x, name: ''}", r"items\.name: Name a field"),
        ("items:\n  - {name: a, prompt: x}\n  - {name: a, prompt: y}", r"two items named a"),
    ],
)
def test_what_cannot_be_asked_is_told_with_its_line_and_what_to_write(tmp_path, text, message):
    with pytest.raises(InputError, match=message):
        read_suite(written(tmp_path, text))


def test_a_missing_file_and_bad_bytes_are_told(tmp_path):
    with pytest.raises(
        InputError, match=r"cannot be read \(No such file or directory\)\. Give the path of a suite"
    ):
        read_suite(tmp_path / "none.yaml")
    (tmp_path / "bad.yaml").write_bytes(b"items: [\xff]")
    with pytest.raises(InputError, match=r"not UTF-8 \(byte 8\)"):
        read_suite(tmp_path / "bad.yaml")


# --- records -----------------------------------------------------------------------------------------------------


def test_fields_of_records_are_named_or_made_by_a_template(tmp_path):
    records(tmp_path, [{"q": "2+2", "a": "The sum is four #### 4", "topic": "sums", "n": 7}])
    suite = read_suite(
        written(
            tmp_path,
            "items:\n  path: items.jsonl\n  name: n\n  prompt: 'Q: {{ q }}'\n  reference: a\n  slices: [topic]\n",
        )
    )
    (item,) = suite.items
    assert (item.name, item.prompt, item.references, item.slices) == (
        "7",
        "Q: 2+2",
        ("4",),
        {"topic": "sums"},
    )
    assert suite.scorer == {"kind": "numeric"}


def test_a_template_reaches_no_python(tmp_path):
    records(tmp_path, [{"q": "x"}])
    for template in ("{{ q.__class__.__mro__ }}", "{{ missing }}", "{{ q.format.__globals__ }}"):
        with pytest.raises(InputError, match="cannot be filled"):
            read_suite(written(tmp_path, f"items: {{path: items.jsonl, prompt: '{template}'}}"))
    with pytest.raises(InputError, match="Check its braces"):
        read_suite(written(tmp_path, "items: {path: items.jsonl, prompt: '{{ q'}"))


def test_multiple_choice_of_three_publishers_comes_out_alike(tmp_path):
    question, choices = "Which is a fish?", ["cod", "cow"]
    rows = (
        {"question": question, "choices": choices, "answer": 0},
        {"question": question, "options": choices, "answer": "A"},
        {"question": question, "choices": {"text": choices, "label": ["1", "2"]}, "answerKey": "1"},
    )
    for row in rows:
        suite = read_suite(records(tmp_path, [row]))
        (item,) = suite.items
        assert item.references == ("cod",)
        assert item.choices == ("cod", "cow")
        assert item.prompt == lettered(question, choices)
        assert suite.scorer == {"kind": "choice"}


def test_a_heading_in_a_reference_is_no_answer_of_a_worked_solution(tmp_path):
    code = "#### tests\nassert f() == 1"
    (item,) = read_suite(records(tmp_path, [{"question": "Write f.", "answer": code}])).items
    assert item.references == (code,)


def one_of(folder, **row):
    (item,) = read_suite(records(folder, [{"question": "Which?", **row}])).items
    return item


def test_choices_are_counted_as_the_publisher_counts_them(tmp_path):
    assert one_of(tmp_path, choices=["a", "a", "b", "c"], answer=3).references == ("c",)
    assert one_of(tmp_path, choices=["1", "0", "2"], answer=0).references == ("1",)
    assert one_of(tmp_path, choices=["1", "0", "2"], answer="0").references == ("0",)
    assert one_of(tmp_path, choices=[1, 2, 3], answer=2).references == ("2",)
    repeated = {"text": ["x", "x", "y"], "label": ["A", "B", "C"]}
    assert one_of(tmp_path, choices=repeated, answerKey="C").references == ("y",)


@pytest.mark.parametrize(
    "row",
    [
        {"choices": ["x", "y"], "answer": "(b)"},
        {"options": {"A": "x", "B": "y"}, "answer": "B"},
        {"choices": [{"label": "A", "text": "x"}, {"label": "B", "text": "y"}], "answerKey": "B"},
        {"mc1_targets": {"choices": ["x", "y"], "labels": [0, 1]}},
    ],
)
def test_choices_of_other_shapes_are_read(tmp_path, row):
    item = one_of(tmp_path, **row)
    assert (item.choices, item.references) == (("x", "y"), ("y",))


@pytest.mark.parametrize(
    ("row", "message"),
    [
        (
            {"choices": ["x", "y"], "answer": -1},
            r"items\.jsonl:1: the reference '-1' is none of the choices\. Name",
        ),
        ({"choices": ["x", "y"], "answer": "\u00b2"}, r"the reference '\u00b2' is none of the choices"),
        ({"choices": ["x", None, "y"], "answer": 2}, r"the choices are no list of 2 to 26 texts\. Name"),
        ({"choices": "['x', 'y']", "answer": "A"}, r"the choices are no list of 2 to 26 texts"),
    ],
)
def test_records_whose_choices_cannot_be_asked_are_refused(tmp_path, row, message):
    with pytest.raises(InputError, match=message):
        one_of(tmp_path, **row)


def test_choices_are_shown_unless_the_prompt_shows_them(tmp_path):
    letters = "Is he a boy, or is she b?"
    assert one_of(tmp_path, question=letters, choices=["a", "b"], answer=0).prompt == lettered(
        letters, ["a", "b"]
    )
    shown = "Which?\nA. cod\nB. cow"
    assert one_of(tmp_path, question=shown, choices=["cod", "cow"], answer=0).prompt == shown
    listed = (
        "items:\n  - {prompt: Name a fish., choices: [cod, cow]}\n"
        "  - {prompt: Is a cod or a cow a fish, choices: [cod, cow]}\n"
    )
    first, second = read_suite(written(tmp_path, listed)).items
    assert first.prompt == lettered("Name a fish.", ["cod", "cow"])
    assert second.prompt == "Is a cod or a cow a fish"


@pytest.mark.parametrize("said", ["reference: nothing", "slices: [nothing]", "prompt: nothing"])
def test_a_field_that_no_record_has_is_an_error(tmp_path, said):
    records(tmp_path, [{"question": "Who?", "answer": "Ann"}])
    with pytest.raises(InputError, match=r"no record has a field nothing\. There are: answer, question\."):
        read_suite(written(tmp_path, f"items: {{path: items.jsonl, {said}}}"))


def test_truth_is_written_as_in_yaml_and_json_and_items_without_references_are_counted(tmp_path):
    suite = read_suite(records(tmp_path, [{"question": "Is it?", "answer": True}, {"question": "Is she?"}]))
    assert suite.items[0].references == ("true",)
    assert suite.scorer is None
    assert suite.notes[1:] == ("1 of 2 items have no reference: no scorer is guessed",)


def test_a_parquet_folder_and_its_aliases_are_read(tmp_path):
    rows = [{"question": "Who?", "question_id": "q1", "answer": {"value": "Ann", "aliases": ["Anna", "Ann"]}}]
    (tmp_path / "set").mkdir()
    pq.write_table(pa.Table.from_pylist(rows), tmp_path / "set" / "test-00000.parquet")
    (item,) = read_suite(tmp_path / "set").items
    assert (item.name, item.references) == ("q1", ("Ann", "Anna"))


def test_what_was_guessed_and_left_out_is_said(tmp_path):
    row = {"question": "a?", "id": "1"}
    path = records(tmp_path, [row, row, {"question": "b?", "id": "1"}])
    suite = read_suite(path)
    assert len(suite.items) == 2
    assert len({item.name for item in suite.items}) == 2
    assert suite.notes == (
        "guessed: name from id, prompt from question",
        "1 records that repeat an earlier one are left out",
    )


def test_records_without_a_prompt_are_refused_with_their_fields(tmp_path):
    with pytest.raises(InputError, match=r"no field of the records looks like a prompt \(height, width\)"):
        read_suite(records(tmp_path, [{"width": 1, "height": 2}]))
    with pytest.raises(InputError, match=r"items\.jsonl:1: the prompt is int"):
        read_suite(records(tmp_path, [{"prompt": 5}]))


# --- what is shipped -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "items", "scorer"),
    [("sums", 120, {"kind": "numeric"}), ("facts", 40, {"kind": "choice"}), ("stories", 50, None)],
)
def test_the_shipped_suites_are_whole(name, items, scorer):
    suite = read_suite(EXAMPLES / f"{name}.yaml")
    assert len(suite.items) == items
    assert suite.scorer == scorer
    assert suite.licence == "CC0-1.0"
    assert all(item.references for item in suite.items) is (scorer is not None)
    assert all(not item.choices or item.references[0] in item.choices for item in suite.items)


def test_the_sums_of_the_shipped_suite_are_right():
    words = {"plus": int.__add__, "minus": int.__sub__, "times": int.__mul__}
    for item in read_suite(EXAMPLES / "sums.yaml").items:
        first, word, second = (
            item.prompt.splitlines()[-2].removeprefix("Q: What is ").removesuffix("?").split()
        )
        assert words[word](int(first), int(second)) == int(item.references[0])
