"""The library: what was made, kept as files with a database beside them."""

from __future__ import annotations

import contextlib
import json
import re
import shutil
import threading
import time
import uuid
from collections.abc import Iterable
from pathlib import Path
from types import TracebackType

from studio.core import media
from studio.core.errors import StudioError
from studio.core.files import PART, cannot_read, cannot_write, sync_file, sync_folder, write_atomic
from studio.core.messages import Output
from studio.core.notice import Notice
from studio.core.recipe import InputRef
from studio.core.record import Record
from studio.library import database, names
from studio.library.arriving import Arrivals
from studio.library.item import (
    Cursor,
    Item,
    ModelUse,
    Query,
    Recovered,
    TrashTicket,
    summary_to_json,
    title_of,
)
from studio.library.queue import JobStore
from studio.library.recovery import STARS, Recovery, file_sha256
from studio.library.rows import ITEMS, TRASH, Rows
from studio.library.staging import Arrival, Staging
from studio.library.summary import summarize, text_summary
from studio.library.thumbnails import Thumbnails

INPUTS = "inputs"
MAX_INPUT = 256 << 20
MAX_TEXT = 64 << 20
"""Bytes of a text that is opened."""
_SUFFIX = re.compile(r"\.[a-z0-9]{1,8}")
ALL = Query()


class Library:
    """Everything that was made, on one folder. Safe to use from several threads.

    Files are the truth: `items/2026/11/…` with the recipe inside, `.trash/` for what can be
    brought back, `inputs/` for what went in, `.jobs/` for what is being made. The database can be
    lost. Every method raises StudioError and nothing else for what a disk or a person may do.
    """

    def __init__(self, root: Path, base: database.Database, notices: tuple[Notice, ...]) -> None:
        """For `open`, which prepares what is given here."""
        self.root = root
        self.notices = notices
        self._database = base
        self._rows = Rows(root)
        self._staging = Staging(root / ".jobs")
        self._arrivals = Arrivals(root, base, self._rows, self._staging)
        self._thumbnails = Thumbnails(root / ".thumbs")
        self._moving = threading.Lock()
        self._opened = time.time()
        self.jobs = JobStore(base, self._staging)

    @classmethod
    def open(cls, root: Path) -> Library:
        """The library in a folder, which is made where it is not there.

        A damaged database is moved aside and told in `notices`; `recover` builds it anew. Raises
        StudioError where the database is of a newer version or the folder cannot be used.
        """
        try:
            root.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise cannot_write(root / database.NAME, error) from error
        base, kept = database.open_database(root / database.NAME)
        library = cls(root, base, () if kept is None else (database.damage_notice(kept),))
        try:
            library._staging.open()
            if kept is not None:
                library.jobs.salvage(kept)
        except OSError as error:
            base.close()
            raise cannot_write(root / ".jobs", error) from error
        except BaseException:
            base.close()
            raise
        return library

    def close(self) -> None:
        """Let go of the folder. What was staged is thrown away."""
        self._staging.close()
        self._database.close()

    def __enter__(self) -> Library:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    # What is made comes in.

    def job_folder(self, job_id: str) -> Path:
        """An empty folder for a job to write into, on the same disk as the items."""
        return self._staging.job_folder(job_id)

    def discard_job(self, job_id: str) -> None:
        """Away with a job's folder and what is in it."""
        self._staging.discard_job(job_id)

    def take_in(self, output: Output, *, created: float | None = None) -> Item:
        """Move the files of an output into the library; they are whole there, or not at all.

        The output's own recipe counts; provider and marks come from the record in its main file.
        `created` in seconds since the epoch, now for None.
        """
        if not output.files:
            raise StudioError("Nothing was made.", "Try again with other settings.")
        main = output.files[0]
        inside = _record_in(main)
        record = Record(
            output.recipe,
            inside.provider if inside else "",
            inside.edited if inside else False,
            inside.mark_ai if inside else False,
        )
        created = time.time() if created is None else created
        summary = dict(output.summary) or summarize(output.recipe.kind, main)
        item_id = self._free_id()
        title = title_of(output.recipe.kind, output.recipe, summary)
        stem = names.stem(created, title, item_id)
        targets: list[str] = []
        for number, path in enumerate(output.files):
            target = f"{names.month(created)}/{stem}{path.suffix.lower()}"
            if target in targets:
                target = f"{names.month(created)}/{stem}-{number + 1}{path.suffix.lower()}"
            targets.append(target)
        try:
            sha256 = file_sha256(main)
        except OSError as error:
            raise cannot_read(main, error) from error
        return self._arrivals.bring(
            Arrival(
                id=item_id,
                created=created,
                record=record.to_json(),
                summary=summary_to_json(summary),
                sha256=sha256,
                sources=tuple(str(p.absolute()) for p in output.files),
                targets=tuple(targets),
            )
        )

    def save_edit(self, item_id: str, text: str) -> Item:
        """Keep a changed text as a new item, made from the same recipe and then edited."""
        item = self._item(item_id)
        if item.kind != "text":
            raise StudioError("Only a text can be edited here.", "Choose a text.")
        text = text.replace("\0", "").encode("utf-8", "ignore").decode("utf-8")
        job = f"edit-{uuid.uuid4().hex}"
        file = self.job_folder(job) / "text.md"
        record = Record(item.recipe, item.provider, edited=True, mark_ai=item.mark_ai)
        try:
            write_atomic(file, media.embed(text.encode("utf-8"), ".md", record))
            summary = text_summary(text)
            if "title" in item.summary:
                summary["title"] = item.summary["title"]
            return self.take_in(Output((file,), item.recipe, summary))
        finally:
            self.discard_job(job)

    # What was made is looked at.

    def items(
        self, query: Query = ALL, after: Cursor | None = None, limit: int = 200
    ) -> list[Item]:
        """A page of items, newest first; the next one comes after the last item's cursor."""
        with self._database.read() as db:
            return self._rows.page(db, query, after, limit)

    def count(self, query: Query = ALL) -> int:
        """How many items the query finds in all."""
        with self._database.read() as db:
            return self._rows.count(db, query)

    def get(self, item_id: str) -> Item | None:
        """The item with this id, in the trash or not."""
        with self._database.read() as db:
            return next(iter(self._rows.by_ids(db, [item_id])), None)

    def find_by_file(self, path: Path) -> Item | None:
        """The item that a file belongs to, or of which it is a copy; None for a stranger."""
        path = path.absolute()
        for base in (ITEMS, TRASH):
            if path.is_relative_to(self.root.absolute() / base):
                item = self.get(names.id_in(path.stem) or "")
                if item is not None and path in (p.absolute() for p in item.files):
                    return item
        try:
            sha256 = file_sha256(path)
        except (OSError, ValueError):
            return None
        with self._database.read() as db:
            return self._rows.by_column(db, "sha256", sha256)

    def models_used(self) -> list[ModelUse]:
        """The models that something outside the trash was made with, the most used first."""
        with self._database.read() as db:
            return self._rows.models_used(db)

    def text(self, item: Item) -> str:
        """The words of a text item, without what stands before them for machines."""
        try:
            if item.main.stat().st_size > MAX_TEXT:
                raise StudioError(f"“{item.main.name}” is too large.", "Open it in an editor.")
            return media.body(item.main.read_text("utf-8", "replace"))
        except OSError as error:
            raise cannot_read(item.main, error) from error

    def thumbnail(self, item: Item, size: int) -> Path:
        """A PNG of at most `size` × `size` pixels of a picture item, made once and kept."""
        return self._thumbnails.get(item, size)

    # What a person does with it.

    def star(self, ids: Iterable[str], on: bool) -> None:
        """Mark items, or take their mark away."""
        with self._database.write() as db:
            self._rows.set(db, ids, "starred", int(on))
            starred = [row[0] for row in db.execute("SELECT id FROM item WHERE starred = 1")]
            # The database can be lost; what a person has chosen must not be lost with it.
            write_atomic(self.root / STARS, json.dumps(sorted(starred)).encode("ascii"))

    def trash(self, ids: Iterable[str]) -> TrashTicket:
        """Move items to the trash; the ticket undoes it. Those that are there already are left."""
        moved = self._move(ids, to_trash=True)
        return TrashTicket(tuple(item.id for item in moved))

    def restore(self, what: TrashTicket | Iterable[str]) -> list[Item]:
        """Bring items back from the trash."""
        ids = what.ids if isinstance(what, TrashTicket) else tuple(what)
        moved = self._move(ids, to_trash=False)
        with self._database.read() as db:
            return self._rows.by_ids(db, [item.id for item in moved])

    def empty_trash(self, older_than: float | None = None) -> int:
        """Delete for good what went to the trash before a time (epoch seconds), or everything.

        Gives the number of items that are gone.
        """
        with self._moving:
            with self._database.write() as db:
                ids = db.execute(
                    "SELECT id FROM item WHERE trashed IS NOT NULL AND trashed < ifnull(?, 1e300)",
                    (older_than,),
                ).fetchall()
                items = self._rows.by_ids(db, [row[0] for row in ids])
                self._rows.delete(db, items)
            for item in items:
                # The main file last: a kill in between leaves an item, not half of one.
                for path in reversed(item.files):
                    with contextlib.suppress(OSError):
                        path.unlink(missing_ok=True)
                self._thumbnails.forget(item)
        return len(items)

    # What went in.

    def add_input(self, path: Path) -> InputRef:
        """Keep a copy of a file that goes into a recipe, named by its content."""
        try:
            if path.stat().st_size > MAX_INPUT:
                raise StudioError(
                    f"“{path.name}” is too large.",
                    f"Choose a file of at most {MAX_INPUT >> 20} MiB.",
                )
            sha256 = file_sha256(path)
        except OSError as error:
            raise cannot_read(path, error) from error
        except ValueError:
            raise StudioError("This is not the name of a file.", "Choose another file.") from None
        ref = InputRef(_printable(path.name), sha256)
        if self.input_path(ref) is not None:
            return ref
        suffix = path.suffix.lower()
        target = self.root / INPUTS / f"{sha256}{suffix if _SUFFIX.fullmatch(suffix) else ''}"
        part = target.with_name(f".{target.name}.{uuid.uuid4().hex[:8]}{PART}")
        try:
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(path, part)
            sync_file(part)
            if file_sha256(part) != sha256:
                raise StudioError(
                    f"“{path.name}” was changed while it was read.", "Choose it again."
                )
            part.replace(target)
            sync_folder(target.parent)
        except OSError as error:
            raise cannot_write(target, error) from error
        finally:
            with contextlib.suppress(OSError):
                part.unlink(missing_ok=True)
        return ref

    def input_path(self, ref: InputRef) -> Path | None:
        """Where a file that went into a recipe is kept; None where it is not."""
        if not re.fullmatch(r"[0-9a-f]{64}", ref.sha256):
            return None
        found = (self.root / INPUTS).glob(f"{ref.sha256}*")
        return next((p for p in sorted(found) if p.is_file()), None)

    # What is mended.

    def recover(self) -> Recovered:
        """At the start: finish or clear away what a killed program left, take in orphans.

        Takes a while in a large library; meant for a thread beside the window. What belongs to
        another program that runs is spared.
        """
        recovery = Recovery(
            self.root, self._database, self._rows, self._staging, self._arrivals, self._opened,
            self._moving,
        )  # fmt: skip
        try:
            found = recovery.run()
        except OSError as error:
            raise cannot_write(self.root / database.NAME, error) from error
        self.jobs.take_over()
        return found

    def rebuild(self) -> Recovered:
        """Forget every row and read all files again."""
        if self._staging.others_alive():
            raise StudioError(
                "Another Triptych uses this library.", "Close it, then build the library anew."
            )
        with self._database.write() as db:
            self._rows.clear(db)
        return self.recover()

    def _move(self, ids: Iterable[str], *, to_trash: bool) -> list[Item]:
        """Move items and their files to the trash or back; all of them, or none."""
        old, new = (ITEMS, TRASH) if to_trash else (TRASH, ITEMS)
        moved: list[tuple[Path, Path]] = []
        with self._moving:
            try:
                with self._database.write() as db:
                    found = self._rows.by_ids(db, ids)
                    items = [item for item in found if (item.trashed is None) == to_trash]
                    now = time.time() if to_trash else None
                    self._rows.set(db, [item.id for item in items], "trashed", now)
                    for item in items:
                        for path in item.files:
                            target = self.root / new / path.relative_to(self.root / old)
                            if path.exists():
                                target.parent.mkdir(parents=True, exist_ok=True)
                                path.replace(target)
                                moved.append((path, target))
            except BaseException as error:
                for path, target in reversed(moved):
                    with contextlib.suppress(OSError):
                        target.replace(path)
                if isinstance(error, OSError):
                    raise cannot_write(self.root / new, error) from error
                raise
        return items

    def _item(self, item_id: str) -> Item:
        item = self.get(item_id)
        if item is None:
            raise StudioError("This is not in the library any more.", "Look in the trash.")
        return item

    def _free_id(self) -> str:
        while self.get(item_id := names.new_id()) is not None:
            pass
        return item_id


def _record_in(path: Path) -> Record | None:
    """What stands in a file that was just made; some kinds of files carry nothing."""
    try:
        return media.extract(path)
    except StudioError:
        return None


def _printable(name: str) -> str:
    """A file's name as a recipe can carry it, whatever the file system allowed."""
    return name.encode("utf-8", "replace").decode("utf-8")[:200]
