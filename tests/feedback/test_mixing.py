"""What a round trains on: the human core is always whole, and the cap on synthetic text holds."""

from hypothesis import given
from hypothesis import strategies as st

from wellkeeper.core.generated import Generated
from wellkeeper.feedback.mixing import MOST_REPEATS, mixed
from wellkeeper.feedback.student import Example


def human(many):
    return tuple(Example(prompt=f"{at}?", answer="yes") for at in range(many))


def accepted(many):
    return [Generated(id=str(at), text=f"text {at}", prompt=f"{at}!") for at in range(many)]


@given(core=st.integers(0, 30), texts=st.integers(0, 200), share=st.floats(0.05, 1), seed=st.integers(0, 9))
def test_the_cap_holds_and_every_human_example_is_there_equally_often(core, texts, share, seed):
    mix = mixed(human(core), accepted(texts), share=share, seed=seed)
    people = [example for example in mix.examples if example.answer == "yes"]
    assert mix.share <= share + 1e-9
    assert len(people) == core * mix.repeats
    assert {people.count(example) for example in human(core)} <= {mix.repeats}
    assert mix.synthetic + mix.left_out == texts
    assert mix.repeats <= MOST_REPEATS


@given(core=st.integers(1, 30), texts=st.integers(1, 200), share=st.floats(0.05, 0.95))
def test_no_text_is_left_out_while_human_examples_may_be_repeated(core, texts, share):
    mix = mixed(human(core), accepted(texts), share=share, seed=0)
    assert not mix.left_out or mix.repeats == MOST_REPEATS


@given(core=st.integers(1, 30), texts=st.integers(1, 200), share=st.floats(0.05, 0.95))
def test_human_examples_are_repeated_no_more_often_than_the_cap_asks_for(core, texts, share):
    mix = mixed(human(core), accepted(texts), share=share, seed=0)
    if mix.repeats > 1:
        fewer = core * (mix.repeats - 1)
        assert texts / (texts + fewer) > share - 1e-9


def test_what_is_left_out_hangs_on_the_seed_alone():
    one, same, other = (mixed(human(1), accepted(100), share=0.5, seed=seed).examples for seed in (1, 1, 2))
    assert one == same
    assert one != other
    assert len(one) == 2 * MOST_REPEATS


def test_without_a_human_core_a_share_below_one_takes_nothing():
    assert mixed((), accepted(5), share=0.9, seed=0).examples == ()
    assert len(mixed((), accepted(5), share=1, seed=0).examples) == 5
