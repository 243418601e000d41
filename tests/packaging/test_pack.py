"""The parts of packing that can be tried without packing: versions, archives, lists, licences."""

from __future__ import annotations

import email
import os
import re
import xml.etree.ElementTree as ET
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pack import archive, deb, elf, licences, modules, workshop
from pack.workshop import Workshop
from studio.cli.main import parser
from studio.core import media

ROOT = Path(__file__).resolve().parents[2]
LINUX = ROOT / "packaging" / "pack" / "linux"


def shop(tmp_path: Path, version: str = "1.2", flavour: str = "cpu") -> Workshop:
    return Workshop(
        tmp_path, tmp_path, ROOT, version, 1_000_000_000, "cuda" if flavour == "cuda" else "cpu"
    )


@pytest.mark.parametrize(
    ("version", "debian"),
    [("1.2", "1.2"), ("1.2rc3", "1.2~rc3"), ("1.0.dev2", "1.0~dev2"), ("0.1.0b1", "0.1.0~b1")],
)
def test_previews_come_before_what_they_preview(version: str, debian: str) -> None:
    assert deb.debian_version(version) == debian


def test_the_control_file_says_what_apt_reads(tmp_path: Path) -> None:
    text = deb.control(shop(tmp_path, "1.2rc1"), ["libc6 (>= 2.36)", "zlib1g"], 1234)
    said = email.message_from_string(text)
    assert said["Package"] == "triptych"
    assert said["Version"] == "1.2~rc1"
    assert said["Depends"] == "libc6 (>= 2.36), zlib1g"
    assert said["Installed-Size"] == "1234"
    other = email.message_from_string(deb.control(shop(tmp_path, flavour="cuda"), [], 1))
    assert other["Package"] == said["Conflicts"]
    assert other["Provides"] == said["Package"]


OBJDUMP = """
x.so:     file format elf64-x86-64

Dynamic Section:
  NEEDED               libz.so.1
  NEEDED               libours.so.2
  NEEDED               libc.so.6
  SONAME               x.so

Version References:
  required from libc.so.6:
    0x09691a75 0x00 05 GLIBC_2.2.5
    0x069691b4 0x00 03 GLIBC_2.34
"""


def test_what_a_library_wants_becomes_packages() -> None:
    wants = elf.read(OBJDUMP)
    assert wants.libraries == {"libz.so.1", "libours.so.2", "libc.so.6"}
    assert elf.packages({"x.so": wants}, ["libours.so.2"]) == ["libc6 (>= 2.34)", "zlib1g"]


def test_a_library_that_nobody_brings_ends_the_build() -> None:
    with pytest.raises(KeyError, match=r"libours\.so\.2"):
        elf.packages({"x.so": elf.read(OBJDUMP)}, [])


def test_what_is_opened_only_where_it_is_there_is_not_asked_for() -> None:
    wants = elf.Wants(frozenset({"libgtk-3.so.0"}), (2, 17))
    assert elf.packages({"PySide6/Qt/plugins/platformthemes/libqgtk3.so": wants}, []) == []


@given(st.text(max_size=400))
def test_any_words_of_objdump_are_read(text: str) -> None:
    assert all(not set(name) & set(" \n") for name in elf.read(text).libraries)


def test_the_same_folder_makes_the_same_archive(tmp_path: Path) -> None:
    made = []
    for name, mtime in (("one", 1), ("two", 2)):
        folder = tmp_path / name
        (folder / "b").mkdir(parents=True)
        for place in ("b/z.txt", "a.txt") if name == "one" else ("a.txt", "b/z.txt"):
            (folder / place).write_text(place)
            os.utime(folder / place, (mtime, mtime))
        (folder / "c").symlink_to("a.txt")
        archive.tar(folder, tmp_path / f"{name}.tar", "triptych", 1_000_000_000)
        made.append((archive.checksum(tmp_path / f"{name}.tar"), archive.listing(folder)))
    assert made[0] == made[1]


def test_a_listing_tells_a_changed_byte_and_a_changed_permission(tmp_path: Path) -> None:
    file = tmp_path / "a.txt"
    file.write_text("a")
    before = archive.listing(tmp_path)
    file.write_text("b")
    assert (changed := archive.listing(tmp_path)) != before
    file.chmod(0o755)
    assert archive.listing(tmp_path) != changed


def test_checksums_are_as_sha256sum_reads_them(tmp_path: Path) -> None:
    (tmp_path / "x").write_bytes(b"abc")
    digest = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
    assert archive.checksums([tmp_path / "x"]) == f"{digest}  x\n"


def test_all_of_the_studio_is_packed_but_its_training() -> None:
    found = modules.of_the_studio(ROOT)
    assert {"studio", "studio.ui.app", "studio.engine.image.diffusion"} <= set(found)
    assert not [n for n in found if n.startswith("studio.training")]


def test_the_standard_library_is_packed_without_its_workshop() -> None:
    found = set(modules.standard())
    assert {"sqlite3.dbapi2", "multiprocessing.spawn", "unittest.mock", "zlib", "tomllib"} <= found
    assert not found & {"idlelib", "tkinter", "test", "ensurepip", "sqlite3.test"}


@pytest.mark.parametrize(
    ("headers", "spdx"),
    [
        ("License-Expression: MIT AND BSD-3-Clause", "MIT AND BSD-3-Clause"),
        ("License: Apache 2.0 License", "Apache-2.0"),
        ("Classifier: License :: OSI Approved :: MIT License", "MIT"),
        ("License: BSD-2-Clause", "BSD-2-Clause"),
        ("License: BSD", "BSD-3-Clause"),
        ("License: LGPL-3.0-only OR GPL-2.0-only OR GPL-3.0-only", "LGPL-3.0-only"),
        ("License: NVIDIA Proprietary Software", "NVIDIA Proprietary Software"),
        ("License: UNKNOWN", ""),
        ("Summary: nothing is said", ""),
    ],
)
def test_a_licence_is_read_from_whichever_field_says_it(headers: str, spdx: str) -> None:
    about = email.message_from_string(f"Name: x\n{headers}\n")
    assert licences.spdx("x", about) == spdx  # type: ignore[arg-type]


def test_standard_texts_are_there_for_every_licence_that_needs_one() -> None:
    for names in licences._STANDARD.values():
        for name in names:
            assert len((licences.TEXTS / name).read_text("utf-8")) > 500


def test_the_manual_names_every_command() -> None:
    text = (LINUX / "triptych.1").read_text("utf-8")
    sub = next(a for a in parser()._actions if a.choices and a.dest == "command")
    assert sub.choices is not None
    for command in sub.choices:
        assert re.search(rf"\b{command}\b", text), f"the manual does not tell of {command}"


def test_the_desktop_may_open_every_kind_of_file_that_is_made_here() -> None:
    text = (LINUX / "triptych.desktop").read_text("utf-8")
    kinds = {
        ".png": "image/png",
        ".wav": "audio/x-wav",
        ".flac": "audio/flac",
        ".mid": "audio/midi",
        ".md": "text/markdown",
        ".abc": "text/vnd.abc",
        ".musicxml": "application/vnd.recordare.musicxml+xml",
    }
    assert {s for s in media.SUFFIXES if s not in (".midi", ".markdown", ".txt")} <= set(kinds)
    for kind in kinds.values():
        assert f"{kind};" in text


def test_each_kind_of_file_that_is_declared_is_told_by_its_bytes() -> None:
    space = "{http://www.freedesktop.org/standards/shared-mime-info}"
    types = ET.parse(LINUX / "triptych.xml").getroot().findall(f"{space}mime-type")
    assert len(types) == 3
    text = (LINUX / "triptych.desktop").read_text("utf-8")
    for each in types:
        assert each.find(f"{space}magic/{space}match") is not None
        assert each.find(f"{space}sub-class-of") is not None
        assert f"{each.attrib['type']};" in text


def test_the_newest_c_library_that_any_part_names_is_asked_for() -> None:
    assert max(["libc6 (>= 2.9)", "libc6 (>= 2.35)"], key=elf._libc) == "libc6 (>= 2.35)"


def test_a_source_is_given_another_version(tmp_path: Path) -> None:
    about = tmp_path / "studio" / "__init__.py"
    about.parent.mkdir()
    about.write_text('"""Words."""\n\n__version__ = "0.1.0"\n', "utf-8")
    assert workshop.stamp(tmp_path) == "0.1.0"
    assert workshop.stamp(tmp_path, "2.0rc1") == "2.0rc1"
    assert '__version__ = "2.0rc1"' in about.read_text("utf-8")
    with pytest.raises(SystemExit):
        workshop.stamp(tmp_path, '1"; import os')
