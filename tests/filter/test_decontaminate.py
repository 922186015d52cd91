"""Items of evaluation sets in documents: what is found, what is left alone, and what is told."""

import random

import numpy as np
import pytest
from fakes import TABLES, MemoryCorpus
from hypothesis import given
from hypothesis import strategies as st

from wellkeeper.core.decision import Decision
from wellkeeper.core.evaluation import ItemState
from wellkeeper.engine.readers.evaluation import Item, ItemSet
from wellkeeper.errors import RecipeError
from wellkeeper.filter.decontaminate import COMMON_DOCUMENTS, DECONTAMINATE, holders_told
from wellkeeper.filter.evaluation import evaluation_of
from wellkeeper.kernels import text
from wellkeeper.recipe.decontamination import overlap_rows

QUESTION = (
    "Natalia sold clips to 48 of her friends in April, and then she sold half as many clips in May. How many clips did "
    "Natalia sell altogether in April and May?"
)
LICENCE = " ".join(f"permission{k} is hereby granted to" for k in range(8))


def words(start, many):
    """Words that stand nowhere else."""
    return " ".join(f"w{k}" for k in range(start, start + many))


def item_set(*items, name="gsm8k"):
    """A set; an item is a text, or a mapping of fields to texts."""
    fields = [item if isinstance(item, dict) else {"question": item} for item in items]
    return ItemSet(
        name=name,
        path=f"{name}.jsonl",
        items=tuple(
            Item(name=f"{name}:{k}", texts=tuple(texts.items())) for k, texts in enumerate(fields, 1)
        ),
        fields=("question",),
        said=(),
    )


class SearchedCorpus(MemoryCorpus):
    """A corpus in memory that was searched for evaluation sets, two documents a block."""

    def __init__(self, documents, sets, *, min_ngram=8):
        super().__init__(documents)
        self.evaluation, self._table = evaluation_of(sets, min_ngram=min_ngram, tables=TABLES)

    def overlaps(self):
        for first in range(0, len(self), 2):
            bounds = self.offsets[first : first + 3]
            rows = overlap_rows(self.data, bounds, TABLES, self._table)
            document, gram, word = (column.to_numpy().astype(np.int64) for column in rows.columns)
            yield document + first, gram, word

    def words_of(self, stretches):
        bounds, hashes = text.word_hashes(self.data, self.offsets, TABLES, stretches.document)
        pieces = [
            hashes[low + first : low + last]
            for low, first, last in zip(bounds[:-1], stretches.first, stretches.last, strict=True)
        ]
        edges = np.cumsum([0, *map(len, pieces)])
        return edges, np.concatenate(pieces) if pieces else hashes


def ruled(documents, sets, *, active=None, **options):
    sets = sets if isinstance(sets, list) else [sets]
    checked = DECONTAMINATE.check(options)
    corpus = SearchedCorpus(documents, sets, min_ngram=checked["min_ngram"])
    mask = np.ones(len(documents), np.bool_) if active is None else np.array(active)
    return DECONTAMINATE.rule(corpus, mask, checked)


def gone(*arguments, **options):
    return ruled(*arguments, **options).documents.tolist()


# --- what is found --------------------------------------------------------------------------------


def test_an_item_is_found_whatever_its_case_and_punctuation_wherever_it_stands():
    mangled = QUESTION.upper().replace(",", " --").replace(".", "\n")
    documents = [
        f"{words(0, 30)} {QUESTION} {words(40, 20)}",
        mangled,
        f"{QUESTION} {words(0, 5)}",
        words(0, 90),
    ]
    ruling = ruled(documents, item_set(QUESTION))
    assert ruling.documents.tolist() == [0, 1, 2]
    assert ruling.score.tolist() == [1, 1, 1]
    assert set(ruling.decision.tolist()) == {Decision.DROP}
    assert {ruling.reasons[k] for k in ruling.reason} == {"contains an item of gsm8k"}


@st.composite
def light_edits(draw):
    """A text of 15 words or more, and a copy with one word in fifteen replaced, left out, or added besides."""
    size = draw(st.integers(15, 100))
    original = [f"w{k}" for k in range(size)]
    copy = list(original)
    for at in sorted(draw(st.sets(st.integers(0, size - 1), max_size=size // 15)), reverse=True):
        match draw(st.sampled_from(["replace", "add", "leave out"])):
            case "replace":
                copy[at] = f"other{at}"
            case "add":
                copy.insert(at, f"other{at}")
            case _:
                del copy[at]
    return " ".join(original), " ".join(copy)


@given(light_edits(), st.integers(0, 40))
def test_a_copy_with_one_word_in_fifteen_changed_is_found(pair, before):
    original, copy = pair
    assert gone([f"{words(500, before)} {copy} {words(600, 30)}"], item_set(original)) == [0]


@given(st.integers(20, 80), st.integers(0, 80))
def test_the_share_of_a_text_that_a_document_has_decides(size, there):
    there = min(there, size)
    ruling = ruled([f"{words(500, 20)} {words(0, there)} {words(600, 20)}"], item_set(words(0, size)))
    assert (len(ruling.documents) == 1) == (there >= max(0.7 * size, 13))
    if len(ruling.documents):
        assert ruling.score[0] == np.float32(there / size)
        assert ruling.overlaps.words.tolist() == [there]


@pytest.mark.parametrize("size", range(8, 13))
def test_a_text_of_fewer_than_thirteen_words_must_be_there_whole(size):
    there, nearly = words(0, size), words(0, size - 1)
    assert gone([f"x y {there} z", f"x y {nearly} z"], item_set(there)) == [0]


def test_a_text_in_several_pieces_is_found_by_their_sum():
    pieces = [words(0, 30), words(30, 30), words(60, 30)]
    document = f" {words(500, 50)} ".join(pieces)
    assert gone([document, f"{pieces[0]} {words(500, 99)}"], item_set(words(0, 90))) == [0]


def test_each_field_is_looked_for_by_itself_so_that_a_question_without_its_passage_is_found():
    item = {"passage": words(0, 120), "question": words(200, 15)}
    documents = [f"Asked: {words(200, 15)}", words(0, 120), words(300, 50)]
    ruling = ruled(documents, item_set(item))
    assert ruling.documents.tolist() == [0, 1]
    told = [holders_told(ruling.overlaps.evaluation, k) for k in ruling.overlaps.text]
    assert told == [[("gsm8k", "gsm8k:1", "question")], [("gsm8k", "gsm8k:1", "passage")]]


def test_a_passage_that_several_questions_share_counts_for_all_of_them():
    items = [{"passage": words(0, 60), "question": words(100 + 20 * k, 10)} for k in range(5)]
    ruling = ruled([words(0, 60)], item_set(*items))
    assert ruling.documents.tolist() == [0]
    assert ruling.facts["items_found"] == 5
    assert len(ruling.overlaps.text) == 1


def test_the_stretch_in_common_is_told_by_its_words():
    ruling = ruled([words(500, 3), f"{words(500, 7)} {words(0, 20)} tail end"], item_set(words(0, 20)))
    assert [column.tolist() for column in ruling.overlaps.span] == [[1], [7], [27]]


def test_two_copies_in_one_document_are_one_overlap():
    ruling = ruled([f"{words(0, 30)} {words(500, 99)} {words(0, 30)}"], item_set(words(0, 30)))
    assert ruling.overlaps.share.tolist() == [1]


def test_a_text_of_one_word_repeated_ends_well():
    """Every word agrees with every other: the search must not try all pairs."""
    ruling = ruled(["ha " * 5000], item_set("ha " * 500))
    assert ruling.documents.tolist() == [0]


def test_scripts_without_spaces_are_searched_by_their_characters():
    item = "小明有五个苹果他给了小红两个苹果请问小明还剩几个苹果"
    assert gone([f"题目如下{item}答案是三个", "小明有五本书他很喜欢读书"], item_set(item)) == [0]


# --- what is left alone ---------------------------------------------------------------------------


def test_text_of_the_same_kind_holds_nothing():
    rng = random.Random(3)
    lexicon = [f"v{k}" for k in range(400)]
    documents = [" ".join(rng.choices(lexicon, k=200)) for _ in range(40)]
    items = [" ".join(rng.choices(lexicon, k=30)) for _ in range(40)]
    assert gone(documents, item_set(*items)) == []


def test_one_long_n_gram_of_an_item_is_not_the_item():
    """GPT-3's rule would have it; a quotation of 13 words in an item of 60 says nothing about the other 47."""
    assert gone([f"{words(500, 30)} {words(0, 13)} {words(600, 30)}"], item_set(words(0, 60))) == []


def test_a_form_with_other_numbers_filled_in_is_not_the_item():
    """As in the heads of Rust's RFCs: most words agree, and never eight in a row."""
    form = "RFC PR: [rust-lang/rfcs#{0}](https://github.com/rust-lang/rfcs/pull/{0}) Rust issue: [rust-lang/cargo#{1}]"
    assert gone([f"- {form.format(2906, 8415)} {words(0, 30)}"], item_set(form.format(1525, 2122))) == []
    assert gone([f"- {form.format(1525, 2122)} {words(0, 30)}"], item_set(form.format(1525, 2122))) == [0]


def test_boilerplate_of_many_documents_does_not_count_and_the_rest_of_the_item_does():
    item = f"{LICENCE} {words(0, 16)}"  # three quarters are licence
    documents = [f"{words(100 * k, 30)} {LICENCE}" for k in range(1, COMMON_DOCUMENTS + 2)]
    ruling = ruled([*documents, f"{words(5000, 30)} {words(0, 16)}"], item_set(item))
    assert ruling.documents.tolist() == [len(documents)]
    assert ruling.facts["common_documents"] == COMMON_DOCUMENTS
    few = documents[:COMMON_DOCUMENTS]
    assert gone(few, item_set(f"{LICENCE} w1")) == list(range(len(few)))


def test_an_item_of_nothing_but_boilerplate_is_told_and_not_decided_on():
    documents = [f"{words(100 * k, 30)} {LICENCE}" for k in range(COMMON_DOCUMENTS + 1)]
    ruling = ruled(documents, item_set(LICENCE, words(9000, 30)))
    assert ruling.documents.tolist() == []
    (facts,) = ruling.facts["sets"]
    assert (facts["items"], facts["common"], facts["found"]) == (2, 1, 0)


def test_an_item_with_few_words_of_its_own_among_boilerplate_must_be_there_whole():
    """A footer in which a name is filled in twice: every other page has all of it but the name."""

    def footer(name):
        return f"source code of {name} in the folder of operators and the unit test of {name} in the folder of tests"

    documents = [f"{words(100 * k, 30)} {footer(f'part{k}')}" for k in range(1, COMMON_DOCUMENTS + 4)]
    assert gone(documents, item_set(footer("part3"))) == [2]
    assert gone(documents, item_set(footer("nothing"))) == []


def test_documents_that_an_earlier_step_dropped_are_not_counted():
    documents = [f"{words(100 * k, 30)} {LICENCE}" for k in range(COMMON_DOCUMENTS + 1)]
    active = [k > 0 for k in range(len(documents))]
    assert gone(documents, item_set(LICENCE), active=active) == list(range(1, len(documents)))


def test_a_template_of_a_set_is_not_what_its_items_are():
    template = words(9000, 40)
    items = [f"{template} {words(100 * k, 15)}" for k in range(12)]
    documents = [f"{template} {words(7000, 30)}", f"{words(8000, 30)} {words(300, 15)}"]
    ruling = ruled(documents, item_set(*items))
    assert ruling.documents.tolist() == [1]
    assert ruling.score.tolist() == [1]


def test_a_stock_question_is_not_searched_for():
    stock = "Which of the following is true according to the passage?"
    items = [{"question": stock, "passage": words(100 * k, 60)} for k in range(3)]
    assert gone([f"Exam. {stock} Answer in full."], item_set(*items)) == []
    alone = ruled([words(0, 9)], item_set(*[{"question": stock, "answer": f"no{k}"} for k in range(3)]))
    assert alone.facts["sets"][0]["stock"] == 3


def test_a_short_item_is_found_only_as_a_line_of_its_own():
    short = "Who wrote the old book?"
    documents = [
        "Quiz\n - WHO wrote the old book\nanswers",
        f"They asked: {short}",
        f"{short} Nobody",
        short,
    ]
    assert gone(documents, item_set(short)) == [0, 3]
    assert gone(["who wrote\nthe old book"], item_set(short)) == []


def test_items_too_short_to_be_told_from_chance_are_counted():
    ruling = ruled(["Paris\nIt is Paris"], item_set("Paris", "It is Paris now", words(0, 8)))
    (facts,) = ruling.facts["sets"]
    assert (facts["items"], facts["too_short"], facts["found"]) == (3, 2, 0)


def test_a_short_text_beside_a_long_one_is_not_searched_for():
    item = {"question": words(0, 20), "answer": "he went to the river"}
    assert gone(["he went to the river"], item_set(item)) == []


# --- what is told ---------------------------------------------------------------------------------


def test_figures_of_each_set_and_of_all():
    sets = [item_set(words(0, 20), words(100, 20), words(100, 20)), item_set(words(200, 30), name="mmlu")]
    documents = [words(0, 20), f"{words(0, 20)} {words(200, 30)}", words(500, 40)]
    ruling = ruled(documents, sets)
    facts = ruling.facts
    assert (facts["documents"], facts["items"], facts["items_found"]) == (2, 3, 2)
    told = [
        (row["name"], row["items"], row["repeats"], row["found"], row["documents"]) for row in facts["sets"]
    ]
    assert told == [("gsm8k", 2, 1, 1, 2), ("mmlu", 1, 0, 1, 1)]


def test_the_reason_is_the_set_of_the_largest_share():
    sets = [item_set(words(0, 40)), item_set(words(100, 30), name="mmlu")]
    ruling = ruled([f"{words(0, 30)} {words(100, 30)}"], sets)
    assert [ruling.reasons[k] for k in ruling.reason] == ["contains an item of mmlu"]
    assert ruling.score.tolist() == [1]
    assert ruling.overlaps.share.tolist() == [0.75, 1]


@pytest.mark.parametrize(
    ("action", "decisions"),
    [("drop", [Decision.DROP]), ("review", [Decision.REVIEW]), ("report", [])],
)
def test_the_action_decides_what_becomes_of_a_document_and_never_what_is_told(action, decisions):
    ruling = ruled([words(0, 20)], item_set(words(0, 20)), action=action)
    assert ruling.decision.tolist() == decisions
    assert ruling.facts["documents"] == 1
    assert len(ruling.overlaps.text) == 1


def test_the_digest_of_the_table_changes_with_what_is_searched_for_and_with_nothing_else():
    def digest(*sets, min_ngram=8):
        return evaluation_of(sets, min_ngram=min_ngram, tables=TABLES)[0].digest

    assert digest(item_set(QUESTION)) == digest(item_set(QUESTION.lower(), name="other"))
    assert digest(item_set(QUESTION)) != digest(item_set(f"{QUESTION} Say."))
    assert digest(item_set(QUESTION)) != digest(item_set(QUESTION), min_ngram=9)


@given(st.lists(st.lists(st.integers(0, 3), max_size=14), max_size=6))
def test_the_table_knows_where_every_n_gram_of_every_text_stands(lists):
    written = [" ".join(f"w{k}" for k in one) for one in lists]
    evaluation, table = evaluation_of([item_set(*filter(None, written))], min_ngram=5, tables=TABLES)
    grams = {}
    for number in range(len(evaluation.bounds) - 1):
        of_text = evaluation.text(number).tolist()
        span = min(5, len(of_text))
        windows = evaluation.grams[evaluation.bounds[number] : evaluation.bounds[number + 1]].tolist()
        starts = range(len(of_text) - span + 1)
        assert [at for at, gram in enumerate(windows) if gram >= 0] == list(starts)
        for at in starts:
            assert grams.setdefault(windows[at], of_text[at : at + span]) == of_text[at : at + span]
    assert len(table.line_words) == len(evaluation.gram_bounds) - 1 == np.count_nonzero(table.probe.slots)
    short = {gram: len(of) for gram, of in grams.items() if len(of) < 5}
    assert {k: size for k, size in enumerate(table.line_words.tolist()) if size} == short
    states = set(evaluation.item_state.tolist())
    assert states <= {ItemState.SEARCHED, ItemState.TOO_SHORT}


# --- messages -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("options", "says"),
    [
        (
            {"set": ["a"]},
            r"no option 'set'\. Did you mean sets\? Options: sets, ngram, min_ngram, share, common",
        ),
        ({"sets": []}, r"sets is \[\]\. Give a list of paths, such as \[evals/gsm8k\.jsonl\]"),
        (
            {"sets": {"path": "a.jsonl"}},
            r"sets is a mapping\. Give a list, each entry a path or \{path: PATH, name: NAME, fields: \[FIELD, \.\.\.\]\}\.$",
        ),
        ({"sets": "a.jsonl"}, r"sets is 'a\.jsonl'\. Give a list of paths"),
        (
            {"sets": [{"path": "a", "field": ["x"]}]},
            r"a set has no key 'field'\. Did you mean fields\? Keys: path",
        ),
        ({"sets": [{"name": "a"}]}, r"is no set\. Give a path, or \{path: PATH, fields: \[FIELD, \.\.\.\]\}"),
        ({"sets": [{"path": "a", "fields": "x"}]}, r"is no set\. Give a path"),
        ({"ngram": 4}, r"ngram is 4\. Give a number of words from 5 to 64, for example 13"),
        ({"ngram": True}, r"ngram is True\. Give a number of words"),
        ({"min_ngram": 14}, r"min_ngram is 14, more than ngram, 13\. Give at most that"),
        ({"share": 0.1}, r"share is 0\.1\. Give a share from 0\.3 to 1, for example 0\.7"),
        ({"common": 2}, r"common is 2\. Give a share from 0 to 1, for example 0\.001"),
        (
            {"action": "dorp"},
            r"action is 'dorp'\. Did you mean drop\? Give one of: drop, review, report",
        ),
    ],
)
def test_wrong_options_are_refused_with_the_next_step(options, says):
    with pytest.raises(RecipeError, match=says):
        DECONTAMINATE.check(options)


def test_a_corpus_that_was_searched_for_nothing_is_refused():
    corpus = SearchedCorpus([QUESTION], [item_set(QUESTION)])
    corpus.evaluation = None
    with pytest.raises(RecipeError, match=r"names no evaluation set\. Add sets: \[path\]"):
        DECONTAMINATE.rule(corpus, np.ones(1, np.bool_), DECONTAMINATE.check({}))
