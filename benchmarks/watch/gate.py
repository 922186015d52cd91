"""How often the gate of two versions cries wolf as a whole, and what it finds: runs of simulated answers, compared.

    python benchmarks/watch/gate.py                                # about ten CPU-minutes
    python benchmarks/watch/gate.py --worlds 200 --damaged 50      # the same, small

An item has 200 answers of Zipf's law with an exponent of its own, uniform in (.6, 2.2), as in paired.py. An answer is a
text: words of its own, 12 to 40 of them, after the same first words as all others to the item; `short`: one word. A
version at another temperature divides the exponent. An answer is right with a chance of the item's own, from Beta(.7 c,
.3 c), c = 2 "sampled" or .5 "greedy", and empty, cut or refused with a chance of .05 unless said otherwise.

`twice` and `half as long` leave all that alone, but the second version writes as many more or fewer words of the same
kind. `opening` puts one sentence before each answer: by these distances answers are then more alike, and it is said.
`lengths decide` is the design that was not taken: diversity at equal length where Student's t finds lengths to differ
at .05, else as written.

Columns: shares of worlds in which the gate says worse, and by which metric; then the share with p at most .05 in
diversity by each view alone, by the larger of both p-values, and by the design not taken.
"""

import argparse
import time
from collections import Counter
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from wellkeeper.core.answers import Finish, Output
from wellkeeper.measure import student
from wellkeeper.suites.run import Answered, Run
from wellkeeper.watch.comparison import RunComparison, compare_runs

LEVEL = 0.05
ANSWERS, EXPONENTS = 200, (0.6, 2.2)
ACCURACY, DEGENERATE = 0.7, 0.05
KINDS: tuple[Finish, ...] = ("empty", "length", "refused")
SYLLABLES = [a + b for a in "bdfgklmnprstvz" for b in "aeiou"]
VOCABULARY = np.array([a + b for a in SYLLABLES for b in SYLLABLES])
MOST_WORDS = 80
OPENING = "well that is an interesting question and here is what can be said of it in short"

Numbers = NDArray[np.float64]


@dataclass(frozen=True, slots=True, kw_only=True)
class World:
    """Two versions; what differs from the defaults differs in the second one."""

    items: int
    answers: int
    answers_of_second: int | None = None
    concentration: float = 2.0
    temperature: float = 1.0
    drop: float = 0.0  # of accuracy
    degenerate: float = DEGENERATE
    degenerate_of_first: float = DEGENERATE
    length: float = 1.0  # words of the second version's answers beside the first's
    opening: str = ""  # before each of its answers
    short: bool = False  # answers of one word


NULLS = {
    "20 x 4": World(items=20, answers=4),
    "50 x 4": World(items=50, answers=4),
    "20 x 4, short": World(items=20, answers=4, short=True),
    "50 x 4, short": World(items=50, answers=4, short=True),
    "50 x 4, none degenerate": World(items=50, answers=4, degenerate=0.0, degenerate_of_first=0.0),
    "50 x 4, hardly any degenerate": World(items=50, answers=4, degenerate=0.005, degenerate_of_first=0.005),
    "50 x 4 beside 8": World(items=50, answers=4, answers_of_second=8),
    "100 x 1, greedy": World(items=100, answers=1, concentration=0.5),
}
NOT_BLANDER = {
    "50 x 4, twice as long": World(items=50, answers=4, length=2.0),
    "50 x 4, half as long": World(items=50, answers=4, length=0.5),
    "50 x 4, opening, twice as long": World(items=50, answers=4, length=2.0, opening=OPENING),
    "50 x 4, same opening, as long": World(items=50, answers=4, opening=OPENING),
}
HARMS = {
    **{
        f"{items} x 4, none degenerate, diversity -12": World(
            items=items, answers=4, temperature=0.795, degenerate=0.0, degenerate_of_first=0.0
        )
        for items in (50, 75)
    },
    "50 x 4, diversity -12": World(items=50, answers=4, temperature=0.8),
    "50 x 4, short, diversity -12": World(items=50, answers=4, temperature=0.8, short=True),
    "100 x 8, diversity -5": World(items=100, answers=8, temperature=0.9),
    "500 x 1, greedy, accuracy -5": World(items=500, answers=1, concentration=0.5, drop=0.05),
    "500 x 1, sampled, accuracy -5": World(items=500, answers=1, drop=0.05),
    "200 x 4, degenerate +5": World(items=200, answers=4, degenerate=0.1),
    "50 x 4, twice as long, diversity -12": World(items=50, answers=4, temperature=0.8, length=2.0),
}


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--worlds", type=int, default=2_000, help="of each design without harm")
    parser.add_argument(
        "--damaged", type=int, default=300, help="of each design with harm, or another length"
    )
    parser.add_argument("--only", default="", help="designs whose name holds these letters")
    parser.add_argument("--seed", type=int, default=0)
    arguments = parser.parse_args()
    print("| design | worse | by | as written | equal length | both | lengths decide | CPU-s |")
    print("| --- | --: | --- | --: | --: | --: | --: | --: |")
    for designs, worlds in (
        (NULLS, arguments.worlds),
        (NOT_BLANDER, arguments.damaged),
        (HARMS, arguments.damaged),
    ):
        for name, world in designs.items():
            if arguments.only in name:
                print(_row(name, world, worlds, arguments.seed), flush=True)


def _row(name: str, world: World, worlds: int, seed: int) -> str:
    begun = time.process_time()
    found = [compared(world, [seed, number]) for number in range(worlds)]
    worse = np.mean([one.comparison.verdict == "worse" for one in found])
    by = Counter(
        metric.name for one in found for metric in one.comparison.metrics if metric.verdict == "worse"
    )
    told = ", ".join(f"{metric} {many / worlds:.3f}" for metric, many in sorted(by.items())) or "none"
    views = ["as_written", "equal_length", "both", "chosen"]
    shares = [_share([one.p_of(view) for one in found]) for view in views]
    seconds = time.process_time() - begun
    return f"| {name} | {worse:.3f} | {told} | {' | '.join(shares)} | {seconds:.0f} |"


def _share(p: list[float]) -> str:
    return "-" if np.isnan(p).any() else f"{np.mean(np.array(p) <= LEVEL):.3f}"


@dataclass(frozen=True, slots=True)
class Found:
    """One world, compared as a whole."""

    comparison: RunComparison
    lengths_differ: bool  # by Student's t over items at .05, two-sided

    def p_of(self, view: str) -> float:
        """Of no loss of diversity; NaN: it was not measured."""
        if not self.comparison.diversity:
            return np.nan
        written, equal = (self.comparison.diversity[one].p for one in ("as_written", "equal_length"))
        chosen = equal if self.lengths_differ else written
        return {"as_written": written, "equal_length": equal, "both": max(written, equal), "chosen": chosen}[
            view
        ]


def compared(world: World, seed: list[int]) -> Found:
    first, second = runs(world, np.random.default_rng(seed))
    return Found(compare_runs(first, second, seed=seed[-1]), _lengths_differ(first, second))


def _lengths_differ(first: Run, second: Run) -> bool:
    before, after = (
        np.array([np.mean([len(output.text.split()) for output in item.outputs]) for item in run.items])
        for run in (first, second)
    )
    changes = after - before
    error = changes.std(ddof=1) / np.sqrt(changes.size)
    return bool(error and student.two_sided(changes.mean() / error, changes.size - 1) <= LEVEL)


def runs(world: World, rng: np.random.Generator) -> tuple[Run, Run]:
    """What both versions answer in one world."""
    c = world.concentration
    items = [
        Item(
            exponent=rng.uniform(*EXPONENTS),
            solved=rng.beta(ACCURACY * c, (1 - ACCURACY) * c),
            words=VOCABULARY[rng.integers(0, VOCABULARY.size, (ANSWERS, MOST_WORDS))],
            lengths=rng.integers(12, 41, ANSWERS),
        )
        for _ in range(world.items)
    ]
    versions = (
        Version(answers=world.answers, degenerate=world.degenerate_of_first, short=world.short),
        Version(
            answers=world.answers_of_second or world.answers,
            temperature=world.temperature,
            solves=1 - world.drop / ACCURACY,
            degenerate=world.degenerate,
            length=world.length,
            opening=world.opening,
            short=world.short,
        ),
    )
    first, second = (
        Run(
            name=name,
            model="simulated",
            suite="simulated",
            metric="exact",
            items=tuple(version.answered(f"item {number}", item, rng) for number, item in enumerate(items)),
        )
        for name, version in zip("AB", versions, strict=True)
    )
    return first, second


@dataclass(frozen=True, slots=True, kw_only=True)
class Item:
    exponent: float  # of Zipf's law of its answers
    solved: float  # chance of a right answer
    words: NDArray[np.str_]  # shape (answers, words): what each answer is made of
    lengths: NDArray[np.int64]  # shape (answers,)


@dataclass(frozen=True, slots=True, kw_only=True)
class Version:
    """How a version answers."""

    answers: int
    temperature: float = 1.0
    solves: float = 1.0  # of the right answers that the item allows
    degenerate: float = DEGENERATE
    length: float = 1.0
    opening: str = ""
    short: bool = False

    def answered(self, name: str, item: Item, rng: np.random.Generator) -> Answered:
        masses = np.arange(1, ANSWERS + 1) ** -(item.exponent / self.temperature)
        drawn = rng.choice(ANSWERS, self.answers, p=masses / masses.sum())
        right = rng.random(self.answers) < item.solved * self.solves
        broken = rng.random(self.answers) < self.degenerate
        kinds = rng.integers(0, len(KINDS), self.answers)
        outputs = tuple(
            self._output(self._text(item, answer), KINDS[kind] if is_broken else "stop")
            for answer, is_broken, kind in zip(drawn.tolist(), broken.tolist(), kinds.tolist(), strict=True)
        )
        return Answered(name=name, prompt=name, outputs=outputs, scores=tuple(right.astype(float).tolist()))

    def _text(self, item: Item, answer: int) -> str:
        if self.short:
            return str(item.words[answer, 0])
        many = round(self.length * int(item.lengths[answer]))
        # the first words are those of all answers to the item
        return " ".join([self.opening, *item.words[0, :3], *item.words[answer, 3:many]]).strip()

    @staticmethod
    def _output(text: str, finish: Finish) -> Output:
        shown = {"empty": "", "length": text[: len(text) // 2], "refused": "I cannot help with that."}
        return Output(text=shown.get(finish, text), finish=finish)


if __name__ == "__main__":
    main()
