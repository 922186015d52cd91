"""`audit`: inputs to sidecars to figures to findings to a report. Nothing of the corpus is changed."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from wellkeeper import __version__
from wellkeeper.core.decision import Ruling
from wellkeeper.engine.executor import Kind
from wellkeeper.engine.progress import Listener, Progress, nobody
from wellkeeper.engine.store import write_atomic
from wellkeeper.filter.duplicates import (
    DEFAULT_KEEP,
    DEFAULT_SIMILARITY,
    EXACT_DUPLICATES,
    NEAR_DUPLICATES,
    banding_for,
)
from wellkeeper.recipe.corpus import LoadedCorpus
from wellkeeper.recipe.describe import (
    describe_duplicates,
    describe_inputs,
    describe_origin,
    describe_quality,
)
from wellkeeper.recipe.earlier import INDEX, remember
from wellkeeper.recipe.findings import findings_of, verdict_of
from wellkeeper.recipe.inputs import groups_of, with_slices
from wellkeeper.recipe.marks import describe_marks
from wellkeeper.recipe.propose import proposed_recipe
from wellkeeper.recipe.results import Audit
from wellkeeper.recipe.rights import describe_rights
from wellkeeper.recipe.running import (
    Clock,
    Running,
    keyed_marks,
    prepare_work,
    read_corpus,
    size_of_blocks,
    trusted_at,
)
from wellkeeper.recipe.textpass import Group

if TYPE_CHECKING:
    from wellkeeper.origin.anchors import AnchorPack
    from wellkeeper.recipe.keyed import KeyedMarks
    from wellkeeper.recipe.people_share import PeopleSaid
    from wellkeeper.recipe.topics import Topics

SCHEMA = "wellkeeper.audit/1"


def audit(
    inputs: Any,
    *,
    reference: Any = (),
    anchors: str | Path | None = None,
    reviewed: str | Path | None = None,
    trust: str | Path | None = None,
    lm: str | Path | None = None,
    lm_documents: int | None = None,
    lm_budget: int | None = None,
    watermark_keys: Sequence[str | Path] = (),
    tokenizer: str | Path | None = None,
    text: str | None = None,
    id: str | None = None,  # noqa: A002  the field's name everywhere else
    source: str | None = None,
    date: str | None = None,
    licence: str | None = None,
    origin: str | None = None,
    generator: str | None = None,
    similarity: float = DEFAULT_SIMILARITY,
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
) -> Audit:
    """Tell what is in a corpus.

    Args:
        inputs: a path, glob or URL, an Arrow table, anything with the Arrow C stream, or a list of these.
        reference: the same, for human text whose rare words the corpus is compared with.
        anchors: pack of references of known origin, made by `wellkeeper anchors build`: with it the share of AI text
            is measured by slice, source and month.
        reviewed: queue of a review that asks who wrote documents of this very corpus: the share of AI text is then what
            its labels and scores make.
        trust: PEM file of certificates whose holders' credentials are trusted; without it nobody's are.
        lm: GGUF file or transformers folder of a language model that reads a sample; see `wellkeeper.origin.lm`.
        lm_documents: how many documents it reads, 200 by default.
        lm_budget: most tokens that it reads in this run.
        watermark_keys: key files whose marks are looked for in every document; see `wellkeeper.recipe.watermarks`.
        tokenizer: of the model that may have placed them: `tokenizer.json`, its folder or a GGUF file.
        text: column with the text; like all columns, guessed and said aloud where it is not given.
        id: column with the documents' ids; without one they are named `file:line`.
        source: column that names each document's source.
        date: column with each document's date.
        licence: column with each document's licence.
        origin: column that declares who or what wrote each document.
        generator: column that names the model that wrote each document.
        similarity: Jaccard similarity of word 5-grams, 0.3 to 1, from which documents are near duplicates.
        out: folder for report.html and report.json; None: `wellkeeper-audit` in the current folder.
        work: folder for sidecars, `out`/.work by default; keep it and the next audit reads no text again.
        seed: of every draw; the same inputs and seed give the same figures on any number of workers.
        workers: how many blocks are worked on at once; None: as many as there are cores.
        executor: `threads`, `processes` or `ray`.
        address: of a Ray cluster, `HOST:PORT`; None: RAY_ADDRESS, else Ray on this machine alone.
        strict: stop at the first record that cannot be read.
        fresh: forget what an earlier run left in the work folder.
        block_bytes: bytes of text a worker takes at once.
        listener: is told of progress.

    Raises:
        InputError: an input does not exist, holds nothing to read, or has no text column; the anchors cannot be used;
            the queue is of another corpus, or has no answer yet.
        WorkError: the work folder cannot be used, or the cluster cannot.
    """
    clock = Clock()
    folder = Path(out if out is not None else "wellkeeper-audit")
    pack = anchors_at(anchors)
    said_by_people = _people_at(reviewed)
    certificates = trusted_at(trust)
    watermarks = keyed_marks(watermark_keys, tokenizer)
    if lm is not None:
        from wellkeeper.recipe.lm import DOCUMENTS, describe_lm, refuse_early

        lm_documents = DOCUMENTS if lm_documents is None else lm_documents
        refuse_early(lm, lm_documents)
    run = Running(
        work=prepare_work(folder, work, fresh=fresh),
        kind=executor,
        workers=workers,
        address=address,
        strict=strict,
        block_bytes=size_of_blocks(block_bytes),
        listener=listener,
    )
    columns = {
        "text": text, "id": id, "source": source, "date": date, "licence": licence, "origin": origin,
        "generator": generator,
    }  # fmt: skip
    with run.ready():
        groups, said = groups_of(_many(inputs), columns, run.work)
        groups = with_slices(groups, None if pack is None else pack.slice_column)
        references, _ = groups_of(_many(reference), {"text": None}, run.work, reference=True)
        found = audited(
            groups,
            references,
            said,
            run,
            similarity=similarity,
            seed=seed or 0,
            anchors=pack,
            people=said_by_people,
            trust=certificates,
            watermarks=watermarks,
        )
        document = found.document
        if lm is not None and lm_documents is not None:
            document["origin"]["lm"] = describe_lm(
                found.corpus,
                lm,
                folder,
                documents=lm_documents,
                token_budget=lm_budget,
                work=run.work,
                listener=listener,
            )
        document["proposed_recipe"] = proposed_recipe(groups, _many(reference), references, document)
        document["run"] = clock.told(run, seed=seed or 0)
    from wellkeeper.report import render_html

    paths = write_reports(folder, document, render_html(document, title="Corpus audit"))
    return Audit(document=document, paths=paths)


def anchors_at(path: str | Path | None) -> "AnchorPack | None":
    """The pack at a path. To be asked for before a folder is made: what is refused then leaves nothing behind."""
    if path is None:
        return None
    from wellkeeper.origin.anchors import AnchorPack  # what few runs need

    return AnchorPack.load(path)


def _people_at(reviewed: str | Path | None) -> "PeopleSaid | None":
    if reviewed is None:
        return None
    from wellkeeper.recipe.people_share import people_said  # what few runs need

    return people_said(reviewed)


def _many(given: Any) -> Sequence[Any]:
    return list(given) if isinstance(given, list | tuple) else [given]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Audited:
    """An audit's figures, and the corpora that they are of."""

    corpus: LoadedCorpus
    reference: LoadedCorpus | None
    topics: "tuple[Topics, Topics | None] | None"  # of both; None without a reference
    document: dict[str, Any]


def audited(
    groups: Sequence[Group],
    references: Sequence[Group],
    said: Sequence[str],
    run: Running,
    *,
    similarity: float,
    seed: int,
    anchors: "AnchorPack | None" = None,
    people: "PeopleSaid | None" = None,
    trust: str | None = None,
    watermarks: "KeyedMarks | None" = None,
) -> Audited:
    """Read the groups and take all figures of them, but for a language model's."""
    corpus = read_corpus(
        groups,
        run,
        similarity=similarity,
        seed=seed,
        topics=bool(references),
        anchors=anchors,
        trust=trust,
        watermarks=watermarks,
    )
    remember(run.work / INDEX, corpus, banding=banding_for(similarity), similarity=similarity)
    compared = None
    if references:
        compared = read_corpus(references, run, similarity=similarity, seed=seed, topics=True)
    run.listener(Progress(stage="measuring", done=0, total=0, unit="documents", documents=len(corpus)))
    everything = np.ones(len(corpus), np.bool_)
    keep = {"keep": list(DEFAULT_KEEP)}
    exact = EXACT_DUPLICATES.rule(corpus, everything, EXACT_DUPLICATES.check(keep))
    left = everything.copy()
    left[exact.documents] = False
    near = NEAR_DUPLICATES.rule(corpus, left, NEAR_DUPLICATES.check({**keep, "similarity": similarity}))
    shares = None
    if anchors is not None:
        from wellkeeper.recipe.shares import describe_shares

        shares = describe_shares(corpus, seed=seed, listener=run.listener)
    by_people = None
    if people is not None:
        from wellkeeper.recipe.people_share import people_share

        by_people = people_share(people, corpus)
    topics = None
    if compared is not None:
        from wellkeeper.recipe.topics import topics_of  # what an audit without a reference does not need

        topics = topics_of(corpus, reference=compared, seed=seed)
    document = audit_document(
        corpus,
        said,
        exact=exact,
        near=near,
        reference=compared,
        topics=topics,
        shares=shares,
        people=by_people,
        seed=seed,
    )
    document["origin"]["lm"] = None
    return Audited(corpus=corpus, reference=compared, topics=topics, document=document)


def audit_document(
    corpus: LoadedCorpus,
    said: Sequence[str],
    *,
    exact: Ruling,
    near: Ruling,
    reference: LoadedCorpus | None,
    topics: "tuple[Topics, Topics | None] | None",
    shares: Mapping[str, Any] | None,
    seed: int,
    people: Mapping[str, Any] | None = None,
) -> dict[str, Any]:
    """All figures of an audit, with findings and verdict: schema `wellkeeper.audit/1`."""
    from wellkeeper.recipe.tails import TOO_SMALL

    tails = _tails(corpus, reference)
    rules, failing = describe_quality(corpus)
    document: dict[str, Any] = {
        "schema": SCHEMA,
        "version": __version__,
        "inputs": describe_inputs(corpus, said),
        "origin": describe_origin(corpus, shares, people),
        "duplicates": describe_duplicates(corpus, exact, near),
        "tails": tails,
        "tails_note": None if tails is not None else _note(corpus, reference, TOO_SMALL),
        **_topics(corpus, reference, topics, seed),
        "reference_given": reference is not None,
        "quality": rules,
        "quality_any": failing,
        "rights": describe_rights(corpus),
        "marks": describe_marks(corpus),
    }
    document["outlook"] = _outlook(corpus, document["origin"]["share"])
    findings = findings_of(document)
    document["findings"] = [finding.to_json() for finding in findings]
    document["verdict"] = verdict_of(findings)
    return document


def _tails(corpus: LoadedCorpus, reference: LoadedCorpus | None) -> dict[str, Any] | None:
    from wellkeeper.recipe.tails import (
        describe_likelihood,
        describe_tails,
        without_copies,
        without_repeats,
        word_sample,
    )

    sample = word_sample(corpus)
    if reference is None:
        return describe_tails(sample, None)
    sample, theirs = without_copies(sample, corpus, reference), word_sample(reference)
    tails = describe_tails(sample, theirs)
    if tails is not None and tails["reference"] is not None:
        tails["reference"]["likelihood"] = describe_likelihood(sample, without_repeats(theirs, reference))
    return tails


def _outlook(corpus: LoadedCorpus, share: Mapping[str, Any]) -> dict[str, Any] | None:
    """What models would keep of the corpus, where the share of AI text is known."""
    if share["estimate"] is None:
        return None
    from wellkeeper.recipe.outlook import describe_outlook  # what few audits need
    from wellkeeper.recipe.tails import word_sample

    return describe_outlook(word_sample(corpus), share)


def _topics(
    corpus: LoadedCorpus,
    reference: LoadedCorpus | None,
    topics: "tuple[Topics, Topics | None] | None",
    seed: int,
) -> dict[str, Any]:
    if reference is None or topics is None:
        return {"topics": None, "topics_note": None}
    from wellkeeper.recipe.topic_gaps import TOO_FEW, describe_topics

    found = describe_topics(corpus, reference, topics, seed=seed)
    return {"topics": found, "topics_note": _note(corpus, reference, TOO_FEW) if found is None else None}


def _note(corpus: LoadedCorpus, reference: LoadedCorpus | None, otherwise: str) -> str:
    """Why there is nothing to tell beside the reference: copies of its documents say nothing."""
    from wellkeeper.recipe.tails import ALL_COPIES

    if reference is not None and np.isin(corpus.column("sha256"), reference.column("sha256")).all():
        return ALL_COPIES
    return otherwise


def write_reports(folder: Path, document: Mapping[str, Any], page: str) -> dict[str, Path]:
    """Write a verb's document and its page; returns where they are."""
    paths = {"report": folder / "report.html", "json": folder / "report.json"}
    text = json.dumps(document, ensure_ascii=False, indent=2)
    write_atomic(paths["json"], (text + "\n").encode())
    write_atomic(paths["report"], page.encode())
    return paths
