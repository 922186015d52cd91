"""Models in this process as samplers: a GGUF file in llama.cpp, or any Python function that answers."""

import hashlib
import json
import threading
from importlib.metadata import version
from pathlib import Path
from typing import Protocol

from wellkeeper.core.answers import Output, Prompt, finish_of
from wellkeeper.engine.completions import Question, RejectedError, whole_letters
from wellkeeper.engine.language_models import WRITING_CONTEXT, LocalModel
from wellkeeper.errors import InputError
from wellkeeper.infer.sampling import TOKENS, Stopwatch, drawn, output_of, rejected


class GgufSampler:
    """A GGUF file in llama.cpp: a `Sampler` that works on one answer at a time.

    One thread by default: several on a busy processor wait for each other, and are slower by a multiple.
    """

    at_once = 1

    def __init__(
        self, path: Path, *, tokens: int = TOKENS, context: int = WRITING_CONTEXT, threads: int = 1
    ) -> None:
        """Open a model.

        Args:
            path: a GGUF file.
            tokens: most of one answer.
            context: most tokens of a prompt and its answer.
            threads: of the processor.

        Raises:
            InputError: the file holds no causal language model that can be read.
            MissingExtraError: the engine is not installed.
        """
        self.tokens = tokens
        self._model = LocalModel(path, context=context, threads=threads)
        self._path, self._busy = path, threading.Lock()
        # Another version of the engine may round otherwise, and draw another token.
        told = [self._model.fingerprint, f"xllamacpp {version('xllamacpp')}", context]
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
        asked = self._asked(prompt)

        def draw(own_seed: int) -> Output:
            question = Question(
                prompt=asked, tokens=self.tokens, seed=own_seed, temperature=temperature, logprobs=logprobs
            )
            with self._busy:
                watch = Stopwatch()
                try:
                    reply = self._model.reply(question)
                except RejectedError as error:
                    return rejected(str(error), seed=own_seed)
            return output_of(reply, seed=own_seed, milliseconds=watch.milliseconds(), logprobs=logprobs)

        return drawn(draw, n, seed=seed, first=first)

    def _asked(self, prompt: Prompt) -> Prompt:
        if isinstance(prompt, str):
            return [{"role": "user", "content": prompt}] if self._model.is_chat else prompt
        if not self._model.is_chat:
            raise InputError(
                f"{self._path} has no template for messages: it continues text. Give the prompt as one text."
            )
        return prompt

    def stop(self) -> None:
        """There is no wait to end."""

    def close(self) -> None:
        """Free the memory, once the answer under way is written."""
        with self._busy:
            self._model.close()


class Answerer(Protocol):
    """A function that answers."""

    def __call__(self, prompt: Prompt, *, temperature: float, seed: int) -> str:
        """The text of one answer."""


class FunctionSampler:
    """A Python function: a `Sampler`, for models and clients that none of the others knows."""

    def __init__(self, function: Answerer, *, version: str, tokens: int = TOKENS, at_once: int = 1) -> None:
        """A sampler of a function.

        Args:
            function: may be called by `at_once` threads at the same time.
            version: name of what answers. Answers are kept under it: change it when the function changes.
            tokens: most that an answer can have; for budgets, the function keeps to it itself.
            at_once: calls under way at the same time.
        """
        self._function, self.tokens, self.at_once = function, tokens, at_once
        self.fingerprint = hashlib.sha256(json.dumps(["function", version]).encode()).hexdigest()

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
        """See `Sampler.sample`.

        Raises:
            InputError: log-probabilities are asked for, or the function gives no text.
        """
        if logprobs:
            raise InputError(
                "A function gives no log-probabilities. Ask without them, or ask the model itself."
            )

        def draw(own_seed: int) -> Output:
            watch = Stopwatch()
            text = self._function(prompt, temperature=temperature, seed=own_seed)
            if not isinstance(text, str):
                raise InputError(
                    f"The function gave {type(text).__name__}. Have it give the text of one answer."
                )
            text = whole_letters(text)
            return Output(
                text=text, finish=finish_of(text, "stop"), seed=own_seed, milliseconds=watch.milliseconds()
            )

        return drawn(draw, n, seed=seed, first=first)

    def stop(self) -> None:
        """There is no wait to end."""
