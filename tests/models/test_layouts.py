"""Variants out of a repository's list of files, judged as the same files are once they are here."""

from __future__ import annotations

import json
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from studio.core.card import Card
from studio.core.family import FamilySpec
from studio.core.files import cannot_read
from studio.engine.registry import FAMILIES, load_all
from studio.models.headers import MAX_CONFIG
from studio.models.hub import layouts, names
from studio.models.installed import fits, told_of
from studio.models.remote import RemoteFile, Variant
from tests.hub.catalogue import repositories
from tests.hub.content import Content, content
from tests.hub.layouts import (
    Files,
    card,
    diffusers,
    genai,
    kokoro,
    one_graph,
    piper,
    safetensors,
    text,
    tokenizer,
    transformers,
    transformers_js,
)

CPU4, GPU4 = "cpu_and_mobile/cpu-int4-rtn-block-32", "gpu/gpu-int4-awq-block-128"
LLAMA = {"model_type": "llama", "architectures": ["LlamaForCausalLM"]}
HEAD = 1 << 20


@cache
def specs() -> tuple[FamilySpec, ...]:
    return tuple(f.SPEC for f in load_all(FAMILIES)[0].values())


class Listed:
    """A repository as a hub lists it, and what is read of it on the way."""

    def __init__(self, files: Files, readme: str = "") -> None:
        self.files: Mapping[str, Content] = {n: content(s) for n, s in files.items()}
        if readme:
            self.files = {**self.files, "README.md": content(readme)}
        self.asked: list[str] = []
        listed = [(n, c.size, "a" * 64 if c.size > 1 << 16 else "b" * 40)
                  for n, c in self.files.items()]  # fmt: skip
        self.taken, self.refused = names.sort(listed)

    def small(self, path: str) -> bytes:
        self.asked.append(path)
        return self.files[path].read(0, MAX_CONFIG)

    def piece(self, path: str, start: int, end: int) -> bytes:
        self.asked.append(path)
        return self.files[path].read(start, min(end, self.files[path].size))

    def variants(self, **said: Any) -> dict[str, Variant]:
        told = layouts.variants(
            self.taken, self.small, specs(), piece=self.piece, name="owner/name",
            refused=self.refused, **said,
        )  # fmt: skip
        assert len({v.id for v in told}) == len(told)
        return {v.id: v for v in told}


def variants(files: Files, readme: str = "", **said: Any) -> dict[str, Variant]:
    return Listed(files, readme).variants(**said)


def places(variant: Variant) -> set[str]:
    return {f.path for f in variant.files}


def test_folders_of_onnxruntime_genai_each_with_its_device() -> None:
    told = variants(
        genai({CPU4: 3000, GPU4: 2000, "directml/directml-int4-awq-block-128": 1000})
        | {"LICENSE": "MIT", "README.md": card("x", license="mit")}
    )
    cpu, gpu = told["cpu-int4-rtn-block-32"], told["gpu-int4-awq-block-128"]
    assert cpu.folder == CPU4
    assert (cpu.precision, cpu.providers, cpu.families) == ("int4", (), ("text.chat",))
    assert gpu.providers == ("CUDAExecutionProvider",)
    assert "4 bits" in cpu.title
    assert "the processor" in cpu.title
    assert "NVIDIA" in gpu.title
    assert {f"{CPU4}/model.onnx", f"{CPU4}/tokenizer.json", "LICENSE", "README.md"} <= places(cpu)
    assert not any(p.startswith("gpu") or p.endswith(".py") for p in places(cpu))
    dml = told["directml-int4-awq-block-128"]
    assert not dml.families
    assert "DirectML" in dml.problem


def test_pipelines_of_diffusers_with_half_of_the_bytes_or_all() -> None:
    told = variants(diffusers(2_000_000))
    whole, half = told[""], told["fp16"]
    assert whole.families == half.families == ("image.diffusion",)
    assert (whole.precision, half.precision) == ("fp32", "fp16")
    assert (whole.pipeline, whole.add) == ("StableDiffusionPipeline", "")
    assert "unet/diffusion_pytorch_model.fp16.safetensors" in places(half)
    assert "unet/diffusion_pytorch_model.safetensors" not in places(half)
    for variant in (whole, half):
        assert not any(p.endswith((".bin", ".ckpt")) for p in places(variant))
        assert {"model_index.json", "tokenizer/vocab.json"} <= places(variant)
    graphs = variants(diffusers(2_000_000, graphs=True, mess=False))["onnx"]
    assert graphs.families == ("image.diffusion",)
    assert "unet/model.onnx" in places(graphs)


def test_graphs_of_transformers_js_one_variant_for_each_form_with_its_data() -> None:
    told = variants(transformers_js(60_000_000, LLAMA))
    assert set(told) == {"onnx", "fp16", "int8", "uint8", "quantized", "q4", "q4f16", "bnb4"}
    assert "onnx/model_q4.onnx_data" in places(told["q4"])
    assert "onnx/model_q4f16.onnx" not in places(told["q4"])
    assert {v.precision for v in told.values()} == {"fp32", "fp16", "int8", "int4"}
    assert all(v.families == ("text.causal",) for v in told.values())


def test_of_a_decoder_in_two_ways_the_merged_one_is_enough() -> None:
    graphs = ("decoder_model", "decoder_with_past_model", "decoder_model_merged")
    told = variants(transformers_js(3000, {"model_type": "gpt2"}, graphs, ("", "_q4")))
    assert {p for p in places(told["q4"]) if "decoder" in p} == {
        "onnx/decoder_model_merged_q4.onnx"
    }


def test_safetensors_that_run_as_they_lie_and_better_once_they_are_built() -> None:
    one = variants(transformers(1000, LLAMA, shards=3))[""]
    assert one.families == ("text.chat", "text.causal")
    assert (one.converter, one.add, one.precision) == ("text.genai", "", "fp16")
    assert "model.safetensors.index.json" in places(one)
    phi = variants(transformers(1000, {"model_type": "phi3", "architectures": ["Phi3ForCausalLM"]}))
    assert (phi[""].families, phi[""].add) == (("text.chat",), ".")


def test_a_shard_that_is_missing_is_missed() -> None:
    files = transformers(1000, LLAMA, shards=3)
    del files["model-00002-of-00003.safetensors"]
    assert "model-00002-of-00003.safetensors" in variants(files)[""].problem


def test_voices() -> None:
    told = variants(piper([f"en_US-v{n}-medium" for n in range(9)]))
    assert set(told) == {f"en_US-v{n}-medium" for n in range(9)}
    one = told["en_US-v3-medium"]
    assert (one.layout, one.families, one.title) == (
        "piper",
        ("audio.speech",),
        "v3 (en_US, medium)",
    )
    assert sum(p.endswith(".onnx") for p in places(one)) == 1
    speaks = variants(kokoro(("af_heart", "bm_george")))
    assert {"fp16", "quantized", "onnx"} <= set(speaks)
    assert speaks["fp16"].families == ("audio.speech",)
    assert {"voices/af_heart.bin", "voices/bm_george.bin"} <= places(speaks["fp16"])


def test_of_many_voices_a_few_settings_speak_for_all() -> None:
    repo = Listed(piper([f"en_US-v{n}-medium" for n in range(60)]))
    assert len(repo.variants()) == 60
    assert sum(p.endswith(".onnx.json") for p in repo.asked) == layouts.ALIKE


def test_what_is_laid_over_other_models() -> None:
    to_k = "lora_unet_down_blocks_0_attentions_0_transformer_blocks_0_attn2_to_k"
    shapes = {f"{to_k}.lora_down.weight": (4, 768), f"{to_k}.lora_up.weight": (32, 4)}
    lora = safetensors(40_000, name=f"{to_k}.alpha", shapes=shapes)
    told = variants({"ink.safetensors": lora, "fog.safetensors": lora, "sample.png": b"x"})
    assert set(told) == {"ink", "fog"}
    assert told["ink"].role == "lora"
    assert told["ink"].families == ("image.diffusion",)
    assert "Stable Diffusion 1.5" in told["ink"].title
    assert places(told["ink"]) == {"ink.safetensors"}
    net = variants({
        "config.json": text({"_class_name": "ControlNetModel"}),
        "diffusion_pytorch_model.safetensors": safetensors(4000),
        "diffusion_pytorch_model.fp16.safetensors": safetensors(2000),
        "diffusion_pytorch_model.bin": b"x" * 99,
    })  # fmt: skip
    assert {v.role for v in net.values()} == {"controlnet"}
    assert "diffusion_pytorch_model.safetensors" not in places(net["fp16"])


def test_a_lora_for_a_language_model_is_refused() -> None:
    name = "base_model.model.model.layers.0.self_attn.q_proj"
    shapes = {f"{name}.lora_A.weight": (4, 64), f"{name}.lora_B.weight": (64, 4)}
    held = safetensors(4000, name="x.lora_A.weight", shapes=shapes)
    told = variants({
        "adapter_config.json": text({"peft_type": "LORA"}), "adapter_model.safetensors": held,
    })  # fmt: skip
    assert "language model" in told[""].problem
    assert not told[""].families


def test_a_checkpoint_in_one_file_has_to_be_added() -> None:
    dream = next(r for r in repositories() if r.id == "someone/dream-checkpoint")
    told = variants({p: b.content for p, b in dream.head.files.items()})["dream"]
    assert (told.add, told.converter) == ("dream.safetensors", "image.graphs")
    assert told.families == ("image.diffusion",)
    assert "Stable Diffusion 1.5" in told.title
    assert not any(p.endswith(".pt") for p in places(told))


def test_one_graph_from_a_picture_to_a_picture() -> None:
    readme = card("x", pipeline_tag="image-segmentation")
    told = variants(one_graph(20_000, "image-segmentation"), readme)
    assert told["onnx"].families == ("image.background",)
    assert told["onnx"].add == ""
    mute = variants(one_graph(20_000, "image-segmentation"), tags=["image-segmentation"])
    assert (mute["onnx"].families, mute["onnx"].add) == (("image.background",), ".")
    bare = variants({"RealESRGAN_x4.onnx": one_graph(20_000, "image-to-image")["onnx/model.onnx"]})
    alone = next(iter(bare.values()))
    assert (alone.families, alone.add) == (("image.upscale",), "RealESRGAN_x4.onnx")


@pytest.mark.parametrize(
    ("files", "words"),
    [
        ({"config.json": text(LLAMA), "pytorch_model.bin": b"x" * 99}, "pickled"),
        ({"llama.Q4_K_M.gguf": b"GGUF" * 99}, "GGUF"),
        ({"notes.txt": "nothing"}, "no model"),
        ({}, "no model"),
        ({"config.json": text({"model_type": "own", "auto_map": {"AutoModel": "own.Own"}}),
          "own.py": "x", "model.safetensors": safetensors(400)}, "program of a stranger"),
        (transformers(400, {**LLAMA, "quantization_config": {"quant_method": "awq"}}),
         "quantized for another program"),
        (transformers(400, {"model_type": "whisper", "architectures": ["WhisperModel"]}),
         "WhisperModel"),
        (diffusers(400, "CogVideoXPipeline", mess=False), "CogVideoXPipeline"),
        (genai({"": 900}) | {"genai_config.json": "{broken"}, "damaged"),
        (genai({"": 900}) | {"genai_config.json": text({"model": {"type": "whisper",
          "encoder": {"filename": "model.onnx"}, "decoder": {"filename": "model.onnx"}}})},
         "pictures or sound"),
        (genai({"": 900}) | {"genai_config.json": text({"model": {"type": "llama",
          "decoder": {"filename": "model.onnx",
                      "session_options": {"custom_ops_library": "evil.so"}}}})}, "program code"),
        ({"other.safetensors": safetensors(400, name="nobody.knows")}, "no kind"),
    ],
)  # fmt: skip
def test_what_cannot_be_had_says_why(files: Files, words: str) -> None:
    told = list(variants(files).values())
    assert told
    assert all(not v.families for v in told)
    assert all(words.lower() in v.problem.lower() for v in told), [v.problem for v in told]
    assert all(v.hint for v in told)


@pytest.mark.parametrize(
    ("files", "readme"),
    [
        (genai({CPU4: 3000, "": 2000}), ""),
        (genai({"": 2000}), card("x", tags=["abc-notation"])),
        (transformers(2000, LLAMA, shards=2), ""),
        (transformers(2000, {"model_type": "vits", "architectures": ["VitsModel"]}), ""),
        (transformers(2000, {"model_type": "whisper"}), ""),
        (transformers_js(9000, {"model_type": "t5", "architectures": ["T5WithLMHeadModel"]},
                         ("encoder_model", "decoder_model_merged")), ""),
        (transformers_js(9000, {"model_type": "depth_anything"}, forms=("", "_fp16")), ""),
        (one_graph(9000, "image-to-image"), card("x", pipeline_tag="image-to-image")),
        (diffusers(9000, mess=False), ""),
        (diffusers(9000, "LatentConsistencyModelPipeline", mess=False, graphs=True), ""),
        (kokoro(("af_heart",)), ""),
        (piper(("de_DE-eva-low", "en_US-amy-high")), ""),
        ({"config.json": text({"_class_name": "ControlNetModel"}),
          "diffusion_pytorch_model.safetensors": safetensors(4000)}, ""),
        ({"config.json": text(LLAMA), "model.safetensors": safetensors(4000), **tokenizer()}, ""),
    ],
)  # fmt: skip
def test_what_is_told_before_the_download_is_told_after_it(
    files: Files, readme: str, tmp_path: Path
) -> None:
    repo = Listed(files, readme)
    for number, variant in enumerate(repo.variants().values()):
        home = tmp_path / str(number)
        for file in variant.files:
            _lay(home / file.path, repo.files[file.path])
        folder = home / variant.folder
        inside = [p for p in sorted(folder.rglob("*")) if p.is_file()]
        here = told_of(
            folder, inside, variant.size, id="owner/name",
            card=Card.read(home), source="https://huggingface.co/owner/name",
        )  # fmt: skip
        runs = {s.id for s in specs() if fits(s, here)}
        assert here.role == variant.role
        if here.role:
            assert not here.problem
        elif variant.add or variant.problem:
            assert not runs or "quantized" in variant.problem
        else:
            assert not here.problem
            assert runs <= set(variant.families)
            built = set(variant.families) - runs
            assert not built or variant.converter == "text.genai"
            assert here.facts["layout"] == variant.layout
        if not variant.problem:
            assert runs or variant.add or variant.role


def _lay(path: Path, held: Content) -> None:
    """A file of the right size with the right beginning; the rest are holes."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("wb") as file:
        file.write(held.read(0, min(held.size, HEAD)))
        file.truncate(held.size)


def test_every_repository_of_a_hub_gets_an_answer_soon() -> None:
    for repo in repositories():
        if repo.id.startswith("stabilityai/stable-diffusion-xl"):
            continue  # gigabytes, and like the others
        listed = Listed({p: b.content for p, b in repo.head.files.items()})
        told = listed.variants()
        assert all(v.families or v.problem for v in told.values()), repo.id
        assert len(listed.asked) <= 2 * layouts.MAX_READ


CONFIGS = st.recursive(
    st.none() | st.booleans() | st.integers(-5, 1 << 70) | st.text(max_size=8) | st.just("llama"),
    lambda inner: st.lists(inner, max_size=3)
    | st.dictionaries(
        st.sampled_from(["model", "model_type", "architectures", "decoder", "filename", "type",
                         "session_options", "provider_options", "weight_map", "_class_name",
                         "auto_map", "vae", "unet", "phoneme_id_map", "audio", "dtype"]),
        inner, max_size=5),
    max_leaves=12,
)  # fmt: skip
PLACES = st.sampled_from(
    ["config.json", "model_index.json", "genai_config.json", "adapter_config.json", "model.onnx",
     "onnx/model_q4.onnx", "onnx/model_q4.onnx_data", "model.safetensors", "a.onnx", "a.onnx.json",
     "unet/config.json", "unet/diffusion_pytorch_model.fp16.safetensors", "README.md",
     "model.safetensors.index.json", "x/genai_config.json", "x/model.onnx", "voices/a.bin",
     "kokoro-v1.onnx", "voices.bin", "decoder_model_merged.onnx"]
)  # fmt: skip


@settings(suppress_health_check=[HealthCheck.too_slow], max_examples=150)
@given(
    st.dictionaries(PLACES, CONFIGS.map(json.dumps).map(str.encode) | st.binary(max_size=40)),
    st.integers(0, 1 << 49),
)
def test_whatever_lies_in_a_repository_there_is_an_answer(
    files: dict[str, bytes], size: int
) -> None:
    listed = [RemoteFile(n, max(size, len(d)), "a" * 64) for n, d in files.items()]
    told = layouts.variants(
        listed, files.__getitem__, specs(),
        piece=lambda n, a, b: files[n][a:b], name="owner/name",
    )  # fmt: skip
    assert told
    for variant in told:
        assert bool(variant.problem) or bool(variant.families)
        assert places(variant) <= set(files)
        assert not (variant.problem and variant.families)


def test_trouble_of_the_network_comes_through() -> None:
    def broken(path: str) -> bytes:
        raise cannot_read(Path(path), OSError("gone"))

    with pytest.raises(Exception, match="config"):
        layouts.variants(
            [RemoteFile(name, 9, "b" * 40) for name in ("config.json", "model.safetensors")],
            broken,
            specs(),
        )


@pytest.mark.parametrize(
    "many",
    [
        [f"p{n // 50}/m{n}.onnx{end}" for n in range(2500) for end in ("", ".json")],
        [f"v{n}/{name}" for n in range(1600) for name in ("genai_config.json", "model.onnx")],
        [f"l{n}{end}" for n in range(2500) for end in (".safetensors", ".txt")],
        ["config.json", *(f"onnx/m{n}_q4.onnx{e}" for n in range(2500) for e in ("", "_data"))],
    ],
)
def test_of_thousands_of_models_some_are_told_and_little_is_read(many: list[str]) -> None:
    asked: list[str] = []

    def small(path: str) -> bytes:
        asked.append(path)
        return text(LLAMA).encode()

    listed = [RemoteFile(n, 9, "b" * 40) for n in many]
    told = layouts.variants(listed, small, specs(), piece=lambda n, a, b: b"", name="a/b")
    assert len(told) <= layouts.MAX_VARIANTS
    assert sum(len(v.files) for v in told) <= layouts.MAX_TOLD + len(many)
    assert len(asked) <= layouts.MAX_READ
