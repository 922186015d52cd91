"""A corpus as measures with intervals see it: its types are numbered and its documents in blocks."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from wellkeeper.measure import jackknife
from wellkeeper.measure.incidence import Grouped, Incidence, grouped
from wellkeeper.measure.jackknife import FEW, OwnVariance


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


@dataclass(frozen=True, slots=True, kw_only=True)
class Spectrum:
    """How many types have each count: in the sample, and in the sample with each of its blocks emptied."""

    counts: NDArray[np.int64]  # shape (counts,): ascending and positive, those that some type has
    types: NDArray[np.int64]  # shape (blocks + 1, counts): types with that count; first of all blocks

    def sums(self, table: NDArray[np.float64]) -> NDArray[np.float64]:
        """Sums over types of functions of their count, shape (..., blocks + 1); `table` has shape (..., counts)."""
        # Not a matrix product: that would wake all threads of the linear algebra library for so little.
        found: NDArray[np.float64] = np.einsum("...c,bc->...b", table, self.types)
        return found


def document_spectrum(sample: Sample) -> Spectrum:
    """Types by the number of documents that have them."""
    return _spectrum(sample, sample.frequencies, sample.groups.entries)


def token_spectrum(sample: Sample) -> Spectrum:
    """Types by their number of tokens."""
    return _spectrum(sample, sample.tokens.astype(np.int64), sample.groups.totals)


def _spectrum(sample: Sample, totals: NDArray[np.int64], in_block: NDArray[np.int32]) -> Spectrum:
    """`totals`, shape (types,), are the counts of types; `in_block`, shape (entries of groups,), their parts."""
    before = totals[sample.type_of]
    after = before - in_block
    most = int(totals.max(initial=0))
    everywhere = np.bincount(totals, minlength=most + 1)
    counts = np.flatnonzero(everywhere + np.bincount(after, minlength=most + 1))
    counts = counts[counts > 0]  # 0: types of other corpora, and types that lie in the emptied block alone
    place = np.zeros(most + 1, np.int64)
    place[counts] = np.arange(1, counts.size + 1)
    blocks, width = sample.documents.size, counts.size + 1
    first = np.repeat(np.arange(blocks) * width, np.diff(sample.groups.bounds))
    gained = np.bincount(first + place[after], minlength=blocks * width)
    lost = np.bincount(first + place[before], minlength=blocks * width)
    change = (gained - lost).reshape(blocks, width)[:, 1:]
    return Spectrum(counts=counts, types=everywhere[counts] + np.vstack((np.zeros_like(change[:1]), change)))


def own_variance(sample: Sample, contributions: NDArray[np.float64]) -> OwnVariance:
    """`OwnVariance` of a figure that sums over types what a document frequency y contributes.

    `contributions`, shape (FEW + 1,), is that of y = 0 (nothing), 1, ..., FEW.
    """
    having = sample.frequencies[sample.type_of]
    few = having <= FEW
    left = having[few] - sample.groups.entries[few]
    own = contributions[sample.frequencies[sample.frequencies <= FEW]]
    return OwnVariance(
        proper=squares(own), jackknife=squares(contributions[having[few]] - contributions[left])
    )


def shortage(incidence: Incidence, name: str) -> str | None:
    """Why no interval can be given for a corpus, and what to do; None if it can."""
    if incidence.documents < jackknife.FEWEST_DOCUMENTS:
        return (
            f"{name} has {many(incidence.documents)}, too few for an interval. "
            f"Give at least {jackknife.FEWEST_DOCUMENTS} documents."
        )
    if not incidence.words:
        return f"{name} has {many(incidence.documents)} and no word. Check its text column."
    return None


def many(documents: int) -> str:
    return f"{documents} document" if documents == 1 else f"{documents} documents"


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
