"""Models that go on from a text: GPT-2, GPT-NeoX (Pythia), BLOOM, OPT and Llama, as graphs.

Sources: the published definitions in transformers, whose numbers the tests compare with.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from studio.engine.text.looking_back import (
    Attention,
    Shape,
    alibi,
    head_of,
    ids_of,
    interleaved,
    layers_of,
    positions_of,
    rotary_of,
    scores,
    side_by_side,
)
from studio.engine.text.net import Config, Net

LONGEST = 16_384
"""Tokens that a model is given to look back on, whatever its configuration promises."""


def gpt2(config: Config, net: Net) -> Shape:
    config.refuse("add_cross_attention", False)
    width = config.whole("n_embd", "hidden_size")
    heads, layers = config.whole("n_head", "num_attention_heads"), layers_of(config, "n_layer")
    vocabulary = config.whole("vocab_size", most=1 << 24)
    context = config.whole("n_positions", "n_ctx", "max_position_embeddings", default=1024)
    inner = config.whole("n_inner", default=4 * width)
    epsilon = config.number("layer_norm_epsilon", default=1e-5)
    act = config.word("activation_function", default="gelu_new")
    head = head_of(config, width, heads)
    ids, positions = ids_of(net), positions_of(net)
    table = net.weight("wte.weight", vocabulary, width)
    x = net.add(net.rows(table, ids), net.rows(net.weight("wpe.weight", context, width), positions))
    attend = Attention(net, heads, head)
    for i in range(layers):
        scale = head**-0.5 if config.flag("scale_attn_weights", True) else 1.0
        if config.flag("scale_attn_by_inverse_layer_idx", False):
            scale /= i + 1
        at = f"h.{i}"
        y = net.norm(x, f"{at}.ln_1", width, epsilon)
        y = attend(net.linear(y, f"{at}.attn.c_attn", width, 3 * width, turned=True), scale=scale)
        x = net.add(x, net.linear(y, f"{at}.attn.c_proj", width, width, turned=True))
        y = net.norm(x, f"{at}.ln_2", width, epsilon)
        y = net.activation(net.linear(y, f"{at}.mlp.c_fc", width, inner, turned=True), act)
        x = net.add(x, net.linear(y, f"{at}.mlp.c_proj", inner, width, turned=True))
    scores(net, config, net.norm(net.last(x), "ln_f", width, epsilon), "wte", vocabulary, width)
    return Shape(layers, heads, head, context, vocabulary)


def gpt_neox(config: Config, net: Net) -> Shape:
    width, heads = config.whole("hidden_size"), config.whole("num_attention_heads")
    layers, inner = layers_of(config, "num_hidden_layers"), config.whole("intermediate_size")
    vocabulary = config.whole("vocab_size", most=1 << 24)
    context = min(LONGEST, config.whole("max_position_embeddings", default=2048))
    epsilon = config.number("layer_norm_eps", default=1e-5)
    act = config.word("hidden_act", default="gelu")
    biased, parallel = (
        config.flag("attention_bias", True),
        config.flag("use_parallel_residual", True),
    )
    head = head_of(config, width, heads)
    ids = ids_of(net)
    x = net.rows(net.weight("embed_in.weight", vocabulary, width), ids)
    attend = Attention(net, heads, head)
    rotary, order = rotary_of(config, net, head, context, 0.25)
    for i in range(layers):
        at = f"layers.{i}"
        y = net.norm(x, f"{at}.input_layernorm", width, epsilon)
        y = interleaved(net, y, f"{at}.attention.query_key_value", heads, head, biased, order)
        y = attend(y, rotary=rotary)
        y = net.linear(y, f"{at}.attention.dense", width, width, bias=biased)
        if not parallel:
            x = net.add(x, y)
        z = net.norm(x, f"{at}.post_attention_layernorm", width, epsilon)
        z = net.activation(net.linear(z, f"{at}.mlp.dense_h_to_4h", width, inner), act)
        z = net.linear(z, f"{at}.mlp.dense_4h_to_h", inner, width)
        x = net.add(net.add(x, y), z) if parallel else net.add(x, z)
    x = net.norm(net.last(x), "final_layer_norm", width, epsilon)
    scores(net, config, x, "embed_in", vocabulary, width, tied=False, names=("embed_out",))
    return Shape(layers, heads, head, context, vocabulary)


def bloom(config: Config, net: Net) -> Shape:
    width = config.whole("n_embed", "hidden_size")
    heads, layers = config.whole("n_head", "num_attention_heads"), layers_of(config, "n_layer")
    vocabulary = config.whole("vocab_size", most=1 << 24)
    context = config.whole("seq_length", default=2048)
    epsilon = config.number("layer_norm_epsilon", default=1e-5)
    normed = config.flag("apply_residual_connection_post_layernorm", False)
    head = head_of(config, width, heads)
    ids = ids_of(net)
    x = net.rows(net.weight("word_embeddings.weight", vocabulary, width), ids)
    x = net.norm(x, "word_embeddings_layernorm", width, epsilon)
    attend = Attention(net, heads, head)
    bias = alibi(net, ids, attend.total, heads)
    for i in range(layers):
        at = f"h.{i}"
        y = net.norm(x, f"{at}.input_layernorm", width, epsilon)
        stream = y if normed else x
        y = interleaved(net, y, f"{at}.self_attention.query_key_value", heads, head, True)
        y = attend(y, bias=bias)
        x = net.add(stream, net.linear(y, f"{at}.self_attention.dense", width, width))
        y = net.norm(x, f"{at}.post_attention_layernorm", width, epsilon)
        stream = y if normed else x
        y = net.activation(net.linear(y, f"{at}.mlp.dense_h_to_4h", width, 4 * width), "gelu_new")
        x = net.add(stream, net.linear(y, f"{at}.mlp.dense_4h_to_h", 4 * width, width))
    x = net.norm(net.last(x), "ln_f", width, epsilon)
    scores(net, config, x, "word_embeddings", vocabulary, width)
    return Shape(layers, heads, head, context, vocabulary)


def opt(config: Config, net: Net) -> Shape:
    width, heads = config.whole("hidden_size"), config.whole("num_attention_heads")
    layers, inner = layers_of(config, "num_hidden_layers"), config.whole("ffn_dim")
    vocabulary = config.whole("vocab_size", most=1 << 24)
    context = config.whole("max_position_embeddings", default=2048)
    outside = config.whole("word_embed_proj_dim", default=width)
    first, biased = config.flag("do_layer_norm_before", True), config.flag("enable_bias", True)
    affine = config.flag("layer_norm_elementwise_affine", True)
    act = config.word("activation_function", default="relu")
    head = head_of(config, width, heads)
    ids, positions = ids_of(net), positions_of(net)

    def norm(x: str, name: str) -> str:
        return net.norm(x, name, width, 1e-5, affine=affine)

    def three(at: str) -> list[str]:
        return [f"{at}.self_attn.{p}_proj" for p in "qkv"]

    x = net.rows(net.weight("embed_tokens.weight", vocabulary, outside), ids)
    if outside != width:
        x = net.linear(x, "project_in", outside, width, bias=False)
    # The first two rows of the table are left from padding, as the model was trained.
    places = net.rows(
        net.weight("embed_positions.weight", context + 2, width),
        net.node("Add", positions, net.constant(2)),
    )
    x = net.add(x, places)
    attend = Attention(net, heads, head)
    for i in range(layers):
        at = f"layers.{i}"
        y = norm(x, f"{at}.self_attn_layer_norm") if first else x
        y = attend(side_by_side(net, y, three(at), width, [width] * 3, biased))
        x = net.add(x, net.linear(y, f"{at}.self_attn.out_proj", width, width, bias=biased))
        x = x if first else norm(x, f"{at}.self_attn_layer_norm")
        y = norm(x, f"{at}.final_layer_norm") if first else x
        y = net.activation(net.linear(y, f"{at}.fc1", width, inner, bias=biased), act)
        x = net.add(x, net.linear(y, f"{at}.fc2", inner, width, bias=biased))
        x = x if first else norm(x, f"{at}.final_layer_norm")
    x = net.last(x)
    if first and not config.flag("_remove_final_layer_norm", False):
        x = norm(x, "final_layer_norm")
    if outside != width:
        x = net.linear(x, "project_out", width, outside, bias=False)
    scores(net, config, x, "embed_tokens", vocabulary, outside)
    return Shape(layers, heads, head, context, vocabulary)


def llama(config: Config, net: Net) -> Shape:
    """Llama, Mistral, Qwen2 and Qwen3, which differ in little."""
    kind = config.word("model_type")
    width, heads = config.whole("hidden_size"), config.whole("num_attention_heads")
    layers, inner = layers_of(config, "num_hidden_layers"), config.whole("intermediate_size")
    shared = config.whole("num_key_value_heads", default=heads)
    head = config.whole("head_dim", default=max(1, width // heads))
    vocabulary = config.whole("vocab_size", most=1 << 24)
    context = config.whole("max_position_embeddings", default=2048, most=1 << 24)
    if config.flag("use_sliding_window", kind == "mistral"):
        # Within one window all models look back on everything.
        context = min(context, config.whole("sliding_window", default=context, most=1 << 24))
    # Longer than that, tables and past would be larger than the model.
    context = min(context, LONGEST)
    epsilon = config.number("rms_norm_eps", default=1e-6)
    act = config.word("hidden_act", default="silu")
    biased = config.flag("attention_bias", False)
    inside, outside = biased or kind == "qwen2", biased and kind != "qwen2"
    if shared > heads or heads % shared or head % 8:
        raise config.unfit("its heads do not share its width evenly")
    ids = ids_of(net)
    x = net.rows(net.weight("embed_tokens.weight", vocabulary, width), ids)
    attend = Attention(net, heads, head, shared)
    rotary, _ = rotary_of(config, net, head, context)
    wide, narrow = heads * head, shared * head
    for i in range(layers):
        at = f"layers.{i}"
        y = net.root_norm(x, f"{at}.input_layernorm", width, epsilon)
        parts = [f"{at}.self_attn.{p}_proj" for p in "qkv"]
        if kind == "qwen3":  # queries and keys are normalized head by head
            query, key, value = (
                net.linear(y, p, width, w, bias=inside)
                for p, w in zip(parts, (wide, narrow, narrow), strict=True)
            )
            query = net.unbatched(query, head)
            query = net.root_norm(query, f"{at}.self_attn.q_norm", head, epsilon)
            key = net.root_norm(net.unbatched(key, head), f"{at}.self_attn.k_norm", head, epsilon)
            y = attend(query, key, value, rotary=rotary)
        else:
            y = side_by_side(net, y, parts, width, (wide, narrow, narrow), inside)
            y = attend(y, rotary=rotary)
        x = net.add(x, net.linear(y, f"{at}.self_attn.o_proj", wide, width, bias=outside))
        y = net.root_norm(x, f"{at}.post_attention_layernorm", width, epsilon)
        gated = config.flag("mlp_bias", False)
        gate = net.activation(net.linear(y, f"{at}.mlp.gate_proj", width, inner, bias=gated), act)
        up = net.linear(y, f"{at}.mlp.up_proj", width, inner, bias=gated)
        y = net.node("Mul", gate, up)
        x = net.add(x, net.linear(y, f"{at}.mlp.down_proj", inner, width, bias=gated))
    x = net.root_norm(net.last(x), "norm", width, epsilon)
    scores(net, config, x, "embed_tokens", vocabulary, width, tied=False)
    return Shape(layers, heads, head, context, vocabulary)


@dataclass(frozen=True, slots=True)
class Kind:
    """How one kind of decoder is built."""

    build: Callable[[Config, Net], Shape]
    prefixes: tuple[str, ...]
    """What its published files put before the names of its weights."""


KINDS = {
    "gpt2": Kind(gpt2, ("transformer.",)),
    "gpt_neox": Kind(gpt_neox, ("gpt_neox.",)),
    "bloom": Kind(bloom, ("transformer.",)),
    **{kind: Kind(llama, ("model.",)) for kind in ("llama", "mistral", "qwen2", "qwen3")},
    "opt": Kind(opt, ("model.decoder.", "decoder.")),
}
"""By the `model_type` of config.json."""
