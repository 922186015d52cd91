"""Credentials of media and text: verdicts agree with the libraries asked directly, whatever bit is flipped."""

import json
import os
import random
import sys
import time
from collections.abc import Iterator
from dataclasses import replace
from functools import cache
from io import BytesIO
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from credential_files import (
    chain,
    claim,
    picture,
    signed_markdown,
    signed_page,
    signed_picture,
    signed_text,
)
from wellkeeper.core.marks import Credential, Trust, Validity
from wellkeeper.core.origin import Origin
from wellkeeper.engine.credentials import (
    detached,
    load_anchors,
    media,
    media_type_of,
    read_media,
    read_media_file,
    read_text,
    store_of,
    text_has_credential,
    text_reader_installed,
)
from wellkeeper.engine.credentials.manifests import credential_of
from wellkeeper.engine.credentials.media import MEDIA_TYPES, manifest_store
from wellkeeper.errors import InputError, MissingExtraError

KEYS = (
    *(
        "assertions",
        "ingredients",
        "active_manifest",
        "label",
        "data",
        "actions",
        "digitalSourceType",
        "title",
    ),
    *(
        "softwareAgent",
        "claim_generator_info",
        "claim_generator",
        "signature_info",
        "name",
        "common_name",
        "time",
    ),
    *("entries", "cawg.ai_training", "use", "activeManifest", "success", "failure", "code"),
)
PROSE = "The tide keeps no diary, and the harbour wall remembers every one. " * 30
MAGIC = "\ufeff\U000e0133\U000e0122\U000e0140\U000e0131\U000e0144\U000e0148\U000e0144\ufe00"


def wrapper(payload: bytes) -> str:
    return "".join(chr(0xFE00 + byte if byte < 16 else 0xE00F0 + byte) for byte in payload)


@cache
def marked() -> bytes:
    pytest.importorskip("c2patxt")
    return signed_text(PROSE, chain("Writer", edwards=True))


@cache
def painted(kind: str = "PNG") -> bytes:
    return signed_picture(picture(kind), f"image/{kind.lower()}", chain("Painter"))


def flipped(data: bytes, seed: int, *, first: int = 0) -> Iterator[bytes]:
    """The data with one bit changed, at random places, without end."""
    draw = random.Random(seed)
    while True:
        changed = bytearray(data)
        changed[draw.randrange(first, len(data))] ^= 1 << draw.randrange(8)
        yield bytes(changed)


# --- media -------------------------------------------------------------------------------------------------


def asked_of_c2pa(data: bytes, media_type: str, anchors: bytes | None) -> tuple[Validity, str | None]:
    """What c2pa-python itself says: validity, and its state, in which Trusted is Valid and more."""
    import c2pa

    settings: dict[str, object] = {"verify": {"remote_manifest_fetch": False, "verify_trust": bool(anchors)}}
    if anchors:
        settings["trust"] = {"user_anchors": anchors.decode()}
    try:
        reader = c2pa.Reader.try_create(
            media_type, BytesIO(data), context=c2pa.Context(c2pa.Settings.from_dict(settings))
        )
    except c2pa.C2paError:
        return Validity.UNREADABLE, None
    if reader is None:
        return Validity.NONE, None
    state = reader.get_validation_state()
    return (Validity.INVALID if state == "Invalid" else Validity.VALID), state


@pytest.mark.parametrize("kind", ["PNG", "JPEG"])
def test_verdicts_on_media_are_those_of_c2pa_python(kind: str) -> None:
    media_type = f"image/{kind.lower()}"
    signed, plain = painted(kind), picture(kind)
    trusted, other = chain("Painter").anchors, chain("Somebody else").anchors
    changes = flipped(signed, seed=7)
    files = [plain, signed, signed[:-40], signed[: len(signed) // 2], *(next(changes) for _ in range(116))]
    counts = dict.fromkeys(Validity, 0)
    for data in files:
        for anchors in (trusted, other, None):
            ours = read_media(data, media_type, anchors=anchors)
            validity, state = asked_of_c2pa(data, media_type, anchors)
            assert ours.validity is validity
            assert (state == "Trusted") == (ours.validity is Validity.VALID and ours.trust is Trust.TRUSTED)
            if anchors is None:
                assert ours.trust is Trust.UNKNOWN
        counts[validity] += 1
    assert min(counts.values()) > 0, counts


def test_a_valid_credential_of_an_unknown_signer_is_valid_and_not_trusted() -> None:
    nobody = read_media(painted(), "image/png")
    untrusted = read_media(painted(), "image/png", anchors=chain("Somebody else").anchors)
    trusted = read_media(painted(), "image/png", anchors=chain("Painter").anchors)
    assert {one.validity for one in (nobody, untrusted, trusted)} == {Validity.VALID}
    assert [one.trust for one in (nobody, untrusted, trusted)] == [
        Trust.UNKNOWN,
        Trust.UNTRUSTED,
        Trust.TRUSTED,
    ]
    assert untrusted.problems == ("signingCredential.untrusted",)
    assert trusted.problems == ()


def test_a_changed_picture_of_a_trusted_signer_is_invalid_and_its_signer_still_trusted() -> None:
    data = bytearray(painted())
    data[-30] ^= 1  # in the picture, not in the credential
    read = read_media(bytes(data), "image/png", anchors=chain("Painter").anchors)
    assert (read.validity, read.trust) == (Validity.INVALID, Trust.TRUSTED)
    assert read.problems == ("assertion.dataHash.mismatch",)
    assert read.origin is Origin.UNKNOWN


def test_a_credential_tells_source_types_generator_signer_and_the_wish_about_training() -> None:
    wish = {
        "entries": {
            "cawg.ai_training": {"use": "allowed"},
            "cawg.ai_generative_training": {"use": "notAllowed"},
            "cawg.data_mining": {"use": "constrained"},
        }
    }
    data = signed_picture(
        picture(), "image/png", chain("Painter"), claim("digitalCapture", cawg_training__mining=wish)
    )
    read = read_media(data, "image/png")
    assert read.source_types == ("digitalCapture",)
    assert (read.generator, read.signer, read.mining) == ("painter 1.5", "Painter", "notAllowed")


def test_what_a_picture_was_made_from_counts_towards_its_origin() -> None:
    edited = signed_picture(picture(), "image/png", chain("Editor"), claim("humanEdits"), parent=painted())
    read = read_media(edited, "image/png")
    assert (read.source_types, read.inherited) == (("humanEdits",), ("trainedAlgorithmicMedia",))
    assert read.parents == ("first.png",)
    assert read.origin is Origin.AI_ASSISTED


@pytest.mark.parametrize("kind", ["PNG", "JPEG"])
def test_the_store_is_kept_as_it_lies_in_the_file(kind: str) -> None:
    import c2pa

    noise = np.random.default_rng(3).integers(0, 256, 90_000, dtype=np.uint8).tobytes().hex()
    big = claim(
        "trainedAlgorithmicMedia", org_example_noise={"noise": noise}
    )  # more than one segment of a JPEG
    data = signed_picture(picture(kind), f"image/{kind.lower()}", chain("Painter"), big)
    store = read_media(data, f"image/{kind.lower()}").store
    assert len(store) > 100_000
    alone = json.loads(c2pa.Reader("application/c2pa", BytesIO(store)).json())
    within = json.loads(c2pa.Reader(f"image/{kind.lower()}", BytesIO(data)).json())
    assert alone["manifests"] == within["manifests"]
    assert manifest_store(picture(kind)) == b""


def test_a_file_without_the_letters_asks_no_library(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "c2pa", None)
    assert read_media(picture(), "image/png") == Credential(validity=Validity.NONE)
    with pytest.raises(MissingExtraError, match=r"pip install 'wellkeeper\[c2pa\]'"):
        read_media(painted(), "image/png")


def test_a_type_that_takes_no_credential_has_none() -> None:
    assert read_media(b"notes on c2pa", "text/plain").validity is Validity.NONE


@given(st.binary(max_size=200))
def test_no_bytes_make_the_reading_of_media_fail(noise: bytes) -> None:
    assert read_media(b"\x89PNG\r\n\x1a\nc2pa" + noise, "image/png").validity is not Validity.VALID


# --- text --------------------------------------------------------------------------------------------------


def asked_of_encypher(text: bytes, media_type: str, anchors: bytes | None) -> tuple[Validity, str | None]:
    from encypher_c2pa import verify

    try:
        report = verify(
            text, media_type, no_default_trust=True, trust_pem=anchors.decode() if anchors else None
        )
    except ValueError:  # not UTF-8
        return Validity.UNREADABLE, None
    state = report["validation_state"]
    if not report["present"]:
        return Validity.NONE, None
    return (Validity.INVALID if state == "Invalid" else Validity.VALID), state


def texts() -> Iterator[tuple[bytes, str, bytes]]:
    """Signed texts in the three framings, their media types, and what each framing is known by."""
    signer = chain("Writer", edwards=True)
    yield marked(), "text/plain", MAGIC.encode()
    yield (
        signed_page("<html><head>", f"</head><body>{PROSE}</body></html>", signer),
        "text/html",
        b'<script type="application/c2pa">',
    )
    yield (
        signed_markdown(f"# Tides\n\n{PROSE}\n", signer),
        "text/markdown",
        b"MANIFEST----- data:application/c2pa;base64,",
    )


@pytest.mark.parametrize("framing", range(3), ids=["selectors", "html", "markdown"])
def test_verdicts_on_text_are_those_of_encypher(framing: int) -> None:
    pytest.importorskip("c2patxt")
    signed, media_type, frame = list(texts())[framing]
    changes = flipped(signed, seed=11)
    files = [signed, *(next(changes) for _ in range(79))]
    trusted, other = chain("Writer", edwards=True).anchors, chain("Somebody else", edwards=True).anchors
    counts = dict.fromkeys(Validity, 0)
    for data in files:
        if frame not in data:
            continue  # the frame itself was hit: it is another text, with nothing on it
        for anchors in (trusted, other, None):
            ours = read_text(data, anchors=anchors)
            validity, state = asked_of_encypher(data, media_type, anchors)
            assert ours.validity is validity
            assert (state == "Trusted") == (ours.validity is Validity.VALID and ours.trust is Trust.TRUSTED)
        counts[validity] += 1
    assert counts[Validity.VALID] > 0
    assert counts[Validity.INVALID] > 0


def test_a_signed_text_tells_its_source_and_gives_the_text_back() -> None:
    read = read_text(marked())
    text, store = detached(marked())
    assert text == PROSE.encode()
    assert store == read.store
    assert (read.validity, read.source_types, read.signer) == (
        Validity.VALID,
        ("trainedAlgorithmicMedia",),
        "Writer",
    )
    assert read.origin is Origin.AI_GENERATED


def test_the_store_is_the_one_that_other_libraries_take_out() -> None:
    c2pa_text = pytest.importorskip("c2pa_text")
    store, _ = c2pa_text.extract_manifest(marked().decode())
    assert detached(marked()) == (PROSE.encode(), store)


def test_a_markdown_text_is_given_back_without_its_comment() -> None:
    pytest.importorskip("c2patxt")
    body = f"# Tides\n\n{PROSE}\n"
    text, store = detached(signed_markdown(body, chain("Writer", edwards=True)))
    assert text == body.encode()
    assert store[4:8] == b"jumb"


def test_a_stripped_text_has_no_credential() -> None:
    text, _ = detached(marked())
    assert read_text(text) == Credential(validity=Validity.NONE)
    assert detached(text) == (text, b"")


def test_a_credential_put_on_another_text_is_invalid() -> None:
    run = marked()[len(PROSE.encode()) :]
    read = read_text(b"Another text altogether. " + run)
    assert read.validity is Validity.INVALID
    assert "assertion.dataHash.mismatch" in read.problems


@given(st.binary(max_size=60), st.text(max_size=40), st.text(max_size=40))
def test_whatever_stands_in_a_run_of_selectors_is_taken_off(payload: bytes, before: str, after: str) -> None:
    after = after.lstrip("".join(map(chr, (*range(0xFE00, 0xFE10), *range(0xE0100, 0xE01F0)))))
    text = (before + MAGIC + wrapper(payload) + after).encode()
    assert detached(text)[0] == (before + after).encode()
    assert read_text(text).validity in {Validity.NONE, Validity.INVALID}


@given(
    st.lists(
        st.sampled_from(
            ["", "plain", "ＡＢ，。！", MAGIC + wrapper(b"\1"), MAGIC[:-1], "e\ufe0f", "\ufeff" * 3]
        )
    )
)
def test_the_sieve_finds_the_documents_that_hold_a_wrapper_and_no_others(documents: list[str]) -> None:
    texts = [text.encode() for text in documents]
    data = np.frombuffer(b"".join(texts), np.uint8)
    offsets = np.cumsum([0, *map(len, texts)])
    expected = [number for number, text in enumerate(documents) if MAGIC in text]
    assert text_has_credential(data, offsets).tolist() == expected


def test_the_sieve_reads_slices_of_a_buffer() -> None:
    one = ("x" * 10 + MAGIC).encode()
    data = np.frombuffer(one * 3, np.uint8)
    offsets = np.array([len(one), 2 * len(one)])
    assert text_has_credential(data, offsets).tolist() == [0]


def test_without_the_extra_a_plain_text_is_read_and_a_signed_one_asks_for_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    from wellkeeper.engine.credentials import text

    text._verifier.cache_clear()
    monkeypatch.setitem(sys.modules, "encypher_c2pa", None)
    assert read_text(b"plain").validity is Validity.NONE
    with pytest.raises(MissingExtraError, match=r"credentials of text .*pip install 'wellkeeper\[c2pa\]'"):
        read_text(PROSE.encode() + (MAGIC + wrapper(b"\1")).encode())
    assert detached(("x" + MAGIC).encode()) == (b"x", b"")
    text._verifier.cache_clear()


def test_telemetry_is_off_and_no_preference_is_written(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    from wellkeeper.engine.credentials import text

    assert text_reader_installed()
    monkeypatch.setenv("ENCYPHER_C2PA_CONFIG_DIR", str(tmp_path))
    monkeypatch.setenv("ENCYPHER_C2PA_TELEMETRY", "on")
    text._verifier.cache_clear()
    read_text(marked())
    assert os.environ["ENCYPHER_C2PA_TELEMETRY"] == "off"
    assert list(tmp_path.iterdir()) == []


def test_a_trusted_editor_does_not_vouch_for_the_strangers_camera_that_he_took_in() -> None:
    camera = signed_picture(picture(), "image/png", chain("Stranger"), claim("digitalCapture"))
    opened = {"action": "c2pa.opened", "parameters": {"ingredientIds": ["first"]}}
    saved = {"assertions": [{"label": "c2pa.actions.v2", "data": {"actions": [opened]}}]}
    edited = signed_picture(picture(), "image/png", chain("Editor"), saved, parent=camera)
    read = read_media(edited, "image/png", anchors=chain("Editor").anchors)
    assert (read.validity, read.trust, read.inherited) == (
        Validity.VALID,
        Trust.TRUSTED,
        ("digitalCapture",),
    )
    assert (read.origin, read.stated, read.evidence) == (Origin.UNKNOWN, Origin.UNKNOWN, None)


# --- hostile input -----------------------------------------------------------------------------------------

BEGIN, END = b"-----BEGIN C2PA MANIFEST-----", b"-----END C2PA MANIFEST-----"
OPENED = BEGIN + b"data:application/c2pa;base64,"
SCRIPT = b'<script type="application/c2pa">'


@pytest.mark.parametrize(
    "hostile",
    [
        (MAGIC + "x" * 100).encode() * 10_000,
        OPENED * 30_000,
        (OPENED + END) * 20_000,
        BEGIN * 20_000 + b" " * 1_000_000,
        SCRIPT * 30_000,
        SCRIPT[:-1] * 30_000,
        b"application/c2pa" + b"<script" * 100_000,
    ],
    ids=["wrappers", "openings", "blocks", "delimiters", "scripts", "open scripts", "open tags"],
)
def test_a_megabyte_made_to_stall_the_reading_takes_no_second(hostile: bytes) -> None:
    started = time.process_time()
    read_text(hostile)
    detached(hostile)
    store_of(hostile)
    assert time.process_time() - started < 2  # some 0.02 s; what is quadratic takes minutes


def test_a_text_with_more_frames_than_a_text_can_have_is_unreadable_and_told_so() -> None:
    read = read_text(OPENED * 17)
    assert (read.validity, read.problems) == (Validity.UNREADABLE, ("more than 16 credentials in a text",))


@pytest.mark.parametrize(
    ("text", "left"),
    [
        ("漢漢漢漢{}漢漢", "漢漢漢漢漢漢"),
        ("# Tides\n<!-- {} -->\nThe sea", "# Tides\nThe sea"),
        ("It ends <!-- {} -->\nThe sea", "It ends\nThe sea"),
        ("x = 1  # {}", "x = 1"),
    ],
)
def test_a_block_goes_with_the_signs_of_its_comment_and_no_letter_of_the_text(text: str, left: str) -> None:
    block = (OPENED + b"AAAA" + END).decode()
    assert detached(text.format(block).encode()) == (left.encode(), b"\0\0\0")


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(KEYS), inner, max_size=4),
    max_leaves=25,
)


@given(JSON, JSON, JSON)
def test_no_manifest_makes_the_reading_fail(active: object, other: object, results: object) -> None:
    report = {
        "active_manifest": "a",
        "manifests": {"a": active, "b": other},
        "validation_state": "Valid",
        "validation_results": results,
    }
    read = credential_of(report, anchored=True, store=b"")
    assert read.trust is not Trust.TRUSTED or "signingCredential.trusted" in json.dumps(results)
    assert all(isinstance(term, str) for term in (*read.source_types, *read.inherited, *read.parents))
    assert read.mining in {None, "allowed", "notAllowed", "constrained"}


def test_a_chain_of_ingredients_however_long_is_read_and_names_are_cut() -> None:
    manifests = {
        str(n): {
            "ingredients": [{"active_manifest": str(n + 1), "title": "t" * 10_000}],
            "assertions": [{"data": {"digitalSourceType": f"x/term{n}"}}],
        }
        for n in range(5_000)
    }
    manifests["0"]["claim_generator"] = "g" * 1_000_000
    manifests["4999"]["ingredients"] = [{"active_manifest": "0"}]
    report = {"active_manifest": "0", "manifests": manifests, "validation_state": "Valid"}
    read = credential_of(report, anchored=False, store=b"")
    assert (read.source_types, read.inherited[:2]) == (("term0",), ("term1", "term2"))
    assert (len(read.inherited), len(read.generator or ""), len(read.parents[0])) == (100, 300, 300)


def test_a_file_larger_than_a_piece_is_read_like_its_bytes(tmp_path: Path) -> None:
    path = tmp_path / "a.png"
    for lead in (0, 1, (1 << 20) - 2):
        path.write_bytes(b"x" * lead + b"c2pa")
        assert media._holds_label(BytesIO(path.read_bytes()))
    path.write_bytes(b"c2p" + b"x" * (1 << 20) + b"a")
    assert read_media_file(path, "image/png") == Credential(validity=Validity.NONE)
    path.write_bytes(painted())
    assert read_media_file(path, "image/png") == replace(read_media(painted(), "image/png"), store=b"")


def test_media_are_known_by_their_names_alike_on_every_system() -> None:
    import c2pa

    assert set(MEDIA_TYPES.values()) <= set(c2pa.Reader.get_supported_mime_types())
    assert [media_type_of(name) for name in ("a.arrow", "a.parquet", "a.csv", "A.PNG", "png", ".png")] == [
        None,
        None,
        None,
        "image/png",
        None,
        None,
    ]


# --- whom to trust -----------------------------------------------------------------------------------------


def test_certificates_to_trust_are_read_and_looked_at(tmp_path: Path) -> None:
    path = tmp_path / "trusted.pem"
    path.write_bytes(chain("Painter").anchors)
    assert load_anchors(path) == chain("Painter").anchors
    secret = b"-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n\xff\n"
    path.write_bytes(secret + chain("Painter").anchors)
    assert load_anchors(path) == chain("Painter").anchors, "nothing but certificates is handed on"
    path.write_text("junk")
    with pytest.raises(
        InputError, match=r"trusted\.pem holds no certificate in PEM: .*Name a file with '-----BEGIN"
    ):
        load_anchors(path)
    with pytest.raises(InputError, match=r"cannot be read: No such file or directory\. Name a file"):
        load_anchors(tmp_path / "absent.pem")
