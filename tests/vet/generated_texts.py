"""Generated texts and verifiers in few words, for the tests of vetting."""

import json
from pathlib import Path

from wellkeeper.core.answers import Output
from wellkeeper.core.generated import Generated
from wellkeeper.vet.labels import LabelledItem
from wellkeeper.vet.verdicts import Verdict
from wellkeeper.vet.verifiers import verifier_of


def text(said, *references, name="one", **given):
    return Generated(id=name, text=said, references=references, **given)


def verdict(spec, said, *references, ask=None, **given):
    return verifier_of({"kind": spec} if isinstance(spec, str) else spec, ask).verdict(
        text(said, *references, **given)
    )


def said(spec, answer, *references, **given):
    return verdict(spec, answer, *references, **given).said


def labelled(*labels, rare=None):
    return [
        LabelledItem(item=text("", name=f"text {place}", rare=rare), right=right)
        for place, right in enumerate(labels)
    ]


def lines(path: Path, *entries) -> Path:
    path.write_text("".join(json.dumps(entry) + "\n" for entry in entries))
    return path


def judge_who_says(*replies):
    """A model that gives these replies one after the other, and the last one for ever."""
    left = list(replies)

    def ask(_prompt, _seed):
        return Output(text=left.pop(0) if len(left) > 1 else left[0], finish="stop")

    return ask


class Fixed:
    """A verifier that says what it is told to, by the id of the text."""

    def __init__(self, name, family=None, digest=None, **says):
        self.name, self.family, self.digest = name, family or name, digest or f"digest of {name}"
        self._says = says

    def check(self, item):
        pass

    def verdict(self, item):
        return Verdict(said=self._says.get(item.id, "accepted"), note=f"{self.name} looked")
