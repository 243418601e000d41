"""Which kind of voice a model's folder holds, and how it is loaded: one line a kind."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from studio.core.errors import StudioError
from studio.core.recipe import Job
from studio.engine import device
from studio.engine.audio.speech_models import piper
from studio.engine.audio.speech_models.base import Told, Voice, read_json
from studio.engine.workbench import Workbench, folder_size, folder_stamp

if TYPE_CHECKING:
    from studio.engine.image.standins import Brake

Open = Callable[[Job, Workbench, "Brake", Told], Voice]


def load(job: Job, bench: Workbench, told: Told) -> Voice:
    """The job's voice, from the bench where it is held, its brake off; sets `bench.provider`.

    Raises StudioError for a folder that is none of the kinds, and naming what is damaged.
    """
    from studio.engine.image.standins import Brake

    opening = _kind(job.model)
    vocoder = _vocoder(job)
    key = (
        "audio.speech",
        job.model.name,
        folder_stamp(job.model),
        folder_stamp(vocoder) if vocoder else (),
        tuple(device.providers(job.device)),
        device.threads(job.device),
    )
    size = folder_size(job.model) + (folder_size(vocoder) if vocoder else 0)
    voice = bench.take(key, lambda: opening(job, bench, Brake(), told), size)
    bench.provider = voice.provider
    voice.brake.release()
    voice.notes.clear()
    return voice


def _vocoder(job: Job) -> Path | None:
    from studio.core.controls import parse_extras

    named = parse_extras(str(job.recipe.values.get("vocoder", "")))
    return job.extras.get(named[0].model) if named else None


def _vits(job: Job, bench: Workbench, brake: Brake, told: Told) -> Voice:
    from studio.engine.audio.speech_models.vits import Vits
    from studio.engine.audio.speech_models.vits_whole import VitsWhole

    whole = not any(job.model.glob("*.safetensors"))
    return (VitsWhole if whole else Vits)(job, bench, brake, told)


def _piper(job: Job, bench: Workbench, brake: Brake, told: Told) -> Voice:
    return piper.Piper(job, bench, brake, told)


def _kokoro(job: Job, bench: Workbench, brake: Brake, told: Told) -> Voice:
    from studio.engine.audio.speech_models.kokoro import Kokoro

    return Kokoro(job, bench, brake, told)


def _speecht5(job: Job, bench: Workbench, brake: Brake, told: Told) -> Voice:
    from studio.engine.audio.speech_models.speecht5 import SpeechT5

    return SpeechT5(job, bench, brake, told, _vocoder(job))


_KINDS: dict[str, Open] = {
    "vits": _vits,
    "piper": _piper,
    "kokoro": _kokoro,
    "style_text_to_speech_2": _kokoro,
    "speecht5": _speecht5,
}
TYPES = tuple(_KINDS)
"""The values of the fact `model_type` that are voices."""


def _kind(folder: Path) -> Open:
    if piper.config_of(folder) is not None:
        return _piper
    config = folder / "config.json"
    named: Any = read_json(config, folder).get("model_type") if config.is_file() else None
    if named in _KINDS:
        return _KINDS[named]
    if any(folder.glob("voices*.bin")) or any(folder.glob("voices/*.bin")):
        return _kokoro
    raise StudioError(
        f"“{folder.name}” is not a voice that can be run here.", "Choose another model."
    )
