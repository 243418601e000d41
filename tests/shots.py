"""`python -m tests.shots FOLDER`: every page in dark and light, 1x and 2x, to be looked at.

A home is filled with what the starter models make, with long words and odd scripts among it; then
the real window is rendered page by page into FOLDER, and all of it once more into `sheet.png`.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

from PIL import Image

LONG = "Donaudampfschifffahrtselektrizitätenhauptbetriebswerkbauunterbeamtengesellschaft"
WISHES: tuple[tuple[str, str, dict[str, str | int]], ...] = (
    ("text", "a little fox who is afraid of the dark", {}),
    ("text", f"{LONG} und was danach geschah", {"length": 40}),
    ("text", "قطة صغيرة في القمر 🌙 קטן", {"length": 40, "kind": "rhyme"}),
    ("image", "red apple", {"count": 4}),
    ("image", "a rocket", {"style": "flat"}),
    ("audio", "a merry jig in D", {}),
)
SIZES = {"wide": (1440, 900), "narrow": (640, 800)}


def fill(home: str) -> None:
    for kind, prompt, values in WISHES:
        settings = [f"--set={name}={value}" for name, value in values.items()]
        subprocess.run(
            [sys.executable, "main.py", "make", kind, prompt, "--seed", "5", *settings],
            env={**os.environ, "TRIPTYCH_HOME": home},
            check=True,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )


def render(home: Path, out: Path, theme: str, scale: str) -> None:
    """In a process of its own, since a scale is for the whole life of an application."""
    from PySide6.QtCore import QPoint, Qt
    from PySide6.QtTest import QTest
    from PySide6.QtWidgets import QApplication, QListView, QWidget

    from studio.core.paths import Paths
    from studio.core.settings import SettingsFile
    from studio.ui.app import build

    app = QApplication(["triptych"])
    paths = Paths.below(home)
    file = SettingsFile(paths.settings_file)
    file.save(replace(file.load().settings, theme=theme))  # type: ignore[arg-type]
    window = build(paths)
    engine = window.studio.engine

    def wait(until: Callable[[], Any], patience: float = 30.0) -> None:
        end = time.monotonic() + patience
        while not until() and time.monotonic() < end:
            app.processEvents()
            time.sleep(0.005)

    def pause(seconds: float) -> None:
        begun = time.monotonic()
        wait(lambda: time.monotonic() - begun > seconds)

    def shoot(name: str) -> None:
        pause(0.6)
        window.grab().save(str(out / f"{name}-{theme}-{scale}x.png"))

    window.resize(*SIZES["wide"])
    window.show()
    engine.warm("text")
    wait(lambda: all(engine.families(kind) for kind in ("text", "image", "audio")))
    shoot("create-empty")
    for kind in ("text", "image", "audio"):
        pane = window.findChild(QWidget, f"{kind}-pane")
        history = pane.findChild(QListView, "history") if pane else None
        if history is not None and history.model().rowCount():
            place = history.visualRect(history.model().index(0, 0)).center()
            QTest.mouseClick(
                history.viewport(), Qt.MouseButton.LeftButton, pos=QPoint(place.x(), place.y())
            )
    shoot("create-made")
    for page in ("library", "models", "settings"):
        window.studio.show_page.emit(page)
        shoot(page)
    window.studio.show_page.emit("library")
    pause(0.3)
    grid = next((v for v in window.findChildren(QListView) if v.isVisible()), None)
    if grid is not None and grid.model().rowCount():
        grid.setFocus()
        grid.setCurrentIndex(grid.model().index(1, 0))
        QTest.keyClick(grid, Qt.Key.Key_Return)
        shoot("library-open")
    window.resize(*SIZES["narrow"])
    for page in ("create", "library", "models", "settings"):
        window.studio.show_page.emit(page)
        shoot(f"{page}-narrow")
    window.close()
    window.studio.close()


def sheet(out: Path) -> None:
    """All shots, a column a theme and scale."""
    shots = sorted(p for p in out.glob("*.png") if p.name != "sheet.png")
    width, height, columns = 720, 450, 4
    rows = -(-len(shots) // columns)
    whole = Image.new("RGB", (columns * (width + 8), rows * (height + 8)), "#808080")
    for number, shot in enumerate(shots):
        with Image.open(shot) as image:
            image.thumbnail((width, height))
            row, column = divmod(number, columns)
            whole.paste(image.convert("RGB"), (column * (width + 8), row * (height + 8)))
    whole.save(out / "sheet.png")


def main() -> None:
    if len(sys.argv) == 5:
        _, home, out, theme, scale = sys.argv
        render(Path(home), Path(out), theme, scale)
        return
    folder = Path(sys.argv[1])
    folder.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory() as home:
        fill(home)
        for theme in ("dark", "light"):
            for scale in ("1", "2"):
                env = {**os.environ, "QT_QPA_PLATFORM": "offscreen", "QT_SCALE_FACTOR": scale}
                subprocess.run(
                    [sys.executable, "-m", "tests.shots", home, str(folder), theme, scale],
                    env=env,
                    check=True,
                )
    sheet(folder)


if __name__ == "__main__":
    main()
