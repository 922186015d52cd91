"""The n-gram world: how it hands out, cuts and judges text; the law, the ranking, and rules broken on purpose."""

from collections.abc import Callable
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from wellkeeper.errors import InputError, RecipeError
from wellkeeper.lab import recursion
from wellkeeper.lab.checking import Materials, Row
from wellkeeper.lab.checks import ngram as checks
from wellkeeper.lab.human import HumanText, human_text
from wellkeeper.lab.policy import Decoding, Policy
from wellkeeper.lab.text import Text, Vocabulary, bounds_of
from wellkeeper.lab.wikitext import wikitext
from wellkeeper.lab.world import Compared, Judged, Shown
from wellkeeper.lab.worlds.ngram import BLOCK, EXPERIMENT, NgramWorld
from wellkeeper.measure import _trie, kneser_ney

WIKITEXT = Path(__file__).parents[2] / "examples" / "wikitext-2"


def random() -> np.random.Generator:
    return np.random.default_rng(0)


@pytest.fixture(scope="module")
def stream() -> HumanText:
    return wikitext(WIKITEXT).human()


@pytest.fixture(scope="module")
def articles(stream: HumanText) -> HumanText:
    """The same text as a corpus of documents: runs of 300 words."""
    words = np.array(stream.vocabulary.words)[stream.text.words[:90_000]]
    return human_text([" ".join(part) for part in np.split(words, 300)])


@pytest.fixture(scope="module")
def zipf() -> HumanText:
    """A stream of independent words whose ranks follow Zipf, for laws that hold for any text."""
    p = 1 / np.arange(1, 8_001)
    words = np.random.default_rng(3).choice(8_000, 60_000, p=p / p.sum()).astype(np.int32)
    text, held_out = (
        Text(offsets=bounds_of(np.array([part.size])), words=part) for part in np.split(words, [45_000])
    )
    vocabulary = Vocabulary(words=tuple(map(str, range(8_000))))
    return HumanText(
        text=text, held_out=held_out, vocabulary=vocabulary, documents=[""], held_out_documents=[""]
    )


def words_of(texts: list[Text]) -> list[int]:
    return np.concatenate([text.words for text in texts]).tolist()


@given(st.lists(st.integers(1, 4000), min_size=1, max_size=5))
def test_places_that_do_not_overlap_hand_out_the_corpus_in_order(
    articles: HumanText, sizes: list[int]
) -> None:
    world = NgramWorld(articles)
    ends = np.cumsum(sizes).tolist()
    parts = [world.human(end - size, size, random()) for size, end in zip(sizes, ends, strict=True)]
    assert words_of(parts) == articles.text.words[: ends[-1]].tolist()
    for part, end in zip(parts, ends, strict=True):
        inside = articles.text.offsets[
            (articles.text.offsets > end - part.words.size) & (articles.text.offsets < end)
        ]
        assert part.offsets[1:-1].tolist() == (inside - (end - part.words.size)).tolist()


def test_a_corpus_that_runs_out_says_how_large_it_is(articles: HumanText) -> None:
    words = articles.text.words.size
    with pytest.raises(
        InputError, match=rf"The corpus has {words:,} words .* from 10 to {words + 10:,}\. Choose a"
    ):
        NgramWorld(articles).human(10, words, random())


@pytest.mark.parametrize("size", [1, 299, 5_000])
def test_samples_have_the_size_and_the_lengths_of_human_documents(articles: HumanText, size: int) -> None:
    world = NgramWorld(articles)
    sample = world.sample(world.fit(articles.text, random()), size, Decoding(), random())
    assert sample.words.size == size
    assert set(sample.sizes[:-1].tolist()) <= set(articles.text.sizes.tolist())
    assert sample.sizes.min() > 0


def test_a_stream_lies_in_blocks_which_stay_what_they_are(stream: HumanText) -> None:
    world = NgramWorld(stream)
    part = world.human(0, 2 * BLOCK + 10, random())
    sample = world.sample(world.fit(part, random()), 2_500, Decoding(), random())
    both = world.join([part, sample])
    assert [world.units(data) for data in (part, sample, both)] == [3, 3, 6]
    assert both.sizes.tolist() == [BLOCK, BLOCK, 10, BLOCK, BLOCK, 500]
    taken = world.take(part, np.array([[2, 0]]))
    assert taken.words.tolist() == [*part.words[2 * BLOCK :], *part.words[:BLOCK]]
    assert world.units(taken) == 2


def test_models_and_figures_read_a_stream_as_one_document(stream: HumanText) -> None:
    world = NgramWorld(stream)
    part = world.human(0, 5_500, random())
    whole = replace(part, offsets=part.offsets[[0, -1]])
    model = world.fit(part, random())
    alone = kneser_ney.fit(whole.offsets, whole.words, vocabulary=len(stream.vocabulary))
    held_out = stream.held_out
    np.testing.assert_array_equal(
        model.log_probabilities(held_out.offsets, held_out.words),
        alone.log_probabilities(held_out.offsets, held_out.words),
    )
    np.testing.assert_equal(world.figures(part, model), world.figures(whole, model))


@pytest.mark.parametrize(
    "policy",
    [
        "fixed=0.15,detect=1/100/0.2/1",
        "accumulate,detect=1/100/0.2/1",
        "fixed=0.15,verify=0.9/0.1,temperature=0.8",
    ],
)
def test_in_a_stream_it_is_known_which_blocks_people_wrote(stream: HumanText, policy: str) -> None:
    """Sets whose parts are no whole number of blocks: a fifth is drawn, of people's blocks alone if told apart."""
    plan = Policy.parse(policy)
    people = stream.text.words.tobytes()
    *_, last = recursion.generations(NgramWorld(stream), plan, size=10_400, count=2, seed=0)
    blocks = [last.data.words[first:end].tobytes() for first, end in pairwise(last.data.offsets.tolist())]
    written = [block in people for block in blocks]
    assert written[:2] == [True, True]
    assert all(written) == (plan.detector is not None)


def test_documents_without_words_leave_the_judge_its_bounds(articles: HumanText) -> None:
    text = articles.text
    offsets = np.sort(np.concatenate((text.offsets, np.full(100, text.offsets[-1]))))
    world = NgramWorld(replace(articles, text=replace(text, offsets=offsets)))
    judged = world.right(text)
    np.testing.assert_array_equal(judged, NgramWorld(articles).right(text))
    assert not world.right(world.text.text)[0, -100:].any()


def test_documents_are_joined_and_taken_whole(articles: HumanText) -> None:
    world = NgramWorld(articles)
    one, two = world.human(0, 900, random()), world.human(900, 1200, random())
    both = world.join([one, two])
    assert world.units(both) == len(one) + len(two)
    chosen = world.take(both, np.array([[1, 0, 1]]))
    first, second = (both.words[slice(*both.offsets[k : k + 2])].tolist() for k in (0, 1))
    assert chosen.words.tolist() == second + first + second


@pytest.mark.parametrize("words", ["beams=2", "repetition-penalty=1.5"])
def test_decoding_that_has_no_exact_form_is_refused(articles: HumanText, words: str) -> None:
    world = NgramWorld(articles)
    model = world.fit(articles.text, random())
    with pytest.raises(
        RecipeError, match=rf"are not sampled with {words}\. Leave beams and repetition-penalty out"
    ):
        world.sample(model, 10, Policy.parse(words).decoding, random())


def test_decoding_reaches_the_model(articles: HumanText) -> None:
    world = NgramWorld(articles)
    model = world.fit(articles.text, random())
    types = [
        np.unique(world.sample(model, 3_000, Policy.parse(words).decoding, random()).words).size
        for words in ("temperature=1", "temperature=0.5", "top-k=20", "top-p=0.5")
    ]
    assert types[0] > 1.3 * max(types[1:])


@pytest.mark.parametrize(
    ("settings", "says"),
    [
        ({"estimator": "katz"}, r"There is no estimator 'katz'\. Choose kneser-ney or maximum-likelihood\."),
        ({"order": 0}, r"order is 0\. Give at least 1; 3 is usual\."),
    ],
)
def test_settings_that_make_no_sense_are_refused(articles: HumanText, settings, says: str) -> None:
    with pytest.raises(RecipeError, match=says):
        NgramWorld(articles, **settings)


def test_it_can_be_drawn_judged_shown_and_compared(articles: HumanText) -> None:
    world = NgramWorld(articles)
    assert isinstance(world, Judged)
    assert isinstance(world, Shown)
    assert isinstance(world, Compared)


def test_nine_in_ten_human_documents_pass_for_human_and_monotonous_or_jumbled_ones_do_not(
    articles: HumanText,
) -> None:
    world = NgramWorld(articles)
    model = world.fit(articles.text, random())
    human, cold = (
        world.right(data).mean()
        for data in (articles.text, world.sample(model, 20_000, Decoding(temperature=0.4), random()))
    )
    jumble = (
        np.random.default_rng(1)
        .integers(0, len(articles.vocabulary), articles.text.words.size)
        .astype(np.int32)
    )
    assert human == pytest.approx(0.9, abs=2 / len(articles.text))
    assert cold < 0.1
    assert not world.right(replace(articles.text, words=jumble)).any()
    assert world.right(articles.text).shape == (1, len(articles.text))


def test_a_verifier_keeps_what_passes_for_human(articles: HumanText) -> None:
    world = NgramWorld(articles)
    *_, last = recursion.generations(
        world, Policy.parse("temperature=0.8,verify=1/0"), size=12_000, count=1, seed=0
    )
    assert world.right(last.data).mean() > 0.95  # but for a document that was cut


@pytest.mark.parametrize("policy", ["replace", "subsample", "fixed=0.2,fresh=0.05,temperature=0.9"])
def test_a_run_that_goes_on_from_a_stored_state_ends_like_one_that_never_stopped(
    articles: HumanText, policy: str
) -> None:
    world, plan = NgramWorld(articles), Policy.parse(policy)
    whole = list(recursion.generations(world, plan, size=8_000, count=3, seed=4))
    state = recursion.unpack(world, recursion.pack(world, whole[1].state))
    later = list(recursion.generations(world, plan, size=8_000, count=3, seed=4, state=state))
    for one, two in zip(whole[2:], later, strict=True):
        assert one.data.words.tolist() == two.data.words.tolist()
        for name, value in one.figures.items():
            np.testing.assert_array_equal(value, two.figures[name], err_msg=name)


def test_figures_compare_with_the_first_training_set(articles: HumanText) -> None:
    first, *_ = recursion.generations(
        NgramWorld(articles), Policy.parse("replace"), size=9_000, count=0, seed=0
    )
    assert first.figures["lost_mass"][0] == 0
    assert first.figures["kept_types"][0] == np.unique(articles.text.words[:9_000]).size
    assert NgramWorld(articles).figures(first.data, first.model)["lost_mass"][0] > 0.05


def test_a_model_of_another_kind_is_measured_by_the_same_evaluator(articles: HumanText) -> None:
    one, two = NgramWorld(articles), NgramWorld(articles, estimator="maximum-likelihood", order=2)
    data = one.human(0, 9_000, random())
    figures = [world.figures(data, world.fit(data, random())) for world in (one, two)]
    assert figures[0]["nll"] == figures[1]["nll"]


def test_an_excerpt_is_of_the_last_document(articles: HumanText) -> None:
    world = NgramWorld(articles)
    data = world.human(0, 900, random())
    start = articles.vocabulary.written(data.words[data.offsets[-2] :][:60].tolist())
    assert world.excerpt(data) == start
    assert world.excerpt(Text(offsets=np.array([0]), words=np.empty(0, np.int32))) == ""


def test_the_experiment_makes_the_world_it_says(articles: HumanText) -> None:
    assert EXPERIMENT.world is not None
    settings = {setting.name: setting.value for setting in EXPERIMENT.settings}
    world = EXPERIMENT.world(3, articles, 7, **settings)
    found = world.figures(articles.text, world.fit(articles.text, random()))
    assert set(found) == {figure.name for figure in EXPERIMENT.figures}
    assert world.replicates == 1


# --- the checks, at a size that takes seconds -----------------------------------------------------------------------


def law(human: HumanText, replicates: int) -> list[Row]:
    """One run's types have a standard deviation of 1 %, its lost mass of 3 %; the mean of twenty a fourth of that."""
    return checks.law_rows(human, size=15_000, at=(1, 2, 3), replicates=replicates, orders=(2,))


def off(row: Row) -> float:
    """By how much of its target a figure differs from it."""
    return abs(row.measured / float(row.target) - 1)


def ranking(human: HumanText, targets: dict[str, float]) -> list[Row]:
    return checks.ranking_rows(human, targets, size=20_000, at=3, replicates=2)


@pytest.fixture(scope="module")
def ranked(stream: HumanText) -> dict[str, float]:
    """Perplexity of other seeds."""
    return {
        policy: checks.perplexity(stream, policy, size=20_000, at=3, replicates=2, seed=1)
        for policy in ("accumulate", "fixed=0.1", "replace")
    }


def test_the_law_holds(zipf: HumanText) -> None:
    assert [row.name for row in law(zipf, 20) if not row.holds] == []


def test_the_ranking_is_the_same_for_other_seeds(stream: HumanText, ranked: dict[str, float]) -> None:
    rows = ranking(stream, ranked)
    assert [row.name for row in rows if not row.holds] == []
    assert rows[-1].target == "accumulate < fixed=0.1 < replace"


def trains_on_the_first_model(monkeypatch: pytest.MonkeyPatch) -> None:
    sample = NgramWorld.sample
    first: list[object] = []

    def broken(self, model, size, decoding, random):
        first.append(model)
        return sample(self, first[0], size, decoding, random)

    monkeypatch.setattr(NgramWorld, "sample", broken)


def draws_with_a_temperature(monkeypatch: pytest.MonkeyPatch) -> None:
    mixtures = _trie.mixtures
    monkeypatch.setattr(
        _trie,
        "mixtures",
        lambda *given, temperature, ranked: mixtures(*given, temperature=0.9, ranked=ranked),
    )


def never_backs_off(monkeypatch: pytest.MonkeyPatch) -> None:
    """The last child of a context takes all that shorter contexts would decide."""
    mixtures = _trie.mixtures

    def broken(*given, **settings):
        found = mixtures(*given, **settings)
        found.upto[found.bounds[1:][np.diff(found.bounds) > 0] - 1] = 1.0
        return found

    monkeypatch.setattr(_trie, "mixtures", broken)


def trains_on_people_for_ever(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(
        NgramWorld, "sample", lambda self, _model, size, _decoding, _random: self._part(self.original, size)
    )


@pytest.mark.parametrize(
    "break_", [trains_on_the_first_model, draws_with_a_temperature, trains_on_people_for_ever]
)
def test_a_broken_rule_fails_the_law(
    zipf: HumanText, monkeypatch: pytest.MonkeyPatch, break_: Callable[[pytest.MonkeyPatch], None]
) -> None:
    break_(monkeypatch)
    types = [row for row in law(zipf, 6) if row.name.startswith("types")]
    assert max(off(row) for row in types if not row.holds) > 0.05  # eight standard errors of six runs


@pytest.mark.parametrize("break_", [trains_on_the_first_model, draws_with_a_temperature, never_backs_off])
def test_a_broken_rule_fails_the_ranking(
    stream: HumanText,
    ranked: dict[str, float],
    monkeypatch: pytest.MonkeyPatch,
    break_: Callable[[pytest.MonkeyPatch], None],
) -> None:
    break_(monkeypatch)
    row, _ = ranking(stream, {"replace": ranked["replace"]})
    assert not row.holds
    assert off(row) > 0.08


def test_checks_say_what_they_need() -> None:
    assert [check.number for check in checks.CHECKS] == [1, 10]
    for check in checks.CHECKS:
        assert list(check.needs) == ["text"]
        with pytest.raises(InputError, match=r"reads WikiText-2\. Give its folder with --text"):
            check.run(Materials())


@pytest.mark.nightly
@pytest.mark.parametrize("check", checks.CHECKS, ids=lambda check: check.name)
def test_the_checks_hold(check) -> None:
    assert [row for row in check.run(Materials(text=WIKITEXT)) if not row.holds] == []
