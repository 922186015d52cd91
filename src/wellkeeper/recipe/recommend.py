"""`recommend`: an audit, a recipe derived from it, and what that recipe would keep, from one reading of the texts.

The sources are written first and read through the recipe's own eyes, so that `curate` numbers and draws documents as
was done here. Steps are tried on the sidecars, limits on the mix are derived from what the steps leave, and what is
told is what the finished recipe decides, parsed again from its text.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from wellkeeper import __version__
from wellkeeper.core.origin import Origin
from wellkeeper.engine.executor import Kind
from wellkeeper.engine.progress import Listener, Progress, nobody
from wellkeeper.engine.store import write_atomic
from wellkeeper.errors import InputError, WorkError
from wellkeeper.filter.duplicates import DEFAULT_SIMILARITY
from wellkeeper.recipe.audit import Audited, anchors_at, audited
from wellkeeper.recipe.bench import Bench
from wellkeeper.recipe.corpus import LoadedCorpus
from wellkeeper.recipe.curate import groups_of_recipe
from wellkeeper.recipe.inputs import groups_of, with_slices
from wellkeeper.recipe.lines import Line, written
from wellkeeper.recipe.model import Recipe
from wellkeeper.recipe.propose import (
    CAPS_LOSS,
    cap_lines,
    floor_lines,
    guard_lines,
    heading,
    measured_lines,
    reference_line,
    source_lines,
    step_lines,
    synthetic_lines,
    tail_lines,
    trials_of,
    written_path,
)
from wellkeeper.recipe.results import Recommendation
from wellkeeper.recipe.running import Clock, Running, prepare_work, size_of_blocks
from wellkeeper.recipe.schema import VERSION, recipe_of
from wellkeeper.recipe.textpass import Group

if TYPE_CHECKING:
    from wellkeeper.origin.anchors import AnchorPack

SCHEMA = "wellkeeper.recommend/1"
_NAME = "recommended"  # of a recipe that is not saved


def recommend(
    inputs: Any,
    *,
    reference: Any = None,
    anchors: str | Path | None = None,
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
) -> Recommendation:
    """Write a recipe whose every line has its reason in an audit of the corpus, and tell what it would keep.

    Args:
        inputs: a path, glob or URL, an Arrow table, anything with the Arrow C stream, or a list of these.
        reference: one of the same, human text whose tail the recipe is to keep.
        anchors: pack of references of known origin, made by `wellkeeper anchors build`.
        text: column with the text; like all columns, guessed and said aloud where it is not given.
        id: column with the documents' ids; without one they are named `file:line`.
        source: column that names each document's source.
        date: column with each document's date.
        licence: column with each document's licence.
        origin: column that declares who or what wrote each document.
        generator: column that names the model that wrote each document.
        similarity: Jaccard similarity of word 5-grams, 0.3 to 1, from which documents are near duplicates.
        out: file to write the recipe to, with paths relative to it; None: it is not written, and has absolute paths.
        work: folder for sidecars and tables, `wellkeeper-recommend/.work` by default; keep it, and the next
            recommendation reads no text again.
        seed: of every draw; the recipe states it where it is not 0.
        workers: how many blocks are worked on at once; None: as many as there are cores.
        executor: `threads`, `processes` or `ray`.
        address: of a Ray cluster, `HOST:PORT`; None: RAY_ADDRESS, else Ray on this machine alone.
        strict: stop at the first record that cannot be read.
        fresh: forget what an earlier run left in the work folder.
        block_bytes: bytes of text a worker takes at once.
        listener: is told of progress.

    Raises:
        InputError: an input does not exist, holds nothing to read, or has no text column; there is more than one
            reference; the anchors cannot be used.
        WorkError: the file exists or cannot be written, the work folder cannot be used, or the cluster cannot.
    """
    clock = Clock()
    file = None if out is None else Path(out)
    _refuse_overwriting(file)
    references = _one_reference(reference)
    pack = anchors_at(anchors)
    run = Running(
        work=prepare_work(Path("wellkeeper-recommend"), work, fresh=fresh),
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
    many = list(inputs) if isinstance(inputs, list | tuple) else [inputs]
    with run.ready():
        desk = _Desk.laid(many, references, anchors, columns, file, run, seed=seed or 0)
        found = desk.audit(similarity, pack)
        listener(Progress(stage="trying out", done=0, total=0, unit="documents", documents=len(found.corpus)))
        bench = Bench(found, seed=seed or 0)
        lines = desk.lines(found, bench)
        recipe = written(lines, heading(found.document))
        document = {
            "schema": SCHEMA,
            "version": __version__,
            "recipe": recipe,
            "reasons": [line.to_json() for line in lines if line.reasons],
            "findings": found.document["findings"],
            "kept": bench.kept(desk.parsed(recipe), name=_NAME if file is None else file.stem),
            "run": clock.told(run, seed=seed or 0),
        }
    if file is None:
        return Recommendation(document=document, paths={})
    _save(recipe, file)
    return Recommendation(document=document, paths={"recipe": file})


def _refuse_overwriting(file: Path | None) -> None:
    if file is not None and file.exists():
        raise WorkError(
            f"{file} is there already, and may have been edited since. Choose another with --out, or remove it."
        )


def _one_reference(given: Any) -> list[Any]:
    many = list(given) if isinstance(given, list | tuple) else [] if given is None else [given]
    if len(many) > 1:
        raise InputError(
            f"{len(many)} references were given, and a recipe has one. Put them into one folder, and give that."
        )
    return many


def _folder_of(file: Path) -> Path:
    """The folder at which the recipe's paths start, made if need be: what is not there leads nowhere."""
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise _unwritable(file, error) from error
    return file.resolve().parent


def _save(recipe: str, file: Path) -> None:
    try:
        write_atomic(file, recipe.encode())
    except OSError as error:
        raise _unwritable(file, error) from error


def _unwritable(file: Path, error: OSError) -> WorkError:
    return WorkError(f"{file} cannot be written: {error.strerror}. Choose another place with --out.")


# --- the recipe's lines ------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class _Desk:
    """Where the recipe is written: its folder, its fixed lines, and how its sources are read."""

    folder: Path | None
    found: tuple[Group, ...]  # as they were given
    said: tuple[str, ...]
    fixed: tuple[Line, ...]  # reference, anchors, seed
    run: Running
    seed: int

    @staticmethod
    def laid(
        inputs: Sequence[Any],
        references: Sequence[Any],
        anchors: str | Path | None,
        columns: Mapping[str, str | None],
        file: Path | None,
        run: Running,
        *,
        seed: int,
    ) -> "_Desk":
        groups, said = groups_of(inputs, columns, run.work)
        theirs, _ = groups_of(references, {"text": None}, run.work, reference=True)
        folder = None if file is None else _folder_of(file)
        fixed = reference_line(references, theirs, folder)
        if anchors is not None:
            path = written_path(str(Path(anchors).absolute()), folder)
            reasons = ("The share of AI text is measured against these, before and after.",)
            fixed.append(Line(path=("anchors",), value=path, reasons=reasons))
        if seed:
            fixed.append(Line(path=("seed",), value=seed))
        return _Desk(folder=folder, found=groups, said=said, fixed=tuple(fixed), run=run, seed=seed)

    def parsed(self, recipe: str) -> Recipe:
        return recipe_of(recipe, name="the recipe", folder=self.folder or Path.cwd())

    def head(self, unlabelled: Mapping[str, int]) -> list[Line]:
        return [
            Line(path=("wellkeeper",), value=VERSION),
            *source_lines(self.found, self.folder, unlabelled),
            *self.fixed,
        ]

    def audit(self, similarity: float, anchors: "AnchorPack | None") -> Audited:
        """An audit of the sources as the recipe reads them."""
        plan = self.parsed(written(self.head({})))
        groups, _ = groups_of_recipe(plan, self.run.work / "sidecars")
        groups = with_slices(groups, None if anchors is None else anchors.slice_column)
        references: tuple[Group, ...] = ()
        if plan.reference is not None and plan.reference.path is not None:
            place = plan.locate(plan.reference.path)
            references, _ = groups_of([place], {"text": None}, self.run.work, reference=True)
        return audited(
            groups, references, self.said, self.run, similarity=similarity, seed=self.seed, anchors=anchors
        )

    def lines(self, found: Audited, bench: Bench) -> list[Line]:
        """The whole recipe: steps first, then limits from what they leave, then what holds it all together."""
        audit = found.document
        steps = step_lines(audit, bench.trials(trials_of(audit)))
        head = self.head(_unlabelled(found.corpus))
        bench.step(self.parsed(written([*head, *steps])))
        mix = _mix_lines(audit, bench, lambda lines: self.parsed(written([*head, *steps, *lines])))
        whole = [*head, *steps, *mix]
        guard = list(guard_lines(audit))
        refused = bench.refusal(self.parsed(written([*whole, *guard])))
        return [*whole, *(guard if refused is None else guard_lines(audit, refused))]


def _unlabelled(corpus: LoadedCorpus) -> dict[str, int]:
    """Documents of each group of which nothing says who wrote any."""
    known = corpus.column("origin_resolved") != Origin.UNKNOWN
    group, names = corpus.group_of(), corpus.group_names()
    documents = np.bincount(group, minlength=len(names)).tolist()
    told = np.bincount(group[known], minlength=len(names)).tolist()
    return {name: all_ for name, all_, some in zip(names, documents, told, strict=True) if not some}


def _mix_lines(
    audit: Mapping[str, Any], bench: Bench, plan: Callable[[Sequence[Line]], Recipe]
) -> list[Line]:
    """Limits on the mix, each tried: one that cannot hold is left to the reader, and so is a cap that costs the tail.

    A limit on synthetic text stands whatever rare words that text has: they are not the tail of human text.
    """
    tail = list(tail_lines(audit))
    held = [*synthetic_lines(bench.left()), *measured_lines(audit)]
    problem = bench.mix(plan(_ordered([*held, *tail])))
    if problem is not None:
        held = [_left_out(line, problem) for line in held]
        bench.mix(plan(_ordered([*held, *tail])))
    caps = _tried_caps(bench, lambda caps: plan(_ordered([*held, *caps, *tail])))
    left = bench.left()
    floor = list(floor_lines(left.human, left.documents))
    if floor and bench.mix(plan(_ordered([*held, *floor, *caps, *tail]))) is not None:
        floor = []
    return _ordered([*held, *floor, *caps, *tail])


def _tried_caps(bench: Bench, plan: Callable[[Sequence[Line]], Recipe]) -> list[Line]:
    """Caps on what the mix has too much of, one after the other; those that do harm are left to the reader."""
    before, lossy = bench.left(), bench.mix_loss() is not None
    caps: list[Line] = []
    for line in cap_lines(before):
        problem = bench.mix(plan([*caps, line]))
        goes = 1 - bench.left().documents / before.documents
        if problem is None and goes > CAPS_LOSS:
            problem = f"the limits would take {goes:.0%} of the documents more."
        if problem is None and not lossy:
            problem = bench.mix_loss()
        caps.append(line if problem is None else _left_out(line, problem))
        if problem is not None:
            bench.mix(plan(caps))
    return caps


_ORDER = ("synthetic_share", "human_floor", "caps", "diversity")


def _ordered(lines: Sequence[Line]) -> list[Line]:
    """Lines of the mix in the order of the docs; two caps on sources become one."""
    caps = [line for line in lines if line.path[-1] == "source" and line.holds == "yes"]
    if len(caps) == 2:
        named, default = caps
        both = replace(
            named,
            value={"default": default.value, **named.value},
            reasons=(*named.reasons, *default.reasons),
            figures={**named.figures, "default": dict(default.figures)},
        )
        lines = [both if line is named else line for line in lines if line is not default]
    return sorted(lines, key=lambda line: _ORDER.index(line.path[1]))


def _left_out(line: Line, problem: str) -> Line:
    return replace(line, holds="no", reasons=(*line.reasons, f"Left out: {problem}"))
