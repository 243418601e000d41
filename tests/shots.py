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


def render_talk(home: Path, out: Path, theme: str, scale: str) -> None:
    """Conversations, presets, the painter and models laid over, on the small families of the
    window's tests: no starter model can do these."""
    from functools import partial

    from PySide6.QtCore import QPoint, Qt
    from PySide6.QtTest import QTest
    from PySide6.QtWidgets import QApplication

    from studio.core.paths import Paths
    from studio.core.settings import SettingsFile
    from studio.engine.supervisor import Supervisor
    from studio.ui.app import build
    from studio.ui.panes.image import ImagePane
    from studio.ui.panes.text import TextPane
    from studio.ui.stock import Further
    from studio.ui.widgets.painter import Painter
    from tests.engine import faults
    from tests.ui import talkers

    app = QApplication(["triptych"])
    paths = Paths.below(home)
    faults.install_model(paths.models)
    file = SettingsFile(paths.settings_file)
    file.save(replace(file.load().settings, theme=theme))  # type: ignore[arg-type]
    window = build(paths, begin=partial(Supervisor, entries=talkers.ENTRIES))
    text, image = window.create_page.panes["text"], window.create_page.panes["image"]
    assert isinstance(text, TextPane)
    assert isinstance(image, ImagePane)

    def wait(until: Callable[[], Any], patience: float = 30.0) -> None:
        end = time.monotonic() + patience
        while not until() and time.monotonic() < end:
            app.processEvents()
            time.sleep(0.005)

    def shoot(name: str, widget: Any = window) -> None:
        begun = time.monotonic()
        wait(lambda: time.monotonic() - begun > 0.6)
        widget.grab().save(str(out / f"{name}-{theme}-{scale}x.png"))

    window.resize(*SIZES["wide"])
    window.show()
    window.activateWindow()
    window.studio.engine.warm("text")
    wait(lambda: all(p.composer.button.isEnabled() for p in (text, image)))

    image.composer.prompt.set_text("a sun")
    image.primary()
    text.composer.set_values({"kind": "chat"})
    for words in ("Who are you?", f"Tell me of the\n{LONG}.", "قطة صغيرة في القمر 🌙"):
        text.composer.prompt.set_text(words)
        QTest.keyClick(text.composer.prompt, Qt.Key.Key_Return)
        wait(lambda: text.view == "items" and not text.busy)
    wait(lambda: image.view == "items" and not image.busy)
    image.composer.form.show_more()
    image.composer.unfold()
    image.composer.set_stock({}, {"lora": (Further("ink", "Ink"), Further("oil", LONG))})
    image.composer.set_values({"lora": "ink:0.8, oil:0.35"})
    shoot("chat")
    text.tasks.button.menu.popup(text.tasks.button.mapToGlobal(QPoint(0, 30)))
    shoot("presets", text.tasks.button.menu)
    text.tasks.button.menu.close()
    text.talk.view.views[2].edit.click()
    window.show_pane("text")
    shoot("chat-edit")
    window.resize(*SIZES["narrow"])
    shoot("chat-narrow")
    window.resize(*SIZES["wide"])
    window.show_pane("image")
    image.composer.form.put_file("picture", image.items[0].main)
    image.composer.mask_wanted.emit("mask")
    wait(lambda: image.findChild(Painter) is not None)
    painter = image.findChild(Painter)
    if painter is not None:
        place = painter.canvas.rect().center()
        QTest.mousePress(painter.canvas, Qt.MouseButton.LeftButton, pos=place)
        for step in range(12):
            QTest.mouseMove(painter.canvas, place + QPoint(9 * step, 5 * step))
            app.processEvents()
        QTest.mouseRelease(painter.canvas, Qt.MouseButton.LeftButton, pos=place)
        shoot("painter", painter)
        painter.done_button.click()
    shoot("image-wide")
    text.composer.set_values({"kind": "story", "length": 30})
    text.composer.prompt.set_text("a mouse")
    window.show_pane("text")
    text.primary()
    wait(lambda: text.view == "items" and not text.busy and text.text.count() == 30)
    text.text.setFocus()
    QTest.keyClick(text.text, Qt.Key.Key_Space, Qt.KeyboardModifier.ControlModifier)
    wait(lambda: text.wording.popup.words())
    shoot("other-words")
    window.close()
    window.studio.close()


def render_hub(home: Path, out: Path, theme: str, scale: str) -> None:
    """What can be had and what is on its way, told by a courier of the window's tests: no network
    and no hub are needed to see it."""
    from PySide6.QtWidgets import QApplication, QPushButton, QScrollArea, QWidget

    from studio.core.errors import StudioError
    from studio.core.family import KINDS
    from studio.core.paths import Paths
    from studio.core.settings import SettingsFile
    from studio.ui.app import build
    from studio.ui.panes.discover import DiscoverView
    from studio.ui.widgets.searchbar import Sought
    from tests.ui import hubs
    from tests.ui.hubs import GB, Stand

    app = QApplication(["triptych"])
    paths = Paths.below(home)
    file = SettingsFile(paths.settings_file)
    file.save(replace(file.load().settings, theme=theme))  # type: ignore[arg-type]
    stand = Stand()
    window = build(paths, courier=stand)
    engine = window.studio.engine

    def wait(until: Callable[[], Any], patience: float = 30.0) -> None:
        end = time.monotonic() + patience
        while not until() and time.monotonic() < end:
            app.processEvents()
            time.sleep(0.005)

    def shoot(name: str) -> None:
        begun = time.monotonic()
        wait(lambda: time.monotonic() - begun > 0.6)
        window.grab().save(str(out / f"hub-{name}-{theme}-{scale}x.png"))

    window.resize(*SIZES["wide"])
    window.show()
    window.activateWindow()
    for kind in KINDS:
        engine.warm(kind)
    wait(lambda: all(engine.families(kind) for kind in KINDS))
    window.studio.show_models("discover")
    view = window.findChild(DiscoverView, "discover-view")
    link = stand.link
    assert view is not None
    assert link is not None
    shoot("discover")
    window.studio.change(stay_offline=True)
    shoot("offline")
    window.studio.change(stay_offline=False)
    long = hubs.found(f"lake/{LONG}", title=LONG, author=LONG, licence="cc-by-nc-4.0")
    view.search.choose(Sought(words="heron"))
    some = [hubs.found(f"lake/heron-{n}", KINDS[n % 3], gated=n == 4) for n in range(20)]
    link.answer("search", (long, *some))
    shoot("search")
    view.open(long)
    shoot("page-asking")
    ways = (
        hubs.variant("cpu-int4", 2 * GB, title="4 bits, for the processor"),
        hubs.variant("cuda-fp16", 7 * GB, "no", problem=f"It is made for {LONG}."),
        hubs.variant("fp32", 15 * GB, "slow", title="32 bits", files=900),
    )
    link.answer("page", hubs.page(long, *ways))
    shoot("page")
    for name in ("files-fold", "refused-fold"):
        fold = view.findChild(QPushButton, name)
        assert fold is not None
        fold.click()
    window.resize(*SIZES["narrow"])
    shoot("page-narrow")
    window.resize(*SIZES["wide"])
    view.open(some[4])
    link.answer("page", hubs.page(some[4]))
    shoot("gated")
    link.acts["page"] = _gone
    view.open(some[5])
    shoot("page-failed")
    view.show_list()
    for words, answer in (("owl", ()), ("crow", StudioError("There is no network.", "Wait."))):
        view.search.choose(Sought(words=words))
        link.answer("search", answer)
        shoot("nothing" if answer == () else "no-network")
    window.studio.show_models("downloads")
    shoot("no-downloads")
    link.tell(
        hubs.download("lake/heron"),
        hubs.download("lake/rain", kind="audio", state="paused", speed=0.0),
        hubs.download(
            "lake/crow", kind="image", state="failed", message="The line was cut.", hint="Wait."
        ),
        hubs.download("lake/owl", state="waiting", done=0, speed=0.0),
        hubs.download(f"lake/{LONG}", title=LONG, state="verifying", done=2 * GB),
        hubs.download("lake/wren", state="done", done=2 * GB, speed=0.0),
    )
    shoot("downloads")
    window.resize(*SIZES["narrow"])
    shoot("downloads-narrow")
    window.studio.show_models("discover")
    view.search.clear()
    shoot("discover-narrow")
    window.resize(*SIZES["wide"])
    window.studio.show_page.emit("settings")
    area = window.findChild(QWidget, "settings-pane").findChild(QScrollArea)
    account = window.findChild(QPushButton, "account")
    assert account is not None
    account.click()
    area.verticalScrollBar().setValue(420)
    shoot("settings")
    window.close()
    window.studio.close()


def _gone(*_: object) -> object:
    from studio.core.errors import StudioError

    raise StudioError("This model is gone from the hub.", "Look for another one.")


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
    if len(sys.argv) == 6:
        _, what, home, out, theme, scale = sys.argv
        draw = {"talk": render_talk, "hub": render_hub}.get(what, render)
        draw(Path(home), Path(out), theme, scale)
        return
    folder = Path(sys.argv[1])
    folder.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory() as home:
        fill(home)
        for theme in ("dark", "light"):
            for scale in ("1", "2"):
                env = {**os.environ, "QT_QPA_PLATFORM": "offscreen", "QT_SCALE_FACTOR": scale}
                for what in ("all", "talk", "hub"):
                    own = home if what == "all" else str(Path(home) / what)
                    subprocess.run(
                        [sys.executable, "-m", "tests.shots", what, own, str(folder), theme, scale],
                        env=env,
                        check=True,
                    )
    sheet(folder)


if __name__ == "__main__":
    main()
