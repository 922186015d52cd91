"""Why a survivor was preferred, by criteria that a recipe can put before the usual ones."""

import json
from pathlib import Path

import pytest
from ledgers import ROWS, documents

from wellkeeper.ledger.folder import write_part, write_quarantine
from wellkeeper.ledger.manifest import MANIFEST, SCHEMA
from wellkeeper.ledger.why import why

SOURCE = {"source": ["wiki", "forum"]}
_OF_A_DUPLICATE = ("decision", "step", "reason", "score", "cluster", "weight")


def sentence(folder: Path, keep: list[object], winner: dict[str, object], loser: dict[str, object]) -> str:
    usual = {"origin": "unknown", "captured_at": None, "licence": None, "generator": None, "group": "all"}
    duplicate = next(row for row in ROWS if row.get("survivor") is not None)
    named = {key: value for key, value in duplicate.items() if key in _OF_A_DUPLICATE}
    rows = [ROWS[0] | usual | {"id": "winner"} | winner, ROWS[0] | usual | named | {"id": "loser"} | loser]
    rows[1] |= {"survivor": 0, "survivor_id": "winner"}
    write_part(folder, "documents", 0, documents(rows, texts=("same", "same")))
    write_quarantine(folder, [])
    steps = [{str(duplicate["step"]): {"keep": keep}}]
    (folder / MANIFEST).write_text(json.dumps({"schema": SCHEMA, "recipe": {"steps": steps}}))
    (story,) = why(folder, "loser").documents
    return story.sentence


@pytest.mark.parametrize(
    ("keep", "winner", "loser", "because"),
    [
        (["labelled"], {"origin": "ai-generated"}, {}, " because its origin is known (ai-generated)"),
        (["labelled", "human"], {"origin": "human"}, {"origin": "ai-generated"}, " because it is human"),
        ([SOURCE], {"source": "wiki"}, {"source": "forum"}, " because it comes from wiki"),
        ([SOURCE], {"source": "forum"}, {"source": "board"}, " because it comes from forum"),
        ([SOURCE], {"group": "forum", "source": "board"}, {"source": "site"}, " because it comes from forum"),
        ([SOURCE, "human"], {"source": "a", "origin": "human"}, {"source": "b"}, " because it is human"),
        (
            [SOURCE],
            {"source": "forum"},
            {"source": "wiki"},
            "",
        ),  # not what the policy says: no reason is made up
    ],
)
def test_the_criterion_that_decided_is_told(tmp_path, keep, winner, loser, because) -> None:
    assert sentence(tmp_path, keep, winner, loser).endswith(f"winner, which was kept{because}")
