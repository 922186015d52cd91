"""Decisions: steps speak in turn, the last word stands, and what the mix leaves out is on record."""

from dataclasses import replace

import numpy as np
import pytest
from fakes import MemoryCorpus

from wellkeeper.core.decision import Decision, Ruling, Weights
from wellkeeper.core.origin import Origin
from wellkeeper.errors import DataError, RecipeError
from wellkeeper.mix.plan import Cap, Diversity, Epochs, MixPlan, Size
from wellkeeper.mix.sampling import copies_of
from wellkeeper.recipe.decide import MixTopics, apply_mix, apply_steps, record, undecided
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


def ruling(step: str, *, drop=(), weights: Weights | None = None) -> Ruling:
    """What a step says that drops some documents and weighs others."""
    nobody = np.full(len(drop), -1, np.int64)
    return Ruling(
        step=step, documents=np.array(drop, np.int64), decision=np.full(len(drop), Decision.DROP, np.uint8),
        reason=np.zeros(len(drop), np.int32), score=np.full(len(drop), np.nan, np.float32), survivor=nobody,
        cluster=nobody, reasons=("wrong",), weights=weights,
    )  # fmt: skip


def weights_of(factors: dict[int, float], reason: str) -> Weights:
    return Weights(
        documents=np.array(list(factors), np.int64),
        factor=np.array(list(factors.values()), np.float32),
        score=np.full(len(factors), 0.5, np.float32),
        reason=reason,
    )


def weighed(factors: dict[int, float], documents: int = 7):
    decisions = undecided(documents)
    record(decisions, ruling("weigh.v1", weights=weights_of(factors, "light")), before=documents)
    return decisions


def test_factors_of_several_steps_multiply_and_the_last_that_changes_one_is_named():
    decisions = weighed({0: 0.5, 1: 1.0, 2: 2.0})
    more = weights_of({0: 0.5, 2: 1.0, 3: 3.0}, "heavy")
    record(decisions, ruling("other.v1", drop=[6], weights=more), before=7)
    assert decisions.weight.tolist() == [0.25, 1, 2, 3, 1, 1, 1]
    named = [decisions.steps[step] if step >= 0 else None for step in decisions.step]
    assert named == ["other.v1", None, "weigh.v1", "other.v1", None, None, "other.v1"]
    reasons = [decisions.reasons[reason] if reason >= 0 else None for reason in decisions.reason]
    assert reasons == ["heavy", None, "light", "heavy", None, None, "wrong"]
    assert decisions.score[0] == 0.5
    assert np.isnan(decisions.score[1])
    assert decisions.kept.sum() == 6
    assert [tally.dropped for tally in decisions.tallies] == [0, 1]


def test_the_mix_draws_each_document_as_often_as_its_weight_says(corpus):
    factors = {0: 0.0, 1: 0.3, 2: 2.0, 3: 2.5, 5: 3.0}
    decisions = weighed(factors)
    expected = copies_of(decisions.weight.copy(), corpus.column("priority"))
    mix = apply_mix(corpus, decisions, MixPlan())
    kept = decisions.kept
    assert np.array_equal(kept, expected > 0)
    assert decisions.weight[kept].tolist() == expected[kept].tolist()
    assert not kept[0]
    assert (decisions.weight[2], decisions.weight[4], decisions.weight[5]) == (2, 1, 3)
    assert (decisions.steps[decisions.step[0]], decisions.reasons[decisions.reason[0]]) == ("mix", "weight")
    assert decisions.score[0] == 0  # the weight that drew no copy
    assert mix.facts["copies"]["kept"] == expected.sum()


def test_a_size_counts_copies_and_may_take_some_of_a_documents(corpus):
    decisions = weighed(dict.fromkeys(range(7), 3.0))
    apply_mix(corpus, decisions, MixPlan(size=Size(amount=10)))
    assert decisions.weight[decisions.kept].sum() == 10
    assert set(decisions.weight[decisions.kept].tolist()) <= {1, 2, 3}


def test_weights_that_the_plan_keeps_play_no_part_in_the_mix(corpus):
    decisions = weighed({0: 0.0, 1: 0.3, 2: 2.5})
    mix = apply_mix(corpus, decisions, MixPlan(size=Size(amount=3), weights="keep"))
    assert np.flatnonzero(decisions.kept).tolist() == [0, 1, 2]
    np.testing.assert_allclose(decisions.weight[:3], [0, 0.3, 2.5], rtol=1e-6)
    assert mix.copies is None
    assert "copies" not in mix.facts


def test_a_mix_of_plain_documents_draws_nothing(corpus):
    decisions = apply_steps(corpus, [])
    assert apply_mix(corpus, decisions, MixPlan()).copies is None
    assert (decisions.weight == 1).all()


def test_caps_of_other_kinds_and_by_name_go_by_the_corpus_own_codes(corpus):
    corpus.codes = {
        "licence": (np.array([0, 0, 0, 0, 1, 1, -1], np.int32), ("MIT", "CC0-1.0")),
        "source": (np.array([0, 1, 0, 1, 0, 1, 0], np.int32), ("forum", "books")),
    }.__getitem__
    corpus.columns["source"] = corpus.codes("source")[0]
    decisions = apply_steps(corpus, [])
    plan = MixPlan(caps={"licence": Cap(share=0.5), "source": Cap(named={"forum": 0.5})})
    mix = apply_mix(corpus, decisions, plan)
    assert [(one.name, one.group, one.after) for one in mix.constraints] == [
        ("cap-source", "forum", 0.5), ("cap-licence", "MIT", 0.5)
    ]  # fmt: skip
    assert decisions.kept.sum() == 6
    assert {decisions.reasons[r] for r in decisions.reason[~decisions.kept]} <= {"cap-source", "cap-licence"}


def test_repeats_by_source_of_the_recipe_come_out_as_weights(corpus):
    corpus.columns["group"] = np.array([0, 0, 1, 1, 1, 1, 1], np.int32)
    corpus.group_names = lambda: ["archive", "forum"]
    plan = MixPlan(size=Size(amount=11), epochs=Epochs(named={"archive": 4}))
    decisions = apply_steps(corpus, [])
    apply_mix(corpus, decisions, plan)
    assert decisions.weight.tolist() == [3, 3, 1, 1, 1, 1, 1]
    kept_apart = weighed({0: 0.5})
    apply_mix(corpus, kept_apart, replace(plan, weights="keep"))
    assert kept_apart.weight.tolist() == [1.5, 3, 1, 1, 1, 1, 1]


def test_a_tail_quota_goes_by_the_topics_of_the_reference(corpus):
    topics = MixTopics(
        of=np.array([0, 0, 0, 0, 0, 1, -1], np.int32), reference=np.array([80, 20]), names=("a", "b")
    )
    plan = MixPlan(size=Size(amount=3), diversity=Diversity(keep_tail=0.95))
    decisions = apply_steps(corpus, [])
    mix = apply_mix(corpus, decisions, plan, topics)
    assert decisions.kept[5]
    assert decisions.kept.sum() == 3
    assert [(one.name, one.group, one.holds) for one in mix.constraints] == [
        ("keep-tail", "b", True),
        ("size", None, True),
    ]
    with pytest.raises(DataError, match="The plan has a tail quota, and topics"):
        apply_mix(corpus, apply_steps(corpus, []), plan)


def test_unlike_documents_go_by_the_vectors_of_those_that_are_left(corpus):
    asked = []

    def vectors(documents):
        asked.append(documents.tolist())
        return np.eye(7, 8, dtype=np.int16)[documents // 2 * 2] * 2048

    decisions = apply_steps(corpus, [("exact-duplicates.v1", {})])
    apply_mix(
        corpus, decisions, MixPlan(size=Size(amount=4), diversity=Diversity(choose="spread")), vectors=vectors
    )
    assert asked == [[0, 2, 3, 4, 5, 6]]
    assert np.flatnonzero(decisions.kept).tolist() == [0, 2, 4, 6]
    asked.clear()
    apply_mix(corpus, apply_steps(corpus, []), MixPlan(size=Size(amount=4)), vectors=vectors)
    assert asked == []


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
