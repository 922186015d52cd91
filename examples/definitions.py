"""The slow, obvious definitions that the example's truth is computed by. Nothing here imports wellkeeper."""

import re
import unicodedata
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence

WORD = re.compile(r"\w+")
STOP_WORDS = frozenset({"the", "be", "to", "of", "and", "that", "have", "with"})  # Rae et al. 2021, A1.1
TERMINAL_ELLIPSIS = ("...", "\u2026")
BULLETS = ("\u2022", "- ", "* ")


def is_plain(text: str) -> bool:
    """Whether every reasonable definition of a word agrees on this text.

    No combining mark, no letter of a script written without spaces, no joining punctuation but the
    underscore, and no letter whose lower case has another length.
    """
    for letter in set(text):
        category = unicodedata.category(letter)
        if category[0] == "M" or category == "Lo" or len(letter.lower()) != 1:
            return False
        if (letter.isalnum() or letter == "_") != (category[0] in "LN" or category == "Pc"):
            return False
    return True


def words(text: str) -> list[str]:
    """Maximal runs of letters, digits and underscores, lower-cased."""
    return WORD.findall(text.lower())


def five_grams(text: str) -> frozenset[tuple[str, ...]]:
    """Distinct word 5-grams; a text of one to four words is one shingle, a text without words none."""
    run = words(text)
    if len(run) < 5:
        return frozenset({tuple(run)} if run else ())
    return frozenset(zip(run, run[1:], run[2:], run[3:], run[4:], strict=False))


def jaccard(first: frozenset[tuple[str, ...]], second: frozenset[tuple[str, ...]]) -> float:
    """Shared share of two sets, in [0, 1]; 0 where both are empty."""
    either = len(first | second)
    return len(first & second) / either if either else 0.0


def similar_pairs(texts: Mapping[str, str], *, at_least: float) -> list[tuple[str, str, float]]:
    """Every pair of ids whose texts have a Jaccard of `at_least` (above 0) or more, sorted by id."""
    grams = {name: five_grams(text) for name, text in texts.items()}
    holders: dict[tuple[str, ...], list[str]] = defaultdict(list)
    shared: Counter[tuple[str, str]] = Counter()
    for name in sorted(grams):
        for gram in grams[name]:
            shared.update((earlier, name) for earlier in holders[gram])
            holders[gram].append(name)
    pairs = []
    for (first, second), both in sorted(shared.items()):
        similarity = both / (len(grams[first]) + len(grams[second]) - both)
        if similarity >= at_least:
            pairs.append((first, second, similarity))
    return pairs


def clusters(pairs: Iterable[tuple[str, str]]) -> list[list[str]]:
    """Connected components with two members or more, each sorted, in order of their first members."""
    parent: dict[str, str] = {}

    def root(name: str) -> str:
        while parent.setdefault(name, name) != name:
            name = parent[name]
        return name

    for first, second in pairs:
        low, high = sorted((root(first), root(second)))
        parent[high] = low
    groups: dict[str, list[str]] = defaultdict(list)
    for name in sorted(parent):
        groups[root(name)].append(name)
    return [groups[name] for name in sorted(groups)]


def lines(text: str) -> list[str]:
    """Lines that are not empty, stripped."""
    return [line.strip() for line in text.split("\n") if line.strip()]


def share(part: Callable[[str], bool], whole: Sequence[str]) -> float:
    return sum(map(part, whole)) / len(whole)


def repeated_line_share(text: str) -> float:
    every = lines(text)
    return 1 - len(set(every)) / len(every)


SIGNALS: Mapping[str, Callable[[str], float]] = {
    "words": lambda text: len(words(text)),
    "hash_ratio": lambda text: text.count("#") / len(words(text)),
    "ellipsis_line_share": lambda text: share(lambda line: line.endswith(TERMINAL_ELLIPSIS), lines(text)),
    "bullet_line_share": lambda text: share(lambda line: line.startswith(BULLETS), lines(text)),
    "duplicate_line_share": repeated_line_share,
    "stop_words_distinct": lambda text: len(STOP_WORDS.intersection(words(text))),
    "curly_brackets": lambda text: text.count("{"),
    "lorem_ipsum": lambda text: float("lorem ipsum" in text.lower()),
}
"""Name, as in `wellkeeper.core.signals`, -> value of a text."""
