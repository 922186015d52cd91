"""`recommend` from end to end: the recipe runs as it was told, and its set has fewer findings than the corpus."""

import json
import shutil
from pathlib import Path

import anchor_texts
import corpora
import jsonschema
import numpy as np
import pyarrow as pa
import pytest

import wellkeeper
from wellkeeper.errors import InputError, WorkError
from wellkeeper.recipe.anchors import build_anchors
from wellkeeper.recipe.schema import load_recipe

HERE = Path(__file__).parents[2]
EXAMPLES = HERE / "examples"
SCHEMA = json.loads((HERE / "src/wellkeeper/recipe/recommend.schema.json").read_text())
STOP = "the and of with to that have be".split()


def prose(rng, sentences=12, words=corpora.WORDS):
    """A document that passes all default quality rules: sentences with stop words among words by Zipf's law."""
    weights = 1 / np.arange(1, len(words) + 1)
    made = []
    for _ in range(sentences):
        chosen = rng.choice(words, size=10, p=weights / weights.sum()).tolist()
        made.append(" ".join([*chosen[:5], *rng.choice(STOP, 3), *chosen[5:]]).capitalize() + ".")
    return " ".join(made)


WORDS = [f"{a}{b}{c}" for a in corpora.WORDS[:40] for b in "aeiou" for c in ("r", "ns")]


def texts(count, seed, **kwargs):
    rng = np.random.default_rng(seed)
    return [prose(rng, words=WORDS, **kwargs) for _ in range(count)]


def save(path: Path, rows):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(corpora.lines(rows))
    return path


def findings(audit):
    return sorted(finding.code for finding in audit.findings)


def run(corpus, folder, **options):
    """A recommendation, saved and run, with audits of the corpus and of the set."""
    recipe = folder / "recipe.yaml"
    result = wellkeeper.recommend(corpus, out=recipe, work=folder / "work", **options)
    jsonschema.validate(result.to_json(), SCHEMA)
    curation = wellkeeper.curate(recipe, out=folder / "set")
    for key in ("kept", "dropped", "review", "quarantined", "steps", "mix", "sources", "tail_cost"):
        assert curation.document[key] == result.kept.document[key], key
    before = wellkeeper.audit(corpus, out=folder / "before", reference=options.get("reference", ()))
    after = wellkeeper.audit(
        folder / "set" / "data", out=folder / "after", reference=options.get("reference", ())
    )
    return result, curation, before, after


def lines_of(result):
    return {row["key"]: row for row in result.reasons}


@pytest.mark.slow
def test_the_example_corpus_gets_a_recipe_that_runs_and_a_set_with_fewer_findings(tmp_path) -> None:
    result, curation, before, after = run(EXAMPLES / "corpus", tmp_path, reference=EXAMPLES / "reference")
    assert len(after.findings) <= len(before.findings) - 6
    assert {"WK101", "WK201", "WK202", "WK203", "WK302", "WK304"} & set(findings(before)) == {
        "WK101", "WK201", "WK202", "WK203", "WK302", "WK304",
    }  # fmt: skip
    assert not {"WK101", "WK201", "WK202", "WK203", "WK302", "WK304"} & set(findings(after))
    told = lines_of(result)
    assert told["steps.near-duplicates.v1"]["figures"]["documents"] == 61
    assert told["mix.synthetic_share"]["in_recipe"]
    assert told["sources.books"]["reasons"][0].endswith("If people did, add origin: human.")
    assert curation.document["guard"] == {"tail": 0.95, "action": "refuse", "restored": 0, "relaxed": []}
    tail = result.kept.document["tail"]
    assert tail["words"]["at_equal_documents"]["low"] > 0.95


def test_a_corpus_of_texts_alone_gets_a_recipe_that_runs(tmp_path) -> None:
    """No dates, no sources, no labels, no reference: duplicates and rules remain."""
    made = texts(60, 1)
    rows = [{"text": text} for text in [*made, *made[:6], *(f"{text} Then it ended." for text in made[6:10])]]
    rows += [{"text": "word " * 200}]
    result, curation, before, after = run(save(tmp_path / "corpus.jsonl", rows), tmp_path)
    assert set(lines_of(result)) == {
        "sources.corpus", "steps.quality.v1", "steps.exact-duplicates.v1", "steps.near-duplicates.v1",
        "steps.decontaminate.v1",
    }  # fmt: skip
    assert curation.kept == 60
    assert len(after.findings) < len(before.findings)
    assert "mix" not in result.recipe
    assert "guard" not in result.recipe


def test_where_nothing_is_wrong_the_recipe_says_so_and_keeps_all(tmp_path) -> None:
    rows = [
        {"text": text, "origin": "human", "date": "2019-05-01", "licence": "MIT"} for text in texts(60, 2)
    ]
    result, curation, before, after = run(save(tmp_path / "corpus.jsonl", rows), tmp_path)
    assert "# The audit found nothing that a step should take out: all stay." in result.recipe
    assert load_recipe(tmp_path / "recipe.yaml").steps == ()
    assert (result.kept.kept, curation.kept) == (60, 60)
    assert findings(before) == findings(after) == ["WK403"]


def test_a_tiny_reference_brings_no_guard_and_does_no_harm(tmp_path) -> None:
    corpus = save(tmp_path / "corpus.jsonl", [{"text": text} for text in [*texts(40, 3), texts(1, 3)[0]]])
    human = save(tmp_path / "human.jsonl", [{"text": text} for text in texts(3, 4)])
    result, curation, _, _ = run(corpus, tmp_path, reference=human)
    assert curation.kept == 40
    assert "reference: ./human.jsonl" in result.recipe
    assert (
        "# No guard: of so little text the tail of the reference cannot be measured (WK403)." in result.recipe
    )
    assert load_recipe(tmp_path / "recipe.yaml").guard is None


def test_synthetic_text_and_a_dominant_source_are_held_down_and_the_floor_takes_nothing(tmp_path) -> None:
    made = texts(200, 5)
    rows = [
        {
            "text": text,
            "source": "big" if k < 160 else f"small {k % 2}",
            "origin": "ai" if k % 4 == 0 else "human",
        }
        for k, text in enumerate(made)
    ]
    result, curation, before, after = run(save(tmp_path / "corpus.jsonl", rows), tmp_path)
    plan = load_recipe(tmp_path / "recipe.yaml").mix
    assert plan.synthetic_share_max == 0.1
    (share,) = (row["figures"]["share"] for row in result.reasons if row["key"] == "mix.caps.source")
    assert 0.7 < share < 0.85
    assert 0.5 < plan.caps["source"].share < share
    constraints = {row["name"]: row for row in curation.document["mix"]["constraints"]}
    assert all(row["holds"] for row in constraints.values())
    assert constraints["human-floor"]["after"] >= plan.human_floor > 0.85
    assert curation.kept >= 0.74 * (150 + 16)
    assert {"WK304"} & set(findings(before))
    assert len(after.findings) < len(before.findings)


def rare_words(seed):
    """Lists of 12 words that no other text has."""
    words = [f"{a}{b}{c}" for a in ("zor", "zel", "zim") for b in corpora.WORDS for c in ("qu", "x", "th")]
    np.random.default_rng(seed).shuffle(words)
    return [words[k : k + 12] for k in range(0, len(words), 12)]


def test_a_guard_that_would_refuse_the_recipe_becomes_a_comment_and_the_recipe_runs(tmp_path) -> None:
    """The rare words of the reference stand in chat tools' text alone."""
    rare = [" ".join(words) for words in rare_words(16)[:12]]
    human = [f"{text} {words}." for text, words in zip(texts(12, 17), rare, strict=True)] + texts(150, 18)
    made = [f"{text} {words}." for text, words in zip(texts(12, 19), rare, strict=True)]
    rows = [f"As an AI language model, I cannot. {text}" for text in made] + texts(150, 20)
    result, curation, _, _ = run(
        save(tmp_path / "corpus.jsonl", [{"text": text} for text in rows]),
        tmp_path,
        reference=save(tmp_path / "human.jsonl", [{"text": text} for text in human]),
    )
    guard = lines_of(result)["guard"]
    assert not guard["in_recipe"]
    assert guard["reasons"][0].startswith(
        "Taken in, this would refuse the recipe as it stands: guard.tail is 0.95."
    )
    assert "artefacts.v1 keeps 0." in guard["reasons"][0]
    assert curation.dropped == 12
    assert [finding.code for finding in result.kept.findings] == ["WK411"]


def test_a_cap_that_would_take_too_much_in_the_wake_of_other_limits_is_left_to_the_reader(tmp_path) -> None:
    made = texts(200, 21)
    kinds = [("big", "human")] * 150 + [("small", "")] * 30 + [("model", "ai")] * 20
    rows = [
        {"text": text, "source": source, "origin": origin}
        for text, (source, origin) in zip(made, kinds, strict=True)
    ]
    result, curation, _, _ = run(save(tmp_path / "corpus.jsonl", rows), tmp_path)
    cap = lines_of(result)["mix.caps.source"]
    assert not cap["in_recipe"]
    assert cap["reasons"][-1] == "Left out: the limits would take 35% of the documents more."
    assert curation.kept == 200
    assert load_recipe(tmp_path / "recipe.yaml").mix.human_floor == 0.75


def test_a_corpus_of_which_nothing_is_left_is_told_as_such(tmp_path) -> None:
    rows = [{"text": f"As an AI language model, I cannot. {text}"} for text in texts(15, 22)]
    result = wellkeeper.recommend(save(tmp_path / "corpus.jsonl", rows), work=tmp_path / "work")
    assert (result.kept.kept, result.kept.dropped) == (0, 15)


def test_a_corpus_that_is_all_synthetic_is_kept_and_told(tmp_path) -> None:
    rows = [{"text": text, "origin": "ai"} for text in texts(30, 6)]
    result, curation, _, _ = run(save(tmp_path / "corpus.jsonl", rows), tmp_path)
    assert curation.kept == 30
    assert not lines_of(result)["mix.synthetic_share"]["in_recipe"]
    assert "# synthetic_share: {max: 0.1}" in result.recipe


def test_rules_that_human_text_fails_and_rules_that_cost_its_tail_are_left_out(tmp_path) -> None:
    """All of it lacks the hash sign; a few short documents hold the rare words; many short ones are junk."""
    rng = np.random.default_rng(7)
    short = [" ".join([*STOP, *words]) + "." for words in rare_words(7)[:10]]
    human = [{"text": text} for text in [*texts(290, 8), *short]]
    # no rare word stands in the long documents of the corpus
    corpus = [{"text": text} for text in [*texts(260, 9), *(text.replace("that", "this") for text in short)]]
    listed = [{"text": "\n".join(f"- {line}." for line in prose(rng).split(". "))} for _ in range(20)]
    result, curation, _, _ = run(
        save(tmp_path / "corpus.jsonl", [*corpus, *listed]),
        tmp_path,
        reference=save(tmp_path / "human.jsonl", human),
    )
    quality = lines_of(result)["steps.quality.v1"]
    assert quality["value"]["skip"] == ["gopher-short"]
    reason = next(reason for reason in quality["reasons"] if reason.startswith("Without gopher-short"))
    assert "of the rare words that a random removal of as many" in reason
    assert curation.dropped == 20
    # a reference of lists makes lists what people write
    lists = save(tmp_path / "lists.jsonl", [*human, *listed])
    told = wellkeeper.recommend(
        tmp_path / "corpus.jsonl", reference=lists, work=tmp_path / "work", out=tmp_path / "other.yaml"
    )
    assert (
        "Without gopher-bullet-lines: 6.2% of the human reference fail it, and 6.9% of the corpus."
        in " ".join(told.recipe.replace("# ", "").split())
    )


def test_a_rule_made_for_another_language_is_left_out_without_a_reference(tmp_path) -> None:
    rows = [{"text": corpora.document(np.random.default_rng(k), 12)} for k in range(30)]
    result = wellkeeper.recommend(save(tmp_path / "corpus.jsonl", rows), work=tmp_path / "work")
    assert "Without gopher-stop-words: 100.0% of the documents fail it" in result.recipe
    assert result.kept.kept == 30


def test_the_recipe_is_the_same_for_any_workers_and_blocks_and_a_second_run_reads_no_text(tmp_path) -> None:
    corpus = corpora.write(tmp_path / "corpus", corpora.rows(120, seed=8))
    human = save(tmp_path / "human.jsonl", [{"text": row["text"]} for row in corpora.rows(60, seed=9)])
    options = {"reference": human, "work": tmp_path / "work"}
    first = wellkeeper.recommend(corpus, workers=1, **options)
    blocks = {path: path.stat().st_mtime_ns for path in (tmp_path / "work").rglob("block-*.parquet")}
    again = wellkeeper.recommend(corpus, workers=2, **options)
    assert blocks
    assert {path: path.stat().st_mtime_ns for path in blocks} == blocks
    other = wellkeeper.recommend(
        corpus, workers=2, block_bytes=4000, reference=human, work=tmp_path / "small"
    )
    told = [
        {key: value for key, value in one.to_json().items() if key != "run"} for one in (first, again, other)
    ]
    assert told[0] == told[1] == told[2]


def test_paths_are_relative_to_the_recipe_so_that_both_can_move(tmp_path, monkeypatch) -> None:
    home = tmp_path / "project"
    corpora.write(home / "data" / "forum", corpora.rows(60, seed=10))
    save(home / "data" / "more" / "a.jsonl", [{"body": text} for text in texts(12, 11)])
    save(home / "human" / "h.jsonl", [{"text": text} for text in texts(30, 12)])
    out = home / "recipes" / "made.yaml"
    result = wellkeeper.recommend(home / "data", reference=home / "human", out=out, work=tmp_path / "work")
    assert "../data/forum" in result.recipe
    assert "reference: ../human" in result.recipe
    assert str(tmp_path) not in result.recipe
    moved = tmp_path / "elsewhere" / "project"
    shutil.copytree(home, moved)
    shutil.rmtree(home)
    monkeypatch.chdir(tmp_path)
    dry = wellkeeper.curate(moved / "recipes" / "made.yaml", dry_run=True)
    assert (dry.kept, dry.document["documents"]) == (result.kept.kept, 72)


class Style(anchor_texts.Style):
    """Scores some of the documents, too."""

    def score(self, data, offsets, rows=None):
        scores = super().score(data, offsets)
        return scores if rows is None else scores[rows]


def test_a_source_that_reads_as_ai_made_is_held_to_what_synthetic_text_may_have(
    tmp_path, monkeypatch
) -> None:
    monkeypatch.setattr("wellkeeper.origin.style.load_model", Style)
    human = anchor_texts.write(tmp_path / "known.jsonl", anchor_texts.archive("known", 80, date="2012-05-06"))
    ai = anchor_texts.write(tmp_path / "ai.jsonl", anchor_texts.by_model(anchor_texts.archive("ai", 70)))
    build_anchors([human], ai=[ai], out=tmp_path / "anchors.json")
    rows = anchor_texts.archive("people", 90, site="people")
    rows += anchor_texts.by_model(anchor_texts.archive("machine", 90, site="machine"))
    corpus = anchor_texts.write(tmp_path / "corpus.jsonl", rows)
    result = wellkeeper.recommend(
        corpus,
        anchors=tmp_path / "anchors.json",
        source="site",
        out=tmp_path / "r.yaml",
        work=tmp_path / "work",
    )
    plan = load_recipe(tmp_path / "r.yaml")
    assert plan.anchors == "anchors.json"
    assert dict(plan.mix.caps["source"].named) == {"machine": 0.1}
    assert "read as AI-made in the main: machine" in result.recipe
    after = {row["source"]: row["after"] for row in result.kept.document["sources"]}
    assert after == {"people": 90, "machine": 10}
    assert wellkeeper.curate(tmp_path / "r.yaml", out=tmp_path / "set").kept == 100


def test_tables_are_laid_down_where_the_recipe_finds_them(tmp_path) -> None:
    table = pa.table({"text": [*texts(20, 13), *texts(1, 13)]})
    result = wellkeeper.recommend(table, out=tmp_path / "recipe.yaml", work=tmp_path / "work")
    assert wellkeeper.curate(tmp_path / "recipe.yaml", out=tmp_path / "set").kept == result.kept.kept == 20


def test_a_file_that_is_there_is_not_written_over_and_a_recipe_has_one_reference(tmp_path) -> None:
    corpus = save(tmp_path / "corpus.jsonl", [{"text": text} for text in texts(12, 14)])
    out = tmp_path / "mine.yaml"
    out.write_text("# mine\n")
    with pytest.raises(
        WorkError, match=r"mine.yaml is there already.*Choose another with --out, or remove it\."
    ):
        wellkeeper.recommend(corpus, out=out, work=tmp_path / "work")
    assert out.read_text() == "# mine\n"
    with pytest.raises(InputError, match=r"2 references were given.*into one folder, and give that\."):
        wellkeeper.recommend(corpus, reference=["a", "b"], work=tmp_path / "work")
    with pytest.raises(InputError, match=r"none\.json"):
        wellkeeper.recommend(
            corpus, anchors="none.json", out=tmp_path / "new" / "r.yaml", work=tmp_path / "fresh"
        )
    with pytest.raises(InputError, match=r"missing does not exist"):
        wellkeeper.recommend(tmp_path / "missing", out=tmp_path / "new" / "r.yaml", work=tmp_path / "work")
    assert not (tmp_path / "new").exists()
    assert not (tmp_path / "fresh").exists()


def test_what_an_audit_proposes_runs_as_it_stands_and_keeps_the_reference_out_of_the_set(tmp_path) -> None:
    corpus = corpora.write(tmp_path / "corpus", corpora.rows(90, seed=23))
    human = [save(tmp_path / f"{name}.jsonl", [{"text": text} for text in texts(25, 24)]) for name in "ab"]
    audit = wellkeeper.audit(corpus, reference=human, out=tmp_path / "audit")
    proposed = audit.document["proposed_recipe"]
    (tmp_path / "recipe.yaml").write_text(proposed)
    assert f"put {human[1]} beside it" in " ".join(proposed.replace("# ", "").split())
    curation = wellkeeper.curate(tmp_path / "recipe.yaml", out=tmp_path / "set")
    assert curation.document["documents"] == 90
    assert 0 < curation.kept < 90
    assert {row["step"] for row in curation.document["steps"]} >= {
        "exact-duplicates.v1",
        "near-duplicates.v1",
    }


def test_a_recommendation_is_a_value_that_shows_itself(tmp_path) -> None:
    rows = corpora.rows(60, seed=15)
    result = wellkeeper.recommend(
        save(tmp_path / "corpus.jsonl", rows), work=tmp_path / "work", out=tmp_path / "r.yaml", seed=3
    )
    assert result.paths == {"recipe": tmp_path / "r.yaml"}
    assert (tmp_path / "r.yaml").read_text() == result.recipe
    assert "seed: 3" in result.recipe
    jsonschema.Draft202012Validator.check_schema(SCHEMA)
    jsonschema.validate(json.loads(json.dumps(result.to_json())), SCHEMA)
    assert repr(result).startswith("Recommendation(")
    assert "<table>" in result._repr_html_()
    with pytest.raises(AttributeError):
        result.document = {}
