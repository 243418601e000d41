"""Making the voice from data to folder: speak, train both networks, export, judge."""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from studio.training import voice_data
from studio.training.loop import Budget, Loop, Outcome
from studio.training.voice import AcousticTrainee, VocoderTrainee, VoiceRecipe
from studio.training.voice_data import HELD_OUT, SENTENCES, VoiceData
from studio.training.voice_teachers import Teacher, teachers

if TYPE_CHECKING:
    from studio.training.making import Order
    from studio.training.voice_model import VoiceConfig

ACOUSTIC_SHARE = 0.62
"""Part of the time that goes to the acoustic network."""


@dataclass(frozen=True)
class Trained:
    """Both networks with what their training took."""

    acoustic: AcousticTrainee
    vocoder: VocoderTrainee
    outcomes: dict[str, Outcome]


def train(
    data: VoiceData,
    config: VoiceConfig,
    recipe: VoiceRecipe,
    budget: Budget,
    checkpoints: Path | None,
    *,
    resume: bool,
) -> Trained:
    """The acoustic network, then the vocoder on its spectra. Raises Interrupted after SIGINT."""
    part = ACOUSTIC_SHARE
    first = Budget(budget.minutes * part, budget.steps)
    second = Budget(budget.minutes * (1.0 - part), budget.steps)
    acoustic = AcousticTrainee(config, recipe, data.train, data.held_out)
    learned = Loop("voice-acoustic", first, checkpoints, resume=resume).run(acoustic)
    acoustic.model.eval()
    some = data.train[:: max(1, len(data.train) // recipe.vocoder_sentences)]
    vocoder = VocoderTrainee(
        config, recipe, some, data.held_out,
        acoustic.predict(some), acoustic.predict(data.held_out),
    )  # fmt: skip
    sounded = Loop("voice-vocoder", second, checkpoints, resume=resume).run(vocoder)
    vocoder.model.eval()
    return Trained(acoustic, vocoder, {"acoustic": learned, "vocoder": sounded})


def make(
    order: Order,
    voices: Sequence[Teacher] | None = None,
    config: VoiceConfig | None = None,
    recipe: VoiceRecipe | None = None,
    count: int = SENTENCES,
    held_out: int = HELD_OUT,
) -> dict[str, Any]:
    """Train and export the voice. Raises StudioError where a synthesizer is missing."""
    from studio.training import cards, voice_export, voice_judging
    from studio.training.making import FOLDERS, report
    from studio.training.voice_model import VoiceConfig

    taught = teachers() if voices is None else voices
    with tempfile.TemporaryDirectory() as scratch:
        spoken = (order.checkpoints or Path(scratch)) / "speech"
        say = Loop("voice", Budget(), None).say
        data = voice_data.load(order.data, spoken, taught, say, count, held_out)
    trained = train(
        data, config or VoiceConfig(voices=len(taught)), recipe or VoiceRecipe(), order.budget,
        order.checkpoints, resume=order.resume,
    )  # fmt: skip
    folder = order.out / FOLDERS["voice"]
    difference = voice_export.export(trained.acoustic, trained.vocoder.model, data.names, folder)
    figures: dict[str, float | str] = {
        "parameters of the acoustic network": trained.acoustic.parameters(),
        "parameters of the vocoder": trained.vocoder.parameters(),
        "size, MB": sum(f.stat().st_size for f in folder.iterdir()) / 1e6,
        "training, minutes on one CPU core": sum(o.seconds for o in trained.outcomes.values()) / 60,
        "speech learned from, hours": data.hours(),
        "largest difference to torch": difference,
        **voice_judging.judge(folder, data),
    }
    cards.write(folder, cards.VOICE, figures)
    return report(folder, trained.outcomes, figures)
