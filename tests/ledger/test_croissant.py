"""The reference implementation reads what we write, without a complaint."""

import dataclasses
import datetime as dt
import itertools
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.dataset as ds
import pytest
from ledgers import data, write_data, write_ledger

from wellkeeper.errors import DataError
from wellkeeper.ledger.croissant import Collection, croissant, licence_url, source_id, write_croissant
from wellkeeper.ledger.manifest import file_digests

COLLECTION = Collection(
    read=8,
    quarantined=2,
    kept=1,
    sources=["archive", "s3://bucket/forum"],
    captured=(dt.date(2015, 1, 1), dt.date(2023, 11, 14)),
)
COMMON: dict[str, Any] = {
    "description": "Letters about a lake.",
    "licences": ["CC-BY-SA-4.0", None],
    "steps": ["quality.v1: the rules of Gopher", "near-duplicates.v1: similarity 0.8"],
    "collection": COLLECTION,
    "biases": ["The share of AI-made text is not identified.", "Rules are made for prose."],
    "limitations": ["A missing mark is no evidence."],
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
    assert content["rai:dataBiases"] == COMMON["biases"]
    assert content["rai:dataLimitations"] == COMMON["limitations"][0]
    assert content["rai:dataCollection"].startswith(
        "8 records were read from archive, s3://bucket/forum, of which the set keeps 1."
    )
    assert content["rai:dataCollectionMissingData"].startswith("2 records could not be read as a document")
    assert content["rai:dataCollectionTimeframe"] == ["2015-01-01", "2023-11-14"]
    for name, says in (
        ("personalSensitiveInformation", "Unknown: "),
        ("dataAnnotationProtocol", "None by people."),
    ):
        assert content[f"rai:{name}"].startswith(says)
    assert content["license"] == ["https://spdx.org/licenses/CC-BY-SA-4.0.html", "unknown"]


def test_a_single_value_is_written_as_that_value(folder: Path) -> None:
    collection = dataclasses.replace(COLLECTION, sources=["archive"], captured=None)
    content = described(folder, data(), licences=["MIT"], collection=collection, steps=["quality.v1"])
    assert content["license"] == "https://spdx.org/licenses/MIT.html"
    assert content["prov:wasDerivedFrom"]["prov:label"] == "archive"
    assert content["rai:dataPreprocessingProtocol"] == "quality.v1"
    assert "url" not in content
    assert "rai:dataCollectionTimeframe" not in content, "nobody knows when"


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
import datetime, json, logging, sys
import mlcroissant

def plain(value):
    if isinstance(value, bytes):
        return value.hex()  # text comes as bytes, and bytes have no type of their own
    if isinstance(value, datetime.datetime):  # pandas says NaT for null
        return None if value != value else value.replace(tzinfo=datetime.timezone.utc).isoformat()
    if isinstance(value, float) and value != value:
        return None
    if hasattr(value, "tolist"):
        return plain(value.tolist())
    return [plain(item) for item in value] if isinstance(value, list) else value

logging.basicConfig(level=logging.WARNING)
dataset = mlcroissant.Dataset(sys.argv[1])
issues = dataset.metadata.ctx.issues
tables = [record_set.id for record_set in dataset.metadata.record_sets]
records = {name: [{key.partition("/")[2]: plain(value) for key, value in record.items()}
                  for record in dataset.records(name)] for name in tables}
again = dataset.metadata.to_json()
print(json.dumps({"errors": sorted(issues.errors), "warnings": sorted(issues.warnings), "records": records,
                  "again": {key: again.get(key) for key in json.loads(open(sys.argv[1]).read())}}, default=str))
"""


@pytest.mark.parametrize("sources", [["archive"], ["archive", "s3://bucket/forum"]])
def test_the_reference_implementation_finds_nothing_wrong_and_loads_the_values_of_the_tables(
    folder: Path, sources: list[str]
) -> None:
    pytest.importorskip("mlcroissant")
    table = pa.concat_tables([data()] * 4)
    written = described(folder, table, collection=dataclasses.replace(COLLECTION, sources=sources))
    write_croissant(folder, written)
    command = [sys.executable, "-c", VALIDATE, str(folder / "croissant.json")]
    result = subprocess.run(command, capture_output=True, text=True, check=False, timeout=300)
    assert result.returncode == 0, result.stderr
    assert "WARNING" not in result.stderr
    assert "ERROR" not in result.stderr
    told = json.loads(result.stdout.splitlines()[-1])
    assert (told["errors"], told["warnings"]) == ([], [])
    tables = {"data": "data", **{name: f"ledger/{name}" for name in ("documents", "evidence")}}
    tables["quarantine"] = "ledger/quarantine.parquet"
    assert set(told["records"]) == set(tables)
    for name, place in tables.items():
        found = told["records"][name]
        expected = ds.dataset(folder / place).to_table().to_pylist()
        assert found == [{key: _plain(row[key]) for key in found[0]} for row in expected], name
    for key, value in told["again"].items():
        if key.startswith(("rai:", "prov:", "license", "conformsTo")):
            again, ours = (one if isinstance(one, list) else [one] for one in (value, written[key]))
            assert _sorted(again) == _sorted(ours), f"{key} survives a reader that writes the file again"


def _plain(value: Any) -> Any:
    """A value of a table as the script in `VALIDATE` prints it."""
    if isinstance(value, list):
        return [_plain(item) for item in value]
    if isinstance(value, dt.datetime):
        return value.isoformat()
    return (
        value.encode().hex() if isinstance(value, str) else value.hex() if isinstance(value, bytes) else value
    )


def _sorted(values: list[Any]) -> list[str]:
    return sorted(json.dumps(value, sort_keys=True) for value in values)


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
