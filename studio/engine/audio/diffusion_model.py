"""A folder of Stable Audio Open or ACE-Step, loaded: diffusers' own pipelines over ONNX Runtime."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from studio.core.errors import StudioError
from studio.core.recipe import Job
from studio.engine import device, graphs
from studio.engine.audio import diffusion_graphs, diffusion_parts, diffusion_schedule
from studio.engine.audio.weights import Plain
from studio.engine.image.handover import Stopped
from studio.engine.image.layout import missing, read_json
from studio.engine.image.standins import Brake, Graph
from studio.engine.sessions import open_session, unreadable
from studio.engine.workbench import Workbench, folder_size, folder_stamp

if TYPE_CHECKING:
    import onnxruntime as ort

log = logging.getLogger(__name__)

Told = Callable[[float], None]
"""Hears how much is loaded, 0 to 1; what it raises ends the loading."""
STABLE, ACE = "StableAudioPipeline", "AceStepPipeline"
PARTS: dict[str, tuple[str, ...]] = {
    STABLE: ("text_encoder", "projection_model", "transformer", "vae"),
    ACE: ("text_encoder", "condition_encoder", "transformer", "vae"),
}
"""The parts of a pipeline that have weights, by its name in model_index.json."""
FOLDERS: dict[str, str] = {
    "t5-masked": "text_encoder",
    "stable-audio-transformer": "transformer",
    "oobleck-decoder": "vae_decoder",
    "oobleck-encoder": "vae_encoder",
    "qwen3-embedding": "text_embedding",
    "qwen3-encoder": "text_encoder",
    "ace-step-conditions": "condition_encoder",
    "ace-step-transformer": "transformer",
}
"""Where a part that somebody has exported lies, as model.onnx, with the inputs of our graph."""


@dataclass(slots=True)
class Model:
    """What stays between jobs."""

    folder: Path
    pipeline: str
    scheduler: Mapping[str, Any]
    modules: Mapping[str, Any]
    """diffusers' modules by the names that the pipeline has for them."""
    brake: Brake
    provider: str
    encoder: list[Graph] = field(default_factory=list)
    """The autoencoder's encoder, once a sound went in."""
    tile: list[Callable[[], None]] = field(default_factory=list)
    """What hears of each piece that the autoencoder has done: the job's own."""

    @property
    def rate(self) -> int:
        return int(self.modules["vae"].config.sampling_rate)

    @property
    def channels(self) -> int:
        return int(self.modules["vae"].config.audio_channels)

    @property
    def hop(self) -> int:
        """Samples of one latent."""
        return int(self.modules["vae"].hop_length)

    @property
    def longest(self) -> float:
        """Seconds that it can make; ACE-Step knows no bound of its own."""
        if self.pipeline == ACE:
            return float("inf")
        latents = int(self.modules["transformer"].config.sample_size)
        limit = float(self.modules["projection_model"].config.max_value)
        return min(latents * self.hop / self.rate, limit)

    @property
    def turbo(self) -> bool:
        """Its guidance is in its weights, and a few steps are enough."""
        config = self.modules["transformer"].config
        return bool(config.get("is_turbo") or config.get("model_version") == "turbo")

    def build(self, strength: float = 1.0) -> Any:
        """A new pipeline with a new scheduler; raises StudioError for one that is not known."""
        path = self.folder / "scheduler" / "scheduler_config.json"
        try:
            scheduler = diffusion_schedule.build(self.scheduler, strength)
        except Exception as error:  # a stranger's numbers, in code that takes what it gets
            raise unreadable(path, self.folder) from error
        pipeline = _class(self.pipeline)(**self.modules, scheduler=scheduler)
        pipeline.set_progress_bar_config(disable=True)
        return pipeline


def libraries() -> None:
    """Import what making a sound needs."""
    import warnings

    import transformers

    # Before anything else of it: loading it says what optional packages are not there.
    transformers.utils.logging.set_verbosity_error()
    import diffusers.utils.logging

    diffusers.utils.logging.set_verbosity_error()
    import onnxruntime  # noqa: F401

    warnings.filterwarnings("ignore", "__array", DeprecationWarning)
    for name in PARTS:
        _class(name)


def _class(name: str) -> Any:
    if name == STABLE:
        from diffusers.pipelines.stable_audio.pipeline_stable_audio import StableAudioPipeline

        return StableAudioPipeline
    from diffusers.pipelines.ace_step.pipeline_ace_step import AceStepPipeline

    return AceStepPipeline


def load(job: Job, bench: Workbench, told: Told) -> Model:
    """The model of a job, from the bench where it is held, its brake off.

    Raises StudioError naming what is missing or wrong.
    """
    key = (
        "audio.diffusion",
        job.model.name,
        folder_stamp(job.model),
        tuple(device.providers(job.device)),
        device.threads(job.device),
    )
    opened = bench.take(key, lambda: _Folder(job, bench).open(told), folder_size(job.model))
    bench.provider = opened.provider
    opened.brake.release()
    return opened


def open_encoder(job: Job, bench: Workbench, model: Model, told: Told) -> None:
    """Load the autoencoder's encoder, which only sounds that go in need."""
    if not model.encoder:
        folder = _Folder(job, bench)
        model.encoder.append(folder.graph("vae", "oobleck-encoder", model.brake, told))


def pipeline_of(folder: Path) -> str:
    """The pipeline of a model folder. Raises StudioError for one that cannot be run."""
    index = read_json(folder, "model_index.json")
    name = str(index.get("_class_name", "")).removeprefix("Onnx").removeprefix("ORT")
    if name not in PARTS:
        raise StudioError(
            f"This model is of a kind that the studio cannot run: {name[:60]}.",
            "Choose another model.",
        )
    return name


def architectures_of(folder: Path) -> dict[str, graphs.Architecture]:
    """The graphs that a folder is run with, but for the parts that it brings as graphs itself.

    Raises StudioError naming the file that is missing or wrong.
    """
    found: dict[str, graphs.Architecture] = {}
    for part in PARTS[pipeline_of(folder)]:
        if part != "projection_model":  # a few small layers, run as they are
            found |= _architectures(folder, part)
    return {n: a for n, a in found.items() if not (folder / FOLDERS[n] / "model.onnx").is_file()}


def _architectures(folder: Path, part: str) -> dict[str, graphs.Architecture]:
    config = read_json(folder, f"{part}/config.json")
    try:
        return diffusion_graphs.architectures(part, config)
    except Exception as error:  # whatever a library says to a stranger's configuration
        log.warning("%s/%s: %r", folder.name, part, error)
        raise unreadable(folder / part / "config.json", folder) from error


def _part(told: Told, number: int, of: int) -> Told:
    """What hears of one part of several."""
    return lambda fraction: told((number + fraction) / of)


class _Folder:
    """Opens the parts of one model folder."""

    def __init__(self, job: Job, bench: Workbench) -> None:
        self._job, self._bench, self._folder = job, bench, job.model

    def open(self, told: Told) -> Model:
        name = pipeline_of(self._folder)
        brake = Brake()
        encoder: list[Graph] = []
        tile: list[Callable[[], None]] = []

        def each() -> None:
            for heard in tile:
                heard()

        # The smallest first: a folder that is not complete is told before gigabytes were read.
        scheduler = read_json(self._folder, "scheduler/scheduler_config.json")
        modules: dict[str, Any] = {"tokenizer": self._tokenizer()}
        parts = PARTS[name]
        for number, part in enumerate(parts):
            heard = _part(told, number, len(parts))
            heard(0.0)
            config = read_json(self._folder, f"{part}/config.json")
            try:
                modules[part] = self._part(part, config, brake, encoder, each, heard)
            except (StudioError, MemoryError, Stopped):
                raise
            except Exception as error:  # whatever a library says to a stranger's configuration
                log.warning("%s/%s: %r", self._folder.name, part, error)
                raise unreadable(self._folder / part / "config.json", self._folder) from error
        told(1.0)
        return Model(
            folder=self._folder,
            pipeline=name,
            scheduler=scheduler,
            modules=modules,
            brake=brake,
            provider=self._bench.provider,
            encoder=encoder,
            tile=tile,
        )

    def _part(
        self,
        part: str,
        config: Mapping[str, Any],
        brake: Brake,
        encoder: list[Graph],
        each: Callable[[], None],
        told: Told,
    ) -> Any:
        if part == "projection_model":
            return diffusion_parts.projection(config, self._weights(part))
        if part == "vae":
            decode = self.graph(part, "oobleck-decoder", brake, told)
            return diffusion_parts.oobleck(config, decode, lambda: encoder[0], each)
        names = list(_architectures(self._folder, part))
        made = [
            self.graph(part, name, brake, _part(told, n, len(names)))
            for n, name in enumerate(names)
        ]
        if part == "condition_encoder":
            return diffusion_parts.conditions(config, made[0], self._weights(part))
        builders: dict[int, Callable[..., Any]] = {1: diffusion_parts.t5, 2: diffusion_parts.qwen}
        if part == "text_encoder":
            return builders[len(made)](config, *made)
        stable = config.get("_class_name") == "StableAudioDiTModel"
        build = diffusion_parts.stable_audio if stable else diffusion_parts.ace_step
        return build(config, *made)

    def graph(self, part: str, name: str, brake: Brake, told: Told) -> Graph:
        """One graph of a part: the folder's own, or the studio's with the folder's weights."""
        architecture = _architectures(self._folder, part)[name]
        own = self._folder / FOLDERS[name] / "model.onnx"
        session: ort.InferenceSession
        if own.is_file():
            session = open_session(self._job, own, self._bench)
        else:
            session = graphs.open_bound(
                self._job, self._bench, architecture, self._weights(part), told
            )
        try:
            return Graph(name, session, brake, architecture.inputs)
        except ValueError as error:
            log.warning("%s: %s", own, error)
            raise unreadable(own, self._folder) from error

    def _weights(self, part: str) -> Mapping[str, Any]:
        return _Bare(Plain(graphs.safetensors_of(self._folder / part)))

    def _tokenizer(self) -> Any:
        from transformers import AutoTokenizer

        folder = self._folder / "tokenizer"
        if not (folder / "tokenizer.json").is_file():
            raise missing(self._folder, "tokenizer/tokenizer.json")
        try:
            return AutoTokenizer.from_pretrained(
                folder, local_files_only=True, trust_remote_code=False
            )
        except Exception as error:  # the loaders behind it raise their own of every kind
            raise unreadable(folder, self._folder) from error


class _Bare(Mapping[str, Any]):
    """Weights without the `model.` that a language model's are saved with."""

    def __init__(self, weights: Mapping[str, Any]) -> None:
        self._names = {name.removeprefix("model."): name for name in weights}
        self._weights = weights

    def __getitem__(self, name: str) -> Any:
        return self._weights[self._names[name]]

    def __iter__(self) -> Iterator[str]:
        return iter(self._names)

    def __len__(self) -> int:
        return len(self._names)
