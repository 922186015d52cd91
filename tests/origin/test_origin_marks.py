"""What marks say of origin: who signs counts, a missing mark says nothing, and marks that disagree are a conflict."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from wellkeeper.core.evidence import BY_NAME, KINDS, Strength
from wellkeeper.core.marks import Credential, RawSignal, Trust, Validity
from wellkeeper.core.origin import Origin
from wellkeeper.core.signals import NO_DATE
from wellkeeper.origin.evidence import origin_of, without_weaker_dates
from wellkeeper.origin.marks import Marked, marked_by_credential, marked_by_signals, stated_origin

AI, HUMAN = ("trainedAlgorithmicMedia",), ("humanEdits",)
MARK_BITS = np.uint64(
    sum(
        1 << kind.bit
        for kind in KINDS
        if kind.name.startswith("credential") or kind.name == "machine-disclosure"
    )
)
masks = st.integers(0, 2**26 - 1).map(np.uint64)


def bit(*names: str) -> int:
    return sum(1 << BY_NAME[name].bit for name in names)


def judged(
    mask: int, marked: Origin = Origin.UNKNOWN, declared: Origin = Origin.UNKNOWN
) -> tuple[Origin, float, Strength, bool]:
    origin, odds, strength, conflict = origin_of(
        np.array([mask], np.uint64),
        np.array([declared], np.uint8),
        np.array([NO_DATE]),
        marked=np.array([marked], np.uint8),
    )
    return Origin(origin[0]), float(odds[0]), Strength(strength[0]), bool(conflict[0])


def signed(
    source_types: tuple[str, ...], *, trust: Trust = Trust.UNKNOWN, validity: Validity = Validity.VALID
) -> Credential:
    return Credential(validity=validity, trust=trust, source_types=source_types)


def disclosed(value: str, where: str = "html-meta", name: str = "ai-disclosure") -> RawSignal:
    return RawSignal("ai-disclosure", where, name, value)


# --- what a mark is as evidence ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("credential", "kinds", "origin"),
    [
        (signed(AI, trust=Trust.TRUSTED), ["credential-trusted-ai"], Origin.AI_GENERATED),
        (signed((*AI, *HUMAN), trust=Trust.TRUSTED), ["credential-trusted-ai"], Origin.AI_ASSISTED),
        (signed(("digitalCapture",), trust=Trust.TRUSTED), ["credential-trusted-human"], Origin.HUMAN),
        (signed(("algorithmicMedia",), trust=Trust.TRUSTED), [], Origin.PROGRAMMATIC),
        (signed(AI, trust=Trust.UNTRUSTED), ["credential-ai"], Origin.AI_GENERATED),
        (signed(("compositeWithTrainedAlgorithmicMedia",)), ["credential-ai"], Origin.AI_ASSISTED),
        (signed(HUMAN), ["credential-human"], Origin.UNKNOWN),
        (signed(HUMAN, trust=Trust.UNTRUSTED), ["credential-human"], Origin.UNKNOWN),
        (signed(("algorithmicMedia",)), [], Origin.UNKNOWN),
        (signed(()), [], Origin.UNKNOWN),
        (signed(AI, trust=Trust.TRUSTED, validity=Validity.INVALID), ["credential-broken"], Origin.UNKNOWN),
        (signed((), validity=Validity.UNREADABLE), ["credential-broken"], Origin.UNKNOWN),
        (signed((), validity=Validity.NONE), [], Origin.UNKNOWN),
    ],
)
def test_a_credential_is_evidence_by_its_validity_and_its_signer(
    credential: Credential, kinds: list[str], origin: Origin
) -> None:
    assert marked_by_credential(credential) == Marked(bit(*kinds), origin)


@pytest.mark.parametrize(
    ("own", "inherited", "kinds", "origin"),
    [
        ((), ("digitalCapture",), [], Origin.UNKNOWN),
        ((), AI, ["credential-ai"], Origin.AI_GENERATED),
        (HUMAN, AI, ["credential-ai"], Origin.AI_ASSISTED),
        (HUMAN, ("digitalCapture",), ["credential-trusted-human"], Origin.HUMAN),
        (AI, ("digitalCapture",), ["credential-trusted-ai"], Origin.AI_ASSISTED),
        (("algorithmicMedia",), ("digitalCapture",), [], Origin.PROGRAMMATIC),
    ],
)
def test_a_trusted_signer_vouches_for_what_he_says_and_not_for_what_he_took_in(
    own: tuple[str, ...], inherited: tuple[str, ...], kinds: list[str], origin: Origin
) -> None:
    credential = Credential(
        validity=Validity.VALID, trust=Trust.TRUSTED, source_types=own, inherited=inherited
    )
    assert marked_by_credential(credential) == Marked(bit(*kinds), origin)


def test_an_unvouched_claim_of_a_human_does_not_hide_a_disclosure_of_a_model() -> None:
    both = marked_by_credential(signed(HUMAN)) | marked_by_signals([disclosed("ai-generated")])
    assert both == Marked(bit("credential-human", "machine-disclosure"), Origin.AI_GENERATED)


@pytest.mark.parametrize(
    ("signal", "origin"),
    [
        (disclosed("ai-generated"), Origin.AI_GENERATED),
        (disclosed("not ai-generated"), Origin.UNKNOWN),
        (disclosed("No AI-generated content"), Origin.UNKNOWN),
        (disclosed('model="no-name", mode=ai-generated'), Origin.AI_GENERATED),
        (disclosed("mode=none, note=ai-generated"), Origin.UNKNOWN),
        (disclosed('mode=ai-modified, model="ai-generated-9"'), Origin.AI_ASSISTED),
        (disclosed("autonomous", "http-header"), Origin.AI_GENERATED),
        (disclosed("none"), Origin.UNKNOWN),
        (disclosed("ai-generated", "html-attribute", "body"), Origin.AI_GENERATED),
        (disclosed("ai-generated", "html-attribute", "section"), Origin.AI_ASSISTED),
        (RawSignal("iptc", "xmp", "x", "http://cv.iptc.org/a/trainedAlgorithmicMedia"), Origin.AI_GENERATED),
        (
            RawSignal("json-ld", "json-ld", "x", "https://schema.org/TrainedAlgorithmicMediaDigitalSource"),
            Origin.AI_GENERATED,
        ),
        (RawSignal("json-ld", "json-ld", "x", "DigitalCaptureDigitalSource"), Origin.HUMAN),
        (RawSignal("generator", "html-meta", "generator", "ai-generated"), Origin.UNKNOWN),
    ],
)
def test_a_signal_states_an_origin_where_a_standard_says_so(signal: RawSignal, origin: Origin) -> None:
    assert stated_origin(signal) is origin


def test_disclosures_together_are_assisted_where_one_says_less_than_all() -> None:
    both = [disclosed("ai-generated"), disclosed("ai-assisted")]
    assert marked_by_signals(both) == Marked(bit("machine-disclosure"), Origin.AI_ASSISTED)
    assert marked_by_signals([disclosed("none")]) == Marked()


def test_what_is_signed_is_stated_before_what_is_written() -> None:
    both = marked_by_credential(signed(AI)) | marked_by_signals([disclosed("ai-assisted")])
    assert both == Marked(bit("credential-ai", "machine-disclosure"), Origin.AI_GENERATED)


# --- what it does to the origin ----------------------------------------------------------------------------


@given(masks)
def test_a_missing_mark_changes_nothing(mask: np.uint64) -> None:
    mask = mask & ~MARK_BITS
    columns = np.array([mask]), np.zeros(1, np.uint8), np.array([NO_DATE])
    without = origin_of(*columns)
    with_none = origin_of(*columns, marked=np.zeros(1, np.uint8))
    for one, other in zip(without, with_none, strict=True):
        np.testing.assert_array_equal(one, other)


@pytest.mark.parametrize(
    ("kind", "marked"),
    [
        ("credential-trusted-ai", Origin.AI_GENERATED),
        ("credential-trusted-ai", Origin.AI_ASSISTED),
        ("credential-trusted-human", Origin.HUMAN),
    ],
)
@pytest.mark.parametrize("declared", [Origin.UNKNOWN, Origin.HUMAN, Origin.AI_GENERATED])
def test_a_trusted_signer_fixes_the_class_outright(kind: str, marked: Origin, declared: Origin) -> None:
    origin, odds, strength, _ = judged(bit(kind), marked, declared)
    assert (origin, strength) == (marked, Strength.ATTESTED)
    assert abs(odds) > 1.5


def test_a_declared_mark_is_worth_two_and_a_half_and_states_the_class() -> None:
    _, unmarked, _, _ = judged(0)
    for kind in ("credential-ai", "machine-disclosure"):
        origin, odds, strength, conflict = judged(bit(kind), Origin.AI_GENERATED)
        assert odds == pytest.approx(unmarked + 2.5)
        assert (origin, strength, conflict) == (Origin.AI_GENERATED, Strength.DECLARED, False)


def test_declared_marks_do_not_add_up() -> None:
    one, both = bit("credential-ai"), bit("credential-ai", "machine-disclosure", "declared-ai")
    assert judged(one)[1] == pytest.approx(judged(both)[1])


def test_an_unknown_signer_who_says_human_changes_nothing() -> None:
    assert judged(bit("credential-human"), Origin.HUMAN) == judged(0)


def test_a_broken_credential_is_no_evidence_of_either() -> None:
    assert judged(bit("credential-broken")) == judged(0)


@pytest.mark.parametrize(
    ("kinds", "marked"),
    [
        (("credential-trusted-human", "citation-marker"), Origin.HUMAN),
        (("credential-ai", "captured-before-2022-11-30"), Origin.AI_GENERATED),
        (("machine-disclosure", "captured-before-2022-11-30"), Origin.AI_GENERATED),
        (("machine-disclosure", "declared-human"), Origin.AI_GENERATED),
    ],
)
def test_marks_that_disagree_with_other_evidence_are_a_conflict(
    kinds: tuple[str, ...], marked: Origin
) -> None:
    assert judged(bit(*kinds), marked)[3]


def test_in_a_conflict_an_unsigned_mark_states_no_class() -> None:
    kinds = bit("machine-disclosure", "captured-before-2022-11-30")
    assert judged(kinds, Origin.AI_GENERATED)[0] is Origin.UNKNOWN


def test_a_date_that_a_page_claims_is_left_out_beside_one_that_others_vouch_for() -> None:
    both = np.array([bit("captured-before-2022-11-30", "dated-before-2022-11-30")], np.uint64)
    assert without_weaker_dates(both).tolist() == [bit("captured-before-2022-11-30")]
    alone = np.array([bit("dated-before-2022-11-30"), 0], np.uint64)
    assert without_weaker_dates(alone).tolist() == alone.tolist()
