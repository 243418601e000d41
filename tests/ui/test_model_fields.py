"""Fields that hang on models and files: own names, models laid over, masks, documents; choosing."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from PIL import Image
from PySide6.QtCore import Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication, QComboBox, QLabel, QMenu, QPushButton, QWidget
from pytestqt.qtbot import QtBot

from studio.core.controls import (
    AnyControl,
    Document,
    Extra,
    Mask,
    Named,
    Picture,
    Text,
    Toggle,
    complete,
)
from studio.core.family import FamilySpec
from studio.ui.controls import Form
from studio.ui.extrafield import ExtraRow
from studio.ui.filefields import FileField, MaskField
from studio.ui.stock import Further, Offer, look
from studio.ui.widgets.modelchooser import ModelChooser
from tests.ui import talkers

KEY = Qt.Key
VOICES = ("Ava", "Bo", "Chi")
INK, OIL = Further("ink-lines", "Ink & lines"), Further("oil-paint-" + "x" * 60, "Oil " + "x" * 60)
CONTROLS: tuple[AnyControl, ...] = (
    Named(name="voice", label="Voice", of="voices"),
    Extra(name="lora", label="LoRA", role="lora", several=True),
    Extra(name="controlnet", label="ControlNet", role="controlnet"),
    Picture(name="picture", label="Start from"),
    Mask(name="mask", label="Part to change"),
    Document(name="document", label="Document"),
    Text(name="history", label="What was said", hidden=True),
    Toggle(name="cut", label="Cut out", default=True, part="alpha/**/model.onnx"),
)


@pytest.fixture
def form(qtbot: QtBot, dressed: QApplication) -> Form:
    form = Form(CONTROLS)
    qtbot.addWidget(form)
    form.resize(340, 600)
    form.show()
    form.activateWindow()
    qtbot.waitUntil(form.isActiveWindow)
    return form


def files_of(form: Form) -> dict[str, QWidget]:
    return {f.control.name: f for f in form.findChildren(FileField)}


def test_a_hidden_setting_is_nowhere(form: Form) -> None:
    assert "history" not in form.values()
    assert "What was said" not in [w.text() for w in form.findChildren(QLabel)]


def test_names_are_those_of_the_chosen_model(form: Form) -> None:
    combo = form.widget_for("voice")
    assert isinstance(combo, QComboBox)
    assert (form.values()["voice"], combo.isEnabled()) == ("", False)  # a model without names
    form.set_stock({"voices": VOICES}, {})
    assert (form.values()["voice"], form.told("voice")) == ("Ava", "")
    combo.setFocus()
    QTest.keyClick(combo, KEY.Key_Down)
    assert (form.values()["voice"], form.told("voice")) == ("Bo", "Bo")
    form.set_stock({"voices": ("Dee", "Bo")}, {})
    assert form.values()["voice"] == "Bo"  # the other model has it as well
    form.set_stock({"voices": ("Dee",)}, {})
    assert form.values()["voice"] == "Dee"
    form.set_stock({"voices": VOICES}, {})
    assert form.values()["voice"] == "Bo"  # what was wished is not forgotten
    form.reset()
    assert form.values()["voice"] == "Ava"
    assert form.set_values({"voice": 3}) == ("voice",)


def test_a_setting_without_its_part_is_not_offered(form: Form) -> None:
    label = next(w for w in form.findChildren(QLabel) if w.text() == "Cut out")
    assert label.isVisible()
    form.set_values({"cut": False})
    form.set_stock({}, {}, {"cut"})
    assert not label.isVisible()
    assert not form.widget_for("cut").isVisible()
    assert "cut" not in form.values()
    form.set_stock({}, {})
    assert form.widget_for("cut").isVisible()
    assert form.values()["cut"] is False  # what was wished is not forgotten


def test_models_are_laid_over_with_strengths(form: Form, qtbot: QtBot) -> None:
    none = form.findChild(QLabel, "lora-none")
    assert none is not None
    assert none.isVisible()
    assert "Drop" in none.text()
    form.set_stock({}, {"lora": (INK, OIL)})
    assert not none.isVisible()
    add = form.widget_for("lora")
    assert isinstance(add, QPushButton)

    def choose(number: int) -> None:
        QTest.keyClick(add, KEY.Key_Space)
        menu = add.findChild(QMenu)
        assert menu is not None
        qtbot.waitUntil(menu.isVisible)
        for _ in range(number + 1):
            QTest.keyClick(menu, KEY.Key_Down)
        QTest.keyClick(menu, KEY.Key_Return)

    choose(0)
    assert form.values()["lora"] == "ink-lines:1"
    row = form.findChild(ExtraRow)
    assert row is not None
    spin = row.strength.widget
    qtbot.waitUntil(spin.hasFocus)
    for _ in range(4):
        QTest.keyClick(spin, KEY.Key_Down)
    assert form.values()["lora"] == "ink-lines:0.8"
    choose(0)  # only what is not there yet is offered
    assert form.values()["lora"] == f"ink-lines:0.8, {OIL.model}:1"
    assert not add.isEnabled()
    assert form.told("lora").startswith("Ink & lines 0.8, Oil")
    assert complete(CONTROLS, form.values())["lora"] == form.values()["lora"]
    assert form.minimumSizeHint().width() <= 340  # however long a name is
    first = next(r for r in form.findChildren(ExtraRow) if r.model == "ink-lines")
    QTest.mouseClick(first.out, Qt.MouseButton.LeftButton)
    assert form.values()["lora"] == f"{OIL.model}:1"
    # A recipe may name one that is not installed; it is told, and stays.
    form.set_values({"lora": "gone:0.5"})
    row = next(r for r in form.findChildren(ExtraRow) if r.model == "gone")
    assert "not installed" in row.name.toolTip()
    assert form.values()["lora"] == "gone:0.5"
    assert form.set_values({"lora": "gone:9"}) == ("lora",)
    form.reset()
    assert form.values()["lora"] == ""


def test_where_only_one_goes_the_next_takes_its_place(form: Form, qtbot: QtBot) -> None:
    form.set_stock({}, {"controlnet": (Further("edges", "Edges"), Further("depth", "Depth"))})
    add = form.widget_for("controlnet")
    assert isinstance(add, QPushButton)
    for name in ("edges:1", "depth:1"):
        QTest.mouseClick(add, Qt.MouseButton.LeftButton)
        menu = add.findChild(QMenu)
        assert menu is not None
        qtbot.waitUntil(menu.isVisible)
        QTest.keyClick(menu, KEY.Key_Down)
        QTest.keyClick(menu, KEY.Key_Return)
        assert form.values()["controlnet"] == name


def test_a_mask_belongs_to_its_picture(form: Form, qtbot: QtBot, tmp_path: Path) -> None:
    picture, other, mask = (tmp_path / f"{n}.png" for n in ("a", "b", "mask"))
    for path in (picture, other, mask):
        Image.new("L", (40, 30), 128).save(path)
    field = files_of(form)["mask"]
    assert isinstance(field, MaskField)
    assert not field.button.isEnabled()
    assert field.button.text() == "Needs a picture"
    form.put_file("picture", picture)
    assert field.button.isEnabled()
    with qtbot.waitSignal(form.mask_wanted) as wanted:
        QTest.mouseClick(field.button, Qt.MouseButton.LeftButton)
    assert wanted.args == ["mask"]
    assert form.over("mask") == picture
    form.put_file("mask", mask)
    qtbot.waitUntil(lambda: field.button.iconSize().width() == 36)  # it is shown small
    form.put_file("picture", other)
    assert form.files() == {"picture": other}  # a mask of another picture is of no use
    form.set_files({"mask": mask, "picture": picture})
    assert form.files() == {"picture": picture, "mask": mask}
    form.set_files({})
    assert form.files() == {}


def test_documents_are_taken_by_their_endings(form: Form, tmp_path: Path) -> None:
    field = files_of(form)["document"]
    assert isinstance(field, FileField)
    for name in ("a.txt", "b.md", "c.DOCX", "d.pdf", "e.epub"):
        assert field.takes(tmp_path / name)
    assert not field.takes(tmp_path / "f.exe")


def test_the_chooser_tells_families_apart(qtbot: QtBot, dressed: QApplication) -> None:
    chooser = ModelChooser()
    qtbot.addWidget(chooser)
    chooser.show()
    chat, fill = talkers.CHAT, talkers.FILL
    one = [Offer(chat, "a", "Alpha"), Offer(chat, "b", "Beta & Sons")]
    chooser.fill(one)
    assert [chooser.itemText(n) for n in range(chooser.count())] == ["Alpha", "Beta & Sons"]
    chooser.fill([*one, Offer(fill, "b", "Beta & Sons"), Offer(fill, "c", "Gamma")])
    rows = [chooser.itemText(n) for n in range(chooser.count())]
    assert rows == ["Chat", "Alpha", "Beta & Sons", "Fill in", "Beta & Sons", "Gamma"]
    assert (chooser.spec, chooser.model_id) == (chat, "a")  # as before
    chooser.setFocus()
    for wanted in ((chat, "b"), (fill, "b"), (fill, "c"), (fill, "c")):
        QTest.keyClick(chooser, KEY.Key_Down)  # over the headings
        assert (chooser.spec, chooser.model_id) == wanted
    assert chooser.toolTip() == "Gamma\nFill in"
    chooser.fill(one)
    assert chooser.model_id == "a"  # it is gone; the first one
    chooser.fill([])
    assert (chooser.spec, chooser.isVisible()) == (None, False)


def test_what_is_installed_is_told_by_family_and_role(tmp_path: Path) -> None:
    from studio.models import InstalledModel

    base = InstalledModel(
        id="talker",
        title="Talker",
        kind="text",
        path=tmp_path,
        licence="mit",
        source="",
        size=1,
        card="",
        tags=(),
        pipeline_tag="",
        starter=False,
        names={"voices": VOICES},
        files=("config.json", "alpha/model.onnx"),
    )
    broken = replace(base, id="broken", problem="It is damaged.")
    lora = replace(base, id="ink", title="Ink", role="lora")

    class Shelf:
        def installed(self) -> list[InstalledModel]:
            return [base, broken, lora]

    spec = FamilySpec(id="text.any", title="Any", kind="text", controls=(), needs=())
    other = replace(spec, id="text.other")
    stock = look(Shelf(), (spec, other))  # type: ignore[arg-type]
    assert [(o.spec.id, o.model) for o in stock.offers] == [
        ("text.any", "talker"),
        ("text.other", "talker"),
    ]
    assert stock.of("text.other")[0].names == {"voices": VOICES}
    assert stock.further == {"lora": (Further("ink", "Ink"),)}
    cut = Toggle(name="cut", label="Cut out", part="alpha/**/model.onnx")
    map_ = Toggle(name="map", label="Map", part="map/model.onnx")
    parts = look(Shelf(), (replace(spec, controls=(cut, map_)),))  # type: ignore[arg-type]
    assert parts.offers[0].lacking == {"map"}
