"""What a recommendation says to people: what would stay, of the tail, of each origin and of each source."""

import copy

from hypothesis import given
from hypothesis import strategies as st
from test_page import spoiled
from test_terminal import printed, terminal

from wellkeeper.report.recommend import print_recommendation, recommendation_lines

KEPT = {
    "read": 103,
    "quarantined": 3,
    "documents": 100,
    "kept": 80,
    "steps": [{"step": "exact-duplicates.v1", "before": 100, "dropped": 19, "review": 1}],
    "mix": {"before": 80, "after": 80, "constraints": [{"name": "human-floor", "limit": 0.5, "holds": True}]},
    "origin": {"before": {"human": 60, "unknown": 40}, "after": {"human": 60, "unknown": 20}},
    "sources": [
        {"source": f"site {k:02}", "before": count, "after": count - 2}
        for k, count in enumerate([9] * 9 + [19])
    ],
    "tail": {
        "words": {
            "at_equal_documents": {"estimate": 0.98, "low": 0.96, "high": 1.01},
            "at_equal_words": {"estimate": 0.99, "low": 0.97, "high": 1.02},
        },
        "topics": {"estimate": 1.0, "low": 0.9, "high": 1.1},
    },
}
SAMPLE = {"schema": "wellkeeper.recommend/1", "recipe": "wellkeeper: 1\n", "reasons": [], "kept": KEPT}


def test_the_lines_tell_steps_tail_origins_and_sources() -> None:
    lines = recommendation_lines(SAMPLE)
    assert lines[:8] == [
        "The recipe would keep 80 of 103 documents (77.7%); the one constraint holds.",
        "Quarantine: 3 dropped, 100 left",
        "Exact duplicates: 19 dropped, 1 to review, 80 left",
        "Mix: 0 dropped, 80 left",
        "Rare words kept: 98.0% (96.0-101.0%) of what a random removal of as many documents leaves",
        "Rare words kept: 99.0% (97.0-102.0%) of what a random removal of as many words leaves",
        "Rare topics kept: 100% (90.0-110.0%) of what common topics keep",
        "origin human: 60 (60.0%) -> 60 (75.0%)",
    ]
    assert lines[9] == "source site 09: 19 (19.0%) -> 17 (21.2%)"


def test_many_sources_are_summed_up_behind_the_largest() -> None:
    many = copy.deepcopy(SAMPLE)
    many["kept"]["sources"] = [{"source": f"s{k}", "before": 100 - k, "after": 1} for k in range(25)]
    lines = recommendation_lines(many)
    assert sum(line.startswith("source s") for line in lines) == 10
    assert lines[-1].startswith("source (15 more): ")


def test_a_terminal_gets_the_same_as_tables() -> None:
    console = terminal()
    print_recommendation(SAMPLE, console, {"recipe": "out/recipe.yaml"})
    shown = printed(console)
    for said in ("Exact duplicates", "before", "after", "site 09", "60 (75.0%)", "out/recipe.yaml"):
        assert said in shown


def test_hostile_names_neither_break_lines_nor_reach_the_terminal() -> None:
    hostile = copy.deepcopy(SAMPLE)
    hostile["kept"]["sources"][0]["source"] = "a\nb\x1b[2J\u202e"
    assert not any("\n" in line or "\x1b" in line for line in recommendation_lines(hostile))


@given(st.data())
def test_no_document_however_broken_breaks_the_lines(data) -> None:
    document = spoiled(SAMPLE, data.draw, data.draw(st.sampled_from([4, 15, 60])))
    document = document if isinstance(document, dict) else {}
    assert recommendation_lines(document)
