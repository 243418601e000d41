"""What the three create panes share: from the wish to the result and back through its history."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from PySide6.QtCore import Qt, Signal
from PySide6.QtGui import QKeyEvent, QShowEvent
from PySide6.QtWidgets import (
    QWidget,
)

from studio.core.controls import Value
from studio.core.errors import StudioError
from studio.core.family import Example, Kind
from studio.core.messages import Cancelled, Done, Failed, Preview
from studio.core.recipe import Recipe
from studio.library import Item, Query
from studio.ui.engine import JobView
from studio.ui.follower import Finished, Follower, left_words, phase_words
from studio.ui.handover import subject
from studio.ui.panes.modelled import ModelledPane
from studio.ui.studio import Handover, Studio

REMEMBERED = 40
"""Items in the history strip; the library has them all."""


class CreatePane(ModelledPane):
    """One lane as a person uses it. Subclasses show what is made of their kind.

    What is shown is the empty state, something live (being made) or items of the library.
    """

    wanted = Signal()
    """Something was sent here: come to front."""

    def __init__(self, studio: Studio, parent: QWidget | None = None) -> None:
        self.view = "empty"
        """"empty" | "live" | "items"."""
        self.items: tuple[Item, ...] = ()
        """What is shown, where it is of the library."""
        self._before: tuple[Item, ...] = ()
        """What was shown before the live view."""
        self._eager = False
        """The person wanted something made before the lane could."""
        self._follow = True
        self._last = ""
        super().__init__(studio, parent)
        self.follower = Follower(studio.engine, self.kind, self)
        self.composer.make_wanted.connect(self.primary)
        self.composer.stop_wanted.connect(self.stop)
        self.empty.picked.connect(self._make_example)
        self.anew.clicked.connect(self.clear)
        self.history.opened.connect(self.open_item)
        self.history.live_opened.connect(self._open_live)
        self.follower.changed.connect(self._tell)
        self.follower.began.connect(self._began)
        self.follower.previewed.connect(self._previewed)
        self.follower.finished.connect(self._finished)
        studio.library_changed.connect(self.refresh_history)
        studio.recipe_wanted.connect(self._recipe_wanted)
        studio.sent.connect(self._sent)
        studio.handed.connect(self._handed)
        self.learned.connect(self._looked)
        self.learn()
        self.refresh_history()

    # What a subclass is asked

    def idle_words(self) -> str:
        """What stands above the examples, if there are any."""
        spec = self.chooser.spec
        if spec is not None and spec.control("prompt") is None:
            return self.tr("Choose above what goes in, and begin.")
        if spec is not None and not spec.examples:
            return self.tr("Write a wish above.")
        return self.tr("Write a wish above, or begin with one of these.")

    def model_chosen(self) -> None:
        self.composer.set_make(self.make_words())
        self._tell()

    def live_begin(self, job: JobView) -> None:
        """A job begins: have the live view empty."""
        raise NotImplementedError

    def live_preview(self, preview: Preview) -> None:
        """More of it. Called whether the live view is looked at or not."""
        raise NotImplementedError

    def show_live(self) -> None:
        """Show what is being made."""
        raise NotImplementedError

    def show_items(self, items: Sequence[Item]) -> None:
        """Show these of the library: one, or a batch."""
        raise NotImplementedError

    def live_rest(self, recipe: Recipe) -> bool:
        """A job ended with nothing made. True where what there is of it is kept and shown."""
        return False

    def leave(self) -> None:
        """Another result is about to take the place of this one: keep what was typed."""

    def may_give_way(self) -> bool:
        """Whether what is looked at may be replaced by a job that was queued behind another."""
        return True

    def words_shown(self) -> str:
        """The text that is shown, where it is a text."""
        return ""

    def current(self) -> Item | None:
        """The item that Again, Save and the like are about."""
        return self.items[0] if self.items else None

    # What the window asks

    def focus_prompt(self) -> None:
        self.composer.first_stop().setFocus(Qt.FocusReason.OtherFocusReason)

    def primary(self) -> None:
        """Make it, or queue it where something is being made; before that can be, remember it."""
        if not self.ready:
            self._eager = True
            self._tell()
            return
        if self.chooser.spec is not None and self.studio.engine.state(self.kind) == "down":
            self.studio.engine.restart(self.kind)
        self.composer.seed.roll()
        self.submit(
            self.composer.values(), self.composer.seed.value(), self.composer.files(), keep=True
        )

    def stop(self) -> None:
        """Stop what is being made."""
        self._eager = False
        self.follower.stop()

    @property
    def busy(self) -> bool:
        return self.follower.job is not None

    @property
    def stoppable(self) -> bool:
        """Whether there is something that `stop` ends."""
        return self.busy

    def apply_recipe(self, recipe: Recipe) -> None:
        """Fill the form with a recipe, its seed kept, as far as it is at hand here."""
        if recipe.kind != self.kind:
            return
        if not self.chooser.choose(recipe.family, recipe.model):
            self.studio.notices.show(
                self.tr("The model “{model}” of this recipe is not installed.").format(
                    model=recipe.model
                ),
                self.tr("Its settings were taken over for the chosen model."),
                kind="info",
            )
        self.composer.reset()
        self.composer.set_values(recipe.values)
        self.composer.seed.set_value(recipe.seed)
        self.composer.seed.set_locked(True)
        library = self.studio.library
        found = {n: library.input_path(ref) for n, ref in recipe.inputs.items()}
        self.composer.form.set_files({n: path for n, path in found.items() if path is not None})
        self.focus_prompt()

    # Making

    def submit(
        self,
        values: Mapping[str, Value],
        seed: int,
        files: Mapping[str, Path] | None = None,
        *,
        keep: bool = False,
    ) -> bool:
        """Queue a job of the chosen family and model; a notice says where that cannot be.

        `keep`: these are the values of the form, to be there again at the next start.
        """
        spec = self.chooser.spec
        if spec is None:
            return False
        recipe = Recipe(self.kind, spec.id, self.chooser.model_id, seed, dict(values))
        queued = self._queue(recipe, files or {})
        if queued and keep:
            self.keep_values(recipe)
        return queued

    def again(self) -> None:
        """What is shown, once more with another seed."""
        item = self.current()
        if item is None:
            return
        self.composer.seed.set_locked(False)
        self._queue(replace(item.recipe, seed=self.composer.seed.roll()), {})

    def send_to(self, kind: Kind) -> None:
        """Ask another pane for something about what is shown."""
        item = self.current()
        recipe = item.recipe if item is not None else None
        about = subject(recipe, self.words_shown(), item.title if item is not None else "")
        if about:
            self.studio.send(kind, {"prompt": about})

    def make_by(self, family: str, files: Mapping[str, Path], values: Mapping[str, Value]) -> bool:
        """Queue a job of another family than the chosen one, with its first model and its own
        settings but for these. False where no model for it is installed."""
        offer = next(iter(self.stock.of(family)), None)
        if offer is None:
            return False
        recipe = Recipe(self.kind, family, offer.model, self.composer.seed.roll(), dict(values))
        self._queue(recipe, files)
        return True

    def _queue(self, recipe: Recipe, files: Mapping[str, Path]) -> bool:
        idle = not self.busy
        try:
            self.studio.engine.submit(recipe, files)
        except StudioError as error:
            self.studio.notices.error(error)
            return False
        self._follow = idle or self.may_give_way()
        self.follower.sync()
        return True

    # Looking

    def open_item(self, item: Item) -> None:
        """Show something of the library, with its settings in the form."""
        self._follow = False
        self.show_kept([item])
        if self.chooser.choose(item.recipe.family, item.recipe.model):
            values = item.recipe.values
            self.composer.set_values({n: v for n, v in values.items() if n != "start"})
            self.composer.seed.set_value(item.recipe.seed)

    def show_kept(self, items: Sequence[Item]) -> None:
        """Show one item or a batch in the place of what was shown."""
        self.leave()
        self.items, self.view = tuple(items), "items"
        self.show_items(self.items)
        self.show_view()

    def clear(self) -> None:
        """Back to the beginning: examples and an empty prompt."""
        self.leave()
        self.items, self.view = (), "empty"
        self._follow = True
        self.composer.reset()
        self.show_view()
        self.focus_prompt()

    def refresh_history(self) -> None:
        """Ask the library again, off the main thread."""
        library, query = self.studio.library, Query(kind=self.kind)
        self.work.run(
            lambda: library.items(query, limit=REMEMBERED), self._take_history, self.complain
        )

    def showEvent(self, event: QShowEvent) -> None:
        super().showEvent(event)
        if self.ready:  # models may have come or gone meanwhile
            self.learn()

    def keyPressEvent(self, event: QKeyEvent) -> None:
        # The window has these keys as well; here they work wherever the pane stands.
        control = bool(event.modifiers() & Qt.KeyboardModifier.ControlModifier)
        if event.key() in (Qt.Key.Key_Return, Qt.Key.Key_Enter) and control:
            self.primary()
        elif event.key() == Qt.Key.Key_Escape and self.stoppable:
            self.stop()
        else:
            super().keyPressEvent(event)

    # Settings from elsewhere

    def _looked(self) -> None:
        """It is known what there is to choose from."""
        self.follower.sync()
        if self._eager and self.ready:
            self._eager = False
            self.primary()

    def _make_example(self, example: Example) -> None:
        self.composer.reset()
        self.composer.set_values(example.values)
        self.primary()

    def _recipe_wanted(self, recipe: object) -> None:
        if isinstance(recipe, Recipe) and recipe.kind == self.kind:
            self.apply_recipe(recipe)
            self.wanted.emit()

    def _sent(self, kind: str, values: object) -> None:
        if kind == self.kind and isinstance(values, Mapping):
            self.composer.set_values(values)
            self.wanted.emit()
            self.focus_prompt()

    def _handed(self, what: Handover) -> None:
        if what.kind != self.kind:
            return
        # What is installed is looked up anew: it may have come a moment ago.
        self.learn(lambda: self._take(what))

    def _take(self, what: Handover) -> None:
        offer = next(iter(self.stock.of(what.family)), None)
        if what.model:
            self.chooser.choose(what.family, what.model)
        elif offer is not None and self.chooser.spec != offer.spec:
            self.chooser.choose(offer.spec.id, offer.model)
        self.composer.set_values(what.values)
        for name, path in what.files.items():
            self.composer.form.put_file(name, path)
        self.wanted.emit()
        if what.make:
            self.primary()
        else:
            self.focus_prompt()

    # The lane

    def _began(self, job: JobView) -> None:
        self.live_begin(job)
        if self.view in ("empty", "live") or self._follow:
            self._open_live()

    def _open_live(self) -> None:
        if self.follower.started:
            self.leave()
            self._follow = self.may_give_way()
            if self.view != "live":
                self._before = self.items
            self.items, self.view = (), "live"
            self.show_live()
            self.show_view()

    def _previewed(self, preview: Any) -> None:
        self.live_preview(preview)

    def _finished(self, finished: Finished) -> None:
        was_live = self.view == "live"
        if finished.items:
            if was_live:
                self.show_kept(finished.items)
        elif not self.live_rest(finished.recipe) and was_live:
            if self._before:
                self.show_kept(self._before)
            else:
                self.view = "empty"
                self.show_view()
        ending = finished.ending
        self._last = ""
        if isinstance(ending, Done):
            self._last = self.tr("Made in {n} s").format(n=f"{ending.seconds:.1f}")
            notes = {str(i.summary["note"]) for i in finished.items if "note" in i.summary}
            self._last = " · ".join((self._last, *sorted(notes)))
        elif isinstance(ending, Cancelled):
            self._last = self.tr("Cancelled")
        elif isinstance(ending, Failed):
            self.studio.notices.show(ending.message, ending.hint)

    def _tell(self) -> None:
        """The button, the bar and the line below it, from what the lane is and does."""
        engine, job = self.studio.engine, self.follower.job
        state = engine.state(self.kind)
        sentence = self.idle_words()
        starting = state != "down" and not self.ready
        if starting:
            sentence = self.tr("Getting ready…")
        if not (engine.families(self.kind) and self.ready):
            missing = engine.unavailable(self.kind)
            known = missing and state in ("ready", "busy")
            sentence = "\n".join(m.reason for m in missing) if known else sentence
            words = self.tr("Starting…") if starting else self.tr("Stopped")
            self.composer.set_ready(False, self.tr("Not available") if known else words)
        elif not self.chooser.model_id:
            sentence = self.tr("No model for this is installed. The Models page helps.")
            self.composer.set_ready(False, self.tr("No model"))
        else:
            self.composer.set_ready(True)
        self.empty.sentence.setText(sentence)
        self.composer.set_busy(job is not None)
        if job is None:
            soon = self.tr("It begins as soon as it can")
            self.composer.set_status(soon if self._eager else self._last)
        else:
            self._tell_job(job, busy=state == "busy")
        self.history.set_live(job.fraction if job is not None else None)
        self.show_history(job is not None)

    def _tell_job(self, job: JobView, *, busy: bool) -> None:
        if job.state == "cancelling":
            words = self.tr("Stopping…")
        elif job.state == "waiting":
            words = self.tr("Waiting") if busy else phase_words("starting")
            self.composer.set_progress(None)
        else:
            words = phase_words(job.phase or "starting")
            self.composer.set_progress(job.fraction if job.phase else None)
            if left := left_words(job.seconds_left):
                words += " · " + left
        if self.follower.waiting:
            words += " · " + self.tr("{n} waiting").format(n=self.follower.waiting)
        self.composer.set_status(words)

    def _take_history(self, items: Sequence[Item]) -> None:
        self.history.set_items(items)
        self.show_history(self.busy)
        self.mark_history()

    def show_view(self) -> None:
        self.stage.setCurrentWidget(self.empty if self.view == "empty" else self.result)
        self.composer.make_room(self.view != "empty")
        self.mark_history()

    def mark_history(self) -> None:
        shown = self.items[0].id if len(self.items) == 1 else None
        self.history.mark(shown, live=self.view == "live")
