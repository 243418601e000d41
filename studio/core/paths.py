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
    root: Path | None = None
    """Below which all of them are, where the studio is portable."""

    @property
    def settings_file(self) -> Path:
        return self.config / "settings.json"

    @property
    def library(self) -> Path:
        return self.data / "library"

    @property
    def models(self) -> Path:
        return self.data / "models"

    @property
    def hub(self) -> Path:
        """The cache of the Hugging Face hub that this computer's programs share.

        `HF_HUB_CACHE`, else `HF_HOME/hub`, as huggingface_hub reads them; else `hub` in the home
        of a portable studio; else `huggingface/hub` in the user's cache (`XDG_CACHE_HOME`).
        """
        for name, below in (
            ("HF_HUB_CACHE", ""),
            ("HUGGINGFACE_HUB_CACHE", ""),
            ("HF_HOME", "hub"),
        ):
            if os.environ.get(name):
                return _expanded(os.environ[name]) / below
        if self.root is not None:
            return self.root / "hub"
        caches = os.environ.get("XDG_CACHE_HOME") or "~/.cache"
        return _expanded(caches) / "huggingface" / "hub"

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
        return cls(root / "config", root / "data", root / "cache", root / "logs", root)


def _expanded(text: str) -> Path:
    """A folder as the environment names it, with `~` and variables put in."""
    return Path(os.path.expandvars(text)).expanduser()


def resources() -> Path:
    """The folder of what ships with the program (icons, fonts, starter models)."""
    bundled = getattr(sys, "_MEIPASS", None)
    root = Path(bundled) if bundled else Path(__file__).resolve().parents[2]
    return root / "resources"
