"""`python -m tests.models.keepers HOME SEED SECONDS`: removes, has back, moves models at random."""

from __future__ import annotations

import random
import sys
import time
from pathlib import Path

from studio.core.errors import StudioError
from studio.models import Store, keep

MODELS = ("acme/go:q4", "acme/go:onnx", "stories")


def open_store(home: Path) -> Store:
    return Store([home / "starters", home / "own"], [home / "hub"])


def main() -> None:
    home, chance = Path(sys.argv[1]), random.Random(int(sys.argv[2]))
    store, done = open_store(home), 0
    until = time.monotonic() + float(sys.argv[3])
    while time.monotonic() < until:
        try:
            step(store, home, chance)
            done += 1
        except StudioError:
            pass  # another one was faster
    sys.stdout.write(f"{done}\n")


def step(store: Store, home: Path, chance: random.Random) -> None:
    """One deed. Raises StudioError."""
    model = store.find(chance.choice(MODELS))
    deed = chance.choice(["remove", "undo", "move", "recover", "look"])
    if deed == "undo":
        for one in keep.removed(store.places)[:1]:
            keep.undo(one.token)
    elif deed == "recover":
        keep.recover(store.places)
    elif deed == "look" or model is None or model.problem:
        store.installed()
    elif deed == "remove":
        keep.remove(model)
    else:
        keep.move(model, home / ("own" if model.place == home / "hub" else "hub"))


if __name__ == "__main__":
    main()
