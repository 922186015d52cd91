"""`compare` from files to a verdict: what it says of like and of damaged corpora, whoever runs it and in how many pieces."""

import json
from pathlib import Path

import jsonschema
import numpy as np
import pyarrow as pa
import pytest

import wellkeeper
from wellkeeper.errors import DataError, InputError

HERE = Path(__file__).parents[2]
SCHEMA = json.loads((HERE / "src/wellkeeper/recipe/compare.schema.json").read_text())
SYLLABLES = [a + b for a in "bdfgklmnprstvz" for b in ("a", "e", "i", "o", "u")]
WORDS = [first + second for first in SYLLABLES for second in SYLLABLES][:4000]
ZIPF = 1 / np.arange(1, len(WORDS) + 1)


def texts(documents: int, seed: int, *, common: int = len(WORDS)) -> list[str]:
    """Documents of 80 words of Zipf's law, cut to the most common ones."""
    rng = np.random.default_rng(seed)
    masses = ZIPF[:common] / ZIPF[:common].sum()
    return [" ".join(WORDS[k] for k in rng.choice(common, 80, p=masses)) for _ in range(documents)]


def write(path: Path, found: list[str], **columns: list[str]) -> Path:
    rows = [dict(zip(columns, values, strict=True)) for values in zip(*columns.values(), strict=True)] or [
        {}
    ] * len(found)
    path.write_text(
        "".join(json.dumps({"text": one, **row}) + "\n" for one, row in zip(found, rows, strict=True))
    )
    return path


@pytest.fixture(scope="module")
def corpora(tmp_path_factory) -> dict[str, Path]:
    folder = tmp_path_factory.mktemp("compare")
    return {
        "before": write(folder / "before.jsonl", texts(120, 1)),
        "like": write(folder / "like.jsonl", texts(120, 2)),
        "sharp": write(folder / "sharp.jsonl", texts(120, 3, common=400)),
        "human": write(folder / "human.jsonl", texts(200, 4)),
        "folder": folder,
    }


@pytest.fixture(scope="module")
def sharp(corpora, tmp_path_factory):
    return wellkeeper.compare(
        corpora["before"],
        corpora["sharp"],
        reference=corpora["human"],
        out=tmp_path_factory.mktemp("sharp"),
        permutations=199,
        block_bytes=3_000,
        workers=2,
    )


def settled(comparison) -> dict:
    """The document without what depends on place and time."""
    document = comparison.to_json()
    del document["run"]
    return document


def test_a_corpus_without_rare_words_is_worse_and_the_document_says_by_what(sharp) -> None:
    assert sharp.verdict == "worse"
    assert {"q0", "tail_recall", "lost_mass"} <= {
        row["figure"] for row in sharp.worse if row["family"] == "words"
    }
    assert sharp.documents_to_decide is None
    jsonschema.validate(sharp.to_json(), SCHEMA)
    rarest = sharp.document["survival"][0]
    assert rarest["second"]["high"] < rarest["first"]["low"]
    assert rarest["first"]["low"] < rarest["ceiling"]["estimate"] < rarest["first"]["high"]


def test_words_that_are_lost_are_named_as_they_are_written_and_are_indeed_lost(sharp, corpora) -> None:
    lost = [row["text"] for row in sharp.document["examples"]["lost"]]
    assert lost
    before, after = (corpora[name].read_text() for name in ("before", "sharp"))
    assert all(f"{word} " in before or f" {word}" in before for word in lost)
    kept = set(after.replace('"', " ").split())
    assert not kept & set(lost)


def test_like_is_not_worse_and_small_corpora_say_how_many_documents_would_decide(corpora, tmp_path) -> None:
    found = wellkeeper.compare(corpora["before"], corpora["like"], out=tmp_path, permutations=99)
    assert found.verdict == "not enough data"
    assert found.documents_to_decide["first"] > 120
    assert found.document["survival"] is None
    jsonschema.validate(found.to_json(), SCHEMA)
    easy = wellkeeper.compare(corpora["before"], corpora["like"], out=tmp_path, permutations=99, margin=0.9)
    assert easy.verdict == "not worse"


@pytest.mark.parametrize(
    "options",
    [
        {"workers": 1},
        {"workers": 3, "block_bytes": 9_000},
        pytest.param({"workers": 2, "executor": "processes"}, marks=pytest.mark.slow),
    ],
)
def test_workers_blocks_executors_and_a_second_run_change_nothing(options, sharp, corpora, tmp_path) -> None:
    for _ in range(2):
        again = wellkeeper.compare(
            corpora["before"],
            corpora["sharp"],
            reference=corpora["human"],
            out=tmp_path,
            permutations=199,
            **options,
        )
        assert settled(again) == settled(sharp)


def test_pairs_are_matched_by_their_column_whatever_their_order(tmp_path) -> None:
    prompts = [f"prompt {k}" for k in range(60)]
    found = texts(60, 5), texts(60, 6)
    first = write(tmp_path / "first.jsonl", found[0], prompt=prompts)
    second = write(tmp_path / "second.jsonl", found[1][::-1], prompt=prompts[::-1])
    more = write(
        tmp_path / "more.jsonl",
        [*found[1], *texts(9, 7)],
        prompt=[*prompts, *(f"other {k}" for k in range(9))],
    )
    results = [
        wellkeeper.compare(first, other, pairs="prompt", out=tmp_path / "out", permutations=99)
        for other in (second, more)
    ]
    assert [result.document["inputs"]["pairs"] for result in results] == [60, 60]
    ours, theirs = (result.document["families"][0]["changes"] for result in results)
    assert [change["change"]["estimate"] for change in ours] == [
        change["change"]["estimate"] for change in theirs
    ]


def test_several_answers_to_a_prompt_are_one_unit(tmp_path) -> None:
    prompts = [f"prompt {k % 20}" for k in range(60)]
    first = write(tmp_path / "first.jsonl", texts(60, 5), prompt=prompts)
    second = write(tmp_path / "second.jsonl", texts(60, 6), prompt=prompts)
    found = wellkeeper.compare(first, second, pairs="prompt", out=tmp_path / "out", permutations=99)
    assert found.document["families"][0]["documents"] == [20, 20]
    assert found.document["families"][0]["tokens"] == [4800, 4800]


def test_copies_of_the_reference_are_left_out_and_counted(corpora, tmp_path) -> None:
    human = [json.loads(line)["text"] for line in corpora["human"].read_text().splitlines()]
    copied = write(tmp_path / "copied.jsonl", [*texts(60, 8), *human[:40]])
    found = wellkeeper.compare(
        corpora["before"], copied, reference=corpora["human"], out=tmp_path, permutations=19
    )
    assert found.document["inputs"]["second"]["copies_of_the_reference"] == 40
    assert found.document["families"][0]["documents"][1] == 60


def test_tables_in_memory_compare_as_files_do(corpora, tmp_path) -> None:
    before, like = (
        pa.table({"text": [json.loads(line)["text"] for line in corpora[name].read_text().splitlines()]})
        for name in ("before", "like")
    )
    found = wellkeeper.compare(before, like, out=tmp_path, permutations=19)
    assert found.document["families"][0]["documents"] == [120, 120]


def test_the_result_fits_a_terminal_and_a_notebook(sharp) -> None:
    assert repr(sharp).startswith("Comparison(120 against 120 documents: worse, ")
    assert "<caption>wellkeeper compare</caption>" in sharp._repr_html_()
    assert "B is worse than A" in sharp.to_html()
    assert "B is worse than A" in sharp.paths["report"].read_text()


def test_errors_say_what_was_found_and_what_to_do(corpora, tmp_path) -> None:
    def compared(*sides, **options):
        return wellkeeper.compare(*sides, out=tmp_path / "out", permutations=19, **options)

    before, like, human = (corpora[name] for name in ("before", "like", "human"))
    with pytest.raises(
        InputError, match=r"before\.jsonl is in both corpora.* Give two that have no file in common\.$"
    ):
        compared(before, before)
    with pytest.raises(
        InputError, match=r"before\.jsonl is both in the reference.* the first corpus is then the yards"
    ):
        compared(before, like, reference=before)
    copy = write(
        tmp_path / "copy.jsonl", [json.loads(line)["text"] for line in human.read_text().splitlines()]
    )
    with pytest.raises(InputError, match=r"All 200 documents of copy.* or leave --reference out\.$"):
        compared(before, copy, reference=human)
    empty = tmp_path / "empty.jsonl"
    empty.touch()
    with pytest.raises(InputError, match=r"empty\.jsonl.*\.$"):
        compared(before, empty)
    few = write(tmp_path / "few.jsonl", texts(5, 9))
    with pytest.raises(
        DataError, match=r"has 5 documents, too few for an interval\. Give at least 10 documents\.$"
    ):
        compared(few, like)
    wordless = write(tmp_path / "wordless.jsonl", ["..."] * 30)
    with pytest.raises(DataError, match=r"documents.*\.$"):
        compared(before, wordless)
    with pytest.raises(
        InputError, match=r"No document of one corpus has a partner.* or leave --pairs out\.$"
    ):
        compared(
            write(tmp_path / "p.jsonl", texts(20, 1), prompt=[f"a{k}" for k in range(20)]),
            write(tmp_path / "q.jsonl", texts(20, 2), prompt=[f"b{k}" for k in range(20)]),
            pairs="prompt",
        )


def test_a_column_of_pairs_that_does_not_exist_is_named_by_its_option(corpora, tmp_path):
    with pytest.raises(InputError, match=r"no column 'question' for the id; .* with --pairs COL\.$"):
        wellkeeper.compare(corpora["before"], corpora["like"], pairs="question", out=tmp_path / "out")


@pytest.mark.parametrize(("permutations", "is_told"), [(58, True), (59, False)])
def test_too_few_permutations_to_find_anything_are_told(corpora, tmp_path, permutations, is_told):
    """The least p-value is 1 in one more, and three tables are adjusted for by a factor of 3."""
    found = wellkeeper.compare(
        corpora["before"], corpora["like"], permutations=permutations, out=tmp_path / "out"
    ).to_json()
    assert len(found["families"]) == 3
    said = "With 58 permutations no figure of 3 tables can be told from chance: ask for at least 59."
    assert found["notes"] == ([said] if is_told else [])
