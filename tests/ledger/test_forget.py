"""A document that somebody wants removed goes everywhere, and the proof of all others stays."""

import json
from pathlib import Path

import pyarrow.parquet as pq
import pytest
from sealed import NOON, kept, sealed, text

from wellkeeper.errors import DataError, InputError, WorkError
from wellkeeper.ledger.amendment import undone
from wellkeeper.ledger.forget import forget
from wellkeeper.ledger.leaves import root_over, stored_leaves
from wellkeeper.ledger.manifest import read_manifest
from wellkeeper.ledger.proof import proof_of
from wellkeeper.ledger.scrub import REMOVED, Scrubber
from wellkeeper.ledger.seal import read_seal, seal, unseal
from wellkeeper.ledger.signature import SigningKey
from wellkeeper.ledger.verify import verify
from wellkeeper.ledger.why import why

KEY = SigningKey.new()


def everything(folder: Path) -> bytes:
    """All bytes of a folder, and all values of its tables, which are compressed in the files."""
    parts = [path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()]
    tables = [str(pq.read_table(path).to_pylist()).encode() for path in sorted(folder.rglob("*.parquet"))]
    return b"\n".join([*parts, *tables])


@pytest.fixture(params=[False, True], ids=["tiles", "rows"])
def public(request):
    return request.param


@pytest.mark.parametrize("row", [300, 301], ids=["kept", "dropped"])
def test_a_forgotten_document_is_nowhere_and_the_folder_verifies(tmp_path, public, row):
    folder = tmp_path / "set"
    sealed(folder, key=KEY, public=public)
    assert kept(300)
    assert not kept(301)
    digest = why(folder, f"letter-{row}").documents[0].record["content_hash"]
    done = forget(folder, f"letter-{row}", key=KEY, now=NOON)
    assert done.rows == (row,)
    assert done.texts == 1
    left = everything(folder)
    for gone in (text(row), f"letter-{row}'", digest):
        assert gone.encode() not in left
    assert bytes.fromhex(digest) not in left
    found = verify(folder, key=KEY.public)
    assert found.ok, found.problems
    assert found.checked["history"] == 1
    assert [path.name for path in tmp_path.iterdir()] == ["set"]


def test_the_old_root_follows_from_the_new_leaves_and_the_amendment(tmp_path, public):
    old = sealed(tmp_path / "set", public=public)
    new = forget(tmp_path / "set", "letter-300", now=NOON).seal
    statement = read_seal(tmp_path / "set")
    kind = statement.predicate["tree"]["leaf"]
    leaves = stored_leaves(tmp_path / "set")
    assert root_over(leaves, kind) == new.root != old.root
    assert root_over(undone(leaves, statement.amends), kind) == old.root
    assert [number for number, _, _ in statement.amends["leaves"]] == [300 if public else 300 // 256]


def test_forgetting_twice_leads_back_to_the_first_root(tmp_path, public):
    folder = tmp_path / "set"
    first = sealed(folder, key=KEY, public=public)
    for row in (5, 300):
        forget(folder, f"letter-{row}", key=KEY, now=NOON)
    assert verify(folder, key=KEY.public).ok
    assert [one["rows"] for one in read_manifest(folder)["forgotten"]] == [[5], [300]]
    leaves = undone(stored_leaves(folder), read_seal(folder).amends)
    assert root_over(leaves, read_seal(folder).predicate["tree"]["leaf"]) != first.root
    assert "2 of the documents" in (folder / "README.md").read_text()


@pytest.mark.parametrize("first", [5, 4], ids=["kept", "dropped"])
@pytest.mark.parametrize("second", [300, 301], ids=["kept", "dropped"])
def test_what_is_forgotten_after_another_document_is_that_one_and_no_neighbour(tmp_path, first, second):
    folder = tmp_path / "set"
    sealed(folder)
    for row in (first, second):
        forget(folder, f"letter-{row}", now=NOON)
    parts = sorted(folder.glob("data/*.parquet")) + sorted(folder.glob("rejected/*.parquet"))
    left = [id_ for part in parts for id_ in pq.read_table(part).column("id").to_pylist()]
    assert sorted(left) == sorted(f"letter-{row}" for row in range(600) if row not in (first, second))


def test_another_row_changed_in_the_name_of_an_amendment_is_found(tmp_path):
    folder = tmp_path / "set"
    sealed(folder, public=True)
    leaves = stored_leaves(folder)
    forget(folder, "letter-300", now=NOON)
    statement = read_seal(folder)
    forged = {**statement.amends, "leaves": statement.amends["leaves"][:-1]}
    facts = {
        name: value
        for name, value in statement.predicate.items()
        if name not in ("tree", "previous", "amends")
    }
    (folder / "manifest.dsse.json").unlink()

    class Forged:
        def to_json(self, _before: bytes, _after: bytes) -> dict:
            return forged

    seal(folder, facts=facts, public_proofs=True, amends=(Forged(), leaves))
    assert "amendment" in {problem.code for problem in verify(folder).problems}


def test_proofs_of_other_documents_hold_after_one_is_forgotten(tmp_path, public):
    folder = tmp_path / "set"
    sealed(folder, key=KEY, public=public)
    forget(folder, "letter-300", key=KEY, now=NOON)
    for row in (0, 299, 301, 599):
        assert proof_of(folder, row).fits()
    assert why(folder, "forgotten:300").lines() == [
        "forgotten:300",
        "  forgotten: it was removed on request, and manifest.json says when and why",
        "  place     ledger row 300",
    ]


def test_counts_are_those_of_what_is_left(tmp_path):
    folder = tmp_path / "set"
    sealed(folder)
    before = read_manifest(folder)["counts"]
    forget(folder, "letter-300", now=NOON)
    after = read_manifest(folder)["counts"]
    assert (after["kept"], after["dropped"]) == (before["kept"] - 1, before["dropped"] + 1)
    assert {"step": "forget", "reason": "forgotten", "decision": "drop", "documents": 1} in after[
        "by_step_reason"
    ]


def test_sidecars_go_since_they_hold_the_beginnings_of_texts(tmp_path):
    folder = tmp_path / "set"
    sealed(folder)
    (folder / ".work").mkdir()
    (folder / ".work" / "excerpts").write_text(text(300))
    forget(folder, "letter-300", now=NOON)
    assert not (folder / ".work").exists()


def test_a_changed_folder_is_not_given_a_new_seal(tmp_path):
    folder = tmp_path / "set"
    sealed(folder)
    (folder / "README.md").write_text("# Other letters\n")
    before = everything(folder)
    with pytest.raises(
        WorkError, match=r"is not as it was sealed \(README.md: .*get an unaltered copy first\."
    ):
        forget(folder, "letter-300")
    assert everything(folder) == before


def test_a_signed_folder_is_not_left_unsigned(tmp_path):
    sealed(tmp_path / "set", key=KEY)
    with pytest.raises(WorkError, match=r"is signed, .* Give the private key with --key\."):
        forget(tmp_path / "set", "letter-300")


def test_what_is_forgotten_already_is_not_found_again(tmp_path):
    sealed(tmp_path / "set")
    forget(tmp_path / "set", "letter-300", now=NOON)
    with pytest.raises(InputError, match=r"no document 'letter-300'"):
        forget(tmp_path / "set", "letter-300")
    with pytest.raises(InputError, match=r"is not forgotten already\. Ask `wellkeeper why`\."):
        forget(tmp_path / "set", "forgotten:300")


def test_a_folder_stays_as_it_was_if_forgetting_stops_in_the_middle(tmp_path, monkeypatch):
    folder = tmp_path / "set"
    sealed(folder)
    before = everything(folder)

    def stop(*_given, **_named):
        raise KeyboardInterrupt

    monkeypatch.setattr("wellkeeper.ledger.forget.seal", stop)
    with pytest.raises(KeyboardInterrupt):
        forget(folder, "letter-300")
    monkeypatch.undo()
    assert everything(folder) == before
    assert verify(folder).ok
    assert forget(folder, "letter-300", now=NOON).rows == (300,)
    assert [path.name for path in tmp_path.iterdir()] == ["set"]


def test_a_folder_that_a_killed_run_moved_aside_is_put_back(tmp_path):
    folder = tmp_path / "set"
    sealed(folder)
    folder.rename(tmp_path / ".set.forgotten")
    assert forget(folder, "letter-300", now=NOON).rows == (300,)
    assert [path.name for path in tmp_path.iterdir()] == ["set"]


def test_reports_lose_words_and_names_of_the_document_and_nothing_else(tmp_path):
    words = "The heron of Ms Ada Quill stood in the shallow water & waited for the tide to turn."
    report = {
        "examples": [
            {"id": "quill-0017", "text": words[:40] + "…"},
            {"id": "other", "text": "A kettle sang."},
        ],
        "count": 17,
    }
    (tmp_path / "report.json").write_text(json.dumps(report))
    page = f'<td title="quill-0017">{words.replace("&", "&amp;")}</td><td>17</td><p>A kettle sang.</p>'
    (tmp_path / "report.html").write_text(page)
    assert Scrubber(texts=[words], names=["quill-0017", "17"]).reports(tmp_path) == 4
    found = json.loads((tmp_path / "report.json").read_text())
    assert found["examples"] == [{"id": REMOVED, "text": REMOVED}, {"id": "other", "text": "A kettle sang."}]
    assert (tmp_path / "report.html").read_text() == (
        f'<td title="{REMOVED}">{REMOVED}</td><td>17</td><p>A kettle sang.</p>'
    )


def test_an_amendment_that_does_not_fit_the_leaves_is_refused():
    amendment = {"at": "now", "leaves": [[0, "00" * 32, "11" * 32]]}
    assert undone(bytes.fromhex("11" * 32), amendment) == bytes(32)
    with pytest.raises(DataError, match=r"Leaf 0 is not the one .* get an unaltered copy\."):
        undone(bytes(32), amendment)


def test_a_folder_without_seal_is_refused(tmp_path):
    sealed(tmp_path / "set")
    unseal(tmp_path / "set")
    with pytest.raises(InputError, match="is not sealed"):
        forget(tmp_path / "set", "letter-300")
