"""A finding: what an audit wants its reader to know, why it matters and what to do next."""

from dataclasses import dataclass
from enum import StrEnum
from typing import Any


class Severity(StrEnum):
    ERROR = "error"  # using the corpus as it is would mislead or harm
    WARNING = "warning"  # worth a decision before training
    INFO = "info"  # good to know; does not change the exit code


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One diagnostic. `code` is stable (`WK101`), so that a CI can look it up or silence it."""

    code: str
    severity: Severity
    title: str
    detail: str
    next: str

    def to_json(self) -> dict[str, Any]:
        return {
            "code": self.code,
            "severity": str(self.severity),
            "title": self.title,
            "detail": self.detail,
            "next": self.next,
        }
