"""A folder that `transformers` saved, as a sampler: torch in this process, one answer at a time.

Tokens are drawn here and not by the library's `generate`, which takes its random numbers from one state for the whole
process, and top-k, top-p and temperature from the model's folder. At a temperature of 1 an answer comes from the
model's own distribution, whole.
"""

import hashlib
import json
import threading
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

from wellkeeper.core.answers import Output, Prompt
from wellkeeper.engine.completions import Answer, RejectedError, Reply, whole_letters
from wellkeeper.engine.language_models import WRITING_CONTEXT, digest_of_folder
from wellkeeper.engine.torch_models import load_causal
from wellkeeper.errors import InputError
from wellkeeper.infer.sampling import TOKENS, Stopwatch, drawn, output_of, rejected

_LIKELIEST = 20  # first tokens that are told, as endpoints do


class FolderSampler:
    """A causal language model in torch: a `Sampler`. On the graphics card if there is one."""

    at_once = 1

    def __init__(
        self, path: Path, *, tokens: int = TOKENS, context: int = WRITING_CONTEXT, threads: int | None = None
    ) -> None:
        """Open a model.

        Args:
            path: a folder that `save_pretrained` wrote.
            tokens: most of one answer.
            context: most tokens of a prompt and its answer; less if the model was trained on less.
            threads: of the processor; None: as many as torch chooses.

        Raises:
            InputError: the folder holds no causal language model that can be read.
            MissingExtraError: torch or transformers is not installed.
        """
        if not path.is_dir():
            raise InputError(
                f"{path} is no folder. Give one that save_pretrained wrote, or a file with --gguf."
            )
        model, self._tokeniser = load_causal(path)
        import torch
        import transformers

        if threads is not None:
            torch.set_num_threads(threads)
        self.tokens = tokens
        self._path, self._torch, self._busy = path, torch, threading.Lock()
        device = "cuda" if torch.cuda.is_available() else "cpu"
        self._model: Any = model.to(device).eval()
        self._context = min(context, int(getattr(model.config, "max_position_embeddings", None) or context))
        self._ends = _ends(model, self._tokeniser)
        # Another version of the library may round otherwise, and draw another token.
        engine = f"transformers {transformers.__version__} torch {torch.__version__} {device}"
        told = [digest_of_folder(path), engine, self._context]
        self.fingerprint = hashlib.sha256(json.dumps(told).encode()).hexdigest()

    def sample(
        self,
        prompt: Prompt,
        n: int = 1,
        temperature: float = 1.0,
        seed: int = 0,
        logprobs: bool = False,  # noqa: FBT001, FBT002
        *,
        first: int = 0,
    ) -> list[Output]:
        """See `Sampler.sample`. A model made for chats sees a text as a message of the user, others continue it."""
        asked = self._encoded(prompt)

        def draw(own_seed: int) -> Output:
            with self._busy:
                watch = Stopwatch()
                try:
                    reply = self._reply(asked, temperature, own_seed)
                except RejectedError as error:
                    return rejected(str(error), seed=own_seed)
            return output_of(reply, seed=own_seed, milliseconds=watch.milliseconds(), logprobs=logprobs)

        return drawn(draw, n, seed=seed, first=first)

    def _encoded(self, prompt: Prompt) -> list[int]:
        is_chat = getattr(self._tokeniser, "chat_template", None) is not None
        if isinstance(prompt, str) and not is_chat:
            tokens: list[int] = self._tokeniser(whole_letters(prompt), split_special_tokens=True)["input_ids"]
            return tokens
        if not is_chat:
            raise InputError(
                f"{self._path} has no template for messages: it continues text. Give the prompt as one text."
            )
        turns = [{"role": "user", "content": prompt}] if isinstance(prompt, str) else prompt
        plain = [{name: whole_letters(value) for name, value in turn.items()} for turn in turns]
        templated = self._tokeniser.apply_chat_template(plain, add_generation_prompt=True, return_dict=True)
        return list(templated["input_ids"])

    def _reply(self, asked: list[int], temperature: float, seed: int) -> Reply:
        if len(asked) + self.tokens > self._context:
            raise RejectedError(
                f"a prompt of {len(asked)} tokens and an answer of {self.tokens} are more than the context of "
                f"{self._context}"
            )
        written: list[int] = []
        chances: list[float] = []
        first_tokens: Mapping[str, float] | None = None
        finish = "length"
        for token, logarithms in self._drawn(asked, temperature, seed):
            first_tokens = self._likeliest(logarithms) if first_tokens is None else first_tokens
            if token in self._ends:
                finish = "stop"
                break
            written.append(token)
            chances.append(float(logarithms[token]))
        return Reply(
            answer=Answer(whole_letters(self._tokeniser.decode(written, skip_special_tokens=True)), finish),
            prompt_tokens=len(asked),
            tokens=len(written) + (finish == "stop"),
            logprobs=tuple(chances),
            first_tokens=first_tokens,
            seeded=True,
        )

    def _drawn(self, asked: list[int], temperature: float, seed: int) -> Iterator[tuple[int, Any]]:
        """Token after token, each with the natural logarithms of the chances of all, shape (vocabulary,)."""
        torch = self._torch
        bend = self._bending(temperature)
        random = torch.Generator().manual_seed(seed)  # of the processor: the same draws on every device
        seen = None
        text = told = torch.tensor([asked], device=self._model.device)
        for _ in range(self.tokens):
            with torch.inference_mode():
                out = self._model(input_ids=told, past_key_values=seen, use_cache=True)
                bent = bend(text, out.logits[:, -1])[0].double().cpu()
            seen, logits = out.past_key_values, out.logits[0, -1].double().cpu()
            if temperature > 0:
                token = int(torch.multinomial(torch.softmax(bent, -1), 1, generator=random))
            else:
                token = int(bent.argmax())
            yield token, torch.log_softmax(logits, -1)
            told = torch.tensor([[token]], device=self._model.device)
            text = torch.cat((text, told), dim=1)

    def _bending(self, temperature: float) -> Callable[[Any, Any], Any]:
        """What makes of the model's logits those that a token is drawn from, for one answer.

        It is called with the text so far, shape (1, tokens), and the logits of the next token, shape (1, vocabulary).
        """
        return lambda _text, logits: logits.double() / temperature if temperature > 0 else logits

    def _likeliest(self, logarithms: Any) -> dict[str, float]:
        values, tokens = logarithms.topk(min(_LIKELIEST, len(logarithms)))
        found: dict[str, float] = {}
        for value, token in zip(values.tolist(), tokens.tolist(), strict=True):
            found.setdefault(whole_letters(self._tokeniser.decode([token])), value)
        return found

    def stop(self) -> None:
        """There is no wait to end."""

    def close(self) -> None:
        """Free the memory, once the answer under way is written."""
        with self._busy:
            self._model = None


def _ends(model: Any, tokeniser: Any) -> frozenset[int]:
    """Tokens that end an answer, as the model's folder and its tokeniser have them."""
    told = getattr(getattr(model, "generation_config", None), "eos_token_id", None)
    named = told if isinstance(told, list) else [told]
    return frozenset(token for token in [*named, tokeniser.eos_token_id] if token is not None)
