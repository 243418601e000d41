"""Signing in to the hub with a token, and out again; the token itself is never shown."""

from __future__ import annotations

from PySide6.QtCore import QUrl, Signal
from PySide6.QtGui import QDesktopServices, QShowEvent
from PySide6.QtWidgets import QLineEdit, QPushButton, QVBoxLayout, QWidget

from studio.core.errors import StudioError
from studio.models.remote import Account
from studio.ui import theme
from studio.ui.studio import Studio
from studio.ui.widgets.flow import FlowLayout
from studio.ui.widgets.recipeview import WrapLabel


class SignIn(QWidget):
    """A field for an access token, or who is signed in and a way out.

    The courier keeps the token in the system's keyring and sends it to the chosen hub only.
    """

    changed = Signal()
    """Somebody signed in or out."""

    def __init__(self, studio: Studio, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("sign-in")
        self._studio = studio
        self._known = False
        self._inside = False
        self.words = WrapLabel()
        self.words.setObjectName("sign-in-words")
        self.words.setProperty("role", "small")
        self.trouble = WrapLabel()
        self.trouble.setObjectName("sign-in-trouble")
        self.trouble.setProperty("role", "warning")
        self.trouble.hide()
        self.token = QLineEdit()
        self.token.setObjectName("token")
        self.token.setEchoMode(QLineEdit.EchoMode.Password)
        self.token.setPlaceholderText(self.tr("Access token, as hf_…"))
        self.token.setAccessibleName(self.tr("Access token"))
        self.token.setMinimumWidth(180)
        self.token.setMaxLength(500)
        self.token.returnPressed.connect(self._sign_in)
        self.token.textChanged.connect(lambda _text: self._follow())
        self.enter = QPushButton(self.tr("Sign in"))
        self.enter.setObjectName("sign-in-button")
        self.enter.clicked.connect(self._sign_in)
        self.leave = QPushButton(self.tr("Sign out"))
        self.leave.setObjectName("sign-out-button")
        self.leave.clicked.connect(self._sign_out)
        self.where = QPushButton(self.tr("Where do I get one?"))
        self.where.setObjectName("token-page")
        self.where.setProperty("kind", "disclosure")
        self.where.setToolTip(self.tr("Opens the page for access tokens in the browser"))
        self.where.clicked.connect(self._open_page)
        flow = FlowLayout(spacing=theme.GAP)
        for widget in (self.token, self.enter, self.leave, self.where):
            flow.addWidget(widget)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(theme.HAIR)
        column.addWidget(self.words)
        column.addLayout(flow)
        column.addWidget(self.trouble)
        self._show(Account(""))
        self._known = False

    @property
    def signed_in(self) -> bool:
        return self._inside

    def showEvent(self, event: QShowEvent) -> None:
        super().showEvent(event)
        self.ask()

    def ask(self) -> None:
        """Look whether somebody is signed in; the hub is not asked, as nobody wants it to be."""
        self._studio.hub.ask("signed_in", then=self._show, failed=self._unsure)

    def _show(self, account: Account) -> None:
        inside = bool(account.source)
        changed = self._known and inside != self._inside
        self._known, self._inside = True, inside
        if inside:
            name = self.tr("Signed in as {name}.").format(name=account.name)
            said = name if account.name else self.tr("Signed in.")
            self.words.set_raw(f"{said} {account.note}".strip())
        else:
            self.words.set_raw(
                self.tr("A token is kept in this computer’s keyring and sent to the hub alone.")
            )
        for widget in (self.token, self.enter, self.where):
            widget.setVisible(not inside)
        self.leave.setVisible(inside and account.source != "environment")
        self._follow()
        if changed:
            self.changed.emit()

    def _follow(self) -> None:
        self.enter.setEnabled(bool(self.token.text().strip()) and self.token.isEnabled())

    def _sign_in(self) -> None:
        token = self.token.text().strip()
        if not token:
            return
        self.token.clear()  # it is in nobody's hands but the courier's from here on
        self._busy(True)
        self._studio.hub.ask("sign_in", token, then=self._entered, failed=self._refused)

    def _sign_out(self) -> None:
        self._studio.hub.ask("sign_out", then=self._show, failed=self._refused)

    def _entered(self, account: Account) -> None:
        self._busy(False)
        self._show(account)

    def _unsure(self, error: StudioError) -> None:
        """There is a token, and nobody can say whose just now."""
        self.words.set_raw(f"{error.message} {error.hint}".strip())

    def _refused(self, error: StudioError) -> None:
        self._busy(False)
        self.trouble.set_raw(f"{error.message} {error.hint}".strip())
        self.trouble.show()

    def _busy(self, on: bool) -> None:
        self.token.setEnabled(not on)
        self.enter.setText(self.tr("Asking…") if on else self.tr("Sign in"))
        self.trouble.hide()
        self._follow()

    def _open_page(self) -> None:
        QDesktopServices.openUrl(QUrl(f"{self._studio.hub.endpoint}/settings/tokens"))
