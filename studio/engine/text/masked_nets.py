"""Models that know what stands in a blank: BERT, RoBERTa and DistilBERT, as graphs.

Sources: the published definitions in transformers, whose numbers the tests compare with. The
graphs take the tokens of one text and the places of its blanks, and score every token there.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from studio.engine.text.looking_back import side_by_side
from studio.engine.text.net import Config, Net


@dataclass(frozen=True, slots=True)
class Names:
    """What the parts of a layer are called."""

    query: str
    key: str
    value: str
    out: str
    first_norm: str
    up: str
    down: str
    second_norm: str


def bert(config: Config, net: Net) -> int:
    config.refuse("position_embedding_type", "absolute")
    return _bert(config, net, 0, _head_of_bert)


def roberta(config: Config, net: Net) -> int:
    config.refuse("position_embedding_type", "absolute")
    # Its positions begin behind the number of the padding token.
    skipped = (config.ids("pad_token_id") or [1])[0] + 1
    return _bert(config, net, skipped, _head_of_roberta)


def _bert(config: Config, net: Net, skipped: int, head: Callable[[Config, Net, str], str]) -> int:
    width, layers = config.whole("hidden_size"), config.whole("num_hidden_layers", most=1000)
    vocabulary = config.whole("vocab_size", most=1 << 24)
    context = config.whole("max_position_embeddings", default=512)
    epsilon = config.number("layer_norm_eps", default=1e-12)
    act = config.word("hidden_act", default="gelu")
    ids, at = _inputs(net)
    x = net.rows(net.weight("embeddings.word_embeddings.weight", vocabulary, width), ids)
    places = net.weight("embeddings.position_embeddings.weight", context, width)
    x = net.add(x, net.rows(places, _counted(net, ids, skipped)))
    kinds = config.whole("type_vocab_size", default=2)
    table = net.weights.take("embeddings.token_type_embeddings.weight", (kinds, width))
    x = net.add(x, net.floats(table[0], "token_type"))
    x = net.norm(x, "embeddings.LayerNorm", width, epsilon)
    for i in range(layers):
        y = f"encoder.layer.{i}"
        names = Names(
            query=f"{y}.attention.self.query",
            key=f"{y}.attention.self.key",
            value=f"{y}.attention.self.value",
            out=f"{y}.attention.output.dense",
            first_norm=f"{y}.attention.output.LayerNorm",
            up=f"{y}.intermediate.dense",
            down=f"{y}.output.dense",
            second_norm=f"{y}.output.LayerNorm",
        )
        heads, inner = config.whole("num_attention_heads"), config.whole("intermediate_size")
        x = layer(config, net, x, names, width, inner, heads, act, epsilon)
    x = head(config, net, net.rows(x, at))
    name = "embeddings.word_embeddings.weight"
    net.logits(_scored(config, net, x, name, vocabulary, width))
    return context - skipped


def distilbert(config: Config, net: Net) -> int:
    width, layers = config.whole("dim"), config.whole("n_layers", most=1000)
    vocabulary = config.whole("vocab_size", most=1 << 24)
    context = config.whole("max_position_embeddings", default=512)
    act = config.word("activation", default="gelu")
    ids, at = _inputs(net)
    x = net.rows(net.weight("embeddings.word_embeddings.weight", vocabulary, width), ids)
    places = net.weight("embeddings.position_embeddings.weight", context, width)
    x = net.add(x, net.rows(places, _counted(net, ids, 0)))
    x = net.norm(x, "embeddings.LayerNorm", width, 1e-12)
    for i in range(layers):
        y = f"transformer.layer.{i}"
        names = Names(
            query=f"{y}.attention.q_lin",
            key=f"{y}.attention.k_lin",
            value=f"{y}.attention.v_lin",
            out=f"{y}.attention.out_lin",
            first_norm=f"{y}.sa_layer_norm",
            up=f"{y}.ffn.lin1",
            down=f"{y}.ffn.lin2",
            second_norm=f"{y}.output_layer_norm",
        )
        heads, inner = config.whole("n_heads"), config.whole("hidden_dim")
        x = layer(config, net, x, names, width, inner, heads, act, 1e-12)
    x = net.activation(net.linear(net.rows(x, at), "vocab_transform", width, width), act)
    x = net.norm(x, "vocab_layer_norm", width, 1e-12)
    net.logits(_scored(config, net, x, "embeddings.word_embeddings.weight", vocabulary, width))
    return context


def layer(
    config: Config, net: Net, x: str, names: Names, width: int, inner: int, heads: int, act: str,
    epsilon: float,
) -> str:  # fmt: skip
    """A layer that looks in all directions and normalizes what it adds (Vaswani et al. 2017)."""
    if width % heads:
        raise config.unfit("its heads do not share its width evenly")
    three = (names.query, names.key, names.value)
    y = side_by_side(net, x, three, width, [width] * 3, True)
    query, key, value = net.split(y, width, width, width)
    y = net.attend(query, key, value, heads, width // heads)
    x = net.add(x, net.linear(y, names.out, width, width))
    x = net.norm(x, names.first_norm, width, epsilon)
    y = net.activation(net.linear(x, names.up, width, inner), act)
    x = net.add(x, net.linear(y, names.down, inner, width))
    return net.norm(x, names.second_norm, width, epsilon)


@dataclass(frozen=True, slots=True)
class Kind:
    """How one kind of model is built; `build` gives the longest text in tokens."""

    build: Callable[[Config, Net], int]
    prefixes: tuple[str, ...]


KINDS = {
    "bert": Kind(bert, ("bert.",)),
    "roberta": Kind(roberta, ("roberta.",)),
    "distilbert": Kind(distilbert, ("distilbert.",)),
}
"""By the `model_type` of config.json."""


def _inputs(net: Net) -> tuple[str, str]:
    from onnx import TensorProto

    ids = net.flat(net.input("input_ids", TensorProto.INT64, [1, "tokens"]))
    return ids, net.input("blanks", TensorProto.INT64, ["blanks"])


def _counted(net: Net, ids: str, first: int) -> str:
    """The numbers of the places of all tokens, from `first` on."""
    count = net.node("Squeeze", net.node("Shape", ids))
    end = net.node("Add", count, net.constant(first))
    return net.node("Range", net.constant(first), end, net.constant(1))


def _head_of_bert(config: Config, net: Net, x: str) -> str:
    width = config.whole("hidden_size")
    act = config.word("hidden_act", default="gelu")
    epsilon = config.number("layer_norm_eps", default=1e-12)
    x = net.activation(net.linear(x, "cls.predictions.transform.dense", width, width), act)
    return net.norm(x, "cls.predictions.transform.LayerNorm", width, epsilon)


def _head_of_roberta(config: Config, net: Net, x: str) -> str:
    width, epsilon = config.whole("hidden_size"), config.number("layer_norm_eps", default=1e-12)
    x = net.activation(net.linear(x, "lm_head.dense", width, width), "gelu")
    return net.norm(x, "lm_head.layer_norm", width, epsilon)


def _scored(config: Config, net: Net, x: str, table: str, vocabulary: int, width: int) -> str:
    """Scores of every token, by the table of embeddings or a layer of its own."""
    layers = ("cls.predictions.decoder", "lm_head.decoder", "vocab_projector")
    offsets = ("cls.predictions.bias", "lm_head.bias", *(f"{name}.bias" for name in layers))
    own = next((f"{n}.weight" for n in layers if f"{n}.weight" in net.weights), table)
    name = table if config.flag("tie_word_embeddings", True) else own
    offset = next((n for n in offsets if n in net.weights), offsets[0])
    matrix = net.weights.take(name, (vocabulary, width))
    return net.multiply(x, matrix, net.weights.take(offset, (vocabulary,)), "scores")
