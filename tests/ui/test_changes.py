"""What becomes of a picture, and speech: painting a part, larger, without background, aloud."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from PIL import Image
from PySide6.QtCore import QPoint, Qt
from PySide6.QtGui import QImage
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication, QPushButton, QToolButton, QWidget
from pytestqt.qtbot import QtBot

from studio.core.paths import Paths
from studio.ui.panes.audio import AudioPane
from studio.ui.panes.image import ImagePane
from studio.ui.panes.text import TextPane
from studio.ui.widgets.painter import Painter
from studio.ui.widgets.player import Growing
from studio.ui.window import Window
from tests.ui import talkers
from tests.ui.drops import drop
from tests.ui.panes import choose, click, find, items, make, open_window, until, warm

KEY = Qt.Key
CTRL = Qt.KeyboardModifier.ControlModifier


@pytest.fixture
def window(dressed: QApplication, paths: Paths, qtbot: QtBot) -> Iterator[Window]:
    window = open_window(paths, qtbot, talkers.ENTRIES)
    yield window
    window.close()
    window.studio.close()
    window.deleteLater()


@pytest.fixture
def pane(window: Window, qtbot: QtBot) -> ImagePane:
    pane = window.create_page.panes["image"]
    assert isinstance(pane, ImagePane)
    warm(pane, qtbot)
    return pane


@pytest.fixture
def painter(qtbot: QtBot, dressed: QApplication) -> Iterator[Painter]:
    """A painter over a picture of its own."""
    parent = QWidget()
    qtbot.addWidget(parent)
    parent.resize(900, 700)
    parent.show()
    picture = QImage(200, 100, QImage.Format.Format_RGB888)
    picture.fill(Qt.GlobalColor.darkGreen)
    painter = Painter(picture, None, parent)
    painter.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose, False)
    painter.open()
    painter.activateWindow()
    qtbot.waitUntil(painter.canvas.hasFocus)
    yield painter
    painter.close()


def bright(painter: Painter, x: int, y: int) -> bool:
    return painter.canvas.painted().pixelColor(x, y).red() > 127


def test_a_mask_is_painted_with_keys_alone(painter: Painter, qtbot: QtBot) -> None:
    canvas = painter.canvas
    assert canvas.empty
    middle = (100, 50)
    QTest.keyClick(canvas, KEY.Key_Space)
    assert bright(painter, *middle)
    assert not bright(painter, 10, 10)
    QTest.keyPress(canvas, KEY.Key_Space)
    for _ in range(12):
        QTest.keyClick(canvas, KEY.Key_Right)
    QTest.keyRelease(canvas, KEY.Key_Space)
    assert bright(painter, 120, 50)
    for _ in range(3):
        QTest.keyClick(canvas, KEY.Key_Left)
    assert canvas.can_undo
    QTest.keyClick(painter, KEY.Key_Z, CTRL)
    assert (bright(painter, 120, 50), bright(painter, *middle)) == (False, True)
    QTest.keyClick(painter, KEY.Key_Z, CTRL | Qt.KeyboardModifier.ShiftModifier)
    assert bright(painter, 120, 50)
    QTest.keyClick(painter, KEY.Key_I)
    assert (bright(painter, 10, 10), bright(painter, *middle)) == (True, False)
    QTest.keyClick(painter, KEY.Key_Delete)
    assert canvas.empty
    before = canvas.brush
    QTest.keyClick(canvas, KEY.Key_BracketRight)
    assert painter.size_slider.value() == canvas.brush > before
    QTest.keyClick(painter, KEY.Key_I)
    QTest.keyClick(painter, KEY.Key_E)
    assert painter.eraser.isChecked()
    QTest.keyClick(canvas, KEY.Key_Space)
    painted = [x for x in range(200) if not bright(painter, x, 50)]
    assert canvas.brush * 0.8 < len(painted) <= canvas.brush + 1
    QTest.keyClick(painter, KEY.Key_B)
    assert painter.brush.isChecked()


def test_a_mask_is_painted_with_the_mouse_where_it_is_seen(painter: Painter, qtbot: QtBot) -> None:
    canvas = painter.canvas
    QTest.mouseMove(canvas, canvas.rect().center())
    QTest.mouseClick(canvas, Qt.MouseButton.LeftButton, pos=canvas.rect().center())
    assert bright(painter, 100, 50)
    canvas.zoom_in()  # the same place of the picture, also when it is shown larger
    corner = canvas._target().topLeft().toPoint() + QPoint(4, 4)
    QTest.mouseClick(canvas, Qt.MouseButton.LeftButton, pos=corner)
    assert bright(painter, 2, 2)
    QTest.keyClick(painter, KEY.Key_F)
    assert canvas.fits
    masks: list[QImage] = []
    painter.painted.connect(masks.append)
    click(qtbot, painter.done_button)
    [mask] = masks
    assert mask.format() == QImage.Format.Format_Grayscale8
    assert (mask.width(), mask.height()) == (200, 100)


def test_a_part_of_a_picture_is_drawn_anew(pane: ImagePane, qtbot: QtBot) -> None:
    item = make(qtbot, pane, "a sun")
    choose(qtbot, find(pane, QToolButton, "change"), "part")
    until(qtbot, lambda: pane.findChild(Painter) is not None)
    painter = pane.findChild(Painter)
    assert painter is not None
    until(qtbot, painter.canvas.hasFocus)
    QTest.keyClick(painter.canvas, KEY.Key_Space)
    click(qtbot, painter.done_button)
    until(qtbot, lambda: set(pane.composer.files()) == {"picture", "mask"})
    files = pane.composer.files()
    assert files["picture"] == item.main
    assert files["mask"].is_relative_to(pane.studio.paths.library)
    with Image.open(files["mask"]) as mask:
        assert (mask.mode, mask.size) == ("L", (96, 64))
        assert mask.getpixel((48, 32)) == 255
        assert mask.getpixel((2, 2)) == 0
    pane.window().activateWindow()  # not every platform of tests does that after a dialog
    made = make(qtbot, pane, "with a hat")
    assert made.summary["note"] == "with mask, picture"
    # Again comes back with both, from the recipe alone.
    pane.apply_recipe(made.recipe)
    assert set(pane.composer.files()) == {"picture", "mask"}


def test_a_picture_that_is_dropped_goes_in(pane: ImagePane, qtbot: QtBot, tmp_path: Path) -> None:
    photo = tmp_path / "photo.jpg"
    Image.new("RGB", (40, 30), "teal").save(photo)
    drop(pane, photo)
    until(qtbot, lambda: pane.composer.files() == {"picture": photo})
    item = make(qtbot, pane, "a sun")
    pane.composer.prompt.set_text("")
    drop(pane, item.main)  # what was made here gives its recipe
    until(qtbot, lambda: pane.composer.prompt.text() == "a sun")


def test_a_picture_is_made_larger_at_a_click(pane: ImagePane, qtbot: QtBot) -> None:
    item = make(qtbot, pane, "a sun")
    pane.composer.set_values({"prompt": "what I write next"})
    choose(qtbot, find(pane, QToolButton, "change"), "larger")
    until(qtbot, lambda: len(items(pane)) == 2 and not pane.busy)
    larger = items(pane)[0]
    assert (larger.summary["width"], larger.summary["height"]) == (192, 128)
    assert set(larger.recipe.inputs) == {"picture"}
    assert larger.recipe.model == item.recipe.model
    assert pane.composer.prompt.text() == "what I write next"
    until(qtbot, lambda: pane.current() == larger)
    # There is no model that removes backgrounds: it is said what to do.
    choose(qtbot, find(pane, QToolButton, "change"), "background")
    [notice] = pane.studio.notices.shown
    assert "Models page" in notice.hint
    # A family without a prompt is chosen, and its first setting has the focus.
    pane.open_item(larger)
    assert pane.chooser.spec == talkers.UPSCALE
    assert not pane.composer.prompt.isVisible()
    pane.apply_recipe(larger.recipe)
    assert set(pane.composer.files()) == {"picture"}
    with qtbot.waitSignal(pane.follower.finished, timeout=20_000):
        click(qtbot, pane.composer.button)
    assert len(items(pane)) == 3
    assert pane.chooser.choose("image.diffusion", item.recipe.model)
    assert pane.composer.prompt.text() == "what I write next"  # shared settings are kept
    assert set(pane.composer.files()) == {"picture"}


def test_a_text_is_read_aloud(window: Window, qtbot: QtBot) -> None:
    text, audio = window.create_page.panes["text"], window.create_page.panes["audio"]
    assert isinstance(text, TextPane)
    assert isinstance(audio, AudioPane)
    warm(text, qtbot)
    warm(audio, qtbot)
    assert audio.chooser.spec is not None
    assert audio.chooser.spec.id == "audio.small"
    make(qtbot, text, "a mouse", length=30)
    until(qtbot, lambda: text.text.count() == 30)
    audio.composer.set_values({"pace": 0.3})
    heard: list[bool] = []
    audio.follower.previewed.connect(lambda _p: heard.append(audio.player.live))
    choose(qtbot, find(text, QToolButton, "send"), "read-aloud")
    until(qtbot, lambda: len(items(audio)) == 1 and not audio.busy)
    spoken = items(audio)[0]
    assert spoken.recipe.family == "audio.speech"
    assert spoken.recipe.values["prompt"] == text.text.text().strip()
    assert any(heard)  # it could be heard while it was made
    until(qtbot, lambda: audio.view == "items" and not audio.player.live)


def test_a_voice_asks_for_a_text_and_no_wish(window: Window, qtbot: QtBot) -> None:
    audio = window.create_page.panes["audio"]
    assert isinstance(audio, AudioPane)
    warm(audio, qtbot)
    offer = audio.stock.of("audio.speech")[0]
    assert audio.chooser.choose(offer.spec.id, offer.model)
    assert audio.idle_words() == "Write above what is to be read aloud."


def test_sound_that_grows_is_read_as_far_as_it_goes() -> None:
    sound = Growing(8000)
    assert (sound.frames, sound.read(10), sound.whole) == (0, b"", False)
    sound.push(b"\x01\x02\x03\x04\x05")
    assert (sound.frames, sound.read(10), sound.read(10)) == (2, b"\x01\x02\x03\x04", b"")
    sound.push(b"\x06")
    assert sound.read(10) == b"\x05\x06"
    sound.seek(1)
    assert sound.read(1) == b"\x03\x04"
    sound.close()
    assert sound.whole


def test_without_a_voice_it_says_so(
    dressed: QApplication, paths: Paths, qtbot: QtBot, tmp_path: Path
) -> None:
    mute = [e for e in talkers.ENTRIES if e.id != "audio.speech"]
    window = open_window(paths, qtbot, mute)
    text = window.create_page.panes["text"]
    assert isinstance(text, TextPane)
    warm(text, qtbot)
    make(qtbot, text, "a mouse")
    choose(qtbot, find(text, QToolButton, "send"), "read-aloud")
    until(qtbot, lambda: bool(window.studio.notices.shown))
    assert "voice" in window.studio.notices.shown[0].message
    assert any(b.text() == "Open Models" for b in window.findChildren(QPushButton))
    window.close()
    window.studio.close()
    window.deleteLater()
