"""All that a hub can pour into the window at once, to see whether it stays fluid."""

from __future__ import annotations

import pickle
import threading
import time
from dataclasses import replace

from PySide6.QtCore import QTimer
from PySide6.QtWidgets import QPushButton, QWidget

from studio.models.courier import Changed, Reply
from studio.models.remote import Download, ModelPage
from studio.ui.panes.discover import DiscoverView
from studio.ui.window import Window
from tests.ui import hubs
from tests.ui.gaps import GapMeter, Gaps
from tests.ui.hubs import GB, StandIn
from tests.ui.panes import find

DOWNLOADS, PACE = 10, 0.01
"""So many downloads, each of which tells of itself ten times a second."""
FILES, FOUND = 5_000, 3_000


class Flood:
    """Ten downloads on their way, thousands of results, and pages with thousands of files.

    What comes is unpickled on a thread of its own, as what comes through a pipe is.
    """

    def __init__(self, window: Window, link: StandIn) -> None:
        self._window, self._link = window, link
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._pour, daemon=True)
        self.told = 0
        self._pages = [pickle.dumps(self._page(number)) for number in range(2)]
        self._found = tuple(hubs.found(f"lake/m{n}") for n in range(FOUND))
        self._results = pickle.dumps(self._found)

    def _page(self, number: int) -> ModelPage:
        return hubs.page(
            hubs.found(f"lake/m{number}"),
            hubs.variant("int4", 4 * GB, files=FILES),
            hubs.variant("fp16", 8 * GB, "slow", files=FILES),
            refused={f"old/part-{n:05}.bin": "It could run code." for n in range(FILES)},
            card="# A card\n\n" + "Words of its maker, and **more** of them.\n\n" * 200,
        )

    def run(self, seconds: float) -> Gaps:
        """Let it all come while a person looks at one view after the other."""
        view = find(self._window, DiscoverView, "discover-view")
        pane = find(self._window, QWidget, "models-pane")
        meter, turn = GapMeter(), QTimer()
        steps = [
            lambda: self._show("downloads"),
            lambda: view.search.search.setText("heron"),
            lambda: self._show("discover"),
            lambda: self._answer("search", self._results),
            lambda: self._scroll(view),
            lambda: view.open(self._found[0]),
            lambda: self._answer("page", self._pages[0]),
            lambda: self._unfold(view),
            lambda: view.show_list(),
            lambda: self._scroll(view),
            lambda: view.open(self._found[1]),
            lambda: self._answer("page", self._pages[1]),
        ]
        places = iter(range(10**6))
        turn.timeout.connect(lambda: steps[next(places) % len(steps)]())
        assert pane.isVisible()
        self._thread.start()
        turn.start(int(1000 * seconds / (2 * len(steps))))
        meter.start()
        end = time.monotonic() + seconds
        app = self._window.studio.thread()
        assert app is not None
        while time.monotonic() < end:
            self._live()
        gaps = meter.stop()
        turn.stop()
        self._stop.set()
        self._thread.join()
        return gaps

    def _live(self) -> None:
        from PySide6.QtCore import QEventLoop
        from PySide6.QtWidgets import QApplication

        QApplication.processEvents(QEventLoop.ProcessEventsFlag.AllEvents, 20)
        time.sleep(0.001)

    def _pour(self) -> None:
        downloads: list[Download] = [
            hubs.download(f"lake/d{n}", done=0, total=4 * GB) for n in range(DOWNLOADS)
        ]
        while not self._stop.wait(PACE):
            which = self.told % DOWNLOADS
            one = downloads[which]
            downloads[which] = replace(one, done=min(one.total, one.done + 1_300_000))
            self._link.hear(pickle.loads(pickle.dumps(Changed(tuple(downloads)))))
            self.told += 1

    def _answer(self, action: str, crossed: bytes) -> None:
        numbers = [n for n, a in self._link.open.items() if a == action]
        if not numbers:
            return
        number = numbers[-1]
        self._link.open.clear()

        def cross() -> None:
            self._link.hear(Reply(number, pickle.loads(crossed)))

        threading.Thread(target=cross, daemon=True).start()

    def _show(self, view: str) -> None:
        self._window.studio.show_models(view)

    def _scroll(self, view: DiscoverView) -> None:
        bar = view.list.verticalScrollBar()
        bar.setValue((bar.value() + bar.maximum() // 3) % max(1, bar.maximum()))

    def _unfold(self, view: DiscoverView) -> None:
        for name in ("files-fold", "refused-fold"):
            fold = find(view, QPushButton, name)
            if fold.isVisible():
                fold.click()
