"""What a person reads of a run that was just made, on a terminal and in a log."""

import io

from golden_files import assert_golden
from rich.console import Console

from wellkeeper.report.ask import asked_lines, print_asked

DOCUMENT = {
    "schema": "wellkeeper.ask/1",
    "run": {"name": "v2", "model": "small", "suite": "sums"},
    "items": 40,
    "answers": 160,
    "finishes": {"stop": 150, "length": 6, "refused": 0, "empty": 3, "error": 1},
    "metric": "numeric",
    "score": {"estimate": 0.625, "low": 0.501, "high": 0.735},
    "scored_items": 40,
    "unknown_scores": 2,
    "slices": [
        {"slice": "kind=sum", "items": 30, "score": {"estimate": 0.7, "low": 0.55, "high": 0.81}},
        {"slice": "kind=product", "items": 10, "score": None},
    ],
    "spent": {
        "calls_now": 158,
        "prompt_tokens": 4_200,
        "tokens": 1_900,
        "not_settled": 310,
        "money": 0.0123,
        "judge": {"prompt_tokens": 900, "tokens": 120},
    },
    "notes": ["1 answer did not come (too long): run the same command again to ask for them again."],
}
PATHS = {"run": "out/v2", "cache": "out/v2/answers.sqlite"}


def printed(document, *, terminal):
    console = Console(
        file=io.StringIO(), force_terminal=terminal, width=100, color_system="truecolor", _environ={}
    )
    print_asked(document, console, PATHS)
    return console.file.getvalue()


def test_the_summary_is_what_was_looked_at():
    assert_golden("ask.txt", printed(DOCUMENT, terminal=False))
    assert_golden("ask-terminal.txt", printed(DOCUMENT, terminal=True))


VOTE = {
    "rule": "beta",
    "most": 40,
    "samples": 412,
    "mean_samples": 10.3,
    "saved": 0.7425,
    "certified": 0.35,
    "unread": {"empty": 3, "refused": 0, "length": 12, "error": 1, "unreadable": 7},
    "unknown_pairs": 2,
    "shared_errors": {
        "pairs": 51,
        "gain": {"estimate": 0.121, "low": 0.034, "high": 0.208},
        "shared": {"estimate": 0.24, "low": 0.11, "high": 0.37},
        "verdict": "votes help",
    },
    "beside_greedy": {"gain": {"estimate": -0.05, "low": -0.14, "high": 0.03}, "refused": ""},
    "verdict": "not enough data",
}


def test_votes_tell_what_they_took_what_did_not_vote_and_what_they_gain():
    assert_golden("ask-vote.txt", printed({**DOCUMENT, "vote": VOTE}, terminal=False))


def test_votes_without_right_answers_tell_no_gain():
    lines = asked_lines(
        {
            **DOCUMENT,
            "vote": {
                **VOTE,
                **dict.fromkeys(("shared_errors", "beside_greedy", "verdict")),
                "unread": {},
                "unknown_pairs": 0,
            },
        }
    )
    assert "Votes (beta): 10.3 samples an item of at most 40, 74.2% saved; 35.0% certified" in lines
    assert not any(line.startswith(("Samples", "Gain", "Shared", "Verdict")) for line in lines)


def test_a_model_without_answers_at_temperature_0_is_told_of():
    refused = {"gain": None, "refused": "only a temperature\nof 1"}
    lines = asked_lines({**DOCUMENT, "vote": {**VOTE, "beside_greedy": refused}})
    assert "Gain over one answer at temperature 0: unknown: only a temperature of 1" in lines


def test_a_run_without_scores_tells_how_answers_of_a_slice_ended():
    slices = [{"slice": "kind=sum", "items": 2, "answers": 2, "finishes": {"stop": 1, "empty": 1}}]
    lines = asked_lines({**DOCUMENT, "metric": "", "score": None, "slices": slices})
    assert "kind=sum: 1 (50.0%) complete, 1 (50.0%) empty, 2 items" in lines
    assert not any(line.startswith("Score") for line in lines)


def test_many_slices_are_left_to_the_json():
    row = DOCUMENT["slices"][0]
    lines = asked_lines({**DOCUMENT, "slices": [{**row, "slice": f"day={day}"} for day in range(13)]})
    assert not any("day=" in line for line in lines)


def test_no_name_colours_a_terminal_or_breaks_a_line():
    hostile = {**DOCUMENT, "run": {"model": "\x1b[31mred\nnext", "suite": "[bold]x[/bold]"}}
    lines = asked_lines(hostile)
    assert all("\n" not in line and "\x1b" not in line for line in lines)
    assert "[bold]x[/bold]" in printed(hostile, terminal=True)


def test_a_document_with_nothing_in_it_is_told_without_failing():
    assert asked_lines({})[0] == "(no name) on (no name): 0 answers to 0 items."
