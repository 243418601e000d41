"""What the whole window is told of downloads: how far they are, and how each ended."""

from __future__ import annotations

from PySide6.QtCore import QObject, QTimer

from studio.core.family import KINDS
from studio.models import InstalledModel, families
from studio.models.remote import Download
from studio.ui.modeldeeds import installed_from, use_from_hub
from studio.ui.studio import Studio
from studio.ui.widgets.background import Background
from studio.ui.widgets.hubwords import left_words, speed_words, title_words
from studio.ui.widgets.statusline import StatusLine

PACE_MS = 250
"""How often the status line is told; nobody reads faster."""


class Arrivals(QObject):
    """Keeps the status line up to date, and says in a notice what has come or failed."""

    def __init__(self, studio: Studio, status: StatusLine) -> None:
        super().__init__(status)
        self._studio, self._status = studio, status
        self._hub = studio.hub
        self._work = Background(self)
        self._later = QTimer(self, singleShot=True, interval=PACE_MS)
        self._later.timeout.connect(self._tell)
        self._hub.progressed.connect(self._soon)
        self._hub.changed.connect(self._tell)
        self._hub.finished.connect(self._came)
        self._hub.broken.connect(self._failed)

    def _soon(self) -> None:
        if not self._later.isActive():
            self._later.start()

    def _tell(self) -> None:
        hub = self._hub
        going = hub.open
        lines = [title_words(download) for download in going[:8]]
        parts = (speed_words(hub.speed) if hub.speed else "", left_words(hub.seconds_left))
        lines.append(" · ".join(part for part in parts if part))
        words = "\n".join(line for line in lines if line)
        self._status.show_downloads(len(going), hub.fraction, words)

    def _came(self, download: Download) -> None:
        self._studio.models_changed.emit()
        store, engine = self._studio.store, self._studio.engine
        specs = tuple(spec for kind in KINDS for spec in engine.families(kind))

        def look() -> tuple[InstalledModel | None, bool]:
            model = installed_from(store, download)
            return model, bool(model is not None and families(model, specs))

        def told(found: tuple[InstalledModel | None, bool]) -> None:
            model, runs = found
            if model is not None:
                engine.know([model.id])
            known = download.kind is not None and bool(engine.families(download.kind))
            if model is None or runs or model.role or not known:
                self._tell_ready(download)
            else:
                self._tell_raw(download, model)

        self._work.run(look, told, self._studio.notices.error)

    def _tell_ready(self, download: Download) -> None:
        self._studio.notices.show(
            self.tr("“{title}” is here.").format(title=download.title),
            self.tr("Every byte was checked."),
            kind="info",
            actions=[(self.tr("Make something"), lambda: self._use(download))],
        )

    def _tell_raw(self, download: Download, model: InstalledModel) -> None:
        """It is whole, and runs when it has been added as a file of one's own is."""
        part = self._hub.to_add(download)
        path = model.path / part if part not in ("", ".") else model.path

        def ready() -> None:
            self._studio.show_models("installed")
            self._studio.adder.look(path)

        self._studio.notices.show(
            self.tr("“{title}” is here.").format(title=download.title),
            self.tr("It has to be made ready before it runs; that may take some minutes."),
            kind="info",
            actions=[(self.tr("Make it ready"), ready)],
        )

    def _use(self, download: Download) -> None:
        def otherwise(_: object) -> None:
            self._studio.show_models("installed")

        use_from_hub(self._studio, self._work, download, otherwise)

    def _failed(self, download: Download) -> None:
        words = self.tr("“{title}” could not be downloaded: {why}")
        self._studio.notices.show(
            words.format(title=download.title, why=download.message),
            download.hint,
            actions=[
                (self.tr("Show downloads"), lambda: self._studio.show_models("downloads")),
            ],
        )
