"""The mix at scale: ten million documents, fifty sources, a thousand topics, several years of months.

    python benchmarks/mix.py [--documents 10000000] [--sources 50] [--topics 1000] [--months 60]

Documents are drawn: sources and topics by Zipf's law, months evenly with a tenth undated, a third synthetic, and topics
of the corpus tilted against the rare ones, as filters and models leave them. The reference has the topics as people
wrote them. Each row is a recipe; time is allocation and choice of documents, memory the largest resident set of the
process so far, with the columns (17 bytes a document) in it.

The tail columns are for the rare topics of the reference, the rarest that hold 15 % of it: the share of them of which
the mix has what `keep_tail: 0.95` asks for (or all that the data hold), for the mix and for a random sample of the same
size; and their share of the mix, beside that of the reference.
"""

import argparse
import resource
import time
from typing import Any

import numpy as np
from measuring import machine
from numpy.typing import NDArray

from wellkeeper.errors import RecipeError
from wellkeeper.measure.cells import tail_cells
from wellkeeper.mix.choose import choose
from wellkeeper.mix.plan import Cap, Diversity, MixPlan, Size

KEEP = 0.95
Columns = dict[str, NDArray[Any]]


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    for name, default in (
        ("documents", 10_000_000),
        ("sources", 50),
        ("topics", 1000),
        ("months", 60),
        ("seed", 0),
    ):
        parser.add_argument(f"--{name}", type=int, default=default)
    parser.add_argument(
        "--tilt", type=float, default=1.1, help="power of the corpus's shares of topics, of people's"
    )
    options = parser.parse_args()
    columns, reference = corpus_of(options)
    print(machine())
    print(
        f"{options.documents:,} documents, {options.sources} sources, {options.topics} topics, {options.months} months"
    )
    print(
        f"{'recipe':<34}{'s':>7}{'GB':>6}{'documents':>12}{'quotas met':>11}{'at random':>10}"
        f"{'tail':>7}{'random':>7}{'people':>7}  binds"
    )
    for name, plan in plans_for(options.documents).items():
        print(row_of(name, plan, columns, reference), flush=True)


def corpus_of(options: argparse.Namespace) -> tuple[Columns, NDArray[np.int64]]:
    """Columns of the corpus in small types, and the reference's documents by topic."""
    rng = np.random.default_rng(options.seed)
    many = options.documents
    people = 1 / np.arange(1, options.topics + 1)
    reference = np.floor(200_000 * people / people.sum()).astype(np.int64)
    tilted = people**options.tilt
    sources = 1 / np.arange(1, options.sources + 1)
    month = rng.integers(0, options.months, many, np.int16)
    month[rng.random(many, np.float32) < 0.1] = -1
    columns = {
        "source": drawn(rng, sources, many).astype(np.int16),
        "topic": drawn(rng, tilted, many).astype(np.int16),
        "month": month,
        "origin": drawn(rng, np.array([0.37, 0.3, 0.03, 0.25, 0.04, 0.01]), many).astype(np.int8),
        "priority": rng.integers(0, 2**64, many, np.uint64),
        "size": np.ones(many, np.uint8),
    }
    return columns, reference


def drawn(rng: np.random.Generator, weights: NDArray[np.float64], many: int) -> NDArray[np.int64]:
    ends = np.cumsum(weights / weights.sum())
    return np.minimum(np.searchsorted(ends, rng.random(many, np.float32)), len(weights) - 1)


def plans_for(documents: int) -> dict[str, MixPlan]:
    tenth = Size(amount=documents // 10)
    caps = {"source": Cap(share=0.15)}
    tail = Diversity(keep_tail=KEEP)
    rest: dict[str, Any] = {"synthetic_share_max": 0.1, "human_floor": 0.6}
    return {
        "a tenth": MixPlan(size=tenth),
        "a tenth, caps, floor": MixPlan(size=tenth, caps=caps, **rest),
        "a tenth, all and the tail": MixPlan(size=tenth, caps=caps, diversity=tail, **rest),
        "a tenth, months capped too": MixPlan(
            size=tenth, caps={**caps, "month": Cap(share=0.015)}, diversity=tail, **rest
        ),
        "1,000 documents, all and the tail": MixPlan(
            size=Size(amount=1_000), caps=caps, diversity=tail, **rest
        ),
        "all, caps, floor and the tail": MixPlan(caps=caps, diversity=tail, **rest),
    }


def row_of(name: str, plan: MixPlan, columns: Columns, reference: NDArray[np.int64]) -> str:
    begun = time.perf_counter()
    try:
        mix = choose(plan, **columns, reference_topics=reference)
    except RecipeError as error:
        return f"{name:<34}{time.perf_counter() - begun:>7.1f}  {error}"
    took = time.perf_counter() - begun
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6
    kept = int(mix.kept.sum())
    random = columns["priority"] <= np.partition(columns["priority"], kept - 1)[kept - 1]
    tail = tail_cells(reference)
    figures = [tail_of(columns["topic"], one, tail, reference) for one in (mix.kept, random)]
    holds = "" if all(one.holds for one in mix.constraints) else "  BROKEN"
    (met, share), (met_random, share_random) = figures
    return (
        f"{name:<34}{took:>7.1f}{peak:>6.2f}{kept:>12,}{met:>11.1%}{met_random:>10.1%}{share:>7.1%}"
        f"{share_random:>7.1%}{reference[tail].sum() / reference.sum():>7.1%}  {', '.join(mix.facts['binds'])}{holds}"
    )


def tail_of(
    topic: NDArray[Any], kept: NDArray[np.bool_], tail: NDArray[np.bool_], reference: NDArray[np.int64]
) -> tuple[float, float]:
    """Share of rare topics whose quota is met, and the rare topics' share of the mix."""
    held, taken = (np.bincount(some, minlength=len(tail)) for some in (topic, topic[kept]))
    quota = np.minimum(KEEP * reference / reference.sum() * kept.sum(), held)
    return float((taken >= quota)[tail].mean()), float(taken[tail].sum() / kept.sum())


if __name__ == "__main__":
    main()
