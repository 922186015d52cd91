"""Cards of verifiers, the labels that they are measured by, and judges that changed since."""

import gzip
import json

import numpy as np
import pytest
import zstandard
from generated_texts import Fixed, labelled, lines, text

from wellkeeper.errors import InputError
from wellkeeper.vet.anchors import held_to_card
from wellkeeper.vet.cards import Card, CardFile, Labelled, card_for, measured, read_cards, write_cards
from wellkeeper.vet.labels import LabelLine, audited_of, digest_of, read_labelled, read_labels, read_set
from wellkeeper.vet.verifiers import VerifierSet, verdicts_of


def counts(accepted, rejected=0, unknown=0):
    return Labelled(accepted=accepted, rejected=rejected, unknown=unknown)


def card(**given):
    usual = {
        "name": "sums",
        "digest": "d",
        "right": counts(90, 10),
        "wrong": counts(10, 90),
        "labels": "l",
        "created": "2026-11-22T00:00:00+00:00",
    }
    return Card(**{**usual, **given})


def measured_by(verifiers, items):
    whole = VerifierSet(verifiers=tuple(verifiers))
    return whole, measured(whole, items, verdicts_of(whole, [one.item for one in items]))


# --- what a card says ---------------------------------------------------------------------------------------------


def test_a_card_has_both_rates_and_the_threshold():
    found = card(right=counts(9, 1), wrong=counts(3, 7))
    assert (found.phi.estimate, found.psi.estimate, found.threshold) == (0.9, 0.3, 0.25)
    assert found.phi.low < 0.9 < found.phi.high


def test_rates_are_shares_of_what_had_a_verdict():
    assert card(right=counts(90, 10, 900)).phi.estimate == 0.9
    silent = card(right=counts(0, 0, 5))
    assert (silent.phi, silent.threshold, silent.is_better_than_chance) == (None, None, False)


@pytest.mark.parametrize(
    ("wrong", "better"), [(counts(10, 90), True), (counts(90, 10), False), (counts(95, 5), False)]
)
def test_a_verifier_that_keeps_wrong_texts_as_often_is_no_better_than_chance(wrong, better):
    assert card(wrong=wrong).is_better_than_chance is better


def test_a_verifier_that_rejects_rare_right_texts_more_often_is_biased():
    assert card(rare=counts(20, 20), common=counts(55, 5)).is_biased
    assert not card(rare=counts(36, 4), common=counts(54, 6)).is_biased
    assert card().p_bias is None


def test_a_fair_verifier_is_called_biased_no_more_often_than_stated():
    random = np.random.default_rng(0)
    found = sum(
        card(rare=counts(40 - a, a), common=counts(60 - b, b)).is_biased
        for a, b in zip(
            random.binomial(40, 0.1, 400).tolist(), random.binomial(60, 0.1, 400).tolist(), strict=True
        )
    )
    assert found <= 0.05 * 400


def test_a_set_has_a_card_of_its_own_beside_those_of_each():
    items = labelled(True, True, False, False)
    strict, lenient = Fixed("strict", **{"text 0": "rejected", "text 2": "rejected"}), Fixed("lenient")
    whole, cards = measured_by([strict, lenient], items)
    assert (cards.whole.digest, cards.whole.families) == (whole.digest, ("lenient", "strict"))
    assert cards.whole.right == counts(1, 1)
    assert [one.wrong for one in cards.each] == [counts(1, 1), counts(2, 0)]


def test_unknown_verdicts_are_counted_apart():
    _, cards = measured_by(
        [Fixed("a", **{"text 0": "unknown", "text 1": "unknown"})], labelled(True, False, True)
    )
    assert (cards.whole.right, cards.whole.wrong) == (counts(1, 0, 1), counts(0, 0, 1))


def test_right_texts_of_rare_cells_are_counted_where_cells_are_known():
    items = [*labelled(True, False, rare=True), *labelled(True, True, rare=False)]
    _, cards = measured_by([Fixed("a")], items)
    assert (cards.whole.rare, cards.whole.common) == (counts(1), counts(2))
    _, cards = measured_by([Fixed("a")], labelled(True, False))
    assert cards.whole.rare is None


@pytest.mark.parametrize("right", [True, False])
def test_labels_of_one_kind_alone_make_no_card(right):
    with pytest.raises(InputError, match=r"a card needs right and wrong texts\. Have people label"):
        measured_by([Fixed("a")], labelled(right, right))


# --- files --------------------------------------------------------------------------------------------------------


def test_a_card_that_is_written_is_read_again(tmp_path):
    cards = CardFile(
        whole=card(rare=counts(1), common=counts(2)), each=(card(name="a", families=("exact",)),)
    )
    write_cards(cards, tmp_path / "deep" / "card.json")
    assert read_cards(tmp_path / "deep" / "card.json") == cards
    assert json.loads((tmp_path / "deep" / "card.json").read_text())["schema"] == "wellkeeper.verifier/1"


def test_what_follows_from_counts_is_not_believed(tmp_path):
    path = tmp_path / "card.json"
    write_cards(CardFile(whole=card(wrong=counts(90, 10)), each=()), path)
    told = json.loads(path.read_text())
    told["whole"] |= {"better_than_chance": True, "p_chance": 0}
    path.write_text(json.dumps(told))
    assert not read_cards(path).whole.is_better_than_chance


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"\xff\xfe", r"cannot be read"),
        (b"[]", r"its schema is None, not wellkeeper\.verifier/1\. Measure it again"),
        (b'{"schema": "wellkeeper.vet/1"}', r"its schema is wellkeeper\.vet/1"),
        (b'{"schema": "wellkeeper.verifier/1"}', r"is broken \(KeyError: 'whole'\)\. Measure it again"),
    ],
)
def test_a_file_that_is_no_card_is_refused(tmp_path, content, message):
    path = tmp_path / "card.json"
    path.write_bytes(content)
    with pytest.raises(InputError, match=message):
        read_cards(path)


@pytest.mark.parametrize("count", [-1, 1.5, True, "1", None])
def test_counts_that_are_none_are_refused(tmp_path, count):
    told = CardFile(whole=card(), each=()).to_json()
    told["whole"]["right"]["accepted"] = count
    (tmp_path / "card.json").write_text(json.dumps(told))
    with pytest.raises(InputError, match="is broken"):
        read_cards(tmp_path / "card.json")


def test_a_card_of_other_verifiers_is_refused(tmp_path):
    whole, cards = measured_by([Fixed("a")], labelled(True, False))
    write_cards(cards, tmp_path / "card.json")
    assert card_for(whole, tmp_path / "card.json").digest == whole.digest
    other = VerifierSet(verifiers=(Fixed("a", digest="of another model"),))
    with pytest.raises(
        InputError, match=r"a name, an option, a model or a threshold differs\. Measure these"
    ):
        card_for(other, tmp_path / "card.json")


# --- labels -------------------------------------------------------------------------------------------------------


def test_labels_are_read_in_the_words_that_people_use(tmp_path):
    words = [True, 1, 1.0, "Right", "yes", "true", False, 0, "wrong", " NO ", "false"]
    path = lines(
        tmp_path / "l.jsonl", *({"id": f"t{k}", "text": "x", "label": word} for k, word in enumerate(words))
    )
    assert [one.right for one in read_labelled(path)] == [True] * 6 + [False] * 5
    assert read_labels(path)["t3"].right is True


def test_another_field_may_have_the_label(tmp_path):
    path = lines(tmp_path / "l.jsonl", {"id": "a", "text": "x", "ok": "yes", "rare": True})
    (found,) = read_labelled(path, label="ok")
    assert (found.right, found.item.rare, dict(found.item.facts)) == (True, True, {})


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ('{"id": "a", "text": "x", "ok": 1}', r"line 1: no label under label or right\. Name the field.*--label ok\."),
        ('{"id": "a", "text": "x", "label": "maybe"}', r'the label under label is "maybe"\. Write right or wrong'),
        ('{"id": "a", "text": "x", "label": null}', r"the label under label is null"),
        ('{"id": "a", "label": 1}', r"line 1: no generated text \(KeyError: 'text'\)\. Write id, text"),
        ('{"id": "a", ', r"line 1: this is not JSON"),
        ("[1]", r"line 1: this is no JSON object"),
        ('{"id": "a", "text": "x", "label": 1}\n' * 2, r"line 2: a second text has the id a\. Give each its own\."),
        ("", r"holds no labelled text"),
    ],
)  # fmt: skip
def test_a_line_that_is_no_labelled_text_is_told_with_its_number(tmp_path, line, message):
    path = tmp_path / "l.jsonl"
    path.write_text(line)
    with pytest.raises(InputError, match=message):
        read_labelled(path)


def test_the_digest_of_labels_is_of_the_labels_in_any_order():
    items = labelled(True, False)
    assert digest_of(items) == digest_of(items[::-1]) != digest_of(labelled(False, True))


def audit(**rights):
    return {name: LabelLine(id=name, digest="", right=right) for name, right in rights.items()}


def test_an_audit_is_counted_by_the_verdicts_on_the_set():
    said = {"a": "accepted", "b": "accepted", "c": "rejected", "d": "unknown"}
    texts = dict.fromkeys(said, "x")
    found = audited_of(audit(a=True, b=False, d=True), said, texts)
    assert [(one.kept, one.of) for one in (found.accepted, found.rejected, found.unknown)] == [
        (1, 2),
        (0, 0),
        (1, 1),
    ]
    with pytest.raises(InputError, match=r"labels e, which is not in the set\."):
        audited_of(audit(e=True), said, texts)


def test_labels_of_an_earlier_set_with_the_same_ids_are_refused(tmp_path):
    path = lines(tmp_path / "l.jsonl", {"id": "a", "text": "old", "label": 1}, {"id": "b", "label": 1})
    labels, said = read_labels(path), {"a": "accepted", "b": "accepted"}
    assert audited_of(labels, said, {"a": "old", "b": "new"}).accepted.of == 2
    with pytest.raises(InputError, match=r"another text than the set has as a now.*Draw again: "):
        audited_of(labels, said, {"a": "new", "b": "new"})


def test_an_audit_without_labels_is_refused(tmp_path):
    (tmp_path / "l.jsonl").write_text("\n")
    with pytest.raises(InputError, match=r"holds no label\. Write JSON lines with id and label\."):
        read_labels(tmp_path / "l.jsonl")


@pytest.mark.parametrize("suffix", ["gz", "zst"])
def test_labels_and_sets_may_be_compressed(tmp_path, suffix):
    path, press = tmp_path / f"l.jsonl.{suffix}", {"gz": gzip.compress, "zst": zstandard.compress}[suffix]
    path.write_bytes(press(b'{"id": "a", "text": "x", "label": 1}\n'))
    assert read_labelled(path)[0].right is True
    assert read_set(path)[0].text == "x"
    path.write_bytes(path.read_bytes()[:-9])
    with pytest.raises(InputError, match=r"is damaged .*Write or fetch it again\."):
        read_set(path)


# --- anchors ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("right", "wrong", "is_worse"),
    [
        (18, 2, False),  # as on the card
        (20, 0, False),  # better
        (10, 2, True),  # strict now
        (18, 10, True),  # lenient now
        (0, 0, True),
    ],
)
def test_a_judge_is_doubted_where_it_is_worse_than_its_card(right, wrong, is_worse):
    anchors = labelled(*[True] * 20, *[False] * 20)
    said = (
        ["accepted"] * right
        + ["rejected"] * (20 - right)
        + ["accepted"] * wrong
        + ["rejected"] * (20 - wrong)
    )
    found = held_to_card(card(), anchors, said)
    assert (found.is_worse, found.anchors) == (is_worse, 40)
    assert ("count as unknown" in found.said) is is_worse


def test_a_judge_that_says_nothing_of_its_anchors_is_not_known_to_be_worse():
    assert held_to_card(card(), labelled(True, False), ["unknown", "unknown"]).p == 1


def test_only_the_judge_that_changed_is_doubted():
    from wellkeeper.recipe.verifying import held_to_anchors

    anchors = labelled(*[True] * 20, *[False] * 20)
    wrong = {f"text {place}": "rejected" for place in range(20, 40)}
    then = VerifierSet(
        verifiers=(Fixed("j", "judge x", "1", **wrong), Fixed("k", "judge y", "2", **wrong), Fixed("exact"))
    )
    now = VerifierSet(
        verifiers=(Fixed("j", "judge x", "1"), Fixed("k", "judge y", "2", **wrong), Fixed("exact"))
    )
    cards = measured(then, anchors, verdicts_of(then, [one.item for one in anchors]))
    doubted, checks = held_to_anchors(then, cards, anchors, fresh=now)
    assert [(check.name, check.is_worse) for check in checks] == [("j", True), ("k", False)]
    assert doubted.verdict(text("x")).by == {"j": "unknown", "k": "accepted", "exact": "accepted"}
