"""The benchmark of origin, on made-up texts: what is trained is what the loops run, no text is judged by its own model."""

import re
from pathlib import Path

import numpy as np
import orjson
import pytest
import zstandard
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import binomtest

pytest.importorskip("lightgbm")
pytest.importorskip("sklearn")

import errors
import judging
import sets
import share
import tables
import train

from wellkeeper.kernels import style
from wellkeeper.kernels.style import Heads
from wellkeeper.origin.style import buckets_of, load_model

DOCS = Path(__file__).parents[2] / "docs"
PAGES = ("style-model.md", "what-origin-can-tell.md")
SHARES = ("halves", "others", "certified", "contamination")  # of those of share.py, what readers need
PEOPLE = "the of and to in a it was he that i her his with as had for on at by but not".split()
MODELS = (
    "the of and to in a is crucial landscape additionally by ensures valuable insights with as for on".split()
)


def made(label, domain, number, seed):
    """Texts of about 80 words; models have words of their own."""
    rng = np.random.default_rng(seed)
    nouns = [f"{domain}{k}" for k in range(40)]
    for _ in range(number):
        words = rng.choice([*(MODELS if label == "ai" else PEOPLE) * 4, *nouns], rng.integers(60, 100))
        yield {
            "text": " ".join(words) + ".",
            "label": label,
            "domain": domain,
            "generator": "x",
            "lang": "en",
        }


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    place = tmp_path_factory.mktemp("sets")
    rows = [
        row
        for k, name in enumerate("abcd")
        for row in (*made("human", name, 30, k), *made("ai", name, 30, k + 50))
    ]
    write(place, "l2r_a", rows)
    write(place, "zippy", [*made("human", "z", 30, 90), *made("ai", "z", 30, 91), rows[0], rows[1]])
    return place


def write(folder, name, rows):
    lines = b"\n".join(orjson.dumps(row) for row in rows)
    (folder / f"{name}.jsonl.zst").write_bytes(zstandard.compress(lines))


@pytest.fixture(scope="module")
def training(folder):
    return train.training_texts(folder)


# --- sets and training ---------------------------------------------------------------------------


def test_copies_count_once_in_a_set_and_across_sets(folder):
    seen = set()
    first, second = (sets.load(folder, name, seen=seen) for name in ("l2r_a", "zippy"))
    assert (len(first), len(second)) == (240, 60)
    assert len(sets.load(folder, "zippy")) == 62
    assert len(seen) == 300


def test_copies_in_other_type_are_copies(tmp_path):
    write(
        tmp_path,
        "s",
        [{"text": text, "label": "ai"} for text in ("It's a-b", "it’s  AB!", "other", "...", "")],
    )
    assert [*sets.load(tmp_path, "s").texts] == ["It's a-b", "other"]


def test_labels_that_are_not_asked_for_are_left_out(tmp_path):
    write(tmp_path, "s", [{"text": label, "label": label} for label in ("ai", "mixed", "human")])
    assert sets.load(tmp_path, "s").label.tolist() == [sets.AI, sets.HUMAN]
    assert sets.load(tmp_path, "s", labels=("mixed",)).label.tolist() == [sets.MIXED]


def test_parts_that_are_joined_again_are_the_whole(training):
    texts, _ = training
    half = np.arange(len(texts)) % 3 == 0
    again = sets.joined("again", [texts.chosen(half), texts.chosen(~half)])
    order = np.concatenate([np.flatnonzero(half), np.flatnonzero(~half)])
    expected = texts.chosen(order)
    for name in ("label", "pair", "words", "features"):
        assert np.array_equal(getattr(again, name), getattr(expected, name)), name
    for kind in ("word_grams", "byte_grams"):
        for name in ("bounds", "buckets", "counts"):
            one, other = (getattr(getattr(texts, kind), name) for texts in (again, expected))
            assert np.array_equal(one, other), name
    assert again.texts == expected.texts


def test_each_text_is_scored_by_a_model_that_saw_nothing_of_its_fold(training, monkeypatch):
    texts, fold = training
    fitted = train.Fitted
    pairs = []

    class Watched(fitted):
        def __init__(self, given):
            super().__init__(given)
            self.saw = set(given.domain)

        def score(self, given):
            pairs.append((self.saw, set(given.domain)))
            return super().score(given)

    monkeypatch.setattr(train, "Fitted", Watched)
    few = texts.chosen(np.flatnonzero(np.isin(fold, ["a", "b", "zippy"])))
    scores = train.out_of_fold(few, fold[np.isin(fold, ["a", "b", "zippy"])])
    assert np.isfinite(scores).all()
    assert len(pairs) == 3
    assert all(saw and judged and not saw & judged for saw, judged in pairs)


def test_the_loops_give_the_scores_of_the_libraries_that_trained_them(training):
    texts, _ = training
    fitted = train.Fitted(texts)
    trees = train.trees_of(fitted.trees)
    integers = {name: trees[name].astype(np.int32) for name in ("feature", "left", "right", "root")}
    heads = Heads(
        words=buckets_of(fitted.words.weight(), fitted.words.rarity),
        bytes=buckets_of(fitted.bytes.weight(), fitted.bytes.rarity),
        **{**trees, **integers},
    )
    found = style.style_scores(*sets.buffers(texts.texts), style.load_names(), heads)
    expected = fitted.score(texts)
    assert expected.std() > 1
    assert train.FACTORS @ found.heads == pytest.approx(expected, abs=2e-5)


def test_what_the_shipped_tier_abstains_on_is_not_trained_on(tmp_path):
    rows = [
        *made("human", "a", 3, 1),
        {"text": "f(x)[y] = z " * 40, "label": "human"},
        {"text": "short", "label": "ai"},
    ]
    write(tmp_path, "s", rows)
    texts = sets.load(tmp_path, "s")
    assert len(texts) == 5
    judged = sets.judged(texts)
    assert judged.texts == texts.texts[:3]
    scores = load_model().score(*sets.buffers(texts.texts))
    assert np.isnan(scores).tolist() == [False] * 3 + [True] * 2


# --- figures -------------------------------------------------------------------------------------


@given(st.integers(1, 3000), st.data())
def test_rates_have_the_interval_of_wilson(total, data):
    found = data.draw(st.integers(0, total))
    interval = binomtest(found, total).proportion_ci(0.95, "wilson")
    shown = judging.rate(np.arange(total) < found)
    expected = (judging.percent(share) for share in (found / total, max(0, interval.low), interval.high))
    assert shown == "{} % ({}-{})".format(*expected)


def test_thresholds_of_own_references_keep_their_rate_and_find_what_is_higher():
    rng = np.random.default_rng(3)
    human, ai = rng.normal(size=2_000), rng.normal(10, size=300)
    alarms, found = judging.with_references(human, ai, level=0.05, draws=200)
    assert alarms == pytest.approx(0.05, abs=0.006)
    assert found == 1
    assert judging.with_references(human[:30], ai, level=0.05) is None


def test_flagged_shares_of_exchangeable_texts_lie_in_their_band():
    outside = [cell for seed in range(40) for cell in alarms(seed)[::3] if cell.endswith("!")]
    assert len(outside) <= 6  # of 40: a binomial of 5 % passes 6 in 1 % of cases


def alarms(seed):
    return errors._alarms(np.random.default_rng(seed).normal(size=200), 99, 0.05)


def test_a_level_that_references_cannot_certify_is_refused():
    assert errors._alarms(np.arange(100.0), 50, 0.01) == ["refused", "-", "-"]


# --- tables --------------------------------------------------------------------------------------

TABLE = tables.Table(
    name="some-thing",
    title="Some",
    judged="So.",
    columns=("of", "n", "rate"),
    rows=[["a", 1234, 0.5], ["b", 7, None]],
)


def test_a_table_is_text_markdown_and_json():
    assert TABLE.to_text() == "## Some\nSo.\n\nof      n  rate\na   1,234  .500\nb       7     -"
    assert (
        TABLE.to_markdown()
        == "**Some.** So.\n\n| of | n | rate |\n| --- | --: | --: |\n| a | 1,234 | .500 |\n| b | 7 | - |"
    )
    assert TABLE.to_json()["rows"] == [{"of": "a", "n": 1234, "rate": 0.5}, {"of": "b", "n": 7, "rate": None}]


def test_only_the_places_of_tables_that_were_made_are_filled(tmp_path):
    page = tmp_path / "page.md"
    other = "<!-- measured: other -->\nkept\n<!-- measured end -->\n"
    page.write_text(f"before\n<!-- measured: some-thing -->\nold\n<!-- measured end -->\n{other}after\n")
    for _ in range(2):
        tables.fill(page, [TABLE])
        text = page.read_text()
        assert text == (
            f"before\n<!-- measured: some-thing -->\n\n{TABLE.to_markdown()}\n\n<!-- measured end -->\n{other}after\n"
        )


def test_every_table_is_shown_in_one_page_and_every_place_is_filled():
    pages = [(DOCS / name).read_text(encoding="utf-8") for name in PAGES]
    shown = [found for page in pages for found in re.findall(r"<!-- measured: ([a-z-]+) -->\n\n\*\*", page)]
    assert sorted(shown) == sorted([*errors.TABLES, *SHARES])
    assert set(SHARES) < set(share.TABLES)
    assert sum(page.count("<!-- measured: ") for page in pages) == len(shown)
    assert sum(page.count("<!-- measured end -->") for page in pages) == len(shown)


def test_the_card_is_of_the_shipped_weights():
    card = (DOCS / PAGES[0]).read_text(encoding="utf-8")
    assert f"`{load_model().version}`" in card
    for count, what in (
        (len(style.FEATURES), "features of style"),
        (len(style.FUNCTION_WORDS), "function words"),
        (len(style.MODEL_WORDS), "words that"),
        (len(style.PHRASES), "short phrases"),
        (load_model().heads.root.size, "boosted trees"),
    ):
        assert f"{count} {what}" in card
