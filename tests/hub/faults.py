"""Faults that the test hub commits on request, and the answers that they are committed on."""

from __future__ import annotations

import gzip
import random
import threading
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from typing import Literal, get_args

from tests.hub.content import Bytes, Content, Flipped, Noise

Stage = Literal["api", "resolve", "bytes"]
Kind = Literal[
    "ignore-range", "cut", "stall", "etag", "changed", "wrong-bytes", "status", "redirect",
    "gzip", "length", "short", "chunked", "unsized", "drip", "range", "headers", "html", "garbage",
]  # fmt: skip
KINDS: tuple[str, ...] = get_args(Kind)


@dataclass
class Fault:
    """Something that goes wrong with requests of one sort.

    `Fault("cut", path="*.onnx", after=1000, times=2)` cuts the first two connections that bring
    an .onnx file after 1,000 bytes of the body. What each kind does:

    - ignore-range: a Range request is answered with 200 and the whole file
    - cut: the connection ends after `after` bytes of the body (-1: before any answer); `reset`
      ends it with RST instead of FIN
    - stall: nothing comes for `seconds` after `after` bytes (-1: before the answer's head)
    - etag: the ETag is another one, the bytes are the same; `value` is the ETag, if given
    - changed: other bytes of the same size under another ETag
    - wrong-bytes: the byte at offset `after` of the file is wrong, all headers are right
    - status: `status` with `value` as X-Error-Message; `seconds` > 0 is told as Retry-After
    - redirect: to `value`, or to itself for ever
    - gzip: the body is compressed and has no length, whatever the request accepts
    - length: Content-Length tells `by` bytes more (or fewer) than are sent
    - short: only the first `after` bytes of the answer, and a Content-Length that agrees
    - chunked, unsized: no Content-Length; the body ends with a last chunk, or with the connection
    - drip: `rate` bytes a second, from `after` bytes on
    - range: a Range request gets bytes from a place `by` bytes beside, and 206 says so
    - headers: `headers` are set, or taken away where empty
    - html: 200 with a web page, as the login page of a hotel's network
    - garbage: something that is not HTTP
    """

    kind: Kind
    path: str = "*"
    """Pattern of the file's path; for `on="api"` of the request's path."""
    repo: str = "*"
    on: Literal["api", "resolve", "bytes", "any"] = "bytes"
    """Listings; what a file is and where it lies (HEAD, or the redirect); its bytes."""
    times: int | None = None
    """How many requests it hits before it is over; None for all."""
    skip: int = 0
    """How many fitting requests pass first."""
    chance: float = 1.0
    """Hits that share of the fitting requests, the same ones with the same seed."""
    ranged: bool | None = None
    """Only requests with a Range header (True), or without one (False)."""
    after: int = 0
    seconds: float = 0.0
    status: int = 500
    value: str = ""
    by: int = 0
    rate: int = 0
    reset: bool = False
    headers: dict[str, str] = field(default_factory=dict)
    seed: int = 1
    hits: int = 0
    """How often it was committed; counted by the hub."""

    def __post_init__(self) -> None:
        if self.kind not in KINDS:
            raise ValueError(f"There is no fault “{self.kind}”.")
        self._random = random.Random(self.seed)

    def fits(self, stage: Stage, repo: str, path: str, ranged: bool) -> bool:
        """Whether it is to be committed on this request; counts."""
        if self.on not in (stage, "any") or (self.ranged is not None and ranged != self.ranged):
            return False
        if not fnmatchcase(repo, self.repo) or not fnmatchcase(path, self.path):
            return False
        if self.times is not None and self.hits >= self.times:
            return False
        if self.skip > 0:
            self.skip -= 1
            return False
        if self.chance < 1 and self._random.random() >= self.chance:
            return False
        self.hits += 1
        return True


class Faults:
    """Those that are switched on; of all threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._on: list[Fault] = []

    def add(self, fault: Fault) -> Fault:
        with self._lock:
            self._on.append(fault)
        return fault

    def clear(self) -> None:
        with self._lock:
            self._on.clear()

    def all(self) -> tuple[Fault, ...]:
        with self._lock:
            return tuple(self._on)

    def take(self, stage: Stage, repo: str, path: str, ranged: bool) -> list[Fault]:
        """Those that hit one request."""
        with self._lock:
            return [f for f in self._on if f.fits(stage, repo, path, ranged)]


@dataclass
class Answer:
    """What is sent back, and how it goes wrong on the way."""

    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)
    body: Content | None = None
    start: int = 0
    stop: int | None = None
    stage: Stage = "api"
    repo: str = ""
    path: str = ""
    framing: Literal["length", "chunked", "unsized"] = "length"
    claim: int = 0
    cut: int | None = None
    reset: bool = False
    stall: tuple[int, float] | None = None
    drip: tuple[int, int] | None = None
    garbage: bool = False

    @property
    def length(self) -> int:
        """Bytes of the body that is sent."""
        if self.body is None:
            return 0
        return (self.body.size if self.stop is None else self.stop) - self.start

    def select(self, asked: Mapping[str, str]) -> None:
        """Answers a Range header: 206, 416, or the whole where it is not to be served in part."""
        wanted = asked.get("range", "")
        if self.body is None or self.status != 200 or not wanted.startswith("bytes="):
            return
        if asked.get("if-range") not in (None, self.headers.get("ETag")):
            return
        first, dash, last = wanted.removeprefix("bytes=").partition("-")
        if not dash or not (first + last).isdigit():
            return  # several ranges, or nonsense
        size = self.body.size
        start = int(first) if first else max(0, size - int(last))
        stop = min(size, int(last) + 1) if first and last else size
        if start >= size or stop <= start:
            self.refuse(416, "Requested Range Not Satisfiable")
            self.headers["Content-Range"] = f"bytes */{size}"
            return
        self.status, self.start, self.stop = 206, start, stop
        self.headers["Content-Range"] = f"bytes {start}-{stop - 1}/{size}"

    def refuse(self, status: int, message: str, code: str = "") -> None:
        """Makes it an error as the hub tells one."""
        self.status, self.start, self.stop = status, 0, None
        self.headers.pop("Content-Range", None)
        self.headers.pop("Content-Encoding", None)
        self.headers["Content-Type"] = "text/plain; charset=utf-8"
        self.headers["X-Error-Message"] = message
        if code:
            self.headers["X-Error-Code"] = code
        self.body = Bytes(message.encode())

    def compress(self) -> None:
        """The whole body in gzip, in chunks of which nobody knows how many come."""
        if self.body is None:
            return
        packed = gzip.compress(self.body.read(), 1, mtime=0)
        self.body, self.start, self.stop = Bytes(packed), 0, None
        self.status = 200 if self.status == 206 else self.status
        self.headers.pop("Content-Range", None)
        self.headers["Content-Encoding"] = "gzip"
        self.framing = "chunked"


def commit(faults: Iterable[Fault], answer: Answer, target: str) -> None:
    """Commits faults on an answer to a request for `target`."""
    for fault in faults:
        _commit(fault, answer, target)


def _commit(fault: Fault, answer: Answer, target: str) -> None:
    body = answer.body
    match fault.kind:
        case "ignore-range" if answer.status in (206, 416) and body:
            answer.status, answer.start, answer.stop = 200, 0, None
            answer.headers.pop("Content-Range", None)
        case "cut":
            answer.cut, answer.reset = fault.after, fault.reset
        case "stall":
            answer.stall = fault.after, fault.seconds
        case "drip":
            answer.drip = fault.after, fault.rate
        case "etag" | "changed":
            other = f'"{fault.value or "0123456789abcdef" * 4}"'
            for name in ("ETag", "X-Linked-Etag"):
                if name in answer.headers:
                    answer.headers[name] = other
            if fault.kind == "changed" and body:
                answer.body = Noise(body.size, fault.seed + 7919)
        case "wrong-bytes" if body:
            answer.body = Flipped(body, fault.after)
        case "status":
            answer.refuse(fault.status, fault.value or "Injected by a test")
            if fault.seconds > 0:
                answer.headers["Retry-After"] = f"{fault.seconds:g}"
        case "redirect":
            answer.refuse(302, "Found")
            answer.headers["Location"] = fault.value or target
        case "gzip":
            answer.compress()
        case "length":
            answer.claim = fault.by
        case "short" if body:
            answer.stop = min(answer.start + fault.after, answer.start + answer.length)
        case "chunked" | "unsized":
            answer.framing = fault.kind
        case "range" if answer.status == 206 and body:
            start = max(0, min(body.size - 1, answer.start + fault.by))
            answer.start, answer.stop = start, body.size
            answer.headers["Content-Range"] = f"bytes {start}-{body.size - 1}/{body.size}"
        case "headers":
            for name, value in fault.headers.items():
                answer.headers.pop(name, None)
                if value:
                    answer.headers[name] = value
        case "html":
            answer.refuse(200, "<!doctype html><title>Sign in to the network</title>")
            answer.headers = {"Content-Type": "text/html"}
        case "garbage":
            answer.garbage = True
        case _:
            pass  # a fault of bytes on an answer that has none
