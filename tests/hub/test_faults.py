"""Each fault does to a plain HTTP client what its description says, and no more."""

from __future__ import annotations

import gzip
import http.client
import json
import time
from collections.abc import Mapping
from urllib.parse import quote, urlsplit

import pytest

from tests.hub import Hub, Noise, Seen, names
from tests.hub.faults import KINDS, Fault

SIZE = 200_000
RIGHT = Noise(SIZE, 5).read()


class Got:
    """An answer as it came over the wire."""

    def __init__(self, answer: http.client.HTTPResponse, *, read: bool = True) -> None:
        self.status = answer.status
        self.headers = {k.lower(): v for k, v in answer.getheaders()}
        self.whole = True
        self.body = b""
        try:
            self.body = answer.read() if read else b""
        except http.client.IncompleteRead as error:
            self.whole, self.body = False, error.partial


def get(url: str, headers: Mapping[str, str] | None = None, method: str = "GET") -> Got:
    parts = urlsplit(url)
    connection = http.client.HTTPConnection(parts.netloc, timeout=5)
    try:
        connection.request(method, f"{parts.path}?{parts.query}", headers=dict(headers or {}))
        return Got(connection.getresponse())
    finally:
        connection.close()


@pytest.fixture
def big(hub: Hub) -> str:
    """The address of a file in LFS, once the hub has told where it lies."""
    hub.add("a/b", {"big.bin": Noise(SIZE, 5), "small.json": "{}" * 600})
    return get(f"{hub.endpoint}/a/b/resolve/main/big.bin").headers["location"]


PART = {"Range": "bytes=1000-"}


def test_ranges(big: str) -> None:
    assert get(big).body == RIGHT
    for wanted, start, stop in (
        ("1000-", 1000, SIZE), ("1000-1999", 1000, 2000), ("-10", SIZE - 10, SIZE),
        ("0-999999", 0, SIZE),
    ):  # fmt: skip
        got = get(big, {"Range": f"bytes={wanted}"})
        assert (got.status, got.body) == (206, RIGHT[start:stop])
        assert got.headers["content-range"] == f"bytes {start}-{stop - 1}/{SIZE}"
    beyond = get(big, {"Range": f"bytes={SIZE}-"})
    assert (beyond.status, beyond.headers["content-range"]) == (416, f"bytes */{SIZE}")
    etag = get(big, method="HEAD").headers["etag"]
    assert get(big, PART | {"If-Range": etag}).status == 206
    assert get(big, PART | {"If-Range": '"other"'}).status == 200
    head = get(big, method="HEAD")
    assert (head.headers["content-length"], head.body) == (str(SIZE), b"")


def test_kept_alive(hub: Hub, big: str) -> None:
    parts = urlsplit(big)
    connection = http.client.HTTPConnection(parts.netloc, timeout=5)
    for _ in range(3):
        connection.request("GET", f"{parts.path}?{parts.query}", headers=PART)
        answer = connection.getresponse()
        assert answer.read() == RIGHT[1000:]
    connection.close()
    assert hub.log.sent("a/b", "big.bin") == 3 * (SIZE - 1000)
    assert hub.log.twice("a/b") == 2 * (SIZE - 1000)


def test_addresses_expire(hub: Hub, big: str) -> None:
    assert get(big, {"Authorization": "Bearer hf_x"}).status == 400
    assert [s.target for s in hub.log.leaks("hf_x")] == [hub.log.all()[-1].target]
    assert get(big.replace("Signature=", "Signature=0")).status == 403
    hub.expires = -1
    late = get(f"{hub.endpoint}/a/b/resolve/main/big.bin").headers["location"]
    assert get(late).status == 403


def test_small_files_are_packed_for_those_who_take_it(hub: Hub, big: str) -> None:
    first = get(f"{hub.endpoint}/a/b/resolve/main/small.json")
    assert (first.status, first.headers["x-linked-size"]) == (307, "1200")
    where = hub.endpoint + first.headers["location"]
    assert get(where).headers["content-length"] == "1200"
    packed = get(where, {"Accept-Encoding": "gzip"})
    assert "content-length" not in packed.headers
    assert gzip.decompress(packed.body) == b"{}" * 600


def test_status(hub: Hub, big: str) -> None:
    hub.fault("status", status=503, seconds=2, times=2, value="Down")
    got = get(big)
    assert (got.status, got.headers["retry-after"]) == (503, "2")
    assert got.headers["x-error-message"] == "Down"
    assert [get(big).status, get(big).status] == [503, 200]
    assert hub.log.sent() == SIZE, "what an error says is no byte of the file"


def test_ranges_ignored(hub: Hub, big: str) -> None:
    hub.fault("ignore-range", times=1)
    got = get(big, PART)
    assert (got.status, got.body, got.headers.get("content-range")) == (200, RIGHT, None)
    assert get(big, PART).status == 206


@pytest.mark.parametrize("reset", [False, True])
def test_cut(hub: Hub, big: str, reset: bool) -> None:
    hub.fault("cut", after=70_000, times=1, reset=reset)
    try:
        got = get(big)
        assert (got.whole, got.headers["content-length"]) == (False, str(SIZE))
        assert got.body == RIGHT[: len(got.body)]
        assert reset or len(got.body) == 70_000
    except ConnectionResetError:
        assert reset
    assert hub.log.sent() == 70_000
    assert get(big).whole


def test_nothing_comes(hub: Hub, big: str) -> None:
    hub.fault("cut", after=-1, times=1)
    with pytest.raises(ConnectionError):
        get(big)
    hub.fault("cut", after=0, times=1)
    got = get(big)
    assert (got.body, got.whole) == (b"", False)
    hub.fault("garbage", times=1)
    with pytest.raises(http.client.BadStatusLine):
        get(big)


@pytest.mark.parametrize("after", [-1, 0, 70_000])
def test_stall(hub: Hub, big: str, after: int) -> None:
    hub.fault("stall", after=after, seconds=0.3)
    before = time.monotonic()
    assert get(big).body == RIGHT
    assert time.monotonic() - before >= 0.3


def test_a_stall_ends_with_the_hub(hub: Hub, big: str) -> None:
    hub.fault("stall", after=1000, seconds=600)
    parts = urlsplit(big)
    connection = http.client.HTTPConnection(parts.netloc, timeout=5)
    connection.request("GET", f"{parts.path}?{parts.query}")
    answer = connection.getresponse()
    assert len(answer.read(1000)) == 1000
    assert not hub.log.all()[-1].done
    hub.stop()
    with pytest.raises(http.client.IncompleteRead):
        answer.read()
    connection.close()
    with pytest.raises(ConnectionError):
        get(big)
    hub.faults.clear()
    hub.start()
    assert get(big).body == RIGHT


def test_other_etag_and_other_bytes(hub: Hub, big: str) -> None:
    right = get(big).headers["etag"]
    hub.fault("etag", times=1, value="other")
    got = get(big)
    assert (got.headers["etag"], got.body) == ('"other"', RIGHT)
    hub.fault("changed", times=1)
    got = get(big, PART)
    assert got.headers["etag"] != right
    assert (len(got.body), got.body == RIGHT[1000:]) == (SIZE - 1000, False)
    hub.fault("etag", on="resolve", value="abc")
    told = get(f"{hub.endpoint}/a/b/resolve/main/big.bin", method="HEAD")
    assert told.headers["x-linked-etag"] == '"abc"'


def test_wrong_bytes(hub: Hub, big: str) -> None:
    hub.fault("wrong-bytes", after=1500, times=2)
    right = get(big, method="HEAD").headers["etag"]
    got = get(big, PART)
    assert (got.status, got.headers["etag"]) == (206, right)
    assert [n for n, byte in enumerate(got.body) if byte != RIGHT[1000 + n]] == [500]


def test_redirects(hub: Hub, big: str) -> None:
    hub.fault("redirect", times=1, value="http://elsewhere.invalid/x")
    assert get(big).headers["location"] == "http://elsewhere.invalid/x"
    hub.fault("redirect")
    got = get(big)
    assert (got.status, big.endswith(got.headers["location"])) == (302, True)


def test_gzip_without_being_asked(hub: Hub, big: str) -> None:
    hub.fault("gzip", times=1)
    got = get(big, PART)
    assert (got.status, got.headers["content-encoding"]) == (200, "gzip")
    assert "content-length" not in got.headers
    assert gzip.decompress(got.body) == RIGHT


def test_lengths_that_lie(hub: Hub, big: str) -> None:
    hub.fault("length", by=10, times=1)
    got = get(big)
    assert (got.whole, got.headers["content-length"]) == (False, str(SIZE + 10))
    assert got.body == RIGHT
    hub.fault("length", by=-10, times=1)
    assert get(big).body == RIGHT[:-10]
    hub.fault("short", after=5000, times=1)
    got = get(big)
    assert (got.whole, got.body, got.headers["content-length"]) == (True, RIGHT[:5000], "5000")


@pytest.mark.parametrize("kind", ["chunked", "unsized"])
def test_no_length(hub: Hub, big: str, kind: str) -> None:
    hub.fault(kind)
    got = get(big)
    assert (got.body, "content-length" in got.headers) == (RIGHT, False)
    assert get(big, PART).body == RIGHT[1000:]


def test_drip(hub: Hub, big: str) -> None:
    hub.fault("drip", after=SIZE - 1000, rate=5000)
    before = time.monotonic()
    assert get(big).body == RIGHT
    assert time.monotonic() - before >= 0.2


def test_bandwidth(hub: Hub, big: str) -> None:
    hub.rate = 500_000
    before = time.monotonic()
    assert get(big).body == RIGHT
    assert time.monotonic() - before >= 0.3


def test_a_range_from_elsewhere(hub: Hub, big: str) -> None:
    hub.fault("range", by=-100)
    got = get(big, PART)
    assert (got.status, got.body) == (206, RIGHT[900:])
    assert got.headers["content-range"] == f"bytes 900-{SIZE - 1}/{SIZE}"


def test_headers_and_pages_of_others(hub: Hub, big: str) -> None:
    hub.fault("headers", headers={"ETag": "", "X-New": "1"}, times=1)
    got = get(big)
    assert ("etag" in got.headers, got.headers["x-new"]) == (False, "1")
    hub.fault("html", times=1)
    got = get(big)
    assert (got.status, got.headers["content-type"]) == (200, "text/html")
    assert got.body.startswith(b"<!doctype html>")


def test_which_requests_are_hit(hub: Hub, big: str) -> None:
    only = hub.fault("status", path="*.onnx", status=500)
    third = hub.fault("status", skip=2, times=1, status=418)
    parts = hub.fault("status", ranged=True, status=500)
    listing = hub.fault("status", on="api", path="/api/models/*/tree/*", status=502)
    assert [get(big).status for _ in range(4)] == [200, 200, 418, 200]
    assert get(big, PART).status == 500
    assert get(f"{hub.endpoint}/api/models/a/b").status == 200
    assert get(f"{hub.endpoint}/api/models/a/b/tree/main").status == 502
    assert [f.hits for f in (only, third, parts, listing)] == [0, 1, 1, 1]
    hub.faults.clear()
    some = hub.fault("status", chance=0.5, status=500)
    storm = [get(big).status for _ in range(20)]
    assert 0 < some.hits < 20
    assert storm.count(500) == some.hits


def test_every_kind_is_one_that_is_known() -> None:
    assert {Fault(kind).kind for kind in KINDS} == set(KINDS)  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="no fault"):
        Fault("nonsense")  # type: ignore[arg-type]


def test_a_revision_moves(hub: Hub) -> None:
    repo = hub.add("a/b", {"big.bin": Noise(1000, 1)})
    first = get(f"{hub.endpoint}/a/b/resolve/main/big.bin").headers
    repo.commit({"big.bin": Noise(1000, 2)})
    second = get(f"{hub.endpoint}/a/b/resolve/main/big.bin").headers
    assert first["x-repo-commit"] != second["x-repo-commit"] == repo.head.sha
    assert first["x-linked-etag"] != second["x-linked-etag"]
    assert get(first["location"]).body == Noise(1000, 1).read()
    assert get(second["location"]).body == Noise(1000, 2).read()
    again = get(f"{hub.endpoint}/a/b/resolve/{first['x-repo-commit']}/big.bin").headers
    assert again["x-linked-etag"] == first["x-linked-etag"]


def test_something_happens_in_the_middle(hub: Hub, big: str) -> None:
    def heard(seen: Seen) -> None:
        if (seen.stage, seen.path) == ("resolve", "big.bin"):
            hub.repo("a/b").commit({"big.bin": Noise(SIZE, 6)})

    before = hub.repo("a/b").head.sha
    hub.hear = heard
    told = get(f"{hub.endpoint}/a/b/resolve/main/big.bin")
    assert told.headers["x-repo-commit"] == before
    assert hub.repo("a/b").head.sha != before
    assert get(told.headers["location"]).body == RIGHT


def test_names_come_through_as_they_are(hub: Hub, client: None) -> None:
    from huggingface_hub import HfApi

    pairs = names.hostile(*names.CLASHES)
    repo = hub.add("a/b", {**names.hostile(), **pairs})
    listed = HfApi(endpoint=hub.endpoint, token=False).list_repo_tree("a/b", recursive=True)
    found = {entry.path for entry in listed if hasattr(entry, "size")}
    assert found == set(repo.head.files)
    for name in (names.DEVICES[0], names.CLASHES[0][1], "/etc/outside.txt", "what?.json"):
        first = get(f"{hub.endpoint}/a/b/resolve/main/{quote(name)}")
        where = first.headers["location"]
        got = get(where if "://" in where else hub.endpoint + where)
        assert got.body.decode() == f"{name}\n"


def test_many_files(hub: Hub) -> None:
    hub.add("a/many", names.many())
    first = get(f"{hub.endpoint}/api/models/a/many/tree/main?recursive=true")
    assert len(json.loads(first.body)) == 1000
    assert 'rel="next"' in first.headers["link"]
    page = get(f"{hub.endpoint}/api/models/a/many?blobs=true")
    assert len(json.loads(page.body)["siblings"]) == 5000
