"""What this program is, whose work it stands on, and whether there is a newer one."""

from __future__ import annotations

from urllib.parse import urlsplit

from PySide6.QtCore import QSize, Qt, QUrl
from PySide6.QtGui import QDesktopServices
from PySide6.QtWidgets import QHBoxLayout, QLabel, QPushButton, QVBoxLayout, QWidget

from studio import __version__
from studio.core.errors import StudioError
from studio.core.paths import resources
from studio.core.process import Child, Died
from studio.models import updates
from studio.ui import theme
from studio.ui.icons import icon
from studio.ui.mailbox import Mailbox
from studio.ui.studio import Studio
from studio.ui.widgets.credits import credits_text
from studio.ui.widgets.markdownview import MarkdownView


class About(QWidget):
    """The end of the settings: version, licences, and a question that is put only when clicked."""

    def __init__(self, studio: Studio, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._studio = studio
        self._mailbox = Mailbox(self._hear, self)
        self._child = Child(updates.ask, "updates", self._mailbox.post)
        self._page = ""
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(theme.HAIR)
        name = QLabel(self.tr("Triptych {version}").format(version=__version__))
        name.setObjectName("version")
        name.setProperty("role", "heading")
        column.addWidget(name)
        column.addWidget(
            _muted(
                self.tr(
                    "Text, pictures and sound with generative models, on your own computer. "
                    "Nothing is sent anywhere. Free software under the Apache License 2.0."
                )
            )
        )
        self._add_updates(column)
        self._add_licences(column)

    def _add_updates(self, column: QVBoxLayout) -> None:
        self.check = QPushButton(self.tr("Check for updates…"))
        self.check.setObjectName("check-for-updates")
        self.check.clicked.connect(self._offer)
        column.addWidget(self.check, 0, Qt.AlignmentFlag.AlignLeft)
        self.said = _muted("")
        self.said.setObjectName("updates")
        self.said.hide()
        column.addWidget(self.said)
        row = QHBoxLayout()
        self.ask = QPushButton()
        self.ask.setObjectName("ask-for-updates")
        self.ask.clicked.connect(self._ask)
        self.visit = QPushButton(self.tr("Open its page"))
        self.visit.setObjectName("open-update")
        self.visit.clicked.connect(lambda: QDesktopServices.openUrl(QUrl(self._page)))
        for button in (self.ask, self.visit):
            button.hide()
            row.addWidget(button)
        row.addStretch(1)
        column.addLayout(row)

    def _add_licences(self, column: QVBoxLayout) -> None:
        self.licences = QPushButton(self.tr("Licences and credits"))
        self.licences.setObjectName("licences")
        self.licences.setProperty("kind", "disclosure")
        self.licences.setCheckable(True)
        self.licences.toggled.connect(self._show_credits)
        self.licences.setIcon(icon("chevron-right", "muted"))
        self.licences.setIconSize(QSize(16, 16))
        column.addWidget(self.licences, 0, Qt.AlignmentFlag.AlignLeft)
        self.credits = MarkdownView()
        self.credits.setObjectName("credits")
        self.credits.setAccessibleName(self.tr("Licences and credits"))
        self.credits.hide()
        column.addWidget(self.credits)
        folder = resources() / "licences"
        self.texts = QPushButton(self.tr("Open the folder of all licence texts"))
        self.texts.setObjectName("licence-texts")
        self.texts.clicked.connect(
            lambda: QDesktopServices.openUrl(QUrl.fromLocalFile(str(folder)))
        )
        self.texts.hide()
        self._packed = folder.is_dir()
        column.addWidget(self.texts, 0, Qt.AlignmentFlag.AlignLeft)

    def _show_credits(self, on: bool) -> None:
        if on and self.credits.document().isEmpty():
            self.credits.show_markdown(credits_text())
        self.credits.setVisible(on)
        self.texts.setVisible(on and self._packed)
        self.licences.setIcon(icon("chevron-down" if on else "chevron-right", "muted"))

    # Updates

    def _offer(self) -> None:
        """Say what would be asked, and whom; nothing has left the computer yet."""
        self.visit.hide()
        where = updates.address()
        if not where:
            self._say(
                self.tr(
                    "This copy of Triptych knows no place to ask, so nothing was sent. "
                    "Look for a newer version where you got this one."
                )
            )
            return
        host = urlsplit(where).hostname or where
        self._say(
            self.tr(
                "Triptych would ask {host} once which version is the newest. {host} sees the "
                "address of your network and “Triptych {version}”, nothing else."
            ).format(host=host, version=__version__)
        )
        self.ask.setText(self.tr("Ask {host}").format(host=host))
        self.ask.show()

    def _ask(self) -> None:
        self.ask.hide()
        self.check.setEnabled(False)
        self._say(self.tr("Asking…"))
        # In a process of its own: the window's never speaks with the network.
        self._child.start(updates.address(), self._studio.settings.stay_offline)

    def _hear(self, answer: object) -> None:
        if isinstance(answer, Died):
            if not self.check.isEnabled():
                self._done(self.tr("There was no answer. Try again."))
        elif isinstance(answer, StudioError):
            self._done(f"{answer.message} {answer.hint}")
        elif isinstance(answer, updates.Release):
            if updates.newer(answer.version):
                self._page = answer.page
                self.visit.setVisible(bool(answer.page))
                words = self.tr("Triptych {version} is there. Install it as you did this one.")
                self._done(words.format(version=answer.version))
            else:
                self._done(self.tr("This is the newest version."))

    def _done(self, words: str) -> None:
        self.check.setEnabled(True)
        self._say(words)

    def _say(self, words: str) -> None:
        self.said.setText(words)
        self.said.show()


def _muted(words: str) -> QLabel:
    label = QLabel(words)
    label.setProperty("role", "muted")
    label.setTextFormat(Qt.TextFormat.PlainText)
    label.setWordWrap(True)
    return label
