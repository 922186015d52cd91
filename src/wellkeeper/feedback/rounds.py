"""Rounds of selective self-training: generate, verify, gate, mix, train, measure; go on, or stop.

Round 0 trains the first model on human examples. In round k the last model answers prompts at temperature 1, verifiers
let answers in, a gate looks at what they let in, a new model is trained on it beside the human core, and answers the
held-out items. So a text of round k has k generations of models behind it.

A round is stopped for *harm* by evidence that holds over all rounds together (`measure.sequential.PairWatch`): in each
round the new model and the best model so far answer the same items, both anew, and where no round is worse on these
items than that best model, at most a share `level` of all runs is ever stopped. Then the round's model is rejected, and
the best one stays. A model is the best one once it is shown to be better than the best before it, by the paired test.
Where held-out items are marked rare, they have a watch of their own, and both share the level.

The best model is best on these items partly by luck. So models that are as good on items at large, and get others of
these right, are stopped more often the more rounds there are (benchmarks/feedback/same_items.py).

A round is stopped by the *gate* before anything is trained.

With `on_harm` or `on_refusal` at "go on" rounds tell what would have stopped them, and are not stopped: to see what the
guardrails are for.
"""

import json
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from wellkeeper.core.generated import Generated
from wellkeeper.engine.progress import Listener, Progress, nobody
from wellkeeper.engine.store import sha256_of_file
from wellkeeper.feedback import folder as folders
from wellkeeper.feedback.conditions import covered, share_condition, tail_condition, unverified_condition
from wellkeeper.feedback.contamination import Search
from wellkeeper.feedback.evaluation import figures_of, is_rare, lost_and_gained, paired_scores, share_over
from wellkeeper.feedback.materials import Materials, identity_of
from wellkeeper.feedback.mixing import Mix, learnt_from, mixed
from wellkeeper.feedback.plan import Plan
from wellkeeper.feedback.student import Example
from wellkeeper.lab.seeds import number, stream
from wellkeeper.measure.paired_answers import accuracy_change
from wellkeeper.measure.selection import select
from wellkeeper.measure.sequential import PairWatch
from wellkeeper.measure.verdicts import LEVEL
from wellkeeper.suites.run import Run
from wellkeeper.suites.run_files import read_run, write_run
from wellkeeper.vet.cards import Labelled
from wellkeeper.vet.gate import Condition, admission, register_condition, verifier_condition
from wellkeeper.vet.register import Round
from wellkeeper.vet.verdicts import Verdict
from wellkeeper.vet.verifiers import verdicts_of
from wellkeeper.watch.answer_texts import normalised
from wellkeeper.watch.comparison import RunComparison, compare_runs

if TYPE_CHECKING:
    from wellkeeper.core.answers import Output

_UNVERIFIED = Verdict(said="accepted", note="not verified")


def run_line(
    plan: Plan, materials: Materials, seed: int, folder: Path, *, listener: Listener = nobody
) -> list[dict[str, Any]]:
    """The rounds of one seed, each as its `round.json` says; those that are on disk already are not made again.

    Raises:
        InputError: the materials do not do.
        WorkError: the folder cannot be used, or holds rounds of another plan.
    """
    line = _Line(plan=plan, materials=materials, seed=seed, folder=folder)
    for done in line.rounds():
        listener(
            Progress(
                stage=f"{plan.name}, seed {seed}",
                done=done["round"] + 1,
                total=plan.rounds + 1,
                unit="rounds",
            )
        )
    return line.records


class _Line:
    """One line of models, each trained on what the one before wrote."""

    def __init__(self, *, plan: Plan, materials: Materials, seed: int, folder: Path) -> None:
        self.plan, self.materials, self.seed, self.folder = plan, materials, seed, folder
        self.digest = folders.digest_of(identity_of(plan, materials, seed))
        self.records = folders.rounds_in(folder, plan=self.digest)
        self._models: dict[int, Any] = {}
        self._search = Search.of(materials.held_out.suite)

    def rounds(self) -> Iterator[dict[str, Any]]:
        """Every round, those on disk first, until one is stopped or all are done."""
        yield from list(self.records)
        while len(self.records) <= self.plan.rounds and not self._stopped:
            self.records.append(self._start() if not self.records else self._round(len(self.records)))
            yield self.records[-1]

    @property
    def _stopped(self) -> bool:
        return bool(self.records) and self.records[-1]["stopped"] is not None

    # --- rounds ------------------------------------------------------------------------------------

    def _start(self) -> dict[str, Any]:
        place = folders.begin(self.folder, 0)
        model = self.materials.student.train(None, self.materials.human, self._seed(0, "train"))
        run = self._evaluated(model, 0, "run", 0)
        watches = {name: self._new_watch() for name in self._watched()}
        self._write(place, model, run)
        return folders.finish(
            self.folder,
            0,
            {
                "plan": self.digest,
                "figures": figures_of(run, self.materials.held_out),
                "watch": {name: watch.to_json() for name, watch in watches.items()},
                "head": 0,
                "best": 0,
                "stopped": None,
            },
        )

    def _round(self, k: int) -> dict[str, Any]:
        before = self.records[-1]
        place = folders.begin(self.folder, k)
        offered = self._generated(k, before["head"])
        conditions, counts, accepted = self._vetted(place, offered)
        pool = [*self._earlier(), *accepted]
        selected = self._selected(k, place, pool)
        mix = mixed(self._core(), selected, share=self.plan.synthetic_share, seed=self._seed(k, "mix"))
        conditions += _tail(offered, accepted, mix, self.plan)
        conditions.append(share_condition(mix, cap=self.plan.synthetic_share))
        admitted = admission(conditions)
        told = {
            "plan": self.digest,
            "generated": counts,
            "gate": {"verdict": admitted, "conditions": [one.to_json() for one in conditions]},
            "mix": mix.to_json(),
        }
        if self.plan.selection is not None:
            told["selection"] = {"by": self.plan.selection.by, "of": len(pool), "selected": len(selected)}
        if (admitted == "refused" and self.plan.on_refusal == "stop") or not mix.examples:
            kept = {name: before[name] for name in ("watch", "head", "best")}
            return folders.finish(self.folder, k, {**told, "figures": None, **kept, "stopped": "gate"})
        return self._trained(place, k, mix, told)

    def _trained(self, place: Path, k: int, mix: Mix, told: dict[str, Any]) -> dict[str, Any]:
        before = self.records[-1]
        model = self.materials.student.train(
            self._model(before["head"]), mix.examples, self._seed(k, "train")
        )
        run = self._evaluated(model, k, "run", k)
        best_run = self._evaluated(self._model(before["best"]), k, "best-run", before["best"])
        watches = self._watches(best_run, run)
        harmed = [name for name, watch in watches.items() if watch.alarm_week is not None]
        self._write(place, model, run)
        write_run(best_run, place / "best-run")
        self._models[k] = model
        is_stopped = bool(harmed) and self.plan.on_harm == "stop"
        best = k if not harmed and _is_better(best_run, run) else before["best"]
        compared = {
            "before": self._compared(k - 1, run),
            "start": self._compared(0, run),
        }
        return folders.finish(
            self.folder,
            k,
            {
                **told,
                "figures": figures_of(run, self.materials.held_out),
                "best_figures": figures_of(best_run, self.materials.held_out),
                "compared": compared,
                "watch": {name: watch.to_json() for name, watch in watches.items()},
                "evidence": {name: watch.log_evidence.tolist() for name, watch in watches.items()},
                "harm": harmed,
                "head": before["best"] if is_stopped else k,
                "best": best,
                "stopped": "harm" if is_stopped else None,
            },
        )

    # --- answers -----------------------------------------------------------------------------------

    def _generated(self, k: int, head: int) -> list[Generated]:
        items = self.materials.prompts.items
        many = min(self.plan.prompts_a_round, len(items))
        chosen = sorted(stream(self.seed, "prompts", k).permutation(len(items))[:many].tolist())
        asked = [items[at] for at in chosen]
        model = self._model(head)
        rare = [bool(is_rare(item.slices.get(self.plan.rare))) for item in asked]
        answers: dict[str, list[Output]] = {}
        for of_tail, many in (
            (False, self.plan.samples),
            (True, self.plan.rare_samples or self.plan.samples),
        ):
            some = [item for item, is_of in zip(asked, rare, strict=True) if is_of is of_tail]
            drawn = self.materials.student.answer(
                model,
                [self.materials.prompts.asked(item) for item in some],
                many,
                self.plan.temperature,
                self._seed(k, f"answer {of_tail}"),
            )
            answers |= {item.name: outputs for item, outputs in zip(some, drawn, strict=True)}
        return [
            Generated(
                id=f"{self.plan.name}-{self.seed}-{k}-{item.name}-{sample}",
                text=output.text,
                prompt=self.materials.prompts.asked(item),  # what it was asked, it is trained on
                references=item.references,
                finish=output.finish,
                generator=f"{self.materials.student.name}@{self._name(head)}",
                depth=k,
                parents=(item.name,),
                rare=is_rare(item.slices.get(self.plan.rare)),
                temperature=self.plan.temperature,
                seed=output.seed,
            )
            for item in asked
            for sample, output in enumerate(answers[item.name])
        ]

    def _vetted(
        self, place: Path, offered: Sequence[Generated]
    ) -> tuple[list[Condition], dict[str, Any], list[Generated]]:
        """Conditions on what verifiers let in, counts, and what they let in; both parts are written."""
        verifiers = self.materials.verifiers
        verdicts = (
            [_UNVERIFIED] * len(offered) if verifiers is None else verdicts_of(verifiers, list(offered))
        )
        taken: Counter[str] = Counter()  # accepted answers so far, by prompt
        accepted: list[Generated] = []
        spare: list[Generated] = []
        for item, verdict in zip(offered, verdicts, strict=True):
            if verdict.said == "accepted":
                taken[item.parents[0]] += 1
                (accepted if taken[item.parents[0]] <= self.plan.samples else spare).append(item)
        others = [
            item.to_json() | {"said": verdict.said, "reason": verdict.note}
            for item, verdict in zip(offered, verdicts, strict=True)
            if verdict.said != "accepted"
        ]
        held_out = self._search.found_in(accepted)
        alike = [
            accepted[at].to_json()
            | {"said": "accepted", "reason": f"shares words with the held-out item {name}"}
            for at, name in held_out.items()
        ]
        looked_at = len(accepted)
        accepted = [item for at, item in enumerate(accepted) if at not in held_out]
        folders.write_lines(place / "accepted.jsonl", [item.to_json() for item in accepted])
        more = f"more accepted answers to one prompt than {self.plan.samples}"
        left = [item.to_json() | {"said": "accepted", "reason": more} for item in spare]
        folders.write_lines(place / "rejected.jsonl", [*others, *alike, *left])
        found = Labelled(
            accepted=looked_at + len(spare),
            rejected=sum(entry["said"] == "rejected" for entry in others),
            unknown=sum(entry["said"] == "unknown" for entry in others),
        )
        counts = {
            "prompts": len({item.parents for item in offered}),
            "answers": len(offered),
            "accepted": found.accepted,
            "let_in": _let_in(offered, verdicts),
            "rejected": found.rejected,
            "unknown": found.unknown,
            "taken": len(accepted),
            "distinct": len({(str(item.prompt), normalised(item.text)) for item in accepted}),
        }
        conditions = self._verified(place, found)
        conditions.append(self._search.condition(dropped=len(held_out), of=looked_at))
        return conditions, counts, accepted

    def _verified(self, place: Path, found: Labelled) -> list[Condition]:
        verifiers = self.materials.verifiers
        if verifiers is None:
            return [unverified_condition()]

        def told(texts: str, counts: Mapping[str, int]) -> Round:
            return Round(
                set=texts,
                verifiers=(verifiers.digest,),
                families=verifiers.families,
                generator=self.materials.student.name,
                time="",
                accepted=counts["accepted"],
                rejected=counts["rejected"],
                unknown=counts["unknown"],
            )

        rounds = [told(record["files"]["accepted.jsonl"], record["generated"]) for record in self.records[1:]]
        present = told(sha256_of_file(place / "accepted.jsonl"), asdict(found))
        return [
            verifier_condition(found, card=self.materials.card),
            register_condition(rounds, present, most=self.plan.rotate_after),
        ]

    def _selected(self, k: int, place: Path, pool: Sequence[Generated]) -> Sequence[Generated]:
        """The texts that are trained on, by the plan's rule; their ids are written."""
        selection = self.plan.selection
        if selection is None or not pool:
            return pool
        p_ai = nats = None
        if selection.by == "detector" and self.materials.detector is not None:
            p_ai = self.materials.detector.p_ai([item.text for item in pool])
        if selection.by == "surprise":
            head = self._model(self.records[-1]["head"])
            nats = self.materials.student.surprise(head, [learnt_from(item) for item in pool])
        places = select(
            [item.id for item in pool],
            selection,
            seed=self._seed(k, "select"),
            p_ai=p_ai,
            nats_per_word=nats,
        )
        selected = [pool[at] for at in places.tolist()]
        folders.write_lines(place / "selected.jsonl", [{"id": item.id} for item in selected])
        return selected

    def _core(self) -> tuple[Example, ...]:
        human, many = self.materials.human, self.plan.human_core
        if many is None or many >= len(human):
            return human
        return tuple(human[at] for at in sorted(stream(self.seed, "core").permutation(len(human))[:many]))

    def _earlier(self) -> list[Generated]:
        """Accepted texts of the rounds before, where they are kept."""
        if self.plan.keep == "replace":
            return []
        paths = [
            folders.round_folder(self.folder, record["round"]) / "accepted.jsonl"
            for record in self.records[1:]
        ]
        return [item for path in paths for item in read_generated(path)]

    # --- models ------------------------------------------------------------------------------------

    def _evaluated(self, model: Any, k: int, role: str, of: int) -> Run:
        suite = self.materials.held_out.suite
        answers = self.materials.student.answer(
            model,
            [suite.asked(item) for item in suite.items],
            self.plan.evaluation_samples,
            self.plan.evaluation_temperature,
            self._seed(k, role),
        )
        return self.materials.held_out.run(
            answers,
            name=f"{self._name(k)}{'' if role == 'run' else ', best before'}",
            model=f"{self.materials.student.name}@{self._name(of)}",
            fingerprint=folders.digest_of([self.digest, of]),
            temperature=self.plan.evaluation_temperature,
        )

    def _write(self, place: Path, model: Any, run: Run) -> None:
        (place / folders.MODEL).mkdir()
        self.materials.student.save(model, place / folders.MODEL)
        write_run(run, place / "run")

    def _model(self, k: int) -> Any:
        if k not in self._models:
            place = folders.round_folder(self.folder, k) / folders.MODEL
            self._models[k] = self.materials.student.load(place)
        return self._models[k]

    def _compared(self, k: int, run: Run) -> dict[str, Any]:
        earlier = read_run(folders.round_folder(self.folder, k) / "run")
        return {"round": k, **summary(compare_runs(earlier, run, seed=self.seed))}

    # --- the watch ---------------------------------------------------------------------------------

    def _watched(self) -> dict[str, list[str] | None]:
        """What is watched, with the names of its items; None: all."""
        suite = self.materials.held_out.suite
        rare = [item.name for item in suite.items if is_rare(item.slices.get(self.plan.rare))]
        return {"accuracy": None} | ({"rare": rare} if 0 < len(rare) < len(suite.items) else {})

    def _new_watch(self) -> PairWatch:
        return PairWatch(level=self.plan.level / len(self._watched()), horizon=self.plan.rounds)

    def _watches(self, best: Run, run: Run) -> dict[str, PairWatch]:
        stored = self.records[-1]["watch"]
        found = {}
        for name, items in self._watched().items():
            lost, gained = lost_and_gained(best, run, items)
            found[name] = PairWatch.from_json(stored[name]).after(lost=lost, gained=gained)
        return found

    # --- names -------------------------------------------------------------------------------------

    def _name(self, k: int) -> str:
        return f"{self.plan.name}-seed-{self.seed}-round-{k:02d}"

    def _seed(self, k: int, what: str) -> int:
        return number(
            self.seed, "feedback", k, what
        )  # not the plan's name: plans of one seed differ by policy only


def _let_in(offered: Sequence[Generated], verdicts: Sequence[Verdict]) -> dict[str, float] | None:
    """Share of answers that are accepted, with its 95 % interval over prompts; None of fewer than 10 prompts."""
    accepted: Counter[str] = Counter()
    answers: Counter[str] = Counter()
    for item, verdict in zip(offered, verdicts, strict=True):
        answers[item.parents[0]] += 1
        accepted[item.parents[0]] += verdict.said == "accepted"
    names = list(answers)
    return share_over([accepted[name] for name in names], [answers[name] for name in names])


def _tail(
    offered: Sequence[Generated], accepted: Sequence[Generated], mix: Mix, plan: Plan
) -> list[Condition]:
    having = {item.parents[0] for item in accepted}
    asked = {item.parents[0]: item.rare for item in offered}
    rare = [name for name, is_rare in asked.items() if is_rare]
    common = [name for name, is_rare in asked.items() if not is_rare]
    found = tail_condition(covered(rare, having), covered(common, having), mix, kept=plan.tail_kept)
    return [] if found is None else [found]


def _is_better(best: Run, run: Run) -> bool:
    """Whether the new model is shown to be better on the items that both answered anew."""
    pairs = paired_scores(best, run)
    if not pairs:
        return False
    old, new = zip(*pairs, strict=True)
    # the known model as the new one: harm is what the new one gained
    return accuracy_change(np.array(new), np.array(old)).p < LEVEL


def summary(found: RunComparison) -> dict[str, Any]:
    """A comparison, without its examples and slices."""
    return {
        "verdict": found.verdict,
        "lost": found.lost,
        "gained": found.gained,
        "metrics": [
            {
                "name": metric.name,
                "verdict": metric.verdict,
                "p": metric.p,
                "change": None if metric.change is None else metric.change.change.to_json(),
            }
            for metric in found.metrics
        ],
    }


def read_generated(path: Path) -> list[Generated]:
    """The texts of a round, as `accepted.jsonl` has them."""
    with path.open(encoding="utf-8") as file:
        return [Generated.from_json(json.loads(line)) for line in file]
