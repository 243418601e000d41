"""What decoders are built of: attention that looks back, positions, and the scores at the end.

Rotary positions: Su et al. 2021; positions as linear biases (ALiBi): Press et al. 2022.
"""

from __future__ import annotations

from collections.abc import Sequence
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

    def __init__(self, net: Net, heads: int, head: int, shared: int = 0) -> None:
        """`shared`: heads of keys and values, where several queries share one."""
        from onnx import TensorProto

        self._net, self._heads, self._head, self._shared = net, heads, head, shared or heads
        self._before = net.input("seqlens_k", TensorProto.INT32, [1])
        self.total = net.input("total_sequence_length", TensorProto.INT32, [])
        self._layers = 0

    def __call__(
        self,
        query: str,
        key: str = "",
        value: str = "",
        *,
        scale: float = 0.0,
        bias: str = "",
        rotary: tuple[str, str] | None = None,
    ) -> str:
        """(tokens, heads · head) each -> (tokens, heads · head).

        Without `key` and `value` the three lie side by side in `query`. `scale` 0 divides by the
        root of a head's width. `bias`: (1, heads, tokens, total). `rotary`: tables of cosines and
        sines for the rotated front part of each head.
        """
        net, number = self._net, self._layers
        width, narrow = self._heads * self._head, self._shared * self._head
        self._layers += 1
        shape: list[int | str] = [1, self._shared, "room", self._head]
        pasts = [f"past_key_values.{number}.{half}" for half in ("key", "value")]
        for name in pasts:
            net.input(name, net.float, shape)
        presents = [f"present.{number}.{half}" for half in ("key", "value")]
        if key:
            inputs = [net.batched(query, width), net.batched(key, narrow)]
            inputs.append(net.batched(value, narrow))
        else:
            inputs = [net.batched(query, width + 2 * narrow), "", ""]
        inputs += [*pasts, self._before, self.total]
        if rotary or bias:
            inputs += rotary or ("", "")
        if bias:
            inputs += ["", bias]
        result = f"attention.{number}"
        net.node_named(
            "GroupQueryAttention",
            inputs,
            [result, *presents],
            domain=CONTRIB,
            num_heads=self._heads,
            kv_num_heads=self._shared,
            do_rotary=int(rotary is not None),
            scale=scale,
        )
        for name in presents:
            net.declare(name, net.float, shape)
        return net.unbatched(result, width)


def layers_of(config: Config, name: str) -> int:
    return config.whole(name, "num_hidden_layers", most=1000)


def head_of(config: Config, width: int, heads: int) -> int:
    """The width of one head. Raises StudioError where the heads do not share it evenly."""
    if width % heads or (width // heads) % 8:
        raise config.unfit(f"{width} numbers for {heads} heads are more than can be shared evenly")
    return width // heads


def ids_of(net: Net) -> str:
    from onnx import TensorProto

    return net.flat(net.input("input_ids", TensorProto.INT64, [1, "tokens"]))


def positions_of(net: Net) -> str:
    from onnx import TensorProto

    return net.flat(net.input("position_ids", TensorProto.INT64, [1, "tokens"]))


def scores(
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


def interleaved(
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
    places = np.arange(3 * width).reshape(heads, 3, head)
    if order is not None:
        places[:, :2] = places[:, :2, list(order)]
    rows = places.swapaxes(0, 1).reshape(-1)
    matrix = net.weights.take(f"{name}.weight", (3 * width, width))[rows]
    offset = net.weights.take(f"{name}.bias", (3 * width,))[rows] if biased else None
    return net.multiply(x, matrix, offset, name)


def side_by_side(
    net: Net, x: str, names: Sequence[str], width: int, widths: Sequence[int], biased: bool
) -> str:
    """What several layers give, side by side, by one multiplication."""
    import numpy as np

    sizes = list(zip(names, widths, strict=True))
    matrix = np.concatenate([net.weights.take(f"{n}.weight", (w, width)) for n, w in sizes])
    offset = None
    if biased:
        offset = np.concatenate([net.weights.take(f"{n}.bias", (w,)) for n, w in sizes])
    return net.multiply(x, matrix, offset, f"{names[0]}.and")


def rotary_of(
    config: Config, net: Net, head: int, context: int, part: float = 1.0
) -> tuple[tuple[str, str], tuple[int, ...]]:
    """Tables of cosines and sines, (context, half), and the order that heads are put in for them.

    The operator rotates number i with number i + half, and wants half to be a multiple of 8. Where
    a model rotates fewer, others are turned by nothing, and heads are put in such an order that
    the right ones meet; a product of queries and keys that are both in that order stays the same.
    """
    import numpy as np

    config.refuse("rope_scaling")
    rope = config.part("rope_parameters")
    if rope.word("rope_type", "type", default="default") != "default":
        raise config.unfit("its positions are stretched in a way that Triptych does not know")
    part = rope.number("partial_rotary_factor", default=config.number("rotary_pct", default=part))
    base = config.number("rope_theta", "rotary_emb_base", default=10_000)
    base = rope.number("rope_theta", default=base)
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


def alibi(net: Net, ids: str, total: str, heads: int) -> str:
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
        return np.power(2.0, -8.0 / count * np.arange(1, count + 1, dtype=np.float64))

    slopes = powers(nearest)
    if nearest != heads:
        slopes = np.concatenate([slopes, powers(2 * nearest)[::2][: heads - nearest]])
    return slopes.astype(np.float32)
