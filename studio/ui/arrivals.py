"""What the whole window is told of downloads: how far they are, and how each ended."""

from __future__ import annotations

from PySide6.QtCore import QObject, QTimer

from studio.models.remote import Download
from studio.ui.modeldeeds import use_from_hub
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
        if download.model:
            self._studio.engine.know([download.model])
        self._studio.models_changed.emit()
        self._studio.notices.show(
            self.tr("“{title}” is here.").format(title=download.title),
            self.tr("Every byte was checked."),
            kind="info",
            actions=[(self.tr("Make something"), lambda: self._use(download))],
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
