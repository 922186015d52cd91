"""The plan of a generated set, a file in its folder: what each topic is to get, and what it got."""

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from wellkeeper import __version__
from wellkeeper.core.generated import Generated
from wellkeeper.engine.store import write_atomic
from wellkeeper.errors import InputError
from wellkeeper.recipe.generating_wanted import Wanted
from wellkeeper.recipe.seed_cells import SeedCells

PLAN_SCHEMA = "wellkeeper.generate-plan/1"
DATA, PLAN = "generated.jsonl", "plan.json"


@dataclass(frozen=True, slots=True)
class Plan:
    """What each topic is to get, as a file in the folder of the set."""

    source: SeedCells
    wanted: Wanted
    quotas: NDArray[np.int64]
    identity: str

    def to_json(self, created: str, records: Sequence[Generated]) -> dict[str, Any]:
        return {
            "schema": PLAN_SCHEMA,
            "version": __version__,
            "identity": self.identity,
            "created": created,
            "wanted": self.wanted.to_json(),
            "cells": self.cells(records),
        }

    def cells(self, records: Sequence[Generated]) -> list[dict[str, Any]]:
        reached = Counter(record.cell for record in records)
        return [
            {
                "cell": cell.name,
                "rare": cell.rare,
                "reference_documents": cell.documents,
                "seeds": cell.seeds,
                "wanted": wanted,
                "reached": reached[cell.name],
            }
            for cell, wanted in zip(self.source.cells, self.quotas.tolist(), strict=True)
        ]

    def begin(self, folder: Path, now: datetime) -> str:
        """Write the plan, unless it is there; gives when it was made, ISO 8601.

        Raises:
            InputError: the folder has another plan.
        """
        earlier = plan_in(folder)
        if earlier is None:
            created = now.astimezone(UTC).isoformat(timespec="seconds")
            self._write(folder, created, ())
            return created
        identity, created = earlier
        if identity != self.identity:
            raise InputError(
                f"{folder} holds a set of another reference, model or setting. Give another folder with --out, or "
                "forget that set and its answers with --fresh."
            )
        return created

    def end(self, folder: Path, created: str, records: Sequence[Generated]) -> None:
        """Write what each topic got."""
        self._write(folder, created, records)

    def _write(self, folder: Path, created: str, records: Sequence[Generated]) -> None:
        write_atomic(folder / PLAN, document_bytes(self.to_json(created, records)))


def plan_in(folder: Path) -> tuple[str, str] | None:
    """Identity and time of the plan in a folder; None: there is none.

    Raises:
        InputError: a file that would be overwritten is none of ours.
    """
    file, told, is_ours = folder / PLAN, None, True
    if file.exists():
        try:
            earlier = json.loads(file.read_bytes())
            told = str(earlier["identity"]), datetime.fromisoformat(earlier["created"]).isoformat()
            is_ours = earlier["schema"] == PLAN_SCHEMA
        except (OSError, ValueError, KeyError, TypeError):
            is_ours = False
    elif (folder / DATA).exists():  # a plan is written before the texts
        file, is_ours = folder / DATA, False
    if not is_ours:
        raise InputError(
            f"{file} was not written by `wellkeeper generate`, and would be overwritten. Give another folder with "
            "--out, or move it away."
        )
    return told


def document_bytes(document: Mapping[str, Any]) -> bytes:
    return json.dumps(document, ensure_ascii=False, indent=2).encode("utf-8", "replace") + b"\n"
