"""The peer llama.cpp, through llama-cpp-python: the same random Llama as GGUF in Q4_0.

Both packages are in the optional extra `bench`; without them the peer is left out and named so.
"""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Any

import numpy as np

_NAMES = {
    "self_attn.q_proj": "attn_q",
    "self_attn.k_proj": "attn_k",
    "self_attn.v_proj": "attn_v",
    "self_attn.o_proj": "attn_output",
    "mlp.gate_proj": "ffn_gate",
    "mlp.up_proj": "ffn_up",
    "mlp.down_proj": "ffn_down",
    "input_layernorm": "attn_norm",
    "post_attention_layernorm": "ffn_norm",
}
_WHOLE = {"model.embed_tokens": "token_embd", "model.norm": "output_norm", "lm_head": "output"}


def present() -> bool:
    """Whether llama.cpp can be measured here."""
    try:
        import gguf  # noqa: F401
        import llama_cpp  # noqa: F401
    except ImportError:
        return False
    return True


def make(source: Path, folder: Path) -> Path:
    """A Llama in safetensors as a GGUF file in Q4_0, quantized by llama.cpp itself."""
    import gguf
    import llama_cpp
    import torch
    from safetensors.torch import load_file

    config = json.loads((source / "config.json").read_text("utf-8"))
    heads, groups = config["num_attention_heads"], config["num_key_value_heads"]
    plain, small = folder / "f16.gguf", folder / "q4_0.gguf"
    writer = gguf.GGUFWriter(str(plain), "llama")
    writer.add_context_length(config["max_position_embeddings"])
    writer.add_embedding_length(config["hidden_size"])
    writer.add_block_count(config["num_hidden_layers"])
    writer.add_feed_forward_length(config["intermediate_size"])
    writer.add_head_count(heads)
    writer.add_head_count_kv(groups)
    writer.add_layer_norm_rms_eps(config["rms_norm_eps"])
    writer.add_rope_freq_base(10000.0)
    writer.add_rope_dimension_count(config["head_dim"])
    writer.add_vocab_size(config["vocab_size"])
    writer.add_file_type(gguf.LlamaFileType.MOSTLY_F16)
    writer.add_tokenizer_model("gpt2")
    writer.add_tokenizer_pre("gpt-2")
    writer.add_token_list([f"t{i}" for i in range(config["vocab_size"])])
    writer.add_token_types([1] * config["vocab_size"])
    writer.add_token_merges(["t 0"])
    writer.add_bos_token_id(1)
    writer.add_eos_token_id(2)
    for name, tensor in load_file(source / "model.safetensors").items():
        array = tensor.to(torch.float32).numpy()
        stem = name.removesuffix(".weight")
        if stem in _WHOLE:
            target = _WHOLE[stem]
        else:
            _, _, layer, rest = stem.split(".", 3)
            target = f"blk.{layer}.{_NAMES[rest]}"
            if rest in ("self_attn.q_proj", "self_attn.k_proj"):
                array = _interleaved(array, heads if rest.endswith("q_proj") else groups)
        if array.ndim == 2:
            array = array.astype(np.float16)
        writer.add_tensor(f"{target}.weight", np.ascontiguousarray(array))
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    wanted = llama_cpp.llama_model_quantize_default_params()
    wanted.ftype = llama_cpp.LLAMA_FTYPE_MOSTLY_Q4_0
    done = llama_cpp.llama_model_quantize(str(plain).encode(), str(small).encode(), wanted)
    assert done == 0, f"llama.cpp could not quantize ({done})"
    plain.unlink()
    return small


def _interleaved(rows: Any, heads: int) -> Any:
    """GGUF's order of the rotated halves: pairs side by side."""
    shape = (heads, 2, rows.shape[0] // heads // 2, *rows.shape[1:])
    return rows.reshape(shape).swapaxes(1, 2).reshape(rows.shape)


def measure(file: Path, prompt: list[int], long: list[int], new: int) -> tuple[float, float]:
    """Tokens a second, decoding and reading a long prompt, one thread, the most probable token."""
    import llama_cpp

    model = llama_cpp.Llama(
        str(file), n_ctx=1024, n_threads=1, n_threads_batch=1, n_batch=512, n_ubatch=512,
        verbose=False,
    )  # fmt: skip
    size = model.n_vocab()

    def best() -> int:
        logits = llama_cpp.llama_get_logits_ith(model.ctx, -1)
        return int(np.ctypeslib.as_array(logits, shape=(size,)).argmax())

    def read(ids: list[int]) -> float:
        model.reset()
        start = time.perf_counter()
        model.eval(ids)
        best()
        return time.perf_counter() - start

    def write() -> float:
        read(prompt)
        token = best()
        start = time.perf_counter()
        for _ in range(new - 1):
            model.eval([token])
            token = best()
        return (new - 1) / (time.perf_counter() - start)

    read(prompt)
    reading = min(read(long) for _ in range(2))
    writing = max(write() for _ in range(2))
    model.close()
    return writing, len(long) / reading
