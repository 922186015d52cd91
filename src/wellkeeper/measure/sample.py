"""A corpus as measures with intervals see it: its types are numbered and its documents in blocks."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from wellkeeper.measure import jackknife
from wellkeeper.measure.incidence import Grouped, Incidence, grouped


@dataclass(frozen=True, slots=True, kw_only=True)
class Sample:
    """One corpus; its types are numbers that it may share with other corpora."""

    frequencies: NDArray[np.int64]  # shape (types,): documents that have the type
    tokens: NDArray[np.float64]  # shape (types,)
    groups: Grouped  # the distinct types of each block
    type_of: NDArray[np.int32]  # shape (entries of `groups`,)
    documents: NDArray[np.int64]  # shape (blocks,)
    words: NDArray[np.int64]  # shape (blocks,)


def sample_of(incidence: Incidence, ids: NDArray[np.int32], types: int) -> Sample:
    """The sample of an incidence whose entries have the type numbers `ids`, all below `types`."""
    bounds = jackknife.blocks(incidence.documents)
    groups = grouped(incidence.offsets[bounds], ids, incidence.tokens, types)
    return Sample(
        frequencies=np.bincount(ids, minlength=types),
        tokens=np.bincount(ids, incidence.tokens, types).astype(np.float64),
        groups=groups,
        type_of=ids[groups.firsts],
        documents=np.diff(bounds),
        words=groups.sums(groups.totals).astype(np.int64),
    )


def shortage(incidence: Incidence, name: str) -> str | None:
    """Why no interval can be given for a corpus, and what to do; None if it can."""
    if incidence.documents < jackknife.FEWEST_DOCUMENTS:
        return (
            f"{name} has {incidence.documents} documents, too few for an interval. "
            f"Give at least {jackknife.FEWEST_DOCUMENTS} documents."
        )
    if not incidence.words:
        return f"{name} has {incidence.documents} documents and no word. Check its text column."
    return None


def ratio(top: NDArray[Any], bottom: NDArray[Any], otherwise: float) -> NDArray[np.float64]:
    """`top / bottom`, and `otherwise` where the bottom is not positive."""
    out = np.full(np.broadcast_shapes(top.shape, bottom.shape), otherwise)
    np.divide(top, bottom, out=out, where=bottom > 0)
    return out


def squares(values: NDArray[Any]) -> float:
    """Sum of squares."""
    flat = values.astype(np.float64)
    return float(np.square(flat, out=flat).sum())


def products(rows: NDArray[np.float64]) -> NDArray[np.float64]:
    """Sums of products of every two rows, shape (rows, rows), for few long rows.

    The same as `rows @ rows.T`, which would wake all threads of the linear algebra library for so little.
    """
    return np.array([[float((a * b).sum()) for b in rows] for a in rows])
