"""The door to the network: whom the token goes to, which way is taken, and what is told."""

from __future__ import annotations

import base64
import json
import socket
import ssl
import time
from collections.abc import Callable, Iterator
from email.utils import formatdate
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import httpx2
import pytest
import urllib3
from hypothesis import given
from hypothesis import strategies as st

from studio.core.errors import StudioError
from studio.models import doorway
from studio.models.net import HUB, Net, checked_endpoint, is_repo
from studio.models.trouble import OFFLINE, RefusedError, explain, wait_of
from tests.hub import Hub
from tests.models import proxy

TOKEN = "hf_SecretOfNobody"
ROOT = Path(__file__).resolve().parents[2]
LARGE = bytes(range(256)) * 64
FILES: dict[str, Any] = {"config.json": "{}", "model.safetensors": LARGE}


@pytest.fixture(autouse=True)
def no_ways_around(monkeypatch: pytest.MonkeyPatch) -> None:
    """The environment of whoever runs the tests says nothing of proxies, hubs and tokens."""
    for name in ("http", "https", "all", "no"):
        monkeypatch.delenv(f"{name}_proxy", raising=False)
        monkeypatch.delenv(f"{name}_PROXY".upper(), raising=False)
    for name in ("HF_ENDPOINT", "HF_TOKEN", "HF_HUB_OFFLINE", "SSL_CERT_FILE"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
def hub() -> Iterator[Hub]:
    with Hub() as running:
        running.add("a/tiny", FILES)
        running.user(TOKEN, "someone", "a/gated", "a/private")
        yield running


@pytest.fixture
def net(hub: Hub) -> Iterator[Net]:
    made = Net(hub.endpoint, lambda: TOKEN)
    yield made
    made.close()


def told(act: Callable[[], object], net: Net) -> StudioError:
    with pytest.raises((OSError, httpx2.HTTPError, urllib3.exceptions.HTTPError, StudioError)) as e:
        act()
    said = net.trouble(e.value)
    assert said.message
    assert said.hint
    assert TOKEN not in f"{said.message} {said.hint}"
    return said


def fetch(net: Net, url: str) -> bytes:
    with net.get(url) as answer:
        return answer.read()


# Whom the token goes to


def test_the_token_goes_to_the_endpoint_and_nowhere_else(hub: Hub, net: Net) -> None:
    assert fetch(net, net.url("a/tiny", "main", "model.safetensors")) == LARGE
    assert [r.id for r in net.api().list_models()] == ["a/tiny"]
    seen = hub.log.all()
    assert {s.server for s in seen} == {"hub", "cdn"}
    assert all(s.token == TOKEN for s in seen if s.server == "hub")
    assert not hub.log.leaks(TOKEN)


def test_what_the_hub_says_on_the_way_is_kept(hub: Hub, net: Net) -> None:
    with net.get(net.url("a/tiny", "main", "model.safetensors")) as answer:
        assert answer.headers["X-Repo-Commit"] == hub.repo("a/tiny").head.sha
        assert int(answer.headers["X-Linked-Size"]) == len(LARGE)


def test_nothing_is_told_of_this_machine(hub: Hub, net: Net) -> None:
    net.api().model_info("a/tiny")
    fetch(net, net.url("a/tiny", "main", "config.json"))
    for seen in hub.log.all():
        assert "torch" not in seen.headers["user-agent"]
        assert "agent-harnesses" not in seen.target
        assert seen.headers["user-agent"].startswith("triptych/")


def test_the_token_is_not_sent_where_others_can_listen() -> None:
    for endpoint, sent in [
        ("http://models.example.org", None),
        ("https://models.example.org", TOKEN),
        ("http://127.0.0.1:9000", TOKEN),
        ("http://localhost:9000", TOKEN),
    ]:
        assert Net(endpoint, lambda: TOKEN).token_for(f"{endpoint}/api/models") == sent
    net = Net("https://models.example.org", lambda: TOKEN)
    assert net.token_for("https://models.example.org:444/") is None
    assert net.token_for("http://models.example.org/") is None
    assert net.token_for("https://models.example.org.evil.example/") is None
    assert net.token_for("https://models.example.org@evil.example/") is None
    assert net.token_for("https://MODELS.example.org/x") == TOKEN


def test_a_redirect_never_takes_the_token_along_nor_ends_in_a_circle(hub: Hub, net: Net) -> None:
    with Hub() as other:
        other.add("a/tiny", {"config.json": "[]"})
        there = f"{other.endpoint}/a/tiny/resolve/main/config.json"
        hub.fault("redirect", on="resolve", value=there, times=1)
        assert fetch(net, net.url("a/tiny", "main", "config.json")) == b"[]"
        assert [s.token for s in other.log.all() if s.token] == []
        hub.fault("redirect", on="api", value=f"{other.endpoint}/api/models", times=1)
        net.api().list_models()
        assert [s.token for s in other.log.all() if s.token] == []
    hub.fault("redirect", on="resolve")
    said = told(lambda: fetch(net, net.url("a/tiny", "main", "config.json")), net)
    assert "every request on" in said.message


def test_nothing_is_fetched_from_an_unprotected_address_after_a_protected_one() -> None:
    with pytest.raises(StudioError, match="without protection"):
        Net._next("https://hub.example.org/a", "http://hub.example.org/a")
    with pytest.raises(StudioError, match="without protection"):
        Net._next("http://hub.example.org/a", "file:///etc/passwd")
    assert Net._next("http://a.example/x/y", "/z") == "http://a.example/z"


def test_one_connection_carries_all_that_the_hub_sends_on_or_refuses(hub: Hub, net: Net) -> None:
    for _ in range(5):
        assert fetch(net, net.url("a/tiny", "main", "model.safetensors")) == LARGE
        told(lambda: fetch(net, net.url("a/tiny", "main", "no-such-file")), net)
    parts = urlsplit(hub.endpoint)
    kept = net._pools[""].connection_from_host(parts.hostname, parts.port)
    assert kept.num_connections == 1


# Endpoint


def test_the_endpoint_is_chosen_else_of_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    assert Net().endpoint == HUB
    monkeypatch.setenv("HF_ENDPOINT", "https://mirror.example.org/hub/")
    assert Net().endpoint == "https://mirror.example.org/hub"
    assert Net("https://chosen.example.org/").endpoint == "https://chosen.example.org"
    assert Net("https://b.example/hub").url("a/b", "refs/pr/1", "x y/ü.json") == (
        "https://b.example/hub/a/b/resolve/refs%2Fpr%2F1/x%20y/%C3%BC.json"
    )


@pytest.mark.parametrize(
    "text", ["", "hub", "ftp://a.example", "https://", "https://u:p@a.example", "https://[", "//a"]
)
def test_what_is_no_address_is_refused_in_a_sentence(text: str) -> None:
    with pytest.raises(StudioError) as caught:
        checked_endpoint(text)
    assert caught.value.hint
    assert "u:p" not in str(caught.value)


@given(st.text(max_size=40) | st.from_regex(r"[A-Za-z0-9._/-]{1,30}"))
def test_no_name_of_a_repository_leads_anywhere_else(name: str) -> None:
    if is_repo(name):
        assert ".." not in name
        assert name.count("/") <= 1
        assert name.isascii()
        assert not name.startswith(("/", ".", "-"))
    else:
        with pytest.raises(StudioError):
            Net("https://a.example").url(name, "main", "x")


# Proxies


def test_everything_goes_through_the_proxy(
    hub: Hub, net: Net, monkeypatch: pytest.MonkeyPatch
) -> None:
    with proxy.proxy() as between:
        monkeypatch.setenv("http_proxy", between.url)
        assert net.api().model_info("a/tiny").id == "a/tiny"
        assert fetch(net, net.url("a/tiny", "main", "model.safetensors")) == LARGE
        assert len(between.asked) == len(hub.log.all())
        assert any(a.startswith(hub.cdn) for a in between.asked)
        # The one that holds now counts, and who is excepted is asked directly.
        monkeypatch.setenv("no_proxy", f"{urlsplit(hub.endpoint).netloc},localhost")
        before = len(between.asked)
        assert fetch(net, net.url("a/tiny", "main", "config.json")) == b"{}"
        assert net.api().model_info("a/tiny").id == "a/tiny"
        assert len(between.asked) == before


def test_a_proxy_gets_its_login_and_keeps_what_it_refuses(
    hub: Hub, net: Net, monkeypatch: pytest.MonkeyPatch
) -> None:
    right = "Basic " + base64.b64encode(b"me:pass word").decode()
    with proxy.proxy(right) as between:
        address = between.url.removeprefix("http://")
        monkeypatch.setenv("http_proxy", f"http://me:pass%20word@{address}")
        assert net.api().model_info("a/tiny").id == "a/tiny"
        assert fetch(net, net.url("a/tiny", "main", "config.json")) == b"{}"
        assert set(between.logins) == {right}
        monkeypatch.setenv("http_proxy", between.url)
        for act in (
            lambda: net.api().model_info("a/tiny"),
            lambda: fetch(net, net.url("a/tiny", "main", "config.json")),
        ):
            assert "proxy asks for a name" in told(act, net).message


@pytest.mark.parametrize("way", ["socks5://127.0.0.1:9", "nonsense://x"])
def test_a_proxy_of_another_kind_is_told(
    net: Net, monkeypatch: pytest.MonkeyPatch, way: str
) -> None:
    monkeypatch.setenv("all_proxy", way)
    assert "proxy" in told(lambda: net.api().model_info("a/tiny"), net).message
    assert "proxy" in told(lambda: fetch(net, net.url("a/tiny", "main", "x")), net).message


def test_a_proxy_that_is_not_there_is_told(net: Net, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("http_proxy", f"http://127.0.0.1:{unused_port()}")
    for act in (
        lambda: net.api().model_info("a/tiny"),
        lambda: fetch(net, net.url("a/tiny", "main", "config.json")),
    ):
        said = told(act, net)
        assert "proxy" in said.message or "reached" in said.message


# Trust


@pytest.mark.parametrize(
    "names",
    [{}, {"PYTHONHTTPSVERIFY": "0"}, {"CURL_CA_BUNDLE": ""}, {"REQUESTS_CA_BUNDLE": ""}],
    ids=str,
)
def test_a_certificate_that_nobody_vouches_for_is_refused(
    monkeypatch: pytest.MonkeyPatch, names: dict[str, str]
) -> None:
    for name, value in names.items():
        monkeypatch.setenv(name, value)
    with proxy.secure() as address:
        net = Net(address)
        for act in (
            lambda: fetch(net, f"{address}/x"),
            lambda: list(net.api().list_models()),
        ):
            assert "certificate" in told(act, net).message
        with proxy.proxy() as between:  # nor through a proxy
            monkeypatch.setenv("https_proxy", between.url)
            assert "certificate" in told(lambda: fetch(net, f"{address}/x"), net).message
            assert between.asked


@pytest.mark.parametrize("name", ["SSL_CERT_FILE", "REQUESTS_CA_BUNDLE"])
def test_a_company_s_certificate_is_trusted_where_the_environment_names_it(
    monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    monkeypatch.setenv(name, str(proxy.CERTIFICATE))
    with proxy.secure() as address, proxy.proxy() as between:
        net = Net(address)
        assert fetch(net, f"{address}/x") == b"hello over TLS"
        assert list(net.api().list_models()) == []
        monkeypatch.setenv("https_proxy", between.url)
        assert fetch(net, f"{address}/x") == b"hello over TLS"
        assert list(net.api().list_models()) == []
        assert len(between.asked) == 2
        # It vouches for one name, and for no other that leads to the same server.
        port = address.rpartition(":")[2]
        between.lies[f"models.example.org:{port}"] = f"localhost:{port}"
        other = Net(f"https://models.example.org:{port}")
        assert "certificate" in told(lambda: fetch(other, other.endpoint), other).message
        assert "certificate" in told(lambda: list(other.api().list_models()), other).message
        net.close()


def test_a_certificate_file_that_is_none_is_told(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(tmp_path / "nowhere.pem"))
    said = told(lambda: Net().tls(), Net())
    assert "REQUESTS_CA_BUNDLE" in said.hint


def test_no_line_of_the_studio_turns_verification_off() -> None:
    words = ("verify=False", "CERT_NONE", "check_hostname", "assert_hostname", "_unverified")
    for path in (ROOT / "studio").rglob("*.py"):
        text = path.read_text("utf-8")
        assert not [w for w in words if w in text], path


# Offline


def test_offline_nothing_is_asked(hub: Hub, monkeypatch: pytest.MonkeyPatch) -> None:
    switch = [True]
    net = Net(hub.endpoint, offline=lambda: switch[0])
    with pytest.raises(StudioError, match="off the network"):
        net.api()
    with pytest.raises(StudioError, match="off the network"):
        fetch(net, net.url("a/tiny", "main", "config.json"))
    assert not hub.log.all()
    switch[0] = False
    api = net.api()
    api.model_info("a/tiny")
    switch[0] = True  # an api that is held already is held to it as well
    with pytest.raises(StudioError, match="off the network"):
        api.model_info("a/tiny")
    switch[0] = False
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    with pytest.raises(StudioError, match="HF_HUB_OFFLINE"):
        net.check()
    assert len(hub.log.all()) == 1


def test_an_answer_without_an_end_is_none(
    hub: Hub, net: Net, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(doorway, "LARGEST", 1000)
    hub.add("a/wide", {f"{n}.json": "{}" for n in range(50)})
    with pytest.raises(StudioError, match="makes no sense"), net.worded():
        list(net.api().list_repo_tree("a/wide"))
    monkeypatch.setattr(doorway, "LARGEST", 1 << 20)
    monkeypatch.setattr(doorway, "LARGEST_PACKED", 100)
    hub.fault("gzip", on="api", times=1)
    with pytest.raises(StudioError, match="makes no sense"), net.worded():
        list(net.api().list_repo_tree("a/wide"))
    assert len(list(net.api().list_repo_tree("a/wide"))) == 50
    monkeypatch.setattr(doorway, "LONGEST", 0.2)
    hub.fault("drip", on="api", rate=2000)
    with pytest.raises(StudioError, match="makes no sense"), net.worded():
        list(net.api().list_repo_tree("a/wide"))


# Words


def unused_port() -> int:
    with socket.socket() as held:
        held.bind(("127.0.0.1", 0))
        port: int = held.getsockname()[1]
        return port


def test_each_refusal_has_words_of_its_own(hub: Hub, net: Net) -> None:
    hub.add("a/gated", FILES, gated="manual")
    hub.add("a/private", FILES, private=True)
    stranger = Net(hub.endpoint)
    nobody = Net(hub.endpoint, lambda: "hf_Unknown")

    def resolve(who: Net, repo: str, revision: str = "main", path: str = "config.json") -> object:
        return fetch(who, who.url(repo, revision, path))

    assert "accepted its terms" in told(lambda: resolve(stranger, "a/gated"), stranger).message
    assert resolve(net, "a/gated") == b"{}"
    assert "or it is private" in told(lambda: resolve(stranger, "a/private"), stranger).message
    assert resolve(net, "a/private") == b"{}"
    assert "or it is private" in told(lambda: stranger.api().model_info("a/b"), stranger).message
    assert "accept the token" in told(lambda: nobody.api().model_info("a/tiny"), nobody).message
    assert "no such revision" in told(lambda: resolve(net, "a/tiny", "v9"), net).message
    said = told(lambda: net.api().model_info("a/tiny", revision="v9"), net)
    assert "no such revision" in said.message
    assert "no longer on the hub" in told(lambda: resolve(net, "a/tiny", path="x"), net).message


@pytest.mark.parametrize(
    ("status", "seconds", "words"),
    [
        (429, 75, "too many requests"),
        (500, 0, "trouble of its own"),
        (503, 900, "trouble of its own"),
        (416, 0, "has changed"),
        (418, 0, "makes no sense"),
    ],
)
def test_faults_of_the_server_are_told_and_not_slept_through(
    hub: Hub, net: Net, status: int, seconds: float, words: str
) -> None:
    hub.fault("status", on="any", status=status, seconds=seconds)
    began = time.monotonic()
    said = told(lambda: fetch(net, net.url("a/tiny", "main", "config.json")), net)
    assert words in said.message
    if seconds:
        assert ("75 seconds" if seconds == 75 else "15 minutes") in said.hint
        # huggingface_hub would sleep for as long as the server says.
        assert words in told(lambda: list(net.api().list_models()), net).message
        assert time.monotonic() - began < seconds / 2


def test_no_server_no_name_no_answer(net: Net) -> None:
    nowhere = Net(f"http://127.0.0.1:{unused_port()}")
    unnamed = Net("https://nowhere.invalid")
    for act in (lambda: fetch(nowhere, nowhere.endpoint), lambda: nowhere.api().model_info("a/b")):
        assert "cannot be reached" in told(act, nowhere).message
    for act in (lambda: fetch(unnamed, unnamed.endpoint), lambda: unnamed.api().model_info("a/b")):
        assert "could not be found" in told(act, unnamed).message
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        silent.listen()
        mute = f"http://127.0.0.1:{silent.getsockname()[1]}"

        def ask() -> None:
            with net.get(mute, timeout=0.1):
                pass

        assert "does not answer" in told(ask, net).message


def test_a_connection_that_breaks_is_told_and_a_fault_of_ours_is_not(hub: Hub, net: Net) -> None:
    hub.fault("cut", path="model.safetensors", after=1000)
    said = told(lambda: fetch(net, net.url("a/tiny", "main", "model.safetensors")), net)
    assert "broke off" in said.message
    hub.fault("garbage", on="api")
    with pytest.raises(StudioError), net.worded():
        net.api().model_info("a/tiny")
    with pytest.raises(KeyError), net.worded():
        raise KeyError("ours")
    with pytest.raises(StudioError), net.worded():
        net.api().model_info("a/b/c/d")
    with pytest.raises(StudioError), net.worded():
        json.loads("<html>")


def test_what_a_signed_address_holds_is_never_told() -> None:
    address = f"https://cdn.example/x?Signature={TOKEN}"
    pool = urllib3.connectionpool.HTTPConnectionPool("cdn.example")
    for error in (
        urllib3.exceptions.MaxRetryError(pool, address, OSError(TOKEN)),
        urllib3.exceptions.ReadTimeoutError(pool, address, TOKEN),
        httpx2.ConnectError(address),
        httpx2.ReadTimeout(TOKEN),
        ssl.SSLError(TOKEN),
        ssl.SSLCertVerificationError(TOKEN),
        OSError(TOKEN),
        RefusedError(404, {"X-Error-Message": TOKEN, "X-Error-Code": TOKEN}),
    ):
        said = explain(error, "cdn.example")
        assert TOKEN not in f"{said.message}{said.hint}"


@given(st.text(max_size=30) | st.integers(-9, 10**12).map(str))
def test_any_wait_is_a_number_of_seconds_within_a_day(text: str) -> None:
    wait = wait_of({"Retry-After": text})
    assert wait is None or 0 <= wait <= 24 * 3600


def test_waits_are_understood_as_seconds_and_as_dates() -> None:
    assert wait_of({}) is None
    assert wait_of({"Retry-After": " 7 "}) == 7
    wait = wait_of({"Retry-After": formatdate(time.time() + 100, usegmt=True)})
    assert wait is not None
    assert 50 < wait <= 100
    assert RefusedError(429, {"Retry-After": "7"}).retry_after == 7
    assert OFFLINE[1]
