"""What the gate of `wellkeeper vet` said of the sets that a recipe takes.

A vetted set bears its verdict in `gate.json`, under its seal. Whoever takes the set is told of a verdict that is not
`admitted`, and decides.
"""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from wellkeeper.recipe.model import Recipe, Source

GATE = "gate.json"
SCHEMA = "wellkeeper.gate/1"
_TOLD = ("generator", "parents", "depth")
"""Roles whose columns in a vetted set bear their names."""
_UP = 2  # from data/part-00000.parquet to the folder that it lies in


def gate_of(located: str) -> dict[str, Any] | None:
    """The gate of the vetted set that a path names, the folder or a part of it; None if it is of none, or a URL."""
    if "://" in located:
        return None
    path = Path(located)
    for folder in (path, *list(path.parents)[:_UP]):
        try:
            found = json.loads((folder / GATE).read_bytes())
        except (OSError, ValueError):
            continue
        if isinstance(found, dict) and found.get("schema") == SCHEMA:
            return found
    return None


def columns_of(source: Source, located: Sequence[str]) -> tuple[dict[str, str], frozenset[str]]:
    """The columns of a source by role, and which of them count only where they are there.

    A set that was vetted tells of each text who wrote it, from what, and at which depth: nobody needs to name that.
    """
    named = source.columns()
    if all(gate_of(path) is None for path in located):
        return named, frozenset()
    told = {role: role for role in _TOLD if role not in named}
    return {**told, **named}, frozenset(told)


def vetting_document(curation: Mapping[str, Any]) -> dict[str, Any]:
    """The document of a vetting (`wellkeeper.vet/1`) from that of the curation that it is, which it holds."""
    rest = {name: value for name, value in curation.items() if name not in {"vetting", "paths"}}
    return {**curation["vetting"], "paths": curation["paths"], "curation": rest}


def gate_json(vetting: Mapping[str, Any]) -> bytes:
    """The file `gate.json` of a vetted set, from the document of its vetting."""
    names = ("set", "verdict", "share", "gate", "verifiers", "counts")
    gate = {"schema": SCHEMA, **{name: vetting[name] for name in names}}
    return (json.dumps(gate, ensure_ascii=False, indent=2) + "\n").encode()


def told_in_card(vetting: Mapping[str, Any]) -> str:
    """What the set's card says first: whether it was admitted, and if not why."""
    verdict, asked = vetting["verdict"], f"{vetting['share']['wanted']:.0%}"
    if verdict == "admitted":
        return (
            f"**Admitted** by `wellkeeper vet`, as a share of up to {asked} beside human text. All conditions of its "
            "gate passed (`gate.json`). It is text of models: seasoning, and no set to train on alone."
        )
    open_ = [f"- {one['condition']}: {one['said']}" for one in vetting["gate"] if one["passed"] != "pass"]
    head = "**Refused**" if verdict == "refused" else "**Not admitted, for want of data**"
    return (
        f"{head} by `wellkeeper vet`, for a share of {asked} beside human text. Do not train on it. What did not pass "
        "(`gate.json`):\n\n" + "\n".join(open_)
    )


def vetted_sources(recipe: Recipe) -> dict[str, Any]:
    """The section `vetted` of a curation: a row for each source that was vetted; no section where none was."""
    rows = []
    for source in recipe.sources:
        for path in source.paths:
            gate = gate_of(recipe.locate(path))
            if gate is not None:
                rows.append(
                    {
                        "source": source.name,
                        "set": gate.get("set"),
                        "verdict": gate.get("verdict"),
                        "share": gate.get("share"),
                        "failed": [
                            one["condition"] for one in gate.get("gate", ()) if one.get("passed") != "pass"
                        ],
                    }
                )
    return {"vetted": rows} if rows else {}
