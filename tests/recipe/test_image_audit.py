"""An audit of pictures finds what was planted, changes nothing, and tells the same on any number of workers."""

import json
import sys
from importlib.resources import files
from pathlib import Path

import jsonschema
import pyarrow.parquet as pq
import pytest

sys.path.append(str(Path(__file__).parents[2] / "benchmarks"))
from made_images import MARKS, drawing, encoded, make_folder, png, trusted_certificates
from numpy.random import default_rng

from images import compared  # the benchmark's
from wellkeeper.errors import InputError, MissingExtraError
from wellkeeper.images.examine import examine
from wellkeeper.ledger.forget import forget
from wellkeeper.ledger.verify import verify
from wellkeeper.recipe import images
from wellkeeper.recipe.images import audit_images

FILES = 120


@pytest.fixture(scope="module")
def planted(tmp_path_factory):
    folder = tmp_path_factory.mktemp("planted")
    found = make_folder(folder / "pictures", FILES)
    (folder / "trust.pem").write_bytes(trusted_certificates())
    return folder, found


@pytest.fixture(scope="module")
def audited(planted):
    folder, _ = planted
    return audit_images([str(folder / "pictures")], trust=folder / "trust.pem", out=folder / "out")


def test_everything_that_was_planted_is_found_and_nothing_else(planted, audited):
    differing = [row for row in compared(planted[1], audited.paths["folder"]) if row[1] != row[2]]
    assert differing == []


def test_every_file_is_a_row_or_in_quarantine(planted, audited):
    inputs = audited.document["inputs"]
    assert inputs["documents"] + inputs["quarantined"] == FILES == planted[1].pictures
    assert pq.read_table(audited.paths["ledger"] / "documents").num_rows == audited.images
    assert pq.read_table(audited.paths["ledger"] / "quarantine.parquet").num_rows == inputs["quarantined"]


def test_pictures_are_kept_as_they_were(planted, tmp_path):
    source = planted[0] / "pictures"
    before = {path.name: path.read_bytes() for path in source.iterdir()}
    audit_images([str(source)], out=tmp_path)
    assert {path.name: path.read_bytes() for path in source.iterdir()} == before
    decisions = pq.read_table(tmp_path / "ledger" / "documents", columns=["decision", "words"]).to_pylist()
    assert {tuple(row.values()) for row in decisions} == {("keep", 0)}


def test_workers_change_nothing(planted, audited, tmp_path):
    one = audit_images(
        [str(planted[0] / "pictures")], trust=planted[0] / "trust.pem", out=tmp_path, workers=1
    )
    for name in (
        "images.parquet",
        "ledger/documents/part-00000.parquet",
        "ledger/signals/part-00000.parquet",
    ):
        assert (tmp_path / name).read_bytes() == (audited.paths["folder"] / name).read_bytes()
    assert {**one.document, "run": None} == {**audited.document, "run": None}


def test_a_picture_is_not_forgotten_and_the_folder_stays_as_it_was(planted, audited):
    folder = audited.paths["folder"]
    with pytest.raises(
        InputError, match=r"out/manifest\.json is missing\. Give the output folder of `wellkeeper cur"
    ):
        forget(folder, next(iter(planted[1].marked)))
    assert verify(folder).problems == ()


def test_the_folder_is_sealed_and_tells_the_story_of_a_picture(planted, audited):
    checked = verify(audited.paths["folder"])
    assert checked.problems == ()
    name = next(name for name, mark in planted[1].marked.items() if mark.name == "infotext in PNG")
    (story,) = audited.why(name).documents
    assert story.record["generator"] == "sd_xl_base_1.0 (Stable Diffusion web UI v1.9.4)"
    (line,) = [line for line in audited.why(name).lines() if "generator-metadata" in line]
    assert "by 'png-text parameters: a lighthouse in a storm, oil on canvas Negative prompt" in line


def test_a_changed_byte_in_any_file_breaks_the_seal(audited, tmp_path):
    import shutil

    whole = tmp_path / "whole"
    shutil.copytree(audited.paths["folder"], whole, ignore=shutil.ignore_patterns(".work"))
    for path in [one for one in whole.rglob("*") if one.is_file()]:
        data = path.read_bytes()
        path.write_bytes(data[:-1] + bytes([data[-1] ^ 1]))
        assert verify(whole).problems, path
        path.write_bytes(data)
    assert verify(whole).problems == ()


def test_a_second_audit_takes_the_place_of_the_first(planted, audited, tmp_path):
    folder = planted[0] / "pictures"
    audit_images([str(folder)], out=tmp_path)
    few = [path for path in sorted(folder.iterdir()) if path.name.startswith("subject")][:3]
    again = audit_images([str(path) for path in few], out=tmp_path)
    assert again.images == 3
    assert pq.read_table(tmp_path / "ledger" / "documents").num_rows == 3
    assert verify(tmp_path).problems == ()


def test_the_report_shows_what_was_found_and_loads_nothing(audited):
    page = audited.paths["report"].read_text()
    assert 1 < page.count('<img src="data:image/jpeg;base64,') <= 60
    assert len(page) < 1_000_000
    assert "http:" not in page.replace("http://cv.iptc.org", "").replace("http://ns.useplus.org", "").replace(
        "http://www.w3.org", ""
    )
    for shown in ("Midjourney 6.1", "Credentials that do not fit", "alike to the eye", "WK309"):
        assert shown in page


def test_the_document_keeps_its_schema(audited):
    schema = files("wellkeeper.recipe") / "audit-images.schema.json"
    jsonschema.validate(audited.to_json(), json.loads(schema.read_text()))


def test_findings_say_what_to_do(audited):
    codes = {finding.code: finding for finding in audited.findings}
    assert {"WK101", "WK201", "WK202", "WK601", "WK701", "WK309", "WK602"} <= set(codes)
    assert codes["WK309"].title == "1 image has a credential that does not fit"
    assert audited.verdict == "findings"
    assert all(finding.next.endswith((".", ".'")) for finding in audited.findings)
    assert "marked as AI-made" in repr(audited)
    assert audited.to_json() == json.loads(audited.paths["json"].read_text())


def test_labels_beside_pictures_count_and_contradictions_are_told(tmp_path):
    rng = default_rng(1)
    for name, label in (("a", "human"), ("b", "ai-generated"), ("c", None)):
        data = (
            png(drawing(rng), parameters="x\nSteps: 20, Sampler: Euler, Seed: 1")
            if name == "a"
            else encoded(drawing(rng))
        )
        (tmp_path / f"{name}.png").write_bytes(data)
        if label:
            fields = {"origin": label, "licence": "CC BY 4.0", "date": "2023-05-06", "model": f"model {name}"}
            (tmp_path / f"{name}.json").write_text(json.dumps(fields))
    found = audit_images([str(tmp_path)], out=tmp_path / "out")
    rows = {row["id"]: row for row in pq.read_table(found.paths["ledger"] / "documents").to_pylist()}
    assert [rows[name]["origin"] for name in ("a.png", "b.png", "c.png")] == [
        "human",
        "ai-generated",
        "unknown",
    ]
    assert [rows[name]["origin_declared"] for name in ("a.png", "b.png")] == ["human", "ai-generated"]
    assert rows["b.png"]["generator"] == "model b"
    assert rows["a.png"]["licence"] == "CC-BY-4.0"
    assert rows["a.png"]["captured_basis"] == "page-claimed"
    origin = found.document["origin"]
    assert origin["conflicts"] == 1
    assert [one["id"] for one in origin["conflicting"]] == ["a.png"]
    assert origin["by_month"] == [{"month": "2023-05", "documents": 2, "marked_ai": 1}]
    assert found.document["rights"]["unknown_licence"] == 1
    assert "WK302" in {finding.code for finding in found.findings}


def test_credentials_that_nothing_installed_can_read_are_told(planted, tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "c2pa", None)
    signed = [name for name, mark in planted[1].marked.items() if mark.name.startswith("credential")]
    found = audit_images([str(planted[0] / "pictures" / name) for name in signed], out=tmp_path)
    assert found.document["credentials"]["unread"] == len(signed)
    (finding,) = [finding for finding in found.findings if finding.code == "WK308"]
    assert finding.next == "Install it and run again: pip install 'wellkeeper[c2pa]'."


def test_strict_stops_at_the_first_bad_file(planted, tmp_path):
    with pytest.raises(InputError, match=r"bad-0000-.*Repair or remove it, or run without --strict\."):
        audit_images([str(planted[0] / "pictures")], out=tmp_path, strict=True)


def test_nothing_but_damage_is_an_error(tmp_path):
    (tmp_path / "a.png").write_bytes(b"nothing")
    with pytest.raises(
        InputError, match=r"None of 1 pictures could be read\. The first: a\.png: it is none of"
    ):
        audit_images([str(tmp_path)], out=tmp_path / "out")


def test_certificates_that_are_none_are_refused_before_anything_is_read(tmp_path):
    (tmp_path / "trust.pem").write_text("no certificate")
    with pytest.raises(InputError, match="holds no certificate in PEM"):
        audit_images([str(tmp_path)], trust=tmp_path / "trust.pem", out=tmp_path / "out")


def test_the_extra_is_named_where_it_is_missing(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "imagehash", None)
    with pytest.raises(MissingExtraError, match=r"wellkeeper\[images\]"):
        audit_images([str(tmp_path)], out=tmp_path / "out")


def test_marks_are_shown_by_every_kind_that_there_is(audited):
    kinds = {row["kind"] for row in audited.document["origin"]["evidence"]}
    assert kinds == {kind for mark in MARKS for kind in mark.kinds}


def test_a_run_that_is_stopped_goes_on_where_it_was(tmp_path, monkeypatch):
    make_folder(tmp_path / "in", 150)
    whole = audit_images([str(tmp_path / "in")], out=tmp_path / "whole", workers=1)
    looked, stopped = [], []

    def stopping(given, *, anchors):
        looked.append(given.place.name)
        if len(looked) == 100 and not stopped:
            stopped.append(True)
            raise KeyboardInterrupt
        return examine(given, anchors=anchors)

    monkeypatch.setattr(images, "examine", stopping)
    with pytest.raises(KeyboardInterrupt):
        audit_images([str(tmp_path / "in")], out=tmp_path / "out", workers=1)
    first = set(looked[:64])  # of the first task, which was done
    again = audit_images([str(tmp_path / "in")], out=tmp_path / "out", workers=1)
    assert len(looked) == 100 + 150 - 64
    assert first.isdisjoint(looked[100:])
    assert {**again.document, "run": None} == {**whole.document, "run": None}
    for name in ("images.parquet", "ledger/documents/part-00000.parquet"):
        assert (tmp_path / "out" / name).read_bytes() == (tmp_path / "whole" / name).read_bytes()
    assert verify(tmp_path / "out").problems == ()
    looked.clear()
    audit_images([str(tmp_path / "in")], out=tmp_path / "out", fresh=True)
    assert len(looked) == 150


def test_who_refuses_training_beside_a_picture_is_heard(tmp_path):
    rng = default_rng(2)
    for name, consent in (("a", "opt-out"), ("b", "licensed"), ("c", None)):
        (tmp_path / f"{name}.png").write_bytes(encoded(drawing(rng)))
        (tmp_path / f"{name}.json").write_text(json.dumps({"consent": consent}))
    found = audit_images([str(tmp_path)], out=tmp_path / "out")
    rows = pq.read_table(found.paths["ledger"] / "documents", columns=["consent"]).to_pylist()
    assert [row["consent"] for row in rows] == ["opt-out-signal", "licensed", "unknown"]
    assert found.document["rights"]["opted_out"] == 1
