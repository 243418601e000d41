"""Forms made from declared controls, driven as a person drives them."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PySide6.QtCore import QMimeData, QPoint, QPointF, Qt, QUrl
from PySide6.QtGui import QAccessible, QDragEnterEvent, QDropEvent, QWheelEvent
from PySide6.QtTest import QTest
from PySide6.QtWidgets import (
    QApplication,
    QCheckBox,
    QComboBox,
    QDoubleSpinBox,
    QLabel,
    QLineEdit,
    QPushButton,
    QScrollArea,
    QSpinBox,
    QToolButton,
    QWidget,
)
from pytestqt.qtbot import QtBot

from studio.core.controls import (
    MAX_SEED,
    AnyControl,
    Choice,
    Number,
    Option,
    Picture,
    Sound,
    Text,
    Toggle,
    Value,
    complete,
)
from studio.ui.controls import Form, SeedRow

CONTROLS: tuple[AnyControl, ...] = (
    Text(name="prompt", label="Prompt", lines=3),
    Text(name="subject", label="Words & names", placeholder="a fox", default="a hen"),
    Choice(
        name="style",
        label="Style",
        default="flat",
        options=(Option(value="flat", label="Flat"), Option(value="3d", label="Round")),
    ),
    Number(name="steps", label="Steps", default=20, minimum=1, maximum=50, whole=True),
    Number(name="guidance", label="Guidance", default=7.5, minimum=0, maximum=20, step=0.5),
    Number(name="min_p", label="Min-p", default=0.05, minimum=0, maximum=1, step=0.01, folded=True),
    Toggle(name="tiled", label="Tiled", help="Edges that meet", folded=True),
    Picture(name="start", label="Start from", folded=True),
    Sound(name="voice", label="Voice", folded=True),
)


def shown(qtbot: QtBot, widget: QWidget, width: int = 360) -> None:
    qtbot.addWidget(widget)
    widget.resize(width, 500)
    widget.show()
    widget.activateWindow()
    qtbot.waitUntil(widget.isActiveWindow)


@pytest.fixture
def form(qtbot: QtBot, dressed: QApplication) -> Form:
    form = Form(CONTROLS)
    shown(qtbot, form)
    return form


def test_a_minimum_that_means_something_else_says_so(qtbot: QtBot) -> None:
    width = Number(
        name="width", label="Width", default=0, minimum=0, maximum=9, whole=True, least="Automatic"
    )
    form = Form((width,))
    qtbot.addWidget(form)
    spin = form.widget_for("width")
    assert isinstance(spin, QSpinBox)
    assert spin.text() == "Automatic"
    assert form.values() == {"width": 0}
    form.set_values({"width": 4})
    assert spin.text() == "4"


def test_an_untouched_form_gives_the_defaults(form: Form) -> None:
    assert form.values() == {
        "prompt": "",
        "subject": "a hen",
        "style": "flat",
        "steps": 20,
        "guidance": 7.5,
        "min_p": 0.05,
        "tiled": False,
    }
    assert complete(CONTROLS, form.values()) == form.values()
    assert form.files() == {}


def test_what_is_typed_and_clicked_is_what_comes_out(form: Form, qtbot: QtBot) -> None:
    more = form.findChild(QPushButton, "moreSettings")
    prompt, steps = form.widget_for("prompt"), form.widget_for("steps")
    style, tiled = form.widget_for("style"), form.widget_for("tiled")
    assert isinstance(steps, QSpinBox)
    assert isinstance(style, QComboBox)
    assert isinstance(tiled, QCheckBox)
    QTest.keyClicks(prompt, "a red boat")
    steps.setFocus()
    steps.selectAll()
    QTest.keyClicks(steps, "12")
    style.setFocus()
    QTest.keyClick(style, Qt.Key.Key_Down)
    assert not tiled.isVisible()
    QTest.mouseClick(more, Qt.MouseButton.LeftButton)
    assert tiled.isVisible()
    tiled.setFocus()
    QTest.keyClick(tiled, Qt.Key.Key_Space)
    values = form.values()
    assert (values["prompt"], values["steps"]) == ("a red boat", 12)
    assert (values["style"], values["tiled"]) == ("3d", True)


def test_every_change_is_told(form: Form, qtbot: QtBot) -> None:
    with qtbot.waitSignal(form.changed):
        QTest.keyClicks(form.widget_for("subject"), "x")
    with qtbot.waitSignal(form.changed):
        form.set_values({"guidance": 3.0})
    with qtbot.waitSignal(form.changed):
        form.set_files({"start": Path("a.png")})


def test_the_keyboard_reaches_every_control_in_order(form: Form, qtbot: QtBot) -> None:
    form.show_more()
    form.widget_for("prompt").setFocus()
    reached = []
    for _ in range(14):
        focus = QApplication.focusWidget()
        assert focus is not None
        reached.append(focus.objectName())
        QTest.keyClick(focus, Qt.Key.Key_Tab)
    order = [n for n in reached if n in {c.name for c in CONTROLS}]
    assert order[:9] == [c.name for c in CONTROLS]


def test_every_control_says_its_name(form: Form) -> None:
    form.show_more()
    for control in CONTROLS:
        widget = form.findChild(QWidget, control.name)
        assert isinstance(widget, QWidget)
        # On Linux a combo box is named by its label; elsewhere by its accessible name.
        assert widget.accessibleName() == control.label
        buddies = [label.buddy() for label in form.findChildren(QLabel)]
        assert widget in buddies
    tiled = QAccessible.queryAccessibleInterface(form.widget_for("tiled"))
    assert tiled.text(QAccessible.Text.Description) == "Edges that meet"
    labels = [label.text() for label in form.findChildren(QLabel)]
    assert "Words && names" in labels  # shown as it is, not as a mnemonic


@given(
    steps=st.integers(1, 50),
    guidance=st.floats(0, 20),
    min_p=st.floats(0, 1),
    subject=st.text(st.characters(exclude_categories=["Cs", "Cc"]), max_size=80),
    tiled=st.booleans(),
)
@settings(max_examples=40, deadline=None)
def test_a_recipe_comes_out_as_it_went_in(
    qapp: QApplication, steps: int, guidance: float, min_p: float, subject: str, tiled: bool
) -> None:
    form = Form(CONTROLS)
    given: dict[str, Value] = {
        "prompt": subject,
        "subject": subject,
        "style": "3d",
        "steps": steps,
        "guidance": guidance,
        "min_p": min_p,
        "tiled": tiled,
    }
    assert form.set_values(given) == ()
    assert form.values() == given


def test_what_does_not_fit_is_named_and_left_out(form: Form) -> None:
    refused = form.set_values({"steps": 900, "style": "oil", "guidance": 2.0, "stranger": 1})
    assert set(refused) == {"steps", "style"}
    assert (form.values()["steps"], form.values()["guidance"]) == (20, 2.0)


def test_reset_brings_the_defaults_back(form: Form) -> None:
    before = form.values()
    form.set_values({"steps": 3, "subject": "a fox", "tiled": True, "guidance": 1.0})
    form.set_files({"start": Path("a.png")})
    form.reset()
    assert form.values() == before
    assert form.files() == {}


def test_some_controls_can_be_left_to_the_pane(qtbot: QtBot, dressed: QApplication) -> None:
    form = Form(CONTROLS, skip=("prompt",))
    qtbot.addWidget(form)
    assert "prompt" not in form.values()
    with pytest.raises(KeyError):
        form.widget_for("prompt")


def test_a_form_without_folded_controls_has_no_disclosure(
    qtbot: QtBot, dressed: QApplication
) -> None:
    form = Form(CONTROLS[:3])
    shown(qtbot, form)
    assert not form.findChild(QPushButton, "moreSettings").isVisible()


def test_files_are_dropped_shown_and_taken_out(form: Form, qtbot: QtBot, tmp_path: Path) -> None:
    form.show_more()
    field = form.widget_for("start")
    picture = tmp_path / "a very long name of a picture of the sea at dawn.png"

    def drop(path: Path) -> None:
        mime = QMimeData()
        mime.setUrls([QUrl.fromLocalFile(str(path))])
        where, no = QPointF(5, 5), Qt.KeyboardModifier.NoModifier
        copy, left = Qt.DropAction.CopyAction, Qt.MouseButton.LeftButton
        enter = QDragEnterEvent(where.toPoint(), copy, mime, left, no)
        QApplication.sendEvent(field, enter)
        if enter.isAccepted():
            QApplication.sendEvent(field, QDropEvent(where, copy, mime, left, no))

    drop(tmp_path / "a song.wav")
    assert form.files() == {}
    drop(picture)
    assert form.files() == {"start": picture}
    button = form.findChild(QPushButton, "start")
    assert "…" in button.text()
    clear = field.findChild(QToolButton)
    QTest.mouseClick(clear, Qt.MouseButton.LeftButton)
    assert form.files() == {}
    assert not clear.isVisible()


def test_scrolling_past_changes_nothing(form: Form, qtbot: QtBot) -> None:
    area = QScrollArea()
    area.setWidget(form)
    shown(qtbot, area)
    form.widget_for("prompt").setFocus()
    for name in ("steps", "guidance", "style"):
        widget = form.widget_for(name)
        before = form.values()[name]
        wheel = QWheelEvent(
            QPointF(5, 5),
            QPointF(widget.mapToGlobal(QPoint(5, 5))),
            QPoint(0, -120),
            QPoint(0, -120),
            Qt.MouseButton.NoButton,
            Qt.KeyboardModifier.NoModifier,
            Qt.ScrollPhase.NoScrollPhase,
            False,
        )
        QApplication.sendEvent(widget, wheel)
        assert form.values()[name] == before
    area.takeWidget()


def test_nothing_is_cut_off_in_a_narrow_form(qtbot: QtBot, dressed: QApplication) -> None:
    form = Form(CONTROLS)
    form.show_more()
    shown(qtbot, form, 288)
    assert form.minimumSizeHint().width() <= 288
    for widget in form.findChildren(QWidget):
        if widget.isVisible() and widget.parentWidget() is not None:
            assert widget.mapTo(form, QPoint(widget.width(), 0)).x() <= form.width() + 1


class TestSeed:
    @pytest.fixture
    def seed(self, qtbot: QtBot, dressed: QApplication) -> SeedRow:
        row = SeedRow()
        shown(qtbot, row)
        return row

    def test_each_run_has_its_own_until_it_is_kept(self, seed: SeedRow, qtbot: QtBot) -> None:
        assert len({seed.roll() for _ in range(20)}) > 15
        QTest.mouseClick(seed.lock, Qt.MouseButton.LeftButton)
        assert seed.locked
        assert len({seed.roll() for _ in range(20)}) == 1
        QTest.mouseClick(seed.lock, Qt.MouseButton.LeftButton)
        assert len({seed.roll() for _ in range(20)}) > 15

    def test_a_typed_seed_is_kept(self, seed: SeedRow, qtbot: QtBot) -> None:
        spin = seed.findChild(QDoubleSpinBox, "seed")
        spin.setFocus()
        spin.selectAll()
        QTest.keyClicks(spin, "4242")
        QTest.keyClick(spin, Qt.Key.Key_Return)
        assert seed.locked
        assert seed.roll() == 4242

    def test_the_dice_give_another_one(self, seed: SeedRow, qtbot: QtBot) -> None:
        values = set()
        for _ in range(5):
            with qtbot.waitSignal(seed.changed):
                QTest.mouseClick(seed.dice, Qt.MouseButton.LeftButton)
            values.add(seed.value())
        assert len(values) >= 4
        assert not seed.locked

    def test_the_largest_seed_fits(self, seed: SeedRow) -> None:
        seed.set_value(MAX_SEED)
        assert seed.value() == MAX_SEED

    def test_its_buttons_say_their_names(self, seed: SeedRow) -> None:
        for button in (seed.dice, seed.lock):
            interface = QAccessible.queryAccessibleInterface(button)
            assert interface.text(QAccessible.Text.Name)


def test_a_line_takes_more_than_its_limit_so_that_it_can_be_told(form: Form) -> None:
    subject = form.widget_for("subject")
    assert isinstance(subject, QLineEdit)
    form.set_values({"subject": "x" * 20_000})
    subject.setText("y" * 30_000)
    assert len(str(form.values()["subject"])) == 30_000
