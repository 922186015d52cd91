"""Curves in words: the two diseases are told apart, and no diversity alone is praised."""

import numpy as np
import pytest

from wellkeeper.lab.experiment import Curve, Figure
from wellkeeper.lab.reading import ranked, read, told
from wellkeeper.lab.text_figures import FIGURES

REPLICATES = 4


def curve(label, figures, *, axis="generation", noise=0.001, theory=None):
    """A curve through these values of each figure, replicates close by."""
    points = np.arange(len(next(iter(figures.values()))), dtype=float)
    away = noise * np.linspace(-1, 1, REPLICATES)[:, None]
    return Curve(
        label=label,
        axis=axis,
        points=points,
        figures={name: np.array(values, float)[None] * (1 + away) for name, values in figures.items()},
        theory=theory or {},
    )


def text(label="replace", **ends):
    """Figures of text from what they are at first to where each ends."""
    first = {
        "nll": 4.91,
        "coverage_rare": 1.0,
        "lost_mass": 0.0,
        "noise": 5.0,
        "entropy": 9.3,
        "distinct_2": 0.5,
        "types": 7000,
    }
    return curve(label, {name: (value, ends.get(name, value)) for name, value in first.items()})  # fmt: skip


def verdict(*curves, figures=FIGURES):
    return [one.verdict for one in read(curves, figures).told]


def test_a_small_transformer_at_temperature_1_drifts_into_noise_although_its_variety_rises():
    """Held-out text costs more while types, distinct pairs and entropy rise: measured, note of issue 6."""
    drift = text(nll=5.53, coverage_rare=0.10, noise=6.5, entropy=10.17, distinct_2=0.74, types=17752)
    assert verdict(drift) == ["noise drift"]


def test_the_same_transformer_at_temperature_08_collapses():
    collapse = text(nll=7.25, coverage_rare=0.008, noise=4.1, entropy=3.84, types=1517)
    assert verdict(collapse) == ["entropy collapse"]


def test_both_diseases_can_meet():
    assert verdict(text(nll=6, noise=6, entropy=8)) == ["noise drift and entropy collapse"]


def test_a_tail_can_be_lost_while_variety_looks_sound():
    assert verdict(text(coverage_rare=0.5, lost_mass=0.05)) == ["loses its tail"]


def test_variety_alone_is_never_praised_or_blamed():
    assert verdict(text(entropy=12, distinct_2=0.9), text("b", entropy=4, distinct_2=0.1)) == [
        "holds",
        "holds",
    ]


def test_a_likelihood_holds_within_so_many_nats_whatever_its_size():
    assert verdict(text(nll=4.97), text("b", nll=4.94)) == ["loses its tail", "holds"]


def test_each_verdict_is_explained_once():
    notes = read([text("a", nll=6, noise=6), text("b", nll=6, noise=6), text("c")], FIGURES).notes
    assert sum(note.startswith("Noise drift: ") for note in notes) == 1
    assert sum(note.startswith("What holds is no more than 5% worse") for note in notes) == 1


def test_the_sentence_and_the_headline_begin_with_people():
    reading = read([text("replace", nll=5.53, entropy=10), text("accumulate", nll=5.0)], FIGURES)
    assert reading.told[0].sentence.startswith(
        "Negative log-likelihood of held-out human text 4.91 \u2192 5.53;"
    )
    assert reading.headline == (
        "Negative log-likelihood of held-out human text: 4.91 at first; after 1 generation 5.53 with replace, "
        "5 with accumulate."
    )


VARIANCE = (
    Figure(name="variance", title="Variance: of the model", worse="down"),
    Figure(name="error", title="Error", worse="up"),
    Figure(name="spread", title="Spread"),
)


def test_without_text_the_first_figure_that_has_a_worse_direction_decides():
    gone = curve("replace", {"spread": (1, 9), "variance": (1, 0.1), "error": (1, 1)})
    kept = curve("accumulate", {"spread": (1, 9), "variance": (1, 0.97), "error": (1, 3)})
    assert verdict(gone, kept, figures=VARIANCE) == ["gets worse", "holds"]
    assert read([gone], VARIANCE).headline == "Variance: 1 at first, 0.1 after 1 generation of replace."
    assert read([gone], VARIANCE).told[0].named == ("variance", "error", "spread")


def test_what_chance_may_explain_holds():
    noisy = curve("replace", {"variance": (1, 0.9)}, noise=0.001)
    values = noisy.figures["variance"]
    values[:, 1] = [0.5, 1.5, 0.4, 1.2]
    assert verdict(noisy, figures=VARIANCE) == ["holds"]


def test_another_axis_has_no_verdict_and_tells_where_it_is_best():
    weights = curve("mean", {"error": (1.14, 0.62, 1.0)}, axis="weight")
    reading = read([weights], VARIANCE)
    assert [one.verdict for one in reading.told] == [""]
    assert reading.headline == "mean: Error 1.14 at weight 0, 1 at 2; best 0.62 at 1."
    assert reading.ranks == ()
    peak = curve("mean", {"variance": (0.9, 0.2, 0.4)}, axis="weight")
    assert read([peak], VARIANCE).headline == "mean: Variance 0.9 at weight 0, 0.4 at 2; worst 0.2 at 1."
    line = curve("mean", {"spread": (3, 1, 2)}, axis="weight")
    assert read([line], VARIANCE).told[0].sentence == "Spread 3 at weight 0, 2 at 2."


def test_policies_are_ranked_by_each_figure_that_has_a_worse_end():
    curves = [curve(label, {"variance": (1, v), "error": (1, e)}) for label, v, e in (("a", 0.1, 3), ("b", 0.9, 2), ("c", 0.5, 2))]  # fmt: skip
    first, second = ranked(curves, VARIANCE, paired=True)
    assert (first.figure, first.labels, first.best) == ("variance", ("b", "c", "a"), ("b",))
    assert (second.figure, second.labels, second.best) == ("error", ("b", "c", "a"), ("b", "c"))
    assert first.beside[0] is None
    assert first.beside[2].high < 0


def test_of_one_replicate_the_best_is_the_first_and_a_note_says_what_is_missing():
    curves = [curve(label, {"variance": (1, v)}) for label, v in (("a", 0.1), ("b", 0.9))]
    for one in curves:
        one.figures["variance"].resize((1, 2), refcheck=False)
    reading = read(curves, VARIANCE)
    assert reading.ranks[0].best == ("b",)
    assert any(note.endswith("Run with --replicates 3 or more to tell.") for note in reading.notes)


def test_the_value_farthest_from_theory_is_told():
    wrong = {"variance": np.array([1.0, 0.5])}
    curves = [
        curve("replace", {"variance": (1, 0.4)}, theory=wrong),
        curve("accumulate", {"variance": (1, 1)}),
    ]
    (note,) = [note for note in read(curves, VARIANCE).notes if note.startswith("Theory is dashed: ")]
    assert note.startswith(
        "Theory is dashed: 50.0% of its 2 values lie within 3 standard errors of what was measured; "
    )
    assert note.endswith(" off (Variance, replace, generation 1).")


def test_nothing_measured_is_said():
    assert read([], VARIANCE).headline == "Nothing was measured."
    assert read([curve("a", {"unknown": (1, 2)})], VARIANCE).headline == "Nothing was measured."


def test_a_figure_that_is_not_known_at_the_end_is_left_out():
    holed = curve("a", {"variance": (1, np.nan), "error": (1, 2)})
    reading = read([holed, curve("b", {"variance": (1, 1), "error": (1, 1)})], VARIANCE)
    assert set(reading.told[0].changes) == {"error"}
    assert [rank.figure for rank in reading.ranks] == ["error"]


@pytest.mark.parametrize(
    ("value", "words"), [(0.13264, "0.133"), (5671.2, "5,671"), (-1.5, "-1.5"), (0, "0")]
)
def test_numbers_in_sentences_have_three_digits(value, words):
    assert told(value) == words


def test_a_reading_is_plain_json():
    import json

    found = read([text("a", nll=6), text("b")], FIGURES).to_json()
    assert json.loads(json.dumps(found, allow_nan=False)) == found
