"""Semantic duplicates: what goes is closer than chance in its own cluster, is told first, and spares the tail."""

import json
import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import zstandard
from fakes import TABLES, MemoryCorpus
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import binom

from wellkeeper.core.decision import VECTOR_UNIT, Decision, TypeRows, VectorRows
from wellkeeper.core.origin import Origin
from wellkeeper.engine.vectors import ALL_ZERO
from wellkeeper.errors import RecipeError
from wellkeeper.filter.semantic import SEMANTIC_DUPLICATES, closest_pairs, clusters_of
from wellkeeper.kernels import text

WORDS = np.array([f"w{k}" for k in range(3_000)])
EXAMPLES = Path(__file__).parents[2] / "examples"


def units(vectors):
    vectors = np.asarray(vectors, np.float64)
    return np.rint(vectors / np.linalg.norm(vectors, axis=1, keepdims=True) * VECTOR_UNIT).astype(np.int16)


class VectorCorpus(MemoryCorpus):
    """A corpus in memory some of whose documents have vectors."""

    def __init__(self, documents, vectors, *, of=None, **facts):
        super().__init__(documents, **facts)
        self.of = np.arange(len(documents)) if of is None else np.asarray(of)
        self.units = units(vectors) if len(vectors) else np.zeros((0, 0), np.int16)
        self.columns["priority"] = (
            np.random.default_rng(5).integers(0, 2**63, len(documents)).astype(np.uint64)
        )

    def vectors(self):
        halves = np.array_split(np.arange(len(self.of)), 2)
        return VectorRows(
            dimensions=self.units.shape[1],
            rows=len(self.of),
            refused={"missing": len(self) - len(self.of)},
            batches=((self.of[half], self.units[half]) for half in halves),
        )

    def types(self):
        def batches():
            for document, words in enumerate(self.documents):
                seen = words.split()
                grams = {(1, word) for word in seen} | {
                    (3, three) for three in zip(seen, seen[1:], seen[2:], strict=False)
                }
                rows = sorted((size, hash(what) % 2**63) for size, what in grams)
                yield (
                    np.full(len(rows), document, np.int64),
                    np.array([size for size, _ in rows], np.uint8),
                    np.array([what for _, what in rows], np.uint64),
                )

        return TypeRows(shift=0, batches=batches())

    def words_of(self, stretches):
        assert np.all(np.diff(stretches.document) > 0)
        bounds, hashes = text.word_hashes(self.data, self.offsets, TABLES, stretches.document)
        assert np.diff(bounds).tolist() == (stretches.last - stretches.first).tolist()
        return bounds, hashes


def drawn(seed, documents, *, topics=4, dimensions=24, common=0.0):
    """Texts of random words and vectors around topics; `common` is a direction that all vectors share."""
    rng = np.random.default_rng(seed)
    centres = rng.normal(size=(topics, dimensions))
    topic = rng.integers(0, topics, documents)
    vectors = centres[topic] + 1.5 * rng.normal(size=(documents, dimensions))
    vectors[:, 0] += common
    drawn_words = WORDS[(len(WORDS) * rng.random((documents, 60)) ** 2).astype(np.int64)]
    texts = [f"{' '.join(words)} only{seed}x{k}" for k, words in enumerate(drawn_words.tolist())]
    return texts, vectors


def paraphrased(seed, documents, planted, *, left=0.5, rare=0, **how):
    """The same, and for some of them a second text: a share of the words left, in another order, a vector close by."""
    texts, vectors = drawn(seed, documents, **how)
    rng = np.random.default_rng(seed + 1)
    originals = rng.choice(documents, planted, replace=False)
    for k, original in enumerate(originals):
        words = texts[original].split()[:-1]
        words = [word if rng.random() < left else str(rng.choice(WORDS)) for word in words]
        rng.shuffle(words)
        texts.append(" ".join([*words, *(f"new{k}x{j}" for j in range(rare))]))
    return (
        texts,
        np.concatenate((vectors, vectors[originals] + 0.15 * rng.normal(size=(planted, vectors.shape[1])))),
        originals,
    )


def rule(corpus, active=None, **options):
    active = np.ones(len(corpus), np.bool_) if active is None else active
    return SEMANTIC_DUPLICATES.rule(corpus, active, SEMANTIC_DUPLICATES.check(options))


def cosine(corpus, a, b):
    a, b = (corpus.units[list(corpus.of).index(k)].astype(np.int64) for k in (a, b))
    return min(1.0, float(a @ b) / VECTOR_UNIT**2)


# --- chance -----------------------------------------------------------------------------------------


def test_without_paraphrases_over_200_seeds_no_more_go_than_the_stated_rate():
    rate, documents, seeds, gone = 0.05, 60, 200, 0
    for seed in range(seeds):
        corpus = VectorCorpus(*drawn(seed, documents, topics=1 + seed % 5, common=seed % 3))
        ruling = rule(corpus, action="drop", false_pairs=rate, tail_cost=1)
        assert len(ruling.documents) < rate * documents + 1
        gone += len(ruling.documents)
    assert gone <= binom.ppf(0.999, seeds * documents, rate)
    assert gone > 0, "a threshold that nothing ever passes would tell nothing"


def test_planted_paraphrases_are_found_and_little_else():
    texts, vectors, originals = paraphrased(3, 400, 60)
    corpus = VectorCorpus(texts, vectors)
    ruling = rule(corpus, action="drop", tail_cost=1, keep=[])
    found = dict(zip(ruling.documents.tolist(), ruling.survivor.tolist(), strict=True))
    right = sum(found.get(400 + k) == original for k, original in enumerate(originals))
    assert right >= 0.9 * len(originals)
    assert len(found) - right <= 0.01 * len(texts)


def test_where_all_vectors_point_one_way_a_fixed_cosine_takes_everything_and_the_threshold_moves_along():
    texts, vectors, originals = paraphrased(3, 300, 30, common=30.0)
    corpus = VectorCorpus(texts, vectors)
    matrix = corpus.units.astype(np.float64) / VECTOR_UNIT
    above = np.tril(matrix @ matrix.T, -1) > 0.9
    assert above.any(axis=1).mean() > 0.9, "what a fixed cosine of 0.9 would remove"
    ruling = rule(corpus, action="drop", tail_cost=1, keep=[])
    assert ruling.facts["clusters"][0]["threshold"] > 0.9
    assert len(ruling.documents) <= len(originals) + 0.01 * len(texts)
    assert sum(300 + k in set(ruling.documents.tolist()) for k in range(30)) >= 20


def test_a_cluster_that_is_too_small_for_a_threshold_loses_nothing_and_says_so():
    texts, vectors, _ = paraphrased(0, 50, 20)
    ruling = rule(VectorCorpus(texts, vectors), action="drop", tail_cost=1)
    assert not len(ruling.documents)
    (cluster,) = ruling.facts["clusters"]
    assert cluster["threshold"] is None
    assert cluster["note"] == "70 documents are too few: from about 100 on a threshold can be told"


def test_clusters_have_thresholds_of_their_own():
    rng = np.random.default_rng(0)
    tight, wide = rng.normal(size=(150, 24)), rng.normal(size=(150, 24))
    tight[:, 0] += 40
    wide[:, 1] += 4
    texts, _ = drawn(1, 300)
    ruling = rule(VectorCorpus(texts, np.concatenate((tight, wide))), cluster_size=120)
    found = [c["threshold"] for c in ruling.facts["clusters"] if c["threshold"] is not None]
    assert max(found) > 0.97
    assert min(found) < 0.9


# --- who goes and who stays -------------------------------------------------------------------------


@pytest.mark.parametrize("seed", range(5))
def test_whoever_goes_is_above_the_threshold_with_a_survivor_that_stays_and_was_preferred(seed):
    texts, vectors, _ = paraphrased(seed, 250, 80, common=seed)
    rng = np.random.default_rng(seed)
    origins = rng.choice([Origin.HUMAN, Origin.UNKNOWN, Origin.AI_GENERATED], len(texts))
    corpus = VectorCorpus(texts, vectors, origins=origins)
    ruling = rule(corpus, action="drop", tail_cost=1, keep=["human"])
    threshold = ruling.facts["clusters"][0]["threshold"]
    gone = set(ruling.documents.tolist())
    place = {Origin.HUMAN: 0, Origin.UNKNOWN: 1, Origin.AI_GENERATED: 2}
    assert len(gone) > 40
    assert np.all(np.diff(ruling.documents) > 0)
    for document, survivor, score in zip(ruling.documents, ruling.survivor, ruling.score, strict=True):
        assert survivor not in gone
        assert score == pytest.approx(cosine(corpus, document, survivor), abs=1e-6)
        assert cosine(corpus, document, survivor) > threshold
        assert (place[origins[survivor]], survivor) < (place[origins[document]], document)
    assert np.all(ruling.decision == Decision.DROP)
    assert np.all(ruling.cluster <= np.minimum(ruling.documents, ruling.survivor))


def test_documents_without_a_vector_or_not_active_are_let_be():
    texts, vectors, _ = paraphrased(3, 200, 40)
    everything = rule(VectorCorpus(texts, vectors), action="drop", tail_cost=1)
    silent = set(everything.documents.tolist()[:10])
    of = [k for k in range(240) if k not in silent]
    without = rule(VectorCorpus(texts, vectors[of], of=of), action="drop", tail_cost=1)
    assert not silent & set(without.documents.tolist())
    assert (without.facts["documents"], without.facts["without_vector"]) == (230, 10)
    active = np.ones(240, np.bool_)
    active[list(silent)] = False
    resting = rule(VectorCorpus(texts, vectors), active, action="drop", tail_cost=1)
    assert resting.documents.tolist() == without.documents.tolist()
    nobody = rule(VectorCorpus(texts, vectors), np.zeros(240, np.bool_), action="drop")
    assert not len(nobody.documents)


# --- showing and guarding ---------------------------------------------------------------------------


def test_by_default_nothing_is_removed_and_all_that_would_be_is_told():
    texts, vectors, _ = paraphrased(3, 300, 40)
    corpus = VectorCorpus(texts, vectors)
    told, done = rule(corpus), rule(corpus, action="drop")
    assert not len(told.documents)
    assert told.facts["removed"] == 0 < told.facts["within_guard"] == len(done.documents)
    same = ("would_remove", "within_guard", "tail", "clusters")
    assert {name: told.facts[name] for name in same} == {name: done.facts[name] for name in same}
    (cluster,) = told.facts["clusters"]
    assert len(cluster["examples"]) == 3
    cosines = [example["cosine"] for example in cluster["examples"]]
    assert cosines == sorted(cosines, reverse=True)


@pytest.mark.parametrize("tail_cost", [0, 0.02, 0.1, 1])
def test_the_guard_lets_go_only_what_the_tail_can_spare_and_the_surest_first(tail_cost):
    texts, vectors, _ = paraphrased(3, 300, 60, rare=3)
    corpus = VectorCorpus(texts, vectors)
    ruling = rule(corpus, action="drop", tail_cost=tail_cost)
    free = rule(corpus, action="drop", tail_cost=1)
    gone = set(ruling.documents.tolist())
    left = {word for k, words in enumerate(texts) if k not in gone for word in words.split()}
    holders = {}
    for words in texts:
        for word in set(words.split()):
            holders[word] = holders.get(word, 0) + 1
    rare = {word for word, count in holders.items() if count <= 3}
    tail = ruling.facts["tail"]["words"]
    assert len(rare - left) <= tail_cost * len(rare)
    assert tail["rare"] == len(rare)
    assert tail["with_guard"] == pytest.approx(len(rare - left) / len(rare))
    assert gone <= set(free.documents.tolist())
    if tail_cost < 0.1:
        kept = [s for d, s in zip(free.documents.tolist(), free.score.tolist(), strict=True) if d not in gone]
        assert kept
        assert min(ruling.score.tolist(), default=1) >= max(kept) - 1e-6


def test_what_documents_drawn_at_random_would_cost_stands_beside_the_cost():
    """Texts of the same words in another order cost no word; as many documents drawn at random would."""
    texts, vectors, _ = paraphrased(3, 300, 60, left=1.0)
    origins = [Origin.HUMAN] * 300 + [Origin.AI_GENERATED] * 60
    facts = rule(VectorCorpus(texts, vectors, origins=origins), false_pairs=0.005, tail_cost=1).facts
    words = facts["tail"]["words"]
    assert facts["would_remove"] > 50
    assert words["without_guard"] < 0.02 < 0.05 < words["at_random_without_guard"]


# --- vectors that mean nothing ----------------------------------------------------------------------

NOT_FOLLOWING = "The closest pairs of vectors share no more words than pairs drawn at random"


def real():
    """Texts of the example corpus, and vectors that follow them: their counts of words, projected at random."""
    with zstandard.open(EXAMPLES / "reference" / "part-0.jsonl.zst", "rt", encoding="utf-8") as lines:
        texts = list(dict.fromkeys(json.loads(line)["text"] for line in lines))
    words = {
        word: number for number, word in enumerate(sorted({w for t in texts for w in t.lower().split()}))
    }
    directions = np.random.default_rng(0).normal(size=(len(words), 64))
    counts = np.zeros((len(texts), len(words)))
    for row, words_ in enumerate(texts):
        np.add.at(counts[row], [words[word] for word in words_.lower().split()], 1)
    rarity = np.log(len(texts) / np.count_nonzero(counts, axis=0))
    return texts, (np.log1p(counts) * rarity) @ directions


def hints(texts, vectors, **options):
    return rule(VectorCorpus(texts, vectors), **options).facts["hints"]


@pytest.mark.parametrize("cluster_size", [100, 1000])
def test_vectors_that_follow_real_texts_raise_no_hint_and_the_same_ones_shuffled_do(cluster_size):
    texts, vectors = real()
    assert hints(texts, vectors, cluster_size=cluster_size) == []
    shuffled = vectors[np.random.default_rng(1).permutation(len(vectors))]
    (hint,) = hints(texts, shuffled, cluster_size=cluster_size)
    assert hint.startswith(NOT_FOLLOWING)
    assert hint.endswith("before you set action: drop.")


def test_over_30_seeds_noise_is_told_and_planted_paraphrases_are_not_taken_for_noise():
    told = [hints(*drawn(seed, 350, common=seed % 3)) for seed in range(30)]
    assert sum(bool(found) and found[0].startswith(NOT_FOLLOWING) for found in told) >= binom.ppf(
        0.001, 30, 0.977
    )
    spared = [hints(*paraphrased(seed, 200, 60)[:2]) for seed in range(30)]
    assert spared == [[]] * 30


@pytest.mark.parametrize("values", [1, 4, 15])
def test_vectors_of_few_values_are_told(values):
    texts, _ = drawn(0, 400)
    few = np.random.default_rng(0).normal(size=(values, 8))
    (hint,) = hints(texts, few[np.arange(400) % values])
    assert re.match(
        r"\d+% of all pairs of documents have one and the same vector, .*\. Make the vectors again", hint
    )
    share = int(hint.partition("%")[0]) / 100
    assert share == pytest.approx(1 / values, abs=0.03)


@pytest.mark.parametrize(("zeros", "told"), [(0, False), (4, False), (5, True), (300, True)])
def test_vectors_of_noughts_are_told_from_one_in_a_hundred_on(zeros, told):
    texts, vectors, _ = paraphrased(3, 400, 60)
    corpus = VectorCorpus(texts, vectors)
    given = corpus.vectors

    def with_noughts():
        found = given()
        return replace(found, refused={ALL_ZERO: zeros} if zeros else {})

    corpus.vectors = with_noughts
    found = rule(corpus).facts["hints"]
    assert bool(found) == told
    if told:
        assert found[0].startswith(f"{zeros} of {460 + zeros} vectors are noughts and nothing else")
        assert found[0].endswith("Make them again.")


def test_where_all_vectors_are_noughts_the_message_says_to_make_them_again():
    corpus = VectorCorpus(["a b", "c d"], [], of=[])
    corpus.vectors = lambda: VectorRows(dimensions=0, rows=0, refused={ALL_ZERO: 2}, batches=())
    with pytest.raises(
        RecipeError, match=r"no document has a vector \(2 all zero\)\. Make the vectors again"
    ):
        rule(corpus)


def test_few_documents_and_texts_without_a_word_in_common_raise_no_hint():
    texts, vectors = drawn(0, 60)
    assert hints(texts, vectors) == []
    apart = [f"only{k}a only{k}b only{k}c" for k in range(300)]
    assert hints(apart, drawn(0, 300)[1]) == []


# --- pairs and clusters -----------------------------------------------------------------------------

small = st.integers(2, 60).flatmap(
    lambda many: st.lists(
        st.lists(st.integers(-3, 3), min_size=3, max_size=3).filter(any), min_size=many, max_size=many
    )
)


@given(small, st.integers(1, 100))
def test_the_closest_pairs_are_those_of_all_pairs(vectors, most):
    made = units(vectors).astype(np.int64)
    pairs, nearest = closest_pairs(made.astype(np.float32), most)
    products = made @ made.T
    everyone = [(a, b) for a in range(len(made)) for b in range(a + 1, len(made))]
    expected = sorted(everyone, key=lambda pair: (-products[pair], pair))[:most]
    assert list(zip(pairs.a.tolist(), pairs.b.tolist(), strict=True)) == expected
    assert pairs.product.tolist() == [products[pair] for pair in expected]
    np.fill_diagonal(products, -(2**40))
    assert nearest.astype(np.int64).tolist() == products.max(axis=1).tolist()


def test_the_closest_of_many_pairs_are_found_in_blocks():
    made = units(np.random.default_rng(0).normal(size=(2_500, 8))).astype(np.float32)
    pairs, _ = closest_pairs(made, 50)
    products = np.where(np.tri(len(made), dtype=bool), -np.inf, made @ made.T)
    assert pairs.product.tolist() == np.sort(products, axis=None)[::-1][:50].tolist()


@settings(max_examples=20)
@given(st.integers(0, 2**32), st.sampled_from([2, 64, 1024]), st.floats(0, 50))
def test_products_of_vectors_are_exact_in_any_order_of_addition(seed, dimensions, common):
    rng = np.random.default_rng(seed)
    vectors = rng.normal(size=(40, dimensions))
    vectors[:, 0] += common
    whole = units(vectors).astype(np.int64)
    single = whole.astype(np.float32)
    order = rng.permutation(dimensions)
    assert ((single @ single.T) == whole @ whole.T).all()
    assert (single[:, order].cumsum(axis=1)[:, -1] == whole.sum(axis=1)).all()
    assert ((single[:, order] @ single[:, order].T) == whole @ whole.T).all()


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 2**32), st.integers(1, 700), st.integers(1, 6))
def test_every_vector_is_in_one_cluster_of_no_more_than_twice_the_size(seed, many, topics):
    rng = np.random.default_rng(seed)
    vectors = units(
        3 * rng.normal(size=(topics, 16))[rng.integers(0, topics, many)] + rng.normal(size=(many, 16))
    )
    priority = rng.permutation(many).astype(np.uint64)
    clusters = clusters_of(vectors, priority, 100)
    assert sorted(np.concatenate(clusters).tolist()) == list(range(many))
    assert max(map(len, clusters)) <= 200
    assert [c[0] for c in clusters] == sorted(c[0] for c in clusters)
    again = clusters_of(vectors.copy(order="F"), priority, 100)
    assert [c.tolist() for c in again] == [c.tolist() for c in clusters]


def test_vectors_that_are_all_the_same_are_cut_by_their_order():
    clusters = clusters_of(units(np.ones((1_000, 4))), np.arange(1_000, dtype=np.uint64), 100)
    assert [len(c) for c in clusters] == [100] * 10


def test_topics_far_apart_are_clusters():
    rng = np.random.default_rng(0)
    topic = rng.integers(0, 4, 600)
    vectors = units(10 * np.eye(12)[topic] + rng.normal(size=(600, 12)))
    clusters = clusters_of(vectors, rng.permutation(600).astype(np.uint64), 100)
    pure = sum(np.bincount(topic[c]).max() for c in clusters) / 600
    assert pure > 0.95


# --- what is refused --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({"action": "remove"}, r"action is 'remove'\. Choose report or drop\."),
        (
            {"false_pairs": 0},
            r"false_pairs is 0\. Give the pairs .* above 0 and up to 1, for example 0\.01\.",
        ),
        ({"false_pairs": True}, r"false_pairs is True"),
        (
            {"tail_cost": 2},
            r"tail_cost is 2\. Give the share of rare words .* from 0 to 1, for example 0\.01\.",
        ),
        (
            {"cluster_size": 10},
            r"cluster_size is 10\. Give a whole number from 100 to 100000, for example 1000\.",
        ),
        (
            {"cosine": 0.9},
            r"has no option 'cosine'\..*Options: action, false_pairs, tail_cost, cluster_size, keep\.",
        ),
        ({"keep": ["humans"]}, r"no criterion 'humans'\. Did you mean human\?"),
    ],
)
def test_wrong_options_say_what_was_found_and_what_to_write(options, says):
    with pytest.raises(RecipeError, match=says):
        SEMANTIC_DUPLICATES.check(options)


def test_without_any_vector_the_message_says_why_and_what_to_name():
    with pytest.raises(
        RecipeError, match=r"no document has a vector \(2 missing\)\. Name a column .* with embedding:"
    ):
        rule(VectorCorpus(["a b", "c d"], [], of=[]))
