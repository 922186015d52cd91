"""Large components: the answer of comparing throughout, for the price of those who share a band."""

import naive
import numpy as np
import pytest
from fakes import MemoryCorpus
from hypothesis import given
from hypothesis import strategies as st

from wellkeeper.core.decision import ShingleSets
from wellkeeper.core.signals import band_name
from wellkeeper.filter import duplicates
from wellkeeper.filter.duplicates import NEAR_DUPLICATES, Banding, banding_for
from wellkeeper.kernels.clusters import jaccard


class GivenSets:
    """Candidates by their band keys and shingle sets alone."""

    scratch = None

    def __init__(self, sets, bands):
        self.sets = [np.array(sorted(s), np.uint64) for s in sets]
        self.columns = {band_name(b): np.array(keys, np.uint64) for b, keys in enumerate(bands)}

    def stream(self, names, documents):
        for document in documents.tolist():
            yield np.array([document]), [self.columns[name][[document]] for name in names]

    def shingles(self, documents, order):
        sizes = np.array([len(self.sets[d]) for d in documents], np.int64)
        starts = np.zeros(len(documents), np.int64)
        starts[order] = np.append(0, np.cumsum(sizes[order])[:-1])
        hashes = np.concatenate([self.sets[documents[k]] for k in order])
        return ShingleSets(starts=starts, sizes=sizes, hashes=hashes)


def greedy(corpus, component, order, similarity, small):
    """The definition: each candidate against all who stay, in order, where a band is shared or few are linked."""
    kept, survivors, compared = {}, {}, 0
    sizes = np.unique(component, return_inverse=True, return_counts=True)
    for x in order:
        few = sizes[2][sizes[1][x]] <= small
        for y in kept.setdefault(component[x], []):
            shares = any(keys[x] == keys[y] for keys in corpus.columns.values())
            few_members, many_members = sorted((len(corpus.sets[x]), len(corpus.sets[y])))
            if not (few or shares) or few_members / many_members < similarity:
                continue
            compared += 1
            value = jaccard(corpus.sets[x], corpus.sets[y])
            if value >= similarity:
                survivors[x] = (y, value)
                break
        else:
            kept[component[x]].append(x)
    return survivors, compared


@st.composite
def components(draw):
    many = draw(st.integers(2, 14))
    template = draw(st.sets(st.integers(0, 30), min_size=1, max_size=20))
    extra = st.sets(st.integers(31, 45), max_size=6)
    sets = [template | draw(extra) for _ in range(many)]
    bands = draw(st.lists(st.lists(st.integers(0, 4), min_size=many, max_size=many), min_size=1, max_size=3))
    component = list(range(many))
    for _ in range(many):
        for keys in bands:
            for x in range(many):
                component[x] = min(component[y] for y in range(many) if keys[x] == keys[y])
    chosen = [x for x in range(many) if component.count(component[x]) > 1]
    return sets, bands, component, chosen


@given(components(), st.sampled_from([0, 3, 32]), st.sampled_from([0.4, 0.7, 0.9]), st.randoms())
def test_the_index_of_bands_gives_what_comparing_with_everyone_gives(
    given_components, small, similarity, random
):
    sets, bands, component, chosen = given_components
    if not chosen:
        return
    sets, component = [sets[x] for x in chosen], np.array([component[x] for x in chosen])
    corpus = GivenSets(sets, [[keys[x] for x in chosen] for keys in bands])
    order = list(range(len(chosen)))
    random.shuffle(order)
    order.sort(key=lambda x: component[x])
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(duplicates, "_SMALL_COMPONENT", small)
        patch.setattr(duplicates, "_CHUNK_HASHES", 40)
        survivor, score, compared = duplicates.verified(
            corpus, np.arange(len(chosen)), component, np.array(order), similarity, Banding(len(bands), 1)
        )
    truth, comparisons = greedy(corpus, component, order, similarity, small)
    assert {x: (s, score[x]) for x, s in enumerate(survivor.tolist()) if s >= 0} == truth
    assert compared <= comparisons


TEMPLATE = " ".join(f"shared{k}" for k in range(150))


def templated(many, *, own=75):
    """Documents that share two thirds of their words, in one piece: Jaccard similarity 0.5 or so."""
    return [f"{TEMPLATE} " + " ".join(f"own{n}word{k}" for k in range(own)) for n in range(many)]


def test_a_mega_cluster_of_a_template_is_split_and_only_its_real_copies_go():
    many = 3_000
    documents = templated(many)
    originals = range(0, many, 50)
    documents += [documents[n].rsplit(" ", 1)[0] + " edited" for n in originals]
    corpus = MemoryCorpus(documents)
    ruling = NEAR_DUPLICATES.rule(corpus, np.ones(len(corpus), np.bool_), NEAR_DUPLICATES.check({}))
    a, b = (naive.shingles_of(text) for text in documents[:2])
    assert 0.45 < len(a & b) / len(a | b) < 0.55
    assert ruling.facts["components"]["largest"] > 2 * many / 3
    assert ruling.facts["largest"] == 2
    assert ruling.documents.tolist() == list(range(many, len(documents)))
    assert ruling.survivor.tolist() == list(originals)  # which are longer by a few letters
    assert pairs_that_share_a_band(corpus) > many**2 / 20  # yet nearly all are told apart by their marks
    assert ruling.facts["comparisons"] < 3 * len(originals)


def pairs_that_share_a_band(corpus):
    bands = banding_for(0.8).bands
    share = np.zeros((len(corpus), len(corpus)), np.bool_)
    for band in range(bands):
        keys = corpus.column(band_name(band))
        share |= keys[:, None] == keys[None, :]
    return int(np.triu(share, 1).sum())


def test_documents_of_a_template_that_share_no_band_are_never_compared():
    """Two halves of one component, linked by a single document between them."""
    many = 200
    corpus = GivenSets(
        [{1, 2, 3, 1_000 + n} for n in range(many)],
        [[n // 2 for n in range(many)], [(n + 1) // 2 for n in range(many)]],  # a chain: 0-1-2-3-...
    )
    survivor, _, compared = duplicates.verified(
        corpus, np.arange(many), np.zeros(many, np.int64), np.arange(many), 0.9, Banding(2, 1)
    )
    assert (survivor == -1).all()
    assert compared <= many - 1  # and not many (many - 1) / 2
