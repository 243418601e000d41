"""The half of a create pane that knows the models: which there are, and what is set for each."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from PySide6.QtCore import Signal
from PySide6.QtWidgets import QWidget

from studio.core import media
from studio.core.controls import FILE_CONTROLS, Mask, Value
from studio.core.errors import StudioError
from studio.core.family import FamilySpec
from studio.core.recipe import Recipe
from studio.ui.filefields import suffixes
from studio.ui.panes.paneframe import PaneFrame
from studio.ui.stock import Stock, look
from studio.ui.studio import Studio

NOT_KEPT = ("prompt", "start", "history")
"""Settings that belong to one wish and are not brought back at the next start."""


class ModelledPane(PaneFrame):
    """A pane that offers the installed models of its lane, each with the family's settings."""

    learned = Signal()
    """It was looked up what there is; `ready` says whether the lane has told its families."""

    def __init__(self, studio: Studio, parent: QWidget | None = None) -> None:
        self.studio = studio
        self.stock = Stock()
        """What is installed for the families of this lane."""
        self.ready = False
        """The families are known, and what is installed for them."""
        self._spec: FamilySpec | None = None
        self._met: set[str] = set()
        """The families that were chosen before."""
        super().__init__(parent)
        self.chooser.offer_more(self.more_words())
        self.chooser.chosen.connect(self._model_chosen)
        self.chooser.more_wanted.connect(lambda: studio.show_models("discover", self.kind))
        studio.models_changed.connect(self._models_changed)
        studio.engine.hello.connect(self._heard_hello)

    def more_words(self) -> str:
        """What leads to further models."""
        return self.tr("Get another model…")

    def complain(self, error: StudioError) -> None:
        """Show what failed."""
        self.studio.notices.error(error)

    def learn(self, then: Callable[[], None] | None = None) -> None:
        """Ask, off the main thread, which models fit what the lane can run; `then` goes on."""
        store, specs = self.studio.store, self.studio.engine.families(self.kind)

        def take(stock: Stock) -> None:
            self._stocked(stock)
            if then is not None:
                then()

        if specs:
            self.work.run(lambda: look(store, specs), take, self.complain)
        self.learned.emit()

    def keep_values(self, recipe: Recipe) -> None:
        """These are to be there again at the next start."""
        chosen: dict[str, Value] = {"family": recipe.family, "model": recipe.model}
        values = {n: v for n, v in recipe.values.items() if n not in NOT_KEPT}
        settings = self.studio.settings.with_last(recipe.family, values)
        settings = settings.with_last(f"pane.{self.kind}", chosen)
        self.studio.remember(last_values=settings.last_values)

    def model_chosen(self) -> None:
        """Another model was chosen, and the form is its family's."""

    def wants(self, path: Path) -> bool:
        """A file that the chosen family takes goes into the form, whatever else it may be."""
        return self._input_for(path) is not None

    def take_file(self, path: Path) -> None:
        """Put a file into the form; one that was made here gives its recipe instead."""

        def ours() -> bool:
            try:
                media.extract(path)
            except StudioError:
                return False
            return True

        def put(known: bool) -> None:
            name = self._input_for(path)
            if known:
                self.studio.open_file(path)
            elif name is not None:
                self.composer.form.put_file(name, path)
                self.composer.form.show_more()
                self.composer.unfold()
                self.composer.first_stop().setFocus()

        self.work.run(ours, put, self.complain)

    def _input_for(self, path: Path) -> str | None:
        """The first input of the chosen family that takes files of such a name."""
        spec, ending = self.chooser.spec, path.suffix.lower().lstrip(".")
        inputs = [c for c in spec.controls if isinstance(c, FILE_CONTROLS)] if spec else []
        fitting = [c.name for c in inputs if not isinstance(c, Mask) and ending in suffixes(c)]
        return next(iter(fitting), None)

    def _stocked(self, stock: Stock) -> None:
        first, self.ready = not self.ready, True
        self.stock = stock
        self.studio.engine.know(offer.model for offer in stock.offers)
        last = self.studio.settings.last_values.get(f"pane.{self.kind}", {})
        chosen = (str(last.get("family", "")), str(last.get("model", "")))
        self.chooser.fill(stock.offers, chosen if first else None)
        self._tell_stock()
        self.learned.emit()

    def _models_changed(self) -> None:
        if self.ready and self.isVisible():
            self.learn()

    def _heard_hello(self, lane: str) -> None:
        if lane == self.kind:
            self.learn()

    def _model_chosen(self) -> None:
        self._tell_stock()
        spec = self.chooser.spec
        if spec is not None and spec != self._spec:
            # What both families know by the same name stays as it is.
            shared = set(self.composer.values()) if self._spec is not None else set()
            self._spec = spec
            self.composer.set_family(spec)
            self.empty.set_examples(spec.examples)
            if spec.id not in self._met:
                self._met.add(spec.id)
                last = self.studio.settings.last_values.get(spec.id, {})
                kept = {n: v for n, v in last.items() if n not in NOT_KEPT and n not in shared}
                self.composer.set_values(kept)
        if spec is not None:
            self.model_chosen()

    def _tell_stock(self) -> None:
        offer = self.chooser.offer
        names, lacking = (offer.names, offer.lacking) if offer is not None else ({}, ())
        self.composer.set_stock(names, self.stock.further, lacking)
