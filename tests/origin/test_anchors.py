"""A pack says the same after a round trip, whatever it holds; what is no pack is refused with the next step."""

import json
import re
from importlib.resources import files

import jsonschema
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from wellkeeper.errors import InputError
from wellkeeper.measure.auroc import Area
from wellkeeper.origin.anchors import (
    ENOUGH,
    FEWEST,
    SCHEMA,
    AnchorPack,
    Caution,
    Making,
    Sample,
    Slice,
    cautions_of,
    copy_key,
    exact,
    json_schema,
    separation_of,
)
from wellkeeper.origin.shortcuts import FEATURES, Shortcut

scores = st.lists(st.floats(-14, 14, width=32), max_size=6)
days = st.none() | st.dates().map(str)
words = st.text(st.characters(exclude_categories=["Cs"]), max_size=12)


@st.composite
def samples(draw, minimum: int = 0) -> Sample:
    given_scores = draw(st.lists(st.floats(-14, 14, width=32), min_size=minimum, max_size=6))
    return Sample(
        documents=len(given_scores),
        scores=tuple(map(exact, given_scores)),
        sha256=tuple(f"{draw(st.integers(0, 2**256 - 1)):064x}" for _ in given_scores),
        copies=tuple(f"{draw(st.integers(0, 2**256 - 1)):064x}" for _ in range(draw(st.integers(0, 2)))),
        left_out=draw(st.dictionaries(st.sampled_from(["abstained", "copy"]), st.integers(1, 10**9))),
        by_date=draw(st.integers(0, 10)),
        first=draw(days),
        last=draw(days),
    )


cautions = st.builds(Caution, code=words, message=words)
areas = st.builds(Area, **dict.fromkeys(("estimate", "low", "high"), st.floats(0, 1)))
found = st.builds(
    Shortcut,
    feature=st.sampled_from([feature.name for feature in FEATURES]),
    **dict.fromkeys(("area", "low", "high", "human", "ai"), st.floats(0, 1)),
)
slices = st.builds(
    Slice,
    human=samples(),
    ai=st.none() | samples(),
    shortcuts=st.lists(found, max_size=2).map(tuple),
    separation=st.none() | areas,
    warnings=st.lists(cautions, max_size=2).map(tuple),
)
packs = st.builds(
    AnchorPack,
    style_model=st.just("style.1+abc"),
    seed=st.integers(0, 2**31),
    slice_column=st.none() | words,
    made=st.none() | st.builds(Making, how=st.sampled_from(["files", "generated"]), model=st.none() | words),
    slices=st.dictionaries(words, slices, max_size=3),
    short=st.dictionaries(words, st.integers(0, 24), max_size=2),
    warnings=st.lists(cautions, max_size=2).map(tuple),
)


def sample(values=(0.5, -1.0, 2.0), **changes) -> Sample:
    digests = tuple(f"{number:064x}" for number in range(len(values)))
    return Sample(
        **{
            "documents": len(values),
            "scores": tuple(values),
            "sha256": digests,
            "copies": (),
            "left_out": {},
            **changes,
        }
    )


def pack(**changes) -> AnchorPack:
    one = Slice(human=sample(), ai=sample((9.0, 7.0)), shortcuts=(), separation=None, warnings=())
    return AnchorPack(
        **{
            "style_model": "m", "seed": 0, "slice_column": "board", "made": None, "slices": {"letters": one, "a": one},
            "short": {"posts": 4}, "warnings": (), **changes,
        }
    )  # fmt: skip


@pytest.fixture
def write(tmp_path):
    def to(content: object):
        path = tmp_path / "anchors.json"
        path.write_bytes(content if isinstance(content, bytes) else json.dumps(content).encode())
        return path

    return to


# --- the file -------------------------------------------------------------------------------------------


@given(packs)
def test_what_is_written_is_read_back_byte_for_byte(tmp_path_factory, made: AnchorPack) -> None:
    path = tmp_path_factory.getbasetemp() / "pack.json"
    path.write_bytes(made.to_bytes())
    again = AnchorPack.load(path, style_model="style.1+abc")
    assert again == made
    assert again.to_bytes() == made.to_bytes()


@given(packs)
def test_every_pack_is_valid_by_the_schema_that_the_package_carries(made: AnchorPack) -> None:
    schema = json.loads(files("wellkeeper.recipe").joinpath("anchors.schema.json").read_text())
    jsonschema.Draft202012Validator(schema).validate(json.loads(made.to_bytes()))


def test_the_committed_schema_is_the_generated_one() -> None:
    committed = files("wellkeeper.recipe").joinpath("anchors.schema.json").read_text(encoding="utf-8")
    assert committed == json.dumps(json_schema(), indent=2) + "\n"
    jsonschema.Draft202012Validator.check_schema(json_schema())


def test_the_schema_comes_first_in_the_file() -> None:
    assert pack().to_bytes().startswith(b'{\n  "schema": "wellkeeper.anchors/1",\n')


@given(st.floats(width=32, allow_nan=False, allow_infinity=False))
def test_a_score_in_the_file_is_the_float32_that_was_measured(score: float) -> None:
    assert np.float32(json.loads(json.dumps(exact(score)))) == np.float32(score)


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (
            b"",
            r"is no whole JSON file: .*\. It may be torn\. Build it again: wellkeeper anchors build --human PATH\.",
        ),
        (pack().to_bytes()[:-40], r"is no whole JSON file"),
        (b"\xff\xfe", r"is no whole JSON file"),
        ([], r"has schema None and not 'wellkeeper\.anchors/1', so it is no anchor pack\. Build it again"),
        ({"schema": "wellkeeper.audit/1"}, r"has schema 'wellkeeper\.audit/1' and not"),
        (
            {"schema": SCHEMA},
            r"is no whole anchor pack: style_model: Field required, and 6 more problems\. Build it again",
        ),
        (
            {**pack().to_json(), "texts": ["a"]},
            r"is no whole anchor pack: texts: Unexpected keyword argument\. Build it again",
        ),
        (
            {**pack().to_json(), "seed": "0"},
            r"is no whole anchor pack: seed: Input should be a valid integer",
        ),
    ],
)
def test_what_is_no_pack_is_refused(write, content: object, says: str) -> None:
    with pytest.raises(InputError, match=says):
        AnchorPack.load(write(content), style_model="m")


@pytest.mark.parametrize(
    ("place", "value", "says"),
    [
        (("human", "scores", 0), float("nan"), r"is no whole JSON file|slices\.a\.human\.scores\.0"),
        (("human", "scores", 0), "1", r"slices\.a\.human\.scores\.0: Input should be a valid number"),
        (("human", "sha256", 0), "00", r"slices\.a\.human\.sha256\.0: String should match pattern"),
        (("human", "left_out", "copy"), -1, r"slices\.a\.human\.left_out\.copy: Input should be greater than or equal"),
        (("human", "first"), "yesterday", r"slices\.a\.human\.first: String should match pattern"),
        (("human", "documents"), 9, r"slice 'a' tells of 9 documents and has 3 scores and 3 digests\. Build it again"),
        (("ai", "scores", 0), None, r"slices\.a\.ai\.scores\.0"),
    ],
)  # fmt: skip
def test_a_pack_that_was_edited_by_hand_is_refused_with_the_place(write, place, value, says: str) -> None:
    document = pack().to_json()
    part = document["slices"]["a"]
    for key in place[:-1]:
        part = part[key]
    part[place[-1]] = value
    with pytest.raises(InputError, match=says):
        AnchorPack.load(write(document), style_model="m")


def test_a_pack_of_another_style_model_is_refused(write) -> None:
    path = write(pack(style_model="style.0+old").to_bytes())
    with pytest.raises(
        InputError,
        match=(
            r"holds scores of style model style\.0\+old, and this version of wellkeeper scores with style\.1\+new: they "
            r"do not compare\. Build it again: wellkeeper anchors build --human PATH\."
        ),
    ):
        AnchorPack.load(path, style_model="style.1+new")


def test_without_a_name_the_shipped_model_is_the_one_compared_with(write) -> None:
    from wellkeeper.origin.style import load_model

    assert AnchorPack.load(write(pack(style_model=load_model().version).to_bytes())).slices
    with pytest.raises(InputError, match="they do not compare"):
        AnchorPack.load(write(pack(style_model="other").to_bytes()))


def test_a_path_that_cannot_be_read_is_named(tmp_path) -> None:
    with pytest.raises(
        InputError, match=r"none\.json does not exist\. Check the path, or build it: wellkeeper anchors"
    ):
        AnchorPack.load(tmp_path / "none.json")
    with pytest.raises(InputError, match=r"is a folder\. Name the pack in it, such as .*anchors\.json\."):
        AnchorPack.load(tmp_path)


# --- what is asked of a pack ----------------------------------------------------------------------------


def test_references_are_the_scores_ascending() -> None:
    found = pack().references("letters")
    assert found.human.tolist() == [-1.0, 0.5, 2.0]
    assert found.ai.tolist() == [7.0, 9.0]
    assert found.human.dtype == np.float32
    alone = Slice(human=sample(), ai=None, shortcuts=(), separation=None, warnings=())
    assert pack(slices={"a": alone}).references("a").ai is None


@pytest.mark.parametrize(
    ("name", "says"),
    [
        (
            "leters",
            "has no slice 'leters'. Did you mean letters? Add references of it and build the pack again.",
        ),
        ("zzz", "has no slice 'zzz'. It has 'letters', 'a'. Add references of it"),
        (
            "posts",
            "has no slice 'posts'. It had too few human references: 4 more are needed. Add references of it",
        ),
    ],
)
def test_a_slice_that_is_not_there_is_refused_with_what_is(name: str, says: str) -> None:
    with pytest.raises(InputError, match=re.escape(says)):
        pack().references(name)


def test_digests_are_of_all_references_and_their_copies() -> None:
    human = sample((1.0,), sha256=("aa" * 32,), copies=("bb" * 32,))
    ai = sample((1.0,), sha256=("cc" * 32,), copies=())
    one = Slice(human=human, ai=ai, shortcuts=(), separation=None, warnings=())
    assert pack(slices={"a": one}).digests == {bytes.fromhex(digit * 64) for digit in "abc"}


# --- copies ---------------------------------------------------------------------------------------------


@given(st.text(max_size=300))
def test_what_typography_changes_leaves_the_copy_key(text: str) -> None:
    assert copy_key(f"  {text}\n\n") == copy_key(text)
    assert copy_key(text.replace('"', "\u201c").replace("'", "\u2019").replace(" ", "\n")) == copy_key(text)


def test_texts_that_begin_alike_for_120_letters_are_copies_and_others_are_not() -> None:
    same = "letter " * 20
    assert copy_key(same + "one end") == copy_key("**" + same.upper() + "** another")
    assert copy_key("a" * 119 + "b") != copy_key("a" * 119 + "c")
    assert len(copy_key("- " * 5000 + "word " * 100)) == 120


# --- warnings -------------------------------------------------------------------------------------------


def codes(human: int, ai: int | None, separation: Area | None = None) -> list[str]:
    second = None if ai is None else sample([1.0] * ai)
    return [one.code for one in cautions_of(sample([0.0] * human), second, (), separation)]


def test_few_references_are_warned_of_on_either_side() -> None:
    assert codes(ENOUGH, None) == codes(ENOUGH, ENOUGH) == []
    assert codes(ENOUGH - 1, ENOUGH) == ["few-human-references"]
    assert codes(ENOUGH, FEWEST) == ["few-ai-references"]
    (caution,) = cautions_of(sample([0.0] * 30), None, (), None)
    assert caution.message == (
        "30 human references: intervals will be wide. Add 20 or more, so that there are at least 50."
    )


def test_references_that_the_score_does_not_tell_apart_are_warned_of() -> None:
    rng = np.random.default_rng(0)
    same = separation_of(rng.normal(size=80).tolist(), rng.normal(size=80).tolist())
    assert codes(80, 80, same) == ["indistinct"]
    assert codes(80, 80, separation_of([0.0] * 80, [5.0] * 80)) == []


def test_references_given_the_wrong_way_round_are_warned_of() -> None:
    separation = separation_of([5.0] * 80, [0.0] * 80)
    assert codes(80, 80, separation) == ["reversed"]
    (caution,) = cautions_of(sample([5.0] * 80), sample([0.0] * 80), (), separation)
    assert caution.message.startswith(
        "The human references read more like AI than the AI references do: area under"
    )
    assert caution.message.endswith("were not given the wrong way round, and where the human ones come from.")


def test_only_a_shortcut_beyond_chance_is_warned_of() -> None:
    def one(area: float, low: float, high: float) -> Shortcut:
        return Shortcut(feature="digits", area=area, low=low, high=high, human=1.0, ai=2.0)

    found = (one(0.9, 0.6, 1.0), one(0.9, 0.45, 1.0), one(0.65, 0.55, 0.8), one(0.1, 0.0, 0.3))
    warned = list(cautions_of(sample([0.0] * 80), None, found, None))
    assert [caution.code for caution in warned] == ["shortcut", "shortcut"]
    assert "0.10 (0.00 to 0.30)" in warned[1].message
