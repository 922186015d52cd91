"""The event of a run is one that OpenLineage's own classes make, word for word."""

import json
import subprocess
import sys
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from ledgers import counts, data, write_data, write_ledger

from wellkeeper.ledger.manifest import ManifestInput, write_manifest
from wellkeeper.ledger.openlineage import OPENLINEAGE, run_event, run_id, write_openlineage

INPUTS = [
    ManifestInput(name="a", url="/data/forum/a.jsonl", size=10, fingerprint="1", documents=3, quarantined=1),
    ManifestInput(name="b", url="/data/forum/b.jsonl", size=20, fingerprint="2", documents=2, quarantined=0),
    ManifestInput(name="c", url="s3://bucket/wiki/c", size=-1, fingerprint="3", documents=1, quarantined=1),
]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return write_data(write_ledger(tmp_path))


def manifest(folder: Path, **changes: Any) -> dict[str, Any]:
    usual: dict[str, Any] = {
        "recipe": {"wellkeeper": 1, "steps": [{"quality.v1": {}}]},
        "recipe_digest": "ab" * 32,
        "version": "0.1.0",
        "code_digest": "cd" * 32,
        "seed": 0,
        "inputs": INPUTS,
        "counts": counts(folder),
        "tables": {},
        "created": datetime(2026, 1, 1, 12, tzinfo=UTC),
    }
    return write_manifest(folder, **(usual | changes))


def event(folder: Path, **changes: Any) -> dict[str, Any]:
    return run_event(manifest(folder, **changes), name="lake", folder=folder, data=data().schema)


def test_the_event_says_what_was_read_and_written(folder: Path) -> None:
    told = event(folder)
    facts = [(row["namespace"], row["name"], row["inputFacets"]["inputStatistics"]) for row in told["inputs"]]
    assert [(namespace, name) for namespace, name, _ in facts] == [
        ("file", "/data/forum"),
        ("s3://bucket", "wiki"),
    ]
    assert [{k: v for k, v in row.items() if k[0] != "_"} for *_, row in facts] == [
        {"rowCount": 6, "size": 30, "fileCount": 2},
        {"rowCount": 2, "fileCount": 1},
    ], "a size that nobody knows is left out"
    (output,) = told["outputs"]
    assert (output["namespace"], output["name"]) == ("file", f"{folder}/data")
    assert [field["name"] for field in output["facets"]["schema"]["fields"]] == data().column_names
    size = (folder / "data" / "part-00000.parquet").stat().st_size
    written = output["outputFacets"]["outputStatistics"]
    assert (written["rowCount"], written["size"], written["fileCount"]) == (1, size, 1)
    assert told["run"]["facets"]["wellkeeper_counts"]["quarantined"] == 2


def test_the_same_run_has_the_same_id_whenever_it_was_and_another_run_another(folder: Path) -> None:
    first = event(folder)
    later = event(folder, created=datetime(2027, 1, 1, tzinfo=UTC), run={"workers": 9})
    assert first["run"] == later["run"]
    assert first["eventTime"] != later["eventTime"]
    assert event(folder, seed=1)["run"]["runId"] != first["run"]["runId"]
    assert UUID(run_id("x")).version == 5


def test_the_set_that_one_run_writes_is_the_one_that_another_reads(folder: Path) -> None:
    written = event(folder)["outputs"][0]
    url = f"{folder}/data/part-00000.parquet"
    read = ManifestInput(name="p", url=url, size=1, fingerprint="4", documents=6, quarantined=2)
    (source,) = event(folder, inputs=[read])["inputs"]
    assert (source["namespace"], source["name"]) == (written["namespace"], written["name"])


# In a process of its own: the library is heavy, and warns where we make warnings errors.
EMIT = """
import json, sys
from openlineage.client.event_v2 import InputDataset, Job, OutputDataset, Run, RunEvent, RunState
from openlineage.client.facet_v2 import (
    dataset_version_dataset, input_statistics_input_dataset, job_type_job, output_statistics_output_dataset,
    processing_engine_run, schema_dataset, source_code_job,
)
from openlineage.client.generated.base import RunFacet
from openlineage.client.transport.file import FileConfig, FileTransport

CLASSES = {
    "processing_engine": processing_engine_run.ProcessingEngineRunFacet,
    "jobType": job_type_job.JobTypeJobFacet,
    "sourceCode": source_code_job.SourceCodeJobFacet,
    "inputStatistics": input_statistics_input_dataset.InputStatisticsInputDatasetFacet,
    "outputStatistics": output_statistics_output_dataset.OutputStatisticsOutputDatasetFacet,
    "version": dataset_version_dataset.DatasetVersionDatasetFacet,
    "schema": lambda fields, **rest: schema_dataset.SchemaDatasetFacet(
        fields=[schema_dataset.SchemaDatasetFacetFields(**field) for field in fields], **rest
    ),
}

def facets(content):
    made = {}
    for name, facet in content.items():
        inner = {key: value for key, value in facet.items() if key not in ("_producer", "_schemaURL")}
        if name in CLASSES:
            made[name] = CLASSES[name](**inner, producer=facet["_producer"])
        else:
            made[name] = RunFacet(producer=facet["_producer"]).with_additional_properties(**inner)
    return made

ours = json.load(open(sys.argv[1]))
event = RunEvent(
    eventType=RunState[ours["eventType"]],
    eventTime=ours["eventTime"],
    producer=ours["producer"],
    run=Run(runId=ours["run"]["runId"], facets=facets(ours["run"]["facets"])),
    job=Job(namespace=ours["job"]["namespace"], name=ours["job"]["name"], facets=facets(ours["job"]["facets"])),
    inputs=[
        InputDataset(namespace=row["namespace"], name=row["name"], inputFacets=facets(row["inputFacets"]))
        for row in ours["inputs"]
    ],
    outputs=[
        OutputDataset(
            namespace=row["namespace"], name=row["name"],
            facets=facets(row["facets"]), outputFacets=facets(row["outputFacets"]),
        )
        for row in ours["outputs"]
    ],
)
FileTransport(FileConfig(log_file_path=sys.argv[2], append=True)).emit(event)
"""


def _without_empty(content: Any) -> Any:
    """The library writes what is not there as empty lists and mappings, and may leave it out as well."""
    if isinstance(content, Mapping):
        pairs = {key: _without_empty(value) for key, value in content.items()}
        return {key: value for key, value in pairs.items() if value not in ({}, [], None)}
    return [_without_empty(item) for item in content] if isinstance(content, list) else content


def test_openlineages_own_classes_make_the_same_event(folder: Path, tmp_path: Path) -> None:
    pytest.importorskip("openlineage.client")
    ours = event(folder)
    write_openlineage(folder, ours)
    log = tmp_path / "events.ndjson"
    command = [sys.executable, "-c", EMIT, str(folder / OPENLINEAGE), str(log)]
    result = subprocess.run(command, capture_output=True, text=True, check=False, timeout=120)
    assert result.returncode == 0, result.stderr
    (line,) = log.read_text().splitlines()
    theirs = _without_empty(json.loads(line))
    # Of a facet that is not in its specification the library can only name the base.
    assert theirs["run"]["facets"]["wellkeeper_counts"].pop("_schemaURL").endswith("RunFacet")
    mine = json.loads((folder / OPENLINEAGE).read_text())
    assert (
        mine["run"]["facets"]["wellkeeper_counts"].pop("_schemaURL") == "urn:wellkeeper:openlineage:counts:1"
    )
    assert theirs == _without_empty(mine)


def test_the_file_is_one_line_as_collectors_read_files_of_events(folder: Path) -> None:
    write_openlineage(folder, event(folder))
    text = (folder / OPENLINEAGE).read_text()
    assert text.endswith("}\n")
    assert text.count("\n") == 1
