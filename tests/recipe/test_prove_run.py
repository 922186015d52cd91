"""`prove` from files to a verdict: what it says of clean and of soiled sets, and what it keeps out of them."""

import json
import sys
from pathlib import Path

import jsonschema
import pytest

import wellkeeper
from wellkeeper.errors import DataError, InputError

HERE = Path(__file__).parents[2]
sys.path.insert(0, str(HERE / "tests/lab"))

from proof_texts import texts

SCHEMA = json.loads((HERE / "src/wellkeeper/recipe/prove.schema.json").read_text())


def write(path: Path, rows: list[dict[str, str]]) -> Path:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


def rows(found: list[str], **fields: str) -> list[dict[str, str]]:
    return [{"text": text, **fields} for text in found]


@pytest.fixture(scope="module")
def sets(tmp_path_factory) -> dict[str, Path]:
    folder = tmp_path_factory.mktemp("prove")
    letters = rows(texts(100, 1, words=80), source="letters", origin="human")
    diaries = rows(texts(100, 2, words=80), source="diaries", origin="human")
    made = rows(texts(120, 3, dialect=1, words=80), source="made", origin="ai-generated")
    held_out = [
        *rows(texts(50, 4), source="letters", origin="human"),
        *rows(texts(40, 5), source="novels", origin="human"),
    ]
    shared = rows([held_out[0]["text"], held_out[1]["text"].upper()], source="letters", origin="human")
    return {
        "raw": write(folder / "raw.jsonl", [*letters, *made, *diaries, *shared]),
        "clean": write(folder / "clean.jsonl", [*diaries, *letters]),
        "held_out": write(folder / "held-out.jsonl", held_out),
        "folder": folder,
    }


@pytest.fixture(scope="module")
def proof(sets, tmp_path_factory):
    return wellkeeper.prove(
        sets["raw"],
        sets["clean"],
        held_out=sets["held_out"],
        worth=True,
        draws=2,
        out=tmp_path_factory.mktemp("proof"),
        workers=2,
    )


def settled(found) -> dict:
    """The document without what depends on place and time."""
    document = found.to_json()
    del document["run"]
    return document


def test_a_set_without_the_machines_words_is_better_and_the_document_says_where(proof) -> None:
    assert proof.verdict == "better"
    assert proof.gain["low"] > 0
    jsonschema.validate(proof.to_json(), SCHEMA)
    where = {f"{gain['kind']} {gain['name']}".strip(): gain for gain in proof.document["sets"][0]["where"]}
    assert {"band 1", "worst", "source letters", "source novels"} <= set(where)
    assert where["source letters"]["documents"] == 50
    assert where["source letters"]["estimate"] > 0
    assert repr(proof).startswith("Proof(clean better, +")


def test_what_the_held_out_text_shares_is_left_out_and_counted(proof) -> None:
    raw, clean = proof.document["inputs"]["sets"]
    assert raw["in_held_out"]["documents"] == 2
    assert raw["drawn_from"]["documents"] == raw["documents"] - 2
    assert clean["in_held_out"] == {"documents": 0, "words": 0}
    assert proof.document["inputs"]["held_out"]["in_training"] == 2


def test_without_the_machines_documents_nothing_is_left_of_the_gain(proof) -> None:
    assert [found["synthetic"]["documents"] for found in proof.document["inputs"]["sets"]] == [120, 0]
    without = proof.document["without_synthetic"]["sets"][0]
    assert without["verdict"] == "no difference found"
    assert abs(without["gain"]["estimate"]) < 1e-9


def test_the_machines_words_are_ever_worse_in_place_of_others(proof) -> None:
    doses = proof.document["dose_response"]["doses"]
    assert [dose["share"] for dose in doses] == [0, 0.01, 0.05, 0.1, 0.25, 0.5]
    gains = [dose["gains"][0] for dose in doses[1:]]
    assert gains[-1]["verdict"] == "worse"
    assert gains[-1]["estimate"] < gains[2]["estimate"] < 0


def test_the_machine_is_the_source_that_hurts(proof) -> None:
    worth = {source["name"]: source for source in proof.document["worth"]["sources"]}
    assert set(worth) == {"letters", "diaries", "made"}
    assert worth["made"]["surprise"]["verdict"] == "hurts"
    values = [source["surprise"]["shapley"]["estimate"] for source in worth.values()]
    assert sum(values) == pytest.approx(proof.document["worth"]["mixture"]["surprise"])


@pytest.mark.parametrize(
    "options",
    [
        {"workers": 1},
        {"workers": 3, "block_bytes": 9_000},
        pytest.param({"workers": 2, "executor": "processes"}, marks=pytest.mark.slow),
    ],
)
def test_workers_blocks_executors_and_a_second_run_change_nothing(options, proof, sets, tmp_path) -> None:
    for _ in range(2):
        again = wellkeeper.prove(
            sets["raw"],
            sets["clean"],
            held_out=sets["held_out"],
            worth=True,
            draws=2,
            out=tmp_path,
            **options,
        )
        assert settled(again) == settled(proof)


def test_the_order_of_documents_and_their_files_change_no_figure(proof, sets, tmp_path) -> None:
    lines = sets["raw"].read_text().splitlines()
    folder = tmp_path / "raw"
    folder.mkdir()
    for number in range(3):
        (folder / f"part-{number}.jsonl").write_text("\n".join(lines[number::3][::-1]) + "\n")
    again = wellkeeper.prove(
        folder, sets["clean"], held_out=sets["held_out"], worth=True, draws=2, out=tmp_path / "out"
    )
    for key in ("verdict", "words", "dose_response"):
        assert again.document[key] == proof.document[key], key
    assert again.document["sets"] == proof.document["sets"]
    worth = [
        {source["name"]: source for source in found.document["worth"]["sources"]} for found in (again, proof)
    ]
    assert worth[0] == worth[1]


def test_an_output_folder_of_curate_is_read_by_its_documents_alone(sets, tmp_path) -> None:
    recipe = tmp_path / "recipe.yaml"
    source = f"{{path: {sets['raw']}, text: text, source: source, origin: {{column: origin}}}}"
    recipe.write_text(
        f"wellkeeper: 1\nsources:\n  raw: {source}\nsteps:\n  - exact-duplicates.v1: {{}}\n"
        "mix: {size: all, synthetic_share: {max: 0.0}}\n"
    )
    wellkeeper.curate(recipe, out=tmp_path / "mine")
    found = wellkeeper.prove(
        sets["raw"], tmp_path / "mine", held_out=sets["held_out"], draws=2, out=tmp_path / "out"
    )
    assert found.verdict == "better"
    described = found.document["inputs"]["sets"][1]
    assert (described["name"], described["documents"]) == ("mine", 202)


def test_doses_may_come_from_a_path_of_their_own(sets, tmp_path) -> None:
    dose = write(tmp_path / "dose.jsonl", rows(texts(80, 9, dialect=2)))
    found = wellkeeper.prove(
        sets["clean"],
        write(tmp_path / "half.jsonl", rows(texts(100, 1, words=80))),
        held_out=sets["held_out"],
        dose=dose,
        draws=2,
        out=tmp_path / "out",
    )
    assert found.document["without_synthetic"] is None
    assert found.document["inputs"]["dose"]["documents"] == 80
    assert found.document["dose_response"]["doses"][-1]["gains"][0]["verdict"] == "worse"


def test_a_test_that_the_training_set_holds_is_refused(sets, tmp_path) -> None:
    with pytest.raises(
        InputError,
        match=r"90 of 90 held-out documents stand in held-out.*hold out human documents that no set has\.",
    ):
        wellkeeper.prove(sets["raw"], sets["held_out"], held_out=sets["held_out"], out=tmp_path)


@pytest.mark.parametrize(
    ("change", "error", "says"),
    [
        ({"proxy": "transfomer"}, InputError, r"no proxy 'transfomer'\. Did you mean transformer\?"),
        ({"proxy": "smollm2"}, InputError, r"begins with a model of yours\. Give it as --model PATH"),
        (
            {"model": "x.gguf"},
            InputError,
            r"The ngram proxy is fitted from scratch.*choose --proxy smollm2\.",
        ),
        ({"draws": 1}, DataError, r"seeds is 1\. Give at least 2"),
        ({"words": 0}, DataError, r"words is 0\. Ask for at least 1"),
        ({"margin": 0.0}, DataError, r"margin is 0\. Give a number of nats above 0"),
        ({"held_out": []}, InputError, r"no held-out text\. Give human text"),
    ],
)
def test_what_cannot_be_run_says_what_to_do(change, error, says, sets, tmp_path) -> None:
    options = {"held_out": sets["held_out"], "out": tmp_path, **change}
    with pytest.raises(error, match=says):
        wellkeeper.prove(sets["raw"], sets["clean"], **options)


def test_few_held_out_documents_are_not_enough(sets, tmp_path) -> None:
    few = write(tmp_path / "few.jsonl", rows(texts(9, 8)))
    with pytest.raises(
        DataError, match=r"The held-out text has 9 distinct documents.*better some hundreds\."
    ):
        wellkeeper.prove(sets["raw"], sets["clean"], held_out=few, out=tmp_path)


@pytest.mark.parametrize(
    ("count", "words", "says"),
    [
        (9, None, r"^small has too few documents with words for an interval: 9\. Give at least 10\."),
        (
            60,
            20,
            r"^The longest draw of \w+, 80 words, takes \d of its documents, too few.*Ask for more words with --words",
        ),
    ],
)
def test_whether_the_set_or_the_draw_is_too_small_is_told_apart(count, words, says, sets, tmp_path) -> None:
    small = write(tmp_path / "small.jsonl", rows(texts(count, 9)))
    with pytest.raises(DataError, match=says):
        wellkeeper.prove(sets["raw"], small, held_out=sets["held_out"], words=words, out=tmp_path / "out")


def test_a_set_that_stands_in_the_held_out_text_is_told(sets, tmp_path) -> None:
    human = texts(60, 9)
    held_out = write(tmp_path / "human.jsonl", rows(human))
    small = write(tmp_path / "small.jsonl", rows([*human[:12], *texts(4, 10)]))
    with pytest.raises(
        DataError,
        match=r"^12 of the 16 documents of small stand in the held-out text, and the 4 others are too few",
    ):
        wellkeeper.prove(sets["raw"], small, held_out=held_out, out=tmp_path / "out")


@pytest.mark.torch
def test_a_model_that_is_missing_is_told_before_texts_are_read(sets, tmp_path) -> None:
    pytest.importorskip("torch", reason="the extra lm-torch is not installed")
    pytest.importorskip("transformers", reason="the extra lm-torch is not installed")
    with pytest.raises(InputError, match=r"absent holds no model"):
        wellkeeper.prove(
            tmp_path / "unread.jsonl",
            sets["clean"],
            held_out=sets["held_out"],
            proxy="smollm2",
            model=tmp_path / "absent",
            out=tmp_path / "out",
        )


def test_no_figure_hangs_on_the_order_of_lines_or_on_how_files_are_called(tmp_path) -> None:
    """Copies in two sources, some declared AI-generated, and more text than draws are taken from."""
    found = texts(120, 1, words=80)
    raw = [
        *rows(found, source="letters", origin="human"),
        *rows(found[:50], source="diaries", origin="ai-generated"),
        *rows(texts(110, 2, words=80), source="diaries", origin="human"),
    ]
    clean, held_out = rows(found, origin="human"), rows(texts(60, 4), origin="human")

    def figures(folder: Path, raw, clean, held_out) -> dict:
        (folder / "raw").mkdir(parents=True)
        half = len(raw) // 3
        write(folder / "raw" / f"{folder.name}-1.jsonl", raw[:half])
        write(folder / "raw" / f"{folder.name}-0.jsonl", raw[half:])
        proof = wellkeeper.prove(
            folder / "raw",
            write(folder / "clean.jsonl", clean),
            held_out=write(folder / "human.jsonl", held_out),
            words=4_000,
            draws=2,
            worth=True,
            out=folder / "out",
        )
        found = dict(proof.document)
        assert found.pop("run")
        assert found["inputs"].pop("columns")
        return found

    there = figures(tmp_path / "there", raw, clean, held_out)
    back = figures(tmp_path / "back", raw[::-1], clean[::-1], held_out[::-1])
    assert there["inputs"]["sets"][0]["drawn_from"]["documents"] < len(raw)
    assert there["worth"] is not None
    assert json.loads(json.dumps(there)) == json.loads(json.dumps(back))


def test_the_source_column_of_one_input_need_not_be_in_the_others(sets, tmp_path) -> None:
    boards = [
        *rows(texts(100, 1, words=80), board="letters"),
        *rows(texts(100, 2, words=80), board="diaries"),
    ]
    raw = write(tmp_path / "boards.jsonl", boards)
    options = {"held_out": sets["held_out"], "worth": True, "draws": 2, "out": tmp_path / "out"}
    found = wellkeeper.prove(raw, sets["clean"], source="board", **options).document
    assert {source["name"] for source in found["worth"]["sources"]} == {"letters", "diaries"}
    assert not any(
        "source column" in said for said in found["inputs"]["columns"] if said.startswith("boards")
    )
    with pytest.raises(
        InputError, match=r"No input has a column 'bord' for the source\. Name an existing one with --source"
    ):
        wellkeeper.prove(raw, sets["clean"], source="bord", **options)


def test_a_set_beside_itself_differs_by_nothing_and_that_it_is_itself_is_said(sets, tmp_path) -> None:
    found = wellkeeper.prove(
        sets["raw"], sets["raw"], held_out=sets["held_out"], draws=2, out=tmp_path / "out"
    ).document
    assert found["verdict"] == "no difference found"
    assert (found["sets"][0]["gain"]["low"], found["sets"][0]["gain"]["high"]) == (0, 0)
    assert "raw (2) has the same documents as raw (1)." in found["notes"]


def test_a_raw_set_of_one_source_leaves_nothing_to_weigh_and_says_so(sets, tmp_path) -> None:
    one = write(tmp_path / "one.jsonl", rows(texts(100, 1, words=80)))
    found = wellkeeper.prove(
        one, sets["clean"], held_out=sets["held_out"], worth=True, draws=2, out=tmp_path / "out"
    )
    assert found.document["worth"] is None
    assert any("there is nothing to weigh against" in note for note in found.document["notes"])
