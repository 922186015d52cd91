"""Where the error of a forecast comes from: runs foretold with the kernels of all generations, of two, of three.

    python benchmarks/lab/drift.py FILE... [--by COLUMN] [--where COLUMN=VALUE] [--only CORPUS...]

Files and corpora are those of benchmarks/lab/forecast.py, the proxy is a 3-gram Kneser-Ney model under `replace`. What
is left of words is foretold in three ways, each scored against the same runs:

    all    with the kernel of every generation of these runs: what is wrong then is the chain of counts itself
    two    with kernels of generations 0 and 1 of other runs and their drift, as `wellkeeper forecast` does
    three  with that of generation 2 too, from where the drift goes on as it went from 1 to 2
"""

from dataclasses import dataclass

import numpy as np
from forecast import parser_of, read, said

from wellkeeper.lab.chain import Kernels, chain_of
from wellkeeper.lab.forecast import first_words, largest_size, replicates_for, text_of
from wellkeeper.lab.human import human_text
from wellkeeper.lab.kernel import Kernel, drifted, kernel
from wellkeeper.lab.policy import Policy
from wellkeeper.lab.profile import counts_of, profile_of
from wellkeeper.lab.recursion import generations
from wellkeeper.lab.registry import experiment
from wellkeeper.lab.running import settings_of

REPLACE = Policy.parse("replace")
LAST, SCORED = 10, (5, 10)
WAYS = ("all", "two", "three")


@dataclass(slots=True)
class EachStep:
    """A kernel for each step, in the order in which a chain asks for them."""

    kernels: list[Kernel]
    step: int = 0
    learned: None = None

    def at(self, _place: float) -> Kernel:
        self.step += 1
        return self.kernels[self.step - 1]


@dataclass(frozen=True, slots=True)
class Three:
    """Kernels of generations 0, 1 and 2; the last is at a place beyond 1."""

    kernels: list[Kernel]
    place: float
    learned: None = None

    def at(self, place: float) -> Kernel:
        opening, first, second = self.kernels
        return drifted(first, second, (place - 1) / (self.place - 1)) if place else opening


def main() -> None:
    parser = parser_of(__doc__)
    parser.add_argument("--runs", type=int, default=8, help="scored runs of each corpus")
    arguments = parser.parse_args()
    head = "  ".join(f"gen {generation}: words  mass" for generation in SCORED)
    print(f"{'corpus':28} {'kernels':8} {'words':>7}  {head}")
    errors = {way: [] for way in WAYS}
    for name, documents in read(arguments).items():
        size, found = errors_of(documents, arguments)
        for way in WAYS:
            errors[way].append(found[way])
            print(f"{name[:28]:28} {way:8} {size:7}  {said(found[way], '+')}", flush=True)
    for way in WAYS:
        some = np.abs(errors[way])
        print(f"{'mean |error|':28} {way:8} {'':7}  {said(some.mean(axis=0))}")
        print(f"{'largest':28} {way:8} {'':7}  {said(some.max(axis=0))}")


def errors_of(documents, arguments):
    """Words of the first set, and by way errors of shape (scored generations, 2): words left, mass lost."""
    human = human_text(documents)
    proxy = experiment("ngram")
    world = proxy.world(1, human, 0, **settings_of(proxy, {}))
    size = largest_size(human.text.words.size, [REPLACE], LAST, most=arguments.words)
    vocabulary = len(human.vocabulary)
    profile = profile_of(first_words(world, size), vocabulary)
    chain = chain_of(profile, REPLACE, None)
    own = profile.counts > 0

    def counted(runs: int, count: int, seed: int):
        """Copies of each word, shape (runs, generations, words)."""
        return np.array(
            [
                [
                    counts_of(text_of(world, generation.state.data), vocabulary)
                    for generation in generations(
                        world, REPLACE, size=size, count=count, seed=seed, replicate=run
                    )
                ]
                for run in range(runs)
            ]
        )

    def kernels_of(counts):
        return [
            kernel(counts[:, step].ravel(), counts[:, step + 1].ravel())
            for step in range(counts.shape[1] - 1)
        ]

    measured, scored = counted(replicates_for(size), 3, seed=1), counted(arguments.runs, LAST, seed=2)
    there = scored[:, :, own] > 0
    true = np.stack([there.sum(axis=2).mean(axis=0), (~there * chain.masses).sum(axis=2).mean(axis=0)])
    first, second, third = kernels_of(measured)
    lost = 1 - (measured[:, :, own] > 0).mean(axis=(0, 2))
    ways = (
        EachStep(kernels_of(scored)),
        Kernels(first=first, second=second, opening=first),
        Three([first, second, third], lost[2] / lost[1]),
    )
    chosen = list(SCORED)
    return size, {
        name: (chain.sums(chain.absences(way, LAST))[:, chosen] / true[:, chosen] - 1).T
        for name, way in zip(WAYS, ways, strict=True)
    }


if __name__ == "__main__":
    main()
