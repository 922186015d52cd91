"""A folder in which nearly everything is broken: each fault gets its name, and nothing valid is lost."""

import gzip
import json

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import zstandard
from click.testing import CliRunner

from wellkeeper.cli.main import cli

GOOD = [f"A good document of a few words, number {k}, which nobody may lose." for k in range(4)]


def line(text):
    return json.dumps({"text": text}).encode() + b"\n"


def around(bad):
    return line(GOOD[0]) + line(GOOD[1]) + bad + line(GOOD[2]) + line(GOOD[3])


def corrupt_parquet(folder):
    path = folder / "row-group.parquet"
    table = pa.table({"text": [f"{text} {k}" for k in range(200) for text in GOOD[:1]]})
    pq.write_table(table, path, row_group_size=100, compression="none", use_dictionary=False)
    start = pq.ParquetFile(path).metadata.row_group(1).column(0).data_page_offset
    data = bytearray(path.read_bytes())
    data[start : start + 40] = b"\xff" * 40
    path.write_bytes(data)


# name -> bytes, the code it gets, and how many good documents stand in it
FILES = {
    "syntax.jsonl": (around(b'{"text": "unterminated\n'), "json-syntax", 4),
    "utf8.jsonl": (around(b'{"text": "caf\xe9"}\n'), "utf8", 4),
    "missing.jsonl": (around(b'{"body": "elsewhere"}\n'), "text-missing", 4),
    "null.jsonl": (around(b'{"text": null}\n'), "text-null", 4),
    "type.jsonl": (around(b'{"text": 7}\n'), "text-type", 4),
    "empty.jsonl": (around(b'{"text": "  "}\n'), "text-empty", 4),
    "list.jsonl": (around(b'["text"]\n'), "not-an-object", 4),
    "surrogate.jsonl": (around(b'{"text": "half \\ud83d"}\n'), "lone-surrogate", 4),
    "cut.jsonl": (around(b"") + b'{"text": "the last line bre', "json-syntax", 4),
    "cut.jsonl.gz": (gzip.compress(around(b"") * 50)[:-30], None, None),
    "cut.jsonl.zst": (zstandard.compress(around(b"") * 5000)[:-30], None, None),
    "not-gzip.jsonl.gz": (b"this is no gzip file at all", None, 0),
    "footer.parquet": (b"PAR1 and then nothing of use", "corrupt-file", 0),
    "row.csv": (
        b"text,n\n" + b"".join(f'"{t}",{k}\n'.encode() for k, t in enumerate(GOOD)) + b"a,b,c\n",
        "csv-columns",
        4,
    ),
    "quote.csv": (f'text,n\n"{GOOD[0]}",1\n"never closed,2\n'.encode(), "truncated", 1),
    "latin1.txt": (b"caf\xe9 au lait", "utf8", 0),
    "nothing.jsonl": (b"", None, 0),
}


def audit(*paths, out):
    return CliRunner().invoke(cli, ["audit", *map(str, paths), "--out", str(out), "--json", "--workers", "1"])


@pytest.mark.parametrize("name", FILES)
def test_each_fault_is_named_and_its_neighbours_stay(name, tmp_path):
    data, code, good = FILES[name]
    corpus = tmp_path / "corpus"
    corpus.mkdir()
    (corpus / "whole.jsonl").write_bytes(b"".join(map(line, GOOD)))
    (corpus / name).write_bytes(data)
    done = audit(corpus, out=tmp_path / "out")
    assert done.exception is None or isinstance(done.exception, SystemExit), done.output
    assert "Traceback" not in done.output
    assert done.exit_code in (0, 1), done.stderr
    inputs = json.loads(done.stdout)["inputs"]
    codes = {row["code"] for row in inputs["quarantine_by_code"]}
    if good is not None:
        assert inputs["documents"] == len(GOOD) + good
    else:
        assert inputs["documents"] > len(GOOD)
        assert codes
    if code is not None:
        assert code in codes
        example = next(row["example"] for row in inputs["quarantine_by_code"] if row["code"] == code)
        assert example["file"].endswith(name)
        assert example["reason"]


def test_a_whole_folder_of_faults_is_audited_and_every_good_document_counted(tmp_path):
    corpus = tmp_path / "corpus"
    corpus.mkdir()
    for name, (data, _, good) in FILES.items():
        if name.endswith(".jsonl") and good:
            (corpus / name).write_bytes(data)
    corrupt_parquet(corpus)
    done = audit(corpus, out=tmp_path / "out")
    assert done.exit_code == 1, done.stderr
    inputs = json.loads(done.stdout)["inputs"]
    expected = sum(good for name, (_, _, good) in FILES.items() if name.endswith(".jsonl") and good)
    assert inputs["documents"] == expected + 100  # the other row group
    assert {"json-syntax", "utf8", "text-null", "corrupt-row-group"} <= {
        r["code"] for r in inputs["quarantine_by_code"]
    }


def test_strict_stops_at_the_first_bad_record_and_says_where(tmp_path):
    path = tmp_path / "utf8.jsonl"
    path.write_bytes(FILES["utf8.jsonl"][0])
    done = CliRunner().invoke(cli, ["audit", str(path), "--out", str(tmp_path / "out"), "--strict"])
    assert done.exit_code == 2
    assert "utf8.jsonl, line 3, byte " in done.stderr
    assert done.stderr.rstrip().endswith("run without --strict to quarantine it and go on.")
