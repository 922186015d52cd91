"""Duplicates: nothing goes without a survivor it really resembles, and the right one survives."""

import naive
import numpy as np
import pytest
from fakes import MemoryCorpus
from hypothesis import given
from hypothesis import strategies as st

from wellkeeper.core.decision import Decision
from wellkeeper.core.origin import Origin
from wellkeeper.errors import RecipeError
from wellkeeper.filter.duplicates import EXACT_DUPLICATES, NEAR_DUPLICATES, Banding, banding_for
from wellkeeper.kernels.clusters import jaccard

words = st.lists(st.sampled_from([f"w{k}" for k in range(60)]), min_size=1, max_size=40)


@st.composite
def corpora(draw):
    """Documents with edited copies of each other, chained so that transitivity would over-merge."""
    documents = [draw(words) for _ in range(draw(st.integers(1, 6)))]
    for _ in range(draw(st.integers(0, 8))):
        copy = list(documents[draw(st.integers(0, len(documents) - 1))])
        for _ in range(draw(st.integers(0, 3))):
            copy[draw(st.integers(0, len(copy) - 1))] = draw(st.sampled_from(["x", "y", "z"]))
        documents.append(copy)
    return [" ".join(document) for document in documents]


def rule(step, corpus, **options):
    return step.rule(corpus, np.ones(len(corpus), np.bool_), step.check(options))


def similarity(a, b):
    a, b = naive.shingles_of(a), naive.shingles_of(b)
    return len(a & b) / len(a | b)


@given(corpora(), st.sampled_from([0.5, 0.8, 1.0]))
def test_whoever_goes_resembles_the_survivor_it_names_and_the_survivor_stays(documents, threshold):
    corpus = MemoryCorpus(documents, similarity=threshold)
    ruling = rule(NEAR_DUPLICATES, corpus, similarity=threshold)
    gone = set(ruling.documents.tolist())
    for document, survivor, score in zip(ruling.documents, ruling.survivor, ruling.score, strict=True):
        assert survivor not in gone
        assert score == pytest.approx(similarity(documents[document], documents[survivor]), abs=1e-6)
        assert score >= threshold - 1e-6
    assert np.all(np.diff(ruling.documents) > 0)
    assert np.all(ruling.cluster <= np.minimum(ruling.documents, ruling.survivor))


@given(corpora())
def test_no_two_survivors_of_a_small_corpus_are_near_duplicates_they_could_have_met_as(documents):
    """Candidates meet with probability 0.998 at 0.8; a pair at 1.0 always does."""
    corpus = MemoryCorpus(documents)
    gone = set(rule(NEAR_DUPLICATES, corpus).documents.tolist())
    stay = [document for k, document in enumerate(documents) if k not in gone]
    sets = [frozenset(naive.shingles_of(document)) for document in stay]
    assert len(set(sets)) == len(sets)


@given(corpora(), st.data())
def test_a_human_original_is_never_the_one_to_go_for_an_ai_copy(documents, data):
    origins = data.draw(
        st.lists(st.sampled_from(list(Origin)), min_size=len(documents), max_size=len(documents))
    )
    corpus = MemoryCorpus(documents, origins=origins)
    for step in (EXACT_DUPLICATES, NEAR_DUPLICATES):
        ruling = rule(step, corpus)
        for document, survivor in zip(ruling.documents, ruling.survivor, strict=True):
            if origins[document] is Origin.HUMAN:
                assert origins[survivor] is Origin.HUMAN
            if origins[survivor] in (Origin.AI_GENERATED, Origin.PROGRAMMATIC):
                assert origins[document] in (
                    Origin.AI_GENERATED,
                    Origin.PROGRAMMATIC,
                    Origin.MACHINE_TRANSLATED,
                )


@given(st.lists(st.sampled_from(["a", "b", "c", "a b", "a  b"]), max_size=12))
def test_exact_duplicates_leave_each_text_once(documents):
    ruling = rule(EXACT_DUPLICATES, MemoryCorpus(documents)) if documents else None
    if ruling is None:
        return
    assert len(documents) - len(ruling.documents) == len(set(documents))
    assert all(documents[d] == documents[s] for d, s in zip(ruling.documents, ruling.survivor, strict=True))
    assert np.all(ruling.decision == Decision.DROP)


CRITERIA = [
    ({"origins": [Origin.UNKNOWN, Origin.HUMAN]}, ["human"]),
    ({"origins": [Origin.AI_GENERATED, Origin.UNKNOWN]}, ["human"]),
    ({"captured": [200, 100]}, ["earliest"]),
    ({"licences": [2, 0]}, ["licensed"]),
    ({"origins": [Origin.HUMAN, Origin.HUMAN], "captured": [200, 100]}, ["human", "earliest"]),
]


@pytest.mark.parametrize(("facts", "keep"), CRITERIA)
def test_each_criterion_chooses_the_survivor(facts, keep):
    ruling = rule(EXACT_DUPLICATES, MemoryCorpus(["same text", "same text"], **facts), keep=keep)
    assert (ruling.documents.tolist(), ruling.survivor.tolist()) == ([0], [1])


def test_the_longest_of_near_copies_stays_and_without_criteria_the_first():
    base = " ".join(f"w{k}" for k in range(60))
    corpus = MemoryCorpus([base, base + " and a little more"])
    assert rule(NEAR_DUPLICATES, corpus, keep=["longest"]).survivor.tolist() == [1]
    assert rule(NEAR_DUPLICATES, corpus, keep=[]).survivor.tolist() == [0]


def test_a_chain_of_edits_is_not_merged_by_transitivity():
    """Each link is alike, the ends are not: the far end has to stay."""
    chain = [[f"w{k}" for k in range(80)]]
    for step in range(6):
        chain.append([f"x{step}" if 12 * step <= k < 12 * step + 2 else w for k, w in enumerate(chain[-1])])
    documents = [" ".join(link) for link in chain]
    ruling = rule(NEAR_DUPLICATES, MemoryCorpus(documents), keep=[])
    stay = sorted(set(range(len(documents))) - set(ruling.documents.tolist()))
    assert len(stay) > 1
    assert similarity(documents[0], documents[-1]) < 0.8


@given(st.sets(st.integers(0, 30)), st.sets(st.integers(0, 30)))
def test_jaccard_is_that_of_the_sets(a, b):
    found = jaccard(*(np.array(sorted(s), np.uint64) for s in (a, b)))
    assert found == pytest.approx(len(a & b) / len(a | b) if a | b else 0.0)


@pytest.mark.parametrize("threshold", [0.3, 0.5, 0.7, 0.8, 0.9, 0.95, 1.0])
def test_bands_find_pairs_at_the_stated_similarity(threshold):
    banding = banding_for(threshold)
    assert banding.bands * banding.rows <= 128
    assert banding.candidate_probability(threshold) >= 0.995
    wider = Banding(128 // (banding.rows + 1), banding.rows + 1)
    assert banding.rows == 128 or wider.candidate_probability(threshold) < 0.995


@pytest.mark.parametrize(
    ("step", "options", "says"),
    [
        (NEAR_DUPLICATES, {"similarty": 0.8}, r"has no option 'similarty'\. Did you mean similarity\?"),
        (
            NEAR_DUPLICATES,
            {"similarity": 8},
            r"similarity is 8\. Give a Jaccard similarity .* from 0\.3 to 1",
        ),
        (EXACT_DUPLICATES, {"keep": "human"}, r"keep is 'human'\. Give a list, for example \[human"),
        (EXACT_DUPLICATES, {"keep": ["humans"]}, r"no criterion 'humans'\. Did you mean human\?"),
    ],
)
def test_wrong_options_say_what_was_found_and_what_to_write(step, options, says):
    with pytest.raises(RecipeError, match=says):
        step.check(options)
