"""Runs over many texts: what is read, what is kept, and what a killed run loses. A toy model, then a real one."""

import math
import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from language_model_files import Toy, needs_lm, smollm2

from wellkeeper.errors import DataError, InputError, WorkError
from wellkeeper.measure.likelihood import text_statistics, token_statistics
from wellkeeper.origin.lm import DIRECTION, FEWEST, LmScores, canonical, lm_scores, load_lm

STATISTICS = tuple(DIRECTION)


TEXTS = [f"Text number {number}: {'a few words and then some more, ' * 3}end." for number in range(10)]
SHORT = "Too short."


def same(one: LmScores, other: LmScores):
    return all(
        np.array_equal(getattr(one, name), getattr(other, name), equal_nan=True)
        for name in (*STATISTICS, "tokens", "reached")
    )


# --- what is read ------------------------------------------------------------------------------------------------


def test_statistics_are_those_of_the_first_tokens_in_canonical_form():
    toy = Toy()
    texts = ["“Curly   quotes”\n\n- and a list\n" * 4, TEXTS[0]]
    found = lm_scores(texts, toy, tokens=50)
    for place, text in enumerate(canonical(texts)):
        tokens = toy.encode(text, 50)
        (logits,) = toy.logits([tokens])
        expected = text_statistics(token_statistics(logits, np.array(tokens[1:])))
        for name in STATISTICS:
            assert getattr(found, name)[place] == np.float32(getattr(expected, name))
        assert found.tokens[place] == 49
    assert canonical(texts)[0].startswith('"Curly quotes"')


def test_line_breaks_and_list_marks_change_nothing():
    plain = "One point is here, another point is there, and a third one follows them both at a distance."
    marked = plain.replace(", ", ",\n   ")
    found = lm_scores([plain, marked], Toy())
    assert found.fast_detect_gpt[0] == found.fast_detect_gpt[1]


def test_texts_with_few_tokens_get_no_score_and_cost_nothing():
    toy = Toy()
    edge = "x" * (FEWEST + 1)
    found = lm_scores([SHORT, "", edge[:-1], edge, TEXTS[0]], toy)
    assert np.isnan(found.log_likelihood).tolist() == [True, True, True, False, False]
    assert found.tokens[:4].tolist() == [len(SHORT) - 1, 0, FEWEST - 1, FEWEST]
    assert found.reached.all()
    assert len(toy.read) == 2


def test_copies_are_read_once():
    toy = Toy()
    found = lm_scores([TEXTS[0], TEXTS[1], TEXTS[0], TEXTS[0]], toy)
    assert len(toy.read) == 2
    assert found.lrr[0] == found.lrr[2] == found.lrr[3] != found.lrr[1]


def test_no_texts_are_no_error():
    found = lm_scores([], Toy())
    assert found.tokens.shape == found.log_rank.shape == (0,)
    assert (found.left, found.spent, found.reused) == (0, 0, 0)


@given(st.permutations(range(8)))
def test_scores_do_not_depend_on_the_order_of_texts(order):
    texts = [TEXTS[place] for place in order]
    straight, shuffled = lm_scores(TEXTS[:8], Toy()), lm_scores(texts, Toy())
    for name in STATISTICS:
        assert (getattr(shuffled, name) == getattr(straight, name)[list(order)]).all()


def test_columns_are_turned_so_that_higher_is_more_like_the_model():
    found = lm_scores(TEXTS, Toy())
    assert (found.column("log_rank") == -found.log_rank).all()
    assert (found.column("log_likelihood") == found.log_likelihood).all()
    with pytest.raises(DataError, match=r"no statistic 'rank'\. Choose one of log_likelihood, log_rank, lrr"):
        found.column("rank")


def test_progress_is_told_text_by_text():
    told = []
    lm_scores([*TEXTS[:4], TEXTS[0]], Toy(), listener=told.append)
    assert [(event.done, event.total, event.unit) for event in told] == [
        (n, 4, "texts") for n in (1, 2, 3, 4)
    ]


# --- budgets -----------------------------------------------------------------------------------------------------


@given(st.integers(0, 1_200))
def test_a_budget_is_never_exceeded_and_what_is_left_is_counted(budget):
    toy = Toy()
    found = lm_scores([SHORT, *TEXTS], toy, tokens=60, token_budget=budget)
    assert found.spent == sum(toy.read) <= budget
    assert len(toy.read) == min(budget // 60, len(TEXTS))
    assert found.left == len(TEXTS) - len(toy.read)
    assert found.reached.tolist() == [True] * (1 + len(toy.read)) + [False] * found.left
    assert np.isnan(found.log_likelihood[~found.reached]).all()


def test_a_budget_is_of_one_run_and_the_next_goes_on(tmp_path):
    journal = tmp_path / "lm.jsonl"
    left = []
    for _ in range(4):
        found = lm_scores(TEXTS, Toy(), tokens=60, token_budget=240, journal=journal)
        left.append(found.left)
    assert left == [6, 2, 0, 0]
    assert same(found, lm_scores(TEXTS, Toy(), tokens=60))


# --- the journal -------------------------------------------------------------------------------------------------


def test_a_second_run_reads_nothing(tmp_path):
    journal = tmp_path / "deep" / "er" / "lm.jsonl"
    first = lm_scores([*TEXTS, SHORT], Toy(), journal=journal)
    toy = Toy()
    again = lm_scores([*TEXTS, SHORT, TEXTS[0]], toy, journal=journal)
    assert not toy.read
    assert (again.reused, again.spent, first.reused) == (11, 0, 0)
    for name in STATISTICS:
        assert np.array_equal(getattr(again, name)[:11], getattr(first, name), equal_nan=True)


@pytest.mark.parametrize(
    ("changed", "settings"),
    [({"fingerprint": "other"}, {}), ({"engine": "toy 2"}, {}), ({}, {"tokens": 99})],
)
def test_another_model_engine_or_length_is_read_anew(tmp_path, changed, settings):
    journal = tmp_path / "lm.jsonl"
    lm_scores(TEXTS, Toy(), journal=journal)
    toy = Toy(**changed)
    lm_scores(TEXTS, toy, journal=journal, **settings)
    assert len(toy.read) == len(TEXTS)
    before = journal.read_bytes()
    lm_scores(TEXTS, Toy(), journal=journal)  # what was there is still known
    assert journal.read_bytes() == before


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    journal = tmp_path_factory.mktemp("journal") / "lm.jsonl"
    return lm_scores(TEXTS, Toy(), journal=journal), journal.read_bytes()


@given(st.data())
def test_a_journal_torn_anywhere_costs_the_torn_text_alone(whole, tmp_path_factory, data):
    scores, content = whole
    cut = data.draw(st.integers(0, len(content)))
    torn = tmp_path_factory.getbasetemp() / "torn.jsonl"
    torn.write_bytes(content[:cut])
    toy = Toy()
    assert same(lm_scores(TEXTS, toy, journal=torn), scores)
    # A line that lacks nothing but its line break is whole.
    missing = len(TEXTS) - content[:cut].count(b"\n")
    assert len(toy.read) in {missing, missing - 1}
    toy = Toy()
    assert same(lm_scores(TEXTS, toy, journal=torn), scores)
    assert not toy.read


@pytest.mark.parametrize(
    "line",
    [b"garbage", b"{}", b"[]", b'["k", 1, 2]', b'["k", 1, 2, 3, 4, 5, "six"]', b"null", b"\xff\xfe", b"3"],
)
def test_lines_of_no_meaning_are_passed_over(whole, tmp_path, line):
    scores, content = whole
    journal = tmp_path / "lm.jsonl"
    journal.write_bytes(line + b"\n" + content)
    toy = Toy()
    assert same(lm_scores(TEXTS, toy, journal=journal), scores)
    assert not toy.read


KILLED = """
import sys
sys.path[:0] = {paths!r}
from pathlib import Path
from test_lm import TEXTS, Toy
from wellkeeper.origin.lm import lm_scores
lm_scores(TEXTS, Toy(pause=0.2, batch=1), journal=Path({journal!r}))
"""


def test_a_killed_run_loses_the_text_under_way_alone(tmp_path):
    journal = tmp_path / "lm.jsonl"
    here = Path(__file__).parent
    code = KILLED.format(paths=[str(here), str(here.parent / "engine")], journal=str(journal))
    run = subprocess.Popen([sys.executable, "-c", code], env={**os.environ, "PYTHONWARNINGS": "ignore"})
    try:
        until = time.monotonic() + 60
        while time.monotonic() < until and run.poll() is None:
            if journal.exists() and journal.read_bytes().count(b"\n") >= 2:
                break
            time.sleep(0.01)
    finally:
        run.send_signal(signal.SIGKILL)
        run.wait()
    assert run.returncode == -signal.SIGKILL
    known = journal.read_bytes().count(b"\n")
    assert 2 <= known < len(TEXTS)
    toy = Toy(batch=1)
    found = lm_scores(TEXTS, toy, journal=journal)
    assert len(toy.read) == len(TEXTS) - known
    assert same(found, lm_scores(TEXTS, Toy(batch=1)))


def test_a_failing_model_leaves_what_it_had_read(tmp_path):
    class Failing(Toy):
        def logits(self, texts):
            if len(self.read) == 4:
                raise WorkError("gone")
            return super().logits(texts)

    journal = tmp_path / "lm.jsonl"
    with pytest.raises(WorkError):
        lm_scores(TEXTS, Failing(batch=1), journal=journal)
    assert journal.read_bytes().count(b"\n") == 4


def test_a_journal_that_cannot_be_used_is_named(tmp_path):
    with pytest.raises(
        WorkError, match=r"journal .* cannot be used \(Is a directory\)\. Choose another file"
    ):
        lm_scores(TEXTS, Toy(), journal=tmp_path)
    (tmp_path / "file").write_text("x")
    with pytest.raises(WorkError, match="cannot be used"):
        lm_scores(TEXTS, Toy(), journal=tmp_path / "file" / "lm.jsonl")


@pytest.mark.parametrize(
    ("settings", "says"),
    [
        ({"tokens": 513}, r"tokens is 513 and the model reads 512 of a text\. Pass tokens=512 or fewer"),
        ({"tokens": FEWEST}, rf"tokens is {FEWEST}, and no text .*Pass tokens={FEWEST + 1} or more"),
        ({"token_budget": -1}, r"token_budget is -1\. Pass a number of tokens, or None"),
    ],
)
def test_settings_that_make_no_sense_are_refused(settings, says):
    with pytest.raises(DataError, match=says):
        lm_scores(TEXTS, Toy(), **settings)


def test_a_path_without_a_model_is_told(tmp_path):
    pytest.importorskip("gguf", reason="the extra lm is not installed")
    with pytest.raises(InputError, match=r"none\.gguf does not exist"):
        load_lm(str(tmp_path / "none.gguf"))


# --- a real model ------------------------------------------------------------------------------------------------

PEOPLE = """
My aunt kept bees behind the tram depot, three hives painted the colour of old teeth, and swore at them in Polish. They
stung the inspector twice, and he never wrote us up again.

Bought the bike off a bloke in Hull. Chain's knackered, saddle's worse, but she goes, and was twenty quid. Wife reckons
I'll be under a lorry by Whitsun, mind.
""".strip().split("\n\n")


@needs_lm
def test_a_real_model_finds_its_own_writing_likelier_than_that_of_people(tmp_path):
    """Written greedily by the very model: the plainest case there is."""
    from wellkeeper.engine.language_models import LocalModel

    writer = LocalModel(smollm2(), context=256, threads=1)
    starts = ("The history of the town began", "In recent years, many people have")
    made = [start + writer.complete(start, tokens=44, temperature=0) for start in starts]
    writer.close()
    model = load_lm(smollm2(), threads=1)
    journal = tmp_path / "lm.jsonl"
    found = lm_scores([*PEOPLE, *made], model, tokens=48, token_budget=48 * 4, journal=journal)
    assert found.left == 0
    for name in STATISTICS:
        values = found.column(name)
        assert values[2:].min() > values[:2].max(), name
    assert (found.log_likelihood < 0).all()
    assert (found.fast_detect_gpt[2:] > 2).all()  # beyond what the model itself would sample
    again = lm_scores([*PEOPLE, *made], model, tokens=48, journal=journal)
    assert (again.spent, again.reused) == (0, 4)
    assert same(found, again)
    assert math.isfinite(found.lrr.sum())
    model.close()


@needs_lm
def test_the_python_of_the_guide_runs(tmp_path, monkeypatch):
    page = (Path(__file__).parents[2] / "docs" / "lm.md").read_text()
    (block,) = re.findall(r"^```python\n(.*?)^```$", page, re.MULTILINE | re.DOTALL)
    monkeypatch.chdir(tmp_path)
    (tmp_path / "model.gguf").symlink_to(smollm2())
    names = {}
    exec(compile(block, "docs/lm.md", "exec"), names)
    scores = names["scores"]
    assert np.isnan(scores.fast_detect_gpt).tolist() == [False, True]
    assert scores.left == 0
    names["model"].close()
    for name in STATISTICS:
        assert f"| `{name}` |" in page
