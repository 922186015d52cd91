"""The example corpus against its truth, read here by other code than made it."""

import gzip
import importlib
import json
import random
import re
import sys
from collections import Counter, defaultdict
from hashlib import sha256
from itertools import pairwise
from pathlib import Path

import pyarrow.parquet as pq
import pytest
import zstandard

from wellkeeper.core.evidence import BY_NAME
from wellkeeper.core.origin import LABELS, declared_origin
from wellkeeper.core.rights import is_open, licence_expression

EXAMPLES = Path(__file__).parents[2] / "examples"
TEXT = {"archive": "body", "books": "text", "forum": "content", "made": "text", "reference": "text"}
DATE = {"archive": "published", "forum": "created_at", "made": "created", "reference": "published"}
CORPUS = ("archive", "books", "forum", "made")


def raw(path):
    data = path.read_bytes()
    if path.name.endswith(".gz"):
        return gzip.decompress(data)
    if path.name.endswith(".zst"):
        return zstandard.ZstdDecompressor().decompressobj().decompress(data)
    return data


def load(folder):
    """Readable rows of a folder and its unreadable (file, line, offset) triples."""
    root = EXAMPLES / "reference" if folder == "reference" else EXAMPLES / "corpus" / folder
    rows, broken = [], []
    for path in sorted(root.iterdir()):
        if path.suffix == ".parquet":
            rows += pq.ParquetFile(path).read().to_pylist()
            continue
        start = 0
        for number, line in enumerate(raw(path).split(b"\n")[:-1], 1):
            try:
                row = json.loads(line)
            except ValueError:
                row = {}
            if isinstance(row.get(TEXT[folder]), str):
                rows.append(row)
            else:
                broken.append((f"{folder}/{path.name}", number, start))
            start += len(line) + 1
    return rows, broken


@pytest.fixture(scope="module")
def truth():
    return json.loads((EXAMPLES / "truth.json").read_text(encoding="utf-8"))


@pytest.fixture(scope="module")
def folders():
    return {folder: load(folder)[0] for folder in TEXT}


@pytest.fixture(scope="module")
def texts(folders):
    return {row["id"]: row[TEXT[folder]] for folder, rows in folders.items() for row in rows}


@pytest.fixture(scope="module")
def rows(folders):
    return {row["id"]: {**row, "folder": folder} for folder, of in folders.items() for row in of}


def words(text):
    return re.split(r"[^\w]+", text.lower().strip())


def grams(text):
    run = [word for word in words(text) if word]
    return {tuple(run[start : start + 5]) for start in range(max(1, len(run) - 4))}


def jaccard(first, second):
    return len(first & second) / len(first | second)


def example(name):
    if str(EXAMPLES) not in sys.path:
        sys.path.append(str(EXAMPLES))
    return importlib.import_module(name)


# --- what is there -----------------------------------------------------------------------------------------


def test_every_id_is_unique_and_has_a_true_origin(folders, truth):
    ids = [row["id"] for rows in folders.values() for row in rows]
    assert len(ids) == len(set(ids))
    assert set(ids) == set(truth["origin"])
    assert set(truth["origin"].values()) <= set(LABELS)


def test_the_counts_of_the_truth_are_those_of_a_second_reading(folders, truth):
    for folder, found in folders.items():
        said = truth["reference"] if folder == "reference" else truth["corpus"]["by_folder"][folder]
        bodies = [row[TEXT[folder]] for row in found]
        assert said["documents"] == len(found)
        assert said["bytes"] == sum(len(text.encode()) for text in bodies)
        assert said["words"] == sum(len([word for word in words(text) if word]) for text in bodies)
        assert said["dated"] == sum(row.get(DATE.get(folder, "-")) is not None for row in found)
        assert said["licence"] == Counter(row["license"] for row in found)
        assert said["origin"] == Counter(truth["origin"][row["id"]] for row in found)
    totals = [truth["corpus"]["by_folder"][folder] for folder in CORPUS]
    for key in ("documents", "bytes", "words", "dated"):
        assert truth["corpus"]["all"][key] == sum(part[key] for part in totals)


def test_the_declared_labels_are_those_that_wellkeeper_reads(folders, truth):
    for folder in CORPUS:
        column = {"forum": "label"}.get(folder, "origin")
        declared = Counter(
            "human" if folder == "books" else declared_origin(row.get(column)).label
            for row in folders[folder]
        )
        assert truth["corpus"]["by_folder"][folder]["declared"] == declared
    half = Counter("label" in row for row in folders["forum"])
    assert 0.35 < half[True] / half.total() < 0.65


def test_sources_and_months_add_up(folders, truth):
    boards = Counter(row["board"] for row in folders["forum"])
    said = {
        row["source"]: row["documents"] for row in truth["corpus"]["by_source"] if row["folder"] == "forum"
    }
    assert said == boards
    months = Counter(
        str(row[DATE[folder]])[:7]
        for folder in CORPUS
        if folder in DATE
        for row in folders[folder]
        if row.get(DATE[folder])
    )
    assert {row["month"]: row["documents"] for row in truth["corpus"]["by_month"]} == months
    assert all(sum(row["origin"].values()) == row["documents"] for row in truth["corpus"]["by_month"])


def test_the_text_is_3_to_6_megabytes_and_the_files_are_under_4(texts, truth):
    assert 3e6 <= truth["corpus"]["all"]["bytes"] <= 6e6
    assert 3e6 <= sum(len(text.encode()) for text in texts.values()) <= 6e6
    files = [path for path in EXAMPLES.rglob("*") if path.is_file() and "__pycache__" not in path.parts]
    assert sum(path.stat().st_size for path in files) < 4e6


def test_every_row_has_an_open_licence_that_the_licence_page_names(folders):
    page = (EXAMPLES / "LICENCES.md").read_text(encoding="utf-8")
    for folder, found in folders.items():
        place = "reference" if folder == "reference" else f"corpus/{folder}"
        named = [line for line in page.splitlines() if line.startswith("|") and f"`{place}`" in line]
        for licence in {row["license"] for row in found}:
            assert is_open(licence_expression(licence)), licence
            assert licence in page
        assert named, f"{place} has no line in LICENCES.md"
    for credit in ("WikiText-2", "ranhli/l2r_data", "SmolLM2-135M-Instruct", "HuggingFaceTB"):
        assert credit in page


def test_the_readme_gives_the_figures_of_the_truth(truth):
    page = (EXAMPLES / "README.md").read_text(encoding="utf-8")
    for folder, column in TEXT.items():
        said = truth["reference"] if folder == "reference" else truth["corpus"]["by_folder"][folder]
        place = "reference" if folder == "reference" else f"corpus/{folder}"
        cells = re.search(rf"^\| `{place}` \|[^|]*\| (\d+) \| (\d+) \| `(\w+)` \|", page, re.MULTILINE)
        assert cells is not None
        assert (int(cells[1]), int(cells[2]), cells[3]) == (said["documents"], said["bytes"], column)
    for key, planted in truth["planted"].items():
        assert f"| `{key}` | {len(planted)} |" in page


def test_nothing_of_a_private_machine_or_a_library_header_is_in_the_files(texts):
    for path in [*EXAMPLES.glob("*.py"), *EXAMPLES.glob("*.md"), EXAMPLES / "truth.json"]:
        assert not re.search(r"/(?:work|home|tmp|root)/", path.read_text(encoding="utf-8")), path.name
    header = re.compile(r"project gutenberg|e-?text prepared|transcriber's note", re.IGNORECASE)
    assert not [name for name, text in texts.items() if header.search(text)]


# --- dates -------------------------------------------------------------------------------------------------


def test_dates_are_the_release_or_the_day_of_generation_or_declared_synthetic(folders, truth):
    assert {str(row["published"]) for row in folders["archive"]} == {"2016-09-26"}
    assert {row["published"] for row in folders["reference"]} == {"2016-09-26", None}
    assert all(row["published"] is None for row in folders["reference"] if row["author"])
    assert {row["year"] for row in folders["books"]} == {None}
    assert {row["created"][:7] for row in folders["made"]} == {"2026-11"}
    assert truth["synthetic_dates"] == ["forum"]
    assert "`created_at` in `forum` is synthetic" in (EXAMPLES / "README.md").read_text(encoding="utf-8")


def test_no_ai_text_of_the_forum_is_dated_before_its_models(folders, truth):
    dated = [
        (row["created_at"], truth["origin"][row["id"]]) for row in folders["forum"] if "created_at" in row
    ]
    assert min(day for day, _ in dated) >= "2021-01-01"
    assert max(day for day, _ in dated) < "2025-01-01"
    assert min(day for day, origin in dated if origin == "ai-generated") >= "2023-03-01"


# --- repeats -----------------------------------------------------------------------------------------------


def test_planted_pairs_have_the_jaccard_that_the_truth_says(texts, truth):
    planted = truth["planted"]
    for key in ("exact", "near", "related"):
        for pair in planted[key]:
            first, second = texts[pair["original"]], texts[pair["copy"]]
            assert jaccard(grams(first), grams(second)) == pytest.approx(pair["jaccard"], abs=1e-6)
            assert (first == second) is (key == "exact")
    assert all(pair["jaccard"] >= 0.8 for pair in planted["near"])
    assert all(0.5 <= pair["jaccard"] <= 0.75 for pair in planted["related"])
    assert Counter(pair["kind"] for pair in planted["near"]) == dict.fromkeys(
        ("boilerplate", "phrases-edited", "truncated", "respelled"), 15
    )
    names = [
        pair[end]
        for key in ("exact", "near", "related")
        for pair in planted[key]
        for end in pair
        if end in {"original", "copy"}
    ]
    assert len(names) == len(set(names)) == 2 * (40 + 60 + 10)


def test_falsely_labelled_copies_have_originals_declared_human(rows, truth):
    false = [pair for key in ("exact", "near") for pair in truth["planted"][key] if pair["false_label"]]
    assert len(false) == 10 + 15
    earlier = 0
    for pair in false:
        original, copy = rows[pair["original"]], rows[pair["copy"]]
        assert copy["label"] == "ai"
        assert truth["origin"][copy["id"]] == truth["origin"][original["id"]] == "human"
        assert original["folder"] == "books" or original.get("origin", original.get("label")) == "human"
        earlier += original["folder"] == "books" or copy["created_at"] < original.get("created_at", "")
    assert earlier >= 10, "keeping the earliest alone would keep the human text"


def test_exact_groups_are_all_there_are(folders, truth):
    groups = defaultdict(list)
    for folder in CORPUS:
        for row in folders[folder]:
            groups[sha256(row[TEXT[folder]].encode()).digest()].append(row["id"])
    repeated = sorted(sorted(ids) for ids in groups.values() if len(ids) > 1)
    said = truth["corpus"]["exact"]
    assert said["ids"] == repeated
    assert said["groups"] == len(repeated)
    assert said["redundant"] == sum(len(ids) - 1 for ids in repeated)
    assert repeated == sorted(sorted((pair["original"], pair["copy"])) for pair in truth["planted"]["exact"])


def test_the_list_of_pairs_from_a_half_up_is_complete(texts, truth):
    """Two sets with a Jaccard of 1/2 share a gram among the rarest half, and one more, of either (prefix filter)."""
    sets = {name: grams(text) for name, text in texts.items() if not name.startswith("reference")}
    often = Counter(gram for found in sets.values() for gram in found)
    shared = defaultdict(list)
    for name, found in sets.items():
        ranked = sorted(found, key=lambda gram: (often[gram], gram))
        for gram in ranked[: len(ranked) // 2 + 1]:
            if often[gram] > 1:
                shared[gram].append(name)
    candidates = {
        tuple(sorted((one, two))) for names in shared.values() for one in names for two in names if one < two
    }
    found = {(one, two): jaccard(sets[one], sets[two]) for one, two in candidates}
    pairs = sorted([one, two, round(value, 6)] for (one, two), value in found.items() if value >= 0.5)
    near = truth["corpus"]["near"]
    assert near["pairs_at_0.5"] == pairs
    close = [name for one, two, value in pairs if value >= 0.8 for name in (one, two)]
    assert len(close) == len(set(close)), "clusters are pairs: no survivor rule can change how many go"
    assert near["clusters"] == near["redundant"] == len(close) // 2
    assert near["largest"] == 2
    planted = {
        frozenset((pair["original"], pair["copy"]))
        for of in ("exact", "near", "related")
        for pair in truth["planted"][of]
    }
    assert sum(value >= 0.8 and frozenset((one, two)) not in planted for one, two, value in pairs) == 1
    assert near["redundant_after_exact"] == near["redundant"] - truth["corpus"]["exact"]["redundant"]


def test_no_row_of_the_reference_is_in_the_corpus_not_even_nearly(folders, texts):
    holders = defaultdict(set)
    corpus = {name: grams(text) for name, text in texts.items() if not name.startswith("reference")}
    for name, found in corpus.items():
        for gram in found:
            holders[gram].add(name)
    for row in folders["reference"]:
        own = grams(row["text"])
        near = Counter(name for gram in own for name in holders.get(gram, ()))
        assert max((jaccard(own, corpus[name]) for name in near), default=0) < 0.05, row["id"]


def test_reference_and_corpus_share_no_article_and_no_novel(folders):
    articles = {row["title"] for row in folders["archive"]}
    works = {(row["author"], row["work"]) for row in folders["books"]}
    for row in folders["reference"]:
        assert (
            row["title"] not in articles
            if row["author"] is None
            else (row["author"], row["title"]) not in works
        )


# --- traces, poor pages, broken records --------------------------------------------------------------------


def test_artefacts_are_in_their_rows_as_often_as_the_truth_says(texts, truth):
    planted = truth["planted"]
    for trace in (*planted["artefacts"], *planted["quotations"]):
        assert texts[trace["id"]].count(trace["fragment"]) == trace["count"] >= 1
        assert trace["kind"] in BY_NAME
        assert truth["origin"][trace["id"]] == "ai-generated"
    kinds = {trace["kind"] for trace in planted["artefacts"]}
    assert kinds == {"citation-marker", "assistant-voice", "chat-template", "chat-referrer", "unfilled-slot"}
    assert len({trace["id"] for trace in planted["artefacts"]}) == 25


def test_quotations_are_set_off_by_quotation_marks(texts, truth):
    for trace in truth["planted"]["quotations"]:
        text = texts[trace["id"]]
        before = text[: text.index(trace["fragment"])]
        assert before[-1] in '"\u201c`'


def test_poor_pages_fail_the_rule_they_were_made_for(texts, truth):
    stop = {"the", "be", "to", "of", "and", "that", "have", "with"}

    def value(signal, text):
        every = [line.strip() for line in text.splitlines() if line.strip()]
        run = [word for word in words(text) if word]
        return {
            "words": lambda: len(run),
            "hash_ratio": lambda: text.count("#") / len(run),
            "ellipsis_line_share": lambda: sum(line.endswith("...") for line in every) / len(every),
            "bullet_line_share": lambda: sum(line.startswith("- ") for line in every) / len(every),
            "duplicate_line_share": lambda: (len(every) - len(set(every))) / len(every),
            "stop_words_distinct": lambda: len(stop & set(run)),
            "curly_brackets": lambda: text.count("{"),
            "lorem_ipsum": lambda: "lorem ipsum" in text.lower(),
        }[signal]()

    for page in truth["planted"]["low_quality"]:
        found = value(page["signal"], texts[page["id"]])
        assert found == pytest.approx(page["value"], abs=1e-6)
        assert found < page["least"] if page["least"] is not None else found > page["most"]
        assert truth["origin"][page["id"]] == "programmatic"
    assert len({texts[page["id"]] for page in truth["planted"]["low_quality"]}) == 30


def test_broken_records_stand_where_the_quarantine_says(truth):
    said = truth["quarantine"]
    found = [triple for folder in CORPUS for triple in load(folder)[1]]
    assert [(row["file"], row["line"], row["offset"]) for row in said] == found
    assert len(found) == truth["corpus"]["all"]["quarantined"]
    assert Counter(row["code"] for row in said) == {
        "json-syntax": 3, "utf8": 1, "text-null": 1, "text-missing": 1, "text-type": 1,
    }  # fmt: skip
    for row in said:
        line = (EXAMPLES / "corpus" / row["file"]).read_bytes()[row["offset"] :].split(b"\n", 1)[0]
        if row["code"] == "utf8":
            with pytest.raises(UnicodeDecodeError):
                line.decode()
        elif row["code"] == "json-syntax":
            with pytest.raises(json.JSONDecodeError):
                json.loads(line.decode())
        else:
            text = json.loads(line).get("content", "missing")
            assert text == {"text-null": None, "text-missing": "missing", "text-type": 42}[row["code"]]


def test_generated_rows_say_how_to_make_them_again(folders):
    rows = folders["made"]
    assert {row["generator"] for row in rows} == {"smollm2-135m-instruct"}
    assert {row["temperature"] for row in rows} == {0.5, 0.8}
    assert len({row["seed"] for row in rows}) == len(rows)
    for row in rows:
        assert re.fullmatch(r"[0-9a-f]{64}", row["model_sha256"])
        assert row["runtime"].startswith("xllamacpp ")
        assert 0 < row["tokens"] <= row["max_tokens"]
        assert 0 < row["top_p"] <= 1
    planned = {
        (request.prompt, request.temperature, request.seed)
        for request in example("generate_smollm2").plan(count=len(rows), seed=0)
    }
    assert {(row["prompt"], row["temperature"], row["seed"]) for row in rows} == planned


# --- the makers --------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("tokenised", "text"),
    [
        ("a mass of 0 @.@ 7 – 2 @.@ 2 kg ( 1 @.@ 5 lb ) .", "a mass of 0.7–2.2 kg (1.5 lb)."),
        ("the 1888 – 89 tour , worth $ 1 @,@ 500", "the 1888–89 tour, worth $1,500"),
        ('only " red @-@ tipped " , he said', 'only "red-tipped", he said'),
        ("the sailors ' word and don 't say it 's", "the sailors' word and don't say it's"),
        ("he was 34 % off at 30 ° N , [ sic ]", "he was 34% off at 30° N, [sic]"),
    ],
)
def test_detokenising_undoes_the_tokens_of_wikitext(tokenised, text):
    assert example("sources").detokenise(tokenised) == text


def test_runs_of_edits_cost_less_similarity_than_scattered_ones():
    plants = example("plants")
    text = " ".join(f"word{number}" for number in range(600))
    own = grams(text)
    runs = jaccard(own, grams(plants.edited(text, random.Random(1), share=0.03, run=3)))
    scattered = jaccard(own, grams(plants.edited(text, random.Random(1), share=0.03, run=1)))
    assert scattered < 0.8 < runs


def test_respelling_keeps_the_words_and_truncation_keeps_88_percent_of_them():
    plants = example("plants")
    text = "\n\n".join(f'"Well," said number {n}, "it isn\'t mine.  Take it."' for n in range(40))
    for seed in range(12):
        other = plants.respelled(text, random.Random(seed))
        assert other != text
        assert grams(other) == grams(text)
    cut = plants.truncated(text, random.Random(0))
    assert text.startswith(cut)
    assert len(cut.split()) == int(0.88 * len(text.split()))


def test_pairs_and_clusters_agree_with_comparing_everything():
    definitions = example("definitions")
    rng = random.Random(3)
    base = [[rng.choice("abcdefgh") * 2 for _ in range(30)] for _ in range(4)]
    texts = {}
    for number in range(24):
        run = list(base[number % 4])
        run[rng.randrange(30)] = rng.choice("xyz")
        texts[f"t{number:02d}"] = " ".join(run)
    expected = [
        (one, two, jaccard(grams(texts[one]), grams(texts[two])))
        for one in texts
        for two in texts
        if one < two and jaccard(grams(texts[one]), grams(texts[two])) >= 0.5
    ]
    pairs = definitions.similar_pairs(texts, at_least=0.5)
    assert pairs == sorted(expected)
    groups = definitions.clusters((one, two) for one, two, _ in pairs)
    assert all(first < second for group in groups for first, second in pairwise(group))
    assert {name for group in groups for name in group} == {name for pair in pairs for name in pair[:2]}
