"""The detector of the package textseal (Meta, MIT), without the language models that its own import asks for.

    pip install --no-deps textseal==0.0.5     # beside torch, transformers and scipy

`import textseal` loads its training code. What detects is three modules, and these are loaded alone.
"""

import importlib
import importlib.util
import sys
from dataclasses import replace
from functools import cache, cached_property
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
from numpy.typing import NDArray

VERSION = "0.0.5"


class Reference:
    """Gumbel-max detection as the package does it: every n-gram of a document once ("v2")."""

    def __init__(self, *, key: int, window: int) -> None:
        self._prf, self._core = _module("common.watermark.pseudorandom"), _module("common.watermark.core")
        self._key, self._window = key, window
        self._settings = self._core.WatermarkConfig(
            secret_key=key, ngram=window, watermark_type="gumbelmax", method="uniform", scoring_method="v2"
        )

    @cached_property
    def _detector(self) -> Any:
        return _module("posthoc.detector").GumbelmaxDetector(_Ids(), self._settings)  # loads transformers

    def integers(self, tokens: NDArray[np.integer]) -> NDArray[np.int64]:
        """The hash, 0 to 8,190, of every token that has a whole window before it: shape (tokens - window,)."""
        windows, targets = self._windows(tokens)
        hashed = self._prf._hash(self._prf._weighted_sum(windows), targets, self._key, "cpu")  # noqa: SLF001
        return hashed.numpy()

    def uniforms(self, tokens: NDArray[np.integer]) -> Any:
        """What its function gives for the same tokens, a tensor of float32."""
        return self._prf.prf_uniform(*self._windows(tokens), self._key)

    def scored(self, tokens: NDArray[np.integer]) -> tuple[list[float], list[int]]:
        """Score of each token that counts, and for each token from window + 1 on whether it does."""
        scores, masks = self._detector.get_scores_by_t(
            [tokens.tolist()], scoring_method="v2", return_aux=True, seen_windows=set()
        )
        return scores[0], masks[0]

    def batch(self, tokens: NDArray[np.integer]) -> tuple[list[float], float]:
        """Its scores of one document all at once, over the same tokens: those that count, and their mean."""
        windows, targets = self._windows(tokens)
        return self._core.score_batch(windows[1:], targets[1:], replace(self._settings))

    def p_value(self, statistic: float, scored: int) -> float:
        return float(self._detector.get_pvalue(statistic, scored, 1e-200))

    def _windows(self, tokens: NDArray[np.integer]) -> Any:
        import torch

        ids = torch.as_tensor(np.asarray(tokens, np.int64))
        return ids.unfold(0, self._window, 1)[:-1], ids[self._window :]


class _Ids:
    """A tokeniser of texts that are token ids already."""

    vocab_size = 1 << 31

    def encode(self, text: list[int], *, add_special_tokens: bool) -> list[int]:  # noqa: ARG002
        return text

    add_special_tokens = decode = None


@cache
def folder() -> Path | None:
    """Where the package is; None: nowhere."""
    found = importlib.util.find_spec("textseal")
    return Path(found.submodule_search_locations[0]) if found and found.submodule_search_locations else None


def _module(name: str) -> Any:
    inside = folder()
    if inside is None:
        raise ImportError(f"textseal is not installed. Install it: pip install --no-deps textseal=={VERSION}")
    for package in ("textseal", "textseal.common", "textseal.common.watermark", "textseal.posthoc"):
        if package not in sys.modules:
            sys.modules[package] = empty = ModuleType(package)
            empty.__path__ = [str(inside.joinpath(*package.split(".")[1:]))]
    return importlib.import_module(f"textseal.{name}")
