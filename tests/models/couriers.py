"""A courier that a test asks and hears, with the hub on the loopback."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

from studio.core.errors import StudioError
from studio.core.paths import Paths
from studio.core.settings import Settings
from studio.engine.text.chat_spec import SPEC
from studio.models.courier import Changed, Courier, Ended, Heard, Reply, Start
from studio.models.remote import Download, Machine
from tests.hub import Hub
from tests.hub.layouts import card, genai

MACHINE = Machine(memory=8 << 30)
PATIENCE = 60.0


class Told:
    """A courier and all that it said."""

    def __init__(self, home: Path, endpoint: str, **more: Any) -> None:
        self.paths = Paths.below(home)
        self.settings = replace(Settings(), endpoint=endpoint, **more)
        self.heard: list[Heard] = []
        self._lock = threading.Condition()
        start = Start(paths=self.paths, settings=self.settings, machine=MACHINE, specs=(SPEC,))
        self.courier = Courier(start, self._hear)

    def __enter__(self) -> Told:
        return self

    def __exit__(self, *error: object) -> None:
        self.courier.close()

    def ask(self, action: str, *args: object) -> Any:
        """What an action gives. Raises the StudioError that it raised."""
        return self.answer(self.courier.ask(action, *args))

    def answer(self, number: int) -> Any:
        """The answer to one question, once it is there."""

        def found() -> Reply | Ended | None:
            for said in self.heard:
                if isinstance(said, Reply) and said.id == number:
                    return said
                if isinstance(said, Ended) and number in said.asked:
                    return said
            return None

        said = self.until(found)
        value = said.error if isinstance(said, Ended) else said.value
        if isinstance(value, StudioError):
            raise value
        return value

    def until(self, found: Callable[[], Any]) -> Any:
        """What `found` gives, as soon as it gives something."""
        with self._lock:
            assert self._lock.wait_for(found, PATIENCE), self.heard
            return found()

    @property
    def downloads(self) -> tuple[Download, ...]:
        """As they were told last."""
        for said in reversed(self.heard):
            if isinstance(said, Changed):
                return said.downloads
        return ()

    def state(self, state: str) -> Download:
        """The one download, once it is in that state."""
        found: Download = self.until(
            lambda: next((d for d in self.downloads if d.state == state), None)
        )
        return found

    def ended(self, count: int) -> None:
        """Wait until it has died so many times."""
        self.until(lambda: sum(isinstance(s, Ended) for s in self.heard) >= count)

    def _hear(self, said: Heard) -> None:
        with self._lock:
            self.heard.append(said)
            self._lock.notify_all()


def chat(hub: Hub, repo: str = "a/chat", size: int = 1 << 20, **more: Any) -> int:
    """Puts a chat model on the hub whose weights are noise; gives the bytes of all its files."""
    said = card(repo, pipeline_tag="text-generation", library_name="transformers", license="mit")
    made = hub.add(repo, {**genai({"": size}), "README.md": said}, **more)
    return sum(
        blob.content.size for path, blob in made.head.files.items() if not path.endswith(".py")
    )


def gone(pid: int) -> bool:
    """Whether a process has ended, within some seconds."""
    import psutil

    until = time.monotonic() + 20
    while time.monotonic() < until:
        if not psutil.pid_exists(pid):
            return True
        time.sleep(0.05)
    return False
