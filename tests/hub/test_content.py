"""What the hub's files hold, and that its catalogue is what it seems to be."""

from __future__ import annotations

import hashlib
import io
import json
from collections import Counter
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from tests.hub import Bytes, Content, Disk, Hub, Noise, catalogue, layouts
from tests.hub.content import DIGESTS, PIECE, REMEMBERED, Flipped, Joined, content

SIZE = PIECE + 5000
WHOLE = Noise(SIZE, 3).read()


@given(st.integers(0, SIZE), st.integers(0, SIZE))
def test_parts(one: int, other: int) -> None:
    start, stop = min(one, other), max(one, other)
    joined = Joined(Bytes(WHOLE[:7]), Bytes(b""), Bytes(WHOLE[7:PIECE]), Bytes(WHOLE[PIECE:]))
    for held in (Noise(SIZE, 3), Bytes(WHOLE), joined):
        assert held.size == SIZE
        assert held.read(start, stop) == WHOLE[start:stop]
    wrong = Flipped(Noise(SIZE, 3), PIECE + 1).read(start, stop)
    bad = start <= PIECE + 1 < stop
    assert sum(a != b for a, b in zip(wrong, WHOLE[start:stop], strict=True)) == bad


def test_names_of_contents(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_bytes(WHOLE)
    held: list[Content] = [Noise(SIZE, 3), Bytes(WHOLE), Disk(path)]
    assert {c.sha256 for c in held} == {hashlib.sha256(WHOLE).hexdigest()}
    git = hashlib.sha1(b"blob %d\0" % SIZE + WHOLE).hexdigest()
    assert {c.git for c in held} == {git}
    assert Noise(SIZE, 4).read() != WHOLE
    blocks = Counter(WHOLE[at : at + 64] for at in range(0, SIZE, 64))
    assert blocks.most_common(1)[0][1] == 1, "no part of it is like another"


def test_graphs_and_weights_have_headers_that_are_right() -> None:
    import onnx
    from safetensors.numpy import load

    files = layouts.graph_files("model.onnx", 400_000)
    model = onnx.load(io.BytesIO(content(files["model.onnx"]).read()))
    assert len(model.graph.initializer[0].raw_data) == 400_000
    apart = layouts.graph_files("model.onnx", layouts.APART)
    model = onnx.load(io.BytesIO(content(apart["model.onnx"]).read()), load_external_data=False)
    said = {e.key: e.value for e in model.graph.initializer[0].external_data}
    assert (said["location"], said["length"]) == ("model.onnx_data", str(layouts.APART))
    shapes = {"a": (2, 3)}
    tensors = load(layouts.safetensors(1000, name="b", shapes=shapes).read())
    assert {name: tensor.shape for name, tensor in tensors.items()} == {"a": (2, 3), "b": (494,)}


def test_the_catalogue(client: None) -> None:
    from huggingface_hub import HfApi

    repos = list(catalogue.repositories())
    large = {
        blob.content.mark: blob.content
        for repo in repos
        for blob in repo.head.files.values()
        if blob.content.size >= REMEMBERED
    }
    digests = json.loads(DIGESTS.read_text())
    assert set(digests) == set(large), "run `python -m tests.hub --digests`"
    smallest = min(large.values(), key=lambda held: held.size)
    whole = hashlib.sha256(smallest.read()).hexdigest()
    assert digests[smallest.mark] == smallest.sha256 == whole
    with Hub(repos, page=20) as hub:
        hub.user(catalogue.TOKEN, "ann", *(r.id for r in repos))
        api = HfApi(endpoint=hub.endpoint, token=catalogue.TOKEN)
        listed = list(api.list_models(full=True, cardData=True, sort="downloads"))
        shown = [m.id for m in listed if not hub.repo(m.id).disabled][:15]
        told = [api.model_info(id, files_metadata=True) for id in shown]
    assert len(listed) == len(repos) >= 60
    kinds = Counter(model.pipeline_tag for model in listed)
    assert min(kinds[k] for k in ("text-generation", "text-to-image", "text-to-speech")) >= 5
    sizes = [sum(s.size or 0 for s in model.siblings or ()) for model in told]
    assert max(sizes) > 10 << 30
