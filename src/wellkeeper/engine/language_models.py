"""Causal language models on this machine, read from a path: their logits for a text, and text that they write.

A GGUF file runs in llama.cpp, inside this process (package `xllamacpp`); a folder of `transformers` runs in torch.
Nothing is downloaded and no code of a model's folder is run.

llama.cpp's server gives log-probabilities of what it writes, and none of what it is given [1]. It does give the state
before the model's last matrix, for each token. So that matrix is read from the file and applied here, and the product
is compared with the server's own probabilities when a model is opened: a model whose last step is another one is
refused, and never scored wrongly.

[1] https://github.com/ggml-org/llama.cpp/issues/27174
"""

import hashlib
import http.client
import json
import secrets
from collections.abc import Callable, Iterator, Mapping, Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Any, Protocol, TypeAlias
from urllib.parse import urlsplit

import numpy as np
import orjson
from numpy.typing import NDArray

from wellkeeper.engine.completions import Answer, Question, RejectedError, Reply, parameters_of, reply_in
from wellkeeper.engine.gguf import GgufFile, read_causal
from wellkeeper.engine.torch_models import load_causal
from wellkeeper.errors import InputError, MissingExtraError, WorkError

Logits: TypeAlias = NDArray[np.float32]

CONTEXT = 512
"""Most tokens of one text that are scored: some 2,000 letters of English."""
WRITING_CONTEXT = 4096
"""Most tokens of a prompt and what is written after it."""
_LETTERS_A_TOKEN = 16  # more than any text of words has


class LanguageModel(Protocol):
    """A causal language model, for one thread at a time."""

    @property
    def fingerprint(self) -> str:
        """SHA-256 of weights and tokeniser, in hexadecimal digits."""
        ...

    @property
    def engine(self) -> str:
        """What computes, with its version: other versions may round otherwise."""
        ...

    @property
    def context(self) -> int:
        """Most tokens of one text."""
        ...

    @property
    def batch(self) -> int:
        """How many texts are worth giving at once."""
        ...

    def encode(self, text: str, most: int) -> list[int]:
        """The first tokens of a text, `most` at most, as the model was trained to see them.

        Words that look like the model's control tokens are words.
        """
        ...

    def logits(self, texts: Sequence[Sequence[int]]) -> Iterator[Logits]:
        """For each text its logits, shape (tokens - 1, vocabulary): row t was made before token t + 1 was seen."""
        ...

    def close(self) -> None:
        """Free the memory; the model cannot be used after that."""
        ...


def open_model(path: Path, *, context: int = CONTEXT, threads: int | None = None) -> LanguageModel:
    """A model to score texts with: a GGUF file, or a folder that `transformers` saved.

    Args:
        path: file or folder.
        context: most tokens of one text; less if the model was trained on less.
        threads: of the processor; None: as many as the engine chooses.

    Raises:
        InputError: there is no such path, or it holds no causal language model that can be read.
        MissingExtraError: the engine is not installed.
    """
    if path.is_dir():
        return TransformersModel(path, context=context, threads=threads)
    return GgufModel(path, context=context, threads=threads)


def _start(text: str, most: int, encode: Callable[[str], list[int]]) -> list[int]:
    """The first tokens of a text, without encoding all of a long one."""
    letters = most * _LETTERS_A_TOKEN
    while True:
        tokens = encode(text[:letters])
        # The cut changes the tokens of the word it goes through: far behind those that are kept.
        if letters >= len(text) or len(tokens) >= 2 * most:
            return tokens[:most]
        letters *= 4


# --- llama.cpp ---------------------------------------------------------------------------------------------------


class _Llama:
    """llama.cpp's server inside this process. It listens on this machine alone, for whoever knows a random key."""

    def __init__(self, path: Path, *, context: int, scoring: bool, threads: int | None) -> None:
        try:
            import xllamacpp
        except ImportError as error:
            raise MissingExtraError("A GGUF model", extra="lm") from error
        self._key = secrets.token_hex(16)
        asked = xllamacpp.CommonParams()
        asked.model.path = str(path)
        asked.n_ctx = context
        asked.n_parallel = 1  # a text's numbers must not depend on what else is asked
        asked.warmup = False
        asked.verbosity = -1
        asked.api_keys = [self._key]
        asked.ui = asked.endpoint_slots = False
        if scoring:
            asked.embedding = True
            asked.n_batch = asked.n_ubatch = context  # states are given for one batch
            asked.pooling_type = xllamacpp.llama_pooling_type.LLAMA_POOLING_TYPE_NONE
        if threads is not None:
            asked.cpuparams.n_threads = asked.cpuparams_batch.n_threads = threads
        try:
            self._server: Any = xllamacpp.Server(asked)
        except RuntimeError:
            raise InputError(
                f"llama.cpp cannot load {path}: it may be damaged, too large for the memory, or newer than the "
                "installed llama.cpp. Upgrade xllamacpp, or try another file."
            ) from None

    def post(self, place: str, asked: Mapping[str, Any]) -> Any:
        """An answer of the server.

        Raises:
            WorkError: it answers with an error.
        """
        address = urlsplit(self._server.listening_address)
        assert address.hostname is not None
        connection = http.client.HTTPConnection(address.hostname, address.port)
        try:
            headers = {"Content-Type": "application/json", "Authorization": f"Bearer {self._key}"}
            connection.request("POST", place, json.dumps(asked), headers)
            response = connection.getresponse()
            content = response.read()
        except (OSError, http.client.HTTPException) as error:
            raise WorkError(
                f"llama.cpp gave no answer ({error}). Run the same command again to go on."
            ) from None
        finally:
            connection.close()
        if response.status != http.HTTPStatus.OK:
            raise WorkError(
                f"llama.cpp answers with an error: {content[:200].decode(errors='replace')}. Run the same command "
                "again; if that does not help, try another version of xllamacpp."
            )
        return orjson.loads(content)

    def write(self, asked: Mapping[str, Any]) -> Mapping[str, Any]:
        """What the server answers to messages, or else to a prompt.

        Raises:
            RejectedError: this request cannot be served; another may.
            WorkError: the server fails.
        """
        ask = self._server.handle_chat_completions if "messages" in asked else self._server.handle_completions
        answer: Mapping[str, Any] = ask(dict(asked))
        error = answer.get("error")
        if error is None:
            return answer
        said = str(error.get("message", error))[:200]
        if error.get("code") == http.HTTPStatus.BAD_REQUEST:
            raise RejectedError(said)
        raise WorkError(f"llama.cpp answers with an error: {said}. Run the same command again to go on.")

    def close(self) -> None:
        self._server = None


def _digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


class Head:
    """A model's last step: from the state before it to logits."""

    def __init__(self, weight: Logits, bias: Logits | None = None, softcap: float = 0.0) -> None:
        """Weight of shape (vocabulary, width), bias (vocabulary,); `softcap` c bends logits to c tanh(z / c)."""
        self._weight, self._bias, self._softcap = weight, bias, softcap

    @classmethod
    def of(cls, file: GgufFile) -> "Head":
        """The head in a model's file; where it has none of its own, its input embeddings serve."""
        own = "output.weight" in file.tensors
        return cls(
            file.floats("output.weight" if own else "token_embd.weight"),
            file.floats("output.bias") if "output.bias" in file.tensors else None,
            float(file.of_architecture("final_logit_softcapping") or 0.0),
        )

    @property
    def width(self) -> int:
        return int(self._weight.shape[1])

    def __call__(self, states: NDArray[np.float32]) -> Logits:
        logits = states @ self._weight.T
        if self._bias is not None:
            logits += self._bias
        if self._softcap:
            logits = np.float32(self._softcap) * np.tanh(logits / np.float32(self._softcap))
        return logits


_PROBES = (
    "The committee met on Tuesday to discuss the budget for the coming year, and it was decided that",
    "The capital of France is",
    "def main():\n    ",
    "Once upon a time there was a little",
)
_PROBED = 20  # likeliest tokens that are compared after each
_TOLERANCE = 0.2
"""Root mean square difference of log-probabilities. llama.cpp rounds states to 8 bits for its own product, which makes
.04 for SmolLM2 in Q4_1; without a softcap of 30 it would be .44, with logits a tenth too large .27."""


class GgufModel:
    """A GGUF file in llama.cpp, to score texts with."""

    batch = 1

    def __init__(self, path: Path, *, context: int = CONTEXT, threads: int | None = None) -> None:
        file = read_causal(path)
        self.context = min(context, int(file.of_architecture("context_length") or context))
        self._llama = _Llama(path, context=self.context, scoring=True, threads=threads)
        self._path, self._head = path, Head.of(file)
        self._check()
        self.fingerprint = _digest(path)
        self.engine = f"xllamacpp {version('xllamacpp')}"

    def encode(self, text: str, most: int) -> list[int]:
        return _start(text, most, self._encode)

    def _encode(self, text: str) -> list[int]:
        whole = text.encode(errors="replace").decode()  # halves of letters are no JSON
        asked = {"content": whole, "add_special": True, "parse_special": False}
        tokens: list[int] = self._llama.post("/tokenize", asked)["tokens"]
        return tokens

    def logits(self, texts: Sequence[Sequence[int]]) -> Iterator[Logits]:
        for tokens in texts:
            yield self._head(self._states(tokens)[:-1])

    def _states(self, tokens: Sequence[int]) -> NDArray[np.float32]:
        found = self._llama.post("/embedding", {"input": list(tokens), "embd_normalize": -1})
        states = np.array(found[0]["embedding"], np.float32)
        if states.shape != (len(tokens), self._head.width):
            raise self._foreign(f"its states have shape {states.shape}")
        return states

    def _check(self) -> None:
        """Compare logits with the probabilities that llama.cpp itself computes.

        Raises:
            InputError: they differ.
        """
        squares = [
            square for probe in _PROBES for square in self._squares(self._encode(probe)[-self.context :])
        ]
        distance = float(np.sqrt(np.mean(squares)))
        if not distance <= _TOLERANCE:
            raise self._foreign(f"log-probabilities differ by {distance:.2f}")

    def _squares(self, tokens: Sequence[int]) -> list[float]:
        logits = self._head(self._states(tokens)[-1:])[0]
        ours = logits - np.logaddexp.reduce(logits, dtype=np.float64)
        asked = {
            "prompt": tokens,
            "n_predict": 1,
            "n_probs": _PROBED,
            "temperature": 0,
            "cache_prompt": False,
        }
        told = self._llama.post("/completion", asked)["completion_probabilities"][0]["top_logprobs"]
        return [float(ours[one["id"]] - one["logprob"]) ** 2 for one in told]

    def _foreign(self, why: str) -> InputError:
        return InputError(
            f"The logits of {self._path} cannot be had from llama.cpp: {why}. Give the same model as a folder of "
            "transformers, or another model."
        )

    def close(self) -> None:
        self._llama.close()


class LocalModel:
    """A GGUF file in llama.cpp, to write texts with; for one thread at a time."""

    def __init__(self, path: Path, *, context: int = WRITING_CONTEXT, threads: int | None = None) -> None:
        """Open a model.

        Raises:
            InputError: the file holds no causal language model that can be read.
            MissingExtraError: the engine is not installed.
        """
        file = read_causal(path)
        trained = int(file.of_architecture("context_length") or context)
        self._llama = _Llama(path, context=min(context, trained), scoring=False, threads=threads)
        self.name = str(file.metadata.get("general.name") or path.stem)
        self.is_chat = "tokenizer.chat_template" in file.metadata
        self.fingerprint = _digest(path)

    def answer(
        self,
        asked: str | Sequence[Mapping[str, str]],
        *,
        tokens: int,
        seed: int = 0,
        temperature: float = 1.0,
    ) -> Answer:
        """What the model writes: after a plain text, or in answer to messages with `role` and `content`.

        The same call gives the same text on the same machine and version of the engine. Whatever else decides a draw
        is left as llama.cpp has it (top-k 40, top-p .95, min-p .05).

        Args:
            asked: the text or the messages.
            tokens: most tokens to write.
            seed: of the draw.
            temperature: of the draw; 0 takes the likeliest token each time.

        Raises:
            RejectedError: prompt and answer do not fit into the context.
            WorkError: the engine fails.
        """
        return self.reply(Question(prompt=asked, tokens=tokens, seed=seed, temperature=temperature)).answer

    def reply(self, question: Question) -> Reply:
        """As `answer`, with tokens and log-probabilities. A text is continued, also by a model that chats."""
        settings = {"max_tokens": question.tokens, "seed": question.seed or 0, "cache_prompt": False}
        is_chat = not isinstance(question.prompt, str)
        return reply_in(
            self._llama.write({**parameters_of(question, is_chat=is_chat), **settings}), seeded=True
        )

    def complete(
        self,
        asked: str | Sequence[Mapping[str, str]],
        *,
        tokens: int,
        seed: int = 0,
        temperature: float = 1.0,
    ) -> str:
        """The text alone of `answer`."""
        return self.answer(asked, tokens=tokens, seed=seed, temperature=temperature).text

    def close(self) -> None:
        """Free the memory; the model cannot be used after that."""
        self._llama.close()


# --- transformers ------------------------------------------------------------------------------------------------

_PARTS = frozenset({".safetensors", ".bin", ".json", ".model", ".txt", ".jinja"})


class TransformersModel:
    """A folder that `transformers` saved, in torch: on the graphics card if there is one, else in 32 bits."""

    batch = 4

    def __init__(self, path: Path, *, context: int = CONTEXT, threads: int | None = None) -> None:
        model, self._tokeniser = load_causal(path)
        import torch
        import transformers

        self._torch = torch
        self._device = "cuda" if torch.cuda.is_available() else "cpu"
        if threads is not None:
            torch.set_num_threads(threads)
        self._model: Any = model.to(self._device).eval()
        self.context = min(context, int(getattr(model.config, "max_position_embeddings", None) or context))
        self.fingerprint = digest_of_folder(path)
        self.engine = f"transformers {transformers.__version__} torch {torch.__version__} {self._device}"

    def encode(self, text: str, most: int) -> list[int]:
        return _start(text, most, self._encode)

    def _encode(self, text: str) -> list[int]:
        whole = text.encode(errors="replace").decode()
        tokens: list[int] = self._tokeniser(whole, verbose=False, split_special_tokens=True)["input_ids"]
        return tokens

    def logits(self, texts: Sequence[Sequence[int]]) -> Iterator[Logits]:
        torch = self._torch
        longest = max(map(len, texts), default=0)
        padded = torch.zeros((len(texts), longest), dtype=torch.long)
        mask = torch.zeros_like(padded)
        for row, tokens in enumerate(texts):  # padded at the end: no token sees what follows it
            padded[row, : len(tokens)] = torch.tensor(list(tokens))
            mask[row, : len(tokens)] = 1
        with torch.inference_mode():
            out = self._model(
                input_ids=padded.to(self._device), attention_mask=mask.to(self._device), use_cache=False
            )
        for row, tokens in enumerate(texts):
            yield out.logits[row, : len(tokens) - 1].float().cpu().numpy()

    def close(self) -> None:
        self._model = None


def digest_of_folder(path: Path) -> str:
    """SHA-256, in hexadecimal digits, of the weights, settings and tokeniser in a model's folder."""
    digest = hashlib.sha256()
    for file in sorted(path.iterdir()):
        if file.suffix in _PARTS and file.is_file():
            digest.update(f"{file.name}\0{_digest(file)}\0".encode())
    return digest.hexdigest()
