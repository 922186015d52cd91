"""Interpolated Kneser-Ney straight from its definition, with sets and dictionaries, for tests."""

from collections import Counter
from collections.abc import Hashable, Sequence

Documents = Sequence[Sequence[Hashable]]
START = object()


class NaiveKneserNey:
    def __init__(self, documents: Documents, *, vocabulary: int, order: int, discount: float) -> None:
        self.vocabulary, self.order, self.discount = vocabulary, order, discount
        padded = [[START] * (order - 1) + list(document) for document in documents]
        grams = [
            tuple(document[at - order + 1 : at + 1])
            for document in padded
            for at in range(order - 1, len(document))
        ]
        self.counts = Counter(grams)  # tokens of the longest n-grams
        distinct = set(grams)
        for _ in range(order - 1):
            self.counts.update(
                Counter(gram[1:] for gram in distinct)
            )  # distinct words before the shorter ones
            distinct = {gram[1:] for gram in distinct}

    def probability(self, before: Sequence[Hashable], word: Hashable) -> float:
        """p(word | the words of its document before it)."""
        history = ([START] * (self.order - 1) + list(before))[len(before) :] if self.order > 1 else []
        return self._given(tuple(history), word)

    def _given(self, history: tuple[Hashable, ...], word: Hashable) -> float:
        shorter = self._given(history[1:], word) if history else 1 / self.vocabulary
        after = [
            count
            for gram, count in self.counts.items()
            if len(gram) == len(history) + 1 and gram[:-1] == history
        ]
        if not after:
            return shorter
        left = max(self.counts[(*history, word)] - self.discount, 0.0)
        return (left + self.discount * len(after) * shorter) / sum(after)
