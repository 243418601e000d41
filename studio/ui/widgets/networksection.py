"""The settings of the network: whether there is one, which hub, who asks, how fast."""

from __future__ import annotations

import os

from PySide6.QtCore import QSignalBlocker, QSize, Qt
from PySide6.QtWidgets import (
    QCheckBox,
    QDoubleSpinBox,
    QLineEdit,
    QPushButton,
    QSpinBox,
    QVBoxLayout,
    QWidget,
)

from studio.core.settings import MAX_CONNECTIONS, MAX_DOWNLOAD_KB, is_address
from studio.ui import theme
from studio.ui.fields import quiet_wheel
from studio.ui.icons import icon
from studio.ui.studio import Studio
from studio.ui.widgets.settingrow import Section, SettingRow

KB_IN_MB = 1000
STANDARD = "https://huggingface.co"


class NetworkSection(Section):
    """Each choice is kept at once and holds at once, for downloads that run as well."""

    def __init__(self, studio: Studio, parent: QWidget | None = None) -> None:
        super().__init__(self.tr("Network and downloads"), parent)
        self._studio = studio
        self.offline = QCheckBox()
        self.offline.setObjectName("stay-offline")
        self.offline.setFixedWidth(20)
        self.offline.toggled.connect(lambda on: studio.change(stay_offline=on))
        self.add(
            SettingRow(
                self.tr("Stay offline"),
                self.tr("No connection is made at all. Everything that is installed works."),
                self.offline,
            )
        )
        self.endpoint = QLineEdit()
        self.endpoint.setObjectName("endpoint")
        self.endpoint.setMinimumWidth(200)
        self.endpoint.setMaxLength(500)
        self.endpoint.setPlaceholderText(os.environ.get("HF_ENDPOINT") or STANDARD)
        self.endpoint.editingFinished.connect(self._take_endpoint)
        self._endpoint_row = SettingRow(self.tr("Model hub"), "", self.endpoint)
        self.add(self._endpoint_row)
        self.add(self._account())
        self.connections = QSpinBox()
        self.connections.setObjectName("connections")
        self.connections.setRange(1, MAX_CONNECTIONS)
        self.connections.valueChanged.connect(lambda n: studio.change(download_connections=n))
        self.add(
            SettingRow(
                self.tr("Connections at once"),
                self.tr("Over all downloads. Fewer leave more of a slow line to others."),
                self.connections,
            )
        )
        self.speed = QDoubleSpinBox()
        self.speed.setObjectName("bandwidth")
        self.speed.setDecimals(1)
        self.speed.setRange(0.0, MAX_DOWNLOAD_KB / KB_IN_MB)
        self.speed.setSingleStep(0.5)
        self.speed.setSpecialValueText(self.tr("As fast as it goes"))
        self.speed.setSuffix(self.tr(" MB/s"))
        self.speed.valueChanged.connect(
            lambda value: studio.change(download_kb=round(value * KB_IN_MB))
        )
        self.add(SettingRow(self.tr("Speed limit"), "", self.speed))
        for spin in (self.connections, self.speed):
            spin.setMinimumWidth(200)
            spin.setKeyboardTracking(False)
            quiet_wheel(spin)
        self.fill()

    def fill(self) -> None:
        """Show what holds."""
        settings = self._studio.settings
        with QSignalBlocker(self.offline):
            self.offline.setChecked(settings.stay_offline)
        with QSignalBlocker(self.connections), QSignalBlocker(self.speed):
            self.connections.setValue(settings.download_connections)
            self.speed.setValue(settings.download_kb / KB_IN_MB)
        if not self.endpoint.hasFocus():
            self.endpoint.setText(settings.endpoint)
            self._explain_endpoint(good=True)

    def _account(self) -> QWidget:
        """Folded, since looking who is signed in has the courier begin."""
        self._holder = QWidget()
        column = QVBoxLayout(self._holder)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(theme.GAP)
        self.account = QPushButton(self.tr("Account at the hub"))
        self.account.setObjectName("account")
        self.account.setProperty("kind", "disclosure")
        self.account.setCheckable(True)
        self.account.setIcon(icon("chevron-right", "muted"))
        self.account.setIconSize(QSize(16, 16))
        self.account.setToolTip(self.tr("For models that are private or that ask for consent"))
        self.account.toggled.connect(self._show_account)
        self._sign_in: QWidget | None = None
        column.addWidget(self.account, 0, Qt.AlignmentFlag.AlignLeft)
        return self._holder

    def _show_account(self, on: bool) -> None:
        self.account.setIcon(icon("chevron-down" if on else "chevron-right", "muted"))
        if self._sign_in is None:
            from studio.ui.widgets.signin import SignIn

            self._sign_in = SignIn(self._studio)
            layout = self._holder.layout()
            assert layout is not None
            layout.addWidget(self._sign_in)
        self._sign_in.setVisible(on)

    def _take_endpoint(self) -> None:
        text = self.endpoint.text().strip().rstrip("/")
        good = not text or is_address(text)
        if good:
            self._studio.change(endpoint=text)
        self._explain_endpoint(good=good)

    def _explain_endpoint(self, *, good: bool) -> None:
        if good:
            words = self.tr("Another server that speaks as Hugging Face does, as a company’s "
                            "mirror. Empty for the usual one.")  # fmt: skip
        else:
            words = self.tr(
                "This is no address of a server; write it as https://models.example.org."
            )
        self._endpoint_row.set_help(words)
        self._endpoint_row.help.setProperty("role", "small" if good else "warning")
        self._endpoint_row.help.style().unpolish(self._endpoint_row.help)
        self._endpoint_row.help.style().polish(self._endpoint_row.help)
