"""Learning grooves from recorded drumming: the Groove MIDI Dataset, bar by bar, step by step."""

from __future__ import annotations

import csv
import io
import tarfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from math import log
from pathlib import Path
from typing import Any

from studio.core.rhythm import Bar, Groove, learn, to_json
from studio.training.corpus import existing

SOURCE = Path("music", "groove_midi.tar.xz")
CREDIT = (
    "Learned from the Groove MIDI Dataset (J. Gillick, A. Roberts, J. Engel, D. Eck, D. Bamman, "
    "“Learning to Groove with Inverse Sequence Transformations”, ICML 2019; CC BY 4.0)"
)
# The keys of the electronic kit that it was played on (Roland TD-11), and our drums.
_KEYS = {
    **dict.fromkeys((36,), "kick"),
    **dict.fromkeys((38, 40), "snare"),
    **dict.fromkeys((37,), "side"),
    **dict.fromkeys((42, 22, 44), "hat"),
    **dict.fromkeys((46, 26), "open"),
    **dict.fromkeys((51, 59, 53, 49, 55, 52, 57), "ride"),
    **dict.fromkeys((48, 50, 45, 47, 43, 58), "tom"),
}
_STYLES = {
    "rock": "straight",
    "pop": "straight",
    "country": "straight",
    "punk": "straight",
    "dance": "straight",
    "latin": "latin",
    "afrocuban": "latin",
    "afrobeat": "latin",
    "highlife": "latin",
    "jazz": "swing",
    "blues": "swing",
    "neworleans": "march",
}
STEPS = {"4-4": 16, "6-8": 12, "3-4": 12}
"""Sixteenths in a bar."""
FEWEST = 6
"""Bars without which nothing is called a manner of playing."""


@dataclass
class Played:
    """One recording, cut into bars."""

    style: str
    metre: str
    kind: str
    """beat or fill."""
    split: str
    bars: list[Bar] = field(default_factory=list)
    late: list[tuple[int, str, float]] = field(default_factory=list)
    """(step, drum, steps behind the grid)."""


def recordings(archive: Path) -> Iterator[Played]:
    """Every recording of the set with a metre that is used here."""
    with tarfile.open(existing(archive)) as files:
        members = {m.name: m for m in files.getmembers() if m.isfile()}
        table = next(name for name in members if name.endswith("info.csv"))
        root = table.removesuffix("info.csv")
        stream = files.extractfile(members[table])
        assert stream is not None
        for row in csv.DictReader(io.StringIO(stream.read().decode("utf-8"))):
            member = members.get(root + row["midi_filename"])
            style = _STYLES.get(row["style"].partition("/")[0])
            if member is None or style is None or row["time_signature"] not in STEPS:
                continue
            midi = files.extractfile(member)
            assert midi is not None
            played = Played(style, row["time_signature"], row["beat_type"], row["split"])
            cut(played, midi.read())
            yield played


def cut(played: Played, data: bytes) -> None:
    """The strokes of a MIDI file on the nearest step of their bars, and how late they came."""
    import mido

    file = mido.MidiFile(file=io.BytesIO(data))
    steps = STEPS[played.metre]
    step = file.ticks_per_beat / 4
    bars: dict[int, dict[tuple[int, str], float]] = {}
    for track in file.tracks:
        now = 0
        for message in track:
            now += message.time
            if message.type != "note_on" or not message.velocity or message.note not in _KEYS:
                continue
            place = round(now / step)
            number, at = divmod(place, steps)
            drum = _KEYS[message.note]
            bar = bars.setdefault(number, {})
            bar[at, drum] = max(bar.get((at, drum), 0.0), message.velocity / 127)
            played.late.append((at, drum, now / step - place))
    if bars:
        played.bars = [bars.get(n, {}) for n in range(min(bars), max(bars) + 1)]


def grooves(all_of: Sequence[Played]) -> tuple[dict[str, Groove], dict[str, Any]]:
    """A groove for each metre and style with enough bars, and how well they foretell bars of
    recordings that were kept apart."""
    found: dict[str, Groove] = {}
    figures: dict[str, Any] = {}
    groups: dict[str, list[Played]] = {}
    for played in all_of:
        styles = [played.style] if played.metre == "4-4" else ["straight"]
        for style in styles:
            kind = "fill " if played.kind == "fill" else ""
            groups.setdefault(f"{kind}{played.metre} {style}", []).append(played)
    for name, everyone in sorted(groups.items()):
        group = like_minded(everyone) if not name.startswith("fill") else everyone
        if sum(len(p.bars) for p in group) < FEWEST:
            continue
        steps = STEPS[group[0].metre]
        taught = [p for p in group if p.split == "train"] or group
        apart = [p for p in group if p.split != "train" and p.kind == "beat"]
        if apart and taught is not group:
            figures[name] = foretold(_learned(taught, steps), taught, apart)
        found[name] = _learned(group, steps)
    return found, figures


def like_minded(group: Sequence[Played]) -> list[Played]:
    """Those who keep time on the same metal as most do.

    Learned from both, each would be struck half as often as anybody strikes it.
    """

    def on_hat(played: Played) -> bool:
        struck = [drum for bar in played.bars for _, drum in bar]
        return struck.count("hat") >= struck.count("ride")

    halves = [[p for p in group if on_hat(p) is hat] for hat in (True, False)]
    return max(halves, key=lambda half: sum(len(p.bars) for p in half))


def _learned(group: Sequence[Played], steps: int) -> Groove:
    late: dict[tuple[int, str], list[float]] = {}
    for played in group:
        for step, drum, by in played.late:
            late.setdefault((step, drum), []).append(by)
    return learn([p.bars for p in group], steps, late)


def foretold(groove: Groove, taught: Sequence[Played], apart: Sequence[Played]) -> dict[str, float]:
    """Bits a bar: with all that a stroke depends on, and by how often each step is struck alone."""
    bars = [bar for played in taught for bar in played.bars]
    places = [(step, drum) for drum in groove.strike for step in range(groove.steps)]
    often = {p: (sum(p in bar for bar in bars) + 0.02) / (len(bars) + 1) for p in places}
    network = alone = 0.0
    count = 0
    for played in apart:
        before: Bar | None = None
        for bar in played.bars:
            network -= groove.log_likelihood(bar, before)
            alone -= sum(log(often[p] if p in bar else 1.0 - often[p]) for p in places)
            before = bar
            count += 1
    return {
        "bars kept apart": float(count),
        "bits a bar": network / count / log(2) if count else 0.0,
        "bits a bar by the step alone": alone / count / log(2) if count else 0.0,
    }


def make(data: Path, out: Path) -> dict[str, Any]:
    """Learn, write `drums.json` into `out`, and give the figures."""
    found, figures = grooves(list(recordings(data / SOURCE)))
    out.mkdir(parents=True, exist_ok=True)
    (out / "drums.json").write_text(to_json(found, {"source": CREDIT, "licence": "CC-BY-4.0"}))
    return {
        "grooves": {name: groove.bars for name, groove in found.items()},
        "held out": figures,
    }
