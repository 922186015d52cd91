"""`prove`: does a curated set make a better model than the raw one? Equal words, held-out human text, intervals.

Sets and held-out text are read once, as an audit reads them. Texts are then drawn by their hash, what the
training sets share with the held-out text is taken out of them, and `wellkeeper.lab.prove` does the rest.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from wellkeeper import __version__
from wellkeeper.core.origin import Origin
from wellkeeper.engine.executor import Kind
from wellkeeper.engine.progress import Listener, Progress, nobody
from wellkeeper.engine.sources import option_of
from wellkeeper.errors import DataError, InputError, did_you_mean
from wellkeeper.filter.duplicates import DEFAULT_SIMILARITY
from wellkeeper.lab.leakage import leaks
from wellkeeper.lab.learner import Learner, Unlearner, words_of
from wellkeeper.lab.ngram_learner import NgramLearner
from wellkeeper.lab.paired import Panel, panel_of
from wellkeeper.lab.prove import LEVEL, MARGIN, SEEDS, Doses, Outcome, dose_response, dose_words
from wellkeeper.lab.prove import prove as prove_pools
from wellkeeper.lab.training import Pool, distinct, pool_of
from wellkeeper.lab.worth import Worths
from wellkeeper.lab.worth import worth as worth_of
from wellkeeper.measure.jackknife import FEWEST_DOCUMENTS
from wellkeeper.recipe.audit import write_reports
from wellkeeper.recipe.corpus import LoadedCorpus
from wellkeeper.recipe.inputs import groups_of, with_distinct_names
from wellkeeper.recipe.results import Proof
from wellkeeper.recipe.running import Clock, Running, prepare_work, read_corpus, size_of_blocks
from wellkeeper.recipe.textpass import Group
from wellkeeper.recipe.texts import drawn_texts, in_order, up_to
from wellkeeper.recipe.topics import topics_of

SCHEMA = "wellkeeper.prove/1"
HELD_OUT_WORDS: Mapping[str, int] = {"ngram": 100_000, "transformer": 30_000, "smollm2": 10_000}
"""Held-out words at most, by proxy, in the order of draws: enough that a band's gain is that of its kind of word."""
MOST_WORDS: Mapping[str, int] = {"ngram": 1_000_000, "transformer": 200_000, "smollm2": 20_000}
"""Words that a model reads by default at most, by proxy: what takes seconds, or a minute or two on one core."""
SPARE = 4
"""Words of a set that are kept for drawing, for each that a model reads at most: draws of larger sets then differ."""
LEAST_DOSE_WORDS, LEAST_SOURCE_WORDS = 5_000, 5_000
"""Words that a dose-response curve needs at every share, and words of the smallest source that is weighed alone."""
MOST_SOURCES = 12
"""Sources that are weighed: the largest, the last of them being all others together."""
TOPICS, DOCUMENTS_FOR_TOPICS = 8, 200

PROXIES = tuple(MOST_WORDS)


def prove(
    raw: Any,
    *curated: Any,
    held_out: Any,
    words: int | None = None,
    draws: int = SEEDS,
    proxy: str = "ngram",
    model: str | Path | None = None,
    dose: Any = (),
    worth: bool = False,
    margin: float = MARGIN,
    text: str | None = None,
    source: str | None = None,
    origin: str | None = None,
    out: str | Path | None = None,
    work: str | Path | None = None,
    seed: int | None = None,
    workers: int | None = None,
    executor: Kind = "threads",
    address: str | None = None,
    strict: bool = False,
    fresh: bool = False,
    block_bytes: int | None = None,
    listener: Listener = nobody,
) -> Proof:
    """Tell whether curated sets make better models of human text than the raw one, equal words for equal words.

    Args:
        raw: the set that the others are compared with: a path, glob or URL, an Arrow table, anything with the Arrow C
            stream, or a list of these. Of an output folder of `curate`, its documents are read.
        curated: one set or several, the same.
        held_out: human text that none of the sets was meant to hold, the same. Training documents that share copies,
            near copies or long passages with it are left out, and counted.
        words: words that each model reads at most; None: as many as the smallest set has, up to what the proxy reads
            in a short time.
        draws: models of each set, of different draws.
        proxy: `ngram`, `transformer` or `smollm2`.
        model: the model that `smollm2` begins with: a GGUF file or a folder.
        dose: AI-generated documents for the dose-response curve; without them, those of the sets that are so labelled.
        worth: whether to tell what each source of the raw set is worth.
        margin: gain that does not matter, nats a word, above 0.
        text: column with the text, of all inputs; guessed and said aloud where it is not given.
        source: column that names each document's source, of the inputs that have it: one at least.
        origin: column that declares who or what wrote each document, the same.
        out: folder for report.html and report.json; None: `wellkeeper-prove` in the current folder.
        work: folder for sidecars, `out`/.work by default; keep it and the next run reads no text again.
        seed: of every draw; the same inputs and seed give the same figures on any number of workers.
        workers: how many blocks are read at once; None: as many as there are cores.
        executor: `threads`, `processes` or `ray`.
        address: of a Ray cluster, `HOST:PORT`; None: RAY_ADDRESS, else Ray on this machine alone.
        strict: stop at the first record that cannot be read.
        fresh: forget what an earlier run left in the work folder.
        block_bytes: bytes of text a worker takes at once.
        listener: is told of progress.

    Raises:
        InputError: an input does not exist, holds nothing to read, has no text column, or most of the held-out text
            stands in a training set.
        DataError: a set has too few documents, or a number makes no sense.
        MissingExtraError: the proxy needs an optional part that is not installed.
        WorkError: the work folder cannot be used, or the cluster cannot.
    """
    clock = Clock()
    _check(curated, held_out, words=words, draws=draws, margin=margin)
    learner = learner_named(proxy, model)
    folder = Path(out if out is not None else "wellkeeper-prove")
    run = Running(
        work=prepare_work(folder, work, fresh=fresh),
        kind=executor,
        workers=workers,
        address=address,
        strict=strict,
        block_bytes=size_of_blocks(block_bytes),
        listener=listener,
    )
    columns = {"text": text, "source": source, "origin": origin}
    asked = _Asked(
        words=MOST_WORDS[proxy] if words is None else words,
        held_out=HELD_OUT_WORDS[proxy],
        draws=draws,
        margin=margin,
        seed=seed or 0,
        worth=worth,
    )
    with run.ready():
        inputs, said = _inputs((raw, *curated, held_out, dose), columns, run.work)
        corpora = [
            read_corpus(
                groups,
                run,
                similarity=DEFAULT_SIMILARITY,
                seed=asked.seed,
                statistics=False,
                topics=place == 1 + len(curated),
            )
            if groups
            else None
            for place, groups in enumerate(inputs)
        ]
        *training, test, doses = corpora
        assert test is not None, "every input that is given has groups"
        names = _names((raw, *curated), inputs[: 1 + len(curated)])
        sets = {name: corpus for name, corpus in zip(names, training, strict=True) if corpus is not None}
        document = _document(sets, test, doses, learner, asked, said, listener)
        document["run"] = clock.told(run, seed=asked.seed)
    from wellkeeper.report.prove import render_proof

    return Proof(document=document, paths=write_reports(folder, document, render_proof(document)))


def learner_named(proxy: str, model: str | Path | None = None) -> Learner[Any]:
    """The learner that stands for the user's model.

    Raises:
        InputError: there is no such proxy, or it begins with no model.
        MissingExtraError: what it needs is not installed.
    """
    if proxy not in PROXIES:
        raise InputError(
            f"There is no proxy {proxy!r}.{did_you_mean(proxy, PROXIES)} Choose one of {', '.join(PROXIES)}."
        )
    if model is not None and proxy != "smollm2":
        raise InputError(
            f"The {proxy} proxy is fitted from scratch and begins with no model. Leave --model out, or choose --proxy "
            "smollm2."
        )
    if proxy == "ngram":
        return NgramLearner()
    if proxy == "transformer":
        from wellkeeper.lab.worlds.transformer import TransformerLearner

        return TransformerLearner()
    if model is None:
        raise InputError(
            "The smollm2 proxy begins with a model of yours. Give it as --model PATH, a GGUF file or a folder with "
            "its weights."
        )
    from wellkeeper.lab.worlds.smollm2 import SmolLM2Learner

    return SmolLM2Learner(model=Path(model))


def _check(curated: Sequence[Any], held_out: Any, *, words: int | None, draws: int, margin: float) -> None:
    if not curated:
        raise InputError("There is no set beside the raw one. Give the curated set after it.")
    if isinstance(held_out, list | tuple) and not held_out:
        raise InputError("There is no held-out text. Give human text that no set has.")
    if words is not None and words < 1:
        raise DataError(f"words is {words}. Ask for at least 1, or leave it out.")
    if draws < 2:
        raise DataError(f"seeds is {draws}. Give at least 2: the spread of draws is part of the interval.")
    if not margin > 0:
        raise DataError(f"margin is {margin:g}. Give a number of nats above 0, for example {MARGIN}.")


@dataclass(frozen=True, slots=True, kw_only=True)
class _Asked:
    """What was asked for."""

    words: int
    held_out: int  # words
    draws: int
    margin: float
    seed: int
    worth: bool

    def options(self) -> dict[str, Any]:
        return {"words": self.words, "draws": self.draws, "margin": self.margin, "seed": self.seed}


# --- inputs ------------------------------------------------------------------------------------------


def _inputs(
    given: Sequence[Any], columns: Mapping[str, str | None], work: Path
) -> tuple[list[tuple[Group, ...]], tuple[str, ...]]:
    """Groups of every set, of the held-out text and of the doses, if any; and what to say aloud."""
    found: list[tuple[Group, ...]] = []
    said: list[str] = []
    for inputs in given:
        many = list(inputs) if isinstance(inputs, list | tuple) else [inputs]
        groups, sentences = groups_of(many, columns, work, optional=("source", "origin"))
        found.append(groups)
        said += sentences
    everything = with_distinct_names([group for groups in found for group in groups])
    for role in ("source", "origin"):
        if columns[role] is not None and all(
            group.columns.named().get(role) != columns[role] for group in everything
        ):
            raise InputError(
                f"No input has a column {columns[role]!r} for the {role}. Name an existing one with {option_of(role)}."
            )
    ends = np.cumsum([len(groups) for groups in found]).tolist()
    return [everything[end - len(groups) : end] for end, groups in zip(ends, found, strict=True)], tuple(said)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Set:
    """A training set: what of it is drawn from, without what it shares with the held-out text."""

    corpus: LoadedCorpus
    name: str
    pool: Pool
    documents: NDArray[np.int64]  # shape (pool,): their numbers in the corpus
    leaked: tuple[int, int]  # documents and words left out
    held_out: NDArray[np.bool_]  # shape (held-out documents,): those that they share
    synthetic: NDArray[np.bool_]  # shape (pool,): AI-generated, as far as is known

    def to_json(self) -> dict[str, Any]:
        return {
            "name": self.name,
            "inputs": list(self.corpus.group_names()),
            "documents": len(self.corpus),
            "words": int(self.corpus.column("words").sum()),
            "quarantined": self.corpus.quarantined,
            "drawn_from": _size(self.pool),
            "in_held_out": {"documents": self.leaked[0], "words": self.leaked[1]},
            "synthetic": _size(self.pool.take(self.synthetic)),
        }

    def without_synthetic(self) -> Pool:
        return self.pool.take(~self.synthetic)


def _size(pool: Pool) -> dict[str, int]:
    return {"documents": len(pool), "words": pool.total}


def _drawn_from(corpus: LoadedCorpus, name: str, most: int, seed: int) -> tuple[Pool, NDArray[np.int64]]:
    """Documents in the order of draws up to about so many words, copies and all, and their numbers in the corpus."""
    order, _ = in_order(corpus, np.flatnonzero(corpus.column("words")), seed)
    chosen = np.sort(up_to(corpus, order, most))
    if not len(chosen):
        raise InputError(f"No document of {name} has a word. Check its text column (--text COL).")
    pool = pool_of(name, corpus.texts(chosen))
    return pool, chosen


def _set_of(corpus: LoadedCorpus, name: str, most: int, panel: Panel, seed: int) -> _Set:
    """A training set without what it shares with the held-out text.

    Raises:
        InputError: most of the held-out text stands in it.
    """
    pool, documents = _drawn_from(corpus, name, most, seed)
    _check_size(pool, corpus, most)
    shared = leaks(words_of(pool.documents), panel.words)
    found = int(np.count_nonzero(shared.held_out))
    if found > len(panel) / 2:
        raise InputError(
            f"{found:,} of {len(panel):,} held-out documents stand in {name}, whole or in large part. A model that has "
            "read the test proves nothing: hold out human documents that no set has."
        )
    stays = ~shared.training
    left = pool.take(stays)
    if len(left) < FEWEST_DOCUMENTS:
        raise DataError(
            f"{len(pool) - len(left)} of the {len(pool)} documents of {name} stand in the held-out text, and the "
            f"{len(left)} others are too few for an interval. Give at least {FEWEST_DOCUMENTS} that do not."
        )
    documents = documents[stays]
    return _Set(
        corpus=corpus,
        name=name,
        pool=left,
        documents=documents,
        leaked=(len(pool) - len(left), pool.total - left.total),
        held_out=shared.held_out,
        synthetic=corpus.column("origin_resolved")[documents] == Origin.AI_GENERATED,
    )


def _check_size(pool: Pool, corpus: LoadedCorpus, most: int) -> None:
    """Refuse what is too small for an interval, and say whether the set is or what was asked for.

    Raises:
        DataError: as said.
    """
    if len(pool) >= FEWEST_DOCUMENTS:
        return
    if len(pool) < np.count_nonzero(corpus.column("words")):
        raise DataError(
            f"The longest draw of {pool.name}, {most:,} words, takes {len(pool)} of its documents, too few for an "
            f"interval. Ask for more words with --words, so that it takes {FEWEST_DOCUMENTS} or more."
        )
    raise DataError(
        f"{pool.name} has too few documents with words for an interval: {len(pool)}. Give at least {FEWEST_DOCUMENTS}."
    )


# --- the document ------------------------------------------------------------------------------------


def _document(
    training: Mapping[str, LoadedCorpus],
    test: LoadedCorpus,
    dose: LoadedCorpus | None,
    learner: Learner[Any],
    asked: _Asked,
    said: Sequence[str],
    listener: Listener,
) -> dict[str, Any]:
    """All figures and the verdict: schema `wellkeeper.prove/1`."""
    listener(Progress(stage="reading texts", done=0, total=0, unit="texts"))
    panel = _panel(test, asked.held_out, asked.seed)
    most = SPARE * asked.words
    sets = [_set_of(corpus, name, most, panel, asked.seed) for name, corpus in training.items()]
    doses = None if dose is None else _set_of(dose, "dose", most, panel, asked.seed)
    watch = _Watch(listener, "fitting models")
    read = sets if doses is None else [*sets, doses]
    notes: list[str] = []
    pools = [one.pool for one in sets]
    notes += [
        f"{pool.name} has the same documents as {pools[0].name}."
        for pool in pools[1:]
        if _alike(pool, pools[0])
    ]
    outcome = prove_pools(pools, panel, learner, told=watch, **asked.options())
    without = _without_synthetic(sets, panel, learner, asked, watch, notes)
    curve = _dose_response(sets, doses, panel, learner, asked, watch, notes)
    weighed = _worth(sets[0], panel, asked, watch, notes) if asked.worth else None
    return {
        "schema": SCHEMA,
        "version": __version__,
        "inputs": {
            "sets": [one.to_json() for one in sets],
            "held_out": {
                "inputs": list(test.group_names()),
                "documents": len(test),
                "words": int(test.column("words").sum()),
                "read": {"documents": len(panel), "words": int(panel.words.hashes.size)},
                "in_training": int(np.count_nonzero(np.any([one.held_out for one in read], axis=0))),
            },
            "dose": None if doses is None else doses.to_json(),
            "columns": list(said),
        },
        "verdict": outcome.sets[0].verdict,
        "level": LEVEL,
        **outcome.to_json(),
        "without_synthetic": None if without is None else without.to_json(),
        "dose_response": None if curve is None else curve.to_json(),
        "worth": None if weighed is None else weighed.to_json(),
        "notes": notes,
    }


def _alike(first: Pool, second: Pool) -> bool:
    return np.array_equal(np.sort(first.hashes), np.sort(second.hashes))


class _Watch:
    """Tells a listener of every model that was fitted."""

    def __init__(self, listener: Listener, stage: str) -> None:
        self._listener, self._stage, self._done = listener, stage, 0

    def __call__(self, _name: str) -> None:
        self._done += 1
        self._listener(Progress(stage=self._stage, done=self._done, total=0, unit="models"))


def _names(given: Sequence[Any], groups: Sequence[Sequence[Group]]) -> list[str]:
    """What the sets are called: by their inputs, and where two would be called alike, by their place as well."""
    found = [_name(*pair) for pair in zip(given, groups, strict=True)]
    return [name if found.count(name) == 1 else f"{name} ({place})" for place, name in enumerate(found, 1)]


def _name(given: Any, groups: Sequence[Group]) -> str:
    if isinstance(given, str | Path):
        name = Path(given).name.partition(".")[0]
        if name and "*" not in name:
            return name
    names = [group.name for group in groups]
    return ", ".join(names[:2]) + (", ..." if len(names) > 2 else "")


def _panel(test: LoadedCorpus, words: int, seed: int) -> Panel:
    """The held-out documents, distinct, in the order of draws, with their sources and topics."""
    drawn = drawn_texts(test, words=words, seed=seed)
    if len(drawn.texts) < FEWEST_DOCUMENTS:
        raise DataError(
            f"The held-out text has {len(drawn.texts)} distinct documents with words, too few for an interval. Give at "
            f"least {FEWEST_DOCUMENTS}, better some hundreds."
        )
    codes, names = test.codes("source")
    labels = {"source": [names[code] if code >= 0 else "" for code in codes[drawn.documents].tolist()]}
    if len(drawn.texts) >= DOCUMENTS_FOR_TOPICS:
        topics, _ = topics_of(test, seed=seed, count=TOPICS)
        labels["topic"] = [topics.names[of] if of >= 0 else "" for of in topics.of[drawn.documents].tolist()]
    return panel_of(drawn.texts, labels)


def _without_synthetic(
    sets: Sequence[_Set],
    panel: Panel,
    learner: Learner[Any],
    asked: _Asked,
    watch: Callable[[str], None],
    notes: list[str],
) -> Outcome | None:
    """The same sets without their AI-generated documents; None where none has any, or too little is left."""
    if not any(one.synthetic.any() for one in sets):
        return None
    pools = [one.without_synthetic() for one in sets]
    small = [pool for pool in pools if len(pool) < FEWEST_DOCUMENTS]
    if small:
        notes.append(
            f"Without its AI-generated documents {small[0].name} has {len(small[0])}, too few to compare the sets "
            "without them."
        )
        return None
    return prove_pools(pools, panel, learner, told=watch, **asked.options())


def _dose_response(
    sets: Sequence[_Set],
    dose: _Set | None,
    panel: Panel,
    learner: Learner[Any],
    asked: _Asked,
    watch: Callable[[str], None],
    notes: list[str],
) -> Doses | None:
    """Synthetic words in the place of those of the first curated set that are not known to be.

    Six shares are six times the models of one set. Where each takes minutes, they are fitted if doses are given.
    """
    human = sets[1].without_synthetic()
    made = [dose.pool] if dose is not None else [one.pool.take(one.synthetic) for one in sets]
    synthetic = made[0] if len(made) == 1 else distinct("AI-generated", made)
    if not len(synthetic):
        return None
    if dose is None and not isinstance(learner, Unlearner):
        notes.append(
            f"No dose-response curve was made, which takes the {learner.name} proxy long: give the AI-generated text "
            "with --dose PATH to have it."
        )
        return None
    size = dose_words(human, synthetic, learner, asked.words)
    if size < LEAST_DOSE_WORDS or len(human) < FEWEST_DOCUMENTS:
        notes.append(
            f"A dose-response curve needs {LEAST_DOSE_WORDS:,} words at every share; {human.total:,} words that are "
            f"not known to be AI-generated and {synthetic.total:,} that are allow {size:,}. Give more with --dose PATH."
        )
        return None
    return dose_response(human, synthetic, panel, learner, told=watch, **asked.options())


def _worth(
    raw: _Set, panel: Panel, asked: _Asked, watch: Callable[[str], None], notes: list[str]
) -> Worths | None:
    sources = list(_sources(raw, notes))
    if len(sources) < 2:
        notes.append(
            f"{raw.name} has {len(sources)} source of {LEAST_SOURCE_WORDS:,} words or more: there is nothing to weigh "
            "against. Name the column that tells its sources (--source COL)."
        )
        return None
    return worth_of(sources, panel, words=asked.words, seed=asked.seed, told=watch)


def _sources(raw: _Set, notes: list[str]) -> Iterator[Pool]:
    """The sources of a set, the largest first; small ones together, if together they are large enough."""
    codes, names = raw.corpus.codes("source")
    of = codes[raw.documents]
    words = np.bincount(of[of >= 0], raw.pool.words[of >= 0], len(names))
    documents = np.bincount(of[of >= 0], minlength=len(names))
    large = (words >= LEAST_SOURCE_WORDS) & (documents >= FEWEST_DOCUMENTS)
    order = np.lexsort((np.array(names, str), -words))
    alone = order[large[order]]
    if len(alone) > MOST_SOURCES or not large[words > 0].all():
        alone = alone[: MOST_SOURCES - 1]
    for code in alone.tolist():
        yield raw.pool.take(of == code, name=names[code])
    rest = ~np.isin(of, alone)
    if not rest.any():
        return
    others = raw.pool.take(rest, name="all other sources")
    many = len(np.unique(of[rest]))
    if others.total >= LEAST_SOURCE_WORDS and len(others) >= FEWEST_DOCUMENTS:
        notes.append(f"{many} further sources of {raw.name} are weighed together as {others.name}.")
        yield others
    else:
        notes.append(
            f"{many} sources of {raw.name} with {others.total:,} words together are too small to be weighed."
        )
