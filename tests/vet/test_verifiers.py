"""Verifiers: what a score becomes, several as one, and what a file of them may say."""

import threading

import pytest
from generated_texts import Fixed, judge_who_says, said, text, verdict

from wellkeeper.errors import InputError, MissingExtraError, RecipeError, WorkError
from wellkeeper.suites.scorers.workers import Unknown
from wellkeeper.vet.verdicts import Verdict
from wellkeeper.vet.verifiers import (
    VerifierSet,
    doubted,
    families_of,
    read_verifiers,
    verdicts_of,
    verifier_of,
)


def of(tmp_path, content):
    path = tmp_path / "verifiers.yaml"
    path.write_text(content)
    return read_verifiers(path)


# --- one verifier -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("spec", "right", "wrong", "reference"),
    [
        ("exact", "Cod.", "Hake", "cod"),
        ("contains", "I say cod today", "hake", "cod"),
        ({"kind": "regex", "pattern": "c.d"}, "cod", "hake", "cod"),
        ("numeric", "It is 7.", "It is 8.", "7"),
        ({"kind": "f1", "accept": {"at-least": 0.5}}, "the big cod", "hake", "big cod"),
        ({"kind": "json-schema", "schema": {"type": "object"}}, "{}", "[]", ""),
        ("python", "def f(): return 1", "def f(): return 2", "assert f() == 1"),
        ("math", r"\frac{1}{2}", r"\frac{1}{3}", "0.5"),
    ],
)
def test_every_scorer_is_a_verifier(spec, right, wrong, reference):
    assert said(spec, right, reference) == "accepted"
    assert said(spec, wrong, reference) == "rejected"


def test_a_choice_is_read_with_the_choices_of_the_users_file():
    told = {"references": ["cod"], "choices": ["cod", "cow"], "id": "one", "text": "The answer is A."}
    item = type(text("")).from_json(told)
    assert verifier_of({"kind": "choice"}).verdict(item).said == "accepted"


def test_a_judge_accepts_and_rejects_and_is_unknown_where_its_two_orders_disagree():
    judged = {"kind": "judge", "by": "pair"}
    better, worse, always_first = ("VERDICT: 1", "VERDICT: 2"), ("VERDICT: 2", "VERDICT: 1"), ("VERDICT: 1",)
    assert said(judged, "cod", "hake", ask=judge_who_says(*better)) == "accepted"
    assert said(judged, "cod", "hake", ask=judge_who_says(*worse)) == "rejected"
    assert said(judged, "cod", "hake", ask=judge_who_says(*always_first)) == "unknown"


@pytest.mark.parametrize(("least", "expected"), [(1.0, "rejected"), (0.5, "accepted"), (0.8, "accepted")])
def test_the_threshold_decides(least, expected):
    found = verdict({"kind": "f1", "accept": {"at-least": least}}, "big cod fish", "big cod")
    assert (found.said, round(found.value, 2)) == (expected, 0.8)


def test_an_answer_that_never_came_is_unknown():
    assert said("exact", "", "cod", finish="error") == "unknown"


@pytest.mark.parametrize("error", [Unknown("it took too long"), RuntimeError("broken"), RecursionError()])
def test_a_check_that_breaks_is_unknown_and_never_rejected(error, monkeypatch):
    def broken(*_given):
        raise error

    verifier = verifier_of({"kind": "exact"})
    monkeypatch.setattr(type(verifier.scorer), "worth", broken)
    found = verifier.verdict(text("cod", "cod"))
    assert found.said == "unknown"
    assert found.note.startswith("the check broke")


def test_a_judge_that_cannot_be_asked_is_an_error_and_no_verdict():
    def unreachable(_prompt, _seed):
        raise WorkError("The endpoint cannot be reached. Start it.")

    with pytest.raises(WorkError):
        said("judge", "cod", "cod", ask=unreachable)


@pytest.mark.parametrize(
    ("spec", "message"),
    [
        ({"kind": "exakt"}, r"no verifier of the kind exakt\. Did you mean exact\?"),
        ({"kind": "python", "over-limit": "wrong"}, r"unknown, never wrong\. Leave over-limit out\."),
        ({"kind": "judge", "disagreement": "half"}, r"unknown, never wrong\. Leave disagreement out\."),
        ({"kind": "choice", "by": "logprob"}, r"a written text has no chances of letters\. Leave it out\."),
        ({"kind": "exact", "accept": 0.5}, r"accept of the verifier exact is 0\.5\. Write accept: "),
        ({"kind": "exact", "accept": {"at-lest": 1}}, r"Did you mean at-least\?"),
        ({"kind": "exact", "accept": {"at-least": 0}}, r"at-least of the verifier exact is 0\."),
        ({"kind": "exact", "accept": {"at-least": True}}, r"at-least of the verifier exact is True\."),
        ({"kind": "exact", "name": " "}, r"The name of a verifier is ' '\."),
        ({"kind": "judge"}, r"asks a model, and none was given"),
        ({"kind": "human", "queue": "a"}, r"has no labels\. Name two files"),
        ({"kind": "human", "queue": "a", "labels": "b", "lables": "c"}, r"no option lables\. Did you mean labels\?"),
    ],
)  # fmt: skip
def test_what_cannot_be_a_verifier_is_refused_with_a_way_out(spec, message):
    with pytest.raises(InputError, match=message):
        verifier_of(spec)


def test_a_kind_whose_package_is_missing_is_refused_before_anything_runs(monkeypatch):
    monkeypatch.setattr("wellkeeper.suites.scorers.mathematics.find_spec", lambda _name: None)
    with pytest.raises(MissingExtraError, match="scorers"):
        verifier_of({"kind": "math"})


def test_the_digest_is_of_what_decides_and_not_of_the_name():
    plain = verifier_of({"kind": "numeric"})
    assert plain.digest == verifier_of({"kind": "numeric", "name": "sums"}).digest
    others = [{"tolerance": 0.1}, {"accept": {"at-least": 0.5}}]
    assert len({plain.digest, *(verifier_of({"kind": "numeric", **one}).digest for one in others)}) == 3


def test_another_model_is_another_judge():
    ask = judge_who_says("VERDICT: 1")
    first, second = (verifier_of({"kind": "judge"}, ask, judge=model) for model in ("a", "b"))
    assert first.digest != second.digest
    assert (families_of(first), families_of(second)) == (("judge a",), ("judge b",))


# --- several as one -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("verdicts", "expected"),
    [
        (("accepted", "accepted"), "accepted"),
        (("accepted", "unknown"), "unknown"),
        (("unknown", "rejected"), "rejected"),
        (("rejected", "accepted"), "rejected"),
    ],
)
def test_all_must_accept_and_one_rejects(verdicts, expected):
    both = VerifierSet(verifiers=(Fixed("a", one=verdicts[0]), Fixed("b", one=verdicts[1])))
    found = both.verdict(text("x"))
    assert found.said == expected
    assert found.by == {"a": verdicts[0], "b": verdicts[1]}


def test_the_note_is_of_those_that_decided():
    both = VerifierSet(verifiers=(Fixed("a"), Fixed("b", one="rejected")))
    assert both.verdict(text("x")).note == "b: b looked"


def test_the_digest_of_a_set_covers_all_in_any_order():
    a, b, c = Fixed("a"), Fixed("b"), Fixed("c")
    digest = VerifierSet(verifiers=(a, b)).digest
    assert digest == VerifierSet(verifiers=(b, a)).digest
    assert digest != VerifierSet(verifiers=(a, c)).digest != VerifierSet(verifiers=(a,)).digest


def test_verdicts_are_the_same_however_many_are_made_at_once():
    items = [text("", name=f"t{place}") for place in range(40)]
    one = Fixed("a", t3="rejected", t17="unknown")
    threads, told = [], []
    found = [
        verdicts_of(one, items, at_once=most, told=lambda place, _: (told.append(place), threads.append(threading.get_ident())))
        for most in (1, 3)
    ]  # fmt: skip
    assert found[0] == found[1]
    assert sorted(told) == sorted([*range(40)] * 2)
    assert set(threads) == {threading.get_ident()}


def test_an_item_that_cannot_be_verified_is_refused_before_any_is_looked_at():
    looked = []
    with pytest.raises(InputError, match="has no reference"):
        verdicts_of(
            verifier_of({"kind": "exact"}), [text("a", "a"), text("b")], told=lambda *_: looked.append(1)
        )
    assert looked == []


def test_a_doubted_verifier_says_nothing_and_keeps_its_digest():
    both = VerifierSet(verifiers=(Fixed("a"), Fixed("judge", family="judge x")))
    less = doubted(both, {"judge": "it changed"})
    assert less.verdict(text("x")) == Verdict(
        said="unknown", note="judge: it changed", by={"a": "accepted", "judge": "unknown"}
    )
    assert (less.digest, less.families) == (both.digest, both.families)


# --- files --------------------------------------------------------------------------------------------------------


def test_a_file_names_verifiers_with_their_options(tmp_path):
    found = of(
        tmp_path, "verifiers:\n  - name: sums\n    kind: numeric\n    tolerance: 0.5\n  - kind: contains\n"
    )
    assert (found.name, found.families) == ("sums + contains", ("contains", "numeric"))
    assert found.verdict(text("7.4", "7")).by == {"sums": "accepted", "contains": "rejected"}


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("verifiers:\n  - kind: exact\n  - kind: numerik\n", r"verifiers\.yaml, line 3: There is no verifier of the kind numerik\. Did you"),
        ("verifiers:\n  - kind: exact\n    toleranse: 1\n", r"line 2: The scorer exact has no option toleranse"),
        ("verifiers:\n  - kind: exact\n  - kind: exact\n", r"line 3: a second verifier is named exact\. Give each"),
        ("verifiers: []\n", r"has no list of verifiers\. A file of verifiers is a mapping; begin"),
        ("verifiers:\n  - exact\n", r"line 2: 'exact' is no verifier\. Write a mapping with name and kind\."),
        ("verifier:\n  - kind: exact\n", r"line 1: there is no verifier\. Did you mean verifiers\?"),
        ("verifiers:\n  - kind: exact\n    kind: exact\n", r"twice, on lines 2 and 3\. Remove one\."),
    ],
)  # fmt: skip
def test_a_mistake_in_a_file_is_told_with_its_line(tmp_path, content, message):
    with pytest.raises(InputError, match=message):
        of(tmp_path, content)


def test_a_file_that_is_no_yaml_or_not_there_is_refused(tmp_path):
    with pytest.raises(RecipeError, match="this is not YAML"):
        of(tmp_path, "verifiers: [")
    with pytest.raises(InputError, match="cannot be read"):
        read_verifiers(tmp_path / "absent.yaml")
