"""The canvas as it is used: wheel, keys and mouse."""

from __future__ import annotations

from pathlib import Path

import pytest
from PySide6.QtCore import QPoint, QPointF, QSize, Qt
from PySide6.QtGui import QColor, QDrag, QImage, QWheelEvent
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication
from pytestqt.qtbot import QtBot

from studio.ui.widgets.canvas import FIT_LIMIT, MAX_ZOOM, Canvas
from studio.ui.widgets.chequer import SQUARES
from studio.ui.widgets.resample import resampled


def picture(width: int = 200, height: int = 100) -> QImage:
    """Red on the left half, blue on the right."""
    image = QImage(width, height, QImage.Format.Format_RGB888)
    image.fill(QColor("red"))
    for x in range(width // 2, width):
        for y in range(height):
            image.setPixelColor(x, y, QColor("blue"))
    return image


@pytest.fixture
def canvas(dressed: QApplication, qtbot: QtBot) -> Canvas:
    canvas = Canvas()
    qtbot.addWidget(canvas)
    canvas.resize(424, 424)
    canvas.set_image(picture())
    canvas.show()
    canvas.activateWindow()
    canvas.setFocus()
    qtbot.waitUntil(canvas.hasFocus)
    return canvas


def wheel(canvas: Canvas, at: QPointF, notches: int) -> None:
    event = QWheelEvent(
        at,
        canvas.mapToGlobal(at),
        QPoint(),
        QPoint(0, 120 * notches),
        Qt.MouseButton.NoButton,
        Qt.KeyboardModifier.NoModifier,
        Qt.ScrollPhase.NoScrollPhase,
        False,
    )
    QApplication.sendEvent(canvas, event)


def drag(canvas: Canvas, start: QPoint, end: QPoint, button: Qt.MouseButton) -> None:
    QTest.mousePress(canvas, button, pos=start)
    QTest.mouseMove(canvas, (start + end) / 2)
    QTest.mouseMove(canvas, end)
    QTest.mouseRelease(canvas, button, pos=end)


def test_a_picture_fits_at_first_and_keeps_fitting(canvas: Canvas, qtbot: QtBot) -> None:
    assert canvas.fits
    assert canvas.zoom == pytest.approx(2.0)  # 400 pixels of room for 200
    canvas.resize(224, 224)
    qtbot.waitUntil(lambda: canvas.zoom == pytest.approx(1.0))
    assert canvas.fits


def test_a_small_picture_is_not_blown_up_without_end(canvas: Canvas) -> None:
    canvas.set_image(picture(16, 16))
    assert canvas.zoom == pytest.approx(FIT_LIMIT)


def test_the_keys_zoom_and_fit(canvas: Canvas, qtbot: QtBot) -> None:
    with qtbot.waitSignal(canvas.zoom_changed):
        QTest.keyClick(canvas, Qt.Key.Key_Plus)
    assert canvas.zoom == pytest.approx(2.5)
    assert not canvas.fits
    QTest.keyClick(canvas, Qt.Key.Key_Minus, Qt.KeyboardModifier.ControlModifier)
    assert canvas.zoom == pytest.approx(2.0)
    QTest.keyClick(canvas, Qt.Key.Key_1)
    assert canvas.zoom == pytest.approx(1.0)
    QTest.keyClick(canvas, Qt.Key.Key_F)
    qtbot.waitUntil(lambda: canvas.fits)
    for _ in range(60):
        QTest.keyClick(canvas, Qt.Key.Key_Plus)
    assert canvas.zoom == pytest.approx(MAX_ZOOM)


def test_the_wheel_zooms_about_the_pointer(canvas: Canvas) -> None:
    # Right of the middle lies blue; what is below the pointer stays below it.
    at = QPointF(330, 212)
    before = canvas.grab().toImage().pixelColor(330, 212)
    wheel(canvas, at, 4)
    assert canvas.zoom > 4
    assert before == QColor("blue")
    assert canvas.grab().toImage().pixelColor(330, 212) == QColor("blue")
    assert canvas.centre.x() > 100  # the view moved to the right


def test_arrows_and_the_mouse_move_a_large_picture(canvas: Canvas, qtbot: QtBot) -> None:
    canvas.zoom_to(8.0)
    start = canvas.centre
    QTest.keyClick(canvas, Qt.Key.Key_Right)
    assert canvas.centre.x() > start.x()
    held = canvas.centre
    drag(canvas, QPoint(200, 200), QPoint(280, 200), Qt.MouseButton.LeftButton)
    assert canvas.centre.x() == pytest.approx(held.x() - 10)  # 80 pixels at 8:1
    for _ in range(40):
        QTest.keyClick(canvas, Qt.Key.Key_Left)
    assert canvas.centre.x() == pytest.approx(canvas.width() / 8 / 2)  # no further than its edge


def test_space_moves_instead_of_dragging_out(
    canvas: Canvas, qtbot: QtBot, monkeypatch: pytest.MonkeyPatch
) -> None:
    dragged: list[bool] = []
    monkeypatch.setattr(canvas, "drag_out", lambda: dragged.append(True))
    QTest.keyPress(canvas, Qt.Key.Key_Space)
    drag(canvas, QPoint(200, 200), QPoint(300, 200), Qt.MouseButton.LeftButton)
    QTest.keyRelease(canvas, Qt.Key.Key_Space)
    assert not dragged
    drag(canvas, QPoint(200, 200), QPoint(300, 200), Qt.MouseButton.LeftButton)
    assert dragged


def test_dragging_out_gives_the_file_and_the_pixels(
    canvas: Canvas, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "a picture.png"
    given: list[tuple[list[str], bool]] = []

    def take(self: QDrag, *_: object) -> Qt.DropAction:
        data = self.mimeData()
        given.append(([u.toLocalFile() for u in data.urls()], data.hasImage()))
        return Qt.DropAction.CopyAction

    # The desktop's own loop would wait for a real drop.
    monkeypatch.setattr(QDrag, "exec", take)
    canvas.set_image(picture(), file)
    drag(canvas, QPoint(200, 200), QPoint(300, 260), Qt.MouseButton.LeftButton)
    assert given == [([str(file)], True)]


def test_double_click_looks_closer_and_back(canvas: Canvas, qtbot: QtBot) -> None:
    QTest.mouseDClick(canvas, Qt.MouseButton.LeftButton, pos=QPoint(212, 212))
    assert canvas.zoom == pytest.approx(4.0)
    QTest.mouseDClick(canvas, Qt.MouseButton.LeftButton, pos=QPoint(212, 212))
    assert canvas.fits


def test_another_picture_of_the_same_size_keeps_the_view(canvas: Canvas) -> None:
    canvas.zoom_to(5.0)
    canvas.set_image(picture())
    assert canvas.zoom == pytest.approx(5.0)
    canvas.set_image(picture(50, 50))
    assert canvas.fits


def test_a_finished_picture_becomes_crisp(canvas: Canvas, qtbot: QtBot) -> None:
    # At the border of the colours Lanczos is steeper than the painter's own enlarging.
    canvas.set_image(picture(16, 16), live=True)
    quick = canvas.grab().toImage()
    canvas.set_image(picture(16, 16))
    qtbot.waitUntil(lambda: canvas.grab().toImage() != quick)
    assert canvas.grab().toImage().pixelColor(180, 212) == QColor("red")


def test_enlarging_keeps_the_colours() -> None:
    large = resampled(picture(64, 64), QSize(512, 512))
    assert large.size() == QSize(512, 512)
    assert large.pixelColor(20, 256).red() > 250
    assert large.pixelColor(490, 256).blue() > 250


def test_nothing_to_show_is_no_matter(canvas: Canvas, qtbot: QtBot) -> None:
    canvas.clear()
    for key in (Qt.Key.Key_Plus, Qt.Key.Key_F, Qt.Key.Key_1, Qt.Key.Key_Left):
        QTest.keyClick(canvas, key)
    drag(canvas, QPoint(200, 200), QPoint(300, 200), Qt.MouseButton.LeftButton)
    assert canvas.image.isNull()


def test_what_is_transparent_lets_squares_through(canvas: Canvas, qtbot: QtBot) -> None:
    sticker = QImage(32, 32, QImage.Format.Format_RGBA8888)
    sticker.fill(QColor(0, 0, 0, 0))
    for x in range(16):
        for y in range(32):
            sticker.setPixelColor(x, y, QColor("red"))
    canvas.set_image(sticker)
    canvas.actual()

    def colours(left: int) -> set[str]:
        shown = canvas.grab().toImage()
        middle = (shown.width() // 2, shown.height() // 2)
        spots = [(middle[0] + left + x, middle[1] + y) for x in (3, 11) for y in (-12, -4, 4)]
        return {shown.pixelColor(*spot).name() for spot in spots}

    assert colours(0) == set(SQUARES)
    assert colours(-16) == {"#ff0000"}
    canvas.set_image(picture(32, 32))
    assert colours(0) == {"#0000ff"}
