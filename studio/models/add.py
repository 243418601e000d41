"""From a plan to a model on the disk: beside its place first, renamed when all of it is there.

Files are linked, so that nothing lies on the disk twice; where links are impossible they are
copied. What was brought is never written to.
"""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import time
import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date
from pathlib import Path

from studio.core.card import FINGERPRINT, Card
from studio.core.controls import Value
from studio.core.errors import StudioError
from studio.core.files import cannot_read, cannot_write, sync_folder
from studio.core.locks import FileLock
from studio.core.sizes import size_words
from studio.models.plan import Plan, Taken, fingerprint, model_id
from studio.models.store import InstalledModel, Store, describe, nameable

ADDING = ".adding"
"""Where models lie that are not whole yet, in the folder of the models; no store looks there."""
COPIED_BELOW = 1 << 20
"""Bytes of texts that are copied: who edits the one does not mean the other."""
TEXTS = (".json", ".txt", ".md", ".jinja", ".yaml", ".model")
CHUNK = 8 << 20
SPARE = 256 << 20
"""Bytes that are left free on the disk."""
_TRIES = 5

Told = Callable[[float], None]
"""Hears how much of the files is in place, 0 to 1."""


class StoppedError(Exception):
    """The person does not want it any more; nothing of it is left."""


@dataclass(slots=True)
class Staged:
    """A model on its way: a folder that nobody sees, held by a lock until it is done with."""

    plan: Plan
    values: Mapping[str, Value]
    folder: Path
    """Has the model's name already, for what is said of it on the way."""
    models: Path
    id: str
    title: str
    """Where it is not that of the plan."""
    lock: FileLock

    @property
    def job(self) -> str:
        """What the engine calls its work on it: no other has the same."""
        return self.folder.parent.name

    def drop(self) -> None:
        """Away with it. What cannot be removed now goes at the next start."""
        shutil.rmtree(self.folder.parent, ignore_errors=True)
        self.lock.free()
        with contextlib.suppress(OSError):
            self.folder.parent.parent.rmdir()


def already(plan: Plan, store: Store, values: Mapping[str, Value]) -> InstalledModel | None:
    """The installed model that this would be once more; None where there is none."""
    identity, here = plan.identity(values), plan.source.resolve()
    for model in store.installed():
        if model.problem:
            continue
        # What was downloaded lies in its place as it was published: what is built of it does not.
        itself = model.path.resolve() in (here, *here.parents)
        if model.fingerprint == identity or (itself and not (model.repo and plan.converter)):
            return model
        # A folder that the studio did not add itself has no fingerprint yet.
        if not model.fingerprint and not plan.converter and _same(plan, model):
            return model
    return None


def stage(
    plan: Plan,
    models: Path,
    told: Told = lambda fraction: None,
    cancelled: Callable[[], bool] = lambda: False,
    *,
    values: Mapping[str, Value] | None = None,
    name: str = "",
) -> Staged:
    """Bring the plan's files into a folder beside `models`' others, where no store sees it.

    `name` is what the model is to be called. Raises StudioError where there is no room, where
    something cannot be read or written, and for bad values; StoppedError when `cancelled` says so.
    """
    check_name(name)
    chosen = plan.values(values or {})
    sweep(models)
    variant = plan.variant(chosen)
    usual = "-".join(part for part in (plan.id, variant) if part)
    folder = models / ADDING / uuid.uuid4().hex / (name or usual)
    lock = FileLock(folder.parent.with_suffix(".lock"))
    title = name or (f"{plan.title} ({variant})" if variant else "")
    staged = Staged(plan, chosen, folder, models, name or usual, title, lock)
    try:
        folder.parent.parent.mkdir(parents=True, exist_ok=True)
        lock.take()
        folder.mkdir(parents=True)
        _bring(plan.files, folder, told, cancelled)
        _write_texts(staged)
    except OSError as error:
        staged.drop()
        raise cannot_write(folder, error) from error
    except BaseException:
        staged.drop()
        raise
    return staged


def check_name(name: str) -> None:
    """Raises StudioError where a model cannot be called so; empty leaves it to the plan."""
    if name and not (nameable(name) and model_id(name) == name):
        raise StudioError(
            f"A model cannot be called “{name[:60]}”.", "Use letters, digits, dots and dashes."
        )


def finish(
    staged: Staged, usable: Callable[[InstalledModel], bool] = lambda model: True
) -> InstalledModel:
    """Check what lies there, and put it in its place. Raises StudioError; then nothing is left.

    `usable` says whether anything can run it, or be laid over with it.
    """
    try:
        model = describe(staged.folder, name=staged.id)
        if model.problem:
            raise StudioError(
                f"“{staged.plan.title}” could not be added: {model.problem}", model.hint
            )
        if not model.role and not usable(model):
            raise StudioError(
                f"“{staged.plan.title}” cannot be added: nothing in Triptych can run it "
                f"({staged.plan.what}).",
                "Look in the README for the kinds of model that can be run.",
            )
        target = _move(staged)
        return describe(target, name=target.name)
    except OSError as error:
        raise cannot_write(staged.models / staged.id, error) from error
    finally:
        staged.drop()


def install(
    plan: Plan,
    models: Path,
    told: Told = lambda fraction: None,
    cancelled: Callable[[], bool] = lambda: False,
    *,
    values: Mapping[str, Value] | None = None,
    name: str = "",
    convert: Callable[[Staged], None] | None = None,
    usable: Callable[[InstalledModel], bool] = lambda model: True,
) -> InstalledModel:
    """All of it in one go; `convert` has the engine do what the plan's converter says.

    Raises what `stage`, `convert` and `finish` raise; nothing is left then.
    """
    staged = stage(plan, models, told, cancelled, values=values, name=name)
    try:
        if plan.converter and convert is not None:
            convert(staged)
    except BaseException:
        staged.drop()
        raise
    return finish(staged, usable)


def sweep(models: Path) -> None:
    """Away with what a program that was killed has left. Never raises."""
    home = models / ADDING
    try:
        left = sorted(home.iterdir())
    except OSError:
        return
    for path in left:
        lock = FileLock(path.with_suffix(".lock"))
        with contextlib.suppress(OSError):
            if lock.take():  # otherwise another program is at it
                shutil.rmtree(path.with_suffix(""), ignore_errors=True)
                lock.free()
    with contextlib.suppress(OSError):
        home.rmdir()


def _same(plan: Plan, model: InstalledModel) -> bool:
    names = sorted(p.stat().st_size for p in (t.path for t in plan.files))
    files = [p for p in model.path.rglob("*") if p.is_file()]
    if not names or max(names) not in {p.stat().st_size for p in files}:
        return False
    return fingerprint(files) == plan.fingerprint


def _bring(
    files: tuple[Taken, ...], folder: Path, told: Told, cancelled: Callable[[], bool]
) -> None:
    """Link what can be linked, then copy the rest, if there is room for it."""
    rest: list[tuple[Taken, int]] = []
    for taken in files:
        if cancelled():
            raise StoppedError
        target = folder / taken.place
        target.parent.mkdir(parents=True, exist_ok=True)
        try:
            source = taken.path.resolve()  # a link into a cache stands for the file there
            size = source.stat().st_size
        except OSError as error:
            raise cannot_read(taken.path, error) from error
        text = target.suffix.lower() in TEXTS and size < COPIED_BELOW
        if text or not _linked(source, target):
            rest.append((Taken(source, taken.place), size))
    total = sum(size for _, size in rest)
    if total + SPARE > shutil.disk_usage(folder).free and total > SPARE:
        raise StudioError(
            f"There is not enough room on the disk: {size_words(total)} have to be copied.",
            "Make room, or choose a models folder on another disk in Settings.",
        )
    done = 0
    for taken, _size in rest:
        done = _copy(taken.path, folder / taken.place, done, total, told, cancelled)
    told(1.0)


def _linked(source: Path, target: Path) -> bool:
    """Whether the file is there now as well, without a copy."""
    try:
        os.link(source, target)
    except (OSError, NotImplementedError):
        return False  # another disk, or one that knows no links
    return True


def _copy(
    source: Path,
    target: Path,
    done: int,
    total: int,
    told: Told,
    cancelled: Callable[[], bool],
) -> int:
    """Copy one file to the disk; gives how many bytes are copied in all."""
    try:
        reader = source.open("rb")
    except OSError as error:
        raise cannot_read(source, error) from error
    with reader:
        try:
            with target.open("xb") as writer:
                while chunk := reader.read(CHUNK):
                    if cancelled():
                        raise StoppedError
                    writer.write(chunk)
                    done += len(chunk)
                    told(done / max(1, total))
                writer.flush()
                os.fsync(writer.fileno())
        except OSError as error:
            raise cannot_write(target, error) from error
    return done


def _write_texts(staged: Staged) -> None:
    """The plan's small files, and the card."""
    texts = dict(staged.plan.written)
    texts["README.md"] = card_text(staged.plan, staged.values, staged.title)
    for place, text in texts.items():
        target = staged.folder / place
        try:
            target.parent.mkdir(parents=True, exist_ok=True)
            if place == "README.md" or not target.exists():
                target.write_bytes(text.encode("utf-8", "replace"))
        except OSError as error:
            raise cannot_write(target, error) from error


def card_text(plan: Plan, values: Mapping[str, Value], name: str = "") -> str:
    """The model's card: the one that it came with, completed, or a short one that says so.

    `name` is what the model is called where that is not the plan's title.
    """
    front = {**plan.front, FINGERPRINT: plan.identity(values)}
    if "task" in values:
        front["pipeline_tag"] = str(values["task"])
    said = Card.parse(plan.card)
    own, body = "", plan.card
    text = plan.card.replace("\r\n", "\n").removeprefix("\ufeff")
    end = text.find("\n---", 3)
    if text.startswith("---\n") and end > 0:
        own, body = text[4 : end + 1], text[end + 4 :].lstrip("\n")
        if said.problem:
            own = ""  # it could not be read by anybody
    has = {
        "pipeline_tag": bool(said.pipeline_tag) and "task" not in values,
        "license": bool(said.licence),
        "source": bool(said.source),
        FINGERPRINT: False,
    }
    if name:
        own = "\n".join(line for line in own.splitlines() if not line.startswith("title:"))
    kept = [line for line in own.splitlines() if not _replaced(line, front, has)]
    lines = [f"{key}: {json.dumps(value)}" for key, value in front.items() if not has.get(key)]
    if name or not said.title:
        lines.insert(0, f"title: {json.dumps(name or plan.title, ensure_ascii=False)}")
    if not body.strip():
        body = (
            f"# {plan.title}\n\n{plan.what}. Added to Triptych on {date.today().isoformat()} from "
            f"“{plan.source.name}”, without a word on its licence and its makers.\n"
        )
    return "---\n" + "\n".join([*kept, *lines]) + "\n---\n\n" + body


def _replaced(line: str, front: Mapping[str, str], has: Mapping[str, bool]) -> bool:
    key = line.partition(":")[0]
    return key == FINGERPRINT or (key in front and not has.get(key, False))


def _move(staged: Staged) -> Path:
    """Rename the folder to the first name that is free; on Windows, as soon as it is let go of."""
    number, tries = 1, 0
    while True:
        name = staged.id if number == 1 else f"{staged.id}-{number}"
        target = staged.models / name
        if target.exists() or _taken(staged.models, name):
            number += 1
            continue
        try:
            staged.folder.rename(target)
        except OSError:
            tries += 1
            if not target.exists() and tries >= _TRIES:
                raise
            time.sleep(0.1)
            continue
        sync_folder(staged.models)
        return target


def _taken(models: Path, name: str) -> bool:
    """Whether another model's name differs by case alone: on most systems they are one."""
    return any(p.name.casefold() == name.casefold() for p in models.iterdir())
