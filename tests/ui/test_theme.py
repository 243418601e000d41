"""The theme: readable in dark and light, icons that follow, a style sheet Qt understands."""

from __future__ import annotations

import pytest
from PySide6.QtCore import QSize, QtMsgType, qInstallMessageHandler
from PySide6.QtGui import QColor, QFontDatabase, QImage
from PySide6.QtWidgets import QApplication, QPushButton, QWidget

from studio.core.paths import resources
from studio.ui import icons, theme

THEMES = (theme.DARK, theme.LIGHT)
GROUNDS = ("window", "surface", "raised", "hover", "field", "selected")
WORDS = ("text", "muted", "accent_text")
MARKS = ("danger", "warning", "good", "gold")


@pytest.mark.parametrize("tokens", THEMES, ids=lambda t: t.name)
@pytest.mark.parametrize("ground", GROUNDS)
@pytest.mark.parametrize("word", WORDS)
def test_words_can_be_read_on_every_ground(tokens: theme.Tokens, ground: str, word: str) -> None:
    assert theme.contrast(getattr(tokens, word), getattr(tokens, ground)) >= 4.5


@pytest.mark.parametrize("tokens", THEMES, ids=lambda t: t.name)
@pytest.mark.parametrize("mark", MARKS)
def test_marks_can_be_read_on_cards(tokens: theme.Tokens, mark: str) -> None:
    for ground in ("window", "surface", "raised"):
        assert theme.contrast(getattr(tokens, mark), getattr(tokens, ground)) >= 4.5


@pytest.mark.parametrize("tokens", THEMES, ids=lambda t: t.name)
def test_the_primary_action_can_be_read(tokens: theme.Tokens) -> None:
    assert theme.contrast(tokens.on_accent, tokens.accent) >= 4.5
    assert theme.contrast(tokens.on_accent, tokens.accent_hover) >= 4.5


@pytest.mark.parametrize("tokens", THEMES, ids=lambda t: t.name)
@pytest.mark.parametrize("outline", ["control", "focus"])
def test_outlines_of_controls_can_be_seen(tokens: theme.Tokens, outline: str) -> None:
    for ground in ("window", "surface", "field", "raised"):
        assert theme.contrast(getattr(tokens, outline), getattr(tokens, ground)) >= 3


def test_contrast_is_that_of_wcag() -> None:
    assert theme.contrast("#000000", "#ffffff") == pytest.approx(21)
    assert theme.contrast("#777777", "#ffffff") == pytest.approx(4.48, abs=0.01)


def test_dressing_complains_about_nothing(qapp: QApplication) -> None:
    said: list[str] = []

    def hear(kind: QtMsgType, context: object, message: str) -> None:
        said.append(message)

    before = qInstallMessageHandler(hear)
    try:
        for choice in ("dark", "light", "system", "dark"):
            theme.apply(qapp, choice)
            widget = QPushButton("x")
            widget.show()
            qapp.processEvents()
            widget.close()
    finally:
        qInstallMessageHandler(before)
    assert [m for m in said if "propagateSizeHints" not in m] == []


def test_the_typeface_is_the_bundled_one(dressed: QApplication) -> None:
    assert theme.FONT in QFontDatabase.families()
    assert dressed.font().family() == theme.FONT
    assert dressed.font().pixelSize() == theme.BODY


def test_marks_of_the_style_sheet_are_there(dressed: QApplication) -> None:
    for name in ("dark", "light"):
        for mark in ("chevron-down", "chevron-up", "check"):
            assert (resources() / "icons" / "marks" / f"{mark}-{name}.svg").is_file()


def _colours(image: QImage) -> set[str]:
    opaque = set()
    for y in range(image.height()):
        for x in range(image.width()):
            pixel = image.pixelColor(x, y)
            if pixel.alpha() == 255:
                opaque.add(pixel.name())
    return opaque


def test_icons_follow_the_theme_and_their_role(qapp: QApplication) -> None:
    star, trash = icons.icon("star", "gold", filled=True), icons.icon("trash-2")
    for tokens in THEMES:
        theme.apply(qapp, tokens.name)
        assert tokens.gold in _colours(star.pixmap(QSize(48, 48)).toImage())
        assert tokens.text in _colours(trash.pixmap(QSize(48, 48)).toImage())


def test_icons_are_sharp_on_fine_screens(dressed: QApplication) -> None:
    pixmap = icons.icon("play").pixmap(QSize(20, 20), 2.0)
    assert pixmap.size() == QSize(40, 40)
    assert pixmap.devicePixelRatio() == 2.0


def test_a_copy_of_an_icon_outlives_it(dressed: QApplication) -> None:
    from PySide6.QtGui import QIcon

    copies = [QIcon(icons.icon("search")) for _ in range(200)]
    assert all(not c.pixmap(QSize(16, 16)).isNull() for c in copies)


def test_an_icon_that_is_not_there_is_told(dressed: QApplication) -> None:
    with pytest.raises(FileNotFoundError):
        icons.icon("no-such-icon")


def test_every_bundled_icon_can_be_drawn(dressed: QApplication) -> None:
    names = sorted(p.stem for p in (resources() / "icons").glob("*.svg") if p.stem != "triptych")
    assert len(names) > 60
    for name in names:
        assert _colours(icons.icon(name).pixmap(QSize(24, 24)).toImage()), name


def test_a_widget_changes_with_the_theme(qapp: QApplication) -> None:
    theme.apply(qapp, "light")
    widget = QWidget()
    assert widget.palette().window().color() == QColor(theme.LIGHT.window)
    theme.apply(qapp, "dark")
    qapp.processEvents()
    assert widget.palette().window().color() == QColor(theme.DARK.window)
    assert theme.color("accent") == QColor(theme.DARK.accent)
