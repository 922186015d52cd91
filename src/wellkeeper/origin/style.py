"""The style tier: one score a document of how much it reads like the models that the shipped weights were trained on.

A score is no verdict. Thresholds do not travel: at one threshold, false alarms on human text ran from 0 to 42 % by
domain (docs/what-origin-can-tell.md). What the score is for is comparison with references of the user's own kind of
text: shares (`wellkeeper.measure.quantify`), flags at a guaranteed level (`wellkeeper.measure.conformal`) and sources.

Three heads read the canonical text (`wellkeeper.kernels.style`): linear models of hashed word 1- and 2-grams and of
runs of 5 bytes, and boosted trees over features of style. Their weights were trained on texts whose licences allow it;
docs/style-model.md is the card, and benchmarks/origin/train.py makes the file again, byte for byte. They are statistics
of, and give credit to:

- ranhli/l2r_data, https://arxiv.org/abs/2408.04237, CC BY 3.0 (https://creativecommons.org/licenses/by/3.0/), a choice
  of rows;
- thinkst/zippy, MIT licence, copyright 2023 Thinkst Applied Research.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from hashlib import sha256
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from wellkeeper.errors import DataError
from wellkeeper.kernels import style
from wellkeeper.kernels.style import Heads

MIN_WORDS = 50
"""Texts of fewer words get no score: on 40 to 80 words a detector of this kind is right least often (our benchmark)."""
MIN_FUNCTION_SHARE = 0.25
"""English prose has more function words than that (all but 0 to 1.6 % of it, in seven labelled sets); other languages,
lists and tables have fewer."""
MAX_BRACKETS = 30.0
"""Brackets and '=' in 100 words: 99.8 % of programs have more, 0.1 % of prose (the same sets)."""
SPREAD = 2.2
"""Standard deviation of the out-of-fold training scores: it sets the scale that the score grid of
`wellkeeper.measure.quantify` is made for."""

RARITY_STEPS = 25
"""Rarities, the inverse document frequencies, are kept as bytes, in steps of 1/25."""

SHIPPED = Path(__file__).with_name("style-en.npz")

_BUCKETS = ("word_weight", "word_rarity", "byte_weight", "byte_rarity")
_PARTS = frozenset(
    (*_BUCKETS, *"features digest feature threshold left right leaf root factors component".split())
)
_AGAIN = "Install the package again."


@dataclass(frozen=True, slots=True, kw_only=True)
class Component:
    """Texts of one training domain, scored by a model that saw none of it; each array ascends."""

    name: str
    human: NDArray[np.float32]
    ai: NDArray[np.float32]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class StyleModel:
    """Weights, and what is known of the scores they give."""

    version: str  # of the features and the weights together
    heads: Heads
    factors: NDArray[
        np.float64
    ]  # shape (3,): of the heads, in the order of `wellkeeper.kernels.style.Scored`
    components: tuple[Component, ...]

    def score(
        self,
        data: NDArray[np.uint8],
        offsets: NDArray[np.int64],
        documents: NDArray[np.int64] | None = None,
    ) -> NDArray[np.float32]:
        """One score a document, higher for text like that of models, about -14 to 14; NaN where it abstains.

        It abstains on fewer than `MIN_WORDS` words, on programs and on text without the function words of English.

        Args:
            data: UTF-8 bytes of all documents, shape (bytes,).
            offsets: shape (documents + 1,); document d is `data[offsets[d]:offsets[d + 1]]`.
            documents: which of them to score; None: all.
        """
        found = style.style_scores(data, offsets, _names(), self.heads, documents)
        scores = self.combined(found.heads)
        judged = (
            (found.words >= MIN_WORDS)
            & (found.function_share >= MIN_FUNCTION_SHARE)
            & (found.brackets <= MAX_BRACKETS)
        )
        return np.where(judged, scores, np.nan).astype(np.float32)

    def combined(self, heads: NDArray[np.floating]) -> NDArray[np.float64]:
        """The heads' scores, shape (3, documents), as one."""
        words, bytes_, trees = self.factors.tolist()
        return np.asarray(words * heads[0] + bytes_ * heads[1] + trees * heads[2], np.float64)


@cache
def load_model(path: Path | None = None) -> StyleModel:
    """The shipped weights, or those of another file that `benchmarks/origin/train.py` made.

    Raises:
        DataError: the file cannot be read, is damaged, or belongs to features of another version.
    """
    place = path or SHIPPED
    parts = _read(place)
    features = str(parts["features"])
    if features != style.VERSION:
        raise DataError(
            f"{place.name} was trained on features {features}, and these are {style.VERSION}. "
            "Train it again with benchmarks/origin/train.py."
        )
    buckets = {parts[name].shape for name in _BUCKETS}
    if str(parts["digest"]) != digest_of(parts) or len(buckets) > 1 or not _sound(heads := _heads(parts)):
        raise DataError(f"{place.name} is damaged: its weights are not those that its digest is of. {_AGAIN}")
    names = [str(name) for name in parts["component"]]
    return StyleModel(
        version=f"{style.VERSION}+{parts['digest']}",
        heads=heads,
        factors=parts["factors"],
        components=tuple(
            Component(name=name, human=parts[f"human_{k}"], ai=parts[f"ai_{k}"])
            for k, name in enumerate(names)
        ),
    )


def digest_of(parts: Mapping[str, NDArray[Any]]) -> str:
    """The first 12 hexadecimal digits of the SHA-256 of all arrays of a weights' file but the digest itself."""
    found = sha256()
    for name, value in sorted(parts.items()):
        if name != "digest":
            found.update(name.encode())
            found.update(value.tobytes())
    return found.hexdigest()[:12]


def _read(place: Path) -> dict[str, NDArray[Any]]:
    try:
        with np.load(BytesIO(place.read_bytes()), allow_pickle=False) as file:
            parts: dict[str, NDArray[Any]] = {name: file[name] for name in file.files}
    except Exception as error:  # noqa: BLE001 - what numpy raises on a damaged file is whatever its bytes lead to
        raise DataError(f"{place.name} holds no weights of the style tier ({error}). {_AGAIN}") from None
    if missing := sorted(_PARTS - parts.keys()):
        raise DataError(f"{place.name} holds no weights of the style tier: no {missing[0]} in it. {_AGAIN}")
    return parts


def _heads(parts: Mapping[str, NDArray[Any]]) -> Heads:
    return Heads(
        words=buckets_of(parts["word_weight"], parts["word_rarity"]),
        bytes=buckets_of(parts["byte_weight"], parts["byte_rarity"]),
        feature=parts["feature"].astype(np.int32),
        threshold=parts["threshold"],
        left=parts["left"].astype(np.int32),
        right=parts["right"].astype(np.int32),
        leaf=parts["leaf"],
        root=parts["root"].astype(np.int32),
    )


def buckets_of(weight: NDArray[np.floating], rarity: NDArray[np.uint8]) -> NDArray[np.float32]:
    """What a linear head knows of each bucket, shape (buckets, 2), from a file's weights and rarities."""
    return np.stack([weight.astype(np.float32), rarity.astype(np.float32) / np.float32(RARITY_STEPS)], axis=1)


def _sound(heads: Heads) -> bool:
    """Whether the loops can follow these weights: they check no index, and a tree that turned back had no end."""
    nodes, leaves = heads.feature.size, heads.leaf.size
    if not nodes == heads.threshold.size == heads.left.size == heads.right.size:
        return False
    branches = np.stack([heads.left, heads.right])
    return bool(
        len(heads.words) == len(heads.bytes)
        and len(heads.words).bit_count() == 1
        and np.all((heads.feature >= 0) & (heads.feature < len(style.FEATURES)))
        and np.all(
            (branches < nodes) & (branches >= -leaves) & ((branches > np.arange(nodes)) | (branches < 0))
        )
        and np.all((heads.root < nodes) & (heads.root >= -leaves))
    )


@cache
def _names() -> style.Names:
    return style.load_names()
