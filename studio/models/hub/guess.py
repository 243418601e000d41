"""What a model of a list may be, told from its tags alone: nothing of it has been looked at yet."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping, Sequence

from studio.core.controls import Extra
from studio.core.family import FamilySpec, Kind
from studio.models.installed import kind_in_words
from studio.models.taking import GENAI

TASKS: Mapping[Kind, tuple[str, ...]] = {
    "text": ("text-generation", "text2text-generation", "fill-mask", "summarization"),
    "image": ("text-to-image", "image-to-image", "image-segmentation", "depth-estimation"),
    "audio": ("text-to-speech", "text-to-audio"),
}
"""The hub's pipeline tags by what they make (https://huggingface.co/tasks)."""
_OTHERS = frozenset(
    ("gguf", "gptq", "awq", "bitsandbytes", "compressed-tensors", "exl2", "exl3", "mlx", "nvfp4",
     "fp8", "openvino", "coreml", "tflite", "neuron", "quark", "ctranslate2")
)  # fmt: skip
"""What says that weights were packed for another program."""
_BUILT = frozenset(
    name.lower().partition("for")[0] for name in GENAI if not name.startswith("Gemma3")
) | {"gemma3", "gemma3_text"}
"""Tags of the language models that the engine builds."""


_VOICES = frozenset({"piper", "kokoro"})
_CHATS = frozenset(
    ("instruct", "chat", "it", "phi", "llama", "qwen", "qwen2", "qwen3", "gemma", "mistral",
     "deepseek", "granite", "olmo", "smollm", "smollm2", "smollm3")
)  # fmt: skip
"""Words in names of repositories whose makers gave them no task."""


def families_by_tags(
    tags: Collection[str], task: str, specs: Sequence[FamilySpec], repo: str = ""
) -> tuple[str, ...]:
    """Ids of the families that would run a model with these tags, if it is what they say.

    Where its makers said nothing of its task, words of its name count.
    """
    named = set(re.split(r"[^a-z0-9]+", repo.lower())) if not task else set()
    said = {t.lower() for t in tags} | (named & _VOICES)
    graphs, weights = "onnx" in said, bool({"safetensors", "diffusers"} & said)
    if not graphs and said & _OTHERS:
        return ()
    pipelines = {t.partition(":")[2] for t in tags if t.startswith("diffusers:")}
    untold = "diffusers" in said and not pipelines
    kind = kind_by_tags(tags, task)

    def runs(spec: FamilySpec) -> bool:
        types = set(spec.where.get("model_type", ()))
        tasked = spec.any_tags and {*said, task}.intersection(spec.any_tags)
        voice = spec.kind == "audio" and types and task == "text-to-speech"
        built = _builds(spec) and (task == "text-generation" or bool(named & _CHATS and graphs))
        drawn = spec.where.get("pipeline", ())
        return bool(
            pipelines.intersection(drawn)
            or (untold and drawn and spec.kind == kind)
            or ("lora" in said and task == "text-to-image" and _takes(spec, "lora"))
            or (types & said and (graphs or weights))
            or (graphs and (tasked or voice or built))
            or (built and weights and said & _BUILT)
        )

    return tuple(spec.id for spec in specs if runs(spec))


def kind_by_tags(tags: Collection[str], task: str) -> Kind | None:
    """What a model makes, by the hub's tag for its task and by its own words."""
    known = next((kind for kind, tasks in TASKS.items() if task in tasks), None)
    return known or kind_in_words([task, *tags])


def _takes(spec: FamilySpec, role: str) -> bool:
    return any(isinstance(c, Extra) and c.role == role for c in spec.controls)


def _builds(spec: FamilySpec) -> bool:
    """Whether it runs any folder of onnxruntime-genai."""
    return spec.needs == ("genai_config.json",) and not spec.tags
