"""The courier's side of its pipe: does what is asked, several things at once, and tells of it."""

from __future__ import annotations

import logging
import os
import signal
import threading
import traceback
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from multiprocessing.connection import Connection
from typing import TYPE_CHECKING

from studio.core.errors import StudioError
from studio.core.settings import Settings
from studio.models.courier_messages import (
    Ask,
    Changed,
    Close,
    Equip,
    Noted,
    Order,
    Reply,
    Start,
    Step,
    Stop,
    Use,
)
from studio.models.remote import Download

if TYPE_CHECKING:
    from studio.models.manager import Manager

log = logging.getLogger(__name__)

ACTIONS = frozenset(
    [
        "search", "page", "catalogue", "recommended", "get", "pause", "resume", "put_first",
        "cancel", "forget", "downloads", "verify", "repair", "remove", "removed", "undo",
        "empty_trash", "move", "keep_revision",
        "updates", "sign_in", "sign_out", "signed_in", "who",
    ]
)  # fmt: skip
"""What may be asked for."""
LONG = frozenset(["verify", "repair", "move", "updates"])
"""Actions that tell how far they are, and can be given up."""
AT_ONCE = 8
PACE = 0.1
"""Seconds between two words about the downloads."""
LAST_SECONDS = 3.0
"""What it may take to write everything down before the end."""


class Host:
    """Hears orders on one pipe and has a Manager do them."""

    def __init__(self, conn: Connection, start: Start) -> None:
        self._conn = conn
        self._start = start
        self._settings = start.settings
        self._saying = threading.Lock()
        self._stopped: set[int] = set()
        self._hands = ThreadPoolExecutor(AT_ONCE, thread_name_prefix="ask")
        self._news = threading.Event()
        self._manager: Manager | None = None

    def serve(self) -> None:
        """Work until the other end of the pipe is closed, or says so."""
        from studio.models.manager import Manager
        from studio.models.shelves import open_store

        start = self._start
        logging.getLogger().addHandler(_Pipe(self))
        try:
            self._manager = manager = Manager(
                start.paths,
                lambda: self._settings,
                open_store(start.paths, start.settings),
                self._told,
                machine=start.machine,
                specs=start.specs,
            )
            if start.token:
                manager.tokens.hold(start.token)
        except StudioError as error:
            self._refuse_all(error)
            return
        threading.Thread(target=self._tell, name="downloads", daemon=True).start()
        self._hands.submit(self._go_on)
        self._hands.submit(self._tidy)
        try:
            while not isinstance(order := self._conn.recv(), Close):
                self._hear(order, manager)
        except (EOFError, OSError):
            pass  # the program is gone
        threading.Timer(LAST_SECONDS, os._exit, (0,)).start()
        manager.close()
        os._exit(0)  # whatever is still asked for, there is nobody to tell

    def say(self, thing: Reply | Step | Changed | Noted) -> None:
        """Tell the program; nothing where it is gone."""
        try:
            with self._saying:
                self._conn.send(thing)
        except OSError:
            pass  # the end of the pipe is heard where it is listened to
        except Exception as error:  # what an action gave cannot cross
            if isinstance(thing, Reply):
                self.say(self._fault(thing.id, error))

    def _hear(self, order: Order, manager: Manager) -> None:
        if isinstance(order, Ask):
            self._hands.submit(self._do, order, manager)
        elif isinstance(order, Stop):
            self._stopped.add(order.id)
        elif isinstance(order, Use):
            # At once: what is asked from here on is asked with these.
            self._use(order.settings, manager)
        elif isinstance(order, Equip):
            manager.equip(order.machine, order.specs)

    def _do(self, ask: Ask, manager: Manager) -> None:
        try:
            if ask.action not in ACTIONS:
                raise ValueError(f"no such action: {ask.action}")
            work = getattr(manager, ask.action)
            if ask.action in LONG:
                work = partial(
                    work,
                    told=lambda done, total: self.say(Step(ask.id, done, total)),
                    cancelled=lambda: ask.id in self._stopped,
                )
            self.say(Reply(ask.id, work(*ask.args)))
        except StudioError as error:
            self.say(Reply(ask.id, error))
        except Exception as error:
            self.say(self._fault(ask.id, error))
        finally:
            self._stopped.discard(ask.id)
            self._news.set()

    def _fault(self, number: int, error: Exception) -> Reply:
        said = StudioError(
            "Something went wrong while Triptych was at this.",
            "Try again. The details are in the log (Settings, Folders).",
        )
        return Reply(number, said, self.hide("".join(traceback.format_exception(error))))

    def hide(self, text: str) -> str:
        """A text without the token, whoever put it there."""
        try:
            token = self._manager.tokens.get() if self._manager is not None else None
        except StudioError:
            token = None
        return text.replace(token, "***") if token else text

    def _use(self, settings: Settings, manager: Manager) -> None:
        try:
            if settings.stay_offline:
                manager.rest()  # first, so that nothing is refused in the middle
            self._settings = settings
            manager.apply()
        except StudioError as error:
            log.warning("the settings could not be applied: %s", error)
        except Exception:
            log.exception("the settings could not be applied")
        self._news.set()

    def _go_on(self) -> None:
        assert self._manager is not None
        try:
            self._manager.resume_all()
        except StudioError as error:
            log.info("downloads do not go on: %s", error)
        except Exception:
            log.exception("downloads could not go on")
        self._news.set()

    def _tidy(self) -> None:
        assert self._manager is not None
        try:
            self._manager.tidy()
        except Exception:
            log.exception("what was left of earlier could not be tidied up")

    def _told(self, download: Download) -> None:
        self._news.set()

    def _tell(self) -> None:
        assert self._manager is not None
        pause = threading.Event()
        while self._news.wait():
            self._news.clear()
            self.say(Changed(self._manager.downloads()))
            pause.wait(PACE)

    def _refuse_all(self, error: StudioError) -> None:
        """Answer everything with the one reason why nothing can be done."""
        try:
            while not isinstance(order := self._conn.recv(), Close):
                if isinstance(order, Ask):
                    self.say(Reply(order.id, error))
        except (EOFError, OSError):
            pass


class _Pipe(logging.Handler):
    """Brings warnings of this process into the program's own log."""

    def __init__(self, host: Host) -> None:
        super().__init__(logging.WARNING)
        self._host = host

    def emit(self, record: logging.LogRecord) -> None:
        try:
            text = self._host.hide(self.format(record))
            self._host.say(Noted(record.levelno, record.name, text))
        except Exception:
            self.handleError(record)


def main(conn: Connection, start: Start) -> None:
    """The courier process. `conn` is its only tie to the program."""
    os.environ.setdefault("HF_HUB_DISABLE_TELEMETRY", "1")
    # Ctrl+C in a terminal reaches the whole group; the program decides, and closes the pipe.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    Host(conn, start).serve()
