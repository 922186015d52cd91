"""The gate of a round, condition by condition."""

from wellkeeper.core.generated import Generated
from wellkeeper.feedback.conditions import (
    Covered,
    covered,
    share_condition,
    tail_condition,
    unverified_condition,
)
from wellkeeper.feedback.mixing import mixed
from wellkeeper.feedback.student import Example


def mix_of(rare, common, human=()):
    texts = [
        Generated(id=str(at), text="yes", prompt=f"{at}?", rare=at < rare) for at in range(rare + common)
    ]
    return mixed(human, texts, share=1, seed=0)


ASKED = Covered(asked=20, covered=5), Covered(asked=80, covered=60)


def test_a_training_set_that_has_half_of_the_tail_passes_and_one_with_less_does_not():
    at_half = tail_condition(*ASKED, mix_of(10, 90), kept=0.5)
    below = tail_condition(*ASKED, mix_of(9, 91), kept=0.5)
    assert (at_half.passed, below.passed) == ("pass", "fail")
    assert below.said == (
        "9.0% of the training set is of rare prompts, 20.0% of those asked: 0.45 times. 25% of rare prompts have an "
        "accepted answer, 75% of common ones."
    )
    assert below.next.startswith("Draw more samples for rare prompts (rare_samples)")


def test_human_examples_of_the_tail_make_up_for_what_verification_leaves_out():
    core = tuple(Example(prompt=f"h{at}", answer="yes", rare=True) for at in range(10))
    assert tail_condition(*ASKED, mix_of(1, 90), kept=0.5).passed == "fail"
    assert tail_condition(*ASKED, mix_of(1, 90, core), kept=0.5).passed == "pass"


def test_examples_that_do_not_say_whether_they_are_rare_leave_it_open():
    core = (Example(prompt="h", answer="yes"),)
    found = tail_condition(*ASKED, mix_of(10, 90, core), kept=0.5)
    assert (found.passed, found.said) == ("not enough data", "1 of 101 examples do not say if they are rare.")


def test_without_rare_prompts_there_is_no_such_condition():
    assert (
        tail_condition(Covered(asked=0, covered=0), Covered(asked=9, covered=9), mix_of(0, 9), kept=0.5)
        is None
    )


def test_a_tail_of_few_prompts_is_too_little_to_fail_on():
    few = tail_condition(Covered(asked=3, covered=0), Covered(asked=40, covered=30), mix_of(0, 30), kept=0.5)
    assert (few.passed, few.next) == ("not enough data", "Ask 10 of them a round at least.")


def test_an_empty_training_set_is_refused_and_a_full_one_says_its_share():
    assert share_condition(mixed((), [], share=0.5, seed=0), cap=0.5).passed == "fail"
    human = tuple(Example(prompt=f"{at}", answer="yes") for at in range(5))
    texts = [Generated(id=str(at), text="yes", prompt="?") for at in range(20)]
    found = share_condition(mixed(human, texts, share=0.5, seed=0), cap=0.5)
    assert (
        found.said == "20 accepted answers beside 5 human examples, each 4 times: 50% synthetic, at most 50%."
    )


def test_nothing_that_verifies_fails():
    assert unverified_condition().passed == "fail"


def test_prompts_are_counted_once():
    assert covered(["a", "b"], {"a", "c"}) == Covered(asked=2, covered=1)
