"""Recipes as text: what is written reads back as it was, and comments never become anything else."""

import yaml
from hypothesis import given
from hypothesis import strategies as st

from wellkeeper.engine.yaml_document import read_document
from wellkeeper.recipe.lines import Line, flow, written

texts = st.text(st.characters(codec="utf-8"), max_size=12) | st.sampled_from(
    [
        "no",
        "1e3",
        "0x1F",
        "~",
        "",
        "2024-01-31",
        "a: b",
        "- x",
        "a #b",
        "*all",
        "[x]",
        "../a/*.jsonl",
        "null",
        "010",
    ]
)
values = st.recursive(
    texts | st.integers(-1000, 1000) | st.floats(0, 1) | st.booleans(),
    lambda below: st.lists(below, max_size=3) | st.dictionaries(texts, below, max_size=3),
    max_leaves=6,
)


@given(values)
def test_a_value_on_one_line_reads_back_as_it_was_by_yaml_1_2_and_1_1(value) -> None:
    line = flow(value)
    assert "\n" not in line
    assert read_document(f"value: {line}", "it").values == {"value": value}
    assert yaml.safe_load(f"value: {line}") == {"value": value}


@given(texts.filter(bool), values, st.lists(st.text(max_size=200), max_size=3))
def test_reasons_are_comments_whatever_the_corpus_calls_its_sources(name, value, reasons) -> None:
    lines = [
        Line(path=("sources", name), value={"path": value}, reasons=tuple(reasons)),
        Line(path=("steps", "a.v1"), value={}, reasons=tuple(reasons)),
        Line(path=("mix", "caps", "source"), value=0.5, reasons=tuple(reasons), holds="no"),
    ]
    read = read_document(written(lines, reasons), "it").values
    assert read == {"sources": {name: {"path": value}}, "steps": ["a.v1"]}


def test_sections_stand_together_and_what_is_left_out_can_be_taken_in_by_its_hash() -> None:
    lines = [
        Line(path=("wellkeeper",), value=1),
        Line(path=("steps", "one.v1"), value={"deep": [1, "a b"]}, reasons=("Because.",)),
        Line(path=("steps", "two.v1"), value={"x": 1}, reasons=("Perhaps.",), holds="no"),
        Line(path=("mix", "caps", "source"), value=0.5),
        Line(path=("mix", "caps", "month"), value=0.25, reasons=("Months.",)),
        Line(path=("guard",), value=None, reasons=("None.",), holds="note"),
    ]
    assert (
        written(lines, ["Heading."])
        == """\
# Heading.
wellkeeper: 1
steps:
  # Because.
  - one.v1: {deep: [1, "a b"]}
  # Perhaps.
  # - two.v1: {x: 1}
mix:
  caps:
    source: 0.5
    # Months.
    month: 0.25
# None.
"""
    )


def test_a_section_of_which_nothing_is_taken_in_is_a_comment_as_a_whole() -> None:
    lines = [
        Line(path=("wellkeeper",), value=1),
        Line(path=("steps", "one.v1"), value={}, holds="no"),
        Line(path=("mix", "caps", "month"), value=0.5, holds="no"),
    ]
    text = written(lines)
    assert read_document(text, "it").values == {"wellkeeper": 1}
    assert read_document(text.replace("# ", ""), "it").values == {
        "wellkeeper": 1,
        "steps": ["one.v1"],
        "mix": {"caps": {"month": 0.5}},
    }
