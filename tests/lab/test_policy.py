"""The language of policies: what is said is what is read, and what a training set is made of follows from it."""

import math

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from wellkeeper.errors import RecipeError
from wellkeeper.lab.policy import Decoding, Detector, Policy, Surprising, Verifier

share = st.floats(0, 1)
some = st.floats(1e-9, 1)
decodings = st.builds(
    Decoding,
    temperature=st.floats(0, 100),
    top_k=st.none() | st.integers(1, 1_000),
    top_p=st.none() | some,
    beams=st.integers(1, 9),
    repetition_penalty=st.floats(1, 100),
)
verifiers = st.builds(Verifier, right=some, wrong=share)
detectors = st.builds(
    Detector,
    auroc=st.floats(0.5, 1),
    power=st.floats(0, 100),
    upsample=st.floats(0.1, 3),
    repeats=st.integers(3, 9),
)
human = st.one_of(
    st.just({}),
    st.tuples(share, share)
    .filter(lambda pair: sum(pair) <= 1)
    .map(lambda pair: {"fixed": pair[0], "fresh": pair[1]}),
    st.fixed_dictionaries({"augment": st.floats(1e-6, 1_000)}),
    st.fixed_dictionaries({"schedule": st.lists(share, min_size=1, max_size=4).map(tuple)}),
)


def weighed(keep: str) -> st.SearchStrategy[dict[str, object]]:
    """No weights, a detector's or a model's surprise; of how much is drawn, a policy that subsamples says itself."""
    said = st.none() if keep == "sample" else st.none() | some
    surprising = st.builds(
        Surprising, power=st.floats(-100, 100) | st.sampled_from([math.inf, -math.inf]), share=said
    )
    found = [st.just({}), surprising.map(lambda value: {"surprising": value})]
    if keep != "sample":
        found.append(detectors.map(lambda value: {"detector": value}))
    return st.one_of(found)


@st.composite
def policies(draw) -> Policy:
    found = draw(human)
    keeps = (
        ["last"] if {"fixed", "augment"} & set(found) and (found.get("fixed") or "augment" in found) else None
    )
    keep = draw(st.sampled_from(keeps or ["last", "all", "sample"]))
    return Policy(
        keep=keep,
        growth=draw(st.floats(0.01, 10)),
        verifier=draw(st.none() | verifiers),
        **draw(weighed(keep)),
        decoding=draw(decodings),
        **found,
    )


@given(policies())
def test_a_policy_is_read_back_from_what_it_says(policy: Policy) -> None:
    assert Policy.parse(str(policy)) == policy


@pytest.mark.parametrize(
    "line",
    [
        "replace",
        "accumulate",
        "subsample",
        "fixed=0.1",
        "accumulate,fresh=0.1",
        "fixed=0.1,fresh=0.2",
        "augment=0.5",
        "schedule=0.1:0.3:1",
        "replace,growth=2",
        "replace,verify=0.9/0.2",
        "replace,detect=0.9/10/1.5/3",
        "subsample,surprise=inf",
        "replace,surprise=-2.5/0.25",
        "fresh=0.1,temperature=0.8,top-k=50,top-p=0.95,beams=5,repetition-penalty=3",
    ],
)
def test_what_one_would_write_is_said_as_written(line: str) -> None:
    assert str(Policy.parse(line)) == line


def test_spaces_and_order_say_nothing_and_defaults_are_left_out() -> None:
    assert Policy.parse(" temperature=0.8 , fresh=0.10,growth=1") == Policy.parse("fresh=0.1,temperature=0.8")
    assert Policy.parse("") == Policy.parse("replace") == Policy()
    assert Policy.parse("detect=0.9") == Policy.parse("detect=0.9/10/1.5/3")


@given(policies(), st.integers(1, 8))
def test_a_training_set_is_as_large_as_growth_says_unless_its_core_is_larger(
    policy: Policy, number: int
) -> None:
    parts = policy.parts(number)
    size = policy.growth**number
    assert min(parts.core, parts.fresh, parts.made) >= 0
    whole = parts.core + parts.fresh + parts.made
    if policy.augment:
        assert whole == pytest.approx(1 + policy.augment * size)
    elif parts.core + parts.fresh <= size:
        assert whole == pytest.approx(size)
    else:
        assert parts.made == 0


@given(policies(), st.integers(1, 4), st.integers(1, 10_000))
def test_whole_items_miss_the_whole_by_less_than_one(policy: Policy, number: int, size: int) -> None:
    parts = policy.parts(number)
    assume(parts.core + parts.fresh + parts.made < 1e9)
    core, fresh, made = parts.items(size)
    assert abs(core - parts.core * size) <= 0.5
    assert abs(fresh - parts.fresh * size) <= 1
    assert min(core, fresh, made) >= 0
    assert made == 0 or parts.made > 0
    assert core + fresh + made == round((parts.core + parts.fresh + parts.made) * size)


def test_sets_that_grow_without_bound_are_refused() -> None:
    policy = Policy.parse("growth=2")
    assert policy.parts(29).made == 2**29
    for number in (30, 10_000):
        with pytest.raises(
            RecipeError,
            match=rf"With growth=2 training set {number} is more than a billion times the first one\. Choose a",
        ):
            policy.parts(number)
    assert Policy.parse("fixed=0.5,growth=0.01").parts(10_000).core == 0.5


def test_a_schedule_says_the_synthetic_share_and_its_last_word_holds_for_ever() -> None:
    policy = Policy.parse("schedule=0.1:0.4")
    assert [policy.parts(number).items(100) for number in (1, 2, 3, 9)] == [
        (0, 90, 10), (0, 60, 40), (0, 60, 40), (0, 60, 40),
    ]  # fmt: skip


def test_a_core_stays_as_large_as_it_was_where_sets_grow() -> None:
    assert [Policy.parse("fixed=0.1,growth=2").parts(number).items(100) for number in (1, 2)] == [
        (10, 0, 190),
        (10, 0, 390),
    ]


@pytest.mark.parametrize(
    ("line", "says"),
    [
        ("repalce", r"A policy has no 'repalce'\. Did you mean replace\? Its words are replace, accumulate,"),
        ("replace=1", r"A policy has no 'replace=1'\."),
        ("fresh", r"A policy has no 'fresh'\."),
        ("fresh=much", r"'fresh=much' has a value that cannot be read\. Give numbers, such as fresh=0\.1"),
        ("verify=1", r"'verify=1' has a value that cannot be read"),
        ("detect=1/2/3/4/5", r"'detect=1/2/3/4/5' has a value that cannot be read"),
        ("fresh=1.5", r"fresh is 1\.5\. Give a number from 0 to 1\."),
        ("fixed=nan", r"fixed is nan\. Give a number from 0 to 1\."),
        ("growth=0", r"growth is 0\. Give a number above 0, up to 100\."),
        ("schedule=0.1:2", r"schedule is 2\. Give a number from 0 to 1\."),
        ("fixed=0.6,fresh=0.6", r"fixed=0\.6 and fresh=0\.6 are more than the whole\. Lower one of them\."),
        ("accumulate,fixed=0.1", r"has the first set already, and so no fixed\. Leave one of the two out\."),
        ("subsample,augment=1", r"has the first set already, and so no augment\. Leave one of the two out\."),
        ("fresh=0.1,schedule=0.5", r"fresh and schedule contradict each other\. Leave one of them out\."),
        ("subsample,detect=0.9", r"subsample and detect both redraw the data\. Leave one of them out\."),
        (
            "replace,accumulate",
            r"A policy has replace and accumulate, and can have one\. Leave one of them out\.",
        ),
        ("fresh=0.1,fresh=0.2", r"A policy has fresh=0\.1 and fresh=0\.2, and can have one\. Leave one"),
        ("verify=0/0", r"verify=0/0 keeps nothing\. Give it a chance above 0"),
        ("verify=2/0", r"verify is 2\. Give a number from 0 to 1\."),
        ("detect=0.4", r"detect is 0\.4\. Give a number from 0\.5 to 1\."),
        ("surprise=1/0.5/3", r"'surprise=1/0\.5/3' has a value that cannot be read"),
        ("surprise=nan", r"surprise is nan\. Give a number from -inf to inf\."),
        ("surprise=1/0", r"the share of surprise is 0\. Give a number above 0, up to 1\."),
        ("detect=0.9,surprise=1", r"detect and surprise both redraw the data\. Leave one of them out\."),
        (
            "subsample,surprise=1/0.5",
            r"subsample says how much is drawn, and so does surprise=1/0\.5\. Leave the share out\.",
        ),
        ("detect=0.9/10/5/3", r"draws 5 times its data, and each item at most 3 times\. Allow more repeats"),
        ("temperature=-1", r"temperature is -1\. Give a number from 0 to 100\."),
        ("top-k=0", r"top-k is 0\. Give at least 1\."),
        ("top-p=0", r"top-p is 0\. Give a number above 0, up to 1\."),
        ("beams=0", r"beams is 0\. Give at least 1\."),
        ("repetition-penalty=0.5", r"repetition-penalty is 0\.5\. Give a number from 1 to 100\."),
    ],
)
def test_errors_say_what_was_found_and_what_to_do(line: str, says: str) -> None:
    with pytest.raises(RecipeError, match=says):
        Policy.parse(line)
