"""Names of a stranger's files: what leads out, is a device, a program or pickled, or clashes."""

from __future__ import annotations

import unicodedata
from pathlib import PurePosixPath, PureWindowsPath

import pytest
from hypothesis import given
from hypothesis import strategies as st

from studio.models.hub.names import MAX_SIZE, refusal, sort
from tests.hub import names as hostile

GIT, SHA = "b" * 40, "a" * 64


def _sorted(*paths: str) -> tuple[list[str], dict[str, str]]:
    files, refused = sort((path, 10, GIT) for path in paths)
    return [f.path for f in files], dict(refused)


@pytest.mark.parametrize("name", [*hostile.LEADING_OUT, *hostile.DEVICES])
def test_no_name_leads_out_or_is_a_device(name: str) -> None:
    assert refusal(name)
    assert _sorted(name) == ([], {name: refusal(name)})


@pytest.mark.parametrize("name", [n for n in hostile.STRANGE if not n.startswith(".git")])
def test_names_that_not_every_system_writes(name: str) -> None:
    assert refusal(name)


@pytest.mark.parametrize(
    "name",
    [
        "model.safetensors",
        "onnx/model_q4f16.onnx",
        "en/en_US/lessac/medium/en_US-lessac-medium.onnx.json",
        "voices/af_heart.bin",
        "voices-v1.0.bin",
        "speakers/cmu.bin",
        "größe/模型.onnx",
        "consul.json",
        "com10/auxiliary.onnx",
        "a..b/config.json",
    ],
)
def test_usual_names_are_taken(name: str) -> None:
    assert refusal(name) == ""


@pytest.mark.parametrize(
    ("name", "word"),
    [
        ("modeling_phi3.py", "program"),
        ("lib/extra.SO", "program"),
        ("install.sh", "program"),
        ("pytorch_model.bin", "pickled"),
        ("v1-5.CKPT", "pickled"),
        ("tf_model.h5", "pickled"),
        ("voices.bin/model.pt", "pickled"),
    ],
)
def test_programs_and_pickles_stay_where_they_are(name: str, word: str) -> None:
    assert word in refusal(name)


@pytest.mark.parametrize("pair", hostile.CLASHES)
def test_of_names_that_are_one_on_some_disks_none_is_taken(pair: tuple[str, str]) -> None:
    one, other = (n.replace(".bin", ".onnx") for n in pair)
    kept, refused = _sorted(one, other, "config.json")
    if one.split("/")[-1].casefold() == "a.onnx":  # two folders that become one: both files fit
        assert kept == sorted([one, other, "config.json"])
        return
    assert "config.json" in kept
    assert one not in kept
    assert "same name" in refused[one]


@pytest.mark.parametrize(
    ("size", "blob"),
    [
        (-1, GIT),
        (True, GIT),
        ("10", GIT),
        (None, GIT),
        (1.5, GIT),
        (MAX_SIZE, GIT),
        (10, "xyz"),
        (10, None),
        (10, GIT.upper()),
        (10, "../" + GIT),
    ],
)
def test_absurd_sizes_and_hashes(size: object, blob: object) -> None:
    files, refused = sort([("model.onnx", size, blob), ("config.json", 2, SHA)])
    assert [f.path for f in files] == ["config.json"]
    assert "does not say" in refused["model.onnx"]


ANYTHING = st.none() | st.booleans() | st.integers() | st.text(max_size=30) | st.binary(max_size=8)
NASTY = st.text(st.sampled_from("aB./\\:~ \x00\ud800é\u0301N.ULcon1"), max_size=24)


@given(st.lists(st.tuples(NASTY | ANYTHING, ANYTHING | st.just(5), ANYTHING | st.just(GIT))))
def test_whatever_a_server_lists_nothing_leads_out(
    listed: list[tuple[object, object, object]],
) -> None:
    files, refused = sort(listed)
    keys = [unicodedata.normalize("NFC", f.path).casefold() for f in files]
    assert len(keys) == len(set(keys))
    for file in files:
        posix, windows = PurePosixPath(file.path), PureWindowsPath(file.path)
        assert not posix.is_absolute()
        assert not windows.anchor
        assert ".." not in (*posix.parts, *windows.parts)
        assert posix.as_posix() == file.path
        assert 0 <= file.size < MAX_SIZE
        assert len(file.blob) in (40, 64)
    assert all(why.endswith(".") for why in refused.values())


@given(st.lists(st.tuples(NASTY, st.just(5), st.just(GIT)), max_size=12))
def test_no_file_is_also_a_folder(listed: list[tuple[str, int, str]]) -> None:
    files, _ = sort(listed)
    kept = {f.path.casefold() for f in files}
    assert not any(
        str(above).casefold() in kept for p in kept for above in PurePosixPath(p).parents
    )
