"""What is being added to the models: a card each, from "what is this?" to the last percent."""

from __future__ import annotations

from PySide6.QtCore import QEvent, QSize, Qt
from PySide6.QtGui import QResizeEvent
from PySide6.QtWidgets import (
    QBoxLayout,
    QComboBox,
    QFrame,
    QHBoxLayout,
    QLabel,
    QProgressBar,
    QPushButton,
    QSizePolicy,
    QVBoxLayout,
    QWidget,
)

from studio.core.controls import Choice
from studio.core.errors import StudioError
from studio.ui import theme
from studio.ui.adding import Adder, Addition
from studio.ui.controls import said
from studio.ui.follower import left_words
from studio.ui.icons import icon
from studio.ui.notices import Notices
from studio.ui.widgets.elided import ElidedLabel
from studio.ui.widgets.itemwords import file_size

NARROW = 620
"""Below this width the buttons stand under the words."""
KINDS = {"text": "type", "image": "image", "audio": "audio-lines"}


class Additions(QWidget):
    """A card for each thing that is on its way in. Takes no room when there is none."""

    def __init__(self, adder: Adder, notices: Notices, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("additions")
        self._adder, self._notices = adder, notices
        self._cards: dict[str, AdditionCard] = {}
        self._column = QVBoxLayout(self)
        self._column.setContentsMargins(0, 0, 0, 0)
        self._column.setSpacing(theme.GAP)
        adder.changed.connect(self._sync)
        self._sync()

    def cards(self) -> list[AdditionCard]:
        """The cards as they stand, from the top."""
        return list(self._cards.values())

    def wanted_height(self, width: int) -> int:
        """How high the cards are together where they are so wide."""
        self._column.activate()
        if self._column.hasHeightForWidth():
            return self._column.totalHeightForWidth(width)
        return self._column.sizeHint().height()

    def _sync(self) -> None:
        shown = {a.id: a for a in self._adder.all()}
        for gone in [i for i in self._cards if i not in shown]:
            card = self._cards.pop(gone)
            self._column.removeWidget(card)
            card.hide()
            card.deleteLater()
        for addition in shown.values():
            if addition.id not in self._cards:
                card = AdditionCard(addition, self._adder, self._notices)
                self._cards[addition.id] = card
                self._column.addWidget(card)
            self._cards[addition.id].show_state()
        self.setVisible(bool(shown))


class AdditionCard(QFrame):
    """One of them: what it is, what there is to choose, then how far it is."""

    def __init__(
        self,
        addition: Addition,
        adder: Adder,
        notices: Notices,
        parent: QWidget | None = None,
    ) -> None:
        super().__init__(parent)
        self.addition = addition
        self._adder, self._notices = adder, notices
        self._state = ""
        self.choices: dict[str, QComboBox] = {}
        self.setObjectName("addition")
        self.setProperty("card", True)
        self._mark = QLabel()
        self._mark.setAlignment(Qt.AlignmentFlag.AlignTop)
        self.title = ElidedLabel()
        self.title.setObjectName("addition-title")
        self.title.setProperty("role", "lead")
        self.what = QLabel()
        self.what.setObjectName("addition-what")
        self.what.setProperty("role", "muted")
        self.what.setWordWrap(True)
        self.what.setTextFormat(Qt.TextFormat.PlainText)
        self.what.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Preferred)
        self.bar = QProgressBar()
        self.bar.setObjectName("addition-progress")
        self.bar.setTextVisible(False)
        self.bar.setRange(0, 1000)
        self.bar.setAccessibleName(self.tr("Progress"))
        self.cancel = QPushButton(self.tr("Cancel"))
        self.cancel.setObjectName("addition-cancel")
        self.cancel.setProperty("kind", "quiet")
        self.cancel.clicked.connect(lambda: adder.cancel(addition))
        self.begin = QPushButton(self.tr("Add this model"))
        self.begin.setObjectName("addition-begin")
        self.begin.setProperty("kind", "primary")
        self.begin.clicked.connect(self._begin)
        self._options = QHBoxLayout()
        self._options.setSpacing(theme.GAP)
        self._asked = QWidget()
        self._asked.setLayout(self._options)
        self._options.setContentsMargins(0, theme.HAIR, 0, 0)
        words = QVBoxLayout()
        words.setSpacing(theme.HAIR)
        words.addWidget(self.title)
        words.addWidget(self.what)
        words.addWidget(self._asked)
        words.addWidget(self.bar)
        about = QHBoxLayout()
        about.setSpacing(theme.INSET)
        about.addWidget(self._mark, 0, Qt.AlignmentFlag.AlignTop)
        about.addLayout(words, 1)
        buttons = QHBoxLayout()
        buttons.setSpacing(theme.GAP)
        buttons.addStretch(1)
        buttons.addWidget(self.cancel)
        buttons.addWidget(self.begin)
        self._rows = QBoxLayout(QBoxLayout.Direction.LeftToRight, self)
        self._rows.setContentsMargins(theme.PAD, theme.INSET, theme.PAD, theme.INSET)
        self._rows.setSpacing(theme.INSET)
        self._rows.addLayout(about, 1)
        self._rows.addLayout(buttons)
        self._draw()

    def show_state(self) -> None:
        """Say how it stands."""
        addition = self.addition
        entered = addition.state != self._state
        self._state = addition.state
        if entered:
            self._enter()
        moving = addition.state in ("bringing", "converting")
        self.bar.setVisible(addition.state not in ("asking", "waiting"))
        if moving:
            self.bar.setRange(0, 1000)
            self.bar.setValue(round(1000 * addition.fraction))
        elif addition.state in ("looking", "finishing"):
            self.bar.setRange(0, 0)
        self.what.setText(self._words())
        self.setAccessibleName(f"{addition.title}. {self.what.text()}")

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        narrow = self.width() < NARROW
        ways = QBoxLayout.Direction
        self._rows.setDirection(ways.TopToBottom if narrow else ways.LeftToRight)
        self._rows.setSpacing(theme.GAP if narrow else theme.INSET)

    def minimumSizeHint(self) -> QSize:
        return QSize(200, super().minimumSizeHint().height())

    def changeEvent(self, event: QEvent) -> None:
        super().changeEvent(event)
        if event.type() == QEvent.Type.PaletteChange:
            self._draw()

    def _enter(self) -> None:
        """What changes with the state alone."""
        addition = self.addition
        asking = addition.state == "asking"
        self.title.setText(
            self.tr("Add “{title}”?").format(title=addition.title) if asking else addition.title
        )
        self.title.setToolTip(str(addition.path))
        if not asking and self.begin.hasFocus():  # it goes, and the keys are not to go elsewhere
            self.cancel.setFocus(Qt.FocusReason.OtherFocusReason)
        self.begin.setVisible(asking)
        self.cancel.setEnabled(addition.state != "finishing")
        if asking and addition.plan is not None:
            self._draw()
            for option in addition.plan.options:
                self._offer(option)
            self.begin.setAccessibleName(
                self.tr("Add the model {title}").format(title=addition.title)
            )
            focused = self.window().focusWidget()
            if self.isVisible() and (focused is None or not focused.inherits("QLineEdit")):
                self.begin.setFocus(Qt.FocusReason.OtherFocusReason)
        self._asked.setVisible(asking and bool(self.choices))
        self.cancel.setAccessibleName(self.tr("Cancel: {title}").format(title=addition.title))

    def _offer(self, option: Choice) -> None:
        label = QLabel(said(option.label))
        box = QComboBox()
        box.setObjectName(f"addition-{option.name}")
        box.setAccessibleName(said(option.label))
        box.setToolTip(said(option.help))
        box.setMinimumWidth(96)
        for choice in option.options:
            box.addItem(said(choice.label), choice.value)
        box.setCurrentIndex(box.findData(option.default))
        label.setBuddy(box)
        self._options.addWidget(label)
        self._options.addWidget(box)
        self._options.addStretch(1)
        self.choices[option.name] = box

    def _words(self) -> str:
        addition, plan = self.addition, self.addition.plan
        left = left_words(self._adder.seconds_left(addition))
        if addition.state == "looking" or plan is None:
            return self.tr("Looking at what it is…")
        if addition.state == "asking":
            return self.tr("{what} · {size}").format(
                what=said(plan.what), size=file_size(addition.size)
            )
        steps = {
            "bringing": self.tr("Bringing its files in"),
            "waiting": self.tr("Waits until the engine is free"),
            "converting": self.tr("Making it ready to run"),
            "finishing": self.tr("Checking it"),
        }
        return " · ".join(part for part in (steps[addition.state], left) if part)

    def _begin(self) -> None:
        values = {name: str(box.currentData()) for name, box in self.choices.items()}
        try:
            self._adder.begin(self.addition, values)
        except StudioError as error:
            self._notices.error(error)

    def _draw(self) -> None:
        plan = self.addition.plan
        name = KINDS[plan.kind] if plan is not None else "boxes"
        picture = icon(name, "accent_text")
        self._mark.setPixmap(picture.pixmap(QSize(22, 22), self.devicePixelRatioF()))
