"""The style tier once more, slowly and plainly: canonical text by regular expressions, features by lists of tokens.

Canonical text is that of Python strings. All that follows reads its UTF-8 bytes as Latin-1, one letter a byte: lengths
are in bytes there, and letters are A to Z and all that is no ASCII.
"""

import re
from collections import Counter
from itertools import pairwise
from math import log1p, sqrt

from wellkeeper.kernels.style import FUNCTION_WORDS, MODEL_WORDS, PHRASES, STARTS, SUFFIXES

_MASK = (1 << 64) - 1
_TYPOGRAPHY = (
    ("[\x00-\x09\x0b-\x1f\u00a0\u2000-\u200a\u202f\u3000]", " "),
    ("[\u2028\u2029]", "\n"),
    ("[\u00ad\u200b-\u200f\u202a-\u202e\ufe00-\ufe0f\ufeff]", ""),
    ("[`\u00b4\u2018-\u201b\u2032]", "'"),
    ("[\u201c-\u201f\u2033]", '"'),
    ("[\u2010\u2011\u2013]", "-"),
    ("[\u2014\u2015]", " - "),
    ("\u2022", "*"),
    ("\u2026", "..."),
)
# stand where `**`, `__` and `''` stood until the end: contractions are looked for with them in place
_GONE, _DOUBLED = "\x02", "\x01"
_CONTRACTION = rf"(?ai) (?=(?:['{_DOUBLED}](?:[smdt]|re|ve|ll)|n't)(?![a-z\x80-\U0010ffff]))"


def canonical(text):
    for old, new in _TYPOGRAPHY:
        text = re.sub(old, new, text)
    text = re.sub("(?m)^[ #*>-]+", "", text)
    text = re.sub(r"\*\*|__", _GONE, text.replace("''", _DOUBLED))
    text = re.sub(rf"{_GONE}*[ \n][ \n{_GONE}]*", " ", text).strip(" ")
    text = re.sub(r" (?=[,.;:!?%)\]])|(?<=[(\[]) ", "", text)
    text = re.sub(_CONTRACTION, "", text)
    return text.replace(_GONE, "").replace(_DOUBLED, '"')


def tokens(letters):
    return re.findall(r"[A-Za-z0-9_\x80-\xff]+|[^ ]", letters)


def lower(token):
    return re.sub("[A-Z]", lambda match: match[0].lower(), token)


def is_sign(token):
    return not re.match(r"[A-Za-z0-9_\x80-\xff]", token)


def fnv(token):
    value = 0xCBF29CE484222325
    for byte in token.encode("latin-1"):
        value = ((value ^ byte) * 0x100000001B3) & _MASK
    return value


def mix(h):
    h ^= h >> 32
    h = h * 0xD6E8FEB86659FD93 & _MASK
    h ^= h >> 32
    h = h * 0xD6E8FEB86659FD93 & _MASK
    return h ^ h >> 32


def grams(text, bits, of="words"):
    """Of each gram of one or two tokens, or of five bytes, its bucket and count; sorted."""
    if of == "bytes":
        written = text.encode()
        runs = Counter(int.from_bytes(written[k : k + 5]) for k in range(len(written) - 4))
        return sorted((mix(h) >> (64 - bits), count) for h, count in runs.items())
    found = [fnv(lower(token)) for token in tokens(text.encode().decode("latin-1"))]
    pairs = [(a * 0x9E3779B97F4A7C15 + b) & _MASK for a, b in pairwise(found)]
    return sorted((mix(h) >> (64 - bits), count) for h, count in Counter(found + pairs).items())


def mean(values):
    return sum(values) / len(values)


def spread(values):
    return sqrt(max(0.0, mean([value * value for value in values]) - mean(values) ** 2))


def sentences(letters):
    """Words, commas, last sign and whether a double quote follows, of each sentence that has a word."""
    found, words, commas = [], [], 0
    places = [match.span() for match in re.finditer(r"[A-Za-z0-9_\x80-\xff]+|[^ ]", letters)]
    for number, (start, end) in enumerate(places):
        token, follows = letters[start:end], letters[end : end + 1] or " "
        last = number + 1 == len(places)
        if not is_sign(token):
            words.append(lower(token))
        commas += token == ","
        closes = token in {".", "!", "?"} and (follows in " \"')" or last)
        if (closes or last) and words:
            following = "" if last else letters[slice(*places[number + 1])]
            found.append((words, commas, token if closes else " ", following == '"'))
            words, commas = [], 0
    return found


def features(text):
    """Features by name; `text` is canonical and has a word."""
    letters = text.encode().decode("latin-1")
    all_tokens = tokens(letters)
    plain = [lower(token) for token in all_tokens]
    shown = [token for token in all_tokens if not is_sign(token)]
    words = [lower(token) for token in shown]
    rates = {**_signs(all_tokens), **_endings(words), **_lexicon(plain)}
    return {
        **{name: 100 * count / len(words) for name, count in rates.items()},
        **_rhythm(sentences(letters)),
        **_shapes(shown),
        **_repeats(words),
        **_bytes(letters),
        "function_share": sum(rates[f"word {word}"] for word in FUNCTION_WORDS) / len(words),
        "model_share": sum(rates[f"model word {word}"] for word in MODEL_WORDS) / len(words),
    }


def _signs(found):
    return {f"sign {sign}": found.count(sign) for sign in ",.;:!?\"'()-/%&$[]*#+="}


def _endings(words):
    long = [word for word in words if len(word) >= 5 and not word.isdecimal()]
    return {f"ends in {suffix}": sum(word.endswith(suffix) for word in long) for suffix in SUFFIXES}


def _lexicon(plain):
    runs = Counter(pairwise(plain)) + Counter(zip(plain, plain[1:], plain[2:], strict=False))
    return {
        **{f"word {word}": plain.count(word) for word in FUNCTION_WORDS},
        **{f"model word {word}": plain.count(word) for word in MODEL_WORDS},
        **{f"phrase {' '.join(phrase)}": runs[phrase] for phrase in PHRASES},
    }


def _rhythm(found):
    lengths = [len(words) for words, _, _, _ in found]
    commas = [commas for _, commas, _, _ in found]
    starts = [words[0] for words, _, _, _ in found]
    steps = [abs(a - b) for a, b in pairwise(lengths)]
    return {
        "sentence_mean": mean(lengths),
        "sentence_sd": spread(lengths),
        "sentence_variation": spread(lengths) / mean(lengths),
        "sentence_max": max(lengths),
        "sentence_min": min(lengths),
        "sentence_step": mean(steps or [0]) / mean(lengths),
        "commas_sd": spread(commas),
        "sentences_with_comma": mean([count > 0 for count in commas]),
        "sentences_with_two_commas": mean([count > 1 for count in commas]),
        "distinct_starts": len(set(starts)) / len(found),
        "short_sentences": mean([length < 8 for length in lengths]),
        "long_sentences": mean([length > 25 for length in lengths]),
        "question_sentences": mean([mark == "?" for _, _, mark, _ in found]),
        "quoted_sentences": mean([quoted for _, _, _, quoted in found]),
        **{f"starts {word}": starts.count(word) / len(found) for word in STARTS},
    }


def _shapes(shown):
    lengths = [len(word) for word in shown]
    capital = [word for word in shown if "A" <= word[0] <= "Z"]
    return {
        "word_mean": mean(lengths),
        "word_sd": spread(lengths),
        "word_over_6": mean([length > 6 for length in lengths]),
        "word_under_4": mean([length < 4 for length in lengths]),
        "word_over_9": mean([length > 9 for length in lengths]),
        "capital_words": len(capital) / len(shown),
        "all_capital_words": sum(len(word) > 1 and "A" <= word[-1] <= "Z" for word in capital) / len(shown),
        "numbers": mean([bool(re.fullmatch("[0-9]+", word)) for word in shown]),
    }


def _repeats(words):
    first = Counter(words[:100])
    scale = (100 / len(words)) ** 0.75 if len(words) <= 100 else 1
    longer = (200 / len(words)) ** 0.75 if len(words) <= 200 else 1
    return {
        "types_in_100": len(first) * scale,
        "hapaxes_in_100": list(first.values()).count(1) * scale,
        "types_in_200": len(set(words[:200])) * longer,
        "repetition_rate": sum(c * (c - 1) for c in Counter(words).values()) / len(words) ** 2,
        "repeated_bigrams": _seen_before(list(pairwise(words))),
        "repeated_trigrams": _seen_before(list(zip(words, words[1:], words[2:], strict=False))),
    }


def _seen_before(runs):
    return (len(runs) - len(set(runs))) / max(1, len(runs))


def _bytes(letters):
    head = letters[:1500]
    counted = [letter for letter in letters if re.match(r"[A-Za-z\x80-\xff]", letter)]
    signs = [not re.match(r"[A-Za-z0-9 \x80-\xff]", letter) for letter in letters]
    runs = {step: [head[k : k + step] for k in range(len(head) - step + 1)] for step in (4, 8)}
    return {
        "capitals": sum("A" <= letter <= "Z" for letter in letters) / max(1, len(counted)),
        "not_ascii": sum(letter >= "\x80" for letter in letters) / len(letters),
        "sign_runs": sum(a and b for a, b in pairwise(signs)) / len(letters),
        **{f"distinct_{step}_bytes": len(set(found)) / max(1, len(found)) for step, found in runs.items()},
    }


def linear(text, buckets, of):
    """A linear head on one canonical text."""
    bits = len(buckets).bit_length() - 1
    values = [
        (log1p(count) * buckets[bucket, 1], buckets[bucket, 0]) for bucket, count in grams(text, bits, of)
    ]
    norm = sqrt(max(1e-12, sum(value * value for value, _ in values)))
    return sum(value * weight for value, weight in values) / norm


def trees(row, heads):
    """The trees' sum on one row of features."""
    total = 0.0
    for root in heads.root.tolist():
        node = root
        while node >= 0:
            low = row[heads.feature[node]] <= heads.threshold[node]
            node = int(heads.left[node] if low else heads.right[node])
        total += float(heads.leaf[-node - 1])
    return total
