"""The text pass once more, slowly and plainly: what every column means, in Python strings."""

import re
import unicodedata
from collections import Counter
from functools import cache
from itertools import pairwise

UNSPACED = re.compile(
    "[\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u2e80-\u2fdf\u3005-\u3007\u3021-\u3029\u3040-\u30ff\u3100-\u312f"
    "\u31a0-\u31bf\u31f0-\u31ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\uff66-\uff9f\U00020000-\U0003ffff]"
)
INVISIBLE = re.compile(
    "[\u061c\u180e\u200b-\u200f\u202a-\u202e\u2060-\u206f\ufe00-\ufe0d\ufeff\U000e0000-\U000e01ef]"
)
TRANSPARENT = "\u00ad\ufe0e\ufe0f\u034f\u115f\u1160\u3164\uffa0\u17b4\u17b5\u180b\u180c\u180d\u180f\u0640"
SIGNS = "\u2120\u2122"


def is_word(letter):
    return (
        unicodedata.category(letter)[0] in "LMN" or unicodedata.category(letter) == "Pc"
    ) and not letter.isspace()


def is_mark(letter):
    return unicodedata.category(letter)[0] == "M"


def hidden(letter):
    return bool(INVISIBLE.match(letter)) or letter in TRANSPARENT


@cache
def folded(letter):
    """NFKC_Casefold of one character, decomposed, with the exceptions of `kernels.normalise`."""
    if letter in SIGNS:
        return letter
    form = unicodedata.normalize("NFD", letter)
    for _ in range(2):
        form = "".join(part if part == "\u0345" else part.casefold() for part in form)
        form = unicodedata.normalize("NFKD", form)
    form = "".join(part for part in form if not hidden(part))
    starts = [UNSPACED.match(part) or not is_word(before) for before, part in pairwise(f" {form}")]
    words = sum(
        bool(new) and is_word(part) and not is_mark(part) for new, part in zip(starts, form, strict=True)
    )
    return form if form and words <= len(letter.encode()) else letter


def in_order(word):
    """Marks behind a letter, sorted by their combining class as canonical equivalence has it."""
    return unicodedata.normalize("NFD", word)


def found_in(text):
    """Words of a text with the places, in characters, of all they are made of."""
    found, word, places, alone = [], "", [], False
    for at, letter in enumerate(text):
        if hidden(letter):
            continue
        for part in folded(letter):
            starts = bool(UNSPACED.match(part)) and is_word(part) and not is_mark(part)
            if word and (not is_word(part) or starts or (alone and not is_mark(part))):
                found.append((in_order(word), places))
                word, places = "", []
            if is_word(part) and (word or not is_mark(part)):
                alone = starts if not word else alone
                word += part
                places = [*places, at] if at not in places[-1:] else places
    return [*found, (in_order(word), places)] if word else found


def words_of(text):
    return [word for word, _ in found_in(text)]


def shingles_of(text, n=5):
    words = words_of(text)
    if not words:
        return set()
    return {tuple(words[i : i + n]) for i in range(max(1, len(words) - n + 1))}


def top_gram_share(text, n):
    found = found_in(text)
    grams = [found[i : i + n] for i in range(len(found) - n + 1)]
    if not grams:
        return {0.0}
    counts = Counter(tuple(word for word, _ in gram) for gram in grams)
    best = max(counts.values())
    # several n-grams may be the most frequent: any of them is a right answer
    return {
        min(1.0, best * (sum(len(places) for _, places in gram) + n - 1) / len(text))
        for gram in grams
        if counts[tuple(word for word, _ in gram)] == best
    }


def duplicate_gram_share(text, n):
    found = found_in(text)
    seen, repeated, at = set(), 0, 0
    while at <= len(found) - n:
        gram = tuple(word for word, _ in found[at : at + n])
        if gram in seen:
            repeated += sum(len(places) for _, places in found[at : at + n]) + n - 1
            at += n
        else:
            seen.add(gram)
            at += 1
    return min(1.0, repeated / max(1, len(text)))


def lines_of(text):
    visible = [re.sub(INVISIBLE, "", line).strip(TRANSPARENT + " \t\r\x0b\x0c") for line in text.split("\n")]
    return [line.strip() for line in visible if line.strip()]
