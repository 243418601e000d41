"""Makes a model of a folder of sound in safetensors: its graphs are exported ahead of time."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from studio.core.errors import StudioError
from studio.core.messages import Convert, Progress
from studio.engine.convert.telling import Tell, told
from studio.engine.image.layout import read_json
from studio.engine.sessions import unreadable

if TYPE_CHECKING:
    from studio.engine.graphs import Architecture

Graphs = Mapping[str, "Architecture"]


def run(order: Convert) -> Iterator[Progress]:
    """Export the graphs of `order.folder` that neither the studio nor the cache has.

    Closed at any yield: an export that runs is stopped. Raises StudioError where the folder is
    of no kind that is known, or something in it is wrong.
    """
    yield from told(lambda tell: _work(order, tell))


def _work(order: Convert, tell: Tell) -> None:
    from studio.engine import graphs

    found = list(architectures_of(order.folder).values()) if order.cache is not None else []
    for number, architecture in enumerate(found):

        def exported(fraction: float, number: int = number) -> None:
            done = (number + fraction) / (len(found) + 1)
            tell(Progress("converting", number + 1, len(found), done))

        exported(0.0)
        graphs.ensure(architecture, order.cache, exported)
    tell(Progress("converting", 1, 1, 1.0))


def architectures_of(folder: Path) -> Graphs:
    """The graphs that a model folder is run with; none for one that brings all of them itself.

    Raises StudioError for a folder that is of no kind in KINDS, or where something is wrong.
    """
    pipeline = (folder / "model_index.json").is_file()
    file, fact = ("model_index.json", "_class_name") if pipeline else ("config.json", "model_type")
    kind = str(read_json(folder, file).get(fact, ""))
    if kind not in KINDS:
        raise StudioError(
            f"This model is of a kind that the studio cannot run: {kind[:60]}.",
            "Choose another model.",
        )
    try:
        return KINDS[kind](folder)
    except StudioError:
        raise
    except Exception as error:  # whatever a library says to a stranger's configuration
        raise unreadable(folder / file, folder) from error


def _musicgen(folder: Path) -> Graphs:
    from studio.engine.audio.music_model import architectures_of

    return architectures_of(folder)


def _diffusion(folder: Path) -> Graphs:
    from studio.engine.audio.diffusion_model import architectures_of

    return architectures_of(folder)


def _vits(folder: Path) -> Graphs:
    from studio.engine.audio.speech_models.vits import architectures

    if not any(folder.glob("*.safetensors")):
        return {}
    return architectures(read_json(folder, "config.json"))


def _speecht5(folder: Path) -> Graphs:
    from studio.engine.audio.speech_models import speecht5_graphs

    found = dict(speecht5_graphs.architectures(read_json(folder, "config.json")))
    if (folder / "vocoder" / "config.json").is_file():
        last = speecht5_graphs.vocoder(read_json(folder, "vocoder/config.json"))
        found[last.name] = last
    return found


def _hifigan(folder: Path) -> Graphs:
    from studio.engine.audio.speech_models import speecht5_graphs

    last = speecht5_graphs.vocoder(read_json(folder, "config.json"))
    return {last.name: last}


KINDS: dict[str, Callable[[Path], Graphs]] = {
    "musicgen": _musicgen,
    "StableAudioPipeline": _diffusion,
    "AceStepPipeline": _diffusion,
    "vits": _vits,
    "speecht5": _speecht5,
    "speecht5_hifigan": _hifigan,
    "hifigan": _hifigan,  # as published before transformers gave it its own name
}
"""By the model type in config.json, or the pipeline in model_index.json."""
