"""Measured shares in whole runs, on real text: Wikipedia by people, and stories by a small model."""

import gzip
import json
import re
from datetime import datetime
from pathlib import Path

import jsonschema
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import yaml

from wellkeeper.errors import InputError
from wellkeeper.ledger.why import why
from wellkeeper.origin.measured import FEWEST_SCORES
from wellkeeper.recipe import shares
from wellkeeper.recipe.anchors import build_anchors
from wellkeeper.recipe.audit import audit
from wellkeeper.recipe.curate import curate

HERE = Path(__file__).parents[2]
EXAMPLE = HERE / "examples/corpus"


def rows(texts, **columns):
    return [{"text": text, **columns} for text in texts]


def write(path, documents):
    path.write_text(
        "".join(json.dumps({"id": f"{path.stem}-{k}", **row}) + "\n" for k, row in enumerate(documents))
    )
    return path


@pytest.fixture(scope="module")
def people():
    tables = [pq.read_table(path) for path in sorted(EXAMPLE.glob("archive/*.parquet"))]
    texts = sorted(set(pa.concat_tables(tables).column("body").to_pylist()))
    return [texts[k] for k in np.random.default_rng(0).permutation(len(texts))]


@pytest.fixture(scope="module")
def models():
    with gzip.open(EXAMPLE / "made/part-0.jsonl.gz", "rt") as lines:
        texts = sorted({json.loads(line)["text"] for line in lines})
    return [texts[k] for k in np.random.default_rng(0).permutation(len(texts))]


@pytest.fixture(scope="module")
def folder(tmp_path_factory, people, models):
    """Anchors from one part of the texts; of the rest, a source with a third of AI text and one with none."""
    place = tmp_path_factory.mktemp("shares")
    write(place / "human.jsonl", rows(people[:80], date="2016-09-26", site="known"))
    write(place / "ai.jsonl", rows(models[:60], site="known"))
    build_anchors([place / "human.jsonl"], ai=[place / "ai.jsonl"], out=place / "anchors.json")
    build_anchors([place / "human.jsonl"], out=place / "human-only.json")
    mixed = rows(people[80:200], site="mixed", date="2023-03-01") + rows(
        models[60:120], site="mixed", date="2023-04-01"
    )
    write(place / "corpus.jsonl", mixed + rows(people[200:300], site="clean", date="2023-03-01"))
    write(place / "short.jsonl", rows([text[:120] for text in people[300:360]], site="short"))
    return place


def run(folder, tmp_path, *names, anchors="anchors.json", **others):
    inputs = [folder / name for name in names or ("corpus.jsonl",)]
    return audit(inputs, anchors=folder / anchors, out=tmp_path / "out", source="site", **others).document


def origin_of(folder, tmp_path, *names, **others):
    return run(folder, tmp_path, *names, **others)["origin"]


def by_name(rows_, key):
    return {row[key]: row for row in rows_}


def test_the_share_of_each_source_and_month_lies_in_its_interval(folder, tmp_path) -> None:
    document = run(folder, tmp_path)
    origin = document["origin"]
    share = origin["share"]
    assert (share["anchored"], share["method"], share["level"]) == (True, "references", 0.95)
    assert share["low"] <= 60 / 280 <= share["high"]
    assert share["high"] - share["low"] < 0.4
    sources, months = by_name(origin["by_source"], "source"), by_name(origin["by_month"], "month")
    for row, true in (
        (sources["mixed"], 60 / 180), (sources["clean"], 0), (months["2023-03"], 0), (months["2023-04"], 1)
    ):  # fmt: skip
        assert row["low"] <= true <= row["high"]
        assert row["scored"] <= row["judged"] <= row["documents"]
    assert sources["mixed"]["low"] > sources["clean"]["estimate"]
    (slice_,) = origin["by_slice"]
    assert slice_ == {"slice": "all", **{key: share[key] for key in slice_ if key != "slice"}}
    schema = json.loads((HERE / "src/wellkeeper/recipe/audit.schema.json").read_text())
    jsonschema.validate(document, schema)
    assert "WK305" in {finding["code"] for finding in document["findings"]}


def test_labels_are_told_beside_the_measurement_and_not_mixed_into_it(folder, tmp_path) -> None:
    plain = audit(folder / "corpus.jsonl", out=tmp_path / "plain", source="site").document["origin"]
    origin = origin_of(folder, tmp_path)
    assert origin["bounds"] == plain["share"] == plain["bounds"]
    assert (origin["bounds"]["estimate"], origin["bounds"]["anchored"]) == (None, False)
    assert (plain["measured"], plain["by_slice"]) == (None, [])


def test_human_references_alone_measure_too_and_say_what_the_ai_side_rests_on(folder, tmp_path) -> None:
    share = origin_of(folder, tmp_path, anchors="human-only.json")["share"]
    assert share["method"] == "human-references"
    assert share["low"] <= 60 / 280 <= share["high"]
    assert "training domains, and AI text that is like none of them is misjudged" in share["note"]


def test_few_references_are_told_how_many_more_would_narrow_the_interval(
    folder, tmp_path, people, models
) -> None:
    write(tmp_path / "human.jsonl", rows(people[:30]))
    write(tmp_path / "ai.jsonl", rows(models[:32]))
    build_anchors([tmp_path / "human.jsonl"], ai=[tmp_path / "ai.jsonl"], out=folder / "few.json")
    few, many = (
        origin_of(folder, tmp_path / name, anchors=name)["share"] for name in ("few.json", "anchors.json")
    )
    assert few["high"] - few["low"] > 0.15
    assert re.search(
        r"About 2\d more references of each kind would narrow the interval to some 15%", few["note"]
    )
    assert "more references" not in many["note"]  # their number is not what makes that interval wide


def test_references_in_the_corpus_are_left_out_of_it(folder, tmp_path) -> None:
    alone = origin_of(folder, tmp_path / "1")
    beside = origin_of(folder, tmp_path / "2", "corpus.jsonl", "human.jsonl", "ai.jsonl")
    assert (
        beside["measured"]["references_in_corpus"] == 80 + 56
    )  # four of the models' are too short to be references
    assert alone["share"]["documents"] == 280
    assert beside["share"]["documents"] == 284
    assert beside["share"]["estimate"] == alone["share"]["estimate"]


def test_what_cannot_be_judged_is_counted_and_told(folder, tmp_path) -> None:
    origin = origin_of(folder, tmp_path, "corpus.jsonl", "short.jsonl")
    assert origin["measured"]["abstained"] >= 60
    assert origin["share"]["judged"] <= 280 < origin["share"]["documents"] == 340
    assert "Of the other" in origin["share"]["note"]
    row = by_name(origin["by_source"], "source")["short"]
    assert (row["estimate"], row["method"]) == (None, "bounds")
    only = origin_of(folder, tmp_path / "only", "short.jsonl")["share"]
    assert only["estimate"] is None
    assert only["note"].startswith(
        "The anchors could not measure it: of 60 documents drawn, 60 are too short"
    )


def test_slices_are_a_column_of_the_users_own_else_the_source(folder, tmp_path, people, models) -> None:
    human = (
        rows(people[:40], kind="long")
        + rows(people[40:80], kind="brief")
        + rows(people[80:130], kind="clean")
    )
    write(tmp_path / "human.jsonl", human)
    write(tmp_path / "ai.jsonl", rows(models[:30], kind="long") + rows(models[30:60], kind="brief"))
    inputs = {"ai": [tmp_path / "ai.jsonl"], "slice": "kind", "out": tmp_path / "anchors.json"}
    build_anchors([tmp_path / "human.jsonl"], **inputs)
    documents = rows(people[130:180], kind="long", site="x") + rows(models[60:90], kind="long", site="y")
    documents += rows(people[180:230], site="clean") + rows(people[230:280], kind="poems", site="x")
    write(tmp_path / "in.jsonl", documents)
    origin = origin_of(tmp_path, tmp_path, "in.jsonl")
    slices = by_name(origin["by_slice"], "slice")
    assert {name: row["documents"] for name, row in slices.items()} == {"long": 80, "clean": 50}
    assert {name: row["method"] for name, row in slices.items()} == {
        "long": "references", "clean": "human-references",
    }  # fmt: skip
    assert slices["long"]["low"] <= 30 / 80 <= slices["long"]["high"]
    assert origin["measured"]["without_references"] == [{"slice": "poems", "documents": 50}]
    assert origin["share"]["method"] == "both"
    assert origin["share"]["estimate"] == pytest.approx(
        np.average(
            [row["estimate"] for row in slices.values()], weights=[row["judged"] for row in slices.values()]
        )
    )
    x = by_name(origin["by_source"], "source")["x"]
    assert (x["documents"], x["judged"]) == (100, 50)  # its poems are in no slice of the anchors
    codes = {finding["code"]: finding for finding in audit_findings(tmp_path)}
    assert codes["WK306"]["title"] == "1 slice of the corpus has no references"


def audit_findings(tmp_path):
    return json.loads((tmp_path / "out/report.json").read_text())["findings"]


NAMES = {
    "floats": (1.0, 2.5),
    "truths": (True, False),
    "texts": ("zażółć", "日本"),
    "lists": (["x"], ["y"]),
    "objects": ({"k": 1}, {"k": 2}),
    "times": (datetime(2020, 1, 1), datetime(2021, 1, 1)),  # noqa: DTZ001 - as tables have them
}


@pytest.mark.parametrize(
    ("kind", "form"),
    [(kind, form) for kind in NAMES for form in ("jsonl", "parquet") if (kind, form) != ("times", "jsonl")],
)
def test_a_slice_is_called_the_same_in_the_anchors_and_in_the_corpus(kind, form, tmp_path, people) -> None:
    values = NAMES[kind]

    def laid_down(name, texts):
        found = [{"text": text, "kind": values[k % 2], "site": "x"} for k, text in enumerate(texts)]
        if form == "jsonl":
            return write(tmp_path / f"{name}.jsonl", found)
        pq.write_table(pa.Table.from_pylist(found), tmp_path / f"{name}.parquet")
        return tmp_path / f"{name}.parquet"

    built = build_anchors([laid_down("human", people[:60])], slice="kind", out=tmp_path / "anchors.json")
    corpus = laid_down("corpus", people[60:140])
    document = audit([corpus], anchors=built.path, out=tmp_path / "out").document
    assert {row["slice"] for row in document["origin"]["by_slice"]} == set(built.pack.slices)
    assert document["origin"]["measured"]["without_references"] == []


def test_one_odd_value_in_the_slice_column_leaves_the_other_slices_as_they_are(tmp_path, people) -> None:
    write(tmp_path / "human.jsonl", rows(people[:60], kind="news"))
    build_anchors([tmp_path / "human.jsonl"], slice="kind", out=tmp_path / "anchors.json")
    write(
        tmp_path / "in.jsonl",
        rows(people[60:120], kind="news", site="x") + rows(people[120:121], kind=3, site="x"),
    )
    origin = origin_of(tmp_path, tmp_path, "in.jsonl")
    assert [(row["slice"], row["documents"]) for row in origin["by_slice"]] == [("news", 60)]
    assert origin["measured"]["without_references"] == [{"slice": "3", "documents": 1}]


@pytest.mark.parametrize("form", ["jsonl", "json", "parquet"])
def test_the_slice_may_be_a_nested_field_and_nothing_in_it_means_the_source(form, tmp_path, people) -> None:
    write(tmp_path / "human.jsonl", [{"text": text, "meta": {"kind": "news"}} for text in people[:60]])
    build_anchors([tmp_path / "human.jsonl"], slice="meta.kind", out=tmp_path / "anchors.json")
    found = [
        {"text": text, "site": "x", "meta": {"kind": kind}}
        for text, kind in zip(people[60:120], ["news", "", None] * 20, strict=True)
    ]
    place = tmp_path / f"in.{form}"
    if form == "parquet":
        pq.write_table(pa.Table.from_pylist(found), place)
    elif form == "json":
        place.write_text(json.dumps(found))
    else:
        write(place, found)
    origin = origin_of(tmp_path, tmp_path, place.name)
    assert origin["measured"]["documents"] == 60
    assert origin["measured"]["drawn"] == 20
    assert origin["measured"]["without_references"] == [{"slice": "x", "documents": 40}]


def test_the_slice_column_may_be_in_some_files_of_a_folder_alone(tmp_path, people) -> None:
    write(tmp_path / "human.jsonl", rows(people[:60], kind="news"))
    build_anchors([tmp_path / "human.jsonl"], slice="kind", out=tmp_path / "anchors.json")
    (tmp_path / "in").mkdir()
    write(tmp_path / "in/a.jsonl", rows(people[60:100], site="x"))
    write(tmp_path / "in/b.jsonl", rows(people[100:140], site="x", kind="news"))
    origin = origin_of(tmp_path, tmp_path, "in")
    assert [(row["slice"], row["documents"]) for row in origin["by_slice"]] == [("news", 40)]
    assert origin["measured"]["without_references"] == [{"slice": "x", "documents": 40}]


def test_copies_of_one_page_by_a_person_do_not_read_as_ai_text(folder, tmp_path, people) -> None:
    pages = people[200:300]
    found = []
    for number, page in enumerate(pages[:3]):  # whichever of them reads most like AI
        write(tmp_path / f"{number}.jsonl", rows([*pages, *[page] * 100], site="x"))
        origin = origin_of(folder, tmp_path / str(number), tmp_path / f"{number}.jsonl")
        found.append(origin["share"])
        assert origin["measured"]["copies"] == 100
        assert (origin["share"]["documents"], origin["share"]["judged"]) == (200, 100)
        assert "100 copies are left out" in origin["share"]["note"]
        assert "nothing is known" not in origin["share"]["note"]
    assert len({one["estimate"] for one in found}) == 1
    assert [one["certified"] for one in found] == [0, 0, 0]


def test_all_slices_without_references_are_counted_and_the_largest_named(folder, tmp_path, people) -> None:
    write(tmp_path / "human.jsonl", rows(people[:60], kind="news"))
    build_anchors([tmp_path / "human.jsonl"], slice="kind", out=tmp_path / "anchors.json")
    write(tmp_path / "in.jsonl", [{"text": text, "site": f"s{k}"} for k, text in enumerate(people[60:90])])
    document = run(tmp_path, tmp_path, "in.jsonl")
    measured = document["origin"]["measured"]
    assert (measured["slices_without_references"], len(measured["without_references"])) == (30, 20)
    finding = next(one for one in document["findings"] if one["code"] == "WK306")
    assert finding["title"] == "30 slices of the corpus have no references"
    assert "and 25 more the share is not measured" in finding["detail"]


def test_a_corpus_of_references_alone_says_so(folder, tmp_path) -> None:
    share = origin_of(folder, tmp_path, "human.jsonl")["share"]
    assert share["note"].startswith(
        "The anchors could not measure it: every document is one of their references. Give text that is none."
    )


def test_nothing_is_certified_of_one_source_or_month_of_a_slice(folder, tmp_path) -> None:
    origin = origin_of(folder, tmp_path)
    assert "certified" in origin["share"]
    assert "certified" in origin["by_slice"][0]
    assert not [row for row in (*origin["by_source"], *origin["by_month"]) if "certified" in row]


def test_the_same_figures_by_any_number_of_workers_and_block_size_of_reading(folder, tmp_path) -> None:
    settings = (
        {"workers": 1},
        {"workers": 3},
        {"workers": 2, "executor": "processes"},
        {"block_bytes": 20_000},
    )
    found = [origin_of(folder, tmp_path / str(k), **how) for k, how in enumerate(settings)]
    assert all(one["share"] == found[0]["share"] for one in found)
    assert all(one["by_source"] == found[0]["by_source"] for one in found)


def test_a_large_slice_is_drawn_from_and_parts_beyond_the_largest_are_left_to_labels(
    folder, tmp_path, monkeypatch
) -> None:
    monkeypatch.setattr(shares, "OF_SLICE", 100)
    monkeypatch.setattr(shares, "OF_PART", 40)
    monkeypatch.setattr(shares, "PARTS", 1)
    origin = origin_of(folder, tmp_path)
    assert origin["share"]["scored"] <= 100 < origin["share"]["judged"]
    assert origin["share"]["low"] <= 60 / 280 <= origin["share"]["high"]
    sources = by_name(origin["by_source"], "source")
    assert FEWEST_SCORES <= sources["mixed"]["scored"] <= 40
    assert sources["clean"]["method"] == "bounds"


def test_a_file_that_cannot_be_sought_in_is_measured_the_same(folder, tmp_path) -> None:
    with gzip.open(tmp_path / "corpus.jsonl.gz", "wb") as packed:
        packed.write((folder / "corpus.jsonl").read_bytes())
    lines = (folder / "corpus.jsonl").read_text().splitlines()
    table = pa.Table.from_pylist([json.loads(line) for line in lines])
    pq.write_table(table, tmp_path / "corpus.parquet")
    plain = origin_of(folder, tmp_path / "1")["share"]["estimate"]
    for name in ("corpus.jsonl.gz", "corpus.parquet"):
        document = audit(
            tmp_path / name,
            anchors=folder / "anchors.json",
            out=tmp_path / name.replace(".", "-"),
            source="site",
        ).document
        assert document["origin"]["share"]["estimate"] == plain


def test_anchors_that_cannot_be_used_are_refused_before_anything_is_made(folder, tmp_path) -> None:
    torn = tmp_path / "torn.json"
    torn.write_bytes((folder / "anchors.json").read_bytes()[:500])
    for anchors, said in ((tmp_path / "none.json", "does not exist"), (torn, "is no whole JSON file")):
        with pytest.raises(InputError, match=said):
            audit(folder / "corpus.jsonl", anchors=anchors, out=tmp_path / "out")
        recipe = tmp_path / "recipe.yaml"
        recipe.write_text(yaml.safe_dump(plan(folder, anchors=str(anchors))))
        with pytest.raises(InputError, match=said):
            curate(recipe, out=tmp_path / "set")
    assert not (tmp_path / "out").exists()
    assert not (tmp_path / "set").exists()


# --- in a recipe ------------------------------------------------------------------------------------------------


def plan(folder, *steps, anchors=None):
    return {
        "wellkeeper": 1,
        "sources": {"web": {"path": str(folder / "corpus.jsonl"), "source": "site"}},
        "anchors": anchors or str(folder / "anchors.json"),
        "steps": list(steps),
    }


def curated(folder, tmp_path, *steps, **others):
    (tmp_path / "recipe.yaml").write_text(yaml.safe_dump(plan(folder, *steps)))
    return curate(tmp_path / "recipe.yaml", out=tmp_path / "set", **others)


def test_the_share_is_measured_before_and_after_where_style_did_not_choose(folder, tmp_path) -> None:
    made = curated(folder, tmp_path, "exact-duplicates.v1")
    share = made.document["origin"]["share"]
    assert share["before"]["total"] == share["after"]["total"]
    assert share["before"]["total"]["low"] <= 60 / 280 <= share["before"]["total"]["high"]
    page = (tmp_path / "set/report.html").read_text()
    assert "AI-made share, measured by style" in page
    assert "Style chose what stays" not in page
    manifest = json.loads((tmp_path / "set/manifest.json").read_text())
    assert (manifest["anchors"]["human"], manifest["anchors"]["ai"]) == (80, 56)
    assert str(folder) not in json.dumps(manifest["recipe"]["anchors"])


def test_flags_find_ai_text_and_the_share_after_is_not_claimed(folder, tmp_path, models) -> None:
    made = curated(folder, tmp_path, {"origin.v1": {"flag": {"level": 0.05, "action": "drop"}}})
    assert made.document["origin"]["share"]["after"] is None
    assert "not measured after" in " ".join(lines_of(made))
    ledger = pq.read_table(tmp_path / "set/ledger/documents").to_pylist()
    dropped = {row["line"] - 1 for row in ledger if row["decision"] == "drop"}
    ai = set(range(120, 180))
    assert len(dropped & ai) > 25
    assert len(dropped - ai) <= 0.05 * 220 + 3 * (0.05 * 0.95 * 220) ** 0.5 + 220 * 0.05  # both are random
    one = next(row for row in ledger if row["decision"] == "drop")
    assert one["reason"] == "style-flag"
    assert "style (statistical): style score" in "\n".join(why(tmp_path / "set", one["id"]).lines())


def lines_of(made):
    from wellkeeper.report.terminal import curation_lines

    return curation_lines(made.document)


def test_what_flags_and_weights_came_to_is_told_and_which_slices_had_too_few_references(
    folder, tmp_path, people
) -> None:
    write(tmp_path / "human.jsonl", rows(people[:80], kind="many") + rows(people[300:330], kind="few"))
    build_anchors([tmp_path / "human.jsonl"], slice="kind", out=tmp_path / "anchors.json")
    write(
        tmp_path / "corpus.jsonl",
        rows(people[80:180], kind="many", site="x") + rows(people[180:230], kind="few", site="x"),
    )
    made = curated(
        tmp_path, tmp_path, {"origin.v1": {"flag": {"level": 0.02}}}, {"weight-by-origin.v1": {"k": 2}}
    )
    flags, weights = (step["facts"] for step in made.document["steps"] if "facts" in step)
    assert {one["slice"]: one["needed"] <= one["references"] for one in flags["flag"]["slices"]} == {
        "many": True, "few": False,
    }  # fmt: skip
    assert flags["flag"]["slices_refused"] == 1
    assert weights["effective_documents"]["after"] == pytest.approx(weights["effective_documents"]["before"])
    page = (tmp_path / "set/report.html").read_text()
    assert "30 human references, and false alarms at 0.02 by document need 49. Add 19 to the anchors" in page
    assert "Expected AI share" in page


def test_every_document_is_scored_once_and_the_scores_are_kept(folder, tmp_path, monkeypatch) -> None:
    steps = [{"origin.v1": {"flag": {"level": 0.05, "by": "source"}}}]
    first = curated(folder, tmp_path, *steps).document
    from wellkeeper.origin import style

    def never(*_):
        raise AssertionError("a document was scored again")

    monkeypatch.setattr(style.StyleModel, "score", never)
    again = curated(folder, tmp_path, *steps).document
    assert again["origin"] == first["origin"]
    assert again["kept"] == first["kept"]


def test_weights_by_origin_use_style_and_sum_to_the_documents(folder, tmp_path) -> None:
    made = curated(folder, tmp_path, {"weight-by-origin.v1": {"k": 2}})
    ledger = pq.read_table(tmp_path / "set/ledger/documents").to_pylist()
    weights = np.array([row["weight"] or 0.0 for row in ledger])
    assert made.document["steps"][0]["dropped"] == 0
    assert weights[120:180].mean() < 0.8 * weights[np.r_[:120, 180:280]].mean()
