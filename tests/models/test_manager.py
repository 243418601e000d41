"""Everything that a person can ask for about models, in one process, with the hub beside it."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from studio.core.errors import StudioError
from studio.core.paths import Paths
from studio.core.settings import Settings
from studio.core.speed import Speed, save
from studio.engine.text.chat_spec import SPEC
from studio.models import catalogue
from studio.models.add import already
from studio.models.catalogue import Entry, Way
from studio.models.hub.query import Query
from studio.models.manager import Manager
from studio.models.recognise import recognise
from studio.models.remote import Account, Download
from studio.models.shelves import open_store
from studio.models.token import VARIABLES
from tests.hub import Hub
from tests.hub.layouts import card, genai, transformers
from tests.models.couriers import MACHINE, chat
from tests.models.rings import Ring, ring

__all__ = ["ring"]

TOKEN = "hf_SecretOfNobody"


class House:
    """A manager with settings that a test changes as a person does."""

    def __init__(self, home: Path, endpoint: str) -> None:
        self.paths = Paths.below(home)
        self.settings = replace(Settings(), endpoint=endpoint)
        self.told: list[Download] = []
        self._news = threading.Condition()
        store = open_store(self.paths, self.settings)
        self.manager = Manager(
            self.paths, lambda: self.settings, store, self._hear, machine=MACHINE, specs=(SPEC,)
        )

    def _hear(self, download: Download) -> None:
        with self._news:
            self.told.append(download)
            self._news.notify_all()

    def got(self, download: Download, state: str = "done") -> Download:
        """The download, once it is in that state."""

        def now() -> Download | None:
            found = [d for d in self.manager.downloads() if d.id == download.id]
            assert state == "failed" or not found or found[0].state != "failed", found
            return next((d for d in found if d.state == state), None)

        with self._news:
            assert self._news.wait_for(now, 60)
        found = now()
        assert found is not None
        return found

    def change(self, **fields: object) -> None:
        self.settings = replace(self.settings, **fields)  # type: ignore[arg-type]
        self.manager.apply()


@pytest.fixture(autouse=True)
def no_ways_around(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("HF_HUB_CACHE", "HF_HOME", "HF_ENDPOINT", "HF_HUB_OFFLINE", *VARIABLES):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("NO_PROXY", "127.0.0.1,localhost")


@pytest.fixture
def hub() -> Iterator[Hub]:
    with Hub() as running:
        yield running


@pytest.fixture
def house(hub: Hub, tmp_path: Path) -> Iterator[House]:
    made = House(tmp_path, hub.endpoint)
    yield made
    made.manager.close()


def test_the_variant_for_this_machine_is_got_and_others_by_name(hub: Hub, house: House) -> None:
    said = card("two", pipeline_tag="text-generation", library_name="transformers")
    files = genai({"cpu-int4": 300_000, "cpu-fp32": 500_000}, "llama")
    hub.add("a/two", {**files, "README.md": said})
    page = house.manager.page("a/two")
    assert {v.id for v in page.variants} == {"cpu-int4", "cpu-fp32"}
    assert page.best in ("cpu-int4", "cpu-fp32")
    first = house.got(house.manager.get("a/two"))
    assert first.variant == page.best
    other = "cpu-fp32" if page.best == "cpu-int4" else "cpu-int4"
    second = house.got(house.manager.get("a/two", other))
    assert {first.model, second.model} == {"a/two:cpu-int4", "a/two:cpu-fp32"}
    assert {m.id for m in house.manager.store.installed() if m.repo} == {first.model, second.model}
    with pytest.raises(StudioError, match="no variant “gpu”") as caught:
        house.manager.get("a/two", "gpu")
    assert "cpu-int4" in caught.value.hint
    assert [d.id for d in house.manager.downloads()] == [first.id, second.id]


def test_what_has_to_be_built_first_is_not_there_already(hub: Hub, house: House) -> None:
    config = {"model_type": "olmo2", "architectures": ["Olmo2ForCausalLM"]}
    hub.add("a/raw", {**transformers(50_000, config), "README.md": card("raw")})
    chat(hub)
    for repo, built in (("a/raw", True), ("a/chat", False)):
        (variant,) = house.manager.page(repo).variants
        assert variant.families == ("text.chat",)
        assert bool(variant.add) is built
        house.got(house.manager.get(repo))
        model = house.manager.installed(repo)
        plan = recognise(model.path)
        assert bool(plan.converter) is built
        here = already(plan, house.manager.store, plan.values({}))
        assert here == (None if built else model)


def test_what_cannot_be_run_cannot_be_got(hub: Hub, house: House) -> None:
    hub.add("a/pickled", {"pytorch_model.bin": b"\x80\x04.", "README.md": card("p")})
    with pytest.raises(StudioError) as caught:
        house.manager.get("a/pickled")
    assert caught.value.hint
    assert house.manager.downloads() == ()


def test_a_newer_revision_is_told_and_got_only_when_asked(hub: Hub, house: House) -> None:
    chat(hub)
    chat(hub, "a/still")
    first = house.got(house.manager.get("a/chat"))
    house.got(house.manager.get("a/still"))
    assert house.manager.updates() == ()
    newest = hub.repo("a/chat").commit({"README.md": card("chat", "newer words")})
    steps: list[tuple[int, int]] = []
    (update,) = house.manager.updates(told=lambda done, total: steps.append((done, total)))
    assert (update.model, update.installed, update.newest) == ("a/chat", first.revision, newest)
    assert steps == [(1, 2), (2, 2)]
    assert house.manager.installed("a/chat").revision == first.revision
    with pytest.raises(StudioError, match="cancelled"):
        house.manager.updates(cancelled=lambda: True)
    hub.log.clear()
    second = house.got(house.manager.get("a/chat", revision="main"))
    assert second.revision == newest
    # What did not change is not downloaded again.
    assert {s.path for s in hub.log.bytes_of() if s.sent > 1 << 16} == set()
    assert house.manager.installed("a/chat").revision == newest
    assert house.manager.updates() == ()
    house.manager.keep_revision("a/chat", first.revision)
    assert house.manager.installed("a/chat").revision == first.revision
    house.manager.keep_revision("a/chat", "")
    assert house.manager.installed("a/chat").revision == newest
    with pytest.raises(StudioError, match="not here at the revision"):
        house.manager.keep_revision("a/chat", "f" * 40)


def test_a_model_of_the_catalogue_keeps_to_what_the_hub_told_first(
    hub: Hub, house: House, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    entry = Entry(
        repo="a/chat", title="A chat", kind="text", task="text-generation", licence="mit",
        words="It chats.", parameters=1_000_000, families=("text.chat",),
        ways=(Way(id="", layout="genai", precision="fp32", files=("*",)),),
        examples=("Say something.",),
    )  # fmt: skip
    monkeypatch.setattr(catalogue, "entries", lambda folder: (entry,))
    chat(hub)
    (line,) = house.manager.recommended()
    assert (line.title, line.size, line.recommended) == ("A chat", None, True)
    assert line.fit is not None
    assert "tokens a second" not in line.fit.sentence
    # An engine measures the computer meanwhile.
    save(house.paths.cache, "CPUExecutionProvider", Speed({"fp32": 2e10}))
    (line,) = house.manager.recommended()
    assert line.fit is not None
    assert "tokens a second here" in line.fit.sentence
    page = house.manager.page("a/chat")
    assert (page.found.title, page.found.words) == ("A chat", "It chats.")
    assert page.examples == ("Say something.",)
    (line,) = house.manager.recommended()
    assert line.size == page.variants[0].size
    newest = hub.repo("a/chat").commit({"README.md": card("chat", "newer words")})
    assert house.manager.page("a/chat").revision == page.revision
    assert house.manager.page("a/chat", "main").revision == newest
    later = House(tmp_path, hub.endpoint)  # another run of the program
    assert later.manager.page("a/chat").revision == page.revision
    assert later.got(later.manager.get("a/chat")).revision == page.revision
    # A person who gets the newest keeps to that from then on.
    assert later.got(later.manager.get("a/chat", revision="main")).revision == newest
    later.manager.close()
    assert House(tmp_path, hub.endpoint).manager.page("a/chat").revision == newest
    # A commit that its maker took away is no dead end.
    hub.remove("a/chat")
    chat(hub, size=100_000)
    again = House(tmp_path, hub.endpoint).manager.page("a/chat")
    assert again.revision == hub.repo("a/chat").head.sha


def test_what_comes_in_is_neither_removed_nor_moved_and_what_is_used_stays(
    hub: Hub, house: House, tmp_path: Path
) -> None:
    chat(hub, size=4 << 20)
    house.got(house.manager.get("a/chat"))
    for act in (
        lambda: house.manager.remove("a/chat", ("a/chat",)),
        lambda: house.manager.move("a/chat", tmp_path / "far", ("a/chat",)),
    ):
        with pytest.raises(StudioError, match="while a job uses it"):
            act()
    hub.repo("a/chat").commit({"model.onnx": genai({"": 5 << 20})["model.onnx"]})
    hub.rate = 1_000_000
    coming = house.manager.get("a/chat", revision="main")
    house.got(coming, "running")
    with pytest.raises(StudioError, match="while it is being downloaded"):
        house.manager.remove("a/chat")
    house.manager.cancel(coming.id)
    house.got(coming, "cancelled")
    undo = house.manager.remove("a/chat")
    assert [u.token for u in house.manager.removed()] == [undo.token]
    with pytest.raises(StudioError, match="no model called"):
        house.manager.installed("a/chat")
    assert house.manager.undo(undo.token) == "a/chat"
    assert house.manager.verify("a/chat").good
    house.manager.tidy()
    house.manager.remove("a/chat")
    assert house.manager.empty_trash() > 4 << 20
    assert house.manager.removed() == ()


def test_what_is_broken_is_got_again_alone(hub: Hub, house: House) -> None:
    chat(hub)
    house.got(house.manager.get("a/chat"))
    assert house.manager.repair("a/chat") is None
    path = house.manager.installed("a/chat").path / "tokenizer.json"
    path.resolve().write_bytes(b"{}" + path.read_bytes()[2:])
    house.manager.forget("a/chat")
    hub.log.clear()
    download = house.manager.repair("a/chat")
    assert download is not None
    house.got(download)
    assert {s.path for s in hub.log.bytes_of() if s.path not in ("README.md", "config.json",
                                                                 "genai_config.json")} == {
        "tokenizer.json"}  # fmt: skip
    assert house.manager.verify("a/chat").good
    # Without the hub nothing is put aside.
    path = house.manager.installed("a/chat").path / "tokenizer.json"
    path.resolve().write_bytes(b"{}" + path.read_bytes()[2:])
    house.settings = replace(house.settings, stay_offline=True)
    with pytest.raises(StudioError, match="off the network"):
        house.manager.repair("a/chat")
    assert path.exists()


def test_folders_of_the_settings_hold_at_once(hub: Hub, house: House, tmp_path: Path) -> None:
    chat(hub)
    far = tmp_path / "far"
    house.change(downloads_folder=str(far))
    house.got(house.manager.get("a/chat"))
    assert house.manager.installed("a/chat").place == far
    house.change(downloads_folder="")
    with pytest.raises(StudioError, match="no model called"):
        house.manager.installed("a/chat")
    house.change(model_folders=(str(far),))
    assert house.manager.installed("a/chat").place == far
    with pytest.raises(StudioError, match="Another model server"):
        house.change(endpoint="https://another.example.org")


def test_speed_and_connections_follow_the_settings(hub: Hub, house: House) -> None:
    chat(hub, size=3 << 20)
    house.settings = replace(house.settings, download_kb=600, download_connections=1)
    download = house.manager.get("a/chat")
    house.got(download, "running")
    time.sleep(1.0)
    slow = next(d for d in house.manager.downloads() if d.id == download.id)
    assert slow.done < slow.total
    house.settings = replace(house.settings, download_kb=0)
    house.got(download)


def test_the_system_s_cache_is_used_where_the_environment_names_it(
    hub: Hub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    paths = Paths.below(tmp_path)
    assert paths.hub == tmp_path / "hub"
    monkeypatch.setenv("HF_HOME", str(tmp_path / "hf"))
    assert paths.hub == tmp_path / "hf" / "hub"
    monkeypatch.setenv("HF_HUB_CACHE", str(tmp_path / "shared"))
    assert paths.hub == tmp_path / "shared"
    monkeypatch.setenv("HF_HUB_CACHE", os.path.join("~", "there"))  # noqa: PTH118
    assert paths.hub == Path.home() / "there"
    for name in ("HF_HUB_CACHE", "HF_HOME"):
        monkeypatch.delenv(name)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "xdg"))
    loose = replace(paths, root=None)
    assert loose.hub == tmp_path / "xdg" / "huggingface" / "hub"
    monkeypatch.setenv("HF_HUB_CACHE", str(tmp_path / "shared"))
    chat(hub)
    house = House(tmp_path, hub.endpoint)
    house.got(house.manager.get("a/chat"))
    house.manager.close()
    # What the studio has got is there for others, by its name alone and without the network.
    from huggingface_hub import hf_hub_download, snapshot_download

    file = hf_hub_download(
        "a/chat", "config.json", cache_dir=tmp_path / "shared", local_files_only=True
    )
    assert Path(file).is_file()
    folder = snapshot_download("a/chat", cache_dir=tmp_path / "shared", local_files_only=True)
    assert (Path(folder) / "model.onnx").is_file()


def test_who_signs_in_stays_so_in_the_keyring(
    hub: Hub, house: House, tmp_path: Path, ring: Ring
) -> None:
    chat(hub, "a/private", private=True)
    hub.user(TOKEN, "ann", "a/private")
    assert house.manager.signed_in() == Account("")
    with pytest.raises(StudioError, match="or it is private"):
        house.manager.page("a/private")
    assert house.manager.sign_in(TOKEN) == Account("ann", "keyring", "")
    with pytest.raises(StudioError, match="accept the token"):
        house.manager.sign_in("hf_NotTheRightOne")
    later = House(tmp_path, hub.endpoint).manager
    assert later.signed_in() == Account("", "keyring", "")  # nobody was asked
    assert later.page("a/private").found.private
    assert later.who().name == "ann"
    with Hub() as other:
        chat(other)
        House(tmp_path, other.endpoint).manager.page("a/chat")
        assert {s.token for s in other.log.all()} == {""}
    assert later.sign_out() == Account("")
    assert ring.held == {}
    with pytest.raises(StudioError, match="or it is private"):
        House(tmp_path, hub.endpoint).manager.page("a/private")


def test_searches_are_for_what_runs_here(hub: Hub, house: House) -> None:
    chat(hub)
    hub.add("a/other", {"model.gguf": b"GGUF", "README.md": card("other", library_name="gguf")})
    found = house.manager.search(Query(kind="text"))
    assert [f.repo for f in found] == ["a/chat"]
