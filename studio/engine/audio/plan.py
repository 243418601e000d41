"""What is to be composed: settings first, then the words of the prompt, then custom."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from random import Random
from typing import TypeVar

from studio.core.abc import AbcError, Key, Metre, Tempo, Tune, parse_key, parse_metre
from studio.core.controls import Value
from studio.core.errors import StudioError
from studio.engine.audio.taken import in_unit
from studio.engine.audio.wishes import Wish

AUTO = "auto"
SLOWEST, FASTEST = 30.0, 260.0
"""Beats a minute."""

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Custom:
    """One way in which a kind of tune is usually written and played."""

    metre: str
    unit: str
    weight: int
    """How usual it is."""
    tempo: float
    """Felt beats a minute."""


CUSTOMS: dict[str, tuple[Custom, ...]] = {
    "reel": (
        Custom("2/2", "1/8", 60, 98), Custom("2/4", "1/16", 30, 98), Custom("4/4", "1/8", 10, 190),
    ),
    "jig": (Custom("6/8", "1/8", 1, 112),),
    "slip jig": (Custom("9/8", "1/8", 1, 108),),
    "hornpipe": (Custom("2/2", "1/8", 50, 80), Custom("2/4", "1/16", 50, 80)),
    "waltz": (Custom("3/4", "1/8", 1, 132),),
    "march": (Custom("4/4", "1/8", 70, 108), Custom("6/8", "1/8", 30, 100)),
    "polka": (Custom("2/4", "1/8", 1, 116),),
    "air": (
        Custom("4/4", "1/8", 40, 78), Custom("3/4", "1/8", 35, 84), Custom("6/8", "1/8", 25, 54),
    ),
    "minuet": (Custom("3/4", "1/8", 1, 112),),
    "strathspey": (Custom("4/4", "1/8", 1, 124),),
    "quickstep": (Custom("6/8", "1/8", 50, 116), Custom("2/4", "1/8", 50, 112)),
    "tune": (
        Custom("4/4", "1/8", 55, 116), Custom("2/2", "1/8", 25, 78), Custom("2/4", "1/8", 20, 92),
    ),
}  # fmt: skip
"""The metre and unit note of each kind as in the folk collections that tune models learn from."""

_KIND_WEIGHTS = {
    "jig": 30, "reel": 28, "waltz": 12, "hornpipe": 10, "air": 6, "march": 5, "slip jig": 5,
    "strathspey": 4,
}  # fmt: skip
_METRE_KINDS: dict[str, dict[str, int]] = {
    "2/2": {"reel": 60, "hornpipe": 40}, "2/4": {"polka": 50, "reel": 25, "hornpipe": 25},
    "3/4": {"waltz": 75, "air": 25}, "4/4": {"march": 45, "air": 25, "strathspey": 30},
    "6/8": {"jig": 90, "air": 10}, "9/8": {"slip jig": 1},
}  # fmt: skip
_KEY_WEIGHTS = {
    "G": 35, "D": 30, "A": 10, "Em": 9, "Am": 7, "C": 4, "Ador": 4, "Dm": 3, "Bm": 3, "Edor": 3,
    "Dmix": 3, "Amix": 3, "Gm": 2, "F": 2, "Bb": 2, "Ddor": 1, "Gmix": 1,
}  # fmt: skip
_PLAYERS: dict[str, tuple[str, ...]] = {
    "reel": ("fiddle", "flute", "accordion", "whistle"),
    "jig": ("whistle", "flute", "fiddle", "accordion"),
    "slip jig": ("flute", "whistle", "fiddle"),
    "hornpipe": ("accordion", "fiddle", "mandolin", "whistle"),
    "waltz": ("fiddle", "accordion", "piano", "flute"),
    "march": ("whistle", "flute", "fiddle"),
    "polka": ("accordion", "mandolin", "fiddle"),
    "air": ("flute", "harp", "fiddle", "guitar", "whistle"),
    "minuet": ("harp", "flute", "piano", "guitar"),
    "strathspey": ("fiddle",),
    "quickstep": ("whistle", "fiddle", "accordion"),
    "tune": ("flute", "guitar", "fiddle", "harp"),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """Everything that is decided before the first note is written."""

    kind: str
    metre: Metre
    unit: Fraction
    """In quarter notes."""
    key: Key
    tempo: Tempo
    bars: int
    """How many are wanted, repeats included; 0 leaves it to the tune."""
    times: int
    """How often the whole is played."""
    instrument: str
    accompaniment: str
    """none, chords, full (chords and bass) or band (with drums)."""
    form: str = ""
    """A key of `shapes.FORMS`; empty leaves it to the tune."""
    start: Tune | None = None
    """A tune that is taken up, in the plan's metre, unit and key."""


def make(values: Mapping[str, Value], wish: Wish, random: Random) -> Plan:
    """Decide: settings first, then the words of the prompt, then what is usual, drawn by weight.

    Raises StudioError for a tempo that nobody can play.
    """
    # Every draw is made whether it is needed or not, so that setting one thing leaves the others.
    drawn_kind = _draw(_KIND_WEIGHTS, random)
    place, key_place = random.random(), random.random()
    player = random.random()

    wanted_metre = _chosen(values, "metre") or wish.metre
    kind = _chosen(values, "tune") or wish.kind
    if not kind:
        kind = _weighted(_METRE_KINDS[wanted_metre], place) if wanted_metre else drawn_kind
    customs = CUSTOMS[kind]
    usual = [custom for custom in customs if custom.metre == wanted_metre] or list(customs)
    if not wanted_metre or usual[0].metre == wanted_metre:
        custom = _weighted({c: c.weight for c in usual}, place)
    else:
        custom = _unusual(wanted_metre, kind)
    metre = parse_metre(custom.metre)

    tempo = float(values["tempo"]) or wish.tempo
    if tempo and not SLOWEST <= tempo <= FASTEST:
        raise StudioError(
            f"Nobody can play at {tempo:g} beats a minute.",
            f"Choose from {SLOWEST:g} to {FASTEST:g}, or 0 for the usual tempo.",
        )
    if not tempo:
        tempo = round(min(FASTEST, max(SLOWEST, custom.tempo * wish.pace)))
    instrument = _chosen(values, "instrument") or wish.instrument
    players = _PLAYERS[kind]
    return Plan(
        kind=kind,
        metre=metre,
        unit=Fraction(custom.unit) * 4,
        key=_key(values, wish, key_place),
        tempo=Tempo(metre.beat, tempo),
        bars=int(_chosen(values, "length") or wish.bars),
        times=int(values["times"]) or wish.times or 1,
        instrument=instrument or players[int(player * len(players))],
        accompaniment=_chosen(values, "accompaniment") or wish.accompaniment or "full",
        form=_chosen(values, "form"),
    )


def taking_up(plan: Plan, start: Tune) -> Plan:
    """The plan for a tune that goes on from another: in its metre and key, at its tempo.

    Raises AbcError where its lengths cannot be written with the unit that its metre usually has.
    """
    kind = start.rhythm.lower() if start.rhythm.lower() in CUSTOMS else ""
    customs = CUSTOMS.get(kind, ())
    metre = str(start.metre)
    if not any(c.metre == metre for c in customs):
        kind = max(_METRE_KINDS.get(metre, {"tune": 1}).items(), key=lambda k: k[1])[0]
        customs = CUSTOMS[kind]
    custom = next((c for c in customs if c.metre == metre), customs[0])
    unit = Fraction(custom.unit) * 4
    tempo = start.tempo or Tempo(start.metre.beat, custom.tempo)
    bpm = tempo.quarters_a_minute / float(start.metre.beat)
    return replace(
        plan,
        kind=kind,
        metre=start.metre,
        unit=unit,
        key=start.key,
        tempo=Tempo(start.metre.beat, min(FASTEST, max(SLOWEST, bpm))),
        start=in_unit(start, unit),
    )


def _chosen(values: Mapping[str, Value], name: str) -> str:
    value = str(values[name])
    return "" if value == AUTO else value


def _key(values: Mapping[str, Value], wish: Wish, place: float) -> Key:
    chosen = _chosen(values, "key")
    if chosen:
        return parse_key(chosen)
    if wish.key is not None:
        return wish.key
    keys = {parse_key(name): weight for name, weight in _KEY_WEIGHTS.items()}
    if wish.mode is not None:
        keys = {key: weight for key, weight in keys.items() if key.mode == wish.mode}
    return _weighted(keys, place)


def _unusual(metre: str, kind: str) -> Custom:
    """A kind of tune in a metre that it never has: written and played as that metre usually is."""
    unit = "1/16" if metre == "2/4" and kind in ("reel", "hornpipe") else "1/8"
    for customs in CUSTOMS.values():
        for custom in customs:
            if custom.metre == metre and custom.unit == unit:
                return custom
    raise AbcError(f"no custom for {metre}")


def _draw(weights: Mapping[T, int], random: Random) -> T:
    return _weighted(weights, random.random())


def _weighted(weights: Mapping[T, int], place: float) -> T:
    """The entry at `place` (0 to 1) when all stand in a row, each as wide as its weight."""
    names: Sequence[T] = list(weights)
    left = place * sum(weights.values())
    for name in names:
        left -= weights[name]
        if left < 0:
            return name
    return names[-1]
