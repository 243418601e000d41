"""The rooms joined: what every pane is given. It joins and has no logic of its own."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from threading import Lock
from typing import TYPE_CHECKING, Any

from PySide6.QtCore import QObject, Signal

from studio.core import media
from studio.core.controls import Value
from studio.core.errors import StudioError
from studio.core.family import Kind
from studio.core.paths import Paths
from studio.core.recipe import Recipe
from studio.core.record import Record
from studio.core.settings import Settings, SettingsFile
from studio.library import Library
from studio.models import Store
from studio.models.shelves import caches
from studio.ui.adding import Adder, may_be_model
from studio.ui.engine import Engine
from studio.ui.notices import Notices
from studio.ui.widgets.background import Background

if TYPE_CHECKING:  # the window does not wait for what is needed when somebody wants a model
    from studio.ui.hub import Begin, Hub


@dataclass(frozen=True, slots=True)
class Handover:
    """What one pane gives another: values and files for a family there, and whether to begin."""

    kind: Kind
    values: Mapping[str, Value] = field(default_factory=dict)
    files: Mapping[str, Path] = field(default_factory=dict)
    family: str = ""
    """Empty leaves it to what is chosen there."""
    model: str = ""
    """Empty leaves it to the family."""
    make: bool = False


class Studio(QObject):
    """The engine, the library, the models, the settings and the ways between the panes."""

    settings_changed = Signal()
    recipe_wanted = Signal(object)
    """Recipe: the create pane of its kind fills its form and comes to front."""
    sent = Signal(str, object)
    """kind, dict[str, Value]: values to put into that kind's pane."""
    handed = Signal(Handover)
    """As `sent`, for a family of that pane."""
    show_page = Signal(str)
    """"create" | "library" | "models" | "settings"."""
    models_wanted = Signal(str, str)
    """"installed" | "discover" | "downloads", and a kind or "": what the models page shows."""
    models_changed = Signal()
    """One came or went: from the hub, from a file, or to the trash."""
    hub_begun = Signal()
    """There is a hub to be asked from now on: `hub`."""
    library_changed = Signal()
    """Items were added, starred, moved to the trash or restored."""

    def __init__(
        self,
        *,
        engine: Engine,
        library: Library,
        store: Store,
        notices: Notices,
        paths: Paths,
        settings: Settings,
        settings_file: SettingsFile,
        courier: Begin | None = None,
        parent: QObject | None = None,
    ) -> None:
        super().__init__(parent)
        self._courier = courier
        self._hub: Hub | None = None
        self.engine = engine
        self.library = library
        self.store = store
        self.notices = notices
        self.paths = paths
        self._settings = settings
        self._settings_file = settings_file
        self.adder = Adder(engine, store, notices, self)
        self.adder.added.connect(lambda _model: self.models_changed.emit())
        self._work = Background(self)
        self._unsaved = False
        self._saving = Lock()
        engine.made.connect(lambda _job, _item: self.library_changed.emit())

    @property
    def settings(self) -> Settings:
        return self._settings

    @property
    def hub(self) -> Hub:
        """The hub; the first who asks for it has its part of the program loaded. Its process
        begins with the first wish to it."""
        if self._hub is None:
            from studio.ui.hub import Hub

            begin = {} if self._courier is None else {"begin": self._courier}
            self._hub = Hub(self.engine, self.paths, self._settings, **begin, parent=self)
            self.settings_changed.connect(self._tell_hub)
            self.hub_begun.emit()
        return self._hub

    @property
    def hub_at_work(self) -> Hub | None:
        """The hub where somebody has asked for it already."""
        return self._hub

    def _tell_hub(self) -> None:
        if self._hub is not None:
            self._hub.use(self._settings)

    def change(self, **fields: Any) -> None:
        """Change settings by name, save them, tell everybody.

        What cannot be saved is shown as a notice and still holds until the program ends.
        """
        if self._set(fields):
            try:
                self._save()
            except StudioError as error:
                self.notices.error(error)
            self.settings_changed.emit()

    def remember(self, **fields: Any) -> None:
        """As `change`, for what nobody chose but is to be there again: saved off the main thread,
        since this comes with each thing that is made."""
        if self._set(fields):
            self._work.run(self._save, None, self._refused)
            self.settings_changed.emit()

    def _set(self, fields: Mapping[str, Any]) -> bool:
        changed = replace(self._settings, **fields)
        if changed == self._settings:
            return False
        if (changed.downloads_folder, changed.model_folders) != (
            self._settings.downloads_folder,
            self._settings.model_folders,
        ):
            self.store.look_in(caches(self.paths, changed))
        self._settings, self._unsaved = changed, True
        return True

    def _save(self) -> None:
        with self._saving:  # the newest settings are the last that are written
            if self._unsaved:
                self._unsaved = False
                self._settings_file.save(self._settings)

    def use_recipe(self, recipe: Recipe) -> None:
        """Fill the form of the recipe's kind with it and bring that pane to front."""
        self.show_page.emit("create")
        self.recipe_wanted.emit(recipe)

    def send(self, kind: str, values: Mapping[str, Value]) -> None:
        """Put values into the form of another kind's pane and bring it to front."""
        self.show_page.emit("create")
        self.sent.emit(kind, dict(values))

    def hand(self, what: Handover) -> None:
        """Give another kind's pane something for one of its families and bring it to front."""
        self.show_page.emit("create")
        self.handed.emit(what)

    def show_models(self, view: str, kind: str = "") -> None:
        """Bring the models page to front with one of its views, narrowed to a kind or not."""
        self.show_page.emit("models")
        self.models_wanted.emit(view, kind)

    def open_file(self, path: Path) -> None:
        """Take what was dropped here: the recipe out of a file, or a model to be added.

        A notice says where it is neither.
        """
        if may_be_model(path):
            self.show_models("installed")
            self.adder.look(path)
            return

        def read(record: Record) -> None:
            self.use_recipe(record.recipe)

        self._work.run(lambda: media.extract(path), read, self._refused)

    def make_again(self, recipe: Recipe) -> str:
        """Queue the recipe as it is; gives the job's id. Raises StudioError as submit does."""
        return self.engine.submit(recipe)

    def go_on(self, asked: Callable[[], bool]) -> None:
        """Have the hub at work where `asked`, which may wait for the disk, says so."""
        self._work.run(asked, lambda yes: self.hub.begin() if yes else None, self._refused)

    def close(self) -> None:
        """Let go of everything, in the order that loses nothing."""
        self._work.close()
        with suppress(StudioError):  # there is nobody left to be told
            self._save()
        if self._hub is not None:
            self._hub.close()
        self.engine.close()
        self.library.close()

    def _refused(self, error: StudioError) -> None:
        self.notices.error(error)
