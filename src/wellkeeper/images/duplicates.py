"""Groups of pictures that are copies of each other: byte by byte, pixel by pixel, or to the eye.

To the eye, two pictures are alike if their perceptual hashes and their difference hashes are near each other, and
their miniatures agree in light and colour. Candidates come from an index (`wellkeeper.kernels.hamming`), every pair of
them is checked, and groups are what the pairs connect: A and C may share a group because of B alone, and `distance`
tells how far each is from the first of its group.

Pictures too plain to tell apart are left out: the hashes of a clear sky or a blank page are those of the noise in it.

The thresholds were measured on photographs, noise, drawings, pages of text and signs, with copies that were encoded
anew, scaled, brightened and cropped: `benchmarks/images.py` prints the table that docs/images.md quotes. Where a
copy that is missed stands against two pictures taken for one, the first is preferred.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from wellkeeper.images.pictures import GREY_SIDE, MINIATURE_BYTES, Fingerprints
from wellkeeper.kernels.clusters import NO_EDGES, Forest, edges_of, merge
from wellkeeper.kernels.hamming import near_pairs

RADIUS = 10
"""Bits of 64 in which perceptual hashes of copies differ at most; the hash is cut at its median, so that they differ
in an even number. Copies encoded anew or scaled differ in 0 to 6, cropped by 2 % of either side in up to 12; of 33,000
pairs of unrelated photographs, drawings and noise the nearest differ in 12."""
CONFIRM_RADIUS = 12
"""The same for difference hashes."""
CORRELATION = 0.9
"""Least correlation of the light of two miniatures. Copies have .97 and more, cropped by 5 % some .86 to .95."""
SIMPLE_DETAIL, SIMPLE_CORRELATION = 12.0, 0.96
"""The same where the `detail` of either is below this: unrelated pages of text, which share a layout, reach .95."""
COLOUR = 10.0
"""Largest mean distance of their colours, of 255: brightness changed by a fifth moves it by 9 at most."""
CONTRAST, DETAIL = 4.0, 3.0
"""Below these a picture is too plain: the fingerprints' `contrast` and `detail`. Gradients have a detail of at most
2.8, blank areas a contrast below 1."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Groups:
    """Pictures that are copies of others; arrays share the shape (members,), by ascending picture."""

    member: NDArray[np.int64]
    first: NDArray[np.int64]  # the smallest picture of its group; its own for the first itself

    @property
    def groups(self) -> int:
        return len(np.unique(self.first))

    @property
    def redundant(self) -> int:
        """Pictures beyond the first of each group."""
        return len(self.member) - self.groups

    @property
    def largest(self) -> int:
        """Pictures in the largest group; 0 if there is none."""
        return int(np.unique(self.first, return_counts=True)[1].max(initial=0))

    def first_of(self, pictures: int) -> NDArray[np.int64]:
        """The first of each picture's group, shape (pictures,); the picture itself if it has none."""
        found = np.arange(pictures)
        found[self.member] = self.first
        return found


@dataclass(frozen=True, slots=True, kw_only=True)
class Duplicates:
    """What is a copy of what. Each kind holds the one before it: equal bytes are equal pixels are alike."""

    bytes: Groups
    pixels: Groups
    near: Groups
    plain: NDArray[np.bool_]  # pictures left out of the comparison by eye, shape (pictures,)
    distance: NDArray[np.int64]  # bits between a picture's perceptual hash and its near group's first one's


def duplicates_of(sha256: Sequence[bytes], prints: Sequence[Fingerprints]) -> Duplicates:
    """Find all copies; both sequences have one value a picture, in the order in which pictures are numbered."""
    same_bytes = _equal(sha256)
    same_pixels = merge([same_bytes, _equal([one.pixels for one in prints])])
    hashes = np.array([one.perceptual for one in prints], np.uint64)
    plain = np.array([one.contrast < CONTRAST or one.detail < DETAIL for one in prints], np.bool_)
    near = merge([same_pixels, _near(hashes, prints, plain, same_pixels)])
    groups = _groups(near)
    first = groups.first_of(len(prints))
    return Duplicates(
        bytes=_groups(same_bytes),
        pixels=_groups(same_pixels),
        near=groups,
        plain=plain,
        distance=np.bitwise_count(hashes ^ hashes[first]).astype(np.int64),
    )


def _equal(digests: Sequence[bytes]) -> Forest:
    """Who has whose digest; the digests of SHA-256 are told apart by their first 64 bits, then compared whole."""
    keys = np.array([int.from_bytes(digest[:8], "little") for digest in digests], np.uint64)
    edges = edges_of(keys, np.arange(len(keys)))
    same = np.array(
        [digests[a] == digests[b] for a, b in zip(edges.member.tolist(), edges.root.tolist(), strict=True)],
        np.bool_,
    )
    return merge([Forest(edges.member[same], edges.root[same])]) if len(same) else NO_EDGES


def _near(
    hashes: NDArray[np.uint64], prints: Sequence[Fingerprints], plain: NDArray[np.bool_], copies: Forest
) -> Forest:
    """Which pictures are alike; of pictures with equal pixels only the first is compared."""
    wanted = ~plain
    wanted[copies.member] = False
    at = np.flatnonzero(wanted)
    if not len(at):
        return NO_EDGES
    confirm = np.array([prints[k].difference for k in at.tolist()], np.uint64)
    small = _Miniatures.of([prints[k] for k in at.tolist()])
    found, first = NO_EDGES, np.arange(len(at))
    for left, right in near_pairs(hashes[at], RADIUS, confirm=confirm, confirm_radius=CONFIRM_RADIUS):
        new = first[left] != first[right]  # thousands of frames of one film are linked by few of their pairs
        a, b = left[new], right[new]
        alike = small.agree(a, b)
        found = merge([found, Forest(b[alike], a[alike])])
        first[found.member] = found.root
    return Forest(at[found.member], at[found.root])


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Miniatures:
    light: NDArray[np.float32]  # vectors of mean 0 and length 1, shape (pictures, 256)
    colour: NDArray[np.float32]  # shape (pictures, 32)
    simple: NDArray[np.bool_]  # whether a picture has little detail

    @classmethod
    def of(cls, prints: Sequence[Fingerprints]) -> "_Miniatures":
        cells = GREY_SIDE**2
        written = np.frombuffer(b"".join(one.miniature for one in prints), np.uint8)
        values = written.reshape(len(prints), MINIATURE_BYTES).astype(np.float32)
        light = values[:, :cells] - values[:, :cells].mean(axis=1, keepdims=True)
        light /= np.maximum(np.linalg.norm(light, axis=1, keepdims=True), 1e-6)
        simple = np.array([one.detail < SIMPLE_DETAIL for one in prints], np.bool_)
        return cls(light=light, colour=values[:, cells:], simple=simple)

    def agree(self, left: NDArray[np.int64], right: NDArray[np.int64]) -> NDArray[np.bool_]:
        """Which of the pairs agree in light and colour, shape (pairs,)."""
        least = np.where(self.simple[left] | self.simple[right], SIMPLE_CORRELATION, CORRELATION)
        correlation = np.einsum("ij,ij->i", self.light[left], self.light[right])
        apart = np.abs(self.colour[left] - self.colour[right]).mean(axis=1)
        return np.asarray((correlation >= least) & (apart <= COLOUR))


def _groups(forest: Forest) -> Groups:
    member, first = forest.components()
    return Groups(member=member, first=first)
