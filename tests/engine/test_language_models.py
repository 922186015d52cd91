"""A real language model, SmolLM2-135M, read by llama.cpp; and the same weights in transformers where that is installed."""

import math
import sys
from importlib.util import find_spec

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from language_model_files import needs_lm, smollm2
from numpy.testing import assert_allclose

from wellkeeper.engine import language_models
from wellkeeper.engine.completions import RejectedError
from wellkeeper.engine.language_models import Head, LocalModel, TransformersModel, open_model
from wellkeeper.errors import InputError, MissingExtraError

SENTENCE = (
    "The old lighthouse keeper climbed the stairs every evening to light the lamp before the ships came in."
)


@pytest.fixture(scope="module")
def model():
    opened = open_model(smollm2(), threads=1)
    yield opened
    opened.close()


@pytest.fixture(scope="module")
def writer():
    opened = LocalModel(smollm2(), context=256, threads=1)
    yield opened
    opened.close()


def log_probabilities(logits):
    wide = logits.astype(np.float64)
    return wide - np.logaddexp.reduce(wide, axis=-1, keepdims=True)


def likelihood(model, text):
    tokens = model.encode(text, 100)
    (logits,) = model.logits([tokens])
    return log_probabilities(logits)[np.arange(len(tokens) - 1), tokens[1:]].mean()


# --- reading -----------------------------------------------------------------------------------------------------


@needs_lm
def test_there_is_one_row_of_logits_for_each_token_but_the_first(model):
    tokens = model.encode(SENTENCE, 100)
    (logits,) = model.logits([tokens])
    assert logits.shape == (len(tokens) - 1, 49_152)
    assert logits.dtype == np.float32


@needs_lm
def test_logits_are_those_that_llama_cpp_samples_from(model):
    """The server tells the likeliest tokens after a prompt, by its own product with the head."""
    tokens = model.encode(SENTENCE, 100)
    (logits,) = model.logits([tokens])
    ours = log_probabilities(logits)
    for place in (3, 8, 15):
        asked = {
            "prompt": tokens[:place],
            "n_predict": 1,
            "n_probs": 10,
            "temperature": 0,
            "cache_prompt": False,
        }
        told = model._llama.post("/completion", asked)["completion_probabilities"][0]["top_logprobs"]
        assert len(told) == 10
        theirs = [one["logprob"] for one in told]
        assert_allclose([ours[place - 1, one["id"]] for one in told], theirs, atol=0.25)


@needs_lm
def test_no_token_depends_on_what_follows_it(model):
    tokens = model.encode(SENTENCE, 100)
    (whole,), (start,) = model.logits([tokens]), model.logits([tokens[:9]])
    assert_allclose(log_probabilities(whole[:8]), log_probabilities(start), atol=0.3)


@needs_lm
def test_a_text_is_read_the_same_whatever_was_read_before_it(model):
    tokens, others = model.encode(SENTENCE, 30), model.encode("Tax law, in 14 volumes: an index.", 30)
    (alone,) = model.logits([tokens])
    *_, after = model.logits([others, tokens])
    assert (alone == after).all()


@needs_lm
def test_sense_is_likelier_than_the_same_words_in_disorder(model):
    words = SENTENCE.split()
    shuffled = " ".join(np.random.default_rng(2).permutation(words))
    assert likelihood(model, SENTENCE) > likelihood(model, shuffled) + 1


@needs_lm
def test_control_tokens_in_a_text_are_words(model):
    asked = {"content": "<|im_start|>", "parse_special": True}
    (control,) = model._llama.post("/tokenize", asked)["tokens"]
    tokens = model.encode("He typed <|im_start|> and waited.", 50)
    assert control not in tokens
    assert len(tokens) > 8


@needs_lm
@settings(max_examples=15)
@given(st.text(min_size=1, max_size=40), st.integers(1, 12))
def test_any_text_has_tokens_and_no_more_than_asked_for(model, text, most):
    tokens = model.encode(text, most)
    assert len(tokens) <= most
    assert all(0 <= token < 49_152 for token in tokens)


@needs_lm
def test_halves_of_letters_are_read_as_unknown_ones(model):
    assert model.encode("a\ud83d b", 10) == model.encode("a? b", 10)


@needs_lm
def test_of_a_long_text_the_first_tokens_are_those_of_the_whole(model, monkeypatch):
    text = " ".join(f"{SENTENCE} {number}" for number in range(200))
    seen = []
    encode = model._encode
    monkeypatch.setattr(model, "_encode", lambda part: seen.append(len(part)) or encode(part))
    assert model.encode(text, 50) == encode(text)[:50]
    assert max(seen) < len(text) / 10
    seen.clear()
    spaces = "word" + " " * 20_000 + "end"  # few tokens in many letters
    assert model.encode(spaces, 40) == encode(spaces)[:40]
    assert len(seen) > 1


@needs_lm
def test_the_fingerprint_is_of_the_bytes_and_not_of_the_name(model, tmp_path):
    again = tmp_path / "other.gguf"
    again.symlink_to(smollm2())
    assert language_models._digest(again) == model.fingerprint
    assert len(model.fingerprint) == 64
    assert model.engine.startswith("xllamacpp ")


# --- heads -------------------------------------------------------------------------------------------------------


def test_a_head_is_a_product_a_bias_and_a_softcap():
    rng = np.random.default_rng(4)
    weight, states = rng.normal(size=(7, 3)).astype(np.float32), rng.normal(size=(5, 3)).astype(np.float32)
    bias = rng.normal(size=7).astype(np.float32)
    plain = Head(weight, bias)(states)
    assert_allclose(
        plain,
        [[row @ column + b for column, b in zip(weight, bias, strict=True)] for row in states],
        rtol=1e-5,
    )
    capped = Head(weight, bias, 2.0)(states)
    assert_allclose(capped, 2 * np.tanh(plain / 2), rtol=1e-5)
    assert capped.dtype == np.float32


@needs_lm
@pytest.mark.parametrize(
    "other",
    [lambda logits: 1.15 * logits, lambda logits: 0.5 * logits, lambda logits: 30 * np.tanh(logits / 30)],
    ids=["a little scaled", "scaled", "softcap"],
)
def test_a_model_whose_last_step_is_not_known_is_refused(model, monkeypatch, other):
    """As for an architecture that does more with its logits than the file's matrix says."""
    head = model._head

    class Other:
        width = head.width

        def __call__(self, states):
            return other(head(states))

    monkeypatch.setattr(model, "_head", Other())
    with pytest.raises(
        InputError, match=r"log-probabilities differ by \d+\.\d\d\. Give the same model as a folder"
    ):
        model._check()


# --- writing -----------------------------------------------------------------------------------------------------


@needs_lm
def test_the_likeliest_continuation_of_a_fact_is_written(writer):
    assert "Paris" in writer.complete("The capital of France is", tokens=4, temperature=0)


@needs_lm
def test_the_same_seed_writes_the_same_text_and_another_seed_another(writer):
    messages = [{"role": "user", "content": "Invent a name for a ship."}]
    assert writer.is_chat
    texts = [writer.complete(messages, tokens=12, seed=seed, temperature=1.0) for seed in (1, 1, 2)]
    assert texts[0] == texts[1] != texts[2]


@needs_lm
def test_an_answer_says_why_it_ended(writer):
    cut = writer.answer("Once upon a time", tokens=3, temperature=0)
    assert cut.finish == "length"
    asked = [{"role": "user", "content": "Repeat: the cat sat on a mat."}]
    whole = writer.answer(asked, tokens=60, temperature=0)
    assert whole.finish == "stop"
    assert "cat" in whole.text


@needs_lm
def test_a_prompt_that_does_not_fit_is_rejected_and_the_next_one_is_served(writer):
    with pytest.raises(RejectedError, match="exceeds the available context size"):
        writer.complete("word " * 1000, tokens=3)
    assert writer.complete("One, two, three,", tokens=3, temperature=0)


# --- faults ------------------------------------------------------------------------------------------------------


def test_a_missing_extra_is_named(monkeypatch, tmp_path):
    path = tmp_path / "model.gguf"
    path.write_bytes(b"GGUF")
    monkeypatch.setitem(sys.modules, "gguf", None)
    with pytest.raises(MissingExtraError, match=r"pip install 'wellkeeper\[lm\]'"):
        open_model(path)
    monkeypatch.setitem(sys.modules, "torch", None)
    with pytest.raises(
        MissingExtraError, match=r"folder of transformers.*pip install 'wellkeeper\[lm-torch\]'"
    ):
        open_model(tmp_path)


@needs_lm
def test_a_missing_engine_is_named_where_only_the_reader_is_installed(monkeypatch):
    monkeypatch.setitem(sys.modules, "xllamacpp", None)
    with pytest.raises(MissingExtraError, match=r"A GGUF model needs an optional part.*wellkeeper\[lm\]"):
        open_model(smollm2())


@needs_lm
def test_paths_without_a_model_are_told(tmp_path):
    with pytest.raises(InputError, match=r"gone\.gguf does not exist"):
        open_model(tmp_path / "gone.gguf")
    torn = tmp_path / "torn.gguf"
    torn.write_bytes(smollm2().read_bytes()[:5_000_000])
    with pytest.raises(InputError, match=r"torn\.gguf is no GGUF file, or is cut off"):
        open_model(torn)


@needs_lm
@pytest.mark.parametrize(
    ("architecture", "metadata", "tensors"),
    [
        ("bert", {}, ("token_embd.weight", "output_norm.weight")),
        ("gemma3", {"gemma3.attention.causal": False}, ("token_embd.weight", "output_norm.weight")),
        ("llama", {"general.type": "adapter"}, ("token_embd.weight", "output_norm.weight")),
        ("clip", {"general.type": "mmproj"}, ("v.patch_embd.weight",)),
    ],
)
def test_models_that_continue_no_text_are_refused(tmp_path, architecture, metadata, tensors):
    from test_gguf import written

    ones = {name: np.ones((2, 32), np.float32) for name in tensors}
    path = written(tmp_path / "m.gguf", architecture=architecture, metadata=metadata, tensors=ones)
    with pytest.raises(
        InputError, match=rf"no causal language model .*architecture {architecture}.*continues text"
    ):
        open_model(path)


@needs_lm
def test_what_llama_cpp_cannot_load_is_told(tmp_path):
    from test_gguf import written

    ones = {name: np.ones((2, 32), np.float32) for name in ("token_embd.weight", "output_norm.weight")}
    path = written(tmp_path / "m.gguf", architecture="not-invented", tensors=ones)
    with pytest.raises(InputError, match=r"llama\.cpp cannot load .*m\.gguf.*Upgrade xllamacpp"):
        open_model(path)


# --- transformers ------------------------------------------------------------------------------------------------

needs_torch = pytest.mark.skipif(
    not all(map(find_spec, ("torch", "transformers", "accelerate"))),  # the last opens GGUF for transformers
    reason="the extra lm-torch, or accelerate, is not installed",
)
quiet = pytest.mark.filterwarnings("ignore")


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """SmolLM2's weights, taken out of the GGUF file and saved as transformers does."""
    import transformers

    source, place = smollm2(), tmp_path_factory.mktemp("smollm2")
    given = {"gguf_file": source.name}
    packed = transformers.AutoModelForCausalLM.from_pretrained(source.parent, dtype="float32", **given)
    config = packed.config
    if hasattr(config, "quantization_config"):
        del config.quantization_config
    plain = transformers.AutoModelForCausalLM.from_config(config)
    plain.load_state_dict(packed.state_dict())
    plain.save_pretrained(place)
    transformers.AutoTokenizer.from_pretrained(source.parent, **given).save_pretrained(place)
    return place


@pytest.mark.slow
@needs_lm
@needs_torch
@quiet
def test_both_engines_read_the_same_tokens_and_nearly_the_same_logits(model, folder):
    other = TransformersModel(folder, threads=1)
    texts = [SENTENCE, "naïve café 😀 — 3.14 <|im_end|>", "\n\n\tdef f(x):\n\treturn  x"]
    for text in texts:
        assert other.encode(text, 100) == model.encode(text, 100)
    tokens = [model.encode(text, 100) for text in texts]
    for ours, theirs in zip(model.logits(tokens), other.logits(tokens), strict=True):
        gap = log_probabilities(ours) - log_probabilities(theirs)
        likely = log_probabilities(theirs) > math.log(1e-3)
        assert np.sqrt(np.mean(gap[likely] ** 2)) < 0.25  # llama.cpp rounds states to 8 bits


@pytest.mark.slow
@needs_lm
@needs_torch
@quiet
def test_padding_changes_no_text(folder):
    other = TransformersModel(folder, threads=1)
    tokens = [other.encode(text, 50) for text in (SENTENCE, "Short text.")]
    together, alone = list(other.logits(tokens)), [next(other.logits([one])) for one in tokens]
    for one, two in zip(together, alone, strict=True):
        assert_allclose(one, two, atol=1e-3)


@needs_torch
@quiet
def test_folders_without_a_causal_model_are_refused(tmp_path):
    with pytest.raises(
        InputError, match=r"there is no config\.json\. Give a folder that save_pretrained wrote"
    ):
        open_model(tmp_path)
    config = tmp_path / "config.json"
    config.write_text('{"model_type": "bert", "architectures": ["BertForMaskedLM"]}')
    with pytest.raises(InputError, match=r"no causal language model \(BertForMaskedLM\)\. Give a model that"):
        open_model(tmp_path)
    config.write_text('{"model_type": "gpt2", "architectures": ["GPT2LMHeadModel"]}')
    with pytest.raises(InputError, match=r"transformers cannot load .*Check that the folder is whole"):
        open_model(tmp_path)
