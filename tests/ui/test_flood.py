"""The window stays fluid while downloads, results and long listings pour in."""

from __future__ import annotations

from PySide6.QtWidgets import QApplication, QWidget
from pytestqt.qtbot import QtBot

from studio.core.paths import Paths
from studio.ui.app import build
from tests.ui.conftest import begin
from tests.ui.flood import Flood
from tests.ui.hubs import Stand
from tests.ui.panes import click, find


def test_the_main_thread_has_little_to_do_however_much_comes(
    dressed: QApplication, paths: Paths, qtbot: QtBot
) -> None:
    stand = Stand()
    window = build(paths, begin=begin(), courier=stand)
    window.resize(1280, 800)
    window.show()
    window.activateWindow()
    qtbot.waitUntil(window.isActiveWindow)
    window.show_page("models")
    for view in ("discover", "downloads"):
        click(qtbot, find(window, QWidget, f"tab-{view}"))
    qtbot.wait(600)  # what a window does once after its start is over
    assert stand.link is not None
    flood = Flood(window, stand.link)
    gaps = flood.run(6.0)
    assert flood.told > 100
    assert len(window.studio.hub.downloads) == 10
    # Gaps depend on what else the machine does; the thread's own work between two ticks does not.
    assert gaps.work < 50, str(gaps)
    window.close()
    window.studio.close()
    window.deleteLater()
