"""Models that go on from a text, opened from transformers or transformers.js folders, and run."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from studio.core.errors import StudioError
from studio.core.recipe import Job
from studio.engine import context
from studio.engine.sampling import Sampler
from studio.engine.sessions import open_session
from studio.engine.text import opening
from studio.engine.text.causal_nets import KINDS
from studio.engine.text.looking_back import Shape
from studio.engine.text.net import Config, unfit
from studio.engine.text.stepping import Growing, InPlace, State
from studio.engine.tokenizer import Tokenizer
from studio.engine.workbench import Workbench

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt


@dataclass(frozen=True, slots=True)
class Loaded:
    """An opened model: what is needed to write with it."""

    name: str
    tokenizer: Tokenizer
    context: int
    """Tokens, prompt and answer together."""
    vocabulary: int
    stops: frozenset[int]
    """Ids that end a text."""
    frame: tuple[int, ...]
    """Ids that stand before every text."""
    provider: str
    start: Callable[[int], State]
    """A fresh state with room for so many tokens."""


def load(job: Job, bench: Workbench) -> Loaded:
    """The job's model, opened now or still held by the bench; sets `bench.provider`.

    Raises StudioError where the folder is damaged, or not a model that goes on from a text.
    """
    precision = str(job.recipe.values.get("precision", "auto"))
    tensors = opening.weights_of(job.model)
    if tensors is not None:
        size = opening.single(tensors)
        if opening.precision_for(job, tensors) == "int8":
            size //= 2
        loaded = opening.taken(
            job, bench, f"causal {precision}", lambda: _safetensors(job, bench), size
        )
    else:
        paths = _graphs(job)
        size = opening.sizes(paths)
        loaded = opening.taken(
            job, bench, f"causal {precision}", lambda: _exported(job, bench, paths), size
        )
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
) -> Iterator[int | None]:
    """None while the prompt is read, then token ids until a stop id (which is not yielded),
    `max_new_tokens`, or the end of the context: as `genai.generate`, for the other models.

    Raises StudioError where the prompt fills the context, or where the tokenizer belongs to
    another model.
    """
    wanted = min(context.room(loaded, prompt_ids), max_new_tokens)
    sampler = Sampler(
        seed,
        temperature=temperature,
        top_k=top_k,
        top_p=top_p,
        min_p=min_p,
        repetition_penalty=repetition_penalty,
        history=history,
    )
    state = loaded.start(len(prompt_ids) + wanted)
    yield from sampled(state, prompt_ids, sampler, loaded.stops, wanted, first)


def sampled(
    state: State,
    ids: Sequence[int],
    sampler: Sampler,
    stops: frozenset[int],
    most: int,
    first: npt.NDArray[np.intp] | None = None,
) -> Iterator[int | None]:
    """None while `ids` are read, then at most `most` tokens, until one of `stops`."""
    yield from state.read(ids)
    for written in range(1, most + 1):
        token = sampler.draw(state.logits, first)
        first = None
        if token in stops:
            return
        yield token
        if written < most:
            state.step(token)


def _safetensors(job: Job, bench: Workbench) -> Loaded:
    config = opening.config_of(job.model)
    kind = KINDS.get(config.word("model_type", default=""))
    tensors = opening.weights_of(job.model)
    if kind is None or tensors is None:
        raise _not_causal(job.model)
    tokenizer = opening.tokenizer_of(job.model)
    ((session, shape),) = opening.open_nets(job, bench, tensors, kind.prefixes, [kind.build])
    return _checked(
        job, bench, config, tokenizer, shape.context, lambda room: InPlace(session, room), shape
    )


def _graphs(job: Job) -> list[Path]:
    """The graph or the two that a transformers.js folder is run by."""
    found = opening.graphs_of(job, "decoder_model_merged") or opening.graphs_of(job, "model")
    found = found or opening.graphs_of(job, "decoder_model", "decoder_with_past_model")
    found = found or opening.graphs_of(job, "decoder_model")
    if not found:
        raise _not_causal(job.model)
    return list(found.values())


def _exported(job: Job, bench: Workbench, paths: Sequence[Path]) -> Loaded:
    config = opening.config_of(job.model)
    tokenizer = opening.tokenizer_of(job.model)
    sessions = [open_session(job, path, bench) for path in paths]
    names = {o.name for o in sessions[0].get_outputs()}
    inputs = {i.name for i in sessions[0].get_inputs()}
    if "logits" not in names or "input_ids" not in inputs or "encoder_hidden_states" in inputs:
        raise _not_causal(job.model)
    heads = config.whole("num_attention_heads", "n_head", default=1)
    heads = config.whole("num_key_value_heads", default=heads)
    context = config.whole(
        "max_position_embeddings", "n_positions", "n_ctx", "seq_length", default=2048, most=1 << 24
    )
    return _checked(
        job,
        bench,
        config,
        tokenizer,
        context,
        lambda room: Growing(sessions[0], sessions[-1], heads),
        None,
    )


def _checked(
    job: Job,
    bench: Workbench,
    config: Config,
    tokenizer: Tokenizer,
    context: int,
    start: Callable[[int], State],
    shape: Shape | None,
) -> Loaded:
    """The model once two tokens went through it: what cannot be run shows here, not in a text."""
    try:
        state = start(2)
        for _ in state.read([0]):
            pass
        state.step(0)
        vocabulary = shape.vocabulary if shape else len(state.logits)
    except (StudioError, MemoryError):
        raise
    except Exception as error:  # whatever ONNX Runtime says of a graph that does not fit
        raise unfit(job.model.name, "its parts do not fit together") from error
    more = opening.settings_of(job.model, "generation_config.json")
    stops = [*config.ids("eos_token_id"), *Config(more, job.model.name).ids("eos_token_id")]
    frame = tokenizer.encode("", special=True)[:1]
    begin = config.ids("bos_token_id") or stops
    return Loaded(
        name=job.model.name,
        tokenizer=tokenizer,
        context=context,
        vocabulary=vocabulary,
        # Where the id that begins a text comes, another text begins.
        stops=frozenset([*stops, *begin]),
        frame=tuple(frame),
        provider=bench.provider,
        start=start,
    )


def _not_causal(folder: Path) -> StudioError:
    return StudioError(
        f"“{folder.name}” is not a model that goes on from a text, or of a kind that Triptych "
        "cannot run.",
        "Choose another model.",
    )
