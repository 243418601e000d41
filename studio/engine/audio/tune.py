"""Tunes: written in ABC notation by a language model, arranged, and played by modelled instruments.

The model is an onnxruntime-genai folder whose card says `abc-notation`; it continues the header
`R: M: L: K:` with the body of a tune.
"""

from __future__ import annotations

import logging
from collections.abc import Generator, Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from random import Random
from typing import TYPE_CHECKING

from studio.core.abc import AbcError
from studio.core.controls import Choice, Number, Option, Sound, Text, Value, complete
from studio.core.errors import StudioError
from studio.core.family import Example, FamilySpec
from studio.core.media import embed
from studio.core.messages import AudioPreview, Output, Phase, Progress, Step
from studio.core.recipe import Job
from studio.core.record import Record
from studio.core.score import render

if TYPE_CHECKING:
    from studio.core.abc import Tune
    from studio.engine.audio.compose import Composition
    from studio.engine.audio.plan import Plan
    from studio.engine.genai import Loaded
    from studio.engine.workbench import Workbench

log = logging.getLogger(__name__)

LONGEST = 360.0
"""Seconds; a stereo sound of six minutes takes some 300 MB while it is made."""
_PREVIEW_RATE = 20.0
"""Peaks a second."""
_STEPS = 100
"""Of composing, whose length nobody knows beforehand."""
_PREVIEW_SCALE = 0.45
"""What is drawn as full scale while the final level is not known yet."""

_INSTRUMENTS = (
    ("flute", "Flute"), ("whistle", "Tin whistle"), ("fiddle", "Fiddle"),
    ("accordion", "Accordion"), ("harp", "Harp"), ("guitar", "Guitar"),
    ("mandolin", "Mandolin"), ("piano", "Piano"), ("music box", "Music box"),
)  # fmt: skip
_TUNES = (
    "reel", "jig", "slip jig", "hornpipe", "waltz", "march", "polka", "air", "minuet",
    "strathspey", "quickstep", "tune",
)  # fmt: skip
_KEYS = (
    "C", "G", "D", "A", "E", "F", "Bb", "Eb", "Am", "Em", "Bm", "F#m", "Dm", "Gm", "Cm",
    "Ddor", "Ador", "Edor", "Gdor", "Dmix", "Amix", "Gmix", "Emix",
)  # fmt: skip
_MODES = {"m": "minor", "dor": "Dorian", "mix": "Mixolydian"}


def _options(*values: str) -> tuple[Option, ...]:
    return (
        Option(value="auto", label="Automatic"),
        *(Option(value=value, label=value[:1].upper() + value[1:]) for value in values),
    )


def _key_label(key: str) -> str:
    tonic = key[:2] if key[1:2] in ("b", "#") else key[:1]
    mode = _MODES.get(key[len(tonic) :], "major")
    return f"{tonic.replace('b', '♭').replace('#', '♯')} {mode}"


SPEC = FamilySpec(
    id="audio.tune",
    title="Tune",
    kind="audio",
    controls=(
        Text(
            name="prompt",
            label="Prompt",
            help="Words for kind, metre, key, speed, mood and instrument choose what is left on "
            "“Automatic”. What was understood is shown with the tune.",
            lines=2,
            max_length=2_000,
            placeholder="A slow sad waltz in D minor on the flute",
        ),
        Choice(name="tune", label="Kind", default="auto", options=_options(*_TUNES)),
        Choice(
            name="key",
            label="Key",
            default="auto",
            options=(
                Option(value="auto", label="Automatic"),
                *(Option(value=key, label=_key_label(key)) for key in _KEYS),
            ),
        ),
        Choice(
            name="instrument",
            label="Instrument",
            default="auto",
            options=(
                Option(value="auto", label="Automatic"),
                *(Option(value=value, label=label) for value, label in _INSTRUMENTS),
            ),
        ),
        Choice(
            name="accompaniment",
            label="Accompaniment",
            default="auto",
            options=(
                Option(value="auto", label="Automatic"),
                Option(value="none", label="None"),
                Option(value="chords", label="Chords"),
                Option(value="full", label="Chords and bass"),
                Option(value="band", label="Chords, bass and drums"),
            ),
        ),
        Choice(
            name="length",
            label="Length",
            help="How many bars, repeats included; a tune comes as near as its parts allow.",
            default="auto",
            options=(
                Option(value="auto", label="Automatic"),
                *(Option(value=n, label=f"{n} bars") for n in ("8", "16", "24", "32", "48", "64")),
            ),
        ),
        Choice(
            name="form",
            label="Form",
            help="A and B are the two parts of the tune.",
            default="auto",
            options=(
                Option(value="auto", label="Automatic"),
                Option(value="AABB", label="Each part twice (AABB)"),
                Option(value="AB", label="Each part once (AB)"),
                Option(value="ABA", label="The first part again (ABA)"),
                Option(value="AABA", label="First part twice, and again (AABA)"),
            ),
            folded=True,
        ),
        Sound(
            name="start",
            label="Go on from a tune",
            help="An ABC or MIDI file: the tune goes on where it ends, in its key and metre.",
        ),
        Choice(
            name="metre",
            label="Metre",
            default="auto",
            options=_options("2/2", "2/4", "3/4", "4/4", "6/8", "9/8"),
            folded=True,
        ),
        Number(
            name="tempo",
            label="Tempo",
            help="Beats a minute; 0 takes what is usual for the kind of tune.",
            default=0,
            minimum=0,
            maximum=260,
            whole=True,
            unit="bpm",
            least="Automatic",
            folded=True,
        ),
        Number(
            name="times",
            label="Times through",
            help="How often the whole tune is played; 0 leaves it to the prompt, or once.",
            default=0,
            minimum=0,
            maximum=6,
            whole=True,
            least="Automatic",
            folded=True,
        ),
        Number(
            name="temperature",
            label="Temperature",
            help="Low is well-behaved, high is adventurous.",
            default=0.85,
            minimum=0.1,
            maximum=1.5,
            step=0.05,
            folded=True,
        ),
        Number(
            name="top_p",
            label="Top-p",
            help="Only the most likely notes that together make up this share are drawn from.",
            default=0.95,
            minimum=0.1,
            maximum=1.0,
            step=0.01,
            folded=True,
        ),
    ),
    needs=("genai_config.json",),
    tags=("abc-notation",),
    outputs=(".wav", ".mid", ".abc"),
    models="Triptych's own tune model, and other language models that write ABC notation",
    proved="the starter model itself",
    examples=(
        Example("A slow waltz", {"prompt": "A slow sad waltz in D minor on the flute"}),
        Example("A merry jig", {"prompt": "A merry jig in G on the fiddle"}),
        Example("A toy’s lullaby", {"prompt": "A gentle lullaby in C on the music box, 16 bars"}),
    ),
)


def warm() -> None:
    """Import what a job needs, and tune the room."""
    import mido  # noqa: F401
    import onnxruntime_genai  # noqa: F401
    import tokenizers  # noqa: F401

    from studio.engine.audio.room import response

    response()


def run(job: Job, bench: Workbench) -> Iterator[Step]:
    """Compose, arrange and play one tune; writes tune.wav, tune.mid and tune.abc."""
    values = complete(SPEC.controls, job.recipe.values)
    from studio.engine import genai
    from studio.engine.audio import plan as planning
    from studio.engine.audio import wishes
    from studio.engine.audio.arrange import arrange, midi
    from studio.engine.audio.mixer import PEAKS, Mixer, peaks, to_wav
    from studio.engine.audio.signal import BLOCK, RATE
    from studio.engine.audio.titles import title

    seed = job.recipe.seed
    wish = wishes.read(str(values["prompt"]))
    plan = planning.make(values, wish, Random(f"plan {seed}"))
    start = _start(job)
    if start is not None:
        try:
            plan = planning.taking_up(plan, start)
        except AbcError as error:
            raise StudioError(
                f"This tune cannot be gone on from: {error}.",
                "Choose one without notes shorter than a sixteenth.",
            ) from error
    way = _Way()
    yield way.at("loading", 0, 1, 0.0, 0.05)
    loaded = genai.load(job, bench)
    composition = yield from _composed(loaded, plan, values, seed, way)
    log.info(
        "composed %s in %d tries, %d bars rewritten, %d tokens",
        "flawlessly" if composition.flawless else "with faults",
        composition.tries,
        composition.rewrites,
        composition.tokens,
    )
    name = start.title if start is not None else ""
    name = name or title(plan.kind, composition.tune.key.minor, Random(f"title {seed}"))
    tune = replace(composition.tune, title=name)
    arrangement = arrange(tune, plan, seed)
    mixer = Mixer(arrangement.parts, seed)
    if mixer.seconds > LONGEST:
        raise StudioError(
            f"The tune would last {mixer.seconds / 60:.0f} minutes.",
            f"At most {LONGEST / 60:.0f} can be made: play it fewer times or faster.",
        )
    shown = round(BLOCK / RATE * _PREVIEW_RATE)
    for number, block in enumerate(mixer, start=1):
        yield AudioPreview(shown * RATE / BLOCK, peaks(block, shown, _PREVIEW_SCALE), mixer.seconds)
        yield way.at("sounding", number, mixer.blocks, 0.5, 0.93)
    samples = mixer.finish()
    yield way.at("saving", 0, 1, 0.95, 1.0)
    contents = {
        ".wav": to_wav(samples),
        ".mid": midi(arrangement, tune, plan),
        ".abc": render(tune).encode("utf-8"),
    }
    files = _save(job, bench.provider, contents)
    summary = {
        "seconds": len(samples) / RATE,
        "peaks": list(peaks(samples, PEAKS, 32767.0)),
        "title": name,
        "key": tune.key.name,
        "metre": str(tune.metre),
        "tempo": plan.tempo.bpm,
        "bars": arrangement.performance.bars * plan.times,
        "tune": plan.kind,
        "instrument": plan.instrument,
        "understood": list(wish.words),
        "complete": composition.complete,
    }
    yield Output(files, job.recipe, summary)


def _start(job: Job) -> Tune | None:
    """The tune in the person's file, in a mode that tune models know. Raises StudioError."""
    from studio.engine.audio.taken import plain_mode, take_up

    path = job.inputs.get("start")
    if path is None:
        return None
    tune = take_up(path)
    return replace(tune, key=plain_mode(tune.key))


def _composed(
    loaded: Loaded, plan: Plan, values: Mapping[str, Value], seed: int, way: _Way
) -> Generator[Step, None, Composition]:
    """Let the model write; gives back what it wrote."""
    from studio.engine.audio.compose import compose

    temperature, top_p = float(values["temperature"]), float(values["top_p"])
    yield way.at("composing", 0, _STEPS, 0.05, 0.5)
    for news in compose(loaded, plan, seed, temperature=temperature, top_p=top_p):
        if not isinstance(news, float):
            return news
        yield way.at("composing", int(news * _STEPS), _STEPS, 0.05, 0.5)
    raise AssertionError("compose ends with a composition or an error")


def _save(job: Job, provider: str, contents: Mapping[str, bytes]) -> tuple[Path, ...]:
    """Write the files of one tune with the recipe inside each: all of them, or none.

    The first is the main one.
    """
    record = Record(job.recipe, provider, mark_ai=job.mark_ai)
    files = {
        job.folder / f"tune{suffix}": embed(data, suffix, record)
        for suffix, data in contents.items()
    }
    try:
        for path, data in files.items():
            path.write_bytes(data)
    except OSError:
        for path in files:
            path.unlink(missing_ok=True)
        raise
    return tuple(files)


class _Way:
    """How far a job has come; what is told never goes back, whatever is told to it."""

    def __init__(self) -> None:
        self._fraction = 0.0
        self._step: tuple[Phase, int] = ("starting", 0)

    def at(self, phase: Phase, step: int, total: int, start: float, end: float) -> Progress:
        """Step `step` of `total` in a phase that reaches from `start` to `end` of the whole."""
        if phase == self._step[0]:
            step = max(step, self._step[1])
        self._step = (phase, step)
        self._fraction = max(self._fraction, start + (end - start) * step / total)
        return Progress(phase, step, total, self._fraction)
