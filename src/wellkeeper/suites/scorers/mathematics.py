"""Answers that are mathematics: equal to the reference as expressions, by math-verify [1].

math-verify hands them to a computer algebra system, which may work on one for ever. It runs in the worker, within a
limit of CPU time; past it the score is unknown, never wrong.

[1] Kydlíček, Math-Verify, https://github.com/huggingface/Math-Verify.
"""

from dataclasses import dataclass
from importlib.util import find_spec
from typing import Any, ClassVar

from wellkeeper.core.answers import Output
from wellkeeper.errors import InputError, MissingExtraError
from wellkeeper.suites.scorers.rule import Options, Rule, references_of, right_or_wrong
from wellkeeper.suites.scorers.texts import shown
from wellkeeper.suites.scorers.workers import WORKER, Unknown
from wellkeeper.suites.scoring import Score
from wellkeeper.suites.suite import SuiteItem

SECONDS = 5.0
"""CPU time for one answer and one reference, as math-verify's own limits have it."""
_LONGEST = 20_000
"""Letters of an answer that are read, from its end, where the result stands."""


@dataclass(frozen=True, kw_only=True)
class Mathematics(Rule):
    """1 where the answer equals a reference, else 0."""

    kind: ClassVar[str] = "math"
    seconds: float  # of CPU time for one answer and one reference

    @classmethod
    def of(cls, options: Options) -> "Mathematics":
        if find_spec("math_verify") is None:
            raise MissingExtraError("The scorer math", extra="scorers")
        return cls(seconds=options.number("seconds", default=SECONDS, least=0.01, most=600))

    def worth(self, item: SuiteItem, output: Output) -> Score:
        doubt, read = "", ""
        for reference in references_of(item, self.kind):
            try:
                found = self._told("check_math", reference=reference, answer=output.text[-_LONGEST:])
            except Unknown as error:
                doubt = str(error)
                continue
            if found["right"] is None:
                raise InputError(
                    f"The reference of the item {item.name} is no mathematics: {shown(reference)!r}. Write it as LaTeX "
                    "or plain, such as \\frac{1}{2} or 1/2."
                )
            if found["right"]:
                return Score(value=1.0, note=f"read {shown(found['read'])}")
            read = found["read"]
        if doubt:  # another reference may have been the right one
            return Score(value=None, note=doubt)
        return right_or_wrong(
            right=False, note=f"read {shown(read)}" if read else "no mathematics in the answer"
        )

    def read(self, text: str) -> str:
        """How an answer is read; "" where it holds no mathematics.

        Raises:
            Unknown: it took too long.
        """
        read: str = self._told("read_math", answer=text[-_LONGEST:])
        return read

    def same(self, one: str, other: str) -> bool:
        """Whether two answers are equal as expressions.

        Raises:
            Unknown: it took too long, or could not be told.
        """
        same: bool = self._told("same_math", one=one[-_LONGEST:], other=other[-_LONGEST:])
        return same

    def _told(self, task: str, **arguments: str) -> Any:
        return WORKER.ask(task, seconds=self.seconds, **arguments)
