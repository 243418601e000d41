"""Models that make one text of another, opened from their folders, and run."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from studio.core.errors import StudioError
from studio.core.recipe import Job
from studio.engine import device
from studio.engine.sampling import Sampler
from studio.engine.sessions import open_session
from studio.engine.text import opening
from studio.engine.text.decoder import sampled
from studio.engine.text.net import Config, unfit
from studio.engine.text.seq2seq_nets import KINDS, Kind
from studio.engine.text.stepping import Growing, InPlace, State, patiently
from studio.engine.tokenizer import JsonTokenizer
from studio.engine.workbench import Workbench

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt
    import onnxruntime as ort

    Values = dict[str, "ort.OrtValue"]


@dataclass(frozen=True, slots=True)
class Loaded:
    """An opened model: what is needed to rewrite with it."""

    name: str
    tokenizer: JsonTokenizer
    context: int
    """Tokens of the longest text that goes in, and of the longest that comes out."""
    vocabulary: int
    stops: frozenset[int]
    begin: tuple[int, ...]
    """Ids that every answer begins with."""
    told: bool
    """It is told its task by the first words."""
    provider: str
    read: Callable[[Sequence[int]], Iterator[Values | None]]
    """Yields None while a text is read, then what the decoder needs of it."""
    start: Callable[[int, Values], State]
    """A fresh state with room for so many tokens, for a text that was read."""


def load(job: Job, bench: Workbench) -> Loaded:
    """The job's model, opened now or still held by the bench; sets `bench.provider`.

    Raises StudioError where the folder is damaged, or not a model that rewrites texts.
    """
    config = opening.config_of(job.model)
    kind = KINDS.get(config.word("model_type", default=""))
    if kind is None:
        raise _not_rewriting(job.model)
    if not kind.half and device.providers(job.device)[0] == device.CUDA:
        # Its numbers grow beyond those of 16 bits, and the operators there take no others.
        job = replace(job, device=replace(job.device, provider="cpu"))
        bench.note = "Models of the T5 kind run on the processor."
    precision = str(job.recipe.values.get("precision", "auto"))
    tensors = opening.weights_of(job.model)
    paths = {} if tensors is not None else _graphs(job)
    size = opening.single(tensors) if tensors is not None else opening.sizes(list(paths.values()))
    loaded = opening.taken(
        job, bench, f"rewrite {precision}", lambda: _open(job, bench, config, kind, paths), size
    )
    bench.provider = loaded.provider
    return loaded


def generate(
    loaded: Loaded,
    given: Values,
    ids: Sequence[int],
    *,
    seed: int,
    max_new_tokens: int,
    temperature: float,
    top_p: float,
    min_p: float,
    repetition_penalty: float,
    history: Sequence[int] = (),
    first: npt.NDArray[np.intp] | None = None,
) -> Iterator[int | None]:
    """None while `ids` are read, then the ids of the answer to what was read into `given`."""
    wanted = min(max_new_tokens, loaded.context - len(ids))
    sampler = Sampler(
        seed,
        temperature=temperature,
        top_p=top_p,
        min_p=min_p,
        repetition_penalty=repetition_penalty,
        history=history,
    )
    state = loaded.start(len(ids) + wanted, given)
    yield from sampled(state, ids, sampler, loaded.stops, wanted, first)


def _open(job: Job, bench: Workbench, config: Config, kind: Kind, paths: dict[str, Path]) -> Loaded:
    tokenizer = opening.tokenizer_of(job.model)
    tensors = opening.weights_of(job.model)
    read: Callable[[Sequence[int]], Iterator[Values | None]]
    start: Callable[[int, Values], State]
    if tensors is not None:
        builds: list[Callable[[Config, Any], Any]] = [kind.encoder, kind.decoder]
        (first, _), (then, _) = opening.open_nets(job, bench, tensors, kind.prefixes, builds)

        def read(ids: Sequence[int]) -> Iterator[Values | None]:
            return _read(first, ids, {})

        def start(room: int, given: Values) -> State:
            return InPlace(then, room, given)
    else:
        encoder, *decoders = (open_session(job, path, bench) for path in paths.values())
        heads = config.whole("decoder_attention_heads", "num_heads", default=1)

        def read(ids: Sequence[int]) -> Iterator[Values | None]:
            return _read(encoder, ids, {"last_hidden_state": "encoder_hidden_states"})

        def start(room: int, given: Values) -> State:
            return Growing(decoders[0], decoders[-1], heads, given)

    more = Config(opening.settings_of(job.model, "generation_config.json"), job.model.name)

    def ids_of(name: str) -> list[int]:
        return more.ids(name) or config.ids(name)

    begin = ids_of("decoder_start_token_id") or ids_of("pad_token_id") or [0]
    context = config.whole("max_position_embeddings", "n_positions", default=512)
    loaded = Loaded(
        name=job.model.name,
        tokenizer=tokenizer,
        context=context,
        vocabulary=config.whole("vocab_size", most=1 << 24),
        stops=frozenset(ids_of("eos_token_id")),
        begin=(begin[0], *ids_of("forced_bos_token_id")[:1]),
        told=kind.told,
        provider=bench.provider,
        read=read,
        start=start,
    )
    _try(loaded)
    return loaded


def _try(loaded: Loaded) -> None:
    """Two tokens through both halves: what cannot be run shows here, not in the midst of a text."""
    try:
        given: Values = {}
        for step in loaded.read([0, 0]):
            given = step or given
        state = loaded.start(2, given)
        for _ in state.read(loaded.begin[:1]):
            pass
        state.step(loaded.begin[0])
    except (StudioError, MemoryError):
        raise
    except Exception as error:  # whatever ONNX Runtime says of graphs that do not fit
        raise unfit(loaded.name, "its parts do not fit together") from error


def _read(
    session: ort.InferenceSession, ids: Sequence[int], renamed: dict[str, str]
) -> Iterator[Values | None]:
    """None while an encoder works, then its outputs, and the mask of the text that was read."""
    import numpy as np
    import onnxruntime as ort

    whole = np.array([ids], np.int64)
    mask = np.ones_like(whole)
    binding = session.io_binding()
    for tensor in session.get_inputs():
        binding.bind_cpu_input(tensor.name, mask if tensor.name == "attention_mask" else whole)
    names = [str(o.name) for o in session.get_outputs()]
    where = "cuda" if device.in_use(session.get_providers()) == device.CUDA else "cpu"
    for name in names:
        binding.bind_output(name, where)
    yield from patiently(lambda options: session.run_with_iobinding(binding, options))
    values = dict(zip(names, binding.get_outputs(), strict=True))
    found = {renamed.get(name, name): value for name, value in values.items()}
    if renamed:
        found["encoder_attention_mask"] = ort.OrtValue.ortvalue_from_numpy(mask)
    yield found


def _graphs(job: Job) -> dict[str, Path]:
    """The graphs of a transformers.js folder: the encoder's first, then the decoder's."""
    stems = (
        ("encoder_model", "decoder_model_merged"),
        ("encoder_model", "decoder_model", "decoder_with_past_model"),
        ("encoder_model", "decoder_model"),
    )
    found = next((f for f in (opening.graphs_of(job, *s) for s in stems) if f), None)
    if found is None:
        raise _not_rewriting(job.model)
    return found


def _not_rewriting(folder: Path) -> StudioError:
    return StudioError(
        f"“{folder.name}” is not a model that rewrites texts, or of a kind that Triptych cannot "
        "run.",
        "Choose another model.",
    )
