"""How long the window takes to stand, beside an empty one, and how smooth it stays.

`python -m bench.window`: each start is measured in a fresh process, from the first line of Python
to the first painted frame, both kinds in turn so that the machine's moods meet both. Then three
lanes work at once and a 5 ms timer in the window is watched; and once more while ten downloads,
thousands of results and listings of thousands of files come in.
"""

from __future__ import annotations

import gc
import json
import sys
import time

# Nothing else up here: what this file imports would be a gift to the studio's own start.


def empty() -> None:
    """A QMainWindow and nothing else: the peer."""
    started = time.perf_counter()
    from PySide6.QtWidgets import QApplication, QMainWindow

    app = QApplication([])
    app.setApplicationName("empty")
    window = QMainWindow()
    window.resize(1280, 800)
    window.show()
    window.repaint()
    _tell(seconds=time.perf_counter() - started, used=time.process_time())


def studio() -> None:
    """The whole window on a folder of its own, as `main.py` opens it."""
    started = time.perf_counter()
    gc.disable()
    from PySide6.QtWidgets import QApplication

    app = QApplication([])
    from studio.core.paths import Paths
    from studio.ui.app import build

    imported = time.perf_counter()
    window = build(Paths.default(), at_once=False)
    built = time.perf_counter()
    window.show()
    window.repaint()
    shown = time.perf_counter()
    used = time.process_time()
    while not window.complete:
        app.processEvents()
    _tell(
        seconds=shown - started,
        used=used,
        imports=imported - started,
        building=built - imported,
        painting=shown - built,
        panes=time.perf_counter() - shown,
    )
    window.studio.close()


def smooth(seconds: float) -> None:
    """Three lanes at once, with everything that their panes draw."""
    from PySide6.QtCore import QTimer
    from PySide6.QtWidgets import QApplication

    from studio.core.family import KINDS
    from studio.core.paths import Paths
    from studio.ui.app import build
    from tests.engine import faults
    from tests.ui.conftest import begin, recipe
    from tests.ui.gaps import GapMeter

    app = QApplication([])
    paths = Paths.default()
    faults.install_model(paths.models)
    window = build(paths, begin=begin())
    window.show()
    app.processEvents()
    engine = window.studio.engine
    made = 0

    def more() -> None:
        nonlocal made
        for kind in KINDS:
            if not engine.jobs(kind):
                engine.submit(recipe(kind, "burns", steps=60, pace=0.03, seed=made))
                made += 1

    meter, timer = GapMeter(), QTimer()
    timer.timeout.connect(more)
    timer.start(50)
    QTimer.singleShot(int(seconds * 1000), app.quit)
    meter.start()
    more()
    app.exec()
    _tell(words=str(meter.stop()), made=made)
    window.close()
    window.studio.close()


def downloads(seconds: float) -> None:
    """Ten downloads, results and long listings, on the pages that show them."""
    from PySide6.QtWidgets import QApplication

    from studio.core.paths import Paths
    from studio.ui.app import build
    from tests.ui.flood import Flood
    from tests.ui.hubs import Stand

    app = QApplication([])
    stand = Stand()
    window = build(Paths.default(), courier=stand)
    window.resize(1280, 800)
    window.show()
    for view in ("discover", "downloads"):
        window.studio.show_models(view)
    settled = time.monotonic() + 2.0
    while time.monotonic() < settled:
        app.processEvents()
    assert stand.link is not None
    flood = Flood(window, stand.link)
    gaps = flood.run(seconds)
    _tell(words=str(gaps), told=flood.told)
    window.close()
    window.studio.close()


def main() -> None:
    import argparse
    from statistics import median

    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--seconds", type=float, default=10.0)
    options = parser.parse_args()
    told: dict[str, list[dict[str, float]]] = {"empty": [], "studio": []}
    for _ in range(options.rounds + 1):
        for kind, all_of in told.items():
            all_of.append({k: float(v) for k, v in _fresh(kind).items()})
    # The first of each fills the disk cache and compiles Python.
    middle = {
        kind: {name: median(one[name] for one in all_of[1:]) for name in all_of[0]}
        for kind, all_of in told.items()
    }
    empty, studio = middle["empty"], middle["studio"]
    print(f"{'':24}{'empty':>10}{'studio':>10}{'ratio':>8}   (bar: 3)")
    for name, words in (("seconds", "shown, wall time"), ("used", "shown, processor time")):
        row = (empty[name] * 1000, studio[name] * 1000, studio[name] / empty[name])
        print(f"{words:24}{row[0]:7.0f} ms{row[1]:7.0f} ms{row[2]:8.2f}")
    for name in ("imports", "building", "painting", "panes"):
        words = "the panes, after it" if name == "panes" else f"  of it: {name}"
        print(f"{words:34}{studio[name] * 1000:7.0f} ms")
    gaps = _fresh("smooth", str(options.seconds))
    print(f"three lanes at once, {gaps['made']} jobs: {gaps['words']}")
    gaps = _fresh("downloads", str(options.seconds))
    print(f"downloads, told {gaps['told']} times, with results and listings: {gaps['words']}")


def _tell(**told: object) -> None:
    print(json.dumps(told))


def _fresh(kind: str, more: str = "") -> dict[str, str]:
    """Run one of the measurements in a process of its own, on folders of its own."""
    import os
    import subprocess
    import tempfile
    from pathlib import Path

    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as home:
        environment = {**os.environ, "TRIPTYCH_HOME": home}
        environment.pop("PYTHONDONTWRITEBYTECODE", None)  # nobody compiles at every start
        if not environment.get("DISPLAY") and sys.platform.startswith("linux"):
            environment.setdefault("QT_QPA_PLATFORM", "offscreen")
        done = subprocess.run(
            [sys.executable, "-c", f"from bench.window import {kind}; {kind}({more})"],
            capture_output=True,
            text=True,
            cwd=Path(__file__).resolve().parents[1],
            env=environment,
            check=True,
        )
    told: dict[str, str] = json.loads(done.stdout.strip().splitlines()[-1])
    return told


if __name__ == "__main__":
    main()
