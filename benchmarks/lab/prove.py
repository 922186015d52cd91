"""Does `prove` find what curation gains, and does it cry wolf?

    python benchmarks/lab/prove.py halves HUMAN [--documents N] [--splits 100] [--seed 0] [--forgetless]
    python benchmarks/lab/prove.py curated HUMAN MADE [--share 0.4] [--seed 0] [--proxy ngram]

HUMAN and MADE are paths as for `wellkeeper audit`; documents declared as anything but human, or unknown, are left out
of HUMAN. Both print a table in Markdown.

halves: HUMAN is dealt anew into two sets of 35 % of its documents each and 30 % held out, again and again. The sets are
of one source, so `better` and `worse` are false alarms: one in twenty is allowed. Beside them: how often any of the
other figures is called so, the spread of gains over splits, and the standard error that their intervals claim.
`--forgetless` hides that n-gram models can forget, so that intervals come from draws, as for transformers.

curated: 65 % of HUMAN's documents are made into a raw set by adding near copies and boilerplate pages of MADE, until
these are `share` of its words; the rest is held out. The raw set is curated without being told what is AI-generated
(near and exact duplicates removed), and once more with the declared origins (at most 10 % AI-generated), and all three
are compared.
"""

import argparse
import json
import os
import random
import sys
import tempfile
import time
from collections import Counter, defaultdict
from pathlib import Path
from typing import Any

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "examples"))

import numpy as np
from plants import NEAR_KINDS

import wellkeeper
from wellkeeper.core.origin import Origin
from wellkeeper.filter.duplicates import DEFAULT_SIMILARITY
from wellkeeper.lab.learner import Surprise
from wellkeeper.lab.ngram_learner import NgramLearner
from wellkeeper.lab.paired import panel_of
from wellkeeper.lab.prove import prove
from wellkeeper.lab.training import pool_of
from wellkeeper.recipe.inputs import groups_of
from wellkeeper.recipe.running import Running, read_corpus

STEPS = """
  - exact-duplicates.v1: {}
  - near-duplicates.v1: {similarity: 0.8, keep: [earliest, longest]}
"""
RECIPES = {
    "deduplicated": STEPS,
    "deduplicated and at most 10% AI-generated": f"{STEPS}mix: {{size: all, synthetic_share: {{max: 0.10}}}}\n",
}


class Forgetless:
    """The n-gram learner without its means to forget."""

    name = "forgetless"

    def fit(self, documents: list[str], seed: int) -> Any:
        return NgramLearner().fit(documents, seed)

    def surprise(self, model: Any, documents: list[str]) -> Surprise:
        return NgramLearner().surprise(model, documents)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    commands = parser.add_subparsers(dest="command", required=True)
    halves = commands.add_parser("halves")
    halves.add_argument("human", type=Path)
    halves.add_argument("--splits", type=int, default=100)
    halves.add_argument("--forgetless", action="store_true")
    halves.add_argument("--documents", type=int, help="so many of HUMAN, drawn at random; all by default")
    curated = commands.add_parser("curated")
    curated.add_argument("human", type=Path)
    curated.add_argument("made", type=Path)
    curated.add_argument("--share", type=float, default=0.4)
    curated.add_argument("--proxy", default="ngram")
    for command in (halves, curated):
        command.add_argument("--seed", type=int, default=0)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as work:
        if arguments.command == "halves":
            show_halves(arguments, Path(work))
        else:
            show_curated(arguments, Path(work))


def texts_in(path: Path, work: Path, *, human: bool) -> list[str]:
    """The distinct texts, in an order that hangs on them alone."""
    groups, _ = groups_of([path], {}, work)
    corpus = read_corpus(groups, Running(work=work), similarity=DEFAULT_SIMILARITY, seed=0, statistics=False)
    is_human = np.isin(corpus.column("origin"), (Origin.HUMAN, Origin.UNKNOWN))
    chosen = np.flatnonzero(is_human & (corpus.column("words") > 0)) if human else np.arange(len(corpus))
    return sorted(set(corpus.texts(chosen)))


# --- halves ------------------------------------------------------------------------------------------


def show_halves(arguments: argparse.Namespace, work: Path) -> None:
    documents = texts_in(arguments.human, work, human=True)
    if arguments.documents is not None:
        documents = random.Random(arguments.seed).sample(documents, arguments.documents)
    learner = Forgetless() if arguments.forgetless else NgramLearner()
    verdicts: Counter[str] = Counter()
    elsewhere = 0
    found: dict[str, list[tuple[float, float, bool]]] = defaultdict(list)
    size, started = 0, time.process_time()
    for split in range(arguments.splits):
        dealt = documents[:]
        random.Random(f"{arguments.seed} {split}").shuffle(dealt)
        first, second = (round(share * len(dealt)) for share in (0.35, 0.7))
        sets = [pool_of("a", dealt[:first]), pool_of("b", dealt[first:second])]
        draws = 5 if arguments.forgetless else 1
        outcome = prove(sets, panel_of(dealt[second:]), learner, draws=draws, seed=split)
        beside, size = outcome.sets[0], outcome.words
        verdicts[beside.verdict] += 1
        elsewhere += any(gain.verdict in {"better", "worse"} for gain in beside.where)
        for gain in (beside.overall, *beside.where):
            estimate = gain.estimate
            reach = (estimate.interval.high - estimate.interval.low) / 2
            name = f"{estimate.kind} {estimate.name}".strip()
            found[name].append((estimate.interval.estimate, reach, estimate.p <= 0.05))
    seconds = (time.process_time() - started) / arguments.splits
    print(f"{len(documents):,} documents; about {size:,} words a set; {seconds:.2f} CPU-s a split\n")
    print("| verdict | splits |\n| --- | --: |")
    for verdict in ("no difference found", "not enough data", "better", "worse"):
        print(f"| {verdict} | {verdicts[verdict]} |")
    print(f"| any other figure told from 0, adjusted | {elsewhere} |\n")
    print("| figure | p at most .05, unadjusted | standard deviation of gains | mean half width / 2.05 |")
    print("| --- | --: | --: | --: |")
    for name, rows in found.items():
        gains, reaches, told = (np.array(column) for column in zip(*rows, strict=True))
        print(f"| {name} | {told.mean():.3f} | {gains.std(ddof=1):.4f} | {reaches.mean() / 2.05:.4f} |")


# --- curated -----------------------------------------------------------------------------------------


def show_curated(arguments: argparse.Namespace, work: Path) -> None:
    rng = random.Random(arguments.seed)
    human = texts_in(arguments.human, work, human=True)
    rng.shuffle(human)
    cut = round(0.65 * len(human))
    added = plants(texts_in(arguments.made, work, human=False), human[:cut], arguments.share, rng)
    raw = [{"text": text, "origin": "human"} for text in human[:cut]]
    raw += [{"text": text, "origin": "ai-generated"} for text in added]
    rng.shuffle(raw)
    write(work / "raw.jsonl", raw)
    write(work / "held-out.jsonl", [{"text": text} for text in human[cut:]])
    sets = []
    for number, (name, steps) in enumerate(RECIPES.items()):
        recipe = work / f"recipe-{number}.yaml"
        source = f"{{path: {work}/raw.jsonl, text: text, origin: {{column: origin}}}}"
        recipe.write_text(f"wellkeeper: 1\nsources:\n  raw: {source}\nsteps:{steps}", encoding="utf-8")
        result = wellkeeper.curate(recipe, out=work / name)
        print(f"{name}: kept {result.kept:,} of {len(raw):,} documents")
        sets.append(work / name)
    proof = wellkeeper.prove(
        work / "raw.jsonl",
        *sets,
        held_out=work / "held-out.jsonl",
        proxy=arguments.proxy,
        seed=arguments.seed,
        out=work / "proof",
    )
    document = proof.document
    print(f"{document['words']:,} words a model, {document['run']['cpu_seconds']:.0f} CPU-s\n")
    print("| set | figure | gain, nats a word | 95 % interval | p, adjusted | verdict |")
    print("| --- | --- | --: | --: | --: | --- |")
    for found in document["sets"]:
        for gain in (found["gain"], *found["where"]):
            if gain["kind"] in {"all", "band", "worst"}:
                figure = f"{gain['kind']} {gain['name']}".strip()
                interval = f"{gain['estimate']:+.3f} | {gain['low']:+.3f} to {gain['high']:+.3f}"
                print(
                    f"| {found['name']} | {figure} | {interval} | {gain['p_adjusted']:.4f} | {gain['verdict']} |"
                )
    print("\n| AI-generated share of the words | gain over none | 95 % interval |\n| --: | --: | --: |")
    for dose in document["dose_response"]["doses"][1:]:
        gain = dose["gains"][0]
        print(
            f"| {dose['share']:.0%} | {gain['estimate']:+.3f} | {gain['low']:+.3f} to {gain['high']:+.3f} |"
        )


def plants(made: list[str], human: list[str], share: float, rng: random.Random) -> list[str]:
    """Near copies and boilerplate pages of AI-generated texts, `share` of the words of all."""
    wanted = sum(len(text.split()) for text in human) * share / (1 - share)
    makers = [maker for maker, _ in NEAR_KINDS.values()]
    found: list[str] = []
    words = 0
    while words < wanted:
        found.append(rng.choice(makers)(rng.choice(made), rng))
        words += len(found[-1].split())
    return found


def write(path: Path, rows: list[dict[str, str]]) -> None:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")


if __name__ == "__main__":
    main()
