"""Marks from the reader to the ledger: read before anything counts words, kept, weighed and told by month."""

import json
from hashlib import sha256
from io import BytesIO
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from pyarrow import feather

import wellkeeper
from credential_files import chain, picture, signed_page, signed_picture, signed_text
from wellkeeper.errors import InputError
from wellkeeper.ledger.why import why
from wellkeeper.recipe.marks import marks

pytest.importorskip("c2patxt")
pytestmark = pytest.mark.filterwarnings(
    # warcio's writer leaves its temporary files to the garbage collector.
    "ignore:.*SpooledTemporaryFile:pytest.PytestUnraisableExceptionWarning"
)

TEXTS = [f"Document {k} tells of a harbour. " + "The tide keeps no diary. " * (20 + k) for k in range(8)]


def signed() -> list[str]:
    """The first three texts signed; the third changed after that."""
    writer = chain("Writer", edwards=True)
    made = [signed_text(text, writer).decode() if k < 3 else text for k, text in enumerate(TEXTS)]
    made[2] = "Changed. " + made[2]
    return made


@pytest.fixture
def corpus(tmp_path: Path) -> Path:
    path = tmp_path / "in.jsonl"
    rows = [{"id": f"d{k}", "text": text, "date": f"2025-0{1 + k % 2}-03"} for k, text in enumerate(signed())]
    rows[5]["signals"] = '[["ai-disclosure","html-meta","ai-disclosure","ai-assisted"]]'
    rows[6]["signals"] = '[["robots-meta","http-header","x-robots-tag","noai"]]'
    rows[7]["signals"] = "not ours"
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


@pytest.fixture
def trusted(tmp_path: Path) -> Path:
    path = tmp_path / "trusted.pem"
    path.write_bytes(chain("Writer", edwards=True).anchors)
    return path


def curated(corpus: Path, name: str = "out", more: str = "", **options: Any) -> Path:
    recipe = corpus.with_name("recipe.yaml")
    recipe.write_text(
        "wellkeeper: 1\nsources: {s: {path: in.jsonl, text: text, id: id, date: date, signals: signals}}\nsteps: []\n"
        + more
    )
    wellkeeper.curate(recipe, out=corpus.with_name(name), **options)
    return corpus.with_name(name)


def test_a_curated_set_has_the_texts_without_and_beside_them_the_stores(corpus: Path) -> None:
    out = curated(corpus)
    table = pq.read_table(out / "data").to_pylist()
    assert [row["text"] for row in table] == [
        ("Changed. " if k == 2 else "") + text for k, text in enumerate(TEXTS)
    ]
    assert [row["c2pa_manifest"] is not None for row in table] == [k < 3 for k in range(8)]
    assert all(row["c2pa_manifest"][4:8] == b"jumb" for row in table[:3])
    assert [row["origin"] for row in table[:6]] == [
        *("ai-generated", "ai-generated", "unknown", "unknown", "unknown", "ai-assisted"),
    ]


def test_a_recipe_names_whom_to_trust_and_the_manifest_has_their_digest(corpus: Path, trusted: Path) -> None:
    out = curated(corpus, more="trust: trusted.pem\n")
    ledger = {row["id"]: row for row in pq.read_table(out / "ledger" / "documents").to_pylist()}
    assert (ledger["d0"]["strength"], ledger["d0"]["origin"]) == ("attested", "ai-generated")
    manifest = json.loads((out / "manifest.json").read_text())
    assert manifest["trust"] == {"sha256": sha256(trusted.read_bytes()).hexdigest()}
    trusted.write_text("junk")
    with pytest.raises(InputError, match="holds no certificate in PEM"):
        curated(corpus, "again", more="trust: trusted.pem\n")
    assert not corpus.with_name("again").exists()


def test_the_content_hash_is_of_the_text_as_it_was_signed(corpus: Path) -> None:
    rows = pq.read_table(curated(corpus) / "ledger" / "documents").to_pylist()
    by_id = {row["id"]: row for row in rows}
    for k, text in enumerate(signed()[3:], 3):
        assert by_id[f"d{k}"]["content_hash"] == sha256(text.encode()).digest()
    written = json.loads(corpus.read_text().splitlines()[0])["text"]
    assert by_id["d0"]["content_hash"] == sha256(written.encode()).digest()


def test_a_set_without_credentials_has_no_column_for_them(corpus: Path) -> None:
    corpus.write_text(
        "".join(json.dumps({"id": str(k), "text": text}) + "\n" for k, text in enumerate(TEXTS))
    )
    (corpus.with_name("recipe.yaml")).write_text(
        "wellkeeper: 1\nsources: {s: {path: in.jsonl, text: text, id: id}}\nsteps: []\n"
    )
    wellkeeper.curate(corpus.with_name("recipe.yaml"), out=corpus.with_name("plain"))
    assert (
        "c2pa_manifest"
        not in pq.read_schema(next((corpus.with_name("plain") / "data").glob("*.parquet"))).names
    )


def test_a_signed_text_is_an_exact_duplicate_of_nothing_and_a_near_one_of_itself_unsigned(
    corpus: Path,
) -> None:
    with corpus.open("a") as file:
        file.write(json.dumps({"id": "copy", "text": TEXTS[0], "date": "2025-01-03"}) + "\n")
    audit = wellkeeper.audit(str(corpus), out=corpus.with_name("audit")).document
    assert audit["duplicates"]["exact"]["redundant"] == 0
    assert audit["duplicates"]["near"]["redundant"] >= 1


def test_selectors_of_a_credential_are_no_words_and_no_run_of_invisible_characters(corpus: Path) -> None:
    audit = wellkeeper.audit(str(corpus), out=corpus.with_name("audit")).document
    assert audit["inputs"]["words"] == sum(len(text.split()) for text in TEXTS) + 1
    kinds = {row["kind"]: row["documents"] for row in audit["origin"]["evidence"] if row["documents"]}
    assert kinds["credential-ai"] == 2
    assert kinds["credential-broken"] == kinds["machine-disclosure"] == 1
    assert "invisible-run" not in kinds
    assert {finding["code"] for finding in audit["findings"]} >= {"WK309"}
    assert 'id="marks"' in (corpus.with_name("audit") / "report.html").read_text()


def test_the_answer_does_not_depend_on_workers_or_blocks(corpus: Path, trusted: Path) -> None:
    told = [
        wellkeeper.audit(
            str(corpus), out=corpus.with_name(f"a{workers}"), trust=trusted, workers=workers, block_bytes=size
        ).document["marks"]
        for workers, size in ((1, 1 << 20), (3, 2_000))
    ]
    assert told[0] == told[1]


def test_marks_are_told_by_verdict_statement_and_month(corpus: Path, trusted: Path) -> None:
    told = marks([str(corpus)], trust=trusted)["texts"]
    assert told["documents"] == 8
    found = told["marks"]
    assert found["documents"] == 6  # one of them has a column that says nothing of ours
    assert found["credentials"]["by_verdict"] == [
        {"validity": "valid", "trust": "trusted", "origin": "ai-generated", "documents": 2},
        {"validity": "invalid", "trust": "trusted", "origin": "unknown", "documents": 1},
    ]
    assert found["credentials"]["by_problem"] == [{"problem": "assertion.dataHash.mismatch", "documents": 1}]
    assert found["signals"] == [
        {"kind": "ai-disclosure", "where": "html-meta", "documents": 1},
        {"kind": "robots-meta", "where": "http-header", "documents": 1},
    ]
    assert found["by_month"] == [
        {"month": "2025-01", "documents": 4, "credential": 2, "disclosure": 0, "rights": 1},
        {"month": "2025-02", "documents": 4, "credential": 1, "disclosure": 1, "rights": 0},
    ]
    assert {row["id"] for row in found["examples"]} == {"d0", "d1", "d2", "d5", "d6"}


def test_without_the_extra_texts_are_still_bare_and_the_audit_asks_for_it(
    corpus: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from wellkeeper.recipe import marked

    monkeypatch.setattr(marked, "text_reader_installed", lambda: False)
    audit = wellkeeper.audit(str(corpus), out=corpus.with_name("audit")).document
    assert audit["inputs"]["words"] == sum(len(text.split()) for text in TEXTS) + 1
    assert audit["marks"]["unread_credentials"] == 3
    (finding,) = (found for found in audit["findings"] if found["code"] == "WK308")
    assert finding["title"] == "3 documents carry credentials that nothing installed can read"
    assert finding["next"].endswith("pip install 'wellkeeper[c2pa]'")
    monkeypatch.undo()
    again = wellkeeper.audit(str(corpus), out=corpus.with_name("audit")).document
    assert again["marks"]["unread_credentials"] == 0, "the same command reads them once they can be read"


def test_an_earlier_set_with_signed_texts_is_compared_with(corpus: Path) -> None:
    earlier = curated(corpus, "earlier")
    copy = corpus.with_name("copy.jsonl")
    copy.write_text(json.dumps({"id": "copy", "text": TEXTS[0] + "And more."}) + "\n")
    recipe = corpus.with_name("second.yaml")
    recipe.write_text(
        "wellkeeper: 1\nsources: {s: {path: copy.jsonl, text: text, id: id}}\n"
        f"against: {earlier}\nsteps:\n  - near-duplicates.v1: {{}}\n"
    )
    wellkeeper.curate(recipe, out=corpus.with_name("second"))
    (row,) = pq.read_table(corpus.with_name("second") / "ledger" / "documents").to_pylist()
    assert row["decision"] == "drop"


# --- pages and media ---------------------------------------------------------------------------------------


def archive(path: Path, pages: dict[str, tuple[bytes, list[tuple[str, str]]]]) -> None:
    from warcio.statusandheaders import StatusAndHeaders
    from warcio.warcwriter import WARCWriter

    with path.open("wb") as file:
        writer = WARCWriter(file, gzip=False)
        for url, (body, headers) in pages.items():
            http = StatusAndHeaders("200 OK", [("Content-Type", "text/html"), *headers], protocol="HTTP/1.1")
            record = writer.create_warc_record(
                url,
                "response",
                payload=BytesIO(body),
                http_headers=http,
                warc_headers_dict={"WARC-Date": "2025-01-02T03:04:05Z"},
            )
            writer.write_record(record)


def page(text: str, head: str = "") -> tuple[str, str]:
    return (
        f"<html><head><title>T</title>{head}",
        f"</head><body><article><p>{text}</p></article></body></html>",
    )


def test_pages_of_an_archive_bring_their_credential_and_their_statements(tmp_path: Path) -> None:
    before, after = page(TEXTS[0])
    disclosed = "".join(page(TEXTS[1], '<meta name="ai-disclosure" content="ai-generated">')).encode()
    dated = "".join(page(TEXTS[2], '<meta property="article:published_time" content="2015-04-05">')).encode()
    path = tmp_path / "x.warc"
    archive(
        path,
        {
            "https://a.org/1": (signed_page(before, after, chain("Writer", edwards=True)), []),
            "https://a.org/2": (disclosed, [("X-Robots-Tag", "noai")]),
            "https://a.org/3": (dated, []),
        },
    )
    audit = wellkeeper.audit(str(path), out=tmp_path / "audit").document
    kinds = {row["kind"]: row["documents"] for row in audit["origin"]["evidence"] if row["documents"]}
    assert kinds["credential-ai"] == kinds["machine-disclosure"] == kinds["dated-before-2022-11-30"] == 1
    assert audit["origin"]["resolved"]["ai-generated"] == 2
    found = audit["marks"]
    assert found["credentials"]["by_verdict"][0]["validity"] == "valid"
    assert found["by_month"] == [
        {"month": "2025-01", "documents": 3, "credential": 1, "disclosure": 1, "rights": 1}
    ]


def test_media_are_read_one_by_one_beside_a_corpus(corpus: Path, trusted: Path) -> None:
    folder = corpus.parent / "media"
    folder.mkdir()
    good = signed_picture(picture(), "image/png", chain("Painter"))
    (folder / "good.png").write_bytes(good)
    (folder / "bad.png").write_bytes(good[:-30] + b"\1" + good[-29:])
    (folder / "plain.jpg").write_bytes(picture("JPEG"))
    told = marks([str(corpus), str(folder)], trust=trusted)
    assert told["texts"]["documents"] == 8
    media = told["media"]
    assert (media["files"], media["credentials"]["documents"]) == (3, 2)
    assert {Path(row["file"]).name: (row["validity"], row["trust"]) for row in media["found"]} == {
        "good.png": ("valid", "untrusted"),
        "bad.png": ("invalid", "untrusted"),
    }
    assert marks([str(folder)])["texts"] is None


def test_a_folder_without_anything_to_read_is_a_message(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="is a folder without files"):
        marks([str(tmp_path)])


def test_why_tells_the_signer_and_the_generator_of_a_credential_and_how_a_disclosure_reads(
    corpus: Path, trusted: Path
) -> None:
    out = curated(corpus, more=f"trust: {trusted}\n")
    seen = {
        id_: {seen.kind: seen.matched for seen in why(out, id_).documents[0].evidence}
        for id_ in ("d0", "d2", "d5")
    }
    signer = "signed by Writer"
    assert (seen["d0"]["credential-trusted-ai"] or "").startswith(signer)
    failed = f"{seen['d0']['credential-trusted-ai']}; failed: assertion.dataHash.mismatch"
    assert seen["d2"]["credential-broken"] == failed
    assert seen["d5"]["machine-disclosure"] == "html-meta ai-disclosure: ai-assisted"


@pytest.mark.parametrize("name", ["set.arrow", "set.parquet"])
def test_a_table_is_no_picture_whatever_the_system_calls_it(
    tmp_path: Path, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("mimetypes.guess_type", lambda *_, **__: ("application/vnd.apache.arrow.file", None))
    table = pa.table({"text": TEXTS})
    if name.endswith("arrow"):
        feather.write_feather(table, tmp_path / name, compression="uncompressed")
    else:
        pq.write_table(table, tmp_path / name)
    told = marks([str(tmp_path / name)])
    assert (told["texts"]["documents"], told["media"]) == (8, None)


def test_a_file_that_cannot_be_read_has_no_broken_credential(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: Any, **__: Any) -> None:
        raise PermissionError(13, "Permission denied")

    (tmp_path / "a.png").write_bytes(signed_picture(picture(), "image/png", chain("Painter")))
    monkeypatch.setattr("wellkeeper.recipe.marks.read_media_file", refuse)
    media = marks([str(tmp_path), str(tmp_path / "a.png")])["media"]
    assert media["unreadable"] == [{"file": str(tmp_path / "a.png"), "reason": "Permission denied"}]
    assert (media["files"], media["credentials"]["documents"], media["found"]) == (1, 0, [])


def test_a_column_of_signals_of_any_depth_or_letters_never_stops_a_run(tmp_path: Path) -> None:
    rows = [{"text": TEXTS[0], "signals": "[" * 100_000}]
    rows.append({"text": TEXTS[1], "signals": '[["robots-meta","http-header","x","\\ud800"]]'})
    path = tmp_path / "in.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    told = marks([str(path)])["texts"]
    assert (told["documents"], told["marks"]["signals"][0]["documents"]) == (2, 1)
