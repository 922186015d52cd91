"""How well a language model's statistics tell AI text from human text, for how many tokens, and at what price.

    python benchmarks/origin/lm.py --data FOLDER --model MODEL.gguf [--set l2r_a --set outfox] [--texts 300] [--raw]
    python benchmarks/origin/lm.py --example examples --model MODEL.gguf [--continue]

FOLDER holds SET.jsonl.zst as `sets.py` says. Of each set as many human as AI texts are drawn, the same number from each
domain, by a hash of the text. `--example` takes human texts and those of SmolLM2-135M-Instruct from the example corpus:
with that model, the plain case of a corpus that holds the reader's own output. With `--continue` the AI texts are what
the model itself writes after the first 40 words of the human ones, at temperature 1, without those words.

AUROC: higher is more like the model's own text (`wellkeeper.origin.lm.DIRECTION`), .5 tells nothing, below .5 the
statistic points the other way.
"""

import argparse
import gzip
import hashlib
import time
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import orjson
from numpy.typing import NDArray
from sets import key_of, rows

from wellkeeper.engine.language_models import LanguageModel, LocalModel
from wellkeeper.measure.auroc import area_under_roc
from wellkeeper.measure.likelihood import TokenStatistics, text_statistics, token_statistics
from wellkeeper.origin.lm import DIRECTION, FEWEST, canonical, load_lm

LENGTHS = (16, 32, 64, 100, 160)
STARTED = 40  # words of a human text that the model continues


@dataclass(frozen=True)
class Read:
    """A text as the model saw it."""

    is_ai: bool
    domain: str
    generator: str
    tokens: TokenStatistics


def example(folder: Path) -> Iterator[dict[str, str]]:
    """Human texts and those of a model, of the example corpus."""
    for part in sorted((folder / "corpus" / "forum").glob("*.jsonl")):
        for line in part.read_bytes().splitlines():
            with suppress(orjson.JSONDecodeError):  # some lines are broken on purpose
                row = orjson.loads(line)
                if (
                    isinstance(row, dict)
                    and row.get("label") == "human"
                    and isinstance(row.get("content"), str)
                ):
                    yield {"text": row["content"], "label": "human"}
    for part in sorted((folder / "corpus" / "made").glob("*.jsonl.gz")):
        for line in gzip.decompress(part.read_bytes()).splitlines():
            row = orjson.loads(line)
            yield {"text": row["text"], "label": "ai", "generator": row["generator"]}


def drawn(source: Iterable[dict[str, str]], texts: int) -> list[dict[str, str]]:
    """`texts` texts of a set, half of them human, spread evenly over its domains; copies once."""
    cells: dict[tuple[str, str], dict[bytes, dict[str, str]]] = defaultdict(dict)
    known: set[str] = set()
    for row in source:
        key = key_of(row["text"])
        if row["label"] in {"human", "ai"} and row.get("lang", "en") == "en" and key and key not in known:
            known.add(key)
            order = hashlib.sha256(row["text"].encode(errors="replace")).digest()
            cells[row["label"], str(row.get("domain") or "")][order] = row
    found: list[dict[str, str]] = []
    for label in ("human", "ai"):
        mine = [iter(sorted(cell.items())) for (side, _), cell in sorted(cells.items()) if side == label]
        chosen: list[dict[str, str]] = []
        while mine and len(chosen) < texts // 2:
            for cell in list(mine):
                pair = next(cell, None)
                if pair is None:
                    mine.remove(cell)
                elif len(chosen) < texts // 2:
                    chosen.append(pair[1])
        found += chosen
    return found


def continued(path: Path, people: Sequence[dict[str, str]], threads: int) -> Iterator[dict[str, str]]:
    """What the model writes after the first words of texts."""
    writer = LocalModel(path, threads=threads)
    for seed, row in enumerate(people):
        start = " ".join(row["text"].split()[:STARTED])
        text = writer.complete(start, tokens=200, seed=seed, temperature=1.0)
        yield {"text": text, "label": "ai", "generator": f"{path.stem}, continued"}
    writer.close()


def read(model: LanguageModel, chosen: Sequence[dict[str, str]], *, tokens: int, raw: bool) -> Iterator[Read]:
    """What the model thinks of the first tokens of each text."""
    texts = [row["text"] for row in chosen]
    for row, text in zip(chosen, texts if raw else canonical(texts), strict=True):
        ids = model.encode(text, tokens)
        if len(ids) > FEWEST:
            (logits,) = model.logits([ids])
            yield Read(
                is_ai=row["label"] == "ai",
                domain=str(row.get("domain") or ""),
                generator=str(row.get("generator") or ""),
                tokens=token_statistics(logits, np.array(ids[1:])),
            )


def values(texts: Sequence[Read], name: str, tokens: int) -> NDArray[np.float64]:
    """A statistic of the first tokens of texts, turned so that higher is more like the model's own text."""
    found = [getattr(text_statistics(one.tokens.first(tokens - 1)), name) for one in texts]
    return DIRECTION[name] * np.array(found)


def area(texts: Sequence[Read], name: str, tokens: int) -> str:
    """AUROC with its 95% interval, as a cell of a table."""
    sides = [values([one for one in texts if one.is_ai == side], name, tokens) for side in (False, True)]
    if min(map(len, sides)) < 5:
        return "-"
    found = area_under_roc(*sides)
    return f"{found.estimate:.2f} ({found.low:.2f} to {found.high:.2f})"


def chance(texts: Sequence[Read], tokens: int) -> tuple[float, float]:
    """Standard deviation of a text's log-likelihood by chance alone, and the mean of AI texts less that of human ones.

    Chance is the model's own: what texts of this length that it samples itself would differ by.
    """
    parts = [one.tokens.first(tokens - 1) for one in texts]
    drawn = np.mean([part.variance.sum() / len(part) ** 2 for part in parts])
    means = np.array([part.log_probability.mean() for part in parts])
    is_ai = np.array([one.is_ai for one in texts])
    return float(np.sqrt(drawn)), float(means[is_ai].mean() - means[~is_ai].mean())


def table(head: Sequence[str], lines: Sequence[Sequence[str]]) -> None:
    """A Markdown table."""
    for line in (head, ["---"] * len(head), *lines):
        print(f"| {' | '.join(line)} |")
    print()


def report(name: str, texts: Sequence[Read], tokens: int) -> None:
    """All tables of a set."""
    people = sum(not one.is_ai for one in texts)
    print(f"### {name}: {people} human, {len(texts) - people} AI texts\n")
    lengths = [length for length in LENGTHS if length <= tokens]
    table(
        ["tokens", *DIRECTION],
        [[str(length), *(area(texts, one, length) for one in DIRECTION)] for length in lengths],
    )
    table(
        ["tokens", "log_likelihood: standard deviation by chance", "AI less human"],
        [[str(length), *(f"{value:.2f}" for value in chance(texts, length))] for length in lengths],
    )
    lines = []
    for generator in sorted({one.generator for one in texts if one.is_ai}):
        chosen = [one for one in texts if not one.is_ai or one.generator == generator]
        count = sum(one.is_ai for one in chosen)
        lines.append([generator, str(count), *(area(chosen, one, tokens) for one in DIRECTION)])
    table([f"generator ({tokens} tokens)", "texts", *DIRECTION], lines)
    lines = []
    for domain in sorted({one.domain for one in texts}):
        chosen = [one for one in texts if one.domain == domain]
        lines.append([domain, str(len(chosen)), *(area(chosen, one, tokens) for one in DIRECTION)])
    if len(lines) > 1:
        table([f"domain ({tokens} tokens)", "texts", *DIRECTION], lines)


def main() -> None:
    """Print the tables."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--data", type=Path)
    parser.add_argument("--example", type=Path)
    parser.add_argument("--model", type=Path, required=True)
    parser.add_argument("--set", action="append", dest="sets")
    parser.add_argument("--texts", type=int, default=300)
    parser.add_argument("--tokens", type=int, default=LENGTHS[-1])
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--continue", action="store_true", dest="own")
    parser.add_argument("--raw", action="store_true", help="texts as they are, and not in canonical form")
    options = parser.parse_args()
    start = time.perf_counter()
    model = load_lm(options.model, threads=options.threads, context=max(512, options.tokens))
    print(f"{options.model.name}, {model.engine}, {options.threads} thread(s)")
    print(f"loaded in {time.perf_counter() - start:.1f} s; {'raw' if options.raw else 'canonical'} text\n")
    sources = {} if options.example is None else {"example": example(options.example)}
    if options.data is not None:
        names = options.sets or ["l2r_a"]
        sources |= {name: rows(options.data / f"{name}.jsonl.zst") for name in names}
    for name, source in sources.items():
        chosen = drawn(source, options.texts)
        if options.own:
            people = [
                row for row in chosen if row["label"] == "human" and len(row["text"].split()) > 2 * STARTED
            ]
            chosen = [*people, *continued(options.model, people, options.threads)]
        start = time.perf_counter()
        found = list(read(model, chosen, tokens=options.tokens, raw=options.raw))
        seconds = time.perf_counter() - start
        spent = sum(len(one.tokens) + 1 for one in found)
        report(name, found, options.tokens)
        print(f"{spent:,} tokens in {seconds:.0f} s: {spent / seconds:.0f} tokens a second\n")


if __name__ == "__main__":
    main()
