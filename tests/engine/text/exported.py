"""Models as the community publishes them: graphs in the layouts of Optimum and transformers.js."""

from __future__ import annotations

import shutil
import warnings
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

IDS = {0: "batch_size", 1: "sequence_length"}
PAST = {0: "batch_size", 2: "past_sequence_length"}


def beside(source: Path, folder: Path) -> Path:
    """The folder's `onnx`, with the source's configuration and tokenizer beside it."""
    folder.mkdir(parents=True)
    for name in (
        "config.json",
        "generation_config.json",
        "tokenizer.json",
        "tokenizer_config.json",
    ):
        if (source / name).is_file():
            shutil.copy(source / name, folder / name)
    (folder / "onnx").mkdir()
    return folder / "onnx"


def causal(source: Path, folder: Path, layout: str, *, half: bool = False) -> Path:
    """A decoder: `layout` is past (model.onnx), merged, two, plain (no past) or stacked (old)."""
    import torch
    from transformers import AutoModelForCausalLM

    model: Any = AutoModelForCausalLM.from_pretrained(
        source, dtype=torch.float32, attn_implementation="eager"
    ).eval()
    if half:
        model = model.half()
    count, heads = model.config.num_hidden_layers, model.config.num_attention_heads
    heads = getattr(model.config, "num_key_value_heads", None) or heads
    head = model.config.hidden_size // model.config.num_attention_heads
    placed = model.config.model_type not in ("bloom", "opt")

    def call(ids: Any, mask: Any, places: Any, *past: Any) -> Any:
        cache = _cache(_pairs(past, layout))
        more = {"position_ids": places} if placed else {}
        found = model(input_ids=ids, attention_mask=mask, past_key_values=cache, **more)
        kept = [(x.keys, x.values) for x in found.past_key_values.layers]
        if layout == "stacked":
            return (found.logits, *(torch.stack(pair) for pair in kept))
        return (found.logits, *(t for pair in kept for t in pair))

    onnx_folder = beside(source, folder)
    kind = torch.float16 if half else torch.float32
    past = [torch.randn(1, heads, 3, head, dtype=kind) for _ in range(2 * count)]
    names = [f"past_key_values.{i}.{k}" for i in range(count) for k in ("key", "value")]
    presents = [n.replace("past_key_values", "present") for n in names]
    axes: dict[str, dict[int, str]] = dict.fromkeys(names, PAST)
    if layout == "stacked":
        past = [torch.stack(past[i : i + 2]) for i in range(0, 2 * count, 2)]
        names, presents = ([f"{w}_{i}" for i in range(count)] for w in ("past", "present"))
        axes = {n: {1: "batch_size", 3: "past_sequence_length"} for n in names}

    def export(file: str, tokens: int, with_past: bool) -> Path:
        before = 3 if with_past else 0
        inputs = {
            "input_ids": torch.ones(1, tokens, dtype=torch.int64),
            "attention_mask": torch.ones(1, before + tokens, dtype=torch.int64),
            "position_ids": torch.arange(before, before + tokens)[None],
        }
        if with_past:
            inputs |= dict(zip(names, past, strict=True))
        outputs = ["logits"] if layout == "plain" else ["logits", *presents]
        chosen: Callable[..., Any] = (lambda *a: call(*a)[:1]) if layout == "plain" else call
        return write(model, chosen, onnx_folder / file, inputs, outputs, axes)

    if layout in ("past", "stacked"):
        export("model_fp16.onnx" if half else "model.onnx", 2, True)
    elif layout == "plain":
        export("model.onnx", 2, False)
    else:
        first = export("decoder_model.onnx", 4, False)
        then = export("decoder_with_past_model.onnx", 1, True)
        if layout == "merged":
            merge(first, then, onnx_folder / "decoder_model_merged.onnx")
    return folder


def rewriting(source: Path, folder: Path, *, merged: bool) -> Path:
    """An encoder and a decoder, the latter in two graphs or merged into one."""
    import torch
    from transformers import AutoModelForSeq2SeqLM
    from transformers.modeling_outputs import BaseModelOutput

    model: Any = AutoModelForSeq2SeqLM.from_pretrained(
        source, dtype=torch.float32, attn_implementation="eager"
    ).eval()
    config = model.config
    kind = config.model_type
    count = config.num_hidden_layers if kind == "t5" else config.decoder_layers
    heads = config.num_heads if kind == "t5" else config.decoder_attention_heads
    head = config.d_kv if kind == "t5" else config.d_model // heads
    onnx_folder = beside(source, folder)
    text = torch.ones(1, 5, dtype=torch.int64)
    write(
        model,
        lambda ids, mask: model.get_encoder()(input_ids=ids, attention_mask=mask)[0],
        onnx_folder / "encoder_model.onnx",
        {"input_ids": text, "attention_mask": torch.ones_like(text)},
        ["last_hidden_state"],
        {},
    )
    halves = [f"{h}.{k}" for h in ("decoder", "encoder") for k in ("key", "value")]
    names = [f"past_key_values.{i}.{h}" for i in range(count) for h in halves]
    presents = [n.replace("past_key_values", "present") for n in names]
    states = torch.randn(1, 5, config.d_model)

    def call(mask: Any, ids: Any, encoded: Any, *past: Any) -> Any:
        from transformers.cache_utils import EncoderDecoderCache

        fours = [past[i : i + 4] for i in range(0, len(past), 4)]
        own, other = _cache([f[:2] for f in fours]), _cache([f[2:] for f in fours])
        found = model(
            attention_mask=mask,
            decoder_input_ids=ids,
            encoder_outputs=BaseModelOutput(last_hidden_state=encoded),
            past_key_values=EncoderDecoderCache(own, other),
        )
        kept = found.past_key_values
        result = [found.logits]
        for mine, theirs in zip(
            kept.self_attention_cache.layers, kept.cross_attention_cache.layers, strict=True
        ):
            result += [mine.keys, mine.values]
            # With a past, the half of the encoder is as it was, and Optimum leaves it out.
            result += [] if past else [theirs.keys, theirs.values]
        return tuple(result)

    first_inputs = {
        "encoder_attention_mask": torch.ones_like(text),
        "input_ids": torch.ones(1, 4, dtype=torch.int64),
        "encoder_hidden_states": states,
    }
    past = {n: torch.randn(1, heads, 5 if "encoder" in n else 3, head) for n in names}
    axes = {n: {0: "batch_size", 2: f"past_{n.split('.')[2]}_sequence_length"} for n in names}
    first = write(
        model, call, onnx_folder / "decoder_model.onnx", first_inputs, ["logits", *presents], axes
    )
    then = write(
        model,
        call,
        onnx_folder / "decoder_with_past_model.onnx",
        {**first_inputs, "input_ids": torch.ones(1, 1, dtype=torch.int64), **past},
        ["logits", *(n for n in presents if ".decoder." in n)],
        axes,
    )
    if merged:
        merge(first, then, onnx_folder / "decoder_model_merged.onnx")
    return folder


def filling(source: Path, folder: Path) -> Path:
    """A model that fills blanks, as one graph."""
    import torch
    from transformers import AutoModelForMaskedLM

    model: Any = AutoModelForMaskedLM.from_pretrained(
        source, dtype=torch.float32, attn_implementation="eager"
    ).eval()
    ids = torch.ones(1, 5, dtype=torch.int64)
    write(
        model,
        lambda ids, mask: model(input_ids=ids, attention_mask=mask).logits,
        beside(source, folder) / "model.onnx",
        {"input_ids": ids, "attention_mask": torch.ones_like(ids)},
        ["logits"],
        {},
    )
    return folder


def write(
    model: Any,
    call: Callable[..., Any],
    path: Path,
    inputs: dict[str, Any],
    outputs: Sequence[str],
    axes: dict[str, dict[int, str]],
) -> Path:
    """One graph by torch's older exporter, as these layouts are made."""
    import torch
    from torch.jit._trace import TracerWarning

    class Plain(torch.nn.Module):
        """A function of positional tensors as a module."""

        def __init__(self) -> None:
            super().__init__()
            self.model = model

        def forward(self, *tensors: torch.Tensor) -> Any:
            return call(*tensors)

    with torch.no_grad(), warnings.catch_warnings():
        # The exporter is the one that knows these models, is on its way out, and says much.
        warnings.simplefilter("ignore", DeprecationWarning)
        warnings.filterwarnings("ignore", module=r"torch\.onnx")
        warnings.filterwarnings("ignore", category=TracerWarning)
        torch.onnx.export(
            Plain().eval(),
            tuple(inputs.values()),
            str(path),
            dynamo=False,
            opset_version=18,
            input_names=list(inputs),
            output_names=list(outputs),
            dynamic_axes={
                **{n: {0: "batch_size", 1: f"{n}_length"} for n in inputs if n not in axes},
                **{n: axes[n] for n in inputs if n in axes},
                "logits": IDS,
            },
        )
    return path


def merge(first: Path, then: Path, path: Path) -> None:
    """Both graphs in one, chosen between by `use_cache_branch`, as Optimum merges them."""
    import onnx
    from onnx import TensorProto, helper

    one, other = onnx.load(first), onnx.load(then)
    outputs = [o.name for o in one.graph.output]
    missing = [n for n in outputs if n not in {o.name for o in other.graph.output}]
    for name in missing:  # what the branch does not give anew is empty
        empty = helper.make_tensor(f"no.{name}", TensorProto.FLOAT, [0, 1, 1, 1], [])
        other.graph.node.append(helper.make_node("Constant", [], [name], value=empty))
        other.graph.output.append(helper.make_tensor_value_info(name, TensorProto.FLOAT, None))

    def branch(graph: Any, name: str) -> Any:
        infos = {o.name: o for o in graph.output}
        plain = [
            helper.make_tensor_value_info(n, infos[n].type.tensor_type.elem_type, None)
            for n in outputs
        ]
        return helper.make_graph(graph.node, name, [], plain, initializer=graph.initializer)

    chooser = helper.make_tensor_value_info("use_cache_branch", TensorProto.BOOL, [1])
    node = helper.make_node(
        "If",
        ["use_cache_branch"],
        [f"{n}.merged" for n in outputs],
        then_branch=branch(other.graph, "then"),
        else_branch=branch(one.graph, "first"),
    )
    names = [helper.make_node("Identity", [f"{n}.merged"], [n]) for n in outputs]
    for model in (one, other):  # the branches' results have other names than the whole's
        for inner in model.graph.node:
            for i, out in enumerate(inner.output):
                if out in outputs:
                    inner.output[i] = f"{out}.inner"
            for i, name in enumerate(inner.input):
                if name in outputs:
                    inner.input[i] = f"{name}.inner"
    for attribute in node.attribute:
        for inner in attribute.g.node:
            for names_of in (inner.input, inner.output):
                for i, name in enumerate(names_of):
                    if name in outputs:
                        names_of[i] = f"{name}.inner"
        for info in attribute.g.output:
            info.name = f"{info.name}.inner"
    wanted = [helper.make_tensor_value_info(n, TensorProto.FLOAT, None) for n in outputs]
    graph = helper.make_graph([node, *names], "merged", [*other.graph.input, chooser], wanted)
    onnx.save(helper.make_model(graph, opset_imports=one.opset_import, ir_version=8), path)
    first.unlink()
    then.unlink()


def _cache(pairs: Sequence[Sequence[Any]]) -> Any:
    from transformers.cache_utils import DynamicCache

    cache = DynamicCache()
    for i, (keys, values) in enumerate(p for p in pairs if len(p) == 2):
        cache.update(keys, values, i)
    return cache


def _pairs(past: Sequence[Any], layout: str) -> list[Sequence[Any]]:
    if layout == "stacked":
        return [(both[0], both[1]) for both in past]
    return [past[i : i + 2] for i in range(0, len(past), 2)]
