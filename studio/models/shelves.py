"""Where this installation's models lie: the program's own, the person's, and caches of the hub."""

from __future__ import annotations

from pathlib import Path

from studio.core.paths import Paths, resources
from studio.core.settings import Settings
from studio.models.notes import Notes
from studio.models.store import Store


def downloads_folder(paths: Paths, settings: Settings) -> Path:
    """The cache that downloads go to."""
    return Path(settings.downloads_folder) if settings.downloads_folder else paths.hub


def open_store(paths: Paths, settings: Settings) -> Store:
    """The models of this installation. Looks at no disk."""
    own = Path(settings.models_folder) if settings.models_folder else paths.models
    further = [Path(folder) for folder in settings.model_folders]
    return Store(
        [resources() / "models", own],
        [downloads_folder(paths, settings), paths.hub, *further],
        memory=paths.cache / "models",
        notes=Notes(paths.data / "models.json"),
    )
