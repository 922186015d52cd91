"""A watch from its begin to an alarm: each design, the fingerprint, the judge, the webhook, and what is refused."""

import json
import math
import random
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from importlib.resources import files
from itertools import pairwise

import jsonschema
import pytest
from language_model_files import needs_lm, smollm2

from wellkeeper.core.answers import Output
from wellkeeper.errors import InputError, RecipeError, WorkError
from wellkeeper.infer.local import FunctionSampler, GgufSampler
from wellkeeper.infer.sampling import sample_seed
from wellkeeper.recipe import watching
from wellkeeper.recipe.watching import (
    Models,
    Salted,
    begin_watch,
    import_week,
    look_at,
    renew_watch,
    report_watch,
    run_watch,
    week_answers,
)
from wellkeeper.suites.run import Answered, Run
from wellkeeper.suites.suite import Suite, SuiteItem
from wellkeeper.watch import fingerprint
from wellkeeper.watch.config import JudgeConfig, WatchConfig, write_config
from wellkeeper.watch.monitor import alarms, margin_reach
from wellkeeper.watch.store import WatchStore, alone

SCHEMA = json.loads(files("wellkeeper.recipe").joinpath("watch.schema.json").read_text(encoding="utf-8"))
BEGIN = datetime(2026, 1, 5, tzinfo=UTC)
STORED = WatchConfig(name="bot", design="stored", suite="s.yaml", margin=0.1, fingerprint=False)
PAIRED = replace(STORED, design="paired", reference={})
FRESH = replace(PAIRED, design="fresh", items_a_week=12)


def suite_of(items, **more):
    return Suite(
        name="sums",
        items=tuple(
            SuiteItem(
                name=f"i{at:03d}", prompt=f"sum {at}", references=("yes",), slices={"size": str(at % 2)}
            )
            for at in range(items)
        ),
        scorer={"kind": "regex", "pattern": "^yes"},
        temperature=1.0,
        **more,
    )


SUITE = suite_of(12)


def day(week):
    return BEGIN + timedelta(days=7 * week)


class Counted:
    """How often a model was asked."""

    def __init__(self, right=0.95, version="1"):
        self.calls = 0
        self.right = right
        self.sampler = FunctionSampler(self.answer, version=version)

    def answer(self, prompt, *, temperature, seed):
        self.calls += 1
        return "yes" if random.Random(f"{seed} {prompt}").random() < self.right else "no"


class Telling:
    """A model that tells the log-probabilities of first tokens, with some noise."""

    tokens, at_once = 1, 1

    def __init__(self, shift=0.0, *, silent=False):
        self.shift, self.silent, self.calls = shift, silent, 0
        self.fingerprint = f"telling {shift}"

    def sample(self, prompt, n=1, temperature=1.0, seed=0, logprobs=False, *, first=0):
        self.calls += 1
        noise = random.Random(sample_seed(seed, self.calls)).gauss(0, 0.002)
        p = min(0.99, max(0.01, 0.5 + self.shift + noise))
        told = None if self.silent else {"A": math.log(p), "B": math.log(1 - p)}
        return [Output(text="A", finish="length", tokens=1, first_tokens=told)]

    def stop(self):
        pass


def models(right=0.95, reference=0.95, **more):
    return Models(
        watched=Counted(right, f"watched {right}").sampler,
        reference=Counted(reference, "reference").sampler,
        version="v2",
        **more,
    )


def begun(folder, config=STORED, suite=SUITE, given=None):
    return begin_watch(folder, config, now=BEGIN, suite=suite, models=given or models())


# --- the three designs ----------------------------------------------------------------------------------


@pytest.mark.parametrize("config", [STORED, PAIRED, FRESH], ids=lambda config: config.design)
def test_each_design_finds_a_version_that_broke_and_lets_one_be_that_did_not(tmp_path, config):
    suite = suite_of(72) if config.design == "fresh" else SUITE
    begun(tmp_path, config, suite)
    for week in range(1, 6):
        good = week < 3
        done = run_watch(tmp_path, now=day(week), suite=suite, models=models(0.95 if good else 0.1))
        if good:
            assert not done.is_alarm
    assert done.is_alarm
    assert done.timeline.verdict == "worse"
    assert done.timeline.series[0].change is not None
    assert [week.is_complete for week in done.timeline.weeks] == [True] * 5
    assert done.timeline.weeks[2].date == "2026-01-26"
    assert done.timeline.headline.startswith("Accuracy: worse than reference, ")


def test_a_fresh_item_is_asked_in_one_week_only_and_the_pool_ends_with_a_word(tmp_path):
    suite = suite_of(24)
    begun(tmp_path, FRESH, suite)
    for week in (1, 2):
        run_watch(tmp_path, now=day(week), suite=suite, models=models())
    first, second = ({pair["item"] for pair in week_answers(tmp_path, week)} for week in (1, 2))
    assert len(first) == len(second) == 12
    assert not first & second
    renamed = replace(suite, items=tuple(replace(item, name=f"new {item.name}") for item in suite.items))
    with pytest.raises(
        InputError,
        match=r"0 items of the suite sums were never asked, and a week takes 12 new ones\. Add 12 or more to its file",
    ):
        run_watch(tmp_path, now=day(3), suite=renamed, models=models())
    grown = suite_of(36)
    assert run_watch(tmp_path, now=day(3), suite=grown, models=models()).week.items == 12


def test_a_week_of_some_items_is_drawn_anew_each_week_wherever_they_stand_in_the_file(tmp_path):
    config = replace(STORED, items_a_week=6)
    begun(tmp_path, config)
    drawn = []
    for week in range(1, 4):
        turned = replace(SUITE, items=SUITE.items)
        run_watch(tmp_path, now=day(week), suite=turned, models=models())
        drawn.append(frozenset(pair["item"] for pair in week_answers(tmp_path, week)))
    assert {len(one) for one in drawn} == {6}
    assert len(set(drawn)) > 1
    with WatchStore(tmp_path) as store:
        again = watching._items_of(replace(SUITE, items=SUITE.items[::-1]), store, config, 1)
    assert {item.name for item in again} == drawn[0]


def test_no_two_answers_share_a_seed_or_are_neighbours(tmp_path):
    begun(tmp_path, replace(PAIRED, samples=2))
    for week in (1, 2):
        run_watch(tmp_path, now=day(week), suite=SUITE, models=models())
    with WatchStore(tmp_path) as store:
        kept = [store.answers(week, side) for week in (1, 2) for side in ("watched", "reference")]
    seeds = sorted(o.seed for one in kept for held in one.values() for item in held for o in item.outputs)
    assert len(seeds) == 2 * 2 * 12 * 2
    assert min(later - earlier for earlier, later in pairwise(seeds)) > 1


# --- when a week is due ---------------------------------------------------------------------------------


def test_a_week_is_due_by_the_schedule_or_by_force(tmp_path):
    begun(tmp_path)
    runs = [
        run_watch(tmp_path, now=BEGIN + timedelta(days=days), suite=SUITE, models=models(), force=force)
        for days, force in ((0, False), (6, False), (6, True), (12, False), (13, False))
    ]
    assert [None if done.week is None else done.week.reason for done in runs] == [
        "schedule",
        None,
        "manual",
        None,
        "schedule",
    ]
    assert runs[1].said == ("No week is due: the last one was on 2026-01-05, and one is due every 7 days.",)


def test_a_run_that_was_stopped_goes_on_and_pays_for_no_answer_twice(tmp_path):
    begun(tmp_path)

    class Torn(Counted):
        def answer(self, prompt, **settings):
            if self.calls == 7:
                raise WorkError("The network is down. Try again.")
            return super().answer(prompt, **settings)

    torn, whole = Torn(), Counted()
    with pytest.raises(WorkError, match="network is down"):
        run_watch(tmp_path, now=day(1), suite=SUITE, models=Models(watched=torn.sampler, version="v2"))
    assert report_watch(tmp_path).timeline.weeks[0].is_complete is False
    done = run_watch(tmp_path, now=day(2), suite=SUITE, models=Models(watched=whole.sampler, version="v3"))
    assert torn.calls + whole.calls == 12
    assert (done.week.number, done.week.date, done.week.version) == (1, "2026-01-12", "v2")
    assert done.said == ("Week 1 was begun on 2026-01-12 and cut off; it is ended now.",)
    straight = tmp_path / "straight"
    begun(straight)
    run_watch(straight, now=day(1), suite=SUITE, models=models())
    assert week_answers(straight, 1) == week_answers(tmp_path, 1)


def test_a_changed_suite_is_refused(tmp_path):
    begun(tmp_path)
    with pytest.raises(
        InputError, match=r"is not the one that this watch was begun with: .* Restore it, or begin"
    ):
        run_watch(tmp_path, now=day(1), suite=suite_of(13), models=models())


def test_a_second_begin_changes_nothing_and_asks_nothing(tmp_path):
    begun(tmp_path)
    before = (tmp_path / "watch.yaml").read_bytes()
    again = Counted()
    with pytest.raises(InputError, match="holds a watch already"):
        begun(tmp_path, replace(PAIRED, name="other"), given=Models(watched=again.sampler))
    assert ((tmp_path / "watch.yaml").read_bytes(), again.calls) == (before, 0)


@pytest.mark.parametrize(
    ("changed", "says"),
    [
        ({"temperature": 0.7}, "watch.yaml says temperature: 0.7, and this watch was begun with None"),
        ({"margin": 0.0}, "says margin: 0.0, and this watch was begun with 0.1: .* Set margin to 0.1, or begin a new"),
        ({"level": 0.5}, "says level: 0.5"),
        ({"horizon": 4}, "says horizon: 4"),
        ({"samples": 2}, "says samples: 2"),
    ],
)  # fmt: skip
def test_settings_that_the_level_hangs_on_may_not_change(tmp_path, changed, says):
    begun(tmp_path)
    write_config(replace(STORED, **changed), tmp_path)
    counted = Counted()
    with pytest.raises(InputError, match=says):
        run_watch(tmp_path, now=day(1), suite=SUITE, models=Models(watched=counted.sampler))
    with pytest.raises(InputError, match=says):
        import_week(tmp_path, run_of(1), now=day(1))
    with pytest.raises(InputError, match=says):
        report_watch(tmp_path)
    assert counted.calls == 0


def test_another_temperature_of_the_suite_is_refused_and_a_schedule_may_change(tmp_path):
    begun(tmp_path)
    with pytest.raises(
        InputError, match=r"at a temperature of 0\.7, and this watch was begun with 1\. Restore"
    ):
        run_watch(tmp_path, now=day(1), suite=replace(SUITE, temperature=0.7), models=models())
    write_config(replace(STORED, every=30), tmp_path)
    assert run_watch(tmp_path, now=day(1), suite=SUITE, models=models()).week.number == 1


def test_weeks_go_forward(tmp_path):
    begun(tmp_path)
    run_watch(tmp_path, now=day(2), suite=SUITE, models=models())
    says = r"The day is 2026-01-12, and week 1 was on 2026-01-19: weeks go forward\. Give --now 2026-01-19 or a later"
    with pytest.raises(InputError, match=says):
        run_watch(tmp_path, now=day(1), suite=SUITE, models=models(), force=True)
    with pytest.raises(InputError, match=says):
        import_week(tmp_path, run_of(1), now=day(1))
    with pytest.raises(InputError, match=says):
        renew_watch(tmp_path, now=day(1), reason="x")
    assert import_week(tmp_path, run_of(1), now=day(2)).week.number == 2


def test_of_two_runs_at_once_the_second_asks_nothing(tmp_path):
    begun(tmp_path)
    counted = Counted()
    with (
        alone(tmp_path),
        pytest.raises(
            WorkError,
            match=r"Another run of the watch in .* is under way\. Wait for its end, then run the same",
        ),
    ):
        run_watch(tmp_path, now=day(1), suite=SUITE, models=Models(watched=counted.sampler))
    assert counted.calls == 0
    assert report_watch(tmp_path).timeline.weeks == ()
    assert run_watch(tmp_path, now=day(1), suite=SUITE, models=models()).week.number == 1


def test_a_watch_that_is_begun_anew_takes_no_week_from_the_cache_of_the_old_one(tmp_path):
    begun(tmp_path)
    first = Counted()
    run_watch(tmp_path, now=day(1), suite=SUITE, models=Models(watched=first.sampler))
    for file in tmp_path.glob("watch.*"):
        file.unlink()
    begun(tmp_path)
    second = Counted()
    run_watch(tmp_path, now=day(2), suite=SUITE, models=Models(watched=second.sampler))
    assert (first.calls, second.calls) == (12, 12)


def test_a_lower_level_or_a_longer_horizon_wants_a_margin_that_covers_more_of_the_luck(tmp_path):
    assert margin_reach(STORED, 3) == 1
    assert margin_reach(replace(STORED, horizon=104), 1) == pytest.approx(1.645, abs=1e-3)
    assert margin_reach(replace(STORED, level=0.01), 2) == pytest.approx(2.576, abs=1e-3)
    unsure = Models(watched=Counted(0.5).sampler)
    begun(tmp_path / "usual", replace(STORED, margin=0.1), given=unsure)
    with pytest.raises(
        InputError,
        match=r"standard error of 0\.\d+, of which this level and horizon take 2\.6: its luck alone",
    ):
        begun(tmp_path / "strict", replace(STORED, margin=0.1, level=0.01), given=unsure)


def test_the_stored_answers_luck_may_not_exceed_the_margin_and_raising_it_costs_no_answer(tmp_path):
    unsure = Counted(0.5)
    given = Models(watched=unsure.sampler)
    with pytest.raises(
        InputError, match=r"The margin is 0.01, .* or set --margin to 0\.\d+\. The answers so far"
    ):
        begun(tmp_path, replace(STORED, margin=0.01), given=given)
    assert unsure.calls == 48
    begun(tmp_path, replace(STORED, margin=0.3), given=given)
    assert unsure.calls == 48


# --- alarms, and who is told ----------------------------------------------------------------------------


@pytest.fixture
def alarmed(tmp_path, monkeypatch):
    """A watch with a webhook, one week before its alarm; gives the folder and what was posted."""
    posted = []
    monkeypatch.setenv("HOOK", "https://hooks.example/T0/secret")
    monkeypatch.setattr(watching, "post", lambda address, message: posted.append((address, message)))
    begun(tmp_path, replace(PAIRED, webhook="HOOK"))
    run_watch(tmp_path, now=day(1), suite=SUITE, models=models())
    return tmp_path, posted


def broken(folder, week):
    return run_watch(folder, now=day(week), suite=SUITE, models=models(0.0))


def test_somebody_is_told_of_an_alarm_once_and_again_after_it_was_dealt_with(alarmed):
    folder, posted = alarmed
    runs = [broken(folder, week) for week in (2, 3, 4)]
    assert runs[-1].is_alarm
    ((address, message),) = posted
    assert address.endswith("secret")
    assert message["verdict"] == "worse"
    assert [alarm["metric"] for alarm in message["alarms"]] == ["accuracy"]
    assert message["text"].startswith("bot: Accuracy: worse than reference")
    assert not renew_watch(folder, now=day(4), reason="rolled back").is_alarm
    for week in (5, 6, 7):
        broken(folder, week)
    assert len(posted) == 2


def test_a_webhook_that_fails_loses_no_week_and_is_tried_again(alarmed, monkeypatch):
    folder, posted = alarmed

    def failing(address, message):
        raise WorkError("The webhook answered 500. Check its address.")

    working = watching.post
    monkeypatch.setattr(watching, "post", failing)
    done = [broken(folder, week) for week in (2, 3, 4)][-1]
    assert done.said == ("Nobody was told of the alarm: The webhook answered 500. Check its address.",)
    assert done.is_alarm
    assert len(done.timeline.weeks) == 4
    monkeypatch.setattr(watching, "post", working)
    assert (
        "The webhook was told of the alarm."
        in run_watch(folder, now=day(4), suite=SUITE, models=models()).said
    )
    assert len(posted) == 1


def test_a_secret_address_is_in_no_file(alarmed):
    folder, _ = alarmed
    for week in (2, 3, 4):
        broken(folder, week)
    assert all(b"hooks.example" not in file.read_bytes() for file in folder.iterdir())


# --- the fingerprint ------------------------------------------------------------------------------------

PROBED = replace(STORED, fingerprint=True)


def probing(shift=0.0, **more):
    return models(probe=Telling(shift, **more))


def test_a_changed_fingerprint_brings_the_suite_forward_once(tmp_path):
    given = probing()
    begun(tmp_path, PROBED, given=given)
    assert given.probe.calls == len(fingerprint.PROMPTS) * fingerprint.LOOKS <= 300
    said = []
    for days, shift in ((0, 0.0), (1, 0.0), (2, 0.0), (3, 0.2), (4, 0.2), (5, 0.2)):
        given = probing(shift)
        done = run_watch(tmp_path, now=BEGIN + timedelta(days=days), suite=SUITE, models=given)
        said.append(None if done.week is None else done.week.reason)
        assert given.probe.calls <= 300
    assert said == ["schedule", None, None, "fingerprint", None, None]
    looks = done.timeline.fingerprints
    assert [look.changed for look in looks] == [False, False, False, True, False, False]
    assert looks[3].distance == pytest.approx(0.2, abs=0.01)
    assert looks[3].distance > looks[3].limit


def test_looking_alone_keeps_the_look_and_the_next_run_still_sees_the_change(tmp_path):
    begun(tmp_path, PROBED, given=probing())
    run_watch(tmp_path, now=BEGIN, suite=SUITE, models=probing())
    look, _ = look_at(tmp_path, now=day(0), suite=SUITE, models=probing(0.2))
    assert look.changed
    assert run_watch(tmp_path, now=BEGIN, suite=SUITE, models=probing(0.2)).week.reason == "fingerprint"


def test_a_model_without_log_probabilities_goes_by_the_schedule_and_that_is_said(tmp_path):
    timeline = begun(tmp_path, PROBED, given=probing(silent=True))
    (note,) = timeline.notes
    assert note == (
        "No fingerprint: the model gave no log-probabilities of first tokens to 24 of 24 prompts. Full suites run by "
        "the schedule alone."
    )
    assert run_watch(tmp_path, now=BEGIN, suite=SUITE, models=probing()).week.reason == "schedule"
    with pytest.raises(InputError, match=r"There is no fingerprint to look at\. .*wellkeeper watch run"):
        look_at(tmp_path, now=BEGIN, suite=SUITE, models=probing())


@pytest.mark.slow
@needs_lm
def test_a_real_model_has_the_same_fingerprint_every_day_and_another_one_with_a_system_message(
    tmp_path, monkeypatch
):
    monkeypatch.setattr(fingerprint, "PROMPTS", fingerprint.PROMPTS[:3])
    probe = GgufSampler(smollm2(), tokens=1, context=256)
    try:
        begun(tmp_path, PROBED, given=models(probe=probe))
        run_watch(tmp_path, now=BEGIN, suite=SUITE, models=models(probe=probe))
        same, _ = look_at(tmp_path, now=day(0), suite=SUITE, models=models(probe=probe))
        assert (same.changed, same.tokens) == (False, 3)
        assert same.distance < same.limit <= 0.01
        monkeypatch.setattr(fingerprint, "PROMPTS", tuple(f"Ahoy! {text}" for text in fingerprint.PROMPTS))
        other, _ = look_at(tmp_path, now=day(0), suite=SUITE, models=models(probe=probe))
        assert other.changed
        assert other.distance > 0.05
    finally:
        probe.close()


# --- the judge ------------------------------------------------------------------------------------------


def test_an_answer_is_judged_anew_every_week(tmp_path):
    asked = []
    sampler = FunctionSampler(
        lambda prompt, *, temperature, seed: asked.append(seed) or "yes", version="judge"
    )
    first, second = Salted(sampler, "week 1"), Salted(sampler, "week 2")
    assert first.fingerprint != second.fingerprint
    for salted in (first, second, first):
        salted.sample("?", 1, 0.0, 7)
    assert asked[0] == asked[2] != asked[1]


class Judging:
    """A judge of answers that say AFFIRM, right ones, or DENY; a changed one calls everything wrong."""

    def __init__(self):
        self.calls, self.is_changed = 0, False
        self.sampler = FunctionSampler(self.judge, version="judge")

    def judge(self, prompt, *, temperature, seed):
        self.calls += 1
        return f"VERDICT: {int('AFFIRM' in str(prompt) and not self.is_changed)}"


def test_a_judge_that_changed_is_named_and_the_system_is_not_blamed(tmp_path):
    (tmp_path / "anchors.jsonl").write_text(
        "".join(
            json.dumps({"question": f"q{at}", "answer": ["DENY", "AFFIRM"][at % 2], "label": at % 2}) + "\n"
            for at in range(20)
        )
    )
    suite = replace(SUITE, items=SUITE.items[:6], scorer={"kind": "judge"})
    config = replace(PAIRED, judge=JudgeConfig(model={}, anchors="anchors.jsonl"))
    judging = Judging()

    def given(text):
        sampler = FunctionSampler(lambda prompt, *, temperature, seed: text, version=text)
        steady = FunctionSampler(lambda prompt, *, temperature, seed: "AFFIRM", version="r")
        return Models(watched=sampler, reference=steady, judge=judging.sampler)

    begin_watch(tmp_path, config, now=BEGIN, suite=suite, models=given("AFFIRM"))
    assert judging.calls == 4 * 20
    done = run_watch(tmp_path, now=day(1), suite=suite, models=given("AFFIRM"))
    assert judging.calls == 5 * 20 + 2 * 6  # every anchor and every answer anew
    assert done.timeline.series[0].points[0].value == 1.0
    judging.is_changed = True
    for week in range(2, 9):
        done = run_watch(tmp_path, now=day(week), suite=suite, models=given("AFFIRM"))
    assert [one.metric for one in alarms(done.timeline)] == ["judge"]
    assert done.timeline.series[0].label == "Accuracy (judge changed)"
    assert done.timeline.verdict == "not enough data"
    assert done.timeline.headline.startswith("The judge changed")


# --- runs that were made elsewhere ----------------------------------------------------------------------


def run_of(right, name="log", items=12, samples=1, first=0):
    return Run(
        name=name,
        model="small",
        suite="sums",
        items=tuple(
            Answered(
                name=f"i{at:03d}",
                prompt=f"sum {at}",
                outputs=tuple(Output(text=f"yes {name}", finish="stop") for _ in range(samples)),
                scores=(float(right),) * samples,
            )
            for at in range(first, first + items)
        ),
    )


def test_a_run_of_another_tool_is_a_week(tmp_path):
    begun(tmp_path)
    done = [import_week(tmp_path, run_of(0, f"log {week}"), now=day(week)) for week in range(1, 4)][-1]
    assert done.timeline.weeks[-1].reason == "import"
    assert done.timeline.weeks[-1].version == "small"
    assert done.is_alarm
    with pytest.raises(
        InputError, match=r"The run log 2 is week 2 of this watch already\. Give another run\."
    ):
        import_week(tmp_path, run_of(0, "log 2"), now=day(4))


def test_stored_answers_may_come_from_a_run_and_too_few_of_them_are_refused(tmp_path):
    def begin(samples):
        return begin_watch(
            tmp_path,
            STORED,
            now=BEGIN,
            suite=SUITE,
            models=models(),
            reference_runs=[run_of(1, samples=samples)],
        )

    with pytest.raises(
        RecipeError, match="1 stored answer of the reference to each item cannot be watched against"
    ):
        begin(1)
    assert not (tmp_path / "watch.sqlite").exists()
    begin(4)
    assert not import_week(tmp_path, run_of(1, "week"), now=day(1)).is_alarm


def test_stored_answers_are_not_held_against_some_of_the_items_that_somebody_chose(tmp_path):
    begun(tmp_path)
    few = replace(run_of(1), items=run_of(1).items[:5])
    with pytest.raises(
        InputError, match=r"has 5 of the 12 items that the reference answered, .* whole suite\."
    ):
        import_week(tmp_path, few, now=day(1))


def test_a_run_of_the_reference_is_held_against_once(tmp_path):
    begun(tmp_path, PAIRED)
    import_week(tmp_path, run_of(1), now=day(1), reference=run_of(1, "old"))
    with pytest.raises(
        InputError, match=r"The run old is in week 1 of this watch already: held against it again, its"
    ):
        import_week(tmp_path, run_of(1, "next"), now=day(2), reference=run_of(1, "old"))
    assert import_week(tmp_path, run_of(1, "next"), now=day(2), reference=run_of(1, "new")).week.number == 2


def test_an_imported_item_that_comes_again_is_refused_where_each_is_asked_once(tmp_path):
    begun(tmp_path, FRESH)
    import_week(tmp_path, run_of(1), now=day(1), reference=run_of(1, "reference"))
    with pytest.raises(
        InputError, match=r"i011 was asked in week 1, and each item is asked in one week only"
    ):
        import_week(
            tmp_path, run_of(1, "again", first=11), now=day(2), reference=run_of(1, "other", first=11)
        )


@pytest.mark.parametrize(
    ("config", "run", "reference", "says"),
    [
        (
            STORED,
            run_of(1, samples=2),
            None,
            r"has 2 answers, and a week of this watch has 1 .* --samples 2\.",
        ),
        (STORED, run_of(1, first=50), None, r"has no item of this watch: its first one is named i050\."),
        (STORED, run_of(1), run_of(1, "r"), r"has its reference already\. Leave --reference-run out\."),
        (PAIRED, run_of(1), None, r"in the same week\. Give its run too, with --reference-run\."),
    ],
)
def test_a_run_that_does_not_fit_is_refused(tmp_path, config, run, reference, says):
    begun(tmp_path, config)
    with pytest.raises(InputError, match=says):
        import_week(tmp_path, run, now=day(1), reference=reference)
    assert report_watch(tmp_path).timeline.weeks == ()


# --- reports --------------------------------------------------------------------------------------------


def test_a_report_is_what_the_last_run_said_as_plain_json(tmp_path):
    begun(tmp_path)
    done = run_watch(tmp_path, now=day(1), suite=SUITE, models=models())
    told = report_watch(tmp_path)
    assert told.timeline == done.timeline
    document = json.loads(json.dumps(told.to_json(), allow_nan=False))
    assert document["schema"] == "wellkeeper.watch/1"
    jsonschema.validate(document, SCHEMA)
    jsonschema.validate(json.loads(json.dumps({**document, "answers": week_answers(tmp_path, 1)})), SCHEMA)
    assert alarms(told.timeline) == ()


def test_a_week_that_is_not_there_is_told(tmp_path):
    begun(tmp_path)
    with pytest.raises(
        InputError, match=r"has no answers of week 3: it has no week yet\. Name one of them\."
    ):
        week_answers(tmp_path, 3)
    with pytest.raises(InputError, match="has no week yet: there is nothing to begin anew"):
        renew_watch(tmp_path, now=day(1), reason="x")


def test_settings_that_cannot_be_read_ask_nothing(tmp_path):
    begun(tmp_path, PAIRED)
    counted = Counted()
    with pytest.raises(InputError, match="The reference is asked every week, and there is none"):
        run_watch(tmp_path, now=day(1), suite=SUITE, models=Models(watched=counted.sampler))
