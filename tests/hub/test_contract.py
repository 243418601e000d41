"""The real client of huggingface_hub works against the test hub, unchanged."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path
from typing import Any

import pytest

from tests.hub import Hub, Noise
from tests.hub.content import Source

CARD = (
    """---
license: apache-2.0
pipeline_tag: text-generation
library_name: transformers.js
language: [en, de]
base_model: acme/parent
tags: [chat]
---
# A model
"""
    + "It says things. " * 200
)
TOKEN = "hf_onlyForThisHub"


@pytest.fixture
def api(hub: Hub, client: None) -> Any:
    from huggingface_hub import HfApi

    return HfApi(endpoint=hub.endpoint, token=False)


def _fill(hub: Hub, count: int = 1) -> None:
    for number in range(count):
        files: dict[str, Source] = {
            "README.md": CARD,
            "config.json": '{"model_type": "llama", "architectures": ["LlamaForCausalLM"]}',
            "onnx/model.onnx": Noise(300_000 + number, number),
            "onnx/model_q4.onnx": Noise(100_000, 100 + number),
        }
        hub.add(f"acme/model-{number}", files, downloads=10 * number, likes=50 - number)


def test_search(hub: Hub, api: Any) -> None:
    _fill(hub, 7)
    hub.add("other/voice", {"README.md": "---\npipeline_tag: text-to-speech\n---\n"}, downloads=5)
    hub.page = 3

    found = list(api.list_models(sort="downloads"))
    assert [m.downloads for m in found] == [60, 50, 40, 30, 20, 10, 5, 0]
    assert len(hub.log.all()) == 3, "pages of three were followed through their links"
    assert [m.id for m in api.list_models(sort="likes", limit=2)] == [
        "acme/model-0",
        "acme/model-1",
    ]
    assert [m.id for m in api.list_models(search="MODEL 3")] == ["acme/model-3"]
    assert [m.id for m in api.list_models(pipeline_tag="text-to-speech")] == ["other/voice"]
    assert [m.id for m in api.list_models(author="other")] == ["other/voice"]
    tagged = api.list_models(filter=["transformers.js", "license:apache-2.0"])
    assert len(list(tagged)) == 7
    assert not list(api.list_models(filter=["transformers.js", "license:mit"]))

    listed = next(iter(api.list_models(search="model-1")))
    assert (listed.pipeline_tag, listed.library_name) == ("text-generation", "transformers.js")
    assert {"onnx", "chat", "en", "base_model:acme/parent"} <= set(listed.tags)
    assert (listed.sha, listed.card_data, listed.siblings) == (None, None, None)
    full = next(iter(api.list_models(search="model-1", full=True, cardData=True)))
    assert full.sha == hub.repo("acme/model-1").head.sha
    assert full.card_data.license == "apache-2.0"
    assert "onnx/model.onnx" in [s.rfilename for s in full.siblings]
    expanded = next(iter(api.list_models(search="model-1", expand=["downloads", "gated"])))
    assert (expanded.downloads, expanded.gated, expanded.likes) == (10, False, None)


def test_page(hub: Hub, api: Any) -> None:
    from huggingface_hub.errors import BadRequestError

    _fill(hub)
    repo = hub.repo("acme/model-0")
    repo.unsafe["onnx/model.onnx"] = "suspicious"

    told = api.model_info("acme/model-0", files_metadata=True, securityStatus=True)
    assert told.sha == repo.head.sha
    assert told.config["model_type"] == "llama"
    assert told.card_data.base_model == "acme/parent"
    assert told.security_repo_status["filesWithIssues"][0]["path"] == "onnx/model.onnx"
    files = {s.rfilename: s for s in told.siblings}
    assert files["onnx/model.onnx"].lfs.sha256 == Noise(300_000, 0).sha256
    assert files["onnx/model.onnx"].size == 300_000
    assert files["config.json"].lfs is None
    data = repo.head.files["config.json"].content.read()
    assert files["config.json"].blob_id == hashlib.sha1(b"blob 62\0" + data).hexdigest()
    assert api.model_info("acme/model-0", expand=["baseModels"]).base_models is not None
    with pytest.raises(BadRequestError):
        api.model_info("acme/model-0", expand=["nonsense"])


def test_tree(hub: Hub, api: Any) -> None:
    from huggingface_hub.errors import RemoteEntryNotFoundError

    _fill(hub)
    hub.repo("acme/model-0").commit({f"many/{n:04}.txt": f"{n}" for n in range(130)})
    hub.page = 40
    flat = {e.path: e for e in api.list_repo_tree("acme/model-0")}
    assert set(flat) == {"README.md", "config.json", "many", "onnx"}
    below = [e.path for e in api.list_repo_tree("acme/model-0", "onnx")]
    assert below == ["onnx/model.onnx", "onnx/model_q4.onnx"]
    every = list(api.list_repo_tree("acme/model-0", recursive=True))
    assert len(every) == 130 + 4 + 2
    assert len({e.path for e in every}) == len(every)
    q4 = next(e for e in every if e.path == "onnx/model_q4.onnx")
    assert (q4.lfs.size, q4.lfs.sha256) == (100_000, Noise(100_000, 100).sha256)
    expanded = {e.path: e for e in api.list_repo_tree("acme/model-0", recursive=True, expand=True)}
    assert len(expanded) == len(every)
    assert expanded["config.json"].security.safe
    assert expanded["config.json"].last_commit.title == "Update"
    asked = api.get_paths_info("acme/model-0", ["config.json", "onnx", "not there"])
    assert [e.path for e in asked] == ["config.json", "onnx"]
    with pytest.raises(RemoteEntryNotFoundError):
        list(api.list_repo_tree("acme/model-0", "nowhere"))


def test_revisions(hub: Hub, api: Any, tmp_path: Path) -> None:
    from huggingface_hub.errors import RevisionNotFoundError

    repo = hub.add("acme/moves", {"config.json": "1"})
    first = repo.head.sha
    repo.tag("v1")
    second = repo.commit({"config.json": "2"}, title="Better")
    repo.commit({"config.json": "3"}, branch="try/out")

    refs = api.list_repo_refs("acme/moves")
    assert {b.name: b.target_commit for b in refs.branches}["main"] == second
    assert [(t.name, t.target_commit) for t in refs.tags] == [("v1", first)]
    assert [c.title for c in api.list_repo_commits("acme/moves")] == ["Better", "initial commit"]
    for revision, text in ((first, "1"), ("v1", "1"), ("main", "2"), ("try/out", "3")):
        got = api.hf_hub_download(
            "acme/moves", "config.json", revision=revision, cache_dir=tmp_path
        )
        assert Path(got).read_text() == text
    assert (tmp_path / "models--acme--moves" / "refs" / "v1").read_text() == first
    with pytest.raises(RevisionNotFoundError):
        api.model_info("acme/moves", revision="v9")


def test_download(hub: Hub, api: Any, tmp_path: Path) -> None:
    from huggingface_hub.errors import RemoteEntryNotFoundError

    _fill(hub)
    repo = hub.repo("acme/model-0")
    hub.user(TOKEN)
    where = Path(api.snapshot_download("acme/model-0", cache_dir=tmp_path, token=TOKEN))
    assert where.name == repo.head.sha
    for path, blob in repo.head.files.items():
        assert (where / path).read_bytes() == blob.content.read()
        assert os.path.realpath(where / path).endswith(blob.etag)
    assert not hub.log.leaks(TOKEN), "the client sends no token to the other host"
    brought = hub.log.bytes_of("acme/model-0", "onnx/model.onnx")
    assert [(s.server, s.host.split(":")[0], s.sent) for s in brought] == [
        ("cdn", "localhost", 300_000)
    ]
    assert {s.token for s in hub.log.all() if s.server == "hub"} == {TOKEN}
    assert hub.log.twice() == 0
    with pytest.raises(RemoteEntryNotFoundError):
        api.hf_hub_download("acme/model-0", "nothing.bin", cache_dir=tmp_path)


def test_only_some(hub: Hub, api: Any, tmp_path: Path) -> None:
    _fill(hub)
    where = api.snapshot_download("acme/model-0", allow_patterns="onnx/*q4*", cache_dir=tmp_path)
    files = [p.name for p in Path(where).rglob("*") if p.is_file()]
    assert files == ["model_q4.onnx"]


def test_who(hub: Hub, api: Any, tmp_path: Path) -> None:
    from huggingface_hub.errors import (
        DisabledRepoError,
        GatedRepoError,
        HfHubHTTPError,
        RepositoryNotFoundError,
    )

    hub.add("acme/gated", {"README.md": CARD, "config.json": "{}"}, gated="manual")
    hub.add("acme/own", {"config.json": "{}"}, private=True)
    hub.add("acme/off", {"config.json": "{}"}, disabled=True)
    hub.user(TOKEN, "ann", "acme/gated", "acme/own")
    hub.user("hf_stranger", "bob")

    assert api.whoami(token=TOKEN)["name"] == "ann"
    with pytest.raises(HfHubHTTPError, match="Invalid user token"):
        api.whoami(token="hf_wrong")
    assert api.model_info("acme/gated").gated == "manual"
    assert {m.id for m in api.list_models()} == {"acme/gated", "acme/off"}
    assert "acme/own" in {m.id for m in api.list_models(token=TOKEN)}

    def get(repo: str, token: Any) -> Any:
        return api.hf_hub_download(repo, "config.json", token=token, cache_dir=tmp_path)

    with pytest.raises(GatedRepoError, match="Please log in"):
        get("acme/gated", False)
    with pytest.raises(GatedRepoError, match="authorized list"):
        get("acme/gated", "hf_stranger")
    api.auth_check("acme/gated", token=TOKEN)
    assert Path(get("acme/gated", TOKEN)).read_text() == "{}"
    for token in (False, "hf_stranger"):
        with pytest.raises(RepositoryNotFoundError):
            api.model_info("acme/own", token=token)
        with pytest.raises(RepositoryNotFoundError):
            api.model_info("acme/never-was", token=token)
    assert Path(get("acme/own", TOKEN)).read_text() == "{}"
    with pytest.raises(DisabledRepoError):
        api.model_info("acme/off")
    assert not hub.log.leaks(TOKEN)


def test_renamed(hub: Hub, api: Any, tmp_path: Path) -> None:
    _fill(hub)
    hub.rename("acme/model-0", "acme/better-name")
    assert api.model_info("acme/model-0").id == "acme/better-name"
    got = api.hf_hub_download("acme/model-0", "onnx/model.onnx", cache_dir=tmp_path)
    assert Path(got).stat().st_size == 300_000


def test_a_cut_is_mended(hub: Hub, api: Any, tmp_path: Path) -> None:
    hub.add("acme/big", {"model.onnx": Noise(24 << 20, 3)})
    cut = hub.fault("cut", path="model.onnx", after=15 << 20, times=1)
    got = api.hf_hub_download("acme/big", "model.onnx", cache_dir=tmp_path)
    assert cut.hits == 1
    assert hashlib.sha256(Path(got).read_bytes()).hexdigest() == Noise(24 << 20, 3).sha256
    first, second = hub.log.bytes_of()
    # The client keeps whole pieces of 10 MiB only.
    assert (second.headers["range"], second.status) == (f"bytes={10 << 20}-", 206)
    assert (first.sent, second.start, second.sent) == (15 << 20, 10 << 20, 14 << 20)
    assert hub.log.twice() == 5 << 20


def test_too_many_requests(hub: Hub, api: Any) -> None:
    _fill(hub)
    busy = hub.fault("status", on="api", status=429, seconds=0.01, times=1)
    assert [m.id for m in api.list_models()] == ["acme/model-0"]
    assert busy.hits == 1


def test_xet_is_told_and_not_needed(
    hub: Hub, api: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from huggingface_hub import constants, get_hf_file_metadata

    monkeypatch.setattr(constants, "HF_HUB_DISABLE_XET", True)
    hub.xet = True
    _fill(hub)
    url = f"{hub.endpoint}/acme/model-0/resolve/main/onnx/model.onnx"
    told = get_hf_file_metadata(url, token=False)
    assert told.xet_file_data is not None
    entry = next(e for e in api.list_repo_tree("acme/model-0", "onnx"))
    assert entry.xet_hash == told.xet_file_data.file_hash
    got = api.hf_hub_download("acme/model-0", "onnx/model.onnx", cache_dir=tmp_path)
    assert Path(got).stat().st_size == 300_000
