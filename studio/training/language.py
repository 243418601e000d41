"""A small Llama trained from scratch: the language model behind both the story and the tune models.

The architecture is the Llama of transformers, unchanged, so that onnxruntime-genai's model builder
knows it. Matrices are trained with Muon (Jordan et al. 2024, "Muon: an optimizer for hidden
layers", as in torch.optim), embeddings and gains with AdamW; the learning rate warms up over 40
steps and falls linearly.
"""

from __future__ import annotations

import math
import shutil
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

if TYPE_CHECKING:
    import torch
    from transformers import LlamaForCausalLM

Tokens = npt.NDArray[np.uint16]
Mask = npt.NDArray[np.uint8]

PAD, BOS, EOS = 0, 1, 2
"""Token ids all our tokenizers share: ``<unk>`` (also padding), ``<s>``, ``</s>``."""
IGNORED = -100
"""The target of a token that is not learned; torch's convention."""
WARMUP_STEPS = 40


@dataclass(frozen=True)
class LanguageConfig:
    """Shape of the model and of its training batches."""

    vocabulary: int
    width: int = 256
    layers: int = 5
    heads: int = 4
    feed_forward: int = 688
    context: int = 512
    sequence: int = 320
    batch: int = 16
    adam_rate: float = 3e-3
    muon_rate: float = 0.02
    seed: int = 0


@dataclass(frozen=True)
class HeldOut:
    """Texts the model never trains on: their tokens, and how many characters these stand for."""

    tokens: Tokens
    characters: int
    mask: Mask | None = None
    """1 where a token counts; None when all do."""

    @property
    def tokens_a_character(self) -> float:
        """Counted tokens a character of text."""
        counted = len(self.tokens) if self.mask is None else int(self.mask.sum())
        return counted / self.characters


def build(config: LanguageConfig) -> LlamaForCausalLM:
    """An untrained model; residual branches start smaller the deeper the model is (GPT-2's
    scheme)."""
    import torch
    from transformers import LlamaConfig, LlamaForCausalLM

    torch.manual_seed(config.seed)
    model = LlamaForCausalLM(
        LlamaConfig(
            vocab_size=config.vocabulary,
            hidden_size=config.width,
            intermediate_size=config.feed_forward,
            num_hidden_layers=config.layers,
            num_attention_heads=config.heads,
            num_key_value_heads=config.heads,
            max_position_embeddings=config.context,
            tie_word_embeddings=True,
            bos_token_id=BOS,
            eos_token_id=EOS,
            pad_token_id=PAD,
        )
    )
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            if name.endswith(("o_proj.weight", "down_proj.weight")):
                parameter.mul_(1 / math.sqrt(2 * config.layers))
    return model


def can_compile() -> bool:
    """Whether torch.compile has the C++ compiler it needs on this machine."""
    return any(shutil.which(name) for name in ("g++", "clang++", "cl"))


class LanguageTrainee:
    """Trains a language model on one long row of tokens, documents one after another, each ``<s> …
    </s>``."""

    def __init__(
        self,
        config: LanguageConfig,
        tokens: Tokens,
        held_out: dict[str, HeldOut],
        *,
        mask: Mask | None = None,
        compile_model: bool | None = None,
    ) -> None:
        """``mask``: 1 where a token is learned, 0 where it is only read (the wish before a
        text)."""
        import torch

        self.config = config
        self.tokens = tokens
        self.mask = np.ones(len(tokens), dtype=np.uint8) if mask is None else mask
        self.held_out = held_out
        self.model = build(config)
        starts = np.flatnonzero(tokens == BOS)
        self._starts = starts[starts < len(tokens) - config.sequence - 1]
        if not len(self._starts):
            raise ValueError("fewer tokens than one training sequence")
        self._epoch = -1
        self._order = np.arange(len(self._starts))
        matrices: list[torch.nn.Parameter] = []
        rest: list[torch.nn.Parameter] = []
        for name, parameter in self.model.named_parameters():
            (matrices if parameter.ndim == 2 and "embed" not in name else rest).append(parameter)
        self._optimizers: list[torch.optim.Optimizer] = [
            torch.optim.Muon(matrices, lr=config.muon_rate, momentum=0.95, weight_decay=0.05),
            torch.optim.AdamW(
                rest, lr=config.adam_rate, betas=(0.9, 0.98), weight_decay=0.0, fused=True
            ),
        ]
        self._rates = (config.muon_rate, config.adam_rate)
        compiled = can_compile() if compile_model is None else compile_model
        self._loss = (
            torch.compile(self._plain_loss, dynamic=False) if compiled else self._plain_loss
        )
        self.model.train()

    def parameters(self) -> int:
        """Number of weights; the tied output matrix counts once."""
        return sum(p.numel() for p in self.model.parameters())

    def _plain_loss(self, inputs: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
        import torch

        with torch.autocast("cpu", torch.bfloat16):
            hidden = self.model.model(input_ids=inputs).last_hidden_state
            logits = torch.nn.functional.linear(hidden, self.model.lm_head.weight)
        return torch.nn.functional.cross_entropy(
            logits.float().flatten(0, 1), targets.flatten(), ignore_index=IGNORED
        )

    def draw(self, step: int) -> tuple[torch.Tensor, torch.Tensor]:
        """Inputs and targets of a step, int64 (batch, sequence); by seed and step alone.

        The documents are gone through in a new random order each epoch, so that none is seen more
        often than another.
        """
        import torch

        count = len(self._starts)
        chosen = []
        for index in range(step * self.config.batch, (step + 1) * self.config.batch):
            epoch, place = divmod(index, count)
            if epoch != self._epoch:
                self._epoch = epoch
                self._order = np.random.default_rng((self.config.seed, epoch)).permutation(count)
            start = int(self._starts[self._order[place]])
            chosen.append(np.arange(start, start + self.config.sequence + 1))
        places = np.stack(chosen)
        rows = self.tokens[places].astype(np.int64)
        targets = np.where(self.mask[places] == 1, rows, IGNORED)[:, 1:]
        return torch.from_numpy(rows[:, :-1].copy()), torch.from_numpy(targets.copy())

    def train_step(self, step: int, done: float) -> float:
        """One optimizer step on the batch of ``step``."""
        import torch

        scale = min(1.0, (step + 1) / WARMUP_STEPS) * max(0.02, 1.0 - done)
        for optimizer, rate in zip(self._optimizers, self._rates, strict=True):
            for group in optimizer.param_groups:
                group["lr"] = rate * scale
        loss = self._loss(*self.draw(step))
        torch.autograd.backward(loss)
        torch.nn.utils.clip_grad_norm_(self.model.parameters(), 1.0)
        for optimizer in self._optimizers:
            optimizer.step()
            optimizer.zero_grad(set_to_none=True)
        return float(loss.detach())

    def evaluate(self) -> dict[str, float]:
        """Held-out loss of every set: ``<set> nats/token`` and ``<set> nats/char``."""
        figures: dict[str, float] = {}
        for name, held in self.held_out.items():
            per_token = nats_per_token(self.model, held, self.config.sequence)
            figures[f"{name} nats/token"] = per_token
            figures[f"{name} nats/char"] = per_token * held.tokens_a_character
        self.model.train()
        return figures

    def state(self) -> dict[str, Any]:
        """Weights, both optimizers' moments, and the configuration they belong to."""
        return {
            "config": asdict(self.config),
            "model": self.model.state_dict(),
            "optimizers": [optimizer.state_dict() for optimizer in self._optimizers],
        }

    def load_state(self, state: dict[str, Any]) -> None:
        """Put a saved state back; raises ValueError when it belongs to another configuration."""
        if state["config"] != asdict(self.config):
            raise ValueError("the checkpoint belongs to another configuration")
        self.model.load_state_dict(state["model"])
        for optimizer, saved in zip(self._optimizers, state["optimizers"], strict=True):
            optimizer.load_state_dict(saved)


def windows(
    held: HeldOut, sequence: int
) -> Iterator[tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]]:
    """Inputs and targets of consecutive windows; targets that do not count are IGNORED."""
    mask = np.ones(len(held.tokens), dtype=np.uint8) if held.mask is None else held.mask
    for start in range(0, max(1, len(held.tokens) - sequence), sequence):
        row = held.tokens[start : start + sequence + 1].astype(np.int64)
        targets = np.where(mask[start : start + sequence + 1] == 1, row, IGNORED)
        yield row[:-1], targets[1:]


def nats_per_token(model: LlamaForCausalLM, held: HeldOut, sequence: int) -> float:
    """Mean negative log-likelihood per counted token over consecutive windows of ``sequence``
    tokens."""
    import torch

    model.eval()
    total, count = 0.0, 0
    with torch.no_grad(), torch.autocast("cpu", torch.bfloat16):
        for inputs, targets in windows(held, sequence):
            logits = model(input_ids=torch.from_numpy(inputs)[None]).logits.float()[0]
            total += float(
                torch.nn.functional.cross_entropy(
                    logits, torch.from_numpy(targets), reduction="sum", ignore_index=IGNORED
                )
            )
            count += int((targets != IGNORED).sum())
    return total / count
