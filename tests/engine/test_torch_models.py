"""A Llama in a GGUF file is the same model in torch."""

import sys

import numpy as np
import pytest

from wellkeeper.errors import InputError, MissingExtraError

torch = pytest.importorskip("torch", reason="the extra lm-torch is not installed")
transformers = pytest.importorskip("transformers", reason="the extra lm-torch is not installed")
pytest.importorskip("gguf", reason="the extra lm is not installed")

from language_model_files import needs_lm, smollm2
from test_gguf import written

from wellkeeper.engine.gguf import read_gguf
from wellkeeper.engine.language_models import open_model
from wellkeeper.engine.torch_models import _BLOCK, _WHOLE, _llama, load_causal

pytestmark = [pytest.mark.torch, pytest.mark.filterwarnings("ignore")]
HEADS, PAIRED = 4, 2


def tiny(*, tied):
    torch.manual_seed(3)
    config = transformers.LlamaConfig(
        vocab_size=64,
        hidden_size=32,
        intermediate_size=64,
        num_hidden_layers=2,
        num_attention_heads=HEADS,
        num_key_value_heads=PAIRED,
        max_position_embeddings=128,
        rms_norm_eps=1e-5,
        rope_parameters={"rope_type": "default", "rope_theta": 5000.0},
        tie_word_embeddings=tied,
    )
    return transformers.LlamaForCausalLM(config).eval()


def in_pairs(weight, heads):
    """As llama.cpp's convert_hf_to_gguf.py permutes the rows of queries and keys."""
    return weight.reshape(heads, 2, len(weight) // heads // 2, -1).swapaxes(1, 2).reshape(weight.shape)


def saved(model, path, *, leave_out=(), more=None):
    places = {place: name for name, place in {**_BLOCK, **_WHOLE}.items()}
    tensors = {}
    for name, weight in model.state_dict().items():
        values = weight.numpy()
        if name == "lm_head.weight" and model.config.tie_word_embeddings:
            continue
        if name.startswith("model.layers."):
            _, _, layer, part = name.removesuffix(".weight").split(".", 3)
            found = places[part]
            if found in {"attn_q", "attn_k"}:
                values = in_pairs(values, HEADS if found == "attn_q" else PAIRED)
            tensors[f"blk.{layer}.{found}.weight"] = values
        else:
            tensors[f"{places[name.removesuffix('.weight')]}.weight"] = values
    kept = {name: values for name, values in tensors.items() if name not in leave_out}
    metadata = {
        "llama.embedding_length": 32,
        "llama.feed_forward_length": 64,
        "llama.block_count": 2,
        "llama.attention.head_count": HEADS,
        "llama.attention.head_count_kv": PAIRED,
        "llama.context_length": 128,
        "llama.attention.layer_norm_rms_epsilon": 1e-5,
        "llama.rope.freq_base": 5000.0,
    }
    return written(path, metadata=metadata, tensors={**kept, **(more or {})})


@pytest.mark.parametrize("tied", [True, False])
def test_a_llama_in_a_file_computes_what_it_did(tmp_path, tied):
    model = tiny(tied=tied)
    found = _llama(read_gguf(saved(model, tmp_path / "m.gguf")), transformers)
    tokens = torch.arange(24)[None] * 7 % 64
    with torch.inference_mode():
        assert torch.allclose(found(tokens).logits, model(tokens).logits, atol=1e-5)


def test_a_file_that_is_not_quite_a_llama_is_refused(tmp_path):
    model = tiny(tied=True)
    lacking = saved(model, tmp_path / "a.gguf", leave_out=["blk.1.ffn_up.weight"])
    with pytest.raises(
        InputError, match=r"not a Llama.*model\.layers\.1\.mlp\.up_proj\.weight missing.*folder of"
    ):
        _llama(read_gguf(lacking), transformers)
    more = saved(model, tmp_path / "b.gguf", more={"rope_freqs.weight": np.ones(8, np.float32)})
    with pytest.raises(InputError, match=r"not a Llama.*rope_freqs\.weight missing there or here"):
        _llama(read_gguf(more), transformers)


def test_other_architectures_are_refused(tmp_path):
    ones = {"token_embd.weight": np.ones((2, 32), np.float32)}
    path = written(tmp_path / "m.gguf", architecture="mamba", tensors=ones)
    with pytest.raises(
        InputError, match=r"is a mamba; of GGUF files only.*llama.*Give the same model as a folder"
    ):
        load_causal(path)


def test_what_is_missing_is_named(monkeypatch, tmp_path):
    path = tmp_path / "m.gguf"
    path.write_bytes(b"GGUF")
    monkeypatch.setitem(sys.modules, "transformers", None)
    with pytest.raises(MissingExtraError, match=r"A GGUF model in torch.*wellkeeper\[lm-torch\]"):
        load_causal(path)


@pytest.mark.slow
@needs_lm
def test_torch_and_llama_cpp_agree_on_smollm2():
    ours, tokeniser = load_causal(smollm2())
    theirs = open_model(smollm2(), threads=1)
    text = "The committee met on Tuesday to discuss the budget for the coming year, and it was decided that"
    tokens = theirs.encode(text, 100)
    assert tokeniser(text)["input_ids"] == tokens
    with torch.inference_mode():
        mine = torch.log_softmax(ours(torch.tensor([tokens])).logits[0, :-1], -1).numpy()
    told = torch.log_softmax(torch.from_numpy(next(theirs.logits([tokens]))), -1).numpy()
    gap = (mine - told)[mine > np.log(1e-3)]
    assert np.sqrt(np.mean(gap**2)) < 0.25  # llama.cpp rounds states to 8 bits
