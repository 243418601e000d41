"""The voice: labels, measures, both networks, and one made from data to folder and heard."""

from __future__ import annotations

import ctypes.util
import io
import itertools
import json
import re
import shutil
import signal
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from studio.core.errors import StudioError
from studio.core.messages import Output
from studio.core.recipe import DeviceChoice, Job, Recipe
from studio.engine.audio import speech
from studio.engine.speech.own import Pronunciations
from studio.engine.speech.reading import Reading
from studio.engine.workbench import Workbench
from studio.training import (
    voice,
    voice_data,
    voice_export,
    voice_features,
    voice_judging,
    voice_labels,
    voice_making,
    voice_model,
    voice_sentences,
    voice_teachers,
)
from studio.training.loop import Budget, Interrupted, Loop
from studio.training.making import Order
from studio.training.voice_features import HOP
from studio.training.voice_teachers import RATE, Segment, Spoken

from .test_training import same

READING = Reading(Pronunciations())
CONFIG = voice_model.VoiceConfig(
    width=32, layers=1, decoder_width=32, decoder_layers=2, vocoder_width=32, vocoder_layers=1
)
RECIPE = voice.VoiceRecipe(frames=400, pieces=3, piece_frames=16, vocoder_sentences=8)
WORDS = ("fox", "moon", "river", "garden", "yellow", "mouse", "apple", "thunder")
TONES = (190.0, 110.0)


class Whistler:
    """A synthesizer of our own: vowels are tones, consonants hiss."""

    gain = 1.0

    def __init__(self, name: str, hertz: float) -> None:
        self.name, self.hertz, self.pitch = name, hertz, (hertz * 0.6, hertz * 1.6)
        self.asked = 0

    def speak(self, sentences: Sequence[str]) -> Iterator[Spoken]:
        phones = {sign: phone for phone, sign in voice_labels._VOWELS.items()}
        phones |= {sign: phone for phone, sign in voice_labels._CONSONANTS.items()}
        for sentence in sentences:
            self.asked += 1
            read = READING.phonemes(sentence, "en-us", "misaki")
            for alias, sign in voice_labels.ALIASES.items():
                read = read.replace(alias, sign if sign.isalpha() else alias)
            said = [Segment("pau", 0.2, False, -1)]
            for number, word in enumerate(read.split()):
                for sign in re.sub("[ɜə]ɹ", "ɜ", word):
                    if sign in phones:
                        end = said[-1].end + 0.08
                        said.append(Segment(phones[sign], end, sign in "ɜA", number))
                if word[-1] == ",":
                    said.append(Segment("pau", said[-1].end + 0.1, False, -1))
            said.append(Segment("pau", said[-1].end + 0.3, False, -1))
            yield Spoken(self._sound(said), tuple(said))

    def _sound(self, said: Sequence[Segment]) -> Any:
        chance = np.random.default_rng(0)
        time = np.arange(round(said[-1].end * RATE)) / RATE
        tone = sum(np.cos(2 * np.pi * k * self.hertz * time) / k for k in range(1, 20))
        hiss = chance.standard_normal(len(time))
        level = np.zeros((2, len(time)))
        begin = 0.0
        for segment in said:
            here = slice(round(begin * RATE), round(segment.end * RATE))
            if segment.phone in voice_labels._VOWELS:
                level[0, here] = 2500.0
            elif segment.phone != "pau":
                level[1, here] = 700.0
            begin = segment.end
        return (tone * level[0] + hiss * level[1]).astype(np.int16)


@pytest.fixture(scope="session")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A data folder with every source of sentences, of our own making."""
    root = tmp_path_factory.mktemp("voice-data") / "text"
    chance = np.random.default_rng(1)
    lines = []
    for one, two, three in itertools.permutations(WORDS, 3):
        end = ".?!"[int(chance.integers(3))]
        lines.append(f"The {one} saw a {two}, and the {three} was near{end}")
    story = " ".join(["Once there was a fox.", *lines])
    for folder, file, text in (
        ("tinystories_pieces", "stories.txt", story),
        ("pratham_books_en", "stories_ccby.jsonl", json.dumps({"text": story})),
        ("african_storybook_en", "stories_ccby.jsonl", json.dumps({"text": story})),
        ("aesop_for_children", "fables.jsonl", json.dumps({"text": story, "moral": ""})),
        ("tinyfabulist", "fables_permissive_models.jsonl",
         json.dumps({"text": story, "prompt": ""})),
        ("standard_ebooks", "books.txt", story),
    ):  # fmt: skip
        (root / folder).mkdir(parents=True)
        (root / folder / file).write_text(text, "utf-8")
    return root.parent


def teachers() -> tuple[Whistler, ...]:
    return tuple(Whistler(n, hertz) for n, hertz in zip(("ann", "bob"), TONES, strict=True))


def load(data: Path, folder: Path, taught: Sequence[Whistler]) -> voice_data.VoiceData:
    return voice_data.load(data, folder, taught, lambda text: None, count=8, held_out=2)


@pytest.fixture(scope="session")
def spoken(data: Path, tmp_path_factory: pytest.TempPathFactory) -> voice_data.VoiceData:
    return load(data, tmp_path_factory.mktemp("spoken"), teachers())


# What is said, and what is told of it


def segments(*parts: tuple[str, float, int]) -> list[Segment]:
    return [Segment(phone, end, False, word) for phone, end, word in parts]


def test_a_sentence_is_labelled_as_it_is_read() -> None:
    said = segments(
        ("pau", 0.1, -1), ("k", 0.2, 0), ("ao", 0.3, 0), ("r", 0.35, 0), ("n", 0.4, 0),
        ("er", 0.5, 0), ("pau", 0.7, -1), ("hh", 0.8, 1), ("er", 1.0, 1), ("pau", 1.3, -1),
    )  # fmt: skip
    made = voice_labels.label('"kˈɔɹnəɹ," hɜɹ!', said)
    assert made is not None
    assert "".join(made.symbols) == "^kˈɔɹnəɹ, hɜɹ!$"
    ends = dict(zip(made.symbols[:9], made.ends[:9], strict=True))
    assert ends["ˈ"] == ends["k"] == 0.2  # a stress lasts no time
    assert ends["ə"] == pytest.approx(0.45)  # er is shared by its two signs
    assert made.ends[8] == made.ends[9] == 0.7  # the comma has the silence, not the gap
    assert made.ends[-1] == made.ends[-2] == 1.3


def test_a_stress_that_does_not_fit_is_the_synthesizers() -> None:
    said = [
        Segment("iy", 0.1, True, 0),
        Segment("t", 0.2, False, 0),
        Segment("ax", 0.3, False, 0),
        Segment("n", 0.4, False, 0),
    ]
    assert "".join(s for s, _ in voice_labels.spoken("itn", said, 0.0)) == "ˈitən"
    assert "".join(s for s, _ in voice_labels.spoken("itˌən", said, 0.0)) == "itˌən"


def test_other_words_than_were_read_are_refused() -> None:
    said = segments(("hh", 0.1, 0), ("ay", 0.2, 0), ("pau", 0.3, -1))
    assert voice_labels.label("hˈI ðɛɹ.", said) is None
    assert voice_labels.label(".", said) is None
    assert not voice_labels.known(segments(("nx", 0.1, 0)))


@given(st.lists(st.sampled_from([*voice_labels._VOWELS, *voice_labels._CONSONANTS]), min_size=1),
       st.text("ˈˌAIOɑəɛbdk", max_size=8))  # fmt: skip
def test_labels_never_go_back_in_time(phones: list[str], read: str) -> None:
    said = [Segment(p, 0.1 * (n + 1), n % 2 == 0, 0) for n, p in enumerate(phones)]
    made = voice_labels.spoken(read, said, 0.0)
    ends = [end for _, end in made]
    assert ends == sorted(ends)
    assert ends[-1] == pytest.approx(0.1 * len(phones))
    assert {s for s, _ in made} <= set(voice_labels.SYMBOLS)


def test_festivals_segments_are_read() -> None:
    said = voice_teachers.parse_segments("pau 0.1 0 0\nhh 0.2 1 _4\nay 0.3 1 _4\nb 0.4 0 _6\n")
    assert [s.word for s in said] == [-1, 0, 0, 1]
    assert said[1] == Segment("hh", 0.2, True, 0)


def test_sentences_are_plain_and_balanced() -> None:
    text = 'He said, "Go home." Is it 5 pm? It is Mr. B. Fox. What a day! NASA flew. I am here.'
    assert voice_sentences.split(text) == ["He said, Go home.", "What a day!", "I am here."]
    plain = [voice_sentences.Sentence(f"The same old sentence, number {n}.", "ðə sˈAm") for n in
             range(40)]  # fmt: skip
    asked = [voice_sentences.Sentence(f"Is it the same one, number {n}?", "ɪz ɪt") for n in
             range(40)]  # fmt: skip
    rare = voice_sentences.Sentence("Azure measures of the usual pleasure.", "ˈæʒəɹ mˈɛʒəɹz")
    chosen = voice_sentences.balanced([*plain, *asked, *plain[:3], rare], 30)
    assert rare in chosen
    assert sum(s.text.endswith("?") for s in chosen) >= 5


@pytest.mark.parametrize("kind", ["flite", "festival"])
def test_the_real_synthesizers_tell_when_what_is_said(kind: str) -> None:
    there = shutil.which("festival") and Path("/usr/share/festival/voices/us").is_dir()
    if not (ctypes.util.find_library("flite") if kind == "flite" else there):
        pytest.skip(f"{kind} is not installed")
    taught = next(
        t for t in voice_teachers.teachers() if type(t).__name__.lower() == kind
    )  # fmt: skip
    text = "Her dog isn't Mary's, is it?"
    (said,) = taught.speak([text])
    assert said.segments[-1].end == pytest.approx(len(said.samples) / RATE, abs=0.02)
    made = voice_labels.label(READING.phonemes(text, "en-us", "misaki"), said.segments)
    assert made is not None
    assert "".join(made.symbols).count(" ") == 5
    example = voice_data.measured(text, 0, said, made, taught)
    heard = example.pitch[example.pitch > 0]
    assert taught.pitch[0] < float(np.median(heard)) < taught.pitch[1]


# Measures


def test_the_pitch_of_a_tone_is_found_and_of_noise_is_none() -> None:
    time = np.arange(RATE) / RATE
    tone = sum(np.cos(2 * np.pi * k * 140.0 * time) for k in range(1, 30))
    quiet = np.zeros(RATE // 4)
    noise = np.random.default_rng(0).standard_normal(RATE // 2) * 3.0
    sound = np.concatenate([quiet, np.asarray(tone), quiet, noise]).astype(np.float32)
    found = voice_features.pitch(sound, 60.0, 400.0)
    middle = found[RATE // HOP // 2 : RATE // HOP]
    assert np.allclose(middle, 140.0, rtol=0.01)
    assert (found[: RATE // 4 // HOP - 4] == 0).all()
    assert (found[-(RATE // 2 // HOP) + 4 :] == 0).mean() > 0.8


def test_a_pitch_is_led_through_what_is_not_voiced() -> None:
    hertz = np.array([0, 100, 0, 0, 0, 200, 0], np.float32)
    filled = np.exp(voice_features.filled(hertz))
    assert filled[[0, -1]] == pytest.approx([100, 200])
    assert (np.diff(filled) >= -1e-3).all()
    assert not voice_features.filled(np.zeros(4, np.float32)).any()


def test_pulses_have_the_pitch_and_power_they_are_asked_for() -> None:
    sound = voice_model.pulses(torch.full((1, 80), 160.0))[0].numpy()
    assert len(sound) == 80 * HOP
    assert np.sqrt((sound**2).mean()) == pytest.approx(1.0, abs=0.05)
    found = voice_features.pitch(sound, 80.0, 300.0)
    assert np.median(found) == pytest.approx(160.0, rel=0.01)


def test_an_untrained_vocoder_has_the_shape_of_its_spectrum_already(
    spoken: voice_data.VoiceData,
) -> None:
    example = spoken.train[0]
    torch.manual_seed(0)
    vocoder = voice_model.Vocoder(CONFIG)
    mel, octaves, voicing, hertz, sound = voice._stacked(
        [voice._piece(example, None, 0, len(example.mel))]
    )
    with torch.no_grad():
        made = vocoder(mel, octaves, voicing, hertz)[0].numpy()
        flat = vocoder(mel * 0 - 3.0, octaves, voicing, hertz)[0].numpy()
    true = voice_features.log_mel(sound[0].numpy())
    assert len(made) == len(example.samples)
    assert np.abs(voice_features.log_mel(made) - true).mean() < 0.6 * float(
        np.abs(voice_features.log_mel(flat) - true).mean()
    )


def test_words_misheard_are_counted() -> None:
    said = voice_judging.words("What's that, a Fox? No!")
    assert said == ["what's", "that", "a", "fox", "no"]
    assert voice_judging.errors(said, said) == 0
    assert voice_judging.errors(said, ["what's", "a", "box", "no", "no"]) == 3
    assert voice_judging.errors(said, []) == 5


def test_distortion_is_none_of_the_same_however_slow(spoken: voice_data.VoiceData) -> None:
    one, other = (voice_judging.taught(spoken.train[n]) for n in (0, -1))
    assert voice_judging.distortion(one, one) == pytest.approx(0.0, abs=1e-4)
    slow = np.concatenate([one[: 20 * HOP], one[10 * HOP :]])
    assert voice_judging.distortion(slow, one) < 0.5 * voice_judging.distortion(other, one)


# Data


def test_what_was_spoken_is_not_spoken_again(data: Path, tmp_path: Path) -> None:
    taught = teachers()
    made = load(data, tmp_path, taught)
    assert made.names == ("ann", "bob")
    assert (len(made.train), len(made.held_out)) == (16, 4)
    assert [e.text for e in made.held_out[:2]] == [e.text for e in made.held_out[2:]]
    assert not {e.text for e in made.train} & {e.text for e in made.held_out}
    asked = [t.asked for t in taught]
    again = load(data, tmp_path, taught)
    assert [t.asked for t in taught] == asked
    for one, two in zip(made.train, again.train, strict=True):
        assert one.text == two.text
        assert (one.samples == two.samples).all()
    part = next(tmp_path.glob("bob-train*.npz"))
    part.write_bytes(part.read_bytes()[:200])
    with pytest.raises(StudioError, match="cannot be read"):
        load(data, tmp_path, taught)


def test_frames_of_symbols_are_where_they_sound(spoken: voice_data.VoiceData) -> None:
    for example in spoken.train[:4]:
        assert example.durations.sum() == len(example.mel) == len(example.samples) // HOP
        assert len(example.symbols) == len(example.durations)
        vowel = np.isin(example.symbols, [voice_labels.NUMBERS[v] for v in "AIOɑæɛiu"])
        voiced = np.repeat(vowel, example.durations)
        assert (example.pitch[voiced] > 0).mean() > 0.8
        assert example.durations[0] + 1 >= voice_data.LEAD * RATE / HOP


def test_a_pitch_of_symbols_is_counted_from_the_voices_middle(
    spoken: voice_data.VoiceData,
) -> None:
    centres = voice.middles(spoken.train, 2)
    assert centres == pytest.approx(np.log2(np.array(TONES) / 150.0), abs=0.05)
    batch = voice.collate(spoken.train[:3], centres)
    assert float(batch.prosody[..., 0].abs().max()) < 1.0
    assert batch.mask.sum() == sum(len(e.mel) for e in spoken.train[:3])
    counts = torch.tensor([len(e.symbols) for e in spoken.train[:3]])
    assert (batch.index.max(1).values < counts).all()
    assert (batch.durations.sum(1) == batch.mask.sum((1, 2))).all()


# Training


def an_acoustic(spoken: voice_data.VoiceData) -> voice.AcousticTrainee:
    return voice.AcousticTrainee(CONFIG, RECIPE, spoken.train, spoken.held_out)


def a_vocoder(spoken: voice_data.VoiceData) -> voice.VocoderTrainee:
    spectra = an_acoustic(spoken).predict(spoken.train)
    held = an_acoustic(spoken).predict(spoken.held_out)
    return voice.VocoderTrainee(CONFIG, RECIPE, spoken.train, spoken.held_out, spectra, held)


@pytest.mark.parametrize("make", [an_acoustic, a_vocoder])
def test_resuming_gives_what_an_uninterrupted_run_gives(
    make: Any, spoken: voice_data.VoiceData, tmp_path: Path
) -> None:
    whole = make(spoken)
    Loop("x", Budget(steps=5), None, output=io.StringIO()).run(whole)

    def press_ctrl_c(step: int, _done: float) -> None:
        if step == 2:
            signal.raise_signal(signal.SIGINT)

    stopped = make(spoken)
    with pytest.raises(Interrupted):
        Loop("x", Budget(steps=5), tmp_path, output=io.StringIO(), each=press_ctrl_c).run(stopped)
    resumed = make(spoken)
    Loop("x", Budget(steps=5), tmp_path, resume=True, output=io.StringIO()).run(resumed)
    assert same(resumed.state(), whole.state())
    assert not same(stopped.state(), whole.state())
    other = replace(CONFIG, width=16)
    with pytest.raises(ValueError, match="configuration"):
        resumed.load_state({**resumed.state(), "config": vars(other)})


@pytest.mark.parametrize(("make", "less"), [(an_acoustic, 0.75), (a_vocoder, 0.98)])
def test_both_networks_learn(make: Any, less: float, spoken: voice_data.VoiceData) -> None:
    trainee = make(spoken)
    before = trainee.evaluate()
    Loop("x", Budget(steps=40), None, output=io.StringIO()).run(trainee)
    after = trainee.evaluate()
    assert sum(after.values()) < less * sum(before.values())


def test_every_sentence_is_learned_once_an_epoch(spoken: voice_data.VoiceData) -> None:
    trainee = an_acoustic(spoken)
    seen = [i for batch in trainee._order(1) for i in batch]
    assert len(seen) == len(set(seen)) >= len(spoken.train) - len(trainee._order(1)[0])


# From data to folder, and read aloud by the studio


@pytest.fixture(scope="module")
def made(data: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, Any]]:
    root = tmp_path_factory.mktemp("made")
    order = Order(data, root / "models", Budget(steps=3), root / "checkpoints")
    report = voice_making.make(order, teachers(), CONFIG, RECIPE, count=8, held_out=2)
    return root, report


def test_a_voice_is_made_in_one_go_and_told_of(made: tuple[Path, dict[str, Any]]) -> None:
    root, report = made
    folder = root / "models" / "triptych-voice"
    assert {f.name for f in folder.iterdir()} == {"voice.onnx", "voice.onnx.json", "README.md"}
    card = (folder / "README.md").read_text("utf-8")
    assert "pipeline_tag: text-to-speech" in card
    assert "ann: words misheard of" in card
    assert report["figures"]["largest difference to torch"] < 1e-3
    assert set(report["training"]) == {"acoustic", "vocoder"}
    assert (root / "checkpoints" / "voice-vocoder.pt").is_file()


def test_speed_pitch_and_times_of_the_graph(made: tuple[Path, dict[str, Any]]) -> None:
    import onnxruntime as ort

    folder = made[0] / "models" / "triptych-voice"
    session = ort.InferenceSession(str(folder / f"{voice_export.NAME}.onnx"))
    symbols = np.array([[voice_labels.NUMBERS[s] for s in "^ðə fˈɑks, hɜɹ mˈun.$"]])

    def said(length: float = 1.0, pitch: float = 0.0, sid: int = 0) -> Any:
        feed = {
            "input": symbols, "input_lengths": np.array([symbols.shape[1]]),
            "scales": np.array([1.0, length, 1.0], np.float32), "sid": np.array([sid]),
            "pitch": np.array([pitch], np.float32),
        }  # fmt: skip
        return session.run(["output", "ends"], feed)

    sound, ends = said()
    assert sound.shape == (1, 1, 1, ends[0, -1])
    assert ends.shape == symbols.shape
    assert (np.diff(ends[0]) >= 0).all()
    assert ends[0, 6] == ends[0, 5]  # a stress is not heard
    slow, _ = said(length=2.0)
    assert slow.size == pytest.approx(2 * sound.size, rel=0.15)
    pitches = [
        np.median(voice_features.pitch(said(4.0, p)[0].reshape(-1), 40.0, 500.0)) for p in (0, 5)
    ]
    assert pitches[1] == pytest.approx(pitches[0] * 2 ** (5 / 12), rel=0.05)


def test_the_studio_reads_aloud_with_it(made: tuple[Path, dict[str, Any]], tmp_path: Path) -> None:
    import soundfile

    folder = made[0] / "models" / "triptych-voice"

    def run(name: str, **values: Any) -> Any:
        wishes = {"prompt": "The fox ran. Did it? 5 times!", "voice": "bob", **values}
        recipe = Recipe("audio", "audio.speech", folder.name, 1, wishes)
        place = tmp_path / name
        place.mkdir()
        job = Job("job", recipe, place, folder, device=DeviceChoice("cpu", 1),
                  cache=tmp_path / "cache")  # fmt: skip
        steps = list(speech.run(job, Workbench()))
        assert any(isinstance(s, Output) for s in steps)
        return soundfile.read(place / "speech.wav")

    one, rate = run("one")
    assert rate == RATE
    assert len(one) > RATE / 2
    again, _ = run("again")
    assert np.array_equal(one, again)
    high, _ = run("high", pitch=4.0)
    assert len(high) == len(one)
    assert not np.array_equal(one, high)


def test_a_missing_synthesizer_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("studio.training.voice_teachers.shutil.which", lambda name: None)
    with pytest.raises(StudioError) as told:
        voice_teachers.Festival("clara", "cmu_us_slt_arctic_hts", (100.0, 300.0), 1.0)
    assert "apt install" in told.value.hint
    with pytest.raises(StudioError, match="flite"):
        voice_teachers.Flite("nobody", "cmu_us_nobody", (50.0, 200.0), 1.0)
