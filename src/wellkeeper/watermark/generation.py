"""Marked text from a model on this machine: `transformers` samples, a writer marks.

For sets of some thousand texts and for trying a key out. Whoever serves a model takes the writer into the server's own
sampling (`wellkeeper.watermark.writers`).
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from wellkeeper.engine.torch_models import load_causal
from wellkeeper.errors import DataError
from wellkeeper.watermark.keys import WatermarkKey
from wellkeeper.watermark.writers import PLAIN_SAMPLING, sampling_of

BATCH = 8
"""Prompts that are continued at once. Draws hang on it: another size gives other texts of the same distribution."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Written:
    """What a model wrote after one prompt."""

    prompt: str
    text: str
    ids: tuple[int, ...]  # token ids of the text, as the model drew them


class Generator:
    """A causal model that marks what it writes."""

    def __init__(self, model: Path, *, dtype: str | None = None) -> None:
        """Open a model: a GGUF file of a Llama, or a folder of `transformers`.

        Args:
            model: file or folder.
            dtype: numbers to compute in, such as "bfloat16"; None: as it was saved, 32 bits on a processor.

        Raises:
            InputError: there is no such path, or it holds no causal language model that can be read.
            MissingExtraError: the extra `lm-torch` is not installed.
        """
        module, self._tokeniser = load_causal(model)
        import torch

        device = "cuda" if torch.cuda.is_available() else "cpu"
        self._model: Any = module.to(device, None if dtype is None else getattr(torch, dtype)).eval()
        self._tokeniser.padding_side = "left"
        if self._tokeniser.pad_token_id is None:
            self._tokeniser.pad_token = self._tokeniser.eos_token

    @property
    def vocabulary(self) -> int:
        """Width of the model's logits."""
        return int(self._model.config.get_text_config().vocab_size)

    def write(
        self,
        prompts: Sequence[str],
        key: WatermarkKey | None,
        *,
        tokens: int,
        least: int = 0,
        temperature: float = 1.0,
        top_k: int = 0,
        top_p: float = 1.0,
        chat: bool = False,
        seed: int = 0,
        batch: int = BATCH,
    ) -> Iterator[Written]:
        """Continue prompts, in their order; the same call gives the same texts on the same machine.

        Args:
            prompts: texts to continue, or questions to answer with `chat`.
            key: of the mark; None: no mark, for comparison.
            tokens: most tokens to write after each.
            least: fewest tokens; the end of the text is not drawn before.
            temperature: of sampling, above 0.
            top_k: most tokens to draw from; 0: all.
            top_p: least mass to draw from, in (0, 1].
            chat: put prompts into the model's chat template.
            seed: of every draw.
            batch: prompts at once.

        Raises:
            DataError: a setting is out of its range, or the key is for another vocabulary.
        """
        import torch

        if tokens < 1:
            raise DataError(f"tokens is {tokens}. Give 1 or more tokens to write.")
        writer = sampling_of(key, temperature=temperature, top_k=top_k, top_p=top_p)
        for first in range(0, len(prompts), batch):
            part = list(prompts[first : first + batch])
            given = self._encoded(part, chat=chat)
            with torch.random.fork_rng(), torch.inference_mode():
                torch.manual_seed(seed + first)
                found = self._model.generate(
                    **given,
                    logits_processor=writer,
                    max_new_tokens=tokens,
                    min_new_tokens=least or None,
                    pad_token_id=self._tokeniser.pad_token_id,
                    **PLAIN_SAMPLING,
                )
            yield from self._read(part, found[:, given["input_ids"].shape[1] :])

    def _encoded(self, prompts: Sequence[str], *, chat: bool) -> Any:
        if chat:
            prompts = [
                self._tokeniser.apply_chat_template(
                    [{"role": "user", "content": prompt}], tokenize=False, add_generation_prompt=True
                )
                for prompt in prompts
            ]
        given = self._tokeniser(
            prompts,
            return_tensors="pt",
            padding=True,
            add_special_tokens=not chat,
            return_token_type_ids=False,
        )
        return given.to(self._model.device)

    def _read(self, prompts: Sequence[str], rows: Any) -> Iterator[Written]:
        control = set(self._tokeniser.all_special_ids)
        for prompt, row in zip(prompts, rows.tolist(), strict=True):
            end = next((place for place, token in enumerate(row) if token in control), len(row))
            yield Written(prompt=prompt, text=self._tokeniser.decode(row[:end]), ids=tuple(row[:end]))
