"""Models on their way in: recognised, asked about, brought in, converted, one after the other."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from PySide6.QtCore import QObject, Signal

from studio.core.controls import Value
from studio.core.errors import StudioError
from studio.core.family import KINDS, FamilySpec
from studio.core.messages import Cancelled, Convert, Done, Failed
from studio.models import InstalledModel, Store, families
from studio.models.headers import ARCHIVES
from studio.models.inspect import PICKLED, WEIGHTS
from studio.ui.engine import Engine
from studio.ui.mailbox import Mailbox
from studio.ui.notices import Notices
from studio.ui.widgets.background import Background

if TYPE_CHECKING:  # the window does not wait for what is needed when something is brought
    from studio.models.add import Staged
    from studio.models.plan import Plan

State = Literal["looking", "asking", "bringing", "waiting", "converting", "finishing"]

SURE_AFTER = 1.0
"""Seconds after which the time left is told."""
MODEL_SUFFIXES = WEIGHTS | PICKLED | frozenset(ARCHIVES) | {".json"}


def may_be_model(path: Path) -> bool:
    """Whether something dropped on the window is for the models, by its name alone."""
    return path.suffix.lower() in MODEL_SUFFIXES or path.is_dir()


@dataclass(eq=False, slots=True)
class Addition:
    """One thing that somebody brought, and how far it is."""

    path: Path
    id: str = field(default_factory=lambda: os.urandom(8).hex())
    state: State = "looking"
    plan: Plan | None = None
    values: Mapping[str, Value] = field(default_factory=dict)
    size: int = 0
    """Bytes of what was brought."""
    fraction: float = 0.0
    staged: Staged | None = None
    stop: threading.Event = field(default_factory=threading.Event)
    began: float = 0.0

    @property
    def title(self) -> str:
        return self.plan.title if self.plan is not None else self.path.name

    def seconds_left(self) -> float | None:
        """Of the copying, by its pace so far; None before that says anything."""
        passed = time.monotonic() - self.began
        if self.state != "bringing" or self.fraction < 0.02 or passed < SURE_AFTER:
            return None
        return passed * (1 - self.fraction) / self.fraction


class Adder(QObject):
    """Makes models of what is dropped or chosen; several wait in turn."""

    changed = Signal()
    """Additions came, went, or are further."""
    added = Signal(InstalledModel)
    """It is there now, or was there already."""

    def __init__(
        self, engine: Engine, store: Store, notices: Notices, parent: QObject | None = None
    ) -> None:
        super().__init__(parent)
        self._engine, self._store, self._notices = engine, store, notices
        self._all: dict[str, Addition] = {}
        self._looks = Background(self)
        self._hands = Background(self)
        self._mail = Mailbox(self._heard, self)
        engine.progressed.connect(self._progressed)
        engine.queue_changed.connect(lambda _lane: self._engine_moved())
        engine.ended.connect(self._ended)

    def all(self) -> tuple[Addition, ...]:
        """In the order in which they came."""
        return tuple(self._all.values())

    def seconds_left(self, addition: Addition) -> float | None:
        """Until it is there, as far as that is known."""
        if addition.state == "converting" and addition.staged is not None:
            job = self._engine.job(addition.staged.job)
            return job.seconds_left if job is not None else None
        return addition.seconds_left()

    def tidy(self) -> None:
        """At the start: away with what a killed program has left half added."""
        self._looks.run(self._sweep)

    def look(self, path: Path) -> None:
        """Recognise what was brought; then it is asked about, or a notice says why not."""
        same = [
            a for a in self._all.values() if a.path == path and a.state in ("looking", "asking")
        ]
        if same:
            return
        addition = Addition(path)
        self._all[addition.id] = addition
        self.changed.emit()
        self._looks.run(
            partial(self._recognise, path),
            partial(self._recognised, addition),
            partial(self._failed, addition),
        )

    def begin(self, addition: Addition, values: Mapping[str, Value]) -> None:
        """Bring it in, with what was chosen."""
        if addition.state != "asking" or addition.plan is None:
            return
        plan = addition.plan
        addition.state, addition.values = "bringing", dict(values)
        addition.began = time.monotonic()
        self._engine.warm(plan.kind)  # what it can run is known by the end
        self.changed.emit()
        self._hands.run(
            partial(self._stage, addition, plan),
            partial(self._after_stage, addition),
            partial(self._failed, addition),
        )

    def cancel(self, addition: Addition) -> None:
        """Not any more: nothing of it is left. What is being put in its place already is added."""
        if addition.id not in self._all or addition.state == "finishing":
            return
        addition.stop.set()
        if addition.state in ("waiting", "converting") and addition.staged is not None:
            self._engine.cancel(addition.staged.job)
            return  # its ending is heard
        self._forget(addition)

    def close(self) -> None:
        """Stop everything; what was half brought in goes."""
        for addition in self._all.values():
            addition.stop.set()
        self._looks.close()
        self._hands.close()
        self._mail.close()
        for addition in self._all.values():
            if addition.staged is not None:
                addition.staged.drop()
        self._all.clear()

    # On workers

    @property
    def _models(self) -> Path:
        return self._store.folders[-1]

    def _sweep(self) -> None:
        from studio.models.add import sweep

        sweep(self._models)

    def _recognise(self, path: Path) -> tuple[Plan, InstalledModel | None, int]:
        from studio.models.add import already
        from studio.models.recognise import recognise

        plan = recognise(path)
        return plan, already(plan, self._store, plan.values({})), plan.size

    def _stage(self, addition: Addition, plan: Plan) -> Staged | InstalledModel | None:
        from studio.models.add import StoppedError, already, stage

        found = already(plan, self._store, addition.values)
        if found is not None:
            return found
        told = partial(self._tell, addition.id)
        try:
            return stage(plan, self._models, told, addition.stop.is_set, values=addition.values)
        except StoppedError:
            return None

    def _tell(self, addition: str, fraction: float) -> None:
        self._mail.post((addition, fraction), key=addition)

    def _finish(self, staged: Staged, specs: tuple[FamilySpec, ...]) -> InstalledModel:
        from studio.models.add import finish

        return finish(staged, lambda model: not specs or bool(families(model, specs)))

    # On the main thread

    def _recognised(
        self, addition: Addition, found: tuple[Plan, InstalledModel | None, int]
    ) -> None:
        if addition.id not in self._all:
            return
        addition.plan, model, addition.size = found
        if model is not None and not addition.plan.options:
            self._is_here(addition, model)
            return
        addition.state = "asking"
        self.changed.emit()

    def _is_here(self, addition: Addition, model: InstalledModel) -> None:
        self._forget(addition)
        self._notices.show(
            self.tr("“{name}” is here already.").format(name=addition.title),
            self.tr("It is “{model}” in the list.").format(model=model.title)
            if model.title != addition.title
            else "",
            kind="info",
        )
        self.added.emit(model)

    def _after_stage(self, addition: Addition, staged: Staged | InstalledModel | None) -> None:
        if isinstance(staged, InstalledModel):
            self._is_here(addition, staged)
        elif staged is None:
            self._forget(addition)
        elif addition.id not in self._all:
            self._hands.run(staged.drop)  # cancelled in the last moment
        else:
            addition.staged = staged
            if staged.plan.converter:
                self._convert(addition, staged)
            else:
                self._put(addition, staged)

    def _convert(self, addition: Addition, staged: Staged) -> None:
        addition.state, addition.fraction = "waiting", 0.0
        order = Convert(
            id=staged.job,
            converter=staged.plan.converter,
            folder=staged.folder,
            source=staged.plan.source,
            options=dict(staged.values),
        )
        self._engine.convert(order, staged.plan.kind, staged.plan.title)
        self.changed.emit()

    def _put(self, addition: Addition, staged: Staged) -> None:
        addition.state, addition.fraction = "finishing", 1.0
        specs = tuple(s for kind in KINDS for s in self._engine.families(kind))
        self.changed.emit()
        self._hands.run(
            partial(self._finish, staged, specs),
            partial(self._there, addition),
            partial(self._failed, addition),
        )

    def _there(self, addition: Addition, model: InstalledModel) -> None:
        addition.staged = None
        self._forget(addition)
        self._engine.know([model.id])
        self.added.emit(model)

    def _failed(self, addition: Addition, error: StudioError) -> None:
        known = addition.id in self._all
        self._forget(addition)
        if known:
            self._notices.error(error)

    def _forget(self, addition: Addition) -> None:
        staged, addition.staged = addition.staged, None
        if staged is not None:
            self._hands.run(staged.drop)
        if self._all.pop(addition.id, None) is not None:
            self.changed.emit()

    def _heard(self, news: tuple[str, float]) -> None:
        addition = self._all.get(news[0])
        if addition is not None and addition.state == "bringing":
            addition.fraction = max(addition.fraction, news[1])
            self.changed.emit()

    def _of_job(self, job_id: str) -> Addition | None:
        found = (a for a in self._all.values() if a.staged and a.staged.job == job_id)
        return next(found, None)

    def _engine_moved(self) -> None:
        for addition in self._all.values():
            if addition.state == "waiting" and addition.staged is not None:
                self._progressed(addition.staged.job)

    def _progressed(self, job_id: str) -> None:
        addition, job = self._of_job(job_id), self._engine.job(job_id)
        if addition is not None and job is not None and job.state != "waiting":
            addition.state, addition.fraction = "converting", job.fraction
            self.changed.emit()

    def _ended(self, job_id: str, ending: object) -> None:
        addition = self._of_job(job_id)
        if addition is None or addition.staged is None:
            return
        if isinstance(ending, Done):
            self._put(addition, addition.staged)
            return
        self._forget(addition)
        if isinstance(ending, Failed):
            self._notices.show(ending.message, ending.hint)
        else:
            assert isinstance(ending, Cancelled)
