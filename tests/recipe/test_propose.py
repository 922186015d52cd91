"""The rules by which a recipe is derived: when a line stands, at what value, and what it says."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wellkeeper.filter.quality import QUALITY
from wellkeeper.recipe.inputs import groups_of
from wellkeeper.recipe.propose import (
    CAP_LOSS,
    Largest,
    Left,
    Trial,
    cap_for,
    cap_lines,
    floor_lines,
    guard_lines,
    measured_lines,
    paths_of,
    quality_options,
    reference_line,
    step_lines,
    synthetic_lines,
    tail_lines,
)


def audit(**changed):
    document = {
        "inputs": {"documents": 1000},
        "origin": {"artefact_documents": 0, "by_source": []},
        "duplicates": {
            "exact": {"redundant": 0},
            "near": {"redundant": 0, "similarity": 0.8, "largest": 0},
            "by_source": [],
        },
        "rights": {"consent": {"unknown": 1000}},
        "tails": None,
        "topics": None,
        "reference_given": False,
    }
    return document | changed


def left(documents=1000, *, human=0, synthetic=0, **largest):
    return Left(documents=documents, human=human, synthetic=synthetic, largest=largest)


def names(lines):
    return {line.path[-1]: line.holds for line in lines}


# --- steps -----------------------------------------------------------------------------------------


def test_what_is_opted_out_goes_first_so_that_a_copy_that_may_be_used_stays() -> None:
    document = audit(rights={"consent": {"opt-out-signal": 2, "revoked": 1}})
    document["duplicates"]["exact"]["redundant"] = 5
    first, *rest = step_lines(document, [])
    assert (first.path[-1], first.holds) == ("rights.v1", "yes")
    assert first.reasons[0].startswith("3 documents are opted out of training")
    assert "exact-duplicates.v1" in names(rest)


def test_a_clean_audit_asks_for_no_step_and_says_so() -> None:
    lines = step_lines(audit(), [])
    assert [line.holds for line in lines] == ["note", "no"]
    assert "nothing that a step should take out: all stay" in lines[0].reasons[0]
    assert lines[1].path == ("steps", "decontaminate.v1")


def test_each_finding_brings_its_step_with_its_figure() -> None:
    found = audit(
        origin={"artefact_documents": 1, "by_source": []},
        duplicates={
            "exact": {"redundant": 27},
            "near": {"redundant": 120, "similarity": 0.7, "largest": 130},
            "by_source": [
                {"source": "mirror", "documents": 50, "share": 0.38},
                {"source": "few", "documents": 5, "share": 0.9},
            ],
        },
    )
    trial = Trial(rule="gopher-short", documents=12, of=1000)
    said = {line.path[1]: " ".join(line.reasons) for line in step_lines(found, [trial])}
    assert list(said) == [
        "quality.v1", "artefacts.v1", "exact-duplicates.v1", "near-duplicates.v1", "decontaminate.v1",
    ]  # fmt: skip
    assert "gopher-short 12." in said["quality.v1"]
    assert said["artefacts.v1"].startswith("1 document carries traces")
    assert said["exact-duplicates.v1"].startswith("2.7% of the documents (27) are copies")
    assert said["near-duplicates.v1"].startswith(
        "12.0% of the documents (120) are near-duplicates of others at 0.7."
    )
    assert "One group has 130" in said["near-duplicates.v1"]
    assert "mirror 38%." in said["near-duplicates.v1"]
    assert "few" not in said["near-duplicates.v1"]


@pytest.mark.parametrize(
    ("trial", "says"),
    [
        ({"documents": 50}, None),
        ({"documents": 51}, "5.1% of the documents fail it, so many that the rule may not fit the text"),
        ({"documents": 400, "reference": (0, 300)}, None),
        ({"documents": 30, "reference": (8, 300)}, None),
        (
            {"documents": 26, "reference": (8, 300)},
            "2.7% of the human reference fail it, and 2.6% of the corpus",
        ),
        (
            {"documents": 400, "reference": (16, 300)},
            "5.3% of the human reference fail it, and 40.0% of the corpus",
        ),
        ({"documents": 30, "reference": (0, 300), "cost": "it keeps 0.9 of it"}, "it keeps 0.9 of it"),
    ],
)
def test_a_quality_rule_stands_where_it_tells_the_corpus_from_human_text_and_spares_the_tail(
    trial, says
) -> None:
    made = Trial(rule="gopher-short", of=1000, **trial)
    assert made.objection() == says
    (line, *_) = step_lines(audit(), [made])
    assert line.holds == ("yes" if says is None else "note")
    if says is not None:
        assert f"Without gopher-short: {says}." in " ".join(
            reason for one in step_lines(audit(), [made]) for reason in one.reasons
        )


def test_rules_left_out_are_skipped_by_name_and_sets_of_which_none_is_kept_are_not_named() -> None:
    kept = [Trial(rule="gopher-hashes", documents=1, of=9)]
    out = [Trial(rule=rule, documents=9, of=9) for rule in ("gopher-stop-words", "gopher-repetition-lines")]
    options = quality_options(kept, out)
    assert options == {"rules": ["gopher"], "skip": ["gopher-stop-words"]}
    assert QUALITY.check(options)["skip"] == ["gopher-stop-words"]


# --- the mix ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("synthetic", "holds", "says"),
    [
        (0, None, ""),
        (1, "yes", "none goes now"),
        (100, "yes", "none goes now"),
        (101, "yes", "as a main part they thin the tails"),
        (1000, "no", "a limit would leave nothing"),
    ],
)
def test_synthetic_text_is_held_to_a_tenth_unless_there_is_no_other(synthetic, holds, says) -> None:
    lines = list(synthetic_lines(left(synthetic=synthetic)))
    assert [line.holds for line in lines] == ([] if holds is None else [holds])
    assert all(line.value == {"max": 0.1} and says in line.reasons[0] for line in lines)


@given(st.floats(0.5, 1, exclude_min=True, exclude_max=True))
def test_a_cap_is_the_least_hundredth_that_costs_no_more_than_it_may(share) -> None:
    cap = cap_for(share)
    assert 0.5 <= cap <= 1
    if cap < 1:
        assert (1 - share) / (1 - cap) >= 1 - CAP_LOSS - 1e-9
    if cap > 0.5:
        below = cap - 0.01
        assert (1 - share) / (1 - below) < 1 - CAP_LOSS + 1e-9


def test_caps_stand_where_one_group_dominates_and_once_for_the_same_documents() -> None:
    forum = Largest(name="forum", documents=600, groups=4)
    found = left(source=forum, domain=Largest(name="forum.example", documents=600, groups=4))
    (line,) = cap_lines(found)
    assert (line.path, line.value) == (("mix", "caps", "source"), 0.5)
    assert line.reasons == (
        (
            "forum is 60.0% of the documents left, one of 4 sources. At 0.5 the others weigh 1.2 times as much, and 20% of "
            "the documents go."
        ),
    )
    month = Largest(name="2024-05", documents=900, groups=13)
    assert names(cap_lines(left(source=forum, month=month))) == {"source": "yes", "month": "yes"}


@pytest.mark.parametrize(("documents", "groups"), [(500, 2), (1000, 1), (990, 2)])
def test_no_cap_stands_on_half_on_the_only_group_or_where_it_would_change_nothing(documents, groups) -> None:
    assert not list(cap_lines(left(source=Largest(name="a", documents=documents, groups=groups))))


@given(st.integers(0, 500), st.integers(0, 500))
def test_a_floor_is_never_above_what_the_mix_has(human, others) -> None:
    for line in floor_lines(human, human + others):
        assert 0 < line.value <= human / (human + others) < 1
        assert line.value > human / (human + others) - 0.01 - 1e-12


def test_sources_that_read_as_ai_made_in_the_main_share_what_synthetic_text_may_have() -> None:
    rows = [
        {"source": "a", "low": 0.6, "high": 0.9, "scored": 300},
        {"source": "b", "low": 0.8, "high": 1.0, "scored": 300},
        {"source": "c", "low": 0.1, "high": 0.9, "scored": 300},
        {"source": "d", "low": 1.0, "high": 1.0},  # declared, not measured
    ]
    (line,) = measured_lines(audit(origin={"by_source": rows}))
    assert (line.path, line.value) == (("mix", "caps", "source"), {"a": 0.05, "b": 0.05})
    assert "a 60% to 90%, b 80% to 100%" in line.reasons[0]
    assert not list(measured_lines(audit(origin={"by_source": rows[:1]})))


def test_quota_and_guard_stand_where_there_is_a_tail_to_measure() -> None:
    rare = {"rare": {"topics": 19, "held": 3}}
    (line,) = tail_lines(audit(topics=rare))
    assert line.value == {"by": "ngram-clusters", "keep_tail": 0.95}
    assert "3 of the 19 rare topics" in line.reasons[0]
    assert not list(tail_lines(audit(topics={"rare": {"topics": 19, "held": 0}})))
    assert not list(tail_lines(audit()))
    assert not list(guard_lines(audit()))
    (note,) = guard_lines(audit(reference_given=True))
    assert note.holds == "note"
    assert "WK403" in note.reasons[0]
    measured = audit(reference_given=True, tails={"reference": {}})
    (guard,) = guard_lines(measured)
    assert (guard.value, guard.holds) == ({"tail": 0.95}, "yes")
    (refused,) = guard_lines(measured, "Too much.")
    assert refused.holds == "no"
    assert refused.reasons[0].endswith(": Too much.")


# --- where the documents are ------------------------------------------------------------------------


def groups_in(folder: Path, *files: str, given=None):
    for name in files:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text('{"text": "some words"}\n')
    return groups_of([given or folder], {"text": None}, folder)[0]


def test_paths_find_the_files_of_the_group_and_no_others(tmp_path) -> None:
    (only,) = groups_in(tmp_path / "one", "a.jsonl", "b.jsonl")
    assert paths_of(only) == [str(tmp_path / "one")]
    (single,) = groups_in(tmp_path / "single", "a.jsonl")
    assert paths_of(single) == [str(tmp_path / "single" / "a.jsonl")]
    above, below = groups_in(tmp_path / "two", "a.jsonl", "b.jsonl", "sub/c.jsonl", "sub/d.jsonl")
    assert paths_of(above) == [str(tmp_path / "two" / "*.jsonl")]
    assert paths_of(below) == [str(tmp_path / "two" / "sub")]
    mixed = groups_in(
        tmp_path / "mixed", "a.jsonl", "b.jsonl", "c.jsonl", given=tmp_path / "mixed" / "[ab].jsonl"
    )
    assert paths_of(mixed[0]) == [str(tmp_path / "mixed" / name) for name in ("a.jsonl", "b.jsonl")]


def test_a_reference_beside_the_recipe_is_a_path_and_never_a_sources_name(tmp_path) -> None:
    groups = groups_in(tmp_path / "human", "a.jsonl")
    (line,) = reference_line([tmp_path / "human"], groups, tmp_path)
    assert line.value == "./human"
    assert reference_line([tmp_path / "human"], groups, None)[0].value == str(tmp_path / "human")
    assert reference_line([tmp_path / "human"], groups, tmp_path / "recipes")[0].value == "../human"
    (two,) = reference_line([tmp_path / "human", "more"], groups, None)
    assert "given 2: put more beside it" in two.reasons[1]
    assert reference_line([], [], tmp_path) == []
