"""KGW: how many tokens of a text are on the green lists of a key.

Before each token a generator is seeded by the key and the tokens before it (lefthash), or those and the token itself
(selfhash), and the first part of a random permutation of the vocabulary is green; a marked text was pushed towards
green tokens [1, 2]. Green lists here are those of transformers' classes [3] on a processor, without making them: of a
permutation only the place of one token is followed.

A token of a text is one draw of its key only once. The draw is the seed and the token; where both come again, for
whatever reason, the answer is the same, and counting it twice makes a chance hit look like two [4]. Counted are
therefore distinct draws of each document, and their number of green ones is binomial if the text knows nothing of the
key. Tokens that follow the same seed are drawn without replacement, which only makes large counts rarer.

[1] Kirchenbauer et al., A watermark for large language models, ICML 2023, arXiv:2301.10226: algorithms 2 and 3.
[2] Kirchenbauer et al., On the reliability of watermarks for large language models, ICLR 2024, arXiv:2306.04634.
[3] transformers 5: WatermarkLogitsProcessor and WatermarkDetector.
[4] Fernandez et al., Three bricks to consolidate watermarks for large language models, arXiv:2308.00113.
"""

from dataclasses import dataclass
from functools import cached_property
from typing import Literal, NamedTuple, TypeAlias, get_args

import numpy as np
from numpy.typing import NDArray

from wellkeeper.errors import DataError, did_you_mean
from wellkeeper.watermark.detection import Scores, check_documents
from wellkeeper.watermark.loops.kgw import FOLLOWED, find_green
from wellkeeper.watermark.loops.mersenne import WORDS, fill_permutation
from wellkeeper.watermark.nulls import binomial_tail, p_value

Seeding: TypeAlias = Literal["lefthash", "selfhash"]
Counting: TypeAlias = Literal["draws", "ngrams", "all"]

LARGEST_VOCABULARY = (2**32 - 1) // 20 - 1
"""Above it torch draws permutations in another way."""
FIXED_TABLE_SIZE = 1_000_003
"""Of the table by which selfhash hashes tokens, as in the reference."""


class _Places(NamedTuple):
    """Tokens that count, and the tokens before them that belong to it; arrays share one shape."""

    document: NDArray[np.int64]
    first: NDArray[np.int64]  # where the n-gram starts


@dataclass(frozen=True, kw_only=True, eq=False)
class KGW:
    """KGW with one key.

    Raises:
        DataError: a setting is out of its range, or green lists were drawn on another device than a processor.
    """

    vocabulary: int  # the model's, 2 or more: width of its logits
    key: int  # 1 to 2^63 - 1; the reference calls it hashing_key
    green: float = 0.25  # share of the vocabulary that is green, in (0, 1)
    scheme: Seeding = "lefthash"
    context: int = 1  # tokens that the hash may look at, 1 or more; lefthash looks at the last one only
    counting: Counting = "draws"
    """What counts once in a document: a draw, that is, a seed and a token; or an n-gram, as in the reference with
    `ignore_repeated_ngrams`; or everything, as in the reference by default. P-values are for draws."""
    bos: int | None = None  # a first token of this id is left out, as in the reference
    device: str = "cpu"  # that the text's green lists were drawn on

    def __post_init__(self) -> None:
        if self.device != "cpu":
            raise DataError(
                f"device is {self.device!r}: a graphics card draws other green lists, which cannot be drawn here. "
                'Mark with lists that the processor draws, and give "cpu".'
            )
        if not 2 <= self.vocabulary <= LARGEST_VOCABULARY:
            raise DataError(f"vocabulary is {self.vocabulary}. Give 2 to {LARGEST_VOCABULARY:,} tokens.")
        if not 1 <= self.key < 1 << 63:
            raise DataError(f"key is {self.key}. Give a whole number from 1, below 2^63.")
        if not 0 < self.green < 1 or not self.green_tokens:
            raise DataError(
                f"green is {self.green:g}, which makes {self.green_tokens} of {self.vocabulary} tokens "
                "green. Give a share above 0 and below 1 that comes to one token or more."
            )
        if self.context < 1:
            raise DataError(f"context is {self.context}. Give 1 or more.")
        for name, value, known in (
            ("scheme", self.scheme, get_args(Seeding)),
            ("counting", self.counting, get_args(Counting)),
        ):
            if value not in known:
                raise DataError(
                    f"{name} is {value!r}.{did_you_mean(value, known)} Choose one of {', '.join(known)}."
                )

    @property
    def name(self) -> str:
        return f"kgw-{self.scheme}"

    @property
    def green_tokens(self) -> int:
        """Tokens on a green list."""
        return int(self.vocabulary * self.green)

    def scores(self, tokens: NDArray[np.int32], offsets: NDArray[np.int64]) -> Scores:
        """Count green tokens; see `Detector.scores`.

        A document of `context` tokens or fewer has none that count.

        Raises:
            DataError: a token id is negative or not below the vocabulary's size; offsets do not delimit the tokens.
        """
        check_documents(tokens, offsets, vocabulary=self.vocabulary)
        documents = len(offsets) - 1
        places = self._places(tokens, offsets)
        draws, draw = np.unique(self._draws(tokens, places), return_inverse=True)
        document, draw = self._counted(tokens, places, draw)
        green = np.bincount(document, weights=self._is_green(draws)[draw], minlength=documents)
        return Scores(
            scored=np.bincount(document, minlength=documents), statistic=np.rint(green).astype(np.int64)
        )

    def draws_of(self, ngrams: NDArray[np.int32]) -> NDArray[np.uint64]:
        """The draw of each n-gram, shape (n-grams,): equal ones are one draw, whatever the n-grams.

        Args:
            ngrams: shape (n-grams, tokens of one), the token last: two tokens with lefthash, `context` with selfhash.
        """
        first = np.arange(len(ngrams), dtype=np.int64) * self._length
        return self._draws(
            np.ascontiguousarray(ngrams[:, -self._length :]).reshape(-1), _Places(first, first)
        )

    def count_green(self, draws: NDArray[np.uint64]) -> int:
        """How many of some draws are green."""
        return int(self._is_green(draws).sum())

    def p_values(self, scores: Scores) -> NDArray[np.float64]:
        """See `Detector.p_values`: distinct draws are green with the chance that the list's share of tokens is.

        torch draws by the remainder of a 32-bit word, which moves that chance by at most 1 part in 2^32 / vocabulary,
        less than 1 in 16,000 up to 262,144 tokens.

        Raises:
            DataError: `counting` is not "draws".
        """
        if self.counting != "draws":
            raise DataError(
                f"counting is {self.counting!r}: repeats are counted, and the counts have no known distribution. Score "
                'with counting="draws".'
            )
        tail = binomial_tail(scores.statistic, scores.scored, self.green_tokens / self.vocabulary)
        return p_value(tail, scores.scored)

    @property
    def _length(self) -> int:
        """Tokens of an n-gram."""
        return self.context + (self.scheme == "lefthash")

    def _places(self, tokens: NDArray[np.int32], offsets: NDArray[np.int64]) -> _Places:
        begin, end = offsets[:-1], offsets[1:]
        if self.bos is not None and tokens.size:
            begin = begin + ((end > begin) & (tokens[np.minimum(begin, tokens.size - 1)] == self.bos))
        length = end - begin
        many = np.where(length > self.context, length - self._length + 1, 0)
        before = np.cumsum(many) - many
        document = np.repeat(np.arange(len(many)), many)
        return _Places(document, np.arange(document.size) + np.repeat(begin - before, many))

    def _draws(self, tokens: NDArray[np.int32], places: _Places) -> NDArray[np.uint64]:
        """The seed of each place, and its token in the low 32 bits."""
        last = places.first + self._length - 1
        if self.scheme == "selfhash":
            seeds = self._selfhash_seeds(tokens, places)
        else:
            seeds = lefthash_seeds(self.key, tokens[last - 1])
        return (seeds.astype(np.uint64) << np.uint64(32)) | tokens[last].astype(np.uint64)

    def _selfhash_seeds(self, tokens: NDArray[np.int32], places: _Places) -> NDArray[np.uint32]:
        """The least, as signed words, of key * table[token] * table[last token], over the tokens of the n-gram."""
        hashed = self._fixed_table[tokens % FIXED_TABLE_SIZE]
        times = hashed[places.first + self._length - 1] * np.int64(self.key)
        least = times * hashed[places.first]
        for k in range(1, self._length):
            np.minimum(least, times * hashed[places.first + k], out=least)
        # modulo 2^64 - 1, of which the generator takes 32 bits
        seeds: NDArray[np.uint32] = (least - (least < 0)).astype(np.uint32)
        return seeds

    def _counted(
        self, tokens: NDArray[np.int32], places: _Places, draw: NDArray[np.int64]
    ) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Document and draw of whatever counts."""
        if self.counting == "all" or not draw.size:
            return places.document, draw
        kind = draw if self.counting == "draws" else self._ngrams(tokens, places)
        _, kept = np.unique(places.document * (kind.max() + 1) + kind, return_index=True)
        return places.document[kept], draw[kept]

    def _ngrams(self, tokens: NDArray[np.int32], places: _Places) -> NDArray[np.int64]:
        """Numbers of the n-grams, equal for equal ones."""
        kind = tokens[places.first].astype(np.int64)
        for k in range(1, self._length):
            _, kind = np.unique(kind << 32 | tokens[places.first + k], return_inverse=True)
        return kind

    def _is_green(self, draws: NDArray[np.uint64]) -> NDArray[np.uint8]:
        found = np.empty(draws.size, np.uint8)
        find_green(
            (draws >> np.uint64(32)).astype(np.uint32),
            draws.astype(np.uint32).astype(np.int32),
            self._inverses,
            np.empty(WORDS, np.uint32),
            np.empty(WORDS, np.uint32),
            np.empty(FOLLOWED, np.int64),
            np.empty(self.vocabulary, np.int32),
            np.empty(self.vocabulary, np.uint8),
            found,
        )
        return found

    @cached_property
    def _inverses(self) -> NDArray[np.float64]:
        return 1.0 / (self.vocabulary - np.arange(self.green_tokens, dtype=np.float64))

    @cached_property
    def _fixed_table(self) -> NDArray[np.int64]:
        return permutation(FIXED_TABLE_SIZE, self.key).astype(np.int64) + 1


def permutation(size: int, seed: int) -> NDArray[np.int32]:
    """`torch.randperm(size)` of a processor's generator of this seed, shape (size,)."""
    out = np.empty(size, np.int32)
    fill_permutation(seed & 0xFFFFFFFF, np.empty(WORDS, np.uint32), out)
    return out


def lefthash_seeds(key: int, tokens: NDArray[np.int32]) -> NDArray[np.uint32]:
    """What the generator takes of key * token modulo 2^64 - 1, its low 32 bits; of the shape of `tokens`.

    >>> lefthash_seeds(15_485_863, np.array([0, 1, 2], np.int32)).tolist()
    [0, 15485863, 30971726]
    """
    high, low = (np.uint64(part) for part in divmod(key, 1 << 32))
    factor = tokens.astype(np.uint64)
    above = high * factor
    # 2^64 is 1 here: what passes the top comes in at the bottom
    turned = (above << np.uint64(32)) | (above >> np.uint64(32))
    total = turned + low * factor
    total += total < turned
    total[total == np.uint64(2**64 - 1)] = 0
    seeds: NDArray[np.uint32] = total.astype(np.uint32)
    return seeds
