"""Documents to score, and what transformers' own classes count in them.

Every document is a random one of a small vocabulary, or one made to reach an edge: too short, one token over and over,
an end in the first place, more contexts than the history holds, a context whose hash is zero.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from types import SimpleNamespace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from wellkeeper.watermark.kgw import KGW
from wellkeeper.watermark.synthid import SynthID, table_of

Batch = NDArray[np.int64]  # shape (documents, tokens)

ZERO_CONTEXT = (2_073_320_061, 1_496_786_758, 206_648_369)
"""Tokens whose hash is 0, which the reference's history of zeros takes for a context that it has seen."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Case:
    """A detector's settings, and documents of one length."""

    settings: dict[str, Any]
    batch: Batch


def flat(batch: Batch) -> tuple[NDArray[np.int32], NDArray[np.int64]]:
    """Tokens and offsets of a batch."""
    rows, length = batch.shape
    return batch.ravel().astype(np.int32), np.arange(rows + 1, dtype=np.int64) * length


# --- SynthID ---------------------------------------------------------------------------------------------------------

_SYNTHID = (
    {"ngram_length": 5, "depth": 30, "history": 1024, "eos": None},
    {"ngram_length": 5, "depth": 30, "history": 1024, "eos": 2},
    {"ngram_length": 2, "depth": 1, "history": 4, "eos": None},
    {"ngram_length": 3, "depth": 64, "history": 16, "eos": 0},
    {"ngram_length": 4, "depth": 9, "history": 1024, "eos": 1},
    {"ngram_length": 13, "depth": 2, "history": 1, "eos": None},
)


def synthid_cases(documents: int, seed: int = 0, rows: int = 200) -> Iterator[Case]:
    """Random documents, then one batch of each edge."""
    rng = np.random.default_rng(seed)
    for number in range(-(-documents // rows)):
        settings = dict(_SYNTHID[number % len(_SYNTHID)])
        settings["table_seed"] = int(rng.integers(0, 1000))
        settings["keys"] = rng.integers(-(1 << 63), 1 << 63, settings["depth"], np.int64).tolist()
        length = int(rng.integers(1, 48))
        vocabulary = int(rng.choice((2, 5, 40, 49_152, 1 << 31)))
        yield Case(settings=settings, batch=rng.integers(0, vocabulary, (min(rows, documents), length)))
    for settings in _SYNTHID:
        full = {**settings, "table_seed": 1, "keys": list(range(settings["depth"]))}
        n = full["ngram_length"]
        yield Case(settings=full, batch=rng.integers(0, 3, (4, n - 1)))
        yield Case(settings=full, batch=rng.integers(0, 3, (4, n)))
        yield Case(settings=full, batch=np.full((1, 40), 7))
        yield Case(settings=full, batch=np.full((1, 40), full["eos"] or 0))
    # contexts come again before and after the history has lost them
    ring = {**_SYNTHID[0], "table_seed": 2, "keys": list(range(30))}
    again = rng.integers(0, 1000, 1024 + 300)
    yield Case(
        settings=ring, batch=np.concatenate([again, again[:400], again[-200:], again[:50]])[np.newaxis]
    )
    zero = {**_SYNTHID[4], "eos": None, "table_seed": 3, "keys": list(range(9))}
    yield Case(settings=zero, batch=np.array([[*ZERO_CONTEXT, 5, *ZERO_CONTEXT, 6, 7, 8]]))
    late = rng.integers(0, 1000, 1100)
    yield Case(settings=zero, batch=np.array([[*late, *ZERO_CONTEXT, 5, *ZERO_CONTEXT, 6]]))


def synthid_detector(settings: dict[str, Any], *, weighted: bool = False) -> SynthID:
    return SynthID(
        keys=tuple(settings["keys"]),
        ngram_length=settings["ngram_length"],
        table=table_of(settings["table_seed"]),
        context_history_size=settings["history"],
        eos=settings["eos"],
        weighted=weighted,
    )


def synthid_processor(settings: dict[str, Any]) -> Any:
    from transformers.generation.logits_process import SynthIDTextWatermarkLogitsProcessor

    return SynthIDTextWatermarkLogitsProcessor(
        ngram_len=settings["ngram_length"],
        keys=settings["keys"],
        sampling_table_size=1 << 16,
        sampling_table_seed=settings["table_seed"],
        context_history_size=settings["history"],
        device="cpu",
    )


def synthid_reference(
    settings: dict[str, Any], batch: Batch, processor: Any = None
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """N-grams that count, shape (documents,), and g-values of 1 by layer, shape (documents, depth).

    Masked as by transformers' SynthIDTextWatermarkDetector.
    """
    import torch

    n = settings["ngram_length"]
    if batch.shape[1] < n:  # which the reference refuses
        return np.zeros(len(batch), np.int64), np.zeros((len(batch), settings["depth"]), np.int64)
    if processor is None:
        processor = synthid_processor(settings)
    tokens = torch.tensor(batch)
    mask = processor.compute_context_repetition_mask(tokens)
    if settings["eos"] is not None:
        mask = mask * processor.compute_eos_token_mask(tokens, settings["eos"])[:, n - 1 :]
    values = processor.compute_g_values(tokens)
    return mask.sum(1).numpy(), (values * mask[..., np.newaxis]).sum(1).numpy()


# --- KGW -------------------------------------------------------------------------------------------------------------

_KGW = (
    {"scheme": "lefthash", "context": 1, "green": 0.25, "counting": "ngrams", "key": 15_485_863},
    {"scheme": "selfhash", "context": 4, "green": 0.25, "counting": "ngrams", "key": 15_485_863},
    {"scheme": "lefthash", "context": 3, "green": 0.5, "counting": "all", "key": (1 << 63) - 1},
    {"scheme": "selfhash", "context": 1, "green": 0.5, "counting": "all", "key": (1 << 62) + 7},
    {"scheme": "selfhash", "context": 2, "green": 0.9, "counting": "ngrams", "key": 1},
    {"scheme": "lefthash", "context": 2, "green": 0.1, "counting": "ngrams", "key": (1 << 40) + 5},
)


def kgw_cases(documents: int, seed: int = 0, rows: int = 200) -> Iterator[Case]:
    """Random documents, then one batch of each edge."""
    rng = np.random.default_rng(seed)
    for number in range(-(-documents // rows)):
        settings = {**_KGW[number % len(_KGW)], "bos": None}
        settings["vocabulary"] = int(rng.choice((10, 33, 300, 1300)))
        length = int(rng.integers(1, 24))
        batch = rng.integers(0, settings["vocabulary"], (min(rows, documents), length))
        if number % 5 == 0:  # a first token that is left out
            settings["bos"] = 1
            batch[:, 0] = 1
        yield Case(settings=settings, batch=batch)
    for settings in _KGW:
        full = {**settings, "vocabulary": 40, "bos": None}
        for length in range(settings["context"] + 2):
            yield Case(settings=full, batch=rng.integers(0, 40, (3, length)))
        yield Case(settings=full, batch=np.full((1, 40), 39))
        yield Case(settings={**full, "bos": 3}, batch=np.full((1, settings["context"] + 1), 3))
        yield Case(settings={**full, "vocabulary": 50_257}, batch=rng.integers(0, 50_257, (1, 30)))


def kgw_detector(settings: dict[str, Any]) -> KGW:
    return KGW(**settings)


def kgw_reference(
    settings: dict[str, Any], batch: Batch, detector: Any = None
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Tokens that count and green ones, shape (documents,) each."""
    import torch

    if not batch.shape[1] or batch.shape[1] - bool(batch[0, 0] == settings["bos"]) <= settings["context"]:
        return np.zeros(len(batch), np.int64), np.zeros(len(batch), np.int64)  # which the reference refuses
    if detector is None:
        detector = kgw_reference_detector(settings)
    found = detector(torch.tensor(batch), return_dict=True)
    return found.num_tokens_scored.astype(np.int64), found.num_green_tokens.astype(np.int64)


def kgw_reference_detector(settings: dict[str, Any]) -> Any:
    from transformers import WatermarkDetector, WatermarkingConfig

    bos = -1 if settings["bos"] is None else settings["bos"]
    return WatermarkDetector(
        SimpleNamespace(vocab_size=settings["vocabulary"], bos_token_id=bos, is_encoder_decoder=False),
        "cpu",
        WatermarkingConfig(
            greenlist_ratio=settings["green"],
            hashing_key=settings["key"],
            seeding_scheme=settings["scheme"],
            context_width=settings["context"],
        ),
        ignore_repeated_ngrams=settings["counting"] == "ngrams",
    )
