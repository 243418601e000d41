"""Settings survive whatever stands in their file, and are written whole."""

from __future__ import annotations

import errno
import json
import os
import tempfile
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from studio.core.errors import StudioError
from studio.core.recipe import DeviceChoice
from studio.core.settings import Settings, SettingsFile

OTHERS = Settings(
    theme="dark",
    provider="cpu",
    threads=3,
    memory_mb=1024,
    mark_ai=False,
    language="pt_BR",
    library_folder=str(Path.home() / "Bücher"),
    models_folder=str(Path.home() / "models"),
    desktop_notices=False,
    stay_offline=True,
    endpoint="https://models.example.org:8443/hub",
    download_connections=3,
    download_kb=250,
    downloads_folder=str(Path.home() / "downloads"),
    model_folders=(str(Path.home() / "more"), str(Path.home() / "mehr")),
    window_geometry="AdnQywAD",
    window_layout="image",
    last_values={"text.chat": {"prompt": "ein Fuchs 🦊", "temperature": 0.5, "quick": True}},
    extra={"from_the_future": [1, {"a": None}]},
)


DEEP = b'{"later": ' + b"[" * 400 + b"]" * 400 + b"}"


@pytest.fixture
def file(tmp_path: Path) -> SettingsFile:
    return SettingsFile(tmp_path / "config" / "settings.json")


def test_what_was_saved_is_loaded(file: SettingsFile) -> None:
    assert file.load() == (Settings(), ())
    file.save(OTHERS)
    assert file.load() == (OTHERS, ())
    assert [p.name for p in file.path.parent.iterdir()] == ["settings.json"]


def test_the_device_follows(file: SettingsFile) -> None:
    assert OTHERS.device == DeviceChoice("cpu", 3, 1024)
    kept = OTHERS.with_last("image.diffusion", {"steps": 4}).last_values
    assert kept == {**OTHERS.last_values, "image.diffusion": {"steps": 4}}


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("theme", "pink"),
        ("theme", ["dark"]),
        ("provider", None),
        ("threads", -1),
        ("threads", True),
        ("threads", 2.0),
        ("threads", 10**400),
        ("memory_mb", 0),
        ("mark_ai", "yes"),
        ("language", "../../etc"),
        ("library_folder", "relative/folder"),
        ("library_folder", "/a\0b"),
        ("models_folder", "/\ud800"),
        ("stay_offline", 1),
        ("endpoint", "huggingface.co"),
        ("endpoint", "ftp://models.example.org"),
        ("endpoint", "https://me:secret@models.example.org"),
        ("endpoint", "https://[::1"),
        ("endpoint", "https://models.example.org/?token=1"),
        ("endpoint", "https://models.example.org:99999"),
        ("download_connections", 0),
        ("download_kb", -1),
        ("downloads_folder", "relative/folder"),
        ("model_folders", str(Path.home())),
        ("model_folders", ["relative"]),
        ("model_folders", [""]),
        ("model_folders", [str(Path.home())] * 1000),
        ("window_geometry", {}),
        ("window_layout", "x" * 200_000),
        ("last_values", []),
    ],
)
def test_one_bad_value_costs_only_itself(file: SettingsFile, name: str, value: object) -> None:
    file.save(OTHERS)
    data = json.loads(file.path.read_text())
    file.path.write_text(json.dumps({**data, name: value}))
    loaded, notices = file.load()
    assert loaded == replace(OTHERS, **{name: getattr(Settings(), name)})
    assert len(notices) == 1
    assert name.replace("_", " ") in notices[0].message


def test_bad_last_values_cost_only_themselves(file: SettingsFile) -> None:
    file.path.parent.mkdir()
    file.path.write_text('{"last_values": {"a": {"x": 1, "y": [], "z": NaN}, "b": 3, "c": {}}}')
    loaded, notices = file.load()
    assert loaded.last_values == {"a": {"x": 1}, "c": {}}
    assert len(notices) == 1


@pytest.mark.parametrize(
    "raw", [b"", b"{", b"[]", b"\xff\xfe", b"null", b"[" * 100_000, b"\0", DEEP]
)
def test_a_broken_file_is_kept_aside(file: SettingsFile, raw: bytes) -> None:
    file.path.parent.mkdir()
    file.path.write_bytes(raw)
    loaded, notices = file.load()
    assert loaded == Settings()
    assert "settings.json.bad" in notices[0].hint
    assert file.path.with_name("settings.json.bad").read_bytes() == raw
    assert file.load() == (Settings(), ())


def test_a_folder_in_its_place_is_told(file: SettingsFile) -> None:
    file.path.mkdir(parents=True)
    loaded, notices = file.load()
    assert loaded == Settings()
    assert len(notices) == 1
    with pytest.raises(StudioError):
        file.save(OTHERS)


@pytest.mark.parametrize("code", [errno.ENOSPC, errno.EROFS, errno.EACCES, errno.EIO])
def test_a_failed_save_leaves_the_old_file(
    file: SettingsFile, monkeypatch: pytest.MonkeyPatch, code: int
) -> None:
    file.save(OTHERS)

    def fail(handle: int) -> None:
        raise OSError(code, os.strerror(code))

    monkeypatch.setattr(os, "fsync", fail)
    with pytest.raises(StudioError) as caught:
        file.save(Settings())
    assert caught.value.hint
    monkeypatch.undo()
    assert file.load() == (OTHERS, ())
    assert [p.name for p in file.path.parent.iterdir()] == ["settings.json"]


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=9), inner),
    max_leaves=8,
)
keys = st.sampled_from(list(Settings.__dataclass_fields__)) | st.text(max_size=8)


def sorted_json(value: object) -> str:
    return json.dumps(value, sort_keys=True)


@settings(max_examples=150, deadline=None)
@given(
    raw=st.binary(max_size=60)
    | st.dictionaries(keys, json_values).map(lambda d: json.dumps(d).encode())
)
def test_no_content_raises_and_what_was_loaded_can_be_saved(raw: bytes) -> None:
    with tempfile.TemporaryDirectory() as folder:
        file = SettingsFile(Path(folder) / "settings.json")
        file.path.write_bytes(raw)
        loaded, _ = file.load()
        file.save(loaded)
        again, notices = file.load()
        assert sorted_json(again.extra) == sorted_json(loaded.extra)  # NaN differs from itself
        assert replace(again, extra={}) == replace(loaded, extra={})
        assert not notices
