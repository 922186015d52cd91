"""What a person reads of a set that was just generated, and of the plan of one."""

import io

from golden_files import assert_golden
from rich.console import Console

from wellkeeper.report.generate import generated_lines, print_generated

CELLS = [
    {"cell": "court, judge, appeal", "rare": False, "reference_documents": 60, "wanted": 4, "reached": 4},
    {"cell": "moth, wing, lamp", "rare": True, "reference_documents": 3, "wanted": 8, "reached": 6},
    {"cell": "knot, rope, splice", "rare": True, "reference_documents": 2, "wanted": 8, "reached": 8},
]
DOCUMENT = {
    "schema": "wellkeeper.generate/1",
    "generator": "small@0123456789abcdef",
    "reference": {"documents": 100, "may_be_shown": 70, "held_out": 25, "not_human": 5},
    "wanted": {"documents": 20},
    "documents": 18,
    "cells": CELLS,
    "answers": {"stop": 20, "length": 4, "refused": 1, "empty": 2, "error": 1},
    "left_out": {"empty": 2, "error": 1, "refused": 1, "repeated": 6},
    "words": {"asked": 30, "written": 21},
    "copied": {"words": 8, "share": 0.0312, "documents": 3, "mostly": 0},
    "held_out": {"documents": 25, "rare_words": 1_200, "found": 48, "found_unprompted": 31},
    "label": {"origin": "ai-generated", "depth": 1, "parents": ["human"], "signed_by": ["ab" * 32]},
    "spent": {"calls_now": 28, "prompt_tokens": 4_200, "tokens": 1_900, "not_settled": 0, "money": 0.0123},
    "notes": [
        "2 of 20 texts are missing (tries of each: 3): 6 repeated. Give more --tries into another folder."
    ],
    "verdict": "findings",
}
PLAN = {
    "schema": "wellkeeper.generate-plan/1",
    "reference": DOCUMENT["reference"],
    "wanted": {"documents": 20},
    "cells": CELLS,
}
PATHS = {"data": "set/generated.jsonl", "plan": "set/plan.json"}


def printed(document, paths, *, terminal):
    console = Console(
        file=io.StringIO(), force_terminal=terminal, width=100, color_system="truecolor", _environ={}
    )
    print_generated(document, console, paths)
    return console.file.getvalue()


def test_the_summary_is_what_was_looked_at():
    assert_golden("generate.txt", printed(DOCUMENT, PATHS, terminal=False))
    assert_golden("generate-terminal.txt", printed(DOCUMENT, PATHS, terminal=True))
    assert_golden("generate-plan.txt", printed(PLAN, {}, terminal=False))


def test_of_a_set_only_topics_that_lack_texts_are_told_and_of_a_plan_all():
    assert [line for line in generated_lines(DOCUMENT) if "human document" in line] == [
        "moth, wing, lamp: 6 of 8 texts, 3 human documents, rare"
    ]
    assert sum("human document" in line for line in generated_lines(PLAN)) == 3


def test_records_that_could_not_be_read_are_told():
    broken = {**DOCUMENT, "reference": {**DOCUMENT["reference"], "quarantined": 2}}
    (line,) = [line for line in generated_lines(broken) if line.startswith("Human documents")]
    assert line.endswith(", 2 records could not be read")


def test_no_name_colours_a_terminal_or_breaks_a_line():
    cells = [{**CELLS[1], "cell": "\x1b[31mred\nnext [bold]x[/bold]"}]
    hostile = {**DOCUMENT, "generator": "\x1b[31mred\nnext", "cells": cells}
    assert all("\n" not in line and "\x1b" not in line for line in generated_lines(hostile))
    assert "[bold]x[/bold]" in printed(hostile, PATHS, terminal=True)


def test_a_document_with_nothing_in_it_is_told_without_failing():
    assert generated_lines({})[0] == "(no name) wrote 0 of 0 texts."
