"""`verifier`: how good is a verifier? Its verdicts on texts that people labelled make its card."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from wellkeeper.engine.completions import AT_ONCE
from wellkeeper.engine.progress import Listener, Progress, nobody
from wellkeeper.recipe.scoring import JUDGE_TOKENS, ask_of
from wellkeeper.vet.anchors import AnchorCheck, held_to_card
from wellkeeper.vet.cards import CardFile, measured, write_cards
from wellkeeper.vet.labels import LabelledItem, read_labelled, read_set
from wellkeeper.vet.people import draw
from wellkeeper.vet.verdicts import Verdict
from wellkeeper.vet.verifiers import VerifierSet, doubted, families_of, read_verifiers, verdicts_of

if TYPE_CHECKING:
    from wellkeeper.infer.cost import Budget
    from wellkeeper.recipe.samplers import ModelPlace

OUT = "card.json"
PART = "audit.jsonl"
ANSWERS = ".answers"
"""Ends the name of the file beside a card that keeps what a judge answered."""


@dataclass(frozen=True, slots=True, kw_only=True)
class MeasuredCard:
    """A card, and where it was written."""

    cards: CardFile
    path: Path

    @property
    def document(self) -> dict[str, Any]:
        """The card as its file has it, schema `wellkeeper.verifier/1`."""
        return self.cards.to_json()

    @property
    def is_better_than_chance(self) -> bool:
        """Whether all verifiers together keep right texts more often than wrong ones."""
        return self.cards.whole.is_better_than_chance


def measure_verifiers(
    labelled: str | Path | Sequence[LabelledItem],
    *,
    verifiers: str | Path | VerifierSet,
    label: str | None = None,
    out: str | Path = OUT,
    judge: "ModelPlace | None" = None,
    budget: "Budget | None" = None,
    listener: Listener = nobody,
) -> MeasuredCard:
    """Have verifiers look at labelled texts, and write their card.

    Args:
        labelled: JSON lines with texts and labels, or such texts.
        verifiers: a YAML file of verifiers, or the verifiers.
        label: field with the label; None: `label` or `right`.
        out: file to write. What a judge answers is kept beside it, in `<out>.answers`, so that a run that was stopped
            pays for no answer twice.
        judge: the model that judges among the verifiers ask.
        budget: what its answers may cost.
        listener: is told of progress.

    Raises:
        InputError, RecipeError: a file cannot be read, an item cannot be verified, or all labels are alike.
        MissingExtraError: a verifier needs a package that is not installed.
        WorkError: the judge cannot be asked, or the card not be written.
    """
    place = Path(out)
    items = (
        read_labelled(Path(labelled), label=label) if isinstance(labelled, str | Path) else tuple(labelled)
    )
    with asked(verifiers, judge, budget, place.with_name(place.name + ANSWERS)) as (whole, at_once):
        verdicts = looked_at(whole, items, at_once=at_once, listener=listener)
        cards = measured(whole, items, verdicts)
    write_cards(cards, place)
    return MeasuredCard(cards=cards, path=place)


@dataclass(frozen=True, slots=True, kw_only=True)
class Drawn:
    """A random part of a set, written for people to label."""

    path: Path
    of: int  # texts of the set
    asked: int
    new: int  # texts that the file did not have before

    @property
    def document(self) -> dict[str, Any]:
        """Schema `wellkeeper.draw/1`."""
        return {
            "schema": "wellkeeper.draw/1",
            "path": str(self.path),
            "texts": self.of,
            "drawn": min(self.asked, self.of),
            "new": self.new,
        }

    @property
    def said(self) -> str:
        """What was written, and what to do with it."""
        return (
            f"{self.path} has {min(self.asked, self.of)} of {self.of} texts, drawn at random; {self.new} are new. Have "
            f"people write right or wrong as the label of each, then: wellkeeper vet ... --audited {self.path}."
        )


def draw_part(synthetic: str | Path, many: int, *, out: str | Path = PART) -> Drawn:
    """Write a random part of a set for people to label: what `vet` takes as `--audited`.

    Args:
        synthetic: JSON lines with id and text.
        many: texts to draw.
        out: file of JSON lines. Labels in it stay, and a larger part adds to it.

    Raises:
        InputError: a file cannot be read.
        WorkError: `out` cannot be written.
    """
    items = read_set(Path(synthetic))
    return Drawn(path=Path(out), of=len(items), asked=many, new=draw(items, many, Path(out)))


@contextmanager
def asked(
    given: str | Path | VerifierSet, judge: "ModelPlace | None", budget: "Budget | None", answers: Path | None
) -> Iterator[tuple[VerifierSet, int]]:
    """The verifiers, and how many texts they may look at at once.

    `answers` is the file that keeps what a judge answers; None: it is asked anew each time, as for its anchors.
    """
    if isinstance(given, VerifierSet) or judge is None:
        yield given if isinstance(given, VerifierSet) else read_verifiers(Path(given)), AT_ONCE
        return
    from wellkeeper.infer.cache import Cached, Store

    with judge.sampler(tokens=JUDGE_TOKENS) as sampler:
        if answers is None:
            yield read_verifiers(Path(given), ask_of(sampler), judge=sampler.fingerprint), sampler.at_once
            return
        answers.parent.mkdir(parents=True, exist_ok=True)
        with Store(answers) as store:
            ask = ask_of(Cached(sampler, store, budget=budget))
            yield read_verifiers(Path(given), ask, judge=sampler.fingerprint), sampler.at_once


def looked_at(
    verifiers: VerifierSet, labelled: Sequence[LabelledItem], *, at_once: int, listener: Listener = nobody
) -> list[Verdict]:
    """Verdicts on labelled texts, in their order."""
    done = 0

    def told(_place: int, _verdict: Verdict) -> None:
        nonlocal done
        done += 1
        listener(Progress(stage="verifying", done=done, total=len(labelled), unit="texts"))

    return verdicts_of(verifiers, [one.item for one in labelled], at_once=at_once, told=told)


def held_to_anchors(
    verifiers: VerifierSet,
    cards: CardFile,
    anchors: Sequence[LabelledItem],
    *,
    fresh: VerifierSet,
    at_once: int = 1,
) -> tuple[VerifierSet, tuple[AnchorCheck, ...]]:
    """The verifiers, with the judges among them doubted that are not those of their cards any more.

    Args:
        verifiers: those that look at the set.
        cards: of these very verifiers.
        anchors: labelled texts, 20 or more right and as many wrong ones.
        fresh: the same verifiers, whose judges are asked without a cache.
        at_once: how many anchors are looked at at the same time.
    """
    judges = [one for one in fresh.verifiers if families_of(one)[0].startswith("judge")]
    checks = []
    for judge in judges:
        card = cards.card_of(judge.digest)
        if card is not None:
            said = [
                verdict.said
                for verdict in looked_at(VerifierSet(verifiers=(judge,)), anchors, at_once=at_once)
            ]
            checks.append(held_to_card(card, anchors, said))
    why = {check.name: check.said for check in checks if check.is_worse}
    return doubted(verifiers, why), tuple(checks)
