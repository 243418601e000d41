"""Tiny MusicGen models with random weights: in safetensors, and as transformers.js has them."""

from __future__ import annotations

import functools
import json
import warnings
from pathlib import Path
from typing import Any

RATE, HOP, CODES = 3_200, 64, 64
LAYERS, HEADS, WIDTH = 2, 4, 32


@functools.cache
def module(channels: int = 1) -> Any:
    """A MusicgenForConditionalGeneration on torch: what the models are written from."""
    import torch
    from transformers import (
        EncodecConfig,
        MusicgenConfig,
        MusicgenDecoderConfig,
        MusicgenForConditionalGeneration,
        T5Config,
    )
    from transformers.utils import logging

    logging.set_verbosity_error()
    torch.manual_seed(channels)
    text = T5Config(
        vocab_size=len(_letters()) + 3, d_model=24, d_kv=8, d_ff=32, num_layers=2, num_heads=3
    )
    audio = EncodecConfig(
        sampling_rate=RATE,
        audio_channels=1,
        normalize=False,
        chunk_length_s=None,
        hidden_size=16,
        num_filters=4,
        upsampling_ratios=[4, 4, 4],
        codebook_size=CODES,
        codebook_dim=16,
        target_bandwidths=[1.2],
        use_causal_conv=False,
        use_conv_shortcut=False,
    )
    decoder = MusicgenDecoderConfig(
        vocab_size=CODES,
        hidden_size=WIDTH,
        num_hidden_layers=LAYERS,
        ffn_dim=48,
        num_attention_heads=HEADS,
        num_codebooks=4 * channels,
        audio_channels=channels,
        pad_token_id=CODES,
        bos_token_id=CODES,
    )
    config = MusicgenConfig(
        text_encoder=text.to_dict(), audio_encoder=audio.to_dict(), decoder=decoder.to_dict()
    )
    model = MusicgenForConditionalGeneration(config).eval()
    with torch.no_grad():
        for weight in model.parameters():
            weight.add_(torch.randn_like(weight) * 0.15)
        # Logits and code vectors that lie well apart: nothing is decided by the last bit.
        for wide in (*model.decoder.lm_heads, *model.decoder.model.decoder.embed_tokens):
            wide.weight.normal_()
        for layer in model.audio_encoder.quantizer.layers:
            layer.codebook.embed.normal_()
    model.generation_config.pad_token_id = CODES
    model.generation_config.decoder_start_token_id = CODES
    return model


def make(folder: Path, channels: int = 1) -> Path:
    """Write the model into `folder` as transformers does."""
    from transformers.utils import logging

    logging.disable_progress_bar()
    module(channels).save_pretrained(folder)
    _tokenizer(folder)
    return folder


def make_script(folder: Path) -> Path:
    """Write the mono model into `folder` as transformers.js has it, with a merged decoder."""
    import onnx

    folder.mkdir(parents=True, exist_ok=True)
    model = module()
    (folder / "config.json").write_text(model.config.to_json_string(), "utf-8")
    _tokenizer(folder)
    parts = {
        "text_encoder": _export(
            *_text(model),
            names=(["input_ids", "attention_mask"], ["last_hidden_state"]),
            axes={0: "batch", 1: "words"},
        ),
        "encodec_decode": _export(
            *_decode(model), names=(["audio_codes"], ["audio_values"]), axes={3: "frames"}
        ),
        "decoder_model_merged": _merged(model),
    }
    (folder / "onnx").mkdir()
    for name, graph in parts.items():
        onnx.save(graph, folder / "onnx" / f"{name}.onnx")
    return folder


def ids(prompt: str) -> Any:
    """What the text encoder reads of a prompt: (1, tokens)."""
    import torch

    letters = _letters()
    return torch.tensor([[*(letters.index(c) + 3 for c in prompt), 1]])


def _letters() -> list[str]:
    return [" ", *(chr(c) for c in range(ord("a"), ord("z") + 1))]


def _tokenizer(folder: Path) -> None:
    from tokenizers import Regex, Tokenizer, models, pre_tokenizers

    names = ["<pad>", "</s>", "<unk>", *_letters()]
    tokenizer = Tokenizer(models.WordLevel({n: i for i, n in enumerate(names)}, unk_token="<unk>"))
    tokenizer.pre_tokenizer = pre_tokenizers.Split(Regex("."), behavior="isolated")
    tokenizer.save(str(folder / "tokenizer.json"))
    (folder / "tokenizer_config.json").write_text(json.dumps({"tokenizer_class": "T5Tokenizer"}))


def _plain(call: Any) -> Any:
    import torch

    class Plain(torch.nn.Module):
        """The model behind a function of positional tensors."""

        def __init__(self) -> None:
            super().__init__()
            self.model = module()

        def forward(self, *tensors: torch.Tensor) -> Any:
            return call(*tensors)

    return Plain().eval()


def _text(model: Any) -> tuple[Any, tuple[Any, ...]]:
    import torch

    example = torch.ones(1, 5, dtype=torch.int64)
    model.text_encoder.config._attn_implementation = "eager"

    def call(words: torch.Tensor, mask: torch.Tensor) -> Any:
        return model.text_encoder(input_ids=words, attention_mask=mask).last_hidden_state

    return _plain(call), (example, example)


def _decode(model: Any) -> tuple[Any, tuple[Any, ...]]:
    import torch

    codec = model.audio_encoder
    example = torch.zeros(1, 1, 4, 20, dtype=torch.int64)

    def call(codes: torch.Tensor) -> Any:
        return codec.decoder(codec.quantizer.decode(codes[0].transpose(0, 1)))

    return _plain(call), (example,)


def _export(
    called: Any,
    example: tuple[Any, ...],
    *,
    names: tuple[list[str], list[str]],
    axes: Any,
) -> Any:
    import io

    import onnx
    import torch

    inputs, outputs = names
    if all(isinstance(name, str) for name in axes.values()):
        axes = dict.fromkeys(inputs, axes)
    buffer = io.BytesIO()
    with torch.no_grad(), warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the exporter says much, to those who maintain it
        torch.onnx.export(
            called,
            example,
            buffer,  # type: ignore[arg-type]
            dynamo=False,
            opset_version=18,
            input_names=inputs,
            output_names=outputs,
            dynamic_axes=axes,
        )
    return onnx.load_from_string(buffer.getvalue())


def _merged(model: Any) -> Any:
    """One decoder of two branches: the first step, and every one after it."""
    import torch
    from onnx import TensorProto, helper
    from transformers import DynamicCache, EncoderDecoderCache

    decoder = model.decoder
    decoder.config._attn_implementation = "eager"
    layers = range(LAYERS)
    own = [f"past_key_values.{i}.decoder.{k}" for i in layers for k in ("key", "value")]
    text = [f"past_key_values.{i}.encoder.{k}" for i in layers for k in ("key", "value")]
    present = [n.replace("past_key_values", "present") for n in (*own, *text)]

    def run(codes: Any, mask: Any, states: Any, past: tuple[Any, ...]) -> tuple[Any, ...]:
        mine, theirs = DynamicCache(), DynamicCache()
        cache = EncoderDecoderCache(mine, theirs)
        for i in layers if past else ():
            mine.update(past[2 * i], past[2 * i + 1], i)
            theirs.update(past[2 * LAYERS + 2 * i], past[2 * LAYERS + 2 * i + 1], i)
            cache.is_updated[i] = True
        projected = model.enc_to_dec_proj(states) * mask[..., None]
        found = decoder(
            input_ids=codes,
            encoder_hidden_states=projected,
            encoder_attention_mask=mask,
            past_key_values=cache,
            use_cache=True,
        )
        kept = [(layer.keys, layer.values) for side in (mine, theirs) for layer in side.layers]
        return (found.logits, *(tensor for pair in kept for tensor in pair))

    codes = torch.zeros(8, 1, dtype=torch.int64)
    mask, states = torch.ones(2, 5, dtype=torch.int64), torch.randn(2, 5, 24)
    past = [torch.randn(2, HEADS, n, WIDTH // HEADS) for n in (3, 5) for _ in own]
    inputs = ["input_ids", "encoder_attention_mask", "encoder_hidden_states"]
    axes = {
        "input_ids": {0: "rows"},
        "encoder_attention_mask": {0: "batch", 1: "words"},
        "encoder_hidden_states": {0: "batch", 1: "words"},
        "logits": {0: "rows"},
        **{n: {0: "batch", 2: "before"} for n in own},
        **{n: {0: "batch", 2: "words"} for n in text},
    }
    first = _export(
        _plain(lambda *t: run(t[0], t[1], t[2], ())),
        (codes, mask, states),
        names=(inputs, ["logits", *present]),
        axes=axes,
    )
    later = _export(
        _plain(lambda *t: run(t[0], t[1], t[2], t[3:])),
        (codes, mask, states, *past),
        names=([*inputs, *own, *text], ["logits", *present]),
        axes=axes,
    )
    given = {i.name for i in later.graph.input}
    branches = [_branch(later.graph, "later.", given), _branch(first.graph, "first.", given)]
    outputs = ["logits", *present]
    node = helper.make_node(
        "If", ["use_cache_branch"], outputs, then_branch=branches[0], else_branch=branches[1]
    )
    kinds = {o.name: o for o in first.graph.output}
    sized = {i.name: i for i in later.graph.input}
    for name in (*inputs, *own, *text):
        if name not in sized:  # a branch that does not need it
            sized[name] = next(i for i in first.graph.input if i.name == name)
    branch = helper.make_tensor_value_info("use_cache_branch", TensorProto.BOOL, [1])
    shapes: dict[str, list[str | int]] = {"logits": ["rows", 1, CODES]}
    infos = [
        helper.make_tensor_value_info(
            n, kinds[n].type.tensor_type.elem_type,
            shapes.get(n, ["batch", HEADS, f"{n}.length", WIDTH // HEADS]),
        )
        for n in outputs
    ]  # fmt: skip
    graph = helper.make_graph(
        [node], "merged", [*(sized[n] for n in (*inputs, *own, *text)), branch], infos
    )
    return helper.make_model(graph, opset_imports=first.opset_import, ir_version=first.ir_version)


def _branch(graph: Any, prefix: str, given: set[str]) -> Any:
    """A graph as a branch: names of its own, inputs from around it."""
    from onnx import helper

    def name(old: str) -> str:
        return old if not old or old in given else prefix + old

    given = given | {i.name for i in graph.input}
    for node in graph.node:
        node.input[:] = [name(n) for n in node.input]
        node.output[:] = [name(n) for n in node.output]
        node.name = prefix + node.name
    for tensor in graph.initializer:
        tensor.name = name(tensor.name)
    outputs = []
    nodes = list(graph.node)
    for output in graph.output:
        nodes.append(
            helper.make_node("Identity", [name(output.name)], [f"{prefix}out.{output.name}"])
        )
        kind = output.type.tensor_type
        outputs.append(
            helper.make_tensor_value_info(
                f"{prefix}out.{output.name}", kind.elem_type, [None] * len(kind.shape.dim)
            )
        )
    return helper.make_graph(nodes, prefix, [], outputs, list(graph.initializer))
