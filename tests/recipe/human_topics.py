"""Human text with topics of very different sizes, made from a seed."""

import json
import random
from collections.abc import Iterable
from pathlib import Path

SIZES = {"sea": 70, "law": 30, "farm": 20, "bees": 10, "chess": 8, "moths": 6, "knots": 6}
"""Documents of each topic: the last four are rare."""
_COMMON = [f"common{letter}" for letter in "abcdefghijklmnopqrst"]


def words_of(topic: str) -> list[str]:
    return [f"{topic}{letter}" for letter in "abcdefghijklmnopqrstuvwxyz"]


def rows(seed: int = 0) -> list[dict[str, str]]:
    """One row a document: 40 words of its topic and 20 common ones, and a word that it shares with one other."""
    draw = random.Random(seed)
    made = []
    for topic, size in SIZES.items():
        for number in range(size):
            words = draw.choices(words_of(topic), k=40) + draw.choices(_COMMON, k=20)
            draw.shuffle(words)
            pair = "".join(chr(97 + int(digit)) for digit in str(number // 2))
            text = f"{' '.join(words)} rare{topic}{pair}."
            made.append({"id": f"{topic}-{number}", "text": text, "origin": "human"})
    draw.shuffle(made)
    return made


def written(path: Path, made: Iterable[dict[str, str]]) -> Path:
    path.write_text("".join(json.dumps(row) + "\n" for row in made))
    return path
