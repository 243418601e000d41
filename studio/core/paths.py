"""Where the studio keeps things, on every system."""

from __future__ import annotations

import os
import sys
from dataclasses import dataclass
from pathlib import Path

import platformdirs

APP = "Triptych"
HOME_VARIABLE = "TRIPTYCH_HOME"


@dataclass(frozen=True, slots=True)
class Paths:
    """The folders of one installation: settings, data (library, models), cache and logs."""

    config: Path
    data: Path
    cache: Path
    logs: Path

    @property
    def settings_file(self) -> Path:
        return self.config / "settings.json"

    @property
    def library(self) -> Path:
        return self.data / "library"

    @property
    def models(self) -> Path:
        return self.data / "models"

    @classmethod
    def default(cls) -> Paths:
        """The system's own folders, or everything below `TRIPTYCH_HOME` where that is set."""
        home = os.environ.get(HOME_VARIABLE)
        if home:
            return cls.below(Path(home))
        dirs = platformdirs.PlatformDirs(APP, appauthor=False)
        return cls(
            config=Path(dirs.user_config_dir),
            data=Path(dirs.user_data_dir),
            cache=Path(dirs.user_cache_dir),
            logs=Path(dirs.user_log_dir),
        )

    @classmethod
    def below(cls, root: Path) -> Paths:
        """All folders below one, for portable use and for tests."""
        return cls(root / "config", root / "data", root / "cache", root / "logs")


def resources() -> Path:
    """The folder of what ships with the program (icons, fonts, starter models)."""
    bundled = getattr(sys, "_MEIPASS", None)
    root = Path(bundled) if bundled else Path(__file__).resolve().parents[2]
    return root / "resources"
