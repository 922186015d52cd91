"""When a vote may stop: chances against closed forms, rules against a plain loop, certificates against their promise."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from mpmath import mp
from scipy.special import betainc

from wellkeeper.errors import DataError
from wellkeeper.lab.seeds import stream
from wellkeeper.lab.worlds.transcendence import chances, played, plurality
from wellkeeper.measure.sequential import log_evidence
from wellkeeper.measure.votes import MOST, RULES, Stopping, chance_to_lead, leader, voted

few = st.integers(0, 60)
rules = st.sampled_from(RULES)
votes = st.lists(st.integers(-1, 4), min_size=1, max_size=MOST)


# --- one look -----------------------------------------------------------------------------------------------------


@given(few, few)
def test_the_chance_to_lead_is_the_incomplete_beta_function_at_a_half(top, runner_up):
    found = float(chance_to_lead(top, runner_up))
    assert found == pytest.approx(betainc(runner_up + 1, top + 1, 0.5), abs=1e-12)
    with mp.workdps(40):
        exact = mp.betainc(runner_up + 1, top + 1, 0, 0.5, regularized=True)
    assert found == pytest.approx(float(exact), rel=1e-14)


@given(few, few)
def test_who_leads_and_who_follows_share_the_whole_chance(top, runner_up):
    assert float(chance_to_lead(top, runner_up) + chance_to_lead(runner_up, top)) == pytest.approx(1)


def test_the_published_examples_of_the_rule_stop_and_those_one_vote_short_do_not():
    stops = Stopping().ends([4, 6, 3, 5], [0, 1, 0, 1])
    assert stops.tolist() == [True, True, False, False]
    assert chance_to_lead([4, 6], [0, 1]).round(3).tolist() == [0.969, 0.965]


@given(few, few, st.sampled_from([0.6, 0.9, 0.95, 0.999]), st.sampled_from([None, 2, 3, 30]))
def test_a_certificate_is_evidence_above_its_threshold_and_only_a_leader_has_one(
    top, runner_up, level, answers
):
    found = bool(Stopping(level=level, answers=answers).certified(top, runner_up))
    rivals = 2 if answers is None else answers - 1
    assert found == (float(log_evidence(top, runner_up)) > np.log(rivals / (1 - level)))
    assert not found or top > runner_up


def test_more_answers_that_are_known_to_be_possible_make_a_certificate_dearer():
    counts = np.arange(2, 15)
    least = [
        int(counts[Stopping(answers=answers).certified(counts, 0)].min()) for answers in (2, 3, 4, 11, 101)
    ]
    assert least == sorted(least)
    assert Stopping(answers=3).certified(8, 0) == Stopping().certified(8, 0)


# --- how many to ask for ------------------------------------------------------------------------------------------


@settings(max_examples=60)
@given(rules, st.lists(st.integers(0, 3), max_size=30), st.integers(1, 12), st.data())
def test_no_sample_is_asked_for_after_the_vote_could_have_stopped(rule, drawn, left, data):
    """Whatever the next samples say, the vote does not stop before as many as were asked for."""
    stopping = Stopping(rule=rule, most=len(drawn) + left)
    counts = [drawn.count(answer) for answer in range(5)]

    def lead():
        place, runner_up = leader(counts)
        return counts[place], runner_up

    if stopping.ends(*lead()):
        return
    needed = stopping.needed(*lead(), left=left)
    assert 1 <= needed <= left
    for answer in data.draw(st.lists(st.integers(0, 4), min_size=needed - 1, max_size=needed - 1)):
        counts[answer] += 1
        assert not stopping.ends(*lead())


def test_so_many_samples_of_the_leader_do_stop_it():
    for rule, top, runner_up in (
        ("beta", 0, 0),
        ("beta", 3, 1),
        ("certificate", 0, 0),
        ("certificate", 9, 4),
    ):
        stopping = Stopping(rule=rule)
        needed = stopping.needed(top, runner_up, left=40)
        assert stopping.ends(top + needed, runner_up)
        assert not stopping.ends(top + needed - 1, runner_up)


# --- many votes ---------------------------------------------------------------------------------------------------


def plainly(labels, stopping):
    """The rule as it is told: sample by sample, ties to the answer that was seen first."""
    counts = {}
    for number, label in enumerate(labels, start=1):
        if label >= 0:
            counts[label] = counts.get(label, 0) + 1
        ordered = sorted(counts.values(), reverse=True)
        top, runner_up = (*ordered, 0, 0)[:2]
        if stopping.ends(top, runner_up) or number == stopping.most:
            answer = max(counts, key=counts.get) if counts else -1  # of equals a dict gives the first
            return answer, number, bool(stopping.certified(top, runner_up))
    raise AssertionError


@given(st.lists(votes, min_size=1, max_size=6), rules)
def test_all_votes_together_are_what_each_is_alone(rows, rule):
    most = min(map(len, rows))
    labels = np.array([row[:most] for row in rows])
    stopping = Stopping(rule=rule, most=most, level=0.9)
    found = voted(labels, stopping)
    told = list(zip(found.answers.tolist(), found.samples.tolist(), found.certified.tolist(), strict=True))
    assert told == [plainly(row, stopping) for row in labels.tolist()]


@given(votes, rules, st.permutations(range(5)))
def test_what_answers_are_called_does_not_matter(labels, rule, names):
    stopping = Stopping(rule=rule, most=len(labels))
    found = voted(np.array([labels]), stopping)
    renamed = voted(np.array([[names[label] if label >= 0 else -1 for label in labels]]), stopping)
    answer = int(found.answers[0])
    assert renamed.answers[0] == (names[answer] if answer >= 0 else -1)
    assert renamed.samples[0] == found.samples[0]


def test_ties_go_to_the_answer_that_was_seen_first():
    stopping = Stopping(rule="fixed", most=5)
    found = voted(np.array([[3, 1, 1, 3, 0], [1, 3, 1, 3, 0], [-1, 2, 0, 0, 2]]), stopping)
    assert found.answers.tolist() == [3, 1, 2]


def test_a_vote_of_all_samples_is_the_plurality_of_the_closed_form():
    play = played((1, 20_000), experts=25, moves=10, skill=0.35, shared=0.0, random=stream(0, "plurality"))[0]
    found = voted(play, Stopping(rule="fixed", most=25))
    assert (found.answers == 0).mean() == pytest.approx(plurality(25, chances(10, 0.35)), abs=0.01)
    assert plurality(25, chances(10, 0.35)) == pytest.approx(0.946, abs=0.001)


# --- what the rules promise ---------------------------------------------------------------------------------------


def asked(questions, right, seed):
    """Samples of questions with a chance to be right and wrong answers of very different chances."""
    random = stream(seed, "questions")
    good = random.beta(*right, questions)[:, None]
    chance = np.concatenate([good, (1 - good) * random.dirichlet(np.full(30, 0.25), questions)], axis=1)
    edges = np.cumsum(chance, axis=1)
    edges[:, -1] = np.inf
    labels = (random.random((questions, MOST, 1)) >= edges[:, None]).sum(axis=2)
    return chance, labels


def test_beta_takes_a_fifth_of_the_samples_of_easy_questions_and_loses_no_more_than_a_fifth_of_a_point():
    _, labels = asked(3000, (4, 0.8), 0)
    all_of_them, quick = (voted(labels, Stopping(rule=rule)) for rule in ("fixed", "beta"))
    assert MOST / quick.samples.mean() >= 5
    assert (all_of_them.answers == 0).mean() - (quick.answers == 0).mean() <= 0.002


@pytest.mark.parametrize("right", [(4, 0.8), (1.5, 1), (1.2, 2.2)])
def test_certificates_of_three_thousand_questions_are_wrong_less_often_than_they_say(right):
    chance, labels = asked(3000, right, 1)
    found = voted(labels, Stopping(rule="certificate"))
    wrong = found.certified & (found.answers != chance.argmax(axis=1))
    assert wrong.mean() <= 0.05
    assert found.certified.mean() > 0.2


def test_a_strict_certificate_of_two_equal_answers_holds_in_all_looks_together():
    """Either is likeliest, so that any certificate is one too many: a share of at most 5 % for each of the two."""
    labels = stream(0, "equal").integers(0, 2, (3000, 400))
    found = voted(labels, Stopping(rule="certificate", most=400, answers=2))
    assert 0 < (found.certified & (found.answers == 0)).mean() <= 0.05


# --- messages -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("settings", "says"),
    [
        ({"rule": "window"}, r"There is no rule 'window'\. Give one of fixed, beta, certificate\."),
        ({"most": 0}, r"most is 0\. Give a vote at least one sample"),
        ({"level": 0.5}, r"level is 0\.5\. Give a chance above 0\.5 and below 1"),
        ({"level": 1.0}, r"level is 1\.0\. Give a chance"),
        ({"answers": 1}, r"answers is 1\. Give how many there can be, 2 or more"),
    ],
)
def test_a_rule_that_makes_no_sense_is_refused_with_the_next_step(settings, says):
    with pytest.raises(DataError, match=says):
        Stopping(**settings)


def test_counts_that_are_none_are_refused_with_the_next_step():
    with pytest.raises(DataError, match=r"top holds -1\. Count votes: whole numbers from 0\."):
        chance_to_lead(-1, 0)
    with pytest.raises(DataError, match=r"labels has shape \(1, 3\) and a vote may draw 40 samples"):
        voted(np.zeros((1, 3), int), Stopping())
    with pytest.raises(DataError, match=r"There is no answer to vote for"):
        leader([])
