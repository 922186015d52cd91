"""The four public sources of the example corpus, read into plain rows."""

import io
import json
import re
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import zstandard
from definitions import is_plain, words

MIN_WORDS, MAX_WORDS = 150, 900  # of a section of the encyclopedia
MAX_PASSAGE = 1_800  # words of a passage of a novel


@dataclass(frozen=True, slots=True, kw_only=True)
class Section:
    """Some paragraphs of an encyclopedia article."""

    article: str
    text: str
    unknown: float  # share of tokens, in [0, 1], that WikiText-2 replaced by <unk>


@dataclass(frozen=True, slots=True, kw_only=True)
class Passage:
    """Some paragraphs of a novel."""

    author: str
    work: str
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Post:
    """A human text, or a model's rewrite of one."""

    board: str
    text: str
    generator: str  # "human", or the model
    pair: str  # shared by a human text and its rewrites


# --- WikiText-2 --------------------------------------------------------------------------------------------

_JOINERS = re.compile(r" @([-,.])@ ")
_CLITIC = re.compile(r" ('(?:s|t|re|ve|m|d|ll))(?=\s|$)")
_BEFORE = re.compile(r" +([,.;:!?)\]%\u00b0\u2019\u201d]|\.\.\.)(?=[\s)\]\"'\u2019\u201d,.;:!?]|$)")
_AFTER = re.compile(r"([(\[$\u00a3\u00a5#\u201c\u2018]) +")
_RANGE = re.compile(r"(?<=\d) \u2013 (?=\d)")


def detokenise(line: str) -> str:
    """Undo WikiText's tokenisation of one paragraph, as far as it can be undone.

    >>> detokenise('It was 0 @.@ 7 m ( 2 ft ) long ; " red @-@ tipped " , the sailors \\' word .')
    'It was 0.7 m (2 ft) long; "red-tipped", the sailors\\' word.'
    """
    line = _JOINERS.sub(r"\1", f" {line.strip()} ").strip()
    line = _RANGE.sub("\u2013", _CLITIC.sub(r"\1", line))
    line = " ".join(_quotes(line.split()))
    line = _AFTER.sub(r"\1", line)
    # Twice: a match takes no part in the next one's look-ahead, as in `word ) .`
    return _BEFORE.sub(r"\1", _BEFORE.sub(r"\1", line))


def _quotes(tokens: Sequence[str]) -> Iterator[str]:
    """Tokens with lone quotation marks joined to the word they open or close."""
    is_open = {'"': False, "'": False}
    opening = ""
    held: str | None = None
    for token in tokens:
        if token not in is_open:
            if held is not None:
                yield held
            held, opening = opening + token, ""
        elif is_open[token] and held is not None and not opening:
            held += token
            is_open[token] = False
        elif token == "'" and held is not None and held.endswith("s") and not opening:
            held += token  # a plural's possessive
        else:
            opening += token
            is_open[token] = True
    if held is not None:
        yield held
    if opening:
        yield opening


def articles(path: Path) -> Iterator[tuple[str, list[list[str]]]]:
    """Titles of a WikiText file with their sections, each a list of raw paragraphs."""
    title = ""
    sections: list[list[str]] = [[]]
    rows = ["", *path.read_text(encoding="utf-8").split("\n"), ""]
    for before, line, after in zip(rows, rows[1:], rows[2:], strict=False):
        heading = re.fullmatch(r" ((?:= )+)(.*?)((?: =)+) ?", line)
        alone = not before.strip() and not after.strip()
        if heading and alone and heading[1] == "= ":
            if title:
                yield title, sections
            title, sections = heading[2], [[]]
        elif heading and alone:
            if heading[1] == "= = ":
                sections.append([])
        elif line.strip():
            sections[-1].append(line)
    yield title, sections


def sections_of(title: str, sections: Sequence[Sequence[str]]) -> Iterator[Section]:
    """Sections of 150 to 900 words: short neighbours are joined, long ones cut at a paragraph's end."""
    held: list[str] = []
    for section in sections:
        for paragraph in section:
            if held and _count([*held, paragraph]) > MAX_WORDS:
                yield from _section(title, held)
                held = []
            held.append(paragraph)
        if _count(held) >= MIN_WORDS:
            yield from _section(title, held)
            held = []
    yield from _section(title, held)


def _section(title: str, paragraphs: Sequence[str]) -> Iterator[Section]:
    tokens = " ".join(paragraphs).split()
    text = "\n\n".join(map(detokenise, paragraphs))
    if MIN_WORDS <= len(words(text)) <= MAX_WORDS and is_plain(text):
        yield Section(article=detokenise(title), text=text, unknown=tokens.count("<unk>") / len(tokens))


def _count(paragraphs: Sequence[str]) -> int:
    return sum(len(words(detokenise(paragraph))) for paragraph in paragraphs)


def encyclopedia(paths: Sequence[Path]) -> list[Section]:
    """Sections of all articles whose title, with its unknown words, is not another's as well."""
    found = [article for path in paths for article in articles(path)]
    titles = Counter(title for title, _ in found)
    return [section for title, parts in found if titles[title] == 1 for section in sections_of(title, parts)]


# --- public-domain novels ----------------------------------------------------------------------------------

# Written in English, by authors who died before 1930.
WORKS = {
    "corpus": (
        "Charles Dickens/Our Mutual Friend",
        "Elizabeth Gaskell/Wives and Daughters",
        "George Eliot/Daniel Deronda",
        "George Eliot/Middlemarch",
        "James Fenimore Cooper/The Deerslayer",
        "James Fenimore Cooper/The Pioneers",
        "Jane Austen/Mansfield Park",
        "Jane Austen/Sense and Sensibility",
        "Thomas Hardy/Far from the Madding Crowd",
        "Thomas Hardy/Jude the Obscure",
        "Wilkie Collins/The Moonstone",
        "Wilkie Collins/The Woman in White",
    ),
    "reference": (
        "Charles Dickens/A Tale of Two Cities",
        "Elizabeth Gaskell/Mary Barton",
        "George Eliot/The Mill on the Floss",
        "James Fenimore Cooper/The Pathfinder",
        "Jane Austen/Northanger Abbey",
        "Thomas Hardy/The Return of the Native",
        "Wilkie Collins/The Haunted Hotel",
    ),
}
_HEADING = re.compile(r"^#+ .*$", re.MULTILINE)
_EMPHASIS = re.compile(r"\*\*|(?<!\w)_(?=\S)|(?<=\S)_(?!\w)")
_EDITORIAL = re.compile(r"(?i)gutenberg|e-?text|\bebook|transcriber|https?:|\[\d+\]|\*\*\*")


def unmarked(text: str) -> str:
    """The text of a passage without Markdown headings and emphasis marks."""
    bare = _EMPHASIS.sub("", _HEADING.sub("", text))
    return re.sub(r"\n{3,}", "\n\n", bare).strip()


def novels(path: Path, works: Sequence[str]) -> list[Passage]:
    """Passages of the given works, `Author/Title`, from JSON Lines with `id`, `source` and `text`.

    Ids of planted copies start with `p` and are passed over.
    """
    wanted = {f"books:{work}.md": work for work in works}
    found = []
    for row in read_zst(path):
        work = wanted.get(row["source"])
        if work is None or row["id"].startswith("p") or _EDITORIAL.search(row["text"]):
            continue
        text = unmarked(row["text"])
        if MIN_WORDS <= len(words(text)) <= MAX_PASSAGE and is_plain(text):
            author, _, title = work.partition("/")
            found.append(Passage(author=author, work=title, text=text))
    return sorted(found, key=lambda passage: (passage.author, passage.work, passage.text))


# --- ranhli/l2r_data ---------------------------------------------------------------------------------------

# Only the domains whose human side is itself free to pass on: abstracts and Wikipedia prose. The data set's
# reviews, news, stories and dialogues come from places with terms of their own.
BOARDS = {
    "AcademicResearch": "academic-research",
    "TechnicalWriting": "technical-writing",
    "Business": "business",
    "GovernmentPublic": "government",
}


def posts(path: Path, *, min_words: int = 55) -> list[Post]:
    """Human texts and rewrites of the four domains, without repeats."""
    found: dict[str, Post] = {}
    for row in read_zst(path):
        text = row["text"].strip()
        if row["domain"] in BOARDS and len(words(text)) >= min_words and is_plain(text):
            board = BOARDS[row["domain"]]
            post = Post(board=board, text=text, generator=row["generator"], pair=row["pair"])
            found.setdefault(text, post)
    return sorted(found.values(), key=lambda post: (post.board, post.pair, post.generator, post.text))


def read_zst(path: Path) -> Iterator[dict[str, Any]]:
    with path.open("rb") as file:
        stream = zstandard.ZstdDecompressor().stream_reader(file)
        yield from map(json.loads, io.TextIOWrapper(stream, encoding="utf-8"))
