"""Web archives, written by warcio as crawlers write them."""

import gzip
import io
import sys
from pathlib import Path

import pytest
from reading import TEXT, guessed, gz, listed, read
from warcio.archiveiterator import ArchiveIterator
from warcio.statusandheaders import StatusAndHeaders
from warcio.warcwriter import WARCWriter

from wellkeeper.core.dates import DateBasis
from wellkeeper.engine.readers import cutting, parse_block, reader_for, warc
from wellkeeper.engine.readers.base import ColumnMap
from wellkeeper.errors import MissingExtraError

# warcio's writer, not its reader, leaves its temporary files to the garbage collector.
pytestmark = pytest.mark.filterwarnings(
    "ignore:.*SpooledTemporaryFile:pytest.PytestUnraisableExceptionWarning"
)

PAGE = """<html><head><title>Wells</title></head><body><nav><a href="/">Home</a> <a href="/x">More</a></nav>
<article><h1>On wells</h1><p>{}</p><p>A second paragraph tells how a well is kept clean, and why nobody should
throw anything into it that was drawn from it before.</p></article><footer>Imprint</footer></body></html>"""
LONG = "The first paragraph says that water from a deep well is cold in summer and does not freeze in winter."


def archive(path: Path, *, gzipped: bool) -> None:
    with path.open("wb") as file:
        writer = WARCWriter(file, gzip=gzipped)
        writer.write_record(writer.create_warcinfo_record("x.warc", {"software": "test"}))

        def add(
            url: str,
            kind: str,
            body: bytes,
            status: str = "200 OK",
            *,
            more: tuple[tuple[str, str], ...] = (),
        ) -> None:
            headers = StatusAndHeaders(status, [("Content-Type", kind), *more], protocol="HTTP/1.1")
            dated = {"WARC-Date": "2021-01-02T03:04:05Z"}
            writer.write_record(
                writer.create_warc_record(
                    url,
                    "request",
                    payload=io.BytesIO(b"GET / HTTP/1.1\r\n\r\n"),
                    warc_headers_dict=dict(dated),
                )
            )
            writer.write_record(
                writer.create_warc_record(
                    url,
                    "response",
                    payload=io.BytesIO(body),
                    http_headers=headers,
                    warc_headers_dict=dict(dated),
                )
            )

        add("https://a.org/1", "text/html; charset=utf-8", PAGE.format(LONG).encode())
        add("https://a.org/2", "image/png", b"\x89PNG")
        add("https://a.org/3", "text/html", b"gone", "404 Not Found")
        add("https://b.org:81/4", "text/plain; charset=latin-1", "caf\xe9".encode("latin-1"))
        add("https://b.org/5", "text/plain", b"caf\xe9")
        add("https://b.org/6", "text/html", b"<html><body></body></html>")
        add(
            "https://b.org/7",
            "text/html",
            gz(PAGE.format("Packed: " + LONG).encode()),
            more=(("Content-Encoding", "gzip"),),
        )
        writer.write_record(
            writer.create_warc_record(
                "https://c.org/8",
                "conversion",
                payload=io.BytesIO(b"as extracted by the crawler"),
                warc_content_type="text/plain",
                warc_headers_dict={"WARC-Date": "2022-01-02T03:04:05Z"},
            )
        )


@pytest.fixture(params=["x.warc", "x.warc.gz"])
def path(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    made = tmp_path / request.param
    archive(made, gzipped=request.param.endswith(".gz"))
    return made


def test_pages_become_their_main_text_with_host_and_date(path: Path) -> None:
    found = read(path, None)
    first, plain, packed, converted = found.documents
    assert first["text"].startswith("On wells")
    assert LONG in first["text"]
    assert "Imprint" not in first["text"]
    assert "Home" not in first["text"]
    assert (first["source"], first["date"], first["date_basis"]) == (
        "a.org",
        "2021-01-02T03:04:05Z",
        DateBasis.WARC,
    )
    assert first["id"].startswith("urn:uuid:")
    assert (plain["text"], plain["source"]) == ("café", "b.org")
    assert "Packed: " in packed["text"]
    assert (converted["text"], converted["line"]) == ("as extracted by the crawler", 16)


def test_other_answers_are_counted_and_requests_are_not(path: Path) -> None:
    found = read(path)
    assert [(fault.code, fault.line) for fault in found.quarantined] == [
        ("skipped-record", 5),
        ("skipped-record", 7),
        ("utf8", 11),
        ("text-empty", 13),
    ]
    reasons = [fault.reason for fault in found.quarantined]
    assert reasons[0] == "the record is image/png, not HTML or plain text"
    assert reasons[1] == "the server answered with status 404"


def test_lines_and_offsets_are_those_of_the_record(path: Path) -> None:
    with path.open("rb") as file:
        records = ArchiveIterator(file)
        truth = {
            number: (records.get_record_offset(), record.rec_type) for number, record in enumerate(records, 1)
        }
    found = read(path)
    for row in found.documents:
        assert row["offset"] == truth[row["line"]][0]
    for fault in found.quarantined:
        assert (fault.offset, "response") == truth[fault.line]


@pytest.mark.parametrize("block_bytes", [1, 1_000, 3_000])
def test_cutting_anywhere_changes_nothing(path: Path, block_bytes: int) -> None:
    assert read(path, block_bytes=block_bytes) == read(path)
    file = listed(path)
    blocks = list(reader_for(file).blocks(file, block_bytes=block_bytes))
    skipped = list(reader_for(file).blocks(file, block_bytes=block_bytes, skip=2))
    assert skipped == blocks[2:]


def test_a_truncated_archive_gives_the_records_before(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-20])
    found = read(path)
    assert len(found.documents) == 3
    assert (found.quarantined[-1].code, found.quarantined[-1].line) == ("truncated", 16)


def test_reading_goes_on_at_the_next_record_after_rubbish(tmp_path: Path) -> None:
    path = tmp_path / "x.warc"
    archive(path, gzipped=False)
    data = path.read_bytes()
    start = data.index(b"WARC/1.0\r\n", data.index(b"https://a.org/1"))
    path.write_bytes(data[:start] + b"rubbish\r\n\r\n" + data[start:])
    found = read(path, block_bytes=1)
    assert len(found.documents) == 4
    assert ("warc-syntax", start) in {(fault.code, fault.offset) for fault in found.quarantined}


def test_a_record_over_the_limit_is_passed_over(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = read(path)
    monkeypatch.setattr(cutting, "RECORD_BYTES", 720)
    found = read(path, block_bytes=1)
    assert found.documents[-1]["line"] == 16
    assert found.documents[-1] == whole.documents[-1]
    long = {fault.line for fault in found.quarantined if fault.code == "line-too-long"}
    assert 3 in long
    assert {row["line"] for row in whole.documents} - {row["line"] for row in found.documents} <= long


def test_an_archive_compressed_as_one_is_read_too(tmp_path: Path) -> None:
    path = tmp_path / "x.warc"
    archive(path, gzipped=False)
    packed = tmp_path / "y.warc.gz"
    packed.write_bytes(gzip.compress(path.read_bytes()))
    assert [row["text"] for row in read(packed).documents] == [row["text"] for row in read(path).documents]


def test_a_page_that_breaks_the_extractor_is_quarantined(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: object, **__: object) -> str:
        raise RecursionError("too deep")

    monkeypatch.setattr(warc.trafilatura, "extract", broken)
    found = read(path)
    assert [row["line"] for row in found.documents] == [9, 16]
    assert [fault.line for fault in found.quarantined if fault.code == "extraction-failed"] == [3, 13, 15]


def test_the_user_may_choose_the_address_as_id_and_keep_the_rest(path: Path) -> None:
    file = listed(path)
    assert guessed(file) == ColumnMap(text="text", id="id", source="source", date="date", signals="signals")
    (block,) = reader_for(file).blocks(file)
    parsed = parse_block(block, ColumnMap(text="text", id="url"))
    assert parsed.table.column("id")[0].as_py() == "https://a.org/1"
    assert parsed.table.column("source")[0].as_py() == "a.org", (
        "what the archive says holds where nothing is mapped"
    )
    extra = parse_block(block, TEXT, extras=True)
    assert extra.fields == {"url": "string", "signals": "string"}
    assert extra.table.column("url")[0].as_py() == "https://a.org/1"


def test_without_the_extra_the_message_says_what_to_install(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delitem(sys.modules, "wellkeeper.engine.readers.warc")
    monkeypatch.setitem(sys.modules, "warcio.archiveiterator", None)
    with pytest.raises(
        MissingExtraError, match=r"Reading WARC files needs .* pip install 'wellkeeper\[warc\]'"
    ):
        reader_for(listed(path))
