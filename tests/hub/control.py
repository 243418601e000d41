"""The test hub in a process of its own, and what tests in another process may do to it."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any
from urllib.request import ProxyHandler, Request, build_opener

from tests.hub.content import Bytes, Content, Disk, Noise
from tests.hub.faults import Answer
from tests.hub.log import Seen

if TYPE_CHECKING:
    from tests.hub.hub import Hub

WHERE = "/__hub__"
"""Where the hub takes orders: POST with `{"do": …, "with": {…}}`."""
ROOT = Path(__file__).parents[2]


def ordered(hub: Hub, body: bytes) -> Answer:
    """Does what another process asks."""
    said = json.loads(body)
    answer = Answer(stage="api")
    try:
        value = _do(hub, said["do"], said.get("with", {}))
    except (KeyError, TypeError, ValueError) as error:
        answer.refuse(400, repr(error))
        return answer
    answer.headers["Content-Type"] = "application/json"
    answer.body = Bytes(json.dumps(value).encode())
    return answer


def _do(hub: Hub, what: str, given: dict[str, Any]) -> Any:
    match what:
        case "add":
            files = {p: c for p, c in _contents(given.pop("files")).items() if c is not None}
            hub.add(given.pop("repo"), files, **given)
        case "commit":
            changes = _contents(given["files"])
            return hub.repo(given["repo"]).commit(changes, branch=given.get("branch", "main"))
        case "user":
            hub.user(given["token"], given["name"], *given["repos"])
        case "fault":
            hub.fault(**given)
        case "calm":
            hub.faults.clear()
        case "hits":
            return [fault.hits for fault in hub.faults.all()]
        case "set":
            for name, value in given.items():
                if name not in ("rate", "latency", "expires", "page", "strict"):
                    raise KeyError(name)
                setattr(hub, name, value)
        case "drop":
            hub.drop()
        case "sent":
            return hub.log.sent(**given)
        case "twice":
            return hub.log.twice(**given)
        case "idle":
            return hub.log.idle(**given)
        case "seen":
            return [asdict(seen) for seen in hub.log.all()]
        case "forget":
            hub.log.clear()
        case _:
            raise KeyError(what)
    return None


def _contents(files: Mapping[str, Any]) -> dict[str, Content | None]:
    """Files as another process names them: text, the path or the size of one, or None."""
    made: dict[str, Content | None] = {}
    for path, given in files.items():
        if given is None:
            made[path] = None
        elif isinstance(given, str):
            made[path] = Bytes(given.encode())
        elif "path" in given:
            made[path] = Disk(Path(given["path"]))
        else:
            made[path] = Noise(given["size"], given.get("seed", 0))
    return made


class HubProcess:
    """A hub in a process of its own, so that it takes no time from those it is measured with.

        with HubProcess() as hub:
            hub.add("a/b", {"config.json": "{}", "big.bin": Noise(4 << 30)})
            hub.fault("cut", after=1 << 20, times=3)
            …  # HF_ENDPOINT=hub.endpoint
            assert hub.twice() == 0

    Files are text, bytes that are UTF-8, paths or `Noise`. The methods are those of `Hub` and
    its log, as far as they make sense from outside.
    """

    def __init__(self, *, buffer: int = 0, port: int = 0) -> None:
        order = [sys.executable, "-m", "tests.hub", "--empty", f"--port={port}"]
        self._process = subprocess.Popen(
            [*order, f"--buffer={buffer}"], cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE
        )
        assert self._process.stdout is not None
        said = json.loads(self._process.stdout.readline())
        self.endpoint: str = said["endpoint"]
        self.cdn: str = said["cdn"]

    def __enter__(self) -> HubProcess:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        """Ends the process; it ends by itself too when this one dies."""
        self._process.communicate()

    def add(self, repo: str, files: Mapping[str, Any], **more: Any) -> None:
        self._do("add", repo=repo, files=_named(files), **more)

    def commit(self, repo: str, files: Mapping[str, Any], branch: str = "main") -> str:
        return str(self._do("commit", repo=repo, files=_named(files), branch=branch))

    def user(self, token: str, name: str = "someone", *repos: str) -> None:
        self._do("user", token=token, name=name, repos=repos)

    def fault(self, kind: str, **more: Any) -> None:
        self._do("fault", kind=kind, **more)

    def calm(self) -> None:
        """Switches all faults off."""
        self._do("calm")

    def hits(self) -> list[int]:
        """How often each fault was committed, in their order."""
        return list(self._do("hits"))

    def set(self, **values: Any) -> None:
        """Sets `rate`, `latency`, `expires`, `page` or `strict`."""
        self._do("set", **values)

    def drop(self) -> None:
        """Ends all open connections, this order's own included."""
        try:
            self._do("drop")
        except OSError:
            pass

    def sent(self, repo: str = "", path: str = "") -> int:
        return int(self._do("sent", repo=repo, path=path))

    def twice(self, repo: str = "", path: str = "") -> int:
        return int(self._do("twice", repo=repo, path=path))

    def idle(self, timeout: float = 10.0) -> bool:
        return bool(self._do("idle", timeout=timeout))

    def seen(self) -> tuple[Seen, ...]:
        return tuple(Seen(**seen) for seen in self._do("seen"))

    def forget(self) -> None:
        """Empties the log."""
        self._do("forget")

    def _do(self, what: str, **given: Any) -> Any:
        order = json.dumps({"do": what, "with": given}).encode()
        request = Request(self.endpoint + WHERE, order, {"Connection": "close"})
        with build_opener(ProxyHandler({})).open(request, timeout=60) as answer:
            return json.load(answer)


def _named(files: Mapping[str, Any]) -> dict[str, Any]:
    named: dict[str, Any] = {}
    for path, given in files.items():
        if isinstance(given, Noise):
            named[path] = {"size": given.size, "seed": given.seed}
        elif isinstance(given, Path):
            named[path] = {"path": str(given)}
        else:
            named[path] = given.decode() if isinstance(given, bytes) else given
    return named
