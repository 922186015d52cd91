"""Whatever is altered in a sealed folder is found, and what was not altered passes."""

import json
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
import pytest
from sealed import ROWS, SINGLE, alter, facts, flip_bit, make, reseal, sealed, table_digests

from wellkeeper.errors import InputError
from wellkeeper.ledger.folder import KINDS_OF_PARTS
from wellkeeper.ledger.seal import ENVELOPE, read_seal, read_statement, seal, statement_bytes
from wellkeeper.ledger.signature import SigningKey, envelope
from wellkeeper.ledger.verify import verify

KEY = SigningKey.new()


@pytest.fixture(scope="module", params=["tile", "row"])
def whole(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp(request.param)
    sealed(folder, key=KEY, public=request.param == "row")
    return folder


@pytest.fixture
def folder(whole: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(whole, tmp_path / "copy"))


def codes(folder: Path, **how: Any) -> set[str]:
    return {problem.code for problem in verify(folder, **how).problems}


def test_a_sealed_folder_is_whole_and_signed(whole: Path) -> None:
    found = verify(whole, key=KEY.public)
    assert (found.ok, found.signed, found.keyids, found.key) == (True, True, (KEY.keyid,), KEY.keyid)
    assert found.checked == {
        "files": len(read_seal(whole).subjects), "history": 0, "tiles": 3, "tables": len(KINDS_OF_PARTS) + 4, "rows": ROWS, "texts": 400
    }  # fmt: skip
    assert found.lines()[0] == f"{whole}: whole, and signed by {KEY.keyid}."
    assert verify(whole, key=KEY.public, quick=True).ok


def places(folder: Path) -> Iterator[tuple[str, Path, str]]:
    """Table, file and column, of every column of every table."""
    names = {f"ledger/{name}": f"ledger/{name}/part-00000.parquet" for name in KINDS_OF_PARTS} | SINGLE
    names |= {name: f"{name}/part-00001.parquet" for name in ("data", "rejected")}
    for table, name in names.items():
        for column in pq.read_schema(folder / name).names:
            yield table, folder / name, column


def altered_values(folder: Path, seed: int, every: int = 1) -> int:
    """One bit of one value of each column, with the seal made anew; returns how many were tried, all found."""
    rng = np.random.default_rng(seed)
    kept = {name: (folder / name).read_bytes() for name in ("manifest.json", ENVELOPE)}
    tried = list(places(folder))[seed % every :: every]
    for table, path, column in tried:
        before = path.read_bytes()
        row = int(rng.integers(pq.read_metadata(path).num_rows))
        alter(path, column, row, int(rng.integers(1 << 16)))
        reseal(folder)
        found = codes(folder)
        where = f"{table}.{column}, row {row}, seed {seed}"
        assert found, where
        assert not found & {"file-changed", "manifest-digest"}, where
        path.write_bytes(before)
        for name, data in kept.items():
            (folder / name).write_bytes(data)
    return len(tried)


def flipped_bits(folder: Path, times: int, seed: int) -> int:
    """One bit of a file, at several places of every file; returns how many were tried, all found."""
    rng = np.random.default_rng(seed)
    tried = 0
    for name in (*read_seal(folder).subjects, ENVELOPE):
        path = folder / name
        data = path.read_bytes()
        for bit in rng.integers(8 * len(data), size=times).tolist():
            path.write_bytes(flip_bit(data, bit))
            assert not verify(folder, key=KEY.public, quick=True).ok, f"{name}, bit {bit}"
            tried += 1
        path.write_bytes(data)
    return tried


def test_a_bit_of_a_column_of_a_table_is_found_although_the_seal_was_made_anew(folder: Path) -> None:
    assert altered_values(folder, seed=1, every=5) >= 19


def test_a_bit_of_any_file_is_found(folder: Path) -> None:
    assert flipped_bits(folder, 4, seed=1) >= 70


@pytest.mark.nightly
def test_of_thousands_of_altered_bits_in_every_column_and_file_each_one_is_found(folder: Path) -> None:
    values = sum(altered_values(folder, seed) for seed in range(2, 8))
    assert values >= 500, "every column of every table, six times"
    assert values + flipped_bits(folder, 80, seed=2) >= 2_000


def test_a_bit_of_an_unsigned_seal_is_found(tmp_path: Path) -> None:
    sealed(tmp_path, rows=40)
    data = (tmp_path / ENVELOPE).read_bytes()
    payload = read_seal(tmp_path).envelope.payload
    rng = np.random.default_rng(3)
    for bit in rng.integers(8 * len(payload), size=150).tolist():
        (tmp_path / ENVELOPE).write_bytes(envelope(flip_bit(payload, bit)))
        assert codes(tmp_path, quick=True), f"payload, bit {bit}"
    for bit in rng.integers(8 * len(data), size=150).tolist():
        (tmp_path / ENVELOPE).write_bytes(flip_bit(data, bit))
        assert codes(tmp_path, quick=True), f"envelope, bit {bit}"


def test_bits_of_base64_that_say_nothing_are_no_second_spelling_of_a_seal() -> None:
    told: dict[str, Any] = {"verb": "curate", "tables": {}, "tree": None, "previous": None}
    written = [envelope(statement_bytes({}, {**told, "version": "1" * size})) for size in (1, 2, 3)]
    contents = [json.loads(data) for data in written]
    content = next(content for content in contents if content["payload"].endswith("=="))
    read_statement(json.dumps(content).encode(), "it")
    letter = content["payload"][-3]  # four of its six bits are not used
    content["payload"] = content["payload"][:-3] + chr(ord(letter) + 1) + "=="
    with pytest.raises(InputError, match="ends in bits that mean nothing"):
        read_statement(json.dumps(content).encode(), "it")


def test_a_missing_and_an_added_file_are_named(folder: Path) -> None:
    (folder / "data" / "part-00001.parquet").unlink()
    (folder / "data" / "part-00002.parquet").write_bytes(b"more")
    (folder / ".cache").mkdir()
    (folder / ".cache" / "of a hub").write_text("hidden names are not part of the set")
    found = verify(folder, key=KEY.public)
    assert [(problem.code, problem.where) for problem in found.problems] == [
        ("file-missing", "data/part-00001.parquet"),
        ("file-not-sealed", "data/part-00002.parquet"),
    ]
    assert found.lines()[1:3] == [
        "  file-missing data/part-00001.parquet: it was sealed and is not there",
        "    next: Run the command that made it again, or get an unaltered copy.",
    ]


def test_a_torn_table_is_a_problem_and_no_crash(folder: Path) -> None:
    for name in ("ledger/documents/part-00001.parquet", "ledger/evidence/part-00000.parquet"):
        path = folder / name
        path.write_bytes(path.read_bytes()[:-100])
    reseal(folder)
    assert "table-unreadable" in codes(folder)


def test_a_tile_is_named_by_its_rows(tmp_path: Path) -> None:
    sealed(tmp_path)
    alter(tmp_path / "ledger" / "documents" / "part-00000.parquet", "score", 257, 1)
    reseal(tmp_path)
    found = [problem for problem in verify(tmp_path).problems if problem.code == "tile"]
    assert [(problem.where, problem.found) for problem in found] == [
        ("ledger/documents, tile 1", "a value in rows 256 to 511 is not the one that was sealed")
    ]


def test_a_root_that_the_tiles_do_not_have_is_found_without_a_table_opened(tmp_path: Path) -> None:
    sealed(tmp_path)
    predicate = dict(read_seal(tmp_path).predicate)
    reseal(tmp_path, {**predicate, "tree": {**predicate["tree"], "root": "00" * 32}})
    assert codes(tmp_path, quick=True) == {"root"}


def test_counts_and_recipe_are_held_against_the_manifest(tmp_path: Path) -> None:
    def changed(change: Any) -> set[str]:
        sealed(tmp_path)
        path = tmp_path / "manifest.json"
        manifest = json.loads(path.read_bytes())
        change(manifest)
        path.write_text(json.dumps(manifest, indent=2, sort_keys=True, ensure_ascii=False) + "\n")
        reseal(tmp_path)
        return codes(tmp_path)

    assert changed(lambda manifest: manifest["recipe"].update(seed=1)) == {"recipe-digest"}
    assert changed(lambda manifest: manifest["counts"].update(kept_words=1)) == {"counts"}
    assert changed(lambda manifest: manifest["counts"].update(kept=401, dropped=199)) == {"counts"}
    assert changed(lambda manifest: manifest["counts"].update(kept=401)) == {"counts"}
    assert changed(lambda manifest: manifest["run"].update(verb="audit")) == {"manifest-differs"}
    assert changed(lambda manifest: manifest.update(tables={})) == {"manifest-differs"}
    assert changed(lambda manifest: None) == set()


def test_texts_are_held_against_the_ledger_although_both_digests_were_made_anew(tmp_path: Path) -> None:
    def changed(column: str, row: int) -> list[str]:
        make(tmp_path)
        alter(tmp_path / "data" / "part-00000.parquet", column, row, 1)
        manifest = json.loads((tmp_path / "manifest.json").read_bytes())
        manifest["tables"] = table_digests(tmp_path)
        (tmp_path / "manifest.json").write_text(json.dumps(manifest))
        seal(tmp_path, facts=facts(tmp_path))
        reseal(tmp_path)
        return [problem.found for problem in verify(tmp_path).problems]

    assert changed("text", 4) == ["the text of letter-6 is not the one whose SHA-256 the ledger has"]
    assert changed("id", 4)[0].startswith("document ")
    assert changed("text", 5) == [], "letter-8 lost a passage: its text is not the one that was read"


def test_a_seal_without_a_signature_is_said_plainly(tmp_path: Path) -> None:
    sealed(tmp_path, rows=40)
    found = verify(tmp_path)
    assert (found.ok, found.signed) == (True, False)
    assert found.lines()[0] == f"{tmp_path}: whole, but not signed: anyone could have made it."
    asked = verify(tmp_path, key=KEY.public)
    assert [(problem.code, problem.found) for problem in asked.problems] == [
        ("not-signed", f"the seal has no signature, and {KEY.keyid} should have signed it")
    ]


def test_another_signer_is_a_problem_and_an_unchecked_one_is_told(folder: Path) -> None:
    other = SigningKey.new()
    found = verify(folder, key=other.public, quick=True)
    assert [(problem.code, problem.found) for problem in found.problems] == [
        ("not-their-signature", f"no signature is by {other.keyid}: the seal names {KEY.keyid}")
    ]
    unchecked = verify(folder)
    assert unchecked.ok
    assert unchecked.lines()[0] == (
        f"{folder}: whole. It says that {KEY.keyid} signed it: give that one's public key with --key to check."
    )
    assert unchecked.to_json()["signed"] is True
    assert unchecked.to_json()["key"] is None


def test_an_unsealed_folder_is_not_finished(folder: Path) -> None:
    (folder / ENVELOPE).unlink()
    problem = verify(folder).problems[0]
    assert (problem.code, problem.next) == ("not-sealed", "Run the same command again.")
    (folder / ENVELOPE).write_bytes(b"torn")
    assert codes(folder) == {"seal-unreadable"}


def test_what_is_no_folder_of_ours_cannot_be_checked(tmp_path: Path) -> None:
    with pytest.raises(
        InputError, match=r"was not made by wellkeeper: it has no manifest\.dsse\.json\. Give what"
    ):
        verify(tmp_path)
    with pytest.raises(InputError, match="Give what `curate` wrote"):
        verify(tmp_path / "nowhere")


def test_seals_of_what_a_folder_held_before_form_a_chain(tmp_path: Path) -> None:
    for rows in (40, 41, 42):
        sealed(tmp_path, rows=rows)
    assert verify(tmp_path).checked["history"] == 2
    first, second = (tmp_path / "ledger" / "history" / f"{number:04d}.dsse.json" for number in (1, 2))
    for path in (first, second):
        before = path.read_bytes()
        path.write_bytes(envelope(flip_bit(read_statement(before, "it").envelope.payload, 40)))
        reseal(tmp_path)
        assert codes(tmp_path) == {"history"}
        path.write_bytes(before)
    reseal(tmp_path)
    assert verify(tmp_path).ok
    first.unlink()
    assert codes(tmp_path) >= {"history", "file-missing"}
