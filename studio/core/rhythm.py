"""How drummers play: a dynamic Bayesian network over the steps of a bar, learned and drawn from.

Whether a drum is struck on a step depends on that step, on whether the same drum was struck there
in the bar before, whether the bass drum is struck with it, and whether the drum was struck within
the two steps before, or the two before those (K. Murphy, Dynamic Bayesian Networks, 2002; the
tables are counts with a Beta prior around the step's own mean).
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from random import Random
from typing import Any

DRUMS = ("kick", "snare", "side", "hat", "open", "ride", "tom")
"""In the order in which they are drawn: the others follow the bass drum."""
NOTES = {"kick": 36, "snare": 38, "side": 37, "hat": 42, "open": 46, "ride": 51, "tom": 45}
"""General MIDI's percussion keys."""
STEPS_A_BEAT = {"simple": 4, "compound": 6}
SITUATIONS, FIRST = 18, 12
"""How many there are, and from which on there is no bar before."""
PRIOR = 6.0
"""Bars that the prior counts for."""

Bar = Mapping[tuple[int, str], float]
"""(step, drum) -> velocity, 0 to 1."""


@dataclass(frozen=True, slots=True)
class Groove:
    """One manner of playing: tables by drum, step and what they depend on."""

    steps: int
    strike: Mapping[str, Sequence[Sequence[float]]]
    """By drum and step, the chance in each of the situations (see `situation`)."""
    velocity: Mapping[str, Sequence[float]]
    """By drum and step, the mean, 0 to 1."""
    late: Mapping[str, Sequence[float]]
    """By drum and step, how far behind the grid drummers strike, in steps."""
    bars: int = 0
    """From how many it was learned."""

    def bar(
        self, random: Random, before: Bar | None, sharpness: float
    ) -> dict[tuple[int, str], float]:
        """Draw a bar after another (None for the first); `sharpness` 1 draws as drummers vary,
        more draws what is usual."""
        struck: dict[tuple[int, str], float] = {}
        for drum in DRUMS:
            for step in range(self.steps):
                chance = self.strike[drum][step][situation(step, drum, struck, before)]
                power, other = chance**sharpness, (1.0 - chance) ** sharpness
                # Each place draws once, whatever came of the others.
                if random.random() < power / (power + other):
                    struck[step, drum] = self.velocity[drum][step]
        return struck

    def log_likelihood(self, bar: Bar, before: Bar | None) -> float:
        """Natural logarithm of the chance of a bar after another."""
        from math import log

        total = 0.0
        for drum in DRUMS:
            for step in range(self.steps):
                chance = self.strike[drum][step][situation(step, drum, bar, before)]
                total += log(chance if (step, drum) in bar else 1.0 - chance)
        return total


def situation(step: int, drum: str, bar: Bar, before: Bar | None) -> int:
    """The number of the situation of a drum on a step: 0 to 17."""
    again = 2 if before is None else int((step, drum) in before)
    kick = int(drum != DRUMS[0] and (step, DRUMS[0]) in bar)
    near = (step - 1, drum) in bar or (step - 2, drum) in bar
    just = 2 if near else int((step - 3, drum) in bar or (step - 4, drum) in bar)
    return (again * 2 + kick) * 3 + just


def learn(
    sequences: Sequence[Sequence[Bar]], steps: int, late: Mapping[tuple[int, str], Sequence[float]]
) -> Groove:
    """The tables from bars in the order in which they were played, and the measured lateness."""
    hits = {(d, s): [0.0] * SITUATIONS for d in DRUMS for s in range(steps)}
    seen = {(d, s): [0.0] * SITUATIONS for d in DRUMS for s in range(steps)}
    loud: dict[tuple[str, int], list[float]] = {}
    count = 0
    for bars in sequences:
        previous: Bar | None = None
        for bar in bars:
            count += 1
            for drum in DRUMS:
                for step in range(steps):
                    # Every bar says something of what follows no other, too.
                    for before in {id(previous): previous, id(None): None}.values():
                        place = situation(step, drum, bar, before)
                        seen[drum, step][place] += 1
                        hits[drum, step][place] += (step, drum) in bar
                    if (step, drum) in bar:
                        loud.setdefault((drum, step), []).append(bar[step, drum])
            previous = bar
    strike: dict[str, list[list[float]]] = {}
    velocity: dict[str, list[float]] = {}
    behind: dict[str, list[float]] = {}
    for drum in DRUMS:
        everywhere = [v for s in range(steps) for v in loud.get((drum, s), [])]
        usual = sum(everywhere) / len(everywhere) if everywhere else 0.5
        strike[drum], velocity[drum], behind[drum] = [], [], []
        for step in range(steps):
            first = sum(hits[drum, step][FIRST:]) + 0.02
            mean = first / (sum(seen[drum, step][FIRST:]) + 1.0)
            strike[drum].append(
                [
                    min(0.999, max(0.001, (h + PRIOR * mean) / (n + PRIOR)))
                    for h, n in zip(hits[drum, step], seen[drum, step], strict=True)
                ]
            )
            here = loud.get((drum, step), [])
            velocity[drum].append((sum(here) + 2 * usual) / (len(here) + 2))
            times = late.get((step, drum), ())
            behind[drum].append(sum(times) / (len(times) + 4))
    return Groove(steps, strike, velocity, behind, count)


def to_json(grooves: Mapping[str, Groove], about: Mapping[str, Any]) -> str:
    """All grooves in one text, numbers to three digits."""

    def short(table: Any) -> Any:
        if isinstance(table, float):
            return round(table, 3)
        return [short(x) for x in table]

    return json.dumps(
        {
            "about": dict(about),
            "grooves": {
                name: {
                    "steps": g.steps,
                    "bars": g.bars,
                    **{
                        part: {d: short(t) for d, t in getattr(g, part).items()}
                        for part in ("strike", "velocity", "late")
                    },
                }
                for name, g in grooves.items()
            },
        },
        separators=(",", ":"),
    )


def read(path: Path) -> dict[str, Groove]:
    """The grooves in a file that `to_json` wrote: one of our own, which ships with the program."""
    data = json.loads(path.read_text("ascii"))
    return {
        name: Groove(g["steps"], g["strike"], g["velocity"], g["late"], g["bars"])
        for name, g in data["grooves"].items()
    }
