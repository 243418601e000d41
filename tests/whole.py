"""`python -m tests.whole HOME`: the real window makes a text, a picture and a tune at once.

As a person would: it waits until the window stands, types three wishes, clicks the three primary
buttons, and stops when all three results are shown. It prints one JSON object: what was made, the
gaps of a 5 ms timer on the main thread meanwhile (model loading included), and the modules that
the window's process has imported.
"""

from __future__ import annotations

import json
import os
import sys
import time
from pathlib import Path
from typing import Any

os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")

from PySide6.QtCore import Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication, QPlainTextEdit, QPushButton, QWidget

from studio.core.messages import Done
from studio.core.paths import Paths
from studio.library import Query
from studio.ui.app import build
from studio.ui.window import Window
from tests.ui.gaps import GapMeter

WISHES = {"text": "a little fox", "image": "red apple", "audio": "a merry jig in D"}
PATIENCE = 90.0
IDLE = 1.0
"""Seconds."""


class Whole:
    """One window, three wishes, and what came of it."""

    def __init__(self, home: Path) -> None:
        self.window: Window = build(Paths.below(home))
        self.studio = self.window.studio
        self.endings: list[object] = []
        self.studio.engine.ended.connect(lambda _job, ending: self.endings.append(ending))

    def run(self) -> dict[str, Any]:
        self.window.resize(1440, 900)
        self.window.show()
        self.wait(self.window.isVisible)
        self.studio.engine.resume()
        meter = GapMeter()
        meter.start()
        begun = time.monotonic()
        self.wait(lambda: time.monotonic() - begun > IDLE)
        idle = meter.stop()
        meter.start()
        self.studio.engine.warm("text")  # the others follow, as at every start
        for kind, wish in WISHES.items():
            pane = self.find(self.window, QWidget, f"{kind}-pane")
            prompt = self.find(pane, QPlainTextEdit, "prompt")
            button = self.find(pane, QPushButton, "primary")
            prompt.setFocus()
            QTest.keyClicks(prompt, wish)
            self.wait(button.isEnabled)
            QTest.mouseClick(button, Qt.MouseButton.LeftButton)
        self.wait(lambda: len(self.endings) == len(WISHES))
        self.wait(lambda: not self.studio.engine.jobs())
        gaps = meter.stop()
        items = self.studio.library.items(Query())
        report = {
            "done": all(isinstance(e, Done) for e in self.endings),
            "endings": [repr(e) for e in self.endings],
            "made": {i.kind: [str(f) for f in i.files] for i in items},
            "gaps": str(gaps),
            "idle": str(idle),
            "longest": gaps.longest,
            "over_50": gaps.over_50,
            "work": gaps.work,
            "modules": sorted({name.partition(".")[0] for name in sys.modules}),
        }
        self.window.close()
        self.studio.close()
        return report

    def find(self, parent: QWidget, kind: type[QWidget], name: str) -> Any:
        found = parent.findChild(kind, name)
        assert found is not None, f"there is no {name}"
        return found

    def wait(self, until: Any) -> None:
        """Let the window live until something holds."""
        end = time.monotonic() + PATIENCE
        while not until():
            assert time.monotonic() < end, "it took too long"
            QApplication.processEvents()
            time.sleep(0.001)


def main() -> None:
    app = QApplication(["triptych"])
    report = Whole(Path(sys.argv[1])).run()
    sys.stdout.write(json.dumps(report) + "\n")
    del app


if __name__ == "__main__":
    main()
