"""Searches and pages over the hub's real client: against the loopback hub, and hostile ones."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import nullcontext, suppress
from functools import cache
from io import BytesIO
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from studio.core.errors import StudioError
from studio.core.family import FamilySpec
from studio.engine.registry import FAMILIES, load_all
from studio.models.hub import client
from studio.models.hub.client import Query
from studio.models.net import Net
from studio.models.remote import Machine
from tests.hub import Hub, Repo
from tests.hub import names as hostile
from tests.hub.content import Source
from tests.hub.layouts import (
    card,
    diffusers,
    genai,
    kokoro,
    safetensors,
    text,
    tokenizer,
    transformers,
)

TOKEN = "hf_SecretOfNobody"
MACHINE = Machine(memory=16 << 30, cores=8)
CPU, GPU = "cpu_and_mobile/cpu-int4-rtn-block-32", "gpu/gpu-int4-rtn-block-32"
LLAMA = {"model_type": "llama", "architectures": ["LlamaForCausalLM"], "torch_dtype": "bfloat16"}
README = (
    "A small one.\n\n![logo](https://example.org/logo.png)\n\n<script>bad()</script>"
    "[Paper](https://example.org/paper)"
)


@cache
def specs() -> tuple[FamilySpec, ...]:
    return tuple(f.SPEC for f in load_all(FAMILIES)[0].values())


def _repos() -> Iterator[Repo]:
    phi = genai({CPU: 40_000, GPU: 30_000}) | {
        "README.md": card("Phi", README, license="mit", pipeline_tag="text-generation",
                          base_model="owner/base", widget=[{"text": "Tell me a story."}, 7]),
    }  # fmt: skip
    yield Repo("ms/phi-onnx", phi, downloads=900, likes=9)
    chat = card("Tiny", license="apache-2.0", library_name="transformers",
                pipeline_tag="text-generation", tags=["llama"])  # fmt: skip
    yield Repo("ai/tiny-chat", transformers(9000, LLAMA) | {"README.md": chat}, downloads=500)
    sung = card("Song", license="cc-by-nc-4.0", pipeline_tag="text-to-speech")
    voices = kokoro(("af_heart",)) | {"README.md": sung}
    yield Repo("ai/speaker", voices, downloads=700, likes=50)
    packed = card("Q", license="mit", pipeline_tag="text-generation", tags=["gguf", "llama"])
    gguf: dict[str, Source] = {"m.Q4.gguf": b"GGUF" * 50, "README.md": packed}
    yield Repo("ai/packed-chat", gguf, downloads=99_000)
    shut = {"config.json": text(LLAMA), "model.safetensors": safetensors(9000), **tokenizer()}
    asks = card("Shut", license="llama3.2", pipeline_tag="text-generation", tags=["llama"])
    yield Repo("meta/shut", shut | {"README.md": asks}, gated="manual", downloads=300)
    yield Repo("me/draft", genai({"": 4000}), private=True)


@pytest.fixture(scope="module")
def hub() -> Iterator[Hub]:
    with Hub(_repos()) as running:
        running.user(TOKEN, "someone", "meta/shut", "me/draft")
        yield running


@pytest.fixture
def net(hub: Hub, monkeypatch: pytest.MonkeyPatch) -> Iterator[Net]:
    for name in ("http_proxy", "https_proxy", "HTTP_PROXY", "HTTPS_PROXY", "HF_HUB_OFFLINE"):
        monkeypatch.delenv(name, raising=False)
    hub.faults.clear()
    made = Net(hub.endpoint)
    yield made
    made.close()


def search(net: Net, **said: Any) -> list[str]:
    return [f.repo for f in client.search(net, Query(**said), specs())]


def test_a_search_finds_what_families_can_run(net: Net) -> None:
    assert search(net, words="chat") == ["ai/tiny-chat"]
    assert search(net) == ["ms/phi-onnx", "ai/speaker", "ai/tiny-chat", "meta/shut"]


def test_by_kind_task_order_and_licence(net: Net) -> None:
    assert search(net, kind="text") == ["ms/phi-onnx", "ai/tiny-chat", "meta/shut"]
    assert search(net, kind="audio") == ["ai/speaker"]
    assert search(net, kind="image") == []
    assert search(net, task="text-to-speech") == ["ai/speaker"]
    assert search(net, sort="likes")[0] == "ai/speaker"
    assert search(net, sort="updated", limit=1)
    assert "ai/speaker" not in search(net, sell=True)
    assert search(net, limit=1) == ["ms/phi-onnx"]


def test_what_its_makers_gave_no_task_is_found_by_its_name(net: Net, hub: Hub) -> None:
    hub.add("untold/qwen-mini-instruct-onnx", genai({CPU: 4000}), downloads=1)
    hub.add("untold/piper-of-mine", {"a.onnx": b"x" * 40, "a.onnx.json": "{}"}, downloads=2)
    hub.add("untold/classifier-onnx", {"model.onnx": b"x" * 40}, downloads=3)
    found = client.search(net, Query(words="untold", kind="text"), specs())
    assert [f.repo for f in found] == ["untold/qwen-mini-instruct-onnx"]
    assert [f.kind for f in found] == ["text"]
    assert search(net, words="untold") == ["untold/piper-of-mine", "untold/qwen-mini-instruct-onnx"]
    assert search(net, words="untold", kind="audio") == ["untold/piper-of-mine"]


def test_pipelines_are_found_by_their_tags(net: Net, hub: Hub) -> None:
    held = diffusers(400, mess=False)
    for name, tags in (("draws", []), ("exact", ["diffusers:StableDiffusionPipeline"]),
                       ("moves", ["diffusers:CogVideoXPipeline"])):  # fmt: skip
        said = card(name, library_name="diffusers", pipeline_tag="text-to-image", tags=tags)
        hub.add(f"pictures/{name}", held | {"README.md": said})
    assert search(net, words="pictures", kind="image") == ["pictures/draws", "pictures/exact"]


def test_the_newest_come_first(net: Net) -> None:
    assert set(search(net, sort="new", words="chat")) == {"ai/tiny-chat"}
    assert search(net, sort="trending")


def test_what_a_search_tells(net: Net) -> None:
    found = client.search(net, Query(words="phi"), specs())[0]
    assert (found.title, found.author, found.kind) == ("phi-onnx", "ms", "text")
    assert (found.licence, found.downloads, found.likes) == ("mit", 900, 9)
    assert found.families == ("text.chat",)
    assert len(found.updated) == len("2026-01-01")
    assert found.size is None


def test_a_name_that_is_written_out_is_found_whatever_runs_it(net: Net) -> None:
    assert search(net, words="ai/packed-chat") == ["ai/packed-chat"]
    assert search(net, words="ai/nothing-of-this-name") == []


def test_the_page_of_a_model(net: Net, hub: Hub) -> None:
    page = client.page(net, "ms/phi-onnx", MACHINE, specs())
    assert page.revision == hub.repo("ms/phi-onnx").head.sha
    assert page.best == "cpu-int4-rtn-block-32"
    assert {v.id: v.fit.level for v in page.variants if v.fit} == {
        "cpu-int4-rtn-block-32": "good",
        "gpu-int4-rtn-block-32": "no",
    }
    best = page.variants[0]
    head = hub.repo("ms/phi-onnx").head.files
    assert {f.path: (f.size, f.blob) for f in best.files} == {
        f.path: (head[f.path].content.size, head[f.path].etag) for f in best.files
    }
    assert page.found.size == best.size
    assert page.found.families == ("text.chat",)
    assert page.base_models == ("owner/base",)
    assert page.examples == ("Tell me a story.",)
    assert "program" in page.refused[f"{CPU}/configuration_phi3.py"]
    assert "logo" in page.card
    assert "logo.png" not in page.card
    assert "bad()" not in page.card
    assert "[Paper](https://example.org/paper)" in page.card


def test_what_the_catalogue_says_stands_on_the_page(net: Net, hub: Hub) -> None:
    hub.add("microsoft/Phi-4-mini-instruct-onnx", genai({CPU: 4000}))
    page = client.page(net, "microsoft/Phi-4-mini-instruct-onnx", MACHINE, specs())
    assert page.found.title == "Phi-4 mini"
    assert page.found.words.startswith("A chat model")
    assert page.examples


def test_a_page_reads_little(net: Net, hub: Hub) -> None:
    hub.log.clear()
    client.page(net, "ai/tiny-chat", MACHINE, specs())
    assert hub.log.sent() < 64 << 10
    assert len(hub.log.all()) < 12


def test_headers_are_read_in_pieces_even_where_a_server_sends_all(net: Net, hub: Hub) -> None:
    fault = hub.fault("ignore-range")
    page = client.page(net, "ai/tiny-chat", MACHINE, specs())
    assert fault.hits
    assert page.variants[0].precision == "fp16"
    assert page.variants[0].families == ("text.chat", "text.causal")


def test_an_older_revision_and_one_that_is_not_there(net: Net, hub: Hub) -> None:
    repo = hub.repo("ai/speaker")
    old = repo.head.sha
    repo.commit({"notes.txt": "new"})
    assert client.page(net, "ai/speaker", MACHINE, specs(), old).revision == old
    assert client.page(net, "ai/speaker", MACHINE, specs()).revision == repo.head.sha
    with pytest.raises(StudioError, match=r"revision|version"):
        client.page(net, "ai/speaker", MACHINE, specs(), "no-such-branch")


def test_a_gated_model_says_what_it_weighs_and_what_to_do(net: Net, hub: Hub) -> None:
    page = client.page(net, "meta/shut", MACHINE, specs())
    assert page.found.gated
    assert all(v.problem and v.size > 9000 and v.hint for v in page.variants)
    assert page.best == ""
    let_in = Net(hub.endpoint, lambda: TOKEN)
    page = client.page(let_in, "meta/shut", MACHINE, specs())
    assert page.variants[0].families == ("text.chat", "text.causal")
    let_in.close()


def test_a_private_model_is_for_those_who_may(net: Net, hub: Hub) -> None:
    with pytest.raises(StudioError) as told:
        client.page(net, "me/draft", MACHINE, specs())
    assert TOKEN not in told.value.message
    let_in = Net(hub.endpoint, lambda: TOKEN)
    assert client.page(let_in, "me/draft", MACHINE, specs()).found.private
    let_in.close()


def test_files_in_which_the_hub_found_something_are_refused(net: Net, hub: Hub) -> None:
    found = {f"{CPU}/model.onnx": "unsafe", f"{GPU}/model.onnx": "suspicious"}
    hub.add(Repo("bad/phi", genai({CPU: 4000, GPU: 4000}), unsafe=found))
    page = client.page(net, "bad/phi", MACHINE, specs())
    assert "scanners" in page.refused[f"{CPU}/model.onnx"]
    assert all(v.problem and not v.families for v in page.variants)
    assert not any(f.path in found for v in page.variants for f in v.files)


def test_names_that_lead_out_and_five_thousand_files(net: Net, hub: Hub) -> None:
    hub.add("bad/names", dict(genai({"": 4000})) | dict(hostile.hostile()))
    page = client.page(net, "bad/names", MACHINE, specs())
    assert page.variants[0].families == ("text.chat",)
    assert len(page.refused) >= len(hostile.LEADING_OUT + hostile.DEVICES)
    assert all(".." not in f.path for v in page.variants for f in v.files)
    hub.add("big/many", dict(hostile.many()))
    page = client.page(net, "big/many", MACHINE, specs())
    assert [v.problem for v in page.variants] == ["There is no model in it that Triptych knows."]


@pytest.mark.parametrize(
    ("kind", "more"),
    [
        ("html", {}),
        ("garbage", {}),
        ("short", {"after": 40}),
        ("status", {"status": 500}),
        ("status", {"status": 404}),
        ("cut", {"after": -1}),
    ],
)
def test_answers_that_are_none_get_a_sentence(
    net: Net, hub: Hub, kind: str, more: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("time.sleep", lambda seconds: None)  # the client waits between its tries
    hub.fault(kind, on="api", **more)
    for act in (
        lambda: client.search(net, Query(words="phi"), specs()),
        lambda: client.page(net, "ms/phi-onnx", MACHINE, specs()),
    ):
        with pytest.raises(StudioError) as told:
            act()
        assert told.value.message.endswith(".")
        assert told.value.hint


@pytest.mark.parametrize("repo", ["..", "a/../b", "a b/c", "", "a/b/c", "http://evil/x"])
def test_what_is_no_name_of_a_repository(net: Net, repo: str) -> None:
    with pytest.raises(StudioError):
        client.page(net, repo, MACHINE, specs())


def test_offline_nothing_is_asked(hub: Hub) -> None:
    shut = Net(hub.endpoint, offline=lambda: True)
    hub.log.clear()
    for act in (
        lambda: client.search(shut, Query()),
        lambda: client.page(shut, "ms/phi-onnx", MACHINE, specs()),
    ):
        with pytest.raises(StudioError, match="off the network"):
            act()
    assert not hub.log.all()


class Says:
    """A hub's own client over a server that may answer anything."""

    def __init__(self, listed: list[Any], info: Any, tree: list[Any]) -> None:
        self.listed, self.info, self.tree = listed, info, tree

    def list_models(self, **asked: Any) -> Iterator[Any]:
        from huggingface_hub.hf_api import ModelInfo

        return (ModelInfo(**item) for item in self.listed)  # type: ignore[no-untyped-call]

    def model_info(self, repo: str, **asked: Any) -> Any:
        from huggingface_hub.hf_api import ModelInfo

        return ModelInfo(**self.info)  # type: ignore[no-untyped-call]

    def list_repo_tree(self, repo: str, **asked: Any) -> Iterator[Any]:
        from huggingface_hub.hf_api import RepoFile

        return (RepoFile(**item) for item in self.tree)  # type: ignore[no-untyped-call]


class Over(Net):
    """A network whose every file is the same few bytes."""

    def __init__(self, says: Says, held: bytes) -> None:
        super().__init__("http://127.0.0.1:9")
        self.says, self.held = says, held

    def api(self) -> Any:
        return self.says

    def get(self, url: str, headers: Any = None, timeout: float = 1.0) -> Any:
        return nullcontext(SimpleNamespace(status=200, read=BytesIO(self.held).read))


ANY = st.recursive(
    st.none() | st.booleans() | st.integers(-9, 1 << 80) | st.floats() | st.text(max_size=12)
    | st.sampled_from(["a/b", "c" * 40, "2024-01-01T00:00:00.000Z", "config.json", "../x"]),
    lambda inner: st.lists(inner, max_size=3)
    | st.dictionaries(st.sampled_from(["text", "path", "level", "license", "base_model", "widget",
                                       "filesWithIssues", "size", "oid", "pointerSize"]), inner),
    max_leaves=6,
)  # fmt: skip
INFO = st.fixed_dictionaries(
    {"id": st.just("a/b") | ANY},
    optional={
        name: st.just("c" * 40) | ANY
        for name in ("sha", "author", "cardData", "tags", "pipeline_tag", "downloads", "likes",
                     "lastModified", "createdAt", "gated", "private", "widgetData", "siblings",
                     "securityRepoStatus", "safetensors", "nonsense")
    },
)  # fmt: skip
TREE = st.fixed_dictionaries(
    {"path": st.sampled_from(["config.json", "model.safetensors", "../x", "README.md"]) | ANY,
     "size": st.integers(0, 99) | ANY, "oid": st.just("d" * 40) | ANY},
    optional={"lfs": ANY},
)  # fmt: skip


@settings(max_examples=60, deadline=None)
@given(st.lists(INFO, max_size=4), INFO, st.lists(TREE, max_size=5), st.binary(max_size=60))
def test_whatever_a_server_answers_there_is_a_page_or_a_sentence(
    listed: list[Any], info: Any, tree: list[Any], held: bytes
) -> None:
    net = Over(Says(listed, info, tree), held)
    for act in (
        lambda: client.search(net, Query(words="x")),
        lambda: client.search(net, Query(words="a/b", sell=True), specs()),
        lambda: client.page(net, "a/b", MACHINE, specs()),
    ):
        with suppress(StudioError):  # anything else is a fault of ours
            act()


def test_one_bad_line_does_not_take_the_others_away() -> None:
    lines: list[Any] = [{"id": f"a/m{n}", "downloads": n} for n in range(5)]
    good = [f.repo for f in client.search(Over(Says(lines, {}, []), b""), Query())]
    assert good == ["a/m4", "a/m3", "a/m2", "a/m1", "a/m0"]
    lines[2] = {"id": "../../evil", "downloads": "many"}
    told = client.search(Over(Says(lines, {}, []), b""), Query())
    assert [f.repo for f in told] == ["a/m4", "a/m3", "a/m1", "a/m0"]
    lines[3] = {"downloads": 1}  # the client itself falls over this one
    told = client.search(Over(Says(lines, {}, []), b""), Query())
    assert [f.repo for f in told] == ["a/m1", "a/m0"]
