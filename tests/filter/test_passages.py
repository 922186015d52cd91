"""Repeated passages: every planted run is found, no span is false, and each action does what it says."""

import random

import numpy as np
import pytest
from fakes import TABLES, MemoryCorpus
from hypothesis import given, settings
from hypothesis import strategies as st

from wellkeeper.core.decision import FingerprintRows, SpanAction, Stretches
from wellkeeper.core.origin import Origin
from wellkeeper.engine import joins
from wellkeeper.errors import RecipeError, WorkError
from wellkeeper.filter import passages
from wellkeeper.filter.passages import REPEATED_PASSAGES, covered_words, groups_of, stretches_around, union_of
from wellkeeper.kernels import text
from wellkeeper.kernels.fingerprints import fingerprints_of, gram_words


class Texts(MemoryCorpus):
    """A corpus in memory that can be asked for fingerprints and for the words of stretches."""

    scratch = None

    def __init__(self, documents, *, words=20, **others):
        super().__init__(documents, **others)
        self.made_for = words
        self.bounds, self.hashes = text.word_hashes(
            self.data, self.offsets, TABLES, np.arange(len(self.documents))
        )

    def fingerprints(self):
        document, word, hashes = fingerprints_of(self.bounds, self.hashes, words=self.made_for)
        cut = np.searchsorted(document, len(self) // 2)
        return FingerprintRows(
            words=self.made_for,
            gram=gram_words(self.made_for),
            rows=len(document),
            batches=[
                (document[some].astype(np.int64), word[some].astype(np.int64), hashes[some])
                for some in (slice(cut), slice(cut, None))
            ],
        )

    def words_of(self, stretches):
        starts = self.bounds[stretches.document]
        pieces = [
            self.hashes[a:b] for a, b in zip(starts + stretches.first, starts + stretches.last, strict=True)
        ]
        assert np.all(np.diff(stretches.document) >= 0)
        return (
            np.cumsum([0, *map(len, pieces)]).astype(np.int64),
            np.concatenate([np.zeros(0, np.uint64), *pieces]),
        )


def ruled(corpus, active=None, **options):
    checked = REPEATED_PASSAGES.check({"words": 20, **options})
    return REPEATED_PASSAGES.rule(
        corpus, np.ones(len(corpus), np.bool_) if active is None else active, checked
    )


def rows(spans):
    names = ("document", "first", "last", "holder", "holder_first", "frequency", "action")
    columns = (*spans.span, spans.holder, spans.holder_first, spans.frequency, spans.action)
    return [dict(zip(names, map(int, row), strict=True)) for row in zip(*columns, strict=True)]


def own(name, count):
    return [f"{name}{k}" for k in range(count)]


PASSAGE = own("shared", 30)


def texts(*documents):
    return [" ".join(words) for words in documents]


words_in_few = st.lists(st.sampled_from("ab"), max_size=25)


@settings(max_examples=80)
@given(st.data())
def test_all_shared_runs_are_found_and_nothing_else(data):
    """Against the definition: runs of 20 words in two documents or more, whatever repeats inside a document."""
    passage = data.draw(st.lists(st.sampled_from(["a", "b", "c"]), min_size=15, max_size=45))
    documents = [
        [*data.draw(words_in_few), *passage[data.draw(st.integers(0, 12)) :], *data.draw(words_in_few)]
        for _ in range(data.draw(st.integers(2, 5)))
    ]
    found = rows(ruled(Texts(texts(*documents))).spans)
    covered = [set() for _ in documents]
    for row in found:
        size = row["last"] - row["first"]
        span = documents[row["document"]][row["first"] : row["last"]]
        assert size >= 20
        assert span == documents[row["holder"]][row["holder_first"] : row["holder_first"] + size]
        covered[row["document"]] |= set(range(row["first"], row["last"]))
    order = sorted(range(len(documents)), key=lambda d: (-len(" ".join(documents[d])), d))
    seen = set()
    for d in order:
        windows = [tuple(documents[d][i : i + 20]) for i in range(len(documents[d]) - 19)]
        assert covered[d] == {i + k for i, window in enumerate(windows) if window in seen for k in range(20)}
        seen |= set(windows)


@settings(max_examples=40)
@given(st.integers(20, 60), st.integers(0, 200), st.integers(0, 200), st.integers(0, 2**32))
def test_a_planted_run_is_found_wherever_it_stands(size, before, after, seed):
    draw = random.Random(seed)
    vocabulary = own("w", 400)
    run = draw.choices(vocabulary, k=size)
    documents = [
        [*draw.choices(vocabulary, k=before), *run, *draw.choices(vocabulary, k=after)],
        [*draw.choices(vocabulary, k=after), *run, *draw.choices(vocabulary, k=before + 1)],
    ]
    (row,) = rows(ruled(Texts(texts(*documents))).spans)
    assert row["first"] <= (after if row["document"] else before)
    assert row["last"] - row["first"] >= size


def test_fingerprints_for_shorter_runs_serve_longer_ones():
    documents = texts([*own("a", 40), *PASSAGE], [*own("b", 40), *PASSAGE])
    assert len(rows(ruled(Texts(documents, words=20), words=30).spans)) == 1
    assert rows(ruled(Texts(documents, words=20), words=31).spans) == []


def test_fingerprints_for_longer_runs_are_refused():
    with pytest.raises(WorkError, match=r"runs of 50 words, and words is 20\. Run again with --fresh\."):
        ruled(Texts(["text"], words=50))


def test_what_repeats_inside_one_document_is_no_span():
    found = ruled(Texts(texts([*PASSAGE, *own("a", 5), *PASSAGE], own("b", 60))))
    assert rows(found.spans) == []
    assert len(found.documents) == 0


def test_only_documents_that_earlier_steps_kept_are_looked_at():
    corpus = Texts(texts([*PASSAGE, *own("a", 50)], PASSAGE, [*PASSAGE, *own("c", 40)]))
    (row,) = rows(ruled(corpus, active=np.array([False, True, True])).spans)
    assert (row["document"], row["holder"], row["frequency"]) == (1, 2, 2)


def test_the_holder_is_the_one_that_keep_prefers():
    documents = texts([*PASSAGE, *own("a", 50)], [*own("b", 9), *PASSAGE])
    origins = [Origin.AI_GENERATED, Origin.HUMAN]
    (row,) = rows(ruled(Texts(documents, origins=origins)).spans)
    assert (row["document"], row["holder"], row["holder_first"]) == (0, 1, 9)
    (row,) = rows(ruled(Texts(documents, origins=origins), keep=["longest"]).spans)
    assert (row["document"], row["holder"], row["first"]) == (1, 0, 9)


def test_spans_of_several_holders_may_overlap_and_count_their_words_once():
    documents = texts(
        [*own("a", 200), *PASSAGE[:25]], [*own("b", 150), *PASSAGE[4:]], [*own("c", 90), *PASSAGE]
    )
    found = ruled(Texts(documents))
    mine = [row for row in rows(found.spans) if row["document"] == 2]
    # from word 96 on, since all 20-word runs before that stand in document 0 too
    assert [(row["first"], row["last"], row["holder"]) for row in mine] == [(90, 115, 0), (96, 120, 1)]
    assert covered_words(Stretches(*(column[-2:] for column in found.spans.span)))[1].tolist() == [30]


def test_report_changes_nothing():
    found = ruled(Texts(texts([*PASSAGE, *own("a", 5)], PASSAGE)))
    assert len(found.documents) == 0
    assert {row["action"] for row in rows(found.spans)} == {SpanAction.REPORTED}


@pytest.mark.parametrize(("share", "dropped"), [(0.3, [1]), (0.5, [1]), (0.51, [])])
def test_drop_takes_documents_from_a_share_of_their_words_on(share, dropped):
    documents = texts([*PASSAGE, *own("a", 200)], [*PASSAGE, *own("b", 30)], [*PASSAGE, *own("c", 100)])
    found = ruled(Texts(documents), action="drop", share=share)
    assert found.documents.tolist() == dropped
    assert found.survivor.tolist() == [0] * len(dropped)
    assert found.score.tolist() == [0.5] * len(dropped)
    acts = {row["document"]: row["action"] for row in rows(found.spans)}
    assert acts == {1: SpanAction.DROPPED if dropped else SpanAction.REPORTED, 2: SpanAction.REPORTED}


def test_a_passage_of_a_dropped_document_alone_is_not_lost():
    """B goes in favour of A. C repeats what B alone had, so C must stay, and hold it from now on."""
    other = own("other", 30)
    documents = texts(
        [*PASSAGE, *own("a", 300)], [*PASSAGE, *other, *own("bb", 30)], [*other, *own("c", 10)], [*other, "d"]
    )
    found = ruled(Texts(documents), action="drop")
    assert found.documents.tolist() == [1, 3]
    assert found.survivor.tolist() == [0, 2]


def test_a_document_that_a_cut_would_leave_empty_is_dropped():
    documents = texts([*PASSAGE, *own("a", 50)], PASSAGE, [*PASSAGE, "more"])
    found = ruled(Texts(documents), action="cut")
    assert found.documents.tolist() == [1]
    assert (found.survivor.tolist(), found.score.tolist()) == ([0], [1.0])
    assert {row["document"]: row["action"] for row in rows(found.spans)} == {
        1: SpanAction.DROPPED,
        2: SpanAction.CUT,
    }


def test_boilerplate_is_cut_whatever_the_action_and_counts_for_no_share():
    footer = own("footer", 25)
    pages = [[*own(f"page{k}x", 30), *footer] for k in range(4)]
    copied = [*own("x", 5), *PASSAGE, *footer]
    found = ruled(
        Texts(texts(*pages, [*PASSAGE, *own("a", 200)], copied)), action="drop", share=0.55, max_frequency=3
    )
    assert (
        found.documents.tolist() == []
    )  # half of the copy's words are another's, and its footer is everybody's
    spans = [(row["document"], row["frequency"], row["action"]) for row in rows(found.spans)]
    assert [span for span in spans if span[2] == SpanAction.REPORTED] == [(5, 2, SpanAction.REPORTED)]
    cut = [span for span in spans if span[2] == SpanAction.CUT]
    assert [frequency for _, frequency, _ in cut] == [5] * 4  # in all but the first holder
    assert {holder["holder"] for holder in rows(found.spans) if holder["frequency"] == 5} == {
        ({0, 1, 2, 3, 5} - {document for document, _, _ in cut}).pop()
    }


def test_the_most_frequent_passages_are_told_with_their_sources():
    footer = own("footer", 25)
    documents = texts(
        *[[*own(f"page{k}x", 30 + k), *footer] for k in range(4)], PASSAGE, [*PASSAGE, "a", "b"]
    )
    found = ruled(Texts(documents, sources=["web", "web", "news", "web", "news", "news"]))
    assert [(p["frequency"], p["words"], p["holder"]) for p in found.facts["passages"]] == [
        (4, 25, 3),
        (2, 30, 5),
    ]
    assert found.facts["passages"][0]["sources"] == [
        {"source": "web", "documents": 3},
        {"source": "news", "documents": 1},
    ]
    searched = {row["source"]: (row["documents"], row["words"]) for row in found.facts["searched"]}
    assert searched == {"web": (3, 55 + 56 + 58), "news": (3, 57 + 30 + 32)}


def test_nothing_to_find_is_no_error():
    assert rows(ruled(Texts([])).spans) == []
    assert rows(ruled(Texts(["a few words", "", "a few words"])).spans) == []


def test_a_join_larger_than_memory_finds_the_same(monkeypatch):
    draw = random.Random(5)
    vocabulary = own("w", 300)
    pool = [draw.choices(vocabulary, k=40) for _ in range(6)]
    documents = texts(
        *[
            [*draw.choices(vocabulary, k=30), *draw.choice(pool), *draw.choices(vocabulary, k=30)]
            for _ in range(40)
        ]
    )
    in_memory = ruled(Texts(documents))
    monkeypatch.setattr(passages, "MEMORY_ROWS", 64)
    monkeypatch.setattr(passages, "_CHUNK_WORDS", 100)
    monkeypatch.setattr(joins, "PART_ROWS", 128)
    monkeypatch.setattr("wellkeeper.engine.scratch.IN_MEMORY_BYTES", 16)
    spilled = ruled(Texts(documents))
    assert len(rows(in_memory.spans)) > 20
    assert rows(spilled.spans) == rows(in_memory.spans)
    assert spilled.facts == in_memory.facts


@given(st.lists(st.tuples(st.integers(0, 3), st.integers(0, 30), st.integers(1, 9)), max_size=12))
def test_a_union_has_the_same_words_in_stretches_apart(drawn):
    columns = [np.array(c, np.int64) for c in zip(*drawn, strict=True)] or [np.zeros(0, np.int64)] * 3
    spans = Stretches(columns[0], columns[1], columns[1] + columns[2])
    union = union_of(spans)

    def words(some):
        return [(d, w) for d, first, last in zip(*some, strict=True) for w in range(first, last)]

    assert sorted(set(words(spans))) == words(union)
    ends = list(zip(union.document, union.last, strict=True))
    assert all((d, f) not in ends for d, f in zip(union.document, union.first, strict=True))


@given(st.lists(st.tuples(st.sampled_from([1, 2, 2**63, 2**63 + 1, 7]), st.integers(0, 3)), max_size=30))
def test_groups_are_keys_of_several_owners(drawn):
    """Keys that differ in their last bits alone, which the sort replaces, are told apart too."""
    drawn.sort(key=lambda pair: pair[1])
    keys = np.array([key for key, _ in drawn], np.uint64)
    owners = np.array([owner for _, owner in drawn], np.int64)
    order, starts, many = groups_of(keys, owners)
    wanted = {}
    for key in sorted(set(keys.tolist())):
        members = [k for k in range(len(drawn)) if drawn[k][0] == key]
        if len({drawn[k][1] for k in members}) > 1:
            wanted[key] = (members, len({drawn[k][1] for k in members}))
    bounds = [*starts.tolist(), len(order)]
    told = {
        int(keys[order[a]]): (order[a:b].tolist(), int(n))
        for a, b, n in zip(bounds[:-1], bounds[1:], many, strict=True)
    }
    assert told == wanted


def test_stretches_stay_inside_their_documents():
    places = np.array([0 << 28 | 3, 1 << 28 | 0, 1 << 28 | 90], np.int64)
    found = stretches_around(places, np.array([25, 100]), words=20, gram=10)
    assert [tuple(map(int, row)) for row in zip(*found, strict=True)] == [
        (0, 0, 23),
        (1, 0, 20),
        (1, 80, 100),
    ]


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({"words": 19}, r"words is 19\. Give the least words of a passage, a whole number from 20 to 10000"),
        ({"words": True}, r"words is True\."),
        ({"action": "remove"}, r"action is 'remove'\. Choose report, cut, drop, weigh\."),
        ({"share": 0}, r"share is 0\. Give the share of a document's words"),
        ({"share": 1.1}, r"share is 1\.1\."),
        ({"max_frequency": 1}, r"max_frequency is 1\. Give the most documents that may hold a passage"),
        ({"keep": "human"}, r"keep is 'human'\. Give a list"),
        ({"word": 50}, r"no option 'word'\. Did you mean words\?"),
    ],
)
def test_wrong_options_say_what_to_give(options, says):
    with pytest.raises(RecipeError, match=f"repeated-passages.v1.*{says}"):
        REPEATED_PASSAGES.check(options)


def test_defaults_report_runs_of_fifty_words():
    checked = REPEATED_PASSAGES.check({})
    assert (checked["words"], checked["action"], checked["share"]) == (50, "report", 0.3)
