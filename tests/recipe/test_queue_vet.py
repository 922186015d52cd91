"""Queues about generated texts: the chance by Bayes' rule, waiting texts first, and labels that find their text again."""

import json
import shutil
from pathlib import Path

import pytest
from vetting_worlds import lay_out, vetted_by_card

from wellkeeper.core.generated import Generated
from wellkeeper.errors import InputError
from wellkeeper.recipe.queue_vet import vetted_pool, waiting_pool
from wellkeeper.recipe.vetted import GATE
from wellkeeper.recipe.vetting import vet
from wellkeeper.vet.labels import read_set
from wellkeeper.vet.people import HumanVerifier, draw, judged

EXAMPLE = Path(__file__).parents[2] / "examples" / "vet"
PEOPLE = "  - name: editors\n    kind: human\n    queue: waiting.jsonl\n    labels: labels.jsonl\n"


@pytest.fixture(scope="module")
def example(tmp_path_factory):
    done = vetted_by_card(
        EXAMPLE,
        "generated.jsonl.zst",
        human="human.jsonl.zst",
        out=tmp_path_factory.mktemp("vetted") / "set",
    )
    return Path(done.paths["folder"])


@pytest.fixture(scope="module")
def world(tmp_path_factory):
    """A set of which people have looked at nothing yet, and what waits for them."""
    folder = lay_out(tmp_path_factory.mktemp("world"), human=80, made=40, wrong=0.3, labelled=20)
    (folder / "verifiers.yaml").write_text((folder / "verifiers.yaml").read_text() + PEOPLE)
    done = vet(
        folder / "made.jsonl",
        reference=folder / "human.jsonl",
        verifiers=folder / "verifiers.yaml",
        no_evaluation=True,
        workers=1,
        out=folder / "set",
    )
    return folder, Path(done.paths["folder"])


def items(pooled):
    return {item.id: item for item in pooled.items(range(len(pooled.ids)))}


# --- a vetted set -------------------------------------------------------------------------------------------------


def test_every_text_of_the_set_is_of_the_pool_with_what_it_answers(example):
    pooled = vetted_pool(example)
    made = {one.id: one for one in read_set(EXAMPLE / "generated.jsonl.zst")}
    found = items(pooled)
    assert found.keys() == made.keys()
    for name, item in found.items():
        assert list(item.hidden.facts)[:3] == ["verifiers", "right answers", "decision"]
        assert item.texts == (made[name].text,)
        assert item.prompt == made[name].prompt


def test_a_label_finds_its_text_again_as_a_verifier_saw_it(example):
    made = {one.id: one for one in read_set(EXAMPLE / "generated.jsonl.zst")}
    for name, item in items(vetted_pool(example)).items():
        assert item.facts["id"] == name
        assert item.facts["sha256"] == judged(made[name])
        kept = Generated.from_json({**json.loads(item.facts["generated"]), "text": item.texts[0]})
        assert (kept.id, kept.prompt, kept.references) == (name, made[name].prompt, made[name].references)
        assert (kept.generator, kept.template, kept.seed) == (
            made[name].generator,
            made[name].template,
            made[name].seed,
        )


def test_the_score_is_the_chance_that_a_text_is_right_given_what_verifiers_said(example):
    figures = json.loads((example / GATE).read_bytes())["gate"][0]["figures"]
    phi, psi, share = (figures[name]["estimate"] for name in ("phi", "psi", "right_before"))
    rejected = share * (1 - phi) / (share * (1 - phi) + (1 - share) * (1 - psi))
    for item in items(vetted_pool(example)).values():
        is_in = item.hidden.facts["verifiers"] == "accepted"
        assert item.score == pytest.approx(0.99 if is_in else rejected)


def test_without_a_card_nothing_is_known_of_the_score(world):
    _, folder = world
    assert set(vetted_pool(folder).scores.tolist()) == {0.5}


def test_texts_that_wait_for_a_person_come_first_then_those_that_verifiers_disagree_on(world):
    _, folder = world
    found = items(vetted_pool(folder))
    a_word = {}
    for item in found.values():
        said = item.hidden.facts["verifiers"]
        a_word.setdefault(said, set()).add(round(item.value / len(item.texts[0].split()), 9))
    assert a_word.keys() == {"unknown", "rejected"}
    assert min(a_word["unknown"]) > max(a_word["rejected"]) > 0
    (waits,), (disagree,) = a_word["unknown"], a_word["rejected"]
    assert disagree / waits == pytest.approx(0.7)


@pytest.fixture(scope="module")
def in_turns(tmp_path_factory):
    """A world whose prompts are messages and whose last text is the first again, and the set that it makes."""
    folder = lay_out(tmp_path_factory.mktemp("turns"), human=80, made=30, wrong=0.0, labelled=20)
    turns = [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "Write."}]
    rows = [json.loads(line) for line in (folder / "made.jsonl").read_text().splitlines()]
    rows = [{**row, "prompt": turns} for row in [*rows, {**rows[0], "id": "again"}]]
    (folder / "made.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    return folder, Path(vetted_by_card(folder, "made.jsonl", out=folder / "set").paths["folder"])


def test_texts_dropped_for_something_else_are_asked_about_by_lot_alone(in_turns):
    pooled = vetted_pool(in_turns[1])
    worth = dict(zip(pooled.ids, pooled.values.tolist(), strict=True))
    assert worth["again"] == 0 < worth["made-0"]


def test_messages_are_shown_by_turns_and_kept_as_messages(in_turns):
    folder, out = in_turns
    made = {one.id: one for one in read_set(folder / "made.jsonl")}
    for name, item in items(vetted_pool(out)).items():
        assert item.prompt == "system: Be brief.\n\nuser: Write."
        assert item.facts["sha256"] == judged(made[name])


def test_a_prompt_may_stand_in_a_column_of_another_name(example):
    found = items(vetted_pool(example, prompt="template"))
    assert {item.prompt for item in found.values()} == {"word"}


def test_a_set_without_its_rejected_texts_says_how_many_are_missing(example, tmp_path):
    copy = Path(shutil.copytree(example, tmp_path / "set"))
    shutil.rmtree(copy / "rejected")
    pooled = vetted_pool(copy)
    assert (len(pooled.ids), pooled.lost) == (55, 15)
    assert "but for 15 whose texts were not kept" in pooled.note


def test_a_set_that_no_verifier_looked_at_is_refused(curated_set):
    with pytest.raises(InputError, match="was not vetted: no verifier said of its texts"):
        vetted_pool(curated_set)


# --- a file of texts ----------------------------------------------------------------------------------------------


def test_the_queue_file_of_verifiers_is_a_pool_whose_labels_they_take(world):
    folder, _ = world
    found = items(waiting_pool(folder / "waiting.jsonl"))
    assert set(found) == {f"made-{number}" for number in range(40)}
    labels = folder / "answers.jsonl"
    labels.write_text(
        "".join(
            json.dumps({"id": item.facts["id"], "sha256": item.facts["sha256"], "label": "right"}) + "\n"
            for item in found.values()
        )
    )
    people = HumanVerifier(name="editors", queue=folder / "other.jsonl", labels=labels)
    assert {people.verdict(one).said for one in read_set(folder / "made.jsonl")} == {"accepted"}


def test_a_random_part_that_was_drawn_for_an_audit_is_a_pool(tmp_path):
    draw(read_set(EXAMPLE / "generated.jsonl.zst"), 12, tmp_path / "drawn.jsonl")
    pooled = waiting_pool(tmp_path / "drawn.jsonl")
    assert len(pooled.ids) == 12
    assert pooled.note == "12 texts, all of drawn.jsonl."
    assert set(pooled.scores.tolist()) == {0.5}
    item = next(pooled.items([3]))
    assert item.id == pooled.ids[3]
    assert item.hidden.facts["right answers"] == item.prompt.rpartition(" ")[2]


def test_a_file_of_something_else_is_refused_by_its_line(tmp_path):
    (tmp_path / "texts.jsonl").write_text('{"id": "a", "text": "b"}\n{"id": 3}\n')
    with pytest.raises(InputError, match=r"texts.jsonl, line 2: no generated text"):
        waiting_pool(tmp_path / "texts.jsonl")
