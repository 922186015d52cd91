"""Keys and envelopes: published vectors, and other people's libraries on the other side."""

import base64
import json
import os
import stat
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed448, ed25519, rsa
from hypothesis import given
from hypothesis import strategies as st

from wellkeeper.errors import InputError
from wellkeeper.ledger.signature import (
    IN_TOTO,
    KEY_KINDS,
    PASSPHRASE,
    Envelope,
    SigningKey,
    VerifyKey,
    envelope,
    exposed,
    new_key_files,
    open_envelope,
    pre_authentication_encoding,
)

# RFC 8032, section 7.1, tests 1 to 3: secret key, public key, message, signature.
RFC_8032 = [
    (
        "9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60",
        "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a",
        "",
        (
            "e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e065224901555fb8821590a33bacc61e39701cf9b46bd"
            "25bf5f0595bbe24655141438e7a100b"
        ),
    ),
    (
        "4ccd089b28ff96da9db6c346ec114e0f5b8a319f35aba624da8cf6ed4fb8a6fb",
        "3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c",
        "72",
        (
            "92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da085ac1e43e15996e458f3613d0f11d8c3"
            "87b2eaeb4302aeeb00d291612bb0c00"
        ),
    ),
    (
        "c5aa8df43f9f837bedb7442f31dcb7b166d38535076f094b85ce3a2e0b4458f7",
        "fc51cd8e6218a1a38da47ed00230f0580816ed13ba3303ac5deb911548908025",
        "af82",
        (
            "6291d657deec24024827e69c3abe01a30ce548a284743a445e3680d7db5ac3ac18ff9b538d16f290ae67f760984dc6594"
            "a7c15e9716ed28dc027beceea1ec40a"
        ),
    ),
]

# DSSE v1.0.2, protocol.md, "Test Vectors": what is signed, and an ECDSA signature of it by a P-256 key.
DSSE_SIGNED = b"DSSEv1 29 http://example.com/HelloWorld 11 hello world"
DSSE_PUBLIC = (
    46950820868899156662930047687818585632848591499744589407958293238635476079160,
    5640078356564379163099075877009565129882514886557779369047442380624545832820,
)
DSSE_SIGNATURE = "A3JqsQGtVsJ2O2xqrI5IcnXip5GToJ3F+FnZ+O88SjtR6rDAajabZKciJTfUiHqJPcIAriEGAHTVeCUjW2JIZA=="

PEM = {"encoding": serialization.Encoding.PEM}
PRIVATE: dict[str, Any] = PEM | {
    "format": serialization.PrivateFormat.PKCS8,
    "encryption_algorithm": serialization.NoEncryption(),
}
PUBLIC: dict[str, Any] = PEM | {"format": serialization.PublicFormat.SubjectPublicKeyInfo}


@pytest.mark.parametrize(("secret", "public", "message", "signature"), RFC_8032)
def test_signatures_are_those_of_rfc_8032(secret: str, public: str, message: str, signature: str) -> None:
    key = SigningKey(key=ed25519.Ed25519PrivateKey.from_private_bytes(bytes.fromhex(secret)))
    raw = key.public.key.public_bytes(serialization.Encoding.Raw, serialization.PublicFormat.Raw)
    assert raw.hex() == public
    assert key.sign(bytes.fromhex(message)).hex() == signature
    assert key.public.verifies(bytes.fromhex(message), bytes.fromhex(signature))


def test_what_is_signed_is_the_published_encoding() -> None:
    assert pre_authentication_encoding("http://example.com/HelloWorld", b"hello world") == DSSE_SIGNED
    assert pre_authentication_encoding("ä", b"") == b"DSSEv1 2 \xc3\xa4 0 "


def test_the_published_signature_of_p256_verifies() -> None:
    from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature

    raw = base64.b64decode(DSSE_SIGNATURE)
    signature = encode_dss_signature(int.from_bytes(raw[:32]), int.from_bytes(raw[32:]))
    numbers = ec.EllipticCurvePublicNumbers(*DSSE_PUBLIC, ec.SECP256R1())
    assert VerifyKey(key=numbers.public_key()).verifies(DSSE_SIGNED, signature)


KEYS = {kind: SigningKey.new(kind) for kind in KEY_KINDS}


@pytest.mark.parametrize("kind", KEY_KINDS)
@given(payload=st.binary(max_size=200), kind_of_payload=st.text(max_size=20))
def test_an_envelope_opens_to_what_was_put_in_and_bears_its_signature(
    kind: str, payload: bytes, kind_of_payload: str
) -> None:
    key = KEYS[kind]  # type: ignore[index]
    data = envelope(payload, key, kind_of_payload)
    assert data == envelope(payload, key, kind_of_payload), "the same payload and key give the same bytes"
    opened = open_envelope(data)
    assert (opened.payload, opened.payload_type) == (payload, kind_of_payload)
    assert opened.signed_by(key.public)
    assert not opened.signed_by(SigningKey.new().public)
    assert [signature.keyid for signature in opened.signatures] == [key.keyid]


@given(st.binary(min_size=1, max_size=60), st.data())
def test_one_changed_bit_of_payload_type_or_signature_is_noticed(payload: bytes, draw: st.DataObject) -> None:
    opened = open_envelope(envelope(payload, KEYS["ed25519"]))
    signature = opened.signatures[0]

    def flipped(data: bytes) -> bytes:
        bit = draw.draw(st.integers(0, 8 * len(data) - 1))
        changed = bytearray(data)
        changed[bit // 8] ^= 1 << bit % 8
        return bytes(changed)

    public = KEYS["ed25519"].public
    kept = {"payload": opened.payload, "payload_type": opened.payload_type, "signatures": opened.signatures}
    others = [
        {"payload": flipped(opened.payload)},
        {"payload_type": opened.payload_type + "x"},
        {"signatures": (type(signature)(keyid=signature.keyid, signature=flipped(signature.signature)),)},
        {"signatures": ()},
    ]
    for other in others:
        assert not Envelope(**(kept | other)).signed_by(public)


def test_a_signature_moved_from_payload_to_type_does_not_verify() -> None:
    """What the lengths in the encoding are for: the same bytes, cut elsewhere."""
    key = KEYS["ed25519"]
    signed = open_envelope(envelope(b"a b", key, "t"))
    assert not Envelope(payload_type="t a", payload=b"b", signatures=signed.signatures).signed_by(key.public)


def test_an_envelope_without_a_key_bears_no_signature() -> None:
    opened = open_envelope(envelope(b"{}"))
    assert (opened.payload_type, opened.signatures) == (IN_TOTO, ())
    assert not opened.signed_by(KEYS["ed25519"].public)


def test_any_of_several_signatures_will_do_whatever_key_it_names() -> None:
    content = json.loads(envelope(b"{}", KEYS["ed25519"]))
    content["signatures"].insert(0, {"sig": base64.b64encode(b"x" * 64).decode()})
    content["signatures"][1]["keyid"] = "of somebody else"
    opened = open_envelope(json.dumps(content).encode())
    assert opened.signed_by(KEYS["ed25519"].public)


def test_url_safe_base64_is_read_as_the_format_asks() -> None:
    payload = b"\xfb\xff\xfe"
    content = json.loads(envelope(payload))
    content["payload"] = base64.urlsafe_b64encode(payload).decode()
    assert open_envelope(json.dumps(content).encode()).payload == payload


@pytest.mark.parametrize(
    ("data", "says"),
    [
        (b"{", "is not a DSSE envelope: Expecting property name"),
        (b"[]", "is not a DSSE envelope: list indices"),
        (b'{"payloadType": "x", "payload": ""}', "it has no 'signatures'"),
        (b'{"payloadType": 1, "payload": "", "signatures": []}', "payloadType is not a text"),
        (b'{"payloadType": "x", "payload": "?", "signatures": []}', "what should be base64 is not"),
        (b'{"payloadType": "x", "payload": "QR==", "signatures": []}', "ends in bits that mean nothing"),
        (b'{"payloadType": "x", "payload": "", "signatures": ["y"]}', "has no attribute"),
        (b"\xff", "is not a DSSE envelope: 'utf-8' codec"),
    ],
)
def test_what_is_no_envelope_is_said_to_be_none(data: bytes, says: str) -> None:
    with pytest.raises(InputError, match=says) as raised:
        open_envelope(data, "lake.dsse.json")
    assert str(raised.value).startswith("lake.dsse.json is not a DSSE envelope")
    assert str(raised.value).endswith("Restore the file, or make it again.")


def sslib_key(key: VerifyKey) -> Any:
    signer = pytest.importorskip("securesystemslib.signer")
    return signer.SSlibKey.from_crypto(key.key, keyid=key.keyid)


@pytest.mark.parametrize("kind", KEY_KINDS)
def test_securesystemslib_verifies_ours(kind: str) -> None:
    dsse = pytest.importorskip("securesystemslib.dsse")
    key = KEYS[kind]  # type: ignore[index]
    theirs = dsse.Envelope.from_dict(json.loads(envelope(b'{"a": 1}', key)))
    assert list(theirs.verify([sslib_key(key.public)], 1)) == [key.keyid]
    tampered = dsse.Envelope.from_dict(json.loads(envelope(b'{"a": 1}', key)))
    tampered.payload = b'{"a": 2}'
    with pytest.raises(Exception, match="Accepted signatures do not match threshold"):
        tampered.verify([sslib_key(key.public)], 1)


@pytest.mark.parametrize("kind", KEY_KINDS)
def test_we_verify_those_of_securesystemslib(kind: str) -> None:
    dsse = pytest.importorskip("securesystemslib.dsse")
    signer = pytest.importorskip("securesystemslib.signer")
    key = KEYS[kind]  # type: ignore[index]
    theirs = dsse.Envelope(b"hello", "text/plain", {})
    theirs.sign(signer.CryptoSigner(key.key, sslib_key(key.public)))
    opened = open_envelope(json.dumps(theirs.to_dict()).encode())
    assert opened.payload == b"hello"
    assert opened.signed_by(key.public)


def test_key_files_are_made_once_and_the_private_one_for_its_owner_alone(tmp_path: Path) -> None:
    made = new_key_files(tmp_path / "keys" / "lake")
    assert stat.S_IMODE(made.private.stat().st_mode) == 0o600
    signing, verifying = SigningKey.load(made.private), VerifyKey.load(made.public)
    assert verifying.verifies(b"x", signing.sign(b"x"))
    assert {made.key.keyid, signing.keyid, verifying.keyid, VerifyKey.load(made.private).keyid} == {
        signing.keyid
    }
    before = made.private.read_bytes()
    with pytest.raises(
        InputError, match=r"lake\.key is there already, and a key is never overwritten\. Choose"
    ):
        new_key_files(tmp_path / "keys" / "lake")
    made.private.unlink()
    with pytest.raises(InputError, match=r"lake\.pub is there already"):
        new_key_files(tmp_path / "keys" / "lake")
    assert not made.private.exists()
    assert b"PRIVATE KEY" in before


def test_the_key_id_is_the_digest_that_openssl_prints(tmp_path: Path) -> None:
    import hashlib

    key = new_key_files(tmp_path / "lake").key
    der = base64.b64decode("".join((tmp_path / "lake.pub").read_text().splitlines()[1:-1]))
    assert key.keyid == hashlib.sha256(der).hexdigest()


def test_a_private_key_is_never_shown() -> None:
    key = SigningKey.new()
    assert repr(key) == "SigningKey()"
    assert repr(key.public) == f"VerifyKey(kind='ed25519', keyid='{key.keyid}')"


def test_an_encrypted_key_opens_with_its_passphrase_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(PASSPHRASE, "heron")
    made = new_key_files(tmp_path / "lake")
    assert made.encrypted
    assert b"ENCRYPTED" in made.private.read_bytes()
    assert SigningKey.load(made.private).keyid == made.key.keyid
    monkeypatch.setenv(PASSPHRASE, "crane")
    with pytest.raises(InputError, match=rf"The passphrase in {PASSPHRASE} does not open .*lake\.key\. Put"):
        SigningKey.load(made.private)
    monkeypatch.delenv(PASSPHRASE)
    with pytest.raises(
        InputError, match=rf"lake\.key is encrypted\. Put its passphrase into .* {PASSPHRASE}\."
    ):
        SigningKey.load(made.private)


def test_a_variable_holds_the_key_or_where_it_lies(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    made = new_key_files(tmp_path / "lake")
    for value in (made.private.read_text(), str(made.private)):
        monkeypatch.setenv("LAKE_KEY", value)
        assert SigningKey.load("env:LAKE_KEY").keyid == made.key.keyid
    monkeypatch.setenv("LAKE_KEY", "hunter2")
    with pytest.raises(InputError, match="LAKE_KEY holds neither PEM text nor the path of a file") as raised:
        SigningKey.load("env:LAKE_KEY")
    assert "hunter2" not in str(raised.value), "a variable may hold a secret"
    monkeypatch.delenv("LAKE_KEY")
    with pytest.raises(InputError, match=r"LAKE_KEY is empty or not set\. Put the private key into it"):
        SigningKey.load("env:LAKE_KEY")


@pytest.mark.parametrize(
    ("key", "says"),
    [
        (rsa.generate_private_key(65537, 1024), "holds an RSA key of 1024 bits, and only Ed25519 and P-256"),
        (ec.generate_private_key(ec.SECP384R1()), "holds a key on the curve secp384r1, and only"),
        (ed448.Ed448PrivateKey.generate(), "holds a key of the kind Ed448, and only"),
    ],
    ids=["rsa", "p384", "ed448"],
)
def test_other_kinds_of_keys_are_named(tmp_path: Path, key: Any, says: str) -> None:
    private, public = tmp_path / "x.key", tmp_path / "x.pub"
    private.write_bytes(key.private_bytes(**PRIVATE))
    public.write_bytes(key.public_key().public_bytes(**PUBLIC))
    with pytest.raises(InputError, match=rf"x\.key {says}.*wellkeeper keys new NAME"):
        SigningKey.load(private)
    with pytest.raises(InputError, match=rf"x\.pub {says}.*wellkeeper keys new NAME"):
        VerifyKey.load(public)


@pytest.mark.parametrize(
    ("content", "signing", "verifying"),
    [
        ("", "is no private key in PEM form", "is no public key in PEM form"),
        (
            "-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----\n",
            "holds no private key but what is public of one",
            "is no public key in PEM form",
        ),
        (
            "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n",
            "is no private key in PEM form",
            "is no private key in PEM form",
        ),
        (
            "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n",
            "holds no private key but what is public of one",
            "holds a certificate, not a key",
        ),
        (
            "-----BEGIN OPENSSH PRIVATE KEY-----\nAAAA\n-----END OPENSSH PRIVATE KEY-----\n",
            "is a key of OpenSSH",
            "is a key of OpenSSH",
        ),
    ],
    ids=["empty", "public", "torn", "certificate", "openssh"],
)
def test_files_that_hold_no_key_are_told_apart(
    tmp_path: Path, content: str, signing: str, verifying: str
) -> None:
    path = tmp_path / "x.pem"
    path.write_text(content)
    with pytest.raises(InputError, match=signing):
        SigningKey.load(path)
    with pytest.raises(InputError, match=verifying):
        VerifyKey.load(path)


def test_a_missing_key_is_said_to_be_missing(tmp_path: Path) -> None:
    for load in (SigningKey.load, VerifyKey.load):
        with pytest.raises(InputError, match=r"x\.key is missing\. Give the path of a key, or make one"):
            load(tmp_path / "x.key")
        with pytest.raises(InputError, match="cannot be read: Is a directory"):
            load(tmp_path)


@pytest.mark.skipif(os.name == "nt", reason="files have no such mode there")
def test_a_key_that_others_can_read_is_warned_of(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    made = new_key_files(tmp_path / "lake")
    assert exposed(made.private) is None
    made.private.chmod(0o640)
    warning = f"{made.private} can be read by others (mode 0640). Close it: chmod 600 {made.private}"
    assert exposed(made.private) == warning
    monkeypatch.setenv("LAKE_KEY", str(made.private))
    assert exposed("env:LAKE_KEY") == warning
    monkeypatch.setenv("LAKE_KEY", made.private.read_text())
    assert exposed("env:LAKE_KEY") is None
    assert exposed(tmp_path / "nothing") is None


def test_no_message_shows_a_key_wherever_it_was_put(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pem = SigningKey.new().to_pem().decode()
    body = "".join(line for line in pem.splitlines() if "-" not in line)
    monkeypatch.setenv("BARE", body)
    monkeypatch.setenv("LONG", body * 20)  # longer than a path may be
    monkeypatch.setenv("PEM", pem)
    for reference in (pem, Path(pem), "env:BARE", "env:LONG"):
        with pytest.raises(InputError) as raised:
            SigningKey.load(reference)
        assert body not in str(raised.value)
        assert "variable" in str(raised.value)
    with pytest.raises(InputError, match=r"A private key stands where its path should\. Take it out"):
        exposed(pem)
    assert [exposed(reference) for reference in ("env:BARE", "env:LONG", "env:PEM")] == [None] * 3
    assert SigningKey.load("env:PEM").to_pem().decode() == pem


@pytest.mark.parametrize("name", ["", "..", ".key"])
def test_a_key_needs_a_name(tmp_path: Path, name: str) -> None:
    stem = Path(name)
    with pytest.raises(
        InputError, match=r"is no name of a key\. Give one, such as `wellkeeper keys new lake`"
    ):
        new_key_files(stem)


def test_a_link_or_a_file_in_the_way_of_a_key_is_a_message(tmp_path: Path) -> None:
    (tmp_path / "lake.key").symlink_to(tmp_path / "elsewhere")  # to have the key written where others read it
    with pytest.raises(InputError, match=r"lake\.key is there already, and a key is never overwritten"):
        new_key_files(tmp_path / "lake")
    assert not (tmp_path / "elsewhere").exists()
    (tmp_path / "file").write_text("")
    with pytest.raises(InputError, match=r"Keys cannot be written to .*file: .*\. Choose a folder of yours"):
        new_key_files(tmp_path / "file" / "lake")


@pytest.mark.parametrize(
    "data",
    [
        b"[" * 100_000,
        b'{"payloadType": "\\ud800", "payload": "", "signatures": []}',
        b'{"payloadType": "x", "payload": "", "signatures": [{"sig": "\\udc00"}]}',
    ],
    ids=["deep", "half a pair", "half a pair of a signature"],
)
def test_json_that_cannot_be_signed_or_read_is_no_envelope(data: bytes) -> None:
    with pytest.raises(InputError, match="is not a DSSE envelope"):
        open_envelope(data)


def test_a_key_beside_its_certificate_in_one_file_is_used(tmp_path: Path) -> None:
    key = SigningKey.new()
    bundle = tmp_path / "bundle.pem"
    bundle.write_bytes(key.to_pem() + key.public.to_pem())
    assert SigningKey.load(bundle).keyid == VerifyKey.load(bundle).keyid == key.keyid
