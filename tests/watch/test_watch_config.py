"""`watch.yaml`: what is written is read again, what cannot be done is refused with the line and the next step."""

import pytest

from wellkeeper.errors import InputError, RecipeError
from wellkeeper.watch.config import FILE, JudgeConfig, WatchConfig, read_config, write_config

FULL = WatchConfig(
    name="Bot: «é»",
    design="fresh",
    suite="../suite.yaml",
    model={"endpoint": "http://localhost:1/v1", "model": "small", "key_env": "KEY"},
    reference={"gguf": "/models/a.gguf"},
    reference_name="v1",
    samples=2,
    items_a_week=50,
    temperature=0.5,
    margin=0.05,
    level=0.01,
    horizon=26,
    every=3,
    slices=("language",),
    fingerprint=False,
    judge=JudgeConfig(model={"endpoint": "http://localhost:2/v1", "model": "judge"}, anchors="anchors.jsonl"),
    webhook="HOOK",
)


@pytest.mark.parametrize("config", [FULL, WatchConfig(name="a", design="stored", suite="s.yaml")])
def test_what_is_written_is_read_again(tmp_path, config):
    write_config(config, tmp_path)
    assert read_config(tmp_path) == config


def test_what_is_as_by_default_is_left_out(tmp_path):
    write_config(WatchConfig(name="a", design="stored", suite="s.yaml"), tmp_path)
    assert (tmp_path / FILE).read_text() == 'wellkeeper: 1\nname: "a"\ndesign: "stored"\nsuite: "s.yaml"\n'


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", r"watch\.yaml is empty\. A watch is a mapping; begin with `wellkeeper: 1`\."),
        ("a: [", "this is not YAML"),
        (
            "wellkeeper: 1\nname: a\ndesign: stored\nmargn: 0.1",
            r"line 4: margn is no setting of a watch\. Did you mean margin\?",
        ),
        (
            "wellkeeper: 1\nname: a\ndesign: pooled",
            "line 3: design is 'pooled'. Give one of: stored, paired, fresh, corpus.",
        ),
        ("wellkeeper: 1\ndesign: stored", "name is missing. Add it."),
        (
            "wellkeeper: 1\nname: a\ndesign: stored\nwebhook: https://hooks.example/T0/secret",
            "Put the address into one and give its name here",
        ),
        (
            "wellkeeper: 1\nname: a\ndesign: stored\nlevel: 1.5",
            "line 4: level is 1.5: input should be less than 1. Correct it.",
        ),
        ("wellkeeper: 1\nname: a\nname: b\ndesign: stored", "name is there twice"),
    ],
)
def test_what_cannot_be_read_is_told_with_its_line(tmp_path, text, says):
    (tmp_path / FILE).write_text(text)
    with pytest.raises(RecipeError, match=says) as told:
        read_config(tmp_path)
    assert "secret" not in str(told.value)


def test_a_folder_without_a_watch_is_told(tmp_path):
    with pytest.raises(
        InputError, match=r"holds no watch\.yaml\. Begin a watch there: wellkeeper watch init"
    ):
        read_config(tmp_path)
    (tmp_path / FILE).write_bytes(b"\xff")
    with pytest.raises(InputError, match=r"cannot be read"):
        read_config(tmp_path)


@pytest.mark.parametrize("stored", [1, 3])
def test_a_baseline_of_one_draw_is_refused_and_what_to_do_instead_is_said(tmp_path, stored):
    with pytest.raises(RecipeError) as told:
        WatchConfig(name="a", design="stored", stored=stored)
    assert str(told.value) == (
        f"{'1 stored answer' if stored == 1 else '3 stored answers'} of the reference to each item cannot be watched "
        "against: the luck of so few is taken for the reference's quality every week, and raises an alarm in up to one "
        "year of three without a change. Store 4 or more (--stored 4), ask the reference again every week (--design "
        "paired), or ask new items every week (--design fresh)."
    )
    (tmp_path / FILE).write_text(f"wellkeeper: 1\nname: a\ndesign: stored\nstored: {stored}")
    with pytest.raises(RecipeError, match=r"cannot be watched against"):
        read_config(tmp_path)


def test_designs_that_ask_a_reference_want_one():
    with pytest.raises(
        RecipeError, match=r"The design paired asks a reference .* Give it by --reference-endpoint"
    ):
        WatchConfig(name="a", design="paired")
    with pytest.raises(
        RecipeError, match=r"uses each item in one week only\. Say how many a week takes: --items-a-week"
    ):
        WatchConfig(name="a", design="fresh", reference={})
