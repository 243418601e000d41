"""A model folder, loaded, and the pipelines of diffusers that its parts are put into."""

from __future__ import annotations

import inspect
import warnings
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from studio.core.errors import StudioError
from studio.engine.image import schedulers, standins, words
from studio.engine.image.kinds import Task
from studio.engine.image.layout import Layout, tokenizer_of
from studio.engine.sessions import unreadable

WARM = ("StableDiffusionPipeline", "StableDiffusionImg2ImgPipeline")
"""The pipelines that are imported before anybody asks for them."""


@dataclass(slots=True)
class Model:
    """A model folder, loaded: what stays between jobs."""

    layout: Layout
    brake: standins.Brake
    parts: dict[str, Any]
    """By their names in diffusers' pipelines, tokenizers among them."""
    graphs: dict[str, standins.Graph]
    provider: str
    laid: dict[str, tuple[Any, Any]] = field(default_factory=dict)
    """ControlNet and preview decoder: from where, and what was loaded from there."""

    @property
    def denoiser(self) -> Any:
        return self.parts[self.layout.kind.denoiser]

    @property
    def vae(self) -> Any:
        return self.parts["vae"]

    @property
    def way(self) -> schedulers.Way:
        """How the model was taught."""
        way = schedulers.way_of(self.layout.scheduler)
        if way == "flow" and self.layout.kind.packed:
            return "shifted flow"
        few = way == "noise" and self.layout.denoiser.get("time_cond_proj_dim")
        return "consistency" if few else way

    @property
    def tokenizers(self) -> list[tuple[Any, bool]]:
        """The tokenizers, and whether theirs is an encoder that takes a fixed number of words."""
        return [
            (self.parts[tokenizer_of(e)], is_clip(self.layout, e)) for e in self.layout.encoders
        ]

    @property
    def joins(self) -> bool:
        """More words than one encoding holds can be given to the denoiser."""
        name = "encoder_hidden_states"
        graph = self.graphs[self.layout.kind.denoiser]
        # A UNet that sums up its words has only ever seen one encoding of them, and FLUX is
        # given no more than what sums them up.
        sums_up = self.layout.denoiser.get("addition_embed_type") == "text"
        one = sums_up or self.layout.kind.packed
        return not one and not isinstance(graph.shape(name)[1], int)

    @property
    def room(self) -> int:
        """How many tokens of a prompt are read, start and end included."""
        if not all(clip for _, clip in self.tokenizers):
            return self.tokens
        own = min(int(t.model_max_length) for t, _ in self.tokenizers)
        return (own - 2) * words.PIECES + 2 if self.joins else own

    @property
    def tokens(self) -> int:
        """How many tokens a T5 encoder is given; FLUX without guidance was taught with fewer."""
        own = self.layout.kind.tokens
        few = self.layout.kind.packed and not self.layout.denoiser.get("guidance_embeds")
        return min(own, 256) if few else own

    def count(self, text: str) -> int:
        """How many tokens the model sees of a prompt, start and end included."""
        said, all_of_them = words.plain(text), self.tokenizers
        widest = [t for t, clip in all_of_them if not clip] or [t for t, _ in all_of_them]
        return max(len(t(said)["input_ids"]) for t in widest)

    def pipeline(
        self, task: Task, sampler: str, texts: Sequence[str] = (), controlnet: Any = None
    ) -> Any:
        """A new pipeline with a new scheduler, for these prompts.

        Raises StudioError where the model has none for the task or the sampler cannot drive it.
        """
        cls = pipeline_class(self.layout.kind.pipelines[task])
        known = inspect.signature(cls.__init__).parameters
        parts: dict[str, Any] = dict.fromkeys(n for n in known if n != "self")
        # Settings of the pipeline itself, as whether an empty negative prompt is nothing at all.
        index = self.layout.index
        parts |= {n: v for n, v in index.items() if n in known and isinstance(v, bool)}
        parts |= {"requires_safety_checker": False, "add_watermarker": False}
        parts |= self.parts | self._marked(texts)
        parts |= {"scheduler": self._scheduler(sampler), "controlnet": controlnet}
        pipeline = cls(**{n: v for n, v in parts.items() if n in known})
        pipeline.set_progress_bar_config(disable=True)
        self.denoiser.calls.clear()
        return pipeline

    def _marked(self, texts: Sequence[str]) -> dict[str, Any]:
        """Tokenizers that weigh and join, where one of the prompts asks for it."""
        clips = [t for t, clip in self.tokenizers if clip]
        joined = max((words.pieces(t, p) for t in clips for p in texts), default=1)
        count = min(words.PIECES, joined) if self.joins else 1
        if count == 1 and not any(words.weighted(t) for t in texts):
            return {}
        return {
            tokenizer_of(e): words.Marked(t, count if clip else 0)
            for e, (t, clip) in zip(self.layout.encoders, self.tokenizers, strict=True)
        }

    def _scheduler(self, sampler: str) -> Any:
        config = self.layout.scheduler
        own = str(config.get("_class_name"))
        fitting = schedulers.fitting(self.way)
        if sampler == schedulers.OWN and own not in schedulers.MODULES:
            raise StudioError(
                f"This model asks for a sampler that is not here: {own[:60]}.",
                "Choose another one under “Sampler”.",
            )
        if sampler != schedulers.OWN and sampler not in [s.id for s in fitting]:
            raise StudioError(
                "This model cannot be drawn with the sampler that is chosen.",
                f"Choose “As the model asks” or {_one_of([s.label for s in fitting])}.",
            )
        try:
            return schedulers.build(sampler, config)
        except Exception as error:  # a stranger's numbers, in code that takes what it gets
            path = self.layout.folder / "scheduler" / "scheduler_config.json"
            raise unreadable(path, self.layout.folder) from error


def _one_of(names: Sequence[str]) -> str:
    return ", ".join(names[:-1]) + " or " + names[-1] if len(names) > 1 else "".join(names)


def libraries() -> None:
    """Import what a drawing needs: some three seconds of computing, the first time."""
    import transformers

    # Before anything else of it: loading it says what optional packages are not there.
    transformers.utils.logging.set_verbosity_error()
    import diffusers.utils.logging

    diffusers.utils.logging.set_verbosity_error()
    import onnxruntime  # noqa: F401

    # The schedulers of diffusers 0.42 speak to numpy 2 the way of numpy 1; numpy says so each time.
    warnings.filterwarnings("ignore", "__array", DeprecationWarning)

    for name in WARM:
        pipeline_class(name)


def pipeline_class(name: str) -> Any:
    """One of diffusers' pipelines by its name, imported now if it was not yet."""
    import diffusers

    return getattr(diffusers, name)


def is_clip(layout: Layout, part: str) -> bool:
    """A text encoder is one of CLIP's, which take a fixed number of words."""
    return layout.configs[part].get("model_type") == "clip_text_model"
