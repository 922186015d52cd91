"""What was seen of pictures comes back from disk as it was, and only where nothing that it depends on has changed."""

import io
import os
import tarfile

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from made_images import drawing, encoded, make_folder, trusted_certificates
from numpy.random import default_rng

from wellkeeper.engine.readers.base import Quarantined
from wellkeeper.images.examine import examine
from wellkeeper.images.kept import Kept
from wellkeeper.images.pictures import careful_decoder
from wellkeeper.images.readers import list_images, read

PNG = encoded(drawing(default_rng(1)))
ANCHORS = trusted_certificates()


@pytest.fixture(autouse=True)
def decoder():
    with careful_decoder():
        yield


def look(task):
    return [
        given if isinstance(given, Quarantined) else examine(given, anchors=ANCHORS) for given in read(task)
    ]


def never(task):
    raise AssertionError(f"looked again at {task.places[0][0].name}")


def tasks_of(folder):
    return list_images([str(folder)]).tasks


def test_all_that_was_seen_comes_back_equal(tmp_path):
    source = tmp_path / "in"
    make_folder(source, 120)
    (source / "fields.png").write_bytes(PNG)
    (source / "fields.json").write_text('{"origin": "human", "licence": "CC0"}')
    with tarfile.open(source / "s.tar", "w") as tar:
        for name, data in (("a.png", PNG), ("a.json", b'{"id": "x"}'), ("b.png", b"no picture")):
            info = tarfile.TarInfo(name)
            info.size = len(data)
            tar.addfile(info, io.BytesIO(data))
    pq.write_table(pa.table({"png": [PNG, None, b""], "model": ["m", None, "n"]}), source / "t.parquet")
    tasks = tasks_of(source)
    assert len(tasks) == 4
    kept = Kept(tmp_path / "kept", anchors=ANCHORS)
    first = [kept.results(task, look) for task in tasks]
    assert [kept.results(task, never) for task in tasks] == first
    seen = [one for results in first for one in results if not isinstance(one, Quarantined)]
    assert {one.credential.validity.label for one in seen} == {"none", "valid", "invalid"}
    assert sum(isinstance(one, Quarantined) for results in first for one in results) > 3


def test_what_has_changed_is_looked_at_again_and_the_rest_is_forgotten(tmp_path):
    source = tmp_path / "in"
    source.mkdir()
    (source / "a.png").write_bytes(PNG)
    kept = Kept(tmp_path / "kept", anchors=None)

    def names():
        return {path.name for path in (tmp_path / "kept").iterdir()}

    kept.results(*tasks_of(source), look)
    (before,) = names()
    (source / "a.json").write_text('{"origin": "human"}')
    (labelled,) = kept.results(*tasks_of(source), look)
    assert labelled.fields == {"origin": "human"}
    os.utime(source / "a.png", (1, 1))
    kept.results(*tasks_of(source), look)
    assert len(names()) == 3
    kept.forget_others(tasks_of(source))
    (after,) = names()
    assert after != before


def test_other_certificates_ask_for_another_look(tmp_path):
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "a.png").write_bytes(PNG)
    (task,) = tasks_of(tmp_path / "in")
    Kept(tmp_path / "kept", anchors=ANCHORS).results(task, look)
    Kept(tmp_path / "kept", anchors=ANCHORS).results(task, never)
    with pytest.raises(AssertionError, match="looked again"):
        Kept(tmp_path / "kept", anchors=None).results(task, never)


@pytest.mark.parametrize("damage", [b"", b"PAR1", None])
def test_a_torn_file_is_as_good_as_absent(tmp_path, damage):
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "a.png").write_bytes(PNG)
    (task,) = tasks_of(tmp_path / "in")
    kept = Kept(tmp_path / "kept", anchors=None)
    found = kept.results(task, look)
    (path,) = (tmp_path / "kept").iterdir()
    path.write_bytes(path.read_bytes()[:-200] if damage is None else damage)
    assert kept.results(task, look) == found
    assert kept.results(task, never) == found


def test_a_file_that_could_not_be_opened_is_tried_again(tmp_path):
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "a.png").write_bytes(PNG)
    (task,) = tasks_of(tmp_path / "in")
    (tmp_path / "in" / "a.png").unlink()
    kept = Kept(tmp_path / "kept", anchors=None)
    assert [one.code for one in kept.results(task, look)] == ["file-unreadable"]
    assert list((tmp_path / "kept").iterdir()) == []
