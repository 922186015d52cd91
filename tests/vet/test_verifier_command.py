"""`wellkeeper verifier`: the card that it writes, what a person reads, and what stops it."""

import json

import pytest
from click.testing import CliRunner
from generated_texts import lines

from wellkeeper.cli.main import cli
from wellkeeper.report.blocks import Prose, Ranges, Table
from wellkeeper.report.verifier import verifier_block
from wellkeeper.vet.cards import read_cards


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    lines(
        tmp_path / "labelled.jsonl",
        *(
            {
                "id": f"sum {k}",
                "text": f"The sum is {k + (k % 8 == 0) + (k % 2 == 1 and k % 16 != 1)}.",
                "references": [str(k)],
                "label": "wrong" if k % 2 else "right",
                "rare": k % 6 == 0,
            }
            for k in range(240)
        ),
    )
    (tmp_path / "verifiers.yaml").write_text("verifiers:\n  - name: sums\n    kind: numeric\n")
    return tmp_path


def run(*arguments):
    return CliRunner().invoke(cli, ["verifier", *arguments])


def test_a_card_is_written_and_told(folder):
    found = run("labelled.jsonl", "--verifiers", "verifiers.yaml")
    assert found.exit_code == 0, found.output
    assert found.output == (
        "sums: keeps 75.0% (66.6-81.9%) of right texts and 12.5% (7.7-19.6%) of wrong ones\n"
        "sums: no verdict on 0; what it keeps is mostly right above 14.3% right\n"
        "card: card.json\n"
    )
    card = read_cards(folder / "card.json").whole
    assert (card.right.told, card.wrong.told, card.families) == (120, 120, ("numeric",))


def test_json_is_the_card(folder):
    found = run("labelled.jsonl", "--verifiers", "verifiers.yaml", "--json", "--out", "cards/sums.json")
    assert json.loads(found.output) == json.loads((folder / "cards" / "sums.json").read_text())
    assert json.loads(found.output)["schema"] == "wellkeeper.verifier/1"


def test_a_verifier_that_is_no_better_than_chance_is_a_finding(folder):
    (folder / "verifiers.yaml").write_text(
        "verifiers:\n  - name: polite\n    kind: regex\n    pattern: sum\n"
    )
    labelled = (folder / "labelled.jsonl").read_text()
    (folder / "labelled.jsonl").write_text(labelled.replace('["', '["sum", "'))
    found = run("labelled.jsonl", "--verifiers", "verifiers.yaml")
    assert found.exit_code == 1, found.output
    assert (
        "polite cannot be told from chance (p = 1): it keeps wrong texts as often as right ones."
        in found.output
    )


def test_few_labels_are_said(folder):
    few = (folder / "labelled.jsonl").read_text().splitlines()[:40]
    (folder / "labelled.jsonl").write_text("\n".join(few))
    assert (
        "sums gave a verdict on 20 right and 20 wrong texts: bounds are wide. Label 200 or more"
        in run("labelled.jsonl", "--verifiers", "verifiers.yaml").output
    )


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (
            ("--label", "verdict"),
            "line 1: no label under verdict. Name the field that has it: --label label.",
        ),
        (("--verifiers", "labelled.jsonl"), "this is not YAML"),
    ],
)
def test_what_cannot_be_measured_is_told(folder, arguments, message):
    given = [] if "--verifiers" in arguments else ["--verifiers", "verifiers.yaml"]
    found = run(str(folder / "labelled.jsonl"), *given, *arguments)
    assert found.exit_code == 2
    assert message in found.output


def test_two_verifiers_are_shown_with_both_together(folder):
    (folder / "verifiers.yaml").write_text(
        "verifiers:\n  - name: sums\n    kind: numeric\n  - kind: contains\n"
    )
    found = run("labelled.jsonl", "--verifiers", "verifiers.yaml")
    heads = [line.partition(":")[0] for line in found.output.splitlines() if ": keeps" in line]
    assert heads == ["sums + contains", "sums", "contains"]


def test_the_block_of_a_page_has_rates_and_a_table(folder):
    run("labelled.jsonl", "--verifiers", "verifiers.yaml")
    document = json.loads((folder / "card.json").read_text())
    for given in (document, document["whole"]):
        ranges, table, *_ = verifier_block(given)
        assert isinstance(ranges, Ranges)
        assert [row.label for row in ranges.rows] == ["kept of right texts", "kept of wrong texts"]
        assert isinstance(table, Table)
        assert table.rows[0][0] == "sums"


@pytest.mark.parametrize("document", [{}, {"whole": None}, {"whole": {"phi": "x", "name": 3}}, {"phi": None}])
def test_a_broken_card_is_drawn_as_far_as_it_goes(document):
    assert all(isinstance(block, Prose | Ranges | Table) for block in verifier_block(document))


# --- a part to label ----------------------------------------------------------------------------------------------


def test_a_random_part_is_written_for_people_and_says_what_to_do(folder):
    found = run("labelled.jsonl", "--draw", "20")
    assert found.exit_code == 0
    assert found.output == (
        "audit.jsonl has 20 of 240 texts, drawn at random; 20 are new. Have people write right or wrong as the label of "
        "each, then: wellkeeper vet ... --audited audit.jsonl.\n"
    )
    drawn = [json.loads(line) for line in (folder / "audit.jsonl").read_text().splitlines()]
    assert len(drawn) == 20
    assert {one["label"] for one in drawn} == {None}
    again = run("labelled.jsonl", "--draw", "30", "--json")
    assert json.loads(again.output) == {
        "schema": "wellkeeper.draw/1", "path": "audit.jsonl", "texts": 240, "drawn": 30, "new": 10,
    }  # fmt: skip


def test_without_verifiers_and_without_a_draw_nothing_is_done(folder):
    found = run("labelled.jsonl")
    assert found.exit_code == 2
    assert "--verifiers FILE, or draw texts to label: --draw N." in found.output
    assert not (folder / "card.json").exists()
