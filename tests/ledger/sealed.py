"""A small output folder with every table, every column filled somewhere, and a seal; and ways to alter it."""

import json
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from hashlib import sha256
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from ledgers import QUARANTINED

from wellkeeper.engine.store import sha256_of_file
from wellkeeper.ledger.counts import counts_of
from wellkeeper.ledger.digest import ContentDigest
from wellkeeper.ledger.folder import (
    _SCHEMAS,
    KINDS_OF_PARTS,
    open_part_tables,
    remove_parts,
    write_part,
    write_quarantine,
    write_sources,
)
from wellkeeper.ledger.leaves import rows_digest
from wellkeeper.ledger.manifest import (
    ManifestInput,
    digest_of,
    file_digests,
    read_manifest,
    recipe_digest_of,
    write_manifest,
)
from wellkeeper.ledger.rows import DOCUMENTS, SOURCES
from wellkeeper.ledger.seal import ENVELOPE, Seal, read_seal, seal, statement_bytes, unseal
from wellkeeper.ledger.signature import SigningKey, envelope

ROWS = 600  # two tiles and a part of one
NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)
RECIPE = {
    "wellkeeper": 1,
    "seed": 0,
    "steps": [{"quality.v1": {"rules": ["gopher"]}}, {"exact-duplicates.v1": {}}],
}
SINGLE = {"ledger/quarantine": "ledger/quarantine.parquet", "ledger/sources": "ledger/sources.parquet"}


def text(row: int) -> str:
    return (
        f"The miller wrote letter {row} about the flood, the price of flour and {row * 7919 % 1009} herons."
    )


def kept(row: int) -> bool:
    return row % 3 != 1


def filled(schema: pa.Schema, rows: int, **columns: Any) -> pa.Table:
    """A table whose every column holds values that differ from row to row; nullable ones hold nulls, too."""
    return pa.table(
        {
            field.name: pa.array(columns[field.name], field.type)
            if field.name in columns
            else _values(field, rows)
            for field in schema
        },
        schema=schema,
    )


def _values(field: Any, rows: int) -> Any:
    numbers = range(rows)
    kind = field.type.value_type if isinstance(field.type, pa.DictionaryType) else field.type
    if pa.types.is_string(kind):
        values: list[Any] = [f"{field.name}-{number % 7}" for number in numbers]
    elif pa.types.is_fixed_size_binary(kind):
        values = [sha256(text(number).encode()).digest() for number in numbers]
    elif pa.types.is_floating(kind):
        values = [number / 8 for number in numbers]
    elif pa.types.is_boolean(kind):
        values = [number % 2 == 0 for number in numbers]
    else:
        values = [number % 100 for number in numbers]
    if field.nullable:
        values = [None if number % 4 == 3 else value for number, value in zip(numbers, values, strict=True)]
    array = pa.array(values, pa.int64() if pa.types.is_integer(kind) or pa.types.is_timestamp(kind) else kind)
    if pa.types.is_timestamp(kind):
        array = array.cast(pa.timestamp("s")).cast(kind)
    array = array.cast(kind)
    return array.dictionary_encode().cast(field.type) if isinstance(field.type, pa.DictionaryType) else array


def ledger_rows(rows: int = ROWS) -> pa.Table:
    numbers = range(rows)
    return filled(
        DOCUMENTS,
        rows,
        row=list(numbers),
        id=[f"letter-{row}" for row in numbers],
        decision=pa.array(["keep" if kept(row) else "drop" for row in numbers])
        .dictionary_encode()
        .cast(DOCUMENTS.field("decision").type),
        words=[len(text(row).split()) for row in numbers],
        bytes=[len(text(row).encode()) for row in numbers],
        cut_words=[3 if row == 8 else None for row in numbers],
        cut_bytes=[20 if row == 8 else None for row in numbers],
    )


def data_rows(rows: Iterable[int]) -> pa.Table:
    numbers = list(rows)
    return pa.table(
        {
            "id": [f"letter-{row}" for row in numbers],
            "text": pa.array(
                [text(row)[:-20] if row == 8 else text(row) for row in numbers], pa.large_string()
            ),
            "captured_at": pa.array(numbers, pa.int64())
            .cast(pa.timestamp("s"))
            .cast(pa.timestamp("s", "UTC")),
            "weight": pa.array([1.0] * len(numbers), pa.float32()),
            "likes": numbers,
            "tags": [[f"tag-{row % 5}"] for row in numbers],
        }
    )


def make(folder: Path, *, rows: int = ROWS, parts: int = 2) -> Path:
    """All files of a folder but its seal."""
    unseal(folder)
    table = ledger_rows(rows)
    size = -(-rows // parts)
    remove_parts(folder)
    for number in range(parts):
        write_part(folder, "documents", number, table.slice(number * size, size))
    for kind in KINDS_OF_PARTS[1:]:
        write_part(folder, kind, 0, filled(_SCHEMAS[kind], 9, id=[f"letter-{row}" for row in range(9)]))
    write_quarantine(folder, QUARANTINED)
    write_sources(folder, filled(SOURCES, 3))
    for place, chosen in (("data", True), ("rejected", False)):
        (folder / place).mkdir(exist_ok=True)
        numbers = [row for row in range(rows) if kept(row) == chosen]
        half = len(numbers) // 2
        for number, some in enumerate((numbers[:half], numbers[half:])):
            pq.write_table(data_rows(some), folder / place / f"part-{number:05d}.parquet")
    (folder / "README.md").write_text("# Letters\n")
    (folder / "croissant.json").write_text('{"name": "letters"}\n')
    read = rows + len(QUARANTINED)
    write_manifest(
        folder,
        recipe=RECIPE,
        recipe_digest=recipe_digest_of(RECIPE),
        version="0.1.0",
        code_digest="cd" * 32,
        seed=0,
        inputs=[
            ManifestInput(
                name="f",
                url="f.jsonl",
                size=10,
                fingerprint="1",
                documents=rows,
                quarantined=len(QUARANTINED),
            )
        ],
        counts=counts_of(
            open_part_tables(folder, "documents").to_batches(), read=read, quarantined=len(QUARANTINED)
        ),
        tables=table_digests(folder),
        run={"verb": "curate"},
        created=NOON,
    )
    (folder / "report.json").write_text("{}\n")
    (folder / "report.html").write_text("<p>took 3 s</p>\n")
    return folder


def table_digests(folder: Path) -> dict[str, str]:
    digests = {}
    digests["ledger/documents"] = rows_digest(open_part_tables(folder, "documents").to_batches())
    for name in KINDS_OF_PARTS[1:]:
        digests[f"ledger/{name}"] = _digest((folder / "ledger" / name).glob("*.parquet"))
    digests["ledger/sources"] = _digest([folder / "ledger" / "sources.parquet"])
    digests["ledger/quarantine"] = _digest([folder / "ledger" / "quarantine.parquet"])
    for name in ("data", "rejected"):
        parts = sorted((folder / name).glob("*.parquet"))
        digests[name] = sha256("\n".join(_digest([part]) for part in parts).encode()).hexdigest()
    return digests


def _digest(paths: Iterable[Path]) -> str:
    digest = ContentDigest()
    for path in sorted(paths):
        digest.update(pq.read_table(path))
    return digest.hexdigest()


def facts(folder: Path) -> dict[str, Any]:
    manifest = read_manifest(folder)
    return {
        "verb": "curate",
        "version": manifest["version"],
        "recipe_digest": manifest["recipe_digest"],
        "manifest": manifest["digest"],
        "tables": manifest["tables"],
    }


def sealed(folder: Path, *, key: SigningKey | None = None, public: bool = False, **how: Any) -> Seal:
    make(folder, **how)
    return seal(folder, facts=facts(folder), key=key, public_proofs=public)


def reseal(folder: Path, predicate: Mapping[str, Any] | None = None) -> None:
    """What someone without the key can do after a change: digests of files brought up to date, in an unsigned seal."""
    old = read_seal(folder)
    manifest = json.loads((folder / "manifest.json").read_bytes())
    files = file_digests(folder)
    manifest["files"] = {name: files[name] for name in manifest["files"]}
    manifest["digest"] = digest_of(manifest)
    (folder / "manifest.json").write_text(
        json.dumps(manifest, indent=2, sort_keys=True, ensure_ascii=False) + "\n"
    )
    subjects = {name: sha256_of_file(folder / name) for name in old.subjects}
    told = {**(predicate or old.predicate), "manifest": manifest["digest"]}
    (folder / ENVELOPE).write_bytes(envelope(statement_bytes(subjects, told)))


def flip_bit(data: bytes, bit: int) -> bytes:
    changed = bytearray(data)
    changed[bit // 8] ^= 1 << bit % 8
    return bytes(changed)


def alter(path: Path, column: str, row: int, bit: int) -> None:
    """Change one bit of one value of a Parquet file, and write it as it was written before."""
    table = pq.read_table(path)
    place = table.schema.get_field_index(column)
    field = table.schema.field(place)
    kind = field.type.value_type if isinstance(field.type, pa.DictionaryType) else field.type
    values = table.column(column).to_pylist()
    values[row] = _bent(values[row], kind, bit)
    array = pa.array(values, kind)
    if isinstance(field.type, pa.DictionaryType):
        array = array.dictionary_encode().cast(field.type)
    pq.write_table(table.set_column(place, field, array), path, compression="zstd")


def _bent(value: Any, kind: Any, bit: int) -> Any:
    if isinstance(value, list):
        return [_bent(value[0], kind.value_type, bit)]
    if pa.types.is_string(kind) or pa.types.is_large_string(kind):
        # the lowest bits of a letter leave a letter; no text is a text of one letter
        data = (value or "").encode() or None
        return "a" if data is None else flip_bit(data, 8 * (bit % len(data)) + bit % 3).decode()
    if pa.types.is_boolean(kind):
        return not value
    if pa.types.is_fixed_size_binary(kind):
        return flip_bit(value, bit % (8 * len(value)))
    if pa.types.is_floating(kind):
        size = kind.bit_width // 8
        data = np.array(value or 0, f"<f{size}").tobytes()
        return float(np.frombuffer(flip_bit(data, bit % (8 * size - 9)), f"<f{size}")[0])
    if pa.types.is_timestamp(kind):
        return datetime.fromtimestamp((0 if value is None else int(value.timestamp())) ^ 1 << bit % 30, UTC)
    return (value or 0) ^ 1 << bit % (kind.bit_width - 1)
