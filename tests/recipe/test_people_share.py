"""`audit --reviewed`: the share of a corpus is what people's labels make, and of another corpus it is refused."""

import hashlib
import io
import json

import pytest
from click.testing import CliRunner
from rich.console import Console

from wellkeeper.cli.main import cli
from wellkeeper.errors import InputError
from wellkeeper.recipe.audit import audit
from wellkeeper.report.terminal import audit_lines, print_audit
from wellkeeper.review.item import Item, Place, Placed, Settings, pool_of
from wellkeeper.review.question import QUESTIONS
from wellkeeper.review.queue import ReviewQueue

NOW = 1_795_000_000.0
TEXTS = [
    f"Entry {at}: rain until noon, then the wind turned and we walked to the harbour to see boat number {at * 7}."
    for at in range(60)
]


@pytest.fixture
def corpus(tmp_path):
    path = tmp_path / "corpus.jsonl"
    path.write_text(
        "".join(json.dumps({"id": f"d{at}", "text": text}) + "\n" for at, text in enumerate(TEXTS))
    )
    return path


def queue_of(tmp_path, texts=TEXTS, *, kind="origin", pool=None, answered=40, wrong_hash=False):
    path = tmp_path / "corpus-review.sqlite"
    placed = [
        Placed(
            item=Item(
                id=f"i{at}",
                texts=(text,),
                places=(
                    Place(
                        row=at,
                        id=f"d{at}",
                        content_hash=hashlib.sha256((text + "?" * wrong_hash).encode()).hexdigest(),
                    ),
                ),
                score=0.9 if at % 4 == 0 else 0.1,
            ),
            rank=at,
        )
        for at, text in enumerate(texts)
    ]
    ReviewQueue.create(
        path,
        question=QUESTIONS[kind],
        placed=placed,
        pool=pool or pool_of([one.item.score for one in placed]),
        settings=Settings(),
        about={"from": kind, "folder": "corpus", "seal": "", "made_at": "2026-11-22", "version": "0.1.0"},
        now=NOW,
    )
    with ReviewQueue(path) as queue:
        for _ in range(answered):
            shown = queue.assign("ada", now=NOW)
            at = texts.index(shown.texts[0])
            queue.answer("ada", shown.ticket, "ai" if at % 4 == 0 else "human", seconds=3, now=NOW)
    return path


def test_the_share_is_what_people_say_and_the_report_says_from_how_many_labels(tmp_path, corpus):
    found = audit([str(corpus)], reviewed=queue_of(tmp_path), out=tmp_path / "out", workers=1).to_json()
    share = found["origin"]["share"]
    assert share["estimate"] == pytest.approx(0.25, abs=0.02)
    assert 0.15 < share["low"] < share["estimate"] < share["high"] < 0.35
    assert share["method"] == "people and scores (PPI++)"
    assert (share["labels"], share["anchored"], share["level"]) == (40, False, 0.95)
    assert share["note"].startswith("From 40 documents that people labelled, drawn by lot, of 60. ")
    assert found["origin"]["bounds"]["estimate"] is None
    assert any("from 40 labels by people" in line for line in audit_lines(found))
    out = io.StringIO()
    print_audit(found, Console(file=out, force_terminal=True, width=110, color_system=None), {})
    assert "from 40 labels by people" in out.getvalue()
    page = (tmp_path / "out" / "report.html").read_text()
    assert "people and scores (PPI++)" in page
    assert "From 40 documents that people labelled" in page


def test_a_high_share_by_people_is_a_finding_in_words_of_its_own(tmp_path, corpus):
    found = audit([str(corpus)], reviewed=queue_of(tmp_path), out=tmp_path / "out", workers=1).to_json()
    [finding] = [one for one in found["findings"] if one["code"] == "WK305"]
    assert "of the documents are AI-made, by people's labels" in finding["title"]
    assert not [one for one in found["findings"] if one["code"] == "WK303"]


def test_a_corpus_of_another_size_is_refused(tmp_path, corpus):
    path = queue_of(tmp_path, TEXTS[:50])
    with pytest.raises(InputError, match="stand for 50 documents, and these are 60"):
        audit([str(corpus)], reviewed=path, out=tmp_path / "out", workers=1)


def test_a_corpus_of_other_texts_is_refused_with_their_number(tmp_path, corpus):
    path = queue_of(tmp_path, wrong_hash=True)
    with pytest.raises(InputError, match=r"40 of 40 texts that were labelled in .* are not in this corpus"):
        audit([str(corpus)], reviewed=path, out=tmp_path / "out", workers=1)


def test_what_gives_no_share_is_refused_before_a_folder_is_made(tmp_path, corpus):
    with pytest.raises(InputError, match="gives no share yet: no item that was drawn by lot"):
        audit([str(corpus)], reviewed=queue_of(tmp_path, answered=0), out=tmp_path / "out")
    other = tmp_path / "other"
    other.mkdir()
    with pytest.raises(InputError, match="asks about vet, and its answers make no share of a corpus"):
        audit([str(corpus)], reviewed=queue_of(other, kind="vet", answered=0), out=tmp_path / "out")
    with pytest.raises(InputError, match="neither a result nor a review queue"):
        audit([str(corpus)], reviewed=tmp_path / "none.sqlite", out=tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_the_command_takes_the_queue(tmp_path, corpus):
    done = CliRunner().invoke(
        cli,
        [
            "audit",
            str(corpus),
            "--reviewed",
            str(queue_of(tmp_path)),
            "--out",
            str(tmp_path / "out"),
            "--exit-zero",
            "--json",
        ],
    )
    assert done.exit_code == 0, done.output
    assert json.loads(done.stdout)["origin"]["share"]["labels"] == 40
