"""Makes a folder for onnxruntime-genai of a language model in safetensors, in int4 by default."""

from __future__ import annotations

import contextlib
import json
import multiprocessing
import shutil
from collections.abc import Iterator
from multiprocessing.connection import Connection
from pathlib import Path

from studio.core.errors import StudioError
from studio.core.messages import Convert, Progress
from studio.core.sizes import size_words
from studio.engine import device
from studio.engine.convert import genai_build
from studio.engine.convert.genai_build import At, Broke, Built
from studio.engine.genai import read_settings
from studio.engine.tensors import safetensors_of

ARCHITECTURES = frozenset(
    {
        "Gemma2ForCausalLM",
        "Gemma3ForCausalLM",
        "Gemma3ForConditionalGeneration",
        "GemmaForCausalLM",
        "GraniteForCausalLM",
        "LlamaForCausalLM",
        "MistralForCausalLM",
        "Olmo2ForCausalLM",
        "Phi3ForCausalLM",
        "Qwen2ForCausalLM",
        "Qwen3ForCausalLM",
        "SmolLM3ForCausalLM",
    }
)
"""What `config.json` calls the models that can be built; each is held against transformers."""

PRECISIONS = ("int4", "fp16", "fp32")
_WORK = ".building"
_BEAT = 0.1
"""Seconds between two looks at whether the work shall stop."""
_MOST = 20_000_000
"""Tokens of a context or a vocabulary that a configuration may speak of."""
_PICKLED = (".bin", ".pt", ".pth", ".ckpt")
_LONG_ROPE = "longrope"


def run(order: Convert) -> Iterator[Progress]:
    """Complete the model in `order.folder`; the option `precision` is one of `PRECISIONS`.

    Closed at any yield: the build is killed and leaves nothing. Raises StudioError where the
    source is of a kind that cannot be built, is damaged, or would run code of its own.
    """
    yield Progress("converting", 0, 100, 0.0)
    precision = str(order.options.get("precision", "int4"))
    provider = "cuda" if device.CUDA in device.providers(order.device) else "cpu"
    check(order.source, precision, provider, order.folder)
    work = order.folder / _WORK
    shutil.rmtree(work, ignore_errors=True)
    work.mkdir(parents=True)
    try:
        for fraction in _build(order.source, work, precision, provider):
            yield Progress("converting", int(fraction * 99), 100, fraction * 0.99)
        _finish(order.source, work)
        for made in sorted(work.iterdir()):
            made.replace(order.folder / made.name)
    finally:
        shutil.rmtree(work, ignore_errors=True)
    yield Progress("converting", 100, 100, 1.0)


def check(source: Path, precision: str, provider: str, folder: Path) -> None:
    """Raises StudioError where `source` cannot be built for `provider`, told before any work."""
    if precision not in PRECISIONS:
        raise StudioError(
            f"“{precision[:40]}” is not a precision.", "Choose one of: " + ", ".join(PRECISIONS)
        )
    if precision == "fp16" and provider == "cpu":
        raise StudioError(
            "A language model in fp16 needs a graphics card.", "Choose int4, or fp32."
        )
    name = source.name
    config = read_settings(source / "config.json")
    if not config:
        raise _refused(name, "its config.json is missing or cannot be read")
    kinds = config.get("architectures")
    kind = kinds[0] if isinstance(kinds, list) and kinds and isinstance(kinds[0], str) else ""
    if kind not in ARCHITECTURES:
        said = f"“{kind[:60]}”" if kind else "its kind"
        raise StudioError(
            f"The model “{name}” cannot be converted: {said} is not known here.",
            "Choose a model of another kind, or one that is made for onnxruntime-genai already.",
        )
    if config.get("quantization_config"):
        raise StudioError(
            f"The model “{name}” cannot be converted: its weights are quantized already.",
            "Choose the original in 16 bits; it is made small here.",
        )
    sizes = (config.get("max_position_embeddings", 0), config.get("vocab_size", 1))
    if not all(isinstance(n, int) and 0 <= n <= _MOST for n in sizes):
        raise _refused(name, "its config.json speaks of sizes that cannot be")
    if not any(source.glob("*.safetensors")):
        if any(p.suffix in _PICKLED for p in source.iterdir()):
            raise StudioError(
                f"The weights of “{name}” are pickled, and pickled files can run code.",
                "Choose the same model in safetensors.",
            )
        raise _refused(name, "there are no weights in it")
    if not (source / "tokenizer.json").is_file():
        raise _refused(name, "its tokenizer.json is missing")
    tensors = safetensors_of(source)
    if not tensors:
        raise _refused(name, "there are no weights in it")
    size = sum(p.stat().st_size for p in source.glob("*.safetensors"))
    needed = int(size * {"int4": 0.45, "fp16": 1.1, "fp32": 2.2}[precision])
    free = shutil.disk_usage(folder if folder.is_dir() else folder.parent).free
    if free < needed:
        raise StudioError(
            f"The disk is too full: about {size_words(needed)} are needed for “{name}”, and "
            f"{size_words(free)} are free.",
            "Make room, or choose another folder in Settings.",
        )


def _build(source: Path, work: Path, precision: str, provider: str) -> Iterator[float]:
    """How far the child process is, told often, 0 to 1. Closed, it kills the child."""
    context = multiprocessing.get_context("spawn")
    ours, theirs = context.Pipe()
    process = context.Process(
        target=genai_build.main,
        args=(theirs, source, work, precision, provider),
        name="triptych-build",
        daemon=True,
    )
    me = multiprocessing.current_process()
    daemon = me.daemon
    # An engine ends with the program, and Python lets no such process have a child. This child
    # ends with the engine: it leaves when its pipe is closed.
    me.daemon = False
    try:
        process.start()
    finally:
        me.daemon = daemon
    theirs.close()
    try:
        fraction = 0.0
        while True:
            yield fraction
            news = _heard(ours)
            if isinstance(news, At):
                fraction = max(fraction, news.fraction)
            elif isinstance(news, Built):
                return
            elif isinstance(news, Broke):
                raise _explained(source.name, news)
    finally:
        process.kill()
        process.join()
        ours.close()


def _heard(conn: Connection) -> At | Built | Broke | None:
    try:
        if not conn.poll(_BEAT):
            return None
        news = conn.recv()
    except (EOFError, OSError):
        return Broke("memory", "the process that builds was killed")
    return news if isinstance(news, At | Built | Broke) else None


def _explained(name: str, broke: Broke) -> BaseException:
    if broke.kind == "memory":
        return MemoryError(broke.detail)
    if broke.kind == "IncompleteError":
        error = _refused(name, "its weights do not fit its config.json")
    elif (
        "rror" in broke.kind and "rope" in broke.detail.lower() and "not currently" in broke.detail
    ):
        error = _refused(name, "the way it counts positions is not known here")
    else:
        error = _refused(name, "its files are damaged, or of a kind that is not known here")
    error.__cause__ = RuntimeError(broke.detail)
    return error


def _finish(source: Path, work: Path) -> None:
    """What the builder leaves out or writes otherwise than it is needed."""
    config = read_settings(source / "config.json")
    nested = config.get("rope_parameters") or config.get("rope_scaling")
    kind = nested.get("rope_type") or nested.get("type") if isinstance(nested, dict) else ""
    original = config.get("original_max_position_embeddings") or (
        nested.get("original_max_position_embeddings") if isinstance(nested, dict) else None
    )
    if kind == _LONG_ROPE and isinstance(original, int) and original > 0:
        # Beyond it such a model counts all positions anew, those already read as well.
        path = work / "genai_config.json"
        made = json.loads(path.read_text("utf-8"))
        made["model"]["context_length"] = min(original, made["model"]["context_length"])
        made["search"]["max_length"] = made["model"]["context_length"]
        path.write_text(json.dumps(made, indent=4), "utf-8")
    for name in ("chat_template.jinja", "LICENSE", "NOTICE"):
        if (source / name).is_file() and not (work / name).exists():
            with contextlib.suppress(OSError):
                shutil.copyfile(source / name, work / name)


def _refused(name: str, why: str) -> StudioError:
    return StudioError(
        f"The model “{name}” cannot be converted: {why}.",
        "Get it again from where it came from, or choose another one.",
    )
