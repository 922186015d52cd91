"""Keys, signatures, and the envelope in which a signed statement travels.

A statement (in-toto, JSON) is signed as it stands, byte for byte, in a DSSE envelope [1]. What is signed is the
payload together with its type, so that a signature made for one kind of statement says nothing about another. Keys
are Ed25519 [2], or ECDSA over P-256 for tools that read nothing else; both lie in PEM files that every other tool
reads: PKCS #8 the private half, SubjectPublicKeyInfo (SPKI) the public one.

A signature tells who made a folder and that nobody changed it since. It does not tell that what the folder says is
true, nor, by itself, whose key it is: give the public half to readers by another way than beside the data.

[1] DSSE v1.0.2, https://github.com/secure-systems-lab/dsse/blob/v1.0.2/protocol.md
[2] RFC 8032
"""

import base64
import binascii
import hashlib
import json
import os
import stat
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, Self, TypeAlias, get_args

from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa

from wellkeeper.errors import InputError

KeyKind: TypeAlias = Literal["ed25519", "p256"]
KEY_KINDS: tuple[KeyKind, ...] = get_args(KeyKind)

IN_TOTO = "application/vnd.in-toto+json"
PASSPHRASE = "WELLKEEPER_KEY_PASSPHRASE"  # noqa: S105  a name, not the secret
"""The variable that holds the passphrase of an encrypted private key."""

_Private: TypeAlias = ed25519.Ed25519PrivateKey | ec.EllipticCurvePrivateKey
_Public: TypeAlias = ed25519.Ed25519PublicKey | ec.EllipticCurvePublicKey

_MAKE_ONE = "Make one with `wellkeeper keys new NAME`."
_PRIVATE = b"PRIVATE KEY-----"
_OTHERS = stat.S_IRWXG | stat.S_IRWXO


@dataclass(frozen=True, slots=True, kw_only=True)
class VerifyKey:
    """The public half of a key: tells whether a signature is by the private one."""

    key: _Public = field(repr=False)

    @classmethod
    def load(cls, path: str | Path) -> Self:
        """The key in a PEM file; of a private one, its public half.

        Raises:
            InputError: there is no such file, or it holds no Ed25519 or P-256 key.
        """
        return cls.from_pem(_read(Path(path)), str(path))

    @classmethod
    def from_pem(cls, pem: bytes, name: str = "The key") -> Self:
        """The key of a PEM text; `name` is what messages call it.

        Raises:
            InputError: it holds no Ed25519 or P-256 key.
        """
        if _PRIVATE in pem:
            return cls(key=_private(pem, name).public_key())
        if b"-----BEGIN CERTIFICATE-----" in pem:
            raise InputError(
                f"{name} holds a certificate, not a key. Take the key out of it: openssl x509 -pubkey -noout."
            )
        try:
            found = serialization.load_pem_public_key(pem)
        except (ValueError, UnsupportedAlgorithm):
            raise InputError(f"{name} is no public key in PEM form. {_MAKE_ONE}") from None
        if not isinstance(found, ed25519.Ed25519PublicKey | ec.EllipticCurvePublicKey) or not _is_ours(found):
            raise InputError(f"{name} holds {_told(found)}, and only Ed25519 and P-256 are read. {_MAKE_ONE}")
        return cls(key=found)

    @property
    def kind(self) -> KeyKind:
        return "ed25519" if isinstance(self.key, ed25519.Ed25519PublicKey) else "p256"

    @property
    def keyid(self) -> str:
        """SHA-256 of the key's SPKI in DER, 64 hexadecimal digits: `openssl pkey -pubin -outform DER | sha256sum`."""
        return hashlib.sha256(self._encoded(serialization.Encoding.DER)).hexdigest()

    def to_pem(self) -> bytes:
        return self._encoded(serialization.Encoding.PEM)

    def __hash__(self) -> int:
        return hash(self.keyid)

    def __repr__(self) -> str:
        return f"VerifyKey(kind={self.kind!r}, keyid={self.keyid!r})"

    def verifies(self, message: bytes, signature: bytes) -> bool:
        """Whether the signature is of this message and by the private half of this key."""
        try:
            if isinstance(self.key, ed25519.Ed25519PublicKey):
                self.key.verify(signature, message)
            else:
                self.key.verify(signature, message, ec.ECDSA(hashes.SHA256()))
        except InvalidSignature:
            return False
        return True

    def _encoded(self, encoding: serialization.Encoding) -> bytes:
        return self.key.public_bytes(encoding, serialization.PublicFormat.SubjectPublicKeyInfo)


@dataclass(frozen=True, slots=True, kw_only=True)
class SigningKey:
    """The private half of a key. It is never printed, and never written but by `to_pem`."""

    key: _Private = field(repr=False)

    @classmethod
    def new(cls, kind: KeyKind = "ed25519") -> Self:
        """A fresh key, from the system's randomness."""
        if kind == "ed25519":
            return cls(key=ed25519.Ed25519PrivateKey.generate())
        return cls(key=ec.generate_private_key(ec.SECP256R1()))

    @classmethod
    def load(cls, reference: str | Path) -> Self:
        """The key of a PEM file, or of a variable as `env:NAME` that holds PEM text or the path of a PEM file.

        An encrypted key is opened with the passphrase in WELLKEEPER_KEY_PASSPHRASE.

        Raises:
            InputError: there is no such file or variable, the passphrase is missing or wrong, or it holds no private
                Ed25519 or P-256 key.
        """
        pem, name = _referenced(str(reference))
        return cls(key=_private(pem, name))

    @property
    def public(self) -> VerifyKey:
        return VerifyKey(key=self.key.public_key())

    @property
    def kind(self) -> KeyKind:
        return self.public.kind

    @property
    def keyid(self) -> str:
        return self.public.keyid

    def sign(self, message: bytes) -> bytes:
        """The signature of a message: RFC 8032 of Ed25519, DER of ECDSA with SHA-256 of P-256.

        The same message gives the same signature with either: of P-256 the nonce is derived as in RFC 6979.
        """
        if isinstance(self.key, ed25519.Ed25519PrivateKey):
            return self.key.sign(message)
        return self.key.sign(message, ec.ECDSA(hashes.SHA256(), deterministic_signing=True))

    def to_pem(self, passphrase: str | None = None) -> bytes:
        """The key as PKCS #8 in PEM, encrypted if there is a passphrase."""
        encryption: serialization.KeySerializationEncryption = serialization.NoEncryption()
        if passphrase:
            encryption = serialization.BestAvailableEncryption(passphrase.encode())
        return self.key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, encryption
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class KeyFiles:
    """A pair of keys as it was written."""

    private: Path
    public: Path
    key: VerifyKey
    encrypted: bool

    def to_json(self) -> dict[str, Any]:
        return {
            "private": str(self.private),
            "public": str(self.public),
            "kind": self.key.kind,
            "keyid": self.key.keyid,
            "encrypted": self.encrypted,
        }

    def lines(self) -> list[str]:
        """What to tell a person: the files, and what to do with each."""
        secret = (
            f"encrypted: whoever uses it needs {PASSPHRASE}, too"
            if self.encrypted
            else f"not encrypted: set {PASSPHRASE} before `keys new` to have it so"
        )
        return [
            f"private: {self.private} ({secret})",
            f"public:  {self.public}",
            f"keyid:   {self.key.keyid}",
            "",
            f"Keep {self.private.name} to yourself: out of the repository, and with a copy where you keep passwords.",
            f"Give {self.public.name} to those who verify, by another way than beside the data: on your website, say.",
            f"next: {self._next()}",
        ]

    def _next(self) -> str:
        if self.key.kind == "p256":
            return f"wellkeeper keys sign-folder OUT --key {self.private}"
        return f"sign: {{key: {self.private}}} in a recipe, then wellkeeper verify OUT --key {self.public}"


def new_key_files(stem: Path, *, kind: KeyKind = "ed25519") -> KeyFiles:
    """Make a key, and write its halves as `stem`.key, which only its owner can read, and `stem`.pub.

    The private half is encrypted if WELLKEEPER_KEY_PASSPHRASE is set.

    Raises:
        InputError: the stem names no file, one of the files is there already, or they cannot be written.
    """
    if stem.name in {"", "..", ".key", ".pub"}:
        raise InputError(f"{str(stem)!r} is no name of a key. Give one, such as `wellkeeper keys new lake`.")
    private, public = (stem.with_name(stem.name + suffix) for suffix in (".key", ".pub"))
    for path in (private, public):
        if path.exists():
            raise _taken(path)
    key, passphrase = SigningKey.new(kind), os.environ.get(PASSPHRASE)
    try:
        stem.parent.mkdir(parents=True, exist_ok=True)
        _write_new(private, key.to_pem(passphrase), mode=0o600)
        _write_new(public, key.public.to_pem(), mode=0o644)
    except OSError as error:
        raise InputError(
            f"Keys cannot be written to {stem.parent}: {error.strerror}. Choose a folder of yours with --out."
        ) from None
    return KeyFiles(private=private, public=public, key=key.public, encrypted=bool(passphrase))


def _taken(path: Path) -> InputError:
    return InputError(f"{path} is there already, and a key is never overwritten. Choose another name.")


def _write_new(path: Path, data: bytes, *, mode: int) -> None:
    """Write a file that was not there, with its mode from the first byte on; a link is not followed."""
    try:
        handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode)
    except FileExistsError:
        raise _taken(path) from None
    with os.fdopen(handle, "wb") as file:
        file.write(data)


def exposed(reference: str | Path) -> str | None:
    """A warning if the file of a private key can be read by others than its owner; None if not, or if it is no file."""
    path = _path_of(str(reference))
    if path is None or os.name == "nt":
        return None
    try:
        found = path.stat()
        is_private = stat.S_ISREG(found.st_mode) and _PRIVATE in path.read_bytes()
    except (OSError, ValueError):  # what is no file is told when it is read
        return None
    mode = stat.S_IMODE(found.st_mode)
    if not is_private or not mode & _OTHERS:
        return None
    return f"{path} can be read by others (mode {mode:04o}). Close it: chmod 600 {path}"


def _path_of(reference: str) -> Path | None:
    """The file that a reference leads to; None for a variable that holds the key itself, or nothing.

    Raises:
        InputError: the reference is a private key.
    """
    if not reference.startswith("env:"):
        if _PRIVATE in reference.encode(errors="replace"):  # recipes are kept, and messages go to logs
            raise InputError(
                "A private key stands where its path should. Take it out, put it into a variable and give env:NAME; "
                "if anybody else can read the place where it stood, make a new key."
            )
        return Path(reference)
    value = os.environ.get(reference.removeprefix("env:"), "").strip()
    return None if not value or value.startswith("-----BEGIN") else Path(value)


def _referenced(reference: str) -> tuple[bytes, str]:
    """The PEM text, and what messages call it: never the content of a variable, which may be a secret."""
    path = _path_of(reference)
    if not reference.startswith("env:"):
        assert path is not None, "a reference that is not a variable is a path"
        return _read(path), reference
    variable = reference.removeprefix("env:")
    value = os.environ.get(variable, "").strip()
    if not value:
        raise InputError(
            f"The variable {variable} is empty or not set. Put the private key into it, as PEM text or as the path of "
            "its file."
        )
    if path is None:
        return value.encode(), f"The variable {variable}"
    if not _is_file(path):
        raise InputError(
            f"The variable {variable} holds neither PEM text nor the path of a file. Put the private key into it, or "
            "the path of its file."
        )
    return _read(path), f"{path} (from the variable {variable})"


def _is_file(path: Path) -> bool:
    """Whether it is a file; what cannot be a path is none, and no error that shows it."""
    try:
        return path.is_file()
    except (OSError, ValueError):
        return False


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except (FileNotFoundError, ValueError):  # a path with a null byte
        raise InputError(
            f"{path} is missing. Give the path of a key, or make one: `wellkeeper keys new NAME`."
        ) from None
    except OSError as error:
        raise InputError(f"{path} cannot be read: {error.strerror}. Give the path of a key's file.") from None


def _private(pem: bytes, name: str) -> _Private:
    is_public = b"-----BEGIN PUBLIC KEY-----" in pem or b"-----BEGIN CERTIFICATE-----" in pem
    if is_public and _PRIVATE not in pem:
        raise InputError(
            f"{name} holds no private key but what is public of one. Give the .key file that lies beside it."
        )
    if b"-----BEGIN OPENSSH PRIVATE KEY-----" in pem:
        raise InputError(f"{name} is a key of OpenSSH, and keys are read in PKCS #8. {_MAKE_ONE}")
    found = _decrypted(pem, name)
    if not isinstance(found, ed25519.Ed25519PrivateKey | ec.EllipticCurvePrivateKey) or not _is_ours(found):
        raise InputError(f"{name} holds {_told(found)}, and only Ed25519 and P-256 are used. {_MAKE_ONE}")
    return found


def _decrypted(pem: bytes, name: str) -> Any:
    try:
        return serialization.load_pem_private_key(pem, password=None)
    except TypeError:  # how the library says that the key is encrypted
        pass
    except (ValueError, UnsupportedAlgorithm):
        raise InputError(f"{name} is no private key in PEM form. {_MAKE_ONE}") from None
    passphrase = os.environ.get(PASSPHRASE)
    if not passphrase:
        raise InputError(f"{name} is encrypted. Put its passphrase into the variable {PASSPHRASE}.")
    try:
        return serialization.load_pem_private_key(pem, password=passphrase.encode())
    except (ValueError, UnsupportedAlgorithm):
        raise InputError(
            f"The passphrase in {PASSPHRASE} does not open {name}. Put the right one there."
        ) from None


def _is_ours(key: Any) -> bool:
    return not hasattr(key, "curve") or isinstance(key.curve, ec.SECP256R1)


def _told(key: Any) -> str:
    """What kind of key was found, in words."""
    if isinstance(key, rsa.RSAPrivateKey | rsa.RSAPublicKey):
        return f"an RSA key of {key.key_size} bits"
    if hasattr(key, "curve"):
        return f"a key on the curve {key.curve.name}"
    kind = type(key).__name__.removesuffix("PrivateKey").removesuffix("PublicKey").lstrip("_")
    return f"a key of the kind {kind}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Signature:
    """One signature of an envelope. `keyid` is a hint of whose it is that nothing vouches for."""

    keyid: str
    signature: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class Envelope:
    """A payload with its type and the signatures over both."""

    payload_type: str
    payload: bytes
    signatures: tuple[Signature, ...] = ()

    def signed_by(self, key: VerifyKey) -> bool:
        """Whether any of the signatures is by this key, whatever key it says it is by."""
        message = pre_authentication_encoding(self.payload_type, self.payload)
        return any(key.verifies(message, signature.signature) for signature in self.signatures)


def pre_authentication_encoding(payload_type: str, payload: bytes) -> bytes:
    """The bytes that are signed: DSSE v1.0.2, "Signature Definition".

    >>> pre_authentication_encoding("http://example.com/HelloWorld", b"hello world")
    b'DSSEv1 29 http://example.com/HelloWorld 11 hello world'
    """
    kind = payload_type.encode()
    return b"DSSEv1 %d %b %d %b" % (len(kind), kind, len(payload), payload)


def envelope(payload: bytes, key: SigningKey | None = None, payload_type: str = IN_TOTO) -> bytes:
    """A DSSE envelope as JSON: the same payload, type and key give the same bytes.

    Without a key it bears no signature: it still says what it says, and who reads it must know its digest from
    elsewhere.
    """
    signatures = []
    if key is not None:
        signature = key.sign(pre_authentication_encoding(payload_type, payload))
        signatures = [{"keyid": key.keyid, "sig": base64.b64encode(signature).decode()}]
    content = {
        "payloadType": payload_type,
        "payload": base64.b64encode(payload).decode(),
        "signatures": signatures,
    }
    return (json.dumps(content, indent=2, ensure_ascii=False) + "\n").encode()


def open_envelope(data: bytes, name: str = "The envelope") -> Envelope:
    """The envelope of a JSON text; its signatures are not checked yet. `name` is what messages call it.

    Raises:
        InputError: it is not JSON, or not a DSSE envelope.
    """
    try:
        content = json.loads(data, object_pairs_hook=unambiguous)
        return Envelope(
            payload_type=_text(content, "payloadType"),
            payload=_decoded(_text(content, "payload")),
            signatures=tuple(
                Signature(keyid=str(row.get("keyid") or ""), signature=_decoded(_text(row, "sig")))
                for row in content["signatures"]
            ),
        )
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError) as error:
        why = f"it has no {error}" if isinstance(error, KeyError) else str(error)
        raise InputError(
            f"{name} is not a DSSE envelope: {why}. Restore the file, or make it again."
        ) from None


def unambiguous(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """An `object_pairs_hook` of `json.loads`: of a name that comes twice, one reader takes the first and one the last.

    Raises:
        ValueError: a name comes twice.
    """
    content = dict(pairs)
    if len(content) != len(pairs):
        raise ValueError("it has a name twice")
    return content


def _text(content: Mapping[str, Any], name: str) -> str:
    value = content[name]
    if not isinstance(value, str):
        raise TypeError(f"{name} is not a text")
    value.encode()  # half a surrogate pair, which JSON may hold and nobody can sign, is a ValueError
    return value


def _decoded(text: str) -> bytes:
    """Base64, standard or URL-safe as the format allows, and only in the one form that encoding gives."""
    standard = text.replace("-", "+").replace("_", "/")
    try:
        data = base64.b64decode(standard, validate=True)
    except binascii.Error as error:
        raise ValueError(f"what should be base64 is not ({error})") from None
    if base64.b64encode(data).decode() != standard:
        raise ValueError("what should be base64 ends in bits that mean nothing")
    return data
