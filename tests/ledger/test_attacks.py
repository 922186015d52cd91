"""What a forger, a crash or a careless copy can do to a sealed folder, tried for real."""

import json
import os
import shutil
from base64 import b64encode
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from sealed import (
    NOON,
    alter,
    data_rows,
    facts,
    ledger_rows,
    make,
    reseal,
    sealed,
    table_digests,
    text,
)

from wellkeeper.engine.store import sha256_of_file
from wellkeeper.errors import InputError, WorkError
from wellkeeper.ledger.amendment import Amendment
from wellkeeper.ledger.folder import write_part
from wellkeeper.ledger.forget import forget
from wellkeeper.ledger.leaves import SALT_BYTES, stored_leaves
from wellkeeper.ledger.manifest import digest_of, files_of
from wellkeeper.ledger.proof import proof_of, read_proof
from wellkeeper.ledger.seal import ENVELOPE, read_seal, read_statement, seal, unseal
from wellkeeper.ledger.signature import SigningKey, envelope, open_envelope
from wellkeeper.ledger.tree import inclusion_proof, leaf_hash, node_hash
from wellkeeper.ledger.verify import verify
from wellkeeper.ledger.verify_rows import verify_proof

KEY = SigningKey.new()


def codes(folder: Path, **how: Any) -> set[str]:
    return {problem.code for problem in verify(folder, **how).problems}


def forge(folder: Path, *, public: bool = False, **how: Any) -> None:
    """Make everything anew that whoever has no key can make anew, after a change to the tables."""
    path = folder / "manifest.json"
    manifest = json.loads(path.read_bytes())
    manifest["tables"] = table_digests(folder)
    manifest["digest"] = digest_of(manifest)
    path.write_text(json.dumps(manifest, indent=2, sort_keys=True, ensure_ascii=False) + "\n")
    (folder / ENVELOPE).unlink(missing_ok=True)
    seal(folder, facts=facts(folder), public_proofs=public, **how)
    reseal(folder)


# links and files beside the tables


def test_a_linked_folder_is_part_of_what_readers_see_and_so_of_the_seal(tmp_path: Path) -> None:
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    pq.write_table(data_rows([900]), elsewhere / "part-00000.parquet")
    folder = tmp_path / "set"
    sealed(folder, rows=40)
    (folder / "data" / "more").symlink_to(elsewhere)
    assert codes(folder, quick=True) == {"file-not-sealed"}
    (folder / "data" / "more").unlink()
    (folder / "data" / "round").symlink_to(folder)
    assert codes(folder, quick=True) == {"file-not-sealed"}


def test_a_folder_behind_a_link_is_sealed_with_what_it_holds(tmp_path: Path) -> None:
    folder = tmp_path / "set"
    make(folder, rows=40)
    (folder / "data").rename(tmp_path / "large disk")
    (folder / "data").symlink_to(tmp_path / "large disk")
    seal(folder, facts=facts(folder))
    assert {"data/part-00000.parquet", "data/part-00001.parquet"} <= files_of(folder).keys()
    assert verify(folder).ok
    (tmp_path / "large disk" / "part-00000.parquet").write_bytes(b"another")
    assert "file-changed" in codes(folder)


@pytest.mark.parametrize(
    "name", ["data/more.jsonl", "data/deep/part-00000.parquet", "ledger/evidence/x.parquet"]
)
def test_a_file_among_the_parts_of_a_table_hides_nothing_although_the_seal_names_it(
    tmp_path: Path, name: str
) -> None:
    sealed(tmp_path, rows=40)
    (tmp_path / name).parent.mkdir(exist_ok=True)
    (tmp_path / name).write_bytes(b"{}")
    alter(tmp_path / "data" / "part-00000.parquet", "text", 2, 1)
    (tmp_path / ENVELOPE).unlink()
    seal(tmp_path, facts=facts(tmp_path))
    reseal(tmp_path)
    found = [(problem.code, problem.where) for problem in verify(tmp_path).problems]
    assert ("table-differs", name) in found
    assert ("table-differs", "data") in found
    assert ("text", "data") in found


def test_texts_without_a_digest_are_found(tmp_path: Path) -> None:
    sealed(tmp_path, rows=40)
    path = tmp_path / "manifest.json"
    manifest = json.loads(path.read_bytes())
    del manifest["tables"]["data"]
    manifest["digest"] = digest_of(manifest)
    path.write_text(json.dumps(manifest, indent=2, sort_keys=True, ensure_ascii=False) + "\n")
    (tmp_path / ENVELOPE).unlink()
    seal(tmp_path, facts=facts(tmp_path))
    assert [(problem.code, problem.where) for problem in verify(tmp_path).problems] == [
        ("table-differs", "data")
    ]


def test_a_file_that_cannot_be_read_is_a_problem_and_no_crash(tmp_path: Path) -> None:
    sealed(tmp_path, rows=40)
    predicate = read_seal(tmp_path)
    (tmp_path / "README.md").unlink()
    (tmp_path / "README.md").symlink_to(tmp_path)
    found = [problem for problem in verify(tmp_path, quick=True).problems if problem.where == "README.md"]
    assert [problem.code for problem in found] == ["file-unreadable"]
    assert "README.md" in predicate.subjects


# rows, tiles, trees


def test_rows_that_change_places_are_found(tmp_path: Path) -> None:
    sealed(tmp_path, parts=1)
    path = tmp_path / "ledger" / "documents" / "part-00000.parquet"
    table = pq.read_table(path)
    order = [*range(600)]
    order[3], order[300] = 300, 3
    pq.write_table(table.take(order), path)
    forge(tmp_path)
    assert {"row-numbers", "text"} <= codes(tmp_path)


def test_tiles_that_are_cut_off_are_found(tmp_path: Path) -> None:
    sealed(tmp_path)
    path = tmp_path / "ledger" / "tiles.bin"
    for size in (0, 32, 65, 128):
        path.write_bytes((path.read_bytes() * 2)[:size])
        reseal(tmp_path)
        assert "tile" in codes(tmp_path, quick=True)


@pytest.mark.parametrize("about", [600, 10**6, 3])
def test_evidence_about_no_document_or_out_of_order_is_found(tmp_path: Path, about: int) -> None:
    make(tmp_path)
    path = tmp_path / "ledger" / "evidence" / "part-00000.parquet"
    table = pq.read_table(path)
    rows = [*range(8), about]
    place = table.schema.get_field_index("row")
    moved = table.set_column(place, table.schema.field(place), pa.array(rows, pa.uint64()))
    pq.write_table(moved, path)
    forge(tmp_path)
    found = [problem for problem in verify(tmp_path).problems if problem.code == "stray-row"]
    assert [problem.where for problem in found] == ["ledger/evidence"]
    assert found[0].found.startswith("the row that it has 8 others before is about no document")


def test_evidence_that_names_another_document_than_its_row_is_found(tmp_path: Path) -> None:
    make(tmp_path)
    alter(tmp_path / "ledger" / "evidence" / "part-00000.parquet", "id", 4, 64)
    forge(tmp_path)
    assert "stray-row" in codes(tmp_path)


def test_a_node_of_the_tree_cannot_be_passed_off_as_a_leaf(tmp_path: Path) -> None:
    """The second preimage that trees without a mark for leaves have: a node's two hashes as a leaf's data."""
    sealed(tmp_path, public=True)
    leaves = stored_leaves(tmp_path)
    honest = proof_of(tmp_path, 0)
    node = leaves[:32] + leaves[32:64]
    assert leaf_hash(node) != node_hash(leaves[:32], leaves[32:64])
    for salt, rows in ((b"", node), (node[:SALT_BYTES], node[SALT_BYTES:]), (b"\1" + node[:15], node[15:])):
        content = {**honest.to_json(), "rows": b64encode(rows).decode(), "salt": b64encode(salt).decode()}
        content["path"] = content["path"][1:]
        (tmp_path / "forged.json").write_text(json.dumps(content))
        assert not read_proof(tmp_path / "forged.json").fits()
    assert inclusion_proof(leaves, 0)[1:] == list(honest.path[1:])


@pytest.mark.parametrize("rows", [1, 257, 599, 601, 1024, 10**12])
def test_a_proof_fits_no_tree_of_another_size(tmp_path: Path, rows: int) -> None:
    sealed(tmp_path, public=True)
    proof_of(tmp_path, 599).write(tmp_path / "proof.json")
    content = json.loads((tmp_path / "proof.json").read_bytes())
    predicate = read_seal(tmp_path).predicate
    reseal(tmp_path, {**predicate, "tree": {**predicate["tree"], "rows": rows}})
    content["envelope"] = json.loads((tmp_path / ENVELOPE).read_bytes())
    (tmp_path / "proof.json").write_text(json.dumps(content))
    fits = read_proof(tmp_path / "proof.json").fits()
    assert not fits or rows == 600


# spelling


def test_a_name_that_comes_twice_is_refused(tmp_path: Path) -> None:
    sealed(tmp_path, rows=40, key=KEY)
    data = (tmp_path / ENVELOPE).read_bytes()
    with pytest.raises(InputError, match="it has a name twice"):
        open_envelope(data.replace(b"{", b'{"payload": "e30=",', 1))
    payload = read_seal(tmp_path).envelope.payload
    with pytest.raises(InputError, match="holds no statement of the kind"):
        read_statement(envelope(payload.replace(b"{", b'{"predicateType":"x",', 1)), "it")
    proof_of(tmp_path, 3).write(tmp_path / "proof.json")
    said = (tmp_path / "proof.json").read_text()
    (tmp_path / "proof.json").write_text(said.replace("{", '{"row": 4,', 1))
    with pytest.raises(InputError, match=r"proof\.json is not JSON: it has a name twice"):
        read_proof(tmp_path / "proof.json")


@pytest.mark.parametrize("row", [3.0, "3", True, None])
def test_the_row_of_a_proof_is_a_whole_number(tmp_path: Path, row: Any) -> None:
    sealed(tmp_path, rows=40)
    content = proof_of(tmp_path, 3).to_json()
    (tmp_path / "proof.json").write_text(json.dumps({**content, "row": row}))
    with pytest.raises(InputError, match="is no whole proof: its row is"):
        read_proof(tmp_path / "proof.json")


def rewritten(folder: Path, change: Callable[[dict[str, Any]], None]) -> bytes:
    content = json.loads(read_seal(folder).envelope.payload)
    change(content)
    return envelope(json.dumps(content, sort_keys=True, separators=(",", ":"), ensure_ascii=True).encode())


CHANGES: dict[str, Callable[[dict[str, Any]], None]] = {
    "a surrogate": lambda content: content["predicate"].update(version="\ud800"),
    "no number": lambda content: content["predicate"].update(version=float("nan")),
    "names of two types": lambda content: content["subject"].append({"name": 1, "digest": {"sha256": "00"}}),
    "no digest": lambda content: content["subject"][0]["digest"].update(sha256=None),
    "a second digest": lambda content: content["subject"][0]["digest"].update(md5="00"),
    "a name twice": lambda content: content["subject"].append(content["subject"][0]),
    "rows as truth": lambda content: content["predicate"]["tree"].update(rows=True),
    "columns of no type": lambda content: content["predicate"]["tree"].update(
        columns=[["row", "binary[-8]"]]
    ),
    "columns that tell nothing": lambda content: content["predicate"]["tree"].update(
        columns=[["row", "uint64"]]
    ),
    "tables of lists": lambda content: content["predicate"].update(tables={"data": []}),
    "an amendment of text": lambda content: content["predicate"].update(amends="yes"),
}


@pytest.mark.parametrize("name", CHANGES)
def test_statements_that_are_not_in_our_form_are_refused_and_crash_nothing(tmp_path: Path, name: str) -> None:
    sealed(tmp_path, rows=40)
    (tmp_path / ENVELOPE).write_bytes(rewritten(tmp_path, CHANGES[name]))
    assert codes(tmp_path) == {"seal-unreadable"}


def test_statements_without_end_are_refused() -> None:
    for data in (b"[" * 200_000, envelope(b'{"predicate":' + b"[" * 200_000)):
        with pytest.raises(InputError):
            read_statement(data, "it")


@pytest.mark.parametrize("name", ["../outside", "/etc/hostname", "", "./README.md"])
def test_names_that_lead_elsewhere_are_files_that_are_missing(tmp_path: Path, name: str) -> None:
    sealed(tmp_path / "set", rows=40)
    (tmp_path / "outside").write_text("x")

    def change(content: dict[str, Any]) -> None:
        content["subject"].append({"name": name, "digest": {"sha256": sha256_of_file(tmp_path / "outside")}})
        content["subject"].sort(key=lambda row: row["name"])

    (tmp_path / "set" / ENVELOPE).write_bytes(rewritten(tmp_path / "set", change))
    assert [(problem.code, problem.where) for problem in verify(tmp_path / "set").problems] == [
        ("file-missing", name)
    ]


# older seals and other folders


def test_an_older_seal_in_the_place_of_a_newer_one_is_found(tmp_path: Path) -> None:
    sealed(tmp_path, rows=40, key=KEY)
    sealed(tmp_path, rows=41, key=KEY)
    history = tmp_path / "ledger" / "history" / "0001.dsse.json"
    shutil.copy(history, tmp_path / ENVELOPE)
    assert {"file-changed", "file-not-sealed", "history"} <= codes(tmp_path, key=KEY.public)
    history.unlink()
    assert "file-changed" in codes(tmp_path, key=KEY.public)


def test_the_rows_of_one_folder_do_not_fit_the_seal_of_another(tmp_path: Path) -> None:
    for name, rows in (("a", 600), ("b", 601)):
        sealed(tmp_path / name, rows=rows, key=KEY, public=True)
    mixed = proof_of(tmp_path / "a", 7).to_json() | {
        "envelope": json.loads((tmp_path / "b" / ENVELOPE).read_bytes())
    }
    (tmp_path / "mixed.json").write_text(json.dumps(mixed))
    found = verify_proof(tmp_path / "mixed.json", key=KEY.public)
    assert [problem.code for problem in found.problems] == ["proof"]


# amendments


def amended(
    folder: Path, change: Callable[[], None], *, public: bool, rows: tuple[int, ...] = (5,)
) -> list[str]:
    """Forget a document, change something else in its shadow, and make the seal anew; what is found."""
    sealed(folder, public=public)
    leaves = stored_leaves(folder)
    forget(folder, "letter-5", now=NOON)
    change()
    told = Amendment(at=NOON.isoformat(timespec="seconds"), reason="asked for", rows=rows)
    forge(folder, public=public, amends=(told, leaves))
    return [problem.found for problem in verify(folder).problems if problem.code == "amendment"]


@pytest.fixture(params=[False, True], ids=["tiles", "rows"])
def public(request: pytest.FixtureRequest) -> bool:
    return bool(request.param)


def test_an_amendment_with_nothing_hidden_passes(tmp_path: Path, public: bool) -> None:
    assert amended(tmp_path / "set", lambda: None, public=public) == []


def test_an_amendment_that_changes_another_leaf_is_found(tmp_path: Path, public: bool) -> None:
    path = tmp_path / "set" / "ledger" / "documents" / "part-00001.parquet"

    def change() -> None:
        alter(path, "score", 290, 1)
        (tmp_path / "set" / "ledger" / "tiles.bin").unlink()

    found = amended(tmp_path / "set", change, public=public)
    leaf = 590 if public else 2
    assert found == [
        f"it changed leaves [{leaf}], which have no row that was forgotten or names one that was"
    ]


def test_an_amendment_that_says_other_rows_than_are_gone_is_found(tmp_path: Path, public: bool) -> None:
    found = amended(tmp_path / "set", lambda: None, public=public, rows=(5, 6))
    assert "rows [6] are said to be forgotten and are not, or are and it is not said" in found
    assert "it tells of other documents than manifest.json" in found


def test_an_amendment_that_takes_rows_off_the_end_is_found(tmp_path: Path, public: bool) -> None:
    folder = tmp_path / "set"
    sealed(folder, public=public, rows=513)
    forget(folder, "letter-5", now=NOON)
    leaves = stored_leaves(folder)
    predicate = read_seal(folder).predicate
    last = len(leaves) // 32 - 1
    parts = sorted((folder / "ledger" / "documents").glob("*.parquet"))
    table = pq.read_table(parts[-1])
    pq.write_table(table.slice(0, table.num_rows - 1), parts[-1])
    (folder / "ledger" / "tiles.bin").unlink()
    forged = [*predicate["amends"]["leaves"], [last, leaves[32 * last :].hex(), ""]]

    class Forged:
        def to_json(self, _before: bytes, _after: bytes) -> dict[str, Any]:
            return {**predicate["amends"], "leaves": forged}

    forge(folder, public=public, amends=(Forged(), leaves))
    assert "amendment" in codes(folder, quick=True)


def test_a_tombstone_without_an_amendment_is_found(tmp_path: Path) -> None:
    folder = tmp_path / "set"
    sealed(folder)
    forget(folder, "letter-5", now=NOON)
    predicate = {name: value for name, value in read_seal(folder).predicate.items() if name != "amends"}
    reseal(folder, predicate)
    assert "amendment" in codes(folder)


def test_the_salt_of_a_forgotten_row_is_thrown_away_and_no_other(tmp_path: Path) -> None:
    folder = tmp_path / "set"
    sealed(folder, public=True)
    before = (folder / "ledger" / "salts.bin").read_bytes()
    forget(folder, "letter-5", now=NOON)
    after = (folder / "ledger" / "salts.bin").read_bytes()
    changed = [
        row for row in range(600) if before[16 * row : 16 * row + 16] != after[16 * row : 16 * row + 16]
    ]
    assert changed == [5]


def test_texts_behind_a_link_are_not_said_to_be_gone(tmp_path: Path) -> None:
    folder = tmp_path / "set"
    make(folder)
    (folder / "data").rename(tmp_path / "large disk")
    (folder / "data").symlink_to(tmp_path / "large disk")
    seal(folder, facts=facts(folder))
    with pytest.raises(
        WorkError, match=r"data is a link, .* would keep its texts\. Put what it leads to in its"
    ):
        forget(folder, "letter-5")


def test_a_folder_that_is_reached_by_a_link_is_forgotten_from_where_it_lies(tmp_path: Path) -> None:
    sealed(tmp_path / "set")
    (tmp_path / "link").symlink_to(tmp_path / "set")
    forget(tmp_path / "link", "letter-5", now=NOON)
    assert verify(tmp_path / "set").ok
    assert sorted(path.name for path in tmp_path.iterdir()) == ["link", "set"]


def test_hidden_folders_of_others_stay_and_are_named(tmp_path: Path) -> None:
    folder = tmp_path / "set"
    sealed(folder)
    for name in (".git", ".work"):
        (folder / name).mkdir()
        (folder / name / "objects").write_text("x")
    assert forget(folder, "letter-5", now=NOON).hidden == (".git",)
    assert (folder / ".git" / "objects").read_text() == "x"


# kills


class Killed(BaseException):
    """Nothing that a process does takes effect once it is killed."""


@contextmanager
def killed_before(step: int, monkeypatch: pytest.MonkeyPatch) -> Iterator[list[int]]:
    """Let all changes of the file system happen before number `step`, and none from there on; counts them."""
    count = [0]

    def stopping(original: Callable[..., Any]) -> Callable[..., Any]:
        def run(*given: Any, **named: Any) -> Any:
            count[0] += 1
            if count[0] > step:
                raise Killed
            return original(*given, **named)

        return run

    with monkeypatch.context() as patch:
        for holder, name in (
            (Path, "rename"), (Path, "replace"), (Path, "unlink"), (Path, "mkdir"), (os, "link"), (shutil, "rmtree"),
        ):  # fmt: skip
            patch.setattr(holder, name, stopping(getattr(holder, name)))
        try:
            yield count
        except Killed:
            count.append(-1)


def contents(place: Path) -> bytes:
    tables = [str(pq.read_table(path).to_pylist()).encode() for path in sorted(place.rglob("*.parquet"))]
    return b"".join([*tables, *(path.read_bytes() for path in place.rglob("*") if path.is_file())])


@pytest.mark.slow
def test_a_run_of_forget_that_is_killed_anywhere_is_mended_by_the_next(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = tmp_path / "whole"
    sealed(whole, rows=40, parts=1)
    step, done = 0, False
    while not done:
        place = tmp_path / f"killed-{step}"
        folder = Path(shutil.copytree(whole, place / "set"))
        with killed_before(step, monkeypatch) as count:
            forget(folder, "letter-5", now=NOON)
        done = count[-1] != -1
        if folder.exists():
            assert verify(folder).ok, f"step {step}"
        with suppress(InputError):  # it is gone already
            forget(folder, "letter-5", now=NOON)
        assert verify(folder).ok, f"step {step}"
        assert [path.name for path in place.iterdir()] == ["set"], f"step {step}"
        assert text(5).encode() not in contents(place), f"step {step}"
        shutil.rmtree(place)
        step += 1
    assert step > 30, "links, files that are replaced, and renames"


def test_a_run_that_is_killed_anywhere_in_sealing_keeps_the_chain(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = tmp_path / "whole"
    first = sealed(whole, rows=40, public=True)
    step, done = 0, False
    while not done:
        folder = Path(shutil.copytree(whole, tmp_path / f"killed-{step}"))
        make(folder, rows=41)
        with killed_before(step, monkeypatch) as count:
            seal(folder, facts=facts(folder), public_proofs=True)
        done = count[-1] != -1
        assert done or codes(folder) == {"not-sealed"}, f"step {step}"
        again = seal(folder, facts=facts(folder), public_proofs=True)
        assert again.previous == first.sha256, f"step {step}"
        assert verify(folder).ok, f"step {step}"
        step += 1
    assert step > 3


def test_a_change_after_a_seal_was_moved_away_is_no_sealed_folder(tmp_path: Path) -> None:
    sealed(tmp_path, rows=40)
    unseal(tmp_path)
    write_part(tmp_path, "documents", 0, ledger_rows(40).slice(0, 20))
    assert codes(tmp_path) == {"not-sealed"}
