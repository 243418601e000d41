"""A hub in a process of its own does what it is told from this one."""

from __future__ import annotations

import urllib.request
from pathlib import Path

import pytest

from tests.hub import HubProcess, Noise


def test_orders(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_PROXY", "127.0.0.1,localhost")
    file = tmp_path / "file.bin"
    file.write_bytes(Noise(3 << 20, 9).read())
    with HubProcess() as hub:
        hub.add("a/b", {"big.bin": Noise(2 << 20, 4), "file.bin": file, "config.json": "{}"})
        hub.user("hf_x", "ann", "a/b")
        hub.fault("status", on="resolve", status=503, times=1)

        def get(path: str) -> bytes:
            with urllib.request.urlopen(f"{hub.endpoint}/a/b/resolve/main/{path}") as answer:
                return bytes(answer.read())

        with pytest.raises(urllib.request.HTTPError) as told:
            get("config.json")
        told.value.close()
        assert hub.hits() == [1]
        hub.calm()
        assert hub.hits() == []
        assert get("big.bin") == Noise(2 << 20, 4).read()
        assert get("file.bin") == file.read_bytes()
        assert get("config.json") == b"{}"
        assert (hub.idle(), hub.sent(), hub.twice()) == (True, (5 << 20) + 2, 0)
        assert [s.path for s in hub.seen() if s.stage == "bytes"] == [
            "big.bin",
            "file.bin",
            "config.json",
        ]
        before = hub.seen()
        hub.forget()
        assert (len(before), hub.seen()) == (7, ())
        assert len(hub.commit("a/b", {"config.json": "[]", "big.bin": None})) == 40
        assert get("config.json") == b"[]"
        hub.set(rate=1 << 20)
        hub.drop()
        with pytest.raises(urllib.request.HTTPError, match="400") as told:
            hub.set(nonsense=1)
        told.value.close()
