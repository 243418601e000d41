"""One program for one data folder: a second start hands over to the first."""

from __future__ import annotations

import hashlib
import json
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from PySide6.QtCore import QLockFile, QObject, Signal

from studio.core.errors import StudioError
from studio.core.paths import Paths

if TYPE_CHECKING:
    from PySide6.QtNetwork import QLocalServer

WAIT_MS = 2_000
MAX_MESSAGE = 1 << 20


class Single(QObject):
    """The hold on a data folder, and the ear for later starts.

    The lock decides (it survives a crash: a dead holder's lock is taken over); the local socket
    only carries the wish of the second start.
    """

    called = Signal(object)
    """tuple[Path, ...]: somebody started the program again, with these files."""

    def __init__(self, paths: Paths, parent: QObject | None = None) -> None:
        super().__init__(parent)
        paths.data.mkdir(parents=True, exist_ok=True)
        self._folder = paths.data
        self._lock = QLockFile(str(paths.data / "triptych.lock"))
        self._lock.setStaleLockTime(0)  # a long night of work is not a stale lock
        where = str(paths.data.resolve()).encode("utf-8", "surrogateescape")
        self._name = _socket(f"triptych-{hashlib.sha256(where).hexdigest()[:24]}")
        self._server: QLocalServer | None = None

    def take(self) -> bool:
        """Whether the data folder is ours now. Raises StudioError where nothing can be written."""
        if self._lock.tryLock(0):
            return True
        if self._lock.error() == QLockFile.LockError.LockFailedError:
            return False
        raise StudioError(
            f"The folder {self._folder} cannot be written to.",
            "Check that you may write there and that the disk is not full.",
        )

    def listen(self) -> None:
        """Hear later starts. Apart from `take`, so that the window can stand before."""
        from PySide6.QtNetwork import QLocalServer

        server = QLocalServer(self)
        server.setSocketOptions(QLocalServer.SocketOption.UserAccessOption)
        QLocalServer.removeServer(self._name)  # of a program that was killed
        server.newConnection.connect(self._heard)
        server.listen(self._name)
        self._server = server

    def call(self, files: Sequence[Path] = ()) -> bool:
        """Ask the first one to come to front with these files; False where it does not answer."""
        from PySide6.QtNetwork import QLocalSocket

        socket = QLocalSocket()
        socket.connectToServer(self._name)
        if not socket.waitForConnected(WAIT_MS):
            return False
        words = json.dumps([str(f.resolve()) for f in files])
        socket.write(words.encode("utf-8") + b"\n")
        socket.waitForBytesWritten(WAIT_MS)
        # The answer tells that it was heard and not only buffered for a dead one.
        heard = socket.waitForReadyRead(WAIT_MS)
        socket.disconnectFromServer()
        return heard

    def release(self) -> None:
        """Let the next program in."""
        if self._server is not None:
            self._server.close()
        self._lock.unlock()

    def _heard(self) -> None:
        assert self._server is not None
        socket = self._server.nextPendingConnection()
        buffer = bytearray()

        def read() -> None:
            buffer.extend(socket.readAll().data())
            if b"\n" not in buffer and len(buffer) < MAX_MESSAGE:
                return
            socket.write(b"ok\n")
            socket.flush()
            self.called.emit(_paths(bytes(buffer)))

        socket.readyRead.connect(read)
        socket.disconnected.connect(socket.deleteLater)
        if socket.bytesAvailable():
            read()


def _socket(name: str) -> str:
    """Where the socket is to lie: with a desktop's other sockets, else where Qt puts it."""
    folder = os.environ.get("XDG_RUNTIME_DIR", "")
    if sys.platform.startswith("linux") and folder and os.access(folder, os.W_OK):
        return str(Path(folder) / name)
    return name


def _paths(message: bytes) -> tuple[Path, ...]:
    """The files that a second start was given; nothing of what is not that."""
    try:
        words = json.loads(message.decode("utf-8"))
    except ValueError:
        return ()
    if not isinstance(words, list):
        return ()
    return tuple(Path(w) for w in words if isinstance(w, str) and "\0" not in w)
