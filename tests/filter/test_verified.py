"""`verified.v1`: rejected texts go with the verifier's reason, unknown ones wait, and people's texts are left alone."""

from types import SimpleNamespace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from wellkeeper.core.decision import Decision, Relaxable
from wellkeeper.core.origin import Origin
from wellkeeper.errors import RecipeError
from wellkeeper.filter.verified import NO_VERDICT, SAID, VERIFIED, Verdicts

NONE = -1


def corpus(said, *, reasons=("sum: 41 is not 42",), origins=None):
    """Documents with what was said of each; a rejected one has the first reason."""
    origins = [Origin.AI_GENERATED] * len(said) if origins is None else origins
    given_ = [SAID.index(word) if word else NONE for word in said]
    verdicts = Verdicts(
        said=np.array(given_, np.int8),
        reason=np.array([0 if word == "rejected" else NONE for word in said], np.int32),
        reasons=tuple(reasons),
        value=np.linspace(0, 1, len(said), dtype=np.float32),
    )
    column = {"origin_resolved": np.array(origins, np.uint8)}.__getitem__
    return SimpleNamespace(column=column, verdicts=verdicts)


def ruled(documents, active=None):
    size = len(documents.verdicts.said)
    active = np.ones(size, bool) if active is None else active
    ruling = VERIFIED.rule(documents, active, VERIFIED.check({}))
    told = ["keep"] * size
    for document, decision, reason in zip(ruling.documents, ruling.decision, ruling.reason, strict=True):
        told[document] = f"{Decision(int(decision)).label} {ruling.reasons[reason]}"
    return told, ruling


def test_rejected_texts_go_with_the_reason_and_unknown_ones_wait():
    told, ruling = ruled(corpus(["accepted", "rejected", "unknown"]))
    assert told == ["keep", "drop sum: 41 is not 42", "review unknown"]
    assert ruling.score.tolist() == [0.5, 1.0]
    assert ruling.facts == {"accepted": 1, "rejected": 1, "unknown": 1, "without": 0}


def test_a_text_of_a_model_without_a_verdict_waits_and_a_persons_is_left_alone():
    told, _ = ruled(corpus(["", "", ""], origins=[Origin.AI_GENERATED, Origin.HUMAN, Origin.UNKNOWN]))
    assert told == [f"review {NO_VERDICT}", "keep", "keep"]


@given(st.lists(st.sampled_from(["accepted", "rejected", "unknown", ""]), min_size=1), st.data())
def test_only_active_documents_are_ruled_on_and_none_that_was_accepted(said, data):
    active = np.array(data.draw(st.lists(st.booleans(), min_size=len(said), max_size=len(said))))
    _, ruling = ruled(corpus(said), active)
    assert active[ruling.documents].all()
    assert {said[document] for document in ruling.documents.tolist()}.isdisjoint({"accepted"})
    rejected = ruling.documents[ruling.decision == Decision.DROP].tolist()
    assert rejected == [k for k, word in enumerate(said) if word == "rejected" and active[k]]


def test_without_verdicts_the_step_says_what_to_add():
    bare = SimpleNamespace(column=None, verdicts=None)
    with pytest.raises(RecipeError, match=r"^verified.v1 names no verdicts. Add verdicts: FILE to it.$"):
        VERIFIED.rule(bare, np.ones(1, bool), VERIFIED.check({}))


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"verdict": "x"}, "no option 'verdict'. Did you mean verdicts? Options: verdicts, verifiers."),
        ({"verdicts": 3}, "verdicts is 3. Give the path of a file of verdicts, JSON lines."),
        ({"verifiers": "abc"}, "Give the digest of the verifiers, 64 hexadecimal digits, or leave it out."),
    ],
)
def test_options_that_make_no_sense_are_refused(options, said):
    with pytest.raises(RecipeError) as refused:
        VERIFIED.check(options)
    assert said in str(refused.value)


def test_no_guard_of_the_tail_puts_back_what_a_verifier_rejected():
    assert not isinstance(VERIFIED, Relaxable)
