"""How the window looks: colour tokens, the palette and the style sheet made from them."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Literal

from PySide6.QtCore import Qt
from PySide6.QtGui import QColor, QFont, QFontDatabase, QGuiApplication, QPalette
from PySide6.QtWidgets import QApplication

from studio.core.paths import resources
from studio.ui.stylesheet import stylesheet

Choice = Literal["dark", "light", "system"]

HAIR, GAP, INSET, PAD, SPACE = 4, 8, 12, 16, 24
"""The grid, in device-independent pixels: within a control, between, in a card, in a page."""

SMALL, BODY, LEAD, TITLE = 12, 13, 15, 20
"""The type scale, in pixels."""

RADIUS = 8
FONT = "Inter"
_FACES = ("Inter-Regular.otf", "Inter-Medium.otf", "Inter-SemiBold.otf", "Inter-Italic.otf")
_PROPERTY = "triptych-theme"


@dataclass(frozen=True, slots=True)
class Tokens:
    """Every colour of the window by what it is for, as #rrggbb."""

    name: Literal["dark", "light"]
    window: str
    """Behind everything."""
    surface: str
    """Cards and panes."""
    raised: str
    """Buttons, and what the pointer is over in a list."""
    hover: str
    """A button under the pointer."""
    field: str
    """Where one types."""
    line: str
    """Hairlines that only part things."""
    control: str
    """Outlines that say: this can be used."""
    text: str
    muted: str
    accent: str
    """The fill of the one primary action; progress; what is selected."""
    accent_hover: str
    on_accent: str
    accent_text: str
    """The accent where it is read: links, active marks."""
    selected: str
    """Behind a selected row whose text stays `text`."""
    focus: str
    danger: str
    warning: str
    good: str
    gold: str
    """Stars."""
    stage: str
    """Behind a picture, so that neither dark nor light ones drown."""


DARK = Tokens(
    name="dark",
    window="#131418",
    surface="#1b1d22",
    raised="#272a31",
    hover="#31353e",
    field="#15171b",
    line="#2c3038",
    control="#757c8a",
    text="#eceef2",
    muted="#a3a9b5",
    accent="#8098ff",
    accent_hover="#97abff",
    on_accent="#0b1024",
    accent_text="#a3b4ff",
    selected="#2a3354",
    focus="#a9b9ff",
    danger="#ff8080",
    warning="#f2b84b",
    good="#6fd08c",
    gold="#f2b84b",
    stage="#0d0e11",
)
LIGHT = Tokens(
    name="light",
    window="#f2f3f5",
    surface="#ffffff",
    raised="#eceef1",
    hover="#e0e3e8",
    field="#ffffff",
    line="#dcdfe5",
    control="#7f8592",
    text="#16181d",
    muted="#565c69",
    accent="#3651d4",
    accent_hover="#2a43bd",
    on_accent="#ffffff",
    accent_text="#2f49c6",
    selected="#dfe5ff",
    focus="#3651d4",
    danger="#b3261e",
    warning="#8a5a00",
    good="#1b6e3a",
    gold="#855800",
    stage="#e6e8ec",
)


def contrast(a: str, b: str) -> float:
    """The contrast of two #rrggbb colours, 1 to 21 (WCAG 2.2, relative luminance)."""

    def luminance(colour: str) -> float:
        def linear(value: int) -> float:
            c = value / 255
            return c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4

        red, green, blue = (linear(int(colour[i : i + 2], 16)) for i in (1, 3, 5))
        return 0.2126 * red + 0.7152 * green + 0.0722 * blue

    low, high = sorted((luminance(a), luminance(b)))
    return (high + 0.05) / (low + 0.05)


def resolve(choice: str) -> Tokens:
    """The tokens of a choice; "system" (and anything unknown) asks the desktop."""
    if choice == "dark":
        return DARK
    if choice == "light":
        return LIGHT
    scheme = QGuiApplication.styleHints().colorScheme()
    return LIGHT if scheme == Qt.ColorScheme.Light else DARK


def tokens() -> Tokens:
    """The tokens in use now, for widgets that paint themselves. Ask in every paint."""
    app = QGuiApplication.instance()
    return LIGHT if app is not None and app.property(_PROPERTY) == "light" else DARK


def color(token: str, alpha: int = 255) -> QColor:
    """A token's colour now, by the token's name; `alpha` 0 to 255."""
    result = QColor(getattr(tokens(), token))
    result.setAlpha(alpha)
    return result


def apply(app: QApplication, choice: str) -> Tokens:
    """Dress the whole application. Again at any time; widgets get a PaletteChange."""
    hints = app.styleHints()
    # So that title bars and file dialogs follow; "system" gives the say back to the desktop.
    if choice == "dark":
        hints.setColorScheme(Qt.ColorScheme.Dark)
    elif choice == "light":
        hints.setColorScheme(Qt.ColorScheme.Light)
    else:
        hints.unsetColorScheme()
    wanted = resolve(choice)
    if app.property(_PROPERTY) is None:
        app.setStyle("Fusion")
        load_fonts()
        font = QFont(FONT)
        font.setPixelSize(BODY)
        app.setFont(font)
    elif app.property(_PROPERTY) == wanted.name:
        return wanted
    app.setProperty(_PROPERTY, wanted.name)
    app.setPalette(palette(wanted))
    app.setStyleSheet(stylesheet(asdict(wanted)))
    return wanted


def load_fonts() -> None:
    """Make the bundled typeface known to Qt; a missing file leaves the system's own font."""
    for face in _FACES:
        QFontDatabase.addApplicationFont(str(resources() / "fonts" / face))


def palette(t: Tokens) -> QPalette:
    """The Qt palette of the tokens."""
    role = QPalette.ColorRole
    result = QPalette()
    for where, colour in (
        (role.Window, t.window),
        (role.Base, t.field),
        (role.AlternateBase, t.raised),
        (role.Button, t.raised),
        (role.ToolTipBase, t.raised),
        (role.Text, t.text),
        (role.WindowText, t.text),
        (role.ButtonText, t.text),
        (role.BrightText, t.text),
        (role.ToolTipText, t.text),
        (role.PlaceholderText, t.muted),
        (role.Highlight, t.accent),
        (role.HighlightedText, t.on_accent),
        (role.Accent, t.accent),
        (role.Link, t.accent_text),
        (role.LinkVisited, t.accent_text),
        (role.Light, t.hover),
        (role.Midlight, t.raised),
        (role.Mid, t.line),
        (role.Dark, t.line),
        (role.Shadow, t.window),
    ):
        result.setColor(where, QColor(colour))
    for where in (role.Text, role.WindowText, role.ButtonText, role.PlaceholderText):
        result.setColor(QPalette.ColorGroup.Disabled, where, QColor(t.control))
    result.setColor(QPalette.ColorGroup.Disabled, role.Highlight, QColor(t.control))
    return result
