"""The courier: it answers, dies, comes back and goes on, and leaves when nobody is there."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import psutil
import pytest

from studio.core.errors import StudioError
from studio.models import courier as couriers_module
from studio.models.courier import Changed, Ended
from studio.models.hub.query import Query
from studio.models.token import VARIABLES
from tests.hub import Hub
from tests.models.couriers import Told, chat, gone

ROOT = Path(__file__).resolve().parents[2]
TOKEN = "hf_SecretOfNobody"


@pytest.fixture(autouse=True)
def no_ways_around(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("HF_HUB_CACHE", "HF_HOME", "HF_ENDPOINT", "HF_HUB_OFFLINE", *VARIABLES):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("NO_PROXY", "127.0.0.1,localhost")
    # Nobody's keyring is touched: the courier finds none.
    monkeypatch.setenv("PYTHON_KEYRING_BACKEND", "keyring.backends.null.Keyring")


@pytest.fixture
def hub() -> Iterator[Hub]:
    with Hub() as running:
        yield running


@pytest.fixture
def told(hub: Hub, tmp_path: Path) -> Iterator[Told]:
    with Told(tmp_path, hub.endpoint) as made:
        yield made


def test_it_finds_shows_gets_and_tells(hub: Hub, told: Told) -> None:
    total = chat(hub)
    assert told.courier.pid is None  # nobody has asked for anything yet
    assert [f.repo for f in told.ask("search", Query(words="chat"))] == ["a/chat"]
    assert told.ask("downloads") == ()
    assert len([s for s in hub.log.all() if "search=chat" in s.target]) == 1  # asked once
    page = told.ask("page", "a/chat")
    assert [v.families for v in page.variants] == [("text.chat",)]
    assert told.ask("get", "a/chat", "", None, page.revision).total == total
    done = told.state("done")
    assert (done.done, done.total, done.model) == (total, total, "a/chat")
    assert hub.log.twice() < 1 << 14  # the page has read its configuration
    # What was shown is what was got: the hub was not asked again what there is.
    assert len([s for s in hub.log.all() if "/tree/" in s.target]) == 1
    refs = told.paths.hub / "models--a--chat" / "refs" / "main"
    assert refs.read_text() == page.revision  # so that others find it by its name alone
    assert told.ask("forget", "a/chat") is None
    told.until(lambda: told.downloads == ())


def test_what_cannot_be_is_answered_in_sentences(hub: Hub, told: Told) -> None:
    for action, name in [
        ("page", "no/such"),
        ("page", "../../etc"),
        ("get", "a/chat:x"),
        ("resume", "no/such"),
        ("verify", "no/such"),
        ("sign_in", "no token"),
    ]:
        with pytest.raises(StudioError) as caught:
            told.ask(action, name)
        assert caught.value.hint, action
        assert "Something went wrong" not in caught.value.message, action
    for action in ("close", "tokens", "no_such_action", "search"):
        with pytest.raises(StudioError, match="Something went wrong"):
            told.ask(action)
    chat(hub)
    assert told.ask("page", "a/chat").found.repo == "a/chat"


def test_killed_it_comes_back_and_the_download_goes_on(hub: Hub, told: Told) -> None:
    total = chat(hub, size=12 << 20)
    hub.rate = 6_000_000
    told.ask("get", "a/chat")
    told.until(lambda: any(d.done > total // 4 for d in told.downloads))
    hub.fault("stall", on="api", after=-1, seconds=30, times=1)
    waiting = told.courier.ask("page", "a/other")
    while not any("other" in s.target for s in hub.log.all()):
        time.sleep(0.02)
    pid = told.courier.pid
    assert pid is not None
    psutil.Process(pid).kill()
    with pytest.raises(StudioError, match="has stopped"):
        told.answer(waiting)
    hub.rate = 0
    assert told.state("done").done == total
    assert told.courier.pid != pid
    assert hub.log.twice() < 6_000_000  # what came in the last second
    ended = [s for s in told.heard if isinstance(s, Ended)]
    assert len(ended) == 1
    assert not ended[0].gave_up


def test_after_three_deaths_it_rests_until_somebody_asks(
    hub: Hub, told: Told, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(couriers_module, "BACKOFF", (0.05, 0.05, 0.05))
    told.ask("downloads")
    for count in range(1, couriers_module.CRASHES + 1):
        pid = told.courier.pid
        assert pid is not None
        psutil.Process(pid).kill()
        told.ended(count)
        if count < couriers_module.CRASHES:
            told.ask("downloads")
    assert [s.gave_up for s in told.heard if isinstance(s, Ended)] == [False, False, True]
    assert told.ask("downloads") == ()


def test_it_leaves_with_the_window_and_goes_on_at_the_next_start(hub: Hub, tmp_path: Path) -> None:
    total = chat(hub, size=12 << 20)
    hub.rate = 6_000_000
    window = (
        "import sys\n"
        "from pathlib import Path\n"
        "from tests.models.couriers import Told\n"
        "if __name__ == '__main__':\n"
        f"    told = Told(Path({str(tmp_path)!r}), {hub.endpoint!r})\n"
        "    told.ask('get', 'a/chat')\n"
        f"    told.until(lambda: any(d.done > {total // 4} for d in told.downloads))\n"
        "    print(told.courier.pid, flush=True)\n"
        "    sys.stdin.read()\n"
    )
    script = tmp_path / "window.py"
    script.write_text(window)
    process = subprocess.Popen(
        [sys.executable, str(script)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    )
    assert process.stdout is not None
    assert process.stdin is not None
    pid = int(process.stdout.readline())
    process.kill()
    process.wait()
    process.stdin.close()
    process.stdout.close()
    assert gone(pid)
    hub.rate = 0
    with Told(tmp_path, hub.endpoint) as told:
        told.courier.start()
        assert told.state("done").done == total
    assert hub.log.twice() < 6_000_000


def test_closed_it_is_gone_and_paused_stays_paused(hub: Hub, tmp_path: Path) -> None:
    total = chat(hub, size=12 << 20)
    hub.rate = 6_000_000
    with Told(tmp_path, hub.endpoint) as told:
        told.ask("get", "a/chat")
        told.until(lambda: any(d.done > total // 8 for d in told.downloads))
        told.ask("pause", "a/chat")
        told.state("paused")
        pid = told.courier.pid
        assert pid is not None
    assert gone(pid)
    hub.rate = 0
    with Told(tmp_path, hub.endpoint) as told:
        (download,) = told.ask("downloads")
        assert download.state == "paused"
        assert download.done > total // 8
        told.ask("resume", "a/chat")
        assert told.state("done").done == total
    assert hub.log.twice() < 1 << 20


def test_the_switch_takes_it_off_the_network_and_back(hub: Hub, told: Told, tmp_path: Path) -> None:
    total = chat(hub, size=12 << 20)
    hub.rate = 6_000_000
    told.ask("get", "a/chat")
    told.until(lambda: any(d.done > total // 8 for d in told.downloads))
    told.courier.use(replace(told.settings, stay_offline=True))
    assert "off the network" in told.state("waiting").message
    assert hub.log.idle()
    before = len(hub.log.all())
    questions: dict[str, tuple[object, ...]] = {
        "search": (Query(words="x"),),
        "page": ("a/chat",),
        "get": ("a/chat",),
        "resume": ("a/chat",),
        "updates": (),
        "sign_in": (TOKEN,),
    }
    for action, given in questions.items():
        with pytest.raises(StudioError, match="off the network"):
            told.ask(action, *given)
    assert len(hub.log.all()) == before
    told.courier.close()
    hub.rate = 0
    # It is what it was at the next start, and goes on when the switch is off again.
    with Told(tmp_path, hub.endpoint, stay_offline=True) as later:
        later.courier.start()
        assert "off the network" in later.state("waiting").message
        assert len(hub.log.all()) == before
        later.courier.use(told.settings)
        assert later.state("done").done == total
    assert hub.log.twice() < 6_000_000


def test_another_endpoint_is_another_process(hub: Hub, told: Told) -> None:
    told.ask("downloads")
    first = told.courier.pid
    with Hub() as mirror:
        chat(mirror, "a/mirrored")
        told.courier.use(replace(told.settings, endpoint=mirror.endpoint))
        assert told.ask("page", "a/mirrored").found.repo == "a/mirrored"
        assert told.courier.pid != first
        assert not [s for s in told.heard if isinstance(s, Ended)]


def test_an_endpoint_that_is_none_is_told_until_there_is_a_good_one(
    hub: Hub, tmp_path: Path
) -> None:
    with Told(tmp_path, "nonsense") as told:
        for _ in range(2):
            with pytest.raises(StudioError, match="address of the model server"):
                told.ask("downloads")
        told.courier.use(replace(told.settings, endpoint=hub.endpoint))
        assert told.ask("downloads") == ()


def test_the_token_is_nowhere_but_on_its_way_to_the_hub(
    hub: Hub, told: Told, caplog: pytest.LogCaptureFixture, tmp_path: Path
) -> None:
    caplog.set_level("DEBUG")
    chat(hub, "a/private", private=True)
    hub.user(TOKEN, "ann", "a/private")
    with pytest.raises(StudioError, match="or it is private"):
        told.ask("page", "a/private")
    account = told.ask("sign_in", TOKEN)
    assert (account.name, account.source) == ("ann", "run")
    assert "until Triptych ends" in account.note
    assert told.ask("who").name == "ann"
    told.ask("get", "a/private")
    told.state("done")
    with pytest.raises(StudioError):
        told.ask("search", f"no query but {TOKEN}")  # a fault of ours whose trace has it
    with pytest.raises(StudioError, match="accept the token"):
        told.ask("sign_in", "hf_NotTheRightOne")
    assert told.ask("signed_in").source == "run"  # the one before counts on
    pid = told.courier.pid
    assert pid is not None
    process = psutil.Process(pid)
    assert TOKEN not in " ".join(process.cmdline())
    assert TOKEN not in str(process.environ())
    process.kill()  # it comes back, and is still signed in: nowhere but in our memory
    told.until(lambda: any(isinstance(s, Ended) for s in told.heard))
    assert told.ask("who").name == "ann"
    assert told.ask("sign_out").name == ""
    with pytest.raises(StudioError, match="or it is private"):
        told.ask("page", "a/private")
    said = "".join(repr(s) for s in told.heard) + caplog.text
    assert TOKEN not in said
    assert "hf_NotTheRightOne" not in said
    assert not hub.log.leaks(TOKEN)
    files = [p for p in tmp_path.rglob("*") if p.is_file()]
    assert files
    for path in files:
        assert TOKEN.encode() not in path.read_bytes(), path


def test_ten_downloads_are_told_of_at_most_ten_times_a_second(hub: Hub, told: Told) -> None:
    for number in range(10):
        chat(hub, f"a/chat-{number}", size=300_000)
    hub.rate = 3_000_000
    began = time.monotonic()
    for number in range(10):
        told.ask("get", f"a/chat-{number}")
    told.until(lambda: [d.state for d in told.downloads] == ["done"] * 10)
    lasted = time.monotonic() - began
    told_of = [s for s in told.heard if isinstance(s, Changed)]
    assert len(told_of) <= lasted / 0.1 + 2
    assert json.dumps([d.id for d in told.downloads]) == json.dumps(
        [f"a/chat-{n}" for n in range(10)]
    )
