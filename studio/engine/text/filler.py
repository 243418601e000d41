"""Models that fill blanks, opened from transformers or transformers.js folders, and run."""

from __future__ import annotations

from collections.abc import Generator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from studio.core.errors import StudioError
from studio.core.recipe import Job
from studio.engine.sessions import open_session
from studio.engine.text import opening
from studio.engine.text.masked_nets import KINDS
from studio.engine.text.net import Config, unfit
from studio.engine.text.stepping import patiently
from studio.engine.tokenizer import JsonTokenizer
from studio.engine.workbench import Workbench

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt
    import onnxruntime as ort

WINDOW = 128
"""Tokens around a blank that are read at most: more take longer and change little."""

_OWN = "blanks"
"""The input by which a graph of ours is known."""


@dataclass(frozen=True, slots=True)
class Loaded:
    """An opened model: what is needed to fill a blank with it."""

    name: str
    tokenizer: JsonTokenizer
    context: int
    """Tokens of the longest text."""
    mask: str
    """How its blank is written."""
    mask_id: int
    words: npt.NDArray[np.intp]
    """Tokens that begin a word behind a space."""
    endings: npt.NDArray[np.intp]
    """Tokens that go on within a word."""
    provider: str
    session: ort.InferenceSession

    def beginnings(self, spaced: bool) -> npt.NDArray[np.intp]:
        """Tokens that a word begins with, where a space stands before it or not."""
        marks_spaces = len(self.tokenizer.spaced()) > 0
        return self.words if spaced or not marks_spaces else self.endings

    def scores(
        self, before: str, after: str, pieces: Sequence[int], size: int
    ) -> Generator[None, None, npt.NDArray[np.float32]]:
        """Scores of every token in the blank of a text, (blanks left, vocabulary).

        The blank is `size` tokens long, and its first ones are `pieces`. Yields while the model
        works. Raises StudioError where the tokenizer belongs to another model.
        """
        import numpy as np

        ids = self._ids(before, after, size)
        blanks = [i for i, token in enumerate(ids) if token == self.mask_id]
        if len(blanks) != size:
            raise unfit(self.name, "its tokenizer does not know its own blank")
        for place, piece in zip(blanks, pieces, strict=False):
            ids[place] = piece
        left = blanks[len(pieces) :]
        feed = _feed(self.session, ids, left)
        made: list[Any] = []
        try:
            yield from patiently(
                lambda options: made.extend(self.session.run(["logits"], feed, options))
            )
        except (MemoryError, StudioError):
            raise
        except Exception as error:  # whatever ONNX Runtime says of a graph that does not fit
            raise unfit(self.name, "its parts do not fit together") from error
        found = made[0]
        rows = found if _OWN in feed else found[0][left]
        result: npt.NDArray[np.float32] = rows.astype(np.float32)
        return result

    def _ids(self, before: str, after: str, size: int) -> list[int]:
        """The text with its blank in tokens, and no more around it than is read."""
        most = min(self.context, WINDOW)
        clean = self.tokenizer.without_markers
        ids = self.tokenizer.encode(clean(before) + self.mask * size + clean(after), special=True)
        if len(ids) <= most:
            return ids
        frame = self.tokenizer.encode("", special=True)
        head, tail = frame[: len(frame) // 2], frame[len(frame) // 2 :]
        inner = ids[len(head) : len(ids) - len(tail)]
        room = most - len(frame)
        place = inner.index(self.mask_id) if self.mask_id in inner else 0
        start = max(0, min(place - room // 2, len(inner) - room))
        return [*head, *inner[start : start + room], *tail]


def load(job: Job, bench: Workbench) -> Loaded:
    """The job's model, opened now or still held by the bench; sets `bench.provider`.

    Raises StudioError where the folder is damaged, or not a model that fills blanks.
    """
    precision = str(job.recipe.values.get("precision", "auto"))
    tensors = opening.weights_of(job.model)
    if tensors is not None:
        size, path = opening.single(tensors), None
    else:
        paths = opening.graphs_of(job, "model")
        if not paths:
            raise _not_masked(job.model)
        size, path = opening.sizes(list(paths.values())), paths["model"]
    loaded = opening.taken(job, bench, f"fill {precision}", lambda: _open(job, bench, path), size)
    bench.provider = loaded.provider
    return loaded


def _open(job: Job, bench: Workbench, path: Path | None) -> Loaded:
    import numpy as np

    config = opening.config_of(job.model)
    kind = KINDS.get(config.word("model_type", default=""))
    if kind is None:
        raise _not_masked(job.model)
    tokenizer = opening.tokenizer_of(job.model)
    mask = _mask(job.model, tokenizer)
    tensors = opening.weights_of(job.model)
    if path is None and tensors is not None:
        ((session, context),) = opening.open_nets(job, bench, tensors, kind.prefixes, [kind.build])
    else:
        assert path is not None
        session = open_session(job, path, bench)
        names = {i.name for i in session.get_inputs()}
        if "logits" not in {o.name for o in session.get_outputs()} or "input_ids" not in names:
            raise _not_masked(job.model)
        context = config.whole("max_position_embeddings", default=512)
        context -= 2 if config.word("model_type") == "roberta" else 0
    spaced, endings = tokenizer.spaced(), tokenizer.continued()
    every = np.arange(tokenizer.size(), dtype=np.intp)
    words = spaced if len(spaced) else np.setdiff1d(every, [*endings, *tokenizer.special()])
    return Loaded(
        name=job.model.name,
        tokenizer=tokenizer,
        context=context,
        mask=mask,
        mask_id=tokenizer.id_of(mask) or 0,
        words=words,
        endings=endings,
        provider=bench.provider,
        session=session,
    )


def _feed(
    session: ort.InferenceSession, ids: Sequence[int], blanks: Sequence[int]
) -> Mapping[str, npt.NDArray[np.int64]]:
    import numpy as np

    whole = np.array([ids], np.int64)
    feeds = {
        "input_ids": whole,
        "attention_mask": np.ones_like(whole),
        "token_type_ids": np.zeros_like(whole),
        _OWN: np.array(blanks, np.int64),
    }
    return {i.name: feeds[i.name] for i in session.get_inputs() if i.name in feeds}


def _mask(folder: Path, tokenizer: JsonTokenizer) -> str:
    """The token that stands for a blank. Raises StudioError where there is none."""
    for name in ("tokenizer_config.json", "special_tokens_map.json"):
        token = Config(opening.settings_of(folder, name), folder.name)
        written = token.part("mask_token").word("content", default="")
        written = written or opening.settings_of(folder, name).get("mask_token") or ""
        if isinstance(written, str) and written and tokenizer.id_of(written) is not None:
            return written
    for usual in ("[MASK]", "<mask>"):
        if tokenizer.id_of(usual) is not None:
            return usual
    raise _not_masked(folder)


def _not_masked(folder: Path) -> StudioError:
    return StudioError(
        f"“{folder.name}” is not a model that fills blanks, or of a kind that Triptych cannot run.",
        "Choose another model.",
    )
