"""Proofs hold for every row and for nothing else: by our code, and by the few lines that the docs print."""

import json
import re
import runpy
import sys
from base64 import b64decode, b64encode
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sealed import ROWS, flip_bit, ledger_rows, sealed

from wellkeeper.errors import InputError
from wellkeeper.ledger.proof import proof_of, read_proof
from wellkeeper.ledger.signature import SigningKey
from wellkeeper.ledger.verify_rows import verify_document, verify_proof

KEY = SigningKey.new()
DOCS = Path(__file__).parents[2] / "docs" / "verify.md"
SOME = (0, 1, 255, 256, 511, 512, 599)


@pytest.fixture(scope="module", params=["tile", "row"])
def folder(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    place = tmp_path_factory.mktemp(request.param)
    sealed(place, key=KEY, public=request.param == "row")
    (place.parent / "key.pub").write_bytes(KEY.public.to_pem())
    return place


@pytest.fixture
def script(tmp_path: Path) -> Path:
    """The stand-alone verifier, as the docs print it."""
    blocks = re.findall(r"```python\n(.*?)```", DOCS.read_text(encoding="utf-8"), re.DOTALL)
    code = next(block for block in blocks if "RFC 9162" in block)
    assert len([line for line in code.splitlines() if line.strip()]) <= 30
    path = tmp_path / "check_proof.py"
    path.write_text(code)
    return path


@pytest.mark.parametrize("row", SOME)
def test_every_row_has_a_proof_that_tells_what_the_row_says(folder: Path, tmp_path: Path, row: int) -> None:
    proof_of(folder, row).write(tmp_path / "proof.json")
    found = verify_proof(tmp_path / "proof.json", key=KEY.public)
    assert found.ok
    expected = ledger_rows().slice(row, 1).to_pylist()[0]
    assert dict(found.records[0]) == expected
    assert found.lines()[0] == f"{tmp_path / 'proof.json'}: as sealed, and signed by {KEY.keyid}."


def test_a_public_proof_shows_its_own_row_alone(folder: Path, tmp_path: Path) -> None:
    proof = proof_of(folder, 300)
    proof.write(tmp_path / "proof.json")
    shown = [
        number for number in range(ROWS) if b"%cletter-%d" % (7 + len(str(number)), number) in proof.rows
    ]
    assert shown == ([300] if proof.salt else list(range(256, 512)))
    assert proof.size == (16 + 32 * 10 if proof.salt else 32 * 2)


def run(script: Path, *arguments: Path) -> None:
    before = sys.argv
    sys.argv = [str(script), *map(str, arguments)]
    try:
        runpy.run_path(str(script))
    finally:
        sys.argv = before


@pytest.mark.parametrize("row", SOME)
@pytest.mark.filterwarnings("ignore::ResourceWarning", "ignore::pytest.PytestUnraisableExceptionWarning")
def test_the_verifier_in_the_docs_accepts_real_proofs(
    folder: Path, script: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], row: int
) -> None:
    proof_of(folder, row).write(tmp_path / "proof.json")
    run(script, tmp_path / "proof.json")
    run(script, tmp_path / "proof.json", folder.parent / "key.pub")
    decision = "drop" if row % 3 == 1 else "keep"
    assert capsys.readouterr().out.splitlines() == [f"{row} letter-{row} {decision}"] * 2


def bent(content: dict[str, Any], field: str, bit: int) -> dict[str, Any]:
    """A proof with one bit changed in one of its parts."""
    changed = json.loads(json.dumps(content))
    holder, name = (changed["envelope"], field) if field == "payload" else (changed, field)
    if field == "row":
        # a tile shows 256 rows, and proves each of them
        changed["row"] ^= 1 << (bit % 9 if changed["salt"] else 8 + bit % 2)
    elif field == "path":
        place = bit % len(changed["path"])
        changed["path"][place] = _flipped(changed["path"][place], bit)
    elif field == "sig":
        signature = changed["envelope"]["signatures"][0]
        signature["sig"] = _flipped(signature["sig"], bit)
    else:
        holder[name] = _flipped(holder[name], bit)
    return changed


def _flipped(text: str, bit: int) -> str:
    data = b64decode(text)
    return b64encode(flip_bit(data, bit % (8 * len(data)))).decode()


def parts(content: dict[str, Any]) -> list[str]:
    return ["row", "rows", "path", "payload", "sig", *(["salt"] if content["salt"] else [])]


@pytest.mark.filterwarnings("ignore::ResourceWarning", "ignore::pytest.PytestUnraisableExceptionWarning")
def test_an_altered_proof_is_refused_by_us_and_by_the_verifier_in_the_docs(
    folder: Path, script: Path, tmp_path: Path
) -> None:
    rng = np.random.default_rng(0)
    content = proof_of(folder, 300).to_json()
    path = tmp_path / "bent.json"
    for field in parts(content):
        for bit in rng.integers(1 << 20, size=4).tolist():
            path.write_text(json.dumps(bent(content, field, bit)))
            with pytest.raises(Exception):  # noqa: B017, PT011  any way to fail will do
                run(script, path, folder.parent / "key.pub")
            assert not accepted(path), f"{field}, bit {bit}"


@given(st.data())
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=60)
def test_no_bit_of_a_proof_can_be_changed(folder: Path, tmp_path: Path, data: st.DataObject) -> None:
    content = proof_of(folder, data.draw(st.sampled_from(SOME))).to_json()
    path = tmp_path / "bent.json"
    field, bit = data.draw(st.sampled_from(parts(content))), data.draw(st.integers(0, 1 << 20))
    path.write_text(json.dumps(bent(content, field, bit)))
    assert not accepted(path)


def accepted(path: Path) -> bool:
    try:
        return verify_proof(path, key=KEY.public).ok
    except InputError:
        return False


def test_a_proof_of_another_row_in_a_larger_ledger_does_not_fit(folder: Path, tmp_path: Path) -> None:
    content = proof_of(folder, 300).to_json()
    for other in (*((301,) if content["salt"] else ()), 44, 556, ROWS + 300, -1):
        (tmp_path / "p.json").write_text(json.dumps({**content, "row": other}))
        found = verify_proof(tmp_path / "p.json")
        assert [problem.code for problem in found.problems] == ["proof"], other
        assert not found.records


def test_what_is_no_proof_is_refused_with_the_next_step(folder: Path, tmp_path: Path) -> None:
    path = tmp_path / "p.json"
    with pytest.raises(
        InputError, match=r"p\.json is missing\. Make a proof: wellkeeper why FOLDER DOCUMENT --proof"
    ):
        read_proof(path)
    path.write_text("{")
    with pytest.raises(InputError, match=r"p\.json is not JSON: .* Ask for the proof again"):
        read_proof(path)
    path.write_text("[]")
    with pytest.raises(InputError, match=r"p\.json is no proof of schema wellkeeper\.proof/1\. Make one"):
        read_proof(path)
    content = proof_of(folder, 3).to_json()
    for field in ("row", "rows", "salt", "path", "envelope"):
        path.write_text(json.dumps({name: value for name, value in content.items() if name != field}))
        with pytest.raises(InputError, match="is no whole proof"):
            read_proof(path)
    with pytest.raises(InputError, match=r"The ledger in .* has 600 rows, and no row 600. Give one of them."):
        proof_of(folder, ROWS)
    with pytest.raises(InputError, match=r"is no folder\. Make it, or write the proof elsewhere."):
        proof_of(folder, 3).write(tmp_path / "nowhere" / "p.json")


def test_one_document_is_checked_with_its_text(tmp_path: Path) -> None:
    sealed(tmp_path, key=KEY)
    found = verify_document(tmp_path, "letter-297", key=KEY.public)
    assert (found.ok, found.records[0]["row"], found.checked) == (True, 297, {"rows": 1})
    assert "  row 297: letter-297, keep by step-3: reason-3" in found.lines()
    path = tmp_path / "data" / "part-00000.parquet"
    path.write_bytes((tmp_path / "data" / "part-00001.parquet").read_bytes())
    moved = verify_document(tmp_path, "letter-0")
    assert {problem.code for problem in moved.problems} == {"text"}
    assert verify_document(tmp_path, "letter-1").ok, "a dropped document has no text there"
    with pytest.raises(InputError, match=r"has no document 'letter-600'\. Close ids: letter-"):
        verify_document(tmp_path, "letter-600")


def test_a_folder_without_its_hashes_cannot_prove_anything(tmp_path: Path) -> None:
    sealed(tmp_path, rows=40)
    (tmp_path / "ledger" / "tiles.bin").write_bytes(b"torn")
    with pytest.raises(InputError, match=r"tiles\.bin is missing or torn\. Run the recipe again"):
        proof_of(tmp_path, 3)
