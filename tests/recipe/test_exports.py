"""A curated and signed set in the hands of other people's tools: what they accept, and that they see one changed bit."""

import hashlib
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import corpora
import pytest

import wellkeeper
from wellkeeper.ledger.model_signing import sign_folder
from wellkeeper.ledger.signature import SigningKey, VerifyKey, new_key_files
from wellkeeper.ledger.verify import verify
from wellkeeper.recipe.marking import mark


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a recipe, a labelled source beside others, keys, and the set in `out`."""
    folder = tmp_path_factory.mktemp("exports")
    corpora.write(folder / "corpus", corpora.rows(120, seed=3))
    texts = [row["text"] for row in corpora.rows(10, seed=9)]
    (folder / "made.jsonl").write_text("".join(json.dumps({"text": text}) + "\n" for text in texts))
    mark(folder / "made.jsonl", generator="smollm2@v1", parents="human")
    new_key_files(folder / "lake")
    (folder / "recipe.yaml").write_text(
        "wellkeeper: 1\n"
        "sources:\n"
        "  corpus: {path: corpus/}\n"
        "  made: {path: made.jsonl}\n"
        "steps:\n  - exact-duplicates.v1: {}\n  - near-duplicates.v1: {}\n"
        "sign: {key: lake.key}\n"
    )
    wellkeeper.curate(folder / "recipe.yaml", out=folder / "out")
    return folder


def stock_check(folder: Path, public: Path) -> list[str]:
    """Files that are not as signed, by securesystemslib and SHA-256 alone; raises if the signature does not fit."""
    dsse = pytest.importorskip("securesystemslib.dsse")
    signer = pytest.importorskip("securesystemslib.signer")
    envelope = dsse.Envelope.from_dict(json.loads((folder / "manifest.dsse.json").read_text()))
    key = VerifyKey.load(public)
    envelope.verify([signer.SSlibKey.from_crypto(key.key, keyid=key.keyid)], 1)
    subjects = json.loads(envelope.payload)["subject"]
    return [
        row["name"]
        for row in subjects
        if hashlib.sha256((folder / row["name"]).read_bytes()).hexdigest() != row["digest"]["sha256"]
    ]


def flip(path: Path) -> None:
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(data)


def test_stock_tools_accept_the_signed_set_and_name_the_part_with_a_changed_bit(made: Path) -> None:
    out, public = made / "out", made / "lake.pub"
    assert stock_check(out, public) == []
    part = out / "data" / "part-00000.parquet"
    flip(part)
    try:
        assert stock_check(out, public) == ["data/part-00000.parquet"]
    finally:
        flip(part)
    other = new_key_files(made / "other")
    with pytest.raises(Exception, match="Accepted signatures do not match threshold"):
        stock_check(out, other.public)


def test_a_signature_for_model_signing_lies_beside_and_leaves_the_set_whole(made: Path) -> None:
    pytest.importorskip("model_signing")
    sign_folder(made / "out", SigningKey.new("p256"))
    assert (made / "out.sig").exists()
    told = verify(made / "out", key=VerifyKey.load(made / "lake.pub"))
    assert told.problems == ()


def test_all_files_of_the_set_are_signed_the_event_of_the_run_too(made: Path) -> None:
    content = json.loads((made / "out" / "manifest.dsse.json").read_text())
    import base64

    subjects = {row["name"] for row in json.loads(base64.b64decode(content["payload"]))["subject"]}
    out = made / "out"
    files = {path.relative_to(out).as_posix() for path in out.rglob("*") if path.is_file()}
    files = {name for name in files if not name.startswith(".work/")}
    assert "openlineage.json" in subjects
    assert subjects == files - {"manifest.dsse.json"}


VALIDATE = """
import json, logging, sys
import mlcroissant

logging.basicConfig(level=logging.WARNING)
dataset = mlcroissant.Dataset(sys.argv[1])
issues = dataset.metadata.ctx.issues
tables = [record_set.id for record_set in dataset.metadata.record_sets]
rows = {name: sum(1 for _ in dataset.records(name)) for name in tables}
print(json.dumps({"errors": sorted(issues.errors), "warnings": sorted(issues.warnings), "rows": rows}))
"""


def test_croissant_of_a_real_run_has_no_error_and_no_warning_and_loads_every_row(made: Path) -> None:
    pytest.importorskip("mlcroissant")
    command = [sys.executable, "-c", VALIDATE, str(made / "out" / "croissant.json")]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=300)
    assert done.returncode == 0, done.stderr
    assert "WARNING" not in done.stderr
    told: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    assert (told["errors"], told["warnings"]) == ([], [])
    counts = json.loads((made / "out" / "manifest.json").read_text())["counts"]
    assert told["rows"]["data"] == counts["kept"] > 0
    assert told["rows"]["documents"] == 130


def test_croissant_says_the_run_in_figures(made: Path) -> None:
    content = json.loads((made / "out" / "croissant.json").read_text())
    assert content["rai:dataCollection"].startswith(
        "130 records were read from corpus, made, of which the set keeps"
    )
    assert content["rai:dataCollectionTimeframe"] == ["2018-01-03", "2024-12-03"]
    assert [step.split(" ")[0] for step in content["rai:dataPreprocessingProtocol"]][:2] == [
        "exact-duplicates.v1",
        "near-duplicates.v1",
    ]
    assert "kept documents are of unknown origin" in content["rai:dataBiases"]


def test_the_card_of_a_real_run_tells_the_hub_that_models_made_some(made: Path) -> None:
    hub = pytest.importorskip("huggingface_hub")
    card = hub.DatasetCard.load(made / "out" / "README.md")
    assert card.data.annotations_creators == ["machine-generated"]
    assert card.data.language_creators == ["found", "machine-generated"]
    assert "synthetic" in card.data.tags
