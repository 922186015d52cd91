"""Weights of templates: how little the documents of one count together, and that nothing but their texts decides."""

import naive
import numpy as np
import pytest
from fakes import MemoryCorpus
from hypothesis import given
from hypothesis import strategies as st

from wellkeeper.errors import RecipeError
from wellkeeper.filter.templates import LARGEST, WEIGHED, WEIGHT_BY_TEMPLATE

FORM = [f"word{k}" for k in range(40)]


def filled(template, number, slots=2):
    """A form with some of its last words of its own, so that two of them share 31 of 41 5-grams or more."""
    return " ".join([f"form{template}", *FORM[:-slots], *(f"n{number}x{slot}" for slot in range(slots))])


@st.composite
def corpora(draw):
    """Templates, each filled some times, among documents like no other; shuffled, all texts different."""
    sizes = draw(st.lists(st.integers(1, 12), min_size=1, max_size=4))
    texts = [
        (template, " ".join(f"t{template}u{word}" for word in range(30)) + f" n{number}")
        for template, size in enumerate(sizes)
        for number in range(size)
    ]
    return draw(st.permutations(texts))


def rule(documents, active=None, **options):
    corpus = MemoryCorpus(documents, template_similarity=options.get("similarity", 0.5))
    active = np.ones(len(documents), np.bool_) if active is None else active
    return WEIGHT_BY_TEMPLATE.rule(corpus, active, WEIGHT_BY_TEMPLATE.check(options))


def weights_of(documents, **options):
    ruling = rule(documents, **options)
    weights = np.ones(len(documents))
    weights[ruling.weights.documents] = ruling.weights.factor
    return weights


@given(corpora(), st.sampled_from([0.0, 0.3, 0.5, 1.0]))
def test_the_documents_of_a_template_count_together_as_a_power_of_their_number(made, beta):
    weights = weights_of([text for _, text in made], beta=beta)
    templates = np.array([template for template, _ in made])
    for template in np.unique(templates):
        size = np.count_nonzero(templates == template)
        assert weights[templates == template].sum() == pytest.approx(size ** (1 - beta), rel=1e-5)


@given(corpora(), st.floats(0.05, 1))
def test_no_weight_is_below_the_least(made, least):
    ruling = rule([text for _, text in made], beta=1, least=least)
    plain = ruling.weights.score.astype(np.float64) ** -1.0
    assert np.allclose(ruling.weights.factor, np.maximum(least, plain), rtol=1e-5)
    assert ruling.facts["at_least"] == np.count_nonzero(plain <= least)


@given(corpora(), st.randoms(use_true_random=False))
def test_the_order_of_documents_changes_no_weight(made, rng):
    texts = [text for _, text in made]
    turned = list(range(len(texts)))
    rng.shuffle(turned)
    assert np.array_equal(weights_of([texts[k] for k in turned]), weights_of(texts)[turned])


def test_nothing_is_dropped_and_only_documents_of_templates_are_weighed():
    documents = [
        *(filled(0, k) for k in range(5)),
        *(" ".join(f"p{k}q{j}" for j in range(30)) for k in range(5)),
    ]
    ruling = rule(documents)
    assert len(ruling.documents) == 0
    assert ruling.weights.documents.tolist() == [0, 1, 2, 3, 4]
    assert ruling.weights.score.tolist() == [5.0] * 5
    assert ruling.weights.reason == WEIGHED
    assert ruling.facts["templates"] == 1
    assert ruling.facts["in_templates"] == 5
    assert ruling.facts["weight"] == pytest.approx(5**0.5)
    assert ruling.facts["sizes"] == [{"size": 5, "clusters": 1}]


@given(st.integers(0, 2**32))
def test_every_document_of_a_template_is_like_the_first_one(seed):
    """Edits are drawn at random, so that some documents are on the edge of what is alike."""
    rng = np.random.default_rng(seed)
    documents = []
    for number in range(12):
        words = np.array(FORM)
        for at in rng.choice(len(words), rng.integers(0, 5), replace=False).tolist():
            words[at] = f"n{number}x{at}"
        documents.append(" ".join(words.tolist()))
    seen = []
    for one in rule(documents).facts["largest_templates"]:
        first = naive.shingles_of(documents[one["first"]])
        assert one["first"] in one["members"]
        for member in one["members"].tolist():
            theirs = naive.shingles_of(documents[member])
            assert len(first & theirs) / len(first | theirs) >= 0.5 - 1e-6
        seen += one["members"].tolist()
    assert len(set(seen)) == len(seen)


def test_documents_that_earlier_steps_dropped_count_for_no_template():
    documents = [filled(0, k) for k in range(6)]
    ruling = rule(documents, active=np.array([True, True, True, False, False, False]))
    assert ruling.weights.documents.tolist() == [0, 1, 2]
    assert ruling.weights.score.tolist() == [3.0] * 3
    assert ruling.facts["documents"] == 3


def test_the_largest_templates_are_told_largest_first():
    documents = [
        " ".join([f"t{template}u{word}" for word in range(30)]) + f" n{number}"
        for template in range(LARGEST + 5)
        for number in range(2 + template % 7)
    ]
    sizes = [len(one["members"]) for one in rule(documents).facts["largest_templates"]]
    assert len(sizes) == LARGEST
    assert sizes == sorted(sizes, reverse=True)
    assert sizes[0] == 8


def test_a_corpus_without_templates_has_no_weights():
    ruling = rule(["one text", "and quite another one"])
    assert len(ruling.weights.documents) == 0
    assert ruling.facts["largest_templates"] == []
    assert ruling.facts["weight"] == 0


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"simularity": 0.5}, r"no option 'simularity'\. Did you mean similarity\?"),
        ({"similarity": 0.2}, r"similarity is 0\.2\. Give a Jaccard similarity .* for example 0\.5"),
        ({"beta": 1.5}, r"beta is 1\.5\. Give an exponent from 0, .* to 1, .* for example 0\.5"),
        ({"beta": True}, r"beta is True\. Give an exponent"),
        ({"least": 0}, r"least is 0\. Give the least weight of a document, above 0 and at most 1"),
        ({"least": "none"}, r"least is 'none'\. Give the least weight"),
    ],
)
def test_wrong_options_are_told_with_what_to_give(options, message):
    with pytest.raises(RecipeError, match=message):
        WEIGHT_BY_TEMPLATE.check(options)
