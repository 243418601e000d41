"""Choosing a model and, where several families can run one, how it is run."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import groupby

from PySide6.QtCore import QCoreApplication, Qt, Signal
from PySide6.QtGui import QFont, QStandardItemModel
from PySide6.QtWidgets import QComboBox, QSizePolicy, QWidget

from studio.core.family import FamilySpec
from studio.ui import theme
from studio.ui.stock import Offer


class ModelChooser(QComboBox):
    """The installed models below the families that run them, and the family of the chosen one.

    Where only one family has models, no heading says so.
    """

    chosen = Signal()
    """Another model than before, by hand or not."""

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
        self.blockSignals(False)
        self.setVisible(bool(offers))
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

    def _changed(self) -> None:
        now = self._at(self.currentIndex()) if self.currentIndex() >= 0 else None
        if now != self._shown:
            self._shown = now
            self._tell()
            self.chosen.emit()

    def _tell(self) -> None:
        offer = self.offer
        words = self.tr("Model")
        if offer is not None:
            family = QCoreApplication.translate("families", offer.spec.title)
            words = f"{offer.title}\n{family}"
        self.setToolTip(words)
