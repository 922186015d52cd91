"""The style tier: its scores as the plain definition has them, where it abstains, and what its weights' file must be."""

import os
import subprocess
import sys
from pathlib import Path

import naive_style
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from wellkeeper.errors import DataError
from wellkeeper.kernels import style as kernel
from wellkeeper.kernels.style import FEATURES, VERSION
from wellkeeper.measure.auroc import area_under_roc
from wellkeeper.origin.style import MIN_WORDS, SHIPPED, SPREAD, digest_of, load_model

ROOT = Path(__file__).parents[2]
MODEL = load_model()
MEGABYTE = 1_000_000

# Written for this test, by hand.
BAKER = (
    "My aunt kept the bakery open until she was eighty-one, mostly out of spite. The landlord had told her, in 1974, "
    "that nobody on that street would pay for rye. So she baked rye. On Fridays there was a queue past the "
    "chemist's, and if you came after nine you got what was left, which was usually the seeded one nobody liked but "
    "me. I still can't smell caraway without hearing her swear at the oven. When it broke she hit it. It worked again."
)
RIVER = (
    "The river has moved twice since the survey was made. Between the mill and the second bridge the old channel is "
    "dry for most of the year, and in March it fills with whatever the fields above let go: straw, feed sacks, a "
    "door once. Nobody has measured the new one. Our own soundings, taken from a borrowed dinghy with a marked pole, "
    "gave 2.3 metres at the deepest, with a soft bed; we would not trust them within a hand's breadth."
)
MANUAL = (
    "Loosen the two screws at the back before you lift the cover, otherwise the tab on the left will break. If the "
    "belt has come off its wheel, turn the wheel by hand and feed the belt from the inside. It should not be tight: "
    "you must be able to press it down by about the width of a pencil. Put the cover on again, tighten both screws, "
    "and let the motor run for a minute with nothing in the drum. A smell of rubber is normal the first time."
)
PROGRAM = (
    """
def counts(lines, size):
    table = [[0] * size for _ in range(size)]
    for line in lines:
        a, b = (int(x) for x in line.split())
        table[a][b] += 1
        if (a, b) in seen[0]:
            print(max(table[a]), sum(table[b]), (a + b) % size)
    return {(a, b): table[a][b] for a in range(size) for b in range(size) if table[a][b] > 0}
"""
    * 3
)
GERMAN = (
    "Der alte Hafen lag still, als wir ankamen, und nur ein Hund lief zwischen den Kisten umher. Meine Schwester wollte "
    "gleich weiter, aber der Fahrer hatte Hunger und verschwand in der einzigen Kneipe, die noch Licht hatte. Wir "
    "setzten uns auf die Mauer und warteten. Nach einer Stunde kam er zurück, mit drei Broten und einer Geschichte, die "
    "ihm keiner glaubte."
)
LIST = "copper 20 mm, brass 14 mm, steel 8 mm, zinc 3 mm, " * 12

GOLDEN = {BAKER: -2.2347498, RIVER: -0.2678770, MANUAL: -0.9679538}
"""Scores of "style.2" with the shipped weights; whoever changes them gives the features or the weights a new version."""

words = st.sampled_from(
    [*kernel.FUNCTION_WORDS, *kernel.MODEL_WORDS, "river", "Tree,", "42", "said.", "(x)", "\u201cno\u201d"]
)
documents = st.sampled_from([*GOLDEN, PROGRAM, GERMAN]) | st.lists(words, max_size=120).map(" ".join)


def buffers(documents):
    encoded = [text if isinstance(text, bytes) else text.encode() for text in documents]
    offsets = np.cumsum([0, *map(len, encoded)]).astype(np.int64)
    return np.frombuffer(b"".join(encoded), np.uint8), offsets


def scores(*documents):
    return MODEL.score(*buffers(documents))


# --- scores --------------------------------------------------------------------------------------


@pytest.mark.parametrize("text", GOLDEN, ids=["baker", "river", "manual"])
def test_scores_are_those_of_this_version(text):
    assert MODEL.version == "style.2+cc62a32e6f18"
    assert scores(text)[0] == pytest.approx(GOLDEN[text], abs=1e-5)


@given(documents)
def test_all_heads_are_those_of_the_plain_definition(text):
    data, offsets = buffers([text])
    found = kernel.style_scores(data, offsets, kernel.load_names(), MODEL.heads)
    plain = kernel.canonical_texts(data, offsets)[0]
    row, words = kernel.style_features(data, offsets, kernel.load_names())
    assert found.words[0] == words[0]
    if not words[0]:
        return
    heads = MODEL.heads
    expected = [
        naive_style.linear(plain, heads.words, "words"),
        naive_style.linear(plain, heads.bytes, "bytes"),
        naive_style.trees(row[0], heads),
    ]
    assert found.heads[:, 0] == pytest.approx(expected, rel=1e-5, abs=1e-5)
    assert found.function_share[0] == row[0, FEATURES.index("function_share")]
    assert found.brackets[0] == pytest.approx(
        sum(row[0, FEATURES.index(f"sign {sign}")] for sign in "()=[]"), rel=1e-5
    )
    score = MODEL.combined(found.heads)[0]
    assert np.isnan(scores(text)[0]) or scores(text)[0] == pytest.approx(score, rel=1e-5)


@given(st.lists(documents, min_size=1, max_size=6), st.data())
def test_a_score_depends_on_its_own_document_alone(texts, data):
    together = scores(*texts)
    assert together.dtype == np.float32
    assert np.array_equal(together, np.concatenate([scores(text) for text in texts]), equal_nan=True)
    chosen = np.array(data.draw(st.lists(st.integers(0, len(texts) - 1), max_size=8)), np.int64)
    assert np.array_equal(MODEL.score(*buffers(texts), chosen), together[chosen], equal_nan=True)


def test_copies_from_other_places_have_one_score():
    elsewhere = (
        BAKER.replace("'", "\u2019")
        .replace(". ", ".\n\n- ")
        .replace("rye", "**rye**")
        .replace(" and ", "\n and\u00a0")
    )
    assert elsewhere != BAKER
    assert scores(elsewhere) == scores(BAKER)


@given(st.binary(max_size=400))
def test_any_bytes_have_a_score_or_none(document):
    assert scores(document).shape == (1,)
    assert not np.isinf(scores(document)[0])


def test_no_document_has_no_score():
    assert scores().shape == (0,)


# --- where it abstains ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    "text",
    [
        "",
        " \n",
        PROGRAM,
        GERMAN,
        LIST,
        "\u0417\u0434\u0435\u0441\u044c \u0442\u0438\u0445\u043e. " * 60,
        "\u6c34" * 400,
        b"\xff\x00" * 900,
    ],
    ids=["empty", "blank", "program", "German", "list", "Russian", "Chinese", "bytes"],
)
def test_it_abstains_on_what_it_was_not_trained_for(text):
    assert np.isnan(scores(text)[0])


def test_it_abstains_below_fifty_words_and_not_from_there_on():
    ordinary = "the mill and the old bridge".split()
    for count, abstains in ((MIN_WORDS - 1, True), (MIN_WORDS, False)):
        text = " ".join((ordinary * count)[:count])
        assert np.isnan(scores(text)[0]) == abstains


# --- the weights' file ---------------------------------------------------------------------------


def test_the_weights_are_small_enough_for_a_wheel_that_ships_them():
    assert SHIPPED.stat().st_size <= 3 * MEGABYTE
    assert '"origin/*.npz"' in (ROOT / "pyproject.toml").read_text(encoding="utf-8")


def test_components_ascend_and_hold_scores_of_both_kinds_of_text():
    names = [component.name for component in MODEL.components]
    assert names == sorted(set(names))
    assert len(names) >= 10
    for component in MODEL.components:
        for found in (component.human, component.ai):
            assert found.dtype == np.float32
            assert found.size > 20
            assert (np.diff(found) >= 0).all()


@pytest.mark.parametrize("component", MODEL.components, ids=lambda component: component.name)
def test_a_model_that_never_saw_a_domain_tells_its_texts_apart(component):
    area = area_under_roc(component.human, component.ai).estimate
    if (
        component.name == "zippy"
    ):  # no better than chance unless it is trained on: docs/style-model.md says so
        assert area < 0.6
    else:
        assert area > 0.85


def test_out_of_fold_scores_have_the_spread_that_the_grid_is_made_for():
    pooled = np.concatenate(
        [part for component in MODEL.components for part in (component.human, component.ai)]
    )
    assert pooled.std() == pytest.approx(SPREAD, rel=1e-4)
    assert np.abs(pooled).max() < 14


def test_the_file_is_read_once():
    assert load_model() is MODEL


@pytest.fixture
def parts():
    with np.load(SHIPPED) as file:
        return {name: file[name] for name in file.files}


def saved(folder, parts):
    np.savez_compressed(folder / "weights.npz", **parts)
    return folder / "weights.npz"


def signed(parts):
    return parts | {"digest": np.array(digest_of(parts))}


def test_weights_that_were_saved_again_are_the_same(tmp_path, parts):
    again = load_model(saved(tmp_path, parts))
    assert again.version == MODEL.version
    assert np.array_equal(again.score(*buffers([*GOLDEN])), scores(*GOLDEN))


@pytest.mark.parametrize("kept", [0, 4, 100, 5_000, 0.5, 0.999])
def test_a_torn_file_is_refused(tmp_path, kept):
    whole = SHIPPED.read_bytes()
    place = tmp_path / "torn.npz"
    place.write_bytes(whole[: int(kept * len(whole)) if isinstance(kept, float) else kept])
    with pytest.raises(DataError, match=r"^torn\.npz holds no weights .*\. Install the package again\.$"):
        load_model(place)


@given(st.integers(0, SHIPPED.stat().st_size - 1), st.integers(1, 255))
def test_a_file_with_one_changed_byte_is_refused_or_says_the_same(tmp_path_factory, at, change):
    """A byte of the archive's own bookkeeping, such as a date, may change and nothing be lost."""
    damaged = bytearray(SHIPPED.read_bytes())
    damaged[at] ^= change
    place = tmp_path_factory.mktemp("damaged") / f"{at}-{change}.npz"
    place.write_bytes(damaged)
    try:
        says = load_model(place).version
    except DataError as error:
        says = str(error)
    assert says == MODEL.version or says.endswith(
        ("Install the package again.", "benchmarks/origin/train.py.")
    )


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(
        DataError, match=r"^gone\.npz holds no weights .*No such file.* Install the package again\.$"
    ):
        load_model(tmp_path / "gone.npz")


def test_an_array_that_is_no_archive_is_refused(tmp_path):
    np.save(tmp_path / "array.npy", np.arange(3))
    with pytest.raises(DataError, match=r"^array\.npy holds no weights .* Install the package again\.$"):
        load_model(tmp_path / "array.npy")


def test_pickled_objects_are_not_loaded(tmp_path, parts):
    place = saved(tmp_path, parts | {"component": np.array([Path("x")], object)})
    with pytest.raises(DataError, match=r"allow_pickle=False.* Install the package again\.$"):
        load_model(place)


def test_a_foreign_archive_is_refused_by_what_it_lacks(tmp_path, parts):
    del parts["root"]
    with pytest.raises(
        DataError, match=r"^weights\.npz holds .*: no root in it\. Install the package again\.$"
    ):
        load_model(saved(tmp_path, parts))


def test_weights_of_other_features_are_refused(tmp_path, parts):
    place = saved(tmp_path, signed(parts | {"features": np.array("style.0")}))
    says = rf"^weights\.npz was trained on features style\.0, and these are {VERSION}\. Train it again with "
    with pytest.raises(DataError, match=says):
        load_model(place)


def test_weights_that_are_not_those_of_the_digest_are_refused(tmp_path, parts):
    parts["leaf"][0] += 1
    with pytest.raises(
        DataError, match=r"^weights\.npz is damaged: .* its digest is of\. Install the package again\.$"
    ):
        load_model(saved(tmp_path, parts))


FAULTS = {
    "a branch to a node that there is not": ("left", 5, 30_000),
    "a branch to a leaf that there is not": ("right", 5, -30_000),
    "a branch back to where it came from": ("left", 7, 7),
    "a feature that there is not": ("feature", 0, len(FEATURES)),
    "a feature before the first": ("feature", 0, -1),
    "a root that there is not": ("root", 0, 30_000),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_trees_that_a_loop_could_not_follow_are_refused(tmp_path, parts, fault):
    name, at, value = FAULTS[fault]
    parts[name][at] = value
    with pytest.raises(DataError, match="is damaged"):
        load_model(saved(tmp_path, signed(parts)))


@pytest.mark.parametrize(
    "name", ["word_weight", "word_rarity", "byte_weight", "byte_rarity", "threshold", "left"]
)
def test_arrays_that_do_not_fit_together_are_refused(tmp_path, parts, name):
    with pytest.raises(DataError, match="is damaged"):
        load_model(saved(tmp_path, signed(parts | {name: parts[name][:-1]})))


@pytest.mark.slow
@pytest.mark.skipif(
    "WELLKEEPER_ORIGIN_DATA" not in os.environ,
    reason="WELLKEEPER_ORIGIN_DATA does not name the folder of labelled texts that the weights are trained on",
)
def test_training_again_gives_the_shipped_file_byte_for_byte():
    script = ROOT / "benchmarks/origin/train.py"
    command = [sys.executable, script, "--data", os.environ["WELLKEEPER_ORIGIN_DATA"], "--check"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout == "style-en.npz: the same bytes\n"
