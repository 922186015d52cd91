"""`vet`: may a synthetic set be trained on, beside human text? A curation of the set, with a gate at the end.

Verifiers give a verdict on every text; `verified.v1` and the steps that find copies and evaluation items decide as in
any recipe, with a row of the ledger for each text. Then the gate's conditions are told from what was decided
(`wellkeeper.vet.gate`): the set is admitted if all hold. It is written in any case, and bears its verdict.
"""

from collections.abc import Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from wellkeeper.core.generated import Generated
from wellkeeper.core.origin import Origin
from wellkeeper.engine.executor import Kind, worker_count
from wellkeeper.engine.progress import Listener, Progress, nobody
from wellkeeper.engine.sources import find_files
from wellkeeper.errors import RecipeError
from wellkeeper.filter.decontaminate import DECONTAMINATE
from wellkeeper.filter.duplicates import DEFAULT_SIMILARITY, EXACT_DUPLICATES, NEAR_DUPLICATES, banding_for
from wellkeeper.filter.verified import VERIFIED, Verdicts
from wellkeeper.measure.two_corpora import MARGIN
from wellkeeper.recipe.curate import Human, curate
from wellkeeper.recipe.earlier import INDEX, remember
from wellkeeper.recipe.generating_plan import DATA, PLAN
from wellkeeper.recipe.inputs import columns_for, groups_of
from wellkeeper.recipe.model import Given, Recipe, Reference, Source, StepCall
from wellkeeper.recipe.results import Vetted
from wellkeeper.recipe.running import Running, read_corpus
from wellkeeper.recipe.verifying import asked, held_to_anchors
from wellkeeper.recipe.vetted import vetting_document
from wellkeeper.recipe.vetting_gate import Gate, Terms
from wellkeeper.recipe.vetting_verdicts import (
    ItemColumns,
    Journal,
    items_of,
    verdicts_on,
    write_verdicts,
)
from wellkeeper.vet.anchors import AnchorCheck
from wellkeeper.vet.cards import read_cards
from wellkeeper.vet.gate import SHARE_CAP
from wellkeeper.vet.labels import read_labelled
from wellkeeper.vet.register import enter
from wellkeeper.vet.verdicts import Verdict
from wellkeeper.vet.verifiers import VerifierSet, verdicts_of

if TYPE_CHECKING:
    from wellkeeper.infer.cost import Budget
    from wellkeeper.recipe.corpus import LoadedCorpus
    from wellkeeper.recipe.decide import Decisions
    from wellkeeper.recipe.samplers import ModelPlace

OUT = "wellkeeper-vet"
"""Folder of the vetted set, where nothing else is said."""
COPIES = "copies-the-reference"
"""Reason of a text that the human reference has too: a copy of a person's text is no synthetic data."""
SOURCE = "generated"
REFERENCE = "reference"
"""Names of the synthetic set and of the human text in the ledger."""
ANSWERS, JOURNAL, VERDICTS = "answers.sqlite", "verdicts.journal", "verdicts.jsonl"
"""Files of the work folder: what judges answered, verdicts as they came, and the verdicts of the last run."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Columns:
    """Columns of the synthetic set; None: guessed, and said aloud where it matters."""

    text: str | None = None
    id: str | None = None
    generator: str | None = None
    prompt: str | None = None
    references: str | None = None


def vet(
    synthetic: str | Path | Sequence[str | Path],
    *,
    reference: str | Path,
    verifiers: str | Path | VerifierSet,
    card: str | Path | None = None,
    anchors: str | Path | None = None,
    audited: str | Path | None = None,
    register: str | Path | None = None,
    evaluation: Sequence[str | Path] = (),
    no_evaluation: bool = False,
    share: float = SHARE_CAP,
    most_share: float = SHARE_CAP,
    margin: float = MARGIN,
    similarity: float = DEFAULT_SIMILARITY,
    columns: Columns | None = None,
    written_by: str | None = None,
    judge: "ModelPlace | None" = None,
    judge_budget: "Budget | None" = None,
    key: str | Path | None = None,
    out: str | Path | None = None,
    work: str | Path | None = None,
    seed: int | None = None,
    workers: int | None = None,
    executor: Kind = "threads",
    address: str | None = None,
    strict: bool = False,
    fresh: bool = False,
    dry_run: bool = False,
    block_bytes: int | None = None,
    listener: Listener = nobody,
) -> Vetted:
    """Tell whether a synthetic set may be mixed into human text, and write what verifiers accepted of it.

    Args:
        synthetic: files of generated texts: paths, folders, globs or URLs.
        reference: human text of the same kind, as a path; the core that the set is to season.
        verifiers: a YAML file of verifiers (`wellkeeper.vet.verifiers`), or the verifiers.
        card: what `wellkeeper verifier` measured of these verifiers; without it and without `audited` nobody knows how
            right the accepted texts are.
        anchors: labelled texts that judges are asked about anew before the set, and held to their card by; a judge that
            is worse than on it has no verdict.
        audited: labels of a random part of the set, right or wrong, by id; they go before the card.
        register: file of earlier vettings of this line of models, to which this one is added.
        evaluation: sets that no accepted text may hold an item of.
        no_evaluation: there is none to keep clear of.
        share: of synthetic documents in the mix, in (0, 1), that is asked for.
        most_share: that is allowed.
        margin: change of diversity that does not matter, as a share, in (0, 1).
        similarity: Jaccard similarity of word 5-grams from which on two texts are near duplicates.
        columns: of the synthetic set.
        written_by: the model that wrote the texts, where they do not say.
        judge: place of the model that judges ask.
        judge_budget: most that it may cost.
        key: who signs the output, the path of a private key or `env:NAME`.
        out: folder of the set, new or of the same vetting; None: `OUT` in the current folder.
        work: folder for sidecars, verdicts and judges' answers, `out`/.work by default.
        seed: of every draw.
        workers: how many blocks, and verifications, are worked on at once; None: as many as there are cores.
        executor: `threads`, `processes` or `ray`.
        address: of a Ray cluster.
        strict: stop at the first record that cannot be read.
        fresh: forget what an earlier run left in the work folder, verdicts and judges' answers as well.
        dry_run: decide, and write nothing but the work folder.
        block_bytes: bytes of text a worker takes at once.
        listener: is told of progress.

    Raises:
        InputError: an input or file of verifiers, cards or labels cannot be read, the card is of other verifiers, or a
            text lacks what a verifier needs.
        RecipeError: an option or an evaluation set cannot be used, or there is no judge or card to hold to anchors.
        WorkError: the output folder belongs to something else, or a judge cannot be asked.
        MissingExtraError: a verifier needs a package that is not installed.
    """
    folder = Path(out if out is not None else OUT)
    columns = columns or Columns()
    terms = Terms(share=share, most_share=most_share, margin=margin, waived=no_evaluation)
    place = (Path(work) if work is not None else folder / ".work").absolute()
    if fresh:
        for name in (ANSWERS, JOURNAL, VERDICTS):
            (place / name).unlink(missing_ok=True)
    with asked(verifiers, judge, judge_budget, place / ANSWERS) as (whole, most):
        gate = Gate.of(whole, terms, card=card, audited=audited, register=register)
        held = whole
        if anchors is not None:
            held, gate.anchors = _held(whole, anchors, card, asked(verifiers, judge, None, None))
        vetting = _Vetting(
            verifiers=held,
            gate=gate,
            items=ItemColumns(prompt=columns.prompt, references=columns.references),
            reference=str(reference),
            place=place,
            at_once=worker_count("threads", workers) if judge is None else most,
            seed=seed or 0,
            similarity=similarity,
            listener=listener,
        )
        plan = _recipe(
            [synthetic] if isinstance(synthetic, str | Path) else synthetic,
            reference,
            columns,
            written_by=written_by,
            evaluation=evaluation,
            similarity=similarity,
            verifiers=whole.digest,
            against=place / REFERENCE,
        )
        done = curate(
            plan, name=folder.resolve().name, out=folder, work=place, key=key, seed=seed, workers=workers,
            executor=executor, address=address, strict=strict, fresh=fresh, dry_run=dry_run,
            block_bytes=block_bytes, listener=listener, vetting=vetting,
        )  # fmt: skip
    if register is not None and not dry_run and gate.is_new:
        enter(Path(register), gate.present)
    return Vetted(document=vetting_document(done.document), paths=done.paths)


# --- the recipe -----------------------------------------------------------------------------------


def _recipe(
    synthetic: Sequence[str | Path],
    reference: str | Path,
    columns: Columns,
    *,
    written_by: str | None,
    evaluation: Sequence[str | Path],
    similarity: float,
    verifiers: str,
    against: Path,
) -> Recipe:
    """The curation that a vetting is. Depth and parents are as the files say; where they say nothing, depth is 1."""
    paths = tuple(_texts_of(str(path)) for path in synthetic)
    files = find_files(list(paths), group=SOURCE)
    wanted = {
        "text": columns.text,
        "id": columns.id,
        "generator": columns.generator,
        "parents": "parents",
        "depth": "depth",
    }
    found, _ = columns_for(files, wanted, optional=("parents", "depth"))
    labelled = any(file.depth is not None for file in files)
    generator = Given(value=written_by) if written_by else None
    if generator is None and found.generator is not None:
        generator = Given(column=found.generator)
    depth = Given(column=found.depth) if found.depth else None if labelled else Given(value="1")
    sets = [{"path": str(Path(path).resolve())} for path in evaluation]
    steps = [
        StepCall(name=VERIFIED.name, options={"verdicts": VERDICTS, "verifiers": verifiers}),
        StepCall(name=EXACT_DUPLICATES.name),
        StepCall(name=NEAR_DUPLICATES.name, options={"similarity": similarity}),
        *([StepCall(name=DECONTAMINATE.name, options={"sets": sets})] if sets else []),
    ]
    return Recipe(
        folder=Path.cwd(),
        sources=(
            Source(
                name=SOURCE,
                paths=paths,
                text=columns.text,
                id=columns.id,
                origin=Given(value=Origin.AI_GENERATED.label),
                generator=generator,
                parents=found.parents,
                depth=depth,
            ),
        ),
        steps=tuple(steps),
        reference=Reference(path=str(reference)),
        against=(str(against),),
    )


def _texts_of(path: str) -> str:
    """The texts of a folder that `generate` wrote, without its plan and report; any other path as it is."""
    inside = Path(path) / DATA
    return str(inside) if (Path(path) / PLAN).is_file() and inside.is_file() else path


# --- verifiers ------------------------------------------------------------------------------------


def _held(
    verifiers: VerifierSet,
    anchors: str | Path,
    card: str | Path | None,
    fresh: AbstractContextManager[tuple[VerifierSet, int]],
) -> tuple[VerifierSet, tuple[AnchorCheck, ...]]:
    """The verifiers, with the judges among them doubted that are not those of their card any more.

    Raises:
        RecipeError: there is no card, or no judge, to hold to it.
    """
    if card is None:
        raise RecipeError(
            "Anchors hold a judge to its card, and there is no card. Give the card with --card, or leave --anchors out."
        )
    if not any(family.startswith("judge") for family in verifiers.families):
        raise RecipeError(
            f"Anchors hold a judge to its card, and there is no judge among {verifiers.name}. Leave --anchors out."
        )
    labelled = read_labelled(Path(anchors))
    with fresh as (anew, at_once):
        return held_to_anchors(verifiers, read_cards(Path(card)), labelled, fresh=anew, at_once=at_once)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Vetting:
    """What a curation asks of a vetting: `wellkeeper.recipe.curate.Vetting`."""

    verifiers: VerifierSet
    gate: Gate
    items: ItemColumns
    reference: str
    place: Path  # the work folder
    at_once: int
    seed: int
    similarity: float
    listener: Listener

    @property
    def repeats(self) -> str:
        return COPIES

    def verified(self, corpus: "LoadedCorpus", run: Running) -> Verdicts:
        self._index_reference(run)
        items = items_of(corpus, self.items)
        verdicts = verdicts_on(given := self._verdicts(items))
        self.gate.heard(items, given)
        write_verdicts(self.place / VERDICTS, corpus, verdicts)
        return verdicts

    def judged(
        self,
        document: dict[str, Any],
        corpus: "LoadedCorpus",
        decisions: "Decisions",
        human: Human | None,
    ) -> dict[str, Any]:
        assert human is not None, "the recipe of a vetting has a reference"
        self.listener(Progress(stage="judging", done=0, total=0, unit="documents", documents=len(corpus)))
        return self.gate.judged(document, corpus, decisions, human, seed=self.seed)

    def _verdicts(self, items: Sequence[Generated]) -> list[Verdict]:
        # what a judge said before it changed is no verdict of the one that is doubted
        doubted = [check.name for check in self.gate.anchors if check.is_worse]
        with Journal(self.place / JOURNAL, " ".join([self.verifiers.digest, *doubted])) as journal:
            known = [journal.get(item) for item in items]
            open_ = [place for place, verdict in enumerate(known) if verdict is None]
            done = len(items) - len(open_)

            def told(place: int, verdict: Verdict) -> None:
                nonlocal done
                journal.add(items[open_[place]], verdict)
                done += 1
                self.listener(Progress(stage="verifying", done=done, total=len(items), unit="documents"))

            new = verdicts_of(
                self.verifiers, [items[place] for place in open_], at_once=self.at_once, told=told
            )
        for place, verdict in zip(open_, new, strict=True):
            known[place] = verdict
        return [verdict for verdict in known if verdict is not None]

    def _index_reference(self, run: Running) -> None:
        """Make the human text an index, with which copies of it are found."""
        groups, _ = groups_of([self.reference], {"text": None}, run.work, reference=True)
        human = read_corpus(groups, run, similarity=self.similarity, seed=self.seed, topics=True)
        place = self.place / REFERENCE / INDEX
        remember(place, human, banding=banding_for(self.similarity), similarity=self.similarity)
