"""Queues about two runs: one pair an item, nobody told which is whose, and no lot that looks at answers or scores."""

from dataclasses import replace
from pathlib import Path

import pytest

from wellkeeper.core.answers import Output
from wellkeeper.errors import InputError
from wellkeeper.recipe.queue_compare import compare_pool
from wellkeeper.suites.run import Answered, Run
from wellkeeper.suites.run_files import read_run, write_run

RUNS = Path(__file__).parents[2] / "examples" / "runs"


def answered(name, *texts, scores=(), prompt="What?", finish="stop"):
    outputs = tuple(Output(text=text, finish=finish) for text in texts)
    return Answered(name=name, prompt=prompt, outputs=outputs, scores=scores)


def pool(tmp_path, before, after, seed=0):
    for name, some in (("old", before), ("new", after)):
        write_run(Run(name=name, model=name, suite="s", items=tuple(some)), tmp_path / name)
    return compare_pool(tmp_path / "old", tmp_path / "new", seed=seed)


def items(pooled):
    return {item.id: item for item in pooled.items(range(len(pooled.ids)))}


def test_the_example_s_runs_are_paired_by_item_and_each_text_is_an_answer_of_its_run():
    pooled = compare_pool(RUNS / "march", RUNS / "april", seed=0)
    runs = {"A": read_run(RUNS / "march"), "B": read_run(RUNS / "april")}
    assert len(pooled.ids) == 119
    for name, item in items(pooled).items():
        sides = "AB" if item.facts["first"] == "A" else "BA"
        for text, side in zip(item.texts, sides, strict=True):
            drawn = runs[side].item(name).outputs[int(item.facts[f"answer of {side}"])]
            assert text == drawn.text
        assert item.facts["item"] == name
        assert (item.facts["run_a"], item.facts["run_b"]) == ("march", "april")
        assert item.hidden.facts["first"] == {"A": "march", "B": "april"}[sides[0]]
        # the page shows the first three after an answer
        assert set(list(item.hidden.facts)[:3]) >= {"first", "second"}


def test_which_answer_is_first_is_a_fair_lot_that_a_seed_fixes():
    sides = [
        [
            item.facts["first"]
            for item in items(compare_pool(RUNS / "march", RUNS / "april", seed=seed)).values()
        ]
        for seed in (0, 0, 1)
    ]
    assert sides[0] == sides[1] != sides[2]
    assert 40 <= sides[0].count("A") <= 79  # of 119; a fair lot is outside once in 6,000


def test_which_of_several_answers_is_shown_is_a_lot_too(tmp_path):
    many = [answered(f"i{k}", "one", "two", "three") for k in range(90)]
    other = [answered(f"i{k}", "four") for k in range(90)]
    drawn = [item.facts["answer of A"] for item in items(pool(tmp_path, many, other)).values()]
    assert min(drawn.count(at) for at in "012") > 15


def test_equal_answers_are_ties_that_are_counted_and_not_asked(tmp_path):
    before = [
        answered("same", "The  answer."),
        answered("other", "Yes"),
        answered("lost", "x", finish="error"),
    ]
    after = [
        answered("same", "the answer."),
        answered("other", "No"),
        answered("lost", "y"),
        answered("new", "z"),
    ]
    pooled = pool(tmp_path, before, after)
    assert pooled.ids == ["other"]
    assert pooled.about["ties"] == "1"
    assert pooled.note == (
        "1 pair of different answers to the same prompt. Ties that nobody is asked about, since both answers are the same "
        "text: 1."
    )
    assert pooled.said == (
        "Left out, since an answer did not come: 1.",
        "Left out, since one run alone has them: 1.",
    )


@pytest.mark.parametrize(
    ("before", "after", "chance", "worth"),
    [
        (None, 1.0, 0.5, 1.0),
        (0.0, 1.0, 0.9, 1.0),
        (1.0, 0.0, 0.1, 1.0),
        (1.0, 1.0, 0.5, 0.5),
        (0.5, 1.0, 0.7, 0.75),
    ],
)
def test_scores_make_the_chance_that_the_second_is_better_and_what_a_label_is_worth(
    tmp_path, before, after, chance, worth
):
    pooled = pool(
        tmp_path,
        [answered("i", "aaaaaaaa", scores=(before,))],
        [answered("i", "zzzzzzzz", scores=(after,))],
    )
    (item,) = pooled.items([0])
    assert item.score == pytest.approx(chance)
    assert item.value == pytest.approx(worth)  # the answers share no four letters


def test_answers_that_are_nearly_the_same_are_worth_less(tmp_path):
    before = [answered("alike", "The sea is blue and wide."), answered("unlike", "The sea is blue and wide.")]
    after = [answered("alike", "The sea is blue and wild."), answered("unlike", "Ask somebody who knows.")]
    found = items(pool(tmp_path, before, after))
    assert found["alike"].value < found["unlike"].value / 2


def test_a_prompt_of_messages_is_shown_by_turns(tmp_path):
    turns = [{"role": "user", "content": "Hello"}, {"role": "assistant", "content": "Yes?"}]
    pooled = pool(tmp_path, [answered("i", "a", prompt=turns)], [answered("i", "b")])
    (item,) = pooled.items([0])
    assert item.prompt == "user: Hello\n\nassistant: Yes?"


def test_runs_that_share_no_pair_are_refused(tmp_path):
    with pytest.raises(
        InputError, match="no pair of different answers to the same item: 1 are the same and 0 failed"
    ):
        pool(tmp_path, [answered("i", "a")], [answered("i", "a")])
    one = replace(read_run(tmp_path / "old"), name="third")
    write_run(one, tmp_path / "third")
    (tmp_path / "nothing").mkdir()
    with pytest.raises(InputError, match="holds no run"):
        compare_pool(tmp_path / "third", tmp_path / "nothing", seed=0)
