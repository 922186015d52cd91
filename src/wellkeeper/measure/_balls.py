"""Loops under `wellkeeper.measure.neighbours`: nearest neighbours of rows of distances, and who lies in whose ball."""

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from wellkeeper.native import loop, part, structure


class Lists(NamedTuple):
    """The nearest other documents of each, nearest first, and their distances, shape (documents, listed) both."""

    near: NDArray[np.int32]
    distance: NDArray[np.float32]


_LANES = 32  # distances of a row that are compared at once

_LISTS = structure(Lists, "i32[:,:], f32[:,:]")
_READ_LISTS = structure(Lists, "const i32[:,:], const f32[:,:]")


class Balls(NamedTuple):
    """Of each document of a corpus, shape (documents,)."""

    length: NDArray[np.float32]  # squared, of its vector
    radius: NDArray[
        np.float32
    ]  # squared, to its k-th nearest of the same corpus; less its own squared length


class Held(NamedTuple):
    """What balls hold of the other corpus, shape (documents of the corpus,) or (of the reference,)."""

    around: NDArray[np.int32]  # balls of the reference around a document of the corpus
    recalled: NDArray[np.uint8]  # 1: a document of the reference is in a ball of the corpus
    covered: NDArray[np.uint8]  # 1: the ball of a document of the reference holds one of the corpus


class _Room(NamedTuple):
    """For what is compared; k is how many neighbours are sought."""

    distances: NDArray[np.float32]  # shape (documents,)
    lanes: NDArray[np.float32]  # shape (k, lanes)
    near: NDArray[np.float32]  # shape (k,)


_BALLS, _HELD = structure(Balls, "const f32[:], const f32[:]"), structure(Held, "i32[:], u8[:], u8[:]")
_ROOM = structure(_Room, "f32[:], f32[:,:], f32[:]")


def balls_among(
    products: NDArray[np.float32], first: int, lengths: NDArray[np.float32], near: NDArray[np.float32]
) -> None:
    """Read some rows of -2 x'y, of documents from `first` on, to documents from there on: each pair is read once.

    Args:
        products: shape (rows, documents - first).
        first: the document of the first row.
        lengths: squared lengths, shape (documents,).
        near: shape (k, documents): the least squared distances to others so far, less the own squared length,
            ascending; infinite where there were fewer.
    """
    distances, lanes, nearest = products.shape[1], (len(near), _LANES), len(near)
    room = _Room(*(np.empty(shape, np.float32) for shape in (distances, lanes, nearest)))
    _balls_among(products, first, lengths, near, room)


def balls_between(
    products: NDArray[np.float32], first: int, corpus: Balls, reference: Balls, held: Held
) -> None:
    """Read some rows of -2 x'y, of documents of the corpus from `first` on, to all documents of the reference."""
    _balls_between(products, first, corpus, reference, held)


def list_nearest(distances: NDArray[np.float32], first: int, lists: Lists) -> None:
    """Fill the lists of documents from `first` on from their rows of distances to all documents."""
    _list_nearest(distances, first, lists)


def relabelled_balls(lists: Lists, labels: NDArray[np.bool_], nearest: int) -> NDArray[np.int64]:
    """What the balls hold when documents are of other corpora, shape (labellings, 4).

    `labels`, shape (labellings, documents), is true for documents of the first corpus. Counted are documents of the
    first corpus in balls of the second, of the second in balls of the first, pairs of a document of the first and a
    ball of the second around it, and balls of the second that hold any.
    """
    out = np.zeros((len(labels), 4), np.int64)
    inside = np.empty(labels.shape[1], np.uint8)
    _relabelled(lists, np.ascontiguousarray(labels).view(np.uint8), nearest, inside, out)
    return out


@part
def _put(distances: Any, last: Any, distance: Any) -> Any:
    """Insert into ascending values in place of the last and largest; return where."""
    at = last
    while at > 0 and distances[at - 1] > distance:
        distances[at] = distances[at - 1]
        at -= 1
    distances[at] = distance
    return at


@part
def _sort(low: Any, high: Any) -> Any:
    """Put the lesser of two values at each place into the first array and the greater into the second."""
    for at in range(low.size):
        one, other = low[at], high[at]
        low[at] = min(one, other)
        high[at] = max(one, other)


@part
def _take_least(near: Any, distances: Any, lanes: Any) -> Any:
    """Take the least of distances, which are changed, into ascending ones: of each lane first, and of these then."""
    nearest, width = lanes.shape
    lanes[:] = np.inf
    for start in range(0, distances.size - width + 1, width):
        for k in range(nearest):
            _sort(lanes[k], distances[start : start + width])
    for k in range(nearest):
        for lane in range(width):
            if lanes[k, lane] < near[nearest - 1]:
                _put(near, nearest - 1, lanes[k, lane])
    for at in range(distances.size - distances.size % width, distances.size):
        if distances[at] < near[nearest - 1]:
            _put(near, nearest - 1, distances[at])


@loop("const f32[:,:], i64, const f32[:], f32[:,:]", _ROOM)
def _balls_among(products: Any, first: Any, lengths: Any, near: Any, room: Any) -> Any:
    """Which of two distances is less is no branch, so that the processor compares many at once."""
    rows, columns = products.shape
    later, distances = lengths[first:], room.distances
    for row in range(rows):
        product, length = products[row], lengths[first + row]
        # what each document sees of this one: those after these rows, since these are read whole
        for at in range(rows, columns):
            distances[at] = product[at] + length
        for k in range(near.shape[0]):
            _sort(near[k, first + rows :], distances[rows:])
        # what this document sees of each
        for at in range(columns):
            distances[at] = product[at] + later[at]
        distances[row] = np.inf
        for k in range(near.shape[0]):
            room.near[k] = near[k, first + row]
        _take_least(room.near, distances, room.lanes)
        for k in range(near.shape[0]):
            near[k, first + row] = room.near[k]


@loop("const f32[:,:], i64", _BALLS, _BALLS, _HELD)
def _balls_between(products: Any, first: Any, corpus: Any, reference: Any, held: Any) -> Any:
    for row in range(products.shape[0]):
        document = first + row
        length, radius = corpus.length[document], corpus.radius[document]
        around = np.int32(0)
        for other in range(products.shape[1]):
            product = products[row, other]
            within = np.uint8(product + reference.length[other] < radius)
            holds = np.uint8(product + length < reference.radius[other])
            held.recalled[other] |= within
            held.covered[other] |= holds
            around += holds
        held.around[document] = around


@loop("const f32[:,:], i64", _LISTS)
def _list_nearest(distances: Any, first: Any, lists: Any) -> Any:
    last = lists.near.shape[1] - 1
    for row in range(distances.shape[0]):
        document = first + row
        near, far = lists.near[document], lists.distance[document]
        for k in range(last + 1):
            far[k] = np.inf
        for other in range(distances.shape[1]):
            distance = distances[row, other]
            if distance < far[last] and other != document:
                at = _put(far, last, distance)
                for later in range(last, at, -1):
                    near[later] = near[later - 1]
                near[at] = other


@loop(_READ_LISTS, "const u8[:,:], i64, u8[:], i64[:,:]")
def _relabelled(lists: Any, labels: Any, nearest: Any, inside: Any, out: Any) -> Any:
    """`inside`, shape (documents,), is room for who lies in a ball of the other corpus."""
    documents, listed = lists.near.shape
    for labelling in range(labels.shape[0]):
        for document in range(documents):
            inside[document] = 0
        for document in range(documents):
            label = labels[labelling, document]
            same = 0
            end = 0
            while end < listed - 1:
                same += labels[labelling, lists.near[document, end]] == label
                if same == nearest:
                    break
                end += 1
            radius = lists.distance[document, end]
            held = 0
            for at in range(end):
                other = lists.near[document, at]
                if labels[labelling, other] != label and lists.distance[document, at] < radius:
                    inside[other] = 1
                    held += 1
            if label == 0:
                out[labelling, 2] += held
                out[labelling, 3] += held > 0
        for document in range(documents):
            out[labelling, 1 - labels[labelling, document]] += inside[document]
