"""Token ids of texts, as the model that may have marked them counted them.

A watermark stands in token ids, so it is found through the very tokeniser that the model used. What a tokeniser is, for
this purpose, is what decides ids: how it normalises and splits, its pieces and merges, its added tokens. How it pads,
cuts off, decodes or puts control tokens around a text decides nothing here and is not part of the fingerprint. Control
tokens are never added, and words that look like one are words.
"""

import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from wellkeeper.errors import InputError, MissingExtraError

_DECIDES = ("normalizer", "pre_tokenizer", "model", "added_tokens")
_BATCH = 1 << 20
"""Characters that are encoded at once: the library keeps offsets and masks of all of them, some 100 bytes a token."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Tokens:
    """Token ids of documents: document k has `ids[offsets[k]:offsets[k + 1]]`."""

    ids: NDArray[np.int32]
    offsets: NDArray[np.int64]  # shape (documents + 1,)

    def __len__(self) -> int:
        return len(self.offsets) - 1

    def counts(self) -> NDArray[np.int64]:
        """Tokens of each document, shape (documents,)."""
        return np.diff(self.offsets)


def tokens_of(rows: Sequence[Sequence[int] | NDArray[np.integer]]) -> Tokens:
    """Lists of ids as one."""
    offsets = np.zeros(len(rows) + 1, np.int64)
    np.cumsum([len(row) for row in rows], out=offsets[1:])
    ids = np.fromiter(chain.from_iterable(rows), np.int32, int(offsets[-1]))
    return Tokens(ids=ids, offsets=offsets)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Tokenizer:
    """A tokeniser of the library `tokenizers`; many threads may use it."""

    inner: Any
    fingerprint: str  # SHA-256 of what decides ids, 64 hexadecimal digits
    size: int  # ids are below it

    def encode(self, texts: Sequence[str]) -> Tokens:
        """Token ids of texts. Half a character, which UTF-8 cannot write, is read as a question mark."""
        rows: list[list[int]] = []
        for batch in _batches(texts):
            whole = [text.encode(errors="replace").decode() for text in batch]
            rows += [one.ids for one in self.inner.encode_batch_fast(whole, add_special_tokens=False)]
        return tokens_of(rows)


def _batches(texts: Sequence[str]) -> Iterable[Sequence[str]]:
    first, size = 0, 0
    for number, text in enumerate(texts):
        size += len(text)
        if size >= _BATCH:
            yield texts[first : number + 1]
            first, size = number + 1, 0
    if first < len(texts):
        yield texts[first:]


def open_tokenizer(path: Path) -> Tokenizer:
    """A tokeniser from a `tokenizer.json`, a folder with one, or a GGUF model file.

    Raises:
        InputError: there is none, or it cannot be read.
        MissingExtraError: the extra `tokens` is not installed; or `lm-torch`, for a GGUF file.
    """
    if path.is_dir():
        inside = path / "tokenizer.json"
        if not inside.is_file():
            raise InputError(
                f"{path} holds no tokenizer.json. Save the tokeniser with `save_pretrained`, or name its file."
            )
        path = inside
    if not path.is_file():
        raise InputError(f"{path} does not exist. Give a tokenizer.json, its folder, or a GGUF file.")
    inner = _of_gguf(path) if path.suffix == ".gguf" else _of_json(path)
    return tokenizer_of(inner)


def tokenizer_of(inner: Any) -> Tokenizer:
    """A tokeniser that the library `tokenizers` holds already."""
    own = type(inner).from_str(inner.to_str())  # what is set here shall not change the caller's
    own.encode_special_tokens = True
    own.no_truncation()
    own.no_padding()
    return Tokenizer(
        inner=own, fingerprint=fingerprint_of(json.loads(own.to_str())), size=own.get_vocab_size()
    )


def fingerprint_of(tokenizer: Mapping[str, Any]) -> str:
    """SHA-256 of what decides ids in a `tokenizer.json`, however its keys are ordered and its merges written."""
    deciding = {name: tokenizer.get(name) for name in _DECIDES}
    model = deciding["model"]
    if isinstance(model, dict) and "merges" in model:
        merges = [pair.split(" ", 1) if isinstance(pair, str) else pair for pair in model["merges"]]
        deciding["model"] = {**model, "merges": merges}
    written = json.dumps(deciding, sort_keys=True, ensure_ascii=True, separators=(",", ":"))
    return hashlib.sha256(written.encode()).hexdigest()


def _of_json(path: Path) -> Any:
    try:
        import tokenizers
    except ImportError as error:
        raise MissingExtraError("Reading a tokenizer.json", extra="tokens") from error
    try:
        return tokenizers.Tokenizer.from_file(str(path))
    except Exception as error:  # noqa: BLE001  the library raises nothing more precise
        said = str(error).splitlines()[0][:200]
        raise InputError(
            f"{path} is no tokeniser of the library `tokenizers` ({said}). Give the tokenizer.json that was saved "
            "with the model."
        ) from None


def _of_gguf(path: Path) -> Any:
    from wellkeeper.engine.torch_models import load_tokeniser

    inner = getattr(load_tokeniser(path), "backend_tokenizer", None)
    if inner is None:
        raise InputError(
            f"The tokeniser of {path} is not one of the library `tokenizers`. Give the model's tokenizer.json instead."
        )
    return inner
