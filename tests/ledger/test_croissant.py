"""The reference implementation reads what we write, without a complaint."""

import datetime as dt
import itertools
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from ledgers import data, write_data, write_ledger

from wellkeeper.errors import DataError
from wellkeeper.ledger.croissant import croissant, licence_url, source_id, write_croissant
from wellkeeper.ledger.manifest import file_digests

COMMON: dict[str, Any] = {
    "description": "Letters about a lake.",
    "licences": ["CC-BY-SA-4.0", None],
    "sources": ["archive", "s3://bucket/forum"],
    "steps": ["quality.v1: the rules of Gopher", "near-duplicates.v1: similarity 0.8"],
    "collection": "Read from files that the user named.",
    "limitations": ["The share of AI-made text is not identified."],
    "wellkeeper_version": "0.1.0",
    "published": dt.date(2026, 1, 1),
}


def described(folder: Path, table: pa.Table, **changes: Any) -> dict[str, Any]:
    return croissant("lake", data=table.schema, files=file_digests(folder), **(COMMON | changes))


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    table = pa.concat_tables([data()] * 4)
    write_data(write_ledger(tmp_path), table)
    write_croissant(tmp_path, described(tmp_path, table))
    return tmp_path


def test_every_file_stands_there_with_its_checksum(folder: Path) -> None:
    content = json.loads((folder / "croissant.json").read_text())
    objects = {item["@id"]: item for item in content["distribution"] if item["@type"] == "cr:FileObject"}
    found = file_digests(folder)
    assert set(objects) == set(found) - {"croissant.json"}
    for name, facts in found.items():
        if name in objects:
            assert (objects[name]["sha256"], objects[name]["contentSize"]) == (
                facts["sha256"],
                f"{facts['bytes']} B",
            )


def test_provenance_and_responsible_ai_fields_are_there(folder: Path) -> None:
    content = json.loads((folder / "croissant.json").read_text())
    assert content["prov:wasDerivedFrom"] == [
        {"@id": "urn:wellkeeper:source:archive", "prov:label": "archive"},
        {"@id": "s3://bucket/forum", "prov:label": "s3://bucket/forum"},
    ]
    assert content["rai:dataPreprocessingProtocol"] == COMMON["steps"]
    assert content["license"] == ["https://spdx.org/licenses/CC-BY-SA-4.0.html", "unknown"]


def test_a_single_value_is_written_as_that_value(folder: Path) -> None:
    content = described(folder, data(), licences=["MIT"], sources=["archive"], steps=["quality.v1"])
    assert content["license"] == "https://spdx.org/licenses/MIT.html"
    assert content["prov:wasDerivedFrom"]["prov:label"] == "archive"
    assert content["rai:dataPreprocessingProtocol"] == "quality.v1"
    assert "url" not in content


def test_columns_of_nested_structure_are_named_and_not_described(folder: Path) -> None:
    table = data().append_column("meta", pa.array([{"a": 1}]))
    record_set = described(folder, table)["recordSet"][0]
    assert "data/meta" not in [field["@id"] for field in record_set["field"]]
    assert record_set["description"].endswith("not described here: meta.")


@pytest.mark.parametrize(
    ("licence", "url"),
    [
        ("CC-BY-NC-ND-4.0", "https://spdx.org/licenses/CC-BY-NC-ND-4.0.html"),
        ("LicenseRef-Public-Domain", "LicenseRef-Public-Domain"),
        ("House -ND- licence", "House -ND- licence"),
        (None, "unknown"),
    ],
)
def test_only_recognised_licences_become_links(licence: str | None, url: str) -> None:
    assert licence_url(licence) == url


def test_a_bare_name_becomes_an_identifier() -> None:
    assert source_id("data/forum/ä.jsonl") == "urn:wellkeeper:source:data%2Fforum%2F%C3%A4.jsonl"


def test_metadata_without_data_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"no data/\*\.parquet among the files\. Write the data before"):
        croissant("x", data=data().schema, files=file_digests(write_ledger(tmp_path)), **COMMON)


# In a process of its own: the library and its dependencies warn on import, and warnings are errors here.
VALIDATE = """
import itertools, json, sys
import mlcroissant
dataset = mlcroissant.Dataset(sys.argv[1])
issues = dataset.metadata.ctx.issues
records = {
    name: [{key: str(value) for key, value in record.items()} for record in itertools.islice(dataset.records(name), 3)]
    for name in ("data", "documents", "evidence", "quarantine")
}
again = dataset.metadata.to_json()
print(json.dumps({"errors": sorted(issues.errors), "warnings": sorted(issues.warnings), "records": records,
                  "derived": again["prov:wasDerivedFrom"], "steps": again["rai:dataPreprocessingProtocol"]}))
"""


@pytest.mark.parametrize("sources", [["archive"], ["archive", "s3://bucket/forum"]])
def test_the_reference_implementation_finds_nothing_wrong_and_loads_records(
    folder: Path, sources: list[str]
) -> None:
    pytest.importorskip("mlcroissant")
    table = pa.concat_tables([data()] * 4)
    written = described(folder, table, sources=sources)
    write_croissant(folder, written)
    command = [sys.executable, "-c", VALIDATE, str(folder / "croissant.json")]
    result = subprocess.run(command, capture_output=True, text=True, check=False, timeout=300)
    assert result.returncode == 0, result.stderr
    told = json.loads(result.stdout.splitlines()[-1])
    assert (told["errors"], told["warnings"]) == ([], [])
    assert "WARNING" not in result.stderr
    assert {name: len(records) for name, records in told["records"].items()} == {
        "data": 3,
        "documents": 3,
        "evidence": 2,
        "quarantine": 2,
    }
    assert told["records"]["data"][0]["data/id"] == "b'wiki-17'"
    assert told["steps"] == written["rai:dataPreprocessingProtocol"]
    derived = told["derived"] if isinstance(told["derived"], list) else [told["derived"]]
    assert sorted(item["prov:label"] for item in derived) == sorted(sources)


def test_all_arrow_types_of_the_data_have_a_croissant_type(folder: Path) -> None:
    kinds = {
        "flag": pa.bool_(),
        "small": pa.int8(),
        "large": pa.uint64(),
        "half": pa.float16(),
        "day": pa.date32(),
        "when": pa.timestamp("us", "UTC"),
        "raw": pa.binary(),
        "label": pa.dictionary(pa.int32(), pa.string()),
        "vector": pa.list_(pa.float32(), 3),
        "price": pa.decimal128(9, 2),
    }
    table = pa.schema(list(kinds.items())).empty_table()
    fields = {field["name"]: field for field in described(folder, table)["recordSet"][0]["field"]}
    assert {name: field["dataType"] for name, field in fields.items()} == {
        "flag": "sc:Boolean",
        "small": "cr:Int8",
        "large": "cr:UInt64",
        "half": "cr:Float16",
        "day": "sc:Date",
        "when": "sc:DateTime",
        "raw": "sc:Text",
        "label": "sc:Text",
        "vector": "cr:Float32",
        "price": "sc:Float",
    }
    assert list(itertools.compress(fields, (field.get("isArray") for field in fields.values()))) == ["vector"]
