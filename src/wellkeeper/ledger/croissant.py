"""Croissant metadata of an output folder: what its files are, for loaders and search engines.

Croissant 1.1 [1] with the responsible-AI vocabulary [2] and provenance in PROV-O terms. File sets describe
how tables are read; each part is also a file object of its own, because only those carry checksums.

[1] http://mlcommons.org/croissant/1.1 (2026-01-29)
[2] http://mlcommons.org/croissant/RAI/1.0
"""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pyarrow as pa

from wellkeeper.core.rights import is_recognised
from wellkeeper.engine.store import write_atomic
from wellkeeper.errors import DataError
from wellkeeper.ledger.folder import SINGLE
from wellkeeper.ledger.rows import (
    DOCUMENTS,
    EVIDENCE,
    OVERLAPS,
    PARENTS,
    QUARANTINE,
    SIGNALS,
    SOURCES,
    SPANS,
)

CONFORMS_TO = "http://mlcommons.org/croissant/1.1"
RAI_CONFORMS_TO = "http://mlcommons.org/croissant/RAI/1.0"

# The context of the specification's appendix 1, with https for schema.org as mlcroissant expects it.
_CONTEXT: Mapping[str, Any] = {
    "@language": "en",
    "@vocab": "https://schema.org/",
    "arrayShape": "cr:arrayShape",
    "citeAs": "cr:citeAs",
    "column": "cr:column",
    "conformsTo": "dct:conformsTo",
    "containedIn": "cr:containedIn",
    "cr": "http://mlcommons.org/croissant/",
    "data": {"@id": "cr:data", "@type": "@json"},
    "dataType": {"@id": "cr:dataType", "@type": "@vocab"},
    "dct": "http://purl.org/dc/terms/",
    "description": {"@container": "@language"},
    "equivalentProperty": "cr:equivalentProperty",
    "examples": {"@id": "cr:examples", "@type": "@json"},
    "extract": "cr:extract",
    "field": "cr:field",
    "fileObject": "cr:fileObject",
    "fileProperty": "cr:fileProperty",
    "fileSet": "cr:fileSet",
    "format": "cr:format",
    "includes": "cr:includes",
    "isArray": "cr:isArray",
    "isLiveDataset": "cr:isLiveDataset",
    "jsonPath": "cr:jsonPath",
    "key": "cr:key",
    "md5": "cr:md5",
    "name": {"@container": "@language"},
    "parentField": "cr:parentField",
    "path": "cr:path",
    "prov": "http://www.w3.org/ns/prov#",
    "rai": "http://mlcommons.org/croissant/RAI/",
    "recordSet": "cr:recordSet",
    "references": "cr:references",
    "regex": "cr:regex",
    "repeated": "cr:repeated",
    "replace": "cr:replace",
    "samplingRate": "cr:samplingRate",
    "sc": "https://schema.org/",
    "separator": "cr:separator",
    "source": "cr:source",
    "subField": "cr:subField",
    "transform": "cr:transform",
}

_PARQUET = "application/x-parquet"
_MEDIA = {".parquet": _PARQUET, ".json": "application/json", ".md": "text/markdown"}

_LEDGER = (
    ("documents", DOCUMENTS, "One row a document of the input, kept or not."),
    ("evidence", EVIDENCE, "What was seen in documents that tells of their origin."),
    ("spans", SPANS, "Passages that several documents share."),
    ("overlaps", OVERLAPS, "Items of evaluation sets that documents hold."),
    ("parents", PARENTS, "What documents were made from."),
    ("signals", SIGNALS, "Statements of rights and origin in and beside documents, as they were written."),
    ("quarantine", QUARANTINE, "Records that could not become a document."),
    ("sources", SOURCES, "The files that were read."),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Collection:
    """How the documents came together."""

    read: int  # records
    quarantined: int  # of those, records that could not become a document
    kept: int
    sources: Sequence[str]  # names of what the set was derived from
    captured: tuple[date, date] | None = (
        None  # first and last day on which documents were captured, as far as known
    )


def croissant(
    name: str,
    *,
    description: str,
    data: pa.Schema,
    files: Mapping[str, Mapping[str, Any]],
    licences: Sequence[str | None],
    steps: Sequence[str],
    collection: Collection,
    biases: Sequence[str],
    limitations: Sequence[str],
    wellkeeper_version: str,
    published: date,
    version: str = "1.0.0",
    url: str | None = None,
    citation: str | None = None,
) -> dict[str, Any]:
    """The JSON-LD of one output folder.

    `data` is the Arrow schema of `data/*.parquet`; `files` is what `file_digests` gives; `licences` are SPDX
    expressions or names as written of the kept documents, None for those without one; `steps`, `biases` and
    `limitations` are sentences, the steps in the order in which they were taken. What nobody looked for, such as
    personal information, is said to be unknown. A `citation` is made of name, version and date where none is given,
    since the format asks for one. Columns of nested structure
    cannot be described as fields and are named in the record set's description instead.

    A property with one value is written as that value and not as a list of one: JSON-LD does not tell them
    apart, and a list of one would not survive a reader that writes the file again.

    Raises:
        DataError: `files` holds no part of the data.
    """
    parts = sorted(path for path in files if path.endswith(".parquet"))
    if not any(path.startswith("data/") for path in parts):
        raise DataError("There is no data/*.parquet among the files. Write the data before its metadata.")
    about: dict[str, Any] = {
        "@context": dict(_CONTEXT),
        "@type": "sc:Dataset",
        "name": name,
        "description": description,
        "conformsTo": [CONFORMS_TO, RAI_CONFORMS_TO],
        "version": version,
        "datePublished": published.isoformat(),
        "url": url,
        "citeAs": citation or f"{name}, version {version}, {published.isoformat()}",
        "license": _few(licence_url(licence) for licence in licences),
        **_responsible(collection, steps, biases, limitations),
        "rai:machineAnnotationTools": f"wellkeeper {wellkeeper_version}",
        "prov:wasDerivedFrom": _few(
            {"@id": source_id(source), "prov:label": source} for source in collection.sources
        ),
        "prov:wasGeneratedBy": {
            "@type": "prov:Activity",
            "prov:label": f"wellkeeper curate {wellkeeper_version}",
        },
    }
    tables = [("data", "data/*.parquet", data, "The curated documents.")]
    ledger = [(name, _pattern(name), schema, told) for name, schema, told in _LEDGER]
    tables += [table for table in ledger if any(_inside(path, table[1]) for path in parts)]
    about["distribution"] = [_file_set(*table) for table in tables]
    about["distribution"] += [_file_object(path, files[path]) for path in sorted(files) if _media(path)]
    about["recordSet"] = [_record_set(*table) for table in tables]
    return {key: value for key, value in about.items() if value is not None}


def _responsible(
    collection: Collection, steps: Sequence[str], biases: Sequence[str], limitations: Sequence[str]
) -> dict[str, Any]:
    """Properties of the vocabulary for responsible AI [2], as far as a run can know them."""
    read, quarantined, kept = collection.read, collection.quarantined, collection.kept
    names = ", ".join(collection.sources)
    days = [day.isoformat() for day in collection.captured or ()]
    return {
        "rai:dataCollection": f"{read:,} records were read from {names}, of which the set keeps {kept:,}. How the "
        "sources came by them is not recorded here.",
        "rai:dataCollectionType": "Secondary Data analysis",
        "rai:dataCollectionMissingData": f"{quarantined:,} records could not be read as a document and are not in the "
        "set; ledger/quarantine.parquet names each with the reason.",
        "rai:dataCollectionRawData": f"The records as they were read: {names}. manifest.json has every file's size and "
        "fingerprint.",
        # As the vocabulary spells it: mlcroissant knows another spelling, and keeps this one as it is.
        "rai:dataCollectionTimeframe": _few(days),
        "rai:dataImputationProtocol": "None: no missing value was filled in.",
        "rai:dataPreprocessingProtocol": _few(steps),
        "rai:dataAnnotationProtocol": "None by people. Origins are resolved by rule from what the sources declare and "
        "from evidence in the documents; ledger/evidence has every piece of it.",
        "rai:dataBiases": _few(biases),
        "rai:dataLimitations": _few(limitations),
        "rai:personalSensitiveInformation": "Unknown: nobody looked for personal or sensitive information in the "
        "documents, and they may hold some.",
    }


def write_croissant(folder: Path, content: Mapping[str, Any]) -> None:
    """Write what `croissant` made as `croissant.json`."""
    text = json.dumps(content, indent=2, ensure_ascii=False, allow_nan=False) + "\n"
    write_atomic(folder / "croissant.json", text.encode())


def _few(values: Iterable[Any]) -> Any:
    found = list(values)
    return found if len(found) > 1 else (found or [None])[0]


def licence_url(licence: str | None) -> str:
    """The SPDX page of a recognised licence; expressions and other names as written, and `unknown` for None."""
    if licence is None:
        return "unknown"
    if " " in licence or licence.startswith("LicenseRef-") or not is_recognised(licence):
        return licence
    return f"https://spdx.org/licenses/{licence}.html"


def source_id(source: str) -> str:
    """A source's own URL, or a URN of its name: identifiers are IRIs, and a bare name is none.

    >>> source_id("s3://bucket/wiki"), source_id("news archive")
    ('s3://bucket/wiki', 'urn:wellkeeper:source:news%20archive')
    """
    return source if "://" in source else f"urn:wellkeeper:source:{quote(source, safe='')}"


def _pattern(table: str) -> str:
    return SINGLE.get(f"ledger/{table}", f"ledger/{table}/*.parquet")


def _inside(path: str, pattern: str) -> bool:
    return path == pattern or path.startswith(pattern.removesuffix("*.parquet") + "part-")


def _media(path: str) -> str | None:
    return _MEDIA.get(path[path.rfind(".") :]) if "." in path else None


def _file_set(name: str, pattern: str, _: pa.Schema, about: str) -> dict[str, Any]:
    return {
        "@type": "cr:FileSet",
        "@id": f"{name}-files",
        "name": f"{name}-files",
        "description": about,
        "encodingFormat": _PARQUET,
        "includes": pattern,
    }


def _file_object(path: str, facts: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "@type": "cr:FileObject",
        "@id": path,
        "name": path,
        "contentUrl": path,
        "contentSize": f"{facts['bytes']} B",
        "encodingFormat": _media(path),
        "sha256": facts["sha256"],
    }


def _record_set(name: str, _: str, schema: pa.Schema, about: str) -> dict[str, Any]:
    fields = [_field(name, field) for field in schema]
    nested = [field.name for field, described in zip(schema, fields, strict=True) if described is None]
    if nested:
        about += f" Columns of nested structure, not described here: {', '.join(nested)}."
    return {
        "@type": "cr:RecordSet",
        "@id": name,
        "name": name,
        "description": about,
        "field": [field for field in fields if field is not None],
    }


def _field(table: str, field: Any) -> dict[str, Any] | None:
    kind, array = field.type, False
    if pa.types.is_list(kind) or pa.types.is_large_list(kind) or pa.types.is_fixed_size_list(kind):
        kind, array = kind.value_type, True
    data_type = _data_type(kind)
    if data_type is None:
        return None
    shape = {"isArray": True, "arrayShape": "-1"} if array else {}
    return {
        "@type": "cr:Field",
        "@id": f"{table}/{field.name}",
        "name": field.name,
        "dataType": data_type,
        **shape,
        "source": {"fileSet": {"@id": f"{table}-files"}, "extract": {"column": field.name}},
    }


def _data_type(kind: Any) -> str | None:
    """The Croissant type of an Arrow type; bytes are `sc:Text`, as there is no type for them."""
    if isinstance(kind, pa.DictionaryType):
        return _data_type(kind.value_type)
    if pa.types.is_integer(kind):
        return f"cr:{'Int' if pa.types.is_signed_integer(kind) else 'UInt'}{kind.bit_width}"
    if pa.types.is_floating(kind):
        return f"cr:Float{kind.bit_width}"
    return next((name for matches, name in _TYPES if matches(kind)), None)


_TYPES = (
    (pa.types.is_boolean, "sc:Boolean"),
    (pa.types.is_timestamp, "sc:DateTime"),
    (pa.types.is_date, "sc:Date"),
    (pa.types.is_decimal, "sc:Float"),
    (pa.types.is_string, "sc:Text"),
    (pa.types.is_large_string, "sc:Text"),
    (pa.types.is_string_view, "sc:Text"),
    (pa.types.is_binary, "sc:Text"),
    (pa.types.is_large_binary, "sc:Text"),
    (pa.types.is_fixed_size_binary, "sc:Text"),
)
