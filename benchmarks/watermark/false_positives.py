"""How often unmarked text is called marked, at p <= 0.01 and p <= 0.001, by every scheme over many keys.

    python benchmarks/watermark/false_positives.py [--keys 1.0] [--only kgw-lefthash] [--tokens 200]
    python benchmarks/watermark/false_positives.py [--text English] [--ties random]
    python benchmarks/watermark/false_positives.py --repeated [--only gumbel]

Where a statistic is a whole number, no threshold has just the chance that was asked for: *level* is the largest
chance at most as large that one has, averaged over the documents, and *found* the share of documents at it. Their
ratio, with the standard error that so many documents leave, says how far the null distribution is right; the ratio of
level and what was asked for says how much a test of whole numbers gives away. Random tokens are drawn anew for each
key; the English documents, WikiText-2 in SmolLM2's tokens cut to a length, are the same for every key. `--keys`
scales the work. With `--ties random` the last tie is broken at random, and *level* is what was asked for.

With `--repeated` a document is one random paragraph of 60 tokens, 20 times over: *once* is the detector, which counts a
draw once; *each time* is what the same p-value would be if each n-gram counted as often as it comes.
"""

import argparse
import os
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

import numpy as np
from numpy.typing import NDArray
from texts import VOCABULARY, english

from wellkeeper.watermark.detection import Detector, Scores
from wellkeeper.watermark.gumbel import Gumbel
from wellkeeper.watermark.kgw import KGW
from wellkeeper.watermark.synthid import SynthID
from wellkeeper.watermark.textseal import TextSeal
from wellkeeper.watermark.ties import randomised_p_values, uniforms_of
from wellkeeper.watermark.tokens import Tokens
from wellkeeper.watermark.unigram import Unigram

LEVELS = (1e-2, 1e-3)
PARAGRAPH, TIMES = 60, 20
SMALL = 4096  # random tokens for KGW: what a seed draws is then shared by many documents
Make = Callable[[np.random.Generator], Detector]


@dataclass(slots=True)
class Tally:
    """What one line of the table sums up."""

    documents: int = 0
    found: list[list[float]] = field(default_factory=list)  # alarms of each key, at each of LEVELS
    level: list[list[float]] = field(default_factory=list)  # alarms that were to be expected
    random_ties: bool = False

    def add(self, detector: Detector, scores: Scores, tokens: Tokens) -> None:
        kinds, which = np.unique(scores.scored, return_inverse=True)
        self.documents += len(scores)
        if self.random_ties:
            self._count(
                randomised_p_values(detector, scores, uniforms_of(tokens, seed=len(self.found))), scores
            )
            return
        if (
            scores.statistic.dtype == np.float64
        ):  # every level can be met, but for documents of which nothing counts
            self._count(detector.p_values(scores), scores)
            return
        least = [thresholds(detector, kinds, level) for level in LEVELS]
        self.found.append([float((scores.statistic >= threshold[which]).sum()) for threshold, _ in least])
        self.level.append([float(chance[which].sum()) for _, chance in least])

    def _count(self, p: NDArray[np.float64], scores: Scores) -> None:
        self.found.append([float((p <= level).sum()) for level in LEVELS])
        self.level.append([float((scores.scored > 0).sum() * level) for level in LEVELS])

    def cells(self) -> Iterator[str]:
        found, level = np.array(self.found), np.array(self.level)
        for k, asked in enumerate(LEVELS):
            total = level[:, k].sum()
            # documents share tokens and so, under one key, their luck: keys are what is independent
            error = np.sqrt(((found - level)[:, k] ** 2).sum()) / total
            yield f"{found[:, k].sum() / self.documents:.3g}"
            yield f"{total / self.documents:.3g}"
            yield f"{found[:, k].sum() / total:.2f} ± {error:.2f}"
            yield f"{total / self.documents / asked:.2f}"


def thresholds(
    detector: Detector, scored: NDArray[np.int64], level: float
) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """The least statistic with a p-value of at most `level` for each number of n-grams, and that p-value."""

    def p(statistic: NDArray[np.int64]) -> NDArray[np.float64]:
        return detector.p_values(Scores(scored=scored, statistic=statistic))

    most = int(detector.layer_weights.sum()) if isinstance(detector, SynthID) else 1
    low, high = np.zeros_like(scored), scored * most + 1
    while (high - low > 1).any():
        middle = (low + high) // 2
        enough = p(middle) <= level
        low, high = np.where(enough, low, middle), np.where(enough, middle, high)
    return high, np.where(high > scored * most, 0.0, p(high))


def synthid(*, weighted: bool, history: int | None = None) -> Make:
    def make(rng: np.random.Generator) -> SynthID:
        return SynthID(
            keys=tuple(rng.integers(0, 1 << 48, 30).tolist()),
            ngram_length=5,
            table=rng.integers(0, 2, 1 << 16).astype(np.uint8),
            context_history_size=history,
            weighted=weighted,
        )

    return make


def kgw(scheme: str, context: int, vocabulary: int) -> Make:
    def make(rng: np.random.Generator) -> KGW:
        return KGW(vocabulary=vocabulary, key=int(rng.integers(1, 1 << 62)), scheme=scheme, context=context)

    return make


def unigram(rng: np.random.Generator) -> Unigram:
    green = np.zeros(VOCABULARY, np.uint8)
    green[rng.permutation(VOCABULARY)[: VOCABULARY // 4]] = 1
    return Unigram(green=green)


def gumbel(rng: np.random.Generator) -> Gumbel:
    return Gumbel(key=int(rng.integers(0, 1 << 63)), vocabulary=VOCABULARY)


def textseal(rng: np.random.Generator) -> TextSeal:
    return TextSeal(key=int(rng.integers(0, 1 << 56)), vocabulary=VOCABULARY)


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """A scheme and a kind of text; for each length the keys, and documents a key."""

    name: str
    make: Make
    vocabulary: int = VOCABULARY
    english: bool = False
    plan: dict[int, tuple[int, int]]


def lines() -> list[Line]:
    random = {200: (100, 5000), 1000: (100, 3000), 10_000: (100, 1500)}
    text = {200: (150, 0), 1000: (400, 0), 10_000: (800, 0)}  # all documents that there are
    small = {200: (200, 1000), 1000: (400, 300), 10_000: (400, 50)}
    many = {200: (200, 5000), 1000: (1000, 1000), 10_000: (4000, 100)}
    few = {200: (120, 0), 1000: (300, 0), 10_000: (300, 0)}
    fewer = {200: (60, 0), 1000: (60, 0)}  # hardly any draw comes twice: a key takes two seconds
    found = []
    for weighted in (False, True):
        name = "synthid-weighted" if weighted else "synthid"
        found.append(Line(name=name, make=synthid(weighted=weighted), plan=random))
        found.append(Line(name=name, make=synthid(weighted=weighted), english=True, plan=text))
    made = synthid(weighted=False, history=1024)
    found.append(Line(name="synthid, history of 1,024", make=made, english=True, plan={10_000: (400, 0)}))
    made, english_made = (kgw("lefthash", 1, vocabulary) for vocabulary in (SMALL, VOCABULARY))
    found.append(Line(name="kgw-lefthash", make=made, vocabulary=SMALL, plan=small))
    found.append(Line(name="kgw-lefthash", make=english_made, english=True, plan=few))
    made, english_made = (kgw("selfhash", 4, vocabulary) for vocabulary in (SMALL, VOCABULARY))
    found.append(Line(name="kgw-selfhash", make=made, vocabulary=SMALL, plan={200: (400, 100)}))
    found.append(Line(name="kgw-selfhash", make=english_made, english=True, plan=fewer))
    for name, make in (("unigram", unigram), ("gumbel", gumbel), ("textseal", textseal)):
        found.append(Line(name=name, make=make, plan=many))
        found.append(Line(name=name, make=make, english=True, plan=text))
    return found


def seed_of(number: int, length: int, seed: int) -> tuple[int, ...]:
    """The first seed has no place in the tuple: docs/LOG.md's earlier figures are of it."""
    return (number, length, seed) if seed else (number, length)


def rates_on_repeats(line: Line, keys: int, documents: int) -> tuple[float, float]:
    """Share of documents with p <= 0.01: the detector's, and counting every time."""
    rng, once, naive = np.random.default_rng(20), [], []
    offsets = np.arange(documents + 1, dtype=np.int64) * PARAGRAPH * TIMES
    for _ in range(keys):
        detector = line.make(rng)
        paragraphs = rng.integers(0, line.vocabulary, (documents, PARAGRAPH), np.int32)
        scores = detector.scores(np.tile(paragraphs, (1, TIMES)).ravel(), offsets)
        each = Scores(scored=scores.scored * TIMES, statistic=scores.statistic * TIMES)
        once.append(np.mean(detector.p_values(scores) <= LEVELS[0]))
        naive.append(np.mean(detector.p_values(each) <= LEVELS[0]))
    return float(np.mean(once)), float(np.mean(naive))


def print_repeated(only: str) -> None:
    keys, documents = 200, 50
    print("| scheme | documents | once | each time |\n| --- | --: | --: | --: |")
    for line in lines():
        if line.name.startswith(only) and not line.english:
            once, naive = rates_on_repeats(line, keys, documents)
            print(f"| {line.name} | {keys * documents:,} | {once:.3g} | {naive:.3g} |", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--keys", type=float, default=1.0)
    parser.add_argument("--seed", type=int, default=0, help="other keys, and other random tokens")
    parser.add_argument("--only", default="", help="schemes whose name begins so")
    parser.add_argument("--tokens", type=int, help="documents of this length alone")
    parser.add_argument("--text", choices=("random", "English"), help="this kind of text alone")
    parser.add_argument(
        "--ties", choices=("whole", "random"), default="whole", help="as of `watermark detect`"
    )
    parser.add_argument("--repeated", action="store_true")
    options = parser.parse_args()
    if options.repeated:
        print_repeated(options.only)
        return
    words = english().astype(np.int32)
    print("| scheme | text | tokens | keys | documents | found, 0.01 | level | ratio | of 0.01 | found, 0.001 | level |"
          " ratio | of 0.001 |\n|---|---|---|---|---|---|---|---|---|---|---|---|---|")  # fmt: skip
    for number, line in enumerate(lines()):
        text = "English" if line.english else "random"
        if not line.name.startswith(options.only) or options.text not in {None, text}:
            continue
        for length, (keys, documents) in line.plan.items():
            if options.tokens not in {None, length}:
                continue
            rng, begun = np.random.default_rng(seed_of(number, length, options.seed)), time.process_time()
            tally = Tally(random_ties=options.ties == "random")
            for _ in range(max(1, round(keys * options.keys))):
                detector = line.make(rng)
                if line.english:
                    tokens = words[: words.size // length * length]
                else:
                    tokens = rng.integers(0, line.vocabulary, documents * length, np.int32)
                offsets = np.arange(0, tokens.size + 1, length)
                scores = detector.scores(tokens, offsets)
                tally.add(detector, scores, Tokens(ids=tokens, offsets=offsets))
            cells = (
                line.name,
                text,
                f"{length:,}",
                str(len(tally.found)),
                f"{tally.documents:,}",
                *tally.cells(),
            )
            print(f"| {' | '.join(cells)} |", flush=True)
            print(f"{time.process_time() - begun:.0f} s", file=sys.stderr)


if __name__ == "__main__":
    main()
