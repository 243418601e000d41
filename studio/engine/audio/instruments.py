"""The instruments of the studio: how each sounds, and what General MIDI calls it."""

from __future__ import annotations

from dataclasses import dataclass

from studio.engine.audio.drums import Drums
from studio.engine.audio.strings import Strings
from studio.engine.audio.voices import Voice


@dataclass(frozen=True, slots=True, kw_only=True)
class Instrument:
    """A player on the stage."""

    label: str
    program: int
    """General MIDI program, counted from 0."""
    model: Strings | Voice | Drums
    low: int
    high: int
    """The MIDI notes it can play; a tune is moved by octaves to lie well in them."""
    level: float = 0.0
    """dB, so that all are about equally loud."""
    room: float = -15.0
    """dB of reverberation against the instrument itself."""
    chords: str = "guitar"
    """Which instrument plays the chords under it."""
    bass: str = "bass"


_GUITAR_BODY = ((105.0, 5.0, 0.25), (210.0, 4.0, 0.25), (430.0, 2.0, 0.4), (2600.0, 3.0, 0.7))
_FIDDLE_BODY = (
    (275.0, 7.0, 0.16),
    (460.0, 8.0, 0.16),
    (550.0, 6.0, 0.14),
    (1050.0, 3.0, 0.3),
    (2500.0, 7.0, 0.45),
    (9000.0, -16.0, 0.7),
)

INSTRUMENTS: dict[str, Instrument] = {
    "flute": Instrument(
        label="Flute",
        program=73,
        low=60,
        high=93,
        model=Voice(
            harmonics=(0.0, -7.0, -13.0, -19.0, -24.0, -30.0),
            tilt=-20.0,
            bright=5.0,
            register=3.0,
            attack=0.045,
            decay=0.07,
            glide=0.018,
            dip=0.72,
            swell=0.15,
            vibrato=(5.1, 9.0, 1.1),
            breath=-27.0,
            breath_band=(900.0, 5200.0),
            chiff=8.0,
            scoop=12.0,
        ),
        level=0.0,
        room=-13.0,
    ),
    "whistle": Instrument(
        label="Tin whistle",
        program=74,
        low=72,
        high=100,
        model=Voice(
            harmonics=(0.0, -14.0, -17.0, -28.0, -33.0),
            tilt=-20.0,
            bright=3.0,
            register=1.5,
            attack=0.016,
            decay=0.03,
            glide=0.008,
            dip=0.8,
            vibrato=(5.6, 7.0, 1.4),
            vibrato_after=0.3,
            breath=-26.0,
            breath_band=(2000.0, 9000.0),
            chiff=10.0,
        ),
        level=-3.0,
        room=-13.0,
    ),
    "fiddle": Instrument(
        label="Fiddle",
        program=110,
        low=55,
        high=96,
        model=Voice(
            harmonics=(0.0, -5.0, -9.5, -12.0, -14.0, -15.6),
            tilt=-7.5,
            bright=3.5,
            body=_FIDDLE_BODY,
            ripple=4.0,
            attack=0.035,
            decay=0.05,
            glide=0.022,
            dip=0.62,
            swell=0.2,
            vibrato=(5.5, 15.0, 0.6),
            vibrato_after=0.18,
            breath=-32.0,
            breath_band=(1500.0, 7000.0),
            chiff=7.0,
            scoop=15.0,
        ),
        level=-5.5,
        room=-13.5,
    ),
    "accordion": Instrument(
        label="Accordion",
        program=21,
        low=53,
        high=96,
        model=Voice(
            harmonics=(0.0, -3.0, -6.5, -8.0, -12.0, -13.0, -17.0, -19.0),
            tilt=-13.0,
            bright=3.0,
            body=((500.0, 3.0, 0.6), (1600.0, 3.0, 0.5), (7000.0, -10.0, 0.8)),
            reeds=((-2.0, 0.8), (7.0, 0.45)),
            attack=0.022,
            decay=0.04,
            glide=0.0,
            dip=0.55,
            swell=0.1,
            breath=-46.0,
        ),
        level=-3.0,
        room=-15.0,
    ),
    "harp": Instrument(
        label="Harp",
        program=46,
        low=48,
        high=96,
        model=Strings(
            place=0.38,
            ring=5.5,
            ring_slope=0.7,
            damping=0.55,
            soft=900.0,
            hard=2400.0,
            roll=1.3,
            stiffness=2e-5,
            choir=(0.0, 0.7),
            body=((190.0, 3.0, 0.4), (420.0, 2.0, 0.4)),
            knock=((160.0, -22.0, 0.12), (310.0, -26.0, 0.08)),
            attack=0.003,
            release=1.1,
        ),
        level=-1.0,
        room=-13.0,
        chords="harp",
        bass="harp",
    ),
    "guitar": Instrument(
        label="Guitar",
        program=24,
        low=40,
        high=88,
        model=Strings(
            place=0.21,
            ring=3.4,
            ring_slope=0.55,
            damping=0.9,
            soft=900.0,
            hard=2600.0,
            roll=1.1,
            stiffness=3e-5,
            choir=(0.0, 0.9),
            body=_GUITAR_BODY,
            knock=((98.0, -15.0, 0.12), (204.0, -18.0, 0.09), (390.0, -24.0, 0.05)),
            attack=0.0025,
            release=0.22,
        ),
        level=-1.0,
        room=-15.0,
    ),
    "mandolin": Instrument(
        label="Mandolin",
        program=25,
        low=55,
        high=93,
        model=Strings(
            place=0.16,
            ring=2.2,
            ring_slope=0.5,
            damping=0.5,
            soft=1700.0,
            hard=5200.0,
            stiffness=5e-5,
            choir=(0.0, 3.2),
            body=((210.0, 3.0, 0.3), (480.0, 4.0, 0.3), (1800.0, 3.0, 0.5)),
            knock=((200.0, -22.0, 0.06), (470.0, -24.0, 0.04)),
            attack=0.0015,
            release=0.18,
        ),
        level=-1.0,
        room=-15.0,
    ),
    "piano": Instrument(
        label="Piano",
        program=0,
        low=36,
        high=96,
        model=Strings(
            place=0.125,
            ring=9.0,
            ring_slope=0.75,
            damping=0.35,
            soft=800.0,
            hard=2300.0,
            roll=1.25,
            stiffness=2.5e-4,
            choir=(0.0, 0.6, -0.45),
            body=((110.0, 2.0, 0.5), (2200.0, 2.0, 0.8)),
            knock=((85.0, -20.0, 0.08), (180.0, -23.0, 0.06), (950.0, -34.0, 0.03)),
            attack=0.003,
            release=0.28,
        ),
        level=-1.0,
        room=-16.0,
        chords="piano",
        bass="piano",
    ),
    "music box": Instrument(
        label="Music box",
        program=10,
        low=65,
        high=100,
        # A comb's tooth is a clamped bar: its modes lie at 1, 6.27 and 17.55 times the lowest.
        model=Strings(
            place=0.5,
            ring=2.6,
            ring_slope=0.5,
            ratios=((1.0, 0.0, 2.8), (2.0, -26.0, 1.4), (6.27, -17.0, 0.55), (17.55, -30.0, 0.12)),
            choir=(0.0, 1.1),
            knock=((640.0, -24.0, 0.03), (2900.0, -28.0, 0.015)),
            attack=0.0012,
            release=0.0,
        ),
        level=-1.0,
        room=-13.0,
        chords="music box",
        bass="harp",
    ),
    "bass": Instrument(
        label="Double bass",
        program=32,
        low=28,
        high=60,
        model=Strings(
            place=0.28,
            ring=2.4,
            ring_slope=0.3,
            damping=3.0,
            soft=380.0,
            hard=900.0,
            roll=1.0,
            body=((95.0, 3.0, 0.4), (220.0, 3.0, 0.5), (700.0, 2.0, 0.5)),
            knock=((120.0, -20.0, 0.05), (700.0, -30.0, 0.02)),
            attack=0.005,
            release=0.12,
        ),
        level=2.0,
        room=-24.0,
    ),
    "drums": Instrument(
        label="Drums",
        program=0,
        low=35,
        high=59,
        model=Drums(),
        level=0.0,
        room=-20.0,
    ),
}
"""By the names used in settings and recipes."""

MELODY = tuple(name for name in INSTRUMENTS if name not in ("bass", "drums"))
