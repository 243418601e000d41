"""The same jobs without a window: `python main.py make|again|families|models|doctor`."""

from __future__ import annotations

from studio.cli.main import run

__all__ = ["run"]
