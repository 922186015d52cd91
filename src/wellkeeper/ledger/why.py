"""The whole story of one document: what was seen in it, what was decided, and in whose favour.

A question costs a scan of one narrow column and the few row groups that hold the answer, so that it takes
well under a second over a million documents.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.dataset as ds

from wellkeeper.core.decision import Decision, SpanAction
from wellkeeper.core.evidence import BY_NAME, KINDS
from wellkeeper.core.lineage import DEEPEST
from wellkeeper.core.optouts import allowed_by, denied_by
from wellkeeper.core.origin import SYNTHETIC, Origin
from wellkeeper.core.rights import is_open
from wellkeeper.errors import InputError
from wellkeeper.ledger.find import nothing_fits, place_of, position_of, rows_with, same_file
from wellkeeper.ledger.folder import Kind, open_part_tables, read_quarantine
from wellkeeper.ledger.manifest import MANIFEST, read_manifest
from wellkeeper.ledger.review_log import SAID, STEP, Spoken, spoken_of
from wellkeeper.ledger.rows import MATCHED_CHARS

SCHEMA = "wellkeeper.why/1"

FORGOTTEN = "forget"
"""The `step` of a tombstone: a document that was removed after the set was made (`wellkeeper.ledger.forget`)."""

_SHOWN = 20  # documents on a terminal; JSON has all
_UNKNOWN = 1 << 62  # bytes of a record that could not be read: more than any excerpt has

# The order of `keep` in exact- and near-duplicates.v1 where the recipe does not set another.
_KEEP = ("human", "earliest", "licensed", "longest")


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """One piece of evidence. `start` and `end` are bytes of the text's UTF-8; None for the whole document."""

    kind: str
    title: str
    strength: str
    weight: float  # log10 likelihood ratio, positive towards AI
    start: int | None
    end: int | None
    matched: str | None
    tool: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Survivor:
    """A document that was preferred to another; `preferred` says by which criterion, '' if none is known."""

    row: int
    id: str
    source: str
    origin: str
    licence: str | None
    captured_at: datetime | None
    decision: str
    step: str | None
    preferred: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Overlap:
    """An item of an evaluation set that the document holds; bytes are of the text's UTF-8."""

    step: str
    set: str
    item: str
    field: str  # of the item, whose text the document holds
    others: int  # further items that have the same text
    share: float  # of the text's own words that the document has
    item_words: int  # how many these are
    start: int  # of the longest stretch in common
    end: int
    matched: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Repeated:
    """A span of the document that stands, word for word, in another, the holder; bytes are of the text's UTF-8."""

    start: int
    end: int
    words: int
    holder: int  # ledger row
    holder_id: str
    holder_start: int
    holder_end: int
    frequency: int  # documents that have the rarest run of the step's `words` words in it
    action: str
    step: str
    matched: str


@dataclass(frozen=True, slots=True, kw_only=True)
class DocumentStory:
    """One row of the ledger, with its evidence and, where it is a duplicate, who stayed in its place.

    `record` has the columns of `wellkeeper.ledger.rows.DOCUMENTS`, the hash as 64 hexadecimal digits.
    `survivors` starts with the document named in the row; if that one was itself dropped in favour of
    another, the other follows, and so on. `reviews` has what people said of the document, `repeated` the spans that
    repeat other documents, `overlaps` the items of evaluation sets that the document holds.
    """

    record: Mapping[str, Any]
    sentence: str
    evidence: tuple[Seen, ...]
    survivors: tuple[Survivor, ...]
    reviews: tuple[Spoken, ...] = ()
    repeated: tuple[Repeated, ...] = ()
    overlaps: tuple[Overlap, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class QuarantineStory:
    """A record that was read and could not become a document."""

    file: str
    line: int
    offset: int
    code: str
    reason: str
    excerpt: str
    sentence: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Story:
    """The answer to one question: every document and every quarantined record that it fits."""

    query: str
    documents: tuple[DocumentStory, ...]
    quarantined: tuple[QuarantineStory, ...]

    def to_json(self) -> dict[str, Any]:
        """Schema `wellkeeper.why/1`; times are ISO 8601 in UTC."""
        return {
            "schema": SCHEMA,
            "query": self.query,
            "documents": [_document_json(story) for story in self.documents],
            "quarantined": [_plain(story) for story in self.quarantined],
        }

    def lines(self) -> list[str]:
        """The story for a terminal."""
        lines: list[str] = []
        for document in self.documents[:_SHOWN]:
            lines += [*([""] if lines else []), *_document_lines(document)]
        if len(self.documents) > _SHOWN:
            lines += ["", f"... and {len(self.documents) - _SHOWN:,} more; --json lists all of them"]
        for record in self.quarantined:
            lines += [*([""] if lines else []), *_quarantine_lines(record)]
        return lines


def why(folder: Path | str, query: str) -> Story:
    """Tell what became of the document or record that `query` names.

    `query` is an id; or the first 8 or more hexadecimal digits of a text's SHA-256; or `file:line`, where the
    end of the file's path is enough. An id wins over a hash, and a hash over a position. Several documents
    with one id or one text are all told. A position also finds quarantined records, and damage of its file.

    Raises:
        InputError: the folder holds no ledger, or nothing in it fits the query.
    """
    folder = Path(folder)
    try:
        return _told(folder, query)
    except (pa.ArrowException, OSError) as error:
        raise InputError(
            f"The ledger in {folder} cannot be read: {error}. Restore the file, or run the recipe again."
        ) from error


def _told(folder: Path, query: str) -> Story:
    documents = open_part_tables(folder, "documents")
    quarantined = _quarantined(folder, position_of(query))
    rows = rows_with(folder, documents, query)
    if not rows and not any(record.line for record in quarantined):
        raise nothing_fits(folder, documents, query)
    return Story(query=query, documents=_stories(folder, documents, rows), quarantined=quarantined)


def _quarantined(folder: Path, position: tuple[str, int] | None) -> tuple[QuarantineStory, ...]:
    if position is None:
        return ()
    wanted, line = position
    records = read_quarantine(folder).to_pylist()
    return tuple(
        QuarantineStory(**record, sentence=_quarantine_sentence(record))
        for record in records
        if same_file(record["file"], wanted) and record["line"] in (line, 0)
    )


def _read(documents: ds.Dataset, rows: Sequence[int]) -> dict[int, dict[str, Any]]:
    """The full records of some rows; rows are in order, so that statistics leave few row groups to read."""
    if not rows:
        return {}
    number: Any = ds.field("row")
    wanted = (number >= min(rows)) & (number <= max(rows)) & number.isin(sorted(set(rows)))
    records = documents.to_table(filter=wanted).to_pylist()
    for record in records:
        record["content_hash"] = record["content_hash"].hex()
    return {record["row"]: record for record in records}


def _stories(folder: Path, documents: ds.Dataset, rows: Sequence[int]) -> tuple[DocumentStory, ...]:
    records = _read(documents, rows)
    known = dict(records)
    missing = _survivors_of(records.values(), known)
    while missing:
        found = _read(documents, missing)
        known |= found
        missing = _survivors_of(found.values(), known)
    seen = _pieces(folder, "evidence", rows)
    spans = _pieces(folder, "spans", rows)
    overlaps = _pieces(folder, "overlaps", rows)
    keep = _KeepOrder(folder)
    names = {row: (record["id"], record["content_hash"]) for row, record in records.items()}
    said = spoken_of(folder, names.values())
    return tuple(
        replace(
            _story(record, known, seen.get(row, []), spans.get(row, []), overlaps.get(row, []), keep),
            reviews=tuple(said.get(names[row], ())),
        )
        for row, record in sorted(records.items())
    )


def _survivors_of(records: Any, known: Mapping[int, Any]) -> list[int]:
    named = {record["survivor"] for record in records}
    return sorted(row for row in named if row is not None and row not in known)


def _pieces(folder: Path, kind: Kind, rows: Sequence[int]) -> dict[int, list[dict[str, Any]]]:
    """What the ledger's parts of a kind tell of some rows, by row."""
    found: dict[int, list[dict[str, Any]]] = {}
    if rows:
        number: Any = ds.field("row")
        wanted = (number >= min(rows)) & (number <= max(rows)) & number.isin(sorted(set(rows)))
        for piece in open_part_tables(folder, kind).to_table(filter=wanted).to_pylist():
            found.setdefault(piece["row"], []).append(piece)
    return found


def _story(
    record: Mapping[str, Any],
    known: Mapping[int, dict[str, Any]],
    pieces: list[dict[str, Any]],
    spans: list[dict[str, Any]],
    overlaps: list[dict[str, Any]],
    keep: "_KeepOrder",
) -> DocumentStory:
    survivors: list[Survivor] = []
    loser, told = record, {record["row"]}
    while loser["survivor"] is not None and loser["survivor"] not in told and loser["survivor"] in known:
        winner = known[loser["survivor"]]
        told.add(winner["row"])
        chosen = loser["step"] == STEP
        preferred = "readers chose it" if chosen else _preferred(winner, loser, keep.of(loser["step"]))
        survivors.append(_survivor(winner, preferred))
        loser = winner
    return DocumentStory(
        record=record,
        sentence=_sentence(record, survivors),
        evidence=_seen(record, pieces),
        survivors=tuple(survivors),
        repeated=tuple(Repeated(**_without_row(span)) for span in spans),
        overlaps=tuple(Overlap(**_without_row(overlap)) for overlap in overlaps),
    )


def _without_row(piece: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in piece.items() if name not in ("row", "id")}


def _survivor(winner: Mapping[str, Any], preferred: str) -> Survivor:
    names = ("row", "id", "source", "origin", "licence", "captured_at", "decision", "step")
    return Survivor(**{name: winner[name] for name in names}, preferred=preferred)


def _seen(record: Mapping[str, Any], pieces: list[dict[str, Any]]) -> tuple[Seen, ...]:
    """Evidence rows in the order of the text, then kinds that only the mask tells of."""
    rows = [
        Seen(
            title=BY_NAME[piece["kind"]].title if piece["kind"] in BY_NAME else piece["kind"],
            **{name: value for name, value in piece.items() if name not in ("row", "id")},
        )
        for piece in sorted(pieces, key=lambda piece: (piece["start"] is not None, piece["start"] or 0))
    ]
    told = {piece.kind for piece in rows}
    rows += [
        Seen(
            kind=kind.name,
            title=kind.title,
            strength=kind.strength.label,
            weight=kind.weight,
            start=None,
            end=None,
            matched=None,
            tool=None,
        )
        for kind in KINDS
        if record["evidence_mask"] >> kind.bit & 1 and kind.name not in told
    ]
    return tuple(rows)


class _KeepOrder:
    """The criteria by which each step of the recipe chose survivors; the manifest is read at need, once."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._steps: dict[str, Any] | None = None

    def of(self, step: str | None) -> Sequence[Any]:
        if self._steps is None:
            self._steps = self._read()
        options = self._steps.get(step or "")
        keep = options.get("keep") if isinstance(options, Mapping) else None
        return keep if isinstance(keep, list) else _KEEP

    def _read(self) -> dict[str, Any]:
        if not (self._folder / MANIFEST).is_file():
            return {}
        steps = read_manifest(self._folder)["recipe"].get("steps") or []
        return {
            name: options for step in steps if isinstance(step, Mapping) for name, options in step.items()
        }


def _origin_rank(label: str) -> int:
    ranks = {Origin.HUMAN.label: 0, Origin.AI_ASSISTED.label: 1, **{origin.label: 3 for origin in SYNTHETIC}}
    return ranks.get(label, 2)


def _licence_rank(licence: str | None) -> int:
    return 2 if licence is None else 0 if is_open(licence) else 1


def _preferred(winner: Mapping[str, Any], loser: Mapping[str, Any], keep: Sequence[Any]) -> str:
    """The first criterion of `keep` on which the two differ, in words; '' where the ledger cannot tell."""
    for criterion in keep:
        if isinstance(criterion, Mapping):
            difference, words = _by_source(winner, loser, criterion.get("source") or ())
        else:
            difference, words = _CRITERIA.get(criterion, _no_difference)(winner, loser)
        if difference:
            return words if difference < 0 else ""
    return "it comes first in the input" if winner["row"] < loser["row"] else ""


def _no_difference(_winner: Mapping[str, Any], _loser: Mapping[str, Any]) -> tuple[float, str]:
    return 0, ""


def _human(winner: Mapping[str, Any], loser: Mapping[str, Any]) -> tuple[float, str]:
    origin = winner["origin"]
    words = (
        f"it is {origin}"
        if origin != Origin.UNKNOWN.label
        else f"its origin is unknown and not {loser['origin']}"
    )
    return _origin_rank(origin) - _origin_rank(loser["origin"]), words


def _earliest(winner: Mapping[str, Any], loser: Mapping[str, Any]) -> tuple[float, str]:
    mine, other = winner["captured_at"], loser["captured_at"]
    if mine is None or other is None:
        return (mine is None) - (other is None), "it has a capture date"
    return (mine - other).total_seconds(), f"it was captured earlier, on {mine:%Y-%m-%d}"


def _licensed(winner: Mapping[str, Any], loser: Mapping[str, Any]) -> tuple[float, str]:
    licence = winner["licence"]
    words = f"its licence is {'open' if is_open(licence) else 'known'} ({licence})"
    return _licence_rank(licence) - _licence_rank(loser["licence"]), words


def _labelled(winner: Mapping[str, Any], loser: Mapping[str, Any]) -> tuple[float, str]:
    unknown = Origin.UNKNOWN.label
    words = f"its origin is known ({winner['origin']})"
    return (winner["origin"] == unknown) - (loser["origin"] == unknown), words


def _by_source(
    winner: Mapping[str, Any], loser: Mapping[str, Any], preferred: Sequence[str]
) -> tuple[float, str]:
    place = {name: number for number, name in enumerate(preferred)}
    mine, other = (
        min(place.get(record[column], len(place)) for column in ("group", "source"))
        for record in (winner, loser)
    )
    return mine - other, f"it comes from {preferred[mine] if mine < len(preferred) else 'another source'}"


def _longest(winner: Mapping[str, Any], loser: Mapping[str, Any]) -> tuple[float, str]:
    return loser["bytes"] - winner["bytes"], "it is longer"


def _rights(record: Mapping[str, Any]) -> str:
    """Licence and consent, and which signals speak on which side."""
    mask = record.get("rights_signals") or 0
    sides = (("denied", denied_by(mask)), ("allowed", allowed_by(mask)))
    said = "; ".join(f"{verb} by {', '.join(kinds)}" for verb, kinds in sides if kinds)
    return f"licence {record['licence'] or 'unknown'}, consent {record['consent']}" + (
        f" ({said})" if said else ""
    )


def _depth_lines(depth: int) -> list[str]:
    return [f"  depth     {depth}, counted in generations of models"] if 0 < depth <= DEEPEST else []


_CRITERIA = {
    "human": _human,
    "labelled": _labelled,
    "earliest": _earliest,
    "licensed": _licensed,
    "longest": _longest,
}


def _sentence(record: Mapping[str, Any], survivors: Sequence[Survivor]) -> str:
    decision, step = record["decision"], record["step"]
    if record["against"] is not None:
        alike = "the same text" if record["score"] == 1 else f"similarity {_similarity(record['score'])}"
        theirs = f"the earlier set {record['against']} has it already, as {record['survivor_id']}"
        return f"dropped because {theirs}: {alike}"
    if decision == Decision.KEEP.label:
        weight = record["weight"]
        weighed = "" if weight in (None, 1.0) else f", with sampling weight {weight:.4g}"
        words = record.get("cut_words")
        cut = f", less {words:,} of {record['words']:,} words of its text" if words else ""
        return (f"kept by {step}: {_why(record)}" if step else "kept: no step objected") + weighed + cut
    if step == FORGOTTEN:
        return "forgotten: it was removed on request, and manifest.json says when and why"
    verb = "dropped" if decision == Decision.DROP.label else "held back for a person to review"
    return f"{verb} by {step}: {_grounds(record, survivors)}"


_SCORES = {
    "style-flag": "p-value",
    "weighed-by-origin": "probability of AI",
    "weighed-by-template": "documents of its template",
}
"""What a score is, for reasons that need more than its value to be understood."""


def _named(record: Mapping[str, Any]) -> str:
    """The reason, with its score where it is known what that is."""
    reason, score = str(record["reason"]), record["score"]
    return f"{reason} ({_SCORES[reason]} {score:.4g})" if reason in _SCORES and score is not None else reason


def _why(record: Mapping[str, Any]) -> str:
    """The reason of a step; of people, what they said."""
    if record["step"] != STEP:
        return _named(record)
    return f"people said {str(record['reason']).removeprefix(SAID)}"


def _grounds(record: Mapping[str, Any], survivors: Sequence[Survivor]) -> str:
    score = record["score"]
    if (record["step"] or "").startswith("decontaminate") and score is not None:
        return f"{record['reason']}, {_share(score)} of it"
    if record["step"] == "mix" and record["reason"] == "weight" and score is not None:
        return f"its sampling weight of {score:.4g} drew no copy"
    if record["step"] == STEP:
        what = _why(record)
        if record["survivor"] is None:
            return what
        fate = _fate(survivors[0]) if survivors else "whose row this ledger does not hold"
        return f"{what}, in favour of {record['survivor_id']}, {fate}"
    if record["survivor"] is None:
        named = _named(record)
        return named if score is None or named != record["reason"] else f"{named} (value {score:.4g})"
    if (record["step"] or "").startswith("exact-duplicates"):
        alike = "the same text as"
    else:
        alike = _alike(record["step"] or "", score)
    fate = _fate(survivors[0]) if survivors else "whose row this ledger does not hold"
    return f"{alike} {record['survivor_id']}, {fate}"


def _alike(step: str, score: float | None) -> str:
    if score is None:
        return "a duplicate of"
    if step.startswith("repeated-passages"):
        return f"{score:.0%} of its words stand in passages of other documents, most of them in"
    measure = "cosine similarity" if step.startswith("semantic-duplicates") else "similarity"
    return f"{measure} {_similarity(score)} with"


def _similarity(score: float) -> str:
    """Two decimals, and never 1.00 for texts that differ."""
    return f"{min(score, 0.99) if score < 1 else score:.2f}"


def _fate(survivor: Survivor) -> str:
    because = f" because {survivor.preferred}" if survivor.preferred else ""
    if survivor.decision == Decision.KEEP.label:
        return f"which was kept{because}"
    return f"which was preferred{because} and later {_FATES[survivor.decision]} by {survivor.step}"


def _quarantine_sentence(record: Mapping[str, Any]) -> str:
    place = place_of(record["file"])
    whole = "a part of the file" if record["line"] == 0 else f"{place} {record['line']}"
    return f"not a document: {whole} was quarantined as {record['code']}. {record['reason']}"


def _plain(value: Any) -> dict[str, Any]:
    return {name: _iso(getattr(value, name)) for name in value.__slots__}


def _iso(value: Any) -> Any:
    return value.isoformat() if isinstance(value, datetime) else value


def _document_json(story: DocumentStory) -> dict[str, Any]:
    return {name: _iso(value) for name, value in story.record.items()} | {
        "sentence": story.sentence,
        "evidence": [_plain(piece) for piece in story.evidence],
        "survivors": [_plain(survivor) for survivor in story.survivors],
        "reviews": [_plain(spoken) | {"said": _plain(spoken.said)} for spoken in story.reviews],
        "repeated": [_plain(span) for span in story.repeated],
        "overlaps": [_plain(overlap) for overlap in story.overlaps],
    }


def _document_lines(story: DocumentStory) -> list[str]:
    record = story.record
    if record["step"] == FORGOTTEN:
        return [record["id"], f"  {story.sentence}", f"  place     ledger row {record['row']:,}"]
    byte = "" if record["offset"] < 0 else f", byte {record['offset']:,}"
    source = (
        record["group"] if record["group"] == record["source"] else f"{record['group']} / {record['source']}"
    )
    place = f"{record['file']}, {place_of(record['file'])}"
    lines = [
        record["id"],
        f"  {story.sentence}",
        f"  place     {place} {record['line']:,}{byte}; ledger row {record['row']:,}",
        f"  source    {source}",
        f"  text      {record['words']:,} words, {record['bytes']:,} bytes, SHA-256 {record['content_hash']}",
        f"  captured  {_captured(record)}",
        f"  origin    {_origin(record)}",
        f"  rights    {_rights(record)}",
        *_depth_lines(record["depth"]),
    ]
    lines += [
        f"  {'evidence' if not place else '':<9} {_seen_line(seen)}"
        for place, seen in enumerate(story.evidence)
    ]
    lines += [f"  {'survivor':<9} {_survivor_line(survivor)}" for survivor in story.survivors]
    lines += [
        f"  {'review' if not place else '':<9} {_spoken_line(spoken, record['id'])}"
        for place, spoken in enumerate(story.reviews)
    ]
    lines += [
        f"  {'repeated' if not place else '':<9} {_repeated_line(span)}"
        for place, span in enumerate(story.repeated[:_SHOWN])
    ]
    if len(story.repeated) > _SHOWN:
        lines.append(
            f"  {'':<9} ... and {len(story.repeated) - _SHOWN:,} more spans; --json lists all of them"
        )
    lines += [
        f"  {'overlap' if not place else '':<9} {_overlap_line(overlap)}"
        for place, overlap in enumerate(story.overlaps)
    ]
    return lines


_SPAN_ACTIONS = {
    SpanAction.REPORTED.label: "left as it is",
    SpanAction.CUT.label: "cut from the text that was written",
    SpanAction.WEIGHED.label: "lowers the weight",
    SpanAction.DROPPED.label: "a reason to drop the document",
}


def _overlap_line(overlap: Overlap) -> str:
    others = f" and {overlap.others:,} more with the same text" if overlap.others else ""
    return (
        f"{overlap.set}, item {overlap.item}{others}: {_share(overlap.share)} of the {overlap.field} "
        f"({overlap.item_words:,} words), bytes {overlap.start:,} to {overlap.end:,}: "
        f"{_quoted(overlap.matched, overlap.end - overlap.start)}"
    )


def _quoted(matched: str, size: int) -> str:
    """An excerpt of a stretch of `size` bytes: where the ledger has not all of it, to the end of a word."""
    if len(matched) < MATCHED_CHARS or len(matched.encode()) >= size:
        return repr(matched)
    # no word is so long as half of an excerpt, but for scripts that set no spaces between them
    words = matched[: MATCHED_CHARS // 2] + _LAST_WORD.sub("", matched[MATCHED_CHARS // 2 :])
    return repr(f"{words} ...")


_LAST_WORD = re.compile(r"\s+\S*$")


def _share(share: float) -> str:
    """Whole percents, and never 100% of what is not all."""
    return f"{min(share, 0.99) if share < 1 else share:.0%}"


def _repeated_line(span: Repeated) -> str:
    return (
        f"{_SPAN_ACTIONS.get(span.action, span.action)}: bytes {span.start:,} to {span.end:,}, {span.words:,} words "
        f"that {span.frequency:,} documents have, {span.holder_id} before others (its bytes {span.holder_start:,} to "
        f"{span.holder_end:,}): {_quoted(span.matched, span.end - span.start)}"
    )


_ERAS = {
    "before-2019": "before 2019",
    "2019-to-2022-11-29": "before ChatGPT's release",
    "after": "after ChatGPT's release",
}


def _captured(record: Mapping[str, Any]) -> str:
    if record["captured_at"] is None:
        return "at an unknown date"
    era = _ERAS.get(record["pre_ai"], record["pre_ai"])
    return f"{record['captured_at']:%Y-%m-%d}, {era} (date known from: {record['captured_basis']})"


def _origin(record: Mapping[str, Any]) -> str:
    generator = f", by {record['generator']}" if record["generator"] else ""
    return (
        f"{record['origin']} (declared {record['origin_declared']}{generator}; "
        f"log10 odds of AI {record['origin_log_odds']:+.2f}; strongest evidence: {record['strength']})"
    )


def _seen_line(seen: Seen) -> str:
    where = ""
    if seen.start is not None and seen.end is not None:
        where = (
            f", bytes {seen.start:,} to {seen.end:,}: {_quoted(seen.matched or '', seen.end - seen.start)}"
        )
    elif seen.matched:
        where = f", by {seen.matched!r}"
    return f"{seen.weight:+.1f} {seen.kind} ({seen.strength}): {seen.title}{where}"


def _spoken_line(spoken: Spoken, document: str) -> str:
    said = spoken.said
    others = [name for name in spoken.beside if name != document]
    beside = f" of it and {', '.join(others)}" if others else ""
    notes = [
        words
        for words, holds in (
            ("taken back", said.taken_back),
            ("a second look, to see whether the reader says the same", said.turn > 1),
            ("an item whose label was known", spoken.is_gold),
            (f"from {said.source}", bool(said.source)),
            (f"{said.seconds:,.0f} s", bool(said.seconds)),
            (f"line {said.entry:,} of {spoken.log}", True),
        )
        if holds
    ]
    note = f": {_quoted(said.note, len(said.note.encode()))}" if said.note else ""
    return f"{said.at[:16].replace('T', ' ')} {said.reviewer} said {said.label}{beside} ({'; '.join(notes)}){note}"


_FATES = {
    Decision.KEEP.label: "kept",
    Decision.DROP.label: "dropped",
    Decision.REVIEW.label: "held back for review",
}


def _survivor_line(survivor: Survivor) -> str:
    facts = f"source {survivor.source}, origin {survivor.origin}, ledger row {survivor.row:,}"
    return f"{survivor.id} ({facts}): {_FATES[survivor.decision]}"


def _quarantine_lines(record: QuarantineStory) -> list[str]:
    byte = "" if record.offset < 0 else f", byte {record.offset:,}"
    place = f", {place_of(record.file)} {record.line:,}" if record.line else ""
    lines = [f"{record.file}{place}{byte}", f"  {record.sentence}"]
    return lines + ([f"  excerpt   {_quoted(record.excerpt, _UNKNOWN)}"] if record.excerpt else [])
