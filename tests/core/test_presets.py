"""Presets: those that ship are sound, and any file of a person is read or told."""

from __future__ import annotations

from pathlib import Path

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from studio.core.controls import complete
from studio.core.paths import resources
from studio.core.presets import MAX_FILE, load
from studio.engine.text.chat_spec import SPEC


def test_those_that_ship_fill_the_form() -> None:
    presets, faults = load([resources() / "presets"])
    assert faults == ()
    assert {p.id for p in presets} >= {
        "article", "essay", "poem", "business-plan", "product-text", "summary", "explanation",
        "rewrite-child", "rewrite-professor", "headlines",
    }  # fmt: skip
    assert len({p.title for p in presets}) == len(presets)
    for preset in presets:
        values = complete(SPEC.controls, preset.values)
        assert preset.kind == "text"
        assert values["kind"] == "chat"
        instruction = str(values["instruction"])
        assert instruction.count("{text}") == 1
        assert set(preset.description) - set("{}")
        assert len(preset.description) < 80
        assert "{" not in instruction.replace("{text}", "").replace("{length}", "")


def test_a_persons_own_counts_more(tmp_path: Path) -> None:
    one, own = tmp_path / "one", tmp_path / "own"
    for folder, title in ((one, "Theirs"), (own, "Mine")):
        folder.mkdir()
        (folder / "poem.toml").write_text(f'title = "{title}"\n[values]\nprompt = "x"\n', "utf-8")
    (own / "a.toml").write_text('title = "A"\nkind = "image"\ndescription = " b "\n', "utf-8")
    presets, faults = load([one, own, tmp_path / "nowhere"])
    assert faults == ()
    assert [(p.id, p.title, p.kind, p.description) for p in presets] == [
        ("a", "A", "image", "b"), ("poem", "Mine", "text", ""),
    ]  # fmt: skip
    assert presets[1].values == {"prompt": "x"}


def test_what_cannot_be_read_is_told_and_the_rest_is_there(tmp_path: Path) -> None:
    bad = {
        "cut": b'title = "a',
        "bytes": b"\xff\xfe\x00",
        "none": b"",
        "untitled": b'title = " "',
        "number": b"title = 3",
        "kind": b'title = "a"\nkind = "novel"',
        "values": b'title = "a"\nvalues = 3',
        "list": b'title = "a"\n[values]\nx = [1]',
        "date": b'title = "a"\n[values]\nx = 2026-01-01',
        "nan": b'title = "a"\n[values]\nx = nan',
        "deep": b'title = "a"\nx = ' + b"[" * 5000,
        "huge": b'title = "a"\n#' + b"x" * MAX_FILE,
    }
    for name, data in bad.items():
        (tmp_path / f"{name}.toml").write_bytes(data)
    (tmp_path / "good.toml").write_text('title = "Good"', "utf-8")
    (tmp_path / "folder.toml").mkdir()
    presets, faults = load([tmp_path])
    assert [p.id for p in presets] == ["good"]
    assert len(faults) == len(bad)
    for name in bad:
        (fault,) = [f for f in faults if f"“{name}.toml”" in f]
        assert fault.endswith(".")
        assert str(tmp_path) not in fault


@settings(deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    data=st.binary(max_size=200)
    | st.text(max_size=200).map(lambda t: t.encode("utf-8", "ignore"))
    | st.lists(
        st.sampled_from(
            [
                'title = "a"',
                "[values]",
                "kind = 3",
                "x = {y=1}",
                "x = inf",
                "[[values]]",
                "title.a=1",
            ]
        ),
        max_size=5,
    ).map(lambda lines: "\n".join(lines).encode())
)
def test_any_file_is_read_or_told(data: bytes, tmp_path: Path) -> None:
    (tmp_path / "any.toml").write_bytes(data)
    presets, faults = load([tmp_path])
    assert len(presets) + len(faults) == 1
