"""The models page: what is there, what it does, and why something cannot be used."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import pytest
from PySide6.QtCore import Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QLabel, QPushButton, QTextBrowser, QToolButton, QWidget
from pytestqt.qtbot import QtBot

from studio.core.family import KINDS
from studio.core.paths import Paths
from studio.engine.supervisor import Supervisor
from studio.ui.app import build
from studio.ui.widgets.licences import licence_name, licence_words
from studio.ui.widgets.modelchooser import ModelChooser
from studio.ui.widgets.modeldetails import ModelDetails
from studio.ui.widgets.modellist import Entry, ModelList
from studio.ui.window import Window
from tests.engine import faults
from tests.ui import makers
from tests.ui.panes import click, find
from tests.ui.test_settings_pane import Opened, outside

__all__ = ["outside"]  # a fixture

CARD = """---
license: cc-by-nc-4.0
pipeline_tag: text-to-image
tags: [onnx]
source: https://example.org/owls
model_name: Owls at Night
---
# Owls at Night

Draws **owls**. ![owl](https://example.org/owl.png)

| step | loss |
| --- | --- |
| 1 | 0.5 |
"""


@pytest.fixture
def opened(paths: Paths, qtbot: QtBot) -> Iterator[Window]:
    """The window on its models page, with a model for owls beside the fault model."""
    owls = paths.models / "owls"
    shutil.copytree(paths.models / faults.MODEL, owls)
    (owls / "README.md").write_text(CARD, "utf-8")
    window = build(paths, begin=partial(Supervisor, entries=makers.ENTRIES))
    window.resize(1280, 800)
    window.show()
    window.activateWindow()
    qtbot.waitUntil(window.isActiveWindow)
    window.show_page("models")
    listed = find(window, ModelList, "model-list")
    qtbot.waitUntil(lambda: "Owls at Night" in titles(listed))
    yield window
    window.close()
    window.studio.close()
    window.deleteLater()


def titles(listed: ModelList) -> list[str]:
    """Headings and models from the top to the bottom."""
    model = listed.model()
    return [str(model.index(row, 0).data()) for row in range(model.rowCount())]


def pick(listed: ModelList, title: str) -> Entry:
    """Go down to a model by keys."""
    listed.setFocus()
    QTest.keyClick(listed, Qt.Key.Key_Home)
    for _ in range(listed.model().rowCount()):
        entry = listed.entry()
        if entry is not None and entry.model.title == title:
            return entry
        QTest.keyClick(listed, Qt.Key.Key_Down)
    raise AssertionError(f"{title} is not in {titles(listed)}")


def facts(window: Window) -> dict[str, str]:
    """What is said of the model, by the name of the line."""
    details = find(window, ModelDetails, "model-details")
    return {row.objectName().removeprefix("row-"): row.values[0].raw for row in details.facts.rows}


def test_a_model_is_described_in_plain_words(opened: Window) -> None:
    listed = find(opened, ModelList, "model-list")
    pick(listed, "Owls at Night")
    told = facts(opened)
    assert told["licence"].startswith("CC BY-NC 4.0")
    assert "Not for earning money" in told["licence"]
    assert told["source"] == "https://example.org/owls"
    assert told["name"] == "owls"
    assert told["path"].endswith("owls")
    assert told["makes"] == "Picture"
    card = find(opened, QTextBrowser, "model-card")
    assert "Draws owls" in card.toPlainText()
    assert "Owls at Night" not in card.toPlainText(), "the title stands above already"


def test_what_runs_it_is_told_once_the_engines_have_said(opened: Window, qtbot: QtBot) -> None:
    listed = find(opened, ModelList, "model-list")
    for kind in KINDS:
        opened.studio.engine.warm(kind)
    qtbot.waitUntil(
        lambda: all(opened.studio.engine.families(kind) for kind in KINDS), timeout=30_000
    )
    pick(listed, "Owls at Night")
    qtbot.waitUntil(lambda: "Small pictures" in facts(opened)["makes"])
    device = opened.studio.engine.device()
    assert device is not None
    assert device.name in facts(opened)["device"]
    pick(listed, "Fault model")
    panes = "the text pane, the picture pane, the sound pane"
    qtbot.waitUntil(lambda: facts(opened).get("first") == panes)


def test_a_broken_model_says_why_and_what_to_do(opened: Window, paths: Paths, qtbot: QtBot) -> None:
    broken = paths.models / "half-a-model"
    broken.mkdir()
    listed = find(opened, ModelList, "model-list")
    click(qtbot, find(opened, QToolButton, "refresh"))
    qtbot.waitUntil(lambda: "half-a-model" in titles(listed))
    assert titles(listed).index("Cannot be used") == titles(listed).index("half-a-model") - 1
    pick(listed, "half-a-model")
    problem = find(opened, QLabel, "problem")
    assert problem.isVisible()
    assert problem.text() == "The folder is empty. Remove it."
    assert "device" not in facts(opened)


def test_what_was_picked_stays_picked(opened: Window, paths: Paths, qtbot: QtBot) -> None:
    listed = find(opened, ModelList, "model-list")
    pick(listed, "Owls at Night")
    shutil.copytree(paths.models / "owls", paths.models / "another")
    refresh = find(opened, QToolButton, "refresh")
    click(qtbot, refresh)
    qtbot.waitUntil(lambda: titles(listed).count("Owls at Night") == 2)
    entry = listed.entry()
    assert entry is not None
    assert entry.model.id == "owls"


def test_folders_are_opened(opened: Window, paths: Paths, outside: Opened, qtbot: QtBot) -> None:
    pick(find(opened, ModelList, "model-list"), "Owls at Night")
    click(qtbot, find(opened, QPushButton, "open-model"))
    click(qtbot, find(opened, QPushButton, "open-models-folder"))
    assert [Path(url.toLocalFile()) for url in outside.urls] == [
        paths.models / "owls",
        paths.models,
    ]


def test_a_narrow_window_keeps_everything(opened: Window, qtbot: QtBot) -> None:
    pick(find(opened, ModelList, "model-list"), "Owls at Night")
    opened.resize(560, 700)
    qtbot.wait(50)
    assert find(opened, QPushButton, "open-models-folder").isVisible()
    assert find(opened, ModelList, "model-list").height() > 80
    assert find(opened, QTextBrowser, "model-card").width() > 200


@pytest.mark.parametrize(
    ("licence", "words"),
    [
        ("apache-2.0", "also to earn money"),
        ("MIT", "also to earn money"),
        ("cc0-1.0", "nothing is asked"),
        ("cc-by-4.0", "if you name its makers"),
        ("cc-by-sa-4.0", "same licence"),
        ("cc-by-nc-sa-4.0", "Not for earning money"),
        ("creativeml-openrail-m", "harmful"),
        ("gpl-3.0", "stays open"),
        ("not stated", "Ask its maker"),
        ("", "Ask its maker"),
        ("llama3.2", "terms of their own"),
    ],
)
def test_licences_in_plain_words(licence: str, words: str) -> None:
    assert words in licence_words(licence)
    assert licence_name(licence)


def test_a_model_is_used_from_its_page(opened: Window, qtbot: QtBot) -> None:
    opened.studio.engine.warm("image")
    listed = find(opened, ModelList, "model-list")
    use = find(opened, QPushButton, "use-model")

    def offered() -> bool:
        pick(listed, "Owls at Night")
        return use.isVisible()

    qtbot.waitUntil(offered, timeout=20_000)
    click(qtbot, use)
    assert opened.page == "create"
    chooser = find(find(opened, QWidget, "image-pane"), ModelChooser, "model")
    qtbot.waitUntil(lambda: chooser.model_id == "owls", timeout=20_000)


def test_a_list_of_models_opens_below_with_room_for_all(opened: Window, qtbot: QtBot) -> None:
    chooser = ModelChooser()
    qtbot.addWidget(chooser)
    chooser.addItems([f"model {n}" for n in range(14)])
    chooser.setCurrentIndex(12)
    chooser.show()
    chooser.showPopup()
    view = chooser.view()
    qtbot.waitUntil(view.isVisible)
    top = view.mapToGlobal(view.rect().topLeft()).y()
    assert top >= chooser.mapToGlobal(chooser.rect().bottomLeft()).y()
    last = view.visualRect(chooser.model().index(13, 0))
    assert view.viewport().rect().contains(last)
    chooser.hidePopup()
