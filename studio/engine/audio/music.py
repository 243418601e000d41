"""Music from words, by MusicGen: codes written step by step by a decoder, sounded by EnCodec."""

from __future__ import annotations

from collections.abc import Generator
from typing import TYPE_CHECKING

from studio.core.controls import Number, Sound, Text, complete
from studio.core.errors import StudioError
from studio.core.family import FamilySpec
from studio.core.messages import AudioPreview, Step
from studio.core.recipe import Job
from studio.engine.audio.encodec import MARGIN
from studio.engine.audio.worker import LOADED, Worker
from studio.engine.image import prompt

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    from studio.engine.audio.music_model import Model
    from studio.engine.workbench import Workbench

    Codes = npt.NDArray[np.int64]
    Floats = npt.NDArray[np.float32]

READ, WRITTEN, SOUNDED = 0.1, 0.85, 0.97
"""Parts of a job's progress after its phases; the first is LOADED."""
_PREVIEW_RATE = 20
"""Peaks a second."""
_PREVIEW_SCALE = 0.7
"""What is drawn as full scale while the final level is not known yet."""
_SEEN = 32
"""Frames before a part of the preview that its decoding begins with."""
_LEAST = 16
"""Frames of a given sound below which it is too short to go on from."""
_JOINED = 0.05
"""Seconds in which a given sound is faded over into its continuation."""

SPEC = FamilySpec(
    id="audio.music",
    title="Music",
    kind="audio",
    controls=(
        Text(
            name="prompt",
            label="Prompt",
            help="The kind of music, its instruments, its mood and speed, in English.",
            lines=2,
            max_length=2_000,
            placeholder="Lo-fi hip hop with a warm piano, vinyl crackle, slow and mellow",
        ),
        Number(
            name="seconds",
            label="Length",
            help="Beyond 30 seconds the music goes on from the last ten of what there is.",
            default=10,
            minimum=1,
            maximum=120,
            unit="s",
        ),
        Sound(
            name="sound",
            label="Continue this sound",
            help="The music begins where this sound ends; the sound itself is kept before it.",
        ),
        Number(
            name="heard",
            label="Heard of it",
            help="So much of the sound's end the model goes on from.",
            default=10,
            minimum=1,
            maximum=20,
            unit="s",
            folded=True,
        ),
        Number(
            name="guidance",
            label="Guidance",
            help="How closely the words are followed; 1 takes half the time.",
            default=3.0,
            minimum=1.0,
            maximum=10.0,
            step=0.1,
            folded=True,
        ),
        Number(
            name="temperature",
            label="Temperature",
            help="Low is well-behaved, high is adventurous; 0 takes the likeliest each time.",
            default=1.0,
            minimum=0.0,
            maximum=2.0,
            step=0.05,
            folded=True,
        ),
        Number(
            name="top_k",
            label="Top-k",
            help="Only so many of the likeliest codes are drawn from; 0 takes all.",
            default=250,
            minimum=0,
            maximum=2048,
            whole=True,
            least="All",
            folded=True,
        ),
        Number(
            name="top_p",
            label="Top-p",
            help="Only the likeliest codes that together make up this share are drawn from.",
            default=1.0,
            minimum=0.05,
            maximum=1.0,
            step=0.01,
            folded=True,
        ),
    ),
    needs=("config.json", "tokenizer.json"),
    where={"model_type": ("musicgen",)},
    models="MusicGen small, medium and large, mono and stereo, in safetensors (transformers); "
    "MusicGen small in the ONNX layout of transformers.js, without continuing a sound.",
    proved="Tiny models from the real configuration classes, mono and stereo: codes equal and "
    "sound within 1e-5 of transformers' generate() on torch, greedy with guidance 3, from words "
    "alone and going on from a sound; EnCodec both ways, in pieces as in one. No published weights "
    "were at hand.",
    outputs=(".wav",),
)


def warm() -> None:
    """Import what `run` will need."""
    import onnxruntime  # noqa: F401
    import soundfile  # noqa: F401
    import tokenizers  # noqa: F401
    import transformers

    transformers.utils.logging.set_verbosity_error()


def run(job: Job, bench: Workbench) -> Generator[Step, None, None]:
    """Write one piece of music; music.wav. Raises StudioError for whatever a person can mend."""
    yield from Composing(job, bench).steps()


class Composing(Worker):
    """One piece of music."""

    def __init__(self, job: Job, bench: Workbench) -> None:
        super().__init__(job, bench)
        self._values = complete(SPEC.controls, job.recipe.values)

    def work(self) -> None:
        """Everything a job is, in order."""
        warm()
        import numpy as np

        from studio.engine.audio import music_model, waves

        path = self.job.inputs.get("sound")
        given = None if path is None else waves.read(path)
        model = music_model.load(self.job, self.bench, self.loaded)
        self.held_by(model.brake)
        rate = model.shape.rate
        start = np.zeros((0, model.channels), dtype=np.float32)
        if given is not None:
            music_model.open_ears(self.job, self.bench, model, self.loaded)
            start = waves.resample(waves.channels(given[0], model.channels), given[1], rate)
        given_codes = self._heard(model, start)
        codes, cut = self._write(model, given_codes)
        made = self._sound(model, codes)
        self.say("saving", 0, 1, SOUNDED)
        heard = given_codes.shape[1] * model.shape.hop
        whole = join(start, made, heard, round(_JOINED * rate))
        title = prompt.title(str(self._values["prompt"])) or "Music"
        note = "The prompt is longer than this model reads; its end was left out." if cut else ""
        self.save("music", waves.finish(whole, rate), rate, model.provider, title, note)

    def _heard(self, model: Model, sound: Floats) -> Codes:
        """The codes of a sound's end (codebooks, frames); of no sound, none."""
        import numpy as np

        frames = min(
            len(sound) // model.shape.hop,
            round(float(self._values["heard"]) * model.shape.frame_rate),
        )
        if not len(sound):
            return np.zeros((model.books, 0), dtype=np.int64)
        if frames < _LEAST:
            raise StudioError(
                "The sound to continue is too short.", "Choose one of at least half a second."
            )
        self.say("reading", 0, 1, LOADED)
        end = sound[len(sound) - frames * model.shape.hop :]
        codes = np.empty((model.books, frames), dtype=np.int64)
        for channel in range(model.channels):
            codes[channel :: model.channels] = model.codec.encode(end[:, channel])
        return codes

    def _write(self, model: Model, given: Codes) -> tuple[Codes, bool]:
        """More codes after those given, and whether the prompt's end was left out."""
        from studio.engine.audio.music_writer import compose
        from studio.engine.sampling import Sampler

        values = self._values
        guidance = float(values["guidance"])
        sampler = Sampler(
            self.job.recipe.seed,
            temperature=float(values["temperature"]),
            top_k=int(values["top_k"]),
            top_p=float(values["top_p"]),
        )
        ids, cut = model.ids(str(values["prompt"]))
        self.say("reading", 0, 1, LOADED)
        condition = model.condition(ids, guided=guidance > 1)
        frame_rate = model.shape.frame_rate
        new = max(1, round(float(values["seconds"]) * frame_rate))
        shown = had = given.shape[1]
        codes = given
        for codes in compose(model, condition, sampler, guidance, given, new):
            done = codes.shape[1] - had
            self.say("composing", done, new, READ + (WRITTEN - READ) * done / new)
            # The last frames sound right only once those after them are there.
            if codes.shape[1] - MARGIN - shown >= frame_rate:
                self._preview(model, codes, shown, new / frame_rate)
                shown = codes.shape[1] - MARGIN
        return codes, cut

    def _preview(self, model: Model, codes: Codes, since: int, seconds: float) -> None:
        """Let hear what was written since a frame, as the first channel roughly sounds."""
        import numpy as np

        from studio.engine.audio.mixer import peaks

        first = max(0, since - _SEEN)
        sound = np.concatenate(list(model.decode(codes[:: model.channels, first:])))
        hop = model.shape.hop
        new = sound[(since - first) * hop : len(sound) - MARGIN * hop, None]
        count = max(1, round(len(new) / model.shape.rate * _PREVIEW_RATE))
        rate = count * model.shape.rate / len(new)
        heard = np.clip(np.nan_to_num(new) * 32767.0, -32768, 32767).astype("<i2").tobytes()
        shown = peaks(new, count, _PREVIEW_SCALE)
        self.emit(AudioPreview(rate, shown, seconds, heard, model.shape.rate))

    def _sound(self, model: Model, codes: Codes) -> Floats:
        """The sound (samples, channels) of codes."""
        import numpy as np

        made: list[Floats] = []
        total = codes.shape[1] * model.channels
        done = 0
        for channel in range(model.channels):
            parts = []
            for part in model.decode(codes[channel :: model.channels]):
                parts.append(part)
                done += len(part) // model.shape.hop
                way = (SOUNDED - WRITTEN) * min(1.0, done / total)
                self.say("sounding", min(done, total), total, WRITTEN + way)
            made.append(np.concatenate(parts))
        return np.stack(made, axis=1)


def join(given: Floats, made: Floats, heard: int, fade: int) -> Floats:
    """A given sound (n, channels) and after it what was made, of which `heard` samples are its end.

    Faded over where the one passes into the other, over `fade` samples at most.
    """
    import numpy as np

    from studio.engine.audio.signal import rise

    fade = min(fade, heard)
    way = rise(fade)[:, None].astype(np.float32)
    end, begin = given[len(given) - fade :], made[heard - fade : heard]
    between = end * (1.0 - way) + begin * way
    return np.concatenate([given[: len(given) - fade], between, made[heard:]])
