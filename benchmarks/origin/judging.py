"""Scores of labelled texts by models that did not see them, and what those scores are worth.

The training sets are judged by models of other domains, all other sets by the shipped weights. No text is judged by a
model that was trained on it or on a copy of it.
"""

import hashlib
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.stats import norm
from sets import AI, HUMAN, Texts, buffers, joined, judged, load
from train import FACTORS, Fitted, out_of_fold, training_texts

from wellkeeper.errors import DataError
from wellkeeper.kernels.style import VERSION
from wellkeeper.measure.auroc import area_under_roc
from wellkeeper.measure.conformal import threshold
from wellkeeper.origin.style import load_model

Scores = NDArray[np.float64]
Mask = NDArray[np.bool_]

UNSEEN = ("detectrl", "raidar", "hc3plus", "outfox", "seqxgpt", "argugpt", "thunlp_finance")
"""English sets that the shipped weights were not trained on."""

_SEED = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Scored:
    """Texts and their scores, none of them NaN; `asked` counts those of at least 50 words, judged or not."""

    texts: Texts
    score: Scores
    asked: int

    def of(self, label: int) -> Mask:
        return np.asarray(self.texts.label == label)

    @property
    def human(self) -> Scores:
        return self.score[self.of(HUMAN)]


@dataclass(frozen=True, slots=True, kw_only=True)
class Half:
    """Half of the domains of l2r_a, scored by a model of the other half and of zippy."""

    trained_on: int
    texts: Texts
    score: Scores


class Bench:
    """The labelled texts of a folder, scored as they are asked for; scores are kept in `cache`, if there is one."""

    def __init__(self, data: Path, cache: Path | None) -> None:
        self.data, self._cache = data, cache
        self._loaded: dict[str, Texts] = {}
        self._keys: set[str] = set()
        self.training, self.fold = training_texts(data, self._keys)

    @cached_property
    def out_of_fold(self) -> Scored:
        """The training texts, each domain (and zippy) scored by a model of all others, on the shipped scale."""
        made = self.kept("out-of-fold", lambda: out_of_fold(self.training, self.fold))
        return Scored(
            texts=self.training, score=made * (load_model().factors[0] / FACTORS[0]), asked=len(made)
        )

    @cached_property
    def halves(self) -> tuple[Half, Half]:
        """Every second domain of l2r_a, by name, and the other ones, by the shipped recipe on what is left."""
        return self._half(0), self._half(1)

    def _half(self, number: int) -> Half:
        tested = self._tested(number)
        texts, fitted = self.training.chosen(tested), self.training.chosen(~tested)
        score = self.kept(f"half-{number}", lambda: Fitted(fitted).score(texts))
        return Half(trained_on=len(fitted), texts=texts, score=score)

    def _tested(self, number: int) -> Mask:
        domains = sorted(set(self.fold) - {"zippy"})
        return np.isin(self.fold, domains[1 - number :: 2])

    def raw(self, name: str) -> Texts:
        """All texts of a set that are no copies of texts of the training sets or of sets asked for before."""
        if name not in self._loaded:
            print(f"reading {name}", file=sys.stderr)
            self._loaded[name] = load(self.data, name, seen=self._keys, labels=("human", "ai", "mixed"))
        return self._loaded[name]

    def unseen(self, name: str) -> Scored:
        """A set that the shipped weights were not trained on."""
        texts = self.raw(name)
        score = load_model().score(*buffers(texts.texts)).astype(np.float64)
        return Scored(
            texts=texts.chosen(~np.isnan(score)),
            score=score[~np.isnan(score)],
            asked=int((texts.words >= 50).sum()),
        )

    @cached_property
    def scored(self) -> Mapping[str, Scored]:
        """All English sets: l2r_a and zippy out of fold, the others by the shipped weights."""
        own = {
            name: Scored(
                texts=self.training.chosen(which), score=self.out_of_fold.score[which], asked=int(which.sum())
            )
            for name, which in (("l2r_a", self.fold != "zippy"), ("zippy", self.fold == "zippy"))
        }
        return own | {name: self.unseen(name) for name in UNSEEN}

    def trial(self, number: int, added: str | None) -> tuple[Scores, Mapping[str, Scores]]:
        """Scores of a half of l2r_a, and of other sets, by a model of the other half and an added set."""
        held = self._tested(number)
        base, tested = self.training.chosen(~held & (self.fold != "zippy")), self.training.chosen(held)
        others = {name: judged(self.raw(name)) for name in ("raidar", "detectrl")}
        parts = [base]
        if added == "zippy":
            parts.append(self.training.chosen(self.fold == "zippy"))
        elif added:
            extra = judged(self.raw(added))
            parts.append(extra.chosen(np.isin(extra.label, (HUMAN, AI))))
        sizes = [len(tested), *(len(texts) for texts in others.values())]

        def make() -> Scores:
            fitted = Fitted(joined("trial", parts))
            return np.concatenate([fitted.score(texts) for texts in (tested, *others.values())])

        found = np.split(self.kept(f"trial-{number}-{added}", make), np.cumsum(sizes)[:-1])
        return found[0], dict(zip(others, found[1:], strict=True))

    def kept(self, name: str, make: Callable[[], Scores]) -> Scores:
        """What `make` returns, or returned earlier under this name, from the same texts and scripts."""
        place = self._cache / f"{name}-{self._fingerprint}.npy" if self._cache else None
        if place and place.exists():
            return np.asarray(np.load(place), np.float64)
        print(f"training: {name}", file=sys.stderr)
        found = make()
        if place:
            place.parent.mkdir(parents=True, exist_ok=True)
            np.save(place, found)
        return found

    @cached_property
    def _fingerprint(self) -> str:
        """Of all that kept scores depend on: texts, features, the scripts that train."""
        found = hashlib.sha256(VERSION.encode())
        for path in (*sorted(self.data.glob("*.zst")), *sorted(Path(__file__).parent.glob("*.py"))):
            if path.suffix == ".zst" or path.stem in {"sets", "train", "judging"}:
                found.update(path.read_bytes())
        return found.hexdigest()[:12]


# --- what scores are worth -----------------------------------------------------------------------


def area(human: Scores, ai: Scores) -> str | None:
    """Area under the ROC curve and its 95 % interval."""
    if len(human) < 20 or len(ai) < 20:
        return None
    found = area_under_roc(human, ai)
    return f"{_point(found.estimate)} ({_point(found.low)}-{_point(found.high)})"


def rate(hits: Any) -> str | None:
    """A share in per cent and its 95 % interval by Wilson, J. Am. Stat. Assoc. 22 (1927) 209-212."""
    total, found = len(hits), int(np.sum(hits))
    if not total:
        return None
    z = float(norm.ppf(0.975))
    middle = (found + z * z / 2) / (total + z * z)
    reach = z / (total + z * z) * float(np.sqrt(found * (total - found) / total + z * z / 4))
    return f"{percent(found / total)} % ({percent(max(0, middle - reach))}-{percent(min(1, middle + reach))})"


def percent(share: float) -> str:
    return f"{100 * share:.1f}" if 0.0005 <= share < 0.0995 else f"{100 * share:.0f}"


def _point(value: float) -> str:
    return f"{value:.3f}".removeprefix("0")


def spread_of(values: list[float]) -> str:
    """Mean and the range of the middle 90 % over draws."""
    low, high = np.quantile(values, (0.05, 0.95)).tolist()
    return f"{_point(float(np.mean(values)))} ({_point(low)}-{_point(high)})"


def with_references(
    human: Scores, ai: Scores, *, level: float = 0.05, references: int = 100, draws: int = 50
) -> tuple[float, float] | None:
    """False-alarm and detection rate at the conformal threshold of human references, on the mean over draws.

    References are drawn from `human`, at most half of it, and are not tested. None: too few for the level.
    """
    m = min(references, len(human) // 2)
    rng = np.random.default_rng(_SEED)
    rates: list[tuple[float, float]] = []
    for _ in range(draws):
        mixed = rng.permutation(human)
        try:
            limit = threshold(mixed[:m], level)
        except DataError:
            return None
        rates.append((float(np.mean(mixed[m:] > limit)), float(np.mean(ai > limit)) if len(ai) else np.nan))
    alarms, found = np.mean(rates, axis=0).tolist()
    return alarms, found
