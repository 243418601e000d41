"""Stand-ins for the text encoders: CLIP with and without projection, and T5.

They also do what no pipeline does: words with weights, more words than one encoding holds, and
fewer layers. Token ids may carry a weight in thousandths above their lower 32 bits, and a row may
be several encodings long (`studio.engine.image.words` writes such ids); so every pipeline's own
code stays as it is.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

from studio.core.errors import StudioError
from studio.engine.image.standins import Graph, standin

if TYPE_CHECKING:
    import torch

MARK = 32
"""Bits of an id below its weight."""

Blank = Callable[[int], "torch.Tensor"]
"""The ids (1, length) of a text without words."""

INPUTS = (("input_ids",), ("attention_mask",))
"""What the graph of a text encoder must have as inputs, and what it may have."""


def text_encoder(config: Mapping[str, Any], graph: Graph, blank: Blank) -> Any:
    """The transformers class that a configuration tells, computed by `graph`.

    Raises ValueError for an encoder of another kind.
    """
    model = str(config.get("model_type"))
    if model not in BUILDERS:
        raise ValueError(f"text encoder of type {model[:60]}")
    settings = {k: v for k, v in config.items() if not k.startswith("_")}
    return BUILDERS[model](settings, graph, blank)


def _clip(config: dict[str, Any], graph: Graph, blank: Blank) -> Any:
    """A CLIPTextModel, or one with projection where the graph gives `text_embeds`."""
    from transformers import CLIPTextConfig, CLIPTextModel, CLIPTextModelWithProjection
    from transformers.modeling_outputs import BaseModelOutputWithPooling
    from transformers.models.clip.modeling_clip import CLIPTextModelOutput

    settings = CLIPTextConfig(**config)
    norm = _FinalNorm(settings.layer_norm_eps)

    def forward(
        self: Any,
        input_ids: torch.Tensor,
        attention_mask: torch.Tensor | None = None,
        output_hidden_states: bool = False,
        **others: Any,
    ) -> Any:
        found = _encode(graph, input_ids, settings.max_position_embeddings, blank, attention_mask)
        if output_hidden_states and not found.hidden:
            raise StudioError(
                "The text encoder of this model gives nothing but its last layer.",
                "Set clip skip to 0, or choose another model.",
            )
        norm.seen = found.plain
        hidden = found.hidden if output_hidden_states else None
        if "text_embeds" in found.pooled:
            return CLIPTextModelOutput(
                text_embeds=found.pooled["text_embeds"],
                last_hidden_state=found.last,
                hidden_states=hidden,
            )
        return BaseModelOutputWithPooling(
            last_hidden_state=found.last,
            pooler_output=found.pooled.get("pooler_output"),
            hidden_states=hidden,
        )

    cls = CLIPTextModelWithProjection if "text_embeds" in graph.outputs else CLIPTextModel
    # Pipelines ask for it when layers are skipped, under the name that it once had.
    return standin(cls, settings, forward, text_model=SimpleNamespace(final_layer_norm=norm))


def _t5(config: dict[str, Any], graph: Graph, blank: Blank) -> Any:
    """A T5EncoderModel."""
    from transformers import T5Config, T5EncoderModel
    from transformers.modeling_outputs import BaseModelOutput

    def forward(
        self: Any,
        input_ids: torch.Tensor,
        attention_mask: torch.Tensor | None = None,
        **others: Any,
    ) -> Any:
        found = _encode(graph, input_ids, input_ids.shape[1], blank, attention_mask)
        return BaseModelOutput(last_hidden_state=found.last)

    return standin(T5EncoderModel, T5Config(**config), forward)


BUILDERS: dict[str, Callable[[dict[str, Any], Graph, Blank], Any]] = {
    "clip_text_model": _clip,
    "t5": _t5,
}
"""By model_type."""


def _encode(
    graph: Graph, ids: torch.Tensor, length: int, blank: Blank, mask: torch.Tensor | None
) -> SimpleNamespace:
    """What the graph says to (batch, pieces * length) ids, pieces joined and weights applied.

    Weights move a word away from a text without words, or towards it, as compel does
    (github.com/damian0815/compel, embeddings_provider.py).
    """
    import torch

    batch, total = ids.shape
    length = min(length, total)
    weights = (ids >> MARK).double() / 1000
    weights = torch.where(weights == 0, 1.0, weights).float().unsqueeze(-1)
    rows = (ids & (1 << MARK) - 1).reshape(-1, length)
    if mask is not None:
        mask = mask.reshape(-1, length)
    weighted = bool((weights != 1).any())
    if weighted:
        rows = torch.cat([rows, blank(length).to(rows)])
        mask = None if mask is None else torch.cat([mask, torch.ones_like(mask[:1])])
    found = graph(input_ids=rows, attention_mask=torch.ones_like(rows) if mask is None else mask)
    named = dict(zip(graph.outputs, (f.float() for f in found), strict=True))

    def joined(states: torch.Tensor) -> torch.Tensor:
        if not weighted:
            return states.reshape(batch, total, -1)
        empty = states[-1:].repeat(1, total // length, 1)
        return empty + (states[:-1].reshape(batch, total, -1) - empty) * weights

    hidden = [named[n] for n in graph.outputs if n.startswith("hidden_states")]
    last = named.get("last_hidden_state")
    if last is None:
        last = next(v for v in named.values() if v.ndim == 3)
    count = total // length  # a text is summed up by its first piece
    pooled = {n: v[: batch * count : count] for n, v in named.items() if v.ndim == 2}
    return SimpleNamespace(
        last=joined(last),
        hidden=tuple(joined(h) for h in hidden),
        pooled=pooled,
        plain=(hidden[-1], last) if hidden else None,
    )


class _FinalNorm:
    """CLIP's last layer norm, found from what went into it and what came out.

    The graph holds its weights, but not under a name that every exporter keeps.
    """

    def __init__(self, epsilon: float) -> None:
        self._epsilon = epsilon
        self.seen: tuple[torch.Tensor, torch.Tensor] | None = None
        """What the last encoding showed: states before the norm, and after it."""

    def __call__(self, states: torch.Tensor) -> torch.Tensor:
        """States (batch, tokens, width), normed. Raises StudioError where it is no such norm."""
        assert self.seen is not None
        before, after = (s.reshape(-1, s.shape[-1]).double() for s in self.seen)
        known = self._plain(before)
        # A line through each channel's points: what every channel is multiplied by, and shifted.
        offset = known - known.mean(0)
        gain = (offset * (after - after.mean(0))).sum(0) / offset.square().sum(0).clamp(min=1e-12)
        shift = after.mean(0) - gain * known.mean(0)
        if (known * gain + shift - after).abs().max() > 0.05 * after.abs().max():
            raise StudioError(
                "The text encoder of this model does not show how it norms its last layer.",
                "Set clip skip to 0, or choose another model.",
            )
        return (self._plain(states.double()) * gain + shift).to(states.dtype)

    def _plain(self, states: torch.Tensor) -> torch.Tensor:
        centred = states - states.mean(-1, keepdim=True)
        spread = centred.square().mean(-1, keepdim=True)
        return centred / (spread + self._epsilon).sqrt()
