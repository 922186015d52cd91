"""Text that is marked without a model: of a few random tokens the one that the key likes best, and a small tokeniser."""

import json

import numpy as np

from wellkeeper.watermark.prf import states, uniforms
from wellkeeper.watermark.tokens import tokens_of

VOCABULARY = 400
CHOICE = 6  # tokens to choose from


def marked_rows(key, *, documents, length, seed=0):
    """Lists of token ids that a Unigram or Gumbel key marked."""
    random = np.random.default_rng(seed)
    return [_row(key, random.integers(0, VOCABULARY, (length, CHOICE))) for _ in range(documents)]


def plain_rows(*, documents, length, seed=0):
    return np.random.default_rng(seed).integers(0, VOCABULARY, (documents, length)).tolist()


def marked(key, **how):
    return tokens_of(marked_rows(key, **how))


def plain(**how):
    return tokens_of(plain_rows(**how))


def laid(*rows):
    """The rows as a detector takes them: token ids and offsets."""
    found = tokens_of(rows)
    return found.ids, found.offsets


def _row(key, candidates):
    row = []
    for choice in candidates:
        likes = _liked(key, np.array(row, np.int64), choice)
        row.append(int(choice[likes.argmax()]))
    return row


def _liked(key, row, choice):
    if key.scheme == "unigram":
        return key.secret["green"][choice]
    context = int(key.parameters["context"])
    if len(row) < context:
        return np.zeros(len(choice))
    return uniforms(states(key.secret["key"], row[-context:]), choice)


def words_tokenizer(size=VOCABULARY):
    """A tokenizer.json whose pieces are w0, w1, ..."""
    tokenizers = __import__("tokenizers")
    inner = tokenizers.Tokenizer(
        tokenizers.models.WordLevel({f"w{k}": k for k in range(size)}, unk_token="w0")
    )
    inner.pre_tokenizer = tokenizers.pre_tokenizers.Whitespace()
    return json.loads(inner.to_str())


def as_text(row):
    return " ".join(f"w{token}" for token in row)
