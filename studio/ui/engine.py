"""The lanes and the queue as the panes see them; every signal comes on the main thread."""

from __future__ import annotations

import logging
import os
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import replace
from functools import partial
from pathlib import Path

from PySide6.QtCore import QObject, Signal

from studio.core.errors import StudioError
from studio.core.family import KINDS, FamilySpec, Kind, Unavailable
from studio.core.messages import (
    Cancelled,
    Convert,
    DeviceReport,
    Done,
    Failed,
    Memory,
    Output,
    Progress,
)
from studio.core.recipe import DeviceChoice, InputRef, Job, Recipe
from studio.engine.supervisor import Supervisor
from studio.library import Item, Library
from studio.models import Store, ready
from studio.ui.asks import Ask, Refused, Then
from studio.ui.keeper import Keeper
from studio.ui.lane import Begin, Lane, LaneState
from studio.ui.queue import Entry, JobState, JobView, Resumed
from studio.ui.wishes import completed, installed

__all__ = ["Engine", "JobState", "JobView", "LaneState", "Resumed"]

log = logging.getLogger(__name__)


class Engine(QObject):
    """Three lanes, a stored queue each, and the way of what is made into the library."""

    hello = Signal(str)
    """Lane: its families are known now."""
    lane_changed = Signal(str)
    """Lane: its state or its memory changed."""
    queue_changed = Signal(str)
    """Lane: jobs were added, moved, begun, or are gone."""
    progressed = Signal(str)
    """Job id: ask `job` for it."""
    previewed = Signal(str, object)
    """Job id, Preview. Pictures that nobody saw in time are left out."""
    made = Signal(str, object)
    """Job id, Item: it is in the library already."""
    ended = Signal(str, object)
    """Job id, Done | Cancelled | Failed. Everything it made was told before."""
    gave_up = Signal(str)
    """Lane: it crashed too often and is down until `restart`."""
    unkept = Signal(object)
    """Failed: something was made and could not be taken into the library; see `keep_again`."""
    resumed = Signal(object)
    """Resumed: what the last run of the program left."""

    def __init__(
        self,
        library: Library,
        store: Store,
        *,
        cache: Path | None = None,
        device: Callable[[], DeviceChoice] = DeviceChoice,
        mark_ai: Callable[[], bool] = lambda: True,
        begin: Begin = Supervisor,
        parent: QObject | None = None,
    ) -> None:
        super().__init__(parent)
        self._library = library
        self._store = store
        self._cache = cache
        self._device = device
        self._mark_ai = mark_ai
        self._jobs: dict[str, Entry] = {}
        self._waiting: dict[Kind, list[Entry]] = {k: [] for k in KINDS}
        self._current: dict[Kind, Entry | None] = dict.fromkeys(KINDS)
        self._known_models: set[str] = set()
        self._unkept: list[tuple[str, Output]] = []
        """Made, but not in the library: the disk was full. Job id and output."""
        self._closing = False
        self._keeper = Keeper(self)
        self._lanes: dict[Kind, Lane] = {}
        for kind in KINDS:
            lane = Lane(kind, begin, self)
            self._lanes[kind] = lane
            lane.hello.connect(partial(self.hello.emit, kind))
            lane.changed.connect(partial(self._lane_changed, kind))
            lane.reported.connect(self._reported)
            lane.finished.connect(self._finished)
            lane.gave_up.connect(partial(self.gave_up.emit, kind))

    # What is known of the lanes.

    def families(self, kind: Kind) -> tuple[FamilySpec, ...]:
        """What the lane can run; empty until it said Hello."""
        return self._lanes[kind].families

    def family(self, family_id: str) -> FamilySpec | None:
        return next(
            (f for lane in self._lanes.values() for f in lane.families if f.id == family_id), None
        )

    def unavailable(self, kind: Kind) -> tuple[Unavailable, ...]:
        return self._lanes[kind].unavailable

    def state(self, kind: Kind) -> LaneState:
        return self._lanes[kind].state

    def device(self) -> DeviceReport | None:
        """The machine as an engine found it; None until one stands."""
        return next((lane.device for lane in self._lanes.values() if lane.device), None)

    def memory(self, kind: Kind) -> Memory | None:
        return self._lanes[kind].memory

    def pid(self, kind: Kind) -> int | None:
        """The process of the lane."""
        return self._lanes[kind].pid

    # What can be asked for.

    def submit(self, recipe: Recipe, files: Mapping[str, Path] | None = None) -> str:
        """Queue a recipe and give the job's id; `files` are the inputs by name.

        Raises StudioError for bad values, a missing file, an unknown family or model. Where the
        lane has not said Hello yet, values are checked when the job's turn comes.
        """
        lane = self._lanes[recipe.kind]
        if lane.known:
            recipe = self._completed(recipe)
        if recipe.model not in self._known_models:
            # Seen lately, it need not be read again here: that waits for disks.
            seen = self._store.glance(recipe.model)
            if seen is None or seen.problem:
                installed(self._store, recipe.model)
            self._known_models.add(recipe.model)
        for path in (files or {}).values():
            if not path.is_file():
                raise StudioError(f"“{path.name}” is not there.", "Choose the file again.")
        entry = Entry(os.urandom(16).hex(), recipe, dict(files or {}))
        self._jobs[entry.id] = entry
        self._waiting[recipe.kind].append(entry)
        self._keeper.do(
            partial(self._store_job, entry), partial(self._stored, entry), partial(self._end, entry)
        )
        self.queue_changed.emit(recipe.kind)
        lane.start()
        return entry.id

    def ask(self, recipe: Recipe, then: Then, failed: Refused) -> str:
        """Put a small question: its answers go to `then` or the reason to `failed`, and nowhere
        else: not into the library, the stored queue or the panes. It is the next in its lane.

        Gives an id for `cancel`, after which neither is called. Raises StudioError as `submit`.
        """
        lane = self._lanes[recipe.kind]
        if lane.known:
            recipe = self._completed(recipe)
        entry = Entry(os.urandom(16).hex(), recipe, stored=True, ask=Ask(then, failed))
        self._jobs[entry.id] = entry
        self._waiting[entry.lane].insert(0, entry)
        lane.start()
        self._feed(entry.lane)
        return entry.id

    def convert(self, order: Convert, kind: Kind, title: str) -> str:
        """Queue the making of a model; news and ending come as those of a job of that id.

        It is not stored: what is brought again is brought in again.
        """
        words = self.tr("Add the model “{title}”").format(title=title)
        order = replace(order, device=self._device(), cache=self._cache)
        recipe = Recipe(kind, order.converter, title, 0, {"prompt": words})
        entry = Entry(order.id, recipe, stored=True, order=order)
        self._jobs[entry.id] = entry
        self._waiting[kind].append(entry)
        self.queue_changed.emit(kind)
        self._lanes[kind].start()
        self._feed(kind)
        return entry.id

    def know(self, models: Iterable[str]) -> None:
        """These are installed, as somebody has just seen: `submit` need not look again."""
        self._known_models.update(models)

    def cancel(self, job_id: str) -> None:
        """Stop a job or take it out of the queue. One that is gone already is no matter."""
        entry = self._jobs.get(job_id)
        if entry is None or entry.state == "cancelling":
            return
        if entry in self._waiting[entry.lane]:
            self._end(entry, Cancelled())
        elif entry.in_engine:
            entry.state = "cancelling"
            self.progressed.emit(job_id)
            self._lanes[entry.lane].cancel()
        else:  # being prepared, or done and being taken into the library
            self._end(entry, Cancelled())

    def cancel_all(self, kind: Kind | None = None) -> None:
        """Every job of a lane, or of all; the waiting ones first, so that none begins."""
        asked = [e.id for e in self._jobs.values() if e.ask and kind in (None, e.lane)]
        for job_id in (*asked, *(view.id for view in reversed(self.jobs(kind)))):
            self.cancel(job_id)

    def move(self, job_id: str, by: int) -> None:
        """Move a waiting job by so many places, later for a positive number."""
        entry = self._jobs.get(job_id)
        if entry is None or entry not in self._waiting[entry.lane]:
            return
        queue = self._waiting[entry.lane]
        old = queue.index(entry)
        new = max(0, min(len(queue) - 1, old + by))
        if new == old:
            return
        queue.insert(new, queue.pop(old))
        if entry.order is None:
            kept = (e.id for e in queue[new + 1 :] if e.order is None and e.ask is None)
            following = next(kept, None)
            self._keeper.do(partial(self._library.jobs.move, entry.id, following))
        self.queue_changed.emit(entry.lane)

    def job(self, job_id: str) -> JobView | None:
        """A job as it is now; None when it has ended."""
        entry = self._jobs.get(job_id)
        if entry is None or entry.ask is not None:
            return None
        queue = self._shown(entry.lane)
        return entry.view(queue.index(entry) + 1 if entry in queue else 0)

    def jobs(self, kind: Kind | None = None) -> tuple[JobView, ...]:
        """Running ones first, then the waiting ones in their order, lane by lane."""
        return tuple(self._views(kind))

    def warm(self, kind: Kind) -> None:
        """Start the lane, quietly, before somebody needs it."""
        if not self._closing:
            self._lanes[kind].start()

    def restart(self, kind: Kind) -> None:
        """A fresh engine for the lane, also after it gave up."""
        self._lanes[kind].restart()

    def unload(self, kind: Kind) -> None:
        """Let the lane's engine drop the models that it keeps loaded."""
        self._lanes[kind].unload()

    def resume(self) -> None:
        """At the start of the program: repair the library, take up the stored queue."""
        jobs = self._library.jobs

        def read() -> Resumed:
            recovered = self._library.recover()
            return Resumed(tuple(jobs.list()), tuple(jobs.interrupted()), recovered)

        self._keeper.do(read, self._resume)

    def make_interrupted(self, job_id: str) -> None:
        """Put a job that the last run left unfinished at the head of its lane."""
        jobs = self._library.jobs
        self._keeper.do(
            partial(jobs.again, job_id), lambda job: self._adopt(job.id, job.recipe, True)
        )

    def forget_interrupted(self, job_id: str) -> None:
        """The person does not want it again."""
        self._keeper.do(partial(self._library.jobs.remove, job_id))

    def keep_again(self) -> None:
        """Try again to take in what could not be kept."""
        unkept, self._unkept = self._unkept, []
        for job_id, output in unkept:
            self._keeper.do(
                partial(self._library.take_in, output),
                partial(self._kept_at_last, job_id),
                partial(self._unkept_still, job_id, output),
            )

    def _kept_at_last(self, job_id: str, item: Item) -> None:
        self.made.emit(job_id, item)
        if all(job != job_id for job, _ in self._unkept):
            self._keeper.do(partial(self._forget, job_id))

    def _unkept_still(self, job_id: str, output: Output, failed: Failed) -> None:
        self._unkept.append((job_id, output))
        self.unkept.emit(failed)

    def close(self) -> None:
        """End the engines; what is made goes into the library, what waits stays in the queue."""
        if self._closing:
            return
        self._closing = True
        for lane in self._lanes.values():
            lane.close()
        self._keeper.settle()  # what was finished just now is not "interrupted" at the next start
        self._keeper.close()

    # How a job goes.

    def _store_job(self, entry: Entry) -> Recipe:  # on the keeper
        refs: dict[str, InputRef] = dict(entry.recipe.inputs)
        for name, path in entry.files.items():
            refs[name] = self._library.add_input(path)
        recipe = replace(entry.recipe, inputs=refs)
        self._library.jobs.add(entry.id, recipe)
        return recipe

    def _stored(self, entry: Entry, recipe: Recipe) -> None:
        entry.recipe, entry.stored = recipe, True
        if entry.id in self._jobs:
            self._feed(entry.lane)

    def _feed(self, kind: Kind) -> None:
        """Give the lane its next job, where it has none and one is there."""
        queue = self._waiting[kind]
        free = self._lanes[kind].state == "ready" and self._current[kind] is None
        if self._closing or not free or not queue:
            return
        entry = queue[0]
        if not entry.stored:
            return  # its turn comes when it is
        queue.pop(0)
        self._current[kind] = entry
        entry.state, entry.phase = "running", "starting"
        self.queue_changed.emit(kind)
        if entry.order is not None:
            self._run(entry, entry.order)
            return
        try:
            entry.recipe = self._completed(entry.recipe)
        except StudioError as error:
            self._end(entry, Failed(error.message, error.hint))
            return
        self._keeper.do(
            partial(self._prepare, entry), partial(self._run, entry), partial(self._end, entry)
        )

    def _prepare(self, entry: Entry) -> Job:  # on the keeper
        model = installed(self._store, entry.recipe.model)
        inputs: dict[str, Path] = {}
        for name, ref in entry.recipe.inputs.items():
            found = self._library.input_path(ref)
            if found is None:
                raise StudioError(
                    self.tr("The file “{name}” that goes into this is not here.").format(
                        name=ref.name
                    ),
                    self.tr("Choose the file again and make it anew."),
                )
            inputs[name] = found
        spec = self._spec(entry.recipe)
        brought = ready(self._store, spec, entry.recipe, model)
        if entry.ask is not None:
            folder = entry.ask.begin()
        else:
            folder = self._library.job_folder(entry.id)
            self._library.jobs.start(entry.id)
        return Job(
            id=entry.id,
            recipe=brought.recipe,
            folder=folder,
            model=brought.model,
            inputs=inputs,
            extras=brought.extras,
            device=self._device(),
            cache=self._cache,
            mark_ai=self._mark_ai(),
        )

    def _run(self, entry: Entry, job: Job | Convert) -> None:
        if self._current[entry.lane] is not entry:
            return  # cancelled meanwhile
        lane = self._lanes[entry.lane]
        if lane.state != "ready":  # it died meanwhile; the next one gets the job
            self._current[entry.lane] = None
            entry.state, entry.phase = "waiting", ""
            self._waiting[entry.lane].insert(0, entry)
            self.queue_changed.emit(entry.lane)
            return
        entry.begin()
        lane.run(job)

    def _reported(self, job_id: str, news: object) -> None:
        entry = self._jobs.get(job_id)
        if entry is None:
            return
        if entry.ask is not None:
            if isinstance(news, Output):
                entry.ask.outputs.append(news)
        elif isinstance(news, Progress):
            entry.progress(news)
            self.progressed.emit(job_id)
        elif isinstance(news, Output):
            entry.taking += 1
            self._keeper.do(
                partial(self._library.take_in, news),
                partial(self._taken, entry),
                partial(self._not_taken, entry, news),
            )
        else:
            self.previewed.emit(job_id, news)

    def _taken(self, entry: Entry, item: Item) -> None:
        entry.taking -= 1
        # Also of a job that was cancelled: what is made is made.
        self.made.emit(entry.id, item)
        self._settle(entry)

    def _not_taken(self, entry: Entry, output: Output, failed: Failed) -> None:
        self._unkept.append((entry.id, output))
        entry.taking -= 1
        if entry.in_engine:
            self._lanes[entry.lane].cancel()  # the rest of a batch would fare no better
        self._end(entry, failed)
        self.unkept.emit(failed)

    def _finished(self, job_id: str, ending: object) -> None:
        entry = self._jobs.get(job_id)
        if entry is None or not isinstance(ending, Done | Cancelled | Failed):
            return
        if isinstance(ending, Failed) and ending.detail:
            log.warning("job %s failed: %s\n%s", job_id, ending.message, ending.detail)
        entry.in_engine = False
        entry.ending = ending
        self._current[entry.lane] = None
        if isinstance(ending, Cancelled):
            self._end(entry, ending)
        else:
            self._settle(entry)
            self._feed(entry.lane)

    def _settle(self, entry: Entry) -> None:
        """End a job that the engine is done with, once all that it made is in the library."""
        if entry.ending is not None and entry.taking == 0 and entry.id in self._jobs:
            self._end(entry, entry.ending)

    def _end(self, entry: Entry, ending: Done | Cancelled | Failed) -> None:
        if self._jobs.pop(entry.id, None) is None:
            return
        with suppress(ValueError):
            self._waiting[entry.lane].remove(entry)
        if self._current[entry.lane] is entry:
            self._current[entry.lane] = None
        if entry.ask is not None:
            self._answer(entry.ask, ending)
            self._feed(entry.lane)
            return
        if entry.order is None and all(job != entry.id for job, _ in self._unkept):
            self._keeper.do(partial(self._forget, entry.id))
        self.queue_changed.emit(entry.lane)
        self.ended.emit(entry.id, ending)
        self._feed(entry.lane)

    def _answer(self, ask: Ask, ending: Done | Cancelled | Failed) -> None:
        if isinstance(ending, Done):
            self._keeper.do(ask.read, ask.then, ask.failed)
        elif isinstance(ending, Failed):
            ask.failed(ending)
        self._keeper.do(ask.end)

    def _forget(self, job_id: str) -> None:  # on the keeper, after all its outputs
        self._library.jobs.remove(job_id)
        self._library.discard_job(job_id)

    def _resume(self, resumed: Resumed) -> None:
        for job in resumed.waiting:
            self._adopt(job.id, job.recipe, False)
        self.resumed.emit(resumed)

    def _adopt(self, job_id: str, recipe: Recipe, first: bool) -> None:
        if job_id in self._jobs:
            return
        entry = Entry(job_id, recipe, stored=True)
        self._jobs[job_id] = entry
        queue = self._waiting[entry.lane]
        queue.insert(0 if first else len(queue), entry)
        self.queue_changed.emit(entry.lane)
        self._lanes[entry.lane].start()
        self._feed(entry.lane)

    def _completed(self, recipe: Recipe) -> Recipe:
        lane = self._lanes[recipe.kind]
        return completed(recipe, lane.families, lane.unavailable)

    def _spec(self, recipe: Recipe) -> FamilySpec | None:
        return next((f for f in self.families(recipe.kind) if f.id == recipe.family), None)

    def _shown(self, kind: Kind) -> list[Entry]:
        """What waits and is a job; questions are nobody's matter but the asker's."""
        return [e for e in self._waiting[kind] if e.ask is None]

    def _lane_changed(self, kind: Kind) -> None:
        self.lane_changed.emit(kind)
        self._feed(kind)

    def _views(self, kind: Kind | None) -> Iterator[JobView]:
        for lane in KINDS:
            if kind in (None, lane):
                queue = self._shown(lane)
                for entry in self._jobs.values():
                    if entry.lane == lane and entry.ask is None and entry not in queue:
                        yield entry.view(0)
                for place, entry in enumerate(queue, 1):
                    yield entry.view(place)
