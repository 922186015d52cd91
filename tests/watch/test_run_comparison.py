"""Two versions on the same items: what is compared, what is refused, and whether verdicts are those of the tests below."""

import json
from dataclasses import replace

import numpy as np
import pytest
from hand_made_runs import WORDS, answered, random_run, run
from hypothesis import given, settings
from hypothesis import strategies as st

from wellkeeper.core.answers import Output
from wellkeeper.errors import DataError, InputError
from wellkeeper.measure.incidence import incidence_of
from wellkeeper.measure.paired_answers import accuracy_change, degenerate_change
from wellkeeper.measure.verdicts import gate, holm
from wellkeeper.recipe.compare_runs import words_of_answers
from wellkeeper.suites.run import Run
from wellkeeper.watch.comparison import compare_runs, degenerate_kind

FIRST = random_run("v1", 1)
LIKE = random_run("v2", 2)
BLAND = random_run("v2", 3, kinds=2)
WRONG = random_run("v2", 4, solved=0.45)
BROKEN = random_run("v2", 5, degenerate=0.3)
SHORT = random_run("v2", 1, words=5)  # the beginnings of what v1 answers


def test_like_versions_are_not_called_worse_and_every_metric_is_there() -> None:
    found = compare_runs(FIRST, LIKE)
    assert found.verdict != "worse"
    assert [metric.name for metric in found.metrics] == ["accuracy", "diversity", "degenerate"]
    assert found.items == 60
    assert found.first.answers == found.second.answers == 240
    assert list(found.not_measured) == ["tail"]


@pytest.mark.parametrize(
    ("second", "metric"), [(BLAND, "diversity"), (WRONG, "accuracy"), (BROKEN, "degenerate")]
)
def test_a_version_that_is_worse_in_one_way_is_found_by_that_metric(second, metric) -> None:
    found = compare_runs(FIRST, second)
    assert found.verdict == "worse"
    assert found.metric(metric).verdict == "worse"
    # empty answers are unlike others, hence broken answers do not look blander
    assert [one.name for one in found.metrics if one.verdict == "worse"] == [metric]


def test_accuracy_is_that_of_the_test_below_on_means_of_items() -> None:
    found = compare_runs(FIRST, WRONG, margin=0.1).metric("accuracy").change
    before, after = (np.array([item.score for item in side.items]) for side in (FIRST, WRONG))
    assert found == accuracy_change(before, after, margin=0.1)


def test_one_right_or_wrong_answer_an_item_is_tested_by_mcnemar() -> None:
    single = [
        replace(
            side,
            items=tuple(
                replace(item, outputs=item.outputs[:1], scores=item.scores[:1]) for item in side.items
            ),
        )
        for side in (FIRST, WRONG)
    ]
    found = compare_runs(*single)
    assert found.metric("accuracy").change.test == "McNemar mid-p"
    changes = [
        after.scores[0] - before.scores[0] for before, after in zip(*(s.items for s in single), strict=True)
    ]
    assert (found.lost, found.gained) == (changes.count(-1), changes.count(1))
    assert found.not_measured["diversity"].startswith("0 items have two answers of each run.")


def test_the_gate_is_holms_over_the_metrics() -> None:
    found = compare_runs(FIRST, BLAND)
    alone = np.array([metric.change.p for metric in found.metrics])
    np.testing.assert_allclose([metric.p for metric in found.metrics], holm(alone))
    judged = gate({metric.name: metric.change for metric in found.metrics})
    assert found.verdict == judged.verdict
    assert {metric.name: metric.verdict for metric in found.metrics} == dict(judged.metrics)


def test_diversity_counts_as_lost_or_kept_only_both_ways() -> None:
    found = compare_runs(FIRST, BLAND)
    change = found.metric("diversity").change
    views = [found.diversity[view] for view in ("as_written", "equal_length")]
    assert change.p == max(view.p for view in views)
    assert change.p_margin == max(view.p_margin for view in views)
    assert change.at_worst == min(view.at_worst for view in views)
    assert change.change == views[0].change
    assert found.diversity["unlike"].p <= 0.05


def test_a_version_that_writes_more_of_the_same_is_not_called_blander() -> None:
    found = compare_runs(SHORT, FIRST)
    assert found.first.words < found.second.words
    assert found.diversity["as_written"].p <= 0.05  # longer texts have more in common by chance
    assert found.diversity["equal_length"].change.estimate == 0.0
    assert found.metric("diversity").verdict != "worse"


def test_empty_answers_do_not_make_a_version_look_diverse() -> None:
    silent = replace(
        FIRST,
        name="silent",
        items=tuple(
            replace(item, outputs=tuple(Output(text="", finish="empty") for _ in item.outputs))
            for item in FIRST.items
        ),
    )
    found = compare_runs(FIRST, silent)
    assert found.diversity["as_written"].after == 0.0
    assert found.metric("degenerate").change.after == 1.0
    assert found.second.kinds == {"empty": 1.0, "length": 0.0, "refused": 0.0, "error": 0.0}


def test_degenerate_answers_are_counted_by_kind_and_tested_by_item() -> None:
    ends = ["stop", "length", "refused", "error"]
    items = [answered(f"i{n}", ["a b", "a", "no", ""], finishes=ends) for n in range(8)]
    fine = [answered(f"i{n}", ["a b", "a", "no", "b"]) for n in range(8)]
    found = compare_runs(run("A", fine), run("B", items))
    assert found.second.kinds == {"empty": 0.0, "length": 0.25, "refused": 0.25, "error": 0.25}
    assert found.metric("degenerate").change == degenerate_change(np.zeros(8), np.full(8, 0.75))


@pytest.mark.parametrize(
    ("output", "kind"),
    [
        (Output(text="yes", finish="stop"), None),
        (Output(text=" \n", finish="stop"), "empty"),
        (Output(text="I cannot", finish="refused"), "refused"),
        (Output(text="cut of", finish="length"), "length"),
    ],
)
def test_an_answer_of_blanks_alone_is_empty(output, kind) -> None:
    assert degenerate_kind(output) == kind


def test_items_without_a_known_score_are_left_out_and_never_wrong() -> None:
    unknown = replace(
        LIKE,
        items=tuple(
            replace(item, scores=(None,) * 4) if n < 10 else item for n, item in enumerate(LIKE.items)
        ),
    )
    metric = compare_runs(FIRST, unknown).metric("accuracy")
    assert (metric.left_out, metric.change.units) == (10, 50)
    unscored = replace(LIKE, items=tuple(replace(item, scores=()) for item in LIKE.items))
    assert compare_runs(FIRST, unscored).not_measured["accuracy"] == (
        "0 items have a known score in both runs. Give the suite a scorer that can tell at least 5 of them."
    )


def test_scores_of_two_kinds_are_not_compared() -> None:
    found = compare_runs(FIRST, replace(LIKE, metric="regex"))
    assert found.metric("accuracy") is None
    assert found.not_measured["accuracy"].endswith("Score both by the same, then compare again.")


def test_of_a_scored_run_beside_one_that_is_not_it_is_said_which_one_lacks_scores() -> None:
    bare = replace(LIKE, metric="", items=tuple(replace(item, scores=()) for item in LIKE.items))
    assert compare_runs(FIRST, bare).not_measured["accuracy"] == (
        "The second run is not scored, and the other one is by exact. Score both by the same, then compare again."
    )
    assert compare_runs(bare, FIRST).not_measured["accuracy"].startswith("The first run is not scored")


def test_at_temperature_0_there_is_no_diversity_to_compare() -> None:
    found = compare_runs(replace(FIRST, temperature=0.0), replace(LIKE, temperature=0.0))
    assert found.metric("diversity") is None
    assert "at temperature 0" in found.not_measured["diversity"]


def test_items_are_paired_by_name_and_what_one_run_alone_has_is_named() -> None:
    found = compare_runs(replace(FIRST, items=FIRST.items[5:]), replace(LIKE, items=LIKE.items[:50]))
    assert found.items == 45
    assert found.only_first == tuple(f"item {n:03}" for n in range(50, 60))
    assert found.only_second == tuple(f"item {n:03}" for n in range(5))


def test_an_item_with_more_answers_in_one_run_is_compared_by_as_many_as_the_other_has() -> None:
    def only(side: Run, answers: int) -> Run:
        items = (
            replace(item, outputs=item.outputs[:answers], scores=item.scores[:answers]) for item in side.items
        )
        return replace(side, items=tuple(items))

    found, cut = compare_runs(only(FIRST, 2), BLAND), compare_runs(only(FIRST, 2), only(BLAND, 2))
    assert (found.metrics, found.slices, found.second.answers) == (cut.metrics, cut.slices, 120)
    assert found.warnings == (
        "60 of 60 items have more answers in one run: the first of them were compared, as many as the other run has.",
    )


def test_fewer_than_5_items_in_common_are_refused() -> None:
    with pytest.raises(
        InputError, match=r"of which 4 have the same name\. Compare runs of one suite with at least 5"
    ):
        compare_runs(FIRST, replace(LIKE, items=LIKE.items[:4]))


def test_the_order_of_items_and_of_answers_decides_nothing() -> None:
    def turned(side):
        return replace(
            side,
            items=tuple(
                replace(item, outputs=item.outputs[::-1], scores=item.scores[::-1])
                for item in reversed(side.items)
            ),
        )

    one, other = compare_runs(FIRST, BLAND), compare_runs(turned(FIRST), turned(BLAND))
    for name in ("p", "p_margin"):
        assert [getattr(m, name) for m in one.metrics] == pytest.approx(
            [getattr(m, name) for m in other.metrics]
        )
    assert [example.item for example in one.examples] == [example.item for example in other.examples]


# --- the same run twice, and runs that differ in more than the version -----------------------------


def test_a_run_is_not_compared_with_itself_under_another_name() -> None:
    with pytest.raises(
        InputError, match=r"are the same answers.*with another --seed and compare with that\."
    ):
        compare_runs(FIRST, replace(FIRST, name="copy", notes=("read from a copy",)))


def test_sampled_answers_of_one_stream_of_random_numbers_are_refused_although_they_were_made_twice() -> None:
    stream = {"fingerprint": "f", "seed_name": "0", "temperature": 1.0}
    first, again = (
        replace(FIRST, **stream, created="2026-11-01"),
        replace(FIRST, **stream, created="2026-11-08"),
    )
    with pytest.raises(InputError, match="the same answers"):
        compare_runs(first, again)
    shorter = replace(
        again,
        items=tuple(replace(item, outputs=item.outputs[:2], scores=item.scores[:2]) for item in again.items),
    )
    with pytest.raises(InputError, match="the same answers"):
        compare_runs(first, shorter)


def test_greedy_answers_that_did_not_change_are_an_answer_and_no_error() -> None:
    greedy = {"fingerprint": "f", "seed_name": "0", "temperature": 0.0}
    first, again = (
        replace(FIRST, **greedy, created="2026-11-01"),
        replace(FIRST, **greedy, created="2026-11-08"),
    )
    found = compare_runs(first, again)
    assert found.verdict == "not worse"
    assert "All answers are the same, letter by letter." in found.warnings


def test_a_provider_that_changed_the_model_behind_one_name_and_seed_is_compared() -> None:
    stream = {"fingerprint": "f", "seed_name": "0", "temperature": 1.0}
    assert compare_runs(replace(FIRST, **stream), replace(BLAND, **stream)).verdict == "worse"


def test_what_makes_it_no_comparison_of_like_with_like_is_said() -> None:
    other = replace(
        LIKE,
        suite_digest="b",
        temperature=0.5,
        items=(replace(LIKE.items[0], prompt="Other"), *LIKE.items[1:]),
    )
    warnings = compare_runs(replace(FIRST, suite_digest="a", temperature=1.0), other).warnings
    assert [one.split(":")[0] for one in warnings] == [
        "The suites differ",
        "1 of 60 items have another prompt in the second run",
        "The first run was sampled at temperature 1 and the second at 0.5",
    ]
    assert compare_runs(FIRST, LIKE).warnings == ()


def test_answers_without_spread_at_equal_length_do_not_pass_for_items_enough() -> None:
    silent = run("A", [answered(f"i{n}", ["", ""]) for n in range(30)])
    found = compare_runs(silent, run("B", [answered(f"i{n}", ["a bird", "the sea"]) for n in range(30)]))
    assert found.diversity["equal_length"].deviation == 0  # all are cut to no word
    assert found.metric("diversity").items_to_decide == 299  # .99^299 is the first power below .05


@pytest.mark.parametrize("margin", [0, 1, -0.1, float("nan")])
def test_a_margin_that_is_no_share_is_refused(margin) -> None:
    with pytest.raises(DataError, match=r"^margin is .* Give a share in .* such as 0\.05"):
        compare_runs(FIRST, LIKE, margin=margin)
    with pytest.raises(DataError, match=r"^diversity_margin is .* Give a share in .* such as 0\.01"):
        compare_runs(FIRST, LIKE, diversity_margin=margin)


def test_diversity_has_a_margin_of_its_own_in_the_gate_and_in_slices() -> None:
    found = compare_runs(FIRST, LIKE, margin=0.1, diversity_margin=0.02)
    margins = {"accuracy": 0.1, "diversity": 0.02, "degenerate": 0.1}
    assert {metric.name: metric.change.margin for metric in found.metrics} == margins
    assert {part.metric: part.change.margin for part in found.slices} == margins
    assert {view.margin for view in found.diversity.values()} == {0.02}
    document = found.to_json()
    assert (document["margin"], document["diversity_margin"]) == (0.1, 0.02)


def test_a_small_loss_of_diversity_near_1_is_worse_by_its_own_margin_and_would_pass_by_that_of_accuracy() -> (
    None
):
    rng = np.random.default_rng(2)

    def varied(name: str, repeated: float) -> Run:
        """Texts of random letters; some share their first half with another answer to the item."""
        items = []
        for number in range(120):
            texts = ["".join(rng.choice(list("abcdefghijklmnopqrstuvwxyz"), 60)) for _ in range(4)]
            if rng.random() < repeated:
                texts[1] = texts[0][:30] + texts[1][30:]
            items.append(answered(f"i{number}", texts))
        return run(name, items)

    first, second = varied("A", 0.0), varied("B", 0.5)
    narrow, wide = compare_runs(first, second), compare_runs(first, second, diversity_margin=0.05)
    assert -0.05 < narrow.metric("diversity").change.change.estimate < -0.01
    assert (narrow.verdict, wide.metric("diversity").verdict) == ("worse", "not worse")


# --- the tail, slices, examples --------------------------------------------------------------------


def human(documents: int = 200):
    rng = np.random.default_rng(3)
    masses = 1 / np.arange(1, WORDS.size + 1)
    texts = [" ".join(rng.choice(WORDS, 12, p=masses / masses.sum())) for _ in range(documents)]
    return words_of_answers(texts)


def zipf_run(name: str, seed: int, *, common: int) -> object:
    """Answers of the most common words alone."""
    rng = np.random.default_rng([11, seed])
    masses = 1 / np.arange(1, common + 1)
    items = [
        answered(
            f"i{n:02}", [" ".join(rng.choice(WORDS[:common], 12, p=masses / masses.sum())) for _ in range(4)]
        )
        for n in range(40)
    ]
    return run(name, items)


def test_a_version_without_rare_human_words_is_found_by_the_tail() -> None:
    found = compare_runs(
        zipf_run("A", 1, common=32), zipf_run("B", 2, common=16), cells=words_of_answers, reference=human()
    )
    tail = found.metric("tail")
    assert tail.verdict == "worse"
    assert tail.change is None
    assert {change.figure for change in tail.tail.changes if change.p <= 0.05} >= {"tail_recall", "distinct"}
    changed = [metric for metric in found.metrics if metric.tail or not metric.change.is_unchanged]
    assert [metric.name for metric in changed] == ["diversity", "tail"]  # no answer is degenerate
    assert (
        tail.p
        == holm(np.array([metric.change.p if metric.change else metric.tail.p for metric in changed]))[-1]
    )
    like = compare_runs(
        zipf_run("A", 1, common=32), zipf_run("B", 3, common=32), cells=words_of_answers, reference=human()
    )
    assert like.metric("tail").verdict != "worse"


def test_a_reference_without_an_item_says_why_the_tail_is_not_there() -> None:
    nothing = incidence_of(np.zeros(2, np.int64), np.zeros(0, np.uint64))
    found = compare_runs(FIRST, LIKE, cells=words_of_answers, reference=nothing)
    assert found.metric("tail") is None
    assert "Give a reference" in found.not_measured["tail"]


def test_slices_of_20_items_or_more_have_verdicts_and_smaller_ones_have_none() -> None:
    found = compare_runs(FIRST, BROKEN)
    assert {(part.field, part.value) for part in found.slices} == {("language", "de"), ("language", "en")}
    assert {part.metric for part in found.slices} == {"accuracy", "diversity", "degenerate"}
    worse = {(part.metric, part.value) for part in found.slices if part.verdict == "worse"}
    assert worse == {("degenerate", "de"), ("degenerate", "en")}
    german = next(part for part in found.slices if (part.metric, part.value) == ("accuracy", "de"))
    assert german.change.units == 40


def test_examples_are_the_items_that_changed_most_with_all_their_answers() -> None:
    found = compare_runs(FIRST, WRONG)
    lost = [example for example in found.examples if example.kind == "lost"]
    assert len(lost) == 5
    assert [example.change for example in lost] == sorted(example.change for example in lost)
    worst = lost[0]
    item = WRONG.item(worst.item)
    assert worst.after == tuple(output.text for output in item.outputs)
    assert worst.scores_after == item.scores
    assert worst.prompt == f"Say {worst.item}."
    assert {example.kind for example in found.examples} == {"lost", "gained", "collapsed"}


def test_how_many_items_would_decide_is_said_where_data_are_not_enough() -> None:
    few = [replace(side, items=side.items[:20]) for side in (FIRST, LIKE)]
    found = compare_runs(*few)
    assert found.verdict == "not enough data"
    for metric in found.metrics:
        if metric.verdict == "not enough data":
            assert metric.items_to_decide > 20
        else:
            assert metric.items_to_decide is None
    assert found.items_to_decide == max(metric.items_to_decide or 0 for metric in found.metrics)


def test_items_without_any_harm_need_as_many_as_make_harm_of_the_margin_unlikely() -> None:
    fine = [answered(f"i{n}", ["a b c d"], [1.0]) for n in range(20)]
    again = [answered(f"i{n}", ["a b c e"], [1.0]) for n in range(20)]
    found = compare_runs(run("A", fine), run("B", again))
    assert found.items_to_decide == 59  # .95^59 is the first power below .05
    many = [
        run(name, [answered(f"i{n}", [text], [1.0]) for n in range(59)])
        for name, text in (("A", "a b"), ("B", "a c"))
    ]
    assert compare_runs(*many).verdict == "not worse"


def test_the_document_is_plain_json() -> None:
    document = compare_runs(FIRST, BLAND, cells=words_of_answers, reference=human()).to_json()
    assert json.loads(json.dumps(document)).keys() == document.keys()


@settings(deadline=None, max_examples=25)
@given(st.integers(0, 10_000), st.integers(5, 12), st.integers(1, 3))
def test_a_version_beside_one_that_gave_the_same_answers_is_never_worse(seed, items, answers) -> None:
    one = random_run("A", seed, items=items, answers=answers)
    found = compare_runs(one, replace(one, name="B", created="later"))
    assert found.verdict != "worse"
    assert (found.lost, found.gained) == (0, 0)
    assert not any(example.change for example in found.examples)
