"""Rights and descent through a whole run: recipe, site files, ledger, report."""

import json
from io import BytesIO

import corpora
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from warcio.statusandheaders import StatusAndHeaders
from warcio.warcwriter import WARCWriter

import wellkeeper
from wellkeeper.core.optouts import allowed_by, denied_by
from wellkeeper.errors import InputError, RecipeError
from wellkeeper.ledger.why import why
from wellkeeper.recipe.marking import mark

ROBOTS = "User-agent: GPTBot\nDisallow: /private/\n\nUser-agent: *\nContent-Usage: / train-ai=y\nAllow: /\n"
TEXTS = [corpora.document(np.random.default_rng(k), 8) for k in range(8)]
ROWS = [
    {"id": "h1", "by": "human", "url": "https://example.org/a", "rights": "mit"},
    {"id": "m1", "by": "ai-generated", "url": "https://example.org/private/b", "from": ["h1"], "rights": "MIT OR gpl-3.0"},
    {"id": "m2", "by": "ai-generated", "url": "https://other.net/x", "from": ["m1", "h1"], "agreed": "granted"},
    {"id": "m3", "by": "ai-generated", "url": "https://other.net/y", "from": ["gone"], "agreed": "sure"},
    {"id": "c1", "by": "ai-generated", "url": "https://third.net/", "from": ["c2"], "agreed": "revoked"},
    {"id": "c2", "by": "ai-generated", "url": None, "from": ["c1"], "rights": "House licence"},
]  # fmt: skip
SOURCE = (
    "{path: a.jsonl, text: text, domain: url, origin: {column: by}, licence: {column: rights}, parents: from, "
    "consent: {column: agreed}, site_files: sites}"
)


@pytest.fixture
def folder(tmp_path):
    lines = [json.dumps({**row, "text": text}) for row, text in zip(ROWS, TEXTS, strict=False)]
    (tmp_path / "a.jsonl").write_text("\n".join(lines) + "\n")
    (tmp_path / "sites" / "example.org").mkdir(parents=True)
    (tmp_path / "sites" / "example.org" / "robots.txt").write_text(ROBOTS)
    return tmp_path


def curated(folder, source=SOURCE, steps="[]", rest="", out="out", **options):
    path = folder / f"{out}.yaml"
    path.write_text(f"wellkeeper: 1\nsources:\n  a: {source}\nsteps: {steps}\n{rest}")
    return wellkeeper.curate(path, out=folder / out, fresh=True, **options)


def ledger(folder, kind="documents", out="out"):
    parts = sorted((folder / out / "ledger" / kind).glob("part-*.parquet"))
    return pa.concat_tables([pq.read_table(part) for part in parts]).to_pylist() if parts else []


def column(folder, name, out="out"):
    return {row["id"]: row[name] for row in ledger(folder, out=out)}


def test_each_document_has_its_consent_its_signals_and_its_depth(folder):
    document = curated(folder).document
    assert column(folder, "consent") == {
        "h1": "granted", "m1": "opt-out-signal", "m2": "granted", "m3": "unknown", "c1": "revoked", "c2": "unknown",
    }  # fmt: skip
    masks = column(folder, "rights_signals")
    assert (denied_by(masks["m1"]), allowed_by(masks["m1"])) == (
        ("robots",),
        ("content-usage",),
    )
    assert column(folder, "depth") == {"h1": 0, "m1": 1, "m2": 2, "m3": 255, "c1": 255, "c2": 255}
    assert column(folder, "licence")["m1"] == "MIT OR GPL-3.0-only"
    parents = [
        (row["id"], row["parent"], row["parent_row"], row["depth"]) for row in ledger(folder, "parents")
    ]
    assert parents == [
        ("m1", "h1", 0, 0), ("m2", "m1", 1, 1), ("m2", "h1", 0, 0), ("m3", "gone", None, 255),
        ("c1", "c2", 5, 255), ("c2", "c1", 4, 255),
    ]  # fmt: skip
    said = [
        (row["id"], row["kind"], row["value"], row["allows"], row["condition"])
        for row in ledger(folder, "signals")
    ]
    assert said == [
        ("h1", "content-usage", "train-ai=y", True, None),
        ("m1", "robots", "Disallow: /private/", False, "agent GPTBot"),
        ("m1", "content-usage", "train-ai=y", True, None),
    ]
    rights = document["rights"]["before"]
    assert rights["conflicts"]["documents"] == 1
    assert rights["conflicts"]["examples"][0] == {
        "id": "m1", "consent": "opt-out-signal", "denied_by": ["robots"], "allowed_by": ["content-usage"],
        "said": ["robots: GPTBot: Disallow: /private/", "content-usage: Content-Usage: train-ai=y"],
    }  # fmt: skip
    assert rights["not_understood"] == {"consent": 1, "depth": 0}
    assert rights["unclear_licence"] == [{"name": "House licence", "documents": 1}]
    assert document["lineage"] == {
        "depths": [{"depth": k, "before": 1, "after": 1} for k in range(3)],
        "unknown": {"before": 3, "after": 3},
        "parents": {"named": 6, "children": 5, "here": 5, "earlier": 0, "missing": 1, "circular": 2},
    }
    assert [finding["code"] for finding in document["findings"]] == ["WK611", "WK612"]


def test_the_step_drops_and_holds_back_with_reasons_in_ledger_card_and_report(folder):
    steps = "[{rights.v1: {licence: {allow: [permissive]}, unknown: drop}}]"
    result = curated(folder, steps=steps)
    told = {row["id"]: (row["decision"], row["step"], row["reason"]) for row in ledger(folder)}
    assert told == {
        "h1": ("keep", None, None),
        "m1": ("review", "rights.v1", "consent-conflict"),
        "m2": ("drop", "rights.v1", "licence-unknown"),
        "m3": ("drop", "rights.v1", "licence-unknown"),
        "c1": ("drop", "rights.v1", "consent-revoked"),
        "c2": ("drop", "rights.v1", "licence-unknown"),
    }
    card = (folder / "out" / "README.md").read_text()
    assert "| opt-out-signal | 1 | 0 | 0.0% |" in card
    assert "## Generation depth" in card
    page = (folder / "out" / "report.html").read_text()
    for words in (
        "Rights before and after",
        "Generation depth",
        "Contradicting signals",
        "Disallow: /private/",
    ):
        assert words in page
    assert result.document["rights"]["after"]["consent"]["granted"] == 1


def test_why_tells_who_denies_and_who_allows_and_how_deep_a_text_is(folder):
    curated(folder)
    told = "\n".join(why(folder / "out", "m1").lines())
    assert "consent opt-out-signal (denied by robots; allowed by content-usage)" in told
    assert "depth     1, counted in generations of models" in told


def test_results_are_the_same_for_any_workers_and_blocks(folder):
    curated(folder, out="one", workers=1)
    curated(folder, out="two", workers=2, block_bytes=1 << 12)
    for kind in ("documents", "parents", "signals"):
        assert ledger(folder, kind, "one") == ledger(folder, kind, "two")


def test_site_files_that_change_are_read_anew_and_the_others_are_not(folder):
    curated(folder)
    (folder / "sites" / "example.org" / "robots.txt").write_text("User-agent: *\nDisallow: /\n")
    path = folder / "out.yaml"
    wellkeeper.curate(path, out=folder / "out")
    assert column(folder, "consent")["h1"] == "opt-out-signal"


def test_a_broken_site_file_is_said_aloud_and_the_run_goes_on(folder):
    (folder / "sites" / "example.org" / "rsl.xml").write_text("<rsl>")
    curated(folder)
    manifest = json.loads((folder / "out" / "manifest.json").read_text())
    assert any(
        "example.org/rsl.xml cannot be read and says nothing" in line for line in manifest["run"]["columns"]
    )


def test_parents_are_found_in_earlier_sets_by_id_and_by_text(folder):
    curated(folder)
    digest = {row["id"]: row["content_hash"].hex() for row in ledger(folder)}
    rows = [
        {"id": "n1", "by": "ai-generated", "from": "m2", "text": TEXTS[6]},
        {
            "id": "n2",
            "by": "ai-generated",
            "from": f"sha256:{digest['m1']}, n1, {digest['m1'].upper()}",
            "text": TEXTS[7],
        },
    ]
    (folder / "b.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    source = "{path: b.jsonl, text: text, origin: {column: by}, parents: from}"
    document = curated(folder, source, rest="against: out\n", out="next").document
    assert column(folder, "depth", "next") == {"n1": 3, "n2": 4}
    assert [(row["parent_row"], row["against"], row["depth"]) for row in ledger(folder, "parents", "next")] == [
        (None, "out", 2), (None, "out", 1), (0, None, 3), (None, "out", 1),
    ]  # fmt: skip
    assert document["lineage"]["parents"]["earlier"] == 3


def test_parents_of_the_same_source_come_first_and_ids_may_repeat_elsewhere(folder):
    for name, by, parents in (("x", "human", {"from": ""}), ("y", "ai-generated", {"from": "1"})):
        rows = [
            {"id": "1", "by": by, "text": TEXTS[ord(name) % 7]},
            {"id": "2", "by": by, "text": TEXTS[7] + name, **parents},
        ]
        (folder / f"{name}.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    path = folder / "both.yaml"
    sources = "".join(
        f"  {n}: {{path: {n}.jsonl, text: text, origin: {{column: by}}, parents: from, depth: {d}}}\n"
        for n, d in (("x", 0), ("y", 4))
    )
    path.write_text(f"wellkeeper: 1\nsources:\n{sources}steps: []\n")
    wellkeeper.curate(path, out=folder / "out")
    assert [(row["group"], row["id"], row["depth"]) for row in ledger(folder)] == [
        ("x", "1", 0), ("x", "2", 0), ("y", "1", 4), ("y", "2", 5),
    ]  # fmt: skip


def test_a_source_and_a_column_say_depth_and_consent(folder):
    rows = [{"text": text, "id": str(k), "k": k or None} for k, text in enumerate(TEXTS[:3])]
    (folder / "d.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    curated(folder, "{path: d.jsonl, text: text, id: id, depth: {column: k}, consent: licensed}")
    assert list(column(folder, "depth").values()) == [255, 1, 2]
    assert set(column(folder, "consent").values()) == {"licensed"}
    assert {row["rights_signals"] for row in ledger(folder)} == {1 << 15}


def test_the_label_of_a_file_says_its_depth_and_the_documents_parents_say_it_better(folder):
    rows = [{"id": "1", "text": TEXTS[0]}, {"id": "2", "text": TEXTS[1], "from": "1"}]
    (folder / "l.jsonl").write_text("".join(json.dumps({"from": None} | row) + "\n" for row in rows))
    mark(folder / "l.jsonl", generator="smollm2", parents="human")
    curated(folder, "{path: l.jsonl, text: text, id: id, parents: from}")
    assert column(folder, "depth") == {"1": 1, "2": 2}


def test_the_columns_of_rights_stay_in_the_data(folder):
    curated(folder)
    data = pq.read_table(next((folder / "out" / "data").glob("part-*.parquet")))
    assert {"url", "agreed", "from"} <= set(data.column_names)


@pytest.mark.parametrize(
    ("source", "error", "says"),
    [
        ("{path: a.jsonl, text: text, site_files: sites}", RecipeError, "sources.a.site_files holds rules of sites, and it is not known which site a document is from. Add domain: with the column of URLs or domains."),
        ("{path: a.jsonl, text: text, domain: url, site_files: gone}", InputError, "the folder of site files, does not exist. Give a folder with HOST/robots.txt"),
        ("{path: a.jsonl, text: text, consent: maybe}", RecipeError, "sources.a.consent: 'maybe' is no consent. Give one of: unknown, granted, licensed, not-asked, opt-out-signal, revoked."),
        ("{path: a.jsonl, text: text, depth: 300}", RecipeError, "sources.a.depth is 300. Give a whole number from 0 to 254."),
        ("{path: a.jsonl, text: text, parents: nowhere}", InputError, "nowhere"),
    ],
)  # fmt: skip
def test_a_recipe_that_cannot_be_followed_is_refused_with_the_next_step(folder, source, error, says):
    with pytest.raises(error) as refused:
        curated(folder, source)
    assert says in str(refused.value)


# warcio's writer leaves its temporary files to the garbage collector
@pytest.mark.filterwarnings("ignore:.*SpooledTemporaryFile:pytest.PytestUnraisableExceptionWarning")
def test_a_web_archive_needs_no_column_for_its_addresses(tmp_path):
    with (tmp_path / "a.warc.gz").open("wb") as stream:
        writer = WARCWriter(stream)
        for address in ("https://example.org/a", "https://example.org/private/b"):
            headers = StatusAndHeaders(
                "200 OK", [("Content-Type", "text/plain; charset=utf-8")], protocol="HTTP/1.0"
            )
            body = BytesIO((TEXTS[0] + address).encode())
            writer.write_record(
                writer.create_warc_record(address, "response", payload=body, http_headers=headers)
            )
    (tmp_path / "sites" / "example.org").mkdir(parents=True)
    (tmp_path / "sites" / "example.org" / "robots.txt").write_text(ROBOTS)
    curated(tmp_path, "{path: a.warc.gz, site_files: sites}")
    assert [row["consent"] for row in ledger(tmp_path)] == ["granted", "opt-out-signal"]


BY = "https://creativecommons.org/licenses/by/4.0/"


@pytest.mark.parametrize(
    ("said", "declared", "licence"),
    [
        ([BY], None, "CC-BY-4.0"),
        ([BY, "© The Gazette"], None, "CC-BY-4.0"),
        ([BY, "MIT"], None, None),
        (["© The Gazette"], None, None),
        ([BY], "MIT", "MIT"),
    ],
)
def test_a_page_says_its_licence_where_nobody_else_does_and_it_is_certain(folder, said, declared, licence):
    signals = json.dumps([["licence", "html-link", "license", value] for value in said])
    (folder / "p.jsonl").write_text(
        json.dumps({"text": TEXTS[0], "id": "p", "marks": signals, "terms": declared}) + "\n"
    )
    curated(folder, "{path: p.jsonl, text: text, id: id, signals: marks, licence: {column: terms}}")
    assert column(folder, "licence") == {"p": licence}
    assert [row["value"] for row in ledger(folder, "signals")] == said
