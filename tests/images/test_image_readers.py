"""Every place a picture may lie in, in one order, and nothing lost on the way."""

import io
import json
import tarfile
from datetime import UTC, datetime
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from made_images import encoded
from PIL import Image

from wellkeeper.engine.readers.base import Quarantined
from wellkeeper.errors import InputError
from wellkeeper.images import readers
from wellkeeper.images.readers import Given, holds_images, list_images, read, read_again

RED, BLUE = (encoded(Image.new("RGB", (8, 8), colour)) for colour in ("red", "blue"))


def everything(listing):
    return [one for task in listing.tasks for one in read(task)]


def names(listing):
    return [one.place.name for one in everything(listing) if isinstance(one, Given)]


def make_tar(path: Path, **members: bytes) -> Path:
    with tarfile.open(path, "w") as tar:
        for name, data in members.items():
            info = tarfile.TarInfo(name.replace("__", "."))
            info.size = len(data)
            tar.addfile(info, io.BytesIO(data))
    return path


def test_a_folder_is_read_to_the_bottom_by_name(tmp_path):
    (tmp_path / "deep" / "er").mkdir(parents=True)
    for name in ("b.PNG", "deep/er/a.jpeg", "deep/c.webp", ".hidden.png", "_skipped.png"):
        (tmp_path / name).write_bytes(RED)
    assert names(list_images([str(tmp_path)])) == ["b.PNG", "deep/c.webp", "deep/er/a.jpeg"]


def test_many_files_keep_their_order_over_tasks(tmp_path):
    for number in range(130):
        (tmp_path / f"{number:03d}.png").write_bytes(RED)
    listing = list_images([str(tmp_path)])
    assert len(listing.tasks) == 3
    assert names(listing) == [f"{number:03d}.png" for number in range(130)]


def test_fields_lie_beside_a_picture_in_json_or_in_a_table(tmp_path):
    for name in ("a.png", "b.png", "sub/c.png", "d.png"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_bytes(RED)
    (tmp_path / "a.json").write_text(
        json.dumps({"license": "CC0", "Model": "sdxl", "origin": "ai", "year": 3})
    )
    (tmp_path / "b.png.json").write_text(json.dumps({"source": "agency"}))
    (tmp_path / "a.txt").write_text("a caption")
    (tmp_path / "metadata.jsonl").write_text('{"file_name": "b.png", "date": "2020-01-02"}\nnot json\n')
    (tmp_path / "sub" / "metadata.csv").write_text("file_name,licence\nc.png,CC BY 4.0\n")
    listing = list_images([str(tmp_path)])
    assert {one.place.name: dict(one.fields) for one in everything(listing)} == {
        "a.png": {"licence": "CC0", "generator": "sdxl", "origin": "ai"},
        "b.png": {"date": "2020-01-02", "source": "agency"},
        "d.png": {},
        "sub/c.png": {"licence": "CC BY 4.0"},
    }
    assert listing.passed_over == {}


def test_damaged_fields_say_nothing(tmp_path):
    (tmp_path / "a.png").write_bytes(RED)
    (tmp_path / "a.json").write_bytes(b"{\xff")
    (one,) = everything(list_images([str(tmp_path)]))
    assert one.fields == {}


def test_other_files_are_counted_and_pictures_nobody_reads_are_quarantined(tmp_path):
    for name in ("a.png", "notes.pdf", "more.pdf", "LICENSE", "table.csv", "photo.heic"):
        (tmp_path / name).write_bytes(RED)
    listing = list_images([str(tmp_path)])
    assert listing.passed_over == {".csv": 1, ".pdf": 2, "(no suffix)": 1}
    (bad,) = listing.quarantined
    assert (bad.file, bad.code, bad.line) == ("photo.heic", "image-format", 0)
    assert bad.reason == "HEIC is not read: write it as PNG, JPEG, WebP, TIFF or AVIF"


def test_a_tar_groups_its_members_by_key(tmp_path):
    label = json.dumps({"licence": "MIT", "id": "x17"}).encode()
    make_tar(
        tmp_path / "s.tar",
        **{"0001__png": RED, "0001__json": label, "0001__txt": b"red", "sub/0002__seg__jpg": BLUE},
    )
    listing = list_images([str(tmp_path)])
    first, second = everything(listing)
    assert (first.place.name, first.place.line, first.data) == ("s.tar/0001.png", 1, RED)
    assert first.fields == {"licence": "MIT", "id": "x17"}
    assert (second.place.name, second.place.line, second.fields) == ("s.tar/sub/0002.seg.jpg", 4, {})
    assert [read_again(one.place) for one in (first, second)] == [RED, BLUE]


def test_a_tar_that_breaks_off_gives_what_stands_before_the_break(tmp_path):
    whole = make_tar(tmp_path / "s.tar", **{f"{k}__png": RED for k in range(3)}).read_bytes()
    (tmp_path / "s.tar").write_bytes(whole[: 512 + 512 * -(-len(RED) // 512) + 700])
    listing = list_images([str(tmp_path)])
    assert names(listing)[0] == "s.tar/0.png"
    assert all(record.file == "s.tar" for record in listing.quarantined)


def test_a_file_that_is_no_tar_is_quarantined(tmp_path):
    (tmp_path / "s.tar").write_bytes(b"no tar at all" * 100)
    (bad,) = list_images([str(tmp_path)]).quarantined
    assert (bad.file, bad.code) == ("s.tar", "corrupt-file")


def test_columns_of_parquet_are_pictures_as_hugging_face_writes_them(tmp_path):
    rows = [
        {"bytes": RED, "path": "r.png"},
        None,
        {"bytes": None, "path": "lost.png"},
        {"bytes": BLUE, "path": None},
    ]
    table = pa.table({
        "image": pa.array(rows, pa.struct([("bytes", pa.binary()), ("path", pa.string())])),
        "label": [1, 2, 3, 4],
        "date": pa.array([datetime(2021, 5, 4, tzinfo=UTC)] * 4),
        "model": ["a", None, "c", ""],
    })  # fmt: skip
    pq.write_table(table, tmp_path / "p.parquet", row_group_size=3)
    listing = list_images([str(tmp_path)])
    assert listing.said == ("p.parquet: image column 'image' (guessed)",)
    found = everything(listing)
    assert [
        (one.place.name, one.data, one.fields.get("generator")) for one in found if isinstance(one, Given)
    ] == [
        ("p.parquet:1", RED, "a"),
        ("p.parquet:4", BLUE, None),
    ]
    assert found[0].fields["date"].startswith("2021-05-04")
    assert [(one.line, one.reason) for one in found if isinstance(one, Quarantined)] == [
        (2, "column 'image' has no bytes"),
        (3, "column 'image' has no bytes: only a path, lost.png"),
    ]
    assert [read_again(one.place) for one in found if isinstance(one, Given)] == [RED, BLUE]


def test_a_plain_column_of_bytes_is_one_of_pictures_by_its_name(tmp_path):
    pq.write_table(pa.table({"blob": [b"x"], "jpg": [RED]}), tmp_path / "a.parquet")
    pq.write_table(pa.table({"blob": [b"x"], "text": ["words"]}), tmp_path / "b.parquet")
    listing = list_images([str(tmp_path)])
    assert names(listing) == ["a.parquet:1"]
    assert listing.passed_over == {".parquet": 1}


def test_a_damaged_row_group_costs_its_own_rows(tmp_path):
    path = tmp_path / "p.parquet"
    pq.write_table(
        pa.table({"png": [RED] * 4}), path, row_group_size=2, compression="none", use_dictionary=False
    )
    at = pq.ParquetFile(path).metadata.row_group(0).column(0).data_page_offset
    data = bytearray(path.read_bytes())
    data[at : at + 12] = b"\xff" * 12
    path.write_bytes(data)
    found = everything(list_images([str(path)]))
    assert [one.code for one in found if isinstance(one, Quarantined)] == ["corrupt-rows"]
    assert [one.place.line for one in found if isinstance(one, Given)] == [3, 4]


def test_a_file_too_large_to_take_into_memory_is_refused(tmp_path, monkeypatch):
    monkeypatch.setattr(readers, "MOST_BYTES", 10)
    (tmp_path / "a.png").write_bytes(RED)
    (bad,) = everything(list_images([str(tmp_path)]))
    assert bad.code == "image-too-large"
    assert bad.reason == f"it has {len(RED):,} bytes, and 10 are the most that are read"


def test_a_file_that_is_gone_when_it_is_read_is_quarantined(tmp_path):
    (tmp_path / "a.png").write_bytes(RED)
    listing = list_images([str(tmp_path)])
    (tmp_path / "a.png").unlink()
    (bad,) = everything(listing)
    assert bad.code == "file-unreadable"
    place = listing.tasks[0].places[0][0]
    assert read_again(place) is None


def test_several_paths_have_their_names_in_front(tmp_path):
    for name in ("x/a.png", "y/a.png"):
        (tmp_path / name).parent.mkdir()
        (tmp_path / name).write_bytes(RED)
    assert names(list_images([str(tmp_path / "x"), str(tmp_path / "y")])) == ["x/a.png", "y/a.png"]


def test_what_an_earlier_run_wrote_is_not_read(tmp_path):
    (tmp_path / "a.png").write_bytes(RED)
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "b.png").write_bytes(RED)
    assert names(list_images([str(tmp_path)], out=tmp_path / "out")) == ["a.png"]


@pytest.mark.parametrize(
    ("files", "are_images"),
    [
        (["a.png", "b.jpg"], True),
        (["a.png", "a.txt", "a.json", "metadata.csv", "README"], True),
        (["corpus.jsonl"], False),
        (["corpus.jsonl", "more.jsonl", "cover.png"], False),
        (["shard.tar"], True),
        (["a.md", "b.md", "picture.png"], False),
        ([], False),
    ],
)
def test_a_folder_is_one_of_pictures_if_most_of_it_is(files, are_images, tmp_path):
    for name in files:
        (tmp_path / name).write_bytes(RED)
    assert holds_images(str(tmp_path)) is are_images


def test_a_table_is_one_of_pictures_by_its_columns(tmp_path):
    pq.write_table(pa.table({"image": [RED]}), tmp_path / "a.parquet")
    pq.write_table(pa.table({"text": ["words"]}), tmp_path / "b.parquet")
    assert [holds_images(str(tmp_path / name)) for name in ("a.parquet", "b.parquet", "none")] == [
        True,
        False,
        False,
    ]


def test_nothing_to_read_is_said_with_what_could_be(tmp_path):
    (tmp_path / "a.pdf").write_bytes(b"x")
    with pytest.raises(
        InputError, match=r"There is no picture in .*Name a folder of .*\.png.* or WebDataset tars\."
    ):
        list_images([str(tmp_path)])
    with pytest.raises(InputError, match=r"does not exist or holds no file\. Check the path\."):
        list_images([str(tmp_path / "none")])


def test_a_table_of_labels_may_begin_with_a_mark_and_may_refuse_training(tmp_path):
    (tmp_path / "a.png").write_bytes(RED)
    (tmp_path / "metadata.csv").write_bytes("file_name,consent\r\n./a.png,opt-out\r\n".encode("utf-8-sig"))
    (found,) = everything(list_images([str(tmp_path)]))
    assert found.fields == {"consent": "opt-out"}


def test_labels_that_cannot_be_read_to_their_end_are_told(tmp_path):
    (tmp_path / "a.png").write_bytes(RED)
    (tmp_path / "metadata.csv").write_text(f"file_name,origin\na.png,human\nb.png,{'x' * 200_000}\n")
    listing = list_images([str(tmp_path)])
    (found,) = everything(listing)
    assert found.fields == {"origin": "human"}
    assert listing.said == (
        "metadata.csv: labels from row 2 on cannot be read: field larger than field limit (131072)",
    )


def test_a_table_that_is_torn_is_quarantined_and_not_passed_over(tmp_path):
    (tmp_path / "a.png").write_bytes(RED)
    (tmp_path / "p.parquet").write_bytes(b"PAR1 and no end")
    listing = list_images([str(tmp_path)])
    assert [(one.file, one.code) for one in listing.quarantined] == [("p.parquet", "corrupt-file")]
    assert listing.passed_over == {}


def test_a_tar_whose_sizes_lead_back_ends(tmp_path):
    """CVE-2025-8194: a negative size makes `tarfile` read the same members for ever."""
    data = bytearray(make_tar(tmp_path / "s.tar", a__png=RED, b__png=BLUE).read_bytes())
    second = 512 + 512 * -(-len(RED) // 512)
    data[second + 124 : second + 136] = (-(second + 512)).to_bytes(12, "big", signed=True)
    data[second + 148 : second + 156] = b" " * 8
    data[second + 148 : second + 156] = b"%06o\0 " % sum(data[second : second + 512])
    (tmp_path / "s.tar").write_bytes(data)
    listing = list_images([str(tmp_path)])
    assert names(listing) == ["s.tar/a.png"]
    assert [one.code for one in listing.quarantined] == ["corrupt-file"]
    assert (
        "the tar cannot be read after 1 pictures: the size of 'b.png' is -" in listing.quarantined[0].reason
    )


def test_links_devices_and_folders_of_a_tar_are_no_pictures(tmp_path):
    with tarfile.open(tmp_path / "s.tar", "w") as tar:
        for kind in (tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.CHRTYPE, tarfile.FIFOTYPE, tarfile.DIRTYPE):
            info = tarfile.TarInfo(f"{kind.decode()}.png")
            info.type, info.linkname = kind, "/etc/passwd"
            tar.addfile(info)
        info = tarfile.TarInfo("/../../etc/a.png")
        info.size = len(RED)
        tar.addfile(info, io.BytesIO(RED))
    assert names(list_images([str(tmp_path)])) == ["s.tar//../../etc/a.png"]
