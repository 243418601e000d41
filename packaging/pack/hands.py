"""A screen, a keyboard and a mouse for trying the window: Xvfb, xdotool, ImageMagick."""

from __future__ import annotations

import os
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

SIZE = (1440, 900)
PATIENCE = 240.0
"""Seconds that something on the screen may take: what is tried is whether, not how fast."""


class Screen:
    """One virtual screen, as long as it is open."""

    def __init__(self, number: int) -> None:
        self.name = f":{number}"
        # It goes on as it is when the last program has left it.
        options = ["-screen", "0", f"{SIZE[0]}x{SIZE[1]}x24", "-nolisten", "tcp", "-noreset"]
        self._server = subprocess.Popen(
            ["Xvfb", self.name, *options], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        socket = Path(f"/tmp/.X11-unix/X{number}")
        until(socket.exists, "Xvfb does not start")

    def __enter__(self) -> Screen:
        return self

    def __exit__(self, *_: object) -> None:
        self._server.terminate()
        self._server.wait()

    def do(self, *words: str, check: bool = True) -> str:
        """One call of xdotool; gives what it prints."""
        done = subprocess.run(
            ["xdotool", *words],
            capture_output=True,
            text=True,
            check=False,
            env={**os.environ, "DISPLAY": self.name},
        )
        assert not check or done.returncode == 0, f"xdotool {words}: {done.stderr}"
        return done.stdout.strip()

    def windows(self, title: str = "Triptych") -> list[str]:
        """The windows that can be seen whose title holds the words."""
        found = self.do("search", "--onlyvisible", "--name", title, check=False)
        return found.split()

    def focus(self, title: str = "Triptych") -> None:
        """Give a window the keyboard: there is no window manager here that would."""
        window = self.windows(title)[-1]
        self.do("windowfocus", "--sync", window)

    def press(self, *keys: str) -> None:
        for key in keys:
            self.do("key", "--clearmodifiers", key)
            time.sleep(0.3)

    def write(self, text: str) -> None:
        self.do("type", "--delay", "40", text)

    def click(self, x: int, y: int) -> None:
        self.do("mousemove", "--sync", str(x), str(y), "click", "1")

    def shoot(self, target: Path) -> None:
        """A picture of the whole screen."""
        target.parent.mkdir(parents=True, exist_ok=True)
        subprocess.run(
            ["import", "-display", self.name, "-window", "root", str(target)], check=True
        )


def until(holds: Callable[[], object], otherwise: str, patience: float = PATIENCE) -> None:
    """Wait until something holds. Raises AssertionError with words where it never does."""
    end = time.monotonic() + patience
    while not holds():
        assert time.monotonic() < end, otherwise
        time.sleep(0.05)
