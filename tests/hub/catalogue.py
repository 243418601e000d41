"""Some seventy repositories as a person finds them on the hub, to drive the window by hand.

Names, layouts, licences and sizes are like those of well-known models; contents are noise under
right headers (`tests.hub.layouts`), and what cannot be run, is refused or breaks is among them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from tests.hub import names
from tests.hub.content import Bytes, Noise
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
from tests.hub.repos import Repo

TOKEN = "hf_triptych"
"""A token that the hub run by hand knows; its user may see the private and gated repositories."""
CHAT, PICTURE, SPEECH, MUSIC, UPSCALE, CUT, DEPTH = (
    *("text-generation", "text-to-image", "text-to-speech", "text-to-audio", "image-to-image"),
    *("image-segmentation", "depth-estimation"),
)
_CPU = "cpu_and_mobile/cpu-int4-rtn-block-32-acc-level-4"
_GPU = "gpu/gpu-int4-rtn-block-32"
_START = datetime(2024, 6, 1, 8, tzinfo=UTC)
_LONG = "Donaudampfschifffahrtselektrizitätenhauptbetriebswerkbauunterbeamtengesellschaft"

Row = tuple[str, str | None, str | None, str | None, Callable[[], Files]]
"""Repository, task, library, licence (`other:` and its own name), files."""


def _llama(kind: str, architecture: str) -> Mapping[str, Any]:
    return {"model_type": kind, "architectures": [architecture], "max_position_embeddings": 8192}


def _web(millions: int, kind: str, architecture: str, *graphs: str) -> Callable[[], Files]:
    config = _llama(kind, architecture)
    return lambda: transformers_js(millions * 1_000_000, config, graphs or ("model",))


def _vits() -> Files:
    config = {"model_type": "vits", "architectures": ["VitsModel"], "sampling_rate": 16000}
    files = transformers(36_000_000, config)
    return files | {"vocab.json": text({"<pad>": 0, "a": 1})}


def _voices() -> Files:
    told = ("en_US-amy-low", "en_US-lessac-medium", "en_US-lessac-high", "en_US-ryan-high",
            "en_GB-alba-medium", "de_DE-thorsten-high",
            "de_DE-eva_k-x_low", "fr_FR-siwis-medium", "it_IT-paola-medium", "es_ES-davefx-medium",
            "nl_NL-mls-medium", "pl_PL-gosia-medium", "ru_RU-irina-medium", "zh_CN-huayan-medium",
            "sv_SE-nst-medium", "cs_CZ-jirka-medium", "uk_UA-ukrainian_tts-medium")  # fmt: skip
    return piper(told)


def _sung() -> Files:
    config = {"model_type": "musicgen", "architectures": ["MusicgenForConditionalGeneration"]}
    graphs = ("text_encoder", "decoder_model_merged", "encodec_decode", "build_delay_pattern_mask")
    return transformers_js(590_000_000, config, graphs, ("", "_fp16", "_quantized"))


def _lora(width: int = 2048) -> Files:
    unit = "lora_unet_down_blocks_0_attentions_0_transformer_blocks_0_attn2_to_k"
    shapes = {f"{unit}.lora_down.weight": (4, width), f"{unit}.lora_up.weight": (32, 4)}
    name = f"{unit.replace('to_k', 'to_v')}.lora_down.weight"
    held = safetensors(37_000_000, 3, name=name, shapes=shapes)
    return {"pytorch_lora_weights.safetensors": held}


def _control() -> Files:
    return {
        "config.json": text({"_class_name": "ControlNetModel", "cross_attention_dim": 768}),
        "diffusion_pytorch_model.safetensors": safetensors(1_445_000_000, 6, "F32"),
        "diffusion_pytorch_model.fp16.safetensors": safetensors(722_000_000, 6),
        "diffusion_pytorch_model.bin": Noise(1_445_000_000, 6),
    }


def _checkpoint() -> Files:
    unet = "model.diffusion_model."
    shapes = {
        f"{unit}{name}": shape
        for unit, name, shape in (
            (unet, "input_blocks.0.0.weight", (320, 4, 3, 3)),
            (unet, "input_blocks.4.1.transformer_blocks.0.attn2.to_k.weight", (4, 768)),
            ("first_stage_model.", "decoder.conv_out.weight", (3, 8, 3, 3)),
            ("cond_stage_model.", "transformer.text_model.final_layer_norm.weight", (8,)),
        )
    }
    held = safetensors(2_132_000_000, 4, name=f"{unet}out.2.weight", shapes=shapes)
    return {"dream.safetensors": held, "dream.vae.pt": Noise(334_000_000, 4)}


_ROWS: tuple[Row, ...] = (
    # chat, as onnxruntime-genai has it
    ("microsoft/Phi-4-mini-instruct-onnx", CHAT, "onnx", "mit",
     lambda: genai({_CPU: 4_860_000_000, _GPU: 3_270_000_000})),
    ("microsoft/Phi-3-mini-4k-instruct-onnx", CHAT, "onnx", "mit",
     lambda: genai({_CPU: 2_720_000_000, "cuda/cuda-fp16": 7_640_000_000,
                    "directml/directml-int4-awq-block-128": 2_130_000_000})),
    ("onnxruntime/DeepSeek-R1-Distill-ONNX", CHAT, "onnx", "mit",
     lambda: genai({f"deepseek-r1-distill-qwen-1.5B/{_CPU}": 1_850_000_000}, "qwen2")),
    ("onnxruntime/Llama-3.2-1B-Instruct-ONNX", CHAT, "onnx", "llama3.2",
     lambda: genai({_CPU: 1_710_000_000, _GPU: 1_490_000_000}, "llama", 131072)),
    ("EmbeddedLLM/gemma-2b-it-onnx", CHAT, "onnx", "gemma",
     lambda: genai({"onnx/cpu_and_mobile/gemma-2b-it-int4": 2_500_000_000}, "gemma")),
    ("llmware/tiny-llama-chat-onnx", CHAT, None, "apache-2.0",
     lambda: genai({"": 862_000_000}, "llama", 2048)),
    ("llmware/mistral-7b-instruct-v0.3-onnx", CHAT, None, "apache-2.0",
     lambda: genai({"": 4_530_000_000}, "mistral", 32768)),
    ("microsoft/Phi-3.5-mini-instruct-onnx", CHAT, "onnx", "mit",
     lambda: genai({"cpu_and_mobile/cpu-int4-awq-block-128-acc-level-4": 2_780_000_000,
                    "gpu/gpu-int4-awq-block-128": 2_260_000_000}, context=131072)),
    ("microsoft/phi-4-onnx", CHAT, "onnx", "mit",
     lambda: genai({_CPU: 11_200_000_000, _GPU: 8_660_000_000}, context=16384)),
    # chat and texts, as transformers.js has them
    ("onnx-community/Qwen3-0.6B-ONNX", CHAT, "transformers.js", None,
     _web(596, "qwen3", "Qwen3ForCausalLM")),
    ("onnx-community/Qwen3-1.7B-ONNX", CHAT, "transformers.js", None,
     _web(1720, "qwen3", "Qwen3ForCausalLM")),
    ("onnx-community/Llama-3.2-1B-Instruct", CHAT, "transformers.js", "llama3.2",
     _web(1236, "llama", "LlamaForCausalLM")),
    ("onnx-community/gemma-3-270m-it-ONNX", CHAT, "transformers.js", "gemma",
     _web(268, "gemma3_text", "Gemma3ForCausalLM")),
    ("HuggingFaceTB/SmolLM2-135M-Instruct", CHAT, "transformers", "apache-2.0",
     lambda: transformers(135_000_000, _llama("llama", "LlamaForCausalLM"))
     | _web(135, "llama", "LlamaForCausalLM")()),
    ("HuggingFaceTB/SmolLM2-1.7B-Instruct", CHAT, "transformers", "apache-2.0",
     lambda: transformers(1_710_000_000, _llama("llama", "LlamaForCausalLM"), pickled=False)),
    ("Xenova/distilgpt2", CHAT, "transformers.js", None,
     _web(82, "gpt2", "GPT2LMHeadModel", "decoder_model", "decoder_model_merged")),
    ("openai-community/gpt2", CHAT, "transformers", "mit",
     lambda: transformers(124_000_000, _llama("gpt2", "GPT2LMHeadModel"))),
    ("HuggingFaceTB/SmolLM2-360M-Instruct", CHAT, "transformers", "apache-2.0",
     lambda: transformers(362_000_000, _llama("llama", "LlamaForCausalLM"), dtype="BF16")),
    ("Qwen/Qwen2.5-0.5B-Instruct", CHAT, "transformers", "apache-2.0",
     lambda: transformers(494_000_000, _llama("qwen2", "Qwen2ForCausalLM"), dtype="BF16")),
    ("Qwen/Qwen3-4B", CHAT, "transformers", "apache-2.0",
     lambda: transformers(4_020_000_000, _llama("qwen3", "Qwen3ForCausalLM"), shards=3,
                          pickled=False, dtype="BF16")),
    ("ibm-granite/granite-3.1-2b-instruct", CHAT, "transformers", "apache-2.0",
     lambda: transformers(2_530_000_000, _llama("granite", "GraniteForCausalLM"), shards=2,
                          pickled=False, dtype="BF16")),
    ("ibm-granite/granite-3.1-8b-instruct", CHAT, "transformers", "apache-2.0",
     lambda: transformers(8_170_000_000, _llama("granite", "GraniteForCausalLM"), shards=4,
                          pickled=False, dtype="BF16")),
    ("google/flan-t5-base", "text2text-generation", "transformers", "apache-2.0",
     lambda: transformers(248_000_000, _llama("t5", "T5ForConditionalGeneration"), dtype="F32")),
    ("Qwen/Qwen2.5-7B-Instruct", CHAT, "transformers", "apache-2.0",
     lambda: transformers(7_600_000_000, _llama("qwen2", "Qwen2ForCausalLM"), shards=4,
                          pickled=False)),
    ("mistralai/Mistral-Nemo-Instruct-2407", CHAT, "vllm", "apache-2.0",
     lambda: transformers(12_200_000_000, _llama("mistral", "MistralForCausalLM"), shards=10,
                          pickled=False)),
    ("meta-llama/Llama-3.1-8B-Instruct", CHAT, "transformers", "llama3.1",
     lambda: transformers(8_030_000_000, _llama("llama", "LlamaForCausalLM"), shards=4)),
    ("google/gemma-3-1b-it", CHAT, "transformers", "gemma",
     lambda: transformers(1_000_000_000, _llama("gemma3_text", "Gemma3ForCausalLM"))),
    ("google-bert/bert-base-uncased", "fill-mask", "transformers", "apache-2.0",
     lambda: transformers(110_000_000, _llama("bert", "BertForMaskedLM"))),
    ("Xenova/bert-base-multilingual-cased", "fill-mask", "transformers.js", None,
     _web(178, "bert", "BertForMaskedLM")),
    ("facebook/bart-large-cnn", "summarization", "transformers", "mit",
     lambda: transformers(406_000_000, _llama("bart", "BartForConditionalGeneration"))),
    ("Xenova/distilbart-cnn-6-6", "summarization", "transformers.js", None,
     _web(230, "bart", "BartForConditionalGeneration", "encoder_model", "decoder_model_merged")),
    ("Helsinki-NLP/opus-mt-de-en", "translation", "transformers", "cc-by-4.0",
     lambda: transformers(74_000_000, _llama("marian", "MarianMTModel"))),
    # pictures
    ("stable-diffusion-v1-5/stable-diffusion-v1-5", PICTURE, "diffusers", "creativeml-openrail-m",
     lambda: diffusers(860_000_000)),
    ("stabilityai/stable-diffusion-xl-base-1.0", PICTURE, "diffusers", "openrail++",
     lambda: diffusers(2_567_000_000, "StableDiffusionXLPipeline")),
    ("stabilityai/sd-turbo", PICTURE, "diffusers", "other",
     lambda: diffusers(866_000_000, mess=False)),
    ("onnxruntime/sd-turbo", PICTURE, "diffusers", "other",
     lambda: diffusers(866_000_000, "ORTStableDiffusionPipeline", graphs=True, mess=False)),
    ("SimianLuo/LCM_Dreamshaper_v7", PICTURE, "diffusers", "mit",
     lambda: diffusers(860_000_000, "LatentConsistencyModelPipeline", mess=False)),
    ("nota-ai/bk-sdm-tiny", PICTURE, "diffusers", "creativeml-openrail-m",
     lambda: diffusers(323_000_000, mess=False)),
    ("segmind/tiny-sd", PICTURE, "diffusers", "creativeml-openrail-m",
     lambda: diffusers(323_000_000)),
    ("black-forest-labs/FLUX.1-schnell", PICTURE, "diffusers", "apache-2.0",
     lambda: diffusers(11_900_000_000, "FluxPipeline", mess=False, forms={"": "BF16"})),
    ("stabilityai/sdxl-turbo", PICTURE, "diffusers", "other:sai-nc-community",
     lambda: diffusers(2_567_000_000, "StableDiffusionXLPipeline", mess=False)),
    ("latent-consistency/lcm-lora-sdv1-5", PICTURE, "diffusers", "openrail++",
     lambda: _lora(768)),
    ("lllyasviel/control_v11p_sd15_canny", UPSCALE, "diffusers", "openrail", _control),
    ("nerijs/pixel-art-xl", PICTURE, "diffusers", "creativeml-openrail-m", _lora),
    ("someone/dream-checkpoint", PICTURE, None, "creativeml-openrail-m", _checkpoint),
    # speech and music
    ("rhasspy/piper-voices", SPEECH, "piper", "mit", _voices),
    ("onnx-community/Kokoro-82M-v1.0-ONNX", SPEECH, "transformers.js", "apache-2.0",
     lambda: kokoro(("af_bella", "af_heart", "am_adam", "bf_emma", "bm_george", "ff_siwis"))),
    ("facebook/mms-tts-eng", SPEECH, "transformers", "cc-by-nc-4.0", _vits),
    ("facebook/mms-tts-deu", SPEECH, "transformers", "cc-by-nc-4.0", _vits),
    ("Xenova/mms-tts-fra", SPEECH, "transformers.js", "cc-by-nc-4.0",
     _web(36, "vits", "VitsModel")),
    ("Xenova/speecht5_tts", SPEECH, "transformers.js", "mit",
     _web(144, "speecht5", "SpeechT5ForTextToSpeech", "encoder_model", "decoder_model_merged",
          "decoder_postnet_and_vocoder")),
    ("suno/bark-small", SPEECH, "transformers", "mit",
     lambda: transformers(420_000_000, _llama("bark", "BarkModel"))),
    ("Xenova/musicgen-small", MUSIC, "transformers.js", "cc-by-nc-4.0", _sung),
    ("facebook/musicgen-small", MUSIC, "transformers", "cc-by-nc-4.0",
     lambda: transformers(587_000_000, _llama("musicgen", "MusicgenForConditionalGeneration"),
                          dtype="F32")),
    ("facebook/musicgen-medium", MUSIC, "transformers", "cc-by-nc-4.0",
     lambda: transformers(2_000_000_000, _llama("musicgen", "MusicgenForConditionalGeneration"))),
    ("stabilityai/stable-audio-open-1.0", MUSIC, "diffusers", "other:stable-audio-community",
     lambda: diffusers(1_057_000_000, "StableAudioPipeline", mess=False, forms={"": "F32"})),
    ("openai/whisper-small", "automatic-speech-recognition", "transformers", "apache-2.0",
     lambda: transformers(244_000_000, _llama("whisper", "WhisperForConditionalGeneration"))),
    # from a picture to a picture
    ("Xenova/swin2SR-classical-sr-x2-64", UPSCALE, "transformers.js", "apache-2.0",
     lambda: one_graph(12_000_000, UPSCALE)),
    ("Xenova/swin2SR-realworld-sr-x4-64-bsrgan-psnr", UPSCALE, "transformers.js", None,
     lambda: one_graph(12_000_000, UPSCALE)),
    ("onnx-community/BiRefNet_lite-ONNX", CUT, "transformers.js", "mit",
     lambda: one_graph(44_000_000, CUT, ("", "_fp16"))),
    ("briaai/RMBG-1.4", CUT, "transformers", "other", lambda: one_graph(44_000_000, CUT)),
    ("onnx-community/depth-anything-v2-small", DEPTH, "transformers.js", "apache-2.0",
     lambda: one_graph(25_000_000, DEPTH)),
    ("onnx-community/depth-anything-v2-large", DEPTH, "transformers.js", "cc-by-nc-4.0",
     lambda: one_graph(335_000_000, DEPTH)),
    # what is hard to show, refused or broken
    ("someone/pickles-only", CHAT, "transformers", "apache-2.0",
     lambda: {"config.json": text(_llama("llama", "LlamaForCausalLM")),
              "pytorch_model.bin": Noise(800_000_000, 12), **tokenizer()}),
    ("someone/needs-its-own-code", CHAT, "transformers", "mit",
     lambda: {"config.json": text({"model_type": "own", "auto_map": {"AutoModel": "own.Own"}}),
              "own.py": "class Own: pass\n", "model.safetensors": safetensors(400_000_000, 13)}),
    ("someone/Llama-3-8B-GGUF", CHAT, "gguf", "llama3",
     lambda: {"llama-3-8b.Q4_K_M.gguf": Noise(4_920_000_000, 14)}),
    ("someone/names-that-lead-out", CHAT, "onnx", "mit",
     lambda: genai({"": 1_000_000}) | dict(names.hostile())),
    ("someone/names-that-clash", CHAT, "onnx", "mit",
     lambda: genai({"": 1_000_000}) | dict(names.hostile(*names.CLASHES))),
    ("someone/five-thousand-files", None, None, None, lambda: dict(names.many())),
    ("someone/empty", None, None, None, dict),
    ("someone/broken-config", CHAT, "onnx", "mit",
     lambda: genai({"": 900_000}) | {"genai_config.json": "{broken"}),
    (f"the-institute-for-exceptionally-long-names/{_LONG.replace('ä', 'ae')}-Instruct-ONNX", CHAT,
     "onnx", "cc-by-nc-sa-4.0", lambda: genai({_CPU: 120_000_000})),
    ("someone/private-draft", CHAT, "onnx", None, lambda: genai({"": 50_000_000})),
    ("someone/taken-down", CHAT, "onnx", "mit", lambda: genai({"": 50_000_000})),
)  # fmt: skip

_GATED = {
    "meta-llama/Llama-3.1-8B-Instruct": "manual",
    "google/gemma-3-1b-it": "manual",
    "black-forest-labs/FLUX.1-schnell": "auto",
}


def repositories() -> Iterator[Repo]:
    """All of them, with downloads and dates that differ, and two with more than one commit."""
    for number, (id, task, library, licence, files) in enumerate(_ROWS):
        name = id.split("/")[1]
        made: Files = {".gitattributes": "*.onnx filter=lfs diff=lfs merge=lfs -text\n"}
        if task or library or licence:
            made["README.md"] = _readme(name, task, library, licence, number)
        gated: Any = _GATED.get(id, False)
        yield Repo(
            id,
            {**files(), **made},
            downloads=9_000_000 // (number * number + 1) + number % 7,
            likes=4000 // (number + 1),
            trending=(number * 37) % 61,
            gated=gated,
            private=name == "private-draft",
            disabled=name == "taken-down",
            created=_START + timedelta(days=9 * number, hours=number % 24),
            unsafe={"pytorch_model.bin": "unsafe"} if name == "pickles-only" else None,
        )


def _readme(
    name: str, task: str | None, library: str | None, licence: str | None, number: int
) -> Bytes:
    words = (
        "A model for trying things out. What it is called and how it is laid out is real, and "
        "what it holds is noise.\n\n## How to use it\n\n```python\nfrom somewhere import model\n"
        "model('a fox in the snow')\n```\n\n| Task | Score |\n| --- | --- |\n| One | 12.5 |\n\n"
        f"![chart](https://example.org/chart.png) Made in Köln, Łódź and 東京. {_LONG}.\n\n"
    )
    licence, _, own = (licence or "").partition(":")
    said: dict[str, Any] = {
        "license": licence or None,
        "license_name": (own or f"{name.lower()}-community") if licence == "other" else None,
        "license_link": "LICENSE.md" if licence == "other" else None,
        "pipeline_tag": task,
        "library_name": library,
        "language": ["en", "de", "fr"] if task == CHAT else None,
        "base_model": f"base/{name.removesuffix('-ONNX')}" if "ONNX" in name else None,
        "tags": ["conversational"] if task == CHAT else None,
        "widget": [{"text": "A fox in the snow"}] if number % 3 == 0 else None,
    }
    return Bytes(card(name, words * (1 + number % 4), **said).encode())
