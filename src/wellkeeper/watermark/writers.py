"""Writers: what places a watermark while a model of `transformers` writes.

A writer is a logits processor: it is called with the tokens so far and the logits of the next one, and changes the
logits. Schemes that rest on a distribution (SynthID, Gumbel, TextSeal) must see the very distribution that the token is
drawn from, after temperature and top-k. `generate()` puts processors of the user *before* its own temperature, so a
writer's list brings temperature, top-k and top-p itself, and `generate()` is told to do nothing more:

    model.generate(**prompts, logits_processor=writer_of(key, temperature=0.7), **PLAIN_SAMPLING, max_new_tokens=400)

SynthID and KGW are placed by transformers' own classes, with two differences. SynthID's table is the key's, whatever
the device, and only tokens that can still be drawn are worked on: the same distribution, at a fraction of the memory.
KGW's permutations are drawn on the processor, since a graphics card would draw others.

A writer serves one `generate()` after the other; it notices a new one by the length of what it is given. Beams, which
move rows about, are not supported: a mark is placed by sampling.
"""

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from wellkeeper.errors import DataError, MissingExtraError
from wellkeeper.watermark.keys import WatermarkKey, detector_of, key_with
from wellkeeper.watermark.loops.prf import MODULUS
from wellkeeper.watermark.prf import states, uniforms
from wellkeeper.watermark.textseal import TextSeal

PLAIN_SAMPLING = {"do_sample": True, "temperature": 1.0, "top_k": 0, "top_p": 1.0, "num_beams": 1}
"""Settings of `generate()` beside a writer: to draw from what the writer left, and nothing more."""

_AT_ONCE = 1 << 24  # g-values of SynthID in memory, 8 bytes each


def writer_of(key: WatermarkKey, *, temperature: float = 1.0, top_k: int = 0, top_p: float = 1.0) -> Any:
    """Logits processors that sample as asked and place the mark: a `LogitsProcessorList`.

    Args:
        key: of any scheme.
        temperature: of sampling, above 0; at 0 there is nothing to choose, and nothing to mark.
        top_k: most tokens to draw from; 0: all.
        top_p: least mass to draw from, in (0, 1].

    Raises:
        DataError: a setting is out of its range.
        MissingExtraError: torch or transformers is not installed.
    """
    return sampling_of(key, temperature=temperature, top_k=top_k, top_p=top_p)


def sampling_of(
    key: WatermarkKey | None, *, temperature: float = 1.0, top_k: int = 0, top_p: float = 1.0
) -> Any:
    """As `writer_of`; without a key the same sampling and no mark, to compare with."""
    if not temperature > 0:
        raise DataError(
            f"temperature is {temperature:g}. Give a number above 0: a model that always takes the likeliest token "
            "leaves no choice to mark."
        )
    if top_k < 0 or not 0 < top_p <= 1:
        raise DataError(
            f"top_k is {top_k} and top_p {top_p:g}. Give top_k of 0 or more and top_p above 0, up to 1."
        )
    transformers = _transformers()
    found = []
    if temperature != 1.0:
        found.append(transformers.TemperatureLogitsWarper(float(temperature)))
    if top_k:
        found.append(transformers.TopKLogitsWarper(top_k=top_k))
    if top_p < 1.0:
        found.append(transformers.TopPLogitsWarper(top_p=top_p))
    if key is not None:
        found.append(mark_of(key))
    return transformers.LogitsProcessorList(found)


def mark_of(key: WatermarkKey) -> "Mark":
    """The writer of a key alone, for a list of processors of one's own; it must come last.

    Raises:
        MissingExtraError: torch or transformers is not installed.
    """
    _transformers()
    mark: Mark = _MARKS[key.scheme](key)
    return mark


def key_of(processor: Any, *, vocabulary: int, tokenizer: str | None = None) -> WatermarkKey:
    """The key of a processor of transformers by which a model marks already, with the table of its own device.

    Args:
        processor: a `SynthIDTextWatermarkLogitsProcessor`, or a `WatermarkLogitsProcessor` on the processor.
        vocabulary: width of the model's logits.
        tokenizer: fingerprint of the tokeniser that the key is bound to.

    Raises:
        DataError: it is another processor, or its green lists are drawn on a graphics card.
        MissingExtraError: torch or transformers is not installed.
    """
    transformers = _transformers()
    bound: dict[str, Any] = {"vocabulary": vocabulary, "tokenizer": tokenizer}
    if isinstance(processor, transformers.SynthIDTextWatermarkLogitsProcessor):
        table = processor.sampling_table.cpu().numpy().astype(np.uint8)
        keys = processor.keys.tolist()
        parameters = {
            "ngram": processor.ngram_len,
            "depth": len(keys),
            "history": processor.context_history_size,
        }
        return key_with({"keys": keys, "table": table}, "synthid", parameters=parameters, **bound)
    if not isinstance(processor, transformers.WatermarkLogitsProcessor):
        raise DataError(
            f"{type(processor).__name__} marks by no scheme that is known here. Give transformers' processor of "
            "SynthID or of KGW."
        )
    if processor.rng.device.type != "cpu":
        raise DataError(
            f"The green lists of this processor are drawn on {processor.rng.device.type}, and cannot be drawn anew "
            "elsewhere. Mark by `writer_of` with a new key, which draws them on the processor."
        )
    selfhash = processor.seeding_scheme == "selfhash"
    green = share_of_tokens(processor.greenlist_size, processor.vocab_size)
    settings = {"green": green, "bias": float(processor.bias)}
    return key_with(
        {"key": int(processor.hash_key)},
        "kgw-selfhash" if selfhash else "kgw-lefthash",
        parameters=settings | ({"context": processor.context_width} if selfhash else {}),
        **bound,
    )


def share_of_tokens(count: int, vocabulary: int) -> float:
    """A share of the vocabulary that comes to `count` tokens again when it is rounded down, as KGW rounds it."""
    share = count / vocabulary
    return share if int(vocabulary * share) == count else math.nextafter(share, 1.0)


def _transformers() -> Any:
    try:
        import torch  # noqa: F401
        import transformers
    except ImportError as error:
        raise MissingExtraError("Placing a watermark", extra="lm-torch") from error
    return transformers


class Mark:
    """A writer. `tokens` has shape (rows, tokens so far), `logits` shape (rows, vocabulary)."""

    def __init__(self, key: WatermarkKey) -> None:
        self._key = key
        self._rows, self._length = 0, -1

    def __call__(self, input_ids: Any, scores: Any) -> Any:
        """The logits to draw from.

        Raises:
            DataError: the model's vocabulary is not the key's.
        """
        rows, width = scores.shape
        if width != self._key.vocabulary:
            raise DataError(
                f"The model gives logits of {width:,} tokens and the key {self._key.id[:12]} is for "
                f"{self._key.vocabulary:,}. Make a key with --vocabulary {width}."
            )
        length = input_ids.shape[1]
        if (rows, length) != (self._rows, self._length + 1):
            self._begin(rows)
        self._rows, self._length = rows, length
        return self._marked(input_ids, scores)

    def _begin(self, rows: int) -> None:
        """Forget the text before: another begins, of so many rows."""

    def _marked(self, tokens: Any, logits: Any) -> Any:
        raise NotImplementedError


class SynthIDMark(Mark):
    """SynthID-Text by tournaments of two, as transformers has it, with the key's own table."""

    def __init__(self, key: WatermarkKey) -> None:
        super().__init__(key)
        self._inner: Any = None

    def _begin(self, rows: int) -> None:  # noqa: ARG002
        if self._inner is not None:
            self._inner.state = None

    def _on(self, device: Any) -> Any:
        """Transformers' processor on a device."""
        import torch
        import transformers

        if self._inner is None or self._inner.device != device:
            table = self._key.secret["table"]
            self._inner = transformers.SynthIDTextWatermarkLogitsProcessor(
                ngram_len=int(self._key.parameters["ngram"]),
                keys=list(self._key.secret["keys"]),
                sampling_table_size=len(table),
                sampling_table_seed=0,  # its table is replaced
                context_history_size=int(self._key.parameters["history"]),
                device=device,
            )
            self._inner.sampling_table = torch.from_numpy(table.astype(np.int64)).to(device)
        return self._inner

    def _marked(self, tokens: Any, logits: Any) -> Any:
        import torch

        inner = self._on(logits.device)
        repeated, context = _seen(inner, tokens)
        possible = int(torch.isfinite(logits).sum(1).max())
        kept, places = logits.float().topk(possible, dim=1, sorted=False)
        marked = torch.full_like(logits, -torch.inf, dtype=torch.float32)
        step = max(1, _AT_ONCE // (possible * len(inner.keys)))
        for first in range(0, len(logits), step):
            part = slice(first, first + step)
            hashes, _ = inner._compute_keys(context[part], places[part])  # noqa: SLF001
            updated = inner.update_scores(kept[part], inner.sample_g_values(hashes))
            marked[part] = marked[part].scatter(1, places[part], updated)
        return torch.where(repeated, logits.float(), marked)


def _seen(inner: Any, tokens: Any) -> tuple[Any, Any]:
    """Whether each row's context was marked before, shape (rows, 1), and the contexts; as transformers keeps them."""
    import torch

    if inner.state is None:
        inner._init_state(len(tokens))  # noqa: SLF001
    else:
        inner.state.context = torch.cat((inner.state.context, tokens[:, -1:]), dim=1)[:, 1:]
    state = inner.state
    start = torch.ones(len(tokens), device=tokens.device, dtype=torch.long)
    hashed = inner.accumulate_hash(start, state.context)[:, None]
    repeated = (state.context_history == hashed).any(dim=1, keepdim=True)
    state.context_history = torch.cat((hashed, state.context_history), dim=1)[:, :-1]
    return repeated, state.context


class KGWMark(Mark):
    """Green lists after Kirchenbauer et al. 2023, as transformers has them on the processor."""

    def __init__(self, key: WatermarkKey) -> None:
        import transformers

        super().__init__(key)
        self._inner = transformers.WatermarkLogitsProcessor(
            vocab_size=key.vocabulary,
            device="cpu",
            greenlist_ratio=key.parameters["green"],
            bias=key.parameters["bias"],
            hashing_key=key.secret["key"],
            seeding_scheme=key.scheme.removeprefix("kgw-"),
            context_width=key.parameters.get("context", 1),
        )

    def _marked(self, tokens: Any, logits: Any) -> Any:
        return self._inner(tokens.cpu(), logits.float().cpu()).to(logits.device)


class UnigramMark(Mark):
    """One green list for every place: Zhao et al. 2023 (arXiv:2306.17439)."""

    def __init__(self, key: WatermarkKey) -> None:
        super().__init__(key)
        self._bias: Any = None

    def _marked(self, tokens: Any, logits: Any) -> Any:  # noqa: ARG002
        import torch

        if self._bias is None or self._bias.device != logits.device:
            bias = self._key.secret["green"].astype(np.float32) * self._key.parameters["bias"]
            self._bias = torch.from_numpy(bias).to(logits.device)
        return logits + self._bias


class DrawnMark(Mark):
    """The Gumbel trick: of all tokens the one with the least ln(-ln r) - ln p, r drawn by the key.

    It leaves one token to draw. A context that comes again in a text is left unmarked: it would give the same token
    again, and the text would go in circles.
    """

    def __init__(self, key: WatermarkKey, context: int) -> None:
        super().__init__(key)
        self._context = context
        self._seen: list[set[tuple[int, ...]]] = []

    def _begin(self, rows: int) -> None:
        self._seen = [set() for _ in range(rows)]

    def _numbers(self, context: NDArray[np.int64], tokens: NDArray[np.int64]) -> NDArray[np.float64]:
        """The key's numbers r, in [0, 1), of tokens after a context."""
        raise NotImplementedError

    def _marked(self, tokens: Any, logits: Any) -> Any:
        import torch

        if tokens.shape[1] < self._context:
            return logits
        contexts = tokens[:, -self._context :].cpu().numpy()
        known = logits.double().cpu().numpy()
        marked = logits.clone()
        for row, context in enumerate(contexts):
            seen, words = self._seen[row], tuple(context.tolist())
            if words in seen:
                continue
            seen.add(words)
            possible = np.flatnonzero(np.isfinite(known[row]))
            with np.errstate(divide="ignore"):  # r of 0 is never chosen
                race = np.log(-np.log(self._numbers(context, possible))) - known[row, possible]
            marked[row] = -torch.inf
            marked[row, int(possible[race.argmin()])] = 0.0
        return marked


class GumbelMark(DrawnMark):
    """Gumbel marks by our own function, `watermark.prf`."""

    def __init__(self, key: WatermarkKey) -> None:
        super().__init__(key, int(key.parameters["context"]))

    def _numbers(self, context: NDArray[np.int64], tokens: NDArray[np.int64]) -> NDArray[np.float64]:
        drawn: NDArray[np.float64] = uniforms(states(self._key.secret["key"], context), tokens)
        return drawn


class TextSealMark(DrawnMark):
    """TextSeal's Gumbel-max marks, by the numbers that its detector reads."""

    def __init__(self, key: WatermarkKey) -> None:
        super().__init__(key, int(key.parameters["window"]))
        detector = detector_of(key)
        assert isinstance(detector, TextSeal)
        self._detector = detector

    def _numbers(self, context: NDArray[np.int64], tokens: NDArray[np.int64]) -> NDArray[np.float64]:
        # Each token as the end of a document that holds its context, after one token that the detector passes over.
        rows = np.zeros((len(tokens), self._context + 2), np.int32)
        rows[:, 1:-1] = context
        rows[:, -1] = tokens
        offsets = np.arange(len(rows) + 1, dtype=np.int64) * rows.shape[1]
        drawn = self._detector.draws(rows.reshape(-1), offsets)[rows.shape[1] - 1 :: rows.shape[1]]
        return drawn / MODULUS


_MARKS: dict[str, type[Any]] = {
    "synthid": SynthIDMark,
    "kgw-lefthash": KGWMark,
    "kgw-selfhash": KGWMark,
    "unigram": UnigramMark,
    "gumbel": GumbelMark,
    "textseal": TextSealMark,
}
