"""`compare` of two runs: is the new version of a model worse than the known one on the items that both answered?

The figures and verdicts are those of `wellkeeper.watch.comparison`. Human text of `reference` is read once, as an audit
reads it; its words and those of the answers are counted by the same kernel.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from wellkeeper import __version__
from wellkeeper.engine.executor import Kind
from wellkeeper.engine.progress import Listener, nobody
from wellkeeper.errors import InputError
from wellkeeper.filter.duplicates import DEFAULT_SIMILARITY
from wellkeeper.kernels import text as text_kernel
from wellkeeper.kernels.documents import in_bytes, tables
from wellkeeper.measure.incidence import Incidence, incidence_of
from wellkeeper.measure.verdicts import DIVERSITY_MARGIN, MARGIN
from wellkeeper.recipe.audit import write_reports
from wellkeeper.recipe.inputs import groups_of
from wellkeeper.recipe.results import RunsCompared
from wellkeeper.recipe.running import Clock, Running, prepare_work, read_corpus, size_of_blocks
from wellkeeper.recipe.tails import word_sample
from wellkeeper.recipe.textpass import TAIL_WORDS
from wellkeeper.suites.run import Run
from wellkeeper.suites.run_files import read_run
from wellkeeper.watch.comparison import PERMUTATIONS
from wellkeeper.watch.comparison import compare_runs as compare_answers

SCHEMA = "wellkeeper.compare-runs/1"
SHOWN_ANSWERS, SHOWN_LETTERS = 8, 1_200
"""Answers of each version to an example, and letters of each, in the document: enough to see what changed."""


def compare_runs(
    first: str | Path | Run,
    second: str | Path | Run,
    *,
    reference: Any = (),
    text: str | None = None,
    margin: float = MARGIN,
    diversity_margin: float = DIVERSITY_MARGIN,
    permutations: int = PERMUTATIONS,
    out: str | Path | None = None,
    work: str | Path | None = None,
    seed: int | None = None,
    workers: int | None = None,
    executor: Kind = "threads",
    address: str | None = None,
    strict: bool = False,
    fresh: bool = False,
    listener: Listener = nobody,
) -> RunsCompared:
    """Tell whether a new version of a model is worse, not worse by more than a margin, or neither is known.

    Args:
        first: what the known version answered: a run of `wellkeeper ask`, or a log of lm-eval, inspect or promptfoo.
        second: what the new version answered to the same items.
        reference: human text of the kind that answers should be like, as for `audit`; without it tails are left out.
        text: column with the reference's text; guessed where it is not given.
        margin: loss that does not matter, in (0, 1): points as a share, and of the tail a share of each figure.
        diversity_margin: the same of diversity, points of the mean distance as a share.
        permutations: relabellings for the tail; with 199 the least p-value is 0.005.
        out: folder for report.html and report.json; None: `wellkeeper-compare` in the current folder.
        work: folder for the reference's sidecars, `out`/.work by default.
        seed: of every draw; the same runs and seed give the same figures.
        workers: how many blocks of the reference are read at once; None: as many as there are cores.
        executor: `threads`, `processes` or `ray`.
        address: of a Ray cluster, `HOST:PORT`.
        strict: stop at the first record of the reference that cannot be read.
        fresh: forget what an earlier run left in the work folder.
        listener: is told of progress.

    Raises:
        InputError: a path is no run, the runs share fewer than 5 items or are the same answers, or the reference holds
            nothing to read.
        DataError: a margin or permutations make no sense.
        WorkError: the work folder cannot be used.
    """
    clock = Clock()
    folder = Path(out if out is not None else "wellkeeper-compare")
    runs = _two_runs(first, second)
    running = Running(
        work=prepare_work(folder, work, fresh=fresh),
        kind=executor,
        workers=workers,
        address=address,
        strict=strict,
        block_bytes=size_of_blocks(None),
        listener=listener,
    )
    human, described = human_words(reference, text, running, seed or 0)
    found = compare_answers(
        *runs,
        cells=None if human is None else words_of_answers,
        reference=human,
        margin=margin,
        diversity_margin=diversity_margin,
        seed=seed or 0,
        permutations=permutations,
    )
    document: dict[str, Any] = {
        "schema": SCHEMA,
        "version": __version__,
        "inputs": {"reference": described},
        **found.to_json(),
        "notes": [f"{run.name}: {note}" for run in runs for note in run.notes],
        "run": clock.told(running, seed=seed or 0),
    }
    document["examples"] = [_shortened(example) for example in document["examples"]]
    from wellkeeper.report.compare_runs import render_run_comparison

    paths = write_reports(folder, document, render_run_comparison(document))
    return RunsCompared(document=document, paths=paths, comparison=found)


def words_of_answers(texts: Sequence[str]) -> Incidence:
    """The distinct words of each text, hashed as those of a corpus are."""
    data, bounds = in_bytes(texts)
    return incidence_of(*text_kernel.word_hashes(data, bounds, tables(), np.arange(len(texts))))


def _two_runs(first: str | Path | Run, second: str | Path | Run) -> tuple[Run, Run]:
    if not isinstance(first, Run) and not isinstance(second, Run) and str(first) == str(second):
        raise InputError(
            f"{first} was given twice, and a run cannot be better or worse than itself. Give the run of another "
            "version, or of the same one asked again with another --seed."
        )
    before, after = (run if isinstance(run, Run) else read_run(run) for run in (first, second))
    return before, after


def human_words(
    reference: Any, text: str | None, run: Running, seed: int
) -> tuple[Incidence | None, dict[str, Any] | None]:
    """Words of the human documents, and what they are; nothing without a reference."""
    given = list(reference) if isinstance(reference, list | tuple) else [reference]
    if not given:
        return None, None
    with run.ready():
        groups, said = groups_of(given, {"text": text}, run.work, reference=True)
        corpus = read_corpus(groups, run, similarity=DEFAULT_SIMILARITY, seed=seed, statistics=False)
        words = word_sample(corpus).cut(2 * TAIL_WORDS).words()
        described = {
            "names": list(corpus.group_names()),
            "documents": len(corpus),
            "documents_counted": words.documents,
            "words": int(corpus.column("words").sum()),
            "columns": list(said),
        }
    return words, described


def _shortened(example: Mapping[str, Any]) -> dict[str, Any]:
    shown = {key: list(value) if isinstance(value, tuple) else value for key, value in example.items()}
    for side in ("before", "after"):
        answers = example[side]
        shown[f"answers_{side}"] = len(answers)
        shown[side] = [_clipped(answer) for answer in answers[:SHOWN_ANSWERS]]
        for key in (f"scores_{side}", f"finishes_{side}"):
            shown[key] = shown[key][:SHOWN_ANSWERS]
    return {**shown, "prompt": _clipped(example["prompt"])}


def _clipped(words: str) -> str:
    return words if len(words) <= SHOWN_LETTERS else words[:SHOWN_LETTERS].rstrip() + " \u2026"
