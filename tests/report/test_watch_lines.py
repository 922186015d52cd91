"""A watch as lines: one fact each, hostile names made visible, and nothing is missed that is not there."""

from io import StringIO

from rich.console import Console

from wellkeeper.report.watch_lines import answer_lines, print_watch, watch_lines


def point(week, value, evidence=0.0, **more):
    return {
        "week": week, "value": value, "low": value - 0.1, "high": value + 0.1, "baseline": 0.7, "evidence": evidence,
        **more,
    }  # fmt: skip


SLICE = {
    "label": "Accuracy",
    "slice": "language=de\x1b[2J",
    "verdict": "worse",
    "threshold": 1.6,
    "points": (point(2, 0.4, 2.0),),
}
DOCUMENT = {
    "name": "bot\u202e",
    "headline": "Accuracy fell.",
    "verdict": "worse",
    "design": "paired",
    "items": 1200,
    "level": 0.05,
    "horizon": 52,
    "weeks": ({"is_complete": True}, {"is_complete": False}),
    "series": (
        {
            "label": "Accuracy",
            "verdict": "worse",
            "threshold": 1.6,
            "points": (point(1, 0.7), point(2, 0.5, 2.5)),
            "change": {"week": 2, "low": 1, "high": 2, "date": "2026-01-12"},
        },
        {"label": "Diversity", "verdict": "not enough data", "threshold": 1.6, "points": ()},
    ),
    "slices": (SLICE, {**SLICE, "slice": "language=en", "verdict": "no alarm"}),
    "fingerprints": ({"date": "2026-01-12", "distance": 0.21, "limit": 0.01, "changed": True, "tokens": 24},),
    "notes": ("Evidence begins anew\nwith week 1.",),
    "next_step": "Look.",
    "run": {"said": ("The webhook was told of the alarm.",)},
}

WORSE = (
    "worse  Accuracy: 50.0% (40.0%-60.0%) against 70.0% in week 2; evidence 10^2.50 of 10^1.60; since about week 2, "
    "2026-01-12 (weeks 1 to 2)"
)
GERMAN = "worse  Accuracy, language=de[U+001B][2J: 40.0% (30.0%-50.0%) against 70.0% in week 2; evidence 10^2.00 of 10^1.60"


def test_a_watch_is_one_fact_a_line():
    assert watch_lines(DOCUMENT) == [
        "bot[U+202E]: Accuracy fell.",
        "paired design, 1,200 items, 1 week run; of years without a change at most 5% raise an alarm within 52 weeks",
        WORSE,
        "not enough data  Diversity: no week yet",
        GERMAN,
        "Fingerprint changed on 2026-01-12: 0.21, limit 0.01",
        "The webhook was told of the alarm.",
        "Note: Evidence begins anew with week 1.",
        "Next: Look.",
    ]


def test_a_console_gets_the_same_lines_unwrapped():
    file = StringIO()
    print_watch(DOCUMENT, Console(file=file, width=30))
    assert file.getvalue().splitlines() == watch_lines(DOCUMENT)


def test_answers_of_a_week_are_told_with_their_scores():
    pair = {
        "item": "a",
        "change": -0.5,
        "prompt": "2 + 2?\n",
        "before": ("4",),
        "after": ("5", "4"),
        "scores_before": (1.0,),
        "scores_after": (0.0, None),
    }
    assert answer_lines([pair, pair], 3, 1) == [
        "Week 3: 2 items, largest losses first",
        "a  -0.50  2 + 2?",
        "  before 1.00: 4",
        "  after 0.00: 5",
        "  after: 4",
    ]
