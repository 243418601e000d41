"""Token models in onnxruntime-genai folders: opened, checked, and run token by token.

Shared by every family that writes tokens, whether they stand for words or for notes. The folder's
layout is that of onnxruntime-genai's model builder: `genai_config.json`, a decoder graph,
`tokenizer.json` and, for chat models, a chat template.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path, PureWindowsPath
from typing import TYPE_CHECKING, Any

from studio.core.errors import StudioError
from studio.core.recipe import Job
from studio.engine import context, device
from studio.engine.sampling import Leaning, Sampler
from studio.engine.tokenizer import JsonTokenizer, Tokenizer
from studio.engine.workbench import Workbench, folder_size, folder_stamp

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

_LONG_ROPE = 131_072
"""The context of the Phi models that count positions otherwise beyond the first 4,096, also those
that were read already: there a prompt could not be read by chunks, so they keep to the first."""
_SHORT_ROPE = 4_096

CHUNK = 32
"""Prompt tokens per call: genai holds the GIL in a call, and between calls a cancel is heard."""
LARGER_CHUNK = 64
"""The same for models of a few hundred megabytes: a tenth faster, and still a fifth of a second.
Small ones gain nothing, and large ones would be deaf for too long."""
_LARGER_FROM, _LARGER_TO = 64 << 20, 700 << 20

_MAX_CONFIG = 8 << 20
"""Bytes; some tokenizer settings list every token."""
_TURN_ENDS = ("<|im_end|>", "<|eot_id|>", "<end_of_turn>", "<|end|>", "<|end_of_text|>")
"""What ends a turn of ChatML, Llama 3, Gemma, Phi and Granite."""
_CODE_KEYS = frozenset({"custom_ops_library", "library_path"})
"""Settings of genai that make it load native code; a model folder may hold weights, not code."""


@dataclass(frozen=True, slots=True)
class Loaded:
    """An opened model: what is needed to write with it."""

    name: str
    folder: Path
    model: Any
    """onnxruntime_genai.Model."""
    tokenizer: Tokenizer
    context: int
    """Tokens, prompt and answer together."""
    vocabulary: int
    stops: frozenset[int]
    """Ids that end a text."""
    provider: str
    shared_cache: bool
    """The past lies in one buffer, so that tokens can be appended at any time."""
    rewinds: bool
    """What was read can be taken back: no layer has a cache that forgets."""
    cache_bytes: int
    """What one token takes in that buffer, about."""
    chunk: int
    """Prompt tokens per call: a function of the model alone, since the numbers depend on it."""
    size: int = 0
    """Bytes of its folder."""
    kept: list[Reader] = field(default_factory=list)
    """Where conversations stand, last used last; they go when the model goes."""


class Reader:
    """A generator of onnxruntime_genai, and what it has read so far, call by call.

    The numbers of a model depend in their last bits on how its tokens were put together into
    calls. Who goes on from the same calls gets the same numbers, whatever was read and taken
    back in between.
    """

    def __init__(self, loaded: Loaded, length: int) -> None:
        """`length`: tokens that fit, prompt and answer together."""
        import onnxruntime_genai as og

        params = og.GeneratorParams(loaded.model)
        params.set_search_options(
            max_length=length, min_length=0, do_sample=False, num_beams=1, batch_size=1,
            repetition_penalty=1.0, no_repeat_ngram_size=0,
        )  # fmt: skip
        self._state = og.Generator(loaded.model, params)
        self._appends = loaded.shared_cache
        self.length = length
        self.calls: list[tuple[int, ...]] = []

    def read(self, ids: Sequence[int]) -> None:
        """Read some tokens in one call."""
        import numpy as np

        self._state.append_tokens(np.asarray(ids, dtype=np.int32))
        self.calls.append(tuple(ids))

    def logits(self) -> npt.NDArray[np.float32]:
        """What comes next, of shape (vocabulary,). Only after something was read."""
        logits: npt.NDArray[np.float32] = self._state.get_logits()
        return logits.reshape(-1)[-logits.shape[-1] :]

    def said(self, token: int) -> None:
        """Go on from a token that was drawn from `logits`."""
        if self._appends:
            self.read((token,))
            return
        # A past that grows by concatenation cannot be appended to: tell genai's own search,
        # which takes the greatest, what the greatest is.
        forced: npt.NDArray[np.float32] = self._state.get_logits()
        forced[...] = -1e9
        forced[..., token] = 0.0
        self._state.set_logits(forced)
        self._state.generate_next_token()

    def rewind(self, calls: int) -> None:
        """Take back all but the first `calls` calls. Something has to be read after it."""
        self._state.rewind_to(sum(map(len, self.calls[:calls])))
        del self.calls[calls:]


def load(job: Job, bench: Workbench) -> Loaded:
    """The job's model, opened now or still held by the bench; sets `bench.provider`.

    Raises StudioError where the folder is missing, damaged, or not a language model.
    """
    folder = job.model
    try:
        stamp = folder_stamp(folder)
    except OSError as error:
        raise _damaged(folder, "it cannot be read") from error
    if not stamp:
        raise _damaged(folder, "it is empty or not there")
    threads = device.threads(job.device)
    providers = tuple(device.providers(job.device))
    size = sum(bytes_ for _, bytes_, _ in stamp)
    key = ("genai", folder.name, str(folder.resolve()), stamp, threads, providers)
    loaded = bench.take(key, lambda: _open(folder, threads, providers, size), size)
    bench.provider = loaded.provider
    return loaded


def generate(
    loaded: Loaded,
    prompt_ids: Sequence[int],
    *,
    seed: int,
    max_new_tokens: int,
    temperature: float = 1.0,
    top_p: float = 1.0,
    top_k: int = 0,
    min_p: float = 0.0,
    repetition_penalty: float = 1.0,
    history: Sequence[int] = (),
    first: npt.NDArray[np.intp] | None = None,
    wished: Leaning | None = None,
) -> Iterator[int | None]:
    """None after every chunk of the prompt, then token ids until a stop id (which is not yielded),
    `max_new_tokens`, or the end of the context.

    The same arguments give the same tokens on the same machine and provider. `history` is what
    the repetition penalty knows from the outset (the prompt itself is not penalized), `first` the
    ids that the first token is one of, `wished` what the sampler leans towards. Raises StudioError
    where the prompt fills the context, or where the tokenizer belongs to another model.
    """
    count = len(prompt_ids)
    wanted = min(context.room(loaded, prompt_ids), max_new_tokens)
    sampler = Sampler(
        seed,
        temperature=temperature,
        top_k=top_k,
        top_p=top_p,
        min_p=min_p,
        repetition_penalty=repetition_penalty,
        history=history,
        wished=wished,
    )
    reader = Reader(loaded, count + wanted)
    step = loaded.chunk if loaded.shared_cache else count
    for start in range(0, count, step):
        reader.read(prompt_ids[start : start + step])
        yield None
    for written in range(1, wanted + 1):
        token = sampler.draw(reader.logits(), first)
        first = None
        if token in loaded.stops:
            return
        yield token
        if written < wanted:
            reader.said(token)


def _open(folder: Path, threads: int, providers: Sequence[str], size: int) -> Loaded:
    config = _read_config(folder)
    model_part = config["model"]
    tokenizer_file = folder / "tokenizer.json"
    if not tokenizer_file.is_file():
        raise _damaged(folder, "tokenizer.json is missing")
    try:
        tokenizer = JsonTokenizer(tokenizer_file)
    except Exception as error:  # tokenizers raises bare Exception for whatever it cannot parse
        raise _damaged(folder, "tokenizer.json cannot be read") from error
    model, provider = _open_model(folder, threads, providers)
    context = int(model_part["context_length"])
    if str(model_part.get("type")).startswith("phi") and context >= _LONG_ROPE:
        context = _SHORT_ROPE
    shared = config.get("search", {}).get("past_present_share_buffer") is True
    loaded = Loaded(
        name=folder.name,
        folder=folder,
        model=model,
        tokenizer=tokenizer,
        context=context,
        vocabulary=int(model_part["vocab_size"]),
        stops=_stop_ids(model_part) | _end_of_turn(folder, tokenizer),
        provider=provider,
        shared_cache=shared,
        rewinds=shared and not model_part["decoder"].get("sliding_window"),
        cache_bytes=_cache_bytes(model_part["decoder"], provider),
        size=size,
        chunk=LARGER_CHUNK if _LARGER_FROM <= folder_size(folder) < _LARGER_TO else CHUNK,
    )
    try:
        # One token: a graph that cannot be run shows here, not in the midst of a text.
        reader = Reader(loaded, 2)
        reader.read((0,))
        reader.logits()
    except Exception as error:
        _raise_memory(error)
        raise _not_a_language_model(folder) from error
    return loaded


def _cache_bytes(decoder: dict[str, Any], provider: str) -> int:
    """What keys and values of one token take; 0 where the config does not say."""
    size = 2 * (2 if provider == device.CUDA else 4)
    for name in ("num_hidden_layers", "num_key_value_heads", "head_size"):
        number = decoder.get(name)
        size *= number if isinstance(number, int) and 0 < number < 1 << 20 else 0
    return size


def _open_model(folder: Path, threads: int, providers: Sequence[str]) -> tuple[Any, str]:
    """The onnxruntime_genai.Model of a folder, and the provider it is on."""
    import onnxruntime_genai as og

    options = {
        "intra_op_num_threads": threads,
        "inter_op_num_threads": 1,
        "log_severity_level": 4,  # what goes wrong is raised; nothing is printed besides
    }
    try:
        config = og.Config(str(folder))
        config.overlay(json.dumps({"model": {"decoder": {"session_options": options}}}))
        config.clear_providers()  # what the folder was built for is not what this machine has
        if device.CUDA in providers:
            config.append_provider("cuda")
        model = og.Model(config)
    except Exception as error:
        _raise_memory(error)
        if "model_type" in str(error).lower() or "unsupported" in str(error).lower():
            raise _not_a_language_model(folder) from error
        raise _damaged(folder, "one of its files is damaged or cut short") from error
    on_gpu = str(model.device_type).upper() == "CUDA"
    return model, device.CUDA if on_gpu else device.CPU


def _raise_memory(error: Exception) -> None:
    """Raise MemoryError where that is what genai means: a model too large is not a damaged one."""
    said = str(error).lower()
    if any(words in said for words in ("out of memory", "bad_alloc", "failed to allocate")):
        raise MemoryError(str(error)) from error


def _read_config(folder: Path) -> dict[str, Any]:
    """`genai_config.json` as far as we rely on it, checked. Raises StudioError."""
    path = folder / "genai_config.json"
    if not path.is_file():
        raise _damaged(folder, "genai_config.json is missing")
    try:
        if path.stat().st_size > _MAX_CONFIG:
            raise ValueError("too large")
        config = json.loads(path.read_text("utf-8"))
        part = config["model"]
        graph = part["decoder"]["filename"]
        whole = (part["context_length"], part["vocab_size"])
        if not all(type(n) is int and 0 < n < 2**31 for n in whole) or not isinstance(graph, str):
            raise ValueError("no usable sizes")
        _stop_ids(part)
        if not isinstance(config.get("search", {}), dict):
            raise ValueError("no search options")
    except (ValueError, KeyError, TypeError, RecursionError, OSError) as error:
        raise _damaged(folder, "genai_config.json cannot be read") from error
    if _mentions(config, _CODE_KEYS):
        raise StudioError(
            f"The model “{folder.name}” wants to run program code of its own.",
            "Only models that are nothing but weights can be used. Choose another one.",
        )
    # Read as Windows reads it, which knows both separators and drives. Links are followed: the
    # cache of huggingface_hub keeps its files as links.
    written = PureWindowsPath(graph)
    if written.anchor or ".." in written.parts:
        raise _damaged(folder, "genai_config.json points outside of it")
    if not (folder / graph).is_file():
        raise _damaged(folder, f"{written.name or 'its graph'} is missing")
    return dict(config)


def _stop_ids(model_part: dict[str, Any]) -> frozenset[int]:
    """The ids that end a text: one or several in the config. Raises ValueError for others.

    The id that begins a text is one of them: where it comes, another text begins.
    """
    ids = model_part.get("eos_token_id", [])
    ids = ids if isinstance(ids, list) else [ids]
    if not all(type(i) is int for i in ids):
        raise ValueError("eos_token_id is not a number")
    begin = model_part.get("bos_token_id")
    return frozenset([*ids, begin] if type(begin) is int else ids)


def _end_of_turn(folder: Path, tokenizer: Tokenizer) -> frozenset[int]:
    """The ids that end a chat turn, where the config has forgotten to name them.

    They are the tokenizer's `eos_token` and what the families that are known end a turn with.
    """
    token = read_settings(folder / "tokenizer_config.json").get("eos_token")
    if isinstance(token, dict):
        token = token.get("content")
    tokens = [token, *_TURN_ENDS] if isinstance(token, str) else list(_TURN_ENDS)
    return frozenset(i for i in map(tokenizer.id_of, tokens) if i is not None)


def read_settings(path: Path) -> dict[str, Any]:
    """A JSON object beside the model that may be missing or unreadable, and then says nothing."""
    try:
        if path.stat().st_size > _MAX_CONFIG:
            return {}
        found = json.loads(path.read_text("utf-8"))
    except (OSError, ValueError, RecursionError):
        return {}
    return found if isinstance(found, dict) else {}


def _mentions(value: object, keys: frozenset[str]) -> bool:
    """Whether a key occurs anywhere in parsed JSON."""
    if isinstance(value, dict):
        return bool(keys & value.keys()) or any(_mentions(v, keys) for v in value.values())
    return isinstance(value, list) and any(_mentions(v, keys) for v in value)


def _damaged(folder: Path, why: str) -> StudioError:
    return StudioError(
        f"The model “{folder.name}” cannot be used: {why}.",
        "Install it again, or choose another model.",
    )


def _not_a_language_model(folder: Path) -> StudioError:
    return StudioError(
        f"“{folder.name}” is not a language model that can be run here.", "Choose another model."
    )
