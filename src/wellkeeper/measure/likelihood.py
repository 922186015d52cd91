"""How a language model takes a text: likelihoods and ranks of its tokens, and what detectors make of them.

A text that a model of the same kind wrote is likelier, token for token, than one a person wrote. What is read of the
distribution that stands before each token x_t:

- log-likelihood: mean of log p(x_t) [1];
- log-rank: mean of log(rank of x_t), 1 being the likeliest token [2, 3];
- LRR: -log-likelihood / log-rank, the log-likelihood log-rank ratio [4];
- top-1 rate: share of tokens of rank 1 [2];
- Fast-DetectGPT: sum(log p(x_t) - mu_t) / sqrt(sum(sigma2_t)), with mean mu_t and variance sigma2_t of log p over the
  model's own distribution before x_t: the sampling discrepancy, analytically [5].

All but the log-rank are higher for text like the model's own. All logarithms are natural.

[1] Solaiman et al., Release strategies and the social impacts of language models, arXiv 1908.09203 (2019).
[2] Gehrmann, Strobelt and Rush, GLTR: statistical detection and visualization of generated text, ACL demos (2019).
[3] Mitchell et al., DetectGPT: zero-shot machine-generated text detection using probability curvature, ICML (2023).
[4] Su et al., DetectLLM: leveraging log rank information for zero-shot detection of machine-generated text, Findings
    of EMNLP (2023), equation 1.
[5] Bao et al., Fast-DetectGPT: efficient zero-shot detection of machine-generated text via conditional probability
    curvature, ICLR (2024), section 2.4.
"""

import math
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from wellkeeper.errors import DataError

Floats: TypeAlias = NDArray[np.float64]
Logits: TypeAlias = NDArray[np.floating]

_CELLS = 1 << 19  # logits worked on at a time: what a core's cache holds
_LOWEST = -1e4  # e to this is 0 in any precision: p log p is 0 there, and not 0 times infinity


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class TokenStatistics:
    """What a model thought of each token of a text before it saw it; arrays have shape (tokens,)."""

    log_probability: Floats  # of the token, at most 0
    rank: NDArray[np.int64]  # 1 + the number of likelier tokens
    mean: (
        Floats  # mu: mean of the log-probability over the model's distribution, minus its entropy; at most 0
    )
    variance: Floats  # sigma2: its variance, at least 0

    def __len__(self) -> int:
        return len(self.rank)

    def first(self, tokens: int) -> "TokenStatistics":
        """Those of the first tokens: exact, since a causal model sees no token ahead."""
        return TokenStatistics(
            log_probability=self.log_probability[:tokens],
            rank=self.rank[:tokens],
            mean=self.mean[:tokens],
            variance=self.variance[:tokens],
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class TextStatistics:
    """The statistics of one text, as the module defines them; NaN where there is nothing to divide by."""

    log_likelihood: float  # nats a token, at most 0
    log_rank: float  # at least 0
    lrr: float  # at least 0; NaN if every token has rank 1
    top1_rate: float  # in [0, 1]
    fast_detect_gpt: float  # standard deviations; NaN if the model never doubts
    tokens: int


def token_statistics(logits: Logits, tokens: NDArray[np.integer]) -> TokenStatistics:
    """What a model thought of the tokens of a text.

    Logits are worked on in their own precision, and at least in 32 bits. A constant added to a row changes nothing,
    and no logit is too large.

    Args:
        logits: shape (tokens, vocabulary); row t is the model's output before it sees `tokens[t]`. -inf is a token
            that cannot come.
        tokens: shape (tokens,), in 0..vocabulary - 1.

    Raises:
        DataError: shapes do not fit, a token is outside the vocabulary, or a row has NaN, +inf, or -inf alone.
    """
    _check(logits, tokens)
    rows = len(tokens)
    out = TokenStatistics(
        log_probability=np.empty(rows),
        rank=np.empty(rows, np.int64),
        mean=np.empty(rows),
        variance=np.empty(rows),
    )
    step = max(1, _CELLS // max(1, logits.shape[1]))
    for start in range(0, rows, step):
        _fill(out, logits, tokens, slice(start, start + step))
    if not np.isfinite(out.mean).all():
        row = int(np.argmin(np.isfinite(out.mean)))
        raise DataError(
            f"logits[{row}] hold no distribution: NaN, or infinite. Check the model's file: it is damaged, or its "
            "precision too low for its weights."
        )
    return out


def _fill(out: TokenStatistics, logits: Logits, tokens: NDArray[np.integer], rows: slice) -> None:
    part = logits[rows].astype(np.result_type(logits, np.float32), copy=False)
    own = part[np.arange(len(part)), tokens[rows]]
    highest = part.max(axis=1)
    out.rank[rows] = 1 + np.count_nonzero(part > own[:, None], axis=1)
    with np.errstate(invalid="ignore"):  # infinite rows are told by the caller
        below = part - highest[:, None]
        reached = (own - highest).astype(np.float64)
    np.maximum(below, _LOWEST, out=below)
    weight = np.exp(below)
    total = weight.sum(axis=1, dtype=np.float64)
    mean = _weighted(weight, below) / total
    below -= mean.astype(below.dtype)[:, None]
    below *= below
    out.variance[rows] = _weighted(weight, below) / total
    out.mean[rows] = np.minimum(mean - np.log(total), 0.0)
    out.log_probability[rows] = np.minimum(reached - np.log(total), 0.0)


def _weighted(weight: Logits, value: Logits) -> Floats:
    """Sum of weight times value, row by row."""
    sums: Floats = np.matmul(weight[:, None, :], value[:, :, None])[:, 0, 0].astype(np.float64)
    return sums


def _check(logits: Logits, tokens: NDArray[np.integer]) -> None:
    if logits.ndim != 2 or tokens.ndim != 1 or len(logits) != len(tokens):
        raise DataError(
            f"logits have shape {logits.shape} and tokens {tokens.shape}. Pass one row of logits for each token: the "
            "model's output before it."
        )
    outside = (tokens < 0) | (tokens >= logits.shape[1])
    if outside.any():
        place = int(np.argmax(outside))
        raise DataError(
            f"tokens[{place}] is {tokens[place]} and the vocabulary has {logits.shape[1]} tokens. Pass logits and "
            "tokens of one model."
        )


def text_statistics(tokens: TokenStatistics) -> TextStatistics:
    """Statistics of a text from those of its tokens; all NaN for a text without any.

    >>> half = TokenStatistics(
    ...     log_probability=np.log([0.5, 0.25]),
    ...     rank=np.array([1, 2]),
    ...     mean=np.log([0.5, 0.5]),
    ...     variance=np.array([0.0, 1.0]),
    ... )
    >>> round(text_statistics(half).lrr, 6), text_statistics(half).top1_rate
    (3.0, 0.5)
    """
    if not len(tokens):
        nan = math.nan
        return TextStatistics(
            log_likelihood=nan, log_rank=nan, lrr=nan, top1_rate=nan, fast_detect_gpt=nan, tokens=0
        )
    log_likelihood = float(tokens.log_probability.mean())
    log_rank = float(np.log(tokens.rank).mean())
    doubt = float(tokens.variance.sum())
    surprise = float(tokens.log_probability.sum() - tokens.mean.sum())
    return TextStatistics(
        log_likelihood=log_likelihood,
        log_rank=log_rank,
        lrr=-log_likelihood / log_rank if log_rank > 0 else math.nan,
        top1_rate=float(np.mean(tokens.rank == 1)),
        fast_detect_gpt=surprise / math.sqrt(doubt) if doubt > 0 else math.nan,
        tokens=len(tokens),
    )
