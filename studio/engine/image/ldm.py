"""The names that the first Stable Diffusion's own program had for the weights of a UNet.

Checkpoints in one file use them, and LoRAs for Stable Diffusion XL that kohya's trainer wrote.
"""

from __future__ import annotations

import re
from collections.abc import Collection

_PLAIN = {
    "time_embedding.linear_1": "time_embed.0",
    "time_embedding.linear_2": "time_embed.2",
    "add_embedding.linear_1": "label_emb.0.0",
    "add_embedding.linear_2": "label_emb.0.2",
    "conv_in": "input_blocks.0.0",
    "conv_norm_out": "out.0",
    "conv_out": "out.2",
}
_RESNET = {
    "norm1": "in_layers.0",
    "conv1": "in_layers.2",
    "norm2": "out_layers.0",
    "conv2": "out_layers.3",
    "time_emb_proj": "emb_layers.1",
    "conv_shortcut": "skip_connection",
}
_BLOCK = re.compile(r"(down|up|mid)_block(?:s\.(\d+))?\.([a-z]+)\.(\d+)\.(.*)")


def unet_name(name: str, names: Collection[str], layers: int) -> str:
    """The old name of a UNet's weight, from diffusers' name of it.

    `names` are all of diffusers' names, `layers` the config's layers_per_block. Raises ValueError
    for a name that no UNet of that time has.
    """
    head, _, kind = name.rpartition(".")
    if head in _PLAIN:
        return f"{_PLAIN[head]}.{kind}"
    found = _BLOCK.fullmatch(name)
    if found is None:
        raise ValueError(name)
    way, level, what, number, rest = found.groups()
    if what == "resnets":
        part, _, kind = rest.rpartition(".")
        rest = f"{_RESNET.get(part, part)}.{kind}"
    if way == "mid":
        return f"middle_block.{1 if what == 'attentions' else 2 * int(number)}.{rest}"
    place = {"resnets": 0, "attentions": 1, "downsamplers": 0, "upsamplers": 1}[what]
    if what == "downsamplers":
        rest = rest.replace("conv", "op", 1)
    if what == "upsamplers" and any(n.startswith(f"up_blocks.{level}.attentions.") for n in names):
        place = 2
    at = int(number) if what in ("resnets", "attentions") else layers
    block = int(level) * (layers + 1) + at
    if way == "down":
        return f"input_blocks.{block + 1}.{place}.{rest}"  # the first one is the convolution
    return f"output_blocks.{block}.{place}.{rest}"
