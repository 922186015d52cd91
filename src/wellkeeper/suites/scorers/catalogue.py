"""The kinds of scorers by the names that suites call them."""

from collections.abc import Callable, Mapping

from wellkeeper.errors import InputError, did_you_mean
from wellkeeper.suites.scorers.choice import Choice
from wellkeeper.suites.scorers.json_schema import JsonSchema
from wellkeeper.suites.scorers.judge import Judge
from wellkeeper.suites.scorers.mathematics import Mathematics
from wellkeeper.suites.scorers.numeric import Numeric
from wellkeeper.suites.scorers.pattern import Pattern
from wellkeeper.suites.scorers.python_code import PythonCode
from wellkeeper.suites.scorers.rule import Options
from wellkeeper.suites.scorers.texts import Contains, Exact, SharedWords
from wellkeeper.suites.scoring import Ask, Scorer
from wellkeeper.suites.suite import ScorerSpec

_RULES: Mapping[str, Callable[[Options], Scorer]] = {
    "exact": Exact.of,
    "contains": Contains.of,
    "regex": Pattern.of,
    "numeric": Numeric.of,
    "f1": SharedWords.of,
    "choice": Choice.of,
    "json-schema": JsonSchema.of,
    "python": PythonCode.of,
    "math": Mathematics.of,
}
KINDS: tuple[str, ...] = (*_RULES, Judge.kind)
"""What a suite may name."""


def scorer_of(spec: ScorerSpec | None, *, ask: Ask | None = None) -> Scorer | None:
    """The scorer that a suite or an item names; None where it names none.

    Args:
        spec: its kind and its options.
        ask: the model that a judge asks; rules need none.

    Raises:
        InputError: there is no such kind or option, an option's value does not do, or a judge has no model.
        MissingExtraError: the kind needs a package that is not installed.
    """
    if spec is None:
        return None
    kind = spec.get("kind")
    if kind not in KINDS:
        raise InputError(
            f"There is no scorer {kind}.{did_you_mean(str(kind), KINDS)} There are: {', '.join(KINDS)}."
        )
    options = Options(kind, spec)
    scorer = Judge.of(options, ask) if kind == Judge.kind else _RULES[kind](options)
    options.done()
    return scorer
