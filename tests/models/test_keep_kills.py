"""kill -9 at the changes that removing, having back, moving and emptying make on the disk, and at
those of what puts it right: all of it is there, or all of it is where it was to go.

With TRIPTYCH_EVERY_KILL set, at each of them.
"""

from __future__ import annotations

import os
import shutil
import signal
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from studio.models import Store, keep
from tests.models.caches import SECOND, everything, files_of, put
from tests.models.test_cache import graph_set
from tests.models.test_store import CARD, ONNX, language_model

pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="the system has no fork")

CHANGES = frozenset({"os.rename", "os.link", "os.symlink", "os.mkdir", "os.remove", "os.rmdir"})
"""Python tells of these just before it does them (its audit events)."""
EVERY = 1 if os.environ.get("TRIPTYCH_EVERY_KILL") else 9
"""At every so manyth change; all of them take minutes."""
Deed = Callable[[Store, Path], None]


def killed(deed: Callable[[], None], at: int) -> bool:
    """Do it in a process that is killed at its change number `at`; whether it came to that."""
    child = os.fork()
    if child == 0:
        count = 0

        def hear(event: str, args: tuple[object, ...]) -> None:
            nonlocal count
            writes = event == "open" and isinstance(args[2], int) and args[2] & os.O_CREAT
            if event in CHANGES or writes:
                if count == at:
                    os.kill(os.getpid(), signal.SIGKILL)
                count += 1

        sys.addaudithook(hear)
        try:
            deed()
        except BaseException:
            os._exit(1)
        os._exit(0)
    _, status = os.waitpid(child, 0)
    if os.WIFSIGNALED(status):
        assert os.WTERMSIG(status) == signal.SIGKILL
        return True
    assert os.WEXITSTATUS(status) == 0, "it failed by itself"
    return False


def stores(home: Path) -> tuple[Path, Path]:
    return home / "hub", home / "own"


def open_store(home: Path) -> Store:
    hub, own = stores(home)
    return Store([home / "starters", own], [hub])


def put_right(home: Path) -> None:
    keep.recover(stores(home))


def remove(name: str) -> Deed:
    def deed(store: Store, home: Path) -> None:
        model = store.find(name)
        assert model is not None
        keep.remove(model)

    return deed


def undo(store: Store, home: Path) -> None:
    keep.undo(keep.removed(stores(home))[0].token)


def empty(store: Store, home: Path) -> None:
    keep.empty_trash(stores(home))


def move(name: str, *, far: bool) -> Deed:
    def deed(store: Store, home: Path) -> None:
        def refuse(*args: object, **kwargs: object) -> None:
            raise OSError(18, "Invalid cross-device link")

        model = store.find(name)
        assert model is not None
        if far:
            os.link = refuse  # of this process, which ends here
        hub, own = stores(home)
        keep.move(model, own if model.place == hub else hub)

    return deed


@pytest.fixture
def template(tmp_path: Path) -> Path:
    """Three models: a folder, a repository with two variants, and one with two revisions."""
    home = tmp_path / "template"
    hub, own = stores(home)
    own.mkdir(parents=True)
    language_model(own / "stories", CARD)
    put(hub, "acme/go", graph_set(tmp_path, "", "q4"))
    words = language_model(tmp_path / "words", CARD)
    put(hub, "acme/words", files_of(words), shared=True)
    put(hub, "acme/words", {**files_of(words), "model.onnx": ONNX + b"\x12\0"}, SECOND)
    return home


CASES: dict[str, tuple[list[Deed], Deed]] = {
    "remove a folder": ([], remove("stories")),
    "remove a variant": ([], remove("acme/go:q4")),
    "remove a repository": ([], remove("acme/words")),
    "have back a folder": ([remove("stories")], undo),
    "have back a variant": ([remove("acme/go:q4")], undo),
    "have back a repository": ([remove("acme/words")], undo),
    "move a folder": ([], move("stories", far=False)),
    "move a folder far": ([], move("stories", far=True)),
    "move a variant": ([], move("acme/go:q4", far=False)),
    "move a repository far": ([], move("acme/words", far=True)),
    "empty": ([remove("acme/words"), remove("stories")], empty),
}


@pytest.mark.parametrize("case", CASES)
def test_a_kill_at_any_change_loses_nothing(
    case: str, template: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # What is killed leaves its writes to the system; only power loss would need these.
    monkeypatch.setattr(os, "fsync", lambda handle: None)
    first, deed = CASES[case]
    for step in first:
        step(open_store(template), template)
    removed = [u.model for u in keep.removed(stores(template))]
    before = everything(template)
    done = tmp_path / "done"
    shutil.copytree(template, done, symlinks=True)
    assert not killed(lambda: deed(open_store(done), done), 10_000)
    after = settled(done)
    outcomes = set()
    at = 1 + list(CASES).index(case) % EVERY
    while True:
        home = tmp_path / f"at{at}"
        shutil.copytree(template, home, symlinks=True)
        store = open_store(home)
        if not killed(lambda store=store, home=home: deed(store, home), at):  # type: ignore[misc]
            break
        killed(lambda home=home: put_right(home), at % 11)  # type: ignore[misc]
        put_right(home)
        now = everything(home)
        if now == before:
            outcomes.add("before")
        elif case == "empty":
            # What was not emptied yet can be had back whole.
            left = keep.removed(stores(home))
            assert len(left) < len(removed)
            for one in left:
                keep.undo(one.token)
                model = open_store(home).find(one.model)
                assert model is not None
                assert keep.verify(model).good
        else:
            outcomes.add("after")
            if case.startswith("move"):
                keep.empty_trash(stores(home))  # what lies elsewhere can be had back once more
            told = sorted(set(now.items()) ^ set(before.items()))
            assert settled(home) == after, f"killed at change {at}: {told}"
        shutil.rmtree(home)
        at += EVERY
    assert at > 5
    assert outcomes <= {"before", "after"}
    if EVERY == 1 and case != "empty":
        assert outcomes == {"before", "after"}


def settled(home: Path) -> dict[str, str]:
    """All that lies there, but for where what was removed lies aside."""
    return {
        name.partition("/files/")[2] if "/.triptych-removed/" in name else name: said
        for name, said in everything(home).items()
        if "/.triptych-removed" not in name or ("/files/" in name and "/shared/" not in name)
    }
