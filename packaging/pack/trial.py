"""One program tried in one room by one person: started, typed into, looked at, killed."""

from __future__ import annotations

import os
import re
import signal
import sqlite3
import statistics
import subprocess
import tempfile
import time
import traceback
from collections.abc import Callable, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path

from pack.hands import Screen, until
from pack.rooms import MAKER, Room
from pack.workshop import say

WISHES = {"text": "a little fox", "image": "red apple", "audio": "a merry jig in D"}
PROMPTS = {"text": (280, 112), "image": (674, 112), "audio": (1073, 112)}
"""Where on the screen the prompts are while all three panes are shown."""
AGAIN = 15.0
"""Seconds after which a wish is made once more where nothing has come of it."""
SUFFIXES = {"text": ".md", "image": ".png", "audio": ".wav"}
STARTS = 5
DATA = ".local/share/Triptych"
"""Where a Linux desktop keeps what a program made, below the home."""


class Told:
    """What was seen and measured, for people."""

    def __init__(self) -> None:
        self._lines: list[str] = []
        self._results: list[str] = []

    def note(self, words: str) -> None:
        say(words)
        self._lines.append(f"- {words}")

    def measure(self, what: str, value: float, unit: str) -> None:
        self.note(f"{what}: {value:.2f} {unit}")

    def run(self, parts: Mapping[str, Callable[[], None]]) -> bool:
        """Run each part; whether all of them held."""
        failed = 0
        for name, part in parts.items():
            start = time.monotonic()
            try:
                part()
                word = "held"
            except Exception:
                traceback.print_exc()
                failed += 1
                word = "FAILED"
            self._results.append(f"| {name} | {word} | {time.monotonic() - start:.0f} s |")
            say(self._results[-1])
        print(f"{len(parts) - failed} passed, {failed} failed")
        return not failed

    def page(self) -> str:
        """All of it as Markdown."""
        head = ["# What was tried", "", "| part | | took |", "|---|---|---|"]
        return "\n".join([*head, *self._results, "", *self._lines, ""])


@dataclass(frozen=True)
class Shelf:
    """What a library holds, read from outside."""

    path: Path
    items: int
    jobs: int
    files: frozenset[str]

    def raise_version(self) -> None:
        """Have the database say that a much newer program made it."""
        self._set(lambda version: version + 90)

    def lower_version(self) -> None:
        self._set(lambda version: version - 90)

    def _set(self, change: Callable[[int], int]) -> None:
        with closing(sqlite3.connect(self.path, isolation_level=None)) as db:
            (version,) = db.execute("PRAGMA user_version").fetchone()
            db.execute(f"PRAGMA user_version = {change(version)}")
        for file in self.path.parent.glob(f"{self.path.name}*"):
            os.chown(file, MAKER, MAKER)


def library_of(home: Path) -> Shelf:
    """The library below a home. Raises AssertionError where there is none."""
    folder = home / DATA / "library"
    path = folder / "library.sqlite3"
    with closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True)) as db:
        (items,) = db.execute("SELECT count(*) FROM item").fetchone()
        (jobs,) = db.execute("SELECT count(*) FROM job").fetchone()
    files = {p.name for p in (folder / "items").rglob("*") if p.is_file()}
    return Shelf(path, items, jobs, frozenset(files))


def kinds_made(home: Path) -> set[str]:
    """Of which kinds there is a file in the library below a home."""
    files = [p.suffix for p in (home / DATA / "library" / "items").rglob("*") if p.is_file()]
    return {kind for kind, suffix in SUFFIXES.items() if suffix in files}


@dataclass
class Trial:
    """A room, a screen, and the program that runs between them."""

    room: Room
    screen: Screen
    told: Told
    shots: Path
    version: str
    mounts: str = ""
    shown_after: float = 0.0
    """Seconds from the start until the window could be seen."""
    trace: Path = field(default_factory=lambda: Path(tempfile.mkstemp(suffix=".strace")[1]))
    _process: subprocess.Popen[bytes] | None = None

    def open(
        self, command: Sequence[str], *, title: str = "Triptych", traced: bool = False
    ) -> None:
        """Start the window and wait until it stands and has the keyboard."""
        argv = self.room.argv(command, mounts=self.mounts)
        if traced:
            options = ["-f", "--seccomp-bpf", "-qq", "-y", "-s", "4096", "-e", f"trace={_CALLS}"]
            argv = ["strace", *options, "-o", str(self.trace), *argv]
        start = time.monotonic()
        self._process = subprocess.Popen(argv, start_new_session=True)
        until(lambda: self.screen.windows(title) or not self.alive(), "the window does not come")
        self.shown_after = time.monotonic() - start
        assert self.alive(), "the program ended at once"
        time.sleep(3.0)  # its panes are built after its first paint
        self.screen.focus(title)

    def alive(self) -> bool:
        return self._process is not None and self._process.poll() is None

    def make_all_three(self) -> None:
        for kind, wish in WISHES.items():
            self.make(kind, wish)

    def make(self, kind: str, wish: str, *, wait: bool = True) -> None:
        """A click into a pane's prompt, a wish typed, and the key that makes it."""
        before = self._count(kind)
        self.screen.click(*PROMPTS[kind])
        self.screen.press("ctrl+a")
        self.screen.write(wish)
        self.screen.press("ctrl+Return")
        pressed = time.monotonic()

        def made() -> bool:
            nonlocal pressed
            # An engine that has not said what it can do yet is asked again: a person would.
            if time.monotonic() - pressed > AGAIN and not library_of(self.room.outside).jobs:
                pressed = time.monotonic()
                self.screen.press("ctrl+Return")
            return self._count(kind) > before

        if wait:
            until(made, f"no {kind} was made")

    def queue_pictures(self, number: int) -> int:
        """Wish for pictures faster than they can be made; gives how many."""
        self.screen.click(*PROMPTS["image"])
        self.screen.press("ctrl+a")
        self.screen.write(WISHES["image"])

        def queued() -> bool:
            # The first presses may come before the engine has said what it can do.
            self.screen.press(*["ctrl+Return"] * number)
            return library_of(self.room.outside).jobs >= number

        until(queued, "nothing is queued")
        return number

    def close(self) -> None:
        """Quit by its key, and wait until all of it has ended."""
        self.screen.press("ctrl+q")
        self._wait_for_the_end()
        assert self._process is not None
        assert self._process.returncode == 0, f"it ended with {self._process.returncode}"

    def end(self) -> None:
        """Ask it to end, as a session does."""
        assert self._process is not None
        self._process.send_signal(signal.SIGTERM)
        self._wait_for_the_end()

    def kill(self) -> None:
        """Kill -9 of the window alone; its engines have to notice by themselves."""
        assert self._process is not None
        self._process.kill()
        self._wait_for_the_end()

    def __enter__(self) -> Trial:
        return self

    def __exit__(self, kind: object, *_: object) -> None:
        """Leave nothing behind; where something failed, a picture of how it looked."""
        if kind is not None:
            self.screen.shoot(self.shots / f"failed-{self.room.root.name}.png")
        if self.alive():
            assert self._process is not None
            os.killpg(self._process.pid, signal.SIGKILL)
            self._process.wait()

    def _wait_for_the_end(self) -> None:
        assert self._process is not None
        self._process.wait(60)
        until(lambda: not self._left(), "processes were left behind", 30)

    def _left(self) -> list[str]:
        """Processes that run in the room."""
        found = []
        for entry in Path("/proc").iterdir():
            if entry.name.isdigit():
                try:
                    if (entry / "root").readlink() == self.room.root:
                        found.append(entry.name)
                except OSError:
                    continue
        return found

    def _count(self, kind: str) -> int:
        items = self.room.outside / DATA / "library" / "items"
        return sum(p.suffix == SUFFIXES[kind] for p in items.rglob("*"))


_CALLS = "open,openat,creat,mkdir,mkdirat,rename,renameat,renameat2,symlink,symlinkat,link,linkat"
"""Of the kernel, that make a file or open one for writing."""
_WRITES = re.compile(r"^\d+\s+(?P<call>\w+)\((?P<rest>.*)\)\s+=\s+(?P<result>-?\d+)")
_QUOTED = re.compile(r'"((?:[^"\\]|\\.)*)"')
_ALLOWED = (".config", ".local/share", ".local/state", ".cache")


def describe_writes(trace: Path, room: Room) -> list[str]:
    """What a trace tells of files made or opened for writing outside the person's own folders."""
    allowed = [f"{room.home}/{name}" for name in _ALLOWED]
    allowed += [f"/run/user/{MAKER}", "/dev/", "/proc/self/", "/proc/"]
    found: set[str] = set()
    inside = False
    for line in trace.read_text("utf-8", "replace").splitlines():
        # What happens before the person's program is started is the room's own furnishing.
        match = _WRITES.match(line)
        if match is None or int(match["result"]) < 0:
            continue
        call, rest = match["call"], match["rest"]
        if not inside:
            inside = "base_library.zip" in rest or "/opt/triptych" in rest
            continue
        if call in ("open", "openat") and not re.search(r"O_(WRONLY|RDWR|CREAT|TRUNC)", rest):
            continue
        for quoted in _QUOTED.findall(rest):
            path = quoted.encode("latin-1", "replace").decode("unicode_escape", "replace")
            path = path.encode("latin-1", "replace").decode("utf-8", "replace")
            if path.startswith("/") and not _may(path, allowed, room):
                found.add(f"{call} {path}")
    return sorted(found)


def _may(path: str, allowed: list[str], room: Room) -> bool:
    """Whether a path is a person's own, on the way there, or Python's look at the temporary folder.

    tempfile tries the folder with a file of eight letters, which is gone at once.
    """
    if path.startswith(tuple(allowed)) or any(a.startswith(f"{path}/") for a in allowed):
        return True
    probe = re.fullmatch(r"/(var/)?tmp/[a-z0-9_]{8}", path)
    return probe is not None and not (room.root / path.removeprefix("/")).exists()


def quick_start(
    screen: Screen, commands: Mapping[str, Sequence[str]], folder: Path
) -> dict[str, float]:
    """Median seconds from the start of each program until its window can be seen, by turns."""
    taken: dict[str, list[float]] = {name: [] for name in commands}
    with tempfile.TemporaryDirectory() as home:
        for number in range(STARTS + 1):
            for name, command in commands.items():
                environment = {
                    **os.environ,
                    "DISPLAY": screen.name,
                    "TRIPTYCH_HOME": f"{home}/{name}",
                    "QT_QPA_PLATFORM": "xcb",
                }
                start = time.monotonic()
                process = subprocess.Popen(command, env=environment, cwd=folder)
                while not screen.windows():
                    assert process.poll() is None, f"{name} ended at once"
                if number:  # the first only fills the disk's cache
                    taken[name].append(time.monotonic() - start)
                time.sleep(2)
                process.terminate()
                process.wait(60)
                until(lambda: not screen.windows(), "the window stays")
    return {name: statistics.median(values) for name, values in taken.items()}
