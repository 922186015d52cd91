"""A folder of transformers answers by seed, from the model's own distribution."""

import math

import pytest

from wellkeeper.errors import InputError

torch = pytest.importorskip("torch", reason="the extra lm-torch is not installed")
transformers = pytest.importorskip("transformers", reason="the extra lm-torch is not installed")
tokenizers = pytest.importorskip("tokenizers", reason="the extra tokens is not installed")

from wellkeeper.infer.folder import FolderSampler
from wellkeeper.infer.sampling import sample_seed
from wellkeeper.recipe.samplers import ModelPlace

pytestmark = [pytest.mark.torch, pytest.mark.filterwarnings("ignore")]
WORDS = ["<s>", "</s>", "<unk>", *(f"w{number}" for number in range(29))]
CHAT = "{% for turn in messages %}{{ turn.role }} {{ turn.content }} {% endfor %}"


def saved(folder, *, chats=False):
    torch.manual_seed(5)
    config = transformers.LlamaConfig(
        vocab_size=len(WORDS),
        hidden_size=16,
        intermediate_size=32,
        num_hidden_layers=2,
        num_attention_heads=2,
        num_key_value_heads=2,
        max_position_embeddings=64,
        initializer_range=0.4,
        bos_token_id=0,
        eos_token_id=1,
    )
    transformers.LlamaForCausalLM(config).save_pretrained(folder)
    words = tokenizers.Tokenizer(
        tokenizers.models.WordLevel({word: place for place, word in enumerate(WORDS)}, unk_token="<unk>")
    )
    words.pre_tokenizer = tokenizers.pre_tokenizers.WhitespaceSplit()
    tokeniser = transformers.PreTrainedTokenizerFast(
        tokenizer_object=words, bos_token="<s>", eos_token="</s>", unk_token="<unk>"
    )
    if chats:
        tokeniser.chat_template = CHAT
    tokeniser.save_pretrained(folder)
    return folder


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return saved(tmp_path_factory.mktemp("model"))


@pytest.fixture(scope="module")
def sampler(folder):
    return FolderSampler(folder, tokens=6, threads=1)


def distribution(folder, text):
    """The model's own chances of the next token, by the library alone."""
    model = transformers.AutoModelForCausalLM.from_pretrained(folder).eval()
    tokeniser = transformers.AutoTokenizer.from_pretrained(folder)
    with torch.inference_mode():
        logits = model(torch.tensor([tokeniser(text)["input_ids"]])).logits[0, -1].double()
    return torch.softmax(logits, -1)


def test_a_sample_hangs_on_its_own_number_and_not_on_the_others(sampler):
    together = sampler.sample("w1 w2", 4, 1.0, 7)
    alone = sampler.sample("w1 w2", 1, 1.0, 7, first=2)
    assert (alone[0].text, alone[0].seed) == (together[2].text, sample_seed(7, 2))
    assert len({output.text for output in together}) > 1


def test_draws_at_temperature_1_come_from_the_models_own_distribution(folder):
    """Pearson's statistic of 600 draws of one token against the library's softmax."""
    one = FolderSampler(folder, tokens=1, threads=1)
    chances = distribution(folder, "w3 w4")
    outputs = one.sample("w3 w4", 600, 1.0, 11)
    drawn = [output.text if output.finish == "length" else "</s>" for output in outputs]
    expected = {word: 600 * float(chance) for word, chance in zip(WORDS, chances, strict=True)}
    common = [word for word in WORDS[3:] if expected[word] >= 8]
    statistic = sum((drawn.count(word) - expected[word]) ** 2 / expected[word] for word in common)
    assert len(common) >= 5
    assert statistic < len(common) + 4 * math.sqrt(2 * len(common))


def test_log_probabilities_are_those_of_the_library(sampler, folder):
    (output,) = sampler.sample("w3 w4", 1, 0.0, 1, True)
    chances = distribution(folder, "w3 w4")
    likeliest = max(range(len(WORDS)), key=lambda place: float(chances[place]))
    assert output.text.split()[0] == WORDS[likeliest]
    assert output.logprobs[0] == pytest.approx(math.log(float(chances[likeliest])), abs=1e-4)
    assert output.first_tokens[WORDS[likeliest]] == pytest.approx(output.logprobs[0])
    assert len(output.first_tokens) == 20
    assert sum(map(math.exp, output.first_tokens.values())) <= 1 + 1e-6


def test_an_answer_ends_at_the_token_that_ends_it(folder):
    long = FolderSampler(folder, tokens=40, threads=1)
    outputs = long.sample("w1", 20, 1.5, 3, True)
    ended = [output for output in outputs if output.finish in {"stop", "empty"}]
    assert ended
    assert all(output.tokens == len(output.logprobs) + 1 <= 40 for output in ended)
    assert all("</s>" not in output.text for output in outputs)
    assert all(output.tokens == 40 for output in outputs if output.finish == "length")


def test_a_text_is_a_message_to_a_model_that_chats(tmp_path):
    chat = FolderSampler(saved(tmp_path, chats=True), tokens=4, threads=1)
    text, turns = chat.sample("w1", 2, 1.0, 2), chat.sample([{"role": "user", "content": "w1"}], 2, 1.0, 2)
    assert [output.text for output in text] == [output.text for output in turns]
    assert text[0].prompt_tokens == 2


def test_messages_for_a_model_that_continues_text_are_refused(sampler):
    with pytest.raises(
        InputError, match=r"has no template for messages: it continues text\. Give the prompt"
    ):
        sampler.sample([{"role": "user", "content": "w1"}])


def test_a_prompt_longer_than_the_context_is_an_error_and_not_the_end(sampler):
    (output,) = sampler.sample("w1 " * 60)
    assert output.finish == "error"
    assert output.note == "a prompt of 60 tokens and an answer of 6 are more than the context of 64"
    assert sampler.sample("w1")[0].finish != "error"


def test_the_fingerprint_hangs_on_weights_and_context(folder, sampler, tmp_path):
    shorter = FolderSampler(folder, tokens=6, context=32, threads=1)
    other = FolderSampler(saved(tmp_path, chats=True), tokens=6, threads=1)
    assert len({sampler.fingerprint, shorter.fingerprint, other.fingerprint}) == 3
    assert FolderSampler(folder, tokens=9, threads=1).fingerprint == sampler.fingerprint


def test_a_path_that_is_no_folder_is_refused(tmp_path):
    (tmp_path / "model.gguf").write_text("no")
    with pytest.raises(InputError, match=r"is no folder\. Give one that save_pretrained wrote, or a file"):
        FolderSampler(tmp_path / "model.gguf")


def test_a_place_that_is_a_folder_gives_this_sampler_and_frees_it(folder, sampler):
    with ModelPlace(folder=str(folder)).sampler(tokens=6) as found:
        assert found.fingerprint == sampler.fingerprint
        assert found.sample("w1", 1, 0.0)[0].text == sampler.sample("w1", 1, 0.0)[0].text
    assert found._model is None
