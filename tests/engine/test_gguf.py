"""Headers of model files, against the package that writes them, and what happens to damaged ones."""

import struct

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from wellkeeper.engine.gguf import read_gguf
from wellkeeper.errors import InputError

gguf = pytest.importorskip("gguf", reason="the extra lm is not installed")


def written(path, *, metadata=None, tensors=None, architecture="llama"):
    """A file by the package's own writer."""
    writer = gguf.GGUFWriter(path, architecture)
    for name, value in (metadata or {}).items():
        adders = {
            bool: writer.add_bool,
            int: writer.add_uint32,
            float: writer.add_float32,
            str: writer.add_string,
            list: writer.add_array,
        }
        adders[type(value)](name, value)
    for name, value in (tensors or {}).items():
        kind, data = value if isinstance(value, tuple) else (None, value)
        writer.add_tensor(name, data, raw_dtype=kind)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return path


@pytest.fixture(scope="module")
def small(tmp_path_factory):
    rng = np.random.default_rng(5)
    return written(
        tmp_path_factory.mktemp("gguf") / "small.gguf",
        metadata={
            "llama.context_length": 64,
            "llama.attention.causal": True,
            "general.name": "Größe",
            "tokenizer.ggml.tokens": ["a", "bc", "ß"],
            "tokenizer.ggml.scores": [0.5, 1.5],
            "llama.final_logit_softcapping": 30.0,
        },
        tensors={
            "token_embd.weight": rng.normal(size=(3, 64)).astype(np.float32),
            "output.bias": rng.normal(size=3).astype(np.float32),
            "half": rng.normal(size=(2, 32)).astype(np.float16),
        },
    )


def test_metadata_are_those_that_were_written_and_arrays_are_told_by_length(small):
    file = read_gguf(small)
    assert file.architecture == "llama"
    assert file.of_architecture("context_length") == 64
    assert file.of_architecture("attention.causal") is True
    assert file.of_architecture("final_logit_softcapping") == 30.0
    assert file.of_architecture("no_such_thing") is None
    assert file.metadata["general.name"] == "Größe"
    assert (file.metadata["tokenizer.ggml.tokens"], file.metadata["tokenizer.ggml.scores"]) == (3, 2)


def test_tensors_are_those_that_the_package_reads(small):
    file = read_gguf(small)
    for tensor in gguf.GGUFReader(small).tensors:
        mine = file.floats(tensor.name)
        assert mine.dtype == np.float32
        assert mine.shape == tuple(reversed(tensor.shape.tolist()))
        assert (mine.ravel() == np.asarray(tensor.data, np.float32).ravel()).all()


@pytest.mark.parametrize("kind", ["Q8_0", "Q4_0", "Q5_1", "BF16"])
def test_quantised_tensors_come_back_as_numbers(tmp_path, kind):
    rng = np.random.default_rng(7)
    weight = rng.normal(size=(5, 64)).astype(np.float32)
    format_ = gguf.GGMLQuantizationType[kind]
    packed = gguf.quants.quantize(weight, format_)
    file = read_gguf(written(tmp_path / "q.gguf", tensors={"w": (format_, packed)}))
    assert (file.floats("w") == gguf.quants.dequantize(packed, format_)).all()
    assert np.abs(file.floats("w") - weight).max() < 0.5


@given(st.data())
def test_a_file_that_is_cut_anywhere_is_told_from_a_whole_one(small, tmp_path_factory, data):
    content = small.read_bytes()
    last = read_gguf(small).tensors["half"]
    needed = read_gguf(small).data + last.start + 2 * 32 * 2  # what follows is padding
    torn = tmp_path_factory.getbasetemp() / "torn.gguf"
    torn.write_bytes(content[: data.draw(st.integers(0, needed - 1))])
    with pytest.raises(
        InputError, match=r"torn\.gguf is no GGUF file, or is cut off\. Copy or download it again"
    ):
        read_gguf(torn)


@given(st.data())
def test_a_header_with_one_wrong_byte_never_ends_in_another_error(small, tmp_path_factory, data):
    content = bytearray(small.read_bytes())
    place = data.draw(st.integers(0, read_gguf(small).data - 1))
    content[place] = data.draw(st.integers(0, 255))
    damaged = tmp_path_factory.getbasetemp() / "damaged.gguf"
    damaged.write_bytes(content)
    try:
        file = read_gguf(damaged)
    except InputError:
        return
    assert all(np.prod(tensor.shape) < 1e6 for tensor in file.tensors.values())  # they fit into the file


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (b"", "is no GGUF file"),
        (b"hello\n" * 100, "is no GGUF file"),
        (b"GGUF" + struct.pack("<IQQ", 1, 0, 0), "is no GGUF file"),
        (b"GGUF" + struct.pack(">IQQ", 3, 0, 0), "is no GGUF file"),  # big-endian
    ],
)
def test_other_files_are_refused(tmp_path, content, says):
    path = tmp_path / "other.gguf"
    path.write_bytes(content)
    with pytest.raises(InputError, match=says):
        read_gguf(path)


def test_missing_files_folders_and_parts_are_told_apart(tmp_path):
    with pytest.raises(InputError, match=r"gone\.gguf does not exist\. Give the path of a GGUF file"):
        read_gguf(tmp_path / "gone.gguf")
    with pytest.raises(InputError, match=r"cannot be read \(Is a directory\)"):
        read_gguf(tmp_path)
    part = written(tmp_path / "m-00001-of-00003.gguf", metadata={"split.count": 3})
    with pytest.raises(
        InputError, match=r"one of 3 parts of a model\. Merge them .*llama-gguf-split --merge"
    ):
        read_gguf(part)


def test_a_number_format_of_tomorrow_is_named(tmp_path, small):
    content = small.read_bytes()
    name = b"half" + struct.pack("<I", 2) + struct.pack("<QQ", 32, 2)
    place = content.index(name) + len(name)
    future = tmp_path / "future.gguf"
    future.write_bytes(content[:place] + struct.pack("<I", 999) + content[place + 4 :])
    with pytest.raises(
        InputError, match=r"tensor half is in a format \(number 999\).*Upgrade the package gguf"
    ):
        read_gguf(future)
