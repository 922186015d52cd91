"""The page of a watch: what is drawn is what the document says, at any length, and nothing in it runs."""

import json
import re
import time
from dataclasses import asdict, replace

import pytest
import timelines
from golden_files import assert_golden
from hypothesis import given, settings
from hypothesis import strategies as st
from lxml import etree
from lxml import html as lxml_html
from test_page import spoiled

from wellkeeper.report.shapes import COMPACT, WIDE, Frame
from wellkeeper.report.watch import assets, render_notice, render_watch, weeks_to_look_at
from wellkeeper.report.watch_document import Links, watch_of, written_evidence
from wellkeeper.report.watch_pictures import Calendar, Look, Moment, Since, looks, monitored, overview
from wellkeeper.report.watch_week import render_week

WATCHES = ("calm", "alarm", "corpus", "judge_drift", "one_week", "no_weeks", "large", "hostile")


def document(timeline):
    return json.loads(json.dumps(timeline.to_json()))


def rows_of(*pairs):
    return [json.loads(json.dumps(asdict(pair))) for pair in pairs]


def page(timeline, **options):
    return render_watch(document(timeline), **options)


def tree_of(timeline, **options):
    return lxml_html.fromstring(page(timeline, **options))


def words_of(tree, path):
    return [" ".join(node.text_content().split()) for node in tree.xpath(path)]


ALARM = timelines.alarm()


# --- what it says ------------------------------------------------------------------------------------


def test_an_alarm_is_said_first_with_its_date_and_the_next_step():
    tree = tree_of(ALARM)
    assert words_of(tree, "//p[contains(@class, 'verdict')]") == ["\u25bc Worse"]
    assert words_of(tree, "//h1") == [ALARM.headline]
    assert words_of(tree, "//p[@class='lead']") == [ALARM.next_step]
    first = words_of(tree, "//dl[@class='glance']/div")[0]
    change = ALARM.series[0].change
    assert first == f"Worse since{change.date}Accuracy, weeks {change.low} to {change.high} with 95%"


@pytest.mark.parametrize(
    ("watch", "badge"),
    [
        ("calm", "\u2713 No alarm"),
        ("no_weeks", "\u2026 Not enough data"),
        ("judge_drift", "\u25bc Judge changed"),
    ],
)
def test_every_verdict_has_its_badge(watch, badge):
    assert words_of(tree_of(getattr(timelines, watch)()), "//p[contains(@class, 'verdict')]") == [badge]


def test_a_metric_that_got_worse_says_since_when_and_when_the_alarm_was_raised():
    text = " ".join(words_of(tree_of(ALARM), "//section[@id='metric-0']/p"))
    change, points = ALARM.series[0].change, ALARM.series[0].points
    raised = next(point.week for point in points if point.alarm)
    assert f"Worse since {change.date}, week {change.week};" in text
    assert f"it began in weeks {change.low} to {change.high}." in text
    assert f"The alarm was raised in week {raised}." in text
    low, mean, high = (
        f"{value * 100:.1f}".replace("-", "\u2212")
        for value in (points[-1].drop_low, points[-1].drop, points[-1].drop_high)
    )
    assert f"{mean} points ({low} to {high}, in all weeks at once with 95%)" in text


def test_an_alarm_that_was_dealt_with_does_not_stand_any_more():
    """After a renewal evidence begins anew: the weeks before keep their mark, the metric loses its own."""
    accuracy = ALARM.series[0]
    calm = tuple(replace(point, alarm=point.alarm and point.week < 25) for point in accuracy.points)
    watch = replace(ALARM, series=(replace(accuracy, points=calm, verdict="no alarm", change=None),))
    read = watch_of(document(watch), Links())
    assert read.series[0].alarm_week is None
    assert [week for week in range(1, 27) if read.series[0].alarm_by(week)] == [22, 23, 24]
    tree = lxml_html.fromstring(render_watch(document(watch), links=Links()))
    assert len(tree.xpath("//nav[@class='trail']//a[@class='alarm']")) == 3


def test_each_series_has_a_section_and_each_picture_a_table_of_its_weeks():
    tree = tree_of(ALARM)
    sections = [node.get("id") for node in tree.xpath("//main/section")]
    assert sections == [
        "glance",
        "metric-0",
        "metric-1",
        "metric-2",
        "slices",
        "fingerprints",
        "weeks",
        "method",
    ]
    for place in range(3):
        (figure,) = tree.xpath(f"//section[@id='metric-{place}']//figure")
        assert [node.get("class") for node in figure.iter("svg")] == ["chart wide", "chart compact"]
        assert len(figure.xpath(".//tbody/tr")) == 26
    identities = [node.get("id") for node in tree.iter() if node.get("id")]
    assert len(set(identities)) == len(identities)
    links = tree.xpath("//nav[@class='contents']//@href")
    assert links == [f"#{name}" for name in sections]


def test_a_table_holds_what_the_document_holds():
    tree = tree_of(ALARM)
    body = [words_of(row, "./td") for row in tree.xpath("//section[@id='metric-0']//tbody/tr")]
    for cells, point, week in zip(body, ALARM.series[0].points, ALARM.weeks, strict=True):
        assert cells[:2] == [str(point.week), week.date]
        assert cells[2].startswith(f"{point.value * 100:.1f}% (")
        assert cells[3] == f"{point.baseline * 100:.1f}%"
        assert cells[5] == " ".join(written_evidence(point.evidence).split())
        assert cells[6] == ("alarm" if point.alarm else "")


def test_a_judge_has_a_section_of_its_own_that_says_what_its_drift_means():
    tree = tree_of(timelines.judge_drift())
    assert words_of(tree, "//section[@id='judge-0']/h2") == ["The judge"]
    assert "the judge changed, and scores say nothing" in words_of(tree, "//section[@id='judge-0']/p")[0]
    assert "\u25bc worse since" in " ".join(words_of(tree, "//section[@id='glance']//*[name()='text']"))


def test_snapshots_of_a_corpus_show_what_is_tested_and_what_is_not():
    tree = tree_of(timelines.corpus())
    (lanes,) = tree.xpath("//section[@id='glance']//*[name()='desc' and contains(@id, 'wide')]")
    assert lanes.text_content().startswith(
        "Words that the snapshot lacks, by use: \u25bc worse, week 4. The table"
    )
    assert words_of(tree, "//section[@id='metric-1']/p") == [
        "Shown beside the others: it is not tested, and raises no alarm."
    ]
    tested, shown = (
        " ".join(words_of(tree, f"//section[@id='metric-{place}']//*[name()='svg'][1]")) for place in (0, 1)
    )
    assert "alarm above 20" in tested
    assert "alarm above" not in shown
    assert "It is of one snapshot and does not grow from one to the next." in page(timelines.corpus())
    week = render_week(document(timelines.corpus()), 4, [], links=Links())
    assert "<h1>Week 4.</h1>" in week
    assert 'id="answers"' not in week


def test_slices_stand_in_the_order_of_their_evidence_and_raise_no_alarm():
    tree = tree_of(ALARM)
    titles = words_of(tree, "//ul[@class='panels']/li/b")
    assert titles[0] == "language=de: Accuracy"
    assert "Worse: Accuracy of language=de. Slices raise no alarm." in page(ALARM)
    assert len(tree.xpath("//ul[@class='panels']/li[@class='worse']")) == 1
    large = tree_of(timelines.large())
    assert len(large.xpath("//ul[@class='panels']/li")) == 12
    assert len(large.xpath("//section[@id='slices']//tbody/tr")) == 48


def test_first_tokens_are_drawn_day_by_day_with_the_day_of_the_change():
    text = page(ALARM)
    assert "Changed on 48 days, first on 2026-05-17. Each look takes 24 tokens." in text
    assert "It did not change. Each look takes 24 tokens." in page(timelines.calm())
    assert 'id="fingerprints"' not in page(timelines.one_week())


def test_weeks_that_tell_most_are_those_of_a_change_an_alarm_and_the_last_one():
    assert weeks_to_look_at(document(ALARM)) == [20, 22, 26]
    assert weeks_to_look_at(document(timelines.calm())) == [26]
    assert weeks_to_look_at(document(timelines.no_weeks())) == []


def test_the_most_changed_answers_stand_on_the_page():
    shown = {26: rows_of(*timelines.pairs(26))}
    tree = tree_of(ALARM, pairs=shown)
    assert words_of(tree, "//section[@id='answers']/h3") == ["Week 26: 10 of 30 items lost, 10 gained"]
    assert words_of(tree, "//li[@class='pair lost']//h3") == [
        f"refund-{place:03d}" for place in range(0, 18, 3)
    ]
    sides = words_of(tree, "(//div[@class='sides'])[1]/div")
    assert sides == [
        "Before: model-2025-10 Order 0: a refund takes five working days. score 1",
        "After: model-2026-05 Order 0: refunds are not possible. score 0",
    ]
    assert "24 more items left off here." in page(ALARM, pairs=shown)


def test_a_long_answer_is_cut_and_can_be_unfolded():
    pair = replace(timelines.pairs(1)[0], after=("word " * 1000,), finishes_after=("length",))
    tree = lxml_html.fromstring(render_week(document(ALARM), 1, rows_of(pair), links=Links()))
    (folded,) = tree.xpath("//li[starts-with(@class, 'pair')]//details")
    assert len(folded.xpath("./blockquote")[0].text_content()) == 5000
    assert len(folded.getparent().xpath("./blockquote")[0].text_content()) <= 700
    assert "cut off at the limit of tokens" in tree.text_content()


def test_a_week_without_answers_or_figures_says_so():
    text = render_week(document(ALARM), 3, [], links=Links())
    assert "Week 3: no answers are kept." in text
    assert "No answers of this week are kept." in text


# --- that it is safe ---------------------------------------------------------------------------------


@pytest.mark.parametrize("name", WATCHES)
def test_a_page_of_its_own_loads_nothing_and_runs_nothing(name):
    watch = getattr(timelines, name)()
    text = page(watch, pairs={6: rows_of(timelines.hostile_pair(6))})
    assert "<script" not in text
    assert not re.search(r'(?:src|href)="(?!#)', text)
    assert not re.search("[\u202e\u202c\u200b\x1b]", text)
    tree = lxml_html.fromstring(text)
    assert not tree.xpath("//@*[starts-with(name(), 'on')]")


@given(st.data())
@settings(max_examples=40)
def test_no_document_however_broken_breaks_a_page(data):
    chance = data.draw(st.sampled_from([4, 15, 60]))
    whole = document(replace(timelines.judge_drift(), slices=ALARM.slices, fingerprints=ALARM.fingerprints))
    found = spoiled(whole, data.draw, chance)
    found = found if isinstance(found, dict) else {}
    pairs = [
        pair
        for pair in (spoiled(row, data.draw, chance) for row in rows_of(*timelines.pairs(1, 3)))
        if isinstance(pair, dict)
    ]
    for text in (
        render_watch(found, pairs={1: pairs}),
        render_watch(found, links=Links()),
        render_week(found, 1, pairs, links=Links(), part="language=de", show="lost", at=2),
    ):
        assert "</html>" in text
        drawn = re.sub(r"<style>.*?</style>", "", text, flags=re.DOTALL).lower().replace("finan", "")
        assert not re.search(r"\b(nan|inf)\b", drawn)


def test_a_served_page_links_to_its_parts_and_has_no_style_inside():
    tree = lxml_html.fromstring(render_watch(document(ALARM), links=Links(mark='"a"')))
    assert not tree.xpath("//style | //@style")
    assert set(tree.xpath("//link/@href | //script/@src")) == set(assets())
    assert tree.xpath("//meta[@name='watch-mark']/@content") == ['"a"']


def test_the_sheet_of_a_watch_names_no_colour_and_loads_nothing():
    sheet = assets()["/style.css"][1].decode().partition("/* Pages of a watch")[2]
    assert ".trail" in sheet
    assert not re.findall(r"#[0-9a-fA-F]{3,8}\b|rgb|hsl|url\(|@import", sheet)


def test_a_notice_needs_no_part():
    text = render_notice("No <way>", "Do this.")
    assert "No &lt;way&gt;" in text
    assert not re.search(r'(?:src|href)="(?!#)', text)


# --- pictures ----------------------------------------------------------------------------------------


def numbers_in(picture):
    """Every place that is drawn."""
    tree = etree.fromstring(str(picture))
    found = []
    for node in tree.iter():
        for key in ("x", "y", "x1", "x2", "y1", "y2", "cx", "cy"):
            found += [float(node.get(key))] if node.get(key) else []
        found += [float(part) for part in re.split("[ ,]", node.get("points") or "") if part]
    return found, tree


rates = st.floats(0, 1)
moments = st.lists(
    st.tuples(rates, rates, rates, st.floats(-300, 300), st.booleans()), min_size=1, max_size=70
).map(
    lambda rows: [
        Moment(
            week=week,
            value=value,
            low=max(0.0, value - reach),
            high=min(1.0, value + reach),
            baseline=baseline,
            drop=(-reach, value - baseline, reach),
            evidence=evidence,
            alarm=alarm,
            words="<b>",
        )
        for week, (value, reach, baseline, evidence, alarm) in enumerate(rows, start=1)
    ]
)


@given(moments, st.sampled_from([WIDE, COMPACT]), rates, st.sampled_from([0.0, 0.02]))
@settings(max_examples=40)
def test_pictures_of_any_weeks_are_well_formed_and_stay_inside(found, width, level, margin):
    calendar = Calendar(
        dates=[(moment.week, "2026-01-05") for moment in found],
        versions=[(moment.week, "a version with a long name") for moment in found[1::9]],
        address="/weeks/{}",
    )
    since = Since(week=len(found), low=max(1, len(found) - 2), high=len(found), label="since 2026-01-05")
    picture = monitored(
        Frame("p", "t", "d", width),
        found,
        calendar,
        threshold=1.3 + level,
        since=since,
        value_label="a",
        drop_label="b",
        evidence_label="c",
        margin=margin,
    )
    numbers, tree = numbers_in(picture)
    height = float(tree.get("viewBox").split()[3])
    assert all(-2 <= number <= max(width, height) + 2 for number in numbers)
    assert "<b>" not in str(picture)


def test_a_full_lane_is_an_alarm_and_says_so_in_words():
    read = watch_of(document(ALARM), None)
    tree = tree_of(ALARM)
    (svg,) = tree.xpath("//section[@id='glance']//*[name()='svg' and contains(@class, 'wide')]")
    assert words_of(svg, ".//*[name()='desc']")[0].startswith(
        "Accuracy: \u25bc worse since 2026-05-18; Diversity: no alarm"
    )
    alarmed = sum(moment.alarm for moment in read.series[0].moments)
    drawn = svg.xpath(".//*[name()='path' and @class='alarm']/@d")
    assert [path.count("M") for path in drawn] == [alarmed]


def test_one_look_and_no_lane_are_drawn_too():
    assert "<svg" in looks(
        Frame("p", "t", "d", WIDE),
        [Look(date="2026-01-05", distance=0.0, limit=0.0, changed=False)],
        label="l",
    )
    assert "<svg" in overview(Frame("p", "t", "d", WIDE), [], Calendar(dates=[(1, "2026-01-05")]))


@pytest.mark.parametrize(
    ("log10", "written"),
    [
        (-300.0, "below 0.01"),
        (-1.0, "0.1"),
        (0.0, "1"),
        (1.30103, "20"),
        (3.5, "3\u202f162"),
        (6.0, "10^6"),
        (300.0, "10^300"),
    ],
)
def test_evidence_is_written_for_people(log10, written):
    assert written_evidence(log10) == written


# --- size --------------------------------------------------------------------------------------------


def test_a_year_of_six_metrics_in_eight_slices_is_drawn_at_once_and_stays_light():
    found = document(timelines.large())
    render_watch(found)
    start = time.process_time()
    text = render_watch(found)
    assert time.process_time() - start < 1
    assert len(text.encode()) < 450_000
    assert len(page(ALARM).encode()) < 250_000


# --- golden ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["alarm", "judge_drift", "one_week", "no_weeks"])
def test_the_words_of_the_page_stay_as_they_were_looked_at(name):
    watch = getattr(timelines, name)()
    tree = tree_of(
        watch, pairs={week: rows_of(*timelines.pairs(week, 3)) for week in weeks_to_look_at(document(watch))}
    )
    for node in tree.xpath("//style | //*[name()='svg']"):
        node.drop_tree()
    lines = [" ".join(line.split()) for line in tree.text_content().splitlines()]
    text = "\n".join(line for line in lines if line) + "\n"
    assert_golden(f"watch-{name}.txt", re.sub(r"Version\n[0-9.]+", "Version\n(any)", text))


def test_of_many_answers_to_one_item_the_first_are_open_and_the_rest_folded():
    (pair, *_) = timelines.pairs(20)
    many = replace(pair, before=tuple(f"answer {n}" for n in range(16)), scores_before=(1.0,) * 16)
    tree = lxml_html.fromstring(render_week(document(ALARM), 20, rows_of(many), links=Links()))
    folded = words_of(tree, "//div[@class='sides']//details/summary")
    assert folded == ["12 more"]
    assert len(tree.xpath("//div[@class='sides']//details//blockquote")) == 12
    assert len(tree.xpath("//div[@class='sides']/div[1]/div[@class='answer']")) == 4
