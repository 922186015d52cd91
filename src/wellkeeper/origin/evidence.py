"""From evidence to odds: what the marks on a document, together, say about AI in its making.

Each kind of evidence carries a log10 likelihood ratio (`wellkeeper.core.evidence`). Kinds of one group tend
to fire together, so summing them would count one trace several times; their likelihood ratios are averaged
instead. The mean of e-values is again an e-value whatever their dependence [1]. Here the mean runs over the
kinds that fired, so it is not a strict e-value; what it keeps is the bound that matters: a group never says
more than its strongest kind does alone. Groups are taken as independent and their logarithms add up. A group
is capped at 4 (10,000 to 1) unless a verified signature is among its kinds: no unsigned trace is worth more.

A prior joins in, by month of capture, for documents captured after ChatGPT's release. A date before it is
itself evidence (kinds of group `date`) and so is not counted a second time in the prior.

A style score enters as a likelihood ratio of its own, group `style`, and only where the user's human and AI
references of the same slice say what it is worth there (`style_log10`): it is their ratio of densities at the
score, made monotone [3] and capped. Uncalibrated, style says nothing. It decides no class by itself; a flag whose
false-alarm level the references certify, on text that strong evidence calls human, is a conflict.

[1] Vovk and Wang, E-values: calibration, combination and applications, Annals of Statistics 49 (2021)
    1736-1754, section 3.
[2] arXiv:2604.26965: share of newly published sites that are AI-generated or AI-assisted, Internet Archive.
[3] Zadrozny and Elkan, Transforming classifier scores into accurate multiclass probability estimates, KDD 2002:
    isotonic calibration.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

import numpy as np
from numpy.typing import NDArray

from wellkeeper.core.dates import CHATGPT_RELEASE, DateBasis
from wellkeeper.core.evidence import BY_NAME, KINDS, REVIEWED, Strength
from wellkeeper.core.origin import AI_MADE, LABELS, Origin
from wellkeeper.core.signals import NO_DATE
from wellkeeper.errors import DataError

Masks = NDArray[np.uint64]  # shape (documents,): bit k is set if the kind with bit k was seen

CAP = 4.0  # log10; a group without a verified signature says at most 10,000 to 1
STYLE_CAP = 1.0
"""log10, either way: the style of one document is weak evidence. Away from its training domains the style score
finds .1 to .3 of AI texts at 1 % false alarms (our measurement), so that being flagged is worth 10 to 30 to 1; the
lower end is taken. It is below `CONFLICT`, and too little to make a probability of .99 of any prior up to .9."""
CONFLICT = 2.0  # log10; groups this strong on both sides contradict each other
ASSISTED_ABOVE = (
    0.9  # posterior probability above which an unlabelled document with a trace is called assisted
)

_RELEASE = int(CHATGPT_RELEASE.timestamp())


@dataclass(frozen=True, slots=True, kw_only=True)
class Prior:
    """Share of documents with AI in their making, before looking at any, in (0, 1).

    Straight from `first` at ChatGPT's release to `last` at `until`, and `last` from then on. `elsewhere` is
    the share among documents whose date is unknown, or earlier and thus evidence of its own.
    """

    name: str
    first: float
    last: float
    until: datetime
    elsewhere: float
    source: str

    def log10_odds(self, captured_at: NDArray[np.int64]) -> NDArray[np.float64]:
        """Prior log10 odds, shape (documents,), by seconds since 1970 or `NO_DATE`."""
        progress = (captured_at.astype(np.float64) - _RELEASE) / (self.until.timestamp() - _RELEASE)
        share = self.first + np.clip(progress, 0, 1) * (self.last - self.first)
        share = np.where(captured_at < _RELEASE, self.elsewhere, share)
        return np.asarray(np.log10(share) - np.log10(1 - share))

    def __str__(self) -> str:
        """One sentence for the report."""
        if self.first == self.last == self.elsewhere:
            return f"{self.name}: {self.first:.0%} of documents, whatever their date ({self.source})"
        return (
            f"{self.name}: {self.first:.1%} of documents of {CHATGPT_RELEASE:%Y-%m} "
            f"rising to {self.last:.0%} in {self.until:%Y-%m}, "
            f"{self.elsewhere:.0%} of those undated or earlier ({self.source})"
        )


BY_MONTH: Final = Prior(
    name="by-month",
    first=0.001,
    last=0.35,
    until=datetime(2025, 6, 30, tzinfo=UTC),
    elsewhere=0.1755,
    source="arXiv:2604.26965; undated: the mean of the rise",
)
"""The share of [2] was about 0 before ChatGPT and 0.35 by mid-2025. It starts at 0.001, not 0, because
text of earlier models exists."""

NEUTRAL: Final = Prior(
    name="neutral",
    first=0.5,
    last=0.5,
    until=BY_MONTH.until,
    elsewhere=0.5,
    source="no assumption; the odds are then the likelihood ratio of the evidence alone",
)

PRIORS: Final = {prior.name: prior for prior in (BY_MONTH, NEUTRAL)}


def date_evidence(captured_at: NDArray[np.int64], basis: NDArray[np.uint8]) -> Masks:
    """Evidence that a date gives, as mask bits, shape (documents,).

    A capture before 2022-11-30 counts in full if a third party vouches for it: an archive's record, a host's
    header, or the user. A date in the document's own metadata can be set at will and counts little.

    Args:
        captured_at: seconds since 1970-01-01 UTC, `NO_DATE` where unknown.
        basis: how each date is known, `DateBasis`.
    """
    before = (captured_at != NO_DATE) & (captured_at < _RELEASE)
    vouched = np.isin(basis, (DateBasis.USER, DateBasis.HTTP, DateBasis.WARC))
    claimed = basis == DateBasis.PAGE_CLAIMED
    strong, weak = _bit("captured-before-2022-11-30"), _bit("dated-before-2022-11-30")
    none = np.uint64(0)
    return np.where(before & vouched, strong, np.where(before & claimed, weak, none)).astype(np.uint64)


def without_weaker_dates(mask: Masks) -> Masks:
    """The evidence, where a third party's date makes needless what the document itself claims."""
    vouched = _any(mask, _bit("captured-before-2022-11-30"))
    return np.where(vouched, mask & ~_bit("dated-before-2022-11-30"), mask).astype(np.uint64)


def declared_evidence(origin: NDArray[np.uint8]) -> Masks:
    """Evidence that a source's label gives, as mask bits, shape (documents,).

    Machine-translated and programmatic text gives neither bit: it is not by a human and not by a chat model.
    """
    human = np.where(origin == Origin.HUMAN, _bit("declared-human"), np.uint64(0))
    ai = np.where(np.isin(origin, AI_MADE), _bit("declared-ai"), np.uint64(0))
    return (human | ai).astype(np.uint64)


def style_log10(
    scores: NDArray[np.floating], human: NDArray[np.floating], ai: NDArray[np.floating]
) -> NDArray[np.float64]:
    """log10 likelihood ratio of each style score, AI against human, in [-STYLE_CAP, STYLE_CAP].

    The ratio of the references' densities (`wellkeeper.measure.quantify.density`), made to rise with the score by
    pooling neighbours that are out of order. NaN for a score of NaN, and for all where either reference is empty:
    without references of both kinds style says nothing.

    Args:
        scores: style scores of documents of one slice, shape (documents,); NaN where the model abstains.
        human: scores of human reference texts of that slice; NaN is left out.
        ai: scores of AI reference texts of that slice, likewise.
    """
    human, ai = human[~np.isnan(human)], ai[~np.isnan(ai)]
    if not (human.size and ai.size):
        return np.full(scores.shape, np.nan)
    from wellkeeper.measure.quantify import density  # few runs have references

    ratio = np.log10(_rising(density(ai), density(human)))
    value = np.clip(ratio, -STYLE_CAP, STYLE_CAP)
    return np.where(np.isnan(scores), np.nan, value[_cells(scores)])


def style_log10_by_slice(
    scores: NDArray[np.floating],
    slices: NDArray[np.integer],
    names: Sequence[str],
    references: Callable[[str], tuple[NDArray[np.floating], NDArray[np.floating]] | None],
) -> NDArray[np.float64]:
    """`style_log10` of each document by the references of its own slice; NaN in slices without any.

    Args:
        scores: style scores, shape (documents,); NaN where the model abstains.
        slices: slice of each document, an index into `names`.
        names: of the slices.
        references: scores of a slice's human and AI reference texts, by its name; None: there are none.
    """
    ratio = np.full(scores.size, np.nan)
    for code, name in enumerate(names):
        found = references(name)
        if found is not None:
            mine = slices == code
            ratio[mine] = style_log10(scores[mine], *found)
    return ratio


def style_evidence(style: NDArray[np.floating]) -> Masks:
    """Evidence that style gives, as mask bits, shape (documents,): where its log10 likelihood ratio is not 0 or NaN."""
    return np.where(np.nan_to_num(style) != 0, _bit("style"), np.uint64(0)).astype(np.uint64)


def watermark_evidence(watermark: NDArray[np.floating]) -> Masks:
    """Evidence that watermarks give, as mask bits, shape (documents,): where the log10 likelihood ratio is above 0."""
    return np.where(watermark > 0, _bit("watermark"), np.uint64(0)).astype(np.uint64)


def reviewed_evidence(reviewed: NDArray[np.uint8]) -> Masks:
    """Evidence that readers give, as mask bits, shape (documents,): what they said wrote each, UNKNOWN: nothing."""
    mask = np.zeros(reviewed.shape, np.uint64)
    for label, kind in REVIEWED.items():
        mask[reviewed == LABELS.index(label)] = _bit(kind)
    return mask


def origin_of(
    mask: Masks,
    declared_origin: NDArray[np.uint8],
    captured_at: NDArray[np.int64],
    *,
    prior: Prior = BY_MONTH,
    marked: NDArray[np.uint8] | None = None,
    style: NDArray[np.floating] | None = None,
    watermark: NDArray[np.floating] | None = None,
    flagged: NDArray[np.bool_] | None = None,
    reviewed: NDArray[np.uint8] | None = None,
) -> tuple[NDArray[np.uint8], NDArray[np.float32], NDArray[np.uint8], NDArray[np.bool_]]:
    """Decide each document's origin from all evidence on it.

    1. A valid credential of a trusted signer fixes the class, even against a label: nobody else attests.
    2. Without one, what people said who read the text for a review fixes the class, and nothing stands against it:
       they were asked because of that.
    3. Without either, a label by the source fixes the class. Evidence against 1 or 3 raises `conflict` and changes
       nothing else.
    4. Without any of these, an unquoted trace or a disclosure and a posterior above 0.9 make the class that a mark
       states, else AI_ASSISTED, never AI_GENERATED: a trace shows that a chat tool was at work, not that it wrote
       all of the text. Style is no trace.
    5. Else a third party's capture before 2022-11-30 and nothing towards AI make HUMAN. A date that the document
       itself claims decides nothing, nor does a signer nobody vouches for.
    6. All else is UNKNOWN: the absence of traces and marks is no evidence of a human.

    Args:
        mask: evidence with its date bits (`date_evidence`); bits of the label are added here.
        declared_origin: `Origin` by the source's label, UNKNOWN where there is none.
        captured_at: seconds since 1970-01-01 UTC, `NO_DATE` where unknown; for the prior.
        prior: share of AI before looking at a document.
        marked: `Origin` that marks state (`wellkeeper.origin.marks`), UNKNOWN where none does. None: of no document.
        style: log10 likelihood ratio of each document's style, from `style_log10`, cut to +-`STYLE_CAP`; NaN: no
            evidence. None: of no document.
        watermark: log10 likelihood ratio of each document's watermark (`wellkeeper.watermark.evalues`), 0: no
            evidence. It is a trace. None: of no document.
        flagged: documents whose style a certified test flags as not human (`wellkeeper.origin.flags`). A flag
            changes no odds; against strong evidence of a human it is a conflict.
        reviewed: `Origin` that readers said, UNKNOWN where they said none. None: of no document.

    Returns:
        `Origin`; posterior log10 odds of AI in the making against none; `Strength` of the strongest evidence
        of non-zero weight; whether evidence of at least 100 to 1, or a flag, stands against such evidence on the
        other side; shape (documents,).

    Raises:
        DataError: the arrays differ in length.
    """
    if not mask.shape == declared_origin.shape == captured_at.shape:
        raise DataError(
            f"mask, declared_origin and captured_at have shapes {mask.shape}, {declared_origin.shape} and "
            f"{captured_at.shape}. Pass one value of each per document."
        )
    given_by_document = (
        ("marked", marked),
        ("style", style),
        ("watermark", watermark),
        ("flagged", flagged),
        ("reviewed", reviewed),
    )
    for name, given in given_by_document:
        if given is not None and given.shape != mask.shape:
            raise DataError(
                f"{name} has shape {given.shape} and mask {mask.shape}. Pass one value of each per document."
            )
    mask = mask | declared_evidence(declared_origin)
    if style is not None:
        mask = mask | style_evidence(style)
    if watermark is not None:
        mask = mask | watermark_evidence(watermark)
    if reviewed is not None:
        mask = mask | reviewed_evidence(reviewed)
    groups = group_log10(mask)
    if style is not None:
        groups["style"] = np.clip(np.nan_to_num(style), -STYLE_CAP, STYLE_CAP).astype(np.float64)
    if watermark is not None:
        groups["watermark"] = watermark.astype(np.float64)
    odds = prior.log10_odds(captured_at) + sum(groups.values(), np.zeros(mask.size))
    conflict = _conflict(mask, groups, np.zeros(mask.size, bool) if flagged is None else flagged)
    traced = traced_by_ai(mask)
    stated = np.zeros(mask.size, np.uint8) if marked is None else marked
    by_ai = traced & (probability(odds) > ASSISTED_ABOVE) & ~conflict
    human = _any(mask, _bit("captured-before-2022-11-30")) & ~traced
    ai = np.where(np.isin(stated, AI_MADE), stated, Origin.AI_ASSISTED)
    inferred = np.where(by_ai, ai, np.where(human, Origin.HUMAN, Origin.UNKNOWN))
    unsigned = np.where(declared_origin != Origin.UNKNOWN, declared_origin, inferred)
    signed = attested(mask, stated)
    if reviewed is not None:
        said = reviewed != Origin.UNKNOWN
        unsigned, conflict = np.where(said, reviewed, unsigned), conflict & (signed | ~said)
    origin = np.where(signed, stated, unsigned).astype(np.uint8)
    return origin, odds.astype(np.float32), _strength(mask, declared_origin, flagged), conflict


def attested(mask: Masks, stated: NDArray[np.uint8]) -> NDArray[np.bool_]:
    """Documents whose class a trusted signer states. Of machine translation and templates no evidence has a bit."""
    signed = _any(mask, _bit("credential-trusted-ai") | _bit("credential-trusted-human"))
    neither = np.isin(stated, (Origin.MACHINE_TRANSLATED, Origin.PROGRAMMATIC))
    return np.asarray((signed & (stated != Origin.UNKNOWN)) | neither)


def traced_by_ai(mask: Masks) -> NDArray[np.bool_]:
    """Documents with evidence of weight towards AI that is no label by the source or by readers, nor style."""
    return _any(mask, _TOWARDS_AI)


def group_log10(mask: Masks) -> dict[str, NDArray[np.float64]]:
    """log10 likelihood ratio of each group of kinds, shape (documents,); 0 where none of its kinds fired.

    A trace of weight 2 with one of weight 1 is worth log10((100 + 10) / 2):

    >>> mask = np.array([1 << BY_NAME["assistant-voice"].bit | 1 << BY_NAME["chat-referrer"].bit], np.uint64)
    >>> round(float(group_log10(mask)["chat"][0]), 3)
    1.74
    """
    values = {}
    for group in dict.fromkeys(kind.group for kind in KINDS):
        total, fired = np.zeros(mask.size), np.zeros(mask.size)
        signed = np.zeros(mask.size, bool)
        for kind in KINDS:
            if kind.group == group:
                seen = _any(mask, _bit(kind.name))
                total += seen * 10.0**kind.weight
                fired += seen
                signed |= seen & (kind.strength == Strength.ATTESTED)
        mean = np.log10(np.divide(total, fired, out=np.ones(mask.size), where=fired > 0))
        values[group] = np.where(signed, mean, np.clip(mean, -CAP, CAP))
    return values


def probability(log10_odds: NDArray[np.floating]) -> NDArray[np.float64]:
    """Posterior probability, in [0, 1], of AI in the making."""
    return np.asarray(0.5 * (1 + np.tanh(0.5 * np.log(10) * log10_odds.astype(np.float64))))


def _bit(name: str) -> np.uint64:
    return np.uint64(1 << BY_NAME[name].bit)


_TOWARDS_AI = np.uint64(
    sum(
        1 << kind.bit
        for kind in KINDS
        if (kind.weight > 0 and kind.name != "declared-ai" and kind.group != "people")
        or kind.strength is Strength.KEYED
    )
)


def _any(mask: Masks, bits: np.uint64) -> NDArray[np.bool_]:
    return np.asarray((mask & bits) != 0)


def _conflict(
    mask: Masks, groups: dict[str, NDArray[np.float64]], flagged: NDArray[np.bool_]
) -> NDArray[np.bool_]:
    """Strong evidence on both sides, between groups or, as in a label against a disclosure, within one."""
    towards, against = flagged.copy(), np.zeros(mask.size, bool)
    for value in groups.values():
        towards |= value >= CONFLICT - 1e-9
        against |= value <= -CONFLICT + 1e-9
    for group in groups:
        strong = [kind for kind in KINDS if kind.group == group and abs(kind.weight) >= CONFLICT]
        for_ai = np.uint64(sum(1 << kind.bit for kind in strong if kind.weight > 0))
        for_human = np.uint64(sum(1 << kind.bit for kind in strong if kind.weight < 0))
        both = _any(mask, for_ai) & _any(mask, for_human)
        towards, against = towards | both, against | both
    return towards & against


def _strength(
    mask: Masks, declared_origin: NDArray[np.uint8], flagged: NDArray[np.bool_] | None
) -> NDArray[np.uint8]:
    strength = np.where(declared_origin != Origin.UNKNOWN, Strength.DECLARED, Strength.NONE).astype(np.uint8)
    if flagged is not None:
        strength = np.maximum(strength, flagged * np.uint8(Strength.STATISTICAL))
    for kind in KINDS:
        if kind.weight or kind.strength in {Strength.STATISTICAL, Strength.KEYED}:
            strength = np.maximum(strength, _any(mask, _bit(kind.name)) * np.uint8(kind.strength))
    return strength


def _cells(scores: NDArray[np.floating]) -> NDArray[np.int64]:
    """Cell of the density's grid that each score lies in; of NaN, the first."""
    from wellkeeper.measure.quantify import GRID

    cells = np.searchsorted(GRID, np.nan_to_num(scores, nan=-np.inf))
    return np.asarray(np.minimum(cells, GRID.size - 1), np.int64)


def _rising(above: NDArray[np.float64], below: NDArray[np.float64]) -> NDArray[np.float64]:
    """The ratio above / below of each cell, neighbours pooled until it falls nowhere: pool adjacent violators.

    Both are positive, shape (cells,). Pooled cells have the ratio of their sums, so that the mean of the result under
    `below` stays what it was: 1 if both are densities.
    """
    blocks: list[tuple[float, float, int]] = []
    for pair in zip(above.tolist(), below.tolist(), strict=True):
        up, down, cells = *pair, 1
        while blocks and blocks[-1][0] * down >= up * blocks[-1][1]:
            last = blocks.pop()
            up, down, cells = up + last[0], down + last[1], cells + last[2]
        blocks.append((up, down, cells))
    return np.repeat([up / down for up, down, _ in blocks], [cells for *_, cells in blocks])
