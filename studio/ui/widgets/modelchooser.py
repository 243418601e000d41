"""Choosing a model; how it is run follows from it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from PySide6.QtCore import Signal
from PySide6.QtWidgets import QComboBox, QSizePolicy, QWidget

from studio.core.family import FamilySpec
from studio.models import Store


@dataclass(frozen=True, slots=True)
class Offer:
    """A model that a family can run."""

    spec: FamilySpec
    model: str
    title: str


def fitting(store: Store, specs: Iterable[FamilySpec]) -> list[Offer]:
    """What is installed for these families. Looks at the disk: not for the main thread."""
    return [Offer(spec, m.id, m.title) for spec in specs for m in store.fitting(spec)]


class ModelChooser(QComboBox):
    """The installed models that fit one of the families, and the family of the chosen one."""

    chosen = Signal()
    """Another model than before, by hand or not."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("model")
        self.setAccessibleName(self.tr("Model"))
        self.setToolTip(self.tr("Model"))
        self.setSizePolicy(QSizePolicy.Policy.Preferred, QSizePolicy.Policy.Fixed)
        self.setSizeAdjustPolicy(QComboBox.SizeAdjustPolicy.AdjustToContents)
        self.setMinimumWidth(72)
        self.setMaximumWidth(200)
        self._families: dict[str, FamilySpec] = {}
        self._shown: tuple[str, str] | None = None
        self.hide()
        self.currentIndexChanged.connect(self._changed)

    @property
    def spec(self) -> FamilySpec | None:
        """The family of the chosen model."""
        return self._families.get(self._shown[0]) if self._shown is not None else None

    @property
    def model_id(self) -> str:
        """The chosen model's id; empty where there is none."""
        return self._shown[1] if self._shown is not None else ""

    def fill(self, models: Sequence[Offer], wanted: tuple[str, str] | None = None) -> None:
        """Offer these. The chosen one stays if it is there; `wanted` (family, model) goes first."""
        before = wanted or self._shown
        self._families = {offer.spec.id: offer.spec for offer in models}
        self.blockSignals(True)
        self.clear()
        for offer in models:
            self.addItem(offer.title, (offer.spec.id, offer.model))
        self.blockSignals(False)
        self.setVisible(self.count() > 0)
        if before is None or not self.choose(*before):
            self.setCurrentIndex(0 if self.count() else -1)
        self._changed()

    def choose(self, family: str, model: str) -> bool:
        """Choose by ids; False where that is not at hand."""
        for row in range(self.count()):
            if self._at(row) == (family, model):
                self.setCurrentIndex(row)
                return True
        return False

    def _at(self, row: int) -> tuple[str, str] | None:
        data = self.itemData(row)  # Qt may give a tuple back as a list
        return (str(data[0]), str(data[1])) if data else None

    def _changed(self) -> None:
        now = self._at(self.currentIndex()) if self.currentIndex() >= 0 else None
        if now != self._shown:
            self._shown = now
            self.chosen.emit()
