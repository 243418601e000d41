"""Sounds and music by diffusion: Stable Audio Open and ACE-Step through diffusers' pipelines."""

from __future__ import annotations

import math
from collections.abc import Generator
from typing import TYPE_CHECKING, Any

from studio.core.controls import Number, Sound, Text, complete
from studio.core.errors import StudioError
from studio.core.family import FamilySpec
from studio.core.messages import Step
from studio.core.recipe import Job
from studio.engine.audio.worker import LOADED, Worker
from studio.engine.image import prompt

if TYPE_CHECKING:
    import torch

    from studio.engine.audio.diffusion_model import Model
    from studio.engine.workbench import Workbench

READ, DRAWN, SOUNDED = 0.1, 0.85, 0.97
"""Parts of a job's progress after its phases; the first is LOADED."""
_STEPS, _TURBO_STEPS, _ACE_STEPS = 100, 8, 50
"""What is usual: for Stable Audio, and for ACE-Step's two forms."""
_GUIDANCE = 7.0
_INSTRUMENTAL = "[Instrumental]"
"""What ACE-Step is told where nobody is to sing."""

SPEC = FamilySpec(
    id="audio.diffusion",
    title="Sound and music",
    kind="audio",
    controls=(
        Text(
            name="prompt",
            label="Prompt",
            help="What is to be heard, in English: things and places, or style and instruments.",
            lines=2,
            max_length=2_000,
            placeholder="Rain on a tin roof, distant thunder",
        ),
        Number(
            name="seconds",
            label="Length",
            default=10,
            minimum=1,
            maximum=240,
            unit="s",
        ),
        Text(
            name="lyrics",
            label="Lyrics",
            help="For models that sing (ACE-Step), with marks such as [verse] and [chorus]. Empty, "
            "nobody sings.",
            lines=6,
            max_length=6_000,
            folded=True,
        ),
        Text(
            name="negative_prompt",
            label="Negative prompt",
            help="What is not to be heard; Stable Audio only.",
            max_length=2_000,
            placeholder="low quality",
            folded=True,
        ),
        Sound(
            name="sound",
            label="Sound to start from",
            help="Stable Audio makes it anew; ACE-Step takes its timbre and style.",
        ),
        Number(
            name="strength",
            label="Strength",
            help="How much of the sound to start from is made anew; Stable Audio only.",
            default=0.6,
            minimum=0.05,
            maximum=1.0,
            step=0.05,
            folded=True,
        ),
        Number(
            name="steps",
            label="Steps",
            help="More are slower and finer; 0 takes what is usual for the model.",
            default=0,
            minimum=0,
            maximum=200,
            whole=True,
            least="As usual",
            folded=True,
        ),
        Number(
            name="guidance",
            label="Guidance",
            help="How closely the words are followed; 0 takes what is usual for the model.",
            default=0.0,
            minimum=0.0,
            maximum=20.0,
            step=0.5,
            least="As usual",
            folded=True,
        ),
        Number(
            name="tempo",
            label="Tempo",
            help="Beats a minute; 0 leaves it to the model. ACE-Step only.",
            default=0,
            minimum=0,
            maximum=300,
            whole=True,
            unit="bpm",
            least="Automatic",
            folded=True,
        ),
        Text(
            name="language",
            label="Language of the lyrics",
            help="As a code of two letters; ACE-Step only.",
            default="en",
            max_length=8,
            folded=True,
        ),
    ),
    needs=("model_index.json", "*/config.json"),
    where={"pipeline": ("StableAudioPipeline", "AceStepPipeline")},
    models="Stable Audio Open 1.0; ACE-Step 1.5 (turbo and base): folders of diffusers in "
    "safetensors, or with parts exported to ONNX.",
    proved="Tiny models from the real configuration classes: sound within 1e-4 of diffusers on "
    "torch at the same seed, with and without negative prompt, guidance, a sound to start from and "
    "a reference. No published weights were at hand.",
    outputs=(".wav",),
)


def warm() -> None:
    """Import what `run` will need."""
    from studio.engine.audio import diffusion_model

    diffusion_model.libraries()


def run(job: Job, bench: Workbench) -> Generator[Step, None, None]:
    """Make one sound; sound.wav. Raises StudioError for whatever a person can mend."""
    yield from Making(job, bench).steps()


class Making(Worker):
    """One sound."""

    def __init__(self, job: Job, bench: Workbench) -> None:
        super().__init__(job, bench)
        self._values = complete(SPEC.controls, job.recipe.values)

    def work(self) -> None:
        """Everything a job is, in order."""
        from studio.engine.audio import diffusion_model, waves

        path = self.job.inputs.get("sound")
        given = None if path is None else waves.read(path)
        warm()
        import torch

        # Sessions do the computing; what torch does between them is small, and the same in every
        # process only if it is not divided differently.
        torch.set_num_threads(1)
        model = diffusion_model.load(self.job, self.bench, self.loaded)
        self.held_by(model.brake)
        if float(self._values["seconds"]) > model.longest:
            raise StudioError(
                f"This model makes at most {model.longest:.0f} seconds.", "Choose a shorter length."
            )
        start: torch.Tensor | None = None
        if given is not None:
            diffusion_model.open_encoder(self.job, self.bench, model, self.loaded)
            samples = waves.resample(waves.channels(given[0], model.channels), given[1], model.rate)
            start = torch.from_numpy(samples.T.copy())
            if start.shape[1] < model.hop:
                raise StudioError("The sound to start from is too short.", "Choose a longer one.")
            start = start[:, : start.shape[1] // model.hop * model.hop]
        self.say("reading", 0, 1, LOADED)
        model.tile[:] = [self._tile(model)]
        try:
            sound = self._made(model, start)
        finally:
            model.tile.clear()
        self.say("saving", 0, 1, SOUNDED)
        finished = waves.finish(sound.T.contiguous().numpy(), model.rate)
        title = prompt.title(str(self._values["prompt"])) or "Sound"
        self.save("sound", finished, model.rate, model.provider, title)

    def _tile(self, model: Model) -> Any:
        """What hears of each piece of the autoencoder: of what goes in, and of what comes out."""
        from studio.engine.audio.diffusion_parts import OVERLAP, TILE

        latents = math.ceil(float(self._values["seconds"]) * model.rate / model.hop)
        if model.pipeline == "StableAudioPipeline":
            latents = int(model.modules["transformer"].config.sample_size)
        total = 1 if latents <= TILE else math.ceil(latents / (TILE - 2 * OVERLAP))
        done = 0

        def heard() -> None:
            nonlocal done
            if self.phase == "reading":
                self.say("reading", 0, 1, LOADED)
                return
            done += 1
            self.say("sounding", done, total, DRAWN + (SOUNDED - DRAWN) * done / total)

        return heard

    def _drawn(self, index: int, total: int) -> None:
        self.say("composing", index, total, READ + (DRAWN - READ) * index / total)

    def _made(self, model: Model, start: torch.Tensor | None) -> torch.Tensor:
        """The sound (channels, samples) of the pipeline."""
        import torch

        # Where a pipeline draws without being given a generator, it takes torch's own.
        seed = self.job.recipe.seed
        torch.manual_seed(seed)
        generator = torch.Generator("cpu").manual_seed(seed)
        stable = model.pipeline == "StableAudioPipeline"
        call = self._stable if stable else self._ace
        sound: torch.Tensor = call(model, start, generator)
        return sound

    def _stable(self, model: Model, start: torch.Tensor | None, generator: torch.Generator) -> Any:
        values = self._values
        steps = int(values["steps"]) or _STEPS
        given: dict[str, Any] = {}
        if start is not None:
            given = {
                "initial_audio_waveforms": start[None],
                "initial_audio_sampling_rate": model.rate,
            }
        pipeline = model.build(float(values["strength"]) if start is not None else 1.0)
        return pipeline(
            str(values["prompt"]),
            negative_prompt=str(values["negative_prompt"]) or None,
            audio_end_in_s=float(values["seconds"]),
            num_inference_steps=steps,
            guidance_scale=float(values["guidance"]) or _GUIDANCE,
            generator=generator,
            callback=lambda index, timestep, latents: self._drawn(index + 1, steps),
            **given,
        ).audios[0]

    def _ace(self, model: Model, start: torch.Tensor | None, generator: torch.Generator) -> Any:
        values = self._values
        steps = int(values["steps"]) or (_TURBO_STEPS if model.turbo else _ACE_STEPS)
        usual = 1.0 if model.turbo else _GUIDANCE

        def drawn(
            pipe: Any, index: int, timestep: float, tensors: dict[str, Any]
        ) -> dict[str, Any]:
            self._drawn(index + 1, steps)
            return tensors

        return model.build()(
            prompt=str(values["prompt"]),
            lyrics=str(values["lyrics"]).strip() or _INSTRUMENTAL,
            audio_duration=float(values["seconds"]),
            vocal_language=str(values["language"]).strip() or "en",
            num_inference_steps=steps,
            guidance_scale=1.0 if model.turbo else float(values["guidance"]) or usual,
            bpm=int(values["tempo"]) or None,
            generator=generator,
            reference_audio=start,
            callback_on_step_end=drawn,
        ).audios[0]
