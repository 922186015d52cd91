"""A folder of transformers whose model writes a watermark: the tokens are drawn from what the mark leaves."""

import hashlib
import json
from collections.abc import Iterator
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

    def _drawn(self, asked: list[int], temperature: float, seed: int) -> Iterator[tuple[int, Any]]:
        """As of the class above. A temperature of 0 is refused by the mark: it leaves no choice.

        Raises:
            DataError: the temperature is 0, or the model's vocabulary is not the key's.
        """
        torch = self._torch
        writers = writer_of(self._key, temperature=temperature)
        random = torch.Generator().manual_seed(seed)  # of the processor: the same draws on every device
        seen = None
        text = told = torch.tensor([asked], device=self._model.device)
        for _ in range(self.tokens):
            with torch.inference_mode():
                out = self._model(input_ids=told, past_key_values=seen, use_cache=True)
                marked = writers(text, out.logits[:, -1].float())[0].double().cpu()
            seen, logits = out.past_key_values, out.logits[0, -1].double().cpu()
            token = int(torch.multinomial(torch.softmax(marked, -1), 1, generator=random))
            yield token, torch.log_softmax(logits, -1)
            told = torch.tensor([[token]], device=self._model.device)
            text = torch.cat((text, told), dim=1)
