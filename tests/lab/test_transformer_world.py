"""Decoding against transformers' own and brute force; a small transformer; its world and its learner."""

from itertools import pairwise, product

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

torch = pytest.importorskip("torch", reason="the extra torch is not installed")
pytest.importorskip("tokenizers", reason="the extra torch is not installed")

from wellkeeper.errors import DataError, InputError, RecipeError
from wellkeeper.lab import recursion
from wellkeeper.lab.checking import Materials
from wellkeeper.lab.checks import torch_worlds
from wellkeeper.lab.human import human_text
from wellkeeper.lab.policy import Decoding, Policy
from wellkeeper.lab.seeds import stream
from wellkeeper.lab.worlds import _gpt, _pieces, _torch
from wellkeeper.lab.worlds.transformer import Size, TransformerLearner, TransformerWorld

pytestmark = pytest.mark.torch
TINY = Size(vocabulary=300, layers=2, width=16, heads=2, context=12, steps=20, batch=4)


def documents(count, seed=0):
    """Sentences of a small grammar."""
    random = np.random.default_rng(seed)
    nouns = [f"{first}{second}" for first in ("ba", "do", "ki") for second in ("ran", "lem", "tus", "po")]
    return [
        " ".join(
            f"The {noun} saw a {other}." for noun, other in zip(*random.choice(nouns, (2, 12)), strict=True)
        )
        for _ in range(count)
    ]


@pytest.fixture(scope="module")
def people():
    return human_text(documents(80))


@pytest.fixture(scope="module")
def world(people):
    return TransformerWorld(people, size=TINY)


@pytest.fixture(scope="module")
def model(world, people):
    return world.fit(tuple(people.documents), stream(0, "fit"))


class Bigrams:
    """A reader that looks one token back."""

    def __init__(self, logits):
        self.logits = logits
        self.last = None

    def read(self, tokens):
        self.last = tokens[:, -1]
        return self.logits[self.last]

    def keep(self, rows):
        self.last = self.last[rows]


# --- decoding ----------------------------------------------------------------------------------------------------


@pytest.mark.filterwarnings("ignore")
@settings(max_examples=30)
@given(
    seed=st.integers(0, 1000),
    temperature=st.sampled_from([0.3, 1.0, 2.0]),
    top_k=st.sampled_from([None, 1, 5, 100]),
    top_p=st.sampled_from([None, 0.1, 0.7, 1.0]),
    penalty=st.sampled_from([1.0, 1.3, 3.0]),
)
def test_scores_are_bent_as_transformers_bends_them(seed, temperature, top_k, top_p, penalty):
    process = pytest.importorskip("transformers.generation.logits_process")
    random = torch.Generator().manual_seed(seed)
    logits = torch.randn((3, 20), generator=random) * 3
    seen = torch.randint(0, 20, (3, 6), generator=random)
    expected = logits.clone()
    if penalty != 1:
        expected = process.RepetitionPenaltyLogitsProcessor(penalty)(seen, expected)
    if temperature != 1:
        expected = process.TemperatureLogitsWarper(temperature)(seen, expected)
    if top_k is not None:
        expected = process.TopKLogitsWarper(top_k)(seen, expected)
    if top_p is not None:
        expected = process.TopPLogitsWarper(top_p)(seen, expected)
    decoding = Decoding(temperature=temperature, top_k=top_k, top_p=top_p, repetition_penalty=penalty)
    assert torch.allclose(_torch.bent(logits, decoding, seen), expected)


def test_no_temperature_leaves_the_likeliest_alone():
    logits = torch.tensor([[0.0, 2.0, 1.0]])
    found = torch.softmax(
        _torch.bent(logits, Decoding(temperature=0), torch.zeros((1, 1), dtype=torch.long)), -1
    )
    assert found.tolist() == [[0.0, 1.0, 0.0]]


def test_tokens_are_drawn_as_often_as_decoding_says():
    logits = torch.tensor([[0.5, 1.5, -1.0, 0.0]]).repeat(4, 1)
    decoding = Decoding(temperature=0.7, top_p=0.9)
    draws = torch.Generator().manual_seed(1)
    rows = 20_000
    opened = torch.zeros((rows, 1), dtype=torch.long)
    tokens = _torch.rows_written(Bigrams(logits), opened, 2, decoding, draws, forbidden=[2])[:, 1]
    likelier = np.exp(np.array([0.5, 1.5, 0.0]) / 0.7)
    likelier /= likelier.sum()
    shares = np.bincount(tokens.numpy(), minlength=4) / rows
    expected = np.array([likelier[0], likelier[1], 0, likelier[2]])
    expected[3] *= expected[1] + expected[0] < 0.9  # beyond top-p
    expected /= expected.sum()
    assert np.all(np.abs(shares - expected) <= 4 * np.sqrt(expected * (1 - expected) / rows))


@pytest.mark.parametrize("seed", range(5))
def test_enough_beams_find_the_likeliest_of_all_rows(seed):
    logits = torch.randn((4, 4), generator=torch.Generator().manual_seed(seed))
    chances = torch.log_softmax(logits, -1).numpy()
    found = _torch.rows_written(Bigrams(logits), torch.tensor([[1], [3]]), 4, Decoding(beams=64), None)
    for row, first in zip(found.tolist(), (1, 3), strict=True):
        best = max(product(range(4), repeat=3), key=lambda rest: _likelihood(chances, (first, *rest)))
        assert tuple(row) == (first, *best)


def _likelihood(chances, row):
    return sum(chances[before, after] for before, after in pairwise(row))


def test_two_beams_look_further_than_the_likeliest_token():
    # the likeliest second token leads nowhere likely
    chances = torch.tensor([[0.0, 0.55, 0.45, 0.0], [0.25] * 4, [0.0, 0.0, 0.0, 1.0], [0.25] * 4]).log()
    opened = torch.tensor([[0]])
    greedy = _torch.rows_written(Bigrams(chances), opened, 3, Decoding(temperature=0), torch.Generator())
    beamed = _torch.rows_written(Bigrams(chances), opened, 3, Decoding(beams=2), None)
    assert greedy[0, :2].tolist() == [0, 1]
    assert beamed[0].tolist() == [0, 2, 3]


# --- pieces ------------------------------------------------------------------------------------------------------


@given(st.text(max_size=40))
def test_any_text_is_read_whole(world, text):
    pieces = world.pieces
    whole = text.encode(errors="replace").decode()
    tokens = pieces.encoded([text]).words
    assert pieces.written(tokens[None]) == whole
    assert pieces.ends(tokens)[-1:].tolist() == ([len(whole.encode())] if whole else [])


def test_equal_documents_give_an_equal_tokeniser():
    first, second = (_pieces.trained(documents(30), 320).tokeniser.get_vocab() for _ in range(2))
    assert first == second


def test_windows_read_each_token_once_after_the_one_before_it():
    pieces = _pieces.trained(documents(10), 300)
    text = pieces.encoded(["", *documents(3), "a"])
    inputs, targets, places = _pieces.windows_of(text, 7, 12)
    there = places >= 0
    assert sorted(places[there].tolist()) == list(range(text.words.size))
    assert np.array_equal(targets[there], text.words[places[there]])
    for document in range(1, len(text)):
        first, end = text.offsets[document : document + 2]
        own = (places >= first) & (places < end)
        assert inputs[own].tolist() == [7, *text.words[first : end - 1].tolist()]


# --- the model ---------------------------------------------------------------------------------------------------


def test_the_default_has_422_016_parameters():
    weights = _gpt._initial(Size(), 2000, torch.Generator())
    assert _gpt.Transformer(size=Size(), weights=weights).parameters == 422_016


def test_reading_token_by_token_is_reading_at_once(model):
    tokens = torch.randint(0, 256, (3, TINY.context), generator=torch.Generator().manual_seed(0))
    whole = _gpt._logits(model.weights, TINY, tokens)
    memory = _gpt._Memory(model)
    assert torch.allclose(memory.read(tokens[:, :4]), whole[:, 3], atol=1e-4)
    memory.keep(torch.tensor([2, 0]))
    for place in range(4, TINY.context):
        found = memory.read(tokens[[2, 0], place : place + 1])
        assert torch.allclose(found, whole[[2, 0], place], atol=1e-4)


def test_a_token_is_not_told_by_what_follows_it(model):
    tokens = torch.randint(0, 256, (1, TINY.context), generator=torch.Generator().manual_seed(1))
    other = tokens.clone()
    other[0, 6:] = 5
    one, two = (_gpt._logits(model.weights, TINY, given)[:, :6] for given in (tokens, other))
    assert torch.allclose(one, two, atol=1e-5)


def test_surprise_is_the_negative_log_of_the_probability(world, model):
    text = world.pieces.encoded(["The baran saw"])
    opening = world.pieces.opening
    tokens = torch.tensor([[opening, *text.words.tolist()]])
    chances = torch.log_softmax(_gpt._logits(model.weights, TINY, tokens[:, :-1]), -1)
    expected = -chances.gather(2, tokens[:, 1:, None]).flatten()
    assert model.nats(text, opening) == pytest.approx(expected.numpy(), abs=1e-5)


def test_training_learns(world, people, model):
    untrained = world.fit(tuple(people.documents[:2]), stream(0, "fit"))
    longer = TransformerWorld(people, size=Size(**{**_said(TINY), "steps": 150}))
    trained = longer.fit(tuple(people.documents), stream(0, "fit"))
    few, more = (one.held_out_nats(fit).mean() for one, fit in ((world, model), (longer, trained)))
    assert more < few - 0.5
    assert more < np.log(len(world.pieces))
    assert untrained.parameters == trained.parameters


def _said(size):
    return {name: getattr(size, name) for name in size.__slots__}


def test_a_short_text_is_not_learnt_by_heart(monkeypatch):
    taken = []
    step = torch.optim.AdamW.step
    monkeypatch.setattr(torch.optim.AdamW, "step", lambda self: taken.append(1) or step(self))
    tokens = np.arange(100) % 50
    _gpt.fitted(tokens, TINY, 50, stream(0))  # 20 steps of 4 windows of 12 tokens are 9.6 passes
    assert len(taken) == 20
    taken.clear()
    _gpt.fitted(tokens[:40], TINY, 50, stream(0))
    assert len(taken) == 10  # 12 passes


def test_seed_and_text_decide_the_weights(world, people, model):
    data = tuple(people.documents)
    before = torch.get_num_threads()
    try:
        torch.set_num_threads(2)
        again = world.fit(data, stream(0, "fit"))
    finally:
        torch.set_num_threads(before)
    other = world.fit(data, stream(1, "fit"))
    assert all(torch.equal(weight, again.weights[name]) for name, weight in model.weights.items())
    assert not torch.equal(model.weights["tokens"], other.weights["tokens"])


# --- the world ---------------------------------------------------------------------------------------------------


def test_human_text_is_handed_out_once(world, people):
    first, second = world.human(0, 500, None), world.human(500, 700, None)
    words = people.text.words
    assert np.array_equal(world.words(first).words[:499], words[:499])
    assert np.array_equal(world.words(second).words[:600], words[500:1100])
    with pytest.raises(
        InputError, match=r"has [0-9,]+ words to train on.*Choose a smaller size, fewer generations"
    ):
        world.human(people.text.words.size - 5, 6, None)


def test_what_is_written_is_as_long_as_asked_and_drawn_by_seed(world, model):
    one, two, other = (world.sample(model, 400, Decoding(), stream(seed, "s")) for seed in (0, 0, 1))
    assert one == two != other
    assert 400 <= world.words(one).words.size <= 400 + len(one)  # a cut line ends
    assert world.unpack(world.pack(one)) == one


def test_words_that_nobody_used_are_counted(world):
    text = world.words(("The qwxyz saw a qwxyz.",))
    known = len(world.text.vocabulary)
    assert np.unique(text.words[text.words >= known]).tolist() == [known]


def test_held_out_surprise_is_told_by_word(world, model, people):
    nats = model.nats(world._held_out.tokens, world.pieces.opening)
    by_word = world.held_out_nats(model)
    assert by_word.shape == people.held_out.words.shape
    assert by_word.sum() == pytest.approx(nats.sum())


@pytest.mark.parametrize(
    "policy", ["replace,temperature=0.5", "fixed=0.2", "accumulate", "subsample", "detect=0.9/1"]
)
def test_the_loop_runs_and_goes_on_from_a_stored_state(world, policy):
    plan = Policy.parse(policy)
    whole = list(recursion.generations(world, plan, size=600, count=2, seed=0))
    state = recursion.unpack(world, recursion.pack(world, whole[1].state))
    (last,) = recursion.generations(world, plan, size=600, count=2, seed=0, state=state)
    assert last.data == whole[2].data
    assert last.figures["nll"] == whole[2].figures["nll"]
    assert world.excerpt(last.data)


@pytest.mark.parametrize(
    ("changed", "says"),
    [
        ({"vocabulary": 100}, r"vocabulary is 100\. Give at least 256"),
        ({"heads": 5}, r"width of 16 cannot be parted among 5 heads\. Give a multiple"),
        ({"steps": 0}, r"steps is 0\. Give at least 1\."),
    ],
)
def test_sizes_that_make_no_sense_are_refused(changed, says):
    with pytest.raises(RecipeError, match=says):
        Size(**{**_said(TINY), **changed})


# --- the learner -------------------------------------------------------------------------------------------------


def test_a_learner_tells_documents_and_their_words():
    learner = TransformerLearner(size=TINY)
    taught = learner.fit(documents(20), 0)
    asked = documents(3, seed=5)
    found = learner.surprise(taught, asked)
    assert found.words.tolist() == [60, 60, 60]
    assert found.by_word.reshape(3, 60).sum(axis=1) == pytest.approx(found.nats)
    alone = learner.surprise(taught, asked[1:2])
    assert alone.nats == pytest.approx(found.nats[1:2], rel=1e-5)
    again = learner.surprise(learner.fit(documents(20), 0), asked)
    assert np.array_equal(found.nats, again.nats)


def test_a_learner_needs_a_window_of_text():
    with pytest.raises(DataError, match=r"tokens, too few for one window of 12\. Give more text"):
        TransformerLearner(size=TINY).fit(["A."], 0)


# --- the check ---------------------------------------------------------------------------------------------------


def test_check_14_needs_text():
    with pytest.raises(InputError, match=r"no text to train on\. Name the folder of WikiText-2"):
        torch_worlds.transformer(Materials())
