"""WikiText-2's test and validation text, on which the lab's checks of language models are run.

Merity, Xiong, Bradbury and Socher, Pointer sentinel mixture models, arXiv:1609.07843. Words are what white space parts,
rare ones are `<unk>`, and a line ends with a word of its own. The text is a stream: its articles are not told apart.
"""

import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from wellkeeper.errors import InputError
from wellkeeper.lab.human import HumanText
from wellkeeper.lab.text import numbered

SHA256: Mapping[str, str] = {
    "test.txt": "d790b833ef8cf03a90db7bf1271b7520b83c45ce07ba3c1a9699df81e239eca0",
    "valid.txt": "f0737ed31fc1329026e95cb8b98e19c2a182c39c240ab909dc31abf2f8af58e8",
}
"""Of the files as pytorch/examples has them, word_language_model/data/wikitext-2."""

TRAINED_ON = 200_000
"""Words of the test text that the first model is trained on; 12,815 types, 7,777 of them seen up to three times."""
HELD_OUT_FROM = 156_000
"""Word of the validation text from which on it is held out: enough is left before it for a tenth of each of ten
training sets to be fresh."""


@dataclass(frozen=True, slots=True, kw_only=True)
class WikiText:
    """Both texts."""

    test: str
    valid: str

    def human(self) -> HumanText:
        """The test text and then the validation text as one stream, the end of the latter held out."""
        cut = _end_of_word(self.valid, HELD_OUT_FROM)
        parts = [[self.test + self.valid[:cut]], [self.valid[cut:]]]
        (text, held_out), vocabulary = numbered(parts, marks_apart=False)
        return HumanText(
            text=text,
            held_out=held_out,
            vocabulary=vocabulary,
            documents=parts[0],
            held_out_documents=parts[1],
            marks_apart=False,
        )


def wikitext(folder: Path) -> WikiText:
    """Read test.txt and valid.txt, plain or as .zst.

    Raises:
        InputError: a file is not there, or is another one.
    """
    return WikiText(test=_read(folder, "test.txt"), valid=_read(folder, "valid.txt"))


def _read(folder: Path, name: str) -> str:
    plain, packed = folder / name, folder / f"{name}.zst"
    path = plain if plain.exists() else packed
    try:
        data = plain.read_bytes() if path is plain else _unpacked(packed)
    except OSError as error:
        raise InputError(
            f"{folder} has no {name} and no {name}.zst that can be read. Give a folder with WikiText-2's test.txt and "
            "valid.txt, such as examples/wikitext-2 of the repository."
        ) from error
    found = hashlib.sha256(data).hexdigest()
    if found != SHA256[name]:
        raise InputError(
            f"{path} is not WikiText-2 as the checks know it: its SHA-256 is {found}. "
            f"Give the file whose SHA-256 is {SHA256[name]}."
        )
    return data.decode()


def _unpacked(path: Path) -> bytes:
    import pyarrow as pa

    with pa.OSFile(str(path)) as file, pa.CompressedInputStream(file, "zstd") as stream:
        return bytes(stream.read())


def _end_of_word(text: str, words: int) -> int:
    """Where in a text the first `words` words end, ends of lines that are not blank included."""
    left, at = words, 0
    for line in text.splitlines(keepends=True):
        spans = [match.end() for match in re.finditer(r"\S+", line)]
        if spans and left <= len(spans):
            return at + (spans[left - 1] if left else 0)
        left -= len(spans) + bool(spans)
        at += len(line)
    return at
