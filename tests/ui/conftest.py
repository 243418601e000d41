"""A studio on a folder of its own, with fault families in its lanes instead of models."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

import pytest

os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")

from PySide6.QtWidgets import QApplication

from studio.core.family import Kind
from studio.core.paths import Paths
from studio.core.recipe import Recipe
from studio.engine.supervisor import Heard, Supervisor
from studio.library import Library
from studio.models import Store
from studio.ui import theme
from studio.ui.app import build
from studio.ui.engine import Engine
from studio.ui.window import Window
from tests.engine import faults

Begin = Callable[[Kind, Callable[[Heard], None]], Supervisor]


def begin() -> Begin:
    """Engines with the fault families, instead of those of the registry."""
    return partial(Supervisor, entries=faults.ENTRIES)


def recipe(
    kind: Kind = "text", fault: str = "good", *, seed: int = 7, **values: str | int | float | bool
) -> Recipe:
    """A recipe for the fault family of a lane."""
    given = {"prompt": "A mouse on the moon", "fault": fault, **values}
    return Recipe(kind, f"{kind}.fault", faults.MODEL, seed, given)


@pytest.fixture
def paths(tmp_path: Path) -> Paths:
    """Folders of their own, with the fault model installed."""
    paths = Paths.below(tmp_path)
    faults.install_model(paths.models)
    return paths


@pytest.fixture
def dressed(qapp: QApplication) -> QApplication:
    """The application in its theme and typeface."""
    theme.apply(qapp, "dark")
    return qapp


@pytest.fixture
def library(paths: Paths) -> Iterator[Library]:
    library = Library.open(paths.library)
    yield library
    library.close()


@pytest.fixture
def engine(qapp: QApplication, paths: Paths, library: Library) -> Iterator[Engine]:
    """Lanes that run fault families."""
    engine = Engine(library, Store([paths.models]), cache=paths.cache, begin=begin())
    yield engine
    engine.close()


@pytest.fixture
def window(qapp: QApplication, paths: Paths) -> Iterator[Window]:
    """The whole window, shown, on fault families; its engines are not started yet."""
    window = build(paths, begin=begin())
    window.resize(1280, 800)
    window.show()
    window.activateWindow()
    yield window
    window.close()
    window.studio.close()
    window.deleteLater()
