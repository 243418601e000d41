"""The jobs that wait and run, stored, so that a queue survives the program."""

from __future__ import annotations

import json
import sqlite3
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, cast

from studio.core.errors import StudioError
from studio.core.family import Kind
from studio.core.recipe import Recipe
from studio.library.database import Database, salvage
from studio.library.staging import Staging

JobState = Literal["waiting", "running", "interrupted"]
_COLUMNS = "id, lane, recipe, state, added, details"


@dataclass(frozen=True, slots=True)
class StoredJob:
    """A job of the queue, as far as it has to outlive the program."""

    id: str
    lane: Kind
    recipe: Recipe
    state: JobState
    added: float
    """Seconds since the epoch."""
    details: Mapping[str, Any] = field(default_factory=dict)
    """Whatever else the window wants to remember of it."""


Jobs = list[StoredJob]


class JobStore:
    """The queue of one program, a lane for each kind.

    Jobs that a dead program left are taken over: those that waited wait on, those that ran are
    interrupted. Jobs of another program that runs are not seen.
    """

    def __init__(self, database: Database, staging: Staging) -> None:
        self._database = database
        self._staging = staging
        self._owner = staging.instance

    def take_over(self) -> None:
        """Make the jobs of dead programs ours."""
        with self._database.write() as db:
            owners = [row[0] for row in db.execute("SELECT DISTINCT owner FROM job").fetchall()]
            for owner in owners:
                if not self._staging.alive(owner):
                    db.execute(
                        "UPDATE job SET owner = ?, state = CASE state WHEN 'waiting'"
                        " THEN 'waiting' ELSE 'interrupted' END WHERE owner = ?",
                        (self._owner, owner),
                    )

    def add(
        self, job_id: str, recipe: Recipe, details: Mapping[str, Any] | None = None
    ) -> StoredJob:
        """Put a job at the end of its lane. Raises StudioError where it is there already."""
        added = time.time()
        with self._database.write() as db:
            self._refuse_twin(db, job_id)
            (position,) = db.execute(
                "SELECT coalesce(max(position), 0) + 1 FROM job WHERE lane = ?", (recipe.kind,)
            ).fetchone()
            self._insert(
                db, (job_id, recipe.kind, position, recipe.to_json(), json.dumps(details or {}),
                     "waiting", added)
            )  # fmt: skip
        return StoredJob(job_id, recipe.kind, recipe, "waiting", added, dict(details or {}))

    def start(self, job_id: str) -> None:
        """It runs now: should the program die, it is interrupted."""
        self._set_state(job_id, "running")

    def remove(self, job_id: str) -> None:
        """It is done, or not wanted any more. Not an error where it is gone."""
        with self._database.write() as db:
            db.execute("DELETE FROM job WHERE id = ? AND owner = ?", (job_id, self._owner))

    def move(self, job_id: str, before: str | None) -> None:
        """Put a job before another of its lane, or at the end for None."""
        with self._database.write() as db:
            row = db.execute(
                "SELECT lane FROM job WHERE id = ? AND owner = ?", (job_id, self._owner)
            ).fetchone()
            if row is None or job_id == before:
                return  # it has been finished in the meantime
            order = [
                i
                for (i,) in db.execute(
                    "SELECT id FROM job WHERE lane = ? AND owner = ? ORDER BY position",
                    (row[0], self._owner),
                ).fetchall()
                if i != job_id
            ]
            order.insert(order.index(before) if before in order else len(order), job_id)
            self._renumber(db, order)

    def list(self, lane: Kind | None = None) -> Jobs:
        """What runs and waits, in order, of one lane or of all."""
        return self._select("state != 'interrupted'", lane)

    def interrupted(self) -> Jobs:
        """What was running when a program died."""
        return self._select("state = 'interrupted'", None)

    def again(self, job_id: str) -> StoredJob:
        """Let an interrupted job wait again, as the first of its lane.

        Raises StudioError where it is gone.
        """
        with self._database.write() as db:
            row = db.execute(
                f"SELECT {_COLUMNS} FROM job WHERE id = ? AND owner = ?", (job_id, self._owner)
            ).fetchone()
            if row is None:
                raise StudioError("This job is not there any more.", "Make it anew.")
            db.execute(
                "UPDATE job SET state = 'waiting', position ="
                " (SELECT min(position) - 1 FROM job WHERE lane = ?) WHERE id = ?",
                (row[1], job_id),
            )
        return _job((*row[:3], "waiting", *row[4:]))

    def clear(self, lane: Kind | None = None) -> None:
        """Away with what waits, in one lane or in all."""
        with self._database.write() as db:
            db.execute(
                "DELETE FROM job WHERE state = 'waiting' AND owner = ? AND lane = ifnull(?, lane)",
                (self._owner, lane),
            )

    def salvage(self, damaged: Path) -> None:
        """Take over what can still be read of the queue in a damaged database."""

        def read(old: sqlite3.Connection) -> None:
            sql = "SELECT id, lane, position, recipe, details, state, added FROM job"
            for row in old.execute(sql):
                with suppress(StudioError, ValueError, TypeError):
                    _job((row[0], row[1], row[3], row[5], row[6], row[4]))  # is it whole?
                    state = "waiting" if row[5] == "waiting" else "interrupted"
                    with self._database.write() as db:
                        self._refuse_twin(db, row[0])
                        self._insert(db, (*row[:5], state, row[6]))

        salvage(damaged, read)

    def _select(self, condition: str, lane: Kind | None) -> Jobs:
        with self._database.read() as db:
            rows = db.execute(
                f"SELECT {_COLUMNS} FROM job WHERE {condition} AND owner = ?"
                " AND lane = ifnull(?, lane) ORDER BY lane, position",
                (self._owner, lane),
            ).fetchall()
        return [_job(row) for row in rows]

    def _set_state(self, job_id: str, state: JobState) -> None:
        with self._database.write() as db:
            db.execute(
                "UPDATE job SET state = ? WHERE id = ? AND owner = ?", (state, job_id, self._owner)
            )

    def _insert(self, db: sqlite3.Connection, values: tuple[object, ...]) -> None:
        db.execute(
            "INSERT INTO job(id, lane, position, recipe, details, state, added, owner)"
            " VALUES(?,?,?,?,?,?,?,?)",
            (*values, self._owner),
        )

    @staticmethod
    def _refuse_twin(db: sqlite3.Connection, job_id: str) -> None:
        if db.execute("SELECT 1 FROM job WHERE id = ?", (job_id,)).fetchone():
            raise StudioError("This job is in the queue already.", "Wait for it to end.")

    @staticmethod
    def _renumber(db: sqlite3.Connection, order: Sequence[str]) -> None:
        db.executemany(
            "UPDATE job SET position = ? WHERE id = ?",
            [(number, job_id) for number, job_id in enumerate(order, 1)],
        )


def _job(row: tuple[Any, ...]) -> StoredJob:
    job_id, lane, recipe, state, added, details = row
    return StoredJob(
        id=str(job_id),
        lane=lane,
        recipe=Recipe.from_json(str(recipe)),
        state=cast(JobState, state),
        added=float(added),
        details=json.loads(str(details)),
    )
