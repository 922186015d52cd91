"""Pieces of words, byte-level: what language models read. Imported when a tokeniser is needed, and not before.

A byte-level piece stands for bytes of the text, none left out and none added, so that any text can be read, and where
each piece ends is known from its own length.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import chain
from typing import Any

import numpy as np
from numpy.typing import NDArray

from wellkeeper.errors import MissingExtraError
from wellkeeper.lab.human import HumanText
from wellkeeper.lab.learner import Surprise, by_words, words_of
from wellkeeper.lab.text import Text, bounds_of, places_of

GAP = "\n\n"
"""Stands after each document, and so between two."""
_BREAKS = ("\u0120", "\u010a")
"""How a blank and an end of line are written in pieces: byte-level alphabets begin at U+0100."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Pieces:
    """A byte-level tokeniser. Control tokens stand for no bytes."""

    tokeniser: Any  # of the library `tokenizers`
    opening: int  # the token that documents are read after
    widths: NDArray[np.int64]  # shape (tokens,): bytes that each token stands for
    begins: NDArray[np.bool_]  # shape (tokens,): whether a word begins with the token, or a line

    def __len__(self) -> int:
        return self.widths.size

    def encoded(self, documents: Sequence[str]) -> Text:
        """Tokens of documents; what looks like a control token is letters."""
        whole = [document.encode(errors="replace").decode() for document in documents]
        found = [one.ids for one in self.tokeniser.encode_batch(whole, add_special_tokens=False)]
        sizes = np.fromiter(map(len, found), np.int64, len(found))
        words = np.fromiter(chain.from_iterable(found), np.int32, int(sizes.sum()))
        return Text(offsets=bounds_of(sizes), words=words)

    def in_a_row(self, documents: Sequence[str]) -> NDArray[np.int32]:
        """Tokens of all documents, one after the other, as models are trained on them."""
        return self.encoded([document.rstrip() + GAP for document in documents]).words

    def written(self, windows: NDArray[np.integer]) -> str:
        """Windows of tokens as one text, shape (windows, tokens)."""
        return "".join(self.tokeniser.decode_batch(windows.tolist()))

    def ends(self, tokens: NDArray[np.integer]) -> NDArray[np.int64]:
        """Where each token of a document ends, in bytes of its UTF-8."""
        ends: NDArray[np.int64] = np.cumsum(self.widths[tokens])
        return ends


def trained(documents: Sequence[str], size: int) -> Pieces:
    """A tokeniser of at most `size` pieces: byte-pair encoding of documents, of their bytes [1].

    [1] Sennrich, Haddow and Birch, Neural machine translation of rare words with subword units, ACL 2016.

    Raises:
        MissingExtraError: the library `tokenizers` is not installed.
    """
    try:
        import tokenizers
        from tokenizers import decoders, models, pre_tokenizers, trainers
    except ImportError as error:
        raise MissingExtraError("A tokeniser", extra="torch") from error

    tokeniser = tokenizers.Tokenizer(models.BPE())
    tokeniser.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokeniser.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=size,
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    tokeniser.train_from_iterator(documents, trainer)
    return pieces_of(tokeniser, tokeniser.encode(GAP).ids[-1], tokeniser.get_vocab_size())


def pieces_of(tokeniser: Any, opening: int, size: int) -> Pieces:
    """A byte-level tokeniser, with the bytes of each of its `size` pieces."""
    widths, begins = np.zeros(size, np.int64), np.zeros(size, np.bool_)
    tokeniser.encode_special_tokens = True
    control = tokeniser.get_added_tokens_decoder()
    for piece, number in tokeniser.get_vocab().items():
        if number not in control:
            widths[number] = len(piece)  # one letter of the library's alphabet stands for each byte
            begins[number] = piece.startswith(_BREAKS)
    return Pieces(tokeniser=tokeniser, opening=opening, widths=widths, begins=begins)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class HeldOutPieces:
    """The held-out documents of people as tokens, and where their words begin."""

    pieces: Pieces
    tokens: Text
    places: Sequence[NDArray[np.int64]]  # of each document: where its words begin, in bytes

    @classmethod
    def of(cls, human: HumanText, pieces: Pieces) -> "HeldOutPieces":
        words = np.split(human.held_out.words, human.held_out.offsets[1:-1])
        places = [
            places_of(document, (human.vocabulary.words[word] for word in found))
            for document, found in zip(human.held_out_documents, words, strict=True)
        ]
        return cls(pieces=pieces, tokens=pieces.encoded(human.held_out_documents), places=places)

    def by_word(self, nats: NDArray[np.float64]) -> NDArray[np.float64]:
        """Surprise at each held-out word, from that at each token."""
        return nats_of_words(self.pieces, self.tokens, nats, self.places)


def surprise_of(documents: Sequence[str], pieces: Pieces, text: Text, nats: NDArray[np.float64]) -> Surprise:
    """Surprise at documents, by their words, from that at their tokens `text`."""
    words = words_of(documents)
    by_word = nats_of_words(pieces, text, nats, np.split(words.firsts, words.offsets[1:-1]))
    sums = np.concatenate(([0.0], np.cumsum(nats)))[text.offsets]
    return Surprise(nats=np.diff(sums), words=words.sizes, by_word=by_word if words.sizes.all() else None)


def nats_of_words(
    pieces: Pieces, text: Text, nats: NDArray[np.float64], places: Sequence[NDArray[np.int64]]
) -> NDArray[np.float64]:
    """Surprise at the words of documents, from that at their tokens: shape (words of all documents,).

    Args:
        pieces: the tokeniser.
        text: the documents' tokens.
        nats: negative log-likelihood of each token.
        places: where the words of each document begin, in bytes; a document without words counts for nothing.
    """
    parts = [
        by_words(pieces.ends(text.words[first:end]), nats[first:end], found)
        for first, end, found in zip(
            text.offsets[:-1].tolist(), text.offsets[1:].tolist(), places, strict=True
        )
        if found.size
    ]
    return np.concatenate(parts) if parts else np.zeros(0)


def windows_of(
    text: Text, opening: int, context: int
) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64]]:
    """What a model reads, what follows, and the place of each token that follows, each of shape (windows, context).

    Each document is read from its beginning, after the token `opening`, in windows that do not overlap: a token has
    from 1 to `context` tokens before it. Where a window has no token any more, the place is -1.
    """
    before = np.empty_like(text.words)
    before[1:] = text.words[:-1]
    before[text.offsets[:-1][text.sizes > 0]] = opening
    counts = -(-text.sizes // context)
    within = np.arange(counts.sum()) - np.repeat(np.cumsum(counts) - counts, counts)
    places = (np.repeat(text.offsets[:-1], counts) + within * context)[:, None] + np.arange(context)
    real = places < np.repeat(text.offsets[1:], counts)[:, None]
    owners = np.where(real, places, -1)
    return np.where(real, before[owners], opening), np.where(real, text.words[owners], opening), owners
