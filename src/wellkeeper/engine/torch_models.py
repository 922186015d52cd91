"""Causal language models in torch: a folder that `transformers` saved, or a GGUF file of a Llama.

`transformers` reads GGUF files only with yet another package, so the weights of a file are put into its model here.
Nothing is downloaded and no code of a model's folder is run.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from wellkeeper.engine.gguf import GgufFile, read_causal, read_gguf
from wellkeeper.errors import InputError, MissingExtraError

_CAUSAL = ("ForCausalLM", "LMHeadModel")
_BLOCK = {
    "attn_norm": "input_layernorm",
    "attn_q": "self_attn.q_proj",
    "attn_k": "self_attn.k_proj",
    "attn_v": "self_attn.v_proj",
    "attn_output": "self_attn.o_proj",
    "ffn_norm": "post_attention_layernorm",
    "ffn_gate": "mlp.gate_proj",
    "ffn_up": "mlp.up_proj",
    "ffn_down": "mlp.down_proj",
}
"""Names of a block's parts in a GGUF file, and in a Llama of transformers."""
_WHOLE = {"token_embd": "model.embed_tokens", "output_norm": "model.norm", "output": "lm_head"}


def load_causal(path: Path, *, dtype: str | None = None) -> tuple[Any, Any]:
    """A model and its tokeniser, on the processor.

    Args:
        path: a folder that `save_pretrained` wrote, or a GGUF file.
        dtype: of the weights of a folder, such as "float32"; None: its own where there is a graphics card, else
            32 bits. Those of a file become 32 bits.

    Raises:
        InputError: there is no such path, or it holds no causal language model that can be read.
        MissingExtraError: torch, transformers or, for a file, gguf is not installed.
    """
    try:
        import torch
        import transformers
    except ImportError as error:
        what = "A GGUF model in torch" if path.is_file() else "A folder of transformers"
        raise MissingExtraError(what, extra="lm-torch") from error
    if path.is_file():
        return _of_file(path, transformers)
    return _of_folder(path, transformers, dtype or ("auto" if torch.cuda.is_available() else "float32"))


def _of_folder(path: Path, transformers: Any, dtype: str) -> tuple[Any, Any]:
    if not (path / "config.json").is_file():
        raise InputError(
            f"{path} holds no model: there is no config.json. Give a folder that save_pretrained wrote, or a GGUF "
            "file."
        )
    kept = {"local_files_only": True, "trust_remote_code": False}
    with _told(path, transformers):
        config = transformers.AutoConfig.from_pretrained(path, **kept)
        names = tuple(config.architectures or ())
        if not any(name.endswith(_CAUSAL) for name in names):
            raise InputError(
                f"{path} holds no causal language model ({', '.join(names) or 'no architecture named'}). Give a "
                "model that continues text."
            )
        tokeniser = transformers.AutoTokenizer.from_pretrained(path, **kept)
        return transformers.AutoModelForCausalLM.from_pretrained(path, dtype=dtype, **kept), tokeniser


def _of_file(path: Path, transformers: Any) -> tuple[Any, Any]:
    file = read_causal(path)
    if file.architecture != "llama":
        raise InputError(
            f"{path} is a {file.architecture}; of GGUF files only those of the architecture llama can be trained. Give "
            "the same model as a folder of transformers."
        )
    tokeniser = load_tokeniser(path)
    with _told(path, transformers):
        return _llama(file, transformers), tokeniser


def load_tokeniser(path: Path) -> Any:
    """The tokeniser of a GGUF file.

    Raises:
        InputError: there is no such file, or transformers cannot make a tokeniser of what it holds.
        MissingExtraError: transformers or gguf is not installed.
    """
    try:
        import transformers
    except ImportError as error:
        raise MissingExtraError("The tokeniser of a GGUF file", extra="lm-torch") from error
    read_gguf(path)
    with _told(path, transformers):
        return transformers.AutoTokenizer.from_pretrained(
            path.parent, gguf_file=path.name, local_files_only=True
        )


@contextmanager
def _told(path: Path, transformers: Any) -> Iterator[None]:
    """Tell what transformers cannot load as an error of ours, and draw none of its bars."""
    drawn = transformers.utils.logging.is_progress_bar_enabled()
    transformers.utils.logging.disable_progress_bar()
    try:
        yield
    except (OSError, ValueError, KeyError, ImportError, RuntimeError) as error:
        if isinstance(error, MissingExtraError):
            raise
        said = (str(error).strip() or type(error).__name__).splitlines()[0][:200]
        raise InputError(
            f"transformers cannot load {path}: {said}. Check that the {'file' if path.is_file() else 'folder'} is "
            "whole, and that its model needs no code of its own."
        ) from None
    finally:
        if drawn:
            transformers.utils.logging.enable_progress_bar()


def _llama(file: GgufFile, transformers: Any) -> Any:
    """A Llama with the weights of a file."""
    import torch

    heads = int(file.of_architecture("attention.head_count"))
    paired_heads = int(file.of_architecture("attention.head_count_kv") or heads)
    config = transformers.LlamaConfig(
        vocab_size=file.tensors["token_embd.weight"].shape[0],
        hidden_size=int(file.of_architecture("embedding_length")),
        intermediate_size=int(file.of_architecture("feed_forward_length")),
        num_hidden_layers=int(file.of_architecture("block_count")),
        num_attention_heads=heads,
        num_key_value_heads=paired_heads,
        max_position_embeddings=int(file.of_architecture("context_length")),
        rms_norm_eps=float(file.of_architecture("attention.layer_norm_rms_epsilon")),
        rope_parameters={
            "rope_type": "default",
            "rope_theta": float(file.of_architecture("rope.freq_base") or 10_000.0),
        },
        tie_word_embeddings="output.weight" not in file.tensors,
        architectures=["LlamaForCausalLM"],
    )
    model = transformers.LlamaForCausalLM(config)
    weights = {}
    for name in file.tensors:
        place, part = _place(name)
        values = file.floats(name)
        if part in {"attn_q", "attn_k"}:
            values = _by_halves(values, heads if part == "attn_q" else paired_heads)
        weights[place] = torch.from_numpy(np.require(values, requirements=("C", "W")))
    found = model.load_state_dict(weights, strict=False)
    missing = set(found.missing_keys) - ({"lm_head.weight"} if config.tie_word_embeddings else set())
    if missing or found.unexpected_keys:
        said = ", ".join(sorted([*missing, *found.unexpected_keys])[:3])
        raise InputError(
            f"{file.path} is not a Llama as transformers has it: {said} missing there or here. Give the same model as "
            "a folder of transformers."
        )
    return model.eval()


def _place(name: str) -> tuple[str, str]:
    """Where transformers has a tensor, and what part of the model that is; a strange one keeps its name."""
    within, _, part = name.removesuffix(".weight").rpartition(".")
    if within.startswith("blk.") and part in _BLOCK:
        return f"model.layers.{within.removeprefix('blk.')}.{_BLOCK[part]}.weight", part
    return (f"{_WHOLE[part]}.weight" if not within and part in _WHOLE else name), part


def _by_halves(weight: NDArray[np.float32], heads: int) -> NDArray[np.float32]:
    """Rows of heads as transformers has them: the first of all turned pairs, then the second; llama.cpp keeps pairs."""
    rows = weight.reshape(heads, -1, 2, weight.shape[1])
    return rows.swapaxes(1, 2).reshape(weight.shape)
