"""Models that can be had: those that suit this machine, and whatever the hub has."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

from PySide6.QtCore import Qt, Signal
from PySide6.QtGui import QResizeEvent, QShowEvent
from PySide6.QtWidgets import (
    QBoxLayout,
    QFrame,
    QHBoxLayout,
    QLabel,
    QProgressBar,
    QPushButton,
    QStackedWidget,
    QVBoxLayout,
    QWidget,
)

from studio.core.errors import StudioError
from studio.core.family import FamilySpec, Kind
from studio.core.licences import may_sell
from studio.core.paths import Paths
from studio.models import InstalledModel, Store
from studio.models.catalogue import PINS, Pins, recommended
from studio.models.hub.query import Query
from studio.models.machine import timed
from studio.models.remote import Download, Found, Machine
from studio.ui import theme
from studio.ui.icons import icon
from studio.ui.pagedesk import Installed, PageDesk
from studio.ui.studio import Studio
from studio.ui.widgets.background import Background
from studio.ui.widgets.buttons import polish, quiet
from studio.ui.widgets.foundlist import FoundList
from studio.ui.widgets.getcard import MarkedWords
from studio.ui.widgets.itembars import Message
from studio.ui.widgets.itemwords import file_size
from studio.ui.widgets.modelpage import ModelPageView
from studio.ui.widgets.searchbar import SearchBar, Sought

FIRST, MOST = 24, 200
"""Results that are asked for at first, twice as many each time that one scrolls to their end, and
as many as anybody looks through."""
NARROW = 640
"""Below this width the way to the whole hub stands below the heading."""


class DiscoverView(QWidget):
    """The catalogue and the search, and the page of the model that was opened.

    The catalogue needs no network. The hub is asked for what a person types, and for the page of
    a model that they open.
    """

    downloads_wanted = Signal()
    used = Signal(Download)

    def __init__(self, studio: Studio, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("discover-view")
        self._studio = studio
        self._hub = studio.hub
        self._work = Background(self)
        self._catalogue: tuple[Found, ...] = ()
        self._installed: Installed = {}
        self._asked = 0
        """The number of the search that is waited for; 0 for none."""
        self._limit = FIRST
        self._more_there = False
        """The hub may have more than was asked for."""
        self._count = 0
        self.search = SearchBar()
        self.list = FoundList()
        self.message = Message()
        self.page = ModelPageView(studio)
        self.desk = PageDesk(studio, self.page)
        self._build()
        self._connect()
        self._settings_changed()
        self.look()

    def narrow_to(self, kind: Kind | None) -> None:
        """Show what there is of one kind, from the beginning."""
        self.show_list()
        self.search.choose(Sought(kind=kind, sort=self.search.sought().sort))

    def show_list(self) -> None:
        """Back from a model's page."""
        if self._stack.currentWidget() is self.page:
            self._stack.setCurrentWidget(self._browse)
            self.desk.leave()
            self.list.setFocus(Qt.FocusReason.OtherFocusReason)

    def open(self, found: Found, revision: str = "") -> None:
        """Show the page of a model; the hub is asked for it. A revision, as "main", is wanted
        where the one that the catalogue keeps to is not."""
        self._stack.setCurrentWidget(self.page)
        self.desk.open(found, revision)

    def look(self) -> None:
        """See again what suits this machine, and what is installed."""
        machine, specs = self._hub.machine, self._hub.specs
        self._work.run(partial(read_installed, self._studio.store), self._took_installed)
        # Each time: an engine may have measured this computer meanwhile.
        self._work.run(
            partial(read_catalogue, machine, specs, self._studio.paths),
            self._took_catalogue,
            self._refused,
        )

    def focus_first(self) -> None:
        """Take the focus."""
        if self._stack.currentWidget() is self.page:
            self.page.focus_first()
        elif self.search.search.isEnabled():
            self.search.search.setFocus(Qt.FocusReason.OtherFocusReason)
        else:
            self.list.setFocus(Qt.FocusReason.OtherFocusReason)

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        ways = QBoxLayout.Direction
        narrow = self.width() < NARROW
        self._head.setDirection(ways.TopToBottom if narrow else ways.LeftToRight)

    def showEvent(self, event: QShowEvent) -> None:
        super().showEvent(event)
        self.look()

    # Building

    def _build(self) -> None:
        self._browse = QWidget()
        column = QVBoxLayout(self._browse)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(theme.INSET)
        column.addWidget(self.search)
        column.addWidget(self._offline_bar())
        self._head = head = QBoxLayout(QBoxLayout.Direction.LeftToRight)
        head.setSpacing(theme.HAIR)
        words = QVBoxLayout()
        words.setSpacing(2)
        self.heading = QLabel()
        self.heading.setObjectName("found-heading")
        self.heading.setProperty("role", "lead")
        self.sub = QLabel()
        self.sub.setObjectName("found-sub")
        self.sub.setProperty("role", "small")
        self.sub.setWordWrap(True)
        for label in (self.heading, self.sub):
            label.setTextFormat(Qt.TextFormat.PlainText)
        words.addWidget(self.heading)
        words.addWidget(self.sub)
        self.all = quiet("browse-hub", "globe", "", self._browse_all)
        head.addLayout(words, 1)
        head.addWidget(self.all, 0, Qt.AlignmentFlag.AlignTop | Qt.AlignmentFlag.AlignLeft)
        column.addLayout(head)
        self.busy = QProgressBar()
        self.busy.setObjectName("searching")
        self.busy.setProperty("thin", True)
        self.busy.setTextVisible(False)
        self.busy.setRange(0, 0)
        self.busy.setAccessibleName(self.tr("Asking the hub"))
        room = self.busy.sizePolicy()
        room.setRetainSizeWhenHidden(True)  # so that the list does not jump
        self.busy.setSizePolicy(room)
        column.addWidget(self.busy)
        self._contents = QStackedWidget()
        self._contents.addWidget(self.list)
        self._contents.addWidget(self.message)
        column.addWidget(self._contents, 1)
        self._stack = QStackedWidget()
        self._stack.addWidget(self._browse)
        self._stack.addWidget(self.page)
        outer = QVBoxLayout(self)
        outer.setContentsMargins(0, 0, 0, 0)
        outer.addWidget(self._stack)
        polish(self.page)

    def _offline_bar(self) -> QWidget:
        self._offline = QFrame()
        self._offline.setObjectName("offline-bar")
        self._offline.setProperty("card", True)
        row = QHBoxLayout(self._offline)
        row.setContentsMargins(theme.PAD, theme.GAP, theme.GAP, theme.GAP)
        words = MarkedWords("offline-words")
        self.online = QPushButton(self.tr("Use the network"))
        self.online.setObjectName("go-online")
        self.online.clicked.connect(lambda: self._studio.change(stay_offline=False))
        row.addWidget(words, 1, Qt.AlignmentFlag.AlignVCenter)
        row.addWidget(self.online)
        words.say(
            "wifi-off",
            "muted",
            self.tr("The network is switched off in Settings. Nothing can be searched or fetched; "
                    "all that is installed works."),
        )  # fmt: skip
        return self._offline

    def _connect(self) -> None:
        studio, hub = self._studio, self._hub
        self.search.changed.connect(self._sought)
        self.search.entered.connect(lambda: self.list.setFocus(Qt.FocusReason.OtherFocusReason))
        self.list.opened.connect(self.open)
        self.list.near_end.connect(self._more)
        self.message.acted.connect(self._act_on_message)
        self.page.left.connect(self.show_list)
        self.desk.came.connect(self._follow)
        self.desk.used.connect(self.used)
        self.desk.downloads_wanted.connect(self.downloads_wanted)
        hub.progressed.connect(self._follow)
        studio.models_changed.connect(self.look)
        studio.engine.hello.connect(lambda _lane: self._more_able())
        studio.settings_changed.connect(self._settings_changed)

    # The catalogue and what is installed

    def _took_catalogue(self, found: Sequence[Found]) -> None:
        if found and self._catalogue == tuple(found):
            return
        self._catalogue = tuple(found)
        if not self.search.sought().on_hub:
            self._show_catalogue()

    def _took_installed(self, models: Sequence[InstalledModel]) -> None:
        self._installed = {}
        for model in models:
            if model.repo:
                older = (name.rpartition("@")[2] for name in model.older)
                revisions = {model.revision, *older}
                self._installed.setdefault(model.repo, {})[model.variant] = revisions
        self._follow()

    def _show_catalogue(self) -> None:
        sought = self.search.sought()
        found = [
            f
            for f in self._catalogue
            if sought.kind in (None, f.kind) and (not sought.sell or may_sell(f.licence))
        ]
        self.heading.setText(self.tr("Recommended for this computer"))
        self.sub.setText(self._machine_words())
        self.busy.hide()
        self.list.rows.show(found)
        self._tell_all()
        self._follow()
        if found or not self._catalogue:
            self._contents.setCurrentWidget(self.list)
        else:
            self._say("search", self.tr("Nothing in the catalogue fits"),
                      self.tr("Search the hub, or show all kinds."),
                      self.tr("Show everything"))  # fmt: skip

    def _machine_words(self) -> str:
        machine = self._hub.machine
        parts = [self.tr("{size} of memory").format(size=file_size(machine.memory))]
        if machine.gpu:
            own = f" ({file_size(machine.gpu_memory)})" if machine.gpu_memory else ""
            parts.append(machine.gpu + own)
        elif self._studio.engine.device() is not None:
            parts.append(self.tr("no graphics card to run on"))
        words = " · ".join(parts)
        return self.tr("{machine}. Our own choice; no network is needed to see it.").format(
            machine=words
        )

    # The search

    def _sought(self, sought: Sought) -> None:
        self.show_list()
        self._hub.forget(self._asked)
        self._asked, self._limit, self._count = 0, FIRST, 0
        self._more_there = False
        if not sought.on_hub:
            self._show_catalogue()
            return
        self._tell_all()
        self.list.rows.show(())
        self._contents.setCurrentWidget(self.list)
        self._search(sought)

    def _search(self, sought: Sought) -> None:
        self.busy.show()
        if self._count == 0:
            words = self.tr("Looking for “{words}”…") if sought.words else self.tr("Looking…")
            self.heading.setText(words.format(words=sought.words))
            self.sub.setText(self._hub.host)
        self._asked = self._hub.ask(
            "search", query_of(sought, self._limit), then=self._came, failed=self._search_failed
        )

    def _came(self, found: Sequence[Found]) -> None:
        self._asked = 0
        self.busy.hide()
        self.list.rows.add(found)
        self._more_there = len(found) >= self._limit < MOST
        self._count = self.list.rows.rowCount()
        self._tell_found()
        self._follow()

    def _tell_found(self) -> None:
        sought = self.search.sought()
        if self._count == 0:
            self.heading.setText(self.tr("Nothing was found"))
            self._say(
                "search",
                self.tr("Nothing that Triptych can run"),
                self.tr("Try fewer or other words, or another kind. Models in formats that run "
                        "code of strangers are left out."),
                self.tr("Show the recommended ones"),
            )  # fmt: skip
            return
        self._contents.setCurrentWidget(self.list)
        words = self.tr("“{words}”") if sought.words else self.tr("Everything on the hub")
        self.heading.setText(words.format(words=sought.words))
        number = self.locale().toString(self._count)
        one = self.tr("1 model that may run here, from {host}")
        many = self.tr("{n} models that may run here, from {host}")
        more = self.tr("The first {n} models that may run here, from {host}")
        words = one if self._count == 1 else more if self._more_there else many
        self.sub.setText(words.format(n=number, host=self._hub.host))

    def _search_failed(self, error: StudioError) -> None:
        self._asked = 0
        self.busy.hide()
        if self._count:
            self._refused(error)  # what was found stays
            return
        self.heading.setText(self.tr("The search did not work"))
        self.sub.setText(self._hub.host)
        self._say("wifi-off", error.message, error.hint, self.tr("Try again"))

    def _more(self) -> None:
        sought = self.search.sought()
        if sought.on_hub and self._more_there and not self._asked:
            self._limit = min(2 * self._limit, MOST)
            self._search(sought)

    def _browse_all(self) -> None:
        sought = self.search.sought()
        if sought.on_hub:
            self.search.clear()
        else:
            self.search.choose(Sought(kind=sought.kind, sell=sought.sell, sort=sought.sort,
                                      browse=True))  # fmt: skip
        self.list.setFocus(Qt.FocusReason.OtherFocusReason)

    def _tell_all(self) -> None:
        on_hub = self.search.sought().on_hub
        words = (
            self.tr("Recommended models")
            if on_hub
            else self.tr("Everything on {host}").format(host=self._hub.host)
        )
        self.all.setText(" " + words)
        self.all.setIcon(icon("compass" if on_hub else "globe"))
        self.all.setAccessibleName(words)
        self.all.setVisible(on_hub or not self._hub.offline)

    def _say(self, picture: str, heading: str, words: str, button: str) -> None:
        self.message.say(picture, heading, words, button)
        self._contents.setCurrentWidget(self.message)

    def _act_on_message(self) -> None:
        if self.message.button.text() == self.tr("Try again"):
            self._sought(self.search.sought())
        else:
            self.search.clear()

    def _more_able(self) -> None:
        """An engine has told what it runs: more of the catalogue, and perhaps what is open."""
        if self.isVisible():
            self.look()
        self.desk.ask_if_unable()

    # What goes on meanwhile

    def _follow(self) -> None:
        coming = {
            d.repo: d.done / d.total if d.total else 0.0
            for d in self._hub.downloads
            if d.state not in ("done", "cancelled")
        }
        self.list.mark(self._installed, coming)
        self.desk.follow(self._installed)

    def _settings_changed(self) -> None:
        offline = self._studio.settings.stay_offline
        self._offline.setVisible(offline)
        self.search.set_offline(offline, self._hub.host)
        self._tell_all()

    def _refused(self, error: StudioError) -> None:
        self._studio.notices.error(error)


def query_of(sought: Sought, limit: int) -> Query:
    """What the hub is asked for what a person looks for."""
    return Query(
        words=sought.words,
        kind=sought.kind,
        sort=sought.sort,
        sell=sought.sell,
        limit=limit,
    )


def read_catalogue(
    machine: Machine, specs: Sequence[FamilySpec], paths: Paths
) -> tuple[Found, ...]:
    """The catalogue with what suits this machine first. Reads files: for a worker."""
    return recommended(timed(machine, paths.cache), specs, Pins(paths.data / PINS))


def read_installed(store: Store) -> list[InstalledModel]:
    """What is installed. Reads the disk: for a worker."""
    return store.installed()
