"""Choosing a model and, where several families can run one, how it is run."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import groupby

from PySide6.QtCore import QCoreApplication, QSize, Qt, QTimer, Signal
from PySide6.QtGui import QFont, QStandardItemModel
from PySide6.QtWidgets import QComboBox, QSizePolicy, QStyle, QStyleOptionComboBox, QWidget

from studio.core.family import FamilySpec
from studio.ui import theme
from studio.ui.icons import icon
from studio.ui.stock import Offer


class ModelChooser(QComboBox):
    """The installed models below the families that run them, and the family of the chosen one.

    Where only one family has models, no heading says so.
    """

    chosen = Signal()
    """Another model than before, by hand or not."""
    more_wanted = Signal()
    """The last line of the list, which leads to models that can be had."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("model")
        self.setAccessibleName(self.tr("Model"))
        self.setToolTip(self.tr("Model"))
        self.setSizePolicy(QSizePolicy.Policy.Preferred, QSizePolicy.Policy.Fixed)
        self.setSizeAdjustPolicy(QComboBox.SizeAdjustPolicy.AdjustToContents)
        self.setMaxVisibleItems(20)
        self.setMinimumWidth(72)
        self.setMaximumWidth(200)
        self._offers: tuple[Offer, ...] = ()
        self._shown: tuple[str, str] | None = None
        self._more = ""
        self._open = False
        """The list is open, or was until this moment."""
        self.setPlaceholderText(self.tr("No model"))
        self.setIconSize(QSize(14, 14))
        self.hide()
        self.currentIndexChanged.connect(self._changed)

    @property
    def spec(self) -> FamilySpec | None:
        """The family of the chosen model."""
        return self.offer.spec if self.offer is not None else None

    @property
    def offer(self) -> Offer | None:
        """What is chosen."""
        return next((o for o in self._offers if (o.spec.id, o.model) == self._shown), None)

    @property
    def model_id(self) -> str:
        """The chosen model's id; empty where there is none."""
        return self._shown[1] if self._shown is not None else ""

    def offer_more(self, words: str) -> None:
        """End the list with a line of these words."""
        self._more = words

    def showPopup(self) -> None:
        self._open = True
        super().showPopup()

    def hidePopup(self) -> None:
        super().hidePopup()
        # What was chosen is told a moment after the list has closed.
        QTimer.singleShot(0, self, self._closed)

    def sizeHint(self) -> QSize:
        """As wide as the widest model, not as the line below them."""
        option = QStyleOptionComboBox()
        self.initStyleOption(option)
        metrics = self.fontMetrics()
        titles = [offer.title for offer in self._offers] or [self.placeholderText()]
        inside = QSize(max(map(metrics.horizontalAdvance, titles)), metrics.height())
        kind = QStyle.ContentsType.CT_ComboBox
        size = self.style().sizeFromContents(kind, option, inside, self)
        return QSize(size.width(), super().sizeHint().height())

    def minimumSizeHint(self) -> QSize:
        return QSize(self.minimumWidth(), super().minimumSizeHint().height())

    def fill(self, offers: Sequence[Offer], wanted: tuple[str, str] | None = None) -> None:
        """Offer these. The chosen one stays if it is there; `wanted` (family, model) goes first."""
        before = wanted or self._shown
        self._offers = tuple(offers)
        groups = [(spec, list(of)) for spec, of in groupby(offers, key=lambda o: o.spec)]
        self.blockSignals(True)
        self.clear()
        for spec, of in groups:
            if len(groups) > 1:
                self._add_heading(QCoreApplication.translate("families", spec.title))
            for offer in of:
                self.addItem(offer.title, (spec.id, offer.model))
        if self._more:
            if offers:
                self.insertSeparator(self.count())
            self.addItem(icon("compass", "accent_text"), self._more)
        self.blockSignals(False)
        self.setVisible(bool(offers) or bool(self._more))
        self.updateGeometry()
        view = self.view()
        if view is not None:  # as wide as its longest line, whatever there is room for above
            view.setMinimumWidth(min(420, view.sizeHintForColumn(0) + 32))
        if before is None or not self.choose(*before):
            first = offers[0] if offers else None
            if first is None or not self.choose(first.spec.id, first.model):
                self.setCurrentIndex(-1)
        self._changed()

    def choose(self, family: str, model: str) -> bool:
        """Choose by ids; False where that is not at hand."""
        for row in range(self.count()):
            if self._at(row) == (family, model):
                self.setCurrentIndex(row)
                return True
        return False

    def _add_heading(self, words: str) -> None:
        """A line that cannot be chosen, above the models of a family."""
        self.addItem(words)
        rows = self.model()
        item = rows.item(self.count() - 1) if isinstance(rows, QStandardItemModel) else None
        if item is not None:
            item.setFlags(Qt.ItemFlag.NoItemFlags)
            font = self.font()
            font.setPixelSize(theme.SMALL)
            font.setWeight(QFont.Weight.DemiBold)
            item.setFont(font)

    def _at(self, row: int) -> tuple[str, str] | None:
        data = self.itemData(row)  # Qt may give a tuple back as a list
        return (str(data[0]), str(data[1])) if data else None

    def _closed(self) -> None:
        self._open = False

    def _changed(self) -> None:
        if (
            self._more
            and self.currentText() == self._more
            and self._at(self.currentIndex()) is None
        ):
            self._leave_more()
            return
        now = self._at(self.currentIndex()) if self.currentIndex() >= 0 else None
        if now != self._shown:
            self._shown = now
            self._tell()
            self.chosen.emit()

    def _leave_more(self) -> None:
        """The line below the models is no model: what was chosen stays. It leads on where it was
        chosen from the open list; keys and the wheel on the closed one only come by."""
        self.blockSignals(True)
        row = -1
        if self._shown is not None:
            rows = (row for row in range(self.count()) if self._at(row) == self._shown)
            row = next(rows, -1)
        self.setCurrentIndex(row)
        self.blockSignals(False)
        if self._open:
            self.more_wanted.emit()

    def _tell(self) -> None:
        offer = self.offer
        words = self.tr("Model")
        if offer is not None:
            family = QCoreApplication.translate("families", offer.spec.title)
            words = f"{offer.title}\n{family}"
        self.setToolTip(words)
