"""What settings fold into: a scroll area no higher than they are, and the line that hides them."""

from __future__ import annotations

from PySide6.QtCore import QEvent, QObject, QSize, Qt
from PySide6.QtGui import QResizeEvent
from PySide6.QtWidgets import QFrame, QPushButton, QScrollArea, QSizePolicy, QWidget

from studio.ui.icons import icon


class SnugScroll(QScrollArea):
    """Scrolls only when it must: as high as its contents where there is room for them."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setWidgetResizable(True)
        self.setFrameShape(QFrame.Shape.NoFrame)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Maximum)
        self.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        self.viewport().setAutoFillBackground(False)
        self.setObjectName("settings")
        self.setStyleSheet("#settings, #settings-ground { background: transparent; }")

    def hold(self, widget: QWidget) -> None:
        """Scroll this."""
        widget.setObjectName("settings-ground")
        widget.installEventFilter(self)
        self.setWidget(widget)

    def sizeHint(self) -> QSize:
        inner = self.widget()
        return QSize(280, inner.sizeHint().height() if inner is not None else 0)

    def minimumSizeHint(self) -> QSize:
        return QSize(200, min(96, self.sizeHint().height()))

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        if event.type() == QEvent.Type.LayoutRequest:
            self.updateGeometry()
        return super().eventFilter(watched, event)


class Fold(QPushButton):
    """Shows or hides the settings; while they are hidden it tells what was changed in them."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._words = ""
        self.setObjectName("fold")
        self.setProperty("kind", "disclosure")
        self.setCheckable(True)
        self.setChecked(True)
        self.setIconSize(QSize(16, 16))
        self.setAccessibleName(self.tr("Settings"))
        self.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Fixed)
        self.toggled.connect(self._show)
        self._show()

    def tell(self, words: str) -> None:
        """The settings in short."""
        self._words = words
        self._show()

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        self._show()

    def _show(self) -> None:
        unfolded = self.isChecked()
        self.setIcon(icon("chevron-down" if unfolded else "chevron-right", "muted"))
        words = self.tr("Settings") if unfolded or not self._words else self._words
        room = self.width() - self.iconSize().width() - 20
        words = self.fontMetrics().elidedText(words, Qt.TextElideMode.ElideRight, room)
        self.setText(" " + words.replace("&", "&&"))
        self.setAccessibleDescription(self._words)
