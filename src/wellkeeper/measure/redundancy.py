"""How much documents repeat each other: distinct n-grams, self-repetition, compression. One size, or no comparison.

All three drift with the amount of text: on one text, at 2,000 / 20,000 / 200,000 words, distinct-2 was .65 / .61 /
.44 and gzip's ratio 2.7 / 2.9 / 3.1. So each is for a stated size, as expected over samples of that many of the
documents where there is a closed form, and carries an interval. And each is two-sided: text that collapses repeats
itself, while a model that drifts into noise repeats itself less than people do. None is a finding by itself.

*Distinct-n* [1] is distinct n-grams over n-grams. *Self-repetition* is, averaged over documents, the share of a
document's n-grams that stand in at least one other document of the sample: what self-BLEU [2] measures by setting
every document against every other, read off one table of n-grams in linear time. In a sample of t of n documents, an
n-gram of one of them that y of n documents have stands in another one with probability

    1 - binom(n - y, t - 1) / binom(n - 1, t - 1).

[1] Li et al., A diversity-promoting objective function for neural conversation models, NAACL 2016.
[2] Zhu et al., Texygen: a benchmarking platform for text generation models, SIGIR 2018.
[3] Salkar et al., Self-repetition in abstractive neural summarizers, AACL 2022.
[4] Shaib et al., Standardizing the measurement of text diversity, arXiv:2403.00553.
"""

import zlib
from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray

from wellkeeper.errors import DataError
from wellkeeper.measure import jackknife
from wellkeeper.measure.hill import absence, check_units
from wellkeeper.measure.incidence import Incidence, dense
from wellkeeper.measure.jackknife import Interval, influences
from wellkeeper.measure.sample import Sample, document_spectrum, ratio, sample_of

_LEVEL = 9  # of compression, gzip's own default and that of [4]


def distinct(grams: Incidence, *, units: int | None = None) -> Interval:
    """Distinct n-grams over n-grams, in [0, 1], that `units` of the documents hold on average (default: all).

    `grams` counts n-grams (`incidence_of(*ngrams(...))`). Two corpora compare at equal words, so `units` of each
    should hold as many (`tails.units_for`); the interval is for documents taken up to a number of words.

    Raises:
        DataError: fewer than 10 documents, no n-gram, or `units` not from 1 to the number of documents.
    """
    _check(grams)
    units = grams.documents if units is None else units
    check_units(grams.documents, units)
    sample = sample_of(grams, *dense(grams.types))
    found = document_spectrum(sample)
    types = found.sums(1 - absence(found.counts, grams.documents, units))
    words = int(sample.words.sum())
    tokens = (words - np.concatenate(([0], sample.words))) * (units / grams.documents)
    shares = ratio(types, tokens, 0.0)
    shares = np.where(tokens > 0, shares, shares[0])
    return jackknife.share_interval(
        float(shares[0]), [influences(shares[0] - shares[1:], sample.words)], trials=words
    )


def self_repetition(grams: Incidence, *, units: int | None = None) -> Interval:
    """Mean share, in [0, 1], of a document's n-grams that at least one other of `units` documents has.

    N-grams count as often as they occur; documents without any are left out of the mean. `units` (default: all
    documents) is the size of the samples that the figure is the average over; see `distinct`.

    Raises:
        DataError: fewer than 10 documents, no n-gram, or `units` not from 1 to the number of documents.
    """
    _check(grams)
    units = grams.documents if units is None else units
    check_units(grams.documents, units)
    ids, types = dense(grams.types)
    sample = sample_of(grams, ids, types)
    weights = _shares_of_documents(grams)
    in_block = _by_group(sample, grams, ids, weights)
    whole = np.bincount(ids, weights, types)[sample.type_of]
    chance = _chance_elsewhere(sample, grams.documents, units)
    having = sample.frequencies[sample.type_of]
    left = having - sample.groups.entries

    repeated = sample.groups.sums(in_block * chance[having])
    measured = sample.groups.sums(in_block)  # documents with n-grams in each block
    share = float(repeated.sum() / measured.sum())
    lost = whole * chance[having] - (whole - in_block) * chance[left]
    emptied = ratio(repeated.sum() - sample.groups.sums(lost), measured.sum() - measured.round(), share)
    return jackknife.share_interval(
        share, [influences(share - emptied, sample.words)], trials=int(measured.sum().round())
    )


def salkar_score(grams: Incidence) -> float:
    """The self-repetition score of [3]: mean over documents of ln(sum over n-grams of the documents that have it).

    A document counts its own, so that one whose m n-grams no other has scores ln m: the score grows with length
    as well as with repetition. Documents without an n-gram are left out. The package of [4] finds n-grams as parts
    of strings, across the borders of words, and takes equal documents for one; figures differ where that matters.

    Raises:
        DataError: no n-gram.
    """
    ids, types = dense(grams.types)
    _check_words(grams)
    frequencies = np.bincount(ids, minlength=types)
    ends = np.concatenate(([0], np.cumsum(grams.tokens * frequencies[ids])))
    sums = np.diff(ends[grams.offsets])
    return float(np.log(sums[sums > 0]).mean())


def compression_ratio(texts: Iterable[str], *, size: int) -> Interval:
    """Bytes over compressed bytes of the first `size` bytes of `texts`, at least about 1.

    Texts are encoded in UTF-8, joined by line ends and cut to exactly `size` bytes, so give them in sampling order;
    no more of them are read than needed. zlib looks back 32 kB: of longer distances it sees nothing. The interval
    takes whole blocks of texts out.

    Raises:
        DataError: `size` is not positive, the texts have fewer bytes, or fewer than 10 of them fill it.
    """
    pieces = _filled(texts, size)
    bounds = jackknife.blocks(len(pieces))
    sizes = np.array([len(piece) for piece in pieces])
    emptied = [
        _ratio(b"".join((*pieces[:first], *pieces[last:])))
        for first, last in zip(bounds[:-1].tolist(), bounds[1:].tolist(), strict=True)
    ]
    return jackknife.positive_interval(
        _ratio(b"".join(pieces)), np.array(emptied), np.add.reduceat(sizes, bounds[:-1])
    )


def _check(grams: Incidence) -> None:
    if grams.documents < jackknife.FEWEST_DOCUMENTS:
        raise DataError(
            f"{grams.documents} documents are too few for an interval. "
            f"Give at least {jackknife.FEWEST_DOCUMENTS} documents."
        )
    _check_words(grams)


def _check_words(grams: Incidence) -> None:
    if not grams.words:
        raise DataError(
            f"none of {grams.documents} documents has an n-gram. Choose a smaller n, or check the text column."
        )


def _shares_of_documents(grams: Incidence) -> NDArray[np.float64]:
    """Each entry's share of its document's n-grams, shape (entries,): they sum to 1 over a document."""
    sizes = np.repeat(grams.words_by_document(), np.diff(grams.offsets))
    shares: NDArray[np.float64] = grams.tokens / sizes
    return shares


def _by_group(
    sample: Sample, grams: Incidence, ids: NDArray[np.int32], values: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Sums of `values`, shape (entries of grams,), by block and type, shape (entries of groups,)."""
    bounds, groups = grams.offsets[jackknife.blocks(grams.documents)], sample.groups.bounds
    place, at = np.empty(sample.frequencies.size, np.int64), np.empty(ids.size, np.int64)
    for block in range(sample.documents.size):
        mine = slice(groups[block], groups[block + 1])
        place[sample.type_of[mine]] = np.arange(groups[block], groups[block + 1])
        entries = slice(bounds[block], bounds[block + 1])
        at[entries] = place[ids[entries]]
    return np.bincount(at, values, sample.type_of.size).astype(np.float64)


def _chance_elsewhere(sample: Sample, documents: int, units: int) -> NDArray[np.float64]:
    """That an n-gram of a sampled document stands in another one too, by the documents that have it."""
    others = np.arange(int(sample.frequencies.max()))
    return np.concatenate(([0.0], 1 - absence(others, documents - 1, units - 1)))


def _filled(texts: Iterable[str], size: int) -> list[bytes]:
    """The first texts, each with a line end, the last one cut: together `size` bytes."""
    if size < 1:
        raise DataError(f"size is {size}. Ask for at least 1 byte.")
    pieces: list[bytes] = []
    left = size
    for text in texts:
        piece = (text + "\n").encode()[:left]
        pieces.append(piece)
        left -= len(piece)
        if not left:
            return pieces
    raise DataError(
        f"the texts have {size - left:,} bytes, and {size:,} were asked for. Ask for a size that all corpora have."
    )


def _ratio(data: bytes) -> float:
    return len(data) / len(zlib.compress(data, _LEVEL))
