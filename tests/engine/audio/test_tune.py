"""A tune from wish to files with tiny real models: it always ends properly."""

from __future__ import annotations

import wave
from pathlib import Path
from typing import Any

import mido
import numpy as np
import pytest

from studio.core import media
from studio.core.abc import parse
from studio.core.errors import StudioError
from studio.core.messages import AudioPreview, Output, Progress, Step
from studio.core.recipe import DeviceChoice, Job, Recipe
from studio.core.score import check, perform
from studio.engine.audio import compose, loudness, shapes, tune
from studio.engine.audio.compose import _Draft
from studio.engine.workbench import Workbench
from tests.core.test_abc import BUTTERFLY, GREENSLEEVES, KESH


@pytest.fixture(scope="module")
def bench() -> Workbench:
    return Workbench()


def job(model: Path, folder: Path, seed: int = 3, **values: Any) -> Job:
    folder.mkdir(parents=True, exist_ok=True)
    recipe = Recipe("audio", "audio.tune", "tiny", seed, {"prompt": "a jig in G", **values})
    return Job("job", recipe, folder, model, device=DeviceChoice("cpu", 1))


@pytest.fixture(scope="module")
def steps(model: Path, bench: Workbench, tmp_path_factory: pytest.TempPathFactory) -> list[Step]:
    return list(tune.run(job(model, tmp_path_factory.mktemp("whole")), bench))


def test_it_ends_with_three_files_that_agree(steps: list[Step]) -> None:
    output = steps[-1]
    assert isinstance(output, Output)
    sound, notes, text = output.files
    assert [f.name for f in output.files] == ["tune.wav", "tune.mid", "tune.abc"]
    for file in output.files:
        assert media.extract(file).recipe == output.recipe
    summary = output.summary
    with wave.open(str(sound)) as file:
        assert file.getnframes() / file.getframerate() == pytest.approx(summary["seconds"])
        raw = np.frombuffer(file.readframes(file.getnframes()), "<i2").reshape(-1, 2)
    assert loudness.measure(raw / 32768.0) == pytest.approx(-16.0, abs=1.0)
    assert loudness.true_peak(raw / 32768.0) < 10 ** (-1.0 / 20)
    written = parse(text.read_text("utf-8"))
    assert written.title == summary["title"]
    assert written.key.name == summary["key"] == "G major"
    assert written.rhythm == summary["tune"] == "jig"
    assert str(written.metre) == summary["metre"] == "6/8"
    assert written.tempo is not None
    assert written.tempo.bpm == summary["tempo"]
    played = perform(written)
    assert played.bars == summary["bars"]
    assert check(written).stumbles == 0
    assert summary["complete"]
    assert len(played.events) >= 8
    assert played.events[-1].pitches[-1] % 12 == written.key.pitch_class, "it ends at home"
    midi = mido.MidiFile(str(notes))
    struck = [m for m in midi.tracks[1] if m.type == "note_on" and m.velocity]
    assert len(struck) == sum(len(e.pitches) for e in played.events)
    assert len(summary["peaks"]) == 200
    assert max(summary["peaks"]) > 40
    assert all(isinstance(p, int) and 0 <= p <= 255 for p in summary["peaks"])


def test_progress_and_previews(steps: list[Step]) -> None:
    progress = [s for s in steps if isinstance(s, Progress)]
    fractions = [p.fraction for p in progress]
    assert fractions == sorted(fractions)
    assert 0.0 <= fractions[0] <= fractions[-1] <= 1.0
    phases = list(dict.fromkeys(p.phase for p in progress))
    assert phases == ["loading", "composing", "sounding", "saving"]
    assert all(0 <= p.step <= p.total for p in progress)
    previews = [s for s in steps if isinstance(s, AudioPreview)]
    output = steps[-1]
    assert isinstance(output, Output)
    shown = sum(len(p.peaks) / p.rate for p in previews)
    assert output.summary["seconds"] <= shown < output.summary["seconds"] + 0.5
    assert all(
        p.total_seconds == pytest.approx(output.summary["seconds"], abs=0.01) for p in previews
    )


def test_closed_at_any_place_it_leaves_nothing(
    steps: list[Step], model: Path, bench: Workbench, tmp_path: Path
) -> None:
    sounding = [at for at, step in enumerate(steps) if isinstance(step, AudioPreview)]
    stops = {1, 2, 5, sounding[0], sounding[0] + 1, sounding[-1] + 1, len(steps) - 1}
    for stop in sorted(stops):
        folder = tmp_path / str(stop)
        running = tune.run(job(model, folder), bench)
        for _ in range(stop):
            next(running)
        running.close()  # type: ignore[attr-defined]
        assert not list(folder.iterdir()), stop


@pytest.mark.parametrize(
    "values",
    [
        {"temperature": 1.5, "length": "8"},
        {"key": "Eb", "tune": "jig", "instrument": "music box", "accompaniment": "none"},
        {"prompt": "a jig in F# on the piano", "times": 2},
    ],
)
def test_settings_of_all_kinds_end_properly(
    values: dict[str, Any], model: Path, bench: Workbench, tmp_path: Path
) -> None:
    output = list(tune.run(job(model, tmp_path / "job", **values), bench))[-1]
    assert isinstance(output, Output)
    if "key" in values:
        assert output.summary["key"] == "E♭ major"
    if "F#" in str(values.get("prompt")):
        assert output.summary["key"] == "F♯ major"


@pytest.mark.parametrize("seed", range(3))
def test_a_model_that_writes_nonsense_ends_properly(
    seed: int, untaught: Path, bench: Workbench, tmp_path: Path
) -> None:
    folder = tmp_path / "job"
    outputs: list[Output] = []
    told: list[StudioError] = []
    try:
        steps = tune.run(job(untaught, folder, seed), bench)
        outputs = [step for step in steps if isinstance(step, Output)]
    except StudioError as error:
        told.append(error)
    assert len(outputs) + len(told) == 1
    assert all(error.hint for error in told)
    assert len(list(folder.iterdir())) == 3 * len(outputs)
    for output in outputs:
        assert not output.summary["complete"]
        assert perform(parse(output.files[2].read_text("utf-8"))).events


@pytest.mark.parametrize(
    "values",
    [{"tempo": 5}, {"tempo": 999}, {"key": "H"}, {"tune": 3}, {"temperature": "hot"}, {"x": 1}],
)
def test_bad_values_are_told(
    values: dict[str, Any], model: Path, bench: Workbench, tmp_path: Path
) -> None:
    with pytest.raises(StudioError) as caught:
        list(tune.run(job(model, tmp_path / "job", **values), bench))
    assert caught.value.hint


def test_a_tune_that_would_last_an_hour_is_told(
    model: Path, bench: Workbench, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tune, "LONGEST", 3.0)
    with pytest.raises(StudioError) as caught:
        list(tune.run(job(model, tmp_path / "job", times=6), bench))
    assert "minutes" in caught.value.message
    assert caught.value.hint


def test_where_nothing_can_be_played_it_is_told(
    model: Path, bench: Workbench, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(compose, "_FEWEST_NOTES", 10_000)
    with pytest.raises(StudioError) as caught:
        list(tune.run(job(model, tmp_path / "job"), bench))
    assert "nothing that can be played" in caught.value.message
    assert caught.value.hint
    assert not list((tmp_path / "job").iterdir())


def test_a_missing_model_is_told(bench: Workbench, tmp_path: Path) -> None:
    with pytest.raises(StudioError) as caught:
        list(tune.run(job(tmp_path / "nowhere", tmp_path / "job"), bench))
    assert caught.value.hint


def draft(body: str, header: str = "R:jig\nM:6/8\nL:1/8\nK:G\n") -> tuple[_Draft, list[bool]]:
    """A draft written piece by piece, and what was thought of every bar."""
    made, verdicts = _Draft(header), []
    for piece in body.split():
        if made.at_bar() and "|" not in piece:
            verdicts.append(made.judge())
        made.add(len(made.ids), piece)
    if made.at_bar():
        verdicts.append(made.judge())
    return made, verdicts


def test_bars_are_judged_as_they_are_written() -> None:
    _, good = draft("|: G3 G A B | A3 A B d | e d d g d d :|")
    assert good == [True, True, True, True]
    _, short = draft("G3 G A B | A3 A B | e d d g d d |")
    assert short == [True, False, False]
    _, long = draft("G3 G A B | A3 A B d2 |")
    assert long == [True, False]
    _, pickup = draft("d | G3 G A B | A3 A B :| d | G3 G2 A |")
    assert pickup == [True, True, True, True, True]
    _, no_room = draft("d | G3 G A B | A3 A2 B :|")
    assert no_room == [True, True, False]
    _, hanging = draft("G6 | G6 | G6 | G6 | G6 |")
    assert hanging == [True, True, True, True, False]
    _, odd = draft("G6 | R:jig G6 | G6 |")
    assert odd == [True, False, False, False]


def test_a_bar_is_written_again_from_its_start() -> None:
    made, _ = draft("|: G3 G A B | A3 A B d | e d d g d d |")
    assert len(made.good) == 3
    made.add(99, "c3")
    made.add(99, "|")
    assert not made.judge()
    made.rewrite()
    assert made.text().endswith("eddgdd|")
    for _ in range(3):
        made.rewrite()
    assert made.text().endswith("|:G3GAB|"), "the fourth time two more bars go"
    while made.good:
        made.rewrite()
    assert made.pieces == []


@pytest.mark.parametrize("text", [KESH, BUTTERFLY, GREENSLEEVES])
@pytest.mark.parametrize("wanted", [4, 8, 16, 24, 32, 48])
def test_a_tune_is_cut_to_the_length_that_comes_nearest(text: str, wanted: int) -> None:
    whole = parse(text)
    made = shapes.nearest(whole, wanted)
    assert check(made).stumbles == 0
    reached = perform(made).bars
    possible = {perform(form).bars for form in shapes.forms(whole) if not check(form).stumbles} | {
        perform(whole).bars
    }
    assert abs(reached - wanted) == min(abs(n - wanted) for n in possible)
    assert perform(made).events[0] == perform(whole).events[0]


def test_the_forms_of_a_tune() -> None:
    kesh = parse(KESH)
    assert perform(shapes.nearest(kesh, 32)) == perform(kesh)
    assert perform(shapes.nearest(kesh, 16)).bars == 16
    assert perform(shapes.nearest(kesh, 8)).bars == 8
    assert shapes.nearest(kesh, 0) is kesh
    with_endings = shapes.nearest(parse(GREENSLEEVES), 16)
    assert perform(with_endings).bars == 16
