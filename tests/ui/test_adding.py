"""Models dropped on the window: recognised, asked about, brought in, converted in turn."""

from __future__ import annotations

import errno
import os
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import pytest
from PySide6.QtCore import QMimeData, QPointF, Qt, QUrl
from PySide6.QtGui import QDragEnterEvent, QDropEvent
from PySide6.QtWidgets import QApplication, QComboBox, QFileDialog, QLineEdit, QPushButton
from pytestqt.qtbot import QtBot

from studio.core.family import KINDS
from studio.core.paths import Paths
from studio.engine.supervisor import Supervisor
from studio.models import add
from studio.ui.app import build
from studio.ui.panes.installed import InstalledView
from studio.ui.widgets.additions import AdditionCard
from studio.ui.widgets.modellist import ModelList
from studio.ui.window import Window
from tests.models import makers as files
from tests.ui import conftest, converting
from tests.ui.panes import PATIENCE, click, find, until


@pytest.fixture
def opened(paths: Paths, qtbot: QtBot) -> Iterator[Window]:
    window = build(paths, begin=partial(Supervisor, entries=converting.ENTRIES))
    window.resize(1280, 800)
    window.show()
    window.activateWindow()
    qtbot.waitUntil(window.isActiveWindow)
    yield window
    window.close()
    window.studio.close()
    window.deleteLater()


def drop(window: Window, *paths: Path) -> None:
    mime = QMimeData()
    mime.setUrls([QUrl.fromLocalFile(str(path)) for path in paths])
    where, no = QPointF(300, 300), Qt.KeyboardModifier.NoModifier
    copy, left = Qt.DropAction.CopyAction, Qt.MouseButton.LeftButton
    QApplication.sendEvent(window, QDragEnterEvent(where.toPoint(), copy, mime, left, no))
    QApplication.sendEvent(window, QDropEvent(where, copy, mime, left, no))


def cards(window: Window) -> list[AdditionCard]:
    return find(window, InstalledView, "installed-view").additions.cards()


def asked(window: Window, qtbot: QtBot, count: int = 1) -> list[AdditionCard]:
    """Wait until so many are recognised."""

    def ready() -> bool:
        found = cards(window)
        return len(found) == count and all(c.addition.state == "asking" for c in found)

    until(qtbot, ready)
    return cards(window)


def listed(window: Window) -> list[str]:
    return [m.id for m in window.studio.store.installed() if m.path.parent.name == "models"]


def test_a_dropped_file_is_asked_about_then_added_and_picked(
    opened: Window, tmp_path: Path, qtbot: QtBot
) -> None:
    file = files.lora(tmp_path / "ink.safetensors")
    drop(opened, file)
    assert opened.page == "models"
    (card,) = asked(opened, qtbot)
    assert card.title.text() == "Add “ink”?"
    assert "LoRA for Stable Diffusion 1.5" in card.what.text()
    assert "ink" not in listed(opened)
    until(qtbot, card.begin.hasFocus)
    click(qtbot, card.begin)
    assert card.cancel.hasFocus(), "the keys stay where they were"
    models = find(opened, ModelList, "model-list")

    def picked() -> bool:
        entry = models.entry()
        return entry is not None and entry.model.id == "ink"

    until(qtbot, picked)
    assert not cards(opened)
    pane = find(opened, InstalledView, "installed-view")
    told = {
        row.objectName().removeprefix("row-"): row.values[0].raw for row in pane.details.facts.rows
    }
    assert told["role"] == "A LoRA: laid over models of Stable Diffusion 1.5"
    assert told["precision"] == "16 bits (fp16)"
    assert file.exists()


def test_several_go_in_and_one_is_not_wanted(opened: Window, tmp_path: Path, qtbot: QtBot) -> None:
    drop(
        opened,
        files.lora(tmp_path / "ink.safetensors"),
        files.lora(tmp_path / "oil.safetensors", 2048),
        files.upscaler(tmp_path / "4x-up.onnx"),
    )
    first, second, third = asked(opened, qtbot, 3)
    click(qtbot, find(second, QPushButton, "addition-cancel"))
    for card in (first, third):
        click(qtbot, find(card, QPushButton, "addition-begin"))
    until(qtbot, lambda: not cards(opened))
    assert {"ink", "4x-up"} <= set(listed(opened))
    assert "oil" not in listed(opened)


def test_what_cannot_be_added_is_a_notice_with_the_way_out(
    opened: Window, tmp_path: Path, qtbot: QtBot
) -> None:
    (tmp_path / "old.ckpt").write_bytes(b"\x80\x02}q")
    drop(opened, tmp_path / "old.ckpt")
    until(qtbot, lambda: bool(opened.studio.notices.shown))
    (notice,) = opened.studio.notices.shown
    assert "pickled" in notice.message
    assert "safetensors" in notice.hint
    assert not cards(opened)


def test_the_same_again_is_shown_where_it_is(opened: Window, tmp_path: Path, qtbot: QtBot) -> None:
    drop(opened, files.lora(tmp_path / "ink.safetensors"))
    click(qtbot, find(asked(opened, qtbot)[0], QPushButton, "addition-begin"))
    until(qtbot, lambda: "ink" in listed(opened) and not cards(opened))
    drop(opened, files.lora(tmp_path / "other.safetensors"))
    until(qtbot, lambda: bool(opened.studio.notices.shown))
    assert "here already" in opened.studio.notices.shown[0].message
    models = find(opened, ModelList, "model-list")
    until(qtbot, lambda: (e := models.entry()) is not None and e.model.id == "ink")


def test_a_file_can_be_chosen(opened: Window, tmp_path: Path, qtbot: QtBot) -> None:
    file = files.lora(tmp_path / "ink.safetensors")
    opened.show_page("models")
    click(qtbot, find(opened, QPushButton, "add-file"))
    until(qtbot, lambda: opened.findChild(QFileDialog, "add-dialog") is not None)
    dialog = find(opened, QFileDialog, "add-dialog")
    line = dialog.findChild(QLineEdit)
    assert line is not None
    line.setText(str(file))
    dialog.accept()
    assert asked(opened, qtbot)[0].addition.path == file


def test_copying_can_be_cancelled(
    opened: Window, tmp_path: Path, qtbot: QtBot, monkeypatch: pytest.MonkeyPatch, paths: Paths
) -> None:
    def refuse(*args: object, **kwargs: object) -> None:
        raise OSError(errno.EXDEV, "Invalid cross-device link")

    monkeypatch.setattr(os, "link", refuse)
    monkeypatch.setattr(add, "CHUNK", 8)
    drop(opened, files.lora(tmp_path / "ink.safetensors", 500_000))
    (card,) = asked(opened, qtbot)
    click(qtbot, find(card, QPushButton, "addition-begin"))
    until(qtbot, lambda: card.addition.fraction > 0.02)
    click(qtbot, find(card, QPushButton, "addition-cancel"))
    assert not cards(opened)
    until(qtbot, lambda: not (paths.models / add.ADDING).exists())
    assert "ink" not in listed(opened)


def test_converting_waits_in_the_lane_behind_a_job(
    opened: Window, tmp_path: Path, qtbot: QtBot, paths: Paths
) -> None:
    engine = opened.studio.engine
    for kind in KINDS:
        engine.warm(kind)
    until(qtbot, lambda: engine.state("text") == "ready")
    job = engine.submit(conftest.recipe(steps=60, pace=0.05))
    drop(opened, files.transformers(tmp_path / "tiny", "llama", "LlamaForCausalLM"))
    (card,) = asked(opened, qtbot)
    box = find(card, QComboBox, "addition-precision")
    assert box.currentData() == "int4"
    box.setCurrentIndex(box.findData("fp32"))
    click(qtbot, find(card, QPushButton, "addition-begin"))
    until(qtbot, lambda: card.addition.state == "waiting")
    assert "Waits" in card.what.text()
    views = engine.jobs("text")
    assert [v.adding for v in views] == [False, True]
    assert "tiny" in str(views[1].recipe.values["prompt"])
    engine.cancel(job)
    until(qtbot, lambda: card.addition.state == "converting")
    until(qtbot, lambda: card.addition.fraction > 0.2)
    assert card.bar.value() > 0
    click(qtbot, find(card, QPushButton, "addition-cancel"))
    until(qtbot, lambda: not cards(opened))
    until(qtbot, lambda: not (paths.models / add.ADDING).exists())
    assert not [m for m in listed(opened) if m.startswith("tiny")]
    assert not opened.studio.notices.shown
    # The lane is free again, and a second time it is let through to its end.
    drop(opened, tmp_path / "tiny")
    (card,) = asked(opened, qtbot)
    click(qtbot, find(card, QPushButton, "addition-begin"))
    qtbot.waitUntil(lambda: "tiny" in listed(opened), timeout=PATIENCE)
