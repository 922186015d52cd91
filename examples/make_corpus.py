"""Make the example corpus, its human reference and its truth from four public sources.

    python examples/make_corpus.py --encyclopedia wikitext-2/valid.txt wikitext-2/test.txt \\
        --books books.jsonl.zst --posts l2r.jsonl.zst --generated generated.jsonl --out examples

`--encyclopedia` takes WikiText-2 files as published; `--books` JSON Lines with id, source
(`books:Author/Title.md`) and text; `--posts` the texts of ranhli/l2r_data as JSON Lines with text, domain,
generator and pair; `--generated` what `generate_smollm2.py` wrote. The same inputs, seed and library versions
give the same files, byte for byte. `truth.json` is read back from the files once they are written.
"""

import argparse
import gzip
import json
import random
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any

import plants
import pyarrow as pa
import pyarrow.parquet as pq
import sources
import truth
import zstandard
from definitions import SIGNALS, five_grams, jaccard, words

WIKITEXT_RELEASED = date(2016, 9, 26)
"""Day of Merity et al., Pointer Sentinel Mixture Models (arXiv:1609.07843), which released WikiText-2: all of
its texts are older."""

SIZES = {"archive": 380, "books": 320, "reference-encyclopedia": 150, "reference-books": 150}
FORUM = {
    "academic-research": (75, 75),
    "technical-writing": (75, 75),
    "government": (55, 65),
    "business": (35, 55),
}
"""Board -> how many human texts and how many rewrites."""
WRITERS = {
    "human": (date(2021, 1, 1), date(2024, 12, 31)),
    "gpt-3.5-turbo": (date(2023, 3, 1), date(2024, 12, 31)),
    "llama-3-70b": (date(2024, 5, 1), date(2024, 12, 31)),
}
"""Who wrote a forum row -> first and last day that its synthetic date may fall on: no model writes before its
own release."""
LABELLED, DATED = 0.5, 0.8  # shares of forum rows
EXACT = {"ai": 10, "archive": 8, "books": 6, "made": 6, "archive-again": 5, "books-again": 5}
NEAR_EACH, NEAR_AI, RELATED = 15, 15, 10


@dataclass(eq=False, slots=True, kw_only=True)
class Row:
    """One record to be written; `fields` are the columns of its folder besides id, text and licence."""

    folder: str
    text: str
    origin: str  # what truly wrote it
    licence: str
    fields: dict[str, Any] = field(default_factory=dict)
    id: str = ""


@dataclass(slots=True, kw_only=True)
class Planted:
    """What was planted, by row: turned into ids once every row has one."""

    exact: list[tuple[Row, Row, str]] = field(default_factory=list)  # original, copy, how
    near: list[tuple[Row, Row, str]] = field(default_factory=list)
    related: list[tuple[Row, Row, str]] = field(default_factory=list)
    artefacts: list[tuple[Row, plants.Artefact]] = field(default_factory=list)
    quotations: list[tuple[Row, str, str]] = field(default_factory=list)  # row, kind, phrase
    poor: list[tuple[Row, plants.Rule]] = field(default_factory=list)


# --- base rows ---------------------------------------------------------------------------------------------


def split_encyclopedia(
    sections: Sequence[sources.Section], rng: random.Random
) -> tuple[list[sources.Section], list[sources.Section]]:
    """Sections for the corpus and for the reference: no article gives to both.

    Of each side, the sections with the fewest unknown words.
    """
    titles = sorted({section.article for section in sections})
    rng.shuffle(titles)
    wanted = SIZES["reference-encyclopedia"] / (SIZES["archive"] + SIZES["reference-encyclopedia"])
    held_out: set[str] = set()
    for title in titles:
        if sum(section.article in held_out for section in sections) >= wanted * len(sections):
            break
        held_out.add(title)
    sides: tuple[list[sources.Section], list[sources.Section]] = ([], [])
    for section in sorted(sections, key=lambda section: (section.unknown, section.text)):
        sides[section.article in held_out].append(section)
    return sides[0][: SIZES["archive"]], sides[1][: SIZES["reference-encyclopedia"]]


def archive_row(section: sources.Section) -> Row:
    fields = {"title": section.article, "published": WIKITEXT_RELEASED, "origin": "human"}
    return Row(folder="archive", text=section.text, origin="human", licence="CC-BY-SA-3.0", fields=fields)


def book_row(passage: sources.Passage) -> Row:
    fields = {"author": passage.author, "work": passage.work, "year": None}
    return Row(folder="books", text=passage.text, origin="human", licence="Public Domain", fields=fields)


def reference_row(item: sources.Section | sources.Passage) -> Row:
    if isinstance(item, sources.Section):
        about: dict[str, Any] = {"title": item.article, "author": None, "published": str(WIKITEXT_RELEASED)}
        licence = "CC-BY-SA-3.0"
    else:
        about = {"title": item.work, "author": item.author, "published": None}
        licence = "Public Domain"
    about["origin"] = "human"
    return Row(folder="reference", text=item.text, origin="human", licence=licence, fields=about)


def made_row(record: dict[str, Any]) -> Row:
    apart = ("id", "text", "license")
    return Row(
        folder="made",
        text=record["text"],
        origin="ai-generated",
        licence=record["license"],
        fields={name: value for name, value in record.items() if name not in apart},
    )


def choose_posts(posts: Sequence[sources.Post], rng: random.Random) -> list[sources.Post]:
    chosen: list[sources.Post] = []
    for board, (human, ai) in FORUM.items():
        of_board = [post for post in posts if post.board == board]
        chosen += rng.sample([post for post in of_board if post.generator == "human"], human)
        chosen += rng.sample([post for post in of_board if post.generator != "human"], ai)
    return chosen


def synthetic_date(writer: str, rng: random.Random) -> str | None:
    """A made-up moment for a forum row, or none."""
    if rng.random() >= DATED:
        return None
    first, last = WRITERS[writer]
    day = first + timedelta(days=rng.randrange((last - first).days + 1))
    moment = datetime(day.year, day.month, day.day, tzinfo=UTC) + timedelta(seconds=rng.randrange(86_400))
    return moment.strftime("%Y-%m-%dT%H:%M:%SZ")


def forum_row(
    text: str, *, board: str, origin: str, licence: str, label: str | None, created_at: str | None
) -> Row:
    fields = {"board": board, "label": label, "created_at": created_at}
    return Row(folder="forum", text=text, origin=origin, licence=licence, fields=fields)


def post_row(post: sources.Post, rng: random.Random) -> Row:
    human = post.generator == "human"
    label = ("human" if human else "ai") if rng.random() < LABELLED else None
    return forum_row(
        post.text,
        board=post.board,
        origin="human" if human else "ai-generated",
        licence="CC BY 3.0",
        label=label,
        created_at=synthetic_date(post.generator, rng),
    )


# --- planting ----------------------------------------------------------------------------------------------


class Planter:
    """Adds rows to the base rows, using each base row for one purpose at most."""

    def __init__(self, rows: list[Row], rng: random.Random) -> None:
        self.rows = rows
        self.rng = rng
        self.planted = Planted()
        self._free = list(rows)
        rng.shuffle(self._free)
        self._words = {row: len(words(row.text)) for row in rows}

    def take(self, fits: Callable[[Row], bool]) -> Row:
        """The next unused base row that fits."""
        row = next(row for row in self._free if fits(row))
        self._free.remove(row)
        return row

    def take_folder(self, folder: str, at_least: int = 60) -> Row:
        return self.take(lambda row: row.folder == folder and self._words[row] >= at_least)

    def exact_copies(self) -> None:
        for number in range(EXACT["ai"]):
            original = self.take(_declared_human(("forum", "archive", "books")[number % 3]))
            self._copy_exactly(original, "labelled-ai", label="ai", created_at=self._before(original))
        for folder in ("archive", "books", "made"):
            for _ in range(EXACT[folder]):
                original = self.take_folder(folder)
                created_at = None if folder == "made" else synthetic_date("human", self.rng)
                self._copy_exactly(original, "posted-again", label=None, created_at=created_at)
        for folder in ("archive", "books"):
            for _ in range(EXACT[f"{folder}-again"]):
                original = self.take_folder(folder)
                copy = Row(
                    folder=folder,
                    text=original.text,
                    origin=original.origin,
                    licence=original.licence,
                    fields=dict(original.fields),
                )
                self._add(copy)
                self.planted.exact.append((original, copy, "stored-twice"))

    def near_copies(self) -> None:
        numbers = [kind for kind in plants.NEAR_KINDS for _ in range(NEAR_EACH)]
        ai_every = len(numbers) // NEAR_AI
        for number, kind in enumerate(numbers):
            labelled_ai = number % ai_every == 0
            maker, at_least = plants.NEAR_KINDS[kind]
            folder = ("archive", "books", "forum")[number % 3]
            original, text = self._similar(maker, folder, at_least, 0.8, 1.0, human=labelled_ai)
            copy = self._post_of(original, text, labelled_ai=labelled_ai)
            self.planted.near.append((original, copy, kind))

    def related_texts(self) -> None:
        for number in range(RELATED):
            folder = ("archive", "books")[number % 2]
            original, text = self._similar(plants.words_scattered, folder, 150, 0.5, 0.75, human=False)
            self.planted.related.append((original, self._post_of(original, text), "words-scattered"))

    def artefacts(self) -> None:
        """Into rewrites that nobody labelled, but for every eighth, which calls itself human."""
        for number, artefact in enumerate(plants.ARTEFACTS):
            row = self.take(partial(_can_hold, artefact))
            text = plants.with_artefact(row.text, artefact, self.rng)
            assert text is not None
            row.text = text
            row.fields["label"] = "human" if number % 8 == 7 else None
            self.planted.artefacts.append((row, artefact))

    def quotations(self) -> None:
        for kind, phrase, text in plants.QUOTATIONS:
            row = self._lounge(text, "ai-generated", "Apache-2.0")
            self.planted.quotations.append((row, kind, phrase))

    def poor_pages(self) -> None:
        for count, maker, rule in plants.POOR_PAGES:
            for _ in range(count):
                row = self._lounge(maker(self.rng), "programmatic", "Apache-2.0")
                if not rule.fails(SIGNALS[rule.signal](row.text)):
                    raise SystemExit(f"a page made to fail {rule.name} passes it. Mend `{maker.__name__}`.")
                self.planted.poor.append((row, rule))

    def _similar(
        self,
        maker: Callable[[str, random.Random], str],
        folder: str,
        at_least: int,
        low: float,
        high: float,
        *,
        human: bool,
    ) -> tuple[Row, str]:
        """An unused row and another text of it whose Jaccard lies in [low, high]."""
        declared = _declared_human(folder)
        while True:
            row = self.take(
                lambda row: (
                    row.folder == folder and self._words[row] >= at_least and (declared(row) or not human)
                )
            )
            grams = five_grams(row.text)
            for _ in range(20):
                text = maker(row.text, self.rng)
                if text != row.text and low <= jaccard(grams, five_grams(text)) <= high:
                    return row, text

    def _copy_exactly(self, original: Row, how: str, *, label: str | None, created_at: str | None) -> None:
        copy = forum_row(
            original.text,
            board=original.fields.get("board", "lounge"),
            origin=original.origin,
            licence=original.licence,
            label=label,
            created_at=created_at,
        )
        self._add(copy)
        self.planted.exact.append((original, copy, how))

    def _post_of(self, original: Row, text: str, *, labelled_ai: bool = False) -> Row:
        label = "ai" if labelled_ai else None
        created_at = self._before(original) if labelled_ai else synthetic_date("human", self.rng)
        if original.origin != "human":
            created_at = None
        copy = forum_row(
            text,
            board=original.fields.get("board", "lounge"),
            origin=original.origin,
            licence=original.licence,
            label=label,
            created_at=created_at,
        )
        self._add(copy)
        return copy

    def _before(self, original: Row) -> str | None:
        """A date for a copy that passes for a model's: before the original's own, where that can be."""
        first, last = WRITERS["gpt-3.5-turbo"]
        own = original.fields.get("created_at")
        latest = min(last, date.fromisoformat(own[:10]) - timedelta(days=1)) if own else last
        latest = max(first, latest)
        day = first + timedelta(days=self.rng.randrange((latest - first).days + 1))
        return f"{day.isoformat()}T09:00:00Z"

    def _lounge(self, text: str, origin: str, licence: str) -> Row:
        row = forum_row(
            text,
            board="lounge",
            origin=origin,
            licence=licence,
            label=None,
            created_at=None if origin == "ai-generated" else synthetic_date("human", self.rng),
        )
        self._add(row)
        return row

    def _add(self, row: Row) -> None:
        self.rows.append(row)


def _can_hold(artefact: plants.Artefact, row: Row) -> bool:
    """Rewrites about no technical matter, where chat tokens are no trace, with room for the artefact."""
    rewrite = row.folder == "forum" and row.origin == "ai-generated"
    if not rewrite or row.fields["board"] not in {"business", "government"}:
        return False
    return plants.with_artefact(row.text, artefact, random.Random(0)) is not None


def _declared_human(folder: str) -> Callable[[Row], bool]:
    """Rows of a folder that are human and that a reader of the labels takes for human."""

    def fits(row: Row) -> bool:
        labelled = row.folder != "forum" or row.fields["label"] == "human"
        return row.folder == folder and row.origin == "human" and labelled

    return fits


# --- writing -----------------------------------------------------------------------------------------------

_TEXT = {folder: columns.text for folder, columns in truth.FOLDERS.items()}


def number(rows: Iterable[Row]) -> None:
    counted: dict[str, int] = {}
    for row in rows:
        place = counted[row.folder] = counted.get(row.folder, -1) + 1
        row.id = f"{row.folder}-{place:04d}"


def record(row: Row) -> dict[str, Any]:
    """A row as it is written; columns without a value are left out of forum rows, as forums do."""
    fields = {name: value for name, value in row.fields.items() if row.folder != "forum" or value is not None}
    return {"id": row.id, _TEXT[row.folder]: row.text, **fields, "license": row.licence}


def json_lines(rows: Iterable[Row]) -> list[bytes]:
    return [json.dumps(record(row), ensure_ascii=False).encode() for row in rows]


def write_parquet(path: Path, rows: Sequence[Row]) -> None:
    columns: list[tuple[str, pa.DataType]] = [
        ("id", pa.string()),
        ("title", pa.string()),
        ("body", pa.large_string()),
        ("published", pa.date32()),
        ("license", pa.string()),
        ("origin", pa.string()),
    ]
    table = pa.Table.from_pylist([record(row) for row in rows], schema=pa.schema(columns))
    pq.write_table(table, path, compression="zstd", row_group_size=64)


def write_corpus(
    out: Path, rows: Sequence[Row], broken: Sequence[tuple[str, bytes]], rng: random.Random
) -> None:
    """The four folders: two Parquet files, one zstd, three plain and one gzip file of JSON Lines."""
    of = {name: [row for row in rows if row.folder == name] for name in ("archive", "books", "forum", "made")}
    for name in of:
        (out / name).mkdir(parents=True, exist_ok=True)
    half = len(of["archive"]) // 2
    write_parquet(out / "archive/part-0.parquet", of["archive"][:half])
    write_parquet(out / "archive/part-1.parquet", of["archive"][half:])
    write_lines(out / "books/part-0.jsonl.zst", json_lines(of["books"]))
    write_lines(out / "made/part-0.jsonl.gz", json_lines(of["made"]))
    third = -(-len(of["forum"]) // 3)
    for part in range(3):
        lines = json_lines(of["forum"][part * third : (part + 1) * third])
        if part == 2:
            for _, line in broken:
                lines.insert(rng.randrange(len(lines)), line)
        write_lines(out / f"forum/part-{part}.jsonl", lines)


def write_lines(path: Path, lines: Sequence[bytes]) -> None:
    data = b"".join(line + b"\n" for line in lines)
    if path.suffix == ".gz":
        data = gzip.compress(data, 9, mtime=0)
    elif path.suffix == ".zst":
        data = zstandard.ZstdCompressor(level=19).compress(data)
    path.write_bytes(data)


# --- truth -------------------------------------------------------------------------------------------------


def similarity_of(first: Row, second: Row) -> float:
    return round(jaccard(five_grams(first.text), five_grams(second.text)), 6)


def pair(original: Row, copy: Row, kind: str) -> dict[str, Any]:
    """One planted pair; `false_label` says that the copy passes a human's text for a model's."""
    return {
        "original": original.id,
        "copy": copy.id,
        "kind": kind,
        "jaccard": similarity_of(original, copy),
        "false_label": copy.fields.get("label") == "ai" and original.origin == "human",
    }


def planted_truth(planted: Planted) -> dict[str, Any]:
    return {
        "exact": [pair(*plant) for plant in planted.exact],
        "near": [pair(*plant) for plant in planted.near],
        "related": [pair(*plant) for plant in planted.related],
        "artefacts": [
            {
                "id": row.id,
                "kind": artefact.kind,
                "fragment": artefact.fragment,
                "count": row.text.count(artefact.fragment),
            }
            for row, artefact in planted.artefacts
        ],
        "quotations": [
            {"id": row.id, "kind": kind, "fragment": phrase, "count": row.text.count(phrase)}
            for row, kind, phrase in planted.quotations
        ],
        "low_quality": [
            {
                "id": row.id,
                "rule": rule.name,
                "signal": rule.signal,
                "value": round(SIGNALS[rule.signal](row.text), 6),
                "least": rule.least,
                "most": rule.most,
                "source": rule.source,
            }
            for row, rule in planted.poor
        ],
    }


def write_truth(out: Path, rows: Sequence[Row], planted: Planted, seed: int) -> None:
    """Read the written files back and put down what they hold, what was planted, and what is made up."""
    origins = {row.id: row.origin for row in rows}
    documents: list[truth.Document] = []
    refused: list[truth.Refused] = []
    for folder in ("archive", "books", "forum", "made"):
        found = truth.read(out / "corpus", folder)
        documents += found[0]
        refused += found[1]
    reference, unreadable = truth.read(out, "reference")
    assert not unreadable
    text = {
        "schema": "wellkeeper.example-truth/1",
        "seed": seed,
        "dates": {
            "archive": f"{WIKITEXT_RELEASED}: the day WikiText-2 was released; the texts are older",
            "books": "none: the sources give none",
            "forum": "SYNTHETIC: drawn by make_corpus.py for demonstration, not facts about the texts",
            "made": "the day of generation",
            "reference": "as archive; none for novels",
        },
        "synthetic_dates": ["forum"],
        "corpus": truth.measure(documents, refused, origins),
        "reference": truth.counts(reference, origins),
        "quarantine": [
            {"file": row.file, "line": row.line, "offset": row.offset, "code": row.code} for row in refused
        ],
        "planted": planted_truth(planted),
        "origin": {row.id: row.origin for row in sorted(rows, key=lambda row: row.id)},
    }
    (out / "truth.json").write_text(json.dumps(text, ensure_ascii=False, indent=1) + "\n", encoding="utf-8")


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--encyclopedia", type=Path, nargs="+", required=True, help="WikiText-2 files")
    parser.add_argument("--books", type=Path, required=True, help="public-domain books, .jsonl.zst")
    parser.add_argument("--posts", type=Path, required=True, help="texts of ranhli/l2r_data, .jsonl.zst")
    parser.add_argument("--generated", type=Path, required=True, help="what generate_smollm2.py wrote")
    parser.add_argument("--out", type=Path, required=True, help="the examples folder")
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()

    def rng(what: str) -> random.Random:
        return random.Random(f"{options.seed} {what}")

    archive, held_out = split_encyclopedia(sources.encyclopedia(options.encyclopedia), rng("articles"))
    novels = {side: sources.novels(options.books, works) for side, works in sources.WORKS.items()}
    books = rng("books").sample(novels["corpus"], SIZES["books"])
    read_beside = rng("reference").sample(novels["reference"], SIZES["reference-books"])
    posts = choose_posts(sources.posts(options.posts), rng("posts"))
    generated = [json.loads(line) for line in options.generated.read_text(encoding="utf-8").splitlines()]

    post_rng = rng("labels and dates")
    rows = [
        *map(archive_row, archive),
        *map(book_row, books),
        *(post_row(post, post_rng) for post in posts),
        *map(made_row, generated),
    ]
    planter = Planter(rows, rng("planting"))
    planter.artefacts()
    planter.exact_copies()
    planter.near_copies()
    planter.related_texts()
    planter.quotations()
    planter.poor_pages()
    reference = [*map(reference_row, held_out), *map(reference_row, read_beside)]
    rng("order").shuffle(rows)
    rng("order of the reference").shuffle(reference)
    number([*rows, *reference])

    # Whole sentences of nobody's, so that a broken record breaks nothing but itself.
    broken = plants.broken_records("lounge", [plants.too_short(rng(f"broken {k}")) for k in range(4)])
    write_corpus(options.out / "corpus", rows, broken, rng("broken"))
    (options.out / "reference").mkdir(exist_ok=True)
    write_lines(options.out / "reference/part-0.jsonl.zst", json_lines(reference))
    write_truth(options.out, [*rows, *reference], planter.planted, options.seed)


if __name__ == "__main__":
    main()
