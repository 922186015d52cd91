"""A recipe to start from: what an audit's inputs would look like as sources, with our defaults."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import yaml

from wellkeeper.recipe.textpass import Group


def proposed_recipe(groups: Sequence[Group], references: Sequence[Group], *, similarity: float) -> str:
    """YAML that `wellkeeper curate` takes as it is, once the paths fit where it is saved."""
    recipe: dict[str, Any] = {
        "wellkeeper": 1,
        "sources": {_name(group.name): _source(group) for group in groups},
        "steps": [
            {"quality.v1": {"rules": ["gopher", "gopher-repetition"]}},
            {"artefacts.v1": {}},
            {"exact-duplicates.v1": {}},
            {
                "near-duplicates.v1": {
                    "similarity": similarity,
                    "keep": ["human", "earliest", "licensed", "longest"],
                }
            },
        ],
        "mix": {"synthetic_share": {"max": 0.10}},
    }
    if references:
        recipe["sources"] |= {_name(group.name): _source(group) | {"origin": "human"} for group in references}
        recipe["reference"] = _name(references[0].name)
    return yaml.safe_dump(recipe, sort_keys=False, allow_unicode=True, width=100)


def _name(name: str) -> str:
    return name.replace("+", "-2")


def _source(group: Group) -> dict[str, Any]:
    columns = group.columns
    source: dict[str, Any] = {"path": _common(group), "text": columns.text}
    source |= {role: value for role in ("id", "source", "date") if (value := getattr(columns, role))}
    source |= {
        role: {"column": value}
        for role in ("licence", "origin", "generator")
        if (value := getattr(columns, role))
    }
    return source


def _common(group: Group) -> str:
    """What the files share: their folder, or the one file."""
    urls = [file.url for file in group.files]
    if len(urls) == 1:
        return urls[0]
    if all("://" not in url for url in urls):
        folders = [Path(url).parent for url in urls]
        shared = Path(*_shared([folder.parts for folder in folders]))
        return str(shared)
    return "/".join(_shared([tuple(url.split("/")[:-1]) for url in urls]))


def _shared(paths: Sequence[tuple[str, ...]]) -> tuple[str, ...]:
    shared = []
    for parts in zip(*paths, strict=False):
        if len(set(parts)) > 1:
            break
        shared.append(parts[0])
    return tuple(shared)
