"""SpeechT5 in transformers' layout: letters to spectra, frame by frame, and HiFi-GAN to sound.

The vocoder is a model of its own (an extra of the job, or the folder `vocoder/`); who speaks is a
speaker embedding (x-vector) beside the model: `.npy`, raw float32 in `.bin`, or a tensor in a
safetensors file of `speakers/`. Speed is given to the finished sound.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from studio.core.errors import StudioError
from studio.core.recipe import Job
from studio.engine import graphs
from studio.engine.audio.speech_models import speecht5_graphs as parts
from studio.engine.audio.speech_models.base import (
    Manner,
    Told,
    loading,
    number_of,
    read_json,
    unusable,
)
from studio.engine.audio.speech_models.charmodel import read_pieces
from studio.engine.audio.stretch import stretch
from studio.engine.audio.weights import Plain
from studio.engine.speech.reading import Reading
from studio.engine.workbench import Workbench

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    from studio.engine.image.standins import Brake

    Samples = npt.NDArray[np.float32]

THRESHOLD = 0.5
"""Of the probability that this frame is the last one."""
RATIO = 20
"""Frames for each letter after which a sentence ends at the latest."""
_CHARACTERS = 250
_MOST = 1 << 20
"""Bytes of a file of a speaker."""


class SpeechT5:
    """A loaded SpeechT5 with its vocoder."""

    language = "en-us"
    longest = _CHARACTERS
    pitched = False

    def __init__(
        self, job: Job, bench: Workbench, brake: Brake, told: Told, vocoder: Path | None
    ) -> None:
        """Raises StudioError where the folder, its speakers or its vocoder are not whole."""
        folder = job.model
        config = read_json(folder / "config.json", folder)
        try:
            self._settings = parts.settings_of(config)
            graphs_of = parts.architectures(config)
        except Exception as error:  # whatever a configuration class says to nonsense
            raise unusable(folder, "its configuration is not one of SpeechT5") from error
        self._ids = read_pieces(folder, int(self._settings.vocab_size))
        self._speakers = _speakers(folder, int(self._settings.speaker_embedding_dim))
        self.names = tuple(self._speakers)
        home = vocoder or folder / "vocoder"
        if not (home / "config.json").is_file():
            raise StudioError(
                f"“{folder.name}” needs a vocoder (HiFi-GAN), which makes sound of what it says.",
                "Add one, as microsoft/speecht5_hifigan, and choose it under “Vocoder”.",
            )
        voicing = read_json(home / "config.json", home)
        try:
            sounding = parts.vocoder_settings(voicing)
            self.rate = int(sounding.sampling_rate)
            last = parts.vocoder(voicing)
            if int(sounding.model_in_dim) != int(self._settings.num_mel_bins):
                raise ValueError("other bands")
        except Exception as error:  # whatever a configuration class says to nonsense
            raise unusable(home, "it is not a vocoder for SpeechT5") from error
        self.brake = brake
        self.notes: set[str] = set()
        weights = Plain(graphs.safetensors_of(folder))
        self._sessions: dict[str, Any] = {}
        total = len(graphs_of) + 1
        for number, (name, part) in enumerate(graphs_of.items()):
            heard = loading(told, number, total)
            self._sessions[name] = graphs.open_bound(job, bench, part, weights, heard)
        self._sessions[parts.VOCODER] = graphs.open_bound(
            job, bench, last, Plain(graphs.safetensors_of(home)), loading(told, total - 1, total)
        )
        told(total, total)
        self.provider = bench.provider

    def speak(self, text: str, name: str, reading: Reading, manner: Manner) -> Iterator[Samples]:
        import numpy as np

        number_of(name, self.names)
        who = next((n for n in self.names if n.casefold() == name.casefold()), self.names[0])
        ids = self._letters(reading.words(text, self.language))
        if not ids:
            return
        spectra = self.spectra(ids, self._speakers[who], self._masks(manner))
        sound = self.brake.run(self._sessions[parts.VOCODER], {"spectra": spectra})[0]
        made = np.asarray(sound, np.float32).reshape(-1)
        yield stretch(made, self.rate, manner.speed)

    def spectra(self, ids: list[int], speaker: Any, masks: Iterator[Any]) -> Any:
        """The spectra (1, frames, bands) of some letters; `masks` gives the dropout of each step.

        Greedy, as transformers' generate_speech.
        """
        import numpy as np

        settings = self._settings
        run = self.brake.run
        given = run(self._sessions[parts.ENCODER], {"ids": np.array([ids], np.int64)})
        text = dict(zip(parts.crossed(settings), given, strict=True))
        heads = settings.decoder_attention_heads
        empty = np.zeros((1, heads, 0, settings.hidden_size // heads), np.float32)
        own = dict.fromkeys(parts.past(settings), empty)
        frame = np.zeros((1, 1, settings.num_mel_bins), np.float32)
        names = parts.masks(settings)
        most = min(len(ids) * RATIO // settings.reduction_factor, settings.max_speech_positions - 1)
        made = []
        for step in range(max(1, most)):
            dropped = dict(zip(names, next(masks), strict=True))
            feed = {
                "frame": frame, "speaker": speaker, "position": np.array([step], np.int64),
                **dropped, **text, **own,
            }  # fmt: skip
            spectrum, stop, *present = run(self._sessions[parts.DECODER], feed)
            own = dict(zip(own, present, strict=True))
            made.append(spectrum)
            frame = spectrum[:, -1:]
            if float(stop.sum()) >= THRESHOLD:
                break
        whole = np.concatenate(made, axis=1)
        return run(self._sessions[parts.POSTNET], {"spectra": whole})[0]

    def _masks(self, manner: Manner) -> Iterator[Any]:
        """For each step and each layer of the prenet what is kept of it, 0 or 1."""
        import numpy as np

        settings = self._settings
        rng = np.random.default_rng(manner.seed)
        count, units = len(parts.masks(settings)), settings.speech_decoder_prenet_units
        share = 1.0 - settings.speech_decoder_prenet_dropout
        while True:
            drawn = rng.random((count, 1, 1, units))
            yield list((drawn < share).astype(np.float32))

    def _letters(self, text: str) -> list[int]:
        """The numbers of a text, letter by letter, and the one that ends it."""
        unknown = self._ids.get("<unk>", 3)
        known = [self._ids.get(c, unknown) for c in "▁" + text.replace(" ", "▁")]
        heard = any(c.isalnum() and c in self._ids for c in text)
        return [*known, self._ids.get("</s>", 2)] if heard else []


def _speakers(folder: Path, size: int) -> dict[str, Any]:
    """The speaker embeddings of a folder by name, each (1, size). Raises StudioError."""
    import numpy as np

    found: dict[str, Any] = {}
    try:
        for place in (folder / "speakers", folder):
            for path in sorted(place.glob("*.npy")):
                if path.stat().st_size <= _MOST:
                    found[path.stem] = np.load(path, allow_pickle=False)
            for path in sorted(place.glob("*.bin")):
                if path.stat().st_size == 4 * size:  # nothing but the numbers: no pickle is so
                    found[path.stem] = np.fromfile(path, "<f4")
        for path in sorted((folder / "speakers").glob("*.safetensors")):
            tensors: Mapping[str, Any] = graphs.safetensors_of(path)
            for name in tensors:
                found[path.stem if len(tensors) == 1 else name] = tensors[name]
        speakers = {
            n: np.ascontiguousarray(v, np.float32).reshape(1, size) for n, v in found.items()
        }
        if not all(np.isfinite(v).all() for v in speakers.values()):
            raise ValueError("not a number")
    except (OSError, ValueError, EOFError) as error:
        raise unusable(folder, "one of its speakers cannot be read") from error
    if not speakers:
        raise StudioError(
            f"“{folder.name}” has no speaker: it needs an x-vector of {size} numbers.",
            "Put one as .npy file into its folder “speakers”.",
        )
    return speakers
