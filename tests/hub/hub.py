"""The hub that the model manager is tested against: both servers, their users and faults."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from types import TracebackType
from typing import Any
from urllib.parse import quote

from tests.hub import api, control, files
from tests.hub.content import Source
from tests.hub.faults import Answer, Fault, Faults, commit
from tests.hub.log import Log, Seen
from tests.hub.repos import Blob, Repo
from tests.hub.wire import Limit, Listener, Request


@dataclass(frozen=True)
class User:
    """Someone with a token."""

    name: str
    token: str
    repos: frozenset[str]
    """Private repositories that they see, and gated ones that they were let into."""


def _nothing(seen: Seen) -> None:
    """Nobody listens."""


class Hub:
    """A hub on the loopback that speaks Hugging Face's API, with faults on request.

        with Hub() as hub:
            hub.add("owner/name", {"config.json": "{}", "model.onnx": Noise(50 << 20)})
            api = HfApi(endpoint=hub.endpoint)
            cut = hub.fault("cut", path="*.onnx", after=1 << 20, times=2)
            …
            assert cut.hits == 2
            assert hub.log.twice() < 1 << 16

    Two servers run: the hub at `endpoint` (http://127.0.0.1:…), which answers `/api/…` and
    `/owner/name/resolve/REVISION/PATH`, and a content network at `cdn` (http://localhost:…),
    to which files in LFS are redirected under addresses that are signed and expire. Small files
    are redirected to another path of the hub itself, as huggingface.co does.

    - `add(repo, files, **more)` adds a repository, or takes a `Repo`; `repo(id)` gives it, with
      `commit`, `tag`, `branches`, `head`: a commit on `main` is a revision that moves.
    - `fault(kind, …)` switches a fault on (see `Fault`), `faults.clear()` all of them off.
    - `user(token, name, *repos)` makes a token known, and lets it into private and gated ones.
    - `log` has every request with its headers and the bytes sent: `log.all()`, `log.sent()`,
      `log.twice()`, `log.leaks(token)`, `log.idle()`, `log.clear()`.
    - `hear` is called with each request before it is answered, in the server's thread: what a
      test does there (a commit, a signal, a fault) happens at that moment of a download.
    - `rate` is the bandwidth in bytes a second (0: no limit), `latency` the seconds before each
      answer; both count from the next piece that is sent.
    - `stop()` and `start()` take both servers away and bring them back at the same ports;
      `drop()` ends the connections that are open.
    - `expires`: seconds for which an address of the content network is good.
    - `page`: entries of one page of a listing (a twentieth of it where `expand` is asked for).
    - `strict`: the content network refuses requests that bring an Authorization header.
    - `xet`: LFS files are said to be had by Xet as well (they are not: there is no such server).
    - `buffer`: bytes of the sockets' send buffer; small ones make `sent` exact when a client dies.
    """

    def __init__(
        self,
        repos: Iterable[Repo] = (),
        *,
        rate: int = 0,
        latency: float = 0.0,
        expires: float = 3600.0,
        page: int = 1000,
        strict: bool = True,
        xet: bool = False,
        buffer: int = 0,
        port: int = 0,
    ) -> None:
        self.log = Log()
        self.faults = Faults()
        self.latency = latency
        self.expires = expires
        self.page = page
        self.strict = strict
        self.xet = xet
        self.hear: Callable[[Seen], None] = _nothing
        self.delivered: dict[str, tuple[str, str, Blob]] = {}
        """What lies behind the content network's addresses: repository, path, file."""
        self._limit = Limit(rate)
        self._buffer = buffer
        self._ports = (port, 0)
        self._repos: dict[str, Repo] = {}
        self._moved: dict[str, str] = {}
        self._users: dict[str, User] = {}
        self._listeners: tuple[Listener, ...] = ()
        for repo in repos:
            self.add(repo)

    def __enter__(self) -> Hub:
        self.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.stop()

    def start(self) -> None:
        """Brings both servers up, at the ports they had before if there were any."""
        more: dict[str, Any] = {"buffer": self._buffer, "latency": lambda: self.latency}
        ends = (("hub", self._answer_hub), ("cdn", self._answer_cdn))
        self._listeners = tuple(
            Listener(name, answer, self.log, self._limit, port=port, **more)
            for (name, answer), port in zip(ends, self._ports, strict=True)
        )
        self._ports = (self._listeners[0].port, self._listeners[1].port)

    def stop(self) -> None:
        """Takes both servers away; connections end in the middle of what they carry."""
        for listener in self._listeners:
            listener.close()
        self._listeners = ()

    def drop(self) -> None:
        """Ends all connections that are open, as when the network changes."""
        for listener in self._listeners:
            listener.drop()

    @property
    def endpoint(self) -> str:
        """What `HF_ENDPOINT` is to be."""
        return f"http://127.0.0.1:{self._ports[0]}"

    @property
    def cdn(self) -> str:
        """The other host, where files of LFS come from."""
        return f"http://localhost:{self._ports[1]}"

    @property
    def rate(self) -> int:
        return self._limit.rate

    @rate.setter
    def rate(self, value: int) -> None:
        self._limit.rate = value

    @property
    def repos(self) -> tuple[Repo, ...]:
        return tuple(self._repos.values())

    def add(self, repo: Repo | str, files: Mapping[str, Source] | None = None, **more: Any) -> Repo:
        """Puts a repository on the hub; with a name and files one is made of them."""
        made = repo if isinstance(repo, Repo) else Repo(repo, files, **more)
        self._repos[made.id] = made
        return made

    def repo(self, id: str) -> Repo:
        return self._repos[id]

    def remove(self, id: str) -> None:
        """Takes a repository off the hub."""
        del self._repos[id]

    def rename(self, old: str, new: str) -> None:
        """Gives a repository another name; the old one is redirected."""
        repo = self._repos.pop(old)
        repo.id = new
        self._repos[new] = repo
        self._moved[old] = new

    def moved(self, id: str) -> str | None:
        """The new name of a repository that was renamed."""
        return self._moved.get(id)

    def user(self, token: str, name: str = "someone", *repos: str) -> User:
        """Makes a token known, and lets it into these private and gated repositories."""
        self._users[token] = User(name, token, frozenset(repos))
        return self._users[token]

    def fault(self, kind: Any, **more: Any) -> Fault:
        """Switches a fault on: `Fault`'s fields."""
        return self.faults.add(Fault(kind, **more))

    # What the answers ask.

    def user_of(self, request: Request) -> User | None:
        """Who asks, if they brought a token that is known."""
        return self._users.get(request.headers.get("authorization", "").removeprefix("Bearer "))

    def known(self, request: Request, answer: Answer) -> bool:
        """Whether a token that came is a good one; none is good enough here."""
        if "authorization" in request.headers and self.user_of(request) is None:
            answer.refuse(401, "Invalid credentials in Authorization header")
            return False
        return True

    def sees(self, request: Request, repo: Repo) -> bool:
        """Whether a repository shows in listings."""
        user = self.user_of(request)
        return not repo.private or (user is not None and repo.id in user.repos)

    def readable(self, request: Request, id: str, answer: Answer) -> Repo | None:
        """The repository, if there is one that the asker may know of."""
        repo = self._repos.get(id)
        if repo is not None and self.may_read(request, repo, answer, files=False):
            return repo
        if repo is None:
            self._missing(request, answer)
        return None

    def may_read(self, request: Request, repo: Repo, answer: Answer, *, files: bool) -> bool:
        """Whether someone may have the card, or (`files`) what lies in the repository."""
        if not self.known(request, answer):
            return False
        user = self.user_of(request)
        if not self.sees(request, repo):
            self._missing(request, answer)
        elif repo.disabled:
            answer.refuse(403, "Access to this resource is disabled.")
        elif files and repo.gated and (user is None or repo.id not in user.repos):
            said = f"Access to model {repo.id} is restricted"
            if user is None:
                said += ". You must have access to it and be authenticated to access it."
                answer.refuse(401, f"{said} Please log in.", "GatedRepo")
            else:
                said += " and you are not in the authorized list. Visit "
                said += f"https://huggingface.co/{repo.id} to ask for access."
                answer.refuse(403, said, "GatedRepo")
        return answer.status == 200

    def cdn_url(self, repo: Repo, path: str, blob: Blob) -> str:
        """A signed address at the content network, good for a while."""
        place = hashlib.sha256(f"{repo.id}/{path}".encode()).hexdigest()
        where = f"/repos/{place[:2]}/{place[2:4]}/{place}/{blob.etag}"
        self.delivered[where] = (repo.id, path, blob)
        expires = f"{time.time() + self.expires:.1f}"
        name = quote(f"inline; filename*=UTF-8''{quote(path.rsplit('/', 1)[-1])};", safe="")
        query = f"response-content-disposition={name}&Expires={expires}"
        return f"{self.cdn}{where}?{query}&Signature={files.signature(where, expires)}"

    def _missing(self, request: Request, answer: Answer) -> None:
        if self.user_of(request) is None:  # whether it is there is told to nobody unknown
            # The code is told as well: the client guesses it from the 401 with https only.
            answer.refuse(401, "Invalid username or password.", "RepoNotFound")
        else:
            answer.refuse(404, "Repository not found", "RepoNotFound")

    def _answer_hub(self, request: Request, seen: Seen) -> Answer:
        target = request.target
        if target == control.WHERE:
            return control.ordered(self, request.body)
        if target.startswith("/api/resolve-cache/models/"):
            parts = target.removeprefix("/api/resolve-cache/models/").split("/", 2)
            answer = self._file(request, seen, parts, files.cached)
        elif target.startswith("/api/"):
            answer = api.answered(self, request)
            seen.repo = answer.repo
        else:
            parts = target.partition("?")[0][1:].split("/", 3)
            good = len(parts) == 4 and parts[2] == "resolve"
            answer = self._file(
                request, seen, [*parts[:2], *parts[3:]] if good else [], files.resolve
            )
        return self._spoiled(request, seen, answer)

    def _file(self, request: Request, seen: Seen, parts: list[str], answered: Any) -> Answer:
        answer = Answer(stage="resolve")
        if len(parts) != 3:
            answer.refuse(404, "Sorry, we can't find the page you are looking for.")
            return answer
        id = "/".join(parts[:2])
        if moved := self.moved(id):
            answer.status = 307
            answer.headers["Location"] = request.target.replace(f"/{id}/", f"/{moved}/", 1)
            return answer
        repo = self._repos.get(id)
        if repo is None:
            if self.known(request, answer):
                self._missing(request, answer)
            return answer
        made: Answer = answered(self, request, seen, repo, parts[2])
        return made

    def _answer_cdn(self, request: Request, seen: Seen) -> Answer:
        return self._spoiled(request, seen, files.delivered(self, request, seen))

    def _spoiled(self, request: Request, seen: Seen, answer: Answer) -> Answer:
        seen.stage = answer.stage
        self.hear(seen)
        ranged = "range" in request.headers
        hit = self.faults.take(answer.stage, answer.repo, answer.path, ranged)
        seen.faults = tuple(fault.kind for fault in hit)
        commit(hit, answer, request.target)
        return answer
