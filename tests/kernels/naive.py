"""The text pass once more, slowly and plainly: what every column means, in Python strings."""

import re
import unicodedata
from collections import Counter

UNSPACED = re.compile(
    "[\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u2e80-\u2fdf\u3005-\u3007\u3021-\u3029\u3040-\u30ff\u3100-\u312f"
    "\u31a0-\u31bf\u31f0-\u31ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\uff66-\uff9f\U00020000-\U0003ffff]"
)
INVISIBLE = re.compile(
    "[\u180e\u200b-\u200f\u202a-\u202e\u2060-\u206f\ufe00-\ufe0d\ufeff\U000e0000-\U000e01ef]"
)
TRANSPARENT = "\u00ad\ufe0e\ufe0f"


def lower(letter):
    lowered = letter.lower()
    return lowered if len(lowered) == 1 else letter


def is_word(letter):
    return (
        unicodedata.category(letter)[0] in "LMN" or unicodedata.category(letter) == "Pc"
    ) and not letter.isspace()


def hidden(letter):
    return bool(INVISIBLE.match(letter)) or letter in TRANSPARENT


def words_of(text):
    words, word = [], ""
    for letter in text:
        if hidden(letter):
            continue
        if is_word(letter) and UNSPACED.match(letter):
            words += [word] if word else []
            words.append(lower(letter))
            word = ""
        elif is_word(letter):
            word += lower(letter)
        else:
            words += [word] if word else []
            word = ""
    return words + ([word] if word else [])


def shingles_of(text, n=5):
    words = words_of(text)
    if not words:
        return set()
    return {tuple(words[i : i + n]) for i in range(max(1, len(words) - n + 1))}


def top_gram_share(text, n):
    words = words_of(text)
    grams = [tuple(words[i : i + n]) for i in range(len(words) - n + 1)]
    if not grams:
        return {0.0}
    counts = Counter(grams)
    best = max(counts.values())
    # several n-grams may be the most frequent: any of them is a right answer
    return {
        min(1.0, best * (sum(map(len, gram)) + n - 1) / len(text)) for gram, c in counts.items() if c == best
    }


def duplicate_gram_share(text, n):
    words = words_of(text)
    seen, repeated, at = set(), 0, 0
    while at <= len(words) - n:
        gram = tuple(words[at : at + n])
        if gram in seen:
            repeated += sum(map(len, gram)) + n - 1
            at += n
        else:
            seen.add(gram)
            at += 1
    return min(1.0, repeated / max(1, len(text)))


def lines_of(text):
    visible = [re.sub(INVISIBLE, "", line).strip(TRANSPARENT + " \t\r\x0b\x0c") for line in text.split("\n")]
    return [line.strip() for line in visible if line.strip()]
