"""What leaves the library opens elsewhere, with the recipe or without, and is whole."""

from __future__ import annotations

from pathlib import Path

import mido
import numpy as np
import pytest
import soundfile
from hypothesis import example, given, settings
from hypothesis import strategies as st
from PIL import ExifTags, Image

from studio.core import media
from studio.core.errors import StudioError
from studio.core.formats import id3
from studio.core.messages import Output
from studio.core.record import AI_SOURCE, Record
from studio.library import Item, Library
from studio.library.exporters import EXPORTERS, export, for_item
from tests.library import makers
from tests.library.makers import make

EMBEDS = [e for e in EXPORTERS if e.suffix != ".txt"]


def test_each_item_is_offered_what_can_be_made_of_it(library: Library) -> None:
    assert [e.suffix for e in for_item(make(library, "text"))] == [".md", ".txt"]
    assert [e.suffix for e in for_item(make(library, "image"))] == [".png", ".jpg", ".webp"]
    tune = make(library, "audio")
    assert [e.suffix for e in for_item(tune)] == [
        ".wav", ".flac", ".mp3", ".ogg", ".mid", ".abc", ".musicxml", ".pdf", ".png"
    ]  # fmt: skip
    assert len({(e.kind, e.suffix) for e in EXPORTERS}) == len(EXPORTERS)


@pytest.mark.parametrize("exporter", EMBEDS, ids=lambda e: e.suffix)
@pytest.mark.parametrize("mark_ai", [True, False])
def test_the_recipe_goes_with_it_or_stays(
    library: Library, tmp_path: Path, exporter: object, mark_ai: bool
) -> None:
    kind, suffix = exporter.kind, exporter.suffix  # type: ignore[attr-defined]
    item = make(library, kind, "A fox, ünïcode 🦊 <&>", mark_ai=mark_ai)
    with_it = export(item, tmp_path / f"with{suffix}")
    record = media.extract(with_it)
    assert record == Record(item.recipe, makers.CPU, mark_ai=mark_ai)
    without = export(item, tmp_path / f"without{suffix}", with_recipe=False)
    with pytest.raises(StudioError, match="no recipe"):
        media.extract(without)
    raw = without.read_bytes()
    assert b"ncode" not in raw
    assert b"starter-" not in raw
    assert (AI_SOURCE.encode() in raw.replace(b"\n% triptych: ", b"")) == mark_ai
    assert not list(tmp_path.glob(".*"))


def test_pictures_open_elsewhere(library: Library, tmp_path: Path) -> None:
    item = make(library, "image", "A fox 🦊", negative_prompt="blurry", steps=20)
    with Image.open(item.main) as original:
        pixels = np.asarray(original.convert("RGB")).astype(int)
    for suffix, kind in ((".png", "PNG"), (".jpg", "JPEG"), (".webp", "WEBP")):
        with Image.open(export(item, tmp_path / f"a{suffix}")) as image:
            assert image.format == kind
            assert image.size == (48, 32)
            seen = np.asarray(image.convert("RGB")).astype(int)
            assert np.abs(seen - pixels).mean() < (0.01 if suffix == ".png" else 12)
            if suffix != ".png":
                comment = image.getexif().get_ifd(ExifTags.IFD.Exif)[ExifTags.Base.UserComment]
                assert comment.startswith(b"UNICODE\0")
                words = comment[8:].decode("utf-16-be")
                assert words.startswith("A fox 🦊\nNegative prompt: blurry\nSteps: 20, Seed: 7")


def test_transparency_becomes_white_in_jpeg(library: Library, tmp_path: Path) -> None:
    wish = makers.recipe("image")
    folder = library.job_folder("clear")
    file = folder / "clear.png"
    Image.new("RGBA", (8, 8), (255, 0, 0, 0)).save(file)
    file.write_bytes(media.embed(file.read_bytes(), ".png", Record(wish, "")))
    item = library.take_in(Output((file,), wish))
    with Image.open(export(item, tmp_path / "a.jpg")) as image:
        assert image.getpixel((4, 4)) == (255, 255, 255)
    with Image.open(export(item, tmp_path / "a.webp")) as image:
        assert image.mode == "RGBA"


def test_sounds_and_scores_open_elsewhere(library: Library, tmp_path: Path) -> None:
    item = make(library, "audio")
    expected, rate = soundfile.read(item.main)
    for suffix in (".wav", ".flac"):
        wave, found = soundfile.read(export(item, tmp_path / f"a{suffix}", with_recipe=False))
        assert found == rate
        assert np.array_equal(wave, expected)
    assert mido.MidiFile(export(item, tmp_path / "a.mid")).length > 0
    assert (
        export(item, tmp_path / "a.abc", with_recipe=False).read_bytes().endswith(makers.ABC[-15:])
    )


def test_compressed_sounds_are_the_sound(library: Library, tmp_path: Path) -> None:
    """MP3 and Ogg by content, at the same rate, as long, and much like what went in."""
    rate, seconds = 22_050, 2.0
    times = np.arange(round(rate * seconds)) / rate
    tone = (8_000 * np.sin(2 * np.pi * 440 * times)).astype(np.int16)
    wish = makers.recipe("audio", prompt="words " * 3_000)
    file = library.job_folder("tone") / "tone.wav"
    soundfile.write(file, tone, rate, subtype="PCM_16")
    file.write_bytes(media.embed(file.read_bytes(), ".wav", Record(wish, makers.CPU)))
    item = library.take_in(Output((file,), wish, {"seconds": seconds}))
    for suffix, kind in ((".mp3", "MP3"), (".ogg", "OGG")):
        path = export(item, tmp_path / f"a{suffix}")
        assert media.extract(path).recipe == item.recipe
        with soundfile.SoundFile(path) as sound:
            assert (sound.format, sound.samplerate, sound.channels) == (kind, rate, 1)
            heard = sound.read(dtype="int16").astype(float)
        assert abs(len(heard) - len(tone)) < 3_000
        assert abs(heard[5_000:-5_000].std() / tone.std() - 1) < 0.05
        spectrum = np.abs(np.fft.rfft(heard[5_000:27_050]))
        assert abs(int(spectrum.argmax()) - 440) <= 1
    # An ID3 tag that another program put there goes, and no second one comes.
    tagged = id3.write((tmp_path / "a.mp3").read_bytes(), None)
    assert not tagged.startswith(id3.MAGIC)


def test_a_rate_that_mp3_does_not_know_is_told(library: Library, tmp_path: Path) -> None:
    wish = makers.recipe("audio")
    file = library.job_folder("odd") / "odd.wav"
    soundfile.write(file, np.zeros(1_000, np.int16), 12_345, subtype="PCM_16")
    item = library.take_in(Output((file,), wish))
    with pytest.raises(StudioError, match="12,345"):
        export(item, tmp_path / "a.mp3")
    assert not list(tmp_path.glob("a.*"))


def test_texts_keep_every_letter(library: Library, tmp_path: Path) -> None:
    item = make(library, text="# Fox 🦊\n\n---\nثعلب\n")
    assert export(item, tmp_path / "a.txt").read_text("utf-8") == "# Fox 🦊\n\n---\nثعلب\n"
    bare = export(item, tmp_path / "a.md", with_recipe=False).read_text("utf-8")
    assert media.body(bare) == "# Fox 🦊\n\n---\nثعلب\n"
    assert export(item, tmp_path / "same.md").read_bytes() == item.main.read_bytes()


def test_names_and_endings(library: Library, tmp_path: Path) -> None:
    item = make(library, "image")
    assert export(item, tmp_path / "fox.v2", suffix=".jpg").name == "fox.v2.jpg"
    with pytest.raises(StudioError, match="already"):
        export(item, tmp_path / "fox.v2", suffix=".jpg")
    assert export(item, tmp_path / "fox.v2.jpg").exists()
    assert export(item, tmp_path / "FOX.PNG").exists()
    assert export(item, tmp_path / "new" / "folder" / "fox.png").exists()
    for name in ("fox", "fox.exe", "fox.wav"):
        with pytest.raises(StudioError) as caught:
            export(item, tmp_path / name)
        assert ".webp" in caught.value.hint


def test_what_is_gone_or_damaged_is_told(library: Library, tmp_path: Path) -> None:
    picture, tune = make(library, "image"), make(library, "audio")
    picture.main.write_bytes(picture.main.read_bytes()[:90])
    tune.main.write_bytes(b"RIFF")
    for item, suffix in ((picture, ".jpg"), (picture, ".webp"), (tune, ".flac")):
        with pytest.raises(StudioError, match="damaged"):
            export(item, tmp_path / f"x{suffix}")
    tune.main.unlink()
    with pytest.raises(StudioError, match="cannot be read"):
        export(tune, tmp_path / "x.wav")
    assert list(tmp_path.glob("x*")) == []


def test_a_recipe_too_long_for_a_jpeg_is_told(library: Library, tmp_path: Path) -> None:
    item = make(library, "image", "word " * 20_000)
    with pytest.raises(StudioError, match="too long"):
        export(item, tmp_path / "a.jpg")
    assert export(item, tmp_path / "b.jpg", with_recipe=False).exists()
    assert media.extract(export(item, tmp_path / "a.png")).recipe == item.recipe


@pytest.fixture(scope="module")
def photos(tmp_path_factory: pytest.TempPathFactory) -> list[bytes]:
    """Files that are only exported: photos, and compressed sounds."""
    folder = tmp_path_factory.mktemp("photos")
    with Library.open(folder / "library") as library:
        picture: Item = make(library, "image")
        tune: Item = make(library, "audio")
        photos = [export(picture, folder / f"a{s}").read_bytes() for s in (".jpg", ".webp")]
        return photos + [export(tune, folder / f"a{s}").read_bytes() for s in (".mp3", ".ogg")]


@settings(max_examples=300, deadline=None)
@given(data=st.data())
@example(data=None)
def test_foreign_photos_raise_nothing_but_studio_error(
    photos: list[bytes], tmp_path_factory: pytest.TempPathFactory, data: st.DataObject | None
) -> None:
    path = tmp_path_factory.getbasetemp() / "foreign.bin"
    raws = [
        b"ID3\x04\0\0\0\0\x7f\x7f",
        b"OggS",
        b"\xff\xd8\xff",
        b"\xff\xd8\xff\xe1\0\0",
        b"RIFF\0\0\0\0WEBP" + b"XMP \xff\xff\xff\xff",
    ]
    if data is not None:
        raw = bytearray(data.draw(st.sampled_from(photos)))
        for _ in range(data.draw(st.integers(1, 4))):
            at = data.draw(st.integers(0, min(len(raw), 2_000)))
            raw[at : at + data.draw(st.integers(0, 9))] = data.draw(st.binary(max_size=9))
        raws = [bytes(raw[: data.draw(st.integers(0, len(raw)))])]
    for raw_bytes in raws:
        path.write_bytes(raw_bytes)
        try:
            media.extract(path)
        except StudioError:
            pass
