"""Decisions: steps speak in turn, the last word stands, and what the mix leaves out is on record."""

import numpy as np
import pytest
from fakes import MemoryCorpus

from wellkeeper.core.decision import Decision
from wellkeeper.core.origin import Origin
from wellkeeper.errors import RecipeError
from wellkeeper.mix.plan import MixPlan, Size
from wellkeeper.recipe.decide import apply_mix, apply_steps
from wellkeeper.recipe.steps import registered_steps, step_named

BASE = " ".join(f"w{k}" for k in range(80))


@pytest.fixture
def corpus():
    documents = [BASE, BASE, f"{BASE} and more", "short text", *(f"{BASE} {k} " * 2 for k in range(3))]
    made = MemoryCorpus(documents, origins=[Origin.HUMAN] * len(documents))
    many = len(documents)
    made.columns |= {
        "source": np.zeros(many, np.int32),
        "month": np.full(many, -1, np.int32),
        "priority": np.arange(many, dtype=np.uint64),
        "evidence_mask": np.zeros(many, np.uint64),
        "words": made.column("words"),
        "bytes": np.array([len(d) for d in documents]),
    }
    return made


def test_steps_rule_on_what_is_left_and_name_their_survivors(corpus):
    decisions = apply_steps(
        corpus, [("exact-duplicates.v1", {}), ("near-duplicates.v1", {"similarity": 0.8})]
    )
    assert decisions.steps[decisions.step[1]] == "exact-duplicates.v1"
    assert decisions.survivor[1] == 0
    assert decisions.steps[decisions.step[0]] == "near-duplicates.v1"
    assert decisions.survivor[0] == 4  # the first of the longest
    assert [tally.before for tally in decisions.tallies] == [7, 6]
    assert decisions.kept.sum() == 7 - sum(tally.dropped for tally in decisions.tallies)


def test_the_order_of_steps_is_the_recipes(corpus):
    rules = {"rules": ["gopher"], "skip": ["gopher-stop-words"]}
    first = apply_steps(corpus, [("quality.v1", rules), ("exact-duplicates.v1", {})])
    second = apply_steps(corpus, [("exact-duplicates.v1", {}), ("quality.v1", rules)])
    assert np.array_equal(first.kept, second.kept)
    assert [tally.step for tally in first.tallies] == ["quality.v1", "exact-duplicates.v1"]
    assert first.tallies[0].before == second.tallies[0].before == 7


def test_a_wrong_option_stops_before_the_first_step_runs(corpus):
    with pytest.raises(RecipeError, match="similarity is 9"):
        apply_steps(corpus, [("exact-duplicates.v1", {}), ("near-duplicates.v1", {"similarity": 9})])


def test_the_mix_is_a_step_of_its_own(corpus):
    decisions = apply_steps(corpus, [])
    apply_mix(corpus, decisions, MixPlan(size=Size(amount=3)))
    assert decisions.kept.sum() == 3
    assert {decisions.reasons[r] for r in decisions.reason[decisions.decision == Decision.DROP]} == {"size"}
    assert np.flatnonzero(decisions.kept).tolist() == [0, 1, 2]  # by priority


def test_the_digest_changes_with_any_decision(corpus):
    one, other = (apply_steps(corpus, steps) for steps in ([], [("exact-duplicates.v1", {})]))
    assert one.digest() != other.digest()
    assert one.digest() == apply_steps(corpus, []).digest()


def test_unknown_steps_are_named_with_what_was_meant():
    assert set(registered_steps()) >= {"quality.v1", "near-duplicates.v1"}
    with pytest.raises(
        RecipeError, match=r"There is no step 'near-duplicate\.v1'\. Did you mean near-duplicates\.v1\?"
    ):
        step_named("near-duplicate.v1")
