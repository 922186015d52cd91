"""Items and answers in few words, for the tests of scorers."""

from wellkeeper.core.answers import Output
from wellkeeper.suites.scorers import scorer_of
from wellkeeper.suites.scoring import Score
from wellkeeper.suites.suite import SuiteItem


def item(*references, choices=(), prompt="Which?"):
    return SuiteItem(name="one", prompt=prompt, references=references, choices=tuple(choices))


def output(text, finish="stop", **given):
    return Output(text=text, finish=finish, **given)


def scored(spec, text, *references, choices=(), prompt="Which?", ask=None) -> Score:
    scorer = scorer_of({"kind": spec} if isinstance(spec, str) else spec, ask=ask)
    return scorer.score(item(*references, choices=choices, prompt=prompt), output(text))


def value(spec, text, *references, **given):
    return scored(spec, text, *references, **given).value
