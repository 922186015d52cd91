"""`compare`: is the second corpus worse than the first? Words, 3-grams and topics, against a human reference or not.

Both corpora, and the reference, are read once, as an audit reads them; the figures are those of
`wellkeeper.measure.two_corpora`, from the words that the text pass kept of a sample of documents.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from wellkeeper import __version__
from wellkeeper.engine.executor import Kind
from wellkeeper.engine.progress import Listener, Progress, nobody
from wellkeeper.engine.sources import option_of
from wellkeeper.errors import DataError, InputError
from wellkeeper.filter.duplicates import DEFAULT_SIMILARITY
from wellkeeper.measure.cells import tail_cells
from wellkeeper.measure.incidence import Incidence, dense, incidence_of, match, united
from wellkeeper.measure.jackknife import wilson
from wellkeeper.measure.reference import ReferenceTails, reference_tails_or_none
from wellkeeper.measure.two_corpora import (
    LEVEL,
    MARGIN,
    PERMUTATIONS,
    Compared,
    Judgement,
    judge,
)
from wellkeeper.measure.two_corpora import compare as compare_incidences
from wellkeeper.recipe.audit import write_reports
from wellkeeper.recipe.corpus import LoadedCorpus
from wellkeeper.recipe.describe import describe_sources
from wellkeeper.recipe.inputs import groups_of, with_distinct_names
from wellkeeper.recipe.pooled import Pooled
from wellkeeper.recipe.results import Comparison
from wellkeeper.recipe.running import Clock, Running, prepare_work, read_corpus, size_of_blocks
from wellkeeper.recipe.tails import WordSample, without_copies, word_sample
from wellkeeper.recipe.textpass import TAIL_WORDS, Group
from wellkeeper.recipe.topics import topics_of

SCHEMA = "wellkeeper.compare/1"
TOPIC_DOCUMENTS = 20_000
"""Documents of each corpus whose topics are compared, in sampling order."""
EXAMPLES = 12
"""Words that only one of the corpora has, and topics that changed most, that are named."""
_FEWEST_HOLDERS = 2  # documents that have a word, for it to be named

Names = tuple[str, str]
Sides = tuple[Incidence, Incidence]


def compare(
    first: Any,
    second: Any,
    *,
    reference: Any = (),
    pairs: str | None = None,
    text: str | None = None,
    source: str | None = None,
    margin: float = MARGIN,
    permutations: int = PERMUTATIONS,
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
) -> Comparison:
    """Tell whether the second corpus is worse than the first, not worse by more than a margin, or neither is known.

    Args:
        first: the earlier corpus: a path, glob or URL, an Arrow table, anything with the Arrow C stream, or a list of
            these.
        second: the later corpus, the same.
        reference: human text that neither corpus holds, the same; without it the first corpus is the yardstick.
        pairs: column that names what a document answers, such as its prompt: documents of the same value are compared
            with each other, and what only one corpus answers is left out.
        text: column with the text, of all inputs; guessed and said aloud where it is not given.
        source: column that names each document's source.
        margin: change that does not matter, in (0, 1): a share of a Hill number or of the tail.
        permutations: relabellings; with 999 the least p-value is 0.001.
        out: folder for report.html and report.json; None: `wellkeeper-compare` in the current folder.
        work: folder for sidecars, `out`/.work by default; keep it and the next comparison reads no text again.
        seed: of every draw; the same inputs and seed give the same figures on any number of workers.
        workers: how many blocks are worked on at once; None: as many as there are cores.
        executor: `threads`, `processes` or `ray`.
        address: of a Ray cluster, `HOST:PORT`; None: RAY_ADDRESS, else Ray on this machine alone.
        strict: stop at the first record that cannot be read.
        fresh: forget what an earlier run left in the work folder.
        block_bytes: bytes of text a worker takes at once.
        listener: is told of progress.

    Raises:
        InputError: an input does not exist, holds nothing to read, has no text column, or is given twice.
        DataError: a corpus has fewer than 10 documents with words, or the margin or permutations make no sense.
        WorkError: the work folder cannot be used, or the cluster cannot.
    """
    clock = Clock()
    folder = Path(out if out is not None else "wellkeeper-compare")
    run = Running(
        work=prepare_work(folder, work, fresh=fresh),
        kind=executor,
        workers=workers,
        address=address,
        strict=strict,
        block_bytes=size_of_blocks(block_bytes),
        listener=listener,
    )
    columns = {"text": text, "id": pairs, "source": source}
    with run.ready():
        inputs, said = _inputs((first, second, reference), columns, run.work)
        read = [
            read_corpus(
                groups, run, similarity=DEFAULT_SIMILARITY, seed=seed or 0, statistics=False, topics=True
            )
            for groups in inputs
            if groups
        ]
        listener(
            Progress(stage="comparing", done=0, total=0, unit="documents", documents=sum(map(len, read)))
        )
        document = comparison_document(
            (read[0], read[1]),
            read[2] if len(read) > 2 else None,
            _as_one([*inputs[0], *inputs[1]], read[:2], run),
            said=said,
            paired=pairs is not None,
            seed=seed or 0,
            permutations=permutations,
            margin=margin,
        )
        document["run"] = clock.told(run, seed=seed or 0)
    from wellkeeper.report.compare import render_comparison

    return Comparison(document=document, paths=write_reports(folder, document, render_comparison(document)))


def comparison_document(
    corpora: tuple[LoadedCorpus, LoadedCorpus],
    reference: LoadedCorpus | None,
    both: LoadedCorpus,
    *,
    said: Sequence[str],
    paired: bool,
    seed: int,
    permutations: int,
    margin: float,
) -> dict[str, Any]:
    """All figures of a comparison and its verdict: schema `wellkeeper.compare/1`.

    `both` has the documents of the first corpus, then those of the second.
    """
    samples = _Samples.of(corpora, reference, paired=paired)
    families = {"words": samples.words(), "3-grams": samples.trigrams()}
    topics = _topics(samples, reference, both, seed)
    if topics is not None:
        families["topics"] = topics.sides
    compared: dict[str, Compared] = {}
    notes = []
    for family, (mine, theirs) in families.items():
        try:
            compared[family] = compare_incidences(
                *mine, reference=theirs, paired=paired, seed=seed, permutations=permutations, margin=margin
            )
        except DataError as error:
            if family == "words":
                raise
            notes.append(f"{family.capitalize()} were not compared: {error}")
    least = math.ceil(len(compared) / LEVEL) - 1
    if permutations < least:
        notes.append(
            f"With {permutations} permutations no figure of {len(compared)} tables can be told from chance: "
            f"ask for at least {least}."
        )
    judgement = judge(compared)
    words, human = families["words"]
    return {
        "schema": SCHEMA,
        "version": __version__,
        "inputs": {
            "first": _describe_input(corpora[0], samples.copies[0]),
            "second": _describe_input(corpora[1], samples.copies[1]),
            "reference": None if reference is None else _describe_input(reference, None),
            "columns": list(said),
            "pairs": samples.pairs,
        },
        "verdict": judgement.verdict,
        "margin": margin,
        "level": LEVEL,
        "permutations": permutations,
        "documents_to_decide": _both(judgement.documents_to_decide),
        "families": [_describe_family(family, found, judgement) for family, found in compared.items()],
        "notes": notes,
        "survival": _survival(words, human) if human is not None else None,
        "examples": _examples(samples, words, human),
        "topics": topics.changes() if topics is not None else [],
    }


# --- inputs ---------------------------------------------------------------------------------------


def _inputs(
    given: Sequence[Any], columns: Mapping[str, str | None], work: Path
) -> tuple[list[tuple[Group, ...]], tuple[str, ...]]:
    """Groups of the first corpus, of the second and of the reference, if any; and what to say aloud.

    Raises:
        InputError: a file is in two of them.
    """
    found: list[tuple[Group, ...]] = []
    said: list[str] = []
    for number, inputs in enumerate(given):
        # only the corpora have pairs, and sources of the reference are asked for nowhere
        wanted = columns if number < 2 else {"text": columns["text"]}
        many = list(inputs) if isinstance(inputs, list | tuple) else [inputs]
        groups, sentences = groups_of(many, wanted, work, reference=number == 2, named_by=_option)
        found.append(groups)
        said += sentences
    _refuse_shared(found)
    everything = with_distinct_names([group for groups in found for group in groups])
    ends = np.cumsum([len(groups) for groups in found]).tolist()
    return [everything[end - len(groups) : end] for end, groups in zip(ends, found, strict=True)], tuple(said)


def _option(role: str) -> str:
    return "--pairs COL" if role == "id" else option_of(role)


def _as_one(groups: Sequence[Group], corpora: Sequence[LoadedCorpus], run: Running) -> LoadedCorpus:
    """Two corpora under one numbering, from the sidecars that they have."""
    return LoadedCorpus(
        groups,
        [folder for corpus in corpora for folder in corpus.folders],
        kind=run.kind,
        workers=run.workers,
        scratch=run.work,
        block_bytes=run.block_bytes,
    )


def _refuse_shared(found: Sequence[Sequence[Group]]) -> None:
    first, second, reference = (
        {file.url: file.name for group in groups for file in group.files} for groups in found
    )
    shared = sorted(first.keys() & second.keys())
    if shared:
        raise InputError(
            f"{first[shared[0]]} is in both corpora, and a corpus cannot be better or worse than itself. "
            "Give two that have no file in common."
        )
    both = sorted((first.keys() | second.keys()) & reference.keys())
    if both:
        raise InputError(
            f"{reference[both[0]]} is both in the reference and in a corpus. Give human text of which neither has "
            "any, or leave --reference out: the first corpus is then the yardstick."
        )


def _describe_input(corpus: LoadedCorpus, copies: int | None) -> dict[str, Any]:
    described = {
        "names": list(corpus.group_names()),
        "documents": len(corpus),
        "words": int(corpus.column("words").sum()),
        "quarantined": corpus.quarantined,
        "sources": [
            {key: source[key] for key in ("name", "documents", "words")}
            for source in describe_sources(corpus)
        ],
    }
    return described if copies is None else {**described, "copies_of_the_reference": copies}


# --- what is compared -----------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Samples:
    """Documents of both corpora and of the reference in sampling order; of pairs, those that have a partner."""

    corpora: tuple[LoadedCorpus, LoadedCorpus]
    mine: tuple[WordSample, WordSample]
    human: WordSample | None
    copies: tuple[int, int]  # sampled documents left out since the reference has them
    units: tuple[NDArray[np.int64], NDArray[np.int64]] | None  # of each document its pair
    pairs: int | None

    @classmethod
    def of(
        cls, corpora: tuple[LoadedCorpus, LoadedCorpus], reference: LoadedCorpus | None, *, paired: bool
    ) -> "_Samples":
        whole = [word_sample(corpus).cut(TAIL_WORDS) for corpus in corpora]
        own = (
            whole
            if reference is None
            else [without_copies(one, corpus, reference) for one, corpus in zip(whole, corpora, strict=True)]
        )
        copies = [len(a.documents) - len(b.documents) for a, b in zip(whole, own, strict=True)]
        for corpus, one, copied in zip(corpora, own, copies, strict=True):
            if copied and not len(one.documents):
                raise InputError(
                    f"All {copied:,} documents of {', '.join(corpus.group_names())} that were drawn stand in the "
                    "reference too. Give human text of which neither corpus has any, or leave --reference out."
                )
        units, pairs = _paired(corpora, own) if paired else (None, None)
        human = None if reference is None else word_sample(reference).cut(2 * TAIL_WORDS)
        return cls(corpora, (own[0], own[1]), human, (copies[0], copies[1]), units, pairs)

    def words(self) -> tuple[Sides, Incidence | None]:
        return self._sides(0)

    def trigrams(self) -> tuple[Sides, Incidence | None]:
        return self._sides(1)

    def _sides(self, which: int) -> tuple[Sides, Incidence | None]:
        first, second = (sample.incidences()[which] for sample in self.mine)
        human = None if self.human is None else self.human.incidences()[which]
        return self.in_units(first, second), human

    def in_units(self, first: Incidence, second: Incidence) -> Sides:
        """Documents, or where there are pairs what each corpus has of each, in the same order."""
        if self.units is None or self.pairs is None:
            return first, second
        return united(first, self.units[0], self.pairs), united(second, self.units[1], self.pairs)


def _paired(
    corpora: Sequence[LoadedCorpus], samples: Sequence[WordSample]
) -> tuple[tuple[NDArray[np.int64], NDArray[np.int64]], int]:
    """Of each document the number of its pair, -1 where the other corpus has none; pairs in the first one's order."""
    names = [
        corpus.strings("id", sample.documents.tolist())
        for corpus, sample in zip(corpora, samples, strict=True)
    ]
    shared = set(names[1])
    number = {name: place for place, name in enumerate(dict.fromkeys(n for n in names[0] if n in shared))}
    if not number:
        raise InputError(
            "No document of one corpus has a partner in the other by the column of --pairs. Name a column whose "
            "values both share, such as the prompt, or leave --pairs out."
        )
    first, second = (np.array([number.get(name, -1) for name in some], np.int64) for some in names)
    return (first, second), len(number)


# --- topics ---------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _TopicSides:
    sides: tuple[Sides, Incidence | None]
    names: Sequence[str]
    counts: NDArray[np.int64]  # shape (2 or 3, topics): documents of the corpora, then of the reference

    def changes(self) -> list[dict[str, Any]]:
        """Topics whose share of documents changed most."""
        totals = np.maximum(self.counts.sum(axis=1, keepdims=True), 1)
        shares = self.counts / totals
        tail = tail_cells(self.counts[2]) if len(self.counts) > 2 else np.zeros(len(self.names), np.bool_)
        order = np.lexsort((np.arange(len(self.names)), -np.abs(shares[1] - shares[0])))[:EXAMPLES]
        sides = ("first", "second", "reference")[: len(self.counts)]
        return [
            {
                "name": self.names[topic],
                "is_rare": bool(tail[topic]),
                **{
                    side: _share(int(self.counts[at, topic]), int(totals[at, 0]))
                    for at, side in enumerate(sides)
                },
            }
            for topic in order.tolist()
        ]


def _share(part: int, whole: int) -> dict[str, float]:
    low, high = wilson(part / whole, whole)
    return {"estimate": part / whole, "low": low, "high": high}


def _topics(
    samples: _Samples, reference: LoadedCorpus | None, both: LoadedCorpus, seed: int
) -> _TopicSides | None:
    """Documents as incidence of one topic each; None where no topic was found."""
    found, theirs = topics_of(both, reference=reference, seed=seed)
    if not found.names:
        return None
    edge = len(samples.corpora[0])
    codes = [found.of[:edge], found.of[edge:], *([] if theirs is None else [theirs.of])]
    drawn = [_drawn(corpus, reference) for corpus in samples.corpora]
    if samples.units is not None:
        drawn = [sample.documents for sample in samples.mine]
    if reference is not None:
        drawn.append(np.arange(len(reference)))
    labels = [code[documents] for code, documents in zip(codes, drawn, strict=True)]
    first, second, *human = [_of_one_type(some) for some in labels]
    counts = [np.bincount(some[some >= 0], minlength=len(found.names)) for some in labels]
    sides = samples.in_units(first, second)
    return _TopicSides((sides, human[0] if human else None), found.names, np.stack(counts))


def _drawn(corpus: LoadedCorpus, reference: LoadedCorpus | None) -> NDArray[np.int64]:
    """Documents whose topics are compared, in sampling order, without copies of the reference."""
    order = np.argsort(corpus.column("priority"), kind="stable")[:TOPIC_DOCUMENTS]
    if reference is None:
        return order
    return order[~np.isin(corpus.column("sha256")[order], reference.column("sha256"))]


def _of_one_type(codes: NDArray[np.int32]) -> Incidence:
    has = codes >= 0
    offsets = np.concatenate(([0], np.cumsum(has)))
    return incidence_of(offsets, codes[has].astype(np.uint64))


# --- what is said ---------------------------------------------------------------------------------


def _describe_family(family: str, found: Compared, judgement: Judgement) -> dict[str, Any]:
    worse = {change.figure for name, change in judgement.worse if name == family}
    described = found.to_json()
    for change in described["changes"]:
        change["verdict"] = (
            "worse" if change["figure"] in worse else "not worse" if change["within"] else "not enough data"
        )
    return {"family": family, "p": judgement.p[family], **described}


def _both(documents: tuple[int, int] | None) -> dict[str, int] | None:
    return None if documents is None else {"first": documents[0], "second": documents[1]}


def _survival(words: Sides, human: Incidence) -> list[dict[str, Any]] | None:
    """What each corpus has of the reference's words by band of document frequency, beside the human ceiling."""
    first, second = (reference_tails_or_none(human, side) for side in match(*words))
    if first is None or second is None:
        return None
    return [
        {
            "band": a.band,
            "types": a.types,
            "first": a.coverage.to_json(),
            "second": b.coverage.to_json(),
            "ceiling": a.ceiling.to_json(),
        }
        for a, b in _bands(first, second)
    ]


def _bands(first: ReferenceTails, second: ReferenceTails) -> list[tuple[Any, Any]]:
    return list(zip(first.bands, second.bands, strict=True))


def _examples(samples: _Samples, words: Sides, human: Incidence | None) -> dict[str, list[dict[str, Any]]]:
    """Words that the first corpus has in most documents and the second in none, and the reverse."""
    sides = words if samples.units is not None else match(*words)
    ids, types = dense(np.concatenate([side.types for side in sides]))
    own = np.split(ids, [sides[0].types.size])
    hashes = np.empty(types, np.uint64)
    hashes[ids] = np.concatenate([side.types for side in sides])
    having = [np.bincount(some, minlength=types) for some in own]
    known = np.zeros(types, np.bool_) if human is None else np.isin(hashes, human.types)
    return {
        "lost": _named(samples, 0, hashes, np.where(having[1] == 0, having[0], 0)),
        "invented": _named(samples, 1, hashes, np.where((having[0] == 0) & ~known, having[1], 0)),
    }


def _named(
    samples: _Samples, which: int, hashes: NDArray[np.uint64], having: NDArray[np.int64]
) -> list[dict[str, Any]]:
    """The types that most documents have, spelled as one of them does."""
    chosen = np.lexsort((hashes, -having))[: 2 * EXAMPLES]
    chosen = chosen[having[chosen] >= _FEWEST_HOLDERS]
    documents, places = samples.mine[which].places_of(hashes[chosen])
    order = np.argsort(documents, kind="stable")
    spelled = np.empty(len(chosen), object)
    spelled[order] = Pooled((samples.corpora[which],)).written(documents[order], places[order])
    named = [
        {"text": str(word), "documents": int(having[of])}
        for word, of in zip(spelled, chosen.tolist(), strict=True)
    ]
    # numbers come and go; they tell a reader less than words do
    return sorted(named, key=lambda found: not str(found["text"]).isalpha())[:EXAMPLES]
