"""Repeated passages from recipe to output: what is cut stands elsewhere, and the ledger tells all of it."""

import json
import re

import pyarrow.parquet as pq
import pytest
from naive import words_of

import wellkeeper
from wellkeeper.errors import RecipeError
from wellkeeper.ledger.why import why

SHARED = " ".join(f"shared{k}" for k in range(30))


def own(name, count):
    return " ".join(f"{name}{k}" for k in range(count))


TEXTS = {
    "long": f"{own('long', 200)}. {SHARED}. The end",
    "inside": f"{own('inside', 40)}:\n\n“{SHARED.upper()}”,\n\nthen ÄÖ goes on {own('later', 20)}",
    "tail": f"{own('tail', 25)} -- {SHARED}!\n",
    "all": SHARED,
    "free": own("free", 60),
}


def curated(folder, action, *, texts=TEXTS, options="", more="", **others):
    rows = [{"id": name, "text": text, "board": name[0]} for name, text in texts.items()]
    (folder / "in.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    (folder / "recipe.yaml").write_text(
        "wellkeeper: 1\nsources: {all: {path: in.jsonl, text: text, id: id, source: board}}\nsteps:\n"
        f"  - repeated-passages.v1: {{words: 20, action: {action}{options}}}\n{more}"
    )
    return wellkeeper.curate(folder / "recipe.yaml", out=folder / "out", **others)


def written(curation):
    table = pq.read_table(curation.paths["data"])
    return dict(zip(table.column("id").to_pylist(), table.to_pylist(), strict=True))


def ledger(curation, part):
    return pq.read_table(curation.paths["ledger"] / part).to_pylist()


def test_every_span_of_the_ledger_stands_in_its_holder(tmp_path):
    spans = ledger(curated(tmp_path, "report"), "spans")
    assert {span["id"] for span in spans} == {"inside", "tail", "all"}
    for span in spans:
        mine, theirs = (TEXTS[span[name]].encode() for name in ("id", "holder_id"))
        here = mine[span["start"] : span["end"]].decode()
        assert words_of(here) == words_of(theirs[span["holder_start"] : span["holder_end"]].decode())
        assert (len(words_of(here)), span["frequency"], span["action"]) == (span["words"], 4, "reported")
        assert here.startswith(span["matched"])
        assert span["holder_id"] == "long"


def test_a_report_leaves_texts_weights_and_counts_alone(tmp_path):
    found = curated(tmp_path, "report")
    assert {name: row["text"] for name, row in written(found).items()} == TEXTS
    assert {row["weight"] for row in written(found).values()} == {1.0}
    assert all(row["cut_words"] is None for row in ledger(found, "documents"))
    passages = found.document["passages"]
    assert passages["repeated_words"] == 90
    assert passages["searched"] == {"documents": 5, "words": sum(len(words_of(t)) for t in TEXTS.values())}
    assert passages["passages"][0]["frequency"] == 4
    assert passages["passages"][0]["excerpt"].startswith("shared0 shared1")
    assert passages["by_source"][0] == {
        "source": "a", "documents": 1, "words": 30, "repeated_words": 30, "share": 1.0
    }  # fmt: skip


def test_cut_takes_out_the_span_and_what_is_left_reads_on(tmp_path):
    found = curated(tmp_path, "cut")
    rows = written(found)
    assert set(rows) == {"long", "inside", "tail", "free"}  # nothing would be left of `all`
    assert rows["long"]["text"] == TEXTS["long"]
    assert rows["inside"]["text"] == f"{own('inside', 40)}:\n\n“then ÄÖ goes on {own('later', 20)}"
    assert rows["tail"]["text"] == f"{own('tail', 25)} -- "


def test_the_ledger_accounts_for_every_byte_that_was_cut(tmp_path):
    found = curated(tmp_path, "cut")
    documents = {row["id"]: row for row in ledger(found, "documents")}
    rows = written(found)
    spans = ledger(found, "spans")
    for name, row in rows.items():
        text, cut = TEXTS[name].encode(), [s for s in spans if s["id"] == name and s["action"] == "cut"]
        for span in sorted(cut, key=lambda span: -span["start"]):
            text = text[: span["start"]] + text[span["end"] :]
        assert text.decode() == row["text"]
        entry = documents[name]
        assert entry["bytes"] - (entry["cut_bytes"] or 0) == len(text)
        assert entry["words"] - (entry["cut_words"] or 0) == len(words_of(row["text"]))
    assert documents["inside"]["reason"] == "repeated-passages-cut"
    assert found.document["kept_words"] == sum(len(words_of(row["text"])) for row in rows.values())
    assert found.document["kept_bytes"] == sum(len(row["text"].encode()) for row in rows.values())
    assert documents["all"]["survivor_id"] == "long"


def test_nothing_is_cut_in_favour_of_a_document_that_goes(tmp_path):
    """The mix leaves the holder out: its passages stay where else they stand."""
    more = "mix: {size: {documents: 3}}\n"
    for seed in range(20):
        folder = tmp_path / str(seed)
        folder.mkdir()
        found = curated(folder, "cut", more=more, seed=seed)
        rows = written(found)
        left = [name for name in ("long", "inside", "tail") if name in rows]
        kept_passage = [name for name in left if words_of(SHARED)[0] in words_of(rows[name]["text"])]
        if "long" in rows:
            assert kept_passage == ["long"]
        else:
            assert kept_passage == left
            assert {s["action"] for s in ledger(found, "spans") if s["id"] in left} <= {"reported"}


def test_weigh_lowers_the_weight_by_the_repeated_share(tmp_path):
    found = curated(tmp_path, "weigh")
    rows = written(found)
    size = len(words_of(TEXTS["tail"]))
    assert rows["tail"]["weight"] == pytest.approx(1 - 30 / size)
    assert rows["tail"]["text"] == TEXTS["tail"]
    assert rows["long"]["weight"] == rows["free"]["weight"] == 1.0
    entry = next(row for row in ledger(found, "documents") if row["id"] == "tail")
    assert (entry["weight"], entry["reason"]) == (rows["tail"]["weight"], "repeated-passages-weighed")


def test_drop_names_the_holder_and_rejected_texts_are_whole(tmp_path):
    found = curated(tmp_path, "drop", options=", share: 0.5")
    assert set(written(found)) == {"long", "inside", "free"}
    rejected = pq.read_table(tmp_path / "out" / "rejected").to_pylist()
    assert {row["id"]: row["text"] for row in rejected} == {name: TEXTS[name] for name in ("tail", "all")}
    assert {s["id"]: s["action"] for s in ledger(found, "spans")} == {
        "inside": "reported", "tail": "dropped", "all": "dropped"
    }  # fmt: skip


def test_why_tells_the_spans(tmp_path):
    curated(tmp_path, "cut")
    told = "\n".join(why(tmp_path / "out", "tail").lines())
    assert "kept by repeated-passages.v1: repeated-passages-cut, less 30 of 55 words of its text" in told
    assert re.search(r"repeated +cut from the text that was written: bytes \d+ to \d+, 30 words", told)
    assert "that 4 documents have, long before others" in told
    dropped = "\n".join(why(tmp_path / "out", "all").lines())
    assert "100% of its words stand in passages of other documents, most of them in long" in dropped
    (story,) = why(tmp_path / "out", "tail").to_json()["documents"]
    assert story["repeated"][0]["holder_id"] == "long"


def test_results_do_not_depend_on_blocks_workers_or_a_second_run(tmp_path):
    digests = []
    for name, others in (
        ("a", {"workers": 1}),
        ("b", {"workers": 2, "block_bytes": 300}),
        ("a", {"workers": 2}),
    ):
        (tmp_path / name).mkdir(exist_ok=True)
        found = curated(tmp_path / name, "cut", **others)
        manifest = json.loads((found.paths["folder"] / "manifest.json").read_bytes())
        digests.append(
            {**manifest["tables"], "ledger/sources": None}
        )  # says where the files lie: in other folders
        assert "ledger/spans" in manifest["tables"]
    assert digests[0] == digests[1] == digests[2]


def test_a_recipe_without_the_step_has_neither_spans_nor_a_section(tmp_path):
    curated(tmp_path, "cut")
    (tmp_path / "recipe.yaml").write_text(
        "wellkeeper: 1\nsources: {all: {path: in.jsonl, text: text, id: id}}\nsteps: []\n"
    )
    found = wellkeeper.curate(tmp_path / "recipe.yaml", out=tmp_path / "out", fresh=True)
    assert found.document["passages"] is None
    assert not list((tmp_path / "out" / "ledger").glob("spans/*"))
    assert "Repeated passages" not in (tmp_path / "out" / "report.html").read_text()


def test_the_report_shows_the_most_frequent_passages_and_shares_by_source(tmp_path):
    curated(tmp_path, "report")
    page = (tmp_path / "out" / "report.html").read_text()
    assert "Repeated passages" in page
    assert "shared0 shared1 shared2" in page
    assert re.search(r"first in <?.*long", page)
    assert "30 of 30" in re.sub(r"[\u2009\u202f]", "", page)


def test_wrong_options_stop_before_anything_is_read(tmp_path):
    with pytest.raises(RecipeError, match=r"repeated-passages\.v1: action is 'erase'"):
        curated(tmp_path, "erase")


def test_tails_after_a_cut_are_those_of_the_texts_that_were_written(tmp_path):
    """A cut set and the same set written by hand have the same tails."""
    many = {f"d{k}": f"{own(f'mine{k}x', 20 + k)}. {SHARED}" for k in range(12)}
    (tmp_path / "a").mkdir()
    (tmp_path / "b").mkdir()
    cut = curated(tmp_path / "a", "cut", texts=many)
    by_hand = curated(tmp_path / "b", "report", texts={k: row["text"] for k, row in written(cut).items()})
    assert cut.document["tails"]["before"]["hill"] != cut.document["tails"]["after"]["hill"]
    assert cut.document["tails"]["after"]["hill"] == by_hand.document["tails"]["after"]["hill"]
