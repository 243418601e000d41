"""What the tune family makes, as a person gets it: a hundred tunes, judged by their three files.

Kinds, keys, metres, tempos, forms, instruments and accompaniments go round, the seeds are fixed and
nothing is chosen. Where TRIPTYCH_DATA names the folder of the training data, the same is told of
eighty tunes of people that the model never saw.
"""

from __future__ import annotations

import os
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import mido
import numpy as np
import numpy.typing as npt

from bench import report
from studio.core.abc import Tune, parse
from studio.core.controls import Choice, Value
from studio.core.messages import Output
from studio.core.paths import resources
from studio.core.recipe import DeviceChoice, Job, Recipe
from studio.core.score import bars, check, perform, play_order, render, sections
from studio.engine.audio import loudness, tune
from studio.engine.audio.harmony import Chord, Span, harmonise
from studio.engine.audio.plan import CUSTOMS
from studio.engine.workbench import Workbench
from studio.training import music

TUNES = 100
TEMPOS = (0, 72, 0, 96, 0, 120, 0, 144)
FORMS = ("AABB", "AB", "auto", "ABA", "AABA")
COMPANY = ("auto", "band", "chords", "none")
RATE = 44_100
ORDER = 4
"""How often differences are taken of a sound: what is smooth all but vanishes, a step does not."""
QUIET = 1e-3
"""Jumps below it are not heard as clicks."""
SPIKE = 3.0
"""By how much a click's jump stands out of those around it."""


@dataclass(frozen=True, slots=True)
class Made:
    """One tune as it came, with what was wished for."""

    values: dict[str, Value]
    tune: Tune
    midi: mido.MidiFile
    sound: npt.NDArray[np.float64]
    seconds: float
    plain: bool
    """Whether the family itself calls it complete."""


def wishes(number: int) -> dict[str, Value]:
    """The settings of one tune."""
    kinds, keys, players = (_named(n) for n in ("tune", "key", "instrument"))
    kind = kinds[number % len(kinds)]
    metres = [c.metre for c in CUSTOMS[kind]]
    return {
        "tune": kind,
        "key": keys[number % len(keys)],
        "metre": metres[number // len(kinds) % len(metres)],
        "tempo": TEMPOS[number % len(TEMPOS)],
        "form": FORMS[number % len(FORMS)],
        "instrument": players[number % len(players)],
        "accompaniment": COMPANY[number % len(COMPANY)],
    }


def _named(control: str) -> list[str]:
    """What can be chosen, but for the automatic."""
    found = next(c for c in tune.SPEC.controls if c.name == control)
    assert isinstance(found, Choice)
    return [option.value for option in found.options if option.value != "auto"]


def make(folder: Path, bench: Workbench, number: int, begun: Path | None = None) -> Made:
    """One tune, made and read again; where there is one, it goes on from a file."""
    values: dict[str, Value] = {} if begun else wishes(number)
    recipe = Recipe("audio", "audio.tune", folder.name, number, values)
    with tempfile.TemporaryDirectory() as name:
        inputs = {"start": begun} if begun else {}
        job = Job("bench", recipe, Path(name), folder, inputs, device=DeviceChoice("cpu", 1))
        start = time.perf_counter()
        output = list(tune.run(job, bench))[-1]
        seconds = time.perf_counter() - start
        assert isinstance(output, Output)
        sound, notes, text = output.files
        return Made(
            values,
            parse(text.read_text("utf-8")),
            mido.MidiFile(str(notes)),
            _samples(sound),
            seconds,
            bool(output.summary["complete"]),
        )


def taken_up(folder: Path, bench: Workbench, number: int, given: Made) -> bool:
    """Whether a tune is gone on from in its key, metre and tempo and with its own beginning: from
    ABC, and every other time from MIDI, which knows a key by its signature alone."""
    with tempfile.TemporaryDirectory() as name:
        path = Path(name) / ("tune.mid" if number % 2 else "tune.abc")
        if number % 2:
            given.midi.save(path)
        else:
            path.write_text(render(given.tune), "utf-8")
        made = make(folder, bench, number, path)
    before, after = (
        [event.pitches[-1] % 12 for event in perform(t).events[:8]] for t in (given.tune, made.tune)
    )
    keyed = made.tune.key.fifths == given.tune.key.fifths
    keyed = keyed and (number % 2 == 1 or made.tune.key.mode == given.tune.key.mode)
    alike = made.tune.metre == given.tune.metre and made.tune.tempo == given.tune.tempo
    return keyed and alike and before == after


def _samples(path: Path) -> npt.NDArray[np.float64]:
    import soundfile

    samples, rate = soundfile.read(path, dtype="float64")
    assert rate == RATE
    return np.asarray(samples)


def form_of(found: Tune) -> str:
    """Which part is played when, in letters: parts of the same notes have the same letter."""
    written = bars(found)
    part_of = {}
    at = 0
    for number, part in enumerate(sections(written)):
        for _ in part:
            part_of[at] = number
            at += 1
    heard: list[tuple[int, list[str]]] = []
    before = -1
    for index in play_order(written):
        if not heard or part_of[index] != heard[-1][0] or index <= before:
            heard.append((part_of[index], []))
        if not written[index].ending:
            heard[-1][1].append("".join(t.text for t in written[index].tokens))
        before = index
    names: dict[str, str] = {}
    return "".join(names.setdefault("|".join(n), "ABCDEFGH"[len(names) % 8]) for _, n in heard)


@dataclass(slots=True)
class Score:
    """What is counted over many tunes."""

    tunes: int = 0
    bars: int = 0
    complete: int = 0
    whole: int = 0
    tonic: int = 0
    triad: int = 0
    parts: int = 0
    parts_tonic: int = 0
    parts_home: int = 0
    in_key: float = 0.0
    keyed: int = 0
    strong: int = 0
    fits: int = 0
    drone: int = 0

    def take(self, found: Tune) -> None:
        """Count one tune."""
        judged, played = check(found), perform(found)
        self.tunes += 1
        self.bars += judged.bars
        self.complete += judged.complete
        self.whole += judged.complete == judged.bars and not judged.stumbles
        third = 3 if found.key.minor else 4
        home = found.key.pitch_class
        triad = {home, (home + third) % 12, (home + 7) % 12}
        last = played.events[-1].pitches[-1] % 12
        self.tonic += last == home
        self.triad += last in triad
        for part in sections(bars(found)):
            sounding = [n.pitches[-1] % 12 for bar in part for n in bar.notes if n.pitches]
            if sum(b.length for b in part) > 2 * found.metre.quarters and sounding:
                self.parts += 1
                self.parts_tonic += sounding[-1] == home
                # A part in the middle may end on the dominant or the chord a tone below.
                self.parts_home += sounding[-1] in triad | {(home + 10) % 12, (home + 2) % 12}
        lengths = Counter[int]()
        for event in played.events:
            for pitch in event.pitches:
                lengths[pitch % 12] += event.length.numerator * 960 // event.length.denominator
        # The sixth and seventh steps of minor are raised where the tune leads up to the tonic.
        raised = {(home + 9) % 12, (home + 11) % 12} if found.key.mode == "m" else set()
        share = sum(lengths[p] for p in raised.union(found.key.scale)) / max(1, lengths.total())
        self.in_key += share
        self.keyed += share >= 0.9
        tonic = Span(Fraction(0), played.length, Chord(home, found.key.minor))
        for spans, name in ((harmonise(played), "fits"), ((tonic,), "drone")):
            strong, fits = on_the_beat(found, spans)
            setattr(self, name, getattr(self, name) + fits)
        self.strong += strong


def on_the_beat(found: Tune, spans: Sequence[Span]) -> tuple[int, int]:
    """How many notes begin on a beat under a chord, and how many of them belong to it."""
    played = perform(found)
    strong = fits = 0
    for measure in played.measures:
        for event in played.events:
            place = event.onset - measure.onset
            if not 0 <= place < measure.length:
                continue
            if (place + measure.offset) % found.metre.beat:
                continue
            under = [s for s in spans if s.onset <= event.onset < s.onset + s.length]
            if under:
                strong += 1
                fits += event.pitches[-1] % 12 in under[0].chord.pitch_classes
    return strong, fits


def clicks(sound: npt.NDArray[np.float64]) -> int:
    """Places where a sound is broken: its fourth difference stands out of all that is around it.

    A discontinuity is a few samples long; the attack of an instrument, however sharp, goes on.
    """
    found, reach, near, size = 0, 300, 6, 512
    for channel in sound.T:
        jump = np.abs(np.diff(channel, ORDER))
        jump = np.pad(jump, (reach, reach + -len(jump) % size))
        # At least half of what is around a place lies above the median there: a quick first look.
        usual = np.median(jump[reach : len(jump) - reach].reshape(-1, size), axis=1)
        bound = np.maximum(QUIET, SPIKE * np.repeat(usual, size))
        for place in np.flatnonzero(jump[reach : len(jump) - reach] > bound) + reach:
            if jump[place] < jump[place - near : place + near + 1].max():
                continue
            before = jump[place - reach : place - near].max()
            after = jump[place + near + 1 : place + reach + 1].max()
            found += jump[place] > SPIKE * max(before, after)
    return found


def tell(name: str, score: Score, people: Score | None) -> None:
    """The figures of what is written."""

    def figure(what: str, ours: float, theirs: float, wanted: str = "") -> None:
        beside = {f"{people.tunes} tunes of people": 100 * theirs} if people else None
        report.figure(f"{name}: {what}", "%", 100 * ours, wanted, beside)

    other = people or Score(1, 1, parts=1, strong=1)
    for what, wanted, count, of in (
        ("bars complete", "at least 98, with a GPU 99", "complete", "bars"),
        ("tunes without a flaw in the beat", "", "whole", "tunes"),
        ("last note is the tonic", "", "tonic", "tunes"),
        ("last note is in the tonic’s triad", "", "triad", "tunes"),
        ("parts that end on the tonic", "", "parts_tonic", "parts"),
        ("parts that end at home or on the way there", "", "parts_home", "parts"),
        ("tunes with 90 % of the time in the key", "99", "keyed", "tunes"),
        ("time in the key", "", "in_key", "tunes"),
        ("notes on the beat that fit the chord", "", "fits", "strong"),
        ("the same over a drone", "", "drone", "strong"),
    ):
        mine, theirs = (getattr(s, count) / getattr(s, of) for s in (score, other))
        figure(what, mine, theirs, wanted)


def main() -> None:
    folder = Path(sys.argv[1]) if sys.argv[1:] else resources() / "models" / "triptych-tune"
    bench = Workbench()
    make(folder, bench, 0)  # loads the model, and tunes the room
    score = Score()
    right = Counter[str]()
    formed = continued = 0
    heard: list[tuple[float, float, float, float, float]] = []
    times: list[float] = []
    for number in range(TUNES):
        made = make(folder, bench, number)
        values, written = made.values, made.tune
        score.take(written)
        right["key"] += str(written.key) == values["key"]
        head = {m.type: m for m in made.midi.tracks[0]}
        metre = f"{head['time_signature'].numerator}/{head['time_signature'].denominator}"
        right["metre"] += str(written.metre) == metre == values["metre"]
        assert written.tempo is not None
        told = 60e6 / head["set_tempo"].tempo / float(written.metre.beat)
        wanted = values["tempo"] or written.tempo.bpm
        right["tempo"] += abs(told - float(wanted)) < 0.01 and written.tempo.bpm == wanted
        tracks = {"none": 1, "chords": 2, "auto": 3, "band": 4}[str(values["accompaniment"])]
        right["tracks"] += len(made.midi.tracks) - 1 == tracks
        if values["form"] != "auto":
            formed += 1
            right["form"] += form_of(written) == values["form"]
        if number % 10 == number // 10:  # ten tunes of different kinds
            continued += 1
            right["continued"] += taken_up(folder, bench, number, made)
        broken = clicks(made.sound)
        right["clicks"] += broken
        mid, side = made.sound.sum(axis=1), np.subtract(*made.sound.T)
        heard.append((
            loudness.measure(made.sound), 20 * np.log10(loudness.true_peak(made.sound)),
            float(np.abs(made.sound.mean(axis=0)).max()),
            10 * np.log10(np.sum(side**2) / np.sum(mid**2)), broken,
        ))  # fmt: skip
        times.append(made.seconds)
        faults = [
            what
            for what, fine in (
                ("complete", made.plain), ("key", str(written.key) == values["key"]),
                ("metre", str(written.metre) == metre == values["metre"]),
                ("form", values["form"] in ("auto", form_of(written))),
                ("tonic", perform(written).events[-1].pitches[-1] % 12 == written.key.pitch_class),
                ("clicks", not broken),
            )
            if not fine
        ]  # fmt: skip
        if faults:
            print(f"  tune {number} ({values}): not as wished: {', '.join(faults)}"
                  f" {form_of(written)}", flush=True)  # fmt: skip
    name = folder.name
    tell(name, score, _people())
    for what in ("key", "metre", "tempo"):
        report.figure(f"{name}: {what} as chosen", "%", 100 * right[what] / TUNES, "99")
    report.figure(f"{name}: form as chosen", "%", 100 * right["form"] / formed, "100")
    report.figure(f"{name}: MIDI tracks as chosen", "%", 100 * right["tracks"] / TUNES, "100")
    what = f"{name}: {continued} tunes gone on from, as they began"
    report.figure(what, "%", 100 * right["continued"] / continued, "99")
    loud, peak, constant, width, spikes = (np.array(column) for column in zip(*heard, strict=True))
    report.figure(f"{name}: loudness, the quietest", "LUFS", loud.min(), "-16")
    report.figure(f"{name}: loudness, the loudest", "LUFS", loud.max(), "-16")
    report.figure(f"{name}: true peak, the highest", "dBTP", peak.max(), "below 0")
    report.figure(f"{name}: constant part, the largest", "%", 100 * constant.max(), "0")
    report.figure(f"{name}: clicks in all tunes", "", int(spikes.sum()), "0")
    report.figure(f"{name}: sides against the middle, median", "dB", float(np.median(width)))
    report.figure(f"{name}: sides against the middle, narrowest", "dB", width.min())
    report.figure(f"{name}: time for a tune, median", "s", float(np.median(times)))


def _people() -> Score | None:
    """The same figures of the tunes that were held out in training."""
    data = Path(os.environ.get("TRIPTYCH_DATA", "data"))
    if not (data / music.SOURCE).is_file():
        return None
    score = Score()
    for text in music.load(data).held_out_texts:
        score.take(parse(text))
    return score


if __name__ == "__main__":
    main()
