"""The example corpus, whose truth is known: what `audit` and `curate` say of it against what is planted in it."""

import json
from pathlib import Path

import jsonschema
import pyarrow as pa
import pyarrow.dataset as ds
import pyarrow.parquet as pq
import pytest

import wellkeeper
from wellkeeper.ledger.why import why

HERE = Path(__file__).parents[2]
EXAMPLES = HERE / "examples"
TRUTH = json.loads((EXAMPLES / "truth.json").read_text())
PLANTED = TRUTH["planted"]


@pytest.fixture(scope="module")
def audit(tmp_path_factory):
    out = tmp_path_factory.mktemp("audit")
    return wellkeeper.audit(EXAMPLES / "corpus", reference=EXAMPLES / "reference", out=out)


@pytest.fixture(scope="module")
def curation(tmp_path_factory):
    return wellkeeper.curate(
        HERE / "recipes" / "finetune.yaml", out=tmp_path_factory.mktemp("set") / "finetune"
    )


@pytest.fixture(scope="module")
def ledger(curation):
    rows = pq.read_table(curation.paths["ledger"] / "documents").to_pylist()
    return {row["id"]: row for row in rows}


def test_the_audit_keeps_its_contract(audit):
    schema = json.loads((HERE / "src/wellkeeper/recipe/audit.schema.json").read_text())
    jsonschema.Draft202012Validator.check_schema(schema)
    jsonschema.validate(audit.to_json(), schema)
    assert audit.verdict == "findings"


def test_counts_are_those_of_the_truth(audit):
    truth, inputs = TRUTH["corpus"]["all"], audit.document["inputs"]
    for key in ("documents", "bytes", "words", "quarantined"):
        assert inputs[key] == truth[key]
    sources = {row["name"]: row for row in inputs["sources"]}
    for row in TRUTH["corpus"]["by_source"]:
        assert {key: sources[row["source"]][key] for key in ("documents", "bytes", "words")} == {
            key: row[key] for key in ("documents", "bytes", "words")
        }
    dates = audit.document["origin"]["dates"]
    assert dates["before"] + dates["after"] == truth["dated"]
    assert audit.document["rights"]["unknown_licence"] == 0


def test_declared_origins_are_those_of_the_truth(audit, curation):
    """The audit sees no label on the books; the recipe vouches for them."""
    truth, books = TRUTH["corpus"]["all"]["declared"], TRUTH["corpus"]["by_folder"]["books"]["documents"]
    declared = audit.document["origin"]["declared"]
    assert declared["human"] == truth["human"] - books
    assert declared["unknown"] == truth["unknown"] + books
    assert declared["ai-generated"] == truth["ai-generated"]
    table = pq.read_table(curation.paths["ledger"] / "documents", columns=["origin_declared"])
    found = {
        row["values"]: row["counts"] for row in table.column(0).cast(pa.string()).value_counts().to_pylist()
    }
    assert found == truth


def test_every_bad_record_is_quarantined_where_it_stands(audit):
    found = [
        {key: row[key] for key in ("file", "line", "offset", "code")}
        for row in audit.document["inputs"]["quarantine"]
    ]
    assert sorted(found, key=lambda row: row["line"]) == sorted(
        TRUTH["quarantine"], key=lambda row: row["line"]
    )


def test_duplicates_are_the_planted_ones_and_the_natural_one(audit):
    duplicates = audit.document["duplicates"]
    assert duplicates["exact"]["redundant"] == len(PLANTED["exact"])
    assert duplicates["near"]["redundant"] == TRUTH["corpus"]["near"]["redundant_after_exact"]


def test_traces_of_chat_tools_are_the_planted_ones(audit):
    planted: dict[str, set[str]] = {}
    for row in PLANTED["artefacts"]:
        planted.setdefault(row["kind"], set()).add(row["id"])
    found = {row["kind"]: row["documents"] for row in audit.document["origin"]["evidence"]}
    assert {kind: len(ids) for kind, ids in planted.items()} == {kind: found[kind] for kind in planted}
    quoted = found.get("quoted-assistant-voice", 0) + found.get("quoted-chat-template", 0)
    assert quoted == len(PLANTED["quotations"])


def test_the_share_is_honestly_not_identified_and_its_bounds_hold(audit):
    truth = TRUTH["corpus"]["all"]["origin"]
    share = audit.share
    assert share["estimate"] is None
    # 16 AI labels are planted falsely on copies of human texts: bounds are about what sources declare
    false = sum(row["false_label"] for row in (*PLANTED["exact"], *PLANTED["near"]))
    made = truth["ai-generated"] / TRUTH["corpus"]["all"]["documents"]
    assert share["low"] - false / TRUTH["corpus"]["all"]["documents"] <= made <= share["high"]


def test_rare_words_of_the_reference_are_fewer_than_another_human_half_would_keep(audit):
    reference = audit.document["tails"]["reference"]
    assert reference["gap"]["high"] < 0
    assert reference["coverage"]["estimate"] < reference["ceiling"]["estimate"]


def test_rows_reconcile_and_every_document_has_one(curation, ledger):
    document = curation.document
    assert (
        document["read"]
        == document["kept"] + document["dropped"] + document["review"] + document["quarantined"]
    )
    assert document["read"] == TRUTH["corpus"]["all"]["documents"] + len(TRUTH["quarantine"])
    assert set(ledger) == {id_ for id_ in TRUTH["origin"] if not id_.startswith("reference-")}
    data = pq.read_table(curation.paths["data"])
    assert set(data.column("id").to_pylist()) == {
        id_ for id_, row in ledger.items() if row["decision"] == "keep"
    }
    rejected = pq.read_table(curation.paths["folder"] / "rejected")
    assert data.num_rows + rejected.num_rows == len(ledger)


def test_a_human_original_is_never_dropped_for_an_ai_copy(ledger):
    for row in ledger.values():
        if row["survivor_id"] is not None and row["origin"] == "human":
            assert ledger[row["survivor_id"]]["origin"] == "human"
    false = [row for row in (*PLANTED["exact"], *PLANTED["near"]) if row["false_label"]]
    assert false
    for pair in false:
        original, copy = ledger[pair["original"]], ledger[pair["copy"]]
        if original["origin"] == "human" and copy["origin"] == "ai-generated":
            assert original["survivor_id"] != pair["copy"]


def test_planted_near_duplicates_go_with_their_similarity_and_related_texts_stay_apart(ledger):
    partners = {row["id"]: row["survivor_id"] for row in ledger.values() if row["survivor_id"]}
    for pair in PLANTED["near"]:
        ids = {pair["original"], pair["copy"]}
        gone = [id_ for id_ in ids if partners.get(id_) in ids]
        if gone:
            assert ledger[gone[0]]["score"] == pytest.approx(pair["jaccard"], abs=1e-4)
        else:  # an earlier step dropped one of them
            assert any(ledger[id_]["step"] in ("quality.v1", "artefacts.v1") for id_ in ids)
    for pair in PLANTED["related"]:
        assert partners.get(pair["copy"]) != pair["original"]
        assert partners.get(pair["original"]) != pair["copy"]


def test_low_quality_rows_are_dropped_by_rule(ledger):
    mild = {"lorem-ipsum", "curly-brackets"}  # C4's rules, which this recipe does not name
    for row in PLANTED["low_quality"]:
        if row["rule"] not in mild and not row["rule"].startswith(("c4", "lorem", "curly")):
            assert ledger[row["id"]]["step"] == "quality.v1", row


def test_constraints_hold_exactly(curation):
    for constraint in curation.document["mix"]["constraints"]:
        assert constraint["holds"]
        if constraint["name"] == "human-floor":
            assert constraint["after"] >= constraint["limit"]
        elif constraint["name"] != "size":
            assert constraint["after"] <= constraint["limit"]


@pytest.mark.parametrize(
    ("step", "says"),
    [
        (None, "kept: no step objected"),
        ("near-duplicates.v1", "dropped by near-duplicates.v1: similarity 0."),
        ("exact-duplicates.v1", "dropped by exact-duplicates.v1: the same text as"),
        ("quality.v1", "dropped by quality.v1: gopher-"),
        ("artefacts.v1", "dropped by artefacts.v1:"),
        ("mix", "dropped by mix: "),
    ],
)
def test_why_explains_one_of_each_fate(curation, ledger, step, says):
    fate = "keep" if step is None else "drop"
    id_ = next(row["id"] for row in ledger.values() if row["step"] == step and row["decision"] == fate)
    assert says in "\n".join(why(curation.paths["folder"], id_).lines())


def test_why_explains_a_quarantined_record_by_its_place(curation):
    bad = TRUTH["quarantine"][0]
    name = next(file for file in _files(curation) if file.endswith(bad["file"].rpartition("/")[2]))
    told = "\n".join(why(curation.paths["folder"], f"{name}:{bad['line']}").lines())
    assert bad["code"] in told


def _files(curation):
    return [row["name"] for row in json.loads(curation.paths["manifest"].read_text())["inputs"]]


def test_the_set_loads_in_the_tools_people_use(curation, monkeypatch, tmp_path):
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    monkeypatch.setenv("HF_HOME", str(tmp_path))
    datasets = pytest.importorskip("datasets")
    duckdb = pytest.importorskip("duckdb")
    pandas = pytest.importorskip("pandas")
    polars = pytest.importorskip("polars")
    folder, data = str(curation.paths["folder"]), str(curation.paths["data"])
    rows = curation.kept
    assert datasets.load_dataset(folder, cache_dir=str(tmp_path))["train"].num_rows == rows
    assert ds.dataset(data).count_rows() == rows
    assert len(pandas.read_parquet(data)) == rows
    assert polars.read_parquet(f"{data}/*.parquet").height == rows
    assert duckdb.sql(f"select count(*) from '{data}/*.parquet'").fetchall() == [(rows,)]


def test_a_dry_run_decides_the_same_and_leaves_nothing(curation, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    dry = wellkeeper.curate(HERE / "recipes" / "finetune.yaml", dry_run=True)
    for key in ("kept", "dropped", "review", "quarantined", "steps", "mix"):
        assert dry.document[key] == curation.document[key]
    assert list(tmp_path.iterdir()) == []


def test_an_override_changes_the_set_and_another_recipe_does_not_overwrite_it(curation, tmp_path):
    recipe = HERE / "recipes" / "finetune.yaml"
    folder = tmp_path / "set"
    few = wellkeeper.curate(recipe, overrides=["mix.size={documents: 100}"], out=folder)
    assert few.kept == 100
    with pytest.raises(
        wellkeeper.errors.WorkError, match=r"holds the output of another recipe.*Choose another"
    ):
        wellkeeper.curate(recipe, out=folder)
