"""How far off forecasts are: two generations measured, the tenth scored; and how wide their bands have to be.

    python benchmarks/lab/forecast.py FILE... [--by COLUMN] [--where COLUMN=VALUE] [--policy P]... [--keep SCORES]
    python benchmarks/lab/forecast.py FILE... --proxy transformer --policy replace --scored 4 --calibrated-on 2 --runs 2
    python benchmarks/lab/forecast.py --calibrate SCORES...

Each file holds JSON lines with a text, plain or .zst. With --by, documents of each value of the column (up to a colon)
are a corpus of their own. The proxy is a 3-gram Kneser-Ney model, or another experiment of the lab on text; a small
transformer takes half a minute of a processor core for each generation. For each corpus and policy it prints the
forecast's relative error against the mean of further runs with other seeds, and how many of these lie within its 90 %
bands; for each policy the mean and largest error, the mean half width of the bands beside what is forecast, and the
share of runs within.

--keep adds the scores to a file of JSON lines, and --calibrate reads such files: of development corpora, since a band
that was set on a corpus says nothing of how well it holds there. It prints the least part of what is forecast beyond
the measured generations (`wellkeeper.lab.forecast.BEYOND_ERROR`) with which bands hold 90 % of the runs, for words and
for mass at every scored generation, and no policy's fewer than 85 %; and which share they hold of each corpus where the
part is set on all others.
"""

import argparse
import hashlib
import io
import json
from collections import defaultdict
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import zstandard

from wellkeeper.lab.forecast import BEYOND_ERROR, CALIBRATED, LEVEL, Z, forecast_of, is_iterable, largest_size
from wellkeeper.lab.human import human_text
from wellkeeper.lab.policy import Policy
from wellkeeper.lab.recursion import generations
from wellkeeper.lab.registry import experiment
from wellkeeper.lab.running import settings_of

POLICIES = ("replace", "fixed=0.1", "fresh=0.1", "subsample")
MOST_WORDS = 100_000  # what tier 1 reads
LEAST_OF_A_POLICY = 0.85
PARTS = np.arange(0, 1, 0.001)


@dataclass(frozen=True, slots=True, kw_only=True)
class Score:
    """Of a corpus under a policy; arrays have shape (scored generations, 2): words left, mass lost."""

    corpus: str
    policy: str
    words: int
    scored: list[int]
    estimate: list[list[float]]
    known: list[list[float]]  # variance of the band without what the model does not know
    beyond: list[list[float]]  # what is forecast beyond the measured generations
    runs: list[list[list[float]]]  # shape (runs, scored generations, 2)

    def error(self):
        return np.array(self.estimate) / np.mean(self.runs, axis=0) - 1

    def reach(self, part: float = BEYOND_ERROR):
        return Z * np.sqrt(np.array(self.known) + (part * np.array(self.beyond)) ** 2)

    def within(self, part: float = BEYOND_ERROR):
        """Share of runs."""
        return (np.abs(np.array(self.runs) - self.estimate) <= self.reach(part)).mean(axis=0)


def main() -> None:
    parser = parser_of(__doc__)
    parser.add_argument("--policy", action="append")
    parser.add_argument("--runs", type=int, default=4, help="scored runs of each corpus and policy")
    parser.add_argument("--proxy", default="ngram")
    parser.add_argument("--scored", type=int, nargs="+", default=[5, 10], help="generations")
    parser.add_argument("--calibrated-on", type=int, help="runs of two generations")
    parser.add_argument("--keep", type=Path, help="file that scores are added to")
    parser.add_argument("--calibrate", action="store_true", help="the files are such scores")
    arguments = parser.parse_args()
    if arguments.calibrate:
        calibrate([Score(**json.loads(line)) for path in arguments.files for line in path.open()])
        return
    head = "  ".join(f"gen {generation}: words  mass" for generation in arguments.scored)
    print(f"{'corpus':28} {'policy':12} {'words':>7}  {head}")
    table([shown(score, arguments.keep) for score in scores(arguments)])


def parser_of(told: str) -> argparse.ArgumentParser:
    """With what `read` asks for."""
    parser = argparse.ArgumentParser(description=told, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("files", nargs="+", type=Path)
    parser.add_argument("--by")
    parser.add_argument("--where", action="append", default=[])
    parser.add_argument("--only", nargs="*", help="corpora, of all")
    parser.add_argument("--least", type=int, default=100, help="documents of a corpus")
    parser.add_argument("--words", type=int, default=MOST_WORDS)
    return parser


def scores(arguments):
    for name, documents in read(arguments).items():
        human = human_text(documents)
        for policy in map(Policy.parse, arguments.policy or POLICIES):
            if is_iterable(policy):
                yield scored(name, human, policy, arguments)


def scored(name: str, human, policy: Policy, arguments) -> Score:
    last = max(arguments.scored)
    size = largest_size(human.text.words.size, [policy], last, most=arguments.words)
    proxy = experiment(arguments.proxy)
    world = proxy.world(1, human, 0, **settings_of(proxy, {}))
    replicates = arguments.calibrated_on
    found = forecast_of(world, human, policy, size=size, count=last, seed=1, replicates=replicates)
    both = (found.types, found.lost_mass)
    estimate = np.stack([banded.estimate for banded in both], axis=1)
    # A bound of a band may be cut, at 0 or at all words, but hardly both.
    reach = np.stack([np.maximum(b.high - b.estimate, b.estimate - b.low) for b in both], axis=1)
    beyond = estimate - estimate[CALIBRATED]
    known = np.maximum((reach / Z) ** 2 - (BEYOND_ERROR * beyond) ** 2, 0)
    runs = []
    for run in range(arguments.runs):
        told = [
            (generation.figures["kept_types"][0], generation.figures["lost_mass"][0])
            for generation in generations(world, policy, size=size, count=last, seed=2, replicate=run)
        ]
        runs.append([told[number] for number in arguments.scored])
    chosen = arguments.scored
    return Score(
        corpus=name,
        policy=str(policy),
        words=size,
        scored=chosen,
        estimate=estimate[chosen].tolist(),
        known=known[chosen].tolist(),
        beyond=beyond[chosen].tolist(),
        runs=np.array(runs).tolist(),
    )


def shown(score: Score, keep: Path | None) -> Score:
    print(f"{score.corpus[:28]:28} {score.policy:12} {score.words:7}  {said(score.error(), '+')}", flush=True)
    if keep is not None:
        with keep.open("a") as file:
            file.write(json.dumps(asdict(score)) + "\n")
    return score


def table(found: list[Score]) -> None:
    for policy in dict.fromkeys(score.policy for score in found):
        chosen = [score for score in found if score.policy == policy]
        errors = np.abs([score.error() for score in chosen])
        widths = np.mean([score.reach() / score.estimate for score in chosen], axis=0)
        inside = np.mean([score.within() for score in chosen], axis=0)
        rows = {
            "mean |error|": errors.mean(axis=0),
            "largest": errors.max(axis=0),
            "half width": widths,
            "within bands": inside,
        }
        for label, row in rows.items():
            print(f"{label:28} {policy:12} {'':7}  {said(row)}")


def said(rows, sign: str = "") -> str:
    return "  ".join(f"{words:{sign}13.1%} {mass:{sign}6.1%}" for words, mass in rows)


def calibrate(found: list[Score]) -> None:
    corpora, policies = (sorted({getattr(score, name) for score in found}) for name in ("corpus", "policy"))
    inside = np.full((len(PARTS), len(corpora), len(policies), len(found[0].scored), 2), np.nan)
    for score in found:
        place = corpora.index(score.corpus), policies.index(score.policy)
        inside[:, *place] = [score.within(part) for part in PARTS]
    print(f"least part {PARTS[least(inside)]:.3f}, with all {len(corpora)} corpora in sight")
    chosen = [least(np.delete(inside, corpus, axis=1)) for corpus in range(len(corpora))]
    print(
        f"left out one by one, from {PARTS[min(chosen)]:.3f} to {PARTS[max(chosen)]:.3f}; each with its own:"
    )
    held = np.array([inside[part, corpus] for corpus, part in enumerate(chosen)])
    rows_of = [*np.nanmean(held, axis=0), np.nanmean(held, axis=(0, 1))]
    for policy, rows in zip([*policies, "all"], rows_of, strict=True):
        print(f"within bands {policy:12}  {said(rows)}")


def least(inside) -> int:
    """Which part is enough; `inside` has shape (parts, corpora, policies, generations, 2)."""
    figures, policies = np.nanmean(inside, axis=(1, 2)), np.nanmean(inside, axis=(1, 3, 4))
    enough = (figures >= LEVEL).all(axis=(1, 2)) & (policies >= LEAST_OF_A_POLICY).all(axis=1)
    if not enough.any():
        raise SystemExit("No part is enough. Look where forecasts are off by more than they change.")
    return int(np.argmax(enough))


def read(arguments) -> dict[str, list[str]]:
    wanted = dict(condition.split("=", 1) for condition in arguments.where)
    corpora: dict[str, dict[str, None]] = defaultdict(dict)
    for path in arguments.files:
        for line in lines(path):
            row = json.loads(line)
            if all(str(row.get(column)) == value for column, value in wanted.items()):
                by = str(row.get(arguments.by)).split(":")[0] if arguments.by else path.name.split(".")[0]
                corpora[by][row["text"]] = None
    found = {}
    for name, texts in sorted(corpora.items()):
        ordered = sorted(texts, key=lambda text: hashlib.sha256(text.encode()).digest())
        words = np.cumsum([len(text.split()) for text in ordered])
        if len(ordered) >= arguments.least and (not arguments.only or name in arguments.only):
            found[name] = ordered[: int(np.searchsorted(words, 2.5 * arguments.words)) + 1]
    return found


def lines(path: Path):
    with path.open("rb") as file:
        stream = zstandard.ZstdDecompressor().stream_reader(file) if path.suffix == ".zst" else file
        yield from io.TextIOWrapper(stream, encoding="utf-8")


if __name__ == "__main__":
    main()
