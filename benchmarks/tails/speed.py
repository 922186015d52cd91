"""Our measures of diversity beside the open ones: CPU time on the same texts, in turns, and both figures.

    python benchmarks/tails/speed.py [--only self_repetition] [--runs 5] [--documents 2000] [--whole]

Texts are the English reference of the examples, in documents of 60 words. CPU time is that of this process (user and
system, one thread: OPENBLAS_NUM_THREADS=1), median of the runs of a size, after one run that is not counted. What is
quadratic or worse in a peer is run once at sizes that take seconds and extrapolated by the growth measured between
them, or with --whole run once at the full size; the table says which. Peers come with the `dev` extra.
"""

import argparse
import contextlib
import io
import json
import math
import os
import re
import statistics
import time
import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

import numpy as np
import zstandard

from wellkeeper.kernels.text import word_hashes
from wellkeeper.kernels.words import load_tables
from wellkeeper.measure.embeddings import PERMUTATIONS, unit_vectors, vendi_scores
from wellkeeper.measure.embeddings import vendi as vendi_interval
from wellkeeper.measure.incidence import incidence_of, ngrams
from wellkeeper.measure.neighbours import NEAREST, neighbourhoods, precision_recall_density_coverage
from wellkeeper.measure.redundancy import self_repetition

WORDS = 60  # of a document
DIMENSIONS = (64, 384)  # of vectors
SELF_BLEU_SIZES = (200, 400)  # documents: NLTK takes seconds
TABLES = load_tables()
TEXTS = Path(__file__).resolve().parents[2] / "examples" / "reference" / "part-0.jsonl.zst"


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """One line of the table; times in CPU-seconds."""

    what: str
    peer: str
    documents: int
    ours: float
    theirs: float
    note: str  # how the peer's time was come by, and what the figures are

    def line(self) -> str:
        cells = (
            self.what,
            self.peer,
            f"{self.documents:,}",
            f"{self.ours:.4f}",
            f"{self.theirs:.3g}",
            f"{self.theirs / self.ours:,.0f}",
            self.note,
        )
        return f"| {' | '.join(cells)} |"


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    documents: int
    runs: int
    whole: bool  # run slow peers at the full size too, where that is a matter of minutes


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--only", default=",".join(COMPARISONS), help="comparisons, between commas")
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--documents", type=int, default=2_000)
    parser.add_argument("--whole", action="store_true", help="run slow peers at the full size: minutes")
    arguments = parser.parse_args()
    asked = Asked(documents=arguments.documents, runs=arguments.runs, whole=arguments.whole)
    print("| figure | peer | documents | ours, CPU-s | theirs, CPU-s | ratio | |")
    print("| --- | --- | --: | --: | --: | --: | --- |")
    for name in arguments.only.split(","):
        for result in COMPARISONS[name](asked):
            print(result.line(), flush=True)


# --- self-repetition and self-BLEU -------------------------------------------------------------------


def self_bleu(asked: Asked) -> Iterator[Result]:
    """NLTK sets every document against all others: at two sizes, and from them at the size asked for."""
    from nltk.translate.bleu_score import SmoothingFunction, sentence_bleu

    texts, smoothing = documents(asked.documents), SmoothingFunction().method1

    def theirs(count: int) -> float:
        some = texts[:count]
        return statistics.mean(
            sentence_bleu([*some[:k], *some[k + 1 :]], text, smoothing_function=smoothing)
            for k, text in enumerate(some)
        )

    def ours(count: int) -> float:
        return self_repetition(incidence_of(*ngrams(*hashed(texts[:count]), 4))).estimate

    def compared(count: int, seconds: float | None = None, note: str = "measured once") -> Result:
        own, share = timed(lambda: ours(count), asked.runs)
        if seconds is None:
            seconds, bleu = timed(lambda: theirs(count), 1, warm=False)
            note = f"{note}; self-BLEU {bleu:.3f}"
        return Result(
            what="self-repetition",
            peer="NLTK self-BLEU",
            documents=count,
            ours=own,
            theirs=seconds,
            note=f"{note}; ours {share:.4f}",
        )

    small, large = (compared(count) for count in SELF_BLEU_SIZES)
    yield from (small, large)
    if asked.whole:
        yield compared(asked.documents)
    else:
        growth = math.log(large.theirs / small.theirs) / math.log(large.documents / small.documents)
        seconds = large.theirs * (asked.documents / large.documents) ** growth
        yield compared(asked.documents, seconds, f"theirs extrapolated, exponent {growth:.2f}")
    print(f"4-gram precision: {same_precision(texts[: SELF_BLEU_SIZES[0]])}")


def same_precision(texts: list[list[str]]) -> str:
    """The part of BLEU that self-repetition is: the share of 4-grams that some reference has."""
    from nltk.translate.bleu_score import modified_precision

    theirs = statistics.mean(
        float(modified_precision([*texts[:k], *texts[k + 1 :]], text, 4)) for k, text in enumerate(texts)
    )
    ours = self_repetition(incidence_of(*ngrams(*hashed(texts), 4))).estimate
    return f"NLTK's mean over {len(texts)} documents {theirs:.6f}, self-repetition {ours:.6f}"


# --- vectors: Vendi scores, precision, recall, density and coverage -----------------------------------


def vendi(asked: Asked) -> Iterator[Result]:
    """score_X and score_K take the eigenvalues of a matrix of documents, score_dual of one of dimensions, as we do."""
    from vendi_score import vendi as peer

    warnings.simplefilter("ignore", DeprecationWarning)  # of scipy, about how vendi-score asks for a class
    for dimensions in DIMENSIONS:
        units = vectors(asked.documents, dimensions, seed=1)
        rows = units / np.linalg.norm(units.astype(np.float64), axis=1)[:, None]
        ours = timed(lambda units=units: vendi_scores(units)[0], asked.runs)
        for name, theirs, runs in (
            ("score_X", lambda rows=rows: peer.score_X(rows), 1),
            ("score_K", lambda rows=rows: peer.score_K(rows @ rows.T), 1),
            ("score_dual", lambda rows=rows: peer.score_dual(rows), asked.runs),
        ):
            seconds, value = timed(theirs, runs, warm=name == "score_dual")
            note = f"{dimensions} dimensions; ours {ours[1]:.4f}, theirs {value:.4f}"
            yield row("Vendi", f"vendi-score {name}", asked.documents, ours[0], seconds, note)
        with_interval = timed(lambda units=units: vendi_interval(units).q1.estimate, asked.runs)
        note = f"{dimensions} dimensions; ours with intervals of three orders, theirs without"
        yield row("Vendi", "vendi-score score_dual", asked.documents, with_interval[0], seconds, note)


def neighbours(asked: Asked) -> Iterator[Result]:
    """The peer gives the figures alone. With their null it would be run once for each labelling."""
    from prdc import compute_prdc

    for dimensions in DIMENSIONS:
        corpus, reference = (vectors(asked.documents, dimensions, seed) for seed in (1, 2))
        both = np.concatenate((reference, vectors(asked.documents, dimensions, seed=3)))
        alternating = both.reshape(2, asked.documents, dimensions).swapaxes(0, 1).reshape(both.shape)

        def theirs(one: np.ndarray = corpus, other: np.ndarray = reference) -> float:
            with contextlib.redirect_stdout(io.StringIO()):
                return float(
                    compute_prdc(other.astype(np.float64), one.astype(np.float64), NEAREST)["coverage"]
                )

        def ours(one: np.ndarray = corpus, other: np.ndarray = reference) -> float:
            return precision_recall_density_coverage(one, other)[3]

        def beside(one: np.ndarray = corpus, other: np.ndarray = alternating) -> float:
            return neighbourhoods(one, other, seed=0).coverage.estimate

        (fast, mine), (slow, value), (whole, _) = (timed(call, asked.runs) for call in (ours, theirs, beside))
        note = f"{dimensions} dimensions; coverage: ours {mine:.4f}, theirs {value:.4f}"
        yield row("precision to coverage", "prdc", asked.documents, fast, slow, note)
        note = f"{dimensions} dimensions; with null and ceiling: theirs {PERMUTATIONS + 2} times one run"
        yield row("precision to coverage", "prdc", asked.documents, whole, (PERMUTATIONS + 2) * slow, note)


def row(what: str, peer: str, size: int, ours: float, theirs: float, note: str) -> Result:
    return Result(what=what, peer=peer, documents=size, ours=ours, theirs=theirs, note=note)


def vectors(count: int, dimensions: int, seed: int) -> np.ndarray:
    """Unit vectors around 40 directions."""
    middle = np.random.default_rng(0).normal(size=(40, dimensions))
    random = np.random.default_rng(seed)
    return unit_vectors(middle[random.integers(40, size=count)] + random.normal(size=(count, dimensions)))


# --- frame --------------------------------------------------------------------------------------------


def timed(call: Callable[[], float], runs: int, *, warm: bool = True) -> tuple[float, float]:
    """Median CPU-seconds of a call, and what it returned."""
    value = call() if warm else float("nan")
    seconds = []
    for _ in range(runs):
        begun = time.process_time()
        value = call()
        seconds.append(time.process_time() - begun)
    return statistics.median(seconds), value


def documents(count: int) -> list[list[str]]:
    """So many documents of 60 words: lower-case letters only, so that all tools see the same words."""
    with TEXTS.open("rb") as stream:
        lines = io.TextIOWrapper(zstandard.ZstdDecompressor().stream_reader(stream), encoding="utf-8")
        texts = [re.findall(r"[a-z]+", json.loads(line)["text"].lower()) for line in lines]
    cut = [
        words[first : first + WORDS] for words in texts for first in range(0, len(words) - WORDS + 1, WORDS)
    ]
    if len(cut) < count:
        raise SystemExit(f"The texts make {len(cut)} documents. Ask for at most so many.")
    return cut[:count]


def hashed(texts: list[list[str]]) -> tuple[np.ndarray, np.ndarray]:
    """Offsets of documents and hashes of their words, from the text, as an audit makes them."""
    data = [" ".join(words).encode() for words in texts]
    offsets = np.concatenate(([0], np.cumsum([len(text) for text in data])))
    return word_hashes(np.frombuffer(b"".join(data), np.uint8), offsets, TABLES, np.arange(len(texts)))


COMPARISONS: dict[str, Callable[[Asked], Iterator[Result]]] = {
    "self_repetition": self_bleu,
    "vendi": vendi,
    "neighbours": neighbours,
}

if __name__ == "__main__":
    main()
