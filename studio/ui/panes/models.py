"""The models page: what is installed, what can be had, and what is on its way."""

from __future__ import annotations

import importlib
from collections.abc import Callable
from functools import partial
from typing import Literal, cast

from PySide6.QtCore import QTimer
from PySide6.QtGui import QShowEvent
from PySide6.QtWidgets import (
    QButtonGroup,
    QHBoxLayout,
    QLabel,
    QStackedWidget,
    QToolButton,
    QVBoxLayout,
    QWidget,
)

from studio.core.family import KINDS
from studio.models import InstalledModel
from studio.models.remote import Download, Found
from studio.ui import theme
from studio.ui.modeldeeds import use_from_hub
from studio.ui.panes.installed import InstalledView
from studio.ui.studio import Studio
from studio.ui.widgets.background import Background

ViewName = Literal["installed", "discover", "downloads"]
VIEWS: tuple[ViewName, ...] = ("installed", "discover", "downloads")
REMEMBERED = "models.page"
"""Under this name the settings remember which view was in front."""


def bring_modules() -> None:
    """Load what the other views are made of. Takes a while: for a worker."""
    for view in VIEWS[1:]:
        importlib.import_module(f"studio.ui.panes.{view}")


class ModelsPane(QWidget):
    """Three views behind three tabs. What speaks with the hub is loaded when it is shown."""

    def __init__(self, studio: Studio, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("models-pane")
        self._studio = studio
        self._work = Background(self)
        self._views: dict[ViewName, QWidget] = {}
        self._tabs: dict[ViewName, QToolButton] = {}
        self._stack = QStackedWidget()
        self._build()
        studio.models_wanted.connect(self._wanted)
        studio.adder.changed.connect(self._adding)
        studio.hub_begun.connect(self._join_hub)
        self._adding_before = 0
        self._brought = False
        last = studio.settings.last_values.get(REMEMBERED, {}).get("view")
        first: ViewName = next((view for view in VIEWS if view == last), "installed")
        self.show_view(first)
        if studio.hub_at_work is not None:
            self._join_hub()

    @property
    def view(self) -> ViewName:
        """The view in front."""
        return next(v for v, w in self._views.items() if w is self._stack.currentWidget())

    def show_view(self, view: ViewName) -> None:
        """Bring a view to front; it is built when it is wanted for the first time."""
        if view not in self._views:
            self._views[view] = self._make(view)
            self._stack.addWidget(self._views[view])
        self._stack.setCurrentWidget(self._views[view])
        self._tabs[view].setChecked(True)
        if self.isVisible():
            self._remember(view)

    def showEvent(self, event: QShowEvent) -> None:
        super().showEvent(event)
        if not self._brought:  # whoever comes here goes on to them, and need not wait then
            self._brought = True
            self._work.run(bring_modules)
        # Keys work on what is shown from here on, not only after a click.
        QTimer.singleShot(0, self, self._take_keys)

    def _take_keys(self) -> None:
        focused = self.window().focusWidget()
        inside = focused is not None and self._stack.isAncestorOf(focused) and focused.isVisible()
        if self.isVisible() and not inside:
            self._focus(self.view)

    # Building

    def _build(self) -> None:
        outer = QVBoxLayout(self)
        outer.setContentsMargins(theme.SPACE, theme.PAD, theme.SPACE, theme.PAD)
        outer.setSpacing(theme.INSET)
        head = QHBoxLayout()
        head.setSpacing(theme.HAIR)
        title = QLabel(self.tr("Models"))
        title.setProperty("role", "title")
        head.addWidget(title)
        head.addSpacing(theme.PAD)
        group = QButtonGroup(self)
        words: dict[ViewName, str] = {
            "installed": self.tr("Installed"),
            "discover": self.tr("Discover"),
            "downloads": self.tr("Downloads"),
        }
        for view in VIEWS:
            tab = QToolButton()
            tab.setObjectName(f"tab-{view}")
            tab.setProperty("kind", "tab")
            tab.setText(words[view])
            tab.setAccessibleName(words[view])
            tab.setCheckable(True)
            tab.clicked.connect(partial(self._tab_clicked, view))
            group.addButton(tab)
            self._tabs[view] = tab
            head.addWidget(tab)
        head.addStretch(1)
        outer.addLayout(head)
        outer.addWidget(self._stack, 1)

    def _make(self, view: ViewName) -> QWidget:
        if view == "installed":
            installed = InstalledView(self._studio)
            installed.page_wanted.connect(self._open_page)
            return installed
        module = importlib.import_module(f"studio.ui.panes.{view}")
        if view == "discover":
            discover = module.DiscoverView(self._studio)
            discover.downloads_wanted.connect(lambda: self.show_view("downloads"))
            discover.used.connect(self._use)
            return cast(QWidget, discover)
        downloads = module.DownloadsView(self._studio)
        downloads.discover_wanted.connect(lambda: self._chosen("discover"))
        downloads.used.connect(self._use)
        return cast(QWidget, downloads)

    # What is shown

    def _tab_clicked(self, view: ViewName, _checked: bool = False) -> None:
        self._chosen(view)

    def _chosen(self, view: ViewName) -> None:
        self.show_view(view)
        if not self._tabs[view].hasFocus():
            self._focus(view)

    def _focus(self, view: ViewName) -> None:
        focus: Callable[[], None] | None = getattr(self._views[view], "focus_first", None)
        if focus is not None:
            focus()

    def _wanted(self, view: str, kind: str) -> None:
        found: ViewName = next((v for v in VIEWS if v == view), "installed")
        self.show_view(found)
        if found == "discover":
            from studio.ui.panes.discover import DiscoverView

            discover = self._views["discover"]
            assert isinstance(discover, DiscoverView)
            discover.narrow_to(next((k for k in KINDS if k == kind), None))
        self._focus(found)

    def _adding(self) -> None:
        """What somebody brings is asked about in the installed view."""
        count = len(self._studio.adder.all())
        if count > self._adding_before and self.isVisible():
            self.show_view("installed")
        self._adding_before = count

    def _join_hub(self) -> None:
        hub = self._studio.hub
        hub.changed.connect(self._count)
        self._count()

    def _count(self) -> None:
        moving = len(self._studio.hub.open)
        words = self.tr("Downloads")
        self._tabs["downloads"].setText(f"{words} {moving}" if moving else words)
        said = self.tr("Downloads, {n} at work").format(n=moving) if moving else words
        self._tabs["downloads"].setAccessibleName(said)

    def _remember(self, view: ViewName) -> None:
        settings = self._studio.settings.with_last(REMEMBERED, {"view": view})
        self._studio.remember(last_values=settings.last_values)

    # What is done

    def _open_page(self, repo: str) -> None:
        from studio.ui.panes.discover import DiscoverView

        self.show_view("discover")
        discover = self._views["discover"]
        assert isinstance(discover, DiscoverView)
        owner, _, name = repo.partition("/")
        discover.open(Found(repo=repo, title=name, kind=None, author=owner), "main")

    def _use(self, download: Download) -> None:
        """Choose a model that came from the hub in its pane, which comes to front."""

        def otherwise(model: InstalledModel | None) -> None:
            self.show_view("installed")
            installed = self._views["installed"]
            assert isinstance(installed, InstalledView)
            if model is not None:
                installed.pick(model.id)

        use_from_hub(self._studio, self._work, download, otherwise)
