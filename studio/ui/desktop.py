"""What the desktop is told: a job has ended while another window was in front."""

from __future__ import annotations

from PySide6.QtCore import QObject, Qt, Signal
from PySide6.QtGui import QGuiApplication
from PySide6.QtWidgets import QApplication, QSystemTrayIcon, QWidget

from studio.core.messages import Done, Failed
from studio.core.recipe import Recipe
from studio.ui import icons
from studio.ui.studio import Studio
from studio.ui.widgets.queue import recipe_words


class DesktopNotices(QObject):
    """Rings when a job ends and nobody looks; the window asks for a look as well."""

    rung = Signal(str, str)
    """Title and words, when the desktop was told."""
    answered = Signal()
    """The person clicked it."""

    def __init__(self, studio: Studio, window: QWidget) -> None:
        super().__init__(window)
        self._studio = studio
        self._window = window
        self._tray: QSystemTrayIcon | None = None
        self._recipes: dict[str, Recipe] = {}
        studio.engine.queue_changed.connect(self._note)
        studio.engine.ended.connect(self._ended)

    def _note(self, _lane: str) -> None:
        # When a job has ended, the engine does not know its recipe any more.
        for job in self._studio.engine.jobs():
            self._recipes[job.id] = job.recipe

    def _ended(self, job_id: str, ending: object) -> None:
        recipe = self._recipes.pop(job_id, None)
        active = QGuiApplication.applicationState() == Qt.ApplicationState.ApplicationActive
        if recipe is None or active or not self._studio.settings.desktop_notices:
            return
        if isinstance(ending, Done):
            title = {
                "text": self.tr("Your text is ready"),
                "image": self.tr("Your picture is ready"),
                "audio": self.tr("Your sound is ready"),
            }[recipe.kind]
            words = recipe_words(recipe)
        elif isinstance(ending, Failed):
            title, words = self.tr("This could not be made"), ending.message
        else:
            return  # whoever cancelled it knows
        self._ring(title, words)

    def _ring(self, title: str, words: str) -> None:
        QApplication.alert(self._window)
        if QSystemTrayIcon.isSystemTrayAvailable() and QSystemTrayIcon.supportsMessages():
            if self._tray is None:
                self._tray = QSystemTrayIcon(icons.program(), self)
                self._tray.setToolTip("Triptych")
                self._tray.messageClicked.connect(self.answered)
                self._tray.activated.connect(lambda _reason: self.answered.emit())
            self._tray.show()
            self._tray.showMessage(title, words, icons.program())
        self.rung.emit(title, words)
