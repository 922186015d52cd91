"""A student whose model is a number: the chance that it is right. It learns the share of right examples, exactly."""

import hashlib
import math
from pathlib import Path
from typing import Any

from wellkeeper.core.generated import Generated
from wellkeeper.feedback.evaluation import HeldOut
from wellkeeper.feedback.materials import Materials
from wellkeeper.feedback.own import OwnStudent
from wellkeeper.feedback.plan import Plan
from wellkeeper.feedback.student import Example
from wellkeeper.suites.suite import Suite, SuiteItem
from wellkeeper.vet.cards import Card, Labelled
from wellkeeper.vet.verdicts import Verdict
from wellkeeper.vet.verifiers import VerifierSet

START = 0.5
RIGHT, WRONG = "yes", "no"


def chance(*names: object) -> float:
    """A number in [0, 1) that hangs on names alone."""
    said = "\x1f".join(map(str, names)).encode()
    return int.from_bytes(hashlib.sha256(said).digest()[:8], "big") / 2**64


class Share:
    """The module of a student that an own file would be."""

    def __init__(self, start: float = START, drop: float = 0.0) -> None:
        self.start, self.drop = start, drop

    def train(self, parent: float | None, examples: list[tuple[str, str]], seed: int) -> float:
        del seed
        if parent is None:
            return self.start
        return max(0.0, sum(answer == RIGHT for _, answer in examples) / len(examples) - self.drop)

    def answer(
        self, model: float, prompts: list[str], n: int, temperature: float, seed: int
    ) -> list[list[str]]:
        del temperature
        return [
            [RIGHT if chance(seed, prompt, sample) < model else WRONG for sample in range(n)]
            for prompt in prompts
        ]


class Telling(Share):
    """The same, and it tells how unlikely it finds an answer."""

    def surprise(self, model: float, examples: list[tuple[str, str]]) -> list[float]:
        return [-math.log(max(1e-9, model if answer == RIGHT else 1 - model)) for _, answer in examples]


class Suspicious:
    """The module of a detector: wrong answers look as if a model wrote them."""

    def p_ai(self, texts: list[str]) -> list[float]:
        return [0.0 if text == RIGHT else 1.0 for text in texts]


class Noisy:
    """Keeps a share phi of right texts and psi of wrong ones."""

    name = "noisy"
    family = "noisy"

    def __init__(self, phi: float, psi: float) -> None:
        self.phi, self.psi = phi, psi
        self.digest = hashlib.sha256(f"{phi} {psi}".encode()).hexdigest()

    def check(self, item: Generated) -> None:
        del item

    def verdict(self, item: Generated) -> Verdict:
        kept = chance(item.id, "verdict") < (self.phi if item.text == RIGHT else self.psi)
        return Verdict(said="accepted" if kept else "rejected", note="" if kept else "drawn")


def suite(name: str, many: int, *, rare: float = 0.2) -> Suite:
    """Items whose right answer is always the same; every so many of them rare."""
    every = round(1 / rare) if rare else many + 1
    return Suite(
        name=name,
        scorer={"kind": "exact"},
        items=tuple(
            SuiteItem(
                name=f"{name}-{at}",
                prompt=f"{name} {at}?",
                references=(RIGHT,),
                slices={"rare": "true" if at % every == 0 else "false"},
            )
            for at in range(many)
        ),
    )


def card_of(verifiers: VerifierSet, phi: float, psi: float, labelled: int = 1000) -> Card:
    def counts(share: float) -> Labelled:
        kept = round(share * labelled)
        return Labelled(accepted=kept, rejected=labelled - kept, unknown=0)

    return Card(
        name=verifiers.name,
        digest=verifiers.digest,
        right=counts(phi),
        wrong=counts(psi),
        labels="0" * 64,
        created="2026-11-22T00:00:00+00:00",
    )


def materials(
    *,
    module: Any = None,
    verifier: tuple[float, float] | None = (1.0, 0.0),
    human: int = 20,
    prompts: int = 400,
    held_out: int = 60,
) -> Materials:
    verifiers = None if verifier is None else VerifierSet(verifiers=(Noisy(*verifier),))
    return Materials(
        student=OwnStudent(module or Share(), name="share"),
        human=tuple(Example(prompt=f"human {at}?", answer=RIGHT, rare=at % 5 == 0) for at in range(human)),
        prompts=suite("asked", prompts),
        held_out=HeldOut.of(suite("held", held_out), rare="rare"),
        verifiers=verifiers,
        card=None if verifiers is None or verifier is None else card_of(verifiers, *verifier),
    )


def plan(folder: Path | None = None, **settings: Any) -> Plan:
    usual: dict[str, Any] = {
        "name": "toy",
        "student": {"kind": "own", "module": "toy.py"},
        "human": "human.yaml",
        "prompts": "asked.yaml",
        "held_out": "held.yaml",
        "rounds": 2,
        "prompts_a_round": 400,
        "samples": 1,
        "human_core": 0,
        "synthetic_share": 1.0,
        "rotate_after": 9,
        "folder": folder or Path(),
    }
    return Plan(**{**usual, **settings})
