"""What trainees with one network and one optimizer share: a step down the loss, and their state."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

import torch

MOST_GRADIENT = 1.0
"""The norm to which gradients are cut."""


class Learner:
    """A network that learns; the rest of `loop.Trainee` is its own."""

    config: Any
    """A dataclass; a checkpoint belongs to exactly one."""
    model: Any
    """The network. It is called with more than a Module's own methods."""
    optimizer: torch.optim.Optimizer

    def descend(self, loss: torch.Tensor) -> float:
        """One optimizer step; gives the loss."""
        self.optimizer.zero_grad(set_to_none=True)
        torch.autograd.backward(loss)
        torch.nn.utils.clip_grad_norm_(self.model.parameters(), MOST_GRADIENT)
        self.optimizer.step()
        return float(loss.detach())

    def state(self) -> dict[str, Any]:
        """Weights, moments and configuration."""
        return {
            "config": asdict(self.config),
            "model": self.model.state_dict(),
            "optimizer": self.optimizer.state_dict(),
        }

    def load_state(self, state: dict[str, Any]) -> None:
        """Put a saved state back; raises ValueError when it belongs to another configuration."""
        if state["config"] != asdict(self.config):
            raise ValueError("the checkpoint belongs to another configuration")
        self.model.load_state_dict(state["model"])
        self.optimizer.load_state_dict(state["optimizer"])
