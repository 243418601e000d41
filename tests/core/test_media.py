"""The recipe goes into every kind of file and comes out whole; foreign bytes never crash us."""

from __future__ import annotations

import io
import json
import struct
import tempfile
import zlib
from pathlib import Path

import mido
import numpy as np
import pytest
import soundfile
import yaml
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from PIL import Image

from studio.core import media
from studio.core.errors import StudioError
from studio.core.recipe import InputRef, Recipe
from studio.core.record import AI_SOURCE, SOFTWARE, Record

PLAIN = Recipe("image", "image.diffusion", "starter", 7, {"prompt": "a red fox", "steps": 20})

words = st.text(st.characters(exclude_categories=["Cs"]), max_size=80)
names = st.from_regex(r"[a-z][a-z0-9_]{0,10}", fullmatch=True)
recipes = st.builds(
    Recipe,
    kind=st.sampled_from(["text", "image", "audio"]),
    family=st.from_regex(r"[a-z][a-z.]{0,20}", fullmatch=True),
    model=st.from_regex(r"[A-Za-z0-9][A-Za-z0-9._ -]{0,30}", fullmatch=True),
    seed=st.integers(0, 2**32 - 1),
    values=st.dictionaries(
        names,
        words | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.booleans(),
        max_size=5,
    ),
    inputs=st.dictionaries(
        names,
        st.builds(InputRef, name=words, sha256=st.from_regex(r"[0-9a-f]{64}", fullmatch=True)),
        max_size=2,
    ),
)
records = st.builds(
    Record,
    recipe=recipes,
    provider=st.sampled_from(["CPUExecutionProvider", "CUDAExecutionProvider", ""]),
    edited=st.booleans(),
    mark_ai=st.booleans(),
)


def png(size: tuple[int, int] = (5, 3)) -> bytes:
    file = io.BytesIO()
    Image.new("RGB", size, (200, 30, 10)).save(file, "PNG")
    return file.getvalue()


def sound(kind: str, frames: int = 1001) -> bytes:
    file = io.BytesIO()
    wave = np.sin(np.arange(frames) / 9).astype("float32") * 0.5
    soundfile.write(file, wave, 16000, format=kind, subtype="PCM_16" if kind == "FLAC" else None)
    return file.getvalue()


def midi() -> bytes:
    song = mido.MidiFile()
    first, second = mido.MidiTrack(), mido.MidiTrack()
    song.tracks += [first, second]
    first.append(mido.MetaMessage("track_name", name="Tune"))
    first.append(mido.MetaMessage("text", text="somebody's words"))
    for note in (60, 64, 67):
        second.append(mido.Message("note_on", note=note, time=10))
        second.append(mido.Message("note_off", note=note, time=90))
    file = io.BytesIO()
    song.save(file=file)
    return file.getvalue()


CLEAN = {
    ".png": png(),
    ".wav": sound("WAV"),
    ".flac": sound("FLAC"),
    ".mid": midi(),
    ".md": "# Ein Fuchs 🦊\n\nEs war einmal …\n".encode(),
    ".abc": b"%abc-2.1\nX:1\nT:Tune\nM:4/4\nK:D\nDEFG ABcd|\n",
}


def save(folder: Path, data: bytes, suffix: str) -> Path:
    path = folder / f"file{suffix}"
    path.write_bytes(data)
    return path


@pytest.mark.parametrize("suffix", CLEAN)
@settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(record=records)
def test_what_goes_in_comes_out_and_goes_away(tmp_path: Path, suffix: str, record: Record) -> None:
    data = media.embed(CLEAN[suffix], suffix, record)
    assert media.extract(save(tmp_path, data, suffix)) == record
    assert media.strip(data, suffix) == CLEAN[suffix]
    assert media.embed(data, suffix, record) == data


@pytest.mark.parametrize("suffix", CLEAN)
def test_a_new_record_takes_the_place_of_the_old_one(tmp_path: Path, suffix: str) -> None:
    first = Record(PLAIN, "CPUExecutionProvider")
    second = Record(PLAIN.with_values(prompt="a blue whale"), "", edited=True, mark_ai=False)
    data = media.embed(media.embed(CLEAN[suffix], suffix, first), suffix, second)
    assert media.extract(save(tmp_path, data, suffix)) == second
    assert data == media.embed(CLEAN[suffix], suffix, second)


@pytest.mark.parametrize("suffix", CLEAN)
def test_the_mark_can_stay_when_the_recipe_goes(tmp_path: Path, suffix: str) -> None:
    data = media.embed(CLEAN[suffix], suffix, Record(PLAIN, "CPUExecutionProvider"))
    bare = media.strip(data, suffix, keep_mark=True)
    assert AI_SOURCE.encode() in bare.replace(b"\n% triptych: ", b"")
    assert b"fox" not in bare
    with pytest.raises(StudioError, match="no recipe"):
        media.extract(save(tmp_path, bare, suffix))
    assert media.strip(bare, suffix) == CLEAN[suffix]


def test_other_programs_open_what_we_wrote(tmp_path: Path) -> None:
    recipe = PLAIN.with_values(
        prompt="a fox, ünïcode 🦊", negative_prompt="blurry", guidance=7.5, sampler="euler"
    )
    record = Record(recipe, "CPUExecutionProvider")
    with Image.open(save(tmp_path, media.embed(CLEAN[".png"], ".png", record), ".png")) as image:
        image.verify()
        assert image.info["parameters"] == (
            "a fox, ünïcode 🦊\nNegative prompt: blurry\n"
            "Steps: 20, Sampler: euler, CFG scale: 7.5, Seed: 7, Size: 5x3, Model: starter, "
            f"Version: {SOFTWARE}"
        )
        assert AI_SOURCE in image.info["XML:com.adobe.xmp"]
    for suffix in (".wav", ".flac"):
        path = save(tmp_path, media.embed(CLEAN[suffix], suffix, record), suffix)
        expected, rate = soundfile.read(io.BytesIO(CLEAN[suffix]))
        wave, found_rate = soundfile.read(path)
        assert found_rate == rate
        assert np.array_equal(wave, expected)
    with soundfile.SoundFile(tmp_path / "file.wav") as wav:
        assert json.loads(wav.comment.removeprefix("triptych: "))["recipe"]["seed"] == 7
        assert wav.software.startswith(SOFTWARE)
    song = mido.MidiFile(save(tmp_path, media.embed(CLEAN[".mid"], ".mid", record), ".mid"))
    assert [m.type for m in song.tracks[0]][:3] == ["text", "track_name", "text"]
    assert sum(m.type == "note_on" for m in song.tracks[1]) == 3
    front = media.embed(CLEAN[".md"], ".md", record).decode().split("---\n")[1]
    assert yaml.safe_load(front)["triptych"]["recipe"]["values"]["prompt"] == "a fox, ünïcode 🦊"


def test_old_readers_get_latin_1_where_it_is_enough() -> None:
    data = media.embed(CLEAN[".png"], ".png", Record(PLAIN, ""))
    assert b"tEXtparameters\0a red fox" in data


def test_a_picture_saved_again_with_packed_text_is_still_read(tmp_path: Path) -> None:
    record = Record(PLAIN, "")
    body = b"triptych\0\x01\0\0\0" + zlib.compress(record.to_json().encode())
    chunk = struct.pack(">I", len(body)) + b"iTXt" + body
    chunk += struct.pack(">I", zlib.crc32(b"iTXt" + body))
    clean = CLEAN[".png"]
    assert media.extract(save(tmp_path, clean[:33] + chunk + clean[33:], ".png")) == record


def test_a_bomb_is_refused(tmp_path: Path) -> None:
    body = b"triptych\0\x01\0\0\0" + zlib.compress(b" " * (64 << 20), 9)
    chunk = struct.pack(">I", len(body)) + b"iTXt" + body
    chunk += struct.pack(">I", zlib.crc32(b"iTXt" + body))
    clean = CLEAN[".png"]
    with pytest.raises(StudioError, match="too large"):
        media.extract(save(tmp_path, clean[:33] + chunk + clean[33:], ".png"))


def test_a_recipe_with_a_flipped_bit_is_not_believed(tmp_path: Path) -> None:
    data = media.embed(CLEAN[".png"], ".png", Record(PLAIN, ""))
    at = data.index(b"red fox")
    with pytest.raises(StudioError, match="not a whole PNG"):
        media.extract(save(tmp_path, data[:at] + b"bed" + data[at + 3 :], ".png"))


def test_foreign_metadata_stays() -> None:
    xmp = "<x:xmpmeta>mine</x:xmpmeta>"
    file = io.BytesIO()
    from PIL.PngImagePlugin import PngInfo

    info = PngInfo()
    info.add_itxt("XML:com.adobe.xmp", xmp)
    info.add_text("Author", "somebody")
    Image.new("L", (2, 2)).save(file, "PNG", pnginfo=info)
    data = media.embed(file.getvalue(), ".png", Record(PLAIN, ""))
    with Image.open(io.BytesIO(data)) as image:
        image.load()
        assert image.info["XML:com.adobe.xmp"] == xmp
        assert image.info["Author"] == "somebody"
    assert media.strip(data, ".png") == file.getvalue()

    info_chunk = b"INFOIART" + struct.pack("<I", 4) + b"somb"
    wav = CLEAN[".wav"] + b"LIST" + struct.pack("<I", len(info_chunk)) + info_chunk
    wav = wav[:4] + struct.pack("<I", len(wav) - 8) + wav[8:]
    with_record = media.embed(wav, ".wav", Record(PLAIN, ""))
    assert info_chunk in with_record
    assert media.strip(with_record, ".wav") == wav


def test_a_wav_without_its_last_pad_byte_is_padded(tmp_path: Path) -> None:
    wave = struct.pack("<4sIHHIIHH", b"fmt ", 16, 1, 1, 8000, 8000, 1, 8)
    wave += b"data" + struct.pack("<I", 3) + b"\x80\x81\x82"
    data = b"RIFF" + struct.pack("<I", len(wave) + 4) + b"WAVE" + wave
    path = save(tmp_path, media.embed(data, ".wav", Record(PLAIN, "")), ".wav")
    assert media.extract(path).recipe == PLAIN
    assert len(path.read_bytes()) % 2 == 0
    assert soundfile.info(path).frames == 3


def test_front_matter_that_a_person_added_to_stays(tmp_path: Path) -> None:
    record = Record(PLAIN, "")
    text = media.embed(b"Once upon a time", ".md", record).decode()
    text = text.replace("---\n\n", "tags: [mine]\n---\n\n").replace("\n", "\r\n")
    path = save(tmp_path, text.encode(), ".md")
    assert media.extract(path) == record
    assert media.body(text) == "Once upon a time"
    assert b"tags: [mine]" in media.strip(text.encode(), ".md")
    assert b"tags: [mine]" in media.embed(text.encode(), ".md", Record(PLAIN, "", edited=True))


@pytest.mark.parametrize(
    "text", ["", "---\n", "---\nmine: 1\n---\n\nwords", "\n\n", "a\r\nb", "---"]
)
def test_texts_with_lines_of_their_own_stay_whole(text: str) -> None:
    data = media.embed(text.encode(), ".md", Record(PLAIN, ""))
    assert media.body(data.decode()) == text
    assert media.strip(data, ".md") == text.encode()
    assert media.body(text) == text


def test_plain_text_carries_nothing(tmp_path: Path) -> None:
    assert media.embed(b"words", ".txt", Record(PLAIN, "")) == b"words"
    assert media.strip(b"words", ".txt") == b"words"
    with pytest.raises(StudioError, match="no recipe"):
        media.extract(save(tmp_path, b"words", ".txt"))


def test_content_counts_and_not_the_name(tmp_path: Path) -> None:
    record = Record(PLAIN, "")
    path = save(tmp_path, media.embed(CLEAN[".png"], ".PNG", record), ".jpeg.txt")
    assert media.extract(path) == record


def test_unknown_missing_and_forbidden_files(tmp_path: Path) -> None:
    with pytest.raises(StudioError, match="does not know"):
        media.embed(b"", ".exe", Record(PLAIN, ""))
    with pytest.raises(StudioError, match="cannot be read"):
        media.extract(tmp_path / "nothing.png")
    with pytest.raises(StudioError):
        media.extract(tmp_path)
    with pytest.raises(StudioError):
        media.extract(tmp_path / "a\0b")


heads = st.sampled_from([b"", *(d[:n] for d in CLEAN.values() for n in (4, 12, 40, 60))])


@st.composite
def mutated(draw: st.DrawFn) -> bytes:
    """A real file with a record, of which a piece is overwritten or missing."""
    suffix = draw(st.sampled_from(list(CLEAN)))
    data = bytearray(media.embed(CLEAN[suffix], suffix, Record(PLAIN, "")))
    for _ in range(draw(st.integers(1, 4))):
        at = draw(st.integers(0, len(data) - 1))
        data[at : at + draw(st.integers(0, 9))] = draw(st.binary(max_size=9))
        if not data:
            break
    return bytes(data[: draw(st.integers(0, len(data)))])


@settings(max_examples=600, deadline=None)
@given(data=st.builds(bytes.__add__, heads, st.binary(max_size=200)) | mutated())
@example(b"---\ntriptych: " + b"[" * 100_000 + b"\n---\n")
@example(b"---\ntriptych: " + b"9" * 5_000 + b"\n---\n")
@example(b"% triptych: \xff\n")
@example(b"fLaC\x00\x00\x00\x00\x84\x00\x00\x08\x00\x00\x00\x00\xff\xff\xff\xff")
@example(b"MThd\0\0\0\0MTrk\0\0\0\x05\0\xff\x01\x84\x00")
def test_foreign_bytes_raise_nothing_but_studio_error(data: bytes) -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = save(Path(folder), data, ".bin")
        try:
            media.extract(path)
        except StudioError:
            pass
    for suffix in media.SUFFIXES:
        for work in (media.strip, lambda d, s: media.embed(d, s, Record(PLAIN, ""))):
            try:
                assert isinstance(work(data, suffix), bytes)
            except StudioError:
                pass


@settings(max_examples=200, deadline=None)
@given(record=records)
def test_a_record_is_one_printable_line(record: Record) -> None:
    text = record.to_json()
    assert Record.from_json(text) == record
    assert len(text.splitlines()) == 1
    assert yaml.safe_load(text)["recipe"]["seed"] == record.recipe.seed


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=9), inner),
    max_leaves=12,
)


@settings(max_examples=300, deadline=None)
@given(
    key=st.sampled_from(["software", "recipe", "provider", "edited", "digital_source_type"]),
    value=json_values,
)
def test_an_odd_record_is_refused_or_read(key: str, value: object) -> None:
    data = json.loads(Record(PLAIN, "CPUExecutionProvider").to_json())
    data[key] = value
    try:
        assert isinstance(Record.from_json(json.dumps(data)), Record)
    except StudioError:
        pass


@pytest.mark.parametrize("text", ["", "{", "[]", "1", "null", '{"provider": "x"}', "\ud800"])
def test_what_is_no_record_is_refused(text: str) -> None:
    with pytest.raises(StudioError):
        Record.from_json(text)


def test_keys_of_newer_versions_are_passed_over() -> None:
    data = json.loads(Record(PLAIN, "CPUExecutionProvider").to_json())
    data["signature"] = {"by": "somebody"}
    assert Record.from_json(json.dumps(data)) == Record(PLAIN, "CPUExecutionProvider")
