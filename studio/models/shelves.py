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


def caches(paths: Paths, settings: Settings) -> list[Path]:
    """Where downloads go, the hub's own cache, and the further folders of the person."""
    further = [Path(folder) for folder in settings.model_folders]
    return [downloads_folder(paths, settings), paths.hub, *further]


def open_store(paths: Paths, settings: Settings) -> Store:
    """The models of this installation. Looks at no disk."""
    own = Path(settings.models_folder) if settings.models_folder else paths.models
    return Store(
        [resources() / "models", own],
        caches(paths, settings),
        memory=paths.cache / "models",
        notes=Notes(paths.data / "models.json"),
    )
