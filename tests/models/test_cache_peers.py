"""What is kept here stays good for huggingface_hub itself, and what that does is seen here."""

from __future__ import annotations

from pathlib import Path

import pytest

from studio.models import Store, keep
from tests.models.caches import FIRST, SECOND, files_of, put
from tests.models.test_cache import graph_set
from tests.models.test_keep import model_of, names, whole
from tests.models.test_store import CARD, ONNX, language_model

OTHER = {"model.onnx": ONNX + b"\x12\0"}


@pytest.fixture
def hub(tmp_path: Path) -> Path:
    words = language_model(tmp_path / "words", CARD)
    hub = tmp_path / "hub"
    put(hub, "acme/go", graph_set(tmp_path, "", "q4"), "3" * 40)
    put(hub, "acme/words", files_of(words), shared=True)
    put(hub, "acme/words", {**files_of(words), **OTHER}, SECOND)
    return hub


@pytest.fixture
def store(hub: Path, tmp_path: Path) -> Store:
    return Store([tmp_path / "starters", tmp_path / "own"], [hub])


def scanned(hub: Path) -> tuple[dict[str, int], list[str]]:
    """What huggingface_hub finds: repositories with their revisions, and what it complains of."""
    from huggingface_hub import scan_cache_dir

    info = scan_cache_dir(hub)
    complaints = [str(w) for w in info.warnings if ".triptych-removed" not in str(w)]
    return {r.repo_id: len(r.revisions) for r in info.repos}, complaints


def loaded(hub: Path, repo: str, name: str) -> bytes:
    """A file as any program gets it that may not use the network."""
    from huggingface_hub import hf_hub_download

    return Path(hf_hub_download(repo, name, cache_dir=hub, local_files_only=True)).read_bytes()


def test_other_programs_find_what_is_left_and_what_is_back(store: Store, hub: Path) -> None:
    assert scanned(hub) == ({"acme/go": 1, "acme/words": 2}, [])
    store.opened(model_of(store, "acme/go:q4"))
    variant = keep.remove(model_of(store, "acme/go:q4"))
    older = keep.remove(model_of(store, "acme/words"), revision=FIRST)
    assert scanned(hub) == ({"acme/go": 1, "acme/words": 1}, [])
    assert loaded(hub, "acme/words", "model.onnx") == OTHER["model.onnx"]
    keep.undo(older.token)
    keep.undo(variant.token)
    assert scanned(hub) == ({"acme/go": 1, "acme/words": 2}, [])
    whole_one = keep.remove(model_of(store, "acme/words"))
    assert scanned(hub) == ({"acme/go": 1}, [])
    keep.undo(whole_one.token)
    assert loaded(hub, "acme/words", "model.onnx") == OTHER["model.onnx"]


def test_other_programs_find_what_was_moved(store: Store, hub: Path, tmp_path: Path) -> None:
    own = tmp_path / "own"
    keep.move(model_of(store, "acme/words"), own)
    assert scanned(own) == ({"acme/words": 2}, [])
    assert scanned(hub) == ({"acme/go": 1}, [])
    assert loaded(own, "acme/words", "model.onnx") == OTHER["model.onnx"]


def test_what_other_programs_delete_is_gone_here(store: Store, hub: Path) -> None:
    from huggingface_hub import scan_cache_dir

    store.opened(model_of(store, "acme/words"))
    store.installed()
    scan_cache_dir(hub).delete_revisions(SECOND).execute()
    model = model_of(store, "acme/words")
    assert (model.revision, model.problem) == (FIRST, "")
    assert whole(store, "acme/words")
    assert (store.opened(model) / "model.onnx").read_bytes() == ONNX
    scan_cache_dir(hub).delete_revisions(FIRST).execute()
    assert names(store) == {"acme/go:onnx", "acme/go:q4"}
    assert store.find("acme/words") is None
    assert not (hub / "models--acme--words").exists()


def test_shared_blobs_that_wait_in_the_trash_survive_other_programs(
    store: Store, hub: Path
) -> None:
    from huggingface_hub.utils import _shared_blobs

    done = keep.remove(model_of(store, "acme/words"))
    assert _shared_blobs.unreferenced_shared_blobs(hub)
    for payload in _shared_blobs.unreferenced_shared_blobs(hub):
        _shared_blobs.sweep_shared_blob(payload, cache_dir=hub)
    assert not _shared_blobs.shared_store_blob_paths(hub)
    keep.undo(done.token)
    assert whole(store, "acme/words")
    keep.remove(model_of(store, "acme/words"))
    keep.empty_trash([hub])
    assert not _shared_blobs.shared_store_blob_paths(hub)
