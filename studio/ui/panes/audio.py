"""The pane for tunes: the waveform grows as the sound is made, then it is there to be heard."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from PySide6.QtCore import Qt, QTimer
from PySide6.QtGui import QKeyEvent, QShowEvent
from PySide6.QtWidgets import QApplication, QHBoxLayout, QLabel, QVBoxLayout, QWidget

from studio.core.controls import AnyControl, Choice, Number
from studio.core.errors import StudioError
from studio.core.family import Kind
from studio.core.messages import AudioPreview, Preview
from studio.core.recipe import Recipe
from studio.library import Item
from studio.ui import theme
from studio.ui.controls import said
from studio.ui.engine import JobView
from studio.ui.panes.create import CreatePane
from studio.ui.widgets.buttons import Well, menu_tool, quiet, tool
from studio.ui.widgets.itemwords import title
from studio.ui.widgets.player import Growing, Player
from studio.ui.widgets.savemenu import SaveMenu
from studio.ui.widgets.transport import Transport
from studio.ui.widgets.waveform import Waveform

SPEECH = "audio.speech"
"""The family that reads aloud."""
PLAYABLE = (".wav", ".flac")
SOON_MS = 700
"""After the window stands; loading QtMultimedia then is noticed by nobody."""


class AudioPane(CreatePane):
    """Tunes: heard here, saved as sound, as MIDI and as notes."""

    kind: Kind = "audio"
    picture = "audio-lines"

    @property
    def title(self) -> str:
        return self.tr("Sound")

    def more_words(self) -> str:
        return self.tr("Get another voice or instrument…")

    def make_words(self) -> str:
        spec = self.chooser.spec
        speaks = spec is not None and spec.id == SPEECH
        return self.tr("Speak") if speaks else self.tr("Compose")

    def idle_words(self) -> str:
        spec = self.chooser.spec
        if spec is not None and spec.id == SPEECH:
            return self.tr("Write above what is to be read aloud.")
        if spec is not None and not spec.examples:
            return super().idle_words()
        return self.tr("Choose above, or begin with one of these.")

    def build_result(self) -> QWidget:
        self.player = Player(self)
        self.name = QLabel()
        self.name.setObjectName("sound-title")
        self.name.setProperty("role", "lead")
        self.name.setWordWrap(True)
        self.name.setTextFormat(Qt.TextFormat.PlainText)
        self.about = QLabel()
        self.about.setObjectName("sound-about")
        self.about.setProperty("role", "small")
        self.about.setWordWrap(True)
        self.about.setTextFormat(Qt.TextFormat.PlainText)
        self.waveform = Waveform()
        self.waveform.setMaximumHeight(220)
        self.transport = Transport(self.player, self.waveform)
        well = Well("field")
        inside = QVBoxLayout(well)
        inside.setContentsMargins(theme.PAD, theme.PAD, theme.PAD, theme.INSET)
        inside.setSpacing(theme.HAIR)
        inside.addWidget(self.name)
        inside.addWidget(self.about)
        inside.addStretch(1)
        inside.addWidget(self.waveform, 8)
        inside.addStretch(1)
        inside.addWidget(self.transport)

        self.once_more = quiet("again", "refresh-cw", self.tr("Again"), self.again)
        self.once_more.setToolTip(self.tr("The same wish with another seed"))
        self.copy = tool("copy", "copy", self.tr("Copy the notes (ABC)"), self._copy)
        self.save, _ = menu_tool("save", "download", self.tr("Save a copy"))
        save_menu = SaveMenu(self.current, self.work, self.save)
        save_menu.failed.connect(self.complain)
        self.save.setMenu(save_menu)
        self.send, menu = menu_tool("send", "send", self.tr("Send to another pane"))
        write = menu.addAction(self.tr("Write about this tune"))
        write.setObjectName("send-text")
        write.triggered.connect(lambda: self.send_to("text"))
        draw = menu.addAction(self.tr("Draw a picture for this"))
        draw.setObjectName("send-image")
        draw.triggered.connect(lambda: self.send_to("image"))
        bar = QHBoxLayout()
        bar.setSpacing(theme.HAIR)
        bar.addWidget(self.once_more)
        bar.addStretch(1)
        for button in (self.copy, self.save, self.send):
            bar.addWidget(button)
        page = QWidget()
        column = QVBoxLayout(page)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(theme.GAP)
        column.addWidget(well, 1)
        column.addLayout(bar)
        self._heard: list[AudioPreview] = []
        self._live_recipe: Recipe | None = None
        self._growing: Growing | None = None
        """What is made, where it can be heard meanwhile."""
        self._carry: int | None = None
        """The millisecond to which that was heard when it was finished."""
        return page

    def showEvent(self, event: QShowEvent) -> None:
        super().showEvent(event)
        QTimer.singleShot(SOON_MS, self.player.prepare)

    # Live

    def live_begin(self, job: JobView) -> None:
        self._heard, self._growing = [], None
        self._live_recipe = job.recipe

    def live_preview(self, preview: Preview) -> None:
        if isinstance(preview, AudioPreview):
            self._heard.append(preview)
            if preview.samples and preview.sample_rate > 0:
                self._hear(preview)
            if self.view == "live":
                self.waveform.append(preview.peaks, preview.rate, preview.total_seconds)
                self.transport.refresh()

    def _hear(self, preview: AudioPreview) -> None:
        """Speech is heard while it goes on; whoever wants silence pauses it."""
        first = self._growing is None
        if self._growing is None:
            self._growing = Growing(preview.sample_rate)
        self._growing.push(preview.samples)
        if first and self.view == "live" and self.isVisible():
            self.player.open_live(self._growing)
            self.player.play()

    def live_rest(self, recipe: Recipe) -> bool:
        """It was stopped, and so is its sound."""
        if self.player.live:
            self.player.open(None)
        self._growing = None
        return False

    def show_live(self) -> None:
        self.player.open(None)
        if self._growing is not None:
            self.player.open_live(self._growing)
        self.waveform.begin()
        for heard in self._heard:
            self.waveform.append(heard.peaks, heard.rate, heard.total_seconds)
        self._say(self.tr("Being made…"), self._live_recipe, {})
        self._show_buttons()

    # Kept

    def show_items(self, items: Sequence[Item]) -> None:
        item = items[-1]
        self.items = (item,)
        seconds = item.summary.get("seconds")
        peaks = item.summary.get("peaks")
        self.waveform.set_sound(
            bytes(peaks) if isinstance(peaks, bytes | bytearray | list) else b"",
            float(seconds) if isinstance(seconds, int | float) else 0.0,
        )
        self.player.open(_sound_of(item))
        carry, self._carry, self._growing = self._carry, None, None
        if carry is not None and item.recipe == self._live_recipe:
            self.player.seek(carry)  # the same sound, now from its file
            self.player.play()
        self._say(title(item), item.recipe, item.summary)
        self._show_buttons()

    def leave(self) -> None:
        listening = self.player.playing and self.player.live
        self._carry = self.player.place if listening else None
        self.player.pause()

    def may_give_way(self) -> bool:
        """Not while somebody listens."""
        return not self.player.playing

    def keyPressEvent(self, event: QKeyEvent) -> None:
        if event.key() == Qt.Key.Key_Space and (self.view == "items" or self.player.live):
            self.player.toggle()
        else:
            super().keyPressEvent(event)

    def _say(self, name: str, recipe: Recipe | None, summary: Mapping[str, Any]) -> None:
        """The title and, below it, what was understood, or at least asked for."""
        self.name.setText(name)
        spec = self.studio.engine.family(recipe.family) if recipe is not None else None
        told: list[str] = []
        for control in spec.controls if spec is not None and recipe is not None else ():
            if control.name in summary:
                told.append(_in_words(control, summary[control.name]))
            elif isinstance(control, Choice) and not control.folded:
                value = recipe.values.get(control.name) if recipe is not None else None
                told.append(_in_words(control, value) if value != control.default else "")
        if isinstance(bars := summary.get("bars"), int):
            told.append(self.tr("{n} bars").format(n=bars))
        self.about.setText(" · ".join(filter(None, told)))

    def _copy(self) -> None:
        item = self.current()
        notes = item.file(".abc") if item is not None else None
        if notes is None:
            return

        def copied(text: str) -> None:
            QApplication.clipboard().setText(text)
            self.composer.set_status(self.tr("Copied"))

        self.work.run(lambda: _read(notes), copied, self.complain)

    def _show_buttons(self) -> None:
        kept = self.view == "items"
        item = self.current()
        for button in (self.once_more, self.save, self.send):
            button.setEnabled(kept)
        self.copy.setEnabled(kept and item is not None and item.file(".abc") is not None)
        self.transport.refresh()


def _sound_of(item: Item) -> Path | None:
    """The file of an item that can be played."""
    return next((f for suffix in PLAYABLE if (f := item.file(suffix)) is not None), None)


def _in_words(control: AnyControl, value: object) -> str:
    """A value as the form calls it."""
    if isinstance(control, Choice):
        return next((said(o.label) for o in control.options if o.value == value), str(value))
    if isinstance(control, Number) and isinstance(value, int | float):
        return f"{value:g} {said(control.unit)}".strip()
    return ""


def _read(file: Path) -> str:
    """The text of a small file of ours. Raises StudioError where it cannot be read."""
    try:
        return file.read_text("utf-8")
    except (OSError, ValueError) as error:
        raise StudioError(
            f"“{file.name}” cannot be read.", "It may have been moved or damaged."
        ) from error
