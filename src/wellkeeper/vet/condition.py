"""A condition of the gate, and the verdict of all of them.

Each condition has one of three verdicts, and the set has the worst of them: *refused* if one fails, *not enough data*
if one cannot be told, *admitted* only if all pass.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, TypeAlias

Passed: TypeAlias = Literal["pass", "fail", "not enough data"]
Admission: TypeAlias = Literal["admitted", "refused", "not enough data"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Condition:
    """One thing that must hold."""

    name: str  # verifier, diversity, contamination, tail, share, register
    passed: Passed
    said: str  # what was found, in one sentence with its figures
    next: str = ""  # what to do, where it did not pass
    figures: Mapping[str, Any] = field(default_factory=dict)

    def to_json(self) -> dict[str, Any]:
        return {
            "condition": self.name,
            "passed": self.passed,
            "said": self.said,
            "next": self.next,
            "figures": dict(self.figures),
        }


def admission(conditions: Sequence[Condition]) -> Admission:
    """The verdict on a set by all its conditions."""
    found = {condition.passed for condition in conditions}
    if "fail" in found:
        return "refused"
    return "not enough data" if "not enough data" in found else "admitted"
