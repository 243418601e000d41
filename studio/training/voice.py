"""Training the voice: first the acoustic network, then the vocoder on what that one says."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from studio.training.voice_data import Example, contour
from studio.training.voice_features import BANDS, HOP, Floats

if TYPE_CHECKING:
    import torch

    from studio.training.voice_model import Acoustic, Vocoder, VoiceConfig

PITCH_UNIT = 0.2
"""Octaves that the pitch of a symbol is counted in, about the voice's own middle."""
MIDDLE = 150.0
"""Hertz that frames' pitches are counted from, in octaves."""
QUIET, LOUD = -5.0, 2.0
"""The energy of a symbol is its mean log mel, brought about here to zero and one."""
WARMUP_STEPS = 100


@dataclass(frozen=True)
class VoiceRecipe:
    """How both networks are trained."""

    seed: int = 0
    frames: int = 3200
    """Frames of a batch of whole sentences, about."""
    muon_rate: float = 0.01
    adam_rate: float = 2e-3
    pieces: int = 12
    piece_frames: int = 64
    """Of a batch of the vocoder."""
    vocoder_muon_rate: float = 0.002
    vocoder_rate: float = 1e-3
    vocoder_sentences: int = 1200
    """What the vocoder learns from; it needs far less than the acoustic network."""
    true_until: float = 0.3
    """The share of the vocoder's time in which it hears true spectra only; then predicted ones."""


@dataclass(frozen=True)
class Batch:
    """Sentences side by side; (batch, symbols) and (batch, frames)."""

    symbols: torch.Tensor
    voice: torch.Tensor
    durations: torch.Tensor
    prosody: torch.Tensor
    """(batch, symbols, 2): pitch and energy, 0 where nothing is heard."""
    index: torch.Tensor
    places: torch.Tensor
    mask: torch.Tensor
    mel: torch.Tensor
    pitch: torch.Tensor
    """Octaves about MIDDLE, through what is not voiced."""
    voiced: torch.Tensor


def middles(examples: Sequence[Example], voices: int) -> npt.NDArray[np.float64]:
    """(voices,): the mean pitch of each voice in octaves about MIDDLE."""
    found = np.zeros(voices)
    for voice in range(voices):
        heard = [e.pitch[e.pitch > 0] for e in examples if e.voice == voice]
        if heard:
            found[voice] = float(np.log2(np.concatenate(heard) / MIDDLE).mean())
    return found


def prosody(example: Example, middle: float) -> Floats:
    """(symbols, 2): pitch in PITCH_UNITs about the voice's middle, and energy."""
    ends = np.cumsum(example.durations)
    energy = example.mel.astype(np.float32).mean(1)
    found = np.zeros((len(ends), 2), np.float32)
    for number, (end, length) in enumerate(zip(ends, example.durations, strict=True)):
        if not length:
            continue
        here = slice(end - length, end)
        heard = example.pitch[here]
        heard = heard[heard > 0]
        if len(heard):
            found[number, 0] = (np.log2(heard / MIDDLE).mean() - middle) / PITCH_UNIT
        found[number, 1] = (energy[here].mean() - QUIET) / LOUD
    return found


def collate(examples: Sequence[Example], centres: npt.NDArray[np.float64]) -> Batch:
    """Sentences as one batch, padded with zeros."""
    import torch

    from studio.training.voice_model import places

    symbols = max(len(e.symbols) for e in examples)
    frames = max(len(e.mel) for e in examples)
    count = len(examples)
    ids = np.zeros((count, symbols), np.int64)
    durations = np.zeros((count, symbols), np.int64)
    spoken = np.zeros((count, symbols, 2), np.float32)
    index = np.zeros((count, frames), np.int64)
    mask = np.zeros((count, frames, 1), np.float32)
    mel = np.zeros((count, frames, BANDS), np.float32)
    pitch = np.zeros((count, frames), np.float32)
    voiced = np.zeros((count, frames), np.float32)
    for row, e in enumerate(examples):
        n, length = len(e.symbols), len(e.mel)
        ids[row, :n], durations[row, :n] = e.symbols, e.durations
        spoken[row, :n] = prosody(e, float(centres[e.voice]))
        index[row, :length] = np.repeat(np.arange(n), e.durations)
        mask[row, :length] = 1.0
        mel[row, :length] = e.mel
        pitch[row, :length] = (contour(e) - np.log(MIDDLE)) / np.log(2.0)
        voiced[row, :length] = e.pitch > 0
    lengths = torch.from_numpy(durations)
    where = torch.from_numpy(index)
    return Batch(
        torch.from_numpy(ids),
        torch.tensor([e.voice for e in examples]),
        lengths,
        torch.from_numpy(spoken),
        where,
        places(lengths, lengths.cumsum(1), where),
        torch.from_numpy(mask),
        torch.from_numpy(mel),
        torch.from_numpy(pitch),
        torch.from_numpy(voiced),
    )


def predicted(model: Acoustic, batch: Batch) -> torch.Tensor:
    """(batch, frames, BANDS + 2) with the true durations, pitches and energies."""
    told = model.tell(batch.symbols, batch.voice)
    found = model.frames(told.hidden, batch.prosody, batch.index, batch.places, batch.mask)
    return found.float()


def optimizers(model: torch.nn.Module, muon: float, adam: float) -> list[torch.optim.Optimizer]:
    """Muon for the wide matrices of the blocks, AdamW for everything else."""
    import torch

    matrices: list[torch.nn.Parameter] = []
    rest: list[torch.nn.Parameter] = []
    for name, parameter in model.named_parameters():
        (matrices if name.endswith(("wide.weight", "narrow.weight")) else rest).append(parameter)
    return [
        torch.optim.Muon(matrices, lr=muon, momentum=0.95, weight_decay=0.01),
        torch.optim.AdamW(rest, lr=adam, betas=(0.9, 0.98), weight_decay=0.0),
    ]


class _Trainee:
    """What training both networks shares: the rates, the step, the state."""

    model: torch.nn.Module

    def __init__(
        self,
        config: VoiceConfig,
        recipe: VoiceRecipe,
        model: torch.nn.Module,
        rates: tuple[float, float],
    ) -> None:
        self.config, self.recipe, self.model = config, recipe, model
        self._optimizers = optimizers(model, *rates)
        self._rates = rates

    def _step(self, loss: torch.Tensor, step: int, done: float) -> float:
        import torch

        scale = min(1.0, (step + 1) / WARMUP_STEPS) * max(0.02, 1.0 - done)
        for optimizer, rate in zip(self._optimizers, self._rates, strict=True):
            for group in optimizer.param_groups:
                group["lr"] = rate * scale
        torch.autograd.backward(loss)
        norm = torch.nn.utils.clip_grad_norm_(self.model.parameters(), 5.0)
        if bool(torch.isfinite(norm)):
            for optimizer in self._optimizers:
                optimizer.step()
        for optimizer in self._optimizers:
            optimizer.zero_grad(set_to_none=True)
        return float(loss.detach())

    def parameters(self) -> int:
        """Number of weights."""
        return sum(p.numel() for p in self.model.parameters())

    def state(self) -> dict[str, Any]:
        """Weights, moments, and the sizes that they belong to."""
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


class AcousticTrainee(_Trainee):
    """Trains the acoustic network on whole sentences."""

    model: Acoustic

    def __init__(
        self,
        config: VoiceConfig,
        recipe: VoiceRecipe,
        train: Sequence[Example],
        held_out: Sequence[Example],
    ) -> None:
        import torch

        from studio.training.voice_model import Acoustic

        torch.manual_seed(recipe.seed)
        model = Acoustic(config)
        with torch.no_grad():
            model.leave.bias[:BANDS] = QUIET
        super().__init__(config, recipe, model, (recipe.muon_rate, recipe.adam_rate))
        self.train, self.held_out = train, held_out
        self.centres = middles(train, config.voices)
        self._epoch = -1
        self._batches: list[list[int]] = []
        self._count = len(self._order(0))

    def draw(self, step: int) -> Batch:
        """The batch of a step, by seed and step alone: all sentences once in each epoch."""
        epoch, place = divmod(step, self._count)
        return collate([self.train[i] for i in self._order(epoch)[place]], self.centres)

    def _order(self, epoch: int) -> list[list[int]]:
        """Batches of sentences of about one length, in random order."""
        if epoch != self._epoch:
            chance = np.random.default_rng((self.recipe.seed, epoch))
            lengths = np.array([len(e.mel) for e in self.train])
            order = np.argsort(lengths + chance.uniform(0, 40, len(lengths)))
            size = max(1, round(self.recipe.frames / float(lengths.mean())))
            starts = range(0, len(order) - size + 1, size) if len(order) > size else [0]
            batches = [[int(i) for i in order[s : s + size]] for s in starts]
            chance.shuffle(batches)
            self._batches, self._epoch = batches, epoch
        return self._batches

    def losses(self, batch: Batch) -> dict[str, torch.Tensor]:
        """Of spectrum, pitch and voicing by frames; durations, pitch and energy by symbols."""
        import torch
        from torch.nn import functional

        told = self.model.tell(batch.symbols, batch.voice)
        found = self.model.frames(
            told.hidden, batch.prosody, batch.index, batch.places, batch.mask
        ).float()
        mask = batch.mask[..., 0]
        frames = mask.sum()
        heard = ((batch.durations > 0) & (batch.symbols > 0)).float()
        known = (batch.symbols > 0).float()
        length = torch.log1p(batch.durations.float())
        spoken = (told.prosody.float() - batch.prosody).abs()
        off = (found[..., BANDS] - batch.pitch).abs() * (0.1 + 0.9 * batch.voiced) * mask
        voicing = functional.binary_cross_entropy_with_logits(
            found[..., BANDS + 1], batch.voiced, reduction="none"
        )
        return {
            "mel": ((found[..., :BANDS] - batch.mel).abs().mean(-1) * mask).sum() / frames,
            "pitch": off.sum() / frames,
            "voicing": (voicing * mask).sum() / frames,
            "durations": ((told.durations.float() - length).abs() * known).sum() / known.sum(),
            "melody": (spoken[..., 0] * heard).sum() / heard.sum(),
            "energy": (spoken[..., 1] * heard).sum() / heard.sum(),
        }

    def train_step(self, step: int, done: float) -> float:
        """One optimizer step on the batch of ``step``."""
        import torch

        with torch.autocast("cpu", torch.bfloat16):
            found = self.losses(self.draw(step))
        loss = (
            found["mel"] + 2.0 * found["pitch"] + 0.3 * found["voicing"]
            + found["durations"] + 0.3 * found["melody"] + 0.3 * found["energy"]
        )  # fmt: skip
        return self._step(loss, step, done)

    def evaluate(self) -> dict[str, float]:
        """The held-out losses."""
        import torch

        total: dict[str, float] = {}
        rows = [self.held_out[i : i + 8] for i in range(0, len(self.held_out), 8)]
        with torch.no_grad():
            for some in rows:
                for name, value in self.losses(collate(some, self.centres)).items():
                    total[name] = total.get(name, 0.0) + float(value) / len(rows)
        return total

    def predict(self, examples: Sequence[Example]) -> list[npt.NDArray[np.float16]]:
        """(frames, BANDS + 2) of each sentence: what the vocoder will be given at work."""
        import torch

        found: list[npt.NDArray[np.float16]] = [np.zeros((0, 0), np.float16)] * len(examples)
        order = sorted(range(len(examples)), key=lambda i: len(examples[i].mel))
        for start in range(0, len(order), 16):
            some = order[start : start + 16]
            batch = collate([examples[i] for i in some], self.centres)
            with torch.no_grad(), torch.autocast("cpu", torch.bfloat16):
                made = predicted(self.model, batch)
            made[..., BANDS + 1] = made[..., BANDS + 1].sigmoid()
            for row, i in enumerate(some):
                found[i] = made[row, : len(examples[i].mel)].numpy().astype(np.float16)
        return found


class VocoderTrainee(_Trainee):
    """Trains the vocoder on pieces of sentences, true spectra first, predicted ones later."""

    model: Vocoder

    def __init__(
        self,
        config: VoiceConfig,
        recipe: VoiceRecipe,
        train: Sequence[Example],
        held_out: Sequence[Example],
        spectra: Sequence[npt.NDArray[np.float16]],
        held_spectra: Sequence[npt.NDArray[np.float16]],
    ) -> None:
        """`spectra` are the acoustic network's, one for each sentence."""
        import torch

        from studio.training.voice_model import Vocoder

        torch.manual_seed(recipe.seed)
        rates = (recipe.vocoder_muon_rate, recipe.vocoder_rate)
        super().__init__(config, recipe, Vocoder(config), rates)
        size = recipe.piece_frames
        long = [i for i, e in enumerate(train) if len(e.mel) > size]
        if not long:
            raise ValueError("no sentence is as long as a piece")
        self._pairs = [(train[i], spectra[i]) for i in long]
        self._held = list(zip(held_out, held_spectra, strict=True))

    def draw(self, step: int, done: float) -> tuple[torch.Tensor, ...]:
        """(mel, pitch, voicing, hertz, sound) of a step."""
        chance = np.random.default_rng((self.recipe.seed, 7, step))
        size = self.recipe.piece_frames
        rows = []
        for _ in range(self.recipe.pieces):
            example, spectrum = self._pairs[int(chance.integers(len(self._pairs)))]
            begin = int(chance.integers(len(example.mel) - size))
            true = done < self.recipe.true_until or chance.random() < 0.1
            rows.append(_piece(example, None if true else spectrum, begin, size))
        return _stacked(rows)

    def loss(self, given: tuple[torch.Tensor, ...]) -> torch.Tensor:
        """The distance of what the vocoder makes from the sound, over three resolutions."""
        mel, pitch, voicing, hertz, sound = given
        return distance(self.model(mel, pitch, voicing, hertz), sound)

    def train_step(self, step: int, done: float) -> float:
        """One optimizer step on the pieces of ``step``."""
        import torch

        torch.manual_seed(self.recipe.seed + step)  # the noise that is filtered
        with torch.autocast("cpu", torch.bfloat16):
            loss = self.loss(self.draw(step, done))
        return self._step(loss, step, done)

    def evaluate(self) -> dict[str, float]:
        """The distance on held-out sentences, from true and from predicted spectra."""
        import torch

        total = {"true": 0.0, "predicted": 0.0}
        some = self._held[:: max(1, len(self._held) // 40)]
        torch.manual_seed(0)
        with torch.no_grad():
            for example, spectrum in some:
                for name, given in (("true", None), ("predicted", spectrum)):
                    row = _stacked([_piece(example, given, 0, len(example.mel))])
                    total[name] += float(self.loss(row)) / len(some)
        return total


def _piece(
    example: Example, spectrum: npt.NDArray[np.float16] | None, begin: int, size: int
) -> tuple[npt.NDArray[Any], ...]:
    here = slice(begin, begin + size)
    hertz = np.exp(contour(example)[here])
    if spectrum is None:
        mel, voicing = example.mel[here].astype(np.float32), (example.pitch[here] > 0) * 1.0
    else:
        mel = spectrum[here, :BANDS].astype(np.float32)
        voicing = spectrum[here, BANDS + 1].astype(np.float32)
    sound = example.samples[begin * HOP : (begin + size) * HOP].astype(np.float32) / 32768.0
    return mel, np.log2(hertz / MIDDLE), voicing, hertz, sound


def _stacked(rows: Sequence[tuple[npt.NDArray[Any], ...]]) -> tuple[torch.Tensor, ...]:
    import torch

    return tuple(
        torch.from_numpy(np.stack(column).astype(np.float32)) for column in zip(*rows, strict=True)
    )


def distance(made: torch.Tensor, sound: torch.Tensor) -> torch.Tensor:
    """Spectral convergence and log magnitudes at three resolutions (Yamamoto, Song and Kim,
    "Parallel WaveGAN", ICASSP 2020); (batch, samples) each."""
    import torch

    total = torch.zeros(())
    for size in (256, 512, 1024):
        window = torch.hann_window(size)
        a, b = (
            torch.stft(x.float(), size, size // 4, window=window, return_complex=True).abs()
            for x in (made, sound)
        )
        total = total + (a - b).norm() / b.norm().clamp(min=1e-3)
        total = total + ((a + 1e-3).log() - (b + 1e-3).log()).abs().mean()
    return total / 3
