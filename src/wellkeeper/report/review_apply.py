"""What applying a review did, in lines: what people decided, what came of it, and what nobody decided."""

from collections.abc import Mapping, Sequence
from typing import Any

from wellkeeper.report.numbers import COMMA
from wellkeeper.report.reading import integer, rows, table, text
from wellkeeper.report.visible import one_line, visible_tree

_SHOWN = 20  # documents that are told one by one
_CHANGES = {
    "dropped": "dropped",
    "held_back": "held back by a later step",
    "replaced": "dropped for the other of a pair",
    "restored": "restored",
    "survivor": "dropped for another one than before",
    "origin": "of another origin",
}
FATES: Mapping[str, str] = {"keep": "kept", "drop": "dropped", "review": "held back"}
"""What became of a document, by its decision."""


def apply_lines(document: Mapping[str, Any]) -> list[str]:
    """The document of `wellkeeper.review-apply/1` as plain lines, one fact each."""
    document = visible_tree(document)
    lines = [_head(document)]
    changed = {name: integer(count) for name, count in table(document, "changed").items()}
    lines += [
        f"{COMMA.count(changed[name])} {words}" for name, words in _CHANGES.items() if changed.get(name)
    ]
    if already := integer(document.get("already")):
        lines.append(f"{COMMA.count(already)} stood so already")
    lines += [_change(row) for row in rows(document.get("changes"))[:_SHOWN]]
    lines += _more(len(rows(document.get("changes"))), sum(changed.values()))
    lines += [_refused(row) for row in rows(document.get("not_applied"))]
    lines += _by_the_mix(document)
    lines += [str(sentence) for sentence in document.get("said") or ()]
    folder = text(table(document, "paths").get("folder"))
    return lines + ([f"folder: {folder}"] if folder else [])


def _head(document: Mapping[str, Any]) -> str:
    reviews = rows(document.get("reviews"))
    settled, conflicts, waiting = (
        sum(integer(row.get(name)) for row in reviews) for name in ("settled", "conflicts", "waiting")
    )
    left = [
        f"{COMMA.count(count)} {words}"
        for count, words in ((conflicts, "in conflict"), (waiting, "not answered by enough"))
        if count
    ]
    verb = "Would be applied" if document.get("dry_run") else "Applied"
    return (
        f"{verb}: {COMMA.of(settled, 'settled item')} about {COMMA.of(integer(document.get('documents')), 'document')}"
        + (f"; {', '.join(left)}" if left else "")
    )


def _change(row: Mapping[str, Any]) -> str:
    before, after = table(row, "before"), table(row, "after")
    parts = []
    if before.get("decision") != after.get("decision"):
        parts.append(f"{_fate(before)}, now {_fate(after)}")
    if before.get("origin") != after.get("origin"):
        parts.append(f"{text(before.get('origin'))}, now {text(after.get('origin'))}")
    survivor = text(after.get("survivor_id"))
    if survivor and survivor != text(before.get("survivor_id")):
        parts.append(f"in favour of {one_line(survivor, 60)}")
    said = ", ".join(str(label) for label in row.get("labels") or ())
    who = ", ".join(str(name) for name in row.get("reviewers") or ())
    lines = [str(line) for line in row.get("entries") or ()]
    by = (
        f" ({said}, by {who}; log {'line' if len(lines) == 1 else 'lines'} {', '.join(lines)})"
        if said
        else ""
    )
    return f"  {one_line(text(row.get('id')), 60)}: {'; '.join(parts)}{by}"


def _fate(state: Mapping[str, Any]) -> str:
    fate = FATES.get(text(state.get("decision")), text(state.get("decision")))
    step, reason = text(state.get("step")), text(state.get("reason"))
    return f"{fate} by {step} ({one_line(reason, 60)})" if fate != "kept" and step else fate


def _refused(row: Mapping[str, Any]) -> str:
    ids = [one_line(str(one), 60) for one in row.get("ids") or ()]
    count = COMMA.of(integer(row.get("documents")), "document")
    return f"Not applied to {count}: {text(row.get('reason'))} ({_some(ids)})"


def _some(ids: Sequence[str]) -> str:
    return ", ".join(ids[:3]) + (", ..." if len(ids) > 3 else "")


def _by_the_mix(document: Mapping[str, Any]) -> list[str]:
    lines = []
    left_out = [one_line(str(one), 60) for one in document.get("left_out") or ()]
    if left_out:
        verb = "is" if len(left_out) == 1 else "are"
        lines.append(
            f"{COMMA.of(len(left_out), 'document')} that people kept {verb} left out by the mix: {_some(left_out)}"
        )
    others = integer(document.get("others_changed"))
    if others:
        lines.append(f"Decided by nobody, and changed by what follows: {COMMA.of(others, 'document')}")
        lines += [_change(row) for row in rows(document.get("others"))[:_SHOWN]]
        lines += _more(min(others, len(rows(document.get("others")))), others)
    for name, words in (("new", "is new in the corpus"), ("gone", "is no longer in the corpus")):
        if count := integer(document.get(name)):
            lines.append(
                f"{COMMA.of(count, 'document')} {words if count == 1 else words.replace('is', 'are', 1)}"
            )
    return lines


def _more(told: int, all_: int) -> list[str]:
    hidden = max(0, all_ - min(told, _SHOWN)) if all_ > _SHOWN else 0
    return [f"  and {COMMA.count(hidden)} more; --json lists them"] if hidden else []
