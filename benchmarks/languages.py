"""Near-duplicates in other languages than English: planted copies found, removals verified, strangers left alone.

    python benchmarks/languages.py FILE.jsonl[.zst]... [--similarity 0.8] [--least-characters 150] [--documents 600]

Each line of a FILE holds text and, if the file has several languages, lang; without it the language is the file's
name. Half of the documents of a language get one planted copy each, made by one of these edits, in turns:

- `exact`; `spelling`: upper case, accents apart from their letters, ASCII in full width;
- `boilerplate`: a notice of another document's words before and after; `cut`: the first 65 to 95 % of the text;
  `sentences`: one in fifteen dropped;
- `words 1 %`, `2 %`, `3 %`, `5 %`: so many words replaced by, in turns, another word, none, or themselves and another.

In a script without spaces the words that edits work on are runs of one, two or three letters with their marks. J is
the exact Jaccard similarity of the sets of word 5-grams by the plain Python definition in tests/kernels/naive.py, which
shares no code with the package; every removal is verified by it too. A pair is found if not both of it stay.

The last columns tell what the similarity means in each language: J after 2 % of the words were replaced, and the
largest J of two documents of which neither is a copy of the other and none was removed.
"""

import argparse
import io
import json
import sys
import tempfile
import unicodedata
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
import zstandard
from peers.tools import recipe_of

import wellkeeper

sys.path.append(str(Path(__file__).parents[1] / "tests" / "kernels"))
import naive

EDITS = (
    "exact",
    "spelling",
    "boilerplate",
    "cut",
    "sentences",
    "words 1 %",
    "words 2 %",
    "words 3 %",
    "words 5 %",
)
_SENTENCE_ENDS = ".!?\u3002\uff01\uff1f\u06d4\u061f\u0964\u0965\n"
_COMMON = 100  # a 5-gram of more documents than this makes no pair by itself


@dataclass(frozen=True, slots=True, kw_only=True)
class Planted:
    """A document and its edited copy, by their ids."""

    original: str
    copy: str
    edit: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Figures:
    """What near-duplicates.v1 did to the documents of one language."""

    language: str
    documents: int
    pairs: int  # planted, with J at the similarity or above
    found: int
    removed: int
    unverified: int  # removed documents whose J with their survivor is below the similarity
    largest_error: float  # between J in the ledger and by plain Python
    natural: int  # removed with a survivor that is no planted relative: the texts had copies of their own
    after_two_percent: float  # mean J of the copies with 2 % of their words edited
    largest_unrelated: float


def texts_by_language(paths: Sequence[Path]) -> dict[str, list[str]]:
    """The texts of files of JSON lines."""
    texts: dict[str, list[str]] = defaultdict(list)
    for path in paths:
        with path.open("rb") as file:
            stream = zstandard.ZstdDecompressor().stream_reader(file) if path.suffix == ".zst" else file
            for line in io.TextIOWrapper(stream, encoding="utf-8"):
                row = json.loads(line)
                name = path.name.split(".")[0]
                texts[name if len(row.get("lang", "")) < 3 else row["lang"]].append(row["text"])
    return dict(texts)


def plant(
    texts: Sequence[str], prefix: str, rng: np.random.Generator
) -> tuple[dict[str, str], list[Planted]]:
    """Documents by id, every second one with a copy, in random order; and which are copies of which."""
    documents = {f"{prefix}-{number}": text for number, text in enumerate(texts)}
    planted = []
    vocabulary = [piece for text in texts[:200] for piece in pieces(text, rng) if piece.strip()]
    for number, (name, text) in enumerate(list(documents.items())[::2]):
        edit = EDITS[number % len(EDITS)]
        documents[f"{name}-copy"] = edited(text, edit, vocabulary, rng)
        planted.append(Planted(original=name, copy=f"{name}-copy", edit=edit))
    names = list(documents)
    return {names[at]: documents[names[at]] for at in rng.permutation(len(names)).tolist()}, planted


def pieces(text: str, rng: np.random.Generator) -> list[str]:
    """The text cut before each white space, and in scripts without spaces into runs of one to three letters."""
    cut: list[str] = []
    left = 0  # letters that the piece may still take
    for letter in text:
        mark = unicodedata.category(letter)[0] == "M"
        unspaced = bool(naive.UNSPACED.match(letter)) and not mark
        if not cut or letter.isspace() or (unspaced and left == 0):
            cut.append(letter)
            left = int(rng.integers(3)) if unspaced else 0
        else:
            cut[-1] += letter
            left -= unspaced
    return cut


def edited(text: str, edit: str, vocabulary: Sequence[str], rng: np.random.Generator) -> str:
    """A copy of a text, changed as the name of the edit says."""
    if edit == "exact":
        return text
    if edit == "spelling":
        wide = "".join(
            chr(ord(letter) + 0xFEE0) if "!" <= letter <= "~" else letter for letter in text.upper()
        )
        return unicodedata.normalize("NFD", wide)
    cut = pieces(text, rng)
    if edit == "boilerplate":
        size = max(1, len(cut) // 30)
        before, after = ("".join(draw(vocabulary, size, rng)) for _ in range(2))
        return f"{before}\n\n{text}\n\n{after}"
    if edit == "cut":
        return "".join(cut[: round(len(cut) * float(rng.uniform(0.65, 0.95)))])
    if edit == "sentences":
        return "".join(part for part in sentences(text) if rng.random() >= 1 / 15)
    share = int(edit.split()[1]) / 100
    for at in np.flatnonzero(rng.random(len(cut)) < share).tolist():
        other = draw(vocabulary, 1, rng)[0]
        cut[at] = ("", other, cut[at] + other)[int(rng.integers(3))]
    return "".join(cut)


def draw(vocabulary: Sequence[str], size: int, rng: np.random.Generator) -> list[str]:
    return [vocabulary[at] for at in rng.integers(0, len(vocabulary), size).tolist()]


def sentences(text: str) -> Iterator[str]:
    start = 0
    for at, letter in enumerate(text):
        if letter in _SENTENCE_ENDS:
            yield text[start : at + 1]
            start = at + 1
    yield text[start:]


def ledger_of(documents: Mapping[str, str], similarity: float) -> list[dict[str, Any]]:
    """The ledger's rows after `near-duplicates.v1` of the documents."""
    with tempfile.TemporaryDirectory() as place:
        corpus = Path(place) / "corpus.jsonl"
        with corpus.open("w", encoding="utf-8") as stream:
            for name, text in documents.items():
                stream.write(json.dumps({"id": name, "text": text}) + "\n")
        recipe = Path(place) / "near.yaml"
        recipe.write_text(recipe_of(corpus, similarity))
        made = wellkeeper.curate(recipe, out=Path(place) / "set", keep_rejected=False)
        rows: list[dict[str, Any]] = pq.read_table(made.paths["ledger"] / "documents").to_pylist()
        return rows


def figures_of(language: str, texts: Sequence[str], *, similarity: float, seed: int) -> Figures:
    """Plant copies among the texts, curate, and compare with the plain definition."""
    documents, planted = plant(texts, language, np.random.default_rng(seed))
    sets = {name: naive.shingles_of(text) for name, text in documents.items()}
    rows = ledger_of(documents, similarity)
    survivors = {row["id"]: row["survivor_id"] for row in rows if row["decision"] == "drop"}
    scores = {row["id"]: row["score"] for row in rows}
    alike = {name: jaccard(sets[name], sets[other]) for name, other in survivors.items()}
    related = {frozenset((pair.original, pair.copy)) for pair in planted}
    similar = {pair.copy: jaccard(sets[pair.original], sets[pair.copy]) for pair in planted}
    near = [pair for pair in planted if similar[pair.copy] >= similarity]
    two = [similar[pair.copy] for pair in planted if pair.edit == "words 2 %"]
    return Figures(
        language=language,
        documents=len(documents),
        pairs=len(near),
        found=sum(pair.original in survivors or pair.copy in survivors for pair in near),
        removed=len(survivors),
        unverified=sum(value < similarity for value in alike.values()),
        largest_error=max((abs(alike[name] - scores[name]) for name in survivors), default=0.0),
        natural=sum(frozenset(item) not in related for item in survivors.items()),
        after_two_percent=float(np.mean(two)) if two else float("nan"),
        largest_unrelated=largest_similarity({n: s for n, s in sets.items() if n not in survivors}, related),
    )


def jaccard(a: set[Any], b: set[Any]) -> float:
    return len(a & b) / len(a | b) if a or b else 0.0


def largest_similarity(sets: Mapping[str, set[Any]], related: set[frozenset[str]]) -> float:
    """Largest Jaccard similarity of two documents that are not related."""
    holders: dict[Any, list[str]] = defaultdict(list)
    for name, grams in sets.items():
        for gram in grams:
            holders[gram].append(name)
    pairs = {pair for names in holders.values() if len(names) <= _COMMON for pair in combinations(names, 2)}
    return max((jaccard(sets[a], sets[b]) for a, b in pairs if frozenset((a, b)) not in related), default=0.0)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("files", type=Path, nargs="+")
    parser.add_argument("--similarity", type=float, default=0.8)
    parser.add_argument("--least-characters", type=int, default=150)
    parser.add_argument("--documents", type=int, default=600, help="of each language, at most")
    parser.add_argument("--seed", type=int, default=0)
    arguments = parser.parse_args()
    print("| language | documents | pairs, J >= s | found | recall | removed | J < s | natural | J error | "
          "J, 2 % of words | largest J, unrelated |")  # fmt: skip
    print("| --- |" + " --: |" * 10)
    for language, texts in sorted(texts_by_language(arguments.files).items()):
        long = sorted({text for text in texts if len(text) >= arguments.least_characters})
        chosen = np.random.default_rng(arguments.seed).permutation(len(long))[: arguments.documents].tolist()
        told = figures_of(
            language, [long[at] for at in chosen], similarity=arguments.similarity, seed=arguments.seed
        )
        print(
            f"| {told.language} | {told.documents:,} | {told.pairs} | {told.found} | {told.found / told.pairs:.3f} | "
            f"{told.removed} | {told.unverified} | {told.natural} | {told.largest_error:.0e} | "
            f"{told.after_two_percent:.3f} | {told.largest_unrelated:.3f} |",
            flush=True,
        )


if __name__ == "__main__":
    main()
