"""The queue as a list above the status line: reorder, cancel one or all, time left."""

from __future__ import annotations

from PySide6.QtCore import QEvent, QSize, Qt, QTimer, Signal
from PySide6.QtGui import QKeyEvent
from PySide6.QtWidgets import (
    QFrame,
    QHBoxLayout,
    QLabel,
    QProgressBar,
    QPushButton,
    QScrollArea,
    QToolButton,
    QVBoxLayout,
    QWidget,
)

from studio.core.recipe import Recipe
from studio.ui import theme
from studio.ui.engine import Engine, JobView
from studio.ui.follower import left_words, phase_words
from studio.ui.icons import icon
from studio.ui.widgets.elided import ElidedLabel

WIDTH = 380
SHOWN = 50
"""Rows that are built; of more, their number is told."""
ICONS = {"text": "type", "image": "image", "audio": "audio-lines"}


class QueuePopover(QFrame):
    """What runs and what waits. Stays open until it is closed: one works on while it stands."""

    closed = Signal()

    def __init__(self, engine: Engine, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._engine = engine
        self._rows: dict[str, JobRow] = {}
        self.setObjectName("queue")
        self.setAccessibleName(self.tr("Queue"))
        self.setFixedWidth(WIDTH)
        title = QLabel(self.tr("Queue"))
        title.setProperty("role", "lead")
        self.cancel_all = QPushButton(self.tr("Cancel all"))
        self.cancel_all.setObjectName("cancelAll")
        self.cancel_all.setProperty("kind", "quiet")
        self.cancel_all.clicked.connect(lambda: engine.cancel_all())
        close = _tool("queueClose", "x", self.tr("Close"))
        close.clicked.connect(self.close_it)
        head = QHBoxLayout()
        head.addWidget(title, 1)
        head.addWidget(self.cancel_all)
        head.addWidget(close)
        self._list = QWidget()
        self._column = QVBoxLayout(self._list)
        self._column.setContentsMargins(0, 0, theme.GAP, 0)
        self._column.setSpacing(theme.HAIR)
        self._scroll = QScrollArea()
        self._scroll.setWidgetResizable(True)
        self._scroll.setWidget(self._list)
        self._scroll.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self._note = QLabel()
        self._note.setObjectName("queueNote")
        self._note.setProperty("role", "muted")
        self._note.setWordWrap(True)
        column = QVBoxLayout(self)
        column.setContentsMargins(theme.PAD, theme.INSET, theme.GAP, theme.PAD)
        column.setSpacing(theme.GAP)
        column.addLayout(head)
        column.addWidget(self._scroll, 1)
        column.addWidget(self._note)
        self._later = QTimer(self)
        self._later.setSingleShot(True)
        self._later.setInterval(30)
        self._later.timeout.connect(self._rebuild)
        engine.queue_changed.connect(self._soon)
        engine.progressed.connect(self._progressed)
        self.hide()

    def open_it(self) -> None:
        """Show it above everything and give it the focus."""
        self._rebuild()
        self.show()
        self.raise_()
        self.setFocus(Qt.FocusReason.PopupFocusReason)
        self._settle()

    def close_it(self) -> None:
        self.hide()
        self.closed.emit()

    def rows(self) -> list[JobRow]:
        """The rows as they stand, from the top."""
        return list(self._rows.values())

    def keyPressEvent(self, event: QKeyEvent) -> None:
        if event.key() == Qt.Key.Key_Escape:
            self.close_it()
        else:
            super().keyPressEvent(event)

    def _soon(self) -> None:
        if self.isVisible() and not self._later.isActive():
            self._later.start()

    def _progressed(self, job_id: str) -> None:
        row = self._rows.get(job_id)
        job = self._engine.job(job_id)
        if self.isVisible() and row is not None and job is not None:
            row.show_job(job)

    def _rebuild(self) -> None:
        jobs = self._engine.jobs()
        wanted = {j.id: j for j in jobs[:SHOWN]}
        for gone in [i for i in self._rows if i not in wanted]:
            row = self._rows.pop(gone)
            self._column.removeWidget(row)
            row.hide()
            row.deleteLater()
        ordered: dict[str, JobRow] = {}
        for place, job in enumerate(wanted.values()):
            shown = self._rows.get(job.id) or JobRow(job.id, self._engine)
            last = not any(j.lane == job.lane and j.position > job.position for j in jobs)
            shown.show_job(job, last=last)
            ordered[job.id] = shown
            if self._column.indexOf(shown) != place:
                self._column.removeWidget(shown)
                self._column.insertWidget(place, shown)
        self._rows = ordered
        self.cancel_all.setVisible(bool(jobs))
        self._scroll.setVisible(bool(jobs))
        more = len(jobs) - len(wanted)
        if not jobs:
            self._note.setText(self.tr("Nothing is being made and nothing waits."))
        else:
            self._note.setText(self.tr("… and {n} more").format(n=more) if more else "")
        self._note.setVisible(bool(self._note.text()))
        self._settle()

    def _settle(self) -> None:
        self._column.activate()
        height = min(self._list.sizeHint().height(), 380)
        self._scroll.setFixedHeight(max(height, 1))
        self.adjustSize()
        parent = self.parentWidget()
        if parent is not None:
            # The window puts it where it belongs, above the status line.
            self.setMaximumHeight(max(160, parent.height() - 64))
            self.move(
                max(theme.GAP, parent.width() - self.width() - theme.INSET),
                max(theme.GAP, parent.height() - self.height() - 40),
            )

    def changeEvent(self, event: QEvent) -> None:
        super().changeEvent(event)
        if event.type() == QEvent.Type.FontChange and self.isVisible():
            self._settle()


class JobRow(QFrame):
    """One job: what was asked for, how far it is, and what can be done with it."""

    def __init__(self, job_id: str, engine: Engine, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.job_id = job_id
        self.setObjectName("job")
        self._mark = QLabel()
        self.words = ElidedLabel()
        self.words.setObjectName("jobWords")
        self.state = QLabel()
        self.state.setObjectName("jobState")
        self.state.setProperty("role", "small")
        self.bar = QProgressBar()
        self.bar.setProperty("thin", True)
        self.bar.setRange(0, 1000)
        self.bar.setTextVisible(False)
        self.up = _tool("jobUp", "chevron-up", self.tr("Earlier"))
        self.up.clicked.connect(lambda: engine.move(job_id, -1))
        self.down = _tool("jobDown", "chevron-down", self.tr("Later"))
        self.down.clicked.connect(lambda: engine.move(job_id, 1))
        self.cancel = _tool("jobCancel", "x", self.tr("Cancel"))
        self.cancel.clicked.connect(lambda: engine.cancel(job_id))
        middle = QVBoxLayout()
        middle.setSpacing(2)
        middle.addWidget(self.words)
        middle.addWidget(self.state)
        middle.addWidget(self.bar)
        row = QHBoxLayout(self)
        row.setContentsMargins(0, theme.HAIR, 0, theme.HAIR)
        row.setSpacing(theme.GAP)
        row.addWidget(self._mark, 0, Qt.AlignmentFlag.AlignTop)
        row.addLayout(middle, 1)
        row.addWidget(self.up)
        row.addWidget(self.down)
        row.addWidget(self.cancel)

    def show_job(self, job: JobView, *, last: bool | None = None) -> None:
        """Say how it stands; `last` is whether nothing of its lane comes after it."""
        words = recipe_words(job.recipe)
        if words != self.words.text():
            self.words.setText(words)
            self.words.setToolTip(words)
            picture = icon(ICONS[job.lane], "muted")
            self._mark.setPixmap(picture.pixmap(QSize(16, 16), self.devicePixelRatioF()))
            self.setAccessibleName(words)
            self.cancel.setAccessibleName(self.tr("Cancel: {job}").format(job=words))
            self.up.setAccessibleName(self.tr("Earlier: {job}").format(job=words))
            self.down.setAccessibleName(self.tr("Later: {job}").format(job=words))
        waits = job.state == "waiting"
        if job.state == "cancelling":
            state = self.tr("Stopping…")
        elif waits:
            state = self.tr("Next") if job.position == 1 else self.tr("Waiting")
        else:
            parts = (phase_words(job.phase or "starting"), left_words(job.seconds_left))
            state = " · ".join(p for p in parts if p)
        self.state.setText(state)
        self.bar.setVisible(not waits)
        self.bar.setValue(round(1000 * job.fraction))
        self.up.setVisible(waits)
        self.down.setVisible(waits)
        self.up.setEnabled(waits and job.position > 1)
        if last is not None:
            self.down.setEnabled(waits and not last)
        self.cancel.setEnabled(job.state != "cancelling")


def recipe_words(recipe: Recipe, limit: int = 90) -> str:
    """A recipe in a few words: its prompt, or how it is made."""
    prompt = " ".join(str(recipe.values.get("prompt", "")).split())
    if not prompt:
        others = (str(v) for v in recipe.values.values() if isinstance(v, str) and v)
        prompt = " · ".join(others) or recipe.family
    return prompt if len(prompt) <= limit else prompt[: limit - 1] + "…"


def _tool(name: str, picture: str, words: str) -> QToolButton:
    button = QToolButton()
    button.setObjectName(name)
    button.setProperty("kind", "icon")
    button.setIcon(icon(picture, "muted"))
    button.setIconSize(QSize(16, 16))
    button.setToolTip(words)
    button.setAccessibleName(words)
    return button
