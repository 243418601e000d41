"""The process that builds a folder for onnxruntime-genai; it can be ended at any moment.

The model builder of onnxruntime-genai is long native and Python work that holds the interpreter's
lock. It runs here, in a process of its own, which tells how far it is over a pipe and leaves when
the other end is closed. What the builder does not know of a few architectures is mended here;
tests hold the numbers of each against transformers.
"""

from __future__ import annotations

import contextlib
import io
import logging
import os
import re
import signal
import socket
import sys
import threading
import traceback
import warnings
from dataclasses import dataclass
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any


@dataclass(frozen=True, slots=True)
class At:
    """How far the build is, 0 to 1."""

    fraction: float


@dataclass(frozen=True, slots=True)
class Built:
    """The folder is complete."""


@dataclass(frozen=True, slots=True)
class Broke:
    """Nothing was made: what was raised, for the log."""

    kind: str
    detail: str


News = At | Built | Broke

_LAYER = re.compile(r"Reading layer (\d+)")
_LOADED, _READ, _PACKED = 0.15, 0.45, 0.6
"""How far a build is when the weights are there, the layers are read, the weights are packed."""


def main(conn: Connection, source: Path, folder: Path, precision: str, provider: str) -> None:
    """Build `folder` from the transformers folder `source`; tell `News` over `conn`.

    `precision`: int4, fp16 or fp32; `provider`: cpu or cuda.
    """
    os.environ["HF_HUB_OFFLINE"] = "1"
    os.environ["ORT_DISABLE_TELEMETRY"] = "1"
    os.environ["TOKENIZERS_PARALLELISM"] = "false"
    # Ctrl+C in a terminal reaches this process as well; whoever asked for the build decides.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    socket.has_ipv6 = False  # urllib3 would open a socket on import, to try it
    threading.Thread(target=_leave_with, args=(conn,), daemon=True).start()
    from tqdm import tqdm

    # A bar's own lock is a semaphore between processes, which a killed process leaks.
    tqdm.set_lock(threading.RLock())
    warnings.simplefilter("ignore")  # the builder warns of its own libraries
    logging.disable(logging.CRITICAL)
    try:
        with contextlib.redirect_stdout(_Ear(conn, source)), contextlib.redirect_stderr(_Bar(conn)):
            build(source, folder, precision, provider)
        conn.send(Built())
    except BaseException as error:
        kind = "memory" if _is_memory(error) else type(error).__name__
        conn.send(Broke(kind, traceback.format_exc()[-20_000:]))


def build(source: Path, folder: Path, precision: str, provider: str) -> None:
    """What onnxruntime-genai's model builder makes of a model of transformers."""
    import torch
    from onnxruntime_genai.models import builder

    torch.set_num_threads(1)
    _mend(builder)
    cache = folder / "cache"
    where = ("", str(source), str(folder), precision, provider, str(cache))
    # Bounded caches for layers that look back a little cannot be rewound; whole ones can.
    told = ["prune_lm_head=true", "windowed_kv_cache=false", "hf_token=false", "hf_remote=false"]
    options = builder.parse_extra_options(*where, told)
    _adapt(options["hf_details"]["hf_config"])
    builder.create_model(*where, **options)
    with contextlib.suppress(OSError):
        cache.rmdir()


def _leave_with(conn: Connection) -> None:
    try:
        conn.recv()
    except (EOFError, OSError):
        pass
    os._exit(1)


def _is_memory(error: BaseException) -> bool:
    said = str(error).lower()
    return isinstance(error, MemoryError) or "bad_alloc" in said or "not enough memory" in said


class _Ear(io.StringIO):
    """Stands in for standard output: the builder prints which layer it reads."""

    def __init__(self, conn: Connection, source: Path) -> None:
        super().__init__()
        self._conn = conn
        self._layers = _layers(source)

    def write(self, text: str) -> int:
        found = _LAYER.search(text)
        if found:
            part = min(1.0, (int(found[1]) + 1) / self._layers)
            self._conn.send(At(_LOADED + (_READ - _LOADED) * part))
        elif "Saving ONNX model" in text:
            self._conn.send(At(_PACKED))
        return len(text)


class _Bar(io.StringIO):
    """Stands in for standard error: what is written shows there as a bar with a percentage."""

    def __init__(self, conn: Connection) -> None:
        super().__init__()
        self._conn = conn

    def write(self, text: str) -> int:
        percent = re.search(r"(\d+)%", text)
        if percent and text.lstrip("\r").startswith("Saving"):
            self._conn.send(At(_PACKED + (1 - _PACKED) * min(1.0, int(percent[1]) / 100)))
        return len(text)


def _layers(source: Path) -> int:
    from studio.engine.genai import read_settings

    config = read_settings(source / "config.json")
    nested = config.get("text_config")
    for part in (config, nested if isinstance(nested, dict) else {}):
        count = part.get("num_hidden_layers")
        if isinstance(count, int) and count > 0:
            return count
    return 1


def _adapt(config: Any) -> None:
    """Put a configuration as the builder reads it, where transformers 5 writes it otherwise."""
    if getattr(config, "text_config", None) is not None:  # the part of a model that sees as well
        _adapt(config.text_config)
    rope = getattr(config, "rope_parameters", None)
    if isinstance(rope, dict) and "full_attention" in rope:  # Gemma 3: one for each kind of layer
        config.rope_local_base_freq = rope["sliding_attention"]["rope_theta"]
        config.rope_parameters = dict(rope["full_attention"])
    elif isinstance(rope, dict) and rope.get("rope_type") == "longrope":  # Phi 3 and 4
        rope["type"] = "longrope"
    window = getattr(config, "sliding_window", None)
    if config.model_type in ("mistral", "phi3") and window and not hasattr(config, "layer_types"):
        config.layer_types = ["sliding_attention"] * config.num_hidden_layers  # all of them
    if config.architectures == ["Olmo2ForCausalLM"]:
        config.architectures = ["OlmoForCausalLM"]  # the name under which genai runs it
        config.after_norms = True


class IncompleteError(Exception):
    """The weights are not those that the configuration speaks of."""


class _Strict:
    """A class of transformers that loads safetensors alone, and a whole model or none.

    Where weights are missing, transformers itself makes some up.
    """

    def __init__(self, auto: Any) -> None:
        self._auto = auto

    def from_pretrained(self, *args: Any, **options: Any) -> Any:
        options |= {"use_safetensors": True, "local_files_only": True, "token": None}
        model, told = self._auto.from_pretrained(*args, output_loading_info=True, **options)
        if told["missing_keys"] or told.get("mismatched_keys"):
            raise IncompleteError(str(told)[:2000])
        return model


def _mend(builder: Any) -> None:
    """Give the builder what it lacks; it looks its classes up by these names."""
    base = sys.modules[builder.Model.__module__]  # imported under a name of the builder's choice
    if isinstance(base.AutoModelForCausalLM, _Strict):
        return  # mended already

    class SmolLM3(builder.SmolLM3Model):  # type: ignore[misc]  # it has no types
        """Every fourth layer has no rotary embedding at all, rather than one outside attention."""

        def make_attention(
            self, layer_id: int, attention: Any, root_input: str, **kwargs: Any
        ) -> None:
            self.attention_attrs["rope"] = bool(self.no_rope_layers[layer_id])
            super().make_attention(layer_id, attention, root_input, **kwargs)
            self.attention_attrs["rope"] = True

    class Gemma3(builder.Gemma3Model):  # type: ignore[misc]
        """Linear scaling of positions is for the layers that see everything, not the local ones."""

        def __init__(self, config: Any, *rest: Any) -> None:
            super().__init__(config, *rest)
            self.embed_attrs["scale"] = config.hidden_size**0.5  # not rounded to two places

        def make_rotary_embedding_caches_from_scratch(self) -> Any:
            made = super().make_rotary_embedding_caches_from_scratch()
            self.rope_attrs["rescale_factors"] = 1  # the next ones made are the local ones
            return made

    class Olmo(builder.OLMoModel):  # type: ignore[misc]
        """OLMo 2: norms after attention and MLP, and over all heads of queries and keys."""

        def __init__(self, config: Any, *rest: Any) -> None:
            self._second = getattr(config, "after_norms", False)
            super().__init__(config, *rest)

        def make_attention_init(self, config: Any) -> None:
            if self._second:
                self.attention_attrs["q_norm"] = self.attention_attrs["k_norm"] = True
            super().make_attention_init(config)

        def is_fused_qk_norm_gqa_supported(self) -> bool:
            return False  # that norm is over one head

        def make_layernorm(
            self, layer_id: int, layernorm: Any, skip: bool, simple: bool, location: str
        ) -> None:
            if self._second:
                builder.Model.make_layernorm(self, layer_id, layernorm, skip, simple, location)
            else:
                super().make_layernorm(layer_id, layernorm, skip, simple, location)

        def make_qk_norm(self, layer_id: int, attention: Any) -> None:
            for side, norm, size in (
                ("q", attention.q_norm, self.q_size),
                ("k", attention.k_norm, self.kv_size),
            ):
                weight = f"model.layers.{layer_id}.attn.{side}_norm.layernorm.weight"
                self.make_initializer(norm.weight, weight, to=self.io_dtype)
                name = f"/model/layers.{layer_id}/attn/{side}_norm/SimplifiedLayerNormalization"
                self.make_node(
                    "SimplifiedLayerNormalization",
                    inputs=[self.attention_attrs[f"{side}_path"], weight],
                    outputs=[f"{name}/output_0"],
                    name=name,
                    epsilon=self.layernorm_attrs["epsilon"],
                    axis=-1,
                    stash_type=1,
                )
                shape = self.make_hidden_state_shape(last_dim=size)
                self.make_value(f"{name}/output_0", self.io_dtype, shape=shape)
                self.attention_attrs[f"{side}_path"] = f"{name}/output_0"

        def make_layer(self, layer_id: int, layer: Any) -> None:
            if not self._second:
                super().make_layer(layer_id, layer)
                return
            attrs = self.layernorm_attrs
            last = layer_id == self.num_layers - 1
            stream = attrs["root_input"]
            self.make_attention(layer_id, layer.self_attn, root_input=stream)
            stream = self._normed(
                layer_id, layer.post_attention_layernorm, "post_attention", stream
            )
            self.make_mlp(layer_id, layer.mlp, root_input=stream)
            if last:  # the final norm adds its two inputs itself
                attrs["root_input"] = attrs["skip_input"]
                self.make_layernorm(
                    layer_id, layer.post_feedforward_layernorm, False, True, "post_feedforward"
                )
                attrs["root_input"], attrs["skip_input"] = stream, attrs["output_0"]
                attrs["last_layernorm"] = True
            else:
                attrs["root_input"] = self._normed(
                    layer_id, layer.post_feedforward_layernorm, "post_feedforward", stream
                )
            attrs["first_layernorm"] = False

        def _normed(self, layer_id: int, norm: Any, location: str, stream: str) -> str:
            """`stream` and the normed output of what was made last, added."""
            attrs = self.layernorm_attrs
            attrs["root_input"] = attrs["skip_input"]
            self.make_layernorm(layer_id, norm, False, True, location)
            name = f"/model/layers.{layer_id}/{location}/Add"
            shape = self.make_hidden_state_shape()
            self.make_add(name, [stream, attrs["output_0"]], dtype=self.io_dtype, shape=shape)
            return f"{name}/output_0"

    builder.SmolLM3Model, builder.Gemma3Model, builder.OLMoModel = SmolLM3, Gemma3, Olmo
    for name in ("AutoModelForCausalLM", "Gemma3ForConditionalGeneration"):
        setattr(base, name, _Strict(getattr(base, name)))
