"""A tiny model that comes from the hub by the real client's own download really runs."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.engine.tiny import TINY
from tests.hub import Hub, real


def test_every_family_has_a_task() -> None:
    assert set(real.TASKS) == set(TINY)


def test_it_runs(hub: Hub, client: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ORT_DISABLE_TELEMETRY", "1")
    import numpy as np
    import onnxruntime
    from huggingface_hub import HfApi

    made = real.repository("image.upscale", tmp_path / "made")
    assert real.repository("image.upscale", tmp_path / "made").head.sha == made.head.sha
    hub.add(made)
    api = HfApi(endpoint=hub.endpoint, token=False)
    assert [m.id for m in api.list_models(filter="license:apache-2.0")] == ["tiny/image-upscale"]
    where = Path(api.snapshot_download("tiny/image-upscale", cache_dir=tmp_path / "cache"))
    session = onnxruntime.InferenceSession(where / "onnx" / "model.onnx")
    picture = np.zeros((1, 3, 8, 6), np.float32)
    assert session.run(None, {"pixel_values": picture})[0].shape == (1, 3, 16, 12)


def test_folders_in_a_repository(tmp_path: Path) -> None:
    folder = tmp_path / "chat"
    folder.mkdir()
    (folder / "genai_config.json").write_text("{}")
    made = real.repository("text.chat", folder)
    assert f"{real.DEEP['text.chat']}/genai_config.json" in made.head.files
    assert made.card()["pipeline_tag"] == "text-generation"
