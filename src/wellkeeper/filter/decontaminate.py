"""Training documents that hold items of evaluation sets, which would make the evaluation worthless.

The rule stands on three published ones. GPT-3 [1] calls an item dirty if it shares one n-gram with the training set,
n being 8 to 13 words by the length of the items, and ignores n-grams that many documents have. PaLM [2] asks for 70 %
of an item's 8-grams, and Llama 2 [3] for the share of an item's tokens that lie in a long match in which four may
differ. Here a document holds an item if it has at least `ngram` words (13) and `share` (70 %) of one of its texts, in
stretches of `min_ngram` words (8) or more, in which single words may be changed: a light edit hides nothing, and one
common phrase is not enough. Unless nearly all of the text is there, `min_ngram` words in a row must be. A text of fewer
than `ngram` words must be there whole.

[1] Brown et al., Language models are few-shot learners, NeurIPS 2020, arXiv:2005.14165, appendix C.
[2] Chowdhery et al., PaLM: Scaling language modeling with pathways, arXiv:2204.02311, section 8.
[3] Touvron et al., Llama 2, arXiv:2307.09288, appendix A.6.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from wellkeeper.core.decision import Corpus, Decision, Indices, Overlaps, Ruling, Stretches
from wellkeeper.core.evaluation import Evaluation, ItemState
from wellkeeper.errors import RecipeError, did_you_mean
from wellkeeper.kernels.overlap import cover

DEFAULT_SHARE = 0.7
DEFAULT_NGRAM, DEFAULT_MIN_NGRAM = 13, 8
"""GPT-3's n: 13 words, and never fewer than 8 [1]."""
DEFAULT_COMMON = 0.001
COMMON_DOCUMENTS = 10
"""An n-gram in more documents than this, and in more than the share `common` of them, tells nothing: a licence, a
famous line. GPT-3 ignored n-grams in more than 10 documents [1]; in a corpus of millions that would spare an item
that a dozen pages quote."""
NEARLY_WHOLE = 0.9
"""From this share on no run of `min_ngram` words in a row is asked for. Below, a form with other names and numbers
filled in would pass for the item: its words agree, and never many in a row."""
REACH = 16
"""Words by which a copy can go on beyond the n-grams found in it: with a word in fifteen changed, a stretch that long
without one is rare."""
MOST_NGRAM = 64
ACTIONS = ("drop", "review", "report")
_SHOWN = 50  # matches that the report has as examples

_DEFAULTS: Mapping[str, Any] = {
    "sets": [],
    "ngram": DEFAULT_NGRAM,
    "min_ngram": DEFAULT_MIN_NGRAM,
    "share": DEFAULT_SHARE,
    "common": DEFAULT_COMMON,
    "action": ACTIONS[0],
}
_SET_KEYS = ("path", "name", "fields")


@dataclass(frozen=True, slots=True)
class Decontaminate:
    """Documents that hold items of evaluation sets."""

    name: str = "decontaminate.v1"

    def check(self, options: Mapping[str, Any]) -> Mapping[str, Any]:
        for name in options:
            if name not in _DEFAULTS:
                raise RecipeError(
                    f"{self.name} has no option {name!r}.{did_you_mean(name, _DEFAULTS)} Options: "
                    f"{', '.join(_DEFAULTS)}."
                )
        checked = {**_DEFAULTS, **options}
        if "sets" in options:
            _check_sets(self.name, checked["sets"])
        _check_numbers(self.name, checked)
        if checked["action"] not in ACTIONS:
            raise RecipeError(
                f"{self.name}: action is {checked['action']!r}.{did_you_mean(str(checked['action']), ACTIONS)} Give "
                f"one of: {', '.join(ACTIONS)}."
            )
        return checked

    def rule(self, corpus: Corpus, active: NDArray[np.bool_], options: Mapping[str, Any]) -> Ruling:
        evaluation = corpus.evaluation
        if evaluation is None:
            raise RecipeError(f"{self.name} names no evaluation set. Add sets: [path] to it.")
        limit = max(COMMON_DOCUMENTS, int(options["common"] * np.count_nonzero(active)))
        rare = _frequency(corpus, active, len(evaluation.gram_bounds) - 1) <= limit
        telling = _telling(evaluation, rare)
        pairs = _pairs(corpus, active, evaluation, rare, telling, float(options["share"]))
        overlaps = _verified(self.name, corpus, evaluation, telling, pairs, options)
        documents, decision, score, best = _rulings(overlaps, options["action"])
        sets = evaluation.item_set[evaluation.holder_item[evaluation.holder_bounds[:-1]]][best]
        empty = np.full(len(documents), -1, np.int64)
        return Ruling(
            step=self.name,
            documents=documents,
            decision=np.full(len(documents), decision, np.uint8),
            reason=sets.astype(np.int32),
            score=score,
            survivor=empty,
            cluster=empty,
            reasons=tuple(f"contains an item of {found.name}" for found in evaluation.sets),
            facts=_facts(evaluation, overlaps, telling, limit, options),
            overlaps=overlaps,
        )


def set_options(given: str | Mapping[str, Any]) -> Mapping[str, Any]:
    """An entry of `sets` as a mapping: `path`, and `name` and `fields` where they are given."""
    return {"path": given} if isinstance(given, str) else given


def _check_sets(step: str, sets: Any) -> None:
    if isinstance(sets, Mapping):
        raise RecipeError(
            f"{step}: sets is a mapping. Give a list, each entry a path or {{path: PATH, name: NAME, fields: [FIELD, "
            "...]}."
        )
    if not isinstance(sets, list | tuple) or not sets:
        raise RecipeError(f"{step}: sets is {sets!r}. Give a list of paths, such as [evals/gsm8k.jsonl].")
    for entry in sets:
        given = set_options(entry) if isinstance(entry, str | Mapping) else {}
        for key in given:
            if key not in _SET_KEYS:
                raise RecipeError(
                    f"{step}: a set has no key {key!r}.{did_you_mean(str(key), _SET_KEYS)} Keys: "
                    f"{', '.join(_SET_KEYS)}."
                )
        fields = given.get("fields", ["text"])
        named = all(isinstance(given.get(key, "x"), str) and given.get(key, "x") for key in ("path", "name"))
        listed = (
            isinstance(fields, list | tuple) and fields and all(isinstance(field, str) for field in fields)
        )
        if "path" not in given or not named or not listed:
            raise RecipeError(
                f"{step}: {entry!r} is no set. Give a path, or {{path: PATH, fields: [FIELD, ...]}}."
            )


def _check_numbers(step: str, options: Mapping[str, Any]) -> None:
    for name, low, high in (("min_ngram", 5, MOST_NGRAM), ("ngram", 5, MOST_NGRAM)):
        value = options[name]
        if isinstance(value, bool) or not isinstance(value, int) or not low <= value <= high:
            raise RecipeError(
                f"{step}: {name} is {value!r}. Give a number of words from {low} to {high}, for example "
                f"{_DEFAULTS[name]}."
            )
    if options["min_ngram"] > options["ngram"]:
        raise RecipeError(
            f"{step}: min_ngram is {options['min_ngram']}, more than ngram, {options['ngram']}. Give at most that."
        )
    for name in ("share", "common"):
        value = options[name]
        least = 0.3 if name == "share" else 0.0
        if isinstance(value, bool) or not isinstance(value, int | float) or not least <= value <= 1:
            raise RecipeError(
                f"{step}: {name} is {value!r}. Give a share from {least:g} to 1, for example {_DEFAULTS[name]}."
            )


# --- what tells ------------------------------------------------------------------------------------


def _found(
    corpus: Corpus, active: NDArray[np.bool_]
) -> Iterator[tuple[Indices, NDArray[np.int64], NDArray[np.int64]]]:
    """Document, n-gram and word of the hits in active documents."""
    for document, gram, word in corpus.overlaps():
        chosen = active[document]
        yield document[chosen], gram[chosen], word[chosen]


def _frequency(corpus: Corpus, active: NDArray[np.bool_], grams: int) -> NDArray[np.int64]:
    """Documents that each n-gram occurs in, shape (n-grams,)."""
    frequency = np.zeros(grams, np.int64)
    for document, gram, _ in _found(corpus, active):
        once, times = np.unique(np.unique(document * grams + gram) % grams, return_counts=True)
        frequency[once] += times
    return frequency


class _Telling(NamedTuple):
    """What of the texts tells that they are there."""

    own: NDArray[np.bool_]  # shape (words,): words that count
    counts: NDArray[np.int64]  # shape (texts,): how many of each; 0: nothing of it tells anything
    whole: NDArray[np.bool_]  # shape (texts,): only the whole text does


def _telling(evaluation: Evaluation, rare: NDArray[np.bool_]) -> _Telling:
    """Words in no n-gram that is common in the corpus or part of a template.

    A text with too few of them still has its own order of common words, if any of its n-grams is rare: it counts as a
    whole.
    """
    sizes = np.diff(evaluation.bounds)
    spans = np.minimum(sizes, evaluation.min_ngram)
    within = np.arange(len(evaluation.words)) - np.repeat(evaluation.bounds[:-1], sizes)
    starts = within <= np.repeat(sizes - spans, sizes)
    tells = np.append(rare, np.False_)[evaluation.grams]  # -1, of a template, is the last
    common = np.flatnonzero(starts & ~tells)
    edges = np.zeros(len(within) + 1, np.int64)
    edges[common] += 1
    np.add.at(edges, common + np.repeat(spans, sizes)[common], -1)
    own = np.cumsum(edges[:-1]) == 0
    counts = _per_text(evaluation, own)
    few = counts < spans
    whole = few & (_per_text(evaluation, starts & tells) > 0)
    return _Telling(
        own=own | np.repeat(whole, sizes),
        counts=np.where(whole, sizes, np.where(few, 0, counts)),
        whole=whole,
    )


def _per_text(evaluation: Evaluation, words: NDArray[np.bool_]) -> NDArray[np.int64]:
    """How many words are marked of each text, shape (texts,)."""
    total = np.concatenate([[0], np.cumsum(words)])
    return np.asarray(np.diff(total[evaluation.bounds]), np.int64)


class _Pairs(NamedTuple):
    """Documents and texts to compare, by document and text, and where they may agree.

    The seeds of pair k are `bounds[k]:bounds[k + 1]` of `at_text` and `at_word`, by ascending `at_word`.
    """

    document: Indices
    text: NDArray[np.int64]
    bounds: NDArray[np.int64]
    at_text: NDArray[np.int64]
    at_word: NDArray[np.int64]


def _pairs(
    corpus: Corpus,
    active: NDArray[np.bool_],
    evaluation: Evaluation,
    rare: NDArray[np.bool_],
    telling: _Telling,
    share: float,
) -> _Pairs:
    """Pairs whose n-grams in common reach far enough through the text that the share can be met."""
    counts = telling.counts
    sizes = np.diff(evaluation.bounds)
    kept: list[tuple[NDArray[np.int64], ...]] = []
    for found in _found(corpus, active):
        document, gram, word = (column[rare[found[1]]] for column in found)
        times = np.diff(evaluation.gram_bounds)[gram]
        at = np.repeat(evaluation.gram_bounds[gram] - np.cumsum(times) + times, times) + np.arange(
            times.sum()
        )
        text, at_text = evaluation.gram_text[at].astype(np.int64), evaluation.gram_place[at].astype(np.int64)
        document, word = np.repeat(document, times), np.repeat(word, times)
        order = np.lexsort((at_text, word, text, document))
        document, text, at_text, word = (column[order] for column in (document, text, at_text, word))
        starts = _changes(document, text)
        of_text = text[starts]
        # in a text that repeats itself an n-gram is entered once: there the document's words tell how far it goes
        wide = np.maximum(_extent(at_text, starts), _extent(word, starts))
        reach = np.minimum(wide + evaluation.min_ngram + 1 + 2 * REACH, sizes[of_text])
        good = (counts[of_text] > 0) & (telling.whole[of_text] | (reach >= share * counts[of_text]))
        chosen = np.repeat(good, np.diff(np.append(starts, len(text))))
        kept.append(tuple(column[chosen] for column in (document, text, at_text, word)))
    columns = [np.concatenate(column) for column in zip(*kept, strict=True)] if kept else [_NONE] * 4
    document, text, at_text, word = columns
    starts = _changes(document, text)
    return _Pairs(document[starts], text[starts], np.append(starts, len(text)), at_text, word)


def _extent(places: NDArray[np.int64], starts: NDArray[np.int64]) -> NDArray[np.int64]:
    """From the first to the last place of each stretch of the array."""
    if not len(starts):
        return places
    return np.maximum.reduceat(places, starts) - np.minimum.reduceat(places, starts)


_NONE = np.zeros(0, np.int64)


def _changes(document: NDArray[np.int64], text: NDArray[np.int64]) -> NDArray[np.int64]:
    """Places at which another document or another text begins."""
    new = np.ones(len(document), np.bool_)
    new[1:] = (document[1:] != document[:-1]) | (text[1:] != text[:-1])
    return np.flatnonzero(new)


# --- what holds ------------------------------------------------------------------------------------


def _verified(
    step: str,
    corpus: Corpus,
    evaluation: Evaluation,
    telling: _Telling,
    pairs: _Pairs,
    options: Mapping[str, Any],
) -> Overlaps:
    """The pairs that hold when text and document are compared word by word."""
    windows = _windows(corpus, evaluation, pairs)
    edges, words = corpus.words_of(windows)
    held: list[tuple[int, int, int, float, int]] = []  # pair, first and last word, share, words
    for k in range(len(pairs.document)):
        number = int(pairs.text[k])
        text = evaluation.text(number)
        low, high = pairs.bounds[k : k + 2]
        first = int(windows.first[k])
        seeds = pairs.at_text[low:high], pairs.at_word[low:high] - first
        least = evaluation.min_ngram if len(text) >= options["ngram"] else len(text)
        found = cover(text, np.ascontiguousarray(words[edges[k] : edges[k + 1]]), seeds, least=least)
        of_text = telling.own[evaluation.bounds[number] : evaluation.bounds[number + 1]]
        got, count = int(np.count_nonzero(found.words & of_text)), int(telling.counts[number])
        needed = (
            count if telling.whole[number] else max(options["share"] * count, min(options["ngram"], count))
        )
        alike = found.run >= evaluation.min_ngram or got >= NEARLY_WHOLE * count
        if alike and got >= needed:
            held.append((k, first + found.first, first + found.last + 1, got / count, got))
    rows, start, end, share, got_words = zip(*held, strict=True) if held else ((), (), (), (), ())
    chosen = np.array(rows, np.int64)
    return Overlaps(
        step=step,
        evaluation=evaluation,
        span=Stretches(pairs.document[chosen], np.array(start, np.int64), np.array(end, np.int64)),
        text=pairs.text[chosen],
        share=np.array(share, np.float32),
        words=np.array(got_words, np.int64),
    )


def _windows(corpus: Corpus, evaluation: Evaluation, pairs: _Pairs) -> Stretches:
    """The words of each document in which its copy of the text can lie."""
    if not len(pairs.document):
        return Stretches(_NONE, _NONE, _NONE)
    sizes = np.diff(evaluation.bounds)[pairs.text]
    start = pairs.at_word - pairs.at_text  # of a copy in which no word is added or left out
    first = np.minimum.reduceat(start, pairs.bounds[:-1]) - sizes
    last = np.maximum.reduceat(start, pairs.bounds[:-1]) + 2 * sizes
    words = corpus.column("words")[pairs.document]
    return Stretches(pairs.document, np.maximum(first, 0), np.minimum(last, words))


def _rulings(
    overlaps: Overlaps, action: str
) -> tuple[Indices, Decision, NDArray[np.float32], NDArray[np.int64]]:
    """Documents that go, how, with the highest share of each and the text it is of."""
    order = np.lexsort((overlaps.text, -overlaps.share, overlaps.span.document))
    documents, first = np.unique(overlaps.span.document[order], return_index=True)
    best = order[first]
    if action == "report":
        documents, best = documents[:0], best[:0]
    decision = Decision.REVIEW if action == "review" else Decision.DROP
    return documents, decision, overlaps.share[best], overlaps.text[best]


# --- what to tell ----------------------------------------------------------------------------------


def _facts(
    evaluation: Evaluation,
    overlaps: Overlaps,
    telling: _Telling,
    limit: int,
    options: Mapping[str, Any],
) -> Mapping[str, Any]:
    items = len(evaluation.items)
    holder_text = np.repeat(np.arange(len(evaluation.bounds) - 1), np.diff(evaluation.holder_bounds))
    able, found = np.zeros(items, np.bool_), np.zeros(items, np.bool_)
    able[evaluation.holder_item[(telling.counts > 0)[holder_text]]] = True
    found[evaluation.holder_item[np.isin(holder_text, overlaps.text)]] = True
    searched = evaluation.item_state == ItemState.SEARCHED
    return {
        "action": options["action"],
        "ngram": options["ngram"],
        "min_ngram": options["min_ngram"],
        "share": options["share"],
        "common_documents": limit,
        "documents": len(np.unique(overlaps.span.document)),
        "items": items,
        "items_found": int(found.sum()),
        "sets": [
            {
                "name": of_set.name,
                "path": of_set.path,
                "fields": list(of_set.fields),
                "digest": of_set.digest,
                "items": int(members.sum()),
                "searched": int((members & able).sum()),
                "repeats": of_set.repeats,
                "too_short": int((members & (evaluation.item_state == ItemState.TOO_SHORT)).sum()),
                "stock": int((members & (evaluation.item_state == ItemState.STOCK)).sum()),
                "common": int((members & searched & ~able).sum()),
                "found": int((members & found).sum()),
                "documents": _documents_of(overlaps, members),
            }
            for of_set, members in (
                (of_set, evaluation.item_set == number) for number, of_set in enumerate(evaluation.sets)
            )
        ],
    }


def _documents_of(overlaps: Overlaps, members: NDArray[np.bool_]) -> int:
    """Documents that hold one of these items."""
    evaluation = overlaps.evaluation
    held = np.array(
        [bool(members[evaluation.holders(text)].any()) for text in overlaps.text.tolist()], np.bool_
    )
    return len(np.unique(overlaps.span.document[held])) if len(held) else 0


def holders_told(evaluation: Evaluation, text: int) -> Sequence[tuple[str, str, str]]:
    """Set, item and field of every item that a text belongs to."""
    low, high = evaluation.holder_bounds[text : text + 2].tolist()
    return [
        (
            evaluation.sets[evaluation.item_set[evaluation.holder_item[at]]].name,
            evaluation.items[evaluation.holder_item[at]],
            evaluation.holder_field[at],
        )
        for at in range(low, high)
    ]


DECONTAMINATE = Decontaminate()
