"""Models that make one text of another: T5 (mT5) and BART, as graphs.

Each is two graphs. The first reads the text and gives, for every layer of the second, the keys
and values that it looks at; the second writes token by token. Sources: the published definitions
in transformers, whose numbers the tests compare with; relative positions in buckets: Raffel et
al. 2020.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from studio.engine.text.looking_back import Attention, ids_of, positions_of, side_by_side
from studio.engine.text.masked_nets import Names, layer
from studio.engine.text.net import Config, Net

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt


@dataclass(frozen=True, slots=True)
class _T5:
    """The numbers of a T5 configuration."""

    width: int
    inner: int
    heads: int
    head: int
    layers: int
    below: int
    """Layers of the encoder."""
    vocabulary: int
    epsilon: float
    gated: bool
    act: str
    buckets: int
    distance: int

    @classmethod
    def of(cls, config: Config) -> _T5:
        kind = config.word("feed_forward_proj", default="relu")
        gated = kind.startswith("gated-")
        act = kind.removeprefix("gated-")
        below = config.whole("num_layers", default=6, most=1000)
        kinds = config.whole("relative_attention_num_buckets", default=32)
        distance = config.whole("relative_attention_max_distance", default=128)
        # Half of the buckets, in an encoder a quarter, are for one position each.
        if kinds < 4 or distance <= kinds // 2:
            raise config.unfit("its relative positions do not fit their buckets")
        return cls(
            width=config.whole("d_model"),
            inner=config.whole("d_ff"),
            heads=config.whole("num_heads"),
            head=config.whole("d_kv"),
            layers=config.whole("num_decoder_layers", default=below, most=1000),
            below=below,
            vocabulary=config.whole("vocab_size", most=1 << 24),
            epsilon=config.number("layer_norm_epsilon", default=1e-6),
            gated=gated,
            # What its authors call gelu is the approximation.
            act="gelu_new" if gated and act == "gelu" else act,
            buckets=kinds,
            distance=distance,
        )


def t5_encoder(config: Config, net: Net) -> None:
    t5 = _T5.of(config)
    ids = ids_of(net)
    x = net.rows(_t5_table(t5, net), ids)
    count = net.node("Shape", ids)
    places = _range(net, net.constant(0), net.node("Squeeze", count))
    bias = _relative(t5, net, "encoder", places, places, both=True)
    for i in range(t5.below):
        at = f"encoder.block.{i}.layer"
        y = net.root_norm(x, f"{at}.0.layer_norm", t5.width, t5.epsilon)
        wide = t5.heads * t5.head
        names = [f"{at}.0.SelfAttention.{p}" for p in "qkv"]
        y = side_by_side(net, y, names, t5.width, [wide] * 3, False)
        query, key, value = net.split(y, wide, wide, wide)
        y = net.attend(query, key, value, t5.heads, t5.head, scale=1.0, bias=bias)
        x = net.add(x, net.linear(y, f"{at}.0.SelfAttention.o", wide, t5.width, bias=False))
        x = _t5_forward(t5, net, x, f"{at}.1")
    x = net.root_norm(x, "encoder.final_layer_norm", t5.width, t5.epsilon)
    names = [f"decoder.block.{i}.layer.1.EncDecAttention" for i in range(t5.layers)]
    _give(net, x, [(f"{n}.k", f"{n}.v") for n in names], t5.width, t5.heads, t5.head, False)


def t5_decoder(config: Config, net: Net) -> int:
    t5 = _T5.of(config)
    ids = ids_of(net)
    x = net.rows(_t5_table(t5, net), ids)
    attend = Attention(net, t5.heads, t5.head)
    bias = _look_back(t5, net, ids, attend.total)
    wide = t5.heads * t5.head
    for i in range(t5.layers):
        at = f"decoder.block.{i}.layer"
        y = net.root_norm(x, f"{at}.0.layer_norm", t5.width, t5.epsilon)
        names = [f"{at}.0.SelfAttention.{p}" for p in "qkv"]
        y = side_by_side(net, y, names, t5.width, [wide] * 3, False)
        y = attend(y, scale=1.0, bias=bias)
        x = net.add(x, net.linear(y, f"{at}.0.SelfAttention.o", wide, t5.width, bias=False))
        y = net.root_norm(x, f"{at}.1.layer_norm", t5.width, t5.epsilon)
        y = net.linear(y, f"{at}.1.EncDecAttention.q", t5.width, wide, bias=False)
        key, value = _take(net, i, t5.heads, t5.head)
        y = net.attend(y, key, value, t5.heads, t5.head, scale=1.0, ready=True)
        x = net.add(x, net.linear(y, f"{at}.1.EncDecAttention.o", wide, t5.width, bias=False))
        x = _t5_forward(t5, net, x, f"{at}.2")
    x = net.root_norm(net.last(x), "decoder.final_layer_norm", t5.width, t5.epsilon)
    # The first T5 scales here; T5 1.1 and Flan, which say so by this setting, and mT5 do not.
    first = config.word("model_type") == "t5" and config.flag("tie_word_embeddings", True)
    if config.flag("scale_decoder_outputs", first) and config.word("model_type") == "t5":
        x = net.times(x, t5.width**-0.5)
    # That setting does not tell whether the scores have weights of their own; the file does.
    name = "lm_head.weight" if "lm_head.weight" in net.weights else _t5_name(net)
    net.logits(net.multiply(x, net.weights.take(name, (t5.vocabulary, t5.width)), None, "scores"))
    return t5.vocabulary


def bart_encoder(config: Config, net: Net) -> None:
    width, heads = config.whole("d_model"), config.whole("encoder_attention_heads")
    inner, act = config.whole("encoder_ffn_dim"), config.word("activation_function", default="gelu")
    ids = ids_of(net)
    end = net.node("Squeeze", net.node("Shape", ids))
    places = _range(net, net.constant(0), end)
    x = _bart_words(config, net, ids, places, "encoder", width)
    for i in range(config.whole("encoder_layers", most=1000)):
        at = f"encoder.layers.{i}"
        x = layer(config, net, x, _bart_names(at), width, inner, heads, act, 1e-5)
    heads = config.whole("decoder_attention_heads")
    count = config.whole("decoder_layers", most=1000)
    names = [f"decoder.layers.{i}.encoder_attn" for i in range(count)]
    pairs = [(f"{n}.k_proj", f"{n}.v_proj") for n in names]
    _give(net, x, pairs, width, heads, width // heads, True)


def bart_decoder(config: Config, net: Net) -> int:
    width, heads = config.whole("d_model"), config.whole("decoder_attention_heads")
    inner, act = config.whole("decoder_ffn_dim"), config.word("activation_function", default="gelu")
    vocabulary = config.whole("vocab_size", most=1 << 24)
    if width % heads or (width // heads) % 8:
        raise config.unfit("its heads do not share its width evenly")
    ids, places = ids_of(net), positions_of(net)
    x = _bart_words(config, net, ids, places, "decoder", width)
    attend = Attention(net, heads, width // heads)
    for i in range(config.whole("decoder_layers", most=1000)):
        at = f"decoder.layers.{i}"
        names = [f"{at}.self_attn.{p}_proj" for p in "qkv"]
        y = attend(side_by_side(net, x, names, width, [width] * 3, True))
        x = net.add(x, net.linear(y, f"{at}.self_attn.out_proj", width, width))
        x = net.norm(x, f"{at}.self_attn_layer_norm", width, 1e-5)
        y = net.linear(x, f"{at}.encoder_attn.q_proj", width, width)
        key, value = _take(net, i, heads, width // heads)
        y = net.attend(y, key, value, heads, width // heads, ready=True)
        x = net.add(x, net.linear(y, f"{at}.encoder_attn.out_proj", width, width))
        x = net.norm(x, f"{at}.encoder_attn_layer_norm", width, 1e-5)
        y = net.activation(net.linear(x, f"{at}.fc1", width, inner), act)
        x = net.add(x, net.linear(y, f"{at}.fc2", inner, width))
        x = net.norm(x, f"{at}.final_layer_norm", width, 1e-5)
    matrix = net.weights.take(_bart_name(net), (vocabulary, width))
    offset = None
    if "final_logits_bias" in net.weights:
        offset = net.weights.take("final_logits_bias", (1, vocabulary)).reshape(-1)
    net.logits(net.multiply(net.last(x), matrix, offset, "scores"))
    return vocabulary


@dataclass(frozen=True, slots=True)
class Kind:
    """How one kind of model is built; `decoder` gives the size of the vocabulary."""

    encoder: Callable[[Config, Net], None]
    decoder: Callable[[Config, Net], int]
    prefixes: tuple[str, ...] = ()
    half: bool = True
    """Its numbers stay within those of 16 bits."""
    told: bool = False
    """It is told its task by the first words."""


KINDS = {
    "t5": Kind(t5_encoder, t5_decoder, half=False, told=True),
    "mt5": Kind(t5_encoder, t5_decoder, half=False, told=True),
    "bart": Kind(bart_encoder, bart_decoder, ("model.",)),
}
"""By the `model_type` of config.json."""


def _t5_name(net: Net) -> str:
    names = ("shared.weight", "encoder.embed_tokens.weight", "decoder.embed_tokens.weight")
    return next((n for n in names if n in net.weights), names[0])


def _t5_table(t5: _T5, net: Net) -> str:
    return net.weight(_t5_name(net), t5.vocabulary, t5.width)


def _t5_forward(t5: _T5, net: Net, x: str, at: str) -> str:
    """The part of a layer that looks at each token alone."""
    y = net.root_norm(x, f"{at}.layer_norm", t5.width, t5.epsilon)
    at = f"{at}.DenseReluDense"
    if t5.gated:
        gate = net.linear(y, f"{at}.wi_0", t5.width, t5.inner, bias=False)
        y = net.linear(y, f"{at}.wi_1", t5.width, t5.inner, bias=False)
        y = net.node("Mul", net.activation(gate, t5.act), y)
    else:
        y = net.activation(net.linear(y, f"{at}.wi", t5.width, t5.inner, bias=False), t5.act)
    return net.add(x, net.linear(y, f"{at}.wo", t5.inner, t5.width, bias=False))


def _range(net: Net, start: str, end: str) -> str:
    return net.node("Range", start, end, net.constant(1))


def _look_back(t5: _T5, net: Net, ids: str, total: str) -> str:
    from onnx import TensorProto

    end = net.node("Cast", total, to=TensorProto.INT64)
    start = net.node("Sub", end, net.node("Squeeze", net.node("Shape", ids)))
    queries, keys = _range(net, start, end), _range(net, net.constant(0), end)
    return _relative(t5, net, "decoder", queries, keys, both=False)


def _relative(t5: _T5, net: Net, half: str, queries: str, keys: str, *, both: bool) -> str:
    """The bias of relative positions, (1, heads, queries, keys)."""
    import numpy as np

    name = f"{half}.block.0.layer.0.SelfAttention.relative_attention_bias.weight"
    learned = net.weights.take(name, (t5.buckets, t5.heads))
    # Everything farther away than `distance` is in one bucket: a table of the rest is enough.
    least = -t5.distance if both else 0
    offsets = np.arange(least, t5.distance + 1) if both else -np.arange(t5.distance + 1)
    table = net.floats(learned[buckets(offsets, t5.buckets, t5.distance, both)], f"{half}.bias")
    rows = net.node("Unsqueeze", queries, net.constant([1]))
    away = net.node("Sub", keys, rows) if both else net.node("Sub", rows, keys)
    away = net.node("Clip", away, net.constant(least), net.constant(t5.distance))
    away = net.node("Sub", away, net.constant(least))
    found = net.node("Transpose", net.rows(table, away), perm=[2, 0, 1])
    return net.node("Unsqueeze", found, net.constant([0]))


def buckets(
    offsets: npt.NDArray[np.int64], count: int, distance: int, both: bool
) -> npt.NDArray[np.int64]:
    """In which of `count` buckets a position lies that is `offsets` tokens ahead.

    Near ones have a bucket each, farther ones share one in logarithmic steps up to `distance`
    (Raffel et al. 2020, section 2.1). Behind the token lie half of the buckets where it looks in
    both directions, else all.
    """
    import numpy as np

    found = np.zeros_like(offsets)
    if both:
        count //= 2
        found += (offsets > 0) * count
        away = np.abs(offsets)
    else:
        away = -np.minimum(offsets, 0)
    exact = count // 2
    steps = np.log(np.maximum(away, 1).astype(np.float32) / np.float32(exact))
    steps = steps / np.float32(math.log(distance / exact)) * np.float32(count - exact)
    far = np.minimum(exact + steps.astype(np.int64), count - 1)
    return np.asarray(found + np.where(away < exact, away, far), dtype=np.int64)


def _give(
    net: Net, x: str, names: list[tuple[str, str]], width: int, heads: int, head: int, biased: bool
) -> None:
    """The outputs of an encoder: keys and values for every layer of the decoder."""
    shape: list[int | str] = [1, heads, "source", head]
    for i, pair in enumerate(names):
        for half, name in zip(("key", "value"), pair, strict=True):
            y = net.linear(x, name, width, heads * head, bias=biased)
            y = net.node("Reshape", y, net.constant([1, -1, heads, head]))
            y = net.node("Transpose", y, perm=[0, 2, 1, 3])
            net.output(y, f"cross.{i}.{half}", net.float, shape)


def _take(net: Net, number: int, heads: int, head: int) -> tuple[str, str]:
    """The inputs of a decoder's layer that an encoder gives."""
    shape: list[int | str] = [1, heads, "source", head]
    key = net.input(f"cross.{number}.key", net.float, shape)
    return key, net.input(f"cross.{number}.value", net.float, shape)


def _bart_name(net: Net) -> str:
    names = ("shared.weight", "encoder.embed_tokens.weight", "decoder.embed_tokens.weight")
    return next((n for n in (*names, "lm_head.weight") if n in net.weights), names[0])


def _bart_words(config: Config, net: Net, ids: str, places: str, half: str, width: int) -> str:
    """Tokens and their places, normalized."""
    context = config.whole("max_position_embeddings", default=1024)
    vocabulary = config.whole("vocab_size", most=1 << 24)
    x = net.rows(net.weight(_bart_name(net), vocabulary, width), ids)
    if config.flag("scale_embedding", False):
        x = net.times(x, width**0.5)
    table = net.weight(f"{half}.embed_positions.weight", context + 2, width)
    # The first two rows of the table are left from padding, as the model was trained.
    x = net.add(x, net.rows(table, net.node("Add", places, net.constant(2))))
    return net.norm(x, f"{half}.layernorm_embedding", width, 1e-5)


def _bart_names(at: str) -> Names:
    return Names(
        query=f"{at}.self_attn.q_proj",
        key=f"{at}.self_attn.k_proj",
        value=f"{at}.self_attn.v_proj",
        out=f"{at}.self_attn.out_proj",
        first_norm=f"{at}.self_attn_layer_norm",
        up=f"{at}.fc1",
        down=f"{at}.fc2",
        second_norm=f"{at}.final_layer_norm",
    )
