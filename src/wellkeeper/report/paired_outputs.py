"""What two versions answered to the same items, for people to look at.

Pairs come as they were kept, thousands of them, of any length; what hides in their text is written out for those alone
that are shown, and for no more of each than is shown.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from wellkeeper.report.blocks import Answer, Pair, Pairs
from wellkeeper.report.numbers import THIN
from wellkeeper.report.reading import number, text, texts
from wellkeeper.report.visible import clip, one_line, visible, visible_tree

Document = Mapping[str, Any]

_EXCERPT, _WHOLE = 700, 20_000  # letters of a prompt or an answer
_NAME = 60  # letters


def counted(pairs: Sequence[Document]) -> str:
    """How many items were lost and gained, in words."""
    items, lost, gained = (len(chosen_pairs(pairs, "", kind)) for kind in ("all", "lost", "gained"))
    if not items:
        return "no answers are kept"
    if not lost and not gained:
        return f"none of {THIN.of(items, 'item')} changed"
    return f"{THIN.count(lost)} of {THIN.of(items, 'item')} lost, {THIN.count(gained)} gained"


def chosen_pairs(pairs: Sequence[Document], part: str, show: str) -> list[Document]:
    """Pairs of a slice, by its name as it is shown, that were lost, gained, or all of them."""
    return [pair for pair in pairs if show in {"all", _kind(pair)} and (not part or part in slices_of(pair))]


def slices_of(pair: Document) -> list[str]:
    """Names of the slices that a pair is of, as they are shown."""
    return [visible(name) for name in texts(pair.get("slices"))]


def _kind(pair: Document) -> str:
    """Whether an item was lost, gained or neither."""
    change = number(pair.get("change")) or 0.0
    return "lost" if change < 0 else "gained" if change > 0 else "unchanged"


def most_changed(pairs: Sequence[Document]) -> list[Document]:
    """Lost ones first, then gained ones, the most changed first; then those that did not change."""
    order = ("lost", "gained", "unchanged")
    return sorted(pairs, key=lambda pair: (order.index(_kind(pair)), -abs(number(pair.get("change")) or 0.0)))


def paired(pairs: Sequence[Document], *, before: str, after: str) -> Pairs:
    """The pairs under the names of the two versions."""
    return Pairs(
        f"Before: {before}", f"After: {after}", [_pair(visible_tree(_bounded(row))) for row in pairs]
    )


def _bounded(value: Any) -> Any:
    """The same with every string cut, a little later than it will be."""
    if isinstance(value, str):
        return value[: _WHOLE + 1]
    if isinstance(value, Mapping):
        return {key: _bounded(item) for key, item in value.items()}
    return [_bounded(item) for item in value] if isinstance(value, list | tuple) else value


def _pair(row: Document) -> Pair:
    kind, size = _kind(row), abs(number(row.get("change")) or 0.0)
    return Pair(
        title=one_line(text(row.get("item"), "(unnamed)"), 80),
        note=", ".join(one_line(name, _NAME) for name in texts(row.get("slices"))),
        tone=kind,
        change=kind if size in {0.0, 1.0} else f"{kind} {size:.2g}",
        prompt=_answer(text(row.get("prompt"), "(the log has no prompt)"), ""),
        wanted=one_line("; ".join(texts(row.get("references"))), 300),
        before=_side(row, "before"),
        after=_side(row, "after"),
    )


def _side(row: Document, which: str) -> list[Answer]:
    written = row.get(which)
    scores, finishes = row.get(f"scores_{which}"), row.get(f"finishes_{which}")
    found = []
    for place, answer in enumerate(written if isinstance(written, list) else []):
        score = number(_item(scores, place))
        finish = one_line(text(_item(finishes, place)), 20)
        told = ["score unknown" if score is None else f"score {score:.3g}"] if scores else []
        told += [_FINISHES.get(finish, finish)] if finish not in {"", "stop"} else []
        found.append(_answer(text(answer, "(nothing)"), ", ".join(told)))
    return found


_FINISHES = {"length": "cut off at the limit of tokens"}


def _item(values: Any, place: int) -> Any:
    return values[place] if isinstance(values, list) and place < len(values) else None


def _answer(written: str, note: str) -> Answer:
    whole = clip(written, _WHOLE) if len(written) > _EXCERPT else ""
    return Answer(clip(written, _EXCERPT), note, whole)
