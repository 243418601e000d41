"""What is done for a download, one step after the other; none of it needs to be the only one.

Each step can be done again at any time, and begins with what lies on the disk.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable, Iterable
from pathlib import Path

from studio.core.errors import StudioError
from studio.core.sizes import size_words
from studio.models.remote import RemoteFile
from studio.models.transfer.fetch import Fetch
from studio.models.transfer.journal import Checked, Journal
from studio.models.transfer.layout import Layout, TakenError, room
from studio.models.transfer.order import Order
from studio.models.transfer.part import Part, is_right, read_note
from studio.models.transfer.plan import TransferPlan

MAX_ROUNDS = 3


def look(order: Order, journal: Journal) -> tuple[dict[str, Checked], dict[str, int]]:
    """As `seen`. Raises StudioError where the cache cannot be written to."""
    order.layout.prepare()
    return seen(order, journal)


def seen(order: Order, journal: Journal) -> tuple[dict[str, Checked], dict[str, int]]:
    """The blobs that are known to be right, and how much there is of others; reads no contents."""
    remembered = journal.checked(order.plan.id)
    checked: dict[str, Checked] = {}
    parts: dict[str, int] = {}
    for blob, file in order.blobs.items():
        known = remembered.get(blob)
        if known is not None and _is_same(order, file, known):
            checked[blob] = known
        else:
            part = Part(order.layout.blob(file), file)
            count, _, _ = read_note(part.note)
            if count and part.path.exists():
                parts[blob] = min(count, file.size)
    return checked, parts


def missing(order: Order) -> int:
    """Bytes that have yet to be written, by what was last found on the disk."""
    return max(0, order.total - order.done)


def check_room(order: Order, others: Iterable[Order], reserve: int) -> None:
    """Raises StudioError where what is missing has no room beside what others still need."""
    found = sum(f.size for f in order.waiting if order.layout.find(order.plan.revision, f))
    need = missing(order) - found
    free = room(order.plan.cache) - reserve
    device = _device(order.plan.cache)
    for other in others:
        if other is not order and other.live and _device(other.plan.cache) == device:
            free -= missing(other)
    if need > max(free, 0):
        raise StudioError(
            f"There is not enough room: {size_words(need)} have to be downloaded, and"
            f" {size_words(free)} are left for them on the disk of {order.plan.cache}.",
            "Make room there, or choose another folder for models.",
        )


def bring(order: Order, file: RemoteFile, fetch: Fetch, opened: Callable[[], None]) -> Checked:
    """Have one file whole and right in the cache: what is there is read, else it is fetched.

    `opened` is called when it is known how much of it is there.

    Raises StudioError where it cannot be had, StoppedError when asked to stop, and TakenError
    while another program brings it.
    """
    with order.layout.held(file):
        part = fetch.part
        place = order.layout.find(order.plan.revision, file)
        fetch.reading = place is not None or part.note.exists()
        if place is not None and is_right(place, file, fetch.check):
            return _seen(place, fetched=False)
        try:
            part.open(fetch.check)
            fetch.reading = False
            opened()
            fetch.run()
            part.finish()
        finally:
            part.close()
        return _seen(part.blob, fetched=True)


def install(order: Order) -> bool:
    """Give all files their names in the snapshot; False where some have gone meanwhile."""
    plan, layout = order.plan, order.layout
    for blob, file in order.blobs.items():
        if blob not in order.checked or not _is_same(order, file, order.checked[blob]):
            return False
    layout.link(plan.revision, plan.files, lambda blob: order.checked[blob].fetched)
    layout.point(plan.ref, plan.revision)
    return True


def clean(plan: TransferPlan, journal: Journal, wanted: set[str]) -> None:
    """Take away what a download left that no model uses and none of the blobs in `wanted` is.

    Never raises: what cannot be taken away stays.
    """
    layout = Layout(plan.cache, plan.repo)
    checked = journal.checked(plan.id)
    with contextlib.suppress(OSError, StudioError):
        linked = layout.linked() if layout.snapshots.is_dir() else set()
        for file in {f.blob: f for f in plan.files}.values():
            if file.blob in wanted or not layout.blobs.is_dir():
                continue
            with contextlib.suppress(TakenError), layout.held(file):
                ours = file.blob in checked and checked[file.blob].fetched
                layout.remove(file, whole=ours and file.blob not in linked)
    layout.tidy()
    journal.forget_checked(plan.id)


def _seen(place: Path, *, fetched: bool) -> Checked:
    try:
        found = place.stat()
    except OSError as error:
        raise StudioError(
            f"“{place.name}” has gone again.", "Check that the disk is connected."
        ) from error
    return Checked(found.st_size, found.st_mtime_ns, fetched)


def _is_same(order: Order, file: RemoteFile, known: Checked) -> bool:
    """Whether a file still looks as it did when it was found right."""
    place = order.layout.find(order.plan.revision, file)
    if place is None:
        return False
    try:
        return place.stat().st_mtime_ns == known.changed
    except OSError:
        return False


def _device(folder: Path) -> int:
    for place in (folder, *folder.parents):
        with contextlib.suppress(OSError):
            return os.stat(place).st_dev  # noqa: PTH116 - follows links, as writing does
    return 0
