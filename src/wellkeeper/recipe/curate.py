"""`curate`: a recipe applied. Inputs to sidecars, steps and mix to decisions, decisions to a folder with its ledger."""

import json
import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
from numpy.typing import NDArray

from wellkeeper import __version__
from wellkeeper.core.decision import Decision
from wellkeeper.core.origin import LABELS, Origin
from wellkeeper.engine.executor import Kind
from wellkeeper.engine.progress import Listener, Progress, nobody
from wellkeeper.engine.readers.base import ColumnMap, InputFile
from wellkeeper.engine.sources import find_files
from wellkeeper.errors import RecipeError, WorkError
from wellkeeper.filter.duplicates import DEFAULT_SIMILARITY, NEAR_DUPLICATES, banding_for
from wellkeeper.ledger.manifest import read_manifest
from wellkeeper.recipe.corpus import LoadedCorpus
from wellkeeper.recipe.decide import Amend, Decisions, MixTopics, apply_mix, apply_steps, undecided
from wellkeeper.recipe.describe import (
    months_of,
)
from wellkeeper.recipe.earlier import (
    INDEX,
    REASON,
    SET,
    check_not_itself,
    drop_repeats,
    open_earlier,
    remember,
)
from wellkeeper.recipe.findings import curation_findings_of
from wellkeeper.recipe.inputs import (
    columns_for,
    documents_in,
    groups_of,
    not_below,
    recipe_key,
    with_distinct_names,
    with_labels,
    with_slices,
)
from wellkeeper.recipe.model import Guard, Recipe, Source
from wellkeeper.recipe.optional import describe_optional, embedding_of, settle, wanted_by
from wellkeeper.recipe.results import Curation
from wellkeeper.recipe.rights import describe_lineage, describe_rights
from wellkeeper.recipe.running import (
    Clock,
    Running,
    keyed_marks,
    prepare_work,
    read_corpus,
    size_of_blocks,
    trusted_at,
)
from wellkeeper.recipe.schema import GUARD_WITHOUT_REFERENCE, guard_of, load_recipe
from wellkeeper.recipe.steps import step_named
from wellkeeper.recipe.textpass import Group
from wellkeeper.recipe.vetted import columns_of, vetted_sources

if TYPE_CHECKING:
    from wellkeeper.engine.site_files import SiteFiles
    from wellkeeper.filter.verified import Verdicts
    from wellkeeper.ledger.signature import SigningKey
    from wellkeeper.origin.anchors import AnchorPack
    from wellkeeper.recipe.keyed import KeyedMarks
    from wellkeeper.recipe.reviews import Review
    from wellkeeper.recipe.tail_cost import TailWatch
    from wellkeeper.recipe.tail_guard import TailGuard
    from wellkeeper.recipe.tails import WordSample
    from wellkeeper.recipe.topics import By, Topics

SCHEMA = "wellkeeper.curate/1"


class Vetting(Protocol):
    """What vetting adds to the curation of a synthetic set (`wellkeeper.recipe.vetting`)."""

    @property
    def repeats(self) -> str:
        """The ledger's reason for documents that the sets of `against` have."""

    def verified(self, corpus: LoadedCorpus, run: Running) -> "Verdicts":
        """What verifiers say of the documents; asked for before anything is decided."""

    def judged(
        self, document: dict[str, Any], corpus: LoadedCorpus, decisions: Decisions, human: "Human | None"
    ) -> dict[str, Any]:
        """The gate's verdict, from all that was decided: what the document has as `vetting`."""


def curate(
    recipe: str | Path | Recipe,
    *,
    overrides: Sequence[str] = (),
    against: str | Path | Sequence[str | Path] = (),
    guard: str | Guard | None = None,
    review: str | Path | Sequence[str | Path] = (),
    key: str | Path | None = None,
    public_proofs: bool = False,
    name: str | None = None,
    out: str | Path | None = None,
    work: str | Path | None = None,
    seed: int | None = None,
    workers: int | None = None,
    executor: Kind = "threads",
    address: str | None = None,
    strict: bool = False,
    fresh: bool = False,
    dry_run: bool = False,
    keep_rejected: bool = True,
    block_bytes: int | None = None,
    listener: Listener = nobody,
    vetting: Vetting | None = None,
    decided: Callable[[LoadedCorpus, Decisions], None] | None = None,
) -> Curation:
    """Make a training set from a recipe; its inputs are never changed.

    Args:
        recipe: a YAML file, or a `Recipe`.
        name: what the set is called; None: as the recipe's file.
        overrides: `key=value` changes of a recipe file, as in `--set mix.human_floor=0.3`.
        against: folders of earlier curated sets, or work folders, besides those that the recipe names: documents
            that they have, by text or as near duplicates, are left out.
        guard: how much of the reference's tail every step must keep, `tail=0.95` or `tail=0.95:relax`; wins over the
            recipe's.
        review: queues of `wellkeeper review`, or their exported logs, besides those that the recipe names: what people
            said is applied after the steps and before the mix.
        key: who signs the output, the path of a private key or `env:NAME`; wins over the recipe's. Without one the
            output is sealed and not signed: anyone could have made it.
        public_proofs: let a proof of one document show nothing of others; also if the recipe says so.
        out: output folder, new or of the same recipe; None: the recipe's `out`, else `NAME-curated` beside
            the current folder.
        work: folder for sidecars, `out`/.work by default.
        seed: wins over the recipe's.
        workers: how many blocks are worked on at once; None: as many as there are cores.
        executor: `threads`, `processes` or `ray`.
        address: of a Ray cluster, `HOST:PORT`; None: RAY_ADDRESS, else Ray on this machine alone.
        strict: stop at the first record that cannot be read.
        fresh: forget what an earlier run left in the work folder.
        dry_run: decide, and write nothing but sidecars.
        keep_rejected: write the dropped documents' texts to `rejected/`.
        block_bytes: bytes of text a worker takes at once.
        listener: is told of progress.
        vetting: gives verdicts on the documents and judges the set; None: the recipe may name a file of verdicts.
        decided: is told of all decisions before anything is written. A dry run then reads its inputs as a whole run
            does, and finds the sidecars that one left.

    Raises:
        RecipeError: the recipe says something that cannot be done, or costs the tail more than its guard allows.
        InputError: a source does not exist, holds nothing to read, or has no text column; a review was tampered with.
        WorkError: the output folder belongs to something else, counts do not reconcile, or the cluster cannot be used.
    """
    clock = Clock()
    plan = recipe if isinstance(recipe, Recipe) else load_recipe(recipe, overrides)
    plan = with_arguments(plan, _several(against), guard, _several(review))
    signer, public_proofs = _signing(plan, key, public_proofs=public_proofs)
    name = name or ("recipe" if isinstance(recipe, Recipe) else Path(recipe).stem)
    seed = plan.seed if seed is None else seed
    steps = _checked_steps(plan)
    folder = Path(out or (plan.locate(plan.out) if plan.out else f"{name}-curated"))
    if dry_run and out is None and work is None:
        # nothing to go on from later, so nothing to leave behind
        with tempfile.TemporaryDirectory(prefix="wellkeeper-") as place:
            return curate(
                plan, name=name, out=place, seed=seed, workers=workers, executor=executor,
                address=address, strict=strict, dry_run=True, block_bytes=block_bytes, listener=listener,
                decided=decided,
            )  # fmt: skip
    if not dry_run:
        claim(folder, plan, fresh=fresh)
    # before a folder is made: what is refused here leaves nothing behind
    groups, said = groups_of_recipe(plan, folder)
    pack, certificates, watermarks, reviews, groups = _relied_on(plan, groups)
    wanted = wanted_by(plan)
    said += wanted.said
    whole = not dry_run or decided is not None
    tails = whole or plan.guard is not None or plan.mix.keep_tail is not None or vetting is not None
    run = Running(
        work=prepare_work(folder, work, fresh=fresh),
        kind=executor,
        workers=workers,
        address=address,
        strict=strict,
        block_bytes=size_of_blocks(block_bytes),
        listener=listener,
    )
    with run.ready():
        wanted = wanted.laid_down(run.work)
        statistics = any(step not in _LEAN for step, _ in steps)
        corpus = read_corpus(
            groups,
            run,
            similarity=_similarity(plan),
            template_similarity=wanted.template_similarity,
            seed=seed,
            statistics=statistics,
            words=tails,
            topics=((tails and plan.reference is not None) or plan.mix.spread) and not plan.mix.by_embedding,
            extras=whole,
            fingerprint_words=wanted.fingerprint_words,
            vectors=wanted.vectors or plan.mix.by_embedding,
            evaluation=wanted.evaluation,
            style=pack is not None and any(step in _BY_ORIGIN for step, _ in steps),
            anchors=pack,
            trust=certificates,
            watermarks=watermarks,
        )
        listener(Progress(stage="deciding", done=0, total=0, unit="documents", documents=len(corpus)))
        corpus.verdicts = _verdicts(plan, corpus) if vetting is None else vetting.verified(corpus, run)
        decisions = undecided(len(corpus))
        repeats = _drop_repeats(
            plan, corpus, decisions, folder, reason=REASON if vetting is None else vetting.repeats
        )
        remember(
            run.work / INDEX, corpus, banding=banding_for(_similarity(plan)), similarity=_similarity(plan)
        )
        human = _human(plan, corpus, run, seed) if tails and plan.reference is not None else None
        watch, guarded = _watched(plan, human, seed)
        reviewed = _ruled(corpus, steps, decisions, guarded, reviews)
        _mixed(plan, corpus, decisions, human, seed, decided or _unheeded)
        cost = _tail_cost(decisions, watch, guarded) | vetted_sources(plan) | reviewed
        document = curation_document(name, plan, corpus, decisions, human, seed=seed, tails=not dry_run)
        document |= cost | {"dry_run": dry_run, "against": repeats}
        document["findings"] = [finding.to_json() for finding in curation_findings_of(document)]
        document["origin"]["share"] = _shares(corpus, decisions, seed, listener)
        if vetting is not None:
            document["vetting"] = vetting.judged(document, corpus, decisions, human)
        paths = {}
        if not dry_run:
            paths = _written(
                folder, plan, corpus, decisions, document, said, run, keep_rejected=keep_rejected,
                call=_call(recipe, overrides, _several(against), guard, _several(review), name, work),
            )  # fmt: skip
        document["paths"] = {name: str(path) for name, path in paths.items()}
        document["run"] = clock.told(run, seed=seed)
    if not dry_run:
        from wellkeeper.recipe.output import seal_output, write_report  # which a dry run need not load

        write_report(folder, document, corpus, decisions, said, statistics=statistics)
        paths["seal"] = seal_output(folder, key=signer, public_proofs=public_proofs).path
    return Curation(document=document, paths=paths)


def _checked_steps(plan: Recipe) -> list[tuple[str, Mapping[str, Any]]]:
    """The steps with their options as written.

    Raises:
        RecipeError: a step is unknown or an option is wrong; before anything is read.
    """
    for step in plan.steps:
        step_named(step.name).check(step.options)
    return [(step.name, step.options) for step in plan.steps]


def _several(given: str | Path | Sequence[str | Path]) -> Sequence[str | Path]:
    return [given] if isinstance(given, str | Path) else given


def _call(
    recipe: str | Path | Recipe,
    overrides: Sequence[str],
    against: Sequence[str | Path],
    guard: str | Guard | None,
    review: Sequence[str | Path],
    name: str,
    work: str | Path | None,
) -> dict[str, Any]:
    """How a set was asked for, so that it can be made again: paths are whole. Nothing where no file says what to do."""
    if isinstance(recipe, Recipe):
        return {}
    told = {
        "recipe": str(Path(recipe).resolve()),
        "overrides": [*overrides],
        "against": [str(Path(path).resolve()) for path in against],
        "review": [str(Path(path).resolve()) for path in review],
        "guard": f"tail={guard.tail:g}:{guard.action}" if isinstance(guard, Guard) else guard,
        "name": None if name == Path(recipe).stem else name,
        "work": None if work is None else str(Path(work).resolve()),
    }
    return {key: value for key, value in told.items() if value}


def _written(
    folder: Path,
    plan: Recipe,
    corpus: LoadedCorpus,
    decisions: Decisions,
    document: dict[str, Any],
    said: Sequence[str],
    run: Running,
    *,
    keep_rejected: bool,
    call: Mapping[str, Any],
) -> dict[str, Path]:
    """Write the set, and the record by which later runs compare with it; where its files lie."""
    from wellkeeper.recipe.output import write_output  # which a dry run need not load

    paths = write_output(
        folder, plan, corpus, decisions, document, said, run, keep_rejected=keep_rejected, call=call
    )
    remember(
        folder / ".work" / SET,
        corpus,
        banding=banding_for(_similarity(plan)),
        similarity=_similarity(plan),
        manifest=read_manifest(folder)["digest"],
    )
    return paths


def with_arguments(
    plan: Recipe, against: Sequence[str | Path], guard: str | Guard | None, review: Sequence[str | Path]
) -> Recipe:
    """The recipe with what a call adds to it.

    Raises:
        RecipeError: it asks for what cannot be done.
    """
    if against:
        plan = replace(
            plan, against=(*(plan.against or ()), *(str(Path(path).resolve()) for path in against))
        )
    if review:
        named = [plan.locate(path) for path in plan.review or ()]
        added = [str(Path(path).resolve()) for path in review]
        known = {Path(path).resolve() for path in named}
        more = [path for path in dict.fromkeys(added) if Path(path) not in known]
        plan = replace(plan, review=(*(plan.review or ()), *more))
    if guard is not None:
        plan = replace(plan, guard=guard_of(guard) if isinstance(guard, str) else guard)
    if plan.guard is not None and plan.reference is None:
        raise RecipeError(GUARD_WITHOUT_REFERENCE)
    return plan


def _signing(
    plan: Recipe, key: str | Path | None, *, public_proofs: bool
) -> tuple["SigningKey | None", bool]:
    """Who signs, and whether proofs are public: as the call says, else the recipe.

    The key is opened before anything is read: a run of hours does not end for want of it.

    Raises:
        InputError: there is no such key.
    """
    sign = plan.sign
    public_proofs = public_proofs or (sign is not None and sign.public_proofs)
    reference = signing_key_of(plan, key)
    if reference is None:
        return None, public_proofs
    from wellkeeper.ledger.signature import SigningKey  # what few runs need

    return SigningKey.load(reference), public_proofs


def signing_key_of(plan: Recipe, key: str | Path | None) -> str | Path | None:
    """Where the key lies that signs: as the call says, else the recipe; None if nobody signs."""
    if key is not None or plan.sign is None:
        return key
    return plan.sign.key if plan.sign.key.startswith("env:") else plan.locate(plan.sign.key)


def claim(folder: Path, recipe: Recipe, *, fresh: bool) -> None:
    """Refuse to write over what another recipe, or somebody else, left in the folder.

    `fresh` replaces the output of another recipe, never what somebody else made.

    Raises:
        WorkError: the folder holds something that is not this recipe's.
    """
    manifest = folder / "manifest.json"
    if manifest.exists():
        try:
            theirs = json.loads(manifest.read_bytes())["recipe_digest"]
        except (ValueError, KeyError, TypeError):
            raise WorkError(
                f"{manifest} is damaged, so {folder} may not be ours. Choose another folder with --out, or remove "
                "that one."
            ) from None
        if theirs != recipe.digest and not fresh:
            raise WorkError(
                f"{folder} holds the output of another recipe, or of this one before it was changed. Choose another "
                "folder with --out, or replace that one with --fresh."
            )
    elif folder.exists() and any(path.name not in _OURS for path in folder.iterdir()):
        raise WorkError(
            f"{folder} is not empty and was not made by wellkeeper. Choose a new folder with --out."
        )


_LEAN = frozenset(
    {
        "exact-duplicates.v1",
        "near-duplicates.v1",
        "semantic-duplicates.v1",
        "repeated-passages.v1",
        "decontaminate.v1",
        "artefacts.v1",
        "origin.v1",
        "rights.v1",
        "verified.v1",
        "weight-by-origin.v1",
        "weight-by-template.v1",
    }
)
"""Steps that need no quality and repetition figures; a recipe of these alone reads its texts faster."""

_BY_ORIGIN = frozenset({"origin.v1", "weight-by-origin.v1"})
"""Steps that judge documents by style where the recipe has anchors: every document is scored."""
_FLAG_SLICES = 50
"""Slices that a curation's document tells of, the largest: where there are no others, each source is one."""

_OURS = frozenset(
    {
        ".work",
        "data",
        "ledger",
        "rejected",
        "README.md",
        "croissant.json",
        "gate.json",
        "manifest.dsse.json",
        "manifest.json",
        "openlineage.json",
        "report.html",
        "report.json",
    }
)


def groups_of_recipe(recipe: Recipe, out: Path) -> tuple[tuple[Group, ...], tuple[str, ...]]:
    """The recipe's sources as groups of files, and what to say aloud about guessed columns."""
    groups: list[Group] = []
    said: list[str] = []
    for source in recipe.sources:
        located = [recipe.locate(path) for path in source.paths]
        files = not_below(find_files([documents_in(path) for path in located], group=source.name), out)
        if source.format is not None:
            files = tuple(replace(file, format=source.format) for file in files)
        wanted, optional = columns_of(source, located)
        columns, sentences = columns_for(files, wanted, optional=optional, named_by=recipe_key(source.name))
        constant = source.constants()
        files, labels = with_labels(files)
        _check_labels(files, source.name, constant.get("origin"))
        # What the recipe says of a whole source wins over a column that was merely guessed.
        kept_roles = {role: column for role, column in columns.all_named().items() if role not in constant}
        columns = ColumnMap(**kept_roles)
        sites, columns = _site_files(recipe, source, columns, files)
        groups.append(
            Group(
                name=source.name,
                files=files,
                columns=columns,
                licence=constant.get("licence"),
                origin=constant.get("origin"),
                generator=constant.get("generator"),
                language=constant.get("language"),
                consent=constant.get("consent"),
                depth=constant.get("depth"),
                site_files=None if sites is None else (str(sites.folder), sites.digest),
                date=constant.get("date"),
                date_basis=source.date_basis,
                reference=recipe.reference is not None and recipe.reference.source == source.name,
            )
        )
        of_sites = () if sites is None else (sites.sentence, *sites.problems)
        said += [f"{source.name}: {sentence}" for sentence in (*sentences, *labels, *of_sites)]
    return with_distinct_names(groups), tuple(said)


def _site_files(
    recipe: Recipe, source: Source, columns: ColumnMap, files: Sequence[InputFile]
) -> tuple["SiteFiles | None", ColumnMap]:
    """The site files of a source, and its columns, which name the documents' addresses then.

    Raises:
        RecipeError: it is not known where a document came from.
    """
    if source.site_files is None:
        return None, columns
    from wellkeeper.engine.site_files import SiteFiles  # what few recipes need

    if columns.domain is None and all(file.format == "warc" for file in files):
        columns = replace(columns, domain="url")
    if columns.domain is None:
        raise RecipeError(
            f"sources.{source.name}.site_files holds rules of sites, and it is not known which site a document is "
            "from. Add domain: with the column of URLs or domains."
        )
    return SiteFiles(Path(recipe.locate(source.site_files))), columns


def _check_labels(files: Sequence[InputFile], source: str, origin: str | None) -> None:
    """Refuse a recipe that says other than the label of a file who wrote it: one of the two is wrong."""
    if origin is None or origin == Origin.UNKNOWN.label:
        return
    for file in files:
        if file.origin not in (None, origin):
            raise RecipeError(
                f"{file.name} is labelled {file.origin}, by {file.generator}, and the recipe's source {source} says "
                f"origin: {origin}. Correct the recipe, or label the file anew: wellkeeper mark."
            )


def _verdicts(recipe: Recipe, corpus: LoadedCorpus) -> "Verdicts | None":
    """The verdicts that the recipe names; None if it names none."""
    named = [
        step.options["verdicts"]
        for step in recipe.steps
        if step.name == "verified.v1" and "verdicts" in step.options
    ]
    if not named:
        return None
    from wellkeeper.recipe.vetting_verdicts import read_verdicts  # what few recipes need

    return read_verdicts(Path(recipe.locate(named[0])), corpus)


def _drop_repeats(
    recipe: Recipe, corpus: LoadedCorpus, decisions: Decisions, out: Path, *, reason: str
) -> dict[str, Any] | None:
    """Leave out what earlier sets have: the same text, and near duplicates if the recipe asks for them."""
    if not recipe.against:
        return None
    located = [recipe.locate(path) for path in recipe.against]
    check_not_itself(recipe.against, located, out)
    corpus.earlier = dict(zip(recipe.earlier_names(), map(Path, located), strict=True))
    similarity = _similarity(recipe)
    asked = any(step.name == NEAR_DUPLICATES.name for step in recipe.steps)
    near = (similarity, banding_for(similarity)) if asked else None
    earlier = [
        open_earlier(name, place, near=near) for name, place in zip(recipe.against, located, strict=True)
    ]
    return drop_repeats(corpus, decisions, earlier, names=recipe.earlier_names(), near=near, reason=reason)


def _relied_on(
    recipe: Recipe, groups: tuple[Group, ...]
) -> tuple["AnchorPack | None", str | None, "KeyedMarks | None", "tuple[Review, ...]", tuple[Group, ...]]:
    """The recipe's anchors, trusted certificates, watermark keys and reviews; the groups, with the anchors' slices."""
    certificates = trusted_at(None if recipe.trust is None else recipe.locate(recipe.trust))
    watermarks, reviews = _looked_for(recipe), _reviews(recipe)
    if recipe.anchors is None:
        return None, certificates, watermarks, reviews, groups
    from wellkeeper.origin.anchors import AnchorPack  # what few recipes need

    pack = AnchorPack.load(recipe.locate(recipe.anchors))
    return pack, certificates, watermarks, reviews, with_slices(groups, pack.slice_column)


def _reviews(recipe: Recipe) -> "tuple[Review, ...]":
    """What people said, as the recipe names it; read before anything else is: what was tampered with stops the run."""
    if not recipe.review:
        return ()
    from wellkeeper.recipe.reviews import reviews_of  # what few recipes need

    return reviews_of(recipe)


def _ruled(
    corpus: LoadedCorpus,
    steps: Sequence[tuple[str, Mapping[str, Any]]],
    decisions: Decisions,
    guarded: "TailGuard | None",
    reviews: "tuple[Review, ...]",
) -> dict[str, dict[str, Any]]:
    """Let the steps decide, and people; the section `reviewed` of the document, none without a review."""
    if not reviews:
        apply_steps(corpus, steps, decisions, amend=_amending(guarded))
        return {}
    from wellkeeper.recipe.review_overlay import Overlay  # what few recipes need

    overlay = Overlay(corpus, decisions, reviews)
    overlay.lift()  # of what earlier sets have
    apply_steps(corpus, steps, decisions, amend=_amending(guarded), then=overlay.lift)
    return {"reviewed": overlay.settle().to_json()}


def _looked_for(recipe: Recipe) -> "KeyedMarks | None":
    """The recipe's watermark keys, loaded.

    Raises:
        InputError: a key or the tokeniser cannot be read, or they do not belong together.
    """
    if recipe.watermarks is None:
        return None
    keys = [recipe.locate(key) for key in recipe.watermarks.keys]
    return keyed_marks(keys, recipe.locate(recipe.watermarks.tokenizer))


def _shares(
    corpus: LoadedCorpus, decisions: Decisions, seed: int, listener: Listener
) -> dict[str, Any] | None:
    """The measured share of AI text before and after; None without anchors.

    Documents that were chosen by their style scores cannot be measured by them: what was left would look human,
    whoever wrote it. There the share after is None.
    """
    if corpus.anchors is None:
        return None
    from wellkeeper.recipe.shares import describe_shares  # what few recipes need

    before = describe_shares(corpus, seed=seed, listener=listener)
    if corpus.styled:
        return {"before": before, "after": None}
    after = describe_shares(corpus, chosen=decisions.kept, seed=seed, listener=listener)
    return {"before": before, "after": after}


def _similarity(recipe: Recipe) -> float:
    for step in recipe.steps:
        if step.name == NEAR_DUPLICATES.name:
            return float(NEAR_DUPLICATES.check(step.options)["similarity"])
    return DEFAULT_SIMILARITY


def curation_document(
    name: str,
    recipe: Recipe,
    corpus: LoadedCorpus,
    decisions: Decisions,
    human: "Human | None",
    *,
    seed: int,
    tails: bool,
) -> dict[str, Any]:
    """What the recipe did, in figures: schema `wellkeeper.curate/1`.

    Raises:
        WorkError: read records are not kept + dropped + for review + quarantined.
    """
    kept = decisions.kept
    counts = np.bincount(decisions.decision, minlength=len(Decision))
    quarantined = corpus.quarantined
    origin = corpus.column("origin_resolved")
    sources, names = corpus.codes("source")
    document: dict[str, Any] = {
        "schema": SCHEMA,
        "version": __version__,
        "recipe": name,
        "recipe_digest": recipe.digest,
        "seed": seed,
        "read": len(corpus) + quarantined,
        "documents": len(corpus),
        "kept": int(counts[Decision.KEEP]),
        "dropped": int(counts[Decision.DROP]),
        "review": int(counts[Decision.REVIEW]),
        "quarantined": quarantined,
        "kept_words": int(corpus.column("words")[kept].sum() - decisions.cuts.words.sum()),
        "kept_bytes": int(corpus.column("bytes")[kept].sum() - decisions.cuts.bytes.sum()),
        "steps": [
            {
                "step": tally.step,
                "title": tally.step,
                "before": tally.before,
                "dropped": tally.dropped,
                "review": tally.review,
                "reasons": [{"reason": reason, "documents": n} for reason, n in tally.reasons],
                **({"restored": tally.restored} if tally.restored else {}),
                **_told_by(tally.step, decisions),
            }
            for tally in decisions.tallies
        ],
        "mix": _mix(decisions),
        "rights": {"before": describe_rights(corpus), "after": describe_rights(corpus, kept)},
        "lineage": describe_lineage(corpus, kept),
        **describe_optional(corpus, decisions),
        "origin": {
            when: {
                label: int(n)
                for label, n in zip(LABELS, np.bincount(chosen, minlength=len(LABELS)), strict=True)
            }
            for when, chosen in (("before", origin), ("after", origin[kept]))
        },
        "sources": [
            {"source": name, "before": int(before), "after": int(after)}
            for name, before, after in zip(
                names,
                np.bincount(sources, minlength=len(names)),
                np.bincount(sources[kept], minlength=len(names)),
                strict=True,
            )
        ],
        "months": months_of(corpus, kept),
        "tails": _tails(corpus, decisions, human) if tails else None,
    }
    if document["read"] != sum(document[key] for key in ("kept", "dropped", "review", "quarantined")):
        raise WorkError(
            f"The counts do not reconcile: {document['read']:,} records read. Do not use this output: run again with "
            "--fresh, and report it if it happens again."
        )
    return document


def _told_by(step: str, decisions: Decisions) -> dict[str, Any]:
    """What a step by origin tells of itself: the largest slices of its flags, and what its weights come to."""
    if step not in _BY_ORIGIN:
        return {}
    facts = dict(decisions.rulings[step].facts)
    if "flag" in facts:
        slices = sorted(facts["flag"]["slices"], key=lambda one: (-one["documents"], one["slice"]))
        facts["flag"] = {
            **facts["flag"],
            "slices": slices[:_FLAG_SLICES],
            "slices_refused": sum(bool(one["note"]) for one in slices),
        }
    return {"facts": facts}


def _mix(decisions: Decisions) -> dict[str, Any] | None:
    mix = decisions.mix
    if mix is None:
        return None
    tally = decisions.tallies[-1]
    return {
        "before": tally.before,
        "after": tally.before - tally.dropped,
        "constraints": [constraint.to_json() for constraint in mix.constraints],
        "facts": dict(mix.facts),
    }


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Human:
    """What a curation is compared with: its recipe's reference, one of its sources or a path beside them."""

    corpus: LoadedCorpus  # that is curated
    mine: "WordSample"  # its words, the reference's own documents among them
    theirs: "WordSample"  # words of the reference
    beside: LoadedCorpus | None  # the reference, if it is a path
    topics: "tuple[Topics, Topics | None]"  # of the corpus, and of a reference beside it

    def apart(self, sample: "WordSample") -> "WordSample":
        """The sample less the documents whose text the reference has: a set keeps a tail that it holds copies of."""
        mine = self.corpus.column("sha256")
        theirs = mine[self._marked()] if self.beside is None else self.beside.column("sha256")
        return sample.restricted(~np.isin(mine[sample.documents], theirs))

    def for_mix(self) -> MixTopics:
        """Topics of the corpus, and how many documents the reference has of each."""
        mine, beside = self.topics
        theirs = mine.of[self._marked()] if beside is None else beside.of
        counts = np.bincount(theirs[theirs >= 0], minlength=len(mine.names))
        return MixTopics(of=mine.of, reference=counts, names=mine.names)

    def _marked(self) -> NDArray[np.bool_]:
        """Documents of the source that is the reference."""
        return np.asarray(self.corpus.column("reference"), np.bool_)


def _human(recipe: Recipe, corpus: LoadedCorpus, run: Running, seed: int) -> Human:
    from wellkeeper.recipe.tails import word_sample  # measures, which most dry runs do not take
    from wellkeeper.recipe.topics import topics_of

    assert recipe.reference is not None, "asked for where there is one"
    mine, beside = word_sample(corpus), None
    if recipe.reference.path is not None:
        paths = [recipe.locate(recipe.reference.path)]
        columns = {"text": None, "embedding": embedding_of(recipe)}
        groups, _ = groups_of(paths, columns, run.work, reference=True)
        beside = read_corpus(
            groups,
            run,
            similarity=_similarity(recipe),
            seed=seed,
            topics=not recipe.mix.by_embedding,
            vectors=recipe.mix.by_embedding,
        )
        theirs = word_sample(beside)
    else:
        theirs = mine.restricted(corpus.column("reference").astype(np.bool_)[mine.documents])
    topics = topics_of(corpus, reference=beside, seed=seed, by=_alike_by(recipe))
    return Human(corpus=corpus, mine=mine, theirs=theirs, beside=beside, topics=topics)


def _mixed(
    recipe: Recipe,
    corpus: LoadedCorpus,
    decisions: Decisions,
    human: Human | None,
    seed: int,
    decided: Callable[[LoadedCorpus, Decisions], None],
) -> None:
    """Let the mix choose, with topics and vectors where it asks for them; settle what waited for that, and tell."""
    topics = None if human is None else human.for_mix()
    apply_mix(corpus, decisions, recipe.mix, topics, partial(_vectors_of, corpus, seed, _alike_by(recipe)))
    settle(corpus, decisions)
    decided(corpus, decisions)


def _unheeded(_corpus: LoadedCorpus, _decisions: Decisions) -> None:
    """Nobody wants to be told of decisions."""


def _alike_by(recipe: Recipe) -> "By":
    return "embedding" if recipe.mix.by_embedding else "words"


def _vectors_of(corpus: LoadedCorpus, seed: int, by: "By", documents: NDArray[np.int64]) -> NDArray[np.int16]:
    from wellkeeper.recipe.topics import vectors_of  # what few recipes need

    return vectors_of(corpus, documents, seed=seed, by=by)


def _watched(recipe: Recipe, human: Human | None, seed: int) -> "tuple[TailWatch | None, TailGuard | None]":
    """What tells the cost of removals, and the guard if the recipe has one; None without a reference."""
    if human is None:
        return None, None
    from wellkeeper.recipe.tail_cost import TailWatch
    from wellkeeper.recipe.tail_guard import TailGuard

    watch = TailWatch(human.corpus, human.mine, human.theirs, topics=human.topics, seed=seed)
    return watch, None if recipe.guard is None else TailGuard(recipe.guard, watch)


def _amending(guarded: "TailGuard | None") -> Amend | None:
    """What changes rulings as they come, where a guard puts documents back."""
    return guarded.amend if guarded is not None and guarded.guard.action == "relax" else None


def _tail_cost(
    decisions: Decisions, watch: "TailWatch | None", guarded: "TailGuard | None"
) -> dict[str, Any]:
    """What each step cost the tail, and what the guard did; None without a reference, or without a guard.

    Raises:
        RecipeError: it is more than the guard allows.
    """
    if watch is None:
        return {"tail_cost": None, "guard": None}
    costs = watch.costs(decisions)
    if guarded is not None:
        guarded.check(costs)
    return {"tail_cost": watch.describe(costs), "guard": None if guarded is None else guarded.to_json()}


def _tails(corpus: LoadedCorpus, decisions: Decisions, human: Human | None) -> dict[str, Any] | None:
    """Tails of the input and of the kept set, against the recipe's reference where it has one."""
    from wellkeeper.recipe.tails import describe_tails, word_sample  # measures, which a dry run does not take

    sample = word_sample(corpus)
    if not len(sample.documents):
        return None
    theirs = None if human is None else human.theirs
    sample = sample if human is None else human.apart(sample)
    return {
        "before": describe_tails(sample, theirs),
        "after": describe_tails(_only(sample, decisions.kept).less(decisions.cuts.stretches), theirs),
    }


def _only(sample: "WordSample", kept: NDArray[np.bool_]) -> "WordSample":
    return sample.restricted(kept[sample.documents])
