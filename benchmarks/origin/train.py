"""Train the style tier and write its weights, the same bytes in every run.

    python benchmarks/origin/train.py --data FOLDER [--out FILE] [--check]

FOLDER holds the labelled sets (`sets.py`). Only sets whose licence allows it are trained on: l2r_a (CC BY 3.0,
ranhli/l2r_data) and zippy (MIT, thinkst/zippy). outfox, seqxgpt and thunlp_finance were tried and left out: each makes
the scores on unseen domains worse (`errors.py`, docs/style-model.md). `--check` compares with the shipped file and
writes nothing.

Needs the extra `train`; the same bytes come from the versions that docs/style-model.md names.
"""

import argparse
import io
import sys
from pathlib import Path
from typing import Any

import lightgbm
import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray
from sets import AI, BITS, HUMAN, Grams, Texts, joined, judged, load
from sklearn.linear_model import SGDClassifier

from wellkeeper.kernels.style import VERSION
from wellkeeper.origin.style import RARITY_STEPS, SHIPPED, SPREAD, digest_of

SETS = ("l2r_a", "zippy")
FACTORS = np.array([0.7, 0.6, 0.42])
"""Of words, bytes and trees, before scaling: the inverse of the standard deviation of each out of fold, rounded."""
_SEED = 0
_ROUNDS = 200


class Linear:
    """A linear model of hashed grams: logarithmic counts, weighed by rarity, of unit length.

    It is fitted on texts and on pairs of them. The difference between a model's version of a text and the person's has
    nothing of what the text is about; texts alone say where the middle lies.
    """

    def __init__(self, texts: Texts, grams: Grams) -> None:
        rarity = np.log((1 + len(texts)) / (1 + _texts_with(grams))) + 1
        self.rarity = np.clip(np.round(rarity * RARITY_STEPS), 0, 255).astype(np.uint8)
        rows = self._rows(grams)
        human, ai = _pairs(texts)
        turned = np.where(np.arange(len(human)) % 2 == 0, 1.0, -1.0)  # of a pair, either may stand first
        differences = sp.diags_array(turned) @ (rows[ai] - rows[human])
        self._fitted = SGDClassifier(
            loss="log_loss", alpha=2e-5, max_iter=8, tol=None, average=True, random_state=_SEED
        ).fit(sp.vstack([differences, rows]).tocsr(), np.concatenate([turned > 0, texts.label == AI]))

    def weight(self) -> NDArray[np.float32]:
        """Weights of the buckets as the file has them, in half precision."""
        return np.asarray(self._fitted.coef_[0], np.float16).astype(np.float32)

    def score(self, grams: Grams) -> NDArray[np.float64]:
        return np.asarray(self._rows(grams) @ self.weight(), np.float64)

    def _rows(self, grams: Grams) -> Any:
        values = np.log1p(grams.counts.astype(np.float64)) * self.rarity[grams.buckets] / RARITY_STEPS
        norms = np.sqrt(np.add.reduceat(values**2, grams.bounds[:-1]))
        values /= np.repeat(np.maximum(norms, 1e-6), np.diff(grams.bounds))
        shape = (len(grams.bounds) - 1, 1 << BITS)
        matrix = sp.csr_array(
            (values, grams.buckets.astype(np.int32), grams.bounds.astype(np.int32)), shape=shape
        )
        matrix.sum_duplicates()
        return matrix


def _pairs(texts: Texts) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Every text of a person with every model's version of it: their numbers."""
    names, number = np.unique(texts.domain + "/" + texts.pair, return_inverse=True)
    human = np.full(len(names), -1)
    written = np.flatnonzero((texts.label == HUMAN) & (texts.pair != ""))
    human[number[written]] = written
    made = np.flatnonzero((texts.label == AI) & (texts.pair != "") & (human[number] >= 0))
    return human[number[made]], made


class Fitted:
    """All heads, fitted on some texts."""

    def __init__(self, texts: Texts) -> None:
        self.words, self.bytes = Linear(texts, texts.word_grams), Linear(texts, texts.byte_grams)
        settings = {
            "objective": "binary", "num_leaves": 8, "min_child_samples": 40, "bagging_fraction": 0.8,
            "bagging_freq": 1, "feature_fraction": 0.3, "lambda_l2": 5, "learning_rate": 0.1, "verbose": -1,
            "num_threads": 1, "seed": _SEED, "deterministic": True, "force_row_wise": True,
        }  # fmt: skip
        self.trees = lightgbm.train(settings, lightgbm.Dataset(texts.features, texts.label), _ROUNDS)

    def heads(self, texts: Texts) -> NDArray[np.float64]:
        """Scores of each head, shape (3, texts), by the libraries themselves."""
        trees = np.asarray(self.trees.predict(texts.features, raw_score=True), np.float64)
        return np.stack([self.words.score(texts.word_grams), self.bytes.score(texts.byte_grams), trees])

    def score(self, texts: Texts) -> NDArray[np.float64]:
        """Scores before scaling, shape (texts,)."""
        return np.asarray(FACTORS @ self.heads(texts), np.float64)


def _texts_with(grams: Grams) -> NDArray[np.int64]:
    """How many texts have a gram in each bucket, shape (2 ** BITS,)."""
    row = np.repeat(np.arange(len(grams.bounds) - 1), np.diff(grams.bounds))
    pairs = np.unique(row << BITS | grams.buckets)
    return np.bincount(pairs & ((1 << BITS) - 1), minlength=1 << BITS)


def out_of_fold(texts: Texts, fold: NDArray[Any]) -> NDArray[np.float64]:
    """Scores of each text by a model that saw nothing of its fold."""
    scores = np.empty(len(texts))
    for name in sorted(set(fold)):
        held = fold == name
        scores[held] = Fitted(texts.chosen(~held)).score(texts.chosen(held))
    return scores


class _Trees:
    """Trees in one numbering, as `wellkeeper.kernels.style.Heads` has them; a node comes before its branches."""

    def __init__(self) -> None:
        self.feature: list[int] = []
        self.threshold: list[np.float32] = []
        self.left: list[int] = []
        self.right: list[int] = []
        self.leaf: list[float] = []

    def add(self, node: dict[str, Any]) -> int:
        """Number of the node, or of the leaf as -leaf - 1."""
        if "split_feature" not in node:
            self.leaf.append(node["leaf_value"])
            return -len(self.leaf)
        at = len(self.feature)
        self.feature.append(node["split_feature"])
        self.threshold.append(_below(node["threshold"]))
        self.left.append(0)
        self.right.append(0)
        self.left[at], self.right[at] = self.add(node["left_child"]), self.add(node["right_child"])
        return at


def trees_of(model: lightgbm.Booster) -> dict[str, NDArray[Any]]:
    """The trees as arrays, as the weights' file has them."""
    trees = _Trees()
    root = [trees.add(tree["tree_structure"]) for tree in model.dump_model()["tree_info"]]
    return {
        "feature": np.array(trees.feature, np.int16),
        "threshold": np.array(trees.threshold, np.float32),
        "left": np.array(trees.left, np.int16),
        "right": np.array(trees.right, np.int16),
        "leaf": np.array(trees.leaf, np.float32),
        "root": np.array(root, np.int16),
    }


def _below(threshold: float) -> np.float32:
    """The largest number of 32 bits that is not above: features have 32 bits, so they fall on the same side."""
    found = np.float32(threshold)
    return np.nextafter(found, np.float32(-np.inf)) if float(found) > threshold else found


def trained(texts: Texts, fold: NDArray[Any]) -> dict[str, NDArray[Any]]:
    """All that the weights' file holds."""
    scores = out_of_fold(texts, fold)
    scale = SPREAD / float(scores.std())
    names = sorted(set(fold))
    components: dict[str, NDArray[Any]] = {"component": np.array(names)}
    for k, name in enumerate(names):
        for label, kind in ((0, "human"), (1, "ai")):
            chosen = np.sort(scores[(fold == name) & (texts.label == label)] * scale)
            components[f"{kind}_{k}"] = chosen.astype(np.float32)
    fitted = Fitted(texts)
    parts = {
        "features": np.array(VERSION),
        "word_weight": fitted.words.weight().astype(np.float16),
        "word_rarity": fitted.words.rarity,
        "byte_weight": fitted.bytes.weight().astype(np.float16),
        "byte_rarity": fitted.bytes.rarity,
        **trees_of(fitted.trees),
        "factors": FACTORS * scale,
        **components,
    }
    return parts | {"digest": np.array(digest_of(parts))}


def training_texts(folder: Path, seen: set[str] | None = None) -> tuple[Texts, NDArray[Any]]:
    """The texts that the tier may be trained on and the fold of each: its domain, or its set.

    Keys of all their texts, judged or not, are added to `seen`.
    """
    known = set() if seen is None else seen
    sets = [judged(load(folder, name, seen=known)) for name in SETS]
    fold = np.concatenate(
        [part.domain if part.name == "l2r_a" else np.full(len(part), part.name, object) for part in sets]
    )
    return joined("training", sets), fold


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--out", type=Path, default=SHIPPED)
    parser.add_argument("--check", action="store_true")
    arguments = parser.parse_args()
    file = io.BytesIO()
    parts: dict[str, Any] = trained(*training_texts(arguments.data))
    np.savez_compressed(file, allow_pickle=False, **parts)
    if arguments.check:
        same = arguments.out.read_bytes() == file.getvalue()
        print(f"{arguments.out.name}: {'the same bytes' if same else 'other bytes'}")
        sys.exit(not same)
    arguments.out.write_bytes(file.getvalue())
    print(f"{arguments.out.name}: {len(file.getvalue()):,} bytes")


if __name__ == "__main__":
    main()
