"""Reading aloud: numbers against torch, seeds and speeds, casts, joins, and what is told."""

from __future__ import annotations

import contextlib
import io
import json
import shutil
import tempfile
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any
from unittest import mock

import numpy as np
import pytest
import soundfile
from hypothesis import given
from hypothesis import settings as of_hypothesis
from hypothesis import strategies as st

from studio.core.errors import StudioError
from studio.core.messages import AudioPreview, Output, Progress, Step
from studio.core.recipe import DeviceChoice, InputRef, Job, Recipe
from studio.engine.audio import loudness, speech
from studio.engine.audio.speech_models import opening, seeded, vits
from studio.engine.audio.speech_models.base import Manner, Voice, noise
from studio.engine.audio.speech_models.charmodel import read_pieces
from studio.engine.audio.stretch import raised, stretch
from studio.engine.audio.tape import Tape
from studio.engine.speech import espeak
from studio.engine.speech.own import Pronunciations
from studio.engine.speech.reading import Reading
from studio.engine.workbench import Workbench
from tests.engine import tiny_speech

READING = Reading(Pronunciations())
TEXT = "Hello, my dog is cute and 5 foxes ran at 3:05."


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("voices")


@pytest.fixture(scope="module")
def mms(folders: Path) -> Path:
    return tiny_speech.make(folders / "mms")


@pytest.fixture(scope="module")
def kokoro(folders: Path) -> Path:
    return tiny_speech.make_kokoro(folders / "kokoro")


@pytest.fixture(scope="module")
def piper(folders: Path) -> Path:
    return tiny_speech.make_piper(folders / "piper")


def job_of(model: Path, folder: Path, **values: Any) -> Job:
    folder.mkdir(parents=True, exist_ok=True)
    recipe = Recipe("audio", "audio.speech", model.name, 3, values)
    cache = model.parent / "cache"
    return Job("job", recipe, folder, model, device=DeviceChoice("cpu", 1), cache=cache)


def opened(model: Path, bench: Workbench | None = None) -> Voice:
    job = job_of(model, model.parent / "job")
    return opening.load(job, bench or Workbench(), lambda part, of: None)


def said(voice: Voice, text: str = TEXT, name: str = "", **manner: Any) -> Any:
    return np.concatenate(list(voice.speak(text, name, READING, Manner(**manner))))


def run(job: Job, bench: Workbench | None = None) -> list[Step]:
    return list(speech.run(job, bench or Workbench()))


# VITS

SHAPES: tuple[dict[str, Any], ...] = (
    {},
    {"num_speakers": 3, "speaker_embedding_size": 8},
    {"use_stochastic_duration_prediction": False},
)


@pytest.mark.parametrize("shape", SHAPES, ids=["mms", "speakers", "durations"])
def test_vits_says_what_torch_says(shape: dict[str, Any], folders: Path) -> None:
    import torch
    from transformers import VitsModel, VitsTokenizer

    folder = tiny_speech.make(folders / f"vits{SHAPES.index(shape)}", **shape)
    voice = opened(folder)
    model: Any = VitsModel.from_pretrained(folder).eval()
    name = voice.names[2] if voice.names else ""
    manner = Manner(speed=1.25, seed=(3,))
    for text in (TEXT, "Hi", "a"):
        ids = VitsTokenizer.from_pretrained(folder)(READING.words(text, "en"))["input_ids"]
        ours = np.concatenate(list(voice.speak(text, name, READING, manner)))

        def drawn(*size: int) -> Any:
            return torch.from_numpy(noise(manner, 0, size))

        def drawn_like(states: Any) -> Any:
            return torch.from_numpy(noise(manner, 1, states.shape[1:]))[None]

        with (
            torch.no_grad(),
            mock.patch("torch.randn", drawn),
            mock.patch("torch.randn_like", drawn_like),
        ):
            speaker = int(name) if name else None
            theirs = model(torch.tensor([ids]), speaker_id=speaker, speaking_rate=10.0).waveform[0]
        assert ours.shape == tuple(theirs.shape)
        assert np.abs(ours - theirs.numpy()).max() < 1e-4
        assert ours.std() > 1e-3


def test_pieces_are_the_whole(mms: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    voice = opened(mms)
    monkeypatch.setattr(vits, "PIECE", 30)
    some = list(voice.speak(TEXT, "", READING, Manner()))
    monkeypatch.setattr(vits, "FIRST", 100_000)
    (whole,) = voice.speak(TEXT, "", READING, Manner())
    assert len(some) > 2
    assert len(some[0]) == 24 * 256
    assert np.abs(np.concatenate(some) - whole).max() < 1e-6


def test_seed_speed_and_liveliness(mms: Path) -> None:
    voice = opened(mms)
    plain = said(voice)
    assert np.array_equal(plain, said(voice))
    other = said(voice, seed=(1,))
    assert len(other) != len(plain) or not np.allclose(other, plain)
    assert len(said(voice, speed=2.0)) < 0.75 * len(plain) < len(said(voice, speed=0.7))
    even = said(voice, liveliness=0.0)
    assert np.array_equal(even, said(voice, liveliness=0.0, seed=(9,)))


def test_scripts_that_have_to_be_romanized_are_told(mms: Path, folders: Path) -> None:
    folder = folders / "roman"
    shutil.copytree(mms, folder)
    settings = json.loads((folder / "tokenizer_config.json").read_text("utf-8"))
    settings |= {"is_uroman": True, "language": "kor"}
    (folder / "tokenizer_config.json").write_text(json.dumps(settings), "utf-8")
    voice = opened(folder)
    with pytest.raises(StudioError, match="Latin letters"):
        said(voice, "안녕하세요")
    assert len(said(voice, "annyeong"))


def test_a_vits_in_one_graph_is_seeded_and_stretched(folders: Path) -> None:
    voice = opened(tiny_speech.make_whole(folders / "whole"))
    plain = said(voice)
    assert np.array_equal(plain, said(voice))
    assert not np.array_equal(plain, said(voice, seed=(1,))[: len(plain)])
    assert abs(len(said(voice, speed=2.0)) - len(plain) / 2) <= 1
    said(voice, liveliness=0.5)
    assert voice.notes == {"This model’s expressiveness cannot be changed."}


def test_a_voice_without_pitch_of_its_own_is_moved(mms: Path, tmp_path: Path) -> None:
    def heard(**values: Any) -> Any:
        job = job_of(mms, tmp_path / str(len(list(tmp_path.iterdir()))), prompt="Hello!", **values)
        run(job)
        return soundfile.read(job.folder / "speech.wav")[0]

    plain, high = heard(), heard(pitch=4.0)
    assert len(high) == len(plain)
    assert not np.allclose(high, plain, atol=1e-3)


def test_a_tone_is_raised_by_so_many_semitones() -> None:
    time = np.arange(16_000) / 16_000
    tone = np.sin(2 * np.pi * 220.0 * time).astype(np.float32)
    assert raised(tone, 16_000, 0.0) is tone
    for semitones in (-5.0, 3.0, 6.0):
        made = raised(tone, 16_000, semitones)
        assert made.shape == tone.shape
        middle = np.abs(np.fft.rfft(made[4_000:12_000] * np.hanning(8_000)))
        assert middle.argmax() * 2.0 == pytest.approx(220.0 * 2 ** (semitones / 12), abs=3.0)
        assert float(np.abs(made[4_000:12_000]).max()) == pytest.approx(1.0, abs=0.1)


# Piper


def test_piper_says_what_torch_says(piper: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The tiny voice is a transformers VITS: given the same table, torch says the same."""
    import torch
    from transformers import VitsModel

    monkeypatch.setattr(espeak, "present", lambda: False)
    voice: Any = opened(piper)
    ours = said(voice, speed=1.25, seed=(3,))
    ids = voice._numbers(TEXT, READING)
    settings = json.loads((piper / "voice.onnx.json").read_text("utf-8"))
    torch.manual_seed(0)
    shape = tiny_speech.vits_config(vocab_size=len(settings["phoneme_id_map"]))
    model: Any = VitsModel(shape).eval()
    with torch.no_grad():
        model.decoder.conv_post.weight.mul_(0.05)
    model.noise_scale_duration = 0.8
    table = torch.from_numpy(seeded.table(seeded.NORMAL, (3,)))

    def walk(start: int, size: Any) -> Any:
        count = int(np.prod(list(size)))
        return table[(torch.arange(count) + start) % seeded.LENGTH].reshape(tuple(size))

    with (
        torch.no_grad(),
        mock.patch("torch.randn", lambda *size: walk(seeded._STRIDE, size)),
        mock.patch("torch.randn_like", lambda states: walk(0, states.shape)),
    ):
        theirs = model(torch.tensor([ids]), speaking_rate=10.0).waveform[0].numpy()
    assert ours.shape == theirs.shape
    assert np.abs(ours - theirs).max() < 1e-4


def test_piper_reads_letters_and_other_languages(
    piper: Path, folders: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = folders / "letters"
    shutil.copytree(piper, folder)
    path = folder / "voice.onnx.json"
    settings = json.loads(path.read_text("utf-8"))
    path.write_text(json.dumps(settings | {"phoneme_type": "text"}), "utf-8")
    voice: Any = opened(folder)
    ids = voice._numbers("A bed!", READING)
    signs = settings["phoneme_id_map"]
    assert ids == [1, 0, *(n for c in "a bed!" for n in (signs[c][0], 0)), 2]
    monkeypatch.setattr(espeak, "present", lambda: False)
    path.write_text(json.dumps(settings | {"espeak": {"voice": "de"}}), "utf-8")
    with pytest.raises(StudioError, match="“de”") as caught:
        opened(folder)
    assert "triptych[espeak]" in caught.value.hint


def test_piper_with_several_speakers(folders: Path) -> None:
    voice = opened(tiny_speech.make_piper(folders / "piper3", speakers=3))
    assert voice.names == ("speaker0", "speaker1", "speaker2")
    usual = said(voice, "Hi.")
    assert np.array_equal(usual, said(voice, "Hi.", "Speaker0"))
    assert not np.array_equal(usual, said(voice, "Hi.", "speaker2")[: len(usual)])
    with pytest.raises(StudioError, match="no voice called “Bob”") as caught:
        said(voice, "Hi.", "Bob")
    assert "speaker1" in caught.value.hint


@pytest.mark.parametrize("key", ["phoneme_id_map", "audio", "num_speakers"])
def test_odd_piper_settings_are_told(key: str, piper: Path, tmp_path: Path) -> None:
    folder = tmp_path / "odd"
    shutil.copytree(piper, folder)
    path = folder / "voice.onnx.json"
    settings = json.loads(path.read_text("utf-8"))
    odd: Any = {"audio": {"sample_rate": -1}, "num_speakers": "many"}.get(key, {"^": "x"})
    path.write_text(json.dumps(settings | {key: odd}), "utf-8")
    with pytest.raises(StudioError, match="cannot be used"):
        opened(folder)


# Kokoro


def test_both_layouts_of_kokoro_say_the_same(kokoro: Path, folders: Path) -> None:
    one, other = opened(kokoro), opened(tiny_speech.make_kokoro(folders / "one", archive=True))
    assert one.names == other.names == ("af_heart", "am_adam", "bf_emma")
    assert np.array_equal(said(one, seed=(1,)), said(other, seed=(1,)))
    assert not np.array_equal(said(one), said(one, seed=(2,)))
    assert len(said(one)) != len(said(one, name="bf_emma"))  # she reads British phonemes
    assert abs(len(said(one, speed=2.0)) - len(said(one)) / 2) <= 1


def test_a_kokoro_of_whole_speeds_is_stretched(folders: Path) -> None:
    voice = opened(tiny_speech.make_kokoro(folders / "stiff", whole=True))
    assert abs(len(said(voice, speed=1.25)) - len(said(voice)) / 1.25) <= 1


def test_kokoro_reads_phonemes_by_the_length_of_the_sentence(kokoro: Path) -> None:
    voice: Any = opened(kokoro)
    fed: list[dict[str, Any]] = []
    ran = voice._session.run

    def overheard(feed: dict[str, Any], seed: tuple[int, ...]) -> Any:
        fed.append(feed)
        return ran(feed, seed)

    voice._session.run = overheard
    said(voice, "A cat.", speed=1.5)
    said(voice, "word " * 200)
    assert fed[0]["input_ids"].tolist() == [[0, *(voice._vocabulary[c] for c in "ɐ kˈæt."), 0]]
    assert np.array_equal(fed[0]["style"], voice._styles["af_heart"][7][None])
    assert fed[0]["speed"] == 1.5
    assert max(f["input_ids"].shape[1] for f in fed) <= 512
    assert len(fed) > 2


def test_voices_with_pickles_are_refused(kokoro: Path, tmp_path: Path) -> None:
    folder = tmp_path / "hostile"
    shutil.copytree(kokoro, folder)
    shutil.rmtree(folder / "voices")
    with (folder / "voices.bin").open("wb") as file:
        np.savez(file, af_heart=np.array([{"a": 1}], dtype=object))
    with pytest.raises(StudioError, match="voices cannot be read"):
        opened(folder)
    (folder / "voices.bin").unlink()
    with pytest.raises(StudioError, match="no voices"):
        opened(folder)


@of_hypothesis(max_examples=200, deadline=None)
@given(st.binary(max_size=60))
def test_foreign_vocabularies_raise_nothing_but_studio_error(data: bytes) -> None:
    with tempfile.TemporaryDirectory() as name:
        (Path(name) / "spm_char.model").write_bytes(data)
        with contextlib.suppress(StudioError):
            assert read_pieces(Path(name), 100)


def test_other_graphs_and_folders_are_told(kokoro: Path, piper: Path, tmp_path: Path) -> None:
    folder = tmp_path / "other"
    shutil.copytree(kokoro, folder)
    shutil.copy(piper / "voice.onnx", folder / "onnx" / "model.onnx")
    with pytest.raises(StudioError, match="other inputs"):
        opened(folder)
    (tmp_path / "empty").mkdir()
    with pytest.raises(StudioError, match="not a voice"):
        opened(tmp_path / "empty")


# SpeechT5


def test_speecht5_says_what_torch_says(folders: Path) -> None:
    import torch
    from transformers import SpeechT5ForTextToSpeech, SpeechT5HifiGan

    folder = tiny_speech.make_speecht5(folders / "speecht5")
    voice: Any = opened(folder)
    assert voice.names == ("ann",)
    manner = Manner(seed=(5,))
    ids = voice._letters("hello my dog")
    assert ids[:4] == [4, 12, 9, 16]
    assert ids[-1] == 2
    masks = [m for _, m in zip(range(400), voice._masks(manner), strict=False)]
    model: Any = SpeechT5ForTextToSpeech.from_pretrained(folder).eval()
    vocoder: Any = SpeechT5HifiGan.from_pretrained(folder / "vocoder").eval()
    calls = iter(range(10_000))

    def dropout(states: Any, share: float) -> Any:
        layer = next(calls) % 2
        kept = np.concatenate([masks[n][layer][0] for n in range(states.shape[1])])
        return states * torch.from_numpy(kept)[None] / (1 - share)

    model.speecht5.decoder.prenet._consistent_dropout = dropout
    with torch.no_grad():
        speaker = torch.from_numpy(voice._speakers["ann"])
        spectra = model.generate_speech(torch.tensor([ids]), speaker)
        sound = vocoder(spectra).numpy()
    ours = voice.spectra(ids, voice._speakers["ann"], iter(masks))[0]
    assert ours.shape == tuple(spectra.shape)
    assert len(ours) > 10
    assert np.abs(ours - spectra.numpy()).max() < 1e-4
    assert np.abs(said(voice, "hello my dog", seed=(5,)) - sound).max() < 1e-4


def test_speecht5_without_speaker_or_vocoder_is_told(folders: Path, tmp_path: Path) -> None:
    folder = tmp_path / "bare"
    tiny_speech.make_speecht5(folder)
    (folder / "vocoder").rename(tmp_path / "vocoder")
    with pytest.raises(StudioError, match="vocoder") as caught:
        opened(folder)
    assert "hifigan" in caught.value.hint
    given = job_of(folder, tmp_path / "job", prompt="hello", vocoder="gan")
    given = Job(
        "job", given.recipe, given.folder, folder, extras={"gan": tmp_path / "vocoder"},
        device=given.device, cache=folders / "cache",
    )  # fmt: skip
    assert isinstance(run(given)[-2], Output)
    shutil.rmtree(folder / "speakers")
    with pytest.raises(StudioError, match="x-vector of 12"):
        run(given)


# Put together


def test_sentences_are_heard_as_they_come(mms: Path, tmp_path: Path) -> None:
    text = "Hello there. This is a fox!\n\nA new one: it sings."
    steps = run(job_of(mms, tmp_path, prompt=text, paragraph_pause=1.0))
    previews = [s for s in steps if isinstance(s, AudioPreview)]
    (output,) = [s for s in steps if isinstance(s, Output)]
    speaking = [s for s in steps if isinstance(s, Progress) and s.phase == "speaking"]
    assert steps.index(previews[0]) < steps.index(speaking[-1])
    assert {p.sample_rate for p in previews} == {16_000}
    heard = np.frombuffer(b"".join(p.samples for p in previews), "<i2")
    samples, rate = soundfile.read(output.files[0])
    assert (rate, samples.ndim) == (16_000, 1)
    assert len(heard) == len(samples)
    assert output.summary["seconds"] == pytest.approx(len(samples) / 16_000)
    assert output.summary["title"] == "Hello there."
    assert sum(len(p.peaks) for p in previews) == pytest.approx(len(samples) / 800, abs=9)
    # What is heard on the way is what is kept, but for its level.
    likeness = np.corrcoef(heard.astype(float), samples)[0, 1]
    assert likeness > 0.9


def with_document(job: Job, path: Path) -> Job:
    recipe = replace(job.recipe, inputs={"document": InputRef("The Fox.txt", "0" * 64)})
    return replace(job, recipe=recipe, inputs={"document": path})


def test_a_document_is_read_after_the_text(mms: Path, tmp_path: Path) -> None:
    book, bench = tmp_path / "0123.txt", Workbench()
    book.write_text("A fox sings. It runs.", "utf-8")
    way = run(with_document(job_of(mms, tmp_path / "a", prompt="Hello."), book), bench)
    (both,) = [s for s in way if isinstance(s, Output)]
    assert both.summary["title"] == "The Fox"
    assert "note" not in both.summary
    phases = [s.phase for s in way if isinstance(s, Progress)]
    assert phases.index("reading") < phases.index("loading") < phases.index("speaking")
    spoken = [s for s in way if isinstance(s, Progress) and s.phase == "speaking"]
    assert {(s.step, s.total) for s in spoken} == {(n, 3) for n in range(4)}
    written = job_of(mms, tmp_path / "b", prompt="Hello.\n\nA fox sings. It runs.")
    (same,) = [s for s in run(written, bench) if isinstance(s, Output)]
    heard = [soundfile.read(o.files[0])[0] for o in (both, same)]
    assert np.array_equal(*heard)
    (alone,) = [
        s for s in run(with_document(job_of(mms, tmp_path / "c", prompt=" "), book), bench)
        if isinstance(s, Output)
    ]  # fmt: skip
    assert alone.summary["seconds"] < both.summary["seconds"]
    with pytest.raises(StudioError, match="nothing to read"):
        run(job_of(mms, tmp_path / "d", prompt=""), bench)


def test_a_book_is_read_in_parts(
    mms: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    book, bench = tmp_path / "book.md", Workbench()
    book.write_text("\n\n".join(["Hello there. A fox!", "It sings. It runs."] * 2), "utf-8")
    monkeypatch.setattr(speech, "PART", 2.0)

    def read(name: str, **values: Any) -> Output:
        job = with_document(job_of(mms, tmp_path / name, **values), book)
        (made,) = [s for s in run(job, bench) if isinstance(s, Output)]
        return made

    one, last = read("one"), read("last", part=3)
    assert one.summary["note"] == "This is part 1 of 3. Choose 2 under “Part” to go on."
    assert last.summary["note"] == "This is part 3 of 3."
    assert last.summary["title"] == "The Fox, part 3"
    with pytest.raises(StudioError, match="no part 4"):
        read("no", part=4)
    assert "of 2." in read("quick", speed=2.0).summary["note"]  # more of it fits into the time
    monkeypatch.setattr(speech, "MOST_TEXT", 10)
    with pytest.raises(StudioError, match="too long"):
        read("long")


def test_a_cast_of_several_voices(kokoro: Path, tmp_path: Path) -> None:
    text = "Anna: Hello.\nBen: Hello."
    cast = "Anna = af_heart\nBen = am_adam"
    bench = Workbench()
    ways = {
        name: run(job_of(kokoro, tmp_path / name, prompt=prompt, voices=voices), bench)[-2]
        for name, prompt, voices in (
            ("cast", text, cast), ("swapped", text, "Ben = af_heart\nAnna = am_adam"),
        )
    }  # fmt: skip
    files = [o.files[0].read_bytes() for o in ways.values() if isinstance(o, Output)]
    assert len(set(files)) == 2
    with pytest.raises(StudioError, match="Carl"):
        run(job_of(kokoro, tmp_path / "no", prompt=text, voices="Anna = Carl"), bench)
    assert not list((tmp_path / "no").iterdir())


def test_what_cannot_be_read_is_told(mms: Path, tmp_path: Path) -> None:
    bench = Workbench()
    with pytest.raises(StudioError, match="nothing in the text"):
        run(job_of(mms, tmp_path / "a", prompt="日本語。🦊"), bench)
    output = run(job_of(mms, tmp_path / "b", prompt="Hello.\n\n日本語。"), bench)[-2]
    assert isinstance(output, Output)
    assert "1 of 2 sentences" in output.summary["note"]
    own = {"pronunciations": "hello = /hʌlˈoʊ/"}
    output = run(job_of(mms, tmp_path / "d", prompt="Hello.", **own), bench)[-2]
    assert isinstance(output, Output)
    assert "reads letters" in output.summary["note"]
    with pytest.raises(StudioError, match="one voice only"):
        run(job_of(mms, tmp_path / "c", prompt="Hello.", voice="Anna"), bench)


def test_weights_of_another_shape_are_told(mms: Path, tmp_path: Path) -> None:
    folder = tmp_path / "wrong"
    shutil.copytree(mms, folder)
    config = json.loads((folder / "config.json").read_text("utf-8"))
    (folder / "config.json").write_text(json.dumps(config | {"hidden_size": 8}), "utf-8")
    with pytest.raises(StudioError, match="do not fit"):
        opened(folder)
    (folder / "config.json").write_text('{"model_type": "vits", "hidden_size": "x"}', "utf-8")
    with pytest.raises(StudioError):
        opened(folder)


def tone(rate: int, seconds: float, hz: float = 220.0) -> Any:
    return 0.3 * np.sin(2 * np.pi * hz * np.arange(round(rate * seconds)) / rate, dtype=np.float32)


def _spoken(rate: int) -> Iterator[Any]:
    quiet = np.full(rate // 4, 0.0005, np.float32)
    yield np.concatenate([quiet, tone(rate, 0.7)]).astype(np.float32)
    yield np.concatenate([tone(rate, 0.4), quiet]).astype(np.float32)


def test_joins_have_exact_pauses_and_no_clicks() -> None:
    rate = 22_050
    tape = Tape(rate)
    given = []
    for _ in range(2):
        given += [tape.add(piece) for piece in _spoken(rate)]
        given.append(tape.close(0.5))
    before = np.concatenate(given)
    # 20 ms before, 70 ms after, half a second of nothing at all.
    assert abs(len(before) / rate - 2 * (0.02 + 1.1 + 0.07 + 0.5)) < 0.011
    assert not before[-round(0.5 * rate) :].any()
    assert np.abs(np.diff(before)).max() < 1.1 * np.abs(np.diff(tone(rate, 1.0))).max() + 0.001
    samples = tape.finish()
    assert samples.shape == (len(before), 1)
    stereo = np.repeat(samples, 2, axis=1) / 32768.0
    assert abs(_loudness(stereo, rate) - loudness.TARGET) < 0.7
    assert np.abs(samples).max() <= 32767 * 10 ** (loudness.CEILING / 20) + 1


def _loudness(stereo: Any, rate: int) -> float:
    from studio.engine.audio.signal import RATE
    from studio.engine.audio.waves import resample

    return loudness.measure(resample(stereo, rate, RATE).astype(float))


def test_a_sentence_that_ends_loudly_is_faded() -> None:
    rate = 16_000
    tape = Tape(rate)
    parts = [tape.add(tone(rate, 0.5)), tape.close(0.0)]
    whole = np.concatenate(parts)
    assert len(whole) == rate // 2
    assert abs(whole[0]) < 0.001
    assert abs(whole[-1]) < 0.001
    with pytest.raises(ValueError, match="number"):
        tape.add(np.array([np.nan], np.float32))


@pytest.mark.parametrize("speed", [0.5, 0.8, 1.3, 2.0])
def test_stretching_keeps_the_pitch(speed: float) -> None:
    rate = 16_000
    wave = tone(rate, 1.0)
    made = stretch(wave, rate, speed)
    assert len(made) == int(len(wave) / speed)
    middle = made[len(made) // 4 : -len(made) // 4]
    spectrum = np.abs(np.fft.rfft(middle * np.hanning(len(middle)), 1 << 16))
    assert abs(spectrum.argmax() * rate / (1 << 16) - 220) < 3
    assert abs(middle.std() / wave.std() - 1) < 0.05
    assert stretch(wave, rate, 1.0) is wave
    data = io.BytesIO()
    soundfile.write(data, made, rate, format="WAV")
