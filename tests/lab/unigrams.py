"""The ideal model: it gives back each word as often as it saw it. What becomes of words is known in closed form."""

from collections.abc import Mapping, Sequence

import numpy as np

from wellkeeper.lab.human import HumanText
from wellkeeper.lab.text import Text, Vocabulary, bounds_of, joined


class UnigramWorld:
    """Documents of 50 words; models draw words independently, with a chance `smoothing` from all of the vocabulary."""

    name = "unigrams"
    replicates = 1
    length = 50

    def __init__(self, human: HumanText, *, smoothing: float = 0.0) -> None:
        self.text, self.smoothing = human, smoothing

    def human(self, first: int, size: int, random: np.random.Generator) -> Text:
        words = self.text.text.words[first : first + size]
        assert words.size == size
        return self.parted(words)

    def parted(self, words: np.ndarray) -> Text:
        inner = np.arange(0, words.size, self.length)
        return Text(offsets=np.append(inner, words.size), words=words)

    def fit(self, data: Text, random: np.random.Generator) -> np.ndarray:
        shares = np.bincount(data.words, minlength=len(self.text.vocabulary)) / data.words.size
        return (1 - self.smoothing) * shares + self.smoothing / shares.size

    def sample(self, model: np.ndarray, size: int, decoding: object, random: np.random.Generator) -> Text:
        return self.parted(random.choice(model.size, size, p=model).astype(np.int32))

    def join(self, parts: Sequence[Text]) -> Text:
        return joined(parts)

    def units(self, data: Text) -> int:
        return len(data)

    def take(self, data: Text, chosen: np.ndarray) -> Text:
        return data.take(chosen[0])

    def figures(self, data: Text, model: np.ndarray) -> Mapping[str, np.ndarray]:
        return {}

    def pack(self, data: Text) -> Mapping[str, np.ndarray]:
        return {"offsets": data.offsets, "words": data.words}

    def unpack(self, arrays: Mapping[str, np.ndarray]) -> Text:
        return Text(offsets=arrays["offsets"], words=arrays["words"])


def zipf_text(words: int, types: int = 4_000, seed: int = 1) -> HumanText:
    """Words of Zipf's law, drawn one by one."""
    rng = np.random.default_rng(seed)
    shares = 1 / np.arange(1, types + 1)
    drawn = rng.choice(types, words, p=shares / shares.sum()).astype(np.int32)
    text = Text(offsets=bounds_of(np.full(words // 50, 50)), words=drawn[: words // 50 * 50])
    names = tuple(f"w{number}" for number in range(types))
    return HumanText(
        text=text,
        held_out=text.take(np.arange(20)),
        vocabulary=Vocabulary(words=names),
        documents=(),
        held_out_documents=(),
    )
