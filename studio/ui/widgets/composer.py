"""The upper half of a create pane: the wish, its settings, and the one button that makes it."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from itertools import pairwise
from pathlib import Path

from PySide6.QtCore import QEvent, QObject, QSize, Qt, Signal
from PySide6.QtGui import QKeySequence, QResizeEvent
from PySide6.QtWidgets import (
    QFrame,
    QHBoxLayout,
    QLabel,
    QProgressBar,
    QPushButton,
    QScrollArea,
    QSizePolicy,
    QVBoxLayout,
    QWidget,
)

from studio.core.controls import Choice, Number, Text, Toggle, Value, defaults
from studio.core.family import FamilySpec
from studio.ui import theme
from studio.ui.controls import LABEL_WIDTH, Form, SeedRow, said
from studio.ui.icons import Role, icon
from studio.ui.widgets.buttons import tool
from studio.ui.widgets.prompt import PromptEdit

PROMPT = "prompt"
MAKE = "Ctrl+Return"


class SnugScroll(QScrollArea):
    """Scrolls only when it must: as high as its contents where there is room for them."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setWidgetResizable(True)
        self.setFrameShape(QFrame.Shape.NoFrame)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Maximum)
        self.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        self.viewport().setAutoFillBackground(False)
        self.setObjectName("settings")
        self.setStyleSheet("#settings, #settings-ground { background: transparent; }")

    def hold(self, widget: QWidget) -> None:
        """Scroll this."""
        widget.setObjectName("settings-ground")
        widget.installEventFilter(self)
        self.setWidget(widget)

    def sizeHint(self) -> QSize:
        inner = self.widget()
        return QSize(280, inner.sizeHint().height() if inner is not None else 0)

    def minimumSizeHint(self) -> QSize:
        return QSize(200, min(96, self.sizeHint().height()))

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        if event.type() == QEvent.Type.LayoutRequest:
            self.updateGeometry()
        return super().eventFilter(watched, event)


class Fold(QPushButton):
    """Shows or hides the settings; while they are hidden it tells what was changed in them."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._words = ""
        self.setObjectName("fold")
        self.setProperty("kind", "disclosure")
        self.setCheckable(True)
        self.setChecked(True)
        self.setIconSize(QSize(16, 16))
        self.setAccessibleName(self.tr("Settings"))
        self.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Fixed)
        self.toggled.connect(self._show)
        self._show()

    def tell(self, words: str) -> None:
        """The settings in short."""
        self._words = words
        self._show()

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        self._show()

    def _show(self) -> None:
        unfolded = self.isChecked()
        self.setIcon(icon("chevron-down" if unfolded else "chevron-right", "muted"))
        words = self.tr("Settings") if unfolded or not self._words else self._words
        room = self.width() - self.iconSize().width() - 20
        words = self.fontMetrics().elidedText(words, Qt.TextElideMode.ElideRight, room)
        self.setText(" " + words.replace("&", "&&"))
        self.setAccessibleDescription(self._words)


class Composer(QWidget):
    """Prompt, the family's form, seed, and the primary button, which is Stop while it runs."""

    make_wanted = Signal()
    stop_wanted = Signal()
    changed = Signal()
    """A setting was changed."""

    def __init__(self, make: str, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._make = make
        self._busy = False
        self._ready = False
        self._reason = ""
        self._wide = False
        self._by_hand = False
        """The settings were folded or unfolded by the person, who is to have it so."""
        self._spec: FamilySpec | None = None
        self._skip: frozenset[str] = frozenset()
        self.prompt = PromptEdit()
        self.prompt.setPlaceholderText(self.tr("Your wish, in a few words"))
        self.prompt.submitted.connect(self.make_wanted)
        self.form = Form(())
        self.seed = SeedRow()
        self.seed.lock.toggled.connect(self._changed)
        self.seed.spin.valueChanged.connect(self._changed)

        self._settings = QVBoxLayout()
        self._settings.setContentsMargins(0, 0, 0, 0)
        self._settings.setSpacing(theme.GAP)
        self._settings.addWidget(self.form)
        self._settings.addLayout(self._seed_row())
        ground = QWidget()
        ground.setLayout(self._settings)
        self._scroll = SnugScroll()
        self._scroll.hold(ground)
        self.fold = Fold()
        self.fold.toggled.connect(self._folded)
        self.fold.clicked.connect(self._folded_by_hand)

        self.button = QPushButton(make)
        self.button.setObjectName("primary")
        self.button.setProperty("kind", "primary")
        self.button.setIconSize(QSize(16, 16))
        self.button.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        self.button.clicked.connect(self._pressed)
        self.queue = tool(
            "queue",
            "plus",
            self.tr("Add to the queue") + f"  ({_native(MAKE)})",
            self.make_wanted.emit,
        )
        self.queue.hide()
        action = QHBoxLayout()
        action.setSpacing(theme.GAP)
        action.addWidget(self.button, 1)
        action.addWidget(self.queue)

        self.bar = QProgressBar()
        self.bar.setObjectName("progress")
        self.bar.setAccessibleName(self.tr("Progress"))
        self.bar.setRange(0, 1000)
        self.bar.setTextVisible(False)
        self.bar.setProperty("thin", True)
        policy = self.bar.sizePolicy()
        policy.setRetainSizeWhenHidden(True)  # so that nothing jumps when it starts
        self.bar.setSizePolicy(policy)
        self.bar.hide()
        self.status = QLabel()
        self.status.setObjectName("status")
        self.status.setProperty("role", "small")
        self.status.setTextFormat(Qt.TextFormat.PlainText)
        self.status.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Fixed)

        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(theme.GAP)
        column.addWidget(self.prompt)
        column.addWidget(self.fold)
        column.addWidget(self._scroll)
        column.addLayout(action)
        below = QVBoxLayout()
        below.setSpacing(3)
        below.addWidget(self.bar)
        below.addWidget(self.status)
        column.addLayout(below)
        column.addStretch(1)
        self._folded()
        self._show()

    # The wish

    def set_family(self, spec: FamilySpec | None, skip: Collection[str] = ()) -> None:
        """Show the settings of another family. What both know by the same name is kept."""
        before = self.values()
        self._spec, self._skip = spec, frozenset(skip)
        controls = spec.controls if spec is not None else ()
        form = Form(controls, skip={PROMPT, *skip})
        form.changed.connect(self._changed)
        old, self.form = self.form, form
        self._settings.replaceWidget(old, form)
        old.hide()
        old.deleteLater()
        wish = spec.control(PROMPT) if spec is not None else None
        self.prompt.setVisible(spec is None or wish is not None)
        if isinstance(wish, Text):
            self.prompt.setPlaceholderText(wish.placeholder)
            self.prompt.setToolTip(wish.help)
        self.set_values(before)
        self._changed()
        self._folded()
        # The seed's row has a focus proxy, so that it moves with everything in it.
        stops = [self.prompt, self.fold, *self._fields(), self.seed, self.button, self.queue]
        for stop, following in pairwise(stops):
            self.setTabOrder(stop, following)

    def _fields(self) -> list[QWidget]:
        """What takes the focus in the form, as it stands on screen."""
        controls = self._spec.controls if self._spec is not None else ()
        skipped = {PROMPT, *self._skip}
        shown = [c for c in controls if c.name not in skipped and not c.folded]
        folded = [c for c in controls if c.name not in skipped and c.folded]
        widgets = [self.form.widget_for(c.name) for c in shown]
        more = self.form.findChild(QPushButton, "moreSettings")
        widgets += [more] if more is not None else []
        widgets += [self.form.widget_for(c.name) for c in folded]
        fields: list[QWidget] = []
        for widget in widgets:
            inner = [widget] if _stop(widget) else widget.findChildren(QWidget)
            fields += [w for w in inner if _stop(w)]
        return fields

    def values(self) -> dict[str, Value]:
        """Everything that is filled in, the prompt included."""
        values = dict(self.form.values())
        if self._spec is None or self._spec.control(PROMPT) is not None:
            values[PROMPT] = self.prompt.text()
        return values

    def set_values(self, values: Mapping[str, Value]) -> None:
        """Fill in these, as far as the family knows them; the rest stays."""
        if isinstance(wish := values.get(PROMPT), str):
            self.prompt.set_text(wish)
        known = {c.name for c in self._spec.controls} if self._spec is not None else set()
        self.form.set_values({n: v for n, v in values.items() if n in known and n != PROMPT})

    def reset(self) -> None:
        """Everything as it was at first."""
        self.prompt.set_text("")
        self.form.reset()

    def files(self) -> dict[str, Path]:
        return self.form.files()

    # What goes on

    def set_ready(self, ready: bool, reason: str = "") -> None:
        """Whether something can be made now; if not, why, in a word or two."""
        self._ready, self._reason = ready, reason
        self._show()

    def set_busy(self, busy: bool) -> None:
        """While something is made, the button stops it and another one adds to the queue."""
        if busy != self._busy:
            self._busy = busy
            self._show()

    def set_progress(self, fraction: float | None) -> None:
        """0 to 1; None while it cannot be told."""
        if fraction is None:
            self.bar.setRange(0, 0)
        else:
            self.bar.setRange(0, 1000)
            self.bar.setValue(round(fraction * 1000))

    def set_status(self, words: str = "") -> None:
        """One line below the button; without words it says which keys make something."""
        if not words and not self._busy and self._ready:
            words = self.tr("{keys} makes it").format(keys=_native(MAKE))
        self.status.setText(words)

    def set_wide(self, wide: bool) -> None:
        """As a column beside the result, or above it."""
        self._wide = wide
        self.prompt.set_least(5 if wide else 2)
        self._folded()
        if wide:
            self.setFixedWidth(320)
            self.setSizePolicy(QSizePolicy.Policy.Fixed, QSizePolicy.Policy.Expanding)
        else:
            self.setMinimumWidth(0)
            self.setMaximumWidth(16_777_215)
            self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Maximum)

    def make_room(self, wanted: bool) -> None:
        """There is a result to look at: fold the settings, unless the person wants them there."""
        if not self._by_hand:
            self.fold.setChecked(not wanted)

    def _folded_by_hand(self) -> None:
        self._by_hand = True

    def _folded(self) -> None:
        # Beside the result there is room for all of it.
        known = self._spec is not None
        self.fold.setVisible(known and not self._wide)
        self._scroll.setVisible(known and (self._wide or self.fold.isChecked()))

    def _changed(self) -> None:
        self.fold.tell(" · ".join(self._told()))
        self.changed.emit()

    def _told(self) -> list[str]:
        """What is not as the family has it, each in a word or two."""
        values, told = self.form.values(), []
        usual = defaults(self._spec.controls) if self._spec is not None else {}
        for control in self._spec.controls if self._spec is not None else ():
            value = values.get(control.name)
            if value is None or value == usual.get(control.name):
                continue
            label = said(control.label)
            if isinstance(control, Choice):
                told += [said(o.label) for o in control.options if o.value == value]
            elif isinstance(control, Number):
                unit = said(control.unit)
                told.append(f"{value:g} {unit}" if unit else f"{label} {value:g}")
            elif isinstance(control, Text):
                told.append(" ".join(str(value).split()))
            elif isinstance(control, Toggle):
                told.append(label if value else self.tr("no {what}").format(what=label))
        if self.seed.locked:  # first, since it is the reason why nothing new comes
            told.insert(0, self.tr("Seed {n}").format(n=self.seed.value()))
        return told

    def _seed_row(self) -> QHBoxLayout:
        label = QLabel(self.tr("Seed"))
        label.setProperty("role", "muted")
        label.setFixedWidth(LABEL_WIDTH)
        label.setBuddy(self.seed.spin)
        row = QHBoxLayout()
        row.setSpacing(theme.INSET)
        row.addWidget(label)
        row.addWidget(self.seed, 1)
        return row

    def _pressed(self) -> None:
        if self._busy:
            self.stop_wanted.emit()
        else:
            self.make_wanted.emit()

    def _show(self) -> None:
        if self._busy:
            words, picture, kind = self.tr("Stop"), "square", ""
        else:
            words = self._make if self._ready or not self._reason else self._reason
            picture, kind = "wand-sparkles", "primary"
        role: Role = "on_accent" if self._ready and not self._busy else "text"
        self.button.setText(" " + words)  # the style leaves too little room behind the icon
        self.button.setAccessibleName(words)
        self.button.setIcon(icon(picture, role))
        self.button.setEnabled(self._busy or self._ready)
        self.button.setToolTip(_native("Esc") if self._busy else _native(MAKE))
        if self.button.property("kind") != kind:
            self.button.setProperty("kind", kind)
            self.button.style().unpolish(self.button)
            self.button.style().polish(self.button)
        self.queue.setVisible(self._busy)
        self.bar.setVisible(self._busy)
        if not self._busy:
            self.set_status()


def _stop(widget: QWidget) -> bool:
    """Whether Tab stops at it."""
    return bool(widget.focusPolicy() & Qt.FocusPolicy.TabFocus) and widget.focusProxy() is None


def _native(keys: str) -> str:
    return QKeySequence(keys).toString(QKeySequence.SequenceFormat.NativeText)
