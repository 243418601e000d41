"""The upper half of a create pane: the wish, its settings, and the one button that makes it."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from itertools import pairwise
from pathlib import Path

from PySide6.QtCore import QSize, Qt, Signal
from PySide6.QtGui import QKeySequence
from PySide6.QtWidgets import (
    QHBoxLayout,
    QLabel,
    QProgressBar,
    QPushButton,
    QSizePolicy,
    QVBoxLayout,
    QWidget,
)

from studio.core.controls import Choice, Extra, Named, Number, Text, Toggle, Value, defaults
from studio.core.family import FamilySpec
from studio.ui import theme
from studio.ui.controls import LABEL_WIDTH, Form, SeedRow, said
from studio.ui.icons import Role, icon
from studio.ui.stock import Further
from studio.ui.widgets.buttons import tool
from studio.ui.widgets.fold import Fold, SnugScroll
from studio.ui.widgets.prompt import PromptEdit

PROMPT = "prompt"
MAKE = "Ctrl+Return"


class Composer(QWidget):
    """Prompt, the family's form, seed, and the primary button, which is Stop while it runs."""

    make_wanted = Signal()
    stop_wanted = Signal()
    changed = Signal()
    """A setting was changed."""
    mask_wanted = Signal(str)
    """As the form's."""

    def __init__(self, make: str, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._make = make
        self._picture = "wand-sparkles"
        self._busy = False
        self._ready = False
        self._reason = ""
        self._wide = False
        self._by_hand = False
        """The settings were folded or unfolded by the person, who is to have it so."""
        self._spec: FamilySpec | None = None
        self._skip: frozenset[str] = frozenset()
        self._names: Mapping[str, Sequence[str]] = {}
        self._further: Mapping[str, Sequence[Further]] = {}
        self._lacking: frozenset[str] = frozenset()
        self._placeholder: str | None = None
        """What stands in the empty prompt, where that is not the family's matter."""
        self._apart = False
        """The prompt and the button stand elsewhere, as below a conversation."""
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
        self._action = QWidget()
        action = QHBoxLayout(self._action)
        action.setContentsMargins(0, 0, 0, 0)
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

        self._below = QWidget()
        below = QVBoxLayout(self._below)
        below.setContentsMargins(0, 0, 0, 0)
        below.setSpacing(3)
        below.addWidget(self.bar)
        below.addWidget(self.status)
        self._beside = QHBoxLayout()
        self._beside.setSpacing(theme.HAIR)
        self._beside.addWidget(self.fold, 1)

        self._column = column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(theme.GAP)
        column.addWidget(self.prompt)
        column.addLayout(self._beside)
        column.addWidget(self._scroll)
        column.addWidget(self._action)
        column.addWidget(self._below)
        column.addStretch(1)
        self._folded()
        self._show()

    # The wish

    def set_family(self, spec: FamilySpec | None, skip: Collection[str] = ()) -> None:
        """Show the settings of another family. What both know by the same name is kept."""
        before, files = self.values(), self.files()
        self._spec, self._skip = spec, frozenset(skip)
        controls = spec.controls if spec is not None else ()
        form = Form(controls, skip={PROMPT, *skip})
        form.set_stock(self._names, self._further, self._lacking)
        form.changed.connect(self._changed)
        form.mask_wanted.connect(self.mask_wanted)
        old, self.form = self.form, form
        self._settings.replaceWidget(old, form)
        old.hide()
        old.deleteLater()
        wish = spec.control(PROMPT) if spec is not None else None
        self.prompt.setVisible(spec is None or wish is not None)
        if isinstance(wish, Text):
            self.prompt.setToolTip(said(wish.help))
        self._hint()
        self.set_values(before)
        form.set_files(files)
        self._changed()
        self._folded()
        self._order()

    def set_stock(
        self,
        names: Mapping[str, Sequence[str]],
        further: Mapping[str, Sequence[Further]],
        lacking: Collection[str] = (),
    ) -> None:
        """What the chosen model calls its own, what there is to be laid over it, by role, and
        which settings it has no part for."""
        self._names, self._further, self._lacking = names, further, frozenset(lacking)
        self.form.set_stock(names, further, self._lacking)
        self._changed()

    def put_beside(self, widget: QWidget) -> None:
        """Have a widget in the line of the fold."""
        self._beside.addWidget(widget, 0, Qt.AlignmentFlag.AlignLeft)

    def set_placeholder(self, words: str | None) -> None:
        """What stands in the empty prompt; None leaves it to the family."""
        self._placeholder = words
        self._hint()

    def set_make(self, words: str, picture: str = "wand-sparkles") -> None:
        """What stands on the primary button."""
        self._make, self._picture = words, picture
        self._show()

    @property
    def apart(self) -> bool:
        """Whether prompt and button stand elsewhere."""
        return self._apart

    def lend(self, entry: QHBoxLayout, below: QVBoxLayout) -> None:
        """Put the prompt and its button into `entry`, and what they tell `below` it."""
        self._apart = True
        entry.addWidget(self.prompt, 1)
        entry.addWidget(self._action, 0, Qt.AlignmentFlag.AlignBottom)
        below.addWidget(self._below)
        self.prompt.set_enter(True)
        self.button.setSizePolicy(QSizePolicy.Policy.Fixed, QSizePolicy.Policy.Fixed)
        self.set_wide(self._wide)
        self._order()

    def take_back(self) -> None:
        """Have the prompt and its button here again."""
        if not self._apart:
            return
        self._apart = False
        self._column.insertWidget(0, self.prompt)
        self._column.insertWidget(3, self._action)
        self._column.insertWidget(4, self._below)
        self.prompt.set_enter(False)
        self.button.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        self.set_wide(self._wide)
        self._order()

    def _order(self) -> None:
        """The way of the Tab key, as things stand on screen."""
        # The seed's row has a focus proxy, so that it moves with everything in it.
        settings = [self.fold, *self._fields(), self.seed]
        ends: list[QWidget] = [self.button, self.queue]
        stops = [*settings, self.prompt, *ends] if self._apart else [self.prompt, *settings, *ends]
        for stop, following in pairwise(stops):
            self.setTabOrder(stop, following)

    def _hint(self) -> None:
        wish = self._spec.control(PROMPT) if self._spec is not None else None
        own = said(wish.placeholder) if isinstance(wish, Text) and wish.placeholder else ""
        usual = own if wish is not None else self.tr("Your wish, in a few words")
        self.prompt.setPlaceholderText(usual if self._placeholder is None else self._placeholder)

    def _fields(self) -> list[QWidget]:
        """What takes the focus in the form, as it stands on screen."""
        controls = self._spec.controls if self._spec is not None else ()
        skipped = {PROMPT, *self._skip}
        kept = [c for c in controls if c.name not in skipped and not c.hidden]
        shown = [c for c in kept if not c.folded]
        folded = [c for c in kept if c.folded]
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

    def reset(self, names: Collection[str] | None = None) -> None:
        """Everything as it was at first; with `names` only these."""
        # A wish that the family does not show waits for one that does.
        known = self._spec is None or self._spec.control(PROMPT) is not None
        if known and (names is None or PROMPT in names):
            self.prompt.set_text("")
        self.form.reset(names)

    def first_stop(self) -> QWidget:
        """Where one begins: the prompt, or the first setting of a family that has none."""
        spec = self._spec
        unwished = spec is not None and spec.control(PROMPT) is None
        return next(iter(self._fields()), self.button) if unwished else self.prompt

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
            sends = self.tr("{keys} sends it").format(keys=_native("Return"))
            makes = self.tr("{keys} makes it").format(keys=_native(MAKE))
            words = sends if self._apart else makes
        self.status.setText(words)

    def set_wide(self, wide: bool) -> None:
        """As a column beside the result, or above it."""
        self._wide = wide
        self.prompt.set_least(1 if self._apart else 5 if wide else 2)
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

    def unfold(self) -> None:
        """Show the settings, as something was put into them."""
        self.fold.setChecked(True)

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
            elif isinstance(control, Named | Extra):
                told.append(self.form.told(control.name))
            elif isinstance(control, Toggle):
                told.append(label if value else self.tr("no {what}").format(what=label))
        if self.seed.locked:  # first, since it is the reason why nothing new comes
            told.insert(0, self.tr("Seed {n}").format(n=self.seed.value()))
        return [t for t in told if t]

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
            picture, kind = self._picture, "primary"
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
        # Nobody talks on before the answer is there.
        self.queue.setVisible(self._busy and not self._apart)
        self.bar.setVisible(self._busy)
        if not self._busy:
            self.set_status()


def _stop(widget: QWidget) -> bool:
    """Whether Tab stops at it."""
    return bool(widget.focusPolicy() & Qt.FocusPolicy.TabFocus) and widget.focusProxy() is None


def _native(keys: str) -> str:
    return QKeySequence(keys).toString(QKeySequence.SequenceFormat.NativeText)
