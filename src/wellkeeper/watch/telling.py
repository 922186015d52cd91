"""What a watch says to people: one sentence of what was found, and one of what to do about it."""

from collections.abc import Sequence

from wellkeeper.watch.timeline import Design, Point, Series, Verdict, Week

_RENEW = "once it is dealt with, begin anew: wellkeeper watch renew DIR"


def headline_of(series: Sequence[Series], verdict: Verdict, *, reference: str, weeks: Sequence[Week]) -> str:
    """What was found, in one or two sentences."""
    if not weeks:
        return "No week was run yet."
    worse = [one for one in series if one.verdict == "worse" and one.metric != "judge"]
    judge = next((one for one in series if one.metric == "judge" and one.verdict == "worse"), None)
    said = [_of(one, reference) for one in worse]
    if judge is not None:
        said.append(
            f"The judge changed{_since(judge)}: what it says of answers cannot be laid to the system."
        )
    if said:
        return " ".join(said)
    ran = "1 week" if len(weeks) == 1 else f"{len(weeks)} weeks"
    if verdict == "no alarm":
        return f"No alarm in {ran} against {reference}."
    return (
        f"Not enough data after {ran} against {reference}: not even a total loss would have raised an alarm."
    )


def next_step_of(series: Sequence[Series], verdict: Verdict, design: Design) -> str:
    """What to do about it, in one sentence."""
    if design == "corpus":
        return (
            f"See what was lost: DIR/snapshots/N/against-first/report.html; {_RENEW}"
            if verdict == "worse"
            else "Go on: run it again with the next snapshot."
        )
    if verdict == "worse":
        return f"Look at what was lost: wellkeeper watch report DIR --week N; {_RENEW}"
    if any(one.metric == "judge" and one.verdict == "worse" for one in series):
        return f"Restore the judge's version, or label some of this week's answers by hand; {_RENEW}"
    if verdict == "no alarm":
        return "Go on: run it again next week."
    return "Go on, with more items a week if it is to tell sooner."


def _of(series: Series, reference: str) -> str:
    last = series.points[-1]
    name = series.label[:1].upper() + series.label[1:]
    values = f"{last.baseline:.1%} -> {last.value:.1%} in week {last.week}"
    return f"{name}: worse than {reference}, {values}{_band(last)}{_since(series)}."


def _band(point: Point) -> str:
    if point.drop is None or point.drop_low is None or point.drop_high is None:
        return ""
    low, high = 100 * point.drop_low, 100 * point.drop_high
    return (
        f", {100 * point.drop:.1f} points worse over all weeks (95 %, always valid: {low:.1f} to {high:.1f})"
    )


def _since(series: Series) -> str:
    change = series.change
    if change is None:
        return ""
    span = f"week {change.week}" if change.low == change.high else f"week {change.low} to {change.high}"
    return f", since about week {change.week} ({change.date}; {span})"
