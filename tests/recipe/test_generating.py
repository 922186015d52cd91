"""A set is asked for by topic, written once with all that is known of it, and read back as what it is."""

import json
import re
from collections import Counter
from datetime import UTC, datetime

import pytest
from human_topics import rows, written

from wellkeeper.core.answers import Output, prompt_digest
from wellkeeper.core.generated import Generated
from wellkeeper.errors import DataError, InputError, WorkError
from wellkeeper.infer.cost import Budget, Price
from wellkeeper.infer.sampling import sample_seed
from wellkeeper.infer.templates import CHAT_TEMPLATES, PLAIN_TEMPLATES, Template
from wellkeeper.ledger.signature import SigningKey
from wellkeeper.recipe.audit import audit
from wellkeeper.recipe.generating import generate, plan_of, writer_at
from wellkeeper.recipe.generating_wanted import Wanted, follows_instructions, templates_from
from wellkeeper.recipe.marking import label_of
from wellkeeper.recipe.samplers import ModelPlace

NOW = datetime(2026, 11, 22, 7, 0, tzinfo=UTC)
BOTH = (Template(name="seed", text="Like: {seed}"), Template(name="words", text="Of {topic} with {words}"))


class Model:
    """Writes a text that its prompt and seed decide; it counts what it is asked. `mean` answers otherwise."""

    fingerprint, tokens, at_once = "f" * 64, 32, 1

    def __init__(self, mean=lambda _prompt, _seed: None, **changed):
        self.asked, self._mean = [], mean
        for name, value in changed.items():
            setattr(self, name, value)

    def sample(self, prompt, n=1, temperature=1.0, seed=0, logprobs=False, *, first=0):
        assert n == 1
        own = sample_seed(seed, first)
        self.asked.append(prompt)
        said = self._mean(prompt, own) or Output(
            text=f"Text {own} of {prompt_digest(prompt)}. It ends.", finish="stop", tokens=9, prompt_tokens=20
        )
        return [
            Output(**{**{f: getattr(said, f) for f in ("text", "finish", "tokens", "note")}, "seed": own})
        ]

    def stop(self):
        pass


@pytest.fixture
def human(tmp_path):
    return written(tmp_path / "human.jsonl", rows())


def made(human, tmp_path, model=None, *, out="set", **changed):
    names = ("out", "generator", "key", "budget", "fresh", "watermark", "template_file", "work")
    given = {name: changed.pop(name) for name in names if name in changed}
    wanted = Wanted(**{"documents": 24, "templates": BOTH, "topics": 7, **changed})
    options = {"generator": "toy", "now": NOW, "workers": 1, **given}
    return generate(human, model or Model(), wanted, out=tmp_path / out, **options)


def lines(tmp_path, out="set"):
    return [json.loads(line) for line in (tmp_path / out / "generated.jsonl").read_text().splitlines()]


# --- what is asked ------------------------------------------------------------------------------------------------


def test_rare_topics_get_their_share_and_every_quota_is_reached(human, tmp_path):
    found = made(human, tmp_path)
    cells = found.document["cells"]
    assert sum(cell["wanted"] for cell in cells) == sum(cell["reached"] for cell in cells) == 24
    rare = [cell for cell in cells if cell["rare"]]
    assert sum(cell["wanted"] for cell in rare) == round(0.8 * 24)
    assert max(cell["wanted"] for cell in rare) - min(cell["wanted"] for cell in rare) <= 1
    assert found.verdict == "clean"
    of = Counter(record.cell for record in found.records)
    assert of == Counter({cell["cell"]: cell["wanted"] for cell in cells if cell["wanted"]})
    assert all(
        record.rare == next(c["rare"] for c in cells if c["cell"] == record.cell) for record in found.records
    )


def test_a_seed_is_of_the_topic_that_the_text_was_asked_for(human, tmp_path):
    found = made(human, tmp_path)
    cells = {(parent, record.cell) for record in found.records for parent in record.parents}
    assert len(cells) == len({parent for parent, _ in cells}), "no document is of two topics"
    alike = [parent.partition("-")[0] in cell for parent, cell in cells]
    assert sum(alike) > 0.7 * len(alike), "a topic is named by words of its documents"
    shown = [record for record in found.records if record.template == "seed"]
    assert shown
    assert all(len(record.parents) == 1 and record.depth == 1 for record in shown)
    assert all(record.parents == () for record in found.records if record.template == "words")


def test_no_prompt_shows_a_document_that_is_held_out(human, tmp_path):
    model = Model()
    found = made(human, tmp_path, model, documents=60, hold_out=0.5, seed_words=500)
    texts = {row["text"] for row in rows()}
    shown = {prompt.removeprefix("Like: ") for prompt in model.asked if prompt.startswith("Like: ")}
    reference = found.document["reference"]
    assert shown <= texts
    assert reference["held_out"] + reference["may_be_shown"] == reference["documents"] == 150
    assert 40 < reference["held_out"] < 110
    assert len(shown) <= reference["may_be_shown"]


def test_seeds_are_cut_and_several_stand_apart(human, tmp_path):
    model = Model()
    made(human, tmp_path, model, documents=6, seeds=2, seed_words=5, templates=BOTH[:1])
    for prompt in model.asked:
        first, second = prompt.removeprefix("Like: ").split("\n\n")
        assert len(first.split()) == len(second.split()) == 5


def test_a_rare_word_is_asked_for_until_a_text_has_it(human, tmp_path):
    def obedient(prompt, seed):
        return Output(text=f"{prompt} {seed}.", finish="stop", tokens=9)

    found = made(human, tmp_path, Model(obedient), templates=BOTH[1:], quotas={}, words=2, documents=30)
    asked = [record.prompt.removeprefix("Of ").split(" with ") for record in found.records]
    words = [word for topic, said in asked if said != topic for word in said.split(", ")]
    assert len(words) == len(set(words)) > 10
    assert any(word.startswith("rare") for word in words)
    assert found.document["words"] == {"asked": len(words), "written": len(words)}


def test_a_quota_of_ones_own_holds_and_an_unknown_topic_is_refused(human, tmp_path):
    cells = plan_of(human, Wanted(documents=24, topics=7), out=tmp_path / "set")["cells"]
    name = cells[-1]["cell"]
    found = made(human, tmp_path, quotas={name: 11})
    assert next(cell for cell in found.document["cells"] if cell["cell"] == name)["reached"] == 11
    with pytest.raises(
        InputError, match=r"The reference has no topic '.*'\. Did you mean .*\? See its topics with --dry"
    ):
        made(human, tmp_path, quotas={name + "x": 3}, out="other")


def test_a_plan_asks_nothing_and_says_the_same_as_the_set(human, tmp_path):
    plan = plan_of(human, Wanted(documents=24, templates=BOTH, topics=7), out=tmp_path / "set")
    assert plan["schema"] == "wellkeeper.generate-plan/1"
    assert not (tmp_path / "set" / "plan.json").exists()
    cells = made(human, tmp_path).document["cells"]
    assert [{**cell, "reached": 0} for cell in cells] == plan["cells"]


def test_text_that_a_model_made_is_no_seed(tmp_path):
    ai = [{**row, "origin": "ai-generated"} for row in rows() if row["id"].startswith("bees")]
    people = [row for row in rows() if not row["id"].startswith("bees")]
    model = Model()
    found = made(written(tmp_path / "both.jsonl", [*ai, *people]), tmp_path, model, documents=40)
    assert found.document["reference"]["not_human"] == len(ai) == 10
    assert not any("beesa" in prompt for prompt in model.asked)
    with pytest.raises(DataError, match=r"None of the 10 human documents may be shown in a prompt"):
        made(written(tmp_path / "ai.jsonl", ai), tmp_path, out="none")


# --- what comes ---------------------------------------------------------------------------------------------------


def test_the_set_is_the_same_however_many_are_asked_at_once(human, tmp_path):
    one = made(human, tmp_path, out="one").records
    many = made(human, tmp_path, Model(at_once=8), out="many").records
    assert one == many
    assert (tmp_path / "one" / "generated.jsonl").read_bytes() == (
        tmp_path / "many" / "generated.jsonl"
    ).read_bytes()
    other = made(human, tmp_path, out="other", seed=1).records
    assert {record.text for record in one}.isdisjoint(record.text for record in other)


def test_empty_refused_and_repeated_answers_are_counted_and_asked_for_again(human, tmp_path):
    kinds = ("empty", "refused", "same", "cut", None)

    def mean(_prompt, seed):
        kind = kinds[seed % 5]
        if kind == "same":
            return Output(text="The same text.", finish="stop", tokens=3)
        if kind == "cut":
            return Output(text=f"Whole {seed}. Then it br", finish="length", tokens=32)
        return None if kind is None else Output(text="", finish=kind, tokens=0)

    found = made(human, tmp_path, Model(mean), documents=60, tries=30)
    document = found.document
    assert document["verdict"] == "clean"
    assert document["documents"] == 60
    lost = document["left_out"]
    assert set(lost) == {"empty", "refused", "repeated"}
    assert sum(document["answers"].values()) == 60 + sum(lost.values())
    assert len({record.text for record in found.records}) == 60
    cut = [record for record in found.records if record.finish == "length"]
    assert cut
    assert all(record.text.endswith(".") and "br" not in record.text for record in cut)


def test_what_does_not_come_after_all_tries_is_missing_and_said(human, tmp_path):
    def mean(prompt, _seed):
        return Output(text="", finish="empty") if prompt.startswith("Like") else None

    found = made(human, tmp_path, Model(mean), tries=1)
    assert found.verdict == "findings"
    (note,) = found.document["notes"]
    assert note == (
        "12 of 24 texts are missing (tries of each: 1): 12 empty. Give more --tries into another folder, or other "
        "templates."
    )
    assert made(human, tmp_path, Model(mean), tries=2, out="again").verdict == "clean"


def test_a_model_that_writes_nothing_ends_the_run_with_a_word(human, tmp_path):
    model = Model(lambda _prompt, _seed: Output(text=" ", finish="empty"))
    with pytest.raises(
        InputError, match=re.escape("None of 72 answers could be a text: 72 empty. Look at the answers")
    ):
        made(human, tmp_path, model)


def test_the_share_copied_from_the_prompt_is_told_of_each_text(human, tmp_path):
    def copies(prompt, seed):
        return Output(text=prompt if seed % 2 else f"None of it, {seed}.", finish="stop", tokens=9)

    found = made(human, tmp_path, Model(copies), templates=BOTH[:1])
    shares = {float(record.facts["copied"]) for record in found.records}
    assert shares == {0.0, 1.0}
    copied = found.document["copied"]
    assert copied["documents"] == copied["mostly"] == sum(r.facts["copied"] == "1.000" for r in found.records)


def test_the_share_copied_is_of_the_sequences_of_all_texts(human, tmp_path):
    def mean(prompt, seed):  # a copy of 8 words has one sequence, a text of 16 has 9
        if seed % 2:
            return Output(text=" ".join(prompt.split()[1:9]), finish="stop", tokens=9)
        return Output(text=" ".join(f"own{seed}" for _ in range(15)) + f" {seed}.", finish="stop", tokens=9)

    found = made(human, tmp_path, Model(mean), templates=BOTH[:1])
    copies = sum(float(record.facts["copied"]) for record in found.records)
    assert 0 < copies < 24
    share = copies / (copies + 9 * (len(found.records) - copies))
    assert found.document["copied"]["share"] == pytest.approx(share, abs=1e-4)


def test_a_word_of_one_document_is_not_asked_for_though_the_document_is_there_twice(tmp_path):
    lone = [
        {**row, "text": f"alone{''.join(chr(97 + int(digit)) for digit in str(number))} {row['text']}"}
        for number, row in enumerate(rows())
    ]
    twice = [*lone, *({**row, "id": f"again-{row['id']}"} for row in lone)]
    model = Model()
    made(written(tmp_path / "twice.jsonl", twice), tmp_path, model, templates=BOTH[1:], hold_out=0.0)
    assert any("rare" in prompt for prompt in model.asked)
    assert not any("alone" in prompt.partition(" with ")[2] for prompt in model.asked)


def test_words_held_out_are_counted_with_and_without_those_of_the_prompt(human, tmp_path):
    def mean(prompt, seed):
        return Output(text=f"{prompt} raresea {seed}.", finish="stop", tokens=9)

    document = made(human, tmp_path, Model(mean), documents=40, hold_out=0.4).document["held_out"]
    assert 0 < document["found"] <= document["rare_words"]
    assert document["found_unprompted"] == 0


# --- files --------------------------------------------------------------------------------------------------------


def test_each_line_is_a_generated_text_that_vetting_reads(human, tmp_path):
    found = made(human, tmp_path)
    read = [Generated.from_json(line) for line in lines(tmp_path)]
    assert [one.text for one in read] == [record.text for record in found.records]
    assert all(one.facts["origin"] == "ai-generated" for one in read)
    fields = (
        "id",
        "prompt",
        "generator",
        "depth",
        "parents",
        "template",
        "cell",
        "rare",
        "temperature",
        "seed",
    )
    for one, record in zip(read, found.records, strict=True):
        assert all(getattr(one, field) == getattr(record, field) for field in fields)
    assert len({one.id for one in read}) == len(read)
    assert read[0].generator == f"toy@{'f' * 16}"


def test_the_label_says_ai_generated_of_depth_1_and_audit_believes_it(human, tmp_path):
    key = SigningKey.new()
    made(human, tmp_path, key=key, watermark="k" * 64)
    label = label_of(tmp_path / "set" / "generated.jsonl")
    assert (label.origin.label, label.depth, label.parents) == ("ai-generated", 1, ("human",))
    assert (label.generator, label.revision) == ("toy", "f" * 16)
    assert (label.temperature, label.seed, label.watermark) == (1.0, 0, "k" * 64)
    assert label.signed_by == (key.keyid,)
    for place in ("set/generated.jsonl", "set"):
        document = audit(tmp_path / place, out=tmp_path / "audit", workers=1).document
        declared = document["origin"]["declared"]
        assert {name: many for name, many in declared.items() if many} == {"ai-generated": 24}


def test_the_template_of_a_file_is_named_by_its_digest_in_the_label(human, tmp_path):
    file = tmp_path / "templates.yaml"
    file.write_text("templates:\n- {name: mine, text: 'About {topic}: {seed}'}\n")
    templates = templates_from(file, is_chat=True)
    found = made(human, tmp_path, templates=templates, template_file=file)
    assert found.document["templates"] == {"mine": 24}
    assert len(label_of(tmp_path / "set" / "generated.jsonl").prompt_template) == 64


# --- again --------------------------------------------------------------------------------------------------------


def test_the_same_call_asks_nothing_again_and_writes_the_same_bytes(human, tmp_path):
    made(human, tmp_path)
    before = {file.name: file.read_bytes() for file in (tmp_path / "set").glob("*.json*")}
    model = Model()
    again = made(human, tmp_path, model)
    assert model.asked == []
    assert again.document["spent"]["calls_now"] == 0
    after = {file.name: file.read_bytes() for file in (tmp_path / "set").glob("*.json*")}
    assert {name for name in before if before[name] != after[name]} == {"report.json"}


def test_another_plan_in_the_same_folder_is_refused_until_it_is_forgotten(human, tmp_path):
    made(human, tmp_path)
    with pytest.raises(
        InputError, match=r"holds a set of another reference, model or setting\. Give another folder"
    ):
        made(human, tmp_path, documents=25)
    assert len(lines(tmp_path)) == 24
    model = Model()
    made(human, tmp_path, model, documents=25, fresh=True)
    assert len(lines(tmp_path)) == len(model.asked) == 25


@pytest.mark.parametrize(
    ("name", "content"),
    [("plan.json", '{"schema": "another/1"}'), ("plan.json", "not JSON"), ("generated.jsonl", "{}")],
)
def test_a_file_of_something_else_is_never_overwritten(human, tmp_path, name, content):
    (tmp_path / "set").mkdir()
    (tmp_path / "set" / name).write_text(content)
    for fresh in (False, True):
        with pytest.raises(
            InputError, match=rf"{name} was not written by .*Give another folder with --out, or move"
        ):
            made(human, tmp_path, fresh=fresh)
    assert (tmp_path / "set" / name).read_text() == content


def test_a_set_is_not_written_into_the_human_text_that_it_is_made_of(human, tmp_path):
    for out in ("set", "."):
        with pytest.raises(
            InputError, match=r"lies in .*, and the set would be read with the human text the next"
        ):
            made(human.parent, tmp_path, out=out)


def test_a_set_may_be_made_with_sidecars_elsewhere(human, tmp_path):
    made(human, tmp_path, out="new/set", work=tmp_path / "sidecars")
    assert not (tmp_path / "new" / "set" / ".work").exists()
    assert len(lines(tmp_path, "new/set")) == 24


def test_a_budget_ends_the_run_and_more_of_it_goes_on(human, tmp_path):
    model = Model()
    with pytest.raises(WorkError, match="The budget of 2,000 tokens ends here"):
        made(human, tmp_path, model, budget=Budget(tokens=2_000))
    spent = len(model.asked)
    assert 0 < spent < 24
    assert not (tmp_path / "set" / "generated.jsonl").exists()
    found = made(human, tmp_path, model, budget=Budget(tokens=90_000, price=Price(prompt=1, answer=1)))
    assert len(model.asked) == 24
    assert found.document["spent"]["calls_now"] == 24 - spent
    assert found.document["spent"]["money"] > 0


# --- models and templates -----------------------------------------------------------------------------------------


def test_a_watermark_is_refused_where_the_model_draws_its_own_tokens():
    place = ModelPlace(endpoint="http://127.0.0.1:1/v1", model="m")
    with (
        pytest.raises(
            InputError, match=r"a GGUF file draws its own\. Give the model with --folder DIR, or leave --wa"
        ),
        writer_at(place, watermark=object()),
    ):
        pass


def test_templates_built_in_are_those_for_the_kind_of_model(tmp_path):
    assert templates_from(None, is_chat=True) is CHAT_TEMPLATES
    assert templates_from(None, is_chat=False) is PLAIN_TEMPLATES
    assert follows_instructions(ModelPlace(endpoint="http://127.0.0.1:1/v1", model="m"))
    assert not follows_instructions(ModelPlace(endpoint="http://127.0.0.1:1/v1/completions", model="m"))
    assert not follows_instructions(ModelPlace(folder=str(tmp_path)))
    (tmp_path / "tokenizer_config.json").write_text('{"chat_template": "x"}')
    assert follows_instructions(ModelPlace(folder=str(tmp_path)))
    (tmp_path / "tokenizer_config.json").write_text("{")
    with pytest.raises(
        InputError, match=r"tokenizer_config\.json is no JSON .*Give a folder that save_pretrained"
    ):
        follows_instructions(ModelPlace(folder=str(tmp_path)))
    with pytest.raises(
        InputError, match=r"no\.yaml cannot be read \(No such file or directory\)\. Give a YAML"
    ):
        templates_from(tmp_path / "no.yaml", is_chat=True)


@pytest.mark.parametrize(
    ("changed", "says"),
    [
        ({"documents": 0}, "0 texts from 1 documents"),
        ({"hold_out": 1.0}, "1 of the human documents"),
        ({"templates": ()}, "There is no template to ask with"),
        ({"temperature": float("nan")}, r"The temperature is nan\. Give a number from 0 up"),
    ],
)
def test_numbers_that_make_no_sense_are_refused(changed, says):
    with pytest.raises(InputError, match=says):
        Wanted(**{"documents": 1, **changed})
