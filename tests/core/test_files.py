"""What a person is told of a disk that is full or closed is the same wherever it is noticed."""

from __future__ import annotations

import errno
import tempfile
from pathlib import Path

import pytest

from studio.cli import main as command_line
from studio.cli.files import check_destination
from studio.core.errors import StudioError
from studio.core.files import from_system, of_disk, write_atomic
from studio.engine.host import explain

FAILURES = [
    (errno.ENOSPC, "The disk is full"),
    (errno.EDQUOT, "The disk is full"),
    (errno.EROFS, "its disk is read-only"),
    (errno.EACCES, "You have no permission to write to"),
    (errno.EPERM, "You have no permission to write to"),
]


@pytest.mark.parametrize("named", [True, False])
@pytest.mark.parametrize(("code", "words"), FAILURES)
def test_everybody_says_the_same(
    code: int,
    words: str,
    named: bool,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    where = (str(tmp_path / "song.wav"),) if named else ()
    error = OSError(code, "as the system says it", *where)
    said = of_disk(error)
    assert said is not None
    assert not named or words in said.message
    again = from_system(error)
    assert (again.message, again.hint) == (said.message, said.hint)
    failed = explain(error)
    assert (failed.message, failed.hint, failed.ours) == (said.message, said.hint, False)

    def fails(*_: object) -> None:
        raise error

    monkeypatch.setattr(command_line, "parser", fails)
    assert command_line.run([]) == command_line.THEIRS
    assert capsys.readouterr().err == f"{said.message}\n{said.hint}\n"


@pytest.mark.parametrize(("code", "words"), FAILURES)
def test_the_same_before_the_work_and_after_it(
    code: int, words: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fails(*_: object, **__: object) -> None:
        raise OSError(code, "as the system says it")

    out = tmp_path / "song.wav"
    monkeypatch.setattr(tempfile, "TemporaryFile", fails)
    with pytest.raises(StudioError, match=words) as before:
        check_destination(out)
    monkeypatch.setattr(Path, "open", fails)
    with pytest.raises(StudioError) as after:
        write_atomic(out, b"1")
    assert (before.value.message, before.value.hint) == (after.value.message, after.value.hint)
    assert not list(tmp_path.iterdir())


def test_what_is_no_matter_of_the_disk_is_none() -> None:
    assert of_disk(ValueError("?")) is None
    assert of_disk(FileNotFoundError(errno.ENOENT, "No such file", "x")) is None
    assert (
        "No such file" in from_system(FileNotFoundError(errno.ENOENT, "No such file", "x")).message
    )
