"""The window: the rail, the pages, the notices and the status line, and the keys for them."""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Protocol, cast

from PySide6.QtCore import QByteArray, QSize, Qt, QTimer, Signal
from PySide6.QtGui import (
    QAction,
    QCloseEvent,
    QDragEnterEvent,
    QDropEvent,
    QKeySequence,
    QPaintEvent,
    QResizeEvent,
)
from PySide6.QtWidgets import (
    QApplication,
    QHBoxLayout,
    QMainWindow,
    QStackedWidget,
    QVBoxLayout,
    QWidget,
)

from studio.core.family import KINDS
from studio.ui import icons
from studio.ui.adding import may_be_model
from studio.ui.createpage import CreatePage
from studio.ui.pages import PANES, PaneEntry, build
from studio.ui.studio import Studio
from studio.ui.widgets.notices import NoticeStrip
from studio.ui.widgets.queue import QueuePopover
from studio.ui.widgets.rail import Rail, Stop
from studio.ui.widgets.shortcuts import ShortcutList
from studio.ui.widgets.statusline import StatusLine

SIZE = QSize(1280, 800)
LEAST = QSize(440, 560)


class Making(Protocol):
    """What the window asks of a create pane."""

    def focus_prompt(self) -> None: ...
    def primary(self) -> None: ...
    def stop(self) -> None: ...


class Window(QMainWindow):
    """Everything a person sees of the studio."""

    closed = Signal()
    completed = Signal()
    """All create panes are there."""

    def __init__(
        self, studio: Studio, panes: tuple[PaneEntry, ...] = PANES, *, at_once: bool = True
    ) -> None:
        """Without `at_once` the create panes are built, one by one, after the first paint."""
        super().__init__()
        self.studio = studio
        self._entries = {e.id: e for e in panes}
        self.setWindowTitle("Triptych")
        self.setWindowIcon(icons.program())
        self.setAcceptDrops(True)
        self.setMinimumSize(LEAST)
        self._unbuilt = [e for e in panes if e.place == "create"]
        self.create_page = CreatePage(self._unbuilt)
        self._pages: dict[str, QWidget] = {"create": self.create_page}
        self.stack = QStackedWidget()
        self.stack.addWidget(self.create_page)
        self.rail = Rail(self._stops())
        self.rail.chosen.connect(self.show_page)
        self.rail.choose("create")
        self.notices = NoticeStrip(studio.notices)
        self.status = StatusLine(studio.engine)
        self.status.queue_wanted.connect(self.toggle_queue)
        self.status.downloads_wanted.connect(lambda: studio.show_models("downloads"))
        self._lay_out()
        self.queue = QueuePopover(studio.engine, self)
        self.queue.closed.connect(lambda: self.status.queue.setChecked(False))
        self._keys: list[tuple[str, str]] = []
        self._bind_keys()
        self.keys = ShortcutList(self._keys, self)
        studio.show_page.connect(self.show_page)
        QApplication.instance().focusChanged.connect(self._focus_moved)
        self._restore()
        self._painted = at_once
        while at_once and self._unbuilt:
            self._build_next()

    @property
    def complete(self) -> bool:
        """All create panes are built."""
        return not self._unbuilt

    @property
    def page(self) -> str:
        """The id of the page that is shown."""
        shown = self.stack.currentWidget()
        return next((i for i, p in self._pages.items() if p is shown), "create")

    def show_page(self, page: str) -> None:
        """Bring a page to front; it is built when it is wanted for the first time."""
        if page not in self._pages:
            entry = self._entries.get(page)
            if entry is None:
                return
            self._pages[page] = build(entry, self.studio)
            self.stack.addWidget(self._pages[page])
        self.stack.setCurrentWidget(self._pages[page])
        self.rail.choose(page)

    def show_pane(self, kind: str) -> None:
        """Give a create pane the whole page, or show all again where it has it already."""
        if self.page != "create":
            self.show_page("create")
            self.create_page.bring(kind)
        else:
            self.create_page.toggle(kind)
        self._prompt()

    def toggle_queue(self) -> None:
        if self.queue.isVisible():
            self.queue.close_it()
        else:
            self.status.queue.setChecked(True)
            self.queue.open_it()

    def to_front(self) -> None:
        """Un-minimize, raise, and take the focus."""
        self.setWindowState(
            (self.windowState() & ~Qt.WindowState.WindowMinimized) | Qt.WindowState.WindowActive
        )
        self.show()
        self.raise_()
        self.activateWindow()

    def closeEvent(self, event: QCloseEvent) -> None:
        self._remember()
        super().closeEvent(event)
        if event.isAccepted():
            self.closed.emit()

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        if self.queue.isVisible():
            self.queue.open_it()

    def dragEnterEvent(self, event: QDragEnterEvent) -> None:
        if any(u.isLocalFile() for u in event.mimeData().urls()):
            event.acceptProposedAction()

    def dropEvent(self, event: QDropEvent) -> None:
        files = [u.toLocalFile() for u in event.mimeData().urls() if u.isLocalFile()]
        if files:
            event.acceptProposedAction()
            # Several models go in one after the other; a recipe fills the form alone.
            models = [path for path in map(Path, files) if may_be_model(path)]
            for path in models or [Path(files[0])]:
                self.studio.open_file(path)

    def paintEvent(self, event: QPaintEvent) -> None:
        super().paintEvent(event)
        if not self._painted:
            self._painted = True
            QTimer.singleShot(0, self, self._build_next)

    def _build_next(self) -> None:
        entry = self._unbuilt.pop(0)
        self.create_page.put(entry.id, build(entry, self.studio))
        if not self._unbuilt:
            self._widths()
            self._prompt()
            self.completed.emit()
        elif self.isVisible():
            QTimer.singleShot(0, self, self._build_next)

    def _lay_out(self) -> None:
        right = QVBoxLayout()
        right.setContentsMargins(0, 0, 0, 0)
        right.setSpacing(0)
        right.addWidget(self.notices)
        right.addWidget(self.stack, 1)
        right.addWidget(self.status)
        central = QWidget()
        row = QHBoxLayout(central)
        row.setContentsMargins(0, 0, 0, 0)
        row.setSpacing(0)
        row.addWidget(self.rail)
        row.addLayout(right, 1)
        self.setCentralWidget(central)

    def _stops(self) -> list[Stop]:
        stops = [Stop("create", self.tr("Create"), "sparkles", "Ctrl+N")]
        for entry in self._entries.values():
            if entry.place == "page":
                stops.append(Stop(entry.id, entry.said, entry.icon, entry.shortcut, entry.low))
        return stops

    def _bind_keys(self) -> None:
        self._key("Ctrl+Return", self.tr("Make it"), self._make)
        self._key("Esc", self.tr("Stop what is being made"), self._stop)
        for entry in self._entries.values():
            if entry.place == "create":
                words = self.tr("{pane}: the whole window, or back").format(pane=entry.said)
                self._key(entry.shortcut, words, partial(self.show_pane, entry.id))
        self._key("Ctrl+0", self.tr("All panes"), self._all)
        self._key("Ctrl+N", self.tr("Create: to the prompt"), self._create)
        for entry in self._entries.values():
            if entry.place == "page":
                self._key(entry.shortcut, entry.said, partial(self.show_page, entry.id))
        self._key("Ctrl+J", self.tr("The queue"), self.toggle_queue)
        self._key("Ctrl+Shift+Esc", self.tr("Cancel everything"), self.studio.engine.cancel_all)
        self._key("F11", self.tr("Full screen"), self._full_screen)
        self._key("F1", self.tr("This list"), lambda: self.keys.toggle())
        self._key("Ctrl+Q", self.tr("Quit"), lambda: self.close())

    def _key(self, key: str, words: str, act: Callable[[], object]) -> None:
        action = QAction(words, self)
        action.setShortcut(QKeySequence(key))
        action.triggered.connect(lambda _checked=False: act())
        self.addAction(action)
        self._keys.append((key, words))

    def _pane(self) -> Making | None:
        pane = self.create_page.current_pane()
        return cast(Making, pane) if hasattr(pane, "primary") else None

    def _make(self) -> None:
        pane = self._pane()
        if pane is not None and self.page == "create":
            pane.primary()

    def _stop(self) -> None:
        for floating in (self.keys, self.queue):
            if floating.isVisible():
                floating.hide()
                self.status.queue.setChecked(False)
                return
        pane = self._pane()
        if pane is not None and self.page == "create":
            pane.stop()

    def _create(self) -> None:
        self.show_page("create")
        self._prompt()

    def _all(self) -> None:
        self.show_page("create")
        self.create_page.show_all()

    def _prompt(self) -> None:
        pane = self._pane()
        if pane is not None:
            pane.focus_prompt()

    def _full_screen(self) -> None:
        self.setWindowState(self.windowState() ^ Qt.WindowState.WindowFullScreen)

    def _focus_moved(self, _old: QWidget | None, new: QWidget | None) -> None:
        self.create_page.note_focus(new)

    def _restore(self) -> None:
        settings = self.studio.settings
        self.resize(SIZE)
        if settings.window_geometry:
            self.restoreGeometry(QByteArray.fromBase64(settings.window_geometry.encode("ascii")))

    def _widths(self) -> None:
        with contextlib.suppress(ValueError):
            widths = [int(w) for w in self.studio.settings.window_layout.split(",")]
            if len(widths) == len(KINDS):
                self.create_page.set_sizes(widths)

    def _remember(self) -> None:
        geometry = bytes(self.saveGeometry().toBase64().data()).decode("ascii")
        layout = ",".join(str(s) for s in self.create_page.sizes())
        self.studio.change(window_geometry=geometry, window_layout=layout)
