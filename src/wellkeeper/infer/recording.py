"""Answers in a JSONL file: recorded beside any sampler, and replayed where there is no model.

One line is one answer, with its prompt and all parameters. A recording can be read by people and by other tools, and
goes with a test or a report; the cache (`wellkeeper.infer.cache`) is the one that saves money.
"""

import json
import threading
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Any

from wellkeeper.core.answers import Output, Prompt, plain_prompt, prompt_digest
from wellkeeper.errors import InputError
from wellkeeper.infer.cache import Key
from wellkeeper.infer.sampling import Sampler


class Recorder:
    """Writes down what a sampler answers: a `Sampler`."""

    def __init__(self, sampler: Sampler, path: Path) -> None:
        """A recorder that appends to a file, which may not be there yet."""
        self._sampler, self._path = sampler, path
        self._lock = threading.Lock()
        self.fingerprint, self.tokens, self.at_once = sampler.fingerprint, sampler.tokens, sampler.at_once

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
        """See `Sampler.sample`."""
        outputs = self._sampler.sample(prompt, n, temperature, seed, logprobs, first=first)
        key = Key.of(self._sampler, prompt, temperature=temperature, seed=seed, logprobs=logprobs)
        lines = [
            json.dumps(
                {
                    "model": key.model,
                    "prompt": plain_prompt(prompt),
                    "parameters": json.loads(key.parameters),
                    "sample": sample,
                    "output": asdict(output),
                }
            )
            for sample, output in enumerate(outputs, first)
        ]
        with self._lock, self._path.open("a", encoding="utf-8") as file:
            file.write("".join(f"{line}\n" for line in lines))
        return outputs

    def stop(self) -> None:
        """As the sampler's."""
        self._sampler.stop()


class Replay:
    """Answers as a recording has them: a `Sampler` without a model."""

    at_once = 1

    def __init__(self, path: Path) -> None:
        """Read a recording of one model.

        Raises:
            InputError: the file cannot be read, is no recording, or holds several models.
        """
        self._path = path
        self._outputs: dict[tuple[str, str, int], Output] = {}
        models = set()
        for key, sample, output in _entries(path):
            models.add((key.model, json.loads(key.parameters)["tokens"]))
            self._outputs.setdefault((key.prompt, key.parameters, sample), output)
        if len(models) != 1:
            raise InputError(
                f"{path} holds answers of {len(models)} models or lengths, and a replay is of one. Record each into a "
                "file of its own."
            )
        ((self.fingerprint, self.tokens),) = models

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
            InputError: an answer is not in the recording.
        """
        key = Key.of(self, prompt, temperature=temperature, seed=seed, logprobs=logprobs)
        outputs = []
        for sample in range(first, first + n):
            output = self._outputs.get((key.prompt, key.parameters, sample))
            if output is None:
                raise InputError(
                    f"{self._path} has no sample {sample} of this prompt with {key.parameters}. Record it, or replay "
                    "with the parameters of the recording."
                )
            outputs.append(output)
        return outputs

    def stop(self) -> None:
        """There is no wait to end."""


def _entries(path: Path) -> Iterator[tuple[Key, int, Output]]:
    try:
        lines = path.read_bytes().splitlines()
    except OSError as error:
        raise InputError(
            f"{path} cannot be read ({error.strerror}). Give the path of a recording."
        ) from error
    for number, line in enumerate(lines, 1):
        try:
            entry: dict[str, Any] = json.loads(line)
            yield _key(entry), int(entry["sample"]), Output.from_json(entry["output"])
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise InputError(
                f"{path}, line {number}: no recorded answer ({type(error).__name__}: {error}). A run that was killed "
                "leaves a torn last line: delete it, or record again."
            ) from error


def _key(entry: dict[str, Any]) -> Key:
    return Key(
        model=str(entry["model"]),
        prompt=prompt_digest(entry["prompt"]),
        parameters=json.dumps(entry["parameters"], sort_keys=True),
    )
