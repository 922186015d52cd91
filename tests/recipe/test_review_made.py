"""What wellkeeper makes of settled answers, each read by what it is for."""

import json
from pathlib import Path

import pytest
from queue_files import NOW

from wellkeeper.core.generated import Generated
from wellkeeper.errors import InputError
from wellkeeper.origin.anchors import AnchorPack
from wellkeeper.recipe.queueing import make_queue
from wellkeeper.recipe.review_exchange import export_answers
from wellkeeper.recipe.review_labels import generated_of
from wellkeeper.recipe.vetting import vet
from wellkeeper.review.item import Item, Place, Placed, Settings, pool_of
from wellkeeper.review.question import QUESTIONS
from wellkeeper.review.queue import ReviewQueue
from wellkeeper.vet.cards import read_cards
from wellkeeper.vet.labels import audited_of, read_labelled, read_labels
from wellkeeper.vet.people import HumanVerifier, judged
from wellkeeper.watch.judging import read_anchors

EXAMPLE = Path(__file__).parents[2] / "examples" / "vet"


def queue_of(path, kind, items, labels, *, chosen=(), more=1000):
    """A queue whose items one reader has answered; items whose place is `chosen` were not drawn by lot.

    `more` items of the pool are not of the queue.
    """
    ReviewQueue.create(
        path,
        question=QUESTIONS[kind],
        placed=[Placed(item=item, rank=None if at in chosen else at) for at, item in enumerate(items)],
        pool=pool_of([item.score for item in items] + [None] * more),
        settings=Settings(),
        about={"from": kind},
        now=NOW,
    )
    with ReviewQueue(path) as queue:
        given = [(item.id, label, "", 1.0) for item, label in zip(items, labels, strict=True) if label]
        queue.take_in("ann", given, source="test")
    return path


def sum_of(at):
    """A text that says a sum, right where `at` is even."""
    return Generated(
        id=f"sum-{at}",
        text=f"The sum is {at + at % 2}.",
        prompt=[{"role": "user", "content": f"{at} + 0?"}],
        references=(str(at),),
        rare=at % 5 == 0,
    )


def vet_queue(tmp_path, *, size=60, labels=None, chosen=(), **pool):
    items = [
        Item(
            id=f"row-{at}",
            texts=(sum_of(at).text,),
            prompt=f"{at} + 0?",
            facts={
                "id": f"sum-{at}",
                "sha256": judged(sum_of(at)),
                "generated": json.dumps(
                    {name: value for name, value in sum_of(at).to_json().items() if name != "text"}
                ),
            },
        )
        for at in range(size)
    ]
    said = labels or [("right", "wrong")[at % 2] for at in range(size)]
    return queue_of(tmp_path / "vet.sqlite", "vet", items, said, chosen=chosen, **pool)


# --- labels of vetted texts ---------------------------------------------------------------------------------------


def test_a_verifier_of_people_reads_all_settled_labels(tmp_path):
    path = vet_queue(tmp_path, size=6, labels=["right", "wrong", "unsure", "", "right", "wrong"], chosen=(0,))
    done = export_answers(path, format="labels")
    people = HumanVerifier(name="people", queue=tmp_path / "waiting.jsonl", labels=done.paths["labels"])
    said = [people.verdict(sum_of(at)).said for at in range(6)]
    assert said == ["accepted", "rejected", "unknown", "unknown", "accepted", "rejected"]
    other = Generated(id="sum-0", text="Another text under the same id.")
    assert people.verdict(other).said == "unknown"
    assert done.document["left_out"] == {"cannot be told": 1, "not settled": 1}
    assert done.said == (
        f"{tmp_path}/vet-labels.jsonl has 4 labels: 2 right, 2 wrong.",
        "Left out: 1 not settled, 1 cannot be told.",
        "Next: name it as `labels:` of a verifier of kind human, then run the same `wellkeeper vet` again.",
    )


def test_an_audit_has_texts_that_were_drawn_by_lot_alone(tmp_path):
    path = vet_queue(tmp_path, size=10, chosen=(1, 3))
    done = export_answers(path, format="audited")
    labels = read_labels(done.paths["labels"])
    assert sorted(labels) == [f"sum-{at}" for at in (0, 2, 4, 5, 6, 7, 8, 9)]
    assert done.document["left_out"] == {"not drawn by lot": 2}
    counted = audited_of(
        labels,
        {f"sum-{at}": "accepted" for at in range(10)},
        {f"sum-{at}": sum_of(at).text for at in range(10)},
    )
    assert (counted.accepted.kept, counted.accepted.of) == (5, 8)
    everything = export_answers(path, format="audited", all_items=True)
    assert len(read_labels(everything.paths["labels"])) == 10
    assert "rates read off it are not those of the whole set" in everything.said[1]


def test_a_queue_of_all_there_is_that_was_answered_to_its_end_is_an_audit_of_all(tmp_path):
    done = export_answers(vet_queue(tmp_path, size=10, chosen=(1, 3, 4), more=0), format="audited")
    assert (done.document["items"], done.document["by_lot"], done.document["left_out"]) == (10, True, {})
    again = export_answers(tmp_path / "vet.sqlite", format="audited", all_items=True)
    assert again.said == done.said  # nothing to warn of
    (tmp_path / "vet.sqlite").unlink()
    labels = ["right", "wrong"] * 5
    labels[7] = ""  # nobody has answered this one
    path = vet_queue(tmp_path, size=10, labels=labels, chosen=(1, 3, 4), more=0)
    one_open = export_answers(path, format="audited")
    assert one_open.document["items"] == 6
    assert one_open.document["left_out"] == {"not drawn by lot": 3, "not settled": 1}


def test_an_audit_is_measured_by_as_labelled_texts_too(tmp_path):
    done = export_answers(vet_queue(tmp_path, size=8), format="audited")
    read = read_labelled(done.paths["labels"])
    assert [one.right for one in read] == [True, False] * 4
    assert [(one.item.references, one.item.rare, one.item.prompt) for one in read] == [
        (sum_of(at).references, sum_of(at).rare, sum_of(at).prompt) for at in range(8)
    ]


def test_an_audit_names_judges_once_it_has_twenty_of_each(tmp_path):
    few = export_answers(vet_queue(tmp_path, size=38), format="audited")
    assert "--anchors" not in few.said[-1]
    (tmp_path / "vet.sqlite").unlink()
    enough = export_answers(vet_queue(tmp_path, size=40), format="audited")
    assert f"--anchors {tmp_path}/vet-audited.jsonl" in enough.said[-1]


def test_watch_reads_anchors_of_its_judge(tmp_path):
    done = export_answers(vet_queue(tmp_path, size=12), format="judge-anchors")
    anchors = read_anchors(done.paths["labels"])
    assert [(one.name, one.label) for one in anchors[:2]] == [("sum-0", 1.0), ("sum-1", 0.0)]
    assert anchors[0].references == ("0",)
    assert anchors[0].prompt == [{"role": "user", "content": "0 + 0?"}]


def test_a_card_is_measured_on_what_people_said(tmp_path):
    (tmp_path / "verifiers.yaml").write_text("verifiers:\n  - name: sums\n    kind: numeric\n")
    path = vet_queue(tmp_path, chosen=(0, 1))
    done = export_answers(path, format="card", verifiers=tmp_path / "verifiers.yaml")
    card = read_cards(tmp_path / "vet-card.json").whole
    assert (card.right.accepted, card.right.rejected) == (29, 0)
    assert (card.wrong.accepted, card.wrong.rejected) == (0, 29)
    assert (card.rare.told, card.common.told) == (5, 24)
    assert done.said[0] == "sums: keeps 100% (88.3-100%) of right texts and 0% (0-11.7%) of wrong ones"
    assert done.document["card"]["whole"]["labelled"] == 58


def test_a_text_of_which_only_the_id_is_known_is_labelled_by_text_and_prompt(tmp_path):
    items = [Item(id="a", texts=("Yes.",), prompt="So?"), Item(id="b", texts=("No.",))]
    path = queue_of(tmp_path / "q.sqlite", "vet", items, ["right", "wrong"])
    done = export_answers(path, format="labels")
    people = HumanVerifier(name="people", queue=tmp_path / "waiting", labels=done.paths["labels"])
    assert people.verdict(Generated(id="a", text="Yes.", prompt="So?")).said == "accepted"
    assert people.verdict(Generated(id="b", text="No.")).said == "rejected"
    assert people.verdict(Generated(id="a", text="Yes.", prompt="Why?")).said == "unknown"


def test_a_queue_that_kept_something_else_of_a_text_says_so():
    broken = Item(id="a", texts=("Yes.",), facts={"generated": "[1]"})
    with pytest.raises(
        InputError, match=r"What the queue keeps of a cannot be read \(TypeError: .*review init OUT"
    ):
        generated_of(broken)


def test_without_a_settled_label_there_is_nothing_to_write(tmp_path):
    path = vet_queue(tmp_path, size=3, labels=["unsure", "", "right"], chosen=(2,))
    with pytest.raises(InputError) as raised:
        export_answers(path, format="audited")
    assert str(raised.value) == (
        "Nobody has settled yet which texts are right. Left out: 1 not settled, 1 not drawn by lot, 1 cannot be told. "
        "Answer more: wellkeeper review serve OUT."
    )
    assert not (tmp_path / "vet-audited.jsonl").exists()


@pytest.mark.parametrize(
    ("form", "kind"), [("labels", "origin"), ("anchors", "conflicts"), ("preferences", "vet")]
)
def test_another_question_cannot_be_made_into_it(tmp_path, form, kind):
    path = queue_of(tmp_path / "q.sqlite", kind, [Item(id="a", texts=("A.",))], [""])
    with pytest.raises(
        InputError, match=rf"cannot be made from a queue of kind {kind}: .*review init .* --(from|against) "
    ):
        export_answers(path, format=form)


# --- anchors ------------------------------------------------------------------------------------------------------


def prose(at, *, plain):
    """Some 60 words, unlike for each `at`."""
    told = (
        "the pump broke again",
        "she laughed at my map",
        "we ate cold beans",
        "nobody had a key",
        "rain all day",
    )
    flat = (
        "several key factors matter",
        "it is important to note",
        "this offers many benefits",
        "in conclusion",
    )
    parts = [(told if plain else flat)[(at * 7 + k * (at % 3 + 1)) % (5 if plain else 4)] for k in range(12)]
    return f"Note {at} of {at * at}: " + f", and number {at} came in {at + 3} ways. ".join(parts)


def origin_queue(tmp_path, *, human, ai, mixed=0, chosen=0):
    labels = ["human"] * (human + chosen) + ["ai"] * ai + ["mixed"] * mixed
    items = [
        Item(
            id=f"row-{at}",
            texts=(prose(at, plain=label == "human"),),
            places=(Place(row=at, id=f"doc-{at}", content_hash="0" * 64),),
        )
        for at, label in enumerate(labels)
    ]
    return queue_of(tmp_path / "origin.sqlite", "origin", items, labels, chosen=range(chosen))


def test_anchors_are_the_texts_that_were_drawn_by_lot(tmp_path):
    path = origin_queue(tmp_path, human=26, ai=25, mixed=2, chosen=5)
    done = export_answers(path, format="anchors")
    pack = AnchorPack.load(tmp_path / "origin-anchors.json")
    (only,) = pack.slices.values()
    assert (only.human.documents, only.ai.documents) == (26, 25)
    assert only.human.by_claim == 26
    assert done.document["left_out"] == {"not drawn by lot": 5, "by both": 2}
    assert (done.document["human"], done.document["ai"], done.document["by_lot"]) == (26, 25, True)
    assert "Readers err too" in " ".join(done.said)
    everything = export_answers(path, format="anchors", all_items=True, out=tmp_path / "all.json")
    assert everything.document["human"] == 31
    assert any("rates read off it" in sentence for sentence in everything.said)


def test_anchors_of_people_alone_will_do(tmp_path):
    done = export_answers(origin_queue(tmp_path, human=25, ai=0), format="anchors")
    assert AnchorPack.load(done.paths["anchors"]).made is None


def test_too_few_texts_by_people_are_told_before_any_work(tmp_path):
    path = origin_queue(tmp_path, human=24, ai=30)
    with pytest.raises(InputError) as raised:
        export_answers(path, format="anchors")
    assert str(raised.value) == (
        "24 texts by people are settled, and anchors need 25. Answer more: wellkeeper review serve OUT. A larger queue "
        "has more items that were drawn by lot."
    )


# --- preferences --------------------------------------------------------------------------------------------------


def test_preferences_undo_the_order_of_showing(tmp_path):
    first = "ABABAB"
    items = [
        Item(
            id=f"pair-{at}",
            texts=("of a", "of b") if who == "A" else ("of b", "of a"),
            prompt="Why?",
            facts={"first": who},
        )
        for at, who in enumerate(first)
    ]
    said = ["first", "first", "second", "second", "both-bad", "unsure"]
    done = export_answers(queue_of(tmp_path / "c.sqlite", "compare", items, said), format="preferences")
    lines = [json.loads(line) for line in done.paths["preferences"].read_bytes().splitlines()]
    assert [line["preferred"] for line in lines] == ["a", "b", "b", "a", "both-bad"]
    assert {(line["a"], line["b"], line["prompt"]) for line in lines} == {("of a", "of b", "Why?")}
    assert lines[0] == {
        "id": "pair-0",
        "prompt": "Why?",
        "a": "of a",
        "b": "of b",
        "preferred": "a",
        "readers": 1,
        "by_lot": True,
    }
    assert done.said == (
        f"{tmp_path}/c-preferences.jsonl has 5 pairs: a is better in 2, b in 2.",
        "Left out: 1 cannot be told.",
    )


def test_a_queue_that_does_not_say_whose_answer_was_first_is_refused(tmp_path):
    path = queue_of(tmp_path / "c.sqlite", "compare", [Item(id="p", texts=("x", "y"))], ["first"])
    with pytest.raises(InputError, match="The queue does not say whose answer of p was shown first"):
        export_answers(path, format="preferences")


# --- from a vetted set and back -----------------------------------------------------------------------------------


@pytest.mark.slow
def test_people_s_answers_about_the_example_pass_its_gate_and_become_its_verdicts(tmp_path):
    truth = {}
    with (tmp_path / "made.jsonl").open("w") as file:
        for line in (EXAMPLE / "labelled.jsonl").read_text().splitlines():
            entry = json.loads(line)
            truth[entry["prompt"], entry["text"]] = "right" if entry.pop("right") else "wrong"
            file.write(json.dumps(entry) + "\n")

    def vetted(name, **options):
        given = {"verifiers": EXAMPLE / "verifiers.yaml", **options}
        return vet(
            tmp_path / "made.jsonl",
            reference=EXAMPLE / "human.jsonl.zst",
            no_evaluation=True,
            out=tmp_path / name,
            **given,
        ).document

    first = vetted("set")
    assert first["gate"][0]["passed"] == "not enough data"
    path = make_queue(tmp_path / "set", size=150, random_share=0.8, overlap=0).path
    with ReviewQueue(path) as queue:
        while (shown := queue.assign("ann")) is not None:
            queue.answer("ann", shown.ticket, truth[shown.prompt, shown.texts[0]])

    audited = export_answers(path, format="audited")
    assert audited.document["items"] == 120
    second = vetted("audited", audited=audited.paths["labels"])
    assert second["gate"][0]["passed"] == "pass"
    assert second["gate"][0]["said"].startswith("People labelled ")

    card = export_answers(path, format="card", verifiers=EXAMPLE / "verifiers.yaml")
    third = vetted("by-card", card=card.paths["card"])
    assert third["gate"][0]["passed"] == "pass"

    labels = export_answers(path, format="labels")
    (tmp_path / "people.yaml").write_text(
        f"verifiers:\n  - name: people\n    kind: human\n    queue: {tmp_path / 'waiting.jsonl'}\n"
        f"    labels: {labels.paths['labels']}\n"
    )
    by_people = vetted("by-people", verifiers=tmp_path / "people.yaml")
    step = next(one for one in by_people["counts"]["steps"] if one["step"] == "verified.v1")
    assert (step["dropped"], step["review"]) == (labels.document["wrong"], 200 - 150)
