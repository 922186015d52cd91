"""`review status`: what a queue says of its readers and of the share, and what it asks for next."""

import io
import json

import numpy as np
import pytest
from click.testing import CliRunner
from rich.console import Console

from wellkeeper.cli.main import cli
from wellkeeper.errors import InputError
from wellkeeper.measure.prediction_powered import Sample, share_of
from wellkeeper.recipe.review_share import Looked, looked_at, settled_by, share_found, value_of
from wellkeeper.recipe.review_standing import standing_of
from wellkeeper.report.review_status import print_status, status_lines
from wellkeeper.review.item import Item, Placed, Pool, Settings, pool_of
from wellkeeper.review.question import QUESTIONS
from wellkeeper.review.queue import ReviewQueue

NOW = 1_795_000_000.0


def make(folder, placed, *, kind="origin", pool=None, **settings):
    path = folder / "set-review.sqlite"
    ReviewQueue.create(
        path,
        question=QUESTIONS[kind],
        placed=placed,
        pool=pool or pool_of([one.item.score for one in placed if not one.item.gold], note="All documents."),
        settings=Settings(**settings),
        about={"from": kind, "folder": "set", "seal": "", "made_at": "2026-11-22", "version": "0.1.0"},
        now=NOW,
    )
    return path


def placed_of(at, *, gold="", readers=1, rank="lot", score=None, kind="origin", **more):
    pair = kind in {"duplicates", "compare"}
    return Placed(
        item=Item(
            id=f"item-{at}",
            texts=(f"Text number {at}.", f"Text number {at}!")[: 2 if pair else 1],
            score=score,
            value=1.0,
            gold=gold,
            facts={"first": "AB"[at % 2]} if kind == "compare" else {},
        ),
        rank=None if gold else at if rank == "lot" else rank,
        readers=readers,
        **more,
    )


def read(path, reader, say, *, most=10_000, seconds=4.0):
    """A reader who says what `say` makes of an item's number, from the text."""
    with ReviewQueue(path) as queue:
        for _ in range(most):
            shown = queue.assign(reader, now=NOW)
            if shown is None:
                return
            number = int("".join(sign for sign in shown.texts[0] if sign.isdigit()))
            queue.answer(reader, shown.ticket, say(number), seconds=seconds, now=NOW)


def by_third(number):
    return "ai" if number % 3 == 0 else "human"


def seen_in(path):
    with ReviewQueue(path) as queue:
        outcomes = {one.number: one for one in queue.outcomes()}
        return [
            looked_at(placed, outcomes[number], queue.question, queue.pool)
            for number, placed in queue.items()
        ]


def drawn(text=None, *, width=100):
    out = io.StringIO()
    print_status(text, Console(file=out, force_terminal=True, width=width, color_system=None))
    return out.getvalue()


def test_a_queue_that_nobody_opened_says_what_is_missing(tmp_path):
    path = make(tmp_path, [placed_of(at) for at in range(5)])
    found = standing_of(path)
    assert found["schema"] == "wellkeeper.review-status/1"
    assert found["readers"] == []
    assert found["share"]["estimate"] is None
    assert found["share"]["why"] == "No item that was drawn by lot has a label that tells."
    assert found["agreement"]["why"] == "No item has labels of two readers."
    assert (found["more_labels"], found["settled"]) == (None, None)
    [finding] = found["findings"]
    assert (finding["title"], finding["next"]) == (
        "Nobody has answered yet",
        f"Open the queue: wellkeeper review serve {path}",
    )
    assert status_lines(found) == [
        "Who wrote this? 0 of 5 items settled by 0 answers.",
        "Share: not known yet (No item that was drawn by lot has a label that tells)",
        "Agreement: not known yet (No item has labels of two readers)",
        f"info: Nobody has answered yet. Next: Open the queue: wellkeeper review serve {path}",
    ]


def test_a_queue_of_gold_alone_makes_no_share(tmp_path):
    path = make(tmp_path, [placed_of(at, gold="human") for at in range(3)])
    read(path, "ada", lambda number: "human")
    found = standing_of(path, threshold=0.5)
    assert found["share"]["why"] == "No item that was drawn by lot has a label that tells."
    assert (found["more_labels"], found["settled"]["verdict"]) == (None, "open")
    assert found["readers"][0]["gold"]["right"] == 3


def test_a_queue_with_one_answer_says_so_in_words_and_names_no_figure_it_has_not(tmp_path):
    path = make(tmp_path, [placed_of(at) for at in range(5)])
    read(path, "ada", by_third, most=1)
    found = standing_of(path)
    lines = status_lines(found)
    assert lines[0] == "Who wrote this? 1 of 5 items settled by 1 answer."
    assert "ada: 1 answer, 4.0 s a look" in lines
    share = found["share"]
    assert (share["drawn"], share["labels"]) == (1, 1)
    # one of five is known to count, and nothing is known of the others but that chance drew them
    assert share["low"] <= share["estimate"] <= share["high"] == 1
    assert share["low"] >= 0.2


def test_when_an_item_was_seen_first_gives_its_place_among_those_drawn_by_lot(tmp_path):
    path = make(tmp_path, [placed_of(at, readers=2) for at in range(6)])
    read(path, "ada", by_third)
    before = settled_by([one for one in seen_in(path) if one.is_answered], pool_of([None] * 900), 0.1)
    read(path, "bob", by_third, most=1)  # the first item gets its second answer last
    after = settled_by([one for one in seen_in(path) if one.is_answered], pool_of([None] * 900), 0.1)
    assert [one.entry for one in seen_in(path)] == sorted(one.entry for one in seen_in(path))
    assert (before.p_above, before.p_below) == (after.p_above, after.p_below)


def test_the_share_is_that_of_the_sample_in_which_the_labels_stand(tmp_path):
    pool = Pool(items=1_000, scored=1_000, score_sum=300.0, score_squares=150.0, weight_note="All.")
    path = make(tmp_path, [placed_of(at, score=0.8 if at % 3 == 0 else 0.1) for at in range(60)], pool=pool)
    read(path, "ada", by_third, most=45)
    found = standing_of(path, width=0.02)["share"]
    labels = np.array([float(at % 3 == 0) for at in range(45)])
    expected = share_of(
        Sample(labels=labels, scores=np.where(labels == 1, 0.8, 0.1), of=1_000, score_sum=300.0)
    )
    assert (found["estimate"], found["low"], found["high"]) == pytest.approx(
        (expected.share.estimate, expected.share.low, expected.share.high)
    )
    assert (found["drawn"], found["known"], found["pool"], found["labels"]) == (45, 0, 1_000, 45)
    assert found["method"] == "people and scores (PPI++)"


def test_what_nobody_can_tell_is_counted_and_bounded(tmp_path):
    pool = Pool(items=500, scored=0, score_sum=0.0, score_squares=0.0)
    path = make(tmp_path, [placed_of(at) for at in range(40)], pool=pool)
    read(path, "ada", lambda at: "unsure" if at % 4 == 1 else by_third(at))
    found = standing_of(path)
    share = found["share"]
    assert share["missing"] == {"cannot_tell": 10, "open": 0}
    assert share["whatever_missing"]["low"] < share["low"] < share["high"] < share["whatever_missing"]["high"]
    assert found["readers"][0]["cannot_tell"] == 10
    [finding] = [one for one in found["findings"] if "no label that tells" in one["title"]]
    assert finding["title"] == "10 of 40 items drawn by lot have no label that tells"
    assert finding["next"] == "Have them looked at by somebody who can tell."


def test_a_reader_who_loses_the_thread_on_gold_is_named_with_what_to_do(tmp_path):
    items = [placed_of(at, gold=by_third(at)) for at in range(40)]
    path = make(tmp_path, [*items, placed_of(40)])
    read(path, "ada", by_third)
    read(path, "bob", lambda at: by_third(at) if at < 20 else {"ai": "human"}.get(by_third(at), "ai"))
    found = standing_of(path)
    rows = {row["reader"]: row for row in found["readers"]}
    assert (rows["ada"]["gold"]["verdict"], rows["bob"]["gold"]["verdict"]) == ("steady", "fallen")
    [finding] = [one for one in found["findings"] if one["severity"] == "warning"]
    assert finding["title"] == "bob has 20 of 40 gold items right, and got worse"
    assert finding["detail"].startswith("First half 100%, second half 0%.")
    assert "Go through the guidelines with bob" in finding["next"]
    assert any("20 of 40, fewer than before of gold right" in line for line in status_lines(found))


def test_cannot_tell_is_neither_right_nor_wrong_on_gold(tmp_path):
    path = make(tmp_path, [*(placed_of(at, gold="ai") for at in range(10)), placed_of(10)])
    read(path, "ada", lambda at: "unsure" if at < 4 else "ai")
    gold = standing_of(path)["readers"][0]["gold"]
    assert (gold["right"], gold["of"]) == (6, 6)


def test_gold_of_two_texts_is_right_whichever_is_to_stay(tmp_path):
    path = make(
        tmp_path,
        [
            *(placed_of(at, gold="same", kind="duplicates") for at in range(4)),
            placed_of(4, kind="duplicates"),
        ],
        kind="duplicates",
    )
    read(path, "ada", lambda at: "same-first" if at < 3 else "different")
    gold = standing_of(path)["readers"][0]["gold"]
    assert (gold["right"], gold["of"]) == (3, 4)


def test_repeats_tell_whether_a_reader_agrees_with_themselves(tmp_path):
    path = make(tmp_path, [placed_of(at, repeated=True) for at in range(12)], repeat_after=1)
    seen = set()

    def changes_mind(at):
        again = at in seen
        seen.add(at)
        return "human" if again else "ai"

    read(path, "ada", changes_mind)
    found = standing_of(path)
    again = found["readers"][0]["same_again"]
    assert (again["same"], again["of"]) == (0, 12)
    assert again["share"]["high"] < 0.3
    assert any(one["title"] == "ada answers 0 of 12 repeated items as before" for one in found["findings"])


def test_readers_who_differ_have_a_low_alpha_and_the_third_is_no_part_of_it(tmp_path):
    path = make(tmp_path, [placed_of(at, readers=2) for at in range(30)], third_reader=True)
    read(path, "ada", by_third)
    read(path, "bob", lambda at: "ai" if at % 2 else "human")
    before = standing_of(path)
    assert before["progress"]["conflicts_waiting"] == 15
    assert before["agreement"]["items"] == 30
    assert [row["readers"] for row in before["agreement"]["pairs"]] == [["ada", "bob"]]
    assert {one["title"] for one in before["findings"]} >= {"15 items wait for a third reader"}
    assert any(one["title"].startswith("Readers agree little: alpha is") for one in before["findings"])
    read(path, "eve", by_third)
    after = standing_of(path)
    assert after["agreement"] == before["agreement"]
    assert after["progress"]["conflicts_waiting"] == 0


def test_a_threshold_is_settled_by_labels_drawn_by_lot(tmp_path):
    pool = Pool(items=10_000, scored=0, score_sum=0.0, score_squares=0.0)
    path = make(tmp_path, [placed_of(at) for at in range(80)], pool=pool)
    read(path, "ada", lambda _: "human")
    found = standing_of(path, threshold=0.1)
    assert (found["settled"]["verdict"], found["settled"]["level"]) == ("below", 0.05)
    assert any(
        line.startswith("Beside 10.0%: settled: the share is below it") for line in status_lines(found)
    )


def test_a_queue_too_small_for_the_width_says_how_many_more_it_takes(tmp_path):
    pool = Pool(items=10_000, scored=0, score_sum=0.0, score_squares=0.0)
    path = make(tmp_path, [placed_of(at) for at in range(60)], pool=pool)
    read(path, "ada", by_third, most=50)
    found = standing_of(path, width=0.01)
    more = found["more_labels"]
    assert more["left"] == 10
    assert 4_000 < more["low"] <= more["labels"] <= more["high"] < 9_950
    [finding] = [one for one in found["findings"] if one["severity"] == "info"]
    assert finding["title"] == "The queue is too small for ±1 points"
    assert "the same seed" in finding["next"]


def test_answers_of_two_runs_count_for_the_second_whichever_was_shown_first(tmp_path):
    question = QUESTIONS["compare"]
    item = placed_of(0, kind="compare").item  # the first text is of run A
    other = placed_of(1, kind="compare").item
    values = [value_of(question, item, label) for label in ("first", "second", "equal", "both-bad", "unsure")]
    assert values == [0.0, 1.0, 0.5, 0.5, None]
    assert [value_of(question, other, label) for label in ("first", "second")] == [1.0, 0.0]
    path = make(tmp_path, [placed_of(at, kind="compare") for at in range(40)], kind="compare")
    read(path, "ada", lambda at: "second" if at % 2 == 0 else "first")  # always that of run B
    assert standing_of(path)["share"]["estimate"] == 1.0


def looked(at, *, worth, rank=None, value=None, score=0.5):
    return Looked(
        score=score,
        worth=worth,
        rank=rank,
        value=value,
        is_answered=value is not None,
        is_beyond_telling=False,
        entry=at,
    )


def test_the_part_above_the_last_value_read_is_known_and_the_lot_is_needed_for_the_rest():
    pool = Pool(items=1_000, scored=1_000, score_sum=500.0, score_squares=250.0)
    valued = [looked(at, worth=1 - at / 1_000, value=1.0) for at in range(100)]
    lot = [looked(200 + at, worth=0.95 if at < 5 else 0.2, rank=at, value=float(at % 2)) for at in range(60)]
    found = share_found([*valued, *lot], pool)
    # of equal or lower value than the last one read there may be others outside the queue
    assert found.known == 99 + 5
    assert found.drawn == 55
    assert found.left == 0
    expected = (99 + 2 + 896 * 28 / 55) / 1_000
    assert found.estimate.share.estimate == pytest.approx(expected)


def test_labels_that_are_left_are_those_that_the_share_still_needs():
    pool = Pool(items=1_000, scored=1_000, score_sum=500.0, score_squares=250.0)
    valued = [looked(at, worth=1 - at / 1_000, value=1.0) for at in range(100)]
    seen = [looked(200 + at, worth=0.2, rank=at, value=float(at % 2)) for at in range(30)]
    # the first three are of the part that is known, but for them
    ahead = [looked(300 + at, worth=0.95 if at < 3 else 0.2, rank=30 + at) for at in range(20)]
    found = share_found([*valued, *seen, *ahead], pool)
    assert (found.known, found.drawn, found.left) == (102, 30, 17)


def test_a_queue_read_in_patches_counts_its_lot_alone():
    pool = Pool(items=1_000, scored=1_000, score_sum=500.0, score_squares=250.0)
    patches = [looked(at, worth=1 - at / 1_000, value=None if at % 2 else 1.0) for at in range(100)]
    lot = [looked(200 + at, worth=0.2, rank=at, value=float(at % 2)) for at in range(60)]
    found = share_found([*patches[1:], *lot], pool)
    assert (found.known, found.drawn) == (0, 60)
    assert found.estimate.share.estimate == 0.5


def test_a_pool_that_was_read_whole_leaves_no_doubt():
    pool = Pool(items=30, scored=0, score_sum=0.0, score_squares=0.0)
    everything = [
        looked(at, worth=30.0 - at, rank=at // 5 if at % 5 == 0 else None, value=float(at < 12))
        for at in range(30)
    ]
    found = share_found(everything, pool)
    assert (found.low, found.estimate.share.estimate, found.high) == (0.4, 0.4, 0.4)
    assert settled_by(everything, pool, 0.35).verdict == "above"
    assert settled_by(everything, pool, 0.45).verdict == "below"


def test_numbers_out_of_range_and_a_place_without_a_queue_are_refused(tmp_path):
    with pytest.raises(InputError, match=r"The width is 5\. Give a share between 0 and 1"):
        standing_of(tmp_path, width=5)
    with pytest.raises(InputError, match="wellkeeper review init"):
        standing_of(tmp_path)


def test_the_page_fits_a_terminal_and_shows_no_control_signs(tmp_path):
    path = make(tmp_path, [placed_of(at, readers=2) for at in range(30)])
    read(path, "ada", by_third)
    read(path, "bob", lambda at: "ai" if at % 2 else "human")
    page = drawn(standing_of(path, threshold=0.2))
    assert max(map(len, page.splitlines())) <= 100
    for words in (
        "Who wrote this?",
        "alpha",
        "Beside 20.0%",
        "ada",
        "bob",
        "as before",
        "wait for a third reader",
    ):
        assert words in page
    assert "\x1b[3" not in page


def test_the_command_prints_one_object_and_ends_with_0(tmp_path):
    path = make(tmp_path, [placed_of(at) for at in range(20)])
    read(path, "ada", by_third)
    done = CliRunner().invoke(cli, ["review", "status", str(path), "--json", "--threshold", "0.2"])
    assert done.exit_code == 0
    assert json.loads(done.output)["share"]["drawn"] == 20
    plain = CliRunner().invoke(cli, ["review", "status", str(path)])
    assert plain.exit_code == 0
    assert plain.output.startswith("Who wrote this? 20 of 20 items settled by 20 answers.\n")
