"""`wellkeeper watermark`: keys, detection and the pooled test, as a person runs them."""

import json
import os
import re
import stat
import subprocess
import sys

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from marked_tokens import as_text, marked_rows, plain_rows, words_tokenizer
from wellkeeper.cli.watermark import _SCHEMES
from wellkeeper.errors import InputError
from wellkeeper.recipe.watermarks import detect, pooled_test
from wellkeeper.watermark.keys import SCHEMES, load_key

pytest.importorskip("tokenizers")

MARKED, PLAIN, LENGTH = 12, 28, 60


def run(folder, *arguments):
    return subprocess.run(
        [sys.executable, "-m", "wellkeeper", "watermark", *map(str, arguments)],
        capture_output=True,
        text=True,
        cwd=folder,
        env={**os.environ, "COLUMNS": "100", "OPENBLAS_NUM_THREADS": "1"},
        check=False,
    )


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    place = tmp_path_factory.mktemp("watermark-verb")
    (place / "tokenizer.json").write_text(json.dumps(words_tokenizer()))
    for name, seed in (("key", 1), ("other", 2)):
        done = run(
            place, "new", "--scheme", "gumbel", "--tokenizer", ".", "--seed", seed, "--out", f"{name}.json"
        )
        assert (done.returncode, done.stderr) == (0, "")
    key = load_key(place / "key.json")
    rows = marked_rows(key, documents=MARKED, length=LENGTH) + plain_rows(documents=PLAIN, length=LENGTH)
    lines = [json.dumps({"id": f"d{k}", "text": as_text(row), "ids": row}) for k, row in enumerate(rows)]
    (place / "corpus.jsonl").write_text("\n".join(lines) + "\n")
    (place / "plain.jsonl").write_text("\n".join(lines[MARKED:]) + "\n")
    pq.write_table(
        pa.table({"name": [f"d{k}" for k in range(len(rows))], "input_ids": rows}), place / "ids.parquet"
    )
    return place


def test_a_new_key_is_its_owners_and_says_its_id(folder):
    done = run(
        folder, "new", "--scheme", "synthid", "--vocabulary", 500, "--set", "depth=4", "--out", "new.json"
    )
    assert done.returncode == 0
    key = load_key(folder / "new.json")
    assert done.stdout == f"new.json: synthid, vocabulary 500, id {key.id}\n"
    assert key.parameters["depth"] == 4
    assert stat.S_IMODE((folder / "new.json").stat().st_mode) == 0o600
    again = run(folder, "new", "--scheme", "synthid", "--vocabulary", 500, "--out", "new.json")
    assert again.returncode == 2
    assert again.stderr.endswith("a key written over is lost. Choose another name.\n")


def test_marked_documents_are_named_and_the_exit_code_is_1(folder):
    done = run(folder, "detect", "corpus.jsonl", "--key", "key.json", "--tokenizer", ".", "--out", "out")
    assert (done.returncode, done.stderr) == (1, "")
    lines = done.stdout.splitlines()
    assert lines[0].startswith("12 of 40 documents carry the mark of ")
    assert sum(line.startswith("  d") for line in lines) == 10
    assert "  ... and 2 more; --out DIR writes all" in lines
    assert lines[-4].startswith("A document without a mark is not thereby human")
    table = pq.read_table(folder / "out" / "watermarks.parquet").to_pydict()
    assert table["id"] == [f"d{k}" for k in range(40)]
    assert table["marked"] == [True] * 12 + [False] * 28
    assert table["line"] == list(range(1, 41))


def test_json_is_one_object_and_holds_no_key(folder):
    done = run(
        folder, "detect", "corpus.jsonl", "--key", "key.json", "--tokenizer", ".", "--json", "--exit-zero"
    )
    assert done.returncode == 0
    document = json.loads(done.stdout)
    assert document["schema"] == "wellkeeper.watermark/1"
    assert (document["marked"], document["listed"], len(document["documents"])) == (12, "all", 40)
    assert document["control"]["method"] == "benjamini-hochberg"
    key = load_key(folder / "key.json")
    assert document["keys"][0]["id"] == key.id
    assert str(key.secret["key"]) not in done.stdout
    assert key.secret["salt"] not in done.stdout


def test_the_verb_offers_every_scheme_there_is():
    assert tuple(SCHEMES) == _SCHEMES


def test_nothing_found_exits_with_0(folder):
    done = run(folder, "detect", "plain.jsonl", "--key", "other.json", "--tokenizer", ".")
    assert done.returncode == 0
    assert "plain: text column: 'text'" in done.stdout
    assert done.stdout.startswith("no document carries the mark of ")


def test_ids_and_text_give_the_same(folder):
    by_text = detect(folder / "corpus.jsonl", [folder / "key.json"], tokenizer=folder, workers=1)
    for inputs, column, name in (("corpus.jsonl", "ids", "id"), ("ids.parquet", "input_ids", "name")):
        by_ids = detect(folder / inputs, [folder / "key.json"], ids=column, id=name)
        for wanted in ("id", "tokens", "scored", "statistic", "p_value", "marked"):
            assert by_ids.table().column(wanted).to_pylist() == by_text.table().column(wanted).to_pylist()


def test_workers_change_nothing(folder, monkeypatch):
    from wellkeeper.engine.readers import jsonl

    cut = jsonl.blocks
    monkeypatch.setattr(jsonl, "blocks", lambda file, **given: cut(file, **{**given, "block_bytes": 2000}))
    found = [
        detect(folder / "corpus.jsonl", [folder / "key.json"], tokenizer=folder, workers=workers).to_json()
        for workers in (1, 3)
    ]
    assert found[0] == found[1]
    assert found[0]["marked"] == 12


def test_bad_rows_are_counted_and_the_rest_is_read(folder):
    rows = [
        '{"ids": [1, 2, 3]}',
        "not json",
        '{"ids": "1 2"}',
        '{"ids": [-1]}',
        '{"text": "a"}',
        '{"ids": []}',
    ]
    (folder / "bad.jsonl").write_text("\n".join(rows))
    found = detect(folder / "bad.jsonl", [folder / "key.json"], ids="ids")
    assert (len(found.table()), found.quarantined) == (2, 4)
    assert found.table().column("id").to_pylist() == ["bad.jsonl:1", "bad.jsonl:6"]
    with pytest.raises(
        InputError, match=r"^bad.jsonl, line 2: not JSON.*\(--strict stops at the first bad record\)"
    ):
        detect(folder / "bad.jsonl", [folder / "key.json"], ids="ids", strict=True)


def test_rows_of_a_table_that_are_no_ids_are_left_out(folder):
    pq.write_table(pa.table({"input_ids": [[1, 2], None, [3, 2**40], [4]]}), folder / "nulls.parquet")
    found = detect(folder / "nulls.parquet", [folder / "key.json"], ids="input_ids")
    assert found.table().column("line").to_pylist() == [1, 4]
    with pytest.raises(InputError, match=r"has no column 'ids'. It has input_ids. Name one of them.$"):
        detect(folder / "nulls.parquet", [folder / "key.json"], ids="ids")


def test_the_pooled_test_tells_marked_from_plain(folder):
    marked = run(folder, "radioactivity", "corpus.jsonl", "--key", "key.json", "--tokenizer", ".")
    assert marked.returncode == 1
    assert "(gumbel): above chance, p " in marked.stdout
    plain = run(folder, "radioactivity", "plain.jsonl", "--key", "key.json", "--tokenizer", ".", "--json")
    assert plain.returncode == 0
    document = json.loads(plain.stdout)
    assert document["schema"] == "wellkeeper.radioactivity/1"
    assert document["keys"][0]["documents"] == PLAIN
    assert not document["keys"][0]["above_chance"]
    both = pooled_test(folder / "ids.parquet", [folder / "key.json", folder / "other.json"], ids="input_ids")
    assert [one.p_value < 1e-6 for _, one in both.found] == [True, False]
    assert document["inputs"]["quarantined"] == 0
    assert document["inputs"]["columns"][0].startswith("plain: text column: 'text' (guessed")
    assert "plain: text column: 'text'" not in marked.stdout
    assert "corpus: text column: 'text'" in marked.stdout


def test_what_stands_in_other_text_is_left_out_of_the_pooled_test(folder):
    done = run(
        folder,
        "radioactivity",
        "corpus.jsonl",
        "--key",
        "key.json",
        "--ids",
        "ids",
        "--without",
        "corpus.jsonl",
    )
    assert done.returncode == 0
    assert re.search(
        r"no more than chance, p 1 over 0 distinct .* [\d,]+ that stand in other text", done.stdout
    )


def test_a_unigram_key_is_cautioned_about_wherever_it_is_used(folder):
    made = run(folder, "new", "--scheme", "unigram", "--vocabulary", 400, "--out", "unigram.json")
    assert (made.returncode, made.stderr) == (0, SCHEMES["unigram"].caution + "\n")
    for verb in ("detect", "radioactivity"):
        arguments = (verb, "plain.jsonl", "--key", "unigram.json", "--ids", "ids", "--exit-zero")
        assert SCHEMES["unigram"].caution in run(folder, *arguments).stdout.replace("\n", " ")
        assert json.loads(run(folder, *arguments, "--json").stdout)["cautions"] == [
            SCHEMES["unigram"].caution
        ]
    assert detect(folder / "plain.jsonl", [folder / "key.json"], ids="ids").to_json()["cautions"] == []


def test_a_column_that_no_record_has_is_named_with_those_there_are(folder):
    wrong = r"^corpus\.jsonl has no column 'token' from line 1 to line 40\. It has id, text, ids\. Name one of them\.$"
    with pytest.raises(InputError, match=wrong):
        detect(folder / "corpus.jsonl", [folder / "key.json"], ids="token")
    with pytest.raises(InputError, match=wrong):
        detect(folder / "corpus.jsonl", [folder / "key.json"], ids="ids", id="token")
    with pytest.raises(
        InputError,
        match=r"^No document could be read\. The first record, corpus\.jsonl, line 1: 'text' is no list of token ids\.",
    ):
        detect(folder / "corpus.jsonl", [folder / "key.json"], ids="text")


def test_a_token_beyond_the_vocabulary_is_named_with_its_place(folder):
    (folder / "beyond.jsonl").write_text('{"ids": [1, 2]}\n{"ids": []}\n{"ids": [3, 400]}\n')
    message = r"^beyond\.jsonl, line 3: a token has the id 400, and the key's vocabulary ends at 400\. Give the token"
    for run_ in (detect, pooled_test):
        with pytest.raises(InputError, match=message):
            run_(folder / "beyond.jsonl", [folder / "key.json"], ids="ids")


def test_of_many_documents_the_strongest_are_listed(folder, monkeypatch):
    monkeypatch.setattr("wellkeeper.recipe.watermarks.LISTED", 5)
    found = detect(folder / "corpus.jsonl", [folder / "key.json"], ids="ids", id="id")
    document = found.to_json()
    strongest = sorted(found.table().to_pylist(), key=lambda row: row["p_value"])[:5]
    assert {row["id"] for row in document["documents"]} == {row["id"] for row in strongest}
    assert [row["line"] for row in document["documents"]] == sorted(row["line"] for row in strongest)
    assert document["listed"] == "marked"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (
            ["detect", "corpus.jsonl", "--key", "key.json"],
            "no tokeniser is given. Name that of the model which may",
        ),
        (
            ["detect", "corpus.jsonl", "--key", "no.json", "--ids", "ids"],
            "no.json does not exist. Make a key with",
        ),
        (
            ["detect", "plain.txt", "--key", "key.json", "--ids", "ids"],
            "plain.txt is text, which has no lists of numb",
        ),
        (["new", "--scheme", "gumbel", "--out", "k.json"], "Neither a tokeniser nor a vocabulary is given."),
        (
            ["new", "--scheme", "gumbel", "--vocabulary", "9", "--seed", "x", "--out", "k"],
            "seed is 'x'. Give a whole",
        ),
        (
            ["new", "--scheme", "gumbel", "--vocabulary", "9", "--tokenizer", ".", "--out", "k"],
            "tokeniser has 400 tok",
        ),
        (
            ["new", "--scheme", "gumbel", "--vocabulary", "9", "--set", "a", "--out", "k"],
            "--set a is no setting.",
        ),
        (["embed", "--key", "key.json", "--model", "m"], "No prompt is given. Give one with --prompt TEXT"),
        (
            ["embed", "--key", "key.json", "--model", "m", "--prompts", "no.txt"],
            "no.txt cannot be read (No such file or directory). Give a file with one prompt a line.",
        ),
    ],
)
def test_what_cannot_be_done_exits_with_2_and_says_what_to_do(folder, arguments, message):
    (folder / "plain.txt").write_text("w1 w2")
    done = run(folder, *arguments)
    assert done.returncode == 2
    assert message in done.stderr
    assert done.stdout == ""


def test_another_tokeniser_is_refused_unless_any_will_do(folder):
    (folder / "wide.json").write_text(json.dumps(words_tokenizer(399)))
    refused = run(folder, "detect", "corpus.jsonl", "--key", "key.json", "--tokenizer", "wide.json")
    assert refused.returncode == 2
    assert "was made for the tokeniser" in refused.stderr
    taken = run(
        folder, "detect", "corpus.jsonl", "--key", "key.json", "--tokenizer", "wide.json", "--any-tokenizer"
    )
    assert taken.returncode == 1


def test_without_a_model_embed_prints_code_that_marks(folder):
    done = run(folder, "embed", "--key", "key.json", "--temperature", "0.7", "--tokens", "50")
    assert done.returncode == 0
    compile(done.stdout, "snippet", "exec")
    assert "writer = writer_of(load_key(Path('key.json')), temperature=0.7)" in done.stdout
