"""A folder of transformers whose model writes a watermark: the tokens are drawn from what the mark leaves."""

import hashlib
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from wellkeeper.engine.language_models import WRITING_CONTEXT
from wellkeeper.infer.folder import FolderSampler
from wellkeeper.infer.sampling import TOKENS
from wellkeeper.watermark.keys import WatermarkKey, check_tokenizer
from wellkeeper.watermark.tokens import open_tokenizer
from wellkeeper.watermark.writers import writer_of


class MarkedFolderSampler(FolderSampler):
    """As `FolderSampler`, with a mark in every answer. The log-probabilities are the model's own, before the mark."""

    def __init__(
        self,
        path: Path,
        key: WatermarkKey,
        *,
        tokens: int = TOKENS,
        context: int = WRITING_CONTEXT,
        threads: int | None = None,
    ) -> None:
        """Open a model.

        Args:
            path: as in `FolderSampler`.
            key: that marks; its vocabulary is the width of the model's logits.
            tokens: as in `FolderSampler`.
            context: as in `FolderSampler`.
            threads: as in `FolderSampler`.

        Raises:
            InputError: as `FolderSampler`, or the key was made for another tokeniser.
            MissingExtraError: torch or transformers is not installed.
        """
        super().__init__(path, tokens=tokens, context=context, threads=threads)
        if key.tokenizer is not None:
            check_tokenizer(key, open_tokenizer(path).fingerprint)
        self._key = key
        told = [self.fingerprint, "watermark", key.id]
        self.fingerprint = hashlib.sha256(json.dumps(told).encode()).hexdigest()

    def _bending(self, temperature: float) -> Callable[[Any, Any], Any]:
        """As of the class above. A temperature of 0 is refused by the mark: it leaves no choice.

        Raises:
            DataError: the temperature is 0, or the model's vocabulary is not the key's.
        """
        writers = writer_of(self._key, temperature=temperature)
        return lambda text, logits: writers(text, logits.float())
