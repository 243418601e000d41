"""What is on its way from the hub: how far each is, and pause, resume, cancel, try again."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

from PySide6.QtCore import QPoint, Qt, Signal
from PySide6.QtGui import QAction, QShowEvent
from PySide6.QtWidgets import (
    QFrame,
    QHBoxLayout,
    QLabel,
    QMenu,
    QProgressBar,
    QPushButton,
    QStackedWidget,
    QVBoxLayout,
    QWidget,
)

from studio.core.errors import StudioError
from studio.core.paths import Paths
from studio.models.remote import Download
from studio.ui import theme
from studio.ui.hub import OPEN
from studio.ui.icons import icon
from studio.ui.studio import Studio
from studio.ui.widgets.buttons import polish, quiet
from studio.ui.widgets.downloadlist import DownloadList, deeds
from studio.ui.widgets.flow import FlowLayout
from studio.ui.widgets.hubwords import left_words, speed_words
from studio.ui.widgets.itembars import Message
from studio.ui.widgets.recipeview import WrapLabel

STOPPED = ("paused", "failed")
OVER = ("done", "cancelled")
LOOKS = {
    "pause": "pause",
    "resume": "play",
    "put_first": "arrow-up",
    "cancel": "x",
    "forget": "x",
    "use": "wand-sparkles",
}


def any_downloads(paths: Paths) -> bool:
    """Whether an earlier run has left downloads, in whatever state. Reads the disk."""
    return any((paths.data / "downloads").glob("*.json"))


class DownloadsView(QWidget):
    """The list of downloads, what all of them together do, and the buttons for the current one.

    `used` comes with one that is there and is to be made something with.
    """

    used = Signal(Download)
    discover_wanted = Signal()

    def __init__(self, studio: Studio, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("downloads-view")
        self._studio = studio
        self._hub = studio.hub
        self.list = DownloadList()
        self.list.wanted.connect(self.do)
        self.list.current_changed.connect(self._follow)
        self.list.customContextMenuRequested.connect(self._menu)
        self._buttons: dict[str, QPushButton] = {}
        self._build()
        self._hub.progressed.connect(self._refresh)
        self._refresh()

    def showEvent(self, event: QShowEvent) -> None:
        super().showEvent(event)
        # What waits for a person is known to the courier alone; without any it need not begin.
        self._studio.go_on(partial(any_downloads, self._studio.paths))
        self._refresh()

    def do(self, deed: str, download: Download) -> None:
        """Do something with a download."""
        if deed == "use":
            self.used.emit(download)
        else:
            self._hub.ask(deed, download.id, failed=self._refused)

    def focus_first(self) -> None:
        """Take the focus."""
        target: QWidget = self.list if self._hub.downloads else self._none.button
        target.setFocus(Qt.FocusReason.OtherFocusReason)

    # Building

    def _build(self) -> None:
        self._sum = QWidget()
        head = QHBoxLayout()
        head.setSpacing(theme.GAP)
        words = QVBoxLayout()
        words.setSpacing(2)
        self.total = QLabel()
        self.total.setObjectName("total")
        self.total.setProperty("role", "heading")
        self.closing = WrapLabel(
            self.tr("Closing Triptych pauses downloads; they go on at the next start.")
        )
        self.closing.setProperty("role", "small")
        words.addWidget(self.total)
        words.addWidget(self.closing)
        head.addLayout(words, 1)
        buttons = FlowLayout(spacing=theme.HAIR)
        self.pause_all = quiet("pause-all", "pause", self.tr("Pause all"), self._pause_all)
        self.resume_all = quiet("resume-all", "play", self.tr("Resume all"), self._resume_all)
        self.clear = quiet("clear-finished", "check", self.tr("Clear finished"), self._clear)
        for button in (self.pause_all, self.resume_all, self.clear):
            buttons.addWidget(button)
        self.bar = QProgressBar()
        self.bar.setObjectName("total-progress")
        self.bar.setAccessibleName(self.tr("All downloads"))
        self.bar.setRange(0, 1000)
        self.bar.setTextVisible(False)
        above = QVBoxLayout(self._sum)
        above.setContentsMargins(0, 0, 0, 0)
        above.setSpacing(theme.GAP)
        above.addLayout(head)
        above.addWidget(self.bar)
        above.addLayout(buttons)
        card = QFrame()
        card.setProperty("card", True)
        inside = QVBoxLayout(card)
        inside.setContentsMargins(4, 6, 4, 6)
        inside.addWidget(self.list)
        self._actions = self._action_bar()
        self._some = QWidget()
        column = QVBoxLayout(self._some)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(theme.INSET)
        column.addWidget(self._sum)
        column.addWidget(card, 1)
        column.addWidget(self._actions)
        self._none = Message()
        self._none.acted.connect(self.discover_wanted)
        self._none.say(
            "download",
            self.tr("Nothing is being downloaded"),
            self.tr("Models that you get under Discover come in here, and stay if you close "
                    "Triptych in between."),
            self.tr("Find a model"),
        )  # fmt: skip
        self._stack = QStackedWidget()
        self._stack.addWidget(self._some)
        self._stack.addWidget(self._none)
        outer = QVBoxLayout(self)
        outer.setContentsMargins(0, 0, 0, 0)
        outer.addWidget(self._stack)
        polish(self._some)  # now, and not all at once when the first download comes

    def _action_bar(self) -> QWidget:
        bar = QFrame()
        bar.setObjectName("download-actions")
        bar.setProperty("card", True)
        column = QVBoxLayout(bar)
        column.setContentsMargins(theme.PAD, theme.GAP, theme.GAP, theme.GAP)
        column.setSpacing(theme.HAIR)
        self.which = WrapLabel()
        self.which.setObjectName("download-which")
        self.which.setProperty("role", "heading")
        self.why = WrapLabel()
        self.why.setObjectName("download-why")
        self.why.setProperty("role", "warning")
        flow = FlowLayout(spacing=theme.HAIR)
        for deed in ("resume", "pause", "use", "put_first", "cancel", "forget"):
            button = quiet(f"download-{deed}", LOOKS[deed], deed, partial(self._act, deed))
            self._buttons[deed] = button
            flow.addWidget(button)
        column.addWidget(self.which)
        column.addWidget(self.why)
        column.addLayout(flow)
        return bar

    # What is shown

    def _refresh(self) -> None:
        downloads = self._hub.downloads
        ordered = [d for d in downloads if d.state not in OVER]
        ordered += [d for d in reversed(downloads) if d.state in OVER]
        self.list.show_downloads(ordered)
        states = [d.state for d in downloads]
        moving = [s for s in states if s in OPEN]
        self.bar.setVisible(bool(moving))
        self.closing.setVisible(bool(moving))
        self.bar.setValue(round(1000 * self._hub.fraction))
        self.total.setText(self._total_words(len(moving), states))
        self.pause_all.setVisible(bool(moving))
        self.resume_all.setVisible(any(s in STOPPED for s in states))
        self.clear.setVisible(any(s in OVER for s in states))
        focused = self.window().focusWidget()
        moved = bool(downloads) and focused is self._none.button
        # Last: what changes while it is hidden need not be laid out each time.
        self._stack.setCurrentWidget(self._some if downloads else self._none)
        if moved:
            self.list.setFocus(Qt.FocusReason.OtherFocusReason)

    def _total_words(self, moving: int, states: Sequence[str]) -> str:
        if moving:
            count = (
                self.tr("1 download") if moving == 1 else self.tr("{n} downloads").format(n=moving)
            )
            speed = speed_words(self._hub.speed) if self._hub.speed else ""
            parts = (count, speed, left_words(self._hub.seconds_left))
            return " · ".join(part for part in parts if part)
        stopped = sum(s in STOPPED for s in states)
        if stopped:
            return (
                self.tr("1 waits for you")
                if stopped == 1
                else self.tr("{n} wait for you").format(n=stopped)
            )
        return self.tr("All is here")

    def _follow(self) -> None:
        download = self.list.download()
        self._actions.setVisible(download is not None)
        if download is None:
            return
        self.which.set_raw(download.title)
        failed = download.state == "failed"
        self.why.set_raw(f"{download.message} {download.hint}".strip() if failed else "")
        self.why.setVisible(failed)
        able = deeds(download)
        focused = self.window().focusWidget()
        for deed, button in self._buttons.items():
            words = self.list.words_of(deed, download)
            if button.accessibleName() != words:
                button.setText(" " + words)
                button.setAccessibleName(words)
                again = deed == "resume" and failed
                button.setIcon(icon("rotate-ccw" if again else LOOKS[deed]))
            button.setVisible(deed in able)
        if focused in self._buttons.values() and not focused.isVisible():
            # The button that was pressed has become another one: the keys stay with it.
            follower = next(b for d, b in self._buttons.items() if d in able)
            follower.setFocus(Qt.FocusReason.OtherFocusReason)

    # What is done

    def _act(self, deed: str) -> None:
        download = self.list.download()
        if download is not None and deed in deeds(download):
            self.do(deed, download)

    def _menu(self, at: QPoint) -> None:
        download = self.list.rows.download(self.list.indexAt(at).row())
        if download is None:
            return
        menu = QMenu(self)
        menu.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        for deed in deeds(download):
            action = QAction(icon(LOOKS[deed]), self.list.words_of(deed, download), menu)
            action.setObjectName(f"menu-{deed}")
            action.triggered.connect(lambda _on=False, deed=deed: self.do(deed, download))
            menu.addAction(action)
        menu.popup(self.list.viewport().mapToGlobal(at))

    def _pause_all(self) -> None:
        for download in self._hub.downloads:
            if "pause" in deeds(download):
                self.do("pause", download)

    def _resume_all(self) -> None:
        for download in self._hub.downloads:
            if download.state in STOPPED:
                self.do("resume", download)

    def _clear(self) -> None:
        for download in self._hub.downloads:
            if download.state in OVER:
                self.do("forget", download)

    def _refused(self, error: StudioError) -> None:
        self._studio.notices.error(error)
