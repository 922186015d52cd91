"""An audit that knows the share of AI text tells what generations of models would do to the corpus."""

import json
from pathlib import Path

import jsonschema
import numpy as np
import pytest

from wellkeeper.lab.n_eff import coefficients
from wellkeeper.lab.policy import Policy
from wellkeeper.recipe.outlook import describe_outlook
from wellkeeper.recipe.tails import WordSample
from wellkeeper.report.sections.outlook import outlook_sections

SCHEMA = json.loads((Path(__file__).parents[2] / "src/wellkeeper/recipe/audit.schema.json").read_text())
SHARE = {"estimate": 0.3, "low": 0.2, "high": 0.45}


def sample(documents: int = 60) -> WordSample:
    rng = np.random.default_rng(1)
    hashes = rng.zipf(1.6, documents * 40).astype(np.uint64)
    return WordSample(np.arange(documents), np.arange(documents + 1) * 40, hashes)


def test_the_outlook_is_the_law_with_the_human_share_that_the_audit_found() -> None:
    found = describe_outlook(sample(), SHARE)
    part = {**SCHEMA["properties"]["outlook"], "$defs": SCHEMA["$defs"]}
    jsonschema.validate(found, part)
    assert found["human"] == pytest.approx({"estimate": 0.7, "low": 0.55, "high": 0.8})
    replace, like_this = found["policies"]
    expected = 0.7 * coefficients(Policy(), 10)
    assert [row["share"] for row in replace["generations"]] == pytest.approx(expected[[1, 2, 5, 10]])
    assert like_this["generations"][3]["types"] > replace["generations"][3]["types"]
    limit = found["limit"]
    assert 0.7 < limit["low"] < limit["estimate"] < limit["high"] < 1


def test_where_the_share_is_not_known_there_is_no_outlook_and_no_section() -> None:
    assert describe_outlook(sample(), {"estimate": None, "low": 0.0, "high": 1.0}) is None
    empty = WordSample(np.zeros(0, np.int64), np.zeros(1, np.int64), np.zeros(0, np.uint64))
    assert describe_outlook(empty, SHARE) is None
    assert outlook_sections({"outlook": None}) == []
    assert outlook_sections({}) == []


def test_the_section_says_where_the_tail_settles_and_what_holds_it() -> None:
    (section,) = outlook_sections({"outlook": describe_outlook(sample(), SHARE)})
    said = " ".join(block.text for block in section.blocks if block.kind == "prose")
    assert "People wrote 70.0% (55.0-80.0%) of the documents." in said
    assert "14.8% of each training set has to be human text" in said
    (told,) = (block for block in section.blocks if block.kind == "table")
    assert len(told.rows) == 8
