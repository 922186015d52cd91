"""What a model learns of rare words, as the report tells it."""

from samples import interval

from wellkeeper.report.blocks import Heading, Prose, Table
from wellkeeper.report.sections.tails import tails_section


def taught(words: int, excess: float) -> dict:
    return {
        "words": words,
        "corpus": interval(9.5 + excess, 9.3 + excess, 9.7 + excess),
        "human": interval(9.5, 9.31, 9.69),
        "excess": interval(excess, excess - 0.1, excess + 0.1),
    }


def audit(likelihood: dict | None) -> dict:
    return {"tails": {"reference": {"likelihood": likelihood}}}


def test_every_band_the_mean_and_the_worst_documents_have_a_row() -> None:
    bands = [{"band": "1", **taught(812, 0.85)}, {"band": "3-5", **taught(2_345, -0.02)}]
    found = {"words": 100_000, "bands": bands, "mean": taught(50_000, 0.11), "worst": taught(2_500, 0.3)}
    blocks = tails_section(audit(found))
    [table] = [block for block in blocks if isinstance(block, Table)]
    assert Heading("What a model learns of rare words") in blocks
    assert table.rows == [
        ["Words in 1 document", "812", "10.35 (10.15 to 10.55)", "9.50 (9.31 to 9.69)", "0.85 (0.75 to 0.95)"],
        ["Words in 3\u20135 documents", "2\u202f345", "9.48 (9.28 to 9.68)", "9.50 (9.31 to 9.69)",
         "-0.02 (-0.12 to 0.08)"],
        ["All words", "50\u202f000", "9.61 (9.41 to 9.81)", "9.50 (9.31 to 9.69)", "0.11 (0.01 to 0.21)"],
        ["The documents known worst", "2\u202f500", "9.80 (9.60 to 10.00)", "9.50 (9.31 to 9.69)",
         "0.30 (0.20 to 0.40)"],
    ]  # fmt: skip
    said = next(
        block.text for block in blocks if isinstance(block, Prose) and "Two small models" in block.text
    )
    assert "read 100\u202f000 words each" in said


def test_without_the_figure_there_is_no_row() -> None:
    for likelihood in (None, {}, {"bands": [{"band": "1"}], "mean": None}):
        assert not [block for block in tails_section(audit(likelihood)) if isinstance(block, Table)]
