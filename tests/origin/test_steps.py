"""What the steps on origin drop, keep, weigh and hand to a person, and how they refuse a wrong recipe."""

import json
from datetime import UTC, datetime
from importlib.metadata import entry_points

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from wellkeeper.core.dates import DateBasis
from wellkeeper.core.decision import ONE_SLICE, Decision, Referenced
from wellkeeper.core.evidence import BY_NAME
from wellkeeper.core.origin import Origin
from wellkeeper.core.signals import NO_DATE
from wellkeeper.errors import RecipeError
from wellkeeper.origin.evidence import probability, style_log10
from wellkeeper.origin.steps import ARTEFACTS, ORIGIN, WEIGHT_BY_ORIGIN

BEFORE = int(datetime(2015, 3, 1, tzinfo=UTC).timestamp())
AFTER = int(datetime(2025, 9, 1, tzinfo=UTC).timestamp())


class Fake:
    """A corpus of (evidence kinds, declared origin, capture date, its basis)."""

    def __init__(self, *documents) -> None:
        rows = [(*row, *(Origin.UNKNOWN, AFTER, DateBasis.WARC)[len(row) - 1 :]) for row in documents]
        self.columns = {
            "evidence_mask": np.array(
                [sum(1 << BY_NAME[name].bit for name in row[0].split()) for row in rows], np.uint64
            ),
            "origin": np.array([row[1] for row in rows], np.uint8),
            "captured_at": np.array([row[2] for row in rows], np.int64),
            "captured_basis": np.array([row[3] for row in rows], np.uint8),
        }

    def __len__(self) -> int:
        return self.columns["origin"].size

    def column(self, name: str) -> np.ndarray:
        return self.columns[name]


HUMAN, AI = np.linspace(-4, 0, 99, dtype=np.float32), np.linspace(1, 5, 80, dtype=np.float32)


class Anchored(Fake):
    """A corpus with a style score, a slice and a source a document, and references of the slices."""

    def __init__(self, *documents, scores, references, slices=None, sources=None) -> None:
        super().__init__(*documents)
        self.names = tuple(dict.fromkeys(slices or [ONE_SLICE]))
        self.of_slice = np.array([self.names.index(name) for name in slices or [ONE_SLICE] * len(self)])
        self.scores = np.array(scores, np.float32)
        self.columns["source"] = np.array(sources or [0] * len(self), np.int32)
        self.known = references
        self.scored: list[int] = []

    def slices(self):
        return self.of_slice.astype(np.int32), self.names

    def references(self, name: str):
        return self.known.get(name)

    def style_scores(self, documents: np.ndarray) -> np.ndarray:
        self.scored += documents.tolist()
        return self.scores[documents]


def anchored(*documents, scores, human=HUMAN, ai=AI, **more) -> Anchored:
    return Anchored(*documents, scores=scores, references={ONE_SLICE: (human, ai)}, **more)


def ruled(step, corpus: Fake, options=None):
    return step.rule(corpus, np.ones(len(corpus), bool), step.check(options or {}))


def rulings(step, corpus: Fake, options=None, active=None) -> dict[int, tuple[str, str]]:
    ruling = step.rule(
        corpus, np.ones(len(corpus), bool) if active is None else active, step.check(options or {})
    )
    assert ruling.step == step.name
    assert ruling.documents.tolist() == sorted(set(ruling.documents.tolist()))
    lengths = {len(getattr(ruling, name)) for name in ("decision", "reason", "score", "survivor", "cluster")}
    assert lengths == {len(ruling.documents)}
    assert (ruling.survivor == -1).all()
    assert (ruling.cluster == -1).all()
    return {
        document: (Decision(decision).label, ruling.reasons[reason])
        for document, decision, reason in zip(
            ruling.documents.tolist(), ruling.decision.tolist(), ruling.reason.tolist(), strict=True
        )
    }


def test_the_steps_are_registered_under_their_names() -> None:
    found = {
        point.name: point.load()
        for point in entry_points(group="wellkeeper.steps")
        if point.value.startswith("wellkeeper.origin")
    }
    assert found == {step.name: step for step in (ARTEFACTS, ORIGIN, WEIGHT_BY_ORIGIN)}


def test_artefacts_drop_what_a_chat_tool_left_and_keep_quotations_and_weak_traces() -> None:
    corpus = Fake(
        ("assistant-voice",),
        ("quoted-assistant-voice quoted-chat-template invisible-run",),
        ("unfilled-slot chat-referrer",),
        ("assistant-voice citation-marker",),
        ("",),
        ("disclosure",),
    )
    assert rulings(ARTEFACTS, corpus) == {0: ("drop", "assistant-voice"), 3: ("drop", "citation-marker")}


def test_artefacts_act_on_the_kinds_asked_for_and_only_where_active() -> None:
    corpus = Fake(("disclosure",), ("assistant-voice",), ("disclosure",))
    options = {"kinds": ["disclosure"], "action": "review"}
    active = np.array([True, True, False])
    assert rulings(ARTEFACTS, corpus, options, active) == {0: ("review", "disclosure")}


def test_a_trace_in_text_declared_human_or_archived_early_goes_to_review_not_out() -> None:
    corpus = Fake(
        ("citation-marker", Origin.HUMAN),
        ("assistant-voice", Origin.UNKNOWN, BEFORE),
        ("assistant-voice", Origin.UNKNOWN, BEFORE, DateBasis.PAGE_CLAIMED),
    )
    assert rulings(ARTEFACTS, corpus) == {
        0: ("review", "conflicting-evidence"),
        1: ("review", "conflicting-evidence"),
        2: ("drop", "assistant-voice"),
    }


def test_artefacts_tell_the_report_how_many_documents_each_kind_has() -> None:
    corpus = Fake(("citation-marker",), ("citation-marker", Origin.HUMAN), ("chat-template",))
    facts = ARTEFACTS.rule(corpus, np.ones(3, bool), ARTEFACTS.check({})).facts
    assert facts["documents_by_kind"] == {"citation-marker": 2, "assistant-voice": 0, "chat-template": 1}
    assert facts["conflicts"] == 1


def test_origin_drops_above_and_reviews_between_by_the_posterior() -> None:
    # In 2025-09 the prior odds are 0.35 / 0.65: traces of 1, 2 and 3 give 0.843, 0.982 and 0.998.
    corpus = Fake(("unfilled-slot",), ("assistant-voice",), ("citation-marker",), ("",))
    assert rulings(ORIGIN, corpus) == {
        0: ("review", "ai-evidence"),
        1: ("review", "ai-evidence"),
        2: ("drop", "ai-evidence"),
    }
    ruling = ORIGIN.rule(corpus, np.ones(4, bool), ORIGIN.check({}))
    odds = np.array([10, 100, 1000]) * 0.35 / 0.65
    np.testing.assert_allclose(ruling.score, odds / (1 + odds), rtol=1e-5)


def test_origin_thresholds_and_prior_follow_the_recipe() -> None:
    corpus = Fake(("unfilled-slot",), ("citation-marker",))
    assert rulings(ORIGIN, corpus, {"drop_above": 0.8, "review_between": None}) == {
        0: ("drop", "ai-evidence"),
        1: ("drop", "ai-evidence"),
    }
    assert rulings(ORIGIN, corpus, {"drop_above": 1, "review_between": None}) == {}
    neutral = ORIGIN.rule(corpus, np.ones(2, bool), ORIGIN.check({"prior": "neutral"}))
    np.testing.assert_allclose(neutral.score, [10 / 11, 1000 / 1001], rtol=1e-5)
    assert neutral.facts["prior"].startswith("neutral: 50%")


def test_documents_without_evidence_are_kept_whatever_their_date() -> None:
    corpus = Fake(
        ("",), ("", Origin.UNKNOWN, NO_DATE, DateBasis.NONE), ("", Origin.HUMAN), ("", Origin.UNKNOWN, BEFORE)
    )
    assert rulings(ORIGIN, corpus) == {}


def test_declared_ai_text_is_left_to_the_mix_unless_the_recipe_says_drop() -> None:
    corpus = Fake(
        ("citation-marker", Origin.AI_GENERATED),
        ("", Origin.AI_ASSISTED),
        ("", Origin.AI_GENERATED, BEFORE),
        ("", Origin.PROGRAMMATIC),
    )
    assert rulings(ORIGIN, corpus) == {}
    assert rulings(ORIGIN, corpus, {"declared": "drop"}) == dict.fromkeys(range(3), ("drop", "declared-ai"))


def test_evidence_on_both_sides_goes_to_a_person() -> None:
    corpus = Fake(("citation-marker", Origin.HUMAN), ("assistant-voice", Origin.UNKNOWN, BEFORE))
    assert rulings(ORIGIN, corpus) == {
        0: ("review", "conflicting-evidence"),
        1: ("review", "conflicting-evidence"),
    }


# --- style and flags ---


def test_the_fakes_are_what_the_steps_take_them_for() -> None:
    assert isinstance(anchored(("",), scores=[0]), Referenced)
    assert not isinstance(Fake(("",)), Referenced)


def test_on_style_alone_the_thresholds_do_nothing() -> None:
    corpus = anchored(("",), ("quoted-assistant-voice",), scores=[5, 5])
    options = {"prior": "neutral", "drop_above": 0.85, "review_between": [0.5, 0.85]}
    assert rulings(ORIGIN, corpus, options) == {}
    assert ruled(ORIGIN, corpus, options).facts["with_style"] == 2


def test_style_is_part_of_the_probability_beside_other_evidence() -> None:
    style = style_log10(np.array([5.0, -5.0]), HUMAN, AI)
    assert style.tolist() == [1, -1]
    corpus = anchored(("unfilled-slot",), ("assistant-voice",), ("unfilled-slot",), scores=[5, -5, np.nan])
    ruling = ruled(ORIGIN, corpus, {"prior": "neutral", "review_between": [0.5, 0.99]})
    np.testing.assert_allclose(ruling.score, probability(np.array([2.0, 1.0, 1.0])), rtol=1e-5)
    assert ruling.decision.tolist() == [Decision.DROP, Decision.REVIEW, Decision.REVIEW]


def test_style_says_nothing_without_references_of_both_kinds() -> None:
    documents, none = [("unfilled-slot",)], np.zeros(0, np.float32)
    plain = ruled(ORIGIN, Fake(*documents)).score
    for human, ai in ((HUMAN, none), (none, AI)):
        np.testing.assert_array_equal(
            ruled(ORIGIN, anchored(*documents, scores=[5], human=human, ai=ai)).score, plain
        )


@pytest.mark.parametrize("action", ["review", "drop"])
def test_flagged_documents_go_where_the_recipe_says_with_their_p_value(action: str) -> None:
    corpus = anchored(("",), ("",), ("",), scores=[3, -1, np.nan])
    options = {"flag": {"level": 0.01, "action": action}}
    assert rulings(ORIGIN, corpus, options) == {0: (action, "style-flag")}
    ruling = ruled(ORIGIN, corpus, options)
    np.testing.assert_allclose(ruling.score, [1 / 100])
    assert ruling.weights is None


def test_weighed_documents_stay_with_the_probability_of_no_ai_as_a_factor() -> None:
    corpus = anchored(("",), ("",), ("citation-marker",), scores=[3, -1, 3])
    ruling = ruled(ORIGIN, corpus, {"prior": "neutral", "flag": {"action": "weigh"}})
    assert ruling.documents.tolist() == [2]  # dropped by other evidence, and so not weighed
    weights = ruling.weights
    assert (weights.documents.tolist(), weights.reason) == ([0], "style-flag")
    np.testing.assert_allclose(weights.factor, [1 / 11], rtol=1e-6)
    np.testing.assert_allclose(weights.score, [0.01])
    assert ruling.facts["flag"]["flagged"] == 2
    assert ruling.facts["flag"]["acted_on"] == 1


def test_text_known_to_be_human_is_looked_at_and_never_dropped_by_a_flag() -> None:
    corpus = anchored(
        ("", Origin.HUMAN), ("", Origin.UNKNOWN, BEFORE), ("", Origin.UNKNOWN, BEFORE, DateBasis.PAGE_CLAIMED),
        ("citation-marker", Origin.HUMAN), ("", Origin.HUMAN), scores=[3, 3, 3, 3, -2],
    )  # fmt: skip
    options = {"flag": {"action": "drop"}}
    assert rulings(ORIGIN, corpus, options) == {
        0: ("review", "style-flag"),
        1: ("review", "style-flag"),
        2: ("drop", "style-flag"),
        3: ("review", "conflicting-evidence"),  # with or without the flag
    }
    ruling = ruled(ORIGIN, corpus, options)
    np.testing.assert_allclose(ruling.score[:3], 0.01)
    assert (ruling.facts["conflicts"], ruling.facts["flag"]["acted_on"]) == (3, 3)


def test_weighing_holds_nothing_back_and_hardly_touches_text_known_to_be_human() -> None:
    corpus = anchored(("", Origin.HUMAN), ("", Origin.UNKNOWN, BEFORE), scores=[3, 3])
    ruling = ruled(ORIGIN, corpus, {"flag": {"action": "weigh"}})
    assert ruling.documents.size == 0
    assert ruling.facts["conflicts"] == 0
    assert ruling.weights.documents.tolist() == [0, 1]
    assert (ruling.weights.factor > 0.95).all()


def test_text_declared_ai_made_is_not_tested() -> None:
    corpus = anchored(("", Origin.AI_GENERATED), ("",), scores=[3, 3])
    options = {"flag": {"level": 0.01}}
    assert rulings(ORIGIN, corpus, options) == {1: ("review", "style-flag")}
    assert ruled(ORIGIN, corpus, options).facts["flag"]["slices"][0]["documents"] == 2


def test_a_source_is_flagged_as_a_whole_where_no_document_of_it_could_be() -> None:
    """Five documents above most references; of each alone p is 0.05, of the five together 0.0002."""
    scores = [-0.15, -0.145, -0.14, -0.135, -0.13, -2, -3, np.nan]
    corpus = anchored(*[("",)] * 8, scores=scores, sources=[0, 0, 0, 0, 0, 1, 1, 0])
    assert rulings(ORIGIN, corpus, {"flag": {"level": 0.01}}) == {}
    by_source = {"flag": {"level": 0.01, "by": "source"}}
    assert rulings(ORIGIN, corpus, by_source) == dict.fromkeys(range(5), ("review", "style-flag"))
    np.testing.assert_allclose(ruled(ORIGIN, corpus, by_source).score, 2e-4, rtol=0.05)


def test_each_slice_is_tested_against_its_own_references_and_others_are_told() -> None:
    corpus = Anchored(
        *[("",)] * 4,
        scores=[0.5, 0.5, 9, 9],
        slices=["low", "high", "short", "none"],
        references={"low": (HUMAN, AI), "high": (HUMAN + 3, AI + 3), "short": (HUMAN[:98], AI)},
    )
    assert rulings(ORIGIN, corpus, {"flag": {"level": 0.01}}) == {0: ("review", "style-flag")}
    slices = ruled(ORIGIN, corpus, {"flag": {"level": 0.01}}).facts["flag"]["slices"]
    assert [(one["slice"], one["references"], one["flagged"]) for one in slices] == [
        ("low", 99, 1), ("high", 99, 0), ("short", 98, 0), ("none", 0, 0),
    ]  # fmt: skip
    assert [bool(one["note"]) for one in slices] == [False, False, True, True]


def test_false_discoveries_are_controlled_where_the_recipe_says_so() -> None:
    corpus = anchored(*[("",)] * 20, scores=[3] + [-4.0] * 19)
    alarms, discoveries = (
        rulings(ORIGIN, corpus, {"flag": {"level": 0.05, "control": control}})
        for control in ("false-alarms", "discoveries")
    )
    assert set(alarms) == {0}
    assert discoveries == {}  # p is 1 / 100, and one of twenty needs 0.05 / 20


def test_flags_concern_the_documents_that_earlier_steps_left() -> None:
    corpus = anchored(("",), ("",), scores=[3, 3])
    active = np.array([False, True])
    assert rulings(ORIGIN, corpus, {"flag": {}}, active) == {1: ("review", "style-flag")}
    assert rulings(ORIGIN, corpus, {"flag": {}}, np.zeros(2, bool)) == {}


def test_only_documents_of_slices_with_references_are_scored_and_once() -> None:
    corpus = Anchored(
        *[("assistant-voice",)] * 4,
        scores=[0, 0, 0, 0],
        slices=["a", "b", "a", "b"],
        references={"a": (HUMAN, AI)},
    )
    ruled(ARTEFACTS, corpus)
    assert corpus.scored == []
    ruled(ORIGIN, corpus, {"flag": {}})
    assert corpus.scored == [0, 2]
    ruled(WEIGHT_BY_ORIGIN, corpus)
    assert corpus.scored == [0, 2, 0, 2]


@pytest.mark.parametrize(
    "corpus",
    [
        Fake(("",)),
        Anchored(("",), scores=[0], references={"other": (HUMAN, AI)}),
        anchored(("",), scores=[0], human=HUMAN[:0]),
    ],
    ids=["no anchors", "of other slices", "AI alone"],
)
def test_flags_without_human_references_are_refused(corpus: Fake) -> None:
    with pytest.raises(
        RecipeError, match=r"none for any of its slices\. Build them: wellkeeper anchors build .* to the"
    ):
        ruled(ORIGIN, corpus, {"flag": {"level": 0.05}})
    assert ruled(ORIGIN, corpus).documents.size == 0


def test_a_level_that_no_slice_can_certify_is_refused_with_what_is_missing() -> None:
    corpus = anchored(("",), scores=[9], human=HUMAN[:60])
    with pytest.raises(RecipeError) as refused:
        ruled(ORIGIN, corpus, {"flag": {"level": 0.01}})
    assert str(refused.value) == (
        "origin.v1: no slice has enough references for flag. Slice 'all' has 60 human references, and false alarms at "
        "0.01 by document need 99. Add 39 to the anchors, or ask for a higher level or by source."
    )
    assert rulings(ORIGIN, corpus, {"flag": {"level": 0.05}}) == {0: ("review", "style-flag")}


def test_a_corpus_of_one_source_is_not_flagged_as_a_whole() -> None:
    corpus = anchored(*[("",)] * 60, scores=[-3] * 54 + [9] * 6)
    with pytest.raises(RecipeError, match=r"would judge all 60 documents as one: .* or flag by document\.$"):
        ruled(ORIGIN, corpus, {"flag": {"level": 0.05, "by": "source"}})
    assert len(rulings(ORIGIN, corpus, {"flag": {"level": 0.05}})) == 6


# --- weights ---


def test_weights_follow_the_probability_and_nothing_is_ruled_out() -> None:
    corpus = Fake(("citation-marker",), ("",), ("", Origin.HUMAN), ("unfilled-slot",))
    ruling = ruled(WEIGHT_BY_ORIGIN, corpus, {"prior": "neutral", "max_repeats": 100})
    assert ruling.documents.size == 0
    weights = ruling.weights
    assert (weights.documents.tolist(), weights.reason) == ([0, 1, 2, 3], "weighed-by-origin")
    p = probability(np.array([3.0, 0.0, -2.5, 1.0]))
    np.testing.assert_allclose(weights.score, p, rtol=1e-5)
    np.testing.assert_allclose(weights.factor, 4 * (1 - p) / (1 - p).sum(), rtol=1e-5)


def test_style_moves_the_weights_of_documents_without_other_evidence() -> None:
    documents = [("",), ("",), ("",)]
    plain = ruled(WEIGHT_BY_ORIGIN, Fake(*documents)).weights.factor
    styled = ruled(WEIGHT_BY_ORIGIN, anchored(*documents, scores=[5, np.nan, -5])).weights.factor
    np.testing.assert_allclose(plain, 1)
    assert styled[0] < styled[1] < styled[2]


def test_weights_add_up_over_the_documents_that_are_left() -> None:
    corpus = Fake(*[("citation-marker",), ("",), ("", Origin.HUMAN)] * 40)
    active = np.arange(120) % 4 > 0
    options = {"k": 10, "upsample": 1.5, "max_repeats": 3}
    weights = WEIGHT_BY_ORIGIN.rule(corpus, active, WEIGHT_BY_ORIGIN.check(options)).weights
    assert weights.documents.tolist() == np.flatnonzero(active).tolist()
    assert weights.factor.sum() == pytest.approx(1.5 * active.sum(), rel=1e-6)
    assert weights.factor.max() <= 3


@given(
    st.lists(
        st.tuples(st.sampled_from(["", "unfilled-slot", "citation-marker"]), st.sampled_from(Origin)),
        min_size=1,
    ),
    st.sampled_from([{}, {"k": 10, "upsample": 1.5}, {"k": 0}, {"floor": 0.2, "max_repeats": 1}]),
)
def test_the_facts_tell_what_the_weights_did_and_fit_into_json(documents, options) -> None:
    ruling = ruled(WEIGHT_BY_ORIGIN, Fake(*documents), options)
    facts, weights = ruling.facts, ruling.weights.factor.astype(float)
    json.dumps(facts)
    assert facts["documents"] == len(documents)
    assert facts["effective_documents"]["after"] <= len(documents) * (1 + 1e-9)
    assert facts["expected_ai_share"]["after"] <= facts["expected_ai_share"]["before"] + 1e-9
    assert facts["at_max_repeats"] <= np.count_nonzero(weights >= facts["max_repeats"] * (1 - 1e-6))
    by_origin = facts["by_declared_origin"]
    assert sum(row["documents"] for row in by_origin) == len(documents)
    assert sum(row["weight_share"] for row in by_origin) == pytest.approx(1)


def test_the_facts_of_flags_fit_into_json() -> None:
    ruling = ruled(ORIGIN, anchored(("",), scores=[3]), {"flag": {"by": "source", "level": 0.05}})
    told = json.loads(json.dumps(ruling.facts))["flag"]
    assert {name: told[name] for name in ("level", "by", "control", "action", "flagged", "acted_on")} == {
        "level": 0.05, "by": "source", "control": "false-alarms", "action": "review", "flagged": 1, "acted_on": 1,
    }  # fmt: skip


@pytest.mark.parametrize("step", [ARTEFACTS, ORIGIN, WEIGHT_BY_ORIGIN], ids=lambda step: step.name)
def test_an_empty_corpus_and_checked_options_pass(step) -> None:
    options = step.check({})
    assert step.check(options) == options
    assert rulings(step, Fake()) == {}


@pytest.mark.parametrize(
    ("step", "options", "says"),
    [
        (ARTEFACTS, {"kind": []}, r"artefacts\.v1 has no option 'kind'\. Did you mean 'kinds'\?$"),
        (
            ARTEFACTS,
            {"kinds": ["asistant-voice"]},
            r"kinds is 'asistant-voice'\. Did you mean 'assistant-voice'\?$",
        ),
        (ARTEFACTS, {"kinds": "disclosure"}, r"kinds is 'disclosure'\. Give a list of: citation-marker, "),
        (ARTEFACTS, {"kinds": []}, r"kinds is \[\]\. Give a list of: citation-marker, "),
        (
            ARTEFACTS,
            {"kinds": ["quoted-chat-template"]},
            r"kinds is 'quoted-chat-template'\. Did you mean 'chat-te",
        ),
        (ARTEFACTS, {"action": "delete"}, r"action is 'delete'\. Use one of: drop, review\.$"),
        (ORIGIN, {"drop_over": 1}, r"origin\.v1 has no option 'drop_over'\. Did you mean 'drop_above'\?$"),
        (
            ORIGIN,
            {"zzz": 1},
            r"has no option 'zzz'\. Use one of: drop_above, review_between, declared, prior, flag\.$",
        ),
        (
            ORIGIN,
            {"drop_above": 99},
            r"drop_above is 99\. Give a probability above 0 and up to 1, such as 0\.99\.$",
        ),
        (ORIGIN, {"drop_above": True}, r"drop_above is True\. Give a probability"),
        (ORIGIN, {"drop_above": float("nan")}, r"drop_above is nan\. Give a probability"),
        (
            ORIGIN,
            {"review_between": [0.9, 0.8]},
            r"review_between is \[0\.9, 0\.8\]\. Give two probabilities, the lo",
        ),
        (ORIGIN, {"review_between": "0.8"}, r"review_between is '0\.8'\. Give two .* or null\.$"),
        (ORIGIN, {"declared": "dorp"}, r"declared is 'dorp'\. Did you mean 'drop'\?$"),
        (ORIGIN, {"prior": "uniform"}, r"prior is 'uniform'\. Use one of: by-month, neutral\.$"),
        (
            ORIGIN,
            {"flag": True},
            r"flag is True\. Give a mapping, such as \{level: 0\.01, by: source\}, or null\.$",
        ),
        (ORIGIN, {"flag": {"levl": 1}}, r"flag has no option 'levl'\. Did you mean 'level'\?$"),
        (
            ORIGIN,
            {"flag": {"level": 1}},
            r"flag\.level is 1\. Give a rate above 0 and below 1, such as 0\.01\.$",
        ),
        (ORIGIN, {"flag": {"level": "low"}}, r"flag\.level is 'low'\. Give a rate"),
        (
            ORIGIN,
            {"flag": {"control": "fdr"}},
            r"flag\.control is 'fdr'\. Use one of: false-alarms, discoveries\.$",
        ),
        (ORIGIN, {"flag": {"by": "author"}}, r"flag\.by is 'author'\. Use one of: document, source\.$"),
        (ORIGIN, {"flag": {"action": "weight"}}, r"flag\.action is 'weight'\. Did you mean 'weigh'\?$"),
        (WEIGHT_BY_ORIGIN, {"kk": 1}, r"weight-by-origin\.v1 has no option 'kk'\. Did you mean 'k'\?$"),
        (
            WEIGHT_BY_ORIGIN,
            {"k": -1},
            r"k is -1\. Give an exponent of 0 or more, such as 1; 0 weighs all alike\.$",
        ),
        (WEIGHT_BY_ORIGIN, {"k": float("inf")}, r"k is inf\. Give an exponent"),
        (
            WEIGHT_BY_ORIGIN,
            {"floor": 2},
            r"floor is 2\. Give the least weight .* from 0 to 1, such as 0\.1\.$",
        ),
        (
            WEIGHT_BY_ORIGIN,
            {"max_repeats": 0.5},
            r"max_repeats is 0\.5\. Give how often .* 1 or more, such as 3\.$",
        ),
        (
            WEIGHT_BY_ORIGIN,
            {"upsample": 4},
            r"upsample is 4 and max_repeats 3\. Give a mean weight .* not above max_repeats, such as 1\.$",
        ),
        (WEIGHT_BY_ORIGIN, {"upsample": 0}, r"upsample is 0 and max_repeats 3\. Give"),
        (WEIGHT_BY_ORIGIN, {"prior": "flat"}, r"prior is 'flat'\. Use one of: by-month, neutral\.$"),
    ],
)
def test_errors_say_what_was_found_and_what_to_do(step, options, says: str) -> None:
    with pytest.raises(RecipeError, match=says):
        step.check(options)
