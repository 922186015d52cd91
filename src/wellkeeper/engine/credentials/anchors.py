"""The certificates that a user trusts."""

from pathlib import Path

from wellkeeper.errors import InputError


def load_anchors(path: Path) -> bytes:
    """The certificates of a PEM file, and nothing else that lies in it, for `read_media` and `read_text`.

    The libraries that verify take anything for certificates and then trust nobody; so they are looked at here. What
    is written around them is left out: it may be a private key, or no text at all.

    Raises:
        InputError: there is no such file, or a certificate in it cannot be read.
    """
    from cryptography import x509
    from cryptography.hazmat.primitives.serialization import Encoding

    try:
        pem = path.read_bytes()
    except OSError as error:
        raise InputError(
            f"The certificates to trust, {path}, cannot be read: {error.strerror}. Name a file of PEM certificates."
        ) from error
    try:
        certificates = x509.load_pem_x509_certificates(pem)
    except ValueError as error:
        raise InputError(
            f"{path} holds no certificate in PEM: {error}. Name a file with '-----BEGIN CERTIFICATE-----' in it."
        ) from error
    return b"".join(certificate.public_bytes(Encoding.PEM) for certificate in certificates)
