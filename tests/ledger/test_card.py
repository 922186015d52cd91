"""The card says what the ledger says, and the folder loads as a data set with it."""

import dataclasses
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.dataset as ds
import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st
from ledgers import counts, data, same_as_golden, write_data, write_ledger

from wellkeeper.ledger.card import ConstraintFigure, MeasuredShare, _share, card, hub_licence, size_category
from wellkeeper.ledger.counts import Counts, LicenceCount, OriginCount

RECIPE = {"wellkeeper": 1, "sources": {"archive": {"path": "archive/*.jsonl"}}, "steps": [{"quality.v1": {}}]}
COMMON: dict[str, Any] = {"recipe": RECIPE, "recipe_digest": "ab" * 32, "version": "0.1.0", "seed": 7}


@pytest.fixture(scope="module")
def figures(tmp_path_factory: pytest.TempPathFactory) -> Counts:
    return counts(write_ledger(tmp_path_factory.mktemp("ledger")))


def front(text: str) -> dict[str, Any]:
    content: dict[str, Any] = yaml.safe_load(text.split("---\n")[1])
    return content


def test_the_card_reads_as_kept_on_file(figures: Counts) -> None:
    constraints = [ConstraintFigure(name="synthetic share", asked="at most 10.0%", reached="0.0%")]
    text = card(
        "Lake letters",
        counts=figures,
        constraints=constraints,
        source_datasets=["lake/letters"],
        language=["en"],
        description="Letters about a lake.",
        measured=[MeasuredShare(of="the kept documents", estimate=0.12, low=0.08, high=0.17, level=0.95)],
        **COMMON,
    )
    same_as_golden("card.md", text)


def test_the_front_matter_names_the_data_and_leaves_out_what_is_not_known(figures: Counts) -> None:
    content = front(card("x: y", counts=figures, **COMMON))
    assert content == {
        "pretty_name": "x: y",
        "license": "cc-by-sa-4.0",
        "size_categories": ["n<1K"],
        "annotations_creators": ["no-annotation"],
        "language_creators": ["found"],
        "tags": ["wellkeeper"],
        "configs": [{"config_name": "default", "data_files": [{"split": "train", "path": "data/*.parquet"}]}],
    }


def test_licences_of_the_front_matter_are_all_of_the_kept_ones(figures: Counts) -> None:
    names = ("CC-BY-4.0", None, "House licence", "Other house licence")
    rows = tuple(LicenceCount(licence=name, kept=1, kept_words=1) for name in names)
    content = front(card("x", counts=dataclasses.replace(figures, by_licence=rows), **COMMON))
    assert content["license"] == ["cc-by-4.0", "unknown", "other"]
    content = front(card("x", counts=dataclasses.replace(figures, by_licence=rows[2:]), **COMMON))
    assert (content["license"], content["license_name"]) == ("other", "House licence, Other house licence")
    content = front(card("x", counts=dataclasses.replace(figures, by_licence=()), **COMMON))
    assert content["license"] == "unknown"


def test_unknown_origin_is_told_as_bounds_and_not_as_a_share(figures: Counts) -> None:
    origins = tuple(
        OriginCount(origin=origin, declared="unknown", documents=kept, kept=kept, kept_words=kept)
        for origin, kept in (("human", 50), ("ai-generated", 10), ("unknown", 40))
    )
    text = card("x", counts=dataclasses.replace(figures, kept=100, by_origin=origins), **COMMON)
    assert "not identified: 40 of the 100 kept documents are of unknown origin" in text
    assert "allow 10.0% (none of those AI-made) to 50.0% (all of them)" in text
    text = card("x", counts=dataclasses.replace(figures, kept=60, by_origin=origins[:2]), **COMMON)
    assert "16.7% of the kept documents are AI-generated" in text


def of_origins(figures: Counts, **kept: int) -> Counts:
    """The figures with so many kept documents of each origin."""
    origins = tuple(
        OriginCount(
            origin=name.replace("_", "-"), declared="unknown", documents=count, kept=count, kept_words=count
        )
        for name, count in kept.items()
    )
    return dataclasses.replace(figures, kept=sum(kept.values()), by_origin=origins)


@pytest.mark.parametrize(
    ("kept", "annotations", "languages", "synthetic"),
    [
        ({"human": 3}, ["no-annotation"], ["found"], False),
        ({"unknown": 3}, ["no-annotation"], ["found"], False),
        ({"human": 3, "ai_generated": 1}, ["machine-generated"], ["found", "machine-generated"], True),
        ({"ai_assisted": 1}, ["machine-generated"], ["machine-generated"], True),
        ({"machine_translated": 2}, ["machine-generated"], ["machine-generated"], True),
    ],
)
def test_what_models_made_is_told_to_the_hub(
    figures: Counts, kept: dict[str, int], annotations: list[str], languages: list[str], synthetic: bool
) -> None:
    content = front(card("x", counts=of_origins(figures, **kept), **COMMON))
    assert content["annotations_creators"] == annotations
    assert content["language_creators"] == languages
    assert ("synthetic" in content["tags"]) == synthetic


def test_the_hubs_library_reads_the_front_matter_and_keeps_every_part_of_it(
    figures: Counts, recwarn: pytest.WarningsRecorder, caplog: pytest.LogCaptureFixture
) -> None:
    hub = pytest.importorskip("huggingface_hub")
    names = ("CC-BY-4.0", "House licence", None)
    rows = tuple(LicenceCount(licence=name, kept=1, kept_words=1) for name in names)
    whole = dataclasses.replace(of_origins(figures, human=2, ai_generated=1), by_licence=rows)
    text = card("x", counts=whole, source_datasets=["lake/letters"], language=["en"], **COMMON)
    read = hub.DatasetCard(text)
    assert read.data.to_dict() == front(text)
    assert (read.data.license, read.data.source_datasets) == (
        ["cc-by-4.0", "other", "unknown"],
        ["lake/letters"],
    )
    assert read.text.lstrip().startswith("# x")
    again = hub.DatasetCard(str(read))
    assert again.data.to_dict() == read.data.to_dict()
    assert (recwarn.list, caplog.records) == ([], [])


def test_a_measured_share_is_told_with_its_interval_or_as_bounds() -> None:
    share = MeasuredShare(of="the kept documents", estimate=0.12, low=0.08, high=0.17, level=0.95)
    assert share.told().endswith("AI text is 12.0% of the kept documents (8.0% to 17.0%, at 95% confidence).")
    bounds = dataclasses.replace(share, estimate=None)
    assert bounds.told().endswith("AI text is 8.0% to 17.0%, at 95% confidence, of the kept documents.")


def test_limits_of_quality_rules_are_told_where_they_were_used(figures: Counts) -> None:
    assert "Quality rules are made for prose" in card("x", counts=figures, **COMMON)
    assert "Quality rules" not in card(
        "x", counts=figures, **COMMON | {"recipe": {"steps": [{"exact-duplicates.v1": {}}]}}
    )


def test_a_name_cannot_break_the_page(figures: Counts) -> None:
    source = dataclasses.replace(figures.by_source[0], source="a|b\nc<script>")
    text = card("Lake\n---\nx", counts=dataclasses.replace(figures, by_source=(source,)), **COMMON)
    assert "| a\\|b c&lt;script> |" in text
    assert front(text)["pretty_name"] == "Lake --- x"
    assert "# Lake --- x" in text


@given(st.integers(0, 10**9), st.integers(0, 10**9))
def test_a_share_is_never_rounded_to_nothing_or_to_all(part: int, rest: int) -> None:
    text = _share(part, part + rest)
    assert (text == "0.0%") == (part == 0 and rest > 0)
    assert (text == "100.0%") == (rest == 0 and part > 0)


def test_hub_names_are_those_of_the_hub() -> None:
    spdx = (
        "MIT",
        "CC-BY-NC-SA-4.0",
        "GPL-3.0-or-later",
        "ODC-By-1.0",
        "CC-BY-1.0",
        "LicenseRef-Public-Domain",
    )
    assert [hub_licence(name) for name in spdx] == [
        "mit",
        "cc-by-nc-sa-4.0",
        "gpl-3.0",
        "odc-by",
        "other",
        "other",
    ]
    sizes = (0, 999, 1_000, 99_999, 10**6, 10**12)
    assert [size_category(size) for size in sizes] == [
        "n<1K",
        "n<1K",
        "1K<n<10K",
        "10K<n<100K",
        "1M<n<10M",
        "n>1T",
    ]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    rows = pa.concat_tables([data(), data().set_column(0, "id", pa.array(["wiki-19"]))])
    write_data(write_ledger(tmp_path), rows)
    (tmp_path / "report.json").write_text('{"schema": "wellkeeper.curate/1"}')
    (tmp_path / "README.md").write_text(card("Lake", counts=counts(tmp_path), **COMMON), encoding="utf-8")
    return tmp_path


IDS = ["wiki-17", "wiki-19"]


def test_the_hub_library_loads_the_data_and_nothing_else(
    folder: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    """In a process of its own, offline, with its caches in a temporary folder."""
    script = (
        "import os, sys, datasets\n"
        "loaded = datasets.load_dataset(sys.argv[1])\n"
        "print(list(loaded), loaded['train']['id'][:], loaded['train'].column_names, flush=True)\n"
        # The library's reader threads can abort an interpreter that shuts down: its answer is all we ask for.
        "os._exit(0)\n"
    )
    cache = {"HF_HOME": str(tmp_path_factory.mktemp("hf")), "HF_HUB_OFFLINE": "1"}
    command = [sys.executable, "-c", script, str(folder)]
    environment = os.environ | cache
    result = subprocess.run(
        command, capture_output=True, text=True, env=environment, check=False, timeout=300
    )
    assert result.returncode == 0, result.stderr
    assert result.stdout.splitlines()[-1] == f"['train'] {IDS} {data().column_names}"


def test_data_frames_and_databases_read_the_same_rows(folder: Path) -> None:
    duckdb, pandas, polars = (pytest.importorskip(name) for name in ("duckdb", "pandas", "polars"))
    pattern = str(folder / "data" / "*.parquet")
    expected = ds.dataset(folder / "data").to_table(columns=["id", "text", "source", "likes", "weight"])
    rows = [tuple(row.values()) for row in expected.to_pylist()]
    assert [row[0] for row in rows] == IDS
    frame = pandas.read_parquet(folder / "data", columns=expected.column_names)
    assert list(frame.itertuples(index=False, name=None)) == rows
    assert polars.read_parquet(pattern).select(expected.column_names).rows() == rows
    query = f"select {', '.join(expected.column_names)} from '{pattern}'"
    assert duckdb.sql(query).fetchall() == rows


def test_databases_read_the_ledger(folder: Path) -> None:
    duckdb, polars = (pytest.importorskip(name) for name in ("duckdb", "polars"))
    pattern = str(folder / "ledger" / "documents" / "*.parquet")
    fates = [("drop", 4), ("keep", 1), ("review", 1)]
    assert duckdb.sql(f"select decision, count(*) from '{pattern}' group by 1 order by 1").fetchall() == fates
    counted = polars.read_parquet(pattern).group_by("decision").len().sort(polars.col("decision").cast(str))
    assert [(str(decision), count) for decision, count in counted.rows()] == fates
