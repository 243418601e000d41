"""The style sheet: what Fusion and the palette leave plain. Chosen by dynamic properties.

QFrame[card="true"] · QPushButton[kind="primary"|"quiet"|"danger"|"chip"] ·
QToolButton[kind="icon"|"rail"|"tab"] · QLabel[role="muted"|"small"|"heading"|"lead"|"title"] ·
QProgressBar[thin="true"]
"""

from __future__ import annotations

from collections.abc import Mapping
from string import Template

from studio.core.paths import resources

# Borders become 2 px on focus, and the padding gives way by 1 px, so that nothing moves.
_QSS = Template("""
QToolTip { background: $raised; color: $text; border: 1px solid $control; padding: 4px 8px; }

QFrame[card="true"] { background: $surface; border: 1px solid $line; border-radius: 12px; }
QFrame[card="flat"] { background: $surface; border: none; border-radius: 12px; }
QFrame[turn="user"] { background: $raised; border: none; border-radius: 12px; }
QFrame[turn="assistant"] { background: transparent; border: none; }
QFrame[line="h"] { background: $line; border: none; min-height: 1px; max-height: 1px; }
QFrame[line="v"] { background: $line; border: none; min-width: 1px; max-width: 1px; }

QLabel { background: transparent; }
QLabel[role="small"] { color: $muted; font-size: 12px; }
QLabel[role="muted"] { color: $muted; }
QLabel[role="heading"] { font-size: 13px; font-weight: 600; }
QLabel[role="lead"] { font-size: 15px; font-weight: 600; }
QLabel[role="title"] { font-size: 20px; font-weight: 600; }
QLabel[role="danger"] { color: $danger; }
QLabel[role="warning"] { color: $warning; }
QLabel[role="good"] { color: $good; }

QPushButton { background: $raised; border: 1px solid $line; border-radius: 8px;
    padding: 6px 14px; min-height: 18px; color: $text; }
QPushButton:hover { background: $hover; }
QPushButton:pressed { background: $line; }
QPushButton:checked { background: $selected; border-color: $accent; }
QPushButton:focus { border: 2px solid $focus; padding: 5px 13px; }
QPushButton:disabled { color: $control; background: $surface; border-color: $line; }
QPushButton[kind="primary"] { background: $accent; color: $on_accent; border: 1px solid $accent;
    font-weight: 600; padding: 8px 18px; }
QPushButton[kind="primary"]:hover { background: $accent_hover; border-color: $accent_hover; }
QPushButton[kind="primary"]:focus { border: 2px solid $text; padding: 7px 17px; }
QPushButton[kind="primary"]:disabled { background: $raised; color: $muted; border-color: $line; }
QPushButton[kind="quiet"] { background: transparent; border: 1px solid transparent;
    padding: 6px 10px; }
QPushButton[kind="quiet"]:hover { background: $raised; }
QPushButton[kind="quiet"]:checked { background: $selected; }
QPushButton[kind="quiet"]:focus { border: 2px solid $focus; padding: 5px 9px; }
QPushButton[kind="danger"] { color: $danger; border-color: $danger; background: transparent; }
QPushButton[kind="danger"]:hover { background: $raised; }
QPushButton[kind="danger"]:focus { border: 2px solid $danger; }
QPushButton[kind="chip"] { background: $raised; border: 1px solid $line; border-radius: 14px;
    padding: 4px 12px; text-align: left; }
QPushButton[kind="chip"]:hover { background: $hover; border-color: $control; }
QPushButton[kind="chip"]:checked { background: $selected; border-color: $accent; }
QPushButton[kind="chip"]:focus { border: 2px solid $focus; padding: 3px 11px; }
QPushButton[kind="disclosure"] { background: transparent; border: 1px solid transparent;
    padding: 4px 4px; text-align: left; color: $muted; }
QPushButton[kind="disclosure"]:hover { color: $text; }
QPushButton[kind="disclosure"]:focus { border: 2px solid $focus; padding: 3px 3px; }

QToolButton { background: transparent; border: 2px solid transparent; border-radius: 8px;
    padding: 4px; }
QToolButton:hover { background: $raised; }
QToolButton:pressed { background: $line; }
QToolButton:checked { background: $selected; }
QToolButton:focus { border-color: $focus; }
QToolButton:disabled { color: $control; }
QToolButton::menu-indicator { image: none; }
QToolButton[kind="rail"] { border-radius: 10px; padding: 6px 2px; color: $muted; font-size: 11px;
    font-weight: 500; }
QToolButton[kind="rail"]:checked { background: $raised; color: $text; }
QToolButton[kind="rail"]:hover { color: $text; }
QToolButton[kind="tab"] { border-radius: 8px; padding: 6px 14px; color: $muted; font-weight: 500; }
QToolButton[kind="tab"]:checked { background: $raised; color: $text; }
QToolButton[kind="status"] { padding: 1px 6px; border-radius: 6px; color: $muted;
    font-size: 12px; }
QToolButton[kind="status"]:hover, QToolButton[kind="status"]:checked { color: $text; }

QLineEdit, QPlainTextEdit, QTextEdit, QSpinBox, QDoubleSpinBox, QComboBox, QDateEdit {
    background: $field; border: 1px solid $control; border-radius: 8px; color: $text;
    selection-background-color: $accent; selection-color: $on_accent; }
QLineEdit, QDateEdit { padding: 6px 9px; min-height: 18px; }
QPlainTextEdit, QTextEdit { padding: 6px 6px; }
QSpinBox, QDoubleSpinBox { padding: 5px 0 5px 0; min-height: 20px; }
QComboBox { padding: 6px 9px; min-height: 18px; combobox-popup: 0; }
QLineEdit:focus, QDateEdit:focus { border: 2px solid $focus; padding: 5px 8px; }
QPlainTextEdit:focus, QTextEdit:focus { border: 2px solid $focus; padding: 5px 5px; }
QSpinBox:focus, QDoubleSpinBox:focus { border: 2px solid $focus; padding: 4px 0 4px 0; }
QComboBox:focus { border: 2px solid $focus; padding: 5px 8px; }
QLineEdit:disabled, QPlainTextEdit:disabled, QSpinBox:disabled, QDoubleSpinBox:disabled,
QComboBox:disabled { color: $control; border-color: $line; background: $surface; }
QTextEdit[bare="true"], QPlainTextEdit[bare="true"], QTextBrowser[bare="true"] {
    border: none; background: transparent; padding: 0; }
QComboBox::drop-down { border: none; width: 26px; }
QComboBox::down-arrow { image: url($marks/chevron-down-$name.svg); width: 16px; height: 16px; }
QSpinBox::up-button, QDoubleSpinBox::up-button, QSpinBox::down-button,
QDoubleSpinBox::down-button { subcontrol-origin: border; width: 22px; border: none;
    background: transparent; }
QSpinBox::up-button, QDoubleSpinBox::up-button { subcontrol-position: top right;
    margin: 2px 2px 0 0; border-top-right-radius: 6px; }
QSpinBox::down-button, QDoubleSpinBox::down-button { subcontrol-position: bottom right;
    margin: 0 2px 2px 0; border-bottom-right-radius: 6px; }
QSpinBox::up-button:hover, QDoubleSpinBox::up-button:hover, QSpinBox::down-button:hover,
QDoubleSpinBox::down-button:hover { background: $hover; }
QSpinBox::up-arrow, QDoubleSpinBox::up-arrow { image: url($marks/chevron-up-$name.svg);
    width: 12px; height: 12px; }
QSpinBox::down-arrow, QDoubleSpinBox::down-arrow { image: url($marks/chevron-down-$name.svg);
    width: 12px; height: 12px; }
QComboBox QAbstractItemView { background: $surface; border: 1px solid $control;
    border-radius: 8px; padding: 4px; outline: none; selection-background-color: $selected;
    selection-color: $text; }
QComboBox QAbstractItemView::item { min-height: 28px; padding: 0 6px; border-radius: 6px; }
QComboBox QAbstractItemView::item:selected { background: $selected; color: $text; }

QCheckBox { spacing: 8px; min-height: 24px; background: transparent; }
QCheckBox::indicator { width: 16px; height: 16px; border: 1px solid $control; border-radius: 5px;
    background: $field; }
QCheckBox::indicator:checked { background: $accent; border-color: $accent;
    image: url($marks/check-$name.svg); }
QCheckBox::indicator:focus { border: 2px solid $focus; width: 14px; height: 14px; }
QCheckBox::indicator:disabled { border-color: $line; }

QSlider { min-height: 24px; background: transparent; }
QSlider::groove:horizontal { height: 4px; border-radius: 2px; background: $hover; }
QSlider::sub-page:horizontal { height: 4px; border-radius: 2px; background: $accent; }
QSlider::handle:horizontal { width: 14px; height: 14px; margin: -5px 0; border-radius: 7px;
    background: $text; }
QSlider::handle:horizontal:hover { background: $accent_text; }
QSlider::handle:horizontal:focus { width: 12px; height: 12px; margin: -6px 0; border-radius: 8px;
    border: 2px solid $focus; background: $accent; }
QSlider::sub-page:horizontal:disabled { background: $control; }
QSlider::handle:horizontal:disabled { background: $control; }

QProgressBar { border: none; background: $raised; border-radius: 3px; min-height: 6px;
    max-height: 6px; }
QProgressBar::chunk { background: $accent; border-radius: 3px; }
QProgressBar[thin="true"] { min-height: 3px; max-height: 3px; border-radius: 1px; }
QProgressBar[thin="true"]::chunk { border-radius: 1px; }

QScrollArea { background: transparent; border: none; }
QScrollArea > QWidget > QWidget { background: transparent; }
QScrollBar { background: transparent; border: none; margin: 0; }
QScrollBar:vertical { width: 10px; }
QScrollBar:horizontal { height: 10px; }
QScrollBar::handle { background: $hover; border-radius: 3px; margin: 2px; }
QScrollBar::handle:vertical { min-height: 32px; }
QScrollBar::handle:horizontal { min-width: 32px; }
QScrollBar::handle:hover { background: $control; }
QScrollBar::add-line, QScrollBar::sub-line { width: 0; height: 0; border: none; }
QScrollBar::add-page, QScrollBar::sub-page { background: transparent; }

QMenu { background: $surface; border: 1px solid $control; border-radius: 8px; padding: 4px; }
QMenu::item { padding: 6px 24px 6px 12px; border-radius: 6px; }
QMenu::item:selected { background: $selected; color: $text; }
QMenu::item:disabled { color: $control; }
QMenu::icon { padding-left: 8px; }
QMenu::separator { height: 1px; background: $line; margin: 4px 8px; }

QListView, QTreeView, QTableView { background: transparent; border: none; outline: none;
    selection-background-color: $selected; selection-color: $text; }
QHeaderView::section { background: transparent; color: $muted; border: none;
    border-bottom: 1px solid $line; padding: 6px 8px; font-weight: 500; }

QSplitter::handle { background: transparent; }
QSplitter::handle:hover { background: $line; }

QWidget#rail { background: $surface; border-right: 1px solid $line; }
QWidget#statusLine { background: $surface; border-top: 1px solid $line; }
QFrame#queue, QFrame#suggestions { background: $surface; border: 1px solid $control;
    border-radius: 12px; }
QFrame[notice="error"] { background: $surface; border: 1px solid $danger; border-radius: 10px; }
QFrame[notice="info"] { background: $surface; border: 1px solid $accent; border-radius: 10px; }
""")


def stylesheet(colours: Mapping[str, str]) -> str:
    """The style sheet in the colours of a theme, by the names of its tokens."""
    marks = (resources() / "icons" / "marks").as_posix()
    return _QSS.substitute(colours, marks=marks)
