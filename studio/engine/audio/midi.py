"""A tune as a Standard MIDI File: one track a player, with tempo, metre, key and programs."""

from __future__ import annotations

import io
from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction

from studio.core.abc import Key, Metre
from studio.engine.audio.accompany import Hit

DRUMS = 9
"""The channel of General MIDI's percussion, counted from 0."""
TICKS = 480
"""A quarter note."""
_MAJOR = ("Cb", "Gb", "Db", "Ab", "Eb", "Bb", "F", "C", "G", "D", "A", "E", "B", "F#", "C#")
_MINOR = ("Abm", "Ebm", "Bbm", "Fm", "Cm", "Gm", "Dm", "Am", "Em", "Bm", "F#m", "C#m", "G#m",
          "D#m", "A#m")  # fmt: skip


@dataclass(frozen=True, slots=True)
class Track:
    """What one player plays; `program` is General MIDI's, counted from 0."""

    name: str
    program: int
    hits: tuple[Hit, ...]
    drums: bool = False
    """Whether the pitches are General MIDI's percussion keys."""


def to_midi(
    tracks: Sequence[Track], *, title: str, metre: Metre, key: Key, quarters_a_minute: float,
    pickup: Fraction = Fraction(0),
) -> bytes:  # fmt: skip
    """A file of format 1: first a track of tempo and signatures, then the players.

    `pickup` (quarter notes) gets a time signature of its own, so that the bar lines fall right. A
    mode that MIDI does not know is written as the major key with the same signature.
    """
    import mido

    file = mido.MidiFile(type=1, ticks_per_beat=TICKS, charset="utf-8")
    head = mido.MidiTrack()
    head.append(mido.MetaMessage("track_name", name=title, time=0))
    head.append(mido.MetaMessage("set_tempo", tempo=round(60e6 / quarters_a_minute), time=0))
    names = _MINOR if key.mode == "m" else _MAJOR
    head.append(mido.MetaMessage("key_signature", key=names[key.fifths + 7], time=0))
    until = 0
    if pickup:
        unit = next((u for u in (4, 8, 16, 32, 64) if pickup * u % 4 == 0), 0)
        if unit and pickup * unit / 4 < 256:
            head.append(_time_signature(Metre(int(pickup * unit / 4), unit)))
            until = round(pickup * TICKS)
    head.append(_time_signature(metre, until))
    head.append(mido.MetaMessage("end_of_track", time=0))
    file.tracks.append(head)
    melodic = [channel for channel in range(16) if channel != DRUMS]
    for track in tracks:
        file.tracks.append(_track(track, DRUMS if track.drums else melodic.pop(0)))
    data = io.BytesIO()
    file.save(file=data)
    return data.getvalue()


def _time_signature(metre: Metre, time: int = 0) -> object:
    import mido

    clicks = max(1, min(255, round(24 * metre.beat)))
    return mido.MetaMessage(
        "time_signature", numerator=metre.beats, denominator=metre.unit, clocks_per_click=clicks,
        notated_32nd_notes_per_beat=8, time=time,
    )  # fmt: skip


def _track(track: Track, channel: int) -> object:
    import mido

    result = mido.MidiTrack()
    result.append(mido.MetaMessage("track_name", name=track.name, time=0))
    result.append(mido.Message("program_change", program=track.program, channel=channel, time=0))
    # (tick, on after off, pitch, velocity): a note that ends where the next begins ends first.
    moments: list[tuple[int, int, int, int]] = []
    struck_next: dict[int, int] = {}
    for hit in reversed(track.hits):
        start = round(hit.onset * TICKS)
        velocity = max(1, min(127, round(127 * hit.velocity)))
        for pitch in hit.pitches:
            end = max(start + 1, round((hit.onset + hit.length) * TICKS))
            # A string that is struck again ends its first note, or its end would end the second.
            end = min(end, struck_next.get(pitch, end))
            if end > start:
                moments += [(start, 1, pitch, velocity), (end, 0, pitch, 0)]
                struck_next[pitch] = start
    moments.sort()
    now = 0
    for tick, on, pitch, velocity in moments:
        kind = "note_on" if on else "note_off"
        result.append(
            mido.Message(kind, note=pitch, velocity=velocity, channel=channel, time=tick - now)
        )
        now = tick
    result.append(mido.MetaMessage("end_of_track", time=0))
    return result
