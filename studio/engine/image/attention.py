"""Attention that is exported as one node, so that a graph never holds the whole of its scores.

ONNX Runtime computes `com.microsoft::MultiHeadAttention` in blocks (Dao et al. 2022) on the
processor and on GPUs. What the exporter makes of attention by itself holds every score at once: at
512 x 512 pixels a gigabyte for Stable Diffusion, and a step takes a quarter longer.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import torch


def fuse(module: torch.nn.Module) -> None:
    """Have every attention of diffusers' plain kind in a module exported as one node."""
    from diffusers.models.attention_processor import Attention

    for part in module.modules():
        if isinstance(part, Attention) and _plain(part):
            part.set_processor(Fused())


def _plain(part: Any) -> bool:
    """Whether it does no more than what `Fused` does."""
    extras = ("spatial_norm", "norm_q", "norm_k", "add_q_proj", "add_k_proj")
    return not any(getattr(part, name, None) is not None for name in extras)


class Fused:
    """What diffusers' AttnProcessor2_0 computes, with the attention itself in one node.

    Without a mask: the models that are run here are given none.
    """

    def __call__(
        self,
        attn: Any,
        hidden_states: torch.Tensor,
        encoder_hidden_states: torch.Tensor | None = None,
        attention_mask: torch.Tensor | None = None,
        temb: torch.Tensor | None = None,
        *args: Any,
        **kwargs: Any,
    ) -> torch.Tensor:
        """Hidden states (batch, tokens, channels) or (batch, channels, height, width), likewise.

        Raises ValueError where a mask is given.
        """
        if attention_mask is not None:
            raise ValueError("a mask cannot be exported in this way")
        residual, shape = hidden_states, hidden_states.shape
        flat = hidden_states.ndim == 3
        if not flat:
            hidden_states = hidden_states.flatten(2).transpose(1, 2)
        if attn.group_norm is not None:
            hidden_states = attn.group_norm(hidden_states.transpose(1, 2)).transpose(1, 2)
        seen = hidden_states if encoder_hidden_states is None else encoder_hidden_states
        if encoder_hidden_states is not None and attn.norm_cross:
            seen = attn.norm_encoder_hidden_states(seen)
        query, key, value = attn.to_q(hidden_states), attn.to_k(seen), attn.to_v(seen)
        mixed: torch.Tensor = _node()(query, key, value, attn.heads, float(attn.scale))
        mixed = attn.to_out[1](attn.to_out[0](mixed))
        if not flat:
            mixed = mixed.transpose(1, 2).reshape(shape)
        if attn.residual_connection:
            mixed = mixed + residual
        result: torch.Tensor = mixed / attn.rescale_output_factor
        return result


def _node() -> Any:
    """The attention as torch computes it, and as the exporter writes it down."""
    import torch

    class Node(torch.autograd.Function):
        @staticmethod
        def forward(
            ctx: Any,
            query: torch.Tensor,
            key: torch.Tensor,
            value: torch.Tensor,
            heads: int,
            scale: float,
        ) -> torch.Tensor:
            batch, _, width = query.shape

            def split(states: torch.Tensor) -> torch.Tensor:
                return states.view(batch, -1, heads, width // heads).transpose(1, 2)

            mixed = torch.nn.functional.scaled_dot_product_attention(
                split(query), split(key), split(value), scale=scale
            )
            return mixed.transpose(1, 2).reshape(query.shape)

        @staticmethod
        def symbolic(g: Any, query: Any, key: Any, value: Any, heads: int, scale: float) -> Any:
            node = g.op(
                "com.microsoft::MultiHeadAttention", query, key, value,
                num_heads_i=heads, scale_f=scale,
            )  # fmt: skip
            return node.setType(query.type())

    return Node.apply
