"""Models that go on from a text: GPT-2, GPT-NeoX (Pythia), BLOOM and OPT, as graphs.

Sources: the published definitions in transformers, whose numbers the tests compare with. Rotary
positions: Su et al. 2021; positions as linear biases (ALiBi): Press et al. 2022.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from studio.engine.text.net import CONTRIB, Config, Net

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt


@dataclass(frozen=True, slots=True)
class Shape:
    """What the loop has to know of a decoder."""

    layers: int
    heads: int
    head: int
    """Numbers of a head."""
    context: int
    """Tokens that the model can look back on, at most."""
    vocabulary: int


class Attention:
    """Self-attention that looks back, with its past in buffers that the session writes in place.

    Inputs of the graph: `past_lengths` (1,) and `total_length` (), and for each layer a pair
    of buffers (1, heads, room, head), which are its outputs as well.
    """

    def __init__(self, net: Net, heads: int, head: int, *, prefix: str = "") -> None:
        from onnx import TensorProto

        self._net, self._heads, self._head, self._prefix = net, heads, head, prefix
        self._before = net.input("seqlens_k", TensorProto.INT32, [1])
        self.total = net.input("total_sequence_length", TensorProto.INT32, [])
        self._layers = 0

    def __call__(
        self, qkv: str, *, scale: float = 0.0, bias: str = "", rotary: tuple[str, str] | None = None
    ) -> str:
        """(tokens, 3 · width) -> (tokens, width); queries, keys and values side by side.

        `scale` 0 divides by the root of a head's width. `bias`: (1, heads, tokens, total).
        `rotary`: tables of cosines and sines for the rotated front part of each head.
        """
        net, width, number = self._net, self._heads * self._head, self._layers
        self._layers += 1
        shape: list[int | str] = [1, self._heads, "room", self._head]
        pasts = [f"past_key_values.{number}.{half}" for half in ("key", "value")]
        for name in pasts:
            net.input(name, net.float, shape)
        presents = [f"present.{number}.{half}" for half in ("key", "value")]
        inputs = [net.batched(qkv, 3 * width), "", "", *pasts, self._before, self.total]
        inputs += [*rotary, ""] if rotary else ["", "", ""]
        result = f"attention.{number}"
        net.node_named(
            "GroupQueryAttention",
            [*inputs, bias] if bias else inputs[: 9 if rotary else 7],
            [result, *presents],
            domain=CONTRIB,
            num_heads=self._heads,
            kv_num_heads=self._heads,
            do_rotary=int(rotary is not None),
            scale=scale,
        )
        for name in presents:
            net.declare(name, net.float, shape)
        return net.unbatched(result, width)


def gpt2(config: Config, net: Net) -> Shape:
    config.refuse("add_cross_attention", False)
    width = config.whole("n_embd", "hidden_size")
    heads, layers = config.whole("n_head", "num_attention_heads"), _layers(config, "n_layer")
    vocabulary = config.whole("vocab_size", most=1 << 24)
    context = config.whole("n_positions", "n_ctx", "max_position_embeddings", default=1024)
    inner = config.whole("n_inner", default=4 * width)
    epsilon = config.number("layer_norm_epsilon", default=1e-5)
    act = config.word("activation_function", default="gelu_new")
    head = _head(config, width, heads)
    ids, positions = _ids(net), _positions(net)
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
    _head_of(net, config, net.norm(net.last(x), "ln_f", width, epsilon), "wte", vocabulary, width)
    return Shape(layers, heads, head, context, vocabulary)


def gpt_neox(config: Config, net: Net) -> Shape:
    width, heads = config.whole("hidden_size"), config.whole("num_attention_heads")
    layers, inner = _layers(config, "num_hidden_layers"), config.whole("intermediate_size")
    vocabulary = config.whole("vocab_size", most=1 << 24)
    context = config.whole("max_position_embeddings", default=2048)
    epsilon = config.number("layer_norm_eps", default=1e-5)
    act = config.word("hidden_act", default="gelu")
    biased, parallel = (
        config.flag("attention_bias", True),
        config.flag("use_parallel_residual", True),
    )
    head = _head(config, width, heads)
    ids = _ids(net)
    x = net.rows(net.weight("embed_in.weight", vocabulary, width), ids)
    attend = Attention(net, heads, head)
    rotary, order = _rotary(config, net, head, context)
    for i in range(layers):
        at = f"layers.{i}"
        y = net.norm(x, f"{at}.input_layernorm", width, epsilon)
        y = _interleaved(net, y, f"{at}.attention.query_key_value", heads, head, biased, order)
        y = attend(y, rotary=rotary)
        y = net.linear(y, f"{at}.attention.dense", width, width, bias=biased)
        if not parallel:
            x = net.add(x, y)
        z = net.norm(x, f"{at}.post_attention_layernorm", width, epsilon)
        z = net.activation(net.linear(z, f"{at}.mlp.dense_h_to_4h", width, inner), act)
        z = net.linear(z, f"{at}.mlp.dense_4h_to_h", inner, width)
        x = net.add(net.add(x, y), z) if parallel else net.add(x, z)
    x = net.norm(net.last(x), "final_layer_norm", width, epsilon)
    _head_of(net, config, x, "embed_in", vocabulary, width, tied=False, names=("embed_out",))
    return Shape(layers, heads, head, context, vocabulary)


def bloom(config: Config, net: Net) -> Shape:
    width = config.whole("n_embed", "hidden_size")
    heads, layers = config.whole("n_head", "num_attention_heads"), _layers(config, "n_layer")
    vocabulary = config.whole("vocab_size", most=1 << 24)
    context = config.whole("seq_length", default=2048)
    epsilon = config.number("layer_norm_epsilon", default=1e-5)
    normed = config.flag("apply_residual_connection_post_layernorm", False)
    head = _head(config, width, heads)
    ids = _ids(net)
    x = net.rows(net.weight("word_embeddings.weight", vocabulary, width), ids)
    x = net.norm(x, "word_embeddings_layernorm", width, epsilon)
    attend = Attention(net, heads, head)
    bias = _alibi(net, ids, attend.total, heads)
    for i in range(layers):
        at = f"h.{i}"
        y = net.norm(x, f"{at}.input_layernorm", width, epsilon)
        stream = y if normed else x
        y = _interleaved(net, y, f"{at}.self_attention.query_key_value", heads, head, True)
        y = attend(y, bias=bias)
        x = net.add(stream, net.linear(y, f"{at}.self_attention.dense", width, width))
        y = net.norm(x, f"{at}.post_attention_layernorm", width, epsilon)
        stream = y if normed else x
        y = net.activation(net.linear(y, f"{at}.mlp.dense_h_to_4h", width, 4 * width), "gelu_new")
        x = net.add(stream, net.linear(y, f"{at}.mlp.dense_4h_to_h", 4 * width, width))
    x = net.norm(net.last(x), "ln_f", width, epsilon)
    _head_of(net, config, x, "word_embeddings", vocabulary, width)
    return Shape(layers, heads, head, context, vocabulary)


def opt(config: Config, net: Net) -> Shape:
    width, heads = config.whole("hidden_size"), config.whole("num_attention_heads")
    layers, inner = _layers(config, "num_hidden_layers"), config.whole("ffn_dim")
    vocabulary = config.whole("vocab_size", most=1 << 24)
    context = config.whole("max_position_embeddings", default=2048)
    outside = config.whole("word_embed_proj_dim", default=width)
    first, biased = config.flag("do_layer_norm_before", True), config.flag("enable_bias", True)
    affine = config.flag("layer_norm_elementwise_affine", True)
    act = config.word("activation_function", default="relu")
    head = _head(config, width, heads)
    ids, positions = _ids(net), _positions(net)

    def norm(x: str, name: str) -> str:
        return net.norm(x, name, width, 1e-5, affine=affine)

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
        y = attend(_side_by_side(net, y, f"{at}.self_attn", width, biased))
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
    _head_of(net, config, x, "embed_tokens", vocabulary, outside)
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
    "opt": Kind(opt, ("model.decoder.", "decoder.")),
}
"""By the `model_type` of config.json."""


def _layers(config: Config, name: str) -> int:
    return config.whole(name, "num_hidden_layers", most=1000)


def _head(config: Config, width: int, heads: int) -> int:
    """The width of one head. Raises StudioError where the heads do not share it evenly."""
    if width % heads or (width // heads) % 8:
        raise config.unfit(f"{width} numbers for {heads} heads are more than can be shared evenly")
    return width // heads


def _ids(net: Net) -> str:
    from onnx import TensorProto

    return net.flat(net.input("input_ids", TensorProto.INT64, [1, "tokens"]))


def _positions(net: Net) -> str:
    from onnx import TensorProto

    return net.flat(net.input("position_ids", TensorProto.INT64, [1, "tokens"]))


def _head_of(
    net: Net,
    config: Config,
    x: str,
    table: str,
    vocabulary: int,
    width: int,
    *,
    tied: bool = True,
    names: tuple[str, ...] = (),
) -> None:
    """Scores of every token: by a layer of its own, or by the table of embeddings where tied."""
    name = next((n for n in ("lm_head", *names) if f"{n}.weight" in net.weights), table)
    if config.flag("tie_word_embeddings", tied):
        name = table
    matrix = net.weights.take(f"{name}.weight", (vocabulary, width))
    net.logits(net.multiply(x, matrix, None, name))


def _interleaved(
    net: Net,
    x: str,
    name: str,
    heads: int,
    head: int,
    biased: bool,
    order: Sequence[int] | None = None,
) -> str:
    """Queries, keys and values of a layer that keeps the three together head by head.

    `order`: how the numbers of a head are put in queries and keys.
    """
    import numpy as np

    width = heads * head
    rows = np.arange(3 * width).reshape(heads, 3, head)
    if order is not None:
        rows[:, :2] = rows[:, :2, list(order)]
    rows = rows.swapaxes(0, 1).reshape(-1)
    matrix = net.weights.take(f"{name}.weight", (3 * width, width))[rows]
    offset = net.weights.take(f"{name}.bias", (3 * width,))[rows] if biased else None
    return net.multiply(x, matrix, offset, name)


def _side_by_side(net: Net, x: str, name: str, width: int, biased: bool) -> str:
    """Queries, keys and values of three layers by one multiplication."""
    import numpy as np

    parts = [f"{name}.{p}_proj" for p in "qkv"]
    matrix = np.concatenate([net.weights.take(f"{p}.weight", (width, width)) for p in parts])
    offset = None
    if biased:
        offset = np.concatenate([net.weights.take(f"{p}.bias", (width,)) for p in parts])
    return net.multiply(x, matrix, offset, name)


def _rotary(
    config: Config, net: Net, head: int, context: int
) -> tuple[tuple[str, str], tuple[int, ...]]:
    """Tables of cosines and sines, (context, half), and the order that heads are put in for them.

    The operator rotates number i with number i + half, and wants half to be a multiple of 8. Where
    a model rotates fewer, others are turned by nothing, and heads are put in such an order that
    the right ones meet; a product of queries and keys that are both in that order stays the same.
    """
    import numpy as np

    config.refuse("rope_scaling")
    rope = config.part("rope_parameters")
    if rope.word("rope_type", default="default") != "default":
        raise config.unfit("its positions are stretched in a way that Triptych does not know")
    part = rope.number("partial_rotary_factor", default=config.number("rotary_pct", default=0.25))
    base = rope.number("rope_theta", default=config.number("rotary_emb_base", default=10_000))
    pairs = int(head * min(part, 1.0)) // 2
    half = -(-pairs // 8) * 8
    if pairs < 1 or int(head * min(part, 1.0)) % 2 or 2 * half > head:
        raise config.unfit("its rotary positions do not fit its heads")
    # In single precision from here, as transformers has it: the angles grow with the position.
    speeds = np.zeros(half, np.float32)
    steps = np.arange(pairs, dtype=np.float32) * 2 / np.float32(2 * pairs)
    speeds[:pairs] = 1.0 / np.float32(base) ** steps
    angles = np.arange(context, dtype=np.float32)[:, None] * speeds[None, :]
    tables = net.floats(np.cos(angles), "cosines"), net.floats(np.sin(angles), "sines")
    still = [*range(2 * pairs, head)]
    spare = half - pairs
    order = [*range(pairs), *still[:spare], *range(pairs, 2 * pairs), *still[spare:]]
    return tables, tuple(order)


def _alibi(net: Net, ids: str, total: str, heads: int) -> str:
    """A bias that grows along the text, steeper for some heads: (1, heads, tokens, total)."""
    from onnx import TensorProto

    slopes = net.floats(_slopes(heads).reshape(1, heads, 1, 1), "slopes")
    count = net.node("Cast", total, to=TensorProto.INT64)
    places = net.node("Range", net.constant(0), count, net.constant(1))
    places = net.node("Cast", places, to=net.float)
    line = net.node("Mul", slopes, places)
    tokens = net.node("Shape", ids)
    length = net.node("Reshape", count, net.constant([1]))
    shape = net.node("Concat", net.constant([1, heads]), tokens, length, axis=0)
    return net.node("Expand", line, shape)


def _slopes(heads: int) -> npt.NDArray[np.float32]:
    """One slope a head, as Press et al. 2022 set them for any number of heads."""
    import numpy as np

    nearest = 1 << (heads.bit_length() - 1)

    def powers(count: int) -> npt.NDArray[np.float64]:
        return 2.0 ** (-8.0 / count * np.arange(1, count + 1))

    slopes = powers(nearest)
    if nearest != heads:
        slopes = np.concatenate([slopes, powers(2 * nearest)[::2][: heads - nearest]])
    return slopes.astype(np.float32)
