"""Lines read again by their places, against the file's own lines."""

import json
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from wellkeeper.engine.readers import select
from wellkeeper.engine.readers.base import InputFile, RawBlock
from wellkeeper.engine.readers.select import RecordsAt, read_records


def again(path: Path, offsets: list[int], sizes: list[int]) -> RawBlock:
    file = InputFile(
        url=str(path), name=path.name, group="g", format="jsonl", compression=None, size=-1, fingerprint="f"
    )
    wanted = RecordsAt(np.array(offsets, np.int64), np.array(sizes, np.int64))
    return read_records(RawBlock(file=file, index=0, line=1, offset=0, payload=wanted))


@pytest.mark.parametrize("sparse", [1, 10**9], ids=["one by one where far apart", "in one stretch"])
@given(data=st.data())
def test_chosen_lines_are_read_whole_and_alone(tmp_path_factory, sparse: int, data: st.DataObject) -> None:
    written = data.draw(st.lists(st.text(max_size=200), min_size=1, max_size=30))
    chosen = sorted(data.draw(st.sets(st.integers(0, len(written) - 1), min_size=1)))
    lines = [json.dumps({"text": text}, ensure_ascii=data.draw(st.booleans())).encode() for text in written]
    path = tmp_path_factory.mktemp("x") / "x.jsonl"
    path.write_bytes(b"\n".join(lines) + b"\n" * data.draw(st.booleans()))
    starts = np.cumsum([0, *(len(line) + 1 for line in lines)])
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(select, "_SPARSE", sparse)
        patch.setattr(select, "_BESIDE_TEXT", 5)  # shorter than what stands beside the text: read on
        found = again(path, starts[chosen].tolist(), [len(written[k].encode()) for k in chosen])
    assert bytes(found.payload) == b"".join(lines[k] + b"\n" for k in chosen)
    assert found.line_ends == len(chosen)


def test_lines_of_a_file_that_has_become_shorter_are_no_records_and_no_error(tmp_path) -> None:
    path = tmp_path / "x.jsonl"
    path.write_bytes(b'{"text": "one"}\n{"te')
    found = again(path, [0, 16, 32], [3, 3, 3])
    first, second, third = bytes(found.payload).splitlines()
    assert first == b'{"text": "one"}'
    assert second.rstrip(b"\0") == b'{"te'
    assert third == b""
