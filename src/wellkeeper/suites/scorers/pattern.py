"""Answers that are searched by a regular expression: whether it matches, or what it takes out.

A pattern can take a time that doubles with each letter of the answer, and Python cannot stop one. So patterns run in
the worker, within a limit of CPU time; past it the answer's score is unknown.
"""

import re
from dataclasses import dataclass
from typing import ClassVar

from wellkeeper.core.answers import Output
from wellkeeper.errors import InputError
from wellkeeper.suites.scorers.rule import Options, Rule, references_of, right_or_wrong
from wellkeeper.suites.scorers.texts import Ignored, ignored_of, normalised, shown
from wellkeeper.suites.scorers.workers import WORKER, Unknown
from wellkeeper.suites.scoring import Score
from wellkeeper.suites.suite import SuiteItem

_FLAGS = {"ignorecase": re.IGNORECASE, "multiline": re.MULTILINE, "dotall": re.DOTALL}
_NO_PATTERN = (re.error, OverflowError, RecursionError)  # what Python says of one that is none
LONGEST = 100_000
"""Letters of an answer that are searched, from its beginning."""
SECONDS = 2.0
"""CPU time for one answer: a pattern that does not backtrack takes a thousandth of it."""


@dataclass(frozen=True, kw_only=True)
class Pattern(Rule):
    """1 where a pattern matches, or where what its group takes out is one of the references; else 0.

    Without a pattern of the suite, each reference is one, and any may match.
    """

    kind: ClassVar[str] = "regex"
    pattern: str | None
    flags: int
    whole: bool  # whether the pattern must match all of the answer
    group: int | str | None  # what is compared with the references; None: nothing is
    last: bool  # whether the last match counts, of several
    ignored: Ignored
    seconds: float  # of CPU time for one answer

    @classmethod
    def of(cls, options: Options) -> "Pattern":
        pattern = options.text("pattern")
        flags = sum(_FLAGS[name] for name in sorted(options.some_of("flags", tuple(_FLAGS), default=())))
        group = options.anything("group")
        if pattern is not None:
            try:
                compiled = re.compile(pattern, flags)
            except _NO_PATTERN as error:
                raise options.wrong("pattern", pattern, f"It is no regular expression: {error}.") from error
            if group is not None and not _is_group(group, compiled):
                names = ", ".join(map(str, (*range(1, compiled.groups + 1), *compiled.groupindex))) or "none"
                raise options.wrong("group", group, f"The pattern's groups are: {names}. Name one of them.")
        elif group is not None:
            raise options.wrong("group", group, "Give the pattern that has it, too.")
        return cls(
            pattern=pattern,
            flags=flags,
            group=group,
            whole=options.one_of("match", ("search", "full"), default="search") == "full",
            last=options.one_of("which", ("first", "last"), default="first") == "last",
            ignored=ignored_of(options),
            seconds=options.number("seconds", default=SECONDS, least=0.01, most=600),
        )

    def worth(self, item: SuiteItem, output: Output) -> Score:
        text = output.text[:LONGEST]
        try:
            if self.group is not None:
                return self._taken_out(item, text)
            right = any(self._found(pattern, text, 0) for pattern in self._patterns(item))
        except Unknown as error:
            return Score(value=None, note=str(error))
        return right_or_wrong(right=right, note="matches" if right else "no match")

    def read(self, text: str) -> str | None:
        """What the group takes out of an answer, for a pattern that has one; None where nothing matches.

        Raises:
            Unknown: it took too long.
        """
        assert self.pattern is not None
        assert self.group is not None
        taken = self._found(self.pattern, text[:LONGEST], self.group)
        return taken[0] if taken else None

    def _taken_out(self, item: SuiteItem, text: str) -> Score:
        wanted = {normalised(reference, self.ignored) for reference in references_of(item, self.kind)}
        taken = self.read(text)
        if taken is None:
            return Score(value=0.0, note="no match")
        return right_or_wrong(right=normalised(taken, self.ignored) in wanted, note=f"read {shown(taken)}")

    def _patterns(self, item: SuiteItem) -> tuple[str, ...]:
        if self.pattern is not None:
            return (self.pattern,)
        references = references_of(item, self.kind)
        for reference in references:  # all of them, before the first that matches ends the search
            _check_reference(reference, item)
        return references

    def _found(self, pattern: str, text: str, group: int | str) -> list[str | None]:
        found: list[str | None] = WORKER.ask(
            "search",
            seconds=self.seconds,
            pattern=pattern,
            flags=self.flags,
            text=text,
            group=group,
            whole=self.whole,
            last=self.last,
        )
        return found


def _is_group(given: object, compiled: re.Pattern[str]) -> bool:
    """Whether it is a number or a name of one; YAML's true and 1.0 are neither."""
    if isinstance(given, str):
        return given in compiled.groupindex
    return isinstance(given, int) and not isinstance(given, bool) and 0 <= given <= compiled.groups


def _check_reference(pattern: str, item: SuiteItem) -> None:
    try:
        re.compile(pattern)
    except _NO_PATTERN as error:
        raise InputError(
            f"The reference {pattern!r} of the item {item.name} is no regular expression: {error}. Correct it, or give "
            "the scorer a pattern."
        ) from error
