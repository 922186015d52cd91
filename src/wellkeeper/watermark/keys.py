"""Watermark keys, and the files that keep them.

A key file is JSON, readable by its owner alone. What a random generator of some device would make anew is written out:
SynthID's table of 65,536 bits (8 kB), Unigram's green tokens. A graphics card and a processor make different tables of
one seed, and a key that depends on which of them made it finds nothing.

A key's *id* is a digest of what may be known of it: scheme, parameters, vocabulary, tokeniser, and a commitment to its
secret. A commitment is the SHA-256 of the secret with 32 random bytes in it: it tells nothing of the secret, and it
proves later that a key is the one that an id stood for. Ledgers and reports name ids and never keys.
"""

import base64
import hashlib
import json
import os
import secrets
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from wellkeeper.errors import DataError, InputError, did_you_mean
from wellkeeper.watermark.detection import Detector

SCHEMA = "wellkeeper.watermark-key/1"
SEED_BYTES = 32
_SALT_BYTES = 32
TABLE_BITS = 1 << 16
"""Bits of SynthID's sampling table, as in its reference (google-deepmind/synthid-text)."""

Bits: TypeAlias = NDArray[np.uint8]  # zeros and ones
Number: TypeAlias = int | float


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class WatermarkKey:
    """A watermark's key. Whoever has it can place and find the mark, and take it out."""

    scheme: str  # one of SCHEMES
    vocabulary: int  # numbers that the model gives for each token: the width of its logits
    tokenizer: str | None  # fingerprint of the tokeniser (`watermark.tokens`); None: not bound to one
    parameters: Mapping[str, Number]
    secret: Mapping[str, Any]  # numbers and tables of the scheme, and the salt of the commitment
    created: str  # ISO 8601

    @property
    def commitment(self) -> str:
        """SHA-256 of the secret, 64 hexadecimal digits."""
        return hashlib.sha256(_canonical(_written(self.secret))).hexdigest()

    @property
    def id(self) -> str:
        """SHA-256 of what may be known of the key, 64 hexadecimal digits."""
        return hashlib.sha256(_canonical({"schema": SCHEMA, **self._open(), **self._bound()})).hexdigest()

    def public(self) -> dict[str, Any]:
        """What ledgers and reports may say of the key."""
        return {"id": self.id, **self._open(), **self._bound(), "created": self.created}

    def _open(self) -> dict[str, Any]:
        return {"scheme": self.scheme, "vocabulary": self.vocabulary, "tokenizer": self.tokenizer}

    def _bound(self) -> dict[str, Any]:
        return {"parameters": dict(sorted(self.parameters.items())), "commitment": self.commitment}

    def save(self, path: Path) -> None:
        """Write the key, for its owner's eyes alone (mode 0600).

        Raises:
            InputError: there is a file already: a key that is written over is lost.
        """
        document = {"schema": SCHEMA, **self.public(), "secret": _written(self.secret)}
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        except FileExistsError:
            raise InputError(
                f"{path} is there already, and a key written over is lost. Choose another name."
            ) from None
        try:
            with os.fdopen(handle, "w", encoding="utf-8") as file:
                json.dump(document, file, indent=1)
                file.write("\n")
                file.flush()
                os.fsync(file.fileno())
        except BaseException:
            path.unlink()  # half a key would stand in the way of a whole one
            raise

    def __repr__(self) -> str:
        return f"WatermarkKey(scheme={self.scheme!r}, id={self.id[:12]}...)"  # secrets stay out of logs


def new_key(
    scheme: str,
    *,
    vocabulary: int,
    tokenizer: str | None = None,
    seed: int | None = None,
    parameters: Mapping[str, Number] | None = None,
) -> WatermarkKey:
    """A key of a scheme.

    Args:
        scheme: one of `SCHEMES`.
        vocabulary: width of the model's logits.
        tokenizer: fingerprint of the tokeniser that the key is bound to.
        seed: makes the same key each time; whoever knows it has the key. None: 32 bytes of the system's randomness.
        parameters: of the scheme, other than its defaults.

    Raises:
        DataError: there is no such scheme or parameter, or a value is out of its range.
    """
    given = _settings(scheme, vocabulary, parameters or {})
    draws = _Draws(secrets.token_bytes(SEED_BYTES) if seed is None else str(seed).encode(), scheme)
    secret = SCHEMES[scheme].draw(draws, vocabulary, given)
    return _key(scheme, vocabulary, tokenizer, given, {"salt": draws.bytes(_SALT_BYTES).hex(), **secret})


def key_with(
    secret: Mapping[str, Any],
    scheme: str,
    *,
    vocabulary: int,
    tokenizer: str | None = None,
    parameters: Mapping[str, Number] | None = None,
) -> WatermarkKey:
    """A key of a secret that exists already, such as one that a model in use marks by.

    Args:
        secret: what the scheme keeps: `keys` and `table` of synthid, `green` of unigram, `key` of the others.
        scheme: one of `SCHEMES`.
        vocabulary: width of the model's logits.
        tokenizer: fingerprint of the tokeniser that the key is bound to.
        parameters: of the scheme, other than its defaults.

    Raises:
        DataError: as `new_key`, or the detector of the scheme refuses the secret.
    """
    given = _settings(scheme, vocabulary, parameters or {})
    salt = secrets.token_bytes(_SALT_BYTES).hex()
    key = _key(scheme, vocabulary, tokenizer, given, {"salt": salt, **secret})
    for name, bits in SCHEMES[scheme].tables(vocabulary).items():
        if len(secret[name]) != bits:
            raise DataError(f"The table '{name}' has {len(secret[name]):,} bits. Give one of {bits:,}.")
    detector_of(key)
    return key


def _settings(scheme: str, vocabulary: int, parameters: Mapping[str, Number]) -> dict[str, Number]:
    """All parameters of a scheme, checked."""
    if scheme not in SCHEMES:
        raise DataError(
            f"There is no scheme {scheme!r}.{did_you_mean(scheme, SCHEMES)} Choose one of {', '.join(SCHEMES)}."
        )
    if not 2 <= vocabulary < 1 << 31:
        raise DataError(f"vocabulary is {vocabulary}. Give the width of the model's logits, 2 or more.")
    kind = SCHEMES[scheme]
    given = {**{name: one.default for name, one in kind.parameters.items()}, **parameters}
    for name, value in given.items():
        _check(scheme, kind, name, value)
    return given


def _key(
    scheme: str,
    vocabulary: int,
    tokenizer: str | None,
    parameters: Mapping[str, Number],
    secret: Mapping[str, Any],
) -> WatermarkKey:
    return WatermarkKey(
        scheme=scheme,
        vocabulary=vocabulary,
        tokenizer=tokenizer,
        parameters=parameters,
        secret=secret,
        created=datetime.now(UTC).isoformat(timespec="seconds"),
    )


def load_key(path: Path) -> WatermarkKey:
    """Read a key file.

    Raises:
        InputError: there is none, it is no key file, or it is damaged.
    """
    try:
        document = json.loads(path.read_bytes())
    except FileNotFoundError:
        raise InputError(f"{path} does not exist. Make a key with `wellkeeper watermark new`.") from None
    except OSError as error:
        raise InputError(f"{path} cannot be read ({error.strerror}). Give this user read access.") from None
    except ValueError:
        raise InputError(_damaged(path, "it is not JSON")) from None
    if not isinstance(document, dict) or document.get("schema") != SCHEMA:
        found = document.get("schema") if isinstance(document, dict) else None
        raise InputError(
            f"{path} is no watermark key (schema {found!r}, wanted {SCHEMA!r}). Give a file that `wellkeeper "
            "watermark new` wrote."
        )
    try:
        key = _key_of(document)
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise InputError(_damaged(path, f"a part is missing or torn: {error}")) from None
    if key.id != document.get("id"):
        raise InputError(_damaged(path, "its contents do not fit its id"))
    return key


def _key_of(document: Mapping[str, Any]) -> WatermarkKey:
    kind = SCHEMES[document["scheme"]]
    parameters = {name: document["parameters"][name] for name in kind.parameters}
    return WatermarkKey(
        scheme=document["scheme"],
        vocabulary=int(document["vocabulary"]),
        tokenizer=document["tokenizer"],
        parameters=parameters,
        secret=_read(document["secret"], kind.tables(int(document["vocabulary"]))),
        created=document["created"],
    )


def _damaged(path: Path, why: str) -> str:
    return f"{path} is damaged: {why}. Take it from a backup; a key cannot be made anew from a part of it."


def check_tokenizer(key: WatermarkKey, fingerprint: str, *, otherwise: str = "") -> None:
    """Refuse a tokeniser that a key was not made for; `otherwise` names what else a user may do, if anything.

    Raises:
        InputError: the fingerprint is another than the key's.
    """
    if key.tokenizer is not None and key.tokenizer != fingerprint:
        raise InputError(
            f"The key {key.id[:12]} was made for the tokeniser {key.tokenizer[:12]}, and this one is "
            f"{fingerprint[:12]}: other token ids carry no mark. Give the tokeniser of the model that wrote the "
            f"text{otherwise}."
        )


def detector_of(key: WatermarkKey) -> Detector:
    """The detector of a key."""
    return SCHEMES[key.scheme].detector(key)


def cautions_of(schemes: Iterable[str]) -> tuple[str, ...]:
    """What whoever reads p-values of keys of these schemes must know, one entry a scheme with something to say."""
    said = (SCHEMES[scheme].caution for scheme in dict.fromkeys(schemes))
    return tuple(caution for caution in said if caution)


def ngrams_of(key: WatermarkKey) -> tuple[int, int]:
    """Tokens of the n-grams that the key's scheme draws by, and tokens that its detector passes over before the first.

    An n-gram is context and token together.
    """
    kind = SCHEMES[key.scheme]
    return kind.width(key.parameters), kind.lead


# --- schemes -------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class Parameter:
    """A number that a scheme needs and that need not be secret."""

    default: Number
    low: Number
    high: Number
    about: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Scheme:
    """How keys of a scheme are drawn, and what finds them."""

    about: str
    parameters: Mapping[str, Parameter]
    draw: Callable[["_Draws", int, Mapping[str, Number]], dict[str, Any]]
    detector: Callable[[WatermarkKey], Detector]
    width: Callable[[Mapping[str, Number]], int]  # tokens of the n-grams that it draws by
    caution: str = ""  # what whoever reads its p-values must know, one sentence or two
    lead: int = 0  # tokens before the first n-gram of a document that its detector passes over
    tables: Callable[[int], dict[str, int]] = lambda _: {}  # name -> bits, for a vocabulary


def _check(scheme: str, kind: Scheme, name: str, value: Number) -> None:
    if name not in kind.parameters:
        raise DataError(
            f"{scheme} has no parameter {name!r}.{did_you_mean(name, kind.parameters)} Set one of "
            f"{', '.join(kind.parameters)}."
        )
    one = kind.parameters[name]
    whole = not isinstance(one.default, int) or isinstance(value, int)
    if not (whole and one.low <= value <= one.high):
        what = "a whole number" if isinstance(one.default, int) else "a number"
        raise DataError(f"{name} of {scheme} is {value}. Give {what} from {one.low:g} to {one.high:g}.")


class _Draws:
    """Random bytes from a seed, the same on every machine and in every version: SHAKE256 (FIPS 202)."""

    def __init__(self, seed: bytes, scheme: str) -> None:
        self._seed = b"wellkeeper watermark key 1\0" + scheme.encode() + b"\0" + seed
        self._drawn = 0

    def bytes(self, size: int) -> bytes:
        self._drawn += 1
        return hashlib.shake_256(self._seed + b"\0" + str(self._drawn).encode()).digest(size)

    def number(self, bits: int) -> int:
        """A number of [0, 2^bits); bits a multiple of 8."""
        return int.from_bytes(self.bytes(bits // 8), "little")

    def coins(self, count: int) -> Bits:
        """Fair bits; count a multiple of 8."""
        return np.unpackbits(np.frombuffer(self.bytes(count // 8), np.uint8))

    def chosen(self, size: int, count: int) -> Bits:
        """Bits of which `count` of `size` are 1, every choice as likely as any other."""
        words = np.frombuffer(self.bytes(8 * size), "<u8")
        bits = np.zeros(size, np.uint8)
        bits[np.argsort(words, kind="stable")[:count]] = 1
        return bits


def _draw_synthid(draws: _Draws, vocabulary: int, given: Mapping[str, Number]) -> dict[str, Any]:  # noqa: ARG001
    # A table of 2^16 bits is read by the low 16 bits of hashes, which hang on the low 16 bits of keys alone: two keys
    # that share them would be one layer twice.
    depth = int(given["depth"])
    keys: dict[int, int] = {}
    while len(keys) < depth:
        key = draws.number(48)
        keys.setdefault(key % TABLE_BITS, key)
    return {"keys": list(keys.values()), "table": draws.coins(TABLE_BITS)}


def _draw_kgw(draws: _Draws, vocabulary: int, given: Mapping[str, Number]) -> dict[str, Any]:  # noqa: ARG001
    # torch seeds its generator with the low 32 bits; an even factor would throw one of them away.
    return {"key": draws.number(32) | 1}


def _draw_unigram(draws: _Draws, vocabulary: int, given: Mapping[str, Number]) -> dict[str, Any]:
    return {"green": draws.chosen(vocabulary, int(vocabulary * given["green"]))}


def _draw_number(draws: _Draws, vocabulary: int, given: Mapping[str, Number]) -> dict[str, Any]:  # noqa: ARG001
    return {"key": draws.number(56)}


def _synthid(key: WatermarkKey) -> Detector:
    from wellkeeper.watermark.synthid import SynthID

    return SynthID(
        keys=tuple(key.secret["keys"]),
        ngram_length=int(key.parameters["ngram"]),
        table=key.secret["table"],
        weighted=True,
    )


def _kgw(key: WatermarkKey) -> Detector:
    from wellkeeper.watermark.kgw import KGW

    return KGW(
        vocabulary=key.vocabulary,
        key=key.secret["key"],
        scheme="selfhash" if key.scheme == "kgw-selfhash" else "lefthash",
        context=int(key.parameters.get("context", 1)),
        green=float(key.parameters["green"]),
    )


def _unigram(key: WatermarkKey) -> Detector:
    from wellkeeper.watermark.unigram import Unigram

    return Unigram(green=key.secret["green"])


def _gumbel(key: WatermarkKey) -> Detector:
    from wellkeeper.watermark.gumbel import Gumbel

    return Gumbel(key=key.secret["key"], vocabulary=key.vocabulary, context=int(key.parameters["context"]))


def _textseal(key: WatermarkKey) -> Detector:
    from wellkeeper.watermark.textseal import TextSeal

    return TextSeal(key=key.secret["key"], vocabulary=key.vocabulary, window=int(key.parameters["window"]))


def _number(default: Number, low: Number, high: Number, about: str) -> Parameter:
    return Parameter(default=default, low=low, high=high, about=about)


_BIAS = _number(2.0, 0.0, 100.0, "added to the logits of green tokens, in nats")

SCHEMES: Mapping[str, Scheme] = {
    "synthid": Scheme(
        about="SynthID-Text: tournaments among tokens; does not change the distribution on average",
        parameters={
            "ngram": _number(5, 2, 16, "tokens that make a g-value: the token and those before it"),
            "depth": _number(30, 1, 64, "layers of the tournament"),
            "history": _number(1024, 1, 1 << 16, "contexts back to which a repeated one is left unmarked"),
        },
        draw=_draw_synthid,
        detector=_synthid,
        width=lambda given: int(given["ngram"]),
        tables=lambda _: {"table": TABLE_BITS},
    ),
    "kgw-lefthash": Scheme(
        about="green lists by the token before; favours green tokens by a bias",
        parameters={
            "green": _number(0.25, 0.01, 0.99, "share of green tokens"),
            "bias": _BIAS,
        },
        draw=_draw_kgw,
        detector=_kgw,
        width=lambda _: 2,
    ),
    "kgw-selfhash": Scheme(
        about="green lists by the tokens before and the token itself; harder to learn, slow to place",
        parameters={
            "green": _number(0.25, 0.01, 0.99, "share of green tokens"),
            "bias": _BIAS,
            "context": _number(4, 1, 16, "tokens that a list hangs on, the token itself among them"),
        },
        draw=_draw_kgw,
        detector=_kgw,
        width=lambda given: int(given["context"]),
    ),
    "unigram": Scheme(
        about="one green list for every place: survives edits best, and is the easiest to learn and remove",
        parameters={"green": _number(0.5, 0.01, 0.99, "share of green tokens"), "bias": _BIAS},
        draw=_draw_unigram,
        detector=_unigram,
        width=lambda _: 1,
        caution="unigram: one green list is for all texts and common words are in all of them, so that a key may call "
        "many unmarked texts at once. Try it on unmarked text of the same kind first, or mark with another scheme.",
        tables=lambda vocabulary: {"green": vocabulary},
    ),
    "gumbel": Scheme(
        about="Gumbel trick after Aaronson: the token is a function of key and context",
        parameters={"context": _number(4, 1, 16, "tokens before it that a draw hangs on")},
        draw=_draw_number,
        detector=_gumbel,
        width=lambda given: int(given["context"]) + 1,
    ),
    "textseal": Scheme(
        about="TextSeal's Gumbel draws, as Meta's package makes them",
        parameters={"window": _number(4, 1, 10, "tokens before it that a draw hangs on")},
        draw=_draw_number,
        detector=_textseal,
        width=lambda given: int(given["window"]) + 1,
        lead=1,
    ),
}


# --- as JSON -------------------------------------------------------------------------------------------------------


def _canonical(document: Mapping[str, Any]) -> bytes:
    return json.dumps(document, sort_keys=True, separators=(",", ":"), ensure_ascii=True).encode()


def _written(secret: Mapping[str, Any]) -> dict[str, Any]:
    """Tables as base64 of their bits, eight a byte, the first one highest."""
    return {
        name: base64.b64encode(np.packbits(value).tobytes()).decode()
        if isinstance(value, np.ndarray)
        else value
        for name, value in secret.items()
    }


def _read(secret: Mapping[str, Any], tables: Mapping[str, int]) -> dict[str, Any]:
    found = dict(secret)
    for name, bits in tables.items():
        packed = base64.b64decode(secret[name], validate=True)
        if len(packed) != -(-bits // 8):
            raise ValueError(f"the table '{name}' has {len(packed)} bytes and not {-(-bits // 8)}")
        found[name] = np.unpackbits(np.frombuffer(packed, np.uint8), count=bits)
    return found
