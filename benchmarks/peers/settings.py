"""What every peer is told, and what a peer that is a library needs around it. Standard library only.

Words are maximal runs of letters, digits and underscores, in lower case, where a tool leaves that to its caller;
tools that bring their own words use them. 128 hashes are cut into 16 bands of 8: eight hashes a band is what
FineWeb uses (Penedo et al., arXiv:2406.17557), and 16 such bands spend the 128.
"""

import json
import re
from collections.abc import Iterable, Iterator
from pathlib import Path

SIMILARITY = 0.8
"""Jaccard similarity of the sets of word 5-grams from which two documents are duplicates."""
SHINGLE_WORDS = 5
HASHES = 128
BANDS = 16
ROWS = HASHES // BANDS
KEPT = "kept_ids.txt"

_WORD = re.compile(r"\w+")


def documents(corpus: Path) -> Iterator[tuple[str, str]]:
    """Id and text of each line of a JSON lines file."""
    with corpus.open(encoding="utf-8") as stream:
        for line in stream:
            row = json.loads(line)
            yield row["id"], row["text"]


def shingles(text: str) -> list[str]:
    """Word 5-grams as strings; a shorter text is one shingle."""
    words = _WORD.findall(text.lower())
    return [" ".join(words[at : at + SHINGLE_WORDS]) for at in range(max(1, len(words) - SHINGLE_WORDS + 1))]


def write_kept(out: Path, ids: Iterable[str]) -> None:
    """Leave the ids of the documents that stay, one a line, where the benchmark looks for them."""
    (out / KEPT).write_text("".join(f"{id_}\n" for id_ in ids), encoding="utf-8")
