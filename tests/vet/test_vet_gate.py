"""The gate's conditions: planted bad verifiers and tail-eating filters are caught, good ones pass, time-outs count as nothing."""

import importlib.util
import sys
from pathlib import Path

import numpy as np
import pytest

from wellkeeper.measure.jackknife import Interval
from wellkeeper.measure.tail_cost import Kept as TailKept
from wellkeeper.measure.two_corpora import Judgement
from wellkeeper.measure.verifier import Audited, Kept
from wellkeeper.vet.cards import Card, Labelled
from wellkeeper.vet.gate import (
    Condition,
    admission,
    carries,
    contamination_condition,
    diversity_condition,
    share_condition,
    tail_condition,
    verifier_condition,
)

SCRIPT = Path(__file__).parents[2] / "benchmarks" / "vet" / "gate.py"
NOTHING = Kept(kept=0, of=0)


@pytest.fixture(scope="module")
def benchmark():
    described = importlib.util.spec_from_file_location("vet_gate_benchmark", SCRIPT)
    module = importlib.util.module_from_spec(described)
    sys.modules[described.name] = module  # where its dataclasses look for their module
    described.loader.exec_module(module)
    yield module
    del sys.modules[described.name]


def counts(accepted, rejected=0, unknown=0):
    return Labelled(accepted=accepted, rejected=rejected, unknown=unknown)


def card(right=(90, 10), wrong=(10, 90)):
    return Card(name="sums", digest="d", right=counts(*right), wrong=counts(*wrong), labels="", created="")


# --- planted ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("rate", [0.5, 0.9])
def test_a_planted_bad_verifier_is_caught(benchmark, rate):
    assert benchmark.bad(rate, 0.5, 20, 1)["caught"] >= 0.95


@pytest.mark.parametrize("psi", [0.1, 0.2])
def test_good_verifiers_that_spare_the_tail_pass(benchmark, psi):
    assert benchmark.good(psi, 0.6, 20, 1)["passed"] >= 0.8  # 15 of 20 or fewer: a chance of .01 at .9


def test_a_planted_tail_eating_filter_is_caught(benchmark):
    assert benchmark.tail(0.5, 20, 1)["caught"] >= 0.95


@pytest.mark.parametrize("which", ["at random", "right ones"])
def test_time_outs_never_count_as_wrong(benchmark, which):
    found = benchmark.time_outs(which, 20, 1)
    assert found["passed"] >= 0.9
    assert abs(found["bias"]) < 0.03


@pytest.mark.slow
def test_the_table_of_the_docs_holds_with_fewer_runs(benchmark):
    rows = {row["row"]: row for row in benchmark.measured(60, 2)}
    for name, row in rows.items():
        least = {"caught": 0.9, "passed": 0.83}
        for figure in least.keys() & row.keys():
            if "0.7 of the rate" not in name:
                assert row[figure] >= least[figure], name
    assert rows["bounds, posterior, 60 designs:"]["held"] >= 0.94


# --- verifier -----------------------------------------------------------------------------------------------------


def test_a_good_verifier_passes_with_its_figures():
    found = verifier_condition(counts(500, 500, 20), card=card())
    assert found.passed == "pass"
    assert found.said == (
        "sums keeps 90% of right texts (83% to 94%) and 10% of wrong ones (6% to 17%); it kept 500 of 1000: 90.0% of "
        f"what was kept is right, at least {found.figures['least']:.1%}; 50% is needed."
    )
    assert found.figures["unknown"] == 20
    assert found.next == ""


def test_unknown_verdicts_change_nothing_of_what_is_found():
    without, much = (verifier_condition(counts(500, 500, unknown), card=card()) for unknown in (0, 10_000))
    assert (without.said, without.passed) == (much.said, much.passed)


def test_without_a_card_nothing_is_told_and_it_says_how_to_measure_one():
    found = verifier_condition(counts(500, 500), card=None)
    assert found.passed == "not enough data"
    assert "wellkeeper verifier LABELLED --verifiers FILE --out card.json" in found.next


@pytest.mark.parametrize(
    ("right", "wrong", "found", "passed"),
    [
        ((50, 50), (50, 50), (500, 500), "fail"),  # no better than chance
        ((5, 5), (5, 5), (500, 500), "not enough data"),  # so few labels tell nothing
        ((190, 8), (1, 1), (500, 500), "not enough data"),  # of 200 labels two are of wrong texts
        ((5, 5, 90), (5, 5, 90), (500, 500), "not enough data"),  # of 200 labels 20 had a verdict
        ((90, 10), (30, 70), (330, 670), "fail"),  # p is below p*
        ((18, 2), (6, 14), (500, 500), "not enough data"),
        ((9, 1), (0, 10), (500, 500), "pass"),
        ((70, 30), (10, 90), (990, 10), "not enough data"),  # more kept than of right ones: another kind of text
        ((90, 10), (30, 70), (50, 950), "not enough data"),  # less than of wrong ones: likewise
        ((90, 10), (30, 70), (300, 700), "fail"),  # none is right
        ((0, 0, 100), (10, 90), (500, 500), "not enough data"),
    ],
)  # fmt: skip
def test_what_the_counts_tell(right, wrong, found, passed):
    told = verifier_condition(counts(*found), card=card(right, wrong))
    assert told.passed == passed
    assert bool(told.next) is (passed != "pass")


def test_a_set_in_which_nothing_is_right_is_refused_and_not_called_unlike(benchmark):
    found = []
    for run in range(30):
        random = np.random.default_rng([4, run])
        one, _ = benchmark.set_of(random, 0.9, 0.3, 0.0)
        found.append(verifier_condition(one, card=benchmark.card_of(random, 0.9, 0.3, (100, 100))))
    assert sum(one.passed == "pass" for one in found) == 0
    assert sum(one.figures["p_unlike"] <= 0.01 for one in found) <= 2  # 3 come with a chance of .003 at .01


def test_a_set_of_which_nothing_was_accepted_is_not_admitted():
    assert verifier_condition(counts(0, 10, 5), card=card()).said == (
        "None of 10 texts with a verdict and 5 without a verdict was accepted."
    )


@pytest.mark.parametrize(("right", "passed"), [(55, "pass"), (30, "not enough data"), (5, "fail")])
def test_an_audit_of_the_set_goes_before_the_card(right, passed):
    audited = Audited(accepted=Kept(kept=right, of=60), rejected=NOTHING, unknown=NOTHING)
    found = verifier_condition(counts(500, 500), card=card(), audited=audited)
    assert (found.passed, found.figures["by"]) == (passed, "audit")
    assert found.said.startswith(f"People labelled 60 of 500 accepted texts, and {right} are right: ")


def test_an_audit_of_rejected_texts_alone_leaves_it_to_the_card():
    audited = Audited(accepted=NOTHING, rejected=Kept(kept=1, of=9), unknown=NOTHING)
    assert verifier_condition(counts(500, 500), card=card(), audited=audited).figures["by"] == "card"


def test_more_may_be_asked_than_half():
    assert verifier_condition(counts(500, 500), card=card(), least_right=0.95).passed != "pass"


# --- tail ---------------------------------------------------------------------------------------------------------


def left(estimate, p, low=None):
    low = estimate if low is None else low
    return TailKept(retention=Interval(estimate=estimate, low=low, high=max(1.1, estimate)), p=p)


@pytest.mark.parametrize(
    ("kept", "passed"),
    [
        ({"topics": left(0.5, 0.001)}, "fail"),
        ({"topics": left(0.97, 0.001)}, "pass"),  # significant, and small
        ({"topics": left(0.6, 0.2, low=0.55)}, "pass"),  # large, and chance
        ({"topics": left(0.8, 0.2, low=0.3)}, "not enough data"),  # it may be half
        ({"cells": left(0.8, 0.2, low=0.3)}, "not enough data"),
        ({"words": left(0.8, 0.2, low=0.3)}, "not enough data"),
        ({"topics": left(0.8, 0.2, low=0.3), "cells": left(0.9, 0.2, low=0.7)}, "pass"),  # cells tell
        ({"topics": left(0.9, 0.04), "words": left(1, 0.5)}, "pass"),  # of two tests, .04 is .08
        ({"topics": left(1, 0.5), "documents": left(0.9, 0.01)}, "fail"),
        ({}, "not enough data"),
    ],
)
def test_a_loss_of_the_tail_must_be_significant_and_large(kept, passed):
    found = tail_condition(kept, rejected=100)
    assert found.passed == passed
    assert bool(found.next) is (passed != "pass")


def test_where_nothing_was_rejected_no_tail_was_lost():
    assert tail_condition({}, rejected=0).passed == "pass"


# --- the others ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("verdict", "passed"),
    [("not worse", "pass"), ("worse", "fail"), ("not enough data", "not enough data")],
)
def test_diversity_is_as_the_comparison_says(verdict, passed):
    judged = Judgement(verdict=verdict, p={"words": 0.5}, worse=(), open=(), documents_to_decide=(4000, 4000))
    found = diversity_condition(judged, margin=0.05, share=0.1, most=0.025)
    assert (found.passed, found.figures["share"], bool(found.next)) == (passed, 0.1, passed != "pass")
    assert found.said.endswith("It passes up to a share of 2.5%.")


def test_what_overlaps_and_is_left_fails_and_what_was_taken_out_is_told():
    assert contamination_condition(left=1, dropped=3, of=100, evaluations=2).passed == "fail"
    found = contamination_condition(left=0, dropped=3, of=100, evaluations=2)
    assert (found.passed, found.said) == (
        "pass",
        "No accepted text overlaps with 2 evaluation sets or copies a human one. 3 of 100 were taken out for it.",
    )


def test_without_an_evaluation_set_nothing_is_told_unless_the_user_says_that_there_is_none():
    given = {"left": 0, "dropped": 0, "of": 9, "evaluations": 0}
    assert contamination_condition(**given).passed == "not enough data"
    assert contamination_condition(**given, waived=True).passed == "pass"


@pytest.mark.parametrize(("wanted", "passed"), [(0.1, "pass"), (0.100001, "fail"), (0.01, "pass")])
def test_the_share_is_capped(wanted, passed):
    assert share_condition(wanted=wanted, human=900, accepted=500).passed == passed


def test_how_many_items_the_human_core_carries_is_told():
    assert share_condition(wanted=0.1, human=900, accepted=500).said == (
        "900 human documents, all kept, carry 100 synthetic ones at 10.0% of the 500 that there are."
    )
    assert share_condition(wanted=0.1, human=900, accepted=7).said.endswith("; there are 7.")
    for share in (0.01, 0.05, 0.1, 0.3):
        assert carries(1000, share) / (1000 + carries(1000, share)) <= share + 1e-12


@pytest.mark.parametrize(
    ("passed", "verdict"),
    [
        (("pass", "pass"), "admitted"),
        (("pass", "not enough data"), "not enough data"),
        (("not enough data", "fail"), "refused"),
    ],
)
def test_a_set_has_the_worst_verdict_of_its_conditions(passed, verdict):
    assert admission([Condition(name="x", passed=one, said="") for one in passed]) == verdict
