"""How often each detector calls unmarked text marked, at nominal 1e-2 and 1e-3, beside what its counts can reach.

    python benchmarks/watermark/false_positives.py [--schemes gumbel,unigram] [--documents 200000] [--millions 1000]
    python benchmarks/watermark/false_positives.py --repeated

Documents are uniform random token ids of a vocabulary of 50,257, a million tokens for each of many random keys; of 2,000
for KGW, whose cost grows with it and whose null distribution does not. A count
cannot meet every level: of a binomial with 200 trials no tail is exactly 0.01. *Reachable* is the largest chance that a
count can have without passing the level, on average over documents; a rate should be that, and intervals are Wilson's
at 95 %.

With `--repeated` a document is one paragraph of 60 tokens, 20 times over. *Once* is the detector; *every time* is what
counting each n-gram as often as it comes would have said.
"""

import argparse
from collections.abc import Callable
from itertools import count

import numpy as np
from numpy.typing import NDArray

from wellkeeper.measure.jackknife import wilson
from wellkeeper.watermark.detection import Detector, Scores
from wellkeeper.watermark.gumbel import Gumbel
from wellkeeper.watermark.kgw import KGW
from wellkeeper.watermark.synthid import TABLE_SIZE, SynthID
from wellkeeper.watermark.textseal import TextSeal
from wellkeeper.watermark.unigram import Unigram

VOCABULARY, KGW_VOCABULARY = 50_257, 2_000
LEVELS = (1e-2, 1e-3)
BATCH = 1_000_000  # tokens scored with one key
PARAGRAPH, TIMES = 60, 20


def _unigram(rng: np.random.Generator) -> Detector:
    green = np.zeros(VOCABULARY, np.uint8)
    green[rng.permutation(VOCABULARY)[: VOCABULARY // 4]] = 1
    return Unigram(green=green)


def _synthid(rng: np.random.Generator, *, weighted: bool = False) -> Detector:
    keys = rng.choice(2**16, 30, replace=False) + (rng.integers(0, 2**31, 30) << 16)
    table = rng.integers(0, 2, TABLE_SIZE).astype(np.uint8)
    return SynthID(keys=tuple(keys.tolist()), ngram_length=5, table=table, weighted=weighted)


SCHEMES: dict[str, Callable[[np.random.Generator], Detector]] = {
    "unigram": _unigram,
    "gumbel": lambda rng: Gumbel(key=int(rng.integers(0, 2**63)), vocabulary=VOCABULARY),
    "textseal": lambda rng: TextSeal(key=int(rng.integers(0, 2**31)), vocabulary=VOCABULARY),
    "synthid": _synthid,
    "synthid-weighted": lambda rng: _synthid(rng, weighted=True),
    "kgw-lefthash": lambda rng: KGW(vocabulary=KGW_VOCABULARY, key=int(rng.integers(1, 2**31)) | 1),
}


def _ids(name: str) -> int:
    return KGW_VOCABULARY if name.startswith("kgw") else VOCABULARY


def reachable(detector: Detector, scored: NDArray[np.int64], level: float) -> float:
    """The largest chance, at most `level`, that a count can have, on average over documents."""
    terms, documents = np.unique(scored[scored > 0], return_counts=True)
    low, high = np.zeros(terms.size, np.int64), terms * 10_000
    while (high - low > 1).any():  # p at low is above the level, at high not
        middle = (low + high) // 2
        above = detector.p_values(Scores(scored=terms, statistic=middle)) > level
        low, high = np.where(above, middle, low), np.where(above, high, middle)
    return float(detector.p_values(Scores(scored=terms, statistic=high)) @ documents / scored.size)


def rates(name: str, length: int, tokens: int, seed: int) -> list[str]:
    """Lines of the table for one scheme and one length."""
    rng = np.random.default_rng([seed, length])
    batch = min(BATCH, max(tokens // 50, length)) // length * length  # 50 keys at least
    offsets = np.arange(0, batch + 1, length)
    p: list[NDArray[np.float64]] = []
    sums = np.zeros(len(LEVELS))
    for number in count():
        if number * batch >= tokens:
            break
        detector = SCHEMES[name](rng)
        given = rng.integers(0, _ids(name), batch, np.int32)
        found = detector.scores(given, offsets)
        p.append(detector.p_values(found))
        if found.statistic.dtype == np.int64 and number < 4:
            sums += [reachable(detector, found.scored, level) for level in LEVELS]
    every = np.concatenate(p)
    whole = sums / min(len(p), 4)
    lines = []
    for level, reach in zip(LEVELS, whole, strict=True):
        expected = float(reach) or level
        low, high = wilson(float((every <= level).mean()), every.size, z=1.96)
        lines.append(
            f"| {name} | {length:,} | {every.size:,} | {len(p):,} | {level:g} | {expected:.3g} | "
            f"{(every <= level).mean():.3g} ({low:.3g}-{high:.3g}) | {(every <= level).mean() / expected:.2f} |"
        )
    return lines


def repeated(name: str, seed: int) -> str:
    """The line of one scheme on paragraphs that repeat."""
    rng = np.random.default_rng([seed, 20])
    keys, documents, level = 100, 100, LEVELS[0]
    once, naive = [], []
    for _ in range(keys):
        detector = SCHEMES[name](rng)
        paragraphs = rng.integers(0, _ids(name), (documents, PARAGRAPH), np.int32)
        given = np.tile(paragraphs, (1, TIMES)).ravel()
        found = detector.scores(given, np.arange(documents + 1, dtype=np.int64) * PARAGRAPH * TIMES)
        often = Scores(scored=found.scored * TIMES, statistic=found.statistic * TIMES)
        once.append(detector.p_values(found) <= level)
        naive.append(detector.p_values(often) <= level)
    return f"| {name} | {keys * documents:,} | {level:g} | {np.mean(once):.3g} | {np.mean(naive):.3g} |"


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--schemes", default=",".join(SCHEMES))
    parser.add_argument("--tokens", default="200,1000,10000")
    parser.add_argument("--documents", type=int, default=200_000, help="scored for each length")
    parser.add_argument("--millions", type=int, default=1_000, help="of tokens at most, for each length")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--repeated", action="store_true")
    given = parser.parse_args()
    names = given.schemes.split(",")
    if given.repeated:
        print("| scheme | documents | nominal | once | every time |\n| --- | --: | --: | --: | --: |")
        for name in names:
            print(repeated(name, given.seed), flush=True)
        return
    print(
        "| scheme | tokens | documents | keys | nominal | reachable | rate (95 %) | rate / reachable |\n"
        "| --- | --: | --: | --: | --: | --: | --: | --: |"
    )
    for name in names:
        for length in map(int, given.tokens.split(",")):
            tokens = min(given.documents * length, given.millions * 1_000_000)
            print("\n".join(rates(name, length, tokens, given.seed)), flush=True)


if __name__ == "__main__":
    main()
