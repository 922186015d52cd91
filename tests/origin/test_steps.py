"""What the two steps drop, keep and hand to a person, and how they refuse a wrong recipe."""

from datetime import UTC, datetime
from importlib.metadata import entry_points

import numpy as np
import pytest

from wellkeeper.core.dates import DateBasis
from wellkeeper.core.decision import Decision
from wellkeeper.core.evidence import BY_NAME
from wellkeeper.core.origin import Origin
from wellkeeper.core.signals import NO_DATE
from wellkeeper.errors import RecipeError
from wellkeeper.origin.steps import ARTEFACTS, ORIGIN

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


def test_both_steps_are_registered_under_their_names() -> None:
    found = {
        point.name: point.load()
        for point in entry_points(group="wellkeeper.steps")
        if point.name[:2] in ("ar", "or")
    }
    assert found == {"artefacts.v1": ARTEFACTS, "origin.v1": ORIGIN}


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


@pytest.mark.parametrize("step", [ARTEFACTS, ORIGIN], ids=lambda step: step.name)
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
            r"has no option 'zzz'\. Use one of: drop_above, review_between, declared, prior\.$",
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
    ],
)
def test_errors_say_what_was_found_and_what_to_do(step, options, says: str) -> None:
    with pytest.raises(RecipeError, match=says):
        step.check(options)
