"""What somebody brings is told by its contents: every kind, made tiny with real headers."""

from __future__ import annotations

import json
import struct
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from studio.core.errors import StudioError
from studio.engine.convert import audio_graphs, registry
from studio.engine.convert.text_genai import ARCHITECTURES
from studio.engine.image import single_file
from studio.models.facts import facts_of, layout_of, names_of, role_of
from studio.models.inspect import look
from studio.models.recognise import recognise
from studio.models.taking import CONVERTED, GENAI
from tests.models import makers

Make = Callable[[Path], Path]


def _safe(shapes: makers.Shapes) -> Make:
    return lambda folder: makers.safetensors(folder / "some.safetensors", shapes)


def _raw(name: str, data: bytes) -> Make:
    def make(folder: Path) -> Path:
        (folder / name).write_bytes(data)
        return folder / name

    return make


def _zip(folder: Path) -> Path:
    with zipfile.ZipFile(folder / "model.safetensors", "w") as archive:
        archive.writestr("x", "y")
    return folder / "model.safetensors"


def _photos(folder: Path) -> Path:
    (folder / "photos").mkdir()
    (folder / "photos" / "one.jpg").write_bytes(b"\xff\xd8\xff")
    return folder / "photos"


def _two(folder: Path) -> Path:
    for name in ("one", "two"):
        makers.transformers(folder / "models" / name, "gpt2", "GPT2LMHeadModel")
    return folder / "models"


def _unnamed(folder: Path) -> Path:
    made = makers.diffusers(folder / "sd", onnx_parts=False)
    (made / "model_index.json").unlink()
    makers.config(made / "vae", _class_name="AutoencoderKL")
    return made


def _genai(folder: Path) -> Path:
    model = {"type": "phi3", "decoder": {"filename": "model.onnx"}}
    makers.config(folder / "phi", "genai_config.json", model=model)
    makers.onnx(folder / "phi" / "model.onnx")
    return folder / "phi"


def _js(folder: Path) -> Path:
    makers.config(folder / "gpt", model_type="gpt2", architectures=["GPT2LMHeadModel"])
    makers.onnx(folder / "gpt" / "onnx" / "model_fp16.onnx")
    return folder / "gpt"


def _control(folder: Path) -> Path:
    makers.config(folder / "edges", _class_name="ControlNetModel")
    makers.safetensors(folder / "edges" / "diffusion_pytorch_model.safetensors", {"w": (4,)})
    return folder / "edges"


def _tiny(folder: Path) -> Path:
    makers.config(folder / "taesd", _class_name="AutoencoderTiny")
    makers.safetensors(folder / "taesd" / "diffusion_pytorch_model.safetensors", {"w": (4,)})
    return folder / "taesd"


def _kokoro_files(folder: Path) -> Path:
    makers.onnx(folder / "kokoro-v1.0.onnx", [makers.port("style", 1, 256)])
    with zipfile.ZipFile(folder / "voices-v1.0.bin", "w") as archive:
        for name in ("bf_emma.npy", "af_bella.npy"):
            archive.writestr(name, b"\x93NUMPY")
    return folder / "voices-v1.0.bin"


def _shards(folder: Path) -> Path:
    makers.transformers(folder / "big", "qwen2", "Qwen2ForCausalLM")
    names = {"w": "model-00001-of-00001.safetensors"}
    (folder / "big" / "model.safetensors").rename(folder / "big" / names["w"])
    return makers.config(folder / "big", "model.safetensors.index.json", weight_map=names)


def _of(model_type: str, architecture: str) -> Make:
    return lambda folder: makers.transformers(folder / model_type, model_type, architecture)


def _bare(name: str, output: bytes) -> Make:
    return lambda folder: makers.onnx(folder / name, [makers.port("image", 1, 3, 64, 64)], [output])


@pytest.mark.parametrize(
    ("make", "kind", "role", "converter", "words"),
    [
        (
            lambda f: makers.checkpoint(f / "a.safetensors"),
            "image",
            "",
            "image.graphs",
            "1.5 checkpoint",
        ),
        (
            lambda f: makers.checkpoint(f / "a.safetensors", channels=9),
            "image",
            "",
            "image.graphs",
            "inpainting",
        ),
        (
            lambda f: makers.checkpoint(f / "a.safetensors", 2048),
            "image",
            "",
            "image.graphs",
            "XL checkpoint",
        ),
        (
            lambda f: makers.lora(f / "a.safetensors"),
            "image",
            "lora",
            "",
            "LoRA for Stable Diffusion 1.5",
        ),
        (
            lambda f: makers.lora(f / "a.safetensors", 2048),
            "image",
            "lora",
            "",
            "Stable Diffusion XL",
        ),
        (lambda f: makers.diffusers(f / "sd", onnx_parts=True), "image", "", "", "ONNX parts"),
        (
            lambda f: makers.diffusers(f / "sd", onnx_parts=False),
            "image",
            "",
            "image.graphs",
            "safetensors parts",
        ),
        (
            lambda f: makers.diffusers(f / "sa", onnx_parts=False, pipeline="StableAudioPipeline"),
            "audio",
            "",
            "audio.graphs",
            "StableAudio",
        ),
        (lambda f: makers.piper(f), "audio", "", "", "Piper voice"),
        (
            lambda f: makers.piper(f).with_name("en_US-amy-low.onnx.json"),
            "audio",
            "",
            "",
            "Piper voice",
        ),
        (lambda f: makers.kokoro(f / "kokoro"), "audio", "", "", "Kokoro"),
        (_kokoro_files, "audio", "", "", "Kokoro"),
        (_genai, "text", "", "", "phi3"),
        (_js, "text", "", "", "gpt2"),
        (_control, "image", "controlnet", "", "ControlNet"),
        (_tiny, "image", "preview", "", "previews"),
        (_of("hifigan", "SpeechT5HifiGan"), "audio", "vocoder", "", "vocoder"),
        (_of("llama", "LlamaForCausalLM"), "text", "", "text.genai", "llama"),
        (_shards, "text", "", "text.genai", "qwen2"),
        (_of("gpt2", "GPT2LMHeadModel"), "text", "", "text.graphs", "gpt2"),
        (_of("bert", "BertForMaskedLM"), "text", "", "text.graphs", "bert"),
        (_of("t5", "T5ForConditionalGeneration"), "text", "", "text.graphs", "t5"),
        (_of("vits", "VitsModel"), "audio", "", "audio.graphs", "VITS"),
        (
            _of("musicgen", "MusicgenForConditionalGeneration"),
            "audio",
            "",
            "audio.graphs",
            "MusicGen",
        ),
        (lambda f: makers.upscaler(f / "4x-thing.onnx"), "image", "", "", "Upscaler"),
        (_bare("u2net.onnx", makers.port("d0", 1, 1, 64, 64)), "image", "", "", "Background"),
        (_bare("midas_small.onnx", makers.port("d0", 1, 64, 64)), "image", "", "", "Depth"),
        (
            _bare("unnamed.onnx", makers.port("d0", 1, 1, 64, 64)),
            "image",
            "",
            "",
            "picture to a picture",
        ),
    ],
)
def test_each_kind_is_told(
    make: Make, kind: str, role: str, converter: str, words: str, tmp_path: Path
) -> None:
    plan = recognise(make(tmp_path))
    assert (plan.kind, plan.role, plan.converter) == (kind, role, converter)
    assert words in plan.what
    assert plan.id
    assert len(plan.fingerprint) == 40
    assert converter in ("", *(line.id for line in registry.CONVERTERS))
    assert all(taken.path.is_file() for taken in plan.files)


@pytest.mark.parametrize(
    ("make", "told"),
    [
        (lambda f: makers.checkpoint(f / "a.safetensors", 1024), "Stable Diffusion 2"),
        (lambda f: makers.checkpoint(f / "a.safetensors", 1280), "refiner"),
        (_safe({"model.diffusion_model.joint_blocks.0.x": (4,)}), "Stable Diffusion 3"),
        (_safe({"double_blocks.0.img_attn.qkv.weight": (4,)}), "without its other parts"),
        (_safe({"first_stage_model.decoder.conv_in.weight": (4,)}), "autoencoder"),
        (_safe({"decoder.conv_out.weight": (4,), "encoder.conv_in.weight": (4,)}), "autoencoder"),
        (_safe({"emb_params": (2, 768)}), "embedding"),
        (_safe({"clip_l": (2, 768), "clip_g": (2, 1280)}), "embedding"),
        (_safe({"model.layers.0.self_attn.q_proj.weight": (4,)}), "language model without"),
        (_safe({"control_model.input_hint_block.0.weight": (4,)}), "ControlNet without"),
        (_safe({"ip_adapter.1.to_k_ip.weight": (4,)}), "IP-Adapter"),
        (
            _safe(
                {
                    "base_model.model.model.layers.0.self_attn.q_proj.lora_A.weight": (4, 8),
                    "base_model.model.model.layers.0.self_attn.q_proj.lora_B.weight": (8, 4),
                }
            ),
            "language model",
        ),
        (_safe({"something": (4,)}), "no kind that Triptych knows"),
        (_safe({}), "no weights"),
        (_raw("a.safetensors", b""), "added: it is damaged"),
        (_raw("a.safetensors", b"\xff" * 64), "added: it is damaged"),
        (
            _raw("a.safetensors", b"version https://git-lfs.github.com/spec/v1\noid sha256:0"),
            "pointer of Git LFS",
        ),
        (_raw("a.safetensors", b"<!DOCTYPE html><html>"), "web page"),
        (_raw("a.safetensors", b"\x80\x02}q\x00X" + b"\0" * 40), "pickled"),
        (_zip, "archive"),
        (_raw("a.tar", b"\0" * 257 + b"ustar" + b"\0" * 300), "archive"),
        (_raw("a.ckpt", b"PK\3\4" + b"\0" * 40), "pickled"),
        (_raw("a.safetensors", b"PK\3\4" + b"\0" * 26 + b"archive/data.pkl"), "pickled"),
        (_raw("a.pt", b"\x80\x02}"), "pickled"),
        (_raw("a.bin", b"\0" * 40), "pickled"),
        (_raw("a.pth", b"\0" * 40), "pickled"),
        (_raw("a.gguf", b"GGUF" + b"\0" * 40), "llama.cpp"),
        (_raw("a.onnx", b"\x08\x0a"), "added: it is damaged"),
        (_raw("a.txt", b"hello"), "no model that Triptych knows"),
        (
            lambda f: makers.onnx(
                f / "voice.onnx", [makers.port(n, 1) for n in ("input", "input_lengths", "scales")]
            ),
            "without its settings",
        ),
        (
            lambda f: makers.onnx(
                f / "m.onnx", [makers.port("x", 1, 3, 8, 8)], [makers.port("y", 1, 1000)]
            ),
            "no picture of a picture",
        ),
        (
            lambda f: makers.onnx(f / "m.onnx", weights=[makers.weight("w", "../../x", 4)]),
            "outside its folder",
        ),
        (_of("llava", "LlavaForConditionalGeneration"), "LlavaForConditionalGeneration"),
        (
            lambda f: makers.transformers(
                f / "q", "llama", "LlamaForCausalLM", quantization_config={"bits": 4}
            ),
            "quantized for another program",
        ),
        (lambda f: f / "nothing", "no file or folder"),
        (lambda f: f, "empty"),
        (_photos, "no model in this folder"),
        (_two, "there are 2 models in it"),
        (_unnamed, "its model_index.json is missing"),
    ],
)
def test_what_cannot_be_added_is_told_with_the_way_out(
    make: Make, told: str, tmp_path: Path
) -> None:
    with pytest.raises(StudioError) as raised:
        recognise(make(tmp_path))
    assert told in raised.value.message
    assert raised.value.message.endswith(".")
    assert raised.value.hint.endswith(".")


def test_a_file_of_a_folder_stands_for_the_folder(tmp_path: Path) -> None:
    folder = makers.transformers(tmp_path / "m", "gpt2", "GPT2LMHeadModel")
    whole = recognise(folder)
    for name in ("model.safetensors", "config.json"):
        assert recognise(folder / name).fingerprint == whole.fingerprint
    outer = tmp_path / "unpacked"
    outer.mkdir()
    folder.rename(outer / "m")
    assert recognise(outer).fingerprint == whole.fingerprint


def test_a_cache_of_the_hub_is_a_model(tmp_path: Path) -> None:
    repo = tmp_path / "models--openai--gpt2"
    made = makers.transformers(tmp_path / "m", "gpt2", "GPT2LMHeadModel")
    for revision in ("0ld", "abc123"):
        (repo / "snapshots" / revision).mkdir(parents=True)
    (repo / "blobs").mkdir()
    for path in made.iterdir():
        path.rename(repo / "blobs" / path.name)
        (repo / "snapshots" / "abc123" / path.name).symlink_to(repo / "blobs" / path.name)
    (repo / "refs").mkdir()
    (repo / "refs" / "main").write_text("abc123")
    for given_ in (repo, repo / "snapshots" / "abc123"):
        plan = recognise(given_)
        assert plan.id == "gpt2"
        assert plan.front["source"] == "https://huggingface.co/openai/gpt2"


def test_the_name_of_a_file_says_nothing(tmp_path: Path) -> None:
    one = recognise(makers.lora(tmp_path / "sdxl-checkpoint.safetensors"))
    two = recognise(makers.lora(tmp_path / "x.safetensors"))
    assert (one.role, one.fingerprint) == ("lora", two.fingerprint)


def test_only_what_is_needed_is_taken(tmp_path: Path) -> None:
    folder = makers.diffusers(tmp_path / "sd", onnx_parts=False)
    unet = folder / "unet"
    makers.safetensors(unet / "diffusion_pytorch_model.fp16.safetensors", {"w": (4,)})
    makers.checkpoint(folder / "v1-5-pruned.safetensors")
    (unet / "diffusion_pytorch_model.bin").write_bytes(b"PK")
    (folder / "setup.py").write_text("import os")
    places = {taken.place for taken in recognise(folder).files}
    assert places == {
        "model_index.json", "unet/config.json", "unet/diffusion_pytorch_model.safetensors",
    }  # fmt: skip
    voices = {t.place for t in recognise(makers.kokoro(tmp_path / "k")).files}
    assert {"voices/bf_emma.bin", "voices/af_bella.bin"} <= voices


def test_what_the_engine_builds_is_what_is_sent_to_it() -> None:
    assert GENAI == ARCHITECTURES


def test_facts_are_those_of_the_contract(tmp_path: Path) -> None:
    def seen(folder: Path) -> tuple[str, str, dict[str, str], dict[str, tuple[str, ...]]]:
        found = look(folder, tuple(sorted(p for p in folder.rglob("*") if p.is_file())))
        assert not found.problem
        return layout_of(found), role_of(found), facts_of(found), names_of(found)

    voice = seen(makers.piper(tmp_path / "p").parent)
    assert voice[0] == "piper"
    assert voice[2]["model_type"] == "piper"
    assert voice[3] == {"voices": ("amy", "kim")}
    assert seen(makers.kokoro(tmp_path / "k"))[3] == {"voices": ("af_bella", "bf_emma")}
    (tmp_path / "kk").mkdir()
    archive = seen(_kokoro_files(tmp_path / "kk").parent)
    assert archive[2]["model_type"] == "kokoro"
    assert archive[3] == {"voices": ("af_bella", "bf_emma")}
    assert seen(_js(tmp_path))[2]["layout"] == "transformers.js"
    sd = seen(
        makers.diffusers(tmp_path / "o", onnx_parts=True, pipeline="ORTStableDiffusionXLPipeline")
    )
    assert sd[2]["pipeline"] == "StableDiffusionXLPipeline"
    assert seen(_control(tmp_path))[1] == "controlnet"
    reader = makers.transformers(tmp_path / "s", "speecht5", "SpeechT5ForTextToSpeech")
    (reader / "speakers").mkdir()
    (reader / "speakers" / "anna.npy").write_bytes(b"\x93NUMPY")
    assert seen(reader)[3] == {"voices": ("anna",)}
    several = makers.transformers(tmp_path / "v", "vits", "VitsModel", num_speakers=3)
    assert seen(several)[3] == {"voices": ("0", "1", "2")}


header = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(
            st.sampled_from(["__metadata__", "dtype", "shape", "data_offsets", "w", "lora_up."]),
            inner,
        )
    ),
    max_leaves=12,
)


@settings(max_examples=150, deadline=None)
@given(value=header, tail=st.binary(max_size=20))
def test_hostile_headers_are_told(held: Path, value: object, tail: bytes) -> None:
    raw = json.dumps(value).encode()
    path = held / "a.safetensors"
    path.write_bytes(struct.pack("<Q", len(raw)) + raw + tail)
    with pytest.raises(StudioError):
        recognise(path)
    path.unlink()


@settings(max_examples=150, deadline=None)
@given(
    value=header,
    name=st.sampled_from(
        [
            "config.json",
            "model_index.json",
            "genai_config.json",
            "m.onnx.json",
            "adapter_config.json",
        ]
    ),
)
def test_hostile_configurations_are_told(held: Path, value: object, name: str) -> None:
    folder = held / "hostile"
    folder.mkdir(exist_ok=True)
    if not (folder / "m.onnx").exists():
        makers.onnx(folder / "m.onnx")
        makers.safetensors(folder / "m.safetensors", {"w": (4,)})
    (folder / name).write_text(json.dumps(value))
    with pytest.raises(StudioError) as raised:
        recognise(folder)
    assert raised.value.hint
    (folder / name).unlink()


@pytest.mark.parametrize(
    "shape",
    [[-1], [2**62], [1 << 40, 1 << 40], [1.5], ["4"], [True], [1] * 99, [3]],
)
def test_absurd_shapes_are_told(shape: list[object], tmp_path: Path) -> None:
    raw = json.dumps({"w": {"dtype": "F32", "shape": shape, "data_offsets": [0, 4]}}).encode()
    path = tmp_path / "a.safetensors"
    path.write_bytes(struct.pack("<Q", len(raw)) + raw + b"\0" * 4)
    with pytest.raises(StudioError, match="damaged"):
        recognise(path)


@pytest.mark.parametrize(("width", "channels"), [(768, 4), (768, 9), (2048, 4), (2048, 9)])
def test_the_engine_and_the_store_agree_on_checkpoints(
    width: int, channels: int, tmp_path: Path
) -> None:
    file = makers.checkpoint(tmp_path / "a.safetensors", width, channels)
    plan, found = recognise(file), single_file.recognise(file)
    assert found.xl == ("XL" in plan.what)
    assert found.inpainting == ("inpainting" in plan.what)


def test_every_sound_converter_knows_what_is_sent_to_it() -> None:
    sent = {t for t, converter in CONVERTED.items() if converter == "audio.graphs"}
    assert sent <= set(audio_graphs.KINDS)
