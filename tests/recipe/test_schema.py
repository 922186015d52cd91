"""A recipe says what it means or is refused, with every problem, its line and the next step."""

import json
from importlib.resources import files
from pathlib import Path

import jsonschema
import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from wellkeeper.core.dates import DateBasis
from wellkeeper.engine.files import FORMATS
from wellkeeper.engine.yaml_document import read_document
from wellkeeper.errors import RecipeError
from wellkeeper.mix.plan import Cap, Diversity, Epochs, MixPlan, Size
from wellkeeper.recipe import schema
from wellkeeper.recipe.model import Given, Recipe, Reference, Signing
from wellkeeper.recipe.schema import json_schema, load_recipe

WHOLE = """\
wellkeeper: 1
sources:
  archive: {path: data/archive/*.parquet, text: body, date: published, licence: CC-BY-4.0, origin: human, trust: reference}
  forum:   {path: [data/forum/*.jsonl.zst, s3://bucket/forum], text: body, source: board, date: created_at, licence: unknown}
  made:    {path: data/made/*.jsonl, text: text, origin: ai-generated, generator: smollm2-135m-instruct}
reference: archive
steps:
  - quality.v1: {rules: [gopher, c4]}
  - artefacts.v1
  - exact-duplicates.v1:
  - near-duplicates.v1: {similarity: 0.8, keep: [human, earliest, licensed, longest]}
mix:
  size: {documents: 100000}         # or words:, bytes:, or all
  synthetic_share: {max: 0.10}
  human_floor: 0.60
  caps: {source: 0.40, month: 0.20}
sign: {key: env:WELLKEEPER_KEY}
out: curated
seed: 7
"""
SMALL = "wellkeeper: 1\nsources:\n  a: {path: a.jsonl}\n"


@pytest.fixture
def recipe_of(tmp_path: Path):
    def load(text: str, *overrides: str) -> Recipe:
        file = tmp_path / "recipe.yaml"
        file.write_text(text, encoding="utf-8")
        return load_recipe(file, overrides)

    return load


@pytest.fixture
def refusal(recipe_of):
    def message(text: str, *overrides: str) -> str:
        with pytest.raises(RecipeError) as caught:
            recipe_of(text, *overrides)
        return str(caught.value)

    return message


def test_the_whole_recipe_is_read(recipe_of, tmp_path: Path) -> None:
    recipe = recipe_of(WHOLE)
    archive, forum, made = recipe.sources
    assert archive.columns() == {"text": "body", "date": "published"}
    assert archive.constants() == {"licence": "CC-BY-4.0", "origin": "human"}
    assert archive.trust == "reference"
    assert forum.paths == ("data/forum/*.jsonl.zst", "s3://bucket/forum")
    assert forum.columns() == {"text": "body", "source": "board", "date": "created_at"}
    assert made.constants() == {"origin": "ai-generated", "generator": "smollm2-135m-instruct"}
    assert recipe.reference == Reference(source="archive")
    assert [(step.name, dict(step.options)) for step in recipe.steps] == [
        ("quality.v1", {"rules": ["gopher", "c4"]}),
        ("artefacts.v1", {}),
        ("exact-duplicates.v1", {}),
        ("near-duplicates.v1", {"similarity": 0.8, "keep": ["human", "earliest", "licensed", "longest"]}),
    ]
    assert recipe.mix == MixPlan(
        size=Size(unit="documents", amount=100_000),
        synthetic_share_max=0.1,
        human_floor=0.6,
        caps={"source": Cap(share=0.4), "month": Cap(share=0.2)},
    )
    assert (recipe.sign, recipe.out, recipe.seed) == (Signing(key="env:WELLKEEPER_KEY"), "curated", 7)
    assert recipe.folder == tmp_path


def test_a_recipe_of_three_lines_has_defaults(recipe_of) -> None:
    recipe = recipe_of(SMALL)
    assert (recipe.steps, recipe.mix, recipe.reference, recipe.seed) == ((), MixPlan(), None, 0)
    assert recipe.sources[0].date_basis is None


def test_paths_start_at_the_recipes_folder_and_not_at_the_current_one(
    recipe_of, tmp_path: Path, monkeypatch
) -> None:
    monkeypatch.chdir("/")
    recipe = recipe_of(SMALL)
    assert recipe.locate("data/*.jsonl") == str(tmp_path / "data/*.jsonl")
    assert recipe.locate("/data/a.jsonl") == "/data/a.jsonl"
    assert recipe.locate("s3://bucket/a.jsonl") == "s3://bucket/a.jsonl"


def test_licence_origin_generator_and_date_are_values_or_columns(recipe_of) -> None:
    text = SMALL.replace("a.jsonl", "a.jsonl, licence: {column: rights}, origin: {value: LLM}, generator: {column: by}, "
                         "date: {value: 2019-05-01}, trust: archive")  # fmt: skip
    (source,) = recipe_of(text).sources
    assert source.licence == Given(column="rights")
    assert source.origin == Given(value="ai-generated")  # under the house's own label
    assert source.columns() == {"licence": "rights", "generator": "by"}
    assert source.constants() == {"date": "2019-05-01", "origin": "ai-generated"}
    assert source.date_basis == DateBasis.USER


@pytest.mark.parametrize(
    "value", ["no", "off", "yes", "on", "y", "2024-01-31", "1:30", "010", "0x1F", "1.2.3", "~x"]
)
def test_text_that_yaml_1_1_would_change_stays_text(recipe_of, value: str) -> None:
    (source,) = recipe_of(SMALL.replace("a.jsonl", f"a.jsonl, licence: {value}")).sources
    assert source.licence == Given(value=value)


def test_numbers_and_truth_values_are_read_as_in_yaml_1_2() -> None:
    text = "a: 1e-3\nb: 1_000\nc: -2.5\nd: true\ne: null\nf:\ng: .inf\nno: x\n2021: y\nh: 0.8e+1"
    values = read_document(text, "x").values
    assert values == {"a": 0.001, "b": 1000, "c": -2.5, "d": True, "e": None, "f": None, "g": float("inf"),
                      "no": "x", "2021": "y", "h": 8.0}  # fmt: skip


_scalars = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(st.characters(codec="utf-8", exclude_categories=["Cs", "Cc"]))
)


@given(
    st.dictionaries(
        st.from_regex(r"[a-z][a-z_.]{0,8}", fullmatch=True),
        _scalars | st.lists(_scalars, max_size=3),
        max_size=5,
    )
)
def test_what_json_writes_is_read_back(values: dict) -> None:
    text = json.dumps(values, ensure_ascii=True)
    assert read_document(text, "x").values == values


def test_aliases_and_merges_work_and_a_loop_is_refused() -> None:
    text = "base: &b {path: a, text: t}\nx: {<<: *b, text: u}\ny: *b"
    assert read_document(text, "r").values["x"] == {"path": "a", "text": "u"}
    with pytest.raises(RecipeError, match=r"r: this is not YAML: an alias contains itself"):
        read_document("a: &a {b: *a}", "r")


def test_overrides_replace_values_in_order(recipe_of) -> None:
    recipe = recipe_of(
        WHOLE, "mix.human_floor=0.3", "mix.size=all", "sources.forum.licence=MIT", "seed=9", "seed=10"
    )
    assert recipe.mix.human_floor == 0.3
    assert recipe.mix.size == Size()
    assert recipe.sources[1].licence == Given(value="MIT")
    assert recipe.seed == 10


def test_an_override_makes_the_mappings_it_needs_and_null_removes(recipe_of) -> None:
    assert recipe_of(SMALL, "mix.caps.source=0.5").mix.caps == {"source": Cap(share=0.5)}
    assert recipe_of(WHOLE, "mix.caps=").mix.caps == {}
    assert recipe_of(WHOLE, "steps=[quality.v1]").steps[0].name == "quality.v1"
    assert recipe_of(SMALL, "mix.weights=keep").mix.weights == "keep"
    assert recipe_of(SMALL, "mix.weights=draw").digest == recipe_of(SMALL).digest
    assert recipe_of(WHOLE, "mix.size={words: 5}").mix.size == Size(unit="words", amount=5)


def test_an_override_finds_names_with_dots(recipe_of) -> None:
    recipe = recipe_of(SMALL.replace("  a:", "  a.b.c:"), "sources.a.b.c.licence=MIT")
    assert recipe.sources[0].licence == Given(value="MIT")


@pytest.mark.parametrize(
    ("override", "says"),
    [
        ("mix.human_flor=0.3", r"recipe\.yaml, --set mix\.human_flor=0\.3: mix\.human_flor is not a key of mix\. Did you mean human_floor\?"),
        ("mix.human_floor", r"--set mix\.human_floor has no key and value\."),
        ("steps.0=x", r"--set steps\.0=x: steps is a list, and --set reaches into mappings only\. Set steps as a whole"),
        ("seed.a=1", r"seed is a number, and --set reaches into mappings only\."),
        ("seed=[", r"--set seed=\[, line \d+, column \d+: this is not YAML:"),
        ("seed=-1", r"recipe\.yaml, --set seed=-1: seed is -1\. Give a whole number of at least 0\."),
    ],
)  # fmt: skip
def test_overrides_that_cannot_be_meant_are_refused(refusal, override: str, says: str) -> None:
    import re

    assert re.search(says, refusal(WHOLE, override))


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (("human_floor", "human_flor"),
         ("recipe.yaml, line 15: mix.human_flor is not a key of mix. Did you mean human_floor? "
         "Keys: size, synthetic_share, human_floor, caps, epochs, temperature, diversity, weights.")),
        (("seed: 7", "seeds: 7"), ("recipe.yaml, line 19: seeds is not a key of a recipe. Did you mean seed? "
         "Keys: wellkeeper, sources, reference, anchors, trust, watermarks, steps, against, mix, review, guard, sign, out, seed.")),
        (("source: board", "sauce: board"), ("recipe.yaml, line 4: sources.forum.sauce is not a key of sources.forum. "
         "Did you mean source? Keys: path, text, id, source, domain, embedding, date, licence, origin, generator, language, consent, signals, parents, depth, site_files, trust, format.")),
        (("{max: 0.10}", "{maximum: 0.10, max: 0.1}"), ("recipe.yaml, line 14: mix.synthetic_share.maximum is not a key "
         "of mix.synthetic_share. Did you mean max? Keys: max.")),
        (("origin: human", "origin: {colum: x}"), ("recipe.yaml, line 3: sources.archive.origin.colum is not a key of "
         "sources.archive.origin. Did you mean column? Keys: column, value.")),
        (("sign: {key", "sign: {kee: x, key"), "recipe.yaml, line 17: sign.kee is not a key of sign. Did you mean key? Keys: key, public_proofs."),
        (("{source: 0.40", "{sauce: 0.40"), ("recipe.yaml, line 16: mix.caps.sauce is not a key of mix.caps. "
         "Did you mean source? Keys: source, month, domain, licence, generator, language.")),
        (("documents: 100000", "document: 100000"), ("mix.size.document is not a key of mix.size. Did you mean documents? "
         "Keys: documents, words, bytes.")),
        (("human_floor: 0.60", "diversity: {by: x}"), "line 15: mix.diversity.by is 'x'. Give one of: ngram-clusters, embedding."),
        (("human_floor: 0.60", "diversity: {keep_tial: 1}"), ("line 15: mix.diversity.keep_tial is not a key of mix.diversity. "
         "Did you mean keep_tail? Keys: by, keep_tail, choose.")),
        (("source: 0.40", "source: {forum: 1.5}"), "line 16: mix.caps.source.forum is 1.5. Give a share from 0 to 1."),
        (("source: 0.40", "source: {}"), "line 16: mix.caps.source is empty. Give at least one entry."),
        (("month: 0.20", "month: {a: 0.1}"), "line 16: mix.caps.month is {'a': 0.1}. Give a number."),
        (("human_floor: 0.60", "temperature: 0"), "line 15: mix.temperature is 0. Give a power above 0, up to 1."),
        (("human_floor: 0.60", "temperature: 1.5"), "line 15: mix.temperature is 1.5. Give a power above 0, up to 1."),
        (("human_floor: 0.60", "epochs: 0"), "line 15: mix.epochs is 0. Give a whole number from 1 to 100."),
        (("human_floor: 0.60", "epochs: {archve: 2}"), ("line 15: mix.epochs.archve is no source of the recipe. "
         "Did you mean archive? Sources: archive, forum, made; or default.")),
        (("{documents: 100000}", "all\n  temperature: 0.5"), ("mix.temperature needs a size: where mix.size is all, no share can change. "
         "Set mix.size, for example {documents: 100000}.")),
        (("{documents: 100000}", "all\n  epochs: 2"), ("mix.epochs needs a size: where mix.size is all, nothing is taken twice. "
         "Set mix.size, for example {documents: 100000}.")),
        (("human_floor: 0.60", "human_floor: 1.4"), "recipe.yaml, line 15: mix.human_floor is 1.4. Give a share from 0 to 1."),
        (("month: 0.20", "month: -1"), "line 16: mix.caps.month is -1. Give a share from 0 to 1."),
        (("max: 0.10", "max: .nan"), "line 14: mix.synthetic_share.max is nan. Give a share from 0 to 1."),
        (("human_floor: 0.60", "human_floor: most"), "line 15: mix.human_floor is 'most'. Give a number."),
        (("human_floor: 0.60", "human_floor: true"), "line 15: mix.human_floor is True. Give a number."),
        (("{documents: 100000}", "{documents: 0}"), "line 13: mix.size.documents is 0. Give a whole number of at least 1."),
        (("{documents: 100000}", "{documents: 1.5}"), "line 13: mix.size.documents is 1.5. Give a whole number."),
        (("{documents: 100000}", "{documents: 5, words: 5}"),
         "line 13: mix.size has documents and words. Give exactly one of documents, words, bytes; or all."),
        (("{documents: 100000}", "{}"), "line 13: mix.size has no unit. Give exactly one of documents, words, bytes; or all."),
        (("{documents: 100000}", "100000"), "line 13: mix.size is 100000. Give all, or an amount such as {documents: 100000}."),
        (("{max: 0.10}", "0.1"), "line 14: mix.synthetic_share is 0.1. Give a mapping of names to values."),
        (("{max: 0.10}", "{}"), "line 14: mix.synthetic_share has no max. Add max: to it."),
        (("path: data/made/*.jsonl, ", ""), "line 5: sources.made has no path. Add path: to it."),
        (("path: data/made/*.jsonl", "path: []"), "line 5: sources.made.path is empty. Give at least one entry."),
        (("path: data/made/*.jsonl", "path: 5"), "line 5: sources.made.path is 5. Give text; put it into quotes if it looks like a number."),
        (("origin: human", "origin: humann"), ("line 3: sources.archive.origin is 'humann', which is no origin. Did you mean human? "
         "Give one of: unknown, human, ai-assisted, ai-generated, machine-translated, programmatic; or {column: humann} if that is a column.")),
        (("origin: human", "origin: {}"), "line 3: sources.archive.origin needs a column or a value. Give exactly one of them."),
        (("date: published", "date: 2019-05-01"), ("line 3: sources.archive.date is '2019-05-01', and would be a column of that name. "
         "For one date for all its documents write {value: 2019-05-01}.")),
        (("trust: reference", "trust: archiv"), "line 3: sources.archive.trust is 'archiv'. Did you mean archive? Give one of: reference, archive, none."),
        (("trust: reference", "format: json"), ("line 3: sources.archive.format is 'json'. Did you mean jsonl? "
         "Give one of: jsonl, parquet, arrow, csv, tsv, text, warc.")),
        (("reference: archive", "reference: archve"), ("line 6: reference is 'archve', which is no source and no path that exists. "
         "Did you mean archive? Sources: archive, forum, made.")),
        (("- artefacts.v1", "- artefact.v1"), "line 9: There is no step 'artefact.v1'. Did you mean artefacts.v1?"),
        (("rules: [gopher, c4]", "rules: [gofer]"), "line 8: quality.v1: rules has no rule set 'gofer'. Did you mean gopher?"),
        (("- artefacts.v1", "- {artefacts.v1: {}, quality.v1: {}}"), "Give one step an entry; begin a new entry with a dash."),
        (("- artefacts.v1", "- 5"), "line 9: steps.1 is 5. Give text; put it into quotes"),
        (("wellkeeper: 1", "wellkeeper: 2"), "line 1: wellkeeper is 2, and this version reads format 1. Write wellkeeper: 1."),
        (("wellkeeper: 1", "wellkeeper: true"), "line 1: wellkeeper is True, and this version reads format 1."),
        (("wellkeeper: 1\n", ""), "The recipe does not say its format. Add the line wellkeeper: 1."),
        (("env:WELLKEEPER_KEY", "'env:'"), "line 17: sign.key names no variable after env:. Write, for example, env:WELLKEEPER_KEY."),
        (("seed: 7", "out: x"), "line 19: out is there twice, on lines 18 and 19. Remove one."),
        (("source: 0.40", "month: 0.40"), "line 16: mix.caps.month is there twice, on lines 16 and 16. Remove one."),
    ],
)  # fmt: skip
def test_a_problem_is_named_with_its_line_and_the_next_step(
    refusal, change: tuple[str, str], says: str
) -> None:
    assert change[0] in WHOLE
    message = refusal(WHOLE.replace(*change, 1))
    assert says in message
    assert "\n" not in message


def test_several_problems_are_reported_together(refusal) -> None:
    text = (
        WHOLE.replace("human_floor", "human_flor")
        .replace("seed: 7", "seed: x")
        .replace("text: text", "txt: text")
    )
    assert refusal(text) == (
        "recipe.yaml has 3 problems:\n"
        "  line 5: sources.made.txt is not a key of sources.made. Did you mean text? "
        "Keys: path, text, id, source, domain, embedding, date, licence, origin, generator, language, consent, signals, parents, depth, site_files, trust, format.\n"
        "  line 15: mix.human_flor is not a key of mix. Did you mean human_floor? "
        "Keys: size, synthetic_share, human_floor, caps, epochs, temperature, diversity, weights.\n"
        "  line 19: seed is 'x'. Give a whole number."
    )


def test_a_key_pasted_into_the_recipe_is_refused_and_not_repeated(refusal) -> None:
    secret = "-----BEGIN PRIVATE KEY-----MC4CAQ"
    message = refusal(WHOLE.replace("env:WELLKEEPER_KEY", f"'{secret}'"))
    assert "sign.key holds a key itself. Keep it out of the recipe" in message
    assert "MC4CAQ" not in message
    assert "31337" not in refusal(WHOLE.replace("env:WELLKEEPER_KEY", "31337"))


@pytest.mark.parametrize("path", ["https://me:hunter2@a.org/x.jsonl", "[b.jsonl, 's3://:hunter2@host/x']"])
def test_a_password_in_a_path_is_refused_and_not_repeated(refusal, path: str) -> None:
    message = refusal(f"wellkeeper: 1\nsources:\n  a: {{path: {path}, text: t}}\nsteps: []\n")
    assert (
        "sources.a.path holds a password, and a recipe is written into the card and the manifest" in message
    )
    assert "hunter2" not in message


@pytest.mark.parametrize("path", ["https://me@a.org/a:b/x@y", "hf://datasets/a/b@main/x", "c:/a@b/x.jsonl"])
def test_an_address_without_a_password_is_none(recipe_of, path: str) -> None:
    text = f"wellkeeper: 1\nsources:\n  a: {{path: '{path}', text: t}}\nsteps: []\n"
    assert recipe_of(text).sources[0].paths == (path,)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", "recipe.yaml is empty. A recipe is a mapping; begin with `wellkeeper: 1` and `sources:`."),
        ("- a\n- b\n", "recipe.yaml is a list. A recipe is a mapping"),
        ("a: b: c\n", "recipe.yaml, line 1, column 5: this is not YAML: mapping values are not allowed here. Check the indentation"),
        ("a:\n\tb: 1\n", "recipe.yaml, line 2, column 1: this is not YAML: found character"),
        ("a: !!python/object:os.system x\n", "recipe.yaml, line 1, column 4: this is not YAML: could not determine"),
        ("a: !!timestamp 2020-01-01\n", "this is not YAML: the tag tag:yaml.org,2002:timestamp is not for recipes"),
        ("? [a]\n: b\n", "recipe.yaml, line 1, column 3: this is not YAML: a key is not a plain name"),
        ('a: "\\ud800"\n', "recipe.yaml, line 1, column 4: this is not YAML: an escape stands for half"),
        ("a: 1\n---\nb: 2\n", "this is not YAML: but found another document"),
        ("wellkeeper: 1\nsources: {}\n", "recipe.yaml, line 2: sources is empty. Give at least one entry."),
        ("wellkeeper: 1\nsources: [a.jsonl]\n", "line 2: sources is ['a.jsonl']. Give a mapping of names to values."),
        ("wellkeeper: 1\nsources: {a: a.jsonl}\n", "line 2: sources.a is 'a.jsonl'. Give a mapping of names to values."),
    ],
)  # fmt: skip
def test_what_is_no_recipe_is_refused(refusal, text: str, says: str) -> None:
    assert says in refusal(text)


def test_files_that_cannot_be_read_are_refused(tmp_path: Path) -> None:
    with pytest.raises(RecipeError, match=r"There is no recipe at .*none\.yaml\. Check the path\."):
        load_recipe(tmp_path / "none.yaml")
    (tmp_path / "latin.yaml").write_bytes(b"a: \xe9")
    with pytest.raises(RecipeError, match=r"latin\.yaml is not UTF-8 at byte 3\. Save it as UTF-8\."):
        load_recipe(tmp_path / "latin.yaml")
    with pytest.raises(RecipeError, match=r"cannot be read: .*\. Pass the path of a YAML file\."):
        load_recipe(tmp_path)


def test_the_digest_depends_on_what_a_recipe_says_and_not_on_how(recipe_of, tmp_path: Path) -> None:
    recipe = recipe_of(WHOLE)
    respelt = yaml.safe_dump(
        yaml.safe_load(WHOLE.replace("- artefacts.v1", "- {artefacts.v1: {}}")), sort_keys=False
    )
    moved = tmp_path / "elsewhere"
    moved.mkdir()
    (moved / "other.yaml").write_text(respelt)
    assert load_recipe(moved / "other.yaml").digest == recipe.digest
    assert recipe.digest == recipe_of(WHOLE, "seed=7").digest
    assert len(recipe.digest) == 64
    digests = {recipe_of(WHOLE, change).digest for change in
               ("seed=8", "mix.human_floor=0.61", "mix.size=all", "steps=[]", "sources.made.path=b", "out=b")}  # fmt: skip
    assert len(digests | {recipe.digest}) == 7


def test_the_keys_of_the_mix_are_read(recipe_of) -> None:
    mix = recipe_of(
        WHOLE,
        "mix.caps={source: {default: 0.4, forum: 0.1}, licence: 0.5, domain: {wiki.org: 0.2}}",
        "mix.epochs={archive: 4, default: 2}",
        "mix.temperature=0.7",
        "mix.diversity={by: ngram-clusters, keep_tail: 0.95, choose: spread}",
    ).mix
    assert mix.caps == {
        "source": Cap(share=0.4, named={"forum": 0.1}),
        "domain": Cap(named={"wiki.org": 0.2}),
        "licence": Cap(share=0.5),
    }
    assert mix.epochs == Epochs(most=2, named={"archive": 4})
    assert (mix.temperature, mix.repeats) == (0.7, True)
    assert mix.diversity == Diversity(keep_tail=0.95, choose="spread")
    assert recipe_of(WHOLE, "mix.epochs=3").mix.epochs == Epochs(most=3)


def test_a_tail_quota_needs_a_reference(recipe_of, tmp_path: Path) -> None:
    with pytest.raises(RecipeError, match=r"mix\.diversity\.keep_tail keeps the tail of the human reference, and the "
                       r"recipe names none\. Add reference: with a source's name or a path\."):  # fmt: skip
        recipe_of(SMALL, "mix.diversity={keep_tail: 0.9}")


def test_recipes_with_the_new_keys_of_the_mix_have_digests_of_their_own(recipe_of) -> None:
    changes = ("mix.epochs=2", "mix.epochs={archive: 2}", "mix.temperature=0.5", "mix.diversity={keep_tail: 0.9}",
               "mix.diversity={choose: spread}", "mix.caps.source={forum: 0.4}", "mix.caps.domain=0.4")  # fmt: skip
    digests = {recipe_of(WHOLE, change).digest for change in changes}
    assert len(digests | {recipe_of(WHOLE).digest}) == len(changes) + 1


def test_the_digest_never_changes_between_versions(recipe_of) -> None:
    assert recipe_of(SMALL).digest == "95b799e216781b80f0d0eff28ee8ce8cdf4eaa14eda2fc512515df19e7f97e8e"


def test_the_normal_form_holds_plain_json_values(recipe_of) -> None:
    plain = recipe_of(WHOLE).to_json()
    assert json.loads(json.dumps(plain)) == plain
    assert plain["mix"]["size"] == {"unit": "documents", "amount": 100_000}
    assert "folder" not in plain


def test_the_committed_schema_is_the_generated_one() -> None:
    committed = files("wellkeeper.recipe").joinpath("recipe.schema.json").read_text(encoding="utf-8")
    assert committed == json.dumps(json_schema(), indent=2) + "\n"


def test_the_schema_is_valid_and_accepts_the_whole_recipe() -> None:
    jsonschema.Draft202012Validator.check_schema(json_schema())
    validator = jsonschema.Draft202012Validator(json_schema())
    for text in (WHOLE, SMALL):
        validator.validate(read_document(text, "x").values)
    for wrong in (
        WHOLE.replace("human_floor", "human_flor"),
        WHOLE.replace("0.60", "1.6"),
        WHOLE.replace("reference: archive", "anchor: x"),
    ):
        assert list(validator.iter_errors(read_document(wrong, "x").values))


def test_the_formats_are_those_that_have_a_reader() -> None:
    allowed = json_schema()["$defs"]["_SourcePart"]["properties"]["format"]["anyOf"][0]["enum"]
    assert set(allowed) == set(FORMATS.values())


def test_every_part_of_the_schema_knows_its_place() -> None:
    parts = {part.__name__ for part in schema._PARTS.values()}
    assert parts == set(json_schema()["$defs"]) | {"_RecipePart"}
