"""Files with credentials, made for tests: certificates, images signed by c2pa-python, texts signed by c2patxt."""

import base64
import datetime as dt
import hashlib
import io
import uuid
from dataclasses import dataclass
from functools import cache
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, EllipticCurvePrivateKey
from cryptography.hazmat.primitives.asymmetric.ec import generate_private_key as new_p256
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

_SOURCE_TYPES = "http://cv.iptc.org/newscodes/digitalsourcetype/"
_CLAIM_SIGNING = x509.ObjectIdentifier("1.3.6.1.4.1.62558.2.1")


@dataclass(frozen=True, slots=True)
class Chain:
    key: Any
    leaf: x509.Certificate
    root: x509.Certificate

    @property
    def anchors(self) -> bytes:
        return self.root.public_bytes(serialization.Encoding.PEM)

    @property
    def certificates(self) -> bytes:
        return self.leaf.public_bytes(serialization.Encoding.PEM) + self.anchors

    @property
    def key_pem(self) -> bytes:
        return self.key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )


@cache
def chain(name: str, *, edwards: bool = False) -> Chain:
    """A root and a leaf that may sign claims; P-256, or Ed25519, which c2patxt wants."""
    root_key, leaf_key = _new_key(edwards=edwards), _new_key(edwards=edwards)
    root_name = _subject(f"{name} root")
    root = (
        _certificate(root_name, root_name, root_key.public_key())
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .add_extension(_usage(signs_certificates=True), critical=True)
        .sign(root_key, None if edwards else hashes.SHA256())
    )
    leaf = (
        _certificate(_subject(name), root_name, leaf_key.public_key())
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(_usage(signs_certificates=False), critical=True)
        .add_extension(
            x509.ExtendedKeyUsage([ExtendedKeyUsageOID.EMAIL_PROTECTION, _CLAIM_SIGNING]), critical=False
        )
        .add_extension(
            x509.AuthorityKeyIdentifier.from_issuer_public_key(root_key.public_key()), critical=False
        )
        .sign(root_key, None if edwards else hashes.SHA256())
    )
    return Chain(leaf_key, leaf, root)


def _new_key(*, edwards: bool) -> Ed25519PrivateKey | EllipticCurvePrivateKey:
    return Ed25519PrivateKey.generate() if edwards else new_p256(SECP256R1())


def _subject(name: str) -> x509.Name:
    return x509.Name(
        [
            x509.NameAttribute(NameOID.COMMON_NAME, name),
            x509.NameAttribute(NameOID.ORGANIZATION_NAME, "Made for a test"),
        ]
    )


def _certificate(subject: x509.Name, issuer: x509.Name, key: Any) -> x509.CertificateBuilder:
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key)
        .serial_number(x509.random_serial_number())
        .not_valid_before(dt.datetime(2026, 1, 1, tzinfo=dt.UTC))
        .not_valid_after(dt.datetime(2056, 1, 1, tzinfo=dt.UTC))
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key), critical=False)
    )


def _usage(*, signs_certificates: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=True,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=signs_certificates,
        crl_sign=signs_certificates,
        encipher_only=False,
        decipher_only=False,
    )


def picture(kind: str = "PNG", *, colour: tuple[int, int, int] = (9, 99, 30)) -> bytes:
    from PIL import Image

    file = io.BytesIO()
    Image.new("RGB", (64, 64), colour).save(file, kind)
    return file.getvalue()


def claim(source_type: str = "trainedAlgorithmicMedia", **assertions: Any) -> dict[str, Any]:
    """A manifest definition of c2pa-python; `assertions` by label, with "_" for "." and "__" for "-"."""
    created = {"action": "c2pa.created", "digitalSourceType": _SOURCE_TYPES + source_type}
    return {
        "title": "made for a test",
        "claim_generator_info": [{"name": "painter", "version": "1.5"}],
        "assertions": [
            {"label": "c2pa.actions.v2", "data": {"actions": [created]}},
            *(
                {"label": label.replace("__", "-").replace("_", "."), "data": data}
                for label, data in assertions.items()
            ),
        ],
    }


def signed_picture(
    data: bytes,
    media_type: str,
    signer: Chain,
    manifest: dict[str, Any] | None = None,
    *,
    parent: bytes | None = None,
) -> bytes:
    import c2pa

    info = c2pa.C2paSignerInfo(b"es256", signer.certificates, signer.key_pem, None)
    settings = c2pa.Settings.from_dict({"builder": {"thumbnail": {"enabled": False}}})
    target = io.BytesIO()
    with (
        c2pa.Context(settings) as context,
        c2pa.Builder(manifest or claim(), context) as builder,
        c2pa.Signer.from_info(info) as pen,
    ):
        if parent is not None:
            builder.add_ingredient(
                {"title": "first.png", "relationship": "parentOf", "label": "first"},
                "image/png",
                io.BytesIO(parent),
            )
        builder.sign(pen, media_type, io.BytesIO(data), target)
    return target.getvalue()


def signed_text(text: str, signer: Chain) -> bytes:
    import c2patxt

    disclosure = c2patxt.Disclosure(media_type="text/plain", model_type=c2patxt.ModelType.GENERIC)
    pen = c2patxt.Signer(private_key=signer.key, certificates=(signer.leaf, signer.root))
    return c2patxt.embed(text, pen, disclosure).encode()


def signed_page(before: str, after: str, signer: Chain) -> bytes:
    """A page of HTML with a manifest in a script element between two parts of it (A.7)."""
    return _framed(before, '<script type="application/c2pa">', "</script>", after, signer)


def signed_markdown(text: str, signer: Chain) -> bytes:
    """Text with a manifest in a comment before it (A.9)."""
    opening = "<!-- -----BEGIN C2PA MANIFEST----- data:application/c2pa;base64,"
    return _framed("", opening, " -----END C2PA MANIFEST----- -->\n", text, signer)


def _framed(before: str, opening: str, closing: str, after: str, signer: Chain) -> bytes:
    """The store's length depends on nothing that it says of the frame: two rounds find the frame's length."""
    length = 5_000
    for _ in range(2):
        frame = opening + base64.b64encode(_store(before, after, length, signer)).decode() + closing
        length = len(frame)
    return (before + frame + after).encode()


def _store(before: str, after: str, length: int, signer: Chain) -> bytes:
    import c2patxt
    from c2patxt import manifest
    from c2patxt._cose import _prepare_signed_claim, _serialize_signed_claim

    prepared = manifest._prepare_manifest(
        disclosure=c2patxt.Disclosure(media_type="text/plain", model_type=c2patxt.ModelType.GENERIC),
        digest=hashlib.sha256((before + after).encode()).digest(),
        exclusion_start=len(before.encode()),
        exclusion_length=length,
        instance_id="xmp:iid:467c3fa3-78df-4409-9ee9-837e2ebdbe35",
        when=dt.datetime(2026, 6, 1, tzinfo=dt.UTC),
        generator_name="painter",
        generator_version="1.5",
        algorithm="sha256",
        pad=b"",
    )
    pen = c2patxt.Signer(private_key=signer.key, certificates=(signer.leaf, signer.root))
    signature = _serialize_signed_claim(_prepare_signed_claim(pen, prepared.claim_bytes), pad=0)
    return manifest._serialize_prepared_manifest(
        prepared,
        signature=signature,
        manifest_uuid=uuid.UUID("bcd9a329-371b-4814-9179-c1e4037af38a"),
    )
