"""Rounds with a student whose arithmetic is exact."""

import json
import os
import signal
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from toy_student import START, Share, chance, materials, plan, suite

from wellkeeper.errors import InputError, WorkError
from wellkeeper.feedback.evaluation import share_over
from wellkeeper.feedback.rounds import read_generated, run_line
from wellkeeper.measure.jackknife import wilson
from wellkeeper.measure.sequential import log_alarm
from wellkeeper.suites.run_files import read_run
from wellkeeper.watch.comparison import compare_runs


def learnt(folder, k):
    return materials().student.load(folder / f"round-{k:02d}/model")


@pytest.mark.parametrize(("phi", "psi"), [(1.0, 0.0), (0.9, 0.3), (0.5, 0.5)])
def test_share_right_among_what_was_accepted_is_that_of_theory(tmp_path, phi, psi):
    """Rogan and Gladen's q = p phi / (p phi + (1 - p) psi), within four standard errors."""
    given = materials(verifier=(phi, psi), prompts=1500)
    run_line(plan(rounds=1, prompts_a_round=1500, on_refusal="go on"), given, 1, tmp_path)
    q = START * phi / (START * phi + (1 - START) * psi)
    kept = 1500 * (START * phi + (1 - START) * psi)
    assert learnt(tmp_path, 1) == pytest.approx(q, abs=4 * np.sqrt(q * (1 - q) / kept) + 1e-12)


def test_verified_rounds_gain_and_the_best_model_is_the_last(tmp_path):
    records = run_line(plan(rounds=3), materials(verifier=(0.9, 0.3)), 1, tmp_path)
    accuracies = [record["figures"]["accuracy"]["estimate"] for record in records]
    assert [record["stopped"] for record in records] == [None] * 4
    assert accuracies[-1] > accuracies[0] + 0.2
    assert records[1]["best"] == 1


def test_a_verifier_that_keeps_wrong_answers_as_often_is_refused_and_nothing_is_trained(tmp_path):
    records = run_line(plan(), materials(verifier=(0.5, 0.5)), 1, tmp_path)
    last = records[-1]
    assert (len(records), last["stopped"], last["head"], last["figures"]) == (2, "gate", 0, None)
    failed = [row["condition"] for row in last["gate"]["conditions"] if row["passed"] == "fail"]
    assert "verifier" in failed
    assert not (tmp_path / "round-01/model").exists()


def test_rounds_that_do_harm_are_stopped_and_the_best_model_is_kept(tmp_path):
    given = materials(module=Share(start=0.8, drop=0.6), verifier=(1.0, 0.0), held_out=150)
    records = run_line(plan(rounds=4), given, 1, tmp_path)
    last = records[-1]
    assert last["stopped"] == "harm"
    assert "accuracy" in last["harm"]
    assert last["head"] == last["best"] == 0
    assert last["compared"]["start"]["verdict"] == "worse"


def test_with_go_on_rounds_say_what_would_have_stopped_them(tmp_path):
    given = materials(module=Share(start=0.8, drop=0.3), verifier=None, held_out=150)
    records = run_line(plan(rounds=3, on_harm="go on", on_refusal="go on"), given, 1, tmp_path)
    assert [record["head"] for record in records] == [0, 1, 2, 3]
    assert {record["gate"]["verdict"] for record in records[1:]} == {"refused"}
    assert records[-1]["harm"]


def test_unchanged_rounds_are_stopped_in_no_more_lines_than_the_level():
    """2,000 lines of 4 rounds, 200 items of which 40 are rare, 2 answers each: the watches share a level of 0.05."""
    random = np.random.default_rng(5)
    chances = random.beta(0.7, 0.7, (2000, 1, 200))
    old, new = (random.binomial(2, np.broadcast_to(chances, (2000, 4, 200))) for _ in range(2))
    alarms = np.zeros(2000, bool)
    for items in (slice(None), slice(0, 40)):
        lost, gained = (np.sum(side, axis=2) for side in ((new < old)[..., items], (new > old)[..., items]))
        alarms |= (log_alarm(lost, gained, horizon=4) > np.log(2 / 0.05)).any(axis=1)
    assert alarms.mean() <= 0.05


def test_the_share_let_in_has_prompts_as_its_unit():
    """All 8 answers to a prompt alike: the interval is that of the prompts, and not of eight times as many answers."""
    parts = [8] * 30 + [0] * 30
    found = share_over(parts, [8] * 60)
    low, high = wilson(0.5, 60)
    assert found["estimate"] == 0.5
    assert found["high"] - found["low"] == pytest.approx(high - low, rel=0.1)
    assert share_over([1] * 9, [2] * 9) is None
    assert share_over([0] * 12, [2] * 12)["high"] > 0


def test_unchanged_rounds_of_the_toy_are_not_stopped(tmp_path):
    class Unchanging(Share):
        def train(self, parent, examples, seed):
            return self.start

    stopped = [
        run_line(plan(rounds=2), materials(module=Unchanging(), held_out=40), seed, tmp_path / str(seed))[-1][
            "stopped"
        ]
        for seed in range(3)
    ]
    assert stopped == [None] * 3


def test_texts_have_the_round_as_their_depth_and_name_the_model_that_wrote_them(tmp_path):
    run_line(plan(), materials(), 7, tmp_path)
    for k in (1, 2):
        texts = read_generated(tmp_path / f"round-{k:02d}/accepted.jsonl")
        assert {text.depth for text in texts} == {k}
        assert {text.generator for text in texts} == {f"share@toy-seed-7-round-{k - 1:02d}"}
        assert all(text.parents[0].startswith("asked-") for text in texts)
    rejected = list(map(json.loads, (tmp_path / "round-01/rejected.jsonl").read_text().splitlines()))
    assert {(row["said"], row["reason"]) for row in rejected} == {("rejected", "noisy: drawn")}


def test_more_samples_for_rare_prompts_bring_more_of_them_in_and_no_more_than_samples_each(tmp_path):
    given = materials(module=Share(start=0.2))
    shares = []
    for rare_samples in (None, 8):
        folder = tmp_path / str(rare_samples)
        run_line(plan(rounds=1, rare_samples=rare_samples, tail_kept=0.1), given, 1, folder)
        texts = read_generated(folder / "round-01/accepted.jsonl")
        assert len({text.parents for text in texts}) == len(texts)
        shares.append(np.mean([text.rare for text in texts]))
    assert shares[1] > shares[0] + 0.1


def test_any_two_rounds_can_be_compared_as_runs(tmp_path):
    run_line(plan(rounds=3), materials(verifier=(0.9, 0.3)), 1, tmp_path)
    first, last = (read_run(tmp_path / f"round-{k:02d}/run") for k in (0, 3))
    assert compare_runs(first, last).metric("accuracy").verdict == "not worse"


def test_accumulated_rounds_train_on_what_earlier_ones_accepted(tmp_path):
    records = run_line(plan(keep="accumulate"), materials(), 1, tmp_path)
    assert records[2]["mix"]["synthetic"] == sum(record["generated"]["taken"] for record in records[1:])


# --- disks and kills -------------------------------------------------------------------------------------------------


def bytes_of(folder):
    return {
        path.relative_to(folder): path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()
    }


def test_the_same_plan_and_seed_give_the_same_bytes(tmp_path):
    for name in ("one", "two"):
        run_line(plan(), materials(), 3, tmp_path / name)
    assert bytes_of(tmp_path / "one") == bytes_of(tmp_path / "two")


_KILLED = """
import os, signal, sys
from pathlib import Path
sys.path.insert(0, {tests!r})
from toy_student import Share, materials, plan
from wellkeeper.feedback.rounds import run_line

class Killed(Share):
    asked = 0
    def answer(self, *given):
        Killed.asked += 1
        if Killed.asked == {call}:
            os.kill(os.getpid(), signal.SIGKILL)
        return super().answer(*given)

run_line(plan(), materials(module=Killed()), 3, Path({folder!r}))
"""


@pytest.mark.parametrize("call", [3, 8])
def test_a_run_that_was_killed_goes_on_and_gives_the_same_bytes(tmp_path, call):
    script = _KILLED.format(tests=str(Path(__file__).parent), call=call, folder=str(tmp_path / "killed"))
    ended = subprocess.run([sys.executable, "-c", script], env=dict(os.environ), check=False)
    assert ended.returncode == -signal.SIGKILL
    run_line(plan(), materials(), 3, tmp_path / "killed")
    run_line(plan(), materials(), 3, tmp_path / "whole")
    assert bytes_of(tmp_path / "killed") == bytes_of(tmp_path / "whole")


def test_rounds_on_disk_are_not_made_again(tmp_path):
    class Never(Share):
        def train(self, parent, examples, seed):
            raise AssertionError

        answer = train

    first = run_line(plan(), materials(), 3, tmp_path)
    assert run_line(plan(), materials(module=Never()), 3, tmp_path) == first


def test_a_changed_file_of_a_round_is_found(tmp_path):
    run_line(plan(), materials(), 3, tmp_path)
    place = tmp_path / "round-01/accepted.jsonl"
    place.write_bytes(place.read_bytes()[:-2])
    with pytest.raises(WorkError, match=r"round-01 is not as it was written.*--fresh"):
        run_line(plan(), materials(), 3, tmp_path)


def test_a_round_that_was_written_anew_breaks_the_chain(tmp_path):
    run_line(plan(), materials(), 3, tmp_path)
    place = tmp_path / "round-01/round.json"
    record = json.loads(place.read_bytes())
    place.write_text(json.dumps(record | {"head": 0}))
    with pytest.raises(WorkError, match="round-02 is not as it was written"):
        run_line(plan(), materials(), 3, tmp_path)


def test_rounds_of_another_plan_are_refused(tmp_path):
    run_line(plan(), materials(), 3, tmp_path)
    with pytest.raises(WorkError, match="rounds of another plan"):
        run_line(plan(samples=2), materials(), 3, tmp_path)


def test_a_damaged_record_is_told(tmp_path):
    run_line(plan(rounds=1), materials(), 3, tmp_path)
    (tmp_path / "round-00/round.json").write_bytes(b"{")
    with pytest.raises(WorkError, match=r"round\.json is damaged"):
        run_line(plan(rounds=1), materials(), 3, tmp_path)


def test_held_out_items_among_the_prompts_are_refused():
    leaky = replace(materials(), prompts=suite("held", 5))
    with pytest.raises(InputError, match="The prompt held-0 is that of the held-out item held-0"):
        leaky.check(plan())


def test_toy_chances_are_uniform():
    drawn = np.array([chance("test", at) for at in range(4000)])
    assert abs(drawn.mean() - 0.5) < 4 * np.sqrt(1 / 12 / 4000)
