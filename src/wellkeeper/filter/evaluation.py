"""From the items of evaluation sets to the table that documents are searched with, and what must not be searched for.

Not every text of an item tells that the item is there. Left out are texts too short to be told from chance; stock
questions and instructions, which many items of a set share; and n-grams of a template that a set's texts are made
from. A passage that a few questions share stays: it is what they are about.
"""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from wellkeeper.core.evaluation import Evaluation, EvaluationSet, ItemState
from wellkeeper.kernels import text
from wellkeeper.kernels.overlap import VERSION, Pattern, Probe, Table, keys_of, pattern_of, probe_of

if TYPE_CHECKING:
    from wellkeeper.engine.readers.evaluation import Item, ItemSet

LINE_WORDS = 5
"""Words from which a text shorter than an n-gram is searched for, where its item has no longer one, and then as a
whole line of a document. Still shorter texts cannot be told from chance."""
STOCK_ITEMS = 3
STOCK_WORDS = 30
"""A text of fewer words that so many items of a set share is a stock question or an instruction, such as "Which of
the following is true according to the passage?"."""
TEMPLATE_TEXTS = 10
TEMPLATE_SHARE = 0.01
"""An n-gram in more than so many texts of a set, and more than this share of them, belongs to a template."""


@dataclass(frozen=True, slots=True)
class _Texts:
    """Distinct texts, by their words: text t is words[bounds[t]:bounds[t + 1]]."""

    bounds: NDArray[np.int64]
    words: NDArray[np.uint64]

    @property
    def sizes(self) -> NDArray[np.int64]:
        return np.diff(self.bounds)

    def chosen(self, numbers: NDArray[np.int64]) -> "_Texts":
        sizes = self.sizes[numbers]
        bounds = np.concatenate([[0], np.cumsum(sizes)]).astype(np.int64)
        at = np.arange(bounds[-1]) + np.repeat(self.bounds[numbers] - bounds[:-1], sizes)
        return _Texts(bounds, self.words[at])


@dataclass(frozen=True, slots=True)
class _Distinct:
    """An item that no earlier one of its set repeats: its texts by number, each with its field."""

    set: int
    name: str
    texts: tuple[tuple[int, str], ...]


def evaluation_of(
    sets: Sequence["ItemSet"], *, min_ngram: int, tables: text.Tables
) -> tuple[Evaluation, Table]:
    """Prepare the items of some sets; n-grams have `min_ngram` words, 2 or more."""
    texts, items, repeats = _distinct(sets, tables)
    sizes = texts.sizes
    state, searched = _searched(items, sizes, min_ngram)
    pairs = sorted((number, k, field) for k, of_item in enumerate(searched) for number, field in of_item)
    used, holder_counts = np.unique(np.array([pair[0] for pair in pairs], np.int64), return_counts=True)
    holder_bounds = np.concatenate([[0], np.cumsum(holder_counts)]).astype(np.int64)
    holder_item = np.array([pair[1] for pair in pairs], np.int32)
    item_set = np.array([item.set for item in items], np.int32)
    chosen = texts.chosen(used)
    patterns = _patterns(chosen.sizes, min_ngram)
    keys, occurrences = _occurrences(chosen, patterns, min_ngram)
    members = [
        np.unique(np.repeat(np.arange(len(used)), holder_counts)[item_set[holder_item] == number])
        for number in range(len(sets))
    ]
    keys, occurrences = _without_templates(keys, occurrences, members, len(used))
    probe = probe_of(keys, patterns)
    order = np.lexsort((occurrences.place, occurrences.text, occurrences.gram))
    ordered = occurrences.taken(order)
    first = _first_of_each(ordered)
    evaluation = Evaluation(
        sets=tuple(
            EvaluationSet(
                name=found.name,
                path=found.path,
                fields=found.fields,
                repeats=repeats[number],
                digest=_digest_of_items(found.items),
            )
            for number, found in enumerate(sets)
        ),
        items=tuple(item.name for item in items),
        item_set=item_set,
        item_state=state,
        bounds=chosen.bounds,
        words=chosen.words,
        holder_bounds=holder_bounds,
        holder_item=holder_item,
        holder_field=tuple(pair[2] for pair in pairs),
        grams=_windows(chosen, ordered),
        gram_bounds=np.searchsorted(ordered.gram[first], np.arange(len(keys) + 1)).astype(np.int64),
        gram_text=ordered.text[first].astype(np.int32),
        gram_place=ordered.place[first].astype(np.int32),
        min_ngram=min_ngram,
        digest=_digest(probe, keys),
    )
    line_words = np.zeros(len(keys), np.int64)
    of_gram = chosen.sizes[ordered.text]
    line_words[ordered.gram[of_gram < min_ngram]] = of_gram[of_gram < min_ngram]
    return evaluation, Table(probe, line_words)


def _distinct(sets: Sequence["ItemSet"], tables: text.Tables) -> tuple[_Texts, list[_Distinct], list[int]]:
    """Distinct texts and items, and how many items of each set only repeat an earlier one."""
    written = [found for item_set in sets for item in item_set.items for _, found in item.texts]
    hashed = _hashed(written, tables)
    edges = hashed.bounds.tolist()
    numbers: dict[bytes, int] = {}
    kept: list[int] = []
    at = 0
    items: list[_Distinct] = []
    repeats = [0] * len(sets)
    for number, item_set in enumerate(sets):
        seen: set[tuple[int, ...]] = set()
        for item in item_set.items:
            texts = []
            for field, _ in item.texts:
                own = numbers.setdefault(hashed.words[edges[at] : edges[at + 1]].tobytes(), len(kept))
                if own == len(kept):
                    kept.append(at)
                texts.append((own, field))
                at += 1
            key = tuple(own for own, _ in texts)
            if key in seen:
                repeats[number] += 1
            else:
                seen.add(key)
                items.append(_Distinct(number, item.name, tuple(dict(reversed(texts)).items())))
    return hashed.chosen(np.array(kept, np.int64)), items, repeats


def _hashed(written: Sequence[str], tables: text.Tables) -> _Texts:
    encoded = [found.encode("utf-8", errors="replace") for found in written]
    offsets = np.cumsum([0, *map(len, encoded)]).astype(np.int64)
    data = np.frombuffer(b"".join(encoded), np.uint8)
    return _Texts(*text.word_hashes(data, offsets, tables, np.arange(len(encoded))))


def _searched(
    items: Sequence[_Distinct], sizes: NDArray[np.int64], min_ngram: int
) -> tuple[NDArray[np.uint8], list[list[tuple[int, str]]]]:
    """State of each item, and its texts that are searched for."""
    shared: dict[tuple[int, int], int] = {}
    for item in items:
        for number, _ in item.texts:
            shared[item.set, number] = shared.get((item.set, number), 0) + 1
    state = np.full(len(items), ItemState.SEARCHED, np.uint8)
    searched: list[list[tuple[int, str]]] = []
    for k, item in enumerate(items):
        long = [pair for pair in item.texts if sizes[pair[0]] >= min_ngram]
        able = long or [pair for pair in item.texts if sizes[pair[0]] >= LINE_WORDS]
        own = [
            pair for pair in able if sizes[pair[0]] >= STOCK_WORDS or shared[item.set, pair[0]] < STOCK_ITEMS
        ]
        if not own:
            state[k] = ItemState.STOCK if able else ItemState.TOO_SHORT
        searched.append(own)
    return state, searched


def _patterns(sizes: NDArray[np.int64], min_ngram: int) -> tuple[Pattern, ...]:
    """How texts of these sizes are looked up: shorter ones as a whole, and no pattern that none of them needs."""
    short = [pattern_of(size, gap=0) for size in np.unique(sizes[sizes < min_ngram]).tolist()]
    return (pattern_of(min_ngram), *short)


@dataclass(frozen=True, slots=True)
class _Occurrences:
    """Where n-grams stand in texts; arrays share one shape. `whole`: side by side, with no word between."""

    text: NDArray[np.int64]
    place: NDArray[np.int64]
    gram: NDArray[np.int64]
    whole: NDArray[np.bool_]

    def taken(self, rows: NDArray[Any]) -> "_Occurrences":
        return _Occurrences(self.text[rows], self.place[rows], self.gram[rows], self.whole[rows])


def _occurrences(
    texts: _Texts, patterns: Sequence[Pattern], min_ngram: int
) -> tuple[NDArray[np.uint64], _Occurrences]:
    """Distinct keys of all n-grams, ascending, and where each stands."""
    found = []
    for pattern in patterns:
        all_keys = keys_of(texts.bounds, texts.words, pattern)
        sizes = texts.sizes[all_keys.text]
        fits = sizes >= min_ngram if pattern.words == min_ngram else sizes == pattern.words
        found.append([column[fits] for column in all_keys])
    numbers, places, gaps, keys = (np.concatenate(column) for column in zip(*found, strict=True))
    distinct, gram = np.unique(keys, return_inverse=True)
    return distinct, _Occurrences(numbers, places, gram.astype(np.int64), gaps == 0)


def _without_templates(
    keys: NDArray[np.uint64],
    occurrences: _Occurrences,
    members: Sequence[NDArray[np.int64]],
    texts: int,
) -> tuple[NDArray[np.uint64], _Occurrences]:
    """Keys and occurrences but for n-grams of templates; `members` are the texts of each set."""
    pairs = np.unique(occurrences.gram * max(1, texts) + occurrences.text)
    gram, number = np.divmod(pairs, max(1, texts))
    stays = np.ones(len(keys), np.bool_)
    for of_set in members:
        in_set = np.zeros(texts, np.bool_)
        in_set[of_set] = True
        times = np.bincount(gram[in_set[number]], minlength=len(keys))
        stays &= times <= max(TEMPLATE_TEXTS, TEMPLATE_SHARE * len(of_set))
    left = occurrences.taken(stays[occurrences.gram])
    return keys[stays], replace(left, gram=(np.cumsum(stays) - 1)[left.gram])


def _first_of_each(ordered: _Occurrences) -> NDArray[np.bool_]:
    """The first place of each n-gram in each text: a walk from there goes through the others."""
    first = np.ones(len(ordered.gram), np.bool_)
    first[1:] = (ordered.gram[1:] != ordered.gram[:-1]) | (ordered.text[1:] != ordered.text[:-1])
    return first


def _windows(texts: _Texts, occurrences: _Occurrences) -> NDArray[np.int32]:
    grams = np.full(len(texts.words), -1, np.int32)
    whole = occurrences.whole
    grams[texts.bounds[occurrences.text[whole]] + occurrences.place[whole]] = occurrences.gram[whole]
    return grams


def _digest(probe: Probe, keys: NDArray[np.uint64]) -> str:
    state = hashlib.sha256(VERSION.encode())
    for array in (probe.patterns, keys):
        state.update(np.int64(array.size).tobytes() + np.ascontiguousarray(array).tobytes())
    return state.hexdigest()


def _digest_of_items(items: Sequence["Item"]) -> str:
    state = hashlib.sha256()
    for item in items:
        for part in (item.name, *(word for pair in item.texts for word in pair)):
            encoded = part.encode("utf-8", errors="replace")
            state.update(len(encoded).to_bytes(8, "little") + encoded)
        state.update(b"\xff" * 8)
    return state.hexdigest()
