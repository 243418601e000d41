"""The family of models that fill blanks: other words for a selection, words for a gap."""

from __future__ import annotations

import importlib
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from studio.core import media
from studio.core.controls import Number, Text, complete
from studio.core.errors import StudioError
from studio.core.family import FamilySpec
from studio.core.files import write_atomic
from studio.core.messages import Output, Progress, Step
from studio.core.recipe import Job
from studio.core.record import Record
from studio.engine.text import filler, writing
from studio.engine.text.opening import PRECISION

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    from studio.engine.workbench import Workbench

SPEC = FamilySpec(
    id="text.fill",
    title="Fill a blank",
    kind="text",
    needs=("config.json",),
    where={
        "layout": ("transformers", "transformers.js"),
        "model_type": ("bert", "roberta", "distilbert"),
        # Most models of these types measure texts and have no words to give.
        "architecture": (
            "BertForMaskedLM",
            "BertForPreTraining",
            "RobertaForMaskedLM",
            "DistilBertForMaskedLM",
        ),
    },
    models="BERT, RoBERTa and DistilBERT as safetensors or in the layout of transformers.js",
    proved=(
        "scores of small models of each architecture with random weights equal those of "
        "transformers within 1e-4"
    ),
    outputs=(".md",),
    controls=(
        Text(
            name="prompt",
            label="A text with a blank",
            lines=4,
            max_length=20_000,
            placeholder="The fox jumped over the ___ and ran away.",
            help="Three or more underscores are the blank.",
        ),
        Number(
            name="count",
            label="Suggestions",
            default=5,
            minimum=1,
            maximum=50,
            whole=True,
        ),
        Text(
            name="original",
            label="What stood there",
            max_length=200,
            hidden=True,
            help="It is not suggested again.",
        ),
        PRECISION,
    ),
)

_FIRST_PIECES = 5
"""The most probable beginnings that are tried with a second piece; each reads the text again."""
_A_WORD = re.compile(r"\w(?:[\w'’.-]*\w)?")
_LOADED, _FILLED = 0.3, 0.95


@dataclass(frozen=True, slots=True)
class Suggestion:
    """What may stand in the blank, and how probable it is (0 to 1)."""

    text: str
    score: float


def run(job: Job, bench: Workbench) -> Iterator[Step]:
    """Fill the blank in the prompt, into `job.folder`: a Markdown file with its recipe.

    The most probable suggestion stands in the first file; its summary has all of them. Raises
    StudioError for values out of range, a prompt without a blank, and a folder that is no such
    model.
    """
    values = complete(SPEC.controls, job.recipe.values)
    job = replace(job, recipe=replace(job.recipe, values=values))
    yield Progress("loading", 0, 1, 0.0)
    loaded = filler.load(job, bench)
    yield Progress("loading", 1, 1, _LOADED)
    before, after = _parts(str(values["prompt"]), loaded.mask)
    count = int(values["count"])
    found: list[Suggestion] = []
    done = _LOADED
    for step in suggest(loaded, before, after, str(values["original"]), count):
        if isinstance(step, list):
            found = step
        else:
            done += (_FILLED - done) * 0.2
            yield Progress("writing", 0, 1, done)
    if not found:
        raise StudioError(
            "The model knows no word for this blank.", "Write more of the text around it."
        )
    yield Progress("saving", 0, 1, _FILLED)
    file = job.folder / "filled.md"
    text = before + found[0].text + after
    record = Record(job.recipe, bench.provider, mark_ai=job.mark_ai, edited=False)
    write_atomic(file, media.embed((text + "\n").encode("utf-8"), file.suffix, record))
    summary: dict[str, Any] = {
        **writing.summary(text, text),
        "suggestions": [{"text": s.text, "score": s.score} for s in found],
    }
    yield Output((file,), job.recipe, summary)


def warm() -> None:
    """Import what `run` will need, while nobody waits."""
    for name in ("onnx", "onnxruntime", "tokenizers"):
        importlib.import_module(name)


def suggest(
    loaded: filler.Loaded, before: str, after: str, original: str, count: int
) -> Iterator[list[Suggestion] | None]:
    """None while the model works, then the words for the blank, the most probable first.

    A word is one token or two; the second is looked for behind the most probable beginnings.
    Equal words are told once, and the original never.
    """
    import numpy as np

    one = yield from loaded.scores(before, after, (), 1)
    spaced = not before or before[-1:].isspace()
    single = _chances(one[0], loaded.beginnings(spaced))
    # Beside the single words some are lost for being marks, equal or the original.
    heads = np.argsort(-single, kind="stable")
    guesses: list[tuple[tuple[int, ...], float]] = []
    guesses += [((int(i),), float(single[i])) for i in heads[: 4 * count + 20]]
    two = yield from loaded.scores(before, after, (), 2)
    first = _chances(two[0], loaded.beginnings(spaced))
    for head in np.argsort(-first, kind="stable")[:_FIRST_PIECES]:
        if first[head] <= 0:
            break
        second = yield from loaded.scores(before, after, (int(head),), 2)
        ends = _chances(second[0], loaded.endings)
        for end in np.argsort(-ends, kind="stable")[:4]:
            if ends[end] > 0:
                guesses.append(((int(head), int(end)), float(first[head] * ends[end])))
    guesses.sort(key=lambda g: -g[1])
    yield _words(loaded, guesses, before, original, count)


def _words(
    loaded: filler.Loaded,
    guesses: Sequence[tuple[tuple[int, ...], float]],
    before: str,
    original: str,
    count: int,
) -> list[Suggestion]:
    """Tokens as words, each once."""
    found: list[Suggestion] = []
    seen = {original.strip().casefold()}
    opening = not before.strip() or re.search(r"[.!?…][\"'”’»)]*\s+$", before) is not None
    for ids, score in guesses:
        text = loaded.tokenizer.decode(ids).strip()
        if text.casefold() in seen or not _A_WORD.fullmatch(text):
            continue
        seen.add(text.casefold())
        found.append(Suggestion(text[:1].upper() + text[1:] if opening else text, score))
        if len(found) == count:
            break
    return found


def _chances(
    scores: npt.NDArray[np.float32], allowed: npt.NDArray[np.intp]
) -> npt.NDArray[np.float64]:
    """Probabilities of all tokens, 0 for those that are not allowed."""
    import numpy as np

    values = scores.astype(np.float64)
    if not np.isfinite(values).all():
        raise StudioError(
            "The model gave no usable numbers; its files may be damaged.",
            "Get the model again, or choose another one.",
        )
    weights = np.exp(values - values.max())
    kept: npt.NDArray[np.float64] = np.zeros_like(weights)
    allowed = allowed[allowed < len(weights)]
    kept[allowed] = weights[allowed] / weights.sum()
    return kept


def _parts(prompt: str, mask: str) -> tuple[str, str]:
    """The text before the blank and behind it. Raises StudioError where there is no one blank."""
    parts = re.split(rf"_{{3,}}|{re.escape(mask)}", prompt)
    if len(parts) == 1:
        raise StudioError(
            "There is no blank in the text.", "Write ___ where a word is to be found."
        )
    if len(parts) > 2:
        raise StudioError(
            "There are several blanks in the text.", "Leave one, and fill the others later."
        )
    return parts[0], parts[1]
