"""What a proof says to people: the verdict first, then where, then what to do."""

import copy

import pytest
from golden_files import assert_golden
from hypothesis import given
from hypothesis import strategies as st
from proof_samples import ALIKE, BETTER, HOSTILE, UNDECIDED, WORSE, gain
from test_page import spoiled
from test_terminal import printed, terminal

from wellkeeper.report.prove import print_proof, proof_lines, render_proof

PATHS = {"report": "out/report.html", "json": "out/report.json"}


@pytest.mark.parametrize(("name", "document"), [("better", BETTER), ("undecided", UNDECIDED)])
def test_the_lines_and_the_terminal_of_a_proof_are_as_they_were_looked_at(name, document):
    assert_golden(f"proof-{name}.lines.txt", "\n".join(proof_lines(document)) + "\n")
    console = terminal()
    print_proof(document, console, PATHS)
    assert_golden(f"proof-{name}.terminal.txt", printed(console))


def test_the_page_of_a_proof_is_as_it_was_looked_at():
    assert_golden("proof.html", render_proof(BETTER))


@pytest.mark.parametrize(
    ("document", "says", "by"),
    [
        (BETTER, "curated makes a better model than raw", "11.3% lower (-13.9% to -8.6%)"),
        (WORSE, "curated makes a worse model than raw", "22.1% higher (+10.5% to +35.0%)"),
        (
            UNDECIDED,
            "Not enough data to tell whether curated makes a better model than raw",
            "3.9% lower (-21.3% to +17.4%)",
        ),
        (ALIKE, "No difference found between what curated and raw teach", "1.00% lower (-3.9% to +2.0%)"),
    ],
)
def test_the_first_line_is_the_verdict_in_perplexity(document, says, by):
    assert proof_lines(document)[0] == f"{says}: perplexity of held-out human text {by}."


def test_every_set_has_a_sentence_of_its_own():
    several = copy.deepcopy(BETTER)
    several["sets"].append({**several["sets"][0], "name": "other"})
    lines = proof_lines(several)
    assert lines[1].startswith("other makes a better model than raw")
    assert any(line.startswith("better: other, words of 1 document, ") for line in lines)
    assert render_proof(several).count("What other teaches") == 2  # in the contents and above the section


def test_the_next_step_follows_from_the_verdict():
    following = [proof_lines(document)[-1] for document in (BETTER, WORSE, UNDECIDED)]
    assert following[0] == "Next: Look at what got worse all the same: worst 5% of documents."
    assert following[1].startswith("Next: Look below at what it teaches worse")
    assert following[2].startswith("Next: 69.0% of the uncertainty is which documents to train on there are")
    held_out = copy.deepcopy(UNDECIDED)
    held_out["sets"][0]["gain"]["from_held_out"] = 0.8
    assert "80.0% of the uncertainty is which held-out documents there are" in proof_lines(held_out)[-1]
    assert not any(line.startswith("Next") for line in proof_lines(ALIKE))


def test_a_page_has_a_section_only_for_what_was_asked():
    headings = [
        "Without AI-generated documents",
        "AI-generated words in place of others",
        "What each source is worth",
    ]
    whole, plain = render_proof(BETTER), render_proof(ALIKE)
    assert all(heading in whole and heading not in plain for heading in headings)
    assert "What the held-out text shares with the sets" in plain


def test_the_picture_tells_what_is_known_from_what_is_not():
    page = render_proof(BETTER)
    assert "teaches worse" in page
    assert page.count('<circle class="own"') > 0 < page.count('<polygon class="base"')


def test_gains_on_one_side_of_0_keep_the_axis_in_the_picture():
    document = copy.deepcopy(ALIKE)
    document["sets"][0]["where"] = [gain("band", "1", 0.0, 0.0, "no difference found", 1.0)]
    document["sets"][0]["gain"] = gain("all", "", 0.0, 0.0, "no difference found", 1.0)
    assert "+0.000 (+0.000 to +0.000)" in render_proof(document)


def test_hostile_text_neither_breaks_lines_nor_reaches_the_terminal():
    lines = proof_lines(HOSTILE)
    assert not any("\n" in line or "\x1b" in line for line in lines)
    page = render_proof(HOSTILE)
    assert "<script" not in page
    assert "<img" not in page


@given(st.data())
def test_no_document_however_broken_breaks_the_page_or_the_lines(data):
    document = spoiled(BETTER, data.draw, data.draw(st.sampled_from([4, 15, 60])))
    document = document if isinstance(document, dict) else {}
    assert "</html>" in render_proof(document)
    assert proof_lines(document)
