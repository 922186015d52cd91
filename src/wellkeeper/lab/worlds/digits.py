"""Pictures of handwritten digits, and a variational autoencoder that is trained on its own pictures.

The experiment of Shumailov et al. (Nature 631 (2024) 755, figure on VAEs) and of Alemohammad et al. (ICLR 2024), at a
size that takes seconds: 1,797 digits of 8 x 8 pixels, each pixel the number of black points of 16, as a share.

A generation's figures are of pictures that its model makes, and of human pictures that no model was trained on. When
models are sampled for their *means*, as the experiments in print do, each generation loses the spread of pixels around
them, most of the human variance at once. When their *samples* are taken, each pixel is a draw of 16 points.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from types import ModuleType
from typing import TYPE_CHECKING, Literal, TypeAlias, get_args

import numpy as np
from numpy.typing import NDArray

from wellkeeper.errors import InputError, MissingExtraError, RecipeError
from wellkeeper.lab.experiment import Experiment, Figure, Setting
from wellkeeper.lab.human import HumanText
from wellkeeper.lab.policy import Decoding
from wellkeeper.lab.seeds import stream
from wellkeeper.lab.world import Arrays, Figures
from wellkeeper.lab.worlds._decoding import refuse
from wellkeeper.measure.embeddings import unit_vectors
from wellkeeper.measure.neighbours import FIGURES, NEAREST, precision_recall_density_coverage

if TYPE_CHECKING:
    from wellkeeper.lab.worlds._vae import Vae

Pictures: TypeAlias = NDArray[np.float64]  # shape (pictures, 64), in [0, 1]
Decode: TypeAlias = Literal["means", "samples"]

POINTS = 16
"""Points of a pixel."""
SIDE = 8
CLASSES = 10
HELD_OUT = 597
_SHOWN = 1000
"""Pictures that a model makes to be measured."""
_VOTERS = 5
_SHADES = " .:-=+*#%@"


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Digits:
    """Pictures with what they show."""

    pictures: Pictures
    labels: NDArray[np.int64]  # shape (pictures,), 0 to 9


@cache
def _shipped() -> Digits:
    with (files("wellkeeper.lab") / "digits.npz").open("rb") as stored, np.load(stored) as arrays:
        return Digits(pictures=arrays["pixels"] / POINTS, labels=arrays["labels"].astype(np.int64))


def load_digits(seed: int) -> tuple[Digits, Digits]:
    """The pictures to train on and those held out, drawn by the seed: in the file, writers follow each other."""
    digits = _shipped()
    order = stream(seed, "digits", "order").permutation(digits.labels.size)
    return _taken(digits, order[HELD_OUT:]), _taken(digits, order[:HELD_OUT])


def _taken(digits: Digits, chosen: NDArray[np.int64]) -> Digits:
    return Digits(pictures=digits.pictures[chosen], labels=digits.labels[chosen])


class DigitsWorld:
    """Handwritten digits; sizes are in pictures, of which models can be trained on 1,200."""

    name = "digits"
    replicates = 1

    def __init__(self, *, decode: Decode = "means", seed: int = 0) -> None:
        """Draw what is held out.

        Args:
            decode: what models give: chances of black, or draws with these chances.
            seed: of which pictures are held out, and of those that are made to be measured.

        Raises:
            MissingExtraError: torch is not installed.
            RecipeError: there is no such decoding.
        """
        if decode not in get_args(Decode):
            raise RecipeError(f"decode is {decode!r}. Give one of {', '.join(get_args(Decode))}.")
        _vae()  # better missed before a run than in it
        self.decode, self.seed = decode, seed
        self.known, self.held_out = load_digits(seed)

    def human(self, first: int, size: int, random: np.random.Generator) -> Pictures:  # noqa: ARG002
        there = len(self.known.pictures)
        if first + size > there:
            raise InputError(
                f"There are {there:,} digits to train on, and {first + size:,} are asked for. Ask for a smaller size, "
                "fewer generations, or a smaller share of fresh data."
            )
        return self.known.pictures[first : first + size]

    def fit(self, data: Pictures, random: np.random.Generator) -> "Vae":
        model: Vae = _vae().fitted(data, random)
        return model

    def sample(self, model: "Vae", size: int, decoding: Decoding, random: np.random.Generator) -> Pictures:
        refuse(self.name, decoding)
        pictures: Pictures = model.decoded(size, random)
        if self.decode == "samples":
            pictures = random.binomial(POINTS, pictures) / POINTS
        return pictures

    def join(self, parts: Sequence[Pictures]) -> Pictures:
        return np.concatenate(parts)

    def units(self, data: Pictures) -> int:
        return len(data)

    def take(self, data: Pictures, chosen: NDArray[np.int64]) -> Pictures:
        pictures: Pictures = data[chosen[0]]
        return pictures

    def figures(self, data: Pictures, model: "Vae") -> Figures:  # noqa: ARG002
        random = stream(self.seed, self.name, "figures")  # the same codes for every generation
        made = self.sample(model, _SHOWN, Decoding(), random)
        near = neighbours(made, self.held_out.pictures)
        told = {
            "variance": float(made.var(axis=0).sum()),
            "class_entropy": entropy(classes(made, self.known)),
            "bound": model.bound(self.held_out.pictures, random),
            **near,
        }
        return {name: np.array([value]) for name, value in told.items()}

    def pack(self, data: Pictures) -> Arrays:
        return {"pictures": data}

    def unpack(self, arrays: Arrays) -> Pictures:
        pictures: Pictures = arrays["pictures"]
        return pictures

    def excerpt(self, data: Pictures) -> str:
        return drawn(data[-6:])  # what was made comes last


def _vae() -> ModuleType:
    try:
        from wellkeeper.lab.worlds import _vae as module
    except ImportError as error:
        raise MissingExtraError("The world digits", extra="torch") from error
    return module


def neighbours(made: Pictures, real: Pictures) -> Mapping[str, float]:
    """Precision, recall, density and coverage of pictures beside real ones, by direction; NaN if most are blank."""
    made = made[made.any(axis=1)]
    if len(made) <= max(NEAREST, 10):
        return dict.fromkeys(FIGURES, np.nan)
    found = precision_recall_density_coverage(unit_vectors(made), unit_vectors(real))
    return dict(zip(FIGURES, found, strict=True))


def classes(pictures: Pictures, known: Digits) -> NDArray[np.int64]:
    """What pictures show, by the vote of the 5 nearest known ones; the smallest digit of those with most votes."""
    distances = np.square(known.pictures).sum(axis=1) - 2 * pictures @ known.pictures.T
    nearest = np.argpartition(distances, _VOTERS - 1, axis=1)[:, :_VOTERS]
    votes = np.zeros((len(pictures), CLASSES), np.int64)
    np.add.at(votes, (np.arange(len(pictures))[:, None], known.labels[nearest]), 1)
    shown: NDArray[np.int64] = np.argmax(votes, axis=1)
    return shown


def entropy(labels: NDArray[np.integer]) -> float:
    """Of the shares of labels, in bits: log2(10) = 3.32 where all digits are equally frequent."""
    shares = np.bincount(labels) / labels.size
    shares = shares[shares > 0]
    return float(-(shares * np.log2(shares)).sum()) + 0.0


def drawn(pictures: Pictures) -> str:
    """Pictures side by side, in letters.

    >>> print(drawn(np.array([[0.0, 1.0] * 32]))[:16])
     @ @ @ @
     @ @ @
    """
    shades = np.array(list(_SHADES))[np.rint(pictures * (len(_SHADES) - 1)).astype(np.int64)]
    rows = shades.reshape(len(pictures), SIDE, SIDE).transpose(1, 0, 2)
    return "\n".join("  ".join("".join(picture) for picture in row).rstrip() for row in rows)


def _world(
    replicates: int,  # noqa: ARG001
    corpus: HumanText | None,  # noqa: ARG001
    seed: int,
    *,
    decode: Decode = "means",
) -> DigitsWorld:
    return DigitsWorld(decode=decode, seed=seed)


EXPERIMENT = Experiment(
    name="digits",
    title="Handwritten digits by a variational autoencoder",
    paper="Shumailov et al. 2024; Alemohammad et al. 2024",
    regime="from scratch",
    needs=("torch",),
    policies=("replace", "fixed=0.1", "accumulate"),
    size=1200,
    generations=5,
    replicates=3,
    settings=(
        Setting(
            name="decode",
            value="means",
            help="means: pictures are chances of black, as in print; samples: draws with these chances",
        ),
    ),
    figures=(
        Figure(name="variance", title="Variance of made pictures, summed over pixels", worse="down"),
        Figure(name="class_entropy", title="Entropy of the digits shown", unit="bits", worse="down"),
        Figure(
            name="bound",
            title="Negative evidence lower bound of held-out digits",
            unit="nats a picture",
            worse="up",
        ),
        Figure(name="precision", title="Precision: made pictures that look real"),
        Figure(name="recall", title="Recall: real pictures within reach of made ones", worse="down"),
        Figure(name="density", title="Density: how crowded the real neighbourhood of made pictures is"),
        Figure(name="coverage", title="Coverage: real pictures that have a made one near", worse="down"),
    ),
    about=(
        "An autoencoder learns 1,200 digits; the next one learns from its pictures. Within three generations all "
        "pictures are the same blur. Precision stays or rises all the while, since a blur in the middle of things "
        "is near to something real; coverage tells. Human pictures kept or added slow the loss; there are fresh ones "
        "to add where the size is smaller than 1,200."
    ),
    world=_world,
)
