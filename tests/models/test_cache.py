"""What lies in a cache of the hub is found, told by its contents, and not believed to be whole."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from studio.core.family import FamilySpec
from studio.models import InstalledModel, Store, cache, fits, remembered
from studio.models import store as stores
from studio.models.notes import Notes
from studio.models.variants import model_name, name_parts, split
from tests.models import makers
from tests.models.caches import FIRST, SECOND, files_of, put
from tests.models.test_store import CARD, ONNX, language_model

WORDS = FamilySpec(
    id="text.chat", title="Words", kind="text", controls=(), needs=("genai_config.json",)
)


def by_id(store: Store) -> dict[str, InstalledModel]:
    return {m.id: m for m in store.installed()}


@pytest.fixture
def hub(tmp_path: Path) -> Path:
    return tmp_path / "hub"


@pytest.fixture
def store(tmp_path: Path, hub: Path) -> Store:
    return Store([tmp_path / "starters", tmp_path / "own"], [hub])


@pytest.fixture
def words(tmp_path: Path) -> Path:
    return language_model(tmp_path / "words", CARD)


def graph_set(tmp_path: Path, *forms: str) -> dict[str, bytes | Path]:
    files: dict[str, bytes | Path] = {"README.md": CARD.encode()}
    files["config.json"] = makers.config(tmp_path / "g", model_type="gpt2")
    for form in forms:
        stem = f"model_{form}" if form else "model"
        external = makers.weight("w", f"{stem}.onnx_data", 16)
        files[f"onnx/{stem}.onnx"] = makers.onnx(tmp_path / f"{stem}.onnx", weights=[external])
        files[f"onnx/{stem}.onnx_data"] = b"\0" * 16 + form.encode()
    return files


def test_what_other_programs_downloaded_is_found(store: Store, hub: Path, words: Path) -> None:
    snapshot = put(hub, "acme/words", files_of(words))
    model = by_id(store)["acme/words"]
    assert (model.repo, model.variant, model.revision) == ("acme/words", "", FIRST)
    assert (model.path, model.place) == (snapshot, hub)
    assert not model.problem
    assert model.title == "Stories for small people"
    assert model.licence == "apache-2.0"
    assert model.size == sum(p.stat().st_size for p in words.iterdir())
    assert fits(WORDS, model)
    assert store.find("acme/words") == model
    assert store.find("acme/none") is None
    assert store.find("Acme/Words") is None
    assert store.glance("acme/words") == model


def test_a_card_without_a_source_names_the_hub(store: Store, hub: Path, tmp_path: Path) -> None:
    put(hub, "acme/plain", files_of(language_model(tmp_path / "plain")))
    model = by_id(store)["acme/plain"]
    assert model.source == "https://huggingface.co/acme/plain"
    assert model.title == "plain"


def test_repositories_without_an_owner_and_of_other_sorts(
    store: Store, hub: Path, words: Path
) -> None:
    put(hub, "gpt2", files_of(words))
    for name in ("datasets--acme--texts", "spaces--acme--show"):
        (hub / name / "snapshots").mkdir(parents=True)
    (hub / "version.txt").write_text("1")
    (hub / ".locks" / "models--gpt2").mkdir(parents=True)
    assert set(by_id(store)) == {"gpt2"}
    found = store.find("gpt2")
    assert found is not None
    assert found.repo == "gpt2"


def test_the_revision_of_main_counts_where_it_is_whole(
    store: Store, hub: Path, words: Path
) -> None:
    put(hub, "acme/words", files_of(words))
    newer = put(hub, "acme/words", files_of(words), SECOND)
    assert by_id(store)["acme/words"].revision == SECOND
    assert by_id(store)["acme/words"].older == (FIRST,)
    # Another program has asked for the settings of a newer one and for nothing else.
    (newer / "model.onnx").unlink()
    model = by_id(store)["acme/words"]
    assert (model.revision, model.problem, model.older) == (FIRST, "", ())


def test_the_youngest_whole_one_counts_where_main_is_not_there(
    store: Store, hub: Path, words: Path
) -> None:
    first = put(hub, "acme/words", files_of(words), ref="")
    second = put(hub, "acme/words", files_of(words), SECOND, ref="v1")
    os.utime(first, (2_000, 2_000))
    os.utime(second, (1_000, 1_000))
    assert by_id(store)["acme/words"].revision == FIRST
    os.utime(first, (500, 500))
    assert by_id(store)["acme/words"].revision == SECOND


def test_an_older_revision_is_found_by_its_commit_and_can_be_kept_to(
    tmp_path: Path, hub: Path, words: Path
) -> None:
    notes = Notes(tmp_path / "notes.json")
    store = Store([tmp_path / "own"], [hub], notes=notes)
    put(hub, "acme/words", files_of(words))
    put(hub, "acme/words", files_of(words), SECOND)
    older = store.find(f"acme/words@{FIRST[:12]}")
    assert older is not None
    assert older.revision == FIRST
    assert store.find(f"acme/words@{'3' * 12}") is None
    Notes(tmp_path / "notes.json").keep("acme/words", FIRST)  # by another program
    assert by_id(store)["acme/words"].revision == FIRST
    found = store.find("acme/words")
    assert found is not None
    assert (found.revision, found.older) == (FIRST, (SECOND,))
    notes.keep("acme/words", "")
    assert by_id(store)["acme/words"].revision == SECOND


def test_variants_of_one_repository_are_models_of_their_own(
    store: Store, hub: Path, words: Path
) -> None:
    files = files_of(words, "cpu_and_mobile/cpu-int4") | files_of(words, "cuda/cuda-fp16")
    put(hub, "acme/words", {**files, "README.md": CARD.encode(), "config.json": b"{}"})
    models = by_id(store)
    assert set(models) == {"acme/words:cpu-int4", "acme/words:cuda-fp16"}
    model = models["acme/words:cuda-fp16"]
    assert model.path.name == "cuda-fp16"
    assert model.title == "Stories for small people (cuda-fp16)"
    assert fits(WORDS, model)
    assert store.find("acme/words:cuda-fp16") == model
    assert store.find("acme/words:cuda") is None
    either = store.find("acme/words")
    assert either is not None
    assert either.id == "acme/words:cpu-int4"


def test_a_variant_keeps_its_name_when_another_comes(
    store: Store, hub: Path, tmp_path: Path
) -> None:
    put(hub, "acme/go", graph_set(tmp_path, "q4"))
    assert set(by_id(store)) == {"acme/go:q4"}
    put(hub, "acme/go", graph_set(tmp_path, "", "q4", "fp16"))
    assert set(by_id(store)) == {"acme/go:fp16", "acme/go:onnx", "acme/go:q4"}


def test_a_job_gets_the_files_of_its_variant_alone(store: Store, hub: Path, tmp_path: Path) -> None:
    put(hub, "acme/go", graph_set(tmp_path, "", "q4"))
    model = by_id(store)["acme/go:q4"]
    assert not model.problem
    view = store.opened(model)
    assert {p.name for p in (view / "onnx").iterdir()} == {"model_q4.onnx", "model_q4.onnx_data"}
    assert (view / "config.json").is_file()
    before = view.stat().st_ino
    assert store.opened(model) == view
    assert view.stat().st_ino == before, "made once"
    assert view.name == "go-q4"


@pytest.mark.parametrize("links", [True, False], ids=["links", "no links"])
def test_a_cache_without_links_is_read_as_well(
    store: Store, hub: Path, words: Path, links: bool
) -> None:
    put(hub, "acme/words", files_of(words), links=links)
    model = by_id(store)["acme/words"]
    assert not model.problem
    assert model.size == sum(p.stat().st_size for p in words.iterdir())
    assert (store.opened(model) / "model.onnx").read_bytes() == ONNX


def test_bytes_that_others_need_are_told(store: Store, hub: Path, words: Path) -> None:
    put(hub, "acme/words", files_of(words))
    assert by_id(store)["acme/words"].shared == 0
    put(hub, "acme/words", {**files_of(words), "model.onnx": ONNX + b"\x12\0"}, SECOND)
    model = by_id(store)["acme/words"]
    assert model.shared == model.size - len(ONNX) - 2


# What is not whole


def test_a_link_to_nothing_is_told(store: Store, hub: Path, words: Path) -> None:
    snapshot = put(hub, "acme/words", files_of(words))
    (snapshot / "model.onnx").resolve().unlink()
    model = by_id(store)["acme/words"]
    assert "model.onnx" in model.problem
    assert model.hint
    assert not fits(WORDS, model)


def test_a_download_of_another_program_is_told(store: Store, hub: Path, words: Path) -> None:
    snapshot = put(hub, "acme/words", files_of(words))
    blob = (snapshot / "model.onnx").resolve()
    blob.rename(blob.with_name(f"{blob.name}.incomplete"))
    assert "has not finished" in by_id(store)["acme/words"].problem
    home = hub / "models--acme--begun"
    (home / "blobs").mkdir(parents=True)
    (home / "blobs" / ("a" * 64 + ".incomplete")).write_bytes(b"abc")
    assert "has not finished" in by_id(store)["acme/begun"].problem


def test_what_the_studio_itself_is_downloading_is_not_told_here(store: Store, hub: Path) -> None:
    home = hub / "models--acme--begun"
    (home / "blobs").mkdir(parents=True)
    (home / "blobs" / ("a" * 64 + ".triptych.part")).write_bytes(b"abc")
    assert by_id(store) == {}


def test_settings_without_weights_are_told(store: Store, hub: Path) -> None:
    put(hub, "acme/words", {"config.json": b"{}", "tokenizer.json": b"{}"})
    assert "not its weights" in by_id(store)["acme/words"].problem


def test_pickled_weights_are_told(store: Store, hub: Path) -> None:
    put(hub, "acme/words", {"config.json": b"{}", "pytorch_model.bin": b"\x80\x02}"})
    assert "pickled" in by_id(store)["acme/words"].problem


def test_a_missing_shard_is_told(store: Store, hub: Path, tmp_path: Path) -> None:
    shards = [f"model-0000{n}-of-00002.safetensors" for n in (1, 2)]
    index = {"weight_map": {"a": shards[0], "b": shards[1]}}
    files: dict[str, bytes | Path] = {
        "config.json": makers.config(tmp_path, model_type="gpt2"),
        "model.safetensors.index.json": makers.config(
            tmp_path, "model.safetensors.index.json", **index
        ),
        shards[0]: makers.safetensors(tmp_path / shards[0], {"a": (2,)}),
    }
    put(hub, "acme/words", files)
    assert shards[1] in by_id(store)["acme/words"].problem


# What is hostile


def test_links_out_of_the_repository_are_not_followed(
    store: Store, hub: Path, words: Path, tmp_path: Path
) -> None:
    secret = tmp_path / "secret.onnx"
    secret.write_bytes(ONNX)
    snapshot = put(hub, "acme/words", files_of(words))
    for target in (str(secret), os.path.relpath(secret, snapshot), "../../../../secret.onnx"):
        (snapshot / "model.onnx").unlink()
        (snapshot / "model.onnx").symlink_to(target)
        model = by_id(store)["acme/words"]
        assert "leads out" in model.problem
        assert not fits(WORDS, model)


def test_a_blob_that_leads_out_is_not_followed(
    store: Store, hub: Path, words: Path, tmp_path: Path
) -> None:
    secret = tmp_path / "secret.onnx"
    secret.write_bytes(ONNX)
    snapshot = put(hub, "acme/words", files_of(words))
    blob = hub / "models--acme--words" / "blobs" / (snapshot / "model.onnx").readlink().name
    blob.unlink()
    blob.symlink_to(secret)
    assert "leads out" in by_id(store)["acme/words"].problem
    blob.unlink()
    blob.symlink_to(blob.name)  # to itself
    assert by_id(store)["acme/words"].problem


def test_external_data_stays_in_its_repository(store: Store, hub: Path, tmp_path: Path) -> None:
    snapshot = put(hub, "acme/go", graph_set(tmp_path, "q4"))
    assert not by_id(store)["acme/go:q4"].problem
    secret = tmp_path / "secret"
    secret.write_bytes(b"\0" * 16)
    data = snapshot / "onnx" / "model_q4.onnx_data"
    data.unlink()
    data.symlink_to(secret)
    assert by_id(store)["acme/go:q4"].problem


def test_external_data_of_a_folder_that_leads_out_is_refused(tmp_path: Path) -> None:
    folder = tmp_path / "own" / "go"
    makers.config(folder, model_type="gpt2")
    makers.onnx(folder / "onnx" / "model.onnx", weights=[makers.weight("w", "w.data", 16)])
    (folder / "onnx" / "w.data").write_bytes(b"\0" * 16)
    assert not by_id(Store([tmp_path / "own"]))["go"].problem
    secret = tmp_path / "secret"
    (folder / "onnx" / "w.data").rename(secret)
    (folder / "onnx" / "w.data").symlink_to(secret)
    assert "outside its folder" in by_id(Store([tmp_path / "own"]))["go"].problem


names = st.text(
    st.sampled_from("abcM_-. /0123456789é:@\0"), min_size=1, max_size=30
) | st.sampled_from(
    ["config.json", "onnx/model.onnx", "onnx/model_q4.onnx", "genai_config.json", "a/b.onnx",
     "x.onnx.json", "model.fp16.safetensors", "unet/model.onnx", "model_index.json", "voices/a.bin",
     "model-00001-of-00002.safetensors", "x.onnx", "vae/model.safetensors", "m.onnx_data"]
)  # fmt: skip


@settings(max_examples=300, deadline=None)
@given(st.lists(names, max_size=12))
def test_variants_of_any_names_are_told_apart(found: list[str]) -> None:
    parts = split(found)
    assert len({p.id.casefold() for p in parts}) == len(parts)
    for part in parts:
        assert set(part.files) <= set(found)
        assert any(f.endswith((".onnx", ".safetensors")) for f in part.files) or (
            part.layout == "genai"
        )
        assert ":" not in part.id
        assert "@" not in part.id
        assert name_parts(model_name("a/b", part.id)) == ("a/b", part.id)
    assert split(reversed(found)) == parts


# Disks


def test_what_was_seen_is_remembered(tmp_path: Path, hub: Path, words: Path) -> None:
    put(hub, "acme/words", files_of(words))
    language_model(tmp_path / "own" / "stories", CARD)
    memory = tmp_path / "memory"
    first = Store([tmp_path / "own"], [hub], memory=memory)
    assert first.remembered() == []
    seen = first.installed()
    again = Store([tmp_path / "own"], [hub], memory=memory)
    assert again.remembered() == seen
    assert not again.looked
    assert again.installed() == seen
    assert again.looked


def test_a_model_that_has_not_changed_is_not_read_again(
    tmp_path: Path, hub: Path, words: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    snapshot = put(hub, "acme/words", files_of(words))
    memory = tmp_path / "memory"
    seen = Store([tmp_path / "own"], [hub], memory=memory).installed()
    plain = Path.open

    def refuse(self: Path, *args: object, **kwargs: object) -> object:
        assert hub not in self.parents or "refs" in self.parts, f"{self} was opened"
        return plain(self, *args, **kwargs)  # type: ignore[call-overload]

    monkeypatch.setattr(Path, "open", refuse)
    again = Store([tmp_path / "own"], [hub], memory=memory)
    assert again.installed() == seen
    assert again.find("acme/words") == seen[0]
    monkeypatch.undo()
    (snapshot / "model.onnx").unlink()
    assert again.installed()[0].problem


def test_a_disk_that_is_away_keeps_its_models_in_the_list(
    tmp_path: Path, hub: Path, words: Path
) -> None:
    put(hub, "acme/words", files_of(words))
    memory = tmp_path / "memory"
    Store([tmp_path / "own"], [hub], memory=memory).installed()
    hub.rename(tmp_path / "unplugged")
    for store in (Store([tmp_path / "own"], [hub], memory=memory),) * 2:
        model = by_id(store)["acme/words"]
        assert model.away
        assert str(hub) in model.problem
        assert "nothing of it is lost" in model.hint
        found = store.find("acme/words")
        assert found is not None
        assert found.away
    (tmp_path / "unplugged").rename(hub)
    model = by_id(store)["acme/words"]
    assert not model.away
    assert not model.problem


def test_models_of_a_disk_that_is_gone_can_be_forgotten(
    tmp_path: Path, hub: Path, words: Path
) -> None:
    put(hub, "acme/words", files_of(words))
    memory = tmp_path / "memory"
    store = Store([tmp_path / "own"], [hub], memory=memory)
    store.installed()
    hub.rename(tmp_path / "unplugged")
    store.forget(by_id(store)["acme/words"])
    assert by_id(store) == {}
    assert Store([tmp_path / "own"], [hub], memory=memory).remembered() == []


def test_a_disk_that_does_not_answer_is_waited_for_once(
    tmp_path: Path, hub: Path, words: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    put(hub, "acme/words", files_of(words))
    language_model(tmp_path / "own" / "stories", CARD)
    store = Store([tmp_path / "own"], [hub])
    store.installed()
    monkeypatch.setattr(stores, "PATIENCE", 0.2)
    hangs, asked = threading.Event(), []
    plain = Store.look

    def look(
        self: Store, place: Path, before: stores.Inside, heard: Callable[[], None]
    ) -> stores.Inside:
        if place == hub:
            asked.append(place)
            hangs.wait(30)
        return plain(self, place, before, heard)

    monkeypatch.setattr(Store, "look", look)
    try:
        for _ in range(3):
            models = by_id(store)
            assert not models["stories"].away
            assert models["acme/words"].away
            assert "does not answer" in models["acme/words"].problem
        assert asked == [hub], "a second question would hang as well"
        found = store.find("acme/words")
        assert found is not None
        assert found.away
    finally:
        hangs.set()
    monkeypatch.setattr(stores, "PATIENCE", 20.0)
    assert not by_id(store)["acme/words"].away


def test_the_usual_model_is_found_without_reading_every_disk(
    tmp_path: Path, hub: Path, words: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    language_model(tmp_path / "own" / "stories", CARD)
    put(hub, "acme/words", files_of(words))
    store = Store([tmp_path / "own"], [hub])
    read: list[Path] = []
    plain = Store.look

    def look(
        self: Store, place: Path, before: stores.Inside, heard: Callable[[], None]
    ) -> stores.Inside:
        read.append(place)
        return plain(self, place, before, heard)

    monkeypatch.setattr(Store, "look", look)
    found = store.default_for(WORDS)
    assert found is not None
    assert (found.id, read) == ("stories", [tmp_path / "own"])
    (tmp_path / "own" / "stories" / "model.onnx").unlink()
    found = store.default_for(WORDS)
    assert found is not None
    assert found.id == "acme/words"


def test_a_model_is_found_while_everything_is_looked_at(
    tmp_path: Path, hub: Path, words: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    put(hub, "acme/words", files_of(words))
    store = Store([tmp_path / "own"], [hub])
    looks, go_on = threading.Event(), threading.Event()
    plain = Store.look

    def look(
        self: Store, place: Path, before: stores.Inside, heard: Callable[[], None]
    ) -> stores.Inside:
        looks.set()
        go_on.wait(30)
        return plain(self, place, before, heard)

    monkeypatch.setattr(Store, "look", look)
    thread = threading.Thread(target=store.installed)
    thread.start()
    try:
        assert looks.wait(30)
        found = store.find("acme/words")
        assert found is not None
        assert not found.away
    finally:
        go_on.set()
        thread.join()


def test_one_repository_in_two_caches(tmp_path: Path, hub: Path, words: Path) -> None:
    other = tmp_path / "other"
    snapshot = put(hub, "acme/words", files_of(words))
    put(other, "acme/words", files_of(words))
    store = Store([tmp_path / "own"], [hub, other])
    first, twin = store.installed()
    assert (first.place, first.problem) == (hub, "")
    assert twin.place == other
    assert "two places" in twin.hint
    found = store.find("acme/words")
    assert found is not None
    assert found.place == hub
    (snapshot / "model.onnx").unlink()
    for model in (store.find("acme/words"), store.installed()[0]):
        assert model is not None
        assert (model.place, model.problem) == (other, "")


def test_caches_hold_folders_that_say_what_they_are(tmp_path: Path, hub: Path) -> None:
    language_model(hub / "stories", CARD)
    (hub / "something").mkdir()
    assert set(by_id(Store([tmp_path / "own"], [hub]))) == {"stories"}


@settings(max_examples=150, deadline=None)
@given(st.binary(max_size=60))
def test_a_damaged_memory_is_no_matter(held: Path, data: bytes) -> None:
    folder = held / "memory"
    folder.mkdir(exist_ok=True)
    for name in (remembered.FILE, "notes.json"):
        (folder / name).unlink(missing_ok=True)
        (folder / name).write_bytes(data)
    assert Store([folder / "own"], memory=folder).installed() == []
    assert Notes(folder / "notes.json").last_used("a") == ""


def test_use_is_noted(tmp_path: Path, hub: Path, words: Path) -> None:
    put(hub, "acme/words", files_of(words))
    notes = Notes(tmp_path / "notes.json")
    store = Store([tmp_path / "own"], [hub], notes=notes)
    model = by_id(store)["acme/words"]
    assert model.last_used == ""
    store.opened(model)
    again = Store([tmp_path / "own"], [hub], notes=Notes(tmp_path / "notes.json"))
    assert by_id(again)["acme/words"].last_used.startswith("20")


def test_a_repository_read_by_hand(hub: Path, words: Path) -> None:
    put(hub, "acme/words", files_of(words))
    seen = cache.read(hub / "models--acme--words")
    assert seen.id == "acme/words"
    assert seen.refs == {"main": FIRST}
    assert {e.name for e in seen.snapshots[0].entries} == {p.name for p in words.iterdir()}
