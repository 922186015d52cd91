"""Models in torch that are trained on their own output: digits by an autoencoder, and text by a small transformer."""

from collections.abc import Sequence

from wellkeeper.errors import InputError
from wellkeeper.lab.checking import Check, Materials, Row, above, below
from wellkeeper.lab.human import HumanText
from wellkeeper.lab.policy import Policy
from wellkeeper.lab.recursion import generations
from wellkeeper.lab.text import numbered
from wellkeeper.lab.wikitext import wikitext
from wellkeeper.lab.worlds.digits import DigitsWorld
from wellkeeper.lab.worlds.transformer import TransformerWorld

_DIGITS_GENERATIONS = 2
_LETTERS, _HELD_OUT_LETTERS, _GENERATIONS = 350_000, 80_000, 3


def digits(materials: Materials, *, size: int = 1200, seed: int = 0) -> Sequence[Row]:
    """Digits, as means: replaced, they are one blur after two generations; accumulated, they hold."""
    del materials
    world = DigitsWorld(seed=seed)
    replaced, accumulated = (
        _figures(world, policy, size, _DIGITS_GENERATIONS, seed) for policy in ("replace", "accumulate")
    )
    last = _DIGITS_GENERATIONS
    return [
        below("variance after 2 generations, replaced, of the first", _ratio(replaced, "variance"), 0.05),
        above(
            "variance after 2 generations, accumulated, of the first", _ratio(accumulated, "variance"), 0.4
        ),
        above(
            "precision after 2 generations, replaced", replaced[last]["precision"], replaced[0]["precision"]
        ),
        below("coverage after 2 generations, replaced", replaced[last]["coverage"], replaced[0]["coverage"]),
    ]


def _ratio(figures: Sequence[dict[str, float]], name: str) -> float:
    return figures[-1][name] / figures[0][name]


def transformer(materials: Materials, *, seed: int = 0) -> Sequence[Row]:
    """Text, replaced: at a low temperature few words are left, at a plain one it is a jumble; both teach worse."""
    if materials.text is None:
        raise InputError("There is no text to train on. Name the folder of WikiText-2.")
    world = TransformerWorld(_paragraphs(materials))
    size = world.text.text.words.size
    plain, cold = (
        _figures(world, policy, size, _GENERATIONS, seed) for policy in ("replace", "replace,temperature=0.8")
    )
    entropy, nll = "entropy of words, bits", "negative log-likelihood of held-out text, nats a word"
    return [
        below(f"temperature 0.8, generation 3: {entropy}", cold[-1]["entropy"], 5),
        above(f"temperature 1, generation 3: {entropy}", plain[-1]["entropy"], plain[0]["entropy"]),
        above(f"temperature 0.8, generation 3: {nll}", cold[-1]["nll"], cold[0]["nll"]),
        above(f"temperature 1, generation 3: {nll}", plain[-1]["nll"], plain[0]["nll"]),
    ]


def _figures(
    world: DigitsWorld | TransformerWorld, policy: str, size: int, count: int, seed: int
) -> list[dict[str, float]]:
    run = generations(world, Policy.parse(policy), size=size, count=count, seed=seed)
    return [{name: float(values[0]) for name, values in generation.figures.items()} for generation in run]


def _paragraphs(materials: Materials) -> HumanText:
    """The beginnings of the test and the validation text; paragraphs are documents, and white space parts words."""
    assert materials.text is not None
    parts = wikitext(materials.text)
    documents, held_out = (
        [line for line in text[:letters].splitlines() if line.strip()]
        for text, letters in ((parts.test, _LETTERS), (parts.valid, _HELD_OUT_LETTERS))
    )
    (text, kept), vocabulary = numbered([documents, held_out], marks_apart=False)
    return HumanText(
        text=text,
        held_out=kept,
        vocabulary=vocabulary,
        documents=documents,
        held_out_documents=held_out,
        marks_apart=False,
    )


CHECKS = (
    Check(
        number=12,
        name="Autoencoders of digits: variance and coverage die, precision does not",
        source="Shumailov et al. 2024 and Alemohammad et al. 2024, at a small size",
        run=digits,
        needs=("torch",),
    ),
    Check(
        number=14,
        name="A small transformer: noise drift at temperature 1, entropy collapse at 0.8",
        source="Shumailov et al. 2024, at a small size and from scratch",
        run=transformer,
        slow=True,
        needs=("text", "torch"),
    ),
)
