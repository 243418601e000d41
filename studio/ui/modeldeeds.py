"""What can be done with installed models: remove with a way back, move, check, look for updates."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from PySide6.QtCore import QObject, Signal

from studio.core.controls import Extra, parse_extras
from studio.core.errors import StudioError
from studio.core.family import KINDS
from studio.core.recipe import Recipe
from studio.models import InstalledModel, Store, families
from studio.models.remote import Download
from studio.ui.notices import NoticeKind
from studio.ui.studio import Handover, Studio
from studio.ui.widgets.background import Background
from studio.ui.widgets.itemwords import file_size

if TYPE_CHECKING:  # what does it is in the courier, and on a worker
    from studio.models.keep import Report, Undo

Doing = Literal["verify", "repair", "move", "updates"]


@dataclass(slots=True)
class Work:
    """Something that takes long: what, with which model, how far."""

    doing: Doing
    title: str
    number: int = 0
    done: int = 0
    total: int = 0

    @property
    def fraction(self) -> float:
        return min(1.0, self.done / self.total) if self.total else 0.0


class ModelDeeds(QObject):
    """Asks the courier for it, and tells how it went in a notice."""

    changed = Signal()
    """What is installed is not what it was."""
    worked = Signal()
    """Something long has begun, is further, or is over."""
    updates_found = Signal(object)
    """tuple[Update, ...]."""

    def __init__(self, studio: Studio, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._studio = studio
        self._work = Background(self)
        self.work: Work | None = None
        """What takes long just now; one thing at a time."""

    def remove(self, model: InstalledModel) -> None:
        """Take a model away; a notice has the way back."""
        self._let_go(model)

        def gone(undo: Undo) -> None:
            self.changed.emit()
            self._studio.notices.show(
                self.tr("“{title}” was removed.").format(title=model.title),
                self.tr("Its {size} are free once you empty the box above the list.").format(
                    size=file_size(undo.size)
                ),
                kind="info",
                actions=[(self.tr("Undo"), lambda: self.undo(undo))],
            )

        self._studio.hub.ask(
            "remove", model.id, self._busy(), then=gone, failed=self._studio.notices.error
        )

    def undo(self, undo: Undo) -> None:
        """Have back what was removed."""

        def back(_: object) -> None:
            self.changed.emit()
            self._studio.notices.show(
                self.tr("“{title}” is back.").format(title=undo.title), kind="info"
            )

        self._studio.hub.ask("undo", undo.token, then=back, failed=self._studio.notices.error)

    def look_aside(self, then: Callable[[Sequence[Undo]], object]) -> None:
        """See what was removed and can be had back."""
        places = self._studio.store.places[1:]

        def look() -> Sequence[Undo]:
            from studio.models import keep

            return keep.removed(places)

        self._work.run(look, then, self._studio.notices.error)

    def empty(self) -> None:
        """Delete for good what was removed."""

        def emptied(freed: int) -> None:
            self.changed.emit()
            words = self.tr("{size} are free again.").format(size=file_size(freed))
            self._studio.notices.show(words, kind="info")

        self._studio.hub.ask("empty_trash", then=emptied, failed=self._studio.notices.error)

    def move(self, model: InstalledModel, place: Path) -> None:
        """Put a model into another folder or onto another disk."""
        self._let_go(model)

        def moved(_: object) -> None:
            self._over()
            self.changed.emit()
            self._studio.notices.show(
                self.tr("“{title}” lies in {folder} now.").format(title=model.title, folder=place),
                kind="info",
            )

        self._begin("move", model.title, model.id, place, self._busy(), then=moved)

    def keep_revision(self, model: InstalledModel, revision: str) -> None:
        """Keep to a revision of a model that is here, or to the newest again (empty)."""

        def kept(_: object) -> None:
            self.changed.emit()
            words = (
                self.tr("“{title}” stays at version {revision}.")
                if revision
                else self.tr("The newest version of “{title}” is used again.")
            )
            told = words.format(title=model.title, revision=revision[:7])
            self._studio.notices.show(told, kind="info")

        asked = ("keep_revision", model.id, revision)
        self._studio.hub.ask(*asked, then=kept, failed=self._studio.notices.error)

    def verify(self, model: InstalledModel) -> None:
        """Read every byte of a model again and say whether it is as it should be."""

        def verified(report: Report) -> None:
            self._over()
            self.changed.emit()
            kind: NoticeKind = "info" if report.good else "error"
            mend = (self.tr("Get what is wrong again"), lambda: self._repair(model))
            actions = [mend] if model.repo and not report.good else []
            self._studio.notices.show(report.message, report.hint, kind=kind, actions=actions)

        self._begin("verify", model.title, model.id, then=verified)

    def _repair(self, model: InstalledModel) -> None:
        def begun(_: object) -> None:
            self._over()
            self._studio.show_models("downloads")

        self._begin("repair", model.title, model.id, then=begun)

    def look_for_updates(self) -> None:
        """Ask the hub for newer revisions of all that came from it. Nothing is fetched."""

        def found(updates: Sequence[object]) -> None:
            self._over()
            self.updates_found.emit(updates)
            if not updates:
                self._studio.notices.show(
                    self.tr("All models from the hub are the newest there are."), kind="info"
                )

        self._begin("updates", "", then=found)

    def cancel(self) -> None:
        """Give up what takes long."""
        if self.work is not None:
            self._studio.hub.stop(self.work.number)

    def _begin(self, doing: Doing, title: str, *args: object, then: Any) -> None:
        if self.work is not None:
            self._studio.notices.show(
                self.tr("Something else is going on with the models."),
                self.tr("Wait for it, or cancel it above."),
                kind="info",
            )
            return
        self.work = work = Work(doing, title)

        def told(done: int, total: int) -> None:
            work.done, work.total = done, total
            self.worked.emit()

        def failed(error: StudioError) -> None:
            self._over()
            self.changed.emit()
            self._studio.notices.error(error)

        work.number = self._studio.hub.ask(doing, *args, then=then, failed=failed, told=told)
        self.worked.emit()

    def _over(self) -> None:
        self.work = None
        self.worked.emit()

    def _let_go(self, model: InstalledModel) -> None:
        """Have no engine hold the files of a model that nothing is made with just now."""
        engine = self._studio.engine
        for kind in KINDS:
            memory = engine.memory(kind)
            if memory is not None and model.id in memory.models and not engine.jobs(kind):
                engine.unload(kind)

    def _busy(self) -> frozenset[str]:
        """The models that jobs use now or will."""
        found: set[str] = set()
        for job in self._studio.engine.jobs():
            found |= self._models_of(job.recipe)
        return frozenset(found)

    def _models_of(self, recipe: Recipe) -> set[str]:
        spec = self._studio.engine.family(recipe.family)
        found = {recipe.model}
        for control in spec.controls if spec is not None else ():
            if isinstance(control, Extra):
                words = str(recipe.values.get(control.name, ""))
                found |= {ref.model for ref in parse_extras(words)}
        return found


def installed_from(store: Store, download: Download) -> InstalledModel | None:
    """The model that a download has become. Reads the disk: for a worker."""
    wanted = (download.repo, download.variant)
    return next((m for m in store.installed() if (m.repo, m.variant) == wanted), None)


def use_from_hub(
    studio: Studio,
    work: Background,
    download: Download,
    otherwise: Callable[[InstalledModel | None], object],
) -> None:
    """Choose a model that came from the hub in its pane, which comes to front.

    `otherwise` gets the model where nothing here runs it, None where it is not there any more.
    """
    specs = [spec for kind in KINDS for spec in studio.engine.families(kind)]

    def look() -> InstalledModel | None:
        return installed_from(studio.store, download)

    def take(model: InstalledModel | None) -> None:
        runs = families(model, specs) if model is not None else []
        if model is None or not runs:
            otherwise(model)
        else:
            studio.hand(Handover(runs[0].kind, family=runs[0].id, model=model.id))

    work.run(look, take, studio.notices.error)
