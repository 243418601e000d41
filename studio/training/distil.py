"""The quick sketch model: a student that draws in four steps what its teacher draws in twenty.

Progressive distillation (Salimans and Ho 2022, "Progressive Distillation for Fast Sampling of
Diffusion Models") in one go from the teacher's steps to four, with the guidance built in as Meng et
al. do (2023, "On Distillation of Guided Diffusion Models"): the teacher draws captions from fresh
noise with guidance, and the student, which begins as the teacher, learns to reach with one DDIM
step and one call what took the teacher several steps of two calls each. No picture is needed, only
captions.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from studio.training.diffusion import (
    SCHEDULE,
    DiffusionConfig,
    TokenRows,
    build_models,
    denoise,
    set_steps,
)
from studio.training.loop import load_checkpoint

if TYPE_CHECKING:
    import torch

DrawCaptions = Callable[[int, np.random.Generator], list[str]]
"""So many captions, drawn by a generator."""

STEPS = 4
"""What the student draws with; it is good at this many and near ones alone."""
TEACHER_STEPS, GUIDANCE = 20, 4.0
"""What the teacher is drawn with where it is compared with."""
TRAINED = ("unet", "map")
"""The parts that learn. The words stay those of the teacher."""
KEPT_OUT = 2**40
"""The draws from here on are for evaluation."""


@dataclass(frozen=True)
class DistilConfig:
    """How the student is trained; ``path`` are the teacher's steps from noise to picture, a
    multiple of the student's."""

    steps: int = STEPS
    path: int = 8
    guidance: float = GUIDANCE
    batch: int = 5
    rate: float = 8e-4
    held_out: int = 16
    seed: int = 0


def load_teacher(file: Path) -> torch.nn.ModuleDict:
    """The averaged weights of a checkpoint of `DiffusionTrainee`. Raises StudioError when there is
    none or it is unreadable."""
    saved = load_checkpoint(file)["trainee"]
    config = DiffusionConfig(**saved["config"])
    models = build_models(config)
    models.load_state_dict(saved["average"])
    return models.eval()


def quick_scheduler() -> Any:
    """DDIM at the student's times, which are those of trailing steps."""
    from diffusers import DDIMScheduler

    return DDIMScheduler(**SCHEDULE, clip_sample=False)


def path_of(
    models: torch.nn.ModuleDict,
    scheduler: Any,
    noise: torch.Tensor,
    contexts: Sequence[torch.Tensor],
    guidance: float = 1.0,
) -> list[torch.Tensor]:
    """The latents (batch, c, h, w) before each step of a scheduler whose timesteps are set, and
    after the last.

    ``contexts`` is the captions' encoding (batch, n, width), then for a guidance above 1 that of
    the empty caption (1, n, width).
    """
    import torch

    count = len(noise)
    guided = guidance > 1
    context = torch.cat([c.expand(count, -1, -1) for c in contexts]) if guided else contexts[0]
    latents = noise * scheduler.init_noise_sigma
    path = [latents]
    for time in scheduler.timesteps:
        times = torch.full((len(context),), int(time))
        with torch.no_grad(), torch.autocast("cpu", torch.bfloat16):
            sample = torch.cat([latents, latents]) if guided else latents
            predicted = denoise(models, sample, times, context).float()
        if guided:
            wanted, plain = predicted.chunk(2)
            predicted = plain + guidance * (wanted - plain)
        latents = scheduler.step(predicted, time, latents, return_dict=False)[0]
        path.append(latents)
    return path


class DistilTrainee:
    """Trains a student on the paths of its teacher; it needs captions and no pictures."""

    def __init__(
        self,
        config: DistilConfig,
        teacher: torch.nn.ModuleDict,
        captions: DrawCaptions,
        tokenize: TokenRows,
    ) -> None:
        """Raises ValueError where the teacher's steps do not meet the student's times."""
        import copy

        import torch
        from diffusers import DPMSolverMultistepScheduler

        if config.path % config.steps:
            raise ValueError(f"{config.path} steps are no multiple of {config.steps}")
        self.config = config
        self.teacher = teacher.eval().requires_grad_(False)
        self._captions = captions
        self._tokenize = tokenize
        self.model = copy.deepcopy(self.teacher)
        learning = [p for part in TRAINED for p in self.model[part].requires_grad_().parameters()]
        self.optimizer = torch.optim.AdamW(
            learning, lr=config.rate, betas=(0.9, 0.98), weight_decay=0.0, fused=True
        )
        self._solver: Callable[[], Any] = lambda: DPMSolverMultistepScheduler(**SCHEDULE)
        self.scheduler = quick_scheduler()
        set_steps(self.scheduler, config.steps)
        self._turns = self._make_turns()
        self._held: tuple[torch.Tensor, list[torch.Tensor], torch.Tensor] | None = None

    def _make_turns(self) -> list[tuple[int, float, float]]:
        """For each step its time, and the cosine and sine of the angle that it turns through.

        With the angle of a time t, cos = sqrt(alpha) and sin = sqrt(1 - alpha), a DDIM step from t
        to s takes x to cos(t - s) x - sin(t - s) v.
        """
        alphas = self.scheduler.alphas_cumprod.double()
        times = [int(t) for t in self.scheduler.timesteps]
        angles = [float(alphas[t].sqrt().clamp(max=1).arccos()) for t in times] + [0.0]
        turns = [angles[i] - angles[i + 1] for i in range(len(times))]
        return [
            (time, float(np.cos(turn)), float(np.sin(turn)))
            for time, turn in zip(times, turns, strict=True)
        ]

    def draw(self, step: int, count: int) -> tuple[torch.Tensor, list[torch.Tensor]]:
        """Noise (count, c, h, w) and encodings of captions and of the empty caption; they depend on
        seed and step alone."""
        import torch

        chance = np.random.default_rng((self.config.seed, step))
        unet: Any = self.teacher["unet"]
        side = int(unet.config.sample_size)
        shape = (count, int(unet.config.out_channels), side, side)
        noise = torch.from_numpy(chance.standard_normal(shape, dtype=np.float32))
        ids = torch.from_numpy(self._tokenize([*self._captions(count, chance), ""]))
        with torch.no_grad(), torch.autocast("cpu", torch.bfloat16):
            text: Any = self.teacher["text"]
            context = text(input_ids=ids).last_hidden_state
        return noise, [context[:-1], context[-1:]]

    def taught(
        self, noise: torch.Tensor, contexts: Sequence[torch.Tensor], steps: int
    ) -> list[torch.Tensor]:
        """The teacher's latents at the student's times, and its picture."""
        solver = self._solver()
        set_steps(solver, steps)
        path = path_of(self.teacher, solver, noise, contexts, self.config.guidance)
        return path[:: steps // self.config.steps]

    def loss(self, path: Sequence[torch.Tensor], contexts: Sequence[torch.Tensor]) -> torch.Tensor:
        """Squared error of the latents that the student's steps reach, each begun where the teacher
        was.

        Measured in clean latents instead, as is usual, nearly all of the error is the first step's,
        and the others learn nothing in a short training.
        """
        import torch

        count = len(path[0])
        before, after = torch.cat(list(path[:-1])), torch.cat(list(path[1:]))
        times, cosines, sines = zip(*self._turns, strict=True)
        context = contexts[0].repeat(len(times), 1, 1)
        with torch.autocast("cpu", torch.bfloat16):
            predicted = denoise(
                self.model, before, torch.tensor(times).repeat_interleave(count), context
            )

        def each(values: Sequence[float]) -> torch.Tensor:
            return torch.tensor(values).repeat_interleave(count)[:, None, None, None]

        reached = each(cosines) * before - each(sines) * predicted.float()
        return (reached - after).square().mean()

    def train_step(self, step: int, done: float) -> float:
        """One optimizer step on fresh paths of the teacher."""
        import torch

        scale = min(1.0, (step + 1) / 30) * max(0.02, 1.0 - done)
        self.optimizer.param_groups[0]["lr"] = self.config.rate * scale
        noise, contexts = self.draw(step, self.config.batch)
        loss = self.loss(self.taught(noise, contexts, self.config.path), contexts)
        torch.autograd.backward(loss)
        torch.nn.utils.clip_grad_norm_(self.optimizer.param_groups[0]["params"], 1.0)
        self.optimizer.step()
        self.optimizer.zero_grad(set_to_none=True)
        return float(loss.detach())

    def quick(self, noise: torch.Tensor, contexts: Sequence[torch.Tensor]) -> torch.Tensor:
        """What the student makes of noise, (batch, c, h, w)."""
        return path_of(self.model, self.scheduler, noise, contexts)[-1]

    def evaluate(self) -> dict[str, float]:
        """How far the student's latents are from the teacher's of twenty steps with the same noise,
        and the teacher's of as few steps as the student's: root mean squares."""
        if self._held is None:
            noise, contexts = self.draw(KEPT_OUT, self.config.held_out)
            self._held = noise, contexts, self.taught(noise, contexts, TEACHER_STEPS)[-1]
        noise, contexts, best = self._held
        few = self.taught(noise, contexts, self.config.steps)[-1]
        return {
            "student from teacher": float((self.quick(noise, contexts) - best).square().mean())
            ** 0.5,
            "teacher of few steps from it": float((few - best).square().mean()) ** 0.5,
        }

    def state(self) -> dict[str, Any]:
        """What has been learned, moments and configuration; the teacher is not part of it."""
        return {
            "config": asdict(self.config),
            "model": {part: self.model[part].state_dict() for part in TRAINED},
            "optimizer": self.optimizer.state_dict(),
        }

    def load_state(self, state: dict[str, Any]) -> None:
        """Put a saved state back; raises ValueError when it belongs to another configuration."""
        if state["config"] != asdict(self.config):
            raise ValueError("the checkpoint belongs to another configuration")
        for part in TRAINED:
            self.model[part].load_state_dict(state["model"][part])
        self.optimizer.load_state_dict(state["optimizer"])
