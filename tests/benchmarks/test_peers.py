"""Recall, precision and tables of the benchmark against peers, on cases small enough to count by hand."""

import json
import sys
import time
from pathlib import Path

import pytest
from make_corpus import similarities, write_planted
from measuring import CommandError, measured
from peers import results
from peers.corpora import Corpus, MissingCorpusError, Planted, corpus_named
from peers.quality import quality_of
from peers.settings import shingles

README = Path(__file__).parents[2] / "benchmarks" / "README.md"
MACHINE = {"processor": "P", "cores": 2, "memory_gb": 8.0, "system": "Linux x86_64", "python": "3.11.7"}


def corpus(ids, planted, pairs):
    both = {}
    for (a, b), similarity in pairs.items():
        both.setdefault(a, {})[b] = both.setdefault(b, {})[a] = similarity
    return Corpus(
        name="made",
        path=Path("corpus.jsonl"),
        sha256="0",
        ids=tuple(ids),
        text_mb=1.0,
        planted=tuple(Planted(original=a, copy=b, kind="k", similarity=j) for a, b, j in planted),
        pairs=both,
    )


def test_a_planted_pair_is_found_if_not_both_of_its_documents_stay():
    made = corpus("abcd", [("a", "b", 0.9), ("c", "d", 0.85)], {("a", "b"): 0.9, ("c", "d"): 0.85})
    quality = quality_of(made, ["a", "c", "d"])
    assert quality.recall == 0.5
    assert quality.recall_by_band == {".9-1": 1.0, ".8-.9": 0.0}
    assert quality.pairs_by_band == {".9-1": 1, ".8-.9": 1}


def test_a_removal_is_right_only_if_a_document_like_it_stays():
    made = corpus("abc", [], {("a", "b"): 0.95, ("b", "c"): 0.6})
    assert quality_of(made, ["a", "c"]).precision_80 == 1.0
    chained = quality_of(made, ["c"])  # a goes although the only document like it goes too
    assert chained.removed == 2
    assert chained.precision_80 == 0.0
    assert chained.precision_50 == 0.5


def test_originals_with_several_copies_do_not_count_for_recall():
    made = corpus("abc", [("a", "b", 1.0), ("a", "c", 1.0)], {})
    assert quality_of(made, ["a", "b", "c"]).recall is None


def test_which_copy_survives_is_counted_where_one_does():
    made = corpus("abcd", [("a", "b", 1.0), ("c", "d", 1.0)], {("a", "b"): 1.0, ("c", "d"): 1.0})
    assert quality_of(made, ["a", "d"]).originals_kept == 0.5


def test_ids_that_the_corpus_does_not_have_are_refused():
    with pytest.raises(ValueError, match="1 ids kept, 1 of them not in made"):
        quality_of(corpus("a", [], {}), ["z"])


def test_the_planted_corpus_is_true_to_its_word(tmp_path):
    letters = str.maketrans("0123456789", "abcdefghij")
    texts = [" ".join(str(n * k % 997).translate(letters) for n in range(400)) for k in range(1, 30)]
    write_planted(texts, tmp_path / "own", documents=60, seed=1)
    write_planted(texts, tmp_path / "again", documents=60, seed=1)
    for name in ("corpus.jsonl", "truth.jsonl", "allpairs.tsv"):
        assert (tmp_path / "own" / name).read_bytes() == (tmp_path / "again" / name).read_bytes()
    rows, planted = (
        [json.loads(line) for line in (tmp_path / "own" / name).read_text().splitlines()]
        for name in ("corpus.jsonl", "truth.jsonl")
    )
    texts = {row["id"]: row["text"] for row in rows}
    assert planted
    for pair in planted:
        a, b = (set(shingles(texts[pair[side]])) for side in ("orig", "copy"))
        exact = len(a & b) / len(a | b)
        assert pair["j5"] == pytest.approx(exact if exact >= 0.3 else 0, abs=1e-4)


def test_all_pairs_are_those_of_the_definition():
    texts = {"a": "one two three four five six", "b": "one two three four five seven", "c": "x y z"}
    assert list(similarities(texts, 0.3)) == [("a", "b", pytest.approx(1 / 3))]


def test_a_missing_corpus_says_what_to_give():
    with pytest.raises(MissingCorpusError, match="WELLKEEPER_BENCH_DATA, or use --corpora own"):
        corpus_named("mid", None, Path())


def test_cpu_time_of_children_that_outlive_their_parent_is_counted():
    burn = "import time\nwhile time.process_time() < 0.6: pass"
    parent = f"import subprocess, sys; subprocess.Popen([sys.executable, '-c', {burn!r}])"
    begun = time.perf_counter()
    usage = measured([sys.executable, "-c", parent])
    assert time.perf_counter() - begun >= 0.5
    if sys.platform == "linux":
        assert usage.cpu_s >= 0.6


def test_a_command_that_fails_or_hangs_is_an_error_with_its_last_words():
    with pytest.raises(CommandError, match=r"exit code 3: no luck"):
        measured([sys.executable, "-c", "import sys; print('no luck'); sys.exit(3)"])
    with pytest.raises(CommandError, match=r"stopped after 1 s"):
        measured([sys.executable, "-c", "import time; time.sleep(30)"], limit_s=1)


def run_row(tool, cpu_s, *, version="1", series="s1", corpus_sha256="c"):
    quality = {
        "removed": 3, "recall": 0.5, "recall_by_band": {"1": 1.0}, "pairs_by_band": {"1": 10},
        "precision_80": 1.0, "precision_50": 1.0, "originals_kept": None,
    }  # fmt: skip
    return {
        "kind": "run", "series": series, "date": "2026-01-02T03:04:05+00:00", "machine": MACHINE, "load": 0.5,
        "tool": tool, "version": version, "setting": "x", "corpus": "made", "corpus_sha256": corpus_sha256,
        "documents": 1000, "text_mb": 10.0, "cores": 1, "cpu_s": cpu_s, "wall_s": 2 * cpu_s, "peak_mb": 50.0,
        "kept_sha256": "k", "quality": quality, "verified": None,
    }  # fmt: skip


def test_the_table_shows_medians_and_how_many_times_faster_we_are():
    rows = [run_row("wellkeeper", s) for s in (0.1, 0.2, 0.4)] + [run_row("rensa", 2.0)]
    lines = results.tables(rows).splitlines()
    assert "| wellkeeper | 1 | 1 | 50 | 25-100 | 1.0 x | 0.40 | 50 | 3 |" in lines
    assert "| rensa | 1 | 1 | 5 | 5-5 | 10.0 x | 4.00 | 50 | 1 |" in lines
    assert "| rensa | 3 | 0.5000 | 1.0000 | 1.0000 | 1.0000 |  |" in lines


def test_the_table_shows_the_last_version_of_the_last_series_only():
    rows = [
        run_row("rensa", 1.0, series="s1"),
        run_row("rensa", 9.0, series="s2", version="1"),
        run_row("rensa", 2.0, series="s2", version="2"),
    ]
    lines = results.tables(rows).splitlines()
    assert "| rensa | 2 | 1 | 5 | 5-5 |  | 4.00 | 50 | 1 |" in lines


def test_runs_count_towards_a_series_only_if_they_measured_the_same():
    rows = [
        run_row("rensa", 1.0),
        run_row("rensa", 1.0, version="2"),
        run_row("rensa", 1.0, corpus_sha256="other"),
        run_row("rensa", 1.0, series="s0"),
    ]
    assert results.runs_of(rows, results.Key.of(rows[0]), "s1") == rows[:1]


def test_a_tool_that_could_not_be_measured_is_named_with_its_error():
    failure = {
        "kind": "failure", "series": "s1", "date": "2026-01-02", "machine": MACHINE, "tool": "rensa",
        "corpus": "made", "error": "ImportError: no rensa",
    }  # fmt: skip
    text = results.tables([run_row("wellkeeper", 1.0), failure])
    assert text.endswith("- rensa on made could not be measured: ImportError: no rensa\n")


def test_the_readme_shows_what_the_results_say():
    text = README.read_text()
    shown = results.FIGURES.findall(text)
    assert shown
    assert results.filled(text, README.parent) == text


def test_results_are_read_as_they_were_written(tmp_path):
    path = tmp_path / "deep" / "results.jsonl"
    assert results.read(path) == []
    rows = [run_row("rensa", 1.0), run_row("wellkeeper", 2.0)]
    for row in rows:
        results.append(path, row)
    assert results.read(path) == rows
