"""The rooms joined: what every pane is given. It joins and has no logic of its own."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from PySide6.QtCore import QObject, Signal

from studio.core import media
from studio.core.controls import Value
from studio.core.errors import StudioError
from studio.core.paths import Paths
from studio.core.recipe import Recipe
from studio.core.record import Record
from studio.core.settings import Settings, SettingsFile
from studio.library import Library
from studio.models import Store
from studio.ui.engine import Engine
from studio.ui.notices import Notices
from studio.ui.widgets.background import Background


class Studio(QObject):
    """The engine, the library, the models, the settings and the ways between the panes."""

    settings_changed = Signal()
    recipe_wanted = Signal(object)
    """Recipe: the create pane of its kind fills its form and comes to front."""
    sent = Signal(str, object)
    """kind, dict[str, Value]: values to put into that kind's pane."""
    show_page = Signal(str)
    """"create" | "library" | "models" | "settings"."""
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
        parent: QObject | None = None,
    ) -> None:
        super().__init__(parent)
        self.engine = engine
        self.library = library
        self.store = store
        self.notices = notices
        self.paths = paths
        self._settings = settings
        self._settings_file = settings_file
        self._work = Background(self)
        engine.made.connect(lambda _job, _item: self.library_changed.emit())

    @property
    def settings(self) -> Settings:
        return self._settings

    def change(self, **fields: Any) -> None:
        """Change settings by name, save them, tell everybody.

        What cannot be saved is shown as a notice and still holds until the program ends.
        """
        changed = replace(self._settings, **fields)
        if changed == self._settings:
            return
        self._settings = changed
        try:
            self._settings_file.save(changed)
        except StudioError as error:
            self.notices.error(error)
        self.settings_changed.emit()

    def use_recipe(self, recipe: Recipe) -> None:
        """Fill the form of the recipe's kind with it and bring that pane to front."""
        self.show_page.emit("create")
        self.recipe_wanted.emit(recipe)

    def send(self, kind: str, values: Mapping[str, Value]) -> None:
        """Put values into the form of another kind's pane and bring it to front."""
        self.show_page.emit("create")
        self.sent.emit(kind, dict(values))

    def open_file(self, path: Path) -> None:
        """Take the recipe out of a file that was dropped here; a notice says where it has none."""

        def read(record: Record) -> None:
            self.use_recipe(record.recipe)

        self._work.run(lambda: media.extract(path), read, self._refused)

    def make_again(self, recipe: Recipe) -> str:
        """Queue the recipe as it is; gives the job's id. Raises StudioError as submit does."""
        return self.engine.submit(recipe)

    def close(self) -> None:
        """Let go of everything, in the order that loses nothing."""
        self._work.close()
        self.engine.close()
        self.library.close()

    def _refused(self, error: StudioError) -> None:
        self.notices.error(error)
