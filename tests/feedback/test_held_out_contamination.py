"""Held-out items inside of what is trained on."""

from dataclasses import replace

import pytest
from toy_student import Share, materials, plan

from wellkeeper.core.generated import Generated
from wellkeeper.errors import InputError
from wellkeeper.feedback.contamination import WORDS, Search
from wellkeeper.feedback.evaluation import HeldOut
from wellkeeper.feedback.rounds import run_line
from wellkeeper.feedback.student import Example
from wellkeeper.suites.suite import Suite, SuiteItem

LONG = "A train leaves the old station of Brno at seven and meets a slow cart after nineteen miles of rain"
SUITE = Suite(
    name="held",
    scorer={"kind": "exact"},
    items=(
        SuiteItem(name="train", prompt=LONG, references=("yes",)),
        *(SuiteItem(name=f"short-{at}", prompt=f"{at} + {at} = ?", references=("yes",)) for at in range(20)),
    ),
)


def text(prompt, answer="yes"):
    return Generated(id=prompt + answer, text=answer, prompt=prompt)


@pytest.fixture(scope="module")
def search():
    return Search.of(SUITE)


def test_thirteen_words_of_a_held_out_prompt_are_found_in_prompts_and_in_answers(search):
    words = LONG.split()
    few, enough = " ".join(words[3 : 2 + WORDS]), " ".join(words[3 : 3 + WORDS])
    texts = [text(few), text(enough), text("Tell me a story.", f"Once: {enough.upper()}!"), text("3 + 3 = ?")]
    assert search.found_in(texts) == {1: "train", 2: "train"}


def test_the_condition_says_how_many_items_could_not_be_looked_for(search):
    found = search.condition(dropped=0, of=5)
    assert found.passed == "pass"
    assert found.said == (
        "No prompt is a held-out one, and no held-out item is in 5 accepted answers. 20 of 21 held-out items are too "
        "short to be looked for inside of texts."
    )
    assert search.condition(dropped=5, of=5).passed == "fail"
    assert search.condition(dropped=0, of=0).passed == "pass"


def test_an_instruction_that_all_items_share_is_no_sign():
    shared = "Read the question with care, think step by step, and then write the number alone on one line: "
    items = tuple(SuiteItem(name=f"{at}", prompt=f"{shared}{at}", references=("yes",)) for at in range(30))
    assert Search.of(Suite(name="held", items=items)).found_in([text(f"{shared} 77")]) == {}


def test_a_round_takes_such_texts_out_and_says_why(tmp_path):
    given = materials(module=Share(start=1.0), prompts=30)
    leaky = SuiteItem(name="leaky", prompt=f"{LONG} today", references=("yes",), slices={"rare": "false"})
    given = replace(
        given,
        prompts=replace(given.prompts, items=(*given.prompts.items, leaky)),
        held_out=HeldOut.of(SUITE, rare="rare"),
    )
    records = run_line(plan(rounds=1), given, 1, tmp_path)
    (condition,) = [row for row in records[1]["gate"]["conditions"] if row["condition"] == "contamination"]
    assert condition["figures"] == {"dropped": 1, "of": 31, "searched": 1, "items": 21}
    assert (records[1]["generated"]["accepted"], records[1]["generated"]["taken"]) == (31, 30)
    assert "shares words with the held-out item train" in (tmp_path / "round-01/rejected.jsonl").read_text()


def test_too_few_held_out_items_are_told_before_anything_is_trained():
    with pytest.raises(
        InputError, match="There are 9 held-out items, too few to tell whether a round does harm"
    ):
        materials(held_out=9).check(plan())


def test_a_human_example_that_is_a_held_out_item_is_refused():
    given = replace(materials(), human=(Example(prompt="HELD  3?", answer="yes"),))
    with pytest.raises(InputError, match="A human example asks what the held-out item held-3 asks"):
        given.check(plan())
