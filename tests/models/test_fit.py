"""Whether a model suits a machine: by its bytes as they run, its device, and what was measured."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from studio.core.family import Kind
from studio.core.speed import Speed
from studio.models import fit
from studio.models.remote import Machine, RemoteFile, Variant

GB = 1 << 30
PLAIN = Machine(memory=16 * GB, cores=8)
SPEED = Speed({"int4": 20.0 * GB, "int8": 24.0 * GB + (48 << 20), "fp32": 30.0 * GB}, 2e11)
CARD = Machine(
    memory=32 * GB,
    gpu="NVIDIA RTX 4070",
    gpu_memory=12 * GB,
    providers=("CUDAExecutionProvider", "CPUExecutionProvider"),
)


def variant(id: str = "", size: float = 1.0, **said: object) -> Variant:
    usual: dict[str, object] = {"layout": "genai", "precision": "int4", "families": ("text.chat",)}
    files = (RemoteFile("model.onnx", int(size * GB), "a" * 64),)
    return Variant(id=id, title=id, folder="", files=files, **{**usual, **said})  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("size", "level"), [(1, "good"), (3, "good"), (6, "slow"), (10, "tight"), (20, "no")]
)
def test_a_language_model_by_its_bytes(size: float, level: str) -> None:
    told = fit.judge(variant(size=size), "text", PLAIN)
    assert told.level == level
    assert "16 GB" in told.sentence


def test_numbers_are_said_only_where_something_was_measured() -> None:
    untold = fit.judge(variant(size=2), "text", PLAIN)
    assert "tokens" not in untold.sentence
    quick = fit.judge(variant(size=2), "text", replace(PLAIN, speed=Speed({"int4": 41.0 * GB})))
    assert quick.level == "good"
    assert "about 20 tokens a second" in quick.sentence
    slow = fit.judge(variant(size=2), "text", replace(PLAIN, speed=Speed({"int4": 3.0 * GB})))
    assert slow.level == "slow"
    assert "about 1.5 tokens a second" in slow.sentence
    other = fit.judge(variant(size=2), "text", replace(PLAIN, speed=Speed({"fp32": 3.0 * GB})))
    assert other == untold
    laid = fit.judge(variant(size=2, role="lora"), "text", replace(PLAIN, speed=SPEED))
    assert "second" not in laid.sentence


@pytest.mark.parametrize(
    ("size", "said", "rate"),
    [
        (0.3, {"layout": "genai", "precision": "int4"}, 20.0 / 0.3447),
        (1.0, {"layout": "transformers", "precision": "bf16", "converter": "text.genai"}, 62.8),
        (1.0, {"layout": "transformers", "precision": "bf16"}, 14.67),
        (6.0, {"layout": "transformers", "precision": "bf16"}, 8.2),
        (1.0, {"layout": "transformers.js", "precision": "int8"}, 24.0),
    ],
)
def test_a_model_is_as_quick_as_the_precision_that_it_runs_in(
    size: float, said: dict[str, str], rate: float
) -> None:
    model = variant(size=size, families=("text.causal",), **said)
    told = fit.judge(model, "text", replace(PLAIN, speed=SPEED)).sentence
    number = float(told.partition("about ")[2].partition("about ")[2].split()[0])
    assert number == pytest.approx(rate, rel=0.1)


def test_pictures_on_a_processor_are_slow_unless_they_were_seen_to_be_quick() -> None:
    files = (
        RemoteFile("unet/diffusion_pytorch_model.safetensors", 3_438_000_000, "a" * 64),
        RemoteFile("vae/diffusion_pytorch_model.safetensors", 335_000_000, "b" * 64),
    )
    sd = replace(
        variant(layout="diffusers", precision="fp32", families=("image.diffusion",)),
        pipeline="StableDiffusionPipeline",
        files=files,
    )
    assert fit.judge(sd, "image", PLAIN).level == "slow"
    drawn = fit.judge(sd, "image", replace(PLAIN, speed=SPEED))
    assert drawn.level == "slow"
    assert "about 8 seconds for each step of a picture of 512 × 512" in drawn.sentence
    quick = fit.judge(sd, "image", replace(PLAIN, speed=Speed({}, 2e12)))
    assert quick.level == "good"
    assert "about 0.8 seconds" in quick.sentence
    distilled = replace(sd, files=(replace(files[0], size=1_300_000_000), files[1]))
    assert "second" not in fit.judge(distilled, "image", replace(PLAIN, speed=SPEED)).sentence
    other = replace(sd, pipeline="FluxPipeline")
    assert fit.judge(other, "image", replace(PLAIN, speed=SPEED)) == fit.judge(
        other, "image", PLAIN
    )


def test_a_graphics_card_counts_by_what_it_computes_in() -> None:
    exact = variant(size=14, layout="diffusers", precision="fp32", families=("image.diffusion",))
    told = fit.judge(exact, "image", CARD)
    assert told.level == "good"
    assert "RTX 4070" in told.sentence
    large = fit.judge(variant(size=11), "text", CARD)
    assert large.level == "slow"
    assert "too large" in large.sentence


def test_what_is_made_for_another_device_says_so() -> None:
    cuda = variant(providers=("CUDAExecutionProvider",))
    assert fit.judge(cuda, "text", PLAIN).level == "no"
    assert "NVIDIA" in fit.judge(cuda, "text", PLAIN).sentence
    assert fit.judge(cuda, "text", CARD).level == "good"


@pytest.mark.parametrize(
    ("said", "times"),
    [
        ({"layout": "genai", "precision": "int4"}, 1.0),
        ({"layout": "diffusers", "precision": "fp16"}, 2.0),
        ({"layout": "diffusers", "precision": "fp32"}, 1.0),
        ({"layout": "transformers", "precision": "bf16", "converter": "text.genai"}, 0.2875),
        ({"layout": "transformers", "precision": "bf16", "families": ("text.causal",)}, 2.0),
        ({"layout": "transformers.js", "precision": "int4"}, 1.0),
        ({"layout": "piper", "precision": "fp32"}, 1.0),
        ({"layout": "transformers", "precision": ""}, 1.0),
    ],
)
def test_bytes_in_memory_by_how_it_is_run(said: dict[str, object], times: float) -> None:
    assert fit.on_processor(variant("", 1.0, **said)) == pytest.approx(times * GB, rel=1e-6)


def test_a_large_language_model_in_safetensors_runs_in_eight_bits() -> None:
    seven = variant(size=14, layout="transformers", precision="bf16", families=("text.causal",))
    assert fit.on_processor(seven) == 7 * GB


def test_the_best_for_a_machine() -> None:
    ways = [
        variant("cuda-fp16", 7, precision="fp16", providers=("CUDAExecutionProvider",)),
        variant("gpu-int4", 2.5, providers=("CUDAExecutionProvider",)),
        variant("cpu-int4", 3),
        variant("directml", 2, problem="It is made for DirectML."),
    ]
    assert _best(ways, PLAIN) == "cpu-int4"
    assert _best(ways, CARD) == "cuda-fp16"
    small = replace(CARD, gpu_memory=4 * GB)
    assert _best(ways, small) == "gpu-int4"
    assert _best([ways[3]], PLAIN) == ""


def test_half_the_bytes_to_fetch_are_preferred_where_the_picture_is_the_same() -> None:
    ways = [
        variant("", 5.5, layout="diffusers", precision="fp32", families=("image.diffusion",)),
        variant("fp16", 2.75, layout="diffusers", precision="fp16", families=("image.diffusion",)),
    ]
    assert _best(ways, PLAIN) == "fp16"


def test_one_can_chat_with_what_is_chosen() -> None:
    ways = [
        variant(
            "int8", 0.14, layout="transformers.js", precision="int8", families=("text.causal",)
        ),
        variant("own", 0.27, layout="transformers", precision="bf16", converter="text.genai"),
    ]
    assert _best(ways, PLAIN) == "own"
    assert _best(ways[:1], PLAIN) == "int8"


def test_a_voice_is_chosen_among_many() -> None:
    names = ("cs_CZ-jirka-medium", "en_GB-alba-medium", "en_US-amy-low", "en_US-ryan-medium")
    ways = [variant(n, 0.06, layout="piper", precision="fp32") for n in names]
    assert _best(ways, PLAIN) == "en_US-ryan-medium"


@given(
    st.integers(0, 1 << 62),
    st.sampled_from(["text", "image", "audio", None]),
    st.integers(0, 1 << 50),
    st.integers(0, 1 << 45),
    st.sampled_from(["int4", "fp16", "fp32", "", "fp64"]),
    st.sampled_from(["genai", "diffusers", "transformers", "onnx"]),
    st.floats(0, 1e13),
)
def test_any_size_on_any_machine_gets_a_sentence(
    size: int, kind: Kind | None, memory: int, card: int, precision: str, layout: str, rate: float
) -> None:
    machine = Machine(
        memory=memory,
        gpu_memory=card,
        providers=("CUDAExecutionProvider", "CPUExecutionProvider") if card else PLAIN.providers,
        speed=Speed({"int4": rate, "fp32": rate}, rate),
    )
    files = (RemoteFile("m", size, "a" * 64),)
    for what in (size, replace(variant(precision=precision, layout=layout), files=files)):
        told = fit.judge(what, kind, machine)
        assert told.level in fit.LEVELS
        assert told.sentence.endswith(".")


def _best(ways: list[Variant], machine: Machine) -> str:
    return fit.best([replace(v, fit=fit.judge(v, "text", machine)) for v in ways], machine)
