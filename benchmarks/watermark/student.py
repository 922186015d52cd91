"""Does a model that was trained on marked text give it away? A student of n-grams, by how much of its text was marked.

    python benchmarks/watermark/student.py FOLDER

FOLDER is what `power.py write` made, with what is marked by each scheme and, by `--schemes none`, with nothing. A
Kneser-Ney model of trigrams is fitted to human text (WikiText-2's validation text) and to texts of SmolLM2, of which a
part is marked; what it then writes itself is pooled and tested. Printed are median and largest p-value of ten students,
and of the same students against ten keys that marked nothing.
"""

import argparse
import os
from pathlib import Path

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

import numpy as np
from power import ids_in, key_for, paragraphs
from texts import VOCABULARY, model

from wellkeeper.measure.kneser_ney import fit
from wellkeeper.watermark.keys import new_key
from wellkeeper.watermark.radioactivity import radioactivity
from wellkeeper.watermark.tokens import Tokens, open_tokenizer, tokens_of

SCHEMES = ("kgw-lefthash", "unigram", "gumbel", "synthid")
MARKED = (0, 2, 8, 32)  # texts of 400 tokens; the rest of 32 are unmarked ones of the same model
STUDENTS, WRITTEN = 10, 30_000  # tokens


def students(training: list[list[int]]) -> list[Tokens]:
    read = tokens_of(training)
    student = fit(read.offsets, read.ids, vocabulary=VOCABULARY)
    offsets = np.arange(0, WRITTEN + 1, 300, dtype=np.int64)
    return [
        Tokens(ids=student.sample(offsets, np.random.default_rng(seed)).astype(np.int32), offsets=offsets)
        for seed in range(STUDENTS)
    ]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    parser.add_argument("folder", type=Path)
    folder = parser.parse_args().folder
    read = open_tokenizer(model()).encode(paragraphs())
    human = [row.tolist() for row in np.split(read.ids, read.offsets[1:-1])]
    plain = ids_in(folder / "none-1.jsonl")
    print("| scheme | marked share of training tokens | median p | largest p | median p, other keys |")
    print("| --- | --: | --: | --: | --: |")
    for scheme in SCHEMES:
        marked = ids_in(folder / f"{scheme}-1.jsonl")
        key = key_for(scheme)
        others = [new_key(scheme, vocabulary=VOCABULARY, seed=1000 + k) for k in range(STUDENTS)]
        for count in MARKED:
            written = students([*human, *marked[:count], *plain[count:]])
            share = sum(map(len, marked[:count])) / (len(read.ids) + sum(map(len, plain)))
            found = [radioactivity(key, [one]).p_value for one in written]
            false = [radioactivity(other, [one]).p_value for other, one in zip(others, written, strict=True)]
            print(
                f"| `{scheme}` | {share:.1%} | {np.median(found):.1g} | {max(found):.1g} | {np.median(false):.2f} |",
                flush=True,
            )


if __name__ == "__main__":
    main()
