"""The published thresholds, rule by rule, and what the step makes of them."""

from itertools import pairwise

import numpy as np
import pytest
from fakes import MemoryCorpus
from hypothesis import given
from hypothesis import strategies as st

from wellkeeper.core.decision import Decision
from wellkeeper.core.signals import COUNTS, QUALITY
from wellkeeper.errors import RecipeError
from wellkeeper.filter.quality import QUALITY as STEP
from wellkeeper.filter.quality import RULES, SETS, active_rules, failing, first_examples

_TYPES = {signal.name: np.dtype(signal.type) for signal in (*COUNTS, *QUALITY)}
# A document that fails nothing; every rule's own column is then moved.
_GOOD = {
    "words": 500, "mean_word_length": 4.5, "alpha_word_share": 0.99, "stop_words_distinct": 8, "c4_sentences": 20,
    "terminal_line_share": 0.9,
}  # fmt: skip
_ALL = list(SETS)


class Columns:
    """A corpus of the given documents' columns, typed as the text pass types them."""

    def __init__(self, *documents: dict[str, float]) -> None:
        self.columns = {
            name: np.array([{**_GOOD, **document}.get(name, 0) for document in documents], kind)
            for name, kind in _TYPES.items()
        }
        self.many = len(documents)

    def __len__(self) -> int:
        return self.many

    def column(self, name: str) -> np.ndarray:
        return self.columns[name]


def ruling(corpus, options=None, active=None):
    active = np.ones(len(corpus), np.bool_) if active is None else active
    return STEP.rule(corpus, active, STEP.check(options or {}))


def reasons(corpus, options=None) -> list[str | None]:
    ruled = ruling(corpus, options)
    found: list[str | None] = [None] * len(corpus)
    for document, reason in zip(ruled.documents, ruled.reason, strict=True):
        found[document] = ruled.reasons[reason]
    return found


# Thresholds copied from the papers a second time, so that a slip in the rules' table shows.
_PUBLISHED = [
    # Rae et al. 2021, section A.1.1
    ("gopher-short", 49, 50), ("gopher-long", 100_001, 100_000),
    ("gopher-short-words", 2.99, 3), ("gopher-long-words", 10.01, 10),
    ("gopher-hashes", 0.101, 0.1), ("gopher-ellipses", 0.101, 0.1),
    ("gopher-bullet-lines", 0.901, 0.9), ("gopher-ellipsis-lines", 0.301, 0.3),
    ("gopher-letters", 0.799, 0.8), ("gopher-stop-words", 1, 2),
    # Rae et al. 2021, table A1
    ("gopher-repetition-lines", 0.301, 0.3), ("gopher-repetition-paragraphs", 0.301, 0.3),
    ("gopher-repetition-line-chars", 0.201, 0.2), ("gopher-repetition-paragraph-chars", 0.201, 0.2),
    ("gopher-repetition-top-2gram", 0.201, 0.2), ("gopher-repetition-top-3gram", 0.181, 0.18),
    ("gopher-repetition-top-4gram", 0.161, 0.16), ("gopher-repetition-5grams", 0.151, 0.15),
    ("gopher-repetition-6grams", 0.141, 0.14), ("gopher-repetition-7grams", 0.131, 0.13),
    ("gopher-repetition-8grams", 0.121, 0.12), ("gopher-repetition-9grams", 0.111, 0.11),
    ("gopher-repetition-10grams", 0.101, 0.1),
    # Raffel et al. 2019/2020, section 2.2
    ("c4-sentences", 2, 3), ("c4-lorem-ipsum", 1, 0), ("c4-curly-brackets", 1, 0),
    # Penedo et al. 2024, section 3.6
    ("fineweb-line-ends", 0.12, 0.121), ("fineweb-line-chars", 0.1, 0.099), ("fineweb-short-lines", 0.67, 0.669),
]  # fmt: skip


@pytest.mark.parametrize(("name", "fails", "passes"), _PUBLISHED)
def test_a_rule_fails_beyond_its_published_threshold_and_not_at_the_other_side(
    name: str, fails: float, passes: float
) -> None:
    column = RULES[name].column
    owner = next(key for key, rules in SETS.items() if RULES[name] in rules)
    corpus = Columns({column: fails}, {column: passes})
    counts = failing(corpus, np.ones(2, np.bool_), STEP.check({"rules": [owner]}))
    assert counts[name] == 1
    assert reasons(corpus, {"rules": [owner]}) == [name, None]


def test_every_rule_is_in_the_table_above_and_reads_a_column_that_exists() -> None:
    assert [row[0] for row in _PUBLISHED] == list(RULES)
    assert {rule.column for rule in RULES.values()} <= set(_TYPES)
    assert all("arXiv" in rule.source or "JMLR" in rule.source for rule in RULES.values())
    assert sum(map(len, SETS.values())) == len(RULES)


def test_the_title_names_the_threshold_in_force() -> None:
    assert RULES["gopher-long"].title == "more than 100,000 words"
    (rule,) = (
        rule
        for rule in active_rules(STEP.check({"thresholds": {"gopher-short": 20}}))
        if rule.name == "gopher-short"
    )
    assert rule.title == "fewer than 20 words"


def test_gopher_alone_is_quality_without_repetition() -> None:
    corpus = Columns({"duplicate_line_share": 0.9})
    assert reasons(corpus, {"rules": ["gopher"]}) == [None]
    assert reasons(corpus) == ["gopher-repetition-lines"]


def test_the_first_failing_rule_is_the_reason_and_its_value_the_score() -> None:
    corpus = Columns({}, {"words": 12, "hash_ratio": 0.4}, {"hash_ratio": 0.4})
    ruled = ruling(corpus)
    assert ruled.documents.tolist() == [1, 2]
    assert [ruled.reasons[k] for k in ruled.reason] == ["gopher-short", "gopher-hashes"]
    assert ruled.score.tolist() == [12, pytest.approx(0.4)]
    assert (ruled.decision == Decision.DROP).all()
    assert (ruled.survivor == -1).all()
    assert (ruled.cluster == -1).all()
    assert ruled.facts["failing"]["gopher-hashes"] == 2


def test_the_order_of_the_sets_decides_which_reason_is_first() -> None:
    corpus = Columns({"words": 3, "curly_brackets": 2})
    assert reasons(corpus, {"rules": ["gopher", "c4"]}) == ["gopher-short"]
    assert reasons(corpus, {"rules": ["c4", "gopher"]}) == ["c4-curly-brackets"]


def test_inactive_documents_are_neither_ruled_on_nor_counted() -> None:
    corpus = Columns({"words": 3}, {"words": 3})
    active = np.array([False, True])
    assert ruling(corpus, active=active).documents.tolist() == [1]
    assert failing(corpus, active, STEP.check({}))["gopher-short"] == 1


def test_a_skipped_rule_never_fires_and_a_moved_threshold_moves() -> None:
    corpus = Columns({"stop_words_distinct": 0}, {"words": 30})
    assert reasons(corpus) == ["gopher-stop-words", "gopher-short"]
    assert reasons(corpus, {"skip": ["gopher-stop-words"], "thresholds": {"gopher-short": 30}}) == [
        None,
        None,
    ]


def test_the_first_examples_are_the_first_failing_documents() -> None:
    corpus = Columns({}, {"words": 1}, {"words": 2}, {"words": 3}, {"words": 4})
    found = first_examples(corpus, np.array([True, False, True, True, True]), STEP.check({}), each=2)
    assert {name: documents.tolist() for name, documents in found.items()} == {"gopher-short": [2, 3]}


def test_no_documents_have_no_failures() -> None:
    corpus = Columns()
    assert len(ruling(corpus).documents) == 0
    assert set(failing(corpus, np.zeros(0, np.bool_), STEP.check({})).values()) == {0}


_cells = st.fixed_dictionaries(
    {}, optional={name: st.integers(0, 120_000) if kind.kind in "iu" and name != "lorem_ipsum" else st.integers(0, 1)
                  if name == "lorem_ipsum" else st.floats(0, 12, width=32) for name, kind in _TYPES.items()},
)  # fmt: skip


@given(st.lists(_cells, max_size=8), st.lists(st.sampled_from(_ALL), min_size=1, unique=True))
def test_a_document_is_dropped_exactly_if_some_rule_fails(documents: list[dict], sets: list[str]) -> None:
    corpus = Columns(*documents)
    options = STEP.check({"rules": sets})
    rules = active_rules(options)
    fails = np.array([rule.fails(corpus.column(rule.column)) for rule in rules]).reshape(
        len(rules), len(corpus)
    )
    ruled = ruling(corpus, {"rules": sets})
    assert ruled.documents.tolist() == np.flatnonzero(fails.any(axis=0)).tolist()
    assert ruled.reason.tolist() == fails.argmax(axis=0)[ruled.documents].tolist()
    assert [ruled.facts["failing"][rule.name] for rule in rules] == fails.sum(axis=1).tolist()


@given(
    st.lists(st.integers(0, 200), min_size=1, max_size=20),
    st.lists(st.integers(0, 200), min_size=2, max_size=4),
)
def test_a_stricter_threshold_never_drops_fewer(words: list[int], thresholds: list[int]) -> None:
    corpus = Columns(*({"words": count} for count in words))
    dropped = [len(ruling(corpus, {"thresholds": {"gopher-short": t}}).documents) for t in sorted(thresholds)]
    assert all(before <= after for before, after in pairwise(dropped))


_PROSE = """The well stood behind the last house of the village, and nobody remembered who had dug it.
In dry summers people came from three valleys away with carts and barrels, because it had never failed.
An old woman kept the rope, the bucket and a small book in which she wrote down every drop that was taken.
When the new pumps arrived, the council asked whether her book was worth the paper it filled.
She answered that water does not tell you when it turns bad; somebody has to look, taste and write.
So they left her the key, and each morning her lamp could be seen moving slowly between the stones.
Years later a chemist read all those pages and found the spring in which the first salt had come.
"""


def test_real_texts_fail_the_rules_that_describe_them() -> None:
    texts = {
        _PROSE: None,
        "Too short to learn from.": "gopher-short",
        "\n".join(f"• point {k} of the list that we have to go through with the team" for k in range(20)): "gopher-bullet-lines",
        "\n".join(f"the endless story of day {k} goes on and to be continued..." for k in range(20)): "gopher-ellipsis-lines",
        " ".join(f"#tag{k} of the day" for k in range(40)): "gopher-hashes",
        " ".join(str(k) for k in range(1000, 1300)): "gopher-letters",
        " ".join(f"mot{k} français sans anglais" for k in range(30)): "gopher-stop-words",
        _PROSE * 4: "gopher-repetition-lines",
    }  # fmt: skip
    assert reasons(MemoryCorpus(texts)) == list(texts.values())


def test_c4_and_fineweb_know_code_placeholders_and_menus() -> None:
    menu = "\n".join(f"Menu entry {k}" for k in range(30))
    corpus = MemoryCorpus([_PROSE, _PROSE + "f() { return 1 }", _PROSE + "Lorem Ipsum dolor.", menu])
    assert reasons(corpus, {"rules": ["c4"]}) == [None, "c4-curly-brackets", "c4-lorem-ipsum", "c4-sentences"]
    assert reasons(corpus, {"rules": ["fineweb"]})[0] is None
    assert reasons(corpus, {"rules": ["fineweb"]})[3] == "fineweb-line-ends"


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({"rule": ["c4"]}, r"quality\.v1 has no option 'rule'\. Did you mean rules\? Options: rules, thresholds, skip\."),
        ({"rules": ["gofer"]}, r"rules has no rule set 'gofer'\. Did you mean gopher\? Rule sets: gopher, gopher-rep"),
        ({"rules": "gopher"}, r"quality\.v1: rules is 'gopher'\. Give a list, such as \[gopher\]\."),
        ({"skip": ["gopher-stopwords"]}, r"skip has no rule 'gopher-stopwords'\. Did you mean gopher-stop-words\? Rules:"),
        ({"thresholds": {"gopher-shrt": 3}}, r"thresholds has no rule 'gopher-shrt'\. Did you mean gopher-short\?"),
        ({"thresholds": {"gopher-short": "3"}}, r"threshold of gopher-short is '3'\. Give a number; the published one is 50"),
        ({"thresholds": {"gopher-short": True}}, r"threshold of gopher-short is True\. Give a number"),
        ({"thresholds": {"gopher-short": float("nan")}}, r"threshold of gopher-short is nan\. Give a number"),
        ({"thresholds": [1]}, r"thresholds is \[1\]\. Give a mapping, for example \{gopher-short: 20\}\."),
        ({"skip": ["c4-sentences"]}, r"c4-sentences is not among the rules of gopher, gopher-repetition\. Add c4 to rules"),
        ({"rules": []}, r"quality\.v1 has no rule left\. Name a set in rules, or remove the step\."),
    ],
)  # fmt: skip
def test_options_that_cannot_be_meant_are_refused(options: dict, says: str) -> None:
    with pytest.raises(RecipeError, match=says):
        STEP.check(options)


def test_checking_checked_options_changes_nothing() -> None:
    options = STEP.check({"rules": ["c4", "c4"], "thresholds": {"c4-sentences": 2}})
    assert options == {"rules": ["c4"], "thresholds": {"c4-sentences": 2.0}, "skip": []}
    assert STEP.check(options) == options
