"""Which copy stays: every criterion alone and composed, and never one that the policy ranks behind who goes."""

import numpy as np
import pytest
from fakes import MemoryCorpus
from hypothesis import given
from hypothesis import strategies as st

from wellkeeper.core.origin import Origin
from wellkeeper.core.signals import NO_DATE
from wellkeeper.errors import RecipeError
from wellkeeper.filter.duplicates import EXACT_DUPLICATES, NEAR_DUPLICATES

STEPS = (EXACT_DUPLICATES, NEAR_DUPLICATES)
HUMAN, MIXED, MADE, UNKNOWN = Origin.HUMAN, Origin.AI_ASSISTED, Origin.AI_GENERATED, Origin.UNKNOWN


def rule(step, corpus, keep):
    return step.rule(corpus, np.ones(len(corpus), np.bool_), step.check({"keep": keep}))


def last_one_standing(keep, **facts):
    """Which of several copies of one text stays."""
    many = len(next(iter(facts.values())))
    corpus = MemoryCorpus(["the same text in every one of the copies"] * many, **facts)
    gone = set(rule(EXACT_DUPLICATES, corpus, keep).documents.tolist())
    (survivor,) = set(range(many)) - gone
    return survivor


@pytest.mark.parametrize(
    ("keep", "ranking"),
    [
        (["human"], [HUMAN, MIXED, UNKNOWN, MADE]),
        (["labelled", "human"], [HUMAN, MIXED, MADE, UNKNOWN]),
        (["labelled", "human"], [HUMAN, MIXED, Origin.PROGRAMMATIC, UNKNOWN]),
        (["human", "labelled"], [HUMAN, MIXED, UNKNOWN, Origin.MACHINE_TRANSLATED]),
    ],
)
def test_origins_are_ranked_as_the_policy_says(keep, ranking):
    for first in range(len(ranking) - 1):
        origins = ranking[first:][::-1]  # the best last in the input, so that order does not help it
        assert origins[last_one_standing(keep, origins=origins)] is ranking[first]


@pytest.mark.parametrize(
    ("preferred", "sources", "groups", "stays"),
    [
        (["archive", "forum"], ["forum", "archive", "made"], ["all"] * 3, 1),
        (["forum", "archive"], ["made", "archive", "forum"], ["all"] * 3, 2),
        (["made"], ["forum", "archive", "made"], ["all"] * 3, 2),
        (["forum"], ["board-1", "site", "board-2"], ["archive", "archive", "forum"], 2),
        (["board-2", "forum"], ["board-1", "board-2"], ["forum", "forum"], 1),
    ],
)
def test_sources_come_in_the_order_of_the_list_and_others_after(preferred, sources, groups, stays):
    assert last_one_standing([{"source": preferred}], sources=sources, groups=groups) == stays


@pytest.mark.parametrize(
    ("keep", "stays"),
    [
        (["earliest"], 2),
        (["licensed"], 1),
        (["human"], 0),
        ([{"source": ["b", "a"]}], 1),
        ([{"source": ["a"]}, "earliest"], 2),
        ([{"source": ["a"]}, "human"], 0),
        (["licensed", "earliest"], 1),
        (["labelled", {"source": ["b"]}], 0),
        ([], 0),
    ],
)
def test_criteria_are_tried_in_the_order_given(keep, stays):
    facts = {
        "origins": [HUMAN, UNKNOWN, UNKNOWN],
        "captured": [NO_DATE, 200, 100],
        "licences": [2, 0, 1],
        "sources": ["a", "b", "a"],
    }
    assert last_one_standing(keep, **facts) == stays


NAMES = ["archive", "forum", "made"]
policies = st.lists(
    st.sampled_from(["human", "labelled", "earliest", "licensed", "longest"])
    | st.lists(st.sampled_from(NAMES), min_size=1, max_size=3, unique=True).map(
        lambda names: {"source": names}
    ),
    max_size=4,
)
copies = st.lists(
    st.fixed_dictionaries(
        {
            "text": st.integers(0, 2),
            "edit": st.integers(0, 4),
            "origin": st.sampled_from(list(Origin)),
            "captured": st.sampled_from([NO_DATE, 0, 100]),
            "licence": st.integers(0, 2),
            "source": st.sampled_from(NAMES),
        }
    ),
    min_size=2,
    max_size=14,
)


def text_of(copy):
    return " ".join(f"t{copy['text']}w{k}" for k in range(60)) + " and more" * copy["edit"]


def rank(copy, keep):
    """The policy in plain words; smaller stays."""
    synthetic = (Origin.AI_GENERATED, Origin.MACHINE_TRANSLATED, Origin.PROGRAMMATIC)
    origin = copy["origin"]
    human = [origin is HUMAN, origin is MIXED, origin is UNKNOWN, origin in synthetic].index(True)
    ranks = {
        "human": human,
        "labelled": int(origin is UNKNOWN),
        "earliest": (copy["captured"] == NO_DATE, copy["captured"]),
        "licensed": copy["licence"],
        "longest": -len(text_of(copy)),
    }
    return tuple(
        ranks[item] if isinstance(item, str) else [*item["source"], copy["source"]].index(copy["source"])
        for item in keep
    )


@given(copies, policies)
def test_whoever_stays_is_ranked_no_worse_than_whoever_goes_for_it(given_copies, keep):
    keep = [item if isinstance(item, str) else dict(item) for item in keep]
    known = {copy["source"] for copy in given_copies}
    keep = [
        item if isinstance(item, str) else {"source": [name for name in item["source"] if name in known]}
        for item in keep
    ]
    keep = [item for item in keep if isinstance(item, str) or item["source"]]
    corpus = MemoryCorpus(
        [text_of(copy) for copy in given_copies],
        origins=[copy["origin"] for copy in given_copies],
        captured=[copy["captured"] for copy in given_copies],
        licences=[copy["licence"] for copy in given_copies],
        sources=[copy["source"] for copy in given_copies],
    )
    for step in STEPS:
        ruling = rule(step, corpus, keep)
        for gone, survivor in zip(ruling.documents.tolist(), ruling.survivor.tolist(), strict=True):
            mine, theirs = rank(given_copies[survivor], keep), rank(given_copies[gone], keep)
            assert (mine, survivor) < (theirs, gone)


def test_a_preferred_source_that_nobody_has_is_a_slip_and_not_passed_over():
    corpus = MemoryCorpus(["a b", "a b"], sources=["forum", "board-2"], groups=["archive", "forum"])
    with pytest.raises(
        RecipeError,
        match=r"keep prefers source 'archve', and no source or document of this corpus has that name\. "
        r"Did you mean archive\? Sources: archive, forum, board-2\.",
    ):
        rule(EXACT_DUPLICATES, corpus, [{"source": ["forum", "archve"]}])


@pytest.mark.parametrize(
    ("keep", "says"),
    [
        (
            ["labeled"],
            r"no criterion 'labeled'\. Did you mean labelled\? Criteria: human, labelled, .*source: ",
        ),
        (
            ["source"],
            r"keep has source without names\. Write \{source: \[NAME, \.\.\.\]\}, the best source first",
        ),
        ([{"sources": ["a"]}], r"no criterion 'sources' with a list\. Did you mean source\?"),
        ([{"human": ["a"]}], r"no criterion 'human' with a list\. Criteria: human"),
        ([{"source": "archive"}], r"keep prefers source 'archive'\. Give a list of names, the best first"),
        ([{"source": []}], r"keep prefers source \[\]\. Give a list of names"),
        ([{"source": ["a", 7]}], r"keep prefers source \['a', 7\]\. Give a list of names"),
        ([{"source": ["a", "b", "a"]}], r"keep names source 'a' twice\. Name each source once"),
        ([{}], r"keep prefers source None\. Give a list of names"),
        ([["human"]], r"no criterion \['human'\]\."),
        ([7], r"no criterion 7\."),
    ],
)
@pytest.mark.parametrize("step", STEPS)
def test_a_wrong_criterion_is_told_with_what_to_write(step, keep, says):
    with pytest.raises(RecipeError, match=says):
        step.check({"keep": keep})
