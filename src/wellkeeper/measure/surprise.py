"""Surprise at the words of a held-out text, its negative log-likelihood, made into figures: rare words apart.

Figures are, in this order, the mean surprise at the words of each band, at all words, and in the documents that a
model knows worst: shape (7,). Bands are by how many documents of the text itself have a word, which is no model's text.
"""

from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from wellkeeper.measure import jackknife
from wellkeeper.measure.incidence import Offsets, dense, grouped
from wellkeeper.measure.kneser_ney import Words
from wellkeeper.measure.reference import BANDS, bands_of
from wellkeeper.measure.sample import ratio

Numbers: TypeAlias = NDArray[np.float64]

WORST = 0.05
"""The worst documents are those that together hold this share of the held-out words."""

MEAN, WORST_DOCUMENTS = len(BANDS), len(BANDS) + 1
"""Places of these figures; those before are the bands'."""


@dataclass(frozen=True, slots=True, kw_only=True)
class HeldOutText:
    """What turns the surprise at each token of a held-out text into figures.

    Bands are numbered as by `bands_of`, 0 for words that the text does not have. Cells are the distinct pairs of a
    block of documents and a word.
    """

    offsets: Offsets
    words: Words  # shape (tokens,)
    band: NDArray[np.int64]  # shape (words,)
    tokens: NDArray[np.int64]  # shape (words,): of each word
    size: Numbers  # shape (7,): tokens that each figure is of
    block_of: NDArray[np.int64]  # shape (documents,)
    blocks: NDArray[np.int64]  # shape (blocks,): documents of each
    cell: NDArray[np.int32]  # shape (tokens,)
    cell_block: NDArray[np.int64]  # shape (cells,)
    cell_word: Words
    cell_tokens: NDArray[np.int32]
    after: NDArray[np.int64]  # shape (cells,): the band that the word has once the block is emptied


def held_out_text(offsets: Offsets, words: Words, types: int) -> HeldOutText:
    """Documents in sampling order, whose words are numbered below `types`.

    Raises:
        DataError: there are fewer than 10 documents.
    """
    bounds = jackknife.blocks(offsets.size - 1)
    blocks = np.diff(bounds)
    block_of = np.repeat(np.arange(blocks.size), blocks)
    pairs = grouped(offsets, words, np.ones(words.size, np.int32), types)  # of a document and a word it has
    pair_words = words[pairs.firsts]
    cells = grouped(pairs.bounds[bounds], pair_words, pairs.totals, types)
    cell_word = pair_words[cells.firsts]
    frequency = np.bincount(pair_words, minlength=types)
    band, tokens = bands_of(frequency), np.bincount(words, minlength=types)
    keys = np.repeat(np.arange(blocks.size), np.diff(offsets[bounds])) * types + words
    of_band = np.bincount(band, tokens, len(BANDS) + 1)[1:]
    return HeldOutText(
        offsets=offsets,
        words=words,
        band=band,
        tokens=tokens,
        size=np.append(of_band, [words.size, WORST * words.size]),
        block_of=block_of,
        blocks=blocks,
        cell=dense(keys.view(np.uint64))[0],  # numbered by first appearance, as `grouped` has them
        cell_block=np.repeat(np.arange(blocks.size), np.diff(cells.bounds)),
        cell_word=cell_word,
        cell_tokens=cells.totals,
        after=bands_of(frequency[cell_word] - cells.entries),
    )


def values_of(held_out: HeldOutText, surprise: Numbers) -> tuple[Numbers, Numbers]:
    """The figures of surprises at tokens, and sums over the tokens of each word, shape (words,)."""
    by_word = np.bincount(held_out.words, surprise, held_out.band.size).astype(np.float64, copy=False)
    sums = np.append(np.bincount(held_out.band, by_word, len(BANDS) + 1)[1:], by_word.sum())
    by_document, lengths, order = _worst_first(held_out, surprise)
    return np.append(
        ratio(sums, held_out.size[:WORST_DOCUMENTS], 0.0), _worst(by_document, lengths, order)
    ), by_word


def values_without(held_out: HeldOutText, surprise: Numbers) -> Numbers:
    """The figures with each block of the held-out text emptied, shape (blocks, 7): words move to rarer bands."""
    sums = _sums_without(held_out, surprise)
    sizes = _sums_without(held_out, np.ones(surprise.size))
    values, _ = values_of(held_out, surprise)
    by_document, lengths, order = _worst_first(held_out, surprise)
    worst = [
        _worst(by_document, lengths, order[held_out.block_of[order] != block])
        for block in range(held_out.blocks.size)
    ]
    # sizes are whole numbers. A band that lies in one block alone has none without it: it says nothing about it.
    return np.column_stack(
        (np.where(sizes > 0.5, sums / np.maximum(sizes, 1.0), values[:WORST_DOCUMENTS]), worst)
    )


def _sums_without(held_out: HeldOutText, values: Numbers) -> Numbers:
    """Sums of what tokens have over each band, and over all, with each block emptied, shape (blocks, 6)."""
    width, blocks = len(BANDS) + 1, held_out.blocks.size
    by_word = np.bincount(held_out.words, values, held_out.band.size)
    by_cell = np.bincount(held_out.cell, values)
    of_word, row = by_word[held_out.cell_word], held_out.cell_block * width
    moved = np.bincount(row + held_out.after, of_word - by_cell, blocks * width)
    moved -= np.bincount(row + held_out.band[held_out.cell_word], of_word, blocks * width)
    bands = np.bincount(held_out.band, by_word, width)[1:] + moved.reshape(blocks, width)[:, 1:]
    return np.column_stack((bands, by_word.sum() - np.bincount(held_out.cell_block, by_cell, blocks)))


def _worst_first(
    held_out: HeldOutText, surprise: Numbers
) -> tuple[Numbers, NDArray[np.int64], NDArray[np.int64]]:
    """Sum and tokens of each document, and documents by falling mean surprise."""
    ends = np.concatenate(([0.0], np.cumsum(surprise)))
    by_document, lengths = np.diff(ends[held_out.offsets]), np.diff(held_out.offsets)
    return by_document, lengths, np.argsort(-ratio(by_document, lengths, 0.0), kind="stable")


def _worst(by_document: Numbers, lengths: NDArray[np.int64], order: NDArray[np.int64]) -> float:
    """Mean over the first documents of `order` that hold `WORST` of its words; the last of them counts in part."""
    sums, words = by_document[order], lengths[order]
    most = WORST * float(words.sum())
    taken = np.clip(most - (np.cumsum(words) - words), 0, words)
    return float(np.sum(ratio(sums, words, 0.0) * taken)) / most if most else 0.0


def own_variances(held_out: HeldOutText, surprise: Numbers, values: Numbers) -> tuple[Numbers, Numbers]:
    """What `OwnVariance` of each figure is made of, shape (7,) both; `values` are the figures of these surprises.

    A word adds (sum of its surprise - its tokens * figure) / tokens of the figure. That hangs on the held-out text and
    on those that models read at once, and so each of their jackknives counts the whole of it. The second array is of
    the held-out text's jackknife.
    """
    by_word = np.bincount(held_out.words, surprise, held_out.band.size)
    by_cell = np.bincount(held_out.cell, surprise)
    level, mean = np.append(0.0, values[: len(BANDS)]), values[MEAN]
    word, before = held_out.cell_word, held_out.band[held_out.cell_word]
    band, tokens = held_out.band, held_out.tokens
    proper = by_figure(
        held_out, band, np.square(by_word - level[band] * tokens), np.square(by_word - mean * tokens)
    )
    stays = before == held_out.after
    left = (
        np.where(stays, 0.0, by_word[word] - by_cell),
        np.where(stays, 0, tokens[word] - held_out.cell_tokens),
    )
    leaves = (by_cell + left[0]) - level[before] * (held_out.cell_tokens + left[1])
    arrives = left[0] - level[held_out.after] * left[1]
    within = by_cell - mean * held_out.cell_tokens
    changes = by_figure(held_out, before, np.square(leaves), np.square(within))
    changes += by_figure(held_out, held_out.after, np.square(arrives), np.zeros(arrives.size))
    return proper, changes


def by_figure(held_out: HeldOutText, band: NDArray[np.int64], of_band: Numbers, of_all: Numbers) -> Numbers:
    """Sums of squared additions to the figures of the bands and of all words, shape (7,), for words or cells.

    Common words have none (see `jackknife.FEW`), nor have the worst documents, which are no sum over words.
    """
    sums = np.bincount(band, of_band, len(BANDS) + 1)[1:]
    sums[-1] = 0.0
    few = band < len(BANDS)
    found: Numbers = np.append(sums, [of_all[few].sum(), 0.0]) / np.maximum(held_out.size, 1.0) ** 2
    return found
