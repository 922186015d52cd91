"""Loops under `wellkeeper.measure.neighbours`: nearest neighbours of rows of distances, and who lies in whose ball."""

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from wellkeeper.native import loop, part, structure


class Lists(NamedTuple):
    """The nearest other documents of each, nearest first, and their distances, shape (documents, listed) both."""

    near: NDArray[np.int32]
    distance: NDArray[np.float32]


_LISTS = structure(Lists, "i32[:,:], f32[:,:]")
_READ_LISTS = structure(Lists, "const i32[:,:], const f32[:,:]")


def balls(
    distances: NDArray[np.float32],
    first: int,
    corpus: int,
    nearest: int,
    inside: NDArray[np.int32],
    holds: NDArray[np.int32],
) -> None:
    """Read some rows of distances, of documents from `first` on, to all documents.

    Args:
        distances: shape (rows, documents), finite.
        first: the document of the first row.
        corpus: documents below this are of one corpus, the others of another.
        nearest: a ball reaches to so many documents of the same corpus, less than there are.
        inside: shape (documents,): increased by the balls of these documents, if of the other corpus, around each.
        holds: shape (documents,): increased by the documents of the other corpus in the ball of each.
    """
    _balls(distances, first, corpus, np.empty(nearest, np.float32), inside, holds)


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


@loop("const f32[:,:], i64, i64, f32[:], i32[:], i32[:]")
def _balls(distances: Any, first: Any, corpus: Any, room: Any, inside: Any, holds: Any) -> Any:
    """`room`, shape (nearest,), is for the distances to the nearest of the same corpus."""
    last = room.size - 1
    for row in range(distances.shape[0]):
        document = first + row
        own, others = (0, corpus), (corpus, distances.shape[1])
        if document >= corpus:
            own, others = others, own
        for k in range(room.size):
            room[k] = np.inf
        for other in range(own[0], own[1]):
            if distances[row, other] < room[last] and other != document:
                _put(room, last, distances[row, other])
        radius = room[last]
        for other in range(others[0], others[1]):
            within = np.int32(distances[row, other] < radius)
            inside[other] += within
            holds[document] += within


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
