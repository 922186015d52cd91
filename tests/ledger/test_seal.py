"""A seal names every file, follows the seal before it, and is not made anew for the same content."""

import json
from hashlib import sha256
from pathlib import Path

import pytest
from sealed import facts, ledger_rows, make, sealed

from wellkeeper.errors import InputError, WorkError
from wellkeeper.ledger.folder import write_part
from wellkeeper.ledger.leaves import LedgerIndex, TileHasher
from wellkeeper.ledger.packing import pack
from wellkeeper.ledger.seal import (
    ENVELOPE,
    PREDICATE_TYPE,
    STATEMENT_TYPE,
    history_of,
    read_seal,
    read_statement,
    seal,
    unseal,
)
from wellkeeper.ledger.signature import SigningKey, envelope
from wellkeeper.ledger.tree import leaf_hash, root
from wellkeeper.ledger.verify import verify

HISTORY = "ledger/history/0001.dsse.json"


def salts(folder: Path) -> bytes:
    return (folder / "ledger" / "salts.bin").read_bytes()


def test_the_statement_is_in_toto_and_names_every_file_but_itself(tmp_path: Path) -> None:
    done = sealed(tmp_path)
    (tmp_path / ".work").mkdir()
    content = json.loads(read_seal(tmp_path).envelope.payload)
    assert (content["_type"], content["predicateType"]) == (STATEMENT_TYPE, PREDICATE_TYPE)
    named = {row["name"]: row["digest"]["sha256"] for row in content["subject"]}
    there = [path for path in tmp_path.rglob("*") if path.is_file() and path.name != ENVELOPE]
    assert named == {
        path.relative_to(tmp_path).as_posix(): sha256(path.read_bytes()).hexdigest() for path in there
    }
    assert {"manifest.json", "report.html", "report.json", "ledger/tiles.bin", "ledger/lookup.bin"} <= set(
        named
    )
    assert content["predicate"]["tree"]["root"] == done.root
    assert content["predicate"]["previous"] is None
    assert (done.keyid, done.previous) == (None, None)


def test_the_same_folder_has_the_same_seal(tmp_path: Path) -> None:
    key = SigningKey.new()
    found = [sealed(tmp_path / name, key=key).sha256 for name in "ab" if (tmp_path / name).mkdir() is None]
    assert found[0] == found[1]


@pytest.mark.parametrize("parts", [1, 3, 7])
def test_the_root_does_not_depend_on_how_rows_are_cut_into_parts(tmp_path: Path, parts: int) -> None:
    assert sealed(tmp_path, parts=parts).root == sealed(tmp_path, parts=2).root


def test_tiles_are_leaves_of_packed_rows() -> None:
    rows = ledger_rows()
    packed = pack(rows.combine_chunks().to_batches()[0])
    tiles = [
        packed.data[packed.offsets[at] : packed.offsets[min(at + 256, 600)]].tobytes() for at in (0, 256, 512)
    ]
    hasher = TileHasher()
    for at in range(0, 600, 7):
        hasher.update(rows.slice(at, 7))
    assert hasher.finish() == b"".join(map(leaf_hash, tiles))


def test_rows_that_are_sealed_one_by_one_have_leaves_and_salts_of_their_own(tmp_path: Path) -> None:
    done = sealed(tmp_path, public=True)
    packed = pack(ledger_rows().combine_chunks().to_batches()[0])
    leaves = b"".join(
        leaf_hash(salts(tmp_path)[16 * row : 16 * row + 16] + packed.row(row)) for row in range(600)
    )
    assert (tmp_path / "ledger" / "leaves.bin").read_bytes() == leaves
    assert done.root == root(leaves).hex()
    assert len({salts(tmp_path)[16 * row : 16 * row + 16] for row in range(600)}) == 600


def test_salts_are_kept_for_the_same_rows_and_drawn_anew_for_others(tmp_path: Path) -> None:
    first = sealed(tmp_path, public=True)
    kept = salts(tmp_path)
    again = sealed(tmp_path, public=True)
    assert (again.root, salts(tmp_path)) == (first.root, kept)
    assert not history_of(tmp_path)
    other = sealed(tmp_path, public=True, rows=601)
    assert salts(tmp_path)[:1600] != kept[:1600]
    assert other.previous == again.sha256
    plain = sealed(tmp_path)
    assert not (tmp_path / "ledger" / "salts.bin").exists()
    assert verify(tmp_path).ok
    assert plain.previous == other.sha256


def test_another_content_follows_the_seal_before_it_and_the_same_takes_its_place(tmp_path: Path) -> None:
    first = sealed(tmp_path)
    same = sealed(tmp_path)
    assert (same.previous, history_of(tmp_path)) == (None, [])
    signed = sealed(tmp_path, key=SigningKey.new())
    assert (signed.previous, signed.root) == (None, first.root)
    other = sealed(tmp_path, rows=40)
    assert other.previous == signed.sha256 == sha256((tmp_path / HISTORY).read_bytes()).hexdigest()
    assert read_seal(tmp_path).previous == {"file": HISTORY, "sha256": signed.sha256, "root": first.root}
    assert HISTORY in read_seal(tmp_path).subjects
    back = sealed(tmp_path)
    assert (back.root, back.previous) == (first.root, other.sha256)
    assert len(history_of(tmp_path)) == 2
    assert verify(tmp_path).ok


def test_a_run_that_is_killed_before_it_seals_leaves_an_unsealed_folder_and_loses_no_link(
    tmp_path: Path,
) -> None:
    first = sealed(tmp_path)
    make(tmp_path, rows=40)  # and no seal
    assert [problem.code for problem in verify(tmp_path).problems] == ["not-sealed"]
    with pytest.raises(InputError, match=r"is not sealed: manifest\.dsse\.json is missing\. Run the command"):
        read_seal(tmp_path)
    make(tmp_path, rows=41)
    done = seal(tmp_path, facts=facts(tmp_path))
    assert done.previous == first.sha256
    assert verify(tmp_path).ok


def test_what_was_made_of_rows_goes_when_a_row_is_written_anew(tmp_path: Path) -> None:
    sealed(tmp_path)
    unseal(tmp_path)
    rows = ledger_rows(700)
    for number, first in enumerate((0, 350)):
        write_part(tmp_path, "documents", number, rows.slice(first, 350))
    assert not (tmp_path / "ledger" / "tiles.bin").exists()
    assert not (tmp_path / "ledger" / "lookup.bin").exists()
    done = seal(tmp_path, facts=facts(tmp_path))
    index = LedgerIndex()
    index.update(rows)
    index.write(tmp_path)
    assert done.root == root((tmp_path / "ledger" / "tiles.bin").read_bytes()).hex()


def test_digests_that_are_known_are_not_made_again(tmp_path: Path) -> None:
    make(tmp_path)
    seal(tmp_path, facts=facts(tmp_path), known={"README.md": {"sha256": "ab" * 32}})
    assert read_seal(tmp_path).subjects["README.md"] == "ab" * 32


def test_a_folder_without_a_ledger_can_be_sealed_too(tmp_path: Path) -> None:
    (tmp_path / "page.html").write_text("<p>heron</p>")
    done = seal(tmp_path, facts={"verb": "audit", "version": "0.1.0", "tables": {}})
    assert done.root is None
    assert verify(tmp_path).ok
    (tmp_path / "page.html").write_text("<p>stork</p>")
    assert [problem.code for problem in verify(tmp_path).problems] == ["file-changed"]


def test_a_damaged_history_is_not_gone_on_with(tmp_path: Path) -> None:
    sealed(tmp_path)
    make(tmp_path, rows=40)
    (tmp_path / HISTORY).write_bytes(b"torn")
    with pytest.raises(
        WorkError, match=r"The history of .* is damaged: .* To begin a new one, remove .*history and run"
    ):
        seal(tmp_path, facts=facts(tmp_path))


def test_other_statements_are_refused(tmp_path: Path) -> None:
    for payload in (b"{}", b"[]", b"\xff", b'{"subject": 3, "predicate": {}}'):
        with pytest.raises(InputError, match="it holds no statement of the kind urn:wellkeeper:ledger:1"):
            read_statement(envelope(payload), "it")
