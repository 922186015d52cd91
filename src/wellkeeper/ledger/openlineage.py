"""One OpenLineage event of a run: what was read, what was written, and by which recipe.

Collectors of lineage (Marquez, DataHub, a catalogue of clouds) take it as it stands: the event COMPLETE of a batch
job, OpenLineage 2-0-2 [1] with standard facets, and one of ours for the counts. A data set is a folder of files, named
as the specification names it [2], so that the set that one run writes is the set that another one reads.

The id of the run is a UUIDv5 of the manifest's digest, not a random one: the run that is repeated, over the same
inputs with the same recipe and code, makes the same set, and a collector that is told twice counts it once. The date
is that of the manifest, too: the event says nothing that is not there.

[1] https://openlineage.io/spec/2-0-2/OpenLineage.json
[2] https://openlineage.io/docs/spec/naming
"""

import json
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit
from uuid import NAMESPACE_URL, uuid5

import pyarrow as pa
import yaml

from wellkeeper.engine.store import write_atomic

OPENLINEAGE = "openlineage.json"
NAMESPACE = uuid5(NAMESPACE_URL, "urn:wellkeeper:run")
"""Of the ids of our runs; never to be changed."""

_SPEC = "https://openlineage.io/spec"
_EVENT = f"{_SPEC}/2-0-2/OpenLineage.json#/$defs/RunEvent"
_FACETS: Mapping[str, str] = {
    "processing_engine": "1-1-1/ProcessingEngineRunFacet",
    "jobType": "2-0-4/JobTypeJobFacet",
    "sourceCode": "1-0-1/SourceCodeJobFacet",
    "schema": "1-2-0/SchemaDatasetFacet",
    "version": "1-0-1/DatasetVersionDatasetFacet",
    "inputStatistics": "1-0-0/InputStatisticsInputDatasetFacet",
    "outputStatistics": "1-0-2/OutputStatisticsOutputDatasetFacet",
}
_COUNTS = "wellkeeper_counts"
_COUNTS_SCHEMA = "urn:wellkeeper:openlineage:counts:1"
"""There is no address to fetch it from: the facet's keys are those of `counts` in the manifest."""
_FATES = ("read", "kept", "dropped", "review", "quarantined", "kept_words", "kept_bytes")


def run_id(digest: str) -> str:
    """The id of the run that made the manifest with this digest.

    >>> run_id("00" * 32)
    'fcc49780-1355-5a01-88cf-e8c8e31b61e7'
    """
    return str(uuid5(NAMESPACE, digest))


def run_event(manifest: Mapping[str, Any], *, name: str, folder: Path, data: pa.Schema) -> dict[str, Any]:
    """The event of one run, from its manifest.

    `name` is the job's, which stays the same from run to run: the recipe's. `data` is the schema of
    `folder`/data/*.parquet.
    """
    made_by = f"pkg:pypi/wellkeeper@{manifest['version']}"

    def facet(kind: str, **content: Any) -> dict[str, Any]:
        where = _COUNTS_SCHEMA if kind == _COUNTS else _schema_of(kind)
        return {kind: {"_producer": made_by, "_schemaURL": where, **content}}

    counts, files = manifest["counts"], manifest["files"]
    parts = [facts["bytes"] for path, facts in files.items() if path.startswith("data/")]
    recipe = yaml.safe_dump(dict(manifest["recipe"]), sort_keys=False, allow_unicode=True)
    written = facet("outputStatistics", rowCount=counts["kept"], size=sum(parts), fileCount=len(parts))
    return {
        "eventType": "COMPLETE",
        "eventTime": manifest["run"]["created"],
        "producer": made_by,
        "schemaURL": _EVENT,
        "run": {
            "runId": run_id(manifest["digest"]),
            "facets": facet("processing_engine", name="wellkeeper", version=manifest["version"])
            | facet(_COUNTS, **{fate: counts[fate] for fate in _FATES}),
        },
        "job": {
            "namespace": "wellkeeper",
            "name": name,
            "facets": facet("jobType", processingType="BATCH", integration="WELLKEEPER", jobType="CURATION")
            | facet("sourceCode", language="YAML", sourceCode=recipe),
        },
        "inputs": [
            {**data_set, "inputFacets": facet("inputStatistics", **statistics)}
            for data_set, statistics in _folders(manifest["inputs"])
        ],
        "outputs": [
            {
                **_named((folder.resolve() / "data").as_posix()),
                "facets": facet("schema", fields=_fields(data))
                | facet("version", datasetVersion=manifest["digest"]),
                "outputFacets": written,
            }
        ],
    }


def write_openlineage(folder: Path, event: Mapping[str, Any]) -> None:
    """Write what `run_event` made as `openlineage.json`, on one line as files of events have it."""
    text = json.dumps(event, ensure_ascii=False, allow_nan=False, separators=(",", ":")) + "\n"
    write_atomic(folder / OPENLINEAGE, text.encode())


def _schema_of(kind: str) -> str:
    path = _FACETS[kind]
    return f"{_SPEC}/facets/{path}.json#/$defs/{path.rpartition('/')[2]}"


def _fields(schema: pa.Schema) -> list[dict[str, Any]]:
    return [
        {"name": field.name, "type": str(field.type), "ordinal_position": place}
        for place, field in enumerate(schema, 1)
    ]


def _folders(inputs: Iterable[Mapping[str, Any]]) -> list[tuple[dict[str, str], dict[str, int]]]:
    """The folders that the input files lie in, by name, each with what was read of it.

    The size is left out where the file system does not say it of one of the files.
    """
    members: dict[str, list[Mapping[str, Any]]] = {}
    for item in inputs:
        members.setdefault(item["url"].rpartition("/")[0], []).append(item)
    return [(_named(url), _statistics(files)) for url, files in sorted(members.items())]


def _statistics(files: Sequence[Mapping[str, Any]]) -> dict[str, int]:
    read = sum(file["documents"] + file["quarantined"] for file in files)
    sizes = [file["size"] for file in files]
    return {
        "rowCount": read,
        **({"size": sum(sizes)} if min(sizes) >= 0 else {}),
        "fileCount": len(files),
    }


def _named(url: str) -> dict[str, str]:
    """Namespace and name of a data set, as the specification makes them of an address.

    >>> _named("/data/forum"), _named("s3://bucket/forum/2024")
    ({'namespace': 'file', 'name': '/data/forum'}, {'namespace': 's3://bucket', 'name': 'forum/2024'})
    """
    if "://" not in url:
        return {"namespace": "file", "name": url or "/"}
    parts = urlsplit(url)
    return {"namespace": f"{parts.scheme}://{parts.netloc}", "name": parts.path.lstrip("/") or "/"}
