"""What a step costs the tail: how often the tests cry wolf, what they find, and what common filters do to real text.

    python benchmarks/tails/cost.py                                   # simulated worlds, some CPU-minutes
    python benchmarks/tails/cost.py --worlds 200                      # the same, small
    python benchmarks/tails/cost.py --data HUMAN.jsonl[.zst] --wikitext FOLDER

Topics. Topics have sizes of Zipf's law; the reference, of as many documents as are judged, says which are rare. Each
topic has a removal rate of its own, logit-normal around the filter's strength with the given spread: a spread of 0 is a
random filter, any other a filter with tastes that have nothing to do with rarity. In worlds with harm the odds of rare
topics are doubled. `topics` is the test of `measure.tail_cost`; `documents` is what one would do without topics as
units, a test of two shares of documents, shown for comparison.

Words. Documents of 20 topics and lengths of coefficient of variation 1, words of Zipf's law in bursts. Filters
remove documents at random, or the shortest, the longest, or those with the highest share of rare words. Columns: how
often the tests at equal documents and at equal words find p at most .05.

Real texts. `--data` has human texts (fields text, label, domain), `--wikitext` the raw text of WikiText-2. All human
texts and the articles of its test part are the corpus and its own reference. Filters that remove 30 %: those that a
trigram model, fitted on the other part of WikiText, finds the least like it; the shortest; the same of a unigram model;
and at random, `--repeats` times. Columns as in the report; `found` is after Holm, as a finding would be.
"""

import argparse
import io
import itertools
import json
import re
import tempfile
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import zstandard
from numpy.typing import NDArray

from wellkeeper.engine.progress import nobody
from wellkeeper.kernels import text
from wellkeeper.measure import kneser_ney
from wellkeeper.measure.cells import tail_cells
from wellkeeper.measure.incidence import Incidence, dense, incidence_of
from wellkeeper.measure.tail_cost import holdings_of, topic_cost, word_cost
from wellkeeper.recipe.inputs import groups_of
from wellkeeper.recipe.running import Running, read_corpus
from wellkeeper.recipe.tail_cost import DOCUMENTS, TOPICS, WORDS, Removal, TailWatch, together
from wellkeeper.recipe.tails import word_sample
from wellkeeper.recipe.textpass import tables
from wellkeeper.recipe.topics import topics_of

LEVEL = 0.05
STRENGTH = 0.30
HARM = np.log(2.0)
DESIGNS = (
    (20, 400, False),
    (60, 1_000, False),
    (60, 1_000, True),
    (60, 10_000, False),
    (200, 10_000, False),
)
"""Topics, documents, and whether the judged documents are the reference's own."""

Bools = NDArray[np.bool_]
Floats = NDArray[np.float64]


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--worlds", type=int, default=2_000, help="worlds without harm, of each design")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--data", type=Path, help="JSON lines of human texts: text, label, domain")
    parser.add_argument("--wikitext", type=Path, help="folder with valid.txt and test.txt of WikiText-2")
    parser.add_argument("--repeats", type=int, default=200, help="random filters of the real texts")
    arguments = parser.parse_args()
    if arguments.data is not None:
        real(arguments.data, arguments.wikitext, arguments.repeats, arguments.seed)
        return
    topic_table(arguments.worlds, arguments.seed)
    word_table(arguments.worlds, arguments.seed)


# --- topics ---------------------------------------------------------------------------------------


def topic_table(worlds: int, seed: int) -> None:
    head = "topics,documents,its own reference,strength,spread,harm,worlds,topics test,documents test,CPU-s"
    row(*head.split(","))
    row(*["--:"] * 10)
    for place, (design, strength) in enumerate(itertools.product(DESIGNS, (0.05, STRENGTH))):
        for spread, harm in ((0.0, 0.0), (0.5, 0.0), (1.0, 0.0), (2.0, 0.0), (1.0, HARM)):
            begun = time.process_time()
            rng = np.random.default_rng([seed, place, int(10 * spread), int(harm > 0)])
            many = worlds if not harm else max(1, worlds // 4)
            found = [one for _ in range(many) if (one := topic_world(design, strength, spread, harm, rng))]
            shares = [f"{share:.3f}" for share in np.mean(found, axis=0)]
            topics, documents, own = design
            said = topics, documents, "yes" if own else "no", strength, spread, "yes" if harm else "no"
            row(*said, len(found), *shares, f"{time.process_time() - begun:.0f}")


def topic_world(
    design: tuple[int, int, bool], strength: float, spread: float, harm: float, rng: np.random.Generator
) -> tuple[bool, bool] | None:
    """Whether the tests by topics and by documents find a loss; None where the first is not made."""
    topics, documents, own = design
    mass = 1 / np.arange(1, topics + 1)
    reference, judged = rng.multinomial(documents, mass / mass.sum(), size=2)
    reference = judged if own else reference
    tail = tail_cells(reference)
    head = (reference > 0) & ~tail
    odds = np.log(strength / (1 - strength)) + rng.normal(0, spread, topics) + harm * tail
    removed = rng.binomial(judged, 1 / (1 + np.exp(-odds)))
    cost = topic_cost(judged, removed, tail, head, seed=int(rng.integers(1 << 31)), draws=199)
    if cost is None:
        return None
    shares = [side.removed / side.documents for side in (cost.tail, cost.head)]
    whole = removed.sum() / judged.sum()
    error = np.sqrt(whole * (1 - whole) * (1 / cost.tail.documents + 1 / cost.head.documents))
    return cost.kept.p <= LEVEL, bool(shares[0] - shares[1] > 1.645 * error)


# --- words ----------------------------------------------------------------------------------------


def word_table(worlds: int, seed: int) -> None:
    print()
    row(*"documents,filter of 30 %,worlds,equal documents,equal words,kept: documents,kept: words".split(","))
    row("--:", "---", "--:", "--:", "--:", "--:", "--:")
    for documents in (100, 400):
        for name in ("random", "shortest", "longest", "most rare words"):
            many = worlds if name == "random" else max(1, worlds // 20)
            rng = np.random.default_rng([seed, documents, len(name)])
            found = [word_world(documents, name, rng) for _ in range(many)]
            figures = np.mean([one for one in found if one is not None], axis=0)
            row(documents, name, many, *(f"{figure:.3f}" for figure in figures))


def word_world(documents: int, name: str, rng: np.random.Generator) -> tuple[float, ...] | None:
    reference, corpus = (bursty(documents, rng) for _ in range(2))
    holdings = holdings_of(reference, corpus)
    wanted = round(STRENGTH * documents)
    score = {
        "random": rng.random(documents),
        "shortest": -holdings.words,
        "longest": holdings.words,
        "most rare words": holdings.held_of(holdings.rare) / holdings.words,
    }[name]
    removed = np.zeros(documents, np.bool_)
    removed[np.argsort(-score, kind="stable")[:wanted]] = True
    cost = word_cost(holdings, np.ones(documents, np.bool_), removed, seed=int(rng.integers(1 << 31)))
    if cost is None:
        return None
    kept = cost.documents_kept, cost.words_kept
    return (*(float(one.p <= LEVEL) for one in kept), *(one.retention.estimate for one in kept))


def bursty(documents: int, rng: np.random.Generator, mean: int = 80) -> Incidence:
    """Documents of 20 topics: half of the words are of all, half of the topic, and 30 % repeat an earlier word."""
    sizes = np.maximum(5, rng.exponential(mean, documents)).astype(np.int64)
    bounds = np.concatenate(([0], np.cumsum(sizes)))
    topic = np.repeat(rng.integers(20, size=documents), sizes)
    rank = np.minimum(rng.zipf(1.3, bounds[-1]), 20_000)
    words = np.where(rng.random(bounds[-1]) < 0.5, rank, rank + 100_000 * (1 + topic))
    starts = np.repeat(bounds[:-1], sizes)
    place = np.arange(bounds[-1])
    again = (rng.random(bounds[-1]) < 0.3) & (place > starts)
    words[again] = words[(starts + (rng.random(bounds[-1]) * (place - starts)).astype(np.int64))[again]]
    return incidence_of(bounds, words.astype(np.uint64))


# --- real texts -----------------------------------------------------------------------------------


def real(data: Path, wikitext: Path, repeats: int, seed: int) -> None:
    documents = [*human_texts(data), *articles(wikitext / "test.txt")]
    fitted = [one["text"] for one in articles(wikitext / "valid.txt")]
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "human.jsonl"
        file.write_text("".join(json.dumps(one) + "\n" for one in documents), encoding="utf-8")
        run = Running(
            work=Path(folder), kind="threads", workers=1, address=None, strict=True, block_bytes=1 << 22,
            listener=nobody,
        )  # fmt: skip
        groups, _ = groups_of([str(file)], {"text": "text", "source": "source"}, Path(folder), reference=True)
        corpus = read_corpus(groups, run, similarity=0.8, seed=seed, topics=True)
        sample = word_sample(corpus)
        topics = topics_of(corpus, seed=seed)
        watch = TailWatch(corpus, sample, sample, topics=topics, seed=seed)
        print(
            f"{len(corpus):,} documents, {int(corpus.column('words').sum()):,} words, {len(topics[0].names)} topics, "
            f"{int(watch.votes.tail.sum()) if watch.votes else 0} of them rare; in the sample "
            f"{int((watch.holdings.rare).sum()):,} rare words"
        )
        texts = [one["text"] for one in documents]
        filters = {
            "unlike WikiText, trigrams": surprise(fitted, texts, order=3),
            "unlike WikiText, words": surprise(fitted, texts, order=1),
            "shortest": -corpus.column("words").astype(np.float64),
            "longest": corpus.column("words").astype(np.float64),
        }
        for name, score in filters.items():
            tell(watch, name, worst(score))
        at_random(watch, repeats, seed)


def tell(watch: TailWatch, name: str, removed: Bools) -> None:
    cost = watch.cost(Removal(step=name, judged=np.ones(len(removed), np.bool_), lost=removed, replaced=0))
    print(
        f"\n{name}: {int(removed.sum()):,} documents removed; found: {', '.join(holm_losses([cost])[0]) or 'nothing'}"
    )
    for test in cost.p:
        kept = cost.kept(test)
        between = f"{kept.retention.low:.3f} to {kept.retention.high:.3f}"
        print(f"  {test}: kept {kept.retention.estimate:.3f} ({between}), p {kept.p:.4f}")
    if cost.topics is not None:
        print(
            f"  rare topics lose {cost.topics.tail.rate.estimate:.3f}, common ones {cost.topics.head.rate.estimate:.3f}"
        )
    for hit in cost.hits:
        print(f"  hit: {hit.kind} {hit.name}: {hit.cost.removed} of {hit.cost.documents}")


def at_random(watch: TailWatch, repeats: int, seed: int) -> None:
    rng = np.random.default_rng(seed)
    documents = len(watch.corpus)
    found = []
    alarms = {DOCUMENTS: 0, WORDS: 0, TOPICS: 0}
    begun = time.process_time()
    for _ in range(repeats):
        removed = worst(rng.random(documents))
        cost = watch.cost(
            Removal(step="random", judged=np.ones(documents, np.bool_), lost=removed, replaced=0)
        )
        for test, p in cost.p.items():
            alarms[test] += p <= LEVEL
        found.append(bool(holm_losses([cost])[0]))
    shares = ", ".join(f"{test} {count / repeats:.3f}" for test, count in alarms.items())
    print(
        f"\nat random, {repeats} times: p at most .05: {shares}; found: {np.mean(found):.3f}; "
        f"{(time.process_time() - begun) / repeats:.2f} CPU-s each"
    )


def holm_losses(costs: Sequence[Any]) -> list[tuple[str, ...]]:
    """Losses as a curation of these steps alone would tell."""
    return [cost.losses() for cost in together(costs)]


def worst(score: Floats) -> Bools:
    removed = np.zeros(len(score), np.bool_)
    removed[np.argsort(-score, kind="stable")[: round(STRENGTH * len(score))]] = True
    return removed


def surprise(fitted: Sequence[str], texts: Sequence[str], *, order: int) -> Floats:
    """Mean negative log-probability of the words of each text, under a model of other texts."""
    (bounds, words), (their_bounds, their_words) = hashed(fitted), hashed(texts)
    ids, vocabulary = dense(np.concatenate((words, their_words)))
    model = kneser_ney.fit(bounds, ids[: len(words)], vocabulary=vocabulary, order=order)
    logs = np.asarray(model.log_probabilities(their_bounds, ids[len(words) :]), np.float64)
    ends = np.concatenate(([0.0], np.cumsum(logs)))
    return -np.diff(ends[their_bounds]) / np.maximum(1, np.diff(their_bounds))


def hashed(texts: Sequence[str]) -> tuple[NDArray[np.int64], NDArray[np.uint64]]:
    coded = [one.encode() for one in texts]
    offsets = np.concatenate(([0], np.cumsum([len(one) for one in coded]))).astype(np.int64)
    data = np.frombuffer(b"".join(coded), np.uint8)
    return text.word_hashes(data, offsets, tables(), np.arange(len(texts)))


def human_texts(data: Path) -> Iterator[dict[str, str]]:
    raw = data.read_bytes()
    if data.suffix == ".zst":
        raw = zstandard.ZstdDecompressor().stream_reader(io.BytesIO(raw)).read()
    for line in raw.decode().split("\n"):
        if line and (one := json.loads(line))["label"] == "human":
            yield {"text": one["text"], "source": one["domain"]}


def articles(file: Path) -> Iterator[dict[str, str]]:
    """Articles of a part of WikiText, each from its title of one equals sign to the next."""
    for article in re.split(r"\n(?= = [^=\n]+ = \n)", "\n" + file.read_text(encoding="utf-8")):
        if article.strip():
            yield {"text": article.strip(), "source": "WikiText"}


def row(*cells: Any) -> None:
    print(f"| {' | '.join(map(str, cells))} |", flush=True)


if __name__ == "__main__":
    main()
