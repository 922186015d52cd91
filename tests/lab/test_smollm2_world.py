"""Fine-tuning a pre-trained model and sampling it: a tiny Llama fast, SmolLM2 itself slowly."""

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="the extra lm-torch is not installed")
transformers = pytest.importorskip("transformers", reason="the extra lm-torch is not installed")

from language_model_files import needs_lm, smollm2

from wellkeeper.errors import DataError, InputError, RecipeError
from wellkeeper.lab import recursion
from wellkeeper.lab.human import human_text
from wellkeeper.lab.policy import Decoding, Policy
from wellkeeper.lab.seeds import stream
from wellkeeper.lab.worlds import _pieces, _tuned
from wellkeeper.lab.worlds import smollm2 as worlds
from wellkeeper.lab.worlds.smollm2 import SmolLM2Learner, SmolLM2World, Tuning

pytestmark = [pytest.mark.torch, pytest.mark.filterwarnings("ignore")]


def documents(count, seed=0):
    random = np.random.default_rng(seed)
    nouns = [f"{first}{second}" for first in ("ba", "do", "ki") for second in ("ran", "lem", "tus", "po")]
    return [
        " ".join(
            f"The {noun} saw a {other}." for noun, other in zip(*random.choice(nouns, (2, 20)), strict=True)
        )
        for _ in range(count)
    ]


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A Llama of two layers with weights drawn at random, as transformers saves it."""
    place = tmp_path_factory.mktemp("llama")
    tokeniser = transformers.PreTrainedTokenizerFast(
        tokenizer_object=_pieces.trained(documents(30), 280).tokeniser, bos_token="<s>", eos_token="</s>"
    )
    torch.manual_seed(1)
    config = transformers.LlamaConfig(
        vocab_size=len(tokeniser),
        hidden_size=32,
        intermediate_size=48,
        num_hidden_layers=2,
        num_attention_heads=4,
        num_key_value_heads=2,
        max_position_embeddings=256,
        tie_word_embeddings=True,
        bos_token_id=tokeniser.bos_token_id,
        eos_token_id=tokeniser.eos_token_id,
    )
    transformers.LlamaForCausalLM(config).save_pretrained(place)
    tokeniser.save_pretrained(place)
    return place


@pytest.fixture(scope="module")
def people():
    return human_text(documents(60))


@pytest.fixture(scope="module")
def world(people, folder):
    return SmolLM2World(people, folder, tuning=Tuning(layers=1, rate=1e-2, epochs=1))


@pytest.fixture(scope="module")
def model(world, people):
    return world.fit(tuple(people.documents), stream(0, "fit"))


def base_of(world):
    return _tuned.Tuned(base=world.base, weights={})


def test_only_the_last_layers_change_and_the_base_stays(world, model, folder):
    fresh = _tuned.load(folder)
    for name, weight in fresh.module.named_parameters():
        assert torch.equal(weight, dict(world.base.module.named_parameters())[name])
    assert {name.split(".")[2] for name in model.weights} == {"1"}
    original = dict(fresh.module.named_parameters())
    assert all(not torch.equal(weight, original[name]) for name, weight in model.weights.items())


def test_all_weights_are_tuned_if_asked_for(world, people):
    data = _tuned.tuned(
        world.base, world._row(people.documents[:4]), Tuning(layers=0, epochs=1), stream(0, "fit")
    )
    assert set(data.weights) == {name for name, _ in world.base.module.named_parameters()}


def test_tuning_learns_text_of_people(world, model):
    assert world.held_out_nats(model).mean() < world.held_out_nats(base_of(world)).mean() - 0.1


def test_seed_and_text_decide_the_weights(world, people, model):
    data = tuple(people.documents)
    again, other = (world.fit(data, stream(seed, "fit")) for seed in (0, 1))
    assert all(torch.equal(weight, again.weights[name]) for name, weight in model.weights.items())
    assert any(not torch.equal(weight, other.weights[name]) for name, weight in model.weights.items())


def test_surprises_of_held_out_documents_are_those_of_their_words(world, model, people):
    found = world.surprise(model, tuple(people.held_out_documents))
    assert found.shape == (1, len(people.held_out))
    assert float(found[0] @ people.held_out.sizes) == pytest.approx(float(world.held_out_nats(model).sum()))


def test_surprise_is_the_negative_log_of_the_probability(world, model):
    text = world.base.pieces.encoded(["The baran saw"])
    tokens = torch.tensor([[world.base.pieces.opening, *text.words.tolist()]])
    with torch.inference_mode():
        chances = torch.log_softmax(_tuned._read(model, {"input_ids": tokens}).logits[:, :-1], -1)
    expected = -chances.gather(2, tokens[:, 1:, None]).flatten()
    assert model.nats(text) == pytest.approx(expected.numpy(), abs=1e-4)


def test_beams_are_those_of_transformers(world):
    prompts = world._prompts[:3]
    given = torch.from_numpy(prompts.astype(np.int64))
    asked = {"num_beams": 3, "do_sample": False, "repetition_penalty": 1.7, "length_penalty": 0.0}
    asked |= {"suppress_tokens": list(world.base.control)}
    with torch.inference_mode():
        theirs = world.base.module.generate(
            given, attention_mask=torch.ones_like(given), max_new_tokens=64, min_new_tokens=64, **asked
        )
    ours = _tuned.written(base_of(world), prompts, Decoding(beams=3, repetition_penalty=1.7), stream(0))
    assert np.array_equal(ours, theirs[:, 64:].numpy())


def test_prompts_end_where_a_word_does(world, people):
    row = world._row(people.documents)
    whole = world.base.pieces.written(row[None])
    for prompt in world._prompts[:10]:
        text = world.base.pieces.written(prompt[None])
        after = whole[whole.index(text) + len(text) :]
        assert not after or after[0] in " \n"


def test_control_tokens_are_never_written(world, model):
    written = _tuned.written(model, world._prompts[:4], Decoding(temperature=100.0), stream(0))
    assert not np.isin(written, world.base.control).any()


def test_the_first_training_set_gives_the_prompts(world, people):
    beside = world.beside(300)
    assert 0 < len(beside._prompts) < len(world._prompts)
    with pytest.raises(InputError, match=r"too few for a prompt of 64\. Choose a larger size"):
        world.beside(10)


def test_held_out_text_is_shortened_to_what_can_be_read(monkeypatch, people, folder):
    monkeypatch.setattr(worlds, "HELD_OUT_WORDS", 50)
    world = SmolLM2World(people, folder)
    assert len(world.text.held_out) == 10 < len(people.held_out)
    assert world.text.held_out_documents == people.held_out_documents[:10]


def test_the_loop_runs_and_goes_on_from_a_stored_state(world):
    plan = Policy.parse("fixed=0.2,top-p=0.9")
    whole = list(recursion.generations(world, plan, size=600, count=2, seed=0))
    state = recursion.unpack(world, recursion.pack(world, whole[1].state))
    (last,) = recursion.generations(world, plan, size=600, count=2, seed=0, state=state)
    assert last.data == whole[2].data
    assert last.figures["nll"] == whole[2].figures["nll"]


def test_a_learner_tells_documents_and_their_words(folder):
    learner = SmolLM2Learner(model=folder, tuning=Tuning(layers=1, rate=1e-2))
    asked = documents(2, seed=5)
    found = learner.surprise(learner.fit(documents(20), 0), asked)
    assert found.words.tolist() == [100, 100]
    assert found.by_word.reshape(2, 100).sum(axis=1) == pytest.approx(found.nats)
    with pytest.raises(DataError, match=r"too few for a block of 64\. Give more text"):
        learner.fit(["A."], 0)


@pytest.mark.parametrize(
    ("changed", "says"),
    [
        ({"layers": -1}, r"layers is -1\. Give at least 0"),
        ({"rate": 0.0}, r"rate is 0\. Give a number between 0 and 1"),
    ],
)
def test_settings_that_make_no_sense_are_refused(changed, says):
    with pytest.raises(RecipeError, match=says):
        Tuning(**changed)


def test_a_model_is_asked_for(people):
    settings = {setting.name: setting.value for setting in worlds.EXPERIMENT.settings}
    with pytest.raises(RecipeError, match=r"Name it with --set model=PATH"):
        worlds.EXPERIMENT.world(1, people, 0, **settings)


def test_a_tokeniser_that_is_not_of_bytes_is_refused(folder, tmp_path):
    from tokenizers import Tokenizer, models, pre_tokenizers

    words = Tokenizer(models.WordLevel({"<s>": 0, "the": 1}, unk_token="<s>"))
    words.pre_tokenizer = pre_tokenizers.Whitespace()
    transformers.LlamaForCausalLM.from_pretrained(folder).save_pretrained(tmp_path)
    transformers.PreTrainedTokenizerFast(tokenizer_object=words, bos_token="<s>").save_pretrained(tmp_path)
    with pytest.raises(InputError, match=r"is not byte-level.*Give a model with byte-level pieces"):
        _tuned.load(tmp_path)


@pytest.mark.slow
@needs_lm
def test_smollm2_learns_what_it_is_tuned_on():
    tuning = Tuning(layers=1, rate=1e-4, epochs=1, batch=4)
    learner = SmolLM2Learner(model=smollm2(), tuning=tuning)
    read = documents(8)
    base = _tuned.Tuned(base=worlds.opened(smollm2()), weights={})
    before = learner.surprise(base, read).nats.sum()
    once, again = learner.fit(read, 0), learner.fit(read, 0)
    assert learner.surprise(once, read).nats.sum() < 0.95 * before
    assert all(torch.equal(weight, again.weights[name]) for name, weight in once.weights.items())
    assert {name.split(".")[2] for name in once.weights} == {"29"}
