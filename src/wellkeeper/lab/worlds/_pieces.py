"""Pieces of words, byte-level: what language models read. Imported when a tokeniser is needed, and not before.

A byte-level piece stands for bytes of the text, none left out and none added, so that any text can be read, and where
each piece ends is known from its own length.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from wellkeeper.lab.learner import Surprise, by_words, words_of
from wellkeeper.lab.text import Text, bounds_of

END = "<|end|>"
"""Stands before each document, and so between two."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Pieces:
    """A byte-level tokeniser. Control tokens stand for no bytes."""

    tokeniser: Any  # of the library `tokenizers`
    end: int  # the token before each document
    widths: NDArray[np.int64]  # shape (tokens,): bytes that each token stands for

    def __len__(self) -> int:
        return self.widths.size

    def encoded(self, documents: Sequence[str]) -> Text:
        """Tokens of documents, without the token before them."""
        whole = [document.encode(errors="replace").decode() for document in documents]
        found = [one.ids for one in self.tokeniser.encode_batch(whole, add_special_tokens=False)]
        sizes = np.fromiter(map(len, found), np.int64, len(found))
        words = np.concatenate([np.array(ids, np.int32) for ids in found]) if found else np.zeros(0, np.int32)
        return Text(offsets=bounds_of(sizes), words=words)

    def decoded(self, text: Text) -> list[str]:
        """Documents as strings; the mark of an end inside one becomes an end of line."""
        ids = text.words.tolist()
        marks = text.offsets.tolist()
        return [
            "\n".join(self.tokeniser.decode_batch(_parted(ids[first:last], self.end)))
            for first, last in zip(marks[:-1], marks[1:], strict=True)
        ]

    def ends(self, tokens: NDArray[np.integer]) -> NDArray[np.int64]:
        """Where each token of a document ends, in bytes of its UTF-8."""
        ends: NDArray[np.int64] = np.cumsum(self.widths[tokens])
        return ends


def _parted(ids: list[int], end: int) -> list[list[int]]:
    parts: list[list[int]] = [[]]
    for token in ids:
        if token == end:
            parts.append([])
        else:
            parts[-1].append(token)
    return parts


def trained(documents: Sequence[str], size: int) -> Pieces:
    """A tokeniser of at most `size` pieces: byte-pair encoding of documents, of their bytes [1].

    [1] Sennrich, Haddow and Birch, Neural machine translation of rare words with subword units, ACL 2016.
    """
    import tokenizers
    from tokenizers import decoders, models, pre_tokenizers, trainers

    tokeniser = tokenizers.Tokenizer(models.BPE())
    tokeniser.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokeniser.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=size,
        special_tokens=[END],
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    tokeniser.train_from_iterator(documents, trainer)
    tokeniser.encode_special_tokens = True  # a document that has the letters of a mark has letters
    return pieces_of(tokeniser, tokeniser.token_to_id(END), tokeniser.get_vocab_size())


def pieces_of(tokeniser: Any, end: int, size: int) -> Pieces:
    """A byte-level tokeniser, with the bytes of each of its `size` pieces."""
    widths = np.zeros(size, np.int64)
    control = tokeniser.get_added_tokens_decoder()
    for piece, number in tokeniser.get_vocab().items():
        if number not in control:
            widths[number] = len(piece)  # one letter of the library's alphabet stands for each byte
    return Pieces(tokeniser=tokeniser, end=end, widths=widths)


def surprise_of(documents: Sequence[str], pieces: Pieces, text: Text, nats: NDArray[np.float64]) -> Surprise:
    """What the pieces of documents surprise, told by word.

    Args:
        documents: as strings.
        pieces: the tokeniser.
        text: the documents' tokens.
        nats: negative log-likelihood of each token.
    """
    words = words_of(documents)
    by_word = np.zeros(words.firsts.size)
    sums = np.zeros(len(documents))
    for document in range(len(documents)):
        tokens = slice(*text.offsets[document : document + 2])
        places = slice(*words.offsets[document : document + 2])
        sums[document] = nats[tokens].sum()
        if words.firsts[places].size:
            ends = pieces.ends(text.words[tokens])
            by_word[places] = by_words(ends, nats[tokens], words.firsts[places])
    has_words = words.sizes > 0
    return Surprise(nats=sums, words=words.sizes, by_word=by_word if has_words.all() else None)
